"""The worker: real SMTP, refusals, crashes at the worst moment, several at once, a clean end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from portal import clock, outbox, posting, worker
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.mail import Folder, Still, mailer
from portal.outbox import LEASE, Outgoing, WorkerBeat
from portal.reassessment import generating
from portal.settings import Settings
from portal.web import Portal
from tests.portal.raw_smtp import RawSmtp
from tests.portal.test_outbox import get, letter, put
from tests.portal.world import NOW
from tests.ports import free_port

both = pytest.mark.both_databases
AFTER_LEASE = NOW + LEASE + timedelta(minutes=1)


class Server:
    """What a mail server answers, and what it has taken."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.to_recipient = self.to_data = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.to_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.to_data.startswith("250"):
            self.taken.append(envelope)
        return self.to_data


@pytest.fixture
def smtp() -> Iterator[tuple[Server, int]]:
    handler, port = Server(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


class Recorder:
    """A mailer that keeps what it was given; ``then`` is what happens after it has taken a letter."""

    def __init__(self, *, then: BaseException | None = None, before: BaseException | None = None) -> None:
        self.sent: list[str] = []
        self.then, self.before = then, before

    def send(self, message: Outgoing, still: Still) -> None:
        if self.before is not None:
            raise self.before
        self.sent.append(str(message.id))
        if self.then is not None:
            raise self.then


class TestSmtp:
    @both
    def test_a_letter_reaches_the_server(
        self, database: Database, settings: Settings, smtp: tuple[Server, int]
    ) -> None:
        server, port = smtp
        message_id = put(database, reply_to="ruth@halden.example", sender_name="Ruth, Halden")
        sender = mailer(replace(settings, mail=f"smtp://127.0.0.1:{port}"))
        report = worker.run_once(database, sender, NOW)
        assert (report.sent, report.failed, report.faults) == (1, 0, [])
        (envelope,) = server.taken
        text = envelope.content.decode()
        assert envelope.rcpt_tos == ["ada@x.example"]
        assert f"Message-ID: <{message_id}@localhost>" in text
        assert "Reply-To: ruth@halden.example" in text
        assert "Dear Ada" in text
        assert get(database, message_id).state == "sent"
        assert worker.run_once(database, sender, NOW).sent == 0
        assert len(server.taken) == 1

    def test_an_address_refused_for_good_is_given_up(
        self, database: Database, settings: Settings, smtp: tuple[Server, int]
    ) -> None:
        server, port = smtp
        server.to_recipient = "550 No such person"
        message_id = put(database)
        report = worker.run_once(database, mailer(replace(settings, mail=f"smtp://127.0.0.1:{port}")), NOW)
        assert (report.sent, report.gave_up) == (0, 1)
        assert get(database, message_id).state == "gave_up"
        assert "550" in get(database, message_id).last_error

    @pytest.mark.parametrize(
        ("recipient", "data"), [("451 Later, please", "250 OK"), ("250 OK", "452 Disk full")]
    )
    def test_a_server_that_says_later_is_asked_later(
        self, database: Database, settings: Settings, smtp: tuple[Server, int], recipient: str, data: str
    ) -> None:
        server, port = smtp
        server.to_recipient, server.to_data = recipient, data
        message_id = put(database)
        sender = mailer(replace(settings, mail=f"smtp://127.0.0.1:{port}"))
        assert worker.run_once(database, sender, NOW).failed == 1
        assert get(database, message_id).state == "failed"
        server.to_recipient = server.to_data = "250 OK"
        assert worker.run_once(database, sender, NOW).sent == 0
        assert worker.run_once(database, sender, NOW + timedelta(minutes=2)).sent == 1
        assert len(server.taken) == 1

    def test_a_server_that_is_down_costs_a_few_tries_not_all(
        self, database: Database, settings: Settings
    ) -> None:
        ids = [put(database) for _ in range(9)]
        sender = mailer(replace(settings, mail=f"smtp://127.0.0.1:{free_port()}"))
        report = worker.run_once(database, sender, NOW)
        assert report.failed == posting.SERVER_SILENT_AFTER
        states = Counter(get(database, one).state for one in ids)
        assert states == {"failed": 3, "queued": 6}

    def test_six_hours_down_lose_and_double_nothing(
        self, database: Database, settings: Settings, smtp: tuple[Server, int]
    ) -> None:
        server, port = smtp
        ids = [put(database) for _ in range(5)]
        down = mailer(replace(settings, mail=f"smtp://127.0.0.1:{free_port()}"))
        for minute in range(0, 360, 10):
            worker.run_once(database, down, NOW + timedelta(minutes=minute))
        up = mailer(replace(settings, mail=f"smtp://127.0.0.1:{port}"))
        ids.append(put(database))
        worker.run_once(database, up, NOW + timedelta(hours=6))
        assert len(server.taken) == len(ids), "the first that is taken brings the others forward"
        for hours in (12, 24):
            worker.run_once(database, up, NOW + timedelta(hours=hours))
        assert len(server.taken) == len(ids)
        assert {get(database, one).state for one in ids} == {"sent"}


class TestCrashes:
    @both
    def test_between_send_and_note_the_letter_goes_again_under_the_same_id(
        self, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        message_id = put(database)
        folder = Folder(settings, settings.data / "mail")
        with monkeypatch.context() as patch:
            patch.setattr(posting, "_note", lambda *args, **kwargs: (_ for _ in ()).throw(MemoryError()))
            report = worker.run_once(database, folder, NOW)
        assert report.faults == ["delivery"]
        assert get(database, message_id).state == "sending"
        assert worker.run_once(database, folder, NOW + timedelta(minutes=1)).sent == 0
        assert worker.run_once(database, folder, AFTER_LEASE).sent == 1
        assert [one.name for one in (settings.data / "mail").iterdir()] == [f"{message_id}.eml"]

    def test_a_letter_that_cannot_be_written_does_not_hold_up_the_others(self, database: Database) -> None:
        ids = [put(database, recipient=f"p{n}@x.example") for n in range(3)]

        class Picky(Recorder):
            def send(self, message: Outgoing, still: Still) -> None:
                if message.id == ids[0]:
                    raise UnicodeError("no")
                super().send(message, still)

        sender = Picky()
        report = worker.run_once(database, sender, NOW)
        assert (report.sent, report.failed, report.faults) == (2, 1, [])
        assert "UnicodeError" in get(database, ids[0]).last_error

    def test_a_crash_of_the_reminders_does_not_stop_the_letters(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        message_id = put(database)

        def crash(*args: Any, **kwargs: Any) -> int:
            raise RuntimeError("boom")

        monkeypatch.setattr(generating, "generate", crash)
        report = worker.run_once(database, Recorder(), NOW)
        assert (report.sent, report.faults) == (1, ["reminders"])
        assert get(database, message_id).state == "sent"

    def test_killed_while_sending_the_next_worker_takes_over(self, database: Database) -> None:
        message_id = put(database)
        with pytest.raises(KeyboardInterrupt):
            worker.run_once(database, Recorder(before=KeyboardInterrupt()), NOW)
        assert get(database, message_id).state == "sending"
        recorder = Recorder()
        worker.run_once(database, recorder, AFTER_LEASE)
        assert recorder.sent == [str(message_id)]


@both
def test_workers_at_once_send_each_letter_once(database: Database) -> None:
    ids = [str(put(database, recipient=f"p{n}@x.example")) for n in range(24)]
    recorder, gate = Recorder(), threading.Barrier(4)
    faults: list[str] = []

    def work() -> None:
        gate.wait()
        faults.extend(worker.run_once(database, recorder, NOW).faults)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert faults == []
    assert sorted(recorder.sent) == sorted(ids)


def test_sending_and_giving_up_are_on_record(database: Database) -> None:
    put(database)
    worker.run_once(database, Recorder(), NOW)
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Event.kind)).all() == ["message.sent"]


@both
def test_the_heartbeat_is_one_row_a_worker_and_old_ones_go(database: Database) -> None:
    with database.transaction() as session:
        session.add(WorkerBeat(name="gone", at=NOW - timedelta(days=8)))
    worker.run_once(database, Recorder(), NOW)
    worker.run_once(database, Recorder(), NOW + timedelta(minutes=1))
    with database.looking(SYSTEM) as session:
        (beat,) = session.execute(select(WorkerBeat)).scalars()
    assert beat.name == f"{socket.gethostname()}:{os.getpid()}"
    assert timedelta(minutes=1) <= beat.at - NOW < timedelta(minutes=2)


def test_the_embedded_worker_makes_the_portal_well_delivers_and_ends(app: Portal) -> None:
    client = app.test_client()
    assert client.get("/healthz").status_code == 503
    with app.database.transaction() as session:
        message_id = outbox.queue(session, letter(), now=clock.now()).id
    embedded = worker.start_embedded(app)
    assert embedded.first_pass.wait(20)
    assert client.get("/healthz").json == {
        "status": "ok",
        "database": "well",
        "worker": "well",
        "behind_seconds": 0,
        "letters_waiting": 0,
    }
    assert get(app.database, message_id).state == "sent"
    started = time.monotonic()
    embedded.stop()
    assert time.monotonic() - started < 5
    assert not any(one.name == "portal-worker" for one in threading.enumerate())


def started(settings: Settings, *options: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "PORTAL_SECRET_KEY": settings.secret_key,
        "PORTAL_DATABASE_URL": settings.database_url,
        "PORTAL_BASE_URL": settings.base_url,
        "PORTAL_MAIL": settings.mail,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "portal.cli", "worker", *options, "--data", str(settings.data)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_pass_that_is_asked_to_end_notes_the_letter_that_is_out_and_begins_no_other(
    database: Database, settings: Settings, number: signal.Signals
) -> None:
    ids = [put(database) for _ in range(2)]
    out, answers = threading.Event(), threading.Event()

    def wait(_server: RawSmtp, _connection: socket.socket) -> None:
        out.set()
        answers.wait(20)

    server = RawSmtp(at={"dot": wait})
    process = started(replace(settings, mail=server.url), "--once")
    try:
        assert out.wait(30)
        process.send_signal(number)
        time.sleep(0.5)  # it arrives while the server has not answered yet
        answers.set()
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        server.close()
    assert process.returncode == 0, errors
    assert sorted(get(database, one).state for one in ids) == ["queued", "sent"]
    assert len(server.taken) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_process_ends_cleanly(settings: Settings, number: signal.Signals) -> None:
    database = Database(settings.database_url)
    process = started(settings)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with database.looking(SYSTEM) as session:
            if session.scalars(select(WorkerBeat.name)).first():
                break
        time.sleep(0.1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    database.dispose()
