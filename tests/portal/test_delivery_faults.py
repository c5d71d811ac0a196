"""Delivery by processes that are killed, stopped and resumed, two and five at once: no letter lost, none twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from sqlalchemy import select, text

from portal import clock, outbox, posting
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.mail import Folder, mailer
from portal.outbox import LEASE, Message
from portal.pass_report import Report
from portal.settings import Settings
from tests.conftest import FULL
from tests.portal.raw_smtp import RawSmtp
from tests.portal.test_outbox import get, letter

both = pytest.mark.both_databases
SHORT = 6  # seconds of a lease in the processes of these tests, of which the last two are not used
# A worker that delivers once. Its second argument: "" or the number of the commit before which it stops for good.
DELIVERING = """
import sys, threading, time
from datetime import timedelta
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.orm import Session
from portal import clock, outbox, posting
from portal.pass_report import Report
from portal.db import Database
from portal.mail import mailer
from portal.settings import Settings

url, mail, data, left, lease = sys.argv[1:6]
left = int(left)
if int(lease):
    outbox.LEASE, posting.LEASE_MARGIN = timedelta(seconds=int(lease)), 2.0

@event.listens_for(Session, "before_commit")
def hold(session):
    global left
    left -= 1
    if not left:
        session.flush()
        print("here", flush=True)
        time.sleep(600)

settings = Settings(Path(data), "k" * 40, url, "http://127.0.0.1:8000", mail)
database, report = Database(url, settings.base_url, settings.secret_key), Report()
print("ready", flush=True)
sys.stdin.readline()
posting.deliver(database, mailer(settings), clock.now, threading.Event(), report, alive=lambda: None)
print(report.sent, report.faults, flush=True)
database.dispose()
"""


@contextmanager
def delivering(
    settings: Settings, mail: str, *, dies_at: int = 0, lease: int = 0
) -> Iterator[subprocess.Popen[str]]:
    """A process that is about to deliver, and begins with a line on its standard input."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", DELIVERING),
            *(settings.database_url, mail, str(settings.data), str(dies_at), str(lease)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def queued(database: Database, number: int) -> list[uuid.UUID]:
    with database.transaction() as session:
        now = clock.now()
        return [outbox.queue(session, letter(recipient=f"p{n}@x.example"), now=now).id for n in range(number)]


def run(database: Database, settings: Settings, mail: str, *, later: timedelta = timedelta(0)) -> Report:
    report = Report()
    sender = mailer(replace(settings, mail=mail))
    posting.deliver(
        database, sender, lambda: clock.now() + later, threading.Event(), report, alive=lambda: None
    )
    return report


def noted(database: Database) -> Counter[uuid.UUID | None]:
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(Event.subject_id).where(Event.kind == "message.sent"))
        return Counter(rows)


@pytest.fixture
def server() -> Iterator[RawSmtp]:
    found = RawSmtp()
    yield found
    found.close()


@both
@pytest.mark.parametrize("commit", [1, 2, 3, 4])
def test_killed_before_any_commit_no_letter_is_lost_and_none_noted_twice(
    database: Database, settings: Settings, commit: int
) -> None:
    """The odd ones claim, the even ones note. A letter that went before its note goes again, under the same name."""
    ids = queued(database, 3)
    folder = f"folder:{settings.data / 'post'}"
    with delivering(settings, folder, dies_at=commit) as process:
        begin(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
    run(database, settings, folder)
    run(database, settings, folder, later=LEASE + timedelta(minutes=1))
    files = sorted(one.stem for one in (settings.data / "post").iterdir() if one.suffix == ".eml")
    assert files == sorted(str(one) for one in ids)
    assert {get(database, one).state for one in ids} == {"sent"}
    assert noted(database) == Counter(ids)


@both
def test_stopped_after_354_and_resumed_past_its_lease_it_sends_nothing(
    database: Database, settings: Settings, server: RawSmtp
) -> None:
    (message_id,) = queued(database, 1)
    asked, go_on = threading.Event(), threading.Event()

    def waits(_server: RawSmtp, _connection: object) -> None:
        asked.set()
        go_on.wait(60)

    server.at["DATA"] = waits
    other = RawSmtp()
    with delivering(settings, server.url, lease=SHORT) as process:
        begin(process)
        assert asked.wait(30)
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(SHORT + 1)
        assert run(database, settings, other.url).sent == 1
        go_on.set()
        os.kill(process.pid, signal.SIGCONT)
        printed, _ = process.communicate(timeout=60)
    other.close()
    assert printed == "0 []\n"
    assert server.taken == []
    assert len(other.taken) == 1
    assert get(database, message_id).state == "sent"
    assert noted(database) == Counter([message_id])


@both
@pytest.mark.parametrize("workers", [2, 5])
def test_workers_of_their_own_processes_send_each_letter_once(
    database: Database, settings: Settings, server: RawSmtp, workers: int
) -> None:
    ids = queued(database, 200 if FULL else 40)
    with ExitStack() as stack:
        made = [stack.enter_context(delivering(settings, server.url)) for _ in range(workers)]
        for one in made:
            begin(one)
        printed = [one.communicate(timeout=120)[0] for one in made]
    assert all(one.endswith("[]\n") for one in printed), printed
    taken = Counter(str(message_from_bytes(one)["Message-ID"]) for one in server.taken)
    assert taken == Counter(f"<{one}@localhost>" for one in ids)
    assert noted(database) == Counter(ids)


@both
def test_a_database_that_ends_every_connection_while_a_letter_is_out(
    database: Database, settings: Settings, server: RawSmtp
) -> None:
    (message_id,) = queued(database, 1)

    def ends(_server: RawSmtp, _connection: object) -> None:
        if database.sqlite:
            database.engine.dispose()
            return
        other = Database(settings.database_url)
        with other.engine.connect() as connection:
            everybody = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            )
            connection.execute(text(f"{everybody} AND pid <> pg_backend_pid()"))
        other.dispose()

    server.at["dot"] = ends
    assert run(database, settings, server.url).sent == 1
    assert run(database, settings, server.url, later=LEASE + timedelta(minutes=1)).sent == 0
    assert len(server.taken) == 1
    assert noted(database) == Counter([message_id])


@pytest.mark.sqlite_itself
def test_a_database_that_is_locked_for_long_does_not_lose_the_note(
    database: Database, settings: Settings, server: RawSmtp
) -> None:
    (message_id,) = queued(database, 1)
    path = Path(str(database.engine.url.database))

    def locks(_server: RawSmtp, _connection: object) -> None:
        holding = threading.Event()

        def hold() -> None:
            other = sqlite3.connect(path, isolation_level=None, timeout=20)
            other.execute("BEGIN IMMEDIATE")
            holding.set()
            time.sleep(7)
            other.execute("ROLLBACK")
            other.close()

        threading.Thread(target=hold, daemon=True).start()
        assert holding.wait(20)

    server.at["dot"] = locks
    assert run(database, settings, server.url).sent == 1
    assert len(server.taken) == 1
    assert get(database, message_id).state == "sent"


def test_a_folder_is_a_mailer_that_a_repeat_does_not_fill(database: Database, settings: Settings) -> None:
    """What the tests above rest on: the same letter twice is the same file."""
    (message_id,) = queued(database, 1)
    folder = Folder(settings, settings.data / "twice")
    with database.looking(SYSTEM) as session:
        found = session.execute(select(Message).where(Message.id == message_id)).scalar_one()
    for _ in range(2):
        folder.send(outbox.outgoing(found), lambda: None)
    assert [one.name for one in (settings.data / "twice").iterdir()] == [f"{message_id}.eml"]
