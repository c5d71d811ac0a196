"""Small files of every kind that the portal takes, whole and true, for tests to send or to spoil."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
CSV = "Name;Länge\nAna;3\n".encode()
TXT = b"Restored on 3 November.\n"
WORD = {
    "[Content_Types].xml": b'<?xml version="1.0"?><Types></Types>',
    "word/document.xml": b"<document>Plan</document>",
}


def png(width: int = 3, height: int = 2) -> bytes:
    """A PNG whose header says so; its pixels are one row."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0")
        + _chunk(b"IDAT", zlib.compress(bytes(10)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def jpeg(width: int = 3, height: int = 2) -> bytes:
    frame = b"\xff\xc0\x00\x11\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x03" + bytes(9)
    return b"\xff\xd8\xff\xe0\x00\x04JF" + frame + b"\xff\xda\x00\x02\x01\x02\x03\xff\xd9"


def webp(width: int = 3, height: int = 2) -> bytes:
    body = (
        b"WEBPVP8X\x0a\0\0\0\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def tiff(width: int = 3, height: int = 2) -> bytes:
    entries = b"".join(
        tag.to_bytes(2, "little")
        + (4).to_bytes(2, "little")
        + (1).to_bytes(4, "little")
        + side.to_bytes(4, "little")
        for tag, side in ((256, width), (257, height))
    )
    return b"II*\0\x08\0\0\0\x02\0" + entries + bytes(4)


def packed(parts: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of ``parts``."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target.getvalue()


def docx(**more: bytes) -> bytes:
    return packed({**WORD, **more})


def xlsx() -> bytes:
    return packed({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"})


def pptx() -> bytes:
    return packed({"[Content_Types].xml": b"<Types/>", "ppt/presentation.xml": b"<presentation/>"})


def odt(kind: str = "text") -> bytes:
    mimetype = f"application/vnd.oasis.opendocument.{kind}".encode()
    return packed({"mimetype": mimetype, "content.xml": b"<office/>"}, method=zipfile.ZIP_STORED)


SOUND: dict[str, bytes] = {
    "plan.pdf": PDF,
    "shot.png": png(),
    "shot.jpg": jpeg(),
    "shot.jpeg": jpeg(),
    "shot.webp": webp(),
    "scan.tif": tiff(),
    "plan.docx": docx(),
    "list.xlsx": xlsx(),
    "talk.pptx": pptx(),
    "plan.odt": odt(),
    "list.ods": odt("spreadsheet"),
    "talk.odp": odt("presentation"),
    "list.csv": CSV,
    "old.csv": "Länge\r\n3\r\n".encode("cp1252"),
    "wide.txt": "Länge".encode("utf-16"),
    "note.txt": TXT,
}
