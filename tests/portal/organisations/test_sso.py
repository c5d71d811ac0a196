"""Sign-in by an organisation's provider: two people set it, forged answers open nothing, no account is taken over."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from portal import clock
from portal.access import OrganisationRole
from portal.accounts.models import LoginSession, PersonRow
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.organisations import sso, sso_provider, sso_setting, sso_way
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.sso_models import SsoConnection, SsoIdentity, SsoProposal
from portal.organisations.sso_roles import role_for, told
from portal.outbox import Message
from portal.settings import Settings
from portal.web import Portal
from tests.portal.accounts.given import code_now, give_factor, letters
from tests.portal.organisations.provider import (
    CLIENT,
    SECRET,
    Provider,
    asked_of,
    elliptic_key,
    other_rsa_key,
    serving,
)
from tests.portal.world import NOW, PASSWORD, Browser, Place, make_organisation, make_person, signed_in

CISO, ADMIN, REVIEWER = OrganisationRole.CISO, OrganisationRole.ADMIN, OrganisationRole.REVIEWER


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider of these tests is on this machine, which no portal calls unless it is told to."""
    return replace(settings, outside_allow="127.0.0.0/8")


@pytest.fixture
def provider() -> Iterator[Provider]:
    sso_provider.forget()
    sso_way._starts.clear()
    with serving() as found:
        yield found
    sso_provider.forget()


@dataclass
class World:
    """An organisation whose provider signs its people in."""

    app: Portal
    place: Place
    provider: Provider

    @property
    def home(self) -> str:
        return f"/o/{self.place.slug}/"

    @property
    def door(self) -> str:
        return f"/sso/{self.place.slug}"

    def begun(self, browser: Browser, path: str = "") -> dict[str, str]:
        """The browser is sent to the provider; what it is to say there."""
        answer = browser.get(f"{self.door}/start{path}")
        assert answer.status_code == 303, answer.text
        return asked_of(answer.headers["Location"])

    def back(self, browser: Browser, asked: dict[str, str], **other: str) -> TestResponse:
        """Back from the provider, with one press of the button; ``other`` replaces parts of the answer."""
        values = asked_of(self.provider.authorized(asked)) | other
        page = f"{self.door}/callback?code=x"
        return browser.post(f"{self.door}/callback", values, page=page)

    def come(self, sub: str = "ada", **claims: Any) -> tuple[Browser, TestResponse]:
        """A fresh browser goes the whole way."""
        self.provider.come(sub, **claims)
        browser = Browser(self.app.test_client())
        return browser, self.back(browser, self.begun(browser))


def connect(database: Database, settings: Settings, place: Place, provider: Provider, **values: Any) -> None:
    """The connection in force, as two people have set it."""
    with database.transaction() as session:
        session.add(
            SsoConnection(
                organisation_id=place.id,
                issuer=provider.issuer,
                client_id=CLIENT,
                secret=sso_way.encrypted(settings, place.id, SECRET),
                state="on",
                proposed_by=place[CISO].person.id,
                approved_by=place[ADMIN].person.id,
                since=NOW,
                **{
                    "groups_claim": "groups",
                    "roles": {"security": "ciso", "buyers": "procurement"},
                    "default_role": "",
                    "trusts_factor": True,
                    "creates": True,
                    **values,
                },
            )
        )
        organisation = session.get_one(Organisation, place.id)
        sso.allow_domain(session, organisation, "halden.example", now=NOW)


@pytest.fixture
def world(app: Portal, database: Database, settings: Settings, provider: Provider) -> World:
    place = make_organisation(database, settings, "Halden")
    connect(database, settings, place, provider)
    return World(app, place, provider)


NEW: dict[str, Any] = {
    "email": "Nora@halden.example",
    "email_verified": True,
    "name": "Nora New",
    "groups": ["buyers"],
}


def role_of(database: Database, address: str) -> str | None:
    """The role of a person in the one organisation; None for no member."""
    with database.looking(SYSTEM) as session:
        return session.scalar(
            select(OrganisationMember.role)
            .join(PersonRow, PersonRow.id == OrganisationMember.person_id)
            .where(PersonRow.email == address.casefold(), OrganisationMember.removed_at.is_(None))
        )


def why(database: Database) -> list[str]:
    with database.looking(SYSTEM) as session:
        found = session.scalars(select(Event).where(Event.kind == "sso.failed").order_by(Event.at))
        return [str(one.data["why"]) for one in found]


# ------------------------------------------------------------------------------------------------------ who comes in


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


# ------------------------------------------------------------------------------------------------ forged answers

Change = Callable[[World], Any]


def _claims(**claims: Any) -> Change:
    return lambda world: world.provider.claims.update(claims)


def _header(**header: Any) -> Change:
    return lambda world: world.provider.token_header.update(header)


def _shared_secret(world: World) -> None:
    world.provider.token_header["alg"] = "HS256"


def _answer_of(path: str, *answer: Any, **more: Any) -> Change:
    return lambda world: world.provider.answers.update({path: Response(*answer, **more)})


def _signed_by(make: Callable[[], Any], **header: Any) -> Change:
    def change(world: World) -> None:
        world.provider.sign_by = make()
        world.provider.token_header.update(header)

    return change


def _metadata(**values: Any) -> Change:
    def change(world: World) -> None:
        sso_provider.forget()
        world.provider.metadata.update(values)

    return change


FORGED: dict[str, tuple[Change, str]] = {
    "no signature": (_header(alg="none"), "algorithm"),
    "the public key as a shared secret": (_shared_secret, "algorithm"),
    "a key of somebody else under a known name": (_signed_by(other_rsa_key), "bad_signature"),
    "a key that is not shown": (_signed_by(other_rsa_key, kid="two"), "key"),
    "a curve for a key of numbers": (_signed_by(elliptic_key, alg="ES256"), "key"),
    "another issuer": (_claims(iss="https://evil.example"), "invalid_claim"),
    "the issuer with a slash": (_claims(iss="http://127.0.0.1/tenant/"), "invalid_claim"),
    "another client": (_claims(aud="another"), "invalid_claim"),
    "several clients without saying for whom": (_claims(aud=[CLIENT, "another"]), "missing_claim"),
    "several clients, for another": (_claims(aud=[CLIENT, "another"], azp="another"), "invalid_claim"),
    "for another, though to us": (_claims(azp="another"), "invalid_claim"),
    "no audience": (_claims(aud=None), "missing_claim"),
    "another nonce": (_claims(nonce="another"), "invalid_claim"),
    "no nonce": (_claims(nonce=None), "missing_claim"),
    "expired": (_claims(exp=int(NOW.timestamp()) - 120), "expired_token"),
    "no end": (_claims(exp=None), "missing_claim"),
    "an end that is no number": (_claims(exp="tomorrow"), ""),
    "made an hour ago": (_claims(iat=int(NOW.timestamp()) - 3600), "times"),
    "made tomorrow": (_claims(iat=int(NOW.timestamp()) + 86_400), ""),
    "good from tomorrow on": (_claims(nbf=int(NOW.timestamp()) + 86_400), ""),
    "nobody": (_claims(sub=None), "missing_claim"),
    "an empty name": (_claims(sub=""), "subject"),
    "a name of a thousand letters": (_claims(sub="x" * 1000), "subject"),
    "a name that is none": (_claims(sub=5), "invalid_claim"),
    "a logout token": (
        _claims(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
        "logout_token",
    ),
    "a hash of another access token": (_claims(at_hash="x"), "invalid_claim"),
    "a token endpoint that redirects": (
        _answer_of("/token", status=302, headers={"Location": "http://127.0.0.1:1/"}),
        "answer",
    ),
    "an answer of a megabyte": (_answer_of("/token", b"{" + b" " * 1_000_000 + b"}"), "answer"),
    "an answer that is no JSON": (_answer_of("/token", "<html>"), "answer"),
    "an answer without a token": (_answer_of("/token", "{}"), "answer"),
    "a token that is none": (_answer_of("/token", '{"id_token": "a.b.c", "access_token": "x"}'), ""),
    "keys that are none": (_answer_of("/keys", '{"keys": [5, {"kty": "RSA", "kid": "one"}]}'), "key"),
    "a private address for the token": (_metadata(token_endpoint="http://10.0.0.1/token"), "address"),
    "the machine's own description": (_metadata(jwks_uri="http://169.254.169.254/latest"), "address"),
    "a file for the keys": (_metadata(jwks_uri="file:///etc/passwd"), "address"),
    "metadata of another issuer": (_metadata(issuer="https://evil.example"), "issuer_of_metadata"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_answer_opens_nothing(world: World, what: str) -> None:
    world.provider.come("nora", **NEW)
    browser = Browser(world.app.test_client())
    asked = world.begun(browser)
    change, code = FORGED[what]
    change(world)
    answer = world.back(browser, asked)
    assert answer.status_code == 403
    assert browser.client.get_cookie("client") is None
    assert browser.get(world.home).status_code == 303
    found = why(world.app.database)
    assert len(found) == 1
    assert code in found[0], found
    assert role_of(world.app.database, NEW["email"]) is None


def test_a_userinfo_about_somebody_else_is_refused(world: World) -> None:
    world.provider.in_token = frozenset({"sub"})
    assert world.come(**NEW)[1].headers["Location"] == world.home  # what the token lacks is asked for
    world.provider.userinfo = {"sub": "mallory"}
    assert world.come(**NEW)[1].status_code == 403
    assert why(world.app.database) == ["userinfo_subject"]


def test_state_cookie_and_issuer_belong_to_one_way(
    world: World, database: Database, settings: Settings
) -> None:
    world.provider.come("nora", **NEW)
    other = make_organisation(database, settings, "Birch")
    browser, thief = Browser(world.app.test_client()), Browser(world.app.test_client())
    asked = world.begun(browser)
    assert world.back(browser, asked, state="x" * 43).status_code == 403
    assert world.back(browser, asked, state="é").status_code == 403
    assert world.back(browser, asked, iss="https://evil.example").status_code == 403
    assert world.back(browser, asked, iss="").status_code == 403  # its metadata say that it names itself
    assert world.back(browser, asked, code="").status_code == 403
    assert world.back(browser, asked, error="access_denied").status_code == 403
    assert world.back(thief, asked).status_code == 403  # no cookie
    kept = browser.client.get_cookie("sso")
    assert kept is not None
    thief.client.set_cookie("sso", kept.value)
    assert world.back(thief, asked).status_code == 403  # the cookie of another browser
    with serving() as theirs:
        connect_other(database, settings, other, theirs)
        elsewhere = World(world.app, other, theirs)
        mixed = asked | {"redirect_uri": f"http://127.0.0.1:8000{elsewhere.door}/callback"}
        assert elsewhere.back(browser, mixed).status_code == 403  # begun at another organisation
    expected = [
        "state",
        "state",
        "issuer_of_answer",
        "issuer_of_answer",
        "provider_refused",
        "provider_refused",
    ]
    assert why(database) == [*expected, *["another_browser"] * 3]
    assert world.back(browser, asked).status_code == 303  # nothing of it has spoiled the true one


def connect_other(database: Database, settings: Settings, place: Place, provider: Provider) -> None:
    with database.transaction() as session:
        session.add(
            SsoConnection(
                organisation_id=place.id, issuer=provider.issuer, client_id=CLIENT, secret=None, state="on",
                proposed_by=place[CISO].person.id, approved_by=place[ADMIN].person.id, since=NOW,
                groups_claim="groups", roles={}, default_role="auditor", trusts_factor=False, creates=False,
            )
        )  # fmt: skip
        session.flush()
        sso.allow_domain(session, session.get_one(Organisation, place.id), "birch.example", now=NOW)


def test_a_code_and_its_state_serve_once_and_for_ten_minutes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.provider.come("nora", **NEW)
    browser = Browser(world.app.test_client())
    asked = world.begun(browser)
    kept = browser.client.get_cookie("sso")
    values = asked_of(world.provider.authorized(asked))
    page = f"{world.door}/callback?code=x"
    assert browser.post(f"{world.door}/callback", values, page=page).status_code == 303
    assert browser.client.get_cookie("sso") is None
    assert browser.post(f"{world.door}/callback", values, page=page).status_code == 403
    assert kept is not None
    browser.client.set_cookie("sso", kept.value)
    assert browser.post(f"{world.door}/callback", values, page=page).status_code == 403  # the code is used up
    late = Browser(world.app.test_client())
    asked = world.begun(late)
    later = clock.now() + timedelta(minutes=10, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert world.back(late, asked).status_code == 403


def test_a_new_key_of_the_provider_is_fetched_once_and_not_for_each_forged_name(world: World) -> None:
    assert world.come(**NEW)[1].status_code == 303
    before = world.provider.asked.count("/tenant/keys")
    world.provider.shown_keys = [other_rsa_key()]
    world.provider.sign_by, world.provider.token_header = other_rsa_key(), {"kid": "two"}
    assert world.come(**NEW)[1].status_code == 403  # asked for less than a minute ago
    assert world.provider.asked.count("/tenant/keys") == before
    sso_provider._known = {
        address: (at - timedelta(minutes=2), value) for address, (at, value) in sso_provider._known.items()
    }
    assert world.come(**NEW)[1].status_code == 303
    assert world.provider.asked.count("/tenant/keys") == before + 1


def test_the_callback_page_changes_nothing_and_says_nothing_of_the_code_to_others(world: World) -> None:
    browser = Browser(world.app.test_client())
    world.provider.come("nora", **NEW)
    values = asked_of(world.provider.authorized(world.begun(browser)))
    page = browser.get(f"{world.door}/callback", query_string=values | {"error": '"><script>'})
    assert page.status_code == 200
    assert "<script>" not in page.text.replace("<script src=", "")
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert "/tenant/token" not in world.provider.asked


def test_absent_and_switched_off_look_alike_and_starts_are_few(
    world: World, app: Portal, database: Database, settings: Settings
) -> None:
    none = make_organisation(database, settings, "Birch")
    off = signed_in(app, world.place[CISO])
    browser = Browser(app.test_client())
    assert "/sso/" in browser.get(world.door).text
    for _number in range(sso_way.STARTS):
        assert browser.get(f"{world.door}/start").status_code == 303
    assert browser.get(f"{world.door}/start").status_code == 429
    assert off.post(f"{world.home}sign-in-provider/off", page="/account").status_code == 303
    answers = [
        browser.get(f"/sso/{name}{path}").status_code
        for name in (world.place.slug, none.slug, "nobody", "x" * 200, "%00")
        for path in ("", "/start", "/callback", "/link")
    ]
    assert set(answers) <= {404, 400}
    assert set(answers[:12]) == {404}


# ------------------------------------------------------------------------------------------------------- the setting


def proposed(world: World, browser: Browser, **other: str) -> TestResponse:
    page = f"{world.home}sign-in-provider"
    values = {
        "issuer": world.provider.issuer,
        "client_id": CLIENT,
        "secret": SECRET,
        "groups_claim": "groups",
        "roles": "security = ciso\nbuyers = procurement",
        "default_role": "",
        "creates": "y",
    }
    return browser.post(page, values | other, page=page)


@pytest.mark.both_databases
def test_two_people_say_which_provider_it_is(
    app: Portal, database: Database, settings: Settings, provider: Provider
) -> None:
    place = make_organisation(database, settings, "Halden")
    world = World(app, place, provider)
    ciso, admin = signed_in(app, place[CISO]), signed_in(app, place[ADMIN])
    page = f"{world.home}sign-in-provider"
    assert signed_in(app, place[REVIEWER]).get(page).status_code == 403
    assert f"http://127.0.0.1:8000{world.door}/callback" in ciso.get(page).text
    assert proposed(world, ciso).status_code == 303
    assert Browser(app.test_client()).get(world.door).status_code == 404
    with database.looking(SYSTEM) as session:
        proposal = session.scalars(select(SsoProposal)).one()
        letter = session.scalars(select(Message).where(Message.kind == "second_asked")).all()
    assert SECRET.encode() not in (proposal.secret or b"")
    assert SECRET not in json.dumps(proposal.content)
    assert [one.recipient for one in letter] == [place[ADMIN].person.email]
    path = f"{page}/proposals/{proposal.id}"
    assert ciso.post(path, page=page, step="approve").status_code == 403  # oneself
    assert SECRET not in admin.get(page).text
    assert admin.post(path, page=page, step="approve").status_code == 303
    assert admin.post(path, page=page, step="approve").status_code == 303  # a second press
    assert admin.post(path, page=page, step="withdraw").status_code == 409
    with database.transaction() as session:
        sso.allow_domain(session, session.get_one(Organisation, place.id), "halden.example", now=NOW)
    browser, answer = world.come(**NEW)
    assert answer.headers["Location"] == world.home
    assert admin.post(f"{page}/off", page=page).status_code == 303
    assert browser.get(world.home).headers["Location"].startswith("/sign-in")  # signed out with it
    assert proposed(world, admin, secret="").status_code == 303
    with database.looking(SYSTEM) as session:
        kept = session.scalars(select(SsoProposal).where(SsoProposal.state == "open")).one()
        assert kept.secret == proposal.secret  # the same client at the same issuer keeps its secret
    assert proposed(world, admin, secret="", client_id="another").status_code == 303
    with database.looking(SYSTEM) as session:
        states = session.scalars(select(SsoProposal.state).order_by(SsoProposal.proposed_at)).all()
        last = session.scalars(select(SsoProposal).where(SsoProposal.state == "open")).one()
    assert list(states) == ["approved", "replaced", "open"]
    assert last.secret is None


def test_another_issuer_forgets_whom_the_first_one_knew(
    world: World, database: Database, settings: Settings
) -> None:
    browser, _answer = world.come(**NEW)
    with serving() as other:
        ciso, admin = signed_in(world.app, world.place[CISO]), signed_in(world.app, world.place[ADMIN])
        page = f"{world.home}sign-in-provider"
        assert proposed(world, ciso, issuer=other.issuer).status_code == 303
        with database.looking(SYSTEM) as session:
            proposal = session.scalars(select(SsoProposal.id)).one()
        assert admin.post(f"{page}/proposals/{proposal}", page=page, step="approve").status_code == 303
        assert browser.get(world.home).status_code == 303
        moved = World(world.app, world.place, other)
        _fresh, answer = moved.come(**NEW)
        assert answer.headers["Location"] == f"{world.door}/link"  # the address has an account by now
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(SsoIdentity)).all() == []


def test_what_cannot_be_a_provider_is_refused_at_its_field(world: World) -> None:
    ciso = signed_in(world.app, world.place[CISO])
    for issuer in (
        f"{world.provider.issuer}/",
        "http://10.1.2.3",
        "https://169.254.169.254",
        "ftp://x.example",
        "x",
        f"http://127.0.0.1:{world.provider.port}/nothing",
    ):
        answer = proposed(world, ciso, issuer=issuer)
        assert answer.status_code == 422, issuer
        assert "issuer-error" in answer.text, issuer
    for roles in (
        "security = admin",
        "security",
        "= ciso",
        "x = root",
        "\n".join(f"g{n} = ciso" for n in range(60)),
    ):
        assert proposed(world, ciso, roles=roles).status_code == 422, roles
    assert proposed(world, ciso, default_role="admin").status_code == 422
    assert sso_setting.roles_from("a = b = ciso\n\n c=auditor ") == {"a = b": "ciso", "c": "auditor"}


def test_the_secret_of_one_organisation_opens_nothing_of_another(settings: Settings) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    kept = sso_way.encrypted(settings, one, SECRET)
    assert sso_way.decrypted(settings, one, kept) == SECRET
    assert sso_way.decrypted(settings, two, kept) is None
    other = replace(settings, secret_key="another-k3y-for-tests-0123456789-abc")
    assert sso_way.decrypted(other, one, kept) is None
    text = sso_way.sealed(settings, sso_way.WAY, {"a": 1}, "visit", now=NOW)
    assert sso_way.opened(settings, sso_way.WAY, text, "visit", now=NOW) is not None
    assert sso_way.opened(settings, sso_way.LINK, text, "visit", now=NOW) is None
    assert sso_way.opened(settings, sso_way.WAY, text, "other", now=NOW) is None
    assert sso_way.opened(settings, sso_way.WAY, text[:-4] + "AAAA", "visit", now=NOW) is None
    assert sso_way.opened(settings, sso_way.WAY, "é", "visit", now=NOW) is None


def test_a_domain_belongs_to_one_organisation(database: Database, settings: Settings, world: World) -> None:
    from portal.faults import Conflict

    other = make_organisation(database, settings, "Birch")
    with pytest.raises(Conflict), database.transaction() as session:
        sso.allow_domain(session, session.get_one(Organisation, other.id), "halden.example", now=NOW)
