"""A second implementation of the format, slow and plain, written from its text alone: what the engine must equal."""

from __future__ import annotations

import operator as operators
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from questionnaires.answers import Answer, EvidenceItem
from questionnaires.conditions import Condition
from questionnaires.conditions_syntax import Both, Node, Not, Test
from questionnaires.definition import EvidenceRule, Question, Questionnaire, Section

MISSING = "(missing)"
UNKNOWN = "(unknown)"
Names = Callable[[str], Any]  # the value of a key or fact, MISSING or UNKNOWN
Truth = bool | None  # None: unknown
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operators.eq,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}

# -- Dates (section 2) ------------------------------------------------------------------------------------------


def add_months(day: date, months: int) -> date:
    """One month at a time, then the day of the month, clamped to the month's end."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for number in range(day.day, 27, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    return date(year, month, day.day)


def within(day: date, months: int, as_of: date) -> bool:
    day = _today_if_tomorrow(day, as_of)
    return day <= as_of <= add_months(day, months)


def age_months(day: date, as_of: date) -> Any:
    return _most_months(_today_if_tomorrow(day, as_of), as_of)


def months_until(day: date, as_of: date) -> Any:
    return _most_months(as_of, _today_if_tomorrow(day, as_of))


def _today_if_tomorrow(day: date, as_of: date) -> date:
    return as_of if day == as_of + timedelta(days=1) else day


def _most_months(start: date, end: date) -> Any:
    if start > end:
        return MISSING
    months = 0
    while add_months(start, months + 1) <= end:
        months += 1
    return months


# -- Conditions (section 2) -------------------------------------------------------------------------------------


def truth(node: Node, names: Names, points: Names, as_of: date) -> Truth:
    """Kleene's three values; with names that are never UNKNOWN, the two-valued reading of pages."""
    if isinstance(node, Not):
        inner = truth(node.item, names, points, as_of)
        return None if inner is None else not inner
    if isinstance(node, Both):
        return all_of([truth(one, names, points, as_of) for one in node.items], node.every)
    return _comparison(node, names, points, as_of)


def all_of(values: list[Truth], every: bool = True) -> Truth:
    """``and`` of three-valued truths, or ``or`` of them."""
    decisive = not every
    if decisive in values:
        return decisive
    return None if None in values else every


def _comparison(test: Test, names: Names, points: Names, as_of: date) -> Truth:
    value = points(test.key) if test.subject == "points" else names(test.key)
    if value == UNKNOWN:
        return None
    # ``!=`` is exactly ``not ==``, ``not in`` exactly ``not in``.
    if test.operator == "!=":
        return not _plain(test, "==", value, as_of)
    if test.operator == "not in":
        return not _plain(test, "in", value, as_of)
    return _plain(test, test.operator, value, as_of)


def _plain(test: Test, operator: str, value: Any, as_of: date) -> bool:
    if isinstance(value, str) and value == MISSING:
        return False
    if test.subject == "answered":
        return True
    if test.subject == "flag":
        return bool(value)
    literal: Any = test.literals[0]
    if test.subject == "within":
        return within(value, int(literal), as_of)
    if test.subject == "member":
        return literal in value
    if operator == "in":
        return value in test.literals
    if test.subject == "age_months":
        value = age_months(value, as_of)
    elif test.subject == "months_until":
        value = months_until(value, as_of)
    if value == MISSING:
        return False
    if isinstance(value, date):
        literal = date.fromisoformat(literal)
    elif not isinstance(value, str):
        value, literal = Fraction(value), Fraction(literal)
    return COMPARE[operator](value, literal)


# -- What is visible and settled --------------------------------------------------------------------------------


class Known:
    """Three-valued visibility, values and points of one set of answers; everything is worked out when asked."""

    def __init__(
        self,
        definition: Questionnaire,
        answers: Mapping[str, Answer],
        facts: Mapping[str, Any],
        as_of: date,
        shown: Collection[str] = (),
    ) -> None:
        self.definition, self.answers, self.facts = definition, answers, facts
        self.as_of, self.shown = as_of, shown

    def truth(self, condition: Condition) -> Truth:
        return truth(condition.root, self.value, self.points_name, self.as_of)

    def visible(self, key: str) -> Truth:
        if key in self.shown:
            return True
        question, section = find(self.definition, key)
        conditions = [one.visible_when for one in (section, question) if one.visible_when is not None]
        return all_of([self.truth(one) for one in conditions])

    def value(self, name: str) -> Any:
        if name.split(".")[0] in ("engagement", "vendor", "organisation"):
            return fact(self.facts, name)
        if not any(name == one.key for section in self.definition.sections for one in section.questions):
            return UNKNOWN
        visible = self.visible(name)
        if visible is None:
            return UNKNOWN
        if not visible:
            return MISSING
        answer = self.answers.get(name, Answer("unanswered"))
        mark = answer.review.mark if answer.review else None
        if answer.state == "not_applicable" and mark == "na_accepted":
            return MISSING
        if answer.state == "answered" and mark not in ("challenged", "disproved"):
            return answer.value
        return UNKNOWN

    def points_name(self, key: str) -> Any:
        """What ``points(key)`` is: the low, unknown while low and high differ."""
        if not any(key == one.key for section in self.definition.sections for one in section.questions):
            return UNKNOWN
        _, low, high = self.line(key)
        if low is None:
            return MISSING
        return low if low == high else UNKNOWN

    def line(self, key: str) -> tuple[str, Fraction | None, Fraction | None]:
        """State, low and high: the table of section 3, the first line that fits."""
        question, _ = find(self.definition, key)
        answer = self.answers.get(key, Answer("unanswered"))
        mark = answer.review.mark if answer.review else None
        visible = self.visible(key)
        nothing, everything = Fraction(0), Fraction(100)
        earns = can_earn(question)
        unsure = (nothing, everything) if earns else (None, None)
        if visible is False:
            return "hidden", None, None
        if visible is None:
            return "open", *unsure
        if answer.state == "not_applicable" and mark == "na_accepted":
            return "not_applicable", None, None
        if mark in ("graded", "disproved"):
            assert answer.review is not None
            given = Fraction(answer.review.points or 0)
            return mark, given, given
        if answer.state != "answered":
            return ("na_pending" if answer.state == "not_applicable" else answer.state), *unsure
        if question.type == "text" and earns:
            return "ungraded", *unsure
        points = earned(question, answer.value, self.as_of) if earns else None
        at_least = nothing if earns else None
        if mark == "challenged":
            return "challenged", at_least, points
        if mark != "accepted" and self.needs_proof(question) and not self.proven(question, answer):
            return "unproven", at_least, points
        return ("accepted" if mark == "accepted" else "answered"), points, points

    def needs_proof(self, question: Question) -> bool:
        rule = question.evidence
        if rule is None:
            return False
        if rule.required:
            return True
        return rule.required_when is not None and self.truth(rule.required_when) is not False

    def proven(self, question: Question, answer: Answer, mark: str | None = None) -> bool:
        """By one document of the asked kind: valid, not refused, and with this mark if one is given."""
        rule = question.evidence
        return rule is not None and any(
            document.mark != "refused"
            and (mark is None or document.mark == mark)
            and valid(rule, document, self.as_of)
            for document in answer.evidence
        )


def fact(facts: Mapping[str, Any], name: str) -> Any:
    value = facts.get(name, "unknown")
    if value == "unknown" or (isinstance(value, frozenset) and "unknown" in value):
        return UNKNOWN
    return value


def find(definition: Questionnaire, key: str) -> tuple[Question, Section]:
    for section in definition.sections:
        for question in section.questions:
            if question.key == key:
                return question, section
    raise KeyError(key)


def valid(rule: EvidenceRule, document: EvidenceItem, as_of: date) -> bool:
    asked = rule.kind.split(".")
    if document.kind.split(".")[: len(asked)] != asked:
        return False
    if document.issued is not None and document.issued > as_of + timedelta(days=1):
        return False
    ends = [] if document.expires is None else [document.expires]
    if rule.valid_months is not None:
        if document.issued is None:
            return False
        ends.append(add_months(document.issued, rule.valid_months))
    return not ends or as_of <= min(ends)


# -- Points -----------------------------------------------------------------------------------------------------


def can_earn(question: Question) -> bool:
    match question.type:
        case "text":
            return question.weight > 0 or question.critical
        case "choice" | "choices":
            return question.combine == "all" or all(one.points is not None for one in question.options)
        case "number" | "date":
            return len(question.points_when) > 0
    return False


def earned(question: Question, value: Any, as_of: date) -> Fraction:
    if question.type in ("number", "date"):
        for rule in question.points_when:
            if truth(rule.when.root, lambda _: value, lambda _: UNKNOWN, as_of):
                return Fraction(rule.points)
        return Fraction(0)
    chosen_values = (value,) if question.type == "choice" else value
    chosen = [one for one in question.options if one.value in chosen_values]
    alone = [one for one in chosen if one.exclusive]
    if question.type == "choice" or alone:
        return Fraction((alone or chosen)[0].points or 0)
    if question.combine == "all":
        return Fraction(100 * len(chosen), sum(not one.exclusive for one in question.options))
    points = [Fraction(one.points or 0) for one in chosen]
    return min(sum(points), Fraction(100)) if question.combine == "sum" else min(points)


# -- Score ------------------------------------------------------------------------------------------------------


def score(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    facts: Mapping[str, Any],
    as_of: date,
    shown: Collection[str] = (),
) -> dict[str, Any]:
    """The result as JSON has it, without the content hash."""
    known = Known(definition, answers, facts, as_of, shown)
    questions = [one for section in definition.sections for one in section.questions]
    lines = {one.key: known.line(one.key) for one in questions}
    weights = {one.key: one.weight for one in questions}
    summed = {key for key, (_, low, _) in lines.items() if low is not None and weights[key] > 0}

    sections, parts = [], []
    for section in definition.sections:
        keys = [one.key for one in section.questions if one.key in summed]
        low, high = (mean([(weights[key], lines[key][at]) for key in keys]) for at in (1, 2))
        sections.append((section, keys, low, high))
        if keys and section.weight > 0:
            parts.append((section.weight, low, high))
    if definition.weighting == "flat":
        total, top = (mean([(weights[key], lines[key][at]) for key in summed]) for at in (1, 2))
    else:
        total, top = (mean([(part[0], part[at]) for part in parts]) for at in (1, 2))

    def share(key: str) -> Fraction:
        if key not in summed:
            return Fraction(0)
        if definition.weighting == "flat":
            return Fraction(weights[key], sum(weights[one] for one in summed))
        section, keys = next((one, keys) for one, keys, _, _ in sections if key in keys)
        if section.weight == 0:
            return Fraction(0)
        in_section = Fraction(weights[key], sum(weights[one] for one in keys))
        return Fraction(section.weight, sum(part[0] for part in parts)) * in_section

    caps = [(cap, known.truth(cap.when)) for cap in definition.caps]
    knockouts = []
    for one in questions:
        state, low, high = lines[one.key]
        if not one.critical or state in ("hidden", "not_applicable") or low is None or high is None:
            continue
        if low < one.minimum:
            kind = "failed" if high < one.minimum else "open"
            knockouts.append(
                {"key": one.key, "kind": kind, "minimum": one.minimum, "low": _json(low), "high": _json(high)}
            )
    failed = any(one["kind"] == "failed" for one in knockouts)
    assurance = Fraction(0)
    for one in questions:
        state = lines[one.key][0]
        if state in ("accepted", "graded") or (
            state == "answered" and known.proven(one, answers[one.key], "accepted")
        ):
            assurance += share(one.key)
    trace = []
    for one in questions:
        state, low, high = lines[one.key]
        part, bottom, above = share(one.key), low or Fraction(0), high or Fraction(0)
        trace.append(
            {
                "key": one.key,
                "state": state,
                "low": _json(low),
                "high": _json(high),
                "weight": one.weight,
                "share": _json(part),
                "contribution": _json(part * bottom),
                "open": _json(part * (above - bottom)),
                "lost": _json(part * (100 - above)),
            }
        )
    return {
        "method": "weighted/1",
        "slug": definition.slug,
        "version": definition.version,
        "as_of": as_of.isoformat(),
        "score": _json(total),
        "high": _json(top),
        "band": band(
            definition, total, [cap.band for cap, held in caps if held is not False], bool(knockouts)
        ),
        "best_band": band(definition, top, [cap.band for cap, held in caps if held is True], failed),
        "caps": [
            {"text": cap.text, "band": cap.band, "certain": held is True}
            for cap, held in caps
            if held is not False
        ],
        "knockouts": knockouts,
        "assurance": _json(assurance),
        "sections": [
            {
                "key": section.key,
                "score": _json(low),
                "high": _json(high),
                "weight": section.weight,
                "share": _json(sum((share(one.key) for one in section.questions), Fraction(0))),
            }
            for section, _, low, high in sections
        ],
        "trace": trace,
        "counts": dict(Counter(state for state, _, _ in lines.values())),
    }


def mean(pairs: list[tuple[int, Any]]) -> Fraction | None:
    whole = sum(weight for weight, _ in pairs)
    return sum((weight * value for weight, value in pairs), Fraction(0)) / whole if whole else None


def band(definition: Questionnaire, total: Fraction | None, caps: list[str], knocked: bool) -> str | None:
    if total is None or not definition.bands:
        return None
    names = [one.name for one in definition.bands]
    place = next(at for at, one in enumerate(definition.bands) if one.minimum <= total)
    limits = [names.index(one) for one in caps]
    if knocked and definition.knockout_band is not None:
        limits.append(names.index(definition.knockout_band))
    return names[max([place, *limits])]


def _json(number: Fraction | None) -> dict[str, str] | None:
    return None if number is None else {"num": str(number.numerator), "den": str(number.denominator)}


# -- Pages ------------------------------------------------------------------------------------------------------


def look(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    facts: Mapping[str, Any],
    as_of: date,
    shown: Collection[str] = (),
) -> dict[str, Any]:
    """Two-valued: what is hidden, unanswered, not applicable or unknown is missing; marks play no part."""

    def value(name: str) -> Any:
        if name.split(".")[0] in ("engagement", "vendor", "organisation"):
            found = fact(facts, name)
            return MISSING if found == UNKNOWN else found
        answer = answers.get(name)
        if answer is None or answer.state != "answered" or not visible(name):
            return MISSING
        return answer.value

    def holds(condition: Condition | None) -> bool:
        return condition is None or truth(condition.root, value, value, as_of) is True

    def visible(key: str) -> bool:
        question, section = find(definition, key)
        return key in shown or (holds(section.visible_when) and holds(question.visible_when))

    seen = [one for section in definition.sections for one in section.questions if visible(one.key)]
    required = [one.key for one in seen if (holds(one.required_when) if one.required_when else one.required)]
    done = {
        key
        for key, one in answers.items()
        if one.state == "answered" or (one.state == "not_applicable" and one.note.strip())
    }
    return {
        "visible": {one.key for one in seen},
        "required": set(required),
        "missing": [key for key in required if key not in done],
        "evidence_required": {
            one.key
            for one in seen
            if one.evidence
            and (one.evidence.required or (one.evidence.required_when and holds(one.evidence.required_when)))
        },
        "progress": {
            section.key: (
                sum(one.key in required and one.key in done for one in section.questions),
                sum(one.key in required for one in section.questions),
            )
            for section in definition.sections
        },
    }


# -- Contract requirements (section 4) --------------------------------------------------------------------------


def outcome(
    applies_when: Condition,
    required_when: Condition,
    submissions: Sequence[tuple[Questionnaire, Mapping[str, Answer], date, Collection[str]]],
    facts: Mapping[str, Any],
) -> str:
    """Over all submissions together; of several that ask a question the newest that shows it counts.

    Where the newest are of one day and differ nobody knows which holds. Points are as of the day of their
    submission, dates in the rules as of the newest.
    """
    as_of = max([day for _, _, day, _ in submissions], default=date(2000, 1, 1))

    def asked(name: str) -> list[Known]:
        worlds = [
            Known(definition, answers, facts, day, shown)
            for definition, answers, day, shown in submissions
            if name in definition.questions
        ]
        worlds = [one for one in worlds if one.visible(name) is not False] or worlds
        return [one for one in worlds if one.as_of == max(other.as_of for other in worlds)]

    def agreed(found: list[Any]) -> Any:
        return found[0] if found and all(one == found[0] for one in found) else UNKNOWN

    def value(name: str) -> Any:
        if name.split(".")[0] in ("engagement", "vendor", "organisation"):
            return fact(facts, name)
        return agreed([one.value(name) for one in asked(name)])

    def points(name: str) -> Any:
        return agreed([one.points_name(name) for one in asked(name)])

    held = all_of([truth(one.root, value, points, as_of) for one in (applies_when, required_when)])
    return {True: "required", False: "not_required", None: "undetermined"}[held]
