"""The worker's part of what-ifs: claims a run, works for a while, writes rows and progress together, goes on later."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Unavailable
from portal.library.models import WhatIfRow, WhatIfRun
from portal.reports import what_if
from portal.reports.what_if import Line
from portal.rows import insert_rows
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json

log = logging.getLogger("portal.what_if")

SLICE = 15.0  # seconds of one turn; letters and the sign of life come between turns
LEASE = timedelta(seconds=120)
WRITTEN_TOGETHER = 200
WRITTEN_AFTER = 2.0  # seconds
PROGRESS = "progress of a run; asking for it, its end and its stopping are events"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that this worker has for itself as long as its ``token`` stands in it."""

    id: uuid.UUID
    organisation_id: uuid.UUID
    token: uuid.UUID
    candidate: Questionnaire
    asked_at: datetime
    reached: uuid.UUID | None


class Foreseeing:
    """What one worker has in hands: the run that it claimed, and the processes that work it out, from turn to turn.

    A run that is given back, or whose worker died (after its lease), goes on where it was with whoever claims it.
    Not for two threads at once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claimed: Claimed | None = None
        self._lines: Iterator[Line] = iter(())

    @property
    def under_way(self) -> bool:
        """Whether the next turn goes on with what this one has begun."""
        return self._claimed is not None

    def turn(
        self,
        instant: Callable[[], datetime],
        *,
        stopping: Callable[[], bool] = lambda: False,
        seconds: float = SLICE,
    ) -> int:
        """Go on with the run in hands, else with the one that waits longest. Returns how many submissions were counted.

        Ends after ``seconds``, with the run, or when it was stopped or taken over.
        """
        claimed = self._claimed or self._begin(instant())
        if claimed is None:
            return 0
        ends, counted = time.monotonic() + seconds, 0
        try:
            while some := _some(self._lines):
                if not _write(self._database, claimed, some, instant()):
                    self._drop()
                    return counted
                counted += len(some)
                if time.monotonic() >= ends or stopping():
                    return counted
        except (Unavailable, OperationalError):  # a busy or silent database says nothing about the run
            self._drop()
            raise
        except (
            Exception
        ) as error:  # whatever a submission holds: the run ends with a reason, the worker goes on
            log.exception("what-if %s failed", claimed.id)
            self._drop()
            _end(self._database, claimed, "failed", instant(), fault=type(error).__name__)
            return counted
        except BaseException:
            self._drop()
            raise
        self._drop()
        _end(self._database, claimed, "done", instant())
        return counted

    def close(self, now: datetime) -> None:
        """End the processes and give back the run, so that any worker may go on with it at once."""
        claimed = self._claimed
        self._drop()
        if claimed is not None:
            _give_back(self._database, claimed, now)

    def _begin(self, now: datetime) -> Claimed | None:
        if not _anything(self._database, now):
            return None
        self._claimed = claimed = _claim(self._database, now)
        if claimed is not None:
            self._lines = what_if.foresee(
                self._database,
                claimed.organisation_id,
                claimed.candidate,
                before=claimed.asked_at,
                after_id=claimed.reached,
            )
        return claimed

    def _drop(self) -> None:
        if self._claimed is not None:
            self._lines.close()  # type: ignore[attr-defined]  # it is a generator: its processes end here
        self._claimed, self._lines = None, iter(())


def work(
    database: Database,
    instant: Callable[[], datetime],
    *,
    stopping: Callable[[], bool] = lambda: False,
    seconds: float = SLICE,
) -> int:
    """One turn by itself; a run that is not done is given back. Returns how many submissions were counted."""
    foreseeing = Foreseeing(database)
    counted = foreseeing.turn(instant, stopping=stopping, seconds=seconds)
    foreseeing.close(instant())
    return counted


def _some(lines: Iterator[Line]) -> list[Line]:
    """What is written together: so many lines, or those of some seconds, so that progress and a stop are seen."""
    found: list[Line] = []
    ends = time.monotonic() + WRITTEN_AFTER
    for line in lines:
        found.append(line)
        if len(found) >= WRITTEN_TOGETHER or time.monotonic() >= ends:
            break
    return found


def _waiting(now: datetime) -> Any:
    lapsed = (WhatIfRun.state == "running") & (WhatIfRun.lease_until < now)
    return (WhatIfRun.state == "queued") | lapsed


def _anything(database: Database, now: datetime) -> bool:
    """A look without the write lock: most of the time nobody has asked."""
    with database.looking(SYSTEM) as session:
        return session.execute(select(WhatIfRun.id).where(_waiting(now)).limit(1)).first() is not None


def _claim(database: Database, now: datetime) -> Claimed | None:
    with database.transaction() as session:
        run = session.execute(
            select(WhatIfRun)
            .where(_waiting(now))
            .order_by(WhatIfRun.asked_at, WhatIfRun.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar_one_or_none()
        if run is None:
            return None
        token = uuid.uuid4()
        _set(
            session,
            run.id,
            None,
            state="running",
            token=token,
            lease_until=now + LEASE,
            started_at=run.started_at or now,
        )
        candidate, asked_at, reached = run.candidate, run.asked_at, run.reached
        found = run.id, run.organisation_id
    return Claimed(*found, token, parse_json(candidate, "what-if"), asked_at, reached)


def _set(session: Session, run_id: uuid.UUID, held: uuid.UUID | None, /, **values: Any) -> bool:
    """Change a run, if it still is this worker's; whether it was."""
    which = [WhatIfRun.id == run_id]
    if held is not None:
        which += [WhatIfRun.token == held, WhatIfRun.state == "running"]
    statement = update(WhatIfRun).where(*which).values(**values)
    options = {"unaudited": PROGRESS, "synchronize_session": False}
    found: Any = session.execute(statement.execution_options(**options))
    return bool(found.rowcount)


def _write(database: Database, claimed: Claimed, lines: list[Line], now: datetime) -> bool:
    """Rows, progress and lease in one transaction; False when the run was stopped or is another worker's."""
    with database.transaction() as session:
        mine = _set(
            session,
            claimed.id,
            claimed.token,
            done=WhatIfRun.done + len(lines),
            reached=lines[-1].current.id,
            lease_until=now + LEASE,
        )
        if not mine:
            return False
        insert_rows(session, WhatIfRow, [_row(claimed, one) for one in lines])
    return True


def _row(claimed: Claimed, line: Line) -> dict[str, Any]:
    return {
        "run_id": claimed.id,
        "submission_id": line.current.id,
        "organisation_id": claimed.organisation_id,
        "vendor_id": line.current.vendor_id,
        "assessment_id": line.current.assessment_id,
        "verdict": line.verdict,
        "before": line.before,
        "after": line.after,
        "changes": what_if.stored(line),
    }


def _give_back(database: Database, claimed: Claimed, now: datetime) -> None:
    """Let the next turn, of whichever worker, go on at once."""
    with database.transaction() as session:
        _set(session, claimed.id, claimed.token, lease_until=now - timedelta(seconds=1))


def _end(database: Database, claimed: Claimed, state: str, now: datetime, *, fault: str = "") -> None:
    with database.transaction() as session:
        ended = _set(
            session, claimed.id, claimed.token, state=state, finished_at=now, token=None, fault=fault
        )
        if ended:
            run = session.get_one(WhatIfRun, claimed.id)
            if state == "done":
                _set(session, claimed.id, None, total=run.done)
            kind = Kind.WHAT_IF_DONE if state == "done" else Kind.WHAT_IF_FAILED
            record(session, kind, now=now, actor=None, subject=run, data={"done": run.done})
