"""All current submissions of an engagement read as one: what requirement rules see, and what they wait for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from math import lcm
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from questionnaires.conditions import INTERNAL_FACTS, MISSING, UNKNOWN, Condition, NameType, Reading
from questionnaires.conditions_evaluation import compiled, decided_by
from questionnaires.conditions_syntax import Both, Node, Test
from questionnaires.conditions_types import test_faults
from questionnaires.plan import Item, new_reading, settle
from questionnaires.scoring import score

if TYPE_CHECKING:
    from questionnaires.answers import Answer
    from questionnaires.definition import Question, Questionnaire

# Conditions about dates need a day even when there are no submissions; then no date is known either.
_NO_DAY = date(2000, 1, 1)

# Low and high of a question; None where it has no points.
Points: TypeAlias = "tuple[Fraction, Fraction] | None"
_ANY: Points = (Fraction(0), Fraction(100))

REMEMBERED = 64  # definitions whose view is kept


@dataclass(frozen=True, slots=True)
class Answered:
    """One submission: a definition, typed answers with their marks, the day of submission, keys shown anyway."""

    definition: Questionnaire
    answers: Mapping[str, Answer]
    as_of: date
    shown: Collection[str] = ()


class View(NamedTuple):
    """What rules see of a definition.

    ``names``: what they call each question. ``rows``, in dependency order: each question that they read, that another
    depends on or that may be hidden, with its name and whether they read it. ``rest``: names of all others.
    ``asked``: whether they compare points of any.
    """

    names: Mapping[str, str]
    rows: tuple[tuple[Item, str, bool], ...]
    items: tuple[Item, ...]
    rest: frozenset[str]
    asked: bool


class Wanted:
    """What a catalogue of rules asks of answers, worked out once: names, points, and types of its comparisons.

    ``heirs``: the name that rules use, by the key and revision of a question that it replaced.
    """

    def __init__(
        self, conditions: Iterable[Condition], heirs: Mapping[tuple[str, int], str] = MappingProxyType({})
    ) -> None:
        self.heirs = heirs
        self.tests: dict[str, list[Test]] = {}
        points_of: set[str] = set()
        for condition in conditions:
            points_of |= condition.points_of
            for test in condition.tests:
                self.tests.setdefault(test.key, []).append(test)
        self.points_of = frozenset(points_of)
        self._fitting: dict[tuple[str, str, bool], bool] = {}
        self._views: dict[str, View] = {}

    def name(self, question: Question, definition: Questionnaire) -> str:
        """What rules call this question of a definition; one that asks for the heir as well means it by that."""
        name = self.heirs.get((question.key, question.revision), question.key)
        return question.key if name in definition.questions else name

    def reads(self, key: str, question: Question) -> bool:
        """Whether rules name this question, by ``key``, and can read it: an organisation's own version may have
        made another type of a key."""
        if key not in self.tests:
            return False
        known = (key, question.type, question.can_earn)
        if known not in self._fitting:
            kind = NameType(question.type, None, question.can_earn)
            self._fitting[known] = not any(
                test_faults(test, {key: kind}, points=True, value=None) for test in self.tests[key]
            )
        return self._fitting[known]

    def view(self, definition: Questionnaire) -> View:
        """What the rules see of a definition, worked out once for all submissions of it."""
        known = self._views.get(definition.content_hash)
        if known is None:
            if len(self._views) >= REMEMBERED:
                self._views.clear()
            known = self._views[definition.content_hash] = self._view(definition)
        return known

    def _view(self, definition: Questionnaire) -> View:
        plan = definition.plan
        names = {key: self.name(question, definition) for key, question in definition.questions.items()}
        often = Counter(names.values())
        gated = {item.index for item in plan.gated}
        rows = []
        for item in plan.ordered:
            name = names[item.key]
            reads = self.reads(name, item.question)
            if reads or item.index in gated or often[name] > 1:
                rows.append((item, name, reads))
        items = tuple(item for item, _, _ in rows)
        rest = frozenset(names.values()) - {name for _, name, _ in rows}
        return View(names, tuple(rows), items, rest, bool(self.points_of & set(names.values())))


class Evidence:
    """The merged reading of several submissions and facts."""

    def __init__(self, answered: Sequence[Answered], facts: Mapping[str, Any], wanted: Wanted) -> None:
        ordered = sorted(answered, key=lambda one: one.as_of)
        self.facts = facts
        self.reading = new_reading(facts, ordered[-1].as_of if ordered else _NO_DAY)
        self.questions: dict[str, Question] = {}
        self.waiting: dict[str, frozenset[str]] = {}
        # The day of the newest submission that shows a question, and its points there.
        self.days: dict[str, date] = {}
        self.points: dict[str, Points] = {}
        for one in ordered:
            self._add(one, wanted)

    def decide(self, node: Node) -> tuple[bool | None, tuple[Test, ...]]:
        """The truth of a rule and the comparisons that make it so."""
        return compiled(node)(self.reading), decided_by(node, self.reading)

    def decide_outside(self, node: Node, found: bool | None) -> tuple[Test, ...]:
        """The comparisons to name to a vendor: the same for all values of internal facts with this outcome.

        Where the outcome needs an internal fact, one comparison of it stands for all: it is never told which.
        """
        outside = self.outside
        if compiled(node)(outside) is found:
            return decided_by(node, outside)
        parts = node.items if isinstance(node, Both) and node.every is found else (node,)
        known = [part for part in parts if compiled(part)(outside) is found]
        secret = next(test for test in Condition("", node).tests if test.key in INTERNAL_FACTS)
        return (*dict.fromkeys(test for part in known for test in decided_by(part, outside)), secret)

    @cached_property
    def outside(self) -> Reading:
        """The reading without internal facts, as if nobody knew them."""
        found = Reading(self.reading.as_of)
        found.update({name: value for name, value in self.reading.items() if name not in INTERNAL_FACTS})
        found.points = self.reading.points
        return found

    def open_names(self, names: Iterable[str]) -> tuple[str, ...]:
        """The unknown names among ``names``; a question that nobody knows to be visible waits for its gates."""
        found: dict[str, None] = {}
        queue = list(names)
        for name in queue:
            gates = self.waiting.get(name)
            if gates is None:
                found[name] = None
            else:
                queue.extend(gate for gate in sorted(gates) if gate not in queue)
        return tuple(found)

    def alike(self, other: Evidence, names: Iterable[str]) -> bool:
        """Whether all of these names read the same. One whose gates are open is not looked into: it may not."""
        for name in names:
            if name in self.waiting or name in other.waiting:
                return False
            ours, theirs = self.questions.get(name), other.questions.get(name)
            if ours is None and theirs is None:
                continue  # a fact, or nobody asks it
            if (
                ours is None
                or theirs is None
                or ours.key != theirs.key
                or self._read(name) != other._read(name)
            ):
                return False
        return True

    def _read(self, name: str) -> tuple[object, Points]:
        return self.reading.get(name, UNKNOWN), self.points.get(name)

    def asked(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names with the keys under which a submission asked; a name that nobody asked stays."""
        return tuple(self.questions[name].key if name in self.questions else name for name in names)

    def _add(self, one: Answered, wanted: Wanted) -> None:
        definition, view = one.definition, wanted.view(one.definition)
        own = new_reading(self.facts, one.as_of)
        visible = settle(view.items, one.answers, own, frozenset(one.shown))
        asked = view.asked
        trace = score(definition, one.answers, self.facts, one.as_of, one.shown).trace if asked else ()
        for key in view.rest & self.waiting.keys():
            del self.waiting[key]  # nothing hides it here
        for item, key, reads in view.rows:
            seen = visible[item.index]
            if seen is None:
                self._wait(definition, item.key, own, view.names)
            # Only what rules name is merged; gates are read in the submission that they belong to.
            if not reads:
                if seen is not None:
                    self.waiting.pop(key, None)
                continue
            line = trace[item.index] if asked else None
            points = None if line is None or line.low is None or line.high is None else (line.low, line.high)
            if seen is False:
                # One that hides the question says nothing against an answer.
                if key not in self.days:
                    self._put(key, item.question, MISSING, points)
                continue
            value = own[item.key]
            if self.days.get(key) == one.as_of:
                value, points = self._agreed(key, value, points)
            self.days[key] = one.as_of
            if seen:
                self.waiting.pop(key, None)
            self._put(key, item.question, value, points)

    def _agreed(self, key: str, value: object, points: Points) -> tuple[object, Points]:
        """Several answers of one day: what they have in common; where they differ nobody knows which holds."""
        if self.reading[key] != value:
            value = UNKNOWN
        if self.points[key] != points:
            points = _ANY
        return value, points

    def _put(self, key: str, question: Question, value: object, points: Points) -> None:
        self.questions[key] = question
        self.points[key] = points
        if points is None:
            self.reading.points[key] = None
        else:
            low, high = points
            unit = lcm(low.denominator, high.denominator)
            self.reading.points[key] = (int(low * unit), int(high * unit), unit)
        if value is UNKNOWN:
            self.reading.pop(key, None)
        else:
            self.reading[key] = value

    def _wait(self, definition: Questionnaire, key: str, own: Reading, called: Mapping[str, str]) -> None:
        """Remember which unknown names keep a question's visibility open; ``called``: what rules call each key."""
        section, question = definition.section_of[key], definition.questions[key]
        gates: set[str] = set()
        for condition in (section.visible_when, question.visible_when):
            if condition is not None and condition.decide(own) is None:
                gates |= {test.key for test in decided_by(condition.root, own)}
        self.waiting[called[key]] = frozenset(called.get(gate, gate) for gate in gates)
        for gate in gates & definition.questions.keys():
            self.questions.setdefault(called[gate], definition.questions[gate])
