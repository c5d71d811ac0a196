"""One line of the gate's table, and how two lines compare. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Result = Literal["met", "excepted", "condition", "pending", "blocked"]
Value = str | int | bool | None
RANK: dict[str, int] = {"met": 0, "excepted": 1, "condition": 1, "pending": 2, "blocked": 3}


@dataclass(frozen=True, slots=True)
class Ground:
    """One line. ``code`` and ``subject`` name it, ``on_record`` and ``demand`` are values for its words, in codes.

    ``until``: the last day on which what it rests on holds, None = no end. ``measure``: how bad it is, to be compared
    within one code. ``due`` and ``lapses_to`` of a condition or exception: by when what must be met, and what becomes
    of the gate if not; ``due`` None = as long as the decision holds.
    """

    code: str
    subject: str
    result: Result
    on_record: tuple[tuple[str, Value], ...] = ()
    demand: tuple[tuple[str, Value], ...] = ()
    until: date | None = None
    measure: int = 0
    due: date | None = None
    lapses_to: Literal["pending", "blocked"] | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.code, self.subject

    def recorded(self, name: str) -> Value:
        """One value on record, None when it is not there."""
        return dict(self.on_record).get(name)


def badness(ground: Ground | None) -> tuple[int, int]:
    """What grounds of one key compare by: the result, and within what is not met the measure. None counts as met."""
    if ground is None or ground.result == "met":
        return 0, 0
    return RANK[ground.result], ground.measure
