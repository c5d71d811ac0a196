"""Checks of conditions: types, cycles, gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from questionnaires.checking_report import Report
from questionnaires.conditions import FACTS, Condition, NameType, check_types
from questionnaires.definition import Question, Questionnaire


def name_types(definition: Questionnaire) -> dict[str, NameType]:
    """What conditions of this definition may name: its questions and the facts."""
    return {**FACTS, **{key: question_type(question) for key, question in definition.questions.items()}}


def question_type(question: Question) -> NameType:
    """A question as a name in conditions."""
    values = frozenset(option.value for option in question.options) if question.options else None
    return NameType(kind=question.type, values=values, can_earn=question.can_earn)


def question_conditions(question: Question) -> Iterator[tuple[str, Condition]]:
    """The conditions of a question over names, each with its field; ``points_when`` is apart."""
    if question.visible_when is not None:
        yield "visible_when", question.visible_when
    if question.required_when is not None:
        yield "required_when", question.required_when
    if question.evidence is not None and question.evidence.required_when is not None:
        yield "evidence", question.evidence.required_when
    for rule in question.findings:
        if rule.when is not None:
            yield "finding", rule.when


def gates(definition: Questionnaire) -> dict[str, set[str]]:
    """For each question, the questions that its own or its section's ``visible_when`` names."""
    known = definition.questions
    found = {}
    for section in definition.sections:
        shared = set() if section.visible_when is None else set(section.visible_when.names)
        for question in section.questions:
            own = set() if question.visible_when is None else set(question.visible_when.names)
            found[question.key] = {name for name in shared | own if name in known}
    return found


def check_conditions(report: Report) -> bool:
    """Put all faults of conditions into the report; whether there are none, so that they can be evaluated."""
    definition = report.definition
    before = len(report.faults)
    names = name_types(definition)
    for index, cap in enumerate(definition.caps, start=1):
        for message in _type_faults(report, cap.when, names, points=True):
            report.error("", "caps", f"cap {index}: {message}")
    for section in definition.sections:
        if section.visible_when is not None:
            for message in _type_faults(report, section.visible_when, names):
                report.section_error(section, "visible_when", message)
        for question in section.questions:
            _check_types(report, question, names)
    graph = gates(definition)
    _check_gates(report, graph)
    _check_cycles(report, graph)
    return len(report.faults) == before


def _check_types(report: Report, question: Question, names: Mapping[str, NameType]) -> None:
    for field, condition in question_conditions(question):
        for message in _type_faults(report, condition, names):
            report.error(question.key, field, message)
    if question.type not in ("number", "date") or report.spoils(question.key, "type"):
        return
    for index, rule in enumerate(question.points_when, start=1):
        value = NameType(kind=question.type, values=None, can_earn=True)
        for message in check_types(rule.when, {}, points=False, value=value):
            report.error(question.key, "points_when", f"rule {index}: {message}")


def _type_faults(
    report: Report, condition: Condition, names: Mapping[str, NameType], *, points: bool = False
) -> list[str]:
    for name in condition.names:
        # What could not be read cannot be judged, and its own fault is listed already.
        if report.spoils(name, "type", "options", "combine", "points_when"):
            return []
        if name not in names and report.spoils("", "sections"):
            return []
    faults = check_types(condition, names, points=points)
    if report.definition.purpose == "intake" and not report.spoils("", "purpose"):
        internal = sorted(name for name in condition.names if name.startswith("engagement."))
        faults += [f"{name}: an intake makes these facts and may not use them" for name in internal]
    return faults


def _check_gates(report: Report, graph: Mapping[str, set[str]]) -> None:
    behind: dict[str, str] = {}
    for key, names in graph.items():
        for name in names:
            behind.setdefault(name, key)
    for question in report.questions():
        if question.key not in behind:
            continue
        field = "required" if not question.required else "required_when"
        if not question.required or question.required_when is not None:
            message = f"the question decides whether {behind[question.key]} is asked and must be required"
            report.error(question.key, field, message)


def _check_cycles(report: Report, graph: Mapping[str, set[str]]) -> None:
    for ring in _rings(graph):
        shown = ring if len(ring) <= 10 else [*ring[:8], "...", ring[-1]]
        report.error(ring[0], "visible_when", f"goes in a circle: {' -> '.join(shown)}")


def _rings(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Chains of keys that end where they begin, each naming the next; no key is reported in two of them.

    A depth-first walk with a stack of its own, since a chain may be as long as the questionnaire.
    """
    found: list[list[str]] = []
    told: set[str] = set()
    done: set[str] = set()
    for root in graph:
        if root in done:
            continue
        # A dict keeps order: the path from the root, each key with the names still to follow.
        path = {root: iter(sorted(graph[root]))}
        while path:
            key = next(reversed(path))
            for name in path[key]:
                if name in path:
                    if name not in told:
                        keys = list(path)
                        ring = keys[keys.index(name) :]
                        told.update(ring)
                        found.append([*ring, name])
                elif name not in done:
                    path[name] = iter(sorted(graph[name]))
                    break
            else:
                del path[key]
                done.add(key)
    return found
