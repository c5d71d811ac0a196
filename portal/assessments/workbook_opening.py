"""An uploaded workbook, opened safely: limits first, then the archive, then its cells in a process of its own.

Raises Invalid with a sentence at the field ``file``. Slow work: never inside a write transaction (law 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, NoReturn

from portal import office
from portal.assessments.answering_words import _
from portal.db import refuse_slow_work
from portal.evidence.names import clean_name
from portal.faults import Invalid, Unavailable
from questionnaires.interchange import spreadsheet, workbook_cells

LARGEST_WORKBOOK = 5 * 1024 * 1024
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB]: old Excel files, and new ones behind a password


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell: ``kind`` of workbook_cells.KINDS, and its text."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: cells that hold something, by row and column from 0, and merged ranges (``A1:B2``)."""

    name: str
    rows: dict[int, dict[int, Cell]]
    merged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cells:
    """A whole workbook. ``from_1904``: its plain day numbers are counted from another day than usual."""

    sheets: tuple[Sheet, ...]
    from_1904: bool = False


def open_workbook(file: IO[bytes], sent_name: str | None) -> tuple[str, Cells]:
    """The file's name, made harmless, and its cells."""
    refuse_slow_work("reading a workbook")
    file.seek(0)
    data = file.read(LARGEST_WORKBOOK + 1)
    if not data:
        _refuse(_("Choose a file. The one that came is empty."))
    if len(data) > LARGEST_WORKBOOK:
        _refuse(
            _(
                "The workbook is larger than 5 MB. Take pictures and sheets out of it that do not belong to it."
            )
        )
    if data.startswith(OLE):
        _refuse(
            _(
                "This file is locked with a password, or is an old Excel file (.xls). Save it as an Excel workbook "
                "(.xlsx) without a password."
            )
        )
    if not data.startswith(b"PK\x03\x04"):
        _refuse(
            _("This is no Excel workbook. Save your file as an Excel workbook (.xlsx) and upload it again.")
        )
    file.seek(0)
    try:
        office.check_office(file, "xlsx", largest=workbook_cells.LARGEST_UNPACKED)
    except office.Dangerous as reason:
        _refuse(_("The workbook is not taken: %(reason)s. Save it again without that.", reason=reason))
    except office.Damaged:
        _refuse(_("This is no whole Excel workbook (.xlsx). Save it again in your program."))
    return clean_name(sent_name, "xlsx"), _cells(data)


def _cells(data: bytes) -> Cells:
    try:
        answer = spreadsheet.cells_of(data)
    except spreadsheet.CellsRefused as refused:
        _refuse(_why(refused.code, refused.sheet))
    except spreadsheet.SpreadsheetBusy:
        raise Unavailable(
            _("Other workbooks are being read at this moment. Upload yours again in a minute.")
        ) from None
    sheets = []
    for one in answer["sheets"]:
        rows: dict[int, dict[int, Cell]] = {}
        for row, column, kind, text in one["cells"]:
            rows.setdefault(row, {})[column] = Cell(kind, text)
        sheets.append(Sheet(one["name"], rows, tuple(one["merged"])))
    return Cells(tuple(sheets), answer["from_1904"])


def _why(code: str, sheet: str) -> str:
    """A refusal of the reading process in words."""
    match code:
        case "rows":
            return _(
                "The sheet “%(sheet)s” has more than %(most)s rows. Take out what does not belong to the workbook.",
                sheet=sheet,
                most=f"{workbook_cells.MOST_ROWS:,}",
            )
        case "columns":
            return _(
                "The sheet “%(sheet)s” has more than %(most)s columns. Take out what does not belong to the workbook.",
                sheet=sheet,
                most=workbook_cells.MOST_COLUMNS,
            )
        case "area":
            return _(
                "On the sheet “%(sheet)s” something stands far below or far beside the rest. Take out what does not "
                "belong to the workbook.",
                sheet=sheet,
            )
        case "cells" | "sheets" | "text":
            return _("The workbook holds far more than its questions. Take out what does not belong to it.")
        case "entities" | "encoding" | "parts":
            return _(
                "The workbook is written in a way that no spreadsheet program writes, so it is not opened. Save it "
                "again in yours."
            )
        case _:
            return _("The workbook is damaged and cannot be read. Save it again in your program.")


def _refuse(sentence: str) -> NoReturn:
    raise Invalid(errors={"file": sentence})
