"""What ended or moved while nobody looked: the steps that had come by then are put on record, with the reason.

So that "why did nobody get the reminder of two weeks before" always has an answer. Windows overlap and nothing is
remembered: what is on record already is not written again.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.organisations.models import Organisation
from portal.reassessment import generating
from portal.reassessment.agenda import Item
from portal.reassessment.agenda_rounds import MOVES, OPEN, SCHEDULED, SUBMITTED
from portal.reassessment.generating import Generated, Line
from portal.reassessment.ladder import plan
from portal.reassessment.models import Reassessment
from portal.reassessment.people import chunks
from portal.reassessment.runs import from_another
from portal.vendors.models import Engagement

LOOKS_BACK = timedelta(days=35)
ANSWERED, MOVED, ENDED, OPENED = "answered", "moved", "ended", "opened"
REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Ended:
    """An item as it was until ``at``, and why it is no more."""

    item: Item
    at: datetime
    why: str


def note(database: Database, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Put on record what came to nothing within LOOKS_BACK; returns how many steps."""
    with database.looking(SYSTEM) as session:
        places = session.scalars(select(Organisation.id).order_by(Organisation.id)).all()
    found = Generated()
    for organisation_id in from_another(places, now):
        if stopping():
            break
        with database.looking(SYSTEM) as session:
            lines = look(session, organisation_id, since=now - LOOKS_BACK)
        for start in range(0, len(lines), generating.WRITE_AT_ONCE):
            generating.write(
                database, lines[start : start + generating.WRITE_AT_ONCE], found, now=now, ended=True
            )
    return found.skipped


def look(session: Session, organisation_id: uuid.UUID, *, since: datetime) -> list[Line]:
    """The steps of what ended in one organisation since then that had come and are not on record."""
    ended = list(_ended(session, organisation_id, since))
    lines: list[Line] = []
    for kind in sorted({one.item.kind for one in ended}):
        of_kind = [one for one in ended if one.item.kind == kind]
        known = generating.known(session, [one.item for one in of_kind])
        for one in of_kind:
            item = one.item
            done = known.done.get((item.subject, item.due), set())
            found = plan(item, known.ladder(item), known.calendar(item), now=one.at, done=done)
            come = [moment for moment, _why in found.skip]
            come += [] if found.tell is None else [found.tell]
            lines += [Line(item, moment, one.why) for moment in come]
    return lines


def _ended(session: Session, organisation_id: uuid.UUID, since: datetime) -> Iterator[Ended]:
    yield from _assessments(session, organisation_id, since)
    yield from _opened(session, organisation_id, since)
    yield from _replaced(session, organisation_id, since)
    yield from _moved(session, organisation_id, since)


def _assessments(session: Session, organisation_id: uuid.UUID, since: datetime) -> Iterator[Ended]:
    """Assessments that were answered, declined or cancelled."""
    over = func.coalesce(Assessment.closed_at, Assessment.submitted_at)
    rows = session.execute(
        select(Assessment).where(
            Assessment.organisation_id == organisation_id, Assessment.state != OPEN, over >= since
        )
    ).scalars()
    found = list(rows)
    moves = _moves(session, organisation_id, [one.id for one in found])
    for one in found:
        at = one.closed_at or one.submitted_at
        assert at is not None
        why = ANSWERED if one.state == SUBMITTED else ENDED
        began = _last(moves[one.id], at) or one.issued_at
        yield Ended(_of_assessment(one, one.due, one.due_time, began), at, why)


def _of_assessment(one: Assessment, due: date, due_time: time | None, since: datetime) -> Item:
    """An assessment as the agenda has it while it is open, under a date that its row may not have any more."""
    return Item(
        kind="assessment" if one.campaign_id is None else "campaign",
        subject=one.id,
        source=one.id,
        organisation_id=one.organisation_id,
        company_id=one.company_id,
        vendor_id=one.vendor_id,
        engagement_id=None,
        due=due,
        due_time=due_time,
        since=since,
        zone=one.zone,
        tier=one.ladder if one.campaign_id is not None else str(one.facts.get("engagement.tier") or ""),
        code=one.slug,
        number=0,
    )


def _opened(session: Session, organisation_id: uuid.UUID, since: datetime) -> Iterator[Ended]:
    """Next assessments that are out."""
    rows = session.execute(
        select(Reassessment.id, func.min(Assessment.issued_at).label("at"))
        .join(AssessmentEngagement, AssessmentEngagement.engagement_id == Reassessment.engagement_id)
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .where(
            Reassessment.organisation_id == organisation_id,
            Reassessment.state == SCHEDULED,
            Assessment.slug == Reassessment.slug,
            Assessment.state == OPEN,
            Assessment.campaign_id.is_(None),
            Assessment.issued_at >= since,
        )
        .group_by(Reassessment.id)
    ).all()
    yield from _of_rows(session, organisation_id, {row.id: row.at for row in rows}, OPENED)


def _replaced(session: Session, organisation_id: uuid.UUID, since: datetime) -> Iterator[Ended]:
    """Next assessments that were answered: another submission has set the date."""
    newer, sealed = aliased(Reassessment), aliased(Submission)
    own = aliased(Submission)
    rows = session.execute(
        select(Reassessment.id, func.min(sealed.sealed_at).label("at"))
        .join(own, own.id == Reassessment.submission_id)
        .join(newer, (newer.engagement_id == Reassessment.engagement_id) & (newer.slug == Reassessment.slug))
        .join(sealed, sealed.id == newer.submission_id)
        .where(
            Reassessment.organisation_id == organisation_id,
            Reassessment.state == REPLACED,
            sealed.sealed_at > own.sealed_at,
        )
        .group_by(Reassessment.id)
        .having(func.min(sealed.sealed_at) >= since)
    ).all()
    yield from _of_rows(session, organisation_id, {row.id: row.at for row in rows}, ANSWERED)


def _of_rows(
    session: Session, organisation_id: uuid.UUID, ended: dict[uuid.UUID, datetime], why: str
) -> Iterator[Ended]:
    moves = _moves(session, organisation_id, list(ended))
    for row, sealed_at, vendor_id, tier in _rows(session, list(ended)):
        at = ended[row.id]
        began = _last(moves[row.id], at) or sealed_at
        yield Ended(next_assessment(row, row.due, began, vendor_id, tier), at, why)


def _rows(session: Session, ids: Collection[uuid.UUID]) -> Iterator[Any]:
    """(row, when it was set, vendor, tier) of these next assessments."""
    for some in chunks(set(ids)):
        yield from session.execute(
            select(Reassessment, Submission.sealed_at, Engagement.vendor_id, Engagement.tier)
            .join(Submission, Submission.id == Reassessment.submission_id)
            .join(Engagement, Engagement.id == Reassessment.engagement_id)
            .where(Reassessment.id.in_(some))
        )


def next_assessment(row: Reassessment, due: date, since: datetime, vendor_id: uuid.UUID, tier: str) -> Item:
    """A next assessment as the agenda has it while it is scheduled, under a date that its row does not have."""
    return Item(
        kind="reassessment",
        subject=row.id,
        source=row.id,
        organisation_id=row.organisation_id,
        company_id=None,
        vendor_id=vendor_id,
        engagement_id=row.engagement_id,
        due=due,
        due_time=None,
        since=since,
        zone=row.zone,
        tier=tier,
        code=row.slug,
        number=row.months,
    )


def _moved(session: Session, organisation_id: uuid.UUID, since: datetime) -> Iterator[Ended]:
    """Dates that were moved to another day or hour: the events say which they were."""
    kinds = (Kind.ASSESSMENT_EXTENDED.value, Kind.REASSESSMENT_MOVED.value)
    events = session.execute(
        select(Event.subject_id, Event.kind, Event.at, Event.data).where(
            Event.organisation_id == organisation_id, Event.at >= since, Event.kind.in_(kinds)
        )
    ).all()
    ids = {one.subject_id for one in events}
    moves = _moves(session, organisation_id, ids)
    assessments: dict[uuid.UUID, Assessment] = {}
    for some in chunks(ids):
        found = session.execute(select(Assessment).where(Assessment.id.in_(some))).scalars()
        assessments |= {one.id: one for one in found}
    scheduled = {row[0].id: row for row in _rows(session, ids)}
    for one in events:
        before = date.fromisoformat(one.data["before"])
        clock = time.fromisoformat(one.data["before_time"]) if one.data.get("before_time") else None
        began = _last(moves[one.subject_id], one.at)
        if one.subject_id in assessments:
            asked = assessments[one.subject_id]
            yield Ended(_of_assessment(asked, before, clock, began or asked.issued_at), one.at, MOVED)
        elif one.subject_id in scheduled:
            row, sealed_at, vendor_id, tier = scheduled[one.subject_id]
            yield Ended(next_assessment(row, before, began or sealed_at, vendor_id, tier), one.at, MOVED)


def _moves(
    session: Session, organisation_id: uuid.UUID, ids: Collection[uuid.UUID]
) -> defaultdict[uuid.UUID, list[datetime]]:
    """When each of these got another date, rising."""
    found: defaultdict[uuid.UUID, list[datetime]] = defaultdict(list)
    for some in chunks(set(ids)):
        rows = session.execute(
            select(Event.subject_id, Event.at)
            .where(
                Event.organisation_id == organisation_id,
                Event.subject_id.in_(some),
                Event.kind.in_((*MOVES, Kind.REASSESSMENT_MOVED.value)),
            )
            .order_by(Event.at)
        )
        for subject_id, at in rows:
            if subject_id is not None:
                found[subject_id].append(at)
    return found


def _last(moves: Sequence[datetime], before: datetime) -> datetime | None:
    """The last move before an instant."""
    earlier = [one for one in moves if one < before]
    return earlier[-1] if earlier else None
