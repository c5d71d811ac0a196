"""Browsers that are signed in, the history, another name, another address."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from portal import clock
from portal.access import CompanyRole, OrganisationRole, Person
from portal.accounts import addresses, resets, sessions
from portal.accounts.models import AddressChange, LoginSession, PersonRow
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.faults import Conflict
from portal.organisations.history import KINDS
from portal.organisations.history_views import WORDS
from portal.settings import Settings
from portal.web import Portal
from tests.portal.accounts.given import letters, path_in
from tests.portal.world import NOW, PASSWORD, Browser, make_company, make_organisation, make_person, signed_in


@pytest.fixture
def ada(database: Database, settings: Settings) -> Person:
    return make_person(database, settings, "Ada", "ada@x.example")


# --------------------------------------------------------------------------------------------------- sessions


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
            "Firefox on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.1 Safari/605.1.15",
            "Safari on a Mac",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.1 Mobile/15E148 Safari/604.1",
            "Safari on an iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
            "Safari/537.36 Edg/131.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile "
            "Safari/537.36",
            "Chrome on Android",
        ),
        ("", "An unknown browser"),
        ("<script>alert(1)</script>", "An unknown browser"),
        ("X" * 5000, "An unknown browser"),
    ],
)
def test_a_browser_in_words(agent: str, words: str) -> None:
    assert sessions.words_of(agent) == words


def test_the_list_of_browsers_signs_one_out_and_all_others(
    app: Portal, database: Database, ada: Person
) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
    phone = app.test_client()
    page = phone.get("/sign-in")
    token = re.search(r'csrf_token" value="(\w+)"', page.text)
    assert token is not None
    form = {"csrf_token": token.group(1), "email": ada.email, "password": PASSWORD}
    phone.post("/sign-in", data=form, headers={"User-Agent": firefox + "\x7f" * 2 + "y" * 900})
    here, third = Browser(app.test_client(), ada.email), Browser(app.test_client(), ada.email)
    shown = here.get("/account/sessions")
    assert "Firefox on Linux" in shown.text
    assert shown.text.count("This browser") == 1
    assert "127.0.0.1" in shown.text
    row = re.search(r"Firefox on Linux</th>.*?/account/sessions/([0-9a-f-]{36})/end", shown.text, re.DOTALL)
    assert row is not None
    path = f"/account/sessions/{row.group(1)}/end"
    assert [here.post(path).status_code for _ in range(2)] == [303, 303]  # a second press
    assert phone.get("/account").status_code == 303
    assert here.post("/account/sessions/end-others").status_code == 303
    assert third.get("/account").status_code == 303
    assert here.get("/account").status_code == 200
    mine = re.search(r"/account/sessions/([0-9a-f-]{36})/end", here.get("/account/sessions").text)
    assert mine is not None
    assert here.post(f"/account/sessions/{mine.group(1)}/end").headers["Location"] == "/"
    assert here.get("/account").status_code == 303


def test_nobody_signs_out_anothers_browser(
    app: Portal, database: Database, settings: Settings, ada: Person
) -> None:
    other = make_person(database, settings, "Eve", "eve@x.example")
    theirs = Browser(app.test_client(), ada.email)
    with database.looking(SYSTEM) as session:
        target = session.scalars(select(LoginSession.id)).one()
    assert Browser(app.test_client(), other.email).post(f"/account/sessions/{target}/end").status_code == 404
    assert theirs.get("/account").status_code == 200


# ---------------------------------------------------------------------------------------------------- history


def test_every_kind_of_ones_history_has_words() -> None:
    assert set(WORDS) == set(KINDS)


@pytest.mark.both_databases
def test_ones_history_holds_ones_own_events_only_and_is_paged(
    app: Portal, database: Database, settings: Settings
) -> None:
    place, company = (
        make_organisation(database, settings, "Halden"),
        make_company(database, settings, "Cedar"),
    )
    who = place[OrganisationRole.CISO].person
    for _ in range(30):
        browser = signed_in(app, place[OrganisationRole.CISO])
    Browser(app.test_client()).post("/sign-in", page="/sign-in", email=who.email, password="a wrong guess")
    admin = signed_in(app, place[OrganisationRole.ADMIN])
    admin.post(f"/o/{place.slug}/members/{who.id}/remove")
    first, last = browser.get("/account/history"), browser.get("/account/history?page=2")
    assert "Removed from Halden" in first.text
    assert "A wrong password was given" in first.text
    assert "Joined Halden" in last.text
    assert "Cedar" not in first.text + last.text
    assert company.name
    fresh = signed_in(app, company[CompanyRole.OWNER]).get("/account/history").text
    assert "Joined Cedar" in fresh
    assert "wrong password" not in fresh


# ------------------------------------------------------------------------------------------- name and address


def test_a_name_is_changed_and_a_web_address_is_none(app: Portal, database: Database, ada: Person) -> None:
    browser = Browser(app.test_client(), ada.email)
    assert browser.post("/account/name", name="Ada Lovelace").status_code == 303
    assert "Ada Lovelace" in browser.get("/account").text
    refused = browser.post("/account/name", name="www.evil.example/x")
    assert refused.status_code == 422
    assert "www.evil.example/x" in refused.text


def ask(browser: Browser, address: str, password: str = PASSWORD) -> int:
    path = "/account/address"
    return browser.post(path, page=path, email=address, current=password).status_code


def test_an_address_changes_when_its_mailbox_confirms_after_five_looks(
    app: Portal, database: Database, settings: Settings, ada: Person
) -> None:
    browser = Browser(app.test_client(), ada.email)
    assert ask(browser, "ada@new.example", "not mine") == 422
    assert letters(database, "address_confirm") == []
    assert ask(browser, "Ada@new.example") == 303
    assert "Ada@new.example" in browser.get("/account").text
    reset = Browser(app.test_client())
    reset.post("/forgot", page="/forgot", email=ada.email)
    link = path_in(letters(database, "password_reset")[0], "/reset/")
    path = path_in(letters(database, "address_confirm")[0], "/account/address/confirm/")
    stranger = Browser(app.test_client())
    for _ in range(5):
        assert stranger.get(path).headers["Location"].startswith("/sign-in?next=")  # a mail scanner
        assert browser.get(path).status_code == 200
    assert signed_in_as(app, database, settings, "eve@x.example").get(path).status_code == 404
    assert browser.post(path, page=path).status_code == 303
    assert browser.get(path).status_code == 404
    assert Browser(app.test_client(), "ada@NEW.example").get("/account").status_code == 200
    assert reset.get(link).status_code == 404  # went to the old mailbox
    told = letters(database, "address_changed")
    assert [one.recipient for one in told] == [ada.email]
    assert "ada@new.example" not in told[0].text.casefold()


def signed_in_as(app: Portal, database: Database, settings: Settings, address: str) -> Browser:
    make_person(database, settings, "Eve", address)
    return Browser(app.test_client(), address)


def test_the_old_mailbox_stops_it_without_signing_in(app: Portal, database: Database, ada: Person) -> None:
    browser = Browser(app.test_client(), ada.email)
    ask(browser, "thief@new.example")
    old = letters(database, "address_stop")[0]
    assert old.recipient == ada.email
    assert "thief" not in old.text
    path = path_in(old, "/account/address/stop/")
    owner = Browser(app.test_client())
    for wrong in (path[:-1] + ("0" if path[-1] != "0" else "1"), path[:-32] + "0" * 32, path + "0"):
        assert owner.get(wrong).status_code == 404
    for _ in range(5):
        assert owner.get(path).status_code == 200
    assert owner.post(path, page=path).status_code == 303
    assert owner.get(path).status_code == 404
    confirm = path_in(letters(database, "address_confirm")[0], "/account/address/confirm/")
    assert browser.get(confirm).status_code == 404
    assert browser.get("/account").status_code == 200


def test_nothing_reveals_whether_the_new_address_has_an_account(
    app: Portal, database: Database, settings: Settings, ada: Person
) -> None:
    make_person(database, settings, "Taken", "taken@x.example")
    browser = Browser(app.test_client(), ada.email)
    pages = []
    for address in ("taken@x.example", "empty@x.example"):
        assert ask(browser, address) == 303
        pages.append(browser.get("/account").text.replace(address, "@"))
    pages = [re.sub(r"\d\d:\d\d|[0-9a-f]{64}", "", one) for one in pages]
    assert pages[0] == pages[1]
    assert [one.recipient for one in letters(database, "address_stop")] == [ada.email] * 2
    taken = letters(database, "address_taken")
    assert [one.recipient for one in taken] == ["taken@x.example"]
    assert "Ada" not in taken[0].text
    assert "ada@x.example" not in taken[0].text


@pytest.mark.both_databases
def test_an_address_that_gets_an_account_meanwhile_is_a_conflict(
    database: Database, settings: Settings, ada: Person
) -> None:
    with database.transaction() as session:
        addresses.ask(session, settings, ada, "late@x.example", now=NOW)
    path = path_in(letters(database, "address_confirm")[0], "/account/address/confirm/")
    make_person(database, settings, "Late", "late@x.example")
    token = path.rsplit("/", 1)[1]
    with pytest.raises(Conflict), database.transaction() as session:
        addresses.confirm(session, ada, token, now=NOW)
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(AddressChange.used_at)).one() is None
        assert session.get_one(PersonRow, ada.id).email == "ada@x.example"


def test_a_newer_change_a_withdrawal_and_time_end_a_link(
    app: Portal, database: Database, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(app.test_client(), ada.email)
    paths = []
    for name in ("one", "two", "three"):
        ask(browser, f"{name}@new.example")
        paths.append(path_in(letters(database, "address_confirm")[-1], "/account/address/confirm/"))
    assert [browser.get(path).status_code for path in paths] == [404, 404, 200]
    assert browser.post("/account/address/withdraw").status_code == 303
    assert browser.get(paths[2]).status_code == 404
    ask(browser, "four@new.example")
    path = path_in(letters(database, "address_confirm")[-1], "/account/address/confirm/")
    later = clock.now() + addresses.LASTS + timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert Browser(app.test_client(), ada.email).get(path).status_code == 404


def test_an_invitation_to_the_old_address_is_not_taken_along(
    app: Portal, database: Database, settings: Settings, ada: Person
) -> None:
    place = make_organisation(database, settings, "Halden")
    admin = signed_in(app, place[OrganisationRole.ADMIN])
    page = f"/o/{place.slug}/members"
    admin.post(f"{page}/invite", page=page, name="Ada", email=ada.email, role="auditor")
    invitation = path_in(letters(database, "invitation_organisation")[0], "/invitations/")
    browser = Browser(app.test_client(), ada.email)
    assert "Accept the invitation" in browser.get(invitation).text
    ask(browser, "ada@new.example")
    path = path_in(letters(database, "address_confirm")[0], "/account/address/confirm/")
    browser.post(path, page=path)
    assert "for another address" in browser.get(invitation).text
    browser.post(invitation, page="/account")
    assert browser.get(page).status_code == 404


# --------------------------------------------------------------------------------------------- small left-overs


def test_asking_for_a_reset_does_the_same_work_for_nobody(database: Database, ada: Person) -> None:
    from sqlalchemy import event

    counted = {}
    for address in (ada.email, "nobody@nowhere.example"):
        seen: list[str] = []

        def note(*given: object, seen: list[str] = seen) -> None:
            seen.append(str(given[2]).split()[0])

        event.listen(database.engine, "before_cursor_execute", note)
        with database.transaction() as session:
            resets.ask_reset(session, address, now=NOW)
        event.remove(database.engine, "before_cursor_execute", note)
        counted[address] = sorted(one for one in seen if one in ("INSERT", "UPDATE", "SELECT"))
    known, unknown = counted.values()
    assert abs(len(known) - len(unknown)) <= 1
    assert len(letters(database, "password_reset")) == 1
    with database.looking(SYSTEM) as session:
        asked = session.scalars(select(Event).where(Event.kind == "person.password_reset_asked")).all()
        assert {one.actor_id for one in asked} == {ada.id, None}
        assert session.execute(text("SELECT count(*) FROM password_reset")).scalar_one() == 1
