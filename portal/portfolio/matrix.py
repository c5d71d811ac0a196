"""Tiers by levels of the band that counts: cells with their sums. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.vendors.facts import TIERS
from portal.vendors.policy import LEVELS, Policy

NONE, WORKING = "none", "working"


@dataclass(frozen=True, slots=True)
class Cell:
    """How many engagements of a tier stand at a level; "" as either is the sum. ``framed``: below the policy."""

    tier: str
    level: str
    count: int
    framed: bool = False


@dataclass(frozen=True, slots=True)
class Matrix:
    """``rows``: of each tier its cells by ``levels`` and their sum; ``sums``: the same of all tiers."""

    levels: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sums: tuple[Cell, ...]

    @property
    def total(self) -> int:
        return self.sums[-1].count

    @property
    def framed(self) -> int:
        """How many engagements stand below what the policy lets pass at their tier."""
        return sum(one.count for row in self.rows for one in row if one.framed)


def levels_of(*, working: bool) -> tuple[str, ...]:
    """The columns: best first, then no band; what is being worked out has one while there is any."""
    return (*(str(one) for one in LEVELS), NONE, *([WORKING] if working else []))


def matrix(counts: Mapping[tuple[str, str], int], policy: Policy) -> Matrix:
    """``counts``: by tier and level, "" for any; each is the length of its own list."""
    levels = levels_of(working=bool(counts["", WORKING]))

    def cell(tier: str, level: str) -> Cell:
        framed = tier != "" and level.isdigit() and int(level) < policy.tier(tier).condition_level
        return Cell(tier, level, counts[tier, level], framed)

    def line(tier: str) -> tuple[Cell, ...]:
        return tuple(cell(tier, level) for level in (*levels, ""))

    return Matrix(levels, tuple(line(tier) for tier in TIERS), line(""))
