"""Assessments and versions: moves to another version, consent to carry answers over, workbooks that came back."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class AssessmentMove(Identified, Base):
    """That an open assessment goes over to another version of its questionnaire, or back.

    The organisation asks; the worker applies it, for the answers are the company's alone. ``undoes``: the move that
    this one takes back. ``state``: asked, applied or lapsed (the assessment was no longer open, or on another version).
    """

    __tablename__ = "assessment_move"
    __table_args__ = tenancy(
        "shared",
        Index("ix_assessment_move_assessment_id", "assessment_id"),
        Index("ix_assessment_move_organisation_id", "organisation_id"),
        Index("ix_assessment_move_company_id", "company_id"),
        Index("ix_assessment_move_state", "state"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    from_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    to_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    undoes: Mapped[uuid.UUID | None]
    state: Mapped[str] = mapped_column(String(20))
    asked_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]


class CarryConsent(Base):
    """An owner's word that answers which the company gave to other organisations may be offered on this assessment.

    Taking it back deletes the row.
    """

    __tablename__ = "carry_consent"
    __table_args__ = tenancy("company", Index("ix_carry_consent_company_id", "company_id"))

    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"), primary_key=True)
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    given_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    given_at: Mapped[datetime]


class WorkbookUpload(Identified, Base):
    """A workbook that a person has sent back, read and not yet applied; theirs alone until then.

    ``cells``: what it says, by question key, in the JSON of workbook_reading.py. Destroyed when applied, when the
    assessment is submitted, closed or moved, and after a week.
    """

    __tablename__ = "workbook_upload"
    __table_args__ = tenancy(
        "company",
        Index("ix_workbook_upload_assessment_id", "assessment_id"),
        Index("ix_workbook_upload_company_id", "company_id"),
    )

    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    content_hash: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(200))
    cells: Mapped[list[Any]]
    uploaded_at: Mapped[datetime]
