"""One assessment to many: what goes to whom, what is left out and why, once for good, in short steps."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal import web
from portal.access import CompanyRole, OrganisationRole
from portal.assessments import issuing_many
from portal.assessments.issuing_many import Choice, Order
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations import invitations
from portal.organisations.models import Invitation
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendors
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from questionnaires import catalog
from tests.portal.scene import own_questionnaire, release_own
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation, signed_in

LITE = catalog.latest("security_lite")
REASON = "We look at all vendors once a year."


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def buyer(app: Portal, halden: Place) -> Browser:
    return signed_in(app, halden[OrganisationRole.PROCUREMENT])


def make(
    database: Database,
    halden: Place,
    name: str,
    *,
    bought: tuple[str, ...] = ("Archive",),
    contact: str = "yes",
    company: Place | None = None,
) -> uuid.UUID:
    """A vendor with engagements and, unless "", a contact."""
    actor = halden[OrganisationRole.PROCUREMENT]
    with database.transaction(SYSTEM) as session:
        vendor = vendors.create_vendor(session, name=name, country="PT", actor=actor, now=NOW)
        for one in bought:
            vendors.create_engagement(
                session,
                vendor,
                name=one,
                description="",
                tier="high",
                facts={},
                business_owner_id=None,
                actor=actor,
                now=NOW,
            )
        if contact:
            email = f"{name.lower().replace(' ', '')}@vendor.example"
            vendors.add_contact(session, vendor, name=f"Ann of {name}", email=email, actor=actor, now=NOW)
        if company is not None:
            vendor.company_id = company.id
            record(session, Kind.VENDOR_LINKED, now=NOW, actor=actor, subject=vendor)
        return vendor.id


def begin(buyer: Browser, halden: Place, do: str = "chosen", **fields: Any) -> TestResponse:
    return buyer.post(f"/o/{halden.slug}/issue-many", {"do": do, "source": "vendors"} | fields)


def form_of(page: TestResponse) -> dict[str, Any]:
    """The hidden fields of the form, as a browser would send them."""
    form = page.text.split("issue-many", 1)[1]
    found: dict[str, Any] = {"pick": re.findall(r'name="pick" value="([^"]+)"', form)}
    for name in ("batch", "source", "previewed"):
        match = re.search(rf'name="{name}" type="hidden" value="([^"]*)"', form)
        assert match, name
        found[name] = match[1]
    return found | {"questionnaire": found["previewed"], "due": "2026-12-19", "reason": REASON}


def send(
    buyer: Browser, halden: Place, fields: dict[str, Any], do: str = "issue", **more: Any
) -> TestResponse:
    return buyer.post(f"/o/{halden.slug}/issue-many", fields | {"do": do} | more)


def lite(buyer: Browser, halden: Place, picks: list[uuid.UUID], source: str = "vendors") -> dict[str, Any]:
    """The form with the small questionnaire looked over."""
    page = begin(buyer, halden, pick=[str(one) for one in picks], source=source)
    assert page.status_code == 200, page.text
    fields = form_of(page) | {"questionnaire": LITE.content_hash}
    return form_of(send(buyer, halden, fields, "preview"))


def assessments(database: Database) -> list[Assessment]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Assessment)))


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next."""
    return page.split(title, 1)[1].split("<h2", 1)[0]


def test_the_preview_says_what_goes_to_whom_and_what_does_not(
    buyer: Browser, database: Database, settings: Settings, halden: Place
) -> None:
    here = make_company(database, settings, "Fennmark")
    picks = [
        make(database, halden, "Joined", company=here, contact=""),
        make(database, halden, "Written"),
        make(database, halden, "Bare", bought=()),
        make(database, halden, "Alone", contact=""),
        make(database, halden, "Busy"),
        make(database, halden, "Gone"),
    ]
    assert send(buyer, halden, lite(buyer, halden, [picks[4]])).status_code == 200
    with database.transaction(SYSTEM) as session:
        session.execute(update(Vendor).where(Vendor.id == picks[5]).values(offboarded_at=NOW))
        record(session, Kind.VENDOR_OFFBOARDED, now=NOW, actor=None, organisation_id=halden.id)
    page = send(buyer, halden, lite(buyer, halden, picks), "preview").text
    going, staying = section(page, "2 vendors are asked"), section(page, "Left out, and why")
    assert "whoever looks after its pages here" in going
    assert "written@vendor.example" in going
    for name, why in (
        ("Bare", "Nothing that you buy is on record"),
        ("Alone", "Nobody to write to"),
        ("Busy", "Being answered already"),
        ("Gone", "Offboarded"),
    ):
        assert name in staying
        assert name not in going
        assert why in staying
    assert len(assessments(database)) == 1, "looking over issues nothing"


@pytest.mark.both_databases
def test_each_vendor_gets_its_own_and_pressing_twice_issues_nothing_twice(
    buyer: Browser, database: Database, halden: Place
) -> None:
    picks = [make(database, halden, f"Vendor {number:02}") for number in range(23)]
    fields = lite(buyer, halden, picks)
    page = send(buyer, halden, fields)
    assert page.status_code == 200
    assert "Issued to 23 vendors" in page.text
    found = assessments(database)
    assert {one.vendor_id for one in found} == set(picks)
    assert {one.due for one in found} == {date(2026, 12, 19)}
    assert {one.reason for one in found} == {REASON}
    again = send(buyer, halden, fields)
    assert "Issued to 23 vendors" in again.text
    assert len(assessments(database)) == 23
    with database.looking(SYSTEM) as session:
        letters = session.scalar(select(func.count()).select_from(Message))
        events = session.scalar(
            select(func.count()).select_from(Event).where(Event.kind == Kind.ASSESSMENT_ISSUED.value)
        )
    assert (letters, events) == (23, 23)


def test_another_order_skips_what_is_open(buyer: Browser, database: Database, halden: Place) -> None:
    pick = make(database, halden, "Fennmark", bought=("Archive", "Scanning"))
    with database.looking(SYSTEM) as session:
        archive = session.scalars(select(Engagement.id).where(Engagement.name == "Archive")).one()
    assert send(buyer, halden, lite(buyer, halden, [archive], "engagements")).status_code == 200
    page = send(buyer, halden, lite(buyer, halden, [pick]), "preview").text
    assert "without Archive: being answered already" in page
    assert send(buyer, halden, lite(buyer, halden, [pick])).status_code == 200
    assert sorted(one.subject for one in assessments(database)) == ["Archive", "Scanning"]
    page = send(buyer, halden, lite(buyer, halden, [pick]), "preview").text
    assert "Nothing of what you chose can be issued." in page


def test_a_crash_in_the_middle_keeps_what_was_done_and_the_next_press_goes_on(
    app: Portal, buyer: Browser, database: Database, halden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    picks = [make(database, halden, f"Vendor {number:02}") for number in range(25)]
    fields = lite(buyer, halden, picks)
    steps, real = [], web.step

    @contextmanager
    def crashing() -> Iterator[Session]:
        with real() as session:
            yield session
            steps.append(len(session.new))
            if len(steps) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(web, "step", crashing)
    with pytest.raises(KeyboardInterrupt):
        send(buyer, halden, fields)
    assert len(assessments(database)) == issuing_many.AT_ONCE, "the second step is undone as a whole"
    monkeypatch.setattr(web, "step", real)
    assert "Issued to 25 vendors" in send(buyer, halden, fields).text
    assert len(assessments(database)) == 25


@pytest.mark.both_databases
def test_two_presses_at_the_same_time_issue_once(database: Database, halden: Place) -> None:
    picks = tuple(make(database, halden, f"Vendor {number:02}") for number in range(6))
    actor = halden[OrganisationRole.CISO]
    order = Order(uuid.uuid4(), LITE.content_hash, LITE.slug, date(2026, 12, 19), REASON)
    choice = Choice(vendor_ids=picks)
    gate, wrong = threading.Barrier(2), []

    def press() -> None:
        try:
            with database.looking(actor.scope) as session:
                lines = issuing_many.plan(session, actor, choice, order)
            gate.wait()
            with database.transaction(actor.scope) as session:
                done = issuing_many.issue_step(session, actor, choice, lines, order, now=NOW)
            assert {one.why for one in done.values()} == {"issued"}
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert wrong == []
    assert len(assessments(database)) == 6


def test_one_vendor_that_is_refused_does_not_hold_up_the_others(
    buyer: Browser, database: Database, halden: Place
) -> None:
    """Whoever was invited too often today is refused alone; nothing of it stays."""
    picks = [make(database, halden, name) for name in ("One", "Two", "Three")]
    actor = halden[OrganisationRole.PROCUREMENT]
    with database.transaction(actor.scope) as session:
        vendor = vendor_queries.vendor(session, actor, picks[1])
        for turn in range(invitations.TO_ONE_ADDRESS):
            at = NOW - timedelta(minutes=60 - turn)
            vendors.invite_contact(
                session, vendor, name="Ann", email="two@vendor.example", actor=actor, now=at
            )
    with database.transaction(SYSTEM) as session:
        session.execute(update(Invitation).values(revoked_at=NOW))
        record(session, Kind.INVITATION_REVOKED, now=NOW, actor=None)
    page = send(buyer, halden, lite(buyer, halden, picks)).text
    assert "Issued to 2 vendors" in page
    assert "Two" in section(page, "Not issued, and why")
    assert "invited often enough" in page
    assert {one.vendor_id for one in assessments(database)} == {picks[0], picks[2]}


def test_all_that_fit_follow_the_filter(buyer: Browser, database: Database, halden: Place) -> None:
    for name in ("Alpha One", "Alpha Two", "Beta"):
        make(database, halden, name)
    page = begin(buyer, halden, "all", q="alpha")
    assert page.status_code == 200
    assert "2 vendors are asked" in page.text
    assert "Beta" not in page.text
    page = begin(buyer, halden, "all", source="engagements", q="beta", tier="high")
    assert "One vendor is asked" in page.text
    assert len(form_of(page)["pick"]) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Nothing is chosen"),
        ({"pick": ["", "x", "1"]}, "Nothing is chosen"),
        ({"do": "all", "q": "nowhere"}, "Nothing is chosen"),
        ({"pick": [str(uuid.uuid4()) for _ in range(501)]}, "501 fit, and one order goes to 500 at most"),
    ],
)
def test_nothing_or_too_much_is_said(
    buyer: Browser, database: Database, halden: Place, fields: dict[str, Any], message: str
) -> None:
    make(database, halden, "Fennmark")
    answer = begin(buyer, halden, fields.pop("do", "chosen"), **fields)
    assert answer.status_code == 422
    assert message in answer.text
    assert "<title>Error:" in answer.text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"due": ""}, "Choose a day."),
        ({"due": "19.12.2026"}, "Write a day as year-month-day"),
        ({"due": "2020-01-01"}, "Choose a day from today"),
        ({"reason": ""}, "Say in a sentence why you ask."),
        ({"reason": "x" * 2001}, "Write at most 2000 characters"),
        ({"reason": "x\x07y"}, "invisible control characters"),
        ({"questionnaire": "nothing"}, "Choose a questionnaire from the list."),
        ({"questionnaire": ""}, "Choose a questionnaire."),
        ({"batch": "x"}, "Choose the vendors in the list again."),
    ],
)
def test_a_form_that_does_not_fit_comes_back_with_its_choice(
    buyer: Browser, database: Database, halden: Place, fields: dict[str, str], message: str
) -> None:
    pick = make(database, halden, "Fennmark")
    answer = send(buyer, halden, lite(buyer, halden, [pick]), **fields)
    assert answer.status_code == 422
    assert message in answer.text
    assert form_of(answer)["pick"] == [str(pick)]
    assert assessments(database) == []


def test_another_questionnaire_is_looked_over_before_it_is_issued(
    buyer: Browser, database: Database, halden: Place
) -> None:
    pick = make(database, halden, "Fennmark")
    fields = form_of(begin(buyer, halden, pick=[str(pick)]))
    own = own_questionnaire("more", "More questions")
    more = release_own(database, halden[OrganisationRole.CISO], own, "more")
    other = more if fields["previewed"] != more else LITE.content_hash
    answer = send(buyer, halden, fields, questionnaire=other)
    assert answer.status_code == 200
    assert form_of(answer)["previewed"] == other
    assert assessments(database) == []
    assert "Issued to one vendor" in send(buyer, halden, form_of(answer)).text


def test_who_may_not_issue_cannot_choose_and_a_link_leads_to_the_list(
    app: Portal, buyer: Browser, database: Database, halden: Place
) -> None:
    make(database, halden, "Fennmark")
    auditor = signed_in(app, halden[OrganisationRole.AUDITOR])
    assert "issue-many" not in auditor.get(f"/o/{halden.slug}/vendors").text
    assert begin(auditor, halden, pick=["x"]).status_code == 403
    assert buyer.get(f"/o/{halden.slug}/issue-many").headers["Location"] == f"/o/{halden.slug}/vendors"
    assert "issue-many" in buyer.get(f"/o/{halden.slug}/engagements").text


def test_foreign_vendors_in_the_choice_are_not_there(
    app: Portal, buyer: Browser, database: Database, settings: Settings, halden: Place
) -> None:
    other = make_organisation(database, settings, "Orrin")
    theirs = make(database, other, "Secretive")
    page = begin(buyer, halden, pick=[str(theirs)])
    assert "Secretive" not in page.text
    assert "Nobody is asked" in page.text
    with database.looking(SYSTEM) as session:
        engagement = session.scalars(select(Engagement.id).where(Engagement.vendor_id == theirs)).one()
    page = begin(buyer, halden, source="engagements", pick=[str(engagement)])
    assert "Secretive" not in page.text
    assert CompanyRole.OWNER not in halden.people
