"""Redacting an answer reaches what people wrote about what they decided on it: their reasons may quote it (law 6).

On the contract schedule those are the requirements that any of the answers decided, in any evaluation so far. A
contract's reference and what was agreed for an open place are the contract's own words, and stay. At the gate they are
exceptions of grounds that rest on the answers, and all that was written at a decision, or a proposal to decide, whose
facts name a submission of them: nobody can tell which sentence quotes which answer.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.contracts.models import Evaluation
from portal.contracts.schedule_models import (
    ContractItem,
    ContractStep,
    ContractWords,
    Settlement,
    WaiverProposal,
)
from portal.erasure import engagement_words
from portal.erasure.reaching import Destroyed, end_and_empty, read, run
from portal.findings.models import Finding, FindingEngagement
from portal.gate.models import (
    GateDecision,
    GateProposal,
    RiskException,
)
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
    """Empty the reasons of waivers, settlements and steps of the requirements that answers to ``keys`` decided, and
    what was written at the gates of these engagements.
    """
    covered = select(AssessmentEngagement.engagement_id).where(
        AssessmentEngagement.assessment_id == assessment_id
    )
    engagements = [row[0] for row in read(session, covered)]
    _contracts(session, _decided(session, engagements, set(keys)), found, by, now)
    _exceptions(session, assessment_id, engagements, set(keys), found, by, now)
    _decisions(session, assessment_id, engagements, found, by, now)


def _contracts(
    session: Session, items: Collection[uuid.UUID], found: Destroyed, by: uuid.UUID | None, now: datetime
) -> None:
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


def _exceptions(
    session: Session,
    assessment_id: uuid.UUID,
    engagements: Collection[uuid.UUID],
    keys: set[str],
    found: Destroyed,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    """Reasons why a question, the band that it counts in, or a finding about it was taken as it is for a time."""
    ((slug,),) = read(session, select(Assessment.slug).where(Assessment.id == assessment_id))
    about = select(FindingEngagement.finding_id).where(FindingEngagement.engagement_id.in_(engagements))
    findings = read(
        session,
        select(Finding.id).where(Finding.id.in_(about), Finding.slug == slug, Finding.key.in_({*keys, ""})),
    )
    subjects = {slug, *(f"{slug}:{key}" for key in keys), *(str(one.id) for one in findings)}
    ours = RiskException.engagement_id.in_(engagements) & RiskException.subject.in_(subjects)
    end_and_empty(session, RiskException, ours, found, "gate_words", by=by, now=now)


def _decisions(
    session: Session,
    assessment_id: uuid.UUID,
    engagements: Collection[uuid.UUID],
    found: Destroyed,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    """Reasons and conditions of decisions that rested on submissions of the assessment, and notes that one is met."""
    rounds = read(session, select(Submission.id).where(Submission.assessment_id == assessment_id))
    names = {str(row.id) for row in rounds}

    def resting(model: Any) -> list[uuid.UUID]:
        wanted = select(model.id, model.facts).where(model.engagement_id.in_(engagements))
        return [row.id for row in read(session, wanted) if row.facts and names & _submissions(row.facts)]

    waits = GateProposal.id.in_(resting(GateProposal))
    end_and_empty(session, GateProposal, waits, found, "gate_words", by=by, now=now, words={})
    engagement_words.decided(session, resting(GateDecision), found)


def _submissions(facts: bytes) -> set[str]:
    """The submissions that a gate's facts rest on, and those before them that still count."""
    submitted = json.loads(facts)["submitted"]
    return {one["submission"] for each in submitted for one in (each, *each["former"])}
