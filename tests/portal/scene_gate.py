"""The scene's gates: a decision with its words, a proposal that waits, a condition met, an exception; rows as the
services will write them, of one engagement and its organisation alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate import stored
from portal.gate.choosing import Choice
from portal.gate.deciding import BY_HAND, Condition, decide
from portal.gate.facts import GateFacts
from portal.gate.models import (
    ConditionNote,
    ConditionStep,
    DecisionWords,
    GateDecision,
    GateProposal,
    RiskException,
    RiskExceptionStep,
)
from portal.vendors import policy_default as policies
from portal.vendors.models import Engagement
from questionnaires.canonical import canonical_json
from tests.portal.world import NOW, Place

TODAY = date(2026, 11, 21)
MONTHS = {"critical": 12, "high": 12, "medium": 24, "low": 36}


@dataclass(frozen=True)
class Gate:
    """Ids of what hangs on a gate; ``condition``: the subject of one added by hand."""

    decision: uuid.UUID
    proposal: uuid.UUID
    condition: str
    exception: uuid.UUID


def decide_and_wait(
    database: Database, organisation: Place, engagement_id: uuid.UUID, words: Sequence[str]
) -> Gate:
    """The gate of an engagement; ``words``: of decision, proposal, note and exception."""
    said, wanted, noted, accepted = words
    one, other = (
        organisation[OrganisationRole.CISO].person.id,
        organisation[OrganisationRole.ADMIN].person.id,
    )
    policy = policies.default(MONTHS)
    subject = str(uuid.uuid4())
    with database.transaction(SYSTEM) as session:
        engagement = session.get_one(Engagement, engagement_id)
        place = {"organisation_id": organisation.id, "engagement_id": engagement_id}
        facts = GateFacts(today=TODAY, tier=engagement.tier, tier_by_hand=True)
        proposal = decide(facts, policy)
        choice = Choice(
            "clear_with_conditions",
            (Condition(BY_HAND, subject, TODAY + timedelta(days=30), "blocked"),),
            proposal.latest,
        )
        salt = b"s" * 32
        text = canonical_json({"reason": said, "conditions": {subject: said}})
        decision = GateDecision(
            id=uuid.uuid4(), **place, sequence=1, method=proposal.method, outcome=choice.outcome,
            proposed_outcome=proposal.outcome, valid_until=choice.valid_until, policy_sequence=policy.sequence,
            policy=policy.to_bytes(), facts=stored.to_bytes(facts), proposal=stored.to_bytes(proposal),
            choice=stored.to_bytes(choice), ratings=[], words_commitment=sha256(salt + text).hexdigest(),
            decided_by=one, approved_by=other, decided_at=NOW,
        )  # fmt: skip
        waits = GateProposal(
            id=uuid.uuid4(), **place, outcome="clear", choice=stored.to_bytes(Choice("clear", (), proposal.latest)),
            facts=stored.to_bytes(facts), facts_hash=stored.facts_hash(facts),
            policy_sequence=policy.sequence, policy_hash=policy.content_hash,
            reason=wanted, words={subject: wanted}, state="waiting", proposed_by=one, proposed_at=NOW,
        )  # fmt: skip
        exception = RiskException(
            id=uuid.uuid4(), **place, code="finding", subject=str(uuid.uuid4()), measure=3, tier=engagement.tier,
            until=TODAY + timedelta(days=90), reason=accepted, state="approved", proposed_by=one, proposed_at=NOW,
            settled_by=other, settled_at=NOW,
        )  # fmt: skip
        session.add_all([decision, waits, exception])
        session.flush()
        ours = {"organisation_id": organisation.id}
        step = ConditionStep(
            id=uuid.uuid4(), **ours, decision_id=decision.id, subject=subject, sequence=1, state="met",
            taken_at=NOW, taken_by=other,
        )  # fmt: skip
        session.add_all(
            [
                step,
                DecisionWords(decision_id=decision.id, **ours, salt=salt, words=text),
                RiskExceptionStep(
                    id=uuid.uuid4(), **ours, exception_id=exception.id, sequence=1, state="approved",
                    until=exception.until, measure=3, taken_at=NOW, taken_by=other,
                ),
            ]
        )  # fmt: skip
        session.flush()
        session.add(ConditionNote(step_id=step.id, **ours, note=noted))
        # The services' own kinds come with them; law 5 asks for one event of the transaction.
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=one, subject=engagement)
        return Gate(decision.id, waits.id, subject, exception.id)
