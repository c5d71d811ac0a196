"""Gates in every state for the table of page states: what they look at, and the states."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from playwright.sync_api import Page

from portal import clock
from portal.access import OrganisationRole
from portal.db import Database
from portal.gate import case, service
from portal.gate.choosing import Choice
from portal.gate.deciding import BY_HAND, Condition
from portal.vendors import queries as vendors
from portal.vendors.service import create_engagement
from tests.browser.steps import State, open_details, press
from tests.portal.scene_gate import decide_and_wait
from tests.portal.world import Place

if TYPE_CHECKING:
    from tests.browser.states import World

US = "/o/{o}"
WAITS = US + "/engagements/{gate_waits}/gate"
GATE, DECIDED = US + "/engagements/{engagement}/gate", US + "/engagements/{gate_engagement}/gate"
WORDS = (
    "The service is small, and the exit plan is written.",
    "They have shown the plan; nothing else is open.",
    "The plan lies in the contract folder.",
    "Nobody signs in from outside until the new system runs.",
)


def clear_without_a_word(page: Page, world: World) -> None:
    """Better than the rules propose, and no reason given."""
    page.locator("input[name=outcome][value=clear]").check()
    press("Decide")(page, world)


STATES = [
    State("gates", "ciso", US + "/gates", "What may be bought today"),
    State("gates that wait", "ciso", US + "/gates?state=waiting", "waits for a second person"),
    State("gates, none fits", "auditor", US + "/gates?q=nobody", "No gate fits this filter"),
    State("gates of nothing yet", "many", "/o/{empty_o}/gates", "Every engagement has a gate"),
    State("gate that nobody decided", "ciso", GATE, "Nobody has decided yet"),
    State("gate, decision refused", "ciso", GATE, service.NO_REASON, 422, clear_without_a_word),
    State("gate for a reader", "auditor", GATE, "Who decides"),
    State(
        "gate with a decision and one that waits",
        "admin",
        DECIDED,
        "can no longer be approved",
        200,
        open_details,
    ),
    State("gate, refused without a word", "admin", DECIDED, "Say why you refuse it", 422, press("Refuse")),
    State("gate, read only", "auditor", DECIDED, "Conditions of the decision"),
    State("gate, to be approved", "admin", WAITS, "Approve: clear with conditions", 200, open_details),
    State("gate that waits for somebody else", "ciso", WAITS, "Take it back"),
    State("decision of a gate", "auditor", DECIDED + "/decisions/{gate_decision}", "byte for byte"),
]


def make(database: Database, place: Place, engagement: uuid.UUID) -> dict[str, uuid.UUID]:
    """A decision with a condition that is met, a proposal that is overtaken, and an exception."""
    made = decide_and_wait(database, place, engagement, WORDS)
    return {"gate_engagement": engagement, "gate_decision": made.decision}


def propose(database: Database, place: Place, vendor_id: uuid.UUID) -> dict[str, uuid.UUID]:
    """Of an engagement that nothing else moves, under the policy that stands by then: it waits for the admin."""
    ciso, now = place[OrganisationRole.CISO], clock.now()
    with database.transaction(ciso.scope) as session:
        vendor = vendors.vendor(session, ciso, vendor_id)
        values = {"description": "", "tier": "medium", "facts": {}, "business_owner_id": None}
        bought = create_engagement(session, vendor, name="Pay slips", actor=ciso, now=now, **values)
        session.flush()
        found = case.read(session, ciso, bought.id, now=now, lock=True)
        one = Condition(BY_HAND, str(uuid.uuid4()), found.today + timedelta(days=20), "blocked")
        service.decide(
            session,
            found,
            Choice("clear_with_conditions", (one,), found.proposal.latest),
            reason=WORDS[0],
            words={one.subject: WORDS[2]},
            seen=service.seen_of(found, 0, None),
            without_own=found.proposal,
            actor=ciso,
            now=now,
        )
        return {"gate_waits": bought.id}
