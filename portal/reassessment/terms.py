"""Until when each sealed document proves something: worked out by the worker from what was sealed and judged.

One date for the gate, the reminders and the lists: the earlier of the last day that the document bears and the months
that its questionnaire counts from its day of issue (gate.sheets.end_of).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from portal.assessments import sealing
from portal.assessments.models import Assessment, Rating, SealedEvidence, Submission
from portal.assessments.sealing import Document
from portal.db import SYSTEM, Database
from portal.gate.sheets import end_of, is_dated, months_of
from portal.library import service as library
from portal.reassessment.models_terms import EvidenceTerm, Termed
from portal.rows import insert_rows
from portal.vendors import policy_queries
from portal.vendors.models import PolicyVersion
from questionnaires.definition import Questionnaire
from questionnaires.kinds import is_of_kind

TOGETHER = 100  # submissions that are written in one transaction
REFUSED = "refused"
_Lasting = tuple[str, Document, date | None, bool]  # question, document, its end, whether that can be told


def work_out(database: Database, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Store the terms of every submission that has none, or whose documents were judged since; returns how many.

    Any number of workers may run: each batch is locked, and what another has written meanwhile is written alike.
    """
    done = 0
    while not stopping():
        with database.looking(SYSTEM) as session:
            stale = list(session.execute(_stale().limit(TOGETHER)).all())
        if not stale:
            break
        with database.transaction(SYSTEM) as session:
            stored = _store(session, [one.submission_id for one in stale], now)
        done += stored
        if not stored:
            break
    return done


def term(document: Document, months: Mapping[str, int], as_of: date) -> date | None:
    """The last day on which a document proves something; None = it has no end, or nobody can tell."""
    return end_of(document, months) if is_dated(document, months, as_of) else None


def _stale() -> Select[Any]:
    """Submissions without terms, or with those of an earlier rating or of an earlier policy."""
    newest = (
        select(Rating.submission_id, func.max(Rating.sequence).label("sequence"))
        .group_by(Rating.submission_id)
        .subquery()
    )
    saved = (
        select(PolicyVersion.organisation_id, func.max(PolicyVersion.created_at).label("at"))
        .group_by(PolicyVersion.organisation_id)
        .subquery()
    )
    return (
        select(newest.c.submission_id)
        .outerjoin(Termed, Termed.submission_id == newest.c.submission_id)
        .outerjoin(saved, saved.c.organisation_id == Termed.organisation_id)
        .where(
            or_(Termed.submission_id.is_(None), Termed.sequence != newest.c.sequence, Termed.at < saved.c.at)
        )
        .order_by(newest.c.submission_id)
    )


def _store(session: Session, ids: Sequence[uuid.UUID], now: datetime) -> int:
    """Write the terms of these submissions; whoever destroys answers holds the same locks (destroying.lock)."""
    assessments = select(Submission.assessment_id).where(Submission.id.in_(ids))
    session.execute(
        select(Assessment.id).where(Assessment.id.in_(assessments)).order_by(Assessment.id).with_for_update()
    )
    latest = (
        select(func.max(Rating.sequence))
        .where(Rating.submission_id == Submission.id)
        .correlate(Submission)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            Submission.id,
            Submission.organisation_id,
            Submission.company_id,
            Submission.content_hash,
            Submission.as_of,
            Submission.sealed_at,
            Rating.sequence,
            Rating.document_marks,
        )
        .join(Rating, (Rating.submission_id == Submission.id) & (Rating.sequence == latest))
        .where(Submission.id.in_(ids))
    ).all()
    papers: dict[uuid.UUID, list[Any]] = {}
    found = session.execute(
        select(
            SealedEvidence.submission_id,
            SealedEvidence.key,
            SealedEvidence.evidence_id,
            SealedEvidence.document,
        ).where(SealedEvidence.submission_id.in_(ids))
    )
    for one in found:
        papers.setdefault(one.submission_id, []).append(one)
    for model in (EvidenceTerm, Termed):
        session.execute(
            delete(model).where(model.submission_id.in_(ids)).execution_options(synchronize_session=False)
        )
    terms: list[dict[str, Any]] = []
    demanded = {one: _demanded(session, one) for one in {row.organisation_id for row in rows}}
    for row in rows:
        place = {
            "submission_id": row.id,
            "organisation_id": row.organisation_id,
            "company_id": row.company_id,
            "sealed_at": row.sealed_at,
        }
        beside = sealing.documents(papers.get(row.id, ()))
        definition = library.definition(session, row.content_hash)
        terms += [
            {**place, **each}
            for each in terms_of(
                definition, beside, row.as_of, row.document_marks or {}, demanded[row.organisation_id][0]
            )
        ]
    insert_rows(session, EvidenceTerm, terms)
    done = [
        {
            "submission_id": row.id,
            "organisation_id": row.organisation_id,
            "company_id": row.company_id,
            "sequence": row.sequence,
            "at": max(
                now, demanded[row.organisation_id][1] or now
            ),  # of that policy, whatever clock this one has
        }
        for row in rows
    ]
    insert_rows(session, Termed, done)
    return len(done)


def _demanded(session: Session, organisation_id: uuid.UUID) -> tuple[frozenset[str], datetime | None]:
    """The kinds of document that the policy in force demands of some tier, and since when it is; None: it shipped."""
    policy = policy_queries.current(session, organisation_id)
    since = session.execute(
        select(func.max(PolicyVersion.created_at)).where(PolicyVersion.organisation_id == organisation_id)
    ).scalar_one()
    return frozenset(kind for tier in policy.tiers.values() for kind in tier.evidence), since


def terms_of(
    definition: Questionnaire,
    beside: Mapping[str, Sequence[Document]],
    as_of: date,
    marks: Mapping[str, Mapping[str, str]],
    demanded: Collection[str] = (),
) -> Iterator[dict[str, Any]]:
    """key, evidence_id, kind, until and best of each document that nobody refused; pure.

    The best are those that something rests on: beside a question that asks for a document, the longest of that kind,
    narrower ones among them, or, with none of it there, of each other (a reviewer may have accepted the answer on it);
    of the kinds that the policy demands (``demanded``) the longest wherever it lies. A document that was refused beside
    one question proves nothing beside another either, as the gate has it.
    """
    refused = {paper for some in marks.values() for paper, mark in some.items() if mark == REFUSED}
    months = months_of(definition)
    lasting = [
        (key, one, term(one, months, as_of), is_dated(one, months, as_of))
        for key, documents in beside.items()
        for one in documents
        if str(one.evidence) not in refused
    ]
    proofs = _proofs(definition, lasting, demanded)
    longest: dict[tuple[str, ...], date] = {}
    for (_key, _one, until, dated), some in zip(lasting, proofs, strict=True):
        for proof in some if dated else ():
            longest[proof] = max(until or date.max, longest.get(proof, date.min))
    for (key, one, until, dated), some in zip(lasting, proofs, strict=True):
        yield {
            "key": key,
            "evidence_id": one.evidence,
            "kind": one.kind,
            "until": until,
            "best": dated and any((until or date.max) == longest[proof] for proof in some),
        }


def _proofs(
    definition: Questionnaire, lasting: Sequence[_Lasting], demanded: Collection[str]
) -> list[list[tuple[str, ...]]]:
    """What each document proves: (kind) for the policy, (question, kind) for its question; the kind is the one asked
    for, so that narrower ones are one proof.
    """
    asked: dict[str, str] = {}
    for key in {key for key, *_rest in lasting}:
        question = definition.questions.get(key)
        if question is not None and question.evidence is not None:
            asked[key] = question.evidence.kind
    fitting = {
        key for key, one, _until, _dated in lasting if key in asked and is_of_kind(one.kind, asked[key])
    }
    found = []
    for key, one, _until, _dated in lasting:
        proofs: list[tuple[str, ...]] = [(kind,) for kind in demanded if is_of_kind(one.kind, kind)]
        if key in fitting and is_of_kind(one.kind, asked[key]):
            proofs.append((key, asked[key]))
        elif key in asked and key not in fitting:
            proofs.append((key, one.kind))
        found.append(proofs)
    return found
