"""A draft read as a whole: what each answer holds, what is visible, what still stands between it and a submission."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from portal.evidence.queries import Beside
from questionnaires.answers import Answer, InvalidAnswer, parse_facts, parse_value, raw_value
from questionnaires.dates import parse_date
from questionnaires.definition import FindingRule, Question, Questionnaire
from questionnaires.scoring import is_proven
from questionnaires.visibility import Look, earned_findings, look

if TYPE_CHECKING:
    from portal.assessments.returned import Returned

LONGEST_NOTE = 4000
LONGEST_REASON = 1000
NA_GONE = "This question must be answered: “not applicable” is not offered here."


@dataclass(frozen=True, slots=True)
class Content:
    """What one card holds. ``value`` is the JSON shape of section 6 of the format, None where nothing is answered.

    ``state``: answered, not_applicable or unanswered. ``promise_date`` is an ISO date, or what was typed instead.
    """

    state: str = "unanswered"
    value: Any = None
    note: str = ""
    promise_reason: str = ""
    promise_date: str = ""

    @property
    def blank(self) -> bool:
        return self == EMPTY


EMPTY = Content()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a card, beside the field that it is about."""

    answer: str = ""
    note: str = ""
    reason: str = ""
    date: str = ""

    @property
    def first(self) -> str:
        return self.answer or self.note or self.reason or self.date


class Held(Protocol):
    """Whatever holds an answer: draft, revision's content or stale edit."""

    @property
    def state(self) -> Any: ...
    @property
    def value(self) -> Any: ...
    @property
    def note(self) -> Any: ...
    @property
    def promise_reason(self) -> Any: ...
    @property
    def promise_date(self) -> Any: ...


def content_of(row: Held | None) -> Content:
    """What a stored row says; no row is an empty card."""
    if row is None:
        return EMPTY
    promised = row.promise_date.isoformat() if row.promise_date else ""
    return Content(row.state, row.value["v"], row.note, row.promise_reason, promised)


def columns(content: Content) -> dict[str, Any]:
    """The same as column values of AnswerRow, AnswerContent and StaleEdit."""
    return {
        "state": content.state,
        "value": {"v": content.value},
        "note": content.note,
        "promise_reason": content.promise_reason,
        "promise_date": parse_date(content.promise_date),
    }


def check(question: Question, content: Content, as_of: date) -> Content | Fault:
    """``content`` in its one written form, or what is wrong with it, as sentences for the person."""
    value, answer = content.value, ""
    if content.state == "answered":
        try:
            value = raw_value(question, parse_value(question, value, as_of))
        except InvalidAnswer as wrong:
            answer = wrong.message
    elif content.state == "not_applicable" and not question.allow_na:
        answer = NA_GONE
    note = _check_line(content.note, LONGEST_NOTE)
    if content.state == "not_applicable" and not content.note and not answer:
        note = "Write why it is not applicable. One sentence is enough."
    fault = Fault(answer, note, *_check_promise(question, content, as_of))
    if fault.first:
        return fault
    return Content(content.state, value, content.note, content.promise_reason, content.promise_date)


def _check_line(text: str, longest: int) -> str:
    if any(c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs") for c in text):
        return "Leave out invisible control characters."
    return f"Write at most {longest:,} characters. You wrote {len(text):,}." if len(text) > longest else ""


def _check_promise(question: Question, content: Content, as_of: date) -> tuple[str, str]:
    if not content.promise_reason and not content.promise_date:
        return "", ""
    if question.evidence is None:
        return "No evidence is asked for here.", ""
    reason = _check_line(content.promise_reason, LONGEST_REASON)
    if not content.promise_date:
        return reason, ""
    day = parse_date(content.promise_date)
    if day is None:
        typed = content.promise_date[:60]
        return reason, f"Write a date as year-month-day, like {as_of}. You wrote '{typed}'."
    if day < as_of - timedelta(days=1):
        return reason, f"This day has passed. Write the day on which it will come, {as_of} or later."
    return reason, ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Why an answer cannot be submitted yet. ``suggested``: there is none, but an earlier one can be confirmed."""

    key: str
    kind: Literal["unanswered", "suggested", "outdated", "promise", "promise_past", "unaccepted"]
    text: str = ""


@dataclass(frozen=True)
class Draft:
    """All answers of an assessment, typed. ``outdated``: stored values that no longer fit, such as a day now past.

    ``unaccepted``: keys of what came through a link and no owner has accepted yet. ``documents``: what lies beside.
    ``earlier``: a draft of the same day and definition, whose contents that are still the same are not read again.
    ``shown``: keys that a return asks in spite of their condition. ``asked``: of a round of chosen questions those to
    answer, and why (returned.py); None in a round that asks everything.
    """

    definition: Questionnaire
    contents: Mapping[str, Content]
    facts: Mapping[str, Any]
    as_of: date
    unaccepted: frozenset[str] = frozenset()
    documents: Mapping[str, tuple[Beside, ...]] = field(default_factory=dict)
    earlier: Draft | None = field(default=None, repr=False, compare=False)
    shown: frozenset[str] = frozenset()
    asked: Mapping[str, str] | None = None
    returned: Returned | None = field(default=None, repr=False, compare=False)
    answers: Mapping[str, Answer] = field(init=False)
    outdated: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        answers: dict[str, Answer] = {}
        outdated: dict[str, str] = {}
        earlier = self.earlier
        for key, content in self.contents.items():
            if earlier is not None and earlier.contents.get(key) is content and key in earlier.answers:
                answers[key] = earlier.answers[key]
                continue
            try:
                answers[key] = typed(self.definition.questions[key], content, self.as_of)
            except InvalidAnswer as wrong:
                outdated[key] = wrong.message
        object.__setattr__(self, "answers", MappingProxyType(answers))
        object.__setattr__(self, "outdated", MappingProxyType(outdated))
        object.__setattr__(self, "earlier", None)  # it has served; a chain of drafts would never be freed

    @cached_property
    def look(self) -> Look:
        return look(self.definition, self.answers, self.facts, self.as_of, self.shown)

    @property
    def progress(self) -> tuple[int, int]:
        """(answered, asked) of the required questions of this round."""
        if self.asked is None:
            return self.look.answered, self.look.total
        asked = self.look.required & self.asked.keys()
        return len(asked - set(self.look.missing)), len(asked)

    @cached_property
    def visible_answers(self) -> Mapping[str, Answer]:
        """The answers that count: of visible questions, in definition order."""
        return {
            key: self.answers[key]
            for key in self.definition.questions
            if key in self.answers and key in self.look.visible
        }

    def conditional_findings(self, question: Question) -> tuple[FindingRule, ...]:
        """The findings with a condition that holds now; those of an option stand beside the option."""
        if question.key not in self.look.visible or all(one.when is None for one in question.findings):
            return ()
        earned = earned_findings(question, self.visible_answers, self.facts, self.as_of)
        return tuple(one for one in earned if one.when is not None)

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Everything that is missing before this can be submitted, in definition order; () = complete."""
        missing, found = set(self.look.missing), []
        for key in self.definition.questions:
            if key not in self.look.visible:
                continue
            if key in self.outdated:
                found.append(Gap(key, "outdated", self.outdated[key]))
            elif key in missing:
                found.append(Gap(key, "unanswered"))
            elif key in self.look.evidence_required:
                answer = self.answers.get(key)  # none: an optional question that was left alone
                if answer is not None and answer.state == "answered":
                    found.extend(self._promise_gap(key))
            if key in self.unaccepted and key not in missing:
                found.append(Gap(key, "unaccepted"))
        return tuple(found)

    def proven(self, key: str) -> bool:
        """Whether a document of the kind that ``key`` asks for lies beside it and holds today."""
        rule = self.definition.questions[key].evidence
        items = tuple(one.item for one in self.documents.get(key, ()))
        return rule is not None and is_proven(rule, Answer("answered", evidence=items), self.as_of)

    def _promise_gap(self, key: str) -> list[Gap]:
        """Required evidence that is not here needs a reason; a day may be given, and must not be past."""
        if self.proven(key):
            return []
        content = self.contents[key]
        if not content.promise_reason:
            return [Gap(key, "promise")]
        day = parse_date(content.promise_date)
        return [Gap(key, "promise_past")] if day and day < self.as_of - timedelta(days=1) else []

    def with_contents(self, changed: Mapping[str, Content], *, unaccepted: bool = False) -> Draft:
        """The draft after an edit; ``unaccepted``: it came through a link."""
        if not changed:
            return self
        if self.returned is not None:
            return self.returned.changed(changed, unaccepted=unaccepted).narrowed(self)
        waiting = self.unaccepted | changed.keys() if unaccepted else self.unaccepted - changed.keys()
        return replace(
            self, contents={**self.contents, **changed}, unaccepted=frozenset(waiting), earlier=self
        )


def read(
    definition: Questionnaire,
    contents: Mapping[str, Content],
    facts: Mapping[str, Any],
    as_of: date,
    unaccepted: frozenset[str] = frozenset(),
    documents: Mapping[str, tuple[Beside, ...]] | None = None,
    shown: Iterable[str] = (),
) -> Draft:
    """A draft from stored contents; ``facts`` in their JSON shape, as pinned on the assessment."""
    return Draft(
        definition, contents, parse_facts(facts), as_of, unaccepted, documents or {}, shown=frozenset(shown)
    )


def typed(question: Question, content: Content, as_of: date) -> Answer:
    """One card as the engine reads it. Raises InvalidAnswer for what does not fit (any more), N/A not offered too."""
    if content.state == "answered":
        return Answer("answered", parse_value(question, content.value, as_of), content.note)
    if content.state == "not_applicable":
        if not question.allow_na:  # after a move to another version
            raise InvalidAnswer("state", NA_GONE)
        return Answer("not_applicable", note=content.note)
    return Answer("unanswered", note=content.note)
