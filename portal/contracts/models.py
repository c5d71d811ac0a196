"""Evaluations of contract requirements: append-only rows."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Catalogue(Base):
    """A catalogue of requirements as it stood when first used; looked up by hash."""

    __tablename__ = "requirement_catalogue"
    __table_args__ = tenancy("global", immutable=True)

    catalogue_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    canonical: Mapped[bytes] = mapped_column(LargeBinary)
    stored_at: Mapped[datetime]


class Evaluation(Identified, Base):
    """All requirements over the newest submission per questionnaire that covers the engagement.

    ``submissions`` lists submission ids; ``outcomes`` is canonical JSON, one entry a requirement: codes and the names
    of what decided. The sentences quote answers and lie in EvaluationReasons; ``reasons_commitment`` covers them.
    """

    __tablename__ = "evaluation"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("engagement_id", "sequence"),
        Index("ix_evaluation_organisation_id", "organisation_id"),
        Index("ix_evaluation_company_id", "company_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    sequence: Mapped[int]
    catalogue_hash: Mapped[str] = mapped_column(ForeignKey("requirement_catalogue.catalogue_hash"))
    facts: Mapped[dict[str, Any]]
    submissions: Mapped[list[Any]]
    outcomes: Mapped[bytes] = mapped_column(LargeBinary)
    reasons_commitment: Mapped[str] = mapped_column(String(64))
    evaluated_at: Mapped[datetime]


class EvaluationReasons(Base):
    """Why each requirement came out as it did: salt, and canonical JSON key -> [for the organisation, for the vendor].

    Destroyed only by redaction, never changed (law 6).
    """

    __tablename__ = "evaluation_reasons"
    __table_args__ = tenancy("shared")

    evaluation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("evaluation.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    reasons: Mapped[bytes] = mapped_column(LargeBinary)
