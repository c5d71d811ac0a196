"""Ratings: append-only results, each computed from a submission, marks, facts and a day, and so repeatable."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, Person
from portal.assessments.models import Assessment, Rating, SealedAnswer, Submission
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
NO_ANSWER = Answer("unanswered")


def rate(
    session: Session,
    assessment: Assessment,
    submission: Submission,
    answers: Mapping[str, Answer],
    *,
    actor: Identity | Person | uuid.UUID | None,
    now: datetime,
    marks: Marks | None = None,
) -> Rating:
    """Write the next rating of ``submission`` and its event.

    ``answers`` are the sealed ones, typed and without marks; ``marks`` maps a question's key to
    ``{"mark", "points"}`` as in section 6 of the format (a reason is judged elsewhere and not kept here).
    Raises questionnaires.answers.InvalidAnswer for a mark that cannot stand on its answer, Conflict once answers
    were removed.
    """
    if _last(session, submission) and _redacted(session, submission):
        raise Conflict(
            "Answers of this submission were removed from the record, so it cannot be rated anew. "
            "Its rating of then stays."
        )
    kept = {key: _kept(mark) for key, mark in sorted((marks or {}).items())}
    definition = library.definition(session, submission.content_hash)
    facts = judged(assessment.facts)
    result = compute(definition, answers, facts, submission.as_of, kept)
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
        data={"submission": submission.id, "sequence": rating.sequence, "marks": len(kept)},
    )
    session.flush()
    return rating


def compute(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    facts: Mapping[str, Any],
    as_of: date,
    marks: Marks | None = None,
) -> Result:
    """The result of typed answers under marks; ``facts`` in their JSON shape. Pure: equal inputs, equal bytes."""
    return score(definition, marked(definition, answers, marks or {}, as_of), parse_facts(facts), as_of)


def recompute(session: Session, rating: Rating, answers: Mapping[str, Answer]) -> bytes:
    """The bytes that ``rating.result`` must have, computed anew from what the rating says that it rests on."""
    definition = library.definition(session, rating.content_hash)
    return compute(definition, answers, rating.facts, rating.as_of, rating.marks).to_bytes()


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
    """Whether an answer that was sealed is gone."""
    held = session.scalar(
        select(func.count()).where(
            SealedAnswer.submission_id == submission.id,
            SealedAnswer.organisation_id == submission.organisation_id,
            SealedAnswer.company_id == submission.company_id,
        )
    )
    return (held or 0) < len(json.loads(submission.commitments))


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
