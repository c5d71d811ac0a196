"""Hostile files: what is not plainly one harmless document is refused early, and leaves nothing behind."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from portal import office
from portal.db import SYSTEM, Database
from portal.evidence import sniffing, uploads
from portal.evidence.names import clean_name, disposition, extension_of
from portal.evidence.sniffing import sniff
from portal.faults import Invalid
from portal.storage import Folder
from tests.portal.evidence.files import (
    PDF,
    SOUND,
    WORD,
    docx,
    jpeg,
    odt,
    packed,
    png,
    tiff,
    webp,
    xlsx,
)
from tests.portal.world import NOW

HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>'
LIAR = "it unpacks to far more than it shows"


@pytest.mark.parametrize("name", sorted(SOUND))
def test_sound_files_are_taken(name: str) -> None:
    found = sniff(io.BytesIO(SOUND[name]), name)
    assert found.size == len(SOUND[name])
    assert found.media_type == sniffing.TYPES[name.rpartition(".")[2]]


def refusal(data: bytes, name: str) -> str:
    with pytest.raises(Invalid) as refused:
        sniff(io.BytesIO(data), name)
    assert set(refused.value.errors) == {"file"}
    sentence = refused.value.errors["file"]
    assert sentence.endswith(".")
    return sentence


def lying(parts: dict[str, bytes], size: int) -> bytes:
    """An archive whose list of entries says that each unpacks to ``size`` bytes."""
    data = bytearray(packed(parts))
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 24 : at + 28] = size.to_bytes(4, "little")
    return bytes(data)


def overlapping() -> bytes:
    """Two entries that share the bytes of one file (the bomb of Fifield)."""
    data = bytearray(packed({**WORD, "word/a.xml": b"x" * 5000, "word/b.xml": b"x" * 5000}))
    places = []
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        places.append(at)
    data[places[3] + 42 : places[3] + 46] = data[places[2] + 42 : places[2] + 46]
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(docx())
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 8] |= 1
    return bytes(data)


def many(count: int) -> bytes:
    return packed(
        {**WORD, **{f"word/{number}.xml": b"" for number in range(count)}}, method=zipfile.ZIP_STORED
    )


FILES: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "a.pdf", "empty"),
    "svg": (SVG, "logo.svg", "ends in “.svg” is not taken"),
    "html": (HTML, "page.html", "ends in “.html” is not taken"),
    "program": (b"MZ\x90\0" + bytes(200), "setup.exe", "ends in “.exe” is not taken"),
    "no extension": (PDF, "report", "This kind of file is not taken"),
    "two extensions": (b"MZ\x90\0" + bytes(200), "report.pdf.exe", "ends in “.exe”"),
    "program as pdf": (b"MZ\x90\0" + bytes(200), "report.pdf", "It looks like “.exe”"),
    "svg as png": (SVG, "logo.png", "the content is something else"),
    "svg as text": (SVG, "logo.txt", "the content is something else"),
    "html as csv": (b"\xef\xbb\xbf\n " + HTML, "list.csv", "the content is something else"),
    "html further down": (b"Hello,\n" + HTML, "list.txt", "the content is something else"),
    "script": (b"#!/bin/sh\nrm -rf /\n", "note.txt", "the content is something else"),
    "gif and script": (b"GIF89a=1;alert(1)", "note.txt", "the content is something else"),
    "gif": (b"GIF89a" + bytes(50), "moving.png", "It looks like “.gif”"),
    "text with NUL": (b"a\0b", "note.txt", "more than readable text"),
    "text with escapes": (b"\x1b]0;owned\x07", "note.txt", "more than readable text"),
    "half a character": ("Ä".encode("utf-16")[:3], "note.txt", "more than readable text"),
    "pdf not at the beginning": (b"\n" + PDF, "a.pdf", "the content is something else"),
    "pdf without an end": (PDF[:-6], "a.pdf", "does not end as a PDF does"),
    "pdf and html": (PDF[:9] + HTML + PDF[9:], "a.pdf", "two things at once"),
    "pdf and zip": (PDF + packed({"a": b"x"}), "a.pdf", "two things at once"),
    "pdf and zip with a comment": (PDF + packed({"a": b"x"})[:-2] + b"\x06\0%%EOF\n", "a.pdf", "two things at once"),
    "png and zip": (png() + packed({"a": b"x"}), "a.png", "two things at once"),
    "png and html": (png() + HTML, "a.png", "two things at once"),
    "png and more": (png() + b"more", "a.png", "damaged, or something was added"),
    "jpeg and html": (jpeg()[:-2] + HTML + b"\xff\xd9", "a.jpg", "two things at once"),
    "jpeg and pdf": (jpeg()[:6] + b"%PDF-1.7" + jpeg()[6:], "a.jpg", "two things at once"),
    "jpeg without a frame": (b"\xff\xd8\xff\xe0\0\x04JF\xff\xd9", "a.jpg", "damaged"),
    "jpeg without an end": (jpeg()[:-2], "a.jpg", "damaged"),
    "webp of another length": (webp() + bytes(9), "a.webp", "damaged"),
    "riff of another kind": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(30), "a.webp", "the content is something else"),
    "png bomb": (png(50_000, 50_000), "a.png", "too many pixels"),
    "narrow png bomb": (png(2**31 - 1, 1), "a.png", "too many pixels"),
    "jpeg bomb": (jpeg(65_535, 65_535), "a.jpg", "too many pixels"),
    "webp bomb": (webp(2**24, 2**24), "a.webp", "too many pixels"),
    "tiff bomb": (tiff(2**32 - 1, 2**32 - 1), "a.tif", "too many pixels"),
    "tiff in a circle": (tiff()[:-4] + (8).to_bytes(4, "little"), "a.tif", "damaged"),
    "tiff of many entries": (tiff()[:8] + b"\xff\xff" + bytes(12 * 65_535 + 4), "a.tif", "damaged"),
    "zip bomb": (docx(**{"word/x.xml": bytes(60_000_000)}), "a.docx", LIAR),
    "zip bomb in pieces": (
        docx(**{f"word/{n}.xml": b"ab" * 60 + bytes(900_000) for n in range(240)}), "a.docx", LIAR,
    ),
    "zip that lies": (lying({**WORD, "word/x.xml": bytes(90_000)}, 100), "a.docx", "no whole file|far more"),
    "zip of overlaps": (overlapping(), "a.docx", "lie on top of each other"),
    "too many entries": (many(office.MOST_ENTRIES + 1), "a.docx", "far too many files"),
    "locked": (encrypted(), "a.docx", "locked with a password"),
    "path outside": (docx(**{"../../etc/passwd": b"x"}), "a.docx", "leads elsewhere"),
    "absolute path": (docx(**{"/etc/passwd": b"x"}), "a.docx", "leads elsewhere"),
    "drive": (docx(**{"C:/x": b"x"}), "a.docx", "leads elsewhere"),
    "macro": (docx(**{"word/vbaProject.bin": b"x"}), "a.docx", "holds macros or programs"),
    "macro by type": (
        packed({**WORD, "[Content_Types].xml": b"application/vnd.ms-word.document.macroEnabled.main+xml"}),
        "a.docx",
        "holds macros or programs",
    ),
    "macro of OpenDocument": (
        packed({"mimetype": odt()[38:77], "content.xml": b"", "Basic/Standard/Module1.xml": b""}),
        "a.odt",
        "holds macros or programs",
    ),
    "program inside": (docx(**{"word/embeddings/run.EXE": b"MZ"}), "a.docx", "holds macros or programs"),
    "template from elsewhere": (
        docx(**{"word/_rels/settings.xml.rels": b'<R Type=".../attachedTemplate" TargetMode="External"/>'}),
        "a.docx",
        "loads a template from elsewhere",
    ),
    "plain archive": (packed({"a.txt": b"x"}), "a.docx", "no whole file of that kind"),
    "sheet as document": (xlsx(), "a.docx", "no whole file of that kind"),
    "document of another kind": (odt("spreadsheet"), "a.odt", "no whole file of that kind"),
    "archive with something before": (HTML + docx(), "a.docx", "the content is something else"),
    "archive with something after": (docx() + b"more", "a.docx", "no whole file of that kind"),
    "cut archive": (docx()[:-10], "a.docx", "no whole file of that kind"),
    "old office file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.docx", "the content is something else"),
    "wrong checksum": (
        packed(WORD, method=zipfile.ZIP_STORED).replace(b"Plan", b"Plon", 1),
        "a.docx",
        "no whole file of that kind",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(FILES))
def test_hostile_files_are_refused_with_a_sentence(case: str) -> None:
    data, name, words = FILES[case]
    sentence = refusal(data, name)
    assert any(one in sentence for one in words.split("|")), sentence


def test_a_file_larger_than_the_limit_is_refused_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sniffing, "LARGEST_FILE", 1000)
    assert "larger than 25 MB" in refusal(PDF + bytes(2000), "a.pdf")


def test_examining_is_slow_work(database: Database) -> None:
    with database.transaction(SYSTEM), pytest.raises(RuntimeError, match="write transaction"):
        sniff(io.BytesIO(PDF), "a.pdf")


@pytest.mark.parametrize("case", ["program as pdf", "zip bomb", "png bomb", "pdf and html"])
def test_nothing_is_kept_of_what_is_refused(tmp_path: Path, case: str) -> None:
    data, name, _words = FILES[case]
    storage = Folder(tmp_path)
    with pytest.raises(Invalid):
        uploads.keep(storage, "", io.BytesIO(data), name, now=NOW)
    assert list(tmp_path.rglob("*")) == []


# ---------------------------------------------------------------------------------------------------------- names

NAMES = {
    "report.pdf": "report.pdf",
    "../../etc/passwd.pdf": "passwd.pdf",
    "C:\\Users\\Ana\\plan.pdf": "plan.pdf",
    "a\r\nSet-Cookie: x=1.pdf": "a Set-Cookie_ x=1.pdf",
    "a\0b\x1b\x7f.pdf": "ab.pdf",
    "invoice\u202efdp.exe.pdf": "invoicefdp.exe.pdf",
    "\u2066hidden\u2069.pdf": "hidden.pdf",
    "a\"b'c;d`e<f>.pdf": "a_b_c_d_e_f.pdf",
    "CON.pdf": "file CON.pdf",
    "lpt1.x.pdf": "file lpt1.x.pdf",
    ".pdf": "document.pdf",
    "...  .pdf": "document.pdf",
    "noname": "noname.pdf",
    "": "document.pdf",
    None: "document.pdf",
    "Prüfbericht 2026.PDF": "Prüfbericht 2026.pdf",
    "a" * 300 + ".pdf": "a" * 146 + ".pdf",
    "Ж" * 300 + ".pdf": "Ж" * 98 + ".pdf",
    "\ud800.pdf": "document.pdf",
    "e\u0301.pdf": "é.pdf",
}


@pytest.mark.parametrize("sent", NAMES, ids=[ascii(one)[:40] for one in NAMES])
def test_names_lose_what_misleads(sent: str | None) -> None:
    name = clean_name(sent, "pdf")
    assert name == NAMES[sent]
    assert len(name) <= 150
    assert len(name.encode()) <= 200
    assert clean_name(name, "pdf") == name


@pytest.mark.parametrize("sent", NAMES, ids=[ascii(one)[:40] for one in NAMES])
def test_no_name_gets_into_a_header(sent: str | None) -> None:
    for value in (disposition(clean_name(sent, "pdf")), disposition((sent or "x").replace("\ud800", ""))):
        assert value.isascii()
        assert value.isprintable()
        assert value.startswith('attachment; filename="')
        assert value.count('"') == 2
        assert ";" not in value.split("; filename*=UTF-8''")[1]


@pytest.mark.parametrize(
    ("sent", "extension"),
    [("a.PDF", "pdf"), ("a.pdf.exe", "exe"), ("a\u202efdp.exe", "exe"), ("a.pdf ", "pdf"), ("pdf", ""), ("a.b/c", "")],
)  # fmt: skip
def test_the_extension_is_what_stands_last(sent: str, extension: str) -> None:
    assert extension_of(sent) == extension
