"""What becomes of a decision: it lapses by its end, its conditions, and every ground that is worse than it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from portal.gate.deciding import BY_HAND, Condition, decide, worst
from portal.gate.facts import Accepted, Document, Finding, GateFacts, Knockout, Requirement
from portal.gate.standing import Decided, Lapse, effective
from portal.vendors.policy import Policy
from tests.portal.gate.given import TODAY, core, day, policy, sound, submitted


def decided(facts: GateFacts, made: Policy | None = None, **changes: Any) -> Decided:
    """What the rules proposed, decided so, but for ``changes``."""
    made = made or policy()
    proposal = decide(facts, made)
    given: dict[str, Any] = {
        "outcome": proposal.outcome, "conditions": proposal.conditions, "valid_until": proposal.valid_until,
    }  # fmt: skip
    return Decided(proposal=proposal, policy=made, **(given | changes))


def now(one: Decided, facts: GateFacts, *, under: Policy | None = None, on: date = TODAY, **more: Any) -> Any:
    return effective(one, facts, under or policy(), on, **more)


CLEAR = decided(sound())
FIXED = Knockout("own.mfa", True, day(-10), day(20), day(20))


def test_it_stands_while_nothing_is_worse_and_until_its_end() -> None:
    found = now(CLEAR, sound())
    assert (found.outcome, found.lapses, found.open, found.valid_until) == (
        "clear",
        (),
        (),
        CLEAR.valid_until,
    )
    assert CLEAR.valid_until is not None
    assert now(CLEAR, sound(), on=CLEAR.valid_until).outcome == "clear"
    after = now(CLEAR, sound(), on=date.fromordinal(CLEAR.valid_until.toordinal() + 1))
    assert (after.outcome, after.lapses) == ("pending", (Lapse("expired", "", "pending"),))


@pytest.mark.parametrize(
    ("facts", "outcome", "codes"),
    [
        (core(low=2, high=4), "clear_with_conditions", ["band"]),
        (core(low=1, high=1), "blocked", ["band"]),
        (core(knockouts=(Knockout("own.mfa", True),)), "blocked", ["knockout"]),
        (core(redacted=True), "pending", ["questionnaire"]),
        (sound(linked=False), "pending", ["vendor"]),
        (sound(tier_by_hand=True), "pending", ["tier"]),
        (sound(personal=None), "pending", ["questionnaire"]),
        (sound(documents=()), "pending", ["evidence"]),
        (sound(documents=(Document("iso27001", day(3)),)), "clear", []),
        (sound(findings=(Finding("f", "critical"),)), "blocked", ["finding"]),
        (core(round_open=True, round_due=day(0)), "clear", []),
        (core(round_open=True, round_due=day(-1)), "pending", ["round"]),
        (core(unwritten=3), "clear", []),
        (sound(evaluation="catalogue"), "clear", []),
        (sound(evaluation="outdated"), "pending", ["evaluation"]),
        (core(unjudged=1, unjudged_critical=1), "pending", ["review"]),
        (core(unjudged=1, unjudged_critical=1, submission="core-2"), "clear", []),
        (core(unjudged=1, unjudged_critical=1, submission="core-2", low=1, high=1), "blocked", ["band"]),
    ],
)
def test_what_gets_worse_lapses(facts: GateFacts, outcome: str, codes: list[str]) -> None:
    found = now(CLEAR, facts)
    assert (found.outcome, [one.code for one in found.lapses]) == (outcome, codes)
    assert all(one.now is not None and one.now.code == one.code for one in found.lapses)


def test_a_review_that_nobody_asked_for_then_counts() -> None:
    before = decided(sound(submitted=()), outcome="clear", valid_until=day(30))
    assert now(before, core(unjudged=1, unjudged_critical=1)).outcome == "pending"


def test_what_was_known_and_taken_upon_oneself_stands() -> None:
    facts = core(knockouts=(Knockout("own.mfa", False),))
    over = decided(facts, outcome="clear", conditions=(), valid_until=day(30))
    assert (over.proposal.outcome, now(over, facts).outcome) == ("pending", "clear")
    failed = now(over, core(knockouts=(Knockout("own.mfa", True),)))
    assert (failed.outcome, [one.subject for one in failed.lapses]) == ("blocked", ["core:own.mfa"])
    # The same result for a worse reason is not what was taken.
    low = decided(core(low=1, high=2), outcome="clear", conditions=(), valid_until=day(30))
    assert now(low, core(low=1, high=2)).outcome == "clear"
    assert now(low, core(low=None, high=None)).outcome == "pending"


def test_nothing_gets_better_than_decided() -> None:
    strict = decided(sound(), outcome="blocked", valid_until=None)
    assert now(strict, sound(), on=day(900)).outcome == "blocked"
    assert now(strict, sound(linked=False)).outcome == "blocked"
    assert worst(["clear", "blocked", "pending"]) == "blocked"


def test_the_stricter_of_two_policies_counts() -> None:
    facts = core(low=3, high=3)
    one = decided(facts)
    assert now(one, facts).outcome == "clear"
    assert now(one, facts, under=policy(clear_level=4, condition_level=4)).outcome == "blocked"
    assert now(one, facts, under=policy(clear_level=4)).outcome == "clear_with_conditions"
    loosened = now(one, core(low=1, high=1), under=policy(clear_level=1, condition_level=1))
    assert loosened.outcome == "blocked"
    assert now(one, facts, under=policy(questionnaires=("core", "more"))).outcome == "pending"


def test_a_condition_of_a_ground_is_met_by_facts_alone() -> None:
    facts = core(knockouts=(FIXED,))
    one = decided(facts)
    assert one.conditions == (Condition("knockout", "core:own.mfa", day(20), "blocked"),)
    waiting = now(one, facts, on=day(20))
    assert (waiting.outcome, waiting.open) == ("clear_with_conditions", one.conditions)
    late = now(one, facts, on=day(21), met={"core:own.mfa"})
    assert late.outcome == "blocked"
    assert [(lapse.code, lapse.subject) for lapse in late.lapses] == [
        ("condition", "knockout:core:own.mfa"),
        ("knockout", "core:own.mfa"),
    ]
    assert late.open == ()
    fixed = now(one, sound(), on=day(21))
    assert (fixed.outcome, fixed.open, fixed.lapses) == ("clear_with_conditions", (), ())


def test_a_fix_that_is_only_said_is_no_fix() -> None:
    """Handed in anew without the knock-out: nobody has read it, so the condition stays and lapses on its day."""
    one = decided(core(knockouts=(FIXED,)))
    said = core(submission="core-2", unjudged=1, unjudged_critical=1)
    assert (now(one, said).outcome, now(one, said).open) == ("clear_with_conditions", one.conditions)
    assert now(one, said, on=day(21)).outcome == "blocked"
    judged = core(submission="core-2")
    assert (now(one, judged, on=day(21)).outcome, now(one, judged).open) == ("clear_with_conditions", ())
    assert now(one, sound(submitted=()), on=day(21)).outcome == "blocked"
    unasked = now(one, sound(submitted=()), under=policy(questionnaires=()), on=day(21))
    assert unasked.outcome == "blocked"


def test_putting_a_fix_off_lapses_at_once() -> None:
    one = decided(core(knockouts=(FIXED,)))
    later = core(knockouts=(replace(FIXED, due=day(30)),))
    assert now(one, later).outcome == "blocked"


def test_an_exception_that_ends_or_is_revoked_lapses() -> None:
    facts = core(knockouts=(Knockout("own.mfa", True),))
    accepted = (Accepted("knockout", "core:own.mfa", day(9), 2, "high"),)
    one = decided(replace(facts, accepted=accepted))
    assert (one.outcome, one.valid_until) == ("clear_with_conditions", day(9))
    assert now(one, replace(facts, accepted=accepted), on=day(9)).open == ()
    assert now(one, replace(facts, accepted=accepted), on=day(9)).outcome == "clear_with_conditions"
    assert now(one, facts).outcome == "blocked"
    assert now(one, replace(facts, accepted=accepted), on=day(10)).outcome == "blocked"
    assert now(one, replace(facts, accepted=accepted, tier="critical")).outcome == "blocked"


def test_a_waiver_takes_over_from_a_condition_that_ends() -> None:
    given = Requirement("a", "required", "flagged", since=day(-55), waived_until=day(60), waived_tier="high")
    one = decided(sound(requirements=(given,)))
    assert one.conditions == (Condition("requirement", "a", day(5), "blocked"),)
    assert now(one, sound(requirements=(given,)), on=day(6)).outcome == "clear_with_conditions"
    bare = replace(given, waived_until=None, waived_tier=None)
    assert now(one, sound(requirements=(bare,)), on=day(6)).outcome == "blocked"


def test_conditions_added_by_hand() -> None:
    by_hand = (Condition(BY_HAND, "c-1", day(5), "pending"), Condition(BY_HAND, "c-2", day(5), "blocked"))
    one = decided(sound(), outcome="clear_with_conditions", conditions=by_hand)
    assert now(one, sound(), on=day(5)).open == by_hand
    assert now(one, sound(), met={"c-1"}).open == by_hand[1:]
    assert now(one, sound(), on=day(6), met={"c-2"}).outcome == "pending"
    assert now(one, sound(), on=day(6), met={"c-1"}).outcome == "blocked"
    assert (now(one, sound(), on=day(6)).open, now(one, sound(), on=day(6)).late) == ((), by_hand)
    assert now(one, sound(), on=day(6), met={"c-1"}).late == by_hand[1:]
    assert now(one, sound(), on=day(5)).late == ()
    assert now(one, sound(), on=day(6), met={"c-1", "c-2"}).outcome == "clear_with_conditions"


def test_a_condition_on_the_band_lasts_as_long_as_the_decision() -> None:
    facts = core(low=2, high=2)
    one = decided(facts)
    assert one.conditions == (Condition("band", "core", None, "pending"),)
    assert now(one, facts, on=day(100)).open == one.conditions
    assert now(one, sound(submitted=(submitted(),))).open == ()


def test_what_lets_pass_only_until_a_day_since_it_was_decided_is_a_condition_too() -> None:
    found = now(CLEAR, core(knockouts=(FIXED,)))
    assert found.outcome == "clear_with_conditions"
    assert found.open == (Condition("knockout", "core:own.mfa", day(20), "blocked"),)
    assert now(CLEAR, core(low=2, high=4)).open == (Condition("band", "core", None, "pending"),)
    assert now(CLEAR, core(low=1, high=1)).open == ()  # what blocks lets nobody pass


@pytest.mark.parametrize(("before", "after", "due"), [(20, 10, 10), (10, 20, 10)])
def test_the_sooner_day_of_a_condition_that_became_worse_counts(before: int, after: int, due: int) -> None:
    one = decided(core(knockouts=(Knockout("own.mfa", False, day(-10), day(before), day(before)),)))
    found = now(one, core(knockouts=(Knockout("own.mfa", True, day(-10), day(after), day(after)),)))
    assert found.open == (Condition("knockout", "core:own.mfa", day(due), "blocked"),)


def test_what_passes_has_an_end() -> None:
    with pytest.raises(ValueError, match="has an end"):
        replace(CLEAR, valid_until=None)


def test_a_finding_from_elsewhere_is_fixed_without_any_answers() -> None:
    """Nothing had been handed in when it was decided, and nothing is now: the finding's own end meets its condition."""
    asked = (Condition("finding", "f", day(20), "blocked"),)
    one = decided(
        sound(submitted=(), findings=(Finding("f", "critical", day(-5), day(20), day(20)),)),
        outcome="clear_with_conditions",
        conditions=asked,
        valid_until=day(90),
    )
    assert now(one, sound(submitted=()), on=day(10)).open == ()


@pytest.mark.parametrize(
    ("changes", "by", "outcome"),
    [
        ({"round_open": True, "round_due": day(9)}, "c", "clear"),
        ({"round_open": True, "round_due": day(9), "round_first": day(-1), "round_by": ("a",)}, "c", "clear"),
        ({"round_open": True, "round_due": day(9), "round_first": day(-1), "round_by": ("a", "c")}, "c", "pending"),
        ({"round_open": True, "round_due": day(9), "round_first": day(1), "round_by": ("c",)}, "c", "clear"),
        ({"round_first": day(-1), "round_by": ("c",)}, "c", "pending"),
        ({"round_first": day(-1), "round_by": ("c",)}, "a", "clear"),
        ({"round_due": day(-1), "round_first": day(9), "round_by": ("c",)}, "c", "pending"),
    ],
)  # fmt: skip
def test_a_decision_does_not_stand_by_what_whoever_made_it_put_off(
    changes: dict[str, Any], by: str, outcome: str
) -> None:
    demands = policy(evidence=())
    proposal = decide(core(), demands)
    decided = Decided("clear", proposal, (), proposal.latest, demands, frozenset({by, "second"}))
    found = effective(decided, core(**changes), demands, day(0))
    assert found.outcome == outcome
    assert [one.code for one in found.lapses] == ([] if outcome == "clear" else ["round"])
