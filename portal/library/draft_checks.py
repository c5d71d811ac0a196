"""What is wrong with a draft, each message where a page can put it. Slow: before a write transaction, never in one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.db import refuse_slow_work
from portal.library import histories
from portal.library.histories import History
from portal.library.models import QuestionnaireDraft
from portal.remembered import Remembered
from questionnaires.canonical import sha256
from questionnaires.conditions import FACTS, Condition, ConditionError, describe, parse
from questionnaires.definition import Questionnaire
from questionnaires.faults import Fault
from questionnaires.parsing import read_json

REMEMBERED = 8
_ROW = re.compile(r"(?:option|rule|finding|column|band|cap) (\d+)(?:, ([a-z_]+))?[^:]*: (.*)", re.DOTALL)
_LISTS = frozenset({"options", "points_when", "finding", "columns", "bands", "caps"})
_VERBS = (
    "is ",
    "are ",
    "must ",
    "has ",
    "have ",
    "holds ",
    "stands ",
    "was ",
    "there ",
    "some ",
    "goes ",
    "falls ",
)
_CELLS = {"option": "on"}  # what an engine's name of a cell is called on a page


@dataclass(frozen=True, slots=True)
class Message:
    """What is wrong at a field of a part: ``field`` with ``row`` (from 0) and ``cell`` inside a list of rows."""

    text: str
    field: str
    row: int | None = None
    cell: str = ""
    warning: bool = False


@dataclass(frozen=True)
class Checked:
    """A draft as the engine reads it; ``definition`` is None when not even its header can be read."""

    definition: Questionnaire | None
    faults: tuple[Fault, ...]

    @property
    def errors(self) -> tuple[Fault, ...]:
        return tuple(one for one in self.faults if one.severity == "error")

    @cached_property
    def _by_place(self) -> dict[tuple[str, str], list[Message]]:
        found: dict[tuple[str, str], list[Message]] = {}
        for one in self.faults:
            found.setdefault((one.section, one.question), []).append(message_of(one))
        return found

    def of_header(self) -> list[Message]:
        return self._by_place.get(("", ""), [])

    def of_section(self, key: str) -> list[Message]:
        return self._by_place.get((key, ""), [])

    def of_question(self, section: str, key: str) -> list[Message]:
        return self._by_place.get((section, key), [])

    def reading(self, source: str) -> str:
        """A condition in plain English with this draft's texts; "" where it cannot be read or names what is unknown."""
        condition = readable(source)
        if condition is None or self.definition is None:
            return ""
        known = self.definition.questions
        if any(name != "value" and name not in known and name not in FACTS for name in condition.names):
            return ""
        try:
            return describe(condition, self.definition, "organisation")
        except (KeyError, ValueError):  # a value that is none of the options: its fault says so
            return ""


def readable(source: str) -> Condition | None:
    try:
        return parse(source) if source.strip() else None
    except ConditionError:
        return None


def message_of(fault: Fault) -> Message:
    """A fault of the engine as a message beside a field: without the names that the place says already."""
    warning = fault.severity == "warning"
    row = _ROW.fullmatch(fault.message)
    if row is not None and fault.field in _LISTS:
        return _row(row, fault.field, warning)
    text, field = fault.message, fault.field
    head, colon, rest = text.partition(": ")
    name = head.rsplit(" ", 1)[-1]
    if colon and name == field:
        return Message(_sentence(rest), field, warning=warning)
    if colon and head.startswith("evidence"):
        inner = name if name != "evidence" else "kind"
        return Message(_sentence(rest), f"evidence_{inner}", warning=warning)
    if not fault.section and not fault.question and fault.key.startswith(("band ", "cap ")):
        return _header_row(fault, warning)
    return Message(_sentence(text), field, warning=warning)


def _header_row(fault: Fault, warning: bool) -> Message:
    """In the header a fault's key is the field: "band 2, minimum"."""
    row = _ROW.fullmatch(f"{fault.key}: {fault.message}")
    assert row is not None
    return _row(row, "bands" if fault.key.startswith("band ") else "caps", warning)


def _row(found: re.Match[str], field: str, warning: bool) -> Message:
    cell = found[2] or ""
    if field == "columns" and cell == "option":
        cell = "options"
    return Message(_sentence(found[3]), field, int(found[1]) - 1, _CELLS.get(cell, cell), warning)


def _sentence(text: str) -> str:
    """The engine's words begin with a verb where a field's name stands before them; beside the field they begin big."""
    return text[:1].upper() + text[1:] if text.startswith(_VERBS) else text


# Checks by the hash of what was checked.
_remembered: Remembered[Checked] = Remembered(REMEMBERED)


def checked(session: Session, identity: Identity, row: QuestionnaireDraft) -> Checked:
    """All faults of a stored draft, against what the organisation and the portal have released."""
    return check_bytes(row.document, histories.history(session, identity, row.slug))


def check_bytes(document: bytes, known: History) -> Checked:
    """Read and check. Seconds with the largest questionnaires."""
    refuse_slow_work("checking a questionnaire")
    released = "|".join(one.content_hash for one in (*known.line, *known.others))
    key = sha256(document) + sha256(released.encode())
    return _remembered.get(key, lambda: _check(document, known))


def _check(document: bytes, known: History) -> Checked:
    read = read_json(document, "draft")
    if read.definition is None:
        return Checked(None, read.faults)
    found = histories.faults(read.definition, known, read.spoilt)
    return Checked(read.definition, tuple(_once([*read.faults, *found])))


def _once(faults: Iterable[Fault]) -> list[Fault]:
    return list(dict.fromkeys(faults))
