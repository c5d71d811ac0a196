"""What is stored of a gate: a decision is worked out anew from its row, and its words go and leave it standing."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DatabaseError

from portal.access import OrganisationRole
from portal.db import SYSTEM, Database
from portal.erasure import service as erasure
from portal.erasure.service import Subject
from portal.gate import stored
from portal.gate.choosing import Choice, faults, needs_reason
from portal.gate.deciding import Decision, decide
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
from portal.gate.standing import Decided, effective
from portal.vendors import policy_parsing as policies
from tests.portal.scene import Scene
from tests.portal.world import NOW

SEALED = (GateDecision, ConditionStep, RiskExceptionStep)


def test_every_decision_is_worked_out_anew_from_its_row(database: Database, scene: Scene) -> None:
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(GateDecision)).all()
        words = {one.decision_id: one for one in session.scalars(select(DecisionWords))}
    assert len(rows) == len(scene.deals) == len(words)
    for row in rows:
        facts = stored.from_bytes(GateFacts, row.facts)
        policy = policies.read(row.policy, row.policy_sequence)
        made = decide(facts, policy)
        assert stored.to_bytes(made) == row.proposal
        assert (made.method, made.outcome) == (row.method, row.proposed_outcome)
        choice = stored.from_bytes(Choice, row.choice)
        assert (choice.outcome, choice.valid_until) == (row.outcome, row.valid_until)
        assert faults(choice, made, facts.today) == ()
        assert needs_reason(choice, made)
        kept = Decided(
            choice.outcome,
            stored.from_bytes(Decision, row.proposal),
            choice.conditions,
            choice.valid_until,
            policy,
        )
        assert effective(kept, facts, policy, facts.today).outcome == row.outcome
        beside = words[row.id]
        assert sha256(beside.salt + beside.words).hexdigest() == row.words_commitment


@pytest.mark.both_databases
@pytest.mark.parametrize("model", SEALED)
def test_what_was_decided_never_changes(database: Database, scene: Scene, model: Any) -> None:
    change = update(model).values(organisation_id=model.organisation_id).execution_options(unaudited=True)
    with pytest.raises(DatabaseError), database.transaction(SYSTEM) as session:
        session.execute(change)


def test_words_go_with_the_vendor_and_decisions_stay(database: Database, scene: Scene) -> None:
    deal = scene.deals[0]
    ciso, admin = deal.organisation[OrganisationRole.CISO], deal.organisation[OrganisationRole.ADMIN]
    others = len(scene.deals) - 1
    with database.transaction(ciso.scope) as session:
        row = erasure.propose(session, ciso, Subject("vendor", deal.vendor), "they left", now=NOW)
    with database.transaction(admin.scope) as session:
        erasure.approve(session, admin, row.id, now=NOW)
    with database.looking(SYSTEM) as session:
        assert len(session.scalars(select(GateDecision)).all()) == others + 1
        assert len(session.scalars(select(DecisionWords)).all()) == others
        assert len(session.scalars(select(ConditionNote)).all()) == others
        waits = session.scalars(
            select(GateProposal).where(GateProposal.engagement_id == deal.engagement)
        ).one()
        assert (waits.state, waits.reason, waits.words) == ("withdrawn", "", {})
        taken = session.scalars(
            select(RiskException).where(RiskException.engagement_id == deal.engagement)
        ).one()
        assert (taken.state, taken.reason) == ("approved", "")
