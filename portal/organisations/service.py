"""Founding tenants, adding and removing people, invitations, settings."""

from __future__ import annotations

import re
import secrets
import unicodedata
import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import CompanyRole, Identity, OrganisationRole, Person, mine
from portal.accounts.service import address_key, new_token, token_hash
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import across, base_url
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.formats import long_date
from portal.organisations import queries
from portal.organisations.models import (
    Company,
    CompanyMember,
    Invitation,
    Organisation,
    OrganisationMember,
)

INVITATION_LASTS = timedelta(days=14)
REGIMES = (
    "gdpr",
    "eu_financial",
    "nis2",
    "nis2_digital",
    "us_health",
    "us_federal",
    "soc2",
    "iso27001",
    "pci",
)
VENDOR_SEES = ("nothing", "band", "all", "all_after_review")
MONTHS = {"critical": 12, "high": 12, "medium": 24, "low": 36}


def slug_for(name: str) -> str:
    """A readable, unguessed part of an address: ``halden-mutual-3f9a``; the tail keeps names from colliding."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "tenant"
    return f"{words}-{secrets.token_hex(3)}"


def create_organisation(
    session: Session,
    *,
    name: str,
    zone: str,
    currency: str,
    now: datetime,
    actor: Identity | Person | None = None,
) -> Organisation:
    """Found an organisation with the shipped defaults; raises Invalid for an unknown zone or currency."""
    _require_zone(zone)
    _require_currency(currency)
    organisation = Organisation(
        id=uuid.uuid4(),
        slug=slug_for(name),
        name=name,
        zone=zone,
        currency=currency,
        regimes=[],
        vendor_sees="band",
        revision=1,
        created_at=now,
        **{f"months_{tier}": months for tier, months in MONTHS.items()},
    )
    session.add(organisation)
    session.flush()
    record(session, Kind.ORGANISATION_CREATED, now=now, actor=actor, subject=organisation)
    return organisation


def add_member(
    session: Session,
    organisation: Organisation,
    person_id: uuid.UUID,
    role: OrganisationRole,
    *,
    now: datetime,
    actor: Identity | Person | uuid.UUID | None,
) -> None:
    """Give a person a role in an organisation; one who was removed before comes back with the new role."""
    row = session.execute(
        select(OrganisationMember).where(
            OrganisationMember.organisation_id == organisation.id, OrganisationMember.person_id == person_id
        )
    ).scalar_one_or_none()
    if row is not None and row.removed_at is None:
        raise Conflict("This person is a member already.")
    if row is None:
        row = OrganisationMember(
            id=uuid.uuid4(),
            organisation_id=organisation.id,
            person_id=person_id,
            role=role.value,
            created_at=now,
        )
        session.add(row)
    else:
        row.role, row.created_at, row.removed_at = role.value, now, None
    session.flush()
    record(
        session,
        Kind.MEMBER_ADDED,
        now=now,
        actor=actor,
        subject=row,
        data={"person": person_id, "role": role},
    )


def create_company(
    session: Session,
    *,
    name: str,
    owner_id: uuid.UUID,
    now: datetime,
    actor: Identity | Person | uuid.UUID | None,
) -> Company:
    """Found a company with its first owner. The session's scope must name the company (or be the system's)."""
    company = Company(id=uuid.uuid4(), slug=slug_for(name), name=name, created_at=now)
    return found_company(session, company, owner_id=owner_id, now=now, actor=actor)


def found_company(
    session: Session,
    company: Company,
    *,
    owner_id: uuid.UUID,
    now: datetime,
    actor: Identity | Person | uuid.UUID | None,
) -> Company:
    """Write a company whose id is known already, since the session's scope had to name it."""
    session.add(company)
    session.flush()
    record(session, Kind.COMPANY_CREATED, now=now, actor=actor, subject=company)
    add_colleague(session, company, owner_id, CompanyRole.OWNER, now=now, actor=actor)
    return company


def add_colleague(
    session: Session,
    company: Company,
    person_id: uuid.UUID,
    role: CompanyRole,
    *,
    now: datetime,
    actor: Identity | Person | uuid.UUID | None,
) -> None:
    """Give a person a role in a company; one who was removed before comes back with the new role."""
    row = session.execute(
        select(CompanyMember).where(
            CompanyMember.company_id == company.id, CompanyMember.person_id == person_id
        )
    ).scalar_one_or_none()
    if row is not None and row.removed_at is None:
        raise Conflict("This person belongs to the company already.")
    if row is None:
        row = CompanyMember(
            id=uuid.uuid4(), company_id=company.id, person_id=person_id, role=role.value, created_at=now
        )
        session.add(row)
    else:
        row.role, row.created_at, row.removed_at = role.value, now, None
    session.flush()
    record(
        session,
        Kind.MEMBER_ADDED,
        now=now,
        actor=actor,
        subject=row,
        data={"person": person_id, "role": role},
    )


def remove(session: Session, identity: Identity, person_id: uuid.UUID, *, now: datetime) -> None:
    """Take a person out of the identity's tenant, at once; the last administrator or owner stays."""
    model: Any = OrganisationMember if identity.organisation is not None else CompanyMember
    keeper = (OrganisationRole.ADMIN if identity.organisation is not None else CompanyRole.OWNER).value
    statement = select(model).where(*mine(identity.scope, model), model.removed_at.is_(None))
    rows: list[Any] = list(session.execute(statement.with_for_update()).scalars())
    row = next((one for one in rows if one.person_id == person_id), None)
    if row is None:
        raise NotFound
    if row.role == keeper and sum(one.role == keeper for one in rows) == 1:
        raise Refused("Somebody must be able to look after these pages: add another one first.")
    row.removed_at = now
    record(session, Kind.MEMBER_REMOVED, now=now, actor=identity, subject=row, data={"person": person_id})


# -------------------------------------------------------------------------------------------------- invitations


def invite(
    session: Session,
    *,
    purpose: str,
    email: str,
    name: str,
    role: OrganisationRole | CompanyRole,
    now: datetime,
    actor: Identity,
    organisation_id: uuid.UUID | None = None,
    company_id: uuid.UUID | None = None,
    vendor_id: uuid.UUID | None = None,
    vendor_name: str = "",
    why: str = "",
) -> Invitation:
    """Invite an address, and queue the letter. An earlier open invitation of the same kind stops working.

    ``purpose``: ``organisation``, ``company`` or ``vendor`` (then ``vendor_id`` and ``vendor_name``, and ``why`` the
    vendor is written to, in the organisation's words).
    """
    for earlier in session.execute(
        select(Invitation).where(
            *mine(actor.scope, Invitation),
            Invitation.purpose == purpose,
            Invitation.email == address_key(email),
            Invitation.vendor_id == vendor_id if vendor_id else Invitation.vendor_id.is_(None),
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
    ).scalars():
        earlier.revoked_at = now
    token = new_token()
    invitation = Invitation(
        id=uuid.uuid4(),
        purpose=purpose,
        organisation_id=organisation_id,
        company_id=company_id,
        vendor_id=vendor_id,
        email=address_key(email),
        name=name,
        role=role.value,
        token_hash=token_hash(token),
        invited_by=actor.person.id,
        created_at=now,
        expires_at=now + INVITATION_LASTS,
    )
    session.add(invitation)
    session.flush()
    record(session, Kind.INVITATION_SENT, now=now, actor=actor, subject=invitation, data={"purpose": purpose})
    tenant = actor.organisation or actor.company
    assert tenant is not None
    letter = mail.compose(
        f"invitation_{purpose}",
        to=(name, email.strip()),
        subject=f"{tenant.name}: invitation to the Vendor Risk Portal"
        if purpose != "vendor"
        else f"{tenant.name} asks {vendor_name} about security",
        sender_name=f"{actor.person.name}, {tenant.name}",
        reply_to=actor.person.email,
        secret=True,
        link=f"{base_url(session)}/invitations/{token}",
        sender=actor.person.name,
        organisation=tenant.name,
        tenant=tenant.name,
        inviter=actor.person.name,
        vendor=vendor_name,
        reason=why,
        until_words=long_date(invitation.expires_at.date()),
    )
    outbox.queue(session, letter, now=now, organisation_id=organisation_id, company_id=company_id)
    return invitation


def withdraw(session: Session, identity: Identity, invitation_id: uuid.UUID, *, now: datetime) -> Invitation:
    """Make an open invitation's link stop working."""
    row = session.execute(
        select(Invitation).where(
            *mine(identity.scope, Invitation),
            Invitation.id == invitation_id,
            Invitation.accepted_at.is_(None),
        )
    ).scalar_one_or_none()
    if row is None:
        raise NotFound
    if row.revoked_at is None:
        row.revoked_at = now
        record(session, Kind.INVITATION_REVOKED, now=now, actor=identity, subject=row)
    return row


def consume(session: Session, invitation: Invitation, person: Person, *, now: datetime) -> None:
    """Mark an invitation as accepted by ``person``, whose address it must name."""
    if address_key(person.email) != invitation.email:
        raise Refused("This invitation is for another address.")
    if (
        invitation.accepted_at is not None
        or invitation.revoked_at is not None
        or invitation.expires_at <= now
    ):
        raise Conflict("This invitation has been used, withdrawn, or is too old.")
    invitation.accepted_at, invitation.accepted_by = now, person.id
    record(
        session,
        Kind.INVITATION_ACCEPTED,
        now=now,
        actor=person,
        subject=invitation,
        data={"purpose": invitation.purpose},
    )


def join_organisation(
    session: Session, invitation: Invitation, person: Person, *, now: datetime
) -> Organisation:
    """A colleague accepts: they get the role that the invitation names."""
    organisation = session.execute(
        select(Organisation).where(Organisation.id == invitation.organisation_id)
    ).scalar_one()
    consume(session, invitation, person, now=now)
    add_member(session, organisation, person.id, OrganisationRole(invitation.role), now=now, actor=person)
    return organisation


def join_company(session: Session, invitation: Invitation, person: Person, *, now: datetime) -> Company:
    """A colleague accepts, and the owners are told."""
    company = session.execute(select(Company).where(Company.id == invitation.company_id)).scalar_one()
    consume(session, invitation, person, now=now)
    add_colleague(session, company, person.id, CompanyRole(invitation.role), now=now, actor=person)
    tell_owners(session, company, person, what=f"{person.name} has joined {company.name}", now=now)
    return company


def tell_owners(session: Session, company: Company, about: Person, *, what: str, now: datetime) -> None:
    """A letter to every owner of the company but the person it is about."""
    for owner in queries.company_owners(session, company.id):
        if owner.id == about.id:
            continue
        letter = mail.compose(
            "owners_told",
            to=(owner.name, owner.email),
            subject=what,
            what=what,
            who=about.name,
            who_address=about.email,
            company=company.name,
            link=f"{base_url(session)}/c/{company.slug}/team",
        )
        outbox.queue(session, letter, now=now, company_id=company.id)


def inviter(session: Session, invitation: Invitation) -> tuple[str, str]:
    """(name of the person, name of the tenant) behind an invitation: what the accepting page shows."""
    option = across("an invitation names who sent it")
    name = queries.people(session, [invitation.invited_by])[invitation.invited_by].name
    if invitation.organisation_id is not None:
        tenant = session.scalar(
            select(Organisation.name)
            .where(Organisation.id == invitation.organisation_id)
            .execution_options(**option)
        )
    else:
        tenant = session.scalar(
            select(Company.name).where(Company.id == invitation.company_id).execution_options(**option)
        )
    return name, tenant or ""


# ----------------------------------------------------------------------------------------------------- settings


def change_settings(
    session: Session, identity: Identity, values: dict[str, Any], *, revision: int, now: datetime
) -> Organisation:
    """Change the organisation's settings; ``revision`` is the one that the form was rendered from.

    ``values``: name, zone, currency, regimes (list), months_<tier> (1 to 120), vendor_sees. Raises Conflict when
    somebody else has changed them meanwhile, Invalid for a value that does not fit.
    """
    organisation = session.execute(
        select(Organisation).where(*mine(identity.scope, Organisation)).with_for_update()
    ).scalar_one()
    if organisation.revision != revision:
        raise Conflict(
            "Somebody else has changed the settings meanwhile. Look at them before you save yours."
        )
    _require_zone(values["zone"])
    _require_currency(values["currency"])
    unknown = set(values["regimes"]) - set(REGIMES)
    if unknown or values["vendor_sees"] not in VENDOR_SEES:
        raise Invalid("Choose from the list.")
    for tier in MONTHS:
        if not 1 <= values[f"months_{tier}"] <= 120:
            raise Invalid(errors={f"months_{tier}": "Write a whole number of months from 1 to 120."})
    changed = sorted(name for name, value in values.items() if getattr(organisation, name) != value)
    for name, value in values.items():
        setattr(organisation, name, value)
    if changed:
        organisation.revision += 1
        record(
            session,
            Kind.SETTINGS_CHANGED,
            now=now,
            actor=identity,
            subject=organisation,
            data={"fields": changed},
        )
    return organisation


def _require_zone(zone: str) -> None:
    if zone not in available_timezones():
        raise Invalid(errors={"zone": "Choose a time zone from the list, such as Europe/Lisbon."})


def _require_currency(currency: str) -> None:
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Invalid(errors={"currency": "Write the three letters of a currency, such as EUR."})
