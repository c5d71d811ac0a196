"""Conditions that are not met at gates, over all engagements: by when, and what becomes or became of the gate."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select, tuple_
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.gate import queries, words
from portal.gate.deciding import BY_HAND, Condition
from portal.gate.standings import Relation, joined
from portal.paging import Page
from portal.portfolio import naming
from portal.portfolio.engagement_lists import own
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import narrowed_to

LATE, SOON = "late", 30
DUE = (LATE, str(SOON), "none")
Key = tuple[uuid.UUID, str, str]


@dataclass(frozen=True, slots=True)
class Filter:
    """``due``: LATE (its day is over), within SOON days, or ``none``: as long as the decision; "" is all."""

    due: str = ""
    words: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """``condition``: code and subject, its due day, and what the gate becomes; ``decision_id``: whose it is."""

    condition: Condition
    engagement: Engagement
    vendor: Vendor
    decision_id: uuid.UUID | None


def address(narrowed: Filter) -> dict[str, str]:
    """The arguments of a link to the list."""
    found = {"due": narrowed.due, "q": narrowed.words, "tier": narrowed.tier}
    return {name: value for name, value in found.items() if value}


def base(identity: Identity, relation: Relation, *columns: Any) -> Select[Any]:
    """Every condition that is not met at the gate of an engagement that the identity may see, of vendors still here."""
    return (
        select(*columns)
        .select_from(relation.conditions)
        .join(Engagement, Engagement.id == relation.conditions.c.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .where(*own(identity), Vendor.offboarded_at.is_(None))
    )


def criteria(relation: Relation, narrowed: Filter, *, today: date) -> list[ColumnElement[bool]]:
    due, found = relation.conditions.c.due, []
    if narrowed.due == LATE:
        found.append(due < today)
    elif narrowed.due == "none":
        found.append(due.is_(None))
    elif narrowed.due:
        found.append(and_(due >= today, due <= today + timedelta(days=SOON)))
    return [*found, *narrowed_to(narrowed.words, narrowed.tier)]


def keys(identity: Identity, relation: Relation, narrowed: Filter, *, today: date) -> Select[Any]:
    """Engagement, code and subject of what fits; what is due first comes first."""
    of = relation.conditions.c
    found = base(identity, relation, of.engagement_id, of.code, of.subject)
    order = (case((of.due.is_(None), 1), else_=0), of.due, Vendor.name_key, Engagement.name_key)
    return found.where(*criteria(relation, narrowed, today=today)).order_by(
        *order, of.engagement_id, of.code, of.subject
    )


def page_of(
    session: Session, identity: Identity, relation: Relation, narrowed: Filter, *, today: date, number: int
) -> Page[Row]:
    """One page of the list."""
    statement = keys(identity, relation, narrowed, today=today)
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    page: Page[Row] = Page([], number, session.execute(counted).scalar_one())
    number = min(number, page.last)
    cut = statement.limit(page.size).offset((number - 1) * page.size)
    wanted = [(one[0], one[1], one[2]) for one in session.execute(cut)]
    return Page(rows(session, identity, relation, wanted), number, page.total)


def rows(session: Session, identity: Identity, relation: Relation, wanted: Sequence[Key]) -> list[Row]:
    """These conditions in the order given, in one statement."""
    if not wanted:
        return []
    of = relation.conditions.c
    stands, on = joined(relation)
    statement = (
        base(identity, relation, *of, Engagement, Vendor, stands.c.decision_id)
        .outerjoin(stands, on)
        .where(tuple_(of.engagement_id, of.code, of.subject).in_(list(wanted)))
    )
    made = {}
    for one in session.execute(statement):
        condition = Condition(one.code, one.subject, one.due, one.lapses_to)
        made[one.engagement_id, one.code, one.subject] = Row(
            condition, one.Engagement, one.Vendor, one.decision_id
        )
    return [made[one] for one in wanted if one in made]


def texts(session: Session, identity: Identity, relation: Relation, found: Sequence[Row]) -> list[str]:
    """Each of these conditions in words, in a fixed number of statements."""
    decisions = {one.decision_id for one in found if one.decision_id and one.condition.code == BY_HAND}
    said = {key: one.conditions for key, one in queries.said(session, identity, decisions).items()}
    grounds = [(one.engagement.id, *one.condition.key) for one in found]
    names = naming.names(session, identity, relation, grounds)
    return [
        words.condition(
            one.condition, names(one.engagement.id), said.get(one.decision_id, {}) if one.decision_id else {}
        )
        for one in found
    ]
