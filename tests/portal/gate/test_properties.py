"""What must hold of the gate for all facts, policies and defects."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from portal.gate import stored
from portal.gate.choosing import Choice, as_proposed, better, faults, needs_reason, needs_second, overtaken
from portal.gate.deciding import METHOD, OUTCOMES, PASSING, Decision, decide
from portal.gate.facts import GateFacts
from portal.gate.grounds import RANK
from portal.gate.standing import Decided, effective
from portal.vendors.policy import Policy
from questionnaires.dates import add_months
from tests.portal.gate.given import day
from tests.portal.gate.worse import ANY_FACTS, BY, POLICIES, defects, sound_facts


def rank(outcome: str) -> int:
    return OUTCOMES.index(outcome)  # type: ignore[arg-type]  # one of them


def excepted(decision: Decision) -> set[tuple[str, str]]:
    return {one.key for one in decision.grounds if one.result == "excepted"}


@given(ANY_FACTS, POLICIES)
def test_no_defect_improves_the_outcome_or_lengthens_it(found: GateFacts, policy: Policy) -> None:
    before = decide(found, policy)
    for name, worse in defects(found):
        after = decide(worse, policy)
        assert rank(after.outcome) >= rank(before.outcome), name
        if excepted(after) - excepted(before):
            continue  # two people have accepted this defect, until a day of their own
        if after.valid_until is not None:
            assert before.valid_until is not None, name
            assert after.valid_until <= before.valid_until, name


@given(ANY_FACTS, POLICIES)
def test_every_outcome_has_its_reasons(found: GateFacts, policy: Policy) -> None:
    decision = decide(found, policy)
    assert decision.reasons
    assert {RANK[one.result] for one in decision.reasons} == {rank(decision.outcome)}
    assert len({one.key for one in decision.grounds}) == len(decision.grounds)
    assert (decision.outcome == "clear_with_conditions") <= bool(decision.conditions)
    assert decision.method == METHOD
    if decision.outcome == "clear":
        assert not decision.conditions


def expired(found: GateFacts, policy: Policy, on: date) -> list[str]:
    """Everything that the policy leans on and that has ended before a day, straight from the facts."""
    demands = policy.tier(found.tier)
    asked = demands.demands(found.personal)
    ends: list[tuple[str, date | None]] = []
    for one in found.submitted:
        if one.slug in asked:
            ends.append((one.slug, add_months(one.whole_as_of, demands.months)))
            ends += [(each.key, each.until) for each in one.proofs]
    ends += [(one.kind, one.until) for one in found.documents if one.kind in demands.evidence]
    if demands.must != "flagged":
        ends += [(one.key, one.contract_until) for one in found.requirements if one.outcome != "not_required"]
    return [name for name, end in ends if end is not None and end < on]


@given(sound_facts(), POLICIES, st.integers(0, 400))
def test_nothing_is_clear_that_rests_on_something_expired(
    found: GateFacts, policy: Policy, later: int
) -> None:
    decision = decide(found, policy)
    assert (decision.outcome, decision.valid_until) == ("clear", decision.latest)
    assert decision.valid_until is not None
    kept = Decided("clear", decision, (), decision.valid_until, policy, frozenset({BY}))
    for after in (
        later,
        (decision.valid_until - found.today).days,
        (decision.valid_until - found.today).days + 1,
    ):
        on = found.today + timedelta(days=after)
        outcome = effective(kept, found, policy, on).outcome
        assert (outcome == "clear") == (on <= decision.valid_until)
        assert outcome != "clear" or not expired(found, policy, on)


@given(ANY_FACTS, POLICIES, st.integers(0, 400))
def test_nothing_stands_as_clear_on_something_expired(found: GateFacts, policy: Policy, later: int) -> None:
    """Whatever was drawn: a clear that was decided as proposed."""
    decision = decide(found, policy)
    if decision.outcome == "clear":
        kept = Decided("clear", decision, (), decision.valid_until, policy, frozenset({BY}))
        on = found.today + timedelta(days=later)
        if effective(kept, found, policy, on).outcome == "clear":
            assert not expired(found, policy, on)


@given(ANY_FACTS, POLICIES, POLICIES, st.sampled_from(OUTCOMES), st.integers(0, 400), st.data())
def test_what_stands_is_never_better_than_decided_and_no_defect_improves_it(
    found: GateFacts, then: Policy, policy: Policy, outcome: str, later: int, data: st.DataObject
) -> None:
    proposal = decide(found, then)
    last = data.draw(st.integers(0, 300).map(day)) if outcome in PASSING else None
    kept = Decided(outcome, proposal, proposal.conditions, last, then, frozenset({BY}))  # type: ignore[arg-type]  # drawn from them
    seen = data.draw(st.sampled_from([found, *(worse for _name, worse in defects(found))]))
    on = found.today + timedelta(days=later)
    before = effective(kept, seen, policy, on)
    assert rank(before.outcome) >= rank(outcome)
    assert (before.outcome == outcome) or before.lapses
    for name, worse in defects(seen):
        assert rank(effective(kept, worse, policy, on).outcome) >= rank(before.outcome), name


@given(ANY_FACTS, POLICIES)
def test_a_decision_as_proposed_stands_on_its_own_day(found: GateFacts, policy: Policy) -> None:
    decision = decide(found, policy)
    kept = Decided(
        decision.outcome, decision, decision.conditions, decision.valid_until, policy, frozenset({BY})
    )
    assert effective(kept, found, policy, found.today).outcome == decision.outcome


@given(ANY_FACTS, POLICIES, st.integers(0, 500))
def test_time_alone_never_makes_a_standing_decision_better(
    found: GateFacts, policy: Policy, later: int
) -> None:
    decision = decide(found, policy)
    kept = Decided(
        decision.outcome, decision, decision.conditions, decision.valid_until, policy, frozenset({BY})
    )
    on = found.today + timedelta(days=later)
    here, there = effective(kept, found, policy, on), effective(kept, found, policy, on + timedelta(days=1))
    assert rank(there.outcome) >= rank(here.outcome)


@given(ANY_FACTS, POLICIES, st.integers(0, 400), st.booleans())
def test_answers_handed_in_anew_and_unjudged_meet_nothing(
    found: GateFacts, drawn: Policy, later: int, withdrawn: bool
) -> None:
    """Whatever the new answers say, and as little when nothing is there any more: conditions stay, and lapse."""
    policy = replace(
        drawn,
        tiers=MappingProxyType({tier: replace(one, review="critical") for tier, one in drawn.tiers.items()}),
    )
    decision = decide(found, policy)
    kept = Decided(
        decision.outcome, decision, decision.conditions, decision.valid_until, policy, frozenset({BY})
    )
    rosy = tuple(
        replace(
            one, submission=one.submission + "-anew", low=4, high=4, knockouts=(), proofs=(), redacted=False,
            unwritten=0, unjudged=3, unjudged_critical=2,
        )
        for one in found.submitted
    )  # fmt: skip
    anew = replace(found, submitted=() if withdrawn else rosy, findings=())
    on = found.today + timedelta(days=later)
    before, after = effective(kept, found, policy, on), effective(kept, anew, policy, on)
    answered = any(one.code == "review" for one in decision.grounds)
    rests = {"band", "knockout", "proof"} | ({"finding"} if answered else set())
    decided = {f"{one.code}:{one.subject}" for one in decision.conditions}

    def stays(condition: str) -> bool:
        """What answers before unjudged ones say is no part of a decision: it goes where they go as well."""
        return condition.partition(":")[0] in rests and (not withdrawn or condition in decided)

    assert {one for one in before.open if stays(f"{one.code}:{one.subject}")} <= set(after.open)
    overdue = {one.subject for one in before.lapses if one.code == "condition"}
    lapsed = {one for one in overdue if stays(one)}
    assert lapsed <= {one.subject for one in after.lapses if one.code == "condition"}


@given(ANY_FACTS, ANY_FACTS, ANY_FACTS, POLICIES, POLICIES, st.integers(0, 400), st.booleans())
def test_replacing_a_submission_by_an_unjudged_one_never_improves_the_effective_outcome(
    decided_on: GateFacts,
    found: GateFacts,
    said: GateFacts,
    then: Policy,
    drawn: Policy,
    later: int,
    sheds: bool,
) -> None:
    """Whatever it says, whatever the decision was, and however bad it had become meanwhile.

    Under a policy that demands judging, or when it sheds a judgement. What a return waits for is what is handed in.
    """
    then, policy = (_demanding(one) if not sheds else one for one in (then, drawn))
    decision = decide(decided_on, then)
    kept = Decided(
        decision.outcome, decision, decision.conditions, decision.valid_until, then, frozenset({BY})
    )
    old = tuple(replace(one, round_open=False, round_first=None) for one in found.submitted)
    anew = {one.slug: one for one in said.submitted}
    new = tuple(
        replace(
            anew[one.slug], submission="s-2", round_open=False, unjudged=3, unjudged_critical=2, lapsed=int(sheds),
            former=(replace(one, former=()), *one.former),
        )
        if one.slug in anew
        else one
        for one in old
    )  # fmt: skip
    on = found.today + timedelta(days=later)
    before = effective(kept, replace(found, submitted=old), policy, on)
    after = effective(kept, replace(found, submitted=new), policy, on)
    assert rank(after.outcome) >= rank(before.outcome)


def _demanding(policy: Policy) -> Policy:
    tiers = {
        tier: one if one.review != "none" else replace(one, review="critical")
        for tier, one in policy.tiers.items()
    }
    return replace(policy, tiers=MappingProxyType(tiers))


@given(ANY_FACTS, POLICIES)
def test_what_nobody_knows_is_never_better_than_what_is_known_to_be_bad(
    found: GateFacts, policy: Policy
) -> None:
    def outcome(**changes: object) -> int:
        return rank(decide(replace(found, **changes), policy).outcome)  # type: ignore[arg-type]  # fields of it

    assert outcome(personal=None) == outcome(personal=True)
    undetermined = tuple(replace(one, outcome="undetermined") for one in found.requirements)
    required = tuple(replace(one, outcome="required") for one in found.requirements)
    assert outcome(requirements=undetermined) == outcome(requirements=required)
    unknown = tuple(replace(one, since=None) for one in found.requirements)
    assert outcome(requirements=unknown) >= outcome()
    never = tuple(replace(one, opened=None) for one in found.findings)
    assert outcome(findings=never) >= outcome()
    banded = tuple(replace(one, low=None, high=None) for one in found.submitted)
    asked = policy.tier(found.tier).demands(found.personal)
    if any(one.slug in asked for one in banded):
        assert outcome(submitted=banded) >= rank("pending")


@given(ANY_FACTS, POLICIES)
def test_equal_inputs_give_equal_bytes_and_the_order_of_lists_is_nothing(
    found: GateFacts, policy: Policy
) -> None:
    turned = replace(
        found,
        **{
            name: getattr(found, name)[::-1]
            for name in ("submitted", "findings", "documents", "requirements", "accepted")
        },
    )
    kept, made = stored.to_bytes(found), stored.to_bytes(decide(found, policy))
    assert stored.to_bytes(turned) == kept
    assert stored.to_bytes(decide(stored.from_bytes(GateFacts, kept), policy)) == made
    assert stored.from_bytes(Decision, made) == decide(found, policy)
    assert stored.facts_hash(replace(found, today=day(7))) == stored.facts_hash(found)


@given(ANY_FACTS, POLICIES)
def test_to_decide_as_proposed_is_allowed_and_goes_against_nothing(found: GateFacts, policy: Policy) -> None:
    decision = decide(found, policy)
    choice = as_proposed(decision)
    assert better(choice, decision) == ()
    assert not needs_reason(choice, decision)
    assert needs_second(choice, decision, decision, policy.tier(found.tier)) == ()
    assert overtaken(decision, decision, choice) == ()
    if decision.outcome in PASSING:
        assert faults(choice, decision, found.today) == ()


@given(ANY_FACTS, POLICIES, st.data())
def test_a_ground_that_got_worse_overtakes_and_one_made_by_oneself_needs_another(
    found: GateFacts, policy: Policy, data: st.DataObject
) -> None:
    _name, worse = data.draw(st.sampled_from(list(defects(found))))
    good, bad = decide(found, policy), decide(worse, policy)
    if rank(bad.outcome) > rank(good.outcome):
        assert "grounds" in overtaken(good, bad, Choice("blocked"))
        assert "own_acts" in needs_second(as_proposed(good), good, bad, policy.tier(found.tier))
