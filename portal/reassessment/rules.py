"""The rules of the cycle that are in force, of one organisation or of all."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from portal.db import across
from portal.organisations.models import Organisation
from portal.reassessment.models import CycleVersion
from portal.reassessment.rules_parsing import read
from portal.reassessment.rules_shape import Rules, shipped
from portal.remembered import Remembered

__all__ = ["Rules", "current", "of_all", "shipped"]

_known: Remembered[Rules] = Remembered(200)


def current(session: Session, organisation_id: uuid.UUID) -> Rules:
    """The rules in force: the newest version, or what ships.

    Read from the company's side, too: submitting sets the date of the next assessment.
    """
    row = session.execute(
        _newest()
        .where(Organisation.id == organisation_id)
        .execution_options(
            **across("what is submitted is assessed again by the organisation's rules of the cycle")
        )
    ).one()
    return _of(row)


def of_all(session: Session, organisation_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Rules]:
    """``current`` of each of these organisations, for the worker."""
    if not organisation_ids:
        return {}
    rows = session.execute(_newest().where(Organisation.id.in_(sorted(organisation_ids, key=str))))
    return {row.id: _of(row) for row in rows}


def _newest() -> Select[uuid.UUID, date | None, int, bytes, str]:
    newest = (
        select(func.max(CycleVersion.sequence))
        .where(CycleVersion.organisation_id == Organisation.id)
        .correlate(Organisation)
        .scalar_subquery()
    )
    return select(
        Organisation.id,
        Organisation.cycle_since,
        CycleVersion.sequence,
        CycleVersion.content,
        CycleVersion.content_hash,
    ).outerjoin(
        CycleVersion,
        (CycleVersion.organisation_id == Organisation.id) & (CycleVersion.sequence == newest),
    )


def _of(row: Any) -> Rules:
    since: date | None = row.cycle_since
    if row.sequence is None:
        return _known.get(("shipped", since), lambda: shipped(since))
    key = (row.sequence, row.content_hash, since)
    return _known.get(key, lambda: read(row.content, row.sequence, since))
