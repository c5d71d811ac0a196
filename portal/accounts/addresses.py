"""Another mail address: asked for with the password, confirmed from the new mailbox, stopped from the old one.

What the page and the letters say is the same whether the new address has an account or not; only its own mailbox
learns of that. Whoever confirms must be signed in as the person: else somebody could be talked into lending their
address to another's account, and that account would receive what is meant for them.

What was sent to the old address stays there: an invitation or a delegation names an address, and whoever reads that
mailbox decides. The person does not take it along, and links to set a password that went there stop working.
"""

from __future__ import annotations

import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Person
from portal.accounts import mailboxes
from portal.accounts.factors import derived_key
from portal.accounts.models import AddressChange, PasswordReset, PersonRow
from portal.accounts.service import about, address_key, new_token, person_by_address, token_hash
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import base_url
from portal.faults import Conflict, Invalid, NotFound
from portal.formats import long_date
from portal.settings import Settings

LASTS = timedelta(days=2)
OVER = "This link has been used, stopped, or it is too old. Ask for the change again on the page of your account."


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that its new mailbox has not confirmed yet."""

    address: str
    until: datetime


def _open(person_id: uuid.UUID, now: datetime) -> tuple[object, ...]:
    return (
        AddressChange.person_id == person_id,
        AddressChange.used_at.is_(None),
        AddressChange.withdrawn_at.is_(None),
        AddressChange.expires_at > now,
    )


def waiting(session: Session, person: Person, *, now: datetime) -> Waiting | None:
    """What the account page shows while a change waits."""
    row = session.execute(
        select(AddressChange)
        .where(*_open(person.id, now))  # type: ignore[arg-type]  # comparisons all
        .order_by(AddressChange.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    return Waiting(row.address, row.expires_at) if row is not None else None


def ask(session: Session, settings: Settings, person: Person, address: str, *, now: datetime) -> None:
    """Queue a letter to the new address and one to the old; an earlier change that waits stops working.

    Raises Invalid when the address is the one that the person has.
    """
    if address_key(address) == address_key(person.email):
        raise Invalid(errors={"email": "This is the address that you have."})
    _withdraw_open(session, person.id, now=now)
    token = new_token()
    row = AddressChange(
        id=uuid.uuid4(),
        person_id=person.id,
        email=address_key(address),
        address=address.strip(),
        token_hash=token_hash(token),
        created_at=now,
        expires_at=now + LASTS,
    )
    session.add(row)
    record(session, Kind.ADDRESS_CHANGE_ASKED, now=now, actor=person, subject=about(person.id))
    taken = person_by_address(session, address) is not None
    until = long_date(row.expires_at.date())
    new = mail.compose(
        "address_taken" if taken else "address_confirm",
        to=("", address.strip()) if taken else (person.name, address.strip()),
        subject="Your address in the Vendor Risk Portal",
        secret=not taken,
        link=f"{base_url(session)}/" + ("sign-in" if taken else f"account/address/confirm/{token}"),
        until_words=until,
    )
    old = mail.compose(
        "address_stop",
        to=(person.name, person.email),
        subject="Your address in the Vendor Risk Portal is about to change",
        secret=True,
        link=f"{base_url(session)}/account/address/stop/{stop_token(settings, row.id)}",
        until_words=until,
    )
    outbox.queue(session, new, now=now)
    outbox.queue(session, old, now=now)


def _withdraw_open(session: Session, person_id: uuid.UUID, *, now: datetime) -> bool:
    gone = session.execute(
        update(AddressChange)
        .where(
            AddressChange.person_id == person_id,
            AddressChange.used_at.is_(None),
            AddressChange.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=now)
        .returning(AddressChange.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(gone)


def withdraw(session: Session, person: Person, *, now: datetime) -> None:
    """The person thinks better of it; nothing happens when nothing waits."""
    if _withdraw_open(session, person.id, now=now):
        record(session, Kind.ADDRESS_CHANGE_WITHDRAWN, now=now, actor=person, subject=about(person.id))


# ------------------------------------------------------------------------------------------------ the new mailbox


def by_token(session: Session, person: Person, token: str, *, now: datetime) -> AddressChange:
    """The change that a link confirms, if it is this person's; else NotFound. A look consumes nothing."""
    row = session.execute(
        select(AddressChange).where(
            AddressChange.token_hash == token_hash(token),
            *_open(person.id, now),  # type: ignore[arg-type]  # comparisons all
        )
    ).scalar_one_or_none()
    if row is None:
        raise NotFound(OVER)
    return row


def confirm(session: Session, person: Person, token: str, *, now: datetime) -> str:
    """The address changes, once; returns the new one. Raises Conflict when it has got an account meanwhile."""
    change = by_token(session, person, token, now=now)
    used = session.execute(
        update(AddressChange)
        .where(AddressChange.id == change.id, AddressChange.used_at.is_(None))
        .values(used_at=now)
        .returning(AddressChange.id)
        .execution_options(synchronize_session=False)
    ).first()
    if used is None:
        raise NotFound(OVER)
    row = session.execute(select(PersonRow).where(PersonRow.id == person.id).with_for_update()).scalar_one()
    mailboxes.remember(session, person.id, (row.email, change.email), now=now)
    try:
        with session.begin_nested():
            row.email, row.address, row.confirmed_at = change.email, change.address, now
    except IntegrityError:
        raise Conflict("This address has an account of its own by now.") from None
    session.execute(
        update(PasswordReset)
        .where(PasswordReset.person_id == person.id, PasswordReset.used_at.is_(None))
        .values(used_at=now)
    )
    record(session, Kind.ADDRESS_CHANGED, now=now, actor=person, subject=about(person.id))
    letter = mail.compose(
        "address_changed",
        to=(person.name, person.email),
        subject="Your address in the Vendor Risk Portal has changed",
    )
    outbox.queue(session, letter, now=now)
    return change.address


# ------------------------------------------------------------------------------------------------ the old mailbox


def stop_token(settings: Settings, change_id: uuid.UUID) -> str:
    """What the letter to the old address carries: the change's id and a seal that only this installation makes."""
    seal = hmac.digest(derived_key(settings, "stop-address-change"), change_id.bytes, "sha256")
    return change_id.hex + seal.hex()[:32]


def by_stop_token(
    session: Session, settings: Settings, token: str, *, now: datetime
) -> tuple[AddressChange, Person]:
    """The change that a letter to the old address may stop, and whose it is; else NotFound."""
    try:
        change_id = uuid.UUID(token[:32])
    except ValueError:
        raise NotFound(OVER) from None
    if not token.isascii() or not hmac.compare_digest(stop_token(settings, change_id), token):
        raise NotFound(OVER)
    found = session.execute(
        select(AddressChange, PersonRow)
        .join(PersonRow, PersonRow.id == AddressChange.person_id)
        .where(
            AddressChange.id == change_id,
            AddressChange.used_at.is_(None),
            AddressChange.withdrawn_at.is_(None),
            AddressChange.expires_at > now,
        )
    ).first()
    if found is None:
        raise NotFound(OVER)
    change, row = found
    return change, Person(row.id, row.name, row.address)


def stop(session: Session, settings: Settings, token: str, *, now: datetime) -> None:
    """From the old mailbox: the change does not happen."""
    _change, person = by_stop_token(session, settings, token, now=now)
    withdraw(session, person, now=now)
