"""Letters for the table of page states."""

from __future__ import annotations

from tests.browser.steps import State, press

US = "/o/{o}"
STATES = [
    State("letters", "ciso", US + "/letters", "what became of it"),
    State("letters for a reader", "auditor", US + "/letters?state=sent", "what became of it"),
    State("letters, none given up", "ciso", US + "/letters?state=gave_up", "No letters here."),
    State("letters of nothing yet", "many", "/o/{empty_o}/letters", "what became of it"),
    State("which letters one gets", "ciso", "/account/letters", "cannot be turned off"),
    State("which letters one gets, at a company", "owner", "/account/letters", "Documents that end"),
    State("which letters one gets, without a place", "nowhere", "/account/letters", "Your time zone"),
    State("fewer letters by nobody's link", "nowhere", "/letters/off/" + "x" * 66, "Not found", 404),
    State("which letters, saved", "auditor", "/account/letters", "Saved.", 200, press("Save")),
]
