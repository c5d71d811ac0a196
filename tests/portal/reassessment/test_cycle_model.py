"""Random scripts of what happens between random passes of random many workers, some of which crash or have a clock
that was set back, against a model in memory.

The model is written from the design's page, not from the code: it knows days, roles and reasons, and no SQL.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.orm import Session

from portal import outbox
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.evidence.service import Described
from portal.gate import keeping
from portal.gate.models import GateDecision
from portal.organisations.models import CompanyMember
from portal.outbox import Message
from portal.reassessment import agenda, generating, unsaid
from portal.reassessment.generating import generate
from portal.reassessment.models import Reminder, ReminderStep
from portal.reassessment.models_terms import EvidenceTerm
from portal.settings import Settings
from tests.portal import journey
from tests.portal.reassessment.papers import kept
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
DAY = timedelta(days=1)
START = datetime(2027, 1, 4, 9, tzinfo=UTC)
# Days from the date; of a campaign by the hour, hours from its hour. Campaigns go by what they have chosen.
LADDERS = {
    "assessment": (-90, -60, -30, -14, -7, -1, 0, 1, 7, 14, 30),
    "decision": (-60, -30, -14, -7, -1, 0, 1),
    "evidence": (-60, -30, -14, -7, -1, 0, 7, 30),
    "days": (-3, -1, 0, 1, 3),
    "hours": (-24, -4, 0, 4, 24),
    "none": (),
}
ZONES = ("Europe/Lisbon", "Pacific/Auckland", "America/Los_Angeles")
KEEP = timedelta(days=35)


@dataclass(frozen=True)
class Step:
    """A step with its moment: the day on which it begins, by the hour the instant."""

    number: int
    name: str
    day: date
    at: datetime | None = None


def of_day(due: date, number: int, first: date) -> Step:
    """Of a region without holidays: back to a Friday up to the date, on to a Monday after it; but not back to the day
    on which the date was set, or before it.
    """
    own = day = due + number * DAY
    while day.weekday() > 4:
        day += -DAY if number <= 0 else DAY
    name = "on-the-day" if number == 0 else f"before-{-number}" if number < 0 else f"after-{number}"
    return Step(number, name, own if day <= first < own else day)


def of_hour(due: date, number: int, clock: time | None, zone: str) -> Step:
    """Of a date without a time the hours are counted from the end of its day."""
    ends = datetime.combine(due, clock, ZoneInfo(zone)) if clock else midnight(due + DAY, zone)
    at = ends.astimezone(UTC) + timedelta(hours=number)
    return Step(number, f"hour{number:+d}@{f'{clock:%H:%M}' if clock else '24:00'}", local_date(at, zone), at)


def midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(0), ZoneInfo(zone))


@dataclass
class Dated:
    """Something with a date, and by which ladder people are told of it."""

    id: uuid.UUID
    due: date
    since: datetime
    zone: str = ZONES[0]
    ladder: str = "assessment"
    clock: time | None = None

    def steps(self, due: date, since: datetime) -> list[Step]:
        """The whole ladder of a date that was set at ``since``."""
        numbers = LADDERS[self.ladder]
        if self.ladder == "hours":
            return [of_hour(due, one, self.clock, self.zone) for one in numbers]
        return [of_day(due, one, local_date(since, self.zone)) for one in numbers]

    def come(self, due: date, since: datetime, now: datetime) -> list[Step]:
        """The steps whose moment has begun since the date was set, in the order of their moments."""
        today, first = local_date(now, self.zone), local_date(since, self.zone)
        found = [
            one
            for one in self.steps(due, since)
            if (first < one.day <= today if one.at is None else since < one.at <= now)
        ]
        return sorted(found, key=lambda one: (one.day, one.number))


@dataclass
class Asked(Dated):
    """Answers that are asked for, by an assessment or by a campaign. ``past``: (due, since, until, why) of dates that
    are over.
    """

    open: bool = True
    linked: bool = True
    past: list[tuple[date, datetime, datetime, str]] = field(default_factory=list)


@dataclass
class Decided(Dated):
    """A decision of the gate: until when it lets something pass."""

    ladder: str = "decision"
    passes: bool = True


@dataclass
class Paper(Dated):
    """The end of a document beside an answer; ``best``: it is what the question is proved by."""

    ladder: str = "evidence"
    best: bool = False
    document: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass
class World:
    """Who answers, who asks, and what stands on record: (subject, due, step) -> people, or why nobody.

    ``deciders``: who is told of a decision. ``held``: letters wait for somebody's word since a restore; ``waits``: the
    keys of the steps that were told meanwhile.
    """

    owners: dict[uuid.UUID, datetime]
    ciso: uuid.UUID
    reviewer: uuid.UUID
    deciders: frozenset[uuid.UUID] = frozenset()
    asked: list[Asked] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)
    decided: Decided | None = None
    held: bool = False
    waits: set[tuple[uuid.UUID, date, str]] = field(default_factory=set)
    record: dict[tuple[uuid.UUID, date, str], frozenset[uuid.UUID] | str] = field(default_factory=dict)

    def looked(self, now: datetime) -> None:
        """A pass: the newest step that has come is told, unless a newer one is on record; the others are overtaken."""
        for asked in self.asked:
            if asked.open:
                self._look(asked, now)
        for paper in self.papers:
            if paper.best:
                self._look(paper, now)
        if self.decided is not None and self.decided.passes:
            self._look(self.decided, now)

    def _look(self, one: Dated, now: datetime) -> None:
        come = one.come(one.due, one.since, now)
        if not come:
            return
        every = one.steps(one.due, one.since)
        done = [step.number for step in every if (one.id, one.due, step.name) in self.record]
        newest, key = come[-1], (one.id, one.due, come[-1].name)
        if not any(number >= newest.number for number in done):
            self.record[key] = self.people(one, newest)
            if self.held:
                self.waits.add(key)
        for step in come:
            self.record.setdefault((one.id, one.due, step.name), "overtaken")

    def people(self, one: Dated, step: Step) -> frozenset[uuid.UUID]:
        """The owners who were there before that day, and late whoever looks after it: of answers whoever issued them,
        a week late, of a campaign at once; of documents the reviewer, too; at last the CISO. Whoever issued it, too,
        where the company has gone or nobody of it is left.
        """
        told = {who for who, joined in self.owners.items() if local_date(joined, one.zone) < step.day}
        if isinstance(one, Decided):
            return self.deciders
        if isinstance(one, Paper):
            told |= {self.reviewer} if step.number >= 7 else set()
            return frozenset(told | {self.ciso} if step.number >= 30 else told)
        assert isinstance(one, Asked)
        told = told if one.linked else set()
        late = step.number >= (7 if one.ladder == "assessment" else 1)
        return frozenset(told | {self.ciso} if late or not told else told)

    def noted(self, now: datetime) -> None:
        """What is over within five weeks has its reason."""
        for one in self.asked:
            for due, since, until, why in one.past:
                if until >= now - KEEP:
                    for step in one.come(due, since, until):
                        self.record.setdefault((one.id, due, step.name), why)


@dataclass(frozen=True)
class Place:
    """A database with people, one assessment to copy, and a submission that counts at a gate."""

    pattern: dict[str, Any]
    owner: uuid.UUID
    colleague: uuid.UUID
    ciso: uuid.UUID
    admin: uuid.UUID
    reviewer: uuid.UUID
    engagement: uuid.UUID
    submission: uuid.UUID
    answers: Identity


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
    submission = journey.submit(database, issued)
    keeping.Keeper(database).turn(lambda: NOW + timedelta(hours=3), seconds=60)
    with database.transaction() as session:
        session.execute(update(Assessment).values(state="cancelled", closed_at=NOW - timedelta(days=500)))
        record(session, Kind.ASSESSMENT_CANCELLED, now=NOW, actor=None)
    return Place(
        pattern,
        company[CompanyRole.OWNER].person.id,
        company[CompanyRole.CONTRIBUTOR].person.id,
        buyer[OrganisationRole.CISO].person.id,
        buyer[OrganisationRole.ADMIN].person.id,
        buyer[OrganisationRole.REVIEWER].person.id,
        issued.engagements[0],
        submission,
        company[CompanyRole.OWNER],
    )


steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("pass", "pass", "pass", "pass", "extend", "close", "return", "join", "leave"),
                *("unlink", "link", "decide", "revoke", "restore", "release", "judge", "judge"),
                *("crash", "crash", "back"),
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
    dues=st.lists(
        st.tuples(
            st.one_of(st.integers(-5, 120), st.integers(0, 6)),
            st.sampled_from(ZONES),
            st.sampled_from(["assessment", "assessment", "hours", "days", "none"]),
            st.sampled_from([None, time(8), time(18, 30)]),
        ),
        min_size=3,
        max_size=3,
    ),
)
def test_what_stands_on_record_is_what_the_model_says(
    database: Database,
    place: Place,
    script: list[tuple[str, int, int, int, int]],
    dues: list[tuple[int, str, str, time | None]],
) -> None:
    deciders = frozenset({place.ciso, place.admin})
    world = World({place.owner: NOW - timedelta(days=900)}, place.ciso, place.reviewer, deciders)
    now = START
    members(database, place, {place.owner})
    for days, zone, ladder, clock in dues:
        world.asked.append(open_one(database, place, START.date() + days * DAY, zone, ladder, clock))
    world.papers += [lay(database, place) for _ in range(2)]
    for what, which, minutes, days, workers in [*script, ("pass", 0, 1, 1, 1)]:
        now += timedelta(minutes=minutes)
        one = world.asked[which]
        if what in ("pass", "crash", "back"):
            if what == "crash":
                crashed(database, now, commit=days % 6 + 1, written=which % 2 == 0)
            passes(database, now, workers)
            world.looked(now)
            world.noted(now)
            if what == "back":  # the clock was set; then it is right again
                passes(database, now - days * timedelta(hours=7), workers)
                world.noted(now - days * timedelta(hours=7))
        elif what in ("join", "leave"):
            change_member(database, place, world, joins=what == "join", now=now)
        elif what in ("link", "unlink"):
            link(database, place, one, linked=what == "link", now=now)
        elif what in ("decide", "revoke"):
            world.decided = decide(database, place, days, passes=what == "decide", now=now)
        elif what in ("restore", "release"):
            hold(database, world, held=what == "restore", now=now)
        elif what == "judge":
            judge(database, world, which % 2, local_date(now, ZONES[0]) + (days - 20) * DAY)
        elif what == "return" and not one.open:
            give_back(database, one, now, days)
        elif what in ("extend", "close") and one.open:
            end(database, one, now, days if what == "extend" else None)
    ids = [one.id for one in world.asked]
    found = on_record(database, {key[0] for key in world.record} | {*ids, *(one.id for one in world.papers)})
    assert found == world.record
    assert waiting(database, set(world.record)) == world.waits
    hold(database, world, held=False, now=now)
    decide(database, place, 1, passes=False, now=now)
    judge(database, world, None, START.date())
    with database.transaction() as session:  # the next example begins with nothing open
        session.execute(
            update(Assessment)
            .where(Assessment.id.in_(ids))
            .values(state="cancelled", closed_at=START - 99 * DAY)
        )
        record(session, Kind.ASSESSMENT_CANCELLED, now=now, actor=None)


def open_one(
    database: Database, place: Place, due: date, zone: str, ladder: str, clock: time | None
) -> Asked:
    """An assessment, or what a campaign asks, by the ladder that it has."""
    values = {**place.pattern, "id": uuid.uuid4(), "code": uuid.uuid4().hex[:16], "due": due, "zone": zone}
    values |= {"issued_at": START, "state": "open"}
    if ladder != "assessment":
        values |= {"campaign_id": uuid.uuid4(), "ladder": ladder, "due_time": clock}
    with database.transaction() as session:
        session.execute(insert(Assessment).values(**values))
        record(session, Kind.ASSESSMENT_ISSUED, now=START, actor=None)
    return Asked(values["id"], due, START, zone, ladder, clock)


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
            data = {"before": before, "before_time": row.due_time, "due": row.due, "asked": False}
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


def lay(database: Database, place: Place) -> Paper:
    """A document beside the answers, which nothing is proved by yet."""
    organisation, described = place.pattern["organisation_id"], Described("training_record", "A")
    with database.transaction(place.answers.scope) as session:
        made = kept(session, place.answers, described).id
    with database.transaction() as session:
        session.add(
            EvidenceTerm(
                submission_id=place.submission,
                key="people.training",
                evidence_id=made,
                organisation_id=organisation,
                company_id=place.pattern["company_id"],
                kind="training_record",
                until=START.date(),
                best=False,
                sealed_at=NOW,
            )
        )
    return Paper(agenda.subject_of("evidence", made, str(organisation)), START.date(), NOW, document=made)


def judge(database: Database, world: World, best: int | None, until: date) -> None:
    """One of the documents is what the question is proved by, until a day; None: nothing is."""
    for number, paper in enumerate(world.papers):
        paper.best = number == best
        paper.due = until if paper.best else paper.due
        with database.transaction() as session:
            session.execute(
                update(EvidenceTerm)
                .where(EvidenceTerm.evidence_id == paper.document)
                .values(best=paper.best, until=paper.due)
            )


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


class Gone(BaseException):
    """The process is no more."""


def crashed(database: Database, now: datetime, *, commit: int, written: bool) -> None:
    """A pass by small steps that ends at its so-many-th commit, which is ``written`` or not."""
    left = [commit]

    def end(_session: Session) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Gone

    moment = "after_commit" if written else "before_commit"
    at_once, generating.WRITE_AT_ONCE = generating.WRITE_AT_ONCE, 1
    event.listen(Session, moment, end)
    try:
        with contextlib.suppress(Gone):
            generate(database, now=now)
            unsaid.note(database, now=now)
    finally:
        event.remove(Session, moment, end)
        generating.WRITE_AT_ONCE = at_once


def on_record(
    database: Database, ids: set[uuid.UUID]
) -> dict[tuple[uuid.UUID, date, str], frozenset[uuid.UUID] | str]:
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(ReminderStep).where(
                ReminderStep.subject_id.in_(ids),
                ReminderStep.kind.in_(("assessment", "decision", "campaign", "evidence")),
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
