"""The worker's page: its last passes without numbers of others, one's own numbers, what is stuck, and what is next."""

from __future__ import annotations

import uuid
from dataclasses import fields
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from portal import clock
from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.outbox import WorkerBeat
from portal.pass_report import Report
from portal.reassessment import rules
from portal.reassessment.agenda import SOURCES, Item, of_organisation
from portal.reassessment.generating import generate
from portal.reassessment.kinds import KINDS, OWN
from portal.reassessment.ladder import ahead
from portal.reassessment.models import Reassessment, ReminderStep
from portal.reassessment.models_runs import WorkerRun
from portal.reassessment.rules_shape import shipped
from portal.reassessment.run_queries import NEXT_MOMENTS, _Days, _steps, coming, nearest
from portal.reassessment.run_views import JOB_WORDS
from portal.reassessment.workdays import Calendar
from portal.settings import Settings
from portal.vendors.models import Engagement
from portal.web import Portal
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import put_off, submit
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation

both = pytest.mark.both_databases
TODAY = NOW.date()
DAY = timedelta(days=1)


@pytest.fixture
@made_once
def issued(database: Database, settings: Settings) -> Issued:
    """An assessment that is open, and one whose next is on the schedule."""
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    found = journey.issue(database, buyer, company, names=("Claims archive",))
    submit(database, journey.issue(database, buyer, company, names=("Payroll",), vendor_name="Second"))
    put_off(database, found.assessment, TODAY + timedelta(days=32))
    return found


@pytest.fixture
@made_once
def stranger(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Orrin", NOW - timedelta(days=900))


def page(app: Portal, slug: str, address: str) -> str:
    answer = Browser(app.test_client(), address).get(f"/o/{slug}/calendar/worker")
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def run(database: Database, **values: object) -> None:
    row: dict[str, object] = {
        "id": uuid.uuid4(),
        "name": "machine-of-orrin:17",
        "began_at": NOW,
        "ended_at": NOW,
        "passes": 3,
        "counts": {},
        "behind": 0,
        "faults": [],
    }
    with database.transaction() as session:
        session.execute(insert(WorkerRun).values(**row | values))


def beaten(database: Database, at: datetime) -> None:
    with database.transaction() as session:
        session.execute(delete(WorkerBeat))
        session.add(WorkerBeat(name="machine-of-orrin:17", at=at))


@both
def test_it_says_when_the_worker_was_here_and_what_failed(
    app: Portal, database: Database, issued: Issued
) -> None:
    slug, auditor = issued.organisation.slug, "auditor@halden.example"
    assert "The worker was never here." in page(app, slug, auditor)
    now = clock.now()
    beaten(database, now - timedelta(hours=2))
    assert "The worker is silent." in page(app, slug, auditor)
    beaten(database, now)
    run(database, counts={"sent": 4711, "terms": 12}, behind=3 * 86400 + 60, ended_at=now)
    run(database, faults=["campaigns", "clock"], ended_at=now)
    text = page(app, slug, auditor)
    assert "At work" in text
    assert "letters sent, ends of documents" in text
    assert "the latest step was late by 3 days" in text
    assert "campaigns, this computer's clock could not be trusted" in text
    assert "4711" not in text, "a number of all organisations together"
    assert "machine" not in text


@both
def test_the_numbers_are_ones_own(app: Portal, database: Database, issued: Issued, stranger: Place) -> None:
    now = clock.now()
    put_off(database, issued.assessment, now.date() + timedelta(days=5), issued_at=now - timedelta(days=300))
    found = generate(database, now=now)
    assert found.told
    mine = page(app, issued.organisation.slug, "ciso@halden.example")
    theirs = page(app, stranger.slug, "ciso@orrin.example")
    assert "a later step had come already" in mine
    assert "a later step had come already" not in theirs
    assert "No step is ahead." in theirs
    assert "Fennmark" not in theirs


@both
def test_what_is_next_is_named_and_narrowed_to_what_one_sees(
    app: Portal, database: Database, issued: Issued
) -> None:
    slug, today = issued.organisation.slug, clock.now().date()
    put_off(database, issued.assessment, today + timedelta(days=32))
    for address, sees in (("auditor@halden.example", True), ("business_owner@halden.example", False)):
        text = page(app, slug, address)
        assert (">Fennmark</a>" in text) is sees, address
        assert ("30 days before" in text) is sees, address
    owner = issued.organisation[OrganisationRole.BUSINESS_OWNER].person.id
    with database.transaction() as session:
        session.execute(
            update(Engagement).where(Engagement.name == "Claims archive").values(business_owner_id=owner)
        )
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)
    text = page(app, slug, "business_owner@halden.example")
    assert ">Fennmark</a>" in text
    assert ">Second</a>" not in text


@both
@pytest.mark.parametrize("tomorrow", [NEXT_MOMENTS + 2, NEXT_MOMENTS - 5], ids=["enough", "too little"])
def test_what_is_next_is_what_a_look_at_everything_finds(
    database: Database, issued: Issued, tomorrow: int
) -> None:
    """Whether what may speak on the next working day is enough for the list, or less."""
    who, place = issued.organisation[OrganisationRole.CISO], issued.organisation.id
    monday = TODAY + 2 * DAY
    for number in range(NEXT_MOMENTS + 2):
        one = journey.issue(
            database, issued.organisation, issued.company, vendor_name=f"{number:02}", names=(f"{number}",)
        )
        put_off(database, one.assessment, monday + (30 if number < tomorrow else 33) * DAY)
    with database.looking(who.scope) as session:
        shown = [(row.item, moment) for row, moment in coming(session, who, now=NOW)]
        every = [one for kind in SOURCES for one in of_organisation(session, who, [kind])]
        assert shown == nearest(every, rules.current(session, place), Calendar(), today=TODAY)
    assert len(shown) == NEXT_MOMENTS
    assert (shown[-1][1].day == monday) is (tomorrow >= NEXT_MOMENTS)


@both
def test_what_cannot_be_opened_says_why_and_what_helps(
    app: Portal, database: Database, issued: Issued
) -> None:
    with database.transaction() as session:
        session.execute(update(Reassessment).values(hindered="no_contact", hindered_on=TODAY))
        record(session, Kind.REASSESSMENT_HINDERED, now=NOW, actor=None)
    text = page(app, issued.organisation.slug, "auditor@halden.example")
    assert "The vendor has no contact to write to." in text
    assert "Add a contact to the vendor." in text
    assert "Payroll" in text
    assert "Not opened on its day" not in page(app, issued.organisation.slug, "business_owner@halden.example")


@both
def test_steps_of_a_clock_that_was_ahead_are_shown(
    app: Portal, database: Database, issued: Issued, stranger: Place
) -> None:
    later = clock.now() + timedelta(days=800)
    with database.transaction() as session:
        session.execute(
            insert(ReminderStep).values(
                id=uuid.uuid4(),
                subject_id=uuid.uuid4(),
                kind="reassessment",
                due=TODAY,
                step="before-60",
                organisation_id=issued.organisation.id,
                day=later.date(),
                at=later,
                people=0,
                skipped="overtaken",
            )
        )
        record(session, Kind.REMINDERS_GENERATED, now=NOW, actor=None)
    slug = issued.organisation.slug
    assert "60 days before" in page(app, slug, "auditor@halden.example")
    assert "60 days before" not in page(app, slug, "business_owner@halden.example")
    assert "Written by a clock" in page(app, slug, "business_owner@halden.example")
    assert "Written by a clock" not in page(app, stranger.slug, "ciso@orrin.example")


def test_every_number_of_a_pass_has_words() -> None:
    known = {one.name for one in fields(Report)} - {"behind", "unfinished", "more", "faults"}
    assert known <= set(JOB_WORDS)


# -------------------------------------------------------------------------------------------------- the nearest moments

RULES = shipped(None)
PICKED = [("campaign", name) for name in OWN["campaign"]] + [
    (kind, "high") for kind in KINDS if kind != "campaign"
]


def item(which: tuple[str, str], days: int, since: int) -> Item:
    kind, tier = which
    nobody = uuid.UUID(int=0)
    return Item(
        *(kind, uuid.uuid4(), nobody, nobody, None, None, None, TODAY + days * DAY, time(18), NOW - since * DAY),
        *("Europe/Lisbon", tier, "", 0),
    )  # fmt: skip


class Quarter:
    """A region in which only the first day of each three weeks is worked."""

    def working(self, day: date) -> bool:
        return day.toordinal() % 21 == 0


@given(
    st.lists(
        st.builds(item, st.sampled_from(PICKED), st.integers(-50, 150), st.integers(0, 400)), max_size=30
    ),
    st.sampled_from([Calendar(), Quarter()]),
    st.integers(1, 8),
)
def test_the_nearest_are_those_that_a_look_at_each_finds(
    items: list[Item], calendar: Calendar, most: int
) -> None:
    found = nearest(items, RULES, calendar, today=TODAY, most=most)
    every = [
        (moment.day, number)
        for number, one in enumerate(items)
        if (moment := ahead(one, RULES.ladder(one.kind, one.tier), calendar, today=TODAY)) is not None
    ]
    days = sorted(every)[:most]
    assert [(moment.day, items.index(one)) for one, moment in found] == days
    # Of what has no step before the last of them, none is among them.
    until = days[-1][0] if days else TODAY
    near = _Days(calendar, TODAY)
    wanted = {
        kind: near.leading(TODAY - 60 * DAY, TODAY + 160 * DAY, _steps(RULES, kind), until) for kind in KINDS
    }
    narrowed = [one for one in items if one.due in wanted[one.kind]]
    assert nearest(narrowed, RULES, calendar, today=TODAY, most=most) == found
