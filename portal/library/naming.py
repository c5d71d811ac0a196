"""Names that the portal makes: keys of sections, questions, options and columns, and the number of a draft."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

from questionnaires.patterns import ordered

OWN = "own."


def slugged(text: str) -> str:
    """The first words of a text as one segment of a key: at most six words and forty characters."""
    words = re.findall(r"[a-z0-9]+", text.casefold().encode("ascii", "ignore").decode())
    found = "_".join(words[:6])[:40].strip("_")
    if keyword.iskeyword(found):  # a word of the condition language cannot be part of a key
        found = f"{found}_"
    return found if found[:1].isalpha() or not found else f"q_{found}"


def own_key(section: str, text: str) -> str:
    home = re.sub(r"[^a-z0-9_]+", "_", section).strip("_")[:60]
    return f"{OWN}{home}.{slugged(text) or 'question'}"


def free(key: str, taken: set[str]) -> str:
    """``key``, or with the first number behind it that nobody has."""
    number, found = 2, key
    while found in taken:
        found = f"{key}_{number}"
        number += 1
    return found


def next_version(versions: Iterable[str]) -> str:
    """What a draft is called until its release proposes the number: the next minor version."""
    newest = max(versions, key=ordered, default="0.0.0")
    major, minor, _patch = ordered(newest)
    return f"{major}.{minor + 1}.0" if major else "1.0.0"
