"""Sign-in by an organisation's provider in Chromium: set by two people, gone through with and without script.

The provider is a server of its own on this machine (tests/portal/organisations/provider.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from portal import clock, create_app, schema
from portal.access import OrganisationRole
from portal.db import Database
from portal.organisations import sso
from portal.organisations.models import Organisation
from portal.settings import demo_settings
from tests.browser.conftest import Demo, axe_faults, overflow, person
from tests.portal.organisations.provider import CLIENT, SECRET, Provider, serving
from tests.portal.world import PASSWORD, Place, make_organisation
from tests.ports import free_port

pytestmark = pytest.mark.browser
CISO, ADMIN, REVIEWER = OrganisationRole.CISO, OrganisationRole.ADMIN, OrganisationRole.REVIEWER


@dataclass(frozen=True)
class House:
    """A portal that may call this machine, an organisation in it, and its provider."""

    demo: Demo
    place: Place
    provider: Provider

    def account(self, role: OrganisationRole) -> dict[str, str]:
        return {"email": self.place[role].person.email, "password": PASSWORD}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data: Path = tmp_path_factory.mktemp("sso")
    port = free_port()
    settings = replace(demo_settings(data, port), outside_allow="127.0.0.0/8")
    database = Database(settings.database_url, settings.base_url, settings.secret_key)
    schema.upgrade(database)
    now = clock.now()
    place = make_organisation(database, settings, "Quarry", now)
    with database.transaction() as session:
        sso.allow_domain(session, session.get_one(Organisation, place.id), "quarry.example", now=now)
    server = make_server("127.0.0.1", port, create_app(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with serving() as provider:
        yield House(Demo(settings.base_url, data, []), place, provider)
    server.shutdown()
    thread.join()
    database.dispose()


def sound(page: Page) -> None:
    """By axe and in width, in both sizes."""
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0
        assert axe_faults(page) == []


def test_from_two_people_who_set_it_to_somebody_new_who_comes_in(chromium: Browser, house: House) -> None:
    setting = f"/o/{house.place.slug}/sign-in-provider"
    with person(chromium, house.demo, house.account(CISO)) as page:
        page.goto(setting)
        page.get_by_label("Issuer").fill(house.provider.issuer)
        page.get_by_label("Client id").fill(CLIENT)
        page.get_by_label("Client secret").fill(SECRET)
        page.get_by_label("Groups and roles").fill("buyers = procurement")
        page.get_by_label("Whoever has a role by this").check()
        page.get_by_role("button", name="Propose it to a second person").click()
        expect(page.get_by_text("It signs nobody in until a second person")).to_be_visible()
        sound(page)
    with person(chromium, house.demo, house.account(ADMIN)) as page:
        page.goto(setting)
        page.get_by_role("button", name="Approve: it signs people in").click()
        expect(page.get_by_text("The provider signs your people in from now on.")).to_be_visible()
        sound(page)
    house.provider.come(
        "nora", email="nora@quarry.example", email_verified=True, name="Nora New", groups=["buyers"]
    )
    with person(chromium, house.demo, None) as page:
        page.goto("/sign-in")
        page.get_by_role("link", name="By your organisation's own sign-in").click()
        page.get_by_label("Your organisation").fill(house.place.slug)
        sound(page)
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="Sign in at Quarry")).to_be_visible()
        sound(page)
        page.get_by_role("link", name="Go on to the sign-in of Quarry").click()
        page.wait_for_url(
            f"**/o/{house.place.slug}/"
        )  # there and back, and the script has pressed the button
        expect(page.get_by_role("button", name="Account menu of Nora New")).to_be_visible()
        page.goto("/account")
        page.wait_for_url("**/sign-in?**")
        page.goto("/home")
        page.wait_for_url(f"**/o/{house.place.slug}/")
        page.get_by_role("button", name="Account menu").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        page.goto(f"/o/{house.place.slug}/")
        page.wait_for_url("**/sign-in?**")

    # Who has an account says so once, here without a script: a person presses the button.
    house.provider.come("rhea", email="rhea@quarry.example", name="Rhea as it is called there")
    with person(chromium, house.demo, None, javascript=False) as page:
        page.goto(f"/sso/{house.place.slug}")
        page.get_by_role("link", name="Go on to the sign-in of Quarry").click()
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("link", name="Sign in with your account").click()
        page.get_by_label("E-mail address").fill(house.account(REVIEWER)["email"])
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("Rhea as it is called there")).to_be_visible()
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Both are mine: link them").click()
        expect(page.get_by_text("Linked. Next time your organisation's sign-in")).to_be_visible()
    with person(chromium, house.demo, None) as page:
        page.goto(f"/sso/{house.place.slug}")
        page.get_by_role("link", name="Go on to the sign-in of Quarry").click()
        page.wait_for_url(f"**/o/{house.place.slug}/")
        expect(page.get_by_role("button", name="Account menu of Reviewer of Quarry")).to_be_visible()

    house.provider.claims = {"aud": "another"}
    with person(chromium, house.demo, None) as page:
        page.goto(f"/sso/{house.place.slug}/start")
        expect(page.get_by_role("heading", name="You are not signed in at Quarry")).to_be_visible()
        sound(page)
        page.goto(f"/sso/{house.place.slug}/link")
        expect(page.get_by_role("heading", name="Once only: which account is yours?")).to_be_visible()
        sound(page)
