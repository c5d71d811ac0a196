"""The submissions that gates rest on, read for many engagements at once: a fixed number of statements."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.assessments import rating, redaction, rounds, sealing
from portal.assessments.models import (
    Assessment,
    AssessmentEngagement,
    Rating,
    SealedAnswer,
    SealedEvidence,
    Submission,
)
from portal.assessments.rating import Judgement
from portal.assessments.rounds import LaterRound
from portal.assessments.sealing import Document
from portal.gate import loading_marks
from portal.gate.loading_facts import Facts, outgrown
from portal.gate.sheets import Reading, Sheet, skimmed
from portal.library import service as library
from portal.remembered import Remembered
from portal.review import queries as reviews
from portal.review.models import Mark, MarkDraft
from questionnaires.answers import InvalidAnswer

LEFT_OUT = frozenset({"campaign"})
MOST_FORMER = (
    5  # submissions before one that nobody has judged, which are read at once: hardly ever are there more
)
AT_ONCE = 5000  # submissions that a statement is about: no statement here names them more than three times
_readings: Remembered[Reading | None] = Remembered(2000)
Pair = tuple[uuid.UUID, uuid.UUID]  # an engagement and a submission


@dataclass(frozen=True, slots=True)
class Sent:
    """One submission of a questionnaire that covers an engagement."""

    id: uuid.UUID
    assessment: uuid.UUID
    company: uuid.UUID
    slug: str
    content_hash: str
    as_of: date
    whole_as_of: date


@dataclass(frozen=True)
class Marked:
    """What lies beside submissions, by their id. ``ratings``: rows with the columns of the newest rating.

    ``elsewhere``: marks by assessment that earlier rounds left unwritten. ``outgrown``: the facts to read the answers
    under, too, where an engagement's of now ask for more.
    """

    ratings: Mapping[uuid.UUID, Any]
    drafts: Mapping[uuid.UUID, Sequence[MarkDraft]]
    marks: Mapping[uuid.UUID, Sequence[Any]]
    documents: Mapping[uuid.UUID, Mapping[str, tuple[Document, ...]]]
    answers: Mapping[uuid.UUID, Mapping[str, bytes]]
    lapsed: Mapping[uuid.UUID, frozenset[str]]
    outgrown: Mapping[Pair, Facts]
    redacted: frozenset[uuid.UUID] = frozenset()
    elsewhere: Mapping[uuid.UUID, int] = field(default_factory=dict)
    rounds: Mapping[uuid.UUID, LaterRound] = field(default_factory=dict)


def sent(
    session: Session, organisation_id: uuid.UUID, engagement_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[str, list[Sent]]]:
    """Engagement -> questionnaire -> its submissions, the newest first; campaigns left out, whatever they ask. One
    statement, and one for each definition that this process has not read yet.
    """
    rows: Iterable[Any] = session.execute(
        select(
            AssessmentEngagement.engagement_id,
            Submission.id,
            Submission.assessment_id,
            Submission.company_id,
            Assessment.slug,
            Submission.content_hash,
            Submission.as_of,
            func.coalesce(Submission.whole_as_of, Submission.as_of),
        )
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .join(Submission, Submission.assessment_id == Assessment.id)
        .where(
            AssessmentEngagement.engagement_id.in_(engagement_ids),
            Assessment.campaign_id.is_(None),
            *_own(organisation_id, AssessmentEngagement, Assessment, Submission),
        )
        .order_by(Submission.sealed_at.desc(), Submission.round.desc(), Submission.id.desc())
    )
    found: dict[uuid.UUID, dict[str, list[Sent]]] = {}
    for engagement, *columns in rows:
        one = Sent(*columns)
        if library.definition(session, one.content_hash).purpose not in LEFT_OUT:
            found.setdefault(engagement, {}).setdefault(one.slug, []).append(one)
    return found


def sheets(
    session: Session,
    organisation_id: uuid.UUID,
    some: Collection[tuple[uuid.UUID, Sent]],
    facts: Mapping[uuid.UUID, Facts],
    *,
    without: Collection[uuid.UUID] = (),
    newest: bool = True,
) -> tuple[dict[Pair, Sheet], dict[uuid.UUID, uuid.UUID]]:
    """The sheet of each engagement and submission, and the rating of each submission; see ``beside``.

    In a fixed number of statements for every AT_ONCE submissions: a statement takes 32,766 parameters at most in a
    SQLite as it comes, and 65,535 in PostgreSQL.
    """
    made: dict[Pair, Sheet] = {}
    ratings: dict[uuid.UUID, uuid.UUID] = {}
    by_id: dict[uuid.UUID, list[tuple[uuid.UUID, Sent]]] = {}
    for engagement, one in some:
        by_id.setdefault(one.id, []).append((engagement, one))
    waiting = iter(sorted(by_id))
    while ids := list(islice(waiting, AT_ONCE)):
        pairs = [pair for each in ids for pair in by_id[each]]
        found = beside(session, organisation_id, pairs, facts, without=without, newest=newest)
        for submission in ids:
            ratings[submission] = found.ratings[submission].id
            plain = sheet(session, by_id[submission][0][1], found, without)
            for engagement, one in by_id[submission]:
                asked = found.outgrown.get((engagement, one.id))
                again = [] if asked is None else _readings_of(session, one, found, without, asked)
                made[engagement, one.id] = replace(plain, outgrown=again) if again else plain
    return made, ratings


def beside(
    session: Session,
    organisation_id: uuid.UUID,
    pairs: Collection[tuple[uuid.UUID, Sent]],
    facts: Mapping[uuid.UUID, Facts],
    *,
    without: Collection[uuid.UUID] = (),
    newest: bool = True,
) -> Marked:
    """All that the sheets of these submissions need; ``newest``: they are, so rounds and gaps count too.

    ``facts``: of each engagement as they are now. ``without``: people whose marks are looked at, too.
    """
    some = [one for _engagement, one in pairs]
    ids = sorted({one.id for one in some})
    drafts = _grouped(
        session.execute(
            select(MarkDraft)
            .where(MarkDraft.submission_id.in_(ids), *_own(organisation_id, MarkDraft))
            .order_by(MarkDraft.changed_at, MarkDraft.key, MarkDraft.document)
            .execution_options(populate_existing=True)
        ).scalars()
    )
    marks = _marks(session, organisation_id, ids, every=bool(without))
    engine = set(drafts) | {
        one for one, each in marks.items() if any(mark.marked_by in without for mark in each)
    }
    assessments = {one.assessment for one in some}
    ratings = _ratings(session, organisation_id, ids)
    asked = {}
    for engagement, one in pairs:
        row = ratings[one.id]
        definition = library.definition(session, one.content_hash)
        again = outgrown(definition, row.facts, facts[engagement], row.as_of)
        if again is not None:
            asked[engagement, one.id] = again
    engine |= {submission for _engagement, submission in asked}
    return Marked(
        ratings=ratings,
        drafts=drafts,
        marks=marks,
        documents=_documents(session, organisation_id, ids),
        answers=_answers(session, organisation_id, engine),
        lapsed=reviews.lapsed_adverse(session, organisation_id, ids, without),
        outgrown=asked,
        redacted=redaction.incomplete(session, ids, organisation_id=organisation_id, company_id=None),
        elsewhere=reviews.unwritten_elsewhere(session, organisation_id, assessments, ids) if newest else {},
        rounds=rounds.later_rounds(session, organisation_id, assessments) if newest else {},
    )


def sheet(session: Session, one: Sent, found: Marked, without: Collection[uuid.UUID] = ()) -> Sheet:
    """A submission as the gate reads it. ``session``: for definitions, which are read once in a process."""
    definition = library.definition(session, one.content_hash)
    row = found.ratings[one.id]
    stands, states = skimmed(row.result)
    written = rating.judgement(row.marks, row.document_marks, row.shown)
    drafts, marks = found.drafts.get(one.id, ()), found.marks.get(one.id, ())
    documents = found.documents.get(one.id, {})
    judged = loading_marks.of_others(written, marks, without) if without else written
    return Sheet(
        submission=one.id,
        slug=one.slug,
        definition=definition,
        as_of=row.as_of,
        whole_as_of=one.whole_as_of,
        readings=[stands, *_readings_of(session, one, found, without)],
        states=states,
        marked=frozenset(judged.marks),
        documents=documents,
        refused=loading_marks.refused_documents(judged, drafts)
        | loading_marks.refused_documents(written, drafts),
        certificates=loading_marks.certificates(marks),
        lapsed=found.lapsed.get(one.id, frozenset()),
        unwritten=len(drafts) + found.elsewhere.get(one.assessment, 0),
        redacted=one.id in found.redacted,
        **loading_marks.round_after(found.rounds.get(one.assessment), without),
    )


# ------------------------------------------------------------------------------------------------------------- reading


def _own(organisation_id: uuid.UUID, *models: Any) -> list[Any]:
    return [one.organisation_id == organisation_id for one in models]


def _grouped(rows: Iterable[Any]) -> dict[uuid.UUID, list[Any]]:
    found: dict[uuid.UUID, list[Any]] = {}
    for one in rows:
        found.setdefault(one.submission_id, []).append(one)
    return found


def _ratings(session: Session, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """The newest rating of each submission: its columns, without the unit of work."""
    last = (
        select(Rating.submission_id, func.max(Rating.sequence).label("sequence"))
        .where(Rating.submission_id.in_(ids), *_own(organisation_id, Rating))
        .group_by(Rating.submission_id)
        .subquery()
    )
    rows = session.execute(
        select(
            Rating.id,
            Rating.submission_id,
            Rating.as_of,
            Rating.facts,
            Rating.marks,
            Rating.document_marks,
            Rating.shown,
            Rating.result,
        )
        .join(last, (last.c.submission_id == Rating.submission_id) & (last.c.sequence == Rating.sequence))
        .where(*_own(organisation_id, Rating))
    )
    return {one.submission_id: one for one in rows}


def _marks(
    session: Session, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID], *, every: bool
) -> dict[uuid.UUID, list[Any]]:
    """Written marks in their order: ``every`` one, else those of questions that are exempt on a certificate."""
    exempt = (
        select(Mark.submission_id, Mark.key)
        .where(Mark.submission_id.in_(ids), Mark.certificate.is_not(None), *_own(organisation_id, Mark))
        .distinct()
        .subquery()
    )
    statement = select(
        Mark.submission_id, Mark.key, Mark.document, Mark.mark, Mark.points, Mark.certificate, Mark.marked_by
    ).where(Mark.submission_id.in_(ids), *_own(organisation_id, Mark))
    if not every:
        statement = statement.join(
            exempt, (exempt.c.submission_id == Mark.submission_id) & (exempt.c.key == Mark.key)
        )
    return _grouped(session.execute(statement.order_by(Mark.sequence, Mark.id)))


def _documents(
    session: Session, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[str, tuple[Document, ...]]]:
    rows = session.execute(
        select(
            SealedEvidence.submission_id,
            SealedEvidence.key,
            SealedEvidence.evidence_id,
            SealedEvidence.document,
        ).where(SealedEvidence.submission_id.in_(ids), *_own(organisation_id, SealedEvidence))
    )
    return {one: sealing.documents(some) for one, some in _grouped(rows).items()}


def _answers(
    session: Session, organisation_id: uuid.UUID, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[str, bytes]]:
    """The sealed answers of those few submissions that the engine has to be asked about."""
    rows = session.execute(
        select(SealedAnswer.submission_id, SealedAnswer.key, SealedAnswer.answer).where(
            SealedAnswer.submission_id.in_(sorted(ids)), *_own(organisation_id, SealedAnswer)
        )
    )
    return {one: {each.key: each.answer for each in some} for one, some in _grouped(rows).items()}


# ------------------------------------------------------------------------------------------------------------ readings


def _readings_of(
    session: Session,
    one: Sent,
    found: Marked,
    without: Collection[uuid.UUID],
    facts: Facts | None = None,
) -> list[Reading]:
    """What the engine makes of the answers with marks in the making and without somebody's own, where there are any;
    under other ``facts`` as it is written, too. None of what was removed from the record.
    """
    if one.id in found.redacted:
        return []
    row = found.ratings[one.id]
    written = rating.judgement(row.marks, row.document_marks, row.shown)
    drafts = found.drafts.get(one.id, ())
    again = [reviews.overlaid(written, drafts)] if drafts else []
    again += [loading_marks.of_others(written, found.marks.get(one.id, ()), without)] if without else []
    again = [each for each in again if each != written] + ([] if facts is None else [written])
    made = [
        _computed(session, one, row, found, each, row.facts if facts is None else facts) for each in again
    ]
    return [reading for reading in made if reading is not None]


def _computed(
    session: Session, one: Sent, row: Any, found: Marked, judged_as: Judgement, facts: Facts
) -> Reading | None:
    """What the engine makes of the answers under another judgement or other facts; None where a mark cannot stand on
    its answer.
    """

    def make() -> Reading | None:
        definition = library.definition(session, one.content_hash)
        papers = found.documents.get(one.id, {})
        answers = sealing.typed_answers(definition, found.answers.get(one.id, {}), row.as_of, papers)
        try:
            result = rating.compute(definition, answers, facts, row.as_of, judged_as, papers)
        except (InvalidAnswer, LookupError):
            return None
        failed = {each.key: each.kind == "failed" for each in result.knockouts}
        return Reading(result.band, result.best_band, failed)

    said = json.dumps([judged_as.marks, judged_as.documents, dict(facts)], sort_keys=True)
    return _readings.get((row.id, said), make)
