"""What a company asks of the organisation: a question, more time, another person, to decline, to reopen."""

from __future__ import annotations

import unicodedata
import uuid
from datetime import date, datetime

from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity, Permission
from portal.accounts.service import mail_address
from portal.assessments import enquiry_letters as letters
from portal.assessments import enquiry_queries as queries
from portal.assessments import reach
from portal.assessments.enquiry_queries import (
    ANSWERED,
    ASKED,
    DECLINE,
    KINDS,
    MORE_TIME,
    OPEN,
    OTHER_PERSON,
    QUESTION,
    REOPEN,
    REVIEW,
    WITHDRAWN,
)
from portal.assessments.issuing import FURTHEST_MONTHS
from portal.assessments.models import Assessment, Enquiry, EnquiryEntry, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.formats import long_date
from portal.library import service as library
from questionnaires.dates import add_months

LONGEST_TEXT, LONGEST_NAME = 4000, 200
MOST_OPEN_QUESTIONS = 100
MOST_ENTRIES = 100
COMPANY, ORGANISATION = "company", "organisation"


def ask(
    session: Session,
    assessment: Assessment,
    *,
    kind: str,
    text: str,
    key: str | None = None,
    wanted: date | None = None,
    name: str = "",
    email: str = "",
    actor: Identity,
    now: datetime,
) -> Enquiry:
    """Ask the organisation, and write to its people. The caller has locked ``assessment``.

    ``kind`` is one of KINDS. ``key``: the question that a question is about. ``wanted``: the date that more time asks
    for. ``name`` and ``email``: the person who is the right one. Asking the same once more gives the enquiry that
    waits. Raises Refused, Conflict when the assessment's state does not fit, Invalid at ``text``, ``wanted``, ``name``
    or ``email``, NotFound for a key of another questionnaire.
    """
    if kind not in KINDS:
        raise NotFound
    if not actor.may(Permission.ASK if kind == QUESTION else Permission.ASK_FOR_CHANGE):
        raise Refused("Only an owner of the company can ask for this.")
    _require_state(assessment, kind)
    if key is not None:
        definition = library.definition(session, assessment.content_hash)
        reach.require_seen(session, actor, assessment, definition, key)
    text = text.strip()
    errors = {} if (fault := text_fault(text, _NEEDED[kind])) is None else {"text": fault}
    person = None
    if kind == MORE_TIME:
        errors |= date_fault(assessment, wanted, now, "wanted", after=assessment.due)
    if kind == OTHER_PERSON:
        name, email = " ".join(name.split()), email.strip()
        errors |= person_faults(name, email)
        person = {"name": name, "email": email}
    if errors:
        raise Invalid(errors=errors)
    waiting = _waiting(session, assessment, kind, key, text, actor)
    if waiting is not None:
        return waiting
    assert actor.company is not None
    row = Enquiry(
        id=uuid.uuid4(),
        organisation_id=assessment.organisation_id,
        company_id=actor.company.id,
        assessment_id=assessment.id,
        kind=kind,
        key=key if kind == QUESTION else None,
        state=OPEN,
        wanted=wanted if kind == MORE_TIME else None,
        person=person,
        asked_by=actor.person.id,
        asked_at=now,
    )
    session.add(row)
    session.flush()
    say(session, row, text, COMPANY, actor=actor, now=now)
    data = {"assessment": assessment.id, "kind": kind, "key": row.key, "wanted": row.wanted}
    record(session, Kind.ENQUIRY_MADE, now=now, actor=actor, subject=row, data=data)
    letters.tell_organisation(session, assessment, row, actor=actor, now=now)
    return row


def carry_on(
    session: Session, assessment: Assessment, row: Enquiry, text: str, *, actor: Identity, now: datetime
) -> None:
    """Say more about one's enquiry, or answer what the organisation asked; a question that was answered is open again.

    Raises Refused for whom the assessment shows the thread but who may not ask, Conflict for a decided or withdrawn
    enquiry, Invalid at ``text``.
    """
    if not actor.may(Permission.ASK if row.kind in (QUESTION, REVIEW) else Permission.ASK_FOR_CHANGE):
        raise Refused("Only an owner of the company can ask for this.")
    if row.kind != REVIEW:  # what is said there changes no answer, so it may be said after submitting too
        _require_state(assessment, row.kind)
    if row.state != OPEN and (row.kind, row.state) not in ((QUESTION, ANSWERED), (REVIEW, ASKED)):
        raise Conflict("This has been settled meanwhile. Ask anew if something is still open.")
    text = text.strip()
    if (fault := text_fault(text, "Write what you want to add.")) is not None:
        raise Invalid(errors={"text": fault})
    (thread,) = queries.with_entries(session, actor, [row])
    last = thread.last
    if last is not None and (last.text, last.author_id) == (text, actor.person.id):
        return  # a second press of the same button
    if len(thread.entries) >= MOST_ENTRIES:
        raise Conflict("This thread is full. Ask anew, or write to the person who asks you.")
    row.state, row.settled_by, row.settled_at = OPEN, None, None
    say(session, row, text, COMPANY, actor=actor, now=now)
    record(session, Kind.ENQUIRY_CONTINUED, now=now, actor=actor, subject=row, data={"kind": row.kind})
    letters.tell_organisation(session, assessment, row, more=True, actor=actor, now=now)


def withdraw(session: Session, row: Enquiry, *, actor: Identity, now: datetime) -> None:
    """Take back what nobody has settled yet: whoever asked it, or an owner. Raises Refused, Conflict."""
    if row.kind == REVIEW:
        raise Conflict("The organisation asked this, and closes it.")
    if row.asked_by != actor.person.id and not actor.may(Permission.ASK_FOR_CHANGE):
        raise Refused("Only whoever asked this, or an owner of the company, can take it back.")
    if row.state == WITHDRAWN:
        return
    if row.state != OPEN:
        raise Conflict("This has been settled meanwhile, so there is nothing left to take back.")
    settle(session, row, WITHDRAWN, actor=actor, now=now)


def close_after_submission(
    session: Session, assessment: Assessment, submission: Submission, actor: Identity, now: datetime
) -> None:
    """A consequence of submitting: what was asked about the draft is past, so that nobody works on it any more."""
    for row in queries.open_ones(session, actor, assessment.id):
        settle(session, row, WITHDRAWN, actor=actor, now=now)


# -------------------------------------------------------------------------------------- shared with changing.py


def say(session: Session, row: Enquiry, text: str, side: str, *, actor: Identity, now: datetime) -> None:
    """One more message of an enquiry."""
    session.add(
        EnquiryEntry(
            id=uuid.uuid4(),
            enquiry_id=row.id,
            organisation_id=row.organisation_id,
            company_id=row.company_id,
            side=side,
            author_id=actor.person.id,
            at=now,
            text=text,
        )
    )
    session.flush()


def settle(session: Session, row: Enquiry, state: str, *, actor: Identity, now: datetime) -> None:
    """Note how an enquiry ended."""
    row.state, row.settled_by, row.settled_at = state, actor.person.id, now
    data = {"kind": row.kind, "state": state}
    record(session, Kind.ENQUIRY_SETTLED, now=now, actor=actor, subject=row, data=data)
    session.flush()


def text_fault(text: str, needed: str) -> str | None:
    """What is wrong with a message; ``needed`` is said of an empty one ("" when it may be empty)."""
    if not text:
        return needed or None
    if len(text) > LONGEST_TEXT:
        return f"Write at most {LONGEST_TEXT:,} characters. You wrote {len(text):,}."
    if any(c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs") for c in text):
        return "Leave out invisible control characters."
    return None


def date_fault(
    assessment: Assessment, day: date | None, now: datetime, field: str, *, after: date | None = None
) -> dict[str, str]:
    """What is wrong with a new due date, at ``field``: from today, later than ``after``, two years ahead at most."""
    today = clock.local_date(now, assessment.zone)
    last = add_months(today, FURTHEST_MONTHS)
    if day is None:
        return {field: "Choose a day."}
    if after is not None and day <= after and after >= today:
        return {field: f"Choose a day after {long_date(after)}, which is the date now."}
    if not today <= day <= last:
        return {field: f"Choose a day from today to {long_date(last)}."}
    return {}


# -------------------------------------------------------------------------------------------------- what is checked

_NEEDED = {
    QUESTION: "Write what you want to know.",
    MORE_TIME: "Say in a sentence why you need more time.",
    DECLINE: "Say in a sentence why you do not answer.",
    OTHER_PERSON: "Say in a sentence why this person is the right one.",
    REOPEN: "Say in a sentence what has to change.",
}


def _require_state(assessment: Assessment, kind: str) -> None:
    if kind == REOPEN:
        if assessment.state not in ("submitted", "declined"):
            raise Conflict("Only what has been submitted or declined can be reopened.")
    elif assessment.state != "open":
        raise Conflict(
            "This questionnaire is no longer open, so there is nothing left to ask before submitting it."
        )


def person_faults(name: str, email: str) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        errors["name"] = (
            "Write the person's name." if not name else f"Write at most {LONGEST_NAME} characters."
        )
    try:
        mail_address(email)
    except ValueError:
        errors["email"] = "Write one address, like tomasz.wilk@example.com."
    return errors


def _waiting(
    session: Session, assessment: Assessment, kind: str, key: str | None, text: str, actor: Identity
) -> Enquiry | None:
    """The same, asked already by this person and not settled: a second press. Invalid for a second wish of a kind."""
    waiting = queries.open_ones(session, actor, assessment.id, kind)
    for thread in queries.with_entries(session, actor, [one for one in waiting if one.key == key]):
        first = thread.entries[0] if thread.entries else None
        if first is not None and (first.text, first.author_id) == (text, actor.person.id):
            return thread.enquiry
    if kind != QUESTION and waiting:
        raise Invalid("Your company has asked for this already. Add to that, or take it back first.")
    if len(waiting) >= MOST_OPEN_QUESTIONS:
        raise Invalid(
            "Many of your questions wait for an answer. Wait for some, or write to the person who asks you."
        )
    return None
