"""Papers as a page and as a PDF, and everything as an archive: whole files that need nothing else to be read.

Slow work: it refuses to run inside a write transaction. Every word of a person is escaped; names of files in an archive
are made from ids and from a list of endings, never from what somebody called a file.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from xml.sax.saxutils import escape

from markupsafe import Markup

from portal import standalone
from portal.db import refuse_slow_work
from portal.faults import Unavailable
from portal.reports.copy import Entry, File, Paper
from portal.storage import Missing, Storage

IN_MEMORY = 2_000_000
PIECE = 256 * 1024
AT_ONCE = 2
ENDINGS = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
}
STYLE = (
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}"
    "dt{color:#595959}dd{margin:0;overflow-wrap:anywhere}"
    "article+article{border-top:2px solid #ccc;margin-top:3rem;padding-top:1rem}"
)
MISSING_LETTERS = (
    "Letters that this file cannot show stand as a question mark; the page and the JSON file hold them."
)
_building = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def one_of_few() -> Iterator[None]:
    """At most two copies are made at a time: each reads a whole library. Raises Unavailable beyond."""
    if not _building.acquire(blocking=False):
        raise Unavailable("Other copies are being made at this moment. Please try again in a minute.")
    try:
        yield
    finally:
        _building.release()


# --------------------------------------------------------------------------------------------------------------- page


def page(papers: Iterable[Paper], made: str) -> bytes:
    """One self-contained HTML page; ``made`` says what it is, by whom and when."""
    some = list(papers)
    title = some[0].title if some else "Copy"
    body = [*(_article(one) for one in some), Markup('<p class="side">{}</p>').format(made)]
    return standalone.page(title, body, STYLE)


def _article(paper: Paper) -> Markup:
    facts = Markup().join(Markup("<dt>{}</dt><dd>{}</dd>").format(*one) for one in paper.facts)
    parts = [Markup("<article><h1>{}</h1><dl>{}</dl>").format(paper.title, facts)]
    for part in paper.parts:
        parts.append(Markup("<section><h2>{}. {}</h2>").format(part.number, part.title))
        for entry in part.entries:
            parts.append(Markup("<h3>{} {}</h3>").format(entry.number, entry.text))
            parts += [Markup("<p>{}</p>").format(line) for line in entry.lines]
            parts += [Markup('<p class="side">{}: {}</p>').format(*one) for one in _beside(entry)]
        parts.append(Markup("</section>"))
    parts.append(Markup("</article>"))
    return Markup("\n").join(parts)


def _beside(entry: Entry) -> Iterator[tuple[str, str]]:
    if entry.note:
        yield "Note", entry.note
    if entry.promise:
        yield "No document", entry.promise
    for one in entry.documents:
        yield "Document", one


# ---------------------------------------------------------------------------------------------------------------- PDF


def pdf(papers: Iterable[Paper], made: str) -> bytes:
    """The same as a PDF of A4 pages."""
    refuse_slow_work("writing a PDF")
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

    some = list(papers)
    styles, shown = _styles(), _Shown()

    def say(style: str, text: str) -> Any:
        return Paragraph(shown(text), styles[style])

    story: list[Any] = []
    for number, paper in enumerate(some):
        if number:
            story.append(PageBreak())
        story.append(say("h1", paper.title))
        story += [say("fact", f"{label}: {value}") for label, value in paper.facts]
        for part in paper.parts:
            story.append(say("h2", f"{part.number}. {part.title}"))
            for entry in part.entries:
                story.append(say("h3", f"{entry.number} {entry.text}"))
                story += [say("body", line) for line in entry.lines]
                story += [say("side", f"{label}: {text}") for label, text in _beside(entry)]
    story.append(Spacer(1, 8 * mm))
    story.append(say("side", made))
    if shown.lacking:
        story.append(say("side", MISSING_LETTERS))
    target = io.BytesIO()
    title = some[0].title if some else "Copy"
    SimpleDocTemplate(
        target, pagesize=A4, title=title, author="", margin=20 * mm, invariant=1, lang="en"
    ).build(story)
    return target.getvalue()


class _Shown:
    """Text for a paragraph of reportlab: its mark-up escaped, lines kept, letters that the font lacks replaced."""

    def __init__(self) -> None:
        self.lacking = False

    def __call__(self, text: str) -> str:
        letters = _letters()
        plain = "".join(one if one == "\n" or ord(one) in letters else self._lack() for one in text)
        return escape(plain).replace("\n", "<br/>")

    def _lack(self) -> str:
        self.lacking = True
        return "?"


@cache
def _letters() -> frozenset[int]:
    """The letters that the PDF's font has: Bitstream Vera, which comes with reportlab and may be embedded."""
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(reportlab.__file__).parent / "fonts"
    fonts = [TTFont("Vera", folder / "Vera.ttf"), TTFont("VeraBd", folder / "VeraBd.ttf")]
    for font in fonts:
        pdfmetrics.registerFont(font)
    return frozenset(fonts[0].face.charToGlyph) & frozenset(fonts[1].face.charToGlyph)


def _styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    _letters()  # registers the fonts
    body = ParagraphStyle("body", fontName="Vera", fontSize=9.5, leading=13.5, spaceAfter=3, splitLongWords=1)
    return {
        "body": body,
        "side": ParagraphStyle("side", parent=body, fontSize=8, leading=11, textColor="#595959"),
        "fact": ParagraphStyle("fact", parent=body, fontSize=8.5, leading=12, spaceAfter=1),
        "h1": ParagraphStyle("h1", parent=body, fontName="VeraBd", fontSize=15, leading=20, spaceAfter=6),
        "h2": ParagraphStyle("h2", parent=body, fontName="VeraBd", fontSize=12, leading=16, spaceBefore=12),
        "h3": ParagraphStyle("h3", parent=body, fontName="VeraBd", spaceBefore=7, keepWithNext=1),
    }


# ------------------------------------------------------------------------------------------------------------ archive


def archive(
    assessments: Iterable[tuple[str, Callable[[], list[Paper]]]],
    files: Iterable[File],
    storage: Storage,
    *,
    made: str,
    now: datetime,
) -> IO[bytes]:
    """Everything as a ZIP file, on disk beyond two megabytes; in memory one assessment or piece of a file at a time.

    ``assessments``: the folder of each, and a function that reads its papers in a short session of its own.
    """
    refuse_slow_work("writing an archive")
    target = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # the response closes it
    held: dict[str, dict[str, Any]] = {}
    library: list[dict[str, Any]] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as zipped:
        put = _Putting(zipped, held, now)
        put("READ ME.txt", [_read_me(made).encode()])
        for folder, read in assessments:
            for paper in read():
                place = f"assessments/{folder}/{paper.stem}"
                put(f"{place}/{paper.name}.json", [_json(paper.answers)])
                if paper.receipt:
                    put(f"{place}/receipt.json", [_json(paper.receipt)])
                put(f"{place}/{paper.name}.html", [page([paper], made)])
                put(f"{place}/{paper.name}.pdf", [pdf([paper], made)])
        for one in files:
            name = f"evidence/{one.id}.{ENDINGS.get(one.media_type, 'bin')}"
            try:
                put(name, storage.read(one.storage_key))
            except Missing:
                library.append({**one.about, "file": None, "why": "the file was destroyed meanwhile"})
                continue
            library.append({**one.about, "file": name})
        put("evidence/library.json", [_json(library)])
        zipped.writestr(_info("manifest.json", now), _json({"made": made, "files": held}))
    target.seek(0)
    return target


class _Putting:
    """Writes a part of an archive and notes its size and hash."""

    def __init__(self, zipped: zipfile.ZipFile, held: dict[str, dict[str, Any]], now: datetime) -> None:
        self.zipped, self.held, self.now = zipped, held, now

    def __call__(self, name: str, pieces: Iterable[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        with self.zipped.open(_info(name, self.now), "w", force_zip64=True) as part:
            for piece in pieces:
                part.write(piece)
                digest.update(piece)
                size += len(piece)
        self.held[name] = {"size": size, "sha256": digest.hexdigest()}


def _info(name: str, now: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, now.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _read_me(made: str) -> str:
    return (
        f"{made}\n\n"
        "assessments/<number>/round-1 ...: what was sealed, a folder for each round.\n"
        "assessments/<number>/draft: what is written and not submitted yet.\n"
        "  answers.html and answers.pdf for reading; answers.json for programs (the format's answers file);\n"
        "  receipt.json: the hash of the submission and what it was made from.\n"
        "assessments/<number>/findings: what was found, your plans and proofs, and what was answered to them.\n"
        "evidence/: the documents of the library; library.json says what each is called, and its dates.\n"
        "manifest.json: size and SHA-256 of every file.\n\n"
        "Not in here: ratings and whatever else the organisations keep for themselves.\n"
    )
