"""The cycle under faults: killed at any commit, many at once, stopped, locked out, cut off, and with clocks that lie.

Whatever happens: each step is decided once, each person told once, each next assessment opened once, and what was
missed is made up for by the next pass.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, text, update
from sqlalchemy.orm import Session

from portal import clock, posting, worker
from portal.access import CompanyRole, OrganisationRole
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Unavailable
from portal.mail import Mailer
from portal.organisations.models import Organisation
from portal.outbox import LEASE, Message
from portal.pass_report import Report
from portal.reassessment import (
    generating,
    incidents,
    opening_job,
    rules,
    rules_service,
    terms,
    trigger_finding,
)
from portal.reassessment.generating import generate
from portal.reassessment.models import Reassessment, Reminder, ReminderEnd, ReminderStep, WorkingYear
from portal.reassessment.models_terms import EvidenceTerm, Termed
from portal.reassessment.models_triggers import Incident, Trigger
from portal.settings import Settings
from portal.vendors import queries as vendors
from tests.conftest import FULL
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.raw_smtp import RawSmtp
from tests.portal.reassessment.given import put_off, submit
from tests.portal.reassessment.papers import lay
from tests.portal.reassessment.post import Post
from tests.portal.reassessment.processes import Nursery, nursery
from tests.portal.world import NOW, make_company, make_organisation

both = pytest.mark.both_databases
DUE = date(2027, 3, 17)  # a Wednesday
LATE = datetime(
    2027, 3, 12, 12, tzinfo=UTC
)  # a Friday: the step of seven days before has come, four are over
OVER = ("before-90", "before-60", "before-30", "before-14")
OPENS = datetime(2027, 9, 27, 6, tzinfo=UTC)  # the working day after next assessments should have been opened
ENDS = date(2027, 5, 3)
SUBJECTS = 200 if FULL else 24
LEASE_SECONDS = 3


@pytest.fixture(scope="module")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery")) as found:
        yield found


@pytest.fixture
def workers(nest: Nursery) -> Iterator[Nursery]:
    yield nest
    nest.clear()


def many(database: Database, issued: Issued, number: int) -> None:
    """So many open assessments like the one that is there, due on DUE."""
    put_off(database, issued.assessment, DUE)
    with database.transaction() as session:
        table = Assessment.__table__
        pattern = dict(
            session.execute(select(table).where(Assessment.id == issued.assessment)).mappings().one()
        )
        rows = [pattern | {"id": uuid.uuid4(), "code": uuid.uuid4().hex[:16]} for _ in range(number - 1)]
        if rows:
            session.execute(insert(Assessment), rows)
            record(session, Kind.ASSESSMENT_ISSUED, now=NOW, actor=None)


@pytest.fixture
@made_once
def asked(database: Database, settings: Settings) -> Issued:
    return one_asked(database, settings)


def one_asked(database: Database, settings: Settings) -> Issued:
    """One open assessment, of a company with one owner."""
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    found = journey.issue(
        database, buyer, make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    )
    put_off(database, found.assessment, DUE)
    all_sent(database)
    return found


def all_sent(database: Database) -> None:
    """Nothing of the making of a world waits in the outbox."""
    with database.transaction() as session:
        session.execute(update(Message).values(state="sent"))


@pytest.fixture
@made_once
def answered(database: Database, settings: Settings) -> list[Issued]:
    """Three vendors that have answered: in a year each is asked again."""
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    made = [journey.issue(database, buyer, company, vendor_name=f"Vendor {n}") for n in range(3)]
    for one in made:
        submit(database, one)
    all_sent(database)
    return made


@pytest.fixture
@made_once
def proven(database: Database, settings: Settings) -> list[Issued]:
    """Three vendors that have answered, each with a document that ends on ENDS."""
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    made = [journey.issue(database, buyer, company, vendor_name=f"Vendor {n}") for n in range(3)]
    for one in made:
        key, rule = next(
            (k, q.evidence) for k, q in one.definition.questions.items() if q.evidence is not None
        )
        lay(database, one, key, rule.kind, issued_on=NOW.date(), expires=ENDS, title=f"Of {one.vendor}")
        submit(database, one)
    all_sent(database)
    return made


def deliver(database: Database, sender: Mailer, at: datetime) -> Report:
    report = Report()
    posting.deliver(database, sender, lambda: at, threading.Event(), report, alive=lambda: None)
    return report


def told_once(
    database: Database, number: int, *, told: str = "before-7", over: tuple[str, ...] = OVER
) -> None:
    """Each of ``number`` subjects has the step ``told`` with its one reminder, ``over`` as overtaken, and events say
    so.
    """
    with database.looking(SYSTEM) as session:
        steps = Counter(map(tuple, session.execute(select(ReminderStep.step, ReminderStep.skipped))))
        reminders = session.scalars(select(Reminder)).all()
        letters = set(session.scalars(select(Message.id)))
        said = session.scalars(select(Event.data).where(Event.kind == Kind.REMINDERS_GENERATED.value)).all()
    assert steps == Counter({(told, ""): number} | {(one, "overtaken"): number for one in over})
    assert len({(one.subject_id, one.person_id) for one in reminders}) == len(reminders) == number
    assert {one.message_id for one in reminders} <= letters
    assert sum(one["told"] for one in said if one) == number
    assert sum(one["skipped"] for one in said if one) == number * len(over)


def in_one_letter(database: Database, number: int) -> None:
    """The digest goes at its hour, once, and carries every line."""
    post = Post()
    deliver(database, post, LATE + timedelta(days=1))
    deliver(database, post, LATE + timedelta(days=1) + 2 * LEASE)
    assert len(post.sent) == 1
    with database.looking(SYSTEM) as session:
        carried = session.execute(select(Reminder.message_id, func.count()).group_by(Reminder.message_id))
        assert [tuple(one) for one in carried] == [(post.sent[0].id, number)]


# -------------------------------------------------------------------------------- killed at any commit


@both
@pytest.mark.parametrize("commit", range(1, 9 if FULL else 4))
def test_generation_killed_at_any_commit_goes_on_where_it_was(
    database: Database, settings: Settings, workers: Nursery, asked: Issued, commit: int
) -> None:
    """Two subjects of five lines each, four lines a transaction."""
    many(database, asked, 8 if FULL else 2)
    one = workers.worker(settings, "reminders", now=LATE, commit=commit, at_once=5 if FULL else 4)
    one.wait_here()
    one.kill()
    first = generate(database, now=LATE)
    assert first.told or first.skipped
    assert generate(database, now=LATE + timedelta(minutes=5)).told == 0
    told_once(database, 8 if FULL else 2)
    in_one_letter(database, 8 if FULL else 2)


@both
@pytest.mark.parametrize("commit", [1, 2, 3])
def test_opening_killed_at_any_commit_opens_each_once(
    database: Database, settings: Settings, workers: Nursery, answered: list[Issued], commit: int
) -> None:
    one = workers.worker(settings, "openings", now=OPENS, commit=commit)
    one.wait_here()
    one.kill()
    assert opening_job.open_due(database, now=OPENS) == 4 - commit
    assert opening_job.open_due(database, now=OPENS) == 0
    opened_once(database, answered)


def opened_once(database: Database, answered: list[Issued]) -> None:
    with database.looking(SYSTEM) as session:
        made = session.scalars(select(Assessment).where(Assessment.by_itself)).all()
        steps = session.scalars(select(ReminderStep).where(ReminderStep.step == "open")).all()
        events = session.scalars(
            select(Event.subject_id).where(Event.kind == Kind.REASSESSMENT_OPENED.value)
        ).all()
        letters = session.scalars(select(Message).where(Message.kind == "assessment_issued")).all()
        rows = session.scalars(select(Reassessment.id).where(Reassessment.state == "scheduled")).all()
    assert sorted(one.vendor_id.hex for one in made) == sorted(one.vendor.hex for one in answered)
    assert {one.made_id for one in steps} == {one.id for one in made}
    assert sorted(one.subject_id.hex for one in steps) == sorted(one.hex for one in rows)
    assert Counter(events) == Counter(one.id for one in made)
    before = len(answered)  # those that were issued when the vendors were asked for the first time
    to = Counter(one.recipient for one in letters)
    assert len(letters) - before * len(to) == len(made) * len(to)


@both
@pytest.mark.parametrize("commit", [1, 2, 3])
def test_terms_killed_at_any_commit_are_worked_out_once(
    database: Database, settings: Settings, workers: Nursery, proven: list[Issued], commit: int
) -> None:
    one = workers.worker(settings, "terms", now=LATE, commit=commit, at_once=1)
    one.wait_here()
    one.kill()
    assert terms.work_out(database, now=LATE) == 4 - commit
    assert terms.work_out(database, now=LATE) == 0
    worked_out_once(database, proven)


def worked_out_once(database: Database, proven: list[Issued]) -> None:
    with database.looking(SYSTEM) as session:
        termed = session.scalars(select(Termed.submission_id)).all()
        rows = session.execute(
            select(EvidenceTerm.submission_id, EvidenceTerm.until, EvidenceTerm.best)
        ).all()
    assert len(set(termed)) == len(termed) == len(proven)
    assert sorted(rows) == sorted((one, ENDS, True) for one in termed)


@both
@pytest.mark.parametrize("commit", [1, 2, 3])
def test_reasons_killed_at_any_commit_are_found_once_and_end_once(
    database: Database, settings: Settings, workers: Nursery, answered: list[Issued], commit: int
) -> None:
    happened(database, answered)
    one = workers.worker(settings, "triggers", now=LATE, commit=commit, at_once=1)
    one.wait_here()
    one.kill()
    assert trigger_finding.find(database, now=LATE) == 4 - commit
    assert trigger_finding.find(database, now=LATE) == 0
    each_once(database, answered, "open", Kind.TRIGGER_SET)
    with database.transaction() as session:
        session.execute(update(Incident).values(state="settled", settled_at=LATE))
        record(session, Kind.INCIDENT_SETTLED, now=LATE, actor=None)
    other = workers.worker(settings, "triggers", now=LATE, commit=commit, at_once=1)
    other.wait_here()
    other.kill()
    assert trigger_finding.find(database, now=LATE) == 0
    each_once(database, answered, "over", Kind.TRIGGER_SETTLED)


def happened(database: Database, answered: list[Issued]) -> None:
    """An incident at each vendor."""
    for one in answered:
        ciso = one.organisation[OrganisationRole.CISO]
        with database.transaction(ciso.scope) as session:
            vendor = vendors.vendor(session, ciso, one.vendor, lock=True)
            incidents.note(
                session,
                vendor,
                kind="breach",
                happened=None,
                words="Robbed",
                shared=False,
                actor=ciso,
                now=NOW,
            )


def each_once(database: Database, answered: list[Issued], state: str, kind: Kind) -> None:
    """Each engagement has one trigger, in this state, and one event says so."""
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(Trigger)).all()
        said = session.scalars(select(Event.subject_id).where(Event.kind == kind.value)).all()
    assert Counter(one.engagement_id for one in rows) == Counter(one.engagements[0] for one in answered)
    assert {one.state for one in rows} == {state}
    assert Counter(said) == Counter(one.id for one in rows)


@both
@pytest.mark.parametrize("commit", [1, 2])
def test_a_digest_killed_while_it_is_claimed_or_noted_is_noted_once(
    database: Database, settings: Settings, workers: Nursery, asked: Issued, commit: int
) -> None:
    """Of its two lines one is done when it goes. Before the note it is out: it goes again under the same id."""
    many(database, asked, 2)
    generate(database, now=LATE)
    with database.transaction() as session:
        session.execute(
            update(Assessment)
            .where(Assessment.id == asked.assessment)
            .values(state="cancelled", closed_at=LATE)
        )
        record(session, Kind.ASSESSMENT_CANCELLED, now=LATE, actor=None)
    folder, at = settings.data / "post", LATE + timedelta(days=1)
    one = workers.worker(settings, "delivery", now=at, commit=commit, mail=f"folder:{folder}")
    one.wait_here()
    assert len(list(folder.glob("*.eml"))) == commit - 1
    one.kill()
    post = Post()
    deliver(database, post, at)
    deliver(database, post, at + LEASE + timedelta(minutes=2))
    deliver(database, post, at + 3 * LEASE)
    assert len(post.sent) == 1
    assert {one.stem for one in folder.glob("*.eml")} <= {str(post.sent[0].id)}
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(ReminderEnd.why)).all() == ["done"]
        noted = session.scalars(select(Event.subject_id).where(Event.kind == Kind.MESSAGE_SENT.value)).all()
    assert noted == [post.sent[0].id]


@both
def test_a_whole_pass_killed_again_and_again_ends_where_an_undisturbed_one_does(
    database: Database, settings: Settings, workers: Nursery, answered: list[Issued]
) -> None:
    """Each worker gets one commit further than the last one that died, until one is left alone."""
    jobs = ("dates", "openings", "reminders", "unsaid", "delivery")
    folder = f"folder:{settings.data / 'post'}"
    deaths = 0
    for commit in [*range(1, 40)] if FULL else [2, 5, 9, 14]:
        one = workers.worker(settings, *jobs, now=OPENS, commit=commit, mail=folder, at_once=1)
        while not one.here.exists() and not one.found.exists():
            time.sleep(0.01)
        if one.found.exists():
            break
        one.kill()
        deaths += 1
    assert deaths >= 3
    last = workers.worker(settings, *jobs, now=OPENS + 2 * LEASE, mail=folder)
    assert last.result()["done"]["openings"] == 0
    opened_once(database, answered)
    with database.looking(SYSTEM) as session:
        keys = Counter(
            map(tuple, session.execute(select(Reminder.subject_id, Reminder.step, Reminder.person_id)))
        )
        waits = session.scalars(select(Message.state).where(Message.due_at <= OPENS)).all()
        noted = Counter(
            session.scalars(select(Event.subject_id).where(Event.kind == Kind.MESSAGE_SENT.value))
        )
    assert set(keys.values()) <= {1}
    assert set(waits) <= {"sent", "dropped"}
    assert set(noted.values()) == {1}


# ---------------------------------------------------------------------------------------- many at once


@both
@pytest.mark.parametrize("number", [2, 5])
def test_processes_at_once_tell_each_person_once(
    database: Database, settings: Settings, workers: Nursery, asked: Issued, number: int
) -> None:
    many(database, asked, SUBJECTS)
    gate = settings.data / "gate"
    made = [
        workers.worker(settings, "reminders", now=LATE, at_once=20 if FULL else 10, gate=gate)
        for _ in range(number)
    ]
    gate.touch()
    assert sum(one.result()["done"]["reminders"] for one in made) == SUBJECTS
    told_once(database, SUBJECTS)
    in_one_letter(database, SUBJECTS)


@both
def test_processes_at_once_open_each_once(
    database: Database, settings: Settings, workers: Nursery, answered: list[Issued]
) -> None:
    gate = settings.data / "gate"
    made = [workers.worker(settings, "openings", now=OPENS, gate=gate) for _ in range(5 if FULL else 3)]
    gate.touch()
    assert sum(one.result()["done"]["openings"] for one in made) == 3
    opened_once(database, answered)


@both
def test_processes_at_once_keep_to_the_pace_of_a_day(
    database: Database, settings: Settings, workers: Nursery, answered: list[Issued]
) -> None:
    ciso = answered[0].organisation[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        before = rules.current(session, answered[0].organisation.id)
        slow = replace(before, a_day=1)
        rules_service.save(session, slow, base=before.sequence, actor=ciso, now=NOW)
    gate = settings.data / "gate"
    made = [workers.worker(settings, "openings", now=OPENS, gate=gate) for _ in range(3)]
    gate.touch()
    assert sum(one.result()["done"]["openings"] for one in made) == 1
    with database.looking(SYSTEM) as session:
        assert len(session.scalars(select(Assessment.id).where(Assessment.by_itself)).all()) == 1


@both
def test_processes_at_once_find_each_reason_once_and_work_out_each_term_once(
    database: Database, settings: Settings, workers: Nursery, proven: list[Issued]
) -> None:
    happened(database, proven)
    gate = settings.data / "gate"
    made = [
        workers.worker(settings, "terms", "triggers", now=LATE, at_once=1, gate=gate)
        for _ in range(5 if FULL else 3)
    ]
    gate.touch()
    assert sum(one.result()["done"]["triggers"] for one in made) == len(proven)
    each_once(database, proven, "open", Kind.TRIGGER_SET)
    worked_out_once(database, proven)


# --------------------------------------------------------------------------------- stopped and resumed


@both
def test_stopped_after_its_claim_and_resumed_past_its_lease_it_sends_no_digest(
    database: Database, settings: Settings, workers: Nursery, asked: Issued
) -> None:
    generate(database, now=LATE)
    server, at = RawSmtp(), LATE + timedelta(days=1)
    one = workers.worker(
        settings, "delivery", now=at, commit=1, stops=True, mail=server.url, lease=LEASE_SECONDS
    )
    one.wait_here()
    time.sleep(LEASE_SECONDS)
    post = Post()
    assert deliver(database, post, at + timedelta(seconds=LEASE_SECONDS + 2)).sent == 1
    one.resume()
    assert one.result()["sent"] == 0
    server.close()
    assert (server.taken, len(post.sent)) == ([], 1)
    with database.looking(SYSTEM) as session:
        noted = session.scalars(select(Event.subject_id).where(Event.kind == Kind.MESSAGE_SENT.value)).all()
    assert noted == [post.sent[0].id]


# ------------------------------------------------------------------------- the database and its faults


@contextmanager
def at_commit(number: int, then: Any) -> Iterator[None]:
    """``then(session)`` happens right before the so-many-th commit of this process."""
    left = [number]

    def before(session: Session) -> None:
        left[0] -= 1
        if left[0] == 0:
            then(session)

    event.listen(Session, "before_commit", before)
    try:
        yield
    finally:
        event.remove(Session, "before_commit", before)


@both
@pytest.mark.parametrize("commit", [1, 2])
def test_a_database_that_ends_every_connection_in_mid_pass(
    database: Database, settings: Settings, asked: Issued, commit: int
) -> None:
    many(database, asked, 2)

    def cut(session: Session) -> None:
        if database.sqlite:
            raise Unavailable("the disk is gone for a moment")
        other = Database(settings.database_url)
        with other.engine.connect() as connection:
            everybody = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            )
            connection.execute(text(f"{everybody} AND pid <> pg_backend_pid()"))
        other.dispose()

    at_once, generating.WRITE_AT_ONCE = generating.WRITE_AT_ONCE, 4
    try:
        with at_commit(commit, cut), pytest.raises(Exception):  # noqa: B017  # each driver has its own
            generate(database, now=LATE)
    finally:
        generating.WRITE_AT_ONCE = at_once
    generate(database, now=LATE + timedelta(minutes=5))
    told_once(database, 2)
    in_one_letter(database, 2)


LOCKING = """
import sqlite3, sys, time
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(10)
other.execute("ROLLBACK")
"""


@pytest.mark.sqlite_itself
def test_a_database_that_another_process_locks_for_ten_seconds(database: Database, asked: Issued) -> None:
    path = str(database.engine.url.database)
    other = subprocess.Popen([sys.executable, "-I", "-c", LOCKING, path], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(Unavailable):
        generate(database, now=LATE)
    other.communicate(timeout=60)
    assert generate(database, now=LATE).told == 1
    told_once(database, 1)


# ------------------------------------------------------------------------------------- clocks that lie


@both
def test_a_clock_that_goes_back_and_forth_tells_nobody_twice(database: Database, asked: Issued) -> None:
    """Passes that trust it (--once --now): what a year ahead has decided stays, and what is past is not dug up."""
    days = (-5, 0, -5, -400, 1, -30, 0, 1, 1100, -5, 2)
    for number in days:
        generate(database, now=datetime(2027, 3, 17, 12, tzinfo=UTC) + timedelta(days=number))
    with database.looking(SYSTEM) as session:
        told = session.scalars(
            select(ReminderStep.step).where(ReminderStep.skipped == "").order_by(ReminderStep.at)
        ).all()
        keys = Counter(map(tuple, session.execute(select(Reminder.step, Reminder.person_id))))
    assert told == ["before-7", "on-the-day", "after-1", "after-30"]
    assert set(keys.values()) == {1}


def test_the_loop_writes_nothing_under_a_clock_that_is_years_ahead_for_ten_minutes(
    database: Database, settings: Settings, asked: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole passes; the clock is right, three years ahead for five of them, and right again."""
    stop, passes, really = threading.Event(), 0, worker.run_once

    def wall() -> datetime:
        return (
            LATE + timedelta(minutes=2 * passes) + (timedelta(days=1100) if 2 <= passes < 7 else timedelta(0))
        )

    def run_once(*given: Any, **how: Any) -> Report:
        nonlocal passes
        found = really(*given, **how | {"storage": None})
        passes += 1
        if passes == 12:
            stop.set()
        return found

    monkeypatch.setattr(clock, "now", wall)
    monkeypatch.setattr(clock, "elapsed", lambda: 120.0 * passes)
    monkeypatch.setattr(worker, "run_once", run_once)
    monkeypatch.setattr(worker, "REMIND_EVERY", timedelta(0))
    monkeypatch.setattr(worker, "PAUSE", 0)
    worker.loop(database, settings, stop, sender=Post(), after_a_pause=True)
    assert passes == 12
    with database.looking(SYSTEM) as session:
        at = session.scalars(select(Reminder.queued_at)).all()
    assert at
    assert max(at) < LATE + timedelta(days=1)


NIGHTS = [
    ("Europe/Lisbon", date(2027, 3, 28), 23),
    ("Europe/Lisbon", date(2027, 10, 31), 25),
    ("America/Santiago", date(2027, 9, 5), 23),  # this day has no midnight
]


@pytest.mark.parametrize(("zone", "day", "hours"), NIGHTS)
def test_a_day_of_23_and_of_25_hours_from_end_to_end(
    database: Database, asked: Issued, zone: str, day: date, hours: int
) -> None:
    """Hourly passes over a Sunday on which answers are due, where Sundays are worked, to a reader of that zone."""
    assert clock.begins(day + timedelta(days=1), zone) - clock.begins(day, zone) == timedelta(hours=hours)
    put_off(database, asked.assessment, day, zone=zone)
    owner = asked.company[CompanyRole.OWNER].person.id
    with database.transaction() as session:
        session.execute(update(Organisation).values(region="IL"))
        session.add(WorkingYear(region="IL", year=day.year, weekend=[4, 5], days=[], source="", read_at=NOW))
        session.execute(update(PersonRow).where(PersonRow.id == owner).values(zone=zone, post_hour=6))
        record(session, Kind.LETTERS_CHOSEN, now=NOW, actor=None)
    first = clock.begins(day, zone) - timedelta(hours=2)
    generate(database, now=first - timedelta(hours=1))  # whatever came before that day
    all_sent(database)
    post, told, came = Post(), [], []
    for number in range(2 + hours):
        now = first + timedelta(hours=number)
        told += [now] * generate(database, now=now).told
        deliver(database, post, now)
        came += [now] * (len(post.sent) - len(came))
    assert told == [clock.begins(day, zone)]
    assert [one.astimezone(clock.zone_of(zone)) for one in came] == [clock.begins(day, zone, 6)]
    with database.looking(SYSTEM) as session:
        row = session.execute(select(ReminderStep.day).where(ReminderStep.step == "on-the-day")).one()
    assert row.day == day
