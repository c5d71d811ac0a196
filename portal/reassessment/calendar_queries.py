"""The audit calendar: a year counted by month and kind, the items of a month, what is overdue, and their ladders."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, Submission
from portal.clock import local_date
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.reassessment import agenda_lists, calendar_words, outcomes, rules, workdays
from portal.reassessment.agenda import Item
from portal.reassessment.agenda_lists import Dated
from portal.reassessment.calendar_words import Details
from portal.reassessment.kinds import KINDS
from portal.reassessment.ladder import Calendar, Ladder, Moment, ahead, moments
from portal.reassessment.models import Reassessment, ReminderStep
from portal.vendors import queries as vendors
from questionnaires.dates import add_months, roll

IDS_AT_ONCE = 500
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Filter:
    """What it is narrowed to. ``kind``: one of KINDS, "" for all; ``owner``: the engagements of a business owner."""

    kind: str = ""
    owner: uuid.UUID | None = None

    @property
    def kinds(self) -> tuple[str, ...] | None:
        return (self.kind,) if self.kind else None


@dataclass(frozen=True, slots=True)
class Month:
    """How much is due in a month, by kind."""

    first: date
    by_kind: Counter[str]

    @property
    def total(self) -> int:
        return self.by_kind.total()


@dataclass(frozen=True, slots=True)
class Year:
    """The twelve months of a year. ``late``: how much is late today, in whatever year: its date is over and it is not
    done. ``past``: how much of that has no step of its ladder ahead any more.
    """

    months: list[Month]
    late: int
    past: int


@dataclass(frozen=True, slots=True)
class Row:
    """An item in words. ``told``: steps that are on record, ``coming``: the next one."""

    item: Item
    what: str
    vendor: str
    engagement: str
    why: str
    told: tuple[Told, ...] = ()
    coming: Moment | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A step on record: its name, the names of whom its letters have told and when first, and of who is still to be
    told; ``skipped``: why it told nobody and will not, else "". ``at``: None until a letter has left.
    """

    step: str
    names: tuple[str, ...]
    at: datetime | None
    skipped: str
    waits: tuple[str, ...] = ()


# ------------------------------------------------------------------------------------------------------------ a year


def year_of(
    session: Session, identity: Identity, own: Organisation, year: int, narrowed: Filter, *, now: datetime
) -> Year:
    """The figures of a year, and of what is late."""
    last = max(date(year, 12, 31), _yesterday(own, now))
    found = agenda_lists.counted(session, identity, narrowed.kinds, last=last, owner=narrowed.owner)
    by_month: dict[int, Counter[str]] = defaultdict(Counter)
    for one in found:
        if one.due.year == year:
            by_month[one.due.month][one.kind] += one.number
    ended = _Ended(session, own, now)
    late = [one for one in found if ended.is_late(one)]
    return Year(
        [Month(date(year, month, 1), by_month[month]) for month in range(1, 13)],
        sum(one.number for one in late),
        sum(one.number for one in late if ended.is_past(one)),
    )


def between(
    session: Session, identity: Identity, narrowed: Filter, *, first: date | None, last: date | None
) -> list[Dated]:
    """How much is due on each day from ``first`` to ``last``, by date."""
    return agenda_lists.counted(
        session, identity, narrowed.kinds, first=first, last=last, owner=narrowed.owner
    )


def month_end(first: date) -> date:
    return add_months(first, 1) - _DAY


def overdue(
    session: Session, identity: Identity, own: Organisation, narrowed: Filter, *, past: bool, now: datetime
) -> list[Dated]:
    """How much of what day is late today, the oldest first; ``past``: only what is past every step."""
    ended = _Ended(session, own, now)
    found = agenda_lists.counted(
        session, identity, narrowed.kinds, last=_yesterday(own, now), owner=narrowed.owner
    )
    return [one for one in found if ended.is_late(one) and (not past or ended.is_past(one))]


def _yesterday(own: Organisation, now: datetime) -> date:
    return local_date(now, own.zone) - _DAY


class _Ended:
    """Whether a date is over, and the last step of its ladder with it. Of ladders by days the due date up to which
    that is so is worked out once for a kind and tier, as there may be thousands of dates.
    """

    def __init__(self, session: Session, own: Organisation, now: datetime) -> None:
        self._now = now
        self._rules = rules.current(session, own.id)
        self._calendar = workdays.calendars(session, [own.region])[own.region]
        self._ends: dict[tuple[str, str, str], date | None] = {}

    def is_late(self, one: Dated) -> bool:
        """What is only told (a kind that is forgotten) is never late."""
        return KINDS[one.kind].forgets is None and one.due < local_date(self._now, one.zone)

    def is_past(self, one: Dated) -> bool:
        """Whether the moment of the last step has begun."""
        ladder = self._rules.ladder(one.kind, one.tier)
        if not ladder:
            return True
        if any(step.hours is not None for step in ladder):
            last = moments(one, ladder, self._calendar)[-1]
            return last.at is not None and last.at <= self._now
        key = (one.kind, one.tier, one.zone)
        if key not in self._ends:
            self._ends[key] = _ends(ladder, self._calendar, local_date(self._now, one.zone))
        until = self._ends[key]
        return until is None or one.due <= until


def _ends(ladder: Ladder, calendar: Calendar, today: date) -> date | None:
    """The last due date whose last step has begun; None where the ladder ends with the due date."""
    days = max(one.days or 0 for one in ladder)
    # A step after the date is rolled forward: it has begun once a working day has come since.
    return None if days <= 0 else roll(today, calendar.working, back=True) - timedelta(days=days)


# ------------------------------------------------------------------------------------------------------------- words


def rows(session: Session, identity: Identity, items: Sequence[Item]) -> list[Row]:
    """Items in words, in a fixed number of statements for each IDS_AT_ONCE of them."""
    found = []
    for start in range(0, len(items), IDS_AT_ONCE):
        some = items[start : start + IDS_AT_ONCE]
        details = details_of(session, identity, some)
        found += [
            Row(
                one,
                calendar_words.what(one, details),
                details.vendor(one) if identity.organisation is not None else details.asker(one),
                details.engagement(one),
                calendar_words.why(one, details),
            )
            for one in some
        ]
    return found


def details_of(session: Session, identity: Identity, items: Collection[Item]) -> Details:
    """Titles and names, as far as this side has them."""
    titles, progress = _assessments(session, identity, _sources(items, "assessment", "campaign"))
    titles |= _submissions(session, identity, _sources(items, "review"))
    scheduled = {}
    if identity.organisation is not None:
        scheduled = _scheduled(session, identity, _sources(items, "reassessment", "stuck"))
        by_submission = _submissions(session, identity, {one.submission_id for one in scheduled.values()})
        titles |= {key: by_submission.get(one.submission_id, "") for key, one in scheduled.items()}
        return Details(
            titles,
            scheduled,
            progress,
            vendors=_names(vendors.vendors(session, identity, _ids(items, "vendor_id"))),
            engagements=_names(vendors.engagements(session, identity, _ids(items, "engagement_id"))),
        )
    asking = {
        one: organisations.organisation_for_company(session, one) for one in _ids(items, "organisation_id")
    }
    return Details(titles, progress=progress, askers=_names(asking))


def _names(found: Any) -> dict[uuid.UUID, str]:
    return {key: one.name for key, one in found.items()}


def _ids(items: Iterable[Item], name: str) -> set[uuid.UUID]:
    return {found for one in items if (found := getattr(one, name)) is not None}


def _sources(items: Iterable[Item], *kinds: str) -> set[uuid.UUID]:
    return {one.source for one in items if one.kind in kinds}


def _assessments(
    session: Session, identity: Identity, ids: set[uuid.UUID]
) -> tuple[dict[uuid.UUID, str], dict[uuid.UUID, tuple[int, int, bool]]]:
    if not ids:
        return {}, {}
    found = session.execute(
        select(
            Assessment.id, Assessment.title, Assessment.answered, Assessment.total, Assessment.company_id
        ).where(*mine(identity.scope, Assessment), Assessment.id.in_(ids))
    ).all()
    progress = {one.id: (one.answered, one.total, one.company_id is not None) for one in found}
    return {one.id: one.title for one in found}, progress


def _submissions(session: Session, identity: Identity, ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    if not ids:
        return {}
    found = session.execute(
        select(Submission.id, Assessment.title)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(*mine(identity.scope, Submission, Assessment), Submission.id.in_(ids))
    )
    return dict(found.all())


def _scheduled(session: Session, identity: Identity, ids: set[uuid.UUID]) -> dict[uuid.UUID, Reassessment]:
    if not ids:
        return {}
    found = session.execute(
        select(Reassessment).where(*mine(identity.scope, Reassessment), Reassessment.id.in_(ids))
    ).scalars()
    return {one.id: one for one in found}


def titles_of(session: Session, identity: Identity, slugs: Collection[str]) -> dict[str, str]:
    """What these questionnaires were called when they were last issued here."""
    found = session.execute(
        select(Assessment.slug, Assessment.title)
        .where(*mine(identity.scope, Assessment), Assessment.slug.in_(slugs))
        .order_by(Assessment.issued_at)
    )
    return dict(found.all())


def engagement_names(
    session: Session, identity: Identity, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """Of those that this member sees."""
    return _names(vendors.engagements(session, identity, set(ids)))


# ------------------------------------------------------------------------------------------------------------ ladders


def with_ladders(
    session: Session, identity: Identity, own: Organisation, found: Sequence[Row], *, today: date
) -> list[Row]:
    """The rows of one page with what was told of each, what was not and why, and what comes next."""
    told = _told(session, identity, [one.item for one in found])
    ruled = rules.current(session, own.id)
    calendar = workdays.calendars(session, [own.region])[own.region]
    made = []
    for one in found:
        item = one.item
        coming = ahead(item, ruled.ladder(item.kind, item.tier), calendar, today=today)
        made.append(
            Row(item, one.what, one.vendor, one.engagement, one.why, told.get(item.subject, ()), coming)
        )
    return made


def _told(session: Session, identity: Identity, items: Sequence[Item]) -> dict[uuid.UUID, tuple[Told, ...]]:
    """By subject, the steps on record that lead to its present date, the oldest first."""
    dates = {one.subject: (one.kind, one.due) for one in items}
    if not dates:
        return {}
    steps = session.execute(
        select(ReminderStep)
        .where(*mine(identity.scope, ReminderStep), ReminderStep.subject_id.in_(list(dates)))
        .order_by(ReminderStep.day, ReminderStep.at, ReminderStep.id)
    ).scalars()
    became = outcomes.of_steps(session, identity, dates)
    found: dict[uuid.UUID, list[Told]] = defaultdict(list)
    for one in steps:
        if dates[one.subject_id] != (one.kind, one.due):
            continue
        its = became.get((one.subject_id, one.kind, one.due, one.step))
        if its is None:  # told nobody, or opened something
            found[one.subject_id].append(Told(one.step, (), one.at, one.skipped))
        else:
            told = Told(one.step, tuple(its.names), its.at, its.why, tuple(its.waits))
            found[one.subject_id].append(told)
    return {key: tuple(some) for key, some in found.items()}


# ---------------------------------------------------------------------------------------------------------- a company


def ahead_of_company(session: Session, identity: Identity, *, today: date, days: int) -> list[Dated]:
    """What the company's clients ask of it and when its documents end: what is late, and so many days ahead."""
    return agenda_lists.counted(session, identity, last=today + timedelta(days=days))
