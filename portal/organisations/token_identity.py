"""From an API token to an identity: one statement, since every operation of the API asks; and how a token looks.

A token is ``vrp_``, 43 characters (256 random bits), ``_`` and six that follow from them: secret scanners know the
shape, and a mistyped one costs no look into the database.
"""

from __future__ import annotations

import base64
import re
import secrets
import uuid
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from portal.access import Identity, OrganisationRole, Person, Tenant
from portal.accounts.models import PersonRow, SecondFactor
from portal.accounts.passkey_models import Passkey
from portal.accounts.service import TOUCH_EVERY, token_hash
from portal.db import across
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.sso_models import SsoConnection, SsoIdentity
from portal.organisations.token_models import ApiToken
from portal.rows import run
from portal.statements import once

_SHAPE = re.compile(r"vrp_([\w-]{43})_([a-z2-7]{6})", re.ASCII)
PREFIX = "vrp_"
COMES_BACK = timedelta(days=30)  # tokens of who has to come by a provider work so long after they last did
HINT = 4  # characters of the random part that stay readable in lists

_FOUND = once(
    select(
        ApiToken.id,
        ApiToken.used_at,
        ApiToken.scopes,
        PersonRow.id,
        PersonRow.name,
        PersonRow.address,
        Organisation.id,
        Organisation.slug,
        Organisation.name,
        OrganisationMember.role,
        Organisation.second_factor,
        # one-time codes or a passkey: see factors.is_on
        or_(SecondFactor.id.is_not(None), exists().where(Passkey.person_id == PersonRow.id)),
        OrganisationMember.by_provider,
        SsoConnection.required,
        exists().where(
            SsoIdentity.organisation_id == ApiToken.organisation_id,
            SsoIdentity.person_id == ApiToken.person_id,
            SsoIdentity.came_at > bindparam("not_long_ago"),
        ),
    )
    .join(PersonRow, PersonRow.id == ApiToken.person_id)
    .join(Organisation, Organisation.id == ApiToken.organisation_id)
    .join(
        OrganisationMember,
        and_(
            OrganisationMember.organisation_id == ApiToken.organisation_id,
            OrganisationMember.person_id == ApiToken.person_id,
        ),
    )
    .outerjoin(
        SecondFactor, and_(SecondFactor.person_id == PersonRow.id, SecondFactor.confirmed_at.is_not(None))
    )
    .outerjoin(
        SsoConnection, and_(SsoConnection.organisation_id == Organisation.id, SsoConnection.state == "on")
    )
    .where(
        ApiToken.token_hash == bindparam("token"),
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at > bindparam("now"),
        Organisation.closed_at.is_(None),
        OrganisationMember.removed_at.is_(None),
        PersonRow.erased_at.is_(None),
    )
    .execution_options(**across("a token names its organisation"))
)


def new_token() -> str:
    """A token that nobody has seen before."""
    core = secrets.token_urlsafe(32)
    return f"{PREFIX}{core}_{_check(core)}"


def well_formed(token: str) -> bool:
    """Whether ``token`` may be one of ours at all."""
    found = _SHAPE.fullmatch(token)
    return found is not None and _check(found[1]) == found[2]


def _check(core: str) -> str:
    """Thirty bits of a CRC-32, which is no secret: it only tells a slip of the hand from a token."""
    return base64.b32encode(zlib.crc32(core.encode()).to_bytes(4, "big")).decode()[:6].lower()


def identity_of(session: Session, token: str, *, now: datetime) -> Identity | None:
    """Who holds this token: in its organisation, in the role of now, narrowed to its scopes; None: not valid."""
    if not well_formed(token):
        return None
    values = {"token": token_hash(token), "now": now, "not_long_ago": now - COMES_BACK}
    found = run(session, _FOUND, values).first()
    if found is None:
        return None
    token_id, used_at, scopes, *rest = found
    person_id, name, address, tenant_id, slug, tenant_name, role, demands, factor, *sso = rest
    by_provider, required, came = sso
    administers = role == OrganisationRole.ADMIN.value and factor
    return Identity(
        Person(person_id, name, address),
        token_id,
        organisation=Tenant(tenant_id, slug, tenant_name),
        role=OrganisationRole(role),
        seen_at=used_at,
        owes_factor=bool(demands) and not factor,
        owes_provider=comes_by_provider(by_provider, required) and not came and not administers,
        scopes=frozenset(scopes),
    )


def comes_by_provider(by_provider: bool, required: bool | None) -> bool:
    """Whether a member comes in by their organisation's sign-in alone. ``required``: None where none is on.

    Whom it let in always does: who leaves there has left here, whatever else they have set up meanwhile.
    """
    return required is not None and (required or by_provider)


def touch(identity: Identity, *, now: datetime) -> Callable[[Session], None] | None:
    """What notes the last use of a token: nothing unless ten minutes have gone by since the last note."""
    if identity.seen_at is not None and now - identity.seen_at < TOUCH_EVERY:
        return None

    def write(session: Session) -> None:
        session.execute(
            update(ApiToken)
            .where(ApiToken.id == identity.session_id, ApiToken.organisation_id == _organisation(identity))
            .values(used_at=now)
            .execution_options(unaudited="a sign of life")
        )

    return write


def _organisation(identity: Identity) -> uuid.UUID:
    assert identity.organisation is not None
    return identity.organisation.id
