"""How what is destroyed is reached, on both sides, and the account of what went."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, Update, update
from sqlalchemy.orm import Session

from portal.db import across

GONE = "removed"  # what stands where a text had to be one


@dataclass(slots=True)
class Destroyed:
    """What went, for the certificate: counts by name, submissions with their keys (None: all), hashes of files.

    ``kept``: codes of what stayed, and why (words in erasure.words).
    """

    counts: dict[str, int] = field(default_factory=dict)
    submissions: dict[uuid.UUID, tuple[str, set[str] | None]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    kept: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, number: int) -> None:
        if number:
            self.counts[what] = self.counts.get(what, 0) + number

    def keep(self, what: str, number: int) -> None:
        if number:
            self.kept[what] = self.kept.get(what, 0) + number


def run(session: Session, statement: Update | Delete) -> int:
    """Execute a statement that reaches both sides; returns how many rows it met."""
    found = session.execute(
        statement.execution_options(
            synchronize_session=False, **across("what is destroyed is destroyed on both sides")
        )
    )
    return int(found.rowcount)  # type: ignore[attr-defined]  # UPDATE and DELETE have one


def read(session: Session, statement: Any) -> list[Any]:
    """Rows of either side that a destruction is about."""
    return list(
        session.execute(
            statement.execution_options(**across("what is destroyed may belong to both sides"))
        ).all()
    )


def end_and_empty(
    session: Session,
    model: Any,
    ours: ColumnElement[bool],
    found: Destroyed,
    what: str,
    *,
    by: uuid.UUID | None,
    now: datetime,
    **emptied: Any,
) -> None:
    """Of proposals for a second person: what waits ends as withdrawn, and reasons go; the rows stay.

    ``emptied``: further columns that hold words, and what stands there then. ``what``: the name in ``Destroyed``.
    """
    ended = {"state": "withdrawn", "settled_by": by, "settled_at": now}
    run(session, update(model).where(ours, model.state == "waiting").values(**ended))
    if hasattr(model, "reason"):
        written = update(model).where(ours, model.reason != "").values(reason="", **emptied)
        found.add(what, run(session, written))
