"""How often one session may save: every accepted revision is kept for good, so their number has a measure.

Reading a workbook takes seconds of the processor, so how often one person may have that done has one, too.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.accounts.models import Throttle
from portal.faults import Throttled
from portal.rows import run
from portal.statements import once

WINDOW = timedelta(minutes=1)
MOST = 240  # nobody types four answers a second for a minute; a script that does is told to wait
UPLOADS_WINDOW = timedelta(minutes=10)
MOST_UPLOADS = 20  # a cell mended and the file sent again, every half minute


def _count(insert: Any) -> Any:
    """Count one more; a new window begins when the old one is over. Built once: building costs more than running."""
    now: Any = bindparam("now")
    over: Any = bindparam("over")
    ended = or_(Throttle.window_start <= over, Throttle.window_start > now)
    return (
        insert(Throttle)
        .values(key=bindparam("session"), window_start=now, attempts=1)
        .on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "attempts": case((ended, 1), else_=Throttle.attempts + 1),
                "window_start": case((ended, now), else_=Throttle.window_start),
            },
        )
        .returning(Throttle.attempts, Throttle.window_start)
    )


_COUNT = {"sqlite": once(_count(sqlite.insert)), "postgresql": once(_count(postgresql.insert))}


def _counted(session: Session, name: str, now: datetime, window: timedelta) -> tuple[int, int]:
    """Count one more of ``name``: (how many in the window that runs, seconds until it is over). One statement."""
    key = hashlib.sha256(name.encode()).hexdigest()
    values = {"session": key, "now": now, "over": now - window}
    attempts, began = run(session, _COUNT[session.get_bind().dialect.name], values).one()
    return attempts, max(1, int((began + window - now).total_seconds()) + 1)


def require_measure(session: Session, identity: Identity, *, now: datetime) -> None:
    """Count one save of this session in its own transaction; Throttled beyond MOST in a minute.

    A refused save is rolled back with its count, so waiting is enough.
    """
    attempts, wait = _counted(session, f"save\x1f{identity.session_id}", now, WINDOW)
    if attempts > MOST:
        raise Throttled(
            f"More than {MOST} answers came from this browser within a minute. Nothing is lost; it goes on in {wait} "
            "seconds.",
            wait,
        )


def require_upload(session: Session, identity: Identity, *, now: datetime) -> None:
    """Count one workbook of this person, before it is read and whatever comes of it; Throttled beyond MOST_UPLOADS.

    For Database.record_refusal: the count stands in a short transaction of its own, and a refused one adds nothing.
    """
    attempts, wait = _counted(session, f"workbook\x1f{identity.person.id}", now, UPLOADS_WINDOW)
    if attempts > MOST_UPLOADS:
        minutes = max(1, -(-wait // 60))
        raise Throttled(
            f"More than {MOST_UPLOADS} workbooks came from you within ten minutes. Upload yours again in "
            f"{minutes} {'minute' if minutes == 1 else 'minutes'}.",
            wait,
        )
