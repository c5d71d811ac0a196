"""Months of the schedule as addresses name them, 2026-12, and the halves that its tiers fall into. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from questionnaires.dates import MAX_DATE, MIN_DATE, add_months

PARTS: Mapping[str, tuple[str, ...]] = {"upper": ("critical", "high"), "lower": ("medium", "low")}


def is_month(text: str) -> bool:
    """Whether ``text`` is a month like 2026-12, of the years that dates may have here."""
    if len(text) != 7 or not text.isascii() or text[4] != "-" or not (text[:4] + text[5:]).isdigit():
        return False
    return MIN_DATE.year <= int(text[:4]) <= MAX_DATE.year and 1 <= int(text[5:]) <= 12


def bounds(month: str) -> tuple[date, date]:
    """The first and the last day of a month like 2026-12."""
    first = date(int(month[:4]), int(month[5:]), 1)
    return first, add_months(first, 1) - timedelta(days=1)


def coming(today: date, how_many: int) -> tuple[str, ...]:
    """This month and those after it."""
    first = today.replace(day=1)
    return tuple(f"{add_months(first, n):%Y-%m}" for n in range(how_many))
