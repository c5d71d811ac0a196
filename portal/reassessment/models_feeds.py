"""Private calendar addresses."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class CalendarFeed(Identified, Base):
    """An address at which a calendar program reads what is due for a person, until they revoke it.

    Only the hash of its token is kept; ``hint``: how the token begins. ``place_id``: the organisation or company that
    it holds, None = all of the person's. ``read_on``: the last day (UTC) on which somebody read it.
    """

    __tablename__ = "calendar_feed"
    __table_args__ = tenancy(
        "global", UniqueConstraint("token_hash"), Index("ix_calendar_feed_person_id", "person_id")
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    hint: Mapped[str] = mapped_column(String(4))
    place_id: Mapped[uuid.UUID | None]
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime]
    read_on: Mapped[date | None]
    revoked_at: Mapped[datetime | None]
