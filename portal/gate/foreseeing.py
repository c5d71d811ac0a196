"""What a draft of the policy would change at the gates: what the rules propose, and which decisions would not stand."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.gate import reading
from portal.gate.deciding import OUTCOMES, Outcome
from portal.gate.reading import Brief
from portal.vendors.policy import Policy


@dataclass(frozen=True, slots=True)
class Change:
    """One engagement whose proposal or standing decision would be another one."""

    engagement: uuid.UUID
    before: Brief
    after: Brief

    @property
    def proposal(self) -> bool:
        return self.before.proposed != self.after.proposed

    @property
    def decision(self) -> bool:
        return self.before.outcome != self.after.outcome


@dataclass(frozen=True)
class Preview:
    """``engagements``: how many were looked at. ``changes``: decisions that would count less first, then by id.

    ``proposals`` and ``decisions``: (before, after) -> how many; decisions that count otherwise, and proposals.
    """

    engagements: int
    changes: tuple[Change, ...]

    @property
    def proposals(self) -> dict[tuple[Outcome, Outcome], int]:
        found = Counter((one.before.proposed, one.after.proposed) for one in self.changes if one.proposal)
        return _ordered(found)

    @property
    def decisions(self) -> dict[tuple[Outcome, Outcome], int]:
        found = Counter(
            (one.before.outcome, one.after.outcome)
            for one in self.changes
            if one.decision and one.before.outcome is not None and one.after.outcome is not None
        )
        return _ordered(found)


def preview(
    session: Session,
    organisation_id: uuid.UUID,
    draft: Policy,
    engagement_ids: Collection[uuid.UUID] | None = None,
    *,
    now: datetime,
) -> Preview:
    """What would change on the day that ``draft`` comes into force; ``engagement_ids``: None for all of them.

    A decision keeps its own policy beside the present one, and the stricter counts: a draft that asks for less makes
    no standing decision better, it changes what would be proposed.
    """
    before = reading.briefs(session, organisation_id, engagement_ids, now=now)
    after = reading.briefs(session, organisation_id, engagement_ids, now=now, policy=draft)
    changes = [
        Change(one, before[one], after[one])
        for one in sorted(before)
        if one in after and _differ(before[one], after[one])
    ]
    changes.sort(key=lambda one: not one.decision)
    return Preview(len(before), tuple(changes))


def _differ(before: Brief, after: Brief) -> bool:
    return (before.outcome, before.proposed) != (after.outcome, after.proposed)


def _ordered(found: Counter[tuple[Outcome, Outcome]]) -> dict[tuple[Outcome, Outcome], int]:
    order = {outcome: at for at, outcome in enumerate(OUTCOMES)}
    return dict(sorted(found.items(), key=lambda one: (order[one[0][0]], order[one[0][1]])))
