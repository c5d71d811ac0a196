"""Whether the worker keeps up with gates: for monitors, which see neither pages nor the worker's log."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.gate.standing_models import GateBrief
from portal.organisations.models import Organisation
from portal.vendors.models import Engagement, Vendor

PATIENCE = timedelta(days=2)  # what ends to hold is worked out anew within minutes, wherever its day begins


def is_behind(session: Session, today: date) -> bool:
    """Whether what is stored of some gate ended to hold before ``today`` (UTC) less PATIENCE, and nobody has worked it
    out since: no worker gets to it, or what it rests on is broken (the worker's log names its engagement).
    """
    statement = (
        select(GateBrief.engagement_id)
        .join(Engagement, Engagement.id == GateBrief.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Organisation, Organisation.id == GateBrief.organisation_id)
        .where(
            GateBrief.until <= today - PATIENCE,
            Vendor.offboarded_at.is_(None),
            Organisation.closed_at.is_(None),
        )
    )
    return session.execute(statement.limit(1)).first() is not None
