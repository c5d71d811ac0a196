"""The audits of the next twelve months, as columns with their ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portal.reassessment.months import bounds

HOW_MANY = 12


@dataclass(frozen=True, slots=True)
class Month:
    """One column: how many next assessments are due, of the two upper and of the two lower tiers."""

    month: str
    upper: int
    lower: int

    @property
    def first(self) -> date:
        return bounds(self.month)[0]

    @property
    def total(self) -> int:
        return self.upper + self.lower


@dataclass(frozen=True, slots=True)
class Months:
    """The columns. ``late``: due before today; those of this month among them stand in its column, too."""

    columns: tuple[Month, ...]
    late: int

    @property
    def total(self) -> int:
        return sum(one.total for one in self.columns)

    @property
    def busiest(self) -> Month | None:
        """The first of the fullest months; None where nothing is due."""
        found = max(self.columns, key=lambda one: one.total, default=None)
        return found if found is not None and found.total else None

    @property
    def top(self) -> int:
        """Where the axis ends: a round number that no column passes, and whose half is a whole number."""
        most = max([one.total for one in self.columns], default=0)
        power = 1
        while power * 10 < most:
            power *= 10
        return next(end * power for end in (2, 4, 10) if end * power >= most)

    @property
    def lines(self) -> tuple[int, ...]:
        """Numbers at which the axis has a line: nothing, the half, the end."""
        return 0, self.top // 2, self.top
