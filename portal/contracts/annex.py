"""The contract schedule as a DOCX file, ready to be an annex: what is called for, with sources and clauses.

``annex_page`` says the same, word for word, as HTML.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from docx import Document
from docx.document import Document as Paper
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph
from flask_babel import gettext as _

from portal.contracts.clauses import Part
from portal.db import refuse_slow_work
from portal.formats import long_date

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# What XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets); lxml raises on it.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One requirement as the annex shows it. ``because``: the reason that the vendor may read."""

    title: str
    must: bool
    duty: str
    citations: tuple[str, ...]
    because: str
    clause: tuple[Part, ...]
    state: str

    @property
    def name(self) -> str:
        return f"{self.title} ({_('must') if self.must else _('should')})"

    @property
    def source(self) -> str:
        return "; ".join(self.citations)

    @property
    def reason(self) -> str:
        return self.because or _("The reason was removed with the answers that it quoted.")


@dataclass(frozen=True, slots=True)
class Annex:
    """Everything on the paper. ``as_of``: the organisation's day; ``evaluated_at``: of the evaluation behind it."""

    organisation: str
    vendor: str
    engagement: str
    as_of: date
    evaluated_at: datetime | None
    entries: Sequence[Entry]

    @property
    def title(self) -> str:
        return str(_("Contract schedule: %(name)s", name=self.engagement))

    @property
    def opening(self) -> tuple[str, ...]:
        """Whom it binds, and when it was so: a paragraph each."""
        return (
            _("Between %(organisation)s and %(vendor)s.", organisation=self.organisation, vendor=self.vendor),
            _("As of %(day)s.", day=long_date(self.as_of)),
        )

    @property
    def about(self) -> str:
        words: str = _(
            "The requirements follow from what %(vendor)s answered and from what the service is. "
            "Model clauses are for lawyers of both sides to adapt; they are not legal advice.",
            vendor=self.vendor,
        )
        return words


def heads() -> tuple[str, ...]:
    """Of the table's columns, in order."""
    return _("No."), _("Requirement"), _("Source"), _("Because"), _("State")


def gap() -> str:
    """What stands where the two parties write a number."""
    return str(_("[number to agree]"))


def build(annex: Annex) -> bytes:
    """The file. Slow work: never inside a write transaction. No text of anybody's is read as markup."""
    refuse_slow_work("writing a DOCX file")
    paper = Document()
    about = paper.core_properties
    title = plain(annex.title)
    about.title, about.author, about.comments, about.language = title[:255], "", "", "en"
    about.last_modified_by = ""
    paper.add_heading(title, 0)
    _lines(paper, *annex.opening)
    paper.add_heading(_("Requirements"), 1)
    if annex.entries:
        _table(paper, annex.entries)
        paper.add_heading(_("Clauses"), 1)
        for number, entry in enumerate(annex.entries, 1):
            _clause(paper, number, entry)
    else:
        _lines(paper, _("Nothing is called for."))
    paper.add_heading(_("About this schedule"), 1)
    _lines(paper, annex.about)
    target = io.BytesIO()
    paper.save(target)
    return target.getvalue()


def _table(paper: Paper, entries: Sequence[Entry]) -> None:
    """Number, requirement, source and reason; the head row repeats on every page and is marked as such."""
    table: Table = paper.add_table(rows=1, cols=len(heads()))
    table.style = "Table Grid"
    for cell, text in zip(table.rows[0].cells, heads(), strict=True):
        cell.paragraphs[0].add_run(text).bold = True
    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    table.rows[0]._tr.get_or_add_trPr().append(mark)
    for number, entry in enumerate(entries, 1):
        texts = (str(number), f"{entry.name}\n{entry.duty}", entry.source, entry.reason, entry.state)
        row = table.add_row()  # type: ignore[no-untyped-call]  # python-docx leaves it out
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = plain(text)


def _clause(paper: Paper, number: int, entry: Entry) -> None:
    paper.add_heading(plain(f"{number}. {entry.title}"), 2)
    pieces: Paragraph = paper.add_paragraph()
    for part in entry.clause:
        if part.gap:
            pieces.add_run(gap()).bold = True
        else:
            pieces.add_run(plain(part.text))
    source = paper.add_paragraph()
    source.add_run(plain(entry.source)).italic = True


def _lines(paper: Paper, *texts: str) -> None:
    for text in texts:
        paper.add_paragraph(plain(text))


def plain(text: str) -> str:
    """Without what neither form can hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
