"""Every kind of event either moves the ground of gates or does not, and one that does says so (tests.portal.grounds).

The rule holds at every commit of a tenant in all tests of the portal, so each page and service that they use is walked.
"""

from __future__ import annotations

import pytest

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.settings import Settings
from portal.vendors.ground import every_ground_moved
from tests.portal.grounds import MOVES, STILL
from tests.portal.world import NOW, make_organisation


def test_every_kind_of_event_moves_the_ground_or_does_not() -> None:
    assert set(Kind) == MOVES | STILL, "say in tests/portal/grounds.py whether a gate rests on it"
    assert not MOVES & STILL


def test_one_that_moves_it_and_does_not_say_so_is_refused(database: Database, settings: Settings) -> None:
    who = make_organisation(database, settings, "Halden")[OrganisationRole.CISO]
    assert who.organisation is not None
    for kind in sorted(MOVES):
        with (
            pytest.raises(AssertionError, match=kind.value),
            database.transaction(who.scope) as session,
        ):
            record(session, kind, now=NOW, actor=who)
        with database.transaction(who.scope) as session:
            every_ground_moved(session, who.organisation.id)
            record(session, kind, now=NOW, actor=who)
