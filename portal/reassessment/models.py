"""The small audit cycle: when each engagement is assessed next, and which reminder went to whom."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Reassessment(Identified, Base):
    """The next assessment of an engagement by a questionnaire: ``due`` = add_months(anchor, months).

    ``state``: ``scheduled``; ``replaced`` when a newer submission has set a new date; ``ended`` when the company is no
    longer the vendor's. Whether the next assessment is
    out already is read from the assessments themselves (``queries.next_is_open``), so that it is always true.
    """

    __tablename__ = "reassessment"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("submission_id", "engagement_id"),
        Index("ix_reassessment_state_due", "state", "due"),
        Index("ix_reassessment_organisation_id", "organisation_id"),
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


class Reminder(Identified, Base):
    """One step of one ladder to one person; the unique key is what makes it exactly once.

    ``kind``: ``reassessment`` or ``assessment``, the table of the subject. Steps that were found due together share a
    letter (``message_id``).
    """

    __tablename__ = "reminder"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("subject_id", "kind", "step", "due", "person_id"),
        Index("ix_reminder_organisation_id", "organisation_id"),
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
    queued_at: Mapped[datetime]
