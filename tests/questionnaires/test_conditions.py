"""Conditions: the language, its limits, its types, two- and three-valued evaluation, plain English."""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import RANDOM, choice, made

from questionnaires import conditions_syntax
from questionnaires.conditions import (
    FACTS,
    MISSING,
    UNKNOWN,
    Both,
    Condition,
    ConditionError,
    NameType,
    Not,
    Reading,
    Test,
    check_types,
    holds,
    parse,
    truth,
)
from questionnaires.conditions_evaluation import decided_by
from questionnaires.definition import Option, Question

TODAY = date(2026, 11, 21)
NAMES = {
    "a.choice": NameType("choice", frozenset({"x", "y", "2026-01-01"}), can_earn=True),
    "a.set": NameType("choices", frozenset({"p", "q"})),
    "a.number": NameType("number", can_earn=True),
    "a.date": NameType("date"),
    "a.text": NameType("text"),
    "a.table": NameType("table"),
    "a.flag": NameType("flag"),
    **FACTS,
}


def reading(values: dict[str, Any] | None = None, absent: Any = UNKNOWN) -> Reading:
    found = Reading(TODAY, absent)
    found.update(values or {})
    return found


# -- syntax ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "root"),
    [
        ('a.b == "x"', Test("value", "a.b", "==", ("x",))),
        ("a.b != 'x'", Test("value", "a.b", "!=", ("x",))),
        ('a.b in ("x", "y")', Test("value", "a.b", "in", ("x", "y"))),
        ('a.b not in ("x",)', Test("value", "a.b", "not in", ("x",))),
        ('"x" in a.b', Test("member", "a.b", "in", ("x",))),
        ('"x" not in a.b', Test("member", "a.b", "not in", ("x",))),
        ("a.b <= 72.3", Test("value", "a.b", "<=", (Decimal("72.3"),))),
        ("a.b > -1.50", Test("value", "a.b", ">", (Decimal("-1.50"),))),
        ("a.b", Test("flag", "a.b")),
        ("not a.b", Not(Test("flag", "a.b"))),
        ("answered(a.b)", Test("answered", "a.b")),
        ("within(a.b, 12)", Test("within", "a.b", "", (Decimal(12),))),
        ("age_months(a.b) > 24", Test("age_months", "a.b", ">", (Decimal(24),))),
        ("months_until(a.b) < 3", Test("months_until", "a.b", "<", (Decimal(3),))),
        ("points(a.b) < 50", Test("points", "a.b", "<", (Decimal(50),))),
        (
            "a and b or c",
            Both(False, (Both(True, (Test("flag", "a"), Test("flag", "b"))), Test("flag", "c"))),
        ),
        ("a\n  and\tb", Both(True, (Test("flag", "a"), Test("flag", "b")))),
    ],
)
def test_what_may_be_written(source: str, root: object) -> None:
    assert parse(source).root == root


def test_a_condition_knows_what_it_reads() -> None:
    condition = parse('a.one == "x" or not (within(a.two, 3) and points(a.three) < 50)')
    assert condition.names == {"a.one", "a.two", "a.three"}
    assert condition.points_of == {"a.three"}
    assert condition.source == 'a.one == "x" or not (within(a.two, 3) and points(a.three) < 50)'


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("a == b", "never with another name"),
        ("a < b < c", "not chained"),
        ("1 < a < 2", "not chained"),
        ("a = 1", "write =="),
        ("a == 1,", "no comparison"),
        ('a in ("x")', '("none",)'),
        ('a in ("x", 1)', '("none",)'),
        ("a in ()", '("none",)'),
        ('a in "x"', '("none",)'),
        ('"x" == a', "the name comes first"),
        ("1 in a", "quoted text"),
        ("() in a", "begins with a name"),
        ("-a == 1", "begins with a name"),
        ("1 == 1", "the name comes first"),
        ("a == --1", "another name"),
        ('a == -"x"', "another name"),
        ("1", "no comparison"),
        ('"x"', "no comparison"),
        ("not 1", "no comparison"),
        ("within(a)", "within(key, 12)"),
        ("within(a, 1.0)", "0 to 1200"),
        ("within(a, 1201)", "0 to 1200"),
        ("within(a, -1)", "0 to 1200"),
        ('within("a", 1)', "within(key, 12)"),
        ("within(a, b)", "within(key, 12)"),
        ("within(a, 1) == 1", "within(key, 12)"),
        ("answered()", "answered(key)"),
        ("answered(1)", "answered(key)"),
        ("answered(a) == 1", "answered(key)"),
        ("points(a)", "points(key) < 50"),
        ("points(a) < 101", "0 to 100"),
        ('points(a) < "x"', "0 to 100"),
        ("points(a, b) < 1", "points(key) < 50"),
        ("points(1) < 1", "points(key) < 50"),
        ("points(a) in (1, 2)", "points(key) < 50"),
        ("age_months(a)", "age_months(key) > 24"),
        ("sum(a) < 1", "the functions are"),
        ("a.b() == 1", "the functions are"),
        ("a()", "the functions are"),
        ("answered == 1", "begins with a name"),
        ("A.b == 1", "lower case"),
        ("__class__ == 1", "lower case"),
        ("a == True", "'True' has no place"),
        ("lambda: 1", "'lambda' has no place"),
        ("a if b else c", "'if' has no place"),
        ("a is b", "'is' has no place"),
        ("await a", "'await' has no place"),
        ("(a := 1)", "the character :"),
        ("[a for a in b]", "round brackets"),
        ("{a}", "round brackets"),
        ("a[0]", "round brackets"),
        ("a + 1", "the character +"),
        ("a == 1 # no", "the character #"),
        ("a; b", "the character ;"),
        ("`a`", "the character `"),
        ("a\\\n== 1", "the character \\"),
        ("a == 1e5", "not a number"),
        ("a == 0x1F", "not a number"),
        ("a == 1_000", "not a number"),
        ("a == 1j", "not a number"),
        ("a == 007", "not a number"),
        ("a == 1.", "not a number"),
        ("a == .5", "not a number"),
        ("a == 1" + "0" * 15, "not a number"),
        ("a == 0." + "1" * 11, "not a number"),
        ("a == " + "9" * 1900, "not a number"),
        ('f"x" in a', "operator or a comma"),
        ('b"x" in a', "operator or a comma"),
        ('"x" "y" in a', "operator or a comma"),
        ('"""x""" in a', "operator or a comma"),
        ('a == "x', "does not end"),
        ("a == 'x\n'", "does not end"),
        ('a == "\\n"', "backslash"),
        ('a == "é"', "no option value has"),
        ("\u0430 == 1", "U+0430"),
        ("a == \u0661", "U+0661"),
        ("a\u200b == 1", "U+200B"),
        ("a\u00a0== 1", "U+00A0"),
        ("a == \uff11", "U+FF11"),
        ("a\x00", "U+0000"),
        ("a\x1b", "U+001B"),
        ("\ud800", "U+D800"),
        ("a and", "at the end"),
        ("and", "near 'and'"),
        ("a b", "near"),
        ("a.in == 1", "near"),
        (".a == 1", "near"),
        ("a..b == 1", "near"),
        ("(a", "never closed"),
        ("a)", "never opened"),
        (")a(", "never opened"),
        ("a) or (b", "never opened"),
        ("(" * 21 + "a" + ")" * 21, "20 brackets"),
        ("not " * 21 + "a", "20 'not'"),
        ("a == " + "-" * 21 + "1", "20 'not' or '-'"),
        (("not (" * 20) + "a" + ")" * 20, "20 deep"),
        (("not " * 20 + "(") * 20 + "a" + ")" * 20, "20 deep"),
        (" or ".join(["not a"] * 120), "200 parts"),
        (".".join("a" * 301), "600 words"),
        ("a" * 2001, "2,000 characters"),
        ("(" * 1_000_000, "2,000 characters"),
        ("a.b == 1 or " * 100_000, "2,000 characters"),
        ("\u0430" * 1_000_000, "2,000 characters"),
        ("_" + "a" * 1900, "..."),
    ],
)
def test_what_may_not_be_written(source: str, part: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ConditionError) as caught:
        parse(source)
    assert time.perf_counter() - started < 1
    assert any(part in message for message in caught.value.messages), caught.value.messages
    assert all(len(message) < 300 for message in caught.value.messages)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConditionError) as caught:
        parse("a == b or points(c) or not d() or 1")
    assert len(caught.value.messages) == 4


def test_the_limits_themselves_are_allowed() -> None:
    parse("(" * 20 + "a" + ")" * 20)
    parse(" or ".join(["not a"] * 99))
    parse("a" * 2000)
    parse("not " * 19 + "a")


WORDS = st.sampled_from(
    [*'ab.()"<>=!-,19 \n', "not ", " in ", " and ", " or ", "points", "within", "==", '"x"']
)


@given(st.lists(WORDS, max_size=40).map("".join) | st.text(max_size=200))
def test_any_text_is_a_condition_or_a_condition_error(source: str) -> None:
    try:
        condition = parse(source)
    except ConditionError:
        return
    assert truth(condition, reading()) is None


# -- types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        'a.choice == "x"',
        'a.choice not in ("x", "y")',
        '"p" in a.set',
        "a.number >= 1.5",
        'a.date < "2026-01-01"',
        'a.date == "2026-01-01"',
        "within(a.date, 12) and age_months(a.date) > 1 and months_until(a.date) != 3",
        "answered(a.text) or answered(a.table) or answered(a.flag) or answered(a.set)",
        "not a.flag",
        'engagement.tier == "high"',
        '"gdpr" in organisation.regimes',
        'vendor.country in ("DE", "GB")',
        "engagement.spend > 100000",
        "answered(engagement.service)",
        "points(a.choice) < 50",
    ],
)
def test_sound_types(source: str) -> None:
    assert check_types(parse(source), NAMES, points=True) == []


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ('b.other == "x"', "no such question"),
        ('value == "x"', "no such question"),
        ('a.choice == "z"', "not among its values"),
        ('a.choice in ("x", "z")', "not among its values"),
        ("a.choice == 1", "quoted text"),
        ('a.choice < "x"', "this is a choice"),
        ('"x" in a.choice', "this is a choice"),
        ("a.choice", "this is a choice"),
        ('a.set == "p"', "several choices"),
        ('a.set in ("p", "q")', "several choices"),
        ('"z" in a.set', "not among its values"),
        ('a.number == "1"', "quoted"),
        ('a.number in ("1", "2")', "this is a number"),
        ('"1" in a.number', "this is a number"),
        ("within(a.number, 1)", "this is a number"),
        ("a.date == 1", "quoted text"),
        ('a.date > "2026-02-30"', "no date"),
        ('a.date > "1.1.2026"', "no date"),
        ('a.date in ("2026-01-01", "2026-01-02")', "this is a date"),
        ('a.text == "x"', "answered(key) alone"),
        ('"x" in a.table', "answered(key) alone"),
        ("a.text", "answered(key) alone"),
        ('a.flag == "true"', "its name alone"),
        ("age_months(a.choice) > 1", "this is a choice"),
        ("points(a.set) < 50", "cannot earn"),
        ("points(engagement.tier) < 50", "cannot earn"),
        ('engagement.tier == "urgent"', "critical, high, low, medium"),
        ('engagement.process == "unknown"', "not among its values"),
        ('vendor.country == "UK"', "..."),
        ('engagement.service == "x"', "answered(key) alone"),
    ],
)
def test_type_faults(source: str, part: str) -> None:
    faults = check_types(parse(source), NAMES, points=True)
    assert len(faults) == 1
    assert part in faults[0]


def test_points_stand_only_where_they_are_allowed() -> None:
    assert check_types(parse("points(a.choice) < 50"), NAMES, points=False) == [
        "points(a.choice): points() stands only in caps and in the rules of requirements"
    ]


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("value <= 24", 0),
        ("answered(value)", 0),
        ("a.number <= 24", 1),
        ('value == "x"', 1),
        ("points(value) < 50", 1),
        ("within(value, 3) or a.number < 1", 2),
    ],
)
def test_points_when_sees_only_the_value(source: str, faults: int) -> None:
    assert len(check_types(parse(source), NAMES, points=True, value=NameType("number"))) == faults


def test_the_same_fault_is_told_once() -> None:
    assert len(check_types(parse("b == 1 or b == 2"), NAMES, points=False)) == 1


# -- evaluation -----------------------------------------------------------------------------------------------

X, P, N, D = "x", ("p",), Decimal("24.0"), date(2025, 11, 21)


@pytest.mark.parametrize(
    ("source", "value", "present", "missing"),
    [
        ('k == "x"', X, True, False),
        ('k == "y"', X, False, False),
        ('k != "x"', X, False, True),
        ('k != "y"', X, True, True),
        ('k in ("x", "y")', X, True, False),
        ('k in ("y",)', X, False, False),
        ('k not in ("x", "y")', X, False, True),
        ('k not in ("y",)', X, True, True),
        ('"p" in k', P, True, False),
        ('"q" in k', P, False, False),
        ('"p" not in k', P, False, True),
        ('"q" not in k', P, True, True),
        ('"p" in k', frozenset({"p"}), True, False),
        ("k == 24", N, True, False),
        ("k != 24", N, False, True),
        ("k < 24", N, False, False),
        ("k < 24.1", N, True, False),
        ("k <= 24", N, True, False),
        ("k > 24", N, False, False),
        ("k > -1", N, True, False),
        ("k >= 24", N, True, False),
        ('k == "2025-11-21"', D, True, False),
        ('k != "2025-11-21"', D, False, True),
        ('k < "2025-11-22"', D, True, False),
        ('k <= "2025-11-21"', D, True, False),
        ('k > "2025-11-21"', D, False, False),
        ('k >= "2025-11-21"', D, True, False),
        ("within(k, 12)", D, True, False),
        ("within(k, 11)", D, False, False),
        ("age_months(k) == 12", D, True, False),
        ("age_months(k) != 12", D, False, True),
        ("age_months(k) > 11", D, True, False),
        ("age_months(k) < 12", D, False, False),
        ("months_until(k) < 3", D, False, False),
        ("months_until(k) != 3", D, True, True),
        ("months_until(k) >= 2", date(2027, 1, 21), True, False),
        ("age_months(k) >= 0", date(2027, 1, 21), False, False),
        ("age_months(k) != 5", date(2027, 1, 21), True, True),
        ("answered(k)", X, True, False),
        ("not answered(k)", X, False, True),
        ("k", True, True, False),
        ("k", False, False, False),
        ("not k", False, True, True),
        ('k == "2026-01-01"', "2026-01-01", True, False),
        ('k == "2026-01-01"', date(2026, 1, 1), True, False),
    ],
)
def test_each_operator_on_a_value_on_missing_and_on_unknown(
    source: str, value: Any, present: bool, missing: bool
) -> None:
    condition = parse(source)
    assert truth(condition, reading({"k": value})) is present
    assert truth(condition, reading({"k": MISSING})) is missing
    assert truth(condition, reading()) is None
    assert holds(condition, reading({"k": value}, MISSING)) is present
    assert holds(condition, reading(absent=MISSING)) is missing


@pytest.mark.parametrize(
    ("interval", "below", "unequal"),
    [
        ((0, 0, 1), True, True),
        ((50, 50, 1), False, False),
        ((149, 149, 3), True, True),
        ((150, 150, 3), False, False),
        ((0, 100, 1), None, None),
        ((60, 100, 1), None, None),
        (None, False, True),
    ],
)
def test_points(interval: tuple[int, int, int] | None, below: bool | None, unequal: bool | None) -> None:
    found = reading()
    found.points["k"] = interval
    assert truth(parse("points(k) < 50"), found) is below
    assert truth(parse("points(k) != 50"), found) is unequal
    assert truth(parse("points(other) < 50"), found) is None


VALUES = {"t": True, "f": False, "u": None}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("t and t", True),
        ("t and f", False),
        ("t and u", None),
        ("u and t", None),
        ("f and u", False),
        ("u and f", False),
        ("u and u", None),
        ("f or t", True),
        ("f or f", False),
        ("u or t", True),
        ("t or u", True),
        ("u or f", None),
        ("f or u", None),
        ("not t", False),
        ("not f", True),
        ("not u", None),
        ("t and u and f", False),
        ("f or u or t", True),
        ("t and t and u", None),
    ],
)
def test_kleenes_tables(source: str, expected: bool | None) -> None:
    known = {name: value for name, value in VALUES.items() if value is not None}
    assert truth(parse(source), reading(known)) is expected


POOL: dict[str, tuple[Any, ...]] = {
    "a.choice": ("x", "y", MISSING),
    "a.set": (("p",), ("p", "q"), MISSING),
    "a.number": (Decimal(1), Decimal("7.5"), MISSING),
    "a.date": (date(2026, 1, 1), date(2025, 11, 21), date(2027, 5, 31), MISSING),
    "a.flag": (True, False, MISSING),
}
TESTS = (
    'a.choice == "x"',
    'a.choice not in ("y",)',
    '"q" in a.set',
    '"q" not in a.set',
    "a.number < 5",
    "a.number != 1",
    "within(a.date, 12)",
    "months_until(a.date) != 3",
    "answered(a.choice)",
    "a.flag",
)


def random_source(rnd: Random, depth: int = 3) -> str:
    if depth and rnd.random() < 0.6:
        parts = [random_source(rnd, depth - 1) for _ in range(rnd.randint(2, 3))]
        return f"({rnd.choice((' and ', ' or ')).join(parts)})"
    return f"not {random_source(rnd, 0)}" if rnd.random() < 0.3 else rnd.choice(TESTS)


@given(RANDOM)
def test_what_is_true_or_false_stays_so_whatever_the_unknown_turns_out_to_be(rnd: Random) -> None:
    condition = parse(random_source(rnd))
    known = {name: rnd.choice(values) for name, values in POOL.items() if rnd.random() < 0.6}
    before = truth(condition, reading(known))
    filled = {name: rnd.choice(values) for name, values in POOL.items()} | known
    after = truth(condition, reading(filled))
    assert after is not None
    assert before in (None, after)
    assert holds(condition, reading(filled, MISSING)) is after


@given(RANDOM)
def test_what_decided_it_suffices(rnd: Random) -> None:
    condition = parse(random_source(rnd))
    known = reading({name: rnd.choice(values) for name, values in POOL.items() if rnd.random() < 0.6})
    found = truth(condition, known)
    names = {test.key for test in decided_by(condition.root, known)}
    assert names
    if found is None:
        assert not names & known.keys()
    else:
        assert truth(condition, reading({name: known[name] for name in names})) is found


def test_sentinels_say_what_they_are() -> None:
    assert (repr(MISSING), repr(UNKNOWN)) == ("MISSING", "UNKNOWN")


# -- words ----------------------------------------------------------------------------------------------------

QUESTIONS = made(
    Question(
        "a.choice",
        "Who builds it?",
        "choice",
        options=(Option("x", "We do"), Option("y", "Others do")),
    ),
    Question("a.set", "Which data?", "choices", options=(Option("p", "Personal data"), Option("q", "Cards"))),
    Question("a.number", "How soon?", "number", unit="hours"),
    Question("a.count", "How many?", "number"),
    Question("a.date", "Last test?", "date"),
    choice("a.points"),
)


def test_conditions_of_one_text_are_equal() -> None:
    assert parse("a.b == 1") == parse("a.b == 1") != parse("a.b  == 1")
    assert isinstance(hash(parse("a.b == 1")), int)
    assert isinstance(parse("a"), Condition)


def test_conditions_are_read_by_many_threads_at_once() -> None:
    """Python 3.11 itself may fail here where two threads take turns inside of ast.parse, as a collection lets them."""
    source = " and ".join(f'a{number}.b == "x" and (c.d > {number} or not e.f)' for number in range(30))
    before = gc.get_threshold()

    def give_way(*_about: object) -> None:
        time.sleep(0)

    gc.callbacks.append(give_way)
    gc.set_threshold(10)
    try:
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda _number: conditions_syntax.read(source), range(120)))
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(give_way)
    assert len(found) == 120
