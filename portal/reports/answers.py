"""The sealed answers for reading: question by question, with promises, findings, state and points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.assessments import sealing
from portal.assessments.answering_cards import Card, numbers, sealed_card
from portal.assessments.documents import sealed_views
from portal.assessments.drafts import EMPTY
from portal.reports.page import Row
from portal.reports.queries import Report
from questionnaires.answers import parse_facts
from questionnaires.visibility import earned_findings, look


@dataclass(frozen=True, slots=True)
class Read:
    """One question as sealed. ``state`` (of the trace) and ``row`` (what it counts) only where they may be seen."""

    card: Card
    state: str
    row: Row | None
    redacted: bool
    broken: bool


@dataclass(frozen=True, slots=True)
class SealedSection:
    """One section with the questions that were asked."""

    number: int
    key: str
    title: str
    reads: tuple[Read, ...]


def sections(
    report: Report, opened: tuple[str, Mapping[str, Any]] | None = None
) -> tuple[SealedSection, ...]:
    """Every section with a question that was asked, in definition order.

    ``opened``: endpoint and place through which this reader opens the documents; None leaves them out of the cards.
    """
    definition, rated = report.definition, report.rated
    typed = sealing.typed_answers(definition, rated.sealed, rated.submission.as_of, rated.documents)
    facts = parse_facts(rated.rating.facts)
    redacted, broken = frozenset(rated.proof.redacted), frozenset(rated.proof.broken)
    seen = look(definition, typed, facts, rated.submission.as_of, rated.rating.shown or ()).visible
    asked = seen | typed.keys() | redacted | broken | rated.documents.keys()
    states: Mapping[str, str] = {}
    rows: Mapping[str, Row] = {}
    if report.page is not None:
        states = {line.key: line.state for line in report.page.outcome.lines.values()}
        rows = {row.key: row for row in report.page.rows}
    numbered = numbers(definition)
    found = []
    for at, section in enumerate(definition.sections, 1):
        reads = tuple(
            Read(
                sealed_card(
                    definition,
                    question,
                    numbered[question.key],
                    report.answers.get(question.key, EMPTY),
                    earned_findings(question, typed, facts, rated.submission.as_of),
                    sealed_views(
                        rated.documents.get(question.key, ()),
                        question.evidence,
                        rated.submission.as_of,
                        *opened,
                    )
                    if opened
                    else (),
                ),
                states.get(question.key, ""),
                rows.get(question.key),
                question.key in redacted,
                question.key in broken,
            )
            for question in section.questions
            if question.key in asked
        )
        if reads:
            found.append(SealedSection(at, section.key, section.title, reads))
    return tuple(found)
