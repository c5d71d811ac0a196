"""File names as people sent them, made harmless: to show, to keep, and to write into a header."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

LONGEST = (
    150  # characters; with every one of them in four bytes still below what file systems and headers take
)
LONGEST_BYTES = 200
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
UNWANTED = re.compile(r'["\'`<>|:*?;%&$!{}\[\]~^]+')
INVISIBLE = frozenset(
    {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
)  # controls, bidirectional overrides, surrogates


def clean_name(sent: str | None, extension: str) -> str:
    """The last part of a path without anything that misleads a reader or a program, ending in ``.extension``.

    ``extension`` is what the content was found to be; the person's own spelling of it is dropped.
    """
    name = re.split(r"[/\\]", sent or "")[-1]
    name = "".join(
        " " if one.isspace() else one
        for one in unicodedata.normalize("NFC", name)
        if one in "\t\n\r" or unicodedata.category(one) not in INVISIBLE
    )
    before, dot, after = name.rpartition(".")
    stem = UNWANTED.sub("_", before if dot else after)
    stem = " ".join(stem.split()).strip(". _-") or "document"
    if RESERVED.fullmatch(stem):
        stem = f"file {stem}"
    stem = stem[: LONGEST - len(extension) - 1]
    while len(stem.encode()) > LONGEST_BYTES - len(extension) - 1:
        stem = stem[:-1]
    return f"{stem.strip('. ')}.{extension}"


def extension_of(sent: str | None) -> str:
    """What follows the last dot, in lower case; "" where there is none."""
    visible = "".join(one for one in sent or "" if unicodedata.category(one) not in INVISIBLE)
    stem, dot, extension = re.split(r"[/\\]", visible)[-1].strip(" .").rpartition(".")
    return extension.casefold() if stem and dot else ""


def disposition(name: str) -> str:
    """The value of Content-Disposition for saving a file (RFC 6266 with the extended form of RFC 5987)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()+,=@-]", "_", plain).strip() or "document"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
