"""Ports for servers that tests begin: nobody else on this machine takes one between finding it and listening on it."""

from __future__ import annotations

import itertools
import os
import socket

FIRST, LAST = 12_000, 32_000  # below what systems hand out by themselves: to a client, or for "any port"
SLICE = 1_000

_worker = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", ""))) or 0)
_slices = (LAST - FIRST) // SLICE
_own = (
    FIRST + (os.getppid() + _worker) % _slices * SLICE
)  # of one run the parent is one: workers lie side by side
_next = itertools.cycle(range(_own, _own + SLICE))


def free_port() -> int:
    """A port of 127.0.0.1 that is free now and is given to nobody else by this process or its fellow workers.

    Asking the system for "any port" and giving it back is a race: between the two, the next
    connection that anybody opens may come from that very port.
    """
    for port in itertools.islice(_next, SLICE):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise RuntimeError(f"no port from {_own} to {_own + SLICE} is free")
