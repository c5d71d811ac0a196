"""Reading an XLSX file with bounds: in a process of its own, which may die of what it reads; nothing else does.

``cells_of`` gives what stands in each cell and of what kind, ``read_book`` plain rows of text. Both are for any file:
nothing needs to be checked before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from questionnaires.interchange import workbook_cells
from questionnaires.interchange.workbook_cells import LARGEST_UNPACKED, MOST_COLUMNS, MOST_ROWS, MOST_SHEETS

MOST_CELLS = 200_000  # of a questionnaire: every option takes four
SECONDS = 30  # by the wall; the process itself has fewer of its own
AT_ONCE = 2  # processes that read, for each process that asks
PATIENCE = 10  # seconds to wait for a turn
SCRIPT = Path(workbook_cells.__file__)
_turns = BoundedSemaphore(AT_ONCE)

Rows = list[list[str]]


class SpreadsheetError(ValueError):
    """A workbook that is not read, or not as it stands; ``lines`` says every reason, with sheet and row."""

    def __init__(self, lines: str | Iterable[str]) -> None:
        self.lines = (lines,) if isinstance(lines, str) else tuple(lines)
        super().__init__("\n".join(self.lines))


class CellsRefused(SpreadsheetError):
    """A file beyond the bounds: ``code`` of workbook_cells.REFUSALS, and the sheet that it is about."""

    def __init__(self, code: str, sheet: str = "") -> None:
        super().__init__(_why(code, sheet))
        self.code, self.sheet = code, sheet


class SpreadsheetBusy(Exception):
    """Other workbooks are being read; in a moment there is a turn again."""


def cells_of(data: bytes, *, most_cells: int = workbook_cells.MOST_CELLS) -> dict[str, Any]:
    """What workbook_cells.py answers for a file that it reads. Raises CellsRefused, SpreadsheetBusy."""
    if not _turns.acquire(timeout=PATIENCE):
        raise SpreadsheetBusy
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(SCRIPT), str(most_cells)],
            input=data,
            capture_output=True,
            timeout=SECONDS,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CellsRefused("cells") from None
    finally:
        _turns.release()
    if done.returncode != 0:
        # Ended by a signal it met one of its limits; by itself it could make nothing of the file.
        raise CellsRefused("cells" if done.returncode < 0 else "damaged")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "refused" in answer:
        raise CellsRefused(answer["refused"], answer["sheet"])
    return answer


def read_book(data: bytes) -> Mapping[str, Rows]:
    """The sheets of an XLSX file by name: rows of equal length from the very first cell on, each cell as text.

    Numbers come as people write them (``5``, ``1.5``, ``50%``), days as ISO dates, true and false as ``yes`` and
    ``no``, empty cells as "". Raises SpreadsheetError for files that are no workbook, are larger than the bounds, or
    hold merged cells, formulas or errors; SpreadsheetBusy.
    """
    answer = cells_of(data, most_cells=MOST_CELLS)
    if not answer["sheets"]:
        raise SpreadsheetError("This is no workbook of the kind XLSX: it has no sheets.")
    return {one["name"]: _rows(one) for one in answer["sheets"]}


def _rows(sheet: Mapping[str, Any]) -> Rows:
    if sheet["merged"]:
        where = sheet["merged"][0][:20]
        raise SpreadsheetError(f"Cells are merged ({where}). Unmerge them: each row stands alone.")
    cells = sheet["cells"]
    wide = max((column + 1 for _row, column, _kind, _text in cells), default=0)
    rows = [[""] * wide for _ in range(max((row + 1 for row, *_rest in cells), default=0))]
    for row, column, kind, text in cells:
        if kind in ("formula", "error"):
            what = "a formula" if kind == "formula" else "an error"
            place = f"Cell {_letters(column)}{row + 1} of {sheet['name'][:60]}"
            raise SpreadsheetError(f"{place} holds {what}. Put its result in its place, as a plain value.")
        rows[row][column] = _text(kind, text)
    return rows


def _text(kind: str, text: str) -> str:
    return text.removesuffix("T00:00:00").replace("T", " ") if kind == "moment" else text


def _letters(column: int) -> str:
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _why(code: str, sheet: str) -> str:
    """A refusal in words."""
    named = f"The sheet {sheet[:60]}" if sheet else "A sheet"
    match code:
        case "rows":
            return f"{named} goes on beyond row {MOST_ROWS:,}. Delete the rows that are not needed."
        case "columns":
            return f"{named} has more than {MOST_COLUMNS} columns. Delete those that are not needed."
        case "area":
            return f"{named} holds cells that lie too far apart. Delete what stands far below or beside the rest."
        case "sheets":
            return f"The workbook has more than {MOST_SHEETS} sheets."
        case "text":
            return (
                f"The workbook holds far more text than one of ours, or {LARGEST_UNPACKED >> 20} MB in all."
            )
        case "cells":
            return "The workbook has far more cells than one of ours, or takes too long to read."
        case "entities" | "encoding" | "parts":
            return (
                "The workbook is written in a way that no spreadsheet program writes. Save it again in yours."
            )
        case _:
            return "This is no workbook of the kind XLSX, or it is damaged."
