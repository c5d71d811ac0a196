"""What every change of an assessment that is out has in common: its lock, its state, who is told, in whose words."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine
from portal.assessments import enquiry_letters as letters
from portal.assessments import organisation_queries as assessments
from portal.assessments.enquiries import ORGANISATION, say, settle, text_fault
from portal.assessments.enquiry_queries import ANSWERED, NOTICE, OPEN
from portal.assessments.models import Assessment, Enquiry
from portal.faults import Conflict, Invalid, Refused
from portal.vendors import queries as vendors
from portal.vendors.models import Contact, Vendor


def lock(
    session: Session, identity: Identity, assessment_id: uuid.UUID, *, seen: str | None = None
) -> tuple[Assessment, Vendor]:
    """The assessment and its vendor, to be changed: first the vendor, as whoever joins it does, then the assessment.

    ``seen``: the stamp that the form was rendered from. Raises Refused, Conflict when the assessment has moved on.
    """
    if not identity.may(Permission.CHANGE_ASSESSMENT):
        raise Refused("Your role does not allow this.")
    found = assessments.assessment(session, identity, assessment_id)
    vendor = vendors.vendor(session, identity, found.vendor_id, lock=True)
    vendors.require_here(vendor)
    statement = (
        select(Assessment)
        .where(Assessment.id == assessment_id, *mine(identity.scope, Assessment))
        .with_for_update(of=Assessment)
        .execution_options(populate_existing=True)
    )
    one = session.execute(statement).scalar_one()
    if seen is not None and seen != stamp(one):
        raise Conflict("This assessment has changed since you opened the page. Look at it before you go on.")
    return one, vendor


def stamp(one: Assessment) -> str:
    """State, round, date and version: what a form that changes the assessment rests on."""
    return f"{one.state}.{one.round}.{one.due.isoformat()}.{one.version}"


def require_open(assessment: Assessment) -> None:
    if assessment.state != OPEN:
        raise Conflict(
            "This assessment is no longer open: it was submitted, declined or cancelled meanwhile."
        )


def about(assessment: Assessment) -> str:
    return f"“{assessment.title}” about {assessment.subject}"


def sound_text(text: str, needed: str) -> str:
    text = text.strip()
    if (fault := text_fault(text, needed)) is not None:
        raise Invalid(errors={"text": fault})
    return text


def close(assessment: Assessment, state: str, actor: Identity, now: datetime) -> None:
    assessment.state, assessment.closed_at, assessment.closed_by = state, now, actor.person.id


def grant(
    session: Session,
    assessment: Assessment,
    asked: Collection[Enquiry],
    state: str,
    text: str,
    actor: Identity,
    now: datetime,
) -> Enquiry | None:
    """Settle what asked for this, with the organisation's words; without it, the words stand as a notice."""
    for row in asked:
        if text:
            say(session, row, text, ORGANISATION, actor=actor, now=now)
        settle(session, row, state, actor=actor, now=now)
    if not asked:
        notice(session, assessment, text, actor, now)
    return next(iter(asked), None)


def notice(session: Session, assessment: Assessment, text: str, actor: Identity, now: datetime) -> None:
    """What the organisation tells of its own accord, in the same thread."""
    row = Enquiry(
        id=uuid.uuid4(),
        organisation_id=assessment.organisation_id,
        company_id=assessment.company_id,
        assessment_id=assessment.id,
        kind=NOTICE,
        state=ANSWERED,
        asked_by=actor.person.id,
        asked_at=now,
        settled_by=actor.person.id,
        settled_at=now,
    )
    session.add(row)
    session.flush()
    say(session, row, text, ORGANISATION, actor=actor, now=now)


def contact_of(session: Session, assessment: Assessment, actor: Identity) -> Contact | None:
    if assessment.contact_email is None:
        return None
    return vendors.contact_of(session, actor, assessment.vendor_id, assessment.contact_email)


def tell(
    session: Session,
    assessment: Assessment,
    what: str,
    said: str,
    following: str,
    asker: Enquiry | None,
    *,
    due: date | None = None,
    actor: Identity,
    now: datetime,
) -> None:
    letters.tell_company(
        session,
        assessment,
        "assessment_changed",
        what=what,
        said=said,
        following=following,
        due=due,
        asker=asker,
        contact=contact_of(session, assessment, actor),
        actor=actor,
        now=now,
    )
