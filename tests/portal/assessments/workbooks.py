"""Workbooks for tests: downloaded ones changed cell by cell, and hostile ones made from scratch."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import xlsxwriter
from python_calamine import load_workbook
from werkzeug.test import TestResponse

from tests.portal.assessments.given import Answering, Given

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Rows = list[list[Any]]


def tables(data: bytes) -> dict[str, Rows]:
    """Every sheet of a workbook as rows of plain values."""
    book = load_workbook(io.BytesIO(data))
    return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}


def column(rows: Rows, code: str) -> int:
    """Where the column of this name lies."""
    return next(index for row in rows for index, value in enumerate(row) if value == code)


def find(rows: Rows, key: str, option: str = "", last: str = "option") -> int:
    """The row of a question, of an option of it, or of a row of its table (``last="row"``)."""
    keys, more = column(rows, "key"), column(rows, last)
    return next(at for at, row in enumerate(rows) if row[keys] == key and row[more] == option)


def put(rows: Rows, key: str, code: str, value: Any, option: str = "", last: str = "option") -> None:
    """Fill a cell in."""
    rows[find(rows, key, option, last)][column(rows, code)] = value


def build(sheets: Mapping[str, Rows], more: Callable[[Any], None] | None = None, **options: Any) -> bytes:
    """A workbook with these rows, written as another program would: floats, dates, booleans, formulas as given."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, **options})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for at, row in enumerate(rows):
            for index, value in enumerate(row):
                if isinstance(value, Shown):
                    sheet.write_number(at, index, value, book.add_format({"num_format": value.how}))
                else:
                    _write(sheet, at, index, value, day)
    if more is not None:
        more(book)
    book.close()
    return target.getvalue()


class Formula(str):
    """A formula, with 7 as its stored result."""


class Shown(float):
    """A number in a format that another program gave the cell: ``how``, of Excel's own codes."""

    def __new__(cls, value: float, how: str) -> Shown:
        found = super().__new__(cls, value)
        found.how = how
        return found

    how: str


class Failed(str):
    """A formula that gave an error."""


def _write(sheet: Any, row: int, index: int, value: Any, day: Any) -> None:
    match value:
        case "" | None:
            return
        case Formula():
            sheet.write_formula(row, index, str(value), None, 7)
        case Failed():
            sheet.write_formula(row, index, "=1/0", None, "#DIV/0!")
        case bool():
            sheet.write_boolean(row, index, value)
        case str():
            sheet.write_string(row, index, value)
        case int() | float():
            sheet.write_number(row, index, value)
        case _:
            sheet.write_datetime(row, index, value, day)


def changed(data: bytes, change: Callable[[dict[str, Rows]], None]) -> bytes:
    """A downloaded workbook, filled in."""
    sheets = tables(data)
    change(sheets)
    return build(sheets)


def patched(
    data: bytes, part: str, pattern: str, text: str, *, compress: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A workbook with the XML of one part changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", compress) as new:
        for one in old.infolist():
            content = old.read(one.filename)
            if one.filename == part:
                found = re.sub(pattern.encode(), text.encode().replace(b"\\", b"\\\\"), content, count=1)
                assert found != content, f"{part} has nothing like {pattern}"
                content = found
            new.writestr(one.filename, content)
    return target.getvalue()


def download(browser: Answering, given: Given) -> bytes:
    answer = browser.get(f"{given.base}/workbook.xlsx")
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == XLSX
    return answer.data


def bring(browser: Answering, given: Given, data: bytes, name: str = "answers.xlsx") -> TestResponse:
    """Upload a workbook."""
    body = {"csrf_token": browser.token(f"{given.base}/workbook"), "file": (io.BytesIO(data), name)}
    return browser.client.post(f"{given.base}/workbook", data=body, content_type="multipart/form-data")


def brought(browser: Answering, given: Given, data: bytes) -> str:
    """Upload a workbook that can be read; the address of what it would change."""
    answer = bring(browser, given, data)
    assert answer.status_code == 303, answer.text
    return answer.location


def take(browser: Answering, page: str, *keys: str) -> TestResponse:
    """Take over answers: all that are ticked, or ``keys``."""
    shown = browser.get(page).text
    ticked = list(keys) or re.findall(r'name="take" value="([^"]+)" checked', shown)
    return browser.client.post(page, data={"csrf_token": browser.token(page), "take": ticked})
