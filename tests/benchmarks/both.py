"""The installation of what_if_portal in PostgreSQL too: its rows, copied out of its SQLite file table by table.

Where PORTAL_TEST_POSTGRES names a server (tests/postgres.sh): ninety seconds for three million answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, Table, create_engine, select, text

from portal import create_app, engines, schema
from portal.db import Database
from portal.settings import Settings
from portal.tables import metadata
from portal.web import Portal
from tests.benchmarks import what_if_portal
from tests.benchmarks.cycle import place

AT_ONCE = 5000  # rows in memory


@contextmanager
def installed(kind: str, folder: Path) -> Iterator[Portal]:
    """The application over the rows in ``folder``, on a database of this kind; what is made for it goes afterwards."""
    found = replace(what_if_portal.settings_of(folder), demo=True)
    if kind == "sqlite":
        with _running(found) as app:
            yield app
        return
    with place(kind, folder) as url:
        copy(found.database_url, url, found)
        with _running(replace(found, database_url=url)) as app:
            yield app


@contextmanager
def _running(settings: Settings) -> Iterator[Portal]:
    app = create_app(settings)
    try:
        yield app
    finally:
        app.database.dispose()


def copy(source: str, target: str, settings: Settings) -> None:
    """Every row of ``source`` into the empty database ``target``, which is brought to the newest schema first."""
    database = Database(target, settings.base_url, settings.secret_key)
    origin = create_engine(source)
    try:
        schema.upgrade(database)
        with origin.connect() as rows, database.engine.begin() as connection:
            # Neither foreign keys nor triggers: the rows have been through them.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            wanted = metadata.sorted_tables
            connection.execute(text("TRUNCATE " + ", ".join(f'"{one.name}"' for one in wanted)))
            for table in wanted:
                _copy(rows, connection, table)
        engines.take_statistics(database)
    finally:
        origin.dispose()
        database.dispose()


def _copy(rows: Connection, connection: Connection, table: Table) -> None:
    columns = list(table.columns)
    documents = {at for at, one in enumerate(columns) if isinstance(one.type, JSON)}
    names = ", ".join(f'"{one.name}"' for one in columns)

    def told(at: int, value: Any) -> Any:
        return json.dumps(value) if at in documents and value is not None else value

    driver: Any = connection.connection.driver_connection  # psycopg's own, in this transaction
    with driver.cursor().copy(f'COPY "{table.name}" ({names}) FROM STDIN') as into:
        for row in rows.execution_options(yield_per=AT_ONCE).execute(select(table)):
            into.write_row([told(at, value) for at, value in enumerate(row)])
