"""API tokens: made by their person, shown once; ended by them, by an administrator, or with what they rest on."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import SCOPES, TABLE, Identity, OrganisationRole, Tenant, mine, scoped
from portal.accounts.service import about, token_hash
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import across, base_url
from portal.faults import Conflict, Invalid, NotFound
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.token_identity import HINT, PREFIX, new_token
from portal.organisations.token_models import ApiToken

MOST = 20  # live ones of a person in an organisation
LONGEST_DAYS = 365
USUAL_DAYS = 90
LONGEST_NAME = 60
REMEMBERED = timedelta(hours=24)  # requests that named themselves
# What each scope opens, and nothing else (tests/portal/api/test_scopes.py holds the operations).
SCOPE_WORDS = {
    "vendors:read": "Read vendors and engagements",
    "vendors:write": "Put vendors and engagements on record, read them, and change vendors",
    "assessments:read": "Read assessments, submissions, answers, ratings and their traces",
    "assessments:issue": "Issue assessments to vendors, and see how they stand",
    "findings:read": "Read findings",
    "contract:read": "Read contract requirements",
    "gate:read": "Ask whether a gate is open, and read decisions",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its list shows it. ``state``: live, expired or revoked."""

    id: uuid.UUID
    person_id: uuid.UUID
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    state: str


def scopes_for(role: object) -> list[str]:
    """The scopes of which the role may do anything at all; the others would make a token that is refused."""
    return [
        name
        for name, held in SCOPES.items()
        if isinstance(role, OrganisationRole) and all(role in (TABLE[one] or ()) for one in held)
    ]


def make(
    session: Session,
    identity: Identity,
    *,
    id: uuid.UUID,  # noqa: A002  # the row's own name for it
    name: str,
    scopes: Collection[str],
    days: int,
    now: datetime,
) -> str:
    """A token of this person in this organisation, under the id that the form carries; returns what is shown once.

    "" when the form was sent before: the token was shown then. A letter tells the person. Raises Invalid for a name,
    scopes or days that do not fit, Conflict when there are too many, NotFound for who is no member any more.
    """
    tenant = _organisation(identity)
    name = " ".join(name.split())
    _require_sound(identity, name, scopes, days)
    _take_turns(session, identity)
    known = session.execute(
        scoped(identity, ApiToken).where(ApiToken.person_id == identity.person.id)
    ).scalars()
    rows = list(known)
    if any(one.id == id for one in rows):
        return ""
    if sum(_state(one, now) == "live" for one in rows) >= MOST:
        raise Conflict(f"You have {MOST} tokens that work. Revoke one that is not needed first.")
    token = new_token()
    row = ApiToken(
        id=id,
        organisation_id=tenant.id,
        person_id=identity.person.id,
        name=name,
        token_hash=token_hash(token),
        hint=token[len(PREFIX) :][:HINT],
        scopes=[one for one in SCOPES if one in set(scopes)],
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict("The page that you sent was used before. Load it again.") from None
    data = {"scopes": row.scopes, "days": days}
    record(session, Kind.TOKEN_MADE, now=now, actor=identity, subject=row, data=data)
    _tell(session, identity, tenant, row, now)
    return token


def revoke(session: Session, identity: Identity, token_id: uuid.UUID, *, now: datetime, own: bool) -> None:
    """End a token at once; ``own``: only one's own. NotFound for any other; a second press changes nothing."""
    statement = scoped(identity, ApiToken).where(ApiToken.id == token_id)
    if own:
        statement = statement.where(ApiToken.person_id == identity.person.id)
    row = session.execute(statement.with_for_update()).scalar_one_or_none()
    if row is None:
        raise NotFound
    if row.revoked_at is not None:
        return
    row.revoked_at, row.revoked_by = now, identity.person.id
    record(session, Kind.TOKEN_REVOKED, now=now, actor=identity, subject=row, data={"person": row.person_id})


def revoke_of(session: Session, identity: Identity, person_id: uuid.UUID, *, now: datetime) -> int:
    """End the tokens of a person who leaves the identity's organisation, and forget what they were called."""
    rows = session.execute(scoped(identity, ApiToken).where(ApiToken.person_id == person_id)).scalars().all()
    live = [one for one in rows if one.revoked_at is None]
    for row in rows:
        row.name = ""
    for row in live:
        row.revoked_at, row.revoked_by = now, identity.person.id
        record(session, Kind.TOKEN_REVOKED, now=now, actor=identity, subject=row, data={"person": person_id})
    return len(live)


def revoke_all(session: Session, person_id: uuid.UUID, *, now: datetime) -> int:
    """End the person's tokens everywhere, since somebody else may have had what they rest on; returns how many."""
    ended = list(
        session.execute(
            update(ApiToken)
            .where(ApiToken.person_id == person_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now)
            .values(revoked_at=now, revoked_by=person_id)
            .returning(ApiToken.id)
            .execution_options(**across("a person's own tokens"), synchronize_session=False)
        ).scalars()
    )
    if ended:
        data = {"tokens": ended}
        record(session, Kind.TOKEN_REVOKED, now=now, actor=person_id, subject=about(person_id), data=data)
    return len(ended)


# ------------------------------------------------------------------------------------------------------------ lists


def listed(session: Session, identity: Identity, *, now: datetime, everybody: bool = False) -> list[Token]:
    """One's own tokens, or those of everybody in the organisation: those that work first, then the newest."""
    statement = scoped(identity, ApiToken)
    if not everybody:
        statement = statement.where(ApiToken.person_id == identity.person.id)
    rows = session.execute(statement.order_by(ApiToken.created_at.desc(), ApiToken.id)).scalars()
    found = [
        Token(
            one.id,
            one.person_id,
            one.name,
            one.hint,
            tuple(one.scopes),
            one.created_at,
            one.expires_at,
            one.used_at,
            one.revoked_at,
            _state(one, now),
        )
        for one in rows
    ]
    return sorted(found, key=lambda one: one.state != "live")


def living(session: Session, person_id: uuid.UUID, *, now: datetime) -> int:
    """How many tokens of a person work, in all organisations together."""
    statement = (
        select(func.count())
        .select_from(ApiToken)
        .join(Organisation, Organisation.id == ApiToken.organisation_id)
        .where(
            ApiToken.person_id == person_id,
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at > now,
            Organisation.closed_at.is_(None),
        )
        .execution_options(**across("a person's own tokens"))
    )
    return session.scalar(statement) or 0


def _state(row: ApiToken, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "live" if row.expires_at > now else "expired"


# ---------------------------------------------------------------------------------------------------------- checked


def _organisation(identity: Identity) -> Tenant:
    if identity.organisation is None:
        raise LookupError("tokens belong to an organisation")
    return identity.organisation


def _require_sound(identity: Identity, name: str, scopes: Collection[str], days: int) -> None:
    errors: dict[str, str] = {}
    if not name or len(name) > LONGEST_NAME:
        errors["name"] = f"Write what the token is for, in at most {LONGEST_NAME} characters."
    if not scopes or set(scopes) - set(scopes_for(identity.role)):
        errors["scopes"] = "Choose what the token may do."
    if not 1 <= days <= LONGEST_DAYS:
        errors["days"] = f"Write a whole number of days from 1 to {LONGEST_DAYS}."
    if errors:
        raise Invalid(errors=errors)


def _take_turns(session: Session, identity: Identity) -> None:
    """Of two presses at the same instant the second sees what the first has made; NotFound for who was taken out of
    the organisation meanwhile: that has ended their tokens, and must not be followed by another.
    """
    held = session.execute(
        select(OrganisationMember.id)
        .where(
            *mine(identity.scope, OrganisationMember),
            OrganisationMember.person_id == identity.person.id,
            OrganisationMember.removed_at.is_(None),
        )
        .with_for_update()
    ).scalar_one_or_none()
    if held is None:
        raise NotFound


def _tell(session: Session, identity: Identity, tenant: Tenant, row: ApiToken, now: datetime) -> None:
    letter = mail.compose(
        "token_made",
        to=(identity.person.name, identity.person.email),
        subject=f"An API token was made for {tenant.name}",
        organisation=tenant.name,
        hint=f"{PREFIX}{row.hint}…",
        scopes=", ".join(row.scopes),
        until=row.expires_at.date(),
        link=f"{base_url(session)}/o/{tenant.slug}/tokens",
    )
    outbox.queue(session, letter, now=now, organisation_id=tenant.id)
