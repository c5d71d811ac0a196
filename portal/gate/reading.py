"""What counts at each gate now: the decision that stands, whether it still holds, what the rules would propose today.

``standing`` reads everything for a page; ``briefs`` is for lists: what was worked out for one revision of an
engagement's ground is kept in the process (vendors.ground), so a list of thousands reads a few columns.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.clock import local_date
from portal.gate import loading, queries, stored
from portal.gate.choosing import Choice
from portal.gate.deciding import Condition, Decision, Outcome, decide
from portal.gate.loading import Loaded
from portal.gate.models import ConditionStep, GateDecision
from portal.gate.queries import MET
from portal.gate.standing import Decided, Effective, effective
from portal.organisations.models import Organisation
from portal.remembered import Remembered
from portal.vendors import policy_parsing, policy_queries
from portal.vendors.models import Engagement
from portal.vendors.policy import Policy
from questionnaires import requirements

Met = Mapping[uuid.UUID, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Standing:
    """One gate. ``decision``: the newest; None, as ``decided`` and ``effective``, while nobody has decided.

    ``met``: the conditions added by hand that are on record as met.
    """

    loaded: Loaded
    proposal: Decision
    decision: GateDecision | None = None
    decided: Decided | None = None
    effective: Effective | None = None
    met: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Brief:
    """One gate as a line of a list.

    ``outcome``: what counts today, None while nobody has decided; ``proposed``: what the rules propose today, and
    ``reasons`` the (code, subject) of what makes it so. ``lapses``: why less counts than was decided. ``open``:
    conditions still to be met, ``late`` those that were not met by their day.
    """

    outcome: Outcome | None
    proposed: Outcome
    reasons: tuple[tuple[str, str], ...]
    lapses: tuple[tuple[str, str], ...] = ()
    open: tuple[Condition, ...] = ()
    valid_until: date | None = None
    decided_outcome: Outcome | None = None
    decision_id: uuid.UUID | None = None
    decided_at: datetime | None = None
    late: tuple[Condition, ...] = ()

    @property
    def lapsed(self) -> bool:
        """Whether less counts than what a person decided."""
        return self.outcome != self.decided_outcome


_briefs: Remembered[Brief] = Remembered(50_000)
_policies: Remembered[Policy] = Remembered(200)


def standing(
    session: Session, organisation_id: uuid.UUID, engagement_ids: Collection[uuid.UUID], *, now: datetime
) -> dict[uuid.UUID, Standing]:
    """Each of these gates with all its facts, in a fixed number of statements; engagements of others are left out."""
    policy = policy_queries.current(session, organisation_id)
    rows = session.execute(
        select(GateDecision)
        .join(*_newest(organisation_id, engagement_ids))
        .where(GateDecision.organisation_id == organisation_id)
    ).scalars()
    decisions = {one.engagement_id: one for one in rows}
    met = _met(session, organisation_id, [one.id for one in decisions.values()])
    found = {}
    policies = {key: (policy, queries.decided_of(row).policy) for key, row in decisions.items()}
    loads = loading.many(session, organisation_id, engagement_ids, now=now, policies=policies)
    for key, loaded in loads.items():
        proposal, row = decide(loaded.facts, policy), decisions.get(key)
        if row is None:
            found[key] = Standing(loaded, proposal)
            continue
        decided = queries.decided_of(row)
        done = met.get(row.id, frozenset())
        holds = effective(decided, loaded.facts, policy, loaded.facts.today, done)
        found[key] = Standing(loaded, proposal, row, decided, holds, done)
    return found


def briefs(
    session: Session,
    organisation_id: uuid.UUID,
    engagement_ids: Collection[uuid.UUID] | None = None,
    *,
    now: datetime,
    policy: Policy | None = None,
) -> dict[uuid.UUID, Brief]:
    """A line for each of these engagements (None: all of the organisation), in a fixed number of statements.

    Only gates whose ground moved since this process looked last are worked out anew. ``policy``: another than the one
    in force, such as a draft.
    """
    policy = policy_queries.current(session, organisation_id) if policy is None else policy
    zone, regimes = session.execute(
        select(Organisation.zone, Organisation.regimes).where(Organisation.id == organisation_id)
    ).one()
    decisions = _light(session, organisation_id, engagement_ids)
    met = _met(session, organisation_id, None)
    catalogue = requirements.load().content_hash
    basis = (policy.content_hash, catalogue, local_date(now, zone), zone, tuple(regimes))
    keys: dict[uuid.UUID, tuple[Any, ...]] = {}
    for one in _revisions(session, organisation_id, engagement_ids):
        row = decisions.get(one.id)
        said = None if row is None else (row.id, met.get(row.id, frozenset()))
        keys[one.id] = (one.id, one.ground_revision, said, *basis)
    known = {one: _briefs.known(key) for one, key in keys.items()}
    missing = iter([one for one, each in known.items() if each is None])
    found = {one: each for one, each in known.items() if each is not None}
    while batch := list(islice(missing, loading.BATCH)):
        rested = seen(session, organisation_id, batch, now=now, policy=policy, met=met)
        made = {one: brief(each) for one, each in rested.items()}
        for one, each in made.items():
            _briefs.keep(keys[one], each)
        found |= made
    return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What one gate rests on as one transaction finds it. ``row``: the newest decision's columns, None without one;
    ``met``: subjects of its conditions added by hand that have been met.
    """

    loaded: Loaded
    policy: Policy
    row: Any = None
    decided: Decided | None = None
    met: frozenset[str] = frozenset()


def seen(
    session: Session,
    organisation_id: uuid.UUID,
    ids: Collection[uuid.UUID],
    *,
    now: datetime,
    policy: Policy,
    met: Met | None = None,
) -> dict[uuid.UUID, Seen]:
    """What these gates rest on, in a fixed number of statements for at most loading.BATCH of them.

    ``met``: what ``_met`` gives for all decisions, where the caller has read it already.
    """
    rows: Iterable[Any] = session.execute(
        select(
            GateDecision.id,
            GateDecision.engagement_id,
            GateDecision.proposal,
            GateDecision.choice,
            GateDecision.policy,
            GateDecision.policy_sequence,
            GateDecision.decided_at,
            GateDecision.decided_by,
            GateDecision.approved_by,
        )
        .join(*_newest(organisation_id, ids))
        .where(GateDecision.organisation_id == organisation_id)
    )
    decisions = {one.engagement_id: (one, _decided(one)) for one in rows}
    if met is None:
        met = _met(session, organisation_id, [row.id for row, _ in decisions.values()])
    policies = {key: (policy, decided.policy) for key, (_row, decided) in decisions.items()}
    found = {}
    for key, one in loading.many(session, organisation_id, ids, now=now, policies=policies).items():
        row, decided = decisions.get(key, (None, None))
        held = met.get(row.id, frozenset()) if row is not None else frozenset()
        found[key] = Seen(one, policy, row, decided, held)
    return found


def brief(one: Seen) -> Brief:
    """One gate as a line of a list, on the day of its facts."""
    facts = one.loaded.facts
    proposal = decide(facts, one.policy)
    reasons = tuple(each.key for each in proposal.reasons)
    if one.decided is None:
        return Brief(None, proposal.outcome, reasons)
    holds = effective(one.decided, facts, one.policy, facts.today, one.met)
    return Brief(
        holds.outcome,
        proposal.outcome,
        reasons,
        tuple((each.code, each.subject) for each in holds.lapses),
        holds.open,
        holds.valid_until,
        one.decided.outcome,
        one.row.id,
        one.row.decided_at,
        holds.late,
    )


def _decided(row: Any) -> Decided:
    """As queries.decided_of, without keeping one of each of thousands."""
    choice = stored.from_bytes(Choice, row.choice)
    return Decided(
        choice.outcome,
        stored.from_bytes(Decision, row.proposal),
        choice.conditions,
        choice.valid_until,
        _policies.get(row.policy, lambda: policy_parsing.read(row.policy, row.policy_sequence)),
        queries.people_of(row),
    )


# ------------------------------------------------------------------------------------------------------------- reading


def _among(column: Any, ids: Collection[uuid.UUID] | None) -> list[Any]:
    return [] if ids is None else [column.in_(sorted(ids))]


def _newest(organisation_id: uuid.UUID, ids: Collection[uuid.UUID] | None) -> tuple[Any, Any]:
    """What decisions are joined with, to keep the newest of each engagement."""
    last = (
        select(GateDecision.engagement_id, func.max(GateDecision.sequence).label("sequence"))
        .where(GateDecision.organisation_id == organisation_id, *_among(GateDecision.engagement_id, ids))
        .group_by(GateDecision.engagement_id)
        .subquery()
    )
    return last, (last.c.engagement_id == GateDecision.engagement_id) & (
        last.c.sequence == GateDecision.sequence
    )


def _light(
    session: Session, organisation_id: uuid.UUID, ids: Collection[uuid.UUID] | None
) -> dict[uuid.UUID, Any]:
    rows: Iterable[Any] = session.execute(
        select(GateDecision.id, GateDecision.engagement_id)
        .join(*_newest(organisation_id, ids))
        .where(GateDecision.organisation_id == organisation_id)
    )
    return {one.engagement_id: one for one in rows}


def _revisions(
    session: Session, organisation_id: uuid.UUID, ids: Collection[uuid.UUID] | None
) -> Iterable[Any]:
    return session.execute(
        select(Engagement.id, Engagement.ground_revision).where(
            Engagement.organisation_id == organisation_id, *_among(Engagement.id, ids)
        )
    )


def _met(
    session: Session, organisation_id: uuid.UUID, decisions: Collection[uuid.UUID] | None
) -> dict[uuid.UUID, frozenset[str]]:
    """Conditions added by hand whose newest step says that they are met, by decision."""
    rows = session.execute(
        select(ConditionStep.decision_id, ConditionStep.subject, ConditionStep.state)
        .where(
            ConditionStep.organisation_id == organisation_id, *_among(ConditionStep.decision_id, decisions)
        )
        .order_by(ConditionStep.decision_id, ConditionStep.subject, ConditionStep.sequence)
    )
    states = {(decision, subject): state for decision, subject, state in rows}
    found: dict[uuid.UUID, set[str]] = {}
    for (decision, subject), state in states.items():
        if state == MET:
            found.setdefault(decision, set()).add(subject)
    return {decision: frozenset(subjects) for decision, subjects in found.items()}
