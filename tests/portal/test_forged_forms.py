"""Forms that another site sends: refused before anything else, and never offered again with a sound token."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from portal.access import OrganisationRole
from portal.accounts import service
from portal.db import Database
from portal.settings import Settings
from portal.web import Portal
from tests.portal.world import NOW, Browser, Place, make_organisation

ATTACK = {"name": "Mallory", "email": "mallory@evil.example", "role": "admin"}
OURS = "http://127.0.0.1:8000"
FORGED = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9999"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://evil.example:8000"},
    {"Referer": "https://evil.example/127.0.0.1"},
)
UNKNOWN: tuple[dict[str, str], ...] = (
    {},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Sec-Fetch-Site": "none"},
)
HERE = (
    {"Sec-Fetch-Site": "same-origin", "Origin": OURS},
    {"Origin": OURS},
    {"Referer": f"{OURS}/account"},
)


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def _resends(answer: TestResponse) -> bool:
    """Whether the page holds a form that would send what was posted."""
    return 'type="hidden" name="email"' in answer.text


@pytest.mark.parametrize("headers", FORGED)
@pytest.mark.parametrize("signed_in", [True, False])
def test_a_forged_form_is_neither_taken_nor_offered_again(
    app: Portal, halden: Place, headers: dict[str, str], signed_in: bool
) -> None:
    """One click on "Send it again" would otherwise be the forged step, with a sound token. SameSite=Lax hides the
    session from the forged POST, but not from what is sent from our own page afterwards."""
    browser = Browser(app.test_client(), "admin@halden.example") if signed_in else Browser(app.test_client())
    answer = browser.client.post(f"/o/{halden.slug}/members/invite", data=ATTACK, headers=headers)
    assert answer.status_code == 400
    assert not _resends(answer)
    assert "mallory" not in answer.text


@pytest.mark.parametrize("headers", UNKNOWN)
@pytest.mark.parametrize("signed_in", [True, False])
def test_what_may_be_forged_is_given_back_to_read_and_not_to_send(
    app: Portal, halden: Place, headers: dict[str, str], signed_in: bool
) -> None:
    browser = Browser(app.test_client(), "admin@halden.example") if signed_in else Browser(app.test_client())
    answer = browser.client.post(f"/o/{halden.slug}/members/invite", data=ATTACK, headers=headers)
    assert answer.status_code == (400 if signed_in else 401)
    assert not _resends(answer)
    assert "Mallory" in answer.text


@pytest.mark.parametrize("headers", HERE)
def test_a_stale_form_of_our_own_can_be_sent_again(
    app: Portal, database: Database, halden: Place, headers: dict[str, str]
) -> None:
    browser = Browser(app.test_client(), "admin@halden.example")
    path = f"/o/{halden.slug}/members/invite"
    stale = browser.client.post(path, data={**ATTACK, "csrf_token": "0" * 64}, headers=headers)
    assert stale.status_code == 400
    assert _resends(stale)
    with database.transaction() as session:
        service.end_sessions(session, halden[OrganisationRole.ADMIN].person.id, now=NOW)
    signed_out = browser.client.post(path, data=ATTACK, headers=headers)
    assert signed_out.status_code == 401
    assert _resends(signed_out)
