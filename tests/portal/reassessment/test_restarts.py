"""The database's server is started again beneath a pass, a letter, the worker's loop and a page: nothing is lost or
doubled, and whoever was in the middle goes on by itself.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal import clock, posting, schema, worker
from portal.access import OrganisationRole
from portal.db import Database
from portal.db_faults import AWAY
from portal.mail import mailer
from portal.outbox import LEASE
from portal.pass_report import Report
from portal.reassessment import generating
from portal.reassessment.generating import generate
from portal.settings import Settings
from portal.web import Portal
from tests.portal.own_postgres import TEMPLATE, OwnServer, own_server
from tests.portal.raw_smtp import RawSmtp
from tests.portal.reassessment.post import Post
from tests.portal.reassessment.processes import until
from tests.portal.reassessment.test_cycle_faults import (
    LATE,
    at_commit,
    in_one_letter,
    many,
    one_asked,
    told_once,
)
from tests.portal.test_delivery_faults import noted, queued, run
from tests.portal.world import make_organisation, signed_in

pytestmark = pytest.mark.postgres_itself
how = pytest.mark.parametrize("how", ["fast", "immediate"])
AWAY_SECONDS = 3.0


@pytest.fixture(scope="module")
def own() -> Iterator[OwnServer]:
    with own_server() as server:
        server.say(f"CREATE DATABASE {TEMPLATE}")
        database = Database(server.url(TEMPLATE))
        schema.upgrade(database)
        database.dispose()
        yield server


@pytest.fixture
def database_url(backend: str, own: OwnServer) -> Iterator[str]:
    """In place of a database of the server that all tests share."""
    with own.database() as url:
        yield url


@how
@pytest.mark.parametrize("commit", [1, 2])
def test_beneath_a_pass(
    database: Database,
    settings: Settings,
    own: OwnServer,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    commit: int,
) -> None:
    one = one_asked(database, settings)
    many(database, one, 2)

    def again(_session: Session) -> None:
        own.stop(how)
        own.start()

    monkeypatch.setattr(generating, "WRITE_AT_ONCE", 4)
    with at_commit(commit, again), pytest.raises(Exception):  # noqa: B017  # whichever statement met it
        generate(database, now=LATE)
    generate(database, now=LATE + timedelta(minutes=5))
    told_once(database, 2)
    in_one_letter(database, 2)


@how
def test_beneath_a_letter_that_is_out(
    database: Database, settings: Settings, own: OwnServer, how: str
) -> None:
    """The mail server has it, and for some seconds nobody can write that down."""
    (message_id,) = queued(database, 1)
    back: list[threading.Timer] = []

    def away(_server: RawSmtp, _connection: object) -> None:
        own.stop(how)
        back.append(threading.Timer(AWAY_SECONDS, own.start))
        back[0].start()

    with closing(RawSmtp()) as server:
        server.at["dot"] = away
        assert run(database, settings, server.url).sent == 1
        back[0].join()
        assert run(database, settings, server.url, later=LEASE + timedelta(minutes=1)).sent == 0
        assert len(server.taken) == 1
    assert noted(database) == Counter([message_id])


def test_a_worker_that_is_to_end_does_not_wait_for_it(
    database: Database, settings: Settings, own: OwnServer
) -> None:
    queued(database, 1)
    stop = threading.Event()

    def away(_server: RawSmtp, _connection: object) -> None:
        stop.set()
        own.stop("fast")

    began = time.monotonic()
    try:
        with closing(RawSmtp()) as server:
            server.at["dot"] = away
            with pytest.raises(Exception, match="database"):
                posting.deliver(
                    database,
                    mailer(replace(settings, mail=server.url)),
                    clock.now,
                    stop,
                    Report(),
                    alive=lambda: None,
                )
    finally:
        own.start()
    assert time.monotonic() - began < sum(posting.NOTE_PAUSES) / 2


@pytest.mark.parametrize("trusted", [True, False])
def test_beneath_the_loop(
    database: Database, settings: Settings, own: OwnServer, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    """Away in the middle of a pass, or from before the first one, whose clock nobody has looked at yet; then back."""
    one = one_asked(database, settings)
    many(database, one, 3)
    stop, reports, really = threading.Event(), list[Report](), worker.run_once

    def run_once(*given: Any, **more: Any) -> Report:
        found = really(*given, **more | {"storage": None})
        reports.append(found)
        return found

    def instant() -> datetime:
        return LATE + timedelta(seconds=time.monotonic() - began)

    began = time.monotonic()
    monkeypatch.setattr(clock, "now", instant)
    monkeypatch.setattr(worker, "run_once", run_once)
    monkeypatch.setattr(worker, "REMIND_EVERY", timedelta(0))
    monkeypatch.setattr(worker, "PAUSE", 0.05)
    monkeypatch.setattr(generating, "WRITE_AT_ONCE", 4)
    if not trusted:
        own.stop("fast")
    loop = threading.Thread(
        target=worker.loop,
        args=(database, settings, stop),
        kwargs={"sender": Post(), "after_a_pause": trusted},
    )

    def cut(_session: Session) -> None:
        own.stop("immediate")

    try:
        with at_commit(4 if trusted else 0, cut):
            loop.start()
            until(
                lambda: sum(bool(one.faults) for one in reports) > 2,
                "no pass has met that the server is away",
            )
            own.start()
        well = len(reports)
        until(lambda: len(reports) > well + 3 and not reports[-1].faults, "the loop does not go on")
    finally:
        stop.set()
        loop.join(60)
    assert not loop.is_alive()
    if trusted:
        told_once(database, 3)


def test_beneath_a_page(app: Portal, settings: Settings, own: OwnServer) -> None:
    place = make_organisation(app.database, settings, "Halden", clock.now())
    admin = signed_in(app, place[OrganisationRole.ADMIN])
    token = admin.token()
    own.stop("fast")
    try:
        looked = admin.get(f"/o/{place.slug}/vendors")
        wrote = admin.client.post(
            f"/o/{place.slug}/vendors/new",
            data={"csrf_token": token, "name": "Typed by hand", "country": ""},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
    finally:
        own.start()
    for answer in (looked, wrote):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert AWAY in answer.text
    assert 'value="Typed by hand"' in wrote.text
    assert admin.get(f"/o/{place.slug}/vendors").status_code == 200
