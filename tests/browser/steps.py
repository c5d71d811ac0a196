"""What a person does on a page before it is in the state that is looked at, and how a state is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.sync_api import Page, Route

from tests.portal.world import PASSWORD

if TYPE_CHECKING:  # the world's parts bring states of their own, which are made of steps
    from tests.browser.states import World

Step = Callable[[Page, "World"], None]
NOBODY = ""


@dataclass(frozen=True)
class State:
    """``who``: a name of World.people, or NOBODY. ``path``: its names in braces. ``steps`` lead on from there."""

    name: str
    who: str
    path: str
    landmark: str
    status: int = 200
    steps: Step | None = None
    sees: str = field(default="")


def press(label: str) -> Step:
    """Press a button of the page and leave the fields as they are."""

    def step(page: Page, _world: World) -> None:
        page.locator("main, .savebar").get_by_role("button", name=label, exact=True).first.click()

    return step


def write(selector: str, text: str, label: str) -> Step:
    """Write into one field, then press a button."""

    def step(page: Page, world: World) -> None:
        page.locator(selector).fill(text)
        press(label)(page, world)

    return step


def old_revision(page: Page, world: World) -> None:
    """As if somebody had changed the engagement while this page lay open."""
    page.locator("[name=revision]").evaluate("one => { one.value = '0'; }")
    page.locator("[name=name]").fill("Archive of claims")
    press("Save the engagement")(page, world)


def wrong_number(page: Page, world: World) -> None:
    """The script keeps still, so that the page itself comes back."""
    page.route("**/answer", lambda route: route.abort())
    page.locator("[name='a.vuln.patch_critical_days']").fill("about 14")
    with page.expect_navigation():
        press("Save")(page, world)


def wrong_code(page: Page, world: World) -> None:
    """The set-up that another state has begun, or a new one."""
    if page.locator("[name=current]").count():
        write("[name=current]", PASSWORD, "Begin")(page, world)
        page.wait_for_load_state()
    write("[name=code]", "000000", "Switch it on")(page, world)


def prove(what: str) -> Step:
    """Password and a recovery code that is left."""

    def step(page: Page, world: World) -> None:
        page.locator("[name=current]").fill(PASSWORD)
        write("[name=code]", getattr(world, what), "Make new recovery codes")(page, world)

    return step


def open_menu(page: Page, _world: World) -> None:
    page.locator("#me-button").click()


def open_tenants(page: Page, _world: World) -> None:
    page.locator("#tenants-button").click()


def open_details(page: Page, _world: World) -> None:
    page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true; })")


def follow(label: str) -> Step:
    """Follow a link of the page."""

    def step(page: Page, _world: World) -> None:
        page.locator("main").get_by_role("link", name=label, exact=True).first.click()

    return step


def nameless_contact(page: Page, world: World) -> None:
    follow("Iris Newcomer")(page, world)
    write("[name=name]", "", "Save the contact")(page, world)


def choose_all(page: Page, world: World) -> None:
    """Every vendor of the page, then what would go to whom."""
    page.locator("[name=pick]").evaluate_all("all => all.forEach(one => { one.checked = true; })")
    press("Those chosen here")(page, world)


def send_without_reason(page: Page, world: World) -> None:
    choose_all(page, world)
    page.locator("[name=do][value=issue]").click()


def colleague_was_first(page: Page, world: World) -> None:
    """As if a colleague had saved the question while this page lay open."""
    page.locator("[name=seen]").first.evaluate("one => { one.value = '0'.repeat(64); }")
    write("#f-help", "Look at the sign-in settings.", "Save")(page, world)


def save_no_mark(page: Page, _world: World) -> None:
    """Save in a review before any mark is chosen."""
    page.get_by_label("Internal remark").fill("Ask them next week.")
    page.locator("form[data-review] button.primary").click()


def press_tried(page: Page, world: World) -> None:
    """Choose the first answer that something hangs on, and look again."""
    open_details(page, world)
    page.locator("main details select").first.select_option(index=1)
    press("Show what is asked")(page, world)


def too_long(page: Page, world: World) -> None:
    write("#f-text", "Why? " * 900, "Save")(page, world)


def hold_still(page: Page, world: World) -> None:
    """A what-if that is worked out, without the reload that its page asks for every five seconds."""
    address = f"**/what-ifs/{world.running}"

    def without(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, headers={k: v for k, v in answer.headers.items() if k.lower() != "refresh"}
        )

    page.route(address, without)
    page.goto(f"/o/{world.o}/what-ifs/{world.running}")


def old_version(page: Page, world: World) -> None:
    """As if the page had lain open since before the move. The script keeps still, so that the page comes back."""
    page.route("**/answer", lambda route: route.abort())
    page.locator("[name=version]").first.evaluate("(one, hash) => { one.value = hash; }", world.moved_from)
    with page.expect_navigation():
        press("Save")(page, world)


def erase_oneself(page: Page, world: World) -> None:
    page.get_by_label("I know that nobody can bring my account back").check()
    write("[name=current]", PASSWORD, "Erase my account for good")(page, world)


def issue_to_one(page: Page, world: World) -> None:
    """One vendor that gets it, and one for which nothing is on record."""
    for vendor in (world.silent_vendor, world.bare_vendor):
        page.locator(f"[name=pick][value='{vendor}']").check()
    press("Those chosen here")(page, world)
    page.locator("[name=reason]").fill("We ask everybody once a year.")
    page.locator("[name=do][value=issue]").click()
