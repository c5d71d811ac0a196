"""Putting vendors, their contacts and engagements on record."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, OrganisationRole, Tenant
from portal.accounts.service import address_key, mail_address
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import name_key
from portal.faults import Conflict, Invalid
from portal.organisations import invitations
from portal.organisations import queries as organisations
from portal.vendors import queries
from portal.vendors.facts import TIERS, checked_facts
from portal.vendors.ground import ground_moved, vendors_moved
from portal.vendors.less import TIER, less
from portal.vendors.models import Contact, Engagement, Vendor
from portal.vendors.resting import from_to
from questionnaires.facts import COUNTRIES

LONGEST_NAME = 200
LONGEST_TEXT = 2000
MOVED_ON = "Somebody else has changed this meanwhile. Look at what is new before you save yours."
Row = TypeVar("Row", Vendor, Engagement, Contact)


def create_vendor(
    session: Session, *, name: str, country: str | None, actor: Identity, now: datetime
) -> Vendor:
    """Put a vendor on record. ``country`` is ISO 3166-1 alpha-2, or None while nobody knows it.

    Raises Invalid for an empty, long or taken name, or a country that does not exist.
    """
    vendor = Vendor(
        id=uuid.uuid4(),
        organisation_id=_organisation(actor).id,
        company_id=None,
        revision=1,
        created_at=now,
        **_vendor_values(name, country),
    )
    _require_free_vendor_name(session, actor, vendor.name_key)
    _store(session, vendor, "name", "You have a vendor of this name already.")
    record(session, Kind.VENDOR_CREATED, now=now, actor=actor, subject=vendor)
    return vendor


def change_vendor(
    session: Session,
    vendor: Vendor,
    *,
    name: str,
    country: str | None,
    revision: int,
    actor: Identity,
    now: datetime,
) -> None:
    """Change a vendor's name or country; issued assessments keep the facts that they were issued with.

    ``revision`` is the one that the form was rendered from. Raises Conflict when the vendor has moved on,
    Invalid as ``create_vendor``.
    """
    values = _vendor_values(name, country)
    if vendor.revision != revision:
        _require_same(vendor, values)
    if values["name_key"] != vendor.name_key:
        _require_free_vendor_name(session, actor, values["name_key"])
    _change(session, vendor, values, Kind.VENDOR_CHANGED, actor=actor, now=now)


def create_engagement(
    session: Session,
    vendor: Vendor,
    *,
    name: str,
    description: str,
    tier: str,
    facts: Mapping[str, Any],
    business_owner_id: uuid.UUID | None,
    actor: Identity,
    now: datetime,
) -> Engagement:
    """Put on record what is bought from ``vendor``. ``facts`` as ``facts.checked_facts`` takes them.

    ``business_owner_id`` is a member of the organisation, or None. The caller has locked the vendor, so that it is not
    offboarded meanwhile. Raises Invalid with a sentence for each field, Conflict for an offboarded vendor.
    """
    queries.require_here(vendor)
    engagement = Engagement(
        id=uuid.uuid4(),
        organisation_id=vendor.organisation_id,
        vendor_id=vendor.id,
        revision=1,
        created_at=now,
        **_named_by(business_owner_id, actor, now),
        **_engagement_values(session, actor, name, description, tier, facts, business_owner_id),
    )
    _require_free_engagement_name(session, actor, vendor.id, engagement.name_key)
    _store(session, engagement, "name", "This vendor has an engagement of this name already.")
    data = {"tier": tier, "facts": sorted(engagement.facts)}
    record(session, Kind.ENGAGEMENT_CREATED, now=now, actor=actor, subject=engagement, data=data)
    return engagement


def change_engagement(
    session: Session,
    engagement: Engagement,
    *,
    name: str,
    description: str,
    tier: str,
    facts: Mapping[str, Any],
    business_owner_id: uuid.UUID | None,
    revision: int,
    actor: Identity,
    now: datetime,
) -> None:
    """Change an engagement; assessments that are issued keep the facts that they were issued with.

    ``revision`` is the one that the form was rendered from. By hand nothing falls (``vendors.less``); where the
    engagement rests on an intake, its tier, facts and description stay as they are. Raises Conflict when the
    engagement has moved on, Invalid as ``create_engagement`` and for what only an intake may change.
    """
    values = _engagement_values(session, actor, name, description, tier, facts, business_owner_id)
    if engagement.revision != revision:
        _require_same(engagement, values)
    if values["name_key"] != engagement.name_key:
        _require_free_engagement_name(session, actor, engagement.vendor_id, values["name_key"])
    _require_not_less(engagement, values)
    codes = from_to(engagement, values)
    if business_owner_id != engagement.business_owner_id:
        for column, value in _named_by(business_owner_id, actor, now).items():
            setattr(engagement, column, value)
    _change(session, engagement, values, Kind.ENGAGEMENT_CHANGED, actor=actor, now=now, codes=codes)


def add_contact(
    session: Session, vendor: Vendor, *, name: str, email: str, actor: Identity, now: datetime
) -> Contact:
    """Write a person of the vendor down, without a letter; a known address gets the new name.

    Raises Invalid for an empty name or an address that cannot be one.
    """
    name, address = _name(name), address_key(_address(email))
    contact = queries.contact_of(session, actor, vendor.id, address)
    if contact is None:
        contact = Contact(
            id=uuid.uuid4(),
            organisation_id=vendor.organisation_id,
            vendor_id=vendor.id,
            name=name,
            email=address,
            created_at=now,
        )
        _store(session, contact, "email", "This person is written down already.")
        record(session, Kind.CONTACT_ADDED, now=now, actor=actor, subject=contact)
    elif contact.name != name:
        contact.name = name
        record(session, Kind.CONTACT_ADDED, now=now, actor=actor, subject=contact, data={"fields": ["name"]})
    return contact


def invite_contact(
    session: Session,
    vendor: Vendor,
    *,
    name: str,
    email: str,
    actor: Identity,
    now: datetime,
    why: str = "",
    check: Mapping[str, str] | None = None,
) -> Contact:
    """Write a person of the vendor down and send them an invitation; sending again replaces the earlier one.

    The address is proven only when the person follows the link. ``why`` stands in the letter, in the
    organisation's words; ``check`` is how it can be checked. Raises Invalid for an address that cannot be one,
    Conflict when the vendor's people are here already: they invite their colleagues themselves.
    """
    queries.require_here(vendor)
    if vendor.company_id is not None:
        raise Conflict("This vendor's people are here already. They invite their colleagues themselves.")
    contact = add_contact(session, vendor, name=name, email=email, actor=actor, now=now)
    invitations.invite(
        session,
        purpose="vendor",
        email=contact.email,
        name=contact.name,
        role=CompanyRole.OWNER,
        now=now,
        actor=actor,
        organisation_id=vendor.organisation_id,
        vendor_id=vendor.id,
        vendor_name=vendor.name,
        why=why,
        check=check,
    )
    return contact


# -------------------------------------------------------------------------------------------- what is checked


def _organisation(actor: Identity) -> Tenant:
    if actor.organisation is None:
        raise LookupError("vendors belong to an organisation")
    return actor.organisation


def _vendor_values(name: str, country: str | None) -> dict[str, Any]:
    name = _name(name)
    if country is not None and country not in COUNTRIES:
        raise Invalid(errors={"country": "Choose a country from the list, or “Not known yet”."})
    return {"name": name, "name_key": name_key(name), "country": country}


def _engagement_values(
    session: Session,
    actor: Identity,
    name: str,
    description: str,
    tier: str,
    facts: Mapping[str, Any],
    business_owner_id: uuid.UUID | None,
) -> dict[str, Any]:
    name = _name(name)
    description = description.strip()
    if len(description) > LONGEST_TEXT:
        raise Invalid(errors={"description": f"Write at most {LONGEST_TEXT} characters."})
    if tier not in TIERS:
        raise Invalid(errors={"tier": "Choose how much depends on this engagement."})
    if business_owner_id is not None and business_owner_id not in {
        one.person.id for one in organisations.members(session, actor)
    }:
        raise Invalid(errors={"business_owner": "Choose a member of your organisation, or nobody."})
    return {
        "name": name,
        "name_key": name_key(name),
        "description": description,
        "tier": tier,
        "facts": checked_facts(facts),
        "business_owner_id": business_owner_id,
    }


def _require_not_less(engagement: Engagement, values: Mapping[str, Any]) -> None:
    """A tier is lowered by an intake and a second person; what an intake has set, an intake changes."""
    if engagement.intake_id is not None and any(
        getattr(engagement, name) != values[name] for name in ("tier", "facts", "description")
    ):
        raise Invalid("Tier, facts and description come from the intake. Answer it again to change them.")
    errors = dict.fromkeys(
        less(engagement.tier, engagement.facts, values["tier"], values["facts"]),
        "This asks for less than what stands. Answer the intake; a second person approves it.",
    )
    if TIER in errors:
        del errors[TIER]
        errors["tier"] = "A lower tier needs an intake, and a second person who approves it."
    if errors:
        raise Invalid(errors=errors)


def _named_by(business_owner_id: uuid.UUID | None, actor: Identity, now: datetime) -> dict[str, Any]:
    """Who named the business owner, and when; nobody where there is none."""
    if business_owner_id is None:
        return {"owner_set_by": None, "owner_set_at": None}
    return {"owner_set_by": actor.person.id, "owner_set_at": now}


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid(errors={"name": "Write a name."})
    # A key may be longer than its name: one letter of some scripts unfolds into eighteen.
    if len(name) > LONGEST_NAME or len(name_key(name)) > LONGEST_NAME:
        raise Invalid(errors={"name": f"Write at most {LONGEST_NAME} characters."})
    return name


def _address(email: str) -> str:
    try:
        return mail_address(email)
    except ValueError:
        raise Invalid(errors={"email": "Write one address, like tomasz.wilk@example.com."}) from None


def _require_free_vendor_name(session: Session, actor: Identity, key: str) -> None:
    if queries.vendor_named(session, actor, key) is not None:
        raise Invalid(errors={"name": "You have a vendor of this name already."})


def _require_free_engagement_name(session: Session, actor: Identity, vendor_id: uuid.UUID, key: str) -> None:
    if queries.engagement_named(session, actor, vendor_id, key) is not None:
        raise Invalid(errors={"name": "This vendor has an engagement of this name already."})


# -------------------------------------------------------------------------------------------- what is written


def _store(session: Session, row: Row, field: str, taken: str) -> None:
    """Write a new row; another transaction may have taken its key since we looked."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Invalid(errors={field: taken}) from None


def _require_same(row: Vendor | Engagement, values: Mapping[str, Any]) -> None:
    """A second press of the same button finds what the first has stored; anything else is a conflict."""
    if any(getattr(row, name) != value for name, value in values.items()):
        raise Conflict(MOVED_ON)


def _change(
    session: Session,
    row: Vendor | Engagement,
    values: Mapping[str, Any],
    kind: Kind,
    *,
    actor: Identity,
    now: datetime,
    codes: Mapping[str, Any] | None = None,
) -> None:
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    if not changed:
        return
    for name in changed:
        setattr(row, name, values[name])
    row.revision += 1
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError:
        raise Invalid(errors={"name": "This name is taken already."}) from None
    if isinstance(row, Engagement):
        ground_moved(session, row.organisation_id, [row.id])
    else:
        vendors_moved(session, row.organisation_id, [row.id])
    record(session, kind, now=now, actor=actor, subject=row, data={"fields": changed, **(codes or {})})


def business_owners(session: Session, actor: Identity) -> list[tuple[uuid.UUID, str]]:
    """Who may be named as business owner of an engagement: (id, name) of all members, owners first."""
    found = organisations.members(session, actor)
    found.sort(key=lambda one: one.role is not OrganisationRole.BUSINESS_OWNER)
    return [(one.person.id, one.person.name) for one in found]
