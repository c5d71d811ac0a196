"""What counts at the gates, and the decisions behind it."""

from __future__ import annotations

import uuid
from typing import Any

from portal import web
from portal.access import Permission
from portal.api import schemas_gate as schemas
from portal.api.base import PREFIX, Blueprint, page_of
from portal.gate import machine, queries
from portal.gate.models import GateDecision
from portal.vendors import queries as vendors

blueprint = Blueprint("api_gates", __name__, url_prefix=PREFIX, description="Gates")


@blueprint.operation(
    "GET",
    "/engagements/<uuid:engagement>/gate",
    Permission.SEE_GATE,
    schemas.GateShown,
    plain=True,
    scopes=("gate:read",),
)
def get_gate(engagement: uuid.UUID) -> dict[str, Any]:
    """Whether the engagement may go ahead today.

    Worked out at this moment from what is on record, never from a stored figure.
    """
    return machine.plain(web.db(), web.identity(), engagement, now=web.now())


@blueprint.operation(
    "GET",
    "/engagements/<uuid:engagement>/decisions",
    Permission.SEE_GATE,
    schemas.Decisions,
    scopes=("gate:read",),
)
def list_decisions(engagement: uuid.UUID) -> dict[str, Any]:
    """Every decision about an engagement, newest first.

    The first one stands; what counts of it today is said by the gate.
    """
    session, identity = web.db(), web.identity()
    vendors.engagement(session, identity, engagement)
    return {"data": [_line(one) for one in queries.decisions(session, identity, engagement)]}


@blueprint.operation(
    "GET", "/decisions/<uuid:decision>", Permission.SEE_GATE, schemas.DecisionShown, scopes=("gate:read",)
)
def get_decision(decision: uuid.UUID) -> dict[str, Any]:
    """One decision, with what it rested on."""
    session, identity = web.db(), web.identity()
    engagement = queries.engagement_of(session, identity, decision)
    vendors.engagement(session, identity, engagement)
    row = queries.decision(session, identity, engagement, decision)
    decided = queries.decided_of(row)
    return {
        **_line(row),
        "method": row.method,
        "policy": row.policy_sequence,
        "grounds": list(decided.proposal.grounds),
        "conditions": list(decided.conditions),
        "page": page_of("gate.decision", engagement=engagement, decision=decision),
    }


def _line(row: GateDecision) -> dict[str, Any]:
    return {
        "id": row.id,
        "engagement": row.engagement_id,
        "sequence": row.sequence,
        "outcome": row.outcome,
        "proposed": row.proposed_outcome,
        "valid_until": row.valid_until,
        "decided_at": row.decided_at,
    }
