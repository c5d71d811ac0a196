"""A report as a PDF of A4 pages: one pass of layout, contents with page numbers, hash, method and date on each page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from flask_babel import gettext as _
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Frame, PageBreak, PageTemplate, Spacer

from portal.db import refuse_slow_work
from portal.formats import moment
from portal.reports.model import (
    METHOD,
    Bars,
    Block,
    Break,
    Bullets,
    Columns,
    Document,
    Facts,
    Heading,
    MatrixBlock,
    Para,
    Range,
    Table,
)
from portal.reports.pdf_charts import BarsChart, ColumnsChart, MatrixChart, RangeChart
from portal.reports.pdf_flow import INK, LINE, QUIET, Grid, HeadingText, Mark, Pages, Style, Text, row_of
from portal.reports.pdf_fonts import BOLD, REGULAR, Measure, Shown

SIDE, TOP, BOTTOM = 18 * mm, 20 * mm, 20 * mm
WIDTH = A4[0] - 2 * SIDE
LINES_A_PAGE = 42  # of the contents
CONTENT_LEADING = 15.5
STYLES = {
    "title": Style(BOLD, 20, 25, after=1),
    "subject": Style(REGULAR, 13, 18, after=2, colour=QUIET),
    "": Style(),
    "lead": Style(REGULAR, 11, 16, after=8),
    "small": Style(REGULAR, 7.8, 11, after=5, colour=QUIET),
    "bullet": Style(after=2.5, bullet=True),
    "caption": Style(BOLD, 8, 11.5, before=3, after=3, colour=QUIET),
}
HEADINGS = {
    1: Style(BOLD, 14.5, 19, before=6, after=6),
    2: Style(BOLD, 11.5, 15.5, before=11, after=4),
    3: Style(BOLD, 9.6, 13.5, before=9, after=3),
}
ROOM = {1: 110.0, 2: 90.0, 3: 80.0}  # a heading with less below it goes to the next page


def as_pdf(document: Document) -> bytes:
    """The document as a file. Slow work: it refuses to run inside a write transaction."""
    refuse_slow_work("writing a PDF")
    return _Writing(document).written()


class _Writing:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.shown, self.measure = Shown(), Measure()
        self.digest = document.content_hash
        self.keys = 0
        self.contents: tuple[int, int] = (0, 0)  # first page of the contents, how many

    def written(self) -> bytes:
        document, target = self.document, io.BytesIO()
        title = self.shown(f"{document.title}: {document.subject}")
        layout = BaseDocTemplate(
            target,
            pagesize=A4,
            title=title,
            author="",
            subject=f"SHA-256 {self.digest}",
            lang="en",
            invariant=1,
        )
        frame = Frame(SIDE, BOTTOM, WIDTH, A4[1] - TOP - BOTTOM, 0, 0, 0, 0)
        layout.addPageTemplates([PageTemplate("page", [frame])])
        story = list(self._story())
        canvas = type("Written", (Pages,), {"finish": staticmethod(self._finish)})
        layout.build(story, canvasmaker=canvas)
        return target.getvalue()

    # ------------------------------------------------------------------------------------------------------- story

    def _story(self) -> Iterator[Any]:
        document, waits = self.document, True
        yield self._say(document.title, "title")
        yield self._say(document.subject, "subject")
        made = moment(document.made_at, document.zone)
        yield self._say(
            _(
                "For %(house)s, made on %(when)s (%(zone)s).",
                house=document.made_for,
                when=made,
                zone=document.zone,
            ),
            "small",
        )
        yield Spacer(1, 4)
        for block in document.blocks:
            if isinstance(block, Break) and waits:  # the contents come after the pages for management
                waits = False
                yield from self._contents()
            yield from self._drawn(block)
        if self.shown.lacking or self.shown.turned:
            text = _(
                "Letters that this file cannot show stand as a question mark, and words that are written from right to "
                "left stand in the order in which they were typed. The report on the portal's page shows them in full."
            )
            yield self._say(text, "small")

    def _contents(self) -> Iterator[Any]:
        count = -(-len(self.document.headings) // LINES_A_PAGE)
        yield PageBreak()
        for number in range(count):
            yield _Kept(self, number, count)
            if number < count - 1:
                yield PageBreak()

    def _say(self, text: Any, style: str) -> Text:
        return Text(self.shown(str(text)), STYLES[style], self.measure)

    def _drawn(self, block: Block) -> Iterator[Any]:
        if isinstance(block, Break):
            yield PageBreak()
        elif isinstance(block, Heading):
            yield from self._heading(block)
        elif isinstance(block, Para):
            style = STYLES.get(block.tone) or Style(after=7, bar=block.tone)
            yield Text(self.shown(block.text), style, self.measure)
        elif isinstance(block, Bullets):
            for one in block.items:
                yield self._say(one, "bullet")
        elif isinstance(block, Facts):
            yield self._grid(("", ""), tuple(block.rows), (30, 70), headless=True)
        elif isinstance(block, Table):
            yield from self._table(block)
        else:
            yield from self._chart(block)

    def _heading(self, block: Heading) -> Iterator[Any]:
        yield CondPageBreak(ROOM[block.level])
        key = ""
        if block.level < 3:
            self.keys += 1
            key = f"h{self.keys}"
        text = self.shown(f"{block.number}  {block.text}" if block.number else block.text)
        yield HeadingText(text, HEADINGS[block.level], self.measure, level=block.level, key=key)

    def _table(self, block: Table) -> Iterator[Any]:
        yield CondPageBreak(60)
        yield self._say(block.caption, "caption")
        widths = block.widths or tuple(100 // len(block.head) for _one in block.head)
        yield self._grid(block.head, block.rows, widths, block.figures, block.total)

    def _grid(
        self,
        head: tuple[str, ...],
        rows: Any,
        shares: tuple[int, ...],
        figures: frozenset[int] = frozenset(),
        total: tuple[str, ...] = (),
        *,
        headless: bool = False,
    ) -> Grid:
        points = [WIDTH * one / sum(shares) for one in shares]
        made = [row_of(one, points, self.measure, self.shown) for one in rows]
        if total:
            made.append(row_of(total, points, self.measure, self.shown, bold=True))
        top = row_of(head, points, self.measure, self.shown, bold=True)
        return Grid(top, made, shares, figures, self.measure, headless=headless)

    def _chart(self, block: Bars | Columns | MatrixBlock | Range) -> Iterator[Any]:
        yield CondPageBreak(150)
        yield self._say(block.caption, "caption")
        if isinstance(block, Range):
            yield RangeChart(block, self.shown, self.measure)
        elif isinstance(block, MatrixBlock):
            yield MatrixChart(block, self.shown, self.measure)
            if block.note:
                yield self._say(block.note, "small")
        elif isinstance(block, Bars):
            yield BarsChart(block, self.shown, self.measure)
            rows = tuple((one.label, str(one.count)) for one in block.parts)
            total = (str(_("Together")), str(sum(one.count for one in block.parts)))
            yield self._grid(block.head, rows, (70, 30), frozenset({1}), total)
        else:
            yield ColumnsChart(block, self.shown, self.measure)
            head = (block.first, *block.names, str(_("Together")))
            some = block.columns
            by_month = tuple((o.label, str(o.upper), str(o.lower), str(o.upper + o.lower)) for o in some)
            upper, lower = sum(one.upper for one in some), sum(one.lower for one in some)
            sums = (str(_("Together")), str(upper), str(lower), str(upper + lower))
            yield self._grid(head, by_month, (40, 20, 20, 20), frozenset({1, 2, 3}), sums)

    # ------------------------------------------------------------------------------------------------------- finish

    def _finish(self, canvas: Pages, number: int, count: int, marks: list[Mark]) -> None:
        """Footer of a page, and the contents on those that were kept for them."""
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.5)
        canvas.line(SIDE, 14 * mm, A4[0] - SIDE, 14 * mm)
        canvas.setFillColor(QUIET)
        canvas.setFont(REGULAR, 6.8)
        made = moment(self.document.made_at, self.document.zone)
        hashed = _("SHA-256 begins %(hash)s", hash=self.digest[:12])
        left = self.measure.one_line(self.shown(f"{hashed} · {METHOD} · {made}"), REGULAR, 6.8, WIDTH - 70)
        canvas.drawString(SIDE, 10 * mm, left)
        canvas.drawRightString(A4[0] - SIDE, 10 * mm, str(_("page %(at)s of %(all)s", at=number, all=count)))
        if number > 1:
            above = self.shown(f"{self.document.title}: {self.document.subject}")
            canvas.drawString(SIDE, A4[1] - 13 * mm, self.measure.one_line(above, REGULAR, 6.8, WIDTH))
        first, pages = self.contents
        if first <= number < first + pages:
            at = (number - first) * LINES_A_PAGE
            self._listed(canvas, marks[at : at + LINES_A_PAGE], whole=at == 0)

    def _listed(self, canvas: Pages, marks: list[Mark], *, whole: bool) -> None:
        y = A4[1] - TOP - 16
        if whole:
            canvas.setFillColor(INK)
            canvas.setFont(BOLD, 14.5)
            canvas.drawString(SIDE, y, str(_("Contents")))
        y -= 26
        for one in marks:
            font, indent = (BOLD if one.level == 1 else REGULAR), 12.0 * (one.level - 1)
            canvas.setFillColor(INK)
            canvas.setFont(font, 9)
            text = self.measure.one_line(one.text, font, 9, WIDTH - indent - 40)
            canvas.drawString(SIDE + indent, y, text)
            canvas.drawRightString(A4[0] - SIDE, y, str(one.page))
            left = SIDE + indent + self.measure.width(text, font, 9) + 4
            right = A4[0] - SIDE - self.measure.width(str(one.page), font, 9) - 4
            canvas.setStrokeColor(LINE)
            canvas.setDash(0.5, 2)
            if right > left:
                canvas.line(left, y + 1.5, right, y + 1.5)
            canvas.setDash()
            canvas.linkRect("", one.key, (SIDE, y - 3, A4[0] - SIDE, y + 9), relative=0, thickness=0)
            y -= CONTENT_LEADING


class _Kept(Spacer):  # type: ignore[misc]  # reportlab has no types
    """A page that is kept for the contents."""

    def __init__(self, writing: _Writing, number: int, count: int) -> None:
        super().__init__(1, A4[1] - TOP - BOTTOM - 20)
        self.writing, self.number, self.count = writing, number, count

    def draw(self) -> None:
        if self.number == 0:
            self.writing.contents = (self.canv.getPageNumber(), self.count)
