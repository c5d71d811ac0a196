"""What the pages of a draft show: where each message stands, what changed, what may be named in a condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from portal import web
from portal.library import draft_queries, parts
from portal.library.draft_checks import Checked, Message, message_of
from portal.library.field_words import words_of
from portal.library.models import QuestionnaireDraft
from portal.library.parts import Document
from portal.library.posted_fields import Fields, row_count
from questionnaires.facts import TABLE as FACTS

MOST_NAMES = 60
LISTS = ("options", "columns", "points_when", "finding", "bands", "caps")
# Fewest rows that a page draws of each list, and how many empty ones follow those that are there.
FEWEST = {"options": 3, "columns": 2, "points_when": 2, "finding": 1, "bands": 2, "caps": 1}
MORE = 5
MOST_DRAWN = 250  # more than any list may have; who sends thousands gets these back


@dataclass(frozen=True, slots=True)
class Said:
    """A message as a page shows it."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a colleague saved meanwhile: (field, theirs, mine) of what differs; ``gone``: they removed the part."""

    who: str
    at: datetime | None
    fields: list[tuple[str, str, str]]
    gone: bool = False


@dataclass(frozen=True)
class Editor:
    """One part on its page. ``v``: fields by name; ``said``: messages by field; ``rest``: those of no field here."""

    v: Mapping[str, str]
    seen: str
    said: Mapping[str, list[Said]] = field(default_factory=dict)
    rest: list[Said] = field(default_factory=list)
    readings: Mapping[str, str] = field(default_factory=dict)
    more: str = ""
    conflict: Conflict | None = None
    refused: bool = False

    def rows(self, name: str) -> range:
        """The rows to draw: those that are there, and empty ones to fill."""
        held = row_count(self.v, name)
        spare = MORE if self.more == name else 0 if self.refused else 1
        return range(min(max(held + spare, FEWEST[name]), MOST_DRAWN))

    def at(self, name: str) -> list[Said]:
        return self.said.get(name, [])

    @property
    def faults(self) -> int:
        found = [*self.rest, *(one for at in self.said.values() for one in at)]
        return sum(not one.warning for one in found)


def editor(
    fields: Fields, part: Any, messages: Iterable[Message], checked: Checked, more: str = ""
) -> Editor:
    """A part as it is stored, with what the check says of it."""
    said, rest = placed(messages, fields)
    return Editor(fields, parts.digest(part), said, rest, readings(fields, checked), more)


def placed(
    messages: Iterable[Message], fields: Mapping[str, str], rows: Mapping[str, list[int]] | None = None
) -> tuple[dict[str, list[Said]], list[Said]]:
    """Messages by field, and those that no field of the page is about. ``rows``: which posted row each row was."""
    said: dict[str, list[Said]] = {}
    rest: list[Said] = []
    for one in messages:
        name = one.field
        if one.row is not None:
            known = (rows or {}).get(one.field)
            row = known[one.row] if known and one.row < len(known) else one.row
            cell = f"{one.field}.{row}.{one.cell}"
            name = cell if cell in fields else one.field
        words = Said(one.text, one.warning)
        if name in fields or name in LISTS:
            said.setdefault(name, []).append(words)
        else:
            rest.append(Said(f"{one.field}: {one.text}" if one.field else one.text, one.warning))
    return said, rest


def readings(fields: Mapping[str, str], checked: Checked) -> dict[str, str]:
    """Each condition of a page in plain English."""
    found = {}
    for name, source in fields.items():
        if name.rsplit(".", 1)[-1].endswith("when") and source.strip():
            found[name] = checked.reading(source)
    return found


def conflict(theirs: Any, mine: Mapping[str, Any], who: str, at: datetime | None) -> Conflict:
    """What two people made of one part, field by field."""
    if theirs is None:
        fields = [(words_of(name), "", told(value)) for name, value in mine.items() if name != "key"]
        return Conflict(who, at, fields, gone=True)
    names = dict.fromkeys([*mine, *theirs])
    different = [name for name in names if mine.get(name) != theirs.get(name)]
    fields = [(words_of(name), told(theirs.get(name)), told(mine.get(name))) for name in different]
    return Conflict(who, at, fields)


def told(value: Any) -> str:
    """A value of a part in words, a row a line."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list):
        return "\n".join(told(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{words_of(name)}: {told(inner)}" for name, inner in value.items())
    return str(value)


# ------------------------------------------------------------------------------------------------------ the overview


def outline(document: Document, checked: Checked) -> list[dict[str, Any]]:
    """Every section with its questions, numbered, with how many faults and warnings each has."""
    found = []
    for number, section in enumerate(document["sections"], start=1):
        questions = [
            {
                "key": one["key"],
                "number": f"{number}.{place}",
                "text": _text(one.get("text")) or _("(no text yet)"),
                "type": _text(one.get("type")),
                "weight": one.get("weight"),
                "critical": bool(one.get("critical")),
                "conditional": bool(one.get("visible_when")),
                "own": one["key"].startswith("own."),
                "faults": _count(checked.of_question(section["key"], one["key"]), False),
                "warnings": _count(checked.of_question(section["key"], one["key"]), True),
            }
            for place, one in enumerate(section.get("questions", []), start=1)
        ]
        found.append(
            {
                "key": section["key"],
                "number": number,
                "title": _text(section.get("title")) or _("(no title yet)"),
                "weight": section.get("weight", 10),
                "conditional": bool(section.get("visible_when")),
                "questions": questions,
                "faults": _count(checked.of_section(section["key"]), False),
            }
        )
    return found


def _count(messages: Iterable[Message], warning: bool) -> int:
    return sum(one.warning is warning for one in messages)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def fault_lines(
    document: Document, checked: Checked, places: dict[str, Any], most: int = 200
) -> list[dict[str, Any]]:
    """Every fault, then every warning, each with the page and field that mends it; at most ``most``."""
    numbers = parts.numbered(document)
    known = {one["key"] for one in document["sections"]}
    found = []
    for fault in sorted(checked.faults, key=lambda one: one.severity != "error")[:most]:
        message = message_of(fault)
        name = message.field if message.row is None else f"{message.field}.{message.row}.{message.cell}"
        if fault.question in numbers:
            where, href = (
                numbers[fault.question],
                url_for("editing.question", question=fault.question, **places),
            )
        elif fault.section in known:
            where, href = (
                str(_("Section %(key)s", key=fault.section)),
                url_for("editing.section", section=fault.section, **places),
            )
        else:
            where, href = str(_("Title, bands and caps")), url_for("editing.header", **places)
        text = f"{words_of(message.field)}: {message.text}" if message.field else message.text
        found.append({"where": where, "href": f"{href}#f-{name}", "text": text, "warning": message.warning})
    return found


def part_words(document: Document, part: str) -> str:
    """A part as a person calls it."""
    kind, key = parts.split(part)
    if kind == "question":
        number = parts.numbered(document).get(key, "")
        return str(_("Question %(number)s", number=number) if number else _("Question %(key)s", key=key))
    if kind == "section":
        held = parts.held(document, part) or {}
        return str(_("Section “%(title)s”", title=_text(held.get("title")) or key))
    names = {"header": _("Title, bands and caps"), "order": _("The order"), "document": _("The whole draft")}
    return str(names.get(kind, part))


def edit_lines(row: QuestionnaireDraft, document: Document) -> list[dict[str, Any]]:
    """The newest changes; ``undo`` where nothing has changed since in what they touched.

    A change too large to be compared here offers it while it is the newest, which surely still stands.
    """
    words = {"added": _("added"), "removed": _("removed"), "changed": _("changed")}
    found = []
    for one in draft_queries.edits(web.db(), web.identity(), row):
        if one.after is None:
            stands = one.revision == row.revision
        else:
            stands = all(parts.stands(document, part, value) for part, value in one.after.items())
        found.append(
            {
                "revision": one.revision,
                "what": part_words(document, one.part),
                "how": words[one.how],
                "who": one.who,
                "at": one.at,
                "undo": stands,
            }
        )
    return found


# ------------------------------------------------------------------------------------- what a condition may name


def names(document: Document, section: str = "") -> list[dict[str, Any]]:
    """Questions that a condition may name, with the values to compare with; ``section`` narrows."""
    numbers = parts.numbered(document)
    return [
        {
            "key": one["key"],
            "number": numbers[one["key"]],
            "text": _text(one.get("text")),
            "type": _text(one.get("type")),
            "internal": False,
            "values": [
                (_text(each.get("value")), _text(each.get("label")))
                for each in one.get("options", [])
                if isinstance(each, dict)
            ]
            if isinstance(one.get("options"), list)
            else [],
        }
        for inside, _at, one in parts.questions(document)
        if not section or inside == section
    ]


def fact_names() -> list[dict[str, Any]]:
    """The facts that a condition may name; ``internal`` ones a vendor never reads."""
    return [
        {
            "key": name,
            "number": "",
            "text": one.words,
            "type": one.type.kind,
            "internal": one.internal,
            "values": list(one.labels.items()) if len(one.labels) <= MOST_NAMES else [],
        }
        for name, one in FACTS.items()
    ]
