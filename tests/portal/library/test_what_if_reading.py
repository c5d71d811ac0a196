"""What a what-if reads of sealed rows counts exactly as the rating on record; a run lasts from turn to turn."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError

from portal.assessments.models import Rating, SealedEvidence, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Unavailable
from portal.library import service as library
from portal.reports import what_if, what_if_reading, what_if_working
from portal.reports.what_if_subjects import Current
from portal.reports.what_if_working import Foreseeing
from portal.settings import Settings
from questionnaires.scoring import score
from questionnaires.what_if import rated
from questionnaires.what_if_packed import Reader
from tests.portal import journey
from tests.portal.library.given_drafts import CISO
from tests.portal.library.test_what_if import LATER, ask, candidate, rows, run_of, stricter
from tests.portal.once import made_once
from tests.portal.scene import Scene
from tests.portal.world import NOW, Place, make_company, make_organisation

SOON = NOW + timedelta(days=2)


def every(database: Database) -> dict[uuid.UUID, list[Current]]:
    """All submissions by organisation, each with the others of its organisation beside it."""
    found: dict[uuid.UUID, list[Current]] = {}
    with database.looking(SYSTEM) as session:
        listed = session.execute(
            select(
                Submission.organisation_id, Submission.id, Submission.assessment_id, Submission.content_hash
            )
        ).all()
    for organisation, submission, assessment, content_hash in listed:
        others = tuple(one[1] for one in listed if one[0] == organisation and one[1] != submission)
        one = Current(submission, assessment, uuid.uuid4(), content_hash, ((uuid.uuid4(), others),))
        found.setdefault(organisation, []).append(one)
    return found


@pytest.mark.both_databases
def test_what_is_read_counts_as_the_rating_on_record(database: Database, scene: Scene) -> None:
    """With documents, promises, marks and turned answers, as the scene holds them."""
    marked = promised = beside = 0
    for organisation, wanted in every(database).items():
        with database.looking(SYSTEM) as session:
            chunk = what_if_reading.read(session, organisation, wanted, SOON)
            assert chunk.unread == []
            for current, packed in zip(wanted, chunk.packed, strict=True):
                reader = Reader(library.definition(session, current.content_hash))
                stored = reader.stored(packed, ())
                statement = select(Rating).where(Rating.submission_id == current.id)
                last = session.scalars(statement.order_by(Rating.sequence.desc())).first()
                assert last is not None
                result = score(stored.definition, stored.answers, stored.facts, stored.as_of, stored.shown)
                assert result.to_bytes() == last.result
                assert stored.rated == rated(result)
                told = what_if._shown(
                    what_if.Foretold(result.score, result.high, result.band, result.best_band)
                )
                assert chunk.standings[current.id].shown == told
                assert {one.content_hash for one in packed.others} == {
                    each.content_hash for each in wanted if each.id != current.id
                }
                marked += len(packed.sheet.reviews)
                beside += len(packed.sheet.evidence)
                promised += "promise" in packed.sheet.lines
    assert marked
    assert beside
    assert not promised  # it counts for nothing, and no reader knows it


@pytest.mark.both_databases
def test_a_submission_that_lacks_a_document_is_not_read(database: Database, scene: Scene) -> None:
    """Its answers alone would count otherwise than on record."""
    deal = scene.deals[0]
    assert deal.submission is not None
    with database.transaction() as session:
        session.execute(delete(SealedEvidence).where(SealedEvidence.submission_id == deal.submission))
        record(session, Kind.REDACTED, now=NOW, actor=None)
    wanted = every(database)[deal.organisation.id]
    with database.looking(SYSTEM) as session:
        chunk = what_if_reading.read(session, deal.organisation.id, wanted, SOON)
    assert chunk.unread == [deal.submission]
    assert chunk.standings[deal.submission].shown[0] is not None
    hashes = {one.content_hash for one in wanted if one.id == deal.submission}
    assert not hashes & {other.content_hash for one in chunk.packed for other in one.others}


# ----------------------------------------------------------------------------------------------- from turn to turn


@pytest.fixture
@made_once
def halden(database: Database, settings: Settings) -> Place:
    place = make_organisation(database, settings, "Halden")
    for name in ("Alder", "Birch", "Cedar"):
        company = make_company(database, settings, name)
        journey.submit(database, journey.issue(database, place, company, vendor_name=f"{name} Ltd"))
    return place


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """How often processes were begun; rows are written one by one."""
    monkeypatch.setattr(what_if_working, "WRITTEN_TOGETHER", 1)
    calls: list[Any] = []
    real = what_if.what_if_many

    def counted(*given: Any, **named: Any) -> Iterator[Any]:
        calls.append(named)
        return real(*given, **named)

    monkeypatch.setattr(what_if, "what_if_many", counted)
    return calls


@pytest.mark.both_databases
def test_a_run_goes_on_with_what_it_has_begun(database: Database, halden: Place, begun: list[Any]) -> None:
    run = ask(database, halden, candidate(stricter))
    worker, other = Foreseeing(database), Foreseeing(database)
    for done in (1, 2):
        assert worker.turn(lambda: LATER, seconds=0.0) == 1
        assert (run_of(database, run).done, worker.under_way) == (done, True)
        assert other.turn(lambda: LATER) == 0  # it is this worker's, between its turns, too
    assert worker.turn(lambda: LATER) == 1
    assert (run_of(database, run).state, worker.under_way, len(begun)) == ("done", False, 1)
    assert worker.turn(lambda: LATER) == 0


@pytest.mark.both_databases
def test_who_stops_between_two_turns_ends_it(database: Database, halden: Place, begun: list[Any]) -> None:
    run = ask(database, halden, candidate())
    worker = Foreseeing(database)
    worker.turn(lambda: LATER, seconds=0.0)
    with database.transaction(halden[CISO].scope) as session:
        what_if.stop(session, run, actor=halden[CISO], now=LATER)
    assert worker.turn(lambda: LATER) == 0
    assert (run_of(database, run).state, worker.under_way, len(rows(database, run))) == ("stopped", False, 1)


@pytest.mark.both_databases
def test_a_worker_that_came_too_late_writes_nothing_more(
    database: Database, halden: Place, begun: list[Any]
) -> None:
    run = ask(database, halden, candidate(stricter))
    slow, quick = Foreseeing(database), Foreseeing(database)
    slow.turn(lambda: LATER, seconds=0.0)
    after = LATER + what_if_working.LEASE + timedelta(seconds=1)
    assert quick.turn(lambda: after, seconds=0.0) == 1  # the lease is over
    assert slow.turn(lambda: after) == 0
    assert not slow.under_way
    assert quick.turn(lambda: after) == 1
    found = rows(database, run)
    assert (run_of(database, run).state, len(found)) == ("done", 3)
    assert len({one.submission_id for one in found}) == 3


def test_who_is_told_to_end_gives_the_run_back(database: Database, halden: Place, begun: list[Any]) -> None:
    run = ask(database, halden, candidate())
    worker = Foreseeing(database)
    worker.turn(lambda: LATER, stopping=lambda: True)
    worker.close(LATER)
    assert (run_of(database, run).done, worker.under_way) == (1, False)
    assert Foreseeing(database).turn(lambda: LATER) == 2
    assert run_of(database, run).state == "done"


@pytest.mark.parametrize("fault", [Unavailable("busy"), OperationalError("", {}, Exception("gone"))])
def test_a_busy_database_fails_no_run(
    database: Database, halden: Place, begun: list[Any], monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    run = ask(database, halden, candidate())
    worker, real = Foreseeing(database), what_if_working._write

    def busy(*_: Any) -> bool:
        raise fault

    worker.turn(lambda: LATER, seconds=0.0)
    monkeypatch.setattr(what_if_working, "_write", busy)
    with pytest.raises(type(fault)):
        worker.turn(lambda: LATER)
    assert (run_of(database, run).state, worker.under_way) == ("running", False)
    monkeypatch.setattr(what_if_working, "_write", real)
    after = LATER + what_if_working.LEASE + timedelta(seconds=1)
    assert worker.turn(lambda: after) == 2
    assert (run_of(database, run).state, len(rows(database, run))) == ("done", 3)


def test_progress_is_written_every_few_seconds_however_slow_it_goes(
    database: Database, halden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if_working, "WRITTEN_AFTER", 0.0)
    run = ask(database, halden, candidate())
    assert Foreseeing(database).turn(lambda: LATER, seconds=0.0) == 1
    assert run_of(database, run).done == 1


def test_the_numbers_before_are_those_on_record(database: Database, halden: Place) -> None:
    """Taken from the stored result, not worked out: a record that says otherwise is what a page shows."""
    with database.looking(SYSTEM) as session:
        stored = session.scalars(select(Rating)).all()
        assert stored
        told = what_if_reading.standings(session, halden.id, [one.submission_id for one in stored], SOON)
        for one in stored:
            result = json.loads(one.result)
            share = int(result["score"]["num"]) / int(result["score"]["den"])
            shown = told[one.submission_id].shown
            assert abs(float(shown[0] or "") - share) < 0.1
            assert shown[2:] == [one.band, one.best_band]
