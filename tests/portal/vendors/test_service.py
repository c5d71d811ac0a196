"""Vendors, engagements and contacts on record, on both databases."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid, NotFound
from portal.organisations.models import Invitation
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors import lists, queries, service
from portal.vendors.models import Contact, Engagement, Vendor
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
BUYER = OrganisationRole.PROCUREMENT


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def add_vendor(database: Database, place: Place, name: str, country: str | None = "PL") -> uuid.UUID:
    with database.transaction(place[BUYER].scope) as session:
        return service.create_vendor(session, name=name, country=country, actor=place[BUYER], now=NOW).id


def add_engagement(database: Database, place: Place, vendor_id: uuid.UUID, **changes: Any) -> uuid.UUID:
    values: dict[str, Any] = {
        "name": "Archive",
        "description": "Keeps files",
        "tier": "high",
        "facts": {},
        "business_owner_id": None,
    } | changes
    with database.transaction(place[BUYER].scope) as session:
        vendor = queries.vendor(session, place[BUYER], vendor_id)
        return service.create_engagement(session, vendor, **values, actor=place[BUYER], now=NOW).id


def events(database: Database) -> list[str]:
    with database.looking(SYSTEM) as session:
        return list(session.execute(select(Event.kind)).scalars())


def test_a_vendor_is_on_record_with_an_event(database: Database, halden: Place) -> None:
    vendor_id = add_vendor(database, halden, "  Fennmark \n Archive ")
    with database.looking(halden[BUYER].scope) as session:
        row = queries.vendor(session, halden[BUYER], vendor_id)
        assert (row.name, row.country, row.company_id, row.revision) == ("Fennmark Archive", "PL", None, 1)
    assert Kind.VENDOR_CREATED.value in events(database)


@pytest.mark.parametrize("again", ["Fennmark", "FENNMARK", " fennmark ", "Ｆｅｎｎｍａｒｋ"])
def test_a_name_is_taken_however_it_is_written(database: Database, halden: Place, again: str) -> None:
    add_vendor(database, halden, "Fennmark")
    with pytest.raises(Invalid) as refused:
        add_vendor(database, halden, again)
    assert refused.value.errors == {"name": "You have a vendor of this name already."}


def test_another_organisation_may_use_the_name_and_learns_nothing(
    database: Database, settings: Settings, halden: Place
) -> None:
    first = add_vendor(database, halden, "Fennmark")
    other = make_organisation(database, settings, "Orrin")
    assert add_vendor(database, other, "Fennmark") != first
    with database.looking(other[BUYER].scope) as session, pytest.raises(NotFound):
        queries.vendor(session, other[BUYER], first)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "ﷺ" * 30])
def test_a_name_must_be_one_and_fit(database: Database, halden: Place, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        add_vendor(database, halden, name)
    assert set(refused.value.errors) == {"name"}


@pytest.mark.parametrize("country", ["XX", "de", "DEU", "DE'; --", "\x00\x00"])
def test_a_country_is_one_of_the_standard(database: Database, halden: Place, country: str) -> None:
    with pytest.raises(Invalid) as refused:
        add_vendor(database, halden, "Fennmark", country)
    assert set(refused.value.errors) == {"country"}


def test_a_change_on_an_old_revision_is_a_conflict(database: Database, halden: Place) -> None:
    vendor_id = add_vendor(database, halden, "Fennmark")
    me = halden[BUYER]
    with database.transaction(me.scope) as session:
        row = queries.vendor(session, me, vendor_id)
        service.change_vendor(session, row, name="Fennmark Ltd", country=None, revision=1, actor=me, now=NOW)
        assert (row.revision, row.name_key, row.country) == (2, "fennmark ltd", None)
    with database.transaction(me.scope) as session:
        row = queries.vendor(session, me, vendor_id)
        with pytest.raises(Conflict):
            service.change_vendor(session, row, name="Mine", country=None, revision=1, actor=me, now=NOW)


def test_a_change_to_a_taken_name_is_refused(database: Database, halden: Place) -> None:
    vendor_id = add_vendor(database, halden, "Fennmark")
    add_vendor(database, halden, "Solvane")
    me = halden[BUYER]
    with database.transaction(me.scope) as session:
        row = queries.vendor(session, me, vendor_id)
        with pytest.raises(Invalid):
            service.change_vendor(session, row, name="solvane", country=None, revision=1, actor=me, now=NOW)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"description": "x" * 2001}, "description"),
        ({"tier": "extreme"}, "tier"),
        ({"tier": ""}, "tier"),
        ({"business_owner_id": uuid.UUID(int=7)}, "business_owner"),
        ({"facts": {"engagement.volume": "many"}}, "engagement.volume"),
    ],
)
def test_an_engagement_that_does_not_fit_names_the_field(
    database: Database, halden: Place, changes: dict[str, Any], field: str
) -> None:
    vendor_id = add_vendor(database, halden, "Fennmark")
    with pytest.raises(Invalid) as refused:
        add_engagement(database, halden, vendor_id, **changes)
    assert set(refused.value.errors) == {field}


def test_a_stranger_cannot_be_business_owner(database: Database, settings: Settings, halden: Place) -> None:
    other = make_organisation(database, settings, "Orrin")
    vendor_id = add_vendor(database, halden, "Fennmark")
    with pytest.raises(Invalid):
        add_engagement(database, halden, vendor_id, business_owner_id=other[BUYER].person.id)


def test_engagements_of_a_vendor_have_different_names(database: Database, halden: Place) -> None:
    vendor_id, other = add_vendor(database, halden, "Fennmark"), add_vendor(database, halden, "Solvane")
    add_engagement(database, halden, vendor_id)
    add_engagement(database, halden, other)
    with pytest.raises(Invalid) as refused:
        add_engagement(database, halden, vendor_id, name="ARCHIVE")
    assert set(refused.value.errors) == {"name"}


def test_an_engagement_changes_with_an_event_of_codes_and_ids(database: Database, halden: Place) -> None:
    vendor_id = add_vendor(database, halden, "Fennmark")
    engagement_id = add_engagement(database, halden, vendor_id)
    me = halden[BUYER]
    with database.transaction(me.scope) as session:
        row = queries.engagement(session, me, engagement_id)
        service.change_engagement(
            session,
            row,
            name="Archive",
            description="Keeps secret files",
            tier="critical",
            facts={"engagement.data": ["personal"]},
            business_owner_id=me.person.id,
            revision=1,
            actor=me,
            now=NOW,
        )
    with database.looking(SYSTEM) as session:
        kind = Event.kind == Kind.ENGAGEMENT_CHANGED.value
        data = session.execute(select(Event.data).where(kind)).scalar_one()
        assert data == {
            "fields": ["business_owner_id", "description", "facts", "tier"],
            "facts": ["engagement.data"],
            "owner_from": None,
            "owner_to": str(me.person.id),
            "tier_from": "high",
            "tier_to": "critical",
        }, "no word of the description"
        assert session.execute(select(Engagement.revision)).scalar_one() == 2


def test_inviting_writes_a_contact_and_a_letter_and_inviting_again_replaces_the_link(
    database: Database, halden: Place
) -> None:
    vendor_id, me = add_vendor(database, halden, "Fennmark"), halden[BUYER]
    for turn in range(2):
        with database.transaction(me.scope) as session:
            vendor = queries.vendor(session, me, vendor_id)
            service.invite_contact(
                session,
                vendor,
                name=f"Tomasz {turn}",
                email="Tomasz@Fennmark.example",
                actor=me,
                now=NOW + timedelta(hours=turn),
            )
    with database.looking(SYSTEM) as session:
        contact = session.execute(select(Contact)).scalar_one()
        assert (contact.name, contact.email) == ("Tomasz 1", "tomasz@fennmark.example")
        invitations = session.execute(select(Invitation).order_by(Invitation.created_at)).scalars().all()
        assert [one.revoked_at is None for one in invitations] == [False, True]
        assert len(session.execute(select(Message.id)).all()) == 2


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b@c.example",
        "a b@c.example",
        "x" * 250 + "@example.com",
        "a@example.com\nBcc: b@c.example",
        "@",
    ],
)
def test_an_address_must_be_one(database: Database, halden: Place, email: str) -> None:
    vendor_id, me = add_vendor(database, halden, "Fennmark"), halden[BUYER]
    with database.transaction(me.scope) as session:
        vendor = queries.vendor(session, me, vendor_id)
        with pytest.raises(Invalid) as refused:
            service.invite_contact(session, vendor, name="Tomasz", email=email, actor=me, now=NOW)
    assert set(refused.value.errors) == {"email"}


def test_a_vendor_that_has_joined_invites_its_people_itself(
    database: Database, settings: Settings, halden: Place
) -> None:
    vendor_id, me = add_vendor(database, halden, "Fennmark"), halden[BUYER]
    company = make_company(database, settings, "Fennmark")
    assert company[CompanyRole.OWNER]
    with database.transaction() as session:
        row = session.execute(select(Vendor).where(Vendor.id == vendor_id)).scalar_one()
        row.company_id = company.id
        service.record(session, Kind.VENDOR_LINKED, now=NOW, actor=None, subject=row)
    with database.transaction(me.scope) as session:
        vendor = queries.vendor(session, me, vendor_id)
        with pytest.raises(Conflict):
            service.invite_contact(session, vendor, name="T", email="t@example.com", actor=me, now=NOW)


def test_business_owners_find_only_what_is_theirs(database: Database, halden: Place) -> None:
    owner = halden[OrganisationRole.BUSINESS_OWNER]
    mine, other = add_vendor(database, halden, "Fennmark"), add_vendor(database, halden, "Solvane")
    own = add_engagement(database, halden, mine, business_owner_id=owner.person.id)
    foreign = add_engagement(database, halden, mine, name="Scanning")
    with database.looking(owner.scope) as session:
        assert queries.vendor(session, owner, mine).name == "Fennmark"
        assert [one.id for one in queries.engagements_of(session, owner, mine, other)] == [own]
        assert [one.id for one in lists.listed(session, owner, lists.Filter(), number=1).rows] == [mine]
        assert lists.counts(session, owner) == lists.Counts(1, 0, 1)
        assert lists.listed(session, owner, lists.Filter(words="scanning"), number=1).rows == []
        for missing in (
            lambda: queries.vendor(session, owner, other),
            lambda: queries.engagement(session, owner, foreign),
        ):
            with pytest.raises(NotFound):
                missing()


@pytest.mark.parametrize(
    ("narrowed", "names"),
    [
        (lists.Filter(), ["Ädel", "Boston", "Cairo", "Delft"]),
        (lists.Filter(down=True), ["Delft", "Cairo", "Boston", "Ädel"]),
        (lists.Filter(sort="tier"), ["Cairo", "Boston", "Ädel", "Delft"]),
        (lists.Filter(sort="country"), ["Ädel", "Cairo", "Delft", "Boston"]),
        (lists.Filter(tier="critical"), ["Cairo"]),
        (lists.Filter(needs="engagement"), ["Ädel", "Delft"]),
        (lists.Filter(words="ARCHIVE"), ["Boston"]),
        (lists.Filter(words="o"), ["Boston", "Cairo"]),
        (lists.Filter(words="%"), []),
        (lists.Filter(words="_"), []),
    ],
)
def test_the_list_is_narrowed_and_ordered(
    database: Database, halden: Place, narrowed: lists.Filter, names: list[str]
) -> None:
    ids = {
        name: add_vendor(database, halden, name, country)
        for name, country in (("Delft", "NL"), ("Boston", None), ("Ädel", "AT"), ("Cairo", "EG"))
    }
    add_engagement(database, halden, ids["Boston"], tier="low")
    add_engagement(database, halden, ids["Cairo"], name="Post", tier="medium")
    add_engagement(database, halden, ids["Cairo"], name="Phone", tier="critical")
    with database.looking(halden[BUYER].scope) as session:
        found = [one.name for one in lists.listed(session, halden[BUYER], narrowed, number=1).rows]
    if narrowed.sort == "name":
        # "ä" sorts after "z" by code point and beside "a" by the rules of a language; either is an order.
        assert sorted(found) == sorted(names)
        assert [one for one in found if one != "Ädel"] == [one for one in names if one != "Ädel"]
    else:
        assert [one for one in found if one != "Ädel"] == [one for one in names if one != "Ädel"]
