"""What differs between two forms of one question: each field belongs to one edit, or to the fate."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Literal, NamedTuple

from questionnaires.definition import Option, Question

Edit = Literal["text", "options", "scoring", "conditions", "evidence", "refs", "place"]
Difference = Literal["label", "exclusive", "points", "order"]

EDITS: tuple[Edit, ...] = ("text", "options", "scoring", "conditions", "evidence", "refs", "place")
# Fields of a question that make its fate, and those that make an edit. ``options`` is divided: see OPTION_EDITS.
FATE_FIELDS = frozenset({"key", "revision", "formerly", "type", "reworded"})
FIELD_EDITS: Mapping[str, Edit] = MappingProxyType(
    {
        "text": "text",
        "help": "text",
        "unit": "options",
        "decimals": "options",
        "at_least": "options",
        "at_most": "options",
        "not_before": "options",
        "not_after": "options",
        "max_length": "options",
        "columns": "options",
        "max_rows": "options",
        "combine": "scoring",
        "points_when": "scoring",
        "weight": "scoring",
        "critical": "scoring",
        "minimum": "scoring",
        "findings": "scoring",
        "visible_when": "conditions",
        "required": "conditions",
        "required_when": "conditions",
        "allow_na": "conditions",
        "evidence": "evidence",
        "refs": "refs",
    }
)
OPTION_EDITS: Mapping[str, Edit] = MappingProxyType(
    {"value": "options", "label": "options", "exclusive": "options", "points": "scoring"}
)
# Pairs of equal words up to which difflib compares in some hundredths of a second; real texts stay below.
_PAIRS = 50_000


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs; ``edit`` is None for what makes the fate, and outside questions."""

    field: str
    old: object
    new: object
    edit: Edit | None = None


@dataclass(frozen=True, slots=True)
class OptionChange:
    """One option that differs. ``order`` stands for a place outside the longest common order."""

    value: str
    fate: Literal["added", "retired", "kept"]
    old: Option | None
    new: Option | None
    differences: tuple[Difference, ...] = ()


class Word(NamedTuple):
    """A run of words that stayed, went or came, with the white space behind it."""

    op: Literal["same", "gone", "new"]
    text: str


def field_changes(old: Question, new: Question) -> tuple[FieldChange, ...]:
    """Every field that differs, in the order of the format; options twice where both edits touch them."""
    return tuple(_field_changes(old, new))


def _field_changes(old: Question, new: Question) -> Iterator[FieldChange]:
    for name in Question.__dataclass_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if name != "options":
            yield FieldChange(name, before, after, FIELD_EDITS.get(name))
            continue
        if _offered(old.options) != _offered(new.options):
            yield FieldChange(name, before, after, "options")
        if _worth(old.options, new.options) != _worth(new.options, old.options):
            yield FieldChange(name, before, after, "scoring")


def _offered(options: tuple[Option, ...]) -> list[tuple[str, str, bool]]:
    return [(one.value, one.label, one.exclusive) for one in options]


def _worth(options: tuple[Option, ...], others: tuple[Option, ...]) -> dict[str, int | None]:
    """Points of the options that both have; one that came or went is an edit of the options alone."""
    shared = {one.value for one in others}
    return {one.value: one.points for one in options if one.value in shared}


def option_changes(old: tuple[Option, ...], new: tuple[Option, ...]) -> tuple[OptionChange, ...]:
    """The options that differ: those of ``new`` in its order, then those that went."""
    before, after = {one.value: one for one in old}, {one.value: one for one in new}
    places = {value: at for at, value in enumerate(before)}
    steady = longest_order([places[value] for value in after if value in before])
    found = []
    for value, option in after.items():
        was = before.get(value)
        if was is None:
            found.append(OptionChange(value, "added", None, option))
            continue
        names: tuple[Literal["label", "exclusive", "points"], ...] = ("label", "exclusive", "points")
        differences: list[Difference] = [
            name for name in names if getattr(was, name) != getattr(option, name)
        ]
        if places[value] not in steady:
            differences.append("order")
        if differences:
            found.append(OptionChange(value, "kept", was, option, tuple(differences)))
    gone = [OptionChange(one.value, "retired", one, None) for one in old if one.value not in after]
    return (*found, *gone)


def longest_order(places: list[int]) -> frozenset[int]:
    """A longest rising run of different places, found in n log n: what did not change its order."""
    from bisect import bisect_left

    ends: list[int] = []
    at_end: list[int] = []
    before: list[int] = []
    for index, place in enumerate(places):
        length = bisect_left(ends, place)
        before.append(at_end[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        at_end[length : length + 1] = [index]
    found = []
    index = at_end[-1] if at_end else -1
    while index >= 0:
        found.append(places[index])
        index = before[index]
    return frozenset(found)


def words(old: str, new: str) -> tuple[Word, ...]:
    """The difference of two texts word by word; what is ``same`` or ``new``, joined, is the new text.

    Words are compared without the white space behind them. Two texts that repeat the same words beyond measure
    are compared by what they begin and end with.
    """
    before, after = _tokens(old), _tokens(new)
    plain, others = [one.rstrip() for one in before], [one.rstrip() for one in after]
    found: list[Word] = []
    for op, old_from, old_to, new_from, new_to in _steps(plain, others):
        if op == "equal":
            found.append(Word("same", "".join(after[new_from:new_to])))
            continue
        if old_to > old_from:
            found.append(Word("gone", "".join(before[old_from:old_to])))
        if new_to > new_from:
            found.append(Word("new", "".join(after[new_from:new_to])))
    return tuple(found)


def _tokens(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*", text)


def _steps(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    counts = Counter(new)
    if sum(counts[word] for word in old) <= _PAIRS:
        return list(SequenceMatcher(None, old, new, autojunk=False).get_opcodes())
    short = min(len(old), len(new))
    head = next((at for at in range(short) if old[at] != new[at]), short)
    tail = next((at for at in range(short - head) if old[-1 - at] != new[-1 - at]), short - head)
    last, newest = len(old) - tail, len(new) - tail
    steps = [
        ("equal", 0, head, 0, head),
        ("replace", head, last, head, newest),
        ("equal", last, len(old), newest, len(new)),
    ]
    return [step for step in steps if step[2] > step[1] or step[4] > step[3]]
