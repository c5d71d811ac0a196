"""VSAQ conditions as small trees: read, put into other names, decide, write in our language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

MAX_CHARACTERS = 2000
MAX_DEPTH = 20
# Above our own limits anyway: the engine reads at most 200 nodes.
MAX_SIZE = 200


class Untranslatable(ValueError):
    """A condition that has no counterpart in our language, or that names what the file does not hold."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the foreign condition, with its ``^`` and its ``/yes`` as written."""

    text: str


@dataclass(frozen=True, slots=True)
class Test:
    """A choice is ``value``, a set holds it (``many``), or the question is answered (``value`` None)."""

    key: str
    value: str | None = None
    many: bool = False

    __test__ = False


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of ``item``."""

    item: Expression


@dataclass(frozen=True, slots=True)
class Both:
    """``and`` (``every``) or ``or`` of two or more items."""

    every: bool
    items: tuple[Expression, ...]


Expression: TypeAlias = bool | Name | Test | Not | Both

_TOKEN = re.compile(r"\s+|(&&|\|\||[!()])|([^\s()!&|,\"']+)")


def negated(item: Expression) -> Expression:
    """``not item``, simplified."""
    match item:
        case bool():
            return not item
        case Not(item=inner):
            return inner
        case _:
            return Not(item)


def joined(every: bool, items: Iterable[Expression]) -> Expression:
    """``and`` or ``or`` of the items, flattened, without what changes nothing."""
    flat: dict[Expression, None] = {}
    for item in items:
        if item is every:
            continue
        if isinstance(item, bool):
            return item
        parts = item.items if isinstance(item, Both) and item.every == every else (item,)
        flat.update(dict.fromkeys(parts))
    found = tuple(flat)
    if sum(map(size, found)) > MAX_SIZE:
        raise Untranslatable("it is too long")
    if len(found) > 1:
        return Both(every, found)
    return found[0] if found else every


def size(item: Expression) -> int:
    """How many nodes the tree has."""
    match item:
        case Not(item=inner):
            return 1 + size(inner)
        case Both(items=items):
            return 1 + sum(map(size, items))
        case _:
            return 1


def read(source: str) -> Expression:
    """The tree of a VSAQ condition; an empty one is True. Raises Untranslatable."""
    if len(source) > MAX_CHARACTERS:
        raise Untranslatable(f"it has more than {MAX_CHARACTERS:,} characters")
    tokens: list[str] = []
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise Untranslatable("it compares texts, which our conditions cannot do")
        if found[1] or found[2]:
            tokens.append(found[1] or found[2])
        at = found.end()
    if not tokens:
        return True
    reader = _Reader(tokens)
    whole = reader.chain(1)
    if reader.at < len(tokens):
        raise Untranslatable("its brackets do not match")
    return whole


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def chain(self, depth: int) -> Expression:
        """Terms joined by && and ||. VSAQ knows no precedence: it goes from left to right."""
        found = self.term(depth)
        while (operator := self.next()) in ("&&", "||"):
            self.at += 1
            found = joined(operator == "&&", (found, self.term(depth)))
        return found

    def term(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise Untranslatable("it is nested too deeply")
        token = self.next()
        self.at += 1
        match token:
            case "!":
                return negated(self.term(depth + 1))
            case "(":
                inner = self.chain(depth + 1)
                if self.next() != ")":
                    raise Untranslatable("its brackets do not match")
                self.at += 1
                return inner
            case "" | ")" | "&&" | "||":
                raise Untranslatable("it is not complete")
            case _:
                if self.next() == "(":
                    raise Untranslatable(f"it calls {token[:40]}(), which our conditions cannot do")
                if self.next() not in ("", ")", "&&", "||"):
                    raise Untranslatable("an operator is missing between two names")
                return Name(token)


def replaced(item: Expression, leaf: Callable[[Name | Test], Expression]) -> Expression:
    """The tree with every name and test replaced by what ``leaf`` makes of it."""
    match item:
        case Name() | Test():
            return leaf(item)
        case Not(item=inner):
            return negated(replaced(inner, leaf))
        case Both(every=every, items=items):
            return joined(every, (replaced(one, leaf) for one in items))
        case _:
            return item


def all_tests(item: Expression) -> tuple[Test, ...]:
    """Every test in the tree, in the order of the text."""
    match item:
        case Test():
            return (item,)
        case Not(item=inner):
            return all_tests(inner)
        case Both(items=items):
            return tuple(test for one in items for test in all_tests(one))
        case _:
            return ()


def decide(item: Expression, known: Callable[[Test], bool | None]) -> bool | None:
    """Whether the tree is true in three values (None: cannot tell), given what is known of each test."""
    match item:
        case bool():
            return item
        case Test():
            return known(item)
        case Not(item=inner):
            value = decide(inner, known)
            return None if value is None else not value
        case Both(every=every, items=items):
            values = [decide(one, known) for one in items]
            if (not every) in values:
                return not every
            return None if None in values else every
        case Name():
            raise AssertionError("a tree is decided after its names are resolved")


def written(item: Expression) -> str:
    """The tree in our condition language. Constants have no form there and must be gone."""
    match item:
        case Test():
            return _test(item)
        case Not(item=Test() as test):
            return _test(test, "not ")
        case Not(item=inner):
            return f"not ({written(inner)})"
        case Both(every=every, items=items):
            word = " and " if every else " or "
            parts = [written(one) for one in items] if every else _alternatives(items)
            return word.join(parts) if len(parts) == 1 else word.join(map(_bracketed, parts))
        case _:
            raise AssertionError(f"{item!r} has no form in a condition")


def _bracketed(part: str) -> str:
    if part.startswith("not ("):
        return part
    joins = re.search(r" (?:and|or) ", re.sub(r'"[^"]*"', "", part))
    return f"({part})" if joins else part


def _alternatives(items: tuple[Expression, ...]) -> list[str]:
    """The parts of an ``or``; values of one choice are gathered into ``in (...)``."""
    values: dict[str, list[str]] = {}
    for one in items:
        if isinstance(one, Test) and one.value is not None and not one.many:
            values.setdefault(one.key, []).append(one.value)
    parts: dict[str, None] = {}
    for one in items:
        several = values.get(one.key, []) if isinstance(one, Test) and not one.many else []
        if isinstance(one, Test) and one.value is not None and len(several) > 1:
            listed = ", ".join(f'"{value}"' for value in several)
            parts[f"{one.key} in ({listed})"] = None
        else:
            parts[written(one)] = None
    return list(parts)


def _test(test: Test, no: str = "") -> str:
    if test.value is None:
        return f"{no}answered({test.key})"
    if test.many:
        return f'"{test.value}" {no}in {test.key}'
    return f'{test.key} {"!=" if no else "=="} "{test.value}"'
