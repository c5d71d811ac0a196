"""That a ground moved: counted for the engagements named, of one organisation, by writers that take turns."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import ColumnElement, select

from portal.access import CompanyRole, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.settings import Settings
from portal.vendors import queries, service
from portal.vendors.ground import every_ground_moved, ground_moved
from portal.vendors.models import Engagement
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
CISO = OrganisationRole.CISO


def engagements(database: Database, place: Place, *names: str) -> list[uuid.UUID]:
    actor = place[CISO]
    with database.transaction(actor.scope) as session:
        vendor = service.create_vendor(session, name="Fennmark", country=None, actor=actor, now=NOW)
        return [
            service.create_engagement(
                session, vendor, name=name, description="", tier="low", facts={}, business_owner_id=None,
                actor=actor, now=NOW,
            ).id
            for name in names
        ]  # fmt: skip


def revisions(database: Database, ids: Collection[uuid.UUID]) -> list[int]:
    with database.looking(SYSTEM) as session:
        rows = session.execute(select(Engagement.id, Engagement.ground_revision)).all()
    found = {one.id: one.ground_revision for one in rows}
    return [found[one] for one in ids]


def moved(before: list[int], after: list[int]) -> list[bool]:
    """Which of some engagements have another revision; those that moved together have the same."""
    assert len({new for old, new in zip(before, after, strict=True) if new != old}) <= 1
    return [new != old for old, new in zip(before, after, strict=True)]


def move(database: Database, place: Place, ids: Collection[uuid.UUID]) -> None:
    with database.transaction(place[CISO].scope) as session:
        ground_moved(session, place.id, ids)
        engagement = queries.engagement(session, place[CISO], next(iter(ids)))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=place[CISO], subject=engagement)


def test_only_those_named_move_and_only_of_the_organisation(database: Database, settings: Settings) -> None:
    halden, orrin = (make_organisation(database, settings, name) for name in ("Halden", "Orrin"))
    ours = engagements(database, halden, "One", "Two", "Three")
    (theirs,) = engagements(database, orrin, "Other")
    assert revisions(database, [*ours, theirs]) == [0, 0, 0, 0]
    move(database, halden, [ours[2], ours[0], ours[2], theirs])
    first = revisions(database, [*ours, theirs])
    assert moved([0, 0, 0, 0], first) == [True, False, True, False]
    with database.transaction(halden[CISO].scope) as session:
        ground_moved(session, halden.id, [])
        assert "changed" not in session.info
        every_ground_moved(session, halden.id)
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=halden[CISO], subject=None)
    assert moved(first, revisions(database, [*ours, theirs])) == [True, True, True, False]


def test_what_the_session_holds_is_as_new_as_the_row(database: Database, settings: Settings) -> None:
    halden = make_organisation(database, settings, "Halden")
    (one,) = engagements(database, halden, "One")
    with database.transaction(halden[CISO].scope) as session:
        engagement = queries.engagement(session, halden[CISO], one)
        ground_moved(session, halden.id, [one])
        held = engagement.ground_revision
        engagement.name = "Renamed"  # what is written afterwards leaves the revision alone
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=halden[CISO], subject=engagement)
    assert revisions(database, [one]) == [held] != [0]


def test_a_company_moves_the_ground_of_what_it_submits_for(database: Database, settings: Settings) -> None:
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    (one,) = engagements(database, halden, "One")
    owner = cedar[CompanyRole.OWNER]
    with database.transaction(owner.scope) as session:
        ground_moved(session, halden.id, [one])
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=owner, subject=None)
    assert revisions(database, [one]) != [0]


def test_a_revision_that_was_rolled_back_never_comes_again(database: Database, settings: Settings) -> None:
    halden = make_organisation(database, settings, "Halden")
    (one,) = engagements(database, halden, "One")
    seen = set()
    for _ in range(2):
        session = database.write_session(halden[CISO].scope)
        ground_moved(session, halden.id, [one])
        seen.add(session.scalars(select(Engagement.ground_revision).where(*_own(halden))).one())
        database.abandon(session)
    assert revisions(database, [one]) == [0]
    move(database, halden, [one])
    assert len(seen | set(revisions(database, [one]))) == 3


def _own(place: Place) -> list[ColumnElement[bool]]:
    return [Engagement.organisation_id == place.id]


def test_many_writers_at_once_move_all_or_nothing_and_never_wait_for_each_other_for_ever(
    database: Database, settings: Settings
) -> None:
    halden = make_organisation(database, settings, "Halden")
    ids = engagements(database, halden, *(f"E{number}" for number in range(6)))
    barrier = threading.Barrier(4)

    def work(order: list[uuid.UUID]) -> None:
        barrier.wait(20)
        for _ in range(5):
            move(database, halden, order)

    orders = [ids, ids[::-1], ids[3:] + ids[:3], ids]
    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(work, order) for order in orders]:
            one.result(timedelta(minutes=2).total_seconds())
    assert moved([0] * 6, revisions(database, ids)) == [True] * 6
