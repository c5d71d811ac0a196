"""Reading findings: those that stand on an engagement, one with its steps and words, for either side."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.findings.models import Finding, FindingEngagement

OPEN, PLANNED, CLOSED, MERGED = "open", "planned", "closed", "merged"
STANDING = (OPEN, PLANNED)
PLAN, PROOF = "plan", "proof"  # what may wait for the organisation
KNOCKOUT, REVIEWER, EARNED = "knockout", "reviewer", "finding:"
SEVERITIES = ("critical", "high", "medium", "low")  # the worst first


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding that stands, as the gate reads it. ``key``: "" for one that is about no question.

    ``code``: ``knockout``, ``reviewer``, or ``finding:`` with a hash. ``opened``: the day when it was first found.
    ``due``: the day of the plan that a reviewer agreed to, None = none was agreed; ``first_due``: the first day ever
    agreed. One whose ``due`` is past is overdue. A knock-out is never merged into another finding.
    """

    id: uuid.UUID
    slug: str
    key: str
    code: str
    severity: str
    opened: date
    due: date | None
    first_due: date | None


def open_for_gate(
    session: Session, organisation_id: uuid.UUID, engagement_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, tuple[OpenFinding, ...]]:
    """What stands on each of these engagements, by id of the finding: one statement, however many.

    Every engagement asked for has an entry. For the organisation's side and the worker.
    """
    found: dict[uuid.UUID, list[OpenFinding]] = {one: [] for one in engagement_ids}
    if not found:
        return {}
    rows = session.execute(
        select(
            FindingEngagement.engagement_id,
            Finding.id,
            Finding.slug,
            Finding.key,
            Finding.code,
            Finding.severity,
            Finding.opened,
            Finding.due,
            Finding.first_due,
        )
        .join(Finding, Finding.id == FindingEngagement.finding_id)
        .where(
            FindingEngagement.engagement_id.in_(found),
            FindingEngagement.organisation_id == organisation_id,
            Finding.organisation_id == organisation_id,
            Finding.state.in_(STANDING),
        )
        .order_by(FindingEngagement.engagement_id, Finding.id)
    )
    for engagement_id, *columns in rows:
        found[engagement_id].append(OpenFinding(*columns))
    return {one: tuple(some) for one, some in found.items()}
