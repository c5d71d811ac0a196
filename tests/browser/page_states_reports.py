"""Pages of reports and of webhooks, for the table of page states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page

from tests.browser.steps import State, press
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


STATES = [
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
