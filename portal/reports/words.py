"""Numbers of questions, and typed values in the words of the answering pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from portal.assessments import answering_words
from portal.assessments.drafts import Content
from questionnaires.answers import Value, raw_value

if TYPE_CHECKING:
    from questionnaires.definition import Question, Section


def numbers(sections: Iterable[Section]) -> dict[str, str]:
    """The number of each question by key: ``3.1`` is the first question of the third section, hidden or not."""
    return {
        question.key: f"{at}.{place}"
        for at, section in enumerate(sections, 1)
        for place, question in enumerate(section.questions, 1)
    }


def of_value(question: Question, value: Value | None) -> str:
    """A typed value in one line, "" for none."""
    if value is None:
        return ""
    return "; ".join(answering_words.lines(question, Content("answered", raw_value(question, value))))
