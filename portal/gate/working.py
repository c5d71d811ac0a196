"""A gate as it is stored for lists and figures: its brief, how bad its bands are, and how long all that holds."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.gate import fresh, reading
from portal.gate.bands import bands
from portal.gate.deciding import decide
from portal.gate.reading import Brief, Seen
from portal.gate.standing import effective
from portal.organisations.models import Organisation
from portal.vendors import policy_queries
from portal.vendors.policy import Policy
from questionnaires import requirements

log = logging.getLogger("portal.gate")

# What a row that is not as it should be raises on its way through the rules; what the database raises is not among it.
DEFECTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Rules:
    """What all gates of one organisation follow from, beside their own ground."""

    policy: Policy
    zone: str
    basis: str


@dataclass(frozen=True, slots=True)
class Worked:
    """One gate, worked out on ``day``; it holds before ``until``, as long as its ground does.

    ``level``, ``high`` and ``missing``: as in bands.Bands. ``submissions``: (slug, id, whether the policy demands it)
    of what counts.
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


@dataclass(frozen=True, slots=True)
class Looked:
    """Gates as one transaction found them, and worked out; ``failed``: those that cannot be."""

    seen: dict[uuid.UUID, Seen] = field(default_factory=dict)
    made: dict[uuid.UUID, Worked] = field(default_factory=dict)
    failed: set[uuid.UUID] = field(default_factory=set)


def rules(session: Session, organisation_id: uuid.UUID) -> Rules:
    """What is in force, in two statements."""
    row: Any = session.execute(
        select(Organisation.zone, Organisation.regimes).where(Organisation.id == organisation_id)
    ).one()
    policy = policy_queries.current(session, organisation_id)
    catalogue = requirements.load().content_hash
    return Rules(policy, row.zone, fresh.basis(policy.content_hash, catalogue, row.zone, row.regimes))


def looked_at(
    session: Session,
    organisation_id: uuid.UUID,
    ids: Collection[uuid.UUID],
    in_force: Rules,
    *,
    now: datetime,
) -> Looked:
    """These gates of one organisation, in a fixed number of statements for at most loading.BATCH of them.

    Where one of them cannot be worked out, each is looked at alone: it stops no other.
    """
    found = Looked()
    if not ids:
        return found
    try:
        _look(session, organisation_id, ids, in_force, now, found)
    except DEFECTS:
        for one in ids:
            if one not in found.made:
                try:
                    _look(session, organisation_id, [one], in_force, now, found)
                except DEFECTS:
                    log.exception("the gate of engagement %s cannot be worked out", one)
                    found.seen.pop(one, None)
                    found.failed.add(one)
    return found


def _look(
    session: Session,
    organisation_id: uuid.UUID,
    ids: Collection[uuid.UUID],
    in_force: Rules,
    now: datetime,
    found: Looked,
) -> None:
    seen = reading.seen(session, organisation_id, ids, now=now, policy=in_force.policy)
    for key, one in seen.items():
        found.made[key] = worked(key, one)
        found.seen[key] = one


def worked(key: uuid.UUID, one: Seen) -> Worked:
    """The gate of the engagement ``key`` from what it rests on. Pure."""
    facts, policy = one.loaded.facts, one.policy
    asked = policy.tier(facts.tier).demands(facts.personal)
    grounds = decide(facts, policy).grounds
    found = bands(grounds)
    return Worked(
        reading.brief(one),
        facts.tier,
        one.loaded.ground_revision,
        facts.today,
        min(
            fresh.fresh_until(facts, one.decided, policy, facts.today),
            facts.today + fresh.held_days(key) * fresh.DAY,
        ),
        fresh.lapses_on(facts, one.decided, policy, one.met, facts.today),
        found.low,
        found.high,
        found.missing,
        sum(each.result == "excepted" for each in grounds),
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
