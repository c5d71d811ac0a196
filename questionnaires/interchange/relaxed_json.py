"""JSON as people write it by hand: comments, texts joined with +, commas before a closing bracket."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_VALUES = 50_000

# Possessive repeats never go back, so one pass over the text is enough whatever it holds.
_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]++|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?![0-9.eE])")
_WORD = re.compile(r"(?:true|false|null)(?![A-Za-z0-9_])")
_WORDS = {"true": True, "false": False, "null": None}
_COMMENT = re.compile(r"//([^\n]*)|/\*((?:[^*]|\*(?!/))*)\*/")


class RelaxedJsonError(ValueError):
    """Text that cannot be read: ``line`` (from 1, or 0 for the whole file) and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Relaxed:
    """What the text holds, and the words of the comments that stand before it (a licence, as a rule)."""

    value: object
    notice: str


def read(data: bytes, *, max_bytes: int = MAX_BYTES) -> Relaxed:
    """Read one value. Strings, whole numbers, true, false, null, lists and objects with distinct names.

    Raises RelaxedJsonError, also for what is too large, too deep or not text; never RecursionError.
    """
    if len(data) > max_bytes:
        raise RelaxedJsonError(0, f"the file is larger than {max_bytes >> 20} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RelaxedJsonError(line, "is not UTF-8 text; save the file as UTF-8") from None
    reader = _Reader(text)
    value = reader.whole()
    return Relaxed(value, _notice(text))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.values = 0

    def whole(self) -> object:
        self.skip()
        if self.at == len(self.text):
            raise RelaxedJsonError(0, "the file is empty")
        value = self.value(1)
        if self.at < len(self.text):
            raise self.error("something follows after the end of the data")
        return value

    def error(self, reason: str, at: int | None = None) -> RelaxedJsonError:
        place = self.at if at is None else at
        return RelaxedJsonError(self.text.count("\n", 0, place) + 1, reason)

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        if self.text.startswith("/*", self.at):
            raise self.error("a comment that begins with /* is never closed")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, character: str) -> bool:
        """Step over the character, and over the space after it, if it comes next."""
        if self.peek() != character:
            return False
        self.at += 1
        self.skip()
        return True

    def value(self, depth: int) -> object:
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.error(f"the file holds more than {MAX_VALUES:,} values")
        if depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} brackets are open at once")
        match self.peek():
            case "{":
                return self.members(depth)
            case "[":
                return self.entries(depth)
            case '"':
                return self.string()
            case "":
                raise self.error("the file ends in the middle")
            case _:
                return self.plain()

    def plain(self) -> object:
        if word := _WORD.match(self.text, self.at):
            self.at = word.end()
            self.skip()
            return _WORDS[word[0]]
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            self.skip()
            return int(number[0])
        near = self.text[self.at : self.at + 20].split("\n")[0]
        raise self.error(f"a text, a list or an object is expected here, not {near!r}")

    def string(self) -> str:
        """A text, with every text that is joined to it by +."""
        parts = [self.piece()]
        while self.take("+"):
            if self.peek() != '"':
                raise self.error("only texts can be joined with +")
            parts.append(self.piece())
        return "".join(parts)

    def piece(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self.error("a text in double quotes is not closed on its line, or holds a wrong escape")
        self.at = found.end()
        self.skip()
        text = found[0]
        # Most texts hold no escape, and a decoder for each would cost more than all the rest.
        value: str = json.loads(text) if "\\" in text else text[1:-1]
        return value

    def members(self, depth: int) -> dict[str, object]:
        self.take("{")
        found: dict[str, object] = {}
        while not self.take("}"):
            start = self.at
            if self.peek() != '"':
                raise self.error("a name in double quotes is expected here")
            name = self.piece()
            if name in found:
                raise self.error(f"the name {name[:60]!r} stands twice in one object", start)
            if not self.take(":"):
                raise self.error("a colon is missing after a name")
            found[name] = self.value(depth + 1)
            self.separator("}")
        return found

    def entries(self, depth: int) -> list[object]:
        self.take("[")
        found: list[object] = []
        while not self.take("]"):
            found.append(self.value(depth + 1))
            self.separator("]")
        return found

    def separator(self, closing: str) -> None:
        if not self.take(",") and self.peek() != closing:
            raise self.error(f"a comma or {closing} is expected here")


def _notice(text: str) -> str:
    head = _SPACE.match(text)
    assert head is not None
    words = [(one[1] or one[2] or "").strip(" *\t\r\n") for one in _COMMENT.finditer(head[0])]
    return " ".join(word for word in words if word)
