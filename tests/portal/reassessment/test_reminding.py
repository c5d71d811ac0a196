"""Reminders: each step once for each person, however late, often and many the workers are; letters that are true."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import change_steps, changing
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations import service as organisations
from portal.organisations.models import Company
from portal.reassessment.generating import generate
from portal.reassessment.models import ReminderStep
from portal.settings import Settings
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.reassessment.given import noon, put_off, reminders, scheduled, submit
from tests.portal.reassessment.post import ends, messages, post
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
TODAY = NOW.date()
DUE = TODAY + timedelta(days=46)  # Wednesday 6 January 2027


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden", NOW - timedelta(days=900))


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark", NOW - timedelta(days=900))


@pytest.fixture
def issued(database: Database, buyer: Place, company: Place) -> Issued:
    """An open assessment, due in 46 days."""
    found = journey.issue(database, buyer, company)
    put_off(database, found.assessment, DUE)
    return found


def on(database: Database, day: date) -> int:
    """How many reminders a look at noon brings."""
    return generate(database, now=noon(day)).told


def passed_over(database: Database) -> Counter[str]:
    """Why steps were told to nobody."""
    with database.looking(SYSTEM) as session:
        return Counter(session.scalars(select(ReminderStep.skipped).where(ReminderStep.skipped != "")))


def test_one_letter_a_step_and_none_on_a_repeat(database: Database, issued: Issued) -> None:
    looks = {days: on(database, DUE + timedelta(days=days)) for days in (-46, -31, -30, -29, -7, -6, 0, 6)}
    assert looks == {-46: 0, -31: 0, -30: 1, -29: 0, -7: 1, -6: 0, 0: 1, 6: 1}
    # From a week after the date on, who issued it is told beside the vendor.
    assert [on(database, DUE + timedelta(days=days)) for days in (7, 7, 8, 400)] == [2, 0, 0, 2]
    steps = [one.step for one in reminders(database) if one.company_id is not None]
    assert steps == ["before-30", "before-7", "on-the-day", "after-1", "after-7", "after-30"]
    assert {one.recipient for one in messages(database) if one.company_id} == {"owner@fennmark.example"}


def test_a_worker_that_wakes_late_writes_one_true_letter_and_records_every_step(
    database: Database, issued: Issued
) -> None:
    asleep = DUE + timedelta(days=12)
    assert on(database, asleep) == 2
    assert on(database, asleep) == 0
    (letter,) = [one for one in post(database, noon(asleep)) if one.recipient == "owner@fennmark.example"]
    said = "the answers were due on Wednesday 6 January 2027, 12 days ago"
    assert letter.subject.startswith("For Fennmark: asked by Halden: Security basics, about Archive")
    assert said in letter.subject
    assert said in " ".join(letter.text.split())
    assert said in " ".join(letter.html.split())
    assert "Today, as we write this, is Monday 18 January 2027" in " ".join(letter.text.split())
    assert letter.reply_to == "ciso@halden.example"
    assert {one.step for one in reminders(database)} == {"after-7"}
    assert passed_over(database) == {"overtaken": 6}


def test_steps_of_the_past_are_not_sent(database: Database, buyer: Place, company: Place) -> None:
    found = journey.issue(database, buyer, company)
    put_off(database, found.assessment, TODAY + timedelta(days=10))
    assert [on(database, TODAY + timedelta(days=days)) for days in (0, 2, 3, 10)] == [0, 0, 1, 1]
    assert [one.step for one in reminders(database)] == ["before-7", "on-the-day"]
    assert passed_over(database) == {"overtaken": 1}


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
    on(database, DUE + timedelta(days=10))
    assert {one.step for one in reminders(database) if one.kind == "assessment"} == {"before-30"}
    assert post(database, noon(DUE + timedelta(days=10)))[0].subject.startswith("Halden: Fennmark"), (
        "a review"
    )
    assert ends(database) == ["done"]


def test_an_invitation_that_nobody_accepted_is_the_issuers_to_chase(
    database: Database, issued: Issued, buyer: Place
) -> None:
    with database.transaction() as session:
        for model in (Assessment, AssessmentEngagement):
            session.execute(update(model).values(company_id=None))
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None)
    assert on(database, DUE - timedelta(days=30)) == 1
    (letter,) = post(database, noon(DUE - timedelta(days=30)))
    assert letter.recipient == "ciso@halden.example"
    assert letter.subject.startswith("Halden: Fennmark, Security basics, Archive: the answers are due on")
    assert "Nobody there has accepted the invitation yet." in " ".join(letter.text.split())
    assert [one.company_id for one in reminders(database)] == [None]


def test_the_date_is_that_of_the_assessments_own_zone(database: Database, issued: Issued) -> None:
    put_off(database, issued.assessment, DUE, zone="Pacific/Auckland")
    day = DUE - timedelta(days=31)  # in Lisbon; in Auckland the step's day begins at 11:00 UTC
    assert generate(database, now=datetime(day.year, day.month, day.day, 10, 59, tzinfo=UTC)).told == 0
    assert generate(database, now=datetime(day.year, day.month, day.day, 11, 1, tzinfo=UTC)).told == 1


def of_next(database: Database) -> list[Any]:
    return [one for one in reminders(database) if one.kind == "reassessment"]


class TestNextAssessments:
    def test_those_who_look_after_it_are_told(self, database: Database, issued: Issued, buyer: Place) -> None:
        submit(database, issued)
        (row,) = scheduled(database)
        assert row.due == date(2027, 11, 21)
        on(database, row.due - timedelta(days=31))
        assert {one.step for one in of_next(database)} == {"before-60"}
        assert on(database, row.due - timedelta(days=30)) == 2
        told = {one.person_id for one in of_next(database)}
        assert told == {buyer[OrganisationRole.ADMIN].person.id, buyer[OrganisationRole.CISO].person.id}
        on(database, row.due + timedelta(days=40))
        found = Counter((one.subject_id, one.step, one.due, one.person_id) for one in of_next(database))
        assert len(found) == 6  # the CISO is the business owner as well
        assert set(found.values()) == {1}
        letters = post(database, noon(row.due + timedelta(days=40)))
        text = " ".join(" ".join(one.text for one in letters).split())
        assert (
            "Fennmark, Archive: the next assessment by Security basics was due on Sunday 21 November 2027"
            in text
        )
        assert all(one.company_id is None for one in of_next(database))

    def test_they_stop_once_the_next_one_is_issued(
        self, database: Database, issued: Issued, buyer: Place
    ) -> None:
        submit(database, issued)
        (row,) = scheduled(database)
        on(database, row.due - timedelta(days=30))
        then = noon(row.due - timedelta(days=20))
        journey.again(database, buyer, issued.vendor, issued.engagements, issued.definition, now=then)
        on(database, row.due)
        assert {one.step for one in of_next(database)} == {"before-30"}


def many(database: Database, buyer: Place, company: Place, count: int) -> None:
    issued = [
        journey.issue(database, buyer, company, vendor_name=f"Vendor {number}") for number in range(count)
    ]
    for one in issued:
        put_off(database, one.assessment, DUE)


def check_once_each(database: Database, count: int) -> None:
    """One line a subject, three of them in letters of their own and the others in one; every step on record once."""
    found = Counter((one.subject_id, one.step, one.person_id) for one in reminders(database))
    assert len(found) == count
    assert set(found.values()) == {1}
    assert Counter(one.kind for one in messages(database)) == {"reminder_alone": 3, "reminder_morning": 1}
    assert {one.message_id for one in reminders(database)} == {one.id for one in messages(database)}
    with database.looking(SYSTEM) as session:
        steps = session.execute(select(ReminderStep.subject_id, ReminderStep.step)).all()
        events = session.scalars(select(Event.data).where(Event.kind == Kind.REMINDERS_GENERATED.value)).all()
    assert len(steps) == len(set(steps)) == count * 5
    assert sum(one["told"] for one in events) == count


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
        "from portal import tables; from portal.reassessment.generating import generate;"
        "d = Database(sys.argv[1], 'http://127.0.0.1:8000'); input();"
        "print(generate(d, now=datetime.fromisoformat(sys.argv[2])).told)"
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
    assert on(database, DUE - timedelta(days=7)) == 1
    later = DUE + timedelta(days=14)
    _change(database, buyer, issued, changing.extend, DUE - timedelta(days=5), due=later, text="Holidays.")
    # thirty days before the new date were over when it was set: only what comes after that day is due
    assert [on(database, DUE - timedelta(days=days)) for days in (5, 4, 1, 0)] == [0, 0, 0, 1]
    assert [on(database, later + timedelta(days=days)) for days in (-8, -7, -6, 0, 7, 30)] == [
        0,
        1,
        0,
        1,
        2,
        2,
    ]
    steps = Counter((one.due, one.step) for one in reminders(database))
    assert steps == {
        (DUE, "before-7"): 1,
        (later, "before-14"): 1,
        (later, "before-7"): 1,
        (later, "on-the-day"): 1,
        (later, "after-7"): 2,
        (later, "after-30"): 2,
    }


def test_what_waits_to_be_sent_is_left_out_when_it_is_past(
    database: Database, buyer: Place, issued: Issued
) -> None:
    assert on(database, DUE - timedelta(days=7)) == 1
    assert [one.state for one in messages(database)] == ["queued"]
    later = DUE + timedelta(days=14)
    _change(database, buyer, issued, changing.extend, DUE - timedelta(days=7), due=later, text="Holidays.")
    assert on(database, DUE - timedelta(days=6)) == 0
    assert post(database, noon(DUE - timedelta(days=6))) == []
    (old,) = messages(database)
    assert (old.state, old.text, old.html) == ("dropped", "", "")
    assert on(database, later - timedelta(days=7)) == 1
    _change(database, buyer, issued, changing.cancel, later - timedelta(days=6), text="Stopped.")
    # nobody is asked any more, so that the engagement waits for its first assessment again
    assert [on(database, later + timedelta(days=days)) for days in (-6, 0, 7)] == [2, 0, 0]
    owner = issued.company[CompanyRole.OWNER].person.email
    assert owner not in {one.recipient for one in post(database, noon(later))}
    about = {one.message_id for one in reminders(database) if one.kind == "assessment"}
    assert [one.state for one in messages(database) if one.id in about] == ["dropped", "dropped"]
    assert ends(database) == ["done", "moved"]


def test_a_reminder_names_who_asks_and_its_code(database: Database, buyer: Place, issued: Issued) -> None:
    on(database, DUE)
    (letter,) = post(database, noon(DUE))
    ciso = buyer[OrganisationRole.CISO].person
    with database.looking(SYSTEM) as session:
        code = session.scalars(select(Assessment.code)).one()
    assert code
    assert code in letter.text
    assert f"{database.base_url}/confirm" in letter.text
    assert ciso.name in letter.text
    assert letter.reply_to == ciso.email
