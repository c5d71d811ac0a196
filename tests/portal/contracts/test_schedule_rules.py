"""Where an item stands, and what changed since the cycle before: pure rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.contracts.schedule import (
    LADDER,
    NOT_REQUIRED,
    REQUIRED,
    UNDETERMINED,
    Agreed,
    Called,
    Waiver,
    Wanted,
    compare,
    fingerprint,
    may_step,
    standing,
)

TODAY = date(2026, 11, 21)
WANTED = Wanted(revision=2, clause=1, value="24 hours", tier="high")
AGREED = Agreed(revision=2, clause=1, value="24 hours", signed=date(2026, 1, 1))
WAIVER = Waiver(until=TODAY, revision=2, tier="high")


@pytest.mark.parametrize(
    ("agreed", "older"),
    [
        (AGREED, ()),
        (replace(AGREED, revision=1), ("revision",)),
        (replace(AGREED, clause=0), ("clause",)),
        (replace(AGREED, value="72 hours"), ("value",)),
        (replace(AGREED, until=TODAY), ()),  # its last day counts
        (replace(AGREED, until=TODAY - timedelta(days=1)), ("ended",)),
        (Agreed(1, 0, "", TODAY, TODAY - timedelta(days=1)), ("revision", "clause", "value", "ended")),
    ],
)
def test_a_contract_counts_in_the_newest_words_while_it_runs(agreed: Agreed, older: tuple[str, ...]) -> None:
    found = standing("in_contract", agreed, None, WANTED, TODAY)
    assert (found.older, found.holds, found.shown) == (older, not older, "in_contract")


def test_what_is_not_in_contract_is_never_older() -> None:
    found = standing("agreed", replace(AGREED, revision=1), None, WANTED, TODAY)
    assert (found.older, found.holds, found.shown) == ((), False, "agreed")


@pytest.mark.parametrize(
    ("waiver", "wanted", "holds"),
    [
        (WAIVER, WANTED, True),
        (replace(WAIVER, until=TODAY - timedelta(days=1)), WANTED, False),
        (WAIVER, replace(WANTED, revision=3), False),
        (WAIVER, replace(WANTED, tier="critical"), False),  # a stricter tier ends it
        (WAIVER, replace(WANTED, tier="low"), True),
        (WAIVER, replace(WANTED, value="48 hours", clause=2), True),
        (None, WANTED, False),
    ],
)
def test_a_waiver_lapses_by_itself(waiver: Waiver | None, wanted: Wanted, holds: bool) -> None:
    found = standing("proposed", None, waiver, wanted, TODAY)
    assert (found.shown == "waived") is holds
    assert (found.waived_until == TODAY) is holds
    assert found.state == "proposed"
    assert not found.holds


@given(st.sampled_from((*LADDER, "waived", "x")), st.sampled_from((*LADDER, "waived", "x")))
def test_steps_go_one_forward_straight_into_the_contract_or_back(state: str, to: str) -> None:
    if state not in LADDER or to not in LADDER:
        assert not may_step(state, to)
        return
    at, ahead = LADDER.index(state), LADDER.index(to)
    assert may_step(state, to) == (ahead < at or ahead == at + 1 or to == "in_contract")


def test_a_settlement_rests_on_the_outcome_and_not_on_the_order_of_names() -> None:
    raw = {
        "key": "a",
        "revision": 1,
        "severity": "must",
        "outcome": UNDETERMINED,
        "decided_by": [],
        "would_settle": ["b", "c"],
    }
    same = fingerprint(raw)
    assert fingerprint(raw | {"would_settle": ["c", "b"]}) == same
    for change in ({"would_settle": ["b"]}, {"revision": 2}, {"outcome": REQUIRED}, {"decided_by": ["d"]}):
        assert fingerprint(raw | change) != same


def called(key: str, outcome: str, state: str = "flagged", *by: str) -> Called:
    return Called(key, outcome, state, by)


def test_new_gone_and_agreed_without_proof() -> None:
    before = {
        "kept": REQUIRED,
        "left": REQUIRED,
        "open": UNDETERMINED,
        "soft": UNDETERMINED,
        "dropped": REQUIRED,
        "never": NOT_REQUIRED,
    }
    now = [
        called("kept", REQUIRED, "agreed", "q1"),
        called("left", NOT_REQUIRED),
        called("open", REQUIRED, "in_contract", "q2"),
        called("soft", REQUIRED),
        called("fresh", UNDETERMINED),
        called("mild", UNDETERMINED),
        called("idle", REQUIRED, "proposed", "q1"),
    ]
    found = compare(before, now, {"q1", "q9"}, musts={"open", "fresh"})
    assert found.new == ("soft", "fresh", "idle")
    assert found.gone == ("left", "dropped")
    assert found.unproven == ("kept",)


OUTCOMES = st.sampled_from((REQUIRED, UNDETERMINED, NOT_REQUIRED))
KEYS = st.sampled_from("abcdef")


@given(st.dictionaries(KEYS, OUTCOMES), st.dictionaries(KEYS, OUTCOMES), st.sets(KEYS))
def test_each_key_is_new_or_gone_or_neither_and_turning_round_swaps_them(
    before: dict[str, str], now: dict[str, str], musts: set[str]
) -> None:
    there = compare(before, [called(*one) for one in now.items()], (), musts)
    back = compare(now, [called(*one) for one in before.items()], (), musts)
    assert not set(there.new) & set(there.gone)
    assert set(there.new) == set(back.gone)
    assert set(there.gone) == set(back.new)
