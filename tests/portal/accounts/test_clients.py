"""Who works for several: one page across organisations, the switcher, and colours that can be read."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from sqlalchemy import event, select

from portal import clock, frame
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.organisations import service as organisations
from portal.organisations.models import Organisation
from portal.organisations.service import COLOURS
from portal.settings import Settings
from portal.web import Portal
from tests.portal.scene import Scene
from tests.portal.world import NOW, make_company, make_organisation, make_person, signed_in


def ciso_of(
    database: Database, settings: Settings, *ids: uuid.UUID, role: OrganisationRole = OrganisationRole.CISO
) -> Identity:
    """Somebody who belongs to all of these organisations."""
    person = make_person(database, settings, "Vera Virtual", "vera@virtual.example")
    with database.transaction() as session:
        for one in session.scalars(select(Organisation).where(Organisation.id.in_(ids))):
            organisations.add_member(session, one, person.id, role, now=NOW, actor=None)
    return Identity(person, uuid.uuid4())


def row_of(page: str, name: str) -> str:
    found = re.search(rf"<tr>\s*<th scope=\"row\">(?:(?!</tr>).)*>{name}</a>.*?</tr>", page, re.DOTALL)
    assert found is not None, name
    return found.group(0)


def test_each_client_stands_with_its_own_figures_and_each_opens_its_list(
    app: Portal, database: Database, settings: Settings, scene: Scene
) -> None:
    alder, birch = scene.places["Kzalder"], scene.places["Kzbirch"]
    vera = ciso_of(database, settings, alder.id, birch.id)
    browser = signed_in(app, vera)
    assert browser.get("/home").headers["Location"] == "/clients"
    page = browser.get("/clients").text
    for place in (alder, birch):
        row = row_of(page, place.name)
        mark = re.search(r'class="mark org-(\w+)"', row)
        assert mark is not None and mark.group(1) in COLOURS  # noqa: PT018
        links = re.findall(r'href="(/o/[^"]+)"', row)
        assert all(one.startswith(f"/o/{place.slug}/") for one in links)
        lately = [one for one in links if one.endswith("state=lately")]
        assert lately
        shown = browser.get(lately[0])
        assert shown.status_code == 200
        number = re.search(r'state=lately"[^>]*>.*?</span>(\d+)</a>', row)
        assert number is not None
        titles = re.findall(r"/assessments/[0-9a-f-]{36}", shown.text)
        assert len(set(titles)) == int(number.group(1)) >= 2
    for word in scene.forbidden(None):
        if word not in (alder.name.lower(), birch.name.lower()):
            assert word not in page


def test_a_business_owner_sees_the_figures_of_their_own_engagements(
    app: Portal, database: Database, settings: Settings, scene: Scene
) -> None:
    vera = ciso_of(
        database,
        settings,
        scene.places["Kzalder"].id,
        scene.places["Kzbirch"].id,
        role=OrganisationRole.BUSINESS_OWNER,
    )
    page = signed_in(app, vera).get("/clients").text
    assert "state=lately" not in page  # nothing names her as its business owner
    theirs = scene.places["Kzalder"][OrganisationRole.BUSINESS_OWNER]
    assert "state=lately" in signed_in(app, theirs).get("/clients").text


def test_statements_grow_by_the_same_few_with_each_client(
    app: Portal, database: Database, settings: Settings
) -> None:
    places = [make_organisation(database, settings, f"Org {letter}") for letter in "abcde"]
    counted = []
    for some in (places[:1], places[:2], places):
        person = make_person(database, settings, "V", f"v{len(some)}@v.example")
        with database.transaction() as session:
            for one in session.scalars(select(Organisation).where(Organisation.id.in_([p.id for p in some]))):
                organisations.add_member(session, one, person.id, OrganisationRole.CISO, now=NOW, actor=None)
        browser = signed_in(app, Identity(person, uuid.uuid4()))
        seen: list[str] = []
        event.listen(app.database.engine, "before_cursor_execute", lambda *g, s=seen: s.append(g[2]))
        assert browser.get("/clients").status_code == 200
        counted.append(len([one for one in seen if one.lstrip().startswith("SELECT")]))
    each = counted[1] - counted[0]
    assert each <= 18
    assert counted[2] - counted[1] == 3 * each


def test_an_organisation_that_wants_a_second_factor_shows_no_figure_without(
    app: Portal, database: Database, settings: Settings, scene: Scene
) -> None:
    alder, birch = scene.places["Kzalder"], scene.places["Kzbirch"]
    vera = ciso_of(database, settings, alder.id, birch.id)
    with database.transaction() as session:
        row = session.scalars(select(Organisation).where(Organisation.id == alder.id)).one()
        row.second_factor = True
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=row)
    page = signed_in(app, vera).get("/clients").text
    assert "Set up a second factor" in row_of(page, alder.name)
    assert "state=" not in row_of(page, alder.name)
    assert "state=lately" in row_of(page, birch.name)


def test_closed_places_are_not_there(app: Portal, database: Database, settings: Settings) -> None:
    place, other = (
        make_organisation(database, settings, "Halden"),
        make_organisation(database, settings, "Birch"),
    )
    company = make_company(database, settings, "Cedar")
    vera = ciso_of(database, settings, place.id, other.id)
    browser, owner = signed_in(app, vera), signed_in(app, company[CompanyRole.OWNER])
    with database.transaction() as session:
        from portal.organisations.models import Company

        for row in (session.get_one(Organisation, place.id), session.get_one(Company, company.id)):
            row.closed_at = clock.now()
            record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=row)
    assert browser.get(f"/o/{place.slug}/").status_code == 404
    assert owner.get(f"/c/{company.slug}/").status_code == 404
    assert "Halden" not in browser.get("/clients").text
    assert browser.get("/home").headers["Location"] == f"/o/{other.slug}/"


def test_many_clients_are_paged_found_by_name_and_the_switcher_stays_short(
    app: Portal, database: Database, settings: Settings
) -> None:
    person = make_person(database, settings, "V", "v@v.example")
    with database.transaction() as session:
        for number in range(30):
            one = organisations.create_organisation(
                session, name=f"Client {number:02d}", zone="UTC", currency="EUR", now=NOW
            )
            organisations.add_member(session, one, person.id, OrganisationRole.CISO, now=NOW, actor=None)
            slug = one.slug
    browser = signed_in(app, Identity(person, uuid.uuid4()))
    first, second = browser.get("/clients").text, browser.get("/clients?page=2").text
    assert len(re.findall(r'<th scope="row">', first)) == 25
    assert len(re.findall(r'<th scope="row">', second)) == 5
    assert len(re.findall(r'<th scope="row">', browser.get("/clients?q=client+2").text)) == 10
    assert "No organisation of yours fits" in browser.get("/clients?q=zzz").text
    page = browser.get(f"/o/{slug}/").text  # the last by name
    switcher = page[page.index('id="tenants"') : page.index("</div>", page.index('id="tenants"'))]
    assert switcher.count('href="/o/') == frame.MOST_TENANTS
    assert f'href="/o/{slug}/" aria-current="true"' in switcher
    assert 'href="/clients"' in switcher


# --------------------------------------------------------------------------------------------------- colours

CSS = (Path(frame.__file__).parent / "static" / "portal.css").read_text("utf-8")


def tokens(dark: bool) -> dict[str, str]:
    """Colour tokens of one scheme, by name; the dark ones lie in the blocks of the dark media query."""
    found: dict[str, str] = {}
    for piece in re.split(r"(?=@media screen and \(prefers-color-scheme: dark\))|\n  \}", CSS):
        if piece.startswith("@media screen and (prefers-color-scheme: dark)") is dark:
            for name, value in re.findall(r"--([\w-]+): +(#[0-9a-f]{6});", piece):
                found.setdefault(name, value)
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_colour_of_an_organisation_can_be_read_and_seen(dark: bool) -> None:
    scheme = tokens(dark)
    for name in COLOURS:
        colour = scheme[f"org-{name}"]
        assert contrast(colour, scheme["on-org"]) >= 4.5, name
        for ground in ("paper", "surface", "sunken", "accent-soft"):
            assert contrast(colour, scheme[ground]) >= 4.5, (name, ground)
        assert f".org-{name} {{" in CSS
