"""Values of answers and facts: the one written form of each type, checked and turned into an exact value."""

from __future__ import annotations

import re
import reprlib
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from questionnaires.dates import parse_date
from questionnaires.facts import NameType

if TYPE_CHECKING:
    from questionnaires.definition import Column, Question

# choice and text: str; choices: option values in option order; number; date; table: rows, cells by column.
Value: TypeAlias = str | tuple[str, ...] | Decimal | date | tuple[Mapping[str, Any], ...]

NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
CELL_LENGTH = 4000
# Canonical JSON has no NUL and no lone surrogates; other controls are never typed, only pasted by accident.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class InvalidAnswer(ValueError):
    """A value that does not fit its question ``key``; ``message`` is shown to a person beside the field."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        self.message = message if message.endswith(".") else message + "."
        super().__init__(f"{key}: {self.message}")

    def __reduce__(self) -> tuple[type[InvalidAnswer], tuple[str, str]]:
        return InvalidAnswer, (self.key, self.message)  # it may be raised in another process


def parse_value(question: Question, raw: object, as_of: date) -> Value:
    """The typed value of an answer from its JSON shape (section 6 of the format). Raises InvalidAnswer.

    A value written in another form than the asked one is an error that names the form, never a guess.
    """
    return _PARSERS[question.type](question, raw, as_of)


def raw_value(question: Question, value: Value) -> Any:
    """The JSON shape of a typed value; ``parse_value`` of it gives the value again."""
    match value:
        case Decimal():
            return raw_number(value)
        case date():
            return value.isoformat()
        case tuple() if question.type == "table":
            return [_raw_row(question, cast("Mapping[str, Any]", row)) for row in value]
        case tuple():
            return list(value)
        case _:
            return value


def _raw_row(question: Question, row: Mapping[str, Any]) -> dict[str, str]:
    return {one.key: _raw_cell(one, row[one.key]) for one in question.columns if one.key in row}


def raw_number(number: Decimal) -> str:
    """A decimal string without needless zeros: 1.50 is ``1.5``, -0 is ``0``."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def parse_fact(name: str, kind: NameType, raw: object) -> Any:
    """The typed value of a fact. Raises InvalidAnswer."""
    if kind.kind == "set":
        items = raw if isinstance(raw, list | tuple | frozenset) else None
        wrong = [one for one in items or [None] if not isinstance(one, str) or one not in (kind.values or ())]
        # An organisation may be bound by no rules at all, so an empty set is a value.
        if items is None or (items and wrong):
            raise InvalidAnswer(name, f"Give a list of {_choices(kind)}, not {quoted(raw)}")
        return frozenset(items)
    if kind.kind == "number":
        if not isinstance(raw, str) or not NUMBER.fullmatch(raw):
            raise InvalidAnswer(name, f"Write a number in quotes, like “1500” or “1.5”, not {quoted(raw)}")
        return Decimal(raw)
    if not isinstance(raw, str) or not raw:
        raise InvalidAnswer(name, f"Give a text, not {quoted(raw)}")
    if kind.values is not None and raw not in kind.values:
        raise InvalidAnswer(name, f"Choose one of {_choices(kind)}, not {quoted(raw)}")
    return raw


def quoted(raw: object) -> str:
    """What someone wrote, short enough to show back to them."""
    # reprlib stops at a few levels: what was written may be nested very deep.
    text = reprlib.repr(raw) if isinstance(raw, list | dict) else str(raw)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"


def _choices(kind: NameType) -> str:
    values = sorted(kind.values or ())
    return ", ".join(values) if len(values) <= 20 else "the two-letter country codes of ISO 3166, like DE"


def _parse_choice(question: Question, raw: object, as_of: date) -> str:
    if not isinstance(raw, str) or question.option(raw) is None:
        raise InvalidAnswer(question.key, f"{_offered(question)} {quoted(raw)} is not offered")
    return raw


def _parse_choices(question: Question, raw: object, as_of: date) -> tuple[str, ...]:
    key = question.key
    if not isinstance(raw, list | tuple) or not all(isinstance(one, str) for one in raw):
        raise InvalidAnswer(key, f"Give a list of options, not {quoted(raw)}")
    if not raw:
        raise InvalidAnswer(key, "Choose at least one option")
    for one in raw:
        if question.option(one) is None:
            raise InvalidAnswer(key, f"{_offered(question)} {quoted(one)} is not offered")
    if len(set(raw)) < len(raw):
        raise InvalidAnswer(key, "Choose each option once; one is repeated")
    chosen = [one for one in question.options if one.value in raw]
    alone = next((one for one in chosen if one.exclusive), None)
    if alone is not None and len(chosen) > 1:
        raise InvalidAnswer(
            key, f"“{alone.label}” stands alone: choose it without the others, or choose only the others"
        )
    return tuple(one.value for one in chosen)


def _offered(question: Question) -> str:
    labels = "; ".join(f"“{one.label}”" for one in question.options)
    return f"Choose from: {labels}." if len(labels) <= 300 else "Choose one of the options listed."


def _parse_text(question: Question, raw: object, as_of: date) -> str:
    return _plain_text(question.key, raw, question.max_length)


def _plain_text(key: str, raw: object, longest: int) -> str:
    if not isinstance(raw, str):
        raise InvalidAnswer(key, f"Write a text, not {quoted(raw)}")
    if not raw.strip():
        raise InvalidAnswer(key, "Write an answer; this is empty")
    found = _CONTROL.search(raw)
    if found:
        raise InvalidAnswer(
            key, f"The text holds a character that cannot be kept (U+{ord(found[0]):04X}). Take it out"
        )
    # One spelling for letters with accents, since bytes are hashed and compared.
    text = unicodedata.normalize("NFC", raw)
    if len(text) > longest:
        raise InvalidAnswer(
            key,
            f"Write at most {longest:,} characters. You wrote {len(text):,}",
        )
    return text


def _parse_number(question: Question, raw: object, as_of: date) -> Decimal:
    least, most = (None if one is None else Decimal(one) for one in (question.at_least, question.at_most))
    number = Decimal(raw) if isinstance(raw, str) and NUMBER.fullmatch(raw) else None
    if (
        number is None
        or _decimals(number) > question.decimals
        or (least is not None and number < least)
        or (most is not None and number > most)
    ):
        raise InvalidAnswer(question.key, f"{_number_form(question)}. You wrote {quoted(raw)}")
    return number


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _number_form(question: Question) -> str:
    what = "a whole number" if question.decimals == 0 else "a number"
    least, most = question.at_least, question.at_most
    if least is not None and most is not None:
        what += f" from {least} to {most}"
    elif least is not None:
        what += f", {least} or more"
    elif most is not None:
        what += f", {most} or less"
    if question.decimals:
        places = "1 decimal" if question.decimals == 1 else f"{question.decimals} decimals"
        what += f", with at most {places} after a point, like 1.5"
    return f"Write {what}"


def _parse_date(question: Question, raw: object, as_of: date) -> date:
    day = parse_date(raw) if isinstance(raw, str) else None
    if day is None:
        raise InvalidAnswer(
            question.key, f"Write a date as year-month-day, like {as_of}. You wrote {quoted(raw)}"
        )
    # A day's tolerance around today: the vendor's calendar may already, or still, show another day.
    earliest = _bound(question.not_before, as_of - timedelta(days=1))
    latest = _bound(question.not_after, as_of + timedelta(days=1))
    if earliest is not None and day < earliest:
        first = "today" if question.not_before == "today" else question.not_before
        raise InvalidAnswer(question.key, f"The date cannot be before {first}. You wrote {quoted(raw)}")
    if latest is not None and day > latest:
        last = "today" if question.not_after == "today" else question.not_after
        raise InvalidAnswer(question.key, f"The date cannot be after {last}. You wrote {quoted(raw)}")
    return day


def _bound(text: str | None, today: date) -> date | None:
    if text is None:
        return None
    return today if text == "today" else parse_date(text)


def _parse_table(question: Question, raw: object, as_of: date) -> tuple[Mapping[str, Any], ...]:
    key = question.key
    if not isinstance(raw, list | tuple) or not all(isinstance(row, Mapping) for row in raw):
        raise InvalidAnswer(key, f"Give a list of rows, not {quoted(raw)}")
    if not raw:
        raise InvalidAnswer(key, "Fill in at least one row")
    if len(raw) > question.max_rows:
        raise InvalidAnswer(key, f"Give at most {question.max_rows} rows. You gave {len(raw)}")
    return tuple(_parse_row(question, number, row) for number, row in enumerate(raw, 1))


def _parse_row(question: Question, number: int, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    known = {column.key for column in question.columns}
    for name in raw:
        if name not in known:
            raise InvalidAnswer(question.key, f"Row {number}: there is no column {quoted(name)}")
    cells: dict[str, Any] = {}
    for column in question.columns:
        if raw.get(column.key) not in (None, ""):
            cells[column.key] = _parse_cell(question.key, number, column, raw[column.key])
    if not cells:
        raise InvalidAnswer(question.key, f"Row {number} is empty. Fill it in or take it out")
    return MappingProxyType(cells)


def _parse_cell(key: str, number: int, column: Column, raw: object) -> str | Decimal | date:
    where = f"Row {number}, {column.label}:"
    if column.type == "text":
        try:
            return _plain_text(key, raw, CELL_LENGTH)
        except InvalidAnswer as bad:
            raise InvalidAnswer(key, f"{where} {bad.message}") from None
    if column.type == "choice":
        if isinstance(raw, str) and any(one.value == raw for one in column.options):
            return raw
        raise InvalidAnswer(key, f"{where} choose one of the options listed. {quoted(raw)} is not offered")
    if column.type == "number":
        if isinstance(raw, str) and NUMBER.fullmatch(raw):
            return Decimal(raw)
        raise InvalidAnswer(key, f"{where} write a number, like 12 or 1.5. You wrote {quoted(raw)}")
    day = parse_date(raw) if isinstance(raw, str) else None
    if day is None:
        raise InvalidAnswer(
            key, f"{where} write a date as year-month-day, like 2026-11-21. You wrote {quoted(raw)}"
        )
    return day


def _raw_cell(column: Column, cell: Any) -> str:
    if column.type == "number":
        return raw_number(cell)
    return cell.isoformat() if column.type == "date" else str(cell)


_PARSERS: Mapping[str, Callable[[Question, object, date], Value]] = MappingProxyType(
    {
        "choice": _parse_choice,
        "choices": _parse_choices,
        "text": _parse_text,
        "number": _parse_number,
        "date": _parse_date,
        "table": _parse_table,
    }
)
