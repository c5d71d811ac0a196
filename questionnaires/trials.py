"""What one changed answer makes of a result, worked out for the questions in its reach alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from questionnaires.conditions import Reading, truth
from questionnaires.plan import Item, new_reading, settle
from questionnaires.results import Result, Scale
from questionnaires.scoring import SectionSums, assess, total_of

if TYPE_CHECKING:
    from questionnaires.answers import Answer


class Trial:
    """A result that answers may be tried on; exactly what ``score`` would say of them, without the trace."""

    def __init__(
        self,
        result: Result,
        answers: Mapping[str, Answer],
        facts: Mapping[str, Any],
        shown: Collection[str],
    ) -> None:
        self.result, self.answers, self.shown = result, answers, frozenset(shown)
        self.definition, self.plan = result.definition, result.definition.plan
        self.reading = new_reading(facts, result.as_of)
        settle(self.plan.gated, answers, self.reading, self.shown)
        self.section = [number for number, items in enumerate(self.plan.sections) for _ in items]
        for key in self.plan.cap_points:
            line = result.line(key)
            self._put_points(self.reading, key, line.low_units, line.high_units)

    def after(self, item: Item, answer: Answer, reach: Iterable[int]) -> After:
        """The result with ``answer`` at ``item``, whose reach (see ``Plan.dependents``) is given."""
        items = [
            self.plan.items[index] for index in sorted({item.index, *reach}, key=self.plan.rank.__getitem__)
        ]
        answers = {**self.answers, item.key: answer}
        reading = Reading(self.reading.as_of)
        reading.update(self.reading)
        reading.points.update(self.reading.points)
        for one in items:
            reading.pop(one.key, None)
        visible = settle(tuple(items), answers, reading, self.shown)
        weights = [one.weight_sum for one in self.result.sections]
        lows = [one.low_sum for one in self.result.sections]
        failed = sum(one.kind == "failed" for one in self.result.knockouts)
        opened = len(self.result.knockouts) - failed
        for one in items:
            place, line = self.section[one.index], self.result.trace[one.index]
            _, low, high = assess(
                one, answers.get(one.key), visible[one.index], reading, 100 * self.plan.unit
            )
            weights[place] += one.weight * ((low is not None) - (line.low_units is not None))
            lows[place] += one.weight * ((low or 0) - (line.low_units or 0))
            if one.question.critical:
                was, now = self._knocked(one, line.low_units, line.high_units), self._knocked(one, low, high)
                failed += (now == "failed") - (was == "failed")
                opened += (now == "open") - (was == "open")
            if one.key in self.plan.cap_points:
                self._put_points(reading, one.key, low, high)
        sums = [
            SectionSums(Scale(self.plan.unit), weight, low, low, 0)
            for weight, low in zip(weights, lows, strict=True)
        ]
        totals = total_of(self.definition, sums)
        return After(
            Fraction(totals.low, totals.whole * self.plan.unit) if totals.whole else None,
            failed,
            opened,
            sum(truth(cap.when, reading) is not False for cap in self.definition.caps),
        )

    def _knocked(self, item: Item, low: int | None, high: int | None) -> str:
        minimum = item.question.minimum * self.plan.unit
        if low is None or high is None or low >= minimum:
            return ""
        return "failed" if high < minimum else "open"

    def _put_points(self, reading: Reading, key: str, low: int | None, high: int | None) -> None:
        reading.points[key] = None if low is None or high is None else (low, high, self.plan.unit)


class After(NamedTuple):
    """What counts for a gain: the score, the numbers of failed and open knock-outs, of caps in force."""

    score: Fraction | None
    failed: int
    opened: int
    caps: int
