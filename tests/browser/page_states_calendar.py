"""The audit calendar and private calendar addresses, for the table of page states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page

from tests.browser.steps import State, follow, press
from tests.portal.world import PASSWORD

if TYPE_CHECKING:
    from tests.browser.states import World

US, THEM, NEW = "/o/{o}", "/c/{c}", "/o/{empty_o}"


def make_address(page: Page, world: World) -> None:
    """The page that comes is the only one that shows it."""
    page.locator("[name=name]").fill("Phone")
    page.locator("[name=current]").fill(PASSWORD)
    press("Make the address")(page, world)


def make_and_list(page: Page, world: World) -> None:
    make_address(page, world)
    follow("To your calendar feeds")(page, world)
    page.get_by_role("heading", name="Calendar feeds").wait_for()


STATES = [
    State("audit calendar", "ciso", US + "/calendar", "Past every step"),
    State("audit calendar of a business owner", "business_owner", US + "/calendar", "Audit calendar"),
    State("audit calendar of one kind", "auditor", US + "/calendar?kind=review", "Narrowed to:"),
    State("audit calendar, two weeks", "ciso", US + "/calendar?when=soon", "two weeks from now"),
    State("audit calendar, overdue", "auditor", US + "/calendar?when=late", "the oldest first"),
    State("audit calendar, past every step", "ciso", US + "/calendar?when=past", "nobody hears of it again"),
    # Whether anything is depends on how often the demonstration's worker has passed by then.
    State("audit calendar, stuck", "ciso", US + "/calendar?when=stuck", "should have opened by itself"),
    State("audit calendar, nothing stuck", "many", NEW + "/calendar?when=stuck", "Nothing is stuck."),
    State("audit calendar, empty month", "ciso", US + "/calendar?year=2040&month=2", "in this month."),
    State("audit calendar of nothing yet", "many", NEW + "/calendar", "Nothing is due in"),
    State("foreseen", "ciso", US + "/calendar/foreseen", "nothing is sent by looking"),
    State("foreseen, wrong days", "auditor", US + "/calendar/foreseen?from=never", "Other days are shown."),
    State(
        "foreseen, of nothing yet", "many", NEW + "/calendar/foreseen", "Nothing is foreseen in these days."
    ),
    State("calendar of a company", "owner", THEM + "/calendar", "What your clients ask of you"),
    State("calendar of a contributor", "contributor", THEM + "/calendar", "What your clients ask of you"),
    State("calendar feeds, none yet", "auditor", "/account/calendar", "You have no calendar address yet."),
    State(
        "calendar feed refused",
        "auditor",
        "/account/calendar",
        "Write which calendar it is for.",
        422,
        press("Make the address"),
    ),
    State("calendar feed made", "ciso", "/account/calendar", "It is shown this once", 200, make_address),
    State("calendar feeds", "admin", "/account/calendar", "begins with", 200, make_and_list),
    State("calendar feed of nobody", "nowhere", "/calendar/" + "x" * 43 + ".ics", "Not found", 404),
]
