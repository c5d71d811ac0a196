"""Reading a contract schedule: each item with its outcome, where it stands, its words, and what waits for somebody."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from sqlalchemy.orm import Session

from portal.access import Identity, scoped
from portal.contracts import queries
from portal.contracts.clause_queries import SHIPPED, Clause, newest_clauses
from portal.contracts.models import Evaluation
from portal.contracts.queries import Point
from portal.contracts.schedule import (
    FLAGGED,
    NOT_REQUIRED,
    REQUIRED,
    UNDETERMINED,
    WAIVED,
    Agreed,
    Standing,
    Waiver,
    Wanted,
    fingerprint,
    standing,
)
from portal.contracts.schedule_models import (
    ContractFile,
    ContractItem,
    ContractStep,
    ContractWords,
    Settlement,
    WaiverProposal,
)
from portal.faults import NotFound
from portal.vendors.models import Engagement, Vendor

WAITING, STANDING = "waiting", "standing"
GAP = "{value}"
Waits = TypeVar("Waits", WaiverProposal, Settlement)


@dataclass(frozen=True, slots=True)
class Step:
    """A step with its words; they are empty once destroyed, all of them or the reason alone (``removed``)."""

    row: ContractStep
    reference: str
    reason: str
    value: str
    removed: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the schedule. ``outcome`` counts a settlement that holds; ``point.outcome`` is as evaluated.

    ``revision``: of the requirement; ``basis``: the fingerprint that a settlement of it rests on. ``contract``: the
    step that put it in the contract, while it is there. ``proposal``, ``settlement``: what waits for a second person.
    """

    item: ContractItem
    point: Point
    revision: int
    basis: str
    outcome: str
    standing: Standing
    clause: Clause
    value: str
    steps: tuple[Step, ...]
    contract: Step | None
    proposal: WaiverProposal | None
    waiting: Settlement | None
    settled: Settlement | None

    @property
    def text(self) -> str:
        """The clause in use, with its placeholders."""
        return self.point.clause if self.clause.text is None else self.clause.text

    @property
    def lacks_value(self) -> bool:
        return GAP in self.text and not self.value

    @property
    def called(self) -> bool:
        """Whether the contract needs it: an open ``must`` counts as required."""
        return self.outcome == REQUIRED or (self.outcome == UNDETERMINED and self.point.must)

    @property
    def sequence(self) -> int:
        """The number of the newest step, 0 for none: what a form says that it has seen."""
        return self.steps[-1].row.sequence if self.steps else 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The items of an engagement with its present company: called for first, ``must`` before ``should``."""

    lines: tuple[Line, ...]
    evaluation: Evaluation | None

    @property
    def called(self) -> tuple[Line, ...]:
        return tuple(one for one in self.lines if one.called)

    @property
    def idle(self) -> tuple[Line, ...]:
        """What was called for once and is not now."""
        return tuple(one for one in self.lines if not one.called)

    def line(self, item_id: uuid.UUID) -> Line:
        """Raises NotFound."""
        found = next((one for one in self.lines if one.item.id == item_id), None)
        if found is None:
            raise NotFound
        return found


def read(
    session: Session, identity: Identity, engagement: Engagement, vendor: Vendor, today: date
) -> Schedule:
    """The schedule on ``today``. Items of a company that the vendor was linked to before are left out."""
    evaluation = queries.newest(session, identity, [engagement.id]).get(engagement.id)
    if vendor.company_id is None:
        return Schedule((), evaluation)
    items = list(
        session.execute(
            scoped(identity, ContractItem)
            .where(ContractItem.engagement_id == engagement.id, ContractItem.company_id == vendor.company_id)
            .order_by(ContractItem.key)
        ).scalars()
    )
    now = _points(session, evaluation)
    missing = [one for one in items if one.key not in now]
    before = _retired(session, identity, missing)
    steps = _steps(session, identity, [one.id for one in items])
    clauses = newest_clauses(session, identity, [one.key for one in items])
    proposals = _waiting_waivers(session, identity, [one.id for one in items])
    settlements = _settlements(session, identity, [one.id for one in items])
    lines = []
    for item in items:
        point, revision, basis = now.get(item.key) or before[item.key]
        own = settlements.get(item.id, [])
        lines.append(
            _line(
                item,
                point,
                revision,
                basis,
                engagement.tier,
                clauses.get(item.key, SHIPPED),
                steps.get(item.id, ()),
                proposals.get(item.id),
                [one for one in own if one.basis == basis],
                today,
            )
        )
    lines.sort(key=lambda one: (not one.called, not one.point.must, one.point.topic, one.item.key))
    return Schedule(tuple(lines), evaluation)


def _line(
    item: ContractItem,
    point: Point,
    revision: int,
    basis: str,
    tier: str,
    clause: Clause,
    steps: tuple[Step, ...],
    proposal: WaiverProposal | None,
    settlements: list[Settlement],
    today: date,
) -> Line:
    standing_one = next((one for one in settlements if one.state == STANDING), None)
    open_one = point.outcome == UNDETERMINED
    settled = standing_one if open_one else None
    value = steps[-1].value if steps else ""
    contract = next((one for one in reversed(steps) if one.row.signed is not None), None)
    agreed = None
    if contract is not None and contract.row.signed is not None:
        row = contract.row
        agreed = Agreed(
            row.requirement_revision, row.clause, contract.value, contract.row.signed, row.contract_until
        )
    last = steps[-1].row if steps else None
    waiver = None
    if last is not None and last.to_state == WAIVED and last.waived_until is not None:
        waiver = Waiver(last.waived_until, last.requirement_revision, last.tier)
    state = FLAGGED if last is None else last.from_state if last.to_state == WAIVED else last.to_state
    return Line(
        item=item,
        point=point,
        revision=revision,
        basis=basis,
        outcome=settled.outcome if settled is not None else point.outcome,
        standing=standing(state, agreed, waiver, Wanted(revision, clause.number, value, tier), today),
        clause=clause,
        value=value,
        steps=steps,
        contract=contract if state == "in_contract" else None,
        proposal=proposal,
        waiting=next((one for one in settlements if one.state == WAITING), None) if open_one else None,
        settled=settled,
    )


def _points(session: Session, evaluation: Evaluation | None) -> dict[str, tuple[Point, int, str]]:
    """Requirement key -> (point for the organisation, revision, fingerprint)."""
    if evaluation is None:
        return {}
    found = queries.points(session, [evaluation], "organisation")
    raws = {one["key"]: one for one in json.loads(evaluation.outcomes)}
    every = (*found.required, *found.undetermined, *found.not_required)
    return {one.key: (one, int(raws[one.key]["revision"]), fingerprint(raws[one.key])) for one in every}


def _retired(
    session: Session, identity: Identity, items: list[ContractItem]
) -> dict[str, tuple[Point, int, str]]:
    """Requirements that the catalogue holds no more, as they first read; nothing calls for them now."""
    wanted = {one.evaluation_id for one in items}
    if not wanted:
        return {}
    rows = session.execute(scoped(identity, Evaluation).where(Evaluation.id.in_(wanted))).scalars()
    points = {row.id: _points(session, row) for row in rows}
    found = {}
    for one in items:
        point, revision, basis = points[one.evaluation_id][one.key]
        found[one.key] = (replace(point, outcome=NOT_REQUIRED, reason="", decided_by=()), revision, basis)
    return found


def _steps(
    session: Session, identity: Identity, ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, tuple[Step, ...]]:
    wanted = list(ids)
    rows = list(
        session.execute(
            scoped(identity, ContractStep)
            .where(ContractStep.item_id.in_(wanted))
            .order_by(ContractStep.item_id, ContractStep.sequence)
        ).scalars()
    )
    beside = session.execute(
        scoped(identity, ContractWords).where(ContractWords.step_id.in_([one.id for one in rows]))
    ).scalars()
    words: dict[uuid.UUID, Mapping[str, str]] = {}
    whole = set()
    for one in beside:
        words[one.step_id] = json.loads(one.words)
        if one.salt:  # without it a part was taken out: a reason that may have quoted what was redacted
            whole.add(one.step_id)
    found: dict[uuid.UUID, tuple[Step, ...]] = {}
    for row in rows:
        said = words.get(row.id, {})
        step = Step(
            row,
            said.get("reference", ""),
            said.get("reason", ""),
            said.get("value", ""),
            row.id not in whole,
        )
        found[row.item_id] = (*found.get(row.item_id, ()), step)
    return found


def _waiting_waivers(
    session: Session, identity: Identity, ids: list[uuid.UUID]
) -> dict[uuid.UUID, WaiverProposal]:
    rows = session.execute(
        scoped(identity, WaiverProposal).where(
            WaiverProposal.item_id.in_(ids), WaiverProposal.state == WAITING
        )
    ).scalars()
    return {one.item_id: one for one in rows}


def _settlements(
    session: Session, identity: Identity, ids: list[uuid.UUID]
) -> dict[uuid.UUID, list[Settlement]]:
    rows = session.execute(
        scoped(identity, Settlement)
        .where(Settlement.item_id.in_(ids), Settlement.state.in_((WAITING, STANDING)))
        .order_by(Settlement.proposed_at.desc(), Settlement.id)
    ).scalars()
    found: dict[uuid.UUID, list[Settlement]] = {}
    for one in rows:
        found.setdefault(one.item_id, []).append(one)
    return found


# ------------------------------------------------------------------------ signed contracts, and what waits


def files(session: Session, identity: Identity, engagement_id: uuid.UUID) -> list[ContractFile]:
    """The signed contracts of an engagement that are still there, newest first."""
    return list(
        session.execute(
            scoped(identity, ContractFile)
            .where(ContractFile.engagement_id == engagement_id, ContractFile.storage_key.is_not(None))
            .order_by(ContractFile.uploaded_at.desc(), ContractFile.id)
        ).scalars()
    )


def file(session: Session, identity: Identity, engagement_id: uuid.UUID, file_id: uuid.UUID) -> ContractFile:
    """One signed contract of an engagement, or NotFound."""
    found: ContractFile | None = session.execute(
        scoped(identity, ContractFile).where(
            ContractFile.engagement_id == engagement_id, ContractFile.id == file_id
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def waiver(
    session: Session, identity: Identity, engagement_id: uuid.UUID, proposal_id: uuid.UUID
) -> WaiverProposal:
    """A proposal to waive an item of the engagement, settled or not; NotFound."""
    return _of_an_item(session, identity, WaiverProposal, engagement_id, proposal_id)


def settlement(
    session: Session, identity: Identity, engagement_id: uuid.UUID, settlement_id: uuid.UUID
) -> Settlement:
    """A settlement of an item of the engagement, in any state; NotFound."""
    return _of_an_item(session, identity, Settlement, engagement_id, settlement_id)


def _of_an_item(
    session: Session, identity: Identity, model: type[Waits], engagement_id: uuid.UUID, row_id: uuid.UUID
) -> Waits:
    """A row that waits or waited for a second person, of one of the engagement's items; NotFound."""
    found: Waits | None = session.execute(
        scoped(identity, model, ContractItem)
        .with_only_columns(model)
        .where(
            model.id == row_id,
            ContractItem.id == model.item_id,
            ContractItem.engagement_id == engagement_id,
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found
