"""Reading statements: does each tenant's table in them compare its tenant, in a way that binds every row?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Alias, ColumnElement, Delete, Insert, Join, Select, Table, Update
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    ColumnClause,
    Grouping,
)
from sqlalchemy.sql.selectable import CTE, CompoundSelect, Subquery

TENANTS = frozenset({"organisation", "company", "shared"})
# (column, value) that a table must be compared with, or None when the scope cannot read it at all.
Wanted = Callable[[Table], tuple[str, Any] | None]
NO_TABLES: frozenset[str] = frozenset()
NO_VALUES: Mapping[str, Any] = {}
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Named:
    """A value that a statement leaves to whoever runs it; ``default`` where it names one."""

    key: str
    default: Any


@dataclass(frozen=True, slots=True)
class Level:
    """One SELECT of a statement: the tenants' tables that it brings in, what it compares, and the first alias."""

    alias: str | None
    tables: tuple[Table, ...]
    compared: frozenset[tuple[str, str, Any]]


# What was found in statements that are built once, by statement; None until each is first run.
_known: dict[Any, tuple[Level, ...] | None] = {}


def once(statement: S) -> S:
    """``statement``, read once and for all: for constants of a module alone, since it is never forgotten.

    What it compares with its tenant is a named value, and each run's own value is compared with the scope.
    """
    _known[statement] = None
    return statement


def unscoped(statement: Any, wanted: Wanted, values: Mapping[str, Any] = NO_VALUES) -> str | None:
    """The first tenant's table that ``statement`` touches beyond its tenant, or None when there is none.

    Each SELECT, inner ones too, has to compare each table that it brings in with AND, in its WHERE or in the ON of a
    join that the comparison binds. A table of the enclosing SELECT counts as compared there when it is correlated.
    Aliases of tenants' tables are refused: two names for one table are one too many to check. ``values``: what it is
    run with.
    """
    for level in _levels_of(statement):
        if level.alias is not None:
            return level.alias
        if not level.tables:
            continue
        compared = {
            (table, column, values.get(value.key, value.default) if isinstance(value, Named) else value)
            for table, column, value in level.compared
        }
        for table in level.tables:
            criterion = wanted(table)
            if criterion is None or (table.name, *criterion) not in compared:
                return table.name
    return None


def _levels_of(statement: Any) -> tuple[Level, ...]:
    if statement not in _known:
        return tuple(_levels(statement, NO_TABLES))
    found = _known[statement]
    if found is None:
        found = _known[statement] = tuple(_levels(statement, NO_TABLES))
    return found


def _levels(statement: Any, outer: frozenset[str]) -> Iterator[Level]:
    tables, aliases, inner = _parts(statement)
    names = frozenset(tables)
    # A SELECT whose tables all stand outside, too, is correlated with none of them.
    own = names - outer or names
    yield Level(
        aliases[0] if aliases else None,
        tuple(tables[name] for name in sorted(own)),
        frozenset(_compared(statement)) if tables else frozenset(),
    )
    for one, correlates in inner:
        yield from _levels(one, (names or outer) if correlates else NO_TABLES)


def _parts(statement: Any) -> tuple[dict[str, Table], list[str], list[tuple[Any, bool]]]:
    """One level of a statement: tenants' tables, aliases of such, and inner SELECTs (with whether they correlate)."""
    tables: dict[str, Table] = {}
    aliases: list[str] = []
    inner: list[tuple[Any, bool]] = []
    stack: list[tuple[Any, bool]] = [(child, True) for child in statement.get_children()]
    if isinstance(statement, (Insert, Update, Delete)):
        stack.append((statement.table, True))
    while stack:
        element, correlates = stack.pop()
        if isinstance(
            element, ColumnClause
        ):  # most elements are columns and values: neither holds anything else
            table = element.table
            if isinstance(table, Table) and table.info.get("tenancy") in TENANTS:
                tables[table.name] = table
            continue
        if isinstance(element, BindParameter):
            continue
        if isinstance(element, (Select, CompoundSelect)):
            inner.append((element, correlates))
            continue
        if isinstance(element, Alias) and isinstance(element.element, Table):
            if element.element.info.get("tenancy") in TENANTS:
                aliases.append(element.element.name)
            continue
        if isinstance(element, Table):
            if element.info.get("tenancy") in TENANTS:
                tables[element.name] = element
            continue
        apart = isinstance(element, (Subquery, CTE))
        stack += [(child, correlates and not apart) for child in element.get_children()]
    return tables, aliases, inner


def _compared(statement: Any) -> Iterator[tuple[str, str, Any]]:
    """(table, column, value) of each ``table.column = value`` that every row of ``statement`` must meet."""
    if isinstance(statement, (Select, Update, Delete)):
        yield from _equalities(statement.whereclause)
    if isinstance(statement, Select):
        for target, on, _left, flags in statement._setup_joins:
            if isinstance(on, ColumnElement):
                yield from _bound_by_join(on, target, bool(flags.get("isouter")), bool(flags.get("full")))
    for child in statement.get_children():
        if isinstance(child, Join):
            yield from _of_join(child)


def _of_join(join: Join) -> Iterator[tuple[str, str, Any]]:
    if join.onclause is not None:
        yield from _bound_by_join(join.onclause, join.right, join.isouter, join.full)
    if isinstance(join.left, Join) and not join.full:
        yield from _of_join(join.left)


def _bound_by_join(on: Any, target: Any, outer: bool, full: bool) -> Iterator[tuple[str, str, Any]]:
    """An inner join binds both sides, a left outer join only what it brings in, a full one nothing."""
    if full:
        return
    brought = getattr(target, "name", None)
    for table, column, value in _equalities(on):
        if not outer or table == brought:
            yield table, column, value


def _equalities(clause: Any) -> Iterator[tuple[str, str, Any]]:
    """The comparisons that stand in a chain of AND."""
    stack = [] if clause is None else [clause]
    while stack:
        element = stack.pop()
        if isinstance(element, Grouping):
            stack.append(element.element)
        elif isinstance(element, BooleanClauseList) and element.operator is operators.and_:
            stack += element.clauses
        elif isinstance(element, BinaryExpression) and element.operator is operators.eq:
            for column, other in ((element.left, element.right), (element.right, element.left)):
                if isinstance(column, ColumnClause) and isinstance(other, BindParameter):
                    table = column.table
                    if isinstance(table, Table):
                        yield table.name, column.name, _value(other)


def _value(found: BindParameter[Any]) -> Any:
    """What a comparison compares with: a value, or the name of one that comes with each run."""
    value = found.effective_value
    return value if found.unique else Named(found.key, value)
