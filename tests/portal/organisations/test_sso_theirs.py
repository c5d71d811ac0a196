"""Sign-in by a provider that others wrote: oidc-provider-mock, a server of its own on this machine.

What it does not do (a proof key, forged answers) is asked of our own (provider.py); what it does, nobody here has made.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from werkzeug.test import TestResponse

from portal.db import Database
from portal.organisations import sso_provider, sso_way
from portal.settings import Settings
from portal.web import Portal
from tests.portal.organisations.given_sso import NEW, connect, role_of, settings, why
from tests.portal.world import Browser, Place, make_organisation
from tests.ports import free_port

__all__ = ["settings"]  # a fixture
NORA = {"sub": "nora", **NEW}
WITHOUT = {"sub": "otto", "email": "otto@halden.example", "email_verified": True, "name": "Otto"}
PATIENCE = 30  # seconds until it serves


@dataclass(frozen=True)
class Theirs:
    """The server; whoever comes says at its page who they are."""

    issuer: str

    def answered(self, address: str, **form: str) -> dict[str, str]:
        """What it sends the browser back to the portal with."""
        assert address.startswith(f"{self.issuer}/")
        answer = requests.post(address, data=form, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


@contextmanager
def serving(*people: dict[str, object]) -> Iterator[Theirs]:
    found = Theirs(f"http://127.0.0.1:{free_port()}")
    port = found.issuer.rpartition(":")[2]
    claims = [part for one in people for part in ("--user-claims", json.dumps(one))]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--host",
        "127.0.0.1",
        "--port",
        port,
    ]
    process = subprocess.Popen([*command, *claims], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + PATIENCE
        while not _serves(found):
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(10)


def _serves(found: Theirs) -> bool:
    try:
        return requests.get(f"{found.issuer}/.well-known/openid-configuration", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def theirs() -> Iterator[Theirs]:
    with serving(NORA, WITHOUT) as found:
        yield found


@pytest.fixture
def place(database: Database, settings: Settings, theirs: Theirs) -> Iterator[Place]:
    sso_provider.forget()
    sso_way._starts.clear()
    found = make_organisation(database, settings, "Halden")
    connect(database, settings, found, theirs)
    yield found
    sso_provider.forget()


def come(app: Portal, place: Place, theirs: Theirs, **form: str) -> tuple[Browser, TestResponse]:
    """A fresh browser goes the whole way."""
    browser, door = Browser(app.test_client()), f"/sso/{place.slug}"
    there = browser.get(f"{door}/start").headers["Location"]
    back = theirs.answered(there, **form)
    return browser, browser.post(f"{door}/callback", back, page=f"{door}/callback?code=x")


def test_somebody_new_comes_in_with_the_role_of_a_group(
    app: Portal, database: Database, place: Place, theirs: Theirs
) -> None:
    for _time in range(2):
        browser, answer = come(app, place, theirs, sub="nora")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/o/{place.slug}/"), why(database)
        assert "Nora New" in browser.get(f"/o/{place.slug}/").text
    assert role_of(database, str(NEW["email"])) == "procurement"


def test_whoever_has_no_group_is_asked_for_an_account(
    app: Portal, database: Database, place: Place, theirs: Theirs
) -> None:
    browser, answer = come(app, place, theirs, sub="otto")
    assert answer.headers["Location"] == f"/sso/{place.slug}/link"
    assert browser.get(f"/o/{place.slug}/").status_code == 303
    assert role_of(database, "otto@halden.example") is None


def test_whoever_says_no_there_is_not_signed_in(
    app: Portal, database: Database, place: Place, theirs: Theirs
) -> None:
    browser, answer = come(app, place, theirs, action="deny")
    assert answer.status_code == 403
    assert "You are not signed in at Halden" in answer.text
    assert why(database) == ["state"], "its refusal leaves out the state, so nothing says whose answer it is"
    assert browser.get(f"/o/{place.slug}/").status_code == 303
