"""The parts that a PDF is laid out from: text, tables, and pages that know their number and how many there are.

One layout pass. A page is kept as it was drawn; when all are there, each gets its footer, and the pages that were kept
free for them get the contents. Tables are drawn by ourselves: a cell is lines of text that were broken once, which is
several times cheaper than a paragraph of reportlab, and a row that is higher than a page is cut between two lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from portal.reports.model import Cell, State
from portal.reports.pdf_fonts import BOLD, REGULAR, Measure

INK, QUIET, LINE, SUNKEN = HexColor("#1b1f27"), HexColor("#555b66"), HexColor("#c9cdd5"), HexColor("#f3f4f7")
TONES = {
    "good": (HexColor("#17623c"), HexColor("#e1f1e7")),
    "fair": (HexColor("#17606b"), HexColor("#dff0f2")),
    "caution": (HexColor("#754a00"), HexColor("#fbedd0")),
    "bad": (HexColor("#97231f"), HexColor("#fbe6e3")),
    "info": (HexColor("#2b4a8c"), HexColor("#e6ecf8")),
    "none": (QUIET, SUNKEN),
}
SIZE, LEADING, PAD = 7.6, 10.2, 3.2
TALL = 220.0  # points: a row that is higher may be cut between two lines
SHAPE = 8.0  # width that the shape before a judging word takes


@dataclass(frozen=True, slots=True)
class Style:
    """``before`` and ``after``: points of space; ``bar``: the tone of a note's edge, "" for none."""

    font: str = REGULAR
    size: float = 9.2
    leading: float = 13.0
    before: float = 0.0
    after: float = 5.0
    colour: Any = INK
    indent: float = 0.0
    bullet: bool = False
    bar: str = ""


class Text(Flowable):  # type: ignore[misc]  # reportlab has no types
    """Lines of text; broken over pages between two lines."""

    def __init__(self, text: str, style: Style, measure: Measure, lines: list[str] | None = None) -> None:
        super().__init__()
        self.text, self.style, self.measure, self.lines = text, style, measure, lines
        self.first = lines is None

    @property
    def inset(self) -> float:
        return self.style.indent + (10.0 if self.style.bullet else 0.0) + (10.0 if self.style.bar else 0.0)

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        style = self.style
        if self.lines is None:
            room = width - self.inset - (8.0 if style.bar else 0.0)
            self.lines = self.measure.lines(self.text, style.font, style.size, room)
        self.width = width
        self.height = len(self.lines) * style.leading + self._pad * 2
        return width, self.height

    @property
    def _pad(self) -> float:
        return 5.0 if self.style.bar else 0.0

    def split(self, width: float, height: float) -> list[Any]:
        self.wrap(width, height)
        assert self.lines is not None
        fit = int((height - self._pad * 2) // self.style.leading)
        if fit < 2 or len(self.lines) - fit < 1:
            return []
        parts = [Text("", self.style, self.measure, some) for some in (self.lines[:fit], self.lines[fit:])]
        parts[0].first = self.first
        return parts

    def getSpaceBefore(self) -> float:
        return self.style.before

    def getSpaceAfter(self) -> float:
        return self.style.after

    def draw(self) -> None:
        style, canvas = self.style, self.canv
        assert self.lines is not None
        if style.bar:
            edge, ground = TONES[style.bar]
            canvas.setFillColor(ground)
            canvas.rect(0, 0, self.width, self.height, stroke=0, fill=1)
            canvas.setFillColor(edge)
            canvas.rect(0, 0, 2.5, self.height, stroke=0, fill=1)
        canvas.setFillColor(style.colour)
        at = self.height - self._pad - style.leading * 0.78
        if style.bullet and self.first:
            canvas.circle(style.indent + 3.0, at + style.size * 0.33, 1.4, stroke=0, fill=1)
        write(canvas, self.inset, at, self.lines, style.font, style.size, style.leading)


class HeadingText(Text):
    """A heading; it tells the canvas where it stands, for the contents and the outline."""

    def __init__(self, text: str, style: Style, measure: Measure, *, level: int, key: str) -> None:
        super().__init__(text, style, measure)
        self.level, self.key = level, key

    def split(self, width: float, height: float) -> list[Any]:
        return []

    def draw(self) -> None:
        if self.key:
            _x, y = self.canv.absolutePosition(0, self.height)
            self.canv.stands(Mark(self.key, self.level, self.text, self.canv.getPageNumber(), y))
        super().draw()


def write(
    canvas: Any, x: float, y: float, lines: Sequence[str], font: str, size: float, leading: float
) -> None:
    """Lines from ``y`` (the base of the first) down."""
    said = canvas.beginText(x, y)
    said.setFont(font, size, leading)
    for line in lines:
        said.textLine(line)
    canvas.drawText(said)


def shape(canvas: Any, x: float, y: float, tone: str) -> None:
    """A mark of five points that tells a tone without its colour."""
    colour = TONES[tone][0]
    canvas.setFillColor(colour)
    canvas.setStrokeColor(colour)
    canvas.setLineWidth(1)
    if tone == "good":
        canvas.circle(x + 2.5, y + 2.5, 2.5, stroke=0, fill=1)
    elif tone == "bad":
        canvas.rect(x, y, 5, 5, stroke=0, fill=1)
    elif tone == "caution":
        path = canvas.beginPath()
        path.moveTo(x, y)
        path.lineTo(x + 5.4, y)
        path.lineTo(x + 2.7, y + 5.2)
        path.close()
        canvas.drawPath(path, stroke=0, fill=1)
    elif tone == "none":
        canvas.circle(x + 2.5, y + 2.5, 2.1, stroke=1, fill=0)
    else:
        canvas.circle(x + 2.5, y + 2.5, 2.1, stroke=1, fill=0)
        canvas.circle(x + 2.5, y + 2.5, 0.9, stroke=0, fill=1)


# --------------------------------------------------------------------------------------------------------------- tables


@dataclass(slots=True)
class Row:
    """A row that was broken into lines: the lines of each cell, and the tone of those that judge."""

    cells: list[list[str]]
    tones: list[str]
    bold: bool = False

    @property
    def count(self) -> int:
        return max(len(one) for one in self.cells)

    @property
    def height(self) -> float:
        return self.count * LEADING + 2 * PAD

    def cut(self, at: int) -> tuple[Row, Row]:
        """The first ``at`` lines, and what is left."""
        rest = [one[at:] for one in self.cells]
        empty = [""] * len(self.tones)
        return Row([one[:at] for one in self.cells], self.tones, self.bold), Row(rest, empty, self.bold)


class Grid(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A table that repeats its head on each page. ``shares``: widths of columns, of their sum."""

    def __init__(
        self,
        head: Row,
        rows: list[Row],
        shares: Sequence[float],
        figures: frozenset[int],
        measure: Measure,
        *,
        headless: bool = False,
    ) -> None:
        super().__init__()
        self.head, self.rows, self.shares, self.figures = head, rows, shares, figures
        self.measure, self.headless = measure, headless

    @property
    def over(self) -> float:
        """What the head takes."""
        return 0.0 if self.headless else self.head.height

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        self.width = width
        self.height = self.over + sum(one.height for one in self.rows)
        return width, self.height

    def getSpaceAfter(self) -> float:
        return 9.0

    def split(self, width: float, height: float) -> list[Any]:
        left = height - self.over
        kept: list[Row] = []
        for at, row in enumerate(self.rows):
            if row.height <= left:
                kept.append(row)
                left -= row.height
                continue
            rest = self.rows[at:]
            fit = int((left - 2 * PAD) // LEADING)
            if row.height > TALL and fit >= 4:
                first, last = row.cut(fit)
                kept.append(first)
                rest = [last, *rest[1:]]
            return [self._of(kept), self._of(rest)] if kept else []
        return [self]

    def _of(self, rows: list[Row]) -> Grid:
        return Grid(self.head, rows, self.shares, self.figures, self.measure, headless=self.headless)

    def draw(self) -> None:
        canvas, total = self.canv, sum(self.shares)
        edges = [0.0]
        for share in self.shares:
            edges.append(edges[-1] + self.width * share / total)
        y = self.height
        canvas.setLineWidth(0.5)
        canvas.setFillColor(SUNKEN)
        canvas.rect(0, y - self.over, self.width, self.over, stroke=0, fill=1)
        for at, row in enumerate(self.rows if self.headless else [self.head, *self.rows]):
            y -= row.height
            canvas.setStrokeColor(QUIET if row.bold else LINE)
            canvas.setLineWidth(0.5)
            if row.bold and at:
                canvas.line(0, y + row.height, self.width, y + row.height)
            canvas.line(0, y, self.width, y)
            self._row(row, y, edges)

    def _row(self, row: Row, y: float, edges: Sequence[float]) -> None:
        canvas, font = self.canv, BOLD if row.bold else REGULAR
        base = y + row.height - PAD - LEADING * 0.76
        for column, (lines, tone) in enumerate(zip(row.cells, row.tones, strict=True)):
            if not lines:
                continue
            x = edges[column] + PAD
            if tone:
                shape(canvas, x, base, tone)
                x += SHAPE
            canvas.setFillColor(TONES[tone][0] if tone else INK)
            if column in self.figures:
                canvas.setFont(font, SIZE)
                for at, line in enumerate(lines):
                    canvas.drawRightString(edges[column + 1] - PAD, base - at * LEADING, line)
            else:
                write(canvas, x, base, lines, font, SIZE, LEADING)


def row_of(
    cells: Sequence[Cell],
    widths: Sequence[float],
    measure: Measure,
    shown: Callable[[str], str],
    *,
    bold: bool = False,
) -> Row:
    """Cells broken into lines for columns of these widths in points."""
    font = BOLD if bold else REGULAR
    broken, tones = [], []
    for one, width in zip(cells, widths, strict=True):
        judges = isinstance(one, State)
        text = shown(one.word if isinstance(one, State) else one)
        broken.append(measure.lines(text, font, SIZE, width - 2 * PAD - (SHAPE if judges else 0.0)))
        tones.append(one.tone if isinstance(one, State) else "")
    return Row(broken, tones, bold)


# ---------------------------------------------------------------------------------------------------------------- pages


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a heading came to stand: page from 1, ``y`` in points from the bottom."""

    key: str
    level: int
    text: str
    page: int
    y: float


class Pages(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Keeps each page until all are there; ``finish(canvas, number, count, marks)`` then draws what needs them all."""

    finish: Callable[[Pages, int, int, list[Mark]], None]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._kept: list[dict[str, Any]] = []
        self._marks: list[Mark] = []

    def stands(self, mark: Mark) -> None:
        """A heading says where it is."""
        self._marks.append(mark)

    def showPage(self) -> None:
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        pages, marks, links = self._kept, self._marks, 0
        for number, state in enumerate(pages, 1):
            self.__dict__.update(state)
            self._annotationCount = links  # names of links are numbered through the whole document
            for one in marks:
                if one.page == number:
                    self.bookmarkPage(one.key, fit="XYZ", top=one.y + 4)
                    self.addOutlineEntry(one.text, one.key, one.level - 1, closed=one.level == 1)
            self.finish(self, number, len(pages), marks)
            links = self._annotationCount
            super().showPage()
        super().save()
