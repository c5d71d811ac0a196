"""Issuing: what is pinned, who is told, what is refused."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.assessments import issuing
from portal.assessments import organisation_queries as queries
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Invalid, NotFound
from portal.library.models import Definition
from portal.organisations.models import Invitation, Organisation
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors import queries as vendors
from portal.vendors import service
from portal.vendors.models import Contact, Vendor
from questionnaires import catalog
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
BUYER, OWNER = OrganisationRole.PROCUREMENT, OrganisationRole.BUSINESS_OWNER
LITE = catalog.latest("security_lite")
TODAY = date(2026, 11, 21)


@dataclass
class World:
    """A vendor with two engagements and a contact who is written down."""

    database: Database
    place: Place
    vendor: uuid.UUID
    archive: uuid.UUID
    scanning: uuid.UUID

    def issue(self, *, now: datetime = NOW, contact: bool = True, **changes: Any) -> uuid.UUID:
        me = self.place[BUYER]
        with self.database.transaction(me.scope) as session:
            vendor = vendors.vendor(session, me, self.vendor)
            people = vendors.contacts_of(session, me, self.vendor)
            values: dict[str, Any] = {
                "engagement_ids": [self.archive],
                "content_hash": LITE.content_hash,
                "due": TODAY + timedelta(days=28),
                "reason": "The contract renews in March.",
                "contact": people[0] if contact else None,
            } | changes
            return issuing.issue(session, vendor, **values, actor=me, now=now).id

    def link(self, company_id: uuid.UUID) -> None:
        with self.database.transaction() as session:
            row = session.execute(select(Vendor).where(Vendor.id == self.vendor)).scalar_one()
            row.company_id = company_id
            record(session, Kind.VENDOR_LINKED, now=NOW, actor=None, subject=row)

    def rows(self, model: Any) -> list[Any]:
        with self.database.looking(SYSTEM) as session:
            return list(session.execute(select(model)).scalars())


@pytest.fixture
def world(database: Database, settings: Settings) -> World:
    place = make_organisation(database, settings, "Halden")
    me = place[BUYER]
    with database.transaction(me.scope) as session:
        vendor = service.create_vendor(session, name="Fennmark", country="PL", actor=me, now=NOW)
        common: dict[str, Any] = {"actor": me, "now": NOW}
        archive = service.create_engagement(
            session,
            vendor,
            name="Archive",
            description="Keeps files",
            tier="medium",
            facts={"engagement.data": ["personal"], "engagement.volume": "up_1k"},
            business_owner_id=place[OWNER].person.id,
            **common,
        )
        scanning = service.create_engagement(
            session,
            vendor,
            name="Scanning",
            description="",
            tier="critical",
            facts={"engagement.data": ["card"]},
            business_owner_id=None,
            **common,
        )
        service.add_contact(session, vendor, name="Tomasz Wilk", email="tomasz@fennmark.example", **common)
        return World(database, place, vendor.id, archive.id, scanning.id)


def test_questionnaire_facts_zone_and_date_are_pinned(world: World) -> None:
    world.issue(engagement_ids=[world.archive, world.scanning])
    row = world.rows(Assessment)[0]
    assert row.facts == {
        "engagement.tier": "critical",
        "engagement.service": "Keeps files",
        "engagement.data": ["card", "personal"],
        "vendor.country": "PL",
        "organisation.regimes": [],
    }
    assert (row.slug, row.version, row.content_hash) == (LITE.slug, LITE.version, LITE.content_hash)
    assert (row.zone, row.due, row.state, row.round) == (
        "Europe/Lisbon",
        TODAY + timedelta(days=28),
        "open",
        1,
    )
    assert (row.subject, row.contact_email, row.answered) == (
        "Archive, Scanning",
        "tomasz@fennmark.example",
        0,
    )
    assert 0 < row.total <= len(LITE.questions)
    assert {one.engagement_id for one in world.rows(AssessmentEngagement)} == {world.archive, world.scanning}
    assert [one.content_hash for one in world.rows(Definition)] == [LITE.content_hash]
    event = next(one for one in world.rows(Event) if one.kind == Kind.ASSESSMENT_ISSUED.value)
    assert event.data["slug"] == LITE.slug
    assert "reason" not in event.data


def test_a_later_change_of_the_engagement_leaves_the_assessment_alone(world: World) -> None:
    world.issue()
    before, me = world.rows(Assessment)[0].facts, world.place[BUYER]
    with world.database.transaction(me.scope) as session:
        row = vendors.engagement(session, me, world.archive)
        facts = {"engagement.data": ["personal", "card"], "engagement.volume": "over_100k"}
        values: dict[str, Any] = {"name": "Archive", "description": "", "tier": "critical", "facts": facts}
        values |= {"business_owner_id": None, "revision": 1}
        service.change_engagement(session, row, **values, actor=me, now=NOW)
    assert world.rows(Assessment)[0].facts == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"due": TODAY - timedelta(days=1)}, "due"),
        ({"due": date(2028, 11, 22)}, "due"),
        ({"due": date.min}, "due"),
        ({"due": date.max}, "due"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 2001}, "reason"),
        ({"contact": None}, "contact"),
        ({"engagement_ids": []}, "engagements"),
        ({"engagement_ids": [uuid.UUID(int=5)]}, "engagements"),
        ({"content_hash": "0" * 64}, "questionnaire"),
        ({"content_hash": ""}, "questionnaire"),
    ],
)
def test_what_does_not_fit_names_the_field_and_writes_nothing(
    world: World, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        world.issue(**changes)
    assert set(refused.value.errors) == {field}
    assert world.rows(Assessment) == []
    assert world.rows(Message) == []


@pytest.mark.parametrize("due", [TODAY, date(2028, 11, 21)])
def test_today_and_two_years_ahead_are_dates(world: World, due: date) -> None:
    world.issue(due=due)
    assert world.rows(Assessment)[0].due == due


def test_today_is_the_organisations_own(world: World) -> None:
    late = datetime.fromisoformat("2026-11-21T23:30:00+00:00")
    with world.database.transaction() as session:
        own = session.execute(select(Organisation)).scalar_one()
        own.zone = "Pacific/Auckland"
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=own)
    with pytest.raises(Invalid):
        world.issue(due=TODAY, now=late)
    world.issue(due=TODAY + timedelta(days=1), now=late)


def test_an_engagement_of_another_vendor_is_refused(world: World) -> None:
    me = world.place[BUYER]
    with world.database.transaction(me.scope) as session:
        other = service.create_vendor(session, name="Solvane", country=None, actor=me, now=NOW)
        values: dict[str, Any] = {"name": "Payroll", "description": "", "tier": "low", "facts": {}}
        foreign = service.create_engagement(
            session, other, **values, business_owner_id=None, actor=me, now=NOW
        ).id
        stranger = service.add_contact(session, other, name="A", email="a@solvane.example", actor=me, now=NOW)
    with pytest.raises(Invalid):
        world.issue(engagement_ids=[world.archive, foreign])
    with pytest.raises(Invalid) as refused:
        _issue_to(world, stranger)
    assert set(refused.value.errors) == {"contact"}


def _issue_to(world: World, contact: Contact) -> None:
    me = world.place[BUYER]
    with world.database.transaction(me.scope) as session:
        issuing.issue(
            session,
            vendors.vendor(session, me, world.vendor),
            engagement_ids=[world.archive],
            content_hash=LITE.content_hash,
            due=TODAY,
            reason="Why",
            contact=contact,
            actor=me,
            now=NOW,
        )


def test_the_same_questionnaire_is_not_asked_twice_at_a_time(world: World) -> None:
    world.issue()
    with pytest.raises(Invalid) as refused:
        world.issue(engagement_ids=[world.archive, world.scanning])
    assert set(refused.value.errors) == {"questionnaire"}
    world.issue(engagement_ids=[world.scanning])


# --------------------------------------------------------------------------------------------------- who is told


def test_an_uninvited_contact_gets_one_invitation_that_says_what_for(world: World) -> None:
    world.issue()
    (letter,) = world.rows(Message)
    assert (letter.kind, letter.recipient) == ("invitation_vendor", "tomasz@fennmark.example")
    assert "Security basics" in letter.text
    assert "The contract renews in March." in " ".join(letter.text.split())
    assert len(world.rows(Invitation)) == 1


def test_an_invited_contact_keeps_the_invitation_and_gets_a_letter(world: World) -> None:
    me = world.place[BUYER]
    with world.database.transaction(me.scope) as session:
        vendor = vendors.vendor(session, me, world.vendor)
        service.invite_contact(
            session, vendor, name="Tomasz Wilk", email="tomasz@fennmark.example", actor=me, now=NOW
        )
    world.issue(now=NOW + timedelta(days=1))
    kinds = sorted(one.kind for one in world.rows(Message))
    assert kinds == ["assessment_issued", "invitation_vendor"]
    letter = next(one for one in world.rows(Message) if one.kind == "assessment_issued")
    assert "the invitation that we sent you" in " ".join(letter.text.split())
    assert [one.revoked_at for one in world.rows(Invitation)] == [None]


def test_an_invitation_that_ran_out_is_replaced(world: World) -> None:
    world.issue()
    world.issue(engagement_ids=[world.scanning], now=NOW + timedelta(days=15), due=TODAY + timedelta(days=40))
    assert len(world.rows(Invitation)) == 2


def test_the_owners_of_a_linked_company_are_told_and_the_contact_too(
    world: World, settings: Settings
) -> None:
    company = make_company(world.database, settings, "Fennmark")
    world.link(company.id)
    world.issue()
    letters = world.rows(Message)
    assert {one.recipient for one in letters} == {"owner@fennmark.example", "tomasz@fennmark.example"}
    assert all(f"/c/{company.slug}/" in one.text and one.company_id == company.id for one in letters)
    assert world.rows(Assessment)[0].company_id == company.id
    assert [one.company_id for one in world.rows(AssessmentEngagement)] == [company.id]


def test_nobody_need_be_chosen_once_the_vendor_is_here(world: World, settings: Settings) -> None:
    world.link(make_company(world.database, settings, "Fennmark").id)
    world.issue(contact=False)
    assert [one.recipient for one in world.rows(Message)] == ["owner@fennmark.example"]
    assert world.rows(Assessment)[0].contact_email is None


# ------------------------------------------------------------------------------------------------- reading lists


def test_business_owners_and_strangers(world: World, settings: Settings) -> None:
    mine = world.issue()
    other = world.issue(engagement_ids=[world.scanning])
    owner = world.place[OWNER]
    with world.database.looking(owner.scope) as session:
        page = queries.listed(session, owner, queries.Filter(), today=TODAY, number=1)
        assert [one.id for one in page.rows] == [mine]
        assert queries.counts(session, owner, today=TODAY) == queries.Counts(0, 0, 1, 0, 1)
        with pytest.raises(NotFound):
            queries.assessment(session, owner, other)
    stranger = make_organisation(world.database, settings, "Orrin")[BUYER]
    with world.database.looking(stranger.scope) as session, pytest.raises(NotFound):
        queries.assessment(session, stranger, mine)


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        (queries.Filter(), ["archive", "scanning"]),
        (queries.Filter(down=True), ["scanning", "archive"]),
        (queries.Filter(state="late"), ["archive"]),
        (queries.Filter(state="soon"), ["scanning"]),
        (queries.Filter(state="open"), ["archive", "scanning"]),
        (queries.Filter(state="submitted"), []),
        (queries.Filter(slug="security_lite"), ["archive", "scanning"]),
        (queries.Filter(slug="other"), []),
        (queries.Filter(words="SCAN"), ["scanning"]),
        (queries.Filter(words="fenn"), ["archive", "scanning"]),
        (queries.Filter(words="%"), []),
    ],
)
def test_the_list_is_narrowed_and_ordered(world: World, narrowed: queries.Filter, found: list[str]) -> None:
    ids = {
        "archive": world.issue(due=TODAY + timedelta(days=1)),
        "scanning": world.issue(engagement_ids=[world.scanning], due=TODAY + timedelta(days=9)),
    }
    me = world.place[BUYER]
    with world.database.looking(me.scope) as session:
        today = TODAY + timedelta(days=2)
        page = queries.listed(session, me, narrowed, today=today, number=1)
        assert [one.id for one in page.rows] == [ids[name] for name in found]


@pytest.mark.parametrize("sort", queries.SORTS)
def test_every_order_works(world: World, sort: str) -> None:
    world.issue()
    me = world.place[BUYER]
    with world.database.looking(me.scope) as session:
        for down in (False, True):
            narrowed = queries.Filter(sort=sort, down=down)
            assert queries.listed(session, me, narrowed, today=TODAY, number=1).total == 1
