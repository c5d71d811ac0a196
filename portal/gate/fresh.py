"""How long what was worked out for a gate holds, and what it follows from. Pure, no SQL, no clock.

A gate changes when its ground moves (vendors.ground), when its rules or its policy do (``basis``), and as days go by:
``fresh_until`` is the first day on which anything may come out otherwise. Everything in the rules that looks at a day
compares it with a date on record, moved by the policy's own days and months; so the days on which a comparison may turn
are known, and a day too many only means that a gate is worked out once more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import questionnaires
from portal.gate.deciding import PASSING
from portal.gate.facts import GateFacts
from portal.gate.standing import Decided, effective
from portal.vendors.policy import Policy
from questionnaires.canonical import canonical_json
from questionnaires.dates import add_months

METHOD = "standing/1"
MOST_DAYS = 7  # what is stored is worked out anew at least once a week, whatever its dates say
LEAST_DAYS = 4
AHEAD = 60  # days that are looked ahead for the day on which a gate lapses
DAY = timedelta(days=1)
# Beside all of portal/gate that loads or judges: what the facts of a gate come from.
_GATE = (
    *(
        "bands",
        "choosing",
        "deciding",
        "excepting",
        "facts",
        "fresh",
        "grounds",
        "lines",
        "own_acts",
        "reading",
        "sheets",
    ),
    *(
        "loading",
        "loading_answers",
        "loading_contract",
        "loading_facts",
        "loading_marks",
        "standing",
        "working",
    ),
)
_VENDORS = ("facts", "policy", "policy_parsing")


def code_hash() -> str:
    """SHA-256 of the source of the rules: an upgrade that changes one makes all that is stored stale by itself."""
    portal, rules = Path(__file__).parents[1], Path(questionnaires.__file__).parent
    files = [portal / "gate" / f"{one}.py" for one in _GATE]
    files += [portal / "vendors" / f"{one}.py" for one in _VENDORS]
    files += sorted(rules.rglob("*.py"))
    found = sha256()
    for one in files:
        found.update(one.name.encode() + b"\0" + one.read_bytes() + b"\0")
    return found.hexdigest()


CODE = code_hash()


def basis(policy_hash: str, catalogue: str, zone: str, regimes: Iterable[str]) -> str:
    """What all gates of an organisation follow from beside their own ground, as one hash."""
    said = [METHOD, CODE, policy_hash, catalogue, zone, list(regimes)]
    return sha256(canonical_json(said)).hexdigest()


def fresh_until(facts: GateFacts, decided: Decided | None, policy: Policy, today: date) -> date:
    """The first day after ``today`` on which anything may come out otherwise; at most MOST_DAYS ahead."""
    return min([*_turns(facts, decided, policy, today), today + MOST_DAYS * DAY])


def held_days(key: uuid.UUID) -> int:
    """For how many days what is stored of a gate is believed, by its engagement: not all end in the same night."""
    return LEAST_DAYS + sha256(key.bytes).digest()[0] % (MOST_DAYS - LEAST_DAYS + 1)


def days(
    facts: GateFacts, decided: Decided | None, policy: Policy, today: date, *, until: date
) -> tuple[date, ...]:
    """The days after ``today`` and up to ``until`` on which anything may come out otherwise, rising."""
    return tuple(sorted({one for one in _turns(facts, decided, policy, today) if one <= until}))


def lapses_on(
    facts: GateFacts, decided: Decided | None, policy: Policy, met: frozenset[str], today: date
) -> date | None:
    """The first of the next AHEAD days on which the gate no longer passes if nobody does anything.

    Worked out day by day: documents, exceptions, waivers, contracts and findings end gates, too. None where it passes
    all the while, and for what does not pass today.
    """
    if decided is None or effective(decided, facts, policy, today, met).outcome not in PASSING:
        return None
    coming = days(facts, decided, policy, today, until=today + AHEAD * DAY)
    return next(
        (day for day in coming if effective(decided, facts, policy, day, met).outcome not in PASSING), None
    )


def _turns(facts: GateFacts, decided: Decided | None, policy: Policy, today: date) -> Iterator[date]:
    """Days after ``today`` on which a comparison of the rules may turn."""
    known = set(_dates(facts))
    policies = [policy]
    if decided is not None:
        known |= set(_dates((decided.proposal.grounds, decided.conditions, decided.valid_until)))
        policies.append(decided.policy)
    demands = {
        (one.evidence_days, one.fix_days, one.months) for one in (each.tier(facts.tier) for each in policies)
    }
    for day in known:
        ends = {day}
        for evidence, fix, months in demands:
            ends |= {day - evidence * DAY, day + fix * DAY, add_months(day, months)}
        for one in ends:  # what ends on a day holds on it: the next one is another
            yield from (turn for turn in (one, one + DAY) if turn > today)


_names: dict[type, tuple[str, ...]] = {}


def _dates(value: Any) -> Iterator[date]:
    """Every date in frozen facts, but the day that they were read on."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, date):
            yield one
        elif isinstance(one, tuple):
            stack += one
        elif is_dataclass(one):
            kind: Any = type(one)
            if kind not in _names:
                _names[kind] = tuple(each.name for each in fields(kind) if each.name != "today")
            stack += [getattr(one, name) for name in _names[kind]]
