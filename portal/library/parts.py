"""The parts of a draft's document that are edited one at a time: header, sections, questions, and their order.

A document is the JSON shape of section 1 of the format and may have faults; what it must have here is a list of
sections with keys of sound form, each once, and questions with keys of sound form, each once in the whole.

A part is named ``header``, ``order``, ``section:<key>`` or ``question:<key>``; ``document`` is all of it (a merge).
What a part holds is a JSON value: the header without ``sections``; a section without ``questions``; a question;
``[[section, [question, ...]], ...]``.
A change maps parts to what they shall hold. A part that comes stands as ``{"part": ..., "place": [section, index]}``
(a section with its questions, at ``["", index]``); one that goes is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from portal.faults import Conflict, Invalid
from questionnaires.canonical import canonical_json, sha256
from questionnaires.parsing import MAX_SECTIONS
from questionnaires.parsing_questions import MAX_QUESTIONS
from questionnaires.patterns import KEY, SECTION
from questionnaires.sources import MAX_QUESTIONNAIRE

Document = dict[str, Any]
Changes = Mapping[str, Any]
HEADER, ORDER, WHOLE = "header", "order", "document"


def section_part(key: str) -> str:
    return f"section:{key}"


def question_part(key: str) -> str:
    return f"question:{key}"


def split(part: str) -> tuple[str, str]:
    """("section", key), ("question", key), ("header", "") or ("order", "")."""
    kind, _colon, key = part.partition(":")
    return kind, key


def encoded(document: Document) -> bytes:
    """The bytes that are stored. Raises Invalid for what cannot be kept as a draft at all."""
    try:
        data = canonical_json(document)
    except ValueError as error:
        raise Invalid(f"This cannot be stored: {error}.") from None
    if len(data) > MAX_QUESTIONNAIRE:
        raise Invalid("With this the questionnaire would be larger than 4 MB.")
    return data


def check_shape(document: Document) -> None:
    """Raises Invalid unless every section and question can be named by its key."""
    sections = document.get("sections")
    if not isinstance(sections, list) or not all(isinstance(one, dict) for one in sections):
        raise Invalid("A questionnaire has a list of sections.")
    if len(sections) > MAX_SECTIONS:
        raise Invalid(f"A questionnaire has at most {MAX_SECTIONS} sections.")
    _distinct([one.get("key") for one in sections], SECTION, "section")
    keys: list[Any] = []
    for section in sections:
        questions = section.get("questions", [])
        if not isinstance(questions, list) or not all(isinstance(one, dict) for one in questions):
            raise Invalid(f"Section {section['key']} has no list of questions.")
        keys += [one.get("key") for one in questions]
    if len(keys) > MAX_QUESTIONS:
        raise Invalid(f"A questionnaire has at most {MAX_QUESTIONS:,} questions.")
    _distinct(keys, KEY, "question")


def _distinct(keys: list[Any], form: re.Pattern[str], what: str) -> None:
    seen: set[str] = set()
    for key in keys:
        if not isinstance(key, str) or not form.fullmatch(key):
            raise Invalid(f"A {what} has no key of sound form.")
        if key in seen:
            raise Invalid(f"The key {key} stands twice.")
        seen.add(key)


def questions(document: Document) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(section's key, place in it, question) of every question, in order."""
    for section in document["sections"]:
        for index, question in enumerate(section.get("questions", [])):
            yield section["key"], index, question


def numbered(document: Document) -> dict[str, str]:
    """``3.1`` for each question: its place in the draft."""
    return {
        one["key"]: f"{number}.{place}"
        for number, section in enumerate(document["sections"], 1)
        for place, one in enumerate(section.get("questions", []), 1)
    }


def held(document: Document, part: str) -> Any:
    """What a part holds; None when there is none of this name."""
    kind, key = split(part)
    if kind == WHOLE:
        return document
    if kind == HEADER:
        return {name: value for name, value in document.items() if name != "sections"}
    if kind == ORDER:
        return [
            [one["key"], [each["key"] for each in one.get("questions", [])]] for one in document["sections"]
        ]
    if kind == "section":
        found = _section(document, key)
        return None if found is None else bare(found)
    return next((one for _in, _at, one in questions(document) if one["key"] == key), None)


def placed(document: Document, part: str) -> dict[str, Any] | None:
    """A section with its questions, or a question, and where it stands: what a removal takes away."""
    kind, key = split(part)
    if kind == "section":
        for index, one in enumerate(document["sections"]):
            if one["key"] == key:
                return {"part": one, "place": ["", index]}
        return None
    for section, index, one in questions(document):
        if one["key"] == key:
            return {"part": one, "place": [section, index]}
    return None


def digest(value: Any) -> str:
    """What tells two states of a part apart."""
    return sha256(canonical_json(value))


def _section(document: Document, key: str) -> dict[str, Any] | None:
    return next((one for one in document["sections"] if one["key"] == key), None)


def bare(section: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name != "questions"}


def is_placed(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"part", "place"}


def applied(document: Document, changes: Changes) -> tuple[Document, dict[str, Any]]:
    """The document with ``changes`` made, and what would take them back.

    Raises Conflict when a part is gone that should change or is there already, Invalid when a key would change.
    """
    before: dict[str, Any] = {one: held(document, one) for one in (ORDER, WHOLE) if one in changes}
    if WHOLE in changes:
        check_shape(changes[WHOLE])
        return changes[WHOLE], before
    document = {
        **document,
        "sections": [{**one, "questions": [*one.get("questions", [])]} for one in document["sections"]],
    }
    for part, value in changes.items():
        if value is None:
            before[part] = _taken_out(document, part)
    for part, value in changes.items():
        if is_placed(value):
            _put_in(document, part, value)
            before[part] = None
    for part, value in changes.items():
        if value is not None and not is_placed(value) and part != ORDER:
            before[part] = held(document, part)
            document = _replaced(document, part, value)
    if ORDER in changes:
        document = _ordered(document, changes[ORDER])
    for section in document["sections"]:
        if not section["questions"]:
            del section["questions"]
    check_shape(document)
    return document, before


def _taken_out(document: Document, part: str) -> Any:
    found = placed(document, part)
    if found is None:
        raise Conflict("Somebody has removed this already.")
    section, index = found["place"]
    if section:
        home = _section(document, section)
        assert home is not None
        del home["questions"][index]
    else:
        del document["sections"][index]
    return found


def _put_in(document: Document, part: str, value: Any) -> None:
    kind, key = split(part)
    if value["part"].get("key") != key:
        raise Invalid("A key never changes.")
    if placed(document, part) is not None:
        raise Conflict("There is one with this key already.")
    section, index = value["place"]
    if kind == "section":
        inner = {one["key"] for one in value["part"].get("questions", [])}
        if inner & {one["key"] for _in, _at, one in questions(document)}:
            raise Conflict("A question of this section stands in another section meanwhile.")
        new = {**value["part"], "questions": [*value["part"].get("questions", [])]}
        document["sections"].insert(index, new)
        return
    home = _section(document, section)
    if home is None:
        raise Conflict("Its section has been removed meanwhile. Bring that back first.")
    home["questions"].insert(index, value["part"])


def _replaced(document: Document, part: str, value: Any) -> Document:
    kind, key = split(part)
    if kind == HEADER:
        return {**value, "sections": document["sections"]}
    if value.get("key") != key:
        raise Invalid("A key never changes.")
    if kind == "section":
        section = _section(document, key)
        if section is None:
            raise Conflict("Somebody has removed this section meanwhile.")
        section_questions = section["questions"]
        section.clear()
        section.update({**value, "questions": section_questions})
        return document
    found = placed(document, part)
    if found is None:
        raise Conflict("Somebody has removed this question meanwhile.")
    home = _section(document, found["place"][0])
    assert home is not None
    home["questions"][found["place"][1]] = value
    return document


def _ordered(document: Document, order: list[Any]) -> Document:
    sections = {one["key"]: one for one in document["sections"]}
    known = {one["key"]: one for _in, _at, one in questions(document)}
    wanted = [key for _section_key, keys in order for key in keys]
    if sorted(sections) != sorted(key for key, _keys in order) or sorted(known) != sorted(wanted):
        raise Conflict("Somebody has added or removed something meanwhile.")
    moved = [{**bare(sections[key]), "questions": [known[one] for one in keys]} for key, keys in order]
    return {**document, "sections": moved}


def stands(document: Document, part: str, value: Any) -> bool:
    """Whether a part still is what a change made of it: then the change can be taken back."""
    if value is None:
        return placed(document, part) is None
    if is_placed(value):
        found = placed(document, part)
        return found is not None and digest(found["part"]) == digest(value["part"])
    now = held(document, part)
    return now is not None and digest(now) == digest(value)
