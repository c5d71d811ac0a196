"""An open assessment moves to a newer version: what stays, what must be confirmed, what is set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Literal

from questionnaires.answers import Answer
from questionnaires.carry_forward import Offer, Table, is_given
from questionnaires.changes import Diff, QuestionChange
from questionnaires.definition import Questionnaire

# Edits under which a reviewer's mark was put to another question than the one that now stands there.
_LAPSING = frozenset({"text", "options", "scoring", "evidence"})


@dataclass(frozen=True)
class Moved:
    """One draft: its key before and after (the old one if it has none now), the answer to store, and why.

    ``mark_lapses``: the answer had a reviewer's mark that no longer holds; ``answer`` is without it.
    """

    key: str
    old_key: str
    answer: Answer
    reason: str
    mark_lapses: bool = False


@dataclass(frozen=True)
class Move:
    """Every draft that holds anything, in exactly one place. The old drafts are as they were: undo returns to them.

    ``stays`` and ``suggested`` are by new key; a suggested answer waits for "still true". ``aside``, by old key, is
    kept and shown, and counts nowhere.
    """

    diff: Diff = field(repr=False)
    stays: Mapping[str, Moved]
    suggested: Mapping[str, Moved]
    aside: Mapping[str, Moved]


def move(
    old: Questionnaire,
    new: Questionnaire,
    drafts: Mapping[str, Answer],
    *,
    as_of: date,
    between: Sequence[Questionnaire] = (),
) -> Move:
    """Where each draft of an open assessment goes. Documents go with their answers, whatever their dates.

    An answer stays where its question asks the same: kept or renamed, neither text nor options edited. One to an
    edited question becomes a suggestion if it still fits. What was suggested already stays a suggestion.
    """
    judged = {key: _as_given(answer) for key, answer in drafts.items()}
    table = Table(old, new, between)
    offers = table.offers(judged, as_of)
    stays: dict[str, Moved] = {}
    suggested: dict[str, Moved] = {}
    aside: dict[str, Moved] = {}
    for change in table.diff.questions:
        keys = [key for key in (change.old_key, *change.also) if key and _holds_anything(drafts.get(key))]
        if not keys:
            continue
        if change.new is None:
            aside[keys[0]] = Moved(keys[0], keys[0], drafts[keys[0]], "This question is no longer asked.")
            continue
        offer = offers[change.key]
        taken = None
        if offer.answer is not None or (offer.code == "unanswered" and change.fate != "changed"):
            taken = next((key for key in keys if is_given(judged[key])), keys[0])
            place, moved = _moved(change, taken, drafts[taken], judged[taken], offer)
            (suggested if place == "suggested" else stays)[change.key] = moved
        for key in keys:
            if key != taken:
                reason = offer.reason if taken is None else f"The answer to {taken} stands here."
                aside[key] = Moved(key, key, drafts[key], reason)
    return Move(table.diff, MappingProxyType(stays), MappingProxyType(suggested), MappingProxyType(aside))


def _moved(
    change: QuestionChange, old_key: str, draft: Answer, judged: Answer, offer: Offer
) -> tuple[Literal["stays", "suggested"], Moved]:
    """The draft in its new place. What only holds a note or documents says nothing, and stays."""
    edited = bool({"text", "options"} & set(change.edits)) or old_key in change.also
    lapses = draft.review is not None and (old_key in change.also or bool(_LAPSING & set(change.edits)))
    review = None if lapses else draft.review
    confirm = edited and offer.answer is not None
    state = judged.state if confirm else draft.state
    value = draft.value if offer.answer is None else offer.answer.value
    answer = Answer(state, value, draft.note, draft.evidence, review)
    return "suggested" if confirm else "stays", Moved(change.key, old_key, answer, offer.reason, lapses)


def _as_given(answer: Answer) -> Answer:
    """A suggestion is judged as if it had been confirmed: whether it still fits does not hang on that."""
    if answer.state == "suggested" and answer.value is not None:
        return Answer("answered", answer.value, answer.note, answer.evidence, answer.review)
    return answer


def _holds_anything(answer: Answer | None) -> bool:
    return answer is not None and (
        answer.state != "unanswered" or bool(answer.note or answer.evidence or answer.review)
    )
