"""What hostile vendors, wrong clocks and full disks tried: limits, addresses, letters, and reading while busy."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Request

from portal import clock, db, db_faults, frame, outbox, web
from portal.access import CompanyRole, OrganisationRole
from portal.accounts import resets, throttles
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession
from portal.db import SYSTEM, Database
from portal.faults import Throttled, Unavailable
from portal.mail import mime
from portal.organisations import invitations
from portal.organisations.models import Invitation
from portal.settings import Settings
from portal.web import Portal
from tests.portal.world import NOW, PASSWORD, Browser, Place, make_company, make_organisation, signed_in


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def northwind(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Northwind")


def sign_in(browser: Browser, address: str, password: str) -> int:
    return browser.post("/sign-in", page="/sign-in", email=address, password=password).status_code


# ------------------------------------------------------------------------------------------------------- throttles


def test_ones_own_account_does_not_reset_the_count_of_guesses_at_others(
    app: Portal, halden: Place, northwind: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttles, "PER_CLIENT", 6)
    browser = Browser(app.test_client())
    for victim in ("admin", "ciso", "reviewer"):
        assert sign_in(browser, f"{victim}@halden.example", "spring 2026 guess") == 422
    assert sign_in(Browser(app.test_client()), "owner@northwind.example", PASSWORD) == 303
    for victim in ("auditor", "procurement", "admin"):
        assert sign_in(browser, f"{victim}@halden.example", "autumn 2026 guess") == 422
    assert sign_in(browser, "ciso@halden.example", "autumn 2026 guess") == 429


def test_a_new_password_ends_the_wait_that_somebody_elses_guesses_began(
    app: Portal, database: Database, halden: Place
) -> None:
    person = halden[OrganisationRole.CISO].person
    for _ in range(throttles.PER_ADDRESS):
        sign_in(Browser(app.test_client()), person.email, "a guess of theirs")
    assert sign_in(Browser(app.test_client()), person.email, PASSWORD) == 429
    with database.transaction() as session:
        row = accounts.person_by_address(session, person.email)
        assert row is not None
        token = resets.start_reset(session, row, now=clock.now())
    browser = Browser(app.test_client())
    path = f"/reset/{token}"
    assert browser.post(path, page=path, password="another four words here").status_code == 303
    assert sign_in(browser, person.email, "another four words here") == 303


@pytest.mark.both_databases
def test_a_clock_that_was_put_back_locks_nobody_out(database: Database) -> None:
    keys = throttles.throttle_keys("sign-in", "ada@x.example", "192.0.2.7")
    wrong = NOW + timedelta(days=400)
    for _ in range(throttles.PER_ADDRESS):
        with database.transaction() as session:
            throttles.count_attempt(session, keys, now=wrong)
    with database.looking() as session:
        with pytest.raises(Throttled):
            throttles.check_throttle(session, keys, now=wrong)
        throttles.check_throttle(session, keys, now=NOW)
    for _ in range(throttles.PER_ADDRESS):
        with database.transaction() as session:
            throttles.check_throttle(session, keys, now=NOW)
            throttles.count_attempt(session, keys, now=NOW)
    with database.looking() as session, pytest.raises(Throttled):
        throttles.check_throttle(session, keys, now=NOW)


# ------------------------------------------------------------------------------------------- letters and addresses


def test_a_company_cannot_write_to_the_world(
    app: Portal, database: Database, northwind: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "FROM_COMPANY", 12)
    monkeypatch.setattr(invitations, "SAME_PRESS", timedelta(0))
    owner = signed_in(app, northwind[CompanyRole.OWNER])
    path, token = f"/c/{northwind.slug}/team/invite", owner.token()

    def invite(address: str) -> Any:
        fields = {"csrf_token": token, "name": "Ada", "email": address, "role": "contributor"}
        return owner.client.post(path, data=fields)

    for _ in range(invitations.TO_ONE_ADDRESS):
        assert invite("victim@x.example").status_code == 303
    refused = invite("Victim@x.example")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "86400"
    assert invite("second@x.example").status_code == 303
    assert invite("third@x.example").status_code == 303
    assert invite("fourth@x.example").status_code == 429
    with database.looking(SYSTEM) as session:
        assert len(list(session.scalars(select(outbox.Message)))) == 12


@pytest.mark.parametrize(
    "name",
    [
        "Your account is locked: https://evil.example/unlock",
        "Open //evil.example",
        "WWW.evil.example",
        "Sign in at evil.example/now",
    ],
)
def test_a_name_is_no_place_for_a_link(app: Portal, database: Database, northwind: Place, name: str) -> None:
    owner = signed_in(app, northwind[CompanyRole.OWNER])
    answer = owner.post(
        f"/c/{northwind.slug}/team/invite", name=name, email="victim@x.example", role="contributor"
    )
    assert answer.status_code == 422
    assert "Leave out web addresses" in answer.text
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(outbox.Message)).first() is None


@pytest.mark.parametrize(
    "name", ["A. Smith-Jones Jr.", "booking.com", "Straße & Söhne GmbH / Wien", "AT&T Inc."]
)
def test_names_that_people_and_companies_have_are_taken(app: Portal, northwind: Place, name: str) -> None:
    owner = signed_in(app, northwind[CompanyRole.OWNER])
    answer = owner.post(
        f"/c/{northwind.slug}/team/invite", name=name, email="ada@x.example", role="contributor"
    )
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "address", ["jörg@x.example", "\uff4bim@x.example", "a@b@x.example", "a\r\nBcc: b@x.example"]
)
def test_an_address_that_not_every_server_takes_is_refused_where_it_is_typed(
    app: Portal, northwind: Place, address: str
) -> None:
    owner = signed_in(app, northwind[CompanyRole.OWNER])
    answer = owner.post(f"/c/{northwind.slug}/team/invite", name="J", email=address, role="contributor")
    assert answer.status_code == 422


def test_two_domains_that_fold_alike_stay_two_addresses(
    app: Portal, database: Database, settings: Settings, northwind: Place
) -> None:
    """Who owns straße.example must not get an account for the same name at strasse.example."""
    owner = signed_in(app, northwind[CompanyRole.OWNER])
    answer = owner.post(
        f"/c/{northwind.slug}/team/invite", name="Jo", email="jo@straße.example", role="contributor"
    )
    assert answer.status_code == 303
    with database.looking(SYSTEM) as session:
        invitation = session.scalars(select(Invitation)).one()
        letter = session.scalars(select(outbox.Message)).one()
    assert invitation.email == letter.recipient == "jo@xn--strae-oqa.example"
    assert "jo@xn--strae-oqa.example" in bytes(mime(settings, outbox.outgoing(letter))).decode()


# ------------------------------------------------------------------------------------------- a busy or full database


@pytest.mark.sqlite_itself
def test_reading_goes_on_while_the_database_is_busy(
    app: Portal, database: Database, halden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "BUSY_SECONDS", 0)
    admin = signed_in(app, halden[OrganisationRole.ADMIN], now=clock.now() - timedelta(hours=1))
    app.database.dispose()
    app.database.__init__(str(app.settings.database_url), app.settings.base_url)  # type: ignore[misc]  # with no patience
    other = sqlite3.connect(str(database.engine.url.database), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        page = admin.get(f"/o/{halden.slug}/members")  # would note the session's last use
        assert page.status_code == 200
        write = admin.client.post(
            f"/o/{halden.slug}/vendors/new",
            data={"csrf_token": admin.token(), "name": "Typed by hand"},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        assert write.status_code == 503
        assert 'value="Typed by hand"' in write.text
        refused = admin.client.post(f"/o/{halden.slug}/members/invite", data={"csrf_token": "stale"})
        assert refused.status_code == 400
    finally:
        other.close()
    assert admin.get("/account").status_code == 200
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(LoginSession.seen_at)).one() > clock.now() - timedelta(minutes=1)


@pytest.mark.parametrize("words", ["database or disk is full", "No space left on device", "disk I/O error"])
def test_a_full_disk_is_said_and_gives_back_what_was_typed(
    app: Portal, halden: Place, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    admin = signed_in(app, halden[OrganisationRole.ADMIN])
    token = admin.token()

    def full(session: Any) -> None:
        db_faults.refuse_if_busy(sqlite3.OperationalError(words))
        raise AssertionError("not taken for a full disk")

    monkeypatch.setattr(db, "_commit", full)
    answer = admin.client.post(
        f"/o/{halden.slug}/vendors/new",
        data={"csrf_token": token, "name": "Typed by hand", "country": ""},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 503
    assert "cannot store anything" in answer.text
    assert 'value="Typed by hand"' in answer.text


@pytest.mark.parametrize("fault", [Unavailable("busy"), OperationalError("SELECT", {}, Exception("gone"))])
def test_the_page_that_says_that_the_database_is_gone_does_without_it(
    app: Portal, halden: Place, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    admin = signed_in(app, halden[OrganisationRole.ADMIN])

    def gone(*args: Any) -> Any:
        raise fault

    monkeypatch.setattr(frame, "_tenants", gone)
    monkeypatch.setattr(web, "db", gone)
    app.testing = False
    answer = admin.get(f"/o/{halden.slug}/members")
    assert answer.status_code in (500, 503)
    assert "<h1>" in answer.text


# ------------------------------------------------------------------------------------------------ bodies and clocks


@pytest.mark.parametrize("field", ["a", "a=1", "%41=%42"])
@pytest.mark.parametrize("path", ["/sign-in", "/o/nowhere/members/invite"])
def test_a_million_fields_are_refused_before_they_are_parsed(
    app: Portal, monkeypatch: pytest.MonkeyPatch, path: str, field: str
) -> None:
    """Two megabytes of them took eight seconds, from anybody."""
    monkeypatch.setattr(Request, "_load_form_data", lambda request: pytest.fail("parsed"))
    body = f"{field}&" * (web.LARGEST_BODY // (len(field) + 1))
    answer = app.test_client().post(path, data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413


@pytest.mark.parametrize("state", ["queued", "failed", "sending"])
@pytest.mark.both_databases
def test_a_letter_of_a_clock_that_was_wrong_does_not_wait_for_years(database: Database, state: str) -> None:
    letter = outbox.Letter("test", "ada@x.example", "Ada", "Subject", "text", "html")
    wrong = NOW + timedelta(days=400)
    with database.transaction() as session:
        outbox.queue(session, letter, now=wrong)
    if state != "queued":
        with database.transaction() as session:
            (message,) = outbox.claim(session, now=wrong)
            if state == "failed":
                assert outbox.failed(session, message, "no server", now=wrong)
    with database.transaction() as session:
        assert len(outbox.claim(session, now=NOW)) == 1
