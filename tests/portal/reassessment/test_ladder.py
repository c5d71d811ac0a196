"""When a step of the ladder comes: month ends and leap days. Laws over random ladders stand in test_plan.py."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from portal.reassessment.kinds import KINDS
from portal.reassessment.ladder import days_of, named
from portal.reassessment.lines import when
from questionnaires.dates import add_months

DUE = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("anchor", "months", "due", "thirty_before"),
    [
        ("2024-02-29", 12, "2025-02-28", "2025-01-29"),
        ("2024-02-29", 24, "2026-02-28", "2026-01-29"),
        ("2024-02-29", 36, "2027-02-28", "2027-01-29"),
        ("2024-02-29", 48, "2028-02-29", "2028-01-30"),
        ("2024-01-31", 1, "2024-02-29", "2024-01-30"),
        ("2023-01-31", 1, "2023-02-28", "2023-01-29"),
        ("2024-01-31", 2, "2024-03-31", "2024-03-01"),
        ("2025-08-31", 6, "2026-02-28", "2026-01-29"),
        ("2026-12-31", 12, "2027-12-31", "2027-12-01"),
        ("2026-11-30", 3, "2027-02-28", "2027-01-29"),
    ],
)
def test_month_ends_and_leap_days(anchor: str, months: int, due: str, thirty_before: str) -> None:
    found = add_months(date.fromisoformat(anchor), months)
    assert found == date.fromisoformat(due)
    (step,) = [one for one in KINDS["reassessment"].ladder if one.days == -30]
    assert found + timedelta(days=step.days or 0) == date.fromisoformat(thirty_before)


def test_every_shipped_step_is_named_after_its_day() -> None:
    for kind in KINDS.values():
        for step in kind.ladder:
            if step.days is not None:
                assert (step.name, days_of(step.name)) == (named(step.days), step.days)


@pytest.mark.parametrize(
    ("days", "words"),
    [(-12, "12 days ago"), (-1, "one day ago"), (0, "today"), (1, "in one day"), (30, "in 30 days")],
)
def test_how_far_a_date_is_away(days: int, words: str) -> None:
    due = DUE + timedelta(days=days)
    assert when(due, DUE).endswith(f", {words}")
