"""A list of vendors as CSV: read, and checked row by row. Pure, no SQL: what is taken already comes as arguments."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any

from portal.accounts.service import address_key, mail_address
from portal.db import name_key
from portal.faults import Invalid
from portal.forms import WEB_ADDRESS, clean, has_controls
from portal.vendors.facts import TIERS, country_names
from questionnaires.canonical import canonical_json
from questionnaires.facts import COUNTRIES

LARGEST = 5 * 1024 * 1024
MOST_ROWS = 10_000
MOST_SHOWN = 200
MOST_CELLS = 50  # of a line; far more than there are columns
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
LONGEST_NAME = 200
COLUMNS = ("name", "country", "contact_name", "contact_email", "engagement", "tier", "business_owner_email")
LONGEST = {"contact_email": 254, "business_owner_email": 254}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list as it will be stored. ``number``: its line in the file, the header being line 1."""

    number: int
    name: str
    country: str = ""
    contact_name: str = ""
    contact_email: str = ""
    engagement: str = ""
    tier: str = ""
    business_owner_email: str = ""


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with a line: its number, the column ("" for the whole line), and a sentence."""

    number: int
    column: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows a list will make."""

    vendors: int
    contacts: int
    engagements: int


def read(data: bytes) -> tuple[list[Row], list[RowFault]]:
    """The rows of a CSV file, and every fault that shows without looking at what is on record.

    UTF-8 with or without a mark; ``,`` or ``;`` between cells, as the header has it; empty lines are skipped. Raises
    Invalid when it is no such file: too large, not UTF-8, a wrong header, or a quote that is never closed.
    """
    if len(data) > LARGEST:
        raise Invalid("The file is larger than 5 MB. Split the list.")
    try:
        text = data.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError:
        raise Invalid("The file is not UTF-8. In Excel, save it as “CSV UTF-8”.") from None
    first = next(io.StringIO(text, newline=""), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    faults: list[RowFault] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            cells = _without_empty_end(cells)
            if not cells:
                continue
            if len(cells) > MOST_CELLS:
                raise Invalid(f"Line {reader.line_num} has more than {MOST_CELLS} cells.")
            if header is None:
                header = _header(cells)
                continue
            if len(rows) + 1 > MOST_ROWS:
                raise Invalid(f"The list has more than {MOST_ROWS:,} rows. Split it.")
            row, wrong = _row(reader.line_num, header, cells)
            rows.append(row)
            faults += wrong
    except csv.Error as broken:
        raise Invalid(_unreadable(reader.line_num, broken)) from None
    if header is None or not rows:
        raise Invalid("The file holds no vendor: a header is needed, and at least one row under it.")
    return rows, faults


def check(rows: Iterable[Row], *, taken: Collection[str], owners: Collection[str]) -> list[RowFault]:
    """Faults that rest on what is on record: ``taken`` vendors' name keys, casefolded addresses of members."""
    faults: list[RowFault] = []
    for row in rows:
        if name_key(row.name) in taken:
            faults.append(RowFault(row.number, "name", "You have a vendor of this name already."))
        if row.business_owner_email and address_key(row.business_owner_email) not in owners:
            # one sentence, whether or not the address has an account somewhere
            sentence = "Nobody in your organisation has this address."
            faults.append(RowFault(row.number, "business_owner_email", sentence))
    return faults


def twice(rows: Iterable[Row]) -> list[RowFault]:
    """Rows that say the same thing again, or something else about a vendor that stands further up."""
    first: dict[str, Row] = {}
    countries: dict[str, Row] = {}  # the first line that names one
    contacts: dict[tuple[str, str], Row] = {}
    seen: set[tuple[str, str, str]] = set()
    bought: dict[tuple[str, str], int] = {}
    faults: list[RowFault] = []
    for row in rows:
        key = name_key(row.name)
        if not key:
            continue  # said already
        above = first.setdefault(key, row)
        what = (key, name_key(row.engagement), address_key(row.contact_email) if row.contact_email else "")
        if row.country and row.country != (said := countries.setdefault(key, row)).country:
            sentence = f"Line {said.number} names another country for this vendor."
            faults.append(RowFault(row.number, "country", sentence))
        if row.contact_name and row.contact_email:
            known = contacts.setdefault((key, address_key(row.contact_email)), row)
            if name_key(known.contact_name) != name_key(row.contact_name):
                sentence = f"Line {known.number} has another name for this address."
                faults.append(RowFault(row.number, "contact_name", sentence))
        if row.engagement:
            line = bought.setdefault((key, name_key(row.engagement)), row.number)
            if line != row.number:
                faults.append(RowFault(row.number, "engagement", f"Line {line} has this engagement already."))
        elif above is not row and what in seen:
            faults.append(RowFault(row.number, "name", f"Line {above.number} has this vendor already."))
        seen.add(what)
    return faults


def counts(rows: Iterable[Row]) -> Counts:
    """What the list will make: a vendor once however many lines name it, likewise each of its contacts."""
    listed = list(rows)
    people = {(name_key(one.name), address_key(one.contact_email)) for one in listed if one.contact_email}
    return Counts(
        len({name_key(one.name) for one in listed}), len(people), sum(bool(one.engagement) for one in listed)
    )


def to_bytes(rows: Iterable[Row]) -> bytes:
    """The rows as they are kept for the preview."""
    return canonical_json([asdict(one) for one in rows])


def from_bytes(data: bytes) -> list[Row]:
    names = {one.name for one in fields(Row)}
    return [Row(**{name: value for name, value in one.items() if name in names}) for one in json.loads(data)]


# ------------------------------------------------------------------------------------------------------------- cells


def _unreadable(line: int, broken: csv.Error) -> str:
    # The module has one class of error for both; only its words tell them apart.
    if "field limit" in str(broken):
        return f"Line {line} has a cell of more than {csv.field_size_limit():,} characters."
    return f"Line {line} cannot be read: a quotation mark is in the wrong place."


def _without_empty_end(cells: list[str]) -> list[str]:
    """Spreadsheets write empty cells for columns that were cleared."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _header(cells: list[str]) -> list[str]:
    names = [clean(one).casefold().replace(" ", "_") for one in cells]
    unknown = [clean(one)[:40] for one, name in zip(cells, names, strict=True) if name not in COLUMNS]
    if unknown:
        known = ", ".join(COLUMNS)
        listed = ", ".join(f"“{one}”" for one in unknown[:10])
        raise Invalid(f"The header has columns that the list does not know: {listed}. It knows {known}.")
    doubled = sorted(name for name, times in Counter(names).items() if times > 1)
    if doubled:
        raise Invalid(f"The header names a column twice: {', '.join(doubled)}.")
    if "name" not in names:
        raise Invalid("The header has no column “name”.")
    return names


def _row(number: int, header: list[str], cells: list[str]) -> tuple[Row, list[RowFault]]:
    faults: list[RowFault] = []

    def wrong(column: str, sentence: str) -> None:
        faults.append(RowFault(number, column, sentence))

    if len(cells) > len(header):
        wrong("", f"The line has {len(cells)} cells, the header has {len(header)}.")
    values = {name: clean(cell) for name, cell in zip(header, cells, strict=False)}
    found: dict[str, str] = {}
    for column in COLUMNS:
        raw = values.get(column, "")
        value = " ".join(raw.split())  # as a name that is typed in
        longest = LONGEST.get(column, LONGEST_NAME)
        if has_controls(raw):
            wrong(column, "Leave out line breaks and invisible control characters.")
            value = ""
        elif len(value) > longest or len(name_key(value)) > longest:
            wrong(column, f"Write at most {longest} characters.")
            value = ""
        found[column] = value
    _check_row(found, {one.column for one in faults}, wrong)
    return Row(number, **found), faults


def _check_row(found: dict[str, str], already: set[str], wrong: Any) -> None:
    """Each rule of one line; what cannot be read is blanked, so that one mistake is named once."""
    if not found["name"] and "name" not in already:
        wrong("name", "Write the vendor's name.")
    for column in ("name", "contact_name"):
        if WEB_ADDRESS.search(found[column].casefold()):
            wrong(column, "Leave out web addresses: a name goes into letters.")
    if found["country"]:
        code = _country(found["country"])
        if code is None:
            wrong("country", "Write the two letters of a country, such as PT, or leave it empty.")
        found["country"] = code or ""
    for column in ("contact_email", "business_owner_email"):
        try:
            found[column] = mail_address(found[column]) if found[column] else ""
        except ValueError:
            wrong(column, "Write one address, like tomasz.wilk@example.com.")
            found[column], already = "", already | {column}
    if bool(found["contact_name"]) != bool(found["contact_email"]) and not already & {
        "contact_name",
        "contact_email",
    }:
        missing = "contact_email" if found["contact_name"] else "contact_name"
        wrong(missing, "A contact needs a name and an address, or neither.")
    found["tier"] = found["tier"].casefold()
    if found["tier"] and found["tier"] not in TIERS:
        wrong("tier", "Write critical, high, medium or low.")
    elif found["engagement"] and not found["tier"] and "tier" not in already:
        wrong("tier", "An engagement needs a tier: critical, high, medium or low.")
    elif not found["engagement"] and "engagement" not in already:
        for column in ("tier", "business_owner_email"):
            if found[column]:
                wrong("engagement", f"Write what is bought, or leave {column} empty.")


def _country(text: str) -> str | None:
    if text.upper() in COUNTRIES:
        return text.upper()
    return _names().get(text.casefold())


@cache
def _names() -> Mapping[str, str]:
    return {name.casefold(): code for code, name in country_names().items()}


def owners_by_address(members: Iterable[tuple[str, uuid.UUID]]) -> dict[str, uuid.UUID]:
    """Ids of members by casefolded address."""
    return {address_key(address): one for address, one in members}
