"""Questionnaires that the policy demands of an engagement since its vendor was asked first, and never by them."""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.assessments.models import Assessment, AssessmentEngagement
from portal.reassessment.triggers import Found
from portal.vendors import policy_queries
from portal.vendors.models import Engagement, PolicyVersion, Vendor
from portal.vendors.policy import Policy, touches_personal

ASKED = ("open", "submitted")


@dataclass(frozen=True, slots=True)
class Policies:
    """An organisation's policies by the instant from which each was in force; what ships was before all of them."""

    since: Sequence[datetime]
    policies: Sequence[Policy]

    def at(self, instant: datetime) -> Policy:
        return self.policies[bisect_right(self.since, instant)]


def of_demands(session: Session, organisation_id: uuid.UUID, begins: datetime | None) -> Iterator[Found]:
    """One for each engagement and questionnaire; what was demanded before ``begins`` already is none."""
    known = _policies(session, organisation_id)
    if not known.since:
        return
    rows: Any = session.execute(
        select(
            *(Engagement.id, Engagement.tier, Engagement.facts, Assessment.slug, Assessment.state),
            func.min(Assessment.issued_at).over(partition_by=Engagement.id).label("first"),
        )
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(AssessmentEngagement, AssessmentEngagement.engagement_id == Engagement.id)
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .where(
            Engagement.organisation_id == organisation_id,
            Vendor.offboarded_at.is_(None),
            Assessment.campaign_id.is_(None),
        )
        .order_by(Engagement.id)
    )
    asked: dict[uuid.UUID, set[str]] = {}
    about: dict[uuid.UUID, Any] = {}
    for row in rows:
        about[row.id] = row
        asked.setdefault(row.id, set()).update({row.slug} if row.state in ASKED else ())
    for engagement, row in about.items():
        first = row.first if begins is None else max(row.first, begins)
        personal = touches_personal(row.facts)
        then = known.at(first).tier(row.tier).demands(personal)
        for slug in known.policies[-1].tier(row.tier).demands(personal):
            if slug not in then and slug not in asked[engagement]:
                yield Found("requirement", organisation_id, engagement, engagement, slug)


def _policies(session: Session, organisation_id: uuid.UUID) -> Policies:
    rows = session.scalars(
        select(PolicyVersion)
        .where(PolicyVersion.organisation_id == organisation_id)
        .order_by(PolicyVersion.sequence)
    ).all()
    read = [policy_queries.parsed(row) for row in rows]
    return Policies(
        [row.created_at for row in rows], [policy_queries.shipped(session, organisation_id), *read]
    )
