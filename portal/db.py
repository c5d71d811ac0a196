"""The database: types, marks on tables, scoped sessions, and the only file that commits (laws 1, 2, 3 and 8).

Two doors commit: ``Database.request_done`` when a view has returned, and ``Database.transaction`` for worker and CLI.
``record_refusal`` and ``record_access`` are short transactions of their own for what must survive a refusal or
precede the first byte. Every ORM statement on a tenant's table is checked against the scope of its session.
"""

from __future__ import annotations

import logging
import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from sqlalchemy import (
    DateTime,
    Engine,
    MetaData,
    Table,
    TypeDecorator,
    Uuid,
    create_engine,
    event,
    types,
)
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, ORMExecuteState, Session, mapped_column

from portal.db_faults import BUSY, on_error, on_server_error, refuse_if_busy
from portal.faults import Unavailable
from portal.statements import NO_VALUES, unscoped

log = logging.getLogger("portal.db")

BUSY_SECONDS = 5
SQLITE_CACHE = 16 * 1024  # KiB of a connection, as far as it uses them; the 2 MB of SQLite hold no long list
RECONNECTED = 3600  # seconds after which a connection to SQLite is opened anew, to plan by new statistics
Tenancy = Literal["organisation", "company", "shared", "global"]


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: stored in UTC on both databases, always read with its zone; naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Declarative base. Each table states ``__table_args__ = tenancy(...)``; the guard test insists."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        uuid.UUID: Uuid(),
        dict[str, Any]: types.JSON(none_as_null=True),
        list[Any]: types.JSON(none_as_null=True),
    }


class Identified:
    """A random UUID as primary key: ids in addresses cannot be guessed (law 11)."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)


def tenancy(mark: Tenancy, *args: Any, immutable: bool = False, unaudited: str = "") -> tuple[Any, ...]:
    """``__table_args__`` with the table's mark (law 3); ``immutable`` tables refuse change by trigger (law 5).

    ``unaudited`` is the reason why changes of this table need no event.
    """
    return (*args, {"info": {"tenancy": mark, "immutable": immutable, "unaudited": unaudited}})


def name_key(name: str) -> str:
    """What names sort and compare by on both databases: NFKC, casefolded, spaces folded."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data a session may touch. ``system`` is the worker and the command line."""

    organisation_id: uuid.UUID | None = None
    company_id: uuid.UUID | None = None
    system: bool = False


NOBODY = Scope()
SYSTEM = Scope(system=True)


class UnscopedQuery(RuntimeError):
    """A statement would read or write a tenant's table without naming the tenant: a defect of ours, never of input."""


def across(reason: str) -> dict[str, str]:
    """Execution options of the few statements that by nature cross tenants; each stands in the guard test's list."""
    return {"across_tenants": reason}


def enter(session: Session, scope: Scope) -> None:
    """Give a session that began as nobody's the scope that a token has just proved."""
    if session.info.get("scope", NOBODY) != NOBODY:
        raise RuntimeError("a session's scope is set once")
    session.info["scope"] = scope


class _Local(threading.local):
    writing: bool = False


_local = _Local()


def writing() -> bool:
    """Whether this thread holds a write transaction."""
    return _local.writing


def refuse_slow_work(what: str) -> None:
    """Called by argon2, storage, sniffing, SMTP and PDF before they start (law 2)."""
    if _local.writing:
        raise RuntimeError(f"{what} may not run inside a write transaction")


class Database:
    """One engine and its doors. Sessions never outlive a request, a job or a command.

    ``secret_key``: the installation's, for what is kept as a keyed hash (accounts/mailboxes.py).
    """

    def __init__(self, url: str, base_url: str = "", secret_key: str = "") -> None:
        self.base_url = base_url
        self._secret_key = secret_key
        self.engine = _engine(url)
        # Writers of one process queue up here: SQLite's own waiting is sleeping and asking again, up to 0.1 s too long.
        self._turn = threading.Lock()
        looking: dict[str, Any] = {"portal_write": False, "postgresql_readonly": True}
        if not self.sqlite:  # what one page reads is of one moment, as SQLite's snapshot is
            looking["isolation_level"] = "REPEATABLE READ"
        self.reading = self.engine.execution_options(**looking)
        self.writing = self.engine.execution_options(portal_write=True)

    @property
    def sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def dispose(self) -> None:
        self.engine.dispose()

    def read_session(self, scope: Scope = NOBODY) -> Session:
        """A session for looking: its transaction is read-only in the database."""
        return Session(
            self.reading,
            expire_on_commit=False,
            autoflush=False,
            info=self._info(scope),
        )

    def _info(self, scope: Scope) -> dict[str, Any]:
        return {"scope": scope, "base_url": self.base_url, "secret_key": self._secret_key}

    def write_session(self, scope: Scope) -> Session:
        """A session whose transaction takes the write lock before its first read. Marks the thread as writing."""
        if _local.writing:
            raise RuntimeError("a write transaction is open already in this thread")
        session = Session(self.writing, expire_on_commit=False, info=self._info(scope))
        if self.sqlite:
            if not self._turn.acquire(timeout=BUSY_SECONDS):
                raise Unavailable(BUSY)
            session.info["turn"] = self._turn
        _local.writing = True
        try:
            session.connection()
        except BaseException:
            self.abandon(session)
            raise
        return session

    def request_done(self, session: Session) -> None:
        """The request's door: commit what the view did."""
        try:
            _commit(session)
        finally:
            self.abandon(session)

    def abandon(self, session: Session) -> None:
        """Roll back what is not committed and give the connection back."""
        try:
            session.close()
        finally:
            turn: threading.Lock | None = session.info.pop("turn", None)
            if turn is not None:
                turn.release()
            if session.bind is self.writing:
                _local.writing = False

    @contextmanager
    def looking(self, scope: Scope = NOBODY) -> Iterator[Session]:
        """A short read transaction."""
        session = self.read_session(scope)
        try:
            yield session
        finally:
            self.abandon(session)

    @contextmanager
    def transaction(self, scope: Scope = SYSTEM) -> Iterator[Session]:
        """The other door: worker and command line. Commits when the block ends, rolls back when it raises."""
        session = self.write_session(scope)
        try:
            yield session
            _commit(session)
        finally:
            self.abandon(session)

    def record_refusal(self, write: Callable[[Session], None]) -> None:
        """What must survive a refusal (throttle, failed sign-in, refused access), in a short transaction of its own."""
        with self.transaction(SYSTEM) as session:
            write(session)

    def record_access(self, write: Callable[[Session], None]) -> None:
        """An opening of evidence or an export, on record before the first byte leaves."""
        with self.transaction(SYSTEM) as session:
            write(session)


def base_url(session: Session) -> str:
    """The configured address of the portal: it alone makes links."""
    return str(session.info["base_url"])


def _commit(session: Session) -> None:
    """Commit, unless something changed and no event says so (law 5)."""
    session.flush()
    unrecorded = session.info.get("changed", set())
    if unrecorded and not session.info.get("audited"):
        raise RuntimeError(f"no audit row, no change: {', '.join(sorted(unrecorded))}")
    session.commit()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(
            parsed,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"options": f"-c lock_timeout={BUSY_SECONDS}s -c timezone=UTC"},
        )
        event.listen(engine, "handle_error", on_server_error)
        return engine
    waits = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(parsed, hide_parameters=True, pool_recycle=RECONNECTED, connect_args=waits)
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    event.listen(engine, "handle_error", on_error)
    return engine


def _sqlite_connect(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; the driver's own guesses break savepoints
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "recursive_triggers=ON",
        "trusted_schema=OFF",
        "secure_delete=ON",  # what is destroyed is overwritten, not only forgotten
        f"cache_size=-{SQLITE_CACHE}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("portal_write", True)
    cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]  # a live DBAPI connection
    if connection.info.get("query_only") is not (not write):
        cursor.execute(f"PRAGMA query_only={'OFF' if write else 'ON'}")
        connection.info["query_only"] = not write
    try:
        cursor.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    except connection.dialect.dbapi.OperationalError as error:  # type: ignore[union-attr]  # it is sqlite3
        refuse_if_busy(error)
        raise
    finally:
        cursor.close()


# ---------------------------------------------------------------- the scope of a session, checked on every statement


def note_change(session: Session, table: Table) -> None:
    """That ``table`` changes in this transaction, which therefore needs an event (law 5)."""
    if table.name == "event":
        session.info["audited"] = True
    elif not table.info.get("unaudited"):
        session.info.setdefault("changed", set()).add(table.name)


@event.listens_for(Session, "do_orm_execute")
def _check_scope(state: ORMExecuteState) -> None:
    if (state.is_insert or state.is_update or state.is_delete) and not state.execution_options.get(
        "unaudited"
    ):
        note_change(state.session, state.statement.table)  # type: ignore[attr-defined]  # DML always has a table
    if not state.is_column_load:
        check_scope(state.session, state.statement, state.parameters, state.execution_options)


def check_scope(session: Session, statement: Any, values: Any, options: Mapping[str, Any]) -> None:
    """Raise UnscopedQuery when ``statement``, run with ``values``, reads beyond the scope of its session."""
    scope: Scope = session.info.get("scope", NOBODY)
    if scope.system or options.get("across_tenants"):
        return
    known = values if isinstance(values, Mapping) else NO_VALUES  # many rows at once name no single tenant
    name = unscoped(statement, lambda table: wanted_of(table, scope), known)
    if name is not None:
        raise UnscopedQuery(f"{name} is read outside its tenant; use access.scoped()")


def wanted_of(table: Table, scope: Scope) -> tuple[str, uuid.UUID] | None:
    """What the scope compares a tenant's table with; None when the table lies on the other side."""
    mark = table.info["tenancy"]
    if mark in ("organisation", "shared") and scope.organisation_id is not None:
        return "id" if table.name == "organisation" else "organisation_id", scope.organisation_id
    if mark in ("company", "shared") and scope.company_id is not None:
        return "id" if table.name == "company" else "company_id", scope.company_id
    return None


@event.listens_for(Session, "before_flush")
def _check_flush(session: Session, context: Any, instances: Any) -> None:
    """New and changed rows belong to the session's tenant, whatever the code above did."""
    for row in (*session.new, *session.deleted, *(one for one in session.dirty if session.is_modified(one))):
        note_change(session, row.__table__)
    scope: Scope = session.info.get("scope", NOBODY)
    if scope.system:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        table = row.__table__
        mark = table.info["tenancy"]
        if mark == "global":
            continue
        organisation = row.id if table.name == "organisation" else getattr(row, "organisation_id", None)
        company = row.id if table.name == "company" else getattr(row, "company_id", None)
        mine = (scope.organisation_id is not None and organisation == scope.organisation_id) or (
            scope.company_id is not None and company == scope.company_id
        )
        # Such as a person's own sign-in.
        nobody = mark == "shared" and organisation is None and company is None
        if not mine and not nobody:
            raise UnscopedQuery(f"{table.name} is written outside its tenant")
