"""Faults of a definition: what is wrong, in which file, at which key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dataclasses import dataclass
    from dataclasses import field as made
else:
    from questionnaires.frozen import dataclass
    from questionnaires.frozen import field as made

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``key`` is a question's or section's key, a field of the header, or a place in the file.

    The rest says where a page puts it: the key of the section, that of the question (or its place in the section,
    as in "question 2 of access", where the key is at fault) and the field, each "" where there is none. They are
    not printed, and two faults that differ in them alone are equal.
    """

    file: str
    key: str
    message: str
    severity: Literal["error", "warning"] = "error"
    section: str = made(default_factory=str, compare=False, repr=False)
    question: str = made(default_factory=str, compare=False, repr=False)
    field: str = made(default_factory=str, compare=False, repr=False)

    def __str__(self) -> str:
        note = "warning: " if self.severity == "warning" else ""
        return f"{shown(self.file)}: {shown(self.key)}: {note}{self.message}"


class DefinitionError(ValueError):
    """A definition that cannot be used; ``faults`` lists everything found, never only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def shown(text: str) -> str:
    """A name from outside on one line: as it is, or escaped if it holds anything that does not print."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def quoted(value: object) -> str:
    """What somebody wrote, safe to show on one line: shortened, control characters and surrogates escaped."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >= 10**15:
            # Printing a number of a million digits takes longer than reading it.
            return "a number of more than 15 digits"
        case int():
            return str(value)
        case str():
            short = value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "..."
            return '"' + short.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
        case None:
            return "null"
        case _:
            return str(value)[:_SHOWN]
