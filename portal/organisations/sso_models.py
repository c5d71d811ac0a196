"""Sign-in of an organisation's people by its own OpenID Connect provider."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class SsoConnection(Identified, Base):
    """The provider in force: what a proposal asked for, once a second person agreed. One for each organisation.

    ``known_as``: what the provider calls the portal (OAuth's client id). ``secret``: encrypted, None for none.
    ``roles``: group -> OrganisationRole, never admin. ``default_role``: of who is in none of them; "" = none.
    ``creates``: people of allowed domains get an account. ``required``: everybody comes in by it, but for
    administrators with a second factor of their own. ``trusts_factor``: a second factor that the provider reports
    counts here. ``state``: on or off. ``proposed_by``: by whose word those that it lets in are here (four_eyes.py).
    """

    __tablename__ = "sso_connection"
    __table_args__ = tenancy("organisation", UniqueConstraint("organisation_id"))

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    issuer: Mapped[str] = mapped_column(String(300))
    known_as: Mapped[str] = mapped_column(String(200))
    secret: Mapped[bytes | None] = mapped_column(LargeBinary(1000))
    groups_claim: Mapped[str] = mapped_column(String(60))
    roles: Mapped[dict[str, Any]]
    default_role: Mapped[str] = mapped_column(String(20))
    trusts_factor: Mapped[bool]
    creates: Mapped[bool]
    required: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(10))
    proposed_by: Mapped[uuid.UUID]
    approved_by: Mapped[uuid.UUID]
    since: Mapped[datetime]


class SsoProposal(Identified, Base):
    """A provider, or a change of one, that waits for a second person. ``content``: the columns of SsoConnection that
    it sets; ``state``: open, approved, withdrawn or replaced.
    """

    __tablename__ = "sso_proposal"
    __table_args__ = tenancy("organisation", Index("ix_sso_proposal_organisation_id", "organisation_id"))

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    content: Mapped[dict[str, Any]]
    secret: Mapped[bytes | None] = mapped_column(LargeBinary(1000))
    state: Mapped[str] = mapped_column(String(10))
    proposed_by: Mapped[uuid.UUID]
    proposed_at: Mapped[datetime]
    settled_by: Mapped[uuid.UUID | None]
    settled_at: Mapped[datetime | None]


class SsoIdentity(Identified, Base):
    """That ``subject`` of ``issuer`` is a person, for this organisation alone. ``came_at``: when they last came."""

    __tablename__ = "sso_identity"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("organisation_id", "issuer", "subject"),
        Index("ix_sso_identity_person_id", "person_id"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    since: Mapped[datetime]
    came_at: Mapped[datetime]


class SsoDomain(Identified, Base):
    """A mail domain whose addresses the provider may make accounts for: whoever runs the portal says so."""

    __tablename__ = "sso_domain"
    __table_args__ = tenancy(
        "organisation", UniqueConstraint("domain"), Index("ix_sso_domain_organisation_id", "organisation_id")
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    domain: Mapped[str] = mapped_column(String(253))
    allowed_at: Mapped[datetime]
