"""The cells of a workbook, read in a process of its own: ``python -I workbook_cells.py [cells] < file > cells.json``.

The reader (calamine) lays a sheet out as one block of memory from its first cell to its last, and ends its process
where that cannot be had: two cells in far corners would take the portal down. So it runs here, with a ceiling on memory
and time, after the XML has been walked once by expat: sizes, formulas, errors and merged cells are known before it is
asked, and documents that declare entities or come in odd encodings are refused. Sheets are found as the reader finds
them, by relationship, and only where spreadsheet programs put them. Standard library and calamine only; started by
spreadsheet.py, never imported for its reading.

Answers JSON, one object: ``{"sheets": [{"name", "merged": ["A1:B2"], "cells": [[row, column, kind, text]]}],
"from_1904": bool}`` with rows and columns from 0, only cells that hold something, kinds of KINDS; or
``{"refused": code of REFUSALS, "sheet": name}``. ``cells``: how many may hold something, MOST_CELLS unless given.
"""

from __future__ import annotations

import io
import json
import os
import re
import resource
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from xml.parsers import expat

MEMORY = 512 * 1024 * 1024  # address space; what is really used stays far below
SECONDS = 10
MOST_SHEETS = 250
MOST_ROWS = 20_000
MOST_COLUMNS = 200
MOST_CELLS = 100_000  # that hold something, in all sheets
MOST_WRITTEN = 400_000  # with the empty ones that programs write for their looks, in all sheets
MOST_ELEMENTS = 2_500_000  # of XML in all parts: each costs half a microsecond before anything is known of it
LARGEST_AREA = 600_000  # from first to last row and column, all sheets: calamine takes 32 bytes for each
LARGEST_UNPACKED = 40 * 1024 * 1024
MOST_SPILLED = 200  # formulas that fill more than one cell
MOST_TEXT = 6_000_000  # characters
Begin = Callable[[str, dict[str, str]], None]
KINDS = ("text", "number", "percent", "flag", "day", "moment", "time", "formula", "error")
REFUSALS = ("rows", "columns", "area", "cells", "sheets", "text", "entities", "encoding", "parts", "damaged")
# Where every spreadsheet program puts its sheets; calamine would follow a relationship to any part of any name.
_SHEET = re.compile(r"xl/(?:worksheets|chartsheets|dialogsheets)/[A-Za-z0-9_. -]+\.xml")
_SHEET_TYPES = ("worksheet", "chartsheet", "dialogsheet", "macrosheet")
# What a number format shows literally: in quotes, after a backslash, or a condition and a colour in brackets.
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
STYLES = "xl/styles.xml"
PERCENTAGES = ("9", "10")  # the number formats 0% and 0.00% that every program has (ECMA-376 part 1, 18.8.30)
_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


class Refused(Exception):
    """``code`` of REFUSALS, and the sheet that it is about."""

    def __init__(self, code: str, sheet: str = "") -> None:
        super().__init__(code)
        self.code, self.sheet = code, sheet


@dataclass
class Walked:
    """What the XML of a sheet says: the last row and column, and what calamine keeps to itself (numbers in "%")."""

    rows: int = 0
    columns: int = 0
    formulas: set[tuple[int, int]] = field(default_factory=set)
    spilled: list[tuple[int, int, int, int]] = field(default_factory=list)
    errors: set[tuple[int, int]] = field(default_factory=set)
    percentages: set[tuple[int, int]] = field(default_factory=set)
    merged: list[str] = field(default_factory=list)

    def calculated(self, row: int, column: int) -> bool:
        """Whether a formula gave what the cell shows."""
        return (row, column) in self.formulas or any(
            top <= row <= bottom and left <= column <= right for top, left, bottom, right in self.spilled
        )


def place(text: str) -> tuple[int, int]:
    """(row, column) from 0 of ``B12``; raises Refused."""
    found = _CELL.fullmatch(text.replace("$", ""))
    if found is None:
        raise Refused("damaged")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]) - 1, column - 1


def main() -> None:
    """Read standard input, write standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)  # the portal's own pages go first
    most = int(sys.argv[1]) if len(sys.argv) > 1 else MOST_CELLS
    try:
        answer = read(sys.stdin.buffer.read(), most)
    except MemoryError:
        answer = {"refused": "cells", "sheet": ""}
    except Refused as why:
        answer = {"refused": why.code, "sheet": why.sheet[:100]}
    json.dump(answer, sys.stdout, ensure_ascii=True, separators=(",", ":"))


def read(data: bytes, most_cells: int = MOST_CELLS) -> dict[str, Any]:
    """The cells of a workbook. Raises Refused, MemoryError."""
    import python_calamine as calamine

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            book = _book(archive)
            walked = _walk(archive, book, Left(cells=most_cells))
        workbook = calamine.load_workbook(io.BytesIO(data))
        room = Room()
        sheets = [
            _cells(workbook.get_sheet_by_name(name), walked[book.parts[name]], room, most_cells)
            for name in workbook.sheet_names
            if "/worksheets/" in book.parts.get(name, "")
        ]
    except (calamine.CalamineError, zipfile.BadZipFile, expat.ExpatError, KeyError, ValueError) as error:
        raise Refused("damaged") from error
    except (zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise Refused("damaged") from error
    return {"sheets": sheets, "from_1904": book.from_1904}


# ------------------------------------------------------------------------------------------------- walking the XML


@dataclass
class Left:
    """How much of each may still come, in the whole file."""

    cells: int
    written: int = MOST_WRITTEN
    elements: int = MOST_ELEMENTS
    area: int = LARGEST_AREA


@dataclass
class Book:
    """The part of each sheet by the sheet's name, every part that may be one, and from where days are counted."""

    parts: dict[str, str] = field(default_factory=dict)
    sheets: set[str] = field(default_factory=set)
    percentages: set[str] = field(default_factory=set)  # styles of cells
    from_1904: bool = False


def _book(archive: zipfile.ZipFile) -> Book:
    """What the workbook lists. Raises Refused for parts that another reader might find elsewhere."""
    held = archive.namelist()
    # calamine looks parts up without regard to case and takes \\ for /, so two such names are one too many.
    if len({name.casefold().replace("\\", "/") for name in held}) != len(held):
        raise Refused("parts")
    if sum(one.file_size for one in archive.infolist()) > LARGEST_UNPACKED:
        raise Refused("text")
    found, targets = Book(), dict[str, str]()

    def relation(tag: str, values: dict[str, str]) -> None:
        if tag != "Relationship":
            return
        target, name = values.get("Target", ""), values.get("Id", "")
        kind = values.get("Type", "").rpartition("/")[2].casefold()
        if name in targets:
            raise Refused("damaged")
        targets[name] = path = target[1:] if target.startswith("/") else f"xl/{target}"
        if kind.endswith(_SHEET_TYPES) or "sheets/" in target.casefold():
            if values.get("TargetMode") == "External" or not _SHEET.fullmatch(path):
                raise Refused("parts")
            found.sheets.add(path)

    def book(tag: str, values: dict[str, str]) -> None:
        if tag == "sheet":
            which = {value for name, value in values.items() if name.rpartition(":")[2].casefold() == "id"}
            path = targets.get(which.pop(), "") if len(which) == 1 else ""
            name = values.get("name", "")
            if path not in found.sheets or path in found.parts.values() or name in found.parts:
                raise Refused("damaged")
            found.parts[name] = path
            if len(found.parts) > MOST_SHEETS:
                raise Refused("sheets")
        elif tag == "workbookPr":
            found.from_1904 = values.get("date1904") in ("1", "true")

    few = Left(cells=0, elements=50_000)
    _parse(archive, "xl/_rels/workbook.xml.rels", relation, few)
    _parse(archive, "xl/workbook.xml", book, few)
    found.percentages = _percentages(archive)
    return found


def _percentages(archive: zipfile.ZipFile) -> set[str]:
    """The styles of cells whose numbers are shown as percentages; they stand where calamine looks for them too."""
    if STYLES not in archive.namelist():
        return set()
    formats, styles, section = set(PERCENTAGES), list[str](), ""

    def style(tag: str, values: dict[str, str]) -> None:
        nonlocal section
        if tag == "numFmt" and "%" in _LITERAL.sub("", values.get("formatCode", "")):
            formats.add(values.get("numFmtId", ""))
        elif tag == "xf" and section == "cellXfs":
            styles.append(values.get("numFmtId", "0"))
        elif tag in ("cellStyleXfs", "cellXfs", "cellStyles", "dxfs"):
            section = tag

    _parse(archive, STYLES, style, Left(cells=0, elements=MOST_ELEMENTS))
    return {str(place) for place, one in enumerate(styles) if one in formats}


def _walk(archive: zipfile.ZipFile, book: Book, left: Left) -> dict[str, Walked]:
    """Every part of the archive that is XML, once: the sheets with their cells, the rest only for what they declare."""
    names = {path: name for name, path in book.parts.items()}
    walked: dict[str, Walked] = {}
    for part in archive.namelist():
        if part in book.sheets:
            try:
                walked[part] = _walk_sheet(archive, part, left, book.percentages)
            except Refused as why:
                raise Refused(why.code, names.get(part, "")) from None
        elif part.casefold().endswith((".xml", ".rels", ".vml")):
            _parse(archive, part, _pass, left)
    if set(walked) != book.sheets:
        raise Refused("damaged")
    return walked


def _pass(_tag: str, _values: dict[str, str]) -> None:
    """Of this part only the number of elements counts."""


def _walk_sheet(archive: zipfile.ZipFile, part: str, left: Left, percentages: set[str]) -> Walked:
    walk = _Walk(left, percentages)
    _parse(archive, part, walk.element, left)
    left.area -= walk.found.rows * walk.found.columns
    if left.area < 0:
        raise Refused("area")
    return walk.found


class _Walk:
    """One sheet's XML, element by element; limits hold at once, whatever is still to come."""

    def __init__(self, left: Left, percentages: set[str]) -> None:
        self.found, self.left, self.percentages = Walked(), left, percentages
        self.row = self.column = -1
        self.error = self.counted = self.percentage = False

    def element(self, tag: str, values: dict[str, str]) -> None:
        if tag == "row":
            self.row, self.column = int(values["r"]) - 1 if "r" in values else self.row + 1, -1
        elif tag == "c":
            at = place(values["r"]) if "r" in values else (self.row, self.column + 1)
            self.row, self.column = at
            self.error, self.counted = values.get("t") == "e", False
            self.percentage = values.get("s") in self.percentages
            self.left.written -= 1
            if self.left.written < 0:
                raise Refused("cells")
        elif tag == "f":
            self._formula(values)
        elif tag in ("v", "is"):
            if self.error:
                self.found.errors.add((self.row, self.column))
            self._count()
        elif tag == "mergeCell" and len(self.found.merged) < 20:
            self.found.merged.append(values.get("ref", "")[:40])

    def _formula(self, values: dict[str, str]) -> None:
        self.found.formulas.add((self.row, self.column))
        if "ref" in values and values.get("t") in ("array", "dataTable"):
            first, _colon, last = values["ref"].partition(":")
            self.found.spilled.append((*place(first), *place(last or first)))
        self._count()

    def _count(self) -> None:
        """A cell that holds something."""
        if self.counted:
            return
        self.counted, found = True, self.found
        if self.percentage:
            found.percentages.add((self.row, self.column))
        self.left.cells -= 1
        found.rows, found.columns = max(found.rows, self.row + 1), max(found.columns, self.column + 1)
        if found.rows > MOST_ROWS:
            raise Refused("rows")
        if found.columns > MOST_COLUMNS:
            raise Refused("columns")
        if self.left.cells < 0 or len(found.spilled) > MOST_SPILLED:
            raise Refused("cells")


def _parse(archive: zipfile.ZipFile, part: str, begin: Begin, left: Left) -> None:
    """One part through expat; ``begin(tag, attributes)`` of each element. Raises Refused, ExpatError."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def declared(*_anything: Any) -> None:
        raise Refused("entities")

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").casefold() not in ("utf-8", "us-ascii"):
            raise Refused("encoding")

    def element(tag: str, values: dict[str, str]) -> None:
        left.elements -= 1
        if left.elements < 0:
            raise Refused("cells")
        begin(tag.rpartition(":")[2], values)

    parser.StartDoctypeDeclHandler = declared
    parser.EntityDeclHandler = declared
    parser.XmlDeclHandler = declaration
    parser.StartElementHandler = element
    with archive.open(part) as stream:
        head = stream.read(64 * 1024)
        if b"\0" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Refused("encoding")
        while head:
            parser.Parse(head, False)
            head = stream.read(64 * 1024)
    parser.Parse(b"", True)


# ------------------------------------------------------------------------------------------------------- the cells


@dataclass
class Room:
    """How much text may still come."""

    text: int = MOST_TEXT

    def take(self, text: str) -> str:
        self.text -= len(text)
        if self.text < 0:
            raise Refused("text")
        return text


def _cells(sheet: Any, walked: Walked, room: Room, most: int) -> dict[str, Any]:
    """One sheet as the answer has it."""
    found: list[tuple[int, int, str, str]] = []
    for row, column, value in _values(sheet):
        if (row, column) in walked.errors or walked.calculated(row, column):
            continue
        if value != "":
            kind, text = _said(value)
            if kind == "number" and (row, column) in walked.percentages:
                kind, text = "percent", f"{(Decimal(text) * 100).normalize():f}%"
            found.append((row, column, kind, room.take(text)))
    found += [(*at, "formula", "") for at in walked.formulas]
    for top, left, bottom, right in walked.spilled:
        bottom, right = min(bottom, walked.rows), min(right, walked.columns)
        if (bottom - top + 1) * (right - left + 1) + len(found) > 2 * most:
            raise Refused("cells", sheet.name)
        found += [(r, c, "formula", "") for r in range(top, bottom + 1) for c in range(left, right + 1)]
    found += [(*at, "error", "") for at in walked.errors if not walked.calculated(*at)]
    if len(found) > 2 * most:
        raise Refused("cells", sheet.name)
    cells = sorted({(row, column): one for one in found for row, column in [one[:2]]}.values())
    return {"name": sheet.name, "merged": walked.merged, "cells": cells}


def _values(sheet: Any) -> Iterator[tuple[int, int, Any]]:
    if sheet.start is None:
        return
    _top, left = sheet.start
    # Rows come from the very first on, columns from the first that holds something (python-calamine 0.6).
    for row, values in enumerate(sheet.iter_rows()):
        for column, value in enumerate(values, left):
            yield row, column, value


def _said(value: Any) -> tuple[str, str]:
    """A value as (kind, text); numbers to the fifteen digits that a spreadsheet keeps."""
    match value:
        case bool():
            return "flag", "yes" if value else "no"
        case int() | float():
            return "number", format(float(value), ".15g")
        case datetime():
            return "moment", value.isoformat()
        case date():
            return "day", value.isoformat()
        case time() | timedelta():
            return "time", str(value)
        case _:
            return "text", str(value)


if __name__ == "__main__":
    main()
