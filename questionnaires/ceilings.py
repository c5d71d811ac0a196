"""Upper bounds of the score after one change, so that best_fixes need not score every candidate.

The one place with floating point, for speed: a bound is raised by more than rounding can take away, and decides
only what is worked out exactly and what need not be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from questionnaires.answers import Answer
    from questionnaires.definition import Questionnaire
    from questionnaires.plan import Item
    from questionnaires.results import Result

_ROUNDING = 1e-6


class Ceiling:
    """Bounds over one result: what hangs on the change may count with its potential, or not at all."""

    def __init__(self, definition: Questionnaire, answers: Mapping[str, Answer], result: Result) -> None:
        plan = definition.plan
        self.unit, self.items, self.trace, self.as_of = plan.unit, plan.items, result.trace, result.as_of
        self.answers = answers
        self.potentials: dict[int, int | None] = {}
        flat = definition.weighting == "flat"
        self.group = [0 if flat else number for number, section in enumerate(plan.sections) for _ in section]
        # One group for each section, or one for all if flat: its weight, and sums of weights and of points.
        lines = result.sections
        if flat:
            self.groups = [(1, sum(one.weight_sum for one in lines), sum(one.low_sum for one in lines))]
        else:
            self.groups = [(one.weight, one.weight_sum, one.low_sum) for one in lines]
        counted = [(weight, self.mean(low, sums)) for weight, sums, low in self.groups if weight and sums]
        self.weight = sum(weight for weight, _ in counted)
        self.total = sum(weight * mean for weight, mean in counted)

    def mean(self, lows: int, weights: int) -> float:
        return lows / (weights * self.unit) if weights else 0.0

    def over(self, item: Item, best: int, reach: Iterable[int]) -> float:
        """No score is higher once ``item`` has ``best`` points (in units) and ``reach`` whatever it may."""
        touched: dict[int, list[int]] = {self.group[item.index]: []}
        for index in reach:
            touched.setdefault(self.group[index], []).append(index)
        weight, total = self.weight, self.total
        perhaps: list[tuple[float, int]] = []
        for number, indexes in touched.items():
            share, old_sum, old_low = self.groups[number]
            if not share:
                continue
            if old_sum:
                weight, total = weight - share, total - share * self.mean(old_low, old_sum)
            own = item if number == self.group[item.index] else None
            certain, mean = self.highest(own, best, indexes, old_sum, old_low)
            if certain:
                weight, total = weight + share, total + share * mean
            else:
                perhaps.append((mean, share))
        # A section that may vanish, or appear, does what is best for the score.
        for mean, share in sorted(perhaps, reverse=True):
            if mean * weight >= total:
                weight, total = weight + share, total + share * mean
        return total / weight + _ROUNDING

    def highest(
        self, own: Item | None, best: int, indexes: list[int], weights: int, lows: int
    ) -> tuple[bool, float]:
        """The highest mean of a group, and whether the group is certain to count."""
        for index in [*indexes, *([own.index] if own else [])]:
            line = self.trace[index]
            if line.low_units is not None:
                weights, lows = weights - line.weight, lows - line.weight * line.low_units
        if own is not None:
            weights, lows = weights + own.weight, lows + own.weight * best
        certain = weights > 0
        for points, weight in sorted(self.possible(indexes), reverse=True):
            if weights and points * weights <= lows:
                break
            weights, lows = weights + weight, lows + points * weight
        return certain, self.mean(lows, weights)

    def possible(self, indexes: list[int]) -> Iterable[tuple[int, int]]:
        for index in indexes:
            weight = self.items[index].weight
            if weight:
                points = self.potential(index)
                if points is not None:
                    yield points, weight

    def potential(self, index: int) -> int | None:
        """The most that a question's present answer is worth, seen and proven; None if it never counts."""
        if index not in self.potentials:
            self.potentials[index] = self._potential(self.items[index])
        return self.potentials[index]

    def _potential(self, item: Item) -> int | None:
        answer = self.answers.get(item.key)
        review = None if answer is None else answer.review
        if review is not None and review.mark in ("graded", "disproved"):
            return (review.points or 0) * self.unit
        if item.earn is None or (review is not None and review.mark == "na_accepted"):
            return None
        if answer is None or answer.state != "answered" or item.graded_only:
            return 0
        if review is not None and review.mark == "challenged":
            return 0
        return item.earn(answer.value, self.as_of)
