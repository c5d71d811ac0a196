"""Each ground of the gate by a table: what is on record, what the policy demands, what comes out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from portal.gate.deciding import Condition, decide, outcome_of
from portal.gate.facts import (
    Accepted,
    Document,
    Finding,
    GateFacts,
    Knockout,
    Proof,
    Requirement,
)
from portal.gate.grounds import Ground, can_be_accepted, grounds
from portal.vendors import policy_default as policies
from questionnaires.dates import add_months
from tests.portal.gate.given import MONTHS, TODAY, core, day, policy, sound, submitted


def ground(facts: GateFacts, code: str, subject: str = "", **demands: Any) -> Ground:
    (found,) = [one for one in decide(facts, policy(**demands)).grounds if one.key == (code, subject)]
    return found


def result(facts: GateFacts, code: str, subject: str = "", **demands: Any) -> str:
    return ground(facts, code, subject, **demands).result


def test_nothing_wrong_is_clear_until_the_first_thing_ends() -> None:
    found = decide(sound(), policy())
    assert (found.outcome, found.conditions, found.method) == ("clear", (), "gate/1")
    assert found.valid_until == found.latest == add_months(TODAY, 6)
    assert [one.code for one in found.grounds] == [
        "vendor", "tier", "questionnaire", "band", "knockout", "review", "proof", "finding", "evidence",
        "evaluation", "requirement", "exception",
    ]  # fmt: skip
    assert found.reasons == found.grounds
    assert {one.result for one in found.grounds} == {"met"}


@pytest.mark.parametrize(
    ("facts", "last"),
    [
        (core(whole_as_of=date(2025, 12, 1)), date(2026, 12, 1)),
        (core(proofs=(Proof("a", True, day(9)), Proof("b", True, day(12)), Proof("c"))), day(9)),
        (sound(documents=(Document("iso27001", day(31)),)), day(31)),
        (sound(documents=(Document("iso27001", day(0)),)), day(0)),
        (sound(requirements=(Requirement("a", "required", "agreed", contract_until=day(3)),)), day(3)),
        (sound(requirements=(Requirement("a", "not_required", "agreed", contract_until=day(3)),)), None),
        (sound(documents=(Document("iso27001"), Document("unasked", day(1)))), None),
    ],
)
def test_every_end_bounds_the_decision(facts: GateFacts, last: date | None) -> None:
    assert decide(facts, policy()).valid_until == (last or add_months(TODAY, 6))


def test_a_contract_bounds_nothing_where_nothing_of_it_is_demanded() -> None:
    facts = sound(requirements=(Requirement("a", "required", "in_contract", contract_until=day(3)),))
    assert decide(facts, policy(must="flagged")).valid_until == add_months(TODAY, 6)


def test_what_does_not_pass_has_no_end_of_its_own_but_a_latest_one() -> None:
    found = decide(replace(core(proofs=(Proof("a", True, day(9)),)), linked=False), policy())
    assert (found.outcome, found.valid_until, found.latest) == ("pending", None, day(9))
    assert [one.code for one in found.reasons] == ["vendor"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "met"),
        ({"linked": False}, "pending"),
        ({"offboarded": True}, "blocked"),
        ({"offboarded": True, "linked": False}, "blocked"),
    ],
)
def test_vendor(changes: dict[str, Any], found: str) -> None:
    assert result(sound(**changes), "vendor") == found


def test_a_tier_by_hand_is_never_clear_where_an_intake_is_required() -> None:
    assert result(sound(tier_by_hand=True), "tier") == "pending"
    assert result(sound(tier_by_hand=True), "tier", intake_required=False) == "met"
    waiting = ground(sound(tier_waits=True), "tier")
    assert (waiting.result, waiting.recorded("waits"), waiting.recorded("nothing")) == ("met", True, None)


def test_questionnaires_demanded() -> None:
    assert result(sound(submitted=()), "questionnaire", "core") == "pending"
    for personal in (True, None):
        assert result(sound(personal=personal), "questionnaire", "privacy") == "pending"
    both = sound(personal=None, submitted=(submitted(), submitted("privacy")))
    assert decide(both, policy()).outcome == "clear"
    further = sound(submitted=(submitted(), submitted("unasked", low=1, high=1)))
    assert decide(further, policy()).outcome == "clear"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"whole_as_of": date(2025, 11, 21)}, "valid"),  # the last day counts
        ({"whole_as_of": date(2025, 11, 20)}, "expired"),
        ({"redacted": True}, "redacted"),
        ({"redacted": True, "whole_as_of": date(2025, 11, 20)}, "redacted"),
    ],
)
def test_a_submission_runs_out(changes: dict[str, Any], state: str) -> None:
    found = ground(core(**changes), "questionnaire", "core")
    assert found.recorded("state") == state
    assert found.result == ("met" if state == "valid" else "pending")
    bad = decide(core(**changes, low=1, high=1), policy())
    assert bad.outcome == "blocked"  # what it showed counts on


def test_a_returned_round_is_pending() -> None:
    for due in (None, day(-1), day(0), day(9)):
        assert result(core(round_open=True, round_due=due), "round", "core") == "pending"
    waits = {
        due: any(one.code == "round" for one in grounds(facts, policy(), standing=True))
        for due in (None, day(-1), day(0), day(9))
        for facts in [core(round_open=True, round_due=due)]
    }
    assert waits == {None: True, day(-1): True, day(0): False, day(9): False}


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (4, 4, "met"), (3, 4, "met"), (3, 3, "met"), (2, 4, "condition"), (2, 3, "condition"), (2, 2, "condition"),
        (1, 4, "pending"), (1, 3, "pending"), (1, 2, "pending"), (1, 1, "blocked"), (None, None, "pending"),
    ],
)  # fmt: skip
def test_bands(low: int | None, high: int | None, found: str) -> None:
    assert result(core(low=low, high=high), "band", "core") == found


FIX = {"opened": day(-10), "due": day(50), "first_due": day(50)}


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"due": day(0), "first_due": None}, True),
        ({"due": None}, False),
        ({"opened": None}, False),
        ({"due": day(51), "first_due": day(51)}, False),  # too long after it was first opened
        ({"first_due": day(49)}, False),  # put off
        ({"due": day(-1), "first_due": day(-1)}, False),  # overdue
    ],
)
def test_defects_with_a_dated_fix(changes: dict[str, Any], passes: bool) -> None:
    given: dict[str, Any] = FIX | changes
    for failed, otherwise in ((True, "blocked"), (False, "pending")):
        each = ground(core(knockouts=(Knockout("own.mfa", failed, **given),)), "knockout", "core:own.mfa")
        assert each.result == ("condition" if passes else otherwise)
        assert (each.due, each.lapses_to) == ((given["due"], "blocked") if passes else (None, None))
    finding = ground(sound(findings=(Finding("f-1", "critical", **given),)), "finding", "f-1")
    assert finding.result == ("condition" if passes else "blocked")


def test_no_fix_where_the_policy_allows_none() -> None:
    facts = core(knockouts=(Knockout("own.mfa", True, day(-1), day(0)),))
    assert result(facts, "knockout", "core:own.mfa", fix_days=0) == "blocked"


@pytest.mark.parametrize(
    ("severity", "worst", "due", "found"),
    [
        ("medium", "medium", None, "met"),
        ("high", "medium", None, "blocked"),
        ("low", "none", None, "blocked"),
        ("critical", "critical", None, "met"),
        ("low", "critical", day(-1), "blocked"),  # overdue, however small
        ("low", "critical", day(0), "met"),
    ],
)
def test_findings(severity: str, worst: str, due: date | None, found: str) -> None:
    decision = decide(sound(findings=(Finding("f", severity, day(-9), due),)), policy(worst_finding=worst))
    lines = [one for one in decision.grounds if one.code == "finding"]
    assert lines[0].result == found
    assert len(lines) == (1 if found == "met" else 2)


def test_a_broken_promise_is_not_mended_by_taking_it_back_or_putting_it_off() -> None:
    for due in (None, day(9)):
        assert (
            result(sound(findings=(Finding("f", "low", day(-9), due, day(-1)),)), "finding", "f") == "blocked"
        )


@pytest.mark.parametrize(
    ("demanded", "critical", "every", "found"),
    [
        ("none", 3, 9, "met"),
        ("critical", 0, 9, "met"),
        ("critical", 1, 9, "pending"),
        ("all", 0, 0, "met"),
        ("all", 0, 1, "pending"),
    ],
)
def test_review(demanded: str, critical: int, every: int, found: str) -> None:
    facts = core(unjudged=every, unjudged_critical=critical)
    assert result(facts, "review", "core", review=demanded) == found


def test_unwritten_marks_are_pending_for_deciding_only() -> None:
    assert result(core(unwritten=2), "unwritten", "core") == "pending"
    assert all(one.code != "unwritten" for one in grounds(core(unwritten=2), policy(), standing=True))


def test_proofs() -> None:
    facts = core(proofs=(Proof("a", True, day(0)), Proof("b", True, day(-1)), Proof("c", False), Proof("d")))
    lines = [one for one in decide(facts, policy()).grounds if one.code == "proof"]
    assert [(one.subject, one.result, one.measure) for one in lines] == [
        ("core:b", "pending", 1),
        ("core:c", "pending", 2),
        ("core", "met", 0),
    ]
    assert (lines[2].until, lines[2].recorded("valid")) == (day(0), 2)


@pytest.mark.parametrize(
    ("documents", "found"),
    [
        ((), "pending"),
        ((Document("iso27001"),), "met"),
        ((Document("iso27001", day(30)),), "met"),
        ((Document("iso27001", day(29)),), "condition"),
        ((Document("iso27001", day(0)),), "condition"),
        ((Document("iso27001", day(-1)),), "pending"),
        ((Document("iso27001.letter"),), "met"),  # narrower than what is demanded
        ((Document("iso27001", day(3)), Document("iso27001.letter", day(30))), "met"),
        ((Document("iso27001", day(-1)), Document("iso27001.letter", day(-1))), "pending"),
        ((Document("iso27001s"), Document("iso")), "pending"),
    ],
)
def test_kinds_of_evidence(documents: tuple[Document, ...], found: str) -> None:
    assert result(sound(documents=documents), "evidence", "iso27001") == found
    assert result(sound(documents=documents), "evidence", evidence=()) == "met"
    near = [
        one for one in grounds(sound(documents=documents), policy(), standing=True) if one.code == "evidence"
    ]
    assert near[0].result == ("met" if found == "condition" else found)


HERE, ELSEWHERE = Document("iso27001", None, "core"), Document("iso27001", None, "other")
UNASKED: dict[str, Any] = {"questionnaires": (), "with_personal_data": ()}


@pytest.mark.parametrize(
    ("facts", "changes", "found"),
    [
        (sound(documents=(HERE,)), {}, "met"),
        (sound(documents=(Document("iso27001", day(3), "core"), ELSEWHERE)), {}, "condition"),
        (sound(documents=(ELSEWHERE,)), {}, "pending"),
        (sound(documents=(ELSEWHERE,), submitted=(submitted(), submitted("other"))), {}, "pending"),
        (sound(documents=(HERE,), submitted=(submitted(redacted=True),)), {}, "pending"),
        (sound(documents=(HERE,), submitted=(submitted(whole_as_of=day(-900)),)), {}, "pending"),
        (sound(documents=(HERE,)), {"questionnaires": ("other",)}, "pending"),
        (sound(documents=(HERE,)), UNASKED, "met"),
    ],
)
def test_documents_count_beside_what_is_demanded_and_valid(
    facts: GateFacts, changes: dict[str, Any], found: str
) -> None:
    made = grounds(facts, policy(**changes))
    (one,) = [each for each in made if each.code == "evidence"]
    assert one.result == found


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"state": "agreed"}, "met"),
        ({"state": "in_contract"}, "met"),
        ({"state": "proposed"}, "condition"),
        ({"outcome": "undetermined"}, "condition"),
        ({"since": day(-60)}, "condition"),
        ({"since": day(-61)}, "blocked"),
        ({"outcome": "undetermined", "since": day(-61)}, "blocked"),  # counts as required
        ({"since": None}, "blocked"),
        ({"state": "in_contract", "current": False}, "condition"),  # an older text
        ({"state": "in_contract", "current": False, "since": day(-61)}, "blocked"),
        ({"state": "in_contract", "contract_until": day(-1)}, "blocked"),  # the time to agree is over
        ({"state": "in_contract", "contract_until": day(0)}, "met"),
        ({"waived_until": day(9), "waived_tier": "high"}, "condition"),  # there is time yet
        ({"since": day(-61), "waived_until": day(0), "waived_tier": "high"}, "excepted"),
        ({"since": day(-61), "waived_until": day(9), "waived_tier": "critical"}, "excepted"),
        ({"since": day(-61), "waived_until": day(9), "waived_tier": "medium"}, "blocked"),
        ({"since": day(-61), "waived_until": day(-1), "waived_tier": "high"}, "blocked"),
    ],
)
def test_requirements(changes: dict[str, Any], found: str) -> None:
    given: dict[str, Any] = {"outcome": "required", "state": "flagged", "since": day(-5)} | changes
    decision = decide(sound(requirements=(Requirement("a", **given),)), policy())
    lines = [one for one in decision.grounds if one.code == "requirement"]
    assert lines[0].result == found
    assert decision.outcome == outcome_of([lines[0].result])
    if found == "excepted":
        assert decision.conditions == (Condition("requirement", "a", given["waived_until"], "blocked"),)
        assert decision.valid_until == given["waived_until"]


@pytest.mark.parametrize(
    ("state", "found", "standing"),
    [
        ("current", "met", "met"),
        ("catalogue", "pending", "met"),
        ("outdated", "pending", "pending"),
        ("none", "pending", "pending"),
    ],
)
def test_evaluations(state: Any, found: str, standing: str) -> None:
    assert result(sound(evaluation=state), "evaluation") == found
    later = [
        one for one in grounds(sound(evaluation=state), policy(), standing=True) if one.code == "evaluation"
    ]
    assert [one.result for one in later] == [standing]


def accepted(code: str, subject: str, **changes: Any) -> tuple[Accepted, ...]:
    given: dict[str, Any] = {"until": day(40), "measure": 98, "tier": "high"}
    return (Accepted(code, subject, **(given | changes)),)


FAILED = core(knockouts=(Knockout("own.mfa", True),))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "excepted"),
        ({"until": day(0)}, "excepted"),
        ({"until": day(-1)}, "blocked"),
        ({"measure": 2}, "excepted"),
        ({"measure": 1}, "blocked"),  # it was only open then, and has failed since
        ({"tier": "critical"}, "excepted"),
        ({"tier": "medium"}, "blocked"),  # more depends on it now
        ({"subject": "core:other"}, "blocked"),
        ({"code": "finding"}, "blocked"),
    ],
)
def test_exceptions(changes: dict[str, Any], found: str) -> None:
    given = {"code": "knockout", "subject": "core:own.mfa"} | changes
    decision = decide(
        replace(FAILED, accepted=accepted(given.pop("code"), given.pop("subject"), **given)), policy()
    )
    each = next(one for one in decision.grounds if one.subject == "core:own.mfa")
    assert each.result == found
    assert decision.outcome == ("clear_with_conditions" if found == "excepted" else "blocked")
    if found == "excepted":
        assert (each.due, each.lapses_to, decision.valid_until) == (each.until, "blocked", each.until)


@pytest.mark.parametrize(
    ("facts", "code", "subject", "found"),
    [
        (core(low=1, high=1), "band", "core", "excepted"),
        (core(low=1, high=4), "band", "core", "excepted"),
        (core(low=None, high=None), "band", "core", "pending"),  # nobody accepts what nobody knows
        (core(low=2, high=2), "band", "core", "condition"),
        (sound(documents=()), "evidence", "iso27001", "pending"),  # nor what nobody has seen
        (sound(documents=(Document("iso27001", day(-1)),)), "evidence", "iso27001", "excepted"),
        (core(proofs=(Proof("a", False),)), "proof", "core:a", "pending"),
        (core(proofs=(Proof("a", True, day(-1)),)), "proof", "core:a", "excepted"),
        (sound(findings=(Finding("f", "critical"),)), "finding", "f", "excepted"),
        (sound(submitted=()), "questionnaire", "core", "pending"),
        (core(unjudged=3, unjudged_critical=3), "review", "core", "pending"),
        (sound(tier_by_hand=True), "tier", "", "pending"),
    ],
)
def test_what_can_be_accepted(facts: GateFacts, code: str, subject: str, found: str) -> None:
    both = accepted(code, subject, until=day(40)) + accepted(code, subject, until=day(20))
    decision = decide(replace(facts, accepted=both), policy())
    each = next(one for one in decision.grounds if one.key == (code, subject))
    assert each.result == found
    used = next(one for one in decision.grounds if one.code == "exception")
    assert used.recorded("used") == int(found == "excepted")
    if found == "excepted":
        assert each.due == day(40)  # the longer one
        assert each.lapses_to == (
            "blocked" if code in ("finding",) or facts == core(low=1, high=1) else "pending"
        )


@pytest.mark.parametrize(
    ("facts", "code", "subject", "found"),
    [
        (core(low=1, high=1), "band", "core", True),
        (core(low=1, high=4), "band", "core", False),  # it may still come out well
        (core(low=2, high=2), "band", "core", False),  # passes anyway
        (core(low=None, high=None), "band", "core", False),
        (core(knockouts=(Knockout("a", True),)), "knockout", "core:a", True),
        (core(knockouts=(Knockout("a", False),)), "knockout", "core:a", False),
        (sound(findings=(Finding("f", "critical"),)), "finding", "f", True),
        (sound(documents=()), "evidence", "iso27001", False),
        (sound(documents=(Document("iso27001", day(-1)),)), "evidence", "iso27001", True),
        (core(proofs=(Proof("a", False),)), "proof", "core:a", False),
        (core(proofs=(Proof("a", True, day(-1)),)), "proof", "core:a", True),
        (sound(submitted=()), "questionnaire", "core", False),
        (core(unjudged=3, unjudged_critical=3), "review", "core", False),
        (sound(tier_by_hand=True), "tier", "", False),
    ],
)
def test_what_two_people_may_accept_from_now_on(
    facts: GateFacts, code: str, subject: str, found: bool
) -> None:
    assert can_be_accepted(ground(facts, code, subject)) is found


def test_an_exception_for_what_was_open_covers_nothing() -> None:
    open_one = (Accepted("knockout", "core:a", day(30), 1, "high"),)
    for failed in (True, False):
        facts = sound(submitted=(submitted(knockouts=(Knockout("a", failed),)),), accepted=open_one)
        assert result(facts, "knockout", "core:a") != "excepted"
    known = (replace(open_one[0], measure=2),)
    facts = sound(submitted=(submitted(knockouts=(Knockout("a", False),)),), accepted=known)
    assert result(facts, "knockout", "core:a") == "excepted"  # worse was accepted


def test_the_worst_ground_makes_the_outcome() -> None:
    facts = core(knockouts=(Knockout("a", True), Knockout("b", False)), low=2, high=2)
    decision = decide(facts, policy())
    assert (decision.outcome, [one.subject for one in decision.reasons]) == ("blocked", ["core:a"])
    assert outcome_of([]) == "clear"


def test_the_shipped_policy_demands_more_the_more_depends() -> None:
    both = (submitted("security_core", low=3, high=3), submitted("security_lite", low=3, high=3))
    facts = sound(submitted=both)
    outcomes = {tier: decide(replace(facts, tier=tier), policies.default(MONTHS)).outcome for tier in MONTHS}
    assert outcomes == {
        "critical": "clear_with_conditions", "high": "clear", "medium": "clear", "low": "clear",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: sound(tier="huge"),
        lambda: sound(documents=(Document("a"), Document("a"))),
        lambda: core(low=None),
        lambda: core(low=4, high=3),
        lambda: core(low=0, high=3),
        lambda: core(unjudged=1, unjudged_critical=2),
        lambda: core(unjudged=1, unjudged_critical=1, lapsed=2),
        lambda: core(former=(submitted(former=(submitted(),)),)),
        lambda: core(unwritten=-1),
        lambda: Finding("f", "none"),
        lambda: Requirement("a", "required", "signed"),
        lambda: Requirement("a", "required", "agreed", waived_until=TODAY),
    ],
)
def test_facts_that_cannot_be(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        wrong()


def test_lists_stand_in_one_order() -> None:
    one, other = Document("a"), Document("b")
    assert sound(documents=(one, other)) == sound(documents=(other, one))
    exceptions = accepted("band", "b") + accepted("band", "a")
    assert sound(accepted=exceptions) == sound(accepted=exceptions[::-1])
