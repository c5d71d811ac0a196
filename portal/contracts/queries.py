"""Reading evaluations: the newest of each engagement, as points for one of the two sides."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.contracts.models import Catalogue, Evaluation, EvaluationReasons
from questionnaires.facts import FACTS

Side = Literal["organisation", "company"]
# What weighs more when several engagements stand behind one page.
_ORDER = {"required": 0, "undetermined": 1, "not_required": 2}


@dataclass(frozen=True, slots=True)
class Point:
    """One requirement and its outcome, as one side may read it: ``reason`` is written for that side alone.

    ``outcome``: ``required``, ``undetermined`` or ``not_required``. ``would_settle`` names question keys and
    facts, and is empty for a company.
    """

    key: str
    topic: str
    title: str
    must: bool
    citations: tuple[str, ...]
    duty: str
    clause: str
    outcome: str
    reason: str
    decided_by: tuple[str, ...] = ()
    would_settle: tuple[str, ...] = ()
    engagements: tuple[uuid.UUID, ...] = ()

    @property
    def open_facts(self) -> tuple[str, ...]:
        """Facts that nobody has stated yet and that would settle the point."""
        return tuple(name for name in self.would_settle if name in FACTS)

    @property
    def open_answers(self) -> tuple[str, ...]:
        """Questions whose answer is missing, doubted, or was never asked for."""
        return tuple(name for name in self.would_settle if name not in FACTS)


@dataclass(frozen=True, slots=True)
class Points:
    """The points of one or more evaluations: required, undetermined, not required; must before should in each."""

    required: tuple[Point, ...]
    undetermined: tuple[Point, ...]
    not_required: tuple[Point, ...]
    evaluated_at: datetime | None

    @property
    def empty(self) -> bool:
        return not (self.required or self.undetermined or self.not_required)


def newest(
    session: Session, identity: Identity, engagement_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, Evaluation]:
    """The newest evaluation of each engagement that has one."""
    if not engagement_ids:
        return {}
    last = session.execute(
        select(Evaluation.engagement_id, func.max(Evaluation.sequence))
        .where(Evaluation.engagement_id.in_(engagement_ids), *mine(identity.scope, Evaluation))
        .group_by(Evaluation.engagement_id)
    )
    rows = session.execute(
        scoped(identity, Evaluation).where(
            tuple_(Evaluation.engagement_id, Evaluation.sequence).in_([tuple(one) for one in last])
        )
    ).scalars()
    return {one.engagement_id: one for one in rows}


def points(session: Session, evaluations: Iterable[Evaluation], side: Side) -> Points:
    """The points of evaluations as ``side`` reads them; of several outcomes of one requirement the weightier.

    All belong to one tenant of ``side``. A reason is empty once it was redacted. The company's side never learns more
    than ``reason_vendor``: the organisation's reason, the facts and the names of what decided are not even read into
    its points.
    """
    found: dict[str, Point] = {}
    moments: list[datetime] = []
    evaluations = list(evaluations)
    said = _reasons(session, evaluations, side)
    for evaluation in evaluations:
        moments.append(evaluation.evaluated_at)
        catalogue = _catalogue(session, evaluation.catalogue_hash)
        for raw in json.loads(evaluation.outcomes):
            reason = said.get(evaluation.id, {}).get(raw["key"], ("", ""))[0 if side == "organisation" else 1]
            point = _point(catalogue[raw["key"]], raw, side, evaluation.engagement_id, reason)
            found[point.key] = _weightier(found.get(point.key), point)
    ordered = sorted(found.values(), key=lambda one: not one.must)
    by_outcome = {name: tuple(one for one in ordered if one.outcome == name) for name in _ORDER}
    return Points(**by_outcome, evaluated_at=max(moments, default=None))


def told_vendor(session: Session, identity: Identity, evaluation: Evaluation) -> dict[str, str]:
    """Requirement key -> its reason as the vendor may read it, for papers that go to them; {} once redacted."""
    row = session.execute(
        scoped(identity, EvaluationReasons).where(EvaluationReasons.evaluation_id == evaluation.id)
    ).scalar_one_or_none()
    return {} if row is None else {key: said[1] for key, said in json.loads(row.reasons).items()}


def _weightier(known: Point | None, new: Point) -> Point:
    if known is None or _ORDER[new.outcome] < _ORDER[known.outcome]:
        return new
    if new.outcome == known.outcome:
        return replace(known, engagements=(*known.engagements, *new.engagements))
    return known


def _point(
    requirement: Mapping[str, Any], raw: Mapping[str, Any], side: Side, engagement_id: uuid.UUID, reason: str
) -> Point:
    ours = side == "organisation"
    return Point(
        key=raw["key"],
        topic=requirement["topic"],
        title=requirement["title"],
        must=requirement["severity"] == "must",
        citations=tuple(requirement["citations"]),
        duty=requirement["duty"],
        clause=requirement["clause"],
        outcome=raw["outcome"],
        reason=reason,
        decided_by=tuple(raw["decided_by"]) if ours else (),
        would_settle=tuple(raw["would_settle"]) if ours else (),
        engagements=(engagement_id,),
    )


def _reasons(
    session: Session, evaluations: list[Evaluation], side: Side
) -> dict[uuid.UUID, dict[str, tuple[str, str]]]:
    """The sentences of evaluations, by requirement key; those that were redacted are not there."""
    if not evaluations:
        return {}
    one = evaluations[0]
    tenant = (
        EvaluationReasons.organisation_id == one.organisation_id
        if side == "organisation"
        else EvaluationReasons.company_id == one.company_id
    )
    rows = session.execute(
        select(EvaluationReasons).where(
            tenant, EvaluationReasons.evaluation_id.in_([each.id for each in evaluations])
        )
    ).scalars()
    return {row.evaluation_id: json.loads(row.reasons) for row in rows}


def _catalogue(session: Session, catalogue_hash: str) -> dict[str, Mapping[str, Any]]:
    """The requirements of a stored catalogue by key."""
    canonical = session.execute(
        select(Catalogue.canonical).where(Catalogue.catalogue_hash == catalogue_hash)
    ).scalar_one()
    return {one["key"]: one for one in json.loads(canonical)}
