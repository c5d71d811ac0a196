"""The shipped privacy_processor: its size and weights, the questions it shares with security_core, best and worst."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from questionnaires import catalog
from questionnaires.answers import Answer, parse_answer
from questionnaires.canonical import definition_json
from questionnaires.definition import Question, Questionnaire
from questionnaires.scoring import score
from questionnaires.visibility import earned_findings, look

AS_OF = date(2026, 11, 21)
PRIVACY = catalog.get("privacy_processor@1.0.0")
CORE = catalog.get("security_core@1.0.0")
SHARED = {
    "data.categories": 0,
    "data.locations": 0,
    "data.retention": 7,
    "privacy.role": 0,
    "privacy.dpa": 16,
    "privacy.own_purposes": 16,
    "privacy.records": 5,
    "privacy.rights": 8,
    "privacy.transfers": 12,
    "privacy.authority_requests": 5,
    "privacy.special_data": 10,
    "people.confidentiality": 8,
    "suppliers.uses": 0,
    "suppliers.subprocessors": 0,
    "suppliers.contracts": 12,
    "suppliers.change_notice": 8,
    "incident.notice_hours": 16,
    "exit.deletion": 13,
    "exit.audit": 8,
}
OWN = {
    "privacy.purposes": 0,
    "privacy.instructions": 10,
    "privacy.officer": 5,
    "privacy.established": 0,
    "privacy.representative": 5,
    "privacy.impact": 6,
    "privacy.minimisation": 7,
    "privacy.pseudonymised": 7,
    "privacy.access_log": 8,
    "privacy.breach_content": 8,
    "privacy.training": 6,
    "privacy.automated": 5,
    "privacy.assurance": 5,
}
GATES: dict[str, Any] = {
    "data.categories": ["personal", "special"],
    "data.locations": ["eea", "us"],
    "privacy.established": "no",
    "suppliers.uses": "with_data",
}


def asked(definition: Questionnaire) -> dict[str, dict[str, Any]]:
    sections = definition_json(definition)["sections"]
    found = {one["key"]: dict(one) for section in sections for one in section["questions"]}
    for one in found.values():
        one.pop("visible_when", None)
    return found


def test_it_is_what_the_brief_asks_for() -> None:
    assert {key: question.weight for key, question in PRIVACY.questions.items()} == SHARED | OWN
    assert [(one.key, one.weight) for one in PRIVACY.sections] == [
        ("mandate", 25),
        ("handling", 20),
        ("people", 10),
        ("rights", 10),
        ("suppliers", 15),
        ("breaches", 12),
        ("exit", 8),
    ]
    assert {key for key, question in PRIVACY.questions.items() if question.critical} == {
        "privacy.dpa",
        "privacy.own_purposes",
        "privacy.transfers",
        "suppliers.contracts",
        "incident.notice_hours",
        "exit.deletion",
    }
    assert PRIVACY.knockout_band == "partial"
    assert not any(question.allow_na for question in PRIVACY.questions.values())


@pytest.mark.parametrize("key", SHARED)
def test_a_shared_question_is_that_of_core_in_every_field(key: str) -> None:
    assert asked(PRIVACY)[key] == asked(CORE)[key]


def test_nothing_else_is_shared() -> None:
    assert PRIVACY.questions.keys() & CORE.questions.keys() == SHARED.keys()


def typed(values: dict[str, Any], document: bool = True) -> dict[str, Answer]:
    found = {}
    for key, value in values.items():
        question = PRIVACY.questions[key]
        proof = (
            [{"kind": question.evidence.kind, "issued": "2026-11-01"}]
            if question.evidence and document
            else []
        )
        raw = {"state": "answered", "value": value, "evidence": proof}
        found[key] = parse_answer(question, raw, AS_OF)
    return found


def every(best: bool) -> dict[str, Any]:
    return {key: GATES.get(key) or _one(question, best) for key, question in PRIVACY.questions.items()}


def _one(question: Question, best: bool) -> Any:
    if question.type == "table":
        return [{column.key: "2026-01-01" for column in question.columns}]
    if question.type == "number":
        return question.at_least if best else question.at_most
    if question.type == "choices":
        return [one.value for one in question.options if one.exclusive is not best]
    return question.options[0 if best else -1].value


def test_the_best_answers_are_strong() -> None:
    result = score(PRIVACY, typed(every(best=True)), {}, AS_OF)
    assert (result.score, result.high, result.band, result.knockouts) == (100, 100, "strong", ())


def test_the_worst_answers_are_weak_and_warned_of() -> None:
    answers = typed(every(best=False), document=False)
    result = score(PRIVACY, answers, {}, AS_OF)
    assert result.band == "weak"
    assert result.score is not None
    assert result.score < 2
    assert len(result.knockouts) == 6
    for question in PRIVACY.questions.values():
        # Not to know one's own role earns no points either way, but it decides which contract is due.
        warned = bool(question.weight) or question.key == "privacy.role"
        assert bool(earned_findings(question, answers, {}, AS_OF)) == warned, question.key


def test_a_denial_of_data_hides_only_what_is_about_special_data() -> None:
    visible = set(look(PRIVACY, typed(GATES | {"data.categories": ["none_held"]}), {}, AS_OF).visible)
    assert set(PRIVACY.questions) - visible == {"privacy.special_data"}


@pytest.mark.parametrize(
    ("gates", "hidden"),
    [
        ({"privacy.established": "yes"}, {"privacy.representative"}),
        ({"data.locations": ["eea", "uk"]}, {"privacy.transfers"}),
        (
            {"suppliers.uses": "no_data"},
            {"suppliers.subprocessors", "suppliers.contracts", "suppliers.change_notice"},
        ),
        ({"data.categories": ["personal"]}, {"privacy.special_data"}),
    ],
)
def test_what_does_not_concern_a_vendor_is_not_asked(gates: dict[str, Any], hidden: set[str]) -> None:
    assert set(PRIVACY.questions) - set(look(PRIVACY, typed(GATES | gates), {}, AS_OF).visible) == hidden


@pytest.mark.parametrize(
    ("chosen", "warned"),
    [
        (["none"], True),
        (["contact", "effects", "measures"], True),
        (["nature"], False),
        (["nature", "contact", "effects", "measures"], False),
    ],
)
def test_a_first_message_without_substance_is_warned_of(chosen: list[str], warned: bool) -> None:
    question = PRIVACY.questions["privacy.breach_content"]
    answers = typed({question.key: chosen})
    assert bool(earned_findings(question, answers, {}, AS_OF)) == warned
