"""The engine equals the oracle: scores, bands, pages and requirement outcomes of random definitions and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import oracle
from hypothesis import given, settings
from made_up import (
    ENDS,
    RANDOM,
    TODAY,
    random_answers,
    random_condition,
    random_definition,
    random_facts,
    random_shown,
)

from questionnaires.conditions import Condition
from questionnaires.definition import Questionnaire
from questionnaires.requirements import Answered, Catalogue, Outcome, Requirement, evaluate
from questionnaires.scoring import score
from questionnaires.visibility import look
from tests.conftest import FULL

MANY = settings(max_examples=2_000) if FULL else settings()


class Case:
    """A random definition with answers, marks, documents, facts and keys shown anyway, on a day."""

    def __init__(self, rnd: Random, definition: Questionnaire | None = None) -> None:
        self.definition = definition or random_definition(rnd)
        self.today = rnd.choice((TODAY, *ENDS))
        self.answers = random_answers(rnd, self.definition, self.today)
        self.facts = random_facts(rnd)
        self.shown = random_shown(rnd, self.definition)

    @property
    def inputs(self) -> tuple[Any, ...]:
        return self.definition, self.answers, self.facts, self.today, self.shown


@MANY
@given(RANDOM)
def test_scores_are_equal_to_the_last_digit(rnd: Random) -> None:
    case = Case(rnd)
    found = json.loads(score(*case.inputs).to_bytes())
    del found["content_hash"]
    assert found == oracle.score(*case.inputs)


@MANY
@given(RANDOM)
def test_pages_are_equal(rnd: Random) -> None:
    case = Case(rnd)
    found = look(*case.inputs)
    assert oracle.look(*case.inputs) == {
        "visible": found.visible,
        "required": found.required,
        "missing": list(found.missing),
        "evidence_required": found.evidence_required,
        "progress": {one.key: found.progress(one.key) for one in case.definition.sections},
    }


def conditions(definition: Questionnaire) -> Iterator[Condition]:
    for section in definition.sections:
        for one in (section, *section.questions):
            if one.visible_when is not None:
                yield one.visible_when
        for question in section.questions:
            if question.evidence is not None and question.evidence.required_when is not None:
                yield question.evidence.required_when


class Engagement:
    """Random requirement rules over submissions of two versions, one of them submitted twice, and facts."""

    def __init__(self, rnd: Random) -> None:
        # Keys mean the same everywhere, so the other version has keys of its own.
        first, other = random_definition(rnd), random_definition(rnd, "t")
        self.cases = [Case(rnd, one) for one in (first, first, other) if rnd.random() < 0.8]
        self.facts = random_facts(rnd)
        self.known = [*first.questions.values(), *other.questions.values()]
        self.rules = [
            Requirement(
                f"gdpr.r{number}",
                1,
                "topic",
                "Title",
                "must",
                (),
                "",
                "",
                random_condition(rnd, []),
                random_condition(rnd, self.known, points=True),
            )
            for number in range(4)
        ]

    def outcomes(self, facts: dict[str, Any]) -> tuple[Outcome, ...]:
        files = [Answered(one.definition, one.answers, one.today, one.shown) for one in self.cases]
        return evaluate(Catalogue(tuple(self.rules)), files, facts)


@MANY
@given(RANDOM)
def test_outcomes_of_requirements_are_equal(rnd: Random) -> None:
    made = Engagement(rnd)
    submissions = [(one.definition, one.answers, one.today, one.shown) for one in made.cases]
    assert [one.outcome for one in made.outcomes(made.facts)] == [
        oracle.outcome(rule.applies_when, rule.required_when, submissions, made.facts) for rule in made.rules
    ]


@MANY
@given(RANDOM)
def test_a_vendor_reads_nothing_that_hangs_on_an_internal_fact(rnd: Random) -> None:
    """Between two values that give the same outcome no word may differ; the outcome itself may."""
    made = Engagement(rnd)
    name, values = rnd.choice(
        [
            ("engagement.tier", ("critical", "high", "medium", "low", "unknown")),
            ("engagement.spend", (Decimal(0), Decimal(1000), Decimal("1000.5"), Decimal(1234567), "unknown")),
        ]
    )
    if any(name in condition.names for case in made.cases for condition in conditions(case.definition)):
        # Which questions are asked, and which ask for a document, the vendor sees on every page.
        return
    words: dict[tuple[str, str], str] = {}
    for value in values:
        for found in made.outcomes(made.facts | {name: value}):
            asked = (found.requirement.key, found.outcome)
            assert words.setdefault(asked, found.reason_vendor) == found.reason_vendor
            assert "tier" not in found.reason_vendor
            assert "spend" not in found.reason_vendor
