"""Conditions: read once from text, typed when checked, unable to fail when evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from questionnaires.conditions_evaluation import (
    MISSING,
    UNKNOWN,
    Reading,
    Truth,
    compiled,
)
from questionnaires.conditions_syntax import Both, Node, Not, Test, read
from questionnaires.conditions_text import ConditionError
from questionnaires.conditions_types import test_faults
from questionnaires.conditions_words import (
    CLASSIFICATION,
    Audience,
    name_words,
    node_words,
)
from questionnaires.facts import FACTS, INTERNAL_FACTS, NameType

if TYPE_CHECKING:
    from questionnaires.definition import Question, Questionnaire

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
    questions = (
        definition_or_questions
        if isinstance(definition_or_questions, Mapping)
        else definition_or_questions.questions
    )
    return node_words(condition.root, questions, audience)
