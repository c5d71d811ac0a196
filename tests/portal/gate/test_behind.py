"""While the worker is behind: nothing counts twice, one gate that cannot be worked out stops no other."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal import worker
from portal.access import OrganisationRole
from portal.db import SYSTEM, Database
from portal.gate import fresh, lists, standings, working
from portal.gate.deciding import Condition
from portal.gate.keeping import Keeper
from portal.gate.standing_models import GateBrief
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement
from portal.web import Portal
from tests.portal.gate.given import TODAY
from tests.portal.gate.test_keeping import empty, forget, keep, nothing_remembered, place_of, rows
from tests.portal.gate.test_standings import read
from tests.portal.scene import Scene
from tests.portal.world import NOW, signed_in

CISO = OrganisationRole.CISO
ONE = timedelta(days=1)
__all__ = ["nothing_remembered"]


def lengths(session: Session, found: standings.Relation) -> list[tuple[int, int]]:
    """Rows of each part of a relation, and how many are different."""
    parts: list[tuple[Any, Any]] = [
        (found.of, found.of.c.engagement_id),
        (found.submissions, found.submissions.c.submission_id),
    ]
    found_now = []
    for part, key in parts:
        every, different = session.execute(
            select(func.count(), func.count(key.distinct())).select_from(part)
        ).one()
        found_now.append((every, different))
    return found_now


@pytest.mark.both_databases
def test_what_the_worker_stores_meanwhile_counts_once(database: Database, scene: Scene) -> None:
    ciso = place_of(scene)[CISO]
    empty(database)
    with database.looking(ciso.scope) as session:
        found = standings.relation(session, ciso, today=TODAY, now=NOW)
        before = lengths(session, found)
        assert before[0][0] > 1
        assert keep(database)
        assert lengths(session, found) == before  # a page reads one moment
    with database.looking(ciso.scope) as session:
        after = lengths(session, found)  # and even of a later one no gate twice
    assert after == before
    assert after[0][0] == after[0][1]


@pytest.mark.both_databases
def test_two_looks_of_one_session_see_one_moment(database: Database, scene: Scene) -> None:
    there = select(func.count()).select_from(GateBrief)
    with database.looking(SYSTEM) as session:
        before = session.execute(there).scalar_one()
        empty(database)
        assert session.execute(there).scalar_one() == before > 0
    with database.looking(SYSTEM) as session:
        assert session.execute(there).scalar_one() == 0


@pytest.mark.both_databases
def test_a_gate_that_cannot_be_worked_out_waits_alone(
    database: Database, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    place = place_of(scene)
    empty(database)
    with database.looking(place[CISO].scope) as session:
        ids = (
            session.execute(select(Engagement.id).where(*vendors.own_engagements(place[CISO])))
            .scalars()
            .all()
        )
    with database.transaction(SYSTEM) as session:
        odd = update(Engagement).where(Engagement.id == min(ids)).values(tier="odd")
        session.execute(odd.execution_options(unaudited=True, synchronize_session=False))
    for _look in range(2):
        found, waiting = read(database, place[CISO])
        assert waiting == 1
        assert [key for key, one in found.items() if one is None] == [min(ids)]
    assert caplog.text.count("cannot be worked out") == 1  # nobody tries it again and again
    keeper = Keeper(database)
    assert keeper.turn(lambda: NOW, seconds=60) >= len(ids) - 1
    assert keeper.turn(lambda: NOW, seconds=60) == 0
    assert caplog.text.count("cannot be worked out") == 2
    assert caplog.text.count(f"1 gates of organisation {place.id} are not worked out today") == 1
    stored = {one.engagement_id for one in rows(database, GateBrief)}
    assert set(ids) - stored == {min(ids)}
    assert {one.organisation_id for one in rows(database, GateBrief)} > {place.id}, "others have their turn"
    with database.transaction(SYSTEM) as session:
        well = update(Engagement).where(Engagement.id == min(ids)).values(tier="high")
        session.execute(well.execution_options(unaudited=True, synchronize_session=False))
    assert keeper.turn(lambda: NOW + ONE, seconds=60) >= 1  # tried again on the next day
    assert min(ids) in {one.engagement_id for one in rows(database, GateBrief)}


@pytest.mark.both_databases
def test_monitors_are_told_of_a_gate_that_nobody_works_out_for_days(
    app: Portal, database: Database, scene: Scene
) -> None:
    worker.beat(database, NOW)
    client = app.test_client()
    assert "gates" not in (client.get("/healthz").json or {})
    with database.transaction(SYSTEM) as session:
        some = select(GateBrief.engagement_id).limit(1).scalar_subquery()
        old = update(GateBrief).where(GateBrief.engagement_id == some).values(until=TODAY - 2 * ONE)
        session.execute(old.execution_options(unaudited=True, synchronize_session=False))
    answer = client.get("/healthz")
    assert answer.json is not None
    assert (answer.json["status"], answer.json["gates"]) == ("ok", "behind")
    assert answer.status_code == 200  # it serves all the same
    keep(database)
    assert "gates" not in (client.get("/healthz").json or {})


@pytest.mark.both_databases
def test_rows_of_a_clock_that_was_put_back_are_written_anew(database: Database, scene: Scene) -> None:
    place = place_of(scene)
    empty(database)
    assert keep(database, NOW + 2 * ONE)
    forget()
    assert read(database, place[CISO], most=0)[1] > 0
    assert Keeper(database).turn(lambda: NOW, seconds=20) > 0
    assert keep(database) == 0
    assert read(database, place[CISO], most=0)[1] == 0


def test_not_all_gates_end_in_the_same_night(database: Database, scene: Scene) -> None:
    found = {fresh.held_days(uuid.UUID(int=one)) for one in range(200)}
    assert found == set(range(fresh.LEAST_DAYS, fresh.MOST_DAYS + 1))
    for row in rows(database, GateBrief):
        assert row.until <= row.day + fresh.held_days(row.engagement_id) * ONE


def test_a_statement_takes_few_rows_along_whatever_hangs_on_a_gate(database: Database, scene: Scene) -> None:
    place = place_of(scene)
    key = scene.deals[0].engagement
    with database.looking(SYSTEM) as session:
        looked = working.looked_at(session, place.id, [key], working.rules(session, place.id), now=NOW)
    one = looked.made[key]
    many = tuple(Condition("by_hand", str(at), TODAY + ONE, "blocked") for at in range(50))
    burdened = replace(one, brief=replace(one.brief, open=many))
    found = standings._Found()
    for at in range(100):
        found.take(uuid.UUID(int=at + 1), burdened)
    assert len(list(standings.condition_rows(found))) <= standings.BESIDE
    assert len(found) == standings.BESIDE // 50
    for at in range(200):
        found.take(uuid.UUID(int=at + 1000), replace(one, brief=replace(one.brief, open=()), submissions=()))
    assert len(found) == standings.AS_VALUES


def test_the_page_of_many_clients_works_out_nothing_and_says_so(
    app: Portal, database: Database, scene: Scene
) -> None:
    ciso = place_of(scene)[CISO]
    with database.looking(ciso.scope) as session:
        assert lists.lapsing(session, ciso, today=TODAY, now=NOW)[1] == 0
    assert "being worked out" not in signed_in(app, ciso).get("/clients").text
    empty(database)
    with database.looking(ciso.scope) as session:
        known, waiting = lists.lapsing(session, ciso, today=TODAY, now=NOW)
    assert known == 0 < waiting
    assert "being worked out" in signed_in(app, ciso).get("/clients").text
