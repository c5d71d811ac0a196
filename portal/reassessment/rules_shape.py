"""The rules of an organisation's audit cycle: ladders, days, how openings go, what a trigger does. Pure, no SQL.

The content of a version is canonical JSON of codes, numbers and days (rules_parsing.py reads it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from portal.reassessment.kinds import ALWAYS_THERE, KINDS, OWN
from portal.reassessment.ladder import Ladder, Step
from portal.vendors.facts import TIERS
from questionnaires.canonical import canonical_json

ITSELF, ASK = "itself", "ask"
MOVES, KEEPS = "moves", "keeps"
OPENINGS, LATE = (ITSELF, ASK), (MOVES, KEEPS)
EVERY = "all"  # a ladder that is the same for every tier
REMIND, OFF, REASSESS = "remind", "off", "reassess"
TRIGGERS = ("scope", "tier", "incident", "evidence", "requirement", "version", "finding")


@dataclass(frozen=True, slots=True)
class Rules:
    """One version. ``sequence`` 0 is what ships.

    ``answer_days``, ``review_days``: by tier, how long a vendor has, and how long a review takes. ``first_days``: until
    a new engagement is asked. ``must_days``: until a required clause is proposed. ``notice_days``: no date is pulled
    nearer than that. ``together_days``: what would be opened within these is opened with the first. ``opening``: itself
    or ask. ``a_day``: openings at most. ``late``: whether late answers move the cycle or keep it. ``ladders``: kind ->
    tier or EVERY -> steps. ``triggers``: code -> remind, off, or reassess:<days>.
    """

    answer_days: Mapping[str, int]
    review_days: Mapping[str, int]
    first_days: int
    must_days: int
    notice_days: int
    together_days: int
    opening: str
    a_day: int
    late: str
    ladders: Mapping[str, Mapping[str, Ladder]]
    triggers: Mapping[str, str]
    sequence: int = 0

    def ladder(self, kind: str, tier: str) -> Ladder:
        """The steps of a kind for a tier; raises KeyError for a kind that has no ladder of its own.

        Of a kind whose subjects choose their ladder ``tier`` is its name (kinds.OWN).
        """
        if kind in OWN:
            return OWN[kind].get(tier, ())
        found = self.ladders[kind]
        return found[tier] if tier in found else found[EVERY]

    def earliest(self, kind: str) -> int:
        """Days from the first step of any tier's ladder of this kind to the due date, for looking ahead; at least 0."""
        return max((-(one.days or 0) for ladder in self.ladders[kind].values() for one in ladder), default=0)

    def to_json(self) -> dict[str, Any]:
        """As ``rules_parsing.parse`` reads it."""
        return {
            "answer_days": dict(self.answer_days),
            "review_days": dict(self.review_days),
            "first_days": self.first_days,
            "must_days": self.must_days,
            "notice_days": self.notice_days,
            "together_days": self.together_days,
            "opening": self.opening,
            "a_day": self.a_day,
            "late": self.late,
            "ladders": {
                kind: {tier: [step_json(one) for one in ladder] for tier, ladder in sorted(tiers.items())}
                for kind, tiers in sorted(self.ladders.items())
            },
            "triggers": dict(self.triggers),
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON, without the sequence: equal rules have equal bytes."""
        return canonical_json(self.to_json())

    @property
    def content_hash(self) -> str:
        return sha256(self.to_bytes()).hexdigest()


def step_json(step: Step) -> dict[str, Any]:
    """One step as a version keeps it."""
    said: dict[str, Any] = {"to": list(step.to), "alone": step.alone, "mandatory": step.mandatory}
    if step.hours is None:
        said["days"] = step.days
    else:
        said["hours"] = step.hours
    if step.since is not None:
        said["since"] = step.since.isoformat()
    return said


def shipped(cycle_since: date | None) -> Rules:
    """What holds before an organisation has saved rules of its own.

    ``cycle_since``: since when the cycle is kept there, None = from its beginning. In an organisation that is older
    than the cycle every step but the four that it always had speaks from that day on, and nothing is sent to a vendor
    by itself.
    """
    return Rules(
        answer_days=MappingProxyType(dict(zip(TIERS, _by_tier(42, 42, 35, 28), strict=True))),
        review_days=MappingProxyType(dict(zip(TIERS, _by_tier(14, 14, 10, 10), strict=True))),
        first_days=14,
        must_days=30,
        notice_days=30,
        together_days=45,
        opening=ITSELF if cycle_since is None else ASK,
        a_day=50,
        late=MOVES,
        ladders=MappingProxyType(
            {kind: MappingProxyType({EVERY: shipped_ladder(kind, cycle_since)}) for kind in KINDS}
        ),
        triggers=MappingProxyType(dict.fromkeys(TRIGGERS, REMIND)),
    )


def _by_tier(critical: int, high: int, medium: int, low: int) -> tuple[int, ...]:
    found = {"critical": critical, "high": high, "medium": medium, "low": low}
    return tuple(found[tier] for tier in TIERS)


def shipped_ladder(kind: str, cycle_since: date | None) -> Ladder:
    """The ladder that ships for a kind, with the day since which each step stands in the rules."""
    always = ALWAYS_THERE.get(kind, ())
    return tuple(
        one if cycle_since is None or one.days in always else replace(one, since=cycle_since)
        for one in KINDS[kind].ladder
    )
