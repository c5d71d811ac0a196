"""What stands at each gate as it was last worked out, for lists and figures, and how it changed (standings.py).

Nothing here decides: the page of a gate and the gate for machines work it out. A row counts only while what it was
worked out from is unchanged: the engagement's ground, the rules and the policy (``basis``), and the days it holds for.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy

WORKED_OUT = "worked out from what is on record"


class GateBrief(Base):
    """How one gate stands: reading.Brief in columns.

    It holds from ``day`` on, and before ``until``, for this ``ground_revision`` and ``basis`` (fresh.basis).
    ``outcome`` and ``decided_outcome``: None while nobody has decided. ``level`` and ``high``: the worst and the best
    that the worst band of the demanded questionnaires may be, 4 (best) to 1; None = nobody can tell. ``missing``: how
    many of these have nothing that counts: not handed in, run out, redacted. ``excepted``:
    grounds that two people take as they are. ``lapses_on``: the first
    of the next 60 days on which it no longer passes if nobody does anything. ``reasons`` and ``lapses``: pairs of code
    and subject.
    """

    __tablename__ = "gate_brief"
    __table_args__ = tenancy(
        "organisation", Index("ix_gate_brief_organisation_id", "organisation_id"), unaudited=WORKED_OUT
    )

    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    ground_revision: Mapped[int] = mapped_column(BigInteger)
    basis: Mapped[str] = mapped_column(String(64))
    day: Mapped[date]
    until: Mapped[date]
    outcome: Mapped[str | None] = mapped_column(String(30))
    decided_outcome: Mapped[str | None] = mapped_column(String(30))
    proposed: Mapped[str] = mapped_column(String(30))
    level: Mapped[int | None]
    high: Mapped[int | None]
    missing: Mapped[int]
    lapsed: Mapped[bool]
    lapses_on: Mapped[date | None]
    valid_until: Mapped[date | None]
    open_conditions: Mapped[int]
    excepted: Mapped[int]
    decision_id: Mapped[uuid.UUID | None]
    decided_at: Mapped[datetime | None]
    reasons: Mapped[list[Any]]
    lapses: Mapped[list[Any]]


class BriefCondition(Base):
    """A condition that is not met at a gate, in time or late: deciding.Condition."""

    __tablename__ = "brief_condition"
    __table_args__ = tenancy(
        "organisation", Index("ix_brief_condition_organisation_id", "organisation_id"), unaudited=WORKED_OUT
    )

    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    subject: Mapped[str] = mapped_column(String(300), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    due: Mapped[date | None]
    lapses_to: Mapped[str] = mapped_column(String(10))


class BriefSubmission(Base):
    """The submission of a questionnaire that counts at a gate; ``demanded``: by the policy in force."""

    __tablename__ = "brief_submission"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_brief_submission_organisation_id_submission_id", "organisation_id", "submission_id"),
        unaudited=WORKED_OUT,
    )

    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"), primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    demanded: Mapped[bool]


class StandingRecord(Identified, Base):
    """One change of what stands at a gate: ids and codes. ``day``: since when, in the organisation's zone; ``at``: when
    it was noticed.
    """

    __tablename__ = "standing_record"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("engagement_id", "sequence"),
        Index("ix_standing_record_organisation_id_day", "organisation_id", "day"),
        immutable=True,
        unaudited=WORKED_OUT,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    sequence: Mapped[int]
    day: Mapped[date]
    at: Mapped[datetime]
    tier: Mapped[str] = mapped_column(String(10))
    outcome: Mapped[str | None] = mapped_column(String(30))
    level: Mapped[int | None]
    high: Mapped[int | None]
