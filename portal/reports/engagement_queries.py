"""The list of engagements over all vendors: who answers for each, its last band, when it is assessed next."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, String, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, AssessmentEngagement, Rating, Submission
from portal.assessments.organisation_queries import Standing
from portal.db import name_key
from portal.library import service as library
from portal.listing import Query, an_id, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import Page
from portal.reassessment.models import Reassessment
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import own_engagements
from questionnaires.facts import TABLE

DATA = TABLE["engagement.data"]
SORTS = ("name", "vendor", "tier", "due")
DUE = ("late", "30", "90", "never")
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list is narrowed to, and its order; "" and None are everything.

    ``owner``: a person's id, or NOBODY. ``data``: one value of ``engagement.data``. ``due``: one of DUE.
    """

    words: str = ""
    tier: str = ""
    owner: str = ""
    data: str = ""
    due: str = ""
    vendor_id: uuid.UUID | None = None
    sort: str = "name"
    down: bool = False


def filter_from(values: Query, owners: Sequence[tuple[str, str]]) -> Filter:
    """The filter that an address or a posted form names; ``owners``: those that the list offers."""
    return Filter(
        words=search_words(values),
        tier=one_of("tier", TIERS, values=values),
        owner=one_of("owner", (NOBODY, *(key for key, _name in owners)), values=values),
        data=one_of("data", DATA.labels, values=values),
        due=one_of("due", DUE, values=values),
        vendor_id=an_id("vendor", values),
        sort=one_of("sort", SORTS, "name", values=values),
        down=values.get("down") == "1",
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """An engagement for its row. ``standing``: the band of the newest submission that covers it; ``due``: next date."""

    engagement: Engagement
    vendor: Vendor
    owner: str
    standing: Standing | None
    due: date | None


def listed(
    session: Session, identity: Identity, narrowed: Filter, *, today: date, number: int, size: int
) -> Page[Listed]:
    """One page of the engagements that the identity may see, without those of offboarded vendors."""
    statement = ids(identity, narrowed, today=today)
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    page: Page[Listed] = Page([], number, session.execute(counted).scalar_one(), size)
    number = min(number, page.last)
    wanted = session.execute(statement.limit(size).offset((number - 1) * size)).scalars().all()
    return Page(of(session, identity, wanted), number, page.total, size)


def ids(identity: Identity, narrowed: Filter, *, today: date) -> Select[Any]:
    """The ids of all engagements of the list, in its order."""
    if narrowed.sort == "tier":
        key: Any = case(*((Engagement.tier == tier, index) for index, tier in enumerate(TIERS)))
    elif narrowed.sort == "due":
        key = func.coalesce(_next_due(identity), date(9999, 12, 31))
    else:
        key = Vendor.name_key if narrowed.sort == "vendor" else Engagement.name_key
    return (
        select(Engagement.id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .where(*_own(identity), Vendor.offboarded_at.is_(None), *_criteria(identity, narrowed, today))
        .order_by(key.desc() if narrowed.down else key, Engagement.name_key, Engagement.id)
    )


def of(session: Session, identity: Identity, wanted: Sequence[uuid.UUID]) -> list[Listed]:
    """These engagements in the order given, in four statements; those that are gone are left out."""
    if not wanted:
        return []
    rows = session.execute(
        select(Engagement, Vendor, _next_due(identity))
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .where(Engagement.id.in_(wanted), *_own(identity))
    ).all()
    people = organisations.people(
        session, {one.business_owner_id for one, _vendor, _due in rows if one.business_owner_id}
    )
    bands = _standings(session, identity, wanted)
    found = {}
    for one, vendor, due in rows:
        owner = people.get(one.business_owner_id) if one.business_owner_id else None
        found[one.id] = Listed(one, vendor, owner.name if owner else "", bands.get(one.id), due)
    return [found[one] for one in wanted if one in found]


def owners(session: Session, identity: Identity) -> list[tuple[str, str]]:
    """(id, name) of everybody who answers for an engagement, for a filter."""
    statement = (
        select(Engagement.business_owner_id)
        .where(*own_engagements(identity), Engagement.business_owner_id.is_not(None))
        .distinct()
    )
    people = organisations.people(session, [one for one in session.execute(statement).scalars() if one])
    return sorted(((str(one.id), one.name) for one in people.values()), key=lambda one: one[1].casefold())


def _standings(
    session: Session, identity: Identity, wanted: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Standing]:
    rows = session.execute(
        select(AssessmentEngagement.engagement_id, Assessment.content_hash, Rating.band)
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .join(Submission, Submission.assessment_id == Assessment.id)
        .join(Rating, Rating.submission_id == Submission.id)
        .where(
            AssessmentEngagement.engagement_id.in_(wanted),
            *mine(identity.scope, AssessmentEngagement, Assessment, Submission, Rating),
        )
        .order_by(Submission.sealed_at, Submission.id, Rating.sequence)
    )
    newest = {engagement_id: (content_hash, band) for engagement_id, content_hash, band in rows}
    return {
        key: Standing(band, library.definition(session, content_hash).bands)
        for key, (content_hash, band) in newest.items()
    }


def _own(identity: Identity) -> list[ColumnElement[bool]]:
    return [*own_engagements(identity), *mine(identity.scope, Vendor)]


def _next_due(identity: Identity) -> ScalarSelect[Any]:
    """The nearest date on which the statement's Engagement is assessed next; NULL when none is set."""
    return (
        select(func.min(Reassessment.due))
        .where(
            Reassessment.engagement_id == Engagement.id,
            Reassessment.state == "scheduled",
            *mine(identity.scope, Reassessment),
        )
        .scalar_subquery()
    )


def _criteria(identity: Identity, narrowed: Filter, today: date) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if narrowed.words:
        key = name_key(narrowed.words)
        names = (Engagement.name_key, Vendor.name_key)
        criteria.append(or_(*(one.contains(key, autoescape=True) for one in names)))
    if narrowed.tier:
        criteria.append(Engagement.tier == narrowed.tier)
    if narrowed.owner == NOBODY:
        criteria.append(Engagement.business_owner_id.is_(None))
    elif narrowed.owner:
        criteria.append(Engagement.business_owner_id == uuid.UUID(narrowed.owner))
    if narrowed.data:
        # The values of this fact are values of no other (a test compares), so that the JSON may be searched as text.
        criteria.append(cast(Engagement.facts, String).contains(f'"{narrowed.data}"', autoescape=True))
    if narrowed.vendor_id is not None:
        criteria.append(Engagement.vendor_id == narrowed.vendor_id)
    if narrowed.due:
        criteria.append(_due(_next_due(identity), narrowed.due, today))
    return criteria


def _due(column: Any, due: str, today: date) -> ColumnElement[bool]:
    if due == "never":
        return column.is_(None)  # type: ignore[no-any-return]  # a comparison of SQLAlchemy
    if due == "late":
        return column < today  # type: ignore[no-any-return]  # a comparison of SQLAlchemy
    return and_(column >= today, column <= today + timedelta(days=int(due)))
