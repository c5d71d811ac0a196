"""What is otherwise at engagements than on an earlier day: the list, and what the home page counts of it.

Then is when that day began: the last record of a gate's standing of the days before it
(gate.standing_models.StandingRecord). Now is the relation. So what happened on the day itself is a change, whatever its
kind. An engagement without a record before that day is compared with nothing.
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
from portal.gate.standing_models import StandingRecord
from portal.gate.standings import Relation, joined
from portal.portfolio.engagement_lists import own
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import narrowed_to, own_engagements

FELL, ROSE, HIGHER, LOWER = "fell", "rose", "higher", "lower"
LOST, GAINED = "lost", "gained"  # a band: nothing that counts shows one any more, or something does at last
WORSE, BETTER, ASSESSED, NEW, ENDED = "worse", "better", "assessed", "new", "ended"
WHATS = (FELL, ROSE, LOST, GAINED, WORSE, BETTER, HIGHER, LOWER, ASSESSED, NEW, ENDED)
# Rising: less may go ahead. Where nobody has decided, purchasing waits, as where it is pending.
OUTCOMES = ("clear", "clear_with_conditions", "pending", "blocked")
PENDING = OUTCOMES.index("pending")


@dataclass(frozen=True, slots=True)
class Filter:
    """``since``: the day that is compared with. ``what``: one of WHATS, "" is any of them."""

    since: date
    what: str = ""
    words: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One engagement: ``whats`` of WHATS; as it stood then and as it stands now, None where nobody knows. ``known``:
    whether its gate is worked out, without which neither level nor outcome says anything.
    """

    engagement: Engagement
    vendor: Vendor
    whats: tuple[str, ...]
    then: Any | None
    level: int | None
    outcome: str | None
    known: bool = True


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
        # Backwards from an engagement's newest record: what is read follows what happened since, not all that ever did.
        newest = (
            select(StandingRecord.sequence)
            .where(
                StandingRecord.engagement_id == Engagement.id,
                StandingRecord.day < since,
                *mine(identity.scope, StandingRecord),
            )
            .order_by(StandingRecord.sequence.desc())
            .limit(1)
            .correlate(Engagement)
            .scalar_subquery()
        )
        last = (
            select(Engagement.id.label("engagement_id"), newest.label("sequence"))
            .where(*own_engagements(identity))
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
        return [*found, *narrowed_to(narrowed.words, narrowed.tier)]

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
            of.engagement_id.label("stands"),
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
            made[one.Engagement.id] = Change(
                one.Engagement, one.Vendor, whats, known, one.level, one.outcome, one.stands is not None
            )
        return [made[one] for one in wanted if one in made]

    def _tests(self) -> Mapping[str, ColumnElement[bool]]:
        of, then = self.relation.of.c, self.then.c
        here, identity = Vendor.offboarded_at.is_(None), self.identity
        tier_now = case(*((Engagement.tier == one, at) for at, one in enumerate(TIERS)))
        tier_then = case(*((then.tier == one, at) for at, one in enumerate(TIERS)))
        gate_now = _gate(of.outcome, of.engagement_id)
        gate_then = _gate(then.outcome, then.engagement_id)
        was, is_ = then.engagement_id.is_not(None), of.engagement_id.is_not(None)
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
            LOST: and_(here, was, is_, of.level.is_(None), then.level.is_not(None)),
            GAINED: and_(here, was, is_, of.level.is_not(None), then.level.is_(None)),
            HIGHER: and_(here, tier_now < tier_then),
            LOWER: and_(here, tier_now > tier_then),
            WORSE: and_(here, gate_now > gate_then),
            BETTER: and_(here, gate_now < gate_then),
            ASSESSED: and_(here, Engagement.id.in_(handed_in)),
            NEW: and_(here, Engagement.created_at >= self.start),
            ENDED: Vendor.offboarded_at >= self.start,
        }


def _gate(outcome: Any, known: Any) -> Any:
    """How little may go ahead, to be compared; NULL where nothing is known of the gate."""
    ranks = ((outcome == one, at) for at, one in enumerate(OUTCOMES))
    return case(*ranks, (and_(known.is_not(None), outcome.is_(None)), PENDING))
