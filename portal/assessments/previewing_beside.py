"""One question of a draft as a vendor will see it, beside its editor.

Made from that question alone, so that it costs no more in a draft of two thousand: what decides whether it is asked
stands under the card in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from portal.assessments.answering_cards import MORE_ROWS, Card, preview_card
from portal.assessments.answering_words import _
from portal.assessments.drafts import read
from portal.library import parts
from portal.library.draft_checks import Checked, message_of, readable
from portal.library.field_words import words_of
from portal.library.parts import Document
from questionnaires import catalog
from questionnaires.checking import errors
from questionnaires.faults import Fault
from questionnaires.parsing import read_json
from questionnaires.raw import raw as raw_of

# What a vendor meets of a question. Points, weights, conditions, history and references are not for its eyes.
MET = (
    *("key", "text", "help", "type", "unit", "decimals", "at_least", "at_most", "not_before", "not_after"),
    *("max_length", "columns", "max_rows", "required", "allow_na"),
)
MARK = "as_seen."  # before the key in ids and names: no control of the editor has such a name
NO_DAY = date(2000, 1, 1)  # nothing is answered, so no answer is too old


@dataclass(frozen=True, slots=True)
class Seen:
    """What templates/library/draft_seen.html draws. ``card`` is None where ``problems`` keep it from being asked.

    ``asked_if`` and ``needed_if``: conditions in plain English; "" for none, or one that cannot be read yet.
    """

    card: Card | None
    problems: tuple[str, ...]
    asked_if: str
    needed_if: str


def seen(document: Document, part: Mapping[str, Any], refused: Mapping[str, str]) -> Seen:
    """A question as it stands in a form. ``refused``: what no draft may hold, by field."""
    key = part["key"]
    asked, needed = _source(part, "visible_when"), _source(part, "required_when")
    definition, faults = _alone(document, part, (asked, needed))
    problems = [f"{_named(name)}: {text}" for name, text in refused.items()]
    problems += [_told(one) for one in faults if one.question == key and one.severity == "error"]
    checked = Checked(definition, faults)
    card = None
    if not problems and definition is not None:
        number = parts.numbered(document).get(key, "")
        question = definition.questions[key]
        card = replace(
            preview_card(read(definition, {}, {}, NO_DAY), question, number),
            key=f"{MARK}{key}",
            value=[] if question.type == "table" else () if question.type == "choices" else "",
            rows=min(MORE_ROWS, question.max_rows) if question.type == "table" else 0,
        )
    return Seen(card, tuple(dict.fromkeys(problems)), checked.reading(asked), checked.reading(needed))


def _source(part: Mapping[str, Any], name: str) -> str:
    found = part.get(name)
    return found if isinstance(found, str) else ""


def _alone(document: Document, part: Mapping[str, Any], sources: Iterable[str]) -> Any:
    """(definition or None, faults) of the question, and of those that its conditions name, in a sound header."""
    named = {name for one in map(readable, sources) if one is not None for name in one.names} - {part["key"]}
    others = [_bare(one) for _in, _at, one in parts.questions(document) if one["key"] in named]
    sections: list[Any] = [{"key": "this", "title": "This", "questions": [_bare(part)]}]
    if others:
        sections.append({"key": "named", "title": "Named", "questions": others})
    header = {**raw_of(catalog.latest("security_lite")), "slug": "preview", "title": "Preview", "caps": []}
    found = read_json(parts.encoded({**header, "sections": sections}), "preview")
    if found.definition is None or found.faults:
        return found.definition, found.faults
    return found.definition, tuple(errors(found.definition))


def _bare(part: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: part[name] for name in MET if name in part} | {"weight": 0}
    if "options" in part:
        found["options"] = _rows(part["options"], ("value", "label", "exclusive"))
    if isinstance(part.get("evidence"), dict):
        found["evidence"] = _cells(part["evidence"], ("kind", "required"))
    findings = part.get("finding")
    if isinstance(
        findings, list
    ):  # those of an answer stand beside it; the others appear with what is answered
        found["finding"] = [one for one in findings if not (isinstance(one, dict) and one.get("when"))]
    return found


def _rows(rows: Any, names: tuple[str, ...]) -> Any:
    if not isinstance(rows, list):
        return rows
    return [_cells(one, names) if isinstance(one, dict) else one for one in rows]


def _cells(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def _told(fault: Fault) -> str:
    """A fault with the name of its field, and its row among those that are filled in."""
    found = message_of(fault)
    name = _named(found.field)
    if found.row is not None and found.field != "finding":  # of findings not all are here
        name = _("%(list)s, row %(row)s", list=name, row=found.row + 1)
    return f"{name}: {found.text}" if name else found.text


def _named(field: str) -> str:
    list_, _dot, rest = field.partition(".")
    row = rest.partition(".")[0]
    name = words_of(list_)
    return _("%(list)s, row %(row)s", list=name, row=int(row) + 1) if row.isdecimal() else name
