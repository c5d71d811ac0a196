"""Until when each sealed document proves something (terms.py): days that lists and reminders can ask for."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, tenancy

FOLLOWS = "follows from what was sealed and judged"


class EvidenceTerm(Base):
    """One document beside one sealed answer, unless a reviewer refused it.

    ``until``: the last day on which it proves something; None = it has no end, or nobody can tell. ``best``: its
    question asks for it, or the policy does, and none lasts longer: its end is when that proof ends. ``sealed_at``:
    since when it lies there.
    """

    __tablename__ = "evidence_term"
    __table_args__ = tenancy(
        "shared",
        Index("ix_evidence_term_organisation_id_until", "organisation_id", "until"),
        Index("ix_evidence_term_company_id_until", "company_id", "until"),
        Index("ix_evidence_term_evidence_id", "evidence_id"),
        unaudited=FOLLOWS,
    )

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    evidence_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("evidence.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    kind: Mapped[str] = mapped_column(String(64))
    until: Mapped[date | None]
    best: Mapped[bool]
    sealed_at: Mapped[datetime]


class Termed(Base):
    """That a submission's documents stand in EvidenceTerm as the rating of this ``sequence`` judged them."""

    __tablename__ = "termed"
    __table_args__ = tenancy(
        "shared",
        Index("ix_termed_organisation_id", "organisation_id"),
        Index("ix_termed_company_id", "company_id"),
        unaudited=FOLLOWS,
    )

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    sequence: Mapped[int]
    at: Mapped[datetime]
