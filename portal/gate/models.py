"""Decisions of the gate and what leads to them; words lie beside what never changes (law 6).

Bytes are canonical JSON of ids, codes, numbers and days as gate/stored.py writes them; a decision can be worked out
anew from its facts and policy, by its method.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class GateProposal(Identified, Base):
    """What somebody wants to decide, until a second person has settled it.

    ``choice``: choosing.Choice. ``facts`` (GateFacts) and ``facts_hash``: what it was proposed on. ``state``: waiting,
    approved, refused, withdrawn or overtaken. ``reason`` and ``words`` (subject of a condition added by hand -> text,
    and ``refusal``: why it was refused) are free text: they go when a decision holds them, when the proposal is taken
    back, or when the vendor leaves.
    """

    __tablename__ = "gate_proposal"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_gate_proposal_organisation_id_state", "organisation_id", "state"),
        Index("ix_gate_proposal_engagement_id", "engagement_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    outcome: Mapped[str] = mapped_column(String(30))
    choice: Mapped[bytes] = mapped_column(LargeBinary)
    facts: Mapped[bytes | None] = mapped_column(LargeBinary)
    facts_hash: Mapped[str] = mapped_column(String(64))
    policy_sequence: Mapped[int]
    policy_hash: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    words: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]


class GateDecision(Identified, Base):
    """A decision. The newest of an engagement is the one that stands; what it counts today is standing.effective.

    ``facts`` (GateFacts), ``policy`` (policy.Policy) and ``method`` give ``proposal`` (deciding.Decision); ``choice``
    (choosing.Choice) is what the person decided. ``ratings``: ids of the ratings that the bands come from.
    ``approved_by``: the second person, if there was one. ``words_commitment``: SHA-256 of salt and words.
    """

    __tablename__ = "gate_decision"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("engagement_id", "sequence"),
        Index("ix_gate_decision_organisation_id", "organisation_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    sequence: Mapped[int]
    method: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(30))
    proposed_outcome: Mapped[str] = mapped_column(String(30))
    valid_until: Mapped[date | None]
    policy_sequence: Mapped[int]
    policy: Mapped[bytes] = mapped_column(LargeBinary)
    facts: Mapped[bytes] = mapped_column(LargeBinary)
    proposal: Mapped[bytes] = mapped_column(LargeBinary)
    choice: Mapped[bytes] = mapped_column(LargeBinary)
    ratings: Mapped[list[Any]]
    evaluation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("evaluation.id"))
    intake_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("intake.id"))
    words_commitment: Mapped[str] = mapped_column(String(64))
    decided_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime]


class DecisionWords(Base):
    """Why a decision was made, and its conditions added by hand in words: salt, and canonical JSON of both."""

    __tablename__ = "decision_words"
    __table_args__ = tenancy("organisation", Index("ix_decision_words_organisation_id", "organisation_id"))

    decision_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gate_decision.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    words: Mapped[bytes] = mapped_column(LargeBinary)


class ConditionStep(Identified, Base):
    """What became of a condition added by hand: ``state`` met or reopened; the newest counts."""

    __tablename__ = "condition_step"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("decision_id", "subject", "sequence"),
        Index("ix_condition_step_organisation_id", "organisation_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    decision_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gate_decision.id"))
    subject: Mapped[str] = mapped_column(String(36))
    sequence: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    taken_at: Mapped[datetime]
    taken_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))


class ConditionNote(Base):
    """What proves that a condition was met, in words."""

    __tablename__ = "condition_note"
    __table_args__ = tenancy("organisation", Index("ix_condition_note_organisation_id", "organisation_id"))

    step_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("condition_step.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    note: Mapped[str] = mapped_column(Text)


class RiskException(Identified, Base):
    """A ground that two people take as it is, for a time: facts.Accepted once ``state`` is approved.

    ``state``: waiting, approved, refused, withdrawn or revoked. Each change has its step, so that none is lost.
    """

    __tablename__ = "risk_exception"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_risk_exception_organisation_id_state", "organisation_id", "state"),
        Index("ix_risk_exception_engagement_id", "engagement_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    code: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(300))
    measure: Mapped[int]
    tier: Mapped[str] = mapped_column(String(10))
    until: Mapped[date]
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]


class RiskExceptionStep(Identified, Base):
    """One change of an exception: codes and ids. ``until`` and ``measure`` as they were then."""

    __tablename__ = "risk_exception_step"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("exception_id", "sequence"),
        Index("ix_risk_exception_step_organisation_id", "organisation_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    exception_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("risk_exception.id"))
    sequence: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    until: Mapped[date]
    measure: Mapped[int]
    taken_at: Mapped[datetime]
    taken_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
