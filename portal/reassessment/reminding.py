"""The worker's job: queue every reminder that is due and not yet on record, once for each person.

Look (what is due, to whom, what is on record), write the letters, then insert with the unique key as the judge: of any
number of workers only the one whose row is new queues the letter, in the same transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import outbox
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.outbox import Message
from portal.reassessment import letters, subjects
from portal.reassessment.ladder import Step, due_steps
from portal.reassessment.models import Reminder
from portal.reassessment.queries import OPEN
from portal.reassessment.subjects import Recipient, Subject

WRITE_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Due:
    """The steps of one subject that one person is to be told of, in one letter."""

    subject: Subject
    recipient: Recipient
    steps: tuple[Step, ...]
    message_id: uuid.UUID

    @property
    def company_id(self) -> uuid.UUID | None:
        """Letters to the organisation's own people are none of the company's business."""
        return self.subject.company_id if self.recipient.of_company else None

    def rows(self, now: datetime) -> Iterator[dict[str, Any]]:
        for step in self.steps:
            yield {
                "id": uuid.uuid4(),
                "organisation_id": self.subject.organisation_id,
                "company_id": self.company_id,
                "subject_id": self.subject.id,
                "kind": self.subject.kind,
                "step": step.name,
                "due": self.subject.due,
                "person_id": self.recipient.person_id,
                "message_id": self.message_id,
                "queued_at": now,
            }


def queue_due(database: Database, *, now: datetime) -> int:
    """Queue what is due at ``now`` and not yet sent, in any number of workers at once; returns how many letters."""
    _take_back(database, now=now)
    queued = 0
    for kind in subjects.KINDS:
        after: uuid.UUID | None = None
        while True:
            with database.looking(SYSTEM) as session:
                found = subjects.near(session, kind, now=now, after=after)
                due = list(_missing(session, found, now=now))
            for start in range(0, len(due), WRITE_AT_ONCE):
                queued += _write(database, due[start : start + WRITE_AT_ONCE], now=now)
            if len(found) < subjects.READ_AT_ONCE:
                break
            after = found[-1].id
    return queued


def _take_back(database: Database, *, now: datetime) -> None:
    """Letters that wait to be sent and are past: the assessment is no longer open, or its date has moved."""
    past = (
        select(Reminder.message_id)
        .join(Assessment, Assessment.id == Reminder.subject_id)
        .join(Message, Message.id == Reminder.message_id)
        .where(
            Reminder.kind == subjects.ASSESSMENT,
            Message.state.in_(("queued", "failed")),
            or_(Assessment.state != OPEN, Assessment.due != Reminder.due),
        )
    )
    with database.looking(SYSTEM) as session:
        found = set(session.execute(past).scalars())
    if not found:
        return
    with database.transaction() as session:
        taken = session.execute(
            update(Message)
            .where(Message.id.in_(found), Message.state.in_(("queued", "failed")))
            .values(state="gave_up", last_error="what it reminds of is past", text="", html="")
            .returning(Message.id)
            .execution_options(synchronize_session=False)
        ).scalars()
        for message in taken:
            record(session, Kind.MESSAGE_FAILED, now=now, actor=None, data={"message": message, "past": True})


def _missing(session: Session, found: Sequence[Subject], *, now: datetime) -> Iterator[Due]:
    """What is due of these subjects and has no row yet."""
    told = _on_record(session, found)
    recipients = subjects.recipients(session, found)
    for subject in found:
        today = local_date(now, subject.zone)
        if not due_steps(subject.due, since=subject.since, today=today):
            continue
        for person in recipients(subject):
            since = max(subject.since, local_date(person.joined_at, subject.zone))
            steps = tuple(
                step
                for step in due_steps(subject.due, since=since, today=today)
                if (subject.id, subject.due, step.name, person.person_id) not in told
            )
            if steps:
                yield Due(subject, person, steps, uuid.uuid4())


def _on_record(session: Session, found: Sequence[Subject]) -> set[tuple[uuid.UUID, date, str, uuid.UUID]]:
    if not found:
        return set()
    rows = session.execute(
        select(Reminder.subject_id, Reminder.due, Reminder.step, Reminder.person_id).where(
            Reminder.subject_id.in_([one.id for one in found]), Reminder.kind == found[0].kind
        )
    )
    return set(rows)


def _write(database: Database, due: Sequence[Due], *, now: datetime) -> int:
    """One transaction: rows, letters and events of those that nobody else has written meanwhile."""
    base_url = database.base_url
    composed = {one.message_id: letters.compose(one.subject, one.recipient, now, base_url) for one in due}
    with database.transaction() as session:
        live = subjects.still_live(session, [one.subject for one in due])
        due = [one for one in due if one.subject.id in live]
        new = _insert(session, [row for one in due for row in one.rows(now)])
        queued = 0
        for one in due:
            steps = new.get(one.message_id)
            if not steps:
                continue
            subject = one.subject
            message = outbox.queue(
                session,
                composed[one.message_id],
                now=now,
                organisation_id=subject.organisation_id,
                company_id=one.company_id,
            )
            message.id = one.message_id
            record(
                session,
                Kind.REMINDER_QUEUED,
                now=now,
                actor=None,
                organisation_id=subject.organisation_id,
                company_id=one.company_id,
                data={
                    "kind": subject.kind,
                    "subject": subject.id,
                    "steps": steps,
                    "due": subject.due,
                    "person": one.recipient.person_id,
                    "message": one.message_id,
                },
            )
            queued += 1
        return queued


def _insert(session: Session, rows: Iterable[dict[str, Any]]) -> dict[uuid.UUID, list[str]]:
    """Insert what is new; returns message id -> names of those steps. Sorted, so that workers cannot deadlock."""
    ordered = sorted(rows, key=lambda row: (row["subject_id"].hex, row["step"], row["person_id"].hex))
    if not ordered:
        return {}
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    written = session.execute(
        insert(Reminder).on_conflict_do_nothing().returning(Reminder.message_id, Reminder.step),
        ordered,
        execution_options={
            "unaudited": "each letter has its event; what another worker wrote changes nothing"
        },
    )
    by_message = sorted(written, key=lambda row: (row[0].hex, row[1]))
    return {key: [step for _, step in group] for key, group in groupby(by_message, key=lambda row: row[0])}
