"""What gates read of contracts: how far each ``must`` is, for many engagements in a fixed number of statements."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.clock import local_date
from portal.contracts.models import Evaluation
from portal.contracts.schedule import (
    FLAGGED,
    IN_CONTRACT,
    NOT_REQUIRED,
    UNDETERMINED,
    WAIVED,
    Agreed,
    Waiver,
    Wanted,
    fingerprint,
    standing,
)
from portal.contracts.schedule_models import (
    ClauseText,
    ContractItem,
    ContractStep,
    ContractWords,
    Settlement,
)
from portal.contracts.schedule_queries import STANDING
from portal.gate import own_acts
from portal.gate.facts import GateFacts, Requirement
from questionnaires.requirements import load


@dataclass(frozen=True)
class Contracts:
    """The newest evaluation of each engagement, its items by key, and what hangs on them by item; clauses by key.

    ``steps``: those that count, each with the state after it, without waivers.
    """

    evaluations: Mapping[uuid.UUID, Any]
    items: Mapping[uuid.UUID, Mapping[str, Any]]
    steps: Mapping[uuid.UUID, Sequence[tuple[Any, str]]]
    settled: Mapping[uuid.UUID, Sequence[Any]]
    clauses: Mapping[str, int]


def contracts(
    session: Session,
    organisation_id: uuid.UUID,
    companies: Mapping[uuid.UUID, uuid.UUID | None],
    without: Collection[uuid.UUID] = (),
) -> Contracts:
    """``companies``: engagement -> the company that its vendor is linked to now; what others agreed to is left out.

    ``without``: as if these people had taken no step forward and settled nothing among themselves.
    """
    engagements = sorted(companies)
    evaluations = {
        one.engagement_id: one
        for one in _evaluations(session, organisation_id, engagements)
        if one.company_id == companies[one.engagement_id]
    }
    items: dict[uuid.UUID, dict[str, Any]] = {}
    rows = session.execute(
        select(
            ContractItem.id,
            ContractItem.engagement_id,
            ContractItem.company_id,
            ContractItem.key,
            ContractItem.flagged_at,
        ).where(ContractItem.engagement_id.in_(engagements), ContractItem.organisation_id == organisation_id)
    )
    for one in rows:
        if one.company_id == companies[one.engagement_id]:
            items.setdefault(one.engagement_id, {})[one.key] = one
    ours = _items(organisation_id, engagements)
    return Contracts(
        evaluations,
        items,
        {
            item: own_acts.steps_without(some, without)
            for item, some in _grouped(_steps(session, organisation_id, ours)).items()
        },
        _grouped(
            one
            for one in _settlements(session, organisation_id, ours)
            if not (one.proposed_by in without and one.settled_by in without)
        ),
        dict(
            session.execute(
                select(ClauseText.key, func.max(ClauseText.sequence))
                .where(ClauseText.organisation_id == organisation_id)
                .group_by(ClauseText.key)
            ).all()
        ),
    )


def requirements(engagement: uuid.UUID, found: Contracts, tier: str, zone: str) -> tuple[Requirement, ...]:
    """Each ``must`` that the newest evaluation calls for or leaves open, as two people may have settled it."""
    evaluation = found.evaluations.get(engagement)
    raws = [] if evaluation is None else json.loads(evaluation.outcomes)
    musts = [one for one in raws if one["severity"] == "must" and one["outcome"] != NOT_REQUIRED]
    items = found.items.get(engagement, {})
    return tuple(
        _requirement(raw["key"], raw["revision"], _outcome(raw, item, found), item, found, tier, zone)
        for raw, item in ((one, items.get(one["key"])) for one in musts)
    )


def foreseen(
    engagement: uuid.UUID, found: Contracts, called: Mapping[str, Any], facts: GateFacts, zone: str
) -> tuple[Requirement, ...]:
    """The musts of ``facts``, and those that are ``called`` for besides: key -> outcome.

    As far as the contract holds one of them already, it does; what it was never asked for is called for from today on.
    """
    known = {one.key: replace(one, outcome=called.get(one.key, one.outcome)) for one in facts.requirements}
    items, catalogue = found.items.get(engagement, {}), load()
    for key, outcome in called.items():
        if key not in known and (one := catalogue.get(key)) is not None:
            asked = _requirement(key, one.revision, outcome, items.get(key), found, facts.tier, zone)
            known[key] = replace(asked, since=asked.since or facts.today)
    return tuple(known.values())


def _requirement(
    key: str, revision: int, outcome: Any, item: Any, found: Contracts, tier: str, zone: str
) -> Requirement:
    if item is None:
        return Requirement(key, outcome, FLAGGED)
    steps, clause = found.steps.get(item.id, ()), found.clauses.get(item.key, 0)
    last, state = steps[-1] if steps else (None, FLAGGED)
    contract = next((one for one, _state in reversed(steps) if one.signed is not None), None)
    wanted = Wanted(revision, clause, _value(last), tier)
    agreed = (
        None
        if contract is None
        else Agreed(contract.requirement_revision, contract.clause, _value(contract), contract.signed)
    )
    waiver = (
        Waiver(last.waived_until, last.requirement_revision, last.tier)
        if last is not None and last.to_state == WAIVED and last.waived_until is not None
        else None
    )
    # As of no day: until when it holds stands in the facts, and whoever reads them knows the day.
    now = standing(state, agreed, waiver, wanted, date.min)
    return Requirement(
        key,
        outcome,
        state,
        not now.older,
        _day(item.flagged_at, zone),
        contract.contract_until if contract is not None and state == IN_CONTRACT else None,
        now.waived_until,
        waiver.tier if waiver is not None and now.waived_until is not None else None,
    )


def _outcome(raw: Mapping[str, Any], item: Any, found: Contracts) -> Any:
    """What two people settled of an open one holds while it is open for the same reason."""
    settled = found.settled.get(item.id, ()) if item is not None else ()
    if settled and raw["outcome"] == UNDETERMINED:
        basis = fingerprint(raw)
        return next((one.outcome for one in settled if one.basis == basis), raw["outcome"])
    return raw["outcome"]


def _value(step: Any) -> str:
    return "" if step is None or step.words is None else str(json.loads(step.words).get("value", ""))


def _day(instant: datetime, zone: str) -> date:
    return local_date(instant, zone)


# ------------------------------------------------------------------------------------------------------------- reading


def _grouped(rows: Iterable[Any]) -> dict[uuid.UUID, list[Any]]:
    found: dict[uuid.UUID, list[Any]] = {}
    for one in rows:
        found.setdefault(one.item_id, []).append(one)
    return found


def _items(organisation_id: uuid.UUID, engagements: Collection[uuid.UUID]) -> Any:
    return select(ContractItem.id).where(
        ContractItem.engagement_id.in_(engagements), ContractItem.organisation_id == organisation_id
    )


def _evaluations(
    session: Session, organisation_id: uuid.UUID, engagements: Collection[uuid.UUID]
) -> Iterable[Any]:
    last = (
        select(Evaluation.engagement_id, func.max(Evaluation.sequence).label("sequence"))
        .where(Evaluation.engagement_id.in_(engagements), Evaluation.organisation_id == organisation_id)
        .group_by(Evaluation.engagement_id)
        .subquery()
    )
    return session.execute(
        select(
            Evaluation.id,
            Evaluation.engagement_id,
            Evaluation.company_id,
            Evaluation.catalogue_hash,
            Evaluation.facts,
            Evaluation.submissions,
            Evaluation.outcomes,
        )
        .join(
            last,
            (last.c.engagement_id == Evaluation.engagement_id) & (last.c.sequence == Evaluation.sequence),
        )
        .where(Evaluation.organisation_id == organisation_id)
    )


def _steps(session: Session, organisation_id: uuid.UUID, items: Any) -> Iterable[Any]:
    return session.execute(
        select(
            ContractStep.item_id,
            ContractStep.from_state,
            ContractStep.to_state,
            ContractStep.requirement_revision,
            ContractStep.clause,
            ContractStep.signed,
            ContractStep.contract_until,
            ContractStep.waived_until,
            ContractStep.tier,
            ContractStep.by,
            ContractStep.second_id,
            ContractWords.words,
        )
        .outerjoin(
            ContractWords,
            (ContractWords.step_id == ContractStep.id) & (ContractWords.organisation_id == organisation_id),
        )
        .where(ContractStep.item_id.in_(items), ContractStep.organisation_id == organisation_id)
        .order_by(ContractStep.item_id, ContractStep.sequence)
    )


def _settlements(session: Session, organisation_id: uuid.UUID, items: Any) -> Iterable[Any]:
    return session.execute(
        select(
            Settlement.item_id,
            Settlement.outcome,
            Settlement.basis,
            Settlement.proposed_by,
            Settlement.settled_by,
        )
        .where(
            Settlement.item_id.in_(items),
            Settlement.state == STANDING,
            Settlement.organisation_id == organisation_id,
        )
        .order_by(Settlement.proposed_at.desc(), Settlement.id)
    )
