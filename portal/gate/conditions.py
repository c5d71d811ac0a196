"""Conditions added by hand: somebody else than who decided says that one is met; whoever decides may open it again.

Conditions of a ground are met by facts alone (standing.py).
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound
from portal.gate import queries, second
from portal.gate.case import Case, require_decider
from portal.gate.models import ConditionNote, ConditionStep, GateDecision
from portal.gate.queries import MET, REOPENED
from portal.vendors.ground import ground_moved

LONGEST_NOTE = 2000
NO_NOTE = "Say what shows it, or why it is open again."
NEWER = "A newer decision has taken the place of this one. Its conditions are the ones that count."


def step(
    session: Session,
    case: Case,
    decision: GateDecision,
    subject: str,
    state: str,
    *,
    note: str,
    actor: Identity,
    now: datetime,
) -> None:
    """Say that a condition is met, or open again. The engagement is locked.

    Raises NotFound for what is no condition added by hand, Refused for a role that may not decide and, to meet one,
    for whoever cannot be the second person beside who decided, Invalid (field note), Conflict for a decision that
    does not stand any more, or a condition that is there already.
    """
    if state not in (MET, REOPENED) or not queries.by_hand(queries.decided_of(decision), subject):
        raise NotFound
    require_decider(case, actor)
    newest = queries.newest(session, actor, case.engagement.id)
    if newest is None or newest.id != decision.id:
        raise Conflict(NEWER)
    if state == MET:
        second.require_other(session, case, decision.decided_by, actor, since=decision.decided_at, now=now)
    earlier = queries.steps(session, actor, decision.id).get(subject, [])
    if (earlier[-1].row.state if earlier else REOPENED) == state:
        raise Conflict("It is so already. Look at it as it stands now.")
    if not note:
        raise Invalid(errors={"note": NO_NOTE})
    row = ConditionStep(
        id=uuid.uuid4(),
        organisation_id=decision.organisation_id,
        decision_id=decision.id,
        subject=subject,
        sequence=len(earlier) + 1,
        state=state,
        taken_at=now,
        taken_by=actor.person.id,
    )
    session.add(row)
    session.flush()
    session.add(ConditionNote(step_id=row.id, organisation_id=row.organisation_id, note=note))
    data = {"engagement": case.engagement.id, "decision": decision.id, "subject": subject, "state": state}
    record(session, Kind.CONDITION_STEPPED, now=now, actor=actor, subject=row, data=data)
    ground_moved(session, decision.organisation_id, [decision.engagement_id])
    session.flush()
