"""Conditions in plain English, with the texts and labels of the questions that they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

from questionnaires.conditions_evaluation import MISSING, Reading, compiled
from questionnaires.conditions_syntax import Both, Node, Not, Test
from questionnaires.facts import TABLE

if TYPE_CHECKING:
    from questionnaires.definition import Question

Audience = Literal["vendor", "organisation"]

CLASSIFICATION = "your client's own classification"

# How each reader is told of the organisation and of its vendor.
_PARTIES: Mapping[Audience, Mapping[str, str]] = {
    "organisation": {"you": "you", "vendors": "the vendor's"},
    "vendor": {"you": "your client", "vendors": "your"},
}

# Marks a clause of several while clauses are put together; no text of a definition holds it.
_COMPOUND = "\0"

_NUMBER_WORDS = {
    "==": "is",
    "!=": "is not",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
}
_DATE_WORDS = {
    "==": "is",
    "!=": "is not",
    "<": "is before",
    "<=": "is not after",
    ">": "is after",
    ">=": "is not before",
}
_AMOUNT_WORDS = {
    "==": "exactly",
    "!=": "other than",
    "<": "fewer than",
    "<=": "at most",
    ">": "more than",
    ">=": "at least",
}


class _Set(NamedTuple):
    """Tests of what one set holds (``lacks``: does not hold), and the items that they stand in."""

    lacks: bool
    items: list[Node]
    tests: list[Test]


def node_words(
    node: Node,
    questions: Mapping[str, Question],
    audience: Audience,
    contrary: bool = False,
) -> str:
    """The node as a clause, or its contrary; an ``or`` inside an ``and`` reads "either ... or"."""
    return _joined(_clauses(node, questions, audience, contrary), _joint(node, contrary))


def _joint(node: Node, contrary: bool) -> str:
    """What joins the clauses of a node."""
    while isinstance(node, Not):
        node, contrary = node.item, not contrary
    return "and" if isinstance(node, Both) and node.every is not contrary else "or"


def _joined(clauses: Iterable[str], joint: str) -> str:
    """Clauses as one; a comma keeps apart what has an "and" or "or" between clauses of its own."""
    found = list(clauses)
    comma = "," if any(one.startswith("either ") or _COMPOUND in one for one in found) else ""
    return f"{comma} {joint} ".join(found).replace(_COMPOUND, "")


def _clauses(
    node: Node, questions: Mapping[str, Question], audience: Audience, contrary: bool
) -> dict[str, None]:
    """The clauses that a node joins, each once; tests of what one set holds are one clause."""
    if isinstance(node, Not):
        return _clauses(node.item, questions, audience, not contrary)
    if isinstance(node, Test):
        return {_test_words(node, questions, audience, contrary): None}
    joint = _joint(node, contrary)
    sets = _sets(node, audience, contrary)
    found: dict[str, None] = {}
    for item in node.items:
        same = next((one for one in sets if item in one.items), None)
        if same is not None:
            found[_set_words(same, questions, joint, audience)] = None
            continue
        inner = _clauses(item, questions, audience, contrary)
        words = _joined(inner, _joint(item, contrary))
        if len(inner) > 1:
            words = f"either {words}" if joint == "and" else f"{_COMPOUND}{words}"
        found[words] = None
    return found


def _sets(node: Both, audience: Audience, contrary: bool) -> list[_Set]:
    """The tests of a node that can be told together, by the name they ask of and whether it must lack them."""
    found: dict[tuple[str, bool], _Set] = {}
    for item in node.items:
        test, turned = item, contrary
        while isinstance(test, Not):
            test, turned = test.item, not turned
        if isinstance(test, Test) and test.subject == "member" and not _is_secret(test, audience):
            lacks = (test.operator == "not in") is not turned
            one = found.setdefault((test.key, lacks), _Set(lacks, [], []))
            one.items.append(item)
            one.tests.append(test)
    # "It lacks A or lacks B" has no shorter form that is not misread.
    alone = node.every is contrary
    return [one for one in found.values() if len(one.tests) > 1 and not (alone and one.lacks)]


def _set_words(one: _Set, questions: Mapping[str, Question], joint: str, audience: Audience) -> str:
    key = one.tests[0].key
    labels = list(dict.fromkeys(label for test in one.tests for label in _labels(test, questions)))
    if not one.lacks:
        return _holds(
            key, _listed(labels, joint), questions, audience, several=joint == "and" and len(labels) > 1
        )
    if len(labels) == 2:
        return _holds(key, f"neither {labels[0]} nor {labels[1]}", questions, audience)
    return _holds(key, f"none of {_listed(labels, 'and')}", questions, audience)


def _holds(
    key: str, values: str, questions: Mapping[str, Question], audience: Audience, several: bool = False
) -> str:
    """That a set holds what ``values`` lists, in the sentence of the fact if it has one."""
    fact = TABLE.get(key)
    if fact is None or not fact.claim:
        return f"{name_words(key, questions)} includes {values}"
    claim = fact.claims if several and fact.claims else fact.claim
    return claim.format(values=values, **_PARTIES[audience])


def _listed(labels: list[str], joint: str) -> str:
    return f" {joint} ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def name_words(key: str, questions: Mapping[str, Question]) -> str:
    """What a name stands for: a fact's words, a question's text in quotation marks, or the bare key."""
    if key == "value":
        return "the answer"
    if key in TABLE:
        return TABLE[key].words
    question = questions.get(key)
    return f"the answer to “{question.text}”" if question else f"the answer to {key}"


def statement(test: Test, reading: Reading, questions: Mapping[str, Question], audience: Audience) -> str:
    """A clause that is true of what was read: how things stand at ``test``, which must not be unknown."""
    if _is_secret(test, audience):
        return f"{CLASSIFICATION} says so"
    value, subject = reading[test.key], name_words(test.key, questions)
    true = compiled(test)(reading) is True
    if test.subject == "points":
        return _points_statement(test, reading, subject, true)
    if value is MISSING:
        if test.key in TABLE:
            return f"{subject} is not known"
        return f"there is no answer that counts to {subject.removeprefix('the answer to ')}"
    if test.subject in ("member", "flag") or (true and isinstance(value, Decimal | date)):
        return _test_words(test, questions, audience, not true)
    if test.subject == "answered":
        return f"{subject} is given"
    return f"{subject} is {_value_words(test.key, value, questions)}"


def statements(
    tests: Iterable[Test], reading: Reading, questions: Mapping[str, Question], audience: Audience
) -> list[str]:
    """A clause for each test, as by ``statement``, each once; tests of what one set holds are one clause."""
    groups: dict[Test | tuple[str, bool], list[Test]] = {}
    for test in tests:
        known = test.subject == "member" and reading[test.key] is not MISSING
        if not known or _is_secret(test, audience):
            groups[test] = [test]
            continue
        lacks = (compiled(test)(reading) is True) is (test.operator == "not in")
        groups.setdefault((test.key, lacks), []).append(test)
    clauses = (
        _set_words(_Set(name[1], [], found), questions, "and", audience)
        if isinstance(name, tuple) and len(found) > 1
        else statement(found[0], reading, questions, audience)
        for name, found in groups.items()
    )
    return list(dict.fromkeys(clauses))


def _points_statement(test: Test, reading: Reading, subject: str, true: bool) -> str:
    # Here alone: loading fractions would slow every start of the command line.
    from fractions import Fraction

    from questionnaires.results import display

    points = reading.points[test.key]
    if points is None:
        return f"{subject} is not scored here"
    if true:
        return f"{subject} {_predicate(test, {}, _labels(test, {}))}"
    return f"{subject} earns {display(Fraction(points[0], points[2]))} points"


def _value_words(key: str, value: object, questions: Mapping[str, Question]) -> str:
    question, fact = questions.get(key), TABLE.get(key)
    if isinstance(value, Decimal):
        unit = f" {question.unit}" if question is not None and question.unit else ""
        return f"{value:f}{unit}"
    option = question.option(value) if question is not None and isinstance(value, str) else None
    if option is not None:
        return f"“{option.label}”"
    return fact.labels.get(str(value), str(value)) if fact is not None else str(value)


def _is_secret(test: Test, audience: Audience) -> bool:
    fact = TABLE.get(test.key)
    return audience == "vendor" and fact is not None and fact.internal


def _test_words(test: Test, questions: Mapping[str, Question], audience: Audience, contrary: bool) -> str:
    if _is_secret(test, audience):
        # Neither the value asked for nor the direction: both would tell what procurement answered.
        return f"{CLASSIFICATION} says so"
    subject, labels = name_words(test.key, questions), _labels(test, questions)
    if test.subject == "answered":
        return f"{subject} is {'missing' if contrary else 'given'}"
    if test.subject == "flag":
        return f"{subject} is {'false' if contrary else 'true'}"
    if test.subject == "member":
        return _member_words(test, labels[0], questions, audience, contrary)
    if test.subject == "value" and test.operator in ("in", "not in", "==", "!=") and test.key != "value":
        other = (test.operator in ("not in", "!=")) is not contrary
        return f"{subject} {'is not' if other else 'is'} {_listed(labels, 'or')}"
    predicate = _predicate(test, questions, labels)
    if contrary and predicate.startswith("is ") and not predicate.startswith("is not "):
        return f"{subject} is not {predicate.removeprefix('is ')}"
    return f"it is not so that {subject} {predicate}" if contrary else f"{subject} {predicate}"


def _member_words(
    test: Test, label: str, questions: Mapping[str, Question], audience: Audience, contrary: bool
) -> str:
    if (test.operator == "not in") is contrary:
        return _holds(test.key, label, questions, audience)
    fact = TABLE.get(test.key)
    if fact is None or not fact.denial:
        return f"{name_words(test.key, questions)} does not include {label}"
    return fact.denial.format(values=label, **_PARTIES[audience])


def _predicate(test: Test, questions: Mapping[str, Question], labels: list[str]) -> str:
    months = f"{labels[0]} {'month' if labels[0] == '1' else 'months'}"
    if test.subject == "within":
        return f"lies within the last {months}"
    if test.subject == "age_months":
        return f"is {_AMOUNT_WORDS[test.operator]} {months} old"
    if test.subject == "months_until":
        return f"is {_AMOUNT_WORDS[test.operator]} {months} away"
    if test.subject == "points":
        return f"earns {_AMOUNT_WORDS[test.operator]} {labels[0]} points"
    question = questions.get(test.key)
    if isinstance(test.literals[0], str):
        return f"{_DATE_WORDS[test.operator]} {labels[0]}"
    unit = f" {question.unit}" if question is not None and question.unit else ""
    return f"{_NUMBER_WORDS[test.operator]} {labels[0]}{unit}"


def _labels(test: Test, questions: Mapping[str, Question]) -> list[str]:
    """The literals as people read them: the label of an option, a fact's word for a value, else the literal."""
    fact, question = TABLE.get(test.key), questions.get(test.key)
    labels = dict(fact.labels) if fact is not None else {}
    if question is not None:
        labels = {one.value: f"“{one.label}”" for one in question.options}
    return [labels.get(one, one) if isinstance(one, str) else f"{one:f}" for one in test.literals]
