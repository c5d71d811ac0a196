"""The worker's diary and its turns: rows that say what passes did, prolonged while nothing is to do, gone in a week."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import worker
from portal.db import SYSTEM, Database
from portal.reassessment.models_runs import WorkerRun, WorkerTurn
from portal.reassessment.runs import KEPT, TURN, Diary, keep_turn, take_turn
from tests.portal.test_outbox import put
from tests.portal.test_worker import Recorder
from tests.portal.world import NOW

pytestmark = pytest.mark.both_databases
HALF_A_MINUTE = timedelta(seconds=30)


def rows(database: Database) -> list[WorkerRun]:
    with database.looking(SYSTEM) as session:
        return list(session.execute(select(WorkerRun).order_by(WorkerRun.ended_at)).scalars())


def passed(
    diary: Diary, began: int = 0, faults: tuple[str, ...] = (), behind: int = 0, **counts: int
) -> None:
    diary.passed(NOW + timedelta(seconds=began), counts=counts, behind=behind, faults=faults)


class TestDiary:
    def test_passes_since_the_last_time_are_one_row(self, database: Database) -> None:
        diary = Diary("one")
        passed(diary, 0, sent=2, reminders=0)
        passed(diary, 3, sent=1, terms=4, behind=70)
        passed(diary, 6, faults=("campaigns",))
        diary.write(database, now=NOW + timedelta(seconds=7))
        diary.write(database, now=NOW + timedelta(seconds=8))
        (row,) = rows(database)
        assert (row.name, row.began_at, row.ended_at) == ("one", NOW, NOW + timedelta(seconds=7))
        assert (row.passes, row.counts, row.behind) == (3, {"sent": 3, "terms": 4}, 70)
        assert row.faults == ["campaigns"]

    def test_passes_without_anything_prolong_the_row_before_them(self, database: Database) -> None:
        diary, other = Diary("one"), Diary("two")
        for number in range(4):
            passed(diary, 30 * number)
            diary.write(database, now=NOW + number * HALF_A_MINUTE)
        passed(other)
        other.write(database, now=NOW)
        passed(diary, 150, moves=1)
        diary.write(database, now=NOW + 5 * HALF_A_MINUTE)
        passed(diary, 180)
        diary.write(database, now=NOW + 6 * HALF_A_MINUTE)
        mine = [(one.passes, one.counts) for one in rows(database) if one.name == "one"]
        assert mine == [(4, {}), (1, {"moves": 1}), (1, {})]

    def test_a_clock_that_was_put_back_shortens_no_row(self, database: Database) -> None:
        diary = Diary("one")
        for at in (NOW, NOW - timedelta(days=2)):
            passed(diary)
            diary.write(database, now=at)
        assert [one.ended_at for one in rows(database)] == [NOW - timedelta(days=2), NOW]

    def test_what_a_database_did_not_take_is_written_later(self, database: Database) -> None:
        diary = Diary("one")
        passed(diary, sent=1)
        with pytest.raises(RuntimeError), database.transaction():
            raise RuntimeError  # nothing of the diary is touched by what goes wrong elsewhere
        passed(diary, sent=1)
        diary.write(database, now=NOW)
        assert [one.counts for one in rows(database)] == [{"sent": 2}]

    def test_a_week_is_kept(self, database: Database) -> None:
        diary = Diary("one")
        for at in (NOW, NOW + timedelta(days=1), NOW + KEPT + timedelta(seconds=1)):
            passed(diary, sent=1)
            diary.write(database, now=at)
        assert [one.ended_at for one in rows(database)] == [
            NOW + timedelta(days=1),
            NOW + KEPT + timedelta(seconds=1),
        ]

    def test_a_pass_of_the_worker_writes_what_it_did(self, database: Database) -> None:
        put(database)
        worker.run_once(database, Recorder(), NOW, beats=False)
        assert rows(database) == []
        put(database)
        worker.run_once(database, Recorder(), NOW)
        (row,) = rows(database)
        assert (row.counts["sent"], row.passes, row.faults) == (1, 1, [])


class TestTurns:
    def test_one_worker_has_it_until_its_time_is_over(self, database: Database) -> None:
        assert take_turn(database, "reminders", name="one", now=NOW)
        assert take_turn(database, "reminders", name="one", now=NOW + timedelta(seconds=5))
        assert not take_turn(database, "reminders", name="two", now=NOW + timedelta(seconds=6))
        assert take_turn(database, "openings", name="two", now=NOW), "another job is another turn"
        assert take_turn(database, "reminders", name="two", now=NOW + TURN + timedelta(seconds=5))
        assert not take_turn(database, "reminders", name="one", now=NOW + TURN + timedelta(seconds=6))

    def test_who_is_done_keeps_the_others_away_until_the_next_look(self, database: Database) -> None:
        assert take_turn(database, "reminders", name="one", now=NOW)
        keep_turn(database, "reminders", name="two", until=NOW)
        keep_turn(database, "reminders", name="one", until=NOW + 5 * TURN)
        assert not take_turn(database, "reminders", name="two", now=NOW + 4 * TURN)
        assert take_turn(database, "reminders", name="two", now=NOW + 5 * TURN)

    def test_a_turn_of_a_clock_that_was_years_ahead_holds_up_nobody(self, database: Database) -> None:
        assert take_turn(database, "reminders", name="one", now=NOW + timedelta(days=1000))
        assert take_turn(database, "reminders", name="two", now=NOW)

    def test_of_many_at_once_one_has_it(self, database: Database) -> None:
        gate, taken = threading.Barrier(4), []

        def work(name: str) -> None:
            gate.wait()
            if take_turn(database, "reminders", name=name, now=NOW):
                taken.append(name)

        threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert len(taken) == 1
        with database.looking(SYSTEM) as session:
            assert session.scalars(select(WorkerTurn.name)).all() == taken
