"""The main navigation: what is used all day in one line, the rest in a menu that needs no script."""

from __future__ import annotations

import re

from portal.access import OrganisationRole
from portal.db import Database
from portal.frame import NAVIGATION
from portal.settings import Settings
from portal.web import Portal
from tests.portal.world import make_organisation, signed_in

FIRST = 6  # so many have room in one line at 1024 pixels, with their counts


def labels(html: str) -> list[str]:
    return re.findall(r'<li><a href="[^"]+"(?: aria-current="page")?>([^<]+?)(?: <|<)', html)


def test_the_first_entries_have_room_and_the_rest_are_in_the_menu(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    browser = signed_in(app, place[OrganisationRole.ADMIN])
    page = browser.get(f"/o/{place.slug}/schedule").text
    nav = page[page.index('<nav class="mainnav') : page.index("</nav>")]
    line, menu = nav.split('id="more-button"')
    of_ours = [one for one in NAVIGATION if one.side == "organisation"]
    assert labels(line) == [str(one.label) for one in of_ours if not one.more]
    assert labels(menu) == [str(one.label) for one in of_ours if one.more and not one.counted]
    assert len(labels(line)) <= FIRST
    assert menu.count('aria-current="page"') == 1
    assert "you are at: Audit calendar" in menu
    assert 'popovertarget="more"' in nav
    elsewhere = browser.get(f"/o/{place.slug}/gates").text
    assert "you are at: " not in elsewhere
    assert 'class="button quiet more-open"' in elsewhere


def test_where_there_is_no_rest_there_is_no_menu(app: Portal, database: Database, settings: Settings) -> None:
    place = make_organisation(database, settings, "Halden")
    browser = signed_in(app, place[OrganisationRole.ADMIN])
    assert "more-button" not in browser.get("/account").text
