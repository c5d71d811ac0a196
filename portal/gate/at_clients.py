"""What waits at one organisation beside its assessments: reviews, gates about to lapse, decisions for the reader."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.gate import lists
from portal.review import queue


def figures(session: Session, identity: Identity, *, today: date, now: datetime) -> dict[str, int]:
    """``reviews`` that wait, gates ``lapsing`` within lists.SOON days and those still ``working``, that is being worked
    out, and what waits for ``mine``: the reader.
    """
    lapsing, working = lists.lapsing(session, identity, today=today, now=now)
    return {
        "reviews": queue.counts(session, identity).waits,
        "lapsing": lapsing,
        "working": working,
        "mine": lists.waiting_for(session, identity),
    }
