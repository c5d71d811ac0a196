"""Imports a version of MVSP (vendorsec/mvsp), the Minimum Viable Secure Product, with a report of what changed.

Its numbers move between versions: 2.8 means backups in version 1.0 and encryption from 2.0 on. So a control is known
by its meaning, which its title tells, and its number is a reference and nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from questionnaires.interchange.markup import clean, one_line
from questionnaires.interchange.mvsp_asciidoc import TITLE, is_asciidoc, table
from questionnaires.interchange.mvsp_text import plain_asciidoc
from questionnaires.interchange.result import (
    ForeignError,
    ImportReport,
    ImportResult,
    Notes,
    bands_json,
    report,
)
from questionnaires.interchange.vsaq_drafts import HELP, cut, segment
from questionnaires.patterns import VERSION, ordered
from questionnaires.sources import MAX_FILE, SourceError, doubled, json_table

__all__ = ["MvspError", "read_mvsp"]

SLUG = "mvsp"
WEIGHT = 10
MAX_CONTROLS = 200
MAX_TEXT = 8000

_KNOWN_VERSIONS = ("1.0.0", "2.0.0", "3.0.0")
# The text that was published as version 1.0 still bears the number of its draft.
_CALLED = {"0.9.3": "1.0.0"}
_NUMBER = re.compile(r"\d{1,3}(\.\d{1,3}){1,3}")
_FIELDS = {"id", "version", "controls"}
_CONTROL_FIELDS = {"ref", "title", "group", "text"}


class MvspError(ForeignError):
    """An MVSP file that cannot be imported."""


class Meaning(NamedTuple):
    """A control through all versions: its key, its titles, and the versions since which it asks for more."""

    key: str
    titles: tuple[str, ...]
    widened: tuple[tuple[str, str], ...] = ()


MEANINGS = (
    Meaning(
        "vulnerability_reports",
        ("Vulnerability reports", "External vulnerability reports"),
        (("3.0.0", "a policy with scope and safe harbour, no longer a contact alone"),),
    ),
    Meaning("customer_testing", ("Customer testing",)),
    Meaning("self_assessment", ("Self-assessment",)),
    Meaning("external_testing", ("External testing",)),
    Meaning("training", ("Training",)),
    Meaning("compliance", ("Compliance",)),
    Meaning("incident_handling", ("Incident handling",)),
    Meaning("media_disposal", ("Data sanitization", "Data handling")),
    Meaning(
        "single_sign_on",
        ("Single Sign-On",),
        (("3.0.0", "for all customers at no additional cost"),),
    ),
    Meaning("https_only", ("HTTPS-only",)),
    Meaning(
        "security_headers",
        ("Content Security Policy", "Security Headers"),
        (("2.0.0", "all security headers, no longer one of them"),),
    ),
    Meaning("password_policy", ("Password policy",)),
    Meaning("security_libraries", ("Security libraries",)),
    Meaning("dependency_patching", ("Dependency Patching",)),
    Meaning("logging", ("Logging",)),
    Meaning("backup", ("Backup and Disaster recovery",)),
    Meaning("encryption", ("Encryption",)),
    Meaning("data_list", ("List of data",)),
    Meaning("data_flow", ("Data flow diagram",)),
    Meaning("vulnerability_prevention", ("Vulnerability prevention",)),
    Meaning("time_to_fix", ("Time to fix vulnerabilities",)),
    Meaning(
        "build_process",
        ("Build process", "Build and release process"),
        (("3.0.0", "version control and secrets kept apart from the code"),),
    ),
    Meaning("physical_access", ("Physical access",)),
    Meaning(
        "logical_access",
        ("Logical access",),
        (("2.0.0", "a second factor for access from outside"),),
    ),
    Meaning("subprocessors", ("Subprocessors", "Sub-processors")),
)
_KEYS = {meaning.key for meaning in MEANINGS}
_BY_TITLE = {title.casefold(): meaning for meaning in MEANINGS for title in meaning.titles}


@dataclass(frozen=True, slots=True)
class Control:
    """One control as the file has it, its text made plain."""

    number: str
    title: str
    group: str
    text: str
    points: int


def read_mvsp(data: bytes) -> ImportResult:
    """Import an MVSP version: its published AsciiDoc text of at most 1 MB, or the same as JSON of at most 4 MB,
    ``{"id": "mvsp", "version", "controls": [{ref, title, group, text}]}``.

    Slug and version come from the file, so that its versions are versions of one questionnaire; keys are
    ``own.mvsp.<meaning>``. Raises MvspError with place and reason where the file cannot be read.
    """
    notes = Notes()
    raw = _table(data, notes)
    version = _version(raw.get("version"), notes)
    controls = list(_controls(raw.get("controls"), notes))
    if version not in _KNOWN_VERSIONS:
        notes.changed.append(
            f"Version {version} is newer or other than those known here. Compare each control with the one of the "
            "version before: where it asks for more, raise its revision."
        )
    questions: dict[str, list[dict[str, Any]]] = {}
    taken: dict[str, Control] = {}
    for control in controls:
        question = _question(control, version, notes)
        other = taken.setdefault(question["key"], control)
        if other is not control:
            raise MvspError(f"controls {other.number} and {control.number} mean the same, {control.title!r}")
        questions.setdefault(control.group, []).append(question)
    return ImportResult(_definition(version, questions), _report(version, controls, notes))


def _table(data: bytes, notes: Notes) -> dict[str, object]:
    if is_asciidoc(data):
        if len(data) > MAX_FILE:
            raise MvspError("file: is larger than 1 MB")
        return table(data.decode("utf-8", errors="replace"))
    try:
        raw = json_table(data)
    except SourceError as error:
        raise MvspError(str(error)) from None
    if twice := doubled(raw):
        raise MvspError(f"{twice[0][:100]} stands twice")
    if raw.get("id") != SLUG or "controls" not in raw:
        raise MvspError('this is not an MVSP version: it has an "id" of "mvsp" and a list of "controls"')
    notes.lost += [f"{_short(name)}: no such field is known." for name in raw if name not in _FIELDS]
    return raw


def _version(value: object, notes: Notes) -> str:
    words = value.removeprefix("v") if isinstance(value, str) else ""
    found = ".".join([*words.split("."), "0", "0"][:3]) if words else ""
    if not VERSION.fullmatch(found) or words.count(".") > 2:
        raise MvspError("version: must be numbers such as 1.0")
    if found in _CALLED:
        notes.changed.append(f"The file calls itself {found}; it was published as {_CALLED[found]}.")
    return _CALLED.get(found, found)


def _controls(value: object, notes: Notes) -> Iterator[Control]:
    if not isinstance(value, list) or not value:
        raise MvspError("controls: must be a list of at least one control")
    if len(value) > MAX_CONTROLS:
        raise MvspError(f"controls: there are {len(value):,}, more than {MAX_CONTROLS}")
    numbers: set[str] = set()
    for index, one in enumerate(value, start=1):
        control = _control(one, f"control {index}", notes)
        if control.number in numbers:
            raise MvspError(f"control {index}: the number {control.number} stands twice")
        numbers.add(control.number)
        yield control


def _control(value: object, place: str, notes: Notes) -> Control:
    if not isinstance(value, dict):
        raise MvspError(f"{place}: must be an object with ref, title, group and text")
    found: dict[str, str] = {}
    for name in ("ref", "title", "group", "text"):
        text = value.get(name)
        if not isinstance(text, str) or not clean(text).strip():
            raise MvspError(f"{place}: {name} must be a text")
        if len(text) > MAX_TEXT:
            raise MvspError(f"{place}: {name} has more than {MAX_TEXT:,} characters")
        found[name] = clean(text).strip()
    if not _NUMBER.fullmatch(found["ref"]):
        raise MvspError(f"{place}: ref must be a number such as 2.8")
    notes.lost += [
        f"{found['ref']}: the field {_short(name)}." for name in value if name not in _CONTROL_FIELDS
    ]
    text = plain_asciidoc(found["text"])
    points = sum(line.lstrip().startswith("- ") for line in text.splitlines())
    return Control(
        found["ref"], cut(one_line(found["title"]), 150), cut(one_line(found["group"]), 150), text, points
    )


def _short(name: str) -> str:
    return repr(cut(name, 40))


def _question(control: Control, version: str, notes: Notes) -> dict[str, Any]:
    meaning = _BY_TITLE.get(control.title.casefold())
    if meaning is None:
        key = segment(control.title)
        # A strange title never takes the key of a meaning that it does not tell.
        meaning = Meaning(f"{key}_" if key in _KEYS else key, (control.title,))
        notes.changed.append(
            f"{control.number} {control.title}: a control that is not known here. Its key comes from its title; see "
            "whether it replaces another."
        )
    since = [(when, what) for when, what in meaning.widened if ordered(when) <= ordered(version)]
    for when, what in since:
        notes.changed.append(
            f"{control.number} {control.title}: asks for more since {when} ({what}), so an older answer does not "
            "answer it."
        )
    if control.points > 1:
        notes.changed.append(
            f"{control.number} {control.title}: {control.points} points in one question. Split it if you want to "
            "see which are met."
        )
    found: dict[str, Any] = {
        "key": f"own.{SLUG}.{meaning.key}",
        "text": f"Do you meet the control “{control.title}”?",
        "help": cut(control.text, HELP),
        "type": "choice",
        "options": [
            {"value": "met", "label": "Yes, all of it", "points": 100},
            {"value": "partly", "label": "In part", "points": 40},
            {"value": "not_met", "label": "No", "points": 0},
            {"value": "unknown", "label": "We do not know", "points": 0},
        ],
        "weight": WEIGHT,
        "finding": [
            {"option": value, "severity": "medium", "text": f"The control “{control.title}” of MVSP {words}."}
            for value, words in (("not_met", "is not met"), ("unknown", "may not be met"))
        ],
        "refs": [f"mvsp:{version}/{control.number}"],
    }
    if since:
        found["revision"] = 1 + len(since)
    return found


def _definition(version: str, questions: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    keys: dict[str, str] = {}
    for group in questions:
        key = segment(group)
        while key in keys.values():
            key += "_"
        keys[group] = key
    return {
        "format": 1,
        "slug": SLUG,
        "version": version,
        "title": TITLE,
        "purpose": "assessment",
        "language": "en",
        "licence": "CC0-1.0",
        "summary": "Imported from the MVSP checklist. Points, weights and findings are a proposal.",
        # The checklist ranks none of its controls, so no weights are made up for its groups.
        "weighting": "flat",
        "bands": bands_json(),
        "sections": [
            {"key": keys[group], "title": group, "questions": found} for group, found in questions.items()
        ],
    }


def _report(version: str, controls: list[Control], notes: Notes) -> ImportReport:
    notes.proposed += [
        f"Each control weighs {WEIGHT}: the checklist ranks none of them. None is critical.",
        "Met earns 100 points, met in part 40, not met and not known 0, with a finding of medium severity.",
    ]
    groups = len({control.group for control in controls})
    heading = [
        f"Import of {TITLE} as {SLUG}@{version}",
        f"Questions: {len(controls)}, all of them scored. Sections: {groups}.",
        "Controls are known by what they mean. Numbers are references: 2.8 means backups in version 1.0 and "
        "encryption from 2.0 on.",
    ]
    return report(heading, "nothing in the file, which has neither points nor weights", notes)
