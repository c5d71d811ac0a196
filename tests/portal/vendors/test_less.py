"""What asks for less: over every single change of a fact, in both directions, and over tiers."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.vendors.facts import ALONE, ASKED, TIERS, checked_facts
from portal.vendors.less import DATA, TIER, asks_for_less, ground, less, raised
from portal.vendors.policy import TierPolicy
from portal.vendors.policy_default import default
from questionnaires.facts import TABLE

UNKNOWN = None


def _values(name: str) -> st.SearchStrategy[Any]:
    """Every value that a fact may have, and that nobody knows it."""
    fact = TABLE[name]
    if fact.type.kind == "number":
        return st.one_of(st.none(), st.integers(0, 10**6).map(str))
    if fact.type.kind == "choice":
        return st.sampled_from([UNKNOWN, *fact.labels])
    alone = ALONE[name]
    rest = st.lists(st.sampled_from([one for one in fact.labels if one != alone]), min_size=1, unique=True)
    return st.one_of(st.none(), st.just([alone]), rest)


FACTS = st.fixed_dictionaries({name: _values(name) for name in ASKED}).map(checked_facts)


def _worse_or_equal(name: str, before: Any, after: Any) -> bool:
    """Whether ``after`` is nowhere better: said again, from the meaning of each kind of fact."""
    if before is None or after is None:
        return before is None
    match TABLE[name].type.kind:
        case "set":
            return all(one in after for one in before if one != ALONE[name])
        case "number":
            return Decimal(before) <= Decimal(after)
        case _:
            order = [*TABLE[name].labels]
            return order.index(before) <= order.index(after)


def _demanded(policy: TierPolicy, facts: dict[str, Any]) -> set[str]:
    data = facts.get(DATA)
    return set(
        policy.demands(None if data is None else bool({"personal", "special", "health_us"} & set(data)))
    )


@given(FACTS, st.sampled_from(TIERS), st.sampled_from(ASKED), st.data())
def test_each_single_change_asks_for_less_or_not_as_its_scale_says(
    facts: dict[str, Any], tier: str, name: str, data: st.DataObject
) -> None:
    changed = checked_facts(facts | {name: data.draw(_values(name))})
    found = less(tier, facts, tier, changed)
    assert set(found) <= {name}
    if _worse_or_equal(name, facts.get(name), changed.get(name)):
        # The one step away from "nobody knows" that takes a questionnaire off.
        freed = (
            name == DATA and DATA not in facts and not _demanded(POLICY, changed) >= _demanded(POLICY, facts)
        )
        assert bool(found) == freed
    else:
        assert found == [name]


POLICY = default(dict.fromkeys(TIERS, 12)).tier("high")


FEW = st.sets(st.sampled_from(ASKED), max_size=3)


@given(FACTS, FACTS, FEW, st.sampled_from(TIERS), st.sampled_from(TIERS))
def test_whatever_holds_at_once_demands_no_fewer_questionnaires_and_loses_no_value(
    old: dict[str, Any], other: dict[str, Any], changed: set[str], before: str, after: str
) -> None:
    new = checked_facts(old | {name: other.get(name) for name in changed})
    assert (TIER in less(before, old, after, new)) == (TIERS.index(after) > TIERS.index(before))
    kept = _demanded(POLICY, old) <= _demanded(POLICY, new)
    no_better = all(_worse_or_equal(name, old.get(name), new.get(name)) for name in ASKED)
    not_lower = TIERS.index(after) <= TIERS.index(before)
    assert asks_for_less(before, old, after, new) != (kept and no_better and not_lower)


@given(FACTS, FACTS, st.sampled_from(TIERS), st.sampled_from(TIERS))
def test_what_is_raised_asks_for_no_less_than_before_and_leaves_the_same_to_wait(
    old: dict[str, Any], new: dict[str, Any], before: str, after: str
) -> None:
    tier, facts = raised(before, old, after, new)
    assert less(before, old, tier, facts) == []
    assert checked_facts(facts) == facts
    waits = less(before, old, after, new)
    assert less(tier, facts, after, new) == waits
    if not waits:
        assert (tier, facts) == (after, new)
    assert raised(tier, facts, after, new) == (tier, facts)
    for name in ASKED:
        if name not in waits:
            assert facts.get(name) == new.get(name)


def test_a_set_that_gains_and_loses_holds_both_until_the_second_person() -> None:
    one = raised("high", {DATA: ["personal", "special"]}, "low", {DATA: ["personal", "card"]})
    assert one == ("high", {DATA: ["personal", "special", "card"]})
    kept = raised("low", {DATA: ["confidential"]}, "high", {DATA: [ALONE[DATA]]})
    assert kept == ("high", {DATA: ["confidential"]})


def test_the_ground_of_a_proposal_is_tier_facts_and_intake() -> None:
    same = ground("high", {DATA: ["personal"]}, None)
    assert same == ground("high", {DATA: ["personal"]}, None)
    others = {
        ground("low", {DATA: ["personal"]}, None),
        ground("high", {DATA: ["card"]}, None),
        ground("high", {DATA: ["personal"]}, uuid.UUID(int=1)),
    }
    assert len(others - {same}) == 3


@given(FACTS, st.sampled_from(TIERS))
def test_nothing_changed_asks_for_no_less(facts: dict[str, Any], tier: str) -> None:
    assert less(tier, facts, tier, facts) == []


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ({"engagement.process": "critical"}, {"engagement.process": "slower"}, "engagement.process"),
        ({DATA: ["personal", "special", "health_us", "card"]}, {DATA: ["personal"]}, DATA),
        ({}, {DATA: ["public_only"]}, DATA),
        ({}, {DATA: ["confidential"]}, DATA),
        ({"engagement.region": "unsafe"}, {}, "engagement.region"),
    ],
)
def test_the_ways_past_the_second_person_that_were_found(
    before: dict[str, Any], after: dict[str, Any], name: str
) -> None:
    assert less("high", before, "critical", after) == [name]
