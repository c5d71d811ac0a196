"""What one person, or people who count as one, have done that makes the facts look better: nobody prepares a ground and
then decides on it.

Marks are taken away in loading_answers; here findings, the intake and steps of the contract. What a second person
approved (waivers, requirements settled as not needed, lower tiers, exceptions) is nobody's alone, unless both count as
one; a finding that was closed counts as closed by whoever proposed it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.contracts.schedule import FLAGGED, LADDER, WAIVED
from portal.findings.models import Finding, FindingEngagement, FindingStep
from portal.findings.queries import CLOSED, MERGED, STANDS, OpenFinding
from portal.intake.models import Intake, TierProposal
from portal.vendors.models import Engagement

AGREED, WEIGHED = "agreed", "severity"
Findings = Mapping[uuid.UUID, tuple[OpenFinding, ...]]


def findings_without(
    session: Session,
    organisation_id: uuid.UUID,
    engagement_ids: Collection[uuid.UUID],
    found: Findings,
    people: Collection[uuid.UUID],
) -> dict[uuid.UUID, tuple[OpenFinding, ...]]:
    """The open findings of engagements as if these people closed none, merged none into another, agreed to no plan and
    lowered no severity. Of a merge the other one keeps what it took on: that is never milder.
    """
    gone = _ended_by(session, organisation_id, engagement_ids, people)
    every = {one.id for some in (*found.values(), *gone.values()) for one in some}
    steps = set(
        session.execute(
            select(FindingStep.finding_id, FindingStep.kind, Finding.worst)
            .join(Finding, Finding.id == FindingStep.finding_id)
            .where(
                FindingStep.finding_id.in_(sorted(every)),
                FindingStep.by.in_(sorted(people)),
                FindingStep.kind.in_((AGREED, WEIGHED)),
                FindingStep.organisation_id == organisation_id,
                Finding.organisation_id == organisation_id,
            )
        ).all()
    )
    agreed = {finding for finding, kind, _worst in steps if kind == AGREED}
    weighed = {finding: worst for finding, kind, worst in steps if kind == WEIGHED}
    return {
        engagement: tuple(
            replace(
                one,
                due=None if one.id in agreed else one.due,
                severity=weighed.get(one.id, one.severity),
            )
            for one in (*some, *gone.get(engagement, ()))
        )
        for engagement, some in found.items()
    }


def _ended_by(
    session: Session,
    organisation_id: uuid.UUID,
    engagement_ids: Collection[uuid.UUID],
    people: Collection[uuid.UUID],
) -> dict[uuid.UUID, list[OpenFinding]]:
    """What these people closed, at its worst and without a plan, and what they merged into another, as it was."""
    rows: Iterable[Any] = session.execute(
        select(FindingEngagement.engagement_id, Finding.state, Finding.worst, *STANDS)
        .join(Finding, Finding.id == FindingEngagement.finding_id)
        .where(
            FindingEngagement.engagement_id.in_(engagement_ids),
            FindingEngagement.organisation_id == organisation_id,
            Finding.organisation_id == organisation_id,
            Finding.state.in_((CLOSED, MERGED)),
            Finding.closed_by.in_(sorted(people)),
        )
        .order_by(Finding.id)
    )
    found: dict[uuid.UUID, list[OpenFinding]] = {}
    for engagement, state, worst, *columns in rows:
        one = OpenFinding(*columns)
        found.setdefault(engagement, []).append(
            replace(one, severity=worst, due=None) if state == CLOSED else one
        )
    return found


def opened_alone(
    session: Session,
    organisation_id: uuid.UUID,
    engagement_ids: Collection[uuid.UUID],
    people: Collection[uuid.UUID],
) -> frozenset[uuid.UUID]:
    """The engagements whose tier rests on an intake that one of these people answered and nobody else approved."""
    approved = (
        select(TierProposal.id)
        .where(
            TierProposal.intake_id == Intake.id,
            TierProposal.state == "approved",
            TierProposal.settled_by.not_in(sorted(people)),
            TierProposal.organisation_id == organisation_id,
            Intake.organisation_id == organisation_id,
        )
        .correlate(Intake)
    )
    rows = session.execute(
        select(Engagement.id)
        .join(Intake, Intake.id == Engagement.intake_id)
        .where(
            Engagement.id.in_(engagement_ids),
            Intake.answered_by.in_(sorted(people)),
            ~approved.exists(),
            Engagement.organisation_id == organisation_id,
            Intake.organisation_id == organisation_id,
        )
    )
    return frozenset(rows.scalars())


def set_alone(
    session: Session,
    organisation_id: uuid.UUID,
    engagement_ids: Collection[uuid.UUID],
    people: Collection[uuid.UUID],
) -> frozenset[uuid.UUID]:
    """The engagements that nobody but these people put on record, with tier and facts by hand: later on nothing of
    that can be lowered by hand (vendors.less).
    """
    rows = session.execute(
        select(Event.subject_id).where(
            Event.organisation_id == organisation_id,
            Event.subject_id.in_(sorted(engagement_ids)),
            Event.kind == Kind.ENGAGEMENT_CREATED.value,
            Event.actor_id.is_not(None),
            Event.actor_id.not_in(sorted(people)),
        )
    )
    return frozenset(engagement_ids) - set(rows.scalars())


def steps_without(steps: Iterable[Any], people: Collection[uuid.UUID]) -> list[tuple[Any, str]]:
    """The steps of one item that count, the oldest first, each with the state after it: those of others, those that
    somebody else approved, and of these people's own the ones that lead back. Nobody's waiver moves the state.
    """
    found: list[tuple[Any, str]] = []
    state, dropped = FLAGGED, False
    for one in steps:
        own = one.by in people and (one.second_id is None or one.second_id in people)
        if own and (one.to_state == WAIVED or LADDER.index(one.to_state) >= LADDER.index(state)):
            dropped = True
            continue
        if one.to_state != WAIVED:
            state = one.to_state
        elif not dropped:
            state = one.from_state
        found.append((one, state))
    return found
