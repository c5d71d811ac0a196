"""An assessment as a workbook to fill in offline: text as text, lists to choose from, grey columns for the way back.

Every string goes through ``write_string``: nothing that anybody wrote is ever a formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Any

import xlsxwriter

from portal.assessments import workbook_layout as layout
from portal.assessments.answering_words import _
from portal.assessments.drafts import EMPTY, Content
from portal.assessments.workbook_layout import Asked, AskedColumn, Choice, Origin
from portal.assessments.workbook_readme import lines as readme_lines
from questionnaires.dates import parse_date

FIRST_SURE_DAY = date(1900, 3, 1)  # before it, spreadsheets count a day that never was
LAST_DAY = date(2199, 12, 31)
LARGEST = 999_999_999_999_999
YES_NO = ["yes", "no"]
Held = Mapping[str, tuple[int, Content]]  # by question: the revision, and what it says


@dataclass(frozen=True, slots=True)
class About:
    """What the first sheet says: whose questions, for whom, until when. All of it stands on the vendor's pages."""

    title: str
    subject: str
    asker: str
    company: str
    person: str
    due: str
    made: str
    partial: bool
    returned: bool = False


_GREY = {"font_color": "#767676", "bg_color": "#efefef", "font_size": 9, "valign": "top"}
_STYLES: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 16},
    "strong": {"bold": True, "text_wrap": True, "valign": "top"},
    "plain": {"text_wrap": True, "valign": "top"},
    "head": {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#dfe6ee"},
    "grey": _GREY,
    "closed": {"bg_color": "#efefef", "valign": "top"},
    "text": {"text_wrap": True, "valign": "top", "num_format": "@", "locked": False, "border": 4},
    "number": {"valign": "top", "align": "left", "locked": False, "border": 4},
    "day": {"valign": "top", "align": "left", "num_format": "yyyy-mm-dd", "locked": False, "border": 4},
}
# What stays possible on a protected sheet; the protection has no password.
_MAY = {
    "format_cells": True,
    "format_columns": True,
    "format_rows": True,
    "sort": True,
    "autofilter": True,
    "insert_rows": True,
}


def write(target: IO[bytes], about: About, questions: list[Asked], held: Held, origin: Origin) -> int:
    """Write the workbook into ``target``; returns how many questions stand in it."""
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    # No date of its own: equal contents give equal files.
    book.set_properties({"title": about.title, "created": datetime(2000, 1, 1, tzinfo=UTC)})
    sheets = _Sheets(book, held, origin)
    sheets.read_me(about)
    sheets.questions(questions)
    for one in questions:
        if one.type == "table":
            sheets.table(one)
    sheets.lists()
    book.close()
    return len(questions)


class _Sheets:
    """The sheets of one workbook while they are written."""

    def __init__(self, book: Any, held: Held, origin: Origin) -> None:
        self.book, self.held, self.origin = book, held, origin
        self.style = {name: book.add_format(values) for name, values in _STYLES.items()}
        self.offered: dict[tuple[str, ...], int] = {}  # lists to choose from, by row of the last sheet

    def content(self, key: str) -> tuple[int, Content]:
        return self.held.get(key, (0, EMPTY))

    def read_me(self, about: About) -> None:
        sheet = self.book.add_worksheet("Read me")
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 1, 100)
        sheet.hide_gridlines(2)
        sheet.write_string(0, 0, about.title, self.style["title"])
        for row, (label, text) in enumerate(readme_lines(about), 2):
            sheet.write_string(row, 0, label, self.style["strong"])
            sheet.write_string(row, 1, text, self.style["plain"])
        sheet.protect("", _MAY)

    # ------------------------------------------------------------------------------------------------- questions

    def questions(self, questions: list[Asked]) -> None:
        """One row a question, and one below it for each option of which several may be chosen."""
        sheet = self.book.add_worksheet("Questions")
        evidence = any(one.evidence for one in questions)
        columns = _columns(evidence)
        at = {code: index for index, (code, _head, _width) in enumerate(columns) if code}
        self._head(sheet, columns)
        sheet.freeze_panes(2, 2)
        row = 2
        for one in questions:
            row = self._question(sheet, row, one, at)
        sheet.autofilter(1, 0, max(row - 1, 1), len(columns) - 1)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(1)

    def _head(self, sheet: Any, columns: list[tuple[str, str, int]]) -> None:
        for column, (code, heading, width) in enumerate(columns):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, code, self.style["grey"])
            sheet.write_string(1, column, heading, self.style["head"])
        sheet.protect("", _MAY)

    def _question(self, sheet: Any, row: int, one: Asked, at: Mapping[str, int]) -> int:
        """The rows of one question; returns the next free row."""
        revision, content = self.content(one.key)
        in_lines = one.type in ("choices", "table")
        how = one.how
        if not in_lines and not self._fits(content):
            how = _(
                "%(how)s Your present answer cannot stand in a spreadsheet: it stays unless you write here.",
                how=how,
            )
        said = (one.number, one.section)
        for column, text in enumerate(said):
            sheet.write_string(row, column, text, self.style["plain"])
        sheet.write_string(row, at[layout.QUESTION], one.text, self.style["strong"])
        for code, text in (("help", one.help), ("when", one.because), ("how", how), ("unit", one.unit)):
            sheet.write_string(row, at[code], text, self.style["plain"])
        if in_lines:
            sheet.write_blank(row, at[layout.ANSWER], None, self.style["closed"])
        else:
            value = content.value if content.state == "answered" else None
            self._cell(sheet, row, at[layout.ANSWER], one, value)
        self._beside(sheet, row, one, content, at)
        self._grey(sheet, row, at, one.key, revision, "")
        if one.type != "choices":
            return row + 1
        for place, choice in enumerate(one.choices, row + 1):
            self._option(sheet, place, one, choice, at)
        return row + 1 + len(one.choices)

    def _fits(self, content: Content) -> bool:
        return not isinstance(content.value, str) or layout.fits_cell(content.value)

    def _option(self, sheet: Any, row: int, one: Asked, choice: Choice, at: Mapping[str, int]) -> None:
        """One option of several: its words, and yes or no."""
        revision, content = self.content(one.key)
        sheet.write_string(row, at[layout.QUESTION], choice.words, self.style["plain"])
        column = at[layout.ANSWER]
        if content.state == "answered":
            said = "yes" if choice.value in content.value else "no"
            sheet.write_string(row, column, said, self.style["text"])
        else:
            sheet.write_blank(row, column, None, self.style["text"])
        _yes_or_no(sheet, row, column)
        self._grey(sheet, row, at, one.key, revision, choice.value)

    def _beside(self, sheet: Any, row: int, one: Asked, content: Content, at: Mapping[str, int]) -> None:
        """Not applicable, comment, and what is said of evidence that is not here."""
        if one.allow_na:
            self._text(
                sheet, row, at[layout.NOT_APPLICABLE], "yes" if content.state == "not_applicable" else ""
            )
            _yes_or_no(sheet, row, at[layout.NOT_APPLICABLE])
        else:
            sheet.write_blank(row, at[layout.NOT_APPLICABLE], None, self.style["closed"])
        self._text(sheet, row, at[layout.COMMENT], content.note)
        if layout.REASON not in at:
            return
        if one.evidence:
            sheet.write_string(row, at["evidence"], one.evidence, self.style["plain"])
            self._text(sheet, row, at[layout.REASON], content.promise_reason)
            self._day(sheet, row, at[layout.BY], content.promise_date)
        else:
            for code in ("evidence", layout.REASON, layout.BY):
                sheet.write_blank(row, at[code], None, self.style["closed"])

    def _grey(self, sheet: Any, row: int, at: Mapping[str, int], key: str, revision: int, more: str) -> None:
        """What leads the row back: key, state, and the option or the row of a table."""
        sheet.write_string(row, at[layout.KEY], key, self.style["grey"])
        sheet.write_string(row, at[layout.STATE], self.origin.state(revision), self.style["grey"])
        last = at.get(layout.OPTION, at.get(layout.ROW))
        assert last is not None
        sheet.write_string(row, last, more, self.style["grey"])

    # ---------------------------------------------------------------------------------------------------- tables

    def table(self, one: Asked) -> None:
        """A sheet of its own for a table: a row for each of its rows, and some to spare."""
        sheet = self.book.add_worksheet(f"Table {one.number}")
        columns = [(f"{layout.COLUMN}{each.key}", each.label, 30) for each in one.columns]
        columns += [
            (layout.QUESTION, _("Of question"), 30),
            *((code, _("Leave as it is"), 14) for code in (layout.KEY, layout.STATE, layout.ROW)),
        ]
        at = {code: index for index, (code, _head, _width) in enumerate(columns)}
        self._head(sheet, columns)
        sheet.freeze_panes(2, 0)
        revision, content = self.content(one.key)
        rows = content.value if content.state == "answered" else []
        for number in range(1, min(len(rows) + layout.SPARE_ROWS, one.max_rows) + 1):
            place = number + 1
            held = rows[number - 1] if number <= len(rows) else {}
            for column in one.columns:
                index = at[f"{layout.COLUMN}{column.key}"]
                self._cell(sheet, place, index, column, held.get(column.key))
            sheet.write_string(place, at[layout.QUESTION], one.text, self.style["grey"])
            self._grey(sheet, place, at, one.key, revision, f"row {number}")

    # ----------------------------------------------------------------------------------------------------- cells

    def _cell(self, sheet: Any, row: int, column: int, asked: Asked | AskedColumn, value: Any) -> None:
        """One answer, or one cell of a table, with what may be written into it."""
        match asked.type:
            case "choice":
                known = next((one.words for one in asked.choices if one.value == value), value or "")
                self._text(sheet, row, column, known)
                self._choose_from(sheet, row, column, asked.choices)
            case "number":
                self._number(sheet, row, column, value or "")
                _number_only(sheet, row, column, asked)
            case "date":
                self._day(sheet, row, column, value or "")
            case _:
                self._text(sheet, row, column, value or "")

    def _text(self, sheet: Any, row: int, column: int, text: str) -> None:
        if text and layout.fits_cell(text):
            sheet.write_string(row, column, text, self.style["text"])
        else:
            sheet.write_blank(row, column, None, self.style["text"])

    def _number(self, sheet: Any, row: int, column: int, text: str) -> None:
        """A number as one where a spreadsheet keeps every digit of it, else as text."""
        if text and Decimal(format(float(text), ".15g")) == Decimal(text):
            sheet.write_number(row, column, float(text), self.style["number"])
        elif text:
            sheet.write_string(row, column, text, self.style["number"])
        else:
            sheet.write_blank(row, column, None, self.style["number"])

    def _day(self, sheet: Any, row: int, column: int, text: str) -> None:
        day = parse_date(text)
        if day is not None and day >= FIRST_SURE_DAY:
            sheet.write_datetime(row, column, day, self.style["day"])
        elif text:
            sheet.write_string(row, column, text, self.style["day"])
        else:
            sheet.write_blank(row, column, None, self.style["day"])
        rule = {"validate": "date", "criteria": "between", "minimum": FIRST_SURE_DAY, "maximum": LAST_DAY}
        told = _("Write a date, like 2026-11-21.")
        sheet.data_validation(
            row, column, row, column, {**rule, "error_title": _("Not a date"), "error_message": told}
        )

    def _choose_from(self, sheet: Any, row: int, column: int, choices: tuple[Choice, ...]) -> None:
        if not choices:
            return
        place = self.offered.setdefault(tuple(one.words for one in choices), len(self.offered))
        last = xlsxwriter.utility.xl_col_to_name(len(choices) - 1)
        told = _("Choose one of the list.")
        rule = {"validate": "list", "source": f"=Lists!$A${place + 1}:${last}${place + 1}"}
        sheet.data_validation(
            row, column, row, column, {**rule, "error_title": _("Not offered"), "error_message": told}
        )

    def lists(self) -> None:
        """The lists to choose from, on a sheet that nobody needs to see."""
        sheet = self.book.add_worksheet("Lists")
        for named, row in self.offered.items():
            for column, text in enumerate(named):
                sheet.write_string(row, column, text)
        sheet.hide()


def _columns(evidence: bool) -> list[tuple[str, str, int]]:
    """(code, heading, width) of the sheet of questions, in order."""
    proof = [
        ("evidence", _("Document asked for"), 24),
        (layout.REASON, _("Why it is not here"), 28),
        (layout.BY, _("When it will come"), 14),
    ]
    return [
        ("number", _("Number"), 8),
        ("section", _("Section"), 18),
        (layout.QUESTION, _("Question"), 50),
        ("help", _("Help"), 40),
        ("when", _("When it is asked"), 24),
        ("how", _("How to answer"), 24),
        (layout.ANSWER, _("Your answer"), 40),
        ("unit", _("Unit"), 10),
        (layout.NOT_APPLICABLE, _("Not applicable?"), 12),
        (layout.COMMENT, _("Comment, or why not applicable"), 40),
        *(proof if evidence else []),
        *((code, _("Leave as it is"), 14) for code in (layout.KEY, layout.STATE, layout.OPTION)),
    ]


def _yes_or_no(sheet: Any, row: int, column: int) -> None:
    rule = {"validate": "list", "source": YES_NO}
    told = _("Write yes or no.")
    sheet.data_validation(row, column, row, column, {**rule, "error_title": told, "error_message": told})


def _number_only(sheet: Any, row: int, column: int, asked: Asked | AskedColumn) -> None:
    """A number within the question's bounds; cells of tables take any number."""
    least: float = -LARGEST
    most: float = LARGEST
    kind, told = "decimal", _("Write a number.")
    if isinstance(asked, Asked):
        kind, told = "decimal" if asked.decimals else "integer", asked.how
        least = _bound(asked.at_least, least)
        most = _bound(asked.at_most, most)
    rule = {"validate": kind, "criteria": "between", "minimum": least, "maximum": most}
    more = {"error_title": _("Not such a number"), "error_message": told[:250]}
    sheet.data_validation(row, column, row, column, {**rule, **more})


def _bound(text: str | None, otherwise: float) -> float:
    """A bound of a number as spreadsheets take it."""
    return otherwise if text is None else float(text) if "." in text else int(text)
