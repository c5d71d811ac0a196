"""From a session token and the tenant in the address to an identity: one statement, since every request asks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, exists, false, or_, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Delegated, Identity, OrganisationRole, Person, Tenant
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession, PersonRow, SecondFactor
from portal.accounts.passkey_models import Passkey
from portal.assessments.models import Assessment, Delegation
from portal.db import across
from portal.faults import Conflict, NotFound
from portal.organisations import token_identity
from portal.organisations.models import Company, CompanyMember, Organisation, OrganisationMember
from portal.organisations.sso_models import SsoConnection
from portal.organisations.token_identity import comes_by_provider
from portal.rows import run
from portal.statements import once

# A session that begins later than now was opened before the clock was put right: it would live too long. What two
# machines' clocks may differ by is allowed.
SKEW = timedelta(minutes=5)
HALF_LASTS = timedelta(minutes=15)
# A session that an organisation's provider opened ends sooner: the provider is asked again each day.
BOUND_LASTS = timedelta(hours=12)

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
    LoginSession.bound_to,
    # one-time codes or a passkey: see factors.is_on
    or_(SecondFactor.id.is_not(None), exists().where(Passkey.person_id == PersonRow.id)),
    PersonRow.id,
    PersonRow.name,
    PersonRow.address,
)
_FACTOR = and_(SecondFactor.person_id == PersonRow.id, SecondFactor.confirmed_at.is_not(None))


def _with_tenant(tenant: Any, member: Any, tenant_id: Any, demands: Any, *more: Any) -> Any:
    """The live session, its person, and their place in the tenant that an address names (empty when there is none)."""
    return (
        select(*_WHO, tenant.id, tenant.slug, tenant.name, member.role, demands, *more)
        .join(PersonRow, PersonRow.id == LoginSession.person_id)
        .outerjoin(SecondFactor, _FACTOR)
        .outerjoin(tenant, and_(tenant.slug == bindparam("slug"), tenant.closed_at.is_(None)))
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
    None: once(
        select(*_WHO)
        .join(PersonRow, PersonRow.id == LoginSession.person_id)
        .outerjoin(SecondFactor, _FACTOR)
        .where(*_LIVE)
    ),
    "organisation": _with_tenant(
        Organisation,
        OrganisationMember,
        OrganisationMember.organisation_id,
        Organisation.second_factor,
        OrganisationMember.by_provider,
        SsoConnection.required,
    ).outerjoin(
        SsoConnection, and_(SsoConnection.organisation_id == Organisation.id, SsoConnection.state == "on")
    ),
    "company": _with_tenant(Company, CompanyMember, CompanyMember.company_id, false())
    .add_columns(
        Delegation.id,
        Delegation.assessment_id,
        Delegation.keys,
        Delegation.revoked_at,
        Delegation.expires_at,
        Assessment.state,
    )
    .outerjoin(
        Delegation,
        and_(Delegation.id == LoginSession.delegation_id, Delegation.company_id == Company.id),
    )
    .outerjoin(Assessment, Assessment.id == Delegation.assessment_id),
}
ENDED = (
    "Your link to these questions has come to its end: its time is over, somebody of the company has taken it back, or "
    "the questionnaire is closed. What you saved before is kept. Ask whoever wrote to you for a new link."
)


class TenantResolver:
    """What web.py asks on every request."""

    def identity(
        self, session: Session, token: str, *, side: str | None, slug: str | None, now: datetime
    ) -> Identity | None:
        """See access.Resolver. A tenant that the person does not belong to is not found, whether it exists or not."""
        values = {
            "token": accounts.token_hash(token),
            "not_idle": now - accounts.IDLE,
            "not_old": now - accounts.ABSOLUTE,
            "not_later": now + SKEW,
        }
        if side is not None:
            values["slug"] = slug
        found = run(session, _STATEMENTS[side], values).first()
        if found is None:
            return None
        session_id, seen_at, created_at, verified_at, delegation_id, bound_to, factor, *rest = found
        who = Person(*rest[:3])
        if delegation_id is not None:  # it opens that delegation and nothing else, whoever the person is
            if side != "company":
                return None
            return _delegate(who, session_id, seen_at, Tenant(*rest[3:6]), rest[8:], now)
        bound = bound_to is not None
        if bound and now - created_at >= BOUND_LASTS:
            return None
        if factor and verified_at is None:
            # Before the tenant is looked at: half a sign-in learns nothing about it.
            alive = now - created_at < HALF_LASTS
            return Identity(who, session_id, seen_at=seen_at, half=True, bound=bound) if alive else None
        if side is None:
            return Identity(who, session_id, seen_at=seen_at, bound=bound)
        tenant_id, tenant_slug, tenant_name, role, demands = rest[3:8]
        if bound and (side != "organisation" or tenant_id != bound_to or role is None):
            return None  # elsewhere such a session is nobody's, whoever the person is there
        if role is None:
            raise NotFound
        tenant = Tenant(tenant_id, tenant_slug, tenant_name)
        if side == "organisation":
            by_provider, required = rest[8:10]
            administers = role == OrganisationRole.ADMIN.value and verified_at is not None
            return Identity(
                who,
                session_id,
                organisation=tenant,
                role=OrganisationRole(role),
                seen_at=seen_at,
                owes_factor=bool(demands) and not factor and not (bound and verified_at is not None),
                owes_provider=not bound and comes_by_provider(by_provider, required) and not administers,
                bound=bound,
            )
        return Identity(who, session_id, company=tenant, role=CompanyRole(role), seen_at=seen_at)

    def token_identity(self, session: Session, token: str, *, now: datetime) -> Identity | None:
        """See access.Resolver."""
        return token_identity.identity_of(session, token, now=now)

    def touch(self, identity: Identity, *, now: datetime) -> Callable[[Session], None] | None:
        """See access.Resolver."""
        if identity.scopes is not None:
            return token_identity.touch(identity, now=now)
        return accounts.touch(identity.session_id, identity.seen_at or now, now=now)


def _delegate(
    who: Person, session_id: uuid.UUID, seen_at: datetime, company: Tenant, row: Sequence[Any], now: datetime
) -> Identity:
    """The identity of a session that came by a delegation's link; Conflict once the delegation has ended.

    ``row``: id, assessment_id, keys, revoked_at, expires_at of the delegation, state of its assessment.
    """
    delegation_id, assessment_id, keys, revoked_at, expires_at, state = row
    if delegation_id is None:
        raise NotFound  # of another company
    if revoked_at is not None or expires_at is None or expires_at <= now or state != "open":
        raise Conflict(ENDED)
    delegated = Delegated(delegation_id, assessment_id, frozenset(keys))
    return Identity(
        who, session_id, company=company, role=CompanyRole.DELEGATE, seen_at=seen_at, delegated=delegated
    )
