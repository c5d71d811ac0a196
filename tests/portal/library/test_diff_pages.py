"""Two versions side by side: what a page says of them, the same as JSON, and whose versions can be compared."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.library import service
from portal.settings import Settings
from portal.web import Portal
from questionnaires.__main__ import main
from tests.portal.assessments.given import SMALL
from tests.portal.world import NOW, Browser, Place, make_organisation

CISO = OrganisationRole.CISO


def version(number: str, *, text: str = "", points: int = 100, gone: bool = False) -> bytes:
    given: dict[str, Any] = json.loads(json.dumps(SMALL)) | {"version": number}
    questions = given["sections"][0]["questions"]
    questions[0]["options"][0]["points"] = points
    if text:
        questions[0]["text"] = text
    if gone:
        given["sections"][0]["questions"] = [one for one in questions if "locks" in one["key"]]
    return json.dumps(given).encode()


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    place = make_organisation(database, settings, "Halden")
    with database.transaction(place[CISO].scope) as session:
        for data in (version("1.0.0"), version("2.0.0", text="Do you lock all the doors?", points=90)):
            service.import_for(session, place.id, data, "json", slug="", now=NOW, actor=place[CISO])
    return place


@pytest.fixture
def browser(app: Portal, halden: Place) -> Browser:
    return Browser(app.test_client(), "business_owner@halden.example")


def test_the_page_marks_words_answers_and_shares(browser: Browser, halden: Place) -> None:
    page = browser.get(f"/o/{halden.slug}/questionnaires/small/diff").text
    assert "Every question of small@1.0.0 and what became of it in small@2.0.0" in page
    assert re.search(r"lock <ins>all <span class=\"vh\">\] </span></ins>the doors\?", page)
    assert "100 points" in page
    assert "90 points" in page
    assert "each column adds up to 100.00" in page


@pytest.mark.parametrize("fate", ["added", "retired", "kept", "renamed", "changed", "same"])
def test_a_filter_shows_one_fate(browser: Browser, halden: Place, fate: str) -> None:
    page = browser.get(f"/o/{halden.slug}/questionnaires/small/diff?fate={fate}").text
    shown = "own.small.one.locks</span>" in page
    assert shown is (fate == "kept")
    assert ("No question fits this filter." in page) is (fate in ("added", "retired", "renamed", "changed"))


def test_shares_of_a_shipped_pair_add_up(browser: Browser, halden: Place) -> None:
    page = browser.get(f"/o/{halden.slug}/questionnaires/security_lite/diff?from=0.9.0&to=1.0.0").text
    table = page[page.index("How much each question decides") :]
    for column in ("Before", "After"):
        cells = re.findall(rf'data-label="{column}">(?:<strong>)?([0-9.]+)', table)
        assert sum(round(float(one) * 100) for one in cells) == 10_000


def test_versions_of_two_questionnaires_can_be_compared(browser: Browser, halden: Place) -> None:
    address = f"/o/{halden.slug}/questionnaires/small/diff?from=security_lite@1.0.0&to=small@2.0.0"
    assert browser.get(address).status_code == 200


def test_the_file_is_what_the_command_prints(
    browser: Browser, database: Database, halden: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"/o/{halden.slug}/questionnaires/security_lite/diff.json?from=0.9.0&to=1.0.0"
    found = browser.get(address)
    assert main(["diff", "security_lite@0.9.0", "security_lite@1.0.0", "--json"]) == 0
    assert found.text == capsys.readouterr().out
    assert found.headers["Content-Disposition"].startswith("attachment")
    with database.looking(SYSTEM) as session:
        exported = session.scalars(select(Event).where(Event.kind == Kind.EXPORTED.value)).one()
    assert exported.data["what"] == "diff"
    assert exported.data["rows"] == len(json.loads(found.text)["questions"])


@pytest.mark.parametrize(
    "address",
    [
        "nothing/diff",
        "small/diff?from=9.9.9",
        "small/diff?to=nothing@1.0.0",
        "small/diff?to=00000000-0000-4000-8000-000000000000",
        "small/diff?from=%F0",
        "SMALL/diff",
    ],
)
def test_what_is_not_there_cannot_be_compared(browser: Browser, halden: Place, address: str) -> None:
    assert browser.get(f"/o/{halden.slug}/questionnaires/{address}").status_code == 404


def test_another_organisations_versions_are_not_there(
    app: Portal, database: Database, settings: Settings, halden: Place
) -> None:
    make_organisation(database, settings, "Orrin")
    other = Browser(app.test_client(), "ciso@orrin.example")
    assert other.get("/o/orrin/questionnaires/small/diff").status_code == 404
    assert other.get("/o/orrin/questionnaires/security_lite/diff?to=small@1.0.0").status_code == 404
    assert other.get(f"/o/{halden.slug}/questionnaires/small/diff").status_code == 404
