"""A return of chosen questions and a thread for the table of page states: what they look at, and the states."""

from __future__ import annotations

import uuid
from datetime import timedelta

from portal import clock
from portal.access import OrganisationRole
from portal.assessments import asking_back, returning
from portal.assessments.returning import Return
from portal.db import Database
from portal.review import queries
from tests.browser.steps import State, open_details, press
from tests.portal import journey, rich
from tests.portal.world import Place

US, THEM = "/o/{o}", "/c/{c}"
BACK, OURS = THEM + "/assessments/{back}", US + "/reviews/{back_submission}"
MFA, HIDDEN, LOGS = (f"own.rich.{one}" for one in ("mfa", "cloud_keys", "logs"))
STATES = [
    State(
        "return, to choose", "ciso", US + "/reviews/{submission}/return", "Which questions", 200, open_details
    ),
    State(
        "return refused",
        "ciso",
        US + "/reviews/{submission}/return",
        "Nothing was returned",
        422,
        press("Return the ticked questions"),
    ),
    State("return that is out", "ciso", OURS + "/return", "2 questions came back"),
    State("return that is out, read only", "auditor", OURS + "/return", "2 questions came back"),
    State("review of what is out", "ciso", OURS, "See which and why, or take it back"),
    State("thread beside an answer", "ciso", OURS + f"?q={LOGS}", "Who keeps them?"),
    State("what came back", "owner", BACK, "2 questions came back, the rest stands"),
    State("section of what came back", "owner", BACK + "/sections/access", "The rest of this section stands"),
    State("section that stands", "owner", BACK + "/sections/care", "Who keeps them?"),
    State("missing of what came back", "owner", BACK + "/missing", "Are cloud keys changed every year?"),
    State(
        "reading a round before it is signed", "owner", BACK + "/submit", "Nothing of this section came back"
    ),
    State("asked about an answer", "owner", BACK + "/enquiries", "Asked about the answer to 3.4"),
]


def make(
    database: Database, quarry: Place, slate: Place, vendor: uuid.UUID, engagement: uuid.UUID
) -> dict[str, uuid.UUID]:
    """An assessment of which two questions, one of them hidden, are with the vendor; a third is asked about."""
    now, reviewer = clock.now(), quarry[OrganisationRole.REVIEWER]
    journey.release(database, quarry, rich.DEFINITION)
    assessment = journey.again(database, quarry, vendor, (engagement,), rich.DEFINITION, now=now)
    issued = journey.Issued(quarry, slate, vendor, (engagement,), assessment, rich.DEFINITION)
    submission = journey.submit(database, issued, rich.ANSWERS, now=now)
    with database.transaction(reviewer.scope) as session:
        one = queries.case(session, reviewer, submission, lock=True).assessment
        due = (now + timedelta(days=200)).date()
        words = {MFA: "Who signs in without it, and until when?"}
        wish = Return(frozenset({MFA, HIDDEN}), "Two answers need another look.", due, words)
        returning.return_questions(session, one, wish, actor=reviewer, now=now)
        asking_back.ask(session, one, LOGS, "Who keeps them?", actor=reviewer, now=now)
    return {"back": assessment, "back_submission": submission}
