"""The answer to a question that earns the most points, for advice on what to fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from questionnaires.answers import Answer, EvidenceItem, InvalidAnswer, Review, Value, parse_value, raw_value
from questionnaires.dates import MAX_DATE, MIN_DATE, add_months, parse_date
from questionnaires.scoring import is_proven

if TYPE_CHECKING:
    from questionnaires.definition import Question
    from questionnaires.plan import Item

# Clamping at month ends moves a limit by at most three days.
_DAYS_AROUND = range(-4, 5)


def improved(item: Item, answer: Answer | None, as_of: date) -> Answer:
    """The answer at its best, unmarked, with a document where one may be asked; a text graded 100."""
    before = answer or Answer("unanswered")
    if item.question.type == "text":
        return replace(before, review=Review("graded", 100, "best case"))
    value = best_value(item, before.value if before.state == "answered" else None, as_of)
    after = Answer("answered", value, before.note, before.evidence)
    rule = item.evidence
    if rule is None or not (rule.required or rule.required_when) or is_proven(rule, after, as_of):
        return after
    return replace(after, evidence=(*after.evidence, EvidenceItem(rule.kind, as_of)))


def best_value(item: Item, current: Value | None, as_of: date) -> Value:
    """The value with the most points: the current one if none has more, else the least change to it."""
    assert item.earn is not None
    earn, question = item.earn, item.question
    found = _candidates(question, current, as_of)
    points = [earn(value, as_of) for value in found]
    most = max(points)
    if current is not None and earn(current, as_of) == most:
        return current
    best = [value for value, earned in zip(found, points, strict=True) if earned == most]
    if question.type not in ("number", "date"):
        return best[0]
    if as_of in best:
        return as_of
    worse = [value for value, earned in zip(found, points, strict=True) if earned < most]
    return min(best, key=lambda value: _distance(value, [current] if current is not None else worse))


def _distance(value: Value, others: list[Value]) -> Decimal:
    if isinstance(value, date):
        return min((Decimal(abs((value - cast(date, one)).days)) for one in others), default=Decimal(0))
    number = cast(Decimal, value)
    return min((abs(number - cast(Decimal, one)) for one in others), default=Decimal(0))


def _candidates(question: Question, current: Value | None, as_of: date) -> list[Value]:
    """Values among which one has the most points there are; never empty for a question that can earn."""
    match question.type:
        case "choice":
            return [one.value for one in question.options]
        case "choices":
            return _sets(question)
        case "number":
            return _allowed(question, _numbers(question), as_of)
        case _:
            return _allowed(question, _days(question, as_of), as_of)


def _sets(question: Question) -> list[Value]:
    plain = [one for one in question.options if not one.exclusive]
    found: list[Value] = []
    if question.combine == "worst":
        found = [(one.value,) for one in plain]
    elif plain:
        earning = [one for one in plain if one.points or question.combine == "all"]
        found = [tuple(one.value for one in earning or plain[:1])]
    return found + [(one.value,) for one in question.options if one.exclusive]


def _numbers(question: Question) -> Iterable[Value]:
    """Every limit that a rule names, and its neighbours: points change nowhere else."""
    step = Decimal(1).scaleb(-question.decimals)
    limits = [Decimal(0), *(Decimal(one) for one in (question.at_least, question.at_most) if one is not None)]
    for rule in question.points_when:
        limits += [one for test in rule.when.tests for one in test.literals if isinstance(one, Decimal)]
    for limit in limits:
        near = limit // step * step
        yield from (near + count * step for count in (0, 1, -1, 2))


def _days(question: Question, as_of: date) -> Iterable[Value]:
    """Today, the days and the numbers of months that a rule names, each with its neighbours."""
    centres = [as_of, MIN_DATE, MAX_DATE]
    for rule in question.points_when:
        for test in rule.when.tests:
            for literal in test.literals:
                if isinstance(literal, str):
                    centres.append(parse_date(literal) or as_of)
                    continue
                months = int(literal)
                centres += [add_months(as_of, count) for count in (-months - 1, -months, months, months + 1)]
    for limit in (question.not_before, question.not_after):
        centres.append((parse_date(limit) if limit else None) or as_of)
    for centre in centres:
        yield from (centre + timedelta(days=days) for days in _DAYS_AROUND)


def _allowed(question: Question, values: Iterable[Value], as_of: date) -> list[Value]:
    found: dict[Value, None] = {}
    for value in values:
        try:
            found[parse_value(question, raw_value(question, value), as_of)] = None
        except InvalidAnswer:
            continue
    return list(found)
