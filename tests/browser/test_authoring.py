"""A questionnaire is copied, changed, found faulty at its field, mended and looked at as a vendor, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, axe_faults, overflow, person, ways

pytestmark = pytest.mark.browser


def begin(page: Page, title: str) -> str:
    """Copy the small questionnaire; the address of the draft."""
    page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="Questionnaires", exact=True).click()
    page.get_by_role("link", name="New draft").click()
    page.get_by_label("Begin with").select_option("security_lite@1.0.0")
    page.get_by_label("Title").fill(title)
    page.get_by_role("button", name="Begin the draft").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    return page.url


def save(page: Page) -> None:
    page.locator(".savebar").get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()


def roles(page: Page) -> set[str]:
    """The roles that Chromium hands to a screen reader; Playwright's own do not know what is inert."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    return {one["role"]["value"] for one in tree["nodes"] if not one["ignored"]}


@pytest.mark.parametrize("javascript", ways(in_ci=True))
def test_a_draft_from_copy_to_preview(chromium: Browser, demo: Demo, javascript: bool) -> None:
    with person(chromium, demo, demo.account("organisation", "admin"), javascript=javascript) as page:
        draft = begin(page, f"House rules {'live' if javascript else 'plain'}")
        page.get_by_role("link", name=re.compile("What is the weakest second step")).click()
        page.locator("#f-visible_when").fill('access.mfa_staf == "all"')
        fault = page.locator("#m-visible_when")
        if javascript:
            expect(fault).to_contain_text("there is no such question")
            expect(page.locator("[data-checked]")).to_contain_text("Faults here: 1")
        else:
            expect(fault).to_be_hidden()
        save(page)
        expect(fault).to_contain_text("there is no such question")
        assert not javascript or axe_faults(page) == []  # axe needs timers, which stand still without scripts
        assert overflow(page) == 0
        page.goto(draft)
        expect(page.get_by_text("One fault keeps it from being released")).to_be_visible()
        page.get_by_role("link", name="4.2", exact=True).click()
        expect(page).to_have_url(re.compile(r"#f-visible_when$"))
        page.locator("#f-visible_when").fill('profile.develops_software == "in_house"')
        if javascript:
            expect(fault).to_be_hidden()
            expect(page.locator("#r-visible_when")).to_contain_text("is “Our own staff”")
        save(page)
        expect(fault).to_be_hidden()
        expect(page.locator("#r-visible_when")).to_contain_text("is “Our own staff”")
        page.get_by_role("link", name="Try it in its section").click()
        weakest = page.locator("[id='q-access.mfa_admin']")
        expect(weakest).to_be_hidden()
        page.get_by_text("Try answers: see what is asked then").click()
        page.get_by_label("Who writes the software").select_option(label="Our own staff")
        page.get_by_role("button", name="Show what is asked").click()
        expect(weakest).to_be_visible()
        assert not javascript or axe_faults(page) == []


def test_rows_and_order_by_buttons_alone(chromium: Browser, demo: Demo) -> None:
    """Without a script: an answer is added and moved, a section and a question are added, taken out, brought back."""
    with person(chromium, demo, demo.account("organisation", "admin"), javascript=False) as page:
        draft = begin(page, "Rows and order")
        page.get_by_label("Title of the section").fill("Doors")
        page.get_by_role("button", name="Add the section").click()
        page.get_by_label("The question", exact=True).fill("Who locks the doors?")
        page.get_by_role("button", name="Add the question").click()
        page.get_by_label("Words of answer 1").fill("A guard")
        page.get_by_label("Points of answer 1").fill("100")
        page.get_by_label("Words of answer 2").fill("Nobody")
        page.get_by_label("Points of answer 2").fill("0")
        page.get_by_role("button", name="Save and add answers").click()
        expect(page.get_by_label("Words of answer 7")).to_be_visible()
        expect(page.get_by_label("Value of answer 1")).to_have_value("a_guard")
        page.get_by_role("button", name="Move down: answer 1").click()
        expect(page.get_by_label("Words of answer 1")).to_have_value("Nobody")
        expect(page.get_by_text("No faults here")).to_be_visible()
        page.get_by_role("button", name="Take this question out").click()
        expect(page.get_by_text("Taken out. Undo stands in the list of changes.")).to_be_visible()
        page.get_by_role("button", name=re.compile("^Undo")).first.click()
        expect(page.get_by_text("The change is taken back.")).to_be_visible()
        page.goto(draft)
        expect(page.get_by_role("link", name=re.compile("Who locks the doors"))).to_be_visible()


def test_two_editors_at_once(chromium: Browser, demo: Demo) -> None:
    """The second one is told, sees both, keeps what was typed, and decides."""
    account = demo.account("organisation", "admin")
    with person(chromium, demo, account) as page, person(chromium, demo, account) as other:
        draft = begin(page, "Two pens")
        page.goto(f"{draft}/sections/access")
        other.goto(f"{draft}/sections/access")
        page.locator("#f-intro").fill("Written first.")
        save(page)
        other.locator("#f-intro").fill("Written second.")
        other.locator(".savebar").get_by_role("button", name="Save", exact=True).click()
        expect(other.get_by_role("alert")).to_contain_text("while you were writing")
        expect(other.get_by_role("table")).to_contain_text("Written first.")
        expect(other.locator("#f-intro")).to_have_value("Written second.")
        assert axe_faults(other) == []
        other.get_by_role("button", name="Save mine over theirs").click()
        expect(other.get_by_text("Saved.", exact=True)).to_be_visible()
        expect(other.locator("#f-intro")).to_have_value("Written second.")


def test_the_vendors_card_follows_the_typing(chromium: Browser, demo: Demo) -> None:
    """Live beside the form, for eyes only; a question that cannot be asked says why; on a phone it comes after."""
    account = demo.account("organisation", "admin")
    with person(chromium, demo, account) as page, person(chromium, demo, account, width=375) as phone:
        draft = begin(page, "Seen beside")
        page.goto(f"{draft}/questions/access.mfa_staff")
        beside = page.locator("[data-as-seen]")
        stored = page.get_by_label("Words of answer 1").input_value()
        expect(beside).to_contain_text(stored)
        page.get_by_label("Words of answer 1").fill("All doors, <b>always</b>")
        expect(beside).to_contain_text("All doors, <b>always</b>")
        expect(beside).not_to_contain_text(stored)
        assert page.locator("h2:text('As the vendor will see it')").is_visible()
        assert "radio" not in roles(page), "the card is for eyes only"
        assert "checkbox" in roles(page), "those of the form are read out"
        assert axe_faults(page) == []
        page.get_by_label("The question", exact=True).fill("")
        expect(beside).to_contain_text("The question: Is empty")
        assert axe_faults(page) == []
        page.get_by_label("The question", exact=True).fill("Who may enter?")
        expect(beside.locator("legend")).to_contain_text("Who may enter?")
        save(page)
        expect(beside).to_contain_text("All doors, <b>always</b>")
        phone.goto(f"{draft}/questions/access.mfa_staff")
        last, first = phone.locator("#part").bounding_box(), phone.locator("[data-as-seen]").bounding_box()
        assert last is not None
        assert first is not None
        assert first["y"] >= last["y"] + last["height"]
        assert overflow(phone) == 0
        assert axe_faults(phone) == []
