"""Workbooks that no person has made, and those that programs have changed: a clear word, and nothing stored."""

from __future__ import annotations

import contextlib
import datetime
import io
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import xlsxwriter
from sqlalchemy import func, select

from portal.assessments import pace, workbook_opening
from portal.assessments.version_models import WorkbookUpload
from portal.assessments.workbook_grid import typed_number
from portal.assessments.workbook_opening import Cell
from portal.db import SYSTEM
from portal.faults import Invalid
from portal.web import Portal
from questionnaires.interchange import spreadsheet
from tests.portal.assessments.given import Given
from tests.portal.assessments.workbooks import (
    Failed,
    Formula,
    Rows,
    Shown,
    bring,
    brought,
    build,
    changed,
    download,
    patched,
    put,
    tables,
    take,
)

HEAD = ["key", "state", "option", "answer"]


@pytest.fixture
def words(app: Portal) -> Any:
    with app.test_request_context():
        yield


def refused(data: bytes, name: str = "a.xlsx") -> str:
    """The sentence with which a file is refused; it takes bounded time and memory."""
    began = time.monotonic()
    with pytest.raises(Invalid) as fault:
        workbook_opening.open_workbook(io.BytesIO(data), name)
    assert time.monotonic() - began < 30
    return fault.value.errors["file"]


def raw(fill: Callable[[Any], None], **options: Any) -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, **options})
    fill(book)
    book.close()
    return target.getvalue()


def zipped(**parts: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def small(row: list[Any] | None = None) -> bytes:
    return build({"Questions": [HEAD, row or ["a", "b", "", "c"]]})


def with_repeated_part(data: bytes) -> bytes:
    target = io.BytesIO(data)
    with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("xl/workbook.xml", b"<workbook/>")
    return target.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    "<worksheet"
)
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "empty"),
    "a page": (lambda: b"<html></html>", "no Excel workbook"),
    "csv under another name": (lambda: b"key;state;answer\r\none.days;x;1\r\n", "no Excel workbook"),
    "old Excel, or a password": (lambda: workbook_opening.OLE + b"\0" * 600, "locked with a password"),
    "OpenDocument": (
        lambda: zipped(
            mimetype=b"application/vnd.oasis.opendocument.spreadsheet", **{"content.xml": b"<x/>"}
        ),
        "no whole Excel workbook",
    ),
    "cut off": (lambda: small()[:-200], "no whole Excel workbook"),
    "six megabytes": (lambda: small() + b"\0" * 6_000_000, "larger than 5 MB"),
    "a zip bomb": (
        lambda: patched(small(), SHEET, "</sheetData>", "</sheetData>" + " " * 60_000_000),
        "not taken",
    ),
    "two parts of one name": (lambda: with_repeated_part(small()), "not taken"),
    "100,000 rows": (
        lambda: raw(lambda book: _fill_rows(book.add_worksheet("Long"), 100_000), constant_memory=True),
        "more than 20,000 rows",
    ),
    "a cell far below": (
        lambda: raw(lambda book: book.add_worksheet("Far").write_string(1_048_575, 0, "x")),
        "more than 20,000 rows",
    ),
    "16,384 columns": (
        lambda: raw(lambda book: book.add_worksheet("Wide").write_string(0, 16_383, "x")),
        "more than 200 columns",
    ),
    "an area that is mostly empty": (
        lambda: raw(lambda book: [book.add_worksheet("Area").write_string(19_000, 199, "x")]),
        "far below or far beside",
    ),
    "far more cells": (lambda: raw(_many_cells), "far more than its questions"),
    "far more text": (lambda: raw(_much_text), "far more than its questions"),
    "300 sheets": (
        lambda: raw(lambda book: [book.add_worksheet() for _ in range(300)]),
        "far more than its questions",
    ),
    "entities": (lambda: patched(small(), SHEET, "<worksheet", BOMB), "no spreadsheet program writes"),
    "entities in strings": (
        lambda: patched(small(), "xl/sharedStrings.xml", "<sst", BOMB.replace("<worksheet", "<sst")),
        "no spreadsheet program writes",
    ),
    "an encoding of its own": (
        lambda: patched(small(), SHEET, 'encoding="UTF-8"', 'encoding="ISO-8859-1"'),
        "no spreadsheet program writes",
    ),
    "UTF-16": (
        lambda: _recoded(small()),
        "no spreadsheet program writes",
    ),
    "XML that ends": (lambda: patched(small(), SHEET, "</worksheet>", ""), "damaged"),
    "a cell of no place": (lambda: patched(small(), SHEET, 'r="A2"', 'r="Ä2"'), "damaged"),
    "a cell behind all columns": (
        lambda: patched(small(), SHEET, 'r="D2"', 'r="ZZZ2"'),
        "more than 200 columns",
    ),
    "a string that is not there": (lambda: patched(small(), SHEET, "<v>6</v>", "<v>99999999</v>"), "damaged"),
    "no sheets": (lambda: patched(small(), "xl/workbook.xml", "<sheets>.*</sheets>", "<sheets/>"), ""),
    "a sheet that is not there": (
        lambda: patched(
            small(), "xl/_rels/workbook.xml.rels", "worksheets/sheet1.xml", "worksheets/other.xml"
        ),
        "damaged",
    ),
    "a sheet elsewhere": (
        lambda: patched(
            small(), "xl/_rels/workbook.xml.rels", "worksheets/sheet1.xml", "../../../etc/passwd"
        ),
        "",
    ),
}


def _fill_rows(sheet: Any, count: int) -> None:
    for row in range(count):
        sheet.write_number(row, 0, row)


def _many_cells(book: Any) -> None:
    for _ in range(3):
        sheet = book.add_worksheet()
        for row in range(1000):
            for column in range(80):
                sheet.write_boolean(row, column, True)


def _much_text(book: Any) -> None:
    sheet = book.add_worksheet()
    digits = Random(7)
    for row in range(230):
        sheet.write_string(row, 0, "".join(digits.choices("0123456789", k=30_000)))


def _recoded(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            content = old.read(one.filename)
            if one.filename == SHEET:
                content = content.decode().replace("UTF-8", "UTF-16").encode("utf-16")
            new.writestr(one.filename, content)
    return target.getvalue()


@pytest.mark.parametrize("name", sorted(set(HOSTILE) - {"no sheets", "a sheet elsewhere"}))
def test_hostile_files_are_refused_in_words(words: None, name: str) -> None:
    make, sentence = HOSTILE[name]
    assert sentence in refused(make())


@pytest.mark.parametrize("name", ["no sheets", "a sheet elsewhere"])
def test_a_workbook_without_sheets_is_refused_or_empty(given: Given, name: str) -> None:
    answer = bring(given.browser(), given, HOSTILE[name][0]())
    assert answer.status_code == 422
    assert uploads(given) == 0


PEAK = """
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
sys.stderr.write(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_the_largest_file_that_is_read_takes_bounded_memory(words: None) -> None:
    """As many cells as are let through: 100 MB for the process that reads, 100 MB here for what it says."""

    def full(book: Any) -> None:
        for _ in range(4):
            sheet = book.add_worksheet()
            for row in range(6_000):
                for column in range(4):
                    sheet.write_string(row, column, f"{row} {column} some words of an answer")

    data = raw(full)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _name, cells = workbook_opening.open_workbook(io.BytesIO(data), "a.xlsx")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert sum(len(row) for sheet in cells.sheets for row in sheet.rows.values()) == 96_000
    assert grown < 100 * 1024, f"{grown} kB"
    command = [sys.executable, "-I", "-c", PEAK, str(spreadsheet.SCRIPT)]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    peak = int(done.stderr.split()[1])
    assert peak < 100 * 1024, f"{peak} kB"


# ------------------------------------------------------------------------------------------------- through the pages


def uploads(given: Given) -> int:
    with given.database.looking(SYSTEM) as session:
        return session.scalar(select(func.count()).select_from(WorkbookUpload)) or 0


@pytest.mark.parametrize("name", ["a zip bomb", "16,384 columns", "old Excel, or a password", "entities"])
def test_nothing_is_stored_of_what_is_refused(given: Given, name: str) -> None:
    browser = given.browser()
    make, sentence = HOSTILE[name]
    answer = bring(browser, given, make())
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Nothing was stored" in answer.text
    assert uploads(given) == 0


def test_no_file_is_said(given: Given) -> None:
    browser = given.browser()
    answer = browser.post(f"{given.base}/workbook")
    assert answer.status_code == 422
    assert "Choose the workbook" in answer.text


def test_a_workbook_without_the_grey_row_is_refused(given: Given) -> None:
    def without(sheets: dict[str, Rows]) -> None:
        for rows in sheets.values():
            rows[0] = ["" for _ in rows[0]]

    browser = given.browser()
    answer = bring(browser, given, changed(download(browser, given), without))
    assert answer.status_code == 422
    assert "no grey row" in answer.text
    assert uploads(given) == 0


def test_a_column_that_stands_twice_is_refused(given: Given) -> None:
    def doubled(sheets: dict[str, Rows]) -> None:
        at = sheets["Questions"][0].index("answer")
        sheets["Questions"] = [[*row, row[at]] for row in sheets["Questions"]]

    browser = given.browser()
    answer = bring(browser, given, changed(download(browser, given), doubled))
    assert answer.status_code == 422
    assert "stands twice" in answer.text


def test_merged_cells_are_refused(given: Given) -> None:
    browser = given.browser()
    sheets = tables(download(browser, given))
    data = build(sheets, lambda book: book.get_worksheet_by_name("Questions").merge_range(4, 6, 5, 6, "24"))
    answer = bring(browser, given, data)
    assert answer.status_code == 422
    assert "merged" in answer.text
    assert "G5:G6" in answer.text
    assert uploads(given) == 0
    elsewhere = build(
        sheets, lambda book: book.get_worksheet_by_name("Read me").merge_range(0, 3, 1, 4, "mine")
    )
    assert bring(browser, given, elsewhere).status_code == 303


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (Formula("=3+4"), "holds a formula"),
        (Formula('=HYPERLINK("https://evil.example","7")'), "holds a formula"),
        (Failed("=1/0"), "holds a formula"),
        (datetime.date(2026, 1, 7), "Write a whole number"),
        (True, "Write a whole number"),
        (1e300, "Write a whole number"),
        ("7 days", "Write a whole number"),
        (Shown(0.07, "0%"), "Write a whole number"),
        ("7,0", "Write a whole number"),
        ("٧", "Write a whole number"),
    ],
    ids=str,
)
def test_what_is_no_number_is_not_taken_for_one(given: Given, value: Any, sentence: str) -> None:
    browser = given.browser()
    data = changed(
        download(browser, given), lambda sheets: put(sheets["Questions"], "one.days", "answer", value)
    )
    page = brought(browser, given, data)
    shown = browser.get(page).text
    assert sentence in shown
    assert 'name="take"' not in shown
    take(browser, page, "one.days")
    assert given.stored() == {}


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("one.days", 24.0, "24"),
        ("one.days", "24.0", "24"),
        ("one.days", " 24 ", "24"),
        ("one.days", 0.1 + 23.9, "24"),
        ("two.since", datetime.datetime.fromisoformat("2026-11-20T14:30"), "2026-11-20"),
        ("two.since", 46346.0, "2026-11-20"),
        ("two.since", "2026-11-20 00:00:00", "2026-11-20"),
        ("two.since", " 2026-11-20", "2026-11-20"),
        ("one.locks", "YES", "yes"),
        ("one.locks", True, "yes"),
        ("one.locks", False, "no"),
        ("one.why", 24.0, "24"),
        ("one.why", 24.5, "24.5"),
        ("one.why", "'quoted", "'quoted"),
        ("one.why", Shown(0.07, "0%"), "7%"),
        ("one.why", Shown(0.125, "0.00%"), "12.5%"),
        ("one.why", Shown(0.5, '[Red]-0.0 %;0"%"'), "50%"),
        ("one.why", Shown(0.5, '0.0" %"'), "0.5"),
        ("one.why", Shown(0.5, "0.0\\%"), "0.5"),
        ("one.why", "a\r\nb", "a\nb"),
        ("one.why", datetime.date(2026, 11, 20), "2026-11-20"),
    ],
    ids=str,
)
def test_what_programs_make_of_cells_is_read(given: Given, key: str, value: Any, stored: str) -> None:
    browser = given.browser()
    data = changed(download(browser, given), lambda sheets: put(sheets["Questions"], key, "answer", value))
    take(browser, brought(browser, given, data))
    assert given.stored() == {key: (1, stored)}


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [("50%", "%", "50"), ("12.5 %", "percent", "12.5"), ("50", "%", "50"), ("50%", "days", "50%")],
)
def test_a_percentage_is_a_number_where_percent_is_asked_for(text: str, unit: str, number: str) -> None:
    assert typed_number(Cell("percent", text), unit) == number


def test_days_counted_from_1904_are_days_and_bare_numbers_are_not(given: Given) -> None:
    browser = given.browser()
    sheets = tables(download(browser, given))
    put(sheets["Questions"], "two.since", "answer", datetime.date(2026, 11, 20))
    put(sheets["Questions"], "two.planned", "answer", 46400.0)
    page = brought(browser, given, build(sheets, date_1904=True))
    assert "Write a date" in browser.get(page).text
    take(browser, page)
    assert given.stored() == {"two.since": (1, "2026-11-20")}


def test_an_error_as_a_value_is_an_error_of_its_question(given: Given) -> None:
    """What programs write when a reference is lost: a cell of type e without a formula."""
    browser = given.browser()

    def fill(sheets: dict[str, Rows]) -> None:
        put(sheets["Questions"], "one.days", "answer", Formula("=A1"))
        put(sheets["Questions"], "one.locks", "answer", "Yes")

    data = changed(download(browser, given), fill)
    data = patched(data, "xl/worksheets/sheet2.xml", "><f>A1</f><v>7</v>", ' t="e"><v>#REF!</v>')
    page = brought(browser, given, data)
    assert "such as #REF!" in browser.get(page).text
    take(browser, page, "one.days", "one.locks")
    assert given.stored() == {"one.locks": (1, "yes")}


def test_a_key_that_stands_twice_is_an_error_of_that_key(given: Given) -> None:
    browser = given.browser()

    def twice(sheets: dict[str, Rows]) -> None:
        rows = sheets["Questions"]
        put(rows, "one.days", "answer", 24)
        rows.append(next(list(row) for row in rows if "one.days" in row))
        put(rows, "one.locks", "answer", "Yes")

    page = brought(browser, given, changed(download(browser, given), twice))
    assert "more than one row" in browser.get(page).text
    take(browser, page, "one.days", "one.locks")
    assert given.stored() == {"one.locks": (1, "yes")}


@pytest.mark.parametrize(
    ("code", "value", "sentence"),
    [
        ("key", "no.such.key", "no such question among yours"),
        ("key", "<script>alert(1)</script>", "no such question among yours"),
        ("key", "", "column “key” of this row is empty"),
        ("state", "", "column “state” of this row is empty or changed"),
        ("state", "r7", "column “state” of this row is empty or changed"),
        ("state", "00000000-00000000-r0", "workbook of another questionnaire"),
    ],
)
def test_a_grey_cell_that_was_changed_is_said(given: Given, code: str, value: str, sentence: str) -> None:
    browser = given.browser()

    def grey(sheets: dict[str, Rows]) -> None:
        put(sheets["Questions"], "one.days", "answer", 24)
        put(sheets["Questions"], "one.days", code, value)

    page = brought(browser, given, changed(download(browser, given), grey))
    shown = browser.get(page).text
    assert sentence in shown
    assert "<script>alert" not in shown
    take(browser, page, "one.days", value or "x")
    assert given.stored() == {}


def test_a_revision_that_never_was_changes_nothing(given: Given) -> None:
    browser = given.browser()

    def later(sheets: dict[str, Rows]) -> None:
        rows = sheets["Questions"]
        put(rows, "one.days", "answer", 24)
        state = next(row for row in rows if "one.days" in row)[rows[0].index("state")]
        put(rows, "one.days", "state", state.replace("-r0", "-r9"))

    page = brought(browser, given, changed(download(browser, given), later))
    assert "is gone. Download anew" in browser.get(page).text
    take(browser, page, "one.days")
    assert given.stored() == {}


# ------------------------------------------------------------------------------------------------------------ floods


def flooded(sheets: dict[str, Rows]) -> None:
    """20,000 rows of keys that are nobody's, behind one answer."""
    rows = sheets["Questions"]
    put(rows, "one.days", "answer", 24)
    at = rows[0].index("key")
    rows += [
        ["" if index != at else f"no.such.{number}" for index in range(at + 1)] for number in range(19_000)
    ]


def test_of_many_rows_without_a_question_their_number_is_kept(given: Given) -> None:
    browser = given.browser()
    page = brought(browser, given, changed(download(browser, given), flooded))
    with given.database.looking(SYSTEM) as session:
        (row,) = session.scalars(select(WorkbookUpload))
        assert len(row.cells) == 52
    shown = browser.get(page).text
    assert "no.such.49" in shown
    assert "no.such.50" not in shown
    assert "18950 more rows" in shown
    take(browser, page)
    assert given.stored() == {"one.days": (1, "24")}


def test_a_workbook_in_which_nothing_is_ours_is_refused(given: Given) -> None:
    data = build({"Questions": [HEAD, *([f"no.such.{number}", "", "", "x"] for number in range(19_000))]})
    answer = bring(given.browser(), given, data)
    assert answer.status_code == 422
    assert "No row of this workbook belongs" in answer.text
    assert uploads(given) == 0


def test_uploads_have_a_measure_that_failures_use_up(given: Given) -> None:
    browser = given.browser()
    for _ in range(pace.MOST_UPLOADS):
        assert bring(browser, given, b"no workbook").status_code == 422
    answer = bring(browser, given, changed(download(browser, given), lambda sheets: None))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 601
    assert "workbooks came from you" in answer.text
    assert "1. Download it" in answer.text
    colleague = given.browser(given.contributor)
    assert bring(colleague, given, b"no workbook").status_code == 422


def test_who_finds_no_turn_gets_the_page_again(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "PATIENCE", 0.01)
    browser = given.browser()
    data = changed(download(browser, given), lambda sheets: None)
    with contextlib.ExitStack() as others:
        for _ in range(spreadsheet.AT_ONCE):
            others.enter_context(spreadsheet._turns)
        answer = bring(browser, given, data)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert "Other workbooks are being read" in answer.text
    assert "1. Download it" in answer.text
