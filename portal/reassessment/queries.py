"""What is coming: next assessments and open ones by date, why on that date, and their reminders."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.organisations import queries as organisations
from portal.paging import SIZE, Page, paged
from portal.reassessment import agenda, outcomes, rules, workdays
from portal.reassessment.ladder import Moment, Step, ahead, days_of
from portal.reassessment.models import Reassessment
from portal.reassessment.months import PARTS, bounds
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement

OPEN, SCHEDULED = "open", "scheduled"
# What a period of the filter covers, in days from today: (first, last); None has no end.
PERIODS: dict[str, tuple[int | None, int | None]] = {
    "all": (None, None),
    "late": (None, -1),
    "30": (0, 30),
    "90": (0, 90),
    "365": (0, 365),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list of next assessments is narrowed to. ``period``: one of PERIODS; ``month``: like 2026-12, "" is any;
    ``part``: the upper or the lower half of the tiers (PARTS), by the engagement's tier of now, "" is both.
    """

    period: str = "all"
    month: str = ""
    part: str = ""
    only: uuid.UUID | None = None  # one row


@dataclass(frozen=True, slots=True)
class Told:
    """A step on record, whom its letters have told and when first, who is still to be told; ``skipped``: why it told
    nobody and will not, else "".
    """

    step: Step
    names: tuple[str, ...]
    at: datetime | None
    waits: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Coming:
    """One row of the schedule, with the reason for its date and its ladder."""

    id: uuid.UUID
    kind: str
    vendor_id: uuid.UUID
    vendor: str
    engagements: tuple[Engagement, ...]
    title: str
    due: date
    told: tuple[Told, ...]
    coming: Moment | None
    tier: str = ""
    anchor: date | None = None
    months: int = 0  # since the anchor: those of the tier for each cycle
    why: str = ""  # what has drawn the date away from that
    out: Assessment | None = None  # the next assessment, when it is issued already
    answered: int = 0
    total: int = 0
    joined: bool = True
    hindered: str = ""  # why it could not be opened, since then
    hindered_on: date | None = None

    @property
    def next_step(self) -> Step | None:
        return self.coming.step if self.coming else None

    @property
    def next_day(self) -> date | None:
        return self.coming.day if self.coming else None


def next_due(session: Session, identity: Identity, submission_id: uuid.UUID) -> date | None:
    """When the first next assessment after a submission is due, for either side; None once a newer one has set it."""
    found: date | None = session.execute(
        select(func.min(Reassessment.due)).where(
            *mine(identity.scope, Reassessment),
            Reassessment.submission_id == submission_id,
            Reassessment.state == SCHEDULED,
        )
    ).scalar_one()
    return found


def counts(session: Session, identity: Identity) -> dict[str, int]:
    """How many next assessments are scheduled and how many assessments are open, as far as the identity sees them."""
    return {
        "next": _count(session, next_base(identity, Reassessment)),
        "open": _count(session, open_base(identity)),
    }


def _count(session: Session, statement: Select[Any]) -> int:
    counted = statement.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return int(session.execute(counted).scalar_one())


def next_assessments(
    session: Session, identity: Identity, narrowed: Filter, *, today: date, number: int, size: int = SIZE
) -> Page[Coming]:
    """Scheduled next assessments by date."""
    statement = next_base(identity, Reassessment).where(*next_criteria(narrowed, today=today))
    page = paged(session, statement.order_by(Reassessment.due, Reassessment.id), number, size=size)
    found: list[Reassessment] = page.rows
    engagements = vendors.engagements(session, identity, {one.engagement_id for one in found})
    names = vendors.vendors(session, identity, {one.vendor_id for one in engagements.values()})
    named = titles(session, identity, found)
    out = _out(session, identity, found)
    told = _told(session, identity, {one.id: one.due for one in found})
    coming = _coming(session, identity, {"reassessment": [one.id for one in found]}, today=today)
    rows = []
    for one in found:
        engagement = engagements[one.engagement_id]
        issued = out.get((one.engagement_id, one.slug))
        rows.append(
            Coming(
                id=one.id,
                kind="reassessment",
                vendor_id=engagement.vendor_id,
                vendor=names[engagement.vendor_id].name,
                engagements=(engagement,),
                title=named[one.submission_id],
                due=one.due,
                told=told.get(one.id, ()),
                coming=coming.get(one.id),
                tier=one.tier,
                anchor=one.anchor,
                months=one.months * one.cycle,
                why=one.why,
                out=issued,
                hindered=one.hindered if issued is None else "",
                hindered_on=one.hindered_on,
            )
        )
    return Page(rows, page.number, page.total, page.size)


def open_assessments(
    session: Session, identity: Identity, *, period: str, today: date, number: int, size: int = SIZE
) -> Page[Coming]:
    """Assessments that wait for the vendor, by due date; ``period`` is one of PERIODS."""
    statement = open_base(identity).where(*_within(Assessment.due, period, today))
    page = paged(session, statement.order_by(Assessment.due, Assessment.id), number, size=size)
    found: list[Assessment] = page.rows
    covered = _covered(session, identity, [one.id for one in found])
    names = vendors.vendors(session, identity, {one.vendor_id for one in found})
    told = _told(session, identity, {one.id: one.due for one in found})
    ids = [one.id for one in found]
    coming = _coming(session, identity, {"assessment": ids, "campaign": ids}, today=today)
    rows = [
        Coming(
            id=one.id,
            kind="assessment",
            vendor_id=one.vendor_id,
            vendor=names[one.vendor_id].name,
            engagements=tuple(covered.get(one.id, ())),
            title=one.title,
            due=one.due,
            told=told.get(one.id, ()),
            coming=coming.get(one.id),
            answered=one.answered,
            total=one.total,
            joined=one.company_id is not None,
        )
        for one in found
    ]
    return Page(rows, page.number, page.total, page.size)


def next_base(identity: Identity, *columns: Any) -> Select[Any]:
    """Every next assessment that is scheduled for an engagement that the identity may see."""
    return (
        select(*columns)
        .select_from(Reassessment)
        .join(Engagement, Engagement.id == Reassessment.engagement_id)
        .where(
            *mine(identity.scope, Reassessment),
            *vendors.own_engagements(identity),
            Reassessment.state == SCHEDULED,
        )
    )


def next_criteria(narrowed: Filter, *, today: date) -> list[ColumnElement[bool]]:
    """What the filter asks of ``next_base``."""
    found = _within(Reassessment.due, narrowed.period, today)
    if narrowed.month:
        first, last = bounds(narrowed.month)
        found += [Reassessment.due >= first, Reassessment.due <= last]
    if narrowed.only:
        found.append(Reassessment.id == narrowed.only)
    if narrowed.part:
        found.append(Engagement.tier.in_(PARTS[narrowed.part]))
    return found


def open_base(identity: Identity) -> Select[Assessment]:
    """Every open assessment of an engagement that the identity may see."""
    statement = select(Assessment).where(*mine(identity.scope, Assessment), Assessment.state == OPEN)
    if not vendors.is_narrowed(identity):
        return statement
    return statement.where(
        exists().where(
            AssessmentEngagement.assessment_id == Assessment.id,
            Engagement.id == AssessmentEngagement.engagement_id,
            *mine(identity.scope, AssessmentEngagement),
            *vendors.own_engagements(identity),
        )
    )


def _within(column: Any, period: str, today: date) -> list[ColumnElement[bool]]:
    first, last = PERIODS[period]
    criteria: list[ColumnElement[bool]] = []
    if first is not None:
        criteria.append(column >= today + timedelta(days=first))
    if last is not None:
        criteria.append(column <= today + timedelta(days=last))
    return criteria


def titles(session: Session, identity: Identity, found: Sequence[Reassessment]) -> dict[uuid.UUID, str]:
    """The questionnaire's title by submission."""
    rows = session.execute(
        select(Submission.id, Assessment.title)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(
            *mine(identity.scope, Submission, Assessment),
            Submission.id.in_({one.submission_id for one in found}),
        )
    )
    return dict(rows.all())


def _out(
    session: Session, identity: Identity, found: Sequence[Reassessment]
) -> dict[tuple[uuid.UUID, str], Assessment]:
    """Next assessments that are open already, by engagement and questionnaire; of several the first due, and none of a
    campaign.
    """
    rows = session.execute(
        select(AssessmentEngagement.engagement_id, Assessment)
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .where(
            *mine(identity.scope, AssessmentEngagement, Assessment),
            AssessmentEngagement.engagement_id.in_({one.engagement_id for one in found}),
            Assessment.state == OPEN,
            Assessment.campaign_id.is_(None),
        )
        .order_by(Assessment.due.desc(), Assessment.id)
    )
    return {(engagement_id, one.slug): one for engagement_id, one in rows}


def _covered(
    session: Session, identity: Identity, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[Engagement]]:
    rows = session.execute(
        select(AssessmentEngagement.assessment_id, Engagement)
        .join(Engagement, Engagement.id == AssessmentEngagement.engagement_id)
        .where(
            *mine(identity.scope, AssessmentEngagement),
            *vendors.own_engagements(identity),
            AssessmentEngagement.assessment_id.in_(ids),
        )
        .order_by(Engagement.name, Engagement.id)
    )
    found: dict[uuid.UUID, list[Engagement]] = defaultdict(list)
    for assessment_id, engagement in rows:
        found[assessment_id].append(engagement)
    return found


def _told(
    session: Session, identity: Identity, dates: Mapping[uuid.UUID, date]
) -> dict[uuid.UUID, tuple[Told, ...]]:
    """By subject, what became of each step on record that led to its present due date."""
    by_subject: dict[uuid.UUID, list[Told]] = defaultdict(list)
    for (subject_id, _kind, due, step), one in outcomes.of_steps(session, identity, dates).items():
        if due == dates[subject_id] and days_of(step) is not None:
            told = Told(Step(step, days_of(step)), tuple(one.names), one.at, tuple(one.waits), one.why)
            by_subject[subject_id].append(told)
    return {key: tuple(sorted(told, key=lambda one: one.step.days or 0)) for key, told in by_subject.items()}


def _coming(
    session: Session, identity: Identity, wanted: Mapping[str, Collection[uuid.UUID]], *, today: date
) -> dict[uuid.UUID, Moment]:
    """The next step of each, by the id of its row, of these ids by kind: as the worker plans it, by the same dates."""
    if not any(wanted.values()):
        return {}
    own = organisations.organisation_of(session, identity)
    ruled = rules.current(session, own.id)
    calendar = workdays.calendars(session, [own.region])[own.region]
    coming = (
        (one.source, ahead(one, ruled.ladder(one.kind, one.tier), calendar, today=today))
        for one in agenda.of_sources(session, identity, wanted)
    )
    return {key: moment for key, moment in coming if moment is not None}
