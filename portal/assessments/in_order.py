"""Assessments, submissions and ratings in the order in which they came, for readers who come back for what is new."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, Rating, Submission
from portal.assessments.organisation_queries import own_assessments
from portal.faults import NotFound
from portal.paging import following

STATES = ("open", "submitted", "declined", "cancelled")
After = tuple[datetime, uuid.UUID] | None


def assessments(
    session: Session,
    identity: Identity,
    *,
    vendor_id: uuid.UUID | None,
    state: str,
    after: After,
    most: int,
) -> list[Assessment]:
    """Assessments as they were issued; ``vendor_id``: to one vendor, ``state``: one of STATES, "" for all."""
    statement = select(Assessment).where(*own_assessments(identity))
    if vendor_id is not None:
        statement = statement.where(Assessment.vendor_id == vendor_id)
    if state:
        statement = statement.where(Assessment.state == state)
    return following(session, statement, Assessment.issued_at, Assessment.id, after=after, most=most)


def submissions(session: Session, identity: Identity, assessment_id: uuid.UUID) -> list[Submission]:
    """What was submitted for an assessment that the caller has read, the first round first."""
    statement = (
        select(Submission)
        .where(Submission.assessment_id == assessment_id, *mine(identity.scope, Submission))
        .order_by(Submission.round)
    )
    return list(session.execute(statement).scalars())


def submission(
    session: Session, identity: Identity, submission_id: uuid.UUID
) -> tuple[Submission, Assessment]:
    """A submission with its assessment, as far as the reader may see that; NotFound."""
    row = session.execute(
        select(Submission, Assessment)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(Submission.id == submission_id, *mine(identity.scope, Submission), *own_assessments(identity))
    ).first()
    if row is None:
        raise NotFound
    return row[0], row[1]


def ratings(session: Session, identity: Identity, submission_id: uuid.UUID) -> list[Rating]:
    """The ratings of a submission that the caller has read; the last one stands."""
    statement = (
        select(Rating)
        .where(Rating.submission_id == submission_id, *mine(identity.scope, Rating))
        .order_by(Rating.sequence)
    )
    return list(session.execute(statement).scalars())


def rating(session: Session, identity: Identity, rating_id: uuid.UUID) -> Rating:
    """A rating of an assessment that the reader may see; NotFound."""
    found: Rating | None = session.execute(
        select(Rating)
        .join(Submission, Submission.id == Rating.submission_id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(Rating.id == rating_id, *mine(identity.scope, Rating, Submission), *own_assessments(identity))
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found
