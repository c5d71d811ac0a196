"""What an import of a foreign questionnaire gives: a definition in our JSON form, and a report for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from questionnaires.interchange.markup import clean

# The bands that imports propose: name, label and minimum.
BANDS = (("strong", "Strong", 85), ("sound", "Sound", 70), ("partial", "Partial", 50), ("weak", "Weak", 0))


class ForeignError(ValueError):
    """A foreign file that cannot be imported; the message says where and why."""


@dataclass
class Notes:
    """What the import report will say, gathered on the way: other forms, proposals, losses."""

    changed: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a person should read before release: one text a line, under headings."""

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """A definition in the JSON form of the engine, and the report of its import."""

    definition_json: dict[str, Any]
    report: ImportReport


def bands_json() -> list[dict[str, Any]]:
    """The proposed bands in the JSON form of a definition."""
    return [{"name": name, "label": label, "minimum": minimum} for name, label, minimum in BANDS]


def report(heading: Iterable[str], proposed_from: str, notes: Notes) -> ImportReport:
    """The report under its three headings; ``proposed_from`` says what the proposals rest on."""
    lines = list(heading)
    parts = (
        (f"Proposed from {proposed_from}; please judge each:", notes.proposed),
        ("Carried over in another form:", notes.changed),
        ("Not carried over:", notes.lost),
    )
    for title, found in parts:
        told = [f"  {' '.join(clean(line).split())}" for line in dict.fromkeys(found) or ["nothing"]]
        lines += ["", title, *told]
    return ImportReport(tuple(lines))
