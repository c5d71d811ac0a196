"""A vendor answers in a spreadsheet: download, fill in, upload, choose, take over; with and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, axe_faults, overflow, ways
from tests.browser.states import World, make
from tests.browser.workbooks import WORDS, bring

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def made(first_demo: Demo) -> World:
    return make(first_demo)


@pytest.fixture(params=ways(in_ci=False))
def owner(
    request: pytest.FixtureRequest, chromium: Browser, first_demo: Demo, made: World
) -> Iterator[tuple[Page, bool]]:
    context = chromium.new_context(
        base_url=first_demo.url, java_script_enabled=request.param, accept_downloads=True
    )
    context.set_default_timeout(15_000)
    context.add_cookies([{"name": "session", "value": made.cookie("owner"), "url": first_demo.url}])
    yield context.new_page(), request.param
    context.close()


def looked_at(page: Page, javascript: bool) -> None:
    """axe needs scripts; the width does not lie without them either, but cannot be asked."""
    if javascript:
        assert axe_faults(page) == []
        assert overflow(page) <= 0


def test_answers_go_out_and_come_back(owner: tuple[Page, bool], made: World) -> None:
    page, javascript = owner
    page.goto(f"/c/{made.c}/assessments/{made.draft}")
    page.get_by_role("link", name="Work in a spreadsheet").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Work in a spreadsheet")
    looked_at(page, javascript)
    bring(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("What the workbook would change")
    expect(page.get_by_text("Write a whole number").first).to_be_visible()
    looked_at(page, javascript)
    new = page.locator("section[aria-labelledby=new]")
    changed = page.locator("section[aria-labelledby=changed]")
    expect(new.get_by_text(WORDS)).to_be_visible()
    key = new.locator("[name=take]").first.get_attribute("value")
    left = changed.locator("[name=take]").first
    before = changed.locator("dd").first.inner_text()
    other = left.get_attribute("value")
    left.uncheck()
    for box in page.locator("section[aria-labelledby=conflict] [name=take]").all():
        box.uncheck()
    page.get_by_role("button", name="Take over what is ticked").click()
    expect(page.get_by_text("The answers of your workbook are saved.")).to_be_visible()
    looked_at(page, javascript)
    assert key is not None
    assert other is not None
    page.goto(f"/c/{made.c}/assessments/{made.draft}/workbook")
    bring(page)  # the next question that is still open, and the choice that was left out
    expect(page.locator(f"[name=take][value='{key}']")).to_have_count(0)
    expect(page.locator(f"[name=take][value='{other}']")).to_have_count(1)
    assert before in page.locator("section[aria-labelledby=changed]").inner_text()
    page.get_by_role("button", name="Throw this upload away").click()
    expect(page.get_by_text("The upload is thrown away.")).to_be_visible()
