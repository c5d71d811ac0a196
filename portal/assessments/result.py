"""A rating's stored bytes read back as exact numbers: pages read these, never a fresh calculation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One question of the trace: points from ``low`` to ``high`` (None outside the sums) and its share of 1.

    ``contribution`` (what counts), ``open`` and ``lost`` are its parts of the 100.
    """

    key: str
    state: str
    weight: int
    low: Fraction | None
    high: Fraction | None
    share: Fraction
    contribution: Fraction
    open: Fraction
    lost: Fraction


@dataclass(frozen=True, slots=True)
class SectionLine:
    """One section: the mean of its points from ``score`` to ``high``; None where nothing in it counts."""

    key: str
    weight: int
    score: Fraction | None
    high: Fraction | None
    share: Fraction


@dataclass(frozen=True, slots=True)
class Knockout:
    """A critical question below its minimum: ``failed`` for certain or still ``open``."""

    key: str
    kind: str
    minimum: int
    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Cap:
    """What keeps the band at ``band`` or below: for certain, or because an answer is still unknown."""

    text: str
    band: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A stored result. ``score`` and ``high`` are None when nothing could be assessed; bands likewise."""

    method: str
    content_hash: str
    as_of: date
    score: Fraction | None
    high: Fraction | None
    band: str | None
    best_band: str | None
    caps: tuple[Cap, ...]
    knockouts: tuple[Knockout, ...]
    assurance: Fraction
    sections: tuple[SectionLine, ...]
    lines: Mapping[str, Line]
    counts: Mapping[str, int]


def read(result: bytes) -> Outcome:
    """The outcome that a rating's bytes hold (section 3 of the format)."""
    raw = json.loads(result)
    return Outcome(
        method=raw["method"],
        content_hash=raw["content_hash"],
        as_of=date.fromisoformat(raw["as_of"]),
        score=_maybe(raw["score"]),
        high=_maybe(raw["high"]),
        band=raw["band"],
        best_band=raw["best_band"],
        caps=tuple(Cap(one["text"], one["band"], one["certain"]) for one in raw["caps"]),
        knockouts=tuple(
            Knockout(one["key"], one["kind"], one["minimum"], _exact(one["low"]), _exact(one["high"]))
            for one in raw["knockouts"]
        ),
        assurance=_exact(raw["assurance"]),
        sections=tuple(
            SectionLine(
                one["key"], one["weight"], _maybe(one["score"]), _maybe(one["high"]), _exact(one["share"])
            )
            for one in raw["sections"]
        ),
        lines={one["key"]: _line(one) for one in raw["trace"]},
        counts=dict(raw["counts"]),
    )


def _line(raw: Mapping[str, Any]) -> Line:
    return Line(
        key=raw["key"],
        state=raw["state"],
        weight=raw["weight"],
        low=_maybe(raw["low"]),
        high=_maybe(raw["high"]),
        share=_exact(raw["share"]),
        contribution=_exact(raw["contribution"]),
        open=_exact(raw["open"]),
        lost=_exact(raw["lost"]),
    )


def _exact(raw: Mapping[str, str]) -> Fraction:
    return Fraction(int(raw["num"]), int(raw["den"]))


def _maybe(raw: Mapping[str, str] | None) -> Fraction | None:
    return None if raw is None else _exact(raw)
