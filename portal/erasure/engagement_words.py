"""What was written about engagements: at intakes, on contract schedules, at the gate. Codes, days and hashes stay."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from portal.contracts.schedule_models import (
    ContractFile,
    ContractItem,
    ContractStep,
    ContractWords,
    Settlement,
    WaiverProposal,
)
from portal.erasure.models import DoomedFile
from portal.erasure.reaching import GONE, Destroyed, end_and_empty, read, run
from portal.gate.models import (
    ConditionNote,
    ConditionStep,
    DecisionWords,
    GateDecision,
    GateProposal,
    RiskException,
)
from portal.gate.standing_models import BriefCondition, BriefSubmission, GateBrief
from portal.intake.models import Intake, IntakeAnswers, TierProposal
from portal.vendors.ground import ground_moved
from portal.vendors.models import Engagement


def destroy(
    session: Session,
    engagements: Collection[uuid.UUID],
    found: Destroyed,
    *,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    """All of it, for engagements of a vendor that leaves. What waits for a second person ends."""
    _intakes(session, engagements, found, by, now)
    _contracts(session, engagements, found, by, now)
    _gates(session, engagements, found, by, now)


def intake(
    session: Session, intake_id: uuid.UUID, found: Destroyed, *, by: uuid.UUID | None, now: datetime
) -> None:
    """The answers of one intake; of the one that holds also the description that the engagement took from them.

    Tier and facts are codes, and stay. One that waits for a second person ends: nobody could read what it says.
    """
    rows = read(session, select(Intake.organisation_id, Intake.engagement_id).where(Intake.id == intake_id))
    for one in rows:
        ground_moved(session, one.organisation_id, [one.engagement_id])
    gone = delete(IntakeAnswers).where(IntakeAnswers.intake_id == intake_id)
    found.add("intake_answers", run(session, gone))
    waits = TierProposal.intake_id == intake_id
    end_and_empty(session, TierProposal, waits, found, "intake_answers", by=by, now=now)
    moved = {"waiting_intake_id": None, "revision": Engagement.revision + 1}
    run(session, update(Engagement).where(Engagement.waiting_intake_id == intake_id).values(**moved))
    told = (Engagement.intake_id == intake_id) & (Engagement.description != "")
    emptied = {"description": "", "revision": Engagement.revision + 1}
    found.add("engagements", run(session, update(Engagement).where(told).values(**emptied)))


def _intakes(
    session: Session,
    engagements: Collection[uuid.UUID],
    found: Destroyed,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    of_them = select(Intake.id).where(Intake.engagement_id.in_(engagements))
    found.add(
        "intake_answers", run(session, delete(IntakeAnswers).where(IntakeAnswers.intake_id.in_(of_them)))
    )
    ours = TierProposal.engagement_id.in_(engagements)
    end_and_empty(session, TierProposal, ours, found, "intake_answers", by=by, now=now)
    those = Engagement.id.in_(engagements)
    run(session, update(Engagement).where(those).values(waiting_intake_id=None))


def _contracts(
    session: Session,
    engagements: Collection[uuid.UUID],
    found: Destroyed,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    """What was written on contract schedules, and the signed files."""
    items = select(ContractItem.id).where(ContractItem.engagement_id.in_(engagements))
    of_them = select(ContractStep.id).where(ContractStep.item_id.in_(items))
    gone = delete(ContractWords).where(ContractWords.step_id.in_(of_them))
    found.add("contract_words", run(session, gone))
    for model in (WaiverProposal, Settlement):
        end_and_empty(session, model, model.item_id.in_(items), found, "contract_words", by=by, now=now)
    held = ContractFile.engagement_id.in_(engagements) & ContractFile.storage_key.is_not(None)
    for row in read(
        session, select(ContractFile.id, ContractFile.storage_key, ContractFile.sha256).where(held)
    ):
        session.add(DoomedFile(storage_key=row.storage_key, doomed_at=now))
        found.files.add(row.sha256)
        emptied = {"storage_key": None, "filename": GONE}
        one = update(ContractFile).where(ContractFile.id == row.id).values(**emptied)
        found.add("contract_files", run(session, one))


def _gates(
    session: Session,
    engagements: Collection[uuid.UUID],
    found: Destroyed,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    """The words of decisions, conditions and exceptions."""
    decided(session, select(GateDecision.id).where(GateDecision.engagement_id.in_(engagements)), found)
    ours = GateProposal.engagement_id.in_(engagements)
    end_and_empty(session, GateProposal, ours, found, "gate_words", by=by, now=now, words={})
    ours = RiskException.engagement_id.in_(engagements)
    end_and_empty(session, RiskException, ours, found, "gate_words", by=by, now=now)
    for model in (BriefCondition, BriefSubmission):
        run(session, delete(model).where(model.engagement_id.in_(engagements)))
    found.add("standings", run(session, delete(GateBrief).where(GateBrief.engagement_id.in_(engagements))))


def decided(session: Session, decisions: Any, found: Destroyed) -> None:
    """The words of decisions, by a list or a select of their ids, and the notes that a condition of them is met."""
    steps = select(ConditionStep.id).where(ConditionStep.decision_id.in_(decisions))
    for statement in (
        delete(DecisionWords).where(DecisionWords.decision_id.in_(decisions)),
        delete(ConditionNote).where(ConditionNote.step_id.in_(steps)),
    ):
        found.add("gate_words", run(session, statement))
