"""Which evaluations of contract requirements the gate's decisions rested on; for the contract schedule, by callback."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.gate.models import GateDecision


def decided_on(session: Session, identity: Identity, engagement_id: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Ids of evaluations, those of the newest decision first."""
    rows = session.execute(
        select(GateDecision.evaluation_id)
        .where(*mine(identity.scope, GateDecision), GateDecision.engagement_id == engagement_id)
        .order_by(GateDecision.sequence.desc())
    ).scalars()
    return tuple(one for one in rows if one is not None)
