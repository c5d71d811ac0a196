"""Threads that an organisation opens on single questions: asked beside an answer, answered in words, closed.

Nothing that is said here changes an answer, so it needs no round: a thread lives while the assessment is open and after
it was submitted. Internal remarks are elsewhere (review.models.ReviewNote).
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity, Permission
from portal.assessments import enquiry_letters as letters
from portal.assessments import enquiry_queries as queries
from portal.assessments.change_steps import sound_text
from portal.assessments.enquiries import MOST_ENTRIES, ORGANISATION, say, settle
from portal.assessments.enquiry_queries import ASKED, CLOSED, OPEN, REVIEW, Thread
from portal.assessments.models import Assessment, Enquiry
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, NotFound, Refused
from portal.library import service as library
from portal.vendors import queries as vendors


def ask(
    session: Session, assessment: Assessment, key: str, text: str, *, actor: Identity, now: datetime
) -> Enquiry:
    """Ask the vendor's team about its answer to ``key``, or go on with the thread that is there.

    The caller has locked ``assessment``. Raises Refused, Conflict for an assessment that is closed, not linked or never
    submitted, or a full thread, NotFound for another key, Invalid at ``text``.
    """
    _check_may(actor)
    vendor = vendors.vendor(session, actor, assessment.vendor_id)
    vendors.require_here(vendor)  # nothing that is written after offboarding would ever be destroyed
    company = vendor.company_id
    if assessment.submitted_at is None or assessment.state not in ("open", "submitted") or company is None:
        raise Conflict(
            "Nobody reads this now: nothing was submitted, it was closed, or the vendor is not linked."
        )
    if company != assessment.company_id:
        raise Conflict("This vendor is no longer linked to the company that answered.")
    asked = library.definition(session, assessment.content_hash).questions
    if key not in asked:
        raise NotFound
    text = sound_text(text, "Write what you want to know. The vendor reads it.")
    thread = of_question(session, actor, assessment.id, key)
    if thread is not None:
        last = thread.last
        if last is not None and (last.text, last.author_id) == (text, actor.person.id):
            return thread.enquiry  # a second press of the same button
        if len(thread.entries) >= MOST_ENTRIES:
            raise Conflict("This thread is full. Close it, then ask anew.")
    row = _begin(session, assessment, key, actor, now) if thread is None else thread.enquiry
    say(session, row, text, ORGANISATION, actor=actor, now=now)
    if thread is None:
        data = {"assessment": assessment.id, "kind": row.kind, "key": row.key, "wanted": None}
        record(session, Kind.ENQUIRY_MADE, now=now, actor=actor, subject=row, data=data)
    else:
        row.state = ASKED
        record(session, Kind.ENQUIRY_CONTINUED, now=now, actor=actor, subject=row, data={"kind": row.kind})
    letters.tell_company(
        session,
        assessment,
        "assessment_changed",
        what=f"{actor.person.name} asks about your answer to “{asked[key].text}” in “{assessment.title}” "
        f"({assessment.subject}).",
        following="Answer in the portal. What you write there changes none of your answers.",
        news="a question to you",
        actor=actor,
        now=now,
    )
    session.flush()
    return row


def close(session: Session, row: Enquiry, *, actor: Identity, now: datetime) -> None:
    """Nothing is left to say. A second press does nothing. Raises Refused, NotFound for another kind."""
    _check_may(actor)
    if row.kind != REVIEW:
        raise NotFound
    if row.state != CLOSED:
        settle(session, row, CLOSED, actor=actor, now=now)


def of_question(session: Session, identity: Identity, assessment_id: uuid.UUID, key: str) -> Thread | None:
    """The thread on a question that is not closed, for either side."""
    return queries.by_question(session, identity, assessment_id, REVIEW, (ASKED, OPEN)).get(key)


def of_answer(session: Session, identity: Identity, assessment_id: uuid.UUID, key: str) -> list[Thread]:
    """Every thread on a question, the newest last, for either side."""
    return queries.on_question(session, identity, assessment_id, REVIEW, key)


def _check_may(actor: Identity) -> None:
    if not actor.may(Permission.REVIEW):
        raise Refused("Your role does not allow this: administrators, CISOs and reviewers ask about answers.")


def _begin(session: Session, assessment: Assessment, key: str, actor: Identity, now: datetime) -> Enquiry:
    row = Enquiry(
        id=uuid.uuid4(),
        organisation_id=assessment.organisation_id,
        company_id=assessment.company_id,
        assessment_id=assessment.id,
        kind=REVIEW,
        key=key,
        state=ASKED,
        asked_by=actor.person.id,
        asked_at=now,
    )
    session.add(row)
    session.flush()
    return row
