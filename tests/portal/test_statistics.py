"""A database plans by how many rows there are and share a value, once the worker has looked."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from sqlalchemy import text

from portal import backup, cli, engines
from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.settings import Settings
from tests.portal.world import NOW, make_organisation

IDS = ", ".join(f"'{uuid.uuid4().hex}'" for _ in range(30))


def plan(database: Database) -> str:
    """How thirty events of one organisation are found, by a connection that begins now."""
    database.dispose()
    asked = f"EXPLAIN QUERY PLAN SELECT kind FROM event WHERE organisation_id = 'x' AND id IN ({IDS})"
    with engines.looking(database) as connection:
        return str(connection.execute(text(asked)).all())


def some_events(database: Database, settings: Settings) -> None:
    halden = make_organisation(database, settings, "Halden")
    with database.transaction() as session:
        for _ in range(300):
            record(session, Kind.SIGNED_IN, now=NOW, actor=halden[OrganisationRole.CISO])


@pytest.mark.sqlite_itself
def test_rows_are_found_by_their_ids_and_not_by_walking_the_organisation(
    database: Database, settings: Settings
) -> None:
    some_events(database, settings)
    assert "organisation_id=?" in plan(database)
    engines.take_statistics(database)
    assert "(id=?)" in plan(database)
    engines.take_statistics(database)


def known(database: Database) -> float:
    """How many events the planner believes in; -1 where nobody has looked."""
    with engines.looking(database) as connection:
        asked = "SELECT reltuples FROM pg_class WHERE oid = 'event'::regclass"
        return float(connection.execute(text(asked)).scalar_one())


@pytest.mark.postgres_itself
def test_nobody_waits_for_postgresql_to_look_by_itself(
    database: Database, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some_events(database, settings)
    engines.take_statistics(database)
    assert known(database) >= 300
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=NOW)
    values = {
        "secret_key": settings.secret_key,
        "base_url": settings.base_url,
        "database_url": settings.database_url,
    }
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    (settings.data / "portal.toml").write_text(lines)
    database.dispose()  # a portal that is stopped has no connection
    assert cli.main(["restore", "--data", str(settings.data), str(path), "--replace"]) == 0
    assert "Restored" in capsys.readouterr().out
    assert known(database) >= 300
