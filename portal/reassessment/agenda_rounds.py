"""What is due of rounds: answers, next assessments, reviews; one Select for each kind (agenda.COLUMNS)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select

from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.reassessment.eyes import Eyes, columns
from portal.reassessment.models import Reassessment
from portal.vendors.models import Engagement

OPEN, SUBMITTED, SCHEDULED = "open", "submitted", "scheduled"
# The events that give an assessment, or a next assessment, a new due date.
MOVES = (
    Kind.ASSESSMENT_EXTENDED.value,
    Kind.ASSESSMENT_REOPENED.value,
    Kind.QUESTIONS_RETURNED.value,
    Kind.RETURN_WITHDRAWN.value,
)
_TIER = Assessment.facts["engagement.tier"].as_string()


def moved(eyes: Eyes, column: Any, kinds: tuple[str, ...]) -> Any:
    """When the subject ``column`` last got its date by an event of ``kinds``; NULL for never."""
    return (
        select(func.max(Event.at))
        .where(Event.subject_id == column, Event.kind.in_(kinds), *eyes.of(Event))
        .scalar_subquery()
    )


def next_open(eyes: Eyes) -> ColumnElement[bool]:
    """Whether an open assessment by the same questionnaire, no campaign's, covers the statement's Reassessment's
    engagement.
    """
    return exists().where(
        AssessmentEngagement.engagement_id == Reassessment.engagement_id,
        Assessment.id == AssessmentEngagement.assessment_id,
        Assessment.slug == Reassessment.slug,
        Assessment.state == OPEN,
        Assessment.campaign_id.is_(None),
        *eyes.of(AssessmentEngagement, Assessment),
    )


def assessments(eyes: Eyes) -> Select[Any]:
    """Answers that are asked for, those to a campaign apart."""
    return _asked(eyes, "assessment", _TIER).where(Assessment.campaign_id.is_(None))


def campaigns(eyes: Eyes) -> Select[Any]:
    """Answers that a campaign asks for. ``tier``: the name of its ladder (kinds.OWN)."""
    return _asked(eyes, "campaign", Assessment.ladder).where(Assessment.campaign_id.is_not(None))


def _asked(eyes: Eyes, kind: str, tier: Any) -> Select[Any]:
    return columns(
        kind,
        Assessment.id,
        organisation_id=Assessment.organisation_id,
        company_id=Assessment.company_id,
        vendor_id=Assessment.vendor_id,
        due=Assessment.due,
        due_time=Assessment.due_time,
        since=func.coalesce(moved(eyes, Assessment.id, MOVES), Assessment.issued_at),
        zone=Assessment.zone,
        tier=tier,
        code=Assessment.slug,
    ).where(Assessment.state == OPEN, *eyes.of(Assessment), *eyes.assessment(Assessment.id))


def reassessments(eyes: Eyes) -> Select[Any]:
    """Next assessments that are scheduled and not out yet. ``code``: the questionnaire; ``number``: months."""
    return (
        columns(
            "reassessment",
            Reassessment.id,
            organisation_id=Reassessment.organisation_id,
            vendor_id=Engagement.vendor_id,
            engagement_id=Reassessment.engagement_id,
            due=Reassessment.due,
            since=func.coalesce(
                moved(eyes, Reassessment.id, (Kind.REASSESSMENT_MOVED.value,)), Submission.sealed_at
            ),
            zone=Reassessment.zone,
            tier=Engagement.tier,
            code=Reassessment.slug,
            number=Reassessment.months,
        )
        .join(Engagement, Engagement.id == Reassessment.engagement_id)
        .join(Submission, Submission.id == Reassessment.submission_id)
        .where(
            Reassessment.state == SCHEDULED,
            ~next_open(eyes),
            *eyes.of(Reassessment, Submission),
            *eyes.engagements(),
        )
    )


def newest_round(eyes: Eyes) -> Any:
    """(assessment_id, round) of the last submission of each assessment, to be joined."""
    return (
        select(Submission.assessment_id, func.max(Submission.round).label("round"))
        .where(*eyes.of(Submission))
        .group_by(Submission.assessment_id)
        .subquery("newest_round")
    )


def reviews(eyes: Eyes) -> Select[Any]:
    """Submissions whose review nobody has finished; the rules say within how many days. ``code``: the questionnaire."""
    newest = newest_round(eyes)
    return (
        columns(
            "review",
            Submission.id,
            organisation_id=Submission.organisation_id,
            vendor_id=Assessment.vendor_id,
            since=Submission.sealed_at,
            zone=Assessment.zone,
            tier=_TIER,
            code=Assessment.slug,
        )
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .join(
            newest,
            (newest.c.assessment_id == Submission.assessment_id) & (newest.c.round == Submission.round),
        )
        .where(
            Assessment.state == SUBMITTED,
            Assessment.reviewed_at.is_(None),
            *eyes.of(Submission, Assessment),
            *eyes.assessment(Assessment.id),
        )
    )
