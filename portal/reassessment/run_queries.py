"""What the worker did and will do, as members of one organisation may see it: passes and failures of the installation,
numbers and dates of their own.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity, mine
from portal.organisations import queries as organisations
from portal.reassessment import agenda, calendar_queries, rules, workdays
from portal.reassessment.agenda import Item
from portal.reassessment.calendar_queries import Row
from portal.reassessment.kinds import OWN
from portal.reassessment.ladder import Calendar, Ladder, Moment, Step, ahead
from portal.reassessment.models import ReminderStep
from portal.reassessment.models_runs import WorkerRun
from portal.reassessment.rules_shape import Rules
from portal.vendors import queries as vendors
from questionnaires.dates import roll

LAST_RUNS = 20
NEXT_MOMENTS = 20
MOST_LISTED = 20
ROLLED = 21  # days that a moment may lie before its day at most (questionnaires.dates.roll)
MOST_AHEAD = timedelta(days=366)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Run:
    """Some passes of one worker. ``worker``: its number among those that are listed, as names of machines are nobody's
    business here. ``jobs``: what had something to do; ``faults``: what failed.
    """

    worker: int
    began: datetime
    ended: datetime
    passes: int
    jobs: tuple[str, ...]
    faults: tuple[str, ...]
    behind: timedelta


@dataclass(frozen=True, slots=True)
class Done:
    """The organisation's own numbers: of today, and of seven days. ``skipped``: by reason."""

    told: tuple[int, int]
    opened: tuple[int, int]
    skipped: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Early:
    """A step that is on record under a moment that is yet to come: a clock was wrong when it was written."""

    kind: str
    step: str
    due: date
    at: datetime


def last_runs(session: Session) -> list[Run]:
    """The newest of all workers, the newest first. Without numbers: those are of all organisations together."""
    rows = session.scalars(
        select(WorkerRun).order_by(WorkerRun.ended_at.desc(), WorkerRun.id).limit(LAST_RUNS)
    ).all()
    numbers = {name: number for number, name in enumerate(sorted({one.name for one in rows}), 1)}
    return [
        Run(
            worker=numbers[one.name],
            began=one.began_at,
            ended=one.ended_at,
            passes=one.passes,
            jobs=tuple(one.counts),
            faults=tuple(one.faults),
            behind=timedelta(seconds=one.behind),
        )
        for one in rows
    ]


def done(session: Session, identity: Identity, *, now: datetime, zone: str) -> Done:
    """What was put on record for the organisation today and in the last seven days, in one statement."""
    today = clock.begins(clock.local_date(now, zone), zone)
    first = clock.begins(clock.local_date(now, zone) - WEEK + timedelta(days=1), zone)
    is_today = ReminderStep.at >= today
    rows = session.execute(
        select(
            ReminderStep.skipped,
            func.count().label("steps"),
            func.sum(case((is_today, 1), else_=0)).label("steps_today"),
            func.sum(ReminderStep.people).label("people"),
            func.sum(case((is_today, ReminderStep.people), else_=0)).label("people_today"),
            func.count(ReminderStep.made_id.distinct()).label("made"),
            func.count(case((is_today, ReminderStep.made_id)).distinct()).label("made_today"),
        )
        .where(*mine(identity.scope, ReminderStep), ReminderStep.at >= first, ReminderStep.at <= now)
        .group_by(ReminderStep.skipped)
    ).all()
    told, opened, skipped = (0, 0), (0, 0), {}
    for one in rows:
        if one.skipped:
            skipped[one.skipped] = (int(one.steps_today), int(one.steps))
        else:
            told, opened = (int(one.people_today), int(one.people)), (int(one.made_today), int(one.made))
    return Done(told, opened, dict(sorted(skipped.items())))


def coming(session: Session, identity: Identity, *, now: datetime) -> list[tuple[Row, Moment]]:
    """The nearest moments of what this person sees, NEXT_MOMENTS of them at most, by their day."""
    place = organisations.organisation_of(session, identity)
    found, today = rules.current(session, place.id), clock.local_date(now, place.zone)
    calendar = workdays.calendars(session, [place.region])[place.region]
    # Most have enough to do on the next working day, and what leads to it is a small part of everything.
    days, until = _Days(calendar, today), roll(today + timedelta(days=1), calendar.working, back=False)
    wanted = {
        kind: days.leading(*_span(found, kind, today), _steps(found, kind), until) for kind in agenda.SOURCES
    }
    chosen = nearest(agenda.of_days(session, identity, wanted, found), found, calendar, today=today)
    if len(chosen) < NEXT_MOMENTS or chosen[-1][1].day > until:
        items: list[Item] = []
        for kind in agenda.SOURCES:
            first, last = _span(found, kind, today)
            items += agenda.of_organisation(session, identity, [kind], first=first, last=last)
        chosen = nearest(items, found, calendar, today=today)
    rows = calendar_queries.rows(session, identity, [item for item, _ in chosen])
    return [(row, moment) for row, (_, moment) in zip(rows, chosen, strict=True)]


def _span(found: Rules, kind: str, today: date) -> tuple[date, date]:
    """The first and the last day on which something of a kind may be due that a step is still to come of."""
    last = min(today + timedelta(days=found.earliest(kind) + ROLLED), today + MOST_AHEAD)
    return today - timedelta(days=_latest(found, kind) + ROLLED), last


def nearest(
    items: Iterable[Item], found: Rules, calendar: Calendar, *, today: date, most: int = NEXT_MOMENTS
) -> list[tuple[Item, Moment]]:
    """The items whose next moment after ``today`` comes first, by its day.

    Whether a step speaks at all is asked only of those that can be among them: its day is known before.
    """
    ladders: dict[tuple[str, str], Ladder] = {}
    days = _Days(calendar, today)
    heap: list[tuple[date, int, Item]] = []
    for number, item in enumerate(items):
        key = item.kind, item.tier
        if key not in ladders:
            ladders[key] = found.ladder(*key)
        earliest = days.earliest(item.due, ladders[key])
        if earliest is not None:
            heap.append((earliest, number, item))
    heapq.heapify(heap)
    sure: list[tuple[date, int, Item, Moment]] = []
    while heap and (len(sure) < most or heap[0][:2] < sure[most - 1][:2]):
        _, number, item = heapq.heappop(heap)
        moment = ahead(item, ladders[item.kind, item.tier], calendar, today=today)
        if moment is not None:
            sure.append((moment.day, number, item, moment))
            sure.sort(key=lambda one: one[:2])
            if len(sure) > most:  # as early as the last, and later in order
                del sure[most:]
    return [(item, moment) for _, _, item, moment in sure]


class _Days:
    """The days of steps after ``today``; each day is rolled once, whatever hangs on it."""

    def __init__(self, calendar: Calendar, today: date) -> None:
        self._calendar, self._today = calendar, today
        self._rolled: dict[tuple[date, bool], date] = {}

    def earliest(self, due: date, ladder: Ladder) -> date | None:
        """The first day after today on which a step towards ``due`` may speak; None when none is left."""
        found = [self._day(due, step) for step in ladder]
        return min((day for day in found if day > self._today), default=None)

    def leading(self, first: date, last: date, steps: Collection[Step], until: date) -> set[date]:
        """The due dates from ``first`` to ``last`` of which a step may speak after today, ``until`` at the latest."""
        dues = (first + timedelta(days=far) for far in range((last - first).days + 1))
        return {due for due in dues if any(self._today < self._day(due, step) <= until for step in steps)}

    def _day(self, due: date, step: Step) -> date:
        if step.days is None:  # by the hour: it begins on no earlier day than this, or today
            return max(due + timedelta(days=_offset(step)), self._today + timedelta(days=1))
        key = due + timedelta(days=step.days), step.days <= 0
        if key not in self._rolled:
            self._rolled[key] = roll(key[0], self._calendar.working, back=key[1])
        # What has its date since today is told a step that rolling puts behind today on the step's own day.
        return self._rolled[key] if self._rolled[key] > self._today else key[0]


def _offset(step: Step) -> int:
    """The least number of days after the due date that a step speaks."""
    return step.days if step.days is not None else (step.hours or 0) // 24 - 1


def _latest(found: Rules, kind: str) -> int:
    """How many days after a date the last step of any ladder of this kind speaks."""
    return max([0, *(_offset(step) + 2 for step in _steps(found, kind))])


def _steps(found: Rules, kind: str) -> list[Step]:
    """The steps of all ladders of a kind; of those that speak on the same day, or at the same hour, one."""
    ladders = OWN[kind] if kind in OWN else found.ladders[kind]
    return list({(step.days, step.hours): step for ladder in ladders.values() for step in ladder}.values())


def stuck(session: Session, identity: Identity) -> tuple[list[Row], int]:
    """Next assessments that could not be opened, the longest first, at most MOST_LISTED; and how many there are."""
    items = agenda.of_organisation(session, identity, ["stuck"])
    return calendar_queries.rows(session, identity, items[:MOST_LISTED]), len(items)


def early(session: Session, identity: Identity, *, now: datetime) -> tuple[list[Early], int]:
    """Steps that were written by a clock that was ahead; and how many there are. Never sent twice, never again."""
    here = (*mine(identity.scope, ReminderStep), ReminderStep.at > now)
    total = session.scalar(select(func.count()).select_from(ReminderStep).where(*here)) or 0
    if not total or vendors.is_narrowed(identity):  # whose they are is not read here
        return [], total
    rows: Sequence[ReminderStep] = session.scalars(
        select(ReminderStep).where(*here).order_by(ReminderStep.at.desc(), ReminderStep.id).limit(MOST_LISTED)
    ).all()
    return [Early(one.kind, one.step, one.due, one.at) for one in rows], total
