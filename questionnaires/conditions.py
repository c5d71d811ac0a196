"""Conditions: read once from text, typed when checked, unable to fail when evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from questionnaires.conditions_syntax import Both, ConditionError, Node, Not, Test, read

__all__ = [
    "Both",
    "Condition",
    "ConditionError",
    "Node",
    "Not",
    "Test",
    "parse",
]


@dataclass(frozen=True)
class Condition:
    """A condition that has been read: its text as written, and its nodes. Equal texts are equal conditions."""

    source: str
    root: Node

    @cached_property
    def tests(self) -> tuple[Test, ...]:
        """Every comparison in it, in the order of the text."""
        found: list[Test] = []
        waiting = [self.root]
        while waiting:
            match waiting.pop():
                case Test() as test:
                    found.append(test)
                case Not(item=item):
                    waiting.append(item)
                case Both(items=items):
                    waiting.extend(reversed(items))
        return tuple(found)

    @cached_property
    def names(self) -> frozenset[str]:
        """The question keys and facts that it reads, those inside ``points()`` included."""
        return frozenset(test.key for test in self.tests)

    @cached_property
    def points_of(self) -> frozenset[str]:
        """The question keys whose points it compares."""
        return frozenset(test.key for test in self.tests if test.subject == "points")


def parse(source: str) -> Condition:
    """Read a condition: limits and syntax only, types are checked by ``check_types``. Raises ConditionError."""
    return Condition(source, read(source))
