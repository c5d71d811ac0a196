"""What asks for less of an engagement: the one rule by which a change needs a second person. Pure, no SQL.

Tier and facts decide together which questionnaires are demanded and which requirements apply, so each of them counts
by itself: a tier that stays is no reason to let a fact go.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from portal.vendors.facts import ALONE, ASKED, TIERS
from portal.vendors.policy import touches_personal
from questionnaires.canonical import canonical_json
from questionnaires.facts import TABLE

TIER = "engagement.tier"
DATA = "engagement.data"


def less(old_tier: str, old: Mapping[str, Any], new_tier: str, new: Mapping[str, Any]) -> list[str]:
    """The names of what asks for less, tier first and facts in the order of the format; [] when nothing does.

    Facts as ``Engagement.facts`` keeps them. A tier that falls; a fact that was known and is not any more; a value
    taken out of a set; a step back on a scale, which rises in the table; a smaller number. What was unknown may become
    anything at once, except that no personal data is touched: while nobody knows, the policy asks as if there were.
    """
    found = [TIER] if TIERS.index(new_tier) > TIERS.index(old_tier) else []
    found += [name for name in ASKED if name in old and _is_less(name, old[name], new.get(name))]
    if DATA not in found and touches_personal(old) is not False and touches_personal(new) is False:
        found.append(DATA)
    return found


def asks_for_less(old_tier: str, old: Mapping[str, Any], new_tier: str, new: Mapping[str, Any]) -> bool:
    """Whether less would be asked with the new tier and facts than with the old ones."""
    return bool(less(old_tier, old, new_tier, new))


def raised(
    old_tier: str, old: Mapping[str, Any], new_tier: str, new: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Tier and facts with what of the new ones asks for more, and nothing that asks for less than the old ones.

    The stricter tier; of each fact the new value, the old one where the new would be less; of sets what is in either.
    """
    lesser = set(less(old_tier, old, new_tier, new))
    facts = {}
    for name in ASKED:
        value = _both(name, old.get(name), new.get(name)) if name in lesser else new.get(name)
        if value is not None:
            facts[name] = value
    return min(old_tier, new_tier, key=TIERS.index), facts


def ground(tier: str, facts: Mapping[str, Any], intake_id: uuid.UUID | None) -> str:
    """What a proposal to ask for less rests on, as SHA-256 in hex: codes and numbers, and the intake that holds."""
    basis = {"tier": tier, "facts": dict(facts), "intake": str(intake_id) if intake_id else None}
    return sha256(canonical_json(basis)).hexdigest()


def _both(name: str, before: Any, after: Any) -> Any:
    """A fact that would be less: as it was, with what a set gains."""
    if TABLE[name].type.kind != "set" or before is None:
        return before
    found = {*before, *(after or ())}
    if len(found) > 1:
        found.discard(ALONE.get(name))
    return [one for one in TABLE[name].labels if one in found]


def _is_less(name: str, before: Any, after: Any) -> bool:
    if after is None:
        return True
    kind = TABLE[name].type.kind
    if kind == "set":
        return bool(set(before) - set(after) - {ALONE.get(name)})
    if kind == "number":
        return Decimal(after) < Decimal(before)
    rising = list(TABLE[name].labels)
    return rising.index(after) < rising.index(before)
