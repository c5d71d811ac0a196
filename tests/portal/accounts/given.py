"""Steps that tests of accounts share: a person with a second factor, codes of the moment, letters."""

from __future__ import annotations

import re

import pyotp
from sqlalchemy import select

from portal import clock
from portal.access import Identity, Person
from portal.accounts import factors, service
from portal.accounts.models import LoginSession
from portal.db import SYSTEM, Database
from portal.outbox import Message
from portal.settings import Settings
from portal.web import Portal
from tests.portal.world import PASSWORD, Browser


def code_now(secret: str, *, steps: int = 0) -> str:
    """What the app shows now, or some steps away from now."""
    return pyotp.TOTP(secret).generate_otp(int(clock.now().timestamp()) // 30 + steps)


def give_factor(database: Database, settings: Settings, person: Person) -> tuple[str, list[str]]:
    """Switch a second factor on through the service: (its secret, the recovery codes)."""
    with database.transaction() as session:
        token = service.open_session(session, person.id, now=clock.now())
        opened = session.scalars(
            select(LoginSession.id).where(LoginSession.token_hash == service.token_hash(token))
        ).one()
        factors.start(session, settings, person, now=clock.now())
        session.flush()
        setup = factors.waiting(session, settings, person, now=clock.now())
        assert setup is not None
        secret = setup.key.replace(" ", "")
        identity = Identity(person, opened)
        # the code of the step before: the one of now is left for the test
        codes = factors.confirm(session, settings, identity, code_now(secret, steps=-1), now=clock.now())
    return secret, codes


def half_signed_in(app: Portal, address: str) -> Browser:
    """A browser after the password of a person with a second factor."""
    browser = Browser(app.test_client())
    answer = browser.post("/sign-in", page="/sign-in", email=address, password=PASSWORD)
    assert answer.headers["Location"].startswith("/sign-in/code")
    return browser


def letters(database: Database, kind: str) -> list[Message]:
    """The letters of a kind, oldest first."""
    with database.looking(SYSTEM) as session:
        found = session.scalars(select(Message).where(Message.kind == kind).order_by(Message.created_at))
        return list(found)


def path_in(letter: Message, start: str) -> str:
    """The path of the link in a letter, with the configured address before it."""
    found = re.search(rf"http://127\.0\.0\.1:8000({re.escape(start)}\S+)", letter.text)
    assert found is not None, letter.text
    return found.group(1)
