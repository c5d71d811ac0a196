"""How figures are taken: in turns with their reference, so that a busy machine is as busy for both; medians."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table: a measured value, what it is compared with, and the bar that it must not pass."""

    name: str
    value: float
    reference: float
    bar: float
    unit: str = "ms"
    ratio: bool = True  # value / reference <= bar; else value <= bar

    @property
    def measured(self) -> float:
        return self.value / self.reference if self.ratio else self.value

    @property
    def ok(self) -> bool:
        return self.measured <= self.bar


def in_turns(*works: Callable[[], Any], repeats: int, inner: Sequence[int] | None = None) -> list[float]:
    """Median seconds of each of ``works``, run one after the other ``repeats`` times; ``inner``: calls a sample."""
    loops = list(inner or [1] * len(works))
    samples: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for index, work in enumerate(works):
                started = perf_counter()
                for _ in range(loops[index]):
                    work()
                samples[index].append((perf_counter() - started) / loops[index])
            gc.collect()
    finally:
        gc.enable()
    return [median(taken) for taken in samples]


def table(figures: Sequence[Figure]) -> str:
    """The figures as text, one a line."""
    head = ("figure", "measured", "reference", "ratio", "bar", "")
    rows = [
        (
            one.name,
            _amount(one.value, one.unit),
            _amount(one.reference, one.unit) if one.ratio else "-",
            f"{one.measured:.2f}" if one.ratio else "-",
            f"{one.bar:g} x" if one.ratio else _amount(one.bar, one.unit),
            "ok" if one.ok else "FAIL",
        )
        for one in figures
    ]
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)
    )


def _amount(value: float, unit: str) -> str:
    return f"{value * 1000:.3f} ms" if unit == "ms" else f"{value:g}"
