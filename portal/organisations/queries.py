"""Reading tenants, members and invitations."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, OrganisationRole, Person, scoped
from portal.accounts.models import LoginSession, PersonRow
from portal.accounts.service import token_hash
from portal.db import across
from portal.faults import NotFound
from portal.organisations.models import (
    Company,
    CompanyMember,
    Invitation,
    Organisation,
    OrganisationMember,
)
from portal.organisations.sso_models import SsoConnection
from portal.organisations.token_identity import comes_by_provider


@dataclass(frozen=True, slots=True)
class Belonging:
    """A tenant that a person belongs to, as what, and since when. ``colour`` and ``second_factor``: of an organisation;
    ``by_provider``: its own sign-in is the only way in for this person, but for administrators who break the glass.
    """

    id: uuid.UUID
    slug: str
    name: str
    side: str
    role: OrganisationRole | CompanyRole
    since: datetime
    colour: str = ""
    second_factor: bool = False
    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a tenant. ``by_provider``: an organisation's provider gave the place, and has a say in the role."""

    person: Person
    role: OrganisationRole | CompanyRole
    since: datetime
    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a person would do. ``last``: nobody else could look after the tenant, so it is refused."""

    member: Member
    last: bool
    oneself: bool
    invitations: tuple[Invitation, ...]


def removal(session: Session, identity: Identity, person_id: uuid.UUID) -> Removal:
    """For the page that asks before it is done; NotFound for somebody who does not belong here."""
    known = members(session, identity)
    member = next((one for one in known if one.person.id == person_id), None)
    if member is None:
        raise NotFound
    return Removal(
        member,
        only_keeper(known) == person_id,
        person_id == identity.person.id,
        tuple(sent_by(session, identity, person_id)),
    )


def only_keeper(known: list[Member]) -> uuid.UUID | None:
    """The one administrator or owner among these, if there is just one: who cannot be removed."""
    keepers = [one.person.id for one in known if one.role in (OrganisationRole.ADMIN, CompanyRole.OWNER)]
    return keepers[0] if len(keepers) == 1 else None


def round_from(session: Session, first: uuid.UUID) -> list[uuid.UUID]:
    """Every open organisation, the one from ``first`` on at the beginning: for work that goes round them all."""
    open_ones = select(Organisation.id).where(Organisation.closed_at.is_(None)).order_by(Organisation.id)
    known = list(session.scalars(open_ones))
    return [one for one in known if one >= first] + [one for one in known if one < first]


def tenants_of(session: Session, person_id: uuid.UUID) -> list[Belonging]:
    """Every organisation and company that this person belongs to, by name; closed ones left out."""
    option = across("a person's own memberships")
    organisations = session.execute(
        select(
            Organisation.id,
            Organisation.slug,
            Organisation.name,
            OrganisationMember.role,
            OrganisationMember.created_at,
            Organisation.colour,
            Organisation.second_factor,
            OrganisationMember.by_provider,
            SsoConnection.required,
        )
        .join(OrganisationMember, OrganisationMember.organisation_id == Organisation.id)
        .outerjoin(
            SsoConnection,
            (SsoConnection.organisation_id == Organisation.id) & (SsoConnection.state == "on"),
        )
        .where(
            OrganisationMember.person_id == person_id,
            OrganisationMember.removed_at.is_(None),
            Organisation.closed_at.is_(None),
        )
        .execution_options(**option)
    )
    companies = session.execute(
        select(Company.id, Company.slug, Company.name, CompanyMember.role, CompanyMember.created_at)
        .join(CompanyMember, CompanyMember.company_id == Company.id)
        .where(
            CompanyMember.person_id == person_id,
            CompanyMember.removed_at.is_(None),
            Company.closed_at.is_(None),
        )
        .execution_options(**option)
    )
    found = [
        Belonging(
            *(i, s, n, "organisation", OrganisationRole(r), since, colour, demands),
            comes_by_provider(by_it, required),
        )
        for i, s, n, r, since, colour, demands, by_it, required in organisations
    ]
    found += [Belonging(i, s, n, "company", CompanyRole(r), since) for i, s, n, r, since in companies]
    return sorted(found, key=lambda one: (one.name.casefold(), one.side))


def places_of(session: Session, identity: Identity) -> list[Belonging]:
    """``tenants_of`` whoever asks; of a session that an organisation's provider opened, that organisation alone."""
    known = tenants_of(session, identity.person.id)
    if not identity.bound:
        return known
    only = session.scalar(select(LoginSession.bound_to).where(LoginSession.id == identity.session_id))
    return [one for one in known if one.id == only]


def organisation_of(session: Session, identity: Identity) -> Organisation:
    """The organisation that the identity acts in, with its settings."""
    found: Organisation = session.execute(scoped(identity, Organisation)).scalar_one()
    return found


def organisation_for_company(session: Session, organisation_id: uuid.UUID) -> Organisation:
    """The organisation behind an assessment that the company has been given: its name, zone and settings."""
    return session.execute(
        select(Organisation)
        .where(Organisation.id == organisation_id)
        .execution_options(**across("an assessment names the organisation that asks"))
    ).scalar_one()


def people(session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Person]:
    """Names and addresses for ids found in rows of one's own tenant."""
    wanted = set(ids)
    if not wanted:
        return {}
    rows = session.execute(
        select(PersonRow.id, PersonRow.name, PersonRow.address).where(PersonRow.id.in_(wanted))
    )
    return {i: Person(i, name, address) for i, name, address in rows}


def members(session: Session, identity: Identity) -> list[Member]:
    """Who belongs to the identity's organisation or company, by name."""
    on_organisation_side = identity.organisation is not None
    model: type[OrganisationMember] | type[CompanyMember] = (
        OrganisationMember if on_organisation_side else CompanyMember
    )
    role = OrganisationRole if on_organisation_side else CompanyRole
    rows = session.execute(
        scoped(identity, model)
        .add_columns(PersonRow)
        .join(PersonRow, PersonRow.id == model.person_id)
        .where(model.removed_at.is_(None))
    )
    found = [
        Member(
            Person(person.id, person.name, person.address),
            role(row.role),
            row.created_at,
            on_organisation_side and row.by_provider,
        )
        for row, person in rows
    ]
    return sorted(found, key=lambda one: (one.person.name.casefold(), one.person.email))


def open_invitations(session: Session, identity: Identity, now: datetime) -> list[Invitation]:
    """Invitations into this tenant that are neither accepted nor withdrawn, newest first; expired ones included."""
    purpose = "organisation" if identity.organisation is not None else "company"
    return list(
        session.execute(
            scoped(identity, Invitation)
            .where(
                Invitation.purpose == purpose,
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
            )
            .order_by(Invitation.created_at.desc(), Invitation.id)
            .limit(200)
        ).scalars()
    )


def sent_by(session: Session, identity: Identity, person_id: uuid.UUID) -> list[Invitation]:
    """This person's open invitations to future colleagues in the identity's tenant; expired ones included."""
    purpose = "organisation" if identity.organisation is not None else "company"
    return list(
        session.execute(
            scoped(identity, Invitation)
            .where(
                Invitation.purpose == purpose,
                Invitation.invited_by == person_id,
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
            )
            .order_by(Invitation.created_at, Invitation.id)
        ).scalars()
    )


def invitation_by_token(
    session: Session, token: str, *, now: datetime, for_update: bool = False
) -> Invitation:
    """The invitation that a link names; NotFound when unknown, used, withdrawn or expired. A look consumes nothing."""
    statement = select(Invitation)
    if for_update:
        statement = statement.with_for_update()
    found = session.execute(
        statement.where(
            Invitation.token_hash == token_hash(token),
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > now,
        ).execution_options(**across("a single-use token names its invitation"))
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(
            "This invitation has been used, withdrawn, or is too old. Ask whoever invited you for a new one."
        )
    return found


def owned_companies(session: Session, person_id: uuid.UUID) -> list[Belonging]:
    """Companies that this person owns: what an invited contact may answer for."""
    return [
        one
        for one in tenants_of(session, person_id)
        if one.side == "company" and one.role is CompanyRole.OWNER
    ]


def company_owners(session: Session, company_id: uuid.UUID) -> list[Person]:
    """The owners of a company, for letters about what happened to it."""
    rows = session.execute(
        select(PersonRow)
        .join(CompanyMember, CompanyMember.person_id == PersonRow.id)
        .where(
            CompanyMember.company_id == company_id,
            CompanyMember.role == CompanyRole.OWNER.value,
            CompanyMember.removed_at.is_(None),
        )
        .execution_options(**across("letters to the owners of a company"))
    ).scalars()
    return [Person(one.id, one.name, one.address) for one in rows]


def company_slug(session: Session, company_id: uuid.UUID) -> str:
    """The name of a company in addresses, for letters to its people."""
    return session.execute(
        select(Company.slug)
        .where(Company.id == company_id)
        .execution_options(**across("letters to the people of a company lead to its pages"))
    ).scalar_one()


def company_name(session: Session, company_id: uuid.UUID) -> str:
    """What a company is called, for the page behind a link that one of its people has sent."""
    return session.execute(
        select(Company.name)
        .where(Company.id == company_id)
        .execution_options(**across("a delegation's link names the company that asks"))
    ).scalar_one()


def vendor_invitations(session: Session, identity: Identity, vendor_id: uuid.UUID) -> list[Invitation]:
    """The organisation's invitations to people of this vendor, newest first; used and withdrawn ones included."""
    return list(
        session.execute(
            scoped(identity, Invitation)
            .where(Invitation.purpose == "vendor", Invitation.vendor_id == vendor_id)
            .order_by(Invitation.created_at.desc(), Invitation.id)
            .limit(200)
        ).scalars()
    )


def open_vendor_invitation(
    session: Session, identity: Identity, vendor_id: uuid.UUID, email: str, *, now: datetime
) -> Invitation | None:
    """The invitation that still lets this address (casefolded) in, or None."""
    found: Invitation | None = session.execute(
        scoped(identity, Invitation)
        .where(
            Invitation.purpose == "vendor",
            Invitation.vendor_id == vendor_id,
            Invitation.email == email,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > now,
        )
        .order_by(Invitation.created_at.desc(), Invitation.id)
        .limit(1)
    ).scalar_one_or_none()
    return found


def company_people(
    session: Session, company_id: uuid.UUID, *, ids: Iterable[uuid.UUID] = (), emails: Iterable[str] = ()
) -> list[Person]:
    """The owners of a company, and of ``ids`` and ``emails`` (casefolded) those who belong to it, for letters."""
    rows = session.execute(
        select(PersonRow)
        .join(CompanyMember, CompanyMember.person_id == PersonRow.id)
        .where(
            CompanyMember.company_id == company_id,
            CompanyMember.removed_at.is_(None),
            or_(
                CompanyMember.role == CompanyRole.OWNER.value,
                PersonRow.id.in_(list(ids)),
                PersonRow.email.in_(list(emails)),
            ),
        )
        .order_by(CompanyMember.created_at, PersonRow.id)
        .execution_options(**across("letters to those of a company who asked, and to its owners"))
    ).scalars()
    return [Person(one.id, one.name, one.address) for one in rows]


def organisation_people(
    session: Session, organisation_id: uuid.UUID, roles: Collection[OrganisationRole]
) -> list[Person]:
    """The members of an organisation in these roles, for letters about what a company asks."""
    rows = session.execute(
        select(PersonRow)
        .join(OrganisationMember, OrganisationMember.person_id == PersonRow.id)
        .where(
            OrganisationMember.organisation_id == organisation_id,
            OrganisationMember.removed_at.is_(None),
            OrganisationMember.role.in_([one.value for one in roles]),
        )
        .order_by(OrganisationMember.created_at, PersonRow.id)
        .execution_options(**across("letters to those of an organisation who can act on what a company asks"))
    ).scalars()
    return [Person(one.id, one.name, one.address) for one in rows]
