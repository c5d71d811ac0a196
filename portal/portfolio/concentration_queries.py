"""Whom vendors depend on: the firms that they name as their own suppliers, and how much rests on each.

Only of submissions that count today, and of engagements that the reader may see. Two names are one firm where somebody
of the organisation has said so; nothing is guessed across organisations.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import name_key
from portal.faults import Invalid, NotFound
from portal.gate.standings import Relation
from portal.paging import Page, paged_ids, paged_rows
from portal.portfolio.models import FourthParty, FourthPartyName
from portal.portfolio.words import firm_key
from portal.vendors import queries as vendors
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import narrowed_to

MOST = 10


@dataclass(frozen=True, slots=True)
class Party:
    """One firm. ``critical`` and ``high``: engagements of that tier whose vendor names it, of ``of_critical`` and
    ``of_high`` in all; ``engagements`` and ``vendors``: of any tier.
    """

    name: str
    key: str
    critical: int
    of_critical: int
    high: int
    of_high: int
    engagements: int
    vendors: int


@dataclass(frozen=True, slots=True)
class Named:
    """An engagement whose vendor names a firm: as what, in which country, for what."""

    engagement: Engagement
    vendor: Vendor
    name: str
    country: str
    service: str


@dataclass(frozen=True, slots=True)
class Filter:
    """``words``: in the firm's name; ``tier``: only what engagements of it rest on; ``key``: one firm's engagements."""

    words: str = ""
    tier: str = ""
    key: str = ""
    sort: str = ""  # one order: most critical first
    down: bool = False


def top(
    session: Session, identity: Identity, relation: Relation, tiers: Mapping[str, int], *, most: int = MOST
) -> list[Party]:
    """The firms on which most critical engagements rest, then high ones; a fixed number of statements.

    ``tiers``: how many engagements of each the reader may see, without those of offboarded vendors.
    """
    cut = _ranked(identity, Filter(), relation).limit(most)
    return _parties(session, identity, session.execute(cut).all(), relation, tiers)


def listed(
    session: Session, identity: Identity, narrowed: Filter, relation: Relation, *, number: int
) -> Page[Party]:
    """One page of all firms."""
    page = paged_rows(session, _ranked(identity, narrowed, relation), number)
    found = _parties(session, identity, page.rows, relation, tiers_of(session, identity))
    return Page(found, page.number, page.total)


def everything(session: Session, identity: Identity, narrowed: Filter, relation: Relation) -> list[Party]:
    """All firms that fit, for a file."""
    found = session.execute(_ranked(identity, narrowed, relation)).all()
    return _parties(session, identity, found, relation, tiers_of(session, identity), few=False)


def engagements(session: Session, identity: Identity, narrowed: Filter, relation: Relation) -> Select[Any]:
    """The ids of the engagements that rest on the firm ``narrowed.key``, most critical first."""
    statement = (
        _joined(select(Engagement.id), identity, relation)
        .where(*_counts_as(session, identity, [narrowed.key]))
        .group_by(Engagement.id, Engagement.tier, Engagement.name_key, Vendor.name_key)
        .order_by(_rank(), Vendor.name_key, Engagement.name_key, Engagement.id)
    )
    return statement.where(*narrowed_to(narrowed.words, narrowed.tier))


def page_of(
    session: Session, identity: Identity, narrowed: Filter, relation: Relation, *, number: int
) -> Page[Named]:
    """One page of them."""
    page = paged_ids(session, engagements(session, identity, narrowed, relation), number)
    return Page(rows(session, identity, narrowed.key, page.rows, relation), page.number, page.total)


def rows(
    session: Session, identity: Identity, key: str, ids: Iterable[uuid.UUID], relation: Relation
) -> list[Named]:
    """These engagements in this order, with what each vendor says of the firm; a fixed number of statements."""
    wanted = list(ids)
    bought = vendors.engagements(session, identity, wanted)
    sellers = vendors.vendors(session, identity, {one.vendor_id for one in bought.values()})
    columns: list[Any] = [Engagement.id, FourthParty.name, FourthParty.country, FourthParty.service]
    statement = _joined(select(*columns), identity, relation).where(
        *_counts_as(session, identity, [key]), Engagement.id.in_(wanted)
    )
    said: dict[uuid.UUID, Any] = {}
    for one in session.execute(
        statement.order_by(FourthParty.submission_id, FourthParty.key, FourthParty.row)
    ):
        said.setdefault(one.id, one)
    return [
        Named(
            bought[one], sellers[bought[one].vendor_id], said[one].name, said[one].country, said[one].service
        )
        for one in wanted
        if one in bought and one in said
    ]


def name_of(session: Session, identity: Identity, key: str, relation: Relation) -> str:
    """What a firm is called by those who name it; "" where nobody does."""
    return _names(session, identity, relation, [key]).get(key, "")


def aliases(session: Session, identity: Identity, key: str) -> list[tuple[str, str]]:
    """The other names that somebody said are this firm's: the key of each, and how a vendor wrote it."""
    same = and_(FourthParty.name_key == FourthPartyName.name_key, *mine(identity.scope, FourthParty))
    statement = (
        select(FourthPartyName.name_key, func.min(FourthParty.name))
        .outerjoin(FourthParty, same)
        .where(FourthPartyName.same_as == key, *mine(identity.scope, FourthPartyName))
        .group_by(FourthPartyName.name_key)
    )
    return sorted((one, name or one) for one, name in session.execute(statement))


# ----------------------------------------------------------------------------------------------------------- two names


def join(session: Session, identity: Identity, key: str, same_as: str, *, now: datetime) -> str:
    """Say that the firm ``key`` is the firm that is called ``same_as``; returns what it counts as from now on.

    Raises Invalid (field same_as) for a name that no vendor gives, and for the same one; NotFound for a key that
    stands for no firm.
    """
    assert identity.organisation is not None
    wanted = firm_key(same_as)
    if not key or not wanted:
        raise Invalid(errors={"same_as": "Write the name of the firm as another vendor wrote it."})
    ours = mine(identity.scope, FourthPartyName)
    known = {
        one.name_key: one
        for one in session.execute(select(FourthPartyName).where(*ours).with_for_update()).scalars()
    }
    target = known[wanted].same_as if wanted in known else wanted
    if target == key:
        raise Invalid(errors={"same_as": "This is the same name. Write another."})
    if not _is_named(session, identity, key):
        raise NotFound
    if not _is_named(session, identity, target):
        raise Invalid(
            errors={"same_as": "No vendor names a firm like this. Write the name as the list shows it."}
        )
    for one in known.values():  # what was this firm by another name is the other one's now
        if one.same_as == key:
            one.same_as = target
    row = known.get(key)
    if row is None:
        row = FourthPartyName(organisation_id=identity.organisation.id, name_key=key)
        session.add(row)
    elif row.same_as == target:
        return target  # said before
    row.same_as, row.said_by, row.said_at = target, identity.person.id, now
    record(session, Kind.FOURTH_PARTY_NAMED, now=now, actor=identity, data={"do": "join"})
    session.flush()
    return target


def part(session: Session, identity: Identity, key: str, *, now: datetime) -> None:
    """Say that the name ``key`` is a firm of its own after all; nothing where it is one."""
    which = [FourthPartyName.name_key == key, *mine(identity.scope, FourthPartyName)]
    gone: Any = session.execute(delete(FourthPartyName).where(*which))
    if gone.rowcount:
        record(session, Kind.FOURTH_PARTY_NAMED, now=now, actor=identity, data={"do": "part"})


def _is_named(session: Session, identity: Identity, key: str) -> bool:
    """Whether a vendor names a firm by this key, or one that counts as it."""
    called = select(FourthParty.name_key).where(
        FourthParty.name_key == key, *mine(identity.scope, FourthParty)
    )
    counts = select(FourthPartyName.name_key).where(
        FourthPartyName.same_as == key, *mine(identity.scope, FourthPartyName)
    )
    return any(session.execute(one.limit(1)).first() is not None for one in (called, counts))


# ------------------------------------------------------------------------------------------------------------- reading


def _key() -> Any:
    """What a firm counts as: its own key, or the one that somebody said it is."""
    return func.coalesce(FourthPartyName.same_as, FourthParty.name_key)


def _counts_as(session: Session, identity: Identity, keys: Collection[str]) -> list[ColumnElement[bool]]:
    """A firm is one of these. The keys that it goes by are named, too: by them rows of few firms are found at once."""
    others = select(FourthPartyName.name_key).where(
        FourthPartyName.same_as.in_(keys), *mine(identity.scope, FourthPartyName)
    )
    called = {*keys, *session.execute(others).scalars()}
    return [FourthParty.name_key.in_(sorted(called)), _key().in_(keys)]


def _rank() -> Any:
    return case(*((Engagement.tier == tier, number) for number, tier in enumerate(TIERS)), else_=len(TIERS))


def _joined(statement: Select[Any], identity: Identity, relation: Relation) -> Select[Any]:
    """Firms that are named in what counts today, with the engagements that rest on it and that the reader may see."""
    at = relation.submissions.c
    same = and_(FourthPartyName.name_key == FourthParty.name_key, *mine(identity.scope, FourthPartyName))
    return (
        statement.select_from(FourthParty)
        .join(relation.submissions, at.submission_id == FourthParty.submission_id)
        .join(Engagement, and_(Engagement.id == at.engagement_id, *vendors.own_engagements(identity)))
        .join(Vendor, and_(Vendor.id == Engagement.vendor_id, *mine(identity.scope, Vendor)))
        .outerjoin(FourthPartyName, same)
        .where(*mine(identity.scope, FourthParty), Vendor.offboarded_at.is_(None))
    )


def _ranked(identity: Identity, narrowed: Filter, relation: Relation) -> Select[Any]:
    """(key, critical, high and other engagements), those first on which most critical engagements rest."""

    def bought(tier: str) -> Any:
        return func.count(case((Engagement.tier == tier, Engagement.id)).distinct())

    key = _key().label("key")
    critical, high = bought("critical"), bought("high")
    others = case((Engagement.tier.in_(("critical", "high")), None), else_=Engagement.id)
    # Of those with as many critical and high ones, whoever has more others has more in all.
    lower = func.count(others.distinct()).label("lower")
    critical, high = critical.label("critical"), high.label("high")
    columns = (key, critical, high, lower)
    statement = (
        _joined(select(*columns), identity, relation)
        .group_by(key)
        .order_by(critical.desc(), high.desc(), lower.desc(), key)
    )
    if narrowed.tier:
        statement = statement.where(Engagement.tier == narrowed.tier)
    if narrowed.words:
        wanted = firm_key(narrowed.words) or name_key(narrowed.words)
        statement = statement.where(_key().contains(wanted, autoescape=True))
    return statement


def _names(
    session: Session, identity: Identity, relation: Relation, keys: Collection[str] | None
) -> dict[str, str]:
    """What each of these firms (None: all) is called: as most vendors write it, and of such names the shortest; no one
    vendor's way to write it decides for all.
    """
    key, sellers = _key().label("key"), func.count(Vendor.id.distinct())
    statement = _joined(select(key, FourthParty.name, sellers), identity, relation)
    if keys is not None:
        statement = statement.where(*_counts_as(session, identity, keys))
    best: dict[str, tuple[int, int, str]] = {}
    for one, name, count in session.execute(statement.group_by(key, FourthParty.name)):
        best[one] = min(best.get(one, (0, 0, "")), (-count, len(name), name))
    return {one: name for one, (_count, _length, name) in best.items()}


def _sellers(
    session: Session, identity: Identity, relation: Relation, keys: Collection[str] | None
) -> dict[str, int]:
    """How many vendors name each of these firms (None: all)."""
    key = _key().label("key")
    columns: list[Any] = [key, func.count(Vendor.id.distinct())]
    statement = _joined(select(*columns), identity, relation).group_by(key)
    if keys is not None:
        statement = statement.where(*_counts_as(session, identity, keys))
    return dict(session.execute(statement).all())


def tiers_of(session: Session, identity: Identity) -> dict[str, int]:
    """How many engagements of each tier the reader may see, without those of offboarded vendors."""
    here = select(Engagement.tier, func.count()).join(
        Vendor, and_(Vendor.id == Engagement.vendor_id, *mine(identity.scope, Vendor))
    )
    here = here.where(*vendors.own_engagements(identity), Vendor.offboarded_at.is_(None)).group_by(
        Engagement.tier
    )
    return dict(session.execute(here).all())


def _parties(
    session: Session,
    identity: Identity,
    found: Sequence[Any],
    relation: Relation,
    tiers: Mapping[str, int],
    *,
    few: bool = True,
) -> list[Party]:
    keys = [one.key for one in found] if few else None
    names = _names(session, identity, relation, keys)
    sellers = _sellers(session, identity, relation, keys)
    critical, high = tiers.get("critical", 0), tiers.get("high", 0)
    return [
        Party(
            names[one.key],
            one.key,
            one.critical,
            critical,
            one.high,
            high,
            one.critical + one.high + one.lower,
            sellers[one.key],
        )
        for one in found
    ]
