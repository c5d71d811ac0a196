"""The second factor: set up, used once, not guessed, not read from the database, taken away."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.access import CompanyRole, OrganisationRole, Person
from portal.accounts import factors, throttles
from portal.accounts.models import LoginSession, RecoveryCode, SecondFactor
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.faults import Fault, Invalid
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.web import Portal
from tests.portal.accounts.given import code_now, give_factor, half_signed_in, letters
from tests.portal.world import (
    NOW,
    PASSWORD,
    Browser,
    Place,
    make_company,
    make_organisation,
    make_person,
    signed_in,
)


@pytest.fixture
def ada(database: Database, settings: Settings) -> Person:
    return make_person(database, settings, "Ada", "ada@x.example")


def kinds(database: Database) -> list[str]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Event.kind).order_by(Event.at)))


def test_set_up_from_the_page_to_the_next_sign_in(app: Portal, database: Database, ada: Person) -> None:
    browser, other = Browser(app.test_client(), ada.email), Browser(app.test_client(), ada.email)
    page = "/account/second-factor"
    assert browser.post(page, page=page, current="not mine").status_code == 422
    assert browser.post(page, page=page, current=PASSWORD).status_code == 303
    shown = browser.get(page)
    assert "<svg" in shown.text
    assert "style=" not in shown.text
    key = re.search(r'<p class="mono key">([A-Z2-7 ]+)</p>', shown.text)
    assert key is not None
    secret = key.group(1).replace(" ", "")
    wrong = browser.post(f"{page}/confirm", page=page, code="000000")
    assert wrong.status_code == 422
    assert key.group(1) in wrong.text
    done = browser.post(f"{page}/confirm", page=page, code=code_now(secret))
    assert done.status_code == 200
    codes = re.findall(r"<li>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})</li>", done.text)
    assert len(set(codes)) == 10
    assert not set(codes) & set(re.findall(r"[0-9a-z]{4}(?:-[0-9a-z]{4}){3}", browser.get(page).text))
    assert browser.get("/account").status_code == 200  # this browser counts as verified
    assert other.get("/account").status_code == 303  # every other one is signed out
    fresh = half_signed_in(app, ada.email)
    assert fresh.get("/account").headers["Location"].startswith("/sign-in")
    answer = fresh.post("/sign-in/code", page="/sign-in/code", code=codes[3])
    assert answer.status_code == 303
    assert "are left: 9" in fresh.get("/account").text


def test_half_a_sign_in_reaches_the_second_step_and_nothing_else(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    person = place[OrganisationRole.ADMIN].person
    secret, _codes = give_factor(database, settings, person)
    browser = half_signed_in(app, person.email)
    half = browser.client.get_cookie("session")
    for path in (
        "/account",
        "/home",
        "/clients",
        f"/o/{place.slug}/",
        "/o/nowhere/",
        "/account/second-factor",
    ):
        assert browser.get(path).headers["Location"].startswith("/sign-in"), path
    assert browser.get("/sign-in?next=/account").headers["Location"] == "/sign-in/code?next=/account"
    token = browser.token("/sign-in/code")
    for path in ("/account", "/account/second-factor/remove", f"/o/{place.slug}/members/invite", "/sign-out"):
        assert browser.client.post(path, data={"csrf_token": token}).status_code == 401, path
    answer = browser.post("/sign-in/code", page="/sign-in/code", code=code_now(secret), next="/account")
    assert answer.headers["Location"] == "/account"
    assert half is not None
    assert browser.client.get_cookie("session") != half  # a new token for the whole session
    assert browser.get(f"/o/{place.slug}/").status_code == 200


def test_half_a_sign_in_can_be_left_and_lasts_a_quarter_of_an_hour(
    app: Portal, database: Database, settings: Settings, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_factor(database, settings, ada)
    browser = half_signed_in(app, ada.email)
    assert browser.post("/sign-in/leave", page="/sign-in/code").status_code == 303
    assert browser.get("/sign-in/code").headers["Location"] == "/sign-in"
    browser = half_signed_in(app, ada.email)
    later = clock.now() + timedelta(minutes=16)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert browser.get("/sign-in/code").headers["Location"] == "/sign-in"


@pytest.mark.both_databases
def test_a_code_works_once_within_one_step_either_way(
    database: Database, settings: Settings, ada: Person
) -> None:
    secret, _codes = give_factor(database, settings, ada)
    with database.transaction() as session:
        session.scalars(select(SecondFactor)).one().last_step = 0
        factors.new_recovery_codes(session, settings, ada, now=NOW)
    at = clock.now()

    def use(steps: int) -> bool:
        try:
            with database.transaction() as session:
                factors.use(session, settings, ada, code_now(secret, steps=steps), now=at)
        except Invalid:
            return False
        return True

    assert [use(-2), use(2)] == [False, False]
    assert [use(-1), use(-1)] == [True, False]
    assert [use(1), use(1)] == [True, False]
    assert use(0) is False  # older than the newest that was used


@pytest.mark.both_databases
def test_of_two_tabs_with_one_code_one_gets_in(database: Database, settings: Settings, ada: Person) -> None:
    secret, codes = give_factor(database, settings, ada)
    for code in (code_now(secret), codes[0]):
        results: list[bool] = []
        start = threading.Barrier(4)

        def tab(code: str = code, results: list[bool] = results, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                with database.transaction() as session:
                    factors.use(session, settings, ada, code, now=clock.now())
                results.append(True)
            except Fault:
                results.append(False)

        threads = [threading.Thread(target=tab) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(results) == [False, False, False, True]


def test_five_wrong_codes_close_the_second_step_even_for_the_right_one(
    app: Portal, database: Database, settings: Settings, ada: Person
) -> None:
    secret, codes = give_factor(database, settings, ada)
    for number in range(factors.PER_PERSON):
        browser = half_signed_in(app, ada.email)  # a new sign-in does not begin the count anew
        assert browser.post("/sign-in/code", page="/sign-in/code", code=f"00000{number}").status_code == 422
    browser = half_signed_in(app, ada.email)
    for code in (code_now(secret), codes[0]):
        assert browser.post("/sign-in/code", page="/sign-in/code", code=code).status_code == 429
    assert kinds(database).count("second_factor.failed") == factors.PER_PERSON
    assert "session.throttled" in kinds(database)


@pytest.mark.both_databases
def test_many_attempts_at_the_same_instant_are_all_counted(database: Database, ada: Person) -> None:
    from portal.faults import Throttled

    keys, passed = factors.throttle(ada.id), []
    start = threading.Barrier(12)

    def attempt() -> None:
        start.wait()
        try:
            with database.transaction() as session:
                throttles.claim_attempt(session, keys, now=NOW, advice="")
            passed.append(1)
        except Throttled:
            pass

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(passed) == factors.PER_PERSON


def test_neither_secret_nor_codes_stand_in_the_database(
    database: Database, settings: Settings, ada: Person
) -> None:
    secret, codes = give_factor(database, settings, ada)
    with database.looking(SYSTEM) as session:
        stored = session.scalars(select(SecondFactor)).one().secret
        hashes = [one.code_hash for one in session.scalars(select(RecoveryCode))]
    assert secret.encode() not in stored
    assert len(hashes) == 10
    from hashlib import sha256

    assert sha256(codes[0].encode()).digest() not in hashes
    other = replace(settings, secret_key="another-k3y-for-tests-0123456789-abc")
    with pytest.raises(Invalid), database.transaction() as session:  # another key: no 500, and no way in
        factors.use(session, other, ada, code_now(secret), now=clock.now())


def test_a_recovery_code_is_read_kindly_works_once_and_is_told_by_letter(
    database: Database, settings: Settings, ada: Person
) -> None:
    _secret, codes = give_factor(database, settings, ada)
    typed = codes[0].upper().replace("-", " ").replace("0", "O").replace("1", "l")
    with database.transaction() as session:
        assert factors.use(session, settings, ada, typed, now=clock.now()) == 9
    with pytest.raises(Invalid), database.transaction() as session:
        factors.use(session, settings, ada, codes[0], now=clock.now())
    told = letters(database, "account_told")
    assert [one.recipient for one in told] == [ada.email]
    assert "9." in told[0].text


def test_removing_it_and_new_codes_ask_for_password_and_code(
    app: Portal, database: Database, settings: Settings, ada: Person
) -> None:
    secret, codes = give_factor(database, settings, ada)
    browser = half_signed_in(app, ada.email)
    assert browser.post("/sign-in/code", page="/sign-in/code", code=code_now(secret)).status_code == 303
    for what in ("codes", "remove"):
        path = f"/account/second-factor/{what}"
        assert browser.get(path).status_code == 200
        assert browser.post(path, page=path, current=PASSWORD, code="123456").status_code == 422
        assert browser.post(path, page=path, current="not mine", code=codes[0]).status_code == 422
        assert browser.post(path, page=path, current=PASSWORD).status_code == 422
    made = browser.post(
        "/account/second-factor/codes", page="/account", current=PASSWORD, code=code_now(secret, steps=1)
    )
    fresh = re.findall(r"<li>([0-9a-z-]{19})</li>", made.text)
    assert len(fresh) == 10
    path = "/account/second-factor/remove"
    assert browser.post(path, page=path, current=PASSWORD, code=codes[5]).status_code == 422  # an earlier one
    assert browser.post(path, page=path, current=PASSWORD, code=fresh[0]).status_code == 303
    assert Browser(app.test_client(), ada.email).get("/account").status_code == 200
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(RecoveryCode)).all() == []


def test_a_new_password_keeps_this_browser_whole_and_the_factor_on(
    app: Portal, database: Database, settings: Settings, ada: Person
) -> None:
    secret, _codes = give_factor(database, settings, ada)
    browser = half_signed_in(app, ada.email)
    browser.post("/sign-in/code", page="/sign-in/code", code=code_now(secret))
    answer = browser.post("/account", page="/account", current=PASSWORD, password="another four words here")
    assert answer.status_code == 303
    assert browser.get("/account").status_code == 200
    with database.looking(SYSTEM) as session:
        assert factors.is_on(session, ada.id)


# --------------------------------------------------------------------------------- what an organisation demands


def demand(database: Database, place: Place) -> None:
    from portal.audit.catalogue import Kind
    from portal.audit.service import record

    with database.transaction() as session:
        row = session.scalars(select(Organisation).where(Organisation.id == place.id)).one()
        row.second_factor = True
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=row)


def test_a_member_without_one_is_led_to_set_it_up_before_anything_can_be_read(
    app: Portal, database: Database, settings: Settings
) -> None:
    place, other = (
        make_organisation(database, settings, "Halden"),
        make_organisation(database, settings, "Birch"),
    )
    company = make_company(database, settings, "Cedar")
    browser = signed_in(app, place[OrganisationRole.REVIEWER])
    token = browser.token()
    demand(database, place)
    for path in ("/", "/vendors", "/members", "/settings", "/vendors.csv"):
        answer = browser.get(f"/o/{place.slug}{path}")
        assert answer.status_code == 303, path
        assert answer.headers["Location"].startswith("/account/second-factor?for="), path
    posted = browser.client.post(
        f"/o/{place.slug}/vendors/new", data={"csrf_token": token, "name": "Typed", "current": "s3cret"}
    )
    assert posted.status_code == 403
    assert "Typed" in posted.text
    assert "s3cret" not in posted.text
    as_json = browser.client.post(
        f"/o/{place.slug}/vendors/new", data={"csrf_token": token}, headers={"Accept": "application/json"}
    )
    assert as_json.status_code == 403
    assert '"second_factor"' in as_json.text
    page = browser.get(f"/account/second-factor?for=/o/{place.slug}/vendors")
    assert page.status_code == 200
    assert place.name in page.text
    assert signed_in(app, other[OrganisationRole.REVIEWER]).get(f"/o/{place.slug}/").status_code == 404
    assert signed_in(app, company[CompanyRole.OWNER]).get(f"/c/{company.slug}/").status_code == 200
    give_factor(database, settings, place[OrganisationRole.REVIEWER].person)
    reviewer = signed_in(app, place[OrganisationRole.REVIEWER])
    assert reviewer.get(f"/o/{place.slug}/").headers["Location"].startswith("/sign-in")  # half, until a code


def test_who_demands_it_must_have_one(app: Portal, database: Database, settings: Settings) -> None:
    place = make_organisation(database, settings, "Halden")
    admin = signed_in(app, place[OrganisationRole.ADMIN])
    page = f"/o/{place.slug}/settings"
    values = {
        "revision": "1",
        "name": "Halden",
        "zone": "UTC",
        "currency": "EUR",
        "vendor_sees": "all",
        "colour": "plum",
        "second_factor": "y",
    }
    refused = admin.post(page, values, page=page)
    assert refused.status_code == 422
    assert "of your own first" in refused.text
    secret, _codes = give_factor(database, settings, place[OrganisationRole.ADMIN].person)
    admin = half_signed_in(app, place[OrganisationRole.ADMIN].person.email)
    admin.post("/sign-in/code", page="/sign-in/code", code=code_now(secret))
    assert admin.post(page, values, page=page).status_code == 303
    shown = admin.get(f"/o/{place.slug}/")
    assert 'class="top org org-plum"' in shown.text


def test_resolving_somebody_takes_one_statement(database: Database, settings: Settings) -> None:
    from sqlalchemy import event

    from portal.accounts import service
    from portal.organisations.identity import TenantResolver

    place = make_organisation(database, settings, "Halden")
    demand(database, place)
    with database.transaction() as session:
        token = service.open_session(session, place[OrganisationRole.CISO].person.id, now=clock.now())
    seen: list[str] = []
    with database.looking() as session:
        event.listen(database.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
        found = TenantResolver().identity(
            session, token, side="organisation", slug=place.slug, now=clock.now()
        )
    assert found is not None
    assert found.owes_factor
    assert len([one for one in seen if one.lstrip().upper().startswith("SELECT")]) == 1


def test_sessions_of_a_later_clock_are_over(database: Database, settings: Settings, ada: Person) -> None:
    """The clock was wrong by a day when it was opened: it would live a day too long."""
    from portal.accounts import service
    from portal.organisations.identity import TenantResolver

    with database.transaction() as session:
        tokens = {
            ahead: service.open_session(session, ada.id, now=NOW + ahead)
            for ahead in (timedelta(days=1), timedelta(minutes=6), timedelta(minutes=4), timedelta(0))
        }
    with database.looking() as session:
        alive = {
            ahead: TenantResolver().identity(session, token, side=None, slug=None, now=NOW) is not None
            for ahead, token in tokens.items()
        }
    assert list(alive.values()) == [False, False, True, True]
    with database.looking(SYSTEM) as session:
        assert len(session.scalars(select(LoginSession)).all()) == 4
