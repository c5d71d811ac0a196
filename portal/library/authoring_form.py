"""Pages of a draft to JSON parts and back: what is typed is kept as typed, whatever the check says of it.

``*_fields`` makes the flat names of a page from a part, ``read_*`` makes the part from what was posted. A part that
was only shown and sent back is the same part. Only what no draft may hold is refused: length, control characters,
too many rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from portal.library.naming import free, slugged
from portal.library.posted_fields import (
    CELLS,
    CONDITION,
    LINE,
    LONG,
    LONGER,
    Fields,
    Posted,
    Reader,
    kept,
    listed,
    row_fields,
    shown,
)
from questionnaires.checking import BELONGS
from questionnaires.definition import default_weight
from questionnaires.parsing_questions import MAX_OPTIONS, MAX_REFS

# --------------------------------------------------------------------------------------------------------- a question


def question_fields(part: Mapping[str, Any]) -> Fields:
    """The fields of a question's page as it stands."""
    kind = part.get("type", "")
    found = {
        name: shown(part.get(name, "")) for name in ("text", "help", "type", "combine", "unit", "reworded")
    }
    for name, default in _NUMBERS.items():
        found[name] = shown(part.get(name, default))
    found["weight"] = shown(part.get("weight", default_weight(kind if isinstance(kind, str) else "")))
    for name in ("at_least", "at_most", "not_before", "not_after", "visible_when", "required_when"):
        found[name] = shown(part.get(name, ""))
    for name, default_flag in (("critical", False), ("required", True), ("allow_na", False)):
        found[name] = "yes" if part.get(name, default_flag) else ""
    for name in ("refs", "formerly"):
        found[name] = "\n".join(shown(one) for one in listed(part.get(name)))
    found |= _evidence_fields(part.get("evidence"))
    found |= row_fields("options", listed(part.get("options")), _option_cells)
    found |= row_fields("columns", listed(part.get("columns")), _column_cells)
    found |= row_fields("points_when", listed(part.get("points_when")), _plain_cells("points_when"))
    found |= row_fields("finding", listed(part.get("finding")), _finding_cells)
    return found


_NUMBERS = {"revision": 1, "decimals": 0, "max_length": 4000, "max_rows": 200, "minimum": 50}


def read_question(form: Mapping[str, str], before: Mapping[str, Any]) -> Posted:
    """A question as posted; its key is that of ``before``. What only the old type has is left out with the type."""
    reader = Reader(form)
    kind = reader.text("type")
    part: dict[str, Any] = {
        "key": before["key"],
        "text": reader.text("text", LONG),
        **({"type": kind} if kind else {}),
        **kept((name, reader.number(name), default) for name, default in _NUMBERS.items()),
        **kept(
            (name, reader.text(name, most), "")
            for name, most in (
                ("help", LONGER),
                ("reworded", LINE),
                ("combine", LINE),
                ("unit", LINE),
                ("at_least", LINE),
                ("at_most", LINE),
                ("not_before", LINE),
                ("not_after", LINE),
                ("visible_when", CONDITION),
                ("required_when", CONDITION),
            )
        ),
        **kept(
            [
                ("weight", reader.number("weight"), default_weight(kind)),
                ("critical", reader.flag("critical"), False),
                ("required", reader.flag("required"), True),
                ("allow_na", reader.flag("allow_na"), False),
                ("refs", reader.lines("refs", MAX_REFS), []),
                ("formerly", reader.lines("formerly", MAX_REFS), []),
                ("evidence", _read_evidence(reader), {}),
                ("options", _read_options(reader), []),
                ("columns", _read_columns(reader), []),
                ("points_when", _read_plain(reader, "points_when"), []),
                ("finding", _read_findings(reader), []),
            ]
        ),
    }
    if kind != before.get("type"):
        part = {name: value for name, value in part.items() if kind in BELONGS.get(name, (kind,))}
    return reader.posted(part)


def _evidence_fields(rule: Any) -> Fields:
    rule = rule if isinstance(rule, dict) else {}
    return {
        "evidence_kind": shown(rule.get("kind", "")),
        "evidence_required": "yes" if rule.get("required") else "",
        "evidence_required_when": shown(rule.get("required_when", "")),
        "evidence_valid_months": shown(rule.get("valid_months", "")),
    }


def _read_evidence(reader: Reader) -> dict[str, Any]:
    return kept(
        [
            ("kind", reader.text("evidence_kind"), ""),
            ("required", reader.flag("evidence_required"), False),
            ("required_when", reader.text("evidence_required_when", CONDITION), ""),
            ("valid_months", reader.number("evidence_valid_months"), None),
        ]
    )


def _read_options(reader: Reader) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in reader.rows("options"):
        at = f"options.{row}"
        label = reader.text(f"{at}.label", 1000)
        value = reader.text(f"{at}.value") or _made_value(label, found)
        found.append(
            {"value": value}
            | kept(
                [
                    ("label", label, ""),
                    ("points", reader.number(f"{at}.points"), None),
                    ("exclusive", reader.flag(f"{at}.exclusive"), False),
                ]
            )
        )
    return found


def _made_value(label: str, others: Iterable[Mapping[str, Any]]) -> str:
    return free(slugged(label) or "option", {str(one.get("value")) for one in others})


def _read_columns(reader: Reader) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in reader.rows("columns"):
        at = f"columns.{row}"
        label = reader.text(f"{at}.label")
        key = reader.text(f"{at}.key") or free(slugged(label) or "column", {one["key"] for one in found})
        options: list[dict[str, Any]] = []
        for line in reader.lines(f"{at}.options", MAX_OPTIONS):
            value, equals, words = line.partition("=")
            words = words.strip() if equals else line
            options.append(
                {"value": value.strip() if equals else _made_value(words, options), "label": words}
            )
        found.append(
            {"key": key}
            | kept([("label", label, ""), ("type", reader.text(f"{at}.type"), ""), ("options", options, [])])
        )
    return found


def _read_plain(reader: Reader, name: str) -> list[dict[str, Any]]:
    """Rows of conditions with what follows from each."""
    found = []
    for row in reader.rows(name):
        cells: list[tuple[str, Any, Any]] = []
        for cell in CELLS[name]:
            at = f"{name}.{row}.{cell}"
            if cell in ("points", "minimum", "level"):
                cells.append((cell, reader.number(at), None))
            else:
                most = CONDITION if cell == "when" else LONG if cell == "text" else LINE
                cells.append((cell, reader.text(at, most), ""))
        found.append(kept(cells))
    return found


def _read_findings(reader: Reader) -> list[dict[str, Any]]:
    found = []
    for row in reader.rows("finding"):
        at = f"finding.{row}"
        found.append(
            kept(
                [
                    ("option", reader.text(f"{at}.on"), ""),
                    ("when", reader.text(f"{at}.when", CONDITION), ""),
                    ("severity", reader.text(f"{at}.severity"), ""),
                    ("text", reader.text(f"{at}.text", LONG), ""),
                ]
            )
        )
    return found


def _option_cells(row: Mapping[str, Any]) -> Fields:
    return {
        "value": shown(row.get("value", "")),
        "label": shown(row.get("label", "")),
        "points": shown(row.get("points", "")),
        "exclusive": "yes" if row.get("exclusive") else "",
    }


def _column_cells(row: Mapping[str, Any]) -> Fields:
    options = [one for one in listed(row.get("options")) if isinstance(one, dict)]
    return {
        **{name: shown(row.get(name, "")) for name in ("key", "label", "type")},
        "options": "\n".join(
            f"{shown(one.get('value', ''))} = {shown(one.get('label', ''))}" for one in options
        ),
    }


def _finding_cells(row: Mapping[str, Any]) -> Fields:
    return {
        "on": shown(row.get("option", "")),
        **{name: shown(row.get(name, "")) for name in ("when", "severity", "text")},
    }


def _plain_cells(name: str) -> Any:
    return lambda row: {cell: shown(row.get(cell, "")) for cell in CELLS[name]}


# --------------------------------------------------------------------------------------------- a section, the header


def section_fields(part: Mapping[str, Any]) -> Fields:
    return {
        "title": shown(part.get("title", "")),
        "intro": shown(part.get("intro", "")),
        "weight": shown(part.get("weight", 10)),
        "visible_when": shown(part.get("visible_when", "")),
    }


def read_section(form: Mapping[str, str], before: Mapping[str, Any]) -> Posted:
    reader = Reader(form)
    part = {"key": before["key"], "title": reader.text("title")} | kept(
        [
            ("intro", reader.text("intro", LONGER), ""),
            ("weight", reader.number("weight"), 10),
            ("visible_when", reader.text("visible_when", CONDITION), ""),
        ]
    )
    return reader.posted(part)


_HEADER_TEXTS = {"title": LINE, "summary": LONG, "purpose": LINE, "language": LINE, "licence": LINE}


def header_fields(part: Mapping[str, Any]) -> Fields:
    found = {name: shown(part.get(name, "")) for name in _HEADER_TEXTS}
    found["weighting"] = shown(part.get("weighting", "sections"))
    found["knockout_band"] = shown(part.get("knockout_band", ""))
    found |= row_fields("bands", listed(part.get("bands")), _plain_cells("bands"))
    found |= row_fields("caps", listed(part.get("caps")), _plain_cells("caps"))
    return found


def read_header(form: Mapping[str, str], before: Mapping[str, Any]) -> Posted:
    """The header as posted; slug, version and base are not edited here."""
    reader = Reader(form)
    part = {name: before[name] for name in ("format", "slug", "version", "based_on") if name in before}
    part |= {name: reader.text(name, most) for name, most in _HEADER_TEXTS.items()}
    part |= kept(
        [
            ("weighting", reader.text("weighting"), "sections"),
            ("knockout_band", reader.text("knockout_band"), ""),
            ("bands", _read_plain(reader, "bands"), []),
            ("caps", _read_plain(reader, "caps"), []),
        ]
    )
    return reader.posted(part)
