"""The record of events: every kind in words, who reads what, pages by key, filters, files."""

from __future__ import annotations

import csv
import io
import json
import re
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from portal.access import CompanyRole, OrganisationRole
from portal.accounts.models import PersonRow
from portal.assessments.models import Enquiry
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.audit.words import GROUPS, WORDS, words_of
from portal.db import SYSTEM, Database
from portal.reports import event_queries
from portal.reports.event_queries import Filter
from portal.settings import Settings
from portal.web import Portal
from tests.portal.scene import Scene
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation, signed_in


def test_every_kind_has_words_a_group_and_readers() -> None:
    assert set(WORDS) == set(Kind)
    for kind, words in WORDS.items():
        assert words.group in GROUPS, kind
        said = str(words.sentence % {"who": "Ada"})
        assert said[0].isupper(), kind
        assert not said.endswith("."), kind
    assert {words.group for words in WORDS.values()} == set(GROUPS)


def test_a_kind_that_the_catalogue_no_longer_has_can_be_read() -> None:
    assert words_of("old.kind") == words_of("old.kind")
    assert words_of("100%.sure").sentence % {"who": "x"} == "100%.sure"


@pytest.fixture
def pair(database: Database, settings: Settings) -> tuple[Place, Place]:
    return make_organisation(database, settings, "Halden"), make_company(database, settings, "Fennmark")


def write(
    database: Database, *kinds: Kind, actor: object = None, days: int = 0, **tenants: uuid.UUID | None
) -> None:
    def add(session: Session) -> None:
        for number, kind in enumerate(kinds):
            at = NOW + timedelta(days=days, minutes=number)
            record(session, kind, now=at, actor=actor, **tenants)  # type: ignore[arg-type]  # ids by name

    database.record_access(add)


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))))


def kinds_in(browser: Browser, path: str) -> set[str]:
    return {one["kind"] for one in json.loads(browser.get(path).text)}


def test_an_event_of_two_tenants_is_read_by_whom_its_kind_names(
    app: Portal, database: Database, pair: tuple[Place, Place]
) -> None:
    ours, theirs = pair
    write(database, *Kind, days=1, organisation_id=ours.id, company_id=theirs.id)
    us = kinds_in(signed_in(app, ours[OrganisationRole.CISO]), f"/o/{ours.slug}/events.json?first=2026-11-22")
    them = kinds_in(
        signed_in(app, theirs[CompanyRole.OWNER]), f"/c/{theirs.slug}/events.json?first=2026-11-22"
    )
    for kind, words in WORDS.items():
        assert (kind.value in us) is (words.reader in ("both", "organisation")), kind
        assert (kind.value in them) is (words.reader in ("both", "company")), kind
    for secret in ("answers.saved", "delegation.made", "evidence.added"):
        assert secret not in us
    for secret in ("submission.rated", "requirements.evaluated", "vendor.changed", "contact.added"):
        assert secret not in them


def test_an_export_is_read_on_the_side_that_made_it(
    app: Portal, database: Database, pair: tuple[Place, Place]
) -> None:
    ours, theirs = pair
    reviewer = ours[OrganisationRole.REVIEWER].person.id
    write(database, Kind.EXPORTED, actor=reviewer, organisation_id=ours.id, company_id=theirs.id)
    us = signed_in(app, ours[OrganisationRole.AUDITOR]).get(f"/o/{ours.slug}/events?group=exports").text
    them = signed_in(app, theirs[CompanyRole.OWNER]).get(f"/c/{theirs.slug}/events?group=exports").text
    assert "Reviewer of Halden took a file away" in us
    assert "No event fits this filter." in them


def test_other_tenants_events_are_not_there(
    app: Portal, database: Database, settings: Settings, pair: tuple[Place, Place]
) -> None:
    ours, theirs = pair
    other = make_organisation(database, settings, "Orrin")
    write(database, Kind.SETTINGS_CHANGED, organisation_id=other.id)
    write(database, Kind.SIGNED_IN, actor=ours[OrganisationRole.ADMIN].person.id)
    browser = signed_in(app, ours[OrganisationRole.ADMIN])
    assert kinds_in(browser, f"/o/{ours.slug}/events.json") == {"organisation.created", "member.added"}
    assert browser.get(f"/o/{other.slug}/events").status_code == 404
    assert browser.get(f"/c/{theirs.slug}/events").status_code == 404


@pytest.mark.both_databases
def test_pages_follow_one_another_without_gap_or_repetition(
    database: Database, pair: tuple[Place, Place]
) -> None:
    """Many events of one instant: the ids decide, on both databases."""
    ours, _theirs = pair
    identity = ours[OrganisationRole.ADMIN]

    def add(session: Session) -> None:
        for number in range(23):
            at = NOW + timedelta(microseconds=number // 10)
            record(session, Kind.SETTINGS_CHANGED, now=at, actor=None, organisation_id=ours.id)

    database.record_access(add)
    narrowed, seen, before = Filter(group="people", first=NOW.date()), [], None
    with database.looking(identity.scope) as session:
        total = session.scalars(select(Event.id).where(Event.organisation_id == ours.id)).all()
        while True:
            found, more = event_queries.events(session, identity, narrowed, before=before, size=7)
            seen += [(one.at, one.id) for one in found]
            if not more:
                break
            before = event_queries.Key(found[-1].at, found[-1].id)
    assert len(seen) == len(set(seen)) == len(total)
    assert [at for at, _id in seen] == sorted((at for at, _id in seen), reverse=True)


def test_older_pages_are_reached_by_link(app: Portal, database: Database, pair: tuple[Place, Place]) -> None:
    ours, _theirs = pair
    write(database, *[Kind.SETTINGS_CHANGED] * 120, organisation_id=ours.id)
    browser = signed_in(app, ours[OrganisationRole.CISO])
    path, rows = f"/o/{ours.slug}/events?group=people", 0
    for turn in range(3):
        page = browser.get(path).text
        rows += page.count("<tr>") - 1
        assert ("Newest</a>" in page) is (turn > 0)
        links = [one for one in page.split('href="') if "before=" in one.split('"')[0]]
        if links:
            path = links[0].split('"')[0].replace("&amp;", "&")
    assert not links
    assert rows == 120 + 7, "six members and the organisation itself"


@pytest.mark.sqlite_itself
def test_a_page_reads_by_the_index(database: Database, pair: tuple[Place, Place]) -> None:
    """Millions of events cost what fifty do: the tenant's index in its order, and nothing is sorted but ties."""
    ours, _theirs = pair
    statement = event_queries.ordered(ours[OrganisationRole.CISO], Filter())
    written = str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
    with database.engine.connect() as connection:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + written).fetchall()
    said = " ".join(str(one) for one in plan)
    assert "ix_event_organisation_at" in said
    assert "USE TEMP B-TREE FOR ORDER BY" not in said


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?group=nothing&person=x&about=x&subject=x&first=x&last=x&before=x",
        "?first=0001-01-01&last=9999-12-31",
        "?first=2026-02-31&last=2026-11-21",
        "?before=20261121120000.0~11111111-1111-1111-1111-111111111111",
        "?before=99999999999999.0~11111111-1111-1111-1111-111111111111",
        "?before=20261121120000.0~x",
        "?person=11111111-1111-1111-1111-111111111111&about=assessment",
        "?subject=11111111-1111-1111-1111-111111111111",
    ],
)
def test_any_address_is_a_page(app: Portal, pair: tuple[Place, Place], query: str) -> None:
    ours, theirs = pair
    us, them = signed_in(app, ours[OrganisationRole.AUDITOR]), signed_in(app, theirs[CompanyRole.OWNER])
    for form in ("", ".csv", ".json"):
        assert us.get(f"/o/{ours.slug}/events{form}{query}").status_code == 200
        assert them.get(f"/c/{theirs.slug}/events{form}{query}").status_code == 200


def test_filters_narrow(app: Portal, scene: Scene) -> None:
    place = scene.places["Kzalder"]
    browser = signed_in(app, place[OrganisationRole.CISO])
    base = f"/o/{place.slug}/events.json"
    assert {kind.split(".")[0] for kind in kinds_in(browser, f"{base}?group=vendors")} <= {
        "vendor",
        "vendors",
        "contact",
        "engagement",
        "intake",
        "policy",
        "tier",
        "standing",
        "fourth_party",
        "campaign",
        "incident",
        "trigger",
    }
    admin = place[OrganisationRole.ADMIN].person.id
    found = json.loads(browser.get(f"{base}?person={admin}").text)
    assert found
    assert {one["person"] for one in found} == {str(admin)}
    deal = scene.deals_of(place)[0]
    found = json.loads(browser.get(f"{base}?subject={deal.submitted}").text)
    assert {one["kind"] for one in found} == {
        "assessment.issued",
        "assessment.submitted",
        "mark.saved",
        "assessment.returned",
        "assessment.return_withdrawn",
    }
    assert kinds_in(browser, f"{base}?last=2026-11-20") == set()
    assert json.loads(browser.get(f"{base}?first=2026-11-21&last=2026-11-21").text)


def test_the_days_are_of_the_organisations_zone(
    app: Portal, database: Database, pair: tuple[Place, Place]
) -> None:
    """Lisbon's summer day begins at 23:00 UTC."""
    ours, _theirs = pair

    def add(session: Session) -> None:
        for hour in (22, 23):
            at = NOW.replace(month=7, day=1, hour=hour)
            record(session, Kind.SETTINGS_CHANGED, now=at, actor=None, organisation_id=ours.id)

    database.record_access(add)
    browser = signed_in(app, ours[OrganisationRole.CISO])
    for day, at in (("2026-07-01", "22:00"), ("2026-07-02", "23:00")):
        found = json.loads(browser.get(f"/o/{ours.slug}/events.json?first={day}&last={day}").text)
        assert [one["at"][11:16] for one in found] == [at]


def test_the_page_says_who_and_leads_to_what_is_still_there(
    app: Portal, database: Database, scene: Scene
) -> None:
    place = scene.places["Kzalder"]
    deal = scene.deals_of(place)[0]
    with database.transaction(SYSTEM) as session:
        gone = place[OrganisationRole.ADMIN].person.id
        session.execute(
            update(PersonRow).where(PersonRow.id == gone).values(erased_at=NOW, name="Gone Person")
        )
        record(session, Kind.PERSON_ERASED, now=NOW, actor=None)
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None, organisation_id=place.id)
    browser = signed_in(app, place[OrganisationRole.CISO])
    page = browser.get(f"/o/{place.slug}/events?group=vendors").text
    assert "An erased person put a vendor on record" in page
    assert "The portal changed a vendor" in page
    assert "Gone Person" not in page
    assert f'href="/o/{place.slug}/vendors/{deal.vendor}"' in page
    company = deal.company
    page = signed_in(app, company[CompanyRole.OWNER]).get(f"/c/{company.slug}/events?group=answers").text
    assert f"Contributor of {company.name} saved answers" in page


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_file_is_taken_on_record(
    app: Portal, database: Database, pair: tuple[Place, Place], form: str
) -> None:
    ours, _theirs = pair
    browser = signed_in(app, ours[OrganisationRole.AUDITOR])
    answer = browser.get(f"/o/{ours.slug}/events.{form}")
    assert (
        answer.headers["Content-Disposition"] == f"attachment; filename=events-{ours.slug}-2026-11-21.{form}"
    )
    count = len(table(answer.text)) - 1 if form == "csv" else len(answer.json or [])
    assert count == 7
    with database.looking(SYSTEM) as session:
        event = session.scalars(select(Event).where(Event.kind == Kind.EXPORTED.value)).one()
    assert event.data == {"what": "events", "rows": 7}
    assert event.actor_id == ours[OrganisationRole.AUDITOR].person.id


def test_every_link_of_the_record_leads_to_a_page(app: Portal, database: Database, scene: Scene) -> None:
    """Subjects of each kind, from both sides; an enquiry is made for it."""
    deal = scene.deals[0]
    assert deal.submitted is not None
    enquiry = Enquiry(
        id=uuid.uuid4(),
        organisation_id=deal.organisation.id,
        company_id=deal.company.id,
        assessment_id=deal.submitted,
        kind="reopen",
        state="open",
        asked_by=deal.company[CompanyRole.OWNER].person.id,
        asked_at=NOW,
    )
    with database.transaction(SYSTEM) as session:
        session.add(enquiry)
        record(session, Kind.ENQUIRY_MADE, now=NOW, actor=None, subject=enquiry)
    for place, path in (
        (deal.organisation[OrganisationRole.CISO], f"/o/{deal.organisation.slug}/events"),
        (deal.company[CompanyRole.OWNER], f"/c/{deal.company.slug}/events"),
    ):
        browser, links = signed_in(app, place), set()
        page = browser.get(path).text
        links |= set(
            re.findall(r'<td data-label="About">\s*<span><a class="inline-link" href="([^"]+)"', page)
        )
        assert len(links) > 2
        assert any("enquiries" in one for one in links)
        assert {one: browser.get(one).status_code for one in links} == dict.fromkeys(links, 200)
