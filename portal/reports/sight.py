"""How much of a rating its reader may see."""

from __future__ import annotations

import enum


class Sight(enum.IntEnum):
    """How much of a rating its reader sees; the organisation always sees all."""

    NOTHING = 0
    BAND = 1
    ALL = 2


def sight_of(vendor_sees: str, *, reviewed: bool) -> Sight:
    """What an organisation's setting ``vendor_sees`` lets the vendor see of a rating."""
    if vendor_sees == "all" or (vendor_sees == "all_after_review" and reviewed):
        return Sight.ALL
    return Sight.NOTHING if vendor_sees == "nothing" else Sight.BAND
