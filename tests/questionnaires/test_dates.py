"""Rule tables of the calendar arithmetic: month ends, 29 February, days ahead of as_of."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.dates import (
    MAX_DATE,
    MIN_DATE,
    add_months,
    age_months,
    months_until,
    parse_date,
    roll,
    within,
)

DAYS = st.dates(MIN_DATE, MAX_DATE)
MONTHS = st.integers(0, 1200)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-01-31", 3, "2024-04-30"),
        ("2024-12-31", 2, "2025-02-28"),
        ("2024-11-30", 3, "2025-02-28"),
        ("2024-01-15", 0, "2024-01-15"),
        ("2024-01-15", 12, "2025-01-15"),
        ("1900-01-31", 1200, "2000-01-31"),
        ("2199-12-31", 1200, "2299-12-31"),
        ("2100-01-29", 1, "2100-02-28"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2024-01-15", -1, "2023-12-15"),
    ],
)
def test_add_months_clamps_to_the_end_of_the_month(start: str, months: int, end: str) -> None:
    assert add_months(day(start), months) == day(end)


@pytest.mark.parametrize(
    ("then", "months", "now", "holds"),
    [
        ("2025-11-21", 12, "2026-11-21", True),
        ("2025-11-20", 12, "2026-11-21", False),
        ("2024-02-29", 12, "2025-02-28", True),
        ("2024-02-29", 12, "2025-03-01", False),
        ("2026-11-21", 0, "2026-11-21", True),
        ("2026-11-20", 0, "2026-11-21", False),
        ("2026-11-22", 0, "2026-11-21", True),
        ("2026-11-22", 12, "2026-11-21", True),
        ("2026-11-23", 12, "2026-11-21", False),
    ],
)
def test_within(then: str, months: int, now: str, holds: bool) -> None:
    assert within(day(then), months, day(now)) is holds


@pytest.mark.parametrize(
    ("then", "now", "months"),
    [
        ("2025-11-21", "2026-11-21", 12),
        ("2025-11-22", "2026-11-21", 11),
        ("2024-02-29", "2025-02-28", 12),
        ("2024-02-29", "2025-02-27", 11),
        ("2024-01-31", "2024-02-29", 1),
        ("2024-01-31", "2024-02-28", 0),
        ("2026-11-21", "2026-11-21", 0),
        ("2026-11-22", "2026-11-21", 0),
        ("2026-11-23", "2026-11-21", None),
    ],
)
def test_age_months(then: str, now: str, months: int | None) -> None:
    assert age_months(day(then), day(now)) == months


@pytest.mark.parametrize(
    ("then", "now", "months"),
    [
        ("2026-11-21", "2026-11-21", 0),
        ("2026-11-22", "2026-11-21", 0),
        ("2026-12-20", "2026-11-21", 0),
        ("2026-12-21", "2026-11-21", 1),
        ("2024-02-29", "2024-01-31", 1),
        ("2024-02-28", "2024-01-31", 0),
        ("2027-11-21", "2026-11-21", 12),
        ("2026-11-20", "2026-11-21", None),
    ],
)
def test_months_until(then: str, now: str, months: int | None) -> None:
    assert months_until(day(then), day(now)) == months


@given(DAYS, DAYS)
def test_age_is_the_largest_number_of_months_that_fits(then: date, now: date) -> None:
    age = age_months(then, now)
    if age is None:
        assert then > now + timedelta(days=1)
    else:
        assert age == 0 or add_months(then, age) <= now
        assert add_months(then, age + 1) > now


@given(DAYS, MONTHS, DAYS)
def test_within_and_age_agree(then: date, months: int, now: date) -> None:
    age = age_months(then, now)
    if within(then, months, now):
        assert age is not None
        assert age <= months
    elif age is not None:
        assert age >= months


@given(DAYS, MONTHS)
def test_months_later_is_months_away(then: date, months: int) -> None:
    assert months_until(add_months(then, months), then) == months


@pytest.mark.parametrize(
    "text",
    [
        "20261121",
        "2026-W47-6",
        "2026-11-31",
        "2026-1-1",
        "21/11/2026",
        "1899-12-31",
        "2200-01-01",
        "2026-11-21T00:00",
        "２０２６-11-21",
        "",
        "2026/11/21",
        "2026-11/21",
    ],
)
def test_only_iso_dates_of_three_centuries_are_dates(text: str) -> None:
    assert parse_date(text) is None


def test_an_iso_date_is_a_date() -> None:
    assert parse_date("1900-01-01") == MIN_DATE
    assert parse_date("2199-12-31") == MAX_DATE


@pytest.mark.parametrize(
    ("start", "back", "found"),
    [
        ("2026-11-20", True, "2026-11-20"),  # a Friday stays
        ("2026-11-22", True, "2026-11-20"),
        ("2026-11-22", False, "2026-11-23"),
        ("2199-12-31", False, "2199-12-31"),
    ],
)
def test_a_day_is_rolled_to_the_nearest_working_day(start: str, back: bool, found: str) -> None:
    assert roll(day(start), lambda one: one.weekday() < 5, back=back) == day(found)


def test_a_day_without_a_working_day_near_it_stays() -> None:
    assert roll(day("2026-11-22"), lambda one: one.year == 2027, back=False) == day("2026-11-22")
    assert roll(date.max, lambda one: False, back=False) == date.max
    assert roll(date.min, lambda one: False, back=True) == date.min
