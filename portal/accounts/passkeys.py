"""A person's passkeys: what they have, adding one, using one, taking one away.

Whoever has a passkey has a second factor (factors.is_on): from then on a password alone opens half a session.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.access import Identity, Person
from portal.accounts import factors, passkey_challenge
from portal.accounts.models import LoginSession, PersonRow
from portal.accounts.passkey_models import Passkey, SpentChallenge
from portal.accounts.passkey_proof import Registered
from portal.accounts.service import about
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Invalid, NotFound
from portal.settings import Settings

MOST = 20
LONGEST_NAME = 60
REFUSED = "This passkey was not accepted. Try again; the page may have been open for too long."


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose passkey it is, and the key that checks it."""

    id: uuid.UUID
    person: Person
    public_key: bytes


class Copied(Invalid):
    """The count of uses did not grow: somebody may have copied the passkey. Nobody is let in by it."""

    def __init__(self, person: Person) -> None:
        super().__init__(REFUSED)
        self.person = person


def listed(session: Session, person_id: uuid.UUID) -> list[Passkey]:
    """The person's passkeys, the oldest first."""
    mine = select(Passkey).where(Passkey.person_id == person_id)
    return list(session.scalars(mine.order_by(Passkey.created_at, Passkey.id)))


def ids(session: Session, person_id: uuid.UUID) -> list[bytes]:
    """What browsers and devices know them by."""
    mine = select(Passkey.credential_id).where(Passkey.person_id == person_id)
    return list(session.scalars(mine.order_by(Passkey.created_at, Passkey.id)))


def one(session: Session, person_id: uuid.UUID, passkey_id: uuid.UUID, *, lock: bool = False) -> Passkey:
    """NotFound for somebody else's."""
    mine = select(Passkey).where(Passkey.id == passkey_id, Passkey.person_id == person_id)
    row = session.scalars(mine.with_for_update() if lock else mine).one_or_none()
    if row is None:
        raise NotFound
    return row


def holder(session: Session, credential_id: bytes) -> Holder | None:
    """Whose passkey this is; None when nobody here has it."""
    row = session.execute(
        select(Passkey.id, Passkey.public_key, PersonRow.id, PersonRow.name, PersonRow.address)
        .join(PersonRow, PersonRow.id == Passkey.person_id)
        .where(Passkey.credential_id == credential_id, PersonRow.erased_at.is_(None))
    ).one_or_none()
    return Holder(row[0], Person(row[2], row[3], row[4]), row[1]) if row is not None else None


def add(
    session: Session,
    settings: Settings,
    identity: Identity,
    made: Registered,
    *,
    name: str,
    challenge: bytes,
    now: datetime,
) -> list[str]:
    """One more passkey. Returns recovery codes to show once, where the person has none to fall back on.

    The first factor of a person signs every other browser out, and this one counts as verified. Raises Invalid.
    """
    person = identity.person
    session.execute(select(PersonRow.id).where(PersonRow.id == person.id).with_for_update())
    before = factors.is_on(session, person.id)
    if len(ids(session, person.id)) >= MOST:
        raise Invalid(f"You have {MOST} passkeys already. Remove one that you do not use any more.")
    spend(session, challenge)
    if session.scalar(select(func.count()).where(Passkey.credential_id == made.credential_id)):
        raise Invalid("This passkey is known already.")
    row = Passkey(
        id=uuid.uuid4(),
        person_id=person.id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        name=name[:LONGEST_NAME],
        created_at=now,
        synced=made.synced,
        aaguid=made.aaguid,
    )
    session.add(row)
    if not before:
        _end_others(session, identity, now=now)
    session.execute(
        update(LoginSession).where(LoginSession.id == identity.session_id).values(verified_at=now)
    )
    data = {"passkey": row.id, "synced": made.synced}
    record(session, Kind.PASSKEY_ADDED, now=now, actor=identity, subject=about(person.id), data=data)
    factors.tell(session, person, now=now, what="A passkey was added to your account")
    if factors.codes_left(session, person.id):
        return []
    return factors.new_recovery_codes(session, settings, person, now=now)


def _end_others(session: Session, identity: Identity, *, now: datetime) -> None:
    session.execute(
        update(LoginSession)
        .where(
            LoginSession.person_id == identity.person.id,
            LoginSession.id != identity.session_id,
            LoginSession.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )


def spend(session: Session, challenge: bytes) -> None:
    """Note that a challenge has served; Invalid when it had before, however close the two are."""
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    done = session.execute(
        insert(SpentChallenge)
        .values(hash=passkey_challenge.hash_of(challenge), until=passkey_challenge.until(challenge))
        .on_conflict_do_nothing()
        .returning(SpentChallenge.hash)
    ).first()
    if done is None:
        raise Invalid(REFUSED)


def use(session: Session, passkey_id: uuid.UUID, count: int, challenge: bytes, *, now: datetime) -> None:
    """A passkey was shown with this count of uses. Raises Copied when the count has not grown, Invalid when the
    challenge has served before, or the passkey is gone.

    Authenticators that keep no count say 0 each time (Web Authentication, 6.1.1).
    """
    row = session.scalars(
        select(Passkey)
        .where(Passkey.id == passkey_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise Invalid(REFUSED)
    spend(session, challenge)
    if (count or row.sign_count) and count <= row.sign_count:
        person = session.get_one(PersonRow, row.person_id)
        raise Copied(Person(person.id, person.name, person.address))
    row.sign_count, row.used_at = count, now
    data = {"passkey": row.id}
    record(session, Kind.PASSKEY_SHOWN, now=now, actor=row.person_id, subject=about(row.person_id), data=data)


def failed(session: Session, person: Person | None, *, copied: bool, now: datetime) -> None:
    """Put a refused passkey on record; the person hears of one that may have been copied."""
    subject = about(person.id) if person is not None else None
    data = {"why": "copied" if copied else "forged"}
    record(session, Kind.PASSKEY_FAILED, now=now, actor=person, subject=subject, data=data)
    if copied and person is not None:
        what = "A passkey of your account was refused, because a copy of it may be in use. Remove it"
        factors.tell(session, person, now=now, what=what)


def rename(session: Session, identity: Identity, passkey_id: uuid.UUID, name: str) -> None:
    """What the person calls it: for their own list alone."""
    row = one(session, identity.person.id, passkey_id, lock=True)
    session.execute(
        update(Passkey)
        .where(Passkey.id == row.id)
        .values(name=name[:LONGEST_NAME])
        .execution_options(unaudited="a label that its owner alone sees")
    )


def remove(session: Session, identity: Identity, passkey_id: uuid.UUID, *, now: datetime) -> None:
    """Take a passkey away, and tell the person. With the last factor its recovery codes go."""
    row = one(session, identity.person.id, passkey_id, lock=True)
    session.delete(row)
    session.flush()
    person = identity.person
    data = {"passkey": passkey_id}
    record(session, Kind.PASSKEY_REMOVED, now=now, actor=identity, subject=about(person.id), data=data)
    if not factors.is_on(session, person.id):
        factors.forget_codes(session, person.id)
    factors.tell(session, person, now=now, what="A passkey of your account was removed by you")
