"""A turn (turns.py) in words, for both sides and for the review before signing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from portal.assessments import answering_words as words
from portal.assessments.answering_cards import numbers
from portal.assessments.answering_words import _
from portal.assessments.drafts import EMPTY, Content
from portal.assessments.turns import Turn
from questionnaires.definition import Question, Questionnaire


@dataclass(frozen=True, slots=True)
class Turned:
    """That an answer changed after its finding was shown. ``note``: what stood beside the earlier answer."""

    key: str
    number: str
    text: str
    before: str
    after: str
    note: str
    shown_at: datetime
    changed_at: datetime


def turned(
    definition: Questionnaire, answers: Mapping[str, Content], found: Iterable[Turn]
) -> dict[str, Turned]:
    """Turns in words by key, in definition order; ``answers`` are those that are or would be sealed."""
    by_key, numbered = {one.key: one for one in found}, numbers(definition)
    return {
        key: Turned(
            key,
            numbered[key],
            question.text,
            _said(question, by_key[key].before),
            _said(question, answers.get(key, EMPTY)),
            by_key[key].before.note,
            by_key[key].shown_at,
            by_key[key].changed_at,
        )
        for key, question in definition.questions.items()
        if key in by_key
    }


def _said(question: Question, content: Content) -> str:
    if content.state == "not_applicable":
        return _("Not applicable")
    return "; ".join(words.lines(question, content)) or _("No answer")
