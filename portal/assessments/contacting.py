"""Changing and removing contacts, with what hangs on them: invitations, and assessments addressed to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.accounts.service import address_key, mail_address
from portal.assessments import contact_queries
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import name_key
from portal.faults import Conflict, Invalid
from portal.organisations import invitations
from portal.organisations import queries as organisations
from portal.vendors import queries as vendors
from portal.vendors.models import Contact

LONGEST = 200
TAKEN = "This vendor has a contact with this address already."


def change_contact(
    session: Session,
    contact: Contact,
    *,
    name: str,
    email: str,
    was: tuple[str, str],
    actor: Identity,
    now: datetime,
) -> None:
    """Correct a contact. The caller has locked its vendor. ``was``: name and address that the form was rendered from.

    With a new address the old one's invitation is withdrawn, because a wrong address may be somebody else's, and
    open assessments follow to the new one. Raises Conflict when somebody else was faster, Invalid at
    ``name`` and ``email``.
    """
    name = " ".join(name.split())
    address = _sound(name, email)
    if (contact.name, contact.email) == (name, address):
        return
    if (contact.name, contact.email) != was:
        raise Conflict(
            "Somebody else has changed this contact meanwhile. Look at what is new before you save yours."
        )
    changed = [field for field, new in (("name", name), ("email", address)) if getattr(contact, field) != new]
    if "email" in changed:
        if vendors.contact_of(session, actor, contact.vendor_id, address) is not None:
            raise Invalid(errors={"email": TAKEN})
        _withdraw(session, contact, actor=actor, now=now)
        for one in contact_queries.open_for(session, actor, contact):
            one.contact_email = address
    contact.name, contact.name_key, contact.email = name, name_key(name), address
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError:
        raise Invalid(errors={"email": TAKEN}) from None
    record(session, Kind.CONTACT_CHANGED, now=now, actor=actor, subject=contact, data={"fields": changed})


def remove_contact(session: Session, contact: Contact, *, actor: Identity, now: datetime) -> None:
    """Strike a contact off. The caller has locked its vendor. People who have joined keep their own pages.

    Raises Invalid while an open assessment is addressed to them: nobody would be reminded of it any more.
    """
    waiting = contact_queries.open_for(session, actor, contact)
    if waiting:
        titles = ", ".join(dict.fromkeys(one.title for one in waiting))
        raise Invalid(
            f"{contact.name} cannot be removed while an open assessment is addressed to them: {titles}. "
            "Choose another person for it first, or cancel it."
        )
    _withdraw(session, contact, actor=actor, now=now)
    record(
        session,
        Kind.CONTACT_REMOVED,
        now=now,
        actor=actor,
        subject=contact,
        data={"vendor": contact.vendor_id},
    )
    session.delete(contact)
    session.flush()


def _sound(name: str, email: str) -> str:
    """The address as it is stored; Invalid with a sentence at each field that is wrong."""
    errors = {}
    if not name or len(name) > LONGEST or len(name_key(name)) > LONGEST:
        errors["name"] = f"Write a name of at most {LONGEST} characters."
    address = ""
    try:
        address = address_key(mail_address(email))
    except ValueError:
        errors["email"] = "Write one address, like tomasz.wilk@example.com."
    if errors:
        raise Invalid(errors=errors)
    return address


def _withdraw(session: Session, contact: Contact, *, actor: Identity, now: datetime) -> None:
    """The link of an invitation that is still open stops working."""
    found = organisations.open_vendor_invitation(session, actor, contact.vendor_id, contact.email, now=now)
    if found is not None:
        invitations.withdraw(session, actor, found.id, now=now)
