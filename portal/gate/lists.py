"""Gates over all engagements: found, narrowed, ordered and cut by the database, over what stands at each of them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine
from portal.gate import reading, standings
from portal.gate.deciding import PASSING
from portal.gate.models import GateDecision, GateProposal, RiskException
from portal.gate.queries import WAITING
from portal.gate.reading import Brief
from portal.gate.standings import Relation
from portal.paging import SIZE, Page
from portal.vendors import policy_queries
from portal.vendors import queries as vendors
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import narrowed_to

SORTS = ("tier", "vendor", "engagement", "until")
SOON = 30  # days in which a gate that passes now may lapse
# What is known once a gate was worked out; ``working``: nobody has yet.
WORKED_OUT = ("undecided", "blocked", "pending", "passing", "lapsed", "lapsing", "working")
STATES = ("mine", "waiting", *WORKED_OUT)


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list is narrowed to; ``state``: one of STATES, "" is all."""

    words: str = ""
    state: str = ""
    tier: str = ""
    sort: str = "tier"
    down: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what is bought, from whom, how its gate stands. ``waits``: something waits for a second person.

    ``standing``: standings.COLUMNS, None while nobody has worked it out.
    """

    engagement: Engagement
    vendor: Vendor
    standing: Any
    waits: bool


def is_lapsing(standing: Any, today: date) -> bool:
    """Whether a gate that passes stops to do so within SOON days, if nobody does anything."""
    return (
        standing is not None
        and standing.lapses_on is not None
        and bool(standing.lapses_on <= today + timedelta(days=SOON))
    )


def found(
    session: Session, identity: Identity, narrowed: Filter, relation: Relation, *, today: date
) -> list[uuid.UUID]:
    """The ids of all that fit, in the order of the list, in one statement beside the policy's."""
    statement = _ordered(_narrowed(session, identity, narrowed, relation, today), relation, narrowed)
    return list(session.execute(statement).scalars())


def page_of(
    session: Session, identity: Identity, narrowed: Filter, relation: Relation, *, today: date, number: int
) -> Page[Row]:
    """One page, counted and cut by the database."""
    statement = _narrowed(session, identity, narrowed, relation, today)
    total = session.execute(statement.with_only_columns(func.count())).scalar_one()
    at = min(number, Page([], number, total).last)
    cut = _ordered(statement, relation, narrowed).limit(SIZE).offset((at - 1) * SIZE)
    return Page(rows(session, identity, list(session.execute(cut).scalars()), relation), at, total)


def rows(session: Session, identity: Identity, ids: Collection[uuid.UUID], relation: Relation) -> list[Row]:
    """These lines in this order, in a fixed number of statements."""
    engagements = vendors.engagements(session, identity, ids)
    sellers = vendors.vendors(session, identity, {one.vendor_id for one in engagements.values()})
    # With its engagement, whose revision says whether what is stored counts.
    stands = session.execute(
        select(relation.of)
        .select_from(Engagement)
        .join(*standings.joined(relation))
        .where(Engagement.id.in_(ids), *_own(identity))
    )
    known = {one.engagement_id: one for one in stands}
    waits = set(
        session.execute(
            select(Engagement.id).where(Engagement.id.in_(ids), *_own(identity), _waits(identity))
        ).scalars()
    )
    return [
        Row(engagements[one], sellers[engagements[one].vendor_id], known.get(one), one in waits)
        for one in ids
        if one in engagements
    ]


def brief_of(session: Session, identity: Identity, engagement_id: uuid.UUID, *, now: datetime) -> Brief:
    """How the gate of one engagement stands; the caller has read the engagement with the identity's eyes."""
    return reading.briefs(session, _ours(identity), [engagement_id], now=now)[engagement_id]


def decided_to_pass(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Those of these engagements that somebody has decided to let pass."""
    passing = _newest(identity, GateDecision.outcome).in_(sorted(PASSING))
    statement = select(Engagement.id).where(Engagement.id.in_(ids), passing, *_own(identity))
    return list(session.execute(statement).scalars())


def lapsing(session: Session, identity: Identity, *, today: date, now: datetime) -> tuple[int, int]:
    """How many gates that pass today stop to do so within SOON days, and of how many nobody knows: none is worked out
    here, since a page asks this of many organisations.
    """
    relation = standings.relation(session, identity, today=today, now=now, most=0)
    statement = _narrowed(session, identity, Filter(state="lapsing"), relation, today)
    found = session.execute(statement.with_only_columns(func.count())).scalar_one()
    return int(found), relation.waiting


def waiting_for(session: Session, identity: Identity) -> int:
    """On how many engagements something waits that the reader's role could approve; one statement beside the policy."""
    statement = select(Engagement.id).where(*_own(identity), _waits_for(session, identity))
    return int(session.execute(statement.with_only_columns(func.count())).scalar_one())


# ------------------------------------------------------------------------------------------------------------ narrowing


def _ours(identity: Identity) -> uuid.UUID:
    assert identity.organisation is not None
    return identity.organisation.id


def _own(identity: Identity) -> list[ColumnElement[bool]]:
    """Engagements that the reader may see, of vendors that are still there."""
    here = exists().where(
        Vendor.id == Engagement.vendor_id, Vendor.offboarded_at.is_(None), *mine(identity.scope, Vendor)
    )
    return [*vendors.own_engagements(identity), here]


def _narrowed(
    session: Session, identity: Identity, narrowed: Filter, relation: Relation, today: date
) -> Select[Any]:
    statement = (
        select(Engagement.id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .outerjoin(*standings.joined(relation))
        .where(
            *vendors.own_engagements(identity), *mine(identity.scope, Vendor), Vendor.offboarded_at.is_(None)
        )
    )
    if narrowed.state in WORKED_OUT:
        statement = statement.where(_stands(narrowed.state, relation.of.c, today))
    if narrowed.state == "waiting":
        statement = statement.where(_waits(identity))
    if narrowed.state == "mine":
        statement = statement.where(_waits_for(session, identity))
    return statement.where(*narrowed_to(narrowed.words, narrowed.tier))


def _stands(state: str, of: Any, today: date) -> ColumnElement[bool]:
    known: ColumnElement[bool] = of.engagement_id.is_not(None)
    states: dict[str, ColumnElement[bool]] = {
        "undecided": and_(known, of.outcome.is_(None)),
        "blocked": of.outcome == "blocked",
        "pending": of.outcome == "pending",
        "passing": of.outcome.in_(sorted(PASSING)),
        "lapsed": of.lapsed,
        "lapsing": of.lapses_on <= today + timedelta(days=SOON),
        "working": of.engagement_id.is_(None),
    }
    return states[state]


def _waits(identity: Identity, *others: uuid.UUID) -> ColumnElement[bool]:
    """Something waits for a second person; with ``others``: that none of these people has proposed.

    Asked as lists of ids, which are made once: EXISTS looks for each of thousands of engagements.
    """
    return or_(
        *(
            Engagement.id.in_(
                select(model.engagement_id).where(
                    model.state == WAITING,
                    *mine(identity.scope, model),
                    *(model.proposed_by != one for one in others),
                )
            )
            for model in (GateProposal, RiskException)
        )
    )


def _waits_for(session: Session, identity: Identity) -> ColumnElement[bool]:
    """What somebody else has proposed, at a tier about which the policy lets the reader's role decide."""
    policy = policy_queries.current(session, _ours(identity))
    role = identity.role.value if identity.role is not None and identity.may(Permission.DECIDE) else ""
    tiers = [tier for tier in TIERS if role in policy.tier(tier).roles]
    return and_(Engagement.tier.in_(tiers), _waits(identity, identity.person.id))


def _ordered(statement: Select[Any], relation: Relation, narrowed: Filter) -> Select[Any]:
    """Most critical first, then by vendor and name; ``down`` turns the first key round."""
    first: Any = case(*((Engagement.tier == tier, at) for at, tier in enumerate(TIERS)), else_=len(TIERS))
    if narrowed.sort == "vendor":
        first = Vendor.name_key
    if narrowed.sort == "engagement":
        first = Engagement.name_key
    if narrowed.sort == "until":
        first = func.coalesce(relation.of.c.valid_until, date.max)
    return statement.order_by(
        first.desc() if narrowed.down else first, Vendor.name_key, Engagement.name_key, Engagement.id
    )


def _newest(identity: Identity, column: Any) -> Any:
    """A column of the decision that stands."""
    return (
        select(column)
        .where(GateDecision.engagement_id == Engagement.id, *mine(identity.scope, GateDecision))
        .order_by(GateDecision.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
