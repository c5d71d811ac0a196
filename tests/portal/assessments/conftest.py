"""The small world of these tests."""

from __future__ import annotations

from datetime import datetime

import pytest

from portal import clock
from portal.settings import Settings
from portal.web import Portal
from tests.portal.assessments.given import Given, give
from tests.portal.once import made_once
from tests.portal.world import NOW


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The present instant, to be moved by the test: ``clocked[0] = ...``."""
    present = [NOW]
    monkeypatch.setattr(clock, "now", lambda: present[0])
    return present


@pytest.fixture
@made_once
def given(app: Portal, settings: Settings, clocked: list[datetime]) -> Given:
    return give(app, settings)
