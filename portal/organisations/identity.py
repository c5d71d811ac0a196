"""From a session token and the tenant in the address to an identity: one statement, since every request asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, bindparam, false, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession, PersonRow, SecondFactor
from portal.db import across
from portal.faults import NotFound
from portal.organisations.models import Company, CompanyMember, Organisation, OrganisationMember

# A session that begins later than now was opened before the clock was put right: it would live too long. What two
# machines' clocks may differ by is allowed.
SKEW = timedelta(minutes=5)
HALF_LASTS = timedelta(minutes=15)

_LIVE = (
    LoginSession.token_hash == bindparam("token"),
    LoginSession.revoked_at.is_(None),
    LoginSession.seen_at > bindparam("not_idle"),
    LoginSession.seen_at <= bindparam("not_later"),
    LoginSession.created_at > bindparam("not_old"),
    LoginSession.created_at <= bindparam("not_later"),
)
_WHO = (
    LoginSession.id,
    LoginSession.seen_at,
    LoginSession.created_at,
    LoginSession.verified_at,
    LoginSession.delegation_id,
    SecondFactor.id,
    PersonRow.id,
    PersonRow.name,
    PersonRow.address,
)
_FACTOR = and_(SecondFactor.person_id == PersonRow.id, SecondFactor.confirmed_at.is_not(None))


def _with_tenant(tenant: Any, member: Any, tenant_id: Any, demands: Any) -> Select[Any]:
    """The live session, its person, and their place in the tenant that an address names (empty when there is none)."""
    return (
        select(*_WHO, tenant.id, tenant.slug, tenant.name, member.role, demands)
        .join(PersonRow, PersonRow.id == LoginSession.person_id)
        .outerjoin(SecondFactor, _FACTOR)
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
    None: select(*_WHO)
    .join(PersonRow, PersonRow.id == LoginSession.person_id)
    .outerjoin(SecondFactor, _FACTOR)
    .where(*_LIVE),
    "organisation": _with_tenant(
        Organisation, OrganisationMember, OrganisationMember.organisation_id, Organisation.second_factor
    ),
    "company": _with_tenant(Company, CompanyMember, CompanyMember.company_id, false()),
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
            "not_later": now + SKEW,
        }
        if side is not None:
            values["slug"] = slug
        found = session.execute(_STATEMENTS[side], values).first()
        if found is None:
            return None
        session_id, seen_at, created_at, verified_at, delegation_id, factor, *rest = found
        who = Person(*rest[:3])
        if delegation_id is not None:
            return None  # a session of a delegation opens that delegation and nothing else
        if factor is not None and verified_at is None:
            # Before the tenant is looked at: half a sign-in learns nothing about it.
            alive = now - created_at < HALF_LASTS
            return Identity(who, session_id, seen_at=seen_at, half=True) if alive else None
        if side is None:
            return Identity(who, session_id, seen_at=seen_at)
        tenant_id, tenant_slug, tenant_name, role, demands = rest[3:]
        if role is None:
            raise NotFound
        tenant = Tenant(tenant_id, tenant_slug, tenant_name)
        if side == "organisation":
            return Identity(
                who,
                session_id,
                organisation=tenant,
                role=OrganisationRole(role),
                seen_at=seen_at,
                owes_factor=bool(demands) and factor is None,
            )
        return Identity(who, session_id, company=tenant, role=CompanyRole(role), seen_at=seen_at)

    def touch(self, identity: Identity, *, now: datetime) -> Callable[[Session], None] | None:
        """See web.Resolver."""
        return accounts.touch(identity.session_id, identity.seen_at or now, now=now)
