"""HTML in foreign texts to plain text: lists become dashes, links keep their address, nothing else stays."""

from __future__ import annotations

import html
import re
import unicodedata

MAX_TEXT = 20_000

_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)([A-Za-z][A-Za-z0-9]*)((?:\s[^<>]*)?)/?>", re.DOTALL)
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_BLOCKS = frozenset(
    {"p", "div", "ul", "ol", "table", "tr", "pre", "blockquote", *(f"h{n}" for n in range(1, 7))}
)
_UNSEEN = frozenset({"script", "style"})
# What a definition does not allow in its texts: controls, lone surrogates, non-characters.
_FORBIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def plain(text: str) -> str:
    """Plain text of a piece of HTML of at most MAX_TEXT characters, in NFC and without control characters."""
    out: list[str] = []
    links: list[tuple[str, int]] = []
    unseen = ""
    at = 0
    for found in _TAG.finditer(text):
        if not unseen:
            out.append(_words(text[at : found.start()]))
        at = found.end()
        name = (found[2] or "").lower()
        closing = found[1] == "/"
        if unseen:
            unseen = "" if closing and name == unseen else unseen
        elif name in _UNSEEN:
            unseen = "" if closing else name
        elif name == "a":
            _link(out, links, found[3] or "", closing)
        elif name == "li":
            out.append("\n" if closing else "\n- ")
        elif name == "br":
            out.append("\n")
        elif name in _BLOCKS:
            out.append("\n\n")
    if not unseen:
        out.append(_words(text[at:]))
    return _tidy("".join(out))


def clean(text: str) -> str:
    """The text without the characters that a definition does not allow."""
    return _FORBIDDEN.sub("", text)


def one_line(text: str) -> str:
    """The plain text on one line."""
    return " ".join(plain(text).split())


def _words(text: str) -> str:
    # In HTML a line break is a space; the breaks that stay come from tags.
    return re.sub(r"\s+", " ", html.unescape(text))


def _link(out: list[str], links: list[tuple[str, int]], attributes: str, closing: bool) -> None:
    """At the end of a link, write its address behind its words, unless they are the address."""
    if not closing:
        found = _HREF.search(attributes)
        address = html.unescape((found[1] or found[2] or "").strip()) if found else ""
        links.append((address, len(out)))
    elif links:
        address, start = links.pop()
        words = "".join(out[start:]).strip()
        if address.startswith(("http://", "https://", "mailto:")) and address != words:
            out.append(f" ({address})")


def _tidy(text: str) -> str:
    text = unicodedata.normalize("NFC", clean(text))
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    # A paragraph mark beside a list item would tear the list apart.
    text = re.sub(r"\n+- ", "\n- ", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()
