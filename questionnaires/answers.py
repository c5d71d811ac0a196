"""Answers: raw JSON to typed values, with errors that a person beside the field understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from questionnaires.answer_values import InvalidAnswer, Value, parse_fact, parse_value, quoted, raw_value
from questionnaires.dates import parse_date
from questionnaires.facts import FACTS, NameType

if TYPE_CHECKING:
    from questionnaires.definition import Question, Questionnaire

__all__ = [
    "Answer",
    "AnswerErrors",
    "AnswersFile",
    "EvidenceItem",
    "InvalidAnswer",
    "Review",
    "Value",
    "parse_answer",
    "parse_answers",
    "parse_evidence",
    "parse_facts",
    "parse_review",
    "parse_value",
    "raw_value",
]

State = Literal["answered", "not_applicable", "suggested", "unanswered"]
Mark = Literal["accepted", "challenged", "graded", "disproved", "na_accepted"]

_ANSWER = frozenset({"state", "value", "note", "evidence", "review"})
_STATES = ("answered", "not_applicable", "suggested", "unanswered")
# On which states a mark may stand; graded and disproved stand on any.
_MARKS: Mapping[str, tuple[str, ...]] = {
    "accepted": ("answered",),
    "challenged": ("answered",),
    "graded": _STATES,
    "disproved": _STATES,
    "na_accepted": ("not_applicable",),
}


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """A document laid beside an answer, with the dates that it bears and the reviewer's mark."""

    kind: str
    issued: date | None = None
    expires: date | None = None
    mark: Literal["accepted", "refused"] | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewer's mark on an answer; ``points`` (0 to 100) only with ``graded`` and ``disproved``."""

    mark: Mark
    points: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``value`` is typed by the question, see ``parse_value``; None where nothing is answered."""

    state: State
    value: Value | None = None
    note: str = ""
    evidence: tuple[EvidenceItem, ...] = ()
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class AnswersFile:
    """A whole answers file (section 6 of the format). Facts that are unknown are left out."""

    slug: str
    version: str
    as_of: date
    facts: Mapping[str, Any]
    shown: tuple[str, ...]
    answers: Mapping[str, Answer]


class AnswerErrors(ValueError):
    """Everything that is wrong with an answers file or a set of facts: ``errors``, one for each fault."""

    def __init__(self, errors: list[InvalidAnswer]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)

    def __reduce__(self) -> tuple[type[AnswerErrors], tuple[list[InvalidAnswer]]]:
        return AnswerErrors, (list(self.errors),)


def parse_answers(definition: Questionnaire, data: Mapping[str, Any]) -> AnswersFile:
    """The answers file as types. Raises AnswerErrors with all faults at once."""
    errors: list[InvalidAnswer] = []
    _check_fields(errors, "", data, ("questionnaire", "as_of", "facts", "shown", "answers"))
    label = data.get("questionnaire")
    if label != {"slug": definition.slug, "version": definition.version}:
        errors.append(
            InvalidAnswer("questionnaire", f"These answers are not for {definition.label}: {quoted(label)}")
        )
    given = data.get("as_of")
    as_of = parse_date(given) if isinstance(given, str) else None
    if as_of is None:
        errors.append(InvalidAnswer("as_of", f"Write a date like 2026-11-21, not {quoted(given)}"))
    facts: Mapping[str, Any] = {}
    try:
        facts = parse_facts(_mapping(errors, "facts", data.get("facts", {})))
    except AnswerErrors as bad:
        errors.extend(bad.errors)
    shown = _parse_shown(errors, definition, data.get("shown", []))
    answers: dict[str, Answer] = {}
    for key, raw in _mapping(errors, "answers", data.get("answers", {})).items():
        question = definition.questions.get(key)
        if question is None:
            errors.append(InvalidAnswer(key, f"{definition.label} has no such question"))
            continue
        try:
            # Without a day the rest is still worth checking; nothing is returned then.
            answers[key] = parse_answer(question, raw, as_of or date(2000, 1, 1))
        except InvalidAnswer as bad:
            errors.append(bad)
    if errors or as_of is None:
        raise AnswerErrors(errors)
    return AnswersFile(
        definition.slug,
        definition.version,
        as_of,
        facts,
        shown,
        MappingProxyType(answers),
    )


def parse_answer(question: Question, raw: Mapping[str, Any], as_of: date) -> Answer:
    """One answer of the file: state, value, note, evidence and review. Raises InvalidAnswer."""
    key = question.key
    if not isinstance(raw, Mapping):
        raise InvalidAnswer(key, f"An answer is an object with a state, not {quoted(raw)}")
    if not raw.keys() <= _ANSWER:
        _only(key, raw, ("state", "value", "note", "evidence", "review"))
    state = raw.get("state")
    if state not in _STATES:
        raise InvalidAnswer(key, f"The state is one of {', '.join(_STATES)}, not {quoted(state)}")
    value = raw.get("value")
    if state == "not_applicable" and not question.allow_na:
        raise InvalidAnswer(key, "This question must be answered: “not applicable” is not offered here")
    if value is not None and state not in ("answered", "suggested"):
        raise InvalidAnswer(key, f"An answer that is {state} has no value: {quoted(value)}")
    if value is None and state == "answered":
        raise InvalidAnswer(key, "The answer is empty. Answer the question, or leave it unanswered")
    return Answer(
        cast(State, state),
        None if value is None else parse_value(question, value, as_of),
        _text(key, "note", raw.get("note", "")),
        parse_evidence(key, raw["evidence"]) if "evidence" in raw else (),
        parse_review(question, state, raw["review"]) if "review" in raw else None,
    )


def parse_facts(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Facts by name as typed values: choice str, set frozenset, number Decimal, text str, flag bool.

    Whatever is or holds ``unknown``, or is null, is left out: it is unknown.
    Raises AnswerErrors with all faults.
    """
    errors: list[InvalidAnswer] = []
    facts: dict[str, Any] = {}
    for name, value in raw.items():
        kind: NameType | None = FACTS.get(name)
        if kind is None:
            errors.append(InvalidAnswer(name, "There is no such fact"))
        elif not _is_unknown(value):
            try:
                facts[name] = parse_fact(name, kind, value)
            except InvalidAnswer as bad:
                errors.append(bad)
    if errors:
        raise AnswerErrors(errors)
    return MappingProxyType(facts)


def _is_unknown(value: object) -> bool:
    return value is None or value == "unknown" or (isinstance(value, list | tuple) and "unknown" in value)


def _parse_shown(errors: list[InvalidAnswer], definition: Questionnaire, raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(key, str) for key in raw):
        errors.append(InvalidAnswer("shown", f"This is a list of question keys, not {quoted(raw)}"))
        return ()
    errors.extend(
        InvalidAnswer("shown", f"{definition.label} has no question {quoted(key)}")
        for key in raw
        if key not in definition.questions
    )
    if len(set(raw)) < len(raw):
        errors.append(InvalidAnswer("shown", "A question is listed twice"))
    return tuple(raw)


def parse_evidence(key: str, raw: object) -> tuple[EvidenceItem, ...]:
    """The documents beside an answer. Raises InvalidAnswer."""
    if not isinstance(raw, list):
        raise InvalidAnswer(key, f"Evidence is a list of documents, not {quoted(raw)}")
    return tuple(_parse_item(key, item) for item in raw)


def _parse_item(key: str, raw: object) -> EvidenceItem:
    if not isinstance(raw, Mapping):
        raise InvalidAnswer(key, f"A document is an object with a kind, not {quoted(raw)}")
    _only(key, raw, ("kind", "issued", "expires", "mark"))
    kind, mark = raw.get("kind"), raw.get("mark")
    if not isinstance(kind, str) or not kind:
        raise InvalidAnswer(key, f"A document has a kind, not {quoted(kind)}")
    if mark not in ("accepted", "refused", None):
        raise InvalidAnswer(key, f"A document is marked accepted or refused, not {quoted(mark)}")
    issued, expires = (_day(key, name, raw.get(name)) for name in ("issued", "expires"))
    return EvidenceItem(kind, issued, expires, cast("Literal['accepted', 'refused'] | None", mark))


def parse_review(question: Question, state: str, raw: object) -> Review | None:
    """The mark on an answer of this state, None for null. Raises InvalidAnswer where it cannot stand."""
    key = question.key
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise InvalidAnswer(key, f"A review is an object with a mark, not {quoted(raw)}")
    _only(key, raw, ("mark", "points", "reason"))
    mark, points = raw.get("mark"), raw.get("points")
    if not isinstance(mark, str) or mark not in _MARKS:
        raise InvalidAnswer(key, f"A mark is one of {', '.join(_MARKS)}, not {quoted(mark)}")
    if state not in _MARKS[mark]:
        raise InvalidAnswer(key, f"The mark {mark} cannot stand on an answer that is {state}")
    if mark == "accepted" and question.type == "text" and question.can_earn:
        raise InvalidAnswer(key, "A scored text is graded with points from 0 to 100; it cannot be accepted")
    if mark == "disproved" and points is None:
        points = 0
    if mark in ("graded", "disproved"):
        if not isinstance(points, int) or isinstance(points, bool) or not 0 <= points <= 100:
            raise InvalidAnswer(key, f"The mark {mark} has whole points from 0 to 100, not {quoted(points)}")
    elif points is not None:
        raise InvalidAnswer(key, f"The mark {mark} has no points; only graded and disproved have")
    return Review(cast(Mark, mark), points, _text(key, "reason", raw.get("reason", "")))


def _mapping(errors: list[InvalidAnswer], name: str, raw: object) -> Mapping[str, Any]:
    if isinstance(raw, Mapping):
        return raw
    errors.append(InvalidAnswer(name, f"This is an object, not {quoted(raw)}"))
    return {}


def _text(key: str, name: str, raw: object) -> str:
    if not isinstance(raw, str):
        raise InvalidAnswer(key, f"The {name} is a text, not {quoted(raw)}")
    return raw


def _day(key: str, name: str, raw: object) -> date | None:
    if raw is None:
        return None
    day = parse_date(raw) if isinstance(raw, str) else None
    if day is None:
        raise InvalidAnswer(key, f"“{name}” of a document is a date like 2026-11-21, not {quoted(raw)}")
    return day


def _only(key: str, raw: Mapping[str, Any], fields: tuple[str, ...]) -> None:
    errors: list[InvalidAnswer] = []
    _check_fields(errors, key, raw, fields)
    if errors:
        raise errors[0]


def _check_fields(
    errors: list[InvalidAnswer], key: str, raw: Mapping[str, Any], fields: tuple[str, ...]
) -> None:
    unknown = [quoted(name) for name in raw if name not in fields]
    if unknown:
        errors.append(
            InvalidAnswer(
                key or "answers file", f"Unknown: {', '.join(unknown)}. Known are {', '.join(fields)}"
            )
        )
