"""What counts at one gate, for machines: worked out when it is asked, never read from what is stored for lists."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.gate.deciding import PASSING
from portal.gate.page import Subject, since


def plain(session: Session, identity: Identity, engagement_id: uuid.UUID, *, now: datetime) -> dict[str, Any]:
    """The gate of one engagement as JSON: codes, days and ids; NotFound where the reader may not see it.

    ``outcome``: undecided, or the effective one; ``reasons``: grounds that are worse than met, ``lapses``: why less
    counts than was decided.
    """
    return _plain(Subject(session, identity, engagement_id, now=now))


def _plain(gate: Subject) -> dict[str, Any]:
    """``outcome``: undecided, or the effective one; ``reasons``: grounds that are worse than met, or why it lapsed."""
    decision, effective = gate.decision, gate.effective
    lapsed = [
        {"code": one.code, "subject": one.subject, "outcome": one.outcome}
        for one in (effective.lapses if effective else ())
    ]
    reasons = [
        {"code": one.code, "subject": one.subject, "result": one.result}
        for one in gate.case.proposal.grounds
        if one.result != "met"
    ]
    found: dict[str, Any] = {
        "engagement": str(gate.case.engagement.id),
        "tier": gate.case.facts.tier,
        "outcome": effective.outcome if effective else "undecided",
        "proposed": gate.case.proposal.outcome,
        "reasons": reasons,
        "lapses": lapsed,
        "conditions": [],
        "valid_until": None,
        "decided_at": None,
        "decision": None,
        "waiting": gate.waiting is not None,
    }
    if decision is not None and effective is not None and gate.decided is not None:
        open_ones = {one.key for one in effective.open}
        late = {one.subject for one in effective.lapses if one.code == "condition"}
        found |= {
            "conditions": [
                {
                    "code": one.code,
                    "subject": one.subject,
                    "due": one.due.isoformat() if one.due else None,
                    "lapses_to": one.lapses_to,
                    "state": "open"
                    if one.key in open_ones
                    else "late"
                    if f"{one.code}:{one.subject}" in late
                    else "met",
                }
                for one in (*gate.decided.conditions, *since(gate))
            ],
            # A script that reads the day alone must not take what lapsed for what holds.
            "valid_until": effective.valid_until.isoformat()
            if effective.valid_until and effective.outcome in PASSING
            else None,
            "decided_at": decision.decided_at.isoformat(),
            "decision": str(decision.id),
        }
    return found
