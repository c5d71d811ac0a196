"""Answering once more: what asks for less in the same tier, whose answers stand in the fields, stale pages, links."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.intake import queries
from portal.intake.models import TierProposal
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.web import Portal
from tests.portal.intake.given import BANK, PAYROLL, PRINTER, RISEN, answered, posted
from tests.portal.intake.test_intake import ADMIN, CISO, PROCUREMENT, Given
from tests.portal.once import made_once
from tests.portal.world import NOW, Browser, make_organisation, signed_in

# High stays high whatever else is answered: the administrator's rights are reason enough.
PRIVILEGED = PAYROLL | {"access": ["privileged"]}


@pytest.fixture
@made_once
def bought(database: Database, settings: Settings) -> Given:
    place = make_organisation(database, settings, "Alder")
    buyer = place[PROCUREMENT]
    with database.transaction(buyer.scope) as session:
        vendor = vendors.create_vendor(session, name="Northwind", country="PT", actor=buyer, now=NOW)
        return Given(database, place, vendor.id)


def again(browser: Browser, given: Given, key: uuid.UUID, **fields: Any) -> Any:
    return browser.post(f"/o/{given.place.slug}/engagements/{key}/intake/again", fields)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"process": "slower"}, "important now, slower when it stops then"),
        ({"data": ["personal", "financial"]}, "special-category data now"),
        ({"hosting": "ours"}, "at an agreed place now, at the organisation then"),
    ],
)
def test_a_fact_that_asks_for_less_waits_in_the_same_tier_and_the_page_names_it(
    app: Portal, bought: Given, change: dict[str, Any], line: str
) -> None:
    key = bought.open(PRIVILEGED)
    before = bought.engagement(key)
    assert answered(PRIVILEGED | change).tier == before.tier
    assert bought.again(key, PRIVILEGED | change)
    assert bought.engagement(key).facts == before.facts
    path = f"/o/{bought.place.slug}/engagements/{key}/intake"
    page = unescape(signed_in(app, bought.place[CISO]).get(path).text)
    assert line.casefold() in page.casefold()
    bought.settle(key, ADMIN)
    assert bought.engagement(key).facts != before.facts


def test_what_nobody_knew_is_not_free_of_personal_data_by_one_person(bought: Given) -> None:
    key = bought.open(PRINTER | {"data": ["unknown"]})
    assert "engagement.data" not in bought.engagement(key).facts
    assert bought.again(key, PRINTER)
    assert "engagement.data" not in bought.engagement(key).facts


def test_a_fault_of_ones_own_does_not_hide_what_a_colleague_saved(app: Portal, bought: Given) -> None:
    key = bought.open(PAYROLL)
    buyer = signed_in(app, bought.place[PROCUREMENT])
    opened = str(bought.engagement(key).revision)
    assert not bought.again(key, RISEN, role=CISO)
    wrong = again(buyer, bought, key, **posted(PAYROLL | {"spend": "much"}, revision=opened))
    assert wrong.status_code == 422
    shown = re.search(r'name="revision"[^>]*value="(\d+)"', wrong.text)
    assert shown
    assert shown[1] == opened
    assert again(buyer, bought, key, **posted(PAYROLL, revision=shown[1])).status_code == 409


def test_fields_start_from_what_holds_and_never_from_what_was_refused(app: Portal, bought: Given) -> None:
    key = bought.open(BANK)
    path = f"/o/{bought.place.slug}/engagements/{key}/intake/again"
    buyer, ciso = signed_in(app, bought.place[PROCUREMENT]), signed_in(app, bought.place[CISO])
    bought.again(key, PRINTER)
    own, other = buyer.get(path).text, ciso.get(path).text
    assert 'value="files" checked' in own
    assert "saving yours takes their place" in own
    assert 'value="network" checked' in other
    assert "saving yours takes their place" not in other
    assert bought.place[PROCUREMENT].person.name in unescape(other)
    bought.settle(key, CISO, approve=False)
    for browser in (buyer, ciso):
        assert 'value="network" checked' in browser.get(path).text


def test_what_was_typed_by_hand_before_an_intake_came_is_not_swallowed(app: Portal, bought: Given) -> None:
    buyer = signed_in(app, bought.place[PROCUREMENT])
    new = f"/o/{bought.place.slug}/vendors/{bought.vendor}/engagements/new"
    engagement = buyer.post(new, {"name": "Archive", "tier": "low"}).headers["Location"]
    key = uuid.UUID(engagement.rsplit("/", 1)[1])
    assert not bought.again(key, PAYROLL)
    typed = {"name": "Archive", "tier": "critical", "fact_ai": "decides", "revision": "1"}
    answer = buyer.post(f"{engagement}/edit", typed)
    assert answer.status_code == 409
    page = unescape(answer.text)
    assert "Tier: critical" in page
    assert "It decides" in page
    assert bought.engagement(key).tier == "high"
    renamed = {"name": "Archives", "revision": str(bought.engagement(key).revision)}
    assert buyer.post(f"{engagement}/edit", renamed).status_code == 303
    assert bought.engagement(key).name == "Archives"


def test_the_list_of_engagements_says_that_something_waits(app: Portal, bought: Given) -> None:
    key = bought.open(BANK)
    ciso = signed_in(app, bought.place[CISO])
    listed, waits = f"/o/{bought.place.slug}/engagements", f"/o/{bought.place.slug}/intakes/waiting"
    assert waits not in ciso.get(listed).text
    bought.again(key, PRINTER)
    assert waits in ciso.get(listed).text
    owner = signed_in(app, bought.place[OrganisationRole.BUSINESS_OWNER])
    assert waits not in owner.get(listed).text  # not theirs
    bought.settle(key, CISO, approve=False)
    assert waits not in ciso.get(listed).text


def test_what_waits_is_in_the_navigation_and_says_whose_say_it_is(app: Portal, bought: Given) -> None:
    place = bought.place
    waits = f"/o/{place.slug}/intakes/waiting"
    keys = [bought.open(BANK, name=f"Archive {number}") for number in range(2)]
    buyer, ciso = signed_in(app, place[PROCUREMENT]), signed_in(app, place[CISO])
    home = f"/o/{place.slug}/vendors"
    assert waits not in ciso.get(home).text
    for key in keys:
        fields = posted(PRINTER, revision=str(bought.engagement(key).revision))
        assert again(buyer, bought, key, **fields).status_code == 303
    own, other = buyer.get(waits).text, ciso.get(waits).text
    assert re.search(r'Intakes <span class="count">2</span>', other)
    assert own.count("Yours: waits for somebody else") == other.count("You can approve or refuse it") == 2
    assert ciso.get(f"{waits}?page=9").text.count("You can approve or refuse it") == 2
    with bought.database.looking(SYSTEM) as session, pytest.MonkeyPatch.context() as patched:
        patched.setattr("portal.intake.queries.SIZE", 1)
        last = queries.all_waiting(session, place[CISO], 2)
        assert (len(last.rows), last.number, last.last) == (1, 2, 2)
    auditor = signed_in(app, place[OrganisationRole.AUDITOR])
    assert "You can approve" not in auditor.get(waits).text
    assert waits not in auditor.get(home).text
    with bought.database.transaction(SYSTEM) as session:
        rows = session.scalars(select(TierProposal)).all()
        for row in rows:
            row.proposed_at = NOW - timedelta(days=31)
        record(session, Kind.TIER_PROPOSED, now=NOW, actor=None, subject=rows[0])
    assert "older than 30 days" in ciso.get(waits).text
    page = ciso.get(f"/o/{place.slug}/engagements/{keys[0]}/intake").text
    assert "older than 30 days" in page
    assert "Approve: it holds" not in page
