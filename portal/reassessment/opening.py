"""Opening the next assessment before the gate lapses: when, what goes together, and by which date it is to be answered.

Pure: opened by opening_job.py, imagined by the simulation. Ids follow from what is opened, so that both name the same.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from portal.reassessment.ladder import Calendar
from portal.reassessment.rules_shape import Rules
from questionnaires.dates import roll

OPENED = uuid.UUID("0d7a8a52-5f0e-4f2e-8a58-0f2d7b0c9e11")  # the namespace of ids of what the calendar opens
LEAST_DAYS = 14  # that a vendor has to answer, however late it is opened
# A decision that ends longer than this before the answers do was meant to be short: it asks for no new answers.
NEAR_DAYS = 92


@dataclass(frozen=True, slots=True)
class Waiting:
    """A scheduled next assessment that is not out. ``lapses``: until when the gate's newest decision lets something
    pass, None where none does. ``tier``: the engagement's now. ``hindered``: why it could not be opened before.
    ``opened``: it was, for this very date, and is out no more.
    """

    id: uuid.UUID
    organisation_id: uuid.UUID
    vendor_id: uuid.UUID
    engagement_id: uuid.UUID
    slug: str
    due: date
    tier: str
    lapses: date | None
    hindered: str = ""
    opened: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """One assessment that is to be opened: of a vendor, by a questionnaire, for all of ``rows``.

    ``answer_by``: the date that the vendor is given for the answers. ``late``: that they are needed before it.
    """

    vendor_id: uuid.UUID
    slug: str
    rows: tuple[Waiting, ...]
    answer_by: date
    late: bool

    @property
    def made_id(self) -> uuid.UUID:
        """The id of the assessment."""
        return uuid.uuid5(OPENED, "|".join(f"{one.id}:{one.due.isoformat()}" for one in self.rows))


def ends(row: Waiting, *, today: date) -> date:
    """When the gate needs the answers of ``row``: on its due date, or on the day before that on which it lapses.

    A decision that has ended already asks for somebody who decides, not for new answers.
    """
    if row.lapses is None or row.lapses <= today or row.due - row.lapses > timedelta(days=NEAR_DAYS):
        return row.due
    return min(row.due, row.lapses)


def planned(row: Waiting, rules: Rules, calendar: Calendar, *, today: date) -> date:
    """By when the vendor is to answer if it is opened in time: a review's length before the end, a working day."""
    before = ends(row, today=today) - timedelta(days=rules.review_days[row.tier])
    return roll(before, calendar.working, back=True)


def open_on(row: Waiting, rules: Rules, calendar: Calendar, *, today: date) -> date:
    """The day on which it is opened: a working day, as long before the answers as the tier's vendors have."""
    answers = planned(row, rules, calendar, today=today)
    return roll(answers - timedelta(days=rules.answer_days[row.tier]), calendar.working, back=True)


def answer_by(row: Waiting, rules: Rules, calendar: Calendar, *, today: date) -> date:
    """What the vendor is given on ``today``: never less than LEAST_DAYS."""
    least = roll(today + timedelta(days=LEAST_DAYS), calendar.working, back=False)
    return max(planned(row, rules, calendar, today=today), least)


def answer_soon(row: Waiting, rules: Rules, calendar: Calendar, *, today: date) -> date:
    """What the vendor is given if a person opens it on ``today``: as ``answer_by``, and no longer than its tier has."""
    days = max(rules.answer_days[row.tier], LEAST_DAYS)
    most = roll(today + timedelta(days=days), calendar.working, back=False)
    return min(answer_by(row, rules, calendar, today=today), most)


def horizon(rules: Rules) -> timedelta:
    """How far before its due date a row may have to be opened, at most."""
    longest = max(rules.answer_days.values()) + max(rules.review_days.values())
    return timedelta(days=longest + rules.together_days + NEAR_DAYS + 2 * 21)


def in_order(rows: Iterable[Waiting], rules: Rules, calendar: Calendar, today: date) -> list[Opening]:
    """What is to be opened by ``today`` of the scheduled rows of one organisation, whatever the pace of a day.

    A vendor is asked once: what would be opened within ``together_days`` goes with the first. The order, and so who
    waits for tomorrow, is by what ends first, the gate or the date, then by date and id; nothing depends on the order
    in which rows are given.
    """
    by_vendor: dict[tuple[uuid.UUID, str], list[Waiting]] = defaultdict(list)
    for one in rows:
        by_vendor[one.vendor_id, one.slug].append(one)
    found: list[tuple[date, Opening]] = []
    for (vendor_id, slug), theirs in by_vendor.items():
        opens = {one.id: open_on(one, rules, calendar, today=today) for one in theirs}
        if min(opens.values()) > today:
            continue
        last = today + timedelta(days=rules.together_days)
        together = sorted((one for one in theirs if opens[one.id] <= last), key=_order)
        answers = min(answer_by(one, rules, calendar, today=today) for one in together)
        end = min(ends(one, today=today) for one in together)
        found.append((end, Opening(vendor_id, slug, tuple(together), answers, answers > end)))
    found.sort(key=lambda one: (one[0], _order(one[1].rows[0])))
    return [one for _, one in found]


def first_day(row: Waiting, rules: Rules, calendar: Calendar, *, today: date) -> date:
    """The first day from ``today`` on, by which the row is to be opened if nothing happens until then."""
    found = max(today, open_on(row, rules, calendar, today=today))
    if row.lapses is None or row.lapses <= today or found < row.lapses:
        return found
    return max(row.lapses, open_on(row, rules, calendar, today=row.lapses))


def _order(row: Waiting) -> tuple[date, str]:
    return row.due, row.id.hex


def together(openings: Sequence[Opening]) -> dict[uuid.UUID, Opening]:
    """Which opening each row is part of."""
    return {row.id: one for one in openings for row in one.rows}
