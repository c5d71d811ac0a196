"""The load of ``make bench`` at small counts, on both databases: nobody is refused, nothing fails. Nothing is timed."""

from __future__ import annotations

import pytest

from portal.db import Database
from portal.settings import Settings
from tests.benchmarks.load import Load, run
from tests.conftest import FULL

SMALL = Load(colleagues=6, seconds=4, sign_ins=1, upload_bytes=3_000_000)
LARGE = Load(colleagues=20, seconds=30, sign_ins=1)


@pytest.mark.both_databases
def test_colleagues_save_while_others_sign_in_and_upload(database: Database, settings: Settings) -> None:
    load = LARGE if FULL else SMALL
    _alone, together = run(database, settings, load)
    assert together.failures == 0, together.statuses
    assert together.statuses["autosave", 200] >= load.colleagues
    assert together.statuses["sign-in", 303] >= 1
