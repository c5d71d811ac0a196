"""When each engagement is assessed next: from the anchor by the months of its tier, worked out anew when what it rests
on has changed. The stored date is checked against that at the head of each pass of the worker.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from portal.assessments.models import Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.gate.standing_models import BriefSubmission
from portal.organisations.models import Organisation
from portal.reassessment import rules, workdays
from portal.reassessment.models import Reassessment
from portal.reassessment.rules import Rules
from portal.vendors import policy_queries
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor
from portal.vendors.policy import Policy, touches_personal
from questionnaires.canonical import canonical_json
from questionnaires.dates import MAX_DATE, add_months, roll

AT_ONCE = 500
SCHEDULED, ENDED, LEFT = "scheduled", "ended", "left"
TIER, POLICY, HAND = "tier", "policy", "hand"


def due_of(anchor: date, cycle: int, months: int, *, wanted: date | None, not_before: date | None) -> date:
    """``months`` times ``cycle`` after the anchor, or ``wanted`` if that is earlier, but never before ``not_before``.

    Counted from the anchor, never from the date before: of 31 January come 28 February and then 31 March.
    """
    due = min(add_months(anchor, months * cycle), MAX_DATE)
    if wanted is not None:
        due = min(due, wanted)
    return due if not_before is None else max(due, not_before)


def cycle_of(anchor: date, months: int, as_of: date) -> int:
    """Of an anchor that is kept: the first cycle whose date is after ``as_of``."""
    cycle = 1
    while min(add_months(anchor, months * cycle), MAX_DATE) <= as_of and cycle < 1200:
        cycle += 1
    return cycle


def basis(policy: Policy, tier: str, found: Rules) -> str:
    """What the date of a row rests on beside its own columns, as one hash."""
    return sha256(canonical_json([policy.sequence, policy.content_hash, tier, found.late])).hexdigest()


@dataclass(frozen=True, slots=True)
class Dated:
    """The date of a row, and what it follows from."""

    due: date
    tier: str
    months: int
    cycle: int
    wanted: date | None
    not_before: date | None
    why: str


def moved(row: Any, tier: str, months: int, *, today: date, earliest: date) -> Dated:
    """What the date of a scheduled row becomes for this tier and so many months. Pure.

    ``earliest``: the day before which no change pulls a date. What is overdue keeps its date: nothing gets better by a
    change of rules; and nothing is pulled nearer than the notice, unless it was as near before. ``row.answered``: the
    day of the answers, which is later than an anchor that was kept; cycles are counted up to it in the months of now.
    """
    why = TIER if tier != row.tier else POLICY
    cycle = cycle_of(row.anchor, months, row.answered)
    due = due_of(row.anchor, cycle, months, wanted=row.wanted, not_before=row.not_before)
    if due == row.due:
        return Dated(due, tier, months, cycle, row.wanted, row.not_before, row.why)
    if row.due < today:
        return Dated(row.due, tier, months, cycle, row.due, row.due, row.why)
    if due < row.due and due < earliest:
        not_before = min(row.due, earliest)
        return Dated(max(due, not_before), tier, months, cycle, row.wanted, not_before, why)
    return Dated(due, tier, months, cycle, row.wanted, row.not_before, why)


def work_out(database: Database, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Bring every scheduled row up to date; returns how many were written. Any number of workers may run."""
    with database.looking(SYSTEM) as session:
        places = session.execute(
            select(Organisation.id, Organisation.region)
            .where(Organisation.closed_at.is_(None))
            .order_by(Organisation.id)
        ).all()
    done = 0
    for place in places:
        after: uuid.UUID | None = None
        while not stopping():
            with database.looking(SYSTEM) as session:
                in_force = InForce.of(session, place.id, place.region)
                rows = stale(session, place.id, in_force, after)
            if rows:
                done += _write(database, rows, in_force, now=now)
            if len(rows) < AT_ONCE:
                break
            after = rows[-1].id
    return done


@dataclass(frozen=True, slots=True)
class InForce:
    """What the dates of one organisation follow from."""

    policy: Policy
    rules: Rules
    calendar: workdays.Calendar
    bases: Mapping[str, str]

    @classmethod
    def of(
        cls, session: Session, organisation_id: uuid.UUID, region: str, found: Rules | None = None
    ) -> InForce:
        """``found``: rules to go by in place of those in force."""
        policy = policy_queries.current(session, organisation_id)
        found = found or rules.current(session, organisation_id)
        calendar = workdays.calendars(session, [region])[region]
        return cls(policy, found, calendar, {tier: basis(policy, tier, found) for tier in TIERS})

    def earliest(self, today: date) -> date:
        """The day before which no change pulls a date."""
        return roll(today + timedelta(days=self.rules.notice_days), self.calendar.working, back=False)

    def demands(self, slug: str, tier: str, facts: Mapping[str, Any]) -> bool:
        return slug in self.policy.tier(tier).demands(touches_personal(facts))


def stale(
    session: Session, organisation_id: uuid.UUID, in_force: InForce, after: uuid.UUID | None
) -> Sequence[Any]:
    """Rows that may have to change: of another basis, of a vendor that is gone, or of which the gate knows that nobody
    demands them any more, or again.
    """
    expected = case(in_force.bases, value=Engagement.tier, else_="")
    gone = or_(Vendor.offboarded_at.is_not(None), Vendor.company_id.is_distinct_from(Reassessment.company_id))
    left = (Reassessment.state == LEFT) & (Reassessment.why == POLICY)
    statement = (
        select(
            *(Reassessment.id, Reassessment.slug, Reassessment.anchor, Reassessment.cycle, Reassessment.due),
            *(Reassessment.wanted, Reassessment.not_before, Reassessment.why, Reassessment.basis),
            *(Reassessment.zone, Reassessment.tier, Reassessment.state, Reassessment.organisation_id),
            *(Reassessment.company_id, Engagement.tier.label("tier_now"), Engagement.facts),
            *(gone.label("gone"), func.coalesce(Submission.whole_as_of, Submission.as_of).label("answered")),
        )
        .join(Engagement, Engagement.id == Reassessment.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Submission, Submission.id == Reassessment.submission_id)
        .outerjoin(
            BriefSubmission,
            (BriefSubmission.engagement_id == Reassessment.engagement_id)
            & (BriefSubmission.slug == Reassessment.slug),
        )
        .where(
            Reassessment.organisation_id == organisation_id,
            or_(Reassessment.state == SCHEDULED, left),
            or_(
                Reassessment.basis != expected,
                gone,
                (Reassessment.state == SCHEDULED) & BriefSubmission.demanded.is_(False),
                left & BriefSubmission.demanded.is_(True),
            ),
        )
        .order_by(Reassessment.id)
        .limit(AT_ONCE)
    )
    if after is not None:
        statement = statement.where(Reassessment.id > after)
    return session.execute(statement).all()


def _write(database: Database, rows: Sequence[Any], in_force: InForce, *, now: datetime) -> int:
    """One short transaction; a row that somebody else has changed since it was read is left for the next pass."""
    done = 0
    with database.transaction() as session:
        for row in rows:
            values, kind, data = change(row, in_force, now)
            if not values:
                continue
            written = session.execute(
                update(Reassessment)
                .where(
                    Reassessment.id == row.id,
                    Reassessment.state == row.state,
                    Reassessment.basis == row.basis,
                    Reassessment.due == row.due,
                )
                .values(**values)
                .returning(Reassessment.id)
                .execution_options(
                    synchronize_session=False,
                    unaudited="a date that did not move is only marked as looked at",
                )
            ).first()
            if written is None:
                continue
            done += 1
            if kind is not None:
                subject = session.scalars(select(Reassessment).where(Reassessment.id == row.id)).one()
                record(session, kind, now=now, actor=None, subject=subject, data=data, ours=True)
    return done


def change(row: Any, in_force: InForce, now: datetime) -> tuple[dict[str, Any], Kind | None, dict[str, Any]]:
    """(columns to write, the event's kind or None, what it says) of one row; nothing to write: ({}, None, {})."""
    if row.gone:
        return {"state": ENDED}, Kind.REASSESSMENT_LEFT, {"why": ENDED}
    tier: str = row.tier_now
    new_basis = in_force.bases[tier]
    demanded = in_force.demands(row.slug, tier, row.facts)
    if not demanded:
        if row.state == LEFT:
            return ({"basis": new_basis}, None, {}) if row.basis != new_basis else ({}, None, {})
        left = {"state": LEFT, "why": POLICY, "basis": new_basis, "hindered": "", "hindered_on": None}
        return left, Kind.REASSESSMENT_LEFT, {"why": POLICY}
    today = local_date(now, row.zone)
    months = in_force.policy.tier(tier).months
    found = moved(row, tier, months, today=today, earliest=in_force.earliest(today))
    values: dict[str, Any] = {
        "state": SCHEDULED,
        "basis": new_basis,
        "tier": found.tier,
        "months": found.months,
        "cycle": found.cycle,
        "due": found.due,
        "wanted": found.wanted,
        "not_before": found.not_before,
        "why": found.why if row.state == SCHEDULED else POLICY,
    }
    if found.due == row.due and row.state == SCHEDULED:
        return ({}, None, {}) if row.basis == new_basis else (values, None, {})
    data = {"before": row.due, "due": found.due, "why": values["why"], "tier": tier, "months": months}
    return values, Kind.REASSESSMENT_MOVED, data
