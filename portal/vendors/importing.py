"""Taking a list of vendors over: kept for the preview, then all of it or nothing, in a few statements."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.accounts.service import address_key
from portal.audit.catalogue import Kind
from portal.audit.service import record, record_many
from portal.db import name_key
from portal.faults import Conflict, NotFound
from portal.organisations import queries as organisations
from portal.rows import insert_rows
from portal.vendors.import_reading import Row, RowFault, check, from_bytes, owners_by_address, to_bytes
from portal.vendors.models import Contact, Engagement, Vendor, VendorImport

KEPT = timedelta(days=1)
TAKEN = "Somebody has put a vendor of this list on record meanwhile. Look at the list again."


class Overtaken(Conflict):
    """The list no longer fits what is on record: ``faults`` say where."""

    def __init__(self, faults: list[RowFault]) -> None:
        super().__init__(TAKEN)
        self.faults = faults


def known(session: Session, identity: Identity) -> tuple[frozenset[str], dict[str, uuid.UUID]]:
    """(name keys of the organisation's vendors, its members by casefolded address): what a list is checked against."""
    names = session.scalars(select(Vendor.name_key).where(*mine(identity.scope, Vendor)))
    members = organisations.members(session, identity)
    return frozenset(names), owners_by_address((one.person.email, one.person.id) for one in members)


def keep(session: Session, rows: list[Row], *, actor: Identity, now: datetime) -> VendorImport:
    """Keep a list that has no fault until its person has looked at it; an earlier one of theirs goes."""
    assert actor.organisation is not None
    _forget(session, actor)
    found = VendorImport(
        id=uuid.uuid4(),
        organisation_id=actor.organisation.id,
        rows=to_bytes(rows),
        count=len(rows),
        read_by=actor.person.id,
        read_at=now,
    )
    session.add(found)
    session.flush()
    record(session, Kind.VENDORS_READ, now=now, actor=actor, subject=found, data={"rows": len(rows)})
    return found


def kept(
    session: Session, identity: Identity, import_id: uuid.UUID, *, now: datetime, lock: bool = False
) -> Any:
    """A list that this person has uploaded within a day; NotFound for anybody else's."""
    statement = scoped(identity, VendorImport).where(
        VendorImport.id == import_id,
        VendorImport.read_by == identity.person.id,
        VendorImport.read_at > now - KEPT,
    )
    found = session.execute(statement.with_for_update() if lock else statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def discard(session: Session, found: VendorImport, *, actor: Identity, now: datetime) -> None:
    """Throw a list away."""
    record(session, Kind.VENDORS_DISCARDED, now=now, actor=actor, subject=found, data={"rows": found.count})
    _forget(session, actor)


def confirm(session: Session, found: VendorImport, *, actor: Identity, now: datetime) -> int:
    """Put every row on record and forget the list; returns how many vendors that made.

    Engagements keep the tier of the list, and say that no intake gave it. Nobody is written to. Raises Overtaken when
    a name is taken or an owner gone by now: nothing is stored then.
    """
    rows = from_bytes(found.rows)
    taken, owners = known(session, actor)
    faults = check(rows, taken=taken, owners=owners)
    if faults:
        raise Overtaken(faults)
    made = _plan(rows, owners, actor, now)
    try:
        with session.begin_nested():
            for model, planned in made.items():
                insert_rows(session, model, planned)
    except IntegrityError:
        raise Conflict(TAKEN) from None
    _note(session, made, actor, now)
    data = {"rows": len(rows), "vendors": len(made[Vendor]), "engagements": len(made[Engagement])}
    record(session, Kind.VENDORS_IMPORTED, now=now, actor=actor, subject=found, data=data)
    _forget(session, actor)
    return len(made[Vendor])


def _plan(
    rows: Collection[Row], owners: dict[str, uuid.UUID], actor: Identity, now: datetime
) -> dict[Any, list[dict[str, Any]]]:
    """The plain rows of each table, in the order in which they refer to each other."""
    assert actor.organisation is not None
    ours = {"organisation_id": actor.organisation.id, "created_at": now}
    vendors: dict[str, dict[str, Any]] = {}
    contacts: dict[tuple[str, str], dict[str, Any]] = {}
    engagements: list[dict[str, Any]] = []
    for row in rows:
        key = name_key(row.name)
        vendor = vendors.setdefault(
            key,
            {
                "id": uuid.uuid4(),
                **ours,
                "company_id": None,
                "name": row.name,
                "name_key": key,
                "country": None,
                "revision": 1,
                "offboarded_at": None,
            },
        )
        vendor["country"] = vendor["country"] or row.country or None
        if row.contact_email:
            address = address_key(row.contact_email)
            contact = {"id": uuid.uuid4(), **ours, "vendor_id": vendor["id"], "name": row.contact_name}
            contacts.setdefault(
                (key, address), contact | {"name_key": name_key(row.contact_name), "email": address}
            )
        if row.engagement:
            engagements.append(_engagement(row, vendor["id"], owners, actor, now) | ours)
    return {Vendor: list(vendors.values()), Contact: list(contacts.values()), Engagement: engagements}


def _engagement(
    row: Row, vendor_id: uuid.UUID, owners: dict[str, uuid.UUID], actor: Identity, now: datetime
) -> dict[str, Any]:
    owner = owners[address_key(row.business_owner_email)] if row.business_owner_email else None
    return {
        "id": uuid.uuid4(),
        "vendor_id": vendor_id,
        "name": row.engagement,
        "name_key": name_key(row.engagement),
        "description": "",
        "tier": row.tier,
        "facts": {},
        "business_owner_id": owner,
        "revision": 1,
        "intake_id": None,
        "waiting_intake_id": None,
        "owner_set_by": actor.person.id if owner else None,
        "owner_set_at": now if owner else None,
    }


def _note(session: Session, made: dict[Any, list[dict[str, Any]]], actor: Identity, now: datetime) -> None:
    """An event for every row, as if each had been typed in."""
    tiers = {one["id"]: {"tier": one["tier"]} for one in made[Engagement]}
    nothing: dict[str, Any] = {}
    record_many(
        session,
        Kind.VENDOR_CREATED,
        {one["id"]: nothing for one in made[Vendor]},
        table="vendor",
        now=now,
        actor=actor,
    )
    record_many(
        session,
        Kind.CONTACT_ADDED,
        {one["id"]: nothing for one in made[Contact]},
        table="contact",
        now=now,
        actor=actor,
    )
    record_many(session, Kind.ENGAGEMENT_CREATED, tiers, table="engagement", now=now, actor=actor)


def _forget(session: Session, actor: Identity) -> None:
    """Whatever this person has uploaded here and not taken over."""
    session.execute(
        delete(VendorImport)
        .where(*mine(actor.scope, VendorImport), VendorImport.read_by == actor.person.id)
        .execution_options(synchronize_session=False)
    )
