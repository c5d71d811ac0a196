"""The list of vendors: narrowed, ordered and cut by the database; and how many still wait for a first step."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.db import name_key
from portal.listing import Query, one_of, search_words
from portal.paging import Page, following, paged
from portal.vendors.facts import TIERS, country_names
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import own_engagements, own_vendors

NEEDS = ("engagement", "people")
STATES = ("offboarded", "all")
SORTS = ("name", "tier", "country", "added")


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list is narrowed to, and its order; "" is everything. ``down`` turns the order round.

    ``state``: "" leaves out offboarded vendors, ``offboarded`` shows only them, ``all`` shows both.
    """

    words: str = ""
    tier: str = ""
    needs: str = ""
    country: str = ""
    state: str = ""
    sort: str = "name"
    down: bool = False


def filter_from(values: Query) -> Filter:
    """The filter that an address or a posted form names; what it may not say is left out."""
    return Filter(
        words=search_words(values),
        tier=one_of("tier", TIERS, values=values),
        needs=one_of("needs", NEEDS, values=values),
        country=one_of("country", country_names(), values=values),
        state=one_of("state", STATES, values=values),
        sort=one_of("sort", SORTS, "name", values=values),
        down=values.get("down") == "1",
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """How many vendors there are, how many without an engagement, and how many whose people are not here yet."""

    vendors: int
    without_engagement: int
    without_people: int


def listed(session: Session, identity: Identity, narrowed: Filter, *, number: int) -> Page[Vendor]:
    """One page of the organisation's vendors."""
    statement = select(Vendor).where(*own_vendors(identity), *_criteria(identity, narrowed))
    return paged(session, statement.order_by(*_order(identity, narrowed)), number)


def in_order(
    session: Session, identity: Identity, *, after: tuple[datetime, uuid.UUID] | None, most: int
) -> list[Vendor]:
    """Vendors in the order in which they were put on record, offboarded ones too (paging.following)."""
    statement = select(Vendor).where(*own_vendors(identity))
    return following(session, statement, Vendor.created_at, Vendor.id, after=after, most=most)


def engagements_in_order(
    session: Session,
    identity: Identity,
    *,
    vendor_id: uuid.UUID | None,
    after: tuple[datetime, uuid.UUID] | None,
    most: int,
) -> list[Engagement]:
    """Engagements in the order in which they were put on record; ``vendor_id``: of one vendor (paging.following)."""
    statement = select(Engagement).where(*own_engagements(identity))
    if vendor_id is not None:
        statement = statement.where(Engagement.vendor_id == vendor_id)
    return following(session, statement, Engagement.created_at, Engagement.id, after=after, most=most)


def ids(identity: Identity, narrowed: Filter) -> Select[Any]:
    """The ids of all vendors of the list, in its order."""
    statement = select(Vendor.id).where(*own_vendors(identity), *_criteria(identity, narrowed))
    return statement.order_by(*_order(identity, narrowed))


def countries(session: Session, identity: Identity) -> list[str]:
    """The countries that occur, for a filter."""
    statement = select(Vendor.country).where(*own_vendors(identity), Vendor.country.is_not(None)).distinct()
    return sorted(country for country in session.execute(statement).scalars() if country)


def counts(session: Session, identity: Identity) -> Counts:
    """What waits for a first step, in one statement; offboarded vendors wait for nothing."""
    statement = select(
        func.count(Vendor.id),
        func.count(case((~_has_engagement(identity), 1))),
        func.count(case((Vendor.company_id.is_(None), 1))),
    ).where(*own_vendors(identity), Vendor.offboarded_at.is_(None))
    total, bare, alone = session.execute(statement).one()
    return Counts(total, bare, alone)


def without_first_step(session: Session, identity: Identity, *, most: int) -> list[Vendor]:
    """Vendors that nothing is bought from yet, as far as the record says; the newest first."""
    statement = (
        select(Vendor)
        .where(*own_vendors(identity), ~_has_engagement(identity), Vendor.offboarded_at.is_(None))
        .order_by(Vendor.created_at.desc(), Vendor.id)
        .limit(most)
    )
    return list(session.execute(statement).scalars())


def worst_tier(engagements: Sequence[Engagement], vendor_id: uuid.UUID) -> str | None:
    """The worst tier among those of the engagements that are this vendor's."""
    held = {one.tier for one in engagements if one.vendor_id == vendor_id}
    return next((tier for tier in TIERS if tier in held), None)


def _has_engagement(identity: Identity) -> ColumnElement[bool]:
    return exists().where(Engagement.vendor_id == Vendor.id, *own_engagements(identity))


def _criteria(identity: Identity, narrowed: Filter) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if narrowed.state != "all":
        gone = narrowed.state == "offboarded"
        criteria.append(Vendor.offboarded_at.is_not(None) if gone else Vendor.offboarded_at.is_(None))
    if narrowed.country:
        criteria.append(Vendor.country == narrowed.country)
    if narrowed.words:
        key = name_key(narrowed.words)
        engagement = exists().where(
            Engagement.vendor_id == Vendor.id,
            Engagement.name_key.contains(key, autoescape=True),
            *own_engagements(identity),
        )
        criteria.append(or_(Vendor.name_key.contains(key, autoescape=True), engagement))
    if narrowed.tier:
        criteria.append(_tier_rank(identity) == TIERS.index(narrowed.tier))
    if narrowed.needs == "engagement":
        criteria.append(~_has_engagement(identity))
    elif narrowed.needs == "people":
        criteria.append(Vendor.company_id.is_(None))
    return criteria


def _tier_rank(identity: Identity) -> ScalarSelect[Any]:
    """0 for a vendor whose worst engagement is critical, up to 3 for low; NULL without engagement."""
    rank = case(*((Engagement.tier == tier, index) for index, tier in enumerate(TIERS)))
    return (
        select(func.min(rank))
        .where(and_(Engagement.vendor_id == Vendor.id, *own_engagements(identity)))
        .scalar_subquery()
    )


def _order(identity: Identity, narrowed: Filter) -> list[Any]:
    if narrowed.sort == "tier":
        # No tier counts as the least, on both databases.
        key: Any = func.coalesce(_tier_rank(identity), len(TIERS))
    elif narrowed.sort == "country":
        key = func.coalesce(Vendor.country, "ZZ")
    elif narrowed.sort == "added":
        key = Vendor.created_at
    else:
        key = Vendor.name_key
    return [key.desc() if narrowed.down else key, Vendor.name_key, Vendor.id]
