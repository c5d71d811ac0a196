"""Putting steps on record: the unique key is the judge of who did it first."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.reassessment.models import ReminderStep

Key = tuple[uuid.UUID, str, date, str]
_KEY = (ReminderStep.subject_id, ReminderStep.kind, ReminderStep.due, ReminderStep.step)


def claim(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[Key]:
    """Insert steps (each without id) that nobody has written yet; returns (subject, kind, due, step) of those that are
    new. Sorted, so that workers cannot deadlock.
    """
    ordered = sorted(rows, key=lambda row: (row["subject_id"].hex, row["kind"], row["due"], row["step"]))
    written = insert_new(session, ReminderStep, [{"id": uuid.uuid4(), **row} for row in ordered], *_KEY)
    return {(row[0], row[1], row[2], row[3]) for row in written}


def insert_new(session: Session, model: Any, rows: Sequence[Mapping[str, Any]], *returning: Any) -> list[Any]:
    """Insert what is new by any unique key of ``model``; returns the columns ``returning`` of it."""
    if not rows:
        return []
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(model).on_conflict_do_nothing()
    written = session.execute(
        statement.returning(*returning) if returning else statement,
        list(rows),
        execution_options={
            "unaudited": "each batch has its event; what another worker wrote changes nothing",
            "render_nulls": True,  # else each change between a value and none is a statement of its own
        },
    )
    return list(written) if returning else []
