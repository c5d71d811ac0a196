"""The reason of a requirement's outcome in plain English, for the organisation and for vendors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from questionnaires.conditions import CLASSIFICATION, INTERNAL_FACTS, Audience, name_words
from questionnaires.conditions_syntax import Test
from questionnaires.conditions_words import statements
from questionnaires.facts import FACTS

if TYPE_CHECKING:
    from questionnaires.definition import Question
    from questionnaires.requirements_evidence import Evidence


def reason(
    found: bool | None, tests: Iterable[Test], settle: Iterable[str], evidence: Evidence, audience: Audience
) -> str:
    """One sentence: why the outcome is what it is (``tests`` decided it), or what it waits for."""
    if found is None:
        waited = dict.fromkeys(_name(name, evidence.questions, audience) for name in settle)
        return f"Not determined yet. It depends on {_listed(list(waited))}."
    clauses = statements(tests, evidence.reading, evidence.questions, audience)
    return f"{'Required' if found else 'Not required'} because {_listed(clauses)}."


def _name(name: str, questions: Mapping[str, Question], audience: Audience) -> str:
    if audience == "vendor" and name in INTERNAL_FACTS:
        return CLASSIFICATION
    if name not in questions and name not in FACTS:
        return f"{name_words(name, _shipped_questions())}, which nobody has asked yet"
    return name_words(name, questions)


@cache
def _shipped_questions() -> Mapping[str, Question]:
    """Every shipped question in its newest meaning and wording: for what no submission has asked."""
    from questionnaires import catalog

    shipped = (one for label in catalog.shipped() for one in catalog.get(label).questions.values())
    return {one.key: one for one in sorted(shipped, key=lambda one: one.revision)}


def _listed(words: list[str]) -> str:
    """Clauses as one; a comma keeps the last apart from one that has an "and" of its own."""
    comma = "," if any(" and " in one for one in words[:-1]) else ""
    return f"{comma} and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
