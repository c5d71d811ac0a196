"""Webhooks of an organisation, and what is delivered to them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy

ON, OFF, STOPPED = "on", "off", "stopped"
WAITING = ("queued", "failed", "sending")  # states of deliveries that a worker may still take


class Webhook(Identified, Base):
    """An address that hears of the organisation's events. ``kinds``: public names (webhooks.catalogue).

    ``secret``: nonce and ciphertext of what signs (webhooks.signing); ``old_secrets``: {secret (hex of the same),
    until (ISO)} of those that sign beside it, the oldest first. ``state``: on, off (by a person), stopped (nobody
    answers, or its maker may not any more). ``failures``: in a row, ``failing_since`` the first of them.
    """

    __tablename__ = "webhook"
    __table_args__ = tenancy("organisation", Index("ix_webhook_organisation_id", "organisation_id"))

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    url: Mapped[str] = mapped_column(String(500))
    kinds: Mapped[list[Any]]
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    old_secrets: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(String(10))
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    failures: Mapped[int]
    failing_since: Mapped[datetime | None]


class WebhookDelivery(Identified, Base):
    """One event for one webhook, as a message of the outbox: claimed, sent, noted. Ids and codes alone.

    ``subject``: {type, id} and ``data``, as they are sent. ``state``: queued, sending, sent, failed (tried again at
    ``due_at``), gave_up. ``status``: of the last answer, None without one; ``last_error``: a code of ours.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = tenancy(
        "organisation",
        UniqueConstraint("webhook_id", "event_id"),
        Index("ix_webhook_delivery_state_due_at", "state", "due_at"),
        Index("ix_webhook_delivery_organisation_id", "organisation_id"),
        Index("ix_webhook_delivery_webhook_id_state", "webhook_id", "state", "due_at"),
        Index("ix_webhook_delivery_created_at", "created_at"),
        unaudited="the row is the record of its own sending; what it tells of wrote an event",
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    webhook_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook.id"))
    event_id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    subject: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(10))
    due_at: Mapped[datetime]
    attempts: Mapped[int]
    fence: Mapped[int]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    status: Mapped[int | None]
    last_error: Mapped[str] = mapped_column(String(120))
