"""Files and bytes to plain tables: TOML and JSON with every limit tested before a parser sees the text."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from itertools import islice
from typing import NamedTuple

MAX_FILE = 1 << 20
MAX_QUESTIONNAIRE = 4 << 20
MAX_BRACKETS = 20
MAX_KEY_PARTS = 10

# Strings and comments are stepped over, and an unclosed one runs to its end, so that one pass is enough
# whatever the text holds: possessive repeats never go back.
_TOML_TOKEN = re.compile(
    r'''\#[^\n]*+
    | """(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5})?
    | \'\'\'(?:[^']|'(?!\'\'))*+(?:'{3,5})?
    | "(?:[^"\\\n]|\\[^\n])*+"?
    | '[^'\n]*+'?
    | [\[\]{}=,.]''',
    re.VERBOSE | re.DOTALL,
)
_JSON_TOKEN = r'(?s)"(?:[^"\\]|\\.)*+"?|[\[\]{}]'
_TOML_PLACE = re.compile(r" \(at (line \d+, column \d+|end of document)\)$")


class SourceError(ValueError):
    """A file or text that cannot be read at all: ``place`` in it, and why."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


class Odd(NamedTuple):
    """A value that no field takes, kept as written: a float, NaN, a number beyond 2^53."""

    text: str

    def __str__(self) -> str:
        return self.text if len(self.text) <= 20 else f"a number of {len(self.text):,} characters"


class Doubled(dict[str, object]):
    """A JSON object in which ``names`` stand more than once."""

    names: tuple[str, ...] = ()


def read_bytes(path: str | os.PathLike[str], limit: int = MAX_FILE) -> bytes:
    """The bytes of a plain file of at most ``limit`` bytes, without following a link. Raises SourceError."""
    try:
        # O_NONBLOCK: opening a named pipe would wait for a writer for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise SourceError("file", "this is no file name") from None
    except OSError as error:
        if os.path.islink(path):
            raise SourceError("file", "this is a symbolic link; put the file itself here") from None
        raise SourceError("file", f"cannot be opened: {error.strerror}") from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise SourceError("file", "this is not a plain file")
    with os.fdopen(handle, "rb") as file:
        # One byte more than allowed tells of a file that grew after it was measured.
        data = file.read(limit + 1) if found.st_size <= limit else b""
    if found.st_size > limit or len(data) > limit:
        raise SourceError("file", f"is larger than {_megabytes(limit)}")
    return data


def toml_table(data: bytes, limit: int = MAX_FILE) -> dict[str, object]:
    """The table that TOML bytes hold; floats come as Odd. Raises SourceError."""
    import tomllib

    text = _text(data, limit)
    _measure(_TOML_TOKEN, text)
    try:
        return tomllib.loads(text, parse_float=Odd)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _TOML_PLACE.search(message)
        reason = _TOML_PLACE.sub("", message)
        if reason.startswith(("Cannot overwrite", "Cannot declare", "Duplicate inline", "Cannot mutate")):
            reason += " (the same key or table stands twice)"
        raise SourceError(place[1] if place else "file", f"is not valid TOML: {reason}") from None
    except RecursionError:
        raise SourceError("file", "is nested too deeply") from None
    except ValueError:
        # Python reads no decimal integer of more than 4,300 digits.
        raise SourceError("file", "holds a number of more than 4,300 digits") from None


def json_table(data: bytes, limit: int = MAX_QUESTIONNAIRE) -> dict[str, object]:
    """The object in JSON bytes; odd numbers come as Odd, repeated names as Doubled. Raises SourceError."""
    import json

    text = _text(data, limit)
    _measure(re.compile(_JSON_TOKEN), text)
    try:
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=Odd,
            parse_constant=Odd,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise SourceError(place, f"is not valid JSON: {error.msg}") from None
    except RecursionError:
        raise SourceError("file", "is nested too deeply") from None
    if not isinstance(found, dict):
        raise SourceError("file", "must hold one JSON object: {...}")
    return found


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    counts = Counter(name for name, _ in pairs)
    doubled = Doubled(found)
    doubled.names = tuple(name for name, count in counts.items() if count > 1)
    return doubled


def _integer(text: str) -> int | Odd:
    return int(text) if len(text) <= 17 and abs(int(text)) < 2**53 else Odd(text)


def _text(data: bytes, limit: int) -> str:
    if len(data) > limit:
        raise SourceError("file", f"is larger than {_megabytes(limit)}")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise SourceError("line 1", "begins with a byte order mark; save it as UTF-8 without one")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(f"line {line}", "is not UTF-8 text") from None
    at = text.find("\0")
    if at >= 0:
        raise SourceError(f"line {text.count(chr(10), 0, at) + 1}", "holds the character U+0000")
    return text


def _measure(tokens: re.Pattern[str], text: str) -> None:
    """Refuse nesting and key depth that a recursive parser would not survive, or would take minutes over."""
    depth = parts = 0
    for at, token in enumerate(tokens.findall(text)):
        if len(token) > 1:
            continue
        if token in "=,":
            parts = 0
        elif token == ".":
            parts += 1
            if parts >= MAX_KEY_PARTS:
                message = f"a key has more than {MAX_KEY_PARTS} parts"
                raise SourceError(_line_of(tokens, text, at), message)
        elif token in "[{":
            depth += 1
            parts = 0
            if depth > MAX_BRACKETS:
                message = f"more than {MAX_BRACKETS} brackets are open at once"
                raise SourceError(_line_of(tokens, text, at), message)
        elif token in "]}":
            depth = max(depth - 1, 0)
            parts = 0


def _line_of(tokens: re.Pattern[str], text: str, at: int) -> str:
    found = next(islice(tokens.finditer(text), at, None))
    return f"line {text.count(chr(10), 0, found.start()) + 1}"


def _megabytes(limit: int) -> str:
    return f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit:,} bytes"


def doubled(value: object, place: str = "") -> list[str]:
    """Where names stand twice in what ``json_table`` returned, as paths of names; depth is limited already."""
    found = []
    if isinstance(value, Doubled):
        found += [f"{place}{name}".encode("unicode_escape").decode() for name in value.names]
    if isinstance(value, dict):
        for name, one in value.items():
            found += doubled(one, f"{place}{name} ")
    elif isinstance(value, list):
        for index, one in enumerate(value, start=1):
            found += doubled(one, f"{place}{index} ")
    return found
