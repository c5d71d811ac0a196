"""The order of a gate's page: what stands in the way first, then what must hold, then what is met; and twenty clauses
of a contract that are all alike as one line that opens.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.formats import short_date
from portal.gate.deciding import Condition
from portal.gate.forms import Rule
from portal.gate.lines import RANK
from portal.gate.words import Line

LEAST = 4  # fewer are read faster than a line that says how many there are
CLAUSE = "requirement"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arranged:
    """``wanting``: what stands in the way, the worst first, alike lines together. ``rows``: everything that is not met
    in that order; ``met``: the others.
    """

    wanting: list[list[Line]]
    rows: list[list[Line]]
    met: list[Line]


def arrange(lines: Iterable[Line]) -> Arranged:
    """The lines of a gate's table. One result keeps the order of the rules, and within one kind the worst are first."""
    lines = list(lines)
    place = {one.ground.code: -at for at, one in enumerate(reversed(lines))}
    found = sorted(
        lines, key=lambda one: (-RANK[one.ground.result], place[one.ground.code], -one.ground.measure)
    )
    rest = [one for one in found if one.ground.result != "met"]
    return Arranged(
        bundled([one for one in rest if RANK[one.ground.result] >= RANK["pending"]], _alike),
        bundled(rest, _alike),
        [one for one in found if one.ground.result == "met"],
    )


def bundled(items: Iterable[T], kind: Callable[[T], Hashable | None]) -> list[list[T]]:
    """Items of one ``kind`` together where the first of them stands, if there are at least LEAST; None: alone."""
    groups: dict[Hashable, list[T]] = {}
    for at, one in enumerate(items):
        what = kind(one)
        groups.setdefault(("alone", at) if what is None else ("alike", what), []).append(one)
    found = []
    for group in groups.values():
        found += [group] if len(group) >= LEAST else [[one] for one in group]
    return found


def _alike(line: Line) -> Hashable | None:
    ground = line.ground
    if ground.code not in (CLAUSE, "finding", "knockout", "proof") or not ground.subject:
        return None
    return ground.code, ground.result, ground.due, ground.lapses_to, line.on_record, line.policy


def _alike_condition(condition: Condition) -> Hashable | None:
    """What clauses of a contract share that are conditions by one day; None for any other condition."""
    return (condition.due, condition.lapses_to) if condition.code == CLAUSE else None


@dataclass(frozen=True, slots=True)
class Rules:
    """Conditions of the form that stand together: each with its place in the form and its words. ``title``: what the
    line says that opens them, "" for one alone. ``differs``: one was left out, or has another day than proposed.
    """

    rows: list[tuple[int, Rule, str]]
    title: str
    differs: bool


def rules_of(rules: Iterable[Rule], said: Callable[[Condition], str]) -> list[Rules]:
    """The conditions that the rules propose, as the form shows them."""
    numbered = [(at, one, said(one.condition)) for at, one in enumerate(rules, 1)]
    return [
        Rules(group, text, any(_differs(rule) for _at, rule, _text in group))
        for group, text in grouped(numbered, lambda row: row[1].condition)
    ]


def _title(conditions: list[Condition]) -> str:
    """What clauses that are alike say in one line."""
    count, due = len(conditions), conditions[0].due
    if due is None:
        return str(ngettext("In the contract: one control", "In the contract: %(num)s controls", count))
    return str(
        ngettext(
            "In the contract by %(day)s: one control",
            "In the contract by %(day)s: %(num)s controls",
            count,
            day=short_date(due),
        )
    )


def headline(group: list[Line]) -> str:
    """What lines of the table that are alike say in one."""
    code, due, count = group[0].ground.code, group[0].ground.due, len(group)
    if code == "finding":
        return str(ngettext("One finding", "%(num)s findings", count))
    if code == "knockout":
        return str(ngettext("One question", "%(num)s questions", count))
    if code == "proof":
        return str(ngettext("One document", "%(num)s documents", count))
    found = str(ngettext("One control", "%(num)s controls", count))
    return found if due is None else str(_("%(found)s by %(day)s", found=found, day=short_date(due)))


def together(found: Iterable[tuple[Condition, Any]]) -> list[tuple[list[tuple[Condition, Any]], str]]:
    """Conditions with whatever stands beside them, those that are alike together, each group with its title."""
    return grouped(found, lambda row: row[0])


def grouped(
    items: Iterable[T],
    of: Callable[[T], Condition],
    state: Callable[[T], Hashable] = lambda _item: None,
) -> list[tuple[list[T], str]]:
    """Items in one ``state`` whose conditions are alike stand together, each group with its title, "" for one alone.

    ``of``: the condition of an item.
    """

    def kind(item: T) -> Hashable | None:
        shared = _alike_condition(of(item))
        return None if shared is None else (state(item), shared)

    groups = bundled(items, kind)
    return [(group, _title([of(one) for one in group]) if len(group) > 1 else "") for group in groups]


def _differs(rule: Rule) -> bool:
    proposed = rule.condition.due.isoformat() if rule.condition.due else ""
    return not rule.keep or rule.due != proposed
