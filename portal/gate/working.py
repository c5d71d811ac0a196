"""A gate as it is stored for lists and figures: its brief, how bad its bands are, and how long all that holds."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.gate import fresh, reading
from portal.gate.deciding import decide
from portal.gate.facts import GateFacts
from portal.gate.reading import Brief, Seen
from portal.gate.standing import effective
from portal.organisations.models import Organisation
from portal.vendors import policy_queries
from portal.vendors.policy import Policy
from questionnaires import requirements


@dataclass(frozen=True, slots=True)
class Rules:
    """What all gates of one organisation follow from, beside their own ground."""

    policy: Policy
    zone: str
    basis: str


@dataclass(frozen=True, slots=True)
class Worked:
    """One gate, worked out on ``day``; it holds before ``until``, as long as its ground does.

    ``level`` and ``high``: the worst and the best that the worst band of the demanded questionnaires may be, None =
    nobody can tell. ``submissions``: (slug, id, whether the policy demands it) of what counts.
    """

    brief: Brief
    tier: str
    ground_revision: int
    day: date
    until: date
    lapses_on: date | None
    level: int | None
    high: int | None
    missing: int
    excepted: int
    submissions: tuple[tuple[str, uuid.UUID, bool], ...]


def rules(session: Session, organisation_id: uuid.UUID) -> Rules:
    """What is in force, in two statements."""
    row: Any = session.execute(
        select(Organisation.zone, Organisation.regimes).where(Organisation.id == organisation_id)
    ).one()
    policy = policy_queries.current(session, organisation_id)
    catalogue = requirements.load().content_hash
    return Rules(policy, row.zone, fresh.basis(policy.content_hash, catalogue, row.zone, row.regimes))


def worked_out(
    session: Session,
    organisation_id: uuid.UUID,
    ids: Collection[uuid.UUID],
    in_force: Rules,
    *,
    now: datetime,
) -> dict[uuid.UUID, Worked]:
    """These gates of one organisation, in a fixed number of statements for at most loading.BATCH of them."""
    seen = reading.seen(session, organisation_id, ids, now=now, policy=in_force.policy)
    return {key: worked(one) for key, one in seen.items()}


def worked(one: Seen) -> Worked:
    """One gate from what it rests on. Pure."""
    facts, policy = one.loaded.facts, one.policy
    asked = policy.tier(facts.tier).demands(facts.personal)
    level, high = _band(facts, asked)
    return Worked(
        reading.brief(one),
        facts.tier,
        one.loaded.ground_revision,
        facts.today,
        fresh.fresh_until(facts, one.decided, policy, facts.today),
        fresh.lapses_on(facts, one.decided, policy, one.met, facts.today),
        level,
        high,
        len(set(asked) - {each.slug for each in facts.submitted}),
        sum(each.result == "excepted" for each in decide(facts, policy).grounds),
        tuple((each.slug, uuid.UUID(each.submission), each.slug in asked) for each in facts.submitted),
    )


def by_days(one: Seen, since: date) -> Iterator[tuple[date, str]]:
    """What counted on each day after ``since`` and up to the day of its facts on which it may have changed, the ground
    being what it is. Nothing where nobody has decided.
    """
    facts, today = one.loaded.facts, one.loaded.facts.today
    if one.decided is None:
        return
    for day in fresh.days(facts, one.decided, one.policy, since, until=today):
        yield day, effective(one.decided, facts, one.policy, day, one.met).outcome


def _band(facts: GateFacts, asked: Collection[str]) -> tuple[int | None, int | None]:
    """The worst of the demanded questionnaires that are there; a band that nobody can tell is no better than any."""
    bands = [(one.low, one.high) for one in facts.submitted if one.slug in asked]
    lows, highs = (
        [low for low, _ in bands if low is not None],
        [high for _, high in bands if high is not None],
    )
    if not bands or len(lows) < len(bands):
        return None, None
    return min(lows), min(highs)
