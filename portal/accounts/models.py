"""People and what lets them in: passwords, sessions, single-use tokens, throttle counters."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class PersonRow(Identified, Base):
    """A human being. ``email`` is casefolded and unique; ``address`` is how they write it."""

    __tablename__ = "person"
    __table_args__ = tenancy("global", UniqueConstraint("email"))

    email: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class LoginSession(Identified, Base):
    """A signed-in browser: only the hash of its token is kept; revoking takes effect on the next request."""

    __tablename__ = "login_session"
    __table_args__ = tenancy(
        "global", UniqueConstraint("token_hash"), Index("ix_login_session_person_id", "person_id")
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class PasswordReset(Identified, Base):
    """A single-use link to set a password; only its hash is kept."""

    __tablename__ = "password_reset"
    __table_args__ = tenancy("global", UniqueConstraint("token_hash"))

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Throttle(Base):
    """Attempts within a window, by a hashed key such as (purpose, address) or (purpose, client)."""

    __tablename__ = "throttle"
    __table_args__ = tenancy("global", unaudited="a counter; what it refuses is on record")

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    window_start: Mapped[datetime]
    attempts: Mapped[int]
