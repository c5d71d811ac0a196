"""What follows from a provider's word: who comes in, as what, and who must say first that the account is theirs.

An organisation runs its provider and may say any address. So its word opens a session for that organisation alone, an
account that exists is never signed in by its address, and nobody becomes an administrator by it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import Identity, OrganisationRole, Person, Tenant
from portal.accounts import factors
from portal.accounts import service as accounts
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope, across, enter
from portal.faults import Conflict, Refused
from portal.organisations import service
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.sso_models import SsoConnection, SsoDomain, SsoIdentity
from portal.organisations.sso_roles import Told, role_for

ON = "on"


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider of one organisation, as its setting stands. ``id``: of the connection; ``secret``: encrypted."""

    id: uuid.UUID
    tenant: Tenant
    issuer: str
    known_as: str
    secret: bytes | None
    groups_claim: str
    roles: Mapping[str, Any]
    default_role: str
    trusts_factor: bool
    creates: bool
    proposed_by: uuid.UUID
    approved_by: uuid.UUID
    since: datetime

    def giver(self, person_id: uuid.UUID) -> uuid.UUID:
        """By whose word a person is here whom the provider lets in; never their own."""
        return self.approved_by if self.proposed_by == person_id else self.proposed_by


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of somebody. ``token``: of their session, "" when there is none; ``half``: the second step is due;
    ``turned``: why they are not in, as a code; ``unknown``: nobody here is linked to them.
    """

    token: str = ""
    half: bool = False
    turned: str = ""
    unknown: bool = False


def provider_at(session: Session, slug: str) -> Provider | None:
    """The provider behind an address part; None for none, one that is switched off, and a closed organisation."""
    row = session.execute(
        select(SsoConnection, Organisation.slug, Organisation.name)
        .join(Organisation, Organisation.id == SsoConnection.organisation_id)
        .where(Organisation.slug == slug, Organisation.closed_at.is_(None), SsoConnection.state == ON)
        .execution_options(**across("an address part names its organisation's provider"))
    ).one_or_none()
    if row is None:
        return None
    found: SsoConnection = row[0]
    return Provider(
        id=found.id,
        tenant=Tenant(found.organisation_id, row[1], row[2]),
        issuer=found.issuer,
        known_as=found.known_as,
        secret=found.secret,
        groups_claim=found.groups_claim,
        roles=found.roles,
        default_role=found.default_role,
        trusts_factor=found.trusts_factor,
        creates=found.creates,
        proposed_by=found.proposed_by,
        approved_by=found.approved_by,
        since=found.since,
    )


def arrive(
    session: Session, provider: Provider, told: Told, *, now: datetime, agent: str = "", client: str = ""
) -> Arrival:
    """Somebody comes by the provider's word, in the request's write transaction."""
    enter(session, Scope(organisation_id=provider.tenant.id))
    _hold(session, provider)
    known = _known(session, provider, told.subject, lock=True)
    if known is None:
        person_id = _made(session, provider, told, now=now)
        if person_id is None:
            return Arrival(unknown=True)
    else:
        person_id = known.person_id
        turned = _seated(session, provider, known, told, now=now)
        if turned:
            record(session, Kind.SSO_FAILED, now=now, actor=person_id, subject=known, data={"why": turned})
            return Arrival(turned=turned)
        known.came_at = now
    verified = provider.trusts_factor and told.second_factor
    half = not verified and factors.is_on(session, person_id)
    token = accounts.open_session(
        session,
        person_id,
        now=now,
        agent=agent,
        client=client,
        verified=verified,
        half=half,
        way="sso",
        bound_to=provider.tenant.id,
    )
    return Arrival(token, half)


def _hold(session: Session, provider: Provider) -> None:
    """Conflict when the setting has changed since the provider was asked; it does not change until we are done."""
    row = session.execute(
        select(SsoConnection.since, SsoConnection.state)
        .where(SsoConnection.organisation_id == provider.tenant.id)
        .with_for_update(read=True)
    ).one_or_none()
    if row is None or row.state != ON or row.since != provider.since:
        raise Conflict("How this organisation signs its people in has changed meanwhile. Begin again.")


def _known(session: Session, provider: Provider, subject: str, *, lock: bool = False) -> SsoIdentity | None:
    statement = select(SsoIdentity).where(
        SsoIdentity.organisation_id == provider.tenant.id,
        SsoIdentity.issuer == provider.issuer,
        SsoIdentity.subject == subject,
    )
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def _member(
    session: Session, provider: Provider, person_id: uuid.UUID, *, lock: bool = True
) -> OrganisationMember | None:
    statement = select(OrganisationMember).where(
        OrganisationMember.organisation_id == provider.tenant.id,
        OrganisationMember.person_id == person_id,
    )
    locked = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalars(locked if lock else statement).one_or_none()


def _seated(session: Session, provider: Provider, known: SsoIdentity, told: Told, *, now: datetime) -> str:
    """Their place as it is to be; "" when they have one, else why not. A role that a person gave stays as it is.

    So does a removal by a person: it ends the provider's say over who is removed (service.remove).
    """
    row = _member(session, provider, known.person_id, lock=False)
    if row is None or not row.by_provider:
        return "" if row is not None and row.removed_at is None else "no_member"
    if (
        told.groups is None and provider.roles
    ):  # left out, for too many or by a mistake: nothing follows from that
        return "no_groups"
    role = role_for(told.groups or (), provider.roles, provider.default_role)
    if row.removed_at is not None:
        if role is None or not provider.creates:
            return "no_member"
        _add(session, provider, known.person_id, role, now=now, given_by=row.given_by)
        return ""
    if role is None:
        return _taken_out(session, provider, known.person_id, now=now)
    if row.role != role.value:
        return _changed(session, provider, known.person_id, role, now=now)
    return ""


def _changed(
    session: Session, provider: Provider, person_id: uuid.UUID, role: OrganisationRole, *, now: datetime
) -> str:
    """Another role, fresh for four_eyes.py; by whose word they are here stays: a provider may change roles at will."""
    row = _member(session, provider, person_id)
    if row is None or row.removed_at is not None or not row.by_provider:
        return "no_member"  # a person was faster
    data = {"person": person_id, "from": row.role, "to": role}
    row.role, row.given_at = role.value, now
    record(session, Kind.SSO_ROLE_CHANGED, now=now, actor=person_id, subject=row, data=data)
    return ""


def _taken_out(session: Session, provider: Provider, person_id: uuid.UUID, *, now: datetime) -> str:
    """No role any more: no member any more."""
    actor = Identity(Person(person_id, "", ""), uuid.UUID(int=0), organisation=provider.tenant)
    row = next((one for one in service.locked_members(session, actor) if one.person_id == person_id), None)
    if row is None or row.removed_at is not None or not row.by_provider:
        return "no_member"
    service.part_with(session, actor, row, now=now)
    return "no_role"


def _add(
    session: Session,
    provider: Provider,
    person_id: uuid.UUID,
    role: OrganisationRole,
    *,
    now: datetime,
    given_by: uuid.UUID | None,
) -> None:
    organisation = session.scalars(select(Organisation).where(Organisation.id == provider.tenant.id)).one()
    service.add_member(
        session,
        organisation,
        person_id,
        role,
        now=now,
        actor=person_id,
        given_by=given_by,
        by_provider=True,
    )


def _made(session: Session, provider: Provider, told: Told, *, now: datetime) -> uuid.UUID | None:
    """A new account and member; None where the setting does not say so, or the address has an account already.

    They are here by the word of whoever proposed the provider: four_eyes.py ties the two.
    """
    if told.groups is None and provider.roles:
        return None
    role = role_for(told.groups or (), provider.roles, provider.default_role)
    if not (provider.creates and told.verified and role is not None and _allowed(session, provider, told)):
        return None
    if accounts.person_by_address(session, told.email) is not None:
        return None
    person = accounts.create_person(
        session, name=told.name, address=told.email, password_hash=None, now=now, actor=None
    )
    _add(session, provider, person.id, role, now=now, given_by=provider.giver(person.id))
    _note(session, provider, told.subject, person.id, made=True, now=now)
    return person.id


def _allowed(session: Session, provider: Provider, told: Told) -> bool:
    found = select(SsoDomain.id).where(
        SsoDomain.organisation_id == provider.tenant.id, SsoDomain.domain == told.domain
    )
    return session.execute(found).first() is not None


def _note(
    session: Session, provider: Provider, subject: str, person_id: uuid.UUID, *, made: bool, now: datetime
) -> None:
    row = SsoIdentity(
        id=uuid.uuid4(),
        organisation_id=provider.tenant.id,
        issuer=provider.issuer,
        subject=subject,
        person_id=person_id,
        since=now,
        came_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict("Somebody was faster by a moment. Begin again.") from None
    data = {"person": person_id, "made": made}
    record(session, Kind.SSO_LINKED, now=now, actor=person_id, subject=row, data=data)


def link(session: Session, provider: Provider, identity: Identity, subject: str, *, now: datetime) -> None:
    """The person has proved that the account is theirs, and says that ``subject`` is they. Members alone.

    Whether the provider says their role stays as it was: linking once more is no way out of that.

    Raises Refused for who is no member, Conflict when ``subject`` is somebody else's.
    """
    enter(session, Scope(organisation_id=provider.tenant.id))
    _hold(session, provider)
    person = identity.person
    known = _known(session, provider, subject, lock=True)  # before the member, as arrive() does
    row = _member(session, provider, person.id)
    if row is None or row.removed_at is not None:
        raise Refused("Your account does not belong to this organisation. Ask one of its administrators.")
    if known is not None:
        if known.person_id == person.id:
            return  # a second press
        raise Conflict("This sign-in belongs to another account already.")
    gone = session.execute(
        delete(SsoIdentity)
        .where(SsoIdentity.organisation_id == provider.tenant.id, SsoIdentity.person_id == person.id)
        .returning(SsoIdentity.id)
    ).all()
    if gone:
        data = {"person": person.id, "instead": True}
        record(
            session,
            Kind.SSO_UNLINKED,
            now=now,
            actor=person.id,
            organisation_id=provider.tenant.id,
            data=data,
        )
    _note(session, provider, subject, person.id, made=False, now=now)
    what = f"The sign-in of {provider.tenant.name} was linked to your account"
    factors.tell(session, person, now=now, what=what)


def failed(session: Session, provider: Provider, why: str, *, now: datetime) -> None:
    """Put on record that an answer of the provider was refused."""
    subject = SsoConnection(id=provider.id, organisation_id=provider.tenant.id)
    record(session, Kind.SSO_FAILED, now=now, actor=None, subject=subject, data={"why": why[:60]})


def allow_domain(session: Session, organisation: Organisation, domain: str, *, now: datetime) -> None:
    """Whoever runs the portal says whose addresses the provider may make accounts for. Raises Conflict."""
    taken = session.scalars(select(SsoDomain).where(SsoDomain.domain == domain)).one_or_none()
    if taken is not None and taken.organisation_id != organisation.id:
        raise Conflict("Another organisation has this domain.")
    if taken is None:
        row = SsoDomain(id=uuid.uuid4(), organisation_id=organisation.id, domain=domain, allowed_at=now)
        session.add(row)
        session.flush()
        record(session, Kind.DOMAIN_ALLOWED, now=now, actor=None, subject=row)
