"""Each sample vendor answers security_core, as offered now, in a real Chromium from beginning to end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from questionnaires import catalog
from questionnaires.answers import parse_answers
from questionnaires.results import display
from questionnaires.scoring import score
from tests.browser.answering import settle
from tests.browser.conftest import Demo, person
from tests.browser.test_journey import Looker, issue_to_new_vendor, join, sign
from tests.conftest import FULL

pytestmark = pytest.mark.browser
CORE = catalog.latest("security_core")
SHOWN = "all => all.filter(one => one.checkVisibility()).map(one => one.dataset.key)"
NAMES = {
    "fennmark_archive": "Fennmark Play",
    "norrsund_pay": "Norrsund Play",
    "brae_language": "Brae Language Services",
}


def without_documents(name: str) -> tuple[str, str, str]:
    """What the play must lead to: low, high and band as long as every document is only promised."""
    file = parse_answers(CORE, catalog.sample(name, CORE.version))
    bare = {key: dataclasses.replace(one, evidence=()) for key, one in file.answers.items()}
    found = score(CORE, bare, {**file.facts, "engagement.tier": "high"}, file.as_of)
    assert found.score is not None
    assert found.high is not None
    labels = {band.name: band.label for band in CORE.bands}
    return display(found.score), display(found.high), labels[str(found.band)]


def play(page: Page, name: str, *, javascript: bool) -> int:
    """Answer section after section; returns how many questions were answered."""
    raw: Any = catalog.sample(name, CORE.version)
    start, done = page.url, set[str]()
    for _ in range(40):
        if "/sections/" not in page.url:
            break
        answer_section(page, raw["answers"], done, javascript=javascript)
        with page.expect_navigation():
            page.locator(".savebar button[value=next]").click()
    for _ in range(20):
        page.goto(start.split("/sections/")[0] + "/missing")
        gaps = page.locator(".answer > .stack a[href*='/sections/']")
        if gaps.count() == 0:
            return len(done)
        with page.expect_navigation():
            gaps.first.click()
        answer_section(page, raw["answers"], done, javascript=javascript)
        with page.expect_navigation():
            page.locator(".savebar button[value=stay]").click()
    raise AssertionError(f"still missing: {gaps.all_inner_texts()}")


def answer_section(page: Page, answers: dict[str, Any], done: set[str], *, javascript: bool) -> None:
    seen = set[str]()
    for _ in range(20):
        fresh = [key for key in page.locator(".question").evaluate_all(SHOWN) if key not in seen]
        if not fresh:
            return
        for key in fresh:
            seen.add(key)
            done.add(key)
            say(page.locator(f"[id='q-{key}']"), key, answers[key])
        if not javascript:
            return
        page.keyboard.press("Tab")
        settle(page)


def say(card: Locator, key: str, answer: dict[str, Any]) -> None:
    """One answer as the sample has it: value, note, and a promise where a document is asked for."""
    value, named = answer["value"], f"[name='a.{key}']"
    question = CORE.questions[key]
    match question.type:
        case "choice":
            card.locator(f"input[type=radio]{named}[value='{value}']").check()
        case "choices":
            for one in value:
                card.locator(f"input[type=checkbox]{named}[value='{one}']").check()
        case "table":
            for row, cells in enumerate(value):
                for column, text in cells.items():
                    card.locator(f"[name='a.{key}.{row}.{column}']").fill(text)
        case _:
            card.locator(named).fill(value)
    if answer.get("note"):
        note = card.locator(f"[name='n.{key}']")
        if not note.is_visible():
            card.locator("details.comment > summary").click()
        note.fill(answer["note"])
    promise = card.locator(f"[name='e.{key}.reason']")
    if question.evidence is not None and promise.count() and promise.is_visible():
        promise.fill("It comes with the other papers.")
        card.locator(f"[name='e.{key}.date']").fill("2027-03-01")


PLAYS = [
    pytest.param("brae_language", True, id="small"),
    pytest.param("fennmark_archive", True, id="strong"),
    pytest.param("norrsund_pay", False, id="middling, no script"),
]


@pytest.mark.parametrize(("name", "javascript"), PLAYS if FULL else PLAYS[:1])
def test_a_sample_vendor_answers_from_beginning_to_end(
    chromium: Browser, demo: Demo, name: str, javascript: bool
) -> None:
    look = Looker(axe=False)
    address = f"owner@{name.replace('_', '-')}.example"
    with person(chromium, demo, demo.account("organisation", "procurement"), javascript=javascript) as page:
        issue_to_new_vendor(page, look, vendor=NAMES[name], address=address, title="Security in full")
        progress = page.url
    with person(chromium, demo, None, javascript=javascript) as page:
        join(page, demo, look, address, NAMES[name])
        with page.expect_navigation():
            page.locator("main a.button.primary").first.click()
        base = page.url.split("/sections/")[0]
        answered = play(page, name, javascript=javascript)
        raw: Any = catalog.sample(name, CORE.version)
        assert answered == len(raw["answers"])
        sign(page, look, base)
    low, high, band = without_documents(name)
    with person(chromium, demo, demo.account("organisation", "ciso"), javascript=javascript) as page:
        page.goto(f"{progress.rstrip('/')}/result")
        for part in (low, high, band):
            expect(page.locator("main")).to_contain_text(part)
    assert look.faults == []
