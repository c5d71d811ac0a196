"""Rounds of chosen questions: which came back, until when, and why in the organisation's words."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class RoundScope(Identified, Base):
    """That an organisation returned chosen questions of a submission; a round without a row asks everything.

    ``keys``: what came back. ``shown``: those of them that are asked in spite of their condition. ``submission_id``:
    what stands for all other questions. ``due_before``: the date that holds again when the return is withdrawn.
    A withdrawn return has ``withdrawn_at``; its round may be opened again by another one.
    """

    __tablename__ = "round_scope"
    __table_args__ = tenancy(
        "shared",
        Index("ix_round_scope_assessment_id", "assessment_id"),
        Index("ix_round_scope_organisation_id", "organisation_id"),
        Index("ix_round_scope_company_id", "company_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    round: Mapped[int]
    keys: Mapped[list[Any]]
    shown: Mapped[list[Any]]
    due: Mapped[date]
    due_before: Mapped[date]
    returned_at: Mapped[datetime]
    returned_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[uuid.UUID | None]


class RoundReason(Base):
    """Why questions came back, in words that the vendor reads; ``key`` "" is the return as a whole.

    ``submission_id``: the one of the scope; what is destroyed of it takes these words along.
    """

    __tablename__ = "round_reason"
    __table_args__ = tenancy(
        "shared",
        Index("ix_round_reason_organisation_id", "organisation_id"),
        Index("ix_round_reason_company_id", "company_id"),
        Index("ix_round_reason_submission_id", "submission_id"),
    )

    scope_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("round_scope.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    text: Mapped[str] = mapped_column(Text)
