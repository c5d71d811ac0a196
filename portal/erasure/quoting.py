"""Redacting an answer reaches what people wrote about what they decided on it: their reasons may quote it (law 6).

On the contract schedule those are the requirements that any of the answers decided, in any evaluation so far. A
contract's reference and what was agreed for an open place are the contract's own words, and stay.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.assessments.models import AssessmentEngagement
from portal.contracts.models import Evaluation
from portal.contracts.schedule_models import (
    ContractItem,
    ContractStep,
    ContractWords,
    Settlement,
    WaiverProposal,
)
from portal.erasure.reaching import Destroyed, end_and_empty, read, run
from questionnaires.canonical import canonical_json


def reasons(
    session: Session,
    assessment_id: uuid.UUID,
    keys: Collection[str],
    found: Destroyed,
    *,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    """Empty the reasons of waivers, settlements and steps of the requirements that answers to ``keys`` decided."""
    covered = select(AssessmentEngagement.engagement_id).where(
        AssessmentEngagement.assessment_id == assessment_id
    )
    items = _decided(session, [row[0] for row in read(session, covered)], set(keys))
    if not items:
        return
    for model in (WaiverProposal, Settlement):
        end_and_empty(session, model, model.item_id.in_(items), found, "contract_words", by=by, now=now)
    of_them = select(ContractStep.id).where(ContractStep.item_id.in_(items))
    for row in read(
        session,
        select(ContractWords.step_id, ContractWords.words).where(ContractWords.step_id.in_(of_them)),
    ):
        words = json.loads(row.words)
        if words["reason"]:
            # Without its salt the commitment of the step proves nothing about what is left.
            left = {"salt": b"", "words": canonical_json(words | {"reason": ""})}
            emptied = update(ContractWords).where(ContractWords.step_id == row.step_id).values(**left)
            found.add("contract_words", run(session, emptied))


def _decided(session: Session, engagements: Collection[uuid.UUID], keys: set[str]) -> list[uuid.UUID]:
    """Items of these engagements whose requirement any of ``keys`` decided, or would settle."""
    named: dict[uuid.UUID, set[str]] = {}
    rows = read(
        session,
        select(Evaluation.engagement_id, Evaluation.outcomes).where(
            Evaluation.engagement_id.in_(engagements)
        ),
    )
    for row in rows:
        named.setdefault(row.engagement_id, set()).update(
            one["key"]
            for one in json.loads(row.outcomes)
            if keys & {*one["decided_by"], *one["would_settle"]}
        )
    items = read(
        session,
        select(ContractItem.id, ContractItem.engagement_id, ContractItem.key).where(
            ContractItem.engagement_id.in_(engagements)
        ),
    )
    return [one.id for one in items if one.key in named.get(one.engagement_id, ())]
