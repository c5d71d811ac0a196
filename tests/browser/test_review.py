"""A reviewer judges what a vendor has signed: by pointer, and question by question by keyboard alone."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from portal.db import SYSTEM, Database
from portal.review.models import Mark, MarkReason, Review
from portal.settings import demo_settings
from tests.browser.conftest import Demo, axe_faults, overflow, person, ways
from tests.browser.test_keyboard import NO_POINTER, enter, past_the_navigation, tab_to
from tests.conftest import FULL

pytestmark = pytest.mark.browser

IN_CI = 20  # so many questions by keyboard; a soak judges all of them
SHOTS = os.environ.get("PORTAL_SHOTS", "")  # a folder for pictures of the pages


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def open_queue(page: Page) -> None:
    page.goto("/")
    page.goto(re.sub(r"(/o/[^/]+).*", r"\1/reviews", page.url))
    expect(page).to_have_title(re.compile("^Reviews of"))


def judged(page: Page) -> int:
    """How many answers have a mark, as the page says."""
    return int(page.locator("dt:has-text('Judged') + dd").inner_text().split()[0])


@pytest.mark.parametrize("javascript", ways(in_ci=False))
def test_a_reviewer_challenges_writes_and_the_vendor_reads_why(
    chromium: Browser, demo: Demo, javascript: bool
) -> None:
    words = f"Who has not got a second step? Asked {'with' if javascript else 'without'} scripts."
    with person(chromium, demo, demo.account("organisation", "reviewer"), javascript=javascript) as page:
        open_queue(page)
        shot(page, "queue-1280")
        page.locator("tbody th a").first.click()
        expect(page.locator("h1")).to_contain_text("Review of round")
        page.locator("select[name=show]").select_option("lost")
        page.get_by_role("button", name="Apply").click()
        page.locator("input[value=challenged]").check()
        page.get_by_role("button", name=re.compile("^Save")).click()
        expect(page.locator("#errors")).to_contain_text("Write why")
        expect(page.locator("input[value=challenged]")).to_be_checked()
        page.get_by_label("Reason", exact=True).fill(words)
        page.get_by_label("Internal remark").fill("Ruth knows them.")
        page.get_by_role("button", name=re.compile("^Save")).click()
        expect(page.locator(".notices, main, body").first).to_contain_text("Saved.")
        assert judged(page) >= 1
        shot(page, "workspace-1280")
        if javascript:
            assert axe_faults(page) == []
        assert overflow(page) <= 0
        look_at_unwritten(page, words, javascript=javascript)
        page.get_by_role("button", name=re.compile("^Write .* into the rating")).click()
        expect(page.locator("body")).to_contain_text("Written into the rating")
        address = page.url
        page.set_viewport_size({"width": 375, "height": 800})
        page.goto(address)
        shot(page, "workspace-375")
        assert overflow(page) <= 0
        result = page.get_by_role("link", name="Result").get_attribute("href")
        assert result
    with person(chromium, demo, demo.account("company", "owner"), javascript=javascript) as page:
        page.goto("/")
        home = re.sub(r"(/c/[^/]+).*", r"\1", page.url)
        page.goto(home + "/assessments/" + result.split("/assessments/")[1].replace("/result", "/answers"))
        expect(page.locator("main")).to_contain_text(words)
        expect(page.locator("main")).to_contain_text("Challenged by the reviewer")
        expect(page.locator("main")).not_to_contain_text("Ruth knows them.")
        shot(page, f"vendor-{javascript}")


def look_at_unwritten(page: Page, words: str, *, javascript: bool) -> None:
    """The page of marks that are in no rating yet says whose they are; keeping them leads back."""
    page.get_by_role("link", name="See them, or throw them away").click()
    expect(page.locator("h1")).to_contain_text("Unwritten marks of round")
    expect(page.locator("main")).to_contain_text(words)
    expect(page.get_by_role("button", name=re.compile("^Throw .* away"))).to_be_visible()
    if javascript:
        assert axe_faults(page) == []
    shot(page, "unwritten-1280")
    page.set_viewport_size({"width": 375, "height": 800})
    assert overflow(page) <= 0
    shot(page, "unwritten-375")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("link", name="Keep them").click()
    expect(page.locator("h1")).to_contain_text("Review of round")


def open_by_keys(page: Page, vendor: str) -> None:
    """From the queue into the review of this vendor."""
    open_queue(page)
    past_the_navigation(page)
    tab_to(page, text=vendor, most=40)
    enter(page)
    expect(page.locator("h1")).to_contain_text("Review of round")


def press_mark(page: Page, number: int) -> None:
    """One question judged with keys: accepted, or what can stand; each seventh is challenged with a reason."""
    offered = page.locator("form[data-review] input[data-key]").evaluate_all(
        "some => some.map((one) => one.dataset.key)"
    )
    if number % 7 == 0 and "C" in offered:
        page.keyboard.press("c")
        tab_to(page, name="reason", most=6)
        page.keyboard.type("Please show an example. A and C are letters here.")
        with page.expect_navigation():
            page.keyboard.press("Control+Enter")
    elif "A" in offered or "N" in offered:
        page.keyboard.press("a" if "A" in offered else "n")
        enter(page)
    else:
        page.keyboard.press("g")
        tab_to(page, name="points", most=6)
        page.keyboard.type("60")
        tab_to(page, name="reason", most=6)
        page.keyboard.type("Sound, but thin.")
        with page.expect_navigation():
            page.keyboard.press("Control+Enter")


def test_a_submission_is_judged_by_keyboard_alone(chromium: Browser, demo: Demo) -> None:
    with person(chromium, demo, demo.account("organisation", "ciso")) as page:
        page.add_init_script(NO_POINTER)
        open_by_keys(page, "Norrsund Pay")
        page.goto(page.url + "?show=unjudged")
        start = judged(page)
        assert axe_faults(page) == []
        total = page.locator(".qlist li").count()
        assert total >= 120
        # a key that is held down chooses once, saves nothing, and Enter that is held does not run on
        offered = page.locator("form[data-review] input[data-key]").first
        letter = offered.get_attribute("data-key") or ""
        before = page.url
        page.keyboard.down(letter.lower())
        page.keyboard.down(letter.lower())  # a second time without letting go: the browser says it repeats
        page.keyboard.up(letter.lower())
        expect(offered).to_be_checked()
        assert page.url == before
        wanted = total if FULL else min(IN_CI, total)
        for number in range(1, wanted + 1):
            press_mark(page, number)
            expect(page.locator("body")).to_contain_text("Saved.")
        assert judged(page) == start + wanted
        # of what is still unjudged the first question has no previous one, and the last no next
        key = "k" if page.locator("[data-step=previous]").count() else "j"
        with page.expect_navigation():
            page.keyboard.press(key)
        assert page.evaluate("sessionStorage.getItem('pointer')") is None


def key_of(page: Page) -> str:
    """The question that is open."""
    return page.locator("form[data-review] input[name=key]").input_value()


def show_those_with_evidence(page: Page) -> None:
    past_the_navigation(page)
    tab_to(page, name="show")
    page.keyboard.type("With e")
    tab_to(page, text="Apply", most=1)
    enter(page)
    expect(page.locator("select[name=show]")).to_have_value("evidence")


def choose(page: Page, letter: str, value: str, *, javascript: bool) -> None:
    """A mark by its key, or by Tab and the arrows; the focus stands on it afterwards."""
    if javascript:
        page.keyboard.press(letter)
    else:
        if "#" not in page.url:  # else the address leads right to the answer
            past_the_navigation(page)
        tab_to(page, name="mark", most=80)
        page.keyboard.press("Space")
        for _ in range(6):
            if page.evaluate("document.activeElement.value") == value:
                break
            page.keyboard.press("ArrowDown")
    expect(page.locator(f"form[data-review] input[value={value}]")).to_be_checked()
    assert page.evaluate("document.activeElement.value") == value


def give_reason(page: Page, words: str, *, javascript: bool) -> None:
    """Write why, and save: from within the text, or on by Tab to the button."""
    tab_to(page, name="reason", most=6)
    page.keyboard.press("Control+a")
    page.keyboard.type(words)
    if not javascript:
        tab_to(page, text="Save", most=3)
    with page.expect_navigation():
        page.keyboard.press("Control+Enter" if javascript else "Enter")
    expect(page.locator("body")).to_contain_text("Saved.")


def refuse_document(page: Page, words: str) -> None:
    past_the_navigation(page)
    tab_to(page, text="Judge this document", most=80)
    page.keyboard.press("Enter")
    tab_to(page, name="reason", most=1)
    page.keyboard.type(words)
    tab_to(page, text="Refuse it", most=2)
    enter(page)
    expect(page.locator(".file").first).to_contain_text("Refused")


def press_at_the_top(page: Page, text: str) -> None:
    """A button near the beginning of the page, by Tab and Enter."""
    past_the_navigation(page)
    tab_to(page, text=text, most=90)
    enter(page)


def on_record(demo: Demo, submission: str) -> tuple[dict[tuple[str, str], list[tuple[object, ...]]], str]:
    """The written marks as (mark, points, on a certificate, reason) by question and document; the review's state."""
    settings = demo_settings(demo.data, int(demo.url.rpartition(":")[2]))
    database = Database(settings.database_url, settings.base_url, settings.secret_key)
    found: dict[tuple[str, str], list[tuple[object, ...]]] = {}
    try:
        with database.looking(SYSTEM) as session:
            rows = session.execute(
                select(Mark, MarkReason.text)
                .outerjoin(MarkReason, MarkReason.mark_id == Mark.id)
                .where(Mark.submission_id == uuid.UUID(submission))
                .order_by(Mark.sequence)
            )
            for one, words in rows:
                said = (one.mark, one.points, str(one.certificate or ""), words or "")
                found.setdefault((one.key, one.document), []).append(said)
            state = session.execute(
                select(Review.state).where(Review.submission_id == uuid.UUID(submission))
            ).scalar_one()
    finally:
        database.dispose()
    return found, state


@pytest.mark.parametrize(
    ("javascript", "vendor"),
    [
        pytest.param(True, "Norrsund Pay", id="script"),
        *([pytest.param(False, "Fennmark Archive", id="no-script")] if FULL else ()),
    ],
)
def test_every_kind_of_mark_is_made_written_and_finished_by_keyboard_alone(
    chromium: Browser, demo: Demo, javascript: bool, vendor: str
) -> None:
    with person(chromium, demo, demo.account("organisation", "ciso"), javascript=javascript) as page:
        page.add_init_script(NO_POINTER)
        open_by_keys(page, vendor)
        submission = page.url.rsplit("/", 1)[1]
        show_those_with_evidence(page)
        disproved = key_of(page)
        choose(page, "d", "disproved", javascript=javascript)
        give_reason(page, "Their own news tell otherwise.", javascript=javascript)
        exempt = key_of(page)
        choose(page, "e", "exempt", javascript=javascript)
        tab_to(page, name="certificate", most=2)
        page.keyboard.type("Security p")
        certificate = page.locator("select[name=certificate]").input_value()
        assert certificate
        give_reason(page, "Their certificate covers this.", javascript=javascript)
        judged_here = key_of(page)
        refuse_document(page, "It is of another year.")
        assert key_of(page) == judged_here
        document = page.locator(".file + details input[name=document]").first.get_attribute("value") or ""
        choose(page, "a", "accepted", javascript=javascript)
        enter(page)
        expect(page.locator("body")).to_contain_text("Saved.")
        press_at_the_top(page, "Write ")
        expect(page.locator("body")).to_contain_text("Written into the rating.")
        show_those_with_evidence(page)
        link = page.locator(f".qlist a[href*='q={judged_here}']").text_content() or ""
        tab_to(page, text=" ".join(link.split()))
        enter(page)
        press_at_the_top(page, "Take the mark back")
        expect(page.locator("body")).to_contain_text("Taken back.")
        press_at_the_top(page, "Finish the review")
        expect(page.locator("body")).to_contain_text("The review is finished.")
        expect(page.locator("main")).to_contain_text("This review was finished on")
        assert not javascript or page.evaluate("sessionStorage.getItem('pointer')") is None
    marks, state = on_record(demo, submission)
    assert state == "finished"
    assert marks[disproved, ""][-1] == ("disproved", 0, "", "Their own news tell otherwise.")
    assert marks[exempt, ""][-1] == ("graded", 100, certificate, "Their certificate covers this.")
    assert marks[judged_here, document][-1] == ("refused", None, "", "It is of another year.")
    assert [one[0] for one in marks[judged_here, ""]][-2:] == ["accepted", "withdrawn"]


VALUES = "all => all.map(one => one.value)"


def test_keys_that_are_switched_off_mean_nothing(chromium: Browser, demo: Demo) -> None:
    with person(chromium, demo, demo.account("organisation", "admin")) as page:
        page.goto("/account")
        page.locator("input[name=keys]").uncheck()
        with page.expect_navigation():
            page.locator("form", has=page.locator("input[name=keys]")).get_by_role("button").click()
        open_queue(page)
        with page.expect_navigation():
            page.locator("tbody th a").first.click()
        offered = page.locator("form[data-review] input[type=radio]")
        assert offered.count() > 1  # there is something that a key could have chosen
        chosen = page.locator("form[data-review] input:checked")
        before = page.url, chosen.evaluate_all(VALUES)  # whoever judged it before has left a mark
        for letter in "acgdne":
            page.keyboard.press(letter)
            assert chosen.evaluate_all(VALUES) == before[1]
        page.keyboard.press("j")
        assert (page.url, chosen.evaluate_all(VALUES)) == before
        assert page.locator("kbd").count() == 0


def test_the_keys_do_not_leave_what_is_not_saved(chromium: Browser, demo: Demo) -> None:
    with person(chromium, demo, demo.account("organisation", "ciso")) as page:
        open_queue(page)
        page.locator("tbody th a").first.click()
        expect(page.locator("h1")).to_contain_text("Review of round")
        here = page.url
        page.locator("form[data-review] textarea[name=remark]").fill("Half a thought.")
        page.locator("#q").click()  # out of the field, where letters are letters
        page.keyboard.press("j")
        expect(page.get_by_role("status").filter(has_text="Not saved yet")).to_be_visible()
        assert page.url == here
        expect(page.locator("textarea[name=remark]")).to_have_value("Half a thought.")
        with page.expect_navigation():
            page.keyboard.press("j")
        assert page.url != here
        with page.expect_navigation():
            page.keyboard.press("k")  # nothing was typed here, so nothing is asked
        expect(page.locator("form[data-review] textarea[name=remark]")).to_have_value("")


def test_another_form_does_not_take_what_is_not_saved_along(chromium: Browser, demo: Demo) -> None:
    with person(chromium, demo, demo.account("organisation", "ciso")) as page:
        open_queue(page)
        page.locator("tbody th a").first.click()
        expect(page.locator("h1")).to_contain_text("Review of round")
        page.locator("form[data-review] textarea[name=remark]").fill("Half a thought.")
        finish = page.get_by_role("button", name="Finish the review")
        finish.click()
        expect(page.get_by_role("status").filter(has_text="Not saved yet")).to_be_visible()
        expect(page.locator("textarea[name=remark]")).to_have_value("Half a thought.")
        expect(page.locator("h1")).to_contain_text("Review of round")
        page.locator("form[data-review] textarea[name=remark]").fill("")
        page.locator("form[data-review] textarea[name=reason]").fill(
            "Another one, whatever mark stands here."
        )
        finish.click()
        expect(page.get_by_role("status").filter(has_text="Not saved yet")).to_be_visible()
