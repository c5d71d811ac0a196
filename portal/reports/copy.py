"""A company's copy of what is its own: what it sealed, round by round, and what it has drafted; nothing of the rating.

A ``Paper`` is one round or one draft in words, ready to be written as a page or a PDF; ``answers`` is the same as an
answers file of the format (section 6), without the facts that the organisation keeps to itself.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity, mine, scoped
from portal.assessments import answering_words, queries, sealing
from portal.assessments.answering_cards import numbers
from portal.assessments.drafts import Content, content_of
from portal.assessments.models import AnswerRow, Assessment, SealedEvidence, Submission
from portal.evidence.models import Evidence
from portal.findings.models import Finding
from portal.formats import full_date, moment
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.reports.export import receipt
from questionnaires.conditions import INTERNAL_FACTS
from questionnaires.definition import Question, Questionnaire

REMOVED = "This answer was removed from the record. The hash of the submission still covers it."


@dataclass(frozen=True, slots=True)
class Entry:
    """One question with its answer in words; ``documents``: titles with the names of their files."""

    number: str
    text: str
    lines: tuple[str, ...]
    note: str
    promise: str
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A section with what was answered in it."""

    number: int
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """One round as it was sealed, or the draft, or the findings (copy_findings).

    ``stem``: its folder in an archive; ``name``: of its files there. ``receipt``: {} of what is not sealed.
    """

    stem: str
    title: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    answers: Mapping[str, Any]
    receipt: Mapping[str, Any]
    name: str = "answers"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy holds, in numbers; ``size`` of all documents in bytes."""

    assessments: int
    submissions: int
    drafts: int
    findings: int
    documents: int
    size: int


def contents(session: Session, identity: Identity) -> Contents:
    """What a copy of everything would hold now."""

    def count(model: Any, *which: Any) -> int:
        statement = select(func.count()).select_from(model).where(*mine(identity.scope, model), *which)
        return int(session.execute(statement).scalar_one())

    drafted = scoped(identity, AnswerRow).with_only_columns(AnswerRow.assessment_id).distinct().subquery()
    open_drafts = select(func.count()).select_from(drafted)
    documents = session.execute(
        select(func.count(), func.coalesce(func.sum(Evidence.size), 0)).where(
            *mine(identity.scope, Evidence), Evidence.storage_key.is_not(None)
        )
    ).one()
    return Contents(
        count(Assessment),
        count(Submission),
        int(session.execute(open_drafts).scalar_one()),
        count(Finding),
        int(documents[0]),
        int(documents[1]),
    )


@dataclass(frozen=True, slots=True)
class File:
    """A document of the company as it goes into an archive; ``about``: what is said of it there."""

    id: str
    storage_key: str
    media_type: str
    about: Mapping[str, Any]


def documents(session: Session, identity: Identity) -> list[File]:
    """Every document whose file still exists, those taken out of the library included."""
    rows = session.execute(
        scoped(identity, Evidence)
        .where(Evidence.storage_key.is_not(None))
        .order_by(Evidence.uploaded_at, Evidence.id)
    ).scalars()
    return [_described(row) for row in rows]


def _described(row: Evidence) -> File:
    about = {
        "id": str(row.id),
        "title": row.title,
        "filename": row.filename,
        "kind": row.kind,
        "issued": row.issued.isoformat() if row.issued else None,
        "expires": row.expires.isoformat() if row.expires else None,
        "uploaded_at": row.uploaded_at.isoformat(),
        "removed_at": row.removed_at.isoformat() if row.removed_at else None,
        "sha256": row.sha256,
    }
    return File(str(row.id), str(row.storage_key), row.media_type, about)


def assessment_ids(session: Session, identity: Identity) -> list[uuid.UUID]:
    """Every assessment of the company, the oldest first."""
    statement = scoped(identity, Assessment).with_only_columns(Assessment.id)
    return list(session.execute(statement.order_by(Assessment.issued_at, Assessment.id)).scalars())


def papers(session: Session, identity: Identity, assessment_id: uuid.UUID, now: datetime) -> list[Paper]:
    """Every sealed round of an assessment, then its draft if there is one; NotFound as queries.assessment."""
    one = queries.assessment(session, identity, assessment_id)
    definition = library.definition(session, one.content_hash)
    asker = organisations.organisation_for_company(session, one.organisation_id).name
    rounds = session.execute(
        scoped(identity, Submission).where(Submission.assessment_id == one.id).order_by(Submission.round)
    ).scalars()
    # A round is read by the version that it answered: the assessment may have been moved to another one since.
    found = [
        _sealed(session, identity, one, library.definition(session, each.content_hash), asker, each)
        for each in rounds
    ]
    if one.state != "submitted":
        draft = _draft(session, identity, one, definition, asker, now)
        if draft is not None:
            found.append(draft)
    return found


def _head(one: Assessment, definition: Questionnaire, asker: str) -> list[tuple[str, str]]:
    return [
        ("Asked by", asker),
        ("About", one.subject),
        ("Questionnaire", f"{definition.title}, version {definition.version}"),
        ("Due", full_date(one.due)),
    ]


def _sealed(
    session: Session,
    identity: Identity,
    one: Assessment,
    definition: Questionnaire,
    asker: str,
    submission: Submission,
) -> Paper:
    sealed = queries.sealed(session, identity, submission)
    signed = queries.attestation(session, identity, submission)
    attestation = json.loads(signed.attestation) if signed is not None else {}
    beside = session.execute(
        scoped(identity, SealedEvidence).where(SealedEvidence.submission_id == submission.id)
    ).scalars()
    documents = {
        key: tuple(f"{each.title} ({each.filename})" for each in some)
        for key, some in sealing.documents(beside).items()
    }
    contents = {key: sealing.content(row.answer) for key, row in sealed.items()}
    removed = frozenset(key for key, _made in json.loads(submission.commitments)) - sealed.keys()
    signer = f"{attestation['name']}, {attestation['role']}" if attestation else "removed from the record"
    facts = [
        *_head(one, definition, asker),
        ("State", f"Round {submission.round}, submitted and sealed"),
        ("Sealed", f"{moment(submission.sealed_at, one.zone)} ({one.zone})"),
        ("Signed by", signer),
        ("Hash of the submission (SHA-256)", submission.submission_hash),
    ]
    raw = {
        key: {name: value for name, value in json.loads(row.answer).items() if name != "promise"}
        for key, row in sealed.items()
    }
    return Paper(
        f"round-{submission.round}",
        f"{definition.title}: round {submission.round}",
        tuple(facts),
        _parts(definition, contents, documents, removed),
        _answers_file(one, definition, submission.as_of.isoformat(), raw),
        receipt(submission, attestation),
    )


def _draft(
    session: Session,
    identity: Identity,
    one: Assessment,
    definition: Questionnaire,
    asker: str,
    now: datetime,
) -> Paper | None:
    rows = session.execute(scoped(identity, AnswerRow).where(AnswerRow.assessment_id == one.id)).scalars()
    contents = {row.key: content_of(row) for row in rows if row.key in definition.questions}
    if not contents:
        return None
    documents = {
        key: tuple(f"{each.document.title} ({each.document.filename})" for each in some)
        for key, some in queries.documents_of(session, identity, one).items()
        if key in definition.questions
    }
    today = clock.local_date(now, one.zone)
    facts = [*_head(one, definition, asker), ("State", f"Draft of {full_date(today)}, not submitted")]
    raw = {}
    for key, content in contents.items():
        document = sealing.answer_document(content)
        document.pop("promise", None)
        raw[key] = document
    return Paper(
        "draft",
        f"{definition.title}: draft",
        tuple(facts),
        _parts(definition, contents, documents, frozenset()),
        _answers_file(one, definition, today.isoformat(), raw),
        {},
    )


def _answers_file(
    one: Assessment, definition: Questionnaire, as_of: str, answers: Mapping[str, Any]
) -> dict[str, Any]:
    """An answers file of the format. Facts that the organisation keeps to itself are not in it."""
    return {
        "questionnaire": {"slug": definition.slug, "version": definition.version},
        "as_of": as_of,
        "facts": {name: value for name, value in one.facts.items() if name not in INTERNAL_FACTS},
        "shown": [],
        "answers": dict(answers),
    }


def _parts(
    definition: Questionnaire,
    contents: Mapping[str, Content],
    documents: Mapping[str, tuple[str, ...]],
    removed: frozenset[str],
) -> tuple[Part, ...]:
    numbered = numbers(definition)
    found = []
    for at, section in enumerate(definition.sections, 1):
        entries = tuple(
            _entry(question, numbered[question.key], contents.get(question.key), documents, removed)
            for question in section.questions
            if question.key in contents or question.key in removed or question.key in documents
        )
        if entries:
            found.append(Part(at, section.title, entries))
    return tuple(found)


def _entry(
    question: Question,
    number: str,
    content: Content | None,
    documents: Mapping[str, tuple[str, ...]],
    removed: frozenset[str],
) -> Entry:
    papers_beside = documents.get(question.key, ())
    if content is None:
        words = REMOVED if question.key in removed else "No answer"
        return Entry(number, question.text, (words,), "", "", papers_beside)
    if content.state == "not_applicable":
        said: tuple[str, ...] = ("Not applicable",)
    else:
        said = answering_words.lines(question, content) or ("No answer",)
    promise = content.promise_reason
    if content.promise_date:
        promise = f"{promise} ({answering_words.day(content.promise_date)})".strip()
    return Entry(number, question.text, said, content.note, promise, papers_beside)
