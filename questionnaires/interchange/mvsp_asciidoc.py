"""The table of an MVSP version in AsciiDoc, as its working group publishes it, in the form of its JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable

TITLE = "Minimum Viable Secure Product"

_VERSION = re.compile(r"v(\d{1,3}(?:\.\d{1,3}){1,2})\b")
_GROUP = re.compile(r"[\d+<^>]*h\|\s*\d+\s+(\S.*)")
_HEADER = re.compile(r"[\d+<^>]*h\|")
_CONTROL = re.compile(r"\|\s*(\d{1,3}(?:\.\d{1,3})+)\s+(\S.*)")


def is_asciidoc(data: bytes) -> bool:
    """Whether these bytes look like the published text, and not like JSON."""
    return not data.lstrip().startswith((b"{", b"[")) and TITLE.encode() in data[:4000]


def table(text: str) -> dict[str, object]:
    """``{"id", "version", "controls"}`` of the text; whether all of it is sound is for the import to say."""
    lines = text.splitlines()
    begin = next((at for at, line in enumerate(lines) if line.strip() == "|==="), len(lines))
    version = next((found[1] for line in lines[:begin] if (found := _VERSION.match(line.strip()))), "")
    return {"id": "mvsp", "version": version, "controls": _controls(lines[begin + 1 :])}


def _controls(lines: Iterable[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    # The lines of the text of the control that is being read; None before its text has begun.
    words: list[str] | None = None
    group = ""
    for line in lines:
        if line.strip() == "|===":
            break
        if _HEADER.match(line):
            heading = _GROUP.match(line)
            group, words = heading[1].strip() if heading else group, None
        elif control := _CONTROL.match(line):
            found.append({"ref": control[1], "title": control[2].strip(), "group": group, "text": ""})
            words = None
        elif words is not None:
            words.append(line)
            found[-1]["text"] = "\n".join(words)
        elif line.startswith("|") and found:
            words = [line.removeprefix("|").strip()]
            found[-1]["text"] = words[0]
    return found
