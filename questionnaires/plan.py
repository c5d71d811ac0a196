"""A definition compiled once for evaluation: dependency order, closures, and points in whole units."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from math import lcm
from typing import TYPE_CHECKING, Any

from questionnaires.conditions import MISSING, UNKNOWN, Condition, Reading
from questionnaires.conditions_evaluation import Truth

if TYPE_CHECKING:
    from questionnaires.answers import Answer, Value
    from questionnaires.definition import EvidenceRule, Question, Questionnaire

# Points of a typed value, in units of 1 / plan.unit; ``as_of`` is there for rules about dates.
Earn = Callable[[Any, date], int]

# Marks under which an answered value may be read by conditions; challenged and disproved ones are unknown.
_SETTLING = (None, "accepted", "graded")


@dataclass(frozen=True, slots=True)
class Item:
    """One question, ready to evaluate; ``index`` is its place in the definition.

    ``earn`` is None for a question that cannot earn points; ``plain`` is ``earn`` where an answer without a
    mark has its points at once: no text to grade, no document to wait for.
    """

    index: int
    key: str
    weight: int
    question: Question
    evidence: EvidenceRule | None
    own_visible: Truth | None
    section_visible: Truth | None
    earn: Earn | None
    plain: Earn | None
    graded_only: bool
    proof_required: bool
    proof_required_when: Truth | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``score`` and ``look`` run: items in definition order and in dependency order.

    ``rank``: an item's place in dependency order, by its index. ``gated``: the items, in dependency order, that
    have a condition or are read by one.
    ``dependents``: for each question, the indexes of those that a condition over its answer shows or proves.
    """

    items: tuple[Item, ...]
    sections: tuple[tuple[Item, ...], ...]
    ordered: tuple[Item, ...]
    gated: tuple[Item, ...]
    critical: tuple[Item, ...]
    index: Mapping[str, int]
    rank: Mapping[int, int]
    unit: int
    cap_points: frozenset[str]
    cap_names: frozenset[str]
    dependents: Mapping[str, tuple[int, ...]]


def build(definition: Questionnaire) -> Plan:
    """Compile a definition. Raises ValueError if its conditions form a cycle, which ``check`` refuses."""
    unit = lcm(*(len(_plain(q)) for q in definition.questions.values() if q.combine == "all" and _plain(q)))
    count = itertools.count()
    sections = tuple(
        tuple(_item(next(count), question, section.visible_when, unit) for question in section.questions)
        for section in definition.sections
    )
    items = tuple(itertools.chain(*sections))
    ordered = _dependency_order(definition, items)
    caps = [cap.when for cap in definition.caps]
    read = set().union(
        *(condition.names for condition in _conditions(definition)), *(cap.names for cap in caps)
    )
    return Plan(
        items,
        sections,
        ordered,
        tuple(
            item
            for item in ordered
            if item.own_visible is not None or item.section_visible is not None or item.key in read
        ),
        tuple(item for item in items if item.question.critical),
        {item.key: item.index for item in items},
        {item.index: rank for rank, item in enumerate(ordered)},
        unit,
        frozenset().union(*(cap.points_of for cap in caps)),
        frozenset().union(*(cap.names for cap in caps)),
        _dependents(definition),
    )


def _item(index: int, question: Question, shared: Condition | None, unit: int) -> Item:
    evidence = question.evidence
    proof_when = evidence.required_when if evidence else None
    earn = _earn(question, unit) if question.can_earn else None
    return Item(
        index,
        question.key,
        question.weight,
        question,
        evidence,
        question.visible_when.decide if question.visible_when else None,
        shared.decide if shared else None,
        earn,
        earn if question.type != "text" and evidence is None else None,
        question.type == "text" and question.can_earn,
        evidence is not None and evidence.required,
        proof_when.decide if proof_when else None,
    )


def settle(
    items: tuple[Item, ...],
    answers: Mapping[str, Answer],
    reading: Reading,
    shown: frozenset[str],
) -> dict[int, bool | None]:
    """Visibility in three values by index, for items in dependency order; settled values go into ``reading``.

    Whatever is not settled is left out of ``reading`` and so is unknown there.
    """
    visible: dict[int, bool | None] = {}
    for item in items:
        key = item.key
        seen: bool | None = True
        if key not in shown:
            if item.section_visible is not None:
                seen = item.section_visible(reading)
            if item.own_visible is not None and seen is not False:
                own = item.own_visible(reading)
                seen = own if seen or own is False else None
        visible[item.index] = seen
        if seen is False:
            reading[key] = MISSING
        elif seen:
            answer = answers.get(key)
            if answer is not None:
                mark = None if answer.review is None else answer.review.mark
                if answer.state == "answered" and mark in _SETTLING:
                    reading[key] = answer.value
                elif mark == "na_accepted":
                    reading[key] = MISSING
    return visible


def new_reading(facts: Mapping[str, Any], as_of: date) -> Reading:
    """A three-valued reading that knows the facts; a fact that is or holds ``unknown`` stays unknown."""
    reading = Reading(as_of, UNKNOWN)
    reading.update(known_facts(facts))
    return reading


def known_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without those that are or hold ``unknown``."""
    return {
        name: value
        for name, value in facts.items()
        if value is not None
        and value != "unknown"
        and not (isinstance(value, frozenset | tuple) and "unknown" in value)
    }


def _conditions(definition: Questionnaire) -> list[Condition]:
    """Every condition over answers but the caps."""
    found = [section.visible_when for section in definition.sections]
    for question in definition.questions.values():
        found += [question.visible_when, question.required_when]
        found += [question.evidence.required_when] if question.evidence else []
        found += [finding.when for finding in question.findings]
    return [condition for condition in found if condition is not None]


def _dependency_order(definition: Questionnaire, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Kahn's algorithm, ties in definition order; a heap, not recursion, since chains may be 2,000 long."""
    index = {item.key: item.index for item in items}
    waiting: list[int] = []
    followers: list[list[int]] = [[] for _ in items]
    for item in items:
        names = _names(definition.section_of[item.key].visible_when) | _names(item.question.visible_when)
        needed = [index[name] for name in names if name in index]
        waiting.append(len(needed))
        for one in needed:
            followers[one].append(item.index)
    ready = [at for at, count in enumerate(waiting) if count == 0]
    ordered: list[Item] = []
    while ready:
        at = heapq.heappop(ready)
        ordered.append(items[at])
        for follower in followers[at]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, follower)
    if len(ordered) < len(items):
        stuck = ", ".join(item.key for item in items if waiting[item.index])
        raise ValueError(f"the conditions of these questions form a cycle: {stuck}")
    return tuple(ordered)


def _dependents(definition: Questionnaire) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for index, (key, question) in enumerate(definition.questions.items()):
        names = _names(definition.section_of[key].visible_when) | _names(question.visible_when)
        if question.evidence:
            names |= _names(question.evidence.required_when)
        for name in names & definition.questions.keys():
            found.setdefault(name, []).append(index)
    return {name: tuple(indexes) for name, indexes in found.items()}


def _names(condition: Condition | None) -> frozenset[str]:
    return frozenset() if condition is None else condition.names


def _plain(question: Question) -> tuple[str, ...]:
    return tuple(one.value for one in question.options if not one.exclusive)


def _earn(question: Question, unit: int) -> Earn:
    match question.type:
        case "choice":
            table = {one.value: (one.points or 0) * unit for one in question.options}
            return lambda value, as_of: table[value]
        case "choices":
            return _earn_choices(question, unit)
        case "text":
            # Never asked: without a grade a text is 0 to 100, with one the grade counts.
            return lambda value, as_of: 0
        case _:
            return _earn_rules(question, unit)


def _earn_choices(question: Question, unit: int) -> Earn:
    points = {one.value: (one.points or 0) * unit for one in question.options}
    exclusive = frozenset(one.value for one in question.options if one.exclusive)
    plain = len(_plain(question))

    def earn(value: tuple[str, ...], as_of: date) -> int:
        if value[0] in exclusive:
            return points[value[0]]
        if question.combine == "all":
            return 100 * unit * len(value) // plain
        if question.combine == "worst":
            return min([points[one] for one in value])
        return min(100 * unit, sum([points[one] for one in value]))

    return earn


def _earn_rules(question: Question, unit: int) -> Earn:
    rules = [(rule.when.decide, rule.points * unit) for rule in question.points_when]

    def earn(value: Value, as_of: date) -> int:
        reading = Reading(as_of, MISSING)
        reading["value"] = value
        for holds, points in rules:
            if holds(reading):
                return points
        return 0

    return earn
