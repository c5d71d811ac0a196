"""Whom a campaign asks by what vendors said: words of one answer that counts, each reader their own."""

from __future__ import annotations

import sys
import uuid
from types import FrameType

import pytest
from sqlalchemy import insert, select

from portal.access import Identity
from portal.assessments.issuing_many import Order
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns import choosing
from portal.campaigns.choosing import Choice
from portal.db import Database
from portal.portfolio.engagement_lists import Filter
from portal.settings import Settings
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from questionnaires import catalog
from tests.portal.once import made_once
from tests.portal.portfolio.given import CISO, OWNER, Told, told
from tests.portal.world import NOW, signed_in

FLASH = catalog.latest("vulnerability_flash")
TODAY = NOW.date()


@pytest.fixture
@made_once
def world(database: Database, settings: Settings) -> Told:
    return told(database, settings)


def chosen(database: Database, who: Identity, choice: Choice) -> list[str]:
    """The vendors that are asked, by name."""
    order = Order(uuid.uuid4(), FLASH.content_hash, FLASH.slug, TODAY, "Why")
    with database.looking(who.scope) as session:
        lines, _total = choosing.lines(session, who, choice, order, today=TODAY, now=NOW)
        return [one.vendor.name for one in lines if not one.why]


@pytest.mark.both_databases
def test_who_named_all_words_in_one_answer_is_asked(world: Told, database: Database) -> None:
    ciso, other = world.place[CISO], world.other[CISO]
    both = chosen(database, ciso, Choice(says="Nordmoln"))
    assert len(both) == 2
    assert chosen(database, ciso, Choice(says="nordmoln nobody")) == []
    (one,) = chosen(database, ciso, Choice(says="nordmoln quetzal"))
    (two,) = chosen(database, ciso, Choice(says="cloud norway"))
    assert {one, two} == set(both)
    assert chosen(database, ciso, Choice(Filter(tier="high"), says="nordmoln")) == [two]
    assert chosen(database, ciso, Choice(country="SE", says="nordmoln")) == []
    assert chosen(database, other, Choice(says="secretive")) == ["Elder too"]
    assert chosen(database, ciso, Choice(says="secretive")) == []  # said to another organisation
    assert chosen(database, world.place[OWNER], Choice(says="nordmoln")) == [one]


@pytest.mark.parametrize(
    ("says", "why"),
    [("", ""), ("nordmoln", ""), ("of the", "no_word"), ("nordmoln zzzznowhere", "nowhere")],
)
def test_why_nobody_is_found(world: Told, database: Database, says: str, why: str) -> None:
    ciso = world.place[CISO]
    with database.looking(ciso.scope) as session:
        choice = Choice(says=says)
        assert choosing.unsearchable(session, ciso, choice, today=NOW.date(), now=NOW) == why
    assert (chosen(database, ciso, Choice(says=says)) == []) is bool(why)


def test_the_words_stand_in_the_address_and_on_record(app: Portal, world: Told) -> None:
    choice = Choice(Filter(tier="high"), "PT", "nordmoln cloud")
    assert choosing.choice_of(choice.kept()) == choice
    ciso = signed_in(app, world.place[CISO])
    here = f"/o/{world.place.slug}/campaigns/new"
    page = ciso.get(f"{here}?says=nordmoln").text
    assert "2 vendors are chosen" in page
    assert f"/o/{world.place.slug}/search?q=nordmoln" in page
    typed = {
        "csrf_token": ciso.token(here), "says": "nordmoln quetzal", "questionnaire": FLASH.content_hash,
        "previewed": FLASH.content_hash, "batch": str(uuid.uuid4()), "title": "Quetzals", "ladder": "days",
        "due": TODAY.replace(day=28).isoformat(), "reason": "A flaw.", "do": "start",
    }  # fmt: skip
    there = ciso.client.post(here, data=typed)
    assert there.status_code == 303
    said = ciso.get(there.location).text
    assert "an answer says “nordmoln quetzal”" in said
    assert "0 of 1 vendors answered" in said
    assert "stands in too many answers" not in page
    assert "No answer that counts today says “zzzz”" in ciso.get(f"{here}?says=zzzz").text


def copies(database: Database, vendor: uuid.UUID, numbers: range) -> None:
    """So many more vendors like this one, each with its engagements."""
    with database.transaction() as session:
        for model, key in ((Vendor, Vendor.id), (Engagement, Engagement.vendor_id)):
            rows = session.execute(select(model.__table__).where(key == vendor)).mappings().all()
            made = [
                dict(row)
                | {"id": uuid.uuid5(row["id"], str(one)), "name_key": f"{row['name_key']} {one}"}
                | ({"vendor_id": uuid.uuid5(vendor, str(one))} if model is Engagement else {})
                for row in rows
                for one in numbers
            ]
            session.execute(insert(model), made)
        record(session, Kind.VENDOR_CREATED, now=NOW, actor=None)


def calls(database: Database, who: Identity, choice: Choice) -> tuple[int, int]:
    """(vendors that are asked, calls of Python functions that choosing them takes)."""
    counted = [0]

    def seen(_frame: FrameType, event: str, _value: object) -> None:
        counted[0] += event == "call"

    chosen(database, who, choice)  # what is read once in a process
    sys.setprofile(seen)
    try:
        asked = chosen(database, who, choice)
    finally:
        sys.setprofile(None)
    return len(asked), counted[0]


def test_choosing_takes_as_much_for_each_vendor_however_many_there_are(
    world: Told, database: Database
) -> None:
    """At most 10,000 engagements may be chosen: what grew by their square would take half a minute."""
    ciso, choice = world.place[CISO], Choice(Filter(tier="critical"))
    copies(database, world.first.vendor, range(50))
    few, little = calls(database, ciso, choice)
    copies(database, world.first.vendor, range(50, 350))
    many, much = calls(database, ciso, choice)
    assert (few, many) == (51, 351)
    assert much / many < 1.2 * little / few
