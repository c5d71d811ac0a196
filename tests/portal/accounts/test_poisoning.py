"""Links in letters are made of base_url alone, and a link that was looked at five times still works by one POST."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.db import SYSTEM, Database
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.web import Portal
from tests.conftest import BASE_URL
from tests.portal.accounts.given import letters, path_in
from tests.portal.assessments.given import give
from tests.portal.world import NOW, PASSWORD, Browser, csrf_of, make_company, make_organisation, signed_in

EVIL = "evil.example"
# What the WSGI server hands on: headers as environ keys. Eight kinds; some with several spellings.
POISONS: dict[str, dict[str, str]] = {
    "host": {"HTTP_HOST": EVIL},
    "x-forwarded-host": {"HTTP_X_FORWARDED_HOST": EVIL, "HTTP_X_FORWARDED_PROTO": "https"},
    "x-host": {"HTTP_X_HOST": EVIL, "HTTP_X_HTTP_HOST_OVERRIDE": EVIL},
    "forwarded": {"HTTP_FORWARDED": f"for=1.2.3.4;host={EVIL};proto=https"},
    "x-forwarded-server": {"HTTP_X_FORWARDED_SERVER": EVIL, "HTTP_X_FORWARDED_PORT": "8443"},
    "x-original-url": {"HTTP_X_ORIGINAL_URL": f"http://{EVIL}/", "HTTP_X_REWRITE_URL": f"http://{EVIL}/"},
    "absolute-form": {
        "REQUEST_URI": f"http://{EVIL}/forgot",
        "RAW_URI": f"http://{EVIL}/",
        "HTTP_HOST": EVIL,
    },
    "port and duplicates": {"HTTP_HOST": f"127.0.0.1:8000@{EVIL}:80"},
    "duplicate host": {"HTTP_HOST": f"127.0.0.1:8000,{EVIL}"},
    "server name": {"SERVER_NAME": EVIL, "SERVER_PORT": "80", "HTTP_HOST": ""},
}


def send(browser: Browser, path: str, page: str, poison: dict[str, str], **fields: Any) -> int:
    """A POST whose every header is poisoned, with the token of an honest page."""
    token = browser.token(page)
    held = [browser.client.get_cookie(name) for name in ("session", "visit")]
    cookies = "; ".join(f"{one.key}={one.value}" for one in held if one is not None)
    environ = dict(poison) | {"HTTP_COOKIE": cookies}  # whatever Host the request names
    bare = browser.client.application.test_client(use_cookies=False)
    answer = bare.post(path, data={"csrf_token": token, **fields}, environ_overrides=environ)
    assert EVIL not in answer.headers.get("Location", "")
    assert EVIL not in answer.text
    return answer.status_code


def reset(app: Portal, database: Database, settings: Settings, poison: dict[str, str]) -> int:
    make_organisation(database, settings, "Halden")
    return send(Browser(app.test_client()), "/forgot", "/forgot", poison, email="ciso@halden.example")


def invite(app: Portal, database: Database, settings: Settings, poison: dict[str, str]) -> int:
    place = make_organisation(database, settings, "Halden")
    browser = signed_in(app, place[OrganisationRole.ADMIN])
    page = f"/o/{place.slug}/members"
    fields = {"name": "New", "email": "new@halden.example", "role": "auditor"}
    return send(browser, f"{page}/invite", page, poison, **fields)


def colleague(app: Portal, database: Database, settings: Settings, poison: dict[str, str]) -> int:
    place = make_company(database, settings, "Cedar")
    browser = signed_in(app, place[CompanyRole.OWNER])
    page = f"/c/{place.slug}/team"
    fields = {"name": "New", "email": "new@cedar.example", "role": "owner"}
    return send(browser, f"{page}/invite", page, poison, **fields)


def address(app: Portal, database: Database, settings: Settings, poison: dict[str, str]) -> int:
    place = make_company(database, settings, "Cedar")
    browser = signed_in(app, place[CompanyRole.OWNER])
    fields = {"email": "new@cedar.example", "current": PASSWORD}
    return send(browser, "/account/address", "/account/address", poison, **fields)


def contact(app: Portal, database: Database, settings: Settings, poison: dict[str, str]) -> int:
    """A vendor's person is invited."""
    place = make_organisation(database, settings, "Halden")
    buyer = place[OrganisationRole.ADMIN]
    with database.transaction(buyer.scope) as session:
        vendor = vendors.create_vendor(session, name="Fennmark", country=None, actor=buyer, now=NOW).id
    page = f"/o/{place.slug}/vendors/{vendor}/contacts/new"
    return send(signed_in(app, buyer), page, page, poison, name="Ada", email="ada@fennmark.example")


def delegate(app: Portal, database: Database, settings: Settings, poison: dict[str, str]) -> int:
    """Questions are given to somebody without an account, by a link."""
    given = give(app, settings)
    page = f"{given.base}/delegations/new"
    fields = {"how": "link", "name": "Jonas", "email": "jonas@helpers.example", "days": "14", "what": "all"}
    return send(given.browser(), page, page, poison, **fields)


WRITERS: list[Callable[..., int]] = [reset, invite, colleague, address, contact, delegate]


@pytest.mark.parametrize("write", WRITERS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_request_writes_the_configured_address_or_nothing(
    app: Portal, database: Database, settings: Settings, write: Callable[..., int], poison: str
) -> None:
    status = write(app, database, settings, POISONS[poison])
    with database.looking(SYSTEM) as session:
        sent = session.scalars(select(Message)).all()
    assert sent or status == 400  # a Host that no host can have is refused before anything is written
    for letter in sent:
        said = letter.text + letter.html + letter.subject
        assert EVIL not in said
        links = re.findall(r"https?://[^\s\"<]+", said)
        assert links
        assert all(one.startswith(f"{BASE_URL}/") for one in links)


def test_a_redirect_to_a_corrected_path_names_no_host(app: Portal) -> None:
    for poison in POISONS.values():
        answer = app.test_client().get("/o/somewhere", environ_overrides=dict(poison))
        assert EVIL not in answer.headers.get("Location", "")


def test_links_fetched_five_times_still_work_by_one_post(
    app: Portal, database: Database, settings: Settings
) -> None:
    """By scanners that follow them without a cookie, and by the person; HEAD and OPTIONS consume nothing either."""
    assert reset(app, database, settings, {}) == 200
    with database.looking(SYSTEM) as session:
        place = session.execute(select(Message.recipient)).scalar_one()
    assert place == "ciso@halden.example"
    path = path_in(letters(database, "password_reset")[0], "/reset/")
    follow_and_post(app, path, password="another four words here")
    owner_company = make_company(database, settings, "Cedar")
    browser = signed_in(app, owner_company[CompanyRole.OWNER])
    page = f"/c/{owner_company.slug}/team"
    browser.post(f"{page}/invite", page=page, name="New", email="new@cedar.example", role="owner")
    path = path_in(letters(database, "invitation_company")[0], "/invitations/")
    follow_and_post(app, path, name="New", password="another four words here")


def follow_and_post(app: Portal, path: str, **fields: str) -> None:
    for _ in range(5):
        scanner = app.test_client()
        assert scanner.get(path).status_code == 200
        assert scanner.head(path).status_code == 200
        scanner.options(path)
    browser = app.test_client()
    form = {"csrf_token": csrf_of(browser.get(path)), **fields}
    assert browser.post(path, data=form).status_code == 303
    assert app.test_client().get(path).status_code == 404
