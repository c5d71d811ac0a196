"""Whom vendors depend on: counted from what is signed and counts today, each organisation and owner their own."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from portal.access import Identity
from portal.assessments.drafts import Content
from portal.db import Database
from portal.faults import Invalid, NotFound
from portal.gate import standings
from portal.portfolio import concentration_queries as queries
from portal.portfolio.concentration_queries import Filter, Party
from portal.portfolio.indexing import MOST_PARTIES, names_suppliers, parties_of
from portal.settings import Settings
from portal.web import Portal
from tests.portal.once import made_once
from tests.portal.portfolio.given import ADMIN, CISO, OWNER, Told, firm, told
from tests.portal.scene import security_lite
from tests.portal.world import NOW, signed_in

TODAY = NOW.date()


@pytest.fixture
@made_once
def world(database: Database, settings: Settings) -> Told:
    return told(database, settings)


def parties(database: Database, who: Identity, **more: Any) -> dict[str, Party]:
    with database.looking(who.scope) as session:
        relation = standings.relation(session, who, today=TODAY, now=NOW)
        page = queries.listed(session, who, Filter(**more), relation, number=1)
        assert (
            queries.top(session, who, relation, queries.tiers_of(session, who), most=100) == page.rows or more
        )
        assert page.total == len(page.rows)
        return {one.key: one for one in page.rows}


def rest_on(database: Database, who: Identity, key: str, **more: Any) -> list[uuid.UUID]:
    with database.looking(who.scope) as session:
        relation = standings.relation(session, who, today=TODAY, now=NOW)
        statement = queries.engagements(session, who, Filter(key=key, **more), relation)
        return list(session.execute(statement).scalars())


@pytest.mark.both_databases
def test_each_firm_says_how_much_rests_on_it(world: Told, database: Database) -> None:
    found = parties(database, world.place[CISO])
    assert list(found) == ["nordmoln cloud", "quetzal"]
    assert found["nordmoln cloud"] == Party(found["nordmoln cloud"].name, "nordmoln cloud", 1, 1, 1, 1, 2, 2)
    assert found["quetzal"] == Party("Quetzal Inc.", "quetzal", 1, 1, 0, 1, 1, 1)
    assert set(parties(database, world.other[CISO])) == {"nordmoln cloud", "secretive"}
    assert set(parties(database, world.place[CISO], words="QUETZ")) == {"quetzal"}
    assert set(parties(database, world.place[CISO], tier="high")) == {"nordmoln cloud"}
    mine = parties(database, world.place[OWNER])
    assert (mine["nordmoln cloud"].engagements, mine["nordmoln cloud"].of_high) == (1, 0)
    for who in (world.place[CISO], world.place[OWNER], world.other[CISO]):
        for one in parties(database, who).values():
            assert len(rest_on(database, who, one.key)) == one.engagements
            assert len(rest_on(database, who, one.key, tier="critical")) == one.critical
            assert len(rest_on(database, who, one.key, tier="high")) == one.high


@pytest.mark.both_databases
def test_two_names_are_one_firm_where_somebody_says_so(world: Told, database: Database) -> None:
    who, other = world.place[ADMIN], world.other[CISO]

    def say(step: Any, *args: Any) -> Any:
        with database.transaction(who.scope) as session:
            return step(session, who, *args, now=NOW)

    for key, same_as in (
        ("quetzal", "Nobody Ltd"),
        ("quetzal", ""),
        ("quetzal", "QUETZAL inc"),
        ("", "Quetzal"),
    ):
        with pytest.raises(Invalid):
            say(queries.join, key, same_as)
    with pytest.raises(NotFound):  # whatever a form says: a key that no vendor's name has
        say(queries.join, "secretive", "Nordmoln Cloud")
    assert say(queries.join, "quetzal", "Nordmoln Cloud") == "nordmoln cloud"
    assert say(queries.join, "quetzal", "Nordmoln Cloud") == "nordmoln cloud"
    found = parties(database, who)
    assert list(found) == ["nordmoln cloud"]
    assert (found["nordmoln cloud"].critical, found["nordmoln cloud"].engagements) == (1, 2)
    assert set(parties(database, other)) == {"nordmoln cloud", "secretive"}
    with pytest.raises(Invalid):  # no circle
        say(queries.join, "nordmoln cloud", "Quetzal")
    say(queries.part, "quetzal")
    assert set(parties(database, who)) == {"nordmoln cloud", "quetzal"}


def test_pages_say_what_rests_on_a_firm(world: Told, app: Portal) -> None:
    base = f"/o/{world.place.slug}/portfolio/fourth-parties"
    browser, owner = signed_in(app, world.place[ADMIN]), signed_in(app, world.place[OWNER])
    text = browser.get(base).text
    assert "1 of 1" in text
    assert "Quetzal Inc." in text
    assert "Secretive" not in text
    assert browser.get(f"{base}/engagements?name=secretive").status_code == 404
    one = browser.get(f"{base}/engagements?name=Nordmoln+Cloud+AB").text
    assert "Elder hosting" in one
    assert "Count them as one" in one
    mine = owner.get(f"{base}/engagements?name=nordmoln+cloud").text
    assert "Cedar hosting" in mine
    assert "Elder" not in mine
    assert "Count them as one" not in mine
    assert "'=Backups" in browser.get(f"{base}/engagements.csv?name=nordmoln+cloud").text
    assert "Quetzal" in browser.get(f"{base}.csv").text
    wrong = browser.post(f"{base}/names", {"name": "quetzal", "same_as": "Nobody", "do": "join"})
    assert wrong.status_code == 422
    assert "No vendor names a firm like this." in wrong.text
    right = browser.post(f"{base}/names", {"name": "quetzal", "same_as": "Nordmoln cloud", "do": "join"})
    assert right.headers["Location"].endswith("name=nordmoln+cloud")
    joined = browser.get(right.headers["Location"]).text
    assert "It is another firm" in joined
    assert "<span>Quetzal Inc.</span>" in joined  # as it was written
    assert owner.post(f"{base}/names", {"name": "quetzal", "do": "part"}).status_code == 403
    assert browser.post(f"{base}/names", {"name": "quetzal", "do": "part"}).status_code == 303


def test_tables_of_suppliers_are_read_whatever_stands_in_them() -> None:
    question = security_lite().questions["suppliers.subprocessors"]
    assert names_suppliers(question)
    assert not names_suppliers(security_lite().questions["suppliers.uses"])
    rows = [{}, {"name": "  "}, {"name": "?!"}, firm("A" * 500, "B" * 500, "C" * 900), {"name": "Only Ltd"}]
    found = list(parties_of(Content("answered", rows)))
    assert [(one[0], len(one[1]), len(one[2]), len(one[3])) for one in found] == [
        (3, 200, 100, 300),
        (4, 8, 0, 0),
    ]
    assert len(list(parties_of(Content("answered", [firm("Acme")] * 10_000)))) == MOST_PARTIES
    assert list(parties_of(Content("unanswered"))) == []
