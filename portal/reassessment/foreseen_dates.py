"""What foresight begins with: dates as the worker's first look would write them, and all items and openings of then."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.clock import local_date
from portal.reassessment import agenda, dating, generating, hindering, trigger_finding
from portal.reassessment.agenda import Item
from portal.reassessment.hindering import Before
from portal.reassessment.kinds import KINDS
from portal.reassessment.models import Reassessment
from portal.reassessment.opening import Waiting
from portal.reassessment.opening_job import waiting
from portal.reassessment.people import chunks
from portal.reassessment.rules_shape import Rules
from portal.reassessment.unsaid import next_assessment
from portal.vendors.models import Engagement
from questionnaires.dates import MAX_DATE

NEXT = ("reassessment", "stuck")  # kinds whose items follow from scheduled rows
Changes = Mapping[uuid.UUID, Mapping[str, Any]]


def dated(session: Session, place: Any, found: Rules, now: datetime) -> Changes:
    """What the first look of the job "dates" would write, by row."""
    in_force = dating.InForce.of(session, place.id, place.region, found)
    changes: dict[uuid.UUID, Mapping[str, Any]] = {}
    after: uuid.UUID | None = None
    while True:
        rows = dating.stale(session, place.id, in_force, after)
        for row in rows:
            values, kind, _data = dating.change(row, in_force, now)
            if kind is not None:
                changes[row.id] = values
        if len(rows) < dating.AT_ONCE:
            return changes
        after = rows[-1].id


def items_of(
    session: Session, place: Any, found: Rules, changes: Changes, *, now: datetime, until: date
) -> Sequence[Item]:
    """What the worker would look at until then, by kind and source."""
    items: list[Item] = []
    for kind in agenda.SOURCES:
        ahead = timedelta(days=1 + generating.ROLLED + found.earliest(kind))
        forgets = KINDS[kind].forgets
        first = None if forgets is None else now.date() - timedelta(days=forgets)
        last = None if kind in NEXT else min(until, MAX_DATE - ahead) + ahead
        here = agenda.of_place(session, kind, place.id, found, first=first, last=last)
        if kind in NEXT and changes:
            here = [one for item in here if (one := _changed(item, changes, now)) is not None]
            if kind == "reassessment":
                here += _come_back(session, changes, {one.subject for one in here}, now)
        items += sorted(here, key=lambda one: (one.source.hex, one.subject.hex))
    today = local_date(now, place.zone)
    over = trigger_finding.over(
        session, trigger_finding.Place(place.id, place.zone, place.cycle_since, today)
    )
    return [one for one in items if one.kind != "trigger" or one.subject not in over]


def _changed(item: Item, changes: Changes, now: datetime) -> Item | None:
    values = changes.get(item.source)
    if values is None:
        return item
    if values["state"] != dating.SCHEDULED:
        return None
    if item.kind != "reassessment" or values["due"] == item.due:
        return item
    return replace(item, due=values["due"], number=values["months"], since=now)


def _come_back(session: Session, changes: Changes, known: set[uuid.UUID], now: datetime) -> list[Item]:
    """Next assessments that nobody demanded, and that are demanded again."""
    ids = {one for one, values in changes.items() if values["state"] == dating.SCHEDULED} - known
    found = []
    for some in chunks(ids):
        rows = session.execute(
            select(Reassessment, Engagement.vendor_id, Engagement.tier)
            .join(Engagement, Engagement.id == Reassessment.engagement_id)
            .where(Reassessment.id.in_(some), Reassessment.state == dating.LEFT)
        )
        for row, vendor_id, tier in rows:
            values = changes[row.id]
            item = next_assessment(row, values["due"], now, vendor_id, tier)
            found.append(replace(item, number=values["months"]))
    return found


def waiting_of(
    session: Session, organisation_id: uuid.UUID, changes: Changes, items: Sequence[Item]
) -> list[Waiting]:
    """What the job "openings" would choose from."""
    rows = {row.id: row for row in waiting(session, organisation_id, last=MAX_DATE, opened=True)}
    for row_id, values in changes.items():
        if row_id in rows and values["state"] != dating.SCHEDULED:
            del rows[row_id]
        elif row_id in rows and values["due"] != rows[row_id].due:
            rows[row_id] = replace(rows[row_id], due=values["due"], opened=False)
    lapses = {row.engagement_id: row.lapses for row in rows.values()}
    for item in items:
        if item.kind == "reassessment" and item.source not in rows and item.engagement_id is not None:
            assert item.vendor_id is not None
            rows[item.source] = Waiting(
                *(item.source, organisation_id, item.vendor_id, item.engagement_id, item.code, item.due),
                *(item.tier, lapses.get(item.engagement_id)),
            )
    return sorted(rows.values(), key=lambda row: row.id.hex)


def before_of(session: Session, rows: Sequence[Waiting], changes: Changes) -> Mapping[uuid.UUID, Before]:
    """What these rows were set by, as it stands after the worker's first look."""
    found = dict(hindering.before_of(session, {row.id for row in rows}))
    for row_id, values in changes.items():
        if row_id in found and "not_before" in values:
            found[row_id] = replace(found[row_id], not_before=values["not_before"])
    return found
