"""The outbox: messages written in the business transaction, claimed by any number of workers, each sent by one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, case, func, select, true, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.db import Base, Database, Identified, tenancy

LEASE = timedelta(minutes=5)
BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720, 1440))
AHEAD = timedelta(
    hours=50
)  # the furthest that a letter is set ahead: a digest, a day and a clock's change away
OUTAGE = timedelta(
    days=14
)  # for so long letters wait for a server that is not there, before they are given up
SILENT = "outage: "  # how the last_error begins of what no server took or refused, and no other
DIGEST = "digest"
QUEUED, HELD, DROPPED = "queued", "held", "dropped"
UNSENT = (QUEUED, "failed")
_first_state: ContextVar[Callable[[Session], str] | None] = ContextVar("portal_letters_begin", default=None)


class Message(Identified, Base):
    """A mail. ``state``: queued, sending, sent, failed (will be tried again at ``due_at``), gave_up, dropped (there was
    nothing left to say, or ``into_id`` carries it), held (by a restore, until somebody decides).

    ``secret`` mails carry a single-use link: their text is emptied once sent. ``fence`` grows with each claim, so
    that a worker that slept past its lease cannot overwrite what another has done. ``ready``: the text lies here; else
    it is worked out when it is sent (letters.REGISTRY), for ``person_id``. ``group``: what the person may turn off.
    """

    __tablename__ = "message"
    __table_args__ = tenancy(
        "shared",
        Index("ix_message_state_due_at", "state", "due_at"),
        Index("ix_message_person_id_state", "person_id", "state"),
        Index("ix_message_into_id", "into_id"),
        Index("ix_message_organisation_id_created_at", "organisation_id", "created_at"),
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
    person_id: Mapped[uuid.UUID | None]
    group: Mapped[str] = mapped_column(String(20), default="", server_default="")
    ready: Mapped[bool] = mapped_column(default=True, server_default=true())
    into_id: Mapped[uuid.UUID | None]


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


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter as it leaves. ``id`` stays over all tries; ``at``: when its text was written; ``unsubscribe``: the
    address that turns off what it belongs to, "" for letters that nobody may turn off.
    """

    id: uuid.UUID
    at: datetime
    letter: Letter
    unsubscribe: str = ""


def outgoing(message: Message) -> Outgoing:
    """A message whose text lies in the outbox."""
    letter = Letter(
        kind=message.kind,
        recipient=message.recipient,
        recipient_name=message.recipient_name,
        subject=message.subject,
        text=message.text,
        html=message.html,
        sender_name=message.sender_name,
        reply_to=message.reply_to,
        secret=message.secret,
    )
    return Outgoing(message.id, message.created_at, letter)


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
        state=QUEUED if (begins := _first_state.get()) is None else begins(session),
        created_at=now,
        due_at=now,
        attempts=0,
        fence=0,
        last_error="",
    )
    session.add(message)
    return message


@contextmanager
def by_itself(begins: Callable[[Session], str]) -> Iterator[None]:
    """Letters that are queued within were asked for by nobody: ``begins`` says, in their transaction, their state."""
    before = _first_state.set(begins)
    try:
        yield
    finally:
        _first_state.reset(before)


def one_line(text: str, length: int) -> str:
    """Header text: no control characters, so that nothing typed can add a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:length]


def claimable(now: datetime) -> ColumnElement[bool]:
    """What a worker may take at ``now``. A moment further ahead than we ever set one is of a clock that was wrong."""
    waits = Message.due_at.between(now, now + AHEAD) & (Message.due_at != now)
    leased = Message.lease_until.between(now, now + 2 * LEASE)
    return (Message.state.in_(UNSENT) & ~waits) | ((Message.state == "sending") & ~leased)


def claim(session: Session, *, now: datetime, limit: int = 20) -> list[Message]:
    """Lease due messages to this worker; concurrent workers get others (SKIP LOCKED; SQLite's write lock).

    Digests come after all others, so that a morning of thousands does not hold up somebody's password. The rows are
    locked by a statement of its own: within the UPDATE, PostgreSQL may run it once for each row, beyond ``limit``.
    """
    due = (
        select(Message.id)
        .where(claimable(now), Message.kind != DIGEST)
        .order_by(Message.due_at, Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.execute(due).scalars())
    claimed = _lease(session, Message.id.in_(ids), now) if ids else []
    if len(claimed) < limit:
        claimed += _claim_digests(session, now, limit - len(claimed))
    return claimed


def _lease(session: Session, which: ColumnElement[bool], now: datetime) -> list[Message]:
    claimed = session.execute(
        update(Message)
        .where(which)
        .values(
            state="sending", lease_until=now + LEASE, fence=Message.fence + 1, attempts=Message.attempts + 1
        )
        .returning(Message)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return list(claimed.scalars())


def _claim_digests(session: Session, now: datetime, limit: int) -> list[Message]:
    """One digest a person: whatever else of theirs could not be sent flows into it (``into_id``).

    The rows are locked by their person and moment, as whoever attaches lines to them does (digests.attach): the second
    finds what the first has left.
    """
    people = (
        select(Message.person_id)
        .where(claimable(now), Message.kind == DIGEST)
        .group_by(Message.person_id)
        .order_by(func.min(Message.due_at), Message.person_id)
        .limit(limit)
    )
    found: list[Message] = []
    for person_id in session.execute(people).scalars().all():
        mine = (Message.kind == DIGEST) & (Message.person_id == person_id)
        unsent = mine & (Message.state.in_(UNSENT) | claimable(now))
        ids = list(
            session.execute(
                select(Message.id).where(unsent).order_by(Message.due_at, Message.id).with_for_update()
            ).scalars()
        )
        first = session.execute(
            select(Message.id)
            .where(Message.id.in_(ids), claimable(now))
            .order_by(case((Message.state == "sending", 0), else_=1), Message.due_at, Message.id)
            .limit(1)
        ).scalar()  # one that was being sent keeps its id, by which a repeat is recognised
        if first is None:
            continue
        found += _lease(session, Message.id == first, now)
        _gather(session, [one for one in ids if one != first], first)
    return found


def _gather(session: Session, ids: list[uuid.UUID], into: uuid.UUID) -> None:
    """``ids`` will not be sent: ``into`` carries their lines, and those that they carry."""
    if not ids:
        return
    values: dict[str, Any] = {"state": DROPPED, "into_id": into, "lease_until": None}
    session.execute(
        update(Message)
        .where(Message.id.in_(ids))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Message)
        .where(Message.into_id.in_(ids))
        .values(into_id=into)
        .execution_options(synchronize_session=False)
    )


def sent(session: Session, message: Message, *, now: datetime, subject: str | None = None) -> bool:
    """Note the success; False when another worker has taken the message over meanwhile.

    ``subject``: that of a letter of one tenant whose text was worked out only now; the text itself is kept nowhere.
    """
    values: dict[str, object] = {"state": "sent", "sent_at": now, "lease_until": None, "last_error": ""}
    if subject is not None:
        values["subject"] = one_line(subject, 300)
    if message.secret:
        values |= {"text": "", "html": ""}
    return _finish(session, message, values)


def dropped(session: Session, message: Message, reason: str, *, now: datetime) -> bool:
    """Note that there was nothing left to say; it is not sent, and ``reason`` is a code for the page of letters."""
    values: dict[str, object] = {"state": DROPPED, "due_at": now, "lease_until": None}
    return _finish(session, message, values | {"last_error": one_line(reason, 300)})


def is_over(message: Message, *, now: datetime, permanent: bool, silent: bool) -> bool:
    """Whether a letter that failed is given up. ``permanent``: it was refused for good. ``silent``: no server was there
    to take or refuse it, which is no word about this letter: such an outage it outlives, for OUTAGE.
    """
    if silent and now - message.created_at < OUTAGE:
        return False
    return permanent or message.attempts > len(BACKOFF)


def failed(
    session: Session,
    message: Message,
    reason: str,
    *,
    now: datetime,
    permanent: bool = False,
    silent: bool = False,
) -> bool:
    """Note the failure and when to try again; after the last step of the back-off it gave up, visibly."""
    over = is_over(message, now=now, permanent=permanent, silent=silent)
    wait = BACKOFF[min(message.attempts, len(BACKOFF)) - 1]
    reason = SILENT + reason if silent else reason
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


def requeue(
    session: Session, which: ColumnElement[bool], *, now: datetime, options: Mapping[str, Any] | None = None
) -> int:
    """Queue letters that failed, were given up or dropped once more, under their ids; returns how many.

    ``options``: db.across(), where the caller has seen to whose they are.
    """
    back = session.execute(
        update(Message)
        .where(which, Message.state.in_(("failed", "gave_up", DROPPED)), Message.into_id.is_(None))
        .values(state=QUEUED, due_at=now, attempts=0, lease_until=None, last_error="")
        .returning(Message.id)
        .execution_options(synchronize_session=False, **(options or {}))
    )
    return len(back.all())


def _finish(session: Session, message: Message, values: dict[str, object]) -> bool:
    changed = session.execute(
        update(Message)
        .where(Message.id == message.id, Message.fence == message.fence, Message.state == "sending")
        .values(**values)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages wait, and how many seconds the oldest one of them whose moment has come."""

    waiting: int
    oldest: float


def backlog(database: Database, *, now: datetime) -> Backlog:
    """For /healthz, /metrics and whoever runs the portal: numbers of the whole installation.

    Only what waits is looked at: what was sent is kept for ever.
    """
    from portal.db import SYSTEM

    with database.looking(SYSTEM) as session:
        waits = Message.state.in_((*UNSENT, "sending", HELD))
        count = session.execute(select(func.count()).select_from(Message).where(waits)).scalar_one()
        due = Message.state.in_((*UNSENT, "sending")) & (Message.due_at <= now)
        oldest = session.execute(select(func.min(Message.due_at)).where(due)).scalar_one()
    return Backlog(count, (now - oldest).total_seconds() if oldest is not None else 0.0)


def states(database: Database) -> dict[str, int]:
    """How many messages are in each state, those that were sent as well; for /metrics."""
    from portal.db import SYSTEM

    with database.looking(SYSTEM) as session:
        rows = session.execute(select(Message.state, func.count()).group_by(Message.state))
        return dict(list(rows))


def valid_address(address: str) -> bool:
    """Whether ``address`` is one bare address."""
    return parseaddr(address)[1] == address and address.count("@") == 1
