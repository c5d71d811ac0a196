"""Warnings: what is allowed in a definition and rarely meant. Shipped content has none (``--strict``)."""

from __future__ import annotations

from collections.abc import Mapping

from questionnaires.checking_conditions import gates, question_conditions
from questionnaires.checking_reach import unreachable
from questionnaires.checking_report import Report
from questionnaires.conditions import Condition
from questionnaires.definition import Questionnaire


def warn(report: Report, *, reach: bool) -> None:
    """Put all warnings into the report; with ``reach`` also questions that no answers make visible."""
    _warn_of_weightless_sections(report)
    _warn_of_paying_gates(report)
    for question in report.questions():
        asked = question.required or question.required_when is not None
        alone = any(option.exclusive for option in question.options)
        if question.type == "choices" and asked and question.options and not alone:
            message = "none is exclusive: who has none of them cannot answer this required question"
            report.warning(question.key, "options", message)
    _warn_of_ages(report)
    if reach:
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
        for test in condition.tests:
            if test.subject == "age_months" and test.operator == "<=":
                months = test.literals[0]
                message = (
                    f"age_months({test.key}) <= {months} is true until the month after; "
                    f"write within({test.key}, {months})"
                )
                report.warning(key, field, message)
    for section in definition.sections:
        if section.visible_when is not None:
            for test in section.visible_when.tests:
                if test.subject == "age_months" and test.operator == "<=":
                    report.section_warning(section, "visible_when", f"write within({test.key}, ...)")


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
