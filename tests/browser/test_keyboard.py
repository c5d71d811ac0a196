"""A section answered and saved by keyboard alone: everything is reached in order, is seen, and lets go again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.answering import settle
from tests.browser.conftest import Demo, person

pytestmark = pytest.mark.browser

# What has the focus: its name, whether a ring shows (on it or on the row that holds it), whether the bar covers it
# (the browser brings the line with the cursor into sight, not always all lines of a tall field).
FOCUS = """() => {
  const one = document.activeElement || document.body, row = one.closest('.option') || one;
  const bar = document.querySelector('.savebar');
  const ring = [one, row].some((it) => getComputedStyle(it).outlineStyle === 'solid'
    && parseFloat(getComputedStyle(it).outlineWidth) >= 2);
  const box = row.getBoundingClientRect(), top = bar ? bar.getBoundingClientRect().top : innerHeight;
  return {
    tag: one.tagName, name: one.name || '', type: one.type || '', ring,
    href: one.getAttribute('href') || '', text: (one.textContent || '').trim().replace(/\\s+/g, ' '),
    covered: bar && !bar.contains(one) && box.top < innerHeight && box.top + Math.min(box.height, 40) > top + 1,
    seen: box.bottom > 0 && box.top < innerHeight,
  };
}"""


def tab(page: Page, key: str = "Tab") -> dict[str, Any]:
    """Move on, and say where the focus is; it must be seen wherever it stands."""
    page.keyboard.press(key)
    here: dict[str, Any] = page.evaluate(FOCUS)
    for _ in range(10):  # what autosave has just drawn anew may move the page for a moment
        if here["seen"] and not here["covered"]:
            break
        page.wait_for_timeout(50)
        here = page.evaluate(FOCUS)
    if here["tag"] != "BODY":
        assert here["ring"], f"no focus ring: {here}"
        assert here["seen"], f"the focus is out of sight: {here}"
        assert not here["covered"], f"the bar covers the focus: {here}"
    return here


def tab_to(page: Page, *, name: str = "", text: str = "", most: int = 60) -> dict[str, Any]:
    for _ in range(most):
        here = tab(page)
        if (name and here["name"] == name) or (text and here["text"].startswith(text)):
            return here
    raise AssertionError(f"{name or text} is never reached")


def at_section(page: Page, section: str) -> None:
    page.goto("/")
    with page.expect_navigation():
        page.locator("main a.button.primary").first.click()
    page.goto(page.url.split("/sections/")[0] + "/sections/" + section)


@pytest.mark.parametrize(
    ("javascript", "first", "second"),
    [
        (True, ("access.mfa_staff", "remote"), ("access.mfa_admin", "message")),
        (False, ("people.confidentiality", "employees"), ("people.training", "start")),
    ],
    ids=["script", "no-script"],
)
def test_a_section_is_answered_and_saved_by_keyboard_alone(
    chromium: Browser, demo: Demo, javascript: bool, first: tuple[str, str], second: tuple[str, str]
) -> None:
    """``first``: a question and its second option; ``second``: a question and its third, which earns a finding."""

    def option(one: tuple[str, str]) -> Locator:
        return page.locator(f"[name='a.{one[0]}'][value='{one[1]}']")

    with person(chromium, demo, demo.account("company", "owner"), javascript=javascript) as page:
        at_section(page, first[0].split(".")[0])
        # past the navigation in one step
        assert tab(page)["text"] == "Skip to the page"
        page.keyboard.press("Enter")
        # the first question: in at the first option, on by arrow
        assert tab_to(page, name=f"a.{first[0]}", most=25)["type"] == "radio"
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        expect(option(first)).to_be_checked()
        # a comment: opened, written, left by Tab (a field for text is no trap)
        tab_to(page, text="Add a comment")
        page.keyboard.press("Enter")
        tab_to(page, name=f"n.{first[0]}")
        page.keyboard.type("Office network only.")
        # the second question, whose answer earns a finding that then shows
        tab_to(page, name=f"a.{second[0]}")
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.locator(f"[id='q-{second[0]}'] .finding:visible")).to_have_count(1)
        # the way to the bar, and back by Shift and Tab
        tab_to(page, text="Save")
        assert tab(page, "Shift+Tab")["text"] != "Save"
        tab_to(page, text="Save")
        if javascript:
            settle(page)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page.locator(".savebar [role=status]")).to_contain_text("Saved")
        expect(option(first)).to_be_checked()
        expect(option(second)).to_be_checked()
        expect(page.locator(f"[name='n.{first[0]}']")).to_have_value("Office network only.")


def test_the_focus_goes_round_the_page_once_and_is_never_trapped(chromium: Browser, demo: Demo) -> None:
    with person(chromium, demo, demo.account("company", "owner")) as page:
        at_section(page, "access")
        order = []
        for _ in range(80):
            here = tab(page)
            if here["tag"] == "BODY":
                break
            order.append(here["text"] or here["name"])
        else:
            raise AssertionError("the focus never leaves the page")
        assert order[0] == "Skip to the page"
        assert order[-1].startswith("Save and continue")
        cards = page.locator(".question:not([hidden])").count()
        assert sum(one.startswith(("Add a comment", "Comment")) for one in order) >= cards


def test_drawers_and_menus_open_close_and_give_the_focus_back(chromium: Browser, demo: Demo) -> None:
    with person(chromium, demo, demo.account("company", "owner"), width=375) as page:
        at_section(page, "access")
        for opener, inside in (("Menu", "#nav"), ("Sections", "#rail"), ("TW", "#me")):
            page.locator("body").press("Home")
            page.locator(".skip").focus()
            tab_to(page, text=opener, most=30)
            page.keyboard.press("Enter")
            expect(page.locator(inside)).to_be_visible()
            page.keyboard.press("Tab")
            assert page.evaluate("inside => Boolean(document.activeElement.closest(inside))", inside)
            page.keyboard.press("Escape")
            expect(page.locator(inside)).not_to_be_visible()
            assert page.evaluate("document.activeElement.textContent.trim()").startswith(opener)


def test_a_refused_section_takes_the_focus_to_what_is_wrong(chromium: Browser, demo: Demo) -> None:
    with person(chromium, demo, demo.account("company", "contributor"), javascript=False) as page:
        at_section(page, "vulnerability")
        tab_to(page, name="a.vuln.patch_critical_days")
        page.keyboard.type("about 14")
        with page.expect_navigation():
            page.keyboard.press("Enter")  # the first button of the form saves and stays
        expect(page).to_have_title("Error: Fixing flaws (8 of 16) - Vendor Risk Portal")
        link = tab_to(page, text="8.1 Write a whole number")
        assert link["tag"] == "A"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.name") == "a.vuln.patch_critical_days"
        assert page.evaluate("document.activeElement.value") == "about 14"


# ----------------------------------------------------------------------------------------- a whole questionnaire

# Whether the field that has the focus still waits for an answer; of options and boxes, the whole group.
EMPTY_FIELD = """() => {
  const one = document.activeElement || document.body;
  if (!/^(a[.]|e[.].*[.]reason$)/.test(one.name || '') || one.readOnly) return false;
  if (one.type !== 'radio' && one.type !== 'checkbox') return !one.value;
  const group = document.querySelectorAll(`[name="${CSS.escape(one.name)}"]:checked`);
  return ![...group].some((each) => each.value);
}"""
# What is asked on this page and has no answer yet, or no reason why its evidence is not here: numbers of questions.
OPEN_QUESTIONS = """() => [...document.querySelectorAll('.question[data-key]:not([hidden])')].filter((card) => {
  const named = [...card.querySelectorAll('[name^="a."]')];
  const promise = card.querySelector('details.promise[open] [name$=".reason"]');
  if (promise && !promise.value) return true;
  const held = (one) => one.type === 'radio' || one.type === 'checkbox' ? one.checked && one.value : one.value;
  return named.length && !named.some(held);
}).map((card) => card.dataset.number)"""
# Mice, pens and fingers leave a trace that outlives the page; clicks that keys make do not.
NO_POINTER = """for (const kind of ['pointerdown', 'mousedown', 'touchstart', 'mousemove', 'wheel'])
  addEventListener(kind, () => sessionStorage.setItem('pointer', kind), true);"""
WORDS = {"date": "01152026", "number": "24"}


def enter(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def past_the_navigation(page: Page) -> None:
    assert tab(page)["text"] == "Skip to the page"
    page.keyboard.press("Enter")


def saved(page: Page) -> None:
    """Wait until no card has anything left to send, and what it made visible is shown."""
    expect(page.locator("[data-state]").filter(has_text="Not saved yet")).to_have_count(0)
    settle(page)


def answer_with_keys(page: Page, here: dict[str, Any]) -> None:
    """What somebody presses in the field that has the focus: of options the second, of boxes and lists the first."""
    if here["type"] == "radio":
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
    elif here["type"] == "checkbox":
        page.keyboard.press("Space")
    elif here["tag"] == "SELECT":
        page.keyboard.press("ArrowDown")
    else:
        page.keyboard.type(WORDS.get(here["type"], "24"))


def answer_page_by_keys(page: Page) -> None:
    """Every empty field of a section as Tab reaches it, and round again for what the answers made visible; then on."""
    if "#" not in page.url:  # else the address leads right to a question
        past_the_navigation(page)
    for _ in range(400):
        here = tab(page)
        if here["text"].startswith(("Save and continue", "Save and read through", "Save and finish")):
            saved(page)
            if not page.evaluate(OPEN_QUESTIONS):
                enter(page)
                return
        elif page.evaluate(EMPTY_FIELD):
            answer_with_keys(page, here)
    raise AssertionError(f"{page.url} is never left; open: {page.evaluate(OPEN_QUESTIONS)}")


def test_a_whole_questionnaire_is_answered_and_signed_by_keyboard_alone(
    chromium: Browser, demo: Demo
) -> None:
    """From the home page to the receipt, all sixteen sections. It comes last: nothing is left to answer after it."""
    with person(chromium, demo, demo.account("company", "owner")) as page:
        page.add_init_script(NO_POINTER)
        page.goto("/")
        past_the_navigation(page)
        tab_to(page, text=page.locator("main a.button.primary").first.inner_text().strip())
        enter(page)
        past_the_navigation(page)
        tab_to(page, text="1")
        enter(page)
        walked = []
        while "/sections/" in page.url:
            walked.append(page.url.split("/sections/")[1])
            assert len(walked) <= 40, f"round and round: {walked}"
            answer_page_by_keys(page)
            if "/submit" in page.url and page.get_by_text("Something is still missing").count():
                past_the_navigation(page)
                while "#q-" not in tab(page)["href"]:
                    pass
                enter(page)
        assert {"profile", "access", "incident", "ai", "exit"} <= set(walked)
        expect(page).to_have_title("Read through and submit - Vendor Risk Portal")
        expect(page.locator("main")).not_to_contain_text("Something is still missing")
        past_the_navigation(page)
        tab_to(page, name="name", most=200)
        page.keyboard.press("Control+a")
        page.keyboard.type("Tomasz Wilk")
        tab_to(page, name="role", most=3)
        page.keyboard.type("Managing director")
        tab_to(page, name="agreed", most=3)
        page.keyboard.press("Space")
        tab_to(page, text="Sign and submit", most=3)
        enter(page)
        assert page.url.endswith("/receipt")
        expect(page.locator("main")).to_contain_text("Tomasz Wilk")
        assert page.evaluate("sessionStorage.getItem('pointer')") is None
