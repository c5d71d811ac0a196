"""What-ifs, moves, gates and words are worked out once, and go on after a worker that is killed, on both databases."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.access import OrganisationRole
from portal.assessments import change_steps, moving
from portal.assessments.models import Assessment
from portal.assessments.version_models import AssessmentMove
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.gate.keeping import Keeper
from portal.gate.standing_models import BriefSubmission, GateBrief, StandingRecord
from portal.library import service as library
from portal.library.importing import Import
from portal.library.models import WhatIfRow, WhatIfRun
from portal.outbox import Message
from portal.portfolio.indexing import Indexer
from portal.portfolio.models import AnswerWord, IndexedSubmission
from portal.reports import what_if, what_if_working
from portal.settings import Settings
from portal.web import Portal
from tests.portal import journey
from tests.portal.assessments import carried
from tests.portal.assessments.carried import newer
from tests.portal.assessments.given import Given, give
from tests.portal.library.given_drafts import LITE
from tests.portal.once import made_once
from tests.portal.test_concurrency import at_once
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
CISO = OrganisationRole.CISO
MOVES, RUNS = 5, 2
LATER = NOW + timedelta(minutes=5)
# A worker that stops for good where it is about to commit for the Nth time: the moment to kill it.
DYING = """
import sys, time
from datetime import datetime
from sqlalchemy import event
from sqlalchemy.orm import Session
from portal.assessments import moving
from portal.db import Database
from portal.gate.keeping import Keeper
from portal.portfolio.indexing import Indexer
from portal.reports import what_if_working

url, job, left, now = sys.argv[1], sys.argv[2], int(sys.argv[3]), datetime.fromisoformat(sys.argv[4])

@event.listens_for(Session, "before_commit")
def hold(session):
    global left
    left -= 1
    if not left:
        session.flush()
        print("here", flush=True)
        time.sleep(600)

database = Database(url)
if job == "moves":
    moving.apply_asked(database, now=now)
elif job == "gates":
    Keeper(database).turn(lambda: now, seconds=60)
elif job == "words":
    Indexer(database).turn(lambda: now, seconds=60)
else:
    what_if_working.WRITTEN_TOGETHER = 1
    what_if_working.work(database, lambda: now)
"""


@contextmanager
def others(settings: Settings, number: int) -> Iterator[list[Database]]:
    """Databases of their own, as processes of their own would have."""
    found = [Database(settings.database_url) for _ in range(number)]
    yield found
    for one in found:
        one.dispose()


def killed(settings: Settings, job: str, commits: int) -> None:
    """A worker that has written all of its ``commits``-th transaction, and is killed before it commits."""
    started = subprocess.Popen(
        [sys.executable, "-c", DYING, settings.database_url, job, str(commits), LATER.isoformat()],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "here\n"
    started.send_signal(signal.SIGKILL)
    started.wait(30)
    started.stdout.close()


def events(database: Database, kind: Kind) -> int:
    with database.looking(SYSTEM) as session:
        found = session.scalar(select(func.count()).select_from(Event).where(Event.kind == kind.value))
        return found or 0


# ----------------------------------------------------------------------------------------------------------- moves


@pytest.fixture
@made_once
def given(app: Portal, settings: Settings, database: Database) -> Given:
    """Five open assessments, each of which is to be moved."""
    given = give(app, settings)
    actor = given.organisation[CISO]
    with database.transaction() as session:
        for one in (given.definition, newer()):
            library.release(session, given.organisation.id, Import(one, "json", ()), now=NOW, actor=actor)
    every = [given.assessment_id, *(carried.ask(given, given.definition) for _ in range(MOVES - 1))]
    for each in every:
        with database.transaction(actor.scope) as session:
            row, _vendor = change_steps.lock(session, actor, each)
            moving.ask(session, row, "2.0.0", text="The new version asks less.", actor=actor, now=NOW)
    return given


def require_moved_once(database: Database) -> None:
    """Every assessment is at the new version; one event and one letter tell of each."""
    with database.looking(SYSTEM) as session:
        assert set(session.scalars(select(Assessment.version))) == {"2.0.0"}
        assert list(session.scalars(select(AssessmentMove.state))) == ["applied"] * MOVES
        told = list(session.scalars(select(Message.text).where(Message.kind == "assessment_changed")))
    assert (
        len([one for one in told if "from version 1.0.0 to version 2.0.0" in " ".join(one.split())]) == MOVES
    )
    assert events(database, Kind.ASSESSMENT_MOVED) == MOVES


def test_each_move_is_applied_by_one_worker(given: Given, database: Database, settings: Settings) -> None:
    with others(settings, 2) as workers:
        done = at_once(*(lambda one=one: moving.apply_asked(one, now=LATER) for one in workers))
    assert sum(done) == MOVES
    require_moved_once(database)


def test_a_move_whose_worker_is_killed_is_applied_by_the_next(
    given: Given, database: Database, settings: Settings
) -> None:
    killed(settings, "moves", 2)  # the first is done, the second written and never committed
    with database.looking(SYSTEM) as session:
        assert sorted(session.scalars(select(AssessmentMove.state))) == ["applied"] + ["asked"] * (MOVES - 1)
    assert moving.apply_asked(database, now=LATER) == MOVES - 1
    require_moved_once(database)


# --------------------------------------------------------------------------------------------------------- what-ifs


@pytest.fixture
@made_once
def halden(database: Database, settings: Settings) -> Place:
    """Three vendors that have submitted."""
    place = make_organisation(database, settings, "Halden")
    for name in ("Alder", "Birch", "Cedar"):
        company = make_company(database, settings, name)
        journey.submit(database, journey.issue(database, place, company, vendor_name=f"{name} Ltd"))
    return place


def asked(database: Database, place: Place) -> uuid.UUID:
    total = len(what_if.subjects(database, place.id, LITE, LATER))
    with database.transaction(place[CISO].scope) as session:
        return what_if.ask(session, LITE, None, total, actor=place[CISO], now=LATER).id


def require_worked_out_once(database: Database, runs: list[uuid.UUID]) -> None:
    with database.looking(SYSTEM) as session:
        for run in runs:
            row = session.get_one(WhatIfRun, run)
            rows = list(session.scalars(select(WhatIfRow.submission_id).where(WhatIfRow.run_id == run)))
            assert (row.state, row.done, row.total, len(rows), len(set(rows))) == ("done", 3, 3, 3, 3)
    assert events(database, Kind.WHAT_IF_DONE) == len(runs)


def test_each_what_if_is_worked_out_by_one_worker(
    halden: Place, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if_working, "WRITTEN_TOGETHER", 1)  # so that they meet between any two rows
    runs = [asked(database, halden) for _ in range(RUNS)]

    def work(one: Database) -> int:
        counted = 0
        while found := what_if_working.work(one, lambda: LATER):
            counted += found
        return counted

    with others(settings, 2) as workers:
        counted = at_once(*(lambda one=one: work(one) for one in workers))
    assert sum(counted) == 3 * RUNS
    require_worked_out_once(database, runs)


def test_a_what_if_whose_worker_is_killed_goes_on_where_it_was(
    halden: Place, database: Database, settings: Settings
) -> None:
    run = asked(database, halden)
    killed(settings, "what-ifs", 3)  # claimed, one row kept, the second written and never committed
    assert what_if_working.work(database, lambda: LATER) == 0  # its lease still stands
    after = LATER + what_if_working.LEASE + timedelta(seconds=1)
    assert what_if_working.work(database, lambda: after) == 2
    require_worked_out_once(database, [run])


# ------------------------------------------------------------------------------------------------- gates and words


def test_gates_and_words_whose_worker_is_killed_are_written_whole_by_the_next(
    halden: Place, database: Database, settings: Settings
) -> None:
    def count(*models: type) -> list[int]:
        with database.looking(SYSTEM) as session:
            return [session.scalar(select(func.count()).select_from(one)) or 0 for one in models]

    killed(settings, "gates", 1)  # all is written, and never committed
    assert count(GateBrief, BriefSubmission, StandingRecord) == [0, 0, 0]
    assert Keeper(database).turn(lambda: LATER, seconds=60) == 3
    assert count(GateBrief, BriefSubmission, StandingRecord) == [3, 3, 3]
    killed(settings, "words", 1)
    assert count(IndexedSubmission, AnswerWord) == [0, 0]
    assert Indexer(database).turn(lambda: LATER, seconds=60) == 3
    assert Indexer(database).turn(lambda: LATER, seconds=60) == 0
    assert count(IndexedSubmission) == [3]
