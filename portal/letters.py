"""Letters whose text is worked out when they are sent: a registry that the features fill.

Such a message lies in the outbox without text (``ready`` is false). Its renderer looks again at what is still so, with
the rights that the person has by then.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.db import Database
from portal.outbox import Letter, Message

Note = Callable[[Session, datetime], None]


def nothing_to_note(session: Session, now: datetime) -> None:
    """For letters that leave no lines behind."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter to be sent. ``note`` writes, in the transaction that notes the sending, which lines it left out and why.

    ``unsubscribe``: path of the address that turns off what it belongs to, "" where nobody may. ``data``: numbers and
    ids for the event.
    """

    letter: Letter
    note: Note = nothing_to_note
    unsubscribe: str = ""
    data: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is left to say: the message is dropped. ``why``: a code, such as ``left`` or ``done``."""

    why: str
    note: Note = nothing_to_note
    organisations: tuple[uuid.UUID, ...] = ()


Render = Callable[[Database, Message, datetime], Rendered | Nothing]
Undelivered = Callable[[Session, Message, datetime], None]

REGISTRY: dict[str, Render] = {}
UNDELIVERED: dict[str, Undelivered] = {}


def register(kind: str, render: Render, undelivered: Undelivered | None = None) -> None:
    """Say how letters of ``kind`` get their text, and what follows when one is given up (in that transaction)."""
    if kind in REGISTRY:
        raise RuntimeError(f"letters of kind {kind} have a text already")
    REGISTRY[kind] = render
    if undelivered is not None:
        UNDELIVERED[kind] = undelivered
