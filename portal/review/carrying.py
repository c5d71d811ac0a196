"""Marks between the rounds of one assessment: kept where nothing that they judged has changed, else lapsed.

What lapses and was adverse is noted (lapsing.py). A consequence of submitting, and so run for the company: it writes
shared rows only. Remarks stay with the mark of the round before, which ``carried_from`` names; marks that were never
written stay where they are.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import rating, result_queries, sealing
from portal.assessments.models import Assessment, Rating, Submission
from portal.assessments.rating import Judgement
from portal.assessments.result_queries import Pair
from portal.assessments.sealing import Document
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.library import lineage
from portal.library import service as library
from portal.review import queries
from portal.review.lapsing import Lapse, Turn, lapses
from portal.review.models import LapsedMark, Mark, MarkDraft, MarkReason
from portal.review.queries import ANSWER, WITHDRAWN, Place
from portal.review.writing import exact
from portal.rows import insert_rows
from portal.vendors.facts import judged
from questionnaires.answers import Answer, InvalidAnswer
from questionnaires.canonical import canonical_json
from questionnaires.changes import diff
from questionnaires.definition import Questionnaire
from questionnaires.results import TraceLine
from questionnaires.scoring import is_valid

M = TypeVar("M", Mark, MarkDraft)
HARMLESS = frozenset(
    {"place", "refs"}
)  # edits of a question that leave a judgement of its answer as true as it was


@dataclass(frozen=True)
class Side:
    """One of the two rounds: what was sealed in it, and how the engine reads it.

    ``committed``: keys of the answers that were sealed; ``papers``: how many documents were, by key. What is missing of
    them has been removed from the record. ``shown``: what is asked whatever its conditions say.
    """

    submission: Submission
    definition: Questionnaire
    sealed: Mapping[str, bytes]
    beside: Mapping[str, tuple[Document, ...]]
    answers: Mapping[str, Answer]
    committed: frozenset[str]
    papers: Mapping[str, int]
    shown: tuple[str, ...]


def carry_after_submission(
    session: Session, assessment: Assessment, submission: Submission, actor: Identity, now: datetime
) -> None:
    """The consequence of a submission: its review begins, with those marks of the round before that still hold."""
    assessment.reviewed_at = None
    before = round_before(session, actor, submission)
    if before is None:
        return
    written = queries.marks_of(session, actor, before.id)
    marks = queries.newest_marks(written)
    notes = queries.notes_of_lapses(session, actor, before.id)
    if not written and not notes:
        return
    old, new = side_of(session, before), side_of(session, submission)
    turn = turn_between(session, assessment, old, new)
    chains = {place: _of_each_person(some) for place, some in queries.by_place(written).items()}
    last = holding(turn, old, new, {place: some[-1] for place, some in chains.items() if some})
    kept = {place: one for place, one in last.items() if one.mark != WITHDRAWN}
    copied = {place: chains[one.key, one.document] for place, one in last.items()}
    rated = newest_rating(session, submission)
    if copied:
        rated = _keep(session, assessment, old, new, (kept, copied), actor, now)
    shed = lapses(turn, marks, {one.id for one in kept.values()}, notes, lines_of(assessment, old))
    note_lapses(session, submission, shed)
    data = {
        "submission": submission.id,
        "kept": len(kept),
        "lapsed": len(marks) - len(kept),
        "adverse": len({one.key for one in shed}),
    }
    record(session, Kind.MARKS_CARRIED, now=now, actor=None, subject=rated, data=data)
    session.flush()


def _keep(
    session: Session,
    assessment: Assessment,
    old: Side,
    new: Side,
    marks: tuple[Mapping[Place, Mark], Mapping[Place, Sequence[Mark]]],
    actor: Identity,
    now: datetime,
) -> Rating:
    """The rating of the new round with the marks that hold, and the copies of all that people said there beneath it."""
    kept, copied = marks
    judgement = Judgement(
        {
            key: {"mark": one.mark} | ({} if one.points is None else {"points": one.points})
            for (key, document), one in kept.items()
            if document == ANSWER
        },
        _documents(kept),
        new.shown,
    )
    found = rating.rate(
        session,
        assessment,
        new.submission,
        new.answers,
        actor=None,
        now=now,
        judged_as=judgement,
        beside=new.beside,
    )
    result = rating.compute(
        new.definition, new.answers, found.facts, new.submission.as_of, judgement, new.beside
    )
    said = queries.reasons_of(session, actor, old.submission.id)
    _copy(session, new.submission, copied, found.id, (exact(result.score), exact(result.high)), said)
    return found


def _of_each_person(marks: Sequence[Mark]) -> list[Mark]:
    """The last word of each person at one place, in the order in which they were said.

    All of them go on, so that what one says over another's mark is never all that the next round knows. [] where
    nothing but takings back of one's own is left.
    """
    last = {one.marked_by: one for one in marks}
    words = sorted(last.values(), key=lambda one: one.sequence)
    return words if any(one.mark != WITHDRAWN for one in words) else []


def note_lapses(session: Session, submission: Submission, shed: Collection[Lapse]) -> None:
    insert_rows(
        session,
        LapsedMark,
        [
            {
                "submission_id": submission.id,
                "key": one.key,
                "mark_id": one.mark_id,
                "about": one.about,
                "organisation_id": submission.organisation_id,
                "company_id": submission.company_id,
            }
            for one in shed
        ],
    )


def newest_rating(session: Session, submission: Submission) -> Rating:
    """What submitting wrote."""
    pair = Pair(submission.organisation_id, submission.company_id)
    found: Rating = session.execute(
        select(Rating)
        .where(Rating.submission_id == submission.id, *pair.of(Rating))
        .order_by(Rating.sequence.desc())
        .limit(1)
    ).scalar_one()
    return found


def lines_of(assessment: Assessment, side: Side) -> dict[str, TraceLine]:
    """Each question of a round as the engine counts it without any mark, those included that returns made visible."""
    result = rating.compute(
        side.definition,
        side.answers,
        judged(assessment.facts),
        side.submission.as_of,
        Judgement(shown=side.shown),
        side.beside,
    )
    return {line.key: line for line in result.trace}


def turn_between(session: Session, assessment: Assessment, old: Side, new: Side) -> Turn:
    """What became of the questions of the old round, and what is not asked in the new one."""
    between = lineage.between(session, assessment.organisation_id, old.definition, new.definition)
    heirs: dict[str, tuple[str, ...]] = {}
    was: dict[str, str] = {}
    harmless = set()
    for change in diff(old.definition, new.definition, between).questions:
        if change.new is None or change.old_key is None:
            continue
        was[change.key] = change.old_key
        for key in (change.old_key, *change.also):
            heirs[key] = (*heirs.get(key, ()), change.key)
        if change.fate in ("kept", "renamed") and set(change.edits) <= HARMLESS:
            harmless.add(change.key)
    hidden = {key for key, line in lines_of(assessment, new).items() if line.state == "hidden"}

    def changed(key: str) -> bool:
        return key not in harmless or not _same(old, new, was[key], key)

    return Turn(new.definition, heirs, was, hidden, changed)


def holding(turn: Turn, old: Side, new: Side, marks: Mapping[Place, M]) -> dict[Place, M]:
    """The marks of the old round, written or in the making, that hold in the new one, by their place there.

    A mark holds where question, answer and documents are the same, every document that held then holds now, and the
    engine takes the mark in the new version. What was removed from the record holds nothing.
    """
    kept: dict[Place, M] = {}
    for (key, document), one in marks.items():
        heir = next(iter(turn.heirs.get(key, ())), None)
        if heir is None or turn.origins[heir] != key or heir in turn.hidden or turn.changed(heir):
            continue
        if one.certificate is not None and not _still(new, one.certificate, marks):
            continue
        mark = {"mark": one.mark} | ({} if one.points is None else {"points": one.points})
        try:
            if document == ANSWER and one.mark != WITHDRAWN:
                rating.marked(new.definition, new.answers, {heir: mark}, new.submission.as_of)
        except InvalidAnswer:
            continue
        kept[heir, document] = one
    return kept


def round_before(session: Session, actor: Identity, submission: Submission) -> Submission | None:
    return session.execute(
        select(Submission)
        .where(
            *mine(actor.scope, Submission),
            Submission.assessment_id == submission.assessment_id,
            Submission.round < submission.round,
        )
        .order_by(Submission.round.desc())
        .limit(1)
    ).scalar_one_or_none()


def side_of(session: Session, submission: Submission) -> Side:
    """A round with everything that was sealed in it."""
    pair = Pair(submission.organisation_id, submission.company_id)
    definition = library.definition(session, submission.content_hash)
    sealed = result_queries.sealed_bytes(session, submission.id, pair)
    beside = result_queries.sealed_documents(session, submission.id, pair)
    answers = sealing.typed_answers(definition, sealed, submission.as_of, beside)
    committed = frozenset(key for key, _hash in json.loads(submission.commitments))
    papers = Counter(one[0] for one in json.loads(submission.evidence))
    shown = result_queries.newest_judgement(session, submission.id, pair).shown
    return Side(submission, definition, sealed, beside, answers, committed, papers, shown)


def _same(old: Side, new: Side, key: str, heir: str) -> bool:
    """Whether the answer and its documents are the same to the byte, still there, and hold as they did."""
    was, held = old.sealed.get(key), [_paper(one) for one in old.beside.get(key, ())]
    if was is None and key in old.committed:
        return False  # removed from the record: nobody can say that it is the same
    if len(held) < old.papers.get(key, 0):
        return False
    if _said(was) != _said(new.sealed.get(heir)):
        return False
    if held != [_paper(one) for one in new.beside.get(heir, ())]:
        return False
    rule = old.definition.questions[key].evidence
    return all(
        is_valid(rule, one.item, new.submission.as_of)
        for one in old.beside.get(key, ())
        if is_valid(rule, one.item, old.submission.as_of)
    )


def _said(data: bytes | None) -> bytes:
    """State, value and note of a sealed answer in canonical form."""
    if data is None:
        return b""
    document = json.loads(data)
    return canonical_json({name: document[name] for name in ("state", "value", "note") if name in document})


def _paper(one: Document) -> tuple[Any, ...]:
    return one.evidence, one.sha256, one.kind, one.issued, one.expires


def _still(new: Side, certificate: uuid.UUID, marks: Mapping[Place, M]) -> bool:
    """Whether the document on which a question is exempt lies with the new round too, has not expired, and was not
    refused beside any question.
    """
    if any(document == str(certificate) and one.mark == "refused" for (_, document), one in marks.items()):
        return False
    return any(
        one.evidence == certificate and is_valid(None, one.item, new.submission.as_of)
        for some in new.beside.values()
        for one in some
    )


def _documents(kept: Mapping[Place, Mark]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (key, document), one in kept.items():
        if document != ANSWER:
            found.setdefault(key, {})[document] = one.mark
    return found


def _copy(
    session: Session,
    submission: Submission,
    copied: Mapping[Place, Sequence[Mark]],
    rating_id: uuid.UUID,
    scores: tuple[str | None, str | None],
    said: Mapping[uuid.UUID, str],
) -> None:
    """The same marks for the new round, in their order: made when and by whom they were made."""
    tenants = {"organisation_id": submission.organisation_id, "company_id": submission.company_id}
    marks: list[dict[str, Any]] = []
    reasons: list[dict[str, Any]] = []
    for (key, document), some in copied.items():
        for sequence, one in enumerate(some, 1):
            mark_id = uuid.uuid4()
            marks.append(
                {
                    "id": mark_id,
                    **tenants,
                    "submission_id": submission.id,
                    "rating_id": rating_id,
                    "key": key,
                    "document": document,
                    "sequence": sequence,
                    "mark": one.mark,
                    "points": one.points,
                    "certificate": one.certificate,
                    "carried_from": one.carried_from or one.id,
                    "score_low": scores[0],
                    "score_high": scores[1],
                    "marked_at": one.marked_at,
                    "marked_by": one.marked_by,
                }
            )
            if one.id in said:
                beside = {"mark_id": mark_id, "submission_id": submission.id, "key": key}
                reasons.append({**beside, **tenants, "text": said[one.id]})
    insert_rows(session, Mark, marks)
    insert_rows(session, MarkReason, reasons)
