"""Calendar arithmetic in months: the one set of functions behind conditions, evidence and schedules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

MIN_DATE = date(1900, 1, 1)
MAX_DATE = date(2199, 12, 31)
MAX_MONTHS = 1200

_ONE_DAY = timedelta(days=1)


def add_months(day: date, months: int) -> date:
    """``day`` moved by ``months``, back if negative, clamped to the month's end: 29 Feb + 12 = 28 Feb."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if day.day <= 28:
        return day.replace(year=year, month=month + 1)
    # The calendar module would load the locale as well, and reading definitions needs neither.
    from calendar import monthrange

    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def roll(day: date, working: Callable[[date], bool], *, back: bool, most: int = 21) -> date:
    """``day`` if it is a working day, else the nearest one before it (``back``) or after it.

    Where there is none within ``most`` days, ``day`` itself: no calendar holds a date up for ever.
    """
    step = -_ONE_DAY if back else _ONE_DAY
    found = day
    for _ in range(most + 1):
        if working(found):
            return found
        if found in (date.min, date.max):
            break
        found += step
    return day


def not_ahead(day: date, as_of: date) -> date:
    """``day``, but ``as_of`` for the day after it, which may be today where the vendor sits."""
    return as_of if day - as_of == _ONE_DAY else day


def within(day: date, months: int, as_of: date) -> bool:
    """Whether ``day`` is at most ``months`` old and not to come: day <= as_of <= add_months(day, months)."""
    day = not_ahead(day, as_of)
    return day <= as_of <= add_months(day, months)


def age_months(day: date, as_of: date) -> int | None:
    """The largest n >= 0 with add_months(day, n) <= as_of; None if ``day`` is later than ``as_of``."""
    return _whole_months(not_ahead(day, as_of), as_of)


def months_until(day: date, as_of: date) -> int | None:
    """The largest n >= 0 with add_months(as_of, n) <= day; None if ``day`` is past."""
    return _whole_months(as_of, not_ahead(day, as_of))


def _whole_months(start: date, end: date) -> int | None:
    if start > end:
        return None
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if add_months(start, months) <= end else months - 1


def parse_date(text: str) -> date | None:
    """The day that an ISO date (``2026-11-21``) from 1900 to 2199 names; None for anything else."""
    # date.fromisoformat also reads 20261121 and 2026-W47-6, which nobody means here.
    if len(text) != 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if MIN_DATE <= day <= MAX_DATE else None
