"""Whether letters are held back after a restore: some of what comes due anew was sent before, after the backup.

A restore puts a hold on record; it stands, whatever waited in the backup or not, until somebody releases the letters.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import across
from portal.outbox import HELD, QUEUED, Message

RELEASES = "restores"  # in the event of a release: the restores whose hold it ends
_ACROSS = across("a restore holds back letters of all")


@dataclass(frozen=True, slots=True)
class _Installation:
    """What the events of a hold are about, so that they are found among millions."""

    __tablename__ = "installation"
    id: uuid.UUID


_INSTALLATION = _Installation(uuid.UUID("0b5f4c52-6d0f-4a53-9d0b-6a6f6d1c8e11"))


def put(session: Session, data: dict[str, Any], *, now: datetime) -> None:
    """Record a restore: from now on letters are held back."""
    record(session, Kind.RESTORED, now=now, actor=None, subject=_INSTALLATION, data=data)


def lock(session: Session) -> None:
    """Wait for whoever is writing a letter under a hold, and let nobody begin."""
    _standing(session, shared=False)


def release(session: Session, data: dict[str, Any], *, now: datetime) -> None:
    """Record that every hold is over."""
    standing = sorted(_standing(session), key=str)
    data = {**data, RELEASES: standing}
    record(session, Kind.RESTORED, now=now, actor=None, subject=_INSTALLATION, data=data)


def stands(session: Session) -> bool:
    """Whether letters are held back; for a look."""
    return bool(_standing(session)) or _some_held(session)


def state_of(session: Session) -> str:
    """The state in which a letter begins that nobody asked for: queued, or held. A release waits for the caller."""
    standing = _standing(session, shared=True) and _standing(session)  # a release while we waited
    return HELD if standing or _some_held(session) else QUEUED


def _standing(session: Session, *, shared: bool | None = None) -> set[uuid.UUID]:
    """The restores whose hold nobody has ended; not by their moments, as a clock may have been put back since.

    ``shared``: locked until the transaction ends, with others or alone; None: not locked.
    """
    statement = select(Event.id, Event.data).where(Event.subject_id == _INSTALLATION.id)
    if shared is not None:
        statement = statement.with_for_update(read=shared)
    rows = session.execute(statement.execution_options(**_ACROSS)).all()
    over = {uuid.UUID(one) for row in rows for one in row.data.get(RELEASES, ())}
    return {row.id for row in rows if RELEASES not in row.data} - over


def _some_held(session: Session) -> bool:
    """A restore by a portal of before holds were kept left nothing but the letters themselves."""
    held = select(Message.id).where(Message.state == HELD).limit(1)
    return session.scalar(held.execution_options(**_ACROSS)) is not None
