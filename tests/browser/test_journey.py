"""The main job in a real Chromium: invite, answer, submit, rate, requirements, schedule; axe on every page of it."""

from __future__ import annotations

import email
import email.policy
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.answering import answer_everything
from tests.browser.conftest import ROOT, Demo, axe_faults, overflow, person, ways

pytestmark = pytest.mark.browser
PASSWORD = "four unrelated words here"
WEBAPP = ROOT.parent / "shared" / "content" / "vsaq" / "webapp.json"
SMALL_VSAQ = Path(__file__).with_name("small_vsaq.json")


class Looker:
    """Looks at each kind of page once: axe, and nothing that scrolls sideways."""

    def __init__(self, *, axe: bool) -> None:
        self.axe = axe
        self.seen: set[str] = set()
        self.faults: list[str] = []

    def __call__(self, page: Page) -> None:
        kind = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|/(o|c)/[^/]+/|/invitations/.*", "~", page.url)
        if kind in self.seen:
            return
        self.seen.add(kind)
        if overflow(page) > 0:
            self.faults.append(f"{page.url} scrolls sideways by {overflow(page)} pixels")
        if self.axe:
            self.faults += axe_faults(page)


def letter_to(demo: Demo, address: str, subject: str = "", seconds: float = 30, *, holds: str = "") -> str:
    """The text of the newest letter to ``address`` with ``subject`` in its own, once the worker has sent it.

    ``holds``: it says this, on one line.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in sorted((demo.data / "mail").glob("*.eml"), key=lambda one: -one.stat().st_mtime):
            letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if address in str(letter["To"]) and subject in str(letter["Subject"]):
                body = letter.get_body(("plain",))
                assert body is not None
                text = str(body.get_content())
                if holds in text:
                    return text
        time.sleep(0.3)
    raise AssertionError(f"no letter to {address} that says {holds!r}")


def issue_to_new_vendor(page: Page, look: Looker, *, vendor: str, address: str, title: str) -> None:
    """Procurement: vendor, engagement with facts, assessment to a contact who is not here yet."""
    with page.expect_navigation():
        page.get_by_role("link", name="New vendor").click()
    look(page)
    page.get_by_label("Name").fill(vendor)
    with page.expect_navigation():
        page.locator("main form button.primary").click()
    look(page)
    with page.expect_navigation():
        page.locator("main a[href*='/engagements/intake']").first.click()
    look(page)
    with page.expect_navigation():
        page.get_by_role("link", name="Set the tier by hand instead").click()
    look(page)
    page.get_by_label("Name", exact=True).fill("Document archive")
    page.locator("input[name=tier][value=high], select[name=tier]").first.evaluate(
        "one => one.tagName === 'SELECT' ? (one.value = 'high') : one.click()"
    )
    page.locator("input[type=checkbox][value=personal]").check()
    with page.expect_navigation():
        page.locator("main form button.primary").click()
    look(page)
    with page.expect_navigation():
        page.locator("main a[href*='/issue']").first.click()
    look(page)
    issue(page, title, contact=address)
    look(page)


def issue(page: Page, title: str, *, contact: str = "") -> None:
    choice = page.get_by_label("Questionnaire")
    value = choice.locator("option").filter(has_text=title).first.get_attribute("value")
    choice.select_option(value)
    for box in page.locator("input[name=engagements]").all():
        box.check()
    page.get_by_label("Why you ask").fill("You keep our files, and our rules ask for a review each year.")
    if contact:
        radio = page.locator("input[name=contact][value=new]")
        if radio.count():
            radio.check()
        page.locator("[name=contact_name]").fill("Vera Contact")
        page.locator("[name=contact_email]").fill(contact)
    with page.expect_navigation():
        page.get_by_role("button", name="Issue the assessment").click()
    expect(page.locator("h1")).not_to_contain_text("Issue an assessment")


def join(page: Page, demo: Demo, look: Looker, address: str, company: str) -> None:
    """The contact: opens the link of the letter, makes an account and a company."""
    found = re.search(r"http://\S+/invitations/\S+", letter_to(demo, address))
    assert found is not None
    page.goto(found.group(0))
    look(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Name of your company").fill(company)
    with page.expect_navigation():
        page.get_by_role("button", name="Accept the invitation").click()
    expect(page.locator("h1")).to_contain_text("asks you about security")
    look(page)


def sign(page: Page, look: Looker, base: str) -> str:
    """Read through, sign, and the receipt; returns the hash on it."""
    page.goto(f"{base}/submit")
    look(page)
    page.locator("[name=role]").fill("Head of security")
    page.locator("[name=agreed]").check()
    with page.expect_navigation():
        page.get_by_role("button", name="Sign and submit").click()
    look(page)
    page.goto(f"{base}/receipt")
    look(page)
    found = re.search(
        r"\b[0-9a-f]{64}\b", re.sub(r"(?<=[0-9a-f]) (?=[0-9a-f])", "", page.locator("main").inner_text())
    )
    assert found is not None, "the receipt shows the hash"
    return found.group(0)


@pytest.mark.parametrize("javascript", ways(in_ci=True))
def test_the_whole_journey_with_security_lite(chromium: Browser, demo: Demo, javascript: bool) -> None:
    # axe is a script itself: it looks in the run with JavaScript; the pages are the same
    look = Looker(axe=javascript)
    tag = "script" if javascript else "plain"
    address, company = f"vera@{tag}.example", f"Vera {tag} Ltd"
    with person(chromium, demo, demo.account("organisation", "procurement"), javascript=javascript) as page:
        look(page)
        issue_to_new_vendor(page, look, vendor=company, address=address, title="Security basics")
        progress = page.url
    with person(chromium, demo, None, javascript=javascript, width=1280 if javascript else 375) as page:
        join(page, demo, look, address, company)
        with page.expect_navigation():
            page.get_by_role("link", name="Read all questions first").click()
        look(page)
        page.go_back()
        with page.expect_navigation():
            page.locator("main a.button.primary").first.click()
        base = page.url.split("/sections/")[0]
        saved = answer_everything(page, page.url, look, javascript=javascript)
        assert saved >= 14
        seal = sign(page, look, base)
        page.goto(f"{base}/result")
        look(page)
        expect(page.locator("main")).to_contain_text("Strong")
        assert seal in letter_to(demo, address, "Receipt").replace(" ", "").replace("\n", "")
    with person(chromium, demo, demo.account("organisation", "ciso"), javascript=javascript) as page:
        page.goto(progress)
        look(page)
        with page.expect_navigation():
            page.locator("main a[href$='/result']").first.click()
        look(page)
        expect(page.locator("main")).to_contain_text("of 100")
        expect(page.locator("main")).to_contain_text("GDPR Art. 28(3)")
        page.goto(page.url.split("/o/")[0] + "/o/" + page.url.split("/o/")[1].split("/")[0] + "/schedule")
        look(page)
        expect(page.locator("main")).to_contain_text("Document archive")
    assert look.faults == []


@pytest.mark.parametrize("javascript", ways(in_ci=False))
def test_an_imported_vsaq_questionnaire_is_answered_and_submitted(
    chromium: Browser, demo: Demo, javascript: bool
) -> None:
    look = Looker(axe=javascript)
    source = WEBAPP if WEBAPP.exists() else SMALL_VSAQ
    version = "1.0.0" if javascript else "1.0.1"
    done = demo.cli(
        "import-questionnaire",
        "--data",
        str(demo.data),
        "--slug",
        "vsaq_web",
        "--version",
        version,
        "Halden Mutual",
        str(source),
    )
    assert done.returncode == 0, done.stderr
    tag = "vsaq" if javascript else "vsaq-plain"
    address, company = f"vera@{tag}.example", f"Vera {tag} Ltd"
    with person(chromium, demo, demo.account("organisation", "admin"), javascript=javascript) as page:
        issue_to_new_vendor(page, look, vendor=company, address=address, title="Web Application Security")
        progress = page.url
    with person(chromium, demo, None, javascript=javascript) as page:
        join(page, demo, look, address, company)
        with page.expect_navigation():
            page.locator("main a.button.primary").first.click()
        base = page.url.split("/sections/")[0]
        answer_everything(page, page.url, look, javascript=javascript)
        sign(page, look, base)
        page.goto(f"{base}/result")
        look(page)
    with person(chromium, demo, demo.account("organisation", "reviewer"), javascript=javascript) as page:
        page.goto(f"{progress.rstrip('/')}/result")
        look(page)
        expect(page.locator("main")).to_contain_text("of 100")
    assert look.faults == []
