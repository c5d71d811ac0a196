"""What an uploaded file really is: the content decides, the name has to agree, and nothing is let through by doubt.

Raises Invalid with a sentence at the field ``file``. Slow work: never inside a write transaction (law 2).
"""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, NoReturn

from portal import office
from portal.db import refuse_slow_work
from portal.evidence import pictures
from portal.evidence.names import clean_name, extension_of
from portal.faults import Invalid

LARGEST_FILE = 25 * 1024 * 1024
PIECE = 256 * 1024
HEAD = 4096
# Extension -> media type. What is not here is not taken.
TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    **office.OPEN_DOCUMENT,
    "csv": "text/csv",
    "txt": "text/plain",
}
ACCEPT = ",".join(f".{one}" for one in TYPES)
WANTED = (
    "Send a PDF, a picture (PNG, JPEG, WebP, TIFF), an office file (Word, Excel, PowerPoint, OpenDocument), "
    "CSV or plain text."
)
BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF-1.", b"%PDF-2."),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/webp": (b"RIFF",),
    "image/tiff": (b"II*\0", b"MM\0*"),
}
MARKUP = re.compile(
    rb"(?i)<\s*(!doctype\s+html|html|head|body|script|svg|iframe|object|embed|meta|img|math|style|form|\?php|\?xml-stylesheet)\b"
)
PAGE = re.compile(
    rb"(?i)<(!doctype\s+html|html|script|iframe|body)[\s>]"
)  # long enough not to occur by chance
ARCHIVES = (b"PK\x05\x06", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")
TEXT_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A file that may be kept: its name to show, media type, size in bytes and SHA-256 in hex."""

    filename: str
    media_type: str
    size: int
    sha256: str


def sniff(file: IO[bytes], sent_name: str | None) -> Sniffed:
    """Examine ``file`` from its first byte on; its position afterwards is of no meaning."""
    refuse_slow_work("examining a file")
    extension = extension_of(sent_name)
    size, digest = _measure(file)
    if size == 0:
        _refuse("Choose a file. The one that came is empty.")
    if extension not in TYPES:
        named = (
            f"A file that ends in “.{extension[:20]}” is not taken."
            if extension.isalnum()
            else "This kind of file is not taken."
        )
        _refuse(f"{named} {WANTED}")
    media_type = TYPES[extension]
    head = _part(file, 0, HEAD)
    tail = _part(file, max(0, size - HEAD), HEAD)
    if media_type.startswith("text/"):
        _check_text(file, head)
    elif media_type in BEGINNINGS:
        if not head.startswith(BEGINNINGS[media_type]) or (
            media_type == "image/webp" and head[8:12] != b"WEBP"
        ):
            _refuse_other(extension, head)
        _check_single(file, head, tail, media_type)
        _check_whole(file, tail, media_type)
    else:
        if not head.startswith(b"PK\x03\x04"):
            _refuse_other(extension, head)
        _check_office(file, extension)
    shown = {"jpeg": "jpg", "tiff": "tif"}.get(extension, extension)
    return Sniffed(clean_name(sent_name, shown), media_type, size, digest)


def _measure(file: IO[bytes]) -> tuple[int, str]:
    digest, size = sha256(), 0
    file.seek(0)
    while piece := file.read(PIECE):
        digest.update(piece)
        size += len(piece)
        if size > LARGEST_FILE:
            _refuse("The file is larger than 25 MB. Make it smaller or split it.")
    return size, digest.hexdigest()


def _part(file: IO[bytes], start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _check_single(file: IO[bytes], head: bytes, tail: bytes, media_type: str) -> None:
    """A file is one thing: not a page, an archive or a program as well, whichever program opens it."""
    if MARKUP.search(head) or MARKUP.search(tail) or any(one in tail for one in ARCHIVES):
        _refuse_double()
    if media_type != "application/pdf" and b"%PDF-" in head:
        _refuse_double()
    file.seek(max(0, file.seek(0, os.SEEK_END) - 66_000))
    if ARCHIVES[0] in file.read():
        _refuse_double()
    if media_type == "application/pdf":
        return
    before = b""
    file.seek(0)
    while piece := file.read(PIECE):
        if PAGE.search(before + piece):
            _refuse_double()
        before = piece[-64:]


def _check_whole(file: IO[bytes], tail: bytes, media_type: str) -> None:
    if media_type == "application/pdf":
        end = tail.rstrip(b"\r\n\t \0")
        if not end.endswith(b"%%EOF"):
            _refuse(
                "The PDF does not end as a PDF does: it is damaged, or something was added to it. Save it again as PDF."
            )
        return
    try:
        pictures.check_picture(file, media_type)
    except pictures.TooManyPixels:
        _refuse(
            "The picture has too many pixels to be opened safely. Make it smaller: 100 million are enough."
        )
    except pictures.Damaged:
        _refuse("The picture is damaged, or something was added to it. Save it again.")


def _check_office(file: IO[bytes], extension: str) -> None:
    try:
        office.check_office(file, extension)
    except office.Dangerous as reason:
        _refuse(f"The office file is not taken: {reason}. Save it again without that, or as PDF.")
    except office.Damaged:
        _refuse(
            f"The file ends in “.{extension}”, but is no whole file of that kind. Save it again, or as PDF."
        )


def _check_text(file: IO[bytes], head: bytes) -> None:
    """UTF-8, UTF-16 with its mark, or the Western encoding of Windows; readable, and no page or program."""
    names = (
        ["utf-16"] if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ["utf-8-sig", "cp1252"]
    )
    if not any(_decodes(file, name) for name in names):
        _refuse("The file holds more than readable text. Save it as plain text or CSV in UTF-8.")
    start = head.decode(names[0], "replace").lstrip("\ufeff \t\r\n")
    if start.startswith(("<", "#!", "%PDF", "{\\rtf", "GIF8", "RIFF", "MZ")) or MARKUP.search(
        start[:1024].encode()
    ):
        _refuse_other("txt", head)


def _decodes(file: IO[bytes], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while piece := file.read(PIECE):
            if TEXT_CONTROLS.search(decoder.decode(piece)):
                return False
        decoder.decode(b"", True)
    except UnicodeError:
        return False
    return True


def _refuse_other(extension: str, head: bytes) -> NoReturn:
    import puremagic

    try:
        found = puremagic.magic_string(head)[0].extension.lstrip(".")
    except (puremagic.PureError, IndexError, ValueError):
        found = ""
    held = f" It looks like “.{found}”." if found.isalnum() and found != extension else ""
    _refuse(f"The name ends in “.{extension}”, but the content is something else.{held} {WANTED}")


def _refuse_double() -> NoReturn:
    _refuse(
        "The file is two things at once: it holds a web page or an archive as well. Save it again as PDF."
    )


def _refuse(sentence: str) -> NoReturn:
    raise Invalid(errors={"file": sentence})
