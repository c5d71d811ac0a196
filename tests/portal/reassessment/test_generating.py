"""Generation over a database: steps decided once, reminders once for each person, letters that carry them."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import CompanyMember, Organisation, OrganisationMember
from portal.outbox import Message
from portal.reassessment.generating import Generated, generate
from portal.reassessment.models import Reminder, ReminderStep
from portal.settings import Settings
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.reassessment.given import noon, put_off, reminders, scheduled, submit
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
TODAY = NOW.date()
DUE = date(2027, 3, 17)  # a Wednesday


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden", NOW - timedelta(days=900))


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark", NOW - timedelta(days=900))


@pytest.fixture
def issued(database: Database, buyer: Place, company: Place) -> Issued:
    """An open assessment, due on a Wednesday in spring."""
    found = journey.issue(database, buyer, company)
    put_off(database, found.assessment, DUE)
    return found


def on(database: Database, day: date) -> Generated:
    return generate(database, now=noon(day))


def steps(database: Database) -> dict[str, tuple[int, str]]:
    """Of the one subject: step -> (people, why skipped)."""
    with database.looking(SYSTEM) as session:
        rows = session.execute(select(ReminderStep.step, ReminderStep.people, ReminderStep.skipped)).all()
    assert len({one.step for one in rows}) == len(rows)
    return {one.step: (one.people, one.skipped) for one in rows}


def test_each_step_of_the_ladder_goes_to_those_whom_it_names(
    database: Database, issued: Issued, buyer: Place, company: Place
) -> None:
    day = TODAY
    while day < DUE + timedelta(days=60):
        on(database, day)
        on(database, day)
        day += timedelta(days=1)
    found = Counter((one.step, one.person_id) for one in reminders(database))
    assert set(found.values()) == {1}
    owner = company[CompanyRole.OWNER].person.id
    ciso = buyer[OrganisationRole.CISO].person.id  # issued it, and owns the engagement
    by_step = {step: {who for one, who in found if one == step} for step, _ in found}
    to_vendor = (
        "before-90",
        "before-60",
        "before-30",
        "before-14",
        "before-7",
        "before-1",
        "on-the-day",
        "after-1",
    )
    assert by_step == {
        **{step: {owner} for step in to_vendor},
        **{step: {owner, ciso} for step in ("after-7", "after-14", "after-30")},
    }
    assert all(why == "" for _people, why in steps(database).values())
    told = [one for one in reminders(database) if one.person_id == ciso]
    assert {one.company_id for one in told} == {None}, "the vendor does not learn who is told inside"


def test_a_worker_that_wakes_late_tells_the_newest_and_puts_the_others_on_record(
    database: Database, issued: Issued
) -> None:
    first = on(database, DUE - timedelta(days=5))
    assert (first.told, first.skipped) == (1, 4)
    assert first.behind == 2 * 86400 + 12 * 3600, "the step of seven days before began on a Wednesday morning"
    assert (on(database, DUE - timedelta(days=5)).told, len(reminders(database))) == (0, 1)
    assert steps(database) == {
        "before-7": (1, ""),
        **dict.fromkeys(("before-90", "before-60", "before-30", "before-14"), (0, "overtaken")),
    }
    with database.looking(SYSTEM) as session:
        (said,) = session.scalars(select(Event.data).where(Event.kind == Kind.REMINDERS_GENERATED.value))
    assert said == {"kind": "assessment", "told": 1, "skipped": 4}


def test_lines_before_the_date_share_a_digest_and_the_day_itself_has_its_own_letter(
    database: Database, buyer: Place, company: Place
) -> None:
    for number in range(3):
        one = journey.issue(database, buyer, company, vendor_name=f"Vendor {number}")
        put_off(database, one.assessment, DUE)
    on(database, DUE - timedelta(days=7))
    assert len({one.message_id for one in reminders(database)}) == 1
    on(database, DUE)
    with database.looking(SYSTEM) as session:
        kinds = Counter(session.scalars(select(Message.kind).where(Message.ready.is_(False))))
    assert kinds == {"digest": 1, "reminder_alone": 3}


def test_who_joins_on_the_day_of_a_step_is_told_from_the_next_one_on(
    database: Database, issued: Issued, company: Place
) -> None:
    colleague = company[CompanyRole.CONTRIBUTOR].person.id
    with database.transaction() as session:
        session.execute(
            update(CompanyMember)
            .where(CompanyMember.person_id == colleague)
            .values(role="owner", created_at=noon(DUE - timedelta(days=7)))
        )
        record(session, Kind.MEMBER_ADDED, now=NOW, actor=None)
    on(database, DUE - timedelta(days=7))
    on(database, DUE - timedelta(days=1))
    mine = [one.step for one in reminders(database) if one.person_id == colleague]
    assert mine == ["before-1"]


def test_where_nobody_of_the_vendor_reads_who_issued_it_is_told(
    database: Database, issued: Issued, buyer: Place
) -> None:
    with database.transaction() as session:
        for model in (Assessment, AssessmentEngagement):
            session.execute(update(model).values(company_id=None))
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None)
    on(database, DUE - timedelta(days=30))
    (one,) = reminders(database)
    assert (one.person_id, one.company_id) == (buyer[OrganisationRole.CISO].person.id, None)


def test_where_nobody_is_left_the_step_says_so(database: Database, issued: Issued) -> None:
    with database.transaction() as session:
        for model in (CompanyMember, OrganisationMember):
            session.execute(update(model).values(removed_at=NOW))
        record(session, Kind.MEMBER_REMOVED, now=NOW, actor=None)
    found = on(database, DUE - timedelta(days=30))
    assert (found.told, found.skipped) == (0, 3)
    assert steps(database)["before-30"] == (0, "nobody")
    assert reminders(database) == []


def test_a_next_assessment_speaks_to_who_may_issue_until_it_is_out(
    database: Database, issued: Issued, buyer: Place
) -> None:
    submit(database, issued)
    (row,) = scheduled(database)
    on(database, row.due - timedelta(days=89))
    told = {one.person_id for one in reminders(database) if one.kind == "reassessment"}
    assert told == {buyer[role].person.id for role in (OrganisationRole.ADMIN, OrganisationRole.CISO)}
    journey.again(
        database,
        buyer,
        issued.vendor,
        issued.engagements,
        issued.definition,
        now=noon(row.due - timedelta(days=80)),
    )
    on(database, row.due)
    assert {one.step for one in reminders(database) if one.kind == "reassessment"} == {"before-90"}


def test_an_organisation_that_is_older_than_the_cycle_hears_nothing_of_its_past(
    database: Database, issued: Issued
) -> None:
    """The upgrade: of the steps whose day is over only those four speak that have always been there."""
    upgraded = DUE - timedelta(days=10)
    with database.transaction() as session:
        session.execute(update(Organisation).values(cycle_since=upgraded))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    on(database, upgraded)
    assert steps(database) == {"before-30": (1, "")}
    on(database, DUE - timedelta(days=1))
    assert set(steps(database)) == {"before-30", "before-7", "before-1"}


def test_four_workers_at_once_write_each_step_once(database: Database, buyer: Place, company: Place) -> None:
    for number in range(6):
        one = journey.issue(database, buyer, company, vendor_name=f"Vendor {number}")
        put_off(database, one.assessment, DUE)
    gate = threading.Barrier(4)
    found: list[Generated] = []

    def work() -> None:
        gate.wait()
        found.append(on(database, DUE))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 4
    assert (sum(one.told for one in found), sum(one.skipped for one in found)) == (6, 36)
    with database.looking(SYSTEM) as session:
        keys = Counter(session.execute(select(Reminder.subject_id, Reminder.step, Reminder.person_id)).all())
    assert len(keys) == 6
    assert set(keys.values()) == {1}
