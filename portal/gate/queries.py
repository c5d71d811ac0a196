"""Reading decisions of the gate with their words, what waits for a second person, conditions and exceptions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.faults import NotFound
from portal.gate import stored
from portal.gate.choosing import Choice
from portal.gate.deciding import BY_HAND, Decision
from portal.gate.models import (
    ConditionNote,
    ConditionStep,
    DecisionWords,
    GateDecision,
    GateProposal,
    RiskException,
)
from portal.gate.standing import Decided
from portal.remembered import Remembered
from portal.vendors import policy_parsing

WAITING = "waiting"
MET, REOPENED = "met", "reopened"
REFUSAL = "refusal"  # in a proposal's words: why it was refused; the other keys are ids of conditions
_decided: Remembered[Decided] = Remembered(500)


@dataclass(frozen=True, slots=True)
class Said:
    """What was written with a decision: the reason, and conditions added by hand by their subject."""

    reason: str
    conditions: Mapping[str, str]
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a condition added by hand; ``note`` is None once it was destroyed."""

    row: ConditionStep
    note: str | None


def decided_of(row: GateDecision) -> Decided:
    """A stored decision as the rules read it; it never changes, so it is worked out once."""

    def make() -> Decided:
        choice = stored.from_bytes(Choice, row.choice)
        return Decided(
            choice.outcome,
            stored.from_bytes(Decision, row.proposal),
            choice.conditions,
            choice.valid_until,
            policy_parsing.read(row.policy, row.policy_sequence),
            people_of(row),
        )

    return _decided.get(row.id, make)


def people_of(row: Any) -> frozenset[str]:
    """Who decided and who approved, as standing.Decided has them."""
    return frozenset(map(str, deciders(row)))


def deciders(row: Any) -> frozenset[uuid.UUID]:
    """Who made a decision: one person or two."""
    return frozenset(one for one in (row.decided_by, row.approved_by) if one is not None)


def decisions(session: Session, identity: Identity, engagement_id: uuid.UUID) -> list[GateDecision]:
    """Every decision about an engagement, newest first; the first is the one that stands."""
    statement: Any = (
        scoped(identity, GateDecision)
        .where(GateDecision.engagement_id == engagement_id)
        .order_by(GateDecision.sequence.desc())
    )
    return list(session.execute(statement).scalars())


def newest(session: Session, identity: Identity, engagement_id: uuid.UUID) -> GateDecision | None:
    """The decision that stands, if there is one."""
    statement = (
        scoped(identity, GateDecision)
        .where(GateDecision.engagement_id == engagement_id)
        .order_by(GateDecision.sequence.desc())
        .limit(1)
    )
    found: GateDecision | None = session.execute(statement).scalar_one_or_none()
    return found


def decision(
    session: Session, identity: Identity, engagement_id: uuid.UUID, decision_id: uuid.UUID
) -> GateDecision:
    """One decision about an engagement that the caller has read, or NotFound."""
    statement = scoped(identity, GateDecision).where(
        GateDecision.id == decision_id, GateDecision.engagement_id == engagement_id
    )
    found: GateDecision | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def engagement_of(session: Session, identity: Identity, decision_id: uuid.UUID) -> uuid.UUID:
    """The engagement that a decision is about, which the caller reads next, or NotFound."""
    statement = (
        scoped(identity, GateDecision)
        .with_only_columns(GateDecision.engagement_id)
        .where(GateDecision.id == decision_id)
    )
    found: uuid.UUID | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def said(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Said]:
    """The words of decisions; those that were destroyed say so."""
    rows = session.execute(scoped(identity, DecisionWords).where(DecisionWords.decision_id.in_(ids)))
    found = {one: Said("", {}, removed=True) for one in ids}
    for row in rows.scalars():
        words = json.loads(row.words)
        found[row.decision_id] = Said(words["reason"], words["conditions"])
    return found


def steps(session: Session, identity: Identity, decision_id: uuid.UUID) -> dict[str, list[Step]]:
    """What became of the conditions of a decision that were added by hand, by subject, first to last."""
    rows = session.execute(
        select(ConditionStep, ConditionNote.note)
        .outerjoin(
            ConditionNote,
            and_(ConditionNote.step_id == ConditionStep.id, *mine(identity.scope, ConditionNote)),
        )
        .where(ConditionStep.decision_id == decision_id, *mine(identity.scope, ConditionStep))
        .order_by(ConditionStep.subject, ConditionStep.sequence)
    )
    found: dict[str, list[Step]] = {}
    for row, note in rows:
        found.setdefault(row.subject, []).append(Step(row, note))
    return found


def met(found: Mapping[str, list[Step]]) -> frozenset[str]:
    """The subjects whose newest step says that they are met."""
    return frozenset(subject for subject, each in found.items() if each[-1].row.state == MET)


def by_hand(decided: Decided, subject: str) -> bool:
    """Whether a decision has this condition, added by hand."""
    return (BY_HAND, subject) in {one.key for one in decided.conditions}


def waiting(session: Session, identity: Identity, engagement_id: uuid.UUID) -> GateProposal | None:
    """What waits for a second person; there is one at most."""
    statement = (
        scoped(identity, GateProposal)
        .where(GateProposal.engagement_id == engagement_id, GateProposal.state == WAITING)
        .order_by(GateProposal.proposed_at.desc())
        .limit(1)
    )
    found: GateProposal | None = session.execute(statement).scalar_one_or_none()
    return found


def last_refused(session: Session, identity: Identity, engagement_id: uuid.UUID) -> GateProposal | None:
    """The newest proposal, if it did not go through for a reason that its proposer should read."""
    statement = (
        scoped(identity, GateProposal)
        .where(GateProposal.engagement_id == engagement_id)
        .order_by(GateProposal.proposed_at.desc(), GateProposal.id)
        .limit(1)
    )
    found: GateProposal | None = session.execute(statement).scalar_one_or_none()
    return found if found is not None and found.state in ("refused", "overtaken") else None


def proposal(
    session: Session, identity: Identity, engagement_id: uuid.UUID, proposal_id: uuid.UUID
) -> GateProposal:
    """A proposal, whatever became of it, as it stands now; or NotFound. The caller has read the engagement."""
    statement = (
        scoped(identity, GateProposal)
        .where(GateProposal.id == proposal_id, GateProposal.engagement_id == engagement_id)
        .execution_options(populate_existing=True)
    )
    found: GateProposal | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def choice_of(row: GateProposal) -> Choice:
    """What somebody proposes to decide."""
    return stored.from_bytes(Choice, row.choice)


def seal_of(row: GateProposal) -> str:
    """What an approval names: the choice with every word of it, in hex."""
    words = json.dumps([row.reason, row.words], sort_keys=True)
    return stored.choice_hash(choice_of(row), words)


def exceptions(session: Session, identity: Identity, engagement_id: uuid.UUID) -> list[RiskException]:
    """Every exception of an engagement, newest first."""
    statement: Any = (
        scoped(identity, RiskException)
        .where(RiskException.engagement_id == engagement_id)
        .order_by(RiskException.proposed_at.desc(), RiskException.id)
    )
    return list(session.execute(statement).scalars())


def exception(
    session: Session, identity: Identity, engagement_id: uuid.UUID, exception_id: uuid.UUID
) -> RiskException:
    """One exception, whatever became of it, as it stands now; or NotFound."""
    statement = (
        scoped(identity, RiskException)
        .where(RiskException.id == exception_id, RiskException.engagement_id == engagement_id)
        .execution_options(populate_existing=True)
    )
    found: RiskException | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found
