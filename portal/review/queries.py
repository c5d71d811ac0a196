"""Reading reviews: a submission as it is judged, its marks, and the words beside them.

Marks and reasons are read by both sides; drafts of marks, remarks, notes and reviews by the organisation alone: their
tables are the organisation's, so no statement of a company reaches them (law 3).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy import case as sql_case
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments import queries as sealed_queries
from portal.assessments import rating, result_queries, sealing
from portal.assessments.models import Assessment, Rating, Submission
from portal.assessments.organisation_queries import own_assessments
from portal.assessments.rating import Beside, Judgement
from portal.assessments.result_queries import Pair
from portal.faults import NotFound
from portal.library import service as library
from portal.review.models import LapsedMark, Mark, MarkDraft, MarkReason, MarkRemark, Review, ReviewNote
from portal.vendors.facts import judged
from questionnaires.answers import Answer
from questionnaires.definition import Questionnaire
from questionnaires.results import Result

ANSWER = ""  # what a mark is on: the answer itself; else the id of a document beside it
WITHDRAWN = "withdrawn"
Place = tuple[str, str]  # a question, and ANSWER or a document's id


@dataclass(frozen=True)
class Case:
    """A sealed submission under review, as far as its answers are still there.

    ``written``: what the newest rating rests on. ``drafts`` and ``marks`` (the newest written one) by place; the drafts
    in the order in which they were saved. ``newest``: whether no later round was submitted. ``redacted``: answers are
    gone, so nothing can be judged any more.
    """

    assessment: Assessment
    submission: Submission
    definition: Questionnaire
    answers: Mapping[str, Answer]
    beside: Beside
    written: Judgement
    drafts: Mapping[Place, MarkDraft]
    marks: Mapping[Place, Mark]
    newest: bool
    redacted: bool
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def judgement(self) -> Judgement:
        """What is written with what is not yet written on top of it."""
        return overlaid(self.written, self.drafts.values())

    def token(self, place: Place) -> str:
        """What a form for this place was drawn from: another one means that somebody has marked it meanwhile."""
        draft, mark = self.drafts.get(place), self.marks.get(place)
        return str(draft.stamp) if draft is not None else str(mark.id) if mark is not None else ""

    @property
    def unwritten(self) -> str:
        """What a page with these marks in the making was drawn from, in hex; "" for none. Any other mark changes it."""
        if not self.drafts:
            return ""
        rows = sorted(f"{key} {document} {one.stamp}" for (key, document), one in self.drafts.items())
        return sha256("\n".join(rows).encode()).hexdigest()

    @cached_property
    def now(self) -> Result:
        """The exact result with all that is not written yet."""
        return self.result()

    @cached_property
    def asked(self) -> frozenset[str]:
        """The questions that can be judged: asked by what is written, or with what is not written on top of it, or
        marked and not written: nobody's mark vanishes because another one hides its question.
        """
        found = {line.key for line in self.now.trace if line.state != "hidden"}
        if self.drafts:
            found |= {line.key for line in self.result(self.written).trace if line.state != "hidden"}
        return frozenset(found | {key for key, _document in self.drafts})

    def result(self, judgement: Judgement | None = None) -> Result:
        """The exact result under a judgement; None is the one of now, with all that is not written yet."""
        judgement = self.judgement if judgement is None else judgement
        return rating.compute(
            self.definition, self.answers, self.facts, self.submission.as_of, judgement, self.beside
        )


@dataclass(frozen=True, slots=True)
class Lapsed:
    """An adverse mark that no longer stands: made in ``round`` on what is now ``about``, for ``reason``.

    ``round``: 0 for one of another assessment, the last time that the same was asked.
    """

    mark: Mark
    round: int
    about: str
    reason: str


def overlaid(written: Judgement, drafts: Iterable[MarkDraft]) -> Judgement:
    """A judgement with marks in the making laid over it."""
    marks = dict(written.marks)
    documents = {key: dict(some) for key, some in written.documents.items()}
    for one in drafts:
        if one.document != ANSWER:
            some = documents.setdefault(one.key, {})
            if one.mark == WITHDRAWN:
                some.pop(one.document, None)
            else:
                some[one.document] = one.mark
        elif one.mark == WITHDRAWN:
            marks.pop(one.key, None)
        else:
            marks[one.key] = {"mark": one.mark} | ({} if one.points is None else {"points": one.points})
    return Judgement(marks, {key: some for key, some in documents.items() if some}, written.shown)


def case(session: Session, identity: Identity, submission_id: uuid.UUID, *, lock: bool = False) -> Case:
    """The submission with its marks; NotFound when absent, not yours, or of an engagement that is not one's own.

    ``lock``: those who mark one assessment take turns.
    """
    statement = select(Submission, Assessment).where(
        Submission.id == submission_id,
        Submission.assessment_id == Assessment.id,
        *mine(identity.scope, Submission),
        *own_assessments(identity),
    )
    if lock:
        statement = statement.with_for_update(of=Assessment).execution_options(populate_existing=True)
    row = session.execute(statement).first()
    if row is None:
        raise NotFound
    submission, assessment = row
    definition = library.definition(session, submission.content_hash)
    pair = Pair(submission.organisation_id, submission.company_id)
    answers = sealed_queries.sealed(session, identity, submission)
    beside = result_queries.sealed_documents(session, submission.id, pair)
    rounds = result_queries.rounds(session, identity, assessment.id)
    drafts = drafts_of(session, identity, submission.id)
    gone = bool(result_queries.redacted(session, [submission.id], pair))
    return Case(
        assessment,
        submission,
        definition,
        sealing.typed_answers(
            definition, {key: one.answer for key, one in answers.items()}, submission.as_of, beside
        ),
        beside,
        result_queries.newest_judgement(session, submission.id, pair),
        drafts,
        newest_marks(marks_of(session, identity, submission.id)),
        rounds[0][0] == submission.round,
        gone,
        judged(assessment.facts),
    )


def drafts_of(session: Session, identity: Identity, submission_id: uuid.UUID) -> dict[Place, MarkDraft]:
    """The marks of a submission that are in no rating yet, in the order in which they were saved."""
    rows = session.execute(
        scoped(identity, MarkDraft)
        .where(MarkDraft.submission_id == submission_id)
        .order_by(MarkDraft.changed_at, MarkDraft.key, MarkDraft.document)
    ).scalars()
    return {(one.key, one.document): one for one in rows}


def left_behind(session: Session, identity: Identity, case: Case) -> int:
    """How many marks of earlier rounds of the assessment were never written."""
    found = session.scalar(
        select(func.count())
        .select_from(MarkDraft)
        .join(Submission, Submission.id == MarkDraft.submission_id)
        .where(
            *mine(identity.scope, Submission, MarkDraft),
            Submission.assessment_id == case.assessment.id,
            Submission.round < case.submission.round,
        )
    )
    return found or 0


def unwritten_elsewhere(
    session: Session,
    organisation_id: uuid.UUID,
    assessments: Collection[uuid.UUID],
    newest: Collection[uuid.UUID],
) -> dict[uuid.UUID, int]:
    """By assessment how many marks wait in other rounds than the submissions ``newest``: what a reopening left behind
    is as little known to the rating as what waits here. One statement; those without any are left out.
    """
    rows = session.execute(
        select(Submission.assessment_id, func.count())
        .select_from(MarkDraft)
        .join(Submission, Submission.id == MarkDraft.submission_id)
        .where(
            MarkDraft.organisation_id == organisation_id,
            Submission.organisation_id == organisation_id,
            Submission.assessment_id.in_(assessments),
            Submission.id.not_in(newest),
        )
        .group_by(Submission.assessment_id)
    )
    return dict(rows.all())


def marks_of(session: Session, identity: Identity, submission_id: uuid.UUID) -> list[Mark]:
    """Every written mark of a submission, in the order in which they were made; for either side."""
    rows = session.execute(
        scoped(identity, Mark, Rating)
        .with_only_columns(Mark)
        .where(Mark.submission_id == submission_id, Rating.id == Mark.rating_id)
        .order_by(Rating.sequence, Mark.marked_at, Mark.key, Mark.document)
    ).scalars()
    return list(rows)


def newest_marks(marks: Iterable[Mark]) -> dict[Place, Mark]:
    """Of the written marks of a submission the last one of each place that still stands."""
    found = {place: some[-1] for place, some in by_place(marks).items()}
    return {place: one for place, one in found.items() if one.mark != WITHDRAWN}


def by_place(marks: Iterable[Mark]) -> dict[Place, list[Mark]]:
    """The written marks of each place, the first one first."""
    found: dict[Place, list[Mark]] = {}
    for one in sorted(marks, key=lambda one: one.sequence):
        found.setdefault((one.key, one.document), []).append(one)
    return found


def notes_of_lapses(session: Session, identity: Identity, submission_id: uuid.UUID) -> list[LapsedMark]:
    """The adverse marks of earlier rounds that did not hold in this one, judged since or not; for either side."""
    rows = session.execute(
        scoped(identity, LapsedMark)
        .where(LapsedMark.submission_id == submission_id)
        .order_by(LapsedMark.key, LapsedMark.mark_id)
    ).scalars()
    return list(rows)


def lapsed_of(
    session: Session, identity: Identity, submission_id: uuid.UUID
) -> dict[str, tuple[Lapsed, ...]]:
    """The same by the question where to look, with what was said then, the oldest first."""
    here = (
        scoped(identity, Submission)
        .with_only_columns(Submission.assessment_id)
        .where(Submission.id == submission_id)
        .correlate(None)
        .scalar_subquery()
    )
    number = sql_case((Submission.assessment_id == here, Submission.round), else_=0)
    rows = session.execute(
        scoped(identity, LapsedMark, Mark, Submission)
        .with_only_columns(LapsedMark.key, LapsedMark.about, Mark, number, MarkReason.text)
        .join(Mark, Mark.id == LapsedMark.mark_id)
        .join(Submission, Submission.id == Mark.submission_id)
        .outerjoin(MarkReason, and_(MarkReason.mark_id == Mark.id, *mine(identity.scope, MarkReason)))
        .where(LapsedMark.submission_id == submission_id)
        .order_by(number, LapsedMark.about, Mark.document)
    )
    found: dict[str, list[Lapsed]] = {}
    for key, about, mark, in_round, text in rows:
        found.setdefault(key, []).append(Lapsed(mark, in_round, about, text or ""))
    return {key: tuple(some) for key, some in found.items()}


def lapsed_adverse(
    session: Session,
    organisation_id: uuid.UUID,
    submissions: Collection[uuid.UUID] | Select[uuid.UUID],
    without: Collection[uuid.UUID] = (),
) -> dict[uuid.UUID, frozenset[str]]:
    """The questions of each submission that were judged badly in an earlier round, whose mark lapsed because something
    was changed, and that nobody has judged since: whatever a policy demands, these count as not judged.

    By submission, those without any left out; one statement. A mark that was kept from the round before judges
    nothing anew, nor does one that is in no rating yet, nor one of the people ``without``.
    """
    rows = session.execute(
        select(LapsedMark.submission_id, LapsedMark.key)
        .where(
            LapsedMark.organisation_id == organisation_id,
            LapsedMark.submission_id.in_(submissions),
            unsettled(organisation_id, without),
        )
        .distinct()
    )
    found: dict[uuid.UUID, set[str]] = {}
    for submission, key in rows:
        found.setdefault(submission, set()).add(key)
    return {submission: frozenset(keys) for submission, keys in found.items()}


def unsettled(organisation_id: uuid.UUID, without: Collection[uuid.UUID] = ()) -> ColumnElement[bool]:
    """Of LapsedMark: that nobody has judged the answer in that round; what was taken back again judges nothing.

    ``without``: people whose marks are not looked at.
    """
    place = (
        Mark.organisation_id == organisation_id,
        LapsedMark.organisation_id == organisation_id,
        Mark.submission_id == LapsedMark.submission_id,
        Mark.key == LapsedMark.key,
        Mark.document == ANSWER,
        *([Mark.marked_by.not_in(sorted(without))] if without else []),
    )
    newest = select(func.max(Mark.sequence)).where(*place).correlate(LapsedMark).scalar_subquery()
    return ~(
        select(Mark.id)
        .where(*place, Mark.sequence == newest, Mark.carried_from.is_(None), Mark.mark != WITHDRAWN)
        .correlate(LapsedMark)
        .exists()
    )


def reasons_of(session: Session, identity: Identity, submission_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """The reasons of written marks by mark; for either side."""
    rows = session.execute(
        scoped(identity, MarkReason)
        .with_only_columns(MarkReason.mark_id, MarkReason.text)
        .where(MarkReason.submission_id == submission_id)
    )
    return dict(rows.all())


def remarks_of(session: Session, identity: Identity, marks: Collection[Mark]) -> dict[uuid.UUID, str]:
    """Internal remarks by mark; of a mark that was kept from the round before, the remark made then."""
    first = {one.id: one.carried_from or one.id for one in marks}
    if not first:
        return {}
    rows = session.execute(
        scoped(identity, MarkRemark)
        .with_only_columns(MarkRemark.mark_id, MarkRemark.text)
        .where(MarkRemark.mark_id.in_(set(first.values()) | set(first)))
    )
    said = dict(rows.all())
    return {one: text for one, origin in first.items() if (text := said.get(one, said.get(origin, ""))) != ""}


def notes_of(session: Session, identity: Identity, submission_id: uuid.UUID, key: str) -> list[ReviewNote]:
    """The internal notes about one question, in the order of writing."""
    rows = session.execute(
        scoped(identity, ReviewNote)
        .where(ReviewNote.submission_id == submission_id, ReviewNote.key == key)
        .order_by(ReviewNote.at, ReviewNote.id)
    ).scalars()
    return list(rows)


def review_of(session: Session, identity: Identity, submission_id: uuid.UUID) -> Review | None:
    """The row of a review; None while nobody has begun."""
    found: Review | None = session.execute(
        scoped(identity, Review).where(Review.submission_id == submission_id)
    ).scalar_one_or_none()
    return found


def first_result(session: Session, identity: Identity, submission_id: uuid.UUID) -> bytes:
    """The bytes of the rating that submitting wrote: where the range begins."""
    found: bytes = session.execute(
        select(Rating.result)
        .where(*mine(identity.scope, Rating), Rating.submission_id == submission_id)
        .order_by(Rating.sequence)
        .limit(1)
    ).scalar_one()
    return found
