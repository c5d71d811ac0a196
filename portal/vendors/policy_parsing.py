"""Policies from JSON: of a form, or as a version's bytes hold them; each fault with a sentence at its field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from portal.faults import Invalid
from portal.vendors.facts import TIERS
from portal.vendors.policy import (
    DECIDERS,
    FINDINGS,
    LEVELS,
    MUSTS,
    REGIMES,
    REVIEWS,
    RISKS,
    Policy,
    TierPolicy,
)
from questionnaires.patterns import SLUG

MOST_MONTHS = 120
MOST_DAYS = 730
MOST_LISTED = 20
MOST_VERSIONS = 500
KIND = re.compile(r"(?=.{1,64}\Z)[a-z0-9_]+(?:\.[a-z0-9_]+)*")
HASH = re.compile(r"[0-9a-f]{64}")
INCOMPLETE = "The policy is not complete. Load the page again."


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
        raise Invalid(INCOMPLETE) from None
    regimes, versions = _regimes(raw.get("regimes"), errors), _versions(raw.get("versions"))
    for (tier, level), risk in matrix.items():
        if risk not in RISKS:
            errors[f"matrix.{tier}.{level}"] = "Choose from the list."
    if not errors:
        errors |= _unordered(matrix)
    if not isinstance(intake_required, bool):
        errors["intake_required"] = "Choose yes or no."
    if errors:
        raise Invalid(errors=errors)
    return Policy(
        MappingProxyType(tiers), MappingProxyType(matrix), intake_required, sequence, regimes, versions
    )


def read(content: bytes, sequence: int) -> Policy:
    """The policy that a version's bytes hold; raises Invalid as ``parse``."""
    return parse(json.loads(content), sequence)


def _regimes(raw: Any, errors: dict[str, str]) -> tuple[str, ...] | None:
    if raw is None:
        return None
    if not isinstance(raw, (list, tuple)) or not all(one in REGIMES for one in raw):
        errors["regimes"] = "Choose from the list."
        return ()
    return tuple(sorted(set(raw)))


def _versions(raw: Any) -> Mapping[str, tuple[str, ...]] | None:
    """No person writes these: a page that posts anything else was not ours."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or sum(map(len, raw.values())) > MOST_VERSIONS:
        raise Invalid(INCOMPLETE)
    if not all(SLUG.fullmatch(slug) and all(map(HASH.fullmatch, hashes)) for slug, hashes in raw.items()):
        raise Invalid(INCOMPLETE)
    return MappingProxyType({slug: tuple(sorted(set(raw[slug]))) for slug in sorted(raw)})


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
