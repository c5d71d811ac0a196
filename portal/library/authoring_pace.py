"""How often one session may have a questionnaire checked or read: both take the processor, so they have a measure.

The count is of this process and about its own time; another process has its own.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock

from portal.faults import Throttled

WINDOW = timedelta(seconds=10)
MOST = 12  # the script waits for a pause in typing; nobody pauses more often
AT_ONCE = 2
REMEMBERED = 1_000

_lock = Lock()
_seen: OrderedDict[tuple[uuid.UUID, str], tuple[datetime, int]] = OrderedDict()
_turns = BoundedSemaphore(AT_ONCE)


@contextmanager
def turn(session_id: uuid.UUID, now: datetime, what: str = "check") -> Iterator[None]:
    """A check of this session, now. Raises Throttled beyond MOST in WINDOW, or while AT_ONCE others are checked.

    ``what``: each kind of work has a count of its own, since a pause in typing asks for one of each.
    """
    _count((session_id, what), now)
    if not _turns.acquire(blocking=False):
        raise Throttled("The portal checks other questionnaires at this moment. Try again in a moment.", 1)
    try:
        yield
    finally:
        _turns.release()


def _count(who: tuple[uuid.UUID, str], now: datetime) -> None:
    with _lock:
        began, count = _seen.pop(who, (now, 0))
        if not began <= now < began + WINDOW:
            began, count = now, 0
        _seen[who] = (began, count + 1)
        while len(_seen) > REMEMBERED:
            _seen.popitem(last=False)
    if count >= MOST:
        wait = max(1, int((began + WINDOW - now).total_seconds()) + 1)
        raise Throttled(
            "You had questionnaires checked often within seconds. Wait a moment, then try again.", wait
        )
