"""The gate in a browser: procurement from an intake to a decision that two have made; an auditor who reads it all."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from portal import clock
from tests.browser.conftest import Demo, person, ways
from tests.browser.test_journey import Looker
from tests.browser.test_procurement import answer, send

pytestmark = pytest.mark.browser
SMALL = {
    "data": "public_only",
    "volume": "none",
    "access": "none",
    "connection": "none",
    "hosting": "none",
    "region": "adequate",
    "subcontractors": "none",
    "ai": "no",
    "process": "nothing",
    "outage": "week",
    "replace": "weeks",
    "harm": "no",
}
REASON = "It prints our posters, and the fair is in two weeks."
ASKED = "The basics of security are answered and submitted"


@pytest.mark.parametrize("javascript", ways(in_ci=True))
def test_from_an_intake_to_a_gate_that_two_have_decided(
    chromium: Browser, demo: Demo, *, javascript: bool
) -> None:
    look = Looker(axe=javascript)
    name = f"Posters {'with' if javascript else 'without'} script"
    procurement, ciso = (demo.account("organisation", one) for one in ("procurement", "ciso"))
    with person(chromium, demo, procurement, javascript=javascript) as page:
        gate = propose(page, look, name)
        assert as_json(page, gate)["outcome"] == "undecided"
        assert as_json(page, gate)["waiting"] is True
    with person(chromium, demo, ciso, javascript=javascript) as page:
        page.goto(re.sub(r"/engagements/.*", "/gates?state=mine", gate))
        look(page)
        with page.expect_navigation():
            page.get_by_role("link", name=re.compile(f"^{name}")).click()
        expect(page.get_by_text(REASON)).to_be_visible()
        look(page)
        send(page, "Approve: clear with conditions")
        expect(page.get_by_role("heading", name="Clear with conditions", exact=True)).to_be_visible()
        expect(page.get_by_text("approved by Ines Carvalho")).to_be_visible()
        look(page)
    with person(chromium, demo, procurement, javascript=javascript) as page:
        found = as_json(page, gate)
        assert (found["outcome"], found["waiting"]) == ("clear_with_conditions", False)
        assert [one["state"] for one in found["conditions"]] == ["open"]
        assert found["valid_until"] > clock.now().date().isoformat()
        page.goto(gate)
        expect(page.get_by_text("Purchasing may go ahead while the conditions hold.")).to_be_visible()
    assert look.faults == []


def propose(page: Page, look: Looker, name: str) -> str:
    """Procurement opens an engagement, reads what stands in the way, and proposes to buy all the same."""
    page.goto(f"{home_of(page)}/vendors?q=Solvane")
    with page.expect_navigation():
        page.locator("main tbody th a", has_text="Solvane").click()
    with page.expect_navigation():
        page.locator("main a[href*='/engagements/intake']").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.locator("[name='a.intake.service']").fill("Prints posters for fairs.")
    page.locator("[name='a.intake.spend']").fill("900")
    for key, value in SMALL.items():
        answer(page, key, [value])
    send(page, "Open the engagement")
    expect(page.get_by_role("heading", name="Why the tier is low")).to_be_visible()
    page.goto(page.url.split("/intake")[0].split("?")[0])  # the engagement's own page
    with page.expect_navigation():
        page.get_by_role("link", name="Look and decide").click()
    expect(page.get_by_text("Nobody has decided yet")).to_be_visible()
    expect(page.get_by_text("grounds stand in the way:")).to_be_visible()
    look(page)
    page.get_by_role("radio", name="Clear with conditions").check()
    send(page, "Decide")
    expect(page.locator("#errors")).to_contain_text("Say why")  # and nothing is lost
    look(page)
    expect(page.get_by_role("radio", name="Clear with conditions")).to_be_checked()
    page.get_by_label("Condition of your own", exact=True).fill(ASKED)
    day = page.get_by_label(re.compile("condition of your own, number 1"))
    day.fill((clock.now().date() + timedelta(days=14)).isoformat())
    page.locator("#reason").fill(REASON)
    send(page, "Decide")
    expect(page.get_by_role("heading", name="A decision waits for a second person")).to_be_visible()
    expect(page.get_by_role("button", name="Take it back")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    look(page)
    return page.url


def home_of(page: Page) -> str:
    """The address of the organisation that the person has signed in to."""
    page.goto("/")
    return re.sub(r"(/o/[^/]+).*", r"\1", page.url)


def as_json(page: Page, gate: str) -> dict[str, object]:
    """The gate as a purchasing system reads it, with this person's session."""
    found: dict[str, object] = page.request.get(f"{gate}.json").json()
    return found


@pytest.mark.parametrize("javascript", ways(in_ci=True))
def test_an_auditor_sees_everything_and_changes_nothing(
    chromium: Browser, demo: Demo, *, javascript: bool
) -> None:
    look = Looker(axe=javascript)
    with person(chromium, demo, demo.account("organisation", "auditor"), javascript=javascript) as page:
        home = home_of(page)
        entries = page.locator("#nav a").evaluate_all("all => all.map(one => one.href)")
        assert len(entries) >= 8
        page.get_by_role("button", name="More").click()
        expect(page.locator("#more").get_by_role("link", name="Audit calendar")).to_be_visible()
        look(page)
        for path in entries:
            read_only(page, look, path)
        read_only(page, look, f"{home}/policy")
        read_only(page, look, open_first(page, f"{home}/reviews", "tbody th a"))
        read_only(page, look, open_first(page, f"{home}/findings", "tbody th a"))
        gate = open_first(page, f"{home}/gates?q=Claims", "tbody th a")
        read_only(page, look, gate)
        expect(page.get_by_text("Purchasing may go ahead while the conditions hold.")).to_be_visible()
        expect(page.get_by_role("heading", name="Who decides")).to_be_visible()
        read_only(page, look, open_first(page, gate, "main a[href*='/gate/decisions/']"))
        expect(page.get_by_text("byte for byte")).to_be_visible()
        read_only(page, look, f"{gate.removesuffix('/gate')}/schedule")
        waits = open_first(page, f"{home}/gates?q=Payroll", "tbody th a")
        read_only(page, look, waits)
        expect(page.get_by_text("Your role reads this.")).to_be_visible()
        assert as_json(page, waits)["waiting"] is True
        refused = page.request.post(gate, form={"do": "decide", "outcome": "blocked"})
        assert refused.status in (400, 403)
        assert as_json(page, gate)["outcome"] == "clear_with_conditions"
    assert look.faults == []


def read_only(page: Page, look: Looker, address: str) -> None:
    """A page that opens, and has nothing to press that would change anything."""
    answered = page.goto(address)
    assert answered is not None
    assert answered.status == 200, address
    look(page)
    changing = page.locator("main form[method=post]")
    assert changing.count() == 0, (address, changing.first.evaluate("one => one.outerHTML.slice(0, 200)"))


def open_first(page: Page, address: str, link: str) -> str:
    """The address of the first such link on a page."""
    page.goto(address)
    found: str = page.locator(f"main {link}" if link.startswith("tbody") else link).first.evaluate(
        "one => one.href"
    )
    return found
