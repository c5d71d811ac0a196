"""From issue to rating: assessments, drafts of answers, sealed submissions, append-only ratings."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Assessment(Identified, Base):
    """One version of one questionnaire, issued to a vendor, with facts and due date pinned.

    ``company_id`` is empty until the vendor's invitation is accepted. ``answered`` of ``total`` is all that the
    organisation learns of a draft. ``state``: ``open``, ``submitted``, ``declined`` or ``cancelled``. ``due`` is a
    local date in ``zone``. ``facts`` were pinned when it was issued. ``code``: what a contact compares by telephone;
    it confirms that the organisation asks, and opens nothing. ``moved_at``: when the answers of a company were last
    moved to another version; while ``total`` is 0 after that, the company has not saved since and nothing is counted.
    ``reviewed_at``: when the organisation finished the review of what was submitted last; None while it goes on.
    ``scope_id``: the RoundScope of a round that asks chosen questions; None = all. ``shown``: keys that returns so far
    ask in spite of their condition. ``due_time``: the local time of ``due``, None = the day's end. ``campaign_id``: the
    campaign that asks it; ``ladder``: the name of its ladder. ``by_itself``: the calendar opened it, nobody did.
    """

    __tablename__ = "assessment"
    __table_args__ = tenancy(
        "shared",
        Index("ix_assessment_organisation_id_state_due", "organisation_id", "state", "due"),
        Index("ix_assessment_organisation_id_issued_at", "organisation_id", "issued_at", "id"),
        Index("ix_assessment_company_id", "company_id"),
        Index("ix_assessment_vendor_id", "vendor_id"),
        Index("ix_assessment_campaign_id", "campaign_id"),
        Index("uq_assessment_code", "code", unique=True),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    vendor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vendor.id"))
    content_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    slug: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(400))
    reason: Mapped[str] = mapped_column(String(2000))
    facts: Mapped[dict[str, Any]]
    zone: Mapped[str] = mapped_column(String(60))
    due: Mapped[date]
    state: Mapped[str] = mapped_column(String(20))
    round: Mapped[int]
    answered: Mapped[int]
    total: Mapped[int]
    issued_at: Mapped[datetime]
    issued_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    contact_email: Mapped[str | None] = mapped_column(String(254))
    submitted_at: Mapped[datetime | None]
    code: Mapped[str | None] = mapped_column(String(16))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None]
    moved_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    scope_id: Mapped[uuid.UUID | None]
    shown: Mapped[list[Any] | None]
    due_time: Mapped[time | None]
    campaign_id: Mapped[uuid.UUID | None]
    ladder: Mapped[str] = mapped_column(String(10), default="", server_default="")
    by_itself: Mapped[bool] = mapped_column(default=False, server_default=false())


class AssessmentEngagement(Base):
    """Which engagements an assessment covers."""

    __tablename__ = "assessment_engagement"
    __table_args__ = tenancy("shared", Index("ix_assessment_engagement_engagement_id", "engagement_id"))

    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"), primary_key=True)
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))


class AnswerRow(Base):
    """A draft answer: the company's alone. ``value`` is ``{"v": x}``, x in the JSON shape of section 6 of the format.

    ``promise_reason`` and ``promise_date``: why required evidence is not here, and when it will be.
    ``delegation_id``: through which delegation it was last written; such an answer waits for an owner until
    ``accepted_at``.
    """

    __tablename__ = "answer"
    __table_args__ = tenancy("company")

    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    value: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text)
    promise_reason: Mapped[str] = mapped_column(String(1000))
    promise_date: Mapped[date | None]
    answered_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime]
    delegation_id: Mapped[uuid.UUID | None]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[uuid.UUID | None]


class AnswerRevision(Base):
    """Every accepted revision of an answer, append-only: who wrote what, when.

    ``move_id``: written by moving the assessment to another version, or by undoing that. ``origin_submission``: an
    answer of this submission was confirmed as still true; never shown to an organisation.
    """

    __tablename__ = "answer_revision"
    __table_args__ = tenancy("company", Index("ix_answer_revision_company_id", "company_id"), immutable=True)

    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    content_id: Mapped[uuid.UUID]
    answered_by: Mapped[uuid.UUID]
    answered_at: Mapped[datetime]
    delegation_id: Mapped[uuid.UUID | None]
    move_id: Mapped[uuid.UUID | None]
    origin_submission: Mapped[uuid.UUID | None]


class AnswerContent(Identified, Base):
    """What a revision said; beside the append-only row, so that it can be destroyed by redaction (law 6)."""

    __tablename__ = "answer_content"
    __table_args__ = tenancy("company", Index("ix_answer_content_assessment_id", "assessment_id"))

    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    key: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    value: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text)
    promise_reason: Mapped[str] = mapped_column(String(1000))
    promise_date: Mapped[date | None]


class StaleEdit(Identified, Base):
    """A real edit that came on an old revision: kept beside the stored value until a person chooses (law 8).

    ``revision`` is the one that the edit was written on.
    """

    __tablename__ = "stale_edit"
    __table_args__ = tenancy("company", UniqueConstraint("assessment_id", "key", "person_id"))

    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    key: Mapped[str] = mapped_column(String(200))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    value: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text)
    promise_reason: Mapped[str] = mapped_column(String(1000))
    promise_date: Mapped[date | None]
    written_at: Mapped[datetime]


class Submission(Identified, Base):
    """The sealed answers of a round: ids, commitments and hashes only (law 6).

    ``commitments``: canonical JSON list of [key, SHA-256(salt, canonical answer)]; ``submission_hash`` covers it, the
    evidence's commitments and the attestation's. Values and salts lie in SealedAnswer, SealedEvidence and
    SealedAttestation. ``evidence``: canonical JSON list of [key, evidence id, SHA-256(salt, document)].
    ``whole_as_of``: the ``as_of`` of the last round that asked everything; None: this one did (rounds.whole_as_of).
    """

    __tablename__ = "submission"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("assessment_id", "round"),
        # Holds all that the queue of reviews narrows and orders by: a row is 20 kB.
        Index(
            "ix_submission_organisation_id_assessment_id",
            *("organisation_id", "assessment_id", "round", "sealed_at", "id"),
        ),
        Index("ix_submission_company_id", "company_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    round: Mapped[int]
    content_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    as_of: Mapped[date]
    whole_as_of: Mapped[date | None]
    commitments: Mapped[bytes] = mapped_column(LargeBinary)
    evidence: Mapped[bytes] = mapped_column(LargeBinary, default=b"[]")
    attestation_commitment: Mapped[str] = mapped_column(String(64))
    submission_hash: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]
    sealed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))


class SealedAnswer(Base):
    """A sealed answer's salt and canonical bytes; destroyed only by redaction, never changed."""

    __tablename__ = "sealed_answer"
    __table_args__ = tenancy("shared")

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    answer: Mapped[bytes] = mapped_column(LargeBinary)


class SealedAttestation(Base):
    """Who signed and what they declared; destroyed only by redaction, never changed."""

    __tablename__ = "sealed_attestation"
    __table_args__ = tenancy("shared")

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    attestation: Mapped[bytes] = mapped_column(LargeBinary)


class Rating(Identified, Base):
    """An append-only result. ``result`` is the engine's canonical JSON; a test recomputes it byte for byte.

    ``marks``: key -> {mark, points}. ``document_marks``: key -> evidence id -> accepted or refused. ``shown``: keys
    that a return made visible in spite of their condition. Both are None in what was rated before there were any.
    """

    __tablename__ = "rating"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("submission_id", "sequence"),
        Index("ix_rating_organisation_id", "organisation_id"),
        Index("ix_rating_company_id", "company_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    sequence: Mapped[int]
    method: Mapped[str] = mapped_column(String(20))
    content_hash: Mapped[str] = mapped_column(String(64))
    as_of: Mapped[date]
    facts: Mapped[dict[str, Any]]
    marks: Mapped[dict[str, Any]]
    document_marks: Mapped[dict[str, Any] | None]
    shown: Mapped[list[Any] | None]
    band: Mapped[str | None] = mapped_column(String(60))
    best_band: Mapped[str | None] = mapped_column(String(60))
    result: Mapped[bytes] = mapped_column(LargeBinary)
    rated_at: Mapped[datetime]
    rated_by: Mapped[uuid.UUID | None]


class SealedEvidence(Base):
    """A document as it lay beside a sealed answer: salt and canonical bytes of its description with the file's hash.

    Destroyed only by redaction, never changed. The file itself is evidence.models.Evidence, which may go before.
    """

    __tablename__ = "sealed_evidence"
    __table_args__ = tenancy("shared", Index("ix_sealed_evidence_evidence_id", "evidence_id"))

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    evidence_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    document: Mapped[bytes] = mapped_column(LargeBinary)


class AnswerTurn(Base):
    """That an answer changed after its finding had been shown: what it said before, for the reviewer of a submission.

    Written at sealing from the company's revisions, one row a question; destroyed by redaction.
    """

    __tablename__ = "answer_turn"
    __table_args__ = tenancy("shared")

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    before: Mapped[bytes] = mapped_column(LargeBinary)
    shown_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class Delegation(Identified, Base):
    """Questions of an assessment in the hands of one person: a contributor, or anybody by an expiring link.

    ``keys``: section and question keys, or ["*"] for the whole assessment. ``token_hash``: of the link of a person
    without an account; None for a colleague who signs in. ``person_id``: to whom the answers are credited.
    """

    __tablename__ = "delegation"
    __table_args__ = tenancy(
        "company",
        Index("uq_delegation_token_hash", "token_hash", unique=True),
        Index("ix_delegation_assessment_id", "assessment_id"),
        Index("ix_delegation_company_id_person_id", "company_id", "person_id"),
    )

    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    keys: Mapped[list[Any]]
    message: Mapped[str] = mapped_column(String(1000))
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Enquiry(Identified, Base):
    """What a company asks of the organisation about an assessment, or the organisation about one of its answers.

    ``kind``: question, more_time, decline, other_person or reopen; notice; review, which the organisation asks.
    ``key``: the question that it is about. ``state``: open (waits for the organisation), answered, granted, refused or
    withdrawn; of a review asked (waits for the company) and closed, too. ``wanted``: the date asked for. ``person``:
    name and address of whom to ask instead. ``company_id`` and ``asked_by`` are empty when somebody without an account
    says, on the invitation, that they are not the right person.
    """

    __tablename__ = "enquiry"
    __table_args__ = tenancy(
        "shared",
        Index("ix_enquiry_organisation_id_state", "organisation_id", "state"),
        Index("ix_enquiry_company_id", "company_id"),
        Index("ix_enquiry_assessment_id", "assessment_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    wanted: Mapped[date | None]
    person: Mapped[dict[str, Any] | None]
    asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None]
    settled_at: Mapped[datetime | None]


class EnquiryEntry(Identified, Base):
    """One message of an enquiry; ``side`` is organisation or company."""

    __tablename__ = "enquiry_entry"
    __table_args__ = tenancy("shared", Index("ix_enquiry_entry_enquiry_id", "enquiry_id"))

    enquiry_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("enquiry.id"))
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    side: Mapped[str] = mapped_column(String(20))
    author_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)
