"""Conditions compiled to closures: one evaluation serves pages (two values) and scoring (three values).

Nothing of the author's text is executed. Where nothing is unknown, Kleene's tables are the ordinary ones, so
pages use the same closures over a reading in which everything absent is missing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from questionnaires.conditions_syntax import Node, Not, Test
from questionnaires.dates import age_months, months_until, parse_date, within


class _Absent:
    """MISSING or UNKNOWN: equal to nothing but itself."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


MISSING: Final = _Absent("MISSING")
UNKNOWN: Final = _Absent("UNKNOWN")


class Reading(dict[str, Any]):
    """What conditions read: typed values by name; any other name holds ``absent``, MISSING or UNKNOWN.

    ``points`` holds (low, high, denominator) of a question, or None where it has no points; the points of any
    other question are unknown.
    """

    __slots__ = ("absent", "as_of", "points")

    def __init__(self, as_of: date, absent: _Absent = UNKNOWN) -> None:
        self.as_of = as_of
        self.absent = absent
        self.points: dict[str, tuple[int, int, int] | None] = {}

    def __missing__(self, name: str) -> _Absent:
        return self.absent


Truth = Callable[[Reading], bool | None]
_Compare = Callable[[Any, Any], bool]

_COMPARE: dict[str, _Compare] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compiled(node: Node) -> Truth:
    """The closure that evaluates a node: True, False, or None for unknown."""
    if isinstance(node, Test):
        return _SUBJECTS[node.subject](node)
    if isinstance(node, Not):
        return _contrary(compiled(node.item))
    parts = [compiled(item) for item in node.items]
    return _every(parts) if node.every else _some(parts)


def _contrary(inner: Truth) -> Truth:
    def contrary(reading: Reading) -> bool | None:
        truth = inner(reading)
        return None if truth is None else not truth

    return contrary


def _every(parts: list[Truth]) -> Truth:
    def every(reading: Reading) -> bool | None:
        result: bool | None = True
        for part in parts:
            truth = part(reading)
            if truth is False:
                return False
            if truth is None:
                result = None
        return result

    return every


def _some(parts: list[Truth]) -> Truth:
    def some(reading: Reading) -> bool | None:
        result: bool | None = False
        for part in parts:
            truth = part(reading)
            if truth:
                return True
            if truth is None:
                result = None
        return result

    return some


def _value(test: Test) -> Truth:
    key, first = test.key, test.literals[0]
    if test.operator in ("in", "not in"):
        return _one_of(key, frozenset(test.literals), test.operator == "in")
    day = parse_date(first) if isinstance(first, str) else None
    if test.operator in ("==", "!="):
        # A text literal names an option or a day; no value is equal to both.
        return _one_of(
            key,
            frozenset({first} if day is None else {first, day}),
            test.operator == "==",
        )
    bound: str | Decimal | date = first if day is None else day
    compare = _COMPARE[test.operator]

    def ordered(reading: Reading) -> bool | None:
        value = reading[key]
        if value is UNKNOWN:
            return None
        return value is not MISSING and compare(value, bound)

    return ordered


def _one_of(key: str, values: frozenset[Any], wanted: bool) -> Truth:
    def one_of(reading: Reading) -> bool | None:
        value = reading[key]
        return None if value is UNKNOWN else (value in values) is wanted

    return one_of


def _member(test: Test) -> Truth:
    key, literal, wanted = test.key, test.literals[0], test.operator == "in"

    def member(reading: Reading) -> bool | None:
        value = reading[key]
        if value is UNKNOWN:
            return None
        return (value is not MISSING and literal in value) is wanted

    return member


def _flag(test: Test) -> Truth:
    key = test.key

    def flag(reading: Reading) -> bool | None:
        value = reading[key]
        return None if value is UNKNOWN else value is True

    return flag


def _answered(test: Test) -> Truth:
    key = test.key

    def answered(reading: Reading) -> bool | None:
        value = reading[key]
        return None if value is UNKNOWN else value is not MISSING

    return answered


def _within(test: Test) -> Truth:
    key, months = test.key, int(test.literals[0])

    def recent(reading: Reading) -> bool | None:
        value = reading[key]
        if value is UNKNOWN:
            return None
        return value is not MISSING and within(value, months, reading.as_of)

    return recent


def _months(test: Test, measure: Callable[[date, date], int | None]) -> Truth:
    key, months, compare = test.key, int(test.literals[0]), _COMPARE[test.operator]
    unequal = test.operator == "!="

    def measured(reading: Reading) -> bool | None:
        value = reading[key]
        if value is UNKNOWN:
            return None
        number = None if value is MISSING else measure(value, reading.as_of)
        return unequal if number is None else compare(number, months)

    return measured


def _points(test: Test) -> Truth:
    key, bound, compare = test.key, int(test.literals[0]), _COMPARE[test.operator]
    unequal = test.operator == "!="

    def points(reading: Reading) -> bool | None:
        try:
            interval = reading.points[key]
        except KeyError:
            return None
        if interval is None:
            return unequal
        low, high, denominator = interval
        return compare(low, bound * denominator) if low == high else None

    return points


_SUBJECTS: dict[str, Callable[[Test], Truth]] = {
    "value": _value,
    "member": _member,
    "flag": _flag,
    "answered": _answered,
    "within": _within,
    "age_months": lambda test: _months(test, age_months),
    "months_until": lambda test: _months(test, months_until),
    "points": _points,
}


def decided_by(node: Node, reading: Reading) -> tuple[Test, ...]:
    """The comparisons that make a node what it is; if it is unknown, those that are unknown in it.

    All true items of a true ``or`` are named, and of a false ``and`` the first false one, which is enough.
    """
    if isinstance(node, Test):
        return (node,)
    if isinstance(node, Not):
        return decided_by(node.item, reading)
    whole = compiled(node)(reading)
    parts = [item for item in node.items if whole is node.every or compiled(item)(reading) is whole]
    if node.every and whole is False:
        parts = parts[:1]
    return tuple(dict.fromkeys(test for part in parts for test in decided_by(part, reading)))
