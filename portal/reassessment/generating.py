"""The worker's job: every step whose moment has come, decided once for everybody and told to each person once.

Look (what is due, what is on record, who is told) without a lock, then write in small transactions in which the unique
key of the step is the judge: of any number of workers the one whose row is new writes its reminders and letters, too.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.assessments.enquiry_queries import MORE_TIME, OPEN, QUESTION
from portal.assessments.models import Enquiry
from portal.audit import holding
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import Organisation
from portal.reassessment import agenda, alone, digests, inviting, people, rules, workdays
from portal.reassessment.agenda import Item
from portal.reassessment.alone import Alone
from portal.reassessment.kinds import KINDS
from portal.reassessment.ladder import Calendar, Ladder, Moment, Plan, moments, plan_of
from portal.reassessment.models import Reminder, ReminderStep
from portal.reassessment.outcomes import UNDELIVERED
from portal.reassessment.people import Told, chunks
from portal.reassessment.rules import Rules
from portal.reassessment.runs import from_another
from portal.reassessment.steps import BY_BATCH, claim
from portal.rows import insert_new

WRITE_AT_ONCE = 1000
ROLLED = 21  # days that a moment may be rolled back at most (questionnaires.dates.roll)
NO_LETTER = uuid.UUID(int=0)
ASKED, UNSUBSCRIBED, NOBODY = "asked", "unsubscribed", "nobody"
ASKED_ABOUT = ("assessment", "campaign")


@dataclass(slots=True)
class Generated:
    """What one pass did: reminders that people get, steps without anybody, and how late the latest told step was."""

    told: int = 0
    skipped: int = 0
    behind: int = 0  # seconds


@dataclass(frozen=True, slots=True)
class Line:
    """A step of an item that is to be put on record: ``skipped`` says why nobody is told; else ``told`` are."""

    item: Item
    moment: Moment
    skipped: str
    told: tuple[Told, ...] = ()

    @property
    def key(self) -> tuple[uuid.UUID, str, date, str]:
        return self.item.subject, self.item.kind, self.item.due, self.moment.step.name

    @property
    def to_company(self) -> bool:
        """Whether anybody of the company is told, so that its side may see the step."""
        return any(one.of_company for one in self.told)


def generate(database: Database, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> Generated:
    """Put every step on record whose moment has come by ``now``; ``stopping`` ends it between two transactions."""
    found = Generated()
    with database.looking(SYSTEM) as session:
        ahead = _earliest(session)
    for kind in from_another(list(agenda.SOURCES), now):
        last = now.date() + timedelta(days=1 + ROLLED + ahead[kind])  # somewhere it is tomorrow already
        forgets = KINDS[kind].forgets
        first = None if forgets is None else now.date() - timedelta(days=forgets)
        after: uuid.UUID | None = None
        while not stopping():
            with database.looking(SYSTEM) as session:
                items, after = agenda.near(session, kind, first=first, last=last, after=after)
                lines = look(session, items, now=now)
            for start in range(0, len(lines), WRITE_AT_ONCE):
                if stopping():
                    break
                write(database, lines[start : start + WRITE_AT_ONCE], found, now=now)
            if after is None:
                break
    return found


def _earliest(session: Session) -> Counter[str]:
    """By kind, how many days before a date the first step of any organisation's ladder speaks."""
    found: Counter[str] = Counter()
    ids = session.scalars(select(Organisation.id).where(Organisation.closed_at.is_(None))).all()
    for some in chunks(set(ids)):
        for one in {id(each): each for each in rules.of_all(session, set(some)).values()}.values():
            for kind in KINDS:
                found[kind] = max(found[kind], one.earliest(kind))
    return found


# ------------------------------------------------------------------------------------------------------------- looking


@dataclass(frozen=True, slots=True)
class Known:
    """What items of one kind are planned by. ``done``: (subject, due) -> names of steps on record."""

    rules: Mapping[uuid.UUID, Rules]
    regions: Mapping[uuid.UUID, str]
    calendars: Mapping[str, Calendar]
    done: Mapping[tuple[uuid.UUID, date], set[str]]
    _moments: dict[tuple[object, ...], tuple[Moment, ...]] = field(default_factory=dict)

    def plan(self, item: Item, *, now: datetime) -> Plan:
        """What a look at ``now`` finds; the moments of a date are worked out once for all items that have it."""
        ladder = self.ladder(item)
        same = item.organisation_id, item.tier, item.due, item.due_time, item.zone
        if same not in self._moments:
            self._moments[same] = moments(item, ladder, self.calendar(item))
        done = self.done.get((item.subject, item.due), ())
        return plan_of(item, self._moments[same], ladder, now=now, done=done)

    def ladder(self, item: Item) -> Ladder:
        return self.rules[item.organisation_id].ladder(item.kind, item.tier)

    def calendar(self, item: Item) -> Calendar:
        return self.calendars[self.regions[item.organisation_id]]


def known(session: Session, items: Sequence[Item]) -> Known:
    """For items of one kind, in a few statements."""
    ids = {one.organisation_id for one in items}
    regions = _regions(session, ids)
    calendars = workdays.calendars(session, regions.values())
    return Known(rules.of_all(session, ids), regions, calendars, on_record(session, items))


def look(session: Session, items: Sequence[Item], *, now: datetime) -> list[Line]:
    """What is to be put on record of these items (of one kind) at ``now``, and who is told."""
    if not items:
        return []
    by = known(session, items)
    plans: list[tuple[Item, Plan]] = []
    for item in items:
        one = by.plan(item, now=now)
        if one.tell is not None or one.skip:
            plans.append((item, one))
    told = people.roster(session, [item for item, one in plans if one.tell is not None])
    lines = []
    for item, one in plans:
        lines += [Line(item, moment, why) for moment, why in one.skip]
        if one.tell is not None:
            whom = tuple(told.of(item, one.tell.step, day=one.tell.day))
            lines.append(Line(item, one.tell, "" if whom else NOBODY, whom))
    return lines


def on_record(session: Session, items: Sequence[Item]) -> dict[tuple[uuid.UUID, date], set[str]]:
    """The names of steps on record of items of one kind, by (subject, due): a row of a date, not of a step."""
    found: dict[tuple[uuid.UUID, date], set[str]] = {}
    for some in chunks({one.subject for one in items}):
        rows = session.execute(
            select(ReminderStep.subject_id, ReminderStep.due, func.aggregate_strings(ReminderStep.step, "\n"))
            .where(ReminderStep.subject_id.in_(some), ReminderStep.kind == items[0].kind)
            .group_by(ReminderStep.subject_id, ReminderStep.due)
        )
        found |= {(subject_id, due): set(steps.split("\n")) for subject_id, due, steps in rows}
    return found


def _regions(session: Session, ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    found: dict[uuid.UUID, str] = {}
    for some in chunks(ids):
        rows = session.execute(select(Organisation.id, Organisation.region).where(Organisation.id.in_(some)))
        found |= dict(rows.all())
    return found


# ------------------------------------------------------------------------------------------------------------- writing


def write(
    database: Database, lines: Sequence[Line], found: Generated, *, now: datetime, ended: bool = False
) -> None:
    """One transaction: the steps that nobody else has written meanwhile, their reminders, letters and events.

    What is no longer so, or has another date, is left out, unless it is ``ended`` that the lines put on record.
    """
    with database.transaction() as session:
        if not ended:
            live = agenda.still(session, [one.item for one in lines])
            lines = [one for one in lines if (one.item.kind, one.item.subject) in live]
        asked = asked_about(session, [one.item for one in lines if one.told])
        new = _claim(session, lines, asked, now=now)
        told = [one for one in new if one.told]
        rows = _reminders(session, told, asked, now=now)
        insert_new(session, Reminder, rows, unaudited=BY_BATCH)
        inviting.again(session, [one for one in new if one.skipped in ("", NOBODY)], now=now)
        for organisation_id, of_it in _by_organisation(new):
            counted = Counter(one.item.kind for one in of_it)
            record(
                session,
                Kind.REMINDERS_GENERATED,
                now=now,
                actor=None,
                organisation_id=organisation_id,
                data={
                    "kind": ", ".join(sorted(counted)),
                    "told": sum(_pressed(one, asked) for one in of_it),
                    "skipped": sum(1 for one in of_it if one.skipped),
                },
            )
    found.told += sum(1 for row in rows if not row["skipped"])
    found.skipped += sum(1 for one in new if one.skipped)
    for one in told:
        began = one.moment.at or clock.begins(one.moment.day, one.item.zone)
        found.behind = max(found.behind, int((now - began).total_seconds()))


def _claim(
    session: Session, lines: Sequence[Line], asked: frozenset[uuid.UUID], *, now: datetime
) -> list[Line]:
    """Insert the steps; those whose row is new are ours."""
    rows = [
        {
            "subject_id": one.item.subject,
            "kind": one.item.kind,
            "due": one.item.due,
            "step": one.moment.step.name,
            "organisation_id": one.item.organisation_id,
            "company_id": one.item.company_id if one.to_company else None,
            "day": one.moment.day,
            "at": now,
            "people": _pressed(one, asked),
            "skipped": one.skipped,
            "made_id": None,
        }
        for one in lines
    ]
    ours = claim(session, rows)
    return sorted(
        (one for one in lines if one.key in ours), key=lambda one: (one.item.subject.hex, one.key[3])
    )


def _pressed(line: Line, asked: frozenset[uuid.UUID]) -> int:
    """How many people a letter is to tell."""
    return sum(1 for person in line.told if not silence(line, person, asked))


def _reminders(
    session: Session, told: Sequence[Line], asked: frozenset[uuid.UUID], *, now: datetime
) -> list[dict[str, Any]]:
    """The reminders of these steps, each with its letter: one that goes alone, or the person's next digest."""
    state = holding.state_of(session)
    silent: dict[tuple[Any, uuid.UUID], str] = {}
    singly: dict[tuple[Any, uuid.UUID], Alone] = {}
    zones: dict[uuid.UUID, str] = {}
    for one in told:
        step = one.moment.step
        for person in one.told:
            key = one.key, person.person_id
            if why := silence(one, person, asked):
                silent[key] = why
            elif step.alone:
                singly[key] = _alone(one, person)
            else:
                zones.setdefault(person.person_id, one.item.zone)
    letters = alone.queue(session, list(singly.values()), now=now, state=state) if singly else {}
    attached = digests.attach(session, zones, now=now, state=state) if zones else {}
    rows = []
    for one in told:
        for person in one.told:
            key = one.key, person.person_id
            message = NO_LETTER
            if key in singly:
                message = letters.get(singly[key], NO_LETTER)
            elif key not in silent:
                message = attached.get(person.person_id, NO_LETTER)
            why = silent.get(key, UNDELIVERED if message == NO_LETTER else "")
            rows.append(_row(one, person, message, why, now))
    return rows


def _row(line: Line, person: Told, message: uuid.UUID, skipped: str, now: datetime) -> dict[str, Any]:
    item = line.item
    return {
        "id": uuid.uuid4(),
        "organisation_id": item.organisation_id,
        # Letters to the organisation's own people are none of the company's business.
        "company_id": item.company_id if person.of_company else None,
        "subject_id": item.subject,
        "kind": item.kind,
        "step": line.moment.step.name,
        "due": item.due,
        "person_id": person.person_id,
        "message_id": message,
        "group": person.group,
        "queued_at": now,
        "skipped": skipped,
    }


def _alone(line: Line, person: Told) -> Alone:
    item, step = line.item, line.moment.step
    return Alone(
        kind=item.kind,
        subject=item.subject,
        due=item.due,
        step=step.name,
        person=person.person_id,
        organisation=item.organisation_id,
        company=item.company_id if person.of_company else None,
        zone=item.zone,
        group=person.group,
        at_once=step.hours is not None,
    )


def silence(line: Line, person: Told, asked: frozenset[uuid.UUID]) -> str:
    """Why this person is not told; "" where they are. Who waits for the organisation's answer is not pressed."""
    if person.of_company and line.item.source in asked:
        return ASKED
    return UNSUBSCRIBED if person.off else ""


def asked_about(session: Session, items: Iterable[Item]) -> frozenset[uuid.UUID]:
    """The assessments about which the vendor waits for the organisation."""
    found: set[uuid.UUID] = set()
    for some in chunks({one.source for one in items if one.kind in ASKED_ABOUT}):
        found |= set(
            session.scalars(
                select(Enquiry.assessment_id).where(
                    Enquiry.assessment_id.in_(some),
                    Enquiry.state == OPEN,
                    Enquiry.kind.in_((QUESTION, MORE_TIME)),
                )
            )
        )
    return frozenset(found)


def _by_organisation(lines: Iterable[Line]) -> Iterator[tuple[uuid.UUID, list[Line]]]:
    found: Mapping[uuid.UUID, list[Line]] = defaultdict(list)
    for one in lines:
        found[one.item.organisation_id].append(one)
    yield from sorted(found.items(), key=lambda pair: pair[0].hex)
