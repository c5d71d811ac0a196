"""Questions that no answers make visible, found by trying answers that the conditions can tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import combinations

from questionnaires.conditions import FACTS, MISSING, Condition, NameType, Reading, Test
from questionnaires.dates import MAX_DATE, MIN_DATE, add_months
from questionnaires.definition import Question, Questionnaire

# Steps of one search. A step settles one more name, and whole branches fall away as soon as the condition is
# certainly false, so that everything of 10,000 combinations is examined to the end.
STEPS = 25_000
# Steps over a whole definition: a hostile one must not keep a check busy for minutes.
ALL_STEPS = 150_000
# Conditions are read on some day; what they ask of a date is mostly relative to it.
TODAY = date(2030, 6, 15)
_MOST_MEMBERS = 8


def unreachable(definition: Questionnaire) -> tuple[list[str], int]:
    """The keys of questions that no answers and facts show, and how many questions were too much to try."""
    search = _Search(definition)
    results: dict[tuple[str, ...], bool | None] = {}
    hidden, unexamined = [], 0
    for question in definition.questions.values():
        conditions = search.conditions[question.key]
        same = tuple(condition.source for condition in conditions)
        if same not in results:
            results[same] = search.reachable(conditions)
        if results[same] is False:
            hidden.append(question.key)
        unexamined += results[same] is None and search.left <= 0
    return hidden, unexamined


class _Search:
    def __init__(self, definition: Questionnaire) -> None:
        self.questions = definition.questions
        self.left = ALL_STEPS
        self.conditions: dict[str, tuple[Condition, ...]] = {
            question.key: tuple(
                one for one in (section.visible_when, question.visible_when) if one is not None
            )
            for section in definition.sections
            for question in section.questions
        }

    def reachable(self, conditions: tuple[Condition, ...]) -> bool | None:
        """Whether some answers make all of these true; None if that took too many steps."""
        if not conditions:
            return True
        if self.left <= 0:
            return None
        names = self._order(conditions)
        tests: dict[str, list[Test]] = {}
        for condition in [*conditions, *(one for name in names for one in self.conditions.get(name, ()))]:
            for test in condition.tests:
                tests.setdefault(test.key, []).append(test)
        self.steps = min(STEPS, self.left)
        before = self.steps
        found: bool | None = False
        for as_of in _days(tests):
            # Setting up a long chain of gates is work as well.
            self.steps -= len(names)
            candidates = {name: self._candidates(name, tests[name], as_of) for name in names}
            found = self._try(names, candidates, Reading(as_of), conditions)
            if found is not False:
                break
        self.left -= before - self.steps
        return found

    def _order(self, conditions: Iterable[Condition]) -> list[str]:
        """The names that these conditions hang on, each after those that decide whether it is asked."""
        found: dict[str, None] = {}
        path = [iter(sorted({name for one in conditions for name in one.names}))]
        open_names: list[str] = []
        while path:
            name = next(path[-1], None)
            if name is None:
                path.pop()
                if open_names:
                    found[open_names.pop()] = None
            elif name not in found:
                inner = {one for condition in self.conditions.get(name, ()) for one in condition.names}
                path.append(iter(sorted(inner)))
                open_names.append(name)
        return list(found)

    def _try(
        self,
        names: list[str],
        candidates: Mapping[str, list[object]],
        reading: Reading,
        conditions: tuple[Condition, ...],
    ) -> bool | None:
        """Settle one name after the other. An explicit stack of choices: a chain of gates may be long."""
        position = 0
        waiting = [iter(self._values(names, candidates, reading, position))]
        while waiting:
            if self.steps <= 0:
                return None
            self.steps -= 1
            try:
                value = next(waiting[-1])
            except StopIteration:
                waiting.pop()
                position -= 1
                if waiting:
                    reading.pop(names[position], None)
                continue
            reading[names[position]] = value
            truths = [condition.decide(reading) for condition in conditions]
            if all(truth is True for truth in truths):
                return True
            if any(truth is False for truth in truths):
                reading.pop(names[position])
                continue
            position += 1
            waiting.append(iter(self._values(names, candidates, reading, position)))
        return False

    def _values(
        self, names: list[str], candidates: Mapping[str, list[object]], reading: Reading, at: int
    ) -> list[object]:
        if at >= len(names):
            return []
        # Everything that decides on this name is settled before it.
        shown = all(condition.decide(reading) for condition in self.conditions.get(names[at], ()))
        return candidates[names[at]] if shown else [MISSING]

    def _candidates(self, name: str, own: list[Test], as_of: date) -> list[object]:
        """Values of a name that between them make every combination of its tests true and false."""
        literals = [literal for test in own for literal in test.literals]
        question = self.questions.get(name)
        if question is None:
            return [*_fact_values(FACTS[name], literals), MISSING]
        values: list[object]
        match question.type:
            case "choice":
                values = _choice_values([option.value for option in question.options], literals)
            case "choices":
                values = _choices_values(question, literals)
            case "number":
                values = _number_values(question, literals)
            case "date":
                values = _date_values(question, own, as_of)
            case _:
                values = ["answered"]
        return [*values, MISSING]


def _choice_values(known: Iterable[str], literals: list[str | Decimal]) -> list[object]:
    """The values that conditions name, and one that they do not."""
    named = [value for value in known if value in literals]
    other = next((value for value in known if value not in literals), None)
    return [*named, *([] if other is None else [other])]


def _sets(values: list[str]) -> list[object]:
    few = values[:_MOST_MEMBERS]
    return [frozenset(some) for size in range(1, len(few) + 1) for some in combinations(few, size)]


def _choices_values(question: Question, literals: list[str | Decimal]) -> list[object]:
    plain = [option.value for option in question.options if not option.exclusive]
    alone = [option.value for option in question.options if option.exclusive]
    named = [str(value) for value in _choice_values(plain, literals)]
    return [*_sets(named), *(frozenset({str(value)}) for value in _choice_values(alone, literals))]


def _fact_values(kind: NameType, literals: list[str | Decimal]) -> list[object]:
    texts = [str(literal) for literal in dict.fromkeys(literals)]
    match kind.kind:
        case "flag":
            return [True, False]
        case "number":
            return _around([one for one in literals if isinstance(one, Decimal)], Decimal(1))
        case "set" | "choices":
            known = sorted(kind.values) if kind.values is not None else [*texts, "another"]
            return _sets([str(value) for value in _choice_values(known, literals)])
        case "choice":
            known = sorted(kind.values) if kind.values is not None else [*texts, "another"]
            return _choice_values(known, literals)
        case _:
            return ["answered"]


def _around(literals: Iterable[Decimal], step: Decimal) -> list[object]:
    """The numbers on the grid of ``step`` at and beside each literal."""
    found: set[Decimal] = {Decimal(0)}
    for literal in literals:
        below = (literal / step).to_integral_value(ROUND_FLOOR) * step
        above = (literal / step).to_integral_value(ROUND_CEILING) * step
        found |= {below - step, below, above, above + step}
    return [*sorted(found)]


def _number_values(question: Question, literals: list[str | Decimal]) -> list[object]:
    step = Decimal(1).scaleb(-question.decimals)
    low = None if question.at_least is None else Decimal(question.at_least)
    high = None if question.at_most is None else Decimal(question.at_most)
    bounds = [bound for bound in (low, high) if bound is not None]
    numbers = _around([*(one for one in literals if isinstance(one, Decimal)), *bounds], step)
    return [
        number
        for number in numbers
        if isinstance(number, Decimal) and (low is None or number >= low) and (high is None or number <= high)
    ]


def _date_values(question: Question, tests: list[Test], as_of: date) -> list[object]:
    days = {as_of, *_literal_days(tests)}
    for test in tests:
        if test.subject in ("within", "age_months", "months_until"):
            months = int(test.literals[0])
            for number in (months - 1, months, months + 1):
                days |= {_shifted(as_of, number), _shifted(as_of, -number)}
    first, last = _limit(question.not_before, as_of), _limit(question.not_after, as_of)
    days |= {day for day in (first, last) if day is not None}
    near = {day + timedelta(days=step) for day in days for step in (-1, 0, 1) if MIN_DATE < day < MAX_DATE}
    return [day for day in sorted(near) if (first is None or day >= first) and (last is None or day <= last)]


def _limit(bound: str | None, as_of: date) -> date | None:
    if bound is None:
        return None
    return as_of if bound == "today" else date.fromisoformat(bound)


def _shifted(day: date, months: int) -> date:
    try:
        return add_months(day, months)
    except (ValueError, OverflowError):
        return day


def _literal_days(tests: Iterable[Test]) -> set[date]:
    return {
        date.fromisoformat(str(literal))
        for test in tests
        if test.subject == "value" and test.operator in ("==", "!=", "<", "<=", ">", ">=")
        for literal in test.literals
        if isinstance(literal, str)
        and len(literal) == 10
        and literal[4] == literal[7] == "-"
        and literal.replace("-", "").isdigit()
    }


def _days(tests: Mapping[str, list[Test]]) -> list[date]:
    """Days on which to read the conditions; more than one only where fixed days stand in them."""
    days = {TODAY}
    for day in _literal_days(test for own in tests.values() for test in own):
        days |= {
            one for one in (day - timedelta(days=1), day, _shifted(day, 12)) if MIN_DATE < one < MAX_DATE
        }
    return [TODAY, *sorted(days - {TODAY})][:10]
