"""Nobody prepares a ground and then decides on it alone: what is taken away of the decider's own acts."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts import settling
from portal.db import SYSTEM, Database
from portal.gate import loading
from portal.gate.deciding import decide
from portal.gate.facts import GateFacts, Requirement
from portal.gate.models import RiskException
from portal.gate.own_acts import steps_without
from portal.settings import Settings
from tests.portal import journey
from tests.portal.contracts.test_schedule import Given
from tests.portal.gate.given import policy, sound
from tests.portal.once import made_once
from tests.portal.world import NOW, make_company, make_organisation

CISO, PROCUREMENT = OrganisationRole.CISO, OrganisationRole.PROCUREMENT
REVIEWER, ADMIN = OrganisationRole.REVIEWER, OrganisationRole.ADMIN
ME, HELPER, OTHER = (uuid.UUID(int=number) for number in (1, 2, 3))


def step(
    to: str, by: uuid.UUID = OTHER, second: uuid.UUID | None = None, before: str = "flagged"
) -> SimpleNamespace:
    return SimpleNamespace(to_state=to, from_state=before, by=by, second_id=second)


@pytest.mark.parametrize(
    ("steps", "states"),
    [
        ([], []),
        ([step("proposed"), step("agreed")], ["proposed", "agreed"]),
        ([step("proposed"), step("agreed", ME)], ["proposed"]),
        ([step("in_contract", ME)], []),
        ([step("in_contract", HELPER)], []),
        ([step("agreed", ME), step("in_contract")], ["in_contract"]),
        (
            [step("agreed"), step("agreed", ME)],
            ["agreed"],
        ),  # another value, and the contract is no longer old
        ([step("agreed"), step("flagged", ME)], ["agreed", "flagged"]),  # what makes it worse counts
        ([step("agreed", ME), step("proposed", ME)], []),  # back from where only oneself had led
        ([step("waived", ME, OTHER)], ["flagged"]),
        ([step("waived", OTHER, ME)], ["flagged"]),
        ([step("waived", ME, HELPER)], []),
        ([step("waived", OTHER, ME, before="agreed")], ["agreed"]),
        ([step("agreed", ME), step("waived", OTHER, ME, before="agreed")], ["flagged"]),
    ],
)
def test_of_a_contract_the_steps_of_others_count_and_of_ones_own_those_that_lead_back(
    steps: list[Any], states: list[str]
) -> None:
    assert [state for _one, state in steps_without(steps, {ME, HELPER})] == states
    assert len(steps_without(steps, ())) == len(steps)


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    place = make_organisation(database, settings, "Halden")
    issued = journey.issue(database, place, make_company(database, settings, "Fennmark"))
    journey.submit(database, issued)
    return Given(database, issued)


def facts(given: Given, without: Collection[OrganisationRole] = ()) -> GateFacts:
    people = [given.place[role].person.id for role in without]
    with given.database.looking(given.place[CISO].scope) as session:
        return loading.one(session, given.place.id, given.engagement, now=NOW, without=people).facts


def must(given: Given, key: str, without: Collection[OrganisationRole] = ()) -> Requirement:
    (found,) = [one for one in facts(given, without).requirements if one.key == key]
    return found


@pytest.mark.both_databases
def test_nobody_decides_on_what_they_alone_put_into_a_contract(given: Given) -> None:
    key = facts(given).requirements[0].key
    given.step(key, "proposed", "24 hours")
    assert must(given, key).state == "proposed"
    assert must(given, key, [CISO]).state == "proposed"
    assert must(given, key, [PROCUREMENT]).state == "flagged"
    given.sign(key)
    assert must(given, key).state == "in_contract"
    assert must(given, key, [PROCUREMENT]).state == "flagged"


def test_a_waiver_of_two_who_count_as_one_is_nobodys(given: Given) -> None:
    key = facts(given).requirements[0].key
    given.approve(given.waive(key), CISO)
    until = date(2026, 11, 21) + timedelta(days=90)
    assert must(given, key).waived_until == until
    assert must(given, key, [PROCUREMENT]).waived_until == until
    assert must(given, key, [PROCUREMENT, CISO]).waived_until is None


def test_a_requirement_settled_by_two_who_count_as_one_is_open(given: Given) -> None:
    key = next(one.key for one in facts(given).requirements if one.outcome == "undetermined")
    settlement = given.settle(key, "not_required")
    given.do(
        CISO,
        lambda session, engagement, schedule: settling.approve_settlement(
            session, engagement, schedule, settlement, actor=given.place[CISO], now=NOW
        ),
    )
    assert must(given, key).outcome == "not_required"
    assert must(given, key, [CISO]).outcome == "not_required"
    assert must(given, key, [CISO, REVIEWER]).outcome == "undetermined"


def test_an_exception_of_two_who_count_as_one_is_none(given: Given) -> None:
    with given.database.transaction(SYSTEM) as session:
        session.add(
            RiskException(
                id=uuid.uuid4(), organisation_id=given.place.id, engagement_id=given.engagement, code="band",
                subject="security_lite", measure=33, tier="critical", until=date(2027, 1, 1), reason="For now.",
                state="approved", proposed_by=given.place[CISO].person.id, proposed_at=NOW,
                settled_by=given.place[ADMIN].person.id, settled_at=NOW,
            )
        )  # fmt: skip
        record(session, Kind.EXCEPTION_SETTLED, now=NOW, actor=None)
    assert len(facts(given).accepted) == len(facts(given, [CISO]).accepted) == 1
    assert facts(given, [CISO, ADMIN]).accepted == ()


def test_a_tier_that_nobody_else_set_is_ones_own_whether_or_not_the_policy_asks_for_an_intake(
    given: Given,
) -> None:
    assert (facts(given).tier_by_hand, facts(given).tier_own) == (True, False)
    assert facts(given, [CISO]).tier_own  # who put it on record
    assert not facts(given, [ADMIN]).tier_own
    for own, result in ((False, "met"), (True, "pending")):
        found = decide(sound(tier_by_hand=True, tier_own=own), policy(False))
        assert {one.code: one.result for one in found.grounds}["tier"] == result
