"""The outbox: messages written in the business transaction, claimed by any number of workers, each sent by one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.db import Base, Database, Identified, tenancy

LEASE = timedelta(minutes=5)
BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720, 1440))


class Message(Identified, Base):
    """A mail. ``state``: queued, sending, sent, failed (will be tried again at ``due_at``), gave_up.

    ``secret`` mails carry a single-use link: their text is emptied once sent. ``fence`` grows with each claim, so
    that a worker that slept past its lease cannot overwrite what another has done.
    """

    __tablename__ = "message"
    __table_args__ = tenancy(
        "shared",
        Index("ix_message_state_due_at", "state", "due_at"),
        unaudited="the row is the record of its own sending; what queued it wrote an event",
    )

    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    kind: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(254))
    recipient_name: Mapped[str] = mapped_column(String(200))
    reply_to: Mapped[str | None] = mapped_column(String(254))
    sender_name: Mapped[str] = mapped_column(String(200))
    subject: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    secret: Mapped[bool]
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int]
    fence: Mapped[int]
    lease_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(300))


class WorkerBeat(Base):
    """When each worker last finished a pass; /healthz reads it."""

    __tablename__ = "worker_beat"
    __table_args__ = tenancy("global", unaudited="a sign of life")

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person is to receive; ``text`` and ``html`` say the same."""

    kind: str
    recipient: str
    recipient_name: str
    subject: str
    text: str
    html: str
    sender_name: str = ""
    reply_to: str | None = None
    secret: bool = False


def queue(
    session: Session,
    letter: Letter,
    *,
    now: datetime,
    organisation_id: uuid.UUID | None = None,
    company_id: uuid.UUID | None = None,
) -> Message:
    """Put ``letter`` into the transaction of ``session``; header fields are folded to one line here."""
    message = Message(
        id=uuid.uuid4(),
        organisation_id=organisation_id,
        company_id=company_id,
        kind=letter.kind,
        recipient=one_line(letter.recipient, 254),
        recipient_name=one_line(letter.recipient_name, 200),
        reply_to=one_line(letter.reply_to, 254) if letter.reply_to else None,
        sender_name=one_line(letter.sender_name, 200),
        subject=one_line(letter.subject, 300),
        text=letter.text,
        html=letter.html,
        secret=letter.secret,
        state="queued",
        created_at=now,
        due_at=now,
        attempts=0,
        fence=0,
        last_error="",
    )
    session.add(message)
    return message


def one_line(text: str, length: int) -> str:
    """Header text: no control characters, so that nothing typed can add a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:length]


def claimable(now: datetime) -> ColumnElement[bool]:
    """What a worker may take at ``now``. A moment further ahead than we ever set one is of a clock that was wrong."""
    waits = Message.due_at.between(now, now + BACKOFF[-1]) & (Message.due_at != now)
    leased = Message.lease_until.between(now, now + 2 * LEASE)
    return (Message.state.in_(("queued", "failed")) & ~waits) | ((Message.state == "sending") & ~leased)


def claim(session: Session, *, now: datetime, limit: int = 20) -> list[Message]:
    """Lease due messages to this worker; concurrent workers get others (SKIP LOCKED; SQLite's write lock)."""
    due = (
        select(Message.id)
        .where(claimable(now))
        .order_by(Message.due_at, Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = session.execute(
        update(Message)
        .where(Message.id.in_(due.scalar_subquery()))
        .values(
            state="sending", lease_until=now + LEASE, fence=Message.fence + 1, attempts=Message.attempts + 1
        )
        .returning(Message)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return list(claimed.scalars())


def sent(session: Session, message: Message, *, now: datetime) -> bool:
    """Note the success; False when another worker has taken the message over meanwhile."""
    values: dict[str, object] = {"state": "sent", "sent_at": now, "lease_until": None, "last_error": ""}
    if message.secret:
        values |= {"text": "", "html": ""}
    return _finish(session, message, values)


def failed(
    session: Session, message: Message, reason: str, *, now: datetime, permanent: bool = False
) -> bool:
    """Note the failure and when to try again; after the last step of the back-off it gave up, visibly."""
    over = permanent or message.attempts > len(BACKOFF)
    wait = BACKOFF[min(message.attempts, len(BACKOFF)) - 1]
    return _finish(
        session,
        message,
        {
            "state": "gave_up" if over else "failed",
            "due_at": now if over else now + wait,
            "lease_until": None,
            "last_error": one_line(reason, 300),
        },
    )


def _finish(session: Session, message: Message, values: dict[str, object]) -> bool:
    changed = session.execute(
        update(Message)
        .where(Message.id == message.id, Message.fence == message.fence, Message.state == "sending")
        .values(**values)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


def waiting(database: Database) -> dict[str, int]:
    """How many messages are in each state; for /healthz and the worker's log."""
    from portal.db import SYSTEM

    with database.looking(SYSTEM) as session:
        rows = session.execute(select(Message.state, func.count()).group_by(Message.state))
        return dict(list(rows))


def valid_address(address: str) -> bool:
    """Whether ``address`` is one bare address."""
    return parseaddr(address)[1] == address and address.count("@") == 1
