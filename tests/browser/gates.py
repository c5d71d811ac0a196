"""Gates in every state for the table of page states: what they look at, and the states."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from playwright.sync_api import Page

from portal.db import Database
from portal.gate import service
from tests.browser.steps import State, open_details, press
from tests.portal.scene_gate import decide_and_wait
from tests.portal.world import Place

if TYPE_CHECKING:
    from tests.browser.states import World

US = "/o/{o}"
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
    State("decision of a gate", "auditor", DECIDED + "/decisions/{gate_decision}", "byte for byte"),
]


def make(database: Database, place: Place, engagement: uuid.UUID) -> dict[str, uuid.UUID]:
    """A decision with a condition that is met, a proposal that waits, and an exception."""
    made = decide_and_wait(database, place, engagement, WORDS)
    return {"gate_engagement": engagement, "gate_decision": made.decision}
