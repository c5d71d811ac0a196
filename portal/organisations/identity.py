"""From a session token and the tenant in the address to an identity: one statement, since every request asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession, PersonRow
from portal.db import across
from portal.faults import NotFound
from portal.organisations.models import Company, CompanyMember, Organisation, OrganisationMember

_LIVE = (
    LoginSession.token_hash == bindparam("token"),
    LoginSession.revoked_at.is_(None),
    LoginSession.seen_at > bindparam("not_idle"),
    LoginSession.created_at > bindparam("not_old"),
)
_WHO = (LoginSession.id, LoginSession.seen_at, PersonRow.id, PersonRow.name, PersonRow.address)


def _with_tenant(tenant: Any, member: Any, tenant_id: Any) -> Select[Any]:
    """The live session, its person, and their place in the tenant that an address names (empty when there is none)."""
    return (
        select(*_WHO, tenant.id, tenant.slug, tenant.name, member.role)
        .join(PersonRow, PersonRow.id == LoginSession.person_id)
        .outerjoin(tenant, tenant.slug == bindparam("slug"))
        .outerjoin(
            member,
            and_(
                tenant_id == tenant.id,
                member.person_id == PersonRow.id,
                member.removed_at.is_(None),
            ),
        )
        .where(*_LIVE)
        .execution_options(**across("the tenant in the address, as far as this person belongs to it"))
    )


# Built once: building a statement costs more than running it.
_STATEMENTS: dict[str | None, Any] = {
    None: select(*_WHO).join(PersonRow, PersonRow.id == LoginSession.person_id).where(*_LIVE),
    "organisation": _with_tenant(Organisation, OrganisationMember, OrganisationMember.organisation_id),
    "company": _with_tenant(Company, CompanyMember, CompanyMember.company_id),
}


class TenantResolver:
    """What web.py asks on every request."""

    def identity(
        self, session: Session, token: str, *, side: str | None, slug: str | None, now: datetime
    ) -> Identity | None:
        """See web.Resolver. A tenant that the person does not belong to is not found, whether it exists or not."""
        values = {
            "token": accounts.token_hash(token),
            "not_idle": now - accounts.IDLE,
            "not_old": now - accounts.ABSOLUTE,
        }
        if side is not None:
            values["slug"] = slug
        found = session.execute(_STATEMENTS[side], values).first()
        if found is None:
            return None
        session_id, seen_at, person_id, name, address, *place = found
        who = Person(person_id, name, address)
        if side is None:
            return Identity(who, session_id, seen_at=seen_at)
        tenant_id, tenant_slug, tenant_name, role = place
        if role is None:
            raise NotFound
        tenant = Tenant(tenant_id, tenant_slug, tenant_name)
        if side == "organisation":
            return Identity(
                who, session_id, organisation=tenant, role=OrganisationRole(role), seen_at=seen_at
            )
        return Identity(who, session_id, company=tenant, role=CompanyRole(role), seen_at=seen_at)

    def touch(self, identity: Identity, *, now: datetime) -> Callable[[Session], None] | None:
        """See web.Resolver."""
        return accounts.touch(identity.session_id, identity.seen_at or now, now=now)
