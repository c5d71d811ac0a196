"""The workbook of a definition: out and back unchanged, and what is no such workbook is refused with its place."""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import resource
import tempfile
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.definition import Questionnaire
from questionnaires.interchange import spreadsheet
from questionnaires.interchange.spreadsheet import SpreadsheetBusy, SpreadsheetError, read_book
from questionnaires.interchange.xlsx_layout import SHEETS, read_layout, write_layout
from questionnaires.parsing import parse_json
from questionnaires.raw import raw, read_raw
from tests.conftest import FULL


def back(data: bytes) -> Questionnaire:
    return read_raw(read_layout(data)).whole()


@pytest.mark.parametrize("label", catalog.shipped())
def test_every_shipped_questionnaire_goes_out_and_comes_back_unchanged(label: str) -> None:
    definition = catalog.get(label)
    data = write_layout(definition)
    assert back(data) == definition
    assert back(data).content_hash == definition.content_hash
    assert write_layout(definition) == data


EVERYTHING: dict[str, Any] = {
    "format": 1,
    "slug": "all_of_it",
    "version": "2.1.0",
    "title": "All of it",
    "purpose": "assessment",
    "language": "en",
    "licence": "CC0-1.0",
    "summary": "Line one.\nLine two.",
    "based_on": "security_core@1.0.0",
    "weighting": "flat",
    "knockout_band": "low",
    "bands": [
        {"name": "high", "label": "High", "minimum": 50, "level": 3},
        {"name": "low", "label": "Low", "minimum": 0, "level": 2},
    ],
    "caps": [{"when": 'own.a == "no"', "band": "low", "text": '=HYPERLINK("x")'}],
    "sections": [
        {
            "key": "one",
            "title": "One",
            "intro": "  two spaces before",
            "weight": 0,
            "visible_when": 'engagement.tier == "high"',
            "questions": [
                {
                    "key": "own.a",
                    "text": "=1+1",
                    "type": "choice",
                    "critical": True,
                    "minimum": 60,
                    "required": False,
                    "formerly": ["own.b@1", "own.c@2"],
                    "revision": 3,
                    "reworded": "2.0.0",
                    "options": [
                        {"value": "yes", "label": "@Yes", "points": 100},
                        {"value": "no", "label": "+No", "points": 0, "exclusive": True},
                    ],
                    "evidence": {"kind": "policy", "required_when": 'own.a == "yes"', "valid_months": 12},
                    "finding": [
                        {"option": "no", "severity": "high", "text": "-1"},
                        {"when": 'own.a != "yes"', "severity": "low", "text": "x"},
                    ],
                    "refs": ["ISO/IEC 27001:2022 A.8.5", "vsaq:x"],
                },
                {
                    "key": "own.n",
                    "text": "How many?",
                    "type": "number",
                    "unit": "days",
                    "decimals": 2,
                    "at_least": "0",
                    "at_most": "1.50",
                    "weight": 7,
                    "points_when": [
                        {"when": "value < 1", "points": 100},
                        {"when": "value >= 1", "points": 0},
                    ],
                },
                {
                    "key": "own.d",
                    "text": "When?",
                    "type": "date",
                    "not_before": "2020-01-01",
                    "not_after": "today",
                },
                {
                    "key": "own.t",
                    "text": "Why?",
                    "type": "text",
                    "max_length": 10,
                    "allow_na": True,
                    "help": "Say it.",
                },
                {
                    "key": "own.table",
                    "text": "Who?",
                    "type": "table",
                    "max_rows": 3,
                    "columns": [
                        {"key": "name", "label": "Name", "type": "text"},
                        {
                            "key": "kind",
                            "label": "Kind",
                            "type": "choice",
                            "options": [{"value": "1", "label": "One"}, {"value": "2", "label": "Two"}],
                        },
                    ],
                },
            ],
        },
        {
            "key": "two",
            "title": "Two",
            "questions": [
                {
                    "key": "own.many",
                    "text": "Which?",
                    "type": "choices",
                    "combine": "sum",
                    "required_when": 'own.a == "yes"',
                    "options": [
                        {"value": "1.0", "label": "x", "points": 50},
                        {"value": "e", "label": "1", "points": 0},
                    ],
                }
            ],
        },
    ],
}


def everything() -> Questionnaire:
    return parse_json(canonical_json(EVERYTHING))


def test_every_field_of_the_format_has_its_place() -> None:
    assert back(write_layout(everything())) == everything()
    held = json.dumps(EVERYTHING)
    for columns in SHEETS.values():
        for column in columns:
            if column.name not in ("section", "question", "column"):
                assert f'"{column.name.rpartition(".")[2]}"' in held, column.name


PRINTED = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60)


@given(
    text=PRINTED.filter(str.strip),
    hint=st.text(st.sampled_from("a _x000D_\n\t=+-@'\"<>&é\u200b"), max_size=80),
)
@settings(max_examples=200 if FULL else 20, deadline=None)
def test_any_text_comes_back_to_the_character(text: str, hint: str) -> None:
    given = raw(everything())
    question = given["sections"][0]["questions"][0]
    question |= {"text": text, "help": hint}
    draft = read_raw(given)
    if not draft.faults:
        assert back(write_layout(draft.whole())) == draft.whole()


def test_nothing_is_written_as_a_formula_or_a_link() -> None:
    with zipfile.ZipFile(io.BytesIO(write_layout(everything()))) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if "worksheets/sheet" in name]
    assert sheets
    assert not [text for text in sheets if "<f>" in text or "<f " in text or "<hyperlink" in text]


def changed(change: Callable[[Any, xlsxwriter.Workbook], None]) -> bytes:
    """A small workbook in the layout, with something done to its questions' sheet."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    header = book.add_worksheet("Questionnaire")
    for row, pair in enumerate([("field", "value"), ("slug", "x"), ("version", "1.0.0")]):
        header.write_row(row, 0, pair)
    book.add_worksheet("Sections").write_column(0, 0, ["key", "one"])
    sheet = book.add_worksheet("Questions")
    for row, cells in enumerate([("section", "key", "type", "weight"), ("one", "own.a", "choice", 5)]):
        sheet.write_row(row, 0, cells)
    change(sheet, book)
    book.close()
    return file.getvalue()


def test_a_workbook_need_not_hold_what_is_usual() -> None:
    given = read_layout(changed(lambda sheet, book: None))
    assert given["sections"] == [
        {"key": "one", "questions": [{"key": "own.a", "type": "choice", "weight": 5}]}
    ]


def options(*rows: tuple[object, ...]) -> Callable[[Any, xlsxwriter.Workbook], None]:
    def change(sheet: Any, book: xlsxwriter.Workbook) -> None:
        added = book.add_worksheet("Options")
        for row, cells in enumerate([("question", "column", "value", "label", "points"), *rows]):
            added.write_row(row, 0, cells)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda sheet, book: sheet.write_formula(2, 1, '=CMD("x")'), "Cell B3 of Questions holds a formula"),
        (lambda sheet, book: sheet.merge_range(2, 0, 3, 1, "x"), "merged (A3:B4)"),
        (lambda sheet, book: sheet.write(1_048_575, 0, "x"), "beyond row 20,000"),
        (lambda sheet, book: sheet.write(1, 16_383, "x"), "Questions has more than 200 columns"),
        (lambda sheet, book: sheet.write(0, 4, "colour"), "Questions, row 1: colour is no column"),
        (lambda sheet, book: sheet.write(0, 4, "key"), "two columns are called key"),
        (lambda sheet, book: sheet.write(1, 6, "lost"), "Questions, row 2: a cell stands under no head"),
        (lambda sheet, book: sheet.write(1, 3, "many"), "Questions, row 2: weight is a whole number"),
        (lambda sheet, book: sheet.write(1, 3, 1.5), "weight is a whole number, not '1.5'"),
        (lambda sheet, book: sheet.write(1, 3, "--5"), "weight is a whole number, not '--5'"),
        (lambda sheet, book: sheet.write(1, 3, "\u00b2"), "weight is a whole number, not '\u00b2'"),
        (lambda sheet, book: sheet.write(1, 3, "9" * 16), "weight is a whole number, not '9"),
        (lambda sheet, book: sheet.write(1, 0, "other"), "Sections has no section other"),
        (lambda sheet, book: sheet.write_row(2, 0, ("one", "own.a")), "own.a stands twice"),
        (options(("own.b", "", "x", "X")), "Options, row 2: the sheet Questions has no question own.b"),
        (options(("own.a", "c", "x", "X")), "own.a has no column c"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_its_place(change: Callable[..., None], said: str) -> None:
    with pytest.raises(SpreadsheetError) as refused:
        read_layout(changed(change))
    assert any(said in line for line in refused.value.lines), refused.value.lines


def test_a_hundred_thousand_rows_are_refused_before_they_are_laid_out() -> None:
    def many(sheet: Any, book: xlsxwriter.Workbook) -> None:
        for row in range(2, 100_002):
            sheet.write_number(row, 0, row)

    with pytest.raises(SpreadsheetError, match="beyond row 20,000"):
        read_layout(changed(many))


def part(name: str, text: bytes) -> bytes:
    """A workbook with one of its parts replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(changed(lambda sheet, book: None))) as old,
        zipfile.ZipFile(file, "w") as new,
    ):
        for one in old.namelist():
            new.writestr(one, text if one == name else old.read(one))
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"key,text\n1,2\n",
        part(SHEET, b"<worksheet"),
        part(SHEET, b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet>&a;</worksheet>'),
        part(
            SHEET, b"<worksheet><sheetData><row><c r='A1'/><c r='ZZZ99999999'/></row></sheetData></worksheet>"
        ),
        part(
            SHEET,
            b"<x:worksheet xmlns:x='y'><x:row r='9999999999'><x:c><x:v>1</x:v></x:c></x:row></x:worksheet>",
        ),
        part(SHEET, b" " * (41 << 20)),
        part("xl/workbook.xml", b"<workbook/>"),
    ],
    ids=["empty", "torn", "csv", "open", "entity", "corner", "prefix", "large", "no sheets"],
)
def test_what_is_no_workbook_is_refused(data: bytes) -> None:
    with pytest.raises(SpreadsheetError):
        read_layout(data)


def test_cells_come_as_people_write_them() -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet("One")
    sheet.write_row(1, 1, [5, 1.5, True, "x"])
    book.close()
    assert read_book(file.getvalue())["One"] == [["", "", "", "", ""], ["", "5", "1.5", "yes", "x"]]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (2, 0), (2, 3)])
def test_a_cell_is_found_where_it_stands(row: int, column: int) -> None:
    """The reader leaves out what is empty before the first cell, but not on both sides."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet("One")
    sheet.write_string(row, column, "first")
    sheet.write_string(row + 1, column + 1, "last")
    book.close()
    rows = read_book(file.getvalue())["One"]
    assert {(r, c): text for r, cells in enumerate(rows) for c, text in enumerate(cells) if text} == {
        (row, column): "first",
        (row + 1, column + 1): "last",
    }


# --------------------------------------------------------------------------------- what would end or stop the reader


def rewritten(data: bytes, change: Callable[[str, bytes], tuple[str, bytes]]) -> bytes:
    """A workbook whose parts, by name, were renamed or replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for one in old.namelist():
            new.writestr(*change(one, old.read(one)))
    return file.getvalue()


CORNERS = b"""<?xml version="1.0" encoding="UTF-8"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>
</sheetData></worksheet>"""


def hidden(name: str) -> bytes:
    """Two cells in far corners, in a part that only its relationship makes a sheet: the reader asks for 549 GB."""

    def change(part: str, content: bytes) -> tuple[str, bytes]:
        if part == SHEET:
            return f"xl/{name}", CORNERS
        if part == "xl/_rels/workbook.xml.rels":
            return part, content.replace(b"worksheets/sheet1.xml", name.encode())
        return part, content

    return rewritten(changed(lambda sheet, book: None), change)


def beside() -> bytes:
    """A harmless part, and one of the same name in other letters, which the reader takes for it."""
    file = io.BytesIO(hidden("worksheets/SHEET1.xml"))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(SHEET, b"<worksheet/>")
    return rewritten(
        file.getvalue(),
        lambda part, content: (part, content.replace(b"worksheets/SHEET1.xml", b"worksheets/sheet1.xml")),
    )


def wide_sheets(count: int) -> bytes:
    """Sheets of two cells each: 4,000,000 cells to lay out in every one."""

    def change(_sheet: Any, book: xlsxwriter.Workbook) -> None:
        for _ in range(count):
            added = book.add_worksheet()
            added.write_string(0, 0, "x")
            added.write_string(1_999, 149, "x")

    return changed(change)


def empty_cells(count: int) -> bytes:
    row = b"<row>" + b"<c/>" * 100 + b"</row>"
    return part_packed(SHEET, b"<worksheet><sheetData>" + row * (count // 100) + b"</sheetData></worksheet>")


def part_packed(name: str, text: bytes) -> bytes:
    return rewritten(
        changed(lambda sheet, book: None), lambda part, content: (part, text if part == name else content)
    )


def one_part_twice() -> bytes:
    relations = "xl/_rels/workbook.xml.rels"
    return rewritten(
        changed(lambda sheet, book: None),
        lambda part, content: (
            part,
            content.replace(b"worksheets/sheet2.xml", b"worksheets/sheet1.xml")
            if part == relations
            else content,
        ),
    )


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a sheet of another ending": (lambda: hidden("worksheets/s0.dat"), "no spreadsheet program writes"),
    "a sheet without an ending": (lambda: hidden("worksheets/s0"), "no spreadsheet program writes"),
    "a sheet in another folder": (lambda: hidden("media/s0.xml"), "no spreadsheet program writes"),
    "a sheet behind dots": (lambda: hidden("worksheets/x/../s0.xml"), "no spreadsheet program writes"),
    "a chart that is a sheet": (lambda: hidden("chartsheets/s0.xml"), "beyond row 20,000"),
    "two names that read alike": (beside, "no spreadsheet program writes"),
    "one part, two sheets": (one_part_twice, "damaged"),
    "five wide sheets": (lambda: wide_sheets(5), "too far apart"),
    "a million empty cells": (lambda: empty_cells(1_000_000), "far more cells"),
    "eight million elements": (
        lambda: part_packed("xl/styles.xml", b"<s>" + b"<x/>" * 8_000_000 + b"</s>"),
        "far more cells",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_end_or_stop_the_reader_is_refused(name: str) -> None:
    """The process that reads takes less than four seconds of the processor over any of these files."""
    make, said = HOSTILE[name]
    data = make()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(SpreadsheetError, match=said):
        read_book(data)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4


def test_a_reader_that_dies_is_an_error_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ceiling holds even where its own look at the file lets everything through."""
    code = spreadsheet.SCRIPT.read_text("utf-8")
    for limit in ("MOST_ROWS = 20_000", "MOST_COLUMNS = 200", "LARGEST_AREA = 600_000"):
        assert limit in code
        code = code.replace(limit, f"{limit.partition(' ')[0]} = 10**12")
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, "reader.py")
        script.write_text(code, "utf-8")
        monkeypatch.setattr(spreadsheet, "SCRIPT", script)
        with pytest.raises(SpreadsheetError, match="far more cells"):
            read_book(part(SHEET, CORNERS))


def test_who_finds_no_turn_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "PATIENCE", 0.01)
    data = changed(lambda sheet, book: None)
    with contextlib.ExitStack() as others:
        for _ in range(spreadsheet.AT_ONCE):
            others.enter_context(spreadsheet._turns)
        with pytest.raises(SpreadsheetBusy):
            read_book(data)
    assert read_book(data)["Sections"] == [["key"], ["one"]]
