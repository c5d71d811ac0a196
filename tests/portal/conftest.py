"""The scene with canaries: made once in a process, then copied into each test's own SQLite database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from portal.db import Database
from portal.settings import Settings
from tests.portal.scene import Scene, make_scene

_made: dict[str, tuple[Path, Scene]] = {}


@pytest.fixture
def scene(database: Database, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Two organisations, three companies, four deals: see tests/portal/scene.py."""
    if not database.sqlite:
        return make_scene(database, settings)
    path = Path(str(database.engine.url.database))
    if "scene" not in _made:
        made = make_scene(database, settings)
        kept = tmp_path_factory.mktemp("scene") / "portal.sqlite"
        _copy(path, kept)
        _made["scene"] = (kept, made)
        return made
    kept, made = _made["scene"]
    _copy(kept, path)
    return made


def _copy(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    old.close()
    new.close()
