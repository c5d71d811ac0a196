"""Pictures: what their headers say, read without decoding a single pixel."""

from __future__ import annotations

import os
from typing import IO

MOST_PIXELS = 100_000_000
LONGEST_SIDE = 30_000
MOST_STEPS = 20_000  # chunks or segments of one file
MOST_PAGES, MOST_ENTRIES, SHORT = 500, 1_000, 3  # of a TIFF: pages, entries of a page, the type of 16 bits
BEGINNINGS_OF_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG: SOF0 to SOF15


class Damaged(ValueError):
    """The file is not what its first bytes promise."""


class TooManyPixels(ValueError):
    """Decoding it would take more memory than any reader has to spare."""


def check_picture(file: IO[bytes], media_type: str) -> None:
    """Raise Damaged or TooManyPixels unless the picture is whole and of a sensible size."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp, "image/tiff": _tiff}[media_type](file, size)


def _sensible(width: int, height: int) -> None:
    if not width or not height:
        raise Damaged("a side is empty")
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise TooManyPixels(f"{width} x {height}")


def _exactly(file: IO[bytes], count: int) -> bytes:
    found = file.read(count)
    if len(found) != count:
        raise Damaged("it ends too early")
    return found


def _png(file: IO[bytes], size: int) -> None:
    """Every chunk up to IEND, and nothing after it."""
    _exactly(file, 8)
    for step in range(MOST_STEPS):
        head = _exactly(file, 8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        if step == 0:
            if kind != b"IHDR" or length != 13:
                raise Damaged("it does not begin with its header")
            data = _exactly(file, 13)
            _sensible(int.from_bytes(data[:4]), int.from_bytes(data[4:8]))
            length = 0
        if file.tell() + length + 4 > size:
            raise Damaged("a part is longer than the file")
        file.seek(length + 4, os.SEEK_CUR)
        if kind == b"IEND":
            if file.tell() != size:
                raise Damaged("something follows its end")
            return
    raise Damaged("it has too many parts")


def _jpeg(file: IO[bytes], size: int) -> None:
    """Segments up to the first frame, whose header holds the size; the end of the picture must be there too.

    Telephones put more pictures after the first one, so what follows its end is allowed.
    """
    _exactly(file, 2)
    for _step in range(MOST_STEPS):
        marker = _exactly(file, 2)
        while marker[1:] == b"\xff":
            marker = marker[1:] + _exactly(file, 1)
        if marker[0] != 0xFF:
            raise Damaged("a segment is missing")
        length = int.from_bytes(_exactly(file, 2))
        if marker[1] in BEGINNINGS_OF_FRAMES:
            data = _exactly(file, 5)
            _sensible(int.from_bytes(data[3:5]), int.from_bytes(data[1:3]))
            break
        if length < 2 or file.tell() + length - 2 > size or marker[1] in (0xD9, 0xDA):
            raise Damaged("it has no frame")
        file.seek(length - 2, os.SEEK_CUR)
    else:
        raise Damaged("it has too many segments")
    before = b""
    while piece := file.read(65536):
        if b"\xff\xd9" in before + piece:
            return
        before = piece[-1:]
    raise Damaged("it has no end")


def _webp(file: IO[bytes], size: int) -> None:
    head = _exactly(file, 30)
    if int.from_bytes(head[4:8], "little") + 8 not in (size, size + 1, size - 1):
        raise Damaged("its length is not the one that it names")
    kind = head[12:16]
    if kind == b"VP8X":
        _sensible(int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1)
    elif kind == b"VP8 ":
        if head[23:26] != b"\x9d\x01\x2a":
            raise Damaged("it has no frame")
        width, height = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
        _sensible(width & 0x3FFF, height & 0x3FFF)
    elif kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        _sensible((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    else:
        raise Damaged("it holds no picture")


def _tiff(file: IO[bytes], size: int) -> None:
    """Every page: width and height stand in its directory, a list of entries of twelve bytes."""
    little = _exactly(file, 4)[:2] == b"II"

    def number(data: bytes) -> int:
        return int.from_bytes(data, "little" if little else "big")

    place, seen, pixels = number(_exactly(file, 4)), set[int](), 0
    while place:
        if place in seen or len(seen) >= MOST_PAGES or place + 2 > size:
            raise Damaged("its pages go round in a circle")
        seen.add(place)
        file.seek(place)
        count = number(_exactly(file, 2))
        if count > MOST_ENTRIES:
            raise Damaged("a page has too many entries")
        block = _exactly(file, 12 * count)
        sides = {256: 0, 257: 0}
        for at in range(0, len(block), 12):
            tag, kind = number(block[at : at + 2]), number(block[at + 2 : at + 4])
            if tag in sides:
                sides[tag] = number(block[at + 8 : at + (10 if kind == SHORT else 12)])
        _sensible(sides[256], sides[257])
        pixels += sides[256] * sides[257]
        if pixels > 10 * MOST_PIXELS:
            raise TooManyPixels("all pages together")
        place = number(_exactly(file, 4))
    if not seen:
        raise Damaged("it has no page")
