"""Which defects two people may take as they are for a time, and for how much that lasts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Literal

from portal.gate.facts import Accepted, GateFacts
from portal.gate.lines import RANK, Ground
from portal.vendors.facts import TIERS

# What two people may accept for a time. Never what is missing, unreviewed or unknown: that has to be done first.
EXCEPTABLE = frozenset({"band", "knockout", "finding", "evidence", "proof"})
NO_BAND = 99  # the measure of a band that nobody can tell
# Code -> least measure that can have been accepted, and the worst that an exception reaches; see can_be_accepted.
KNOWN: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"knockout": (2, 2), "evidence": (1, 1), "proof": (1, 1)}
)


def as_strict(then: str | None, now: str) -> bool:
    """Whether what was accepted at tier ``then`` may be leant on at tier ``now``: only while no more depends on it."""
    return then is not None and TIERS.index(then) <= TIERS.index(now)


def covers(accepted: Accepted, ground: Ground, tier: str, today: date) -> bool:
    """Whether an exception holds for this ground: not run out, the ground no worse than what was accepted, and that
    something known: of a knock-out that it has failed, of a document that it has run out.
    """
    known, most = KNOWN.get(accepted.code, (0, NO_BAND - 1))
    return (
        ground.key == (accepted.code, accepted.subject)
        and accepted.until >= today
        and ground.measure <= min(accepted.measure, most)
        and accepted.measure >= known
        and as_strict(accepted.tier, tier)
    )


def can_be_accepted(ground: Ground) -> bool:
    """Whether two people may take this defect as it is: only one that is known for certain.

    A band that at its best is below what may pass, a failed knock-out, a finding, a document that has run out. Never
    what is missing or open: a knock-out or band that may still come out well, a document that nobody has seen.
    """
    if ground.code not in EXCEPTABLE or RANK[ground.result] < RANK["pending"]:
        return False
    if ground.code in ("evidence", "proof"):
        return ground.recorded("state") == "expired"
    return ground.result == "blocked"


def under_exception(ground: Ground, facts: GateFacts) -> Ground:
    """The ground as it counts with the exceptions that the facts hold."""
    if RANK[ground.result] < RANK["pending"] or ground.code not in EXCEPTABLE:
        return ground
    ends = [one.until for one in facts.accepted if covers(one, ground, facts.tier, facts.today)]
    if not ends:
        return ground
    lapses_to: Literal["pending", "blocked"] = "blocked" if ground.result == "blocked" else "pending"
    return replace(ground, result="excepted", until=max(ends), due=max(ends), lapses_to=lapses_to)
