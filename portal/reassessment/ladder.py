"""The ladder of steps that lead to a date: when each one's moment begins, and which is told now. Pure, no SQL.

A day's moment is the first instant whose local date is not before that day; moments up to the due date are rolled back
to a working day, those after it forward. The due date itself is never rolled: it is the one that the gate counts. What
got its date on a day from which a step would be rolled back into the past is told that step unrolled: on a Sunday
rather than never.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Protocol

from portal import clock
from portal.clock import local_date
from questionnaires.dates import roll

OVERTAKEN = "overtaken"
HOUR = "hour"  # with which the names of steps by the hour begin
_NAMED = re.compile(r"(before|after)-(\d{1,3})", re.ASCII)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: so many ``days`` or ``hours`` after the due date (before it when negative).

    ``name`` is what a reminder's row keeps. ``to``: whom, as roles of people.py. ``alone``: in a letter of its own.
    ``mandatory``: nobody can turn it off. ``since``: the day since which it stands in the rules without a break; it
    tells nothing of that day or before. None: from the beginning.
    """

    name: str
    days: int | None
    hours: int | None = None
    to: tuple[str, ...] = ()
    alone: bool = False
    mandatory: bool = False
    since: date | None = None


Ladder = tuple[Step, ...]


class Dated(Protocol):
    """What has a ladder: agenda.Item, and whatever a simulation imagines. ``since``: when it came to be, or got its
    present date; ``due_time``: local, None is the end of the day.
    """

    @property
    def due(self) -> date: ...
    @property
    def due_time(self) -> time | None: ...
    @property
    def zone(self) -> str: ...
    @property
    def since(self) -> datetime: ...


class Calendar(Protocol):
    """Which days are working days: workdays.Calendar."""

    def working(self, day: date) -> bool: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step is told: on the local ``day``; steps by the hour at the instant ``at``."""

    step: Step
    day: date
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one look at a subject finds: what is told now, what is only put on record and why, and what comes next."""

    tell: Moment | None
    skip: tuple[tuple[Moment, str], ...]
    next: Moment | None


def named(days: int) -> str:
    """The name of a step so many days after the due date: ``before-30``, ``on-the-day``, ``after-7``."""
    if days == 0:
        return "on-the-day"
    return f"before-{-days}" if days < 0 else f"after-{days}"


def named_hour(hours: int) -> str:
    """The name of a step so many hours after the due time, without the time: ``hour-4``, ``hour+24``."""
    return f"{HOUR}{hours:+d}"


def days_of(name: str) -> int | None:
    """What ``named`` gave the name for; None for a name of another kind."""
    if name == "on-the-day":
        return 0
    found = _NAMED.fullmatch(name)
    if found is None:
        return None
    return -int(found[2]) if found[1] == "before" else int(found[2])


def due_instant(item: Dated) -> datetime:
    """When the due date is over: at the due time, else at the end of the day, UTC."""
    if item.due_time is None:
        return clock.begins(item.due + _DAY, item.zone)
    return clock.at(item.due, item.due_time, item.zone)


def moments(item: Dated, ladder: Ladder, calendar: Calendar) -> tuple[Moment, ...]:
    """Every step with its moment, in the order of their moments; of one day the later step is last.

    Since when the date is set does not count here (``_spoken``).
    """
    found = []
    for step in ladder:
        if step.hours is None:
            assert step.days is not None
            day = roll(item.due + timedelta(days=step.days), calendar.working, back=step.days <= 0)
            found.append(Moment(step, day, None))
        else:
            at = due_instant(item) + timedelta(hours=step.hours)
            shown = "24:00" if item.due_time is None else f"{item.due_time:%H:%M}"
            step = replace(step, name=f"{step.name}@{shown}")
            found.append(Moment(step, local_date(at, item.zone), at))
    return tuple(sorted(found, key=_order))


def _order(one: Moment) -> tuple[date, bool, int]:
    hours = one.step.hours
    return one.day, hours is not None, one.step.days or 0 if hours is None else hours


def plan(item: Dated, ladder: Ladder, calendar: Calendar, *, now: datetime, done: Collection[str]) -> Plan:
    """What a look at ``now`` finds, when the steps named in ``done`` are on record (told or skipped).

    Of all steps whose moment has come and that are not done the newest is told, unless a newer one is done; the others
    are overtaken. Nothing whose moment was over before the subject had its date, or before the step was in the rules.
    """
    return plan_of(item, moments(item, ladder, calendar), ladder, now=now, done=done)


def plan_of(
    item: Dated, steps: Iterable[Moment], ladder: Ladder, *, now: datetime, done: Collection[str]
) -> Plan:
    """``plan`` for whoever has worked out the moments of this date before: ``steps`` as ``moments`` gives them."""
    today, since = local_date(now, item.zone), local_date(item.since, item.zone)
    come: list[Moment] = []
    ahead: Moment | None = None
    for one in _spoken(item, steps, since):
        if one.at <= now if one.at is not None else one.day <= today:
            come.append(one)
        elif ahead is None and one.step.name not in done:
            ahead = one
    if not come:
        return Plan(None, (), ahead)
    newest = come[-1]
    tells = newest.step.name not in done and not _newer_done(newest, ladder, done)
    skip = [one for one in come if one.step.name not in done and not (tells and one is newest)]
    return Plan(newest if tells else None, tuple((one, OVERTAKEN) for one in skip), ahead)


def ahead(item: Dated, ladder: Ladder, calendar: Calendar, *, today: date) -> Moment | None:
    """The next moment after ``today``, for pages."""
    since = local_date(item.since, item.zone)
    coming = _spoken(item, moments(item, ladder, calendar), since)
    return next((one for one in coming if one.day > today), None)


def _spoken(item: Dated, steps: Iterable[Moment], since: date) -> Iterator[Moment]:
    """The moments that began after the subject had its date, on its local day ``since``, and the step its place in the
    rules. A step that only rolling back puts on that day or before is told on its own day; the order stays.
    """
    for one in steps:
        if one.at is None and one.day <= since:
            own = item.due + timedelta(days=one.step.days or 0)
            if own <= since:
                continue
            one = replace(one, day=own)
        elif one.at is not None and one.at <= item.since:
            continue
        if one.step.since is None or one.day > one.step.since:
            yield one


def _newer_done(newest: Moment, ladder: Ladder, done: Collection[str]) -> bool:
    """Whether a later step is on record, such as when the clock was ahead, or by rules of before."""
    if newest.step.days is None:
        return any(
            f"{one.name}@{newest.step.name.partition('@')[2]}" in done
            for one in ladder
            if one.hours is not None and newest.step.hours is not None and one.hours > newest.step.hours
        )
    return any((days := days_of(name)) is not None and days > newest.step.days for name in done)
