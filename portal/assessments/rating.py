"""Ratings: append-only results, each computed from a submission, marks, facts and a day, and so repeatable."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, Person
from portal.assessments import redaction
from portal.assessments.covering import assessment_moved
from portal.assessments.models import Assessment, Rating, Submission
from portal.assessments.sealing import NOTHING, Document
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict
from portal.library import service as library
from portal.vendors.facts import judged
from questionnaires.answers import Answer, parse_answer, parse_facts, raw_value
from questionnaires.definition import Questionnaire
from questionnaires.results import Result
from questionnaires.scoring import score

Marks = Mapping[str, Mapping[str, Any]]
DocumentMarks = Mapping[str, Mapping[str, Any]]  # of a document: accepted or refused
Beside = Mapping[str, tuple[Document, ...]]
NO_ANSWER = Answer("unanswered")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What reviewers have laid over sealed answers.

    ``marks``: key -> {"mark", "points"} as in section 6 of the format. ``documents``: key -> evidence id -> accepted or
    refused. ``shown``: keys that a return made visible.
    """

    marks: Marks = field(default_factory=dict)
    documents: DocumentMarks = field(default_factory=dict)
    shown: tuple[str, ...] = ()


NO_JUDGEMENT = Judgement()


def judgement_of(rating: Rating | None) -> Judgement:
    """What a rating rests on beside the answers; NO_JUDGEMENT for none."""
    if rating is None:
        return NO_JUDGEMENT
    return judgement(rating.marks, rating.document_marks, rating.shown)


def judgement(marks: Marks | None, documents: DocumentMarks | None, shown: Iterable[str] | None) -> Judgement:
    """The columns of a rating as a judgement; None, from before there were any, is nothing."""
    return Judgement(marks or {}, documents or {}, tuple(shown or ()))


def rate(
    session: Session,
    assessment: Assessment,
    submission: Submission,
    answers: Mapping[str, Answer],
    *,
    actor: Identity | Person | uuid.UUID | None,
    now: datetime,
    judged_as: Judgement = NO_JUDGEMENT,
    beside: Beside = NOTHING,
) -> Rating:
    """Write the next rating of ``submission`` and its event.

    ``answers`` are the sealed ones, typed and without marks; ``beside`` the documents sealed with them. Of
    ``judged_as`` no reason is kept here. Raises questionnaires.answers.InvalidAnswer for a mark that cannot stand on
    its answer, Conflict once answers were removed.
    """
    if _last(session, submission) and _redacted(session, submission):
        raise Conflict(
            "Answers of this submission were removed from the record, so it cannot be rated anew. "
            "Its rating of then stays."
        )
    assessment_moved(session, assessment)
    kept = {key: _kept(mark) for key, mark in sorted(judged_as.marks.items())}
    papers = {key: dict(sorted(some.items())) for key, some in sorted(judged_as.documents.items()) if some}
    shown = sorted(judged_as.shown)
    definition = library.definition(session, submission.content_hash)
    facts = judged(assessment.facts)
    overlaid = Judgement(kept, papers, tuple(shown))
    result = compute(definition, answers, facts, submission.as_of, overlaid, beside)
    rating = Rating(
        id=uuid.uuid4(),
        organisation_id=submission.organisation_id,
        company_id=submission.company_id,
        submission_id=submission.id,
        sequence=_last(session, submission) + 1,
        method=result.method,
        content_hash=submission.content_hash,
        as_of=submission.as_of,
        facts=facts,
        marks=kept,
        document_marks=papers,
        shown=shown,
        band=result.band,
        best_band=result.best_band,
        result=result.to_bytes(),
        rated_at=now,
        rated_by=_person(actor),
    )
    session.add(rating)
    record(
        session,
        Kind.RATED,
        now=now,
        actor=actor,
        subject=rating,
        data={
            "submission": submission.id,
            "sequence": rating.sequence,
            "marks": len(kept) + sum(len(some) for some in papers.values()),
        },
    )
    session.flush()
    return rating


def compute(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    facts: Mapping[str, Any],
    as_of: date,
    judged_as: Judgement = NO_JUDGEMENT,
    beside: Beside = NOTHING,
) -> Result:
    """The result of typed answers under a judgement; ``facts`` in their JSON shape. Pure: equal inputs, equal bytes."""
    judged_by = judged_answers(definition, answers, judged_as, as_of, beside)
    return score(definition, judged_by, parse_facts(facts), as_of, judged_as.shown)


def recompute(
    session: Session, rating: Rating, answers: Mapping[str, Answer], beside: Beside = NOTHING
) -> bytes:
    """The bytes that ``rating.result`` must have, computed anew from what the rating says that it rests on."""
    definition = library.definition(session, rating.content_hash)
    return compute(definition, answers, rating.facts, rating.as_of, judgement_of(rating), beside).to_bytes()


def judged_answers(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    judged_as: Judgement,
    as_of: date,
    beside: Beside = NOTHING,
) -> dict[str, Answer]:
    """The answers with the reviewers' marks on them and on the documents ``beside``: what everything is judged by.

    Raises InvalidAnswer where a mark cannot stand, LookupError for a mark on a document that is not there.
    """
    found = marked(definition, answers, judged_as.marks, as_of)
    for key, some in judged_as.documents.items():
        held = {str(one.evidence): one.item for one in beside.get(key, ())}
        if missing := some.keys() - held.keys():
            raise LookupError(f"{key} has no document {min(missing)}")
        items = tuple(
            replace(item, mark=some[evidence]) if evidence in some else item
            for evidence, item in held.items()
        )
        found[key] = replace(found.get(key, NO_ANSWER), evidence=items)
    return found


def judged_file(
    documents: Mapping[str, Mapping[str, Any]], judged_as: Judgement
) -> dict[str, dict[str, Any]]:
    """The same for answers as an answers file holds them (section 6 of the format), for readers outside of us.

    ``documents``: answers by key; each of their ``evidence`` has an ``id`` (its evidence id), which is taken out.
    """
    found = {key: dict(document) for key, document in documents.items()}
    beside = {key: document["evidence"] for key, document in found.items() if "evidence" in document}
    for key, items in judged_evidence(beside, judged_as).items():
        found[key]["evidence"] = items
    for key, mark in judged_as.marks.items():
        found.setdefault(key, {"state": "unanswered"})["review"] = dict(mark)
    return found


def judged_evidence(
    beside: Mapping[str, Iterable[Mapping[str, Any]]], judged_as: Judgement
) -> dict[str, list[dict[str, Any]]]:
    """Documents by key with the reviewers' marks on them and without their ``id``."""
    found = {}
    for key, items in beside.items():
        some = judged_as.documents.get(key, {})
        found[key] = [_item(item, some.get(item["id"])) for item in items]
    return found


def _item(item: Mapping[str, Any], mark: str | None) -> dict[str, Any]:
    plain = {name: value for name, value in item.items() if name != "id"}
    return plain if mark is None else {**plain, "mark": mark}


def marked(
    definition: Questionnaire, answers: Mapping[str, Answer], marks: Marks, as_of: date
) -> dict[str, Answer]:
    """The answers with the reviewers' marks on them; raises InvalidAnswer where a mark cannot stand."""
    found = dict(answers)
    for key, mark in marks.items():
        question, answer = definition.questions[key], answers.get(key, NO_ANSWER)
        raw = {"state": answer.state, "review": dict(mark)}
        if answer.value is not None:
            raw["value"] = raw_value(question, answer.value)
        found[key] = replace(answer, review=parse_answer(question, raw, as_of).review)
    return found


def _redacted(session: Session, submission: Submission) -> bool:
    """Whether an answer or a document that was sealed is gone."""
    return bool(
        redaction.incomplete(
            session,
            [submission.id],
            organisation_id=submission.organisation_id,
            company_id=submission.company_id,
        )
    )


def _kept(mark: Mapping[str, Any]) -> dict[str, Any]:
    return {name: mark[name] for name in ("mark", "points") if mark.get(name) is not None}


def _last(session: Session, submission: Submission) -> int:
    """The highest sequence so far, 0 for none."""
    return (
        session.scalar(
            select(func.max(Rating.sequence)).where(
                Rating.submission_id == submission.id,
                Rating.organisation_id == submission.organisation_id,
                Rating.company_id == submission.company_id,
            )
        )
        or 0
    )


def _person(actor: Identity | Person | uuid.UUID | None) -> uuid.UUID | None:
    if isinstance(actor, Identity):
        return actor.person.id
    return actor.id if isinstance(actor, Person) else actor
