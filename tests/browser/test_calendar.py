"""The CISO reads the year, opens a month, an item, and takes the dates along to a calendar of their own."""

from __future__ import annotations

import re

import icalendar
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Demo, person
from tests.browser.test_gate import home_of
from tests.browser.test_journey import Looker

pytestmark = pytest.mark.browser


def test_the_ciso_reads_the_year_opens_a_month_and_an_item(chromium: Browser, demo: Demo) -> None:
    look = Looker(axe=True)
    ciso = demo.account("organisation", "ciso")
    with person(chromium, demo, ciso) as page:
        home = home_of(page)
        page.get_by_role("button", name="More").click()
        page.locator("#more").get_by_role("link", name="Audit calendar").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Audit calendar")
        look(page)
        figure = page.locator("a.figure-link").first
        number = re.findall(r"\d+$", figure.inner_text())[0]
        figure.click()
        expect(page.get_by_role("link", name="Audit calendar").first).to_be_visible()
        look(page)
        expect(page.locator("data.total")).to_have_attribute("value", number)
        reason = page.locator("tbody td[data-label='Why this date']").first
        assert reason.inner_text().strip()
        page.locator("tbody th a").first.click()
        page.wait_for_url(lambda url: "/calendar" not in url)
        assert page.url.startswith(home)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.goto(f"{home}/calendar?when=late")
        look(page)
        page.goto("/account/calendar")
        look(page)
        page.get_by_label("Which calendar it is for").fill("Phone")
        page.get_by_label("Your password").fill(ciso["password"])
        page.get_by_role("button", name="Make the address").click()
        expect(page.get_by_text("It is shown this once")).to_be_visible()
        look(page)
        address = page.locator("code").inner_text()
    with person(chromium, demo, None, javascript=False) as page:
        answer = page.request.get(address)
        assert answer.status == 200
        dates = icalendar.Calendar.from_ical(answer.body()).walk("VEVENT")
        assert dates
        assert all(str(one["url"]).startswith(demo.url) for one in dates)
