"""No slow work while writing (law 2): hashing, letters and files refuse; GET is read-only in the database."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from portal import create_app, mail, web
from portal.access import public
from portal.accounts import passwords
from portal.accounts.passwords import hash_password, verify_password
from portal.db import SYSTEM, Database, refuse_slow_work, writing
from portal.outbox import Letter, WorkerBeat, outgoing, queue
from portal.settings import Settings
from tests.portal.world import NOW

pytestmark = pytest.mark.both_databases
LETTER = Letter("receipt", "a@b.example", "A", "Subject", "Text", "<p>Text</p>")


def test_argon2_refuses_inside_a_write_transaction(database: Database, settings: Settings) -> None:
    with database.transaction(SYSTEM), pytest.raises(RuntimeError, match="write transaction"):
        hash_password(settings, "four unrelated words")
    with database.transaction(SYSTEM), pytest.raises(RuntimeError, match="write transaction"):
        verify_password(settings, None, "four unrelated words")
    assert verify_password(settings, hash_password(settings, "four unrelated words"), "four unrelated words")


@pytest.mark.parametrize("kind", ["console", "folder", "smtp"])
def test_letters_are_not_sent_inside_a_write_transaction(
    database: Database, settings: Settings, tmp_path: Path, kind: str
) -> None:
    sender = {
        "console": mail.Console(settings),
        "folder": mail.Folder(settings, tmp_path / "mail"),
        "smtp": mail.Smtp(settings),
    }[kind]
    with database.transaction(SYSTEM) as session:
        message = outgoing(queue(session, LETTER, now=NOW))
        with pytest.raises(RuntimeError, match="write transaction"):
            sender.send(message, lambda: None)
    assert not (tmp_path / "mail").exists()


def test_slow_work_is_fine_while_reading_and_after(database: Database) -> None:
    with database.looking(SYSTEM):
        refuse_slow_work("anything")
    with database.transaction(SYSTEM):
        assert writing()
    assert not writing()
    refuse_slow_work("anything")


def test_the_mark_of_writing_ends_with_every_way_out(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction(SYSTEM):
        raise ZeroDivisionError
    assert not writing()
    session = database.write_session(SYSTEM)
    with pytest.raises(RuntimeError, match="open already"):
        database.write_session(SYSTEM)
    assert writing(), "the inner attempt does not end the outer transaction"
    database.abandon(session)
    assert not writing()


def test_a_view_that_writes_in_get_fails_in_the_database(database: Database, settings: Settings) -> None:
    @public
    def wicked() -> str:
        web.db().execute(insert(WorkerBeat).values(name="wicked", at=NOW))
        return "written"

    app = create_app(settings)
    app.testing = True
    app.add_url_rule("/wicked", "wicked", wicked)
    with pytest.raises(DBAPIError, match=r"readonly|read-only"):
        app.test_client().get("/wicked")
    app.database.dispose()


def test_a_read_only_connection_writes_again_when_it_may(database: Database) -> None:
    """Pooled connections change sides: reading must not leak into writing, nor the other way round."""
    for _ in range(3):
        with database.looking(SYSTEM) as session, pytest.raises(DBAPIError):
            session.execute(insert(WorkerBeat).values(name="never", at=NOW))
        with database.transaction(SYSTEM) as session:
            session.merge(WorkerBeat(name="one", at=NOW))


def test_hashing_gives_way_to_everybody_else() -> None:
    """On Linux its thread alone is nice, and whoever waits for it is as quick as before."""

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = niceness()
    inside = passwords._aside(niceness)
    assert inside == (min(19, before + passwords.GIVE_WAY) if sys.platform == "linux" else before)
    assert niceness() == before
