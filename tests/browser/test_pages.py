"""Every page in every state that a person may meet, once each: status, landmark, axe, nothing that scrolls sideways."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from tests.browser import (
    page_states,
    page_states_api,
    page_states_calendar,
    page_states_cycle,
    page_states_portfolio,
    page_states_reports,
    page_states_search,
    page_states_worker,
)
from tests.browser.conftest import Demo, axe_faults, overflow, overflowing
from tests.browser.states import World, make
from tests.browser.steps import State
from tests.conftest import FULL as SOAK

STATES = [
    *page_states.STATES,
    *page_states_cycle.STATES,
    *page_states_calendar.STATES,
    *page_states_worker.STATES,
    *page_states_api.STATES,
    *page_states_portfolio.STATES,
    *page_states_reports.STATES,
    *page_states_search.STATES,
]
SHOTS = os.environ.get("PORTAL_TEST_SHOTS", "")  # a folder for pictures of what failed
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def made(first_demo: Demo) -> World:
    return make(first_demo)


@pytest.fixture(scope="module")
def visitors(chromium: Browser, first_demo: Demo, made: World) -> Iterator[Callable[[str], Page]]:
    """A page for each person, kept where it can be: a new one costs Chromium two processes. Signed in by a row."""
    open_now: dict[str, BrowserContext] = {}

    def of(who: str) -> Page:
        if who not in open_now:
            context = chromium.new_context(base_url=first_demo.url, reduced_motion="reduce")
            context.set_default_timeout(15_000)
            if who:
                context.add_cookies([{"name": "session", "value": made.cookie(who), "url": first_demo.url}])
            open_now[who] = context
        for page in open_now[who].pages:
            if "/assessments/" not in page.url:
                return page
            page.close()  # what it was saving by itself would hold up the next state
        return open_now[who].new_page()

    yield of
    for context in open_now.values():
        context.close()


@pytest.mark.parametrize("state", STATES, ids=lambda one: one.name.replace(" ", "-"))
def test_a_page_in_one_state(visitors: Callable[[str], Page], made: World, state: State) -> None:
    if state.sees:
        made.let_see(state.sees)
    page = visitors(state.who)
    statuses: list[int] = []

    def note(answer: Response) -> None:
        if answer.request.is_navigation_request():
            statuses.append(answer.status)

    page.on("response", note)
    try:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(state.path.format(**vars(made)))
        if state.steps:
            state.steps(page, made)
            page.wait_for_load_state()
        text = page.locator("body").inner_text()
        assert (statuses[-1], state.landmark in text) == (state.status, True), text[:2000]
        assert page.locator("h1").count() == 1
        assert page.title().startswith("Error:") is (state.status >= 400), page.title()
        # Axe once a state, wide and light or small and dark in turn; everywhere in soak. Width is looked at everywhere.
        wide = SOAK or STATES.index(state) % 2 == 0
        faults = _faults(page, "1280 light", axe=wide)
        page.set_viewport_size({"width": 375, "height": 800})
        page.emulate_media(color_scheme="dark")
        faults += _faults(page, "375 dark", axe=SOAK or not wide)
        page.set_viewport_size({"width": 320, "height": 256})  # what 1280 x 1024 leaves at 400 %
        page.emulate_media(color_scheme="light")
        faults += _faults(page, "320 light", axe=SOAK)
        if SOAK:
            page.set_viewport_size({"width": 1280, "height": 900})
            page.emulate_media(color_scheme="dark")
            faults += _faults(page, "1280 dark", axe=True)
        assert faults == []
    except BaseException:
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{state.name.replace(' ', '-')}.png", full_page=True)
        page.close()  # whatever it is in, the next state begins afresh
        raise
    finally:
        page.remove_listener("response", note)


def _faults(page: Page, size: str, *, axe: bool) -> list[str]:
    wide = overflow(page)
    found = [f"{size}: scrolls sideways by {wide} pixels: {overflowing(page)}"] if wide > 0 else []
    return found + ([f"{size}: {one}" for one in axe_faults(page)] if axe else [])
