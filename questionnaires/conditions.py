"""Conditions: read once from text, typed when checked, unable to fail when evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from questionnaires.conditions_syntax import Both, Node, Not, Test, read
from questionnaires.conditions_text import ConditionError

if TYPE_CHECKING:
    from dataclasses import dataclass

    from questionnaires.conditions_evaluation import MISSING, UNKNOWN, Reading, Truth
    from questionnaires.conditions_words import CLASSIFICATION, Audience, name_words
    from questionnaires.definition import Question, Questionnaire
    from questionnaires.facts import FACTS, INTERNAL_FACTS, NameType
else:
    from questionnaires.frozen import dataclass

__all__ = [
    "CLASSIFICATION",
    "FACTS",
    "INTERNAL_FACTS",
    "MISSING",
    "UNKNOWN",
    "Audience",
    "Both",
    "Condition",
    "ConditionError",
    "NameType",
    "Node",
    "Not",
    "Reading",
    "Test",
    "check_types",
    "describe",
    "holds",
    "name_words",
    "parse",
    "truth",
]

# Reading a definition needs no more than the syntax, and ``hash`` starts in a few milliseconds: names of the
# modules that check, evaluate and describe are looked up there when somebody asks for them.
_ELSEWHERE = {
    "CLASSIFICATION": "conditions_words",
    "Audience": "conditions_words",
    "FACTS": "facts",
    "INTERNAL_FACTS": "facts",
    "MISSING": "conditions_evaluation",
    "NameType": "facts",
    "Reading": "conditions_evaluation",
    "UNKNOWN": "conditions_evaluation",
    "name_words": "conditions_words",
}


def __getattr__(name: str) -> object:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"questionnaires.{_ELSEWHERE[name]}"), name)
    globals()[name] = found
    return found


@dataclass(frozen=True)
class Condition:
    """A condition that has been read: its text as written, and its nodes."""

    source: str
    root: Node

    @cached_property
    def tests(self) -> tuple[Test, ...]:
        """Every comparison in it, in the order of the text."""
        found: list[Test] = []
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Test):
                found.append(node)
            elif isinstance(node, Not):
                waiting.append(node.item)
            else:
                waiting.extend(reversed(node.items))
        return tuple(found)

    @cached_property
    def names(self) -> frozenset[str]:
        """The question keys and facts that it reads, those inside ``points()`` included."""
        return frozenset(test.key for test in self.tests)

    @cached_property
    def points_of(self) -> frozenset[str]:
        """The question keys whose points it compares."""
        return frozenset(test.key for test in self.tests if test.subject == "points")

    @cached_property
    def decide(self) -> Truth:
        """The closure behind ``truth``, made at first use."""
        from questionnaires.conditions_evaluation import compiled

        return compiled(self.root)


def parse(source: str) -> Condition:
    """Read a condition: limits and syntax only, types are checked by ``check_types``. Raises ConditionError."""
    return Condition(source, read(source))


def check_types(
    condition: Condition,
    names: Mapping[str, NameType],
    *,
    points: bool,
    value: NameType | None = None,
) -> list[str]:
    """All type faults of a condition over ``names`` (questions and facts); an empty list means that it cannot fail.

    ``points`` says whether ``points()`` may be used (caps, requirement rules). With ``value``, the type of the answer,
    the condition is one of ``points_when`` and may name nothing but ``value``.
    """
    from questionnaires.conditions_types import test_faults

    faults = [
        fault for test in condition.tests for fault in test_faults(test, names, points=points, value=value)
    ]
    return list(dict.fromkeys(faults))


def holds(condition: Condition, reading: Reading) -> bool:
    """The two-valued reading, for pages: ``reading`` holds MISSING for whatever is not there, never UNKNOWN."""
    return condition.decide(reading) is True


def truth(condition: Condition, reading: Reading) -> bool | None:
    """The three-valued reading (Kleene), for scoring and requirements; None means unknown."""
    return condition.decide(reading)


def describe(
    condition: Condition,
    definition_or_questions: Questionnaire | Mapping[str, Question],
    audience: Audience,
) -> str:
    """The condition as an English clause with the texts and labels of that version.

    For vendors an internal fact reads "your client's own classification" and shows no value.
    """
    from questionnaires.conditions_words import node_words

    questions = (
        definition_or_questions
        if isinstance(definition_or_questions, Mapping)
        else definition_or_questions.questions
    )
    return node_words(condition.root, questions, audience)
