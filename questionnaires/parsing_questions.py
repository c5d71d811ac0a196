"""Question tables to frozen types: one reader for each table inside a question."""

from __future__ import annotations

import keyword
import re
from datetime import date
from decimal import Decimal
from typing import Literal

from questionnaires.dates import MAX_DATE, MIN_DATE
from questionnaires.definition import (
    Column,
    Combine,
    EvidenceRule,
    FindingRule,
    Option,
    PointsRule,
    Question,
    QuestionType,
    Severity,
    default_weight,
)
from questionnaires.faults import quoted
from questionnaires.fields import Fields, Place
from questionnaires.patterns import CLAIM, COLUMN, DAY, KEY, NUMBER, OPTION, RESERVED, VERSION

MAX_QUESTIONS = 2000
MAX_OPTIONS = 100
MAX_COLUMNS = 50
MAX_RULES = 100
MAX_REFS = 100
MAX_REVISION = 1_000_000
MAX_LENGTH = 100_000
MAX_ROWS = 1000
MAX_DECIMALS = 10
MAX_MONTHS = 1200

Scales = dict[str, tuple[Option, ...]]

_SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
_TYPES: tuple[QuestionType, ...] = ("choice", "choices", "text", "number", "date", "table")
_COLUMN_TYPES: tuple[Literal["text", "number", "date", "choice"], ...] = ("text", "number", "date", "choice")
_COMBINES: tuple[Combine, ...] = ("sum", "worst", "all")


def read_questions(section: Fields, field: str, scales: Scales, seen: dict[str, str]) -> tuple[Question, ...]:
    """The questions of a section. ``seen`` maps every key read so far, in any section, to its section."""
    room = max(MAX_QUESTIONS - len(seen), 0)
    raw = section.raw.get(field)
    if isinstance(raw, list) and len(raw) > room:
        message = f"has {len(raw):,} entries; a questionnaire has at most {MAX_QUESTIONS:,} questions"
        section.fault(field, f"{message}, the rest was not read")
        section = _shortened(section, field, raw[:room])
    found = []
    for index, table in enumerate(section.tables(field, MAX_QUESTIONS, "question"), start=1):
        question = _question(table, f"question {index} of {section.place.key}", scales)
        if question.key in seen:
            table.fault("key", f"{question.key} stands twice, first in section {seen[question.key]}")
            continue
        if not question.key:
            # Counted all the same, or a file of nameless questions would have no end.
            seen[f"{section.place.key}#{index}"] = section.place.key
            continue
        seen[question.key] = section.place.key
        found.append(question)
    return tuple(found)


def _shortened(section: Fields, field: str, raw: list[object]) -> Fields:
    section.asked[field] = None
    return Fields({**section.raw, field: raw}, section.place, section.faults)


def _question(table: Fields, place: str, scales: Scales) -> Question:
    raw_key = table.raw.get("key")
    key = raw_key if isinstance(raw_key, str) and KEY.fullmatch(raw_key) else ""
    table.place = Place(
        table.place.file, key or place, owner=key or place, section=table.place.section, question=key or place
    )
    if table.matching("key", KEY, "lower-case segments joined by dots, such as access.mfa"):
        _check_key(table, key)
    kind = table.one_of("type", _TYPES)
    if table.has("required") and table.has("required_when"):
        table.fault("required_when", "stands beside required; write one or the other")
    if table.has("minimum") and table.raw.get("critical", False) is False:
        table.fault("minimum", "stands without critical = true")
    question = Question(
        key=key,
        text=table.text("text", most=4000, lines=True),
        type=kind or "text",
        revision=table.number("revision", 1, 1, MAX_REVISION),
        formerly=table.texts("formerly", MAX_REFS, CLAIM, "key@revision"),
        reworded=table.optional("reworded", VERSION, "a version such as 1.1.0"),
        help=table.text("help", "", most=8000, lines=True),
        options=_options(table, scales),
        combine=table.one_of("combine", _COMBINES) if table.has("combine") else None,
        unit=table.text("unit", "", most=100),
        decimals=table.number("decimals", 0, 0, MAX_DECIMALS),
        at_least=_bound(table, "at_least"),
        at_most=_bound(table, "at_most"),
        not_before=_day(table, "not_before"),
        not_after=_day(table, "not_after"),
        max_length=table.number("max_length", 4000, 1, MAX_LENGTH),
        columns=_columns(table),
        max_rows=table.number("max_rows", 200, 1, MAX_ROWS),
        points_when=_points_when(table),
        weight=table.number("weight", default_weight(kind or ""), 0, 100),
        critical=table.flag("critical", False),
        minimum=table.number("minimum", 50, 1, 100),
        visible_when=table.condition("visible_when"),
        required=table.flag("required", True),
        required_when=table.condition("required_when"),
        allow_na=table.flag("allow_na", False),
        evidence=_evidence(table),
        findings=_findings(table),
        refs=table.texts("refs", MAX_REFS, None, "ids of at most 200 characters"),
    )
    table.done()
    return question


def _check_key(table: Fields, key: str) -> None:
    segments = key.split(".")
    for segment in segments:
        if keyword.iskeyword(segment):
            table.fault(
                "key", f"{quoted(segment)} is a word of the condition language and cannot be read there"
            )
    if segments[0] in RESERVED:
        table.fault("key", f"a key does not begin with {segments[0]}: conditions read that as something else")


def _options(table: Fields, scales: Scales) -> tuple[Option, ...]:
    name = table.raw.get("options")
    if not isinstance(name, str):
        return read_options(table, "options")
    table.asked["options"] = None
    if name not in scales:
        known = f"; there are {', '.join(scales)}" if scales else ""
        table.fault("options", f"there is no scale {quoted(name)}{known}")
    return scales.get(name, ())


def read_options(table: Fields, field: str, *, scale: bool = False) -> tuple[Option, ...]:
    """The options in a list of tables, in order; values are distinct."""
    found: list[Option] = []
    for item in table.tables(field, MAX_OPTIONS, f"{field}: option" if scale else "option"):
        value = item.matching("value", OPTION, "letters, digits, _ . and -, at most 100")
        if value and any(one.value == value for one in found):
            item.fault("value", f"{quoted(value)} is the value of two options")
            value = None
        label = item.text("label", most=1000)
        option = Option(value or "", label, item.whole("points", None, 0, 100), item.flag("exclusive", False))
        item.done()
        if value:
            found.append(option)
    return tuple(found)


def _columns(table: Fields) -> tuple[Column, ...]:
    found: list[Column] = []
    for item in table.tables("columns", MAX_COLUMNS, "column"):
        key = item.matching("key", COLUMN, "lower-case letters, digits and _") or ""
        kind = item.one_of("type", _COLUMN_TYPES)
        options = read_options(item, "options")
        if key and any(one.key == key for one in found):
            item.fault("key", f"{key} is the key of two columns")
        if kind == "choice" and not options:
            item.fault("options", "a column of choices has options")
        if kind not in ("choice", None) and item.has("options"):
            item.fault("options", "only a column of choices has options")
        if any(one.points is not None or one.exclusive for one in options):
            item.fault("options", "options of a column have neither points nor exclusive")
        found.append(Column(key, item.text("label"), kind or "text", options))
        item.done()
    return tuple(found)


def _points_when(table: Fields) -> tuple[PointsRule, ...]:
    found = []
    for item in table.tables("points_when", MAX_RULES, "rule"):
        when = item.condition("when", must=True)
        points = item.whole("points", None, 0, 100)
        if points is None and not item.has("points"):
            item.fault("points", "is missing")
        item.done()
        if when is not None:
            found.append(PointsRule(when, points or 0))
    return tuple(found)


def _evidence(table: Fields) -> EvidenceRule | None:
    item = table.table("evidence")
    if item is None:
        return None
    required = item.flag("required", False)
    if required and item.has("required_when"):
        item.fault("required_when", "stands beside required = true; write one or the other")
    rule = EvidenceRule(
        kind=item.matching("kind", OPTION, "letters, digits, _ . and -") or "",
        required=required,
        required_when=item.condition("required_when"),
        valid_months=item.whole("valid_months", None, 0, MAX_MONTHS),
    )
    item.done()
    return rule


def _findings(table: Fields) -> tuple[FindingRule, ...]:
    found = []
    for item in table.tables("finding", MAX_RULES, "finding"):
        severity = item.one_of("severity", _SEVERITIES)
        option = item.optional("option", OPTION, "the value of an option")
        when = item.condition("when")
        if item.has("option") == item.has("when"):
            item.fault("", "has either option or when")
        text = item.text("text", most=4000, lines=True)
        found.append(FindingRule(severity or "low", text, option, when))
        item.done()
    return tuple(found)


def _bound(table: Fields, field: str) -> str | None:
    """A bound as a decimal string in its shortest form, so that 0, "0" and "0.0" are the same definition."""
    value = table.raw.get(field)
    if type(value) is int and abs(value) < 10**15:
        table.asked[field] = None
        return str(value)
    text = table.optional(field, NUMBER, 'a whole number or decimal text such as "1.5"')
    return None if text is None else shortest(text)


def shortest(text: str) -> str:
    """A decimal string without needless zeros or sign: "01.50" is "1.5", "-0" is "0"."""
    number = Decimal(text)
    plain = format(number, "f") if number else "0"
    return re.sub(r"\.?0+$", "", plain) if "." in plain else plain


def _day(table: Fields, field: str) -> str | None:
    text = table.optional(field, DAY, 'a date such as "2026-01-31", or "today"')
    if text is None or text == "today":
        return text
    try:
        day = date.fromisoformat(text)
    except ValueError:
        table.fault(field, f"there is no day {text}")
        return None
    if not MIN_DATE <= day <= MAX_DATE:
        table.fault(field, f"must be between {MIN_DATE} and {MAX_DATE}")
        return None
    return text
