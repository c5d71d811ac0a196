"""Plain rows at a plain price: the unit of work costs several times what the database does.

Each door checks what the session's own events check elsewhere: the tenant of every row, and that the change is noted.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import CursorResult, Delete, Insert, Table, Update, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.db import NOBODY, Base, Scope, UnscopedQuery, check_scope, note_change, wanted_of


def insert_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of the session's own tenant, each with every column that has no default in the database.

    One statement; the unit of work costs several times as much. Raises UnscopedQuery for a row of another tenant.
    """
    if rows:
        session.connection().execute(_insert_into(_to_write(session, model, rows)), rows)


def insert_new(
    session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]], *, unaudited: str = ""
) -> int:
    """Insert what is new by any unique key of the table, as ``insert_rows``; how many of the rows were.

    ``unaudited``: why no event is needed.
    """
    if not rows:
        return 0
    table = _to_write(session, model, rows, audited=not unaudited)
    statement = _insert_new_into(table, session.get_bind().dialect.name)
    options = {"preserve_rowcount": True}
    return session.connection().execute(statement, rows, execution_options=options).rowcount


def insert_new_ids(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> set[uuid.UUID]:
    """The same; the ids of those that were, for rows whose ``id`` somebody else may write."""
    if not rows:
        return set()
    table = _to_write(session, model, rows)
    statement = _insert_new_into(table, session.get_bind().dialect.name).returning(table.c.id)
    return set(session.connection().execute(statement, rows).scalars())


def update_rows(
    session: Session, model: type[Base], which: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Set the other columns of each of ``rows`` where the columns ``which`` are equal, within the session's tenant.

    All rows have the same columns. What the session holds of them is not renewed.
    """
    if not rows:
        return
    table = _own(session, model)
    tenant = _tenant(session, table)
    wanted = {"own_tenant": tenant[1]} if tenant is not None else {}
    names = tuple(name for name in rows[0] if name not in which)
    statement = _update_of(table, tuple(which), names, tenant[0] if tenant is not None else None)
    session.connection().execute(
        statement,
        [
            {
                **{f"is_{name}": row[name] for name in which},
                **{f"to_{name}": row[name] for name in names},
                **wanted,
            }
            for row in rows
        ],
    )


def run(session: Session, statement: Any, values: Mapping[str, Any]) -> CursorResult[*tuple[Any, ...]]:
    """Run a statement of columns that is built once (statements.once): rows as they are, nothing kept in the session.

    The session's pending changes are not sent first. Raises UnscopedQuery as the session itself would.
    """
    if isinstance(statement, (Insert, Update, Delete)):
        note_change(session, statement.table)  # type: ignore[arg-type]  # DML of ours names a table
    check_scope(session, statement, values, statement.get_execution_options())
    found: CursorResult[*tuple[Any, ...]] = session.connection().execute(statement, values)
    return found


def _to_write(
    session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]], *, audited: bool = True
) -> Table:
    table = _own(session, model, audited=audited)
    tenant = _tenant(session, table)
    if tenant is not None and any(row.get(tenant[0]) != tenant[1] for row in rows):
        raise UnscopedQuery(f"{table.name} is written outside its tenant")
    return table


def _own(session: Session, model: type[Base], *, audited: bool = True) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    if audited:
        note_change(session, table)
    return table


def _tenant(session: Session, table: Table) -> tuple[str, uuid.UUID] | None:
    """The column and value that rows must have; None for the worker and for tables of nobody."""
    scope: Scope = session.info.get("scope", NOBODY)
    if scope.system or table.info["tenancy"] == "global":
        return None
    wanted = wanted_of(table, scope)
    if wanted is None:
        raise UnscopedQuery(f"{table.name} cannot be written from this side")
    return wanted


@cache
def _insert_into(table: Table) -> Insert:
    return insert(table)


@cache
def _insert_new_into(table: Table, dialect: str) -> Insert:
    insert_into = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert_into(table).on_conflict_do_nothing()


@cache
def _update_of(table: Table, which: tuple[str, ...], names: tuple[str, ...], tenant: str | None) -> Update:
    statement = update(table).values({name: bindparam(f"to_{name}") for name in names})
    for name in which:
        statement = statement.where(table.c[name] == bindparam(f"is_{name}"))
    return statement if tenant is None else statement.where(table.c[tenant] == bindparam("own_tenant"))
