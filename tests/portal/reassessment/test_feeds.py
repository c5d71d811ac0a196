"""Private calendar addresses: shown once, read without a cookie, with the eyes of now, until they are revoked."""

from __future__ import annotations

import io
import logging
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

import icalendar
import pytest
from sqlalchemy import event, func, select, update
from werkzeug.test import TestResponse

from portal import clock, logs, pace, restoring
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.accounts import resets
from portal.accounts.models import LoginSession, PersonRow
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import people
from portal.organisations import service as organisations
from portal.organisations.models import Organisation
from portal.organisations.sso_models import SsoConnection
from portal.outbox import Message
from portal.reassessment import feeds
from portal.reassessment.feed_views import A_SECOND, BURST
from portal.reassessment.models import Reassessment
from portal.reassessment.models_feeds import CalendarFeed
from portal.settings import Settings
from portal.vendors.models import Engagement
from portal.web import Portal
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import put_off, submit
from tests.portal.scene import Scene
from tests.portal.world import NOW, PASSWORD, Browser, make_company, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
DUE = clock.local_date(clock.now(), "UTC") + timedelta(days=20)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    pace.forget()
    yield
    pace.forget()


@pytest.fixture
@made_once
def halden(database: Database, settings: Settings) -> Issued:
    """Answers that are due in twenty days by the machine's clock, about a claims archive."""
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    issued = journey.issue(database, buyer, company, names=("Claims archive",))
    put_off(database, issued.assessment, DUE)
    return issued


def made(database: Database, who: Identity, place: uuid.UUID | None = None) -> str:
    """The path of a new address."""
    with database.transaction() as session:
        token = feeds.make(
            session, who.person, id=uuid.uuid4(), name="Phone", place_id=place, now=clock.now()
        )
    return f"/calendar/{token}.ics"


def read(app: Portal, path: str, **headers: str) -> TestResponse:
    """As a calendar program reads: a client that has never been here."""
    return app.test_client().get(path, headers=headers)


def found(answer: TestResponse) -> list[icalendar.Event]:
    assert answer.status_code == 200, answer.text
    return list(icalendar.Calendar.from_ical(answer.data).walk("VEVENT"))


def words(answer: TestResponse) -> str:
    """The calendar as a reader joins its lines."""
    return answer.data.replace(b"\r\n ", b"").decode()


def test_the_page_makes_an_address_after_a_proof_shows_it_once_and_revokes_it(
    app: Portal, database: Database, halden: Issued
) -> None:
    ciso = halden.organisation[OrganisationRole.CISO]
    browser = signed_in(app, ciso)
    page = browser.get("/account/calendar").text
    assert "You have no calendar address yet." in page
    sent = {"id": str(uuid.uuid4()), "name": "Phone", "place": ""}
    refused = browser.post("/account/calendar", sent | {"current": "wrong"})
    assert refused.status_code == 422
    assert browser.post("/account/calendar", sent).status_code == 422
    shown = browser.post("/account/calendar", sent | {"current": PASSWORD})
    assert shown.status_code == 200
    address = re.search(r"<code>([^<]+)</code>", shown.text)
    assert address is not None
    path = urlsplit(unescape(address[1])).path
    assert len(path.removeprefix("/calendar/").removesuffix(".ics")) == 43
    again = browser.post("/account/calendar", sent | {"current": PASSWORD})
    assert "shown then" in again.text
    assert "<code>" not in again.text
    assert len(found(read(app, path))) == 1
    listed = browser.get("/account/calendar").text
    assert "Phone" in listed
    assert path.split("/")[2].removesuffix(".ics") not in listed
    with database.looking(SYSTEM) as session:
        row = session.scalars(select(CalendarFeed)).one()
        assert row.read_on == clock.now().date()
        letter = session.scalars(select(Message).where(Message.kind == "feed_made")).one()
        assert letter.recipient == ciso.person.email
        assert path.split("/")[2][:43] not in letter.text
    assert browser.post(f"/account/calendar/{row.id}/revoke").status_code == 303
    assert read(app, path).status_code == 404
    assert "Private calendar addresses were revoked" in browser.get("/account/history").text


def test_it_is_read_without_cookies_and_says_that_nobody_keeps_or_tells_it(
    app: Portal, database: Database, halden: Issued
) -> None:
    path = made(database, halden.organisation[OrganisationRole.CISO])
    browser = signed_in(app, halden.organisation[OrganisationRole.AUDITOR])
    with database.looking(SYSTEM) as session:
        before = session.execute(select(func.count(LoginSession.id), func.max(LoginSession.seen_at))).one()
    answer = browser.get(path)
    assert "Claims archive" not in answer.text  # an assessment is named by its vendor
    assert "Fennmark" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    assert answer.content_type == "text/calendar; charset=utf-8"
    with database.looking(SYSTEM) as session:
        after = session.execute(select(func.count(LoginSession.id), func.max(LoginSession.seen_at))).one()
    assert before == after
    missing = read(app, "/calendar/" + "x" * 43 + ".ics")
    assert missing.status_code == 404
    assert missing.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in missing.headers["Cache-Control"]


def test_what_has_not_changed_is_not_sent_again(app: Portal, database: Database, halden: Issued) -> None:
    path = made(database, halden.organisation[OrganisationRole.CISO])
    first = read(app, path)
    second = read(app, path, **{"If-None-Match": first.headers["ETag"]})
    assert first.headers["ETag"] == read(app, path).headers["ETag"]
    assert second.status_code == 304
    assert second.data == b""
    put_off(database, halden.assessment, DUE + timedelta(days=1))
    moved = clock.now().replace(microsecond=0)
    third = read(app, path, **{"If-None-Match": first.headers["ETag"]})
    assert third.status_code == 200
    assert [one["uid"] for one in found(third)] == [one["uid"] for one in found(first)]
    assert all(one.decoded("dtstamp") >= moved for one in found(third)), "newer than what was read before"


def test_an_item_is_the_date_with_its_reason_and_the_page_to_act_on(
    app: Portal, database: Database, halden: Issued
) -> None:
    (one,) = found(read(app, made(database, halden.organisation[OrganisationRole.CISO])))
    assert one.decoded("dtstart") == DUE
    assert str(one["summary"]).startswith("Answers: ")
    assert str(one["summary"]).endswith(", Fennmark")
    assert str(one["description"]).startswith("The date that was set on ")
    assert one["categories"].cats == ["Halden"]
    base, path = database.base_url, f"/o/{halden.organisation.slug}/assessments/{halden.assessment}"
    assert str(one["url"]) == f"{base}{path}"
    assert str(one["uid"]).startswith(f"assessment-{halden.assessment}-{halden.organisation.id}@")
    (theirs,) = found(read(app, made(database, halden.company[CompanyRole.OWNER])))
    assert str(theirs["summary"]).endswith(", Halden")
    assert f"/c/{halden.company.slug}/assessments/{halden.assessment}" in str(theirs["url"])
    assert found(read(app, made(database, halden.company[CompanyRole.CONTRIBUTOR]))) == []


def test_reading_is_on_record_at_each_place_the_first_time_of_a_day(
    app: Portal, database: Database, halden: Issued
) -> None:
    who = halden.organisation[OrganisationRole.CISO]
    path = made(database, who)
    for _ in range(3):
        read(app, path)
    with database.looking(SYSTEM) as session:
        events = session.scalars(select(Event).where(Event.kind == Kind.FEED_READ.value)).all()
    assert [(one.organisation_id, one.actor_id) for one in events] == [
        (halden.organisation.id, who.person.id)
    ]


def test_where_more_is_asked_of_who_signs_in_dates_have_no_names(
    app: Portal, database: Database, halden: Issued
) -> None:
    place = halden.organisation
    path = made(database, place[OrganisationRole.CISO])
    own = SsoConnection(
        organisation_id=place.id, issuer="https://id.example", known_as="x", secret=b"x", state="on",
        proposed_by=place[OrganisationRole.CISO].person.id,
        approved_by=place[OrganisationRole.ADMIN].person.id, since=NOW, groups_claim="groups", roles={},
        default_role="", trusts_factor=False, creates=False, required=True,
    )  # fmt: skip
    for demand in ("factor", "provider"):
        with database.transaction() as session:
            if demand == "provider":
                session.add(own)
            statement = update(Organisation).where(Organisation.id == place.id)
            session.execute(statement.values(second_factor=demand == "factor"))
            record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
        answer = read(app, path)
        (one,) = found(answer)
        assert str(one["summary"]) == "A date at Halden"
        assert one.decoded("dtstart") == DUE
        assert "assessment" not in words(answer)
        assert "Fennmark" not in words(answer)
    (theirs,) = found(read(app, made(database, halden.company[CompanyRole.OWNER])))
    assert str(theirs["summary"]).endswith(", Halden")  # whoever answers has rules of their own


def test_dates_without_names_are_told_apart_though_they_are_of_one_thing(
    app: Portal, database: Database, halden: Issued
) -> None:
    """A next assessment that could not be opened is due on a day, and stuck since another."""
    place = halden.organisation
    submit(database, halden)
    with database.transaction() as session:
        session.execute(
            update(Reassessment).values(
                due=DUE, hindered="no_contact", hindered_on=clock.local_date(clock.now(), "UTC")
            )
        )
        session.execute(update(Organisation).where(Organisation.id == place.id).values(second_factor=True))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    uids = [str(one["uid"]) for one in found(read(app, made(database, place[OrganisationRole.CISO])))]
    assert len(set(uids)) == len(uids) >= 2


def test_who_belongs_to_both_sides_has_an_item_of_each(
    app: Portal, database: Database, halden: Issued
) -> None:
    """Programs keep one of two items with one name."""
    owner = halden.company[CompanyRole.OWNER]
    with database.transaction() as session:
        there = session.get_one(Organisation, halden.organisation.id)
        organisations.add_member(session, there, owner.person.id, OrganisationRole.CISO, now=NOW, actor=None)
    both = found(read(app, made(database, owner)))
    assert sorted(str(one["summary"]).rpartition(", ")[2] for one in both) == ["Fennmark", "Halden"]
    assert len({str(one["uid"]) for one in both}) == 2


def test_who_has_left_or_is_gone_reads_nothing(
    app: Portal, database: Database, settings: Settings, halden: Issued
) -> None:
    place = halden.organisation
    admin, ciso = place[OrganisationRole.ADMIN], place[OrganisationRole.CISO]
    other = make_organisation(database, settings, "Orrin")
    with database.transaction() as session:
        there = session.get_one(Organisation, other.id)
        organisations.add_member(session, there, ciso.person.id, OrganisationRole.CISO, now=NOW, actor=None)
    everywhere, here = made(database, ciso), made(database, ciso, place.id)
    assert len(found(read(app, everywhere))) == len(found(read(app, here))) == 1
    with database.transaction(admin.scope) as session:
        organisations.remove(session, admin, ciso.person.id, now=clock.now())
    assert found(read(app, everywhere)) == []
    assert read(app, here).status_code == 404
    with database.transaction() as session:
        there = session.get_one(Organisation, place.id)
        organisations.add_member(
            session, there, ciso.person.id, OrganisationRole.AUDITOR, now=clock.now(), actor=None
        )
    assert read(app, here).status_code == 404  # who has it since they left reads nothing by it
    with database.transaction() as session:
        people.erase(session, ciso.person.id, now=clock.now())
    assert read(app, everywhere).status_code == 404
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(CalendarFeed)).all() == []


def test_a_business_owner_who_hands_over_reads_nothing_of_it_any_more(
    app: Portal, database: Database, halden: Issued
) -> None:
    owner = halden.organisation[OrganisationRole.BUSINESS_OWNER]
    path = made(database, owner)
    assert found(read(app, path)) == []

    def hand_to(person: uuid.UUID | None) -> None:
        with database.transaction() as session:
            session.execute(update(Engagement).values(business_owner_id=person))
            record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)

    hand_to(owner.person.id)
    assert len(found(read(app, path))) == 2  # the answers, and that the engagement is theirs now
    hand_to(None)
    assert found(read(app, path)) == []


def test_nobody_revokes_or_sees_the_address_of_another(
    app: Portal, database: Database, halden: Issued
) -> None:
    made(database, halden.organisation[OrganisationRole.CISO])
    with database.looking(SYSTEM) as session:
        row = session.scalars(select(CalendarFeed)).one()
    browser = signed_in(app, halden.organisation[OrganisationRole.ADMIN])
    assert browser.post(f"/account/calendar/{row.id}/revoke").status_code == 404
    assert row.hint not in browser.get("/account/calendar").text
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(CalendarFeed.revoked_at)).one() is None


def test_there_are_five_at_most_and_a_reset_by_letter_ends_them(
    app: Portal, database: Database, halden: Issued
) -> None:
    who = halden.organisation[OrganisationRole.CISO]
    paths = [made(database, who) for _ in range(feeds.MOST)]
    browser = signed_in(app, who)
    sent = {"id": str(uuid.uuid4()), "name": "One more", "place": "", "current": PASSWORD}
    assert browser.post("/account/calendar", sent).status_code == 409
    strange = sent | {"place": str(uuid.uuid4())}
    assert browser.post("/account/calendar", strange).status_code == 422
    with database.transaction() as session:
        row = session.get_one(PersonRow, who.person.id)
        token = resets.start_reset(session, row, now=clock.now())
    anybody = Browser(app.test_client())
    page = f"/reset/{token}"
    answer = anybody.post(page, page=page, password="five other unrelated words")
    assert answer.status_code == 303, answer.text
    assert {read(app, path).status_code for path in paths} == {404}


def test_no_address_comes_back_with_a_backup(app: Portal, database: Database, halden: Issued) -> None:
    """One that was revoked since the backup would work again."""
    path = made(database, halden.organisation[OrganisationRole.CISO])
    restoring.settle(database, now=clock.now())
    assert read(app, path).status_code == 404


def test_an_address_that_is_asked_without_end_waits_and_others_do_not(
    app: Portal, database: Database, halden: Issued
) -> None:
    first, second = (made(database, halden.organisation[OrganisationRole.CISO]) for _ in range(2))
    with database.looking() as session:
        feed = feeds.by_token(session, first.split("/")[2].removesuffix(".ics")).feed.id
    assert read(app, first).status_code == 200
    soon = clock.now() + timedelta(
        hours=1
    )  # what one may ask comes back with time, and this test may take some
    asked = [pace.take(feed, soon, burst=BURST, a_second=A_SECOND) for _ in range(61)]
    assert asked == [True] * 60 + [False]
    answer = read(app, first)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3600"
    assert read(app, second).status_code == 200


def test_a_log_holds_no_token(app: Portal, database: Database, halden: Issued) -> None:
    path = made(database, halden.organisation[OrganisationRole.CISO])
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        logs.configure("json", stream)
        read(app, path)
        logging.getLogger("portal.test").info("somebody asked for %s", path)
    finally:
        root.handlers[:], root.level = before, level
    assert "/calendar/<token>.ics" in stream.getvalue()
    assert path.split("/")[2].removesuffix(".ics") not in stream.getvalue()


def test_of_many_the_nearest_are_held_in_as_many_statements(
    app: Portal,
    database: Database,
    settings: Settings,
    halden: Issued,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "MOST_ITEMS", 2)
    path = made(database, halden.organisation[OrganisationRole.CISO])
    read(app, path)  # the first of the day writes

    def asked() -> tuple[int, list[object]]:
        seen: list[str] = []

        def note(*given: object) -> None:
            seen.append(str(given[2]))

        for engine in (database.engine, database.reading):
            event.listen(engine, "before_cursor_execute", note)
        try:
            days = [one.decoded("dtstart") for one in found(read(app, path))]
        finally:
            for engine in (database.engine, database.reading):
                event.remove(engine, "before_cursor_execute", note)
        return len(seen), days

    few, days = asked()
    assert days == [DUE]
    for letter, number in (("a", 3), ("b", -5), ("c", 90)):
        company = make_company(database, settings, f"Quarry {letter}")
        another = journey.issue(database, halden.organisation, company, vendor_name=company.name)
        put_off(database, another.assessment, DUE + timedelta(days=number - 20))
    assert "Only the 2 dates that are nearest" in words(read(app, path))
    many, days = asked()
    assert days == [DUE - timedelta(days=25), DUE - timedelta(days=17)]
    assert many <= few


def test_it_holds_what_the_calendar_shows_to_each_person_and_nothing_of_others(
    app: Portal, database: Database, scene: Scene
) -> None:
    wrong, held = [], 0
    for place in scene.places.values():
        for who in place.people.values():
            answer = read(app, made(database, who))
            text = words(answer).lower()
            wrong += [(place.name, word) for word in scene.forbidden(place) if word in text]
            held += len(found(answer))
    assert wrong == []
    assert held > 0
