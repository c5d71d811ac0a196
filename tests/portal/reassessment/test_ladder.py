"""Which steps are due: rule tables, and the law that it does not matter how often or how late one looks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.reassessment.ladder import EARLIEST, LADDER, coming_steps, due_steps
from portal.reassessment.letters import distance
from questionnaires.dates import add_months

DUE = date(2026, 11, 20)
LONG_AGO = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("days", "names"),
    [
        (-31, ""),
        (-30, "before-30"),
        (-29, "before-30"),
        (-8, "before-30"),
        (-7, "before-30 before-7"),
        (-1, "before-30 before-7"),
        (0, "before-30 before-7 on-the-day"),
        (6, "before-30 before-7 on-the-day"),
        (7, "before-30 before-7 on-the-day after-7"),
        (400, "before-30 before-7 on-the-day after-7"),
    ],
)
def test_every_step_whose_day_has_come_is_due(days: int, names: str) -> None:
    steps = due_steps(DUE, since=LONG_AGO, today=DUE + timedelta(days=days))
    assert [one.name for one in steps] == names.split()


@pytest.mark.parametrize(
    ("days_left", "names"),
    [
        (45, "before-30 before-7 on-the-day after-7"),
        (31, "before-30 before-7 on-the-day after-7"),
        (30, "before-7 on-the-day after-7"),  # issued today: the step's day had begun before
        (10, "before-7 on-the-day after-7"),
        (7, "on-the-day after-7"),
        (0, "after-7"),
        (-7, ""),
    ],
)
def test_steps_from_before_the_subject_are_never_sent(days_left: int, names: str) -> None:
    since = DUE - timedelta(days=days_left)
    steps = due_steps(DUE, since=since, today=DUE + timedelta(days=1000))
    assert [one.name for one in steps] == names.split()


@pytest.mark.parametrize(
    ("anchor", "months", "due", "first_step"),
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
def test_month_ends_and_leap_days(anchor: str, months: int, due: str, first_step: str) -> None:
    found = add_months(date.fromisoformat(anchor), months)
    assert found == date.fromisoformat(due)
    assert LADDER[0].day(found) == date.fromisoformat(first_step)


days = st.dates(date(2024, 1, 1), date(2028, 12, 31))


@given(due=days, since=days, looks=st.lists(days, min_size=1, max_size=12))
def test_however_often_one_looks_the_last_look_alone_decides(
    due: date, since: date, looks: list[date]
) -> None:
    seen = {step for today in looks for step in due_steps(due, since=since, today=today)}
    assert seen == set(due_steps(due, since=since, today=max(looks)))


@given(due=days, since=days, today=days)
def test_nothing_is_due_early_or_both_due_and_coming(due: date, since: date, today: date) -> None:
    now, later = due_steps(due, since=since, today=today), coming_steps(due, since=since, today=today)
    assert all(since < one.day(due) <= today for one in now)
    assert all(one.day(due) > today for one in later)
    assert not set(now) & set(later)
    assert all(due - today <= EARLIEST for _ in now)


@pytest.mark.parametrize(
    ("days", "words"),
    [(-12, "12 days ago"), (-1, "one day ago"), (0, "today"), (1, "in one day"), (30, "in 30 days")],
)
def test_distance_in_words(days: int, words: str) -> None:
    assert distance(DUE + timedelta(days=days), DUE) == words
