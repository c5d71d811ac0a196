"""Findings in every state for the table of page states: what they look at, and the states."""

from __future__ import annotations

import uuid
from datetime import timedelta

from portal import clock
from portal.access import CompanyRole, OrganisationRole
from portal.db import Database
from portal.features import CONSEQUENCES
from portal.findings import closing, keeping, queries, remedying, steps
from portal.review import queries as review
from tests.browser.steps import State, open_details, press
from tests.portal import journey
from tests.portal.findings import given
from tests.portal.world import Place

US, THEM = "/o/{o}/findings", "/c/{c}/findings"
STATES = [
    State("findings", "ciso", US, "Without a plan"),
    State("findings, none fits", "auditor", US + "?q=nobody&state=closed", "No finding fits this filter"),
    State("finding without a plan", "ciso", US + "/{found_open}", "Close the finding", 200, open_details),
    State("finding, read only", "auditor", US + "/{found_plan}", "The vendor proposes a plan"),
    State("finding with a plan", "ciso", US + "/{found_plan}", "Agree to the plan"),
    State(
        "finding, plan refused without a word",
        "ciso",
        US + "/{found_plan}",
        "Say why",
        422,
        press("Refuse it"),
    ),
    State("finding with proof", "ciso", US + "/{found_proof}", "With 100 points the score becomes"),
    State("finding to be closed by two", "ciso", US + "/{found_grave}", "Agree: close it"),
    State("finding that is closed", "ciso", US + "/{found_closed}", "Closed: no fault"),
    State(
        "finding by hand",
        "ciso",
        "/o/{o}/reviews/{found_submission}/findings/new?q=own.kept.logs",
        "Put it on record",
    ),
    State(
        "finding by hand refused",
        "ciso",
        "/o/{o}/reviews/{found_submission}/findings/new?q=own.kept.logs",
        "Say what was found",
        422,
        press("Put it on record"),
    ),
    State(
        "findings beside an answer",
        "ciso",
        "/o/{o}/reviews/{found_submission}?q=own.kept.mfa",
        "Plan to agree to",
    ),
    State("what was found", "owner", THEM, "Waits for you"),
    State("what was found, with the customer", "owner", THEM + "?state=waits", "Plan is looked at"),
    State(
        "what was given to somebody", "contributor", THEM + "?state=waits", "What was given to you to settle"
    ),
    State(
        "finding, to plan and to prove", "owner", THEM + "/{found_open}", "Send the plan", 200, open_details
    ),
    State(
        "finding, plan refused by the form",
        "owner",
        THEM + "/{found_open}",
        "Choose the day",
        422,
        press("Send the plan"),
    ),
    State("finding, plan sent", "owner", THEM + "/{found_plan}", "You have proposed"),
    State("finding, proof given", "owner", THEM + "/{found_proof}", "looks at the proof"),
    State("finding, closed", "owner", THEM + "/{found_closed}", "It is closed."),
]


def make(
    database: Database, quarry: Place, slate: Place, vendor: uuid.UUID, engagement: uuid.UUID
) -> dict[str, uuid.UUID]:
    """Sealed answers with findings: without a plan, with one, with proof, to be closed by two people, and closed."""
    now, asked = clock.now(), given.definition()
    reviewer, owner = quarry[OrganisationRole.REVIEWER], slate[CompanyRole.OWNER]
    today = clock.local_date(now, "UTC")
    journey.release(database, quarry, asked)
    assessment = journey.again(database, quarry, vendor, (engagement,), asked, now=now)
    issued = journey.Issued(quarry, slate, vendor, (engagement,), assessment, asked)
    submission = journey.submit(database, issued, given.WORST, now=now, consequences=CONSEQUENCES)
    found = given.Found(database, issued, submission)
    plan, proof, stays = found.one("knockout"), found.one("finding:"), found.one("finding:", given.STEPS)
    helper = slate[CompanyRole.CONTRIBUTOR].person.id
    with database.transaction(owner.scope) as session:
        row = queries.finding(session, owner, plan.id, lock=True)
        due, text = today + timedelta(days=40), "We buy keys for everybody."
        remedying.propose(
            session, row, owner_id=helper, due=due, text=text, seen=1, today=today, actor=owner, now=now
        )
        row = queries.finding(session, owner, proof.id, lock=True)
        remedying.prove(session, row, text="Everybody has one.", documents=(), seen=1, actor=owner, now=now)
    ids = {"found_plan": plan.id, "found_proof": proof.id, "found_open": stays.id}
    for name, severity in (("found_grave", "critical"), ("found_closed", "low")):
        with database.transaction(reviewer.scope) as session:
            case = review.case(session, reviewer, submission, lock=True)
            text = f"Nobody reads the logs ({severity})."
            row = keeping.add(
                session, case, key=given.LOGS, severity=severity, text=text, actor=reviewer, now=now
            )
            held = steps.hold(session, reviewer, row.id)
            why = "They are read by a machine."
            closing.propose(session, held, "no_fault", reason=why, seen=1, actor=reviewer, now=now)
            ids[name] = row.id
    return {**ids, "found_submission": submission}
