"""What waits at each organisation that one person works for: the page of who is a virtual CISO to several.

Each organisation is read with an identity and a session of its own, as if the person were there: nothing crosses
tenants but the sum in the head of the reader.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from portal import clock
from portal.access import Identity, OrganisationRole, Person, Tenant
from portal.assessments import enquiry_queries, organisation_queries
from portal.db import Database
from portal.organisations import queries as organisations
from portal.organisations.queries import Belonging

More = Callable[..., Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Figures:
    """How many assessments are late, due within two weeks, submitted lately; how many enquiries wait for an answer.

    ``more``: what later features count there: reviews that wait, gates that lapse soon, decisions for the reader, dates
    of the next two weeks, next assessments that could not be opened.
    """

    late: int
    soon: int
    lately: int
    enquiries: int
    more: Mapping[str, int]

    @property
    def urgency(self) -> tuple[int, ...]:
        """What needs attention first sorts first."""
        more = [self.more.get(name, 0) for name in ("mine", "stuck", "lapsing", "reviews")]
        return tuple(-one for one in (self.late, self.soon, *more, self.enquiries, self.lately))


@dataclass(frozen=True, slots=True)
class Client:
    """An organisation, and its figures as this person may see them; None where they owe a second factor, or
    come in by its own sign-in alone.
    """

    place: Belonging
    figures: Figures | None


def of_person(
    database: Database,
    person: Person,
    session_id: uuid.UUID,
    places: list[Belonging],
    *,
    has_factor: bool,
    more: More,
    now: datetime,
) -> list[Client]:
    """The clients among ``places``, in a fixed number of statements each; what needs attention first, then by name."""
    found = [
        Client(
            one,
            None
            if (one.second_factor and not has_factor) or one.by_provider
            else _figures(database, _identity(person, session_id, one), more, now=now),
        )
        for one in places
    ]
    return sorted(found, key=lambda one: (one.figures is None, one.figures.urgency if one.figures else ()))


def _identity(person: Person, session_id: uuid.UUID, place: Belonging) -> Identity:
    """The person as they would stand in this organisation."""
    assert isinstance(place.role, OrganisationRole)
    return Identity(
        person, session_id, organisation=Tenant(place.id, place.slug, place.name), role=place.role
    )


def _figures(database: Database, identity: Identity, more: More, *, now: datetime) -> Figures:
    with database.looking(identity.scope) as session:
        today = clock.local_date(now, organisations.organisation_of(session, identity).zone)
        counted = organisation_queries.counts(session, identity, today=today)
        waiting = enquiry_queries.count_open(session, identity)
        others = more(session, identity, today=today, now=now)
    return Figures(counted.late, counted.soon, counted.lately, waiting, others)
