"""Delivery: one letter at a time, never past its lease, whatever the server does; one Message-ID over all tries."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select, update

from portal import clock, letters, mail, outbox, posting, worker
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.letters import Nothing, Rendered
from portal.mail import LeaseLost, Mailer, Still, mailer
from portal.outbox import LEASE, Letter, Message, Outgoing
from portal.pass_report import Lasting, Report
from portal.settings import Settings
from tests.portal.raw_smtp import RawSmtp, Step, drip, hang_up, refuse
from tests.portal.test_outbox import get, letter, put
from tests.portal.world import NOW

both = pytest.mark.both_databases
LATER = NOW + LEASE + timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[RawSmtp]:
    found = RawSmtp()
    yield found
    found.close()


@pytest.fixture
def sender(settings: Settings, server: RawSmtp) -> Mailer:
    return mailer(replace(settings, mail=server.url))


def run(database: Database, sender: Mailer, now: datetime = NOW) -> Report:
    report = Report()
    posting.deliver(database, sender, lambda: now, threading.Event(), report, alive=lambda: None)
    return report


class Asleep:
    """A computer that sleeps for ``seconds`` when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slept = 0.0
        really = clock.elapsed
        monkeypatch.setattr(clock, "elapsed", lambda: really() + self.slept)


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> Asleep:
    return Asleep(monkeypatch)


# ---------------------------------------------------------------------------------------------------------- the lease


class Sleeping:
    """A mailer that falls asleep for longer than the lease, then asks whether it may still send."""

    def __init__(self, asleep: Asleep) -> None:
        self.asleep = asleep
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing, still: Still) -> None:
        self.asleep.slept += LEASE.total_seconds()
        still()
        self.sent.append(message)


@both
def test_a_worker_that_slept_past_its_lease_sends_nothing(database: Database, asleep: Asleep) -> None:
    message_id = put(database)
    slow = Sleeping(asleep)
    report = run(database, slow)
    assert slow.sent == []
    assert (report.sent, report.failed) == (0, 0)
    assert get(database, message_id).state == "sending", "whoever takes it over notes it"


def test_a_worker_that_slept_after_the_servers_354_sends_no_dot(
    database: Database, server: RawSmtp, sender: Mailer, asleep: Asleep
) -> None:
    message_id = put(database)

    def sleeps(_server: RawSmtp, _connection: object) -> None:
        asleep.slept += LEASE.total_seconds()

    server.at["DATA"] = sleeps
    run(database, sender)
    assert server.taken == []
    assert get(database, message_id).state == "sending"
    del server.at["DATA"]
    assert run(database, sender, LATER).sent == 1
    assert len(server.taken) == 1


def test_the_lease_is_looked_at_before_a_server_is_asked(
    settings: Settings, server: RawSmtp, tmp_path: Path
) -> None:
    def lost() -> None:
        raise LeaseLost

    for where in (server.url, "console", f"folder:{tmp_path}"):
        with pytest.raises(LeaseLost):
            mailer(replace(settings, mail=where)).send(_outgoing(), lost)
    assert server.begun == 0


def _outgoing(**changed: object) -> Outgoing:
    return Outgoing(id=uuid.uuid4(), at=NOW, letter=letter(**changed))


def test_one_letter_takes_less_than_its_lease_however_slowly_a_server_drips(
    database: Database, server: RawSmtp, sender: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LEASE.total_seconds() - posting.LEASE_MARGIN > mail.LETTER_SECONDS + mail.TIMEOUT_SECONDS
    monkeypatch.setattr(mail, "LETTER_SECONDS", 0.5)
    server.at["greeting"] = drip
    put(database)
    started = time.monotonic()
    report = run(database, sender)
    assert report.failed == 1
    assert time.monotonic() - started < 10


@both
def test_a_letter_whose_text_takes_longer_than_its_lease_is_given_up_in_the_end(
    database: Database,
    asleep: Asleep,
    server: RawSmtp,
    sender: Mailer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(_database: Database, _message: Message, _now: datetime) -> Rendered:
        asleep.slept += LEASE.total_seconds()
        return Rendered(letter())

    monkeypatch.setitem(letters.REGISTRY, "test", slow)
    message_id = _unready(database).id
    now = NOW
    for _ in range(len(outbox.BACKOFF)):
        assert run(database, sender, now).failed == 1
        found = get(database, message_id)
        assert (found.state, found.last_error) == ("failed", posting.TOO_LONG)
        now = found.due_at
    assert run(database, sender, now).gave_up == 1
    assert server.taken == []


@both
def test_a_letter_that_workers_took_turns_to_lose_is_given_up(
    database: Database, kind: dict[str, object], server: RawSmtp, sender: Mailer
) -> None:
    message_id = _unready(database).id
    kind["gives"] = Rendered(letter())
    with database.transaction() as session:
        session.execute(
            update(Message).values(state="sending", lease_until=NOW, attempts=posting.MOST_CLAIMS)
        )
    run(database, sender, LATER)
    assert get(database, message_id).state == "gave_up"
    assert server.taken == []


def test_a_pass_ends_between_two_letters_when_its_share_is_over(database: Database) -> None:
    for _ in range(5):
        put(database)
    post = Slow()
    report = Report()
    posting.deliver(
        database,
        *(post, lambda: NOW, threading.Event(), report),
        alive=lambda: None,
        over=lambda: post.seconds >= 2,
    )
    assert (report.sent, report.more) == (2, True)
    assert (run(database, post).sent, report.failed) == (3, 0)


def test_steps_come_between_the_letters_of_a_long_morning(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass gives letters its share, and says that more are left; with all sent it does not."""
    for _ in range(5):
        put(database)
    post = Slow()
    monkeypatch.setattr(Lasting, "share", lambda _self, seconds: lambda: post.seconds >= seconds)
    monkeypatch.setattr(worker, "FOR_LETTERS", 2.0)
    first = worker.run_once(database, post, NOW)
    assert (first.sent, first.more, first.unfinished) == (2, True, False)
    post.seconds = -9
    assert (worker.run_once(database, post, NOW).more, len(post.sent)) == (False, 5)


class Slow:
    """A mail server that takes a second for each letter."""

    def __init__(self) -> None:
        self.seconds = 0
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing, still: Still) -> None:
        still()
        self.seconds += 1
        self.sent.append(message)


# --------------------------------------------------------------------------------------------- what servers do to us


@both
def test_one_connection_carries_the_letters_of_a_pass(
    database: Database, server: RawSmtp, sender: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        put(database, recipient=f"p{number}@x.example")
    assert run(database, sender).sent == 4
    assert (server.begun, len(server.taken)) == (1, 4)
    monkeypatch.setattr(mail, "MOST_LETTERS", 2)
    for number in range(4):
        put(database, recipient=f"p{number}@x.example")
    assert run(database, sender).sent == 4
    assert (server.begun, len(server.taken)) == (3, 8)


@pytest.mark.parametrize("step", ["RSET", "MAIL", "RCPT", "DATA"])
def test_a_connection_that_ends_before_the_text_is_begun_anew_for_the_same_letter(
    database: Database, server: RawSmtp, sender: Mailer, step: str
) -> None:
    def tired(server: RawSmtp, _connection: object) -> bool:
        return not (server.taken and server.begun == 1)  # hangs up on the second letter

    server.at[step] = tired
    put(database)
    put(database)
    report = run(database, sender)
    assert (report.sent, report.failed) == (2, 0)
    assert (server.begun, len(server.taken)) == (2, 2)


def test_after_a_fault_past_the_text_the_next_letter_has_a_connection_of_its_own(
    database: Database, server: RawSmtp, sender: Mailer
) -> None:
    def breaks(server: RawSmtp, connection: socket.socket) -> bool:
        if len(server.taken) == 2:
            connection.sendall(b"451 later\r\n")
            return False
        return True

    server.at["dot"] = breaks
    for _ in range(3):
        put(database)
    report = run(database, sender)
    assert (report.sent, report.failed) == (2, 1), "the second was handed over, and nobody knows"
    assert server.begun == 2
    assert len(server.taken) == 3, "and was not sent again in this pass"


@both
def test_a_server_that_dies_after_the_dot_gets_it_again_under_the_same_id(
    database: Database, server: RawSmtp, sender: Mailer
) -> None:
    """RFC 1047: nobody can know. What can be done is to let the second be recognised."""
    message_id = put(database)
    server.at["dot"] = hang_up
    assert run(database, sender).failed == 1
    del server.at["dot"]
    assert run(database, sender, NOW + timedelta(minutes=2)).sent == 1
    ids = {message_from_bytes(one)["Message-ID"] for one in server.taken}
    assert len(server.taken) == 2
    assert ids == {f"<{message_id}@localhost>"}


def test_a_farewell_that_fails_does_not_undo_what_was_taken(
    database: Database, server: RawSmtp, sender: Mailer
) -> None:
    server.at["QUIT"] = hang_up
    put(database)
    assert run(database, sender).sent == 1
    assert run(database, sender, LATER).sent == 0
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    ("step", "answer", "state"),
    [
        ("MAIL", b"451 later\r\n", "failed"),
        ("MAIL", b"550 5.1.8 bad sender\r\n", "failed"),
        ("MAIL", b"552 5.3.4 too large\r\n", "gave_up"),
        ("RCPT", b"550 nobody\r\n", "gave_up"),
        ("RCPT", b"452 full\r\n", "failed"),
        ("DATA", b"554 no\r\n", "gave_up"),
        ("dot", b"552 too large\r\n", "gave_up"),
        ("dot", b"421 closing\r\n", "failed"),
        ("greeting", b"554 not you\r\n", "failed"),
    ],
)  # fmt: skip
def test_refusals_at_each_step(
    database: Database, server: RawSmtp, sender: Mailer, step: str, answer: bytes, state: str
) -> None:
    message_id = put(database)
    server.at[step] = refuse(answer)
    run(database, sender)
    assert get(database, message_id).state == state


@both
@pytest.mark.parametrize(
    ("step", "how"),
    [
        ("greeting", hang_up),
        ("greeting", refuse(b"554 not you\r\n")),
        ("MAIL", refuse(b"550 5.1.8 account blocked\r\n")),
    ],
)
def test_an_outage_gives_no_letter_up(
    database: Database, server: RawSmtp, sender: Mailer, step: str, how: Step
) -> None:
    """A server that takes letters of nobody here is none: neither says a word about this letter."""
    message_id = put(database)
    server.at[step] = how
    for hours in range(0, 24 * 7, 6):
        run(database, sender, NOW + timedelta(hours=hours))
    assert get(database, message_id).state == "failed"
    del server.at[step]
    run(database, sender, NOW + timedelta(days=8))
    assert get(database, message_id).state == "sent"


@both
@pytest.mark.parametrize(
    ("error", "attempts", "minutes", "state"),
    [
        ("outage: gone", 6, 20, "sent"),
        ("outage: gone", 20, 20, "sent"),
        ("outage: gone", 6, 5, "failed"),
        ("outage: gone", 21, 20, "failed"),
        ("the mail server answered 451", 6, 20, "failed"),
    ],
)
def test_what_is_brought_forward_once_a_server_takes_letters(
    database: Database, sender: Mailer, error: str, attempts: int, minutes: int, state: str
) -> None:
    """Only what no server was there for, and not at once again: it may be this letter of which one dies."""
    waits, wait = put(database), outbox.BACKOFF[min(attempts, len(outbox.BACKOFF)) - 1]
    values = {"state": "failed", "attempts": attempts, "last_error": error}
    due_at = NOW - timedelta(minutes=minutes) + wait
    with database.transaction() as session:
        session.execute(update(Message).where(Message.id == waits).values(**values, due_at=due_at))
    run(database, sender)
    assert get(database, waits).state == "failed", "nothing has been taken yet"
    put(database)
    run(database, sender)
    assert get(database, waits).state == state


def test_a_server_that_takes_nothing_of_ours_is_left_alone_until_later(
    database: Database, server: RawSmtp, sender: Mailer
) -> None:
    ids = [put(database) for _ in range(9)]
    server.at["MAIL"] = refuse(b"553 sender not allowed\r\n")
    run(database, sender)
    assert Counter(get(database, one).state for one in ids) == Counter(failed=3, queued=6)


def test_lines_that_begin_with_a_dot_arrive_as_they_were(
    database: Database, server: RawSmtp, sender: Mailer
) -> None:
    put(database, text=".\n..two\n.three\n", html="<p>.</p>")
    run(database, sender)
    lines = server.taken[0].replace(b"\r\n..", b"\r\n.")
    text = message_from_bytes(lines, policy=policy.default).get_body(("plain",))  # type: ignore[attr-defined]
    assert text.get_content().replace("\r\n", "\n") == ".\n..two\n.three\n"


# ----------------------------------------------------------------------------------------------------------- headers


def test_what_may_be_turned_off_says_so_to_mail_programs_over_https_alone(settings: Settings) -> None:
    one = replace(_outgoing(), unsubscribe="https://portal.example/letters/off/abc")
    secure = mail.mime(replace(settings, base_url="https://portal.example"), one)
    assert secure["List-Unsubscribe"] == "<https://portal.example/letters/off/abc>"
    assert secure["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.mime(replace(settings, base_url="http://127.0.0.1:8000"), one)["List-Unsubscribe"] is None
    assert (
        mail.mime(replace(settings, base_url="https://portal.example"), _outgoing())["List-Unsubscribe"]
        is None
    )


# --------------------------------------------------------------------------------------- text that is made at sending


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A kind of letters of this test, with what its renderer gives."""
    given: dict[str, object] = {}

    def render(database: Database, message: Message, now: datetime) -> Rendered | Nothing:
        found = given["gives"]
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Rendered | Nothing)
        return found

    monkeypatch.setitem(letters.REGISTRY, "test", render)
    return given


def _unready(database: Database) -> Message:
    with database.transaction() as session:
        message = outbox.queue(session, letter(), now=NOW)
        message.ready, message.text, message.html, message.subject = False, "", "", ""
    return message


@both
def test_nothing_left_to_say_is_dropped_and_on_record(database: Database, kind: dict[str, object]) -> None:
    message = _unready(database)
    kind["gives"] = Nothing("done")
    post = Sleeping.__new__(Sleeping)
    report = run(database, post)
    assert (report.sent, report.dropped) == (0, 1)
    found = get(database, message.id)
    assert (found.state, found.last_error) == ("dropped", "done")
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Event.kind)).all() == ["letter.dropped"]


@both
def test_text_made_at_sending_is_not_kept(
    database: Database, kind: dict[str, object], server: RawSmtp, sender: Mailer
) -> None:
    message = _unready(database)
    written = Letter("test", "ada@x.example", "Ada", "A subject", "CANARY\n", "<p>CANARY</p>")
    kind["gives"] = Rendered(written, data={"lines": 1})
    assert run(database, sender).sent == 1
    assert b"CANARY" in server.taken[0]
    found = get(database, message.id)
    assert (found.text, found.html) == ("", "")


def test_a_renderer_that_crashes_holds_up_nobody_else(
    database: Database, kind: dict[str, object], server: RawSmtp, sender: Mailer
) -> None:
    message = _unready(database)
    put(database, kind="other")
    kind["gives"] = ValueError("boom")
    report = run(database, sender)
    assert (report.sent, report.failed) == (1, 1)
    assert "ValueError" in get(database, message.id).last_error
