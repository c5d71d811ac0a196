"""All that the gate's rules look at, as it stands on one day: ids, codes, numbers and dates. Pure, no SQL, no clock.

Days are local dates of the organisation's zone, and the last day of anything counts. ``None`` where a day is expected
means what the field's own words say: without an end, or not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

from portal.vendors.facts import TIERS
from portal.vendors.policy import FINDINGS, LEVELS, MUSTS

SEVERITIES = FINDINGS[1:]
# Of a field that facts were once kept without: left out while it has its default, so that they keep their bytes.
LATER = MappingProxyType({"later": True})


@dataclass(frozen=True, slots=True)
class Knockout:
    """A critical question below its minimum: ``failed`` for certain, else it may still reach it.

    ``opened``: when its finding was first opened, carried from cycle to cycle; None = not known. ``due``: the agreed
    day of the fix, None = none agreed; ``first_due``: the earliest day that was ever agreed.
    """

    key: str
    failed: bool
    opened: date | None = None
    due: date | None = None
    first_due: date | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A question that earns its points on the strength of a document: proven, accepted, or exempt on a certificate.

    ``held``: whether a document that was not refused is there now; ``until``: the last day of the best one, None = it
    has no end. Questions that the rating counts as unproven are no proofs: what they cost is in the band.
    """

    key: str
    held: bool = True
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The newest submission of one demanded questionnaire, whole or returned.

    ``whole_as_of``: the day of the last round that asked everything: returning one question renews nothing. ``low``
    and ``high``: levels 4 (best) to 1 of the worst and the best band that are still possible, None = there is no
    band; they and ``knockouts`` are the worse of what is written and what is marked and not yet written.
    ``unwritten``: marks that wait. ``unjudged`` counts answers without a judgement, ``unjudged_critical`` those of
    critical questions, ``lapsed`` those that were judged badly before they were changed; these are among both.
    ``round_open``: a later round has begun and is not submitted; ``round_due``: until when; ``round_first``: until
    when it was first asked for, also of one that was taken back; ``round_by``: ids of the people who moved its day or
    took it back. ``redacted``: answers were removed from the record. ``content_hash``: of the questionnaire's
    version. ``former``: the submissions before it, newest first, up to and with the last that was judged altogether:
    what is said anew makes nothing better until somebody has judged it. ``outgrown``: band or knock-outs are worse
    under the engagement's facts of now than under those it was issued with.
    """

    slug: str
    submission: str
    whole_as_of: date
    low: int | None
    high: int | None
    knockouts: tuple[Knockout, ...] = ()
    proofs: tuple[Proof, ...] = ()
    unwritten: int = 0
    unjudged: int = 0
    unjudged_critical: int = 0
    round_open: bool = False
    round_due: date | None = None
    redacted: bool = False
    lapsed: int = 0
    content_hash: str = ""
    former: tuple[Submitted, ...] = ()
    outgrown: bool = field(default=False, metadata=LATER)
    round_first: date | None = field(default=None, metadata=LATER)
    round_by: tuple[str, ...] = field(default=(), metadata=LATER)

    def __post_init__(self) -> None:
        _sort(self, "knockouts", "key")
        _sort(self, "proofs", "key")
        if (self.low is None) != (self.high is None):
            raise ValueError("a band is known at both ends or at none")
        if self.low is not None and not self.low <= (self.high or 0):
            raise ValueError("the worst band is better than the best one")
        if {self.low, self.high} - {None, *LEVELS}:
            raise ValueError("levels are 4 to 1")
        if not 0 <= self.lapsed <= self.unjudged_critical <= self.unjudged or self.unwritten < 0:
            raise ValueError("counts do not fit together")
        if any(one.former for one in self.former):
            raise ValueError("former submissions stand in one list")


@dataclass(frozen=True, slots=True)
class Finding:
    """An open finding, by id; ``severity``: low to critical. ``opened``, ``due`` and ``first_due`` as for a knock-out.

    ``knockout``: ``slug:key`` of the critical question that it was opened for, "" for others: it stands with its
    knock-out while there is one.
    """

    id: str
    severity: str
    opened: date | None = None
    due: date | None = None
    first_due: date | None = None
    knockout: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"{self.severity} is no severity")


@dataclass(frozen=True, slots=True)
class Document:
    """The best document of a kind beside the answers of one questionnaire; ``until``: its last day, None = no end.

    ``slug``: the questionnaire, since what lies beside one that is not demanded or has run out is nobody's to read;
    "" = not known, as in facts that were kept before it was asked, and counts.
    """

    kind: str
    until: date | None = None
    slug: str = field(default="", metadata=LATER)

    @property
    def place(self) -> tuple[str, str]:
        return self.kind, self.slug


@dataclass(frozen=True, slots=True)
class Requirement:
    """A ``must`` of the contract. ``outcome``: as evaluated, or as two people settled it.

    ``state``: how far the contract is, without its waiver. ``current``: whether what is in the contract is the newest
    revision, clause and value. ``since``: when it was first called for, None = not known. ``contract_until``: the last
    day of the contract that it stands in, None = it has no end. ``waived_until``: the last day of a waiver that holds
    for this revision, given at ``waived_tier``.
    """

    key: str
    outcome: Literal["required", "undetermined", "not_required"]
    state: str
    current: bool = True
    since: date | None = None
    contract_until: date | None = None
    waived_until: date | None = None
    waived_tier: str | None = None

    def __post_init__(self) -> None:
        if self.state not in MUSTS:
            raise ValueError(f"{self.state} is no state of a requirement")
        if (self.waived_until is None) != (self.waived_tier is None):
            raise ValueError("a waiver has a tier and an end")


@dataclass(frozen=True, slots=True)
class Accepted:
    """An exception that two people approved: the ground (``code``, ``subject``) is taken as it was then.

    ``measure``: how bad the ground was when it was accepted; ``tier``: of the engagement then.
    """

    code: str
    subject: str
    until: date
    measure: int
    tier: str


@dataclass(frozen=True, slots=True)
class GateFacts:
    """One engagement on one day.

    ``tier``: the one that counts: the stricter, while a lower one waits for a second person (``tier_waits``).
    ``tier_by_hand``: it does not rest on an intake; ``tier_own``: and nobody but whoever decides has set it.
    ``personal``: whether personal data are touched, None = nobody
    knows. ``linked``: the vendor's people have joined. ``evaluation``: of the contract's requirements; ``outdated``:
    facts or submissions have changed since, ``catalogue``: nothing but the catalogue has. ``submitted``: the newest
    submission per questionnaire, demanded or not; the lists come in any order and are kept in one.
    """

    today: date
    tier: str
    tier_by_hand: bool = False
    tier_waits: bool = False
    personal: bool | None = None
    linked: bool = True
    offboarded: bool = False
    evaluation: Literal["current", "catalogue", "outdated", "none"] = "current"
    submitted: tuple[Submitted, ...] = ()
    findings: tuple[Finding, ...] = ()
    documents: tuple[Document, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    tier_own: bool = field(default=False, metadata=LATER)

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(f"{self.tier} is no tier")
        for name, key in (
            ("submitted", "slug"),
            ("findings", "id"),
            ("documents", "place"),
            ("requirements", "key"),
        ):
            _sort(self, name, key)
        order = sorted(
            self.accepted, key=lambda one: (one.code, one.subject, one.until, one.measure, one.tier)
        )
        object.__setattr__(self, "accepted", tuple(order))


def latest(ends: Iterable[date | None]) -> date | None:
    """The end of the best of several: None, without an end, is the best."""
    found = list(ends)
    return None if None in found else max(one for one in found if one is not None)


def _sort(of: Any, name: str, key: str) -> None:
    """Bring a list of a frozen type into the order of its keys, of which each stands once."""
    rows: Iterable[Any] = getattr(of, name)
    found = tuple(sorted(rows, key=lambda one: str(getattr(one, key))))
    if len({getattr(one, key) for one in found}) < len(found):
        raise ValueError(f"one of {name} stands twice")
    object.__setattr__(of, name, found)
