"""Whom a campaign asks by what vendors said: words of one answer that counts, each reader their own."""

from __future__ import annotations

import random
import sys
import uuid
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import product
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select, update

from portal.access import Identity
from portal.assessments.issuing_many import Order, assessment_id
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns import choosing
from portal.campaigns.choosing import Choice
from portal.campaigns.views import FIRST
from portal.db import Database, name_key
from portal.portfolio.engagement_lists import Filter
from portal.settings import Settings
from portal.vendors.models import Contact, Engagement, Vendor
from portal.web import Portal
from questionnaires import catalog
from tests.portal.once import made_once
from tests.portal.portfolio.given import CISO, OWNER, Told, keep, told
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


def portfolio(database: Database, world: Told, order: Order, dice: random.Random, many: int) -> None:
    """So many vendors more: with people here, a contact or nobody; what they answer is open, past or by this order."""
    place = world.place
    with database.transaction() as session:
        asked = select(Assessment.__table__).where(
            Assessment.organisation_id == place[CISO].scope.organisation_id
        )
        models = {Vendor: Vendor.id, Engagement: Engagement.vendor_id}
        vendor, bought = (
            dict(
                session.execute(select(model.__table__).where(key == world.first.vendor)).mappings().first()
                or {}
            )
            for model, key in models.items()
        )
        once = dict(session.execute(asked).mappings().first() or {})
        made: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for _ in range(many):
            one, name = (
                uuid.UUID(int=dice.getrandbits(128)),
                dice.choice("aBzé") + f"{dice.getrandbits(40):x}",
            )
            company, written = dice.choice(
                [(vendor["company_id"], False), (None, True), (None, True), (None, False)]
            )
            made[Vendor].append(
                vendor | {"id": one, "name": name, "name_key": name_key(name), "company_id": company}
                | {"country": dice.choice(["SE", "PT"]), "offboarded_at": dice.choice([None] * 9 + [NOW])}
            )  # fmt: skip
            for each in range(2 if written else 0):
                made[Contact].append(
                    {"id": uuid.UUID(int=dice.getrandbits(128)), "organisation_id": vendor["organisation_id"]}
                    | {"vendor_id": one, "name": "A", "email": f"a{each}@example.org", "created_at": NOW}
                )
            for each in range(dice.randrange(4)):
                what = uuid.UUID(int=dice.getrandbits(128))
                tier = dice.choice(["critical", "low"])
                made[Engagement].append(
                    bought
                    | {"id": what, "vendor_id": one, "name": f"{each}", "name_key": f"{each}", "tier": tier}
                )
                if dice.random() < 0.5:
                    continue
                issued = dice.random() < 0.3 and not each
                key = uuid.UUID(int=dice.getrandbits(128))
                key = assessment_id(order.batch, one, order.content_hash) if issued else key
                made[Assessment].append(
                    once | {"id": key, "vendor_id": one, "code": f"{dice.getrandbits(60):x}"[:12]}
                    | {"slug": dice.choice([FLASH.slug, FLASH.slug, "security_lite"])}
                    | {"state": dice.choice(["open", "open", "submitted"])}
                    | {"campaign_id": dice.choice([None, None, uuid.UUID(int=7)])}
                )  # fmt: skip
                made[AssessmentEngagement].append(
                    {"assessment_id": key, "engagement_id": what, "company_id": once["company_id"]}
                    | {"organisation_id": vendor["organisation_id"]}
                )
        for model in (Vendor, Contact, Engagement, Assessment, AssessmentEngagement):
            session.execute(insert(model), made[model])
        record(session, Kind.VENDOR_CREATED, now=NOW, actor=None)


@pytest.mark.both_databases
def test_the_look_says_of_any_portfolio_what_the_plan_of_all_of_it_says(
    world: Told, database: Database
) -> None:
    """Its counts, its order and its reasons; and nothing is out by an order that was made for the page."""
    dice, ciso = random.Random(11), world.place[CISO]
    narrowed = [
        Choice(),
        Choice(country="SE"),
        Choice(Filter(tier="critical")),
        Choice(Filter(gate="undecided")),
    ]
    narrowed += [Choice(Filter(gate="working")), Choice(says="nordmoln"), Choice(says="zzzznowhere")]
    whys = Counter[str]()
    for _ in range(3):
        order = Order(uuid.uuid4(), FLASH.content_hash, FLASH.slug, TODAY, "Why")
        anew = replace(order, batch=uuid.uuid4())
        portfolio(database, world, order, dice, 40)
        keep(database)
        for choice, first, which, who in product(
            narrowed, (1, 7, 1000), (order, anew), (ciso, world.place[OWNER])
        ):
            with database.looking(who.scope) as session:
                lines, _total = choosing.lines(session, who, choice, which, today=TODAY, now=NOW)
                seen = choosing.look(
                    session, who, choice, which, fresh=which is anew, first=first, today=TODAY, now=NOW
                )
                going, staying = [one for one in lines if not one.why], [one for one in lines if one.why]
                assert (seen.asked, seen.left_out, seen.too_many) == (len(going), len(staying), False)
                assert seen.letters == sum(1 for one in going if one.contact is not None)
                assert [*seen.going] == going[:first]
                assert [*seen.staying] == staying[:first]
                whys.update(one.why for one in lines)
    assert {"", "issued", "open", "no_contact"} == set(whys)


def test_the_look_is_none_where_too_many_are_chosen(
    world: Told, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(uuid.uuid4(), FLASH.content_hash, FLASH.slug, TODAY, "Why")
    monkeypatch.setattr(choosing, "MOST", 1)
    ciso = world.place[CISO]
    with database.looking(ciso.scope) as session:
        for choice, many in (
            (Choice(), True),
            (Choice(country="SE"), False),
            (Choice(says="quetzal"), False),
        ):
            lines, total = choosing.lines(session, ciso, choice, order, today=TODAY, now=NOW)
            seen = choosing.look(session, ciso, choice, order, fresh=True, first=9, today=TODAY, now=NOW)
            assert seen.too_many is many is (total > 1)
            assert [*seen.going, *seen.staying] == lines


def test_the_page_takes_as_many_statements_for_any_number_and_names_the_first(
    app: Portal, world: Told, database: Database
) -> None:
    ciso = signed_in(app, world.place[CISO])
    here = f"/o/{world.place.slug}/campaigns/new?tier=critical"
    found = []
    for more in (range(4), range(4, 120)):
        copies(database, world.first.vendor, more)
        ciso.get(here)  # what is read once in a process
        seen: list[str] = []

        def note(*given: Any, seen: list[str] = seen) -> None:
            seen.append(given[2])

        event.listen(app.database.reading, "before_cursor_execute", note)
        page = ciso.get(here).text
        event.remove(app.database.reading, "before_cursor_execute", note)
        found.append(len(seen))
    assert found[0] == found[1] > 5
    assert "121 vendors are asked" in page
    assert "and 71 more" in page
    with database.transaction() as session:
        session.execute(update(Vendor).values(company_id=None))
        session.execute(delete(Contact))
        record(session, Kind.VENDOR_CREATED, now=NOW, actor=None)
    page = ciso.get(here).text
    assert "Nobody is asked" in page
    assert "121 are left out" in page
    assert page.count("Nobody to write to") == FIRST
    assert "and 71 more" in page


def test_who_is_asked_by_the_form_already_is_said_when_it_is_shown_again(
    app: Portal, world: Told, database: Database
) -> None:
    order = Order(uuid.uuid4(), FLASH.content_hash, FLASH.slug, TODAY, "Why")
    portfolio(database, world, order, random.Random(3), 30)
    ciso, here = signed_in(app, world.place[CISO]), f"/o/{world.place.slug}/campaigns/new"
    typed = {"questionnaire": FLASH.content_hash, "batch": str(order.batch), "do": "preview"}
    out = "Issued by this order already."
    assert out in ciso.post(here, typed | {"csrf_token": ciso.token(here)}).text
    assert out not in ciso.get(here).text
