"""Pages of a list: counted and cut by the database, so that ten thousand rows cost what twenty-five do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

T = TypeVar("T")
SIZE = 25
FURTHEST = 100_000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of ``total`` rows; ``number`` counts from 1 and is never past the last page."""

    rows: list[T]
    number: int
    total: int
    size: int = SIZE

    @property
    def last(self) -> int:
        """The number of the last page, at least 1."""
        return max(1, -(-self.total // self.size))

    def links(self, href: Callable[[int], str]) -> dict[str, Any]:
        """What the ``pager`` macro draws; ``href`` makes the address of a page."""
        start = (self.number - 1) * self.size
        return {
            "first": min(start + 1, self.total),
            "last": start + len(self.rows),
            "total": self.total,
            "previous": href(self.number - 1) if self.number > 1 else "",
            "next": href(self.number + 1) if self.number < self.last else "",
            "pages": [
                {"number": n, "href": href(n) if n else "", "current": n == self.number}
                for n in self._shown()
            ],
        }

    def _shown(self) -> Iterator[int | None]:
        """The numbers to offer: both ends and what is near; None is a gap."""
        near = {1, self.last, *range(self.number - 1, self.number + 2)}
        before = 0
        for number in sorted(n for n in near if 1 <= n <= self.last):
            if number > before + 1:
                yield None
            yield number
            before = number


def sortable(
    columns: Iterable[tuple[str, Any]], sort: str, down: bool, href: Callable[[str, bool], str]
) -> list[dict[str, Any]]:
    """What the ``head`` macro draws: (key, label) of each column; a key of "" cannot be sorted by.

    ``href(key, down)`` makes the address that sorts; the column in force offers the other direction.
    """
    return [
        {
            "label": label,
            "href": href(key, key == sort and not down) if key else "",
            "sort": ("descending" if down else "ascending") if key and key == sort else "",
        }
        for key, label in columns
    ]


def page_number(text: str | None) -> int:
    """The page that an address asks for; anything that is no number is the first."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 6:
        return 1
    return min(max(1, int(text)), FURTHEST)


def paged(session: Session, statement: Select[Any], number: int, *, size: int = SIZE) -> Page[Any]:
    """One page of an ordered statement of single entities; a number past the end gives the last page."""
    counted = statement.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    total = session.execute(counted).scalar_one()
    page: Page[Any] = Page([], number, total, size)
    number = min(number, page.last)
    rows = session.execute(statement.limit(size).offset((number - 1) * size)).scalars()
    return Page(list(rows), number, total, size)


def paged_ids(session: Session, statement: Select[Any], number: int, *, size: int = SIZE) -> Page[Any]:
    """As ``paged`` for a statement of one column whose criteria cost more than its order: they are asked once."""
    page = paged_rows(session, statement, number, size=size)
    return Page([one[0] for one in page.rows], page.number, page.total, size)


def paged_rows(session: Session, statement: Select[Any], number: int, *, size: int = SIZE) -> Page[Any]:
    """The same for a statement of some columns, also of groups: rows of these and of how many there are."""
    cut = statement.add_columns(func.count().over()).limit(size).offset((number - 1) * size)
    found = session.execute(cut).all()
    if found or number == 1:
        return Page(list(found), number, found[0][-1] if found else 0, size)
    # Past the end, where nothing says how many there are.
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    last = Page([], 1, session.execute(counted).scalar_one(), size).last
    return paged_rows(session, statement, last, size=size)


def following(
    session: Session,
    statement: Select[Any],
    at: Any,
    key: Any,
    *,
    after: tuple[datetime, UUID] | None,
    most: int,
) -> list[Any]:
    """At most ``most`` single entities of ``statement`` in the order in which they came, after one that was read.

    ``at`` and ``key``: the columns of the instant and the id, which never change; ``after``: those of that one.
    """
    if after is not None:
        statement = statement.where(or_(at > after[0], and_(at == after[0], key > after[1])))
    return list(session.execute(statement.order_by(at, key).limit(most)).scalars())


def first_ids(session: Session, statement: Select[Any], most: int) -> tuple[list[Any], int]:
    """The ids that a statement finds, and how many; none of them when they are more than ``most``."""
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    total = session.execute(counted).scalar_one()
    return (list(session.execute(statement).scalars()) if total <= most else []), total
