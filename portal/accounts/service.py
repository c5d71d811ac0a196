"""People, sessions, throttles and password resets."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Identity, Person
from portal.accounts.models import LoginSession, PasswordReset, PersonRow, Throttle
from portal.accounts.passwords import hash_password, require_sound, verify_password
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import base_url
from portal.faults import Invalid, NotFound, Throttled

__all__ = ["hash_password", "require_sound", "verify_password"]

IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
TOUCH_EVERY = timedelta(minutes=10)
RESET_LASTS = timedelta(hours=2)
WINDOW = timedelta(minutes=15)
PER_ADDRESS, PER_CLIENT = 10, 60


def address_key(address: str) -> str:
    """What addresses compare by on both databases: casefolded."""
    return address.strip().casefold()


def mail_address(text: str) -> str:
    """One address that every mail server takes: plain letters before the @, the domain as it travels (``xn--``).

    So two addresses that compare alike are one mailbox. Raises ValueError for anything else.
    """
    found = validate_email(
        text.strip(), check_deliverability=False, allow_smtputf8=False, test_environment=True
    )
    if found.ascii_email is None or len(found.ascii_email) > 254:
        raise EmailNotValidError("too long")
    return found.ascii_email


def token_hash(token: str) -> bytes:
    """SHA-256 of a token: all that the database keeps of it (32 bytes)."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_token() -> str:
    """256 random bits, safe in addresses."""
    return secrets.token_urlsafe(32)


# ------------------------------------------------------------------------------------------------------- people


def create_person(
    session: Session,
    *,
    name: str,
    address: str,
    password_hash: str | None,
    now: datetime,
    actor: Identity | Person | None = None,
    confirmed: bool = False,
) -> PersonRow:
    """A new person; raises Invalid when the address has an account already."""
    taken = Invalid(errors={"email": "This address has an account already. Sign in with it."})
    if person_by_address(session, address) is not None:
        raise taken
    person = PersonRow(
        id=uuid.uuid4(),
        email=address_key(address),
        address=address.strip(),
        name=name.strip(),
        password_hash=password_hash,
        confirmed_at=now if confirmed else None,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(person)
    except IntegrityError:
        raise taken from None  # another transaction has made the account since we looked
    record(session, Kind.PERSON_CREATED, now=now, actor=actor or person.id, subject=person)
    return person


def person_by_address(session: Session, address: str) -> PersonRow | None:
    return session.scalar(select(PersonRow).where(PersonRow.email == address_key(address)))


def about(person_id: uuid.UUID) -> PersonRow:
    """The subject of an event about a person, without reading the row: their history is found by it."""
    return PersonRow(id=person_id)


def set_password(session: Session, person_id: uuid.UUID, password_hash: str, *, now: datetime) -> None:
    """Set a password that the person has chosen and end all their sessions."""
    session.execute(update(PersonRow).where(PersonRow.id == person_id).values(password_hash=password_hash))
    end_sessions(session, person_id, now=now)
    record(session, Kind.PASSWORD_SET, now=now, actor=person_id, subject=about(person_id))


def change_name(session: Session, person: Person, name: str, *, now: datetime) -> None:
    """How the person is called from now on; what is sealed keeps the names of its day."""
    if name == person.name:
        return
    session.execute(update(PersonRow).where(PersonRow.id == person.id).values(name=name))
    record(
        session, Kind.PERSON_CHANGED, now=now, actor=person, subject=about(person.id), data={"field": "name"}
    )


def keys_off(session: Session, person_id: uuid.UUID) -> bool:
    """Whether a person wants no single keys to mean anything on a page."""
    return bool(session.scalar(select(PersonRow.keys_off).where(PersonRow.id == person_id)))


def set_keys(session: Session, person: Person, *, off: bool, now: datetime) -> None:
    """Switch single keys off or on for a person, on every page."""
    session.execute(update(PersonRow).where(PersonRow.id == person.id).values(keys_off=off))
    record(session, Kind.KEYS_SET, now=now, actor=person, subject=about(person.id), data={"off": off})


# ----------------------------------------------------------------------------------------------------- sessions


def open_session(
    session: Session,
    person_id: uuid.UUID,
    *,
    now: datetime,
    agent: str = "",
    client: str = "",
    verified: bool = False,
    half: bool = False,
) -> str:
    """Sign a person in: a new row, and the token that only the browser will hold.

    ``agent`` and ``client``: what the browser calls itself and its network address. ``verified``: the second factor has
    been shown. ``half``: it is still to be shown (factors.verify_session).
    """
    token = new_token()
    row = LoginSession(
        id=uuid.uuid4(),
        person_id=person_id,
        token_hash=token_hash(token),
        created_at=now,
        seen_at=now,
        agent=agent[:300],
        client=client[:64],
        verified_at=now if verified else None,
    )
    session.add(row)
    session.flush()
    kind = Kind.PASSWORD_SHOWN if half else Kind.SIGNED_IN
    record(session, kind, now=now, actor=person_id, subject=about(person_id), data={"session": row.id})
    return token


def touch(session_id: uuid.UUID, seen_at: datetime, *, now: datetime) -> Callable[[Session], None] | None:
    """What notes the last use of a session: nothing unless ten minutes have gone by since the last note."""
    if now - seen_at < TOUCH_EVERY:
        return None

    def write(session: Session) -> None:
        session.execute(
            update(LoginSession)
            .where(LoginSession.id == session_id)
            .values(seen_at=now)
            .execution_options(unaudited="a sign of life")
        )

    return write


def sign_out(session: Session, identity: Identity, *, now: datetime) -> None:
    session.execute(update(LoginSession).where(LoginSession.id == identity.session_id).values(revoked_at=now))
    record(
        session,
        Kind.SIGNED_OUT,
        now=now,
        actor=identity,
        subject=about(identity.person.id),
        data={"session": identity.session_id},
    )


def end_sessions(session: Session, person_id: uuid.UUID, *, now: datetime) -> None:
    """Revoke every session of a person, with effect on the next request of every worker."""
    session.execute(
        update(LoginSession)
        .where(LoginSession.person_id == person_id, LoginSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    record(session, Kind.SESSION_REVOKED, now=now, actor=person_id, subject=about(person_id))


# ---------------------------------------------------------------------------------------------------- throttles


def throttle_keys(purpose: str, address: str, client: str) -> dict[str, int]:
    """The counters of an attempt, hashed so that the table holds no addresses, and how far each may go."""
    return {
        throttle_key(purpose, "address", address_key(address)): PER_ADDRESS,
        throttle_key(purpose, "client", network_of(client)): PER_CLIENT,
    }


def network_of(client: str) -> str:
    """What one subscriber holds: an IPv4 address, or the /64 of an IPv6 address (RFC 6177); other text as it is."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def throttle_key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def check_throttle(
    session: Session, keys: dict[str, int], *, now: datetime, advice: str = "or set a new password."
) -> None:
    """Raise Throttled when one of the counters is full; read only. ``advice``: what else the person may do."""
    rows = session.execute(select(Throttle).where(Throttle.key.in_(keys))).scalars()
    for row in rows:
        # A window that begins later than now was opened before the clock was put right: it is over.
        if row.attempts >= keys[row.key] and timedelta(0) <= now - row.window_start < WINDOW:
            wait = int((row.window_start + WINDOW - now).total_seconds()) + 1
            minutes = -(-wait // 60)
            raise Throttled(f"Too many attempts. Try again in {minutes} minutes, {advice}", wait)


def count_attempt(session: Session, keys: dict[str, int], *, now: datetime) -> None:
    """One more attempt on each counter; a new window begins when the old one is over.

    Counted by the database: of attempts at the same instant none is lost.
    """
    over = or_(Throttle.window_start <= now - WINDOW, Throttle.window_start > now)
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        insert(Throttle).on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "attempts": case((over, 1), else_=Throttle.attempts + 1),
                "window_start": case((over, now), else_=Throttle.window_start),
            },
        ),
        [{"key": key, "window_start": now, "attempts": 1} for key in sorted(keys)],
    )


def claim_attempt(session: Session, keys: dict[str, int], *, now: datetime, advice: str) -> None:
    """Count an attempt before it is made, and raise Throttled when it is one too many.

    The counters are locked by the count itself: of many attempts at the same instant no more get through than may.
    """
    check_throttle(session, keys, now=now, advice=advice)
    count_attempt(session, keys, now=now)
    rows = session.execute(
        select(Throttle).where(Throttle.key.in_(keys)).execution_options(populate_existing=True)
    ).scalars()
    if any(row.attempts > keys[row.key] for row in rows):
        raise Throttled(f"Too many attempts. {advice}", int(WINDOW.total_seconds()))


def clear_throttle(session: Session, purpose: str, address: str) -> None:
    """Begin anew for one address. The client's counter stays: else one's own account would reset it for guesses at
    other people's."""
    session.execute(
        delete(Throttle).where(Throttle.key == throttle_key(purpose, "address", address_key(address)))
    )


# ------------------------------------------------------------------------------------------------------- resets


def start_reset(session: Session, person: PersonRow, *, now: datetime) -> str:
    """A single-use token to set a password; earlier ones stop working."""
    session.execute(
        update(PasswordReset)
        .where(PasswordReset.person_id == person.id, PasswordReset.used_at.is_(None))
        .values(used_at=now)
    )
    token = new_token()
    session.add(
        PasswordReset(
            person_id=person.id, token_hash=token_hash(token), created_at=now, expires_at=now + RESET_LASTS
        )
    )
    record(session, Kind.PASSWORD_RESET_ASKED, now=now, actor=person.id, subject=about(person.id))
    return token


def ask_reset(session: Session, address: str, *, now: datetime) -> None:
    """Queue the letter if the address has an account; the caller answers alike in both cases, and as fast.

    Without an account everything is done for nobody, and taken back before the commit.
    """
    person = person_by_address(session, address)
    if person is not None:
        token = start_reset(session, person, now=now)
        outbox.queue(session, _reset_letter(session, person.name, person.address, token), now=now)
        session.flush()
        return
    with suppress(_InVain), session.begin_nested():
        session.execute(
            update(PasswordReset)
            .where(PasswordReset.person_id == uuid.uuid4(), PasswordReset.used_at.is_(None))
            .values(used_at=now)
        )
        outbox.queue(session, _reset_letter(session, "Nobody", address, new_token()), now=now)
        record(session, Kind.PASSWORD_RESET_ASKED, now=now, actor=None)
        session.flush()
        raise _InVain
    record(session, Kind.PASSWORD_RESET_ASKED, now=now, actor=None)


class _InVain(Exception):
    """Ends work that was done for nobody."""


def _reset_letter(session: Session, name: str, address: str, token: str) -> outbox.Letter:
    return mail.compose(
        "password_reset",
        to=(name, address),
        subject="Set a new password for the Vendor Risk Portal",
        secret=True,
        link=f"{base_url(session)}/reset/{token}",
        hours=int(RESET_LASTS.total_seconds() // 3600),
    )


def reset_person(session: Session, token: str, *, now: datetime) -> PersonRow:
    """Whose password this token may set; NotFound when it is unknown, used or expired. A look consumes nothing."""
    found = session.execute(
        select(PersonRow)
        .join(PasswordReset, PasswordReset.person_id == PersonRow.id)
        .where(
            PasswordReset.token_hash == token_hash(token),
            PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > now,
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("This link has been used, or it is too old. Ask for a new one.")
    return found


def finish_reset(session: Session, token: str, password_hash: str, *, now: datetime) -> None:
    """Consume the token and set the password; the proven address counts as confirmed."""
    person = reset_person(session, token, now=now)
    consumed = session.execute(
        update(PasswordReset)
        .where(PasswordReset.token_hash == token_hash(token), PasswordReset.used_at.is_(None))
        .values(used_at=now)
        .returning(PasswordReset.id)
    ).first()
    if consumed is None:
        raise NotFound("This link has been used.")
    if person.confirmed_at is None:
        person.confirmed_at = now
    set_password(session, person.id, password_hash, now=now)
    clear_throttle(
        session, "sign-in", person.email
    )  # the address is proven: who guessed at it is of no concern
