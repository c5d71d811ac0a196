"""What must not come back with a backup: sessions, open links, letters that may have been sent, erased values, tokens,
webhooks, ways in by a provider, and passkeys that were taken away since.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from portal import erasing_again, schema
from portal.accounts import factors
from portal.accounts.models import AddressChange, LoginSession, PasswordReset
from portal.accounts.passkey_models import Passkey
from portal.accounts.service import about
from portal.assessments.models import Delegation
from portal.audit import holding
from portal.audit.catalogue import Kind
from portal.audit.models import EventNotice
from portal.audit.service import record
from portal.db import Database
from portal.erasing_again import Ended
from portal.organisations import sso_setting
from portal.organisations.models import Invitation
from portal.organisations.sso_models import SsoConnection, SsoProposal
from portal.organisations.token_models import ApiToken
from portal.outbox import DROPPED, HELD, Message
from portal.reassessment import digest_letters
from portal.reassessment.models import Reminder
from portal.reassessment.models_feeds import CalendarFeed
from portal.webhooks.models import ON, STOPPED, Webhook, WebhookDelivery

QUEUED = ("queued", "failed", "sending")
DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Settled:
    """How much was ended after a restore."""

    sessions: int
    links: int
    letters: int
    providers: int
    passkeys: int
    certificates: int


def settle(
    database: Database, *, now: datetime, ended: Ended | None = None, revision: str | None = None
) -> Settled:
    """End every session, void every open link and hold every letter, in one transaction.

    What the worker writes from then on is held, too, until somebody releases it: some of it had been sent. Sign-in
    providers are off: one that was switched off since, because somebody had it, would let them in. ``ended`` since
    that backup ends again. ``revision``: of a database that was just replaced; it opens with this transaction.
    """
    since = ended or Ended()
    with database.transaction() as session:
        if revision is not None:
            schema.resume(session, revision)
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
        links += _ended(session, CalendarFeed, CalendarFeed.revoked_at.is_(None), revoked_at=now)
        _ended(session, Webhook, Webhook.state == ON, state=STOPPED)
        waits = WebhookDelivery.state.in_(QUEUED)
        _ended(session, WebhookDelivery, waits, state="gave_up", last_error="restored")
        session.execute(delete(EventNotice))
        providers = _ended(
            session, SsoConnection, SsoConnection.state == sso_setting.ON, state=sso_setting.OFF, since=now
        )
        waiting = SsoProposal.state == sso_setting.OPEN
        _ended(session, SsoProposal, waiting, state="withdrawn", settled_at=now)
        taken = _take_away(session, since.passkeys, now=now)
        letters = _ended(session, Message, Message.state.in_(QUEUED), state=HELD)
        erased = erasing_again.carry_out(session, since.certificates, now=now)
        settled = Settled(sessions, links, letters, providers, taken, erased)
        holding.put(session, asdict(settled), now=now)
    return settled


def _take_away(session: Session, passkeys: Collection[uuid.UUID], *, now: datetime) -> int:
    """As accounts.passkeys.remove does, whose letter was sent then."""
    taken = 0
    for one in sorted(passkeys):
        gone = delete(Passkey).where(Passkey.id == one).returning(Passkey.person_id)
        person = session.scalars(gone).one_or_none()
        if person is None:
            continue
        taken += 1
        if not factors.is_on(session, person):
            factors.forget_codes(session, person)
        data = {"passkey": one}
        record(session, Kind.PASSKEY_REMOVED, now=now, actor=None, subject=about(person), data=data)
    return taken


def _ended(session: Session, model: Any, which: ColumnElement[bool], **values: Any) -> int:
    found = session.execute(
        update(model).where(which).values(**values).execution_options(synchronize_session=False)
    )
    return int(found.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has one


def release_letters(database: Database, *, send: bool, now: datetime) -> int:
    """Send the letters that a restore held back, or drop them; returns how many there were. The hold is over.

    The reminders of those that are dropped are left out, as discarded.
    """
    with database.transaction() as session:
        holding.lock(session)
        held = session.scalar(select(func.count()).where(Message.state == HELD)) or 0
        if send:
            its_moment = case(
                (Message.due_at > now, Message.due_at), else_=now
            )  # a digest of tomorrow stays one
            session.execute(
                update(Message)
                .where(Message.state == HELD)
                .values(state="queued", due_at=its_moment)
                .execution_options(synchronize_session=False)
            )
        else:
            _discard(session, now=now)
        holding.release(session, {"released": held, "sent": send}, now=now)
    return held


def _discard(session: Session, *, now: datetime) -> None:
    first = aliased(Message)  # what had flowed into a letter that is held is carried by it
    carried = (
        select(Reminder)
        .join(first, first.id == Reminder.message_id)
        .outerjoin(Message, Message.id == first.into_id)
        .where(func.coalesce(Message.state, first.state) == HELD, Reminder.skipped == "")
    )
    reminders = session.scalars(carried).all()
    why = dict.fromkeys((one.id for one in reminders), DISCARDED)
    digest_letters.leave_out(reminders, why, session, now)
    dropped = {"state": DROPPED, "last_error": DISCARDED, "lease_until": None}
    _ended(session, Message, (Message.state == HELD) & Message.secret, text="", html="", **dropped)
    _ended(session, Message, Message.state == HELD, **dropped)
