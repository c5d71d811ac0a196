"""What a page shows: visible, required and missing questions, progress, and why a question is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from questionnaires.conditions import MISSING, Condition, Reading, holds
from questionnaires.conditions_evaluation import decided_by
from questionnaires.conditions_words import statement
from questionnaires.plan import known_facts

if TYPE_CHECKING:
    from questionnaires.answers import Answer
    from questionnaires.definition import FindingRule, Question, Questionnaire

SHOWN = "Your client asked for this answer."


@dataclass(frozen=True)
class Look:
    """The two-valued view of a set of answers; it counts the questions that are visible and required."""

    visible: frozenset[str]
    visible_sections: tuple[str, ...]
    required: frozenset[str]
    missing: tuple[str, ...]
    evidence_required: frozenset[str]
    _definition: Questionnaire = field(repr=False, compare=False)
    _reading: Reading = field(repr=False, compare=False)
    _shown: frozenset[str] = field(repr=False, compare=False)

    @property
    def total(self) -> int:
        return len(self.required)

    @property
    def answered(self) -> int:
        return len(self.required) - len(self.missing)

    def progress(self, section_key: str) -> tuple[int, int]:
        """(done, asked) over the required visible questions of a section; (0, 0) for an unknown section."""
        return self._progress.get(section_key, (0, 0))

    @cached_property
    def _progress(self) -> Mapping[str, tuple[int, int]]:
        open_keys = frozenset(self.missing)
        found: dict[str, tuple[int, int]] = {}
        for section in self._definition.sections:
            asked = [one.key for one in section.questions if one.key in self.required]
            found[section.key] = (sum(key not in open_keys for key in asked), len(asked))
        return found

    @cached_property
    def why(self) -> Mapping[str, str]:
        """For each visible question with a condition, the reason that it is asked, as vendors may read it."""
        found: dict[str, str] = {}
        for key, question in self._definition.questions.items():
            section = self._definition.section_of[key]
            conditions = [one for one in (section.visible_when, question.visible_when) if one is not None]
            if key not in self.visible or not conditions:
                continue
            found[key] = self._reason(conditions)
        return found

    def _reason(self, conditions: list[Condition]) -> str:
        if not all(holds(one, self._reading) for one in conditions):
            return SHOWN
        # Of several alternatives only those that hold are a reason.
        clauses = [
            statement(test, self._reading, self._definition.questions, "vendor")
            for one in conditions
            for test in decided_by(one.root, self._reading)
        ]
        return f"Asked because {' and '.join(dict.fromkeys(clauses))}."


def look(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    facts: Mapping[str, Any],
    as_of: date,
    shown: Collection[str] = (),
) -> Look:
    """What a page shows for these answers. ``shown``: keys that a return made visible in spite of conditions.

    Review marks play no part; what is hidden, unanswered, suggested, not applicable or unknown is missing.
    """
    plan, insisted = definition.plan, frozenset(shown)
    reading = Reading(as_of, MISSING)
    reading.update(known_facts(facts))
    visible: set[str] = set()
    for item in plan.ordered:
        if item.key not in insisted and (
            (item.section_visible is not None and not item.section_visible(reading))
            or (item.own_visible is not None and not item.own_visible(reading))
        ):
            continue
        visible.add(item.key)
        answer = answers.get(item.key)
        if answer is not None and answer.state == "answered":
            reading[item.key] = answer.value
    seen = [question for key, question in definition.questions.items() if key in visible]
    required = [one.key for one in seen if _is_required(one, reading)]
    return Look(
        frozenset(visible),
        tuple(
            section.key
            for section in definition.sections
            if any(one.key in visible for one in section.questions)
        ),
        frozenset(required),
        tuple(key for key in required if not is_done(answers.get(key))),
        frozenset(one.key for one in seen if _needs_evidence(one, reading)),
        definition,
        reading,
        insisted,
    )


def is_done(answer: Answer | None) -> bool:
    """Whether an answer may be submitted: answered, or not applicable with the note that says why."""
    if answer is None:
        return False
    return answer.state == "answered" or (answer.state == "not_applicable" and bool(answer.note.strip()))


def earned_findings(
    question: Question, answers: Mapping[str, Answer], facts: Mapping[str, Any], as_of: date
) -> tuple[FindingRule, ...]:
    """The findings that the answers (of visible questions) earn at ``question``, in its order."""
    reading = Reading(as_of, MISSING)
    reading.update(known_facts(facts))
    for key, answer in answers.items():
        if answer.state == "answered":
            reading[key] = answer.value
    chosen = reading[question.key]
    if chosen is MISSING:
        # A finding hangs on an answer; before there is one, nothing has been found.
        return ()
    return tuple(
        finding
        for finding in question.findings
        if (holds(finding.when, reading) if finding.when is not None else _is_chosen(finding.option, chosen))
    )


def _is_chosen(option: str | None, value: object) -> bool:
    return option in value if isinstance(value, tuple) else option == value


def _is_required(question: Question, reading: Reading) -> bool:
    if question.required_when is not None:
        return holds(question.required_when, reading)
    return question.required


def _needs_evidence(question: Question, reading: Reading) -> bool:
    rule = question.evidence
    if rule is None:
        return False
    return rule.required or (rule.required_when is not None and holds(rule.required_when, reading))
