"""Posted fields of a section page to edits: shapes only, no rule of a questionnaire; names in _question.html."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from portal.assessments.answering_words import _
from portal.assessments.drafts import Content, Fault
from portal.assessments.service import FOREIGN, UNREAD, Edit
from portal.forms import clean
from questionnaires.definition import Question, Section

IGNORED = frozenset({"csrf_token", "go", "version", "confirm"})
TOGETHER = "section"  # the value of ``confirm`` of the button for all of a section
UNREADABLE = -1
LARGEST_REVISION = 2**31
LONGEST_CONFIRM = 300


@dataclass(frozen=True)
class Posted:
    """What came: ``edits`` of sound shape; ``faults`` of the other cards; ``typed`` holds every card as posted.

    ``foreign``: fields that name no question of this section. ``revisions``: what each card was rendered from.
    ``offered``: the earlier answers that the section's button listed. ``confirm``: what was pressed of such buttons.
    """

    edits: list[Edit] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    typed: dict[str, Content] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    foreign: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, str] = field(default_factory=dict)
    offered: dict[str, str] = field(default_factory=dict)
    confirm: str = ""

    @property
    def confirmed(self) -> dict[str, str]:
        """The source of each earlier answer that a press of "still true" names: one, or those of the section."""
        if self.confirm == TOGETHER:
            return dict(self.offered)
        source, _dot, key = self.confirm.partition(".")
        return {key: source} if key else {}


@dataclass
class _Card:
    """The fields of one question as they came."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    cells: dict[int, dict[str, str]] = field(default_factory=dict)

    def last(self, name: str) -> str:
        return self.fields.get(name, [""])[-1]

    @property
    def doubled(self) -> bool:
        return any(len(values) > 1 for name, values in self.fields.items() if name != "a")


def read(section: Section, fields: Iterable[tuple[str, str]]) -> Posted:
    """Sort posted fields by card. Nothing is refused here that could be saved; nothing typed is dropped."""
    fields = list(fields)
    confirm = next((value for name, value in fields if name == "confirm"), "")
    posted = Posted(confirm=confirm if len(confirm) <= LONGEST_CONFIRM else "")
    cards: dict[str, _Card] = {}
    questions = {one.key: one for one in section.questions}
    for name, value in fields:
        if name.startswith("o.") and name[2:] in questions:
            posted.offered[name[2:]] = value
        elif name not in IGNORED and not _place(questions, cards, name, value):
            posted.foreign.append((name, value))
    for key, card in cards.items():
        _finish(posted, questions[key], card)
    return posted


def _place(questions: dict[str, Question], cards: dict[str, _Card], name: str, value: str) -> bool:
    """Lay one field on its card; False when it belongs to none."""
    kind, _dot, rest = name.partition(".")
    if kind == "e":
        rest, _dot, part = rest.rpartition(".")
        kind = {"reason": "e.reason", "date": "e.date"}.get(part, "")
    if kind in ("a", "s", "n", "r", "k", "c", "e.reason", "e.date") and rest in questions:
        cards.setdefault(rest, _Card()).fields.setdefault(kind, []).append(value)
        return True
    parts = rest.rsplit(".", 2)
    if kind != "a" or len(parts) != 3:
        return False
    key, row, column = parts
    question = questions.get(key)
    if question is None or question.type != "table" or not _is_count(row):
        return False
    if all(one.key != column for one in question.columns):
        return False
    cards.setdefault(key, _Card()).cells.setdefault(int(row), {})[column] = clean(value)
    return True


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _finish(posted: Posted, question: Question, card: _Card) -> None:
    """One card's fields as an edit, or as a fault beside what was typed."""
    key = question.key
    value, fault = _value(question, card)
    ticked = card.last("s")
    content = Content(
        "not_applicable" if ticked else "answered" if value is not None else "unanswered",
        value,
        clean(card.last("n")),
        clean(card.last("e.reason")),
        clean(card.last("e.date")),
    )
    revision, seen = _revision(card.last("r")), _revision(card.last("c"))
    choice = card.last("k")
    if ticked and value is not None and not fault:
        fault = _("You gave an answer and ticked “not applicable”. Keep one of the two.")
    elif ticked not in ("", "na") or choice not in ("", "theirs", "mine"):
        fault = _("This is not one of the choices that the page offers.")
    elif card.doubled:
        fault = _("A field of this question came twice. Look at the answer and save again.")
    elif revision == UNREADABLE:
        fault = UNREAD
    posted.typed[key], posted.revisions[key], posted.choices[key] = content, revision, choice
    if fault:
        posted.faults[key] = Fault(answer=fault)
    else:
        decided = cast("Literal['', 'theirs', 'mine']", choice)
        posted.edits.append(Edit(key, revision, content, decided, seen))


def _value(question: Question, card: _Card) -> tuple[Any, str]:
    """The value in the JSON shape of the format, None for nothing; and what is wrong with its shape."""
    if question.type == "table":
        rows = [cells for _row, cells in sorted(card.cells.items()) if any(cells.values())]
        filled = [{name: text for name, text in cells.items() if text} for cells in rows]
        return filled or None, FOREIGN if "a" in card.fields else ""
    given = [clean(one) for one in card.fields.get("a", [])]
    chosen = [one for one in given if one]
    if question.type == "choices":
        return chosen or None, ""
    if len(given) > 1:
        return chosen[-1] if chosen else None, _("Give one answer; more than one came.")
    return (chosen[0] if chosen else None), ""


def _revision(text: str) -> int:
    """A posted revision; anything that is none is unreadable."""
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) >= LARGEST_REVISION:
        return UNREADABLE
    return int(text)


def fields_of(question: Question, content: Content) -> list[tuple[str, str]]:
    """``content`` as the page would post it: hidden fields of a conflict's own side."""
    key, value = question.key, content.value
    fields: list[tuple[str, str]] = []
    if question.type == "table":
        fields += [
            (f"a.{key}.{n}.{name}", text) for n, row in enumerate(value or ()) for name, text in row.items()
        ]
    elif isinstance(value, list):
        fields += [(f"a.{key}", one) for one in value]
    elif value is not None:
        fields.append((f"a.{key}", str(value)))
    if content.state == "not_applicable":
        fields.append((f"s.{key}", "na"))
    fields.append((f"n.{key}", content.note))
    if question.evidence is not None:
        fields += [(f"e.{key}.reason", content.promise_reason), (f"e.{key}.date", content.promise_date)]
    return fields
