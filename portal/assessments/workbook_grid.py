"""Sheets of an uploaded workbook as rows with named columns, and single cells in the written form of their kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from portal.assessments import workbook_layout as layout
from portal.assessments.answering_words import _
from portal.assessments.workbook_opening import Cell, Sheet
from portal.faults import Invalid
from portal.forms import clean
from questionnaires.answer_values import NUMBER, raw_number

FIRST_ROWS = 50  # where the grey row with the columns' names is looked for
EPOCH = date(1899, 12, 30)
# Plain numbers that are days: from 1954 to 2199, so that neither a year nor a date without dots is taken for one.
DAYS = range(20_000, 109_575)
LONGEST_NUMBER = 200


def refuse(sentence: str) -> NoReturn:
    """The whole workbook is not taken."""
    raise Invalid(errors={"file": sentence})


@dataclass(frozen=True)
class Grid:
    """A sheet that has the grey row: where its columns lie, and its rows below the headings."""

    sheet: Sheet
    columns: Mapping[str, int]
    doubled: tuple[str, ...]
    top: int

    @classmethod
    def of(cls, sheet: Sheet) -> Grid | None:
        for row in sorted(number for number in sheet.rows if number < FIRST_ROWS):
            named = [
                (column, folded)
                for column, cell in sorted(sheet.rows[row].items())
                if (folded := cell.text.strip())
            ]
            names = [name for _column, name in named]
            if layout.KEY in names and layout.STATE in names:
                doubled = tuple(sorted({name for name in names if names.count(name) > 1 and _is_code(name)}))
                return cls(sheet, {name: column for column, name in reversed(named)}, doubled, row)
        return None

    def check(self) -> None:
        if self.doubled:
            refuse(
                _(
                    "On the sheet “%(sheet)s” the column “%(column)s” stands twice, so nobody can tell which one "
                    "counts. Take one of them out.",
                    sheet=self.sheet.name,
                    column=self.doubled[0],
                )
            )
        merged = [ref for ref in self.sheet.merged if (last := _last_row(ref)) is None or last > self.top]
        if merged:
            refuse(
                _(
                    "On the sheet “%(sheet)s” the cells %(cells)s are merged, so nobody can tell which answer belongs "
                    "to which question. Unmerge them and upload the file again.",
                    sheet=self.sheet.name,
                    cells=merged[0],
                )
            )

    def rows(self) -> Iterator[Row]:
        """The rows below the grey one, without the headings: there, key and state read alike."""
        for number in sorted(self.sheet.rows):
            row = Row(self, number)
            headings = row.text(layout.KEY) and row.text(layout.KEY) == row.text(layout.STATE)
            if number > self.top and not headings:
                yield row


@dataclass(frozen=True)
class Row:
    grid: Grid
    number: int

    def cell(self, code: str) -> Cell | None:
        """The cell in the column of this name; None where it is empty."""
        column = self.grid.columns.get(code)
        found = self.grid.sheet.rows[self.number].get(column) if column is not None else None
        return found if found is not None and (found.kind != "text" or found.text.strip()) else None

    def text(self, code: str) -> str:
        found = self.cell(code)
        return found.text.strip() if found is not None else ""

    def at(self, code: str) -> str:
        """``Questions!J12``, to find the cell again."""
        return f"{self.grid.sheet.name}!{_letters(self.grid.columns.get(code, 0))}{self.number + 1}"


def _is_code(name: str) -> bool:
    fixed = (layout.KEY, layout.STATE, layout.OPTION, layout.ROW, layout.ANSWER, layout.NOT_APPLICABLE)
    more = (layout.COMMENT, layout.REASON, layout.BY, layout.QUESTION)
    return name in fixed + more or name.startswith(layout.COLUMN)


def _last_row(ref: str) -> int | None:
    """The last row (from 0) of ``A1:B2``."""
    found = re.search(r"([0-9]+)$", ref)
    return int(found[1]) - 1 if found else None


def _letters(column: int) -> str:
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


# ------------------------------------------------------------------------------------------------------------ cells


PERCENT = ("%", "percent", "per cent")  # units of questions


def typed_text(cell: Cell) -> str:
    """Words of a cell: a number or a day that a program made of them reads as it would be shown."""
    if cell.kind == "flag":
        return cell.text.upper() if cell.text in ("true", "false") else cell.text
    if cell.kind == "number":
        return typed_number(cell)
    return clean(cell.text.removesuffix("T00:00:00") if cell.kind == "moment" else cell.text)


def typed_number(cell: Cell, unit: str = "") -> str:
    """``24`` for 24.0 and for “24.0”; what is no number stays as it was written; “50%” is 50 percent."""
    text = cell.text.strip().replace("\N{MINUS SIGN}", "-")
    if unit in PERCENT:
        text = text.removesuffix("%").rstrip()
    try:
        plain = f"{Decimal(text):f}" if cell.kind == "number" else text
    except InvalidOperation:
        return text
    return raw_number(Decimal(plain)) if NUMBER.fullmatch(plain) else plain[:LONGEST_NUMBER]


def typed_day(cell: Cell, *, from_1904: bool) -> str:
    """The day of a cell: a date, a moment of it, a plain count of days, or a text that is left as it was written."""
    text = cell.text.strip()
    if cell.kind == "moment" or re.fullmatch(r"\d{4}-\d\d-\d\d[T ]00:00(:00(\.0+)?)?", text):
        return text[:10]
    if cell.kind == "number" and text.isdigit() and int(text) in DAYS and not from_1904:
        return (EPOCH + timedelta(days=int(text))).isoformat()
    return text
