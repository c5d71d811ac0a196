"""Triggers: that something happened which asks for a look before its date, and what was done about it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.organisations import queries as organisations
from portal.paging import SIZE, Page, paged
from portal.reassessment.agenda_rounds import next_open
from portal.reassessment.dating import SCHEDULED
from portal.reassessment.eyes import Eyes
from portal.reassessment.models import Reassessment
from portal.reassessment.models_triggers import Trigger
from portal.reassessment.rules_shape import OFF, REASSESS, TRIGGERS, Rules
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import own_engagements

OPEN, USED, DISMISSED, OVER = "open", "used", "dismissed", "over"
STATES = (OPEN, "settled")
KINDS = TRIGGERS
CODES = (
    "looked",
    "asked",
    "covered",
    "mistake",
)  # why nothing follows; ANSWERED and GONE are the worker's own
ANSWERED, GONE, MOVED = "answered", "gone", "moved"
BASE = 58  # characters of a basis that are told apart: the rest of the column holds the turn
_NAMES = uuid.UUID("2a1f8f60-6c2d-4c6e-9a39-0f1a7d1f55c1")


@dataclass(frozen=True, slots=True)
class Found:
    """One trigger that the state of things calls for. ``basis``: the state in which ``subject`` was found. ``turn``: 2
    when it was found and over once before, and so on.
    """

    kind: str
    organisation_id: uuid.UUID
    engagement_id: uuid.UUID
    subject: uuid.UUID
    slug: str = ""
    basis: str = ""
    turn: int = 1

    @property
    def stored(self) -> str:
        """The basis as it is on record."""
        return self.basis if self.turn == 1 else f"{self.basis[:BASE]}#{self.turn}"

    @property
    def id(self) -> uuid.UUID:
        """The same whoever finds it, and for a simulation that foresees it."""
        words = (self.kind, self.subject, self.engagement_id, self.slug, self.stored)
        return uuid.uuid5(_NAMES, "|".join(str(word) for word in words))


@dataclass(frozen=True, slots=True)
class Listed:
    """A trigger with what it is about."""

    trigger: Trigger
    engagement: Engagement
    vendor: Vendor


def put(session: Session, found: Sequence[Found], known: Rules, *, zone: str, now: datetime) -> int:
    """Put these on record in a session of the system's own, once each; what the rules say of each happens at once.

    All of one organisation. Returns how many are new. Sorted, so that workers cannot deadlock.
    """
    wanted = [one for one in found if known.triggers[one.kind] != OFF]
    rows = [
        _row(one, known, now)
        for one in sorted({one.id: one for one in wanted}.values(), key=lambda one: one.id)
    ]
    if not rows:
        return 0
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    new = set(
        session.scalars(
            insert(Trigger).on_conflict_do_nothing().returning(Trigger.id),
            rows,
            execution_options={
                "unaudited": "each new one has its event; what another worker wrote changes nothing"
            },
        )
    )
    for row in rows:
        if row["id"] not in new:
            continue
        trigger = session.get_one(Trigger, row["id"])
        days = days_of(known.triggers[trigger.kind])
        if days is not None:
            day = local_date(now, zone) + timedelta(days=max(days, known.notice_days))
            if _pull(session, trigger, day, actor=None, now=now):
                trigger.state, trigger.wanted, trigger.settled_at, trigger.code = USED, day, now, MOVED
        data = {"kind": trigger.kind, "engagement": trigger.engagement_id, "wanted": trigger.wanted}
        record(session, Kind.TRIGGER_SET, now=now, actor=None, subject=trigger, data=data)
    session.flush()
    return len(new)


def _row(one: Found, known: Rules, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "organisation_id": one.organisation_id,
        "engagement_id": one.engagement_id,
        "slug": one.slug,
        "kind": one.kind,
        "subject_id": one.subject,
        "basis": one.stored,
        "at": now,
        "by": None,
        "wanted": None,
        "state": OPEN,
        "settled_by": None,
        "settled_at": None,
        "code": "",
    }


def days_of(rule: str) -> int | None:
    """The days of ``reassess:<days>``, None for a rule that only reminds."""
    name, _, days = rule.partition(":")
    return int(days) if name == REASSESS and days.isdigit() else None


def settle(
    session: Session, trigger: Trigger, *, code: str, day: date | None = None, actor: Identity, now: datetime
) -> None:
    """What somebody decided: nothing follows (``code`` of CODES), or the next assessment is due by ``day``.

    The caller has locked the trigger. Raises Refused, Conflict when it is settled, Invalid (code, day).
    """
    if not actor.may(Permission.ISSUE):
        raise Refused("You may read this, but not decide on it.")
    if (trigger.code, trigger.settled_by) == (code, actor.person.id):
        return  # a second press of the same button
    if trigger.state != OPEN:
        raise Conflict("Somebody has decided on this meanwhile.")
    if code == MOVED:
        own = organisations.organisation_of(session, actor)
        nearest = local_date(now, own.zone) + timedelta(days=1)
        if day is None or day < nearest:
            raise Invalid(errors={"day": f"Choose a day from {nearest} on."})
        if not _pull(session, trigger, day, actor=actor, now=now):
            raise Invalid(
                errors={
                    "day": "The next one is out already, or none is later than that. Look at the vendor's page."
                }
            )
        trigger.wanted = day
    elif code not in CODES:
        raise Invalid(errors={"code": "Choose why nothing follows."})
    trigger.state = USED if code == MOVED else DISMISSED
    trigger.code, trigger.settled_by, trigger.settled_at = code, actor.person.id, now
    data = {"state": trigger.state, "code": code, "wanted": trigger.wanted}
    record(session, Kind.TRIGGER_SETTLED, now=now, actor=actor, subject=trigger, data=data)
    session.flush()


def _pull(session: Session, trigger: Trigger, day: date, *, actor: Identity | None, now: datetime) -> bool:
    """Pull the next assessments of the engagement forward to ``day``; never back. Whether any date has moved.

    One that is out already keeps its date: what its vendor was given does not move with it.
    """
    statement = select(Reassessment).where(
        Reassessment.organisation_id == trigger.organisation_id,
        Reassessment.engagement_id == trigger.engagement_id,
        Reassessment.state == SCHEDULED,
        Reassessment.due > day,
        ~next_open(Eyes(actor)),
    )
    if trigger.slug:
        statement = statement.where(Reassessment.slug == trigger.slug)
    moved = False
    for row in session.scalars(statement.order_by(Reassessment.id).with_for_update()):
        due = max(day, row.not_before) if row.not_before else day
        if due >= row.due:
            continue
        before, row.due, row.wanted, row.why, moved = row.due, due, day, "trigger", True
        data = {"before": before, "due": due, "why": row.why, "tier": row.tier, "months": row.months}
        record(session, Kind.REASSESSMENT_MOVED, now=now, actor=actor, subject=row, data=data)
    return moved


def trigger(session: Session, identity: Identity, trigger_id: uuid.UUID, *, lock: bool = False) -> Trigger:
    """The trigger of an engagement that the identity sees, or NotFound."""
    statement = (
        select(Trigger)
        .join(Engagement, Engagement.id == Trigger.engagement_id)
        .where(Trigger.id == trigger_id, *mine(identity.scope, Trigger), *own_engagements(identity))
    )
    if lock:
        statement = statement.with_for_update(of=Trigger).execution_options(populate_existing=True)
    found: Trigger | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def counts(session: Session, identity: Identity) -> dict[str, int]:
    """How many wait for somebody, and how many are settled."""
    waiting = Trigger.state == OPEN
    row = session.execute(
        select(func.count(case((waiting, 1))), func.count(case((~waiting, 1))))
        .select_from(Trigger)
        .join(Engagement, Engagement.id == Trigger.engagement_id)
        .where(*mine(identity.scope, Trigger), *own_engagements(identity))
    ).one()
    return {OPEN: row[0], "settled": row[1]}


def ids(identity: Identity, state: str) -> Select[Any]:
    """The ids of one state's list; ``state``: one of STATES."""
    statement: Select[Any] = (
        select(Trigger.id)
        .join(Engagement, Engagement.id == Trigger.engagement_id)
        .where(*mine(identity.scope, Trigger), *own_engagements(identity), *_in(state))
    )
    return statement


def listed(
    session: Session, identity: Identity, *, state: str, number: int, size: int = SIZE
) -> Page[Listed]:
    """One page, the newest first; ``state``: one of STATES."""
    page = paged(session, ids(identity, state).order_by(Trigger.at.desc(), Trigger.id), number, size=size)
    rows = session.execute(
        select(Trigger, Engagement, Vendor)
        .join(Engagement, Engagement.id == Trigger.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .where(
            Trigger.id.in_(page.rows),
            *mine(identity.scope, Trigger, Vendor),
            *own_engagements(identity),
        )
    )
    found = {one[0].id: Listed(*one) for one in rows}
    return Page([found[one] for one in page.rows if one in found], page.number, page.total, page.size)


def _in(state: str) -> list[Any]:
    return [Trigger.state == OPEN] if state == OPEN else [Trigger.state != OPEN]
