"""SQLite plans by how many rows share a value, once the worker has looked."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text

from portal import engines
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


@pytest.mark.sqlite_itself
def test_rows_are_found_by_their_ids_and_not_by_walking_the_organisation(
    database: Database, settings: Settings
) -> None:
    halden = make_organisation(database, settings, "Halden")
    with database.transaction() as session:
        for _ in range(300):
            record(session, Kind.SIGNED_IN, now=NOW, actor=halden[OrganisationRole.CISO])
    assert "organisation_id=?" in plan(database)
    engines.take_statistics(database)
    assert "(id=?)" in plan(database)
    engines.take_statistics(database)
