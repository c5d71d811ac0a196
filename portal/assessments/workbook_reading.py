"""From cells to what they say of each question, by key: never by row or position, never a guess.

Nothing here knows what is stored: an entry holds what the workbook says and what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from portal.assessments import workbook_layout as layout
from portal.assessments.answering_words import _
from portal.assessments.workbook_grid import Grid, Row, refuse, typed_day, typed_number, typed_text
from portal.assessments.workbook_layout import Asked, AskedColumn, Origin, state_of
from portal.assessments.workbook_opening import Cell, Cells
from portal.forms import clean

LONGEST_KEY = 200
MOST_UNKNOWN = 50  # rows that name no question are told one by one; of more, their number
MOST_FAULTS = 3  # told of one question; the first ones explain the rest


@dataclass
class Entry:
    """What the workbook says of one question; what is None was left empty. ``at``: the first cell, ``Questions!J12``.

    ``value`` has the JSON shape of the format, or is the text that does not fit. ``options``: yes or no by value.
    ``rows``: (number of a row that was there, None for a new one, with its cells by column). ``faults``: (cell, text).
    """

    key: str
    at: str
    revision: int = 0
    value: str | None = None
    options: dict[str, bool] = field(default_factory=dict)
    rows: list[tuple[int | None, dict[str, str]]] = field(default_factory=list)
    not_applicable: bool | None = None
    note: str | None = None
    reason: str | None = None
    by: str | None = None
    faults: list[tuple[str, str]] = field(default_factory=list)
    known: bool = True
    more: int = 0  # of an entry without key: how many more rows name no question

    @property
    def blank(self) -> bool:
        """Whether nothing was filled in."""
        given = (self.value, self.not_applicable, self.note, self.reason, self.by)
        return all(one is None for one in given) and not self.options and not self.rows


def read(cells: Cells, questions: Iterable[Asked], origin: Origin) -> list[Entry]:
    """Every question that the workbook names, in the questionnaire's order, then keys that are none of ``questions``.

    Raises Invalid (field ``file``) for a workbook that is not of this assessment, or cannot be read safely.
    """
    reading = _Reading(cells, {one.key: one for one in questions}, origin)
    found = [one for sheet in cells.sheets if (one := Grid.of(sheet)) is not None]
    if not found:
        refuse(
            _(
                "This workbook has no grey row with the names of its columns (“key”, “state”), so its answers cannot "
                "be led back to their questions. Download it anew and copy your answers into it."
            )
        )
    for grid in found:
        grid.check()
        reading.sheet(grid)
    return reading.finished()


class _Reading:
    """What one workbook says, collected by key."""

    def __init__(self, cells: Cells, questions: Mapping[str, Asked], origin: Origin) -> None:
        self.cells, self.questions, self.origin = cells, questions, origin
        self.entries: dict[str, Entry] = {}
        self.seen: set[tuple[str, str]] = set()
        self.ours = False
        self.foreign: set[str] = set()
        self.unknown = 0

    def sheet(self, grid: Grid) -> None:
        keys = {row.text(layout.KEY) for row in grid.rows()} - {""}
        only = next(iter(keys)) if len(keys) == 1 and layout.ROW in grid.columns else ""
        for row in grid.rows():
            key = row.text(layout.KEY) or only
            if key and (row.text(layout.KEY) or self._has_cells(row)):
                self._row(row, key[:LONGEST_KEY])
            elif not key and any(row.cell(code) for code in (layout.ANSWER, layout.COMMENT)):
                self._lost(row)

    def _has_cells(self, row: Row) -> bool:
        return any(row.cell(code) for code in row.grid.columns if code.startswith(layout.COLUMN))

    def _lost(self, row: Row) -> None:
        """An answer in a row without a key: nobody knows of what."""
        code = layout.ANSWER if row.cell(layout.ANSWER) else layout.COMMENT
        self.unknown += 1
        if self.unknown > MOST_UNKNOWN:
            return
        entry = Entry("", row.at(code), known=False)
        entry.faults.append((row.at(code), _("The grey column “key” of this row is empty.")))
        self.entries[f"\0{row.at(code)}"] = entry

    def _row(self, row: Row, key: str) -> None:
        question = self.questions.get(key)
        if question is None:
            self._stranger(row, key)
            return
        entry = self.entries.setdefault(key, Entry(key, row.at(layout.KEY)))
        spare = row.grid.columns.get(layout.ROW) is not None and not row.text(layout.KEY)
        if not spare and not self._origin(row, entry):
            return
        if not self._belongs(row, entry, question):
            return
        if layout.ROW in row.grid.columns:
            self._table_row(row, entry, question)
        elif row.cell(layout.OPTION) is not None:
            self._option(row, entry, question)
        else:
            self._question(row, entry, question)

    def _stranger(self, row: Row, key: str) -> None:
        """A row of no question of theirs; whether it is of this assessment is seen of every one."""
        entry = self.entries.get(key) or Entry(key, row.at(layout.KEY), known=False)
        if key not in self.entries:
            self.unknown += 1
            if self.unknown <= MOST_UNKNOWN:
                self.entries[key] = entry
        self._origin(row, entry)

    def _origin(self, row: Row, entry: Entry) -> bool:
        """Whether the row is of this assessment and version; its revision goes to the entry."""
        found = state_of(row.text(layout.STATE))
        if found is None:
            self._blame(
                row,
                entry,
                layout.STATE,
                _(
                    "The grey column “state” of this row is empty or changed, so nobody can tell which answer this one "
                    "was written on. Copy it into a workbook that you download anew."
                ),
            )
            return False
        origin, revision = found
        if origin != self.origin:
            other = origin.assessment != self.origin.assessment
            self.foreign.add("assessment" if other else "version")
            self._blame(
                row,
                entry,
                layout.STATE,
                _("This row comes from the workbook of another questionnaire.")
                if other
                else _("This row comes from a workbook of another version of this questionnaire."),
            )
            return False
        self.ours = True
        if (entry.key, "revision") in self.seen and entry.revision != revision:
            text = _("The rows of this question come from workbooks of different days. Use one of them.")
            self._blame(row, entry, layout.STATE, text)
            return False
        if entry.known:
            self.seen.add((entry.key, "revision"))
        entry.revision = revision
        return True

    def _belongs(self, row: Row, entry: Entry, question: Asked) -> bool:
        """Whether the grey key and the question beside it still belong together: a part of the rows may be sorted."""
        said = layout.folded(row.text(layout.QUESTION))
        option = row.text(layout.OPTION)
        right = [one.words for one in question.choices if one.value == option] if option else [question.text]
        if said and said not in {layout.folded(clean(one)) for one in right}:
            text = _(
                "The grey key of this row belongs to another question than the one beside it: rows were moved or "
                "sorted in part. Copy your answer into a workbook that you download anew."
            )
            self._blame(row, entry, layout.QUESTION, text)
            return False
        return True

    def _once(self, row: Row, entry: Entry, what: str) -> bool:
        if (entry.key, what) in self.seen:
            self._blame(
                row, entry, layout.KEY, _("This question stands in more than one row. Leave one of them.")
            )
            return False
        self.seen.add((entry.key, what))
        return True

    def _question(self, row: Row, entry: Entry, question: Asked) -> None:
        """The row of a question: answer, not applicable, comment, and what is said of evidence."""
        if not self._once(row, entry, "question"):
            return
        if (cell := self._cell(row, entry, layout.ANSWER)) is not None:
            entry.at = row.at(layout.ANSWER)
            if question.type in ("choices", "table"):
                below = _("Write yes or no at the lines below, not here.")
                there = _("Fill in the sheet of this question; this cell is not read.")
                self._blame(row, entry, layout.ANSWER, below if question.type == "choices" else there)
            else:
                entry.value = self._typed(row, entry, layout.ANSWER, question, cell)
        if (cell := self._cell(row, entry, layout.NOT_APPLICABLE)) is not None:
            entry.not_applicable = self._flag(row, entry, layout.NOT_APPLICABLE, cell)
        if (cell := self._cell(row, entry, layout.COMMENT)) is not None:
            entry.note = typed_text(cell)
        if (cell := self._cell(row, entry, layout.REASON)) is not None:
            entry.reason = typed_text(cell)
        if (cell := self._cell(row, entry, layout.BY)) is not None:
            entry.by = typed_day(cell, from_1904=self.cells.from_1904)

    def _option(self, row: Row, entry: Entry, question: Asked) -> None:
        option = row.text(layout.OPTION)
        if all(one.value != option for one in question.choices):
            self._blame(
                row,
                entry,
                layout.OPTION,
                _("“%(option)s” is no option of this question.", option=option[:60]),
            )
        elif self._once(row, entry, f"option {option}"):
            cell = self._cell(row, entry, layout.ANSWER)
            said = self._flag(row, entry, layout.ANSWER, cell) if cell is not None else None
            if said is not None:
                entry.options[option] = said

    def _table_row(self, row: Row, entry: Entry, question: Asked) -> None:
        """A row of a table: ``row 3`` is the third that was there or may come; without a number it is a new one."""
        found = re.fullmatch(r"row ([0-9]{1,4})", row.text(layout.ROW))
        if found is not None and not self._once(row, entry, found[0]):
            return
        cells: dict[str, str] = {}
        for column in question.columns:
            code = f"{layout.COLUMN}{column.key}"
            if (cell := self._cell(row, entry, code)) is not None:
                cells[column.key] = self._typed(row, entry, code, column, cell)
                entry.at = entry.at if entry.rows else row.at(code)
        if cells:
            entry.rows.append((int(found[1]) if found else None, cells))

    # ----------------------------------------------------------------------------------------------------- cells

    def _cell(self, row: Row, entry: Entry, code: str) -> Cell | None:
        """A cell that somebody filled in; formulas and errors are faults, for nobody wrote what they show."""
        cell = row.cell(code)
        if cell is not None and cell.kind == "formula":
            text = _("The cell holds a formula. Copy it and paste its value in its place.")
            self._blame(row, entry, code, text)
            return None
        if cell is not None and cell.kind == "error":
            self._blame(row, entry, code, _("The cell holds an error of the spreadsheet, such as #REF!."))
            return None
        return cell

    def _typed(self, row: Row, entry: Entry, code: str, asked: Asked | AskedColumn, cell: Cell) -> str:
        """A cell in the written form of its kind; what does not fit stays as it is, to be refused with a reason."""
        match asked.type:
            case "choice":
                words = (
                    (cell.text, "true" if cell.text == "yes" else "false")
                    if cell.kind == "flag"
                    else (cell.text,)
                )
                found = [layout.chosen(asked.choices, one) for one in words]
                return next((one for one in found if one is not None), cell.text.strip())
            case "number":
                return typed_number(cell, asked.unit if isinstance(asked, Asked) else "")
            case "date":
                return typed_day(cell, from_1904=self.cells.from_1904)
            case _:
                return typed_text(cell)

    def _flag(self, row: Row, entry: Entry, code: str, cell: Cell) -> bool | None:
        said = layout.flag(cell.text)
        if said is None:
            text = _("Write yes or no. You wrote “%(wrote)s”.", wrote=cell.text[:60])
            self._blame(row, entry, code, text)
        return said

    def _blame(self, row: Row, entry: Entry, code: str, text: str) -> None:
        if len(entry.faults) < MOST_FAULTS:
            entry.faults.append((row.at(code), text))

    def finished(self) -> list[Entry]:
        """All entries; refuses a workbook of which no row is ours."""
        if not self.ours and self.foreign:
            refuse(
                _(
                    "This is the workbook of another questionnaire. Upload it where it was downloaded, or download "
                    "this one anew."
                )
                if "assessment" in self.foreign
                else _(
                    "This workbook was made for another version of this questionnaire. Download it anew and copy your "
                    "answers into it; what you have answered in the portal is in it already."
                )
            )
        if not self.ours:
            refuse(
                _(
                    "No row of this workbook belongs to this questionnaire: its grey columns were changed or emptied. "
                    "Download it anew and copy your answers into it."
                )
            )
        if self.unknown > MOST_UNKNOWN:
            self.entries["\0"] = Entry("", "", known=False, more=self.unknown - MOST_UNKNOWN)
        order = {key: place for place, key in enumerate(self.questions)}
        return sorted(self.entries.values(), key=lambda one: order.get(one.key, len(order)))
