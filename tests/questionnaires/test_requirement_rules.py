"""Each shipped contract requirement: answers and facts that call for it, that do not, and that leave it open."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from requirement_rules import AS_PROCESSOR, FACTS, PERSONAL, RULES

from questionnaires import catalog
from questionnaires.answers import parse_answer, parse_facts
from questionnaires.definition import Questionnaire
from questionnaires.requirements import Answered, Outcome, Requirement, check_catalogue, evaluate, load

AS_OF = date(2026, 11, 21)
# Every released security_core: a rule must be decided by the answers to any of them alone.
CORES = [f"security_core@{version}" for version in catalog.versions("security_core")]
NEWEST = catalog.latest("security_core")
OLD_NAMES = {
    key: {claim.partition("@")[0] for claim in question.formerly}
    for key, question in NEWEST.questions.items()
}
BY_KEY = {rule.key: rule for rule in RULES}
ASKED = [rule.key for rule in RULES if rule.called]
FIXED = [rule.key for rule in RULES if not rule.called]
# Written once here, so that a file cannot drift from the others of its law.
GROUNDS = {
    "gdpr": '"gdpr" in organisation.regimes and ("personal" in engagement.data or "special" in engagement.data)',
    "dora": '"eu_financial" in organisation.regimes',
    "nis2": '"nis2" in organisation.regimes',
    "nis2_digital": '"nis2_digital" in organisation.regimes',
    "hipaa": '"us_health" in organisation.regimes and "health_us" in engagement.data',
    "pci": '"card" in engagement.data or "card_systems" in engagement.access',
    "iso": '"iso27001" in organisation.regimes',
    "soc2": '"soc2" in organisation.regimes',
    "nist": '"us_federal" in organisation.regimes',
}


def asked(name: str, definition: Questionnaire) -> str:
    """The key under which a version asks what the newest calls ``name``."""
    (found,) = {name, *OLD_NAMES[name]} & definition.questions.keys()
    return found


def outcome(key: str, answers: dict[str, Any], facts: dict[str, Any], core: str = NEWEST.label) -> Outcome:
    definition = catalog.get(core)
    typed = {}
    for name, value in answers.items():
        question = definition.questions[asked(name, definition)]
        typed[question.key] = parse_answer(question, {"state": "answered", "value": value}, AS_OF)
    found = evaluate(load(), [Answered(definition, typed, AS_OF, ())], parse_facts(facts))
    return next(one for one in found if one.requirement.key == key)


def shipped(key: str) -> Requirement:
    found = load().get(key)
    assert found is not None
    return found


def test_every_requirement_has_its_rule_here() -> None:
    assert len(RULES) == len(BY_KEY) == 56
    assert set(BY_KEY) == {one.key for one in load().requirements}


def test_rules_fit_what_is_shipped() -> None:
    assert check_catalogue(load(), map(catalog.get, catalog.shipped())) == []


def test_all_requirements_of_a_law_have_one_ground() -> None:
    for one in load().requirements:
        name = "nis2_digital" if "2024/2690" in one.citations[0] else one.key.split(".")[0]
        assert one.applies_when.source == GROUNDS[name], one.key


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("key", ASKED)
def test_answers_call_for_it(key: str, core: str) -> None:
    known = catalog.get(core).questions.keys() | FACTS.keys()
    for answers in BY_KEY[key].called:
        found = outcome(key, answers, FACTS, core)
        assert (found.outcome, answers) == ("required", answers)
        assert found.decided_by
        assert set(found.decided_by) <= known


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("key", ASKED)
def test_answers_spare_it(key: str, core: str) -> None:
    for answers in BY_KEY[key].spared:
        found = outcome(key, answers, FACTS, core)
        assert (found.outcome, answers) == ("not_required", answers)


@pytest.mark.parametrize("key", ASKED)
def test_every_value_that_a_rule_names_is_tried(key: str) -> None:
    rows = (*BY_KEY[key].called, *BY_KEY[key].spared)
    for test in shipped(key).required_when.tests:
        tried = {value for row in rows if test.key in row for value in listed(row[test.key])}
        assert tried >= {one for one in test.literals if isinstance(one, str)}, (key, test.key)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("key", ASKED)
def test_no_answers_leave_it_open(key: str, core: str) -> None:
    found = outcome(key, {}, FACTS, core)
    assert found.outcome == "undetermined"
    assert found.would_settle
    assert set(found.would_settle) <= catalog.get(core).questions.keys()


@pytest.mark.parametrize("key", FIXED)
def test_the_law_calls_for_it_whatever_is_answered(key: str) -> None:
    assert outcome(key, {}, FACTS).outcome == "required"


@pytest.mark.parametrize("key", BY_KEY)
def test_without_its_ground_it_is_not_required(key: str) -> None:
    for facts in BY_KEY[key].without:
        for answers in [{}, *BY_KEY[key].called]:
            assert outcome(key, answers, FACTS | facts).outcome == "not_required", (facts, answers)


@pytest.mark.parametrize("key", BY_KEY)
def test_unknown_facts_leave_it_open(key: str) -> None:
    for answers in BY_KEY[key].called or ({},):
        found = outcome(key, answers, {})
        assert found.outcome == "undetermined"
        assert found.would_settle


@pytest.mark.parametrize("key", BY_KEY)
def test_a_reason_names_the_law_first(key: str) -> None:
    answers = (BY_KEY[key].called or ({},))[0]
    found = outcome(key, answers, FACTS)
    by_law = "organisation.regimes" in shipped(key).applies_when.names
    words = r"Required because \S.*? binds {}\b" if by_law else "Required because the service touches{}"
    assert re.match(words.format("you" if by_law else ""), found.reason), found.reason
    assert re.match(words.format("your client" if by_law else ""), found.reason_vendor), found.reason_vendor


@pytest.mark.parametrize(
    ("key", "answers", "reason", "vendor"),
    [
        (
            "gdpr.instructions",
            AS_PROCESSOR[0],
            "Required because GDPR binds you, the service touches personal data and the answer to “Who decides what "
            "this customer's personal data is used for?” is “The customer alone; we act only on its orders”.",
            "",
        ),
        (
            "dora.exit",
            {},
            "Required because DORA (EU financial sector) binds you and the process that rests on the service is "
            "critical.",
            "Required because DORA (EU financial sector) binds your client and your client's own classification says "
            "so.",
        ),
        (
            "gdpr.transfers",
            {**PERSONAL, "data.locations": ["us", "other"]},
            "Required because GDPR binds you, the service touches personal data and the answer to “In which regions "
            "can this customer's data be stored or opened?” includes “In the United States” and “In any "
            "other country”.",
            "",
        ),
        (
            "gdpr.breach_hours",
            {"incident.notice_hours": "72"},
            "Required because GDPR binds you, the service touches personal data and the answer to “How many hours "
            "after good reason to suspect a data breach does the customer know, at the latest?” is above 48 hours.",
            "",
        ),
    ],
)
def test_reasons_read_well(key: str, answers: dict[str, Any], reason: str, vendor: str) -> None:
    found = outcome(key, answers, FACTS)
    assert found.reason == reason
    assert found.reason_vendor == (vendor or reason.replace("binds you", "binds your client"))


def test_what_nobody_has_asked_is_named_in_its_newest_meaning() -> None:
    """Other questionnaires still ask for the hours in their first meaning."""
    (found,) = [
        one for one in evaluate(load(), [], parse_facts(FACTS)) if one.requirement.key == "gdpr.breach_hours"
    ]
    assert found.would_settle == ("incident.notice_hours",)
    assert "after good reason to suspect a data breach" in found.reason
    assert catalog.latest("security_lite").questions["incident.notice_hours"].revision == 1


def test_a_comma_keeps_apart_what_has_an_and_of_its_own() -> None:
    found = outcome("gdpr.breach", AS_PROCESSOR[0], FACTS | {"engagement.data": ["personal", "special"]})
    assert found.reason.startswith(
        "Required because GDPR binds you, the service touches personal data and special-category data, and the answer "
    )
