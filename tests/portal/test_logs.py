"""Logs: an id for each request, one line each, and nothing of what people typed (issue 3)."""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from portal import create_app, logs, outbox, worker
from portal.access import CompanyRole, OrganisationRole, public
from portal.accounts.models import PersonRow
from portal.db import Database
from portal.mail import PermanentFailure, Still
from portal.outbox import Letter
from portal.settings import Settings
from portal.web import Portal
from tests.conftest import TEMPLATES
from tests.portal.scene import Scene
from tests.portal.world import NOW, PASSWORD, Browser, signed_in

CANARY = "kzsecretcanaryq"
TOKEN = "A" * 43


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("json", stream)
    yield stream
    root.handlers[:], root.level = before, level


@pytest.fixture
def real(settings: Settings) -> Iterator[Portal]:
    """An application that answers with error pages, as in production, and has one route that fails."""
    made = create_app(settings)
    made.jinja_env.bytecode_cache = TEMPLATES
    _fail(made)
    yield made
    made.database.dispose()


def _fail(made: Flask) -> None:
    @made.get("/fail")
    @public
    def fail() -> str:
        database: Database = made.database  # type: ignore[attr-defined]  # it is a Portal
        with database.transaction() as session:
            session.add(PersonRow(id=uuid.uuid4(), email=f"{CANARY}@x.example", address=None, name=CANARY))
            session.flush()
        return "never"

    @made.get("/quote/<word>")
    @public
    def quote(word: str) -> str:
        raise ValueError(f"cannot use {word}")


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(one) for one in stream.getvalue().splitlines()]


def test_a_journey_leaves_no_word_of_it_in_the_logs(real: Portal, scene: Scene, written: io.StringIO) -> None:
    deal = scene.deals[0]
    owner = deal.company[CompanyRole.OWNER]
    browser = Browser(real.test_client(), owner.person.email)
    page = f"/c/{deal.company.slug}/assessments/{deal.drafted}/sections/{deal.section}"
    browser.get(f"{page}?q={CANARY}")
    browser.post(page, {f"n.{CANARY}": CANARY, "go": "next"})
    browser.get(f"/c/{deal.company.slug}/assessments/{deal.submitted}/answers")
    browser.get(f"/reset/{TOKEN}")
    browser.get(f"/invitations/{TOKEN}")
    browser.get(f"/nothing/{CANARY}")
    browser.post("/sign-in", page="/account", email=f"{CANARY}@mail.example", password=CANARY)
    assert browser.get("/fail").status_code == 500
    assert browser.get(f"/quote/{CANARY}").status_code == 500
    buyer = signed_in(real, deal.organisation[OrganisationRole.ADMIN])
    buyer.get(f"/o/{deal.organisation.slug}/vendors?q={CANARY}")
    assert len(lines(written)) >= 10
    whole = written.getvalue()
    for word in (CANARY, TOKEN, PASSWORD, owner.person.email, owner.person.name, *scene.canaries):
        assert word not in whole, word
    assert '"exception"' in whole
    assert "IntegrityError" in whole


def test_one_line_a_request_with_who_and_where_by_ids(
    real: Portal, scene: Scene, written: io.StringIO
) -> None:
    buyer = scene.deals[0].organisation
    browser = signed_in(real, buyer[OrganisationRole.ADMIN])
    answer = browser.get(f"/o/{buyer.slug}/vendors/{scene.deals[0].vendor}")
    (line,) = [one for one in lines(written) if one["logger"] == "portal.requests"]
    assert line["route"] == "/o/<organisation>/vendors/<uuid:vendor>"
    assert (line["method"], line["status"], line["message"]) == ("GET", 200, "request")
    assert line["person"] == str(buyer[OrganisationRole.ADMIN].person.id)
    assert line["organisation"] == str(buyer.id)
    assert line["ms"] > 0
    assert answer.headers["X-Request-ID"] == line["request"]


def test_an_error_page_names_the_request(real: Portal, written: io.StringIO) -> None:
    answer = real.test_client().get("/fail")
    found = answer.headers["X-Request-ID"]
    assert found in answer.text
    assert {one["request"] for one in lines(written)} == {found}


@pytest.mark.parametrize(
    ("proxies", "given", "taken"),
    [
        (0, "from-outside-1234", False),
        (1, "from-a-proxy-1234", True),
        (1, "short", False),
        (1, "a" * 65, False),
        (1, "two words here", False),
        (1, "x<script>alert", False),
    ],
)
def test_only_a_trusted_proxy_names_a_request(
    settings: Settings, written: io.StringIO, proxies: int, given: str, taken: bool
) -> None:
    made = create_app(replace(settings, trusted_proxies=proxies))
    answer = made.test_client().get("/healthz", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is taken
    made.database.dispose()


class Refusing:
    def send(self, message: outbox.Outgoing, still: Still) -> None:
        raise PermanentFailure(f"550 <{message.letter.recipient}> is unknown here")


def test_the_worker_logs_alike(database: Database, written: io.StringIO) -> None:
    letter = Letter("receipt", f"{CANARY}@mail.example", CANARY, CANARY, CANARY, CANARY)
    with database.transaction() as session:
        outbox.queue(session, letter, now=NOW)
    worker.run_once(database, Refusing(), NOW)
    (line,) = [one for one in lines(written) if one["logger"] == "portal.posting"]
    assert "550" in line["message"]
    assert CANARY not in written.getvalue()
    assert len(line["request"]) == 16


def test_parameters_of_statements_are_hidden(database: Database) -> None:
    with pytest.raises(Exception, match="hide_parameters") as fault, database.engine.connect() as connection:
        connection.execute(text("SELECT :word FROM nowhere"), {"word": CANARY})
    assert CANARY not in str(fault.value)


def test_text_for_eyes() -> None:
    record = logging.LogRecord("portal", logging.INFO, "", 0, "to a@b.example\nand %s", (TOKEN,), None)
    assert "INFO portal to [left out] and [left out]" in logs.Text().format(record)
