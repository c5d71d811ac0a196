"""The list of contacts over all vendors: how far each one's invitation is, and what waits for them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment
from portal.assessments.organisation_queries import own_assessments
from portal.db import name_key
from portal.faults import NotFound
from portal.organisations.models import Invitation
from portal.paging import Page
from portal.vendors.models import Contact, Vendor
from portal.vendors.queries import own_vendors

STATES = ("here", "invited", "expired", "withdrawn", "none")
SORTS = ("name", "vendor", "added")


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list is narrowed to, and its order; "" and None are everything."""

    words: str = ""
    state: str = ""
    vendor_id: uuid.UUID | None = None
    sort: str = "name"
    down: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A contact with its vendor. ``state``: one of STATES. ``open``: open assessments addressed to them."""

    contact: Contact
    vendor: Vendor
    state: str
    open: int


def listed(
    session: Session, identity: Identity, narrowed: Filter, *, number: int, size: int, now: datetime
) -> Page[Listed]:
    """One page of the contacts of vendors that the identity may see."""
    statement = ids(identity, narrowed, now=now)
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    page: Page[Listed] = Page([], number, session.execute(counted).scalar_one(), size)
    number = min(number, page.last)
    wanted = session.execute(statement.limit(size).offset((number - 1) * size)).scalars().all()
    return Page(of(session, identity, wanted, now=now), number, page.total, size)


def ids(identity: Identity, narrowed: Filter, *, now: datetime) -> Select[Any]:
    """The ids of all contacts of the list, in its order."""
    order: dict[str, Any] = {"name": Contact.name_key, "vendor": Vendor.name_key, "added": Contact.created_at}
    key = order[narrowed.sort]
    return (
        select(Contact.id)
        .join(Vendor, Vendor.id == Contact.vendor_id)
        .where(*_own(identity), *_criteria(identity, narrowed, now))
        .order_by(key.desc() if narrowed.down else key, Contact.name_key, Contact.id)
    )


def of(session: Session, identity: Identity, wanted: Sequence[uuid.UUID], *, now: datetime) -> list[Listed]:
    """These contacts in the order given, in two statements; those that are gone are left out."""
    if not wanted:
        return []
    rows = session.execute(
        select(Contact, Vendor, state(identity, now))
        .join(Vendor, Vendor.id == Contact.vendor_id)
        .where(Contact.id.in_(wanted), *_own(identity))
    ).all()
    open_ones = _open(session, identity, [contact for contact, _vendor, _state in rows])
    found = {
        contact.id: Listed(contact, vendor, state, open_ones.get((vendor.id, contact.email), 0))
        for contact, vendor, state in rows
    }
    return [found[one] for one in wanted if one in found]


def contact(
    session: Session, identity: Identity, contact_id: uuid.UUID, *, lock: bool = False
) -> tuple[Contact, Vendor]:
    """A contact of any vendor that the identity may see, or NotFound. ``lock``: its vendor's writers take turns."""
    statement = (
        select(Contact, Vendor)
        .join(Vendor, Vendor.id == Contact.vendor_id)
        .where(Contact.id == contact_id, *_own(identity))
    )
    if lock:
        statement = statement.with_for_update(of=Vendor).execution_options(populate_existing=True)
    found = session.execute(statement).one_or_none()
    if found is None:
        raise NotFound
    return found[0], found[1]


def open_for(session: Session, identity: Identity, one: Contact) -> list[Assessment]:
    """Open assessments that are addressed to this contact, whoever may see them."""
    statement = select(Assessment).where(
        *mine(identity.scope, Assessment),
        Assessment.vendor_id == one.vendor_id,
        Assessment.contact_email == one.email,
        Assessment.state == "open",
    )
    return list(session.execute(statement.order_by(Assessment.due, Assessment.id)).scalars())


def state(identity: Identity, now: datetime) -> ColumnElement[str]:
    """How far the statement's Contact is; having joined once outweighs what came after."""

    def sent(*criteria: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(
            *mine(identity.scope, Invitation),
            Invitation.purpose == "vendor",
            Invitation.vendor_id == Contact.vendor_id,
            Invitation.email == Contact.email,
            *criteria,
        )

    waiting = and_(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
    return case(
        (sent(Invitation.accepted_at.is_not(None)), "here"),
        (sent(waiting, Invitation.expires_at > now), "invited"),
        (sent(waiting), "expired"),
        (sent(), "withdrawn"),
        else_="none",
    )


def _own(identity: Identity) -> list[ColumnElement[bool]]:
    return [*mine(identity.scope, Contact), *own_vendors(identity)]


def _criteria(identity: Identity, narrowed: Filter, now: datetime) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if narrowed.words:
        key = name_key(narrowed.words)
        columns = (Contact.name_key, Contact.email, Vendor.name_key)
        criteria.append(or_(*(one.contains(key, autoescape=True) for one in columns)))
    if narrowed.state:
        criteria.append(state(identity, now) == narrowed.state)
    if narrowed.vendor_id is not None:
        criteria.append(Contact.vendor_id == narrowed.vendor_id)
    else:
        criteria.append(Vendor.offboarded_at.is_(None))
    return criteria


def _open(
    session: Session, identity: Identity, contacts: Sequence[Contact]
) -> dict[tuple[uuid.UUID, str], int]:
    if not contacts:
        return {}
    counted = session.execute(
        select(Assessment.vendor_id, Assessment.contact_email, func.count())
        .where(
            *own_assessments(identity),
            Assessment.state == "open",
            tuple_(Assessment.vendor_id, Assessment.contact_email).in_(
                [(one.vendor_id, one.email) for one in contacts]
            ),
        )
        .group_by(Assessment.vendor_id, Assessment.contact_email)
    )
    return {(vendor_id, email): count for vendor_id, email, count in counted if email}
