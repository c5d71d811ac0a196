"""What an autosave costs: statements and commits, counted on the wire of the database."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from portal.assessments import pace
from portal.settings import Settings
from portal.web import Portal
from questionnaires.parsing import parse_json
from tests.portal.assessments.carried import newer, submitted, write
from tests.portal.assessments.given import SMALL, Given
from tests.portal.assessments.given import give as give_all
from tests.portal.assessments.test_delegation import give, link, opened
from tests.portal.assessments.test_moving import CHANGED, asked, release

MOST = 12


@contextmanager
def counted(given: Given) -> Iterator[tuple[list[str], list[str]]]:
    """Every statement that reaches the driver, and every commit."""
    statements: list[str] = []
    commits: list[str] = []

    def executed(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    def committed(_connection: Any) -> None:
        commits.append("commit")

    engine = given.database.engine
    event.listen(engine, "before_cursor_execute", executed)
    event.listen(engine, "commit", committed)
    try:
        yield statements, commits
    finally:
        event.remove(engine, "before_cursor_execute", executed)
        event.remove(engine, "commit", committed)


def test_an_autosave_is_twelve_statements_and_one_commit(given: Given) -> None:
    browser, path = given.browser(), given.section("one")
    headers = {"Accept": "application/json", "X-CSRF-Token": browser.token(path)}
    for revision, value in enumerate(("no", "yes")):
        body = {"r.one.locks": str(revision), "a.one.locks": value, "n.one.locks": "Said."}
        with counted(given) as (statements, commits):
            answer = browser.client.post(f"{path}/answer", data=body, headers=headers)
        assert answer.status_code == 200
        assert len(statements) <= MOST, "\n".join(statements)
        assert len(commits) == 1


def test_many_answers_at_once_cost_hardly_more_than_one(given: Given) -> None:
    browser, path = given.browser(), given.section("one")
    fields = {"csrf_token": browser.token(path), **browser.card_fields(path)}
    body = {**fields, "a.one.locks": "no", "a.one.why": "Hot.", "a.one.days": "3", "a.one.kinds": "steel"}
    with counted(given) as (statements, commits):
        assert browser.client.post(path, data=body).status_code == 303
    assert len(statements) <= MOST + 1, "\n".join(statements)
    assert len(commits) == 1


def test_a_section_page_is_twelve_statements(given: Given) -> None:
    """Whoever reads it: an owner with answers of colleagues and links on it, a contributor, somebody behind a link."""
    path = given.section("one")
    give(given, "one.days", "one.why")
    helper = opened(given, link(given))
    helper.answer(path, a__one__days="5")
    contributor = given.browser(given.contributor)
    contributor.answer(path, a__one__locks="no")
    for browser in (given.browser(), contributor, helper):
        browser.get(path)
        with counted(given) as (statements, _commits):
            assert browser.get(path).status_code == 200
        assert len(statements) <= MOST, "\n".join(statements)


def test_a_section_page_of_thirty_questions_is_twelve_statements(app: Portal, settings: Settings) -> None:
    """Half of them answered, by two people in turn."""
    raw = copy.deepcopy(SMALL) | {"slug": "thirty"}
    kinds = raw["sections"][0]["questions"]
    raw["sections"][0]["questions"] = [
        {**kinds[3 * (number % 2)], "key": f"one.q{number}"} for number in range(30)
    ]
    for question in raw["sections"][0]["questions"]:
        question.pop("finding", None)
    given = give_all(app, settings, parse_json(json.dumps(raw).encode()))
    path = given.section("one")
    for number, person in enumerate((given.owner, given.contributor) * 7):
        value = "yes" if number % 2 == 0 else "steel"
        answer = given.browser(person).send(path, {f"a.one.q{number}": value})
        assert answer.status_code == 303, answer.text
    for browser in (given.browser(), given.browser(given.contributor)):
        browser.get(path)
        with counted(given) as (statements, _commits):
            page = browser.get(path)
        assert page.text.count('name="r.one.q') == 30
        assert len(statements) <= MOST, "\n".join(statements)


def test_autosaves_of_helpers_cost_no_more(given: Given) -> None:
    path = given.section("one")
    give(given, "one.days")
    for browser in (opened(given, link(given)), given.browser(given.contributor)):
        held = given.stored().get("one.days", (0, ""))[0]
        headers = {"Accept": "application/json", "X-CSRF-Token": browser.token(path)}
        body = {"r.one.days": str(held), "a.one.days": str(held + 1)}
        with counted(given) as (statements, commits):
            assert browser.client.post(f"{path}/answer", data=body, headers=headers).status_code == 200
        assert len(statements) <= MOST, "\n".join(statements)
        assert len(commits) == 1


def test_a_session_saves_at_a_measure_and_what_was_typed_comes_back(
    given: Given, clocked: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MOST", 2)
    browser, path = given.browser(), given.section("one")
    statuses = [
        browser.auto(path, {"r.one.days": str(n), "a.one.days": str(n + 7)}).status_code for n in range(3)
    ]
    assert statuses == [200, 200, 429]
    answer = browser.send(path, {"a.one.days": "123"})
    assert (answer.status_code, "123" in answer.text) == (429, True)
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert (
        given.browser().auto(path, {"r.one.days": "2", "a.one.days": "20"}).status_code == 200
    )  # another session
    clocked[0] += timedelta(seconds=61)
    assert browser.auto(path, {"r.one.days": "3", "a.one.days": "30"}).status_code == 200


def test_offers_of_earlier_answers_and_of_a_move_stay_within_twelve_statements(given: Given) -> None:
    """Documents beside the earlier answers and the answers of before a move come in the same few statements."""
    submitted(given)
    release(given, newer(**CHANGED))
    write(given, given.assessment_id, {"one.locks": "no", "one.days": "3"})
    asked(given)
    path = given.section("one")
    for browser in (given.browser(), given.browser(given.contributor)):
        browser.get(path)
        with counted(given) as (statements, _commits):
            page = browser.get(path)
        assert "Before the questionnaire changed" in page.text
        assert "Is that still true?" in page.text
        assert len(statements) <= MOST, "\n".join(statements)
