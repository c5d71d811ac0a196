"""Reading an XLSX file with bounds: what it would unpack to is measured before a reader builds any table of it.

A reader lays a sheet out as a rectangle: two cells at opposite corners are seventeen thousand million. So each part
is first walked through as a stream, which also finds what no sheet of ours has: merged cells and formulas.
"""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import IO, Any
from xml.parsers import expat

MOST_UNPACKED = 40 * 1024 * 1024
MOST_ROWS = 20_000
MOST_COLUMNS = 100
MOST_CELLS = 400_000
MOST_SHEETS = 120
_PIECE = 64 * 1024
_PLACE = re.compile(r"([A-Z]{1,4})([0-9]{1,10})")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)

Rows = list[list[str]]


class SpreadsheetError(ValueError):
    """A workbook that is not read, or not as it stands; ``lines`` says every reason, with sheet and row."""

    def __init__(self, lines: str | Iterable[str]) -> None:
        self.lines = (lines,) if isinstance(lines, str) else tuple(lines)
        super().__init__("\n".join(self.lines))


def read_book(
    data: bytes,
    *,
    most_rows: int = MOST_ROWS,
    most_columns: int = MOST_COLUMNS,
    most_cells: int = MOST_CELLS,
) -> Mapping[str, Rows]:
    """The sheets of an XLSX file by name: rows of equal length from the very first cell on, each cell as text.

    Numbers come as people write them (``5``, ``1.5``), days as ISO dates, true and false as ``yes`` and ``no``, empty
    cells as "". Raises SpreadsheetError for files that are no workbook, are larger than the bounds, or hold merged
    cells or formulas. The portal checks the archive itself before (``evidence/office.py``).
    """
    _measure(data, most_rows, most_columns, most_cells)
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            if len(book.sheet_names) > MOST_SHEETS:
                raise SpreadsheetError(f"The workbook has more than {MOST_SHEETS} sheets.")
            return {
                name: [
                    [_text(value) for value in row]
                    for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                ]
                for name in book.sheet_names
            }
    except (CalamineError, OSError) as error:
        raise SpreadsheetError(f"The workbook cannot be read: {str(error)[:200]}.") from None


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case _:
            return str(value)


# ------------------------------------------------------------------------------------------------ before it is read


def _measure(data: bytes, most_rows: int, most_columns: int, most_cells: int) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if sum(one.file_size for one in entries) > MOST_UNPACKED:
                raise SpreadsheetError(f"The workbook unpacks to more than {MOST_UNPACKED >> 20} MB.")
            sheets = [one for one in entries if _SHEET.fullmatch(one.filename)]
            if not sheets:
                raise SpreadsheetError("This is no workbook of the kind XLSX: it has no sheets.")
            cells = 0
            for one in entries:
                if not one.filename.lower().endswith((".xml", ".rels")):
                    continue
                found = _Sheet(most_rows, most_columns, most_cells - cells)
                with archive.open(one) as stream:
                    found.walk(stream)
                cells += found.cells
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        if isinstance(error, SpreadsheetError):
            raise
        raise SpreadsheetError("This is no workbook of the kind XLSX, or it is damaged.") from None


class _Sheet:
    """One part of the file, walked through element by element; parts that are no sheets have no rows and cells."""

    def __init__(self, most_rows: int, most_columns: int, most_cells: int) -> None:
        self.most_rows, self.most_columns, self.most_cells = most_rows, most_columns, most_cells
        self.cells = self.row = self.column = 0

    def walk(self, stream: IO[bytes]) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self.element
        parser.StartDoctypeDeclHandler = _doctype
        total = 0
        try:
            while piece := stream.read(_PIECE):
                total += len(piece)
                if total > MOST_UNPACKED:
                    raise SpreadsheetError(f"The workbook unpacks to more than {MOST_UNPACKED >> 20} MB.")
                parser.Parse(piece, False)
            parser.Parse(b"", True)
        except expat.ExpatError:
            raise SpreadsheetError("The workbook is damaged: one of its parts is not valid XML.") from None

    def element(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "row":
                self.row = _number(attributes.get("r"), self.row + 1)
                self.column = 0
                if self.row > self.most_rows:
                    raise SpreadsheetError(
                        f"A sheet goes on beyond row {self.most_rows:,}. Delete the rows that are not needed."
                    )
            case "c":
                self.cell(attributes.get("r", ""))
            case "f":
                raise SpreadsheetError(
                    f"{self.place} holds a formula. Put its result in its place, as a plain value."
                )
            case "mergeCell":
                where = attributes.get("ref", "somewhere")[:20]
                raise SpreadsheetError(f"Cells are merged ({where}). Unmerge them: each row stands alone.")

    def cell(self, written: str) -> None:
        self.cells += 1
        place = _PLACE.fullmatch(written)
        self.column = _column(place[1]) if place else self.column + 1
        row = int(place[2]) if place else self.row
        if row > self.most_rows or self.column > self.most_columns:
            raise SpreadsheetError(
                f"Cell {written} lies outside of what is read: {self.most_rows:,} rows, {self.most_columns} columns."
            )
        if self.cells > self.most_cells:
            raise SpreadsheetError("The workbook has far more cells than one of ours.")

    @property
    def place(self) -> str:
        letters, column = "", self.column
        while column:
            column, rest = divmod(column - 1, 26)
            letters = chr(65 + rest) + letters
        return f"Cell {letters}{self.row}"


def _doctype(*_: object) -> None:
    raise SpreadsheetError("The workbook declares a document type, which no spreadsheet program writes.")


def _column(letters: str) -> int:
    found = 0
    for one in letters:
        found = found * 26 + ord(one) - 64
    return found


def _number(text: str | None, default: int) -> int:
    if text is None or not text.isascii() or not text.isdigit():
        return default
    return int(text[:10])
