"""What an engagement takes over from an intake, and what the record of events tells of any change of an engagement."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.vendors.ground import ground_moved
from portal.vendors.models import Engagement


def rest_on_intake(
    session: Session,
    engagement: Engagement,
    *,
    intake_id: uuid.UUID,
    tier: str,
    facts: Mapping[str, Any],
    description: str,
    actor: Identity,
    now: datetime,
) -> None:
    """Take tier, facts and description over from an intake; nothing waits any more. The caller holds the lock."""
    values = {"tier": tier, "facts": dict(facts), "description": description}
    engagement.intake_id, engagement.waiting_intake_id = intake_id, None
    _take_over(session, engagement, values, {"intake": intake_id, "tier": tier}, actor, now)


def raise_by_intake(
    session: Session,
    engagement: Engagement,
    *,
    intake_id: uuid.UUID,
    tier: str,
    facts: Mapping[str, Any],
    actor: Identity,
    now: datetime,
) -> None:
    """Let what asks for more in an intake hold at once, while the rest of it waits. The caller holds the lock."""
    values = {"tier": tier, "facts": dict(facts)}
    if any(getattr(engagement, name) != value for name, value in values.items()):
        _take_over(session, engagement, values, {"intake": intake_id, "tier": tier}, actor, now)


def _take_over(
    session: Session,
    engagement: Engagement,
    values: Mapping[str, Any],
    codes: Mapping[str, Any],
    actor: Identity,
    now: datetime,
) -> None:
    changed = sorted(name for name, value in values.items() if getattr(engagement, name) != value)
    data = {"fields": changed, **codes, **from_to(engagement, values)}
    for name, value in values.items():
        setattr(engagement, name, value)
    engagement.revision += 1
    ground_moved(session, engagement.organisation_id, [engagement.id])
    record(session, Kind.ENGAGEMENT_CHANGED, now=now, actor=actor, subject=engagement, data=data)
    session.flush()


def from_to(engagement: Engagement, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the record of events has to tell of a change besides its fields: codes and ids, never words.

    Tier and business owner from and to, since what may pass and who may approve rest on them; the names of facts.
    """
    found: dict[str, Any] = {}
    for name, code in (("tier", "tier"), ("business_owner_id", "owner")):
        before = getattr(engagement, name)
        if values.get(name, before) != before:
            found |= {f"{code}_from": before, f"{code}_to": values[name]}
    after = values.get("facts", engagement.facts)
    facts = sorted(
        name for name in {*engagement.facts, *after} if engagement.facts.get(name) != after.get(name)
    )
    return found | ({"facts": facts} if facts else {})
