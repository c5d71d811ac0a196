"""The schema's state and its upgrade: alembic behind two functions and one-sentence refusals."""

from __future__ import annotations

from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from portal.db import Database
from portal.db_faults import first_line
from portal.faults import StartupFault, Unavailable

VERSIONS = "alembic_version"
CUT_OFF = (
    "A restore was cut off, so nobody is served: sessions, tokens and values that have ended since that backup would "
    "be back. Run `portal restore --data FOLDER FILE` once more, in the folder of then; it goes on to the end."
)
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to ``revision``; one transaction, so that a failure leaves it as it was.

    StartupFault for one that a restore has brought back and not settled.
    """
    with database.writing.begin() as connection:
        if _lacks_revision(connection):
            raise StartupFault(CUT_OFF)
        command.upgrade(_config(connection), revision)


def resume(session: Session, revision: str) -> None:
    """Give a database that engines.bring_back has replaced its revision, and bring it to this portal's."""
    connection = session.connection()
    command.stamp(_config(connection), revision)
    command.upgrade(_config(connection), "head")


def is_cut_off(database: Database) -> bool:
    """Whether a restore has replaced the database and not settled it; waits for one that is replacing it now."""
    with database.reading.connect() as connection:
        return _lacks_revision(connection)


def _lacks_revision(connection: Connection) -> bool:
    """Only a restore leaves other tables without one: migrations write it in the transaction that makes them."""
    tables = inspect(connection)
    if not (tables.has_table(VERSIONS) and tables.has_table("event")):
        return False
    return connection.execute(select(table(VERSIONS, column("version_num")))).first() is None


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
            cut_off = current is None and _lacks_revision(connection)
    except (SQLAlchemyError, Unavailable) as error:
        raise StartupFault(f"The database cannot be opened: {first_line(error)}.") from error
    if current == head:
        return
    if cut_off:
        raise StartupFault(CUT_OFF)
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
