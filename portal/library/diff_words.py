"""A diff as a page shows it: fields in words, options side by side, shares that add up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.apportion import apportion, decimals
from questionnaires.changes import (
    FATES,
    Diff,
    FieldChange,
    OptionChange,
    QuestionChange,
    SectionChange,
    Word,
    words,
)
from questionnaires.conditions import Condition, describe
from questionnaires.definition import (
    Band,
    Cap,
    Column,
    EvidenceRule,
    FindingRule,
    Option,
    PointsRule,
    Questionnaire,
)

WHOLE = 10_000  # a share of 1 in hundredths of a per cent
FATE_WORDS = MappingProxyType(
    {
        "added": (_l("Added"), "info", "plus"),
        "retired": (_l("Retired"), "caution", "minus"),
        "kept": (_l("Edited"), "none", "check"),
        "renamed": (_l("Renamed"), "info", "pen"),
        "changed": (_l("Asks something else"), "bad", "alert"),
    }
)
EDIT_WORDS = MappingProxyType(
    {
        "text": _l("words"),
        "options": _l("answers that can be given"),
        "scoring": _l("scoring"),
        "conditions": _l("when it is asked"),
        "evidence": _l("evidence"),
        "refs": _l("references"),
        "place": _l("place"),
    }
)
FIELD_WORDS = MappingProxyType(
    {
        "text": _l("Question"),
        "help": _l("Help"),
        "type": _l("Kind of answer"),
        "revision": _l("Revision"),
        "formerly": _l("Replaces"),
        "reworded": _l("Means the same since"),
        "unit": _l("Unit"),
        "decimals": _l("Decimals"),
        "at_least": _l("At least"),
        "at_most": _l("At most"),
        "not_before": _l("Not before"),
        "not_after": _l("Not after"),
        "max_length": _l("Longest answer"),
        "max_rows": _l("Most rows"),
        "columns": _l("Columns"),
        "combine": _l("How answers add up"),
        "points_when": _l("Points"),
        "weight": _l("Weight"),
        "critical": _l("Critical"),
        "minimum": _l("Minimum of a critical answer"),
        "findings": _l("Findings"),
        "visible_when": _l("Asked if"),
        "section.visible_when": _l("Its section is asked if"),
        "required": _l("Required"),
        "required_when": _l("Required if"),
        "allow_na": _l("“Not applicable” is possible"),
        "evidence": _l("Evidence"),
        "refs": _l("References"),
        "place": _l("Section"),
        "title": _l("Title"),
        "intro": _l("Introduction"),
        "summary": _l("Summary"),
        "purpose": _l("Purpose"),
        "language": _l("Language"),
        "licence": _l("Licence"),
        "based_on": _l("Based on"),
        "weighting": _l("Weighting"),
        "knockout_band": _l("Best band after a failed critical question"),
        "bands": _l("Bands"),
        "caps": _l("Caps"),
    }
)
# Shown word by word; every other field before and after.
_IN_WORDS = ("text", "help", "title", "intro", "summary", "licence")


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field: ``words`` where it is compared word by word, else ``before`` and ``after`` in lines of words."""

    label: str
    words: tuple[Word, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """One question of the diff; ``number`` in the new version, or that in the old one where it is retired."""

    change: QuestionChange
    number: str
    text: str
    fields: tuple[FieldLine, ...]
    options: tuple[OptionChange, ...]
    edits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SectionLine:
    change: SectionChange
    title: str
    fields: tuple[FieldLine, ...]


@dataclass(frozen=True, slots=True)
class ShareLine:
    """Shares before and after in per cent, two decimals; "" where a version has not the question."""

    key: str
    text: str
    before: str
    after: str
    differs: bool


def questions(found: Diff, fate: str) -> list[QuestionLine]:
    """The questions with this fate; "" those that differ in anything, ``same`` those that do not."""
    numbers = _numbers(found)
    return [
        _line(found, one, numbers[one.key])
        for one in found.questions
        if (fate == "same" if one.is_same else fate in ("", one.fate))
    ]


def counts(found: Diff) -> list[tuple[str, int]]:
    """How many questions each filter of ``questions`` shows: fates, then those in which nothing differs."""
    fates = [one.fate for one in found.questions if not one.is_same]
    return [*((fate, fates.count(fate)) for fate in FATES), ("same", len(found.questions) - len(fates))]


def sections(found: Diff) -> list[SectionLine]:
    """Sections that came, went or differ."""
    lines = []
    for one in found.sections:
        either = one.new or one.old
        lines.append(SectionLine(one, either.title if either else one.key, _fields(found, one.fields)))
    return lines


def header(found: Diff) -> tuple[FieldLine, ...]:
    """What differs for the questionnaire as a whole."""
    return _fields(found, found.header)


def shares(found: Diff) -> list[ShareLine]:
    """Every question that counts on either side; each column adds up to 100.00, or to 0 where nothing is scored."""
    lines = [one for one in found.questions if one.share_before or one.share_after]
    before = _apportioned([one.share_before or Fraction(0) for one in lines])
    after = _apportioned([one.share_after or Fraction(0) for one in lines])
    return [
        ShareLine(
            one.key,
            (one.new or one.old).text,  # type: ignore[union-attr]  # one of them is there
            decimals(was) if one.share_before is not None else "",
            decimals(will) if one.share_after is not None else "",
            one.share_before != one.share_after,
        )
        for one, was, will in zip(lines, before, after, strict=True)
    ]


def _apportioned(parts: list[Fraction]) -> list[int]:
    exact = [part * WHOLE for part in parts]
    total = sum(exact, Fraction(0))
    return apportion(exact, total.numerator // total.denominator)


def _numbers(found: Diff) -> dict[str, str]:
    numbers: dict[str, str] = {}
    for definition in (found.old, found.new):
        for at, section in enumerate(definition.sections, 1):
            for place, one in enumerate(section.questions, 1):
                numbers[one.key] = f"{at}.{place}"
    return numbers


def _line(found: Diff, one: QuestionChange, number: str) -> QuestionLine:
    shown = [change for change in one.fields if change.field not in ("text", "options")]
    question = one.new or one.old
    assert question is not None
    return QuestionLine(
        one,
        number,
        question.text,
        _fields(found, shown),
        one.options,
        tuple(str(EDIT_WORDS[edit]) for edit in one.edits),
    )


def _fields(found: Diff, changes: Any) -> tuple[FieldLine, ...]:
    return tuple(_field(found, change) for change in changes)


def _field(found: Diff, change: FieldChange) -> FieldLine:
    label = str(FIELD_WORDS.get(change.field, change.field))
    if change.field in _IN_WORDS and isinstance(change.old, str) and isinstance(change.new, str):
        return FieldLine(label, words(change.old, change.new))
    if change.field == "place":
        before, after = (
            (section.title,) if (section := side.section(str(key))) else (str(key),)
            for side, key in ((found.old, change.old), (found.new, change.new))
        )
        if before == after:
            before, after = (str(_("elsewhere in %(section)s", section=before[0])),), after
        return FieldLine(label, before=before, after=after)
    return FieldLine(label, before=_value(found.old, change.old), after=_value(found.new, change.new))


def _value(definition: Questionnaire, value: object) -> tuple[str, ...]:
    """A value in lines of plain words; () for nothing."""
    match value:
        case None | "" | ():
            return ()
        case bool():
            return (str(_("yes") if value else _("no")),)
        case tuple():
            return tuple(line for one in value for line in _value(definition, one))
        case Condition():
            return (describe(value, definition, "organisation"),)
        case Band():
            return (str(_("%(label)s from %(minimum)s", label=value.label, minimum=value.minimum)),)
        case Cap():
            when = describe(value.when, definition, "organisation")
            band = definition.band(value.band)
            best = band.label if band else value.band
            return (str(_("At best %(band)s if %(when)s. %(text)s", band=best, when=when, text=value.text)),)
        case PointsRule():
            when = describe(value.when, definition, "organisation")
            return (str(_("%(points)s points if %(when)s", points=value.points, when=when)),)
        case FindingRule():
            where = value.option or (describe(value.when, definition, "organisation") if value.when else "")
            return (f"{value.severity}: {value.text} ({where})",)
        case Column():
            return (f"{value.label} ({value.type})", *(f"– {one.label}" for one in value.options))
        case Option():
            return (value.label,)
        case EvidenceRule():
            return (_evidence(definition, value),)
        case _:
            return (str(value),)


def _evidence(definition: Questionnaire, rule: EvidenceRule) -> str:
    kind = rule.kind.replace("_", " ")
    if rule.required:
        said = _("%(kind)s, required", kind=kind)
    elif rule.required_when is not None:
        when = describe(rule.required_when, definition, "organisation")
        said = _("%(kind)s, required if %(when)s", kind=kind, when=when)
    else:
        said = _("%(kind)s, helps", kind=kind)
    months = rule.valid_months
    return f"{said}, {_('not older than %(num)s months', num=months)}" if months else str(said)
