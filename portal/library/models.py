"""Questionnaire versions: canonical bytes by hash, and what an organisation has released for itself."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Definition(Base):
    """The canonical bytes of a version, stored when first issued or released. Reached only by a pinned hash."""

    __tablename__ = "definition"
    __table_args__ = tenancy("global", immutable=True)

    content_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    canonical: Mapped[bytes] = mapped_column(LargeBinary)
    stored_at: Mapped[datetime]


class ReleasedVersion(Identified, Base):
    """A version that one organisation has released for itself (imported or written).

    ``source_format``: ``vsaq``, ``mvsp`` or ``json``. ``report``: the lines of the import's report, what it could not
    carry over among them.
    """

    __tablename__ = "released_version"
    __table_args__ = tenancy(
        "organisation", UniqueConstraint("organisation_id", "slug", "version"), immutable=True
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    slug: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    purpose: Mapped[str] = mapped_column(String(20))
    sections: Mapped[int]
    questions: Mapped[int]
    source_format: Mapped[str] = mapped_column(String(20))
    report: Mapped[list[Any]]
    content_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    released_at: Mapped[datetime]
    released_by: Mapped[uuid.UUID | None]
