"""Reminders as generation writes them, put beside the letters that are to carry them; and a mailer that keeps all."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from html import unescape

from sqlalchemy import select

from portal import posting
from portal.access import Identity
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.mail import Still
from portal.outbox import Letter, Message, Outgoing
from portal.pass_report import Report
from portal.reassessment import alone, choices, digests
from portal.reassessment.alone import Alone
from portal.reassessment.kinds import ISSUERS, OWNERS
from portal.reassessment.models import Reminder, ReminderEnd
from tests.portal.journey import Issued

ZONE = "Europe/Lisbon"


@dataclass
class Post:
    """A mailer that keeps what it was given; ``down`` refuses like a server that is not there."""

    down: bool = False
    sent: list[Outgoing] = field(default_factory=list)

    def send(self, message: Outgoing, still: Still) -> None:
        still()
        if self.down:
            raise ConnectionRefusedError("nobody there")
        self.sent.append(message)

    def to(self, who: Identity) -> list[Outgoing]:
        return [one for one in self.sent if one.letter.recipient == who.person.email]


def of_assessment(
    database: Database,
    issued: Issued,
    who: Identity,
    *,
    step: str = "before-7",
    now: datetime,
    due: date | None = None,
) -> uuid.UUID:
    """A line about an open assessment in the digest of ``who``; returns the message."""
    return line(database, issued, who, "assessment", issued.assessment, step=step, now=now, due=due)


def line(
    database: Database,
    issued: Issued,
    who: Identity,
    kind: str,
    subject: uuid.UUID,
    *,
    step: str,
    now: datetime,
    due: date | None = None,
) -> uuid.UUID:
    with database.transaction() as session:
        due = (
            due
            or session.execute(select(Assessment.due).where(Assessment.id == issued.assessment)).scalar_one()
        )
        message_id = digests.attach(session, {who.person.id: ZONE}, now=now)[who.person.id]
        group = choices.group_of(kind, step, OWNERS if who.company is not None else ISSUERS)
        session.add(_reminder(issued, who, kind, subject, step, due, message_id, group, now))
        record(session, Kind.REMINDERS_GENERATED, now=now, actor=None)
    return message_id


def goes_alone(
    database: Database, issued: Issued, who: Identity, *, step: str, now: datetime, group: str = ""
) -> uuid.UUID:
    """A letter alone about an open assessment; returns the message."""
    with database.transaction() as session:
        due = session.execute(select(Assessment.due).where(Assessment.id == issued.assessment)).scalar_one()
        one = Alone(
            *("assessment", issued.assessment, due, step, who.person.id, issued.organisation.id),
            issued.company.id if who.company is not None else None,
            ZONE,
            group,
        )
        message_id = alone.queue(session, [one], now=now)[one]
        session.add(
            _reminder(issued, who, "assessment", issued.assessment, step, due, message_id, group, now)
        )
        record(session, Kind.REMINDERS_GENERATED, now=now, actor=None)
    return message_id


def _reminder(
    issued: Issued,
    who: Identity,
    kind: str,
    subject: uuid.UUID,
    step: str,
    due: date,
    message_id: uuid.UUID,
    group: str,
    now: datetime,
) -> Reminder:
    return Reminder(
        id=uuid.uuid4(),
        organisation_id=issued.organisation.id,
        company_id=issued.company.id if who.company is not None else None,
        subject_id=subject,
        kind=kind,
        step=step,
        due=due,
        person_id=who.person.id,
        message_id=message_id,
        group=group,
        queued_at=now,
        skipped="",
    )


def post(database: Database, now: datetime) -> list[Letter]:
    """Deliver what is due; the reminders among it, as they leave."""
    kept = Post()
    posting.deliver(database, kept, lambda: now, threading.Event(), Report(), alive=lambda: None)
    return [one.letter for one in kept.sent if one.letter.kind in ("digest", "reminder_alone")]


def messages(database: Database) -> list[Message]:
    with database.looking(SYSTEM) as session:
        statement = select(Message).where(Message.ready.is_(False)).order_by(Message.created_at, Message.id)
        return list(session.execute(statement).scalars())


def ends(database: Database) -> list[str]:
    """Why reminders were left out, in order."""
    with database.looking(SYSTEM) as session:
        return sorted(session.execute(select(ReminderEnd.why)).scalars())


def words(text: str) -> list[str]:
    """The words of a letter's part: what a reader reads, without marks and line breaks."""
    plain = unescape(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<head>.*?</head>", "", text)))
    return [one for one in plain.split() if one not in ("-", "--")]
