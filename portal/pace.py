"""How fast a token may ask, and what was noted of it a moment ago: in the process, without a write. It protects the
process and is no quota.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Hashable
from datetime import datetime, timedelta

from portal.problems import Refusal

A_SECOND = 20.0
BURST = 100.0
MOST_TOKENS = 10_000
MOST_NOTED = 50_000

_lock = threading.Lock()
_left: dict[uuid.UUID, tuple[float, float]] = {}  # token -> (what is left, at which second)
_noted: dict[Hashable, datetime] = {}


def heed(token: uuid.UUID, now: datetime) -> None:
    """Count a request of ``token``; raises Refusal (429) when it asks faster than it may."""
    if not take(token, now, burst=BURST, a_second=A_SECOND):
        raise Refusal("throttled", headers={"Retry-After": "1"})


def take(token: uuid.UUID, now: datetime, *, burst: float, a_second: float) -> bool:
    """Whether ``token`` may ask: ``burst`` times at once, and with each second ``a_second`` times more."""
    at_once = now.timestamp()
    with _lock:
        left, at = _left.pop(token, (burst, at_once))
        left = min(burst, left + max(0.0, at_once - at) * a_second)
        if len(_left) >= MOST_TOKENS:
            _left.pop(next(iter(_left)))  # the one that asked longest ago
        _left[token] = (left - 1 if left >= 1 else left, at_once)
    return left >= 1


def first(what: Hashable, now: datetime, *, of: timedelta) -> bool:
    """Whether ``what`` comes for the first time in a span ``of`` this process; a clock put back begins anew."""
    with _lock:
        before = _noted.pop(what, None)
        again = before is not None and timedelta(0) <= now - before < of
        if len(_noted) >= MOST_NOTED:
            _noted.pop(next(iter(_noted)))  # noted longest ago
        _noted[what] = before if again and before is not None else now
    return not again


def forget(what: Hashable | None = None) -> None:
    """Begin anew with ``what``, which came to nothing; without it with everything, for tests."""
    with _lock:
        if what is not None:
            _noted.pop(what, None)
        else:
            _left.clear()
            _noted.clear()
