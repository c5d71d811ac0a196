"""Pages of reports, of webhooks and of a saved annex, for the table of page states."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Page

from tests.browser.steps import State, follow, press
from tests.portal.world import PASSWORD

if TYPE_CHECKING:
    from tests.browser.states import World

US = "/o/{o}"


def add_webhook(page: Page, world: World) -> None:
    """An address in figures: no name has to be looked up, and nothing is sent to it here."""
    page.locator("[name=url]").fill("https://1.1.1.1/hook")
    page.locator("[name=kinds][value='gate.decided']").check()
    page.locator("[name=current]").fill(PASSWORD)
    press("Add the webhook")(page, world)


def add_and_open(page: Page, world: World) -> None:
    add_webhook(page, world)
    page.get_by_role("link", name="To the webhook").click()
    page.get_by_role("heading", name="Log of the last 30 days").wait_for()


def open_annex(page: Page, world: World) -> None:
    """The file as somebody opens it who got it: without the portal's headers, which keep its own style off."""
    with page.expect_download() as taken:
        follow("Annex as HTML")(page, world)
    file = Path(taken.value.path()).read_bytes()
    page.route(
        taken.value.url,
        lambda route: route.fulfill(body=file, content_type="text/html; charset=utf-8"),
        times=1,
    )
    page.goto(taken.value.url)


STATES = [
    State(
        "annex of a contract schedule",
        "procurement",
        US + "/engagements/{engagement}/schedule",
        "About this schedule",
        200,
        open_annex,
    ),
    State("report on a vendor", "auditor", US + "/vendors/{vendor}/report", "What this report rests on"),
    State("report for the board", "ciso", US + "/portfolio/report", "How the numbers come about"),
    State("webhooks", "ciso", US + "/webhooks", "A program of yours hears at once"),
    State("webhook added", "ciso", US + "/webhooks", "It is shown this once", 200, add_webhook),
    State("webhook", "admin", US + "/webhooks", "How a receiver knows us", 200, add_and_open),
    State(
        "webhook refused",
        "admin",
        US + "/webhooks",
        "Choose what it is to hear of.",
        422,
        press("Add the webhook"),
    ),
]
