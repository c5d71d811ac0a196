"""Conditions and what was read, in plain English, for the organisation and for vendors."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from test_conditions import QUESTIONS, TODAY, reading

from questionnaires.conditions import FACTS, INTERNAL_FACTS, MISSING, describe, parse
from questionnaires.conditions_words import statement, statements

VENDORS_READ = {
    "binds you": "binds your client",
    "bind you": "bind your client",
    "the vendor's access": "your access",
}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('a.choice == "x"', "the answer to “Who builds it?” is “We do”"),
        ('a.choice != "x"', "the answer to “Who builds it?” is not “We do”"),
        ('a.choice in ("x", "y")', "the answer to “Who builds it?” is “We do” or “Others do”"),
        ('not (a.choice in ("x", "y"))', "the answer to “Who builds it?” is not “We do” or “Others do”"),
        ('a.choice == "gone"', "the answer to “Who builds it?” is gone"),
        ('"p" in a.set', "the answer to “Which data?” includes “Personal data”"),
        ('"p" not in a.set', "the answer to “Which data?” does not include “Personal data”"),
        ("a.number > 72", "the answer to “How soon?” is above 72 hours"),
        ("not a.count < 5", "the answer to “How many?” is not below 5"),
        (
            'not a.date <= "2026-01-01"',
            "it is not so that the answer to “Last test?” is not after 2026-01-01",
        ),
        ('a.date < "2026-01-01"', "the answer to “Last test?” is before 2026-01-01"),
        ("within(a.date, 1)", "the answer to “Last test?” lies within the last 1 month"),
        ("age_months(a.date) > 24", "the answer to “Last test?” is more than 24 months old"),
        ("months_until(a.date) < 3", "the answer to “Last test?” is fewer than 3 months away"),
        ("points(a.points) < 50", "the answer to “Question a.points?” earns fewer than 50 points"),
        ("answered(a.date)", "the answer to “Last test?” is given"),
        ("not answered(a.date)", "the answer to “Last test?” is missing"),
        ("b.gone", "the answer to b.gone is true"),
        ("not b.gone", "the answer to b.gone is false"),
        ("value <= 24", "the answer is at most 24"),
        ('"gdpr" in organisation.regimes', "GDPR binds you"),
        ('"gdpr" not in organisation.regimes', "GDPR does not bind you"),
        (
            '"gdpr" in organisation.regimes and "nis2" in organisation.regimes and "pci" in organisation.regimes',
            "GDPR, NIS2 and PCI DSS bind you",
        ),
        ('"gdpr" in organisation.regimes or "nis2" in organisation.regimes', "GDPR or NIS2 binds you"),
        (
            'not ("gdpr" in organisation.regimes or "nis2" in organisation.regimes)',
            "neither GDPR nor NIS2 binds you",
        ),
        ('"card" in engagement.data', "the service touches payment card data"),
        ('"privileged" in engagement.access', "the vendor's access includes administrator rights"),
        ('"premises" not in engagement.access', "the vendor's access does not include premises"),
        ('engagement.hosting == "ours"', "the place where the service runs is at the organisation"),
        (
            'a.choice == "x" and ("p" in a.set or a.count > 1)',
            "the answer to “Who builds it?” is “We do”, and either the answer to “Which data?” includes “Personal "
            "data” or the answer to “How many?” is above 1",
        ),
        (
            'a.count > 1 and answered(a.choice) or "p" in a.set',
            "the answer to “How many?” is above 1 and the answer to “Who builds it?” is given, or the answer to “Which "
            "data?” includes “Personal data”",
        ),
        (
            'not ("q" in a.set or "p" in a.set)',
            "the answer to “Which data?” includes neither “Cards” nor “Personal data”",
        ),
        (
            '"personal" not in engagement.data and not "card" in engagement.data and "special" not in engagement.data',
            "the service touches none of personal data, payment card data and special-category data",
        ),
        (
            '"gdpr" in organisation.regimes and ("personal" in engagement.data or "card" in engagement.data)',
            "GDPR binds you and the service touches personal data or payment card data",
        ),
        (
            '"personal" not in engagement.data or "card" not in engagement.data',
            "the service does not touch personal data or the service does not touch payment card data",
        ),
        (
            '"personal" in engagement.data and a.count > 1 and "card" in engagement.data',
            "the service touches personal data and payment card data and the answer to “How many?” is above 1",
        ),
        (
            'not (a.choice == "x" or "p" in a.set)',
            "the answer to “Who builds it?” is not “We do” and the answer to “Which data?” does not include "
            "“Personal data”",
        ),
    ],
)
def test_conditions_in_plain_english(source: str, words: str) -> None:
    assert describe(parse(source), QUESTIONS, "organisation") == words
    for told, vendor in VENDORS_READ.items():
        words = words.replace(told, vendor)
    assert describe(parse(source), QUESTIONS.questions, "vendor") == words


@pytest.mark.parametrize("fact", sorted(INTERNAL_FACTS))
def test_vendors_learn_nothing_of_internal_facts(fact: str) -> None:
    kind = FACTS[fact]
    literals = [f'"{value}"' for value in sorted(kind.values or ())] or ["1000"]
    for literal in literals:
        for operator in ("==", "!="):
            for source in (
                f"{fact} {operator} {literal}",
                f"not ({fact} {operator} {literal})",
                f"answered({fact})",
            ):
                assert (
                    describe(parse(source), QUESTIONS, "vendor") == "your client's own classification says so"
                )
                assert "classification" not in describe(parse(source), QUESTIONS, "organisation")


def test_an_internal_fact_is_mentioned_once() -> None:
    source = 'engagement.tier == "high" or engagement.process == "critical" or answered(a.date)'
    assert describe(parse(source), QUESTIONS, "vendor") == (
        "your client's own classification says so or the answer to “Last test?” is given"
    )


@pytest.mark.parametrize(
    ("source", "value", "words"),
    [
        ('a.choice == "x"', "x", "the answer to “Who builds it?” is “We do”"),
        ('a.choice == "x"', "y", "the answer to “Who builds it?” is “Others do”"),
        ('a.choice == "x"', "gone", "the answer to “Who builds it?” is gone"),
        ('a.choice == "x"', MISSING, "there is no answer that counts to “Who builds it?”"),
        ('"p" in a.set', ("q",), "the answer to “Which data?” does not include “Personal data”"),
        ('"p" in a.set', ("p",), "the answer to “Which data?” includes “Personal data”"),
        ("a.number > 48", Decimal(72), "the answer to “How soon?” is above 48 hours"),
        ("a.number > 48", Decimal(24), "the answer to “How soon?” is 24 hours"),
        ("a.count > 48", Decimal(24), "the answer to “How many?” is 24"),
        ("within(a.date, 12)", TODAY, "the answer to “Last test?” lies within the last 12 months"),
        ("within(a.date, 12)", date(2020, 1, 1), "the answer to “Last test?” is 2020-01-01"),
        ("answered(a.choice)", "x", "the answer to “Who builds it?” is given"),
        ("a.flag", True, "the answer to a.flag is true"),
        ("a.flag", False, "the answer to a.flag is false"),
        ('engagement.hosting == "ours"', "agreed", "the place where the service runs is at an agreed place"),
        ('engagement.hosting == "ours"', MISSING, "the place where the service runs is not known"),
        ('vendor.country == "DE"', "FR", "the vendor's country is FR"),
        ('engagement.tier == "high"', "high", "the tier of the engagement is high"),
    ],
)
def test_how_things_stand_in_words(source: str, value: Any, words: str) -> None:
    (test,) = parse(source).tests
    found = reading({test.key: value})
    assert statement(test, found, QUESTIONS.questions, "organisation") == words
    if test.key in INTERNAL_FACTS:
        words = "your client's own classification says so"
    assert statement(test, found, QUESTIONS.questions, "vendor") == words


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0, 0, 1), "the answer to “Question a.points?” earns fewer than 50 points"),
        ((200, 200, 3), "the answer to “Question a.points?” earns 66.6 points"),
        (None, "the answer to “Question a.points?” is not scored here"),
    ],
)
def test_how_points_stand_in_words(interval: tuple[int, int, int] | None, words: str) -> None:
    (test,) = parse("points(a.points) < 50").tests
    found = reading()
    found.points["a.points"] = interval
    assert statement(test, found, QUESTIONS.questions, "vendor") == words


def test_what_one_set_holds_is_told_in_one_clause() -> None:
    source = """
"gdpr" in organisation.regimes and ("personal" in engagement.data or "card" in engagement.data
or "special" in engagement.data) and a.choice == "x" and "pci" not in organisation.regimes"""
    held = reading(
        {
            "organisation.regimes": frozenset({"gdpr"}),
            "engagement.data": frozenset({"personal", "card"}),
            "a.choice": "x",
        }
    )
    clauses = statements(parse(source).tests, held, QUESTIONS.questions, "organisation")
    assert clauses == [
        "GDPR binds you",
        "the service touches personal data and payment card data",
        "the service does not touch special-category data",
        "the answer to “Who builds it?” is “We do”",
        "PCI DSS does not bind you",
    ]
    held["engagement.data"] = frozenset({"confidential"})
    held["organisation.regimes"] = MISSING
    clauses = statements(parse(source).tests, held, QUESTIONS.questions, "vendor")
    assert clauses == [
        "the list of rules that bind the organisation is not known",
        "the service touches none of personal data, payment card data and special-category data",
        "the answer to “Who builds it?” is “We do”",
    ]
