"""The event: one row for each change, append-only, without free text (law 5)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Event(Identified, Base):
    """``data`` holds codes, keys, counts, ids and hashes only; ``kind`` is one of audit.catalogue.Kind."""

    __tablename__ = "event"
    __table_args__ = tenancy(
        "shared",
        Index("ix_event_organisation_at", "organisation_id", "at"),
        Index("ix_event_company_at", "company_id", "at"),
        Index("ix_event_subject", "subject_id", "at"),
        immutable=True,
    )

    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[uuid.UUID | None]
    organisation_id: Mapped[uuid.UUID | None]
    company_id: Mapped[uuid.UUID | None]
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[uuid.UUID | None]
    data: Mapped[dict[str, Any]]


class EventNotice(Base):
    """That an event waits to be told outside, written in its transaction; gone once deliveries have been made of it."""

    __tablename__ = "event_notice"
    __table_args__ = tenancy("shared", unaudited="the event is its record")

    event_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID]
    company_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime]
