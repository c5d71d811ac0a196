"""Delivery: claim, commit, render, look at the lease, send, note. One letter at a time, by any number of workers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import and_, case, or_, select, update
from sqlalchemy.exc import DBAPIError

from portal import clock, letters, outbox
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Unavailable
from portal.letters import Nothing, Rendered
from portal.mail import Later, LeaseLost, Mailer, PermanentFailure, kept_open
from portal.outbox import Message

log = logging.getLogger("portal.posting")

# Seconds between attempts to note how a letter went: each waits as long as the database's own patience, and a database
# that is started again is back in time. Together well below a lease, after which the letter is somebody else's.
NOTE_PAUSES = (0.5, 2.0, 5.0, 15.0, 30.0, 60.0)
SERVER_SILENT_AFTER = 3  # failures in a row after which a pass leaves the rest for later
LEASE_MARGIN = 60.0  # seconds before the lease's end after which nothing is begun any more
MOST_CLAIMS = 40  # of one letter, more than an outage takes: whoever claimed it never came to say how it went
# Since it failed, before a letter is brought forward, and after so many tries it is not any more: a server may die of
# this one alone. With the tries of an outage that are left these stay fewer than MOST_CLAIMS.
RESTED, MOST_FORWARD = timedelta(minutes=15), 20
TOO_LONG = "working out its text takes too long"


class Delivered(Protocol):
    """Where a pass counts what became of its letters."""

    sent: int
    failed: int
    gave_up: int
    dropped: int
    more: bool


def deliver(
    database: Database,
    sender: Mailer,
    instant: Callable[[], datetime],
    stop: threading.Event,
    found: Delivered,
    *,
    alive: Callable[[], None],
    over: Callable[[], bool] = lambda: False,
) -> None:
    """Send what is due, and count it in ``found``; ``alive`` is called between two letters. ``stop`` ends it there, and
    ``over``: then ``found.more`` is for the next pass, as other work has its turn, too.
    """
    silent, forward = 0, False
    with kept_open(sender) as sending:
        while not stop.is_set() and silent < SERVER_SILENT_AFTER:
            if not _anything_due(database, instant()):
                return
            if over():
                found.more = True
                return
            began = clock.elapsed()
            with database.transaction() as session:
                claimed = outbox.claim(session, now=instant(), limit=1)
            if not claimed:
                return
            before = found.sent
            answered = _send(database, sending, claimed[0], instant, found, began, stop)
            silent = 0 if answered else silent + 1
            if found.sent > before and not forward:
                forward = True
                _bring_forward(database, instant())
            alive()


def _anything_due(database: Database, now: datetime) -> bool:
    """A look without the write lock: most of the time there is nothing to claim."""
    with database.looking(SYSTEM) as session:
        return session.execute(select(Message.id).where(outbox.claimable(now)).limit(1)).first() is not None


def _bring_forward(database: Database, now: datetime) -> None:
    """A server takes letters: those that wait because there was none are due at once."""
    tries = case((Message.attempts < len(outbox.BACKOFF), Message.attempts), else_=len(outbox.BACKOFF))
    rested = or_(
        *(
            and_(tries == number, Message.due_at.between(now, now + wait - RESTED))
            for number, wait in enumerate(outbox.BACKOFF, 1)
            if wait > RESTED
        )
    )
    which = select(Message.id).where(
        Message.state == "failed",
        Message.last_error.startswith(outbox.SILENT),
        Message.attempts <= MOST_FORWARD,
        rested,
    )
    with database.looking(SYSTEM) as session:
        if session.execute(which.limit(1)).first() is None:
            return
    with database.transaction() as session:
        session.execute(
            update(Message)
            .where(Message.id.in_(which.with_for_update(skip_locked=True).scalar_subquery()))
            .values(due_at=now)
            .execution_options(synchronize_session=False)
        )


def _send(
    database: Database,
    sender: Mailer,
    message: Message,
    instant: Callable[[], datetime],
    found: Delivered,
    began: float,
    stop: threading.Event,
) -> bool:
    """Send one claimed letter and note how it went; False when the server does not take letters at all."""
    reason, permanent, answered, silent = "", False, True, False
    rendered: Rendered | Nothing | None = None

    def late() -> bool:
        return clock.elapsed() - began > outbox.LEASE.total_seconds() - LEASE_MARGIN

    def still() -> None:
        """Raise LeaseLost when somebody else may have the letter by now, however long this process slept."""
        if late():
            raise LeaseLost

    try:
        if message.ready:
            sender.send(outbox.outgoing(message), still)
        else:
            rendered = _text(database, message, instant(), late)
            if isinstance(rendered, Rendered):
                path = rendered.unsubscribe
                leaves = outbox.Outgoing(
                    message.id, instant(), rendered.letter, f"{database.base_url}{path}" if path else ""
                )
                sender.send(leaves, still)
    except LeaseLost:  # whoever has it now sends it and notes it
        log.warning("letter %s was not sent: this worker stood still for longer than its lease", message.id)
        return True
    except PermanentFailure as failure:
        reason, permanent = str(failure), True
    except (OSError, Unavailable) as failure:
        reason, answered = str(failure) or type(failure).__name__, isinstance(failure, Unavailable)
        silent = not isinstance(failure, Later)
    except Exception as failure:  # a letter that cannot even be written must not hold up the others
        log.exception("letter %s cannot be sent", message.id)
        reason = f"the letter cannot be written: {type(failure).__name__}"
    why = {"permanent": permanent, "silent": silent}
    _insist(lambda: _note(database, message, rendered, reason, instant(), found, **why), stop)
    return answered


def _insist(note: Callable[[], None], stop: threading.Event) -> None:
    """A letter that is out must be noted, or it goes out again: also where the database is locked or away for a while.

    Once ``stop`` is set, nothing is waited for between the attempts.
    """
    for pause in NOTE_PAUSES:
        try:
            note()
        except (Unavailable, DBAPIError) as fault:
            log.warning("how a letter went cannot be noted yet: %s", type(fault).__name__)
            stop.wait(pause)
        else:
            return
    note()


def _text(
    database: Database, message: Message, now: datetime, late: Callable[[], bool]
) -> Rendered | Nothing:
    """What a letter says by now. Raises Later where that takes longer than its lease: the next time it would, too, so
    it is tried less and less often, and given up in the end.
    """
    if message.attempts > MOST_CLAIMS:
        raise Later(TOO_LONG)
    rendered = letters.REGISTRY[message.kind](database, message, now)
    if late():
        raise Later(TOO_LONG)
    return rendered


def _note(
    database: Database,
    message: Message,
    rendered: Rendered | Nothing | None,
    reason: str,
    now: datetime,
    found: Delivered,
    *,
    permanent: bool,
    silent: bool,
) -> None:
    """Write down how a letter went, unless another worker has taken it over; an empty ``reason`` is success.

    ``permanent`` and ``silent``: see outbox.is_over.
    """
    over = outbox.is_over(message, now=now, permanent=permanent, silent=silent)
    with database.transaction() as session:
        if reason:
            noted = outbox.failed(session, message, reason, now=now, permanent=permanent, silent=silent)
            kind = Kind.MESSAGE_FAILED
        elif isinstance(rendered, Nothing):
            noted = outbox.dropped(session, message, rendered.why, now=now)
            kind = Kind.LETTER_DROPPED
        else:
            subject = rendered.letter.subject if rendered is not None and message.organisation_id else None
            noted = outbox.sent(session, message, now=now, subject=subject)
            kind = Kind.MESSAGE_SENT
        if noted:
            data: dict[str, Any] = {"kind": message.kind, "attempt": message.attempts}
            if rendered is not None and not reason:
                rendered.note(session, now)
                data |= {"why": rendered.why} if isinstance(rendered, Nothing) else rendered.data or {}
            if reason and over and message.kind in letters.UNDELIVERED:
                letters.UNDELIVERED[message.kind](session, message, now)
            record(session, kind, now=now, actor=None, subject=message, data=data)
    if reason:
        log.warning("letter %s %s: %s", message.id, "given up" if over else "to be tried again", reason)
    if noted:
        found.gave_up += bool(reason) and over
        found.failed += bool(reason) and not over
        found.dropped += kind is Kind.LETTER_DROPPED
        found.sent += kind is Kind.MESSAGE_SENT
