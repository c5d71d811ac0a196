"""Reading vendors, contacts and engagements; business owners find what is theirs."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, OrganisationRole, mine, scoped
from portal.db import name_key
from portal.faults import Conflict, NotFound
from portal.organisations import queries as organisations
from portal.vendors.models import Contact, Engagement, Vendor


def is_narrowed(identity: Identity) -> bool:
    """Whether this identity sees its own engagements only."""
    return identity.role is OrganisationRole.BUSINESS_OWNER


def own_engagements(identity: Identity) -> list[ColumnElement[bool]]:
    """What every statement over engagements compares: the tenant, and for business owners the owner."""
    criteria = mine(identity.scope, Engagement)
    if is_narrowed(identity):
        criteria.append(Engagement.business_owner_id == identity.person.id)
    return criteria


def own_vendors(identity: Identity) -> list[ColumnElement[bool]]:
    """What every statement over vendors compares: the tenant, and for business owners their engagements."""
    criteria = mine(identity.scope, Vendor)
    if is_narrowed(identity):
        criteria.append(exists().where(Engagement.vendor_id == Vendor.id, *own_engagements(identity)))
    return criteria


def narrowed_to(words: str, tier: str) -> list[ColumnElement[bool]]:
    """What lists over engagements and their vendors narrow to: a part of either's name, and the tier; "" is all."""
    found: list[ColumnElement[bool]] = []
    if words:
        key = name_key(words)
        names = (Engagement.name_key, Vendor.name_key)
        found.append(or_(*(one.contains(key, autoescape=True) for one in names)))
    if tier:
        found.append(Engagement.tier == tier)
    return found


def vendor(session: Session, identity: Identity, vendor_id: uuid.UUID, *, lock: bool = False) -> Vendor:
    """The vendor, or NotFound. ``lock``: whoever changes it, links it to a company or issues to it takes turns."""
    statement = select(Vendor).where(Vendor.id == vendor_id, *own_vendors(identity))
    found: Vendor | None = session.execute(
        _locked(statement, Vendor) if lock else statement
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def require_here(vendor: Vendor) -> None:
    """Raise Conflict for a vendor that has been offboarded: nothing is asked of it any more, and nobody invited."""
    if vendor.offboarded_at is not None:
        raise Conflict("This vendor has been offboarded. Put it on record anew if you work with it again.")


def _locked(statement: Select[Any], model: type[Vendor] | type[Engagement]) -> Select[Any]:
    """Read for writing: the row as it stands once the lock is ours."""
    return statement.with_for_update(of=model).execution_options(populate_existing=True)


def vendors(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Vendor]:
    """Those of these vendors that the identity may see, by id."""
    if not ids:
        return {}
    rows = session.execute(select(Vendor).where(Vendor.id.in_(ids), *own_vendors(identity))).scalars()
    return {one.id: one for one in rows}


def vendor_named(session: Session, identity: Identity, key: str) -> Vendor | None:
    """The organisation's vendor whose name compares as ``key`` (db.name_key), whoever may see it."""
    statement = scoped(identity, Vendor).where(Vendor.name_key == key)
    found: Vendor | None = session.execute(statement).scalar_one_or_none()
    return found


def engagement(
    session: Session, identity: Identity, engagement_id: uuid.UUID, *, lock: bool = False
) -> Engagement:
    """The engagement, or NotFound. ``lock``: whoever changes it takes turns."""
    statement = select(Engagement).where(Engagement.id == engagement_id, *own_engagements(identity))
    found: Engagement | None = session.execute(
        _locked(statement, Engagement) if lock else statement
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def engagement_named(
    session: Session, identity: Identity, vendor_id: uuid.UUID, key: str
) -> Engagement | None:
    """The vendor's engagement whose name compares as ``key`` (db.name_key), whoever may see it."""
    statement = scoped(identity, Engagement).where(
        Engagement.vendor_id == vendor_id, Engagement.name_key == key
    )
    found: Engagement | None = session.execute(statement).scalar_one_or_none()
    return found


def engagements_of(session: Session, identity: Identity, *vendor_ids: uuid.UUID) -> list[Engagement]:
    """The engagements with these vendors, by name."""
    statement = (
        select(Engagement)
        .where(Engagement.vendor_id.in_(vendor_ids), *own_engagements(identity))
        .order_by(Engagement.name_key, Engagement.id)
    )
    return list(session.execute(statement).scalars())


def engagements(
    session: Session, identity: Identity, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, Engagement]:
    """Those of these engagements that the identity may see, by id."""
    if not ids:
        return {}
    statement = select(Engagement).where(Engagement.id.in_(ids), *own_engagements(identity))
    return {one.id: one for one in session.execute(statement).scalars()}


def business_owners(session: Session, identity: Identity) -> list[tuple[str, str]]:
    """(id, name) of everybody who answers for an engagement that the identity sees, for a filter."""
    statement = (
        select(Engagement.business_owner_id)
        .where(*own_engagements(identity), Engagement.business_owner_id.is_not(None))
        .distinct()
    )
    people = organisations.people(session, [one for one in session.execute(statement).scalars() if one])
    return sorted(((str(one.id), one.name) for one in people.values()), key=lambda one: one[1].casefold())


def contacts_of(session: Session, identity: Identity, vendor_id: uuid.UUID) -> list[Contact]:
    """The people of a vendor as the organisation wrote them down, first come first."""
    statement: Select[Any] = (
        scoped(identity, Contact)
        .where(Contact.vendor_id == vendor_id)
        .order_by(Contact.created_at, Contact.id)
    )
    return list(session.execute(statement).scalars())


def contact_of(session: Session, identity: Identity, vendor_id: uuid.UUID, email: str) -> Contact | None:
    """The contact with this casefolded address, or None."""
    statement = scoped(identity, Contact).where(Contact.vendor_id == vendor_id, Contact.email == email)
    found: Contact | None = session.execute(statement).scalar_one_or_none()
    return found


def contact(session: Session, identity: Identity, vendor_id: uuid.UUID, contact_id: uuid.UUID) -> Contact:
    """The contact, or NotFound."""
    statement = scoped(identity, Contact).where(Contact.vendor_id == vendor_id, Contact.id == contact_id)
    found: Contact | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found
