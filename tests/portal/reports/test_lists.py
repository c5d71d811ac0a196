"""The lists of vendors, engagements, contacts and assessments: filters, none found, CSV that tells the same."""

from __future__ import annotations

import csv
import io
import time

import pytest
from sqlalchemy import select, update

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.exporting import cell
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from questionnaires.facts import TABLE
from tests.portal.scene import Scene
from tests.portal.world import NOW, Browser, Place, signed_in

LISTS = ("vendors", "engagements", "contacts", "assessments")


@pytest.fixture
def alder(scene: Scene) -> Place:
    return scene.places["Kzalder"]


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))))


@pytest.mark.parametrize("name", LISTS)
def test_each_list_is_a_page_and_a_file_of_the_same_rows(
    app: Portal, database: Database, alder: Place, name: str
) -> None:
    browser = signed_in(app, alder[OrganisationRole.AUDITOR])
    page = browser.get(f"/o/{alder.slug}/{name}")
    assert page.status_code == 200
    answer = browser.get(f"/o/{alder.slug}/{name}.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f"attachment; filename={name}-{alder.slug}-2026-11-21.csv" == answer.headers["Content-Disposition"]
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = table(answer.text)
    assert len(rows) > 2
    assert all(len(row) == len(rows[0]) for row in rows)
    for row in rows[1:]:
        assert row[0] in page.text
    with database.looking(SYSTEM) as session:
        event = session.scalars(select(Event).where(Event.kind == Kind.EXPORTED.value)).one()
    assert event.data == {"what": name, "rows": len(rows) - 1}
    assert event.organisation_id == alder.id
    assert event.company_id is None


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "?q=%25_&state=late&page=9",
        "?q=kz&sort=vendor&down=1",
        "?sort=tier&tier=critical&due=never&owner=nobody&data=personal",
        "?sort=due&down=1&due=30&country=PT&needs=people",
        "?state=offboarded&sort=added",
        "?state=all&country=XX&vendor=nothing&owner=11111111-1111-1111-1111-111111111111",
        "?vendor=11111111-1111-1111-1111-111111111111",
        "?state=invited&sort=questionnaire&questionnaire=security_lite",
        "?state=cancelled&sort=issued&due=90",
        "?q=" + "x" * 900,
    ],
)
def test_any_address_is_a_page_and_a_file(app: Portal, alder: Place, name: str, query: str) -> None:
    browser = signed_in(app, alder[OrganisationRole.CISO])
    assert browser.get(f"/o/{alder.slug}/{name}{query}").status_code == 200
    assert browser.get(f"/o/{alder.slug}/{name}.csv{query}").status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_none_found_repeats_the_words_and_offers_all(app: Portal, alder: Place, name: str) -> None:
    browser = signed_in(app, alder[OrganisationRole.CISO])
    page = browser.get(f"/o/{alder.slug}/{name}?q=zzzz").text
    assert "fits “zzzz”." in page
    assert f'href="/o/{alder.slug}/{name}?sort=' in page
    assert len(table(browser.get(f"/o/{alder.slug}/{name}.csv?q=zzzz").text)) == 1


def test_each_filter_in_force_can_be_lifted_alone(app: Portal, scene: Scene, alder: Place) -> None:
    browser = signed_in(app, alder[OrganisationRole.CISO])
    page = browser.get(f"/o/{alder.slug}/vendors?q=kz&tier=critical&country=PT").text
    for kept in ("q=kz&amp;tier=critical", "q=kz&amp;country=PT", "tier=critical&amp;country=PT"):
        assert f'href="/o/{alder.slug}/vendors?{kept}&amp;sort=name"' in page
    deal = scene.deals_of(alder)[0]
    page = browser.get(f"/o/{alder.slug}/assessments?vendor={deal.vendor}&state=open").text
    assert "One assessment fits." in page


def test_offboarded_vendors_are_left_out_until_asked_for(
    app: Portal, database: Database, scene: Scene, alder: Place
) -> None:
    deal = scene.deals_of(alder)[0]
    with database.transaction(SYSTEM) as session:
        session.execute(update(Vendor).where(Vendor.id == deal.vendor).values(offboarded_at=NOW))
        record(session, Kind.VENDOR_OFFBOARDED, now=NOW, actor=None, organisation_id=alder.id)
    browser = signed_in(app, alder[OrganisationRole.CISO])
    link = str(deal.vendor)
    for path, there in (
        ("vendors", False),
        ("vendors?state=all", True),
        ("vendors?state=offboarded", True),
        ("vendors.csv", False),
        ("vendors.csv?state=all", True),
        ("engagements", False),
        ("contacts", False),
    ):
        assert (link in browser.get(f"/o/{alder.slug}/{path}").text) is there, path


def test_business_owners_get_their_own_in_every_list_and_file(
    app: Portal, database: Database, settings: Settings, scene: Scene, alder: Place
) -> None:
    """Their own are all of the scene's; without an engagement that names them nothing is left."""
    owner = signed_in(app, alder[OrganisationRole.BUSINESS_OWNER])
    for name in LISTS:
        assert len(table(owner.get(f"/o/{alder.slug}/{name}.csv").text)) > 1
    with database.transaction(SYSTEM) as session:
        session.execute(update(Engagement).values(business_owner_id=None))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None, organisation_id=alder.id)
    for name in LISTS:
        assert len(table(owner.get(f"/o/{alder.slug}/{name}.csv").text)) == 1, name
        assert owner.get(f"/o/{alder.slug}/{name}").status_code == 200
    ciso = signed_in(app, alder[OrganisationRole.CISO])
    assert len(table(ciso.get(f"/o/{alder.slug}/vendors.csv").text)) == 3


def test_days_in_a_file_are_those_of_the_organisation(app: Portal, database: Database, alder: Place) -> None:
    """Noon in London is the next day on Kiritimati; the page has said so all along."""
    with database.transaction(SYSTEM) as session:
        session.execute(
            update(Organisation).where(Organisation.id == alder.id).values(zone="Pacific/Kiritimati")
        )
        session.execute(update(Engagement).values(created_at=NOW))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None, organisation_id=alder.id)
    ciso = signed_in(app, alder[OrganisationRole.CISO])
    for name, column in (("engagements.csv", "on record since"), ("portfolio/exceptions.csv", "asked")):
        head, *rows = table(ciso.get(f"/o/{alder.slug}/{name}").text)
        assert {row[head.index(column)] for row in rows} == {"2026-11-22"}, name


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "\u200b=1", "＝1+1", "＠x", "|calc", "%x"),
        *("\u2060=1", "\u00ad=1", "\u180e=1", " \u2066\u00a0=1"),
    ],
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text)[0] == "'"
    assert cell(text).replace("'", "") == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Acme;=HYPERLINK(A1)", "Acme;'=HYPERLINK(A1)"),
        ("a; \u2060=1;b;@x", "a;' \u2060=1;b;'@x"),
        ("a\tb\t-1", "a\tb\t'-1"),
        ("one\n=1", "one\n'=1"),
        ("a=b; c-d; e", "a=b; c-d; e"),
    ],
)
def test_no_part_of_a_cell_is_a_formula_where_a_semicolon_parts_cells(text: str, written: str) -> None:
    """Excel in most of Europe reads the file so, and a quote that begins within a cell protects nothing there."""
    assert cell(text) == written


def test_a_long_cell_is_looked_at_once() -> None:
    begun = time.process_time()
    for one in (" ", ";", "\n", "\u2060", "; "):
        assert cell(one * 100_000).replace("'", "") == one * 100_000
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (True, "yes"),
        (-3, "-3"),
        ("plain", "plain"),
        ("1 - 2", "1 - 2"),
        (NOW.date(), "2026-11-21"),
    ],
)
def test_cells_that_do_no_harm_stay_as_they_are(value: object, written: str) -> None:
    assert cell(value) == written


def test_hostile_names_come_out_harmless_and_whole(app: Portal, alder: Place) -> None:
    browser = signed_in(app, alder[OrganisationRole.PROCUREMENT])
    names = ['=HYPERLINK("x")', 'A "quoted", name', "Zoë; 東京"]
    for name in names:
        assert browser.post(f"/o/{alder.slug}/vendors/new", name=name, country="").status_code == 303
    found = {row[0] for row in table(browser.get(f"/o/{alder.slug}/vendors.csv").text)}
    assert {"'" + names[0], names[1], names[2]} <= found


def test_the_values_of_the_data_fact_belong_to_no_other_fact() -> None:
    """The filter by data searches the JSON of all facts as text."""
    data = set(TABLE["engagement.data"].labels)
    others = {v for name, fact in TABLE.items() if name != "engagement.data" for v in fact.labels}
    assert not data & others


def test_a_long_list_is_read_in_chunks(
    app: Portal, database: Database, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than a chunk come out once each and in the order of the page."""
    monkeypatch.setattr("portal.exporting.CHUNK", 7)
    with database.transaction(SYSTEM) as session:
        for number in range(30):
            session.add(
                Vendor(
                    organisation_id=alder.id,
                    name=f"Many {number:02}",
                    name_key=f"many {number:02}",
                    country="PT",
                    revision=1,
                    created_at=NOW,
                )
            )
        record(session, Kind.VENDOR_CREATED, now=NOW, actor=None, organisation_id=alder.id)
    browser = signed_in(app, alder[OrganisationRole.CISO])
    rows = table(browser.get(f"/o/{alder.slug}/vendors.csv?q=many&sort=name&down=1").text)[1:]
    assert [row[0] for row in rows] == [f"Many {number:02}" for number in reversed(range(30))]


def test_a_file_is_not_served_when_it_cannot_be_recorded(
    app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(app, alder[OrganisationRole.CISO])

    def broken(*_: object) -> None:
        raise OSError("no disk")

    monkeypatch.setattr(Database, "record_access", broken)
    with pytest.raises(OSError, match="no disk"):
        browser.get(f"/o/{alder.slug}/vendors.csv")


def _contact(browser: Browser, alder: Place, scene: Scene) -> str:
    word = next(word for word in scene.canaries if word.startswith("kzcontact"))
    rows = table(browser.get(f"/o/{alder.slug}/contacts.csv?q={word}").text)
    assert len(rows) == 2
    return f"/o/{alder.slug}/contacts/{rows[1][-1]}"


def test_a_contact_is_corrected_and_the_old_address_lets_nobody_in(
    app: Portal, database: Database, scene: Scene, alder: Place
) -> None:
    browser = signed_in(app, alder[OrganisationRole.PROCUREMENT])
    path = _contact(browser, alder, scene)
    word = next(word for word in scene.canaries if word.startswith("kzcontact"))
    was = {"was_name": word.title(), "was_email": f"{word}@nowhere.example"}
    answer = browser.post(path, name="Rita Right", email="Rita@Right.example", **was)
    assert answer.status_code == 303, answer.text
    page = browser.get(f"/o/{alder.slug}/contacts?q=rita").text
    assert "rita@right.example" in page
    assert "Not invited" in page
    assert browser.post(path, name="Rita Right", email="rita@right.example", **was).status_code == 303
    stale = browser.post(path, name="Other", email="rita@right.example", **was)
    assert stale.status_code == 409
    for fields, message in (
        ({"name": "", "email": "a@b.example"}, "Write the person"),
        ({"name": "R", "email": "nobody"}, "Write one address"),
        ({"name": "http://x.example/", "email": "a@b.example"}, "Leave out web addresses"),
    ):
        refused = browser.post(path, **fields, **was)
        assert refused.status_code == 422
        assert message in refused.text
    with database.looking(SYSTEM) as session:
        kinds = set(session.scalars(select(Event.kind)))
    assert {Kind.CONTACT_CHANGED.value, Kind.INVITATION_REVOKED.value} <= kinds


def test_a_contact_goes_unless_something_waits_for_them(app: Portal, scene: Scene, alder: Place) -> None:
    browser = signed_in(app, alder[OrganisationRole.PROCUREMENT])
    path = _contact(browser, alder, scene)
    assert browser.get(path).status_code == 200
    answer = browser.post(f"{path}/remove")
    assert answer.status_code == 303
    assert "The contact is removed" in browser.get(answer.headers["Location"]).text
    assert browser.get(path).status_code == 404
    assert browser.post(f"{path}/remove").status_code == 404
