"""A clock that is set back or forth: letters go on, nothing is generated until it can be trusted."""

from __future__ import annotations

import threading
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal import clock, worker
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.outbox import WorkerBeat
from portal.pass_report import Report
from portal.settings import Settings
from portal.steadiness import Steadiness, doubt
from tests.portal.test_outbox import get, put
from tests.portal.test_worker import Recorder
from tests.portal.world import NOW

YEARS = timedelta(days=1100)


@pytest.mark.parametrize("jump", [YEARS, -YEARS, timedelta(minutes=11), -timedelta(minutes=11)])
def test_three_looks_must_agree_after_a_jump(jump: timedelta) -> None:
    steady = Steadiness()
    at = [steady.look(NOW + timedelta(seconds=3 * n), 3.0 * n) for n in range(3)]
    after = [steady.look(NOW + jump + timedelta(seconds=3 * n), 3.0 * n) for n in range(3, 8)]
    assert at == [True] * 3
    assert after == [False, False, False, True, True]


def test_sleep_and_small_corrections_are_no_jumps() -> None:
    steady = Steadiness()
    assert steady.look(NOW, 0.0)
    assert steady.look(NOW + timedelta(hours=9), 9 * 3600.0), "asleep: both clocks went on"
    assert steady.look(NOW + timedelta(hours=9, seconds=40), 9 * 3600.0 + 3)


@pytest.mark.both_databases
class TestDoubt:
    def test_nothing_speaks_against_a_new_installation(self, database: Database) -> None:
        assert doubt(database, clock.now()) == ""

    def test_a_worker_that_was_here_in_the_future(self, database: Database) -> None:
        with database.transaction() as session:
            session.add(WorkerBeat(name="other", at=NOW + timedelta(days=2)))
        assert "later than this computer's clock" in doubt(database, NOW)
        assert doubt(database, NOW + timedelta(days=1, hours=1)) == ""

    def test_what_a_clock_that_was_ahead_has_left_ends_with_one_trusted_start(
        self, database: Database
    ) -> None:
        with database.transaction() as session:
            session.add(WorkerBeat(name="gone:1", at=NOW + timedelta(days=40)))
        assert "--after-a-pause" in doubt(database, NOW)
        worker.run_once(database, Recorder(), NOW, steady=False)
        assert doubt(database, NOW) != "", "nobody has looked at it"
        with database.looking(SYSTEM) as session:
            assert session.scalars(select(WorkerBeat.name)).all() == ["gone:1"], "no sign of life meanwhile"
        worker.run_once(database, Recorder(), NOW)
        assert doubt(database, NOW) == ""

    def test_a_worker_takes_back_what_it_said_under_a_clock_that_was_ahead(self, database: Database) -> None:
        worker.beat(database, NOW + timedelta(days=40))
        assert doubt(database, NOW) != ""
        worker.beat(database, NOW, steady=False)
        assert doubt(database, NOW) == ""

    def test_a_year_without_anything(self, database: Database) -> None:
        with database.transaction() as session:
            record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
        assert doubt(database, NOW + timedelta(days=399)) == ""
        assert "--after-a-pause" in doubt(database, NOW + timedelta(days=401))


def test_the_loop_delivers_and_does_not_generate_while_the_clock_is_wrong(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten passes of three seconds; before the third the clock is set three years on, before the eighth back."""
    stop, recorder = threading.Event(), Recorder()
    seen: list[tuple[bool, datetime]] = []
    passes = 0
    really = worker.run_once

    def wall() -> datetime:
        ahead = YEARS if 3 <= passes < 8 else timedelta(0)
        return NOW + timedelta(seconds=3 * passes) + ahead

    def run_once(database: Database, sender: Any, now: datetime, **how: Any) -> Report:
        nonlocal passes
        if passes == 4:
            put(database)
        seen.append((how["remind"], now))
        found = really(database, sender, now, **(how | {"remind": False, "storage": None}))
        passes += 1
        if passes == 12:
            stop.set()
        return found

    monkeypatch.setattr(clock, "now", wall)
    monkeypatch.setattr(clock, "elapsed", lambda: 3.0 * passes)
    monkeypatch.setattr(worker, "run_once", run_once)
    monkeypatch.setattr(worker, "REMIND_EVERY", timedelta(0))
    monkeypatch.setattr(worker, "PAUSE", 0)
    worker.loop(database, settings, stop, sender=recorder)
    reminded = [index for index, (remind, _now) in enumerate(seen) if remind]
    assert {0, 1, 2} <= set(reminded)
    assert not {3, 4, 5, 8, 9, 10} & set(reminded)
    assert 11 in reminded
    assert len(recorder.sent) == 1
    assert get(database, uuid.UUID(recorder.sent[0])).state == "sent"
