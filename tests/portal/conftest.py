"""The clock of the tests, and the scene with canaries: made once in a process, then copied for each test."""

from __future__ import annotations

import io
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from portal import clock
from portal.db import Database
from portal.settings import Settings
from portal.storage import open_storage
from tests.portal import grounds
from tests.portal.once import put, rows_of
from tests.portal.scene import Scene, make_scene
from tests.portal.scene_api import give_tokens
from tests.portal.scene_portfolio import work_out
from tests.portal.scene_sso import set_providers
from tests.portal.scene_webhooks import hang_webhooks
from tests.portal.world import NOW

# They start processes, which live by the machine's own clock.
REAL_CLOCK = frozenset(
    {
        "test_demo",
        "test_cli",
        "test_worker",
        "test_delivery_faults",
        "test_steadiness",
        "test_kills",
        "test_writers",
        "test_hostile_requests",
        "test_load",
        "test_sso_theirs",
    }
)


@pytest.fixture(autouse=True)
def the_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon of 21 November 2026 when a test begins, whenever it runs; time goes on from there."""
    if request.module.__name__.rsplit(".", 1)[-1] not in REAL_CLOCK:
        started = monotonic()
        monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=monotonic() - started))


grounds.insist()
_made: dict[bool, tuple[Any, Scene]] = {}  # whether in SQLite -> its rows, and what was returned


@pytest.fixture
def scene(database: Database, settings: Settings) -> Scene:
    """Two organisations, three companies, four deals: see tests/portal/scene.py."""
    if database.sqlite not in _made:
        made = _whole(database, settings)
        _made[database.sqlite] = (rows_of(database), made)
    else:
        rows, made = _made[database.sqlite]
        put(database, rows)
    return _with_files(made, settings)


def _whole(database: Database, settings: Settings) -> Scene:
    made = give_tokens(database, work_out(database, make_scene(database, settings)))
    return set_providers(database, hang_webhooks(database, made))


def _with_files(made: Scene, settings: Settings) -> Scene:
    storage = open_storage(settings)
    for key, data in made.files.items():
        storage.put(key, io.BytesIO(data))
    return made
