"""Marks between the rounds of one assessment: kept where nothing that they judged has changed, else lapsed.

A consequence of submitting, and so run for the company: it writes shared rows only. Remarks stay with the mark of the
round before, which ``carried_from`` names; marks that were never written stay where they are.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import rating, result_queries, sealing
from portal.assessments.models import Assessment, Submission
from portal.assessments.rating import Judgement
from portal.assessments.result_queries import Pair
from portal.assessments.sealing import Document
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.library import lineage
from portal.library import service as library
from portal.review import queries
from portal.review.marking import exact
from portal.review.models import Mark, MarkReason
from portal.review.queries import ANSWER, Place
from portal.vendors.facts import judged
from questionnaires.answers import Answer, InvalidAnswer
from questionnaires.canonical import canonical_json
from questionnaires.changes import diff
from questionnaires.definition import Questionnaire
from questionnaires.scoring import is_valid

HARMLESS = frozenset(
    {"place", "refs"}
)  # edits of a question that leave a judgement of its answer as true as it was


@dataclass(frozen=True)
class Side:
    """One of the two rounds: what was sealed in it, and how the engine reads it."""

    submission: Submission
    definition: Questionnaire
    sealed: Mapping[str, bytes]
    beside: Mapping[str, tuple[Document, ...]]
    answers: Mapping[str, Answer]


def carry_after_submission(
    session: Session, assessment: Assessment, submission: Submission, actor: Identity, now: datetime
) -> None:
    """The consequence of a submission: its review begins, with those marks of the round before that still hold."""
    assessment.reviewed_at = None
    before = _before(session, actor, submission)
    if before is None:
        return
    marks = queries.newest_marks(queries.marks_of(session, actor, before.id))
    if not marks:
        return
    old, new = _side(session, before), _side(session, submission)
    kept = holding(session, assessment, old, new, marks)
    if not kept:
        return
    judgement = Judgement(
        {
            key: {"mark": one.mark} | ({} if one.points is None else {"points": one.points})
            for (key, document), one in kept.items()
            if document == ANSWER
        },
        _documents(kept),
    )
    found = rating.rate(
        session,
        assessment,
        submission,
        new.answers,
        actor=None,
        now=now,
        judged_as=judgement,
        beside=new.beside,
    )
    result = rating.compute(new.definition, new.answers, found.facts, submission.as_of, judgement, new.beside)
    said = queries.reasons_of(session, actor, before.id)
    for (key, document), one in kept.items():
        _copy(
            session,
            submission,
            one,
            (key, document),
            found.id,
            (exact(result.score), exact(result.high)),
            said,
        )
    data = {"submission": submission.id, "kept": len(kept), "lapsed": len(marks) - len(kept)}
    record(session, Kind.MARKS_CARRIED, now=now, actor=None, subject=found, data=data)
    session.flush()


def holding(
    session: Session, assessment: Assessment, old: Side, new: Side, marks: Mapping[Place, Mark]
) -> dict[Place, Mark]:
    """The marks of the old round that hold in the new one, by their place there.

    A mark holds where question, answer and documents are the same, every document that held then holds now, and the
    engine takes the mark in the new version. What was removed from the record holds nothing.
    """
    between = lineage.between(session, assessment.organisation_id, old.definition, new.definition)
    heirs = {
        change.old_key: change.key
        for change in diff(old.definition, new.definition, between).questions
        if change.fate in ("kept", "renamed") and set(change.edits) <= HARMLESS
    }
    hidden = {
        line.key
        for line in rating.compute(
            new.definition,
            new.answers,
            judged(assessment.facts),
            new.submission.as_of,
            rating.NO_JUDGEMENT,
            new.beside,
        ).trace
        if line.state == "hidden"
    }
    kept: dict[Place, Mark] = {}
    for (key, document), one in marks.items():
        heir = heirs.get(key)
        if heir is None or heir in hidden or not _same(old, new, key, heir):
            continue
        if one.certificate is not None and not _still(new, one.certificate, marks):
            continue
        mark = {"mark": one.mark} | ({} if one.points is None else {"points": one.points})
        try:
            if document == ANSWER:
                rating.marked(new.definition, new.answers, {heir: mark}, new.submission.as_of)
        except InvalidAnswer:
            continue
        kept[heir, document] = one
    return kept


def _before(session: Session, actor: Identity, submission: Submission) -> Submission | None:
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


def _side(session: Session, submission: Submission) -> Side:
    pair = Pair(submission.organisation_id, submission.company_id)
    definition = library.definition(session, submission.content_hash)
    sealed = result_queries.sealed_bytes(session, submission.id, pair)
    beside = result_queries.sealed_documents(session, submission.id, pair)
    answers = sealing.typed_answers(definition, sealed, submission.as_of, beside)
    return Side(submission, definition, sealed, beside, answers)


def _same(old: Side, new: Side, key: str, heir: str) -> bool:
    """Whether the answer and its documents are the same to the byte, still there, and hold as they did."""
    was, held = old.sealed.get(key), [_paper(one) for one in old.beside.get(key, ())]
    if was is None and key in dict(json.loads(old.submission.commitments)):
        return False  # removed from the record: nobody can say that it is the same
    if len(held) < sum(one[0] == key for one in json.loads(old.submission.evidence)):
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


def _still(new: Side, certificate: uuid.UUID, marks: Mapping[Place, Mark]) -> bool:
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
    one: Mark,
    place: Place,
    rating_id: uuid.UUID,
    scores: tuple[str | None, str | None],
    said: Mapping[uuid.UUID, str],
) -> None:
    """The same mark for the new round: made when and by whom it was made."""
    tenants = {"organisation_id": submission.organisation_id, "company_id": submission.company_id}
    mark = Mark(
        id=uuid.uuid4(),
        **tenants,
        submission_id=submission.id,
        rating_id=rating_id,
        key=place[0],
        document=place[1],
        sequence=1,
        mark=one.mark,
        points=one.points,
        certificate=one.certificate,
        carried_from=one.carried_from or one.id,
        score_low=scores[0],
        score_high=scores[1],
        marked_at=one.marked_at,
        marked_by=one.marked_by,
    )
    session.add(mark)
    session.flush()
    if one.id in said:
        session.add(
            MarkReason(
                mark_id=mark.id, submission_id=submission.id, key=place[0], **tenants, text=said[one.id]
            )
        )
