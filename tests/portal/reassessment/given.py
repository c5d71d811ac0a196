"""Assessments with a date of the test's choosing, submissions with their consequence, and what was queued."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select, update

from portal.access import CompanyRole
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.reassessment.models import Reassessment, Reminder
from portal.reassessment.service import schedule_next
from questionnaires.definition import Question
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.world import NOW


def noon(day: date) -> datetime:
    """An instant that is on ``day`` in Lisbon."""
    return datetime.combine(day, time(12), UTC)


def put_off(database: Database, assessment: uuid.UUID, due: date, **values: object) -> None:
    """Give an open assessment another due date (and other values, such as its zone)."""
    with database.transaction() as session:
        session.execute(update(Assessment).where(Assessment.id == assessment).values(due=due, **values))
        record(session, Kind.ASSESSMENT_ISSUED, now=NOW, actor=None)


def submit(
    database: Database, issued: Issued, *, assessment: uuid.UUID | None = None, now: datetime = NOW
) -> uuid.UUID:
    """Submit, and run the consequence as the company's owner runs it; returns the submission's id."""
    in_time = (now + timedelta(days=20)).date().isoformat()

    def fill(question: Question) -> Content:
        found = journey.best(question)
        return replace(found, promise_date=in_time) if found.promise_date else found

    submission_id = journey.submit(database, issued, fill=fill, assessment=assessment, now=now)
    follow(database, issued, submission_id, now=now)
    return submission_id


def follow(database: Database, issued: Issued, submission_id: uuid.UUID, *, now: datetime = NOW) -> None:
    """Run the consequence of a submission as the company's owner runs it, if it has not run yet."""
    owner = issued.company[CompanyRole.OWNER]
    with database.looking(SYSTEM) as session:
        submission = session.execute(select(Submission).where(Submission.id == submission_id)).scalar_one()
        one = session.execute(
            select(Assessment).where(Assessment.id == submission.assessment_id)
        ).scalar_one()
        known = session.execute(
            select(Reassessment.id).where(Reassessment.submission_id == submission_id)
        ).first()
    if known is None:
        with database.transaction(owner.scope) as session:
            schedule_next(session, one, submission, owner, now)


def scheduled(database: Database) -> list[Reassessment]:
    with database.looking(SYSTEM) as session:
        statement = select(Reassessment).where(Reassessment.state == "scheduled")
        return list(session.execute(statement.order_by(Reassessment.due, Reassessment.id)).scalars())


def reminders(database: Database) -> list[Reminder]:
    with database.looking(SYSTEM) as session:
        return list(session.execute(select(Reminder).order_by(Reminder.queued_at)).scalars())
