"""How fast a token may ask: in the process, without a write; it protects the process and is no quota."""

from __future__ import annotations

import threading
import uuid

from portal import web
from portal.accounts import throttles
from portal.problems import Refusal

A_SECOND = 20.0
BURST = 100.0
MOST_TOKENS = 10_000
WRITES = 300  # of a token in a quarter of an hour

_lock = threading.Lock()
_left: dict[uuid.UUID, tuple[float, float]] = {}  # token -> (what is left, at which second)


def heed() -> None:
    """Count a request of the token that asks; raises Refusal (429) when it asks faster than it may."""
    now = web.now().timestamp()
    token = web.identity().session_id
    with _lock:
        left, at = _left.pop(token, (BURST, now))
        left = min(BURST, left + max(0.0, now - at) * A_SECOND)
        if len(_left) >= MOST_TOKENS:
            _left.pop(next(iter(_left)))  # the one that asked longest ago
        _left[token] = (left - 1 if left >= 1 else left, now)
    if left < 1:
        raise Refusal("throttled", headers={"Retry-After": "1"})


def claim() -> None:
    """Count a request that changes something, whatever process takes it; raises Throttled (429) when there are more
    than WRITES in a quarter of an hour.
    """
    now = web.now()
    keys = {throttles.throttle_key("api", "token", str(web.identity().session_id)): WRITES}
    web.portal().database.record_refusal(
        lambda session: throttles.claim_attempt(session, keys, now=now, advice="as Retry-After says.")
    )


def forget() -> None:
    """Begin anew, for tests."""
    with _lock:
        _left.clear()
