"""What an earlier submission offers to a new assessment (section 5 of the format). It offers, it never decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Literal

from questionnaires.answers import Answer, EvidenceItem, InvalidAnswer, Value, parse_value, raw_value
from questionnaires.changes import Diff, QuestionChange, diff, returned
from questionnaires.checking_history import alike
from questionnaires.definition import Question, Questionnaire
from questionnaires.kinds import is_of_kind
from questionnaires.scoring import is_valid

How = Literal["section", "single", "refused"]
Code = Literal[
    "same",
    "edited",
    "doubted",
    "added",
    "changed",
    "unanswered",
    "campaign",
    "option_gone",
    "exclusive",
    "unit",
    "unfit",
    "na_gone",
    "unalike",
    "several",
]
Doubt = Literal["challenged", "disproved"]

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "same": "The question asks the same as before.",
        "edited": "The question or its options were reworded. Compare before you confirm.",
        "added": "This question is new.",
        "changed": "This question now asks for something else. Answer it anew.",
        "unanswered": "There is no earlier answer.",
        "campaign": "Answers to a campaign are never carried over.",
        "exclusive": "Which options stand alone has changed. Choose anew.",
        "na_gone": "“Not applicable” is no longer offered here.",
        "unalike": "Both questionnaires use this key, but their questions read differently.",
        "several": "This question replaces several whose answers differ. Answer it anew.",
        "challenged": "The earlier answer was challenged. Look at it by itself before you confirm it.",
        "disproved": "The earlier answer was disproved. Look at it by itself before you confirm it.",
    }
)


@dataclass(frozen=True)
class Offer:
    """What is offered for one question, or why nothing is.

    ``answer`` is what confirming "still true" makes: typed by the new question, with the old note and the documents
    that still hold, without marks; until then it is a suggestion. ``old_answer`` is shown beside it, as is
    ``change``. ``lapsed`` are documents that are not offered: refused, or no longer valid when the answers are due.
    """

    key: str
    how: How
    code: Code
    reason: str
    change: QuestionChange = field(repr=False)
    old_answer: Answer | None = None
    answer: Answer | None = None
    lapsed: tuple[EvidenceItem, ...] = ()
    mark: Doubt | None = None

    @property
    def is_offered(self) -> bool:
        return self.answer is not None

    @property
    def old_key(self) -> str | None:
        """The key that the question had, None if it is new."""
        return self.change.old_key

    @property
    def value(self) -> Value | None:
        return None if self.answer is None else self.answer.value

    @property
    def note(self) -> str:
        return "" if self.answer is None else self.answer.note

    @property
    def evidence(self) -> tuple[EvidenceItem, ...]:
        return () if self.answer is None else self.answer.evidence


class Table:
    """What answers to ``old`` offer to ``new``, worked out once for all submissions of one version.

    ``versions``: whether both are versions of one questionnaire, by default those of one slug. Two that only share
    keys are compared more strictly, since nobody has vouched that a key means the same in both: the texts must be
    at least half alike too. ``back``: ``new`` is the earlier one, and a question that ``old`` renamed is followed to
    the name that it had.
    """

    def __init__(
        self,
        old: Questionnaire,
        new: Questionnaire,
        between: Sequence[Questionnaire] = (),
        versions: bool | None = None,
        *,
        back: bool = False,
    ) -> None:
        self.new = new
        self.diff: Diff = diff(old, new, between)
        strict = old.slug != new.slug if versions is None else not versions
        barred = "campaign" in (old.purpose, new.purpose)
        asked = [self.diff.by_key[key] for key in new.questions]
        if back:
            renamed = {one.old_key: one for one in diff(new, old, between).questions if one.was is not None}
            asked = [
                returned(renamed[one.key]) if one.old is None and one.key in renamed else one for one in asked
            ]
        # The new key of every old question that is still asked, under whatever name and with whatever meaning.
        self.new_keys = {key: change.key for change in asked for key in (change.old_key, *change.also) if key}
        self.rows = tuple(_Row(change, old.questions, barred, strict) for change in asked)
        self._plain = tuple((row, row.key, row.plain_key) for row in self.rows)

    def offers(self, answers: Mapping[str, Answer], as_of: date, due: date | None = None) -> dict[str, Offer]:
        """The offer of every key of the new version. Values are read as of ``as_of``; documents must hold at
        ``due``, by default the same day."""
        return {row.key: row.offer(answers, as_of, due or as_of) for row in self.rows}

    def confirmed(
        self, answers: Mapping[str, Answer], as_of: date, due: date | None = None
    ) -> dict[str, Answer]:
        """The answers to the new version as if a person had confirmed everything offered, one by one or together."""
        day = due or as_of
        found = {}
        for row, key, old_key in self._plain:
            # The hot loop of a what-if: an answer without document or mark comes along as it is.
            given = None if old_key is None else answers.get(old_key)
            if (
                given is not None
                and given.state == "answered"
                and given.value is not None
                and not given.evidence
                and given.review is None
            ):
                found[key] = given
                continue
            answer = row.confirmed(answers, as_of, day)
            if answer is not None:
                found[key] = answer
        return found


def carry(
    old: Questionnaire,
    new: Questionnaire,
    answers: Mapping[str, Answer],
    *,
    as_of: date,
    due: date | None = None,
    between: Sequence[Questionnaire] = (),
    versions: bool | None = None,
) -> Mapping[str, Offer]:
    """What sealed ``answers`` to ``old`` offer to each question of ``new``; see ``Table`` for the rest."""
    return MappingProxyType(Table(old, new, between, versions).offers(answers, as_of, due))


class _Row:
    """One question of the new version, and what its change allows whatever was answered."""

    def __init__(
        self, change: QuestionChange, questions: Mapping[str, Question], barred: bool, strict: bool
    ) -> None:
        self.change, self.key = change, change.key
        old, new = change.old, change.new
        assert new is not None
        self.new = new
        self.code: Code | None = None
        if barred:
            self.code = "campaign"
        elif old is None:
            self.code = "added"
        elif change.fate == "changed":
            self.code = "changed"
        elif strict and not alike(old.text, new.text):
            self.code = "unalike"
        # The old question, and those that the new one replaces besides, which count as reworded.
        keys = () if old is None else (old.key, *change.also)
        self.sources = tuple(_Source(questions[key], new, change, at > 0) for at, key in enumerate(keys))
        # The old key where a value answers the new question as it is, whatever it is.
        alone = len(self.sources) == 1 and self.code is None and not self.sources[0].anew
        self.plain_key = self.sources[0].key if alone else None

    def find(self, answers: Mapping[str, Answer]) -> tuple[_Source | None, Answer | None, bool]:
        """The old question that was answered, its answer, and whether several such answers differ."""
        if len(self.sources) == 1:
            only = self.sources[0]
            alone = answers.get(only.key)
            return (only, alone, False) if alone is not None and is_given(alone) else (None, None, False)
        given = [
            (source, found)
            for source in self.sources
            if (found := answers.get(source.key)) is not None and is_given(found)
        ]
        if not given:
            return None, None, False
        source, answer = given[0]
        differ = any((one.state, one.value) != (answer.state, answer.value) for _, one in given[1:])
        return source, answer, differ

    def offer(self, answers: Mapping[str, Answer], as_of: date, due: date) -> Offer:
        source, answer, differ = self.find(answers)
        if self.code in ("campaign", "added") or source is None or answer is None:
            code = self.code or "unanswered"
            return Offer(self.key, "refused", code, _WORDS[code], self.change)
        mark = _doubt(answer)
        if self.code is not None or differ:
            code = self.code or "several"
            return Offer(self.key, "refused", code, _WORDS[code], self.change, answer, mark=mark)
        value, bad, reason = source.read(answer, as_of)
        if bad is not None:
            return Offer(self.key, "refused", bad, reason, self.change, answer, mark=mark)
        kept, lapsed = self._documents(answer, due)
        carried = Answer(answer.state, value, answer.note, kept)
        if mark is not None:
            reason = _WORDS[mark]
            return Offer(self.key, "single", "doubted", reason, self.change, answer, carried, lapsed, mark)
        code = "edited" if source.edited else "same"
        how: How = "single" if source.edited else "section"
        return Offer(self.key, how, code, _WORDS[code], self.change, answer, carried, lapsed)

    def confirmed(self, answers: Mapping[str, Answer], as_of: date, due: date) -> Answer | None:
        """The answer that the offer would become; the same as ``offer``, without its words."""
        if self.code is not None:
            return None
        source, answer, differ = self.find(answers)
        if source is None or answer is None or differ:
            return None
        value, bad, _ = source.read(answer, as_of)
        if bad is not None:
            return None
        if not answer.evidence and answer.review is None and value is answer.value:
            return answer
        return Answer(answer.state, value, answer.note, self._documents(answer, due)[0])

    def _documents(
        self, answer: Answer, due: date
    ) -> tuple[tuple[EvidenceItem, ...], tuple[EvidenceItem, ...]]:
        """The documents that still hold, without marks, and the others."""
        kept, lapsed = [], []
        for one in answer.evidence:
            rule = self.new.evidence
            asked = rule if rule is not None and is_of_kind(one.kind, rule.kind) else None
            if one.mark != "refused" and is_valid(asked, one, due):
                kept.append(EvidenceItem(one.kind, one.issued, one.expires))
            else:
                lapsed.append(one)
        return tuple(kept), tuple(lapsed)


class _Source:
    """One old question of a new one, and how its values are read by the new one."""

    def __init__(self, old: Question, new: Question, change: QuestionChange, besides: bool) -> None:
        self.key, self.old, self.new = old.key, old, new
        self.edited = besides or "text" in change.edits or "options" in change.edits
        # Values are read again where limits changed, or hang on the day.
        self.anew = besides or "options" in change.edits or "today" in (new.not_before, new.not_after)
        self.alone_changed = _alone(old) != _alone(new)

    def read(self, answer: Answer, as_of: date) -> tuple[Value | None, Code | None, str]:
        """The value as the new question takes it, or why it does not."""
        value, new = answer.value, self.new
        if value is None:
            return (None, None, "") if new.allow_na else (None, "na_gone", _WORDS["na_gone"])
        if not self.anew:
            return value, None, ""
        if self.old.unit != new.unit:
            units = f"it was “{self.old.unit}” and is “{new.unit}”"
            return None, "unit", f"The unit has changed: {units}. Answer it anew."
        chosen = value if isinstance(value, tuple) else (value,)
        gone = [
            one.label for one in self.old.options if one.value in chosen and new.option(one.value) is None
        ]
        if gone:
            labels = "; ".join(f"“{label}”" for label in gone)
            return None, "option_gone", f"What you chose is no longer offered: {labels}. Choose anew."
        if self.alone_changed:
            return None, "exclusive", _WORDS["exclusive"]
        try:
            return parse_value(new, raw_value(self.old, value), as_of), None, ""
        except InvalidAnswer as error:
            return None, "unfit", f"The earlier answer does not fit any more. {error.message}"


def _alone(question: Question) -> frozenset[str]:
    return frozenset(one.value for one in question.options if one.exclusive)


def is_given(answer: Answer) -> bool:
    """Whether a person has answered: suggestions and blanks are nobody's word."""
    return answer.state in ("answered", "not_applicable")


def _doubt(answer: Answer) -> Doubt | None:
    mark = None if answer.review is None else answer.review.mark
    return mark if mark == "challenged" or mark == "disproved" else None
