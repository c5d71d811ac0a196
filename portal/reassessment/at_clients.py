"""What waits at one organisation in its audit calendar, beside what waits at its gates: for who works for several."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.gate import at_clients
from portal.reassessment import agenda_lists

SOON = timedelta(days=14)


def figures(session: Session, identity: Identity, *, today: date, now: datetime) -> dict[str, int]:
    """What the gate counts; ``due``: dates of the next SOON days; ``stuck``: what could not be opened."""
    coming = agenda_lists.counted(session, identity, first=today, last=today + SOON)
    stuck = agenda_lists.counted(session, identity, ["stuck"])
    return at_clients.figures(session, identity, today=today, now=now) | {
        "due": sum(one.number for one in coming),
        "stuck": sum(one.number for one in stuck),
    }
