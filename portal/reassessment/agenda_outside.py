"""What is due of campaigns, documents, incidents and triggers: one Select for each kind (agenda.COLUMNS)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select

from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.gate.standing_models import BriefSubmission
from portal.organisations.models import Organisation
from portal.reassessment.eyes import Eyes, columns
from portal.reassessment.models_terms import EvidenceTerm
from portal.reassessment.models_triggers import Incident, Trigger
from portal.vendors.models import Engagement, Vendor

INCIDENT_DAYS = 2  # from the day on which it was put on record until somebody has settled it
TRIGGER_DAYS = 14


def documents(eyes: Eyes) -> Select[Any]:
    """The end of each document that a question's proof ends with; of several submissions the first end counts.

    ``code``: the kind of document. An organisation looks at what counts at its gates; a company, which sees no gate, at
    its newest answers to each questionnaire about each engagement.
    """
    ends = _ends(eyes)
    found = columns(
        "evidence",
        ends.c.evidence_id,
        organisation_id=ends.c.organisation_id,
        company_id=ends.c.company_id,
        vendor_id=ends.c.vendor_id if "vendor_id" in ends.c else None,
        due=ends.c.until,
        since=ends.c.sealed_at,
        zone=ends.c.zone,
        tier=None,
        code=ends.c.kind,
    )
    return found.select_from(ends)


def _ends(eyes: Eyes) -> Any:
    """One row for each document and organisation."""
    company = eyes.identity is not None and eyes.identity.company is not None
    keys = [EvidenceTerm.evidence_id, EvidenceTerm.organisation_id, EvidenceTerm.company_id]
    grouped = (
        select(
            *keys,
            func.min(EvidenceTerm.kind).label("kind"),
            func.min(EvidenceTerm.until).label("until"),
            func.max(EvidenceTerm.sealed_at).label("sealed_at"),
        )
        .where(EvidenceTerm.best, EvidenceTerm.until.is_not(None), *eyes.of(EvidenceTerm))
        .group_by(*keys)
    )
    if company:
        newest = _newest(eyes)
        return (
            grouped.add_columns(func.min(newest.c.zone).label("zone"))
            .join(newest, newest.c.id == EvidenceTerm.submission_id)
            .subquery("ends")
        )
    grouped = grouped.join(
        BriefSubmission,
        (BriefSubmission.submission_id == EvidenceTerm.submission_id)
        & (BriefSubmission.organisation_id == EvidenceTerm.organisation_id),
    ).where(*eyes.of(BriefSubmission))
    if eyes.narrowed:
        grouped = grouped.join(Engagement, Engagement.id == BriefSubmission.engagement_id).where(
            *eyes.engagements()
        )
    ends = grouped.subquery("grouped")
    vendor = (  # of the answers that it ends with: a company may be on record twice
        select(Engagement.vendor_id)
        .join(BriefSubmission, BriefSubmission.engagement_id == Engagement.id)
        .join(EvidenceTerm, EvidenceTerm.submission_id == BriefSubmission.submission_id)
        .where(
            EvidenceTerm.best,
            EvidenceTerm.evidence_id == ends.c.evidence_id,
            EvidenceTerm.organisation_id == ends.c.organisation_id,
            EvidenceTerm.until == ends.c.until,
            BriefSubmission.organisation_id == ends.c.organisation_id,
            *eyes.of(EvidenceTerm, BriefSubmission),
            *eyes.engagements(),
        )
        .order_by(Engagement.vendor_id)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(*ends.c, vendor.label("vendor_id"), Organisation.zone.label("zone"))
        .join(Organisation, Organisation.id == ends.c.organisation_id)
        .where(*eyes.of(Organisation))
        .subquery("ends")
    )


def _newest(eyes: Eyes) -> Any:
    """(id, zone) of each submission that is the newest to its questionnaire for some engagement, for a company.

    The very submissions that count at the gates (gate.loading_answers.sent): what a campaign asked is none of them.
    """
    latest = (
        select(
            AssessmentEngagement.organisation_id,
            AssessmentEngagement.engagement_id,
            Assessment.slug,
            func.max(Submission.sealed_at).label("sealed_at"),
        )
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .join(Submission, Submission.assessment_id == Assessment.id)
        .where(Assessment.campaign_id.is_(None), *eyes.of(AssessmentEngagement, Assessment, Submission))
        .group_by(AssessmentEngagement.organisation_id, AssessmentEngagement.engagement_id, Assessment.slug)
        .subquery("latest")
    )
    return (
        select(Submission.id, Assessment.zone)
        .distinct()
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .join(AssessmentEngagement, AssessmentEngagement.assessment_id == Assessment.id)
        .join(
            latest,
            (latest.c.organisation_id == AssessmentEngagement.organisation_id)
            & (latest.c.engagement_id == AssessmentEngagement.engagement_id)
            & (latest.c.slug == Assessment.slug)
            & (latest.c.sealed_at == Submission.sealed_at),
        )
        .where(Assessment.campaign_id.is_(None), *eyes.of(AssessmentEngagement, Assessment, Submission))
        .subquery("newest")
    )


def incidents(eyes: Eyes) -> Select[Any]:
    """Incidents that nobody has settled, INCIDENT_DAYS after they were put on record, or opened again: whoever was
    reminded of it then has to look anew. ``code``: what kind it is.
    """
    return (
        columns(
            "incident",
            Incident.id,
            organisation_id=Incident.organisation_id,
            vendor_id=Incident.vendor_id,
            since=func.coalesce(Incident.reopened_at, Incident.opened_at),
            zone=Organisation.zone,
            tier=None,
            code=Incident.kind,
        )
        .join(Organisation, Organisation.id == Incident.organisation_id)
        .join(Vendor, Vendor.id == Incident.vendor_id)
        .where(
            Incident.state == "open",
            Vendor.offboarded_at.is_(None),
            *eyes.of(Incident, Organisation, Vendor),
            *eyes.vendors(),
        )
    )


def triggers(eyes: Eyes) -> Select[Any]:
    """What asks for a look out of turn and waits for somebody, TRIGGER_DAYS after it was found. ``code``: its kind."""
    return (
        columns(
            "trigger",
            Trigger.id,
            organisation_id=Trigger.organisation_id,
            vendor_id=Engagement.vendor_id,
            engagement_id=Trigger.engagement_id,
            since=Trigger.at,
            zone=Organisation.zone,
            tier=Engagement.tier,
            code=Trigger.kind,
        )
        .join(Engagement, Engagement.id == Trigger.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Organisation, Organisation.id == Trigger.organisation_id)
        .where(
            Trigger.state == "open",
            Vendor.offboarded_at.is_(None),
            *eyes.of(Trigger, Vendor, Organisation),
            *eyes.engagements(),
        )
    )
