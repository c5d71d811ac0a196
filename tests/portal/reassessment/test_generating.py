"""Generation over a database: steps decided once, reminders once for each person, letters that carry them."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import MappingProxyType

import pytest
from sqlalchemy import select, update

from portal.access import CompanyRole, OrganisationRole, Person
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import CompanyMember, Organisation, OrganisationMember
from portal.outbox import Message
from portal.reassessment import agenda, choices
from portal.reassessment.generating import Generated, generate
from portal.reassessment.kinds import ISSUERS
from portal.reassessment.ladder import Step, named
from portal.reassessment.models import CycleVersion, Reminder, ReminderStep
from portal.reassessment.rules_shape import EVERY, shipped
from portal.settings import Settings
from portal.vendors.models import Engagement
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.reassessment.given import noon, put_off, reminders, scheduled, submit
from tests.portal.reassessment.post import post
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


@pytest.mark.parametrize("joined", [NOW, NOW - timedelta(days=30)], ids=["that day", "before"])
def test_each_time_an_engagement_is_handed_on_whoever_has_it_now_is_told_and_nobody_else(
    database: Database, issued: Issued, buyer: Place, joined: datetime
) -> None:
    """On a Saturday, one hour apart, to people who may have come on that very day."""
    assert TODAY.weekday() == 5
    ciso = buyer[OrganisationRole.CISO].person.id
    heirs = [buyer[OrganisationRole.REVIEWER].person.id, buyer[OrganisationRole.BUSINESS_OWNER].person.id]
    member = OrganisationMember.person_id
    with database.transaction() as session:
        session.execute(update(OrganisationMember).where(member.in_(heirs)).values(created_at=joined))
        record(session, Kind.MEMBER_ADDED, now=NOW, actor=None)
    for hour, heir in enumerate(heirs, 1):
        at = NOW + timedelta(hours=hour)
        hand_on(database, issued, heir, by=ciso, at=at)
        for minutes in (5, 10):
            generate(database, now=at + timedelta(minutes=minutes))
    handed = [one for one in reminders(database) if one.kind == "handed"]
    assert [one.person_id for one in handed] == heirs
    with database.transaction() as session:
        session.execute(update(OrganisationMember).where(member == heirs[0]).values(removed_at=NOW))
        record(session, Kind.MEMBER_REMOVED, now=NOW, actor=None)
    hand_on(database, issued, heirs[0], by=ciso, at=NOW + timedelta(hours=4))
    generate(database, now=NOW + timedelta(days=3))
    assert len([one for one in reminders(database) if one.kind == "handed"]) == 2, "it is nobody else's"


def hand_on(database: Database, issued: Issued, to: uuid.UUID, *, by: uuid.UUID, at: datetime) -> None:
    with database.transaction() as session:
        session.execute(
            update(Engagement)
            .where(Engagement.id == issued.engagements[0])
            .values(business_owner_id=to, owner_set_by=by, owner_set_at=at)
        )
        record(session, Kind.ENGAGEMENT_CHANGED, now=at, actor=None)


@pytest.mark.parametrize("alone", [True, False])
def test_what_the_rules_say_always_of_is_sent_whatever_was_turned_off(
    database: Database, issued: Issued, buyer: Place, alone: bool
) -> None:
    ciso, admin = buyer[OrganisationRole.CISO].person, buyer[OrganisationRole.ADMIN].person
    turn_off(database, buyer, ciso, choices.COMING, choices.COPIES)
    turn_off(database, buyer, admin, choices.COMING, choices.COPIES)
    always = Step(named(-7), -7, to=(ISSUERS,), alone=alone, mandatory=True)
    other = Step(named(-30), -30, to=(ISSUERS,), alone=alone)
    saved = replace(
        shipped(None),
        ladders=MappingProxyType(
            dict(shipped(None).ladders) | {"assessment": MappingProxyType({EVERY: (other, always)})}
        ),
    )
    with database.transaction() as session:
        session.add(CycleVersion(
            organisation_id=buyer.id, sequence=1, content=saved.to_bytes(), content_hash=saved.content_hash,
            created_at=NOW, created_by=ciso.id,
        ))  # fmt: skip
        record(session, Kind.CYCLE_CHANGED, now=NOW, actor=ciso.id, organisation_id=buyer.id)
    for days in (30, 7):
        on(database, DUE - timedelta(days=days))
    said = {(one.step, one.person_id): (one.group, one.skipped) for one in reminders(database)}
    assert said == {
        **{("before-7", one.id): ("", "") for one in (ciso, admin)},
        **{("before-30", one.id): ("coming", "unsubscribed") for one in (ciso, admin)},
    }
    sent = post(database, noon(DUE - timedelta(days=5)))
    assert {one.recipient for one in sent} == {ciso.email, admin.email}


def test_who_looks_on_may_turn_off_what_the_vendor_may_not_unless_it_would_reach_nobody(
    database: Database, issued: Issued, buyer: Place, company: Place
) -> None:
    owner, ciso = company[CompanyRole.OWNER].person, buyer[OrganisationRole.CISO].person  # who issued it
    turn_off(database, company, owner, choices.COMING)
    turn_off(database, buyer, ciso, choices.COMING, choices.COPIES)
    for days in (1, 7):
        on(database, DUE + timedelta(days=days))
    said = {(one.step, one.person_id): one.skipped for one in reminders(database)}
    assert said == {
        ("after-1", owner.id): "",
        ("after-7", owner.id): "",
        ("after-7", ciso.id): "unsubscribed",
    }
    with database.transaction() as session:
        session.execute(update(CompanyMember).values(removed_at=NOW))
        record(session, Kind.MEMBER_REMOVED, now=NOW, actor=None)
    put_off(database, issued.assessment, DUE + timedelta(days=28))
    for days in (21, 29, 35):
        on(database, DUE + timedelta(days=days))
    said = {one.step: (one.person_id, one.skipped) for one in reminders(database) if one.due > DUE}
    assert said == {
        "before-7": (ciso.id, "unsubscribed"),
        "after-1": (ciso.id, ""),
        "after-7": (ciso.id, ""),  # carried up to nobody else
    }
    sent = [one.recipient for one in post(database, noon(DUE + timedelta(days=37)))]
    assert ciso.email in sent


def test_who_has_to_act_hears_of_what_is_due_or_late_whatever_they_turned_off(
    database: Database, issued: Issued, buyer: Place
) -> None:
    """The only reviewer, by one click in a digest; and the CISO, to whom a late review is carried up."""
    reviewer, ciso = buyer[OrganisationRole.REVIEWER].person, buyer[OrganisationRole.CISO].person
    for who in (reviewer, ciso):
        turn_off(database, buyer, who, choices.COMING, choices.COPIES)
    submit(database, issued)
    for days in range(40):
        on(database, TODAY + timedelta(days=days))
    reviews = [one for one in reminders(database) if one.kind == "review"]
    said = {(one.person_id, choices.is_pressing(one.step), one.group, one.skipped) for one in reviews}
    assert said == {
        (reviewer.id, False, "coming", "unsubscribed"),
        (reviewer.id, True, "", ""),
        (ciso.id, True, "overdue_copies", "unsubscribed"),
    }
    assert {"on-the-day", "after-1", "after-7"} <= {
        one.step for one in reviews if one.person_id == reviewer.id
    }
    sent = post(database, noon(TODAY + timedelta(days=40)))
    assert reviewer.email in {one.recipient for one in sent}, "and it holds at sending"


def turn_off(database: Database, place: Place, who: Person, *groups: str) -> None:
    with database.transaction() as session:
        off = [(place.id, group) for group in groups]
        choices.save(session, who, zone=None, hour=7, off=off, now=NOW)


def test_a_pass_that_has_time_for_one_look_begins_with_another_kind_each_minute(
    database: Database, buyer: Place, company: Place
) -> None:
    submit(database, journey.issue(database, buyer, company))
    (row,) = scheduled(database)
    for minute in range(len(agenda.SOURCES)):
        looks = iter((False, False))
        now = noon(row.due - timedelta(days=30)) + timedelta(minutes=minute)
        generate(database, now=now, stopping=lambda looks=looks: next(looks, True))
    assert [one.step for one in reminders(database) if one.subject_id == row.id] == ["before-30"] * 2


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
