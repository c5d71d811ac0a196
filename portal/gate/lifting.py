"""What people asked for beyond the rules, and whether a choice takes it away: whoever does that is not alone.

The rules know nothing of a sanction that a board has read of, or of an exit plan that somebody wants. Such a decision
stays asked for until it is lifted, whatever was decided in between: blocking loses no condition, and deciding the same
anew does not make it one's own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.gate import queries
from portal.gate.choosing import Choice
from portal.gate.deciding import BY_HAND, OUTCOMES, PASSING, Condition, Outcome
from portal.gate.models import GateDecision
from portal.gate.standing import Decided


@dataclass(frozen=True, slots=True)
class Past:
    """One decision. ``people``: who made it, one or two. ``words``: of its conditions added by hand, by subject; one
    that was removed is not there. ``met``: the subjects of those that have been met.
    """

    outcome: Outcome
    proposed: Outcome
    hands: tuple[Condition, ...]
    people: frozenset[uuid.UUID]
    words: Mapping[str, str]
    met: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lifted:
    """What a choice takes away of what people asked for. ``outcome``, ``conditions``: of which kind; ``people``: who
    had asked for it.
    """

    outcome: bool
    conditions: bool
    people: frozenset[uuid.UUID]

    def of_others(self, person_id: uuid.UUID) -> bool:
        """Whether anybody else than this person had asked for any of it."""
        return bool(self.people - {person_id})

    def __bool__(self) -> bool:
        return self.outcome or self.conditions


def asked(history: Sequence[Past]) -> tuple[Condition, ...]:
    """The conditions added by hand that are still to be met. ``history``: newest first."""
    newest = next((one for one in history if one.outcome in PASSING), None)
    return () if newest is None else tuple(one for one in newest.hands if one.subject not in newest.met)


def words_of(history: Sequence[Past]) -> dict[str, str]:
    """What those conditions say, by subject."""
    newest = next((one.words for one in history if one.outcome in PASSING), {})
    return {one.subject: newest[one.subject] for one in asked(history) if one.subject in newest}


def strictest(history: Sequence[Past], proposed: Outcome) -> Outcome:
    """The best outcome that takes nothing away, as far as the outcome alone can: what a fresh form offers."""
    held: Outcome = "clear_with_conditions" if asked(history) else "clear"
    kept = [one.outcome for one in _beyond(history, "clear")]
    return max((proposed, held, *kept), key=OUTCOMES.index)


def lifted(choice: Choice, words: Mapping[str, str], history: Sequence[Past]) -> Lifted:
    """What deciding so would take away. ``words``: of the conditions added by hand, as they would read."""
    stricter = [one.people for one in _beyond(history, choice.outcome)]
    dropped: list[frozenset[uuid.UUID]] = []
    if choice.outcome in PASSING:
        kept = {one.subject: one for one in choice.conditions if one.code == BY_HAND}
        told = words_of(history)
        for one in asked(history):
            if not _is_kept(one, kept.get(one.subject)) or told.get(one.subject) not in (
                None,
                words.get(one.subject),
            ):
                dropped += [
                    past.people for past in history if one.subject in {it.subject for it in past.hands}
                ]
    return Lifted(bool(stricter), bool(dropped), frozenset().union(*stricter, *dropped))


def _beyond(history: Sequence[Past], outcome: Outcome) -> Iterator[Past]:
    """The decisions stricter than ``outcome`` that nobody has lifted since, of those that the rules did not propose."""
    least = len(OUTCOMES)
    for one in history:
        rank = OUTCOMES.index(one.outcome)
        if rank <= OUTCOMES.index(outcome) or rank > least:
            return  # what was stricter than a newer one has been lifted by it
        least = rank
        if one.outcome not in PASSING and rank > OUTCOMES.index(one.proposed):
            yield one


def _is_kept(asked_for: Condition, one: Condition | None) -> bool:
    if one is None or (one.lapses_to, asked_for.lapses_to) == ("pending", "blocked"):
        return False
    return asked_for.due is None or (one.due is not None and one.due <= asked_for.due)


def read(session: Session, identity: Identity, rows: Sequence[GateDecision]) -> tuple[Past, ...]:
    """Decisions about one engagement, newest first, with their words; what has been met of the last that passed."""
    said = queries.said(session, identity, [one.id for one in rows])
    passing = next((one for one in rows if one.outcome in PASSING), None)
    met = queries.met(queries.steps(session, identity, passing.id)) if passing is not None else frozenset()
    return tuple(
        _past(one, queries.decided_of(one), said[one.id].conditions, met if one is passing else frozenset())
        for one in rows
    )


def _past(row: GateDecision, decided: Decided, words: Mapping[str, str], met: frozenset[str]) -> Past:
    return Past(
        decided.outcome,
        decided.proposal.outcome,
        tuple(one for one in decided.conditions if one.code == BY_HAND),
        queries.deciders(row),
        words,
        met,
    )
