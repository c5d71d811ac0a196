"""Passkeys: added after a proof, a whole sign-in by themselves, a second step, and nothing by a forged one."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.access import OrganisationRole, Person
from portal.accounts import factors, passkey_challenge, passkey_proof, passkeys
from portal.accounts.models import LoginSession, RecoveryCode
from portal.accounts.passkey_models import Passkey, SpentChallenge
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.erasure import people, retention
from portal.faults import Invalid
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.web import Portal
from tests.portal.accounts.authenticator import BACKED, PRESENT, VERIFIED, Authenticator, coded, decoded
from tests.portal.accounts.given import code_now, give_factor, half_signed_in, letters
from tests.portal.once import made_once
from tests.portal.world import NOW, PASSWORD, Browser, make_organisation, make_person

PAGE = "/account/passkeys"


@pytest.fixture
@made_once
def ada(database: Database, settings: Settings) -> Person:
    return make_person(database, settings, "Ada", "ada@x.example")


def options(page: str, how: str = "get") -> str:
    """What a page would have its script ask the browser for."""
    found = re.search(rf'data-passkey="{how}"[^>]* data-options="([^"]+)"', page)
    assert found is not None, page
    return html.unescape(found.group(1))


def add_page(browser: Browser) -> str:
    return browser.post(PAGE, page=PAGE, current=PASSWORD).text


def add(browser: Browser, device: Authenticator, **values: str) -> str:
    """Add a passkey by the pages; the text of the answer."""
    page = add_page(browser)
    return browser.post(
        f"{PAGE}/add", page=PAGE, attestation=device.made(options(page, "create")), **values
    ).text


def signed_in_by(app: Portal, device: Authenticator, **other: str) -> tuple[Browser, int]:
    browser = Browser(app.test_client())
    shown = device.shown(options(browser.get("/sign-in").text), **other)
    return browser, browser.post("/sign-in/passkey", page="/sign-in", assertion=shown).status_code


def kinds(database: Database) -> list[str]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Event.kind).order_by(Event.at)))


@pytest.mark.both_databases
def test_from_adding_the_first_one_to_signing_in_by_it(app: Portal, ada: Person) -> None:
    browser, other = Browser(app.test_client(), ada.email), Browser(app.test_client(), ada.email)
    assert browser.post(PAGE, page=PAGE, current="not mine").status_code == 422
    device = Authenticator(flags=PRESENT | VERIFIED | BACKED)
    shown = add(browser, device, name="My phone")
    assert len(set(re.findall(r"<li>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})</li>", shown))) == 10
    listed = browser.get(PAGE).text
    assert "My phone" in listed
    assert "backed up" in listed
    assert browser.get("/account").status_code == 200  # this browser counts as verified
    assert other.get("/account").status_code == 303  # every other one is signed out
    assert [one.subject for one in letters(app.database, "account_told")] == [
        "A passkey was added to your account"
    ]
    fresh, status = signed_in_by(app, device)
    assert status == 303
    assert fresh.get("/account").status_code == 200
    with app.database.looking(SYSTEM) as session:
        row = session.scalars(select(Passkey)).one()
        ways = session.scalars(select(LoginSession.way).where(LoginSession.verified_at.is_not(None))).all()
    assert (row.sign_count, row.used_at is not None, row.synced) == (1, True, True)
    assert sorted(ways) == ["passkey", "password"]


def test_the_page_asks_for_what_the_design_says(app: Portal, ada: Person) -> None:
    browser = Browser(app.test_client(), ada.email)
    device = Authenticator()
    asked = json.loads(options(add_page(browser), "create"))
    assert asked["rp"] == {"id": "localhost", "name": "Vendor Risk Portal"}
    assert decoded(asked["user"]["id"]) == ada.id.bytes
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["attestation"] == "none"
    add(browser, device)
    known = json.loads(options(add_page(browser), "create"))["excludeCredentials"]
    assert [one["id"] for one in known] == [coded(device.credential_id)]
    stranger = json.loads(options(Browser(app.test_client()).get("/sign-in").text))
    assert (stranger["allowCredentials"], stranger["userVerification"]) == ([], "required")


def test_no_passkey_without_the_proof_and_none_by_the_challenge_of_another_page(
    app: Portal, database: Database, ada: Person
) -> None:
    browser = Browser(app.test_client(), ada.email)
    for page in (browser.get(PAGE).text, Browser(app.test_client()).get("/sign-in").text):
        challenge = {"challenge": json.loads(options(page))["challenge"]} if "data-options" in page else {}
        wanted = {"user": {"id": coded(ada.id.bytes)}, "challenge": coded(b"x" * 56)} | challenge
        made = Authenticator().made(json.dumps(wanted))
        assert browser.post(f"{PAGE}/add", page=PAGE, attestation=made).status_code == 422
    device, asked = Authenticator(), options(add_page(browser), "create")
    made = device.made(asked)
    other = Browser(app.test_client(), ada.email)  # the same person in another session
    assert other.post(f"{PAGE}/add", page=PAGE, attestation=made).status_code == 422
    assert browser.post(f"{PAGE}/add", page=PAGE, attestation=made).status_code == 200
    assert browser.post(f"{PAGE}/add", page=PAGE, attestation=made).status_code == 422  # spent
    with database.looking(SYSTEM) as session:
        assert len(session.scalars(select(Passkey)).all()) == 1


NEW_ONES: dict[str, Callable[[Authenticator], dict[str, object]]] = {
    "another origin": lambda device: {"origin": "https://evil.example"},
    "another kind": lambda device: {"type": "webauthn.get"},
    "another host": lambda device: setattr(device, "rp_id", "evil.example") or {},
    "nobody verified": lambda device: setattr(device, "flags", PRESENT) or {},
    "nobody present": lambda device: setattr(device, "flags", VERIFIED) or {},
    "too long a name of itself": lambda device: setattr(device, "credential_id", b"x" * 1100) or {},
}


@pytest.mark.parametrize("wrong", NEW_ONES)
def test_a_forged_new_passkey_is_not_taken(app: Portal, ada: Person, wrong: str) -> None:
    browser, device = Browser(app.test_client(), ada.email), Authenticator()
    page = add_page(browser)
    other = NEW_ONES[wrong](device)
    made = device.made(options(page, "create"), **other)
    assert browser.post(f"{PAGE}/add", page=PAGE, attestation=made).status_code == 422
    assert "passkey.added" not in kinds(app.database)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "{}",
            "[]",
            "null",
            '{"response": 5}',
            "9" * 30_000,
            "[" * 9_000,
            '{"id":"é","response":{}}',
        ),
        '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"eyJjaGFsbGVuZ2UiOiJBQSJ9"}}',
    ],
)
def test_no_nonsense_is_a_defect(app: Portal, ada: Person, text: str) -> None:
    browser = Browser(app.test_client(), ada.email)
    assert browser.post(f"{PAGE}/add", page=PAGE, attestation=text).status_code == 422
    stranger = Browser(app.test_client())
    assert stranger.post("/sign-in/passkey", page="/sign-in", assertion=text).status_code == 422


# --------------------------------------------------------------------------------------------- forged assertions


@pytest.fixture
def device(app: Portal, ada: Person) -> Authenticator:
    """Ada's, added by the pages."""
    found = Authenticator()
    add(Browser(app.test_client(), ada.email), found)
    return found


FORGED: dict[str, Callable[[Authenticator], dict[str, object]]] = {
    "another origin": lambda device: {"origin": "https://evil.example"},
    "the same host by another scheme": lambda device: {"origin": "https://localhost"},
    "another kind": lambda device: {"type": "webauthn.create"},
    "another host": lambda device: setattr(device, "rp_id", "evil.example") or {},
    "nobody verified": lambda device: setattr(device, "flags", PRESENT) or {},
    "nobody present": lambda device: setattr(device, "flags", VERIFIED) or {},
    "another key": lambda device: setattr(device, "key", Authenticator().key) or {},
    "another person's handle": lambda device: setattr(device, "handle", b"x" * 16) or {},
    "a passkey that nobody has": lambda device: setattr(device, "credential_id", b"x" * 32) or {},
    "a challenge of its own": lambda device: {"challenge": coded(b"x" * 56)},
    "an empty challenge": lambda device: {"challenge": ""},
}


@pytest.mark.parametrize("wrong", FORGED)
def test_a_forged_passkey_opens_nothing(app: Portal, device: Authenticator, wrong: str) -> None:
    other = FORGED[wrong](device)
    browser, status = signed_in_by(app, device, **other)  # type: ignore[arg-type]  # parts of the client data
    assert status == 422
    assert browser.client.get_cookie("session") is None
    assert "passkey.failed" in kinds(app.database)


def test_a_challenge_serves_its_own_browser_once_and_for_five_minutes(
    app: Portal, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, other = Browser(app.test_client()), Browser(app.test_client())
    shown = device.shown(options(browser.get("/sign-in").text))
    other.get("/sign-in")
    assert other.post("/sign-in/passkey", page="/sign-in", assertion=shown).status_code == 422
    assert browser.post("/sign-in/passkey", page="/sign-in", assertion=shown).status_code == 303
    again = Browser(app.test_client())
    visit = browser.client.get_cookie("visit")
    assert visit is not None
    again.client.set_cookie("visit", visit.value)
    assert again.post("/sign-in/passkey", page="/sign-in", assertion=shown).status_code == 422  # spent
    late = Browser(app.test_client())
    shown = device.shown(options(late.get("/sign-in").text))
    token = late.token("/sign-in")
    later = clock.now() + timedelta(minutes=5, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    answer = late.client.post("/sign-in/passkey", data={"csrf_token": token, "assertion": shown})
    assert answer.status_code == 422
    shown = device.shown(options(answer.text))  # the page that says so draws a fresh one
    answer = late.client.post("/sign-in/passkey", data={"csrf_token": token, "assertion": shown})
    assert answer.status_code == 303


def test_a_count_that_does_not_grow_is_refused_and_told(app: Portal, device: Authenticator) -> None:
    device.count = 10
    assert signed_in_by(app, device)[1] == 303
    before = len(letters(app.database, "account_told"))
    device.count = 4  # as of a copy that was made earlier
    assert signed_in_by(app, device)[1] == 422
    told = letters(app.database, "account_told")
    assert len(told) == before + 1
    assert "copy" in told[-1].subject
    device.count, device.step = 11, 0
    assert signed_in_by(app, device)[1] == 422  # it stood at 11 already


def test_a_device_that_keeps_no_count_signs_in_again_and_again(app: Portal, ada: Person) -> None:
    device = Authenticator(step=0)
    add(Browser(app.test_client(), ada.email), device)
    assert [signed_in_by(app, device)[1] for _ in range(3)] == [303, 303, 303]


@pytest.mark.both_databases
def test_of_two_tabs_with_one_answer_one_gets_in(database: Database, settings: Settings, ada: Person) -> None:
    with database.transaction() as session:
        row = Passkey(
            person_id=ada.id, credential_id=b"c", public_key=b"k", sign_count=0, name="", created_at=NOW,
            synced=False, aaguid="",
        )  # fmt: skip
        session.add(row)
        session.flush()
        passkeys.failed(session, None, copied=False, now=NOW)
    challenge = passkey_challenge.make(settings, "proof", "x", now=NOW)
    results, start = [], threading.Barrier(4)

    def tab(count: int) -> None:
        start.wait()
        try:
            with database.transaction() as session:
                passkeys.use(session, row.id, count, challenge, now=NOW)
            results.append(True)
        except Invalid:
            results.append(False)

    threads = [threading.Thread(target=tab, args=(count,)) for count in range(1, 5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(results) == [False, False, False, True]


def test_challenges_hold_for_their_purpose_their_browser_and_their_key(settings: Settings) -> None:
    made = passkey_challenge.make(settings, "proof", "one", now=NOW)
    other = replace(settings, secret_key="another-k3y-for-tests-0123456789-abc")

    def holds(
        challenge: bytes = made, purpose: str = "proof", bound: str = "one", by: Settings = settings
    ) -> bool:
        return passkey_challenge.is_ours(by, challenge, purpose, bound, now=NOW)

    assert holds()
    assert not holds(purpose="add")
    assert not holds(bound="two")
    assert not holds(by=other)
    assert not holds(made[:-1])
    for at in (0, 16, 23, 24, 55):
        assert not holds(made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :])
    assert not passkey_challenge.is_ours(settings, made, "proof", "one", now=NOW + timedelta(minutes=5))


# --------------------------------------------------------------------------------- one rule of factors, no way round


def test_a_password_alone_opens_half_a_session_and_the_passkey_the_rest(
    app: Portal, ada: Person, device: Authenticator
) -> None:
    browser = half_signed_in(app, ada.email)
    assert browser.get("/account").headers["Location"].startswith("/sign-in")
    page = browser.get("/sign-in/code?next=/account/sessions").text
    known = [one["id"] for one in json.loads(options(page))["allowCredentials"]]
    assert known == [coded(device.credential_id)]
    path = "/sign-in/code/passkey"
    before = device.shown(options(Browser(app.test_client()).get("/sign-in").text))
    assert browser.post(path, page="/sign-in/code", assertion=before).status_code == 422
    shown = device.shown(options(browser.get("/sign-in/code").text))
    answer = browser.post(path, page="/sign-in/code", assertion=shown, next="/account/sessions")
    assert answer.headers["Location"] == "/account/sessions"
    assert browser.get("/account/sessions").status_code == 200


def test_the_passkey_of_somebody_else_is_no_second_step(
    app: Portal, database: Database, settings: Settings, device: Authenticator
) -> None:
    make_person(database, settings, "Bob", "bob@x.example")
    theirs = Authenticator()
    add(Browser(app.test_client(), "bob@x.example"), theirs)
    browser = half_signed_in(app, "bob@x.example")
    shown = device.shown(options(browser.get("/sign-in/code").text))
    answer = browser.post("/sign-in/code/passkey", page="/sign-in/code", assertion=shown)
    assert answer.status_code == 422
    assert browser.get("/account").status_code == 303


def test_who_stole_the_mailbox_gets_no_further_than_half(
    app: Portal, database: Database, ada: Person, device: Authenticator
) -> None:
    """A reset link sets a password; codes are set up from a whole session alone."""
    with database.transaction() as session:
        from portal.accounts import resets, service

        row = service.person_by_address(session, ada.email)
        assert row is not None
        token = resets.start_reset(session, row, now=clock.now())
    thief = Browser(app.test_client())
    assert (
        thief.post(f"/reset/{token}", page=f"/reset/{token}", password="a thief's four words").status_code
        == 303
    )
    thief.post("/sign-in", page="/sign-in", email=ada.email, password="a thief's four words")
    for path in ("/account/second-factor", PAGE, "/account/address", "/account/data"):
        assert thief.get(path).headers["Location"].startswith("/sign-in"), path
    token = thief.token("/sign-in/code")
    for path in ("/account/second-factor", PAGE, f"{PAGE}/add"):
        answer = thief.client.post(path, data={"csrf_token": token, "current": "a thief's four words"})
        assert answer.status_code == 401, path


def test_it_counts_where_an_organisation_demands_a_second_factor(
    app: Portal, database: Database, settings: Settings
) -> None:
    from tests.portal.accounts.test_factors import demand

    place = make_organisation(database, settings, "Halden")
    person = place[OrganisationRole.REVIEWER].person
    demand(database, place)
    browser = Browser(app.test_client(), person.email)
    assert browser.get(f"/o/{place.slug}/").headers["Location"].startswith("/account/second-factor")
    device = Authenticator()
    add(browser, device)
    assert browser.get(f"/o/{place.slug}/").status_code == 200
    assert signed_in_by(app, device)[0].get(f"/o/{place.slug}/").status_code == 200
    with database.looking(SYSTEM) as session:
        assert session.get_one(Organisation, place.id).second_factor


def test_a_recovery_code_lets_in_who_has_lost_the_device(app: Portal, ada: Person) -> None:
    device = Authenticator()
    shown = add(Browser(app.test_client(), ada.email), device)
    code = re.findall(r"<li>([0-9a-z-]{19})</li>", shown)[0]
    browser = half_signed_in(app, ada.email)
    assert browser.post("/sign-in/code", page="/sign-in/code", code="123456").status_code == 422
    assert browser.post("/sign-in/code", page="/sign-in/code", code=code).status_code == 303
    assert browser.get("/account").status_code == 200


def test_codes_beside_passkeys_and_each_taken_away_alone(
    app: Portal, database: Database, settings: Settings, ada: Person
) -> None:
    secret, codes = give_factor(database, settings, ada)
    browser = half_signed_in(app, ada.email)
    browser.post("/sign-in/code", page="/sign-in/code", code=code_now(secret))
    device = Authenticator()
    assert "One recovery code" not in add(browser, device)  # the ten of before stay
    with database.looking(SYSTEM) as session:
        assert len(session.scalars(select(RecoveryCode)).all()) == len(codes)
        row = session.scalars(select(Passkey.id)).one()
    path = "/account/second-factor/remove"
    shown = device.shown(options(browser.get(path).text))
    assert browser.post(path, page=path, assertion=shown).status_code == 303
    with database.looking(SYSTEM) as session:
        assert factors.standing(session, ada.id) == factors.Standing(None, 10, 1)
    path = f"{PAGE}/{row}"
    assert browser.post(f"{path}/remove", page=path, current="not mine").status_code == 422
    shown = device.shown(options(browser.get(path).text))
    assert browser.post(f"{path}/remove", page=path, assertion=shown).status_code == 303
    with database.looking(SYSTEM) as session:
        assert factors.standing(session, ada.id) == factors.Standing(None, 0, 0)
    assert signed_in_by(app, device)[1] == 422
    assert Browser(app.test_client(), ada.email).get("/account").status_code == 200


def test_a_passkey_is_proof_for_what_asks_for_password_and_code(
    app: Portal, ada: Person, device: Authenticator
) -> None:
    browser, _status = signed_in_by(app, device)
    path = "/account/address"
    shown = device.shown(options(browser.get(path).text))
    assert browser.post(path, page=path, assertion=shown, email="new@x.example").status_code == 303
    assert browser.post(path, page=path, assertion=shown, email="other@x.example").status_code == 422
    path = "/account/second-factor/codes"
    shown = device.shown(options(browser.get(path).text))
    assert browser.post(path, page=path, assertion=shown).status_code == 200
    path = "/account/data"
    shown = device.shown(options(browser.get(path).text))
    assert browser.post(path, page=path, assertion=shown, sure="y").status_code == 200
    with app.database.looking(SYSTEM) as session:
        assert session.scalars(select(Passkey)).all() == []  # erased with the person


def test_names_and_numbers_of_passkeys_have_bounds(
    app: Portal, database: Database, ada: Person, device: Authenticator
) -> None:
    browser, _status = signed_in_by(app, device)
    with database.looking(SYSTEM) as session:
        row = session.scalars(select(Passkey)).one()
    path = f"{PAGE}/{row.id}"
    assert browser.post(f"{path}/name", page=path, name="x" * 61).status_code == 422
    assert browser.post(f"{path}/name", page=path, name="<b>Ring</b>").status_code == 303
    assert "&lt;b&gt;Ring&lt;/b&gt;" in browser.get(PAGE).text
    with database.transaction() as session:
        session.add_all(
            Passkey(
                person_id=ada.id, credential_id=bytes([number]), public_key=b"k", sign_count=0, name="More",
                created_at=NOW, synced=False, aaguid="",
            )
            for number in range(passkeys.MOST - 1)
        )  # fmt: skip
        passkeys.failed(session, ada, copied=False, now=NOW)
    assert "as many passkeys" in browser.get(PAGE).text
    asked = options(browser.post(PAGE, page=PAGE, current=PASSWORD).text, "create")
    made = Authenticator().made(asked)
    assert browser.post(f"{PAGE}/add", page=PAGE, attestation=made).status_code == 422


def test_another_person_reaches_nobodys_passkeys(
    app: Portal, database: Database, settings: Settings, device: Authenticator
) -> None:
    make_person(database, settings, "Bob", "bob@x.example")
    with database.looking(SYSTEM) as session:
        row = session.scalars(select(Passkey)).one()
    browser = Browser(app.test_client(), "bob@x.example")
    token = browser.token("/account")
    assert browser.get(f"{PAGE}/{row.id}").status_code == 404
    for what in ("name", "remove"):
        values = {"csrf_token": token, "name": "Mine", "current": PASSWORD}
        assert browser.client.post(f"{PAGE}/{row.id}/{what}", data=values).status_code == 404


def test_their_own_copy_lists_them_without_keys_and_housekeeping_forgets_challenges(
    database: Database, ada: Person, device: Authenticator
) -> None:
    with database.looking(SYSTEM) as session:
        found = json.loads(people.export(session, ada.id, now=NOW))["passkeys"]
        assert [set(one) & {"credential_id", "public_key"} for one in found] == [set()]
        assert len(session.scalars(select(SpentChallenge)).all()) == 1
    retention.tidy(database, now=clock.now() + timedelta(minutes=6))
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(SpentChallenge)).all() == []


def test_a_number_is_no_place_for_passkeys_and_the_page_says_where_to_go(app: Portal, ada: Person) -> None:
    at = passkey_proof.place
    assert at("https://portal.example:8443") == passkey_proof.Place(
        "portal.example", "https://portal.example:8443"
    )
    assert at("https://portal.example", "http://evil.example") == at("https://portal.example")
    assert at("https://10.0.0.7") is None
    assert at("https://[2001:db8::1]") is None
    assert at("http://127.0.0.1:8000") is None
    assert at("http://127.0.0.1:8000", "http://localhost:8000/") == passkey_proof.Place(
        "localhost", "http://localhost:8000"
    )
    browser = Browser(app.test_client(), ada.email)
    client = browser.client
    cookie = client.get_cookie("session")
    assert cookie is not None
    client.set_cookie("session", cookie.value, domain="127.0.0.1")
    page = client.get(PAGE, base_url="http://127.0.0.1:8000").text
    assert "http://localhost:8000/account/passkeys" in page
    assert "data-options" not in page


def test_signing_in_by_passkey_hashes_no_password(
    app: Portal, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.accounts import passwords

    def never(*_given: object, **_more: object) -> None:
        raise AssertionError("argon2")

    monkeypatch.setattr(passwords, "verify_password", never)
    monkeypatch.setattr(passwords, "hash_password", never)
    assert signed_in_by(app, device)[1] == 303


def test_many_forged_ones_from_one_network_are_told_to_wait(app: Portal, device: Authenticator) -> None:
    from portal.accounts import throttles

    with app.database.transaction() as session:
        key = throttles.throttle_key("passkey", "client", throttles.network_of("127.0.0.1"))
        for _ in range(throttles.PER_CLIENT):
            throttles.count_attempt(session, {key: throttles.PER_CLIENT}, now=clock.now())
        passkeys.failed(session, None, copied=False, now=NOW)
    browser = Browser(app.test_client())
    shown = device.shown(options(browser.get("/sign-in").text))
    answer = browser.post("/sign-in/passkey", page="/sign-in", assertion=shown)
    assert answer.status_code == 422
    assert "Too many attempts" in answer.text
