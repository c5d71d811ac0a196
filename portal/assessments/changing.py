"""What an organisation does with an assessment that is out: extend, cancel, accept a decline, reopen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import delegation, issuing, workbook_uploads
from portal.assessments import enquiry_queries as queries
from portal.assessments import organisation_queries as assessments
from portal.assessments.change_steps import (
    about,
    close,
    contact_of,
    grant,
    notice,
    require_open,
    sound_text,
    tell,
)
from portal.assessments.covering import assessment_moved
from portal.assessments.enquiries import date_fault, settle, text_fault
from portal.assessments.enquiry_queries import ANSWERED, DECLINE, GRANTED, MORE_TIME, OPEN, REOPEN
from portal.assessments.models import Assessment
from portal.assessments.readdressing import let_go
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid
from portal.formats import long_date
from portal.vendors import queries as vendors

Hindrance = Callable[[Session, Assessment], str]


def extend(
    session: Session, assessment: Assessment, *, due: date | None, text: str, actor: Identity, now: datetime
) -> None:
    """A later due date; who asked for more time has got it. Reminders follow the new date.

    Raises Conflict unless it is open, Invalid at ``due`` or ``text`` (needed when nobody asked).
    """
    require_open(assessment)
    asked = queries.open_ones(session, actor, assessment.id, MORE_TIME)
    text, errors = text.strip(), date_fault(assessment, due, now, "due", after=assessment.due)
    if (fault := text_fault(text, "" if asked else "Say in a sentence why the date moves.")) is not None:
        errors["text"] = fault
    if errors or due is None:
        raise Invalid(errors=errors)
    assessment_moved(session, assessment)
    before, before_time = assessment.due, assessment.due_time
    assessment.due, assessment.due_time = due, None
    asker = grant(session, assessment, asked, GRANTED, text, actor, now)
    data = {"before": before, "before_time": before_time, "due": due, "asked": bool(asked)}
    record(session, Kind.ASSESSMENT_EXTENDED, now=now, actor=actor, subject=assessment, data=data)
    tell(
        session,
        assessment,
        f"{actor.person.name} has moved the date for {about(assessment)}, from {long_date(before)}.",
        text,
        "",
        asker,
        due=due,
        actor=actor,
        now=now,
    )


def cancel(session: Session, assessment: Assessment, *, text: str, actor: Identity, now: datetime) -> None:
    """Take the request back, with the reason; the vendor is told, and its answers stay its own.

    Raises Conflict unless it is open, Invalid at ``text``.
    """
    require_open(assessment)
    text = sound_text(text, "Say in a sentence why. The vendor reads it.")
    contact = contact_of(session, assessment, actor)
    for row in queries.open_ones(session, actor, assessment.id):
        settle(session, row, GRANTED if row.kind == DECLINE else ANSWERED, actor=actor, now=now)
    notice(session, assessment, text, actor, now)
    assessment_moved(session, assessment)
    close(assessment, "cancelled", actor, now)
    workbook_uploads.forget_all(session, assessment.id)
    delegation.end_links(session, assessment, actor=actor, now=now)
    record(session, Kind.ASSESSMENT_CANCELLED, now=now, actor=actor, subject=assessment)
    what = f"{actor.person.name} has taken back the request to answer {about(assessment)}."
    if assessment.company_id is None:
        if contact is not None:
            let_go(session, assessment, contact, what, text, actor=actor, now=now)
        return
    following = "You need not do anything. What you have answered so far was not sent; it stays yours to use."
    if assessment.round > 1:  # a round before was handed in
        following = (
            "You need not do anything. What you submitted before stands as it is; what you have changed since was "
            "not sent."
        )
    tell(session, assessment, what, text, following, None, actor=actor, now=now)


def accept_decline(
    session: Session, assessment: Assessment, *, text: str, actor: Identity, now: datetime
) -> None:
    """Take note that the vendor does not answer. Raises Conflict when nobody has asked for that."""
    require_open(assessment)
    asked = queries.open_ones(session, actor, assessment.id, DECLINE)
    if not asked:
        raise Conflict("The vendor does not ask to decline, or has taken that back.")
    text = text.strip()
    if (fault := text_fault(text, "")) is not None:
        raise Invalid(errors={"text": fault})
    asker = grant(session, assessment, asked, GRANTED, text, actor, now)
    for row in queries.open_ones(session, actor, assessment.id):
        settle(session, row, ANSWERED, actor=actor, now=now)
    assessment_moved(session, assessment)
    close(assessment, "declined", actor, now)
    workbook_uploads.forget_all(session, assessment.id)
    delegation.end_links(session, assessment, actor=actor, now=now)
    record(session, Kind.ASSESSMENT_DECLINED, now=now, actor=actor, subject=assessment)
    what = f"{actor.person.name} has taken note that you do not answer {about(assessment)}."
    following = "What you have answered so far has not been sent; it stays yours to read."
    tell(session, assessment, what, text, following, asker, actor=actor, now=now)


def reopen(
    session: Session,
    assessment: Assessment,
    *,
    due: date | None,
    text: str,
    actor: Identity,
    now: datetime,
    hinders: Hindrance | None = None,
) -> None:
    """A new round of what was submitted, or once more what was declined; the answers are in place.

    Earlier submissions, ratings and evaluations stay as they are. Raises Conflict for another state, Invalid at
    ``due`` or ``text`` (needed when nobody asked), or when the same questions are out already. ``hinders``: says why
    it cannot be now, "" when it can.
    """
    if hinders is not None and (sentence := hinders(session, assessment)):
        raise Conflict(sentence)
    if assessment.state not in ("submitted", "declined"):
        raise Conflict("Only what has been submitted or declined can be reopened.")
    if vendors.vendor(session, actor, assessment.vendor_id).company_id != assessment.company_id:
        raise Conflict("This vendor is no longer linked to the company that answered. Issue it anew.")
    asked = queries.open_ones(session, actor, assessment.id, REOPEN)
    text, errors = text.strip(), date_fault(assessment, due, now, "due")
    if (fault := text_fault(text, "" if asked else "Say in a sentence what has to change.")) is not None:
        errors["text"] = fault
    if errors or due is None:
        raise Invalid(errors=errors)
    covered = assessments.covered(session, actor, [assessment.id])[assessment.id]
    campaign = assessment.campaign_id is not None
    issuing.require_not_open(session, actor, assessment.slug, covered, campaign=campaign)
    assessment_moved(session, assessment)
    submitted = assessment.state == "submitted"
    assessment.state, assessment.due, assessment.due_time = OPEN, due, None
    if submitted:  # what was declined goes on with the round that it was in
        assessment.round, assessment.scope_id = assessment.round + 1, None
    assessment.closed_at = assessment.closed_by = None
    delegation.end_links(session, assessment, actor=actor, now=now)
    asker = grant(session, assessment, asked, GRANTED, text, actor, now)
    data = {"round": assessment.round, "due": due, "asked": bool(asked)}
    record(session, Kind.ASSESSMENT_REOPENED, now=now, actor=actor, subject=assessment, data=data)
    following = "Your answers are where you left them: change what has to change, and submit again."
    if submitted:
        following += " What you submitted before stays on record, sealed."
    what = f"{actor.person.name} has reopened {about(assessment)}."
    tell(session, assessment, what, text, following, asker, due=due, actor=actor, now=now)
