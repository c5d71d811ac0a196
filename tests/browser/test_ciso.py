"""The CISO's and the auditor's way through the whole picture: first page, a figure, its list, a view that both find."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, axe_faults, overflow, person

pytestmark = pytest.mark.browser


def follow(page: Page, selector: str) -> None:
    """Open the list behind a figure: it is as long as the figure says."""
    figure = page.locator(selector).first
    count = figure.get_attribute("data-count")
    figure.click()
    expect(page.locator("data.total")).to_have_attribute("value", str(count))


def fits(page: Page) -> None:
    """The page as it stands, on a screen and on a telephone: nothing for axe, nothing that scrolls sideways."""
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert axe_faults(page) == []
        assert overflow(page) == 0


def test_the_ciso_reads_the_picture_and_keeps_a_view_that_the_auditor_finds(
    chromium: Browser, demo: Demo
) -> None:
    with person(chromium, demo, demo.account("organisation", "ciso")) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Portfolio")
        expect(page.get_by_role("navigation", name="Main").locator("[aria-current]")).to_have_text(
            "Portfolio"
        )
        fits(page)
        picture = page.url
        follow(page, "table.matrix tfoot a[data-figure]")
        fits(page)
        page.goto(picture)
        follow(page, "table.matrix tbody td[data-tone] a[data-figure]")
        expect(page.get_by_text("Narrowed to:")).to_be_visible()
        page.get_by_text("Keep this view").click()
        page.get_by_label("Name", exact=True).fill("For the auditor")
        page.get_by_text("for everybody").click()
        page.get_by_role("button", name="Keep", exact=True).click()
        expect(page.get_by_text("The view is kept.")).to_be_visible()
        views = page.get_by_role("navigation", name="Saved views")
        expect(views.get_by_role("link", name="For the auditor")).to_have_attribute("aria-current", "page")
        fits(page)
        page.goto(picture)
        page.get_by_label("Compare with").fill("2026-01-01")
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_role("heading", name=re.compile("^Since 1 Jan 2026"))).to_be_visible()
        follow(page, "a[data-figure^='changes:']")
        expect(page.get_by_role("heading", level=1)).to_have_text("Changes")
        for link, heading in (
            ("a[data-figure='conditions']", "Conditions"),
            ("a[data-figure='exceptions:force']", "Exceptions"),
            ("main a[href$='/portfolio/report']", "Third-party risk report"),
        ):
            page.goto(picture)
            page.locator(link).first.click()
            expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    with person(chromium, demo, demo.account("organisation", "auditor"), javascript=False) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Portfolio")
        page.get_by_role("link", name="All engagements").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Engagements")
        page.get_by_role("link", name="For the auditor").click()
        expect(page.get_by_text("Narrowed to:")).to_be_visible()
        expect(page.get_by_text("Keep this view")).to_have_count(0)
        expect(page.get_by_text("Take a view away")).to_have_count(0)
        with page.expect_download() as taken:
            page.get_by_role("link", name=re.compile("^XLSX")).click()
        assert taken.value.suggested_filename.endswith(".xlsx")
