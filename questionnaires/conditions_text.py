"""The text of a condition: limits and words, tested before Python's parser sees it."""

from __future__ import annotations

import keyword
import re
from typing import NoReturn

MAX_CHARACTERS = 2000
MAX_TOKENS = 600
MAX_OPEN_BRACKETS = 20
MAX_IN_A_ROW = 20


class ConditionError(ValueError):
    """A condition that cannot be read; ``messages`` lists every fault found, in plain words."""

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9][A-Za-z0-9_.]*)
      | (?P<string>"[ !#-\[\]-~]*"|'[ -&(-\[\]-~]*')
      | (?P<operator>[=!<>]=|[<>(),.-])""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,10})?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_WORDS = frozenset({"and", "or", "not", "in"})
# Python's other keywords: naming them is kinder than "invalid syntax".
_FOREIGN = frozenset(keyword.kwlist) - _WORDS


def check_text(source: str) -> None:
    """Refuse text beyond the limits, or with anything outside the language, before Python's parser sees it."""
    if len(source) > MAX_CHARACTERS:
        raise ConditionError(
            f"a condition has at most {MAX_CHARACTERS:,} characters; this has {len(source):,}"
        )
    if not source.strip():
        raise ConditionError("the condition is empty")
    at = tokens = brackets = row = 0
    before = ""
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            _refuse_character(source, at)
        at = found.end()
        kind, word = found.lastgroup, found.group()
        if kind == "space":
            continue
        tokens += 1
        brackets += (word == "(") - (word == ")")
        row = row + 1 if word in ("not", "-") else 0
        if tokens > MAX_TOKENS:
            raise ConditionError(f"a condition has at most {MAX_TOKENS} words and signs")
        if brackets > MAX_OPEN_BRACKETS:
            raise ConditionError(f"at most {MAX_OPEN_BRACKETS} brackets may be open at once")
        if brackets < 0:
            raise ConditionError("a bracket is closed that was never opened")
        if row > MAX_IN_A_ROW:
            raise ConditionError(f"at most {MAX_IN_A_ROW} 'not' or '-' may follow each other")
        _check_word(kind, word, before)
        before = word if kind == "operator" or word in _WORDS else kind or ""
    if brackets:
        raise ConditionError("a bracket is opened that is never closed")


def _check_word(kind: str | None, word: str, before: str) -> None:
    if kind == "name" and word not in _WORDS and (word in _FOREIGN or not _NAME.fullmatch(word)):
        raise ConditionError(
            f"{shown(word)} has no place in a condition; names are lower case, words are and, or, not, in"
        )
    if kind == "number" and (before == "." or not _NUMBER.fullmatch(word)):
        raise ConditionError(
            f"{shown(word)} is not a number: write up to 15 digits, and up to 10 decimals after a point"
        )
    if kind == "string" and before in ("string", "name"):
        # "a" "b" would be joined, and f"" or b"" would be another kind of text.
        raise ConditionError(f"before the text {shown(word)} an operator or a comma is missing")


def _refuse_character(source: str, at: int) -> NoReturn:
    character = source[at]
    if character in "\"'":
        raise ConditionError(
            "a quoted text does not end on its line, or holds a backslash or a letter that no option value has"
        )
    if character == "=":
        raise ConditionError("a single = compares nothing: write ==")
    if character in "[{":
        raise ConditionError('lists stand in round brackets: ("one", "two")')
    name = f"U+{ord(character):04X}" if not character.isascii() or not character.isprintable() else character
    raise ConditionError(f"the character {name} has no place in a condition")


def shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
