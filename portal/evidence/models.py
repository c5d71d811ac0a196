"""Documents of a company, and the questions of assessments that each is shown to."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Evidence(Identified, Base):
    """A document. ``storage_key``: the random name of its file in storage, None once the file is destroyed.

    ``kind``: an evidence kind of the questionnaires (such as ``restore_test``). ``scan``: ``not_scanned``, ``clean``
    or ``infected``. ``removed_at``: taken out of the library; what was sealed with it stays readable until redaction.
    ``delegation_id``: uploaded through that link, and no part of the library until an owner accepts it.
    """

    __tablename__ = "evidence"
    __table_args__ = tenancy(
        "company", Index("ix_evidence_company_id_uploaded_at", "company_id", "uploaded_at")
    )

    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    kind: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    issued: Mapped[date | None]
    expires: Mapped[date | None]
    filename: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str | None] = mapped_column(String(64))
    scan: Mapped[str] = mapped_column(String(20))
    scanned_at: Mapped[datetime | None]
    uploaded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    uploaded_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    delegation_id: Mapped[uuid.UUID | None]


class EvidenceGrant(Identified, Base):
    """That a document lies beside the answer to ``key`` of one assessment. The organisation sees it once submitted.

    ``delegation_id``: laid there through that link; then it waits for an owner until ``accepted_at``.
    """

    __tablename__ = "evidence_grant"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("assessment_id", "key", "evidence_id"),
        Index("ix_evidence_grant_evidence_id", "evidence_id"),
        Index("ix_evidence_grant_company_id", "company_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    assessment_id: Mapped[uuid.UUID]
    key: Mapped[str] = mapped_column(String(200))
    evidence_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("evidence.id"))
    granted_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    granted_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    delegation_id: Mapped[uuid.UUID | None]
    accepted_at: Mapped[datetime | None]


class ProofDocument(Base):
    """A document as it was given as proof that a finding is settled: salt and canonical bytes of its description.

    ``proof_id``: the finding's step, which keeps the commitment. Destroyed only by redaction, never changed.
    """

    __tablename__ = "proof_document"
    __table_args__ = tenancy(
        "shared",
        Index("ix_proof_document_evidence_id", "evidence_id"),
        Index("ix_proof_document_finding_id", "finding_id"),
        Index("ix_proof_document_organisation_id", "organisation_id"),
        Index("ix_proof_document_company_id", "company_id"),
    )

    proof_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    evidence_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    finding_id: Mapped[uuid.UUID]
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    document: Mapped[bytes] = mapped_column(LargeBinary)
