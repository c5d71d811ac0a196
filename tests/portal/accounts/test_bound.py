"""A session that an organisation's own provider opened reaches that organisation, and nothing else of the person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal import clock
from portal.access import OrganisationRole, Person
from portal.accounts import service
from portal.accounts.models import LoginSession
from portal.db import Database
from portal.organisations import service as organisations
from portal.organisations.identity import TenantResolver
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.web import Portal, mark_of
from tests.guards.test_routes import filled, routes
from tests.portal.accounts.given import code_now, give_factor
from tests.portal.accounts.test_factors import demand
from tests.portal.once import made_once
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation, signed_in

ROLE = OrganisationRole.ADMIN


@pytest.fixture
@made_once
def places(database: Database, settings: Settings) -> tuple[Place, Place, Place]:
    """Halden and Birch, both of which Halden's administrator looks after, and a company of nobody's concern."""
    halden, birch = (
        make_organisation(database, settings, "Halden"),
        make_organisation(database, settings, "Birch"),
    )
    with database.transaction() as session:
        row = session.get_one(Organisation, birch.id)
        organisations.add_member(session, row, halden[ROLE].person.id, ROLE, now=NOW, actor=None)
    return halden, birch, make_company(database, settings, "Cedar")


def open_bound(database: Database, person: Person, place: Place, *, verified: bool = True) -> str:
    """A session as the provider of ``place`` opens it; its token."""
    with database.transaction() as session:
        return service.open_session(
            session, person.id, now=clock.now(), verified=verified, way="sso", bound_to=place.id
        )


def by_provider(app: Portal, *tokens: str) -> Browser:
    browser = Browser(app.test_client())
    browser.client.set_cookie("client", ".".join(tokens))
    return browser


def test_it_reaches_its_organisation_and_is_a_stranger_on_every_other_route(
    app: Portal, places: tuple[Place, Place, Place]
) -> None:
    halden, birch, cedar = places
    browser = by_provider(app, open_bound(app.database, halden[ROLE].person, halden))
    stranger = Browser(app.test_client())
    assert browser.get(f"/o/{halden.slug}/").status_code == 200
    token, theirs = browser.token(f"/o/{halden.slug}/members"), stranger.token("/sign-in")
    visit = browser.token("/sign-in")
    wrong = []
    for name, rule, method in routes(app):
        if rule.endpoint == "static" or name in ("GET /home", "POST /sign-out") or "/api/" in name:
            continue
        place = cedar if "company" in rule.arguments else birch
        path = filled(rule, place)
        if method == "GET":
            answers = [one.client.get(path) for one in (browser, stranger)]
        elif mark_of(app, rule.endpoint, method, rule.arguments).permission is None:
            answers = [
                one.client.post(path, data={"csrf_token": given})
                for one, given in ((browser, visit), (stranger, theirs))
            ]
        else:
            answers = [
                one.client.post(path, data={"csrf_token": given})
                for one, given in ((browser, token), (stranger, theirs))
            ]
        if answers[0].status_code != answers[1].status_code or halden[ROLE].person.name in answers[0].text:
            wrong.append(f"{name}: {answers[0].status_code}, a stranger {answers[1].status_code}")
    assert wrong == []


def test_its_pages_name_no_other_place_and_no_account(
    app: Portal, places: tuple[Place, Place, Place]
) -> None:
    halden, birch, _cedar = places
    browser = by_provider(app, open_bound(app.database, halden[ROLE].person, halden))
    assert birch.name in signed_in(app, halden[ROLE]).get(f"/o/{halden.slug}/").text
    page = browser.get(f"/o/{halden.slug}/").text
    assert birch.name not in page
    assert "/account" not in page
    assert browser.get("/home").headers["Location"] == f"/o/{halden.slug}/"


def test_as_the_ordinary_cookie_it_opens_nothing_more(
    app: Portal, places: tuple[Place, Place, Place]
) -> None:
    halden, birch, _cedar = places
    browser = Browser(app.test_client())
    browser.client.set_cookie("session", open_bound(app.database, halden[ROLE].person, halden))
    assert browser.get(f"/o/{halden.slug}/").status_code == 200
    for path in (f"/o/{birch.slug}/", "/account", "/clients", "/account/data.json", "/account/passkeys"):
        assert browser.get(path).headers["Location"].startswith("/sign-in"), path
    assert "Sign out" not in browser.get("/sign-in").text


def test_beside_the_ordinary_session_each_address_finds_its_own(
    app: Portal, places: tuple[Place, Place, Place]
) -> None:
    """A virtual CISO signs in at one client by its provider and stays signed in at the others."""
    halden, birch, _cedar = places
    browser = signed_in(app, halden[ROLE])
    assert browser.get("/account").status_code == 200
    bound = open_bound(app.database, halden[ROLE].person, halden)
    gone = open_bound(app.database, halden[OrganisationRole.CISO].person, birch)  # no member of Birch
    browser.client.set_cookie("client", f"{gone}.{bound}")
    assert "/account" not in browser.get(f"/o/{halden.slug}/").text
    assert "/account" in browser.get(f"/o/{birch.slug}/").text
    assert browser.get("/account").status_code == 200
    answer = browser.client.post("/sign-out", data={"csrf_token": browser.token(f"/o/{halden.slug}/")})
    assert answer.status_code == 303
    for path in (f"/o/{halden.slug}/", f"/o/{birch.slug}/", "/account"):
        assert browser.get(path).headers["Location"].startswith("/sign-in"), path
    again = by_provider(app, bound)
    assert again.get(f"/o/{halden.slug}/").status_code == 303  # the row is over, not only the cookie


def test_where_a_second_factor_is_demanded_the_provider_has_reported_one_or_the_page_says_what_to_do(
    app: Portal, places: tuple[Place, Place, Place]
) -> None:
    halden, *_ = places
    demand(app.database, halden)
    person = halden[ROLE].person
    without = by_provider(app, open_bound(app.database, person, halden, verified=False))
    page = without.get(f"/o/{halden.slug}/vendors")
    assert page.status_code == 403
    assert "its sign-in reported none" in page.text.replace("&#39;", "'")
    told = by_provider(app, open_bound(app.database, person, halden, verified=True))
    assert told.get(f"/o/{halden.slug}/vendors").status_code == 200


@pytest.mark.both_databases
def test_it_ends_after_twelve_hours_however_busy(
    database: Database, places: tuple[Place, Place, Place]
) -> None:
    halden, *_ = places
    token = open_bound(database, halden[ROLE].person, halden)
    for hours, alive in ((11, True), (13, False)):
        later = clock.now() + timedelta(hours=hours)
        with database.transaction() as session:
            row = session.query(LoginSession).filter_by(token_hash=service.token_hash(token)).one()
            found = service.touch(row.id, row.seen_at, now=later)
            assert found is not None
            found(session)
        with database.looking() as session:
            identity = TenantResolver().identity(
                session, token, side="organisation", slug=halden.slug, now=later
            )
        assert (identity is not None) is alive
        if identity is not None:
            assert identity.bound
            assert identity.organisation is not None


def test_half_of_it_waits_for_the_second_step(
    app: Portal, settings: Settings, places: tuple[Place, Place, Place]
) -> None:
    halden, *_ = places
    person = halden[ROLE].person
    secret, _codes = give_factor(app.database, settings, person)
    browser = by_provider(app, open_bound(app.database, person, halden, verified=False))
    assert browser.get(f"/o/{halden.slug}/").headers["Location"].startswith("/sign-in")
    answer = browser.post(
        "/sign-in/code", page="/sign-in/code", code=code_now(secret), next=f"/o/{halden.slug}/"
    )
    assert answer.status_code == 303
    assert browser.get(f"/o/{halden.slug}/").status_code == 200
    assert browser.get("/account").status_code == 303
    assert browser.client.get_cookie("session") is None


def test_who_gives_up_one_second_step_stays_signed_in_at_other_clients(
    app: Portal, settings: Settings, places: tuple[Place, Place, Place]
) -> None:
    """One token of the several in the cookie goes; and the one that a second step replaces does not stay in it."""
    halden, birch, _cedar = places
    secret, _codes = give_factor(app.database, settings, halden[ROLE].person)

    def arrived() -> tuple[Browser, str, str]:
        whole = open_bound(app.database, birch[ROLE].person, birch)
        half = open_bound(app.database, halden[ROLE].person, halden, verified=False)
        browser = Browser(app.test_client())
        browser.client.set_cookie("client", f"{half}.{whole}")
        return browser, whole, half

    def held(browser: Browser) -> list[str]:
        cookie = browser.client.get_cookie("client")
        return cookie.value.split(".") if cookie is not None else []

    browser, whole, half = arrived()
    assert browser.post("/sign-in/leave", page="/sign-in/code").status_code == 303
    assert held(browser) == [whole]
    assert browser.get(f"/o/{birch.slug}/").status_code == 200
    assert browser.get(f"/o/{halden.slug}/").status_code == 303
    browser.client.set_cookie("client", half)
    assert browser.get("/sign-in/code").status_code == 303  # the row is over, not only the cookie
    browser, whole, half = arrived()
    assert browser.post("/sign-in/code", page="/sign-in/code", code=code_now(secret)).status_code == 303
    assert half not in held(browser)
    assert held(browser)[1:] == [whole]
