"""What the API says of itself is what it is; and what goes wrong on our side is said in its own way."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from portal import web
from portal.access import SCOPES, Permission
from portal.access import OrganisationRole as Role
from portal.api import app as description
from portal.api.paging import MOST
from portal.db import Database
from portal.faults import Unavailable
from portal.organisations import tokens
from portal.problems import MEANINGS, USUAL, Wrong, document, pointer
from portal.settings import Settings
from portal.vendors import lists
from portal.web import Portal
from tests.portal.api.asking import code_of, program
from tests.portal.api.test_scopes import OPERATIONS
from tests.portal.api.test_walk import operations
from tests.portal.world import Place, make_organisation


@pytest.fixture
def alder(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Alder")


def _described() -> dict[tuple[str, str], Any]:
    """Each operation by (method, path)."""
    found = description.description("https://portal.example")
    return {
        (method.upper(), path): one
        for path, item in found["paths"].items()
        for method, one in item.items()
        if method != "parameters"
    }


def test_every_operation_is_described_and_nothing_else(app: Portal) -> None:
    routed = {(method, re.sub(r"<uuid:(\w+)>", r"{\1}", rule.rule)) for method, rule, _one in operations(app)}
    assert routed == set(_described())


def test_the_description_says_which_scope_an_operation_needs(app: Portal) -> None:
    described = _described()
    for method, rule, permission in operations(app):
        one = described[method, re.sub(r"<uuid:(\w+)>", r"{\1}", rule.rule)]
        scopes = set(re.findall(r"`([a-z]+:[a-z]+)`", one["description"].rpartition("Scope")[2]))
        assert scopes == set(one["x-scopes"]) == set(OPERATIONS[one["operationId"]]), rule.rule
        assert all(permission in SCOPES[name] for name in scopes)
        assert one["security"] == [{"bearer": []}]
        assert one["summary"]
    ids = [one["operationId"] for one in described.values()]
    assert len(ids) == len(set(ids))


def test_every_refusal_that_can_come_is_documented() -> None:
    for (method, path), one in _described().items():
        wanted = {"400", "401", "403", "422", "429", "503"}
        wanted |= {"304"} if method == "GET" else {"409", "411", "413", "415"}
        wanted |= {"404"} if "{" in path else set()
        wanted |= {"412", "428"} if method == "PATCH" else set()
        wanted |= {"201"} if method == "POST" else {"200"}
        assert set(one["responses"]) == wanted, (method, path)
    kinds = description.description("https://portal.example")["components"]["responses"]
    for name, one in kinds.items():
        if name != "NOT_MODIFIED":
            assert list(one["content"]) == ["application/problem+json"], name


def test_a_list_names_its_limits() -> None:
    for (_method, path), one in _described().items():
        limit = [each for each in one.get("parameters", ()) if each["name"] == "limit"]
        assert bool(limit) == (path.count("/") == 3 and _method == "GET"), path
        for each in limit:
            assert (each["schema"]["minimum"], each["schema"]["maximum"]) == (1, MOST)


def test_the_description_is_served_to_everybody_and_kept_by_its_tag(app: Portal) -> None:
    client = app.test_client()
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["openapi"] == "3.1.0"
    assert answer.json["servers"] == [{"url": app.settings.base_url}]
    again = client.get("/api/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_page_shows_each_operation_each_shape_and_each_problem(app: Portal) -> None:
    page = app.test_client().get("/api/v1/").text
    for one in _described().values():
        assert f'id="{one["operationId"]}"' in page
    for code in MEANINGS:
        assert f'id="problem-{code}"' in page
    table = page.partition("What it opens")[2].partition("</table>")[0]
    for row in re.findall(r'<tr id="scope-.*?</tr>', table, re.DOTALL):
        (scope,) = re.findall(r"<code>([a-z:]+)</code>", row)
        assert html.unescape(row).count(tokens.SCOPE_WORDS[scope]) == 1
        assert set(re.findall(r'href="#(\w+)"', row)) == {
            one for one, scopes in OPERATIONS.items() if scope in scopes
        }, scope
    assert table.count("<tr ") == len(SCOPES)
    places = set(re.findall(r'id="([\w-]+)"', page))
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= places


def test_a_fault_of_ours_says_nothing_but_where_to_look(
    app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = program(app, alder[Role.CISO])

    def fails(*_: object, **__: object) -> None:
        raise ValueError("the secret of the house")

    monkeypatch.setattr(lists, "in_order", fails)
    monkeypatch.setattr(app, "testing", False)
    answer = asking.get("/vendors")
    assert (answer.status_code, code_of(answer)) == (500, "defect")
    assert "secret" not in answer.text
    assert answer.json is not None
    assert answer.json["instance"] == answer.headers["X-Request-ID"]


def test_who_comes_while_the_database_is_busy_is_told_when_to_come_again(
    app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = program(app, alder[Role.CISO])

    def busy(*_: object, **__: object) -> None:
        raise Unavailable("Busy with another change.")

    monkeypatch.setattr(web, "db", busy)
    answer = asking.get("/vendors")
    assert (answer.status_code, code_of(answer)) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0


# --------------------------------------------------------------------------------------------------------- documents


def test_every_status_has_a_usual_meaning_of_its_own() -> None:
    assert {MEANINGS[code].status for code in USUAL.values()} == set(USUAL)
    for status, code in USUAL.items():
        assert MEANINGS[code].status == status
    assert {one.status for one in MEANINGS.values()} == set(USUAL)


def test_a_document_says_what_is_wrong_where() -> None:
    found = document(
        "invalid",
        wrong=[Wrong("Write a name.", pointer("facts", "a/b~c", 0)), Wrong("Too many.", parameter="limit")],
        base_url="https://portal.example",
        instance="abc",
    )
    assert found["type"] == "https://portal.example/api/v1/#problem-invalid"
    assert found["detail"] == MEANINGS["invalid"].help
    assert found["errors"] == [
        {"detail": "Write a name.", "pointer": "/facts/a~1b~0c/0"},
        {"detail": "Too many.", "parameter": "limit"},
    ]
    assert "errors" not in document("not_found")
    assert json.dumps(found)


def test_permissions_of_the_api_are_known() -> None:
    held = frozenset().union(*SCOPES.values())
    assert held <= set(Permission)
