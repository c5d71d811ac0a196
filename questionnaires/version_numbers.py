"""Which number a new version should bear, and why: X, Y or Z of X.Y.Z from what has changed.

X rises when old answers or scores can no longer stand beside new ones: a question retired, renamed (rules outside
name keys) or changed, an answer that can no longer be given, points, weights, bands and caps. Y rises when more, or
other, is asked without that: questions and options added, wider limits, conditions, evidence, places. Z rises when
only words and references changed. A version before 1.0.0 follows the same rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from questionnaires.changes import Diff, FieldChange, QuestionChange
from questionnaires.definition import Question
from questionnaires.patterns import ordered

Part = Literal["major", "minor", "patch"]
PARTS: tuple[Part, ...] = ("major", "minor", "patch")

_NAMED = 5
# Header and section fields by what they weigh; whatever is not named is words.
_RATING = ("purpose", "weighting", "knockout_band", "bands", "caps", "weight")
_ASKING = ("language", "based_on", "visible_when")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A version number, the part of it that rises, and the reasons for that in plain words."""

    version: str
    part: Part
    reasons: tuple[str, ...]


def suggest_version(diff: Diff, old_version: str | None = None) -> Suggestion:
    """The next number after ``old_version``, by default the old definition's."""
    found: dict[Part, dict[str, list[str]]] = {part: {} for part in PARTS}
    for part, reason, key in _reasons(diff):
        found[part].setdefault(reason, []).append(key)
    part = next((part for part in PARTS if found[part]), "patch")
    numbers = list(ordered(old_version or diff.old.version))
    at = PARTS.index(part)
    numbers[at:] = [numbers[at] + 1, *[0] * (2 - at)]
    reasons = tuple(f"{reason}: {_some(keys)}." for reason, keys in found[part].items())
    return Suggestion(".".join(map(str, numbers)), part, reasons or ("Nothing differs.",))


def _some(keys: list[str]) -> str:
    more = len(keys) - _NAMED
    return ", ".join(keys[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _reasons(diff: Diff) -> Iterator[tuple[Part, str, str]]:
    for one in diff.questions:
        yield from _of_question(one)
    for section in diff.sections:
        if section.fate != "kept":
            yield "minor", f"Section {section.fate}", section.key
        for change in section.fields:
            yield _of_field(change, f"{section.key} {change.field}")
    for change in diff.header:
        yield _of_field(change, change.field)


def _of_field(change: FieldChange, name: str) -> tuple[Part, str, str]:
    if change.field in _RATING:
        return "major", "Scores are worked out in another way", name
    if change.field in _ASKING:
        return "minor", "More or other is asked", name
    return "patch", "Words changed", name


def _of_question(one: QuestionChange) -> Iterator[tuple[Part, str, str]]:
    match one.fate:
        case "added":
            yield "minor", "Question added", one.key
        case "retired":
            yield "major", "Question retired", one.key
        case "changed":
            yield "major", "Question asks something else, old answers do not answer it", one.key
        case "renamed":
            yield "major", "Question renamed, rules that name it must follow", f"{one.was} to {one.key}"
    if one.fate in ("added", "retired", "changed"):
        return
    for edit in one.edits:
        match edit:
            case "scoring":
                yield "major", "Scores are worked out in another way", one.key
            case "options" if one.old and one.new and _narrower(one.old, one.new):
                yield "major", "An answer that was given may no longer fit", one.key
            case "options":
                yield "minor", "Options or limits changed", one.key
            case "conditions" | "evidence":
                yield "minor", "More or other is asked", one.key
            case "place":
                yield "minor", "Question moved", one.key
            case _:
                yield "patch", "Words or references changed", one.key


def _narrower(old: Question, new: Question) -> bool:
    """Whether some answer to ``old`` may not be one to ``new``."""
    before = {one.value: one.exclusive for one in old.options}
    after = {one.value: one.exclusive for one in new.options}
    alone = {value for value, exclusive in before.items() if exclusive}
    return (
        not before.keys() <= after.keys()
        or alone != {value for value, exclusive in after.items() if exclusive}
        or old.unit != new.unit
        or new.decimals < old.decimals
        or new.max_length < old.max_length
        or new.max_rows < old.max_rows
        or old.columns != new.columns[: len(old.columns)]
        or _raised(old.at_least, new.at_least, 1)
        or _raised(old.at_most, new.at_most, -1)
        or (old.not_before, old.not_after) != (new.not_before, new.not_after)
    )


def _raised(old: str | None, new: str | None, sign: int) -> bool:
    """Whether a lower bound (``sign`` 1) rose, or an upper one (-1) fell."""
    if old == new or new is None:
        return False
    return old is None or Decimal(new) * sign > Decimal(old) * sign
