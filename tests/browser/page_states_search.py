"""Search and fourth parties for the table of page states: what they look at, and the states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page
from sqlalchemy import select

from portal import clock
from portal.assessments.models import Submission
from portal.db import SYSTEM, Database
from portal.gate.keeping import Keeper
from portal.portfolio.indexing import Indexer
from portal.portfolio.models import FourthParty
from portal.portfolio.words import firm_key
from tests.browser.steps import State, press
from tests.portal.world import Place

if TYPE_CHECKING:
    from tests.browser.states import World

US = "/o/{o}"
MORE = "suppliers.more"  # beside the table that the vendor has filled in itself
FIRMS = US + "/portfolio/fourth-parties"


def unknown_name(page: Page, world: World) -> None:
    page.locator("[name=same_as]").fill("Nobody Ltd")
    press("Count them as one")(page, world)


STATES = [
    State("search, nothing asked", "auditor", US + "/search", "Write what you look for."),
    State("search, found", "ciso", US + "/search?q=word", "One answer fits."),
    State("search, none fits", "ciso", US + "/search?q=nowhere", "No answer that counts today says so."),
    State("search, none in this tier", "ciso", US + "/search?q=word&tier=low", "No answer fits this filter."),
    State("search, no word", "procurement", US + "/search?q=the", "There is no word in this to look for."),
    State("fourth parties", "ciso", FIRMS, "Nordmoln Cloud AB"),
    State("fourth parties, none fits", "auditor", FIRMS + "?q=nobody", "No firm fits this filter."),
    State("fourth parties of nobody", "many", "/o/{empty_o}/portfolio/fourth-parties", "No vendor has named"),
    State("a fourth party", "auditor", FIRMS + "/engagements?name=nordmoln+cloud", "Named as"),
    State(
        "a fourth party, another name refused",
        "admin",
        FIRMS + "/engagements?name=nordmoln+cloud",
        "No vendor names a firm like this.",
        422,
        unknown_name,
    ),
]


def make(database: Database, organisation: Place) -> dict[str, str]:
    """What the worker keeps, at once, and firms that a vendor names."""
    Keeper(database).turn(clock.now, seconds=60)
    Indexer(database).turn(clock.now, seconds=60)
    with database.transaction(SYSTEM) as session:
        mine = Submission.organisation_id == organisation.id
        for submission in session.scalars(select(Submission.id).where(mine)):
            # Far behind the rows that the running worker reads out of the answers meanwhile.
            for row, (name, country, does) in enumerate(
                (("Nordmoln Cloud AB", "Sweden", "Hosting"), ("Helpline Tickets Inc.", "United States", ""))
            ):
                session.add(
                    FourthParty(
                        submission_id=submission, key=MORE, row=row, organisation_id=organisation.id, name=name,
                        name_key=firm_key(name), country=country, service=does,
                    )
                )  # fmt: skip
    return {}
