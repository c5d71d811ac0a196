"""Answering any questionnaire in a browser, as a person would: section after section, until nothing is missing."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

Look = Callable[[Page], None]


def answer_everything(page: Page, start: str, look: Look, *, javascript: bool) -> int:
    """Fill every question that is asked; returns how many section pages were saved. ``look`` sees each page first.

    Follows "Save and continue"; what the answers made visible afterwards is found on "What is missing".
    """
    page.goto(start)
    saved = 0
    for _ in range(200):
        if "/sections/" not in page.url:
            break
        look(page)
        fill_section(page, javascript=javascript)
        with page.expect_navigation():
            page.locator(".savebar button[value=next]").click()
        saved += 1
    for _ in range(50):
        page.goto(start.split("/sections/")[0] + "/missing")
        gaps = page.locator(".answer > .stack a[href*='/sections/']")
        if gaps.count() == 0:
            return saved
        with page.expect_navigation():
            gaps.first.click()
        fill_section(page, javascript=javascript)
        with page.expect_navigation():
            page.locator(".savebar button[value=stay]").click()
        saved += 1
    raise AssertionError("something is missing for ever")


def fill_section(page: Page, *, javascript: bool) -> None:
    """Answer every question of the section that is shown and empty; with JavaScript, also those that appear."""
    seen: set[str] = set()
    for _ in range(120):
        keys = page.locator(".question:not([hidden])").evaluate_all("all => all.map(one => one.dataset.key)")
        fresh = [key for key in keys if key and key not in seen]
        if not fresh:
            return
        for key in fresh:
            seen.add(key)
            card = page.locator(f"[id='q-{key}']")
            if card.is_visible():
                fill(card, key)
        if not javascript:
            return
        page.keyboard.press("Tab")
        settle(page)


def settle(page: Page) -> None:
    """Wait until autosave has nothing left to say."""
    state = page.locator(".savebar [role=status]")
    expect(state).not_to_contain_text("Saving", timeout=15_000)


def fill(card: Locator, key: str) -> None:
    """One answer: the first option, a word, a number in range, a day, one row."""
    named = f"[name='a.{key}']"
    radios = card.locator(f"input[type=radio]{named}:not([value=''])")
    boxes = card.locator(f"input[type=checkbox]{named}")
    if radios.count():
        if not card.locator(f"input[type=radio]{named}:checked:not([value=''])").count():
            radios.first.check()
    elif boxes.count():
        if not card.locator(f"input[type=checkbox]{named}:checked").count():
            boxes.first.check()
    elif card.locator(f"select{named}").count():
        card.locator(f"select{named}").select_option(index=1)
    elif card.locator(f"[name^='a.{key}.0.']").count():
        for cell in card.locator(f"[name^='a.{key}.0.']").all():
            cell.fill("2026-01-31" if cell.get_attribute("type") == "date" else "7")
    else:
        control = card.locator(named)
        if not control.input_value():
            kind = control.get_attribute("type") or "text"
            numeric = control.get_attribute("inputmode") in ("numeric", "decimal") or kind == "number"
            control.fill("2026-01-31" if kind == "date" else "12" if numeric else "A short and true answer.")
    promise = card.locator(f"[name='e.{key}.reason']")
    if promise.count() and promise.is_visible() and not promise.input_value():
        promise.fill("It is with the auditor.")
        card.locator(f"[name='e.{key}.date']").fill("2027-03-01")
