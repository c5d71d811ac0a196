"""Reminders: each step once for each person, however late, often and many the workers are; letters that are true."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import change_steps, changing
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations import service as organisations
from portal.organisations.models import Company
from portal.reassessment.reminding import queue_due
from portal.settings import Settings
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.reassessment.given import letters, noon, put_off, reminders, scheduled, submit
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
TODAY = NOW.date()
DUE = TODAY + timedelta(days=45)


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden", NOW - timedelta(days=900))


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark", NOW - timedelta(days=900))


@pytest.fixture
def issued(database: Database, buyer: Place, company: Place) -> Issued:
    """An open assessment, due in 45 days."""
    found = journey.issue(database, buyer, company)
    put_off(database, found.assessment, DUE)
    return found


def on(database: Database, day: date) -> int:
    return queue_due(database, now=noon(day))


def test_one_letter_a_step_and_none_on_a_repeat(database: Database, issued: Issued) -> None:
    passes = {days: on(database, DUE + timedelta(days=days)) for days in (-45, -31, -30, -29, -7, -6, 0, 6)}
    assert passes == {-45: 0, -31: 0, -30: 1, -29: 0, -7: 1, -6: 0, 0: 1, 6: 0}
    assert [on(database, DUE + timedelta(days=days)) for days in (7, 7, 8, 400)] == [1, 0, 0, 0]
    assert [one.step for one in reminders(database)] == ["before-30", "before-7", "on-the-day", "after-7"]
    assert {one.recipient for one in letters(database)} == {"owner@fennmark.example"}


def test_a_worker_that_wakes_late_writes_one_true_letter_and_records_every_step(
    database: Database, issued: Issued
) -> None:
    assert on(database, DUE + timedelta(days=12)) == 1
    assert on(database, DUE + timedelta(days=12)) == 0
    (letter,) = letters(database)
    assert letter.subject == "Halden: Security basics was due on Tuesday 5 January 2027"
    assert "were due on Tuesday 5 January 2027" in " ".join(letter.text.split())
    assert "is Sunday 17 January 2027: that date is 12 days ago" in " ".join(letter.text.split())
    assert "12 days ago" in letter.html
    assert letter.reply_to == "ciso@halden.example"
    found = reminders(database)
    assert sorted(one.step for one in found) == ["after-7", "before-30", "before-7", "on-the-day"]
    assert {one.message_id for one in found} == {letter.id}


def test_steps_of_the_past_are_not_sent(database: Database, buyer: Place, company: Place) -> None:
    found = journey.issue(database, buyer, company)
    put_off(database, found.assessment, TODAY + timedelta(days=10))
    assert [on(database, TODAY + timedelta(days=days)) for days in (0, 2, 3, 10)] == [0, 0, 1, 1]
    assert [one.step for one in reminders(database)] == ["before-7", "on-the-day"]


def test_who_joins_later_is_told_from_then_on(database: Database, issued: Issued, company: Place) -> None:
    on(database, DUE - timedelta(days=30))
    joined = noon(DUE - timedelta(days=3))
    with database.transaction() as session:
        row = session.execute(select(Company).where(Company.id == company.id)).scalar_one()
        colleague = company[CompanyRole.CONTRIBUTOR].person.id
        session.execute(
            update(organisations.CompanyMember)
            .where(organisations.CompanyMember.person_id == colleague)
            .values(removed_at=joined)
        )
        organisations.add_colleague(session, row, colleague, CompanyRole.OWNER, now=joined, actor=None)
    on(database, DUE)
    found = Counter((one.person_id, one.step) for one in reminders(database))
    assert (colleague, "on-the-day") in found
    assert (colleague, "before-7") not in found
    assert set(found.values()) == {1}


def test_the_contact_is_told_when_they_belong_to_the_company(
    database: Database, issued: Issued, company: Place
) -> None:
    put_off(database, issued.assessment, DUE, contact_email="contributor@fennmark.example")
    assert on(database, DUE) == 2
    assert {one.person_id for one in reminders(database)} == {
        one.person.id for one in company.people.values()
    }


def test_what_is_submitted_gets_no_more_letters(database: Database, issued: Issued) -> None:
    on(database, DUE - timedelta(days=30))
    submit(database, issued, now=noon(DUE - timedelta(days=20)))
    assert on(database, DUE + timedelta(days=10)) == 0


def test_an_invitation_that_nobody_accepted_is_the_issuers_to_chase(
    database: Database, issued: Issued, buyer: Place
) -> None:
    with database.transaction() as session:
        for model in (Assessment, AssessmentEngagement):
            session.execute(update(model).values(company_id=None))
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None)
    assert on(database, DUE - timedelta(days=30)) == 1
    (letter,) = letters(database)
    assert letter.recipient == "ciso@halden.example"
    assert letter.subject.startswith("Fennmark has not accepted the invitation; Security basics is due on")
    assert letter.company_id is None


def test_the_date_is_that_of_the_assessments_own_zone(database: Database, issued: Issued) -> None:
    put_off(database, issued.assessment, DUE, zone="Pacific/Auckland")
    day = DUE - timedelta(days=31)  # in Lisbon; in Auckland the step's day begins at 11:00 UTC
    assert queue_due(database, now=datetime(day.year, day.month, day.day, 10, 59, tzinfo=UTC)) == 0
    assert queue_due(database, now=datetime(day.year, day.month, day.day, 11, 1, tzinfo=UTC)) == 1


class TestNextAssessments:
    def test_those_who_look_after_it_are_told(self, database: Database, issued: Issued, buyer: Place) -> None:
        submit(database, issued)
        (row,) = scheduled(database)
        assert row.due == date(2027, 11, 21)
        assert on(database, row.due - timedelta(days=31)) == 0
        assert on(database, row.due - timedelta(days=30)) == 2  # the CISO is the business owner as well
        told = {one.person_id for one in reminders(database)}
        assert told == {buyer[OrganisationRole.ADMIN].person.id, buyer[OrganisationRole.CISO].person.id}
        assert on(database, row.due + timedelta(days=40)) == 2
        found = Counter(
            (one.subject_id, one.kind, one.step, one.due, one.person_id) for one in reminders(database)
        )
        assert len(found) == 8
        assert set(found.values()) == {1}
        text = " ".join(letters(database)[-1].text.split())
        assert "the last answers are of Saturday 21 November 2026" in text
        assert "tier critical every 12 months" in text
        assert all(one.company_id is None for one in [*letters(database), *reminders(database)])

    def test_they_stop_once_the_next_one_is_issued(
        self, database: Database, issued: Issued, buyer: Place
    ) -> None:
        submit(database, issued)
        (row,) = scheduled(database)
        on(database, row.due - timedelta(days=30))
        then = noon(row.due - timedelta(days=20))
        journey.again(database, buyer, issued.vendor, issued.engagements, issued.definition, now=then)
        on(database, row.due)
        assert {one.step for one in reminders(database) if one.kind == "reassessment"} == {"before-30"}


def many(database: Database, buyer: Place, company: Place, count: int) -> None:
    issued = [
        journey.issue(database, buyer, company, vendor_name=f"Vendor {number}") for number in range(count)
    ]
    for one in issued:
        put_off(database, one.assessment, DUE)


def check_once_each(database: Database, count: int) -> None:
    found = Counter((one.subject_id, one.step, one.person_id) for one in reminders(database))
    assert len(found) == count * 3
    assert set(found.values()) == {1}
    assert len(letters(database)) == count
    assert {one.message_id for one in reminders(database)} == {one.id for one in letters(database)}
    with database.looking(SYSTEM) as session:
        events = select(func.count()).select_from(Event).where(Event.kind == "reminder.queued")
        assert session.scalar(events) == count


def test_threads_at_once_write_each_reminder_once(database: Database, buyer: Place, company: Place) -> None:
    many(database, buyer, company, 8)
    workers, queued, gate = 4, [], threading.Barrier(4)

    def work() -> None:
        gate.wait()
        queued.append(on(database, DUE))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(queued) == 8
    assert len(queued) == workers
    check_once_each(database, 8)


def test_processes_at_once_write_each_reminder_once(
    database: Database, settings: Settings, buyer: Place, company: Place
) -> None:
    many(database, buyer, company, 8)
    code = (
        "import sys; from datetime import datetime; from portal.db import Database;"
        "from portal import tables; from portal.reassessment.reminding import queue_due;"
        "d = Database(sys.argv[1], 'http://127.0.0.1:8000'); input();"
        "print(queue_due(d, now=datetime.fromisoformat(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, settings.database_url, noon(DUE).isoformat()]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for one in workers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    answers = [one.communicate(timeout=60)[0] for one in workers]
    assert all(one.returncode == 0 for one in workers)
    assert sum(map(int, answers)) == 8
    check_once_each(database, 8)


# ------------------------------------------------------------------------------- dates that move, requests that end


def _change(database: Database, buyer: Place, issued: Issued, what: Any, day: date, **values: Any) -> None:
    ciso = buyer[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        one, _vendor = change_steps.lock(session, ciso, issued.assessment)
        what(session, one, actor=ciso, now=noon(day), **values)


def test_a_moved_date_has_steps_of_its_own_and_none_of_the_past(
    database: Database, buyer: Place, issued: Issued
) -> None:
    assert on(database, DUE - timedelta(days=7)) == 1  # thirty and seven days before, in one letter
    later = DUE + timedelta(days=14)
    _change(database, buyer, issued, changing.extend, DUE - timedelta(days=5), due=later, text="Holidays.")
    # thirty days before the new date were over when it was set: only what comes after that day is due
    assert [on(database, DUE - timedelta(days=days)) for days in (5, 4, 1, 0)] == [0, 0, 0, 0]
    assert [on(database, later + timedelta(days=days)) for days in (-8, -7, -6, 0, 7, 30)] == [
        0,
        1,
        0,
        1,
        1,
        0,
    ]
    steps = Counter((one.due, one.step) for one in reminders(database))
    assert steps == {
        (DUE, "before-30"): 1,
        (DUE, "before-7"): 1,
        (later, "before-7"): 1,
        (later, "on-the-day"): 1,
        (later, "after-7"): 1,
    }


def test_what_waits_to_be_sent_is_taken_back_when_it_is_past(
    database: Database, buyer: Place, issued: Issued
) -> None:
    assert on(database, DUE - timedelta(days=7)) == 1
    assert [one.state for one in letters(database)] == ["queued"]
    later = DUE + timedelta(days=14)
    _change(database, buyer, issued, changing.extend, DUE - timedelta(days=7), due=later, text="Holidays.")
    assert on(database, DUE - timedelta(days=6)) == 0
    (old,) = letters(database)
    assert (old.state, old.text, old.html) == ("gave_up", "", "")
    assert on(database, later - timedelta(days=7)) == 1
    _change(database, buyer, issued, changing.cancel, later - timedelta(days=6), text="Stopped.")
    assert [on(database, later + timedelta(days=days)) for days in (-6, 0, 7)] == [0, 0, 0]
    assert [one.state for one in letters(database)] == ["gave_up", "gave_up"]


def test_a_reminder_names_who_asks_and_its_code(database: Database, buyer: Place, issued: Issued) -> None:
    on(database, DUE - timedelta(days=7))
    (letter,) = letters(database)
    ciso = buyer[OrganisationRole.CISO].person
    with database.looking(SYSTEM) as session:
        code = session.scalars(select(Assessment.code)).one()
    assert code
    assert code in letter.text
    assert f"{database.base_url}/confirm" in letter.text
    assert ciso.name in letter.text
    assert letter.reply_to == ciso.email
