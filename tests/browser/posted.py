"""Letters for the table of page states."""

from __future__ import annotations

from playwright.sync_api import Page
from sqlalchemy import select, update

from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import now
from portal.organisations.models import Organisation
from portal.outbox import Message
from tests.browser.states import World
from tests.browser.steps import State, press

US = "/o/{o}"


def given_up(page: Page, world: World) -> None:
    """Two letters of the organisation were refused for good since the page was opened."""
    page.goto(f"/o/{world.o}/letters")
    with world.database.transaction() as session:
        ours = select(Organisation.id).where(Organisation.slug == world.o).scalar_subquery()
        some = select(Message.id).where(Message.organisation_id == ours, Message.text != "").limit(2)
        session.execute(
            update(Message)
            .where(Message.id.in_(some))
            .values(state="gave_up", attempts=9, last_error="550 no such mailbox")
            .execution_options(synchronize_session=False)
        )
        record(session, Kind.MESSAGE_FAILED, now=now(), actor=None)
    page.goto(f"/o/{world.o}/letters?state=gave_up")


def sent_again(page: Page, world: World) -> None:
    given_up(page, world)
    press("Send all again")(page, world)


STATES = [
    State("letters", "ciso", US + "/letters", "what became of it"),
    State("letters for a reader", "auditor", US + "/letters?state=sent", "what became of it"),
    State("letters, none given up", "ciso", US + "/letters?state=gave_up", "No letters here."),
    State("letters, some given up", "ciso", US + "/letters", "Send all again", 200, given_up),
    State("letters sent again", "ciso", US + "/letters", "Queued once more.", 200, sent_again),
    State("letters of nothing yet", "many", "/o/{empty_o}/letters", "what became of it"),
    State("which letters one gets", "ciso", "/account/letters", "cannot be turned off"),
    State("which letters one gets, at a company", "owner", "/account/letters", "Documents that end"),
    State("which letters one gets, without a place", "nowhere", "/account/letters", "Your time zone"),
    State("fewer letters by nobody's link", "nowhere", "/letters/off/" + "x" * 66, "Not found", 404),
    State("which letters, saved", "auditor", "/account/letters", "Saved.", 200, press("Save")),
]
