"""Whom an assessment goes to: another person of the vendor, or the same letter once more."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import enquiry_letters as letters
from portal.assessments import enquiry_queries as queries
from portal.assessments import issuing
from portal.assessments.change_steps import about, contact_of, grant, require_open, tell
from portal.assessments.enquiries import text_fault
from portal.assessments.enquiry_queries import GRANTED, OPEN, OTHER_PERSON
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.faults import Conflict, Invalid, Throttled
from portal.organisations import invitations
from portal.organisations import queries as organisations
from portal.vendors import service as contacts
from portal.vendors.models import Contact, Vendor

A_DAY = timedelta(days=1)
MOST_RESENT = 5
SAME_PRESS = timedelta(seconds=30)


def readdress(
    session: Session,
    assessment: Assessment,
    vendor: Vendor,
    *,
    name: str,
    email: str,
    text: str,
    actor: Identity,
    now: datetime,
) -> None:
    """Ask another person of the vendor. The caller has locked both rows (``lock``).

    While nobody has joined, the earlier contact's invitation ends and the new one is invited. Once the company is
    here, its owners are asked to add the person: who belongs to it is theirs to say. Raises Conflict unless it is
    open, Invalid at ``name``, ``email`` or ``text``.
    """
    require_open(assessment)
    asked = queries.open_ones(session, actor, assessment.id, OTHER_PERSON)
    text, fault = text.strip(), text_fault(text.strip(), "" if asked else "Say in a sentence why.")
    if fault is not None:
        raise Invalid(errors={"text": fault})
    old = assessment.contact_email
    before = contact_of(session, assessment, actor)
    contact = contacts.add_contact(session, vendor, name=name, email=email, actor=actor, now=now)
    if contact.email == old:
        raise Invalid(errors={"email": "This person is the one who is asked already."})
    assessment.contact_email = contact.email
    asker = grant(session, assessment, asked, GRANTED, text, actor, now)
    data = {"contact": contact.id, "asked": bool(asked)}
    record(session, Kind.ASSESSMENT_READDRESSED, now=now, actor=actor, subject=assessment, data=data)
    what = f"{actor.person.name} asks {contact.name} instead to answer {about(assessment)}."
    if vendor.company_id is not None:
        following = (
            f"If {contact.name} ({contact.email}) does not belong to your team here yet, add them on its page; "
            "your answers stay where they are."
        )
        tell(session, assessment, what, text, following, asker, actor=actor, now=now)
        return
    if before is not None:
        let_go(session, assessment, before, what, text, actor=actor, now=now)
    issuing.invite(session, assessment, vendor, contact, actor=actor, now=now)


def resend(
    session: Session, assessment: Assessment, vendor: Vendor, *, actor: Identity, now: datetime
) -> None:
    """Send the letter again; while nobody has joined, the invitation with a new link. A few times a day at most."""
    require_open(assessment)
    sent = session.execute(
        select(func.count(), func.max(Event.at)).where(
            *mine(actor.scope, Event),
            Event.subject_id == assessment.id,
            Event.kind == Kind.ASSESSMENT_RESENT.value,
            Event.at > now - A_DAY,
        )
    ).one()
    if sent[1] is not None and now - sent[1] < SAME_PRESS:
        return  # a second press of the same button: the letter is on its way
    if sent[0] >= MOST_RESENT:
        raise Throttled(
            "This letter has been sent often enough today. Call the vendor.", int(A_DAY.total_seconds())
        )
    contact = contact_of(session, assessment, actor)
    if vendor.company_id is None and contact is None:
        raise Conflict("Nobody is written down whom the letter could go to. Choose another person first.")
    record(session, Kind.ASSESSMENT_RESENT, now=now, actor=actor, subject=assessment)
    if vendor.company_id is None and contact is not None:
        issuing.invite(session, assessment, vendor, contact, actor=actor, now=now)
    else:
        issuing.write_letters(session, assessment, vendor, contact, actor=actor, now=now)


def let_go(
    session: Session,
    assessment: Assessment,
    contact: Contact,
    what: str,
    said: str,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """Tell a person who has not joined that they need do nothing; their link ends unless another request needs it."""
    session.flush()
    others = session.scalar(
        select(func.count()).where(
            *mine(actor.scope, Assessment),
            Assessment.vendor_id == assessment.vendor_id,
            Assessment.id != assessment.id,
            Assessment.state == OPEN,
            Assessment.contact_email == contact.email,
        )
    )
    following = "You need not do anything for it any more."
    invited = organisations.open_vendor_invitation(
        session, actor, assessment.vendor_id, contact.email, now=now
    )
    if invited is not None and not others:
        invitations.withdraw(session, actor, invited.id, now=now)
        following = "You need not do anything, and the link of your invitation no longer works."
    letters.write_to_vendor(
        session,
        assessment,
        "assessment_changed",
        (contact.name, contact.email),
        what=what,
        said=said,
        following=following,
        due=None,
        link="",
        actor=actor,
        now=now,
    )
