"""What became of every question between two versions: one fate each, and edits (section 5 of the format)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from questionnaires.changes_fates import Fate, Origin, origins
from questionnaires.changes_fields import (
    EDITS,
    Edit,
    FieldChange,
    OptionChange,
    Word,
    field_changes,
    longest_order,
    option_changes,
    words,
)
from questionnaires.definition import Question, Questionnaire, Section
from questionnaires.results import Scale, rational
from questionnaires.scoring import SectionSums, total_of

__all__ = [
    "EDITS",
    "FATES",
    "Diff",
    "Edit",
    "Fate",
    "FieldChange",
    "OptionChange",
    "QuestionChange",
    "SectionChange",
    "Word",
    "diff",
    "returned",
    "shares",
    "words",
]

FATES: tuple[Fate, ...] = ("added", "retired", "kept", "renamed", "changed")
# Of the header: what names a version, and what is listed elsewhere.
_NO_HEADER = ("slug", "version", "format", "sections", "files")
_NO_SECTION = ("key", "questions")


@dataclass(frozen=True)
class QuestionChange:
    """One question. ``was`` is its old key where that differs; ``also`` are further old keys that it replaces.

    ``edits`` are those of a kept or renamed question, in the order of EDITS; ``fields`` says what differs in any
    that both versions have. Shares are parts of 1, everything visible; None where a version has not the question.
    """

    key: str
    fate: Fate
    edits: tuple[Edit, ...] = ()
    was: str | None = None
    also: tuple[str, ...] = ()
    old: Question | None = field(default=None, repr=False)
    new: Question | None = field(default=None, repr=False)
    fields: tuple[FieldChange, ...] = field(default=(), repr=False)
    share_before: Fraction | None = None
    share_after: Fraction | None = None

    @property
    def old_key(self) -> str | None:
        """The key in the old version; None for an added question."""
        return None if self.old is None else self.old.key

    @property
    def is_same(self) -> bool:
        """Whether it is the same question in every field that counts, under whatever key."""
        return self.fate in ("kept", "renamed") and not self.edits

    @property
    def text_words(self) -> tuple[Word, ...]:
        """The text word by word, of a question that both versions have."""
        return words(self.old.text, self.new.text) if self.old and self.new else ()

    @property
    def help_words(self) -> tuple[Word, ...]:
        """The help word by word, of a question that both versions have."""
        return words(self.old.help, self.new.help) if self.old and self.new else ()

    @property
    def options(self) -> tuple[OptionChange, ...]:
        """The options that differ, of a question that both versions have."""
        return option_changes(self.old.options, self.new.options) if self.old and self.new else ()

    def to_json(self) -> dict[str, Any]:
        """One entry of ``diff --json`` (section 6 of the format)."""
        return {
            "key": self.key,
            "fate": self.fate,
            "edits": list(self.edits),
            "was": self.was,
            "share_before": rational(self.share_before),
            "share_after": rational(self.share_after),
        }


@dataclass(frozen=True)
class SectionChange:
    """A section that came, went, or differs in title, intro, weight or condition."""

    key: str
    fate: Literal["added", "retired", "kept"]
    old: Section | None = field(repr=False)
    new: Section | None = field(repr=False)
    fields: tuple[FieldChange, ...]
    share_before: Fraction | None
    share_after: Fraction | None


@dataclass(frozen=True)
class Diff:
    """Two versions compared. ``questions`` holds every key, in new order, retired ones after their neighbour."""

    old: Questionnaire = field(repr=False)
    new: Questionnaire = field(repr=False)
    questions: tuple[QuestionChange, ...]
    sections: tuple[SectionChange, ...]
    header: tuple[FieldChange, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs but the name of the version."""
        same = all(one.is_same and one.fate == "kept" for one in self.questions)
        return same and not self.sections and not self.header

    @cached_property
    def by_key(self) -> Mapping[str, QuestionChange]:
        """By new key, retired questions by their old one."""
        return MappingProxyType({one.key: one for one in self.questions})

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many questions have each fate, in the order of FATES."""
        found = Counter(one.fate for one in self.questions)
        return MappingProxyType({fate: found[fate] for fate in FATES})

    def to_json(self) -> dict[str, Any]:
        """What ``diff --json`` prints."""
        return {
            "from": self.old.label,
            "to": self.new.label,
            "questions": [one.to_json() for one in self.questions],
        }


def diff(old: Questionnaire, new: Questionnaire, between: Sequence[Questionnaire] = ()) -> Diff:
    """Compare two versions directly; ``formerly`` is followed through the released versions ``between``.

    Shares are those of a score with everything visible and nothing left out, see ``shares``.
    """
    found = origins(old, new, between)
    moved = _moved(old, new, found)
    before, after = shares(old), shares(new)
    changes: dict[str, QuestionChange] = {}
    for key, question in new.questions.items():
        origin = found.get(key)
        if origin is None:
            changes[key] = QuestionChange(key, "added", new=question, share_after=after[key])
        else:
            changes[key] = _change(old, new, question, origin, key in moved, before, after)
    taken = {key for one in found.values() for key in (one.key, *one.also)}
    retired = [
        QuestionChange(key, "retired", old=question, share_before=before[key])
        for key, question in old.questions.items()
        if key not in taken and key not in new.questions
    ]
    return Diff(
        old,
        new,
        _beside(old, list(changes.values()), retired),
        _sections(old, new, before, after),
        tuple(
            FieldChange(name, getattr(old, name), getattr(new, name))
            for name in Questionnaire.__dataclass_fields__
            if name not in _NO_HEADER and getattr(old, name) != getattr(new, name)
        ),
    )


def returned(change: QuestionChange) -> QuestionChange:
    """The same change on the way back, of a question that both versions have."""
    assert change.old is not None
    assert change.new is not None
    return replace(
        change,
        key=change.old.key,
        was=change.key if change.key != change.old.key else None,
        also=(),
        old=change.new,
        new=change.old,
        fields=tuple(replace(one, old=one.new, new=one.old) for one in change.fields),
        share_before=change.share_after,
        share_after=change.share_before,
    )


def shares(definition: Questionnaire) -> dict[str, Fraction]:
    """The part of the score, 0 to 1, that each question decides while everything is visible and applies."""
    plan = definition.plan
    sums = [
        SectionSums(Scale(plan.unit), sum(one.weight for one in items if one.earn is not None), 0, 0, 0)
        for items in plan.sections
    ]
    total_of(definition, sums)
    return {
        item.key: Fraction(item.weight * one.scale.part, one.scale.whole) if item.earn else Fraction(0)
        for items, one in zip(plan.sections, sums, strict=True)
        for item in items
    }


def _change(
    old: Questionnaire,
    new: Questionnaire,
    question: Question,
    origin: Origin,
    moved: bool,
    before: Mapping[str, Fraction],
    after: Mapping[str, Fraction],
) -> QuestionChange:
    key, old_key = question.key, origin.key
    was = old.questions[old_key]
    fields = list(field_changes(was, question))
    section, now = old.section_of[old_key], new.section_of[key]
    if section.visible_when != now.visible_when:
        fields.append(
            FieldChange("section.visible_when", section.visible_when, now.visible_when, "conditions")
        )
    if moved:
        fields.append(FieldChange("place", section.key, now.key, "place"))
    edits = {one.edit for one in fields}
    return QuestionChange(
        key,
        origin.fate,
        () if origin.fate == "changed" else tuple(edit for edit in EDITS if edit in edits),
        None if old_key == key else old_key,
        origin.also,
        was,
        question,
        tuple(fields),
        before[old_key],
        after[key],
    )


def _moved(old: Questionnaire, new: Questionnaire, found: Mapping[str, Origin]) -> frozenset[str]:
    """Keys of kept and renamed questions in another section, or outside the longest common order of the rest."""
    places = {key: at for at, key in enumerate(old.questions)}
    both = {key: one.key for key, one in found.items() if one.fate != "changed"}
    stayed = {
        key: places[old_key]
        for key, old_key in both.items()
        if old.section_of[old_key].key == new.section_of[key].key
    }
    steady = longest_order([stayed[key] for key in new.questions if key in stayed])
    return frozenset(key for key in both if stayed.get(key) not in steady)


def _beside(
    old: Questionnaire, changes: list[QuestionChange], retired: list[QuestionChange]
) -> tuple[QuestionChange, ...]:
    """Retired questions after the one that stood before them."""
    behind: dict[str | None, list[QuestionChange]] = {}
    gone = {one.key: one for one in retired}
    last: str | None = None
    for key in old.questions:
        if key in gone:
            behind.setdefault(last, []).append(gone[key])
        else:
            last = key
    found = behind.pop(None, [])
    for one in changes:
        found.append(one)
        for old_key in (one.old_key, *one.also):
            found += behind.pop(old_key, [])
    return tuple(found)


def _sections(
    old: Questionnaire, new: Questionnaire, before: Mapping[str, Fraction], after: Mapping[str, Fraction]
) -> tuple[SectionChange, ...]:
    found = []
    names = [one.key for one in new.sections]
    for key in [*names, *(one.key for one in old.sections if one.key not in names)]:
        was, now = old.section(key), new.section(key)
        fields = tuple(
            FieldChange(name, getattr(was, name), getattr(now, name))
            for name in Section.__dataclass_fields__
            if was and now and name not in _NO_SECTION and getattr(was, name) != getattr(now, name)
        )
        fate: Literal["added", "retired", "kept"] = (
            "added" if was is None else "retired" if now is None else "kept"
        )
        if fate != "kept" or fields:
            found.append(SectionChange(key, fate, was, now, fields, _share(was, before), _share(now, after)))
    return tuple(found)


def _share(section: Section | None, found: Mapping[str, Fraction]) -> Fraction | None:
    return None if section is None else sum((found[one.key] for one in section.questions), Fraction(0))
