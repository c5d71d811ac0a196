"""What is due of work in hand: findings, next assessments that could not be opened, engagements nobody was asked about
yet, and those that have changed hands; one Select for each kind (agenda.COLUMNS).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select

from portal.access import CompanyRole
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.findings.models import Finding, FindingEngagement, FindingStep
from portal.organisations.models import Organisation
from portal.reassessment.agenda_rounds import OPEN, SCHEDULED, next_open
from portal.reassessment.eyes import Eyes, columns
from portal.reassessment.models import Reassessment
from portal.vendors.models import Engagement, Vendor

STANDS = ("open", "planned")


def findings(eyes: Eyes) -> Select[Any]:
    """Remediations that were agreed, until the finding is closed. ``code``: the severity."""
    agreed = (
        select(func.max(FindingStep.at))
        .where(FindingStep.finding_id == Finding.id, FindingStep.due == Finding.due, *eyes.of(FindingStep))
        .scalar_subquery()
    )
    return (
        columns(
            "finding",
            Finding.id,
            organisation_id=Finding.organisation_id,
            company_id=Finding.company_id,
            vendor_id=Finding.vendor_id,
            due=Finding.due,
            since=func.coalesce(agreed, Finding.opened_at),
            zone=Assessment.zone,
            tier="",
            code=Finding.severity,
        )
        .join(Assessment, Assessment.id == Finding.assessment_id)
        .where(
            Finding.state.in_(STANDS),
            Finding.due.is_not(None),
            *eyes.of(Finding, Assessment),
            *_about(eyes),
        )
    )


def _about(eyes: Eyes) -> list[ColumnElement[bool]]:
    """Of a business owner's look: the finding is about an engagement of theirs. Of people of a company who do not
    answer for it: it was given to them.
    """
    who = eyes.identity
    if who is not None and who.company is not None and who.role is not CompanyRole.OWNER:
        return [or_(Finding.owner_id == who.person.id, Finding.wanted_owner_id == who.person.id)]
    if not eyes.narrowed:
        return []
    return [
        exists().where(
            FindingEngagement.finding_id == Finding.id,
            Engagement.id == FindingEngagement.engagement_id,
            *eyes.of(FindingEngagement),
            *eyes.engagements(),
        )
    ]


def stuck(eyes: Eyes) -> Select[Any]:
    """Next assessments that the calendar cannot open. ``code``: why (opening_job.py)."""
    return (
        columns(
            "stuck",
            Reassessment.id,
            organisation_id=Reassessment.organisation_id,
            vendor_id=Engagement.vendor_id,
            engagement_id=Reassessment.engagement_id,
            due=Reassessment.hindered_on,
            since=Submission.sealed_at,
            zone=Reassessment.zone,
            tier=Engagement.tier,
            code=Reassessment.hindered,
        )
        .join(Engagement, Engagement.id == Reassessment.engagement_id)
        .join(Submission, Submission.id == Reassessment.submission_id)
        .where(
            Reassessment.state == SCHEDULED,
            Reassessment.hindered != "",
            Reassessment.hindered_on.is_not(None),
            ~next_open(eyes),
            *eyes.of(Reassessment, Submission),
            *eyes.engagements(),
        )
    )


def first(eyes: Eyes) -> Select[Any]:
    """Engagements about which no vendor is asked or has answered, campaigns apart, which ask once and lead to nothing;
    the rules say within how many days. What was taken back or declined unanswered does not count.
    """
    answered = exists().where(Submission.assessment_id == Assessment.id, *eyes.of(Submission))
    asked = exists().where(
        AssessmentEngagement.engagement_id == Engagement.id,
        Assessment.id == AssessmentEngagement.assessment_id,
        Assessment.campaign_id.is_(None),
        or_(Assessment.state == OPEN, answered),
        *eyes.of(AssessmentEngagement, Assessment),
    )
    return _engagements("first", eyes, Engagement.created_at).where(~asked)


def handed(eyes: Eyes) -> Select[Any]:
    """Engagements that somebody was made the business owner of, on the day of that."""
    return _engagements("handed", eyes, Engagement.owner_set_at).where(
        Engagement.business_owner_id.is_not(None),
        Engagement.owner_set_at.is_not(None),
        Engagement.owner_set_by.is_distinct_from(Engagement.business_owner_id),
    )


def _engagements(kind: str, eyes: Eyes, since: Any) -> Select[Any]:
    return (
        columns(
            kind,
            Engagement.id,
            organisation_id=Engagement.organisation_id,
            vendor_id=Engagement.vendor_id,
            engagement_id=Engagement.id,
            since=since,
            zone=Organisation.zone,
            tier=Engagement.tier,
        )
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Organisation, Organisation.id == Engagement.organisation_id)
        .where(Vendor.offboarded_at.is_(None), *eyes.of(Vendor, Organisation), *eyes.engagements())
    )
