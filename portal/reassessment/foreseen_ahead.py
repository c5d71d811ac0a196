"""What jobs of other features will do to dates by themselves: a registry that they fill, so that foresight says it too.

Foresight begins with the dates as the worker's next look leaves them (foreseen_dates.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time

from portal.db import Database
from portal.reassessment.agenda import Item
from portal.reassessment.people import Named


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a look will do. By subject: what is ``gone`` then, and what is ``moved`` to which day and local time.
    ``asked``: what comes to be, with who is named in it.
    """

    gone: frozenset[uuid.UUID] = frozenset()
    moved: Mapping[uuid.UUID, tuple[date, time | None]] = field(default_factory=dict)
    asked: Sequence[tuple[Item, Named]] = ()


Look = Callable[[Database, uuid.UUID, datetime], Sequence[Ahead]]
_LOOKS: list[Look] = []


def register(look: Look) -> None:
    """Have ``look`` (database, organisation, now) say what a job will do."""
    _LOOKS.append(look)


def looks(database: Database, organisation_id: uuid.UUID, now: datetime) -> list[Ahead]:
    """What all of them will do in an organisation; they read in sessions of their own."""
    return [one for look in _LOOKS for one in look(database, organisation_id, now)]


def applied(items: Sequence[Item], ahead: Sequence[Ahead], now: datetime) -> list[Item]:
    """``items`` as they are after that."""
    gone = {subject for one in ahead for subject in one.gone}
    moved = {subject: to for one in ahead for subject, to in one.moved.items()}
    found = [
        replace(item, due=moved[item.subject][0], due_time=moved[item.subject][1], since=now)
        if item.subject in moved
        else item
        for item in items
        if item.subject not in gone
    ]
    return found + [item for one in ahead for item, _named in one.asked]
