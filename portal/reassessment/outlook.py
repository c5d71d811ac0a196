"""What is foreseen, for pages: worked out within a bounded time, remembered for a minute, narrowed to who looks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity, mine
from portal.audit.models import Event
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.reassessment import agenda
from portal.reassessment.foreseeing import LONGEST, foresee, world
from portal.reassessment.foreseen_lines import NOBODY, OPENED, SILENT, TOLD, Foreseen
from portal.reassessment.rules_shape import Rules
from portal.remembered import Remembered
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement

SECONDS = 2.0  # that a page may take for what is to come, beside reading what there is
KEPT = 60  # seconds that an answer may be old: what a vendor's colleagues change has no event here
MOST_KEPT = 20_000  # lines
LOOK_AT_CLOCK = 200  # lines
SPOKEN = (TOLD, SILENT, NOBODY)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The lines of some days. ``until``: the last day that is whole; earlier than asked for where time ran out.
    ``opened``: of every assessment that is imagined, which engagements it covers.
    """

    lines: tuple[Foreseen, ...]
    until: date
    whole: bool
    opened: Mapping[uuid.UUID, tuple[uuid.UUID, ...]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happens, with everybody whom it is said to: ``people`` is empty where it is said to nobody."""

    line: Foreseen
    people: tuple[Foreseen, ...]


_known: Remembered[Outlook] = Remembered(8)


def outlook(
    database: Database,
    organisation_id: uuid.UUID,
    *,
    now: datetime,
    start: date,
    end: date,
    seconds: float,
    rules: Rules | None = None,
) -> Outlook:
    """What happens from ``start`` to ``end``, local days, at most LONGEST days ahead, as far as it is worked out within
    ``seconds``, always from today on. ``rules``: as of a draft.

    Reads in sessions of its own. Raises NotFound for an organisation that is not there.
    """
    key = (
        *(organisation_id, start, end, None if rules is None else rules.content_hash, now.date()),
        *(int(clock.elapsed()) // KEPT, _newest(database, organisation_id), str(database.engine.url)),
    )
    known = _known.known(key)
    if known is None:
        known = _outlook(database, organisation_id, now, start, end, rules, seconds)
        if len(known.lines) <= MOST_KEPT:
            _known.keep(key, known)
    return known


def _newest(database: Database, organisation_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """What happened last in the organisation: while it is the same, so is what follows from it."""
    with database.looking(SYSTEM) as session:
        at = select(func.max(Event.at)).where(Event.organisation_id == organisation_id).scalar_subquery()
        return frozenset(
            session.scalars(select(Event.id).where(Event.organisation_id == organisation_id, Event.at == at))
        )


def _outlook(
    database: Database,
    organisation_id: uuid.UUID,
    now: datetime,
    start: date,
    end: date,
    rules: Rules | None,
    seconds: float,
) -> Outlook:
    made = world(database, organisation_id, now=now, until=end, rules=rules)
    today = local_date(now, made.zone)
    end = min(end, today + timedelta(days=LONGEST))
    lines: list[Foreseen] = []
    opened: dict[uuid.UUID, tuple[uuid.UUID, ...]] = {}
    over = clock.elapsed() + seconds
    for number, one in enumerate(foresee(made, None, end)):
        if number % LOOK_AT_CLOCK == 0 and clock.elapsed() > over:
            until = local_date(one.at, made.zone) - timedelta(days=1)
            whole = [line for line in lines if local_date(line.at, made.zone) <= until]
            return Outlook(tuple(whole), until, False, opened)
        if one.what == OPENED:
            opened[one.subject] = one.engagements
        if local_date(one.at, made.zone) >= start:
            lines.append(one)
    return Outlook(tuple(lines), end, True, opened)


def seen_by(session: Session, identity: Identity, found: Outlook) -> Sequence[Foreseen]:
    """The lines that a member sees: business owners what is about engagements of theirs."""
    if not vendors.is_narrowed(identity):
        return found.lines
    own = set(
        session.scalars(
            select(Engagement.id).where(*mine(identity.scope, Engagement), *vendors.own_engagements(identity))
        )
    )
    seen = {(one.kind, one.subject) for one in agenda.of_organisation(session, identity)}
    return [
        one
        for one in found.lines
        if (one.kind, one.subject) in seen
        or own & set(found.opened.get(one.subject, ()))
        or own & set(one.engagements)
    ]


def entries(lines: Sequence[Foreseen], *, kind: str = "", person: uuid.UUID | None = None) -> Iterator[Entry]:
    """Lines that are said at once about one thing, together. ``kind``, ``person``: narrowed to these."""
    waiting: list[Foreseen] = []
    for one in lines:
        if (kind and one.kind != kind) or (person is not None and one.person_id != person):
            continue
        if waiting and not _together(waiting[-1], one):
            yield _entry(waiting)
            waiting = []
        waiting.append(one)
    if waiting:
        yield _entry(waiting)


def _together(one: Foreseen, other: Foreseen) -> bool:
    if one.what not in SPOKEN or other.what not in SPOKEN:
        return False
    return (one.at, one.kind, one.subject, one.due, one.step) == (
        *(other.at, other.kind, other.subject),
        *(other.due, other.step),
    )


def _entry(lines: list[Foreseen]) -> Entry:
    return Entry(lines[0], tuple(one for one in lines if one.person_id is not None))
