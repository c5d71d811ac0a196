"""Reviews, the marks that are being made, the marks that were written, and the words beside them (law 6)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Review(Base):
    """That a submission is being reviewed, and by whom. One without a row waits, and nobody has taken it.

    ``state``: open or finished.
    """

    __tablename__ = "review"
    __table_args__ = tenancy(
        "organisation", Index("ix_review_organisation_id_state", "organisation_id", "state")
    )

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    state: Mapped[str] = mapped_column(String(20))
    reviewer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    finished_at: Mapped[datetime | None]
    finished_by: Mapped[uuid.UUID | None]


class MarkDraft(Base):
    """A mark that is in no rating yet: the organisation's alone. The vendor's side cannot read this table.

    ``document``: evidence id as text of the document that is judged, "" where it is the answer. ``mark``: accepted,
    challenged, graded, disproved, na_accepted; of documents accepted, refused; ``withdrawn`` takes an earlier one back.
    ``certificate``: the document on which ``graded`` rests. ``stamp`` is new at each save: what a page was drawn from.
    """

    __tablename__ = "mark_draft"
    __table_args__ = tenancy("organisation", Index("ix_mark_draft_organisation_id", "organisation_id"))

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    document: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    mark: Mapped[str] = mapped_column(String(20))
    points: Mapped[int | None]
    certificate: Mapped[uuid.UUID | None]
    reason: Mapped[str] = mapped_column(Text)
    remark: Mapped[str] = mapped_column(Text)
    stamp: Mapped[uuid.UUID]
    changed_at: Mapped[datetime]
    changed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))


class Mark(Identified, Base):
    """A mark that a rating rests on. Columns as in MarkDraft; ``sequence`` grows by question and document.

    ``score_low`` and ``score_high``: the exact range when it was written, after it and those written before it, as
    ``num/den``; None where nothing can be scored. Of marks that were kept from a round before: after all of them.
    ``carried_from``: the mark of the round before that it stands for. Never changed: words lie in MarkReason and
    MarkRemark.
    """

    __tablename__ = "mark"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("submission_id", "key", "document", "sequence"),
        Index("ix_mark_organisation_id", "organisation_id"),
        Index("ix_mark_company_id", "company_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    rating_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rating.id"))
    key: Mapped[str] = mapped_column(String(200))
    document: Mapped[str] = mapped_column(String(36))
    sequence: Mapped[int]
    mark: Mapped[str] = mapped_column(String(20))
    points: Mapped[int | None]
    certificate: Mapped[uuid.UUID | None]
    carried_from: Mapped[uuid.UUID | None]
    score_low: Mapped[str | None] = mapped_column(Text)
    score_high: Mapped[str | None] = mapped_column(Text)
    marked_at: Mapped[datetime]
    marked_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))


class LapsedMark(Base):
    """That an adverse mark of an earlier round no longer stands in ``submission_id``, written when that was sealed.

    ``about``: the question that it was made on, as this submission calls it. ``key``: where somebody has to look: the
    same question, or, where that is not asked any more, an answer that hides it. Codes and ids only; never changed.
    """

    __tablename__ = "lapsed_mark"
    __table_args__ = tenancy(
        "shared",
        Index("ix_lapsed_mark_organisation_id", "organisation_id"),
        Index("ix_lapsed_mark_company_id", "company_id"),
        immutable=True,
    )

    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    mark_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("mark.id"), primary_key=True)
    about: Mapped[str] = mapped_column(String(200))
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))


class MarkReason(Base):
    """Why, in words that the vendor reads; destroyed with the answer that it may quote."""

    __tablename__ = "mark_reason"
    __table_args__ = tenancy(
        "shared",
        Index("ix_mark_reason_submission_id", "submission_id"),
    )

    mark_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("mark.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    key: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)


class MarkRemark(Base):
    """What reviewers tell each other about a mark; the vendor's side cannot read this table."""

    __tablename__ = "mark_remark"
    __table_args__ = tenancy("organisation", Index("ix_mark_remark_submission_id", "submission_id"))

    mark_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("mark.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    key: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)


class ReviewNote(Identified, Base):
    """One internal note about a question; never edited. The vendor's side cannot read this table."""

    __tablename__ = "review_note"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_review_note_submission_id_key", "submission_id", "key"),
        Index("ix_review_note_organisation_id", "organisation_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    key: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
