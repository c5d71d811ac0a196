"""VSAQ conditions as trees: read from left to right, simplified, decided, and written in our language."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.conditions import MISSING, Reading, holds, parse
from questionnaires.interchange.vsaq_conditions import (
    Both,
    Expression,
    Name,
    Not,
    Test,
    Untranslatable,
    all_tests,
    decide,
    joined,
    negated,
    read,
    replaced,
    written,
)


def ours(source: str) -> Expression:
    """The tree with names put into ours: capitals are members of sets, ``any`` asks for an answer at all."""

    def leaf(one: Name | Test) -> Expression:
        assert isinstance(one, Name)
        if one.text in ("yes", "no"):
            return one.text == "yes"
        if one.text == "any":
            return Test("q.any")
        return Test(f"q.{one.text[0].lower()}", one.text, one.text[0].isupper())

    return replaced(read(source), leaf)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a1", 'q.a == "a1"'),
        ("!a1", 'q.a != "a1"'),
        ("!!a1", 'q.a == "a1"'),
        ("A1", '"A1" in q.a'),
        ("!A1", '"A1" not in q.a'),
        ("any", "answered(q.any)"),
        ("!any", "not answered(q.any)"),
        ("a1 || a2", 'q.a in ("a1", "a2")'),
        ("a1 || A1 || a2", 'q.a in ("a1", "a2") or "A1" in q.a'),
        ("a1 && b1", 'q.a == "a1" and q.b == "b1"'),
        ("a1 && (b1 || C1)", 'q.a == "a1" and (q.b == "b1" or "C1" in q.c)'),
        ("a1 || b1 && c1", '(q.a == "a1" or q.b == "b1") and q.c == "c1"'),
        ("a1 && b1 || c1", '(q.a == "a1" and q.b == "b1") or q.c == "c1"'),
        ("!(a1 || b1)", 'not (q.a == "a1" or q.b == "b1")'),
        ("!(a1||b1)&&c1", 'not (q.a == "a1" or q.b == "b1") and q.c == "c1"'),
        ("a1 && yes", 'q.a == "a1"'),
        ("a1 || no", 'q.a == "a1"'),
        ("a1 && a1 && (a1)", 'q.a == "a1"'),
    ],
)
def test_written_in_our_language(source: str, text: str) -> None:
    assert written(ours(source)) == text
    parse(text)


@pytest.mark.parametrize(
    ("source", "value"), [("", True), ("  ", True), ("yes || a1", True), ("no && a1", False)]
)
def test_constants_swallow_the_rest(source: str, value: bool) -> None:
    assert ours(source) is value


@pytest.mark.parametrize(
    "source",
    [
        "a &&",
        "&& a",
        "a b",
        "(a",
        "a)",
        "()",
        "!",
        "a & b",
        "a | b",
        "a, b",
        'contains(a/value, "x")',
        "matches(a)",
        'a/value == "x"',
        "(" * 30 + "a" + ")" * 30,
        "!" * 30 + "a",
        "a || " * 500 + "a",
    ],
)
def test_refuses_what_has_no_counterpart(source: str) -> None:
    with pytest.raises(Untranslatable):
        read(source)


def test_tests_in_the_order_of_the_text() -> None:
    assert [test.value for test in all_tests(ours("b1 && !(a1 || C1)"))] == ["b1", "a1", "C1"]


def test_a_long_tree_is_refused() -> None:
    with pytest.raises(Untranslatable):
        joined(True, (Test("q.a", str(number)) for number in range(300)))


_DAY = date(2026, 11, 21)
TESTS = [Test("q.a", "x"), Test("q.a", "y"), Test("q.b", "z", True), Test("q.c")]


def trees() -> st.SearchStrategy[Expression]:
    leaves: st.SearchStrategy[Expression] = st.sampled_from(TESTS)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(negated),
            st.builds(joined, st.booleans(), st.lists(inner, min_size=1, max_size=3)),
        ),
        max_leaves=8,
    )


@given(trees())
def test_means_the_same_in_our_language(tree: Expression) -> None:
    if isinstance(tree, bool):
        return
    condition = parse(written(tree))
    for a, b, c in product((None, "x", "y", "w"), (None, ("z",), ("v",)), (None, "text")):
        reading = Reading(_DAY, MISSING)
        given_answers = {"q.a": a, "q.b": b, "q.c": c}
        reading.update({key: value for key, value in given_answers.items() if value is not None})

        def known(test: Test, values: dict[str, object] = given_answers) -> bool:
            value = values[test.key]
            if test.value is None or value is None:
                return value is not None
            return test.value in value if isinstance(value, tuple) else value == test.value

        assert decide(tree, known) is holds(condition, reading)


@given(trees(), st.data())
def test_unknown_never_contradicts_what_comes_later(tree: Expression, data: st.DataObject) -> None:
    early = {test: data.draw(st.sampled_from([True, False, None])) for test in TESTS}
    late = {test: data.draw(st.booleans()) if value is None else value for test, value in early.items()}
    before = decide(tree, early.__getitem__)
    assert before in (None, decide(tree, late.__getitem__))


def test_shapes() -> None:
    assert negated(Not(Test("q.a"))) == Test("q.a")
    assert joined(False, [Test("q.a", "x"), Both(False, (Test("q.a", "y"),))]) == Both(
        False, (Test("q.a", "x"), Test("q.a", "y"))
    )
