"""Incidents: who said what when; what is internal stays inside, each client has a record of its own."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from portal import clock
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import parting
from portal.erasure.reaching import Destroyed
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.outbox import Message
from portal.reassessment import incident_queries as queries
from portal.reassessment import incidents
from portal.reassessment.models_triggers import Incident, IncidentEntry, IncidentWords
from portal.reassessment.service import end_of_link
from portal.settings import Settings
from portal.vendors import queries as vendors
from portal.web import Portal
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.world import NOW, Place, make_company, make_organisation, signed_in

R = OrganisationRole


@dataclass
class Given:
    """Two organisations with the same company as their vendor."""

    one: Issued
    other: Issued
    company: Place

    @property
    def owner(self) -> Identity:
        return self.company[CompanyRole.OWNER]

    def member(self, role: OrganisationRole = R.CISO) -> Identity:
        return self.one.organisation[role]


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    company = make_company(database, settings, "Fen")
    first, second = (make_organisation(database, settings, name) for name in ("Halden", "Orrin"))
    return Given(journey.issue(database, first, company), journey.issue(database, second, company), company)


def note(database: Database, given: Given, words: str = "They were robbed", **values: Any) -> uuid.UUID:
    actor = values.pop("actor", given.member())
    more = {"kind": "breach", "happened": None, "shared": False, "now": NOW} | values
    with database.transaction(actor.scope) as session:
        vendor = vendors.vendor(session, actor, given.one.vendor, lock=True)
        return incidents.note(session, vendor, words=words, actor=actor, **more).id


def tell(
    database: Database, given: Given, *names: str, words: str = "We were robbed", **values: Any
) -> list[uuid.UUID]:
    more = {"kind": "breach", "happened": date(2026, 11, 20), "now": NOW} | values
    with database.transaction(given.owner.scope) as session:
        known = queries.clients_of(session, given.owner, lock=True)
        chosen = [one for one in known if one.name in names]
        found = incidents.tell(session, chosen, words=words, actor=given.owner, **more)
        return [one.id for one in found]


def add(database: Database, actor: Identity, incident: uuid.UUID, words: str, *, shared: bool = True) -> bool:
    with database.transaction(actor.scope) as session:
        row = queries.incident(session, actor, incident, lock=True)
        return incidents.add(session, row, words, shared=shared, actor=actor, now=NOW) is not None


def settle(database: Database, given: Given, incident: uuid.UUID) -> None:
    actor = given.member()
    with database.transaction(actor.scope) as session:
        row = queries.incident(session, actor, incident, lock=True)
        incidents.settle(session, row, actor=actor, now=NOW)


def record_of(database: Database, actor: Identity, incident: uuid.UUID) -> list[tuple[str | None, bool]]:
    with database.looking(actor.scope) as session:
        queries.incident(session, actor, incident)
        return [(one.words, one.entry.internal) for one in queries.entries(session, actor, incident)]


def letters(database: Database, kind: str) -> list[Message]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Message).where(Message.kind == kind).order_by(Message.recipient)))


@pytest.mark.both_databases
def test_what_is_noted_is_inside_until_somebody_writes_to_the_vendor(
    database: Database, given: Given
) -> None:
    ciso, owner = given.member(), given.owner
    incident = note(database, given)
    with pytest.raises(NotFound):
        record_of(database, owner, incident)
    assert len(letters(database, "incident_organisation")) == 2  # the reviewer and the administrator
    assert letters(database, "incident_company") == []
    add(database, ciso, incident, "Is this true?")
    add(database, owner, incident, "Yes.")
    add(database, ciso, incident, "Keep quiet about the price.", shared=False)
    inside = [
        ("They were robbed", True),
        ("Is this true?", False),
        ("Yes.", False),
        ("Keep quiet about the price.", True),
    ]
    assert record_of(database, ciso, incident) == inside
    assert record_of(database, owner, incident) == [("Is this true?", False), ("Yes.", False)]
    assert {one.recipient for one in letters(database, "incident_company")} == {owner.person.email}


@pytest.mark.both_databases
def test_what_a_vendor_adds_to_a_settled_incident_opens_it_again_and_people_are_told_once(
    app: Portal, database: Database, given: Given
) -> None:
    ciso, owner = given.member(), given.owner
    (incident,) = tell(database, given, "Halden")
    settle(database, given, incident)
    mine = f"/c/{given.company.slug}/incidents/{incident}"
    assert "what you add opens it again" in signed_in(app, owner).get(mine).text
    add(database, owner, incident, "More is lost than we knew.")
    add(database, owner, incident, "More is lost than we knew.")  # a second press
    with database.looking(SYSTEM) as session:
        row = session.get_one(Incident, incident)
        reopened = select(Event).where(Event.kind == Kind.INCIDENT_REOPENED.value)
        (event,) = session.scalars(reopened)
    assert (row.state, row.settled_by) == ("open", None)
    assert (event.actor_id, event.data) == (owner.person.id, {"state": "open"})
    more = [one for one in letters(database, "incident_organisation") if "has added to" in one.text]
    assert len(more) == 3  # all who judge answers
    assert all("It was settled, and is open again." in " ".join(one.text.split()) for one in more)
    assert "what you add opens it again" not in signed_in(app, owner).get(mine).text
    # what a member adds leaves it as the organisation has settled it
    settle(database, given, incident)
    add(database, ciso, incident, "For our files.", shared=False)
    with database.looking(SYSTEM) as session:
        assert session.get_one(Incident, incident).state == "settled"


@pytest.mark.both_databases
def test_each_client_that_is_told_has_a_record_of_its_own(database: Database, given: Given) -> None:
    first, second = tell(database, given, "Halden", "Orrin")
    with database.looking(SYSTEM) as session:
        rows = {one.id: one for one in session.scalars(select(Incident))}
    assert {rows[first].organisation_id, rows[second].organisation_id} == {
        given.one.organisation.id,
        given.other.organisation.id,
    }
    mine = first if rows[first].organisation_id == given.one.organisation.id else second
    theirs = second if mine == first else first
    assert record_of(database, given.member(), mine) == [("We were robbed", False)]
    with pytest.raises(NotFound):
        record_of(database, given.member(), theirs)
    told = letters(database, "incident_organisation")
    assert len(told) == 6  # three who judge, at either
    assert not any("robbed" in one.text for one in told)  # words are read in the portal


def test_a_second_press_says_nothing_twice(database: Database, given: Given) -> None:
    assert tell(database, given, "Halden") == tell(database, given, "Halden")
    incident = note(database, given)
    assert note(database, given) == incident
    assert add(database, given.member(), incident, "More")
    assert not add(database, given.member(), incident, "More")


def test_a_client_is_told_five_times_a_day(database: Database, given: Given) -> None:
    for number in range(incidents.MOST_A_DAY):
        tell(database, given, "Halden", words=f"Number {number}")
    with pytest.raises(Conflict, match="Halden was told of 5"):
        tell(database, given, "Halden", words="One more")
    assert (
        len(tell(database, given, "Halden", "Orrin", words="One more")) == 1
    )  # the others are told all the same
    assert tell(database, given, "Halden", words="One more", now=NOW + timedelta(days=1, hours=1))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "weather"}, "kind"),
        ({"words": "  "}, "words"),
        ({"words": "x" * 4001}, "words"),
        ({"words": "a\x07b"}, "words"),
        ({"happened": date(2026, 12, 24)}, "happened"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    database: Database, given: Given, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as fault:
        note(database, given, **values)
    assert set(fault.value.errors) == {field}


def test_an_auditor_reads_and_writes_nothing(database: Database, given: Given) -> None:
    incident = note(database, given)
    auditor = given.member(R.AUDITOR)
    assert record_of(database, auditor, incident)
    with pytest.raises(Refused):
        add(database, auditor, incident, "I see")
    (told,) = tell(database, given, "Halden")
    with database.transaction(given.owner.scope) as session:
        row = queries.incident(session, given.owner, told, lock=True)
        with pytest.raises(Refused):
            incidents.settle(session, row, actor=given.owner, now=NOW)


def test_a_business_owner_reads_of_vendors_of_theirs_only(database: Database, given: Given) -> None:
    incident = note(database, given)
    with pytest.raises(NotFound):
        record_of(database, given.member(R.BUSINESS_OWNER), incident)


@pytest.mark.both_databases
def test_an_entry_is_never_changed_and_its_words_fit_its_commitment(database: Database, given: Given) -> None:
    incident = note(database, given)
    with database.looking(SYSTEM) as session:
        entry = session.scalars(select(IncidentEntry).where(IncidentEntry.incident_id == incident)).one()
        words = session.get_one(IncidentWords, entry.id)
    assert sha256(words.salt + words.words.encode()).hexdigest() == entry.commitment
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.execute(
            IncidentEntry.__table__.update().values(internal=False),
            execution_options={"synchronize_session": False},
        )


@pytest.mark.both_databases
def test_words_go_with_the_vendor_and_who_said_when_stays(database: Database, given: Given) -> None:
    (incident,) = tell(database, given, "Halden")
    ciso = given.member()
    with database.transaction() as session:
        found = Destroyed()
        parting.vendors(session, given.one.organisation.id, [given.one.vendor], found, by=None, now=NOW)
        record(session, Kind.ERASURE_SETTLED, now=NOW, actor=ciso)
    assert found.counts["incident_words"] == 1
    assert record_of(database, ciso, incident) == [(None, False)]


def test_the_wrong_company_reads_no_more_of_what_was_noted(database: Database, given: Given) -> None:
    ciso, owner = given.member(), given.owner
    noted = note(database, given, shared=True)
    (told,) = tell(database, given, "Halden")
    with database.transaction(ciso.scope) as session:
        vendor = vendors.vendor(session, ciso, given.one.vendor, lock=True)
        end_of_link(session, vendor)
        record(session, Kind.INCIDENT_SETTLED, now=NOW, actor=ciso)
    with pytest.raises(NotFound):
        record_of(database, owner, noted)
    assert record_of(database, owner, told)
    assert len(record_of(database, ciso, noted)) == 1


def test_events_say_codes_and_the_vendor_reads_only_its_own(database: Database, given: Given) -> None:
    incident = note(database, given)
    add(database, given.member(), incident, "Tell us")
    add(database, given.member(), incident, "Hush", shared=False)
    with database.looking(SYSTEM) as session:
        events = session.scalars(
            select(Event).where(Event.subject_id == incident).order_by(Event.at, Event.id)
        ).all()
    assert {(one.kind, one.company_id is None) for one in events} == {
        ("incident.reported", True),
        ("incident.continued", False),
        ("incident.continued", True),
    }


def test_the_pages_of_either_side(app: Portal, given: Given) -> None:
    company = signed_in(app, given.owner)
    theirs, ours = f"/c/{given.company.slug}/incidents", f"/o/{given.one.organisation.slug}/incidents"
    page = company.get(f"{theirs}").text
    assert "Halden" in page
    assert "Orrin" in page
    wrong = company.post(f"{theirs}", {"words": "What now", "kind": "breach"})
    assert wrong.status_code == 422
    assert "Choose whom you tell." in wrong.text
    assert "What now" in wrong.text
    clients = re.findall(r'name="clients" value="([0-9a-f-]{36})"', page)
    told = company.post(
        f"{theirs}", {"clients": clients[:1], "kind": "breach", "words": "A <b>bold</b> theft"}
    )
    assert told.status_code == 303
    assert "A &lt;b&gt;bold&lt;/b&gt; theft" in company.get(told.location).text

    ciso = signed_in(app, given.member())
    incident = re.search(r"/incidents/([0-9a-f-]{36})", ciso.get(f"{ours}").text)
    assert incident is not None
    to = f"{ours}/{incident[1]}"
    assert ciso.post(to, {"do": "add", "words": "Between us", "shared": ""}).status_code == 303
    assert ciso.post(to, {"do": "add", "words": ""}).status_code == 422
    assert "for your organisation only" in ciso.get(to).text
    assert "Between us" not in company.get(f"{theirs}/{incident[1]}").text
    assert ciso.post(to, {"do": "settle"}).status_code == 303
    assert "Settled by" in ciso.get(to).text
    assert "No incident is open" in ciso.get(f"{ours}").text
    assert ciso.post(to, {"do": "reopen"}).status_code == 303
    vendor = f"/o/{given.one.organisation.slug}/vendors/{given.one.vendor}/incidents"
    assert ciso.post(vendor, {"kind": "outage", "words": "Down"}).status_code == 303
    assert "An outage" in ciso.get(vendor).text
    assert ciso.post(to, {"do": "dance"}).status_code == 404


def test_a_client_that_was_told_enough_is_named_and_the_others_are_told(
    app: Portal, database: Database, given: Given
) -> None:
    for number in range(incidents.MOST_A_DAY):
        tell(database, given, "Halden", words=f"Number {number}", now=clock.now())
    company, here = signed_in(app, given.owner), f"/c/{given.company.slug}/incidents"
    clients = re.findall(r'name="clients" value="([0-9a-f-]{36})"', company.get(here).text)
    told = company.post(here, {"clients": clients, "kind": "breach", "words": "One more"})
    assert told.status_code == 303
    page = company.get(told.location).text
    assert "Not told: Halden." in page
    assert page.count("One more") == 1
