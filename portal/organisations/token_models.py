"""API tokens, and what they have asked to be done once."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class ApiToken(Identified, Base):
    """One person in one organisation, narrowed to ``scopes`` (access.SCOPES), until ``expires_at``.

    ``token_hash``: SHA-256; the token itself is shown once and kept nowhere. ``hint``: its first characters, by which
    its person tells one from another. ``used_at``: noted every ten minutes. ``name`` is "" once the person has gone.
    """

    __tablename__ = "api_token"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("token_hash"),
        Index("ix_api_token_organisation_id_person_id", "organisation_id", "person_id"),
        Index("ix_api_token_person_id", "person_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(String(60))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    hint: Mapped[str] = mapped_column(String(8))
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[uuid.UUID | None]


class ApiRequest(Base):
    """A request that named itself (Idempotency-Key), with what it made: ids, a hash and a status, for a day.

    ``request_hash``: SHA-256 of method, path and body. ``kind`` and ``subject_id``: what was made.
    """

    __tablename__ = "api_request"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_api_request_at", "at"),
        Index("ix_api_request_organisation_id", "organisation_id"),
        unaudited="what it made wrote an event",
    )

    token_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("api_token.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    request_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime]
