"""Judging: one mark at a time into a draft, then all of them into the next rating (law 5: what is written stays)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine
from portal.assessments import rating
from portal.assessments.covering import assessment_moved
from portal.assessments.models import Assessment, Rating, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.review import letters, writing
from portal.review.lapsing import is_adverse
from portal.review.models import Mark, MarkDraft, Review
from portal.review.queries import ANSWER, WITHDRAWN, Case, review_of
from questionnaires.answers import InvalidAnswer, parse_answer, raw_value
from questionnaires.scoring import is_valid

Consequence = Callable[[Session, Assessment, Submission, Identity, datetime], None]
LONGEST_TEXT = 4000
DOCUMENT_MARKS = ("accepted", "refused")
EXPLAINED = frozenset({"challenged", "graded", "disproved", "refused"})  # the vendor is told why
FULL = 100
PRESSED_TWICE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reviewer wants of one place. ``document``: ANSWER or an evidence id as text.

    ``certificate``: the document on which the question is exempt; then ``mark`` is graded.
    """

    key: str
    mark: str
    document: str = ANSWER
    points: int | None = None
    certificate: uuid.UUID | None = None
    reason: str = ""
    remark: str = ""


class Stale(Conflict):
    """Somebody else has marked this place since the page was drawn; what was typed is kept by the page."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody has judged this question since you opened it. Your words are kept below: compare, then save "
            "again."
        )


class Anothers(Conflict):
    """What a colleague holds against the answer, and has not written, is nobody else's to take back or to replace."""

    def __init__(self) -> None:
        super().__init__(
            "A colleague has marked against this and has not written it. Only they can take that back or replace it. "
            "Write it into the rating first; then your own mark can stand above it, and both are on record."
        )


class Moved(Conflict):
    """The unwritten marks are not those that the page showed."""

    def __init__(self) -> None:
        super().__init__(
            "The marks that are not written yet have changed since you opened this page. Nothing was done: look at "
            "them as they are now, then press again."
        )


def save(session: Session, case: Case, wish: Wish, *, seen: str, actor: Identity, now: datetime) -> MarkDraft:
    """Keep one mark until it is written; ``seen``: Case.token of what the page showed.

    The caller has locked the case. Raises Refused, NotFound for a place that is not there, Conflict (no newest round,
    answers removed), Stale, Anothers, Invalid with a sentence at ``mark``, ``points``, ``reason``, ``remark`` or
    ``certificate``.
    """
    check_open(case, actor)
    place = (wish.key, wish.document)
    _check_place(case, wish)
    draft = case.drafts.get(place)
    if seen != case.token(place):
        if draft is not None and _pressed_twice(draft, wish, actor):
            return draft
        raise Stale
    if draft is not None and is_anothers(draft, actor):
        raise Anothers
    _check_words(wish)
    points = _checked(case, wish)
    assessment_moved(session, case.assessment)
    if draft is None:
        draft = MarkDraft(
            submission_id=case.submission.id,
            organisation_id=case.submission.organisation_id,
            key=wish.key,
            document=wish.document,
        )
        session.add(draft)
    draft.mark, draft.points, draft.certificate = wish.mark, points, wish.certificate
    draft.reason, draft.remark = wish.reason, wish.remark
    _stamp(draft, actor, now)
    record(
        session,
        Kind.MARK_SAVED,
        now=now,
        actor=actor,
        subject=case.assessment,
        ours=True,
        data={
            "submission": case.submission.id,
            "key": wish.key,
            "mark": wish.mark,
            "document": wish.document,
        },
    )
    begin(session, case, actor)
    session.flush()
    return draft


def withdraw(
    session: Session, case: Case, key: str, document: str, *, seen: str, actor: Identity, now: datetime
) -> None:
    """Take back what is not written yet, so that the written mark stands again; else the written mark itself.

    The latter takes effect when it is written, like every mark. Raises as ``save``; Conflict where there is no mark.
    """
    check_open(case, actor)
    place = (key, document)
    draft, mark = case.drafts.get(place), case.marks.get(place)
    if seen != case.token(place):
        nothing = draft is None and mark is None
        if nothing or (draft is not None and draft.mark == WITHDRAWN and draft.changed_by == actor.person.id):
            return  # pressed twice
        raise Stale
    if draft is not None and is_anothers(draft, actor):
        raise Anothers
    assessment_moved(session, case.assessment)
    if draft is not None:
        session.delete(draft)
    elif mark is not None:
        gone = MarkDraft(
            submission_id=case.submission.id,
            organisation_id=case.submission.organisation_id,
            key=key,
            document=document,
            mark=WITHDRAWN,
            reason="",
            remark="",
        )
        _stamp(gone, actor, now)
        session.add(gone)
    else:
        raise Conflict("There is no mark here to take back.")
    data = {"submission": case.submission.id, "key": key, "document": document}
    record(session, Kind.MARK_WITHDRAWN, now=now, actor=actor, subject=case.assessment, ours=True, data=data)
    session.flush()


def write(
    session: Session,
    case: Case,
    *,
    seen: str,
    actor: Identity,
    now: datetime,
    consequences: Iterable[Consequence] = (),
    finish: bool = False,
    tell: bool = True,
) -> Rating | None:
    """Write every mark in the making into the next rating, run ``consequences`` and tell the vendor, once.

    ``seen``: Case.unwritten of what the page showed. ``finish`` ends the review too; then there may be nothing to
    write (None), and what is finished already stays as it is. Raises as ``save``; Moved; Conflict when there is
    nothing to write, or a question is exempt on a document that is refused.
    """
    check_open(case, actor)
    before = review_of(session, actor, case.submission.id)
    if finish and not case.drafts and before is not None and before.state == "finished":
        return None  # pressed twice: one letter, one event
    if not case.drafts and not finish:
        if seen and _just_written(session, case, actor, now):
            return None  # pressed twice
        raise Conflict("There is nothing new to write: every mark is in the rating already.")
    if seen != case.unwritten:
        raise Moved
    _check_exempt(case)
    found = None
    if case.drafts:
        found = writing.write_rating(session, case, actor, now)
        for consequence in consequences:
            consequence(session, case.assessment, case.submission, actor, now)
    if finish:
        row = begin(session, case, actor)
        row.state, row.finished_at, row.finished_by = "finished", now, actor.person.id
        case.assessment.reviewed_at = now
        data = {"submission": case.submission.id, "round": case.submission.round}
        record(session, Kind.REVIEW_FINISHED, now=now, actor=actor, subject=case.assessment, data=data)
    if tell:
        letters.tell_vendor(
            session, case.assessment, case.drafts.values(), finished=finish, actor=actor, now=now
        )
    session.flush()
    return found


def possible(case: Case, key: str) -> tuple[str, ...]:
    """The marks that can stand on the answer to ``key``, by the engine's own parser, in the order of the page."""
    return tuple(
        name
        for name in ("accepted", "challenged", "graded", "disproved", "na_accepted")
        if _refusal(case, key, {"mark": name, **({"points": FULL} if name == "graded" else {})}) == ""
    )


# ---------------------------------------------------------------------------------------------------------- inside


def check_may(actor: Identity) -> None:
    """Raise Refused for who does not judge."""
    if not actor.may(Permission.REVIEW):
        raise Refused("Your role does not allow this: administrators, CISOs and reviewers judge answers.")


def check_open(case: Case, actor: Identity) -> None:
    """Raise Refused for who does not judge, Conflict where nothing can be judged any more."""
    check_may(actor)
    if not case.newest:
        raise Conflict("A newer round has been submitted. Judge that one; this one stays as it was.")
    if case.redacted:
        raise Conflict(
            "Answers of this submission were removed from the record, so it cannot be judged any more. "
            "Its rating of then stays."
        )


def is_anothers(draft: MarkDraft, actor: Identity) -> bool:
    """Whether a mark in the making speaks against the answer and somebody else made it.

    Until it is written nothing else would remember it, not even who decides at the gate without their own acts.
    """
    return draft.changed_by != actor.person.id and is_adverse(draft, None)


def _check_place(case: Case, wish: Wish) -> None:
    if wish.key not in case.definition.questions:
        raise NotFound
    if wish.document != ANSWER and wish.document not in {
        str(one.evidence) for one in case.beside.get(wish.key, ())
    }:
        raise NotFound
    if wish.key not in case.asked:
        raise Invalid(errors={"mark": "This question was not asked, so there is nothing to judge."})


def _check_words(wish: Wish) -> None:
    errors = {}
    if (wish.mark in EXPLAINED or wish.certificate is not None) and not wish.reason:
        errors["reason"] = "Write why. The vendor reads it, and whoever looks at this next year."
    for name, text in (("reason", wish.reason), ("remark", wish.remark)):
        if len(text) > LONGEST_TEXT:
            errors[name] = f"Write at most {LONGEST_TEXT:,} characters."
    if errors:
        raise Invalid(errors=errors)


def _checked(case: Case, wish: Wish) -> int | None:
    """The points that go with the mark; raises Invalid for what cannot stand."""
    if wish.document != ANSWER:
        if wish.mark not in DOCUMENT_MARKS:
            raise Invalid(errors={"mark": "A document is accepted or refused."})
        return None
    if wish.certificate is not None:
        _check_certificate(case, wish)
    points = wish.points
    if wish.mark == "disproved" and points is None:
        points = 0
    given = {"mark": wish.mark} | ({} if points is None else {"points": points})
    refusal = _refusal(case, wish.key, given)
    if refusal:
        raise Invalid(errors={"points" if "whole points" in refusal else "mark": refusal})
    return points


def _refusal(case: Case, key: str, mark: dict[str, Any]) -> str:
    """Why the engine does not take a mark on an answer; "" when it does."""
    question, answer = case.definition.questions[key], case.answers.get(key, rating.NO_ANSWER)
    raw: dict[str, Any] = {"state": answer.state, "review": mark}
    if answer.value is not None:
        raw["value"] = raw_value(question, answer.value)
    try:
        parse_answer(question, raw, case.submission.as_of)
    except InvalidAnswer as fault:
        return fault.message
    return ""


def _check_certificate(case: Case, wish: Wish) -> None:
    held = {one.evidence: one for some in case.beside.values() for one in some}
    paper = held.get(wish.certificate) if wish.certificate else None
    if paper is None:
        raise Invalid(errors={"certificate": "Choose a document that was sealed with these answers."})
    if wish.mark != "graded":
        raise Invalid(errors={"mark": "Who is exempt on a certificate is graded on it."})
    if not is_valid(None, paper.item, case.submission.as_of):
        raise Invalid(errors={"certificate": "This document had expired when the answers were sealed."})

    if paper.evidence in refused(case):
        raise Invalid(
            errors={"certificate": "This document is marked as refused, so nothing can rest on it."}
        )


def refused(case: Case) -> frozenset[uuid.UUID]:
    """The documents that a reviewer has refused beside any question, written or not."""
    return frozenset(
        uuid.UUID(document)
        for some in case.judgement.documents.values()
        for document, mark in some.items()
        if mark == "refused"
    )


def _check_exempt(case: Case) -> None:
    """Raise Conflict while a question is exempt on a document that was refused since."""
    bad = refused(case)
    standing: dict[Any, Mark | MarkDraft] = {**case.marks, **case.drafts}
    keys = sorted({one.key for one in standing.values() if one.certificate in bad})
    if keys:
        texts = ", ".join(f"“{case.definition.questions[key].text}”" for key in keys)
        raise Conflict(
            f"Exempt on a document that is refused: {texts}. Mark this anew first, or accept the document."
        )


def _just_written(session: Session, case: Case, actor: Identity, now: datetime) -> bool:
    """Whether this person wrote the newest rating of the submission within the last minute."""
    row = session.execute(
        select(Rating.rated_by, Rating.rated_at)
        .where(*mine(actor.scope, Rating), Rating.submission_id == case.submission.id)
        .order_by(Rating.sequence.desc())
        .limit(1)
    ).one()
    return bool(row.rated_by == actor.person.id and row.rated_at > now - PRESSED_TWICE)


def _pressed_twice(draft: MarkDraft, wish: Wish, actor: Identity) -> bool:
    """Whether the mark that stands was saved by this person from the same form."""
    points = 0 if wish.mark == "disproved" and wish.points is None else wish.points
    return draft.changed_by == actor.person.id and (
        draft.mark,
        draft.points,
        draft.certificate,
        draft.reason,
        draft.remark,
    ) == (wish.mark, points, wish.certificate, wish.reason, wish.remark)


def _stamp(draft: MarkDraft, actor: Identity, now: datetime) -> None:
    """Who and when."""
    draft.stamp, draft.changed_at, draft.changed_by = uuid.uuid4(), now, actor.person.id


def begin(session: Session, case: Case, actor: Identity) -> Review:
    """The review's row; whoever judges first has taken it."""
    row = review_of(session, actor, case.submission.id)
    if row is None:
        row = Review(
            submission_id=case.submission.id,
            organisation_id=case.submission.organisation_id,
            state="open",
            reviewer_id=actor.person.id,
        )
        session.add(row)
    return row
