"""The charts of a PDF, drawn from the very blocks that the page draws; a table with the same numbers follows each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reportlab.platypus import Flowable

from portal.reports.model import Bars, Columns, MatrixBlock, Range
from portal.reports.pdf_flow import INK, LINE, QUIET, SHAPE, SUNKEN, TONES, shape
from portal.reports.pdf_fonts import BOLD, REGULAR, Measure

LEVEL_TONES = {4: "good", 3: "fair", 2: "caution", 1: "bad"}
Shown = Callable[[str], str]


class Chart(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A drawing as wide as the page and ``tall`` points high."""

    tall = 60.0

    def __init__(self, shown: Shown, measure: Measure) -> None:
        super().__init__()
        self.shown, self.measure = shown, measure

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        self.width, self.height = width, self.tall
        return width, self.tall

    def getSpaceAfter(self) -> float:
        return 6.0

    def say(
        self, x: float, y: float, text: str, *, bold: bool = False, size: float = 7.2, at: str = "left"
    ) -> None:
        """A word of the chart; ``at``: left, middle or right of ``x``."""
        canvas, font = self.canv, BOLD if bold else REGULAR
        canvas.setFont(font, size)
        draw: dict[str, Any] = {
            "left": canvas.drawString,
            "middle": canvas.drawCentredString,
            "right": canvas.drawRightString,
        }
        draw[at](x, y, self.shown(text))


class RangeChart(Chart):
    """A score on its scale: zones of the bands, and the range from what is proven to what is possible."""

    tall = 74.0

    def __init__(self, block: Range, shown: Shown, measure: Measure) -> None:
        super().__init__(shown, measure)
        self.block = block

    def draw(self) -> None:
        canvas, block = self.canv, self.block
        top = 100
        for one in block.bands:
            left, right = self._x(one.minimum), self._x(top)
            colour, ground = TONES[LEVEL_TONES.get(one.level, "none")]
            canvas.setFillColor(ground)
            canvas.setStrokeColor(colour)
            canvas.setLineWidth(0.6)
            canvas.rect(left, 24, right - left, 18, stroke=1, fill=1)
            canvas.setFillColor(colour)
            self.say(
                (left + right) / 2,
                12,
                self.measure.one_line(self.shown(one.label), BOLD, 7.2, right - left),
                bold=True,
                at="middle",
            )
            top = one.minimum
        canvas.setFillColor(QUIET)
        for tick in (0, 50, 100):
            self.say(self._x(tick), 2, str(tick), at={0: "left", 50: "middle", 100: "right"}[tick], size=6.4)
        if block.low is None or block.high is None:
            return
        low, high = float(block.low), float(block.high)
        left, right = self._x(low), max(self._x(high), self._x(low) + 2.4)
        right = min(right, self.width)
        canvas.setFillColor(INK)
        canvas.rect(min(left, right - 2.4), 29, max(right - left, 2.4), 8, stroke=0, fill=1)
        text = block.low if block.low == block.high else f"{block.low} – {block.high}"
        middle = min(max((left + right) / 2, 34), self.width - 34)
        self.say(middle, 50, text, bold=True, size=10, at="middle")
        if block.held:
            canvas.setFillColor(QUIET)
            self.say(
                0,
                64,
                self.measure.one_line(self.shown(f"{block.label}: {block.held}"), REGULAR, 7.2, self.width),
            )

    def _x(self, value: float) -> float:
        return self.width * value / 100


class BarsChart(Chart):
    """How a whole is divided: one bar; a part that is too small for its number has it in the table alone."""

    tall = 34.0

    def __init__(self, block: Bars, shown: Shown, measure: Measure) -> None:
        super().__init__(shown, measure)
        self.block = block

    def draw(self) -> None:
        canvas = self.canv
        whole = sum(one.count for one in self.block.parts)
        if not whole:
            canvas.setFillColor(SUNKEN)
            canvas.rect(0, 12, self.width, 16, stroke=0, fill=1)
            return
        x = 0.0
        for one in self.block.parts:
            wide = self.width * one.count / whole
            if not wide:
                continue
            colour, ground = TONES[one.tone]
            canvas.setFillColor(ground)
            canvas.setStrokeColor(colour)
            canvas.setLineWidth(0.8)
            canvas.rect(x, 12, wide, 16, stroke=1, fill=1)
            if wide > 16:
                canvas.setFillColor(colour)
                self.say(x + wide / 2, 17.5, str(one.count), bold=True, size=8, at="middle")
            if wide > 40:
                label = self.measure.one_line(self.shown(one.label), REGULAR, 6.6, wide - 12)
                shape(canvas, x + 1, 3, one.tone)
                canvas.setFillColor(colour)
                self.say(x + 1 + SHAPE, 3.4, label, size=6.6)
            x += wide


class ColumnsChart(Chart):
    """Numbers by month: the upper part dark, the lower light, the sum above."""

    tall = 110.0

    def __init__(self, block: Columns, shown: Shown, measure: Measure) -> None:
        super().__init__(shown, measure)
        self.block = block

    def draw(self) -> None:
        canvas, columns = self.canv, self.block.columns
        most = max((one.upper + one.lower for one in columns), default=0) or 1
        step = self.width / max(len(columns), 1)
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.6)
        canvas.line(0, 16, self.width, 16)
        for at, one in enumerate(columns):
            left, wide = at * step + step * 0.18, step * 0.64
            low, up = 78 * one.lower / most, 78 * one.upper / most
            canvas.setStrokeColor(TONES["info"][0])
            canvas.setFillColor(TONES["info"][1])
            if low:
                canvas.rect(left, 16, wide, low, stroke=1, fill=1)
            canvas.setFillColor(TONES["info"][0])
            if up:
                canvas.rect(left, 16 + low, wide, up, stroke=1, fill=1)
            canvas.setFillColor(INK)
            if one.upper + one.lower:
                self.say(left + wide / 2, 19 + low + up, str(one.upper + one.lower), bold=True, at="middle")
            label = self.measure.one_line(self.shown(one.label), REGULAR, 6.4, step)
            canvas.setFillColor(QUIET)
            self.say(left + wide / 2, 5, label, size=6.4, at="middle")


class MatrixChart(Chart):
    """Counts in two directions with their sums; a table itself. A thick frame: below what the policy lets pass."""

    ROW, FIRST = 22.0, 0.22

    def __init__(self, block: MatrixBlock, shown: Shown, measure: Measure) -> None:
        super().__init__(shown, measure)
        self.block = block
        self.tall = self.ROW * (len(block.rows) + 1)

    def draw(self) -> None:
        canvas, block = self.canv, self.block
        first = self.width * self.FIRST
        step = (self.width - first) / max(len(block.head), 1)
        y = self.height - self.ROW
        canvas.setFillColor(QUIET)
        self.say(2, y + 7, block.corner, bold=True)
        for at, one in enumerate(block.head):
            label = self.measure.one_line(self.shown(one), BOLD, 7.2, step - 4)
            self.say(first + at * step + step / 2, y + 7, label, bold=True, at="middle")
        for number, (name, squares) in enumerate(block.rows, 1):
            y -= self.ROW
            sums = number == len(block.rows)
            canvas.setFillColor(INK)
            self.say(2, y + 7, name, bold=sums, size=8)
            for at, square in enumerate(squares):
                colour, ground = TONES[square.tone]
                canvas.setFillColor(ground)
                canvas.setStrokeColor(colour if square.framed else LINE)
                canvas.setLineWidth(1.8 if square.framed else 0.4)
                inset = 1.6
                left = first + at * step + inset
                canvas.rect(left, y + inset, step - 2 * inset, self.ROW - 2 * inset, stroke=1, fill=1)
                canvas.setFillColor(colour if square.count else QUIET)
                self.say(
                    first + at * step + step / 2,
                    y + 7.5,
                    str(square.count),
                    bold=bool(square.count),
                    size=9,
                    at="middle",
                )
