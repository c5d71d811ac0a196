"""Passkeys in Chromium, whose authenticator is made of software (WebDriver's virtual authenticators over CDP).

Served under a name: an address in figures has no passkeys.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect
from werkzeug.serving import make_server

from portal import clock, create_app, schema
from portal.db import Database
from portal.settings import demo_settings
from tests.browser.conftest import Demo, axe_faults, overflow, person
from tests.portal.world import PASSWORD, make_person
from tests.ports import free_port

pytestmark = pytest.mark.browser
ADA = "ada@x.example"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The application under the name localhost, and Ada in it."""
    data: Path = tmp_path_factory.mktemp("passkeys")
    port = free_port()
    settings = demo_settings(data, port)
    database = Database(settings.database_url, settings.base_url, settings.secret_key)
    schema.upgrade(database)
    make_person(database, settings, "Ada", ADA, clock.now())
    server = make_server("127.0.0.1", port, create_app(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Demo(f"http://localhost:{port}", data, [])
    server.shutdown()
    thread.join()
    database.dispose()


def device(page: Page) -> tuple[CDPSession, str]:
    """A device with finger or face in the browser of ``page``: the session that commands it, and its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def sound(page: Page) -> None:
    """By axe and in width, in both sizes."""
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0
        assert axe_faults(page) == []


def test_one_is_made_signs_in_serves_as_second_step_and_is_removed(chromium: Browser, named: Demo) -> None:
    with person(chromium, named, None) as page:
        session, authenticator = device(page)
        page.goto("/sign-in?next=/account/passkeys")
        page.get_by_label("E-mail address").fill(ADA)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
        sound(page)
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Begin").click()
        make = page.get_by_role("button", name="Make the passkey")
        expect(make).to_be_visible()
        sound(page)
        session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
        make.click()
        expect(page.get_by_text("No passkey was given")).to_be_visible()  # a finger that it does not know
        session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True})
        page.get_by_label("What you call it").fill("The device of the test")
        make.click()
        expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
        page.get_by_role("link", name="I have kept them").click()
        expect(page.get_by_role("rowheader", name="The device of the test")).to_be_visible()
        sound(page)

        page.get_by_role("button", name="Account menu").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        sound(page)
        page.get_by_role(
            "button", name="Sign in with a passkey"
        ).click()  # no address is typed: the device knows
        page.wait_for_url("**/home")
        page.get_by_role("button", name="Account menu").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()

        page.goto("/sign-in?next=/account/passkeys")
        page.get_by_label("E-mail address").fill(ADA)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Now your passkey, or a code")).to_be_visible()
        sound(page)
        page.get_by_role("button", name="Use your passkey").click()
        page.wait_for_url("**/account/passkeys")

        page.get_by_role("link", name="Rename or remove").click()
        expect(page.get_by_role("heading", name="Remove it")).to_be_visible()
        sound(page)
        page.get_by_role("button", name="Prove it by a passkey and remove").click()
        expect(page.get_by_text("The passkey is removed.")).to_be_visible()
        page.get_by_role("button", name="Account menu").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        page.get_by_role(
            "button", name="Sign in with a passkey"
        ).click()  # the device has it still, we do not
        expect(page.get_by_text("This passkey was not accepted")).to_be_visible()


def test_without_script_nothing_of_it_shows_and_the_password_serves(chromium: Browser, named: Demo) -> None:
    with person(chromium, named, None, javascript=False) as page:
        page.goto("/sign-in?next=/account/passkeys")
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        page.get_by_label("E-mail address").fill(ADA)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/account/passkeys")
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Begin").click()
        expect(page.get_by_text("This browser does not offer passkeys here.")).to_be_visible()
