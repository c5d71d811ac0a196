"""Submissions as a store holds them, and their answers typed in the process that works them out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from questionnaires.answer_values import quoted
from questionnaires.answers import (
    Answer,
    AnswerErrors,
    InvalidAnswer,
    parse_answer,
    parse_evidence,
    parse_facts,
    parse_review,
)
from questionnaires.dates import parse_date
from questionnaires.definition import Questionnaire
from questionnaires.requirements import Answered
from questionnaires.what_if import Engagement, Rated, Standing, Stored

# Answers that a process remembers as typed: most lines of a thousand submissions are the same few hundred.
REMEMBERED = 20_000
LONGEST_REMEMBERED = 200  # characters; what is longer holds somebody's own words and hardly comes twice

# How a line begins that bears a note, in canonical JSON: what stands behind the note hardly ever is new.
_NOTED = re.compile(r'([^\t]*\t\{"note":)("(?!")[^"\\]*(?:\\.[^"\\]*)*")')
_NO_NOTE = '""'

_NO_ANSWER = Answer("unanswered")


class Sheet(NamedTuple):
    """What was answered in one submission.

    ``lines``: one for each answer, "key<tab>JSON object of section 6 of the format", joined by line feeds; written as
    canonical JSON is, without control characters. ``evidence`` (documents) and ``reviews`` (marks), by key, are laid
    over them, in the shapes of that section. ``as_of``: "2026-11-21".
    """

    content_hash: str
    as_of: str
    lines: str
    evidence: Mapping[str, Sequence[Mapping[str, Any]]] = {}
    reviews: Mapping[str, Mapping[str, Any]] = {}
    shown: tuple[str, ...] = ()


class PackedEngagement(NamedTuple):
    """An engagement that a submission covers: ``facts`` in their JSON shape, ``others`` places in ``Packed.others``."""

    name: str
    facts: Mapping[str, Any]
    others: tuple[int, ...] = ()


class Packed(NamedTuple):
    """A submission: ``facts`` in their JSON shape, ``others`` the other current ones of the engagement.

    ``result``: of the result on record its members score, high, band, best_band and knockouts, see ``Stored.rated``.
    ``engagements``: see ``Stored.engagements``; ``others`` then holds those of all of them.
    """

    label: str
    sheet: Sheet
    facts: Mapping[str, Any] = {}
    others: tuple[Sheet, ...] = ()
    result: Mapping[str, Any] | None = None
    engagements: tuple[PackedEngagement, ...] = ()


class Reader:
    """Types the submissions of one definition; lines that read the same are read once."""

    def __init__(self, definition: Questionnaire) -> None:
        self.definition = definition
        self._known: dict[str, tuple[str, Answer]] = {}

    def stored(self, packed: Packed, others: tuple[Answered, ...]) -> Stored:
        """A submission with those beside it. Raises AnswerErrors where it does not fit its definition."""
        one = self.answered(packed.sheet)
        facts = parse_facts(packed.facts)
        rated = None if packed.result is None else _rated(packed.result)
        engagements = tuple(
            Engagement(each.name, parse_facts(each.facts), tuple(others[at] for at in each.others))
            for each in packed.engagements
        )
        return Stored(
            *(
                packed.label,
                one.definition,
                one.answers,
                facts,
                one.as_of,
                one.shown,
                others,
                rated,
                engagements,
            )
        )

    def answered(self, sheet: Sheet) -> Answered:
        """The answers of one. Raises AnswerErrors."""
        as_of = parse_date(sheet.as_of)
        try:
            if as_of is None:
                raise InvalidAnswer("as_of", f"Write a date like 2026-11-21, not {quoted(sheet.as_of)}")
            answers = self._answers(sheet, as_of)
        except InvalidAnswer as bad:
            raise AnswerErrors([bad]) from bad
        return Answered(self.definition, answers, as_of, sheet.shown)

    def _answers(self, sheet: Sheet, as_of: date) -> dict[str, Answer]:
        known = self._known.get
        found: dict[str, Answer] = {}
        for line in sheet.lines.split("\n") if sheet.lines else ():
            key, answer = known(line) or self._read(line, as_of)
            found[key] = answer
        for key, documents in sheet.evidence.items():
            found[key] = replace(found.get(key, _NO_ANSWER), evidence=parse_evidence(key, documents))
        for key, mark in sheet.reviews.items():
            answer = found.get(key, _NO_ANSWER)
            review = parse_review(self.definition.questions[key], answer.state, mark)
            # As replace(...) does, in a third of the time: a reviewer marks every answer.
            found[key] = Answer(answer.state, answer.value, answer.note, answer.evidence, review)
        return found

    def _read(self, line: str, as_of: date) -> tuple[str, Answer]:
        noted = _NOTED.match(line)
        if noted is None:
            return self._typed(line, as_of)
        bare = noted[1] + _NO_NOTE + line[noted.end() :]
        key, answer = self._known.get(bare) or self._typed(bare, as_of)
        return key, Answer(answer.state, answer.value, json.loads(noted[2]), answer.evidence, answer.review)

    def _typed(self, line: str, as_of: date) -> tuple[str, Answer]:
        key, _tab, text = line.partition("\t")
        question = self.definition.questions.get(key)
        if question is None:
            raise InvalidAnswer(key, f"{self.definition.label} has no such question")
        found = key, parse_answer(question, json.loads(text), as_of)
        # What is read of a date hangs on the day.
        if question.type != "date" and len(line) <= LONGEST_REMEMBERED:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[line] = found
        return found


def _rated(result: Mapping[str, Any]) -> Rated:
    score, high = (_rational(result[name]) for name in ("score", "high"))
    standing = Standing(score, high, result["band"], result["best_band"])
    return Rated(standing, {one["key"]: one["kind"] for one in result["knockouts"]})


def _rational(found: Mapping[str, str] | None) -> Fraction | None:
    return None if found is None else Fraction(int(found["num"]), int(found["den"]))
