"""Which process runs which tests of a run by several: a module stays together, so that what it makes is made once.

pytest-xdist's own groups would do but for their marks, which version 3.8 does not see under pytest 9.2.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# Modules whose tests are long and stand alone: as one unit of work they would be what everybody waits for at the end.
SPREAD = frozenset({"tests/portal/test_isolation.py"})


class ByModule(LoadScopeScheduling):
    """Modules as units of work, in the order in which they are collected: those of the browser, the longest, first."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return nodeid if module in SPREAD else module
