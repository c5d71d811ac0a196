"""Pages of API tokens and of the API itself, for the table of page states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page

from tests.browser.steps import NOBODY, State, press
from tests.portal.world import PASSWORD

if TYPE_CHECKING:
    from tests.browser.states import World

US = "/o/{o}"


def make_token(page: Page, world: World) -> None:
    """A token of one scope; the page that comes is the only one that shows it."""
    page.locator("[name=name]").fill("Purchasing system")
    page.locator("[name=scopes][value='gate:read']").check()
    page.locator("[name=current]").fill(PASSWORD)
    press("Make the token")(page, world)


def make_and_list(page: Page, world: World) -> None:
    make_token(page, world)
    page.get_by_role("link", name="To your tokens").click()
    page.get_by_role("heading", name="Your API tokens").wait_for()


def make_and_list_all(page: Page, world: World) -> None:
    make_and_list(page, world)
    page.get_by_role("link", name="See the tokens of everybody").click()
    page.get_by_role("heading", name="Everybody's API tokens").wait_for()


STATES = [
    State("API tokens, none yet", "auditor", US + "/tokens", "You have no token yet."),
    State(
        "API token refused",
        "auditor",
        US + "/tokens",
        "Choose what the token may do.",
        422,
        press("Make the token"),
    ),
    State("API token made", "admin", US + "/tokens", "It is shown this once", 200, make_token),
    State("API tokens", "ciso", US + "/tokens", "Purchasing system", 200, make_and_list),
    State("everybody's API tokens", "admin", US + "/tokens", "Purchasing system", 200, make_and_list_all),
    State("the API to read", NOBODY, "/api/v1/", "How to begin"),
    State("the API to read, signed in", "ciso", "/api/v1/", "When something is refused"),
]
