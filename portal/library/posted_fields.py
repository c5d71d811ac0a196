"""What a page of a draft sent, read field by field: kept as typed, refused only where no draft may hold it.

Rows stand under ``<list>.<row from 0>.<cell>``; empty rows are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.forms import clean, has_controls
from questionnaires.parsing_questions import MAX_COLUMNS, MAX_OPTIONS, MAX_RULES

Fields = dict[str, str]
_WHOLE = re.compile(r"-?[0-9]{1,9}")
LONG, LONGER, CONDITION, LINE = 4000, 8000, 2000, 200
MOST_ROWS = {
    "options": MAX_OPTIONS,
    "columns": MAX_COLUMNS,
    "points_when": MAX_RULES,
    "finding": MAX_RULES,
    "bands": 20,
    "caps": 100,
}
CELLS = {
    "options": ("value", "label", "points", "exclusive"),
    "columns": ("key", "label", "type", "options"),
    "points_when": ("when", "points"),
    "finding": ("on", "when", "severity", "text"),
    "bands": ("name", "label", "minimum", "level"),
    "caps": ("when", "band", "text"),
}
# A row with nothing but these is empty.
_CHOSEN = {"exclusive", "type", "severity", "on"}


@dataclass
class Posted:
    """What a page sent: the part, what cannot be stored by field, and which posted row each row of a list was."""

    part: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)
    fields: Fields = field(default_factory=dict)


class Reader:
    """Reads posted fields one by one, and remembers what cannot be stored."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self.form = form
        self.errors: dict[str, str] = {}
        self.rows_read: dict[str, list[int]] = {}
        self._indices: dict[str, set[int]] = {}
        for name in form:
            parts = name.split(".")
            if len(parts) == 3 and parts[0] in CELLS and (row := _row(parts[1])) is not None:
                self._indices.setdefault(parts[0], set()).add(row)

    def text(self, name: str, most: int = LINE, *, trim: bool = True) -> str:
        given = self.form.get(name, "")
        value = clean(given) if trim else given.replace("\r\n", "\n").replace("\r", "\n")
        if has_controls(value, {"\n", "\t"}):
            self.errors[name] = "Leave out invisible control characters."
            return ""
        if len(value) > most:
            self.errors[name] = f"Write at most {most:,} characters. You wrote {len(value):,}."
            return ""
        return value

    def number(self, name: str) -> int | str | None:
        """A whole number, or what was typed instead: the check says what is wrong with it. None for nothing."""
        value = self.text(name)
        if not value:
            return None
        return int(value) if _WHOLE.fullmatch(value) else value

    def flag(self, name: str) -> bool:
        return bool(self.form.get(name))

    def lines(self, name: str, most: int) -> list[str]:
        found = [one.strip() for one in self.text(name, most * 210).splitlines() if one.strip()]
        if len(found) > most:
            self.errors[name] = f"At most {most} lines. You wrote {len(found):,}."
        return found

    def rows(self, name: str) -> list[int]:
        """Posted rows that hold anything, in their order."""
        found = [
            one
            for one in sorted(self._indices.get(name, ()))
            if any(
                clean(self.form.get(f"{name}.{one}.{cell}", ""))
                for cell in CELLS[name]
                if cell not in _CHOSEN
            )
        ]
        if len(found) > MOST_ROWS[name]:
            self.errors[name] = f"At most {MOST_ROWS[name]} rows. You wrote {len(found):,}."
            found = []
        found = _moved(found, self.form.get("go", ""), name)
        self.rows_read[name] = found
        return found

    def posted(self, part: dict[str, Any]) -> Posted:
        return Posted(part, self.errors, self.rows_read, dict(self.form.items()))


def _moved(rows: list[int], go: str, name: str) -> list[int]:
    """The button "up" or "down" of a row: ``go`` is ``up.<list>.<row>``."""
    way, _dot, which = go.partition(f".{name}.")
    row = _row(which)
    if way not in ("up", "down") or row is None or row not in rows:
        return rows
    at = rows.index(row)
    to = at + (-1 if way == "up" else 1)
    if 0 <= to < len(rows):
        rows[at], rows[to] = rows[to], rows[at]
    return rows


def kept(pairs: Iterable[tuple[str, Any, Any]]) -> dict[str, Any]:
    """(name, value, default): what differs from its default, as the canonical form keeps it."""
    return {name: value for name, value, default in pairs if value is not None and value != default}


def row_fields(name: str, rows: Iterable[Any], cells: Any) -> Fields:
    return {
        f"{name}.{index}.{cell}": value
        for index, row in enumerate(rows)
        for cell, value in cells(row if isinstance(row, dict) else {}).items()
    }


def row_count(fields: Mapping[str, str], name: str) -> int:
    """How many rows of a list the fields have."""
    found = [name_of.split(".") for name_of in fields if name_of.startswith(f"{name}.")]
    rows = [_row(one[1]) for one in found if len(one) == 3]
    return 1 + max((row for row in rows if row is not None), default=-1)


def _row(text: str) -> int | None:
    """The number of a row, as the name of a field or of a button has it; None for anything else."""
    return int(text) if text.isdecimal() and len(text) <= 4 else None


def shown(value: Any) -> str:
    """A value as its field shows it, whatever an import left there."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
