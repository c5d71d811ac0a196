"""Scoring 300 answers and searching fixes, against the least that any scorer has to do."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from questionnaires.answers import Answer, parse_value
from questionnaires.checking import check
from questionnaires.definition import Questionnaire
from questionnaires.fixes import best_fixes
from questionnaires.parsing import parse_json
from questionnaires.scoring import score
from tests.benchmarks.measuring import Figure, in_turns

AS_OF = date(2026, 11, 21)
SECTIONS, IN_EACH = 15, 20
FACTS: dict[str, Any] = {"engagement.tier": "high", "organisation.regimes": frozenset({"gdpr"})}
LEVELS = [("none", 0), ("some", 30), ("most", 70), ("all", 100)]


def figures() -> list[Figure]:
    definition, good, poor = made()
    reference = reference_for(definition)
    _require_same(definition, good, reference)
    _require_same(definition, poor, reference)
    scored, least = in_turns(
        lambda: score(definition, good, FACTS, AS_OF), lambda: reference(good), repeats=41, inner=(10, 50)
    )
    once, search = in_turns(
        lambda: score(definition, poor, FACTS, AS_OF),
        lambda: best_fixes(definition, poor, FACTS, AS_OF, definition.bands[0].name),
        repeats=9,
        inner=(10, 1),
    )
    return [
        Figure("score, 300 answers, full trace", scored, least, 5),
        Figure("best_fixes, 300 questions / one score", search, once, 300),
    ]


def made() -> tuple[Questionnaire, dict[str, Answer], dict[str, Answer]]:
    """300 questions of the usual kinds, every third one behind a condition, with caps; good and poor answers to all."""
    sections = []
    for s in range(SECTIONS):
        questions = [_question(s, q) for q in range(IN_EACH)]
        sections.append(
            {"key": f"s{s}", "title": f"Section {s}", "weight": 5 + s % 4 * 5, "questions": questions}
        )
    document = {
        "format": 1,
        "slug": "bench",
        "version": "1.0.0",
        "title": "Benchmark",
        "purpose": "assessment",
        "language": "en",
        "licence": "CC0-1.0",
        "summary": "Three hundred questions.",
        "weighting": "sections",
        "knockout_band": "partial",
        "bands": [
            {"name": name, "label": name.title(), "minimum": minimum}
            for name, minimum in (("strong", 85), ("sound", 70), ("partial", 50), ("weak", 0))
        ],
        "caps": [
            {"when": "s0.q1 == 'none' and engagement.tier == 'high'", "band": "sound", "text": "No policy."},
            {"when": "points(s3.q2) < 50", "band": "partial", "text": "No second factor."},
        ],
        "sections": sections,
    }
    definition = parse_json(json.dumps(document).encode())
    wrong = [fault for fault in check(definition) if fault.severity == "error"]
    assert not wrong, wrong
    return definition, _answers(definition, good=True), _answers(definition, good=False)


def kind(q: int) -> str:
    return "number" if q % 10 == 4 else "choices" if q % 10 == 7 else "choice"


def _question(s: int, q: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "key": f"s{s}.q{q}",
        "text": f"Question {q} of {s}?",
        "type": kind(q),
        "weight": 5 + q % 3 * 5,
    }
    if kind(q) == "number":
        found["points_when"] = [
            {"when": "value <= 7", "points": 100},
            {"when": "value <= 30", "points": 60},
            {"when": "value > 30", "points": 0},
        ]
    else:
        found["options"] = [
            {"value": name, "label": name.title(), "points": points} for name, points in LEVELS
        ]
        if kind(q) == "choices":
            found["combine"] = "worst"
    if q % 3 == 2:
        found["visible_when"] = f"s{s}.q{q // 6 * 6} != 'none' and engagement.tier in ('critical', 'high')"
    if q == 0 and s % 5 == 0:
        found |= {"critical": True, "minimum": 30}
    return found


def _answers(definition: Questionnaire, *, good: bool) -> dict[str, Answer]:
    found = {}
    for index, question in enumerate(definition.questions.values()):
        level = LEVELS[(index * 7) % (4 if good else 2)][0] if index % 6 else "some"
        raw: Any = level
        if question.type == "number":
            raw = str(index % 60 if good else 31 + index % 60)
        elif question.type == "choices":
            raw = [level, "all"] if level != "all" else ["all"]
        found[question.key] = Answer("answered", parse_value(question, raw, AS_OF))
    return found


Line = namedtuple("Line", "key state weight low high")
Scorer = Callable[[Mapping[str, Answer]], Fraction]


def reference_for(definition: Questionnaire) -> Scorer:
    """The least work: the same conditions as compiled Python, whole numbers multiplied, one namedtuple a question."""
    plan = []
    for section in definition.sections:
        rows = []
        for question in section.questions:
            points = {option.value: option.points or 0 for option in question.options}
            rules = [(_compiled(rule.when.source), rule.points) for rule in question.points_when]
            shown = _compiled(question.visible_when.source) if question.visible_when else None
            rows.append((question.key, question.weight, question.type, points, rules, shown))
        plan.append((section.weight, rows))
    caps = [_compiled(cap.when.source) for cap in definition.caps]

    def reference(answers: Mapping[str, Answer]) -> Fraction:
        trace = []
        sums = []
        for section_weight, rows in plan:
            weights = total = 0
            for key, weight, type_, points, rules, shown in rows:
                if shown is not None and not shown(answers, None):
                    trace.append(Line(key, "hidden", weight, None, None))
                    continue
                value: Any = answers[key].value
                if type_ == "choice":
                    earned = points[value]
                elif type_ == "choices":
                    earned = min([points[one] for one in value])
                else:
                    earned = next((worth for rule, worth in rules if rule(answers, value)), 0)
                weights += weight
                total += weight * earned
                trace.append(Line(key, "answered", weight, earned, earned))
            if weights:
                sums.append((section_weight, weights, total))
        earned_by = {line.key: line.low for line in trace}
        for cap in caps:
            cap(answers, earned_by)
        common = 1
        for _weight, weights, _total in sums:
            common *= weights
        high = sum(weight * (common // weights) * total for weight, weights, total in sums)
        return Fraction(high, common * sum(weight for weight, _w, _t in sums))

    return reference


def _compiled(source: str) -> Callable[[Mapping[str, Answer], Any], Any]:
    """A condition of this file as a Python function: names become look-ups, nothing else changes."""
    import re

    python = re.sub(r"points\((s\d+\.q\d+)\)", r"(value['\1'] or 0)", source)
    python = re.sub(r"(?<!')\b(s\d+\.q\d+)\b", r"answers['\1'].value", python)
    for name, fact in FACTS.items():
        python = python.replace(name, repr(fact))
    code: Callable[[Mapping[str, Answer], Any], Any] = eval(f"lambda answers, value: {python}")
    return code


def _require_same(definition: Questionnaire, answers: Mapping[str, Answer], reference: Scorer) -> None:
    """The reference is no faster by being wrong."""
    ours, theirs = score(definition, answers, FACTS, AS_OF).score, reference(answers)
    assert ours == theirs, f"score {ours}, reference {theirs}"
