"""What an organisation writes back to a company that asks: an answer, or a refusal with its reason."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import enquiry_letters as letters
from portal.assessments import enquiry_queries as queries
from portal.assessments.change_steps import sound_text
from portal.assessments.enquiries import ORGANISATION, say, settle
from portal.assessments.enquiry_queries import (
    ANSWERED,
    DECLINE,
    MORE_TIME,
    OPEN,
    OTHER_PERSON,
    QUESTION,
    REFUSED,
    REOPEN,
    REVIEW,
)
from portal.assessments.models import Assessment, Enquiry
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict

ELSEWHERE = "This was asked beside an answer. Go on with it there, in the review."


def answer(
    session: Session, assessment: Assessment, row: Enquiry, text: str, *, actor: Identity, now: datetime
) -> None:
    """Answer a question in the portal, which the letter only says; to anything else, write back without deciding.

    Raises Conflict, Invalid at ``text``.
    """
    if row.kind == REVIEW:
        raise Conflict(ELSEWHERE)
    if row.state != OPEN and not (row.kind == QUESTION and row.state == ANSWERED):
        raise Conflict("This has been settled meanwhile.")
    text = sound_text(text, "Write what you answer.")
    (thread,) = queries.with_entries(session, actor, [row])
    last = thread.last
    if last is not None and (last.text, last.author_id) == (text, actor.person.id):
        return  # a second press of the same button
    say(session, row, text, ORGANISATION, actor=actor, now=now)
    if row.kind == QUESTION and row.state == OPEN:
        settle(session, row, ANSWERED, actor=actor, now=now)
    else:
        record(session, Kind.ENQUIRY_CONTINUED, now=now, actor=actor, subject=row, data={"kind": row.kind})
    about = "your question" if row.kind == QUESTION else "what you asked"
    letters.tell_company(
        session,
        assessment,
        "enquiry_answered",
        what=f"{actor.person.name} has answered {about} about “{assessment.title}” ({assessment.subject}).",
        due=assessment.due if assessment.state == OPEN else None,
        asker=row,
        actor=actor,
        now=now,
    )


def refuse(
    session: Session, assessment: Assessment, row: Enquiry, text: str, *, actor: Identity, now: datetime
) -> None:
    """Say no, with the reason. Raises Conflict, Invalid at ``text``."""
    if row.kind == REVIEW:
        raise Conflict(ELSEWHERE)
    if row.kind == QUESTION:
        raise Conflict("A question is answered, not refused.")
    if row.state == REFUSED:
        return
    if row.state != OPEN:
        raise Conflict("This has been settled meanwhile.")
    text = sound_text(text, "Say in a sentence why not. The vendor reads it.")
    say(session, row, text, ORGANISATION, actor=actor, now=now)
    settle(session, row, REFUSED, actor=actor, now=now)
    what, following = {
        MORE_TIME: ("cannot give you more time for", "The date stays as it is."),
        DECLINE: ("asks you to answer all the same:", "The questionnaire stays open."),
        OTHER_PERSON: ("would like to go on with you about", "Nothing has changed for you."),
        REOPEN: ("leaves your submission as it is:", "What you have submitted stands."),
    }[row.kind]
    letters.tell_company(
        session,
        assessment,
        "enquiry_answered",
        what=f"{actor.person.name} {what} “{assessment.title}” ({assessment.subject}).",
        following=following,
        due=assessment.due if assessment.state == OPEN else None,
        asker=row,
        actor=actor,
        now=now,
    )
