"""Where each item of a contract schedule stands, and what changed since the cycle before. Pure: no SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from portal.vendors.facts import TIERS
from questionnaires.canonical import canonical_json

FLAGGED, PROPOSED, AGREED, IN_CONTRACT, WAIVED = "flagged", "proposed", "agreed", "in_contract", "waived"
LADDER = (FLAGGED, PROPOSED, AGREED, IN_CONTRACT)
REQUIRED, UNDETERMINED, NOT_REQUIRED = "required", "undetermined", "not_required"
# Codes of why a contract that was signed does not count any more, or why a waiver does not.
OLDER_REVISION, OLDER_CLAUSE, OLDER_VALUE, ENDED = "revision", "clause", "value", "ended"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a contract holds: the requirement's revision, the clause's number, the value, and the contract's dates."""

    revision: int
    clause: int
    value: str
    signed: date
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """That an item is waived up to and with ``until``, for the requirement's ``revision`` and this ``tier``."""

    until: date
    revision: int
    tier: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked now: the newest revision of the requirement, clause and value, and the engagement's tier."""

    revision: int
    clause: int
    value: str
    tier: str


@dataclass(frozen=True, slots=True)
class Standing:
    """``state``: one of LADDER, without the waiver; ``waived_until``: while a waiver holds. ``older``: codes of what
    is not the newest in the contract, or that the contract has ended; such an item counts as not in contract.
    """

    state: str
    waived_until: date | None
    older: tuple[str, ...]

    @property
    def shown(self) -> str:
        return WAIVED if self.waived_until is not None else self.state

    @property
    def holds(self) -> bool:
        """Whether it is in a contract that runs, in the newest wording."""
        return self.state == IN_CONTRACT and not self.older


def standing(
    state: str, agreed: Agreed | None, waiver: Waiver | None, wanted: Wanted, today: date
) -> Standing:
    """Where an item stands on ``today``. The last day of a waiver and of a contract counts.

    A waiver lapses by itself: on its end, when the requirement gets another revision, when the tier becomes stricter.
    """
    holds = (
        waiver is not None
        and today <= waiver.until
        and waiver.revision == wanted.revision
        and TIERS.index(wanted.tier) >= TIERS.index(waiver.tier)
    )
    older: list[str] = []
    if state == IN_CONTRACT and agreed is not None:
        older += [OLDER_REVISION] if agreed.revision != wanted.revision else []
        older += [OLDER_CLAUSE] if agreed.clause != wanted.clause else []
        older += [OLDER_VALUE] if agreed.value != wanted.value else []
        older += [ENDED] if agreed.until is not None and agreed.until < today else []
    return Standing(state, waiver.until if holds and waiver is not None else None, tuple(older))


def may_step(state: str, to: str) -> bool:
    """Forward one at a time or straight into the contract; back to any earlier state."""
    if state not in LADDER or to not in LADDER:
        return False
    ahead = LADDER.index(to) - LADDER.index(state)
    return ahead == 1 or ahead < 0 or to == IN_CONTRACT  # a newer contract replaces an older one


def fingerprint(raw: Mapping[str, Any]) -> str:
    """What a settlement by hand rests on: one outcome of an evaluation, without its words. SHA-256 in hex."""
    names = ("key", "revision", "outcome", "decided_by", "would_settle")
    basis = {name: sorted(raw[name]) if isinstance(raw[name], list) else raw[name] for name in names}
    return sha256(canonical_json(basis)).hexdigest()


# --------------------------------------------------------------------------------------------- against the cycle before


@dataclass(frozen=True, slots=True)
class Called:
    """One requirement now: how it came out (settlements counted), where it stands, and what decided it."""

    key: str
    outcome: str
    state: str
    decided_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Keys, each in the order of now (those that are gone: of before)."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    unproven: tuple[str, ...]


def compare(
    before: Mapping[str, str], now: Iterable[Called], unproven: Collection[str], musts: Collection[str]
) -> Comparison:
    """What is newly called for, what is not any more, and what was agreed while its answers do not bear it out.

    ``before``: requirement key -> outcome in the cycle before. ``unproven``: questions whose newest answer lacks its
    proof, is promised only, challenged or disproved. An undetermined requirement counts as called for when it is one
    of ``musts``: whoever decides anything treats it as required.
    """

    def called(key: str, outcome: str) -> bool:
        return outcome == REQUIRED or (outcome == UNDETERMINED and key in musts)

    present = {one.key: one for one in now}
    wanted = [one for one in present.values() if called(one.key, one.outcome)]
    doubted = set(unproven)
    return Comparison(
        new=tuple(one.key for one in wanted if not called(one.key, before.get(one.key, NOT_REQUIRED))),
        gone=tuple(
            key
            for key, outcome in before.items()
            if called(key, outcome) and (key not in present or not called(key, present[key].outcome))
        ),
        unproven=tuple(
            one.key
            for one in present.values()
            if one.state in (AGREED, IN_CONTRACT) and doubted & set(one.decided_by)
        ),
    )
