"""Opening the next assessment: when, what goes together, once for each date, in whose name, and why it cannot be."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from portal.access import OrganisationRole
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import Organisation, OrganisationMember
from portal.outbox import Message
from portal.reassessment import by_hand, generating, opening, opening_job
from portal.reassessment.models import Reassessment, ReminderStep
from portal.reassessment.opening import Opening, Waiting, in_order
from portal.reassessment.rules_shape import shipped
from portal.reassessment.workdays import Calendar, Year
from portal.settings import Settings
from portal.vendors.models import Vendor
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.reassessment.given import noon, scheduled, submit
from tests.portal.world import NOW, Place, make_company, make_organisation

RULES = shipped(None)
EVERY_DAY = Calendar("", {year: Year(frozenset(), frozenset()) for year in range(2026, 2031)})
PORTUGAL = Calendar(
    "PT",
    {
        2026: Year(frozenset({5, 6}), frozenset({date(2026, 12, 1), date(2026, 12, 8), date(2026, 12, 25)})),
        2027: Year(frozenset({5, 6}), frozenset({date(2027, 1, 1), date(2027, 3, 26)})),
    },
)
HERE, VENDOR = uuid.uuid4(), uuid.uuid4()


def row(due: date, *, vendor: uuid.UUID = VENDOR, slug: str = "security_core", **values: Any) -> Waiting:
    known = {"tier": "critical", "lapses": None} | values
    return Waiting(uuid.uuid4(), HERE, vendor, uuid.uuid4(), slug, due, **known)


# ------------------------------------------------------------------------------------------------------------- pure


def test_one_engagement_in_portugal() -> None:
    """As section 6 of the design works it out by hand."""
    one = row(date(2027, 1, 31))
    assert in_order([one], RULES, PORTUGAL, date(2026, 12, 3)) == []
    (found,) = in_order([one], RULES, PORTUGAL, date(2026, 12, 4))
    assert (found.answer_by, found.late) == (date(2027, 1, 15), False)
    (asleep,) = in_order([one], RULES, PORTUGAL, date(2027, 1, 11))
    assert (asleep.answer_by, asleep.late) == (date(2027, 1, 25), False)
    (later,) = in_order([one], RULES, PORTUGAL, date(2027, 1, 20))
    assert later.late


def test_the_gate_that_lapses_before_the_date_is_what_counts() -> None:
    today = date(2026, 11, 2)
    plain, lapses = row(date(2027, 3, 31)), row(date(2027, 3, 31), lapses=date(2027, 1, 31))
    assert opening.open_on(plain, RULES, EVERY_DAY, today=today) == date(2027, 2, 3)
    assert opening.open_on(lapses, RULES, EVERY_DAY, today=today) == date(2026, 12, 6)
    ended = replace(lapses, lapses=today)
    assert opening.open_on(ended, RULES, EVERY_DAY, today=today) == date(2027, 2, 3), (
        "nobody asks for answers by that"
    )
    short = replace(lapses, lapses=date(2026, 12, 20))
    assert opening.open_on(short, RULES, EVERY_DAY, today=today) == date(2027, 2, 3), (
        "it was meant to be short"
    )


def test_a_vendor_is_asked_once_for_what_comes_near_together() -> None:
    today = date(2026, 12, 6)
    first, near = row(date(2027, 1, 31)), row(date(2027, 3, 16))
    far, other = row(date(2027, 3, 19)), row(date(2027, 1, 31), slug="privacy")
    (one, two) = in_order([far, other, near, first], RULES, EVERY_DAY, today)
    by_slug = {each.slug: each for each in (one, two)}
    assert by_slug["security_core"].rows == (first, near)
    assert by_slug["security_core"].answer_by == date(2027, 1, 17)
    assert by_slug["privacy"].rows == (other,)


@st.composite
def waiting_rows(draw: st.DrawFn) -> Waiting:
    """A row of one of five vendors, due within some 13 months."""
    tier = draw(st.sampled_from(["critical", "high", "medium", "low"]))
    vendor = uuid.UUID(int=draw(st.integers(1, 5)))
    return row(date(2027, 1, 1) + timedelta(days=draw(st.integers(0, 400))), vendor=vendor, tier=tier)


rows = st.lists(waiting_rows(), max_size=12)


@given(found=rows, data=st.data())
def test_groups_do_not_depend_on_the_order_of_rows_and_hold_each_once(
    found: list[Waiting], data: st.DataObject
) -> None:
    today = date(2027, 1, 1) + timedelta(days=data.draw(st.integers(0, 400)))
    groups = in_order(found, RULES, PORTUGAL, today)
    assert in_order(data.draw(st.permutations(found)), RULES, PORTUGAL, today) == groups
    held = [one.id for each in groups for one in each.rows]
    assert len(set(held)) == len(held)
    assert len({each.made_id for each in groups}) == len(groups)
    for each in groups:
        assert min(opening.open_on(one, RULES, PORTUGAL, today=today) for one in each.rows) <= today
        assert each.answer_by >= today + timedelta(days=14)
        assert PORTUGAL.working(each.answer_by)
    due = {one.id for one in found if opening.open_on(one, RULES, PORTUGAL, today=today) <= today}
    assert due <= set(held), "nothing that is due waits for anything"


@given(found=rows, pace=st.integers(1, 5))
def test_what_waits_for_its_turn_keeps_its_order(found: list[Waiting], pace: int) -> None:
    today = date(2028, 6, 1)  # all of them are due
    wanted = in_order(found, RULES, PORTUGAL, today)
    left, made = list(found), list[Opening]()
    while some := in_order(left, RULES, PORTUGAL, today)[:pace]:
        gone = {one.id for each in some for one in each.rows}
        left = [one for one in left if one.id not in gone]
        made += some
    assert made == wanted


def test_the_gate_that_lapses_first_is_first_whatever_the_date() -> None:
    dated = row(date(2026, 12, 20), vendor=uuid.uuid4())
    lapses = row(date(2027, 2, 28), vendor=uuid.uuid4(), lapses=date(2026, 12, 1))
    first, then = in_order([dated, lapses], RULES, EVERY_DAY, date(2026, 11, 22))
    assert (first.rows, then.rows) == ((lapses,), (dated,))


# ------------------------------------------------------------------------------------------------------ on the database


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden", NOW - timedelta(days=900))


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark", NOW - timedelta(days=900))


@pytest.fixture
def issued(database: Database, buyer: Place, company: Place) -> Issued:
    """Answered on 21 November 2026; next in a year."""
    found = journey.issue(database, buyer, company)
    submit(database, found)
    return found


DAY = datetime(2027, 9, 27, 6, tzinfo=UTC)  # the working day after it should have been opened


def opened(database: Database) -> list[Assessment]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Assessment).where(Assessment.by_itself).order_by(Assessment.id)))


def only(database: Database) -> Reassessment:
    (found,) = scheduled(database)
    return found


def test_it_is_opened_once_on_its_day_in_the_name_of_who_issued_the_last(
    database: Database, issued: Issued, buyer: Place
) -> None:
    opens = opening.open_on(row(only(database).due), RULES, Calendar(), today=NOW.date())
    assert opens == date(2027, 9, 24)
    assert opening_job.open_due(database, now=noon(opens - timedelta(days=1))) == 0
    assert opening_job.open_due(database, now=noon(opens)) == 1
    assert opening_job.open_due(database, now=noon(opens)) == 0
    (made,) = opened(database)
    ciso = buyer[OrganisationRole.CISO].person.id
    assert (made.due, made.issued_by, made.state) == (date(2027, 11, 5), ciso, "open")
    with database.looking(SYSTEM) as session:
        events = session.scalars(select(Event).where(Event.kind == Kind.REASSESSMENT_OPENED.value)).all()
        step = session.scalars(select(ReminderStep).where(ReminderStep.step == "open")).one()
    ((told,)) = events
    assert (told.actor_id, told.data["assessment"], told.data["for"]) == (None, str(made.id), str(ciso))
    assert (step.made_id, step.subject_id) == (made.id, only(database).id)


def test_what_a_person_has_cancelled_is_not_opened_again_by_itself(
    database: Database, issued: Issued
) -> None:
    assert opening_job.open_due(database, now=DAY) == 1
    with database.transaction() as session:
        session.execute(update(Assessment).where(Assessment.by_itself).values(state="cancelled"))
        record(session, Kind.ASSESSMENT_CANCELLED, now=DAY, actor=None)
    assert opening_job.open_due(database, now=DAY + timedelta(days=1)) == 0
    assert len(opened(database)) == 1


def asks_first(database: Database, since: date | None) -> None:
    """Rules as they ship for an organisation of before the cycle, which ask first; without ``since`` they do not."""
    with database.transaction() as session:
        session.execute(update(Organisation).values(cycle_since=since))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)


def stuck_steps(database: Database) -> list[tuple[date, str]]:
    """The steps of what was not opened that somebody was told of: (since, step)."""
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(ReminderStep.due, ReminderStep.step)
            .where(ReminderStep.kind == "stuck", ReminderStep.people > 0)
            .order_by(ReminderStep.due, ReminderStep.day)
        )
        return [(one.due, one.step) for one in rows]


def test_where_the_rules_ask_first_somebody_is_told_on_the_day(database: Database, issued: Issued) -> None:
    asks_first(database, NOW.date())
    before = noon(date(2027, 9, 23))
    assert opening_job.open_due(database, now=before) == 0
    assert only(database).hindered == ""
    day = noon(date(2027, 9, 24))
    assert opening_job.open_due(database, now=day) == 0
    assert (only(database).hindered, only(database).hindered_on) == ("asks", day.date())
    generating.generate(database, now=day)
    assert stuck_steps(database) == [(day.date(), "on-the-day")]
    asks_first(database, None)
    hinder(database, issued, "no_contact")
    assert opening_job.open_due(database, now=DAY) == 0
    assert (only(database).hindered, only(database).hindered_on) == ("no_contact", DAY.date())


def test_what_hindered_ends_with_its_reason_and_the_next_one_is_told(
    database: Database, issued: Issued, buyer: Place
) -> None:
    """The date is moved by hand: the letters end at once, and begin anew when it is due and still cannot be."""
    hinder(database, issued, "no_contact")
    opening_job.open_due(database, now=DAY)
    generating.generate(database, now=DAY)
    assert stuck_steps(database) == [(DAY.date(), "on-the-day")]
    ciso, due = buyer[OrganisationRole.CISO], only(database).due
    with database.transaction(ciso.scope) as session:
        to = due + timedelta(days=200)
        by_hand.move(session, only(database).id, to, "capacity", seen=due, actor=ciso, now=DAY)
    assert (only(database).hindered, only(database).hindered_on) == ("", None)
    for days in (7, 14):
        opening_job.open_due(database, now=DAY + timedelta(days=days))
        generating.generate(database, now=DAY + timedelta(days=days))
    assert len(stuck_steps(database)) == 1
    again = noon(date(2028, 5, 15))
    opening_job.open_due(database, now=again)
    generating.generate(database, now=again)
    assert (only(database).hindered, only(database).hindered_on) == ("no_contact", again.date())
    assert stuck_steps(database)[1:] == [(again.date(), "on-the-day")]


def test_what_is_not_to_be_opened_any_more_is_not_hindered(database: Database, issued: Issued) -> None:
    """A decision or a policy that reaches further moves the day, too; on a day without work as well."""
    hinder(database, issued, "no_contact")
    opening_job.open_due(database, now=DAY)
    later = only(database).due + timedelta(days=90)
    with database.transaction() as session:
        session.execute(update(Reassessment).values(due=later))
        record(session, Kind.REASSESSMENT_MOVED, now=DAY, actor=None)
    opening_job.open_due(database, now=noon(date(2027, 10, 2)))
    assert (only(database).hindered, only(database).hindered_on) == ("", None)
    with database.looking(SYSTEM) as session:
        freed = session.scalars(select(Event.data).where(Event.kind == Kind.REASSESSMENT_FREED.value)).all()
    assert freed == [{"why": "no_contact"}]


def test_nothing_is_opened_on_a_day_without_work(database: Database, issued: Issued) -> None:
    saturday = noon(date(2027, 9, 25))
    assert opening_job.open_due(database, now=saturday) == 0
    assert opening_job.open_due(database, now=saturday + timedelta(days=2)) == 1


def test_an_opening_says_whether_it_comes_too_late(
    database: Database, issued: Issued, buyer: Place, company: Place
) -> None:
    """In the event, and once a day in a letter to those who look after vendors."""
    submit(database, journey.issue(database, buyer, company, vendor_name="Second"))
    late = noon(date(2027, 11, 15))
    assert opening_job.open_due(database, now=late) == 2
    with database.looking(SYSTEM) as session:
        told = session.scalars(select(Message.recipient).where(Message.kind == "opened_late")).all()
        data = session.scalars(select(Event.data).where(Event.kind == Kind.REASSESSMENT_OPENED.value)).all()
    assert [one["late"] for one in data] == [True, True]
    assert sorted(told) == ["admin@halden.example", "ciso@halden.example"]


def hinder(database: Database, issued: Issued, what: str) -> None:
    with database.transaction() as session:
        if what == "offboarded":
            session.execute(update(Vendor).values(offboarded_at=NOW))
        if what == "nobody":
            session.execute(update(OrganisationMember).values(removed_at=NOW))
        if what == "no_contact":
            session.execute(update(Vendor).values(company_id=None))
            for model in (Assessment, AssessmentEngagement):
                session.execute(update(model).values(company_id=None))
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None)


@pytest.mark.parametrize("why", ["offboarded", "nobody", "no_contact"])
def test_what_cannot_be_opened_says_why_once_and_is_tried_again(
    database: Database, issued: Issued, why: str
) -> None:
    hinder(database, issued, why)
    assert opening_job.open_due(database, now=DAY) == 0
    assert opening_job.open_due(database, now=DAY + timedelta(days=1)) == 0
    one = only(database)
    assert (one.hindered, one.hindered_on) == (why, DAY.date())
    with database.looking(SYSTEM) as session:
        events = session.scalars(
            select(Event.data).where(Event.kind == Kind.REASSESSMENT_HINDERED.value)
        ).all()
        assert session.scalars(select(ReminderStep)).all() == []
    assert events == [{"why": why}]
    assert opened(database) == []


def test_a_person_opens_what_is_due_in_years_and_the_vendor_has_the_usual_time(
    database: Database, issued: Issued, buyer: Place
) -> None:
    ciso, found = buyer[OrganisationRole.CISO], only(database)
    with database.transaction() as session:
        session.execute(update(Reassessment).values(due=date(2029, 11, 1)))
        record(session, Kind.REASSESSMENT_MOVED, now=NOW, actor=None)
    with database.transaction(ciso.scope) as session:
        made = by_hand.open_now(session, found.id, seen=date(2029, 11, 1), actor=ciso, now=DAY)
        assert made.due == date(2027, 11, 8), "42 days of a critical tier"
    with database.looking(SYSTEM) as session:
        step = session.scalars(select(ReminderStep).where(ReminderStep.step == "open")).one()
        assert opening_job.opened_on(session, buyer.id, DAY.date()) == 0, "the calendar has opened nothing"
    assert (step.subject_id, step.made_id) == (found.id, None)


def test_one_that_fails_for_an_unknown_reason_does_not_keep_the_others(
    database: Database, buyer: Place, company: Place
) -> None:
    """The database refuses one of two, as a fault of the machine would."""
    for number in range(2):
        submit(database, journey.issue(database, buyer, company, vendor_name=f"Vendor {number}"))
    with database.looking(SYSTEM) as session:
        bad = session.scalars(select(Vendor.id).order_by(Vendor.name)).first()

    def refuse(_mapper: object, _connection: object, made: Assessment) -> None:
        if made.vendor_id == bad:
            raise RuntimeError("no room on the disk")

    event.listen(Assessment, "before_insert", refuse)
    try:
        with pytest.raises(ExceptionGroup):
            opening_job.open_due(database, now=DAY)
    finally:
        event.remove(Assessment, "before_insert", refuse)
    (made,) = opened(database)
    assert made.vendor_id != bad
    assert opening_job.open_due(database, now=DAY) == 1, "it is tried again"


@pytest.mark.both_databases
def test_workers_at_once_open_each_once(database: Database, buyer: Place, company: Place) -> None:
    for number in range(4):
        submit(database, journey.issue(database, buyer, company, vendor_name=f"Vendor {number}"))
    gate = threading.Barrier(3)
    found: list[int] = []

    def work() -> None:
        gate.wait()
        found.append(opening_job.open_due(database, now=DAY))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(found) == 4
    made = opened(database)
    assert len({one.vendor_id for one in made}) == len(made) == 4
