"""Where a person of letters belongs at this moment, as identities to look with: each in one tenant, none across."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts import factors
from portal.accounts.models import PersonRow
from portal.db import across
from portal.organisations import queries as organisations
from portal.organisations.models import Company, CompanyMember, Organisation, OrganisationMember
from portal.organisations.queries import Belonging
from portal.vendors.models import Vendor

NO_SESSION = uuid.UUID(int=0)
OF_ALL = across("where a person is follows the places that they belong to")


@dataclass(frozen=True, slots=True)
class Standing:
    """A person, where they are (``zones``; None for one who belongs nowhere) and when they read, and an identity for
    each place that they belong to, by its id.

    ``locked``: places whose pages they could not read now, for they owe a second factor there; ``by_provider``: those
    that they reach by the place's own sign-in alone.
    """

    person: Person
    zone: str | None
    hour: int
    places: dict[uuid.UUID, Identity]
    belongings: tuple[Belonging, ...]
    locked: frozenset[uuid.UUID]
    by_provider: frozenset[uuid.UUID]


def zones(session: Session, people: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Where each of these people is, whatever they are written about: as they said, else the zone of the organisation
    that they joined first, else of the first that their company works for.
    """
    said = session.execute(select(PersonRow.id, PersonRow.zone).where(PersonRow.id.in_(people)))
    found = {person: zone for person, zone in said if zone}
    left = [one for one in people if one not in found]
    joined = (
        select(OrganisationMember.person_id, Organisation.zone)
        .join(Organisation, Organisation.id == OrganisationMember.organisation_id)
        .where(OrganisationMember.person_id.in_(left), OrganisationMember.removed_at.is_(None))
        .order_by(OrganisationMember.created_at, OrganisationMember.id)
        .execution_options(**OF_ALL)
    )
    for person, zone in session.execute(joined) if left else ():
        found.setdefault(person, zone)
    left = [one for one in left if one not in found]
    return found | _zones_of_clients(session, left) if left else found


def _zones_of_clients(session: Session, people: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """By person of a company, the zone of the organisation that was the first to link the company they joined first."""
    joined = (
        select(CompanyMember.person_id, CompanyMember.company_id)
        .where(CompanyMember.person_id.in_(people), CompanyMember.removed_at.is_(None))
        .order_by(CompanyMember.created_at, CompanyMember.id)
        .execution_options(**OF_ALL)
    )
    companies: dict[uuid.UUID, uuid.UUID] = {}
    for person, company in session.execute(joined):
        companies.setdefault(person, company)
    # Of a company with thousands of clients the first alone is read.
    zone = (
        select(Organisation.zone)
        .join(Vendor, Vendor.organisation_id == Organisation.id)
        .where(Vendor.company_id == Company.id)
        .order_by(Vendor.created_at, Vendor.id)
        .limit(1)
        .scalar_subquery()
    )
    linked = select(Company.id, zone).where(Company.id.in_(set(companies.values())))
    first = {one: zone for one, zone in session.execute(linked.execution_options(**OF_ALL)) if zone}
    return {person: first[company] for person, company in companies.items() if company in first}


def of_person(session: Session, person_id: uuid.UUID) -> Standing | None:
    """How a person stands now; None for one who is gone."""
    row = session.execute(
        select(
            PersonRow.id,
            PersonRow.name,
            PersonRow.address,
            PersonRow.post_hour,
        ).where(PersonRow.id == person_id, PersonRow.erased_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    who = Person(row.id, row.name, row.address)
    has_factor = factors.is_on(session, person_id)
    belongings = tuple(organisations.tenants_of(session, person_id))
    places = {one.id: _identity(who, one) for one in belongings}
    locked = frozenset(one.id for one in belongings if one.second_factor and not has_factor)
    by_provider = frozenset(one.id for one in belongings if one.by_provider)
    zone = zones(session, [person_id]).get(person_id)
    return Standing(who, zone, row.post_hour, places, belongings, locked, by_provider)


def _identity(who: Person, place: Belonging) -> Identity:
    tenant = Tenant(place.id, place.slug, place.name)
    if place.side == "organisation":
        assert isinstance(place.role, OrganisationRole)
        return Identity(who, NO_SESSION, organisation=tenant, role=place.role)
    assert isinstance(place.role, CompanyRole)
    return Identity(who, NO_SESSION, company=tenant, role=place.role)
