"""The items of a VSAQ file as trees, extensions put in place; what has no counterpart is noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from questionnaires.interchange.markup import MAX_TEXT, clean, one_line, plain
from questionnaires.interchange.relaxed_json import Relaxed, RelaxedJsonError, read
from questionnaires.interchange.result import ForeignError, Notes

MAX_ITEMS = 5000
MAX_QUESTIONS = 2000
MAX_OPTIONS = 100

QUESTIONS = frozenset(["radiogroup", "checkgroup", "check", "radio", "yesno", "line", "box", "upload"])
GROUPS = frozenset({"radiogroup", "checkgroup"})
# Every field that VSAQ knows; whatever else an item holds is listed.
_TEXTS = ("id", "text", "cond", "warn", "severity", "why", "name", "todo", "customTitle", "auth", "className")
_MORE_TEXTS = ("default", "inputType", "placeholder", "inputPattern", "inputTitle", "yes", "no")
_OTHERS = ("type", "items", "choices", "choicesConds", "defaultChoice", "required", "maxlength")
_FIELDS = frozenset([*_TEXTS, *_MORE_TEXTS, *_OTHERS, "insertAfter", "insertBefore"])


class VsaqError(ForeignError):
    """A VSAQ file that cannot be imported."""


@dataclass(eq=False)
class Item:
    """One item as written, its own text made plain. ``place`` names it in messages."""

    kind: str
    place: str
    id: str
    text: str
    condition: str
    raw: Mapping[str, object]
    options: tuple[tuple[str, str], ...] = ()
    items: tuple[Item, ...] = ()
    parent: Item | None = None

    def word(self, name: str) -> str:
        """A text field of the file, "" where it is absent."""
        value = self.raw.get(name)
        return value if isinstance(value, str) else ""

    def walk(self) -> Iterator[Item]:
        """This item and all below it, in order. Depth is limited by the reader of the file."""
        yield self
        for one in self.items:
            yield from one.walk()


@dataclass(frozen=True)
class Source:
    """A file and its extensions as one list of items, and the notice at the head of the file."""

    items: tuple[Item, ...]
    notice: str


def load(data: bytes, extensions: Sequence[bytes], notes: Notes) -> Source:
    """Read a VSAQ file and put its extensions in place. Raises VsaqError."""
    relaxed = _read(data, "the file")
    base = _object(relaxed.value, "the file")
    if "questionnaire" in base:
        raw = _list(base["questionnaire"], '"questionnaire"')
    elif "extensions" in base:
        raw = _list(base["extensions"], '"extensions"')
        raw = _named(raw, base)
        notes.lost.append(
            "The file extends another questionnaire; it was imported by itself, without that one."
        )
    else:
        raise VsaqError('the file has no "questionnaire": this is not a VSAQ file')
    for number, extension in enumerate(extensions, start=1):
        _extend(raw, extension, base, f"extension {number}")
    for name in sorted(set(base) - {"questionnaire", "extensions", "version", "namespace"}):
        notes.lost.append(f"The file's own field {name[:60]!r} has no counterpart.")
    items = tuple(_Reader(notes).items(raw, None, "questionnaire"))
    asked = sum(one.kind in QUESTIONS for item in items for one in item.walk())
    if asked > MAX_QUESTIONS:
        raise VsaqError(f"the file asks {asked:,} questions; at most {MAX_QUESTIONS:,} can be carried over")
    return Source(items, relaxed.notice)


def _read(data: bytes, what: str) -> Relaxed:
    try:
        return read(data)
    except RelaxedJsonError as error:
        raise VsaqError(f"{what} cannot be read: {error}") from None


def _object(value: object, place: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise VsaqError(f"{place} must be an object: {{...}}")
    return value


def _list(value: object, place: str) -> list[object]:
    if not isinstance(value, list):
        raise VsaqError(f"{place} must be a list: [...]")
    return value


def _extend(base: list[object], data: bytes, head: Mapping[str, object], what: str) -> None:
    """Insert the items of an extension before or after the items that they name, as VSAQ does."""
    table = _object(_read(data, what).value, what)
    if table.get("version") != head.get("version"):
        raise VsaqError(f"{what} is written for version {table.get('version')!r} of the questionnaire")
    for item in _named(_list(table.get("extensions"), f'"extensions" of {what}'), table):
        found = _object(item, f"an item of {what}")
        targets = [name for name in ("insertBefore", "insertAfter") if found.get(name)]
        if len(targets) != 1:
            raise VsaqError(f"an item of {what} needs either insertBefore or insertAfter")
        if not _insert(base, found, found[targets[0]], targets[0] == "insertAfter"):
            raise VsaqError(
                f"{what} names {str(found[targets[0]])[:60]!r}, which the questionnaire does not hold"
            )


def _insert(items: list[object], new: object, target: object, after: bool) -> bool:
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        if item.get("id") == target:
            items.insert(index + 1 if after else index, new)
            return True
        inner = item.get("items")
        if isinstance(inner, list) and _insert(inner, new, target, after):
            return True
    return False


def _named(items: list[object], table: Mapping[str, object]) -> list[object]:
    """The items with the extension's namespace before their ids, as VSAQ does; conditions stay as written."""
    namespace = table.get("namespace")
    if not isinstance(namespace, str):
        return items
    found: list[object] = []
    for item in items:
        if isinstance(item, dict):
            item = dict(item)
            if isinstance(item.get("id"), str):
                item["id"] = f"{namespace}:{item['id']}"
            if isinstance(item.get("items"), list):
                item["items"] = _named(item["items"], table)
            if isinstance(item.get("choices"), list):
                item["choices"] = [
                    {f"{namespace}:{key}": text for key, text in one.items()}
                    if isinstance(one, dict)
                    else one
                    for one in item["choices"]
                ]
        found.append(item)
    return found


class _Reader:
    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.count = 0
        self.ids: set[str] = set()

    def items(self, raw: list[object], parent: Item | None, place: str) -> list[Item]:
        found = []
        for index, one in enumerate(raw, start=1):
            self.count += 1
            if self.count > MAX_ITEMS:
                raise VsaqError(f"the file holds more than {MAX_ITEMS:,} items")
            if item := self.item(
                _object(one, f"item {index} of {place}"), parent, f"item {index} of {place}"
            ):
                found.append(item)
        return found

    def item(self, raw: dict[str, object], parent: Item | None, place: str) -> Item | None:
        kind = raw.get("type")
        for name in (*_TEXTS, *_MORE_TEXTS):
            self.text(raw, name, place)
        own_id = raw.get("id")
        own = own_id if isinstance(own_id, str) else ""
        name = f"{kind} {own[:80]!r}" if own else f"{kind} without id ({place})"
        if kind == "spacer":
            self.notes.lost.append(f"{name}: an empty line of the layout.")
            return None
        if kind not in QUESTIONS and kind not in ("block", "info", "tip"):
            text = one_line(str(raw.get("text") or ""))[:200]
            self.notes.lost.append(f"{name}: this kind of item has no counterpart. Its text: {text!r}.")
            return None
        assert isinstance(kind, str)
        item = Item(kind, name, own, plain(str(raw.get("text") or "")), str(raw.get("cond") or ""), raw)
        item.parent = parent
        self.claim(own, name)
        self.strange(raw, name)
        if kind in GROUPS:
            item.options = self.options(raw, name)
        if kind == "block":
            item.items = tuple(self.items(_list(raw.get("items", []), f"the items of {name}"), item, name))
        return item

    def text(self, raw: dict[str, object], name: str, place: str) -> None:
        value = raw.get(name)
        if isinstance(value, str):
            if len(value) > MAX_TEXT:
                raise VsaqError(
                    f"{place}: {name} has {len(value):,} characters; at most {MAX_TEXT:,} are read"
                )
        elif name in _TEXTS and value is not None:
            raise VsaqError(f"{place}: {name} must be a text")

    def claim(self, own: str, place: str) -> None:
        if own and own in self.ids:
            raise VsaqError(f"{place}: the id stands twice")
        if own != clean(own):
            raise VsaqError(f"{place}: the id holds control characters")
        self.ids.add(own)

    def strange(self, raw: dict[str, object], place: str) -> None:
        for name in sorted(set(raw) - _FIELDS):
            self.notes.lost.append(f"{place}: the field {name[:60]!r} has no counterpart.")

    def options(self, raw: dict[str, object], place: str) -> tuple[tuple[str, str], ...]:
        found = []
        for one in _list(raw.get("choices"), f"the choices of {place}"):
            entry = list(_object(one, f"each choice of {place}").items())
            if len(entry) != 1 or not isinstance(entry[0][1], str) or not entry[0][0]:
                raise VsaqError(f'{place}: each choice is one pair {{"id": "text"}}')
            self.text({"label": entry[0][1]}, "label", place)
            self.claim(entry[0][0], f"choice {entry[0][0][:80]!r} of {place}")
            found.append((entry[0][0], one_line(entry[0][1])))
        if not found:
            raise VsaqError(f"{place} has no choices")
        if len(found) > MAX_OPTIONS - 1:
            raise VsaqError(
                f"{place} has {len(found)} choices; at most {MAX_OPTIONS - 1} can be carried over"
            )
        return tuple(found)
