"""The order of a merged list: whoever alone has changed it has his way; what is added stands by its neighbours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

Side = Literal["base", "own", "new"]


def merged_order(sides: Mapping[Side, Sequence[str]], wanted: Collection[str]) -> list[str]:
    """All of ``wanted`` in one order. Where both sides have changed the order, own's stands."""
    base, own, new = sides["base"], sides["own"], sides["new"]
    steady = set(base) & set(own) & set(new)
    mine, theirs = ([key for key in side if key in steady] for side in (own, new))
    first, second = (new, own) if mine == [key for key in base if key in steady] != theirs else (own, new)
    if mine == theirs and not set(own) - set(base):
        # Nothing of one's own stands here: places of what is new, and of what came back, are those of ``new``.
        first, second = new, own
    found = [key for key in first if key in wanted]
    for key in [one for one in (*second, *wanted) if one in wanted]:
        if key not in found:
            found.insert(_place(key, second, found), key)
    return found


def _place(key: str, order: Sequence[str], found: Sequence[str]) -> int:
    """Behind the nearest key before it that is there, else before the nearest after it, else at the end."""
    if key not in order:
        return len(found)
    at = order.index(key)
    for other in reversed(order[:at]):
        if other in found:
            return found.index(other) + 1
    for other in order[at + 1 :]:
        if other in found:
            return found.index(other)
    return len(found)
