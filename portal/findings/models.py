"""Findings: where each stands, for which engagements, every step of it, and the words beside (law 6).

Both sides read a finding; notes and proposals to close one are the organisation's alone. The documents of a proof are
sealed in evidence.models.ProofDocument, where the library sees that they are held.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Finding(Identified, Base):
    """A fault on record.

    ``key`` and ``code`` are those of the version ``content_hash``; both follow the question into newer versions.
    ``code``: ``finding:`` and 16 hex digits for a finding text, ``knockout``, or ``reviewer`` for one added by hand
    (``key`` may then be ""). ``submission_id``: the newest answers that were looked at for it; ``called_for``: whether
    any newest answers still earn it, ``uncalled`` why none does (earning.WHYS), else "". ``severity``: low to critical;
    ``worst``: the worst it ever was. ``state``: open, planned (a plan was agreed), closed or merged (into
    ``merged_into``); ``waits``: plan or proof while one waits for the organisation, else "". ``owner_id`` and ``due``:
    of the plan that was agreed; ``first_due``: the first day that was ever agreed, kept for ever. ``wanted_owner_id``
    and ``wanted_due``: of the plan that waits; whoever it named stays when proof comes before an answer. ``proof_id``:
    the step of the proof that waits. ``opened``: the organisation's local day, kept for ever. ``closed_how``: fixed,
    no_fault or gone. ``revision``: how many steps there are.
    """

    __tablename__ = "finding"
    __table_args__ = tenancy(
        "shared",
        Index("ix_finding_organisation_id_state_due", "organisation_id", "state", "due"),
        Index("ix_finding_organisation_id_opened_at", "organisation_id", "opened_at", "id"),
        Index("ix_finding_company_id_state", "company_id", "state"),
        Index("ix_finding_vendor_id_slug", "vendor_id", "slug"),
        Index("ix_finding_merged_into", "merged_into"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    vendor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vendor.id"))
    assessment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assessment.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    content_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    slug: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(40))
    severity: Mapped[str] = mapped_column(String(10))
    worst: Mapped[str] = mapped_column(String(10))
    called_for: Mapped[bool]
    uncalled: Mapped[str] = mapped_column(String(10), default="", server_default="")
    state: Mapped[str] = mapped_column(String(10))
    waits: Mapped[str] = mapped_column(String(10))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    due: Mapped[date | None]
    first_due: Mapped[date | None]
    wanted_owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    wanted_due: Mapped[date | None]
    proof_id: Mapped[uuid.UUID | None]
    merged_into: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("finding.id"))
    opened: Mapped[date]
    opened_at: Mapped[datetime]
    opened_by: Mapped[uuid.UUID | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None]
    closed_how: Mapped[str] = mapped_column(String(10))
    revision: Mapped[int]


class FindingEngagement(Base):
    """An engagement that a finding is about, with the newest answers that cover it.

    ``standing``: what the finding is known by while it stands (earning.identity), None once it is closed: an engagement
    has one open finding of a kind, however many submissions earn it at once. ``uncalled``: why those answers do not
    earn it (earning.WHYS), "" where they do and where nobody has looked.
    """

    __tablename__ = "finding_engagement"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("company_id", "engagement_id", "standing"),
        Index("ix_finding_engagement_engagement_id", "engagement_id"),
        Index("ix_finding_engagement_organisation_id", "organisation_id"),
    )

    finding_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("finding.id"), primary_key=True)
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    standing: Mapped[str | None] = mapped_column(String(64))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    called_for: Mapped[bool]
    uncalled: Mapped[str] = mapped_column(String(10), default="", server_default="")


class FindingStep(Identified, Base):
    """One step of a finding: codes, days and ids. ``kind``: see steps.KINDS.

    ``side``: organisation or company. ``due`` and ``owner_id``: of a plan. ``severity``: after the step. ``other_id``:
    the finding that was merged. ``second_id``: who approved. ``proof``: canonical JSON list of [evidence id,
    SHA-256(salt, description of the document with its file's hash)].
    """

    __tablename__ = "finding_step"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("finding_id", "sequence"),
        Index("ix_finding_step_organisation_id", "organisation_id"),
        Index("ix_finding_step_company_id", "company_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    finding_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("finding.id"))
    sequence: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    side: Mapped[str] = mapped_column(String(20))
    severity: Mapped[str] = mapped_column(String(10))
    due: Mapped[date | None]
    owner_id: Mapped[uuid.UUID | None]
    submission_id: Mapped[uuid.UUID | None]
    other_id: Mapped[uuid.UUID | None]
    second_id: Mapped[uuid.UUID | None]
    proof: Mapped[bytes] = mapped_column(LargeBinary, default=b"[]")
    at: Mapped[datetime]
    by: Mapped[uuid.UUID | None]


class FindingWords(Base):
    """What was written at a step, read by both sides; destroyed with the answer that it may quote."""

    __tablename__ = "finding_words"
    __table_args__ = tenancy("shared", Index("ix_finding_words_finding_id", "finding_id"))

    step_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("finding_step.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    finding_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("finding.id"))
    text: Mapped[str] = mapped_column(Text)


class FindingNote(Identified, Base):
    """An internal note; never edited. The vendor's side cannot read this table."""

    __tablename__ = "finding_note"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_finding_note_finding_id", "finding_id"),
        Index("ix_finding_note_organisation_id", "organisation_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    finding_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("finding.id"))
    text: Mapped[str] = mapped_column(Text)
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]


class FindingClosing(Identified, Base):
    """That somebody wants a grave finding closed, until a second person has settled it.

    ``how``: fixed or no_fault. ``base``: the finding's revision that it was proposed on. ``reason``: free text; the
    vendor reads it once the finding is closed. ``state``: waiting, approved, refused or withdrawn.
    """

    __tablename__ = "finding_closing"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_finding_closing_finding_id", "finding_id"),
        Index("ix_finding_closing_organisation_id_state", "organisation_id", "state"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    finding_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("finding.id"))
    how: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text)
    base: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]
