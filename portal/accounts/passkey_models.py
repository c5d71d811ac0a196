"""Passkeys (W3C Web Authentication, level 3) and the challenges that were used up."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Passkey(Identified, Base):
    """A public key whose private half lies in a person's device or password manager.

    ``credential_id`` and ``public_key`` (COSE) as the authenticator gave them; ``sign_count``: its own count of uses,
    0 for those that keep none. ``synced``: it says that it is backed up elsewhere. ``aaguid``: its make, all zeros
    where it does not say.
    """

    __tablename__ = "passkey"
    __table_args__ = tenancy(
        "global", UniqueConstraint("credential_id"), Index("ix_passkey_person_id", "person_id")
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023))
    public_key: Mapped[bytes] = mapped_column(LargeBinary(2000))
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    synced: Mapped[bool]
    aaguid: Mapped[str] = mapped_column(String(36))


class SpentChallenge(Base):
    """A challenge that somebody has signed in or proved themselves by: SHA-256 of it, kept until it is over anyway."""

    __tablename__ = "spent_challenge"
    __table_args__ = tenancy(
        "global", Index("ix_spent_challenge_until", "until"), unaudited="the use of the passkey is on record"
    )

    hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    until: Mapped[datetime]
