"""Gates over all engagements: found, ordered and cut by the database; what counts today comes from reading.briefs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine
from portal.db import name_key
from portal.gate import reading
from portal.gate.deciding import PASSING
from portal.gate.models import GateDecision, GateProposal, RiskException
from portal.gate.queries import WAITING
from portal.gate.reading import Brief
from portal.paging import SIZE, Page
from portal.vendors import policy_queries
from portal.vendors import queries as vendors
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor

SORTS = ("tier", "vendor", "engagement", "until")
SOON = 30  # days in which a gate that passes now may lapse
# What is known only once a gate was worked out: (brief, today) -> whether it fits.
WORKED_OUT: MappingProxyType[str, Callable[[Brief, date], bool]] = MappingProxyType(
    {
        "blocked": lambda one, today: one.outcome == "blocked",
        "pending": lambda one, today: one.outcome == "pending",
        "passing": lambda one, today: one.outcome in PASSING,
        "lapsed": lambda one, today: one.outcome is not None and one.lapsed,
        "lapsing": lambda one, today: is_lapsing(one, today),
    }
)
STATES = ("mine", "waiting", "undecided", *WORKED_OUT)


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
    """One line: what is bought, from whom, how its gate stands. ``waits``: something waits for a second person."""

    engagement: Engagement
    vendor: Vendor
    brief: Brief
    waits: bool


def is_lapsing(one: Brief, today: date) -> bool:
    """Whether a gate that passes may stop to do so within SOON days, if nobody does anything."""
    return (
        one.outcome in PASSING and one.next_day is not None and one.next_day <= today + timedelta(days=SOON)
    )


def found(
    session: Session, identity: Identity, narrowed: Filter, *, today: date, now: datetime
) -> list[uuid.UUID]:
    """The ids of all that fit, in the order of the list, in a fixed number of statements."""
    statement = _ordered(_narrowed(session, identity, narrowed), identity, narrowed)
    ids = list(session.execute(statement).scalars())
    fits = WORKED_OUT.get(narrowed.state)
    if fits is None:
        return ids
    known = reading.briefs(session, _ours(identity), ids, now=now)
    return [one for one in ids if one in known and fits(known[one], today)]


def page_of(
    session: Session, identity: Identity, narrowed: Filter, *, today: date, now: datetime, number: int
) -> Page[Row]:
    """One page. What has not to be worked out first is counted and cut by the database."""
    if narrowed.state in WORKED_OUT:
        ids = found(session, identity, narrowed, today=today, now=now)
        total = len(ids)
        at = min(number, Page([], number, total).last)
        shown = ids[(at - 1) * SIZE : at * SIZE]
    else:
        statement = _narrowed(session, identity, narrowed)
        total = session.execute(statement.with_only_columns(func.count())).scalar_one()
        at = min(number, Page([], number, total).last)
        cut = _ordered(statement, identity, narrowed).limit(SIZE).offset((at - 1) * SIZE)
        shown = list(session.execute(cut).scalars())
    return Page(rows(session, identity, shown, now=now), at, total)


def rows(session: Session, identity: Identity, ids: Collection[uuid.UUID], *, now: datetime) -> list[Row]:
    """These lines in this order, in a fixed number of statements."""
    engagements = vendors.engagements(session, identity, ids)
    sellers = vendors.vendors(session, identity, {one.vendor_id for one in engagements.values()})
    known = reading.briefs(session, _ours(identity), list(engagements), now=now)
    waits = set(
        session.execute(
            select(Engagement.id).where(Engagement.id.in_(ids), *_own(identity), _waits(identity))
        ).scalars()
    )
    return [
        Row(engagements[one], sellers[engagements[one].vendor_id], known[one], one in waits)
        for one in ids
        if one in engagements and one in known
    ]


def brief_of(session: Session, identity: Identity, engagement_id: uuid.UUID, *, now: datetime) -> Brief:
    """How the gate of one engagement stands; the caller has read the engagement with the identity's eyes."""
    return reading.briefs(session, _ours(identity), [engagement_id], now=now)[engagement_id]


def decided_to_pass(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Those of these engagements that somebody has decided to let pass."""
    passing = _newest(identity, GateDecision.outcome).in_(sorted(PASSING))
    statement = select(Engagement.id).where(Engagement.id.in_(ids), passing, *_own(identity))
    return list(session.execute(statement).scalars())


def lapsing(session: Session, identity: Identity, *, today: date, now: datetime) -> int:
    """How many gates that pass today may lapse within SOON days."""
    return len(found(session, identity, Filter(state="lapsing"), today=today, now=now))


def waiting_for(session: Session, identity: Identity) -> int:
    """On how many engagements something waits that the reader's role could approve; one statement beside the policy."""
    statement = _narrowed(session, identity, Filter(state="mine"))
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


def _narrowed(session: Session, identity: Identity, narrowed: Filter) -> Select[Any]:
    statement = select(Engagement.id).where(*_own(identity))
    if narrowed.state == "undecided":
        statement = statement.where(~_decided(identity))
    if (
        narrowed.state in WORKED_OUT
    ):  # nothing of them is worked out where nobody has decided, or it never passed
        passed = narrowed.state in ("passing", "lapsing")
        statement = statement.where(
            _newest(identity, GateDecision.outcome).in_(sorted(PASSING)) if passed else _decided(identity)
        )
    if narrowed.state == "waiting":
        statement = statement.where(_waits(identity))
    if narrowed.state == "mine":
        statement = statement.where(_waits_for(session, identity))
    if narrowed.tier:
        statement = statement.where(Engagement.tier == narrowed.tier)
    if narrowed.words:
        key = name_key(narrowed.words)
        seller = exists().where(
            Vendor.id == Engagement.vendor_id,
            Vendor.name_key.contains(key, autoescape=True),
            *mine(identity.scope, Vendor),
        )
        statement = statement.where(or_(Engagement.name_key.contains(key, autoescape=True), seller))
    return statement


def _decided(identity: Identity) -> ColumnElement[bool]:
    return exists().where(GateDecision.engagement_id == Engagement.id, *mine(identity.scope, GateDecision))


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


def _ordered(statement: Select[Any], identity: Identity, narrowed: Filter) -> Select[Any]:
    """Most critical first, then by vendor and name; ``down`` turns the first key round."""
    seller = (
        select(Vendor.name_key)
        .where(Vendor.id == Engagement.vendor_id, *mine(identity.scope, Vendor))
        .scalar_subquery()
    )
    first: Any = case(*((Engagement.tier == tier, at) for at, tier in enumerate(TIERS)), else_=len(TIERS))
    if narrowed.sort == "vendor":
        first = seller
    if narrowed.sort == "engagement":
        first = Engagement.name_key
    if narrowed.sort == "until":
        first = func.coalesce(_newest(identity, GateDecision.valid_until), date.max)
    return statement.order_by(
        first.desc() if narrowed.down else first, seller, Engagement.name_key, Engagement.id
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
