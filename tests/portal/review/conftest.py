"""Fixtures of reviews."""

from __future__ import annotations

import pytest

from portal.db import Database
from portal.settings import Settings
from tests.portal.once import made_once
from tests.portal.review.given import Reviewed
from tests.portal.review.given import reviewed as make
from tests.portal.world import make_company, make_organisation


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Reviewed:
    """A sealed submission that nobody has judged."""
    organisation = make_organisation(database, settings, "Halden")
    return make(database, organisation, make_company(database, settings, "Fennmark"))
