"""Whole databases: a consistent copy while others write, and the way back, each by the engine's own means."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection

from portal import schema
from portal.db import Database
from portal.faults import StartupFault

DEBIAN = Path("/usr/lib/postgresql")
EMPTIED = """
DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT oid::regclass AS name FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
  LOOP EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', one.name); END LOOP;
  FOR one IN SELECT oid::regprocedure AS name FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
  LOOP EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', one.name); END LOOP;
END $$;
"""
# Entries of each index: a twentieth of a second, whatever a table holds. What every row has looks as rare as this.
LOOKED_AT = 2000


@contextlib.contextmanager
def snapshot(database: Database, copy: Path) -> Iterator[Connection]:
    """Copy the whole database to ``copy`` (0600) and yield a connection that sees exactly what is in the copy."""
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if not database.sqlite:
        with _dumped(database, copy) as connection:
            yield connection
        return
    with sqlite3.connect(_sqlite_path(database)) as live, sqlite3.connect(copy) as target:
        live.backup(target)  # in one step, so from one snapshot; writers go on meanwhile
        target.execute("PRAGMA journal_mode=DELETE")
    live.close()
    target.close()
    copied = Database(f"sqlite:///{copy}")
    try:
        with copied.reading.connect() as connection:
            yield connection
    finally:
        with copied.engine.connect() as connection:  # leaves no side files beside the copy
            connection.connection.driver_connection.execute("PRAGMA journal_mode=DELETE")  # type: ignore[union-attr]  # a live one
        copied.dispose()


@contextlib.contextmanager
def _dumped(database: Database, copy: Path) -> Iterator[Connection]:
    program = _program("pg_dump")
    engine = database.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with engine.connect() as connection:
        name = connection.scalar(text("SELECT pg_export_snapshot()"))
        _run(
            [program, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={name}"],
            database,
            copy,
        )
        yield connection


@contextlib.contextmanager
def looking(database: Database) -> Iterator[Connection]:
    """A read-only connection to the whole database, for what is about tables and not about tenants' rows."""
    with database.reading.connect() as connection:
        yield connection


def integrity(connection: Connection) -> Iterator[str]:
    """Sentences about pages, references and constraints that do not hold."""
    if connection.dialect.name == "sqlite":
        said = connection.execute(text("PRAGMA integrity_check")).scalars().all()
        if said != ["ok"]:
            yield f"The database file is damaged: {said[0]}."
        for row in connection.execute(text("PRAGMA foreign_key_check")).all():
            yield f"A row of {row[0]} refers to a row of {row[2]} that is not there."
        return
    loose = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE NOT convalidated"
    for table, name in connection.execute(text(loose)).all():
        yield f"The constraint {name} of {table} does not hold for all rows."


def triggers(connection: Connection) -> set[str]:
    """The names of the triggers that are in force."""
    listed = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.dialect.name == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    )
    return set(connection.execute(text(listed)).scalars())


def take_statistics(database: Database) -> None:
    """Let the database see how many rows there are and share a value, without which it plans for tables of a few rows.

    SQLite then takes an organisation's index for a sharp one, and searches for a hundred ids by walking all its rows;
    what was seen, a connection reads when it begins (db.RECONNECTED). PostgreSQL looks by itself, some minutes after
    much was written: until then a pass of the worker over a restored database compares all rows with all.
    """
    with database.transaction() as session:
        if database.sqlite:
            session.execute(text(f"PRAGMA analysis_limit={LOOKED_AT}"))
        session.execute(text("ANALYZE"))


def bring_back(database: Database, copy: Path) -> None:
    """Replace everything in the database by ``copy``, in one transaction of the engine, but for its revision.

    Without one nobody opens it, from whatever folder or machine (schema.require_current), until restoring.settle has
    given it one in the transaction that ends what must not come back. Raises StartupFault when it was not replaced;
    of PostgreSQL also when the connection broke while it was: schema.is_cut_off tells.
    """
    database.dispose()
    if not database.sqlite:
        _replace(database, copy)
        return
    with (
        contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as source,
        contextlib.closing(sqlite3.connect(_sqlite_path(database), timeout=5)) as live,
    ):
        try:
            source.execute(f"DELETE FROM {schema.VERSIONS}")
            source.backup(live)  # an unfinished one is rolled back
        except sqlite3.Error as error:
            raise StartupFault(f"The database cannot be replaced, and was not: {error}.") from error


def _replace(database: Database, copy: Path) -> None:
    """Drop what is there and run the dump's statements, as one transaction of psql.

    pg_restore --clean drops only what the dump has: a table of a later portal that refers to one of them stops it.
    """
    wanted, statements = copy.with_suffix(".list"), copy.with_suffix(".sql")
    wanted.write_text(_without_revision(copy))
    with open(os.open(statements, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as script:
        script.write(EMPTIED.encode())
        script.flush()
        # Whole before any of it runs: a pipe that breaks would be the end of the script, and committed.
        options = ["--no-owner", "--no-privileges", f"--use-list={wanted}", "--file=-"]
        found = subprocess.run(
            [_program("pg_restore"), *options, str(copy)],
            stdout=script,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    if found.returncode:
        raise StartupFault("The database in the backup cannot be read, so nothing was restored.")
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    _run([_program("psql"), *options, f"--file={statements}"], database, None)


def _without_revision(copy: Path) -> str:
    """What pg_restore is to bring back of a dump, as its own list; StartupFault when it is no dump of a portal."""
    listed = subprocess.run([_program("pg_restore"), "--list", str(copy)], capture_output=True, check=False)
    lines = listed.stdout.decode("utf-8", "replace").splitlines(keepends=True)
    revision = re.compile(rf" TABLE DATA \S+ {schema.VERSIONS} ")
    kept = [line for line in lines if not revision.search(line)]
    if listed.returncode or len(kept) != len(lines) - 1:
        raise StartupFault("The database in the backup cannot be read, so nothing was restored.")
    return "".join(line for line in kept if not re.search(r" SCHEMA (- )?public\b", line))  # it stays


def readable(copy: Path) -> bool:
    """Whether pg_restore can read a dump to its end."""
    found = subprocess.run(
        [_program("pg_restore"), "--file=/dev/null", str(copy)], capture_output=True, check=False
    )
    return found.returncode == 0


def _sqlite_path(database: Database) -> str:
    return str(database.engine.url.database)


def _program(name: str) -> str:
    """The newest program of this name: Debian keeps versions apart, and a dump needs one as new as the server."""
    kept = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(re.sub(r"\D", "", path.parts[-3]) or 0))
    found = str(kept[-1]) if kept else shutil.which(name)
    if found is None:
        raise StartupFault(f"{name} is not installed; a PostgreSQL database is backed up and restored by it.")
    return found


def _run(command: list[str], database: Database, output: Path | None) -> None:
    """Run a program of PostgreSQL on the database; its password goes by the environment, where no list shows it."""
    url: URL = database.engine.url
    environment: dict[str, Any] = dict(os.environ)
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    for option, value in {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGSSLMODE": url.query.get("sslmode"),
        "PGSSLROOTCERT": url.query.get("sslrootcert"),
    }.items():
        if value:
            environment[option] = str(value)
    target = [f"--dbname={url.database}"] + ([f"--file={output}"] if output else [])
    # It inherits the lock of installation.alone: should we be killed, no second restore begins before it has ended.
    found = subprocess.run(
        [command[0], *target, *command[1:]],
        env=environment,
        capture_output=True,
        check=False,
        close_fds=False,
    )
    if found.returncode:
        said = found.stderr.decode("utf-8", "replace").strip().splitlines()
        name = Path(command[0]).name
        raise StartupFault(f"{name} failed: {said[-1].rstrip('.') if said else 'it does not say why'}.")
