"""Condition text to frozen nodes: the part of Python's expression syntax that is allowed."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

from questionnaires.conditions_text import ConditionError, check_text, shown

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from questionnaires.frozen import dataclass

MAX_NODES = 200
MAX_DEPTH = 20
MAX_MONTHS = 1200

Subject = Literal[
    "value",
    "member",
    "flag",
    "answered",
    "points",
    "within",
    "age_months",
    "months_until",
]
Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in", ""]


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison. ``subject`` says what of ``key`` is compared:

    its ``value``, a ``member`` of its set, its truth as a ``flag``, whether it is ``answered``, its ``points``,
    whether a date is ``within`` months of today, its ``age_months`` or the ``months_until`` it.
    ``literals`` are strings, or one Decimal; months and points are whole numbers.
    """

    subject: Subject
    key: str
    operator: Operator = ""
    literals: tuple[str | Decimal, ...] = ()

    # pytest would otherwise try to collect a class of this name.
    __test__ = False


@dataclass(frozen=True, slots=True)
class Not:
    """Exactly the contrary of ``item``."""

    item: Node


@dataclass(frozen=True, slots=True)
class Both:
    """``and`` (``every`` is true) or ``or`` of two or more items."""

    every: bool
    items: tuple[Node, ...]


Node: TypeAlias = Test | Not | Both

_COMPARISONS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_SHAPES = {
    "answered": "answered(key)",
    "points": "points(key) < 50",
    "within": "within(key, 12)",
    "age_months": "age_months(key) > 24",
    "months_until": "months_until(key) < 3",
}


# CPython 3.11 counts the depth of the trees that it hands out in one place for all threads of a process: two at once
# may end in a SystemError (https://github.com/python/cpython/issues/106905).
_one_at_a_time = Lock()


def read(source: str) -> Node:
    """The nodes of a condition. Raises ConditionError with every fault; hostile text costs no more than its limits."""
    check_text(source)
    # One line inside brackets: an author may break a long condition over lines, and columns stay columns.
    text = "(" + re.sub(r"[\t\r\n]", " ", source) + ")"
    try:
        with _one_at_a_time:
            tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        at = max((error.offset or 2) - 2, 0)
        near = source[at : at + 30].strip()
        place = f"near {shown(near)}" if near else "at the end"
        raise ConditionError(f"this is not a complete condition: something is wrong {place}") from None
    reader = _Reader(text)
    root = reader.node(tree.body, 1)
    if reader.faults:
        raise ConditionError(*dict.fromkeys(reader.faults))
    assert root is not None
    return root


class _Reader:
    """Turns Python's tree into nodes and collects the faults on the way."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[str] = []
        self.nodes = 0

    def node(self, tree: ast.expr, depth: int) -> Node | None:
        self.nodes += 1
        # Raised, not collected: going on is what these two limits forbid.
        if depth > MAX_DEPTH:
            raise ConditionError(f"a condition nests at most {MAX_DEPTH} deep")
        if self.nodes > MAX_NODES:
            raise ConditionError(f"a condition has at most {MAX_NODES} parts")
        match tree:
            case ast.BoolOp(op=operator, values=values):
                items = [self.node(value, depth + 1) for value in values]
                whole = tuple(item for item in items if item is not None)
                return Both(isinstance(operator, ast.And), whole)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                item = self.node(operand, depth + 1)
                return None if item is None else Not(item)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self.comparison(left, _COMPARISONS[type(operator)], right)
            case ast.Compare():
                return self.fault(tree, "comparisons are not chained: join two of them with 'and'")
            case ast.Call():
                return self.call(tree)
        key = self.name(tree)
        if key is not None:
            return Test("flag", key)
        return self.fault(tree, "this is no comparison")

    def comparison(self, left: ast.expr, operator: Operator, right: ast.expr) -> Node | None:
        if isinstance(left, ast.Call):
            return self.measured(left, operator, right)
        key = self.name(left)
        if key is None:
            return self.member(left, operator, right)
        if operator in ("in", "not in"):
            return self.listed(key, operator, right)
        literal = self.literal(right)
        if literal is None:
            return self.fault(
                right,
                "a name is compared with a text or a number, never with another name",
            )
        return Test("value", key, operator, (literal,))

    def member(self, left: ast.expr, operator: Operator, right: ast.expr) -> Node | None:
        literal, key = self.literal(left), self.name(right)
        if literal is None:
            return self.fault(left, "a comparison begins with a name, or is a text 'in' a name")
        if key is None or operator not in ("in", "not in"):
            return self.fault(left, 'the name comes first: access.mfa == "none"')
        if not isinstance(literal, str):
            return self.fault(left, "only a quoted text can be 'in' a set")
        return Test("member", key, operator, (literal,))

    def listed(self, key: str, operator: Operator, right: ast.expr) -> Node | None:
        texts = [self.literal(one) for one in right.elts] if isinstance(right, ast.Tuple) else []
        whole = tuple(text for text in texts if isinstance(text, str))
        if not whole or len(whole) < len(texts):
            return self.fault(
                right,
                'after \'in\' stands a list of texts: ("none", "some"), or ("none",) for one',
            )
        return Test("value", key, operator, whole)

    def call(self, tree: ast.Call) -> Node | None:
        match tree:
            case ast.Call(func=ast.Name(id="answered"), args=[argument], keywords=[]):
                key = self.name(argument)
                if key is not None:
                    return Test("answered", key)
            case ast.Call(func=ast.Name(id="within"), args=[argument, months], keywords=[]):
                key, number = self.name(argument), self.whole(months, MAX_MONTHS)
                if key is not None and number is not None:
                    return Test("within", key, "", (number,))
        return self.misused(tree)

    def measured(self, left: ast.Call, operator: Operator, right: ast.expr) -> Node | None:
        match left:
            case ast.Call(
                func=ast.Name(id=("age_months" | "months_until" | "points") as function),
                args=[argument],
                keywords=[],
            ) if operator not in ("in", "not in"):
                key = self.name(argument)
                number = self.whole(right, 100 if function == "points" else MAX_MONTHS)
                if key is not None and number is not None:
                    return Test(function, key, operator, (number,))
        return self.misused(left)

    def misused(self, tree: ast.Call) -> Node | None:
        function = tree.func.id if isinstance(tree.func, ast.Name) else ""
        if function not in _SHAPES:
            return self.fault(tree, f"the functions are {', '.join(_SHAPES)}")
        top = 100 if function == "points" else MAX_MONTHS
        numbers = "" if function == "answered" else f", with a whole number from 0 to {top}"
        return self.fault(tree, f"write {_SHAPES[function]}{numbers}")

    def name(self, tree: ast.expr) -> str | None:
        """The dotted name, or None; a loop, since a name may have hundreds of dots."""
        segments: list[str] = []
        while isinstance(tree, ast.Attribute):
            segments.append(tree.attr)
            tree = tree.value
        if not isinstance(tree, ast.Name) or tree.id in _SHAPES:
            return None
        return ".".join([tree.id, *reversed(segments)])

    def literal(self, tree: ast.expr) -> str | Decimal | None:
        match tree:
            case ast.Constant(value=str(text)):
                return text
            case ast.Constant(value=int() | float()):
                # The digits as written: Python has already made a float of 72.3.
                return Decimal(self.source(tree))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float()) as operand):
                return -Decimal(self.source(operand))
        return None

    def whole(self, tree: ast.expr, top: int) -> Decimal | None:
        number = self.literal(tree)
        if isinstance(number, Decimal) and 0 <= number <= top and "." not in self.source(tree):
            return number
        return None

    def source(self, tree: ast.expr) -> str:
        # Columns count bytes of UTF-8.
        return self.text.encode()[tree.col_offset : tree.end_col_offset].decode()

    def fault(self, tree: ast.expr, message: str) -> Node | None:
        self.faults.append(f"{shown(self.source(tree))}: {message}")
        return None
