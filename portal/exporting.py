"""Lists as CSV and XLSX: written to a spooled file row by row, on record before the first byte, harmless in a sheet."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from tempfile import SpooledTemporaryFile, TemporaryDirectory
from typing import IO, Any, TypeVar

from flask import Response, request, send_file
from sqlalchemy import Select
from sqlalchemy.orm import Session

from portal import web
from portal.db import refuse_slow_work
from portal.paging import Page

T = TypeVar("T")
IN_MEMORY = 1_000_000
CHUNK = 250
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1_048_575  # a sheet has one row more, for the heads
LARGEST_NUMBER = 2**53  # a sheet keeps numbers as floats
FIRST_DAY = date(1900, 3, 1)  # sheets count the days before it in two ways
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
# What makes a spreadsheet calculate: the signs, also in their full width, and what programs skip before them. At the
# beginning; and behind a semicolon, a tab or a line's end, too: where a semicolon parts cells (most of Europe), quotes
# that begin within a cell protect nothing.
HIDDEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
)
SKIPPED = rf"(?:[^\S\t\r\n]|[{HIDDEN}])*"  # never past a line's end: each letter is looked at once
FORMULA = re.compile(rf"^(?=[\t\r\n])|(?<![^;\t\r\n])(?={SKIPPED}[=+\-@\uff1d\uff0b\uff0d\uff20|%])")
# Writes that so many rows were taken; runs in a short transaction of its own.
Note = Callable[[Session, int], None]


def cell(value: Any) -> str:
    """One value as text. Text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, (date, int)):
        return str(value)
    text = str(value).replace("\0", "")
    return FORMULA.sub("'", text)


def write_csv(target: IO[bytes], head: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """UTF-8 with a mark, CRLF, a head row; returns how many rows came after it."""
    text = io.TextIOWrapper(target, "utf-8", newline="", write_through=True)
    text.write(BOM)
    writer = csv.writer(text)
    writer.writerow([cell(one) for one in head])
    count = 0
    for row in rows:
        writer.writerow([cell(one) for one in row])
        count += 1
    text.flush()
    text.detach()
    return count


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]], note: Note) -> Response:
    """A CSV file to save, as ``name``; ``note`` is on record before its first byte leaves."""
    return spooled(f"{name}.csv", "text/csv", lambda file: write_csv(file, head, rows), note)


def write_xlsx(target: IO[bytes], head: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """One sheet with a head row; days and whole numbers typed, everything else as text that no program calculates.

    Returns how many rows came after the head. What a sheet has no room for is left out, and its last row says so.
    """
    import xlsxwriter  # slow to import, and a list is rarely taken

    refuse_slow_work("writing a workbook")
    with TemporaryDirectory() as folder:  # rows wait there; it is emptied even when a row cannot be read
        options = {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False}
        book = xlsxwriter.Workbook(target, options | {"strings_to_urls": False, "strings_to_numbers": False})
        # No date of its own: equal contents give equal files.
        book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC)})
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        day_format = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(0, len(head) - 1), 22)
        for column, one in enumerate(head):
            sheet.write_string(0, column, one, bold)
        count = 0
        for row in itertools.islice(rows, MOST_ROWS):
            count += 1
            for column, value in enumerate(row):
                if type(value) is date and value >= FIRST_DAY:
                    sheet.write_datetime(count, column, value, day_format)
                elif type(value) is int and abs(value) < LARGEST_NUMBER:
                    sheet.write_number(count, column, value)
                elif text := _words(value):
                    sheet.write_string(count, column, text)
        if count == MOST_ROWS:
            sheet.write_string(
                count, 0, f"This sheet ends after {MOST_ROWS - 1} rows; take the CSV for all of them."
            )
        book.close()
    return count


def _words(value: Any) -> str:
    """As ``cell`` says it, without the apostrophe: a sheet knows a text from a formula."""
    return str(value).replace("\0", "") if isinstance(value, str) else cell(value)


def list_file(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]], note: Note) -> Response:
    """A list to save, as its address asks: ``.csv`` or ``.xlsx``; on record before its first byte leaves."""
    if request.path.endswith(".xlsx"):
        return spooled(f"{name}.xlsx", XLSX, lambda file: write_xlsx(file, head, rows), note)
    return csv_file(name, head, rows, note)


def spooled(name: str, media_type: str, write: Callable[[IO[bytes]], int], note: Note) -> Response:
    """A file that ``write`` fills while the session still reads (law 1): the answer holds a file, no generator.

    What is small stays in memory, the rest goes to a file without a name that ends with the answer.
    """
    file: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the answer closes it
    try:
        count = write(file)
        web.portal().database.record_access(lambda session: note(session, count))
        file.seek(0)
        answer = send_file(file, media_type, as_attachment=True, download_name=name, etag=False, max_age=None)
    except BaseException:
        file.close()
        raise
    return answer


def by_pages(read: Callable[[int], Page[T]]) -> Iterator[list[T]]:
    """The rows of a list that is read a page at a time; ``read`` gives the page of a number, best of CHUNK rows."""
    number = 1
    while True:
        page = read(number)
        yield page.rows
        if number >= page.last:
            return
        number += 1


def by_chunks(session: Session, ids: Select[Any], read: Callable[[list[Any]], Iterable[T]]) -> Iterator[T]:
    """What ``read`` gives for the ids that a statement finds, a few hundred at a time, in its order.

    ``read`` keeps the order of the ids that it is given, and leaves out what it does not find any more.
    """
    found = session.execute(ids.execution_options(yield_per=CHUNK)).scalars()
    while chunk := list(itertools.islice(found, CHUNK)):
        yield from read(chunk)
