"""The schema's state and its upgrade: alembic behind two functions and one-sentence refusals."""

from __future__ import annotations

from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from portal.db import Database
from portal.faults import StartupFault

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to ``revision``; one transaction, so that a failure leaves it as it was."""
    with database.writing.begin() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Take revisions back, for tests of the migrations."""
    with database.writing.begin() as connection:
        command.downgrade(_config(connection), revision)


def seal(table: str, keys: tuple[tuple[str, ...], ...]) -> None:
    """For migrations: triggers by which rows of ``table`` are never changed, deleted or replaced (law 5).

    ``keys``: its primary key and every other unique key.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_sealed BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    refuse = f"SELECT RAISE(ABORT, '{table} is append-only')"
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN {refuse}; END")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN {refuse}; END")
    # REPLACE fires no delete trigger unless recursive_triggers is on: refuse the insert of a key that is there
    same = " OR ".join(
        "(" + " AND ".join(f"{column} IS NEW.{column}" for column in key) + ")" for key in keys
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN {refuse}; END"
    )


def require_current(database: Database) -> None:
    """Raise StartupFault when the database cannot be reached, is newer than the code, or waits for a migration."""
    head = ScriptDirectory.from_config(_config(None)).get_current_head()
    try:
        with database.reading.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise StartupFault(f"The database cannot be opened: {_first_line(error)}.") from error
    if current == head:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}
    if current is not None and current not in known:
        raise StartupFault(
            f"The database is newer than this portal (revision {current}). Install the newer portal."
        )
    raise StartupFault("The database waits for a migration. Back it up, then run `portal upgrade`.")


def known_revisions() -> frozenset[str]:
    """Every revision that this portal can upgrade from, its own included."""
    return frozenset(one.revision for one in ScriptDirectory.from_config(_config(None)).walk_revisions())


def revision_of(connection: Connection) -> str:
    """The revision that a database is at; "" for one without any."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0].rstrip(".")
