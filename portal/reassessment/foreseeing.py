"""Foresight: who is told what, when and why, and what is opened, if nothing happens from now on but days.

The worker's own pure functions run over an imagined world (foreseen_world.py), from one instant at which something is
to be said or opened to the next. The law is tested: it is what the worker then does (test_foreseeing.py).
"""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from portal.clock import begins, local_date
from portal.reassessment import agenda, generating
from portal.reassessment.agenda import Item
from portal.reassessment.agenda_outside import TRIGGER_DAYS
from portal.reassessment.foreseen_lines import (
    HINDERED,
    MOVED,
    NOBODY,
    OPENED,
    SILENT,
    TOLD,
    TRIGGER,
    Foreseen,
    happens,
    instant,
)
from portal.reassessment.foreseen_post import LetterBox
from portal.reassessment.foreseen_world import World, imagined, world
from portal.reassessment.generating import Line
from portal.reassessment.held_back import is_over
from portal.reassessment.hindering import Hindered
from portal.reassessment.kinds import BUSINESS_OWNER, ISSUER, ISSUERS, KINDS
from portal.reassessment.ladder import Ladder, Moment, plan_of
from portal.reassessment.ladder import moments as moments_of
from portal.reassessment.opening import Opening, Waiting, first_day, in_order, open_on
from portal.reassessment.people import Named
from portal.reassessment.rules_shape import ITSELF
from portal.reassessment.triggers import Found, days_of

__all__ = ["World", "foresee", "world"]

LONGEST = 400  # days
_KINDS = {kind: number for number, kind in enumerate(agenda.SOURCES)}
_DAY = timedelta(days=1)


def foresee(
    made: World,
    start: date | None = None,
    end: date | None = None,
    *,
    passes: Sequence[datetime] | None = None,
) -> Iterator[Foreseen]:
    """What happens from local day ``start`` to ``end`` (else all that the world holds), in the order of time.

    A worker that never sleeps is imagined; or one that looks at the instants ``passes`` only, rising, of which the
    first is the world's own.
    """
    last = made.until if end is None else min(end, made.until)
    for one in _Simulation(made, passes).run(begins(last + _DAY, made.zone)):
        if start is None or local_date(one.at, made.zone) >= start:
            yield one


class _Course:
    """One item on its way down its ladder."""

    __slots__ = ("done", "item", "ladder", "steps")

    def __init__(self, item: Item, ladder: Ladder, steps: tuple[Moment, ...], done: set[str]) -> None:
        self.item, self.ladder, self.steps, self.done = item, ladder, steps, done


Group = tuple[uuid.UUID, str]  # vendor, questionnaire


class _Simulation:
    """Walks from instant to instant; whatever is to be looked at lies in one heap by its time."""

    def __init__(self, made: World, passes: Sequence[datetime] | None) -> None:
        self.world, self.passes = made, passes
        self.end = begins(made.until + _DAY, made.zone)
        self.heap: list[tuple[datetime, int, _Course | Found | Group | None]] = []
        self.pushed = 0
        self.courses: dict[tuple[str, uuid.UUID], _Course] = {}
        # By engagement, the subjects of its next assessments.
        self.next_of: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
        self.known_steps: dict[tuple[Any, ...], tuple[Moment, ...]] = {}
        self.rows: dict[Group, dict[uuid.UUID, Waiting]] = defaultdict(dict)
        self.ready: set[Group] = set()
        self.day, self.opened = local_date(made.now, made.zone), made.opened_today
        self.asks = made.rules.opening != ITSELF
        self.letters = LetterBox(made, self._looked)
        for item in made.items:
            self._begin(item, made.done[item.kind].get((item.subject, item.due), set()))
        for row in made.waiting:
            self.rows[row.vendor_id, row.slug][row.id] = row
        for group, rows in self.rows.items():
            self._look_at(group, self.day)
            if any(row.hindered for row in rows.values()):  # what is over is taken back by the first pass
                self._push(made.now, group)
        for day, found in made.found:
            self._push(begins(day, made.zone), found)

    # --------------------------------------------------------------------------------------------------------- time

    def run(self, end: datetime) -> Iterator[Foreseen]:
        while self.heap:
            now = self._looked(self.heap[0][0])
            if now is None or now >= end:
                return
            courses: dict[int, _Course] = {}
            # What one look finds is put on record by id, however long it has been so (triggers.put).
            for trigger in sorted(self._come(now, courses), key=lambda one: one.id.hex):
                yield from self._found(trigger, now)
            self._come(now, courses)  # what triggers and openings have begun is looked at in the same pass
            yield from self._openings(now)
            self._come(now, courses)
            ordered = sorted(courses.values(), key=lambda one: (_KINDS[one.item.kind], one.item.source.hex))
            for one in ordered:
                yield from self._look(one, now)

    def _come(self, now: datetime, courses: dict[int, _Course]) -> list[Found]:
        """Take out of the heap what is to be looked at by ``now``; returns the triggers."""
        found: list[Found] = []
        while self.heap and self.heap[0][0] <= now:
            payload = heappop(self.heap)[2]
            if isinstance(payload, _Course):
                courses[id(payload)] = payload
            elif isinstance(payload, Found):
                found.append(payload)
            elif payload is not None:
                self.ready.add(payload)
        return found

    def _looked(self, instant: datetime) -> datetime | None:
        """When a worker looks that is at work at ``instant`` or later; None: never."""
        instant = max(instant, self.world.now)
        if self.passes is None:
            return instant
        at = bisect_left(self.passes, instant)
        return self.passes[at] if at < len(self.passes) else None

    def _push(self, instant: datetime, payload: _Course | Found | Group | None) -> None:
        if instant >= self.end:
            return
        self.pushed += 1
        heappush(self.heap, (instant, self.pushed, payload))

    # -------------------------------------------------------------------------------------------------------- ladders

    def _begin(self, item: Item, done: set[str], now: datetime | None = None) -> None:
        ladder = self.world.rules.ladder(item.kind, item.tier)
        key = (item.due, item.due_time, item.zone, id(ladder))
        if key not in self.known_steps:
            self.known_steps[key] = moments_of(item, ladder, self.world.calendar)
        course = _Course(item, ladder, self.known_steps[key], set(done))
        self.courses[item.kind, item.subject] = course
        if item.kind == "reassessment" and item.engagement_id is not None:
            self.next_of[item.engagement_id].add(item.subject)
        at = now or self.world.now
        found = plan_of(item, course.steps, ladder, now=at, done=course.done)
        if found.tell is not None or found.skip:
            self._push(at, course)
        elif found.next is not None:
            self._push(instant(found.next, item), course)

    def _look(self, course: _Course, now: datetime) -> Iterator[Foreseen]:
        item = course.item
        if self.courses.get((item.kind, item.subject)) is not course:
            return
        forgets = KINDS[item.kind].forgets
        if forgets is not None and item.due < now.date() - timedelta(days=forgets):
            return
        found = plan_of(item, course.steps, course.ladder, now=now, done=course.done)
        course.done |= {one.step.name for one, _why in found.skip}
        if found.tell is not None:
            course.done.add(found.tell.step.name)
            yield from self._tell(item, found.tell, now)
        if found.next is not None:
            self._push(instant(found.next, item), course)

    def _tell(self, item: Item, moment: Moment, now: datetime) -> Iterator[Foreseen]:
        people = tuple(self.world.roster.of(item, moment.step, day=moment.day))
        line = Line(item, moment, "", people)
        said = happens(NOBODY, item, now, step=moment.step.name, moment=moment.day)
        if not people:
            yield said
        for person in people:
            why = generating.silence(line, person, self.world.asked)
            told = replace(
                said,
                what=SILENT if why else TOLD,
                person_id=person.person_id,
                of_company=person.of_company,
                code=why,
            )
            yield told if why else self.letters.put(told, moment, now)

    # ------------------------------------------------------------------------------------------------------- triggers

    def _found(self, found: Found, now: datetime) -> Iterator[Foreseen]:
        about = self.world.about[found.engagement_id]
        days = days_of(self.world.rules.triggers[found.kind])
        if days is not None:
            today = local_date(now, self.world.zone)
            day = today + timedelta(days=max(days, self.world.rules.notice_days))
            moved = list(self._pulled(found, day, now))
            yield from moved
            if moved:
                return
        if about.offboarded:
            return
        item = self.world.item(
            "trigger",
            found.id,
            due=local_date(now, self.world.zone) + timedelta(days=TRIGGER_DAYS),
            since=now,
            tier=about.tier,
            code=found.kind,
            vendor_id=about.vendor_id,
            engagement_id=found.engagement_id,
        )
        owner = {BUSINESS_OWNER: frozenset({about.owner})} if about.owner is not None else {}
        self.world.roster.name("trigger", found.id, Named(owner))
        yield happens(TRIGGER, item, now, code=found.kind)
        self._begin(item, set(), now)

    def _pulled(self, found: Found, day: date, now: datetime) -> Iterator[Foreseen]:
        """The next assessments that a trigger draws nearer, as triggers._pull does."""
        for subject in sorted(self.next_of[found.engagement_id]):
            course = self.courses.get(("reassessment", subject))
            if course is None or (found.slug and course.item.code != found.slug):
                continue
            item = course.item
            past = self.world.before.get(subject)
            due = max(day, past.not_before) if past is not None and past.not_before else day
            if due >= item.due:
                continue
            moved = replace(item, due=due, since=now)
            done = self.world.done["reassessment"].get((subject, due), set())
            self._begin(moved, done, now)
            yield happens(MOVED, moved, now, code=TRIGGER)
            assert item.vendor_id is not None
            group = item.vendor_id, item.code
            if subject in self.rows.get(group, {}):
                self.rows[group][subject] = replace(self.rows[group][subject], due=due, opened=False)
                self._look_at(group, local_date(now, self.world.zone))

    # ------------------------------------------------------------------------------------------------------- openings

    def _look_at(self, group: Group, today: date) -> None:
        """Have a group looked at on the first day on which one of its rows is to be opened."""
        rows = [row for row in self.rows[group].values() if not row.opened]
        if rows:
            rules, calendar = self.world.rules, self.world.calendar
            day = min(first_day(row, rules, calendar, today=today) for row in rows)
            self._push(begins(day, self.world.zone), group)

    def _openings(self, now: datetime) -> Iterator[Foreseen]:
        if not self.ready:
            return
        rules, calendar = self.world.rules, self.world.calendar
        today = local_date(now, self.world.zone)
        if today != self.day:
            self.day, self.opened = today, 0
        rows = [row for group in self.ready for row in self.rows[group].values() if not row.opened]
        found = in_order(rows, rules, calendar, today)
        self._free({row.id for one in found for row in one.rows})
        for group in self.ready - {(one.vendor_id, one.slug) for one in found}:
            self.ready.discard(group)
            self._look_at(group, today)
        for one in found:
            if not calendar.working(today) or (self.opened >= rules.a_day and not self.asks):
                self._push(begins(today + _DAY, self.world.zone), None)
                return
            self.ready.discard((one.vendor_id, one.slug))
            try:
                yield self._open(one, now)
                self.opened += 1
                self._look_at((one.vendor_id, one.slug), today)
            except Hindered as fault:
                yield from self._hinder(one, fault.code, now)

    def _free(self, due: set[uuid.UUID]) -> None:
        """What hindered a row is over where it is to be opened now no more: as held_back.clear has it."""
        for group in self.ready:
            for row in list(self.rows[group].values()):
                if row.hindered and is_over(row.hindered, row.id in due, asks=self.asks):
                    self.rows[group][row.id] = replace(row, hindered="")
                    self.courses.pop(("stuck", row.id), None)

    def _open(self, one: Opening, now: datetime) -> Foreseen:
        """Raises Hindered."""
        code, actor, email = self.world.hindrance(one)
        if actor is None or code:
            raise Hindered(code)
        item, named = imagined(self.world, one, actor, email, now)
        self.world.roster.name("assessment", one.made_id, named)
        self._begin(item, set(), now)
        for row in one.rows:
            del self.rows[one.vendor_id, one.slug][row.id]
            for kind in ("reassessment", "stuck"):
                self.courses.pop((kind, row.id), None)
        said = happens(OPENED, item, now, late=one.late)
        return replace(said, engagements=tuple(row.engagement_id for row in one.rows))

    def _hinder(self, one: Opening, code: str, now: datetime) -> Iterator[Foreseen]:
        today = local_date(now, self.world.zone)
        group = one.vendor_id, one.slug
        new = [row for row in one.rows if row.hindered != code]
        for row in new:
            self.rows[group][row.id] = replace(row, hindered=code)
            item = self._stuck(row, code, today)
            self._begin(item, set(), now)
            yield happens(HINDERED, item, now, code=code)
        # It is tried in each pass, and stays so until other rows go with it.
        rules, calendar = self.world.rules, self.world.calendar
        days = []
        for row in self.rows[group].values():
            if row.opened or row in one.rows or row in new:
                continue
            opens = open_on(row, rules, calendar, today=today) - timedelta(days=rules.together_days)
            days += [opens] if opens > today else []
        days += [row.lapses for row in one.rows if row.lapses is not None and row.lapses > today]
        if days:
            self._push(begins(min(days), self.world.zone), group)

    def _stuck(self, row: Waiting, code: str, today: date) -> Item:
        past = self.world.before[row.id]
        about = self.world.about[row.engagement_id]
        issuer = frozenset({past.issued_by})
        owner = {BUSINESS_OWNER: frozenset({about.owner})} if about.owner is not None else {}
        self.world.roster.name("stuck", row.id, Named({ISSUER: issuer, ISSUERS: issuer} | owner))
        return self.world.item(
            "stuck",
            row.id,
            due=today,
            since=past.sealed_at,
            tier=about.tier,
            code=code,
            vendor_id=row.vendor_id,
            engagement_id=row.engagement_id,
        )
