"""A campaign whose worker is killed at any commit: each vendor is asked once, moved and told once, taken back once."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta

import pytest
from sqlalchemy import select

from portal.access import Identity, OrganisationRole
from portal.assessments.issuing_many import Order
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.campaigns import choosing, queries, running, service
from portal.campaigns.choosing import Choice
from portal.campaigns.models import Campaign, CampaignTarget
from portal.campaigns.service import Wish
from portal.db import SYSTEM, Database
from portal.outbox import Message
from portal.settings import Settings
from questionnaires import catalog
from tests.portal import journey
from tests.portal.once import made_once
from tests.portal.reassessment.processes import Nursery, nursery
from tests.portal.world import NOW, make_company, make_organisation

both = pytest.mark.both_databases
FLASH = catalog.latest("vulnerability_flash")
TODAY = NOW.date()
VENDORS = 3


@dataclass(frozen=True)
class Given:
    """A campaign that asks three vendors, one in a transaction, and whoever started it."""

    campaign: uuid.UUID
    ciso: Identity


@pytest.fixture(scope="module")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery")) as found:
        yield found


@pytest.fixture
def workers(nest: Nursery) -> Iterator[Nursery]:
    yield nest
    nest.clear()


@pytest.fixture
@made_once
def started(database: Database, settings: Settings) -> Given:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    for number in range(VENDORS):
        journey.issue(database, buyer, company, vendor_name=f"Vendor {number}")
    ciso, key = buyer[OrganisationRole.CISO], uuid.uuid4()
    wish = Wish("Log flaw", FLASH.content_hash, TODAY + timedelta(days=2), time(18), "A flaw.", "hours")
    order = Order(key, wish.content_hash, FLASH.slug, wish.due, wish.reason)
    with database.transaction(ciso.scope) as session:
        lines, _total = choosing.lines(session, ciso, Choice(), order, today=TODAY, now=NOW)
        service.start(session, key, wish, {}, lines, actor=ciso, now=NOW)
    return Given(key, ciso)


def ask(database: Database) -> int:
    return running.ask(database, instant=lambda: NOW)


def killed(workers: Nursery, settings: Settings, commit: int) -> None:
    """A worker that asks one vendor a transaction, killed before its so-many-th commit."""
    one = workers.worker(settings, "campaigns", now=NOW, commit=commit, at_once=1)
    one.wait_here()
    one.kill()


def each_once(database: Database, given: Given, kind: Kind, letter: str) -> None:
    """Every vendor of the campaign has one event of this kind and one letter of that."""
    with database.looking(SYSTEM) as session:
        made = session.scalars(select(Assessment).where(Assessment.campaign_id == given.campaign)).all()
        targets = session.scalars(select(CampaignTarget.state)).all()
        subjects = Counter(session.scalars(select(Event.subject_id).where(Event.kind == kind.value)))
        letters = session.scalars(select(Message.subject).where(Message.kind == letter)).all()
    assert Counter(targets) == {"issued": VENDORS}
    assert Counter(one.vendor_id for one in made) == {one.vendor_id: 1 for one in made}
    assert len(made) == VENDORS
    assert {one.id: subjects[one.id] for one in made} == {one.id: 1 for one in made}
    assert sum(FLASH.title in one for one in letters) == VENDORS


@both
@pytest.mark.parametrize("commit", [1, 2, 3, 6])
def test_killed_while_it_asks(
    database: Database, settings: Settings, workers: Nursery, started: Given, commit: int
) -> None:
    """Two commits to a vendor: of the savepoint, and of the transaction."""
    killed(workers, settings, commit)
    assert ask(database) == VENDORS - (commit - 1) // 2
    assert ask(database) == 0
    each_once(database, started, Kind.ASSESSMENT_ISSUED, "assessment_issued")


@both
@pytest.mark.parametrize("commit", [1, 3, 4])
def test_killed_while_it_moves_the_date(
    database: Database, settings: Settings, workers: Nursery, started: Given, commit: int
) -> None:
    """The fourth commit says that all have the new date."""
    ask(database)
    later = TODAY + timedelta(days=9)
    with database.transaction(started.ciso.scope) as session:
        row = queries.campaign(session, started.ciso, started.campaign, lock=True)
        service.put_off(session, row, later, None, actor=started.ciso, now=NOW)
    killed(workers, settings, commit)
    assert ask(database) == VENDORS + 1 - commit
    assert ask(database) == 0
    each_once(database, started, Kind.ASSESSMENT_EXTENDED, "assessment_changed")
    with database.looking(SYSTEM) as session:
        assert session.get_one(Campaign, started.campaign).state == "running"
        assert set(session.execute(select(Assessment.due, Assessment.due_time).where(
            Assessment.campaign_id == started.campaign))) == {(later, None)}  # fmt: skip


@both
@pytest.mark.parametrize("commit", [1, 3, 4])
def test_killed_while_it_takes_back(
    database: Database, settings: Settings, workers: Nursery, started: Given, commit: int
) -> None:
    ask(database)
    with database.transaction(started.ciso.scope) as session:
        row = queries.campaign(session, started.ciso, started.campaign, lock=True)
        service.close(session, row, "It is over.", actor=started.ciso, now=NOW)
    killed(workers, settings, commit)
    assert ask(database) == VENDORS + 1 - commit
    assert ask(database) == 0
    each_once(database, started, Kind.ASSESSMENT_CANCELLED, "assessment_changed")
    with database.looking(SYSTEM) as session:
        assert session.get_one(Campaign, started.campaign).state == "closed"
