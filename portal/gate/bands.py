"""How well an engagement stands by the questionnaires that its policy asks for: one rule for lists, figures, reports.

Only what counts today counts: a submission that has run out, was redacted or is of a version that the policy does not
name shows no band here, however good it was. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portal.gate.lines import Ground


@dataclass(frozen=True, slots=True)
class Bands:
    """``worst``: the ground of the worst band; None where nothing counts, or where one of them has no band: what nobody
    can tell is no better than any. ``low`` and ``high``: the worst and the best level that the worst may be, 4 (best)
    to 1. ``missing``: how many questionnaires are asked for and have nothing that counts.
    """

    worst: Ground | None
    low: int | None
    high: int | None
    missing: int


def bands(grounds: Iterable[Ground]) -> Bands:
    """From the grounds of a gate as they are today (deciding.decide)."""
    lines = list(grounds)
    asked = [one for one in lines if one.code == "questionnaire"]
    valid = {one.subject for one in asked if one.recorded("state") == "valid"}
    shown = [one for one in lines if one.code == "band" and one.subject in valid]
    known = [
        (low, high, one)
        for one in shown
        if isinstance(low := one.recorded("low"), int) and isinstance(high := one.recorded("high"), int)
    ]
    missing = len(asked) - len(valid)
    if not known or len(known) < len(shown):
        return Bands(None, None, None, missing)
    low, _high, worst = min(known, key=lambda one: one[0])
    return Bands(worst, low, min(high for _low, high, _one in known), missing)
