"""The letters of a PDF: the fonts that are embedded, text as they can show it, and where its lines break.

No mark-up is ever read: whatever a person typed is drawn letter by letter. What turns words around or hides them
(Unicode's controls of direction, zero-width signs) is dropped, so that nobody writes one thing and shows another.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

REGULAR, BOLD = "DejaVu", "DejaVu-Bold"
FOLDER = Path(__file__).resolve().parent.parent / "static" / "vendor" / "dejavu"
TURNED = frozenset({"R", "AL", "AN"})
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@cache
def letters() -> frozenset[int]:
    """The letters that both fonts have; registers them. DejaVu Sans: Latin, Greek, Cyrillic, Armenian and more."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    fonts = [TTFont(REGULAR, FOLDER / "DejaVuSans.ttf"), TTFont(BOLD, FOLDER / "DejaVuSans-Bold.ttf")]
    for font in fonts:
        pdfmetrics.registerFont(font)
    return frozenset(fonts[0].face.charToGlyph) & frozenset(fonts[1].face.charToGlyph)


def hides(letter: str) -> bool:
    """Whether a letter shows nothing itself and may change what stands beside it."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co") and letter not in "\n\t"


class Shown:
    """Text as the fonts can show it. ``lacking``: a letter stood as a question mark; ``turned``: some words are written
    from right to left, which the PDF does not do.
    """

    def __init__(self) -> None:
        self.known = letters()
        self.lacking = False
        self.turned = False

    def __call__(self, text: str) -> str:
        """Plain text; lines are kept."""
        if text.isascii() and text.isprintable():
            return text
        return "".join(self._shown(one) for one in unicodedata.normalize("NFC", text))

    def escaped(self, text: str) -> str:
        """The same for a paragraph of reportlab, whose mark-up it cannot be."""
        return escape(self(text)).replace("\n", "<br/>")

    def _shown(self, letter: str) -> str:
        if letter == "\n":
            return letter
        if letter.isspace():
            return " "
        if hides(letter):
            return ""
        if unicodedata.bidirectional(letter) in TURNED:
            self.turned = True
        if ord(letter) in self.known:
            return letter
        self.lacking = True
        return "?"


class Measure:
    """Widths of words in one document, each worked out once."""

    def __init__(self) -> None:
        from reportlab.pdfbase import pdfmetrics

        letters()
        self._fonts: dict[str, Any] = {name: pdfmetrics.getFont(name) for name in (REGULAR, BOLD)}
        self._known: dict[tuple[str, str], float] = {}

    def width(self, text: str, font: str, size: float) -> float:
        """In points."""
        key = (font, text)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._fonts[font].stringWidth(text, 1)
        return found * size

    def lines(self, text: str, font: str, size: float, width: float) -> list[str]:
        """Lines no wider than ``width``: broken between words, and within a word that is wider by itself."""
        found: list[str] = []
        space = self.width(" ", font, size)
        for one in text.split("\n"):
            line: list[str] = []
            used = 0.0
            for word in one.split(" "):
                wide = self.width(word, font, size)
                if line and used + space + wide > width:
                    found.append(" ".join(line))
                    line, used = [], 0.0
                if wide > width:
                    *whole, word = self._broken(word, font, size, width)
                    found += whole
                    wide = self.width(word, font, size)
                used += (space if line else 0.0) + wide
                line.append(word)
            found.append(" ".join(line))
        return found

    def _broken(self, word: str, font: str, size: float, width: float) -> list[str]:
        pieces, start, used = [], 0, 0.0
        for at, letter in enumerate(word):
            wide = self.width(letter, font, size)
            if used + wide > width and at > start:
                pieces.append(word[start:at])
                start, used = at, 0.0
            used += wide
        return [*pieces, word[start:]]

    def one_line(self, text: str, font: str, size: float, width: float) -> str:
        """The beginning of ``text`` with an ellipsis where it is too wide for one line."""
        text = " ".join(text.split())
        if self.width(text, font, size) <= width:
            return text
        kept, used = 0, self.width(ELLIPSIS, font, size)
        for letter in text:
            used += self.width(letter, font, size)
            if used > width:
                break
            kept += 1
        return text[:kept].rstrip() + ELLIPSIS
