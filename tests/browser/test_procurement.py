"""Procurement in a browser: a vendor, an engagement by the intake, the tier with its reasons; vendors from a list."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, person, ways
from tests.browser.test_journey import Looker

pytestmark = pytest.mark.browser
ANSWERS = {
    "data": ["personal", "credentials"],
    "volume": ["over_100k"],
    "access": ["privileged"],
    "connection": ["network"],
    "process": ["critical"],
    "outage": ["hours"],
    "harm": ["indirect"],
}


def answer(page: Page, name: str, values: list[str]) -> None:
    for value in values:
        page.locator(f"[name='a.intake.{name}'][value='{value}']").check()


def send(page: Page, label: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=label).click()


@pytest.mark.parametrize("javascript", ways(in_ci=False))
def test_from_a_new_vendor_to_its_tier_and_a_list_of_two(
    chromium: Browser, demo: Demo, *, javascript: bool
) -> None:
    look = Looker(axe=javascript)
    mark = "with" if javascript else "without"
    with person(chromium, demo, demo.account("organisation", "procurement"), javascript=javascript) as page:
        home = page.url.rstrip("/")
        page.goto(f"{home}/vendors/new")
        page.get_by_label("Name").fill(f"Quill {mark} script")
        send(page, "Put the vendor on record")
        with page.expect_navigation():
            page.locator("main a[href*='/engagements/intake']").first.click()
        look(page)
        send(page, "Open the engagement")
        expect(page.locator("#errors")).to_contain_text("Write a name")
        page.get_by_label("Name", exact=True).fill("Core banking")
        page.locator("[name='a.intake.service']").fill("Runs our accounts.")
        page.locator("[name='a.intake.spend']").fill("a lot")
        for name, values in ANSWERS.items():
            answer(page, name, values)
        send(page, "Open the engagement")
        expect(page.locator("#errors")).to_be_visible()  # the amount, and every other answer is kept
        look(page)
        expect(page.locator("[name='a.intake.access'][value='privileged']")).to_be_checked()
        page.locator("[name='a.intake.spend']").fill("120000")
        send(page, "Open the engagement")
        expect(page.get_by_role("heading", name="Why the tier is critical")).to_be_visible()
        expect(page.get_by_text("Nobody knows the answers to 5 questions yet.")).to_be_visible()
        expect(page.locator("table.figures tfoot")).to_contain_text("Together")
        look(page)
        with page.expect_navigation():
            page.get_by_role("link", name="Answer the intake again").click()
        expect(page.locator("[name='a.intake.access'][value='privileged']")).to_be_checked()
        page.locator("[name='a.intake.access'][value='privileged']").uncheck()
        answer(page, "data", [])
        answer(page, "access", ["none"])
        answer(page, "process", ["nothing"])
        for name, value in (("volume", "none"), ("connection", "none"), ("outage", "week"), ("harm", "no")):
            answer(page, name, [value])
        send(page, "Save the answers")
        expect(page.get_by_text("what asks for less waits for a second person")).to_be_visible()
        expect(page.get_by_role("heading", name="Why the tier is critical")).to_be_visible()  # it stands
        look(page)
        import_two(page, look, home, mark)
    assert look.faults == []


def import_two(page: Page, look: Looker, home: str, mark: str) -> None:
    """A list with a fault, then the mended one: looked through, and on record."""
    page.goto(f"{home}/vendors")
    with page.expect_navigation():
        page.get_by_role("link", name="Import a list").click()
    look(page)
    good = f"name,country,engagement,tier\nReed {mark},PT,Parcels,low\nFern {mark},DE,,\n"
    for text in (good.replace("PT", "Atlantis"), good):
        file = {"name": "vendors.csv", "mimeType": "text/csv", "buffer": text.encode()}
        page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]  # playwright's own shape
        send(page, "Check the list")
        look(page)
    send(page, "Put 2 vendors on record")
    expect(page.get_by_text("The list is on record.")).to_be_visible()
    page.goto(f"{home}/vendors?q=Reed")
    expect(page.get_by_role("link", name=f"Reed {mark}")).to_be_visible()
