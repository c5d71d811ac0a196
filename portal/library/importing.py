"""Reading questionnaires from files for one organisation, with a report of what was changed on the way.

Own JSON and TOML, workbooks in our layout, VSAQ and MVSP. Keys of shipped questions stay, so that answers carry, where
a file says that it is based on a known version and its question is still that question; every other key begins with
``own.``.
"""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from portal import office
from portal.db import refuse_slow_work
from portal.faults import Invalid, Unavailable
from portal.remembered import Remembered
from questionnaires import catalog
from questionnaires.canonical import canonical_json, definition_json
from questionnaires.checking import check, errors
from questionnaires.checking_history import check_own_history
from questionnaires.checking_report import Report
from questionnaires.definition import Questionnaire
from questionnaires.faults import DefinitionError
from questionnaires.interchange.mvsp_asciidoc import is_asciidoc
from questionnaires.interchange.spreadsheet import SpreadsheetBusy, SpreadsheetError
from questionnaires.interchange.toml_folder import write_one_file
from questionnaires.interchange.workbook_cells import LARGEST_UNPACKED
from questionnaires.interchange.xlsx_layout import read_layout
from questionnaires.parsing import parse_json
from questionnaires.renaming import CONDITIONS, in_condition
from questionnaires.sources import Odd, SourceError, doubled, json_table, toml_table

FORMATS = ("vsaq", "mvsp", "json")
DRAFT_FORMATS = ("json", "toml", "xlsx", "vsaq", "mvsp")
LARGEST_IMPORT = 5 * 1024 * 1024
LARGEST_TOML = (
    512 * 1024
)  # its parser takes seconds for a megabyte; the largest shipped questionnaire has half of it
OWN = "own."
# What a single TOML file may call its lists, as the folder's files do.
_SINGULAR = {"band": "bands", "cap": "caps", "section": "sections", "question": "questions"}


_toml_sizes: Remembered[int] = Remembered(64)  # of versions, in bytes


@dataclass(frozen=True, slots=True)
class Import:
    """A definition that can be read, and what a person should read before: one text a line."""

    definition: Questionnaire
    source_format: str
    report: tuple[str, ...]


class ImportRefused(Invalid):
    """The file cannot become a questionnaire; ``lines`` names every fault with its place."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read_import(data: bytes, source_format: str, *, slug: str, version: str = "1.0.0") -> Import:
    """A questionnaire of an organisation's own from the bytes of a file, fit to be released as it is.

    ``source_format`` is ``vsaq``, ``mvsp`` or ``json`` (a definition of ours); the last two bring their slug and
    version themselves. Raises ImportRefused with every fault that was found. Seconds with large files: read before a
    transaction.
    """
    if source_format not in FORMATS:
        raise ImportRefused((f"The format is one of {', '.join(FORMATS)}.",))
    found = _read(data, source_format, slug, version)
    if catalog.versions(found.definition.slug):
        raise ImportRefused((_taken(found.definition.slug),))
    if found.definition.purpose == "intake":
        raise ImportRefused(("The purpose intake is kept for the portal's own questionnaire.",))
    wrong = errors(found.definition)
    if wrong:
        raise ImportRefused(tuple(map(str, wrong)))
    warnings = tuple(f"  {fault}" for fault in check(found.definition) if fault.severity == "warning")
    if not warnings:
        return found
    return Import(
        found.definition, source_format, (*found.report, "", "Suspicious, please judge each:", *warnings)
    )


def read_for_draft(
    data: bytes, source_format: str, *, slug: str = "", name: str = "", own: Collection[str] = ()
) -> Import:
    """A questionnaire from the bytes of a file, to become a draft: readable, but perhaps not sound yet.

    ``slug`` replaces the one that the file brings; VSAQ has none, and gets one from ``name``, the file's, otherwise.
    ``own``: labels of the organisation's own versions, whose keys a file may go on with, as with shipped ones.
    Raises ImportRefused for what cannot be read or is named like a questionnaire of the portal, Unavailable while
    other workbooks are read. Slow, and never inside a transaction.
    """
    refuse_slow_work("reading a questionnaire")
    if source_format not in DRAFT_FORMATS:
        raise ImportRefused((f"The format is one of {', '.join(DRAFT_FORMATS)}.",))
    if len(data) > LARGEST_IMPORT:
        raise ImportRefused((f"The file is larger than {LARGEST_IMPORT >> 20} MB.",))
    found = _read(data, source_format, slug or slug_from(name), "1.0.0", rename=slug, own=own)
    if catalog.versions(found.definition.slug):
        raise ImportRefused((_taken(found.definition.slug),))
    return found


def too_large_as_toml(definition: Questionnaire) -> bool:
    """Whether the one TOML file of a version is larger than what is read of this kind."""
    made = _toml_sizes.get(definition.content_hash, lambda: len(write_one_file(definition)))
    return made > LARGEST_TOML


def _taken(slug: str) -> str:
    return f"{slug} is the name of a questionnaire of the portal. Choose another."


def format_of(data: bytes, name: str = "") -> str:
    """What kind of file it is, from its bytes and its name: one of DRAFT_FORMATS."""
    if data.startswith(b"PK"):
        return "xlsx"
    if name.lower().endswith(".toml"):
        return "toml"
    try:
        top = json.loads(data)
    except (ValueError, RecursionError):
        return "mvsp" if is_asciidoc(data) else "vsaq"
    if not isinstance(top, dict):
        return "vsaq"
    return "json" if "slug" in top else "mvsp" if top.get("id") == "mvsp" else "vsaq"


def _read(
    data: bytes,
    source_format: str,
    slug: str,
    version: str,
    rename: str = "",
    own: Collection[str] = (),
) -> Import:
    try:
        if source_format in ("vsaq", "mvsp"):
            found, report = _foreign(source_format, data, slug, version)
            if rename and rename != found.slug:
                found = _called(found, rename)
        else:
            found, report = _ours(_table(data, source_format), rename, own)
    except DefinitionError as error:
        raise ImportRefused(tuple(map(str, error.faults))) from None
    except SourceError as error:
        raise ImportRefused((str(error),)) from None
    return Import(found, source_format, report)


def slug_from(name: str) -> str:
    """A slug from a file's name or a title: lower-case letters, digits and underscores."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return (words if words[:1].isalpha() else f"q_{words}")[:60].strip("_")


def _foreign(
    source_format: str, data: bytes, slug: str, version: str
) -> tuple[Questionnaire, tuple[str, ...]]:
    from questionnaires.interchange.mvsp import read_mvsp
    from questionnaires.interchange.result import ForeignError
    from questionnaires.interchange.vsaq import read_vsaq

    try:
        result = read_mvsp(data) if source_format == "mvsp" else read_vsaq(data, slug=slug, version=version)
    except ForeignError as error:
        raise ImportRefused((str(error),)) from None
    found = parse_json(canonical_json(result.definition_json), result.definition_json["slug"])
    return found, result.report.lines


def _table(data: bytes, source_format: str) -> dict[str, Any]:
    """The JSON shape of section 1 of the format that a file of ours holds. Raises ImportRefused, SourceError."""
    if source_format == "xlsx":
        try:
            office.check_office(io.BytesIO(data), "xlsx", largest=LARGEST_UNPACKED)
            held: dict[str, Any] = read_layout(data)
        except office.Damaged:
            raise ImportRefused(("This is no workbook of the kind XLSX, or it is damaged.",)) from None
        except office.Dangerous as error:
            raise ImportRefused((f"The workbook is not read: {error}.",)) from None
        except SpreadsheetError as error:
            raise ImportRefused(error.lines) from None
        except SpreadsheetBusy:
            raise Unavailable(
                "Other workbooks are being read at this moment. Bring yours again soon."
            ) from None
        return held
    if source_format == "json":
        found: dict[str, Any] = json_table(data)
        twice = doubled(found)
        if twice:
            raise ImportRefused(tuple(f"{place}: stands twice" for place in twice))
        return found
    return _one_file(toml_table(data, LARGEST_TOML))


def _one_file(table: Mapping[str, Any]) -> dict[str, Any]:
    """A questionnaire in a single TOML file: lists under the names of the folder's files, scales expanded."""
    scales = table.get("scale", {})
    found: dict[str, Any] = _plural({name: value for name, value in table.items() if name != "scale"})
    for section in _tables(found.get("sections")):
        for question in _tables(section.get("questions")):
            named = question.get("options")
            if isinstance(named, str) and isinstance(scales, dict) and named in scales:
                question["options"] = scales[named]
    return found


def _tables(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _plural(part: Any) -> Any:
    if isinstance(part, list):
        return [_plural(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        _SINGULAR.get(name, name) if isinstance(value, list) else name: _plural(value)
        for name, value in part.items()
    }


def _ours(table: dict[str, Any], rename: str, own: Collection[str]) -> tuple[Questionnaire, tuple[str, ...]]:
    """A definition of ours as one of the organisation's own."""
    _require_plain(table)
    try:
        given = parse_json(canonical_json(table))
    except ValueError as error:
        if isinstance(error, DefinitionError):
            raise
        raise ImportRefused((f"The file cannot be stored: {error}.",)) from None
    notes: list[str] = []
    if rename and rename != given.slug:
        label = given.label
        given = _called(given, rename, based_on=label if label in catalog.shipped() else None)
        notes.append(f"{label} is now called {given.slug}.")
    kept, reasons = _kept(given, own)
    prefix = f"{OWN}{given.slug.replace('-', '_')}."
    keys = {key: key if key in kept or key.startswith(prefix) else prefix + key for key in given.questions}
    renamed = [f"  {old} is now {new}{reasons.get(old, '')}" for old, new in keys.items() if old != new]
    heading = f"Import of {given.title} as {given.label}"
    size = f"{len(given.questions)} questions in {len(given.sections)} sections."
    if kept:
        notes.append(f"{len(kept)} questions keep their keys, so that answers given to them still count.")
    if not renamed:
        return given, (heading, size, *notes)
    found = parse_json(canonical_json(_renamed(definition_json(given), keys)), given.label)
    return found, (heading, size, *notes, "", "Keys of your own questions begin with own:", *renamed)


def _require_plain(table: dict[str, Any]) -> None:
    """Refuse numbers that the format does not know, each with its place; they have no canonical form."""
    lines = []
    waiting: list[tuple[str, Any]] = [("", table)]
    while waiting:
        place, part = waiting.pop()
        if isinstance(part, Odd):
            lines.append(f"{place}: {part} is neither a whole number of usual size nor text in quotes")
        elif isinstance(part, dict):
            waiting += [(f"{place}.{name}".strip("."), value) for name, value in part.items()]
        elif isinstance(part, list):
            waiting += [(f"{place} {number}", value) for number, value in enumerate(part, 1)]
    if lines:
        raise ImportRefused(tuple(lines))


def _called(given: Questionnaire, slug: str, *, based_on: str | None = None) -> Questionnaire:
    raw = {**definition_json(given), "slug": slug}
    if based_on is not None:
        raw["based_on"] = based_on
    return parse_json(canonical_json(raw), slug)


def _kept(given: Questionnaire, own: Collection[str]) -> tuple[frozenset[str], dict[str, str]]:
    """Keys that stay, and why others of a file with a known base do not; none where the base is not known."""
    slugs = {label.partition("@")[0] for label in own}
    if given.based_on not in {*catalog.shipped(), *own} and given.slug not in slugs:
        return frozenset(), {}
    report = Report(given, frozenset())
    check_own_history(report, (), (), [catalog.get(label) for label in catalog.shipped()])
    wrong = {fault.key: f" ({fault.message})" for fault in report.faults if fault.question}
    return frozenset(key for key in given.questions if key not in wrong), wrong


def _renamed(part: Any, keys: dict[str, str]) -> Any:
    """The JSON form of a definition with its question keys replaced, in conditions and histories too."""
    if isinstance(part, list):
        return [_renamed(one, keys) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _renamed(value, keys) for name, value in part.items()}
    if "type" in part and part.get("key") in keys:
        found["key"] = keys[part["key"]]
    for name in CONDITIONS:
        if isinstance(part.get(name), str):
            found[name] = in_condition(part[name], keys)
    if isinstance(part.get("formerly"), list):
        claims = (claim.partition("@") for claim in part["formerly"])
        found["formerly"] = [f"{keys.get(key, key)}@{revision}" for key, _, revision in claims]
    return found
