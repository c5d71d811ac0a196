"""Next assessments that are left out: by whom and why, and whether that can still be taken back."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.faults import NotFound
from portal.organisations import queries as organisations
from portal.paging import SIZE, Page, paged
from portal.reassessment.dating import HAND, LEFT, POLICY, SCHEDULED
from portal.reassessment.models import Reassessment
from portal.reassessment.queries import titles
from portal.vendors import policy_queries as policies
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor
from portal.vendors.policy import Policy, touches_personal

# Why it cannot be taken back: codes.
ANSWERED, UNDEMANDED = "answered", "undemanded"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One row of the list. ``who`` left it out, "" where the policy did or the name was removed; ``code``: the reason
    (by_hand.REASONS). ``demanded``: whether the policy demands it now; what it does not is not taken back.
    """

    row: Reassessment
    engagement: Engagement
    vendor: str
    title: str
    demanded: bool
    who: str
    at: datetime | None
    code: str

    @property
    def by_policy(self) -> bool:
        return self.row.why == POLICY


def base(identity: Identity, *columns: Any) -> Select[Any]:
    """Every next assessment that stands left out for an engagement that the identity may see: of a vendor that is here
    and the company that answered, and nothing newer has set a date since.
    """
    newest = (
        select(
            Reassessment.engagement_id, Reassessment.slug, func.max(Submission.sealed_at).label("sealed_at")
        )
        .join(Submission, Submission.id == Reassessment.submission_id)
        .where(*mine(identity.scope, Reassessment, Submission))
        .group_by(Reassessment.engagement_id, Reassessment.slug)
        .subquery("newest")
    )
    return (
        select(*columns)
        .select_from(Reassessment)
        .join(Engagement, Engagement.id == Reassessment.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Submission, Submission.id == Reassessment.submission_id)
        .join(
            newest,
            (newest.c.engagement_id == Reassessment.engagement_id)
            & (newest.c.slug == Reassessment.slug)
            & (newest.c.sealed_at == Submission.sealed_at),
        )
        .where(
            *mine(identity.scope, Reassessment, Submission, Vendor),
            *vendors.own_engagements(identity),
            Reassessment.state == LEFT,
            Vendor.offboarded_at.is_(None),
            Vendor.company_id == Reassessment.company_id,
        )
    )


def count(session: Session, identity: Identity) -> int:
    return int(session.execute(base(identity, func.count(Reassessment.id))).scalar_one())


def listed(session: Session, identity: Identity, *, number: int, size: int = SIZE) -> Page[LeftOut]:
    """One page, by the date that each had."""
    ordered = base(identity, Reassessment).order_by(Reassessment.due, Reassessment.id)
    page = paged(session, ordered, number, size=size)
    found: list[Reassessment] = page.rows
    engagements = vendors.engagements(session, identity, {one.engagement_id for one in found})
    names = vendors.vendors(session, identity, {one.vendor_id for one in engagements.values()})
    known = titles(session, identity, found)
    events = left(session, identity, [one.id for one in found])
    people = organisations.people(session, {one.actor_id for one in events.values() if one.actor_id})
    policy = policies.current(session, organisations.organisation_of(session, identity).id)
    rows = []
    for one in found:
        engagement, event = engagements[one.engagement_id], events.get(one.id)
        who = people.get(event.actor_id) if event is not None and event.actor_id else None
        rows.append(
            LeftOut(
                row=one,
                engagement=engagement,
                vendor=names[engagement.vendor_id].name,
                title=known[one.submission_id],
                demanded=_demanded(policy, engagement, one.slug),
                who="" if who is None else who.name,
                at=None if event is None else event.at,
                code="" if event is None else str(event.data.get("code", "")),
            )
        )
    return Page(rows, page.number, page.total, page.size)


def left(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Event]:
    """The event that left each of these out last."""
    rows = session.scalars(
        select(Event)
        .where(
            *mine(identity.scope, Event),
            Event.subject_id.in_(list(ids)),
            Event.kind == Kind.REASSESSMENT_LEFT.value,
        )
        .order_by(Event.at, Event.id)
    )
    return {one.subject_id: one for one in rows if one.subject_id is not None}


def of_hand(session: Session, identity: Identity, row_id: uuid.UUID, *, lock: bool = False) -> Reassessment:
    """What a person has left out, or what is planned (again), of an engagement that the identity may see; or NotFound.

    ``lock``: first the open assessments that could be answered meanwhile, as submitting does, then the row.
    """
    own: list[ColumnElement[bool]] = [
        *mine(identity.scope, Reassessment),
        *vendors.own_engagements(identity),
        Reassessment.id == row_id,
        or_(Reassessment.state == SCHEDULED, (Reassessment.state == LEFT) & (Reassessment.why == HAND)),
    ]
    if lock:
        session.execute(
            select(Assessment.id)
            .join(AssessmentEngagement, AssessmentEngagement.assessment_id == Assessment.id)
            .join(Reassessment, Reassessment.engagement_id == AssessmentEngagement.engagement_id)
            .where(
                *mine(identity.scope, Assessment, AssessmentEngagement, Reassessment),
                Reassessment.id == row_id,
                Assessment.slug == Reassessment.slug,
                Assessment.state == "open",
            )
            .order_by(Assessment.id)
            .with_for_update(of=Assessment)
        ).all()
    statement = select(Reassessment).join(Engagement, Engagement.id == Reassessment.engagement_id).where(*own)
    if lock:
        statement = statement.with_for_update(of=Reassessment).execution_options(populate_existing=True)
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def hinders(session: Session, identity: Identity, row: Reassessment) -> str:
    """Why what a person left out cannot be planned again: ANSWERED, UNDEMANDED, or "" when it can."""
    if session.scalar(base(identity, Reassessment.id).where(Reassessment.id == row.id)) is None:
        return ANSWERED
    engagement = vendors.engagements(session, identity, {row.engagement_id})[row.engagement_id]
    policy = policies.current(session, row.organisation_id)
    return "" if _demanded(policy, engagement, row.slug) else UNDEMANDED


def _demanded(policy: Policy, engagement: Engagement, slug: str) -> bool:
    return slug in policy.tier(engagement.tier).demands(touches_personal(engagement.facts))
