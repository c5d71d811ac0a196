"""What asks for less of an engagement: the one rule by which a change needs a second person. Pure, no SQL.

Tier and facts decide together which questionnaires are demanded and which requirements apply, so each of them counts
by itself: a tier that stays is no reason to let a fact go.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from portal.vendors.facts import ALONE, ASKED, TIERS
from portal.vendors.policy import touches_personal
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
