"""Sign-in by an organisation's provider: who comes in, as what, and no account is taken over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal import clock
from portal.access import OrganisationRole
from portal.accounts.models import LoginSession, PersonRow
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.organisations import sso, sso_way
from portal.organisations.models import OrganisationMember
from portal.organisations.sso_models import SsoConnection, SsoIdentity
from portal.organisations.sso_roles import role_for, told
from portal.settings import Settings
from tests.portal.accounts.given import code_now, give_factor, letters
from tests.portal.organisations.given_sso import (
    ADMIN,
    CISO,
    NEW,
    REVIEWER,
    World,
    provider,
    role_of,
    settings,
    why,
    world,
)
from tests.portal.world import NOW, PASSWORD, Browser, make_organisation, make_person, signed_in

__all__ = ["provider", "settings", "world"]  # fixtures


# ------------------------------------------------------------------------------------------------------ who comes in


def signed_in_by(world: World) -> list[tuple[str, object]]:
    """What the record says of whole sessions: the way, and the organisation that reads of it."""
    with world.app.database.looking(SYSTEM) as session:
        found = session.scalars(
            select(Event).where(Event.kind == "session.signed_in").order_by(Event.at, Event.id)
        )
        return [(one.data["way"], one.organisation_id) for one in found]


@pytest.mark.both_databases
def test_somebody_new_of_an_allowed_domain_gets_an_account_and_a_bound_session(world: World) -> None:
    browser, answer = world.come(**NEW)
    assert (answer.status_code, answer.headers["Location"]) == (303, world.home)
    page = browser.get(world.home)
    assert page.status_code == 200
    assert "Nora New" in page.text
    assert browser.get("/account").headers["Location"].startswith("/sign-in")
    assert browser.get("/home").headers["Location"] == world.home
    with world.app.database.looking(SYSTEM) as session:
        row = session.scalars(select(LoginSession)).one()
        member = session.scalars(
            select(OrganisationMember).where(OrganisationMember.person_id == row.person_id)
        ).one()
        person = session.get_one(PersonRow, row.person_id)
    assert (row.way, row.bound_to, row.verified_at) == ("sso", world.place.id, None)
    assert signed_in_by(world) == [("sso", world.place.id)]
    assert (member.role, member.given_by) == ("procurement", world.place[CISO].person.id)
    assert (person.password_hash, person.confirmed_at) == (None, None)
    assert world.come(**NEW)[1].headers["Location"] == world.home  # the same person, not another account
    with world.app.database.looking(SYSTEM) as session:
        assert len(session.scalars(select(SsoIdentity)).all()) == 1


def test_the_page_asked_for_is_gone_on_to_when_it_is_of_this_organisation(world: World) -> None:
    for asked, leads in ((f"{world.home}vendors", f"{world.home}vendors"), ("/account", world.home)):
        browser = Browser(world.app.test_client())
        world.provider.come("nora", **NEW)
        answer = world.back(browser, world.begun(browser, f"?next={asked}"))
        assert answer.headers["Location"] == leads


NOT_MADE: dict[str, dict[str, Any]] = {
    "a domain that nobody allowed": {"email": "nora@elsewhere.example"},
    "a domain that only ends alike": {"email": "nora@not-halden.example"},
    "an address that it has not verified": {"email_verified": False},
    "a text for yes": {"email_verified": "true"},
    "no address": {"email": None},
    "an address that is none": {"email": "nora"},
    "no group with a role": {"groups": ["canteen"]},
    "no group": {"groups": None},
    "a role that no provider gives": {"groups": ["admin"]},
}


@pytest.mark.parametrize("what", NOT_MADE)
def test_nobody_is_made_by(world: World, what: str) -> None:
    browser, answer = world.come(**(NEW | NOT_MADE[what]))
    assert answer.headers["Location"] == f"{world.door}/link"
    assert browser.get(world.home).headers["Location"].startswith("/sign-in")
    with world.app.database.looking(SYSTEM) as session:
        assert session.scalars(select(PersonRow).where(PersonRow.email.like("nora%"))).all() == []


@pytest.mark.both_databases
def test_an_account_that_exists_is_never_opened_by_its_address(
    world: World, database: Database, settings: Settings
) -> None:
    """Of a stranger, of another organisation, of a member: the page is one and the same, and says no address."""
    other = make_organisation(database, settings, "Birch")
    make_person(database, settings, "Vera", "vera@halden.example")
    pages = set()
    for address in (
        "vera@halden.example",
        world.place[ADMIN].person.email,
        other[ADMIN].person.email,
        "nobody@birch.example",
    ):
        browser, answer = world.come(**(NEW | {"email": address, "groups": ["security"]}))
        assert answer.headers["Location"] == f"{world.door}/link", address
        pages.add(browser.get(f"{world.door}/link").text.partition("<main")[2])
        assert browser.get(world.home).status_code == 303
    assert len({page.replace("\n", "") for page in pages}) == 1
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(SsoIdentity)).all() == []
        assert session.scalars(select(LoginSession)).all() == []


# ------------------------------------------------------------------------------------------------- link the account


def linkable(world: World, sub: str = "vera") -> Browser:
    """A browser that came by the provider and then signed in with the reviewer's own account."""
    world.provider.come(sub, email="somebody@else.example", name="As it is called there")
    browser = Browser(world.app.test_client())
    assert world.back(browser, world.begun(browser)).headers["Location"] == f"{world.door}/link"
    browser.post("/sign-in", page="/sign-in", email=world.place[REVIEWER].person.email, password=PASSWORD)
    return browser


@pytest.mark.both_databases
def test_a_member_says_once_that_both_are_theirs(world: World) -> None:
    browser, door = linkable(world), f"{world.door}/link"
    page = browser.get(door).text
    assert "As it is called there" in page
    assert world.place[REVIEWER].person.email in page
    assert browser.post(door, page=door, current="not mine").status_code == 422
    assert browser.post(door, page=door, current=PASSWORD).headers["Location"] == world.home
    told_of = letters(world.app.database, "account_told")
    assert [one.recipient for one in told_of] == [world.place[REVIEWER].person.email]
    fresh, answer = world.come("vera", email="somebody@else.example")
    assert answer.headers["Location"] == world.home
    assert world.place[REVIEWER].person.name in fresh.get(world.home).text
    assert role_of(world.app.database, world.place[REVIEWER].person.email) == "reviewer"  # a person gave it


def test_who_is_no_member_links_nothing_and_a_sub_has_one_account(
    world: World, database: Database, settings: Settings
) -> None:
    make_person(database, settings, "Vera", "vera@x.example")
    door = f"{world.door}/link"
    browser = linkable(world)
    browser.client.delete_cookie("session")
    browser.post("/sign-in", page="/sign-in", email="vera@x.example", password=PASSWORD)
    answer = browser.post(door, page=door, current=PASSWORD)
    assert answer.status_code == 422
    assert "does not belong to this organisation" in answer.text
    first = linkable(world)
    assert first.post(door, page=door, current=PASSWORD).status_code == 303
    with database.looking(SYSTEM) as session:
        assert len(session.scalars(select(SsoIdentity)).all()) == 1
    again = linkable(world, "another")  # the same account says so of another: it takes the place
    assert again.post(door, page=door, current=PASSWORD).status_code == 303
    with database.looking(SYSTEM) as session:
        assert [one.subject for one in session.scalars(select(SsoIdentity))] == ["another"]


def test_the_link_is_of_this_browser_and_needs_a_whole_session_of_the_account(
    world: World, settings: Settings
) -> None:
    door = f"{world.door}/link"
    browser = linkable(world)
    kept = browser.client.get_cookie("sso")
    assert kept is not None
    other = signed_in(world.app, world.place[ADMIN])
    other.client.set_cookie("sso", kept.value)
    assert "Begin again" in other.get(door).text
    assert other.post(door, page=door, current=PASSWORD).headers["Location"] == door
    world.come(**NEW)
    bound, _answer = world.come(**NEW)  # a session of the provider is no session of the account
    bound.client.set_cookie("sso", kept.value)
    assert "Both are mine" not in bound.get(door).text
    late = clock.now() + timedelta(minutes=11)
    assert sso_way.opened(settings, sso_way.LINK, kept.value, "x", now=late) is None


# --------------------------------------------------------------------------------------------------- roles, factors


def test_the_groups_of_a_made_member_say_the_role_at_each_sign_in(world: World, database: Database) -> None:
    address = NEW["email"]
    browser, _answer = world.come(**NEW)
    assert role_of(database, address) == "procurement"
    world.come(**(NEW | {"groups": ["buyers", "security"]}))
    assert role_of(database, address) == "ciso"
    with database.looking(SYSTEM) as session:
        event = session.scalars(select(Event).where(Event.kind == "sso.role_changed")).one()
        member = session.get_one(OrganisationMember, event.subject_id)
    assert (event.data["from"], event.data["to"]) == ("procurement", "ciso")
    assert member.given_at is not None
    assert member.given_at > NOW  # four eyes count it as fresh
    _fresh, answer = world.come(**(NEW | {"groups": []}))
    assert answer.status_code == 403
    assert role_of(database, address) is None
    assert (
        browser.get(world.home).headers["Location"].startswith("/sign-in")
    )  # the open session reaches nothing
    assert why(database) == ["no_role"]
    world.come(**NEW)
    assert role_of(database, address) == "procurement"  # back in the group, a member again


def test_an_invited_member_who_was_removed_stays_out(world: World, database: Database) -> None:
    browser, door = linkable(world), f"{world.door}/link"
    browser.post(door, page=door, current=PASSWORD)
    admin, person = signed_in(world.app, world.place[ADMIN]), world.place[REVIEWER].person
    path = f"{world.home}members/{person.id}/remove"
    assert admin.post(path, page=path).status_code == 303
    _fresh, answer = world.come("vera", groups=["security"], email="vera@halden.example", email_verified=True)
    assert answer.status_code == 403
    assert role_of(database, person.email) is None


def test_who_has_a_factor_here_shows_it_unless_the_provider_is_believed(
    world: World, database: Database, settings: Settings
) -> None:
    browser, door = linkable(world), f"{world.door}/link"
    browser.post(door, page=door, current=PASSWORD)
    secret, _codes = give_factor(database, settings, world.place[REVIEWER].person)
    fresh, answer = world.come("vera", amr=["pwd"])
    assert answer.headers["Location"].startswith("/sign-in/code")
    assert fresh.get(world.home).headers["Location"].startswith("/sign-in")
    answer = fresh.post("/sign-in/code", page="/sign-in/code", code=code_now(secret), next=world.home)
    assert answer.headers["Location"] == world.home
    assert signed_in_by(world)[-1] == ("sso", world.place.id)
    assert fresh.get(world.home).status_code == 200
    assert fresh.get("/account").status_code == 303
    trusted, answer = world.come("vera", amr=["pwd", "mfa"])
    assert answer.headers["Location"] == world.home
    assert trusted.get(world.home).status_code == 200
    with database.transaction() as session:
        session.scalars(select(SsoConnection)).one().trusts_factor = False
        sso.failed(session, _as_is(session, world), "test", now=NOW)
    assert world.come("vera", amr=["mfa"])[1].headers["Location"].startswith("/sign-in/code")


def _as_is(session: Any, world: World) -> sso.Provider:
    found = sso.provider_at(session, world.place.slug)
    assert found is not None
    return found


def test_roles_and_names_from_claims() -> None:
    roles = {"a": "auditor", "c": "ciso", "x": "admin"}
    assert role_for(("a", "c"), roles, "") is CISO
    assert role_for((), roles, "auditor") is OrganisationRole.AUDITOR
    assert role_for(("a",), roles, "ciso") is OrganisationRole.AUDITOR  # the default is of who is in none
    assert role_for(("x",), roles, "") is None
    assert role_for((), {}, "admin") is None
    found = told(
        "s",
        {"name": "Ev\u202ea\x00 <b>"},
        {"email": "a@b.example", "email_verified": True},
        "g",
        second_factor=False,
    )
    assert (found.name, found.email, found.verified) == ("Eva <b>", "a@b.example", True)
    mixed = told("s", {"email": "a@b.example"}, {"email_verified": True}, "g", second_factor=False)
    assert not mixed.verified  # the flag was said of another answer's address
    assert told("s", {"name": "see https://x.example"}, {}, "g", second_factor=False).name == "A person"
    assert told("s", {"g": "one"}, {}, "g", second_factor=False).groups == ("one",)
    assert told("s", {"g": ["one", 2, {}]}, {}, "g", second_factor=False).groups == ("one",)
