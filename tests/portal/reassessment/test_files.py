"""The lists of the audit cycle as files: every row of the list as it is narrowed, on every page of it, and no other."""

from __future__ import annotations

import csv
import io

import pytest

from portal import exporting
from portal.access import OrganisationRole
from portal.campaigns import views as campaign_views
from portal.exporting import by_pages
from portal.paging import Page
from portal.reassessment import file_views
from portal.web import Portal
from tests.portal.scene import Scene
from tests.portal.world import Browser, signed_in

CISO, OWNER = OrganisationRole.CISO, OrganisationRole.BUSINESS_OWNER
LISTS = (
    *("schedule", "schedule?view=open", "schedule?view=open&period=late", "schedule?view=left"),
    *("incidents?state=all", "incidents?state=settled"),
    *("triggers", "triggers?state=settled", "campaigns", "campaigns?state=closed"),
)


def file_of(browser: Browser, slug: str, name: str) -> list[list[str]]:
    path, _, query = name.partition("?")
    answer = browser.get(f"/o/{slug}/{path}.csv?{query}")
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.text.removeprefix(exporting.BOM))))


def pages_of(browser: Browser, slug: str, name: str) -> str:
    """The text of all pages of a list."""
    found, sign = "", "&" if "?" in name else "?"
    for number in range(1, 20):
        text = browser.get(f"/o/{slug}/{name}{sign}page={number}").text
        if text in found:
            break
        found += text
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read two rows at a time, so that there are several turns."""
    for module in (file_views, campaign_views):
        monkeypatch.setattr(module, "CHUNK", 2)


@pytest.mark.both_databases
@pytest.mark.usefixtures("small")
def test_a_file_names_what_its_list_names(app: Portal, scene: Scene) -> None:
    filled = set()
    for name in ("Kzalder", "Kzbirch"):
        place = scene.places[name]
        browser = signed_in(app, place[CISO])
        for each in LISTS:
            head, *rows = file_of(browser, place.slug, each)
            page = pages_of(browser, place.slug, each)
            assert all(len(one) == len(head) for one in rows)
            assert len({tuple(one) for one in rows}) == len(rows), each
            assert all(one[0] in page for one in rows), each
            assert bool(rows) == (f"{each.partition('?')[0]}.csv" in page), each
            if rows:
                filled.add(each.partition("?")[0])
    assert filled == {"schedule", "incidents", "triggers", "campaigns"}


def test_the_pages_of_a_list_follow_one_another_to_the_last() -> None:
    rows = list(range(7))
    taken = by_pages(lambda number: Page(rows[(number - 1) * 3 : number * 3], number, 7, 3))
    assert list(taken) == [[0, 1, 2], [3, 4, 5], [6]]
    nothing: Page[int] = Page([], 1, 0, 3)
    assert list(by_pages(lambda number: nothing)) == [[]]
