"""The shipped intake: the worked numbers of four services, a floor for each ground, and the facts it makes."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest

from questionnaires import catalog
from questionnaires.answers import Answer, parse_answer, parse_facts
from questionnaires.facts import TABLE
from questionnaires.results import Result, display
from questionnaires.scoring import score

AS_OF = date(2026, 11, 21)
INTAKE = catalog.get("intake@1.0.0")
HARMLESS: dict[str, Any] = {
    "data": ["public_only"],
    "volume": "none",
    "access": ["none"],
    "connection": "none",
    "process": "nothing",
    "outage": "week",
    "replace": "weeks",
    "hosting": "none",
    "region": "adequate",
    "subcontractors": "none",
    "harm": "no",
    "ai": "no",
}
PRINTER = {
    "data": ["confidential"],
    "volume": "up_1k",
    "access": ["none"],
    "connection": "files",
    "process": "slower",
    "outage": "week",
    "replace": "weeks",
    "hosting": "agreed",
    "region": "adequate",
    "subcontractors": "no_data",
    "harm": "no",
    "ai": "no",
}
E_LEARNING = {
    "data": ["personal"],
    "volume": "up_100k",
    "access": ["none"],
    "connection": "api",
    "process": "slower",
    "outage": "days",
    "replace": "months",
    "hosting": "agreed",
    "region": "safeguards",
    "subcontractors": "with_data",
    "harm": "no",
    "ai": "assists",
}
PAYROLL = {
    "data": ["personal", "special", "financial"],
    "volume": "up_100k",
    "access": ["none"],
    "connection": "api",
    "process": "important",
    "outage": "days",
    "replace": "months",
    "hosting": "agreed",
    "region": "adequate",
    "subcontractors": "with_data",
    "harm": "indirect",
    "ai": "no",
}
BANK = {
    "data": ["personal", "financial", "credentials"],
    "volume": "over_100k",
    "access": ["privileged"],
    "connection": "network",
    "process": "critical",
    "outage": "hours",
    "replace": "year",
    "hosting": "ours",
    "region": "safeguards",
    "subcontractors": "with_data",
    "harm": "indirect",
    "ai": "no",
}
# A translator of a few medical letters, and one person with full rights who sees no data.
TRANSLATOR = HARMLESS | {"data": ["special"], "volume": "up_1k", "hosting": "agreed"}
ADMINISTRATOR = HARMLESS | {"access": ["privileged"]}
GROUNDS = [
    ("data", "special", "medium"),
    ("data", "health_us", "medium"),
    ("data", "card", "medium"),
    ("data", "credentials", "medium"),
    ("access", "card_systems", "medium"),
    ("access", "privileged", "high"),
    ("process", "critical", "high"),
    ("harm", "direct", "high"),
    # Not to know could hide one of the grounds above; a mean alone would call it low (84.6).
    ("data", "unknown", "medium"),
    ("access", "unknown", "high"),
    ("process", "unknown", "high"),
    ("harm", "unknown", "high"),
]


def rated(answers: dict[str, Any]) -> Result:
    typed: dict[str, Answer] = {}
    for name, value in answers.items():
        question = INTAKE.questions[f"intake.{name}"]
        typed[question.key] = parse_answer(question, {"state": "answered", "value": value}, AS_OF)
    return score(INTAKE, typed, {}, AS_OF)


def with_ground(name: str, value: str) -> dict[str, Any]:
    return HARMLESS | {name: [value] if name in ("data", "access") else value}


@pytest.mark.parametrize(
    ("answers", "sum_of_points", "shown", "tier"),
    [
        (PRINTER, 10_700, "82.3", "low"),
        (E_LEARNING, 8_450, "65.0", "medium"),
        (PAYROLL, 6_600, "50.7", "high"),
        (BANK, 2_100, "16.1", "critical"),
        (TRANSLATOR, 10_750, "82.6", "medium"),
        (ADMINISTRATOR, 11_000, "84.6", "high"),
        (HARMLESS, 13_000, "100.0", "low"),
    ],
)
def test_worked_services(answers: dict[str, Any], sum_of_points: int, shown: str, tier: str) -> None:
    result = rated(answers)
    assert result.score == result.high == Fraction(sum_of_points, 130)
    assert display(result.score) == shown
    assert result.band == result.best_band == tier


def test_a_blank_pulls_towards_the_critical_tier() -> None:
    result = rated({})
    assert (result.score, result.high, result.band, result.best_band) == (0, 100, "critical", "low")
    for name in HARMLESS:
        one_open = rated({key: value for key, value in HARMLESS.items() if key != name})
        unknown = rated(with_ground(name, "unknown"))
        assert one_open.score == unknown.score
        assert one_open.score is not None
        assert one_open.score < 100


@pytest.mark.parametrize(("name", "value", "tier"), GROUNDS)
def test_each_ground_holds_the_tier_and_is_named(name: str, value: str, tier: str) -> None:
    result = rated(with_ground(name, value))
    assert result.score is not None
    assert result.score >= 80
    (cap,) = result.caps
    assert (result.band, cap.band, cap.certain) == (tier, tier, True)
    assert "never" in cap.text


def test_every_ground_of_a_service_is_named() -> None:
    for first, second in combinations(GROUNDS[:4], 2):
        result = rated(HARMLESS | {"data": [first[1], second[1]]})
        assert len(result.caps) == 2
    texts = [cap.text for cap in INTAKE.caps]
    assert len(set(texts)) == len(texts) == len(GROUNDS)


def test_nothing_is_critical_or_not_applicable_and_each_choice_offers_unknown() -> None:
    assert INTAKE.weighting == "flat"
    assert [(band.name, band.minimum, band.level) for band in INTAKE.bands] == [
        ("low", 80, 4),
        ("medium", 60, 3),
        ("high", 35, 2),
        ("critical", 0, 1),
    ]
    for question in INTAKE.questions.values():
        assert not question.critical
        assert not question.allow_na
        if question.options:
            unknown = question.option("unknown")
            assert unknown is not None, question.key
            assert (unknown.points, unknown.exclusive) == (0, question.type == "choices"), question.key
    assert sum(question.weight for question in INTAKE.questions.values()) == 130


def test_each_question_makes_the_fact_of_its_name() -> None:
    made = {key.replace("intake.", "engagement."): question for key, question in INTAKE.questions.items()}
    assert set(made) | {"engagement.tier"} == {name for name in TABLE if name.startswith("engagement.")}
    for name, question in made.items():
        fact = TABLE[name]
        kind = "set" if question.type == "choices" else question.type
        assert fact.type.kind == kind, name
        values = {option.value for option in question.options} - {"unknown"}
        assert (fact.type.values or frozenset()) == values, name
        assert list(fact.labels) == [one.value for one in question.options if one.value in values], name


LINE = re.compile(r"\b(first|second|third|fourth) line\b")
LINES = ("first", "second", "third", "fourth")


def test_help_that_names_a_line_means_the_right_one() -> None:
    """Options stand best first: a change of points moves lines, and help that counts them must follow."""
    labels = ("intake@1.0.0", "vulnerability_flash@1.0.0", "privacy_processor@1.0.0")
    core = catalog.get("security_core@1.0.0").questions
    found = {
        (key, word): question.options[LINES.index(word)].value
        for label in labels
        for key, question in catalog.get(label).questions.items()
        if key not in core
        for word in LINE.findall(question.help)
    }
    assert found == {
        ("intake.volume", "first"): "none",
        ("intake.hosting", "first"): "none",
        ("intake.hosting", "fourth"): "elsewhere",
        ("intake.region", "first"): "adequate",
        ("intake.replace", "third"): "year",
        ("campaign.uses", "first"): "affected",
        ("campaign.exposed", "third"): "unknown",
        ("campaign.customer_data", "second"): "possible",
        ("campaign.customer_data", "third"): "yes",
        ("privacy.minimisation", "first"): "least",
        ("privacy.minimisation", "second"): "can_reduce",
    }


def test_the_answers_read_as_facts() -> None:
    facts = parse_facts({f"engagement.{name}": value for name, value in BANK.items()})
    assert facts["engagement.data"] == frozenset({"personal", "financial", "credentials"})
    assert facts["engagement.process"] == "critical"
