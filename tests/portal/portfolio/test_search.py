"""Search finds what was signed and counts today, each reader their own, and nothing that was destroyed."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import destroying
from portal.erasure.reaching import Destroyed
from portal.gate import standings
from portal.portfolio import indexing, search_queries
from portal.portfolio.indexing import PARTIES
from portal.portfolio.models import AnswerWord, FourthParty, IndexedSubmission
from portal.portfolio.search_queries import Filter
from portal.settings import Settings
from portal.web import Portal
from tests.portal.once import made_once
from tests.portal.portfolio.given import ADMIN, CISO, OWNER, Told, keep, told
from tests.portal.portfolio.test_files import sheet
from tests.portal.world import NOW, signed_in

TODAY = NOW.date()


@pytest.fixture
@made_once
def world(database: Database, settings: Settings) -> Told:
    return told(database, settings)


def found(database: Database, who: Identity, text: str, **more: Any) -> list[tuple[uuid.UUID, str]]:
    """(submission, key) of every answer that is found, as pages show them."""
    with database.looking(who.scope) as session:
        relation = standings.relation(session, who, today=TODAY, now=NOW)
        narrowed = Filter(text, **more)
        plan = search_queries.plan(session, who, text, narrowed, relation)
        page = search_queries.page_of(session, who, plan, narrowed, relation, number=1)
        assert page.total == len(page.rows)
        return [(one.submission, one.key) for one in page.rows]


@pytest.mark.both_databases
def test_each_reader_finds_what_vendors_of_theirs_said(world: Told, database: Database) -> None:
    ciso, other, owner = world.place[CISO], world.other[CISO], world.place[OWNER]
    first, second = (world.first.submission, PARTIES), (world.second.submission, PARTIES)
    assert found(database, ciso, "nordmoln") == [first, second]
    assert found(database, ciso, "NORDM") == [first, second]
    assert found(database, ciso, "cloud norway") == [second]
    assert found(database, ciso, "nordmoln quetzal") == [first]
    assert found(database, ciso, "nordmoln quetzal norway") == []
    assert found(database, ciso, "zubrowka", tier="high") == [second]
    assert found(database, ciso, "zubrowka", slug="security_lite") == [first, second]
    assert found(database, ciso, "nord") == [first, second]
    assert found(database, ciso, "no") == []  # two letters are a word, not the beginning of one
    assert found(database, ciso, "secretive") == []
    assert found(database, other, "secretive") == [(world.theirs.submission, PARTIES)]
    assert found(database, owner, "nordmoln") == [first]
    assert found(database, owner, "norway") == []


@pytest.mark.both_databases
def test_words_that_stand_everywhere_are_refused_of_ones_own_rows_alone(
    world: Told, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ciso, theirs = world.place[CISO], world.other[CISO]
    assert planned(database, ciso, "nordmoln quetzal").wanted == ("quetzal", "nordmoln")
    monkeypatch.setattr(search_queries, "MOST_ROWS", 1)
    assert planned(database, ciso, "nordmoln").common
    assert not planned(database, ciso, "nordmoln quetzal").common
    assert planned(database, ciso, "nordmoln nothing").nowhere == "nothing"
    assert not planned(database, ciso, "the of").wanted
    assert not planned(database, theirs, "nordmoln").common


@pytest.mark.both_databases
def test_a_word_that_stands_everywhere_is_found_where_the_search_is_narrowed_to(
    world: Told, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its filter, and to a business owner's own engagements; what is too many there, too, is refused there, too."""
    place = world.place
    first, second = (world.first.submission, PARTIES), (world.second.submission, PARTIES)
    monkeypatch.setattr(search_queries, "MOST_ROWS", 1)
    assert found(database, place[CISO], "nordmoln") == []
    assert found(database, place[CISO], "nordmoln", tier="critical") == [first]
    assert found(database, place[CISO], "nordmoln cloud", tier="high") == [second]
    assert found(database, place[OWNER], "nordmoln") == [first]
    assert planned(database, place[CISO], "nordmoln", slug="security_lite").common
    assert not planned(database, place[CISO], "nordmoln", tier="low").common
    monkeypatch.setattr(search_queries, "MOST_LOOKED_AT", 1)
    assert planned(database, place[CISO], "nordmoln", tier="critical").common


def planned(database: Database, who: Identity, text: str, **more: Any) -> search_queries.Plan:
    with database.looking(who.scope) as session:
        relation = standings.relation(session, who, today=TODAY, now=NOW)
        return search_queries.plan(session, who, text, Filter(text, **more), relation)


@pytest.mark.both_databases
def test_what_is_destroyed_is_found_no_more_at_once(world: Told, database: Database) -> None:
    ciso = world.place[CISO]
    before = found(database, ciso, "zubrowka")
    with database.transaction(SYSTEM) as session:
        _destroy(session, world.first.assessment, [PARTIES])
    assert found(database, ciso, "zubrowka") == before[1:]
    keep(database)
    assert found(database, ciso, "nordmoln") == [(world.second.submission, PARTIES)]
    with database.transaction(SYSTEM) as session:
        _destroy(session, world.second.assessment, None)
    with database.looking(SYSTEM) as session:
        for model in (AnswerWord, FourthParty, IndexedSubmission):
            assert not session.scalars(
                select(model).where(model.submission_id == world.second.submission)
            ).all()
        assert session.scalars(
            select(AnswerWord).where(AnswerWord.submission_id == world.first.submission)
        ).first()
    keep(database)
    assert found(database, ciso, "zubrowka") == []


def _destroy(session: Session, assessment: uuid.UUID, keys: list[str] | None) -> None:
    destroying.answers(session, assessment, keys, Destroyed(), now=NOW)
    row = session.get_one(Assessment, assessment)
    record(session, Kind.REDACTED, now=NOW, actor=None, subject=row)


@pytest.mark.both_databases
def test_words_do_not_come_back_by_an_indexer_that_had_read_them_before(
    world: Told, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads, the answer is destroyed, and only then it writes; and the other way round, both at once."""
    place, said = world.place, world.first
    with database.transaction(SYSTEM) as session:
        indexing.forget(session, [said.submission])
    with database.looking(SYSTEM) as session:
        read = indexing._read(session, place.id, [said.submission])
    with database.transaction(SYSTEM) as session:
        _destroy(session, said.assessment, [PARTIES])
    with database.transaction(SYSTEM) as session:
        assert indexing._write(session, database, read, NOW) == 1
    assert found(database, place[CISO], "quetzal") == []
    assert found(database, place[CISO], "word", tier="critical")  # its other answers are there
    # now an indexer that holds its transaction open while somebody destroys
    said = world.second
    with database.transaction(SYSTEM) as session:
        indexing.forget(session, [said.submission])
    reached = threading.Event()

    def index() -> None:
        with database.looking(SYSTEM) as session:
            read = indexing._read(session, place.id, [said.submission])
        with database.transaction(SYSTEM) as session:
            indexing._write(session, database, read, NOW)
            reached.set()
            time.sleep(0.3)

    def destroy() -> None:
        assert reached.wait(20)
        with database.transaction(SYSTEM) as session:
            _destroy(session, said.assessment, [PARTIES])

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(index), pool.submit(destroy)]:
            one.result(60)
    assert found(database, place[CISO], "norway") == []


@pytest.mark.both_databases
def test_two_indexers_write_each_submission_once(world: Told, database: Database) -> None:
    ids = [one.submission for one in (world.first, world.second, world.theirs)]
    with database.transaction(SYSTEM) as session:
        before = {(one.submission_id, one.key, one.word) for one in session.scalars(select(AnswerWord))}
        indexing.forget(session, ids)

    def turn() -> int:
        return indexing.Indexer(database).turn(lambda: NOW, seconds=60)

    with ThreadPoolExecutor(2) as pool:
        done = [one.result(60) for one in [pool.submit(turn) for _ in range(2)]]
    assert sum(done) == len(ids)
    with database.looking(SYSTEM) as session:
        assert {
            (one.submission_id, one.key, one.word) for one in session.scalars(select(AnswerWord))
        } == before


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_pages_and_files_say_who_said_what(world: Told, app: Portal, statements: list[str]) -> None:
    path = f"/o/{world.place.slug}/search"
    browser = signed_in(app, world.place[CISO])
    assert "Write what you look for." in browser.get(path).text
    assert "no word in this" in browser.get(f"{path}?q=the").text
    assert "No answer that counts today" in browser.get(f"{path}?q=nowhere").text
    text = browser.get(f"{path}?q=nordmoln").text
    statements.clear()
    assert browser.get(f"{path}?q=quetzal").status_code == 200
    one = len(statements)
    statements.clear()
    assert browser.get(f"{path}?q=nordmoln").status_code == 200
    assert len(statements) == one  # whatever the number of answers
    firms = f"/o/{world.place.slug}/portfolio/fourth-parties"
    for address in (f"{path}.csv", firms, f"{firms}.csv"):
        few, many = [], []
        for asked, into in (("quetzal", few), ("nordmoln" if "search" in address else "", many)):
            statements.clear()
            assert browser.get(f"{address}?q={asked}").status_code == 200
            into.extend(statements)
        assert len(few) == len(many), address
    assert text.count("<mark>") >= 2
    assert f"/answers?round=1#q-{PARTIES}" in text
    assert "Secretive" not in text
    csv = browser.get(f"{path}.csv?q=norway").text
    assert "Elder" in csv
    assert "Cedar" not in csv
    cells = sheet(browser.get(f"{path}.xlsx?q=nordmoln").data)
    assert [row[0] for row in cells] == ["vendor", "Cedar", "Elder"]
    with app.database.looking(SYSTEM) as session:
        taken = session.scalars(select(Event).where(Event.kind == Kind.EXPORTED.value)).all()
    assert [one.data["rows"] for one in taken] == [1, 2, 1, 2, 1, 2]


def test_hostile_words_are_text(world: Told, app: Portal) -> None:
    browser = signed_in(app, world.place[ADMIN])
    for words in (
        "%",
        "' OR 1=1 --",
        "<script>x</script>",
        "z" * 500,
        "_" * 50,
        "\U0010ffff" * 3,
    ):
        answer = browser.get(f"/o/{world.place.slug}/search", query_string={"q": words})
        assert answer.status_code == 200
        assert "<script>x" not in answer.text
