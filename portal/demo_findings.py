"""What was found in the demonstration's answers: one finding with an agreed plan, one with proof to look at."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.demo_samples import Calendar
from portal.demo_story import Bought
from portal.findings import judging, lists, remedying
from portal.findings.queries import EARNED

PLANNED, PROVEN = "privacy.transfers", "ai.training_use"
PLAN = (
    "We sign the European Commission's standard clauses with the two translators outside Europe, and write down what "
    "the law there means for your texts. One contract is with our lawyer already."
)
PROOF = (
    "The setting by which our translation software may learn from customers' texts is off since Monday, for all of our "
    "workspaces. The provider has confirmed it in writing; you can have the letter."
)


def settle(session: Session, bought: Bought, *, actor: Identity, calendar: Calendar) -> None:
    """One of the worst is planned, of another one proof waits; the others have no plan yet."""
    rows = lists.of_company(session, bought.owner, "", None, number=1).rows
    texts = {one.key: one for one in rows if one.code.startswith(EARNED)}
    planned, proven = texts[PLANNED], texts[PROVEN]
    remedying.propose(
        session,
        planned,
        owner_id=bought.owner.person.id,
        due=calendar.today + timedelta(days=60),
        text=PLAN,
        seen=planned.revision,
        today=calendar.today,
        actor=bought.owner,
        now=calendar.ago(4, 200),
    )
    judging.agree(
        session,
        planned,
        text="Agreed. Please send us the clauses once both have signed.",
        seen=planned.revision,
        today=calendar.today,
        actor=actor,
        now=calendar.ago(3),
    )
    remedying.prove(
        session,
        proven,
        text=PROOF,
        documents=(),
        seen=proven.revision,
        actor=bought.owner,
        now=calendar.ago(1, 120),
    )
