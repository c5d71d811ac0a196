"""What a person left out: listed with who and why, and planned again while that is possible, with a reason."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Invalid, NotFound, Refused
from portal.reassessment import by_hand, dating
from portal.reassessment.generating import generate
from portal.reassessment.hindering import Hindered
from portal.reassessment.models import Reassessment
from portal.settings import Settings
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import noon, reminders, scheduled, submit
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
R = OrganisationRole


@dataclass
class Given:
    """An engagement of tier medium whose next assessment the CISO has moved and then left out."""

    buyer: Place
    issued: Issued
    row: Reassessment

    @property
    def left(self) -> str:
        return f"/o/{self.buyer.slug}/schedule?view=left"

    @property
    def back(self) -> str:
        return f"/o/{self.buyer.slug}/reassessments/{self.row.id}/take-back"


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    issued = journey.issue(database, buyer, company, tier="medium")
    submit(database, issued)
    (row,) = scheduled(database)
    ciso, to = buyer[R.CISO], row.due - timedelta(days=90)
    with database.transaction(ciso.scope) as session:
        by_hand.move(session, row.id, to, "vendor", seen=row.due, actor=ciso, now=NOW)
    with database.transaction(ciso.scope) as session:
        by_hand.leave(session, row.id, "ending", seen=to, actor=ciso, now=NOW)
    with database.looking(SYSTEM) as session:
        return Given(buyer, issued, session.scalars(select(Reassessment)).one())


def take_back(database: Database, given: Given, reason: str = "mistake", role: R = R.CISO) -> None:
    actor = given.buyer[role]
    with database.transaction(actor.scope) as session:
        by_hand.take_back(session, given.row.id, reason, actor=actor, now=NOW)


def events(database: Database) -> list[Event]:
    with database.looking(SYSTEM) as session:
        kind = Kind.REASSESSMENT_TAKEN_BACK.value
        return list(session.scalars(select(Event).where(Event.kind == kind)))


def told(database: Database) -> set[uuid.UUID]:
    return {one.subject_id for one in reminders(database) if one.kind == "reassessment"}


def plain(answer: TestResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_it_has_the_date_that_it_had_and_reminders_lead_to_it(database: Database, given: Given) -> None:
    due = given.row.due
    generate(database, now=noon(due - timedelta(days=30)))
    assert told(database) == set()
    with pytest.raises(Refused):
        take_back(database, given, role=R.AUDITOR)
    with pytest.raises(Invalid):
        take_back(database, given, "because")
    take_back(database, given)
    take_back(database, given)  # a second press
    (row,) = scheduled(database)
    assert (row.id, row.due, row.why) == (given.row.id, due, "hand")
    (event,) = events(database)
    assert event.actor_id == given.buyer[R.CISO].person.id
    assert event.data == {"code": "mistake", "due": due.isoformat(), "why": "hand"}
    assert event.company_id is None, "none of the vendor's business"
    assert dating.work_out(database, now=NOW) == 0
    generate(database, now=noon(due - timedelta(days=30)))
    assert told(database) == {row.id}


def test_what_was_answered_since_stays_as_it_is(database: Database, given: Given) -> None:
    issued = given.issued
    again = journey.again(
        database, given.buyer, issued.vendor, issued.engagements, issued.definition, now=NOW
    )
    submit(database, issued, assessment=again, now=NOW + timedelta(days=1))
    with pytest.raises(Hindered, match="answered"):
        take_back(database, given)
    (row,) = scheduled(database)
    assert row.id != given.row.id


@pytest.mark.parametrize("what", ["unlinked", "offboarded"])
def test_nothing_is_planned_of_a_vendor_that_is_gone(database: Database, given: Given, what: str) -> None:
    values = {"company_id": None} if what == "unlinked" else {"offboarded_at": NOW}
    with database.transaction() as session:
        session.execute(update(Vendor).values(**values))
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None)
    with pytest.raises(Hindered, match="answered"):
        take_back(database, given)


def test_what_the_policy_does_not_demand_is_not_planned(
    app: Portal, database: Database, given: Given
) -> None:
    with database.transaction() as session:
        session.execute(update(Engagement).values(tier="critical"))  # asks for another questionnaire
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)
    with pytest.raises(Hindered, match="undemanded"):
        take_back(database, given)
    ciso = Browser(app.test_client(), "ciso@halden.example")
    assert "The policy does not demand this questionnaire" in plain(ciso.get(given.left))
    assert ciso.post(given.back, {"reason": "mistake"}).status_code == 422


def test_what_the_policy_left_out_comes_back_by_the_policy_alone(
    app: Portal, database: Database, given: Given
) -> None:
    with database.transaction() as session:
        session.execute(update(Reassessment).values(why="policy"))
        record(session, Kind.REASSESSMENT_LEFT, now=NOW, actor=None)
    with pytest.raises(NotFound):
        take_back(database, given)
    shown = plain(Browser(app.test_client(), "ciso@halden.example").get(given.left))
    assert "It is planned again by itself when the policy demands it." in shown
    assert "Take it back" not in shown


def test_the_page_says_who_left_it_out_and_what_taking_it_back_does(
    app: Portal, database: Database, settings: Settings, given: Given
) -> None:
    ciso = Browser(app.test_client(), "ciso@halden.example")
    assert "One next assessment is left out" in plain(ciso.get(f"/o/{given.buyer.slug}/schedule"))
    shown = plain(ciso.get(given.left))
    assert "We will leave the vendor Ciso of Halden" in shown
    assert "It is planned again with the date that it had" in shown
    auditor = plain(Browser(app.test_client(), "auditor@halden.example").get(given.left))
    assert "We will leave the vendor" in auditor
    assert "Take it back" not in auditor

    wrong = ciso.post(given.back, {"reason": "x"})
    assert (wrong.status_code, "Choose from the list." in wrong.text) == (422, True)
    other = make_organisation(database, settings, "Orrin")
    stranger = Browser(app.test_client(), "ciso@orrin.example")
    theirs = f"/o/{other.slug}/reassessments/{given.row.id}/take-back"
    assert stranger.post(theirs, {"reason": "mistake"}).status_code == 404
    assert "Nothing is left out" in plain(stranger.get(f"/o/{other.slug}/schedule?view=left"))

    assert ciso.post(given.back, {"reason": "mistake"}).status_code == 303
    assert [one.id for one in scheduled(database)] == [given.row.id]
    assert "Nothing is left out" in plain(ciso.get(given.left))
