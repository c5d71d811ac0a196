"""The worker's diary: what its passes did, kept for a week; and whose turn a look is that one worker alone takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.db import SYSTEM, Database
from portal.outbox import WorkerBeat
from portal.reassessment.models_runs import WorkerRun, WorkerTurn

One = TypeVar("One")
KEPT = timedelta(days=7)
SILENCE = timedelta(minutes=3)  # after which a worker that gives no sign of life is taken for gone
TURN = timedelta(seconds=60)  # for so long a look is another worker's, unless that one says that it goes on


def from_another(some: Sequence[One], now: datetime) -> list[One]:
    """All of them, beginning with another one each minute: when time is short the same ones are not always last."""
    start = int(now.timestamp() // 60) % len(some) if some else 0
    return [*some[start:], *some[:start]]


def newest_beat(now: datetime) -> Select[datetime]:
    """When any worker last gave a sign of life. What lies ahead is of a clock that was wrong, and says nothing."""
    return select(func.max(WorkerBeat.at)).where(WorkerBeat.at <= now + SILENCE)


class Diary:
    """Gathers what the passes of this worker did, and writes it with its signs of life."""

    def __init__(self, name: str) -> None:
        self.name = name[:100]
        self._begin()

    def _begin(self) -> None:
        self._began: datetime | None = None
        self._passes = 0
        self._counts: Counter[str] = Counter()
        self._behind = 0
        self._faults: set[str] = set()

    def passed(
        self, began: datetime, *, counts: Mapping[str, int], behind: int, faults: Iterable[str]
    ) -> None:
        """Remember one pass. ``counts``: what it did; ``behind``: seconds; ``faults``: names of jobs."""
        self._began = self._began or began
        self._passes += 1
        self._counts.update({name: number for name, number in counts.items() if number})
        self._behind = max(self._behind, behind)
        self._faults.update(faults)

    def fault(self, code: str) -> None:
        """Remember why something was left out that is no job's own failure, such as a clock that cannot be right."""
        self._faults.add(code)

    def write(self, database: Database, *, now: datetime) -> None:
        """Put on record what was gathered since the last time, and forget what is older than KEPT."""
        if self._began is None:
            return
        idle = not (self._counts or self._faults)
        with database.transaction() as session:
            session.execute(delete(WorkerRun).where(WorkerRun.ended_at < now - KEPT))
            before = session.scalars(
                select(WorkerRun)
                .where(WorkerRun.name == self.name)
                .order_by(WorkerRun.ended_at.desc(), WorkerRun.id)
                .limit(1)
            ).first()
            still = before is not None and not (before.counts or before.faults) and before.ended_at <= now
            if idle and still and before is not None:
                before.ended_at, before.passes = now, before.passes + self._passes
            else:
                session.add(
                    WorkerRun(
                        name=self.name,
                        began_at=self._began,
                        ended_at=now,
                        passes=self._passes,
                        counts=dict(sorted(self._counts.items())),
                        behind=self._behind,
                        faults=sorted(self._faults),
                    )
                )
        self._begin()


def take_turn(database: Database, job: str, *, name: str, now: datetime) -> bool:
    """Whether this worker may take the look of ``job`` now; others are told to leave it for TURN.

    A turn that reaches further ahead than any worker sets it is of a clock that was wrong, and counts for nothing.
    """
    free = or_(WorkerTurn.name == name, WorkerTurn.until <= now, WorkerTurn.until > now + TURN * 10)
    with database.looking(SYSTEM) as session:
        held = session.execute(select(WorkerTurn.name).where(WorkerTurn.job == job, ~free)).first()
    if held is not None:
        return False
    insert = sqlite.insert if database.sqlite else postgresql.insert
    values = {"name": name, "until": now + TURN}
    with database.transaction() as session:
        taken = session.execute(
            insert(WorkerTurn)
            .values(job=job, fence=1, **values)
            .on_conflict_do_update(
                index_elements=[WorkerTurn.job], set_=values | {"fence": WorkerTurn.fence + 1}, where=free
            )
            .returning(WorkerTurn.fence)
            .execution_options(synchronize_session=False)
        ).first()
    return taken is not None


def keep_turn(database: Database, job: str, *, name: str, until: datetime) -> None:
    """The look is done: others leave it until ``until``, less than 10 TURN from now. Nothing where it was lost."""
    with database.transaction() as session:
        session.execute(
            update(WorkerTurn)
            .where(WorkerTurn.job == job, WorkerTurn.name == name)
            .values(until=until)
            .execution_options(synchronize_session=False)
        )
