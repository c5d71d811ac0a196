"""What is due for pages: counted by date, and the keys of a list, so that ten thousand items cost what a page of them
does. One statement each, whatever the kinds; whole items are read for what is shown alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.clock import local_date
from portal.db import UtcDateTime
from portal.reassessment import agenda, rules
from portal.reassessment.agenda import SOURCES, Item
from portal.reassessment.eyes import Eyes

IDS_AT_ONCE = 500
FEW = 1000  # keys that are read for one page
EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Dated:
    """So many items of one kind and tier with one date (ladder.Dated). ``since``: EVER where it does not matter."""

    kind: str
    tier: str
    zone: str
    due: date
    due_time: time | None
    since: datetime
    number: int

    @property
    def order(self) -> tuple[Any, ...]:
        """What lists are ordered by: the date first."""
        return self.due, self.kind, self.tier, self.zone, self.due_time or time.min, self.since


@dataclass(frozen=True, slots=True)
class Key:
    """Where an item is found again, with its date. ``code``: of kinds whose sources have several items."""

    kind: str
    source: uuid.UUID
    code: str
    dated: Dated


def counted(
    session: Session,
    identity: Identity,
    kinds: Iterable[str] | None = None,
    *,
    first: date | None = None,
    last: date | None = None,
    owner: uuid.UUID | None = None,
) -> list[Dated]:
    """How many are due on each day from ``first`` to ``last``, as agenda.of_organisation would list them."""

    def part(kind: str, one: Any) -> Select[Any]:
        columns = _columns(kind, one)
        return select(literal(kind).label("kind"), *columns, func.count().label("number")).group_by(*columns)

    rows = _rows(session, identity, kinds, part, first=first, last=last, owner=owner)
    dates = _Dates(session, identity, first, last)
    found = [one for row in rows if (one := dates.of(row, row.number)) is not None]
    return sorted(found, key=lambda one: one.order)


def keys(
    session: Session,
    identity: Identity,
    kinds: Iterable[str] | None = None,
    *,
    first: date | None = None,
    last: date | None = None,
    owner: uuid.UUID | None = None,
) -> list[Key]:
    """The same, one by one, by date."""

    def part(kind: str, one: Any) -> Select[Any]:
        code = one.c.code if SOURCES[kind].parts is not None else literal("")
        return select(literal(kind).label("kind"), *_columns(kind, one), one.c.source, code.label("code"))

    rows = _rows(session, identity, kinds, part, first=first, last=last, owner=owner)
    dates = _Dates(session, identity, first, last)
    found = [
        Key(row.kind, row.source, row.code, dated) for row in rows if (dated := dates.of(row, 1)) is not None
    ]
    orders = {id(one.dated): one.dated.order for one in found}
    return sorted(found, key=lambda one: (orders[id(one.dated)], one.source.int, one.code))


def page(
    session: Session,
    identity: Identity,
    some: Sequence[Dated],
    *,
    start: int,
    most: int,
    owner: uuid.UUID | None = None,
) -> list[Key]:
    """``most`` keys from the place ``start`` on of those that were counted as ``some``, in the order of ``keys``.

    The days of the page are read whole, where they are few; where thousands share a date only those that are shown.
    """
    cuts, at = [], 0
    for one in some:
        first, last = max(start, at), min(start + most, at + one.number)
        if first < last:
            cuts.append((one, first - at, last - first))
        at += one.number
    if not cuts:
        return []
    days = cuts[0][0].due, cuts[-1][0].due
    within = [one for one in some if days[0] <= one.due <= days[1]]
    if sum(one.number for one in within) > FEW:
        return _cut(session, identity, cuts, owner)
    found = whole(session, identity, within, owner=owner)
    before = sum(one.number for one in some if one.due < days[0])
    return found[start - before : start - before + most]


def whole(
    session: Session, identity: Identity, some: Sequence[Dated], *, owner: uuid.UUID | None = None
) -> list[Key]:
    """Every key of those that were counted as ``some``, in the order of ``keys``."""
    if not some:
        return []
    known = {one.order for one in some}
    kinds = sorted({one.kind for one in some})
    days = [one.due for one in some]
    found = keys(session, identity, kinds, first=min(days), last=max(days), owner=owner)
    return [one for one in found if one.dated.order in known]


def _cut(
    session: Session, identity: Identity, cuts: Sequence[tuple[Dated, int, int]], owner: uuid.UUID | None
) -> list[Key]:
    """Of each of these dates so many keys from a place on."""
    eyes, parts = Eyes(identity, owner), []
    for number, (dated, offset, limit) in enumerate(cuts):
        one = agenda.select_of(dated.kind, eyes).subquery()
        code = one.c.code if SOURCES[dated.kind].parts is not None else literal("")
        inner = (
            select(literal(number).label("number"), one.c.source, code.label("code"))
            .where(
                func.coalesce(one.c.tier, "") == dated.tier,
                one.c.zone == dated.zone,
                one.c.since == dated.since
                if SOURCES[dated.kind].days is not None
                else one.c.due == dated.due,
                one.c.due_time.is_not_distinct_from(dated.due_time),
            )
            .order_by(one.c.source, code)
            .limit(limit)
            .offset(offset)
            .subquery()
        )
        parts.append(select(inner))
    rows = session.execute(union_all(*parts)).all()
    found = sorted(rows, key=lambda row: (row.number, row.source.int, row.code))
    return [Key(cuts[row.number][0].kind, row.source, row.code, cuts[row.number][0]) for row in found]


def items(session: Session, identity: Identity, wanted: Sequence[Key]) -> list[Item]:
    """The items of these keys in their order; what is not there any more is left out."""
    found: dict[tuple[str, uuid.UUID, str], Item] = {}
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = wanted[start : start + IDS_AT_ONCE]
        by_kind: dict[str, set[uuid.UUID]] = {}
        for one in some:
            by_kind.setdefault(one.kind, set()).add(one.source)
        for item in agenda.of_sources(session, identity, by_kind):
            code = item.code if SOURCES[item.kind].parts is not None else ""
            found[item.kind, item.source, code] = item
    return [found[key] for one in wanted if (key := (one.kind, one.source, one.code)) in found]


def _columns(kind: str, one: Any) -> tuple[Any, ...]:
    """What a date follows from: itself, or since when the days of the rules are counted."""
    since = cast(null(), UtcDateTime()) if SOURCES[kind].days is None else one.c.since
    return one.c.tier, one.c.zone, one.c.due, one.c.due_time, since.label("since")


def _rows(
    session: Session,
    identity: Identity,
    kinds: Iterable[str] | None,
    part: Callable[[str, Any], Select[Any]],
    *,
    first: date | None,
    last: date | None,
    owner: uuid.UUID | None,
) -> Sequence[Any]:
    eyes = Eyes(identity, owner)
    parts = [
        part(kind, agenda.select_of(kind, eyes, first=first, last=last).subquery(f"of_{kind}"))
        for kind in agenda.of_side(identity, kinds)
    ]
    return session.execute(union_all(*parts)).all() if parts else []


class _Dates:
    """Rows to dates. Rules are read when a kind counts by them; each day of a zone is worked out once."""

    def __init__(self, session: Session, identity: Identity, first: date | None, last: date | None) -> None:
        self._session, self._identity = session, identity
        self._first, self._last = first, last
        self._rules: rules.Rules | None = None
        self._known: dict[tuple[str, str, str, datetime], date] = {}
        self._made: dict[tuple[Any, ...], Dated | None] = {}

    def of(self, row: Any, number: int) -> Dated | None:
        """None for one that is due before the first day, or after the last. Thousands of rows have few dates."""
        key = (row.kind, row.tier, row.zone, row.due, row.due_time, row.since, number)
        if key not in self._made:
            self._made[key] = self._of(row, number)
        return self._made[key]

    def _of(self, row: Any, number: int) -> Dated | None:
        since, due = EVER, row.due
        if SOURCES[row.kind].days is not None:
            since = row.since
            due = self._counted(row.kind, row.tier or "", row.zone, since)
            if (self._first is not None and due < self._first) or (
                self._last is not None and due > self._last
            ):
                return None
        return Dated(row.kind, row.tier or "", row.zone, due, row.due_time, since, number)

    def _counted(self, kind: str, tier: str, zone: str, since: datetime) -> date:
        key = (kind, tier, zone, since)
        if key not in self._known:
            if self._rules is None:
                assert self._identity.organisation is not None  # no kind of the vendor's side counts by rules
                self._rules = rules.current(self._session, self._identity.organisation.id)
            days = SOURCES[kind].days
            assert days is not None
            self._known[key] = local_date(since, zone) + timedelta(days=days(self._rules, tier))
        return self._known[key]
