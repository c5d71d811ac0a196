"""Every page in every state that a person may meet, once each: status, landmark, axe, nothing that scrolls sideways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.conftest import Demo, axe_faults, overflow
from tests.browser.states import World, make

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-pages")]

Step = Callable[[Page, World], None]
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
    page.route("**/answers*", lambda route: route.abort())
    page.locator("[name='a.vuln.patch_critical_days']").fill("about 14")
    press("Save")(page, world)


def open_menu(page: Page, _world: World) -> None:
    page.locator("#me-button").click()


def open_tenants(page: Page, _world: World) -> None:
    page.locator("#tenants-button").click()


def open_details(page: Page, _world: World) -> None:
    page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true; })")


US, THEM = "/o/{o}", "/c/{c}"
SEALED, DRAFT, FULL = (
    THEM + "/assessments/{sealed}",
    THEM + "/assessments/{draft}",
    THEM + "/assessments/{full}",
)
STATES = [
    # signed out
    State("sign-in", NOBODY, "/sign-in", "I forgot my password"),
    State("sign-in refused", NOBODY, "/sign-in", "Write your password.", 422, press("Sign in")),
    State("signed out on the way", NOBODY, US + "/vendors", "the page that you asked for"),
    State("forgotten password", NOBODY, "/forgot", "Send me the link"),
    State(
        "forgotten password, asked",
        NOBODY,
        "/forgot",
        "Look into your mail",
        200,
        write("[name=email]", "nobody@nowhere.example", "Send me the link"),
    ),
    State("new password", NOBODY, "/reset/{reset}", "Save the password"),
    State(
        "new password refused",
        NOBODY,
        "/reset/{reset}",
        "needs another look",
        422,
        press("Save the password"),
    ),
    State("link of a letter used or unknown", NOBODY, "/reset/" + "x" * 43, "link", 404),
    State("invitation", NOBODY, "/invitations/{invitation}", "Accept the invitation"),
    State(
        "invitation refused",
        NOBODY,
        "/invitations/{invitation}",
        "Choose a password.",
        422,
        press("Accept the invitation"),
    ),
    State("invitation unknown", NOBODY, "/invitations/" + "x" * 43, "Ask whoever invited you", 404),
    State("nothing here, signed out", NOBODY, "/nothing", "Not found", 404),
    # organisation
    State("overview", "ciso", US + "/", "What waits"),
    State("overview, account menu open", "ciso", US + "/", "Sign out", 200, open_menu),
    State("overview of nothing yet", "many", "/o/{empty_o}/", "How to begin"),
    State("vendors", "procurement", US + "/vendors", "Slate"),
    State("vendors, none found", "procurement", US + "/vendors?q=zzz", "No vendor fits “zzz”."),
    State("vendors, none yet", "many", "/o/{empty_o}/vendors", "vendor"),
    State("vendor", "procurement", US + "/vendors/{vendor}", "People of the vendor"),
    State("vendor without an engagement", "procurement", US + "/vendors/{bare_vendor}", "not on record"),
    State("vendor with somebody invited", "procurement", US + "/vendors/{silent_vendor}", "Send again"),
    State("vendor for a reader", "auditor", US + "/vendors/{vendor}", "Claims archive"),
    State("new vendor", "procurement", US + "/vendors/new", "Put the vendor on record"),
    State(
        "new vendor refused",
        "procurement",
        US + "/vendors/new",
        "Write the vendor's name.",
        422,
        press("Put the vendor on record"),
    ),
    State(
        "new engagement", "procurement", US + "/vendors/{vendor}/engagements/new", "How much depends on it"
    ),
    State(
        "new engagement refused",
        "procurement",
        US + "/vendors/{vendor}/engagements/new",
        "2 things need another look",
        422,
        press("Put the engagement on record"),
    ),
    State("engagement", "procurement", US + "/engagements/{engagement}", "Facts"),
    State(
        "engagement changed by somebody else",
        "procurement",
        US + "/engagements/{engagement}/edit",
        "Someone else was faster",
        409,
        old_revision,
    ),
    State("invite a contact", "procurement", US + "/vendors/{silent_vendor}/contacts/new", "14 days"),
    State(
        "invite a contact refused",
        "procurement",
        US + "/vendors/{silent_vendor}/contacts/new",
        "Write the address to invite.",
        422,
        press("Send the invitation"),
    ),
    State("issue", "procurement", US + "/vendors/{vendor}/issue", "Why you ask"),
    State(
        "issue refused",
        "procurement",
        US + "/vendors/{silent_vendor}/issue",
        "Say in a sentence why you ask.",
        422,
        press("Issue the assessment"),
    ),
    State("issue without an engagement", "procurement", US + "/vendors/{bare_vendor}/issue", "not on record"),
    State("assessments", "ciso", US + "/assessments", "Being answered"),
    State("assessments, none yet", "many", "/o/{empty_o}/assessments", "assessment"),
    State("assessment being answered", "ciso", US + "/assessments/{draft}", "How far they are"),
    State("assessment submitted", "ciso", US + "/assessments/{sealed}", "Submitted and sealed"),
    State("result", "ciso", US + "/assessments/{sealed}/result", "knock-outs", 200, open_details),
    State("result of nothing yet", "ciso", US + "/assessments/{draft}/result", "Not found", 404),
    State("sealed answers", "ciso", US + "/assessments/{sealed}/answers", "Nothing here can be changed"),
    State(
        "requirements",
        "ciso",
        US + "/engagements/{engagement}/requirements",
        "Model clause",
        200,
        open_details,
    ),
    State(
        "requirements, none yet",
        "ciso",
        US + "/engagements/{silent_engagement}/requirements",
        "Nothing is evaluated yet.",
    ),
    State("schedule", "ciso", US + "/schedule", "Why this date"),
    State("schedule, open assessments", "ciso", US + "/schedule?view=open", "Reminders go to"),
    State("schedule of nothing yet", "many", "/o/{empty_o}/schedule", "No next assessment yet"),
    State("questionnaires", "auditor", US + "/questionnaires", "Security basics"),
    State(
        "preview of a questionnaire", "auditor", US + "/questionnaires/security_lite/1.0.0", "How it is rated"
    ),
    State("settings", "admin", US + "/settings", "What vendors see of their rating"),
    State(
        "settings refused",
        "admin",
        US + "/settings",
        "needs another look",
        422,
        write("[name=name]", "", "Save the settings"),
    ),
    State("not this role", "procurement", US + "/settings", "You may see this, but not do it", 403),
    State("members", "admin", US + "/members", "Invite a person"),
    State(
        "members refused", "admin", US + "/members", "need another look", 422, press("Send the invitation")
    ),
    State("members for a reader", "auditor", US + "/members", "Only an administrator"),
    State("not here, or not yours", "ciso", "/o/{empty_o}/vendors", "Not found", 404),
    # company
    State("home", "owner", THEM + "/", "questionnaires wait for you"),
    State("home of nothing yet", "many", "/c/{empty_c}/", "Nothing waits for you"),
    State("assessment of the company", "owner", DRAFT, "Sections"),
    State("all questions", "owner", DRAFT + "/questions", "to read before anybody answers"),
    State("section", "owner", DRAFT + "/sections/people", "When do your people learn about security?"),
    State(
        "section, a number refused",
        "owner",
        DRAFT + "/sections/vulnerability",
        "You wrote",
        422,
        wrong_number,
    ),
    State("section with two answers", "contributor", DRAFT + "/sections/{torn}", "answered at the same time"),
    State("section not asked", "owner", DRAFT + "/sections/{unasked}", "Nothing to answer here."),
    State("what is missing", "contributor", DRAFT + "/missing", "Two answers to one question"),
    State("nothing is missing", "owner", FULL + "/missing", "Nothing is missing."),
    State("read through, not complete", "owner", DRAFT + "/submit", "Something is still missing."),
    State("read through and sign", "owner", FULL + "/submit", "There is no way back"),
    State(
        "signature refused",
        "owner",
        FULL + "/submit",
        "Nothing was submitted.",
        422,
        press("Sign and submit to Quarry Mutual"),
    ),
    State("read through for a contributor", "contributor", FULL + "/submit", "Only an owner of"),
    State("receipt", "owner", SEALED + "/receipt", "The hash has just been recomputed"),
    State("sealed section", "contributor", SEALED + "/sections/people", "These answers are sealed."),
    State("result, all", "owner", SEALED + "/result", "The shortest way up", sees="all"),
    State("result, band", "owner", SEALED + "/result", "not the numbers behind it", sees="band"),
    State("result, nothing", "owner", SEALED + "/result", "It does not show its rating", sees="nothing"),
    State("sealed answers of the company", "owner", SEALED + "/answers", "Nothing here can be changed"),
    State("team", "owner", THEM + "/team", "Invite a person"),
    State("team for a contributor", "contributor", THEM + "/team", "Only an owner"),
    # a person
    State("several tenants", "many", "/home", "Where do you want to work?"),
    State(
        "several tenants, switcher open",
        "many",
        "/o/{empty_o}/",
        "Nothing is shared between them.",
        200,
        open_tenants,
    ),
    State("no tenant", "nowhere", "/home", "You belong to no organisation"),
    State("account", "owner", "/account", "Change your password"),
    State(
        "account refused",
        "owner",
        "/account",
        "Write the password that you have now.",
        422,
        press("Change the password"),
    ),
]


@pytest.fixture(scope="module")
def made(demo: Demo) -> World:
    return make(demo)


@pytest.fixture(scope="module")
def visitors(chromium: Browser, demo: Demo, made: World) -> Iterator[Callable[[str], BrowserContext]]:
    """One context for each person; signed in by a session row, not by the form."""
    open_now: dict[str, BrowserContext] = {}

    def of(who: str) -> BrowserContext:
        if who not in open_now:
            context = chromium.new_context(base_url=demo.url, reduced_motion="reduce")
            context.set_default_timeout(15_000)
            if who:
                context.add_cookies([{"name": "session", "value": made.cookie(who), "url": demo.url}])
            open_now[who] = context
        return open_now[who]

    yield of
    for context in open_now.values():
        context.close()


@pytest.mark.parametrize("state", STATES, ids=lambda one: one.name.replace(" ", "-"))
def test_a_page_in_one_state(visitors: Callable[[str], BrowserContext], made: World, state: State) -> None:
    if state.sees:
        made.let_see(state.sees)
    page = visitors(state.who).new_page()
    try:
        page.set_viewport_size({"width": 1280, "height": 900})
        statuses: list[int] = []
        page.on(
            "response",
            lambda answer: statuses.append(answer.status) if answer.request.is_navigation_request() else None,
        )
        page.goto(state.path.format(**vars(made)))
        if state.steps:
            state.steps(page, made)
            page.wait_for_load_state()
        text = page.locator("body").inner_text()
        assert (statuses[-1], state.landmark in text) == (state.status, True), text[:2000]
        assert page.locator("h1").count() == 1
        assert page.title().startswith("Error:") is (state.status >= 400), page.title()
        faults = _faults(page, "1280 light")
        page.set_viewport_size({"width": 375, "height": 800})
        page.emulate_media(color_scheme="dark")
        faults += _faults(page, "375 dark")
        assert faults == []
    finally:
        page.close()


def _faults(page: Page, size: str) -> list[str]:
    wide = overflow(page)
    found = [f"{size}: scrolls sideways by {wide} pixels"] if wide > 0 else []
    return found + [f"{size}: {one}" for one in axe_faults(page)]
