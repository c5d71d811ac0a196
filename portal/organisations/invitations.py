"""Invitations into organisations and companies, and to vendors: sent, withdrawn, accepted once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import CompanyRole, Identity, OrganisationRole, Person, mine
from portal.accounts.service import address_key, new_token, token_hash
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import across, base_url
from portal.faults import Conflict, NotFound, Refused, Throttled
from portal.formats import long_date
from portal.organisations import queries
from portal.organisations.models import Company, Invitation, Organisation
from portal.organisations.service import add_colleague, add_member

INVITATION_LASTS = timedelta(days=14)
A_DAY = timedelta(days=1)
SAME_PRESS = timedelta(seconds=30)
# What a tenant may send in a day, so that nobody uses the portal to write to the world.
FROM_ORGANISATION, FROM_COMPANY, TO_ONE_ADDRESS = 1000, 50, 10


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
    check: Mapping[str, str] | None = None,
    assessments: Iterable[str] = (),
) -> Invitation:
    """Invite an address, and queue the letter. An earlier open invitation of the same kind stops working, unless it is
    only seconds old.

    ``purpose``: ``organisation``, ``company`` or ``vendor`` (then ``vendor_id`` and ``vendor_name``, and ``why`` the
    vendor is written to, in the organisation's words; ``check``: how the letter can be checked); ``assessments``: ids
    that a contributor is added to on accepting. Raises Throttled beyond what a tenant may send in a day.
    """
    open_ones = session.execute(
        select(Invitation).where(
            *mine(actor.scope, Invitation),
            Invitation.purpose == purpose,
            Invitation.email == address_key(email),
            Invitation.vendor_id == vendor_id if vendor_id else Invitation.vendor_id.is_(None),
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
    ).scalars()
    for earlier in open_ones:
        if earlier.role == role.value and timedelta(0) < now - earlier.created_at < SAME_PRESS and not why:
            return earlier  # a second press of the same button: the letter is on its way, and its link stays good
        earlier.revoked_at = now
    _require_measure(session, actor, address_key(email), now)
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
        assessments=sorted(assessments) or None,
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
        **(check or {}),
        until_words=long_date(invitation.expires_at.date()),
    )
    outbox.queue(session, letter, now=now, organisation_id=organisation_id, company_id=company_id)
    return invitation


def _require_measure(session: Session, actor: Identity, email: str, now: datetime) -> None:
    sent = session.execute(
        select(func.count(), func.count().filter(Invitation.email == email)).where(
            *mine(actor.scope, Invitation), Invitation.created_at > now - A_DAY
        )
    ).one()
    wait = int(A_DAY.total_seconds())
    most = FROM_ORGANISATION if actor.organisation is not None else FROM_COMPANY
    if sent[0] >= most:
        raise Throttled(f"At most {most} invitations leave here in a day. Go on tomorrow.", wait)
    if sent[1] >= TO_ONE_ADDRESS:
        raise Throttled(
            "This address has been invited often enough today. Ask the person to look for it.",
            wait,
        )


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
    add_member(
        session,
        organisation,
        person.id,
        OrganisationRole(invitation.role),
        now=now,
        actor=person,
        given_by=invitation.invited_by,
    )
    return organisation


def join_company(session: Session, invitation: Invitation, person: Person, *, now: datetime) -> Company:
    """A colleague accepts, and the owners are told."""
    company = session.execute(select(Company).where(Company.id == invitation.company_id)).scalar_one()
    consume(session, invitation, person, now=now)
    add_colleague(
        session,
        company,
        person.id,
        CompanyRole(invitation.role),
        now=now,
        actor=person,
        given_by=invitation.invited_by,
    )
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
