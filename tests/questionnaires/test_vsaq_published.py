"""The questionnaires that VSAQ publishes, where they lie beside the checkout: imported, checked, answered."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from questionnaires.answers import Answer, parse_answer
from questionnaires.checking import check
from questionnaires.definition import Question, Questionnaire
from questionnaires.interchange.vsaq import ImportResult, read_vsaq
from questionnaires.parsing import parse_json
from questionnaires.scoring import score
from questionnaires.visibility import look
from tests.published import published

AS_OF = date(2026, 11, 21)
LARGE = ("webapp.json", "infrastructure.json")
TEMPLATES = ("test_template.json", "test_template_extension.json")


def load(name: str, *extensions: str) -> tuple[Questionnaire, ImportResult]:
    more = [(published("vsaq") / one).read_bytes() for one in extensions]
    result = read_vsaq((published("vsaq") / name).read_bytes(), slug="vsaq", extensions=more)
    return parse_json(json.dumps(result.definition_json).encode()), result


def test_check_finds_nothing_in_them() -> None:
    alone = [(name,) for name in (*LARGE, *TEMPLATES)]
    for files in [*alone, TEMPLATES]:
        definition, _ = load(*files)
        assert (files, [str(fault) for fault in check(definition)]) == (files, [])


def test_every_question_and_warning_arrives() -> None:
    for name in LARGE:
        definition, result = load(name)
        text = (published("vsaq") / name).read_text(encoding="utf-8")
        questions = definition.questions.values()
        for kinds, kind in (
            (("radiogroup",), "choice"),
            (("checkgroup",), "choices"),
            (("line", "box"), "text"),
        ):
            written = sum(text.count(f'"type": "{one}"') for one in kinds)
            assert written == sum(question.type == kind for question in questions), (name, kind)
        findings = [finding for question in questions for finding in question.findings]
        assert len(findings) >= text.count('"warn": "yes"')
        assert all(question.refs for question in questions)
        assert not [line for line in result.report.lines if "the condition" in line]
        assert "Apache License" in str(result.report)


def test_an_extension_adds_its_question() -> None:
    assert len(load(*TEMPLATES)[0].questions) == len(load(TEMPLATES[0])[0].questions) + 1


def a_value(question: Question, best: bool) -> Any:
    if not question.options:
        return "Something"
    ranked = sorted(question.options, key=lambda one: one.points or 0, reverse=best)
    return ranked[0].value if question.type == "choice" else [ranked[0].value]


def test_a_person_can_answer_them_to_the_end() -> None:
    for name in LARGE:
        for best in (True, False):
            definition, _ = load(name)
            answers: dict[str, Answer] = {}
            while missing := look(definition, answers, {}, AS_OF).missing:
                question = definition.questions[missing[0]]
                assert question.key not in answers
                raw = {"state": "answered", "value": a_value(question, best)}
                answers[question.key] = parse_answer(question, raw, AS_OF)
            result = score(definition, answers, {}, AS_OF)
            assert result.score == result.high
            assert (result.band == "strong") == best, (name, best, result.band)
