"""Whether the clock can be trusted with reminders. Steps that are on record stay on record, so a clock that is years
ahead for ten minutes would tell nobody of anything for years. Letters go meanwhile: they are only late or early.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from portal import clock
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.outbox import WorkerBeat

JUMP = timedelta(minutes=10)  # further than any clock is corrected while it runs
STEADY_PASSES = 3
BEAT_AHEAD = timedelta(days=1)
DATABASE_APART = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(days=400)


class Steadiness:
    """Compares the wall's clock with the seconds since this computer started, from pass to pass."""

    def __init__(self) -> None:
        self._before: tuple[datetime, float] | None = None
        self._steady = STEADY_PASSES  # nothing is known against the first look

    def look(self, now: datetime, elapsed: float) -> bool:
        """Whether the last STEADY_PASSES looks agree. ``elapsed``: clock.elapsed() at the instant ``now``."""
        if self._before is not None:
            went = (now - self._before[0]).total_seconds() - (elapsed - self._before[1])
            self._steady = 0 if abs(went) > JUMP.total_seconds() else self._steady + 1
        self._before = now, elapsed
        return self._steady >= STEADY_PASSES


def doubt(database: Database, now: datetime) -> str:
    """Why nothing should be generated at ``now``: one sentence, "" when nothing speaks against this clock."""
    with database.looking(SYSTEM) as session:
        beat = session.scalar(select(func.max(WorkerBeat.at)))
        newest = session.scalar(select(func.max(Event.at)))
        theirs = None if database.sqlite else session.scalar(select(func.statement_timestamp()))
    if beat is not None and beat - now > BEAT_AHEAD:
        return (
            f"A worker was here at {beat:%Y-%m-%d %H:%M} UTC, which is later than this computer's clock says."
            " If this clock is right, start once with --after-a-pause."
        )
    if theirs is not None and abs(theirs - now) > DATABASE_APART and abs(clock.now() - now) < DATABASE_APART:
        return f"The database's clock says {theirs:%Y-%m-%d %H:%M} UTC, this computer's {now:%Y-%m-%d %H:%M}."
    if newest is not None and now - newest > LONGEST_PAUSE:
        days = (now - newest).days
        return f"Nothing has happened here for {days} days. If that is so, start once with --after-a-pause."
    return ""
