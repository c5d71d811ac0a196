"""Digests of a day, and what a person does not want to get."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, tenancy


class Digest(Base):
    """The one digest of a person for a day: ``day`` is the reader's local date, ``message_id`` its letter."""

    __tablename__ = "digest"
    __table_args__ = tenancy(
        "global",
        UniqueConstraint("person_id", "day"),
        unaudited="its letter and its reminders say it",
    )

    message_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    day: Mapped[date]


class LetterChoice(Base):
    """A group of letters (choices.GROUPS) that a person has turned off for one place: an organisation or a company."""

    __tablename__ = "letter_choice"
    __table_args__ = tenancy("global")

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    place_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    group: Mapped[str] = mapped_column(String(20), primary_key=True)
    off_at: Mapped[datetime]
