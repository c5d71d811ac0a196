"""Random scripts of what happens between random passes of random many workers, against a model in memory.

The model is written from the design's page, not from the code: it knows days, roles and reasons, and no SQL.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from portal import outbox
from portal.access import CompanyRole, OrganisationRole
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.gate.models import GateDecision
from portal.organisations.models import CompanyMember
from portal.outbox import Message
from portal.reassessment import unsaid
from portal.reassessment.generating import generate
from portal.reassessment.models import Reminder, ReminderStep
from portal.settings import Settings
from tests.portal import journey
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
DAY = timedelta(days=1)
START = datetime(2027, 1, 4, 9, tzinfo=UTC)
DAYS = (-90, -60, -30, -14, -7, -1, 0, 1, 7, 14, 30)
DECISION_DAYS = (-60, -30, -14, -7, -1, 0, 1)
ZONES = ("Europe/Lisbon", "Pacific/Auckland", "America/Los_Angeles")
KEEP = timedelta(days=35)


def name(days: int) -> str:
    return "on-the-day" if days == 0 else f"before-{-days}" if days < 0 else f"after-{days}"


def moment(due: date, days: int) -> date:
    """Of a region without holidays: back to a Friday up to the date, on to a Monday after it."""
    day = due + days * DAY
    while day.weekday() > 4:
        day += -DAY if days <= 0 else DAY
    return day


@dataclass
class Asked:
    """One open assessment as the model knows it. ``past``: (due, since, until, why) of dates that are over."""

    id: uuid.UUID
    zone: str
    due: date
    since: datetime
    open: bool = True
    linked: bool = True
    past: list[tuple[date, datetime, datetime, str]] = field(default_factory=list)


@dataclass
class Decided:
    """A decision of the gate: until when it lets something pass."""

    id: uuid.UUID
    due: date
    since: datetime
    zone: str = ZONES[0]
    passes: bool = True


@dataclass
class World:
    """Who answers, who asks, and what stands on record: (subject, due, step) -> people, or why nobody.

    ``deciders``: who is told of a decision. ``held``: letters wait for somebody's word since a restore; ``waits``: the
    keys of the steps that were told meanwhile.
    """

    owners: dict[uuid.UUID, datetime]
    ciso: uuid.UUID
    deciders: frozenset[uuid.UUID] = frozenset()
    asked: list[Asked] = field(default_factory=list)
    decided: Decided | None = None
    held: bool = False
    waits: set[tuple[uuid.UUID, date, str]] = field(default_factory=set)
    record: dict[tuple[uuid.UUID, date, str], frozenset[uuid.UUID] | str] = field(default_factory=dict)

    def come(
        self, one: Asked | Decided, due: date, since: datetime, now: datetime, ladder: tuple[int, ...] = DAYS
    ) -> list[int]:
        """The steps whose moment has begun since the date was set, in the order of their moments."""
        today, first = local_date(now, one.zone), local_date(since, one.zone)
        found = [days for days in ladder if first < moment(due, days) <= today]
        return sorted(found, key=lambda days: (moment(due, days), days))

    def looked(self, now: datetime) -> None:
        """A pass: the newest step that has come is told, unless a newer one is on record; the others are overtaken."""
        for one in self.asked:
            if one.open:
                self._look(one, self.come(one, one.due, one.since, now))
        if self.decided is not None and self.decided.passes:
            found = self.come(self.decided, self.decided.due, self.decided.since, now, DECISION_DAYS)
            self._look(self.decided, found)

    def _look(self, one: Asked | Decided, come: list[int]) -> None:
        if not come:
            return
        done = [days for days in DAYS if (one.id, one.due, name(days)) in self.record]
        newest, key = come[-1], (one.id, one.due, name(come[-1]))
        if newest not in done and not any(days > newest for days in done):
            self.record[key] = self.deciders if isinstance(one, Decided) else self.people(one, newest)
            if self.held:
                self.waits.add(key)
        for days in come:
            self.record.setdefault((one.id, one.due, name(days)), "overtaken")

    def people(self, one: Asked, days: int) -> frozenset[uuid.UUID]:
        """The owners who were there before that day; from a week late on whoever issued it, at last the CISO. Whoever
        issued it, too, where the company has gone or nobody of it is left.
        """
        day = moment(one.due, days)
        told = {who for who, joined in self.owners.items() if local_date(joined, one.zone) < day}
        told = told if one.linked else set()
        return frozenset(told | {self.ciso} if days >= 7 or not told else told)

    def noted(self, now: datetime) -> None:
        """What is over within five weeks has its reason."""
        for one in self.asked:
            for due, since, until, why in one.past:
                if until >= now - KEEP:
                    for days in self.come(one, due, since, until):
                        self.record.setdefault((one.id, due, name(days)), why)


@dataclass(frozen=True)
class Place:
    """A database with people and one assessment to copy."""

    pattern: dict[str, Any]
    owner: uuid.UUID
    colleague: uuid.UUID
    ciso: uuid.UUID
    admin: uuid.UUID
    engagement: uuid.UUID


@pytest.fixture
def place(database: Database, settings: Settings) -> Place:
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    issued = journey.issue(database, buyer, company)
    with database.transaction() as session:
        pattern = dict(
            session.execute(select(Assessment.__table__).where(Assessment.id == issued.assessment))
            .mappings()
            .one()
        )
        session.execute(update(Assessment).values(state="cancelled", closed_at=NOW - timedelta(days=500)))
        record(session, Kind.ASSESSMENT_CANCELLED, now=NOW, actor=None)
    return Place(
        pattern,
        company[CompanyRole.OWNER].person.id,
        company[CompanyRole.CONTRIBUTOR].person.id,
        buyer[OrganisationRole.CISO].person.id,
        buyer[OrganisationRole.ADMIN].person.id,
        issued.engagements[0],
    )


steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("pass", "pass", "pass", "pass", "extend", "close", "return", "join", "leave"),
                *("unlink", "link", "decide", "revoke", "restore", "release"),
            ]
        ),
        st.integers(0, 2),  # which one
        st.integers(1, 40 * 24 * 60),  # minutes that go by before it
        st.integers(1, 60),  # by how many days a date is put off
        st.integers(1, 3),  # workers
    ),
    min_size=4,
    max_size=14,
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    script=steps,
    dues=st.lists(st.tuples(st.integers(-5, 120), st.sampled_from(ZONES)), min_size=3, max_size=3),
)
def test_what_stands_on_record_is_what_the_model_says(
    database: Database,
    place: Place,
    script: list[tuple[str, int, int, int, int]],
    dues: list[tuple[int, str]],
) -> None:
    world = World({place.owner: NOW - timedelta(days=900)}, place.ciso, frozenset({place.ciso, place.admin}))
    now = START
    members(database, place, {place.owner})
    for days, zone in dues:
        world.asked.append(open_one(database, place, START.date() + days * DAY, zone))
    for what, which, minutes, days, workers in [*script, ("pass", 0, 1, 1, 1)]:
        now += timedelta(minutes=minutes)
        one = world.asked[which]
        if what == "pass":
            passes(database, now, workers)
            world.looked(now)
            world.noted(now)
        elif what in ("join", "leave"):
            change_member(database, place, world, joins=what == "join", now=now)
        elif what in ("link", "unlink"):
            link(database, place, one, linked=what == "link", now=now)
        elif what in ("decide", "revoke"):
            world.decided = decide(database, place, days, passes=what == "decide", now=now)
        elif what in ("restore", "release"):
            hold(database, world, held=what == "restore", now=now)
        elif what == "return" and not one.open:
            give_back(database, one, now, days)
        elif what in ("extend", "close") and one.open:
            end(database, one, now, days if what == "extend" else None)
    found = on_record(database, {key[0] for key in world.record} | {one.id for one in world.asked})
    assert found == world.record
    assert waiting(database, set(world.record)) == world.waits
    ids = [one.id for one in world.asked]
    hold(database, world, held=False, now=now)
    decide(database, place, 1, passes=False, now=now)
    with database.transaction() as session:  # the next example begins with nothing open
        session.execute(
            update(Assessment)
            .where(Assessment.id.in_(ids))
            .values(state="cancelled", closed_at=START - 99 * DAY)
        )
        record(session, Kind.ASSESSMENT_CANCELLED, now=now, actor=None)


def open_one(database: Database, place: Place, due: date, zone: str) -> Asked:
    values = {**place.pattern, "id": uuid.uuid4(), "code": uuid.uuid4().hex[:16], "due": due, "zone": zone}
    values |= {"issued_at": START, "state": "open"}
    with database.transaction() as session:
        session.execute(insert(Assessment).values(**values))
        record(session, Kind.ASSESSMENT_ISSUED, now=START, actor=None)
    return Asked(values["id"], zone, due, START)


def members(database: Database, place: Place, owners: set[uuid.UUID]) -> None:
    with database.transaction() as session:
        for who in (place.owner, place.colleague):
            role = "owner" if who in owners else "contributor"
            session.execute(update(CompanyMember).where(CompanyMember.person_id == who).values(role=role))
        record(session, Kind.MEMBER_ADDED, now=START, actor=None)


def change_member(database: Database, place: Place, world: World, *, joins: bool, now: datetime) -> None:
    with database.transaction() as session:
        session.execute(
            update(CompanyMember)
            .where(CompanyMember.person_id == place.colleague)
            .values(role="owner" if joins else "contributor", created_at=now)
        )
        record(session, Kind.MEMBER_ADDED, now=now, actor=None)
    if joins:
        world.owners[place.colleague] = now
    else:
        world.owners.pop(place.colleague, None)


def end(database: Database, one: Asked, now: datetime, put_off: int | None) -> None:
    """Put the date off, or hand the answers in."""
    before = one.due
    with database.transaction() as session:
        row = session.get_one(Assessment, one.id)
        if put_off is None:
            row.state, row.submitted_at = "submitted", now
            record(session, Kind.SUBMITTED, now=now, actor=None, subject=row)
        else:
            row.due = before + put_off * DAY
            data = {"before": before, "due": row.due, "asked": False}
            record(session, Kind.ASSESSMENT_EXTENDED, now=now, actor=None, subject=row, data=data)
    one.past.append((before, one.since, now, "answered" if put_off is None else "moved"))
    if put_off is None:
        one.open = False
    else:
        one.due, one.since = before + put_off * DAY, now


def give_back(database: Database, one: Asked, now: datetime, days: int) -> None:
    """Return answers with a later date: it is open again, and that it was answered is no reason any more."""
    with database.transaction() as session:
        row = session.get_one(Assessment, one.id)
        row.state, row.submitted_at, row.due = "open", None, one.due + days * DAY
        record(session, Kind.QUESTIONS_RETURNED, now=now, actor=None, subject=row)
    one.open, one.due, one.since = True, one.due + days * DAY, now
    one.past = [each for each in one.past if each[3] != "answered"]


def link(database: Database, place: Place, one: Asked, *, linked: bool, now: datetime) -> None:
    """The company that answers goes, or comes back."""
    company = place.pattern["company_id"] if linked else None
    with database.transaction() as session:
        session.execute(update(Assessment).where(Assessment.id == one.id).values(company_id=company))
        record(session, Kind.VENDOR_LINKED, now=now, actor=None)
    one.linked = linked


def decide(database: Database, place: Place, days: int, *, passes: bool, now: datetime) -> Decided:
    """The newest decision on the engagement: clear for so many days, or no longer."""
    made = Decided(uuid.uuid4(), local_date(now, ZONES[0]) + days * DAY, now, passes=passes)
    with database.transaction() as session:
        before = session.scalar(select(func.max(GateDecision.sequence))) or 0
        row = GateDecision(
            id=made.id, organisation_id=place.pattern["organisation_id"], engagement_id=place.engagement,
            sequence=before + 1, method="test", outcome="clear" if passes else "blocked",
            proposed_outcome="clear", valid_until=made.due if passes else None, policy_sequence=1, policy=b"{}",
            facts=b"{}", proposal=b"{}", choice=b"{}", ratings=[], words_commitment="0" * 64,
            decided_by=place.ciso, decided_at=now,
        )  # fmt: skip
        session.add(row)
        record(session, Kind.GATE_DECIDED, now=now, actor=None, subject=row)
    return made


def hold(database: Database, world: World, *, held: bool, now: datetime) -> None:
    """What a restore leaves behind: a letter that waits for somebody's word; and that word, for all that wait."""
    with database.transaction() as session:
        if held:
            said = outbox.Letter(
                "gate_told", "somebody@x.example", "Somebody", "About", "Text", "<p>Text</p>"
            )
            outbox.queue(session, said, now=now).state = "held"
        else:
            session.execute(update(Message).where(Message.state == "held").values(state="queued"))
    world.held = held
    if not held:
        world.waits.clear()


def waiting(database: Database, keys: set[tuple[uuid.UUID, date, str]]) -> set[tuple[uuid.UUID, date, str]]:
    """The steps whose letters wait for somebody's word."""
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(Reminder.subject_id, Reminder.due, Reminder.step)
            .join(Message, Message.id == Reminder.message_id)
            .where(Message.state == "held")
        )
        return {(one.subject_id, one.due, one.step) for one in rows} & keys


def passes(database: Database, now: datetime, workers: int) -> None:
    """So many workers at once."""
    gate = threading.Barrier(workers)
    faults: list[BaseException] = []

    def work() -> None:
        try:
            gate.wait()
            generate(database, now=now)
            unsaid.note(database, now=now)
        except BaseException as fault:  # shown by the test, whichever thread it was
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert faults == []


def on_record(
    database: Database, ids: set[uuid.UUID]
) -> dict[tuple[uuid.UUID, date, str], frozenset[uuid.UUID] | str]:
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(ReminderStep).where(
                ReminderStep.subject_id.in_(ids), ReminderStep.kind.in_(("assessment", "decision"))
            )
        ).scalars()
        told = session.execute(select(Reminder).where(Reminder.subject_id.in_(ids))).scalars().all()
        found: dict[tuple[uuid.UUID, date, str], frozenset[uuid.UUID] | str] = {}
        for row in rows:
            people = [
                one.person_id
                for one in told
                if (one.subject_id, one.due, one.step) == (row.subject_id, row.due, row.step)
            ]
            assert len(set(people)) == len(people) == row.people
            found[row.subject_id, row.due, row.step] = row.skipped or frozenset(people)
    return found
