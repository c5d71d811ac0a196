"""People and their sessions; resets.py sets forgotten passwords, throttles.py counts attempts."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import Identity, Person
from portal.accounts.models import LoginSession, PersonRow
from portal.accounts.passwords import hash_password, require_sound, verify_password
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Invalid

__all__ = ["hash_password", "require_sound", "verify_password"]

IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
TOUCH_EVERY = timedelta(minutes=10)


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


def zone_of(session: Session, person_id: uuid.UUID) -> str:
    """In which zone a person's own pages say times: theirs, or UTC while they have named none."""
    return session.scalar(select(PersonRow.zone).where(PersonRow.id == person_id)) or "UTC"


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
    way: str = "password",
    bound_to: uuid.UUID | None = None,
) -> str:
    """Sign a person in: a new row, and the token that only the browser will hold.

    ``agent`` and ``client``: what the browser calls itself and its network address. ``verified``: the second factor has
    been shown. ``half``: it is still to be shown (factors.verify_session). ``way`` and ``bound_to``: see LoginSession;
    what an organisation's provider opened stands in the organisation's record, too.
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
        way=way,
        bound_to=bound_to,
    )
    session.add(row)
    session.flush()
    kind = Kind.PASSWORD_SHOWN if half else Kind.SIGNED_IN
    data = {"session": row.id, "way": way}
    record(
        session, kind, now=now, actor=person_id, subject=about(person_id), organisation_id=bound_to, data=data
    )
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


def sign_out(session: Session, identity: Identity, *, now: datetime, shown: Collection[str] = ()) -> None:
    """End this session, and those behind the tokens that the same browser has ``shown`` beside it."""
    session.execute(update(LoginSession).where(LoginSession.id == identity.session_id).values(revoked_at=now))
    others = session.execute(
        update(LoginSession)
        .where(
            LoginSession.token_hash.in_([token_hash(one) for one in shown if one]),
            LoginSession.delegation_id.is_(None),
            LoginSession.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .returning(LoginSession.id, LoginSession.person_id)
        .execution_options(synchronize_session=False)
    )
    ended = [(identity.session_id, identity.person.id), *((one[0], one[1]) for one in others)]
    for session_id, person_id in ended:
        actor = identity if session_id == identity.session_id else person_id
        data = {"session": session_id}
        record(session, Kind.SIGNED_OUT, now=now, actor=actor, subject=about(person_id), data=data)


def end_sessions(session: Session, person_id: uuid.UUID, *, now: datetime) -> None:
    """Revoke every session of a person, with effect on the next request of every worker."""
    session.execute(
        update(LoginSession)
        .where(LoginSession.person_id == person_id, LoginSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    record(session, Kind.SESSION_REVOKED, now=now, actor=person_id, subject=about(person_id))
