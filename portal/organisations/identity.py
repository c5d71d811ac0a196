"""From a session token and the tenant in the address to an identity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity, Person, Tenant
from portal.accounts import service as accounts
from portal.faults import NotFound
from portal.organisations import queries


class TenantResolver:
    """What web.py asks on every request; two statements."""

    def identity(
        self, session: Session, token: str, *, side: str | None, slug: str | None, now: datetime
    ) -> Identity | None:
        """See web.Resolver. A tenant that the person does not belong to is not found, whether it exists or not."""
        found = accounts.resolve(session, token, now=now)
        if found is None:
            return None
        row, person = found
        who = Person(person.id, person.name, person.address)
        if side is None or slug is None:
            return Identity(who, row.id, seen_at=row.seen_at)
        place = queries.belonging(session, person.id, side, slug)
        if place is None:
            raise NotFound
        tenant = Tenant(place.id, place.slug, place.name)
        if side == "organisation":
            return Identity(who, row.id, organisation=tenant, role=place.role, seen_at=row.seen_at)
        return Identity(who, row.id, company=tenant, role=place.role, seen_at=row.seen_at)

    def touch(self, identity: Identity, *, now: datetime) -> Callable[[Session], None] | None:
        return accounts.touch(identity.session_id, identity.seen_at or now, now=now)
