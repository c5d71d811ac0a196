"""A questionnaire as an organisation reads it: every question with points, weights and conditions in words."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from questionnaires.conditions import Condition, describe
from questionnaires.definition import Option, Question, Questionnaire, Section


@dataclass(frozen=True, slots=True)
class Points:
    """An answer, or what must hold of it, and the points that it earns; None earns nothing."""

    label: str
    points: int | None
    finding: str = ""


@dataclass(frozen=True, slots=True)
class QuestionInWords:
    """``share`` is the weight's share of its section in per cent, one decimal; "" when it carries none."""

    number: str
    question: Question
    answers: tuple[Points, ...]
    hint: str
    share: str
    asked_when: str
    required_when: str
    evidence: str
    findings: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class SectionInWords:
    number: int
    section: Section
    asked_when: str
    questions: tuple[QuestionInWords, ...]


def sections(definition: Questionnaire) -> list[SectionInWords]:
    """The whole questionnaire, numbered as pages number it."""
    return [_section(definition, number, one) for number, one in enumerate(definition.sections, start=1)]


def caps(definition: Questionnaire) -> list[tuple[str, str, str]]:
    """(band, condition in words, text) of every cap."""
    found = []
    for cap in definition.caps:
        band = definition.band(cap.band)
        found.append((band.label if band else cap.band, _words(definition, cap.when), cap.text))
    return found


def _section(definition: Questionnaire, number: int, section: Section) -> SectionInWords:
    total = sum(one.weight for one in section.questions)
    return SectionInWords(
        number,
        section,
        _words(definition, section.visible_when),
        tuple(
            _question(definition, f"{number}.{place}", one, total)
            for place, one in enumerate(section.questions, start=1)
        ),
    )


def _question(definition: Questionnaire, number: str, question: Question, total: int) -> QuestionInWords:
    tenths = 1000 * question.weight // total if total else 0
    by_option = {rule.option: rule.text for rule in question.findings if rule.option is not None}
    answers = [_option(one, by_option) for one in question.options]
    answers += [Points(_words(definition, rule.when), rule.points) for rule in question.points_when]
    conditional = [rule for rule in question.findings if rule.when is not None]
    return QuestionInWords(
        number,
        question,
        tuple(answers),
        _hint(question),
        f"{tenths // 10}.{tenths % 10}" if question.weight else "",
        _words(definition, question.visible_when),
        _words(definition, question.required_when),
        _evidence(definition, question),
        tuple((rule.severity, rule.text, _words(definition, rule.when)) for rule in conditional),
    )


def _option(one: Option, findings: dict[str, str]) -> Points:
    return Points(one.label, one.points, findings.get(one.value, ""))


def _words(definition: Questionnaire, condition: Condition | None) -> str:
    return "" if condition is None else describe(condition, definition, "organisation")


def _evidence(definition: Questionnaire, question: Question) -> str:
    rule = question.evidence
    if rule is None:
        return ""
    kind = rule.kind.replace("_", " ")
    valid = _(", not older than %(num)s months", num=rule.valid_months) if rule.valid_months else ""
    if rule.required:
        return str(_("Evidence is required: %(kind)s%(valid)s.", kind=kind, valid=valid))
    if rule.required_when is not None:
        when = _words(definition, rule.required_when)
        return str(
            _("Evidence is required if %(when)s: %(kind)s%(valid)s.", when=when, kind=kind, valid=valid)
        )
    return str(_("Evidence helps: %(kind)s%(valid)s.", kind=kind, valid=valid))


def _hint(question: Question) -> str:
    if question.type == "number":
        return _number_hint(question)
    if question.type == "date":
        return str(_("Answered with a date."))
    if question.type == "text":
        return str(_("Answered in words, at most %(num)s characters.", num=question.max_length))
    if question.type == "table":
        columns = ", ".join(one.label for one in question.columns)
        return str(_("Answered in rows: %(columns)s.", columns=columns))
    if question.type == "choices":
        return str(_HOW_COMBINED.get(question.combine or "", _("Several answers are possible.")))
    return ""


_HOW_COMBINED = {
    "sum": "Several answers are possible; their points add up to at most 100.",
    "worst": "Several answers are possible; the one with the fewest points counts.",
    "all": "Several answers are possible; each ticked one earns its part of 100.",
}


def _number_hint(question: Question) -> str:
    unit = f" {question.unit}" if question.unit else ""
    if question.at_least is not None and question.at_most is not None:
        return str(
            _(
                "Answered with a number from %(low)s to %(high)s%(unit)s.",
                low=question.at_least,
                high=question.at_most,
                unit=unit,
            )
        )
    return str(_("Answered with a number%(unit)s.", unit=f" of{unit}" if unit else ""))
