"""The policy's pages: what would change in words first, four eyes, every input kept, and who sees what."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from portal import clock
from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import OrganisationMember
from portal.settings import Settings
from portal.vendors import policy_queries
from portal.web import Portal
from tests.portal import scene
from tests.portal.world import Browser, Place, make_organisation, signed_in


@pytest.fixture
def alder(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Alder")


def fields_of(page: str) -> dict[str, Any]:
    """Every field of the form as a browser would post it."""
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name = re.search(r'name="([^"]*)"', tag)
        kind = re.search(r'type="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name is None or name[1] == "csrf_token":
            continue
        if kind and kind[1] in ("checkbox", "radio") and " checked" not in tag:
            continue
        text = unescape(value[1]) if value else ""
        if kind and kind[1] == "checkbox":
            found.setdefault(name[1], []).append(text)
        else:
            found[name[1]] = text
    for name, inner in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', page, re.S):
        chosen = re.search(r'value="([^"]*)" selected', inner)
        assert chosen, name
        found[name] = chosen[1]
    return found


def sequence(database: Database, place: Place) -> int:
    with database.looking(SYSTEM) as session:
        return policy_queries.current(session, place.id).sequence


def test_the_form_posts_what_is_in_force(app: Portal, alder: Place) -> None:
    ciso = signed_in(app, alder[OrganisationRole.CISO])
    path = f"/o/{alder.slug}/policy/edit"
    fields = fields_of(ciso.get(path).text)
    page = ciso.post(path, fields | {"go": "look"})
    assert page.status_code == 200
    assert "Nothing differs from what is in force" in page.text
    assert ciso.post(path, fields | {"go": "save"}).status_code == 303


def test_a_stricter_policy_is_read_once_more_and_then_in_force(
    app: Portal, database: Database, alder: Place
) -> None:
    ciso = signed_in(app, alder[OrganisationRole.CISO])
    path = f"/o/{alder.slug}/policy/edit"
    fields = fields_of(ciso.get(path).text) | {"low.months": "24", "low.valid_months": "6"}
    look = ciso.post(path, fields | {"go": "look"})
    assert sequence(database, alder) == 0, "looking saves nothing"
    assert "Tier low: Assessed again after" in look.text
    assert "36 months" in look.text
    assert "Asks for less" not in look.text
    kept = fields_of(look.text)
    assert kept["low.months"] == "24"
    back = ciso.post(path, kept | {"go": "back"})
    assert fields_of(back.text)["low.months"] == "24"
    assert ciso.post(path, fields | {"go": "save"}).status_code == 303
    assert sequence(database, alder) == 1
    page = ciso.get(f"/o/{alder.slug}/policy").text
    assert "Version 1, in force" in page
    assert "24 months" in ciso.get(f"/o/{alder.slug}/policy/versions/1").text
    assert ciso.get(f"/o/{alder.slug}/policy/versions/2").status_code == 404
    assert ciso.get(f"/o/{alder.slug}/policy/versions/99999999999999999999").status_code == 404


def test_a_looser_policy_waits_for_somebody_else(app: Portal, database: Database, alder: Place) -> None:
    ciso, admin = signed_in(app, alder[OrganisationRole.CISO]), signed_in(app, alder[OrganisationRole.ADMIN])
    path = f"/o/{alder.slug}/policy"
    fields = fields_of(ciso.get(f"{path}/edit").text) | {"critical.approvals": "1"}
    assert "Asks for less" in ciso.post(f"{path}/edit", fields | {"go": "look"}).text
    assert ciso.post(f"{path}/edit", fields | {"go": "save"}).status_code == 303
    assert sequence(database, alder) == 0
    own, other = ciso.get(path).text, admin.get(path).text
    assert "Take it back" in own
    assert "Approve" not in own
    action = re.search(r'action="([^"]*/proposals/[^"]*)"', other)
    assert action
    assert "Approve: it comes into force" in other
    auditor = signed_in(app, alder[OrganisationRole.AUDITOR])
    assert "A change waits" in auditor.get(path).text
    assert "/proposals/" not in auditor.get(path).text
    assert ciso.post(action[1], {"do": "approve"}).status_code == 403
    assert admin.post(action[1], {"do": "nonsense"}).status_code == 409
    assert admin.post(action[1], {"do": "approve"}).status_code == 303
    assert sequence(database, alder) == 1
    assert "approved by" in admin.get(path).text


def test_whoever_is_no_second_person_reads_why_and_finds_no_button(
    app: Portal, database: Database, alder: Place
) -> None:
    ciso, admin = alder[OrganisationRole.CISO], alder[OrganisationRole.ADMIN]
    with database.transaction() as session:
        row = session.scalars(
            select(OrganisationMember).where(OrganisationMember.person_id == admin.person.id)
        ).one()
        row.given_by = ciso.person.id
        record(session, Kind.MEMBER_ADDED, now=clock.now(), actor=None, subject=row)
    path = f"/o/{alder.slug}/policy"
    browser = signed_in(app, ciso)
    fields = fields_of(browser.get(f"{path}/edit").text) | {"critical.approvals": "1", "go": "save"}
    assert browser.post(f"{path}/edit", fields).status_code == 303
    page = signed_in(app, admin).get(path).text
    assert "gave you your role" in page
    assert "Approve" not in page
    assert "Refuse it" in page


def test_laws_are_part_of_the_policy_and_taking_one_away_waits(
    app: Portal, database: Database, alder: Place
) -> None:
    ciso, admin = signed_in(app, alder[OrganisationRole.CISO]), signed_in(app, alder[OrganisationRole.ADMIN])
    path = f"/o/{alder.slug}/policy"
    assert "None is named" in ciso.get(path).text
    fields = fields_of(ciso.get(f"{path}/edit").text) | {"regimes": ["gdpr", "pci"], "go": "save"}
    assert ciso.post(f"{path}/edit", fields).status_code == 303
    assert "PCI DSS: we handle payment cards" in ciso.get(path).text
    fields = fields_of(ciso.get(f"{path}/edit").text)
    assert sorted(fields["regimes"]) == ["gdpr", "pci"]
    look = ciso.post(f"{path}/edit", fields | {"regimes": ["gdpr"], "go": "look"})
    assert "Laws and standards that bind you" in look.text
    assert "Asks for less" in look.text
    assert ciso.post(f"{path}/edit", fields_of(look.text) | {"go": "save"}).status_code == 303
    assert "PCI DSS: we handle payment cards" in ciso.get(path).text
    action = re.search(r'action="([^"]*/proposals/[^"]*)"', admin.get(path).text)
    assert action
    assert admin.post(action[1], {"do": "approve"}).status_code == 303
    assert "PCI DSS: we handle payment cards" not in ciso.get(path).text
    wrong = ciso.post(f"{path}/edit", fields | {"base": "2", "regimes": ["moon"], "go": "save"})
    assert wrong.status_code == 422
    assert "Laws and standards: Choose from the list." in unescape(wrong.text)


def test_which_versions_count_is_asked_and_what_is_not_named_is_said(
    app: Portal, database: Database, alder: Place
) -> None:
    identity = alder[OrganisationRole.CISO]

    def release(version: str) -> str:
        document = json.loads(scene.own_questionnaire("ours", "Ours in short", word=version))
        data = json.dumps(document | {"version": version}).encode()
        return scene.release_own(database, identity, data, "ours")

    first = release("1.0.0")
    ciso, path = signed_in(app, identity), f"/o/{alder.slug}/policy"
    fields = fields_of(ciso.get(f"{path}/edit").text)
    asked = [*fields["low.questionnaires"], "ours"]
    assert ciso.post(f"{path}/edit", fields | {"low.questionnaires": asked, "go": "save"}).status_code == 303
    assert "Ours in short, 1.0.0" in ciso.get(path).text
    second = release("2.0.0")
    assert "Released, and not named here: Ours in short, 2.0.0" in ciso.get(path).text
    fields = fields_of(ciso.get(f"{path}/edit").text)
    assert fields["versions.ours"] == [first]
    none = ciso.post(f"{path}/edit", fields | {"versions.ours": [], "go": "save"})
    assert none.status_code == 422
    assert "Choose at least one version" in none.text
    look = ciso.post(f"{path}/edit", fields | {"versions.ours": [first, second], "go": "look"})
    assert "Versions of Ours in short that count" in look.text
    assert "Asks for less" in look.text
    assert ciso.post(f"{path}/edit", fields_of(look.text) | {"go": "save"}).status_code == 303
    assert sequence(database, alder) == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("high.months", "<b>x</b>", "Write a whole number of months from 1 to 120."),
        ("high.months", "", "Write a whole number of months from 1 to 120."),
        ("high.months", "99999999999", "Write a whole number of months from 1 to 120."),
        ("high.must", "nonsense", "Choose from the list."),
        ("high.roles", [], "somebody has to decide"),
        ("matrix.low.4", "critical", "cannot leave"),
        ("high.questionnaires", ["no_such_thing"], "Choose questionnaires from the list."),
    ],
)
def test_what_does_not_fit_keeps_every_input(
    app: Portal, database: Database, alder: Place, field: str, value: Any, sentence: str
) -> None:
    ciso = signed_in(app, alder[OrganisationRole.CISO])
    path = f"/o/{alder.slug}/policy/edit"
    fields = fields_of(ciso.get(path).text) | {"low.fix_days": "7", field: value, "go": "save"}
    answer = ciso.post(path, fields)
    assert answer.status_code == 422
    assert sentence in unescape(answer.text)
    assert "<b>x" not in answer.text
    assert 'value="7"' in answer.text
    assert sequence(database, alder) == 0


def test_a_stale_form_is_a_conflict(app: Portal, alder: Place) -> None:
    ciso = signed_in(app, alder[OrganisationRole.CISO])
    path = f"/o/{alder.slug}/policy/edit"
    fields = fields_of(ciso.get(path).text) | {"go": "save"}
    assert ciso.post(path, fields | {"low.fix_days": "7"}).status_code == 303
    assert ciso.post(path, fields | {"low.fix_days": "8"}).status_code == 409
    assert ciso.post(path, fields | {"low.fix_days": "8", "go": "look"}).status_code == 409
    assert ciso.post(path, fields | {"base": "x"}).status_code == 409
    assert ciso.post(path, {"go": "save", "base": "1"}).status_code == 422


def test_every_role_reads_and_two_change(app: Portal, alder: Place) -> None:
    for role in OrganisationRole:
        browser: Browser = signed_in(app, alder[role])
        page = browser.get(f"/o/{alder.slug}/policy")
        assert page.status_code == 200
        changes = role in (OrganisationRole.ADMIN, OrganisationRole.CISO)
        assert ("Change the policy" in page.text) == changes
        assert (browser.get(f"/o/{alder.slug}/policy/edit").status_code == 200) == changes
