"""Founding tenants, adding and removing people, settings."""

from __future__ import annotations

import re
import secrets
import unicodedata
import uuid
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, OrganisationRole, Person, mine
from portal.accounts import factors
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.organisations import queries, saved, tokens
from portal.organisations.models import (
    Company,
    CompanyMember,
    Organisation,
    OrganisationMember,
)

# Places, and the zone that belongs to none; not the abbreviations and countries that tzdata keeps for old programs.
ZONES = tuple(sorted(one for one in available_timezones() if "/" in one or one == "UTC"))
VENDOR_SEES = ("nothing", "band", "all", "all_after_review")
# What organisations are told apart by: tokens of portal.css, light and dark; none is a tone of judgement.
COLOURS = ("slate", "indigo", "plum", "rose", "rust", "ochre", "moss", "teal")
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
    given_by: uuid.UUID | None = None,
    by_provider: bool = False,
) -> None:
    """Give a person a role in an organisation; one who was removed before comes back with the new role.

    ``given_by``: whose word it rests on, where that is not the actor: of an invitation, who sent it. ``by_provider``:
    see OrganisationMember.
    """
    giver = given_by or _giver(actor, person_id)
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
            given_by=giver,
            given_at=now,
            by_provider=by_provider,
        )
        session.add(row)
    else:
        row.role, row.created_at, row.removed_at = role.value, now, None
        row.given_by, row.given_at, row.by_provider = giver, now, by_provider
    session.flush()
    record(
        session,
        Kind.MEMBER_ADDED,
        now=now,
        actor=actor,
        subject=row,
        data={"person": person_id, "role": role},
    )


def _giver(actor: Identity | Person | uuid.UUID | None, person_id: uuid.UUID) -> uuid.UUID | None:
    """Who gives a role by this act; None for whoever runs the portal, and for who founds something for themselves."""
    if isinstance(actor, Identity):
        actor = actor.person.id
    giver = actor.id if isinstance(actor, Person) else actor
    return None if giver == person_id else giver


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
    given_by: uuid.UUID | None = None,
) -> None:
    """Give a person a role in a company; one who was removed before comes back with the new role.

    ``given_by`` as for ``add_member``.
    """
    giver = given_by or _giver(actor, person_id)
    if role is CompanyRole.DELEGATE:
        raise ValueError("who comes by a link is no member")
    row = session.execute(
        select(CompanyMember).where(
            CompanyMember.company_id == company.id, CompanyMember.person_id == person_id
        )
    ).scalar_one_or_none()
    if row is not None and row.removed_at is None:
        raise Conflict("This person belongs to the company already.")
    if row is None:
        row = CompanyMember(
            id=uuid.uuid4(),
            company_id=company.id,
            person_id=person_id,
            role=role.value,
            created_at=now,
            given_by=giver,
            given_at=now,
        )
        session.add(row)
    else:
        row.role, row.created_at, row.removed_at = role.value, now, None
        row.given_by, row.given_at = giver, now
    session.flush()
    record(
        session,
        Kind.MEMBER_ADDED,
        now=now,
        actor=actor,
        subject=row,
        data={"person": person_id, "role": role},
    )


def vouch_for(session: Session, organisation: Organisation, person_id: uuid.UUID, *, now: datetime) -> None:
    """Let a member's place rest on the word of whoever runs the portal, who knows them to be a person of their own.

    For four_eyes.py, where an organisation has two people and one let the other in. Raises NotFound for no member.
    """
    row = session.execute(
        select(OrganisationMember)
        .where(
            OrganisationMember.organisation_id == organisation.id,
            OrganisationMember.person_id == person_id,
            OrganisationMember.removed_at.is_(None),
        )
        .with_for_update()
    ).scalar_one_or_none()
    if row is None:
        raise NotFound
    row.given_by, row.given_at = None, now
    record(session, Kind.MEMBER_VOUCHED_FOR, now=now, actor=None, subject=row, data={"person": person_id})
    session.flush()


def keeper_role(identity: Identity) -> OrganisationRole | CompanyRole:
    """The role that a tenant must never be without."""
    return OrganisationRole.ADMIN if identity.organisation is not None else CompanyRole.OWNER


def remove(session: Session, identity: Identity, person_id: uuid.UUID, *, now: datetime) -> None:
    """Take a person out of the identity's tenant, at once; the last administrator or owner stays.

    Of somebody whom a sign-in provider let in it holds: the provider lets them in no more, an invitation does.
    """
    keeper = keeper_role(identity).value
    known = locked_members(session, identity)
    rows = [one for one in known if one.removed_at is None]
    row = next((one for one in known if one.person_id == person_id), None)
    if row is None:
        raise NotFound
    if identity.organisation is not None:
        row.by_provider = False  # also of who is out already by the provider's word
    if row.removed_at is not None:
        return  # a second press of the same button
    if row.role == keeper and sum(one.role == keeper for one in rows) == 1:
        raise Refused("Somebody must be able to look after these pages: add another one first.")
    part_with(session, identity, row, now=now)


def locked_members(session: Session, identity: Identity) -> list[Any]:
    """Every membership of the identity's tenant, those that have ended too.

    Locked in the order in which four_eyes.py locks them, so that the two never wait for each other.
    """
    model: Any = OrganisationMember if identity.organisation is not None else CompanyMember
    statement = select(model).where(*mine(identity.scope, model)).order_by(model.person_id)
    locked = statement.with_for_update().execution_options(populate_existing=True)
    return list(session.execute(locked).scalars())


def part_with(session: Session, identity: Identity, row: Any, *, now: datetime) -> None:
    """End a membership and what rests on it; the one way out, by whoever's word (``identity``: whose act it is).

    Open invitations that they sent to future colleagues are withdrawn: nobody comes in on the word of who has gone,
    who may have invited themselves. Invitations to vendors are the organisation's own business and stay.
    """
    person_id = row.person_id
    row.removed_at = now
    record(session, Kind.MEMBER_REMOVED, now=now, actor=identity, subject=row, data={"person": person_id})
    if identity.organisation is not None:
        tokens.revoke_of(session, identity, person_id, now=now)
        saved.forget(session, identity.organisation.id, person_id)
    for invitation in queries.sent_by(session, identity, person_id):
        invitation.revoked_at = now
        record(session, Kind.INVITATION_REVOKED, now=now, actor=identity, subject=invitation)


# ----------------------------------------------------------------------------------------------------- settings


def change_settings(
    session: Session, identity: Identity, values: dict[str, Any], *, revision: int, now: datetime
) -> Organisation:
    """Change the organisation's settings; ``revision`` is the one that the form was rendered from.

    ``values``: name, zone, region ("" or one whose holidays are known), currency, vendor_sees, colour, second_factor,
    keep_months (1 to 240, or None: for ever).
    Raises Conflict when somebody else has changed them meanwhile, Invalid for a value that does not fit.
    """
    organisation = session.execute(
        select(Organisation).where(*mine(identity.scope, Organisation)).with_for_update()
    ).scalar_one()
    if organisation.revision != revision:
        if all(getattr(organisation, name) == value for name, value in values.items()):
            return organisation  # a second press of the same button
        raise Conflict(
            "Somebody else has changed the settings meanwhile. Look at them before you save yours."
        )
    _require_zone(values["zone"])
    _require_currency(values["currency"])
    if values["vendor_sees"] not in VENDOR_SEES or values["colour"] not in COLOURS:
        raise Invalid("Choose from the list.")
    if (
        values["second_factor"]
        and not organisation.second_factor
        and not factors.is_on(session, identity.person.id)
    ):
        raise Invalid(
            errors={
                "second_factor": "Set up a second factor of your own first: else you would lock yourself out."
            }
        )
    keep = values.get("keep_months", organisation.keep_months)
    if keep is not None and not 1 <= keep <= 240:
        raise Invalid(
            errors={"keep_months": "Write a whole number of months from 1 to 240, or leave it empty."}
        )
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
    if zone not in ZONES:
        raise Invalid(errors={"zone": "Choose a time zone from the list, such as Europe/Lisbon."})


def _require_currency(currency: str) -> None:
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Invalid(errors={"currency": "Write the three letters of a currency, such as EUR."})
