"""The outbox: claimed by one worker, leased, fenced, tried again with back-off; header lines stay lines."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from portal import outbox
from portal.db import SYSTEM, Database
from portal.mail import mime
from portal.outbox import BACKOFF, LEASE, Letter, Message
from portal.settings import Settings
from tests.portal.world import NOW

pytestmark = pytest.mark.both_databases


def letter(**changed: object) -> Letter:
    values: dict[str, object] = {
        "kind": "test",
        "recipient": "ada@x.example",
        "recipient_name": "Ada",
        "subject": "Hello",
        "text": "Dear Ada\n",
        "html": "<p>Dear Ada</p>",
    }
    return Letter(**(values | changed))  # type: ignore[arg-type]


def put(database: Database, **changed: object) -> uuid.UUID:
    with database.transaction() as session:
        return outbox.queue(session, letter(**changed), now=NOW).id


def get(database: Database, message_id: uuid.UUID) -> Message:
    with database.looking(SYSTEM) as session:
        return session.execute(select(Message).where(Message.id == message_id)).scalar_one()


def claim(database: Database, **when: int) -> list[Message]:
    with database.transaction() as session:
        return outbox.claim(session, now=NOW + timedelta(**when))


def test_a_claimed_letter_is_one_workers(database: Database) -> None:
    put(database)
    assert [one.attempts for one in claim(database)] == [1]
    assert claim(database) == []
    assert claim(database, minutes=4) == []


def test_no_more_is_claimed_than_asked_for_whatever_the_database_believes_of_its_tables(
    database: Database,
) -> None:
    """Statistics of the first hour: a table of one row, to be read once more for each row that it has by now."""
    put(database)
    with database.transaction() as session:
        session.execute(text("ANALYZE message"))
    for _ in range(2):
        put(database)
    with database.transaction() as session:
        assert len(outbox.claim(session, now=NOW, limit=1)) == 1
        sending = select(func.count()).where(Message.state == "sending")
        assert session.execute(sending).scalar_one() == 1
    assert len(claim(database)) == 2


def test_a_letter_of_the_future_waits(database: Database) -> None:
    put(database)
    assert claim(database, minutes=-1) == []


def test_a_worker_that_slept_past_its_lease_cannot_overwrite(database: Database) -> None:
    message_id = put(database)
    (slow,) = claim(database)
    after = NOW + LEASE + timedelta(seconds=1)
    (quick,) = claim(database, seconds=int(LEASE.total_seconds()) + 1)
    with database.transaction() as session:
        assert outbox.sent(session, quick, now=after)
    with database.transaction() as session:
        assert not outbox.failed(session, slow, "too late", now=after)
        assert not outbox.sent(session, slow, now=after)
    assert get(database, message_id).state == "sent"
    assert get(database, message_id).attempts == 2


def test_it_tries_again_ever_later_and_gives_up_in_the_end(database: Database) -> None:
    message_id, now = put(database), NOW
    for wait in BACKOFF:
        with database.transaction() as session:
            (one,) = outbox.claim(session, now=now)
        with database.transaction() as session:
            assert outbox.failed(session, one, "no answer", now=now)
        found = get(database, message_id)
        assert (found.state, found.due_at) == ("failed", now + wait)
        with database.transaction() as session:
            assert outbox.claim(session, now=found.due_at - timedelta(seconds=1)) == []
        now = found.due_at
    with database.transaction() as session:
        (one,) = outbox.claim(session, now=now)
        assert outbox.failed(session, one, "no answer", now=now)
    assert get(database, message_id).state == "gave_up"
    assert claim(database, days=100) == []
    assert outbox.states(database) == {"gave_up": 1}


def test_a_secret_is_forgotten_once_sent(database: Database) -> None:
    secret, plain = put(database, secret=True), put(database)
    for one in claim(database):
        with database.transaction() as session:
            outbox.sent(session, one, now=NOW)
    assert (get(database, secret).text, get(database, secret).html) == ("", "")
    assert get(database, plain).text == "Dear Ada\n"


@pytest.mark.parametrize("poison", ["a\r\nBcc: b@x.example", "a\nb", "a\x00b", "a\u2028b", "a" * 999])
def test_nothing_typed_can_add_a_header(database: Database, settings: Settings, poison: str) -> None:
    message_id = put(
        database, subject=poison, recipient_name=poison, sender_name=poison, reply_to="r@x.example"
    )
    mail = mime(settings, outbox.outgoing(get(database, message_id)))
    assert mail["Bcc"] is None
    assert all("\n" not in str(value) and "\x00" not in str(value) for value in mail.values())
    assert b"\nBcc:" not in bytes(mail)


def test_what_is_rolled_back_is_not_sent(database: Database) -> None:
    def cut_off() -> None:
        with database.transaction() as session:
            outbox.queue(session, letter(), now=NOW)
            raise KeyError

    with pytest.raises(KeyError):
        cut_off()
    assert claim(database) == []


def test_the_message_id_is_stable_so_that_a_repeat_can_be_recognised(
    database: Database, settings: Settings
) -> None:
    found = outbox.outgoing(get(database, put(database)))
    assert (
        mime(settings, found)["Message-ID"]
        == mime(settings, found)["Message-ID"]
        == f"<{found.id}@localhost>"
    )
