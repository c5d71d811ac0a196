"""Setting a forgotten password: a single-use link by letter, which proves the address as well."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.accounts.models import PasswordReset, PersonRow
from portal.accounts.service import about, new_token, person_by_address, set_password, token_hash
from portal.accounts.throttles import clear_throttle
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import base_url
from portal.faults import NotFound

RESET_LASTS = timedelta(hours=2)
Ending = Callable[..., int]  # (session, person's id, now=)
_endings: list[Ending] = []


def also_ends(ending: Ending) -> None:
    """What else a password set by a letter's link ends, since somebody may have had the mailbox (features.py)."""
    if ending not in _endings:
        _endings.append(ending)


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
    for ending in _endings:
        ending(session, person.id, now=now)
    clear_throttle(
        session, "sign-in", person.email
    )  # the address is proven: who guessed at it is of no concern
