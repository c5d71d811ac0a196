"""Warnings: what is allowed in a definition and rarely meant. Shipped content has none (``--strict``)."""

from __future__ import annotations

from collections.abc import Mapping

from questionnaires.checking_conditions import gates, question_conditions
from questionnaires.checking_reach import TODAY, unreachable
from questionnaires.checking_report import Report
from questionnaires.conditions import MISSING, Condition, Reading, Test, holds
from questionnaires.dates import MAX_DATE, MIN_DATE
from questionnaires.definition import Question, Questionnaire


def warn(report: Report, *, readable: bool) -> None:
    """Put all warnings into the report; if conditions are ``readable`` also what trying them out shows."""
    _warn_of_weightless_sections(report)
    _warn_of_paying_gates(report)
    for question in report.questions():
        asked = question.required or question.required_when is not None
        alone = any(option.exclusive for option in question.options)
        if question.type == "choices" and asked and question.options and not alone:
            message = "none is exclusive: who has none of them cannot answer this required question"
            report.warning(question.key, "options", message)
    _warn_of_ages(report)
    if readable:
        for question in report.questions():
            _warn_of_days_that_pay(report, question)
        _warn_of_unreachable(report)


def _warn_of_weightless_sections(report: Report) -> None:
    if report.definition.weighting != "sections":
        return
    for section in report.definition.sections:
        if section.weight == 0 and any(question.weight for question in section.questions):
            report.section_warning(section, "weight", "is 0: none of its scored questions counts")


def _warn_of_paying_gates(report: Report) -> None:
    """A scored or critical question that the answer of a scored one hides: the worse answer would pay."""
    graph = gates(report.definition)
    weights = {question.key: question.weight for question in report.questions()}
    for question in report.questions():
        if not question.weight and not question.critical:
            continue
        paying = sorted(name for name in _behind(question.key, graph) if weights[name])
        if paying:
            message = f"scored, yet hidden by the scored {', '.join(paying[:5])}; gates are facts of weight 0"
            report.warning(question.key, "visible_when", message)


def _behind(key: str, graph: Mapping[str, set[str]]) -> set[str]:
    """All questions whose answers decide, directly or through others, whether this one is asked."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found - {key}


def _warn_of_ages(report: Report) -> None:
    definition = report.definition
    for key, field, condition in _all_conditions(definition):
        for message in _age_messages(condition, definition):
            report.warning(key, field, message)
    for section in definition.sections:
        if section.visible_when is not None:
            for message in _age_messages(section.visible_when, definition):
                report.section_warning(section, "visible_when", message)


def _age_messages(condition: Condition, definition: Questionnaire) -> list[str]:
    found = (_age_message(test, definition) for test in condition.tests)
    return [message for message in found if message is not None]


def _age_message(test: Test, definition: Questionnaire) -> str | None:
    """A date that is missing a measure makes every comparison of it false, which is rarely what is meant."""
    if test.subject not in ("age_months", "months_until"):
        return None
    months, question = test.literals[0], definition.questions.get(test.key)
    if test.subject == "age_months" and test.operator == "<=":
        return (
            f"age_months({test.key}) <= {months} is true until the month after; "
            f"write within({test.key}, {months})"
        )
    if question is None:
        return None
    if test.subject == "age_months" and test.operator in (">", ">=") and question.not_after is None:
        return f'a day to come has no age: give {test.key} a not_after of "today"'
    if test.subject == "months_until" and test.operator in ("<", "<=") and question.not_before is None:
        contrary = ">=" if test.operator == "<" else ">"
        return (
            f"months_until({test.key}) {test.operator} {months} is false once the day is past; "
            f"write not months_until({test.key}) {contrary} {months}"
        )
    return None


def _warn_of_days_that_pay(report: Report, question: Question) -> None:
    """Points for a day that has no age, or no months until it, mostly come of a ``not`` or ``!=``."""
    for at, rule in enumerate(question.points_when):
        if question.type != "date" or not rule.points:
            continue
        for subject, day, bound, what in (
            ("age_months", MAX_DATE, question.not_after, "to come"),
            ("months_until", MIN_DATE, question.not_before, "long past"),
        ):
            if bound is None and any(test.subject == subject for test in rule.when.tests):
                reading = Reading(TODAY, MISSING)
                reading["value"] = day
                if holds(rule.when, reading):
                    message = f"{at + 1}: a day {what} earns {rule.points} points"
                    report.warning(question.key, "points_when", message)


def _all_conditions(definition: Questionnaire) -> list[tuple[str, str, Condition]]:
    found = [("", "caps", cap.when) for cap in definition.caps]
    for question in definition.questions.values():
        found += [(question.key, field, condition) for field, condition in question_conditions(question)]
        found += [(question.key, "points_when", rule.when) for rule in question.points_when]
    return found


def _warn_of_unreachable(report: Report) -> None:
    hidden, unexamined = unreachable(report.definition)
    for key in hidden:
        report.warning(key, "visible_when", "no answers make this question visible")
    if unexamined:
        message = (
            f"{unexamined} questions hang on too many answers to be tried; whether they show is not known"
        )
        report.warning("", "sections", message)
