"""Risks that two people took as they are, over all engagements: in force, about to end, waiting, over."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, not_, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.gate.models import RiskException
from portal.portfolio.engagement_lists import own
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import narrowed_to

FORCE, ENDING, WAITING, OVER = "force", "ending", "waiting", "over"
STATES = (FORCE, ENDING, WAITING, OVER)
SOON = 30


@dataclass(frozen=True, slots=True)
class Filter:
    """``state``: one of STATES (ENDING are those in force whose last day is near), "" is all."""

    state: str = ""
    words: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    exception: RiskException
    engagement: Engagement
    vendor: Vendor


def address(narrowed: Filter) -> dict[str, str]:
    """The arguments of a link to the list."""
    found = {"state": narrowed.state, "q": narrowed.words, "tier": narrowed.tier}
    return {name: value for name, value in found.items() if value}


def base(identity: Identity, *columns: Any) -> Select[Any]:
    """Every exception on an engagement that the identity may see, of vendors that are still here."""
    return (
        select(*columns)
        .select_from(RiskException)
        .join(Engagement, Engagement.id == RiskException.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .where(*own(identity), *mine(identity.scope, RiskException), Vendor.offboarded_at.is_(None))
    )


def criteria(narrowed: Filter, *, today: date) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    force = and_(RiskException.state == "approved", RiskException.until >= today)
    if narrowed.state == FORCE:
        found.append(force)
    elif narrowed.state == ENDING:
        found.append(and_(force, RiskException.until <= today + timedelta(days=SOON)))
    elif narrowed.state == WAITING:
        found.append(RiskException.state == "waiting")
    elif narrowed.state == OVER:
        found.append(and_(RiskException.state != "waiting", not_(force)))
    return [*found, *narrowed_to(narrowed.words, narrowed.tier)]


def ids(identity: Identity, narrowed: Filter, *, today: date) -> Select[Any]:
    """What fits: what waits first, then what ends first, what is over last."""
    over = or_(RiskException.until < today, RiskException.state.not_in(("approved", "waiting")))
    first = case((RiskException.state == "waiting", 0), (over, 2), else_=1)
    found = base(identity, RiskException.id).where(*criteria(narrowed, today=today))
    return found.order_by(first, RiskException.until, Vendor.name_key, Engagement.name_key, RiskException.id)


def rows(session: Session, identity: Identity, wanted: Sequence[uuid.UUID]) -> list[Row]:
    """These exceptions in the order given."""
    if not wanted:
        return []
    statement = base(identity, RiskException, Engagement, Vendor).where(RiskException.id.in_(wanted))
    made = {one[0].id: Row(*one) for one in session.execute(statement)}
    return [made[one] for one in wanted if one in made]


def state_of(one: RiskException, today: date) -> str:
    """One of FORCE, WAITING, OVER."""
    if one.state == "waiting":
        return WAITING
    return FORCE if one.state == "approved" and one.until >= today else OVER
