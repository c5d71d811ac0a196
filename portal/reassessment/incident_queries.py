"""Reading incidents, for either side: lists, one with its record, whom a company may tell."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.db import across
from portal.faults import NotFound
from portal.organisations.models import Organisation
from portal.paging import SIZE, Page, paged
from portal.reassessment.models_triggers import Incident, IncidentEntry, IncidentWords
from portal.vendors import queries as vendors
from portal.vendors.models import Vendor

STATES = ("open", "settled", "all")


@dataclass(frozen=True, slots=True)
class Said:
    """One entry; ``words`` is None once they were destroyed."""

    entry: IncidentEntry
    words: str | None


@dataclass(frozen=True, slots=True)
class Client:
    """An organisation that a company works for, as far as it needs to know to tell it something."""

    vendor: Vendor
    name: str
    zone: str

    @property
    def id(self) -> uuid.UUID:
        return self.vendor.organisation_id


def seen(identity: Identity) -> list[ColumnElement[bool]]:
    """What every statement over incidents compares: the tenant, and for business owners the vendors of theirs."""
    criteria = mine(identity.scope, Incident)
    if identity.organisation is not None and vendors.is_narrowed(identity):
        own = select(Vendor.id).where(Vendor.id == Incident.vendor_id, *vendors.own_vendors(identity))
        criteria.append(own.exists())
    return criteria


def incident(session: Session, identity: Identity, incident_id: uuid.UUID, *, lock: bool = False) -> Incident:
    """The incident, or NotFound. ``lock``: whoever writes to it takes turns."""
    statement = select(Incident).where(Incident.id == incident_id, *seen(identity))
    if lock:
        statement = statement.with_for_update(of=Incident).execution_options(populate_existing=True)
    found: Incident | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def entries(session: Session, identity: Identity, incident_id: uuid.UUID) -> list[Said]:
    """Who said what when, as far as this side may read it; the first comes first."""
    rows = session.execute(
        select(IncidentEntry, IncidentWords.words)
        .outerjoin(
            IncidentWords,
            (IncidentWords.entry_id == IncidentEntry.id) & mine(identity.scope, IncidentWords)[0],
        )
        .where(IncidentEntry.incident_id == incident_id, *mine(identity.scope, IncidentEntry))
        .order_by(IncidentEntry.sequence)
    )
    return [Said(entry, words) for entry, words in rows]


def listed(
    session: Session,
    identity: Identity,
    *,
    state: str,
    number: int,
    vendor_id: uuid.UUID | None = None,
    size: int = SIZE,
) -> Page[Incident]:
    """One page, the newest first; ``state``: one of STATES; ``vendor_id``: of one vendor."""
    statement = select(Incident).where(*_within(identity, state))
    if vendor_id is not None:
        statement = statement.where(Incident.vendor_id == vendor_id)
    return paged(session, statement.order_by(Incident.opened_at.desc(), Incident.id), number, size=size)


def ids(identity: Identity, state: str) -> Select[Any]:
    """The ids of one state's list."""
    statement: Select[Any] = select(Incident.id).where(*_within(identity, state))
    return statement


def _within(identity: Identity, state: str) -> list[ColumnElement[bool]]:
    return [*seen(identity), *([] if state == "all" else [Incident.state == state])]


def counts(session: Session, identity: Identity, vendor_id: uuid.UUID | None = None) -> dict[str, int]:
    """How many there are in each state, and in all."""
    statement = select(Incident.state, func.count()).where(*seen(identity)).group_by(Incident.state)
    if vendor_id is not None:
        statement = statement.where(Incident.vendor_id == vendor_id)
    found: dict[str, int] = dict(session.execute(statement).all())
    return {"open": found.get("open", 0), "settled": found.get("settled", 0), "all": sum(found.values())}


def beginnings(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The first words of incidents that this side may read, by incident."""
    if not ids:
        return {}
    first = (
        select(IncidentEntry.incident_id, func.min(IncidentEntry.sequence).label("sequence"))
        .where(IncidentEntry.incident_id.in_(ids), *mine(identity.scope, IncidentEntry))
        .group_by(IncidentEntry.incident_id)
        .subquery()
    )
    rows: Any = session.execute(
        select(IncidentEntry.incident_id, IncidentWords.words)
        .join(
            first,
            (first.c.incident_id == IncidentEntry.incident_id) & (first.c.sequence == IncidentEntry.sequence),
        )
        .join(IncidentWords, IncidentWords.entry_id == IncidentEntry.id)
        .where(*mine(identity.scope, IncidentEntry, IncidentWords))
    )
    return dict(rows.all())


def told_since(session: Session, identity: Identity, organisation_id: uuid.UUID, since: datetime) -> int:
    """How many incidents a company has told one client since an instant."""
    statement = scoped(identity, Incident).with_only_columns(func.count(Incident.id))
    statement = statement.where(
        Incident.organisation_id == organisation_id, Incident.side == "company", Incident.opened_at > since
    )
    return int(session.execute(statement).scalar_one())


def company_of(session: Session, identity: Identity, row: Incident) -> uuid.UUID | None:
    """The company of the incident's vendor, for a member of the organisation; None while nobody of it is here."""
    return vendors.vendor(session, identity, row.vendor_id).company_id


def clients_of(session: Session, identity: Identity, *, lock: bool = False) -> list[Client]:
    """The organisations that a company works for, by name; one vendor of each, the earliest."""
    assert identity.company is not None
    statement = (
        select(Vendor, Organisation.name, Organisation.zone)
        .join(Organisation, Organisation.id == Vendor.organisation_id)
        .where(
            Vendor.company_id == identity.company.id,
            Vendor.offboarded_at.is_(None),
            Organisation.closed_at.is_(None),
        )
        .order_by(Vendor.created_at, Vendor.id)
        .execution_options(**across("a company tells its own clients of an incident"))
    )
    if lock:
        statement = statement.with_for_update(of=Vendor)
    found: dict[uuid.UUID, Client] = {}
    for vendor, name, zone in session.execute(statement):
        found.setdefault(vendor.organisation_id, Client(vendor, name, zone))
    return sorted(found.values(), key=lambda one: (one.name.casefold(), one.id))
