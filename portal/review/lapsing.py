"""Adverse marks that a new round sheds: what somebody judged badly is looked at again, whatever was changed about it.

An adverse mark is a challenge, a disproof, a grade below what the answer would have earned, or a refused document. One
that does not hold in the new round is noted there, and in every round after it, until a person's mark on the question
stands. Where the question is not asked any more, the answers that hide it are what has to be judged.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from portal.review.models import LapsedMark, Mark, MarkDraft
from portal.review.queries import ANSWER, Place
from questionnaires.definition import Questionnaire
from questionnaires.results import TraceLine

ADVERSE = frozenset({"challenged", "disproved", "refused"})
FULL = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """From one round to the next. ``heirs``: old keys to those of now, of every question that lives on.

    ``origins``: the other way round, without those that a question replaces beside its own.
    ``hidden``: keys that are not asked now; ``changed``: whether the answer to a key of now is another than it was.
    """

    definition: Questionnaire
    heirs: Mapping[str, tuple[str, ...]]
    origins: Mapping[str, str]
    hidden: Collection[str]
    changed: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Lapse:
    """To be noted in the new round: an adverse mark, where to look now, and what it is about (LapsedMark)."""

    key: str
    mark_id: uuid.UUID
    about: str


def is_adverse(one: Mark | MarkDraft, line: TraceLine | None) -> bool:
    """Whether a mark says that an answer or a document is not what it claims.

    ``line``: the question as the engine counts it without any mark; None = not known, so any grade short of all points.
    """
    if one.mark == "graded":
        most = FULL if line is None or line.high is None else line.high
        return (one.points or 0) < most
    return one.mark in ADVERSE


def lapses(
    turn: Turn,
    marks: Mapping[Place, Mark],
    kept: Collection[uuid.UUID],
    before: Iterable[LapsedMark],
    lines: Mapping[str, TraceLine],
) -> set[Lapse]:
    """What is to be noted in the new round.

    ``marks``: those that stood in the round before, of which the ids ``kept`` hold; ``before``: what was noted there;
    ``lines``: the round before as the engine counts it without marks.
    """
    found: set[Lapse] = set()
    for (key, _document), one in marks.items():
        if one.id not in kept and is_adverse(one, lines.get(key)):
            found |= {Lapse(where, one.id, about) for where, about in _shed(turn, key)}
    for note in before:
        judged = marks.get((note.key, ANSWER))
        # Somebody has looked at it since, and what they looked at is the same.
        settled = judged is not None and judged.carried_from is None and judged.id in kept
        found |= {Lapse(where, note.mark_id, about) for where, about in _noted(turn, note, settled)}
    return found


def _shed(turn: Turn, key: str) -> Iterator[tuple[str, str]]:
    """Where to look for a mark on ``key`` of the round before, and what the question is called now."""
    for about in turn.heirs.get(key, ()):
        if about not in turn.hidden:
            yield about, about
            continue
        asked = hiding(turn, about)
        for one in [one for one in asked if turn.changed(one)] or asked:
            yield one, about


def _noted(turn: Turn, note: LapsedMark, settled: bool) -> Iterator[tuple[str, str]]:
    """The same for what was noted in the round before; ``settled``: somebody judged the answer that it names."""
    elsewhere = note.key != note.about
    for about in turn.heirs.get(note.about, ()):
        if (
            about not in turn.hidden
        ):  # what was judged instead says nothing about an answer that is shown again
            if elsewhere or not settled:
                yield about, about
            continue
        asked = hiding(turn, about)
        places = {one for one in asked if turn.changed(one)}
        if elsewhere and not settled:
            places |= set(turn.heirs.get(note.key, ())) - set(turn.hidden)
        for one in sorted(places) or ([] if settled else asked):
            yield one, about


def hiding(turn: Turn, key: str) -> list[str]:
    """The questions that are asked and on which it depends, however far up, whether ``key`` is."""
    asked: list[str] = []
    seen, waiting = {key}, [key]
    while waiting:
        one = waiting.pop()
        section, question = turn.definition.section_of[one], turn.definition.questions[one]
        for condition in (section.visible_when, question.visible_when):
            for name in sorted(condition.names if condition is not None else ()):
                if name in turn.definition.questions and name not in seen:
                    seen.add(name)
                    waiting.append(name)
                    if name not in turn.hidden:
                        asked.append(name)
    return asked
