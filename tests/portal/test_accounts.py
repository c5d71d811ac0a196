"""Signing in and out, sessions, throttles, resets, and what they must not reveal."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import outbox
from portal.access import OrganisationRole
from portal.accounts import service, throttles
from portal.accounts.models import LoginSession
from portal.accounts.passwords import require_sound
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.faults import Invalid, Throttled
from portal.organisations.identity import TenantResolver
from portal.settings import Settings
from portal.web import Portal
from tests.portal.world import NOW, PASSWORD, Browser, csrf_of, make_organisation, make_person


def test_right_password_opens_a_session_and_sign_out_ends_it(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    client = app.test_client()
    browser = Browser(client, "admin@halden.example")
    assert browser.get(f"/o/{place.slug}/members").status_code == 200
    assert browser.post("/sign-out").status_code == 303
    answer = browser.get(f"/o/{place.slug}/members")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("admin@halden.example", "wrong password"),
        ("nobody@halden.example", PASSWORD),
        ("admin@halden.example", " "),
    ],
)
def test_wrong_password_and_unknown_address_get_the_same_answer(
    app: Portal, database: Database, settings: Settings, address: str, password: str
) -> None:
    make_organisation(database, settings, "Halden")
    browser = Browser(app.test_client())
    answer = browser.post("/sign-in", page="/sign-in", email=address, password=password)
    assert answer.status_code == 422
    assert 'name="password" ' in answer.text or 'name="password"' in answer.text
    assert address in answer.text  # what was typed is kept
    assert password not in answer.text or password == " "


def test_the_cookie_is_http_only_lax_and_secure_with_a_host_prefix_in_production(
    https_app: Portal, database: Database, settings: Settings
) -> None:
    make_organisation(database, settings, "Halden")
    client = https_app.test_client()
    page = client.get("/sign-in", base_url="https://portal.example.com")
    assert "__Host-visit=" in page.headers["Set-Cookie"]
    assert page.headers["Strict-Transport-Security"]
    answer = client.post(
        "/sign-in",
        base_url="https://portal.example.com",
        data={"csrf_token": csrf_of(page), "email": "admin@halden.example", "password": PASSWORD},
    )
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-session="))
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


def test_a_session_token_is_kept_only_as_a_hash(app: Portal, database: Database, settings: Settings) -> None:
    person = make_person(database, settings, "Ada", "ada@x.example")
    with database.transaction() as session:
        token = service.open_session(session, person.id, now=NOW)
    with database.looking(SYSTEM) as session:
        row = session.execute(select(LoginSession)).scalar_one()
    assert row.token_hash == service.token_hash(token)
    assert token.encode() not in row.token_hash


@pytest.mark.parametrize(
    ("age", "idle", "alive"),
    [
        (timedelta(hours=1), timedelta(minutes=59), True),
        (timedelta(hours=13), timedelta(hours=11, minutes=59), True),
        (timedelta(hours=13), timedelta(hours=12), False),
        (timedelta(days=7), timedelta(minutes=1), False),
    ],
)
@pytest.mark.both_databases
def test_sessions_end_when_idle_or_old(
    database: Database, settings: Settings, age: timedelta, idle: timedelta, alive: bool
) -> None:
    person = make_person(database, settings, "Ada", "ada@x.example")
    with database.transaction() as session:
        token = service.open_session(session, person.id, now=NOW - age)
        touched = service.touch(_only(session).id, NOW - age, now=NOW - idle)
        assert touched is not None or age - idle < service.TOUCH_EVERY
        if touched:
            touched(session)
    with database.looking() as session:
        found = TenantResolver().identity(session, token, side=None, slug=None, now=NOW)
    assert (found is not None) is alive


def _only(session: service.Session) -> LoginSession:
    return session.execute(select(LoginSession)).scalar_one()


@pytest.mark.both_databases
def test_ten_failures_close_an_address_for_a_while(database: Database) -> None:
    keys = throttles.throttle_keys("sign-in", "Ada@X.example", "192.0.2.7")
    for minute in range(throttles.PER_ADDRESS):
        with database.transaction() as session:
            throttles.check_throttle(session, keys, now=NOW + timedelta(seconds=minute))
            throttles.count_attempt(session, keys, now=NOW + timedelta(seconds=minute))
    again = throttles.throttle_keys("sign-in", "ada@x.EXAMPLE", "198.51.100.1")
    with database.looking() as session, pytest.raises(Throttled) as refused:
        throttles.check_throttle(session, again, now=NOW + timedelta(minutes=1))
    assert 0 < refused.value.retry_after <= 15 * 60
    with database.looking() as session:
        throttles.check_throttle(session, again, now=NOW + timedelta(minutes=16))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::7", "2001:db8:1:2:ffff::8", True),  # one subscriber holds the whole /64
        ("2001:db8:1:2::7", "2001:db8:1:3::7", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "", True),
    ],
)
def test_a_client_is_counted_by_what_one_subscriber_holds(one: str, other: str, same: bool) -> None:
    assert (
        throttles.throttle_keys("sign-in", "a@x.example", one)
        == throttles.throttle_keys("sign-in", "a@x.example", other)
    ) is same


def test_throttled_sign_in_answers_429_even_with_the_right_password(
    app: Portal, database: Database, settings: Settings
) -> None:
    make_organisation(database, settings, "Halden")
    browser = Browser(app.test_client())
    for _ in range(throttles.PER_ADDRESS):
        browser.post("/sign-in", page="/sign-in", email="admin@halden.example", password="not the one")
    answer = browser.post("/sign-in", page="/sign-in", email="admin@halden.example", password=PASSWORD)
    assert answer.status_code == 429
    with database.looking(SYSTEM) as session:
        kinds = list(session.scalars(select(Event.kind)))
    assert kinds.count("session.sign_in_failed") == throttles.PER_ADDRESS
    assert "session.throttled" in kinds


def test_a_reset_link_works_once_only_by_post_and_ends_sessions(
    app: Portal, database: Database, settings: Settings
) -> None:
    make_organisation(database, settings, "Halden")
    signed_in = Browser(app.test_client(), "ciso@halden.example")
    browser = Browser(app.test_client())
    for address in ("ciso@halden.example", "nobody@nowhere.example"):
        answer = browser.post("/forgot", page="/forgot", email=address)
        assert answer.status_code == 200
    with database.looking(SYSTEM) as session:
        letters = list(session.scalars(select(outbox.Message)))
    assert [one.recipient for one in letters] == ["ciso@halden.example"]
    path = re.search(r"http://127\.0\.0\.1:8000(/reset/\S+)", letters[0].text)
    assert path is not None
    for _ in range(5):
        assert browser.get(path.group(1)).status_code == 200
    short = browser.post(path.group(1), page=path.group(1), password="short")
    assert short.status_code == 422
    assert browser.post(path.group(1), page=path.group(1), password="another four words").status_code == 303
    assert browser.get(path.group(1)).status_code == 404
    assert signed_in.get("/account").status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:8000@evil.example", "evil.example:8000"])
def test_a_forged_host_header_does_not_reach_the_link(
    app: Portal, database: Database, settings: Settings, host: str
) -> None:
    make_organisation(database, settings, "Halden")
    client = app.test_client()
    forged = {"X-Forwarded-Host": host, "Forwarded": f"host={host}"} | ({} if "@" in host else {"Host": host})
    page = client.get("/forgot", headers=forged)
    form = {"csrf_token": csrf_of(page), "email": "ciso@halden.example"}
    client.post("/forgot", data=form, headers=forged)
    with database.looking(SYSTEM) as session:
        letter = session.scalars(select(outbox.Message)).one()
    assert "evil" not in letter.text + letter.html
    assert "http://127.0.0.1:8000/reset/" in letter.text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/ok\nx"]
)
def test_nobody_is_sent_elsewhere_after_sign_in(
    app: Portal, database: Database, settings: Settings, target: str
) -> None:
    make_organisation(database, settings, "Halden")
    browser = Browser(app.test_client())
    answer = browser.post(
        "/sign-in", page="/sign-in", email="admin@halden.example", password=PASSWORD, next=target
    )
    assert answer.headers["Location"] == "/home"


@pytest.mark.parametrize("token", ["", "0" * 64, "x"])
def test_a_form_without_its_token_changes_nothing_and_gives_back_what_was_typed(
    app: Portal, database: Database, settings: Settings, token: str
) -> None:
    place = make_organisation(database, settings, "Halden")
    browser = Browser(app.test_client(), "admin@halden.example")
    answer = browser.client.post(
        f"/o/{place.slug}/members/invite",
        data={"csrf_token": token, "name": "Typed by hand", "email": "x@y.example"},
    )
    assert answer.status_code == 400
    assert "Typed by hand" in answer.text


def test_a_form_from_another_site_is_refused(app: Portal, database: Database, settings: Settings) -> None:
    place = make_organisation(database, settings, "Halden")
    browser = Browser(app.test_client(), "admin@halden.example")
    token = browser.token()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = browser.client.post(
            f"/o/{place.slug}/members/invite", data={"csrf_token": token}, headers=headers
        )
        assert answer.status_code == 400


def test_input_survives_an_expired_session(app: Portal, database: Database, settings: Settings) -> None:
    place = make_organisation(database, settings, "Halden")
    browser = Browser(app.test_client(), "admin@halden.example")
    token = browser.token()
    with database.transaction() as session:
        service.end_sessions(session, place[OrganisationRole.ADMIN].person.id, now=NOW)
    answer = browser.client.post(
        f"/o/{place.slug}/members/invite", data={"csrf_token": token, "name": "A long typed name"}
    )
    assert answer.status_code == 401
    assert "A long typed name" in answer.text
    as_json = browser.client.post(
        f"/o/{place.slug}/members/invite", data={"name": "x"}, headers={"Accept": "application/json"}
    )
    assert as_json.status_code == 401
    assert as_json.json["error"] == "signed_out"


@pytest.mark.parametrize(
    ("password", "sound"),
    [
        ("four unrelated words", True),
        ("x9!kQ2#vLm8$", True),
        ("short", False),
        ("password1234", False),
        ("aaaaaaaaaaaaaaaa", False),
        ("Halden Mutual", False),
        ("a" * 201, False),
        ("Iloveyou Password", False),
    ],
)
def test_what_a_password_must_be(password: str, sound: bool) -> None:
    if sound:
        require_sound(password, about=("Halden Mutual",))
    else:
        with pytest.raises(Invalid):
            require_sound(password, about=("Halden", "Mutual"))


def test_hashing_refuses_to_run_inside_a_write_transaction(database: Database, settings: Settings) -> None:
    with database.transaction(), pytest.raises(RuntimeError, match="write transaction"):
        service.hash_password(settings, PASSWORD)
