"""What is handed in, returned or judged moves the ground of every engagement that the assessment covers."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.db import across
from portal.vendors.ground import ground_moved


def assessment_moved(session: Session, assessment: Assessment) -> None:
    """See ``vendors.ground.ground_moved``; from either side."""
    company = (
        [] if assessment.company_id is None else [AssessmentEngagement.company_id == assessment.company_id]
    )
    ids = session.execute(
        select(AssessmentEngagement.engagement_id).where(
            AssessmentEngagement.assessment_id == assessment.id,
            AssessmentEngagement.organisation_id == assessment.organisation_id,
            *company,
        )
    ).scalars()
    ground_moved(session, assessment.organisation_id, ids.all())


def submissions_moved(session: Session, submission_ids: Collection[uuid.UUID]) -> None:
    """The same for those who destroy what was handed in, to whichever organisations."""
    rows = session.execute(
        select(AssessmentEngagement.organisation_id, AssessmentEngagement.engagement_id)
        .join(Submission, Submission.assessment_id == AssessmentEngagement.assessment_id)
        .where(Submission.id.in_(submission_ids))
        .distinct()
        .execution_options(**across("what is destroyed moves the ground of gates on both sides"))
    )
    found: dict[uuid.UUID, set[uuid.UUID]] = {}
    for organisation, engagement in rows:
        found.setdefault(organisation, set()).add(engagement)
    for organisation in sorted(found):
        ground_moved(session, organisation, found[organisation])
