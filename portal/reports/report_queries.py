"""Where the submissions that a vendor's report speaks of are read."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, Submission
from portal.assessments.organisation_queries import own_assessments


@dataclass(frozen=True, slots=True)
class Place:
    """Where a submission is read: the round of an assessment."""

    assessment_id: uuid.UUID
    round: int


def places(session: Session, identity: Identity, submissions: Collection[uuid.UUID]) -> list[Place]:
    """Those of these submissions that the identity may see; by questionnaire and the order in which they were sealed.

    What counts at a gate is the gate's to say (GateFacts.submitted): another company's answers and campaigns do not.
    """
    if not submissions:
        return []
    rows = session.execute(
        select(Assessment.id, Submission.round)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(
            Submission.id.in_(sorted(submissions)),
            *mine(identity.scope, Submission),
            *own_assessments(identity),
        )
        .order_by(Assessment.slug, Submission.sealed_at, Submission.round, Submission.id)
    )
    return [Place(assessment, number) for assessment, number in rows]
