"""The database itself: migrations, triggers on sealed tables, pragmas of live connections, types (laws 5 and 8)."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal import clock, db, schema, worker
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database, UtcDateTime
from portal.faults import StartupFault, Unavailable
from portal.gate.keeping import Keeper
from portal.mail import mailer
from portal.outbox import WorkerBeat
from portal.reassessment.generating import generate
from portal.reassessment.models import CycleVersion, Reminder, ReminderEnd
from portal.review.models import LapsedMark, Mark
from portal.settings import Settings
from portal.tables import metadata
from portal.web import Portal
from tests.portal.scene import Scene, make_scene
from tests.portal.world import NOW

pytestmark = pytest.mark.both_databases
IMMUTABLE = sorted(name for name, table in metadata.tables.items() if table.info["immutable"])
# Sealed by law 5 by name: these may never lose their mark.
SEALED = {"event", "submission", "rating", "released_version", "definition"}


def test_what_the_law_seals_is_marked() -> None:
    assert set(IMMUTABLE) >= SEALED


# ------------------------------------------------------------------------------------------------------- migrations


def test_models_equal_migrations(database: Database) -> None:
    with database.reading.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_constraints_and_indexes_bear_the_names_of_the_convention(database: Database) -> None:
    """Alembic compares columns; a check or key with another name would be found only when it is to be dropped."""
    found = inspect(database.engine)
    for name, table in metadata.tables.items():
        wanted = {str(index.name) for index in table.indexes}
        assert {index["name"] for index in found.get_indexes(name)} - _of_keys(found, name) == wanted
        keys = {
            (tuple(one["constrained_columns"]), one["referred_table"]) for one in found.get_foreign_keys(name)
        }
        assert keys == {
            (tuple(one.columns.keys()), one.elements[0].target_fullname.split(".")[0])
            for one in table.foreign_key_constraints
        }


def _of_keys(found: Any, name: str) -> set[str]:
    return {one["name"] for one in found.get_unique_constraints(name)}


def test_down_and_up_again_gives_the_same_schema(database: Database) -> None:
    before = _fingerprint(database)
    schema.downgrade(database, "base")
    with database.reading.connect() as connection:
        left = set(inspect(connection).get_table_names())
    assert left <= {"alembic_version"}
    schema.upgrade(database)
    assert _fingerprint(database) == before
    schema.require_current(database)


def _fingerprint(database: Database) -> Any:
    with database.reading.connect() as connection:
        if database.sqlite:
            rows = connection.execute(text("SELECT type, name, sql FROM sqlite_master ORDER BY type, name"))
            return [(kind, name, " ".join((sql or "").split())) for kind, name, sql in rows]
        columns = connection.execute(
            text(
                "SELECT table_name, column_name, data_type, is_nullable, character_maximum_length "
                "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
            )
        ).all()
        indexes = connection.execute(
            text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
        )
        keys = connection.execute(
            text(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 2200 ORDER BY 1, 2"
            )
        )
        return columns, indexes.all(), keys.all(), sorted(_triggers(connection))


def test_revisions_form_one_line(database: Database) -> None:
    script = ScriptDirectory(str(schema.MIGRATIONS))
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [("9999", "newer than this portal"), (None, "restore was cut off")],
)
def test_a_database_of_another_revision_stops_the_start(
    database: Database, revision: str | None, sentence: str
) -> None:
    with database.writing.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        if revision:
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    with pytest.raises(StartupFault, match=sentence):
        schema.require_current(database)


def test_a_failed_migration_leaves_the_database_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.downgrade(database, "base")
    with database.writing.begin() as connection:
        connection.execute(text("CREATE TABLE rating (x INTEGER)"))  # in the way of the first revision
    with pytest.raises(DBAPIError):
        schema.upgrade(database)
    with database.reading.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"rating", "alembic_version"}


# --------------------------------------------------------------------------------------- triggers on sealed tables


def _triggers(connection: Connection) -> set[tuple[str, str]]:
    """(table, what it refuses) as the database itself lists them."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"))
        return {
            (table, match.group(1).upper())
            for table, sql in rows
            if (match := re.search(r"BEFORE (UPDATE|DELETE|INSERT)", sql)) and "RAISE(ABORT" in sql
        }
    rows = connection.execute(
        text(
            "SELECT c.relname, t.tgtype::int FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal AND t.tgenabled = 'O'"
        )
    )
    bits = {8: "DELETE", 16: "UPDATE", 32: "TRUNCATE"}
    return {(table, name) for table, kind in rows for bit, name in bits.items() if kind & bit}


def test_the_triggers_are_those_of_the_marks(database: Database) -> None:
    refused = ("UPDATE", "DELETE", "INSERT") if database.sqlite else ("UPDATE", "DELETE", "TRUNCATE")
    with database.reading.connect() as connection:
        assert _triggers(connection) == {(table, what) for table in IMMUTABLE for what in refused}


@pytest.fixture
def filled(database: Database, settings: Settings) -> Scene:
    """A database with a row in every sealed table."""
    scene = make_scene(database, settings, only=1)
    deal = scene.deals[0]
    assert deal.submitted
    generate(database, now=NOW + timedelta(days=25))
    with database.transaction(SYSTEM) as session:  # as if the vendor had changed what was challenged
        mark = session.scalars(select(Mark).limit(1)).one()
        owner = {"organisation_id": mark.organisation_id, "company_id": mark.company_id}
        session.add(
            LapsedMark(
                submission_id=mark.submission_id, key=mark.key, mark_id=mark.id, about=mark.key, **owner
            )
        )
        record(session, Kind.RATED, now=NOW, actor=None, subject=mark)
        _cycle(session)
    Keeper(database).turn(lambda: NOW, seconds=60)  # the history of what stands at each gate
    return scene


def _cycle(session: Session) -> None:
    """Rules of the cycle that somebody saved, and a reminder that was left out of its letter."""
    reminder = session.scalars(select(Reminder).limit(1)).one()
    its = {"organisation_id": reminder.organisation_id, "company_id": reminder.company_id}
    session.add(ReminderEnd(reminder_id=reminder.id, **its, why="done", at=NOW))
    saved = CycleVersion(
        organisation_id=reminder.organisation_id, sequence=1, content=b"{}", content_hash="0" * 64,
        created_at=NOW, created_by=reminder.person_id,
    )  # fmt: skip
    session.add(saved)


def _row(database: Database, table: Table) -> dict[str, Any]:
    with database.looking(SYSTEM) as session:
        row = session.execute(select(table).limit(1)).mappings().first()
    return dict(row) if row else {}


def test_every_sealed_table_refuses_change(database: Database, filled: Scene) -> None:
    for name in IMMUTABLE:
        table = metadata.tables[name]
        row = _row(database, table)
        assert row, f"the scene leaves {name} empty"
        for statement in _attacks(database, table, row):
            with pytest.raises(DBAPIError, match="append-only"), database.writing.begin() as connection:
                connection.execute(statement)
            assert _row(database, table) == row, f"{statement} changed {name}"


def _attacks(database: Database, table: Table, row: dict[str, Any]) -> Iterator[Any]:
    key = next(iter(table.primary_key.columns))
    column = next(one for one in table.columns if not one.primary_key)
    yield table.update().values({column.name: row[column.name]})
    yield table.update().where(key == row[key.name]).values({column.name: row[column.name]})
    yield table.delete()
    yield table.delete().where(key == row[key.name])
    if database.sqlite:
        yield table.insert().prefix_with("OR REPLACE").values(row)
        for other in _unique_keys(table):
            fresh = {
                **row,
                **{one.name: _other(one, row) for one in table.primary_key.columns if one.name not in other},
            }
            if fresh != row:
                yield table.insert().prefix_with("OR REPLACE").values(fresh)
    else:
        yield text(f"TRUNCATE {table.name} CASCADE")


def _unique_keys(table: Table) -> list[set[str]]:
    return [
        {column.name for column in constraint.columns}
        for constraint in table.constraints
        if type(constraint).__name__ == "UniqueConstraint"
    ]


def _other(column: Any, row: dict[str, Any]) -> Any:
    return uuid.uuid4() if isinstance(row[column.name], uuid.UUID) else "another"


def test_another_program_cannot_replace_a_sealed_row_either(
    database: Database, filled: Scene, tmp_path: Path
) -> None:
    """A tool that opens the file sets no pragma of ours, so REPLACE fires no delete trigger there."""
    if not database.sqlite:
        return  # REPLACE is SQLite's
    plain = sqlite3.connect(tmp_path / "portal.sqlite")
    for name in IMMUTABLE:
        table = metadata.tables[name]
        columns = [column.name for column in table.columns]
        quoted = ", ".join(f'"{column}"' for column in columns)  # one is named as a word of SQL
        before = plain.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall()
        row = dict(
            zip(
                columns,
                plain.execute(f"SELECT {quoted} FROM {name} LIMIT 1").fetchone(),
                strict=True,
            )
        )
        fresh = (
            [{**row, **dict.fromkeys(table.primary_key.columns.keys(), "0" * 32)}]
            if len(table.primary_key) == 1
            else []
        )
        for values in (row, *fresh):
            if values != row and (not _unique_keys(table) or name in ("reminder", "reminder_step")):
                continue  # their keys are left to ON CONFLICT DO NOTHING
            with pytest.raises(sqlite3.DatabaseError, match=r"append-only|UNIQUE"):
                plain.execute(
                    f"INSERT OR REPLACE INTO {name} ({quoted}) VALUES ({', '.join('?' * len(columns))})",
                    [values[column] for column in columns],
                )
        plain.rollback()
        assert plain.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() == before
    plain.close()


# --------------------------------------------------------------------------- pragmas of live connections (SQLite)

WANTED = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "recursive_triggers": 1,
    "trusted_schema": 0,
}
SPY = f"""
import json, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine

def look(connection):
    cursor = connection.connection.driver_connection.cursor()
    found = {{name: cursor.execute("PRAGMA " + name).fetchone()[0] for name in {tuple(WANTED)}}}
    print("PRAGMAS " + json.dumps(found), flush=True)

event.listen(Engine, "commit", look)
event.listen(Engine, "rollback", look)
"""
PROCESSES = {
    "web": "import wsgi; client = wsgi.application.test_client(); client.get('/sign-in'); client.get('/healthz')",
    "worker": "from portal.cli import main; sys.exit(main(['worker', '--once', '--data', sys.argv[1]]))",
    "command line": "from portal.cli import main; sys.exit(main(['create-admin', 'a@b.example', '--organisation', 'O', "
    "'--name', 'A', '--data', sys.argv[1]]))",
}


@pytest.mark.parametrize("process", PROCESSES)
def test_each_process_has_the_pragmas_on_its_live_connections(
    settings: Settings, database: Database, process: str
) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")},
        "PORTAL_DATA": str(settings.data),
        "PORTAL_SECRET_KEY": settings.secret_key,
        "PORTAL_DATABASE_URL": settings.database_url,
        "PORTAL_BASE_URL": settings.base_url,
        "PORTAL_MAIL": settings.mail,
    }
    spy = SPY if database.sqlite else "import sys"
    done = subprocess.run(
        [sys.executable, "-c", f"{spy}\n{PROCESSES[process]}", str(settings.data)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=schema.MIGRATIONS.parent,
    )
    assert done.returncode == 0, done.stderr
    if not database.sqlite:
        return
    seen = [line.removeprefix("PRAGMAS ") for line in done.stdout.splitlines() if line.startswith("PRAGMAS ")]
    assert seen
    for line in seen:
        assert json.loads(line) == WANTED


@pytest.mark.sqlite_itself
def test_a_new_connection_of_the_pool_has_them_too(settings: Settings) -> None:
    database = Database(
        settings.database_url, settings.base_url, settings.secret_key
    )  # as the product opens it
    opened = [database.engine.connect() for _ in range(4)]
    for connection in opened:
        cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
        assert {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in WANTED} == WANTED
        connection.close()
    database.dispose()


# ------------------------------------------------------------------------------------------------------ behaviour


def test_a_busy_database_is_unavailable_not_broken(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five seconds of patience, then Unavailable; SQLite's write lock here, a row lock on PostgreSQL."""
    held, release = threading.Event(), threading.Event()
    with database.transaction(SYSTEM) as session:
        session.merge(WorkerBeat(name="one", at=NOW))

    def hold() -> None:
        with database.transaction(SYSTEM) as session:
            session.merge(WorkerBeat(name="one", at=NOW + timedelta(1)))
            session.flush()
            held.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    other = Database(_impatient(database), database.base_url)
    with other.reading.connect() as connection:
        patience = "PRAGMA busy_timeout" if other.sqlite else "SHOW lock_timeout"
        assert connection.execute(text(patience)).scalar() in (5000, "5s")
    try:
        with pytest.raises(Unavailable):
            _beat(other, NOW + timedelta(2))
    finally:
        release.set()
        holder.join()
        other.dispose()


@pytest.mark.sqlite_itself
def test_writers_of_one_process_queue_before_they_ask_sqlite(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections wait for five seconds; the queue of this process has less patience here, and answers first."""
    monkeypatch.setattr(db, "BUSY_SECONDS", 0.2)
    refused: list[float] = []

    def wait() -> None:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            _beat(database, NOW)
        refused.append(time.monotonic() - began)
        assert not db.writing()

    with database.transaction(SYSTEM) as session:
        session.merge(WorkerBeat(name="one", at=NOW))
        waiter = threading.Thread(target=wait)
        waiter.start()
        waiter.join(20)
    assert len(refused) == 1
    assert 0.15 < refused[0] < 4
    _beat(database, NOW + timedelta(1))
    with pytest.raises(ZeroDivisionError), database.transaction(SYSTEM):
        _ = 1 / 0
    _beat(database, NOW + timedelta(2))  # the turn is given back, whatever happened


def _beat(database: Database, at: datetime) -> None:
    with database.transaction(SYSTEM) as session:
        session.merge(WorkerBeat(name="one", at=at))
        session.flush()


def _impatient(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def test_a_reader_sees_no_half_of_a_write(database: Database) -> None:
    with database.transaction(SYSTEM) as session:
        session.merge(WorkerBeat(name="one", at=NOW))
        session.flush()
        seen: list[int] = []
        reader = threading.Thread(target=lambda: seen.append(_beats(database)))
        reader.start()
        reader.join()
        assert seen == [0]
    assert _beats(database) == 1


def _beats(database: Database) -> int:
    with database.looking(SYSTEM) as session:
        return len(session.scalars(select(WorkerBeat)).all())


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(9999, 12, 31, 23, 0, tzinfo=UTC),
    ],
)
def test_instants_come_back_as_they_were(database: Database, instant: datetime) -> None:
    with database.transaction(SYSTEM) as session:
        session.merge(WorkerBeat(name="one", at=instant))
    with database.looking(SYSTEM) as session:
        found = session.scalars(select(WorkerBeat)).one().at
    assert found == instant
    assert found.tzinfo is UTC


def test_naive_instants_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]  # noqa: DTZ001


def test_every_instant_column_keeps_its_zone_and_every_date_is_a_date() -> None:
    for table in metadata.tables.values():
        for column in table.columns:
            if column.name.endswith("_at") or column.name in ("at", "lease_until", "window_start"):
                assert isinstance(column.type, UtcDateTime), f"{table.name}.{column.name}"
            if column.name in ("due", "as_of", "anchor", "promise_date"):
                assert column.type.python_type is date, f"{table.name}.{column.name}"
            if column.type.python_type is str:
                assert getattr(column.type, "length", None) or str(column.type) == "TEXT", (
                    f"{table.name}.{column.name}"
                )


def test_foreign_keys_hold(database: Database) -> None:
    from portal.accounts.models import LoginSession

    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), database.writing.begin() as connection:
        connection.execute(
            LoginSession.__table__.insert().values(  # type: ignore[attr-defined]
                id=uuid.uuid4(), person_id=uuid.uuid4(), token_hash=b"x" * 32, created_at=NOW, seen_at=NOW
            )
        )


def test_healthz_says_who_is_not_well(app: Portal, database: Database, settings: Settings) -> None:
    client = app.test_client()
    assert client.get("/healthz").status_code == 503
    worker.run_once(database, mailer(settings), clock.now())
    assert client.get("/healthz").status_code == 200
