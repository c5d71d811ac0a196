"""The engine equals the oracle: scores, bands, pages and requirement outcomes of random definitions and answers."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import oracle
from hypothesis import given
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

from questionnaires.definition import Questionnaire
from questionnaires.requirements import Answered, Catalogue, Requirement, evaluate
from questionnaires.scoring import score
from questionnaires.visibility import look


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


@given(RANDOM)
def test_scores_are_equal_to_the_last_digit(rnd: Random) -> None:
    case = Case(rnd)
    found = json.loads(score(*case.inputs).to_bytes())
    del found["content_hash"]
    assert found == oracle.score(*case.inputs)


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


@given(RANDOM)
def test_outcomes_of_requirements_are_equal(rnd: Random) -> None:
    # Keys mean the same everywhere: two submissions of one version, and one of another with keys of its own.
    first, other = random_definition(rnd), random_definition(rnd, "t")
    cases = [Case(rnd, one) for one in (first, first, other) if rnd.random() < 0.8]
    facts = random_facts(rnd)
    known = [*first.questions.values(), *other.questions.values()]
    rules = [
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
            random_condition(rnd, known, points=True),
        )
        for number in range(4)
    ]
    found = evaluate(
        Catalogue(tuple(rules)),
        [Answered(one.definition, one.answers, one.today, one.shown) for one in cases],
        facts,
    )
    submissions = [(one.definition, one.answers, one.today, one.shown) for one in cases]
    assert [one.outcome for one in found] == [
        oracle.outcome(rule.applies_when, rule.required_when, submissions, facts) for rule in rules
    ]
