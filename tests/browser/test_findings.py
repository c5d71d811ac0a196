"""A finding by hand: its vendor plans and proves, a reviewer agrees, accepts and grades; only then the score gains."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from portal import clock
from tests.browser.conftest import Demo, person, ways
from tests.browser.test_returning import looked_at

pytestmark = pytest.mark.browser

FOUND, PLAN, PROOF, THANKS = (
    "Nobody would notice for weeks.",
    "We write the plan with our lawyer.",
    "The plan is written and was rehearsed.",
    "Seen. Thank you.",
)
BRAE = "Translation"  # what the demonstration buys from the vendor with findings


@pytest.mark.parametrize("javascript", ways(in_ci=True))
def test_a_finding_is_planned_proven_and_graded(chromium: Browser, demo: Demo, javascript: bool) -> None:
    vendor = next(one for one in demo.accounts if "brae" in one["email"])
    reviewer = demo.account("organisation", "reviewer")
    with person(chromium, demo, reviewer, javascript=javascript) as page:
        page.goto("/")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Findings").click()
        expect(page.locator("h1")).to_have_text("Findings")
        page.goto(f"{page.url}?state=open&q={BRAE}")
        page.locator("tbody th a").first.click()
        page.get_by_role("link", name="See the answer in the review").click()
        page.get_by_role("link", name="Add a finding about this question").click()
        page.get_by_label("How severe it is").select_option("critical")
        page.get_by_role("button", name="Put it on record").click()
        expect(page.locator("[role=alert]")).to_contain_text("Say what was found")
        page.get_by_label("What was found").fill(FOUND)
        looked_at(page, f"by-hand-{javascript}", javascript)
        page.get_by_role("button", name="Put it on record").click()
        expect(page.locator("main")).to_contain_text("Added by a reviewer")
        expect(page.locator("main")).to_contain_text(FOUND)

    with person(chromium, demo, vendor, javascript=javascript) as page:
        page.goto("/")
        card = page.locator("section[aria-labelledby=found]")
        expect(card).to_contain_text("findings wait for you")
        card.get_by_role("link").click()
        expect(page.locator("h1")).to_have_text("Findings")
        looked_at(page, f"what-was-found-{javascript}", javascript)
        waiting = page.locator("main li").filter(has_text=FOUND)
        expect(waiting).to_contain_text("Waits for you")
        waiting.locator("h2 a").click()
        name = page.locator("h1").inner_text()
        finding = page.url.rsplit("/", 1)[1]
        page.get_by_role("button", name="Send the plan").click()
        expect(page.locator("[role=alert]")).to_contain_text("Choose the day by which it will be settled.")
        page.get_by_label("Settled by").fill((clock.now() + timedelta(days=30)).date().isoformat())
        page.get_by_label("What will be done").fill(PLAN)
        looked_at(page, f"to-plan-{javascript}", javascript)
        page.get_by_role("button", name="Send the plan").click()
        expect(page.locator("body")).to_contain_text("You have proposed")

    with person(chromium, demo, reviewer, javascript=javascript) as page:
        page.goto("/")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Findings").click()
        page.get_by_role("link", name=re.compile("^Waiting for you")).click()
        page.locator(f"tbody a[href$='{finding}']").click()
        expect(page.locator("h1")).to_have_text(name)
        expect(page.locator("main")).to_contain_text(PLAN)
        looked_at(page, f"plan-{javascript}", javascript)
        page.get_by_role("button", name="Agree to the plan").click()
        expect(page.locator("body")).to_contain_text("Agreed. The vendor gets a letter.")
        ours = page.url

    with person(chromium, demo, vendor, javascript=javascript) as page:
        page.goto("/")
        page.locator("section[aria-labelledby=found]").get_by_role("link").click()
        page.locator(f"main a[href$='{finding}']").click()
        page.get_by_label("What was done").fill(PROOF)
        page.get_by_role("button", name="Give the proof").click()
        expect(page.locator("body")).to_contain_text("looks at the proof")
        looked_at(page, f"proof-given-{javascript}", javascript)

    with person(chromium, demo, reviewer, javascript=javascript) as page:
        page.goto(ours)
        expect(page.locator("main")).to_contain_text(PROOF)
        page.get_by_role("textbox", name="Points").fill("90")
        page.get_by_role("button", name="Show what other points would make of it").click()
        offer = page.get_by_text(re.compile("With 90 points the score becomes"))
        expect(offer).to_be_visible()
        numbers = re.findall(r"\d+\.\d", offer.inner_text())
        looked_at(page, f"proof-{javascript}", javascript)
        page.get_by_label("Your words to the vendor").fill(THANKS)
        page.get_by_label("Grade the answer with the points below").check()
        page.get_by_role("button", name="Accept: it is settled").click()
        expect(page.locator("body")).to_contain_text("The proof is accepted")
        looked_at(page, f"closed-{javascript}", javascript)
        page.get_by_role("link", name="See the answer in the review").click()
        expect(page.locator("main")).to_contain_text("Graded 90")
        page.get_by_role("link", name="Result").first.click()
        expect(page.locator("main")).to_contain_text(numbers[0])
        assert numbers[0] != numbers[-1], "the score has gained"

    with person(chromium, demo, vendor, javascript=javascript) as page:
        page.goto("/")
        page.locator("section[aria-labelledby=found]").get_by_role("link").click()
        page.get_by_role("link", name=re.compile("^Closed")).click()
        page.locator(f"main a[href$='{finding}']").click()
        expect(page.locator("main")).to_contain_text(THANKS)
