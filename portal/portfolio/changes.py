"""What is otherwise at engagements than on an earlier day: the list, and what the home page counts of it.

Then is the last record of a gate's standing on or before that day (gate.standing_models.StandingRecord); now is the
relation. An engagement without a record at that day is compared with nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import AssessmentEngagement, Submission
from portal.db import name_key
from portal.gate.standing_models import StandingRecord
from portal.gate.standings import Relation, joined
from portal.portfolio.engagement_lists import own
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor

FELL, ROSE, HIGHER, LOWER = "fell", "rose", "higher", "lower"
WORSE, BETTER, ASSESSED, NEW, ENDED = "worse", "better", "assessed", "new", "ended"
WHATS = (FELL, ROSE, HIGHER, LOWER, WORSE, BETTER, ASSESSED, NEW, ENDED)
OUTCOMES = ("clear", "clear_with_conditions", "pending", "blocked")  # rising: less may go ahead


@dataclass(frozen=True, slots=True)
class Filter:
    """``since``: the day that is compared with. ``what``: one of WHATS, "" is any of them."""

    since: date
    what: str = ""
    words: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One engagement: ``whats`` of WHATS; as it stood then and as it stands now, None where nobody knows."""

    engagement: Engagement
    vendor: Vendor
    whats: tuple[str, ...]
    then: Any | None
    level: int | None
    outcome: str | None


def address(narrowed: Filter) -> dict[str, str]:
    """The arguments of a link to the list."""
    found = {"since": narrowed.since.isoformat(), "what": narrowed.what, "q": narrowed.words}
    return {name: value for name, value in (found | {"tier": narrowed.tier}).items() if value}


def begins(session: Session, identity: Identity) -> date | None:
    """The day from which the record tells; None while there is none."""
    statement = select(func.min(StandingRecord.day)).where(*mine(identity.scope, StandingRecord))
    found: date | None = session.execute(statement).scalar_one()
    return found


class Compared:
    """Statements that compare now with one day, for one reader. ``zone``: where the day begins."""

    def __init__(self, identity: Identity, relation: Relation, since: date, zone: str) -> None:
        self.identity, self.relation = identity, relation
        self.start = datetime.combine(since, time(), ZoneInfo(zone)).astimezone(UTC)
        last = (
            select(StandingRecord.engagement_id, func.max(StandingRecord.sequence).label("sequence"))
            .where(StandingRecord.day <= since, *mine(identity.scope, StandingRecord))
            .group_by(StandingRecord.engagement_id)
            .subquery("last_record")
        )
        names = (StandingRecord.tier, StandingRecord.level, StandingRecord.outcome)
        self.then = (
            select(StandingRecord.engagement_id, *names)
            .join(
                last,
                and_(
                    last.c.engagement_id == StandingRecord.engagement_id,
                    last.c.sequence == StandingRecord.sequence,
                ),
            )
            .where(*mine(identity.scope, StandingRecord))
            .subquery("then")
        )
        self.tests = self._tests()

    def base(self, *columns: Any) -> Select[Any]:
        """Every engagement that the reader may see, those of offboarded vendors too, as now and as then."""
        return (
            select(*columns)
            .select_from(Engagement)
            .join(Vendor, Vendor.id == Engagement.vendor_id)
            .outerjoin(*joined(self.relation))
            .outerjoin(self.then, self.then.c.engagement_id == Engagement.id)
            .where(*own(self.identity))
        )

    def criteria(self, narrowed: Filter) -> list[ColumnElement[bool]]:
        found = [self.tests[narrowed.what] if narrowed.what else or_(*self.tests.values())]
        if narrowed.tier:
            found.append(Engagement.tier == narrowed.tier)
        if narrowed.words:
            key = name_key(narrowed.words)
            names = (Engagement.name_key, Vendor.name_key)
            found.append(or_(*(one.contains(key, autoescape=True) for one in names)))
        return found

    def ids(self, narrowed: Filter) -> Select[Any]:
        """What fits, the most critical first."""
        tier = case(*((Engagement.tier == one, at) for at, one in enumerate(TIERS)), else_=len(TIERS))
        found = self.base(Engagement.id).where(*self.criteria(narrowed))
        return found.order_by(tier, Vendor.name_key, Engagement.name_key, Engagement.id)

    def rows(self, session: Session, wanted: Sequence[uuid.UUID]) -> list[Change]:
        """These engagements in the order given, in one statement."""
        if not wanted:
            return []
        of, then = self.relation.of.c, self.then.c
        marks = [test.label(f"is_{what}") for what, test in self.tests.items()]
        statement = self.base(
            Engagement,
            Vendor,
            of.level.label("level"),
            of.outcome.label("outcome"),
            then.engagement_id.label("recorded"),
            then.tier.label("then_tier"),
            then.level.label("then_level"),
            then.outcome.label("then_outcome"),
            *marks,
        ).where(Engagement.id.in_(wanted))
        made = {}
        for one in session.execute(statement):
            whats = tuple(what for what in WHATS if one._mapping[f"is_{what}"])
            known = one if one.recorded is not None else None
            made[one.Engagement.id] = Change(one.Engagement, one.Vendor, whats, known, one.level, one.outcome)
        return [made[one] for one in wanted if one in made]

    def _tests(self) -> Mapping[str, ColumnElement[bool]]:
        of, then = self.relation.of.c, self.then.c
        here, identity = Vendor.offboarded_at.is_(None), self.identity
        tier_now = case(*((Engagement.tier == one, at) for at, one in enumerate(TIERS)))
        tier_then = case(*((then.tier == one, at) for at, one in enumerate(TIERS)))
        gate_now = case(*((of.outcome == one, at) for at, one in enumerate(OUTCOMES)))
        gate_then = case(*((then.outcome == one, at) for at, one in enumerate(OUTCOMES)))
        handed_in = (
            select(AssessmentEngagement.engagement_id)
            .join(Submission, Submission.assessment_id == AssessmentEngagement.assessment_id)
            .where(
                Submission.sealed_at >= self.start, *mine(identity.scope, AssessmentEngagement, Submission)
            )
        )
        return {
            FELL: and_(here, of.level < then.level),
            ROSE: and_(here, of.level > then.level),
            HIGHER: and_(here, tier_now < tier_then),
            LOWER: and_(here, tier_now > tier_then),
            WORSE: and_(here, gate_now > gate_then),
            BETTER: and_(here, gate_now < gate_then),
            ASSESSED: and_(here, Engagement.id.in_(handed_in)),
            NEW: and_(here, Engagement.created_at >= self.start),
            ENDED: Vendor.offboarded_at >= self.start,
        }
