"""The shortest way up for a page: each step in words, gains that add up from the score to the last step."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from portal.apportion import hundredths
from portal.assessments import answering_words
from portal.assessments.answering_cards import numbers
from portal.assessments.drafts import Content
from questionnaires.answers import Value, raw_value
from questionnaires.definition import Band
from questionnaires.fixes import Fixes

if TYPE_CHECKING:
    from questionnaires.definition import Question, Questionnaire


@dataclass(frozen=True, slots=True)
class Step:
    """One change. ``gain`` and ``after`` in hundredths; ``band`` only where this step reaches a new one.

    ``needs``: another ``answer``, ``evidence`` for the one that stands, or a reviewer's ``grade``.
    """

    key: str
    number: str
    text: str
    needs: str
    before: str
    to: str
    document: str
    gain: int
    after: int
    band: Band | None
    knockouts: tuple[str, ...]
    caps: int


@dataclass(frozen=True, slots=True)
class Way:
    """The steps, and whether they reach the best band."""

    steps: tuple[Step, ...]
    reached: bool
    reason: str


def way(definition: Questionnaire, fixes: Fixes, score: Fraction, band: str | None) -> Way:
    """``fixes`` for a page; ``score`` and ``band`` are where they start."""
    numbered = numbers(definition)
    steps, last, standing = [], hundredths(score), band
    for one in fixes.steps:
        question, after = definition.questions[one.key], hundredths(one.score_after)
        reached = definition.band(one.band_after) if one.band_after and one.band_after != standing else None
        steps.append(
            Step(
                one.key,
                numbered[one.key],
                question.text,
                one.needs,
                _words(question, one.from_value),
                _words(question, one.to_value),
                answering_words.evidence_name(one.document) if one.document else "",
                after - last,
                after,
                reached,
                tuple(numbered[key] for key in one.knockouts_removed),
                len(one.caps_lifted),
            )
        )
        last, standing = after, one.band_after
    return Way(tuple(steps), fixes.reached, fixes.reason)


def _words(question: Question, value: Value | None) -> str:
    """A typed value in one line, "" for none."""
    if value is None:
        return ""
    return "; ".join(answering_words.lines(question, Content("answered", raw_value(question, value))))
