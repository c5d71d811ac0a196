"""An organisation's record of its suppliers: vendors, their contacts, and what is bought from them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint
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
        Index("ix_vendor_organisation_id_created_at", "organisation_id", "created_at", "id"),
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
    them. ``intake_id``: the intake that tier, facts and description rest on, None where they were set by hand;
    ``waiting_intake_id``: one that asks for less and waits for a second person. ``owner_set_by``/``_at``: who named
    the business owner, and when: nobody approves what was proposed by whoever made them owner. ``ground_revision``
    is another number whenever something has changed that its gate rests on (ground.py).
    """

    __tablename__ = "engagement"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("vendor_id", "name_key"),
        Index("ix_engagement_organisation_id_business_owner_id", "organisation_id", "business_owner_id"),
        Index("ix_engagement_organisation_id_created_at", "organisation_id", "created_at", "id"),
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
    intake_id: Mapped[uuid.UUID | None]
    waiting_intake_id: Mapped[uuid.UUID | None]
    ground_revision: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    owner_set_by: Mapped[uuid.UUID | None]
    owner_set_at: Mapped[datetime | None]


class PolicyVersion(Identified, Base):
    """A version of the organisation's policy (policy.py); the newest is in force. Codes and numbers, no text.

    ``approved_by``: the second person, where it asks for less than the version before.
    """

    __tablename__ = "policy_version"
    __table_args__ = tenancy("organisation", UniqueConstraint("organisation_id", "sequence"), immutable=True)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    sequence: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))


class PolicyProposal(Identified, Base):
    """A policy that asks for less, until a second person has settled it.

    ``base_sequence``: the version in force that it was written over; another one in force overtakes it. ``state``:
    waiting, approved, refused, withdrawn or overtaken.
    """

    __tablename__ = "policy_proposal"
    __table_args__ = tenancy(
        "organisation", Index("ix_policy_proposal_organisation_id_state", "organisation_id", "state")
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    base_sequence: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]


class VendorImport(Identified, Base):
    """Vendors read from a CSV file, for the preview; forgotten once they are taken over, or after a day.

    ``rows``: canonical JSON, a list of objects as importing.Row names their fields.
    """

    __tablename__ = "vendor_import"
    __table_args__ = tenancy(
        "organisation", Index("ix_vendor_import_organisation_id_read_at", "organisation_id", "read_at")
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    rows: Mapped[bytes] = mapped_column(LargeBinary)
    count: Mapped[int]
    read_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    read_at: Mapped[datetime]
