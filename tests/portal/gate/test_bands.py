"""The band of an engagement: of what counts today alone, and the same in lists and reports."""

from __future__ import annotations

from typing import Any

import pytest

from portal.gate.bands import Bands, bands
from portal.gate.deciding import decide
from portal.gate.facts import GateFacts
from tests.portal.gate.given import day, policy, sound, submitted

POLICY = policy(questionnaires=("core", "ai"), months=12)
OLD = day(-500)


def of(*given: Any) -> Bands:
    facts: GateFacts = sound(submitted=tuple(given))
    return bands(decide(facts, POLICY).grounds)


@pytest.mark.parametrize(
    ("given", "low", "high", "missing"),
    [
        ((submitted(), submitted("ai", low=2, high=3)), 2, 3, 0),
        ((submitted(low=2, high=4), submitted("ai", low=3, high=3)), 2, 3, 0),
        ((submitted(),), 4, 4, 1),
        ((submitted(), submitted("ai", low=None, high=None)), None, None, 0),
        ((submitted(whole_as_of=OLD),), None, None, 2),
        ((submitted(redacted=True), submitted("ai", low=3, high=3)), 3, 3, 1),
        ((submitted(whole_as_of=OLD, low=None, high=None), submitted("ai")), 4, 4, 1),
        ((), None, None, 2),
        ((submitted("privacy", low=1, high=1),), None, None, 2),
    ],
)
def test_what_counts_today_and_nothing_else_has_a_band(
    given: tuple[Any, ...], low: int | None, high: int | None, missing: int
) -> None:
    found = of(*given)
    assert (found.low, found.high, found.missing) == (low, high, missing)
    assert (found.worst is None) is (low is None)
    assert found.worst is None or found.worst.recorded("low") == low
