"""Hostile input on every POST route: a clear 4xx, never 500, and nothing typed lost where the page is a form."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.access import CompanyRole, OrganisationRole
from portal.db import SYSTEM, Database
from portal.tables import metadata
from portal.web import Portal
from tests.conftest import FULL
from tests.guards.test_routes import routes
from tests.portal.scene import Deal, Scene
from tests.portal.test_isolation import addresses, ids_of
from tests.portal.world import Browser, signed_in

TYPED = "Typed by hand, and not to be lost"
NUL, LONE = "%00", "%ED%A0%80"
LARGEST = 2_000_000


@pytest.fixture
def deal(scene: Scene) -> Deal:
    return scene.deals[0]


@pytest.fixture
def browsers(app: Portal, deal: Deal) -> dict[str, Browser]:
    """Somebody who may do everything on each side, and nobody."""
    return {
        "organisation": signed_in(app, deal.organisation[OrganisationRole.ADMIN]),
        "company": signed_in(app, deal.company[CompanyRole.OWNER]),
        "": Browser(app.test_client()),
    }


_fields_of: dict[str, list[str]] = {}  # by address; the scene is the same in every test


TURNS = (
    1 if FULL else 3
)  # so many bodies share the routes: each body meets a third of them, each route a third of all


def posts(
    app: Portal, deal: Deal, browsers: dict[str, Browser], turn: int = 0
) -> Iterator[tuple[str, Browser, str, list[str]]]:
    """(address, browser, token, names of the fields of its page) of POST routes: every one in a soak."""
    tokens = {side: browser.token("/account" if side else "/sign-in") for side, browser in browsers.items()}
    values = ids_of(deal, deal.organisation) | {"assessment": [str(deal.drafted)], "section": [deal.section]}
    number = 0
    for _name, rule, method in routes(app):
        if method != "POST" or rule.endpoint == "accounts.sign_out":
            continue
        side = next((one for one in ("organisation", "company") if one in rule.arguments), "")
        if rule.endpoint == "accounts.change_password":
            side = "company"
        for path in addresses(rule, values):
            number += 1
            if (number + turn) % TURNS:
                continue
            if path not in _fields_of:
                page = browsers[side].get(path.removesuffix("/answer"))
                _fields_of[path] = sorted(set(_names(page.text))) if page.status_code == 200 else []
            yield path, browsers[side], tokens[side], _fields_of[path]


def _names(page: str) -> list[str]:
    found = re.findall(r'\bname="([^"]+)"', page)
    return [name for name in found if name not in ("viewport", "csrf_token", "theme-color", "color-scheme")]


def raw(browser: Browser, path: str, token: str, body: bytes | str, **options: Any) -> TestResponse:
    """A body exactly as given, with the token in its header."""
    headers = {"X-CSRF-Token": token, **options.pop("headers", {})}
    kind = options.pop("content_type", "application/x-www-form-urlencoded")
    return browser.client.post(path, data=body, content_type=kind, headers=headers, **options)


Body = Callable[[list[str]], str]
BODIES: dict[str, Body] = {
    "nothing": lambda names: "",
    "U+0000 in each field": lambda names: "&".join(f"{quote(name)}=a{NUL}b" for name in names),
    "lone surrogates": lambda names: "&".join(f"{quote(name)}=a{LONE}b" for name in names),
    "broken percent signs": lambda names: "&".join(f"{quote(name)}=%zz%f" for name in names),
    "U+0000 in names": lambda names: f"a{NUL}b=c&{NUL}=&x{LONE}y=z",
    "huge values": lambda names: "&".join(
        f"{quote(name)}={'x' * (1_200_000 // max(1, len(names)))}" for name in names
    ),
    "every field twice": lambda names: "&".join(f"{quote(name)}=1&{quote(name)}=2" for name in names),
    "arrays": lambda names: "&".join(f"{quote(name)}[]=1&{quote(name)}[0][x]=2" for name in names),
    "numbers beyond 64 bits": lambda names: "&".join(f"{quote(name)}={10**40}" for name in names),
    "negative and odd numbers": lambda names: "&".join(f"{quote(name)}=-1e309" for name in names),
    "other digits": lambda names: "&".join(f"{quote(name)}={quote('١٢٣²')}" for name in names),
    "markup": lambda names: "&".join(
        f"{quote(name)}={quote('<script>alert(1)</script>{{7*7}}')}" for name in names
    ),
    "right-to-left and zero width": lambda names: "&".join(
        f"{quote(name)}={quote(chr(0x202E) + chr(0x200B))}" for name in names
    ),
    "unfolding letters": lambda names: "&".join(
        f"{quote(name)}={quote(chr(0xFDFA) * 200)}" for name in names
    ),
}


@pytest.mark.parametrize("kind", BODIES)
def test_any_body_gets_a_clear_answer(
    app: Portal, deal: Deal, browsers: dict[str, Browser], kind: str
) -> None:
    wrong = []
    for path, browser, token, names in posts(app, deal, browsers, [*BODIES].index(kind)):
        answer = raw(browser, path, token, BODIES[kind](names))
        if answer.status_code >= 500:
            wrong.append(f"{path}: {answer.status_code}")
        if kind == "markup" and "<script>alert" in answer.text:
            wrong.append(f"{path}: markup came back alive")
        if kind == "markup" and "49" in re.findall(r"alert\(1\)&lt;/script&gt;(\d+)", answer.text):
            wrong.append(f"{path}: a template was run")
        taken = answer.status_code == 303 and names and not path.endswith("/requirements")
        if kind == "U+0000 in each field" and taken:
            wrong.append(f"{path}: took it")
    assert wrong == []


WRONG_KINDS = {
    "json": ("application/json", b'{"a": [1, {"b": null}]}'),
    "broken json": ("application/json", b"{"),
    "xml": ("text/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    "multipart without a boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "broken multipart": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a\r\n\r\n',
    ),
    "odd character set": ("application/x-www-form-urlencoded; charset=utf-7", b"a=+AGE-"),
    "bytes": ("application/octet-stream", bytes(range(256))),
    "no type": ("", b"a=b"),
    "binary in a form": ("application/x-www-form-urlencoded", bytes(range(128, 256)) + b"=\xff\xfe"),
}


@pytest.mark.parametrize("kind", WRONG_KINDS)
def test_any_content_type_gets_a_clear_answer(
    app: Portal, deal: Deal, browsers: dict[str, Browser], kind: str
) -> None:
    content_type, body = WRONG_KINDS[kind]
    wrong = []
    for path, browser, token, _names in posts(app, deal, browsers, [*WRONG_KINDS].index(kind)):
        for accept in ("text/html", "application/json"):
            answer = raw(browser, path, token, body, content_type=content_type, headers={"Accept": accept})
            if answer.status_code >= 500:
                wrong.append(f"{path} as {accept}: {answer.status_code}")
    assert wrong == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"a=" + b"x" * (LARGEST + 1), "application/x-www-form-urlencoded"),
        (b"&".join(b"f%d=1" % number for number in range(400_000)), "application/x-www-form-urlencoded"),
    ],
    ids=["one field", "many fields"],
)
def test_a_body_beyond_two_megabytes_is_413(
    app: Portal, deal: Deal, browsers: dict[str, Browser], body: bytes, content_type: str
) -> None:
    """Said on a page, before anything is parsed; autosave gets JSON."""
    assert len(body) > LARGEST
    for path, browser, token, _names in posts(app, deal, browsers):
        answer = raw(browser, path, token, body, content_type=content_type)
        assert answer.status_code == 413, path
        assert ("<html" in answer.text) is not path.startswith("/api/")
        answer = raw(
            browser, path, token, body, content_type=content_type, headers={"Accept": "application/json"}
        )
        assert answer.status_code == 413
        assert answer.is_json, path


def test_a_body_that_does_not_say_how_long_it_is_is_refused(
    app: Portal, deal: Deal, browsers: dict[str, Browser]
) -> None:
    """A form of ours has a length; one without would be cut off at the limit, which is worse than refused."""
    path = f"/c/{deal.company.slug}/assessments/{deal.drafted}/sections/{deal.section}"
    browser = browsers["company"]
    answer = browser.client.open(
        path,
        method="POST",
        input_stream=BytesIO(b"a=" + b"x" * (LARGEST + 10)),
        content_type="application/x-www-form-urlencoded",
        headers={"X-CSRF-Token": browser.token(), "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )
    assert answer.status_code == 411


def test_ten_thousand_fields_are_a_clear_answer(
    app: Portal, deal: Deal, browsers: dict[str, Browser]
) -> None:
    body = "&".join(f"f{number}=1" for number in range(10_000))
    parts = (
        "".join(f'--x\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\n1\r\n' for n in range(10_000))
        + "--x--\r\n"
    )
    every = list(posts(app, deal, browsers))
    for path, browser, token, _names in every if FULL else every[::2]:  # what reads bodies is one for all
        assert raw(browser, path, token, body).status_code < 500, path
        answer = raw(browser, path, token, parts, content_type="multipart/form-data; boundary=x")
        assert answer.status_code < 500, path


ADDRESSES = [
    "/o/{o}/vendors/" + "9" * 40,
    "/o/{o}/vendors/-1",
    "/o/{o}/vendors/00000000-0000-0000-0000-000000000000",
    "/o/{o}/vendors/%00",
    "/o/{o}/vendors/%ED%A0%80",
    "/o/%00/vendors",
    "/o/%ED%A0%80/",
    "/o/" + "x" * 3000 + "/",
    "/o/{o}/vendors?page=" + "9" * 40,
    "/o/{o}/vendors?page=-1&page=2&page[]=3",
    "/o/{o}/vendors?q=%00",
    "/o/{o}/vendors?q=%ED%A0%80",
    "/o/{o}/vendors?q=%25%27%22%3B--&sort=nowhere&order=sideways",
    "/o/{o}/vendors?q=%EF%B7%BA" * 30,
    "/o/{o}/assessments?state=nowhere&due=never&page=0",
    "/o/{o}/schedule?view=x&period=y&page=%2B1",
    "/o/{o}/calendar/foreseen?from=99999&until=%00&kind=x&person=%00&page=-1",
    "/o/{o}/calendar/foreseen.csv?from=2027-02-30&until=9999-12-31",
    "/o/{o}/calendar?year=99999&month=13&when=never&kind=x&owner=%00&page=-1",
    "/o/{o}/calendar?year=1900&month=1&page=999999",
    "/o/{o}/calendar.csv?year=0&month=%D9%A1",
    "/o/{o}/questionnaires/..%2f..%2fetc/passwd",
    "/o/{o}/questionnaires/security_lite/9.9.9",
    "/o/{o}/questionnaires/security_lite/" + "9" * 400,
    "/c/{c}/assessments/{a}/sections/..%2F..%2F",
    "/c/{c}/assessments/{a}/sections/%00",
    "/c/{c}/assessments/{a}/sections/" + "s" * 500,
    "/static/..%2f..%2fportal%2fdb.py",
    "/static/%00",
    "/static//etc/passwd",
    "/invitations/" + "a" * 5000,
    "/reset/%ED%A0%80",
    "//evil.example/",
    "/sign-in?next=//evil.example",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/home;jsessionid=1",
]


@pytest.mark.parametrize("shape", ADDRESSES)
def test_any_address_gets_a_clear_answer(
    app: Portal, deal: Deal, browsers: dict[str, Browser], shape: str
) -> None:
    path = (
        shape.replace("{o}", deal.organisation.slug)
        .replace("{c}", deal.company.slug)
        .replace("{a}", str(deal.drafted))
    )
    for browser in browsers.values():
        for headers in ({}, {"Accept": "application/json"}):
            answer = browser.get(path, headers=headers)
            assert answer.status_code < 500
            assert "root:" not in answer.text
            assert "evil.example" not in answer.headers.get("Location", "")


HEADERS: list[dict[str, str]] = [
    {"Cookie": "session=" + "x" * 6000},
    {"Cookie": "session=\u00ff\u00fe; visit=\x7f"},
    {"Cookie": "session=a; session=b; visit=" + "é" * 43},
    {"Accept": "x" * 8000},
    {"Accept": "application/json;q=nan, text/html;q=-1"},
    {"Accept-Language": "xx-YY-" + "z" * 4000},
    {"Content-Length": "-1"},
    {"Range": "bytes=0-1,2-3,-9999999999999999999"},
    {"If-None-Match": '"' + "x" * 5000 + '"'},
    {"X-Forwarded-For": "evil, " * 500, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"},
    {"X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/admin"},
    {"Host": "evil.example"},
    {"Origin": "null"},
    {"Origin": "http://[::1"},
    {"Referer": "javascript:alert(1)"},
    {"X-CSRF-Token": "é"},
]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda one: next(iter(one)))
def test_any_header_gets_a_clear_answer(app: Portal, deal: Deal, headers: dict[str, str]) -> None:
    client = app.test_client()
    for path in ("/sign-in", f"/o/{deal.organisation.slug}/vendors", "/static/portal.css"):
        answer = client.get(path, headers=headers)
        assert answer.status_code < 500, path
        assert "evil.example" not in answer.text + str(answer.headers)
        answer = client.post("/sign-in", data={"email": "a@b.example"}, headers=headers)
        assert 400 <= answer.status_code < 500


# -------------------------------------------------------------------------------------------- nothing typed is lost

FORMS = {
    "vendors/new": ("organisation", "name", {"country": "ZZ"}),
    "members/invite": ("organisation", "name", {"email": "no address", "role": "king"}),
    "team/invite": ("company", "name", {"email": "no address", "role": "king"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_refused_form_comes_back_with_what_was_typed(
    app: Portal, deal: Deal, browsers: dict[str, Browser], form: str
) -> None:
    side, name, bad = FORMS[form]
    start = f"/o/{deal.organisation.slug}" if side == "organisation" else f"/c/{deal.company.slug}"
    browser = browsers[side]
    answer = browser.client.post(f"{start}/{form}", data={"csrf_token": browser.token(), name: TYPED, **bad})
    assert answer.status_code == 422
    assert html.escape(TYPED) in answer.text
    assert re.search(r'aria-invalid="true"|class="[^"]*error', answer.text)


@pytest.mark.parametrize("hostile", ["\x00", "\x07", "\x1b"])
def test_control_characters_are_named_and_the_other_fields_kept(
    deal: Deal, browsers: dict[str, Browser], hostile: str
) -> None:
    browser = browsers["organisation"]
    path = f"/o/{deal.organisation.slug}/vendors/{deal.vendor}/engagements/new"
    body = f"name=Bad{quote(hostile)}name&description={quote(TYPED)}&tier=high"
    answer = raw(browser, path, browser.token(), body)
    assert answer.status_code in (400, 422)
    assert html.escape(TYPED) in answer.text


def test_answers_that_are_not_offered_are_refused_and_the_good_ones_saved(
    deal: Deal, database: Database, browsers: dict[str, Browser]
) -> None:
    """On a section page: options not offered, fields of other sections, and a note that must not be lost."""
    browser = browsers["company"]
    path = f"/c/{deal.company.slug}/assessments/{deal.drafted}/sections/{deal.section}"
    page = browser.get(path).text
    fields = dict(re.findall(r'<input[^>]*name="(r\.[^"]+)"[^>]*value="(\d+)"', page))
    keys = [name[2:] for name in fields]
    radio = re.search(r'<input[^>]*type="radio"[^>]*name="a\.([^"]+)"', page)
    assert keys
    assert radio
    body = {
        "csrf_token": browser.token(),
        **fields,
        f"a.{radio.group(1)}": "not-offered",
        f"n.{radio.group(1)}": TYPED,
        "a.foreign.key": "yes",
        "r.foreign.key": "0",
    }
    answer = browser.client.post(path, data=body)
    assert answer.status_code == 422
    assert html.escape(TYPED) in answer.text


@pytest.mark.parametrize("revision", ["-1", "x", "", "9" * 30, "1.5", "\u0661", "0x1"])
def test_odd_revisions_lose_nothing(deal: Deal, browsers: dict[str, Browser], revision: str) -> None:
    browser = browsers["company"]
    path = f"/c/{deal.company.slug}/assessments/{deal.drafted}/sections/{deal.section}"
    key = re.findall(r'name="r\.([^"]+)"', browser.get(path).text)[0]
    headers = {"Accept": "application/json", "X-CSRF-Token": browser.token()}
    answer = browser.client.post(
        f"{path}/answer", data={f"r.{key}": revision, f"n.{key}": TYPED, f"s.{key}": "on"}, headers=headers
    )
    assert answer.status_code in (409, 422)
    assert answer.is_json


def test_hostile_posts_change_nothing(
    app: Portal, deal: Deal, database: Database, browsers: dict[str, Browser]
) -> None:
    """The whole database but events, throttles and letters, before and after a round of U+0000 in every field."""
    before = _everything(database)
    for path, browser, token, names in posts(app, deal, browsers):
        if path.endswith(("/resend", "/withdraw", "/requirements")) or not names:
            continue  # a button alone: it has no fields to be hostile in
        raw(browser, path, token, BODIES["U+0000 in each field"](names))
    assert _everything(database) == before


def _everything(database: Database) -> dict[str, list[str]]:
    left_out = {"event", "throttle", "message", "login_session", "worker_beat", "worker_run"}
    with database.looking(SYSTEM) as session:
        return {
            name: sorted(str(row) for row in session.execute(select(table)))
            for name, table in metadata.tables.items()
            if name not in left_out
        }
