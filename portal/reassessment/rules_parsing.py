"""Rules of the cycle from JSON: of a form, or as a version's bytes hold them; each fault has a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from portal.faults import Invalid
from portal.reassessment.kinds import KINDS, ROLES
from portal.reassessment.ladder import Ladder, Step, named, named_hour
from portal.reassessment.rules_shape import (
    EVERY,
    LATE,
    OFF,
    OPENINGS,
    REASSESS,
    REMIND,
    TRIGGERS,
    Rules,
    shipped_ladder,
)
from portal.vendors.facts import TIERS
from questionnaires.dates import parse_date

MOST_STEPS = 16
MOST_DAYS = 365
MOST_HOURS = 240
INCOMPLETE = "The rules are not complete. Load the page again."
# name -> (least, most)
NUMBERS = {
    "first_days": (0, 365),
    "must_days": (0, 365),
    "notice_days": (0, 180),
    "together_days": (0, 180),
    "a_day": (1, 500),
}
BY_TIER = {"answer_days": (1, 180), "review_days": (0, 90)}
_PULL = re.compile(rf"{REASSESS}:([1-9]\d{{0,2}})", re.ASCII)


def read(content: bytes, sequence: int, cycle_since: date | None) -> Rules:
    """The rules that a version's bytes hold; raises Invalid as ``parse``."""
    return parse(json.loads(content), sequence, cycle_since)


def parse(raw: Mapping[str, Any], sequence: int = 0, cycle_since: date | None = None) -> Rules:
    """Rules from the shape of ``Rules.to_json``; a kind that the version does not know has the ladder that ships.

    Raises Invalid with a sentence for each field: ``answer_days.critical``, ``ladders.assessment.all``.
    """
    errors: dict[str, str] = {}
    try:
        by_tier: dict[str, Any] = {
            name: MappingProxyType(
                {tier: _number(raw[name][tier], f"{name}.{tier}", *ends, errors) for tier in TIERS}
            )
            for name, ends in BY_TIER.items()
        }
        numbers: dict[str, Any] = {
            name: _number(raw[name], name, *ends, errors) for name, ends in NUMBERS.items()
        }
        opening, late = raw["opening"], raw["late"]
        ladders = _ladders(raw["ladders"], cycle_since, errors)
        triggers = {one: raw["triggers"].get(one, REMIND) for one in TRIGGERS}
    except (KeyError, TypeError, AttributeError):
        raise Invalid(INCOMPLETE) from None
    if opening not in OPENINGS:
        errors["opening"] = "Choose from the list."
    if late not in LATE:
        errors["late"] = "Choose from the list."
    for one, does in triggers.items():
        if does not in (REMIND, OFF) and not (isinstance(does, str) and _PULL.fullmatch(does)):
            errors[f"triggers.{one}"] = "Choose from the list; days are from 1 to 999."
    if errors:
        raise Invalid(errors=errors)
    return Rules(
        **by_tier,
        **numbers,
        opening=opening,
        late=late,
        ladders=ladders,
        triggers=MappingProxyType(triggers),
        sequence=sequence,
    )


def pulls(does: str) -> int | None:
    """Of a trigger's rule: within how many days to assess again; None where it does not move a date."""
    found = _PULL.fullmatch(does)
    return int(found[1]) if found else None


def _number(value: Any, field: str, low: int, high: int, errors: dict[str, str]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        errors[field] = f"Write a whole number from {low} to {high}."
        return low
    return value


def _ladders(
    raw: Mapping[str, Any], cycle_since: date | None, errors: dict[str, str]
) -> Mapping[str, Mapping[str, Ladder]]:
    found: dict[str, Mapping[str, Ladder]] = {}
    for kind in KINDS:
        tiers = {
            tier: _ladder(steps, f"ladders.{kind}.{tier}", errors)
            for tier, steps in raw.get(kind, {}).items()
            if tier in (*TIERS, EVERY)
        }
        if EVERY not in tiers:
            tiers[EVERY] = shipped_ladder(kind, cycle_since)
        found[kind] = MappingProxyType(tiers)
    return MappingProxyType(found)


def _ladder(raw: Any, field: str, errors: dict[str, str]) -> Ladder:
    """At most MOST_STEPS steps, each moment once; by days or by hours."""
    steps = [_step(one) for one in raw]
    faulty = [one for one in steps if one is None]
    good = [one for one in steps if one is not None]
    if faulty:
        errors[field] = (
            f"A step is a whole number of days from -{MOST_DAYS} to {MOST_DAYS}, or of hours from -{MOST_HOURS} to "
            f"{MOST_HOURS}, and goes to somebody on the list."
        )
    elif len(good) > MOST_STEPS:
        errors[field] = f"Have at most {MOST_STEPS} steps."
    elif len({one.name for one in good}) < len(good):
        errors[field] = "Name each step once."
    return tuple(sorted(good, key=lambda one: (one.hours is not None, one.days or 0, one.hours or 0)))


def _step(raw: Mapping[str, Any]) -> Step | None:
    days, hours = raw.get("days"), raw.get("hours")
    value, most = (days, MOST_DAYS) if hours is None else (hours, MOST_HOURS)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > most:
        return None
    if hours is not None and days is not None:
        return None
    to = tuple(raw["to"])
    if not to or not all(one in ROLES for one in to):
        return None
    since = raw.get("since")
    return Step(
        named(value) if hours is None else named_hour(value),
        days,
        hours=hours,
        to=tuple(dict.fromkeys(to)),
        alone=bool(raw.get("alone")),
        mandatory=bool(raw.get("mandatory")),
        since=parse_date(since) if isinstance(since, str) else None,
    )
