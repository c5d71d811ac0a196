"""Putting steps on record: the unique key is the judge of who did it first."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.reassessment.models import ReminderStep
from portal.rows import insert_new

Key = tuple[uuid.UUID, str, date, str]
BY_BATCH = "each batch has its event; what another worker wrote changes nothing"


def claim(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[Key]:
    """Insert steps (each without id) that nobody has written yet; returns (subject, kind, due, step) of those that are
    new. Sorted, so that workers cannot deadlock.
    """
    ordered = sorted(rows, key=lambda row: (row["subject_id"].hex, row["kind"], row["due"], row["step"]))
    keys = {uuid.uuid4(): _key(row) for row in ordered}
    written = insert_new(
        session,
        ReminderStep,
        [{"id": step, **row} for step, row in zip(keys, ordered, strict=True)],
        unaudited=BY_BATCH,
    )
    if written == len(keys):
        return set(keys.values())
    return {keys[step] for step in _there(session, keys)}


def _there(session: Session, ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Which of these ids, made just now, are written: another worker's step has another id."""
    return list(session.scalars(select(ReminderStep.id).where(ReminderStep.id.in_(ids))))


def _key(row: Mapping[str, Any]) -> Key:
    return row["subject_id"], row["kind"], row["due"], row["step"]
