"""What a report says, before it is drawn: frozen and pure. Every string is plain text, never mark-up.

The page and the PDF are two drawings of one ``Document``, so they cannot say different things; ``content_hash`` names
what both say and leaves out when and for whom it was made.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from questionnaires.canonical import canonical_json

METHOD = "report/1"
TONES = ("good", "fair", "caution", "bad", "info", "none")


@dataclass(frozen=True, slots=True)
class State:
    """A cell that judges: a word with a tone, drawn with a shape beside the word."""

    tone: str
    word: str


Cell = str | State


@dataclass(frozen=True, slots=True)
class Heading:
    """``level`` 1 to 3; levels 1 and 2 stand in the contents. ``number``: "2" or "2.1", "" for none."""

    level: int
    text: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph. ``tone``: "" for text, "lead" and "small" by size, or one of TONES for a note."""

    text: str
    tone: str = ""


def isolated(text: str) -> str:
    """A name for the middle of a sentence: written from right to left, it moves no number that stands beside it.

    U+2068 and U+2069 of the Unicode Bidirectional Algorithm; the PDF, which turns nothing, leaves them out.
    """
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of label and value."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """``figures``: columns with numbers, set to the right. ``total``: sums. ``widths``: shares of the width."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    figures: frozenset[int] = frozenset()
    total: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a whole, with its tone."""

    label: str
    count: int
    tone: str


@dataclass(frozen=True, slots=True)
class Bars:
    """How a whole is divided: one bar, and the same numbers as a table."""

    caption: str
    head: tuple[str, str]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One month: ``lower`` stands under ``upper``."""

    label: str
    upper: int
    lower: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Numbers by month. ``names``: of the upper and the lower part; ``first``: head of the table's first column."""

    caption: str
    first: str
    names: tuple[str, str]
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of a matrix; ``framed``: below what the policy lets pass; ``tone``: of the residual risk."""

    count: int
    tone: str = "none"
    framed: bool = False


@dataclass(frozen=True, slots=True)
class MatrixBlock:
    """Counts in two directions, with sums: the last of ``rows`` and the last of each row are sums."""

    caption: str
    corner: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Square, ...]], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Zone:
    """A band of a questionnaire's scale, best first. ``level``: 4 (best) to 1."""

    name: str
    label: str
    minimum: int
    level: int


@dataclass(frozen=True, slots=True)
class Range:
    """A score on its scale. ``low`` and ``high``: exact decimal strings, None when nothing is assessed.

    ``band``: the name of the band that holds; ``held``: what keeps it below the number, "" for nothing.
    """

    caption: str
    bands: tuple[Zone, ...]
    low: str | None
    high: str | None
    band: str = ""
    held: str = ""

    @property
    def label(self) -> str:
        """What the band that holds is called."""
        return next((one.label for one in self.bands if one.name == self.band), "")


@dataclass(frozen=True, slots=True)
class Break:
    """A new page, where there are pages."""


Block = Heading | Para | Bullets | Facts | Table | Bars | Columns | MatrixBlock | Range | Break


@dataclass(frozen=True, slots=True)
class Document:
    """A report. ``subject``: whom it is about; ``made_for``: in whose house; ``rests_on``: label and id or hash."""

    kind: str
    title: str
    subject: str
    made_at: datetime
    made_for: str
    zone: str
    rests_on: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]

    @property
    def content_hash(self) -> str:
        """SHA-256 in hex of what the report says: equal facts give equal hashes, on another day too."""
        said = {
            "method": METHOD,
            "kind": self.kind,
            "title": self.title,
            "subject": self.subject,
            "rests_on": [list(one) for one in self.rests_on],
            "blocks": [_plain(one) for one in self.blocks],
        }
        return sha256(canonical_json(said)).hexdigest()

    @property
    def headings(self) -> tuple[Heading, ...]:
        """What stands in the contents."""
        return tuple(one for one in self.blocks if isinstance(one, Heading) and one.level < 3)


def _plain(value: Any) -> Any:
    """A block as lists, maps, texts and numbers; a dataclass is told apart by its name."""
    if is_dataclass(value):
        named = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        return {"block": type(value).__name__, **named}
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
