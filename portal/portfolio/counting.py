"""Counting many filters of a list at once: each row says in one number what it fits, and equal rows are one group.

SQL asks a row each question once, however many figures come of it: a table of tiers by levels has thirty cells and
eleven questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, and_, case, func, literal, select, true
from sqlalchemy.orm import Session

MOST = 62  # questions that one number holds

ALWAYS = None  # instead of a part of a filter: what a list asks whatever its filter

Criteria = list[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Listed:
    """Figures that lead to one list: its ``filters`` by their keys, and what each is as an address and asks of rows.

    ``criteria`` asks of each field of a filter by itself. ``always``: what the list asks whatever its filter.
    """

    endpoint: str
    filters: Mapping[str, Any]
    address: Callable[[Any], dict[str, str]]
    criteria: Callable[[Any], Criteria]
    always: Sequence[ColumnElement[bool]] = ()


def counted(session: Session, base: Select[Any], lists: Sequence[Listed]) -> dict[str, int]:
    """How many rows of ``base``, which has no columns, fit each filter of these lists, by key; one statement."""
    questions: dict[tuple[int, Any], int] = {}
    asked: list[ColumnElement[bool]] = []
    wanted: dict[str, int] = {}
    for place, listed in enumerate(lists):
        for key, narrowed in listed.filters.items():
            wanted[key] = 0
            for part in (ALWAYS, *parts(narrowed)):
                if (place, part) not in questions:
                    questions[place, part] = 1 << len(asked)
                    asked.append(and_(true(), *(listed.always if part is ALWAYS else listed.criteria(part))))
                wanted[key] |= questions[place, part]
    assert len(asked) <= MOST, len(asked)
    fits = sum(
        (case((one, literal(1 << at, BigInteger)), else_=0) for at, one in enumerate(asked)),
        start=literal(0, Integer),
    )
    # The offset keeps SQLite from asking each row twice, to group it and to name its group.
    rows = base.add_columns(fits.label("fits")).offset(0).subquery("rows_of_lists")
    groups = session.execute(select(rows.c.fits, func.count()).group_by(rows.c.fits)).all()
    return {
        key: sum(count for found, count in groups if found & bits == bits) for key, bits in wanted.items()
    }


def parts(narrowed: Any) -> list[Any]:
    """Filters that ask one thing each, and together the same."""
    asks = {
        one.name: one.default
        for one in fields(narrowed)
        if one.default is not MISSING and getattr(narrowed, one.name) != one.default
    }
    if len(asks) < 2:
        return [narrowed]
    plain = replace(narrowed, **asks)
    return [replace(plain, **{name: getattr(narrowed, name)}) for name in asks]
