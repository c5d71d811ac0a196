"""What asks for a look out of turn: triggers, and incidents with a record of who said what when."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Trigger(Identified, Base):
    """That something happened to an engagement which asks for a look before its date.

    ``id`` follows from the unique key (triggers.id_of), so that any number of workers find it once. ``slug``: the
    questionnaire that it is about, "" = any. ``kind``: one of triggers.KINDS; ``subject_id``: what it was found on, and
    ``basis``: the state in which it was found there. ``wanted``: the day by which a date was pulled forward. ``state``:
    open, used or dismissed, or over: what was found is found no longer, whoever decided on it before. ``code``: why it
    was dismissed (triggers.CODES), or how it ended.
    """

    __tablename__ = "trigger"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("kind", "subject_id", "engagement_id", "slug", "basis"),
        Index("ix_trigger_organisation_id_state_at", "organisation_id", "state", "at"),
        Index("ix_trigger_engagement_id", "engagement_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagement.id"))
    slug: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[uuid.UUID]
    basis: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    by: Mapped[uuid.UUID | None]
    wanted: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(10))
    settled_by: Mapped[uuid.UUID | None]
    settled_at: Mapped[datetime | None]
    code: Mapped[str] = mapped_column(String(20))


class Incident(Identified, Base):
    """Something that happened at a vendor, as one organisation knows it. ``side``: organisation or company, who told.

    ``company_id``: None until the vendor may read it: it was noted about the vendor, and nobody has written to it.
    ``happened`` and ``known``: days, in the organisation's zone. ``state``: open or settled. ``settled_at``: when it
    was settled last, of one that is open again, too; ``reopened_at``: since when that one is. ``said``: how many
    entries there are, internal ones too: the vendor's side cannot count these.
    """

    __tablename__ = "incident"
    __table_args__ = tenancy(
        "shared",
        Index("ix_incident_organisation_id_state", "organisation_id", "state"),
        Index("ix_incident_company_id", "company_id"),
        Index("ix_incident_vendor_id", "vendor_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    vendor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vendor.id"))
    side: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    happened: Mapped[date | None]
    known: Mapped[date]
    said: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    opened_at: Mapped[datetime]
    opened_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[uuid.UUID | None]
    reopened_at: Mapped[datetime | None]


class IncidentEntry(Identified, Base):
    """That somebody said something of an incident, and when; the words lie in IncidentWords.

    ``internal``: for the organisation alone; then ``company_id`` is None, so that no statement of the vendor's side
    reaches it. ``commitment``: SHA-256 over salt and words.
    """

    __tablename__ = "incident_entry"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("incident_id", "sequence"),
        Index("ix_incident_entry_organisation_id", "organisation_id"),
        Index("ix_incident_entry_company_id", "company_id"),
        immutable=True,
    )

    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incident.id"))
    sequence: Mapped[int]
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    side: Mapped[str] = mapped_column(String(20))
    internal: Mapped[bool]
    at: Mapped[datetime]
    by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    commitment: Mapped[str] = mapped_column(String(64))


class IncidentWords(Base):
    """What an entry said; destroyed by redaction, offboarding and with the person's own words, never changed."""

    __tablename__ = "incident_words"
    __table_args__ = tenancy(
        "shared",
        Index("ix_incident_words_incident_id", "incident_id"),
        Index("ix_incident_words_organisation_id", "organisation_id"),
        Index("ix_incident_words_company_id", "company_id"),
    )

    entry_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incident_entry.id"), primary_key=True)
    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incident.id"))
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    words: Mapped[str] = mapped_column(Text)
