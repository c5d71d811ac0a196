"""A campaign from the choice to the answers, and a vendor's person who wants fewer letters without signing in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from portal import clock
from portal.accounts.models import PersonRow
from portal.db import SYSTEM, Database
from portal.reassessment import choices
from portal.settings import demo_settings
from tests.browser.answering import answer_everything
from tests.browser.conftest import Demo, axe_faults, person, ways
from tests.browser.test_journey import Looker, letter_to, sign

pytestmark = pytest.mark.browser
WHY = {
    True: "A flaw in a mail program that half the world uses.",
    False: "Another flaw in that program, found this morning.",
}


def home_of(page: Page) -> str:
    page.goto("/")
    return re.sub(r"(/[oc]/[^/]+).*", r"\1", page.url)


def send(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


@pytest.mark.parametrize("javascript", ways(in_ci=True))
def test_a_campaign_is_started_answered_and_read(chromium: Browser, demo: Demo, javascript: bool) -> None:
    look = Looker(axe=javascript)
    title = "The mail flaw" + ("" if javascript else ", plainly")
    with person(chromium, demo, demo.account("organisation", "ciso"), javascript=javascript) as page:
        campaign = start(page, look, title, WHY[javascript])
    owner = next(one for one in demo.accounts if "norrsund" in one["email"])
    text = letter_to(demo, owner["email"], "One flaw, many vendors", holds=WHY[javascript])
    assert "18:00 (Europe/Lisbon time)" in text
    ciso = demo.account("organisation", "ciso")
    with person(chromium, demo, ciso, javascript=javascript) as watching:
        watch(watching, campaign, javascript=javascript)
        with person(chromium, demo, owner, javascript=javascript) as page:
            answer(page, look, javascript=javascript)
        see_it_answered(watching, javascript=javascript)
    with person(chromium, demo, demo.account("organisation", "ciso"), javascript=javascript) as page:
        read(page, look, campaign)
        if javascript:
            page.clock.install()
            see_it_closed(page, campaign)
    assert look.faults == []


def start(page: Page, look: Looker, title: str, why: str) -> str:
    """The CISO chooses payroll alone, looks at who is asked and who not, and starts; returns the campaign's address."""
    page.goto(f"{home_of(page)}/campaigns")
    look(page)
    with page.expect_navigation():
        page.get_by_role("link", name="New campaign").click()
    expect(page.get_by_text("Nobody to write to: no contact is written down")).to_be_visible()  # of Solvane
    look(page)
    page.get_by_label("Engagement or vendor").fill("payroll")
    send(page, "Choose")
    expect(page.get_by_text("One vendor is chosen")).to_be_visible()
    send(page, "Start: ask one vendor")
    expect(page.locator("#errors")).to_contain_text("Give the campaign a name")
    look(page)
    page.get_by_label("What you call it").fill(title)
    page.locator("[name=due]").fill((clock.now().date() + timedelta(days=2)).isoformat())
    page.locator("[name=due_time]").fill("18:00")
    page.get_by_label("Why you ask").fill(why)
    page.locator("input[name=ladder][value=hours]").check()
    send(page, "Start: ask one vendor")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_text("0 of 1 vendors answered")).to_be_visible()
    return page.url


def answer(page: Page, look: Looker, *, javascript: bool) -> None:
    """The vendor finds it at home with its hour, answers, and signs."""
    home_of(page)
    expect(page.get_by_text("18:00").first).to_be_visible()
    with page.expect_navigation():
        page.get_by_role("link", name=re.compile("One flaw, many vendors")).first.click()
    base = re.sub(r"(/assessments/[^/]+).*", r"\1", page.url)
    page.goto(base)
    look(page)
    first = page.locator("main a[href*='/sections/']").first.get_attribute("href")
    assert first is not None
    answer_everything(page, first, look, javascript=javascript)
    sign(page, look, base)


WORDS = "Whoever has answered is thanked."


def watch(page: Page, campaign: str, *, javascript: bool) -> None:
    """The campaign is left open, with words in a field; its page says when it was counted."""
    if javascript:
        page.clock.install()
    page.goto(campaign)
    if javascript:  # its tab is hidden until there is something to see, however long the vendor takes
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true})"
        )
        page.evaluate("window.away = true")
    expect(page.get_by_text("0 of 1 vendors answered")).to_be_visible()
    expect(page.get_by_text("Counted at")).to_be_visible()
    note = page.get_by_text("It counts again by itself while you look at it.")
    expect(note).to_be_visible(visible=javascript)
    page.get_by_label("Why you take it back").fill(WORDS)


def see_it_answered(page: Page, *, javascript: bool) -> None:
    """Without scripts by the link. With them by itself: nothing is loaded again, what was typed and the focus stay."""
    if not javascript:
        with page.expect_navigation():
            page.get_by_role("link", name="Count again").click()
        expect(page.get_by_text("1 of 1 vendors answered")).to_be_visible()
        return
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.resource_type))
    page.clock.fast_forward("01:00")  # minutes: nobody sees it, so it does not ask
    expect(page.get_by_text("0 of 1 vendors answered")).to_be_visible()
    assert asked == []
    page.evaluate("window.away = false")
    vendor = page.get_by_role("link", name="Norrsund Pay", exact=True)
    vendor.focus()
    counted = page.locator("#now-counted").get_by_text("1 of 1 vendors answered")
    later(page, lambda: counted.is_visible())
    expect(page.get_by_role("status").filter(has_text="1 of 1 vendors answered")).to_be_attached()
    expect(page.locator("#now-list tbody")).to_contain_text("Answered")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 1)
    expect(page.get_by_role("link", name=re.compile("^Answers")).locator(".count")).to_have_text("1")
    expect(vendor).to_be_focused()
    expect(page.get_by_label("Why you take it back")).to_have_value(WORDS)
    assert axe_faults(page) == []
    assert set(asked) == {"fetch"}
    page.locator("[data-renew-live]").evaluate("one => { one.textContent = ''; }")
    ended: list[str] = []
    page.on("requestfinished", lambda one: ended.append(one.url))
    later(page, lambda: len(ended) >= 2)  # the second is asked for once the first has been taken over
    expect(page.locator("[data-renew-live]")).to_be_empty()  # nothing new, so nothing is told


def later(page: Page, seen: Callable[[], bool]) -> None:
    """Sets the page's clock on until `seen`. One jump may come to nothing: the page may not have its timer yet, or the
    jump ends a request that is under way, as its limit has passed, and the next is asked for later.
    """
    for _ in range(60):
        if seen():
            return
        page.clock.fast_forward("00:15")
        page.wait_for_timeout(500)
    raise AssertionError("the page has not counted again")


def see_it_closed(page: Page, campaign: str) -> None:
    """An open page sees the end of its campaign, and then asks no more."""
    page.goto(campaign)
    page.evaluate("window.stays = true")
    with page.context.new_page() as closing:
        closing.goto(campaign)
        closing.get_by_label("Why you take it back").fill("Everybody has answered.")
        send(closing, "Close the campaign")
    later(page, lambda: page.locator("#now-state").inner_text() == "Closed")
    expect(page.get_by_text("Counted at")).to_have_count(0)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.clock.fast_forward("05:00")
    page.wait_for_timeout(250)
    assert asked == []
    assert page.evaluate("window.stays") is True


def read(page: Page, look: Looker, campaign: str) -> None:
    """Who has answered, what they said, only those who said so."""
    page.goto(campaign)
    expect(page.get_by_text("1 of 1 vendors answered")).to_be_visible()
    look(page)
    with page.expect_navigation():
        page.get_by_role("link", name=re.compile("^Answers")).click()
    expect(page.get_by_role("rowheader", name=re.compile("Norrsund Pay"))).to_be_visible()
    look(page)
    page.get_by_label("Question").select_option(label="Do you use the software that has the flaw?")
    send(page, "Apply")
    page.get_by_label("Answer", exact=True).select_option(label="No")
    send(page, "Apply")
    expect(page.get_by_text("Nobody answered like this.")).to_be_visible()
    with page.expect_navigation():
        page.get_by_role("link", name="Show every answer").click()
    with page.expect_download() as file:
        page.get_by_role("link", name="CSV").click()
    assert "Norrsund Pay" in file.value.path().read_text("utf-8-sig")


@pytest.mark.parametrize("javascript", ways(in_ci=False))
def test_fewer_letters_by_one_press_without_signing_in(
    chromium: Browser, demo: Demo, javascript: bool
) -> None:
    """The address of a letter's own header, since mail programs follow it and a person rarely sees it."""
    look = Looker(axe=javascript)
    owner = next(one for one in demo.accounts if "brae" in one["email"])
    with person(chromium, demo, None, javascript=javascript) as page:
        page.goto(f"/letters/off/{token(demo, owner['email'])}")
        expect(page.get_by_text("This turns off: Dates that are coming.")).to_be_visible()
        expect(page.get_by_text("At: Brae Language.")).to_be_visible()
        look(page)
        send(page, "Turn off")
        expect(page.get_by_text("Turned off: Dates that are coming.")).to_be_visible()
        look(page)
        assert page.context.cookies() == []
    with person(chromium, demo, owner, javascript=javascript) as page:
        page.goto("/account/letters")
        expect(page.get_by_label(re.compile("^Dates that are coming"))).not_to_be_checked()
        expect(page.get_by_label(re.compile("^Documents that end"))).to_be_checked()
    assert look.faults == []


def token(demo: Demo, address: str) -> str:
    """As the letters of the demonstration have it."""
    found = demo_settings(demo.data, int(demo.url.rpartition(":")[2]))
    database = Database(found.database_url, found.base_url, found.secret_key)
    try:
        with database.looking(SYSTEM) as session:
            who: uuid.UUID = session.execute(
                select(PersonRow.id).where(PersonRow.address == address)
            ).scalar_one()
            return choices.token(session, who, choices.EVERYWHERE, choices.COMING)
    finally:
        database.dispose()
