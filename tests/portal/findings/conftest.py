"""Fixtures of findings."""

from __future__ import annotations

import pytest

from portal.db import Database
from portal.settings import Settings
from tests.portal.findings.given import Found
from tests.portal.findings.given import found as make
from tests.portal.once import made_once
from tests.portal.world import make_company, make_organisation


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Found:
    """A submission that has earned findings: a failed knock-out, and two texts."""
    organisation = make_organisation(database, settings, "Halden")
    return make(database, organisation, make_company(database, settings, "Fennmark"))
