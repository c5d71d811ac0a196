"""A small world is made once in a process; later tests get a copy of its rows, its files and what was returned.

To make a world through the services takes longer than most of what is then asked of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Hashable, Mapping
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import NullPool, create_engine, text

from portal.db import Database
from portal.gate import queries as gate_queries
from portal.gate import reading, standings
from portal.library import authoring_pace
from portal.settings import Settings
from portal.tables import metadata

T = TypeVar("T")


@dataclass(frozen=True)
class _Made:
    """A world as its maker left it: rows of either kind of database, files by path, and what was returned."""

    value: Any
    rows: Any
    files: Mapping[Path, bytes]
    stands_for: tuple[object, ...]


_made: dict[Hashable, _Made] = {}
DATABASE_FILES = "portal.sqlite"


def once(database: Database, settings: Settings, make: Callable[[], T], *more: object, key: Hashable) -> T:
    """What ``make()`` returns, with the rows and files that it makes: once in a process for each ``key``, then copied.

    ``database`` must be empty (else ``make`` is simply called). ``more``: what else of this test the result may refer
    to, such as the application; each test gets its own in their place.
    """
    if not _is_empty(database):
        return make()
    whole, own = (database.sqlite, key), (database, settings, *more)
    if whole not in _made:
        before = _files_of(settings.data)  # such as settings, which name this test's own database
        value = make()
        files = {path: data for path, data in _files_of(settings.data).items() if before.get(path) != data}
        stands_for = tuple(object() for _ in own)
        pristine = _anew(value, {id(one): mark for one, mark in zip(own, stands_for, strict=True)})
        _made[whole] = _Made(pristine, rows_of(database), files, stands_for)
        return value
    kept = _made[whole]
    put(database, kept.rows)
    for path, data in kept.files.items():
        (settings.data / path).parent.mkdir(parents=True, exist_ok=True)
        (settings.data / path).write_bytes(data)
    instead = {id(mark): one for one, mark in zip(own, kept.stands_for, strict=True)}
    return _anew(kept.value, instead)  # type: ignore[no-any-return]  # a copy of what make() gave


def made_once(make: Callable[..., T]) -> Callable[..., T]:
    """Under ``@pytest.fixture``: of database (or app) and settings; makes nothing but rows, files and a value."""

    @wraps(make)
    def fixture(**given: Any) -> T:
        database = given["database"] if "database" in given else given["app"].database
        more = [one for name, one in given.items() if name not in ("database", "settings")]
        key = (make.__module__, make.__qualname__)
        return once(database, given["settings"], lambda: make(**given), *more, key=key)

    return fixture


def _anew(value: Any, instead: Mapping[int, Any]) -> Any:
    """A copy down to what cannot change, with some objects exchanged by their id()."""
    if id(value) in instead:
        return instead[id(value)]
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(_anew(one, instead) for one in value)
    if type(value) is dict:
        return {_anew(name, instead): _anew(one, instead) for name, one in value.items()}
    if is_dataclass(value) and hasattr(
        type(value), "__dataclass_params__"
    ):  # what the engine freezes has none
        parts = {one.name: getattr(value, one.name) for one in fields(value)}
        new = {name: _anew(part, instead) for name, part in parts.items()}
        same = all(new[name] is part or new[name] == part for name, part in parts.items())
        if same and type(value).__dataclass_params__.frozen:
            return value
        other = copy(value)
        for name, part in new.items():
            object.__setattr__(other, name, part)
        return other
    return value


def _forget() -> None:
    """Ids come again in another test with other rows: what a process remembers by id is of the test before."""
    for remembered in (reading._briefs, reading._policies, gate_queries._decided, standings._worked):
        remembered._known.clear()
    authoring_pace._seen.clear()


# ----------------------------------------------------------------------------------------------------- rows and files


def _is_empty(database: Database) -> bool:
    with database.reading.connect() as connection:
        return connection.execute(text("SELECT 1 FROM person LIMIT 1")).first() is None


def _files_of(folder: Path) -> dict[Path, bytes]:
    return {
        one.relative_to(folder): one.read_bytes()
        for one in folder.rglob("*")
        if one.is_file() and not one.name.startswith(DATABASE_FILES)
    }


def rows_of(database: Database) -> Any:
    """All rows: an SQLite database in memory, or each table's rows in PostgreSQL's own binary form."""
    if database.sqlite:
        memory = sqlite3.connect(":memory:", check_same_thread=False)
        with contextlib.closing(sqlite3.connect(str(database.engine.url.database))) as source:
            source.backup(memory)
        return memory
    with _server(database) as cursor:
        asked = " UNION ALL ".join(
            f"SELECT '{one}' WHERE EXISTS (SELECT FROM \"{one}\")" for one in metadata.tables
        )
        filled = [name for (name,) in cursor.execute(asked).fetchall()]
        rows = {}
        for name in filled:
            with cursor.copy(f'COPY "{name}" TO STDOUT (FORMAT BINARY)') as out:
                rows[name] = b"".join(bytes(one) for one in out)
    return rows


def put(database: Database, rows: Any) -> None:
    """The rows of ``rows_of`` into an empty database; what this process remembers by id is forgotten."""
    _forget()
    if database.sqlite:
        with contextlib.closing(sqlite3.connect(str(database.engine.url.database))) as target:
            target.execute("PRAGMA synchronous=OFF")
            rows.backup(target)
        return
    with _server(database) as cursor:
        cursor.execute("SET session_replication_role = replica")  # no triggers, no order of foreign keys
        for name, data in rows.items():
            with cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT BINARY)') as into:
                into.write(data)


@contextlib.contextmanager
def _server(database: Database) -> Any:
    """A cursor of psycopg's own, in one transaction."""
    engine = create_engine(database.engine.url, poolclass=NullPool)
    with contextlib.closing(engine.raw_connection()) as connection:
        with connection.cursor() as cursor:
            yield cursor
        connection.commit()
    engine.dispose()
