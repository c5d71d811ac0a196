"""Questions and sections to be, and what becomes of each kind of VSAQ answer."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from questionnaires.interchange.markup import one_line
from questionnaires.interchange.result import Notes
from questionnaires.interchange.vsaq_items import Item

HELP = 8000
LABEL = 1000
_NOT_OPTION = re.compile(r"[^A-Za-z0-9_.-]+")
_NONE = re.compile(r"none(?: of (?:the above|these|them))?\.?", re.IGNORECASE)


@dataclass(eq=False)
class Choice:
    """An option of a question to be: ``id`` is the foreign one, "" for one that the import adds."""

    value: str
    label: str
    id: str = ""
    exclusive: bool = False
    points: int | None = None


@dataclass(eq=False)
class Draft:
    """A question to be; ``chain`` are the items whose conditions it stands under, outermost first."""

    key: str
    type: str
    text: str
    items: tuple[Item, ...]
    chain: tuple[Item, ...]
    help: list[str] = field(default_factory=list)
    options: list[Choice] = field(default_factory=list)
    fields: dict[str, object] = field(default_factory=dict)
    findings: list[dict[str, str]] = field(default_factory=list)
    weight: int = 0
    critical: bool = False
    required: bool = True

    @property
    def item(self) -> Item:
        """The foreign item that it comes from; the first of several radio buttons."""
        return self.items[0]


@dataclass(eq=False)
class Page:
    """A section to be; ``chain`` are the blocks whose conditions all its questions share."""

    key: str
    title: str
    chain: tuple[Item, ...]
    intro: list[str] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)


def segment(words: str) -> str:
    """A segment of a key made from words or a foreign id."""
    found = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:80].rstrip("_") or "question"
    found = found if found[0].isalpha() else f"q_{found}"
    return f"{found}_" if keyword.iskeyword(found) else found


def cut(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis where it is too long."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def choose(draft: Draft, notes: Notes, pairs: tuple[tuple[str, str], ...]) -> None:
    taken: set[str] = set()
    for name, label in pairs:
        value = (_NOT_OPTION.sub("_", name).lstrip("_.-") or "option")[:90]
        while value in taken:
            value += "_"
        taken.add(value)
        if len(label) > LABEL:
            draft.help.append(label)
            notes.changed.append(f"{draft.item.place}: a long choice stands in full in the help.")
        draft.options.append(Choice(value, cut(label or name, LABEL), id=name))


def _radiogroup(draft: Draft, notes: Notes) -> None:
    choose(draft, notes, draft.item.options)
    if draft.item.raw.get("defaultChoice") is True:
        _add_none(draft, "None of the above", exclusive=False)


def _checkgroup(draft: Draft, notes: Notes) -> None:
    draft.type = "choices"
    choose(draft, notes, draft.item.options)
    for option in draft.options:
        option.exclusive = bool(_NONE.fullmatch(option.label))
    if draft.item.raw.get("defaultChoice") is True:
        _add_none(draft, "None of the above", exclusive=True)
    elif not any(option.exclusive for option in draft.options):
        _add_none(draft, "None of these", exclusive=True)
        notes.changed.append(f"{draft.item.place}: got the choice 'None of these', since blank is no answer.")


def _add_none(draft: Draft, label: str, exclusive: bool) -> None:
    value = "none"
    while any(option.value == value for option in draft.options):
        value += "_"
    draft.options.append(Choice(value, label, exclusive=exclusive))


def _radio(draft: Draft, notes: Notes) -> None:
    choose(draft, notes, tuple((one.id, one_line(one.text)) for one in draft.items))


def _yes_no(draft: Draft, notes: Notes) -> None:
    for value in ("yes", "no"):
        label = one_line(draft.item.word(value)) or value.capitalize()
        draft.options.append(Choice(value, cut(label, LABEL), id=f"{draft.item.id}/{value}"))


def _check(draft: Draft, notes: Notes) -> None:
    _yes_no(draft, notes)
    notes.changed.append(f"{draft.item.place}: the box to tick became a question with yes and no.")


def _line(draft: Draft, notes: Notes) -> None:
    item = draft.item
    kind = item.word("inputType") or "text"
    draft.type = kind if kind in ("date", "number") else "text"
    if kind not in ("date", "number", "text"):
        notes.lost.append(f"{item.place}: whether the text is of the kind {kind[:40]!r} is not tested.")
    _free(draft, notes)


def _box(draft: Draft, notes: Notes) -> None:
    draft.type = "text"
    draft.fields["max_length"] = 20_000
    _free(draft, notes)


def _free(draft: Draft, notes: Notes) -> None:
    item = draft.item
    draft.required = item.raw.get("required") is True
    most = item.raw.get("maxlength")
    if draft.type == "text" and isinstance(most, int) and 1 <= most <= 100_000:
        draft.fields["max_length"] = most
    hints = [one_line(item.word(name)) for name in ("inputTitle", "placeholder")]
    draft.help.extend(hint for hint in hints if hint)


def _upload(draft: Draft, notes: Notes) -> None:
    draft.type = "text"
    draft.required = draft.item.raw.get("required") is True
    draft.fields["evidence"] = {"kind": "document"}
    draft.help.append("Name the document here and add the file as evidence.")
    notes.changed.append(f"{draft.item.place}: the upload became a text with a document as evidence.")


ANSWERS: dict[str, Callable[[Draft, Notes], None]] = {
    "radiogroup": _radiogroup,
    "checkgroup": _checkgroup,
    "radio": _radio,
    "yesno": _yes_no,
    "check": _check,
    "line": _line,
    "box": _box,
    "upload": _upload,
}


def joined_help(draft: Draft, notes: Notes) -> str:
    """The help of a question, cut where it is longer than a help may be."""
    text = "\n\n".join(part for part in draft.help if part)
    if len(text) > HELP:
        notes.lost.append(f"{draft.item.place}: the end of the help, {len(text) - HELP:,} characters.")
    return cut(text, HELP)
