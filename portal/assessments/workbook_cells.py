"""The cells of an uploaded workbook, read in a process of its own: ``python -I workbook_cells.py < file > cells.json``.

The reader (calamine) lays a sheet out as one block of memory from its first cell to its last, and ends its process
where that cannot be had: two cells in far corners would take the portal down. So it runs here, with a ceiling on memory
and time, after the XML has been walked once by expat: sizes, formulas, errors and merged cells are known before it is
asked, and documents that declare entities or come in odd encodings are refused. Standard library and calamine only.

Answers JSON, one object: ``{"sheets": [{"name", "merged": ["A1:B2"], "cells": [[row, column, kind, text]]}],
"from_1904": bool}`` with rows and columns from 0, only cells that hold something, kinds of KINDS; or
``{"refused": code of REFUSALS, "sheet": name}``.
"""

from __future__ import annotations

import io
import json
import posixpath
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.parsers import expat

MEMORY = 512 * 1024 * 1024  # address space; what is really used stays far below
SECONDS = 20
MOST_SHEETS = 250
MOST_ROWS = 20_000
MOST_COLUMNS = 200
MOST_CELLS = 100_000  # that hold something, in all sheets
LARGEST_AREA = 600_000  # cells from the first to the last of a sheet: calamine takes 32 bytes for each
MOST_SPILLED = 1000  # formulas that fill more than one cell
MOST_TEXT = 6_000_000  # characters
KINDS = ("text", "number", "flag", "day", "moment", "time", "formula", "error")
REFUSALS = ("rows", "columns", "cells", "sheets", "text", "entities", "encoding", "damaged")
_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


class Refused(Exception):
    """``code`` of REFUSALS, and the sheet that it is about."""

    def __init__(self, code: str, sheet: str = "") -> None:
        super().__init__(code)
        self.code, self.sheet = code, sheet


@dataclass
class Walked:
    """What the XML of a sheet says: the last row and column, and what calamine keeps to itself."""

    rows: int = 0
    columns: int = 0
    cells: int = 0
    formulas: set[tuple[int, int]] = field(default_factory=set)
    spilled: list[tuple[int, int, int, int]] = field(default_factory=list)
    errors: set[tuple[int, int]] = field(default_factory=set)
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
    try:
        answer = read(sys.stdin.buffer.read())
    except Refused as why:
        answer = {"refused": why.code, "sheet": why.sheet[:100]}
    json.dump(answer, sys.stdout, ensure_ascii=True, separators=(",", ":"))


def read(data: bytes) -> dict[str, Any]:
    """The cells of a workbook whose archive has been checked. Raises Refused."""
    import python_calamine as calamine

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts, from_1904 = _sheets(archive)
            walked = _walk(archive, parts)
        workbook = calamine.load_workbook(io.BytesIO(data))
        room = Room()
        sheets = [
            _cells(workbook.get_sheet_by_name(name), walked[name], room)
            for name in workbook.sheet_names
            if name in walked
        ]
    except (calamine.CalamineError, zipfile.BadZipFile, expat.ExpatError, KeyError, ValueError) as error:
        raise Refused("damaged") from error
    return {"sheets": sheets, "from_1904": from_1904}


# ------------------------------------------------------------------------------------------------- walking the XML


def _sheets(archive: zipfile.ZipFile) -> tuple[dict[str, str], bool]:
    """The part of each worksheet by the sheet's name, and whether days are counted from 1904."""
    targets: dict[str, str] = {}
    names: dict[str, str] = {}
    epoch = [False]

    def relation(tag: str, values: dict[str, str]) -> None:
        if tag == "Relationship" and values.get("TargetMode") != "External":
            target = values.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            targets[values.get("Id", "")] = path

    def book(tag: str, values: dict[str, str]) -> None:
        if tag == "sheet":
            found = [value for name, value in values.items() if name.split(":")[-1] == "id"]
            names[values.get("name", "")] = found[0] if found else ""
        elif tag == "workbookPr":
            epoch[0] = values.get("date1904") in ("1", "true")

    _parse(archive, "xl/_rels/workbook.xml.rels", relation)
    _parse(archive, "xl/workbook.xml", book)
    if len(names) > MOST_SHEETS:
        raise Refused("sheets")
    parts = {name: targets.get(which, "") for name, which in names.items()}
    return {name: path for name, path in parts.items() if "worksheets/" in path}, epoch[0]


def _walk(archive: zipfile.ZipFile, parts: dict[str, str]) -> dict[str, Walked]:
    """Every part of the archive that is XML, once: the sheets with their cells, the rest only for what they declare."""
    sheets = {path: name for name, path in parts.items()}
    walked: dict[str, Walked] = {}
    total = 0
    for part in archive.namelist():
        if part in sheets:
            name = sheets[part]
            try:
                walked[name] = found = _walk_sheet(archive, part, MOST_CELLS - total)
            except Refused as why:
                raise Refused(why.code, name) from None
            total += found.cells
        elif part.endswith((".xml", ".rels", ".vml")):
            _parse(archive, part, None)
    if set(walked) != set(parts):
        raise Refused("damaged")
    return walked


def _walk_sheet(archive: zipfile.ZipFile, part: str, left: int) -> Walked:
    walk = _Walk(left)
    _parse(archive, part, walk.element)
    if walk.found.rows * walk.found.columns > LARGEST_AREA:
        raise Refused("rows")
    return walk.found


class _Walk:
    """One sheet's XML, element by element; limits hold at once, whatever is still to come."""

    def __init__(self, left: int) -> None:
        self.found, self.left = Walked(), left
        self.row = self.column = -1
        self.error = self.counted = False

    def element(self, tag: str, values: dict[str, str]) -> None:
        if tag == "row":
            self.row, self.column = int(values["r"]) - 1 if "r" in values else self.row + 1, -1
        elif tag == "c":
            at = place(values["r"]) if "r" in values else (self.row, self.column + 1)
            self.row, self.column = at
            self.error, self.counted = values.get("t") == "e", False
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
        found.cells += 1
        found.rows, found.columns = max(found.rows, self.row + 1), max(found.columns, self.column + 1)
        if found.rows > MOST_ROWS:
            raise Refused("rows")
        if found.columns > MOST_COLUMNS:
            raise Refused("columns")
        if found.cells > self.left or len(found.spilled) > MOST_SPILLED:
            raise Refused("cells")


def _parse(archive: zipfile.ZipFile, part: str, begin: Any) -> None:
    """One part through expat; ``begin(tag, attributes)`` of each element. Raises Refused, ExpatError."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def declared(*_anything: Any) -> None:
        raise Refused("entities")

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").casefold() not in ("utf-8", "us-ascii"):
            raise Refused("encoding")

    parser.StartDoctypeDeclHandler = declared
    parser.EntityDeclHandler = declared
    parser.XmlDeclHandler = declaration
    if begin is not None:
        parser.StartElementHandler = lambda tag, values: begin(tag.rpartition(":")[2], values)
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


def _cells(sheet: Any, walked: Walked, room: Room) -> dict[str, Any]:
    """One sheet as the answer has it."""
    found: list[tuple[int, int, str, str]] = []
    for row, column, value in _values(sheet):
        if (row, column) in walked.errors or walked.calculated(row, column):
            continue
        if value != "":
            kind, text = _said(value)
            found.append((row, column, kind, room.take(text)))
    found += [(*at, "formula", "") for at in walked.formulas]
    for top, left, bottom, right in walked.spilled:
        bottom, right = min(bottom, walked.rows), min(right, walked.columns)
        if (bottom - top + 1) * (right - left + 1) > MOST_CELLS:
            raise Refused("cells", sheet.name)
        found += [(r, c, "formula", "") for r in range(top, bottom + 1) for c in range(left, right + 1)]
    found += [(*at, "error", "") for at in walked.errors if not walked.calculated(*at)]
    if len(found) > 2 * MOST_CELLS:
        raise Refused("cells", sheet.name)
    cells = sorted({(row, column): one for one in found for row, column in [one[:2]]}.values())
    return {"name": sheet.name, "merged": walked.merged, "cells": cells}


def _values(sheet: Any) -> Iterator[tuple[int, int, Any]]:
    if sheet.start is None:
        return
    top, _left = sheet.start
    # Rows come from the first that holds something, columns from A on.
    for row, values in enumerate(sheet.iter_rows(), top):
        for column, value in enumerate(values):
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
