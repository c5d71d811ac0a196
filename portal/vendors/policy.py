"""An organisation's policy: what each tier demands, what may pass, and which residual risk is left. Pure, no SQL.

The content of a version is canonical JSON: numbers, codes and slugs, and no text that a person wrote. Every field has
one direction in which it asks for less; ``loosens`` names the fields that went that way, because such a change needs
a second person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from portal.access import OrganisationRole
from portal.faults import Invalid
from portal.vendors.facts import TIERS
from questionnaires.canonical import canonical_json
from questionnaires.patterns import SLUG

LEVELS = (
    4,
    3,
    2,
    1,
)  # of a band: 4 is the best of any questionnaire, 1 the worst (questionnaires.definition.Band)
RISKS = ("low", "medium", "high", "critical")  # rising
REVIEWS = ("none", "critical", "all")  # rising: more is judged by a person
FINDINGS = ("none", "low", "medium", "high", "critical")  # rising: worse may stand open
MUSTS = ("flagged", "proposed", "agreed", "in_contract")  # rising: the contract is further on
DECIDERS = tuple(
    one.value for one in OrganisationRole if one is not OrganisationRole.AUDITOR
)  # an auditor changes nothing
MOST_MONTHS = 120
MOST_DAYS = 730
MOST_LISTED = 20
KIND = re.compile(r"[a-z0-9_]{1,64}")
PERSONAL = frozenset({"personal", "special", "health_us"})


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """What one tier demands.

    ``questionnaires``: slugs demanded of every engagement; ``with_personal_data``: further ones, unless it is known
    that the engagement touches no personal data. ``evidence``: kinds of document, each valid for at least
    ``evidence_days`` more. ``months`` between assessments. ``clear_level``: the worst level of a band that passes;
    ``condition_level``: the worst that passes with conditions; below it is blocked. ``fix_days``: a failed knock-out
    passes with conditions when a dated remediation lies within so many days of its finding; 0 = never. ``review``:
    which answers a person must have judged. ``worst_finding``: the worst finding that may stand open without a plan.
    ``must``: how far every required clause has to be. ``approvals``: people per decision, ``roles``: who may decide.
    ``valid_months``: how long a decision holds at most.
    """

    questionnaires: tuple[str, ...]
    with_personal_data: tuple[str, ...]
    evidence: tuple[str, ...]
    evidence_days: int
    months: int
    clear_level: int
    condition_level: int
    fix_days: int
    review: str
    worst_finding: str
    must: str
    approvals: int
    roles: tuple[str, ...]
    valid_months: int

    @property
    def demanded(self) -> frozenset[str]:
        """Slugs that may be demanded, personal data or not."""
        return frozenset(self.questionnaires) | frozenset(self.with_personal_data)

    def demands(self, personal: bool | None) -> tuple[str, ...]:
        """The slugs demanded of an engagement that touches personal data, does not, or None: nobody knows."""
        more = () if personal is False else self.with_personal_data
        return tuple(sorted({*self.questionnaires, *more}))


@dataclass(frozen=True, slots=True)
class Policy:
    """One version. ``matrix``: residual risk by tier and level of the worst band. ``sequence`` 0 is the shipped one."""

    tiers: Mapping[str, TierPolicy]
    matrix: Mapping[tuple[str, int], str]
    intake_required: bool
    sequence: int = 0

    def tier(self, name: str) -> TierPolicy:
        """The demands of a tier. Raises KeyError for a tier that does not exist."""
        return self.tiers[name]

    def residual(self, tier: str, level: int) -> str:
        """The risk that is left: ``low`` to ``critical``."""
        return self.matrix[tier, level]

    def to_json(self) -> dict[str, Any]:
        return {
            "intake_required": self.intake_required,
            "matrix": {tier: {str(level): self.matrix[tier, level] for level in LEVELS} for tier in TIERS},
            "tiers": {
                tier: {one.name: _plain(getattr(self.tiers[tier], one.name)) for one in fields(TierPolicy)}
                for tier in TIERS
            },
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON, without the sequence: equal policies have equal bytes."""
        return canonical_json(self.to_json())

    @property
    def content_hash(self) -> str:
        return sha256(self.to_bytes()).hexdigest()


def touches_personal(facts: Mapping[str, Any]) -> bool | None:
    """Whether an engagement with these facts touches personal data; None while nobody knows what it touches."""
    data = facts.get("engagement.data")
    return None if data is None else bool(PERSONAL & set(data))


# ------------------------------------------------------------------------------------------------------- the default

# What ships, by tier: the more a failure harms, the more is asked, the less passes, the sooner it is looked at again.
_SHIPPED: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "critical": {
            "questionnaires": ("security_core",),
            "evidence_days": 30,
            "clear_level": 4,
            "condition_level": 3,
            "fix_days": 30,
            "review": "all",
            "worst_finding": "low",
            "must": "in_contract",
            "approvals": 2,
            "roles": ("admin", "ciso"),
        },
        "high": {
            "questionnaires": ("security_core",),
            "evidence_days": 0,
            "clear_level": 3,
            "condition_level": 2,
            "fix_days": 60,
            "review": "critical",
            "worst_finding": "medium",
            "must": "agreed",
            "approvals": 1,
            "roles": ("admin", "ciso"),
        },
        "medium": {
            "questionnaires": ("security_lite",),
            "evidence_days": 0,
            "clear_level": 3,
            "condition_level": 2,
            "fix_days": 90,
            "review": "critical",
            "worst_finding": "medium",
            "must": "proposed",
            "approvals": 1,
            "roles": ("admin", "ciso", "reviewer"),
        },
        "low": {
            "questionnaires": ("security_lite",),
            "evidence_days": 0,
            "clear_level": 2,
            "condition_level": 1,
            "fix_days": 180,
            "review": "none",
            "worst_finding": "high",
            "must": "flagged",
            "approvals": 1,
            "roles": ("admin", "ciso", "procurement", "reviewer"),
        },
    }
)
# Residual risk, best band to worst. A good result takes a critical engagement down to medium and no further.
_MATRIX = MappingProxyType(
    {
        "critical": ("medium", "high", "critical", "critical"),
        "high": ("low", "medium", "high", "critical"),
        "medium": ("low", "low", "medium", "high"),
        "low": ("low", "low", "low", "medium"),
    }
)


def default(months: Mapping[str, int]) -> Policy:
    """The shipped policy with an organisation's own months between assessments, by tier."""
    return _default(tuple(months[tier] for tier in TIERS))


@cache
def _default(months: tuple[int, ...]) -> Policy:
    tiers = {
        tier: TierPolicy(
            **_SHIPPED[tier],
            with_personal_data=("privacy_processor",),
            evidence=(),
            months=number,
            valid_months=min(number, 12),
        )
        for tier, number in zip(TIERS, months, strict=True)
    }
    matrix = {(tier, level): _MATRIX[tier][at] for tier in TIERS for at, level in enumerate(LEVELS)}
    return Policy(MappingProxyType(tiers), MappingProxyType(matrix), True)


# ----------------------------------------------------------------------------------------------------------- parsing


def parse(raw: Mapping[str, Any], sequence: int = 0) -> Policy:
    """A policy from the shape of ``to_json``.

    Raises Invalid with a sentence for each field, named as on the page: ``critical.months``, ``matrix.high.3``.
    """
    errors: dict[str, str] = {}
    try:
        tiers = {tier: _tier(tier, raw["tiers"][tier], errors) for tier in TIERS}
        matrix = {(tier, level): raw["matrix"][tier][str(level)] for tier in TIERS for level in LEVELS}
        intake_required = raw["intake_required"]
    except (KeyError, TypeError):
        raise Invalid("The policy is not complete. Load the page again.") from None
    for (tier, level), risk in matrix.items():
        if risk not in RISKS:
            errors[f"matrix.{tier}.{level}"] = "Choose from the list."
    if not errors:
        errors |= _unordered(matrix)
    if not isinstance(intake_required, bool):
        errors["intake_required"] = "Choose yes or no."
    if errors:
        raise Invalid(errors=errors)
    return Policy(MappingProxyType(tiers), MappingProxyType(matrix), intake_required, sequence)


def read(content: bytes, sequence: int) -> Policy:
    """The policy that a version's bytes hold; raises Invalid as ``parse``."""
    return parse(json.loads(content), sequence)


def _tier(tier: str, raw: Mapping[str, Any], errors: dict[str, str]) -> TierPolicy:
    def wrong(name: str, sentence: str) -> None:
        errors[f"{tier}.{name}"] = sentence

    def number(name: str, low: int, high: int, unit: str) -> int:
        value = raw[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            wrong(name, f"Write a whole number of {unit} from {low} to {high}.")
            return low
        return value

    def one_of(name: str, values: tuple[Any, ...]) -> Any:
        if raw[name] not in values:
            wrong(name, "Choose from the list.")
            return values[0]
        return raw[name]

    def several(name: str, fits: Callable[[str], Any], sentence: str) -> tuple[str, ...]:
        values = raw[name]
        if not isinstance(values, (list, tuple)) or len(values) > MOST_LISTED:
            wrong(name, f"Name at most {MOST_LISTED}.")
            return ()
        if not all(isinstance(one, str) and fits(one) for one in values):
            wrong(name, sentence)
            return ()
        return tuple(sorted(set(values)))

    always = several("questionnaires", SLUG.fullmatch, "Choose questionnaires from the list.")
    personal = several("with_personal_data", SLUG.fullmatch, "Choose questionnaires from the list.")
    found = TierPolicy(
        questionnaires=always,
        with_personal_data=tuple(one for one in personal if one not in always),
        evidence=several("evidence", KIND.fullmatch, "Choose kinds of document from the list."),
        evidence_days=number("evidence_days", 0, MOST_DAYS, "days"),
        months=number("months", 1, MOST_MONTHS, "months"),
        clear_level=one_of("clear_level", LEVELS),
        condition_level=one_of("condition_level", LEVELS),
        fix_days=number("fix_days", 0, MOST_DAYS, "days"),
        review=one_of("review", REVIEWS),
        worst_finding=one_of("worst_finding", FINDINGS),
        must=one_of("must", MUSTS),
        approvals=one_of("approvals", (1, 2)),
        roles=several("roles", DECIDERS.__contains__, "Choose roles from the list."),
        valid_months=number("valid_months", 1, MOST_MONTHS, "months"),
    )
    if found.condition_level > found.clear_level:
        wrong("condition_level", "What passes with conditions cannot be better than what passes without.")
    if f"{tier}.months" not in errors and found.valid_months > found.months:
        wrong("valid_months", "A decision cannot hold for longer than the months between assessments.")
    if f"{tier}.roles" not in errors and not found.roles:
        wrong("roles", "Choose at least one role: somebody has to decide.")
    return found


def _unordered(matrix: Mapping[tuple[str, int], str]) -> dict[str, str]:
    """Cells that break the order: a worse band or a higher tier never leaves less risk."""
    errors = {}
    rank = {key: RISKS.index(risk) for key, risk in matrix.items()}
    for at, tier in enumerate(TIERS):
        for level in LEVELS:
            if level > 1 and rank[tier, level] > rank[tier, level - 1]:
                errors[f"matrix.{tier}.{level - 1}"] = (
                    "A worse result cannot leave less risk than a better one."
                )
            if at and rank[tier, level] > rank[TIERS[at - 1], level]:
                errors[f"matrix.{tier}.{level}"] = "A lower tier cannot leave more risk than a higher one."
    return errors


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


# ---------------------------------------------------------------------------------------------------------- loosening


def _more_is_loose(old: Any, new: Any) -> bool:
    return bool(new > old)


def _less_is_loose(old: Any, new: Any) -> bool:
    return bool(new < old)


def _later_is_loose(order: tuple[str, ...]) -> Callable[[Any, Any], bool]:
    return lambda old, new: order.index(new) > order.index(old)


def _earlier_is_loose(order: tuple[str, ...]) -> Callable[[Any, Any], bool]:
    return lambda old, new: order.index(new) < order.index(old)


def _left_out(old: Any, new: Any) -> bool:
    return bool(set(old) - set(new))


def _added(old: Any, new: Any) -> bool:
    return bool(set(new) - set(old))


# field of TierPolicy -> whether going from the old value to the new one asks for less
LOOSER: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "questionnaires": _left_out,
        "evidence": _left_out,
        "evidence_days": _less_is_loose,
        "months": _more_is_loose,
        "clear_level": _less_is_loose,
        "condition_level": _less_is_loose,
        "fix_days": _more_is_loose,
        "review": _earlier_is_loose(REVIEWS),
        "worst_finding": _later_is_loose(FINDINGS),
        "must": _earlier_is_loose(MUSTS),
        "approvals": _less_is_loose,
        "roles": _added,  # one more who may decide
        "valid_months": _more_is_loose,
    }
)


def loosens(old: Policy, new: Policy) -> list[str]:
    """The fields by which ``new`` asks for less than ``old``, as ``parse`` names them; [] when it asks for no less."""
    found = []
    for tier in TIERS:
        before, after = old.tiers[tier], new.tiers[tier]
        found += [
            f"{tier}.{name}"
            for name, looser in LOOSER.items()
            if looser(getattr(before, name), getattr(after, name))
        ]
        # One that is always asked covers the case with personal data, so both lists count together.
        if before.demanded - after.demanded:
            found.append(f"{tier}.with_personal_data")
    found += [
        f"matrix.{tier}.{level}"
        for tier, level in old.matrix
        if RISKS.index(new.matrix[tier, level]) < RISKS.index(old.matrix[tier, level])
    ]
    return found + (["intake_required"] if old.intake_required and not new.intake_required else [])


def changed(old: Policy, new: Policy) -> Iterator[tuple[str, Any, Any]]:
    """(field, before, after) of everything that differs, in the order of the page."""
    if old.intake_required != new.intake_required:
        yield "intake_required", old.intake_required, new.intake_required
    for tier in TIERS:
        for one in fields(TierPolicy):
            before, after = getattr(old.tiers[tier], one.name), getattr(new.tiers[tier], one.name)
            if before != after:
                yield f"{tier}.{one.name}", before, after
    for tier in TIERS:
        for level in LEVELS:
            if old.matrix[tier, level] != new.matrix[tier, level]:
                yield f"matrix.{tier}.{level}", old.matrix[tier, level], new.matrix[tier, level]
