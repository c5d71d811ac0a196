"""The little AsciiDoc in texts of MVSP to plain text: lists become dashes, links keep their address."""

from __future__ import annotations

import re
import unicodedata

from questionnaires.interchange.markup import clean

_LINK = re.compile(r"(https?://[^\s\[\]]++)\[([^\]\n]*)\]")
_ROLE = re.compile(r"\[\.[a-z]++\]#([^#\n]*)#")
_BOLD = re.compile(r"\*{1,2}([^*\n]++)\*{1,2}")
_BULLET = re.compile(r"(\*{1,5})\s+")
_FENCE = re.compile(r"(?:={4,}|-{4,}|\*{4,})")


def plain_asciidoc(text: str) -> str:
    """Plain text in NFC of a control's text of some thousand characters."""
    lines: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if _FENCE.fullmatch(words):
            words = ""
        bullet = _BULLET.match(words)
        if bullet:
            lines.append("  " * (len(bullet[1]) - 1) + "- " + _inline(words[bullet.end() :]))
        elif words and lines and lines[-1].lstrip().startswith("- ") and line.startswith("    "):
            # A line that hangs under its list item goes on with it.
            lines[-1] += f" {_inline(words)}"
        else:
            lines.append(_inline(words.removesuffix(" +")))
    joined = unicodedata.normalize("NFC", clean("\n".join(lines)))
    joined = re.sub(r"\n{2,}(?= *- )", "\n", joined)
    return re.sub(r"\n{3,}", "\n\n", joined).strip()


def _inline(text: str) -> str:
    text = _ROLE.sub(r"\1", text)
    text = _LINK.sub(_link, text)
    return _BOLD.sub(r"\1", text).replace("`", "").strip()


def _link(found: re.Match[str]) -> str:
    address, words = found[1], found[2].strip()
    return f"{words} ({address})" if words else address
