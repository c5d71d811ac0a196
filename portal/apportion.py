"""Exact numbers as two decimals that still add up, by largest remainder.

Numbers are in hundredths throughout: exact ones are fractions, shown ones integers (``7615`` reads 76.15).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def hundredths(number: Fraction) -> int:
    """``number`` (0 or more) cut off after two decimals, in hundredths: never shown as more than it is."""
    return number.numerator * 100 // number.denominator


def decimals(units: int) -> str:
    """Hundredths as people read them: 7615 is ``76.15``."""
    return f"{units // 100}.{units % 100:02d}"


def apportion(parts: Sequence[Fraction], total: int) -> list[int]:
    """Each part cut off or raised to the next hundredth so that together they are ``total``.

    ``parts`` are exact, in hundredths, none negative; the largest remainders are raised, ties in order. A whole
    number of hundredths, zero above all, stays as it is. Raises ValueError when ``total`` cannot be reached so.
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


def apportion_columns(rows: Sequence[Sequence[Fraction]], totals: Sequence[int]) -> list[list[int]]:
    """A table whose columns add up to ``totals``, each of them the exact sum cut off or raised.

    What a row has in all is for the reader the sum of its cells, so that rows add up too. Every cell is off by
    less than one hundredth; a row may be off by one for each cell that is not zero, and is brought as near to
    its own apportioned sum as swaps within columns can.
    """
    columns = [
        apportion(column, total) for column, total in zip(zip(*rows, strict=True), totals, strict=True)
    ]
    shown = [list(row) for row in zip(*columns, strict=True)]
    wanted = apportion([sum(row, Fraction(0)) for row in rows], sum(totals))
    for high, row in enumerate(shown):
        for column, cell in enumerate(row):
            if sum(row) <= wanted[high]:
                break
            if cell > rows[high][column]:
                _swap(rows, shown, wanted, high, column)
    return shown


def _swap(
    rows: Sequence[Sequence[Fraction]], shown: list[list[int]], wanted: list[int], high: int, column: int
) -> None:
    """Cut off the raised cell of a row that has too much, and raise the one of a row that has too little."""
    for low, row in enumerate(shown):
        if sum(row) < wanted[low] and row[column] < rows[low][column]:
            shown[high][column] -= 1
            row[column] += 1
            return
