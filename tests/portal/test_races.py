"""Two requests whose readings cross: the second sees what the first has written, on both databases."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal import clock
from portal.access import OrganisationRole
from portal.accounts import factors, throttles
from portal.accounts.models import SecondFactor, Throttle
from portal.assessments import issuing
from portal.assessments.models import Assessment
from portal.db import SYSTEM, Database
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal.scene import own_questionnaire, release_own
from tests.portal.world import NOW, Browser, Place, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
CROSSING = 0.4  # seconds that the first stays between reading and writing


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def crossing(
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    first: Callable[[], Any],
    second: Callable[[], Any],
) -> tuple[Any, Any]:
    """Results of ``first``, which pauses in ``module.name``, and of ``second``, which begins meanwhile."""
    reached = threading.Event()
    real = getattr(module, name)

    def slow(*args: Any, **kwargs: Any) -> Any:
        if not reached.is_set():
            reached.set()
            time.sleep(CROSSING)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, slow)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert reached.wait(20)
        other = pool.submit(second)
        return one.result(60), other.result(60)


def test_an_assessment_that_is_issued_while_its_vendor_joins_reaches_the_company(
    app: Portal, database: Database, halden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = halden[OrganisationRole.ADMIN]
    own = release_own(database, admin, own_questionnaire("backups", "Backups"), "backups")
    with database.transaction(admin.scope) as session:
        vendor = vendors.create_vendor(session, name="Northwind", country=None, actor=admin, now=NOW)
        engagement = vendors.create_engagement(
            session,
            vendor,
            name="Hosting",
            description="",
            tier="low",
            facts={},
            business_owner_id=None,
            actor=admin,
            now=NOW,
        )
        contact = vendors.invite_contact(
            session, vendor, name="Ada", email="ada@northwind.example", actor=admin, now=clock.now()
        )
        fields = {"questionnaire": own, "engagements": str(engagement.id), "contact": str(contact.id)}
        path = f"/o/{halden.slug}/vendors/{vendor.id}/issue"
    with database.looking(SYSTEM) as session:
        found = re.search(r"(/invitations/\S+)", session.scalars(select(Message)).one().text)
    assert found is not None
    buyer, invited = signed_in(app, admin), Browser(app.test_client())
    due = (clock.now() + timedelta(days=20)).date().isoformat()
    fields |= {"csrf_token": buyer.token(), "due": due, "reason": "We ask everybody."}
    joining = {
        "csrf_token": invited.token(found.group(1)),
        "name": "Ada",
        "password": "four unrelated words here",
        "company": "new",
        "company_name": "Northwind",
    }
    issued, joined = crossing(
        monkeypatch,
        issuing,
        "_covered",
        lambda: buyer.client.post(path, data=fields),
        lambda: invited.client.post(found.group(1), data=joining),
    )
    assert (issued.status_code, joined.status_code) == (303, 303)
    with database.looking(SYSTEM) as session:
        assessment, linked = session.scalars(select(Assessment)).one(), session.scalars(select(Vendor)).one()
    assert linked.company_id is not None
    assert assessment.company_id == linked.company_id


def test_a_vendor_that_two_change_at_once_keeps_the_first_change(
    app: Portal, database: Database, halden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = halden[OrganisationRole.ADMIN]
    with database.transaction(admin.scope) as session:
        vendor = vendors.create_vendor(session, name="Northwind", country=None, actor=admin, now=NOW)
        path = f"/o/{halden.slug}/vendors/{vendor.id}/edit"

    def changing(name: str) -> Callable[[], Any]:
        browser = signed_in(app, admin)
        fields = {"csrf_token": browser.token(), "name": name, "country": "", "revision": "1"}
        return lambda: browser.client.post(path, data=fields)

    first, second = crossing(
        monkeypatch, vendors, "_require_free_vendor_name", changing("First"), changing("Second")
    )
    assert (first.status_code, second.status_code) == (303, 409)
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Vendor)).one().name == "First"


def test_no_attempt_at_the_same_instant_is_lost(database: Database) -> None:
    keys = throttles.throttle_keys("sign-in", "ada@x.example", "192.0.2.7")
    barrier = threading.Barrier(6)

    def attempt() -> None:
        barrier.wait(20)
        with database.transaction() as session:
            throttles.count_attempt(session, keys, now=NOW)

    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(attempt) for _ in range(6)]:
            one.result(60)
    with database.looking(SYSTEM) as session:
        assert sorted(session.scalars(select(Throttle.attempts))) == [6, 6]


def test_two_tabs_that_start_a_second_factor_take_turns(
    database: Database, settings: Settings, halden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = halden[OrganisationRole.ADMIN].person

    def start() -> None:
        with database.transaction() as session:
            factors.start(session, settings, person, now=clock.now())

    crossing(monkeypatch, factors, "codes_on", start, start)
    with database.looking(SYSTEM) as session:
        assert len(session.scalars(select(SecondFactor)).all()) == 1
