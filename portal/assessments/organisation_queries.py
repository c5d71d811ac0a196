"""What an organisation reads of its assessments: progress while they are open, never a draft answer."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, AssessmentEngagement, Rating, Submission
from portal.db import name_key
from portal.faults import NotFound
from portal.library import service as library
from portal.paging import Page, paged
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor
from questionnaires.definition import Band

SOON = timedelta(days=14)
LATELY = timedelta(days=30)
STATES = ("late", "soon", "open", "submitted", "lately", "declined", "cancelled")
SORTS = ("due", "vendor", "issued", "questionnaire")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to, and its order; "" is everything. ``down`` turns the order round.

    ``state``: one of STATES; ``late`` and ``soon`` are open ones, ``lately`` submitted ones. ``tier``: of any
    engagement that is covered.
    """

    words: str = ""
    state: str = ""
    slug: str = ""
    tier: str = ""
    vendor_id: uuid.UUID | None = None
    sort: str = "due"
    down: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """How many assessments are late, due within two weeks, with vendors (late ones included), submitted, in all, and
    submitted within the last thirty days."""

    late: int
    soon: int
    open: int
    submitted: int
    all: int
    lately: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """The band that the newest rating of an assessment gives, on its questionnaire's own scale."""

    band: str | None
    bands: tuple[Band, ...]


def own_assessments(identity: Identity) -> list[ColumnElement[bool]]:
    """What statements over assessments compare: the tenant, and for business owners an engagement of theirs."""
    criteria = mine(identity.scope, Assessment)
    if vendors.is_narrowed(identity):
        criteria.append(
            exists().where(
                AssessmentEngagement.assessment_id == Assessment.id,
                AssessmentEngagement.engagement_id == Engagement.id,
                *mine(identity.scope, AssessmentEngagement),
                *vendors.own_engagements(identity),
            )
        )
    return criteria


def shares_engagement(identity: Identity, one: Assessment) -> ColumnElement[bool]:
    """Whether the assessment that a statement looks at covers an engagement that ``one`` covers, too."""
    covered = select(AssessmentEngagement.engagement_id).where(
        *mine(identity.scope, AssessmentEngagement), AssessmentEngagement.assessment_id == one.id
    )
    return exists().where(
        *mine(identity.scope, AssessmentEngagement),
        AssessmentEngagement.assessment_id == Assessment.id,
        AssessmentEngagement.engagement_id.in_(covered),
    )


def assessment(session: Session, identity: Identity, assessment_id: uuid.UUID) -> Assessment:
    """The assessment, or NotFound."""
    statement = select(Assessment).where(Assessment.id == assessment_id, *own_assessments(identity))
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def listed(
    session: Session, identity: Identity, narrowed: Filter, *, today: date, number: int
) -> Page[Assessment]:
    """One page of the organisation's assessments."""
    statement = select(Assessment).where(*own_assessments(identity), *_criteria(identity, narrowed, today))
    return paged(session, _ordered(statement, identity, narrowed), number)


def ids(identity: Identity, narrowed: Filter, *, today: date) -> Select[Any]:
    """The ids of all assessments of the list, in its order."""
    statement = select(Assessment.id).where(*own_assessments(identity), *_criteria(identity, narrowed, today))
    return _ordered(statement, identity, narrowed)


def assessments(
    session: Session, identity: Identity, wanted: Collection[uuid.UUID]
) -> dict[uuid.UUID, Assessment]:
    """Those of these assessments that the identity may see, by id."""
    if not wanted:
        return {}
    statement = select(Assessment).where(Assessment.id.in_(wanted), *own_assessments(identity))
    return {one.id: one for one in session.execute(statement).scalars()}


def of_vendors(session: Session, identity: Identity, vendor_ids: Collection[uuid.UUID]) -> list[Assessment]:
    """The assessments of these vendors, open ones by due date first, then the newest submitted."""
    if not vendor_ids:
        return []
    statement = select(Assessment).where(Assessment.vendor_id.in_(vendor_ids), *own_assessments(identity))
    return list(session.execute(_open_first(statement)).scalars())


def of_engagement(session: Session, identity: Identity, engagement_id: uuid.UUID) -> list[Assessment]:
    """The assessments that cover this engagement, in the same order."""
    covers = exists().where(
        AssessmentEngagement.assessment_id == Assessment.id,
        AssessmentEngagement.engagement_id == engagement_id,
        *mine(identity.scope, AssessmentEngagement),
    )
    statement = select(Assessment).where(covers, *own_assessments(identity))
    return list(session.execute(_open_first(statement)).scalars())


def covered(
    session: Session, identity: Identity, assessment_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[Engagement]]:
    """The engagements that each assessment covers, by name; to business owners only theirs."""
    found: dict[uuid.UUID, list[Engagement]] = {one: [] for one in assessment_ids}
    if not found:
        return found
    statement = (
        select(AssessmentEngagement.assessment_id, Engagement)
        .join(Engagement, Engagement.id == AssessmentEngagement.engagement_id)
        .where(
            AssessmentEngagement.assessment_id.in_(found),
            *mine(identity.scope, AssessmentEngagement),
            *vendors.own_engagements(identity),
        )
        .order_by(Engagement.name_key, Engagement.id)
    )
    for assessment_id, engagement in session.execute(statement):
        found[assessment_id].append(engagement)
    return found


def counts(session: Session, identity: Identity, *, today: date) -> Counts:
    """What waits, in one statement."""
    is_open = Assessment.state == "open"
    is_soon = and_(is_open, Assessment.due >= today, Assessment.due <= today + SOON)
    statement = select(
        func.count(case((and_(is_open, Assessment.due < today), 1))),
        func.count(case((is_soon, 1))),
        func.count(case((is_open, 1))),
        func.count(case((Assessment.state == "submitted", 1))),
        func.count(Assessment.id),
        func.count(case((_submitted_lately(today), 1))),
    ).where(*own_assessments(identity))
    return Counts(*session.execute(statement).one())


def _submitted_lately(today: date) -> ColumnElement[bool]:
    """Submitted within the last thirty days; a day begins at midnight UTC here, whatever the zone."""
    since = datetime.combine(today - LATELY, time(), tzinfo=UTC)
    return and_(Assessment.state == "submitted", Assessment.submitted_at >= since)


def most_urgent(session: Session, identity: Identity, *, today: date, most: int) -> list[Assessment]:
    """Open assessments that are late or due within two weeks, the latest first."""
    statement = (
        select(Assessment)
        .where(*own_assessments(identity), Assessment.state == "open", Assessment.due <= today + SOON)
        .order_by(Assessment.due, Assessment.id)
        .limit(most)
    )
    return list(session.execute(statement).scalars())


def newest_submitted(session: Session, identity: Identity, *, most: int) -> list[Assessment]:
    """What came in last."""
    statement = (
        select(Assessment)
        .where(*own_assessments(identity), Assessment.state == "submitted")
        .order_by(Assessment.submitted_at.desc(), Assessment.id)
        .limit(most)
    )
    return list(session.execute(statement).scalars())


def alike(one: Assessment) -> ColumnElement[bool]:
    """What ``one`` is compared with over time: of a campaign others of campaigns, of any other none of them."""
    return (
        Assessment.campaign_id.is_(None) if one.campaign_id is None else Assessment.campaign_id.is_not(None)
    )


def slugs(session: Session, identity: Identity) -> list[tuple[str, str]]:
    """(slug, title) of every questionnaire that was ever issued, for a filter."""
    statement = (
        select(Assessment.slug, func.max(Assessment.title))
        .where(*own_assessments(identity))
        .group_by(Assessment.slug)
        .order_by(Assessment.slug)
    )
    return [(slug, title) for slug, title in session.execute(statement)]


def standings(session: Session, identity: Identity, some: Sequence[Assessment]) -> dict[uuid.UUID, Standing]:
    """The newest band of each assessment that was ever submitted: of the round before while a new one is open."""
    by_id = {one.id: one for one in some if one.state == "submitted" or one.round > 1}
    if not by_id:
        return {}
    statement = (
        select(Submission.assessment_id, Rating.band)
        .join(Rating, Rating.submission_id == Submission.id)
        .where(Submission.assessment_id.in_(by_id), *mine(identity.scope, Submission, Rating))
        .order_by(Submission.round, Rating.sequence)
    )
    newest = dict(session.execute(statement).all())
    return {
        key: Standing(band, library.definition(session, by_id[key].content_hash).bands)
        for key, band in newest.items()
    }


def _criteria(identity: Identity, narrowed: Filter, today: date) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if narrowed.state in ("submitted", "declined", "cancelled"):
        criteria.append(Assessment.state == narrowed.state)
    elif narrowed.state == "lately":
        criteria.append(_submitted_lately(today))
    elif narrowed.state:
        criteria.append(Assessment.state == "open")
        if narrowed.state == "late":
            criteria.append(Assessment.due < today)
        elif narrowed.state == "soon":
            criteria += [Assessment.due >= today, Assessment.due <= today + SOON]
    if narrowed.slug:
        criteria.append(Assessment.slug == narrowed.slug)
    if narrowed.vendor_id is not None:
        criteria.append(Assessment.vendor_id == narrowed.vendor_id)
    if narrowed.tier:
        criteria.append(
            exists().where(
                AssessmentEngagement.assessment_id == Assessment.id,
                AssessmentEngagement.engagement_id == Engagement.id,
                Engagement.tier == narrowed.tier,
                *mine(identity.scope, AssessmentEngagement),
                *vendors.own_engagements(identity),
            )
        )
    if narrowed.words:
        criteria.append(_holds(identity, name_key(narrowed.words)))
    return criteria


def _holds(identity: Identity, key: str) -> ColumnElement[bool]:
    """Whether the name of the vendor or of a covered engagement holds these words."""
    vendor = exists().where(
        Vendor.id == Assessment.vendor_id,
        Vendor.name_key.contains(key, autoescape=True),
        *mine(identity.scope, Vendor),
    )
    engagement = exists().where(
        AssessmentEngagement.assessment_id == Assessment.id,
        AssessmentEngagement.engagement_id == Engagement.id,
        Engagement.name_key.contains(key, autoescape=True),
        *mine(identity.scope, AssessmentEngagement),
        *vendors.own_engagements(identity),
    )
    return or_(vendor, engagement)


def _ordered(statement: Select[Any], identity: Identity, narrowed: Filter) -> Select[Any]:
    if narrowed.sort == "vendor":
        # No join: a search by the vendor's name would then compare with this row, not with one of its own.
        vendor = select(Vendor.name_key).where(
            Vendor.id == Assessment.vendor_id, *mine(identity.scope, Vendor)
        )
        keys: tuple[Any, ...] = (vendor.scalar_subquery(),)
    elif narrowed.sort == "issued":
        keys = (Assessment.issued_at,)
    elif narrowed.sort == "questionnaire":
        keys = (Assessment.slug, Assessment.version)
    else:
        # What waits comes first, whichever way the dates run.
        first = case((Assessment.state == "open", 0), else_=1)
        due = Assessment.due.desc() if narrowed.down else Assessment.due
        return statement.order_by(first, due, Assessment.id)
    return statement.order_by(*(key.desc() if narrowed.down else key for key in keys), Assessment.id)


def _open_first(statement: Select[Any]) -> Select[Any]:
    is_open = Assessment.state == "open"
    return statement.order_by(
        case((is_open, 0), else_=1),
        case((is_open, Assessment.due), else_=None),
        Assessment.submitted_at.desc(),
        Assessment.id,
    )
