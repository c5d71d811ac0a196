"""The whole picture, its lists and saved views, for the table of page states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page

from tests.browser.steps import State, open_details, press

if TYPE_CHECKING:
    from tests.browser.states import World

HERE = "/o/{o}/portfolio"
EMPTY = "/o/{empty_o}/portfolio"


def keep_nameless(page: Page, _world: World) -> None:
    page.get_by_text("Keep this view").click()
    page.get_by_role("button", name="Keep", exact=True).click()


def keep(page: Page, world: World) -> None:
    page.get_by_text("Keep this view").click()
    page.get_by_label("Name", exact=True).fill("Critical ones")
    press("Keep")(page, world)


def keep_and_ask(page: Page, world: World) -> None:
    keep(page, world)
    page.get_by_text("Take a view away").click()
    page.get_by_role("link", name="take away").first.click()


STATES = [
    State("portfolio", "ciso", HERE, "What needs somebody"),
    State("portfolio, numbers of the chart", "auditor", HERE, "Audits by month", 200, open_details),
    State("portfolio as the first page", "auditor", "/o/{o}/", "How much depends on them"),
    State("portfolio of nothing yet", "many", EMPTY, "Nothing that you buy is on record yet."),
    State("changes", "ciso", HERE + "/changes", "What is otherwise now"),
    State("changes, none", "auditor", HERE + "/changes?what=lower&q=zzz", "Nothing fits this filter."),
    State("changes of nobody", "many", EMPTY + "/changes", "Nothing has changed since that day."),
    State("conditions", "ciso", HERE + "/conditions", "What must still be met"),
    State("conditions, none", "many", EMPTY + "/conditions", "No condition is open."),
    State("exceptions", "auditor", HERE + "/exceptions", "Grounds that two people accepted"),
    State("exceptions, none", "many", EMPTY + "/exceptions", "No risk has been accepted."),
    State("engagements, narrowed", "ciso", "/o/{o}/engagements?gate=undecided&level=none", "Narrowed to:"),
    State(
        "a view without a name",
        "procurement",
        "/o/{o}/engagements?tier=critical",
        "Write a name for it.",
        422,
        keep_nameless,
    ),
    State(
        "a view, before it goes",
        "procurement",
        "/o/{o}/engagements?tier=high",
        "Only its name and its filters",
        200,
        keep_and_ask,
    ),
    State("a view, kept", "procurement", "/o/{o}/engagements?tier=critical", "The view is kept.", 200, keep),
]
