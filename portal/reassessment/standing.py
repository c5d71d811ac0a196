"""Where a person of letters belongs at this moment, as identities to look with: each in one tenant, none across."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts import factors
from portal.accounts.models import PersonRow
from portal.organisations import queries as organisations
from portal.organisations.queries import Belonging

NO_SESSION = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Standing:
    """A person, where they are and when they read, and an identity for each place that they belong to, by its id.

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


def of_person(session: Session, person_id: uuid.UUID) -> Standing | None:
    """How a person stands now; None for one who is gone."""
    row = session.execute(
        select(
            PersonRow.id,
            PersonRow.name,
            PersonRow.address,
            PersonRow.zone,
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
    return Standing(who, row.zone, row.post_hour, places, belongings, locked, by_provider)


def _identity(who: Person, place: Belonging) -> Identity:
    tenant = Tenant(place.id, place.slug, place.name)
    if place.side == "organisation":
        assert isinstance(place.role, OrganisationRole)
        return Identity(who, NO_SESSION, organisation=tenant, role=place.role)
    assert isinstance(place.role, CompanyRole)
    return Identity(who, NO_SESSION, company=tenant, role=place.role)
