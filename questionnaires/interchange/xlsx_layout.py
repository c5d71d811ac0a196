"""A definition as a workbook, and back: one row an item, found by its key, never by its row.

Each sheet is a table of section 1 of the format; an empty cell is the default of the field. Everything is written as
plain text and whole numbers, nothing as a formula, so that "=1+1" in a question stays those four characters.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from questionnaires.definition import Questionnaire
from questionnaires.interchange.spreadsheet import Rows, SpreadsheetError, read_book
from questionnaires.interchange.workbook_cells import MOST_ROWS
from questionnaires.patterns import WHOLE
from questionnaires.raw import raw

Kind = Literal["text", "whole", "flag", "lines"]
Json = dict[str, Any]

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEADER, README = "Questionnaire", "Read me"
LONGEST_CELL = 32_767
_MOST_FAULTS = 50


class Column(NamedTuple):
    """One column: what stands in its head, the field (a dot leads into ``evidence``), how its cells are read."""

    name: str
    kind: Kind = "text"
    width: int = 18


def _columns(*columns: str | Column) -> tuple[Column, ...]:
    return tuple(one if isinstance(one, Column) else Column(one) for one in columns)


SHEETS: Mapping[str, tuple[Column, ...]] = MappingProxyType(
    {
        "Bands": _columns(
            "name", Column("label", width=30), Column("minimum", "whole"), Column("level", "whole")
        ),
        "Caps": _columns(Column("when", width=50), "band", Column("text", width=60)),
        "Sections": _columns(
            "key",
            Column("title", width=40),
            Column("intro", width=60),
            Column("weight", "whole", 8),
            Column("visible_when", width=40),
        ),
        "Questions": _columns(
            "section",
            Column("key", width=30),
            Column("revision", "whole", 8),
            Column("type", width=10),
            Column("text", width=70),
            Column("help", width=50),
            Column("weight", "whole", 8),
            Column("critical", "flag", 8),
            Column("minimum", "whole", 8),
            Column("required", "flag", 8),
            Column("required_when", width=30),
            Column("visible_when", width=30),
            Column("allow_na", "flag", 8),
            "combine",
            "unit",
            Column("decimals", "whole", 8),
            "at_least",
            "at_most",
            "not_before",
            "not_after",
            Column("max_length", "whole"),
            Column("max_rows", "whole"),
            "evidence.kind",
            Column("evidence.required", "flag"),
            "evidence.required_when",
            Column("evidence.valid_months", "whole"),
            Column("formerly", "lines"),
            "reworded",
            Column("refs", "lines", 40),
        ),
        "Options": _columns(
            Column("question", width=30),
            "column",
            "value",
            Column("label", width=50),
            Column("points", "whole", 8),
            Column("exclusive", "flag", 8),
        ),
        "Points": _columns(
            Column("question", width=30), Column("when", width=40), Column("points", "whole", 8)
        ),
        "Findings": _columns(
            Column("question", width=30),
            "option",
            Column("when", width=40),
            "severity",
            Column("text", width=70),
        ),
        "Columns": _columns(Column("question", width=30), "key", Column("label", width=40), "type"),
    }
)
FIELDS = (
    *("slug", "version", "title", "purpose", "language", "licence", "summary", "based_on", "weighting"),
    "knockout_band",
)
# Sheets whose rows belong to a question, and the field of the question that they fill.
_OF_QUESTIONS = MappingProxyType({"Points": "points_when", "Findings": "finding", "Columns": "columns"})
WORDS = (
    "This workbook is one version of a questionnaire. Change it, then import it in the portal: it becomes a draft, "
    "and the portal says what is wrong with it before anything is released.",
    "Each row is one thing, found by its key. The order of the rows is the order of the questionnaire; otherwise "
    "rows may stand anywhere.",
    "A question keeps its key for as long as it means the same: then answers that were given to it still count. "
    "Who asks for something else writes a new key; keys of your own questions begin with own.",
    "An empty cell is the usual value of its column. Yes and no are written as yes and no. "
    "In formerly and refs each entry stands on a line of its own within the cell.",
    "Options name their question; options of a column of a table name the column too. "
    "Leave the heads of the columns and the names of the sheets as they are. No formulas, no merged cells.",
)


# ------------------------------------------------------------------------------------------------------------ writing


def write_layout(definition: Questionnaire) -> bytes:
    """The workbook of a definition, the same bytes each time; ``read_layout`` of it gives an equal definition."""
    from datetime import UTC, datetime

    import xlsxwriter

    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"title": definition.label, "created": datetime(2000, 1, 1, tzinfo=UTC)})
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    plain = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
    number = book.add_format({"valign": "top"})
    readme = book.add_worksheet(README)
    readme.set_column(0, 0, 100, plain)
    for at, text in enumerate((definition.label, *WORDS)):
        readme.write_string(at, 0, text, head if at == 0 else plain)
    for name, heads, rows in _tables(raw(definition)):
        sheet = book.add_worksheet(name)
        for at, column in enumerate(heads):
            sheet.set_column(at, at, column.width, number if column.kind == "whole" else plain)
            sheet.write_string(0, at, column.name, head)
        sheet.freeze_panes(1, 0)
        if len(rows) >= MOST_ROWS:
            raise SpreadsheetError(f"The sheet {name} would have {len(rows):,} rows. Take the JSON instead.")
        for row, cells in enumerate(rows, 1):
            for at, value in enumerate(cells):
                if isinstance(value, int) and not isinstance(value, bool):
                    sheet.write_number(row, at, value, number)
                elif value is not None:
                    sheet.write_string(row, at, _written(value), plain)
    book.close()
    return file.getvalue()


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "\n".join(value) if isinstance(value, list) else str(value)
    if len(text) > LONGEST_CELL:
        raise SpreadsheetError(
            f"A cell takes {LONGEST_CELL:,} characters; {text[:40]}... has more. Take the JSON."
        )
    return text


def _tables(given: Json) -> Iterator[tuple[str, tuple[Column, ...], list[list[Any]]]]:
    yield HEADER, _columns("field", Column("value", width=80)), [[one, given.get(one)] for one in FIELDS]
    questions = [
        {**question, "section": section["key"]}
        for section in given["sections"]
        for question in section["questions"]
    ]
    sources: dict[str, list[Json]] = {
        "Bands": given.get("bands", []),
        "Caps": given.get("caps", []),
        "Sections": given["sections"],
        "Questions": questions,
        "Options": list(_options(questions)),
    }
    for sheet, field in _OF_QUESTIONS.items():
        sources[sheet] = [
            {**one, "question": each["key"]} for each in questions for one in each.get(field, ())
        ]
    for sheet, columns in SHEETS.items():
        yield sheet, columns, [[_inside(one, column.name) for column in columns] for one in sources[sheet]]


def _options(questions: Sequence[Json]) -> Iterator[Json]:
    for question in questions:
        for one in question.get("options", ()):
            yield {**one, "question": question["key"]}
        for column in question.get("columns", ()):
            for one in column.get("options", ()):
                yield {**one, "question": question["key"], "column": column["key"]}


def _inside(table: Json, name: str) -> Any:
    outer, _, inner = name.partition(".")
    found = table.get(outer)
    return found.get(inner) if inner and isinstance(found, dict) else None if inner else found


# ------------------------------------------------------------------------------------------------------------ reading


def read_layout(data: bytes) -> Json:
    """The JSON form of section 1 that a workbook in our layout holds; whether it is sound is for ``check``.

    Raises SpreadsheetError with every sheet, column and row that cannot be placed.
    """
    return _Reading(read_book(data)).run()


class _Reading:
    """One workbook taken apart, and what could not be placed."""

    def __init__(self, book: Mapping[str, Rows]) -> None:
        self.book = book
        self.faults: list[str] = []

    def run(self) -> Json:
        missing = [name for name in (HEADER, "Sections", "Questions") if name not in self.book]
        if missing:
            raise SpreadsheetError(
                f"There is no sheet called {' or '.join(missing)}. Take the layout from an export of the portal."
            )
        found: Json = {"format": 1, **self.header()}
        tables = {name: self.table(name, columns) for name, columns in SHEETS.items()}
        for name in ("Bands", "Caps"):
            if tables[name]:
                found[name.lower()] = [one for _, one in tables[name]]
        sections: dict[str, Json] = {}
        for row, one in tables["Sections"]:
            if str(one.get("key", "")) in sections:
                self.fault("Sections", row, f"the section {one['key']} stands twice")
            sections[str(one.get("key", ""))] = {**one, "questions": []}
        questions = self.questions(tables["Questions"], sections)
        self.belongings(tables, questions)
        if self.faults:
            raise SpreadsheetError(self.faults[:_MOST_FAULTS])
        found["sections"] = list(sections.values())
        return found

    def fault(self, sheet: str, row: int, message: str) -> None:
        self.faults.append(f"{sheet}, row {row}: {message}.")

    def header(self) -> Json:
        found: Json = {}
        for row, cells in enumerate(self.book[HEADER][1:], 2):
            name, value = (*cells, "", "")[:2]
            if not name.strip() and not value.strip():
                continue
            if name.strip() not in FIELDS:
                self.fault(
                    HEADER,
                    row,
                    f"{name.strip()[:60] or 'nothing'} is no field; fields are {', '.join(FIELDS)}",
                )
            elif name.strip() in found:
                self.fault(HEADER, row, f"{name.strip()} stands twice")
            elif value:
                found[name.strip()] = value
        return found

    def table(self, sheet: str, columns: tuple[Column, ...]) -> list[tuple[int, Json]]:
        """The rows of a sheet that hold anything, with their numbers."""
        rows = self.book.get(sheet) or [[]]
        known = {one.name: one for one in columns}
        heads = [one.strip() for one in rows[0]]
        for at, name in enumerate(heads):
            if name and name not in known:
                self.fault(sheet, 1, f"{name[:60]} is no column; columns are {', '.join(known)}")
            elif name and name in heads[:at]:
                self.fault(sheet, 1, f"two columns are called {name}")
        found = []
        for number, cells in enumerate(rows[1:], 2):
            if any(cell.strip() for cell in cells):
                found.append((number, self.row(heads, known, cells, sheet, number)))
        return found

    def row(
        self, heads: list[str], known: Mapping[str, Column], cells: list[str], sheet: str, number: int
    ) -> Json:
        found: Json = {}
        for name, cell in zip(heads, cells, strict=False):
            column = known.get(name)
            if column is None:
                if cell.strip() and not name:
                    self.fault(sheet, number, "a cell stands under no head")
                continue
            if not (cell if column.kind == "text" else cell.strip()):
                continue
            outer, _, inner = name.partition(".")
            value = self.value(column, cell, sheet, number)
            if inner:
                found.setdefault(outer, {})[inner] = value
            else:
                found[outer] = value
        return found

    def value(self, column: Column, cell: str, sheet: str, number: int) -> Any:
        text = cell.strip()
        match column.kind:
            case "whole":
                if WHOLE.fullmatch(text):
                    return int(text)
                self.fault(sheet, number, f"{column.name} is a whole number, not {text[:40]!r}")
            case "flag":
                if text.casefold() in ("yes", "no"):
                    return text.casefold() == "yes"
                self.fault(sheet, number, f"{column.name} is yes or no, not {text[:40]!r}")
            case "lines":
                return [one for one in cell.split("\n") if one.strip()]
        return cell

    def questions(self, rows: list[tuple[int, Json]], sections: Mapping[str, Json]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for number, one in rows:
            section, key = one.pop("section", ""), str(one.get("key", ""))
            if section not in sections:
                self.fault(
                    "Questions", number, f"the sheet Sections has no section {section[:60] or '(empty)'}"
                )
            elif key in found:
                self.fault("Questions", number, f"the question {key[:60]} stands twice")
            else:
                found[key] = one
                sections[section]["questions"].append(one)
        return found

    def belongings(self, tables: Mapping[str, list[tuple[int, Json]]], questions: Mapping[str, Json]) -> None:
        """Columns, options, points and findings go to their questions; columns before their options."""
        for sheet in ("Columns", "Points", "Findings", "Options"):
            for number, one in tables[sheet]:
                question = questions.get(key := str(one.pop("question", "")))
                if question is None:
                    self.fault(sheet, number, f"the sheet Questions has no question {key[:60] or '(empty)'}")
                elif sheet != "Options":
                    question.setdefault(_OF_QUESTIONS[sheet], []).append(one)
                elif (name := one.pop("column", "")) == "":
                    question.setdefault("options", []).append(one)
                else:
                    column = next(
                        (each for each in question.get("columns", ()) if each.get("key") == name), None
                    )
                    if column is None:
                        self.fault(sheet, number, f"{key} has no column {name[:60]}")
                    else:
                        column.setdefault("options", []).append(one)
