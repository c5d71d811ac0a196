"""Made-up next versions of a definition: every fate and every edit, drawn at random."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from made_up import choice

from questionnaires.checking import errors
from questionnaires.definition import Column, EvidenceRule, Option, Question, Questionnaire, Section


def next_version(rnd: Random, old: Questionnaire, version: str = "2.0.0") -> Questionnaire:
    """Some questions reworded, rescored, retired, renamed, moved, added; conditions may name what is gone."""
    taken: set[str] = set(old.questions)
    questions: dict[str, list[Question]] = {section.key: [] for section in old.sections}
    names = list(questions)
    for section in old.sections:
        for one in section.questions:
            if rnd.random() < 0.1:
                continue
            home = rnd.choice(names) if rnd.random() < 0.1 else section.key
            questions[home].append(_next(rnd, one, taken))
    least = 0 if any(questions.values()) else 1  # a version without a question is none
    for number in range(rnd.randint(least, 2)):
        questions[rnd.choice(names)].append(choice(f"new{version.replace('.', '')}.q{number}", 100, 50, 0))
    sections = [
        replace(
            one,
            questions=tuple(questions[one.key]),
            weight=rnd.choice((one.weight, one.weight, 7)),
            title=rnd.choice((one.title, "Other")),
        )
        for one in old.sections
        if questions[one.key]
    ]
    if rnd.random() < 0.2:
        rnd.shuffle(sections)
    found = replace(old, version=version, sections=tuple(sections))
    return _without_dead_conditions(found)


def _next(rnd: Random, one: Question, taken: set[str]) -> Question:
    changes: dict[str, Any] = {}
    draw = rnd.random()
    if draw < 0.1:
        changes["revision"] = one.revision + 1
    elif draw < 0.2:
        name = f"{one.key}n{len(taken)}"
        taken.add(name)
        changes |= {"key": name, "formerly": (f"{one.key}@{one.revision}",)}
    if rnd.random() < 0.3:
        changes["text"] = f"{one.text} Please say more."
    if rnd.random() < 0.1:
        changes["help"] = "Some help."
    if rnd.random() < 0.2 and one.weight:
        changes["weight"] = one.weight + 1
    if rnd.random() < 0.2:
        changes["allow_na"] = not one.allow_na
    if rnd.random() < 0.2:
        changes["refs"] = (*one.refs, "ISO A.1")
    if rnd.random() < 0.2:
        changes["evidence"] = EvidenceRule("report", valid_months=rnd.choice((None, 6)))
    if one.options and rnd.random() < 0.3:
        changes["options"] = _next_options(rnd, one)
    if one.type == "number" and rnd.random() < 0.4:
        changes |= rnd.choice(({"at_most": "50"}, {"decimals": 0}, {"unit": "hours"}))
    if one.type == "date" and rnd.random() < 0.4:
        changes["not_after"] = rnd.choice(("today", "2026-06-30"))
    if one.type == "text" and rnd.random() < 0.4:
        changes["max_length"] = 3
    if one.type == "table" and rnd.random() < 0.4:
        changes["columns"] = (Column("title", "Title", "text"),)
    return replace(one, **changes)


def _next_options(rnd: Random, one: Question) -> tuple[Option, ...]:
    options = list(one.options)
    draw = rnd.random()
    if draw < 0.3 and len(options) > 2:
        del options[rnd.randrange(len(options) - 1)]
    elif draw < 0.5:
        options[0] = replace(options[0], label="Another label")
    elif draw < 0.7:
        plain = one.combine == "all" or options[0].points is None
        options.insert(0, Option("extra", "Extra", None if plain else 20))
    elif draw < 0.85:
        rnd.shuffle(options)
    elif one.type == "choices":
        points = 0 if one.combine == "all" else options[-1].points
        options[-1] = Option(options[-1].value, options[-1].label, points, exclusive=True)
    return tuple(options)


def _without_dead_conditions(definition: Questionnaire) -> Questionnaire:
    """Conditions that name what is gone, or an option that is gone, are lifted."""
    for _ in range(20):
        bad = errors(definition)
        if not bad:
            return definition
        keys = {fault.question or fault.section for fault in bad}
        # A circle may go through the condition of a section.
        keys |= {fault.section for fault in bad if "circle" in fault.message}
        gone = any(not key for key in keys)
        definition = replace(
            definition,
            caps=() if gone else definition.caps,
            sections=tuple(_lifted(section, keys) for section in definition.sections),
        )
    raise AssertionError([str(fault) for fault in bad])


def _lifted(section: Section, keys: set[str]) -> Section:
    questions = tuple(
        replace(
            one,
            visible_when=None,
            required=True,
            required_when=None,
            findings=(),
            evidence=None if one.evidence is None else replace(one.evidence, required_when=None),
            options=tuple(replace(option, points=None) for option in one.options),
            points_when=(),
            weight=0,
            critical=False,
            minimum=50,
            combine=None,
        )
        if one.key in keys
        else one
        for one in section.questions
    )
    return replace(
        section, questions=questions, visible_when=None if section.key in keys else section.visible_when
    )
