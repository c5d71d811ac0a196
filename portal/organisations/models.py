"""The two kinds of tenant, who belongs to them, and invitations into them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Organisation(Identified, Base):
    """A buyer and its settings. ``months_*`` = months between assessments by tier until a policy is saved.

    ``regimes``: the laws and standards that bind it, as the policy in force says (vendors.policy) once one is saved.
    ``vendor_sees``: one of service.VENDOR_SEES.

    ``colour``: one of service.COLOURS, shown on every page of the organisation. ``second_factor``: whether its members
    need one. ``keep_months``: after how long answers of superseded submissions and intakes are destroyed; None = never.
    ``region``: whose public holidays hold here, a country or a part of it (PT, DE-BY); "" = weekends only.
    ``cycle_since``: since when the audit cycle is kept here, None = from the beginning.
    """

    __tablename__ = "organisation"
    __table_args__ = tenancy("organisation", UniqueConstraint("slug"))

    slug: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(200))
    zone: Mapped[str] = mapped_column(String(60))
    currency: Mapped[str] = mapped_column(String(3))
    regimes: Mapped[list[Any]]
    months_critical: Mapped[int]
    months_high: Mapped[int]
    months_medium: Mapped[int]
    months_low: Mapped[int]
    vendor_sees: Mapped[str] = mapped_column(String(20))
    revision: Mapped[int]
    created_at: Mapped[datetime]
    colour: Mapped[str] = mapped_column(String(20), default="slate")
    second_factor: Mapped[bool] = mapped_column(default=False)
    keep_months: Mapped[int | None]
    closed_at: Mapped[datetime | None]
    region: Mapped[str] = mapped_column(String(10), default="", server_default="")
    cycle_since: Mapped[date | None]


class OrganisationMember(Identified, Base):
    """A person of the organisation. ``given_by`` and ``given_at``: who gave them the role that they have, and when, by
    inviting or adding them; None = whoever runs the portal. See four_eyes.py. ``by_provider``: the sign-in provider
    made them a member, so its groups say their role, and they come in by it alone while it is on (sso.py).
    """

    __tablename__ = "organisation_member"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("organisation_id", "person_id"),
        Index("ix_organisation_member_person_id", "person_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    given_by: Mapped[uuid.UUID | None]
    given_at: Mapped[datetime | None]
    by_provider: Mapped[bool] = mapped_column(default=False)


class Company(Identified, Base):
    """A supplier and its people: the vendor-side tenant."""

    __tablename__ = "company"
    __table_args__ = tenancy("company", UniqueConstraint("slug"))

    slug: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class CompanyMember(Identified, Base):
    """A person of the company. A contributor sees what it was added to (assessments.models.Delegation).

    ``given_by`` and ``given_at`` as for OrganisationMember.
    """

    __tablename__ = "company_member"
    __table_args__ = tenancy(
        "company",
        UniqueConstraint("company_id", "person_id"),
        Index("ix_company_member_person_id", "person_id"),
    )

    company_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("company.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    given_by: Mapped[uuid.UUID | None]
    given_at: Mapped[datetime | None]


class Invitation(Identified, Base):
    """A single-use, hashed, expiring invitation into an organisation, into a company, or as a vendor's contact.

    ``purpose``: ``organisation`` (role = OrganisationRole), ``company`` (role = CompanyRole) or ``vendor``
    (``vendor_id`` set; who accepts picks or creates the company, as its owner). ``assessments``: ids of those that a
    new contributor is added to on accepting.
    """

    __tablename__ = "invitation"
    __table_args__ = tenancy(
        "shared",
        UniqueConstraint("token_hash"),
        Index("ix_invitation_organisation_id", "organisation_id"),
        Index("ix_invitation_company_id", "company_id"),
        Index("ix_invitation_vendor_id", "vendor_id"),
    )

    purpose: Mapped[str] = mapped_column(String(20))
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    company_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("company.id"))
    vendor_id: Mapped[uuid.UUID | None]
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    invited_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[uuid.UUID | None]
    revoked_at: Mapped[datetime | None]
    assessments: Mapped[list[Any] | None]
