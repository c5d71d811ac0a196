"""When each engagement is assessed next: set by submitting, computed from an anchor, never from a run of the worker."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import across
from portal.library import service as library
from portal.reassessment import rules
from portal.reassessment.dating import ENDED, LEFT, POLICY, SCHEDULED, basis, cycle_of, due_of
from portal.reassessment.models import Reassessment
from portal.reassessment.models_triggers import Incident
from portal.reassessment.rules_shape import KEEPS
from portal.vendors import policy_queries as policies
from portal.vendors.models import Engagement, Vendor

REPLACED = "replaced"
LATE = "late"
ONCE = frozenset({"campaign"})  # purposes that ask once and renew nothing


def schedule_next(
    session: Session, assessment: Assessment, submission: Submission, actor: Identity | None, now: datetime
) -> None:
    """A consequence of submitting: the next assessment of each covered engagement by the same questionnaire.

    The anchor is the day of the answers; the months are the policy's for the engagement's tier. By rules that keep the
    cycle, answers that came late do not move the anchor. What was scheduled for these engagements by this questionnaire
    before is replaced, whichever company answered then. A round of chosen questions renews nothing: the date that
    stands, whoever or whatever has set it, stands on. A campaign asks once and is not asked again by itself.
    """
    if (
        assessment.campaign_id is not None
        or library.definition(session, submission.content_hash).purpose in ONCE
    ):
        return
    policy = policies.current(session, assessment.organisation_id)
    found = rules.current(session, assessment.organisation_id)
    covered = _covered(session, assessment)
    if submission.whole_as_of is not None:
        kept = _kept(session, assessment, submission, [engagement_id for engagement_id, _ in covered])
        covered = [one for one in covered if one[0] not in kept]
    if not covered:
        return
    before = _replaced(session, assessment, [engagement_id for engagement_id, _ in covered])
    for engagement_id, tier in covered:
        months = policy.tier(tier).months
        anchor, cycle, why = submission.whole_as_of or submission.as_of, 1, ""
        old = before.get(engagement_id)
        if found.late == KEEPS and old is not None and (anchor > old.due or _is_late(old, assessment)):
            anchor, cycle, why = old.anchor, cycle_of(old.anchor, months, anchor), LATE
        row = Reassessment(
            id=uuid.uuid4(),
            organisation_id=submission.organisation_id,
            company_id=submission.company_id,
            engagement_id=engagement_id,
            submission_id=submission.id,
            slug=assessment.slug,
            tier=tier,
            anchor=anchor,
            cycle=cycle,
            months=months,
            due=due_of(anchor, cycle, months, wanted=None, not_before=None),
            zone=assessment.zone,
            state=SCHEDULED,
            why=why,
            basis=basis(policy, tier, found),
        )
        session.add(row)
        data = {"engagement": engagement_id, "tier": tier, "months": months, "due": row.due}
        record(session, Kind.REASSESSMENT_SCHEDULED, now=now, actor=actor, subject=row, data=data)
    session.flush()


def _is_late(old: Any, assessment: Assessment) -> bool:
    """Whether what is replaced was set by an earlier round of this assessment, late against an anchor that is kept."""
    return bool(old.cycle > 1 and old.assessment_id == assessment.id)


def _kept(
    session: Session, assessment: Assessment, submission: Submission, engagement_ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """The engagements whose next date stands, or was left out since these answers were first asked for. A row of this
    assessment is from now on one of this submission.
    """
    reason = across("submitting sets the next date by the tier of what is covered")
    rows = session.execute(
        select(Reassessment.id, Reassessment.engagement_id, Reassessment.state, Submission.assessment_id)
        .join(Submission, Submission.id == Reassessment.submission_id)
        .where(
            Reassessment.organisation_id == assessment.organisation_id,
            Reassessment.engagement_id.in_(engagement_ids),
            Reassessment.slug == assessment.slug,
            or_(
                Reassessment.state == SCHEDULED,
                (Reassessment.state == LEFT) & (Submission.assessment_id == assessment.id),
            ),
        )
        .order_by(Reassessment.id)
        .execution_options(**reason)
    ).all()
    stands = {row.engagement_id: row for row in sorted(rows, key=lambda row: row.state == SCHEDULED)}
    of_it = [row.id for row in stands.values() if row.assessment_id == assessment.id]
    session.execute(
        update(Reassessment)
        .where(Reassessment.organisation_id == assessment.organisation_id, Reassessment.id.in_(of_it))
        .values(submission_id=submission.id, company_id=submission.company_id)
        .execution_options(
            synchronize_session=False, unaudited="the submission has its event, and the date stays", **reason
        )
    )
    return set(stands)


def _replaced(
    session: Session, assessment: Assessment, engagement_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, Any]:
    """Replace what is scheduled, and what nobody demanded any more; returns what was scheduled, by engagement."""
    which = (
        Reassessment.organisation_id == assessment.organisation_id,
        Reassessment.engagement_id.in_(engagement_ids),
        Reassessment.slug == assessment.slug,
        or_(Reassessment.state == SCHEDULED, (Reassessment.state == LEFT) & (Reassessment.why == POLICY)),
    )
    reason = across("submitting sets the next date by the tier of what is covered")
    rows = session.execute(
        select(
            *(Reassessment.engagement_id, Reassessment.anchor, Reassessment.cycle, Reassessment.due),
            *(Reassessment.state, Submission.assessment_id),
        )
        .join(Submission, Submission.id == Reassessment.submission_id)
        .where(*which)
        .execution_options(**reason)
    ).all()
    session.execute(
        update(Reassessment)
        .where(*which)
        .values(state=REPLACED)
        .execution_options(synchronize_session=False, **reason)
    )
    return {row.engagement_id: row for row in rows if row.state == SCHEDULED}


def end_of_link(session: Session, vendor: Vendor) -> None:
    """Whoever was asked is no longer the vendor's company: nobody is asked again or reminded of it, and what was noted
    about the vendor is read there no longer.
    """
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
    # What members have put on record about the vendor is none of the wrong company's business any more.
    session.execute(
        update(Incident)
        .where(
            Incident.organisation_id == vendor.organisation_id,
            Incident.vendor_id == vendor.id,
            Incident.side == "organisation",
        )
        .values(company_id=None)
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
