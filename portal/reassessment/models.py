"""The audit cycle: its rules, when each engagement is assessed next, and which step was told to whom, or why not."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, column
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class CycleVersion(Identified, Base):
    """A version of an organisation's rules of the cycle (rules.py); the newest is in force. Codes, numbers and days."""

    __tablename__ = "cycle_version"
    __table_args__ = tenancy("organisation", UniqueConstraint("organisation_id", "sequence"), immutable=True)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    sequence: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))


class WorkingYear(Base):
    """Which days of a year are no working days in a region, as they were read once: what is on record never changes.

    ``weekend``: weekdays, Monday is 0. ``days``: ISO dates of the public holidays. ``source``: library and version.
    """

    __tablename__ = "working_year"
    __table_args__ = tenancy("global", unaudited="read from a published table")

    region: Mapped[str] = mapped_column(String(10), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    weekend: Mapped[list[Any]]
    days: Mapped[list[Any]]
    source: Mapped[str] = mapped_column(String(40))
    read_at: Mapped[datetime]


class Reassessment(Identified, Base):
    """The next assessment of an engagement by a questionnaire.

    ``due`` = dating.due_of(anchor, cycle, months, wanted, not_before), as of ``basis`` (dating.basis). ``why``: what
    moved it last: tier, policy, trigger, hand, late, or "". ``state``: ``scheduled``; ``replaced`` when a newer
    submission has set a new date; ``ended`` when vendor or company are gone or no longer belong together; ``left`` when
    a person left it out, or nobody demands it any more. There is at most one scheduled row for each engagement and
    questionnaire. ``hindered``: why it could not be opened by itself (opening_job.py), since ``hindered_on``. Whether
    the next assessment is out already is read from the assessments themselves (``agenda_rounds.next_open``), so that it
    is always true.
    """

    __tablename__ = "reassessment"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("submission_id", "engagement_id"),
        Index("ix_reassessment_state_due", "state", "due"),
        Index("ix_reassessment_organisation_id", "organisation_id"),
        Index(
            "uq_reassessment_scheduled",
            *("engagement_id", "slug"),
            unique=True,
            sqlite_where=column("state") == "scheduled",
            postgresql_where=column("state") == "scheduled",
        ),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    submission_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("submission.id"))
    slug: Mapped[str] = mapped_column(String(64))
    tier: Mapped[str] = mapped_column(String(10))
    anchor: Mapped[date]
    months: Mapped[int]
    due: Mapped[date]
    zone: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(20))
    cycle: Mapped[int] = mapped_column(default=1, server_default="1")
    not_before: Mapped[date | None]
    wanted: Mapped[date | None]
    why: Mapped[str] = mapped_column(String(10), default="", server_default="")
    basis: Mapped[str] = mapped_column(String(64), default="", server_default="")
    hindered: Mapped[str] = mapped_column(String(20), default="", server_default="")
    hindered_on: Mapped[date | None]


class ReminderStep(Identified, Base):
    """One step of a subject's ladder, decided once for everybody: who inserts it writes its reminders, too.

    ``kind``: one of kinds.KINDS. ``day``: the local day on which its moment began. ``people``: how many were told.
    ``skipped``: why nobody was: overtaken (a later step was told), answered, moved, ended, opened, nobody; else "".
    ``made_id``: the assessment that the calendar made with the step "open". ``company_id``: of steps that went to its
    people.
    """

    __tablename__ = "reminder_step"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("subject_id", "kind", "due", "step"),
        Index("ix_reminder_step_organisation_id_at", "organisation_id", "at"),
        immutable=True,
        unaudited="its reminders and its event say it",
    )

    subject_id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(String(20))
    due: Mapped[date]
    step: Mapped[str] = mapped_column(String(20))
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    day: Mapped[date]
    at: Mapped[datetime]
    people: Mapped[int]
    skipped: Mapped[str] = mapped_column(String(20), default="")
    made_id: Mapped[uuid.UUID | None]


class Reminder(Identified, Base):
    """One step of one ladder to one person; the unique key is what makes it exactly once.

    ``message_id``: the letter that it went into first (Message.into_id says where that went), all zeros where none is.
    ``group``: by which the person may turn it off until it is sent, "" where they cannot (people.Told).
    ``skipped``: why this person was not told: asked, unsubscribed, undelivered (gone); else "". What became of a
    reminder whose letter left it out stands in ReminderEnd (and in outcomes.py in words).
    """

    __tablename__ = "reminder"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("subject_id", "kind", "step", "due", "person_id"),
        Index("ix_reminder_organisation_id", "organisation_id"),
        Index("ix_reminder_message_id", "message_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    subject_id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(String(20))
    step: Mapped[str] = mapped_column(String(20))
    due: Mapped[date]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    message_id: Mapped[uuid.UUID]
    group: Mapped[str] = mapped_column(String(20), default="", server_default="")
    queued_at: Mapped[datetime]
    skipped: Mapped[str] = mapped_column(String(20), default="", server_default="")


class ReminderEnd(Base):
    """That a reminder was left out of its letter, and why: done, moved, left, rights, overtaken, unsubscribed,
    undelivered, discarded. No row and a letter that went: the person was told (outcomes.py).
    """

    __tablename__ = "reminder_end"
    __table_args__ = tenancy(
        "shared", Index("ix_reminder_end_organisation_id", "organisation_id"), immutable=True
    )

    reminder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reminder.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    why: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
