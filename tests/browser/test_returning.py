"""Three questions go back, one of them hidden; the vendor answers exactly those; marks stay; a thread is answered."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from portal import clock
from tests.browser.conftest import Demo, axe_faults, overflow, person, ways
from tests.browser.test_review import open_queue

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("PORTAL_SHOTS", "")  # a folder for pictures of the pages
WHY, HERE = "Three answers need another look.", "Say which accounts."
QUESTION, ANSWER = "Who looks after this?", "Our operations team does."


def looked_at(page: Page, name: str, javascript: bool) -> None:
    """The page at both widths: nothing sticks out, and no fault for who cannot see."""
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 900})
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png", full_page=True)
        assert overflow(page) <= 0, f"{name} at {width}"
        if javascript:
            assert axe_faults(page) == [], f"{name} at {width}"
    page.set_viewport_size({"width": 1280, "height": 900})


def accept_first(page: Page) -> str:
    """Mark the question that is open as accepted; returns its number."""
    number = page.locator("article h2#q").inner_text().split()[0]
    page.locator("input[name=mark][value=accepted]").check()
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.locator("body")).to_contain_text("Saved.")
    return number


def boxes(page: Page, hidden: bool) -> list[str]:
    """The keys that can be ticked, of questions that were asked or were not."""
    keys = page.locator("input[name=keys]").evaluate_all(
        "(all, hidden) => all.filter(one => one.closest('label').textContent.includes('Was not asked') === hidden)"
        ".map(one => one.value)",
        hidden,
    )
    assert isinstance(keys, list)
    return keys


@pytest.mark.parametrize("javascript", ways(in_ci=True))
def test_three_questions_go_back_and_come_again(chromium: Browser, demo: Demo, javascript: bool) -> None:
    with person(chromium, demo, demo.account("organisation", "reviewer"), javascript=javascript) as page:
        open_queue(page)
        page.locator("tbody th a").first.click()
        workspace = page.url.split("?")[0].split("#")[0]
        page.goto(workspace + "?show=unjudged")
        kept = accept_first(page)
        page.goto(workspace + "/return")
        looked_at(page, f"return-{javascript}", javascript)
        for box in page.locator("input[name=keys]:checked").all():
            box.set_checked(False, force=True)
        for section in page.locator("fieldset > details").all():
            section.evaluate("one => { one.open = true }") if javascript else None
        chosen = [*boxes(page, False)[-2:], boxes(page, True)[0]]
        for key in chosen:
            box = page.locator(f'input[name=keys][value="{key}"]')
            if not box.is_visible():
                box.locator("xpath=ancestor::details[1]/summary").click()
            box.check()
        page.get_by_label("Why they come back").fill(WHY)
        page.get_by_label("Answer until").fill((clock.now() + timedelta(days=14)).date().isoformat())
        page.get_by_role("button", name=re.compile("return the ticked questions", re.IGNORECASE)).click()
        expect(page.locator("h1")).to_contain_text("With the vendor")
        expect(page.locator("#out")).to_contain_text("3 questions came back")
        looked_at(page, f"returned-{javascript}", javascript)
        page.goto(workspace)
        page.locator("#f-ask").fill(QUESTION)
        page.get_by_role("button", name="Send to the vendor").click()
        expect(page.locator("#thread").locator("xpath=ancestor::section")).to_contain_text(QUESTION)

    with person(chromium, demo, demo.account("company", "owner"), javascript=javascript) as page:
        page.goto("/")
        page.get_by_role("link", name=re.compile("asks about an answer")).click()
        looked_at(page, f"thread-{javascript}", javascript)
        page.get_by_label("Your words").first.fill(ANSWER)
        page.get_by_role("button", name="Send", exact=True).first.click()
        expect(page.locator("main")).to_contain_text(ANSWER)
        page.locator("nav a, .crumbs a, header a").filter(has_text="Home").first.click()
        came = page.locator("section[aria-labelledby=back]")
        expect(came).to_contain_text("3 questions came back, the rest stands")
        expect(came).to_contain_text(WHY)
        looked_at(page, f"came-back-{javascript}", javascript)
        links = came.locator("ul a").evaluate_all("all => all.map(one => one.href)")
        assert len(links) == 3
        for link in links:
            answer_it(page, link)
        page.goto(re.sub(r"/sections/.*", "/submit", links[0]))
        expect(page.locator("main")).to_contain_text("3 questions came back, the rest stands")
        expect(page.locator("main")).to_contain_text("Nothing of this section came back")
        looked_at(page, f"read-{javascript}", javascript)
        page.get_by_label("What this person does in the company").fill("Head of Security")
        page.locator("#agreed").check()
        page.get_by_role("button", name=re.compile("^Sign and submit")).click()
        expect(page.locator("main")).to_contain_text("3 questions had come back")
        looked_at(page, f"receipt-{javascript}", javascript)

    with person(chromium, demo, demo.account("organisation", "reviewer"), javascript=javascript) as page:
        page.goto(workspace)
        expect(page.locator("body")).to_contain_text("A newer round has been submitted")
        open_queue(page)
        for waits in page.locator("tbody th a").evaluate_all("all => all.map(one => one.href)"):
            page.goto(waits)
            if "round 2" in page.locator("h1").inner_text():
                break
        expect(page.locator("h1")).to_contain_text("Review of round 2")
        row = page.locator(".qlist a").filter(has=page.locator(f".count:text-is('{kept}')"))
        if not row.is_visible():
            page.goto(page.url.split("?")[0] + "?show=all")
        expect(row).to_contain_text("Accepted")
        expect(page.locator("body")).to_contain_text(ANSWER)


def answer_it(page: Page, link: str) -> None:
    """Answer one question that came back on its section's page, and save."""
    page.goto("about:blank")
    page.goto(link)
    key = link.split("#q-")[1]
    card = page.locator(f'[id="q-{key}"]')
    if card.locator("input[type=radio]").count():
        card.locator("input[type=radio]").first.check()
    elif card.locator("input[type=checkbox]").count():
        card.locator("input[type=checkbox]").first.check()
    elif card.locator("input[type=date]").count():
        card.locator("input[type=date]").first.fill(clock.now().date().isoformat())
    elif card.locator("input[inputmode=decimal], input[inputmode=numeric]").count():
        card.locator("input[inputmode=decimal], input[inputmode=numeric]").first.fill("1")
    else:
        card.locator("textarea, input[type=text]").first.fill("We do this every month.")
    reason = card.locator("[name$='.reason']")
    if reason.count() and reason.first.is_visible() and not reason.first.input_value():
        reason.first.fill("The auditor sends it next month.")
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    page.wait_for_load_state()
