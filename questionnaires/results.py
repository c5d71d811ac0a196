"""What scoring returns: light lines in whole numbers, exact fractions made when asked for, canonical JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from questionnaires.definition import Questionnaire

METHOD = "weighted/1"

LineState = Literal[
    "hidden",
    "open",
    "not_applicable",
    "graded",
    "disproved",
    "unanswered",
    "suggested",
    "na_pending",
    "ungraded",
    "challenged",
    "unproven",
    "accepted",
    "answered",
]


@dataclass(slots=True)
class Scale:
    """Turns whole numbers of a section into fractions: weight w has the share w * part / whole of the total.

    Filled in once the sums are known, and not changed after ``score`` has returned.
    """

    unit: int
    part: int = 0
    whole: int = 1


class TraceLine(NamedTuple):
    """One question of the trace: ``low`` and ``high`` in points, or None; the shares of all add up to 1."""

    key: str
    state: LineState
    weight: int
    low_units: int | None
    high_units: int | None
    scale: Scale

    @property
    def low(self) -> Fraction | None:
        return None if self.low_units is None else Fraction(self.low_units, self.scale.unit)

    @property
    def high(self) -> Fraction | None:
        return None if self.high_units is None else Fraction(self.high_units, self.scale.unit)

    @property
    def share(self) -> Fraction:
        if self.low_units is None:
            return Fraction(0)
        return Fraction(self.weight * self.scale.part, self.scale.whole)

    @property
    def contribution(self) -> Fraction:
        """What the question adds to the score: share times low."""
        return self._times_share(self.low_units or 0)

    @property
    def open(self) -> Fraction:
        """What the question may still add: share times (high - low)."""
        return self._times_share((self.high_units or 0) - (self.low_units or 0))

    @property
    def lost(self) -> Fraction:
        """What the question has cost for certain: share times (100 - high)."""
        return self._times_share(0 if self.high_units is None else 100 * self.scale.unit - self.high_units)

    def _times_share(self, units: int) -> Fraction:
        return Fraction(self.weight * self.scale.part * units, self.scale.whole * self.scale.unit)

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "state": self.state,
            "low": rational(self.low),
            "high": rational(self.high),
            "weight": self.weight,
            "share": rational(self.share),
            "contribution": rational(self.contribution),
            "open": rational(self.open),
            "lost": rational(self.lost),
        }


class SectionLine(NamedTuple):
    """One section: the mean of its points, ``score`` to ``high``; None if nothing in it is in the sums."""

    key: str
    weight: int
    low_sum: int
    high_sum: int
    weight_sum: int
    scale: Scale

    @property
    def score(self) -> Fraction | None:
        return Fraction(self.low_sum, self.weight_sum * self.scale.unit) if self.weight_sum else None

    @property
    def high(self) -> Fraction | None:
        return Fraction(self.high_sum, self.weight_sum * self.scale.unit) if self.weight_sum else None

    @property
    def share(self) -> Fraction:
        return Fraction(self.weight_sum * self.scale.part, self.scale.whole)

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "score": rational(self.score),
            "high": rational(self.high),
            "weight": self.weight,
            "share": rational(self.share),
        }


class CapLine(NamedTuple):
    """A cap in force: ``certain`` if its condition is true, else it is unknown."""

    text: str
    band: str
    certain: bool

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "band": self.band, "certain": self.certain}


class Knockout(NamedTuple):
    """A critical question below its minimum: ``failed`` for certain, ``open`` while it may still reach it."""

    key: str
    kind: Literal["failed", "open"]
    minimum: int
    low_units: int
    high_units: int
    unit: int

    @property
    def low(self) -> Fraction:
        return Fraction(self.low_units, self.unit)

    @property
    def high(self) -> Fraction:
        return Fraction(self.high_units, self.unit)

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "kind": self.kind,
            "minimum": self.minimum,
            "low": rational(self.low),
            "high": rational(self.high),
        }


@dataclass(frozen=True, slots=True)
class Result:
    """A score with its reasons. ``score`` and ``high`` bound what is known, 0 to 100; None = not assessed.

    ``band`` and ``best_band`` are names of bands, None exactly when ``score`` is, or if there are no bands.
    ``assurance`` is the part of all shares, 0 to 1, that a reviewer or an accepted document stands behind.
    """

    definition: Questionnaire = field(repr=False, compare=False)
    as_of: date
    score: Fraction | None
    high: Fraction | None
    band: str | None
    best_band: str | None
    caps: tuple[CapLine, ...]
    knockouts: tuple[Knockout, ...]
    assurance: Fraction
    sections: tuple[SectionLine, ...]
    trace: tuple[TraceLine, ...]
    counts: Mapping[str, int]

    @property
    def method(self) -> str:
        return METHOD

    @property
    def slug(self) -> str:
        return self.definition.slug

    @property
    def version(self) -> str:
        return self.definition.version

    @property
    def content_hash(self) -> str:
        return self.definition.content_hash

    def line(self, key: str) -> TraceLine:
        """The line of one question. Raises KeyError for a key of another questionnaire."""
        return self.trace[self.definition.plan.index[key]]

    def to_json(self) -> dict[str, Any]:
        """The result as section 3 of the format lists it."""
        return {
            "method": METHOD,
            "slug": self.slug,
            "version": self.version,
            "content_hash": self.content_hash,
            "as_of": self.as_of.isoformat(),
            "score": rational(self.score),
            "high": rational(self.high),
            "band": self.band,
            "best_band": self.best_band,
            "caps": [cap.to_json() for cap in self.caps],
            "knockouts": [knockout.to_json() for knockout in self.knockouts],
            "assurance": rational(self.assurance),
            "sections": [section.to_json() for section in self.sections],
            "trace": [line.to_json() for line in self.trace],
            "counts": dict(self.counts),
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal inputs give equal bytes on every machine."""
        from questionnaires.canonical import canonical_json

        return canonical_json(self.to_json())


def rational(number: Fraction | None) -> dict[str, str] | None:
    """A rational in lowest terms as two decimal strings; null for nothing."""
    if number is None:
        return None
    return {"num": str(number.numerator), "den": str(number.denominator)}


def display(number: Fraction, places: int = 1) -> str:
    """A number of 0 or more, truncated: 84.96 is 84.9, not 85.0 below a band that begins there."""
    scale = 10**places
    units = number.numerator * scale // number.denominator
    whole, rest = divmod(units, scale)
    return f"{whole}.{rest:0{places}}" if places else str(whole)
