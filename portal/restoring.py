"""What must not come back with a backup: sessions, open links, letters that may have been sent, erased values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from portal.accounts.models import AddressChange, LoginSession, PasswordReset
from portal.assessments.models import Delegation
from portal.audit.catalogue import Kind
from portal.audit.models import EventNotice
from portal.audit.service import record
from portal.db import Database
from portal.organisations.models import Invitation
from portal.organisations.token_models import ApiToken
from portal.outbox import Message
from portal.webhooks.models import ON, STOPPED, Webhook, WebhookDelivery

HELD = "held"
QUEUED = ("queued", "failed", "sending")


@dataclass(frozen=True, slots=True)
class Settled:
    """How much was ended after a restore."""

    sessions: int
    links: int
    letters: int


def settle(database: Database, *, now: datetime) -> Settled:
    """End every session, void every open link and hold every letter, in one transaction."""
    with database.transaction() as session:
        sessions = _ended(session, LoginSession, LoginSession.revoked_at.is_(None), revoked_at=now)
        links = _ended(session, PasswordReset, PasswordReset.used_at.is_(None), used_at=now)
        links += _ended(
            session,
            Invitation,
            Invitation.accepted_at.is_(None) & Invitation.revoked_at.is_(None),
            revoked_at=now,
        )
        open_links = Delegation.token_hash.is_not(None) & Delegation.revoked_at.is_(None)
        links += _ended(session, Delegation, open_links, revoked_at=now)
        links += _ended(
            session,
            AddressChange,
            AddressChange.used_at.is_(None) & AddressChange.withdrawn_at.is_(None),
            withdrawn_at=now,
        )
        links += _ended(session, ApiToken, ApiToken.revoked_at.is_(None), revoked_at=now)
        _ended(session, Webhook, Webhook.state == ON, state=STOPPED)
        waits = WebhookDelivery.state.in_(QUEUED)
        _ended(session, WebhookDelivery, waits, state="gave_up", last_error="restored")
        session.execute(delete(EventNotice))
        letters = _ended(session, Message, Message.state.in_(QUEUED), state=HELD)
        data = {"sessions": sessions, "links": links, "letters": letters}
        record(session, Kind.RESTORED, now=now, actor=None, data=data)
    return Settled(sessions, links, letters)


def _ended(session: Session, model: Any, which: ColumnElement[bool], **values: Any) -> int:
    found = session.execute(
        update(model).where(which).values(**values).execution_options(synchronize_session=False)
    )
    return int(found.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has one


def release_letters(database: Database, *, send: bool, now: datetime) -> int:
    """Send the letters that a restore held back, or throw them away; returns how many there were."""
    with database.transaction() as session:
        held = session.scalar(select(func.count()).where(Message.state == HELD)) or 0
        if send:
            session.execute(update(Message).where(Message.state == HELD).values(state="queued", due_at=now))
        else:
            session.execute(delete(Message).where(Message.state == HELD))
        record(session, Kind.RESTORED, now=now, actor=None, data={"released": held, "sent": send})
    return held
