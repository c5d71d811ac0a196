"""Which of the organisation's submissions a what-if tries a version on, and what it is about."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.library import service as library
from portal.library.models import ReleasedVersion
from portal.vendors.models import Vendor
from questionnaires.definition import Questionnaire


@dataclass(frozen=True, slots=True)
class Current:
    """A submission that nothing newer replaces, and the other current ones of what it covers.

    ``covers``: each engagement that it is current for, with the ids of those others.
    """

    id: uuid.UUID
    assessment_id: uuid.UUID
    vendor_id: uuid.UUID
    content_hash: str
    covers: tuple[tuple[uuid.UUID, tuple[uuid.UUID, ...]], ...] = ()

    @property
    def others(self) -> tuple[uuid.UUID, ...]:
        """Those beside it in any engagement, in the order of their ids."""
        return tuple(sorted({other for _engagement, some in self.covers for other in some}))


def slugs_of(candidate: Questionnaire, bases: Mapping[str, str | None]) -> frozenset[str]:
    """The slugs whose submissions a version is tried on: its own, and all that it goes back to.

    ``bases``: what each own slug is based on.
    """
    found: set[str] = set()
    waiting = [candidate.slug, (candidate.based_on or "").partition("@")[0]]
    while waiting:
        slug = waiting.pop()
        if slug and slug not in found:
            found.add(slug)
            waiting.append((bases.get(slug) or "").partition("@")[0])
    return frozenset(found)


def bases(session: Session, organisation_id: uuid.UUID) -> dict[str, str | None]:
    """What each of the organisation's own slugs is based on."""
    rows = session.execute(
        select(ReleasedVersion.slug, ReleasedVersion.content_hash)
        .where(ReleasedVersion.organisation_id == organisation_id)
        .order_by(ReleasedVersion.released_at)
    )
    return {slug: library.definition(session, content_hash).based_on for slug, content_hash in rows}


def current(
    session: Session, organisation_id: uuid.UUID, slugs: Collection[str], before: datetime
) -> list[Current]:
    """The newest submission of each engagement and questionnaire sealed before an instant, in the order of their ids.

    Only of ``slugs``; the others are those of all questionnaires but campaigns. Offboarded vendors are left out.
    """
    rows = session.execute(
        select(
            Submission.id,
            Submission.assessment_id,
            Assessment.vendor_id,
            Submission.content_hash,
            Assessment.slug,
            AssessmentEngagement.engagement_id,
        )
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .join(AssessmentEngagement, AssessmentEngagement.assessment_id == Assessment.id)
        .join(Vendor, Vendor.id == Assessment.vendor_id)
        .where(
            Submission.organisation_id == organisation_id,
            Assessment.organisation_id == organisation_id,
            AssessmentEngagement.organisation_id == organisation_id,
            Vendor.organisation_id == organisation_id,
            Vendor.offboarded_at.is_(None),
            Submission.sealed_at <= before,
            Assessment.campaign_id.is_(None),
        )
        .order_by(Submission.sealed_at, Submission.round, Submission.id)
    ).all()
    newest: dict[tuple[uuid.UUID, str], uuid.UUID] = {
        (engagement, slug): submission for submission, _a, _v, _h, slug, engagement in rows
    }
    beside: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    campaigns = {
        content_hash
        for content_hash in {row[3] for row in rows}
        if library.definition(session, content_hash).purpose == "campaign"
    }
    for submission, _a, _v, content_hash, slug, engagement in rows:
        if newest[engagement, slug] == submission and content_hash not in campaigns:
            beside[engagement].add(submission)
    found: dict[uuid.UUID, Current] = {}
    for submission, assessment, vendor, content_hash, slug, engagement in sorted(
        rows, key=lambda row: row[5]
    ):
        if slug in slugs and newest[engagement, slug] == submission:
            others = tuple(sorted(beside[engagement] - {submission}))
            covers = (*(found[submission].covers if submission in found else ()), (engagement, others))
            found[submission] = Current(submission, assessment, vendor, content_hash, covers)
    return [found[key] for key in sorted(found)]
