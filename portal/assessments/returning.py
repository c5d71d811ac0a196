"""A return: an organisation gives chosen questions back, as a new round, or takes that back before they are submitted.

Nothing of the company's draft is read or written here: what came back is read from the draft, the rest from the
submission before (returned.py), so withdrawing a return loses nothing that anybody wrote.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, scoped
from portal.assessments import delegation, issuing, queries, result_queries, sealing, workbook_uploads
from portal.assessments import enquiry_letters as letters
from portal.assessments import enquiry_queries as enquiries
from portal.assessments import organisation_queries as assessments
from portal.assessments.change_steps import about
from portal.assessments.drafts import Draft
from portal.assessments.enquiries import date_fault, settle, text_fault
from portal.assessments.models import Assessment, Rating, Submission
from portal.assessments.result_queries import Pair
from portal.assessments.round_models import RoundReason, RoundScope
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import base_url
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.vendors import queries as vendors
from portal.vendors.ground import ground_moved
from questionnaires.answers import parse_facts
from questionnaires.definition import Questionnaire
from questionnaires.visibility import Look, look

ADVERSE = frozenset({"challenged", "disproved", "graded"})
OPEN, SUBMITTED = "open", "submitted"


@dataclass(frozen=True, slots=True)
class Return:
    """What a reviewer gives back: ``keys``, ``text`` for all of them, ``reasons`` by key, an answer until ``due``."""

    keys: frozenset[str]
    text: str
    due: date | None
    reasons: Mapping[str, str] = field(default_factory=dict)


def return_questions(
    session: Session, assessment: Assessment, wish: Return, *, actor: Identity, now: datetime
) -> RoundScope:
    """Open a new round that asks ``wish.keys`` alone; the vendor is told. The caller has locked ``assessment``.

    Keys that the submission did not ask are shown from now on in spite of their condition. Raises Refused, Conflict
    for what is not submitted or was returned already, NotFound for a key of another questionnaire, Invalid at
    ``keys``, ``text``, ``reason-<key>`` or ``due``.
    """
    _check_may(actor)
    if assessment.state != SUBMITTED:
        raise Conflict(
            "This assessment is with the vendor already, or was closed, so nothing can be returned now."
        )
    assert assessment.company_id is not None
    vendor = vendors.vendor(session, actor, assessment.vendor_id)
    vendors.require_here(
        vendor
    )  # offboarding waits for the assessment's lock, so it comes before or after all this
    if vendor.company_id != assessment.company_id:
        raise Conflict("This vendor is no longer linked to the company that answered. Issue it anew.")
    definition = library.definition(session, assessment.content_hash)
    if not wish.keys <= definition.questions.keys():
        raise NotFound
    check(assessment, wish, now)
    covered = assessments.covered(session, actor, [assessment.id])[assessment.id]
    ground_moved(session, assessment.organisation_id, [one.id for one in covered])
    campaign = assessment.campaign_id is not None
    issuing.require_not_open(session, actor, assessment.slug, covered, campaign=campaign)
    submission = queries.submission(session, actor, assessment)
    assert wish.due is not None
    chosen = [key for key in definition.questions if key in wish.keys]
    asked = look_of(session, definition, assessment, submission).visible
    scope = RoundScope(
        id=uuid.uuid4(),
        organisation_id=assessment.organisation_id,
        company_id=assessment.company_id,
        assessment_id=assessment.id,
        submission_id=submission.id,
        round=assessment.round + 1,
        keys=chosen,
        shown=[key for key in chosen if key not in asked],
        due=wish.due,
        due_before=assessment.due,
        returned_at=now,
        returned_by=actor.person.id,
    )
    session.add(scope)
    session.flush()
    _explain(session, scope, {"": wish.text, **wish.reasons})
    assessment.state, assessment.due, assessment.round = OPEN, wish.due, scope.round
    assessment.due_time = None
    assessment.scope_id, assessment.shown = (
        scope.id,
        sorted({*(assessment.shown or ()), *scope.shown}) or None,
    )
    again = look_of(session, definition, assessment, submission)
    required = again.required & set(chosen)
    assessment.answered, assessment.total = len(required - set(again.missing)), len(required)
    assessment.closed_at = assessment.closed_by = None
    delegation.end_links(session, assessment, actor=actor, now=now)
    for row in enquiries.open_ones(session, actor, assessment.id, enquiries.REOPEN):
        settle(session, row, enquiries.GRANTED, actor=actor, now=now)
    data = {"round": scope.round, "due": scope.due, "questions": len(chosen), "submission": submission.id}
    record(session, Kind.QUESTIONS_RETURNED, now=now, actor=actor, subject=assessment, data=data)
    one = len(chosen) == 1
    _tell(
        session,
        assessment,
        f"{actor.person.name} has returned {'one question' if one else f'{len(chosen)} questions'} of "
        f"{about(assessment)}.",
        "Read at each question why it came back, answer again, and submit. All other answers stand as you handed "
        "them in.",
        due=scope.due,
        actor=actor,
        now=now,
    )
    session.flush()
    return scope


def withdraw(session: Session, assessment: Assessment, *, actor: Identity, now: datetime) -> None:
    """Take a return back before it is submitted: the submission before stands again, with the date it had.

    The company keeps what it has written since; what it asked about the return is past, as after a submission. The
    caller has locked ``assessment``. Raises Refused, Conflict.
    """
    _check_may(actor)
    scope = open_scope(session, actor, assessment)
    if scope is None:
        raise Conflict(
            "There is no return that could be taken back: the vendor has submitted, or it was taken back."
        )
    covered = assessments.covered(session, actor, [assessment.id])[assessment.id]
    ground_moved(session, assessment.organisation_id, [one.id for one in covered])
    scope.withdrawn_at, scope.withdrawn_by = now, actor.person.id
    assessment.state, assessment.due, assessment.round = SUBMITTED, scope.due_before, scope.round - 1
    assessment.scope_id = None
    assessment.shown = sorted(set(assessment.shown or ()) - set(scope.shown)) or None
    definition = library.definition(session, assessment.content_hash)
    stands = look_of(session, definition, assessment, queries.submission(session, actor, assessment))
    assessment.answered, assessment.total = stands.answered, stands.total
    delegation.end_links(session, assessment, actor=actor, now=now)
    workbook_uploads.forget_all(session, assessment.id)
    asked = enquiries.open_ones(session, actor, assessment.id)
    for row in asked:
        settle(session, row, enquiries.WITHDRAWN, actor=actor, now=now)
    data = {"round": scope.round, "due": scope.due_before}
    record(session, Kind.RETURN_WITHDRAWN, now=now, actor=actor, subject=assessment, data=data)
    _tell(
        session,
        assessment,
        f"{actor.person.name} has taken back the return of questions of {about(assessment)}.",
        "You need not do anything: what you submitted stands as it was. What you have written since is kept, and was "
        "not sent." + (" What you asked about the return is closed." if asked else ""),
        actor=actor,
        now=now,
    )
    session.flush()


def open_scope(session: Session, identity: Identity, assessment: Assessment) -> RoundScope | None:
    """The return that waits for the vendor, for either side; None in a round that asks everything."""
    if assessment.scope_id is None or assessment.state != OPEN:
        return None
    found: RoundScope = session.execute(
        scoped(identity, RoundScope).where(RoundScope.id == assessment.scope_id)
    ).scalar_one()
    return found


def scopes(session: Session, identity: Identity, assessment: Assessment) -> dict[int, RoundScope]:
    """The returns of an assessment by the round that they opened, for either side; without withdrawn ones."""
    rows = session.execute(
        scoped(identity, RoundScope).where(
            RoundScope.assessment_id == assessment.id, RoundScope.withdrawn_at.is_(None)
        )
    ).scalars()
    return {one.round: one for one in rows}


def reasons(session: Session, identity: Identity, scope: RoundScope) -> dict[str, str]:
    """Why questions came back, by key ("" = the return as a whole); what was destroyed is not there."""
    rows = session.execute(
        scoped(identity, RoundReason)
        .with_only_columns(RoundReason.key, RoundReason.text)
        .where(RoundReason.scope_id == scope.id)
    )
    return dict(rows.all())


# ---------------------------------------------------------------------------------------- what submitting needs


def insisted(session: Session, assessment: Assessment, draft: Draft) -> tuple[str, ...]:
    """The keys that the rating of a later round shows in spite of their conditions, in definition order.

    Those that returns asked for; and those that were judged against the vendor, or failed, the time before and that
    the new answers hide: they are neither answered nor gone, and somebody judges them.
    """
    shown = set(draft.shown)
    if assessment.round > 1:
        before = _newest_rating(session, assessment)
        if before is not None and before.content_hash == draft.definition.content_hash:
            held = adverse(before) | set(before.shown or ())
            shown |= {
                key for key in held & draft.definition.questions.keys() if key not in draft.look.visible
            }
    return tuple(key for key in draft.definition.questions if key in shown)


def adverse(before: Rating) -> set[str]:
    """The questions that a rating holds against the vendor: challenged, not believed, graded below full, failed."""
    keys = {
        key
        for key, mark in before.marks.items()
        if mark["mark"] in ADVERSE and not (mark["mark"] == "graded" and mark.get("points") == 100)
    }
    result: dict[str, Any] = json.loads(before.result)
    return keys | {one["key"] for one in result["knockouts"] if one["kind"] == "failed"}


def whole_as_of(session: Session, assessment: Assessment) -> date | None:
    """What a submission of the present round keeps as its ``whole_as_of``: None where the round asks everything."""
    if assessment.scope_id is None:
        return None
    whole, as_of = session.execute(
        select(Submission.whole_as_of, Submission.as_of)
        .join(RoundScope, RoundScope.submission_id == Submission.id)
        .where(
            RoundScope.id == assessment.scope_id,
            RoundScope.organisation_id == assessment.organisation_id,
            RoundScope.company_id == assessment.company_id,
            Submission.organisation_id == assessment.organisation_id,
            Submission.company_id == assessment.company_id,
        )
    ).one()
    return whole or as_of


def look_of(
    session: Session, definition: Questionnaire, assessment: Assessment, submission: Submission
) -> Look:
    """What a submission of the present version asked, as its vendor saw it."""
    pair = Pair(submission.organisation_id, submission.company_id)
    sealed = result_queries.sealed_bytes(session, submission.id, pair)
    answers = sealing.typed_answers(definition, sealed, submission.as_of)
    return look(definition, answers, parse_facts(assessment.facts), submission.as_of, assessment.shown or ())


# ------------------------------------------------------------------------------------------------------- inside


def _check_may(actor: Identity) -> None:
    if not actor.may(Permission.REVIEW):
        raise Refused("Your role does not allow this: administrators, CISOs and reviewers return questions.")


def check(assessment: Assessment, wish: Return, now: datetime) -> None:
    """Raise Invalid for what is wrong with a return, as return_questions does."""
    errors = date_fault(assessment, wish.due, now, "due")
    if not wish.keys:
        errors["keys"] = "Tick the questions that are to be answered again."
    if (fault := text_fault(wish.text.strip(), "Say in a sentence why. The vendor reads it.")) is not None:
        errors["text"] = fault
    for key, said in wish.reasons.items():
        if key in wish.keys and (fault := text_fault(said, "")) is not None:
            errors[f"reason-{key}"] = fault
    if errors:
        raise Invalid(errors=errors)


def _explain(session: Session, scope: RoundScope, said: Mapping[str, str]) -> None:
    asked: Collection[str] = {"", *scope.keys}
    session.add_all(
        RoundReason(
            scope_id=scope.id,
            key=key,
            organisation_id=scope.organisation_id,
            company_id=scope.company_id,
            submission_id=scope.submission_id,
            text=text,
        )
        for key, text in said.items()
        if text and key in asked
    )


def _newest_rating(session: Session, assessment: Assessment) -> Rating | None:
    """The newest rating of the round before, for either side."""
    return session.execute(
        select(Rating)
        .join(Submission, Submission.id == Rating.submission_id)
        .where(
            Submission.assessment_id == assessment.id,
            Submission.round < assessment.round,
            Submission.organisation_id == assessment.organisation_id,
            Submission.company_id == assessment.company_id,
            Rating.organisation_id == assessment.organisation_id,
            Rating.company_id == assessment.company_id,
        )
        .order_by(Submission.round.desc(), Rating.sequence.desc())
        .limit(1)
    ).scalar_one_or_none()


def _tell(
    session: Session,
    assessment: Assessment,
    what: str,
    following: str,
    *,
    due: date | None = None,
    actor: Identity,
    now: datetime,
) -> None:
    """Write to the company's owners and the contact. Reasons are read in the portal, where they can be destroyed."""
    assert assessment.company_id is not None
    slug = organisations.company_slug(session, assessment.company_id)
    link = f"{base_url(session)}/c/{slug}/assessments/{assessment.id}"
    for name, email in letters.vendor_side(session, assessment):
        letters.write_to_vendor(
            session,
            assessment,
            "assessment_changed",
            (name, email),
            what=what,
            said="",
            following=following,
            due=due,
            link=link,
            actor=actor,
            now=now,
        )
