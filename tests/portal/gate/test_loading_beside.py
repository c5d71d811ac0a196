"""What gates read beside the answers: how far contracts are, findings with their plans, and who did what alone."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from portal.access import OrganisationRole
from portal.contracts import schedule_queries, settling
from portal.db import Database
from portal.findings import closing, judging, keeping, queries
from portal.gate import loading
from portal.gate.facts import GateFacts, Knockout
from portal.settings import Settings
from portal.vendors import queries as vendors
from tests.portal.findings.given import GOOD, MFA, SOON, STEPS, TODAY, Found
from tests.portal.findings.given import found as make
from tests.portal.once import made_once
from tests.portal.scene import Scene
from tests.portal.world import NOW, make_company, make_organisation

CISO = OrganisationRole.CISO


def read(
    database: Database, place: Any, engagement: uuid.UUID, without: uuid.UUID | None = None
) -> GateFacts:
    with database.looking(place[CISO].scope) as session:
        return loading.one(
            session, place.id, engagement, now=NOW, without=() if without is None else (without,)
        ).facts


@pytest.mark.both_databases
def test_waivers_and_settlements_count_once_a_second_person_approved_them(
    database: Database, scene: Scene
) -> None:
    deal = next(one for one in scene.deals if one.contract is not None)
    place, contract, actor = deal.organisation, deal.contract, deal.organisation[CISO]
    assert contract is not None
    before = {one.key: one for one in read(database, place, deal.engagement).requirements}
    assert {one.waived_until for one in before.values()} == {None}
    with database.transaction(actor.scope) as session:
        engagement = vendors.engagement(session, actor, deal.engagement, lock=True)
        vendor = vendors.vendor(session, actor, engagement.vendor_id)
        schedule = schedule_queries.read(session, actor, engagement, vendor, NOW.date())
        settling.approve_waiver(
            session, engagement, schedule, contract.waiver, today=NOW.date(), actor=actor, now=NOW
        )
        settling.approve_settlement(session, engagement, schedule, contract.settlement, actor=actor, now=NOW)
    after = {one.key: one for one in read(database, place, deal.engagement).requirements}
    facts_tier = read(database, place, deal.engagement).tier
    waived = [one for one in after.values() if one.waived_until is not None]
    assert [(one.waived_until, one.waived_tier, one.state) for one in waived] == [
        (NOW.date() + timedelta(days=90), facts_tier, "flagged")
    ]
    settled = [key for key, one in after.items() if one.outcome != before[key].outcome]
    assert [(before[key].outcome, after[key].outcome) for key in settled] == [
        ("undetermined", "not_required")
    ]


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Found:
    organisation = make_organisation(database, settings, "Halden")
    return make(database, organisation, make_company(database, settings, "Fennmark"))


def facts(given: Found, without: uuid.UUID | None = None) -> GateFacts:
    return read(given.database, given.organisation, given.issued.engagements[0], without)


def agreed(given: Found) -> None:
    finding = given.one("knockout")
    given.plan(finding)
    given.act(judging.agree, given.one("knockout"), text="", today=TODAY)


def test_a_knockout_has_the_days_of_its_finding_and_of_the_plan_that_was_agreed(given: Found) -> None:
    (one,) = facts(given).submitted
    assert one.knockouts == (Knockout(MFA, True, TODAY),)
    assert {each.knockout for each in facts(given).findings} == {"", f"kept:{MFA}"}
    given.plan(given.one("knockout"))
    assert facts(given).submitted[0].knockouts == (Knockout(MFA, True, TODAY),)  # nobody has agreed yet
    given.act(judging.agree, given.one("knockout"), text="", today=TODAY)
    assert facts(given).submitted[0].knockouts == (Knockout(MFA, True, TODAY, SOON, SOON),)


def test_nobody_decides_on_a_plan_that_they_alone_agreed_to_or_a_finding_that_they_closed(
    given: Found,
) -> None:
    agreed(given)
    person = given.reviewer.person.id
    (one,) = facts(given, person).submitted[0].knockouts
    assert (one.due, one.first_due) == (None, SOON)
    assert replace(facts(given, given.ciso.person.id), tier_own=False) == facts(given)
    text = given.one("finding:", STEPS)
    given.act(closing.propose, text, "no_fault", reason="They train with us.")
    assert str(text.id) not in {each.id for each in facts(given).findings}
    (again,) = [each for each in facts(given, person).findings if each.id == str(text.id)]
    assert (again.severity, again.due) == ("high", None)


def test_a_finding_that_one_merged_into_another_stands_by_itself_without_them(given: Found) -> None:
    text, mfa = given.one("finding:", STEPS), given.one("finding:", MFA)
    for finding in (text, mfa):
        given.plan(finding)
        given.agree(given.one("finding:", finding.key))
    given.act(_merge, given.one("finding:", MFA), given.one("finding:", STEPS), actor=given.ciso)
    person, other = given.ciso.person.id, given.reviewer.person.id
    assert str(text.id) not in {each.id for each in facts(given).findings}
    (back,) = [each for each in facts(given, person).findings if each.id == str(text.id)]
    assert (back.severity, back.due, back.first_due) == ("high", SOON, SOON)
    assert facts(given, other).findings != facts(given).findings  # it was the reviewer who agreed to the plan
    assert str(text.id) not in {each.id for each in facts(given, other).findings}
    # Closed by a second person with what it was merged into, it is still gone by the first one's doing.
    row = given.act(closing.propose, given.one("finding:", MFA), "fixed", reason="Settled.")
    if row is not None:
        given.act(closing.approve, given.one("finding:", MFA), row.id, actor=given.ciso)
    assert str(text.id) in {each.id for each in facts(given, person).findings}


def _merge(session: Any, finding: Any, other: Any, **more: Any) -> None:
    keeping.merge(session, finding, queries.finding(session, more["actor"], other.id, lock=True), **more)


def test_what_is_no_longer_earned_stays_open_and_is_a_finding_of_its_own(given: Found) -> None:
    given.again(GOOD)
    found = facts(given)
    assert found.submitted[0].knockouts == ()
    assert f"kept:{MFA}" in {one.knockout for one in found.findings}
    (before,) = found.submitted[0].former
    assert [one.key for one in before.knockouts] == [MFA]
