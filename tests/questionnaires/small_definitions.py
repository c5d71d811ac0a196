"""Small definitions for the tests of the format: a sound document to change, and folders of TOML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from questionnaires.checking import check
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json, read, read_json

HEADER: dict[str, Any] = {
    "format": 1,
    "slug": "tiny",
    "version": "1.0.0",
    "title": "Tiny",
    "purpose": "assessment",
    "language": "en",
    "licence": "CC0-1.0",
    "summary": "A questionnaire for tests.",
}
BANDS = [
    {"name": "good", "label": "Good", "minimum": 70},
    {"name": "bad", "label": "Bad", "minimum": 0},
]
YES_NO = [{"value": "yes", "label": "Yes", "points": 100}, {"value": "no", "label": "No", "points": 0}]
GATE = [{"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}]
KINDS = [
    {"value": "disk", "label": "Disk"},
    {"value": "tape", "label": "Tape"},
    {"value": "none", "label": "None", "exclusive": True},
]


def question(key: str = "a.one", **fields: Any) -> dict[str, Any]:
    """A scored choice of yes and no, changed by ``fields``; None takes a field out."""
    found = {"key": key, "text": f"What about {key}?", "type": "choice", "options": YES_NO, **fields}
    return {name: value for name, value in found.items() if value is not None}


def gate(key: str = "a.gate", **fields: Any) -> dict[str, Any]:
    """A question that decides on others: a fact of weight 0."""
    return question(key, **{"options": GATE, "weight": 0, **fields})


def number(key: str = "a.number", **fields: Any) -> dict[str, Any]:
    return question(key, **{"type": "number", "options": None, **fields})


def day(key: str = "a.day", **fields: Any) -> dict[str, Any]:
    return question(key, **{"type": "date", "options": None, **fields})


def choices(key: str = "a.kinds", **fields: Any) -> dict[str, Any]:
    return question(key, **{"type": "choices", "options": KINDS, "weight": 0, **fields})


def document(*questions: dict[str, Any], **header: Any) -> dict[str, Any]:
    """A JSON document with one section of these questions; header fields change or, with None, go."""
    sections = [{"key": "a", "title": "First", "questions": list(questions) or [question()]}]
    found = {**HEADER, "bands": BANDS, "knockout_band": "bad", "sections": sections, **header}
    return {name: value for name, value in found.items() if value is not None}


def data(raw: dict[str, Any]) -> bytes:
    return json.dumps(raw).encode()


def definition(*questions: dict[str, Any], **header: Any) -> Questionnaire:
    return parse_json(data(document(*questions, **header)))


def faults(raw: dict[str, Any], **known: Any) -> list[tuple[str, str, str]]:
    """(severity, key, message) of everything that reading and checking a document finds."""
    draft = read_json(data(raw))
    found = list(draft.faults)
    if draft.definition is not None:
        found += check(draft.definition, spoilt=draft.spoilt, **known)
    return [(fault.severity, fault.key, fault.message) for fault in found]


def errors(raw: dict[str, Any], **known: Any) -> list[tuple[str, str]]:
    return [(key, message) for severity, key, message in faults(raw, **known) if severity == "error"]


def warnings(raw: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key, message) for severity, key, message in faults(raw) if severity == "warning"]


TOML_HEADER = """
format = 1
slug = "tiny"
version = "1.0.0"
title = "Tiny"
purpose = "assessment"
language = "en"
licence = "CC0-1.0"
summary = "A questionnaire for tests."
knockout_band = "bad"

[[band]]
name = "good"
label = "Good"
minimum = 70

[[band]]
name = "bad"
label = "Bad"
minimum = 0
"""
TOML_SECTION = """
key = "a"
title = "First"

[[question]]
key = "a.one"
text = "What about a.one?"
type = "choice"
options = [{value = "yes", label = "Yes", points = 100}, {value = "no", label = "No", points = 0}]
"""


def folder(path: Path, header: str = TOML_HEADER, **sections: str | bytes) -> Path:
    """A definition's folder; sections by name of file, one sound section if none is given."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "questionnaire.toml").write_text(header)
    for name, text in (sections or {"s0": TOML_SECTION}).items():
        (path / f"{name}.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def folder_faults(path: Path) -> list[str]:
    return [str(fault) for fault in read(path).faults]
