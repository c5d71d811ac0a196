"""A vendor is reviewed once more, on a newer release: it confirms what still holds, changes one answer, and signs."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.answering import fill_section, settle
from tests.browser.conftest import Demo, person
from tests.browser.test_journey import Looker, sign

pytestmark = pytest.mark.browser
TOGETHER = "button[name=confirm][value=section]"
SINGLE = ".question:not([hidden]) button[name=confirm]"


def owner(demo: Demo) -> dict[str, str]:
    return next(one for one in demo.accounts if one["side"] == "company" and "brae" in one["email"])


def opened(page: Page) -> str:
    """From home to what can be confirmed; returns the address of the assessment."""
    page.get_by_role("link", name="Show all").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What you answered before")
    return page.url.removesuffix("/earlier")


def sections(page: Page, base: str) -> list[str]:
    page.goto(f"{base}/earlier")
    return page.locator("main li a[href*='/sections/']").evaluate_all("all => all.map(one => one.href)")


def press(page: Page, place: str) -> None:
    with page.expect_navigation():
        page.locator(place).first.click()


def test_a_reassessment_from_offers_to_the_signature(chromium: Browser, demo: Demo) -> None:
    look = Looker(axe=True)
    with person(chromium, demo, owner(demo), javascript=False) as page:
        base = opened(page)
        page.goto(sections(page, base)[1])
        count = page.locator(SINGLE).count()
        expect(page.locator(TOGETHER)).to_have_text(f"All {count} are still true")
        page.locator(".question.offer .options input").last.check()  # another answer stands against its offer
        press(page, TOGETHER)
        expect(page.locator(SINGLE)).to_have_count(0)
        expect(page.get_by_text("Taken over as still true")).to_be_visible()
    with person(chromium, demo, owner(demo)) as page:
        page.goto(f"{base}/earlier")
        look(page)
        page.goto(sections(page, base)[1])
        look(page)
        card = page.locator(".question.offer:not([hidden])").first
        expect(card.locator("[data-part=offer] .note")).to_be_visible()
        card.locator(".options input").first.check()
        settle(page)
        expect(card.locator("[data-part=offer] .note")).to_have_count(0)  # answered, so nothing is offered
        expect(page.locator("[data-bar-text]")).to_contain_text("Saved")
        for _ in range(3):  # an answer may ask further questions, which were answered before, too
            for section in sections(page, base):
                page.goto(section)
                if page.locator(TOGETHER).count():
                    press(page, TOGETHER)
                while page.locator(SINGLE).count():
                    press(page, SINGLE)
        expect_nothing_offered(page, base)
        answer_the_rest(page, base)
        sign(page, look, base)
    assert look.faults == []


def expect_nothing_offered(page: Page, base: str) -> None:
    page.goto(f"{base}/earlier")
    expect(page.get_by_text("Nothing to confirm.")).to_be_visible()


def answer_the_rest(page: Page, base: str) -> None:
    """What is new, or asks for something else, and documents that are promised."""
    for _ in range(60):
        page.goto(f"{base}/missing")
        gaps = page.locator(".answer > .stack a[href*='/sections/']")
        if gaps.count() == 0:
            return
        press(page, ".answer > .stack a[href*='/sections/']")
        fill_section(page, javascript=True)
        press(page, ".savebar button[value=stay]")
    raise AssertionError("something is missing for ever")
