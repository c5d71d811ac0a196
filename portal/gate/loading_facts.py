"""Facts that a rating was worked out under, and those of now: whether the answers have to be read again. Pure, no SQL.

An assessment pins the facts of its engagements at issue. What they are now may ask for more, and an answer that was
enough then is not enough any more: the gate looks at both, and the worse counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from portal.remembered import Remembered
from portal.vendors.facts import ALONE, TIERS
from questionnaires.answers import parse_facts
from questionnaires.conditions import Condition, Test
from questionnaires.conditions_evaluation import Truth, compiled
from questionnaires.definition import Questionnaire
from questionnaires.facts import TABLE, Fact
from questionnaires.plan import new_reading

Facts = Mapping[str, Any]
_tests: Remembered[tuple[Truth, ...]] = Remembered(500)


def outgrown(definition: Questionnaire, pinned: Facts, now: Facts, as_of: date) -> dict[str, Any] | None:
    """The facts to read the answers under once more, None where nothing that the questionnaire asks of facts would
    come out otherwise. ``pinned`` and ``now``: in their JSON shape, as vendors.facts.judged gives them.
    """
    if _alike(pinned, now):
        return None
    asked = stricter(pinned, now)
    tests = _tests.get(definition.content_hash, lambda: _of_facts(definition))
    then, today = (new_reading(parse_facts(one), as_of) for one in (pinned, asked))
    return asked if any(test(then) is not test(today) for test in tests) else None


def _alike(pinned: Facts, now: Facts) -> bool:
    """Whether these are the same, sets in any order: so it is for all but a few, and this is asked of thousands."""
    return pinned.keys() == now.keys() and all(
        value == now[name] or (isinstance(value, list) and sorted(value) == sorted(now[name]))
        for name, value in pinned.items()
    )


def stricter(pinned: Facts, now: Facts) -> dict[str, Any]:
    """What of either asks for more, by the rules of vendors.facts.combined_facts: the worst value, the union of sets,
    and unknown where nobody knows it any more, unless the worst was known. Of numbers the larger: it is one engagement.
    What becomes known asks for more than what nobody knew. Country and texts are neither more nor less: those of now.
    """
    found = {}
    for name, fact in TABLE.items():
        value = _stricter(name, fact, pinned.get(name), now.get(name))
        if value is not None:
            found[name] = value
    return found


def _stricter(name: str, fact: Fact, before: Any, after: Any) -> Any:
    kind = fact.type.kind
    if kind == "text" or name == "vendor.country":
        return after
    if kind == "set":
        return None if after is None else sorted({*(before or ()), *after} - _alone(name, before, after))
    if kind == "number":
        known = [one for one in (before, after) if one is not None]
        return None if after is None else max(known, key=Decimal)
    rising = list(reversed(TIERS)) if name == "engagement.tier" else list(fact.labels)
    if after is None:
        return before if before == rising[-1] else None
    return max((one for one in (before, after) if one is not None), key=rising.index)


def _alone(name: str, before: Any, after: Any) -> set[str]:
    """The value that says "nothing", where another stands beside it."""
    return {ALONE.get(name, "")} if len({*(before or ()), *after}) > 1 else set()


def _of_facts(definition: Questionnaire) -> tuple[Truth, ...]:
    """Every comparison with a fact that decides over what is asked, what has to be proven, or a cap."""
    found: dict[Test, Truth] = {}
    conditions: list[Condition | None] = [one.when for one in definition.caps]
    conditions += [one.visible_when for one in definition.sections]
    for question in definition.questions.values():
        conditions.append(question.visible_when)
        conditions += [question.evidence.required_when] if question.evidence is not None else []
    for condition in conditions:
        for test in () if condition is None else condition.tests:
            if test.key in TABLE:
                found[test] = compiled(test)
    return tuple(found.values())
