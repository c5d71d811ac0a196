"""A campaign, and the vendors that it asks."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, Identified, tenancy


class Campaign(Identified, Base):
    """One questionnaire asked of vendors that were chosen once, when it was started.

    ``due``: a local date in ``zone``; ``due_time``: the local time of that day, None = its end. ``choice``: what they
    were chosen by (choosing.Choice as JSON). ``ladder``: hours, days or none (reassessment.kinds.OWN).
    ``state``: running; paused (nobody may ask in its maker's name any more); moving, while the worker gives whoever
    has an earlier date this one; sparing and closing, while it takes back what nobody has begun, or all that is open;
    closed. ``closed_by``: in whose name it does that. ``said``: why it takes back, until that is done. ``title``,
    ``reason``, ``choice`` and ``said`` are words of the organisation, emptied with it.
    """

    __tablename__ = "campaign"
    __table_args__ = tenancy(
        "organisation", Index("ix_campaign_organisation_id_state", "organisation_id", "state")
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    title: Mapped[str] = mapped_column(String(120))
    content_hash: Mapped[str] = mapped_column(ForeignKey("definition.content_hash"))
    slug: Mapped[str] = mapped_column(String(64))
    due: Mapped[date]
    due_time: Mapped[time | None]
    zone: Mapped[str] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(String(2000))
    said: Mapped[str] = mapped_column(String(2000))
    choice: Mapped[dict[str, Any]]
    ladder: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    closed_by: Mapped[uuid.UUID | None]
    closed_at: Mapped[datetime | None]


class CampaignTarget(Base):
    """A vendor that a campaign asks. ``assessment_id`` follows from both, so it is known before it is issued.

    ``engagements``: the ids of those that were chosen. ``state``: waiting, issued or left_out; ``why``: a code of
    running.WHY for what waits or is left out. ``at``: when the state was reached.
    """

    __tablename__ = "campaign_target"
    __table_args__ = tenancy(
        "organisation",
        Index("ix_campaign_target_organisation_id_state", "organisation_id", "state"),
        Index("ix_campaign_target_vendor_id", "vendor_id"),
        unaudited="starting and changing the campaign is on record, and so is each assessment",
    )

    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    vendor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vendor.id"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    engagements: Mapped[list[Any]]
    assessment_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime | None]
