"""The worker keeps what stands at each gate stored (standings.py), and writes down when it changes.

What is stale is worked out in a transaction that reads, and written in a short one that takes the row of each gate; a
row tells what it was made from, so nothing else is locked and a worker that is killed leaves nothing half done.
"""

from __future__ import annotations

import logging
import secrets
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.gate import standings, working
from portal.gate.reading import Seen
from portal.gate.standing_models import BriefCondition, BriefSubmission, GateBrief, StandingRecord
from portal.gate.working import Rules, Worked
from portal.organisations import queries as organisations
from portal.rows import insert_rows, update_rows
from portal.vendors.models import Engagement, Vendor

log = logging.getLogger("portal.worker")

SLICE = 5.0  # seconds of a pass: letters and the sign of life come in between
TOGETHER = 50  # gates that are worked out and written at once
LOOKED_AT = 100  # gates that are believed to hold and looked at all the same, once a day
# What stands beside a brief: its table with the columns, and what makes its rows.
BESIDE = ((BriefCondition, standings.CONDITIONS), (BriefSubmission, standings.SUBMISSIONS))
MADE_BESIDE = (standings.condition_rows, standings.submission_rows)


@dataclass(frozen=True, slots=True)
class Gates:
    """Some gates of one organisation as one transaction found them."""

    organisation_id: uuid.UUID
    rules: Rules
    seen: Mapping[uuid.UUID, Seen]
    made: Mapping[uuid.UUID, Worked]
    failed: frozenset[tuple[uuid.UUID, int]] = frozenset()


class Keeper:
    """Goes round the organisations, one turn after the other; any number may run at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = uuid.UUID(int=0)  # the organisation at which the last turn ran out of time
        self._looked: dict[uuid.UUID, date] = {}
        # (engagement, revision of its ground) that cannot be worked out: they are tried again on the next day.
        self._failed: dict[tuple[uuid.UUID, date], set[tuple[uuid.UUID, int]]] = {}

    def turn(
        self,
        instant: Callable[[], datetime],
        *,
        stopping: Callable[[], bool] = lambda: False,
        seconds: float = SLICE,
    ) -> int:
        """Store what is stale for at most about ``seconds``; returns how many gates were written."""
        ends = time.monotonic() + seconds
        written = 0
        with self._database.looking(SYSTEM) as session:
            places = organisations.round_from(session, self._after)
        for organisation in places:
            self._after = uuid.UUID(int=organisation.int + 1)  # the next one's turn, whatever is raised here
            while not stopping() and time.monotonic() < ends:
                failed = self._failed_of(organisation, instant().date())
                gates = stale(self._database, organisation, now=instant(), without=failed)
                failed |= gates.failed
                if gates.failed:
                    log.error(
                        "%s gates of organisation %s are not worked out today; pages say “being worked out” of "
                        "them until what they rest on is mended: each is named above, and tried again tomorrow",
                        len(failed),
                        organisation,
                    )
                if not gates.seen:
                    if gates.failed:
                        continue
                    written += self._look(organisation, instant())
                    break
                made = store(self._database, gates, now=instant())
                written += made
                if not made:  # another worker is at it, or has written what is newer than our clock
                    break
            else:
                self._after = organisation
                return written
        self._after = uuid.UUID(int=0)
        return written

    def _failed_of(self, organisation_id: uuid.UUID, today: date) -> set[tuple[uuid.UUID, int]]:
        """What could not be worked out today, a set to be added to."""
        for key in [one for one in self._failed if one[1] != today]:
            del self._failed[key]
        return self._failed.setdefault((organisation_id, today), set())

    def _look(self, organisation_id: uuid.UUID, now: datetime) -> int:
        """Once a day: what is believed to hold is looked at, and what nobody reads any more is dropped."""
        today = now.date()
        if self._looked.get(organisation_id) == today:
            return 0
        self._looked[organisation_id] = today
        forget(self._database, organisation_id)
        return mend(self._database, organisation_id, now=now)


def stale(
    database: Database,
    organisation_id: uuid.UUID,
    *,
    now: datetime,
    without: Collection[tuple[uuid.UUID, int]] = (),
) -> Gates:
    """The next gates whose stored standing does not count any more, worked out as they stand now.

    ``without``: engagements, each with the revision of its ground, that were tried in vain.
    """
    with database.looking(SYSTEM) as session:
        rules = working.rules(session, organisation_id)
        ours, briefs, sellers = (
            [model.organisation_id == organisation_id] for model in (Engagement, GateBrief, Vendor)
        )
        if without:
            place = tuple_(Engagement.id, Engagement.ground_revision)
            ours.append(place.not_in(sorted(without)))
        today = local_date(now, rules.zone)
        wanted = standings.stale_of(ours, briefs, sellers, rules.basis, today).limit(TOGETHER)
        found = session.execute(wanted).all()
        gates = _seen(session, organisation_id, [one.id for one in found], rules, now)
        made = {(one.id, one.ground_revision) for one in found if one.id not in gates.made}
        return replace(gates, failed=frozenset(made))


def _seen(
    session: Session, organisation_id: uuid.UUID, ids: Collection[uuid.UUID], rules: Rules, now: datetime
) -> Gates:
    found = working.looked_at(session, organisation_id, ids, rules, now=now)
    return Gates(organisation_id, rules, found.seen, found.made)


def store(database: Database, gates: Gates, *, now: datetime, mending: bool = False) -> int:
    """Write what was worked out, and what changed by it; returns how many gates were written.

    Left out: those whose ground has moved on since, those that another worker has at hand or has written meanwhile.
    ``mending``: also those that are believed to hold.
    """
    made = {key: gates.made[key] for key in gates.seen}
    with database.transaction(SYSTEM) as session:
        present = _present(session, gates.organisation_id, made)
        rows = {key: _values(gates, key, made[key]) for key in present}
        before = _taken(session, database, rows)
        due = {
            key: made[key]
            for key, row in before.items()
            if mending or not _is_as_new(row, made[key], gates.rules.basis)
        }
        if due:
            _note_changes(session, gates, before, due, present, now)
            _write(session, gates, due, [rows[key] for key in due if before[key] is not None])
    return len(due)


def _values(gates: Gates, key: uuid.UUID, one: Worked) -> dict[str, Any]:
    """The row of GateBrief."""
    return {
        **dict(zip(standings.COLUMNS, standings.brief_row(key, one), strict=True)),
        "organisation_id": gates.organisation_id,
        "ground_revision": one.ground_revision,
        "basis": gates.rules.basis,
        "day": one.day,
        "until": one.until,
        "lapses": [list(each) for each in one.brief.lapses],
    }


def _present(
    session: Session, organisation_id: uuid.UUID, made: Mapping[uuid.UUID, Worked]
) -> dict[uuid.UUID, Engagement]:
    """The engagements whose ground is what these were worked out from."""
    rows = session.scalars(
        select(Engagement)
        .join(Vendor, and_(Vendor.id == Engagement.vendor_id, Vendor.offboarded_at.is_(None)))
        .where(Engagement.organisation_id == organisation_id, Engagement.id.in_(sorted(made)))
    )
    return {one.id: one for one in rows if one.ground_revision == made[one.id].ground_revision}


def _taken(
    session: Session, database: Database, rows: Mapping[uuid.UUID, Mapping[str, Any]]
) -> dict[uuid.UUID, GateBrief | None]:
    """What was stored of these gates, each ours until the transaction ends; None for one that is new, and inserted."""
    held = session.scalars(
        select(GateBrief)
        .where(GateBrief.engagement_id.in_(sorted(rows)))
        .order_by(GateBrief.engagement_id)
        .with_for_update(skip_locked=True)
    )
    found: dict[uuid.UUID, GateBrief | None] = {one.engagement_id: one for one in held}
    if new := [rows[key] for key in sorted(rows) if key not in found]:
        insert: Any = sqlite.insert if database.sqlite else postgresql.insert
        statement = insert(GateBrief.__table__).values(new).on_conflict_do_nothing()
        came = session.execute(statement.returning(GateBrief.__table__.c.engagement_id))
        found |= dict.fromkeys(came.scalars())
    return found


def _is_as_new(row: GateBrief | None, one: Worked, basis: str) -> bool:
    """Whether another worker has written as much meanwhile. A row of a day to come counts for nobody: a clock was put
    back.
    """
    if row is None or (row.ground_revision, row.basis) != (one.ground_revision, basis):
        return False
    return row.day <= one.day < row.until


def _write(
    session: Session, gates: Gates, due: Mapping[uuid.UUID, Worked], rows: Collection[Mapping[str, Any]]
) -> None:
    update_rows(session, GateBrief, ("engagement_id",), list(rows))
    ours = {"organisation_id": gates.organisation_id}
    for model in (BriefCondition, BriefSubmission):
        session.execute(
            delete(model)
            .where(model.engagement_id.in_(sorted(due)))
            .execution_options(synchronize_session=False)
        )
    for model, names, lines in (
        (BriefCondition, standings.CONDITIONS, standings.condition_rows(due)),
        (BriefSubmission, standings.SUBMISSIONS, standings.submission_rows(due)),
    ):
        insert_rows(session, model, [dict(zip(names, one, strict=True), **ours) for one in lines])


# ------------------------------------------------------------------------------------------------------------- changes


def _note_changes(
    session: Session,
    gates: Gates,
    before: Mapping[uuid.UUID, GateBrief | None],
    due: Mapping[uuid.UUID, Worked],
    engagements: Mapping[uuid.UUID, Engagement],
    now: datetime,
) -> None:
    """Append what changed since it was last written down, each under the day since when it is so."""
    last = _last(session, due)
    lines: list[dict[str, Any]] = []
    for key, one in due.items():
        was, row = last.get(key), before[key]
        found = (one.tier, one.brief.outcome, one.level, one.high)
        said = None if was is None else (was.tier, was.outcome, was.level, was.high)
        for day, outcome in [*_went_by(gates, key, row, one), (one.day, one.brief.outcome)]:
            line = (found[0], outcome, *found[2:])
            if said == line:
                continue
            sequence = 1 + (
                lines[-1]["sequence"]
                if lines and lines[-1]["engagement_id"] == key
                else was.sequence
                if was
                else 0
            )
            values = dict(zip(("tier", "outcome", "level", "high"), line, strict=True))
            place = {"organisation_id": gates.organisation_id, "engagement_id": key}
            lines.append({"id": uuid.uuid4(), **place, "sequence": sequence, "day": day, "at": now, **values})
            said = line
        _tell(session, row, one, gates.rules, engagements[key], now)
    insert_rows(session, StandingRecord, lines)


def _went_by(gates: Gates, key: uuid.UUID, row: GateBrief | None, one: Worked) -> Iterator[tuple[date, str]]:
    """What counted on the days before today, where nothing but days has gone by since the row was written."""
    if row is None or (row.ground_revision, row.basis) != (one.ground_revision, gates.rules.basis):
        return
    yield from ((day, outcome) for day, outcome in working.by_days(gates.seen[key], row.day) if day < one.day)


def _tell(
    session: Session, row: GateBrief | None, one: Worked, rules: Rules, engagement: Engagement, now: datetime
) -> None:
    """An event where another outcome counts and nobody has decided anew: it lapsed, or recovered, by itself."""
    if row is None or row.outcome == one.brief.outcome or row.decision_id != one.brief.decision_id:
        return
    why = (
        "rules"
        if row.basis != rules.basis
        else "ground"
        if row.ground_revision != one.ground_revision
        else "days"
    )
    data = {"from": row.outcome or "undecided", "to": one.brief.outcome or "undecided", "why": why}
    record(session, Kind.STANDING_CHANGED, now=now, actor=None, subject=engagement, data=data, ours=True)


def _last(session: Session, due: Collection[uuid.UUID]) -> dict[uuid.UUID, StandingRecord]:
    newest = (
        select(StandingRecord.engagement_id, func.max(StandingRecord.sequence).label("sequence"))
        .where(StandingRecord.engagement_id.in_(sorted(due)))
        .group_by(StandingRecord.engagement_id)
        .subquery()
    )
    rows = session.scalars(
        select(StandingRecord).join(
            newest,
            and_(
                newest.c.engagement_id == StandingRecord.engagement_id,
                newest.c.sequence == StandingRecord.sequence,
            ),
        )
    )
    return {one.engagement_id: one for one in rows}


# ------------------------------------------------------------------------------------------------------ looking after


def mend(database: Database, organisation_id: uuid.UUID, *, now: datetime, most: int = LOOKED_AT) -> int:
    """Work out some gates that are believed to hold: one that comes out otherwise is a defect of ours, and mended."""
    with database.looking(SYSTEM) as session:
        rules = working.rules(session, organisation_id)
        today = local_date(now, rules.zone)
        statement = (
            select(GateBrief)
            .join(Engagement, Engagement.id == GateBrief.engagement_id)
            .where(GateBrief.organisation_id == organisation_id, *standings.holds(rules.basis, today))
        )
        start = uuid.UUID(bytes=secrets.token_bytes(16))
        rows: list[GateBrief] = []  # from anywhere on, and round to the beginning
        for part in (GateBrief.engagement_id >= start, GateBrief.engagement_id < start):
            some = statement.where(part).order_by(GateBrief.engagement_id).limit(most - len(rows))
            rows += session.scalars(some)
        ids = [one.engagement_id for one in rows]
        gates = _seen(session, organisation_id, ids, rules, now)
        beside = [_stored_beside(session, ids, *one) for one in BESIDE]
    wrong = {}
    for row in rows:
        found = gates.seen.get(row.engagement_id)
        if found is None or found.loaded.ground_revision != row.ground_revision:
            continue  # it moved on between the two looks
        made = _values(gates, row.engagement_id, gates.made[row.engagement_id])
        alone = {row.engagement_id: gates.made[row.engagement_id]}
        lines = [{one[1:] for one in some(alone)} for some in MADE_BESIDE]
        if any(getattr(row, name) != made[name] for name in standings.COLUMNS) or lines != [
            stored.get(row.engagement_id, set()) for stored in beside
        ]:
            log.error(
                "what is stored of the gate of engagement %s was not so; it is mended", row.engagement_id
            )
            wrong[row.engagement_id] = found
    return store(database, replace(gates, seen=wrong), now=now, mending=True) if wrong else 0


def _stored_beside(
    session: Session, ids: Collection[uuid.UUID], model: Any, names: tuple[str, ...]
) -> dict[uuid.UUID, set[tuple[Any, ...]]]:
    """The rows of ``model`` beside each of these gates, without its id."""
    found: dict[uuid.UUID, set[tuple[Any, ...]]] = {}
    columns = [getattr(model, name) for name in names]
    for key, *values in session.execute(select(*columns).where(model.engagement_id.in_(ids))):
        found.setdefault(key, set()).add(tuple(values))
    return found


def forget(database: Database, organisation_id: uuid.UUID) -> None:
    """Drop what is stored of gates whose vendor has left: a worker may have written it while the vendor did."""
    left = (
        select(GateBrief.engagement_id)
        .join(Engagement, Engagement.id == GateBrief.engagement_id)
        .join(Vendor, and_(Vendor.id == Engagement.vendor_id, Vendor.offboarded_at.is_not(None)))
        .where(GateBrief.organisation_id == organisation_id)
    )
    with database.looking(SYSTEM) as session:
        ids = list(session.scalars(left))
    if ids:
        with database.transaction(SYSTEM) as session:
            for model in (BriefCondition, BriefSubmission, GateBrief):
                session.execute(
                    delete(model)
                    .where(model.engagement_id.in_(ids))
                    .execution_options(synchronize_session=False)
                )
