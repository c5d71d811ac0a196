"""Lists as CSV: written to a spooled file row by row, on record before the first byte, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any, TypeVar

from flask import Response, send_file
from sqlalchemy import Select
from sqlalchemy.orm import Session

from portal import web

T = TypeVar("T")
IN_MEMORY = 1_000_000
CHUNK = 250
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
# What makes a spreadsheet calculate: the signs, also in their full width, and what programs skip before them.
FORMULA = re.compile(r"^[\s\u200b-\u200f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]|^[\t\r\n]")
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
    return "'" + text if FORMULA.match(text) else text


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


def by_chunks(session: Session, ids: Select[Any], read: Callable[[list[Any]], Iterable[T]]) -> Iterator[T]:
    """What ``read`` gives for the ids that a statement finds, a few hundred at a time, in its order.

    ``read`` keeps the order of the ids that it is given, and leaves out what it does not find any more.
    """
    found = session.execute(ids.execution_options(yield_per=CHUNK)).scalars()
    while chunk := list(itertools.islice(found, CHUNK)):
        yield from read(chunk)
