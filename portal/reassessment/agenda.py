"""What is due: one row type and one Select for each kind of subject, for pages, letters and simulation alike.

A kind's Select names the tenant in each of its tables (``Eyes``), and narrows business owners to what is theirs. Kinds
whose date follows from the rules of the cycle (a review's, say) are counted in Python, all others in SQL.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, or_, union_all
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.clock import begins, local_date
from portal.reassessment import agenda_gate, agenda_outside, agenda_rounds, agenda_work, rules
from portal.reassessment.eyes import Eyes
from portal.reassessment.kinds import KINDS
from portal.reassessment.rules import Rules
from portal.vendors.facts import TIERS

AT_ONCE = 1000
IDS_AT_ONCE = 500
# What each kind's Select gives, in this order. ``due`` is NULL for a kind that counts its days by the rules.
COLUMNS = (
    *("kind", "source", "organisation_id", "company_id", "vendor_id", "engagement_id"),
    *("due", "due_time", "since", "zone", "tier", "code", "number"),
)
SUBJECTS = uuid.UUID(
    "6f1c0f5e-5f0b-4c0e-9d3c-3a53c1f7a8e2"
)  # the namespace of ids that are made from their source


@dataclass(frozen=True, slots=True)
class Item:
    """One date. ``subject``: what reminders keep; ``source``: the row it is read from. ``due``: local in ``zone``, with
    ``due_time`` or until the end of the day. ``since``: when it came to be or got this date. ``code`` and ``number``:
    what the kind's words need (a slug, months, a code of the gate).
    """

    kind: str
    subject: uuid.UUID
    source: uuid.UUID
    organisation_id: uuid.UUID
    company_id: uuid.UUID | None
    vendor_id: uuid.UUID | None
    engagement_id: uuid.UUID | None
    due: date
    due_time: time | None
    since: datetime
    zone: str
    tier: str
    code: str
    number: int


@dataclass(frozen=True, slots=True)
class Source:
    """How a kind is read. ``live``: what is so now, as columns. ``days``: of a kind whose date is ``since`` plus days
    of the rules, by tier. ``parts``: of a kind whose id is made from its source, what beside it (of the row).
    ``on_the_day``: a step of the day on which it came to be speaks, too.
    """

    live: Callable[[Eyes], Select[Any]]
    days: Callable[[Rules, str], int] | None = None
    parts: Callable[[Any], tuple[str, ...]] | None = None
    on_the_day: bool = False


SOURCES: Mapping[str, Source] = {
    "assessment": Source(agenda_rounds.assessments),
    "reassessment": Source(agenda_rounds.reassessments),
    "review": Source(agenda_rounds.reviews, days=lambda found, tier: found.review_days[tier]),
    "decision": Source(agenda_gate.decisions),
    "campaign": Source(agenda_rounds.campaigns),
    "evidence": Source(agenda_outside.documents, parts=lambda row: (str(row.organisation_id),)),
    "incident": Source(agenda_outside.incidents, days=lambda _found, _tier: agenda_outside.INCIDENT_DAYS),
    "trigger": Source(agenda_outside.triggers, days=lambda _found, _tier: agenda_outside.TRIGGER_DAYS),
    "condition": Source(agenda_gate.conditions, parts=lambda row: (row.code,)),
    "exception": Source(agenda_gate.exceptions),
    "finding": Source(agenda_work.findings),
    "stuck": Source(agenda_work.stuck),
    "first": Source(agenda_work.first, days=lambda found, tier: found.first_days),
    "handed": Source(
        agenda_work.handed,
        days=lambda found, tier: 0,
        parts=lambda row: (
            row.since.isoformat(),
        ),  # each time an engagement is handed on is a subject of its own
        on_the_day=True,
    ),
}
_DAY = timedelta(days=1)
MOST_DAYS = 366  # that rules may count from a day


def select_of(kind: str, eyes: Eyes, *, first: date | None = None, last: date | None = None) -> Select[Any]:
    """What is so of a kind, with COLUMNS, due from ``first`` to ``last``; of one that counts by the rules some more."""
    found = SOURCES[kind].live(eyes)
    if SOURCES[kind].days is not None:
        since = found.selected_columns["since"]
        if first is not None:
            found = found.where(since >= begins(first - timedelta(days=MOST_DAYS), "UTC"))
        return found if last is None else found.where(since <= begins(last + timedelta(days=2), "UTC"))
    due = found.selected_columns["due"]
    if first is not None:
        found = found.where(due >= first)
    return found if last is None else found.where(due <= last)


def near(
    session: Session,
    kind: str,
    *,
    first: date | None = None,
    last: date | None = None,
    after: uuid.UUID | None = None,
    most: int = AT_ONCE,
) -> tuple[list[Item], uuid.UUID | None]:
    """For the worker: items of all organisations, due from ``first`` to ``last``, by the id of their source.

    Returns (items, where the next call goes on); the latter is None when nothing is left. A page may have fewer items
    than ``most`` though more are to come.
    """
    statement = select_of(kind, Eyes(None), first=first, last=last)
    source = statement.selected_columns["source"]
    if after is not None:
        statement = statement.where(source > after)
    rows = session.execute(statement.order_by(source).limit(most)).all()
    ahead = None
    if len(rows) == most:
        # A source may have several items: those of the last one come with the next page, whole.
        whole = [one for one in rows if one.source != rows[-1].source]
        rows = whole or session.execute(statement.where(source == rows[-1].source)).all()
        ahead = rows[-1].source
    return list(_items(session, Eyes(None), rows, first=first, last=last)), ahead


def of_place(
    session: Session,
    kind: str,
    organisation_id: uuid.UUID,
    found: Rules,
    *,
    first: date | None = None,
    last: date | None = None,
) -> list[Item]:
    """``near`` for one organisation, whole, as it would be under ``found``: for whoever asks what is to come."""
    eyes = Eyes(None, only=organisation_id)
    rows = session.execute(select_of(kind, eyes, first=first, last=last)).all()
    return list(_items(session, eyes, rows, first=first, last=last, known={organisation_id: found}))


def of_organisation(
    session: Session,
    identity: Identity,
    kinds: Iterable[str] | None = None,
    *,
    first: date | None = None,
    last: date | None = None,
    owner: uuid.UUID | None = None,
) -> list[Item]:
    """Everything of these kinds (None: all that this side sees) that is due from ``first`` to ``last``, by date.

    For a member of an organisation, narrowed for business owners and to ``owner``, or for people of a company.
    """
    eyes = Eyes(identity, owner)
    parts = [select_of(kind, eyes, first=first, last=last) for kind in of_side(identity, kinds)]
    if not parts:
        return []
    rows = session.execute(union_all(*parts)).all()
    found = _items(session, eyes, rows, first=first, last=last)
    return sorted(found, key=lambda one: (one.due, one.kind, one.subject.hex))


def of_days(
    session: Session, identity: Identity, wanted: Mapping[str, Collection[date]], found: Rules
) -> list[Item]:
    """Everything of these kinds that is due on one of the days wanted of its kind, under the rules in force ``found``.

    In one statement; kinds in the order of ``wanted``, each in the order of ``of_organisation``.
    """
    eyes = Eyes(identity)
    parts = [_of_days(kind, eyes, wanted[kind], found) for kind in of_side(identity, wanted) if wanted[kind]]
    if not parts:
        return []
    rows = session.execute(union_all(*parts)).all()
    items = [one for one in _items(session, eyes, rows, first=None, last=None) if one.due in wanted[one.kind]]
    order = {kind: at for at, kind in enumerate(wanted)}
    return sorted(items, key=lambda one: (order[one.kind], one.due, one.subject.hex))


def _of_days(kind: str, eyes: Eyes, wanted: Collection[date], found: Rules) -> Select[Any]:
    """What may be due on these days; of one that counts by the rules some more."""
    statement, days = SOURCES[kind].live(eyes), SOURCES[kind].days
    if days is None:
        return statement.where(statement.selected_columns["due"].in_(sorted(wanted)))
    since = statement.selected_columns["since"]
    counts = {days(found, tier) for tier in TIERS}
    local = sorted({day - timedelta(days=count) for day in wanted for count in counts})
    runs: list[tuple[date, date]] = []
    for day in local:
        # A local day lies within these three of UTC, in whatever zone.
        first, last = day - _DAY, day + 2 * _DAY
        if runs and first <= runs[-1][1]:
            first = runs.pop()[0]
        runs.append((first, last))
    return statement.where(
        or_(*(since.between(begins(first, "UTC"), begins(last, "UTC")) for first, last in runs))
    )


def of_sources(
    session: Session, identity: Identity, wanted: Mapping[str, Collection[uuid.UUID]]
) -> list[Item]:
    """Everything of these sources by kind, at most IDS_AT_ONCE of them, that this person sees now."""
    eyes, parts = Eyes(identity), []
    for kind in of_side(identity, wanted):
        statement = select_of(kind, eyes)
        parts.append(statement.where(statement.selected_columns["source"].in_(sorted(wanted[kind], key=str))))
    if not parts:
        return []
    return list(_items(session, eyes, session.execute(union_all(*parts)).all(), first=None, last=None))


def still(session: Session, items: Sequence[Item]) -> set[tuple[str, uuid.UUID]]:
    """(kind, subject) of those that are still so with the same date: looked at again before anything is written."""
    found: set[tuple[str, uuid.UUID]] = set()
    for kind in sorted({one.kind for one in items}):
        of_kind = [one for one in items if one.kind == kind]
        dates = {one.subject: (one.due, one.due_time) for one in of_kind}
        sources = sorted({one.source for one in of_kind}, key=str)
        for start in range(0, len(sources), IDS_AT_ONCE):
            statement = select_of(kind, Eyes(None))
            source = statement.selected_columns["source"]
            rows = session.execute(statement.where(source.in_(sources[start : start + IDS_AT_ONCE]))).all()
            found |= {
                (kind, one.subject)
                for one in _items(session, Eyes(None), rows, first=None, last=None)
                if dates.get(one.subject) == (one.due, one.due_time)
            }
    return found


def subject_of(kind: str, source: uuid.UUID, *parts: str) -> uuid.UUID:
    """The id of a subject that has no row of its own."""
    return uuid.uuid5(SUBJECTS, "|".join((kind, str(source), *parts)))


def of_side(identity: Identity, kinds: Iterable[str] | None) -> list[str]:
    """Those of ``kinds`` (None: of all) that the identity's side sees."""
    wanted = list(SOURCES if kinds is None else kinds)
    return wanted if identity.organisation is not None else [one for one in wanted if KINDS[one].vendor_side]


def _items(
    session: Session,
    eyes: Eyes,
    rows: Collection[Any],
    *,
    first: date | None,
    last: date | None,
    known: Mapping[uuid.UUID, Rules] | None = None,
) -> Iterable[Item]:
    """``known``: rules to count by; else those in force."""
    counted = {row.organisation_id for row in rows if SOURCES[row.kind].days is not None}
    if known is not None:
        pass
    elif eyes.identity is None:
        known = rules.of_all(session, counted)
    else:
        known = {one: rules.current(session, one) for one in counted}
    for row in rows:
        source = SOURCES[row.kind]
        due = row.due
        if source.days is not None:
            within = source.days(known[row.organisation_id], row.tier)
            due = local_date(row.since, row.zone) + timedelta(days=within)
            if (first is not None and due < first) or (last is not None and due > last):
                continue
        subject = row.source
        if source.parts is not None:
            subject = subject_of(row.kind, row.source, *source.parts(row))
        yield Item(
            row.kind,
            subject,
            row.source,
            row.organisation_id,
            row.company_id,
            row.vendor_id,
            row.engagement_id,
            due,
            row.due_time,
            begins(local_date(row.since, row.zone) - _DAY, row.zone) if source.on_the_day else row.since,
            row.zone,
            row.tier or "",
            row.code,
            row.number,
        )
