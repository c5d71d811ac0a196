"""A campaign: started once, asked by the worker, counted, read side by side, moved and closed."""

from __future__ import annotations

import csv
import io
import re
import threading
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments import change_steps, changing, enquiries, issuing_many, offers, result_queries
from portal.assessments import queries as assessments
from portal.assessments.issuing_many import Order
from portal.assessments.models import Assessment, Enquiry
from portal.assessments.result_queries import Pair
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.campaigns import choosing, queries, results, running, service
from portal.campaigns.choosing import Choice
from portal.campaigns.models import Campaign, CampaignTarget
from portal.campaigns.service import Wish
from portal.db import SYSTEM, Database
from portal.erasure import parting
from portal.erasure.reaching import Destroyed
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.gate import loading_answers
from portal.library import releasing
from portal.library import service as library
from portal.organisations import invitations
from portal.organisations.models import OrganisationMember
from portal.outbox import Message
from portal.portfolio.engagement_lists import Filter
from portal.reassessment import agenda_rounds, lines, unsaid
from portal.reassessment.eyes import Eyes
from portal.reassessment.models import Reassessment, ReminderStep
from portal.reports import what_if_subjects
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.web import Portal
from questionnaires import catalog
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import submit
from tests.portal.world import NOW, Place, make_company, make_organisation, signed_in

FLASH, LITE = catalog.latest("vulnerability_flash"), catalog.latest("security_lite")
TODAY = NOW.date()
R = OrganisationRole
EVERYBODY = Choice()
WISH = Wish(
    "Log flaw", FLASH.content_hash, TODAY + timedelta(days=2), time(18), "Everybody talks of it.", "hours"
)


@dataclass
class Given:
    """An organisation with three vendors: two with people here (tiers critical and low), one without a contact."""

    place: Place
    first: Issued
    second: Issued
    bare: uuid.UUID

    @property
    def ciso(self) -> Identity:
        return self.place[R.CISO]


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    place = make_organisation(database, settings, "Halden")
    one, other = (make_company(database, settings, name) for name in ("Fen", "Gorse"))
    first = journey.issue(database, place, one, vendor_name="Fennmark")
    second = journey.issue(database, place, other, vendor_name="Gorse", tier="low", names=("Printing",))
    with database.transaction(place[R.CISO].scope) as session:
        bare = vendors.create_vendor(session, name="Nobody", country="DE", actor=place[R.CISO], now=NOW)
        vendors.create_engagement(
            session, bare, name="Nothing", description="", tier="high", facts={}, business_owner_id=None,
            actor=place[R.CISO], now=NOW,
        )  # fmt: skip
        return Given(place, first, second, bare.id)


def start(
    database: Database,
    given: Given,
    wish: Wish = WISH,
    *,
    choice: Choice = EVERYBODY,
    actor: Identity | None = None,
    key: uuid.UUID | None = None,
    now: datetime = NOW,
) -> uuid.UUID:
    identity = actor or given.ciso
    key = key or uuid.uuid4()
    order = Order(key, wish.content_hash, FLASH.slug, wish.due, wish.reason)
    with database.transaction(identity.scope) as session:
        lines, _total = choosing.lines(session, identity, choice, order, today=now.date(), now=now)
        return service.start(session, key, wish, choice.kept(), lines, actor=identity, now=now).id


def ask(database: Database, now: datetime = NOW) -> int:
    return running.ask(database, instant=lambda: now)


def states(database: Database, campaign: uuid.UUID) -> dict[uuid.UUID, tuple[str, str]]:
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(CampaignTarget).where(CampaignTarget.campaign_id == campaign))
        return {one.vendor_id: (one.state, one.why) for one in rows}


def issued(database: Database, campaign: uuid.UUID) -> dict[uuid.UUID, Assessment]:
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(Assessment).where(Assessment.campaign_id == campaign))
        return {one.vendor_id: one for one in rows}


def far(
    database: Database, given: Given, campaign: uuid.UUID, today: date = TODAY, at: time = time(12)
) -> dict[str, int]:
    with database.looking(given.ciso.scope) as session:
        row = queries.campaign(session, given.ciso, campaign)
        local = datetime.combine(today, at)
        found = queries.progress(session, given.ciso, [row], local)[campaign]
        late = queries.targets(session, given.ciso, row, "late", local=local, number=1)
        assert late.total == found.late
        return {name: number for name, number in found.stages.items() if number} | (
            {"late": found.late} if found.late else {}
        )


@pytest.mark.both_databases
def test_it_asks_each_vendor_once_however_often_the_worker_runs(database: Database, given: Given) -> None:
    campaign = start(database, given)
    assert far(database, given, campaign) == {"waiting": 2, "left_out": 1}
    workers = [threading.Thread(target=ask, args=(database,)) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert ask(database) == 0
    assert states(database, campaign) == {
        given.first.vendor: ("issued", ""),
        given.second.vendor: ("issued", ""),
        given.bare: ("left_out", "no_contact"),
    }
    rows = issued(database, campaign)
    assert {(one.due, one.due_time, one.slug) for one in rows.values()} == {
        (WISH.due, time(18), "vulnerability_flash")
    }
    with database.looking(SYSTEM) as session:
        letters = session.scalars(select(Message).where(Message.kind == "assessment_issued")).all()
    asked = [one for one in letters if FLASH.title in one.subject]
    assert len(asked) == 2
    assert all("18:00 (Europe/Lisbon time)" in one.text for one in asked)
    assert far(database, given, campaign) == {"silent": 2, "left_out": 1}
    assert "late" not in far(database, given, campaign, WISH.due, time(17, 59))
    assert far(database, given, campaign, WISH.due, time(18))["late"] == 2
    assert far(database, given, campaign, TODAY + timedelta(days=3)) == {
        "silent": 2,
        "left_out": 1,
        "late": 2,
    }


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        (Choice(Filter(tier="low")), {"second"}),
        (Choice(Filter(words="archive")), {"first"}),
        (Choice(country="PT"), {"first", "second"}),
        (Choice(Filter(tier="low"), country="DE"), set()),
    ],
)
def test_whom_it_asks_follows_from_the_filter(
    database: Database, given: Given, choice: Choice, asked: set[str]
) -> None:
    if not asked:
        with pytest.raises(Invalid, match="Nobody of those"):
            start(database, given, choice=choice)
        return
    campaign = start(database, given, choice=choice)
    ids = {"first": given.first.vendor, "second": given.second.vendor}
    assert {one for one, (state, _why) in states(database, campaign).items() if state == "waiting"} == {
        ids[one] for one in asked
    }
    with database.looking(given.ciso.scope) as session:
        row = queries.campaign(session, given.ciso, campaign)
        assert choosing.choice_of(row.choice) == choice


def test_pressing_twice_starts_one(database: Database, given: Given) -> None:
    key = uuid.uuid4()
    assert start(database, given, key=key) == start(database, given, key=key)
    with database.looking(SYSTEM) as session:
        assert session.execute(select(func.count()).select_from(Campaign)).scalar_one() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"due": TODAY - timedelta(days=1)}, "due"),
        ({"due": TODAY, "due_time": time(12, 30)}, "due_time"),  # it is noon
        ({"reason": ""}, "reason"),
        ({"ladder": "minutes"}, "ladder"),
        ({"content_hash": LITE.content_hash}, "questionnaire"),  # its answers would count
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    database: Database, given: Given, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as fault:
        start(database, given, replace(WISH, **changes))
    assert set(fault.value.errors) == {field}


def test_without_a_questionnaire_for_campaigns_the_page_says_what_to_do(
    app: Portal, database: Database, given: Given
) -> None:
    with database.transaction(given.ciso.scope) as session:
        flash = library.version(session, given.ciso, FLASH.slug, FLASH.version)
        releasing.retire(session, flash, actor=given.ciso, now=NOW)
    here = f"/o/{given.place.slug}/campaigns/new"
    ciso = signed_in(app, given.ciso)
    assert "No questionnaire is made for campaigns." in ciso.get(here).text
    assert "No questionnaire is made for campaigns." in ciso.post(here, {"do": "start"}).text


def test_ten_are_open_at_once(database: Database, given: Given) -> None:
    for _ in range(service.MOST_OPEN):
        start(database, given)
    with pytest.raises(Conflict):
        start(database, given)


def test_who_may_not_start_one(database: Database, given: Given) -> None:
    with pytest.raises(Refused):
        start(database, given, actor=given.place[R.AUDITOR])


@pytest.mark.parametrize(
    ("day", "clock", "zone", "instant"),
    [
        (date(2026, 11, 23), time(18), "Europe/Lisbon", "2026-11-23T18:00+00:00"),
        (date(2026, 7, 1), time(18), "Europe/Lisbon", "2026-07-01T17:00+00:00"),
        (date(2026, 11, 23), None, "Europe/Lisbon", "2026-11-24T00:00+00:00"),
        (
            date(2026, 3, 29),
            time(1, 30),
            "Europe/Lisbon",
            "2026-03-29T01:00+00:00",
        ),  # a clock skips it: when it goes on
        (
            date(2026, 10, 25),
            time(1, 30),
            "Europe/Lisbon",
            "2026-10-25T00:30+00:00",
        ),  # it comes twice: the earlier
        (
            date(2026, 9, 5),
            None,
            "America/Santiago",
            "2026-09-06T04:00+00:00",
        ),  # the next day has no midnight
    ],
)
def test_until_which_instant_answers_are_in_time(
    day: date, clock: time | None, zone: str, instant: str
) -> None:
    assert service.ends(day, clock, zone) == datetime.fromisoformat(instant)


@pytest.mark.both_databases
def test_when_its_maker_leaves_it_pauses_until_somebody_goes_on(database: Database, given: Given) -> None:
    maker = given.place[R.PROCUREMENT]
    campaign = start(database, given, actor=maker)
    with database.transaction() as session:
        session.execute(
            update(OrganisationMember)
            .where(OrganisationMember.person_id == maker.person.id)
            .values(removed_at=NOW)
        )
        record(session, Kind.MEMBER_REMOVED, now=NOW, actor=None)
    assert ask(database) == 0
    assert ask(database) == 0  # told once
    with database.looking(SYSTEM) as session:
        letters = session.scalars(select(Message).where(Message.kind == "campaign_paused")).all()
        assert session.get_one(Campaign, campaign).state == "paused"
    assert len(letters) == 2
    with database.transaction(given.ciso.scope) as session:
        row = queries.campaign(session, given.ciso, campaign, lock=True)
        service.resume(session, row, actor=given.ciso, now=NOW)
    assert ask(database) == 2
    assert {one.issued_by for one in issued(database, campaign).values()} == {given.ciso.person.id}


@pytest.mark.both_databases
def test_who_has_not_begun_is_spared_and_closing_takes_back_the_rest(
    database: Database, given: Given
) -> None:
    campaign = start(database, given)
    ask(database)
    rows = issued(database, campaign)
    answering = rows[given.first.vendor]
    changed(database, answering.id, answered=1)
    with pytest.raises(Invalid):
        close(database, given, campaign, "", spare=True)
    close(database, given, campaign, "The maker has mended it.", spare=True)
    ask(database)
    assert far(database, given, campaign) == {"begun": 1, "ended": 1, "left_out": 1}
    close(database, given, campaign, "It is over.")
    ask(database)
    assert far(database, given, campaign) == {"ended": 2, "left_out": 1}
    with database.looking(SYSTEM) as session:
        row = session.get_one(Campaign, campaign)
        told = session.scalars(select(Message).where(Message.kind == "assessment_changed")).all()
    assert (row.state, row.said) == ("closed", "")
    assert {text for one in told for text in ("mended it", "It is over") if text in one.text} == {
        "mended it",
        "It is over",
    }
    with pytest.raises(Conflict):
        close(database, given, campaign, "Again.")


def put_off(database: Database, given: Given, campaign: uuid.UUID, due: date, at: time | None) -> None:
    with database.transaction(given.ciso.scope) as session:
        row = queries.campaign(session, given.ciso, campaign, lock=True)
        service.put_off(session, row, due, at, actor=given.ciso, now=NOW)


def close(database: Database, given: Given, campaign: uuid.UUID, text: str, *, spare: bool = False) -> None:
    with database.transaction(given.ciso.scope) as session:
        row = queries.campaign(session, given.ciso, campaign, lock=True)
        service.close(session, row, text, spare=spare, actor=given.ciso, now=NOW)


def told(database: Database) -> list[str]:
    """The texts of letters that tell a company of a change."""
    with database.looking(SYSTEM) as session:
        return [*session.scalars(select(Message.text).where(Message.kind == "assessment_changed"))]


def changed(database: Database, assessment: uuid.UUID, **values: object) -> None:
    with database.transaction() as session:
        session.execute(update(Assessment).where(Assessment.id == assessment).values(**values))
        record(session, Kind.ANSWERS_SAVED, now=NOW, actor=None)


@pytest.mark.both_databases
def test_a_later_date_is_given_to_whoever_has_an_earlier_one_and_told(
    database: Database, given: Given
) -> None:
    """What was agreed with one vendor stays; nobody is told twice, whoever presses and however often it runs."""
    campaign, agreed = start(database, given), TODAY + timedelta(days=20)
    ask(database)
    with database.transaction(given.ciso.scope) as session:
        own = issued(database, campaign)[given.first.vendor].id
        one, _vendor = change_steps.lock(session, given.ciso, own)
        changing.extend(session, one, due=agreed, text="Holidays.", actor=given.ciso, now=NOW)
    before = len(told(database))
    with pytest.raises(Invalid):
        put_off(database, given, campaign, WISH.due, time(17))
    put_off(database, given, campaign, WISH.due, None)
    put_off(database, given, campaign, WISH.due, None)
    assert {one.due_time for one in issued(database, campaign).values()} == {None, time(18)}
    with pytest.raises(Conflict):
        close(database, given, campaign, "Mended.", spare=True)
    workers = [threading.Thread(target=ask, args=(database,)) for _ in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert ask(database) == 0
    found = issued(database, campaign)
    assert (found[given.first.vendor].due, found[given.first.vendor].due_time) == (agreed, None)
    assert (found[given.second.vendor].due, found[given.second.vendor].due_time) == (WISH.due, None)
    letters = told(database)[before:]
    assert len(letters) == 1
    assert "18:00" in letters[0]
    with database.looking(SYSTEM) as session:
        assert session.get_one(Campaign, campaign).state == "running"
        events = session.scalars(
            select(Event.data).where(
                Event.kind == Kind.ASSESSMENT_EXTENDED.value,
                Event.subject_id == found[given.second.vendor].id,
            )
        ).all()
    assert [one["before_time"] for one in events if one] == ["18:00:00"]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("days", "at", "settled"), [(4, None, True), (3, None, True), (3, time(17), False), (2, None, False)]
)
def test_a_later_date_settles_what_asked_for_no_more_than_that(
    database: Database, given: Given, days: int, at: time | None, settled: bool
) -> None:
    campaign, owner = start(database, given), given.first.company[CompanyRole.OWNER]
    ask(database)
    with database.transaction(owner.scope) as session:
        one = assessments.assessment(session, owner, issued(database, campaign)[given.first.vendor].id)
        asked = enquiries.ask(
            session, one, kind="more_time", text="Holidays.", wanted=TODAY + timedelta(days=3), actor=owner,
            now=NOW,
        ).id  # fmt: skip
    before = len(told(database))
    put_off(database, given, campaign, TODAY + timedelta(days=days), at)
    ask(database)
    with database.looking(SYSTEM) as session:
        row = session.get_one(Enquiry, asked)
        events = session.scalars(
            select(Event.data).where(Event.kind == Kind.ENQUIRY_SETTLED.value, Event.subject_id == asked)
        ).all()
    said = ["That settles that you asked for more time." in " ".join(one.split()) for one in told(database)]
    assert (row.state, row.settled_by) == (("granted", given.ciso.person.id) if settled else ("open", None))
    assert [one["state"] for one in events] == (["granted"] if settled else [])
    assert (len(said) - before, sum(said)) == (2, 1 if settled else 0)  # the other vendor asked nothing


def test_what_the_hour_of_before_had_brought_is_on_record_under_that_hour(
    database: Database, given: Given
) -> None:
    """A day before 18:00 has come and nobody looked; then the end of the day counts."""
    campaign, at = start(database, given), datetime.combine(TODAY + timedelta(days=1), time(20), UTC)
    ask(database)
    put_off(database, given, campaign, WISH.due, None)
    ask(database, at)
    unsaid.note(database, now=at + timedelta(minutes=5))
    with database.looking(SYSTEM) as session:
        steps = session.execute(select(ReminderStep.step, ReminderStep.skipped, ReminderStep.due)).all()
    assert {tuple(one) for one in steps} == {("hour-24@18:00", "moved", WISH.due)}


def test_a_later_date_goes_on_with_what_paused_in_the_name_of_who_gave_it(
    database: Database, given: Given
) -> None:
    campaign = start(database, given)
    with database.transaction(given.ciso.scope) as session:
        row = queries.campaign(session, given.ciso, campaign, lock=True)
        row.state, row.created_by = service.PAUSED, given.place[R.PROCUREMENT].person.id
        record(session, Kind.CAMPAIGN_CHANGED, now=NOW, actor=None, subject=row)
    put_off(database, given, campaign, TODAY + timedelta(days=9), None)
    assert ask(database) + ask(database) == 2
    assert {one.issued_by for one in issued(database, campaign).values()} == {given.ciso.person.id}


def test_whom_the_date_left_out_is_asked_once_it_is_later(database: Database, given: Given) -> None:
    campaign = start(database, given)
    assert ask(database, NOW + timedelta(days=5)) == 0
    with database.transaction(given.ciso.scope) as session:
        row = queries.campaign(session, given.ciso, campaign, lock=True)
        later, at = TODAY + timedelta(days=9), NOW + timedelta(days=6)
        service.put_off(session, row, later, None, actor=given.ciso, now=at)
    ask(database, at)
    ask(database, at)
    assert {one.due for one in issued(database, campaign).values()} == {later}
    assert sorted(states(database, campaign).values()) == [
        ("issued", ""),
        ("issued", ""),
        ("left_out", "no_contact"),
    ]


def test_who_has_handed_in_once_is_neither_spared_nor_told_that_it_was_not_sent(
    database: Database, given: Given
) -> None:
    """An optional question came back: a second round in which nothing is answered yet."""
    campaign = start(database, given)
    ask(database)
    rows = issued(database, campaign)
    journey.submit(database, replace(given.first, definition=FLASH), assessment=rows[given.first.vendor].id)
    changed(database, rows[given.first.vendor].id, state="open", round=2, answered=0)
    for spare, far_then in (
        (True, {"begun": 1, "ended": 1, "left_out": 1}),
        (False, {"answered": 1, "ended": 1, "left_out": 1}),
    ):
        close(database, given, campaign, "Mended.", spare=spare)
        ask(database)
        assert far(database, given, campaign) == far_then
    assert sum("What you submitted before stands" in one for one in told(database)) == 1
    assert sum("What you have answered so far was not sent" in one for one in told(database)) == 1


def offered(database: Database, to: Issued, assessment: uuid.UUID) -> set[str]:
    """The submissions whose answers are offered to the company's owner."""
    owner = to.company[CompanyRole.OWNER]
    with database.looking(owner.scope) as session:
        one, keys = assessments.assessment(session, owner, assessment), list(to.definition.questions)
        found = offers.find(session, owner, one, to.definition, keys, NOW + timedelta(days=9))
    return {past.source for each in found.values() for past in each.pasts}


def test_a_campaign_with_questions_that_count_counts_nowhere(database: Database, given: Given) -> None:
    """Such as were started before campaigns asked only what is made for them."""
    first = given.first
    sealed = submit(database, first)
    again = journey.again(database, given.place, first.vendor, first.engagements, first.definition)
    changed(database, again, campaign_id=uuid.uuid4(), ladder="none")
    with database.looking(SYSTEM) as session:
        scheduled = session.scalars(select(Reassessment)).all()
        assert len(scheduled) == len(first.engagements)
        waiting = session.execute(agenda_rounds.reassessments(Eyes(None))).all()
        assert {one.source for one in waiting} == {one.id for one in scheduled}
    with database.looking(given.ciso.scope) as session:
        wanted = {one.id: one.due for one in scheduled}
        seen = lines.look_of("reassessment")(session, given.ciso, wanted, TODAY)
        assert all(isinstance(one, lines.Line) for one in seen.values())
    assert offered(database, first, again) == set()
    with database.looking(given.ciso.scope) as session:
        order = Order(uuid.uuid4(), LITE.content_hash, LITE.slug, TODAY + timedelta(days=9), "Yearly.")
        wished = issuing_many.Choice((first.vendor,))
        (line,) = issuing_many.plan(session, given.ciso, wished, order)
        assert (line.why, line.left_out) == ("", ())
    meanwhile = journey.again(database, given.place, first.vendor, first.engagements, first.definition)
    changed(database, meanwhile, state="cancelled", closed_at=NOW)
    submit(database, first, assessment=again, now=NOW + timedelta(days=5))
    with database.looking(SYSTEM) as session:
        sent = loading_answers.sent(session, given.place.id, first.engagements)
        assert {each.id for some in sent.values() for one in some.values() for each in one} == {sealed}
        pair = Pair(given.place.id, first.company.id)
        counted = result_queries.newest_submissions(session, first.engagements[0], pair)
        assert [one.id for one in counted] == [sealed]
        newest = what_if_subjects.current(
            session, given.place.id, [first.definition.slug], NOW + timedelta(days=9)
        )
        assert [one.id for one in newest] == [sealed]
        after = session.scalars(select(Reassessment)).all()
    third = journey.again(database, given.place, first.vendor, first.engagements, first.definition)
    assert offered(database, first, third) == {str(sealed)}
    assert {(one.id, one.state) for one in after} == {(one.id, "scheduled") for one in scheduled}


@pytest.mark.both_databases
def test_answers_stand_side_by_side(database: Database, given: Given) -> None:
    campaign = start(database, given)
    ask(database)
    rows = issued(database, campaign)
    asked = replace(given.first, definition=FLASH)
    journey.submit(database, asked, assessment=rows[given.first.vendor].id)
    with database.looking(given.ciso.scope) as session:
        row = queries.campaign(session, given.ciso, campaign)
        page = results.page(session, given.ciso, row, FLASH, number=1)
        (said,) = page.rows
        assert said.vendor.name == "Fennmark"
        question = FLASH.questions["campaign.uses"]
        chosen = next(one for one in question.options if one.label == said.values["campaign.uses"])
        for option in question.options:
            some = results.page(
                session, given.ciso, row, FLASH, key=question.key, value=option.value, number=1
            )
            assert len(some.rows) == (option is chosen)
        auditor = given.place[R.BUSINESS_OWNER]
    with database.looking(auditor.scope) as session, pytest.raises(NotFound):
        queries.campaign(session, auditor, campaign)
    assert far(database, given, campaign) == {"answered": 1, "silent": 1, "left_out": 1}


def test_nobody_is_asked_once_the_date_is_past(database: Database, given: Given) -> None:
    campaign = start(database, given)
    assert ask(database, NOW + timedelta(days=5)) == 0
    assert set(states(database, campaign).values()) == {("left_out", "over"), ("left_out", "no_contact")}


@pytest.mark.both_databases
def test_invitations_beyond_what_may_leave_in_a_day_leave_the_day_after(
    database: Database, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has an account is asked at once; of the two others one waits until the day's invitations are over."""
    monkeypatch.setattr(invitations, "FROM_ORGANISATION", 1)
    start_of_day = NOW + timedelta(days=1)  # the scene's own invitations are a day old then
    with database.transaction(given.ciso.scope) as session:
        for name in ("Ash", "Birch"):
            row = vendors.create_vendor(session, name=name, country="DE", actor=given.ciso, now=NOW)
            vendors.create_engagement(
                session, row, name=name, description="", tier="high", facts={}, business_owner_id=None,
                actor=given.ciso, now=NOW,
            )  # fmt: skip
            vendors.add_contact(
                session, row, name=name, email=f"{name.lower()}@trees.example", actor=given.ciso, now=NOW
            )
    wish = replace(WISH, due=TODAY + timedelta(days=5))
    campaign = start(database, given, wish, now=start_of_day)
    later = start_of_day + timedelta(minutes=1)
    assert ask(database, later) == 3
    assert sorted(states(database, campaign).values()) == [
        ("issued", ""),
        ("issued", ""),
        ("issued", ""),
        ("left_out", "no_contact"),
        ("waiting", "pace"),
    ]
    assert ask(database, later + timedelta(minutes=1)) == 0  # not tried over and over
    assert ask(database, later + timedelta(hours=3)) == 0
    assert far(database, given, campaign)["waiting"] == 1
    assert ask(database, later + timedelta(days=1, minutes=1)) == 1
    assert "waiting" not in far(database, given, campaign)


def test_its_words_go_with_the_organisation(database: Database, given: Given) -> None:
    campaign = start(database, given)
    with database.transaction() as session:
        parting.organisation(session, given.place.id, Destroyed(), by=None, now=NOW)
        record(session, Kind.ERASURE_SETTLED, now=NOW, actor=None)
        row = session.get_one(Campaign, campaign)
        session.refresh(row)
        assert (row.title, row.reason, row.choice, row.state) == ("removed", "", {}, "closed")


def test_the_pages(app: Portal, given: Given, database: Database) -> None:
    here = f"/o/{given.place.slug}/campaigns"
    ciso = signed_in(app, given.ciso)
    assert "No campaign is open" in ciso.get(here).text
    page = ciso.get(f"{here}/new?tier=critical").text
    assert "One vendor is asked" in page
    assert FLASH.title in page
    typed = {
        name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)[1]  # type: ignore[index]  # it is there
        for name in ("batch", "previewed")
    }
    typed |= {"tier": "critical", "questionnaire": FLASH.content_hash, "ladder": "hours", "do": "start"}
    wrong = ciso.post(f"{here}/new", typed | {"due": "soon", "title": "Flaw", "reason": "It is <b>bad</b>."})
    assert wrong.status_code == 422
    assert "You wrote “soon”" in wrong.text
    sound = typed | {
        "due": WISH.due.isoformat(),
        "due_time": "18:00",
        "title": "Flaw",
        "reason": "It is <b>bad</b>.",
    }
    there = ciso.post(f"{here}/new", sound)
    assert there.status_code == 303
    page = ciso.get(there.location).text
    assert "0 of 1 vendors answered" in page
    assert "To be asked" in page
    ask(database, NOW + timedelta(minutes=1))
    assert "Give more time" in ciso.get(there.location).text
    later = {"do": "later", "due": (TODAY + timedelta(days=9)).isoformat()}
    assert ciso.post(f"{there.location}/change", later).status_code == 303
    assert "is being given the new date" in ciso.get(there.location).text
    ask(database, NOW + timedelta(minutes=2))
    assert "is being given the new date" not in ciso.get(there.location).text
    assert "Not begun" in ciso.get(f"{there.location}?stage=silent").text
    assert "Nobody has answered yet" in ciso.get(f"{there.location}?tab=answers").text
    assert ciso.post(f"{there.location}/change", {"do": "later", "due": "2020-01-01"}).status_code == 422
    assert ciso.post(f"{there.location}/change", {"do": "dance"}).status_code == 404
    file = ciso.get(f"{there.location}.csv")
    assert next(csv.reader(io.StringIO(file.get_data().decode("utf-8-sig"))))[:2] == ["vendor", "answered"]
    assert ciso.post(f"{there.location}/close", {"text": "Done."}).status_code == 303
    assert "Being closed" in ciso.get(there.location).text
    auditor = signed_in(app, given.place[R.AUDITOR])
    assert "Give more time" not in auditor.get(there.location).text
    assert auditor.post(f"{there.location}/close", {"text": "No"}).status_code == 403
    company = signed_in(app, given.first.company[CompanyRole.OWNER])
    assert company.get(there.location).status_code == 404
