"""Reading what is sealed: the newest submission with its newest rating, and what an evaluation rests on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments import given, queries, redaction, sealing
from portal.assessments.models import (
    Assessment,
    AssessmentEngagement,
    Rating,
    SealedAnswer,
    SealedEvidence,
    Submission,
)
from portal.assessments.organisation_queries import own_assessments
from portal.assessments.rating import NO_JUDGEMENT, Judgement, judgement
from portal.assessments.sealing import Document, Proof
from portal.faults import NotFound


@dataclass(frozen=True, slots=True)
class Rated:
    """A sealed submission with its newest rating.

    ``sealed`` maps keys to canonical bytes in the shape of section 6 of the format, plus ``promise`` where
    evidence was promised; answers that are redacted, or that do not fit the seal, are absent.
    ``attestation`` is {} once redacted. ``documents``: what was sealed beside the answers, by key, without those that
    are redacted or broken.
    """

    assessment: Assessment
    submission: Submission
    rating: Rating
    sealed: Mapping[str, bytes]
    attestation: Mapping[str, Any]
    proof: Proof
    documents: Mapping[str, tuple[Document, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two tenants that share rows: what statements of either side, and of the worker, compare."""

    organisation_id: uuid.UUID
    company_id: uuid.UUID

    def of(self, *models: Any) -> list[ColumnElement[bool]]:
        """Both comparisons for each of ``models``, which are shared tables."""
        return [
            column == wanted
            for model in models
            for column, wanted in (
                (model.organisation_id, self.organisation_id),
                (model.company_id, self.company_id),
            )
        ]


@dataclass(frozen=True, slots=True)
class SubmissionKey:
    """What an evaluation needs to know of a submission before it reads the answers."""

    id: uuid.UUID
    slug: str
    content_hash: str
    as_of: date
    sealed_at: datetime


def rated(
    session: Session, identity: Identity, assessment_id: uuid.UUID, round_number: int | None = None
) -> Rated:
    """The newest submission of an assessment, or that of a round; NotFound when absent, not yours, or not submitted."""
    own = own_assessments(identity) if identity.organisation else mine(identity.scope, Assessment)
    own = [*own, *given.seen(identity, whole=True)]
    statement = select(Assessment).where(Assessment.id == assessment_id, *own)
    assessment = session.execute(statement).scalar_one_or_none()
    if assessment is None:
        raise NotFound
    row = session.execute(
        scoped(identity, Submission, Rating)
        .where(
            Submission.assessment_id == assessment.id,
            Rating.submission_id == Submission.id,
            *([] if round_number is None else [Submission.round == round_number]),
        )
        .order_by(Submission.round.desc(), Rating.sequence.desc())
        .limit(1)
    ).first()
    if row is None:
        raise NotFound("Nothing has been submitted yet, so there is no result to show.")
    submission, rating = row
    answers = queries.sealed(session, identity, submission)
    signed = queries.attestation(session, identity, submission)
    papers = queries.papers(session, identity, submission)
    proof = sealing.verify(submission, answers.values(), signed, papers)
    return Rated(
        assessment,
        submission,
        rating,
        {key: one.answer for key, one in answers.items() if key not in proof.broken},
        json.loads(signed.attestation) if signed is not None else {},
        proof,
        sealing.documents(papers, proof.evidence_broken),
    )


def rounds(session: Session, identity: Identity, assessment_id: uuid.UUID) -> list[tuple[int, datetime]]:
    """The rounds of an assessment that were submitted, and when each was sealed; the newest first."""
    rows = session.execute(
        select(Submission.round, Submission.sealed_at)
        .where(*mine(identity.scope, Submission), Submission.assessment_id == assessment_id)
        .order_by(Submission.round.desc())
    )
    return [(number, sealed_at) for number, sealed_at in rows]


def sealed_document(
    session: Session, identity: Identity, assessment_id: uuid.UUID, evidence_id: uuid.UUID
) -> Document:
    """A document as it was sealed with any round of an assessment; NotFound when not, not yours, or redacted."""
    own = own_assessments(identity) if identity.organisation else mine(identity.scope, Assessment)
    row = (
        session.execute(
            scoped(identity, SealedEvidence, Submission)
            .with_only_columns(SealedEvidence)
            .where(
                SealedEvidence.evidence_id == evidence_id,
                SealedEvidence.submission_id == Submission.id,
                Submission.assessment_id == Assessment.id,
                Assessment.id == assessment_id,
                *own,
            )
            .order_by(Submission.round.desc())
            .limit(1)
        )
        .scalars()
        .first()
    )
    if row is None:
        raise NotFound
    return sealing.document(row.document)


def engagement_ids(session: Session, assessment: Assessment, pair: Pair) -> list[uuid.UUID]:
    """The engagements that an assessment covers, in a steady order."""
    rows = session.execute(
        select(AssessmentEngagement.engagement_id)
        .where(AssessmentEngagement.assessment_id == assessment.id, *pair.of(AssessmentEngagement))
        .order_by(AssessmentEngagement.engagement_id)
    )
    return list(rows.scalars())


def newest_submissions(session: Session, engagement_id: uuid.UUID, pair: Pair) -> list[SubmissionKey]:
    """The newest submission of each questionnaire that covers the engagement, by slug; none that a campaign asked."""
    rows = session.execute(
        select(
            Submission.id, Assessment.slug, Submission.content_hash, Submission.as_of, Submission.sealed_at
        )
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .join(AssessmentEngagement, AssessmentEngagement.assessment_id == Assessment.id)
        .where(
            AssessmentEngagement.engagement_id == engagement_id,
            Assessment.campaign_id.is_(None),
            *pair.of(Submission, Assessment, AssessmentEngagement),
        )
        .order_by(Submission.sealed_at, Submission.round, Submission.id)
    )
    newest = {row.slug: SubmissionKey(*row) for row in rows}
    return [newest[slug] for slug in sorted(newest)]


def sealed_bytes(session: Session, submission_id: uuid.UUID, pair: Pair) -> dict[str, bytes]:
    """The sealed answers of a submission by key, as bytes."""
    rows = session.execute(
        select(SealedAnswer.key, SealedAnswer.answer).where(
            SealedAnswer.submission_id == submission_id, *pair.of(SealedAnswer)
        )
    )
    return {row.key: row.answer for row in rows}


def sealed_documents(
    session: Session, submission_id: uuid.UUID, pair: Pair
) -> dict[str, tuple[Document, ...]]:
    """The documents that were sealed with a submission, by key."""
    rows = session.execute(
        select(SealedEvidence).where(SealedEvidence.submission_id == submission_id, *pair.of(SealedEvidence))
    ).scalars()
    return sealing.documents(rows)


def redacted(session: Session, ids: Iterable[uuid.UUID], pair: Pair) -> frozenset[uuid.UUID]:
    """Which of these submissions lack what was sealed: nothing may be rated or evaluated over them anew."""
    return redaction.incomplete(
        session, list(ids), organisation_id=pair.organisation_id, company_id=pair.company_id
    )


def newest_judgement(session: Session, submission_id: uuid.UUID, pair: Pair) -> Judgement:
    """The reviewers' marks that the newest rating of a submission rests on."""
    row = session.execute(
        select(Rating.marks, Rating.document_marks, Rating.shown)
        .where(Rating.submission_id == submission_id, *pair.of(Rating))
        .order_by(Rating.sequence.desc())
        .limit(1)
    ).first()
    return NO_JUDGEMENT if row is None else judgement(*row)


def newest_result(session: Session, submission_id: uuid.UUID, pair: Pair) -> bytes:
    """The bytes of the newest rating of a submission: what stands, also where nothing can be computed any more."""
    found: bytes = session.execute(
        select(Rating.result)
        .where(Rating.submission_id == submission_id, *pair.of(Rating))
        .order_by(Rating.sequence.desc())
        .limit(1)
    ).scalar_one()
    return found
