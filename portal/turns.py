"""How many requests may wait at once for what lies outside: a process has few threads, and a provider may be silent.

Per process. Whoever finds no place within ``PATIENCE`` is told to come again; so few may wait for one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from portal.faults import Unavailable

MOST = 2  # calls at a time, of the eight threads that server.py has
MOST_WAITING = 2
PATIENCE = 2.0  # seconds

_room = threading.Condition()
_inside: set[str] = set()
_waiting: list[str] = []


@contextmanager
def outside(whose: str) -> Iterator[None]:
    """A place for one call, or several after each other; one for each ``whose`` (an organisation's id).

    Raises Unavailable when there is none.
    """
    with _room:
        if not _has_place(whose):
            if len(_waiting) >= MOST_WAITING:
                raise Unavailable(FULL)
            _waiting.append(whose)
            try:
                found = _room.wait_for(lambda: _has_place(whose), PATIENCE)
            finally:
                _waiting.remove(whose)
            if not found:
                raise Unavailable(FULL)
        _inside.add(whose)
    try:
        yield
    finally:
        with _room:
            _inside.discard(whose)
            _room.notify_all()


FULL = "Others wait for an answer from outside the portal. Try again in a few seconds."


def _has_place(whose: str) -> bool:
    return whose not in _inside and len(_inside) < MOST
