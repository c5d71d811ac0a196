"""An open assessment goes over to a newer version and back, with a page of its vendor open all the while."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from portal import clock
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.db import Database
from portal.settings import demo_settings
from tests.browser.conftest import Demo, axe_faults, overflow, person
from tests.browser.versions import WHY, asked
from tests.portal.world import PASSWORD, make_company, make_organisation

pytestmark = pytest.mark.browser
PROFILE = "What does your service do for this customer?"
WORDS = "We print and bind what the customer sends us."


def account(who: Identity) -> dict[str, str]:
    return {"email": who.person.email, "password": PASSWORD}


def sound(page: Page) -> None:
    assert axe_faults(page) == []
    assert overflow(page) == 0


def wait_for(page: Page, words: str) -> None:
    """The worker does it within seconds; the page says so when it is loaded again."""
    for _look in range(30):
        if page.get_by_text(words).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(f"{words} never came")


def test_a_move_and_the_way_back(chromium: Browser, demo: Demo) -> None:
    settings = demo_settings(demo.data, int(demo.url.rsplit(":", 1)[1]))
    database = Database(settings.database_url, settings.base_url, settings.secret_key)
    quarry = make_organisation(database, settings, "Quarry", clock.now())
    slate = make_company(database, settings, "Slate", clock.now())
    assessment = asked(database, quarry, slate, "Slate Bindery")
    ours, theirs = f"/o/{quarry.slug}/assessments/{assessment}", f"/c/{slate.slug}/assessments/{assessment}"
    with (
        person(chromium, demo, account(quarry[OrganisationRole.CISO])) as asker,
        person(chromium, demo, account(slate[CompanyRole.OWNER]), javascript=False) as vendor,
    ):
        vendor.goto(f"{theirs}/sections/profile")
        vendor.get_by_role("textbox", name=PROFILE).fill(WORDS)

        asker.goto(ours)
        asker.get_by_role("link", name="Move to another version").click()
        asker.get_by_label("Why").fill(WHY)
        asker.get_by_role("button", name="Move it and tell the vendor").click()
        wait_for(asker, "From 1.0.0 to 2.0.0")
        sound(asker)

        # What was typed meanwhile is not saved to questions that nobody has seen, and not lost.
        vendor.get_by_role("button", name="Save", exact=True).click()
        expect(vendor.get_by_role("heading", level=1)).to_have_text(
            "The questionnaire has changed while your page was open"
        )
        expect(vendor.get_by_text(WORDS)).to_be_visible()
        vendor.get_by_role("link", name="Open the section as it is now").click()
        vendor.get_by_role("textbox", name=PROFILE).fill(WORDS)
        with vendor.expect_navigation():
            vendor.get_by_role("button", name="Save", exact=True).click()
        vendor.goto(theirs)
        expect(vendor.get_by_text("Moved to version 2.0.0.")).to_be_visible()
        vendor.get_by_role("link", name="Read why").click()
        expect(vendor.get_by_text(WHY)).to_be_visible()

        asker.get_by_label("Why").fill("Our auditor is content with the older questions.")
        asker.get_by_role("button", name="Take the move back").click()
        wait_for(asker, "From 2.0.0 to 1.0.0 (taken back)")
        sound(asker)
        vendor.goto(theirs)
        expect(vendor.get_by_text("Moved to version 1.0.0.")).to_be_visible()
        vendor.goto(f"{theirs}/sections/profile")
        expect(vendor.get_by_role("textbox", name=PROFILE)).to_have_value(WORDS)
