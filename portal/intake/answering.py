"""The intake questionnaire: answers to typed ones, a result, and the facts that follow. Pure, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.assessments.drafts import EMPTY, Content, Fault, check
from portal.faults import Invalid
from portal.vendors.facts import ASKED, TIERS, checked_facts
from questionnaires import catalog
from questionnaires.answers import parse_answer
from questionnaires.definition import Questionnaire
from questionnaires.results import Result
from questionnaires.scoring import score

SLUG = "intake"
PREFIX = "intake."
SERVICE = "intake.service"  # becomes the description
UNKNOWN = "unknown"  # an option of its own: answered, and as bad as the worst


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered and what follows. ``values``: question's key -> JSON value, answered ones only.

    ``facts`` as ``Engagement.facts`` keeps them; ``tier``: the band of what is certain, so that a blank or "we do not
    know" is never better than an answer.
    """

    definition: Questionnaire
    values: Mapping[str, Any]
    result: Result
    tier: str
    facts: Mapping[str, Any]
    description: str
    as_of: date


def newest() -> Questionnaire:
    """The newest intake questionnaire that ships."""
    return catalog.latest(SLUG)


def read(definition: Questionnaire, contents: Mapping[str, Content], as_of: date) -> Answered:
    """Check every answer, score them, draw the facts; nothing has to be answered.

    Raises Invalid with a sentence by question's key.
    """
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    for key, question in definition.questions.items():
        found = check(question, contents.get(key, EMPTY), as_of)
        if isinstance(found, Fault):
            errors[key] = found.first
        elif found.state == "answered":
            values[key] = found.value
    facts: dict[str, Any] = {}
    try:
        facts = checked_facts(facts_from(values))
    except Invalid as wrong:
        errors |= {_question(name): sentence for name, sentence in wrong.errors.items()}
    if errors:
        raise Invalid(errors=errors)
    typed = {
        key: parse_answer(definition.questions[key], {"state": "answered", "value": value}, as_of)
        for key, value in values.items()
    }
    result = score(definition, typed, {}, as_of)
    description = values.get(SERVICE, "")
    return Answered(definition, values, result, _tier(result), facts, description, as_of)


def facts_from(values: Mapping[str, Any]) -> dict[str, Any]:
    """``engagement.x`` from ``intake.x``; "we do not know" is no value of a fact."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = "engagement." + key.removeprefix(PREFIX)
        if name in ASKED and value not in (UNKNOWN, [UNKNOWN]):
            found[name] = value
    return found


def unsettled(definition: Questionnaire, values: Mapping[str, Any]) -> list[str]:
    """Keys of the questions that count and that nobody has answered for certain, in order."""
    return [
        key
        for key, question in definition.questions.items()
        if question.weight and values.get(key, UNKNOWN) in (UNKNOWN, [UNKNOWN])
    ]


def _tier(result: Result) -> str:
    """The band's name; an intake that can be scored has one for each tier."""
    return result.band if result.band in TIERS else TIERS[0]


def _question(fact: str) -> str:
    return fact.replace("engagement.", PREFIX, 1)
