"""Shipped content as tests read it: every text that a vendor sees, by questionnaire and section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from questionnaires import catalog
from questionnaires.answers import Answer, parse_answer
from questionnaires.definition import Question, Questionnaire, Section

AS_OF = date(2026, 11, 21)
LABELS = catalog.shipped()


def assessments() -> list[Questionnaire]:
    return [one for one in map(catalog.get, LABELS) if one.purpose == "assessment"]


def texts(section: Section) -> Iterator[str]:
    """Whatever a vendor reads as sentences; labels and titles are none."""
    yield section.intro
    for question in section.questions:
        yield question.text
        yield question.help
        for finding in question.findings:
            yield finding.text


def everything(section: Section) -> Iterator[str]:
    yield section.title
    yield from texts(section)
    for question in section.questions:
        yield from (option.label for option in question.options)
        yield from (column.label for column in question.columns)


def questions(definition: Questionnaire) -> Iterator[Question]:
    yield from definition.questions.values()


def kinds(section: Section) -> Iterator[tuple[str, str]]:
    """Kind and text of whatever has a length of its own."""
    yield "intro", section.intro
    for question in section.questions:
        yield "question", question.text
        yield "help", question.help
        yield from (("label", option.label) for option in question.options)
        yield from (("finding", finding.text) for finding in question.findings)


def a_document(question: Question, value: Any, best: bool) -> dict[str, Any]:
    proof = [{"kind": question.evidence.kind, "issued": "2026-11-01"}] if question.evidence and best else []
    return {"state": "answered", "value": value, "evidence": proof}


GATES: Mapping[str, Any] = {
    "profile.service_type": ["saas"],
    "profile.develops_software": "in_house",
    "profile.hosting": ["public_cloud"],
    "data.categories": ["personal"],
    "suppliers.uses": "with_data",
    "ai.use": "product",
}


def every_answer(
    definition: Questionnaire, best: bool, gates: Mapping[str, Any] = GATES
) -> dict[str, Answer]:
    """The best or the worst answer to every question, the gates answered so that all is asked."""
    found = {}
    for question in questions(definition):
        value = gates[question.key] if question.key in gates else _extreme(question, best)
        found[question.key] = parse_answer(question, a_document(question, value, best), AS_OF)
    return found


def _extreme(question: Question, best: bool) -> Any:
    match question.type:
        case "choice":
            return question.options[0 if best else -1].value
        case "choices":
            plain = [one.value for one in question.options if not one.exclusive]
            return plain if best else [question.options[-1].value]
        case "number":
            rising = any(" >= " in rule.when.source for rule in question.points_when)
            return question.at_most if best == rising else question.at_least
        case "table":
            return [{column.key: "2026-01-01" for column in question.columns}]
        case _:
            return "2026-01-01"
