"""Which submissions a vendor's report speaks of: the newest of each questionnaire on one of its engagements."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.assessments.organisation_queries import own_assessments


@dataclass(frozen=True, slots=True)
class Current:
    """A submission that counts, where to read it, and the engagements that it is the newest for."""

    assessment_id: uuid.UUID
    round: int
    engagements: tuple[uuid.UUID, ...]


def current(session: Session, identity: Identity, engagement_ids: Collection[uuid.UUID]) -> list[Current]:
    """One statement; by questionnaire and the order in which they were sealed."""
    if not engagement_ids:
        return []
    rows = session.execute(
        select(
            Submission.id,
            Assessment.id,
            Assessment.slug,
            Submission.round,
            AssessmentEngagement.engagement_id,
        )
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .join(AssessmentEngagement, AssessmentEngagement.assessment_id == Assessment.id)
        .where(
            AssessmentEngagement.engagement_id.in_(sorted(engagement_ids)),
            *mine(identity.scope, Submission, AssessmentEngagement),
            *own_assessments(identity),
        )
        .order_by(Submission.sealed_at, Submission.round, Submission.id)
    )
    newest = {
        (slug, engagement): (slug, one, assessment, at) for one, assessment, slug, at, engagement in rows
    }
    found: dict[tuple[str, uuid.UUID], tuple[uuid.UUID, int, list[uuid.UUID]]] = {}
    for (_slug, engagement), (slug, one, assessment, at) in newest.items():
        found.setdefault((slug, one), (assessment, at, []))[2].append(engagement)
    return [
        Current(assessment, at, tuple(sorted(engagements)))
        for (_slug, _one), (assessment, at, engagements) in sorted(found.items(), key=lambda item: item[0][0])
    ]
