"""Frozen types of a questionnaire definition (format 1): what parsing returns and everything else reads.

Points, weights and minimums are integers 0..100; shares and scores are computed elsewhere as rationals.
Collections are tuples in definition order. Defaults here are the defaults of the format and never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from questionnaires.conditions import Condition

if TYPE_CHECKING:
    from dataclasses import dataclass, field

    from questionnaires.plan import Plan
else:
    from questionnaires.frozen import dataclass, field

FORMAT = 1

Purpose = Literal["assessment", "intake", "campaign"]
Weighting = Literal["sections", "flat"]
QuestionType = Literal["choice", "choices", "text", "number", "date", "table"]
Combine = Literal["sum", "worst", "all"]
Severity = Literal["low", "medium", "high", "critical"]

DEFAULT_LEVELS: Mapping[int, tuple[int, ...]] = MappingProxyType({2: (4, 1), 3: (4, 3, 1), 4: (4, 3, 2, 1)})


CHOICE_TYPES = ("choice", "choices")


def default_weight(kind: str) -> int:
    """The weight of a question of this type that states none."""
    return 10 if kind in CHOICE_TYPES else 0


@dataclass(frozen=True, slots=True)
class Band:
    """One band of the scale; ``level`` is 4 (best) to 1 (worst), comparable across questionnaires."""

    name: str
    label: str
    minimum: int
    level: int


@dataclass(frozen=True, slots=True)
class Cap:
    """While ``when`` is true or unknown, the band is not better than ``band`` (a band's name)."""

    when: Condition
    band: str
    text: str


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a ``choice`` or ``choices`` question, or of a table's choice column."""

    value: str
    label: str
    points: int | None = None
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a ``table`` question; ``options`` only where ``type`` is ``choice``."""

    key: str
    label: str
    type: Literal["text", "number", "date", "choice"]
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class PointsRule:
    """An entry of ``points_when``: a condition over ``value`` alone and the points it earns."""

    when: Condition
    points: int


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """What document proves an answer: one of ``kind`` or narrower; ``valid_months`` counts from its own date."""

    kind: str
    required: bool = False
    required_when: Condition | None = None
    valid_months: int | None = None


@dataclass(frozen=True, slots=True)
class FindingRule:
    """A warning earned by a chosen ``option`` or by the condition ``when`` (exactly one of them)."""

    severity: Severity
    text: str
    option: str | None = None
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question. Identity is (``key``, ``revision``), never the position."""

    key: str
    text: str
    type: QuestionType
    revision: int = 1
    formerly: tuple[str, ...] = ()
    reworded: str | None = None
    help: str = ""
    options: tuple[Option, ...] = ()
    combine: Combine | None = None
    unit: str = ""
    decimals: int = 0
    at_least: str | None = None
    at_most: str | None = None
    not_before: str | None = None
    not_after: str | None = None
    max_length: int = 4000
    columns: tuple[Column, ...] = ()
    max_rows: int = 200
    points_when: tuple[PointsRule, ...] = ()
    weight: int = 0
    critical: bool = False
    minimum: int = 50
    visible_when: Condition | None = None
    required: bool = True
    required_when: Condition | None = None
    allow_na: bool = False
    evidence: EvidenceRule | None = None
    findings: tuple[FindingRule, ...] = ()
    refs: tuple[str, ...] = ()

    def option(self, value: str) -> Option | None:
        """The option with this value, or None."""
        for one in self.options:
            if one.value == value:
                return one
        return None

    @property
    def can_earn(self) -> bool:
        """Whether an answer can have points at all (section 3 of the format)."""
        match self.type:
            case "text":
                return self.weight > 0 or self.critical
            case "number" | "date":
                return bool(self.points_when)
            case "choice" | "choices":
                return self.combine == "all" or any(one.points is not None for one in self.options)
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its weight counts under ``sections`` weighting, its condition for all its questions."""

    key: str
    title: str
    questions: tuple[Question, ...]
    intro: str = ""
    weight: int = 10
    visible_when: Condition | None = None


@dataclass(frozen=True)
class Questionnaire:
    """One version of a questionnaire. ``label`` (``slug@version``) names it, its hash identifies it."""

    slug: str
    version: str
    title: str
    purpose: Purpose
    language: str
    licence: str
    summary: str
    sections: tuple[Section, ...]
    based_on: str | None = None
    weighting: Weighting = "sections"
    knockout_band: str | None = None
    bands: tuple[Band, ...] = ()
    caps: tuple[Cap, ...] = ()
    format: int = FORMAT
    # Section key -> the file it was read from ("" -> the header's), for messages; no part of the definition,
    # as everything with compare=False.
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False, repr=False)

    @property
    def label(self) -> str:
        return f"{self.slug}@{self.version}"

    @cached_property
    def questions(self) -> Mapping[str, Question]:
        """Every question by key, in definition order."""
        return MappingProxyType({q.key: q for section in self.sections for q in section.questions})

    @cached_property
    def section_of(self) -> Mapping[str, Section]:
        """The section that a question stands in, by question key."""
        return MappingProxyType({q.key: section for section in self.sections for q in section.questions})

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of the canonical form."""
        from questionnaires.canonical import content_hash

        return content_hash(self)

    @cached_property
    def plan(self) -> Plan:
        """The definition compiled for evaluation, once."""
        from questionnaires.plan import build

        return build(self)

    def section(self, key: str) -> Section | None:
        """The section with this key, or None."""
        return next((one for one in self.sections if one.key == key), None)

    def band(self, name: str) -> Band | None:
        """The band with this name, or None."""
        return next((one for one in self.bands if one.name == name), None)
