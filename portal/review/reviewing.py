"""A review as a whole: whose it is, that it goes on, what is thrown away, and the internal notes beside it."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity, scoped
from portal.assessments.covering import assessment_moved
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound
from portal.review import writing
from portal.review.marking import (
    LONGEST_TEXT,
    PRESSED_TWICE,
    Anothers,
    Moved,
    begin,
    check_may,
    check_open,
    is_anothers,
)
from portal.review.models import MarkDraft, ReviewNote
from portal.review.queries import Case, review_of
from portal.vendors import queries as vendors


def resume(session: Session, case: Case, *, actor: Identity, now: datetime) -> None:
    """Open a finished review again; what is written stays."""
    check_open(case, actor)
    row = review_of(session, actor, case.submission.id)
    if row is None or row.state != "finished":
        raise Conflict("This review is not finished, so it cannot be opened again.")
    row.state, row.finished_at, row.finished_by = "open", None, None
    case.assessment.reviewed_at = None
    data = {"submission": case.submission.id}
    record(session, Kind.REVIEW_RESUMED, now=now, actor=actor, subject=case.assessment, data=data)
    session.flush()


def take(session: Session, case: Case, *, actor: Identity, now: datetime) -> None:
    """Take a review over: colleagues see whose it is. It keeps nobody out."""
    check_open(case, actor)
    before = review_of(session, actor, case.submission.id)
    if before is not None and before.reviewer_id == actor.person.id:
        return  # pressed twice
    row = begin(session, case, actor)
    row.reviewer_id = actor.person.id
    data = {"submission": case.submission.id}
    record(session, Kind.REVIEW_TAKEN, now=now, actor=actor, subject=case.assessment, ours=True, data=data)
    session.flush()


def note(session: Session, case: Case, key: str, text: str, *, actor: Identity, now: datetime) -> ReviewNote:
    """Write an internal note about a question; it cannot be edited, and the vendor never reads it.

    The same words of the same person within PRESSED_TWICE are one note. Raises Refused, NotFound, Invalid, Conflict for
    a vendor that has been offboarded: nobody would ever destroy what is written then.
    """
    check_may(actor)
    vendors.require_here(vendors.vendor(session, actor, case.assessment.vendor_id))
    if key not in case.definition.questions:
        raise NotFound
    if not text or len(text) > LONGEST_TEXT:
        raise Invalid(errors={"text": f"Write something, at most {LONGEST_TEXT:,} characters."})
    twice: ReviewNote | None = session.scalars(
        scoped(actor, ReviewNote)
        .where(
            ReviewNote.submission_id == case.submission.id,
            ReviewNote.key == key,
            ReviewNote.author_id == actor.person.id,
            ReviewNote.text == text,
            ReviewNote.at > now - PRESSED_TWICE,
        )
        .limit(1)
    ).first()
    if twice is not None:
        return twice  # nobody can delete a second one
    row = ReviewNote(
        id=uuid.uuid4(),
        organisation_id=case.submission.organisation_id,
        submission_id=case.submission.id,
        key=key,
        text=text,
        author_id=actor.person.id,
        at=now,
    )
    session.add(row)
    data = {"submission": case.submission.id, "key": key}
    record(session, Kind.REVIEW_NOTED, now=now, actor=actor, subject=row, data=data)
    session.flush()
    return row


def discard(session: Session, case: Case, *, seen: str, actor: Identity, now: datetime) -> int:
    """Throw away the marks that are not written; also those of an older round or of answers that were removed.

    What colleagues hold against an answer stays while it can still be written (marking.Anothers). ``seen``:
    Case.unwritten of what the page showed. Raises Refused, Moved, Anothers when nothing else is there.
    """
    check_may(actor)
    if not case.drafts:
        return 0
    if seen != case.unwritten:
        raise Moved
    gone = disposable(case, actor)
    if not gone:
        raise Anothers
    assessment_moved(session, case.assessment)
    writing.remove_drafts(session, case, gone, actor)
    data = {"submission": case.submission.id, "marks": len(gone), "of": {one.changed_by for one in gone}}
    record(session, Kind.MARKS_DISCARDED, now=now, actor=actor, subject=case.assessment, ours=True, data=data)
    session.flush()
    return len(gone)


def disposable(case: Case, actor: Identity) -> list[MarkDraft]:
    """The marks in the making that this person may throw away."""
    final = case.redacted or not case.newest  # nobody can write them any more
    return [one for one in case.drafts.values() if final or not is_anothers(one, actor)]
