"""An organisation's record of its suppliers: vendors, their contacts, and what is bought from them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, name_key, tenancy


def _name_key_of(context: Any) -> str:
    """What a contact sorts by, made from the name that is being inserted."""
    return name_key(context.get_current_parameters()["name"])


class Vendor(Identified, Base):
    """A supplier as this organisation knows it; ``company_id`` once an invitation is accepted."""

    __tablename__ = "vendor"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("organisation_id", "name_key"),
        Index("ix_vendor_company_id", "company_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(200))
    country: Mapped[str | None] = mapped_column(String(2))
    revision: Mapped[int]
    created_at: Mapped[datetime]
    offboarded_at: Mapped[datetime | None]


class Contact(Identified, Base):
    """A person of the vendor as the organisation wrote them down; they need no account yet."""

    __tablename__ = "contact"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("vendor_id", "email"),
        Index("ix_contact_organisation_id_name_key", "organisation_id", "name_key"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    vendor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vendor.id"))
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(200), default=_name_key_of)
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime]


class Engagement(Identified, Base):
    """What is bought from a vendor. ``facts``: fact name -> JSON value, see facts.py; known ones only.

    ``tier`` and ``engagement.service`` (the description) are columns, not facts; ``facts.facts_of`` adds
    them.
    """

    __tablename__ = "engagement"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("vendor_id", "name_key"),
        Index("ix_engagement_organisation_id_business_owner_id", "organisation_id", "business_owner_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    vendor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vendor.id"))
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(2000))
    tier: Mapped[str] = mapped_column(String(10))
    facts: Mapped[dict[str, Any]]
    business_owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    revision: Mapped[int]
    created_at: Mapped[datetime]
