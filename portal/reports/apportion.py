"""Exact numbers as two decimals that still add up: largest remainder along a line, and in a table both ways.

Numbers are in hundredths throughout: exact ones are fractions, shown ones integers (``7615`` reads 76.15).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

# An exact zero stays a zero unless nothing else can make a column add up.
_ZERO_PENALTY = 1_000_000


@dataclass(frozen=True, slots=True)
class _Move:
    """One hundredth taken from one column and given to another within a row, and what it adds to the error."""

    cost: int
    row: int
    source: int
    target: int


def hundredths(number: Fraction) -> int:
    """``number`` (0 or more) cut off after two decimals, in hundredths: never shown as more than it is."""
    return number.numerator * 100 // number.denominator


def decimals(units: int) -> str:
    """Hundredths as people read them: 7615 is ``76.15``."""
    return f"{units // 100}.{units % 100:02d}"


def apportion(parts: Sequence[Fraction], total: int) -> list[int]:
    """Each part cut off or raised to the next hundredth so that together they are ``total``.

    ``parts`` are exact, in hundredths, none negative; the largest remainders are raised, ties in order.
    Raises ValueError when ``total`` cannot be reached so.
    """
    shown = [one.numerator // one.denominator for one in parts]
    missing = total - sum(shown)
    order = sorted(range(len(parts)), key=lambda at: (shown[at] - parts[at], at))
    raisable = [at for at in order if parts[at] > shown[at]]
    if not 0 <= missing <= len(raisable):
        raise ValueError(f"the parts do not add up to {total}")
    for at in raisable[:missing]:
        shown[at] += 1
    return shown


def apportion_table(rows: Sequence[Sequence[Fraction]], totals: Sequence[int]) -> list[list[int]]:
    """A table whose columns add up to ``totals`` and whose rows add up to their apportioned sums.

    ``rows`` are exact cells in hundredths; ``totals`` is each column's sum, cut off or raised to the next one.
    Rows are apportioned first; then single hundredths move within rows, by the cheapest path, until columns
    fit: of all such tables the one with the least sum of squared errors (successive shortest paths).
    """
    sums = apportion([sum(row, Fraction(0)) for row in rows], sum(totals))
    shown = [apportion(row, total) for row, total in zip(rows, sums, strict=True)]
    scale = lcm(*(cell.denominator for row in rows for cell in row))
    exact = [[int(cell * scale) for cell in row] for row in rows]
    balance = [sum(row[at] for row in shown) - total for at, total in enumerate(totals)]
    while any(balance):
        path = _cheapest_path(_best_moves(exact, shown, scale), balance)
        for move in path:
            shown[move.row][move.source] -= 1
            shown[move.row][move.target] += 1
        balance[path[0].source] -= 1
        balance[path[-1].target] += 1
    return shown


def _best_moves(exact: list[list[int]], shown: list[list[int]], scale: int) -> dict[tuple[int, int], _Move]:
    """For each ordered pair of columns the row where a move costs least."""
    best: dict[tuple[int, int], _Move] = {}
    for at, (wanted, row) in enumerate(zip(exact, shown, strict=True)):
        over = [have * scale - want for have, want in zip(row, wanted, strict=True)]
        for source, have in enumerate(row):
            if not have:
                continue
            for target, want in enumerate(wanted):
                if source == target:
                    continue
                cost = scale + over[target] - over[source] + (0 if want else _ZERO_PENALTY * scale)
                if (source, target) not in best or cost < best[source, target].cost:
                    best[source, target] = _Move(cost, at, source, target)
    return best


def _cheapest_path(moves: dict[tuple[int, int], _Move], balance: list[int]) -> list[_Move]:
    """The cheapest chain of moves from a column with too much to one with too little (Bellman-Ford)."""
    reached: dict[int, tuple[int, list[_Move]]] = {at: (0, []) for at, over in enumerate(balance) if over > 0}
    for _ in balance:
        for move in moves.values():
            if move.source not in reached:
                continue
            cost, path = reached[move.source]
            if any(step.source == move.target for step in path):
                continue
            if move.target not in reached or cost + move.cost < reached[move.target][0]:
                reached[move.target] = (cost + move.cost, [*path, move])
    ends = [found for at, found in reached.items() if balance[at] < 0]
    if not ends:
        raise ValueError("the columns cannot be made to add up")
    return min(ends, key=lambda found: found[0])[1]
