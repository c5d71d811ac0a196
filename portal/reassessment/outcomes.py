"""What became of reminders: whom their letters told, who is still to be told, and why others are not.

The one answer for every page. A reminder on record is a letter that was to be written: it told somebody once that
letter, or the one that it flowed into, has left.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from portal.access import Identity, mine
from portal.db import across
from portal.organisations import queries as organisations
from portal.outbox import HELD, UNSENT, Message
from portal.reassessment.models import Reminder, ReminderEnd

UNDELIVERED = "undelivered"
WAITING = (*UNSENT, "sending", HELD)
ACROSS = across("a digest is shown to each organisation that has a line in it")
_Into = aliased(Message)
_STATE = func.coalesce(_Into.state, Message.state)
Step = tuple[uuid.UUID, str, date, str]  # subject, kind, due, step


@dataclass(slots=True)
class Outcome:
    """Of one step: the names of whom it told and when first, of who is still to be told, and why it told others not."""

    names: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    at: datetime | None = None
    missed: Counter[str] = field(default_factory=Counter)

    @property
    def why(self) -> str:
        """Why nobody is told and nobody is to be: the most frequent reason; "" where somebody is, or none was meant."""
        if self.names or self.waits or not self.missed:
            return ""
        return max(sorted(self.missed), key=lambda one: self.missed[one])


def of_steps(session: Session, identity: Identity, subjects: Collection[uuid.UUID]) -> Mapping[Step, Outcome]:
    """By step, what became of the reminders about these subjects, with names in their order."""
    rows = session.execute(
        joined(
            select(
                *(Reminder.subject_id, Reminder.kind, Reminder.due, Reminder.step, Reminder.person_id),
                *(Reminder.skipped, ReminderEnd.why, _STATE.label("state")),
                func.coalesce(_Into.sent_at, Message.sent_at).label("sent_at"),
            ),
            identity,
        ).where(Reminder.subject_id.in_(list(subjects)))
    ).all()
    names = organisations.people(session, {one.person_id for one in rows})
    found: dict[Step, Outcome] = defaultdict(Outcome)
    for one in sorted(rows, key=lambda one: names[one.person_id].name if one.person_id in names else ""):
        outcome = found[one.subject_id, one.kind, one.due, one.step]
        missed = _missed(one.skipped, one.why, one.state)
        if missed:
            outcome.missed[missed] += 1
        elif one.person_id in names:
            (outcome.names if one.state == "sent" else outcome.waits).append(names[one.person_id].name)
        if not missed and one.sent_at is not None:
            outcome.at = min(outcome.at or one.sent_at, one.sent_at)
    return found


def _missed(skipped: str, why: str | None, state: str | None) -> str:
    """Why a reminder has told nobody and will not; "" where it has or may."""
    if skipped:
        return skipped
    if why is not None and not (
        why == UNDELIVERED and state in ("sent", *WAITING)
    ):  # somebody had it sent again
        return why
    return "" if state == "sent" or state in WAITING else UNDELIVERED


def joined(statement: Any, identity: Identity) -> Any:
    """The select ``statement`` of Reminder, with its end and its letter where there are any: the organisation's own."""
    return (
        statement.outerjoin(ReminderEnd, ReminderEnd.reminder_id == Reminder.id)
        .outerjoin(Message, Message.id == Reminder.message_id)
        .outerjoin(_Into, _Into.id == Message.into_id)
        .where(*mine(identity.scope, Reminder))
        .execution_options(**ACROSS)
    )


def left_out() -> ColumnElement[bool]:
    """Of ``joined``: that the reminder was left out of its letter, for good."""
    return or_(ReminderEnd.why != UNDELIVERED, undelivered())


def undelivered() -> ColumnElement[bool]:
    """Of ``joined``: that the letter was given up, and that nobody has sent it again with success."""
    return (ReminderEnd.why == UNDELIVERED) & or_(_STATE.is_(None), _STATE != "sent")
