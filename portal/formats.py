"""Dates, moments and scores as the words that pages, mails and reports use. No rule lives here.

``FILTERS`` is registered on the Jinja environments of pages and letters. Scores are cut off after one decimal
and never rounded up into a band (questionnaires.md, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from babel.dates import format_date, format_datetime

from portal.clock import zone_of

Exact = Fraction | Decimal | int | str


def full_date(day: date, locale: str = "en") -> str:
    """``Fri 20 November 2026``: where someone must act."""
    return format_date(day, "EEE d MMMM yyyy", locale=locale)


def long_date(day: date, locale: str = "en") -> str:
    """``Friday 20 November 2026``: in letters."""
    return format_date(day, "EEEE d MMMM yyyy", locale=locale)


def short_date(day: date, locale: str = "en") -> str:
    """``20 Nov 2026``: in tables."""
    return format_date(day, "d MMM yyyy", locale=locale)


def month_year(day: date, locale: str = "en") -> str:
    """``December 2026``: a month of the schedule."""
    return format_date(day, "MMMM yyyy", locale=locale)


def month_short(day: date, locale: str = "en") -> str:
    """``Dec``: under a column of a chart."""
    return format_date(day, "MMM", locale=locale)


def moment(instant: datetime, zone: str, locale: str = "en") -> str:
    """``Fri 20 November 2026, 14:32`` in the IANA ``zone``; ``instant`` is aware."""
    return format_datetime(instant, "EEE d MMMM yyyy, HH:mm", tzinfo=zone_of(zone), locale=locale)


def clock_time(instant: datetime, zone: str) -> str:
    """``14:32`` in the IANA ``zone``; ``instant`` is aware."""
    return instant.astimezone(zone_of(zone)).strftime("%H:%M")


def one_decimal(value: Exact) -> str:
    """A score of 0 to 100 cut off after one decimal: 84.96 is ``84.9``."""
    tenths = Fraction(value) * 10 // 1
    return f"{tenths // 10}.{tenths % 10}"


def score_range(low: Exact | None, high: Exact | None) -> str:
    """``76.1 to 80.9``; one number when both ends read the same; empty when nothing was assessed."""
    if low is None or high is None:
        return ""
    first, last = one_decimal(low), one_decimal(high)
    return first if first == last else f"{first} to {last}"


def initials(name: str) -> str:
    """The letters of an avatar: first and last word, at most two."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "full_date": full_date,
        "long_date": long_date,
        "short_date": short_date,
        "month_year": month_year,
        "month_short": month_short,
        "moment": moment,
        "clock_time": clock_time,
        "one_decimal": one_decimal,
        "score_range": score_range,
        "initials": initials,
    }
)
