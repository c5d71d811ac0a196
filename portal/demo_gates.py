"""Two gates of the demonstration: one that two people have decided, one that waits for the second of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.demo_samples import Calendar
from portal.demo_story import Bought
from portal.gate import approving, case, queries, service
from portal.gate.choosing import Choice
from portal.gate.deciding import BY_HAND, Condition
from portal.gate.models import GateProposal


@dataclass(frozen=True, slots=True)
class Wish:
    """What is proposed: ``asks``, in words, holds until ``due``; ``reason``: why it may be so all the same."""

    reason: str
    asks: str
    due: date


def settle(
    session: Session, archive: Bought, payroll: Bought, *, ciso: Identity, admin: Identity, calendar: Calendar
) -> None:
    """The archive passes with conditions; of payroll the same is proposed, and the admin has not looked at it yet."""
    wish = Wish(
        "The band is strong and nothing failed. What is open is the questionnaire on personal data: they keep our "
        "claim files anyway, and moving them now would risk more than waiting for it.",
        "The questionnaire on personal data is submitted and reviewed",
        calendar.today + timedelta(days=30),
    )
    waits = _propose(session, archive, wish, ciso=ciso, now=calendar.ago(3, 95))
    found = case.read(session, admin, archive.engagement.id, now=calendar.ago(2, 15), lock=True)
    seal = queries.seal_of(waits)
    approving.approve(session, found, waits.id, seal=seal, actor=admin, now=calendar.ago(2, 20))
    wish = Wish(
        "Salaries have to be paid in the new year, and the old provider stops in December. Their lawyer works on the "
        "annex; without it by its day the gate closes.",
        "The annex on data protection is signed",
        calendar.today + timedelta(days=21),
    )
    _propose(session, payroll, wish, ciso=ciso, now=calendar.ago(1, 60))


def _propose(session: Session, bought: Bought, wish: Wish, *, ciso: Identity, now: datetime) -> GateProposal:
    """Clear with conditions, all that the rules ask for and one more, on what the CISO reads at ``now``."""
    found = case.read(session, ciso, bought.engagement.id, now=now, lock=True)
    one = Condition(BY_HAND, str(uuid.uuid4()), wish.due, "blocked")
    choice = Choice("clear_with_conditions", (*found.proposal.conditions, one), found.proposal.latest)
    row = service.decide(
        session,
        found,
        choice,
        reason=wish.reason,
        words={one.subject: wish.asks},
        seen=service.seen_of(found, 0, None),
        without_own=case.without_own(session, found, ciso, now=now),
        actor=ciso,
        now=now,
    )
    if not isinstance(row, GateProposal):
        raise LookupError(f"{bought.of.sample}: nobody else is asked about the gate")
    return row
