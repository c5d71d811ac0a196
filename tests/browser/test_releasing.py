"""A draft is released with a note, its differences are read, and what it would do is worked out, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, axe_faults, overflow, person, ways

pytestmark = pytest.mark.browser


def sound(page: Page, javascript: bool) -> None:
    """axe waits for timers, which do not run in a page without scripts: it would wait for ever there."""
    if javascript:
        assert axe_faults(page) == []
    assert overflow(page) == 0


@pytest.mark.parametrize("javascript", ways(in_ci=False))
def test_a_draft_is_released_compared_and_tried(chromium: Browser, demo: Demo, javascript: bool) -> None:
    slug = f"house_{'live' if javascript else 'plain'}"
    with person(chromium, demo, demo.account("organisation", "admin"), javascript=javascript) as page:
        page.get_by_role("button", name="More").click()
        page.get_by_role("link", name="Questionnaires", exact=True).click()
        library = page.url
        # The older release goes out as a spreadsheet and comes back as a draft of one's own.
        sheet = page.request.get(f"{library}/security_core/1.0.0/file.xlsx")
        page.get_by_role("link", name="Bring in a file").click()
        file = {"name": "core.xlsx", "mimeType": "application/octet-stream", "buffer": sheet.body()}
        page.get_by_label("File", exact=True).set_input_files([file])
        page.get_by_label("Its name in addresses").fill(slug)
        page.get_by_role("button", name="Make a draft of it").click()
        expect(page.get_by_text("The file is a draft now.")).to_be_visible()
        draft = page.url

        # What it would do to what was submitted, before anything is released.
        page.goto(f"{draft}/release")
        page.get_by_role("link", name="See first what it would do to what was submitted").click()
        page.get_by_role("button", name="Work it out").click()
        done = page.get_by_role("heading", name="It is worked out")
        for _look in range(20):
            if done.is_visible():
                break
            page.wait_for_timeout(1000)
            page.reload()
        expect(done).to_be_visible()
        sound(page, javascript)
        expect(page.get_by_role("table")).to_contain_text("The same")

        # Without a note there is no release; the number is proposed.
        page.goto(f"{draft}/release")
        expect(page.get_by_label("Version")).to_have_value("1.0.0")
        page.get_by_role("button", name="Release this version").click()
        expect(page.get_by_role("alert")).to_contain_text("Say in a few words what changed")
        page.get_by_label("What changed, and why").fill("Our own title on it.")
        page.get_by_role("button", name="Release this version").click()
        expect(page).to_have_url(re.compile(f"/questionnaires/{slug}/1.0.0$"))
        expect(page.get_by_text("Our own title on it.")).to_be_visible()
        expect(page.get_by_text("security_core@2.0.0 is out.")).to_be_visible()
        sound(page, javascript)

        # Its newer base comes in; what differs is read word by word.
        page.get_by_role("button", name="Make that draft").click()
        expect(page.locator(".note").first).to_contain_text("The newer release is taken over.")
        for _left in range(20):
            take = page.get_by_role("button", name="Take the newer release")
            if not take.count():
                break
            take.first.click()
        address = re.sub(r"/conflicts.*", "", page.url).split("?")[0]
        page.goto(f"{address}/diff")
        expect(page.locator("ins").first).to_be_visible()
        expect(page.get_by_text("each column adds up to 100.00")).to_be_visible()
        sound(page, javascript)
        page.get_by_role("link", name=re.compile("^Added")).click()
        expect(page.locator("article").first).to_contain_text("Added")
