"""People and what lets them in: passwords, sessions, single-use tokens, throttle counters."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class PersonRow(Identified, Base):
    """A human being. ``email`` is casefolded and unique; ``address`` is how they write it.

    ``keys_off``: they want no single keys to mean anything on a page (WCAG 2.1.4). ``zone`` (IANA) and ``post_hour``
    (0 to 23): where they are, if they have said so, and at which hour there letters that can wait are sent.
    """

    __tablename__ = "person"
    __table_args__ = tenancy("global", UniqueConstraint("email"))

    email: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]
    keys_off: Mapped[bool] = mapped_column(default=False)
    zone: Mapped[str | None] = mapped_column(String(60))
    post_hour: Mapped[int] = mapped_column(default=7, server_default="7")


class LoginSession(Identified, Base):
    """A signed-in browser: only the hash of its token is kept; revoking takes effect on the next request.

    ``agent`` and ``client``: the browser's own words and its network address, shown to the person in the list of
    sessions. ``verified_at``: when a second factor was shown. ``delegation_id``: the session opens that delegation and
    nothing else. ``way``: what opened it (``password``, ``passkey`` or ``sso``). ``bound_to``: the organisation whose
    own provider signed the person in; the session reaches that organisation alone.
    """

    __tablename__ = "login_session"
    __table_args__ = tenancy(
        "global", UniqueConstraint("token_hash"), Index("ix_login_session_person_id", "person_id")
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    agent: Mapped[str] = mapped_column(String(300), default="")
    client: Mapped[str] = mapped_column(String(64), default="")
    verified_at: Mapped[datetime | None]
    delegation_id: Mapped[uuid.UUID | None]
    way: Mapped[str] = mapped_column(String(10), default="password")
    bound_to: Mapped[uuid.UUID | None]


class PasswordReset(Identified, Base):
    """A single-use link to set a password; only its hash is kept."""

    __tablename__ = "password_reset"
    __table_args__ = tenancy("global", UniqueConstraint("token_hash"))

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SecondFactor(Identified, Base):
    """A person's one-time codes (RFC 6238). ``secret`` is encrypted under the installation's key.

    ``confirmed_at`` is empty until the first code has been shown; ``last_step`` is the newest time step that was used,
    so that no code works twice.
    """

    __tablename__ = "second_factor"
    __table_args__ = tenancy("global", UniqueConstraint("person_id"))

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int]


class RecoveryCode(Identified, Base):
    """A single-use way past a lost second factor; only its hash is kept."""

    __tablename__ = "recovery_code"
    __table_args__ = tenancy("global", UniqueConstraint("person_id", "code_hash"))

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class AddressChange(Identified, Base):
    """A new address that waits for its owner to confirm it by a single-use link; only the link's hash is kept."""

    __tablename__ = "address_change"
    __table_args__ = tenancy(
        "global", UniqueConstraint("token_hash"), Index("ix_address_change_person_id", "person_id")
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    email: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(254))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class PersonMailbox(Identified, Base):
    """A mailbox that a person left or went to, as a keyed hash: see mailboxes.py. It stays as long as the person."""

    __tablename__ = "person_mailbox"
    __table_args__ = tenancy("global", UniqueConstraint("person_id", "mailbox"))

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    mailbox: Mapped[bytes] = mapped_column(LargeBinary(32))
    since: Mapped[datetime]


class Throttle(Base):
    """Attempts within a window, by a hashed key such as (purpose, address) or (purpose, client)."""

    __tablename__ = "throttle"
    __table_args__ = tenancy("global", unaudited="a counter; what it refuses is on record")

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    window_start: Mapped[datetime]
    attempts: Mapped[int]
