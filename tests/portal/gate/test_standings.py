"""What stands at each gate as a relation of SQL: the same as each gate's own page says, or left out and counted."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from portal.access import Identity, OrganisationRole
from portal.db import SYSTEM, Database
from portal.gate import reading, standings, working
from portal.gate.keeping import Keeper
from portal.gate.standing_models import GateBrief
from portal.gate.standings import COLUMNS
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement
from tests.portal.gate.given import TODAY
from tests.portal.scene import Scene
from tests.portal.world import NOW

CISO, OWNER = OrganisationRole.CISO, OrganisationRole.BUSINESS_OWNER


def read(
    database: Database, identity: Identity, *, most: int = standings.NOW_AT_ONCE
) -> tuple[dict[uuid.UUID, Any], int]:
    """Each engagement with what the relation says of it (None: nothing), and how many wait."""
    with database.looking(identity.scope) as session:
        found = standings.relation(session, identity, today=TODAY, now=NOW, most=most)
        rows = session.execute(
            select(Engagement.id, *(found.of.c[name] for name in COLUMNS))
            .outerjoin(*standings.joined(found))
            .where(*vendors.own_engagements(identity))
        )
        return {one[0]: one if one.engagement_id is not None else None for one in rows}, found.waiting


@pytest.mark.both_databases
def test_the_relation_says_what_each_page_says(database: Database, scene: Scene) -> None:
    for deal in scene.deals:
        place = deal.organisation
        found, waiting = read(database, place[CISO])
        assert waiting == 0
        with database.looking(place[CISO].scope) as session:
            pages = reading.standing(session, place.id, list(found), now=NOW)
            rel = standings.relation(session, place[CISO], today=TODAY, now=NOW)
            conditions = session.execute(select(rel.conditions)).all()
            submissions = session.execute(select(rel.submissions)).all()
        assert set(found) == set(pages) >= {deal.engagement}
        for key, page in pages.items():
            row = found[key]
            assert row.proposed == page.proposal.outcome
            assert [tuple(one) for one in row.reasons] == [one.key for one in page.proposal.reasons]
            facts = page.loaded.facts
            assert {(one.slug, one.submission_id) for one in submissions if one.engagement_id == key} == {
                (one.slug, uuid.UUID(one.submission)) for one in facts.submitted
            }
            open_ones = {one.key for one in page.effective.open} if page.effective else set()
            late = {one.key for one in page.effective.late} if page.effective else set()
            assert {(one.code, one.subject) for one in conditions if one.engagement_id == key} == (
                open_ones | late
            )
            assert row.open_conditions == len(open_ones)
            if page.effective is None or page.decision is None:
                assert (row.outcome, row.decided_outcome, row.decision_id, row.lapsed) == (
                    None,
                    None,
                    None,
                    False,
                )
                continue
            assert (row.outcome, row.decided_outcome) == (page.effective.outcome, page.decision.outcome)
            assert (row.decision_id, row.decided_at) == (page.decision.id, page.decision.decided_at)
            assert row.valid_until == page.effective.valid_until


@pytest.mark.both_databases
def test_what_nobody_has_worked_out_is_left_out_and_counted(database: Database, scene: Scene) -> None:
    place = scene.deals[0].organisation
    standings._worked._known.clear()
    with database.transaction(SYSTEM) as session:
        session.execute(delete(GateBrief))
    found, waiting = read(database, place[CISO], most=0)
    assert (any(found.values()), waiting) == (False, len(found))
    found, waiting = read(database, place[CISO], most=1)
    assert (sum(one is not None for one in found.values()), waiting) == (1, len(found) - 1)
    found, waiting = read(database, place[CISO], most=0)  # what this process knows costs nothing
    assert (sum(one is not None for one in found.values()), waiting) == (1, len(found) - 1)


@pytest.mark.both_databases
def test_a_relation_alone_counts_no_gate_of_anybody_else(database: Database, scene: Scene) -> None:
    deal = scene.deals[0]
    place = deal.organisation
    for role, more in ((CISO, True), (OWNER, False)):
        identity = place[role]
        with database.looking(identity.scope) as session:
            rel = standings.relation(session, identity, today=TODAY, now=NOW)
            ids = set(session.execute(select(rel.of.c.engagement_id)).scalars())
            own = set(
                session.execute(select(Engagement.id).where(*vendors.own_engagements(identity))).scalars()
            )
            beside = session.execute(select(func.count()).select_from(rel.submissions)).scalar_one()
        assert ids == own
        assert bool(beside) >= more


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("moved", "most"), [(0, standings.NOW_AT_ONCE), (1, 0), (1, standings.NOW_AT_ONCE), (2, 1)]
)
def test_a_few_old_briefs_are_left_out_by_name_as_by_what_is_asked_of_each(
    database: Database, scene: Scene, moved: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moved: the ground of no gate of the organisation, of one, of all."""
    place = scene.deals[0].organisation
    Keeper(database).turn(lambda: NOW, seconds=10**6)
    ours = select(Engagement.id).where(Engagement.organisation_id == place.id).order_by(Engagement.id)
    with database.transaction(SYSTEM) as session:
        some = session.scalars(ours).all()
        for one in some[: len(some) if moved == 2 else moved]:
            session.execute(
                update(Engagement)
                .where(Engagement.id == one)
                .values(ground_revision=Engagement.ground_revision + 1)
                .execution_options(unaudited=True)
            )

    def beside() -> tuple[Any, ...]:
        standings._worked._known.clear()
        with database.looking(place[CISO].scope) as session:
            found = standings.relation(session, place[CISO], today=TODAY, now=NOW, most=most)
            both = (session.execute(select(one)).all() for one in (found.conditions, found.submissions))
            return found.waiting, *(sorted(map(repr, one)) for one in both)

    by_name = beside()
    with database.looking(SYSTEM) as session:
        basis = working.rules(session, place.id).basis
    asked = []

    def ask(identity: Identity, stale: Any, *model: Any) -> Any:
        asked.append(stale)
        return standings._beside(identity, basis, TODAY, (), *model)

    monkeypatch.setattr(standings, "_all_but", ask)
    assert beside() == by_name
    assert [len(one) for one in asked] == [min(moved, 1) if moved < 2 else len(some)] * 2
    assert len(some) > 1
    assert by_name[2] or moved == 2
