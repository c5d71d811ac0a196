"""Intakes: the questionnaire that procurement fills in about what it buys, and what lies beside it."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Intake(Identified, Base):
    """One filling-in of the intake questionnaire, never changed: codes, points, a commitment to the answers.

    ``commitment``: SHA-256 of the salt and the canonical JSON of the answers, both beside it in ``IntakeAnswers``.
    ``result``: the engine's bytes (questionnaires.results). ``tier``: the band of what is certain, caps included.
    """

    __tablename__ = "intake"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("engagement_id", "sequence"),
        Index("ix_intake_organisation_id_engagement_id", "organisation_id", "engagement_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    sequence: Mapped[int]
    content_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    as_of: Mapped[date]
    commitment: Mapped[str] = mapped_column(String(64))
    tier: Mapped[str] = mapped_column(String(10))
    result: Mapped[bytes] = mapped_column(LargeBinary)
    answered_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime]


class IntakeAnswers(Base):
    """What was answered: canonical JSON, question's key -> value in the JSON shape of the format. Destroyable."""

    __tablename__ = "intake_answers"
    __table_args__ = tenancy("organisation", Index("ix_intake_answers_organisation_id", "organisation_id"))

    intake_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("intake.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    answers: Mapped[bytes] = mapped_column(LargeBinary)


class TierProposal(Identified, Base):
    """An intake that asks for less than what stands, until a second person has settled it.

    ``state``: waiting, approved, refused, withdrawn or overtaken (by a newer intake). ``ground``: ``less.ground`` of
    the engagement when it was proposed; what has changed since is proposed anew. None: from before this was kept.
    """

    __tablename__ = "tier_proposal"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("intake_id"),
        Index("ix_tier_proposal_organisation_id_state", "organisation_id", "state"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    intake_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("intake.id"))
    from_tier: Mapped[str] = mapped_column(String(10))
    to_tier: Mapped[str] = mapped_column(String(10))
    ground: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]
