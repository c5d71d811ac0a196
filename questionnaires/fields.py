"""One table of a definition while it is read: hands out fields by type and collects every fault."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import NamedTuple, TypeVar

from questionnaires.conditions import Condition, ConditionError, parse
from questionnaires.faults import Fault, quoted
from questionnaires.sources import Doubled, Odd

# Unknown names beyond this many are listed without looking for what was meant.
_GUESSES = 20

# Characters of all conditions of a definition together: reading a condition is the dearest part of reading.
MAX_CONDITIONS = 500_000

Text = TypeVar("Text", bound=str)


class Place(NamedTuple):
    """Where a table stands: its file, the key that a fault names, the field of ``owner`` that it is part of.

    In the header, whose ``key`` is "", a fault names the field. ``owner`` is a question's key,
    ``section <key>``, or "" for the header; ``part`` precedes a field's name. ``section`` and ``question`` are
    where a page that edits the table puts the fault.
    """

    file: str
    key: str
    owner: str = ""
    field: str = ""
    part: str = ""
    section: str = ""
    question: str = ""


class Faults:
    """The faults found so far, and the (owner, field) pairs that hold a stand-in because of one."""

    def __init__(self) -> None:
        self.room = MAX_CONDITIONS
        self.found: list[Fault] = []
        self.spoilt: set[tuple[str, str]] = set()

    def add(self, place: Place, field: str, message: str) -> None:
        name = f"{place.part}{field}".rstrip(", ")
        key, words = (place.key, f"{name}: {message}" if name else message) if place.key else (name, message)
        self.found.append(
            Fault(
                place.file,
                key,
                words,
                section=place.section,
                question=place.question,
                field=place.field or field,
            )
        )
        self.spoilt.add((place.owner, place.field or field))


class Fields:
    """One table. Every reader returns a value of its type whatever stands there; faults say the rest."""

    def __init__(self, raw: Mapping[str, object], place: Place, faults: Faults) -> None:
        self.raw = raw
        self.place = place
        self.faults = faults
        self.asked: dict[str, None] = {}

    def fault(self, field: str, message: str) -> None:
        self.faults.add(self.place, field, message)

    def has(self, field: str) -> bool:
        """Whether the table states the field."""
        return field in self.raw

    def text(self, field: str, default: str | None = None, *, most: int = 200, lines: bool = False) -> str:
        """Text in NFC; without ``default`` it must be there and not blank. ``lines`` allows line breaks."""
        value = self._get(field)
        if value is None and default is not None:
            return default
        if value is None:
            self._missing(field)
            return ""
        if not isinstance(value, str):
            self.fault(field, f"must be text in quotes, not {_kind(value)}")
            return default or ""
        return self._plain(field, value, default, most, lines)

    def _plain(self, field: str, value: str, default: str | None, most: int, lines: bool) -> str:
        value = _composed(value)
        bad = _forbidden(value)
        if not bad and not lines and "\n" in value:
            self.fault(field, "must be one line")
        elif bad:
            what = "a lone surrogate" if "\ud800" <= bad <= "\udfff" else "the control character"
            self.fault(field, f"holds {what} U+{ord(bad):04X}")
        elif len(value) > most:
            self.fault(field, f"has {len(value):,} characters; at most {most:,} are allowed")
        elif default is None and not value.strip():
            self.fault(field, "is empty")
        else:
            return value
        return default or ""

    def matching(
        self, field: str, pattern: re.Pattern[str], form: str, default: str | None = None
    ) -> str | None:
        """Text of one form; None where it is wrong. Without ``default`` it must be there."""
        value = self._get(field)
        if value is None and default is not None:
            return default
        if value is None:
            self._missing(field)
        elif not isinstance(value, str) or not pattern.fullmatch(value):
            self.fault(field, f"must be {form}, not {quoted(value)}")
        else:
            return value
        return None

    def optional(self, field: str, pattern: re.Pattern[str], form: str) -> str | None:
        """Text of one form, or None where the field is absent or wrong."""
        self.asked[field] = None
        return self.matching(field, pattern, form) if field in self.raw else None

    def whole(self, field: str, default: int | None, low: int, high: int) -> int | None:
        """A whole number from low to high; ``default`` where absent or wrong."""
        value = self._get(field)
        if value is None:
            return default
        if type(value) is not int or not low <= value <= high:
            self.fault(field, f"must be a whole number from {low} to {high:,}, not {_seen(value)}")
            return default
        return value

    def number(self, field: str, default: int, low: int, high: int) -> int:
        """A whole number from low to high that has a default."""
        value = self.whole(field, default, low, high)
        return default if value is None else value

    def flag(self, field: str, default: bool) -> bool:
        value = self._get(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(field, f"must be true or false, not {_seen(value)}")
            return default
        return value

    def one_of(self, field: str, values: tuple[Text, ...], default: Text | None = None) -> Text | None:
        """One of the values; None where wrong. Without ``default`` it must be there."""
        value = self._get(field)
        if value is None:
            if default is None:
                self._missing(field, f"; it is one of {', '.join(values)}")
            return default
        found = next((one for one in values if one == value), None)
        if found is None:
            self.fault(field, f"must be one of {', '.join(values)}, not {_seen(value)}")
        return found

    def condition(self, field: str, *, must: bool = False) -> Condition | None:
        """A condition, read but not yet type-checked; None where absent or wrong."""
        value = self._get(field)
        if value is None:
            if must:
                self._missing(field)
            return None
        if not isinstance(value, str):
            self.fault(field, f"must be a condition in quotes, not {_kind(value)}")
            return None
        value = _composed(value)
        if self.faults.room < 0:
            return None
        self.faults.room -= len(value)
        if self.faults.room < 0:
            self.fault(
                field, f"conditions have at most {MAX_CONDITIONS:,} characters in all; the rest was not read"
            )
            return None
        try:
            return parse(value)
        except ConditionError as error:
            for message in error.messages:
                self.fault(field, message)
            return None

    def texts(self, field: str, most: int, pattern: re.Pattern[str] | None, form: str) -> tuple[str, ...]:
        """A list of different texts; those that do not fit are left out with a fault."""
        found: dict[str, None] = {}
        for value in self._list(field, most):
            text = _composed(value) if isinstance(value, str) else ""
            if not text.strip() or len(text) > 200 or "\n" in text or _forbidden(text):
                self.fault(field, f"must be a list of {form}; {_seen(value)} is none")
            elif pattern is not None and not pattern.fullmatch(text):
                self.fault(field, f"must be a list of {form}; {quoted(text)} is none")
            elif text in found:
                self.fault(field, f"lists {quoted(text)} twice")
            else:
                found[text] = None
        return tuple(found)

    def tables(self, field: str, most: int, what: str) -> list[Fields]:
        """The tables of a list; ``what`` names one of them in faults."""
        found = []
        for index, value in enumerate(self._list(field, most), start=1):
            inner = self._inside(field, f"{what} {index}, ")
            if isinstance(value, dict):
                found.append(Fields(value, inner, self.faults))
            else:
                self.faults.add(inner, "", f"must be a table of fields, not {_seen(value)}")
        return found

    def table(self, field: str) -> Fields | None:
        """One table inside this one, or None."""
        value = self._get(field)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(field, f"must be a table of fields, not {_seen(value)}")
            return None
        return Fields(value, self._inside(field, f"{field} "), self.faults)

    def done(self) -> None:
        """Report every field that nobody asked for, and every name that stands twice."""
        if isinstance(self.raw, Doubled):
            for name in self.raw.names:
                self.fault(_name(name), "stands twice")
        unknown = [name for name in self.raw if name not in self.asked]
        for name in unknown:
            meant = self._meant(name) if len(unknown) <= _GUESSES else ""
            self.fault(_name(name), f"no such field{meant}")

    def _meant(self, name: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(name[:40], self.asked, n=1)
        return f"; did you mean {near[0]}?" if near else ""

    def _missing(self, field: str, note: str = "") -> None:
        # A null has been reported already.
        if field not in self.raw:
            self.fault(field, f"is missing{note}")

    def _get(self, field: str) -> object:
        self.asked[field] = None
        value = self.raw.get(field)
        if value is None and field in self.raw:
            self.fault(field, "must not be null; leave it out")
        return value

    def _list(self, field: str, most: int) -> list[object]:
        value = self._get(field)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(field, f"must be a list, not {_seen(value)}")
            return []
        if len(value) > most:
            self.fault(
                field, f"has {len(value):,} entries; at most {most:,} are allowed, the rest was not read"
            )
        return value[:most]

    def _inside(self, field: str, part: str) -> Place:
        place = self.place
        return place._replace(field=place.field or field, part=place.part + part)


def _forbidden(text: str) -> str:
    """The first character that has no place in plain text, or "".

    C0 except tab and line feed, C1, lone surrogates, non-characters. Asked only of text with something in it that
    does not print: a pattern of these ranges takes longer to compile than all texts to read.
    """
    if text.isprintable():
        return ""
    for one in text:
        if not one.isprintable() and one not in "\t\n":
            number = ord(one)
            surrogate = 0xD800 <= number <= 0xDFFF
            if number < 0xA0 or surrogate or 0xFDD0 <= number <= 0xFDEF or number & 0xFFFE == 0xFFFE:
                return one
    return ""


def _composed(text: str) -> str:
    """The text in NFC."""
    if text.isascii():
        return text
    from unicodedata import normalize

    return normalize("NFC", text)


def _name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", name) else quoted(name)


def _kind(value: object) -> str:
    match value:
        case datetime() | date() | time():
            return "a TOML date; put it in quotes"
        case dict() | list():
            return quoted(value)
        case _:
            return f"{_seen(value)} without quotes"


def _seen(value: object) -> str:
    match value:
        case datetime() | date() | time():
            return f"the TOML date {value} (put it in quotes)"
        case Odd():
            return str(value)
        case _:
            return quoted(value)
