"""Type rules of conditions: what may be asked of a name of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from questionnaires.conditions_syntax import Test
from questionnaires.dates import parse_date
from questionnaires.facts import NameType

_ALLOWED = {
    "choice": ("==", "!=", "in", "not in"),
    "number": ("==", "!=", "<", "<=", ">", ">="),
    "date": ("==", "!=", "<", "<=", ">", ">="),
}
_HINTS = {
    "choice": '== "x", != "x", in ("x", "y") and not in, and answered(key)',
    "choices": '"x" in key, "x" not in key and answered(key)',
    "set": '"x" in key, "x" not in key and answered(key)',
    "number": "== != < <= > >= with a number, and answered(key)",
    "date": "== != < <= > >= with a date, within, age_months, months_until and answered(key)",
    "text": "answered(key) alone",
    "table": "answered(key) alone",
    "flag": "its name alone, or 'not' and its name",
}


def test_faults(
    test: Test, names: Mapping[str, NameType], *, points: bool, value: NameType | None
) -> list[str]:
    """What is wrong with one comparison; an empty list if it is sound."""
    if value is not None:
        if test.key != "value":
            return [f"{test.key}: points_when sees only 'value', the answer itself"]
        kind = value
    elif test.key not in names:
        return [f"{test.key}: there is no such question or fact"]
    else:
        kind = names[test.key]
    if test.subject == "answered":
        return []
    if test.subject == "points":
        return _points_faults(test, kind, points and value is None)
    fits = {
        "value": test.operator in _ALLOWED.get(kind.kind, ()),
        "member": kind.kind in ("choices", "set"),
        "flag": kind.kind == "flag",
    }.get(test.subject, kind.kind == "date")
    if not fits:
        article = "an answer of several choices" if kind.kind == "choices" else f"a {kind.kind}"
        return [f"{test.key}: this is {article}; allowed are {_HINTS[kind.kind]}"]
    if test.subject in ("value", "member"):
        return [fault for one in test.literals if (fault := _literal_fault(test.key, one, kind))]
    return []


def _points_faults(test: Test, kind: NameType, allowed: bool) -> list[str]:
    if not allowed:
        return [f"points({test.key}): points() stands only in caps and in the rules of requirements"]
    if not kind.can_earn:
        return [f"points({test.key}): this cannot earn any points"]
    return []


def _literal_fault(key: str, literal: str | Decimal, kind: NameType) -> str | None:
    if kind.kind == "number":
        return None if isinstance(literal, Decimal) else f"{key}: {literal!r} is quoted; a number is not"
    if isinstance(literal, Decimal):
        return f"{key}: {literal} is a number; write a quoted text"
    if kind.kind == "date":
        if parse_date(literal) is None:
            return f"{key}: {literal!r} is no date from 1900-01-01 to 2199-12-31, written as 2026-11-21"
        return None
    if kind.values is None or literal in kind.values:
        return None
    known = ", ".join(sorted(kind.values)[:20]) + (", ..." if len(kind.values) > 20 else "")
    return f"{key}: {literal!r} is not among its values: {known}"
