"""best_fixes: the shortest way to a better band, greedily, each step re-scored and so exact."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from questionnaires.answers import Answer, Value
from questionnaires.best_values import improved
from questionnaires.ceilings import Ceiling
from questionnaires.plan import Item
from questionnaires.results import Result
from questionnaires.scoring import score
from questionnaires.trials import Trial

if TYPE_CHECKING:
    from questionnaires.definition import Questionnaire


@dataclass(frozen=True, slots=True)
class Fix:
    """One step: what to change at a question, and what the result is once it and all earlier steps are done.

    ``needs`` says what it takes: another ``answer``, ``evidence`` for the answer that stands, or a reviewer's
    ``grade`` of a text. ``document`` is the kind of evidence to add, None if none is needed.
    """

    key: str
    from_value: Value | None
    to_value: Value | None
    needs: Literal["answer", "evidence", "grade"]
    document: str | None
    gain: Fraction
    score_after: Fraction
    band_after: str | None
    knockouts_removed: tuple[str, ...]
    caps_lifted: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Fixes:
    """The steps in order, whether they reach the band asked for, and why the list ends where it does."""

    steps: tuple[Fix, ...]
    reached: bool
    reason: str


class _Gain(NamedTuple):
    """Compared from the left; the score in parts of one whole. Open knock-outs come last: one of weight 0 that
    waits for an answer is still worth a step.
    """

    failed: int
    caps: int
    score: Fraction | int
    opened: int


_NOTHING = _Gain(0, 0, 0, 0)


def best_fixes(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    facts: Mapping[str, Any],
    as_of: date,
    target_band: str,
    limit: int = 10,
    shown: Collection[str] = (),
) -> Fixes:
    """Up to ``limit`` steps towards ``target_band``, the one with the largest gain first.

    Raises ValueError for a band that the definition does not have.
    """
    names = [band.name for band in definition.bands]
    if target_band not in names:
        raise ValueError(f"{definition.label} has no band {target_band!r}")
    search = _Search(definition, answers, facts, as_of, shown)
    label = definition.bands[names.index(target_band)].label
    steps: list[Fix] = []
    while True:
        band = search.result.band
        if band is None:
            return Fixes((), False, "There is nothing to score yet, so no step can be weighed.")
        if names.index(band) <= names.index(target_band):
            return Fixes(tuple(steps), True, f"These steps reach the band “{label}”.")
        if len(steps) == limit:
            return Fixes(tuple(steps), False, f"The band “{label}” takes more than {limit} steps.")
        step = search.step()
        if step is None:
            return Fixes(tuple(steps), False, f"No single change brings the band “{label}” any nearer.")
        steps.append(step)


class _Search:
    """The state of a search: the answers so far and their result."""

    def __init__(
        self,
        definition: Questionnaire,
        answers: Mapping[str, Answer],
        facts: Mapping[str, Any],
        as_of: date,
        shown: Collection[str],
    ) -> None:
        self.definition, self.plan = definition, definition.plan
        self.answers = dict(answers)
        self.facts, self.as_of, self.shown = facts, as_of, shown
        self.result = self.rescored(self.answers)
        self.best: dict[str, tuple[Answer, int]] = {}
        self.reach: dict[str, tuple[int, ...]] = {}
        self.whole = 1

    def rescored(self, answers: Mapping[str, Answer]) -> Result:
        return score(self.definition, answers, self.facts, self.as_of, self.shown)

    def step(self) -> Fix | None:
        """Make the change with the largest gain; None if nothing gains."""
        chosen, most = self.largest()
        if chosen is None or most <= _NOTHING:
            return None
        before, old = self.result, self.answers.get(chosen.key)
        new = self.leanest(chosen, old, self.best[chosen.key][0])
        self.answers[chosen.key] = new
        self.result = after = self.rescored(self.answers)
        # A question that counts stays in the sums, so neither is empty.
        assert before.score is not None
        assert after.score is not None
        removed = {one.key for one in before.knockouts} - {one.key for one in after.knockouts}
        lifted = {cap.text for cap in before.caps} - {cap.text for cap in after.caps}
        added = len(new.evidence) > (len(old.evidence) if old else 0)
        same = old is not None and old.state == "answered" and old.value == new.value
        return Fix(
            chosen.key,
            old.value if old else None,
            new.value,
            "grade" if chosen.question.type == "text" else "evidence" if same and added else "answer",
            new.evidence[-1].kind if added else None,
            after.score - before.score,
            after.score,
            after.band,
            tuple(one.key for one in before.knockouts if one.key in removed),
            tuple(cap.text for cap in before.caps if cap.text in lifted),
            new,
        )

    def leanest(self, item: Item, old: Answer | None, new: Answer) -> Answer:
        """The new answer without its added document, if it counts without one."""
        evidence = old.evidence if old else ()
        if len(new.evidence) == len(evidence):
            return new
        bare = replace(new, evidence=evidence)
        line = self.rescored({**self.answers, item.key: bare}).trace[item.index]
        return new if line.state == "unproven" else bare

    def largest(self) -> tuple[Item | None, _Gain]:
        """The candidate with the largest gain, the first in the definition among equals.

        Candidates wait in a heap by the most that they could gain; the first to come out with an exact gain
        has won, since nothing behind it can have more.
        """
        # Gains of a score are weighed in parts of the present whole: integers for nearly all.
        self.whole = max(line.scale.whole for line in self.result.trace) * self.plan.unit
        ceiling = Ceiling(self.definition, self.answers, self.result)
        trial = Trial(self.result, self.answers, self.facts, self.shown)
        heap: list[tuple[tuple[Any, ...], int, bool, _Gain]] = []
        for item in self.plan.items:
            bound, exact = self.bound(item, ceiling)
            if bound is not None and bound > _NOTHING:
                heap.append((_falling(bound), item.index, exact, bound))
        heapq.heapify(heap)
        while heap:
            _, index, exact, gain = heapq.heappop(heap)
            item = self.plan.items[index]
            if exact:
                return item, gain
            gain = self.tried(item, trial)
            heapq.heappush(heap, (_falling(gain), index, True, gain))
        return None, _NOTHING

    def tried(self, item: Item, trial: Trial) -> _Gain:
        after = trial.after(item, self.best[item.key][0], self.reached(item))
        before = self.result
        if before.score is None or after.score is None:
            # It would leave nothing to score: no step at all.
            return _Gain(-len(self.plan.items), 0, 0, 0)
        failed = sum(one.kind == "failed" for one in before.knockouts)
        return _Gain(
            failed - after.failed,
            len(before.caps) - after.caps,
            (after.score - before.score) * self.whole,
            len(before.knockouts) - failed - after.opened,
        )

    def bound(self, item: Item, ceiling: Ceiling) -> tuple[_Gain | None, bool]:
        """The most that a question can gain and whether that is exact; None if there is nothing to change."""
        line = self.result.trace[item.index]
        if item.earn is None or line.low_units is None or line.high_units is None or line.state == "open":
            return None, True
        if item.key not in self.best:
            answer = improved(item, self.answers.get(item.key), self.as_of)
            units = 100 * self.plan.unit if answer.review else item.earn(answer.value, self.as_of)
            self.best[item.key] = answer, units
        best = self.best[item.key][1]
        if best <= line.low_units:
            return None, True
        reach = self.reached(item)
        if reach or item.key in self.plan.cap_names:
            return self.loose_bound(item, reach, ceiling), False
        units = item.weight * line.scale.part * (best - line.low_units)
        minimum = item.question.minimum * self.plan.unit if item.question.critical else 0
        failed = (line.high_units < minimum) - (best < minimum)
        total = (line.low_units < minimum) - (best < minimum)
        return _Gain(failed, 0, units, total - failed), True

    def loose_bound(self, item: Item, reach: tuple[int, ...], ceiling: Ceiling) -> _Gain:
        """What a question that others hang on can gain at most: all the limits and points in its reach."""
        touched = {self.plan.items[index].key for index in reach} | {item.key}
        knockouts = [one for one in self.result.knockouts if one.key in touched]
        caps = sum(not touched.isdisjoint(cap.when.names) for cap in self.definition.caps)
        over = ceiling.over(item, self.best[item.key][1], reach)
        assert self.result.score is not None
        return _Gain(
            sum(one.kind == "failed" for one in knockouts),
            min(caps, len(self.result.caps)),
            ceil(Fraction(over - float(self.result.score)) * self.whole),
            len(knockouts),
        )

    def reached(self, item: Item) -> tuple[int, ...]:
        """Every question whose state may follow from this one's answer, at any distance."""
        if item.key not in self.reach:
            found: set[int] = set()
            waiting = [item.key]
            while waiting:
                for index in self.plan.dependents.get(waiting.pop(), ()):
                    if index not in found:
                        found.add(index)
                        waiting.append(self.plan.items[index].key)
            self.reach[item.key] = tuple(sorted(found))
        return self.reach[item.key]


def _falling(gain: _Gain) -> tuple[Any, ...]:
    return tuple(-part for part in gain)
