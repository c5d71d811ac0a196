"""Proposals to destroy what is stored, and the certificates that say what was destroyed."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Erasure(Identified, Base):
    """A proposal that a second person approves: ``kind`` = answer, submission, vendor, organisation, company or person.

    ``subject_id``: whose or what. ``keys``: question keys of a submission, None = all. ``state``: proposed, done,
    refused or withdrawn. ``reason`` is free text and goes when the subject goes.
    """

    __tablename__ = "erasure"
    __table_args__ = tenancy(
        "shared",
        Index("ix_erasure_organisation_id", "organisation_id"),
        Index("ix_erasure_company_id", "company_id"),
    )

    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[uuid.UUID]
    keys: Mapped[list[Any] | None]
    reason: Mapped[str] = mapped_column(String(2000))
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None]
    settled_at: Mapped[datetime | None]


class Certificate(Identified, Base):
    """What was destroyed, when, by whom: canonical JSON of ids, counts and hashes, without names."""

    __tablename__ = "certificate"
    __table_args__ = tenancy(
        "shared",
        Index("ix_certificate_organisation_id", "organisation_id"),
        Index("ix_certificate_company_id", "company_id"),
        immutable=True,
    )

    organisation_id: Mapped[uuid.UUID | None]
    company_id: Mapped[uuid.UUID | None]
    kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[uuid.UUID]
    document: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))
    issued_at: Mapped[datetime]


class DoomedFile(Base):
    """A stored file that nothing refers to any more; the worker deletes it and then this row."""

    __tablename__ = "doomed_file"
    __table_args__ = tenancy("global", unaudited="what doomed the file wrote an event")

    storage_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    doomed_at: Mapped[datetime]
