"""A draft of a questionnaire as vendors would meet it: sound, with answers tried on it. Nothing is stored.

A draft may have faults. What has one cannot be asked, so it is left out, and whatever names it, until the rest is
sound; the page says what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.assessments.drafts import Content, Draft, read, typed
from portal.library import parts
from portal.library.draft_checks import check_bytes
from portal.library.histories import History
from portal.library.parts import Document
from questionnaires import catalog
from questionnaires.answers import InvalidAnswer, parse_facts
from questionnaires.definition import Question, Questionnaire
from questionnaires.facts import TABLE as FACTS
from questionnaires.parsing import parse_json
from questionnaires.raw import raw as raw_of

ROUNDS = 6  # leaving out one thing may make another unsound; deeper chains are a draft to be mended first
MOST_TRIED = 60


@dataclass(frozen=True, slots=True)
class Sound:
    """What of a draft can be asked; ``left_out``: keys of questions with faults; None when nothing can."""

    definition: Questionnaire | None
    left_out: tuple[str, ...]


def sound(document: Document, known: History) -> Sound:
    """The draft without whatever has a fault. The header, which no vendor is asked, is replaced by a sound one."""
    header = {**raw_of(catalog.latest("security_lite")), "slug": "preview", "caps": []}
    whole = {**header, "sections": document["sections"], "title": "Preview"}
    keys = {one["key"] for _in, _at, one in parts.questions(document)}
    for _round in range(ROUNDS):
        found = check_bytes(parts.encoded(whole), known)
        wrong = [one for one in found.errors if one.section]
        if not wrong:
            break
        whole = _without(
            whole, {one.question for one in wrong}, {one.section for one in wrong if not one.question}
        )
    else:
        return Sound(None, tuple(sorted(keys)))
    if not any(one.get("questions") for one in whole["sections"]):
        return Sound(None, tuple(sorted(keys)))
    definition = parse_json(parts.encoded(whole), "preview")
    return Sound(definition, tuple(key for key in keys if key not in definition.questions))


def _without(whole: Document, questions: set[str], sections: set[str]) -> Document:
    kept = []
    for section in whole["sections"]:
        inner = [one for one in section.get("questions", []) if one["key"] not in questions]
        if section["key"] in sections:
            section = {"key": section["key"], "title": section["key"]}
        kept.append({**section, "questions": inner})
    return {**whole, "sections": kept}


# ------------------------------------------------------------------------------------------------- trying answers


@dataclass(frozen=True, slots=True)
class Trial:
    """Something that other questions hang on: a question or a fact, with the short name of its field.

    ``values``: what to choose from, (short code, words); empty for a field to write in. ``several``: more than one.
    """

    name: str
    label: str
    values: tuple[tuple[str, str], ...]
    several: bool
    chosen: tuple[str, ...]
    problem: str = ""


def deciding(definition: Questionnaire) -> list[str]:
    """The questions and facts that conditions of visibility and need name, in definition order, at most MOST_TRIED."""
    named: set[str] = set()
    for section in definition.sections:
        conditions = [section.visible_when]
        for one in section.questions:
            conditions += [
                one.visible_when,
                one.required_when,
                one.evidence.required_when if one.evidence else None,
            ]
        named |= {name for one in conditions if one is not None for name in one.names}
    facts = [name for name in FACTS if name in named]
    return [*facts, *(key for key in definition.questions if key in named)][:MOST_TRIED]


def tried(
    definition: Questionnaire, given: Mapping[str, list[str]], as_of: date
) -> tuple[Draft, list[Trial]]:
    """The draft with the answers of a query string, and the fields to try others.

    Names are short (``f0``, ``q12``) and values are places, so that an address holds many: what does not fit is left
    out as if it were not there.
    """
    places = {key: index for index, key in enumerate(definition.questions)}
    contents: dict[str, Content] = {}
    facts: dict[str, Any] = {}
    trials = []
    for key in deciding(definition):
        if key in FACTS:
            name = f"f{list(FACTS).index(key)}"
            trial, fact = _fact(key, name, given.get(name, []))
            facts |= fact
        else:
            name = f"q{places[key]}"
            trial, content = _answer(definition.questions[key], name, given.get(name, []), as_of)
            if content is not None:
                contents[key] = content
        trials.append(trial)
    return read(definition, contents, facts, as_of), trials


def _fact(key: str, name: str, given: list[str]) -> tuple[Trial, dict[str, Any]]:
    fact = FACTS[key]
    several = fact.type.kind in ("set", "choices")
    values = tuple((str(index), words) for index, words in enumerate(fact.labels.values()))
    if fact.type.kind == "flag":
        values = (("1", "yes"), ("0", "no"))
    chosen = (
        tuple(one for one in given if one in dict(values)) if values else tuple(one[:40] for one in given[:1])
    )
    labels = list(fact.labels)
    picked: Any
    if fact.type.kind == "flag":
        picked = chosen[0] == "1" if chosen else None
    elif values:
        codes = [labels[int(one)] for one in chosen]
        picked = codes if several else (codes[0] if codes else None)
    else:
        picked = chosen[0] if chosen and chosen[0] else None
    trial = Trial(name, fact.words, values, several, chosen)
    if picked in (None, []):
        return trial, {}
    try:
        parse_facts({key: picked})
    except ValueError as wrong:
        return Trial(name, fact.words, values, several, chosen, str(wrong)), {}
    return trial, {key: picked}


def _answer(question: Question, name: str, given: list[str], as_of: date) -> tuple[Trial, Content | None]:
    values = tuple((str(index), one.label) for index, one in enumerate(question.options))
    several = question.type == "choices"
    if values:
        chosen = tuple(one for one in given if one in dict(values))
        codes = [question.options[int(one)].value for one in chosen]
        value: Any = codes if several else (codes[0] if codes else None)
    else:
        chosen = tuple(one[:200] for one in given[:1])
        value = chosen[0] if chosen and chosen[0] else None
    trial = Trial(name, question.text, values, several, chosen)
    if value in (None, []):
        return trial, None
    content = Content("answered", value)
    try:
        typed(question, content, as_of)
    except InvalidAnswer as wrong:
        return Trial(name, question.text, values, several, chosen, wrong.message), None
    return trial, content
