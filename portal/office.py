"""Office files: ZIP archives that are checked entry by entry before anything else may open them."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from typing import IO

MOST_ENTRIES = 5_000
LARGEST_DIRECTORY = 1_000_000  # bytes of the list of entries: each costs a kilobyte once it is read
LARGEST_CONTENT = 200 * 1024 * 1024
HIGHEST_RATIO = 200  # of an entry above a megabyte; spreadsheets of equal rows come near 100
SMALL = 1024 * 1024
END, LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
OPEN_XML = {"docx": "word/", "xlsx": "xl/", "pptx": "ppt/"}
OPEN_DOCUMENT = {
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
}
PROGRAMS = re.compile(
    r"(?i)(vbaproject|vbadata|(^|/)(basic|scripts|activex|macrosheets)/"
    r"|\.(exe|dll|com|scr|bat|cmd|ps1|vbs|vbe|js|jse|wsf|hta|lnk|jar|msi|reg|html?)$)"
)


class Damaged(ValueError):
    """The archive is not whole, or not what it says."""


class Dangerous(ValueError):
    """The archive holds what no document of ours may: the text says what."""


def check_office(file: IO[bytes], extension: str, *, largest: int = LARGEST_CONTENT) -> None:
    """Raise Damaged or Dangerous unless ``file`` is a whole, harmless office file of this extension.

    ``largest``: how many bytes it may unpack to.
    """
    _check_end(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_list(entries, largest)
            _check_places(file, entries)
            for one in entries:
                _unpack(archive, one)
            _check_parts(archive, {one.filename for one in entries}, extension)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, UnicodeError) as error:
        raise Damaged(str(error)) from error


def _check_end(file: IO[bytes]) -> None:
    """The end record is the very end, counts few entries and is no 64-bit one: read before the list is."""
    size = file.seek(0, os.SEEK_END)
    if size < 22:
        raise Damaged("it is too short")
    file.seek(max(0, size - 65_557))
    tail = file.read()
    at = tail.rfind(END)
    if (
        at < 0
        or at + 22 > len(tail)
        or at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") != len(tail)
    ):
        raise Damaged("something follows its end")
    count, length = (
        int.from_bytes(tail[at + 10 : at + 12], "little"),
        int.from_bytes(tail[at + 12 : at + 16], "little"),
    )
    if count > MOST_ENTRIES or length > LARGEST_DIRECTORY or tail[max(0, at - 20) : at].startswith(LOCATOR):
        raise Dangerous("it packs far too many files into one")


def _check_list(entries: list[zipfile.ZipInfo], largest: int) -> None:
    if not 0 < len(entries) <= MOST_ENTRIES:
        raise Dangerous("it packs far too many files into one")
    names = [one.filename for one in entries]
    if len(set(names)) != len(names):
        raise Dangerous("it holds two files of one name")
    for one in entries:
        parts = one.filename.replace("\\", "/").split("/")
        if (
            ".." in parts
            or one.filename.startswith(("/", "\\"))
            or ":" in parts[0]
            or "\0" in one.orig_filename
        ):
            raise Dangerous("it holds a file whose name leads elsewhere")
        if one.flag_bits & 0x1:
            raise Dangerous("it is locked with a password")
        if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Damaged("it is packed in an unusual way")
        if PROGRAMS.search(one.filename):
            raise Dangerous("it holds macros or programs")
        if one.file_size > SMALL and one.file_size > HIGHEST_RATIO * max(1, one.compress_size):
            raise Dangerous("it unpacks to far more than it shows")
    if sum(one.file_size for one in entries) > largest:
        raise Dangerous("it unpacks to far more than it shows")


def _check_places(file: IO[bytes], entries: list[zipfile.ZipInfo]) -> None:
    """Entries lie one after the other from the first byte on: none shares its bytes with another."""
    place = 0
    for one in sorted(entries, key=lambda each: each.header_offset):
        if one.header_offset < place or (place == 0 and one.header_offset != 0):
            raise Dangerous("its files lie on top of each other")
        file.seek(one.header_offset)
        head = file.read(30)
        lengths = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        place = one.header_offset + 30 + lengths + one.compress_size


def _unpack(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> None:
    """Unpack into nothing: the list may lie about sizes, and checksums are only compared at the end."""
    total = 0
    with archive.open(one) as stream:
        while piece := stream.read(256 * 1024):
            total += len(piece)
            if total > one.file_size:
                raise Dangerous("it unpacks to far more than it shows")
    if total != one.file_size:
        raise Damaged("a part of it is missing")


def _check_parts(archive: zipfile.ZipFile, names: set[str], extension: str) -> None:
    """What makes an archive a document of this kind."""
    if extension in OPEN_DOCUMENT:
        first = archive.infolist()[0]
        if first.filename != "mimetype" or _text(archive, "mimetype").strip() != OPEN_DOCUMENT[extension]:
            raise Damaged("it says to be another kind of document")
        if "content.xml" not in names:
            raise Damaged("it has no content")
        return
    folder = OPEN_XML[extension]
    if "[Content_Types].xml" not in names or not any(name.startswith(folder) for name in names):
        raise Damaged("it says to be another kind of document")
    if "macroenabled" in _text(archive, "[Content_Types].xml").casefold():
        raise Dangerous("it holds macros or programs")
    settings = "word/_rels/settings.xml.rels"
    if settings in names and re.search(r"(?is)attachedTemplate[^>]*External", _text(archive, settings)):
        raise Dangerous("it loads a template from elsewhere")


def _text(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as stream:
        return stream.read(SMALL).decode("utf-8", "replace")
