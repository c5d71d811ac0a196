"""When each engagement is assessed next: set by submitting, computed from an anchor, never from a run of the worker."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import across
from portal.library import service as library
from portal.reassessment.models import Reassessment
from portal.vendors import policy_queries as policies
from portal.vendors.models import Engagement, Vendor
from questionnaires.dates import add_months

SCHEDULED, REPLACED, ENDED = "scheduled", "replaced", "ended"
ONCE = frozenset({"campaign"})  # purposes that ask once and renew nothing


def schedule_next(
    session: Session, assessment: Assessment, submission: Submission, actor: Identity | None, now: datetime
) -> None:
    """A consequence of submitting: the next assessment of each covered engagement by the same questionnaire.

    The anchor is the day of the last round that asked everything, for a return of chosen questions renews nothing;
    the months are the policy's for the engagement's tier. What was scheduled for these engagements by this
    questionnaire before is replaced. A campaign asks once and is not asked again by itself.
    """
    if library.definition(session, submission.content_hash).purpose in ONCE:
        return
    policy = policies.current(session, assessment.organisation_id)
    anchor = submission.whole_as_of or submission.as_of
    covered = _covered(session, assessment)
    session.execute(
        update(Reassessment)
        .where(
            Reassessment.organisation_id == submission.organisation_id,
            Reassessment.company_id == submission.company_id,
            Reassessment.engagement_id.in_([engagement_id for engagement_id, _ in covered]),
            Reassessment.slug == assessment.slug,
            Reassessment.state == SCHEDULED,
        )
        .values(state=REPLACED)
        .execution_options(synchronize_session=False)
    )
    for engagement_id, tier in covered:
        months = policy.tier(tier).months
        row = Reassessment(
            id=uuid.uuid4(),
            organisation_id=submission.organisation_id,
            company_id=submission.company_id,
            engagement_id=engagement_id,
            submission_id=submission.id,
            slug=assessment.slug,
            tier=tier,
            anchor=anchor,
            months=months,
            due=add_months(anchor, months),
            zone=assessment.zone,
            state=SCHEDULED,
        )
        session.add(row)
        data = {"engagement": engagement_id, "tier": tier, "months": months, "due": row.due}
        record(session, Kind.REASSESSMENT_SCHEDULED, now=now, actor=actor, subject=row, data=data)
    session.flush()


def end_of_link(session: Session, vendor: Vendor) -> None:
    """Whoever was asked is no longer the vendor's company: nobody is asked again, and nobody is reminded of it."""
    engagements = select(Engagement.id).where(
        Engagement.vendor_id == vendor.id, Engagement.organisation_id == vendor.organisation_id
    )
    session.execute(
        update(Reassessment)
        .where(
            Reassessment.organisation_id == vendor.organisation_id,
            Reassessment.engagement_id.in_(engagements),
            Reassessment.state == SCHEDULED,
        )
        .values(state=ENDED)
        .execution_options(synchronize_session=False)
    )


def _covered(session: Session, assessment: Assessment) -> list[tuple[uuid.UUID, str]]:
    """(id, tier) of the engagements that the assessment covers."""
    rows = session.execute(
        select(Engagement.id, Engagement.tier)
        .join(AssessmentEngagement, AssessmentEngagement.engagement_id == Engagement.id)
        .where(
            AssessmentEngagement.assessment_id == assessment.id,
            AssessmentEngagement.organisation_id == assessment.organisation_id,
        )
        .order_by(Engagement.id)
        .execution_options(**across("submitting sets the next date by the tier of what is covered"))
    )
    return list(rows)
