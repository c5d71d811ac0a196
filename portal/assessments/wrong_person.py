"""“I am not the right person”: whoever is invited says so without an account, and the organisation hears of it."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.accounts.service import address_key
from portal.assessments.enquiries import COMPANY, person_faults, text_fault
from portal.assessments.enquiry_letters import WHO_ACTS
from portal.assessments.enquiry_queries import OPEN, OTHER_PERSON
from portal.assessments.models import Assessment, Enquiry, EnquiryEntry
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope, base_url, enter
from portal.faults import Invalid, NotFound
from portal.organisations import queries as organisations
from portal.organisations.models import Invitation, Organisation
from portal.vendors.models import Vendor


def not_me(session: Session, token: str, *, name: str, email: str, text: str, now: datetime) -> None:
    """End a vendor's invitation because it came to the wrong person, and tell those who can ask another one.

    ``name`` and ``email``: who is the right one, both or neither; ``text`` may be empty. Nothing opens, and nobody gets
    an account. Raises NotFound for a dead token or an invitation of another kind, Invalid at the fields.
    """
    name, email, text = " ".join(name.split()), email.strip(), text.strip()
    errors = person_faults(name, email) if name or email else {}
    if (fault := text_fault(text, "")) is not None:
        errors["text"] = fault
    if errors:
        raise Invalid(errors=errors)
    invitation = organisations.invitation_by_token(session, token, now=now, for_update=True)
    if invitation.purpose != "vendor" or invitation.organisation_id is None:
        raise NotFound
    enter(session, Scope(organisation_id=invitation.organisation_id))
    invitation.revoked_at = now
    record(session, Kind.INVITATION_REVOKED, now=now, actor=None, subject=invitation, data={"wrong": True})
    person = {"name": name, "email": email} if name else None
    asked = [_ask(session, one, person, text, now) for one in _addressed(session, invitation)]
    session.flush()
    _tell(session, invitation, asked, now)


def _addressed(session: Session, invitation: Invitation) -> list[Assessment]:
    """The open assessments that were addressed to whoever was invited."""
    found = session.execute(
        select(Assessment)
        .where(
            Assessment.organisation_id == invitation.organisation_id,
            Assessment.vendor_id == invitation.vendor_id,
            Assessment.state == OPEN,
            Assessment.contact_email.is_not(None),
        )
        .order_by(Assessment.due, Assessment.id)
        .with_for_update()
    ).scalars()
    return [one for one in found if address_key(one.contact_email or "") == invitation.email]


def _ask(
    session: Session, one: Assessment, person: dict[str, str] | None, text: str, now: datetime
) -> Enquiry:
    row = Enquiry(
        id=uuid.uuid4(),
        organisation_id=one.organisation_id,
        company_id=None,
        assessment_id=one.id,
        kind=OTHER_PERSON,
        state=OPEN,
        person=person,
        asked_by=None,
        asked_at=now,
    )
    session.add(row)
    session.flush()
    session.add(
        EnquiryEntry(
            id=uuid.uuid4(),
            enquiry_id=row.id,
            organisation_id=one.organisation_id,
            company_id=None,
            side=COMPANY,
            author_id=None,
            at=now,
            text=text,
        )
    )
    record(session, Kind.ENQUIRY_MADE, now=now, actor=None, subject=row, data={"kind": row.kind})
    return row


def _tell(session: Session, invitation: Invitation, asked: list[Enquiry], now: datetime) -> None:
    """A letter to those who can ask another person, whoever invited first; without what was typed."""
    assert invitation.organisation_id is not None
    organisation = session.execute(
        select(Organisation).where(Organisation.id == invitation.organisation_id)
    ).scalar_one()
    vendor = session.execute(
        select(Vendor).where(
            Vendor.organisation_id == invitation.organisation_id, Vendor.id == invitation.vendor_id
        )
    ).scalar_one()
    home = f"{base_url(session)}/o/{organisation.slug}"
    link = f"{home}/vendors/{vendor.id}"
    if asked:
        link = f"{home}/assessments/{asked[0].assessment_id}/enquiries/{asked[0].id}"
    people = organisations.organisation_people(session, organisation.id, WHO_ACTS)
    people.sort(key=lambda one: one.id != invitation.invited_by)
    for person in people:
        letter = mail.compose(
            "wrong_person",
            to=(person.name, person.email),
            subject=f"{vendor.name}: {invitation.name} is not the right person",
            who=invitation.name,
            address=invitation.email,
            vendor=vendor.name,
            link=link,
            why=f"You get this because you may change assessments of {organisation.name}.",
        )
        outbox.queue(session, letter, now=now, organisation_id=organisation.id)
