"""What waits for the worker, on pages of a portal without one: a move under way, a what-if from queued to stopped.

Beside a running worker these states pass within seconds, so that they are not in the table of page states.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from werkzeug.serving import make_server

from portal import clock, create_app, schema
from portal.access import OrganisationRole
from portal.assessments import moving
from portal.db import Database
from portal.reports import what_if_working
from portal.settings import demo_settings
from tests.browser.conftest import Demo, axe_faults, overflow, person
from tests.browser.versions import WHY, asked
from tests.portal import journey
from tests.portal.library.given_drafts import LITE
from tests.portal.world import PASSWORD, Place, make_company, make_organisation
from tests.ports import free_port

pytestmark = pytest.mark.browser
WIDTHS = (1280, 375)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Database]]:
    """The application without a worker, and its database."""
    data: Path = tmp_path_factory.mktemp("waiting")
    settings = demo_settings(data, free_port())
    database = Database(settings.database_url, settings.base_url, settings.secret_key)
    schema.upgrade(database)
    port = int(settings.base_url.rsplit(":", 1)[1])
    server = make_server("127.0.0.1", port, create_app(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Demo(settings.base_url, data, []), database
    server.shutdown()
    thread.join()
    database.dispose()


@pytest.fixture(scope="module")
def quarry(alone: tuple[Demo, Database]) -> Place:
    demo, database = alone
    settings = demo_settings(demo.data, int(demo.url.rsplit(":", 1)[1]))
    return make_organisation(database, settings, "Quarry", clock.now())


def ciso(quarry: Place) -> dict[str, str]:
    return {"email": quarry[OrganisationRole.CISO].person.email, "password": PASSWORD}


def sound(page: Page) -> None:
    """By axe and in width, in both sizes."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0
        assert axe_faults(page) == []


def without_refresh(route: Route) -> None:
    """A page that asks to be loaded again every five seconds stands still while it is looked at."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "refresh"}
    route.fulfill(response=answer, headers=headers)


def test_a_move_is_under_way_until_the_worker_has_done_it(
    chromium: Browser, alone: tuple[Demo, Database], quarry: Place
) -> None:
    demo, database = alone
    settings = demo_settings(demo.data, int(demo.url.rsplit(":", 1)[1]))
    slate = make_company(database, settings, "Slate", clock.now())
    assessment = asked(database, quarry, slate, "Slate Bindery")
    with person(chromium, demo, ciso(quarry)) as page:
        page.goto(f"/o/{quarry.slug}/assessments/{assessment}/move")
        page.get_by_label("Why").fill(WHY)
        page.get_by_role("button", name="Move it and tell the vendor").click()
        expect(page.get_by_text("A move to version 2.0.0 is under way.")).to_be_visible()
        assert page.get_by_role("button", name="Move it and tell the vendor").count() == 0
        sound(page)
        assert moving.apply_asked(database, now=clock.now()) == 1
        page.reload()
        expect(page.get_by_text("From 1.0.0 to 2.0.0")).to_be_visible()
        sound(page)


def test_a_what_if_waits_goes_on_and_is_stopped(
    chromium: Browser, alone: tuple[Demo, Database], quarry: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo, database = alone
    settings = demo_settings(demo.data, int(demo.url.rsplit(":", 1)[1]))
    for name in ("Marl", "Chalk", "Flint"):
        company = make_company(database, settings, name, clock.now())
        issued = journey.issue(database, quarry, company, vendor_name=f"{name} Ltd", now=clock.now())
        journey.submit(database, issued, now=clock.now())
    monkeypatch.setattr(what_if_working, "WRITTEN_TOGETHER", 1)
    with person(chromium, demo, ciso(quarry)) as page:
        page.route(re.compile(r"/what-ifs/[0-9a-f-]{36}$"), without_refresh)
        page.goto(f"/o/{quarry.slug}/what-ifs/ask?version={LITE.label}")
        page.get_by_role("button", name="Work it out").click()
        page.wait_for_url(re.compile(r"/what-ifs/[0-9a-f-]{36}$"))
        page.goto(page.url)  # where a redirect leads cannot be held still
        expect(page.get_by_role("heading", name="It waits for its turn")).to_be_visible()
        expect(page.get_by_text("0 of 3 submissions")).to_be_visible()
        sound(page)
        for done in (1, 2):
            assert what_if_working.work(database, clock.now, seconds=0.0) == 1
            page.reload()
            expect(page.get_by_role("heading", name="It is being worked out")).to_be_visible()
            expect(page.get_by_text(f"{done} of 3 submissions")).to_be_visible()
        sound(page)
        page.get_by_role("button", name="Stop it").click()
        expect(page.get_by_role("heading", name="It was stopped")).to_be_visible()
        expect(page.get_by_text("2 of 3 submissions")).to_be_visible()
        sound(page)
        assert what_if_working.work(database, clock.now) == 0
