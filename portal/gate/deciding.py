"""What the rules propose for an engagement: method gate/1. Pure: equal facts and policy give equal bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from portal.gate.facts import GateFacts
from portal.gate.grounds import RANK, Ground, Result, grounds
from portal.vendors.policy import Policy
from questionnaires.dates import add_months

METHOD = "gate/1"
Outcome = Literal["clear", "clear_with_conditions", "pending", "blocked"]
OUTCOMES: tuple[Outcome, ...] = ("clear", "clear_with_conditions", "pending", "blocked")  # from best to worst
PASSING = frozenset({"clear", "clear_with_conditions"})
BY_HAND = "by_hand"  # the code of a condition that a person has added; its subject is an id


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold by ``due`` (None: as long as the decision), and what becomes of the gate if it does not."""

    code: str
    subject: str
    due: date | None
    lapses_to: Literal["pending", "blocked"]

    @property
    def key(self) -> tuple[str, str]:
        return self.code, self.subject


@dataclass(frozen=True, slots=True)
class Decision:
    """A proposal. ``latest``: the last day on which all that it rests on holds, and the policy's longest; a person who
    decides otherwise may not go beyond it. ``valid_until``: the same for an outcome that passes, else None.
    """

    method: str
    outcome: Outcome
    grounds: tuple[Ground, ...]
    conditions: tuple[Condition, ...]
    valid_until: date | None
    latest: date

    @property
    def reasons(self) -> tuple[Ground, ...]:
        """The grounds that make the outcome what it is: the worst ones. Never empty."""
        worst = max(RANK[one.result] for one in self.grounds)
        return tuple(one for one in self.grounds if RANK[one.result] == worst)


def decide(facts: GateFacts, policy: Policy) -> Decision:
    """The outcome that the worst ground allows, with every ground, what must hold, and until when.

    Raises KeyError for a tier that the policy does not know.
    """
    found = grounds(facts, policy)
    outcome = outcome_of(one.result for one in found)
    ends = [one.until for one in found if one.until is not None]
    latest = min([*ends, add_months(facts.today, policy.tier(facts.tier).valid_months)])
    return Decision(
        METHOD,
        outcome,
        found,
        tuple(
            Condition(one.code, one.subject, one.due, one.lapses_to)
            for one in found
            if one.lapses_to is not None
        ),
        latest if outcome in PASSING else None,
        latest,
    )


def outcome_of(results: Iterable[Result]) -> Outcome:
    """The worst of all; clear for none at all."""
    return OUTCOMES[max((RANK[one] for one in results), default=0)]


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of some outcomes."""
    return max(outcomes, key=OUTCOMES.index)
