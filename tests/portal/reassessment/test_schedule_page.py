"""The schedule page: what is coming, why, who was told; filters, pages, and only what one may see."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from portal import outbox, posting
from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.mail import Mailer, PermanentFailure
from portal.outbox import Message
from portal.pass_report import Report
from portal.reassessment import by_hand, queries
from portal.reassessment.generating import generate
from portal.reassessment.models import Reassessment, ReminderStep
from portal.reassessment.models_post import LetterChoice
from portal.settings import Settings
from portal.web import Portal
from tests.portal import journey
from tests.portal.reassessment.given import noon, put_off, scheduled, submit
from tests.portal.reassessment.post import Post
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden", NOW - timedelta(days=900))


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark", NOW - timedelta(days=900))


class Refusing(Post):
    """Each address is refused for good."""

    def send(self, message: outbox.Outgoing, still: object) -> None:
        raise PermanentFailure("the mail server refused the address (550)")


def deliver(database: Database, sender: Mailer, at: datetime) -> None:
    posting.deliver(database, sender, lambda: at, threading.Event(), Report(), alive=lambda: None)


def text_of(app: Portal, address: str, path: str) -> str:
    answer = Browser(app.test_client(), address).get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def test_it_says_what_is_coming_why_and_who_was_told(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    issued = journey.issue(database, buyer, company, names=("Claims archive",))
    path = f"/o/{buyer.slug}/schedule"
    assert "No next assessment yet" in text_of(app, "auditor@halden.example", path)
    submit(database, issued)
    (row,) = scheduled(database)
    generate(database, now=noon(row.due - timedelta(days=30)))
    page = text_of(app, "auditor@halden.example", path)
    assert "Claims archive" in page
    assert "Sun 21 November 2027" in page
    assert "21 Nov 2026" in page
    assert "plus 12 months" in page
    assert "30 days before: Admin of Halden, Ciso of Halden" in page
    assert "Issue it now" not in page  # a year ahead, and an auditor changes nothing


def test_the_sum_that_it_shows_is_the_date_or_it_says_why_not(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    submit(database, journey.issue(database, buyer, company))
    (row,) = scheduled(database)
    path, ciso = f"/o/{buyer.slug}/schedule", buyer[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        to = row.due - timedelta(days=30)
        by_hand.move(session, row.id, to, "change", seen=row.due, actor=ciso, now=NOW)
    assert 'plus 12 months<span class="sub">Moved by hand.</span>' in text_of(app, ciso.person.email, path)
    with database.transaction() as session:
        kept = {"cycle": 2, "wanted": None, "due": date(2028, 11, 21), "why": "late"}
        session.execute(update(Reassessment).where(Reassessment.id == row.id).values(**kept))
        record(session, Kind.REASSESSMENT_MOVED, now=NOW, actor=None)
    page = text_of(app, ciso.person.email, path)
    assert 'plus 24 months<span class="sub">The last answers came late; the cycle was kept.</span>' in page


def test_the_next_step_that_it_shows_is_the_one_that_the_worker_tells(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    """A date that is moved on a Friday to that Sunday has its steps on these days, not on the Friday."""
    submit(database, journey.issue(database, buyer, company))
    (row,) = scheduled(database)
    ciso = buyer[OrganisationRole.CISO]
    friday, saturday, sunday = (date(2027, 3, day) for day in (5, 6, 7))
    with database.transaction(ciso.scope) as session:
        by_hand.move(session, row.id, sunday, "incident", seen=row.due, actor=ciso, now=noon(friday))
    with database.looking(ciso.scope) as session:
        page = queries.next_assessments(session, ciso, queries.Filter(), today=friday, number=1)
    coming = page.rows[0].coming
    assert coming is not None
    assert (coming.step.name, coming.day) == ("before-1", saturday)
    told = select(ReminderStep.step, ReminderStep.day).where(ReminderStep.due == sunday)
    steps: list[tuple[str, date]] = []
    for day, name in ((friday, ""), (saturday, "before-1"), (sunday, "on-the-day")):
        generate(database, now=noon(day))
        steps += [(name, day)] if name else []
        with database.looking(SYSTEM) as session:
            rows = session.execute(told.order_by(ReminderStep.day)).all()
        assert [tuple(one) for one in rows] == steps


def test_open_assessments_have_their_own_view(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    issued = journey.issue(database, buyer, company)
    put_off(database, issued.assessment, NOW.date() + timedelta(days=45))
    generate(database, now=noon(NOW.date() + timedelta(days=15)))
    page = text_of(app, "ciso@halden.example", f"/o/{buyer.slug}/schedule?view=open")
    assert "Tue 5 January 2027" in page
    assert "30 days before: Owner of Fennmark" in page
    assert "of 26 answered" in page


def test_told_is_whom_a_letter_has_reached(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    """The list of open assessments, the calendar and the numbers of a letter say one thing of a step."""
    issued = journey.issue(database, buyer, company)
    due = NOW.date() + timedelta(days=45)
    put_off(database, issued.assessment, due)
    at = noon(due - timedelta(days=30))
    generate(database, now=at)
    places = ("schedule?view=open", f"calendar?year={due.year}&month={due.month}", "letters?state=all")

    def pages() -> list[str]:
        return [text_of(app, "ciso@halden.example", f"/o/{buyer.slug}/{one}") for one in places]

    waiting = "30 days before: Owner of Fennmark, not sent yet"
    assert all(waiting in page for page in pages()[:2])
    deliver(database, Refusing(), at + timedelta(days=1))
    refused = pages()
    assert all("30 days before: not told, the letter could not be delivered" in page for page in refused[:2])
    with database.transaction() as session:
        outbox.requeue(session, Message.state == "gave_up", now=at)
    assert all(waiting in page for page in pages()[:2])
    deliver(database, Post(), at + timedelta(days=1))
    arrived = pages()
    for page in arrived[:2]:
        assert "30 days before: Owner of Fennmark, " in page
        assert "not sent yet" not in page
        assert "not told" not in page
    assert "left out" in refused[2]
    assert "left out" not in arrived[2]


def test_a_step_whose_people_want_no_such_letters_told_nobody(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    submit(database, journey.issue(database, buyer, company))
    (row,) = scheduled(database)
    with database.transaction() as session:
        for role in OrganisationRole:
            choice = LetterChoice(
                person_id=buyer[role].person.id, place_id=buyer.id, group="coming", off_at=NOW
            )
            session.add(choice)
        record(session, Kind.LETTERS_CHOSEN, now=NOW, actor=None)
    generate(database, now=noon(row.due - timedelta(days=30)))
    page = text_of(app, "auditor@halden.example", f"/o/{buyer.slug}/schedule")
    assert "30 days before: not told, they have turned such letters off" in page
    with database.looking(SYSTEM) as session:
        (people,) = session.scalars(select(ReminderStep.people).where(ReminderStep.step == "before-30"))
        said = session.scalars(select(Event.data).where(Event.kind == Kind.REMINDERS_GENERATED.value)).all()
    assert (people, {one["told"] for one in said if one["kind"] == "reassessment"}) == (0, {0})


@pytest.mark.parametrize(
    "query", ["?period=late", "?period=30&page=9", "?period=x&view=y&page=-1", "?page=x"]
)
def test_filters_take_anything(
    app: Portal, database: Database, buyer: Place, company: Place, query: str
) -> None:
    submit(database, journey.issue(database, buyer, company))
    text_of(app, "ciso@halden.example", f"/o/{buyer.slug}/schedule{query}")


def test_business_owners_see_their_own_engagements_only(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    issued = journey.issue(database, buyer, company, names=("Claims archive",))  # the CISO owns it
    path = f"/o/{buyer.slug}/schedule"
    owner = "business_owner@halden.example"
    assert "Claims archive" not in text_of(app, owner, path + "?view=open")
    submit(database, issued)
    assert "Claims archive" not in text_of(app, owner, path)
    assert "Claims archive" in text_of(app, "ciso@halden.example", path)


def test_another_organisation_sees_nothing_of_it(
    app: Portal, database: Database, settings: Settings, buyer: Place, company: Place
) -> None:
    submit(database, journey.issue(database, buyer, company, names=("Claims archive",)))
    other = make_organisation(database, settings, "Orrin", NOW - timedelta(days=900))
    assert "Claims archive" not in text_of(app, "ciso@orrin.example", f"/o/{other.slug}/schedule")
    foreign = Browser(app.test_client(), other[OrganisationRole.CISO].person.email)
    assert foreign.get(f"/o/{buyer.slug}/schedule").status_code == 404
