"""How a finding ends: closed by a reviewer, by two people where it is grave, or merged into another.

The caller holds the finding (steps.hold); an accepted risk is an exception of the gate and closes nothing here.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound
from portal.findings import letters, queries, steps
from portal.findings.earning import ANSWERED
from portal.findings.models import Finding, FindingClosing, FindingEngagement
from portal.findings.queries import CLOSED, KNOCKOUT, SEVERITIES
from portal.organisations.four_eyes import require_second
from portal.review.marking import check_may

HOWS = ("fixed", "no_fault")
WAITING = "waiting"
CHANGED = "What this rests on has changed since it was proposed. Propose it again."


def is_grave(finding: Finding) -> bool:
    """Whether closing it lightly needs a second person: a failed knock-out, or what was ever critical."""
    return finding.code == KNOCKOUT or finding.worst == SEVERITIES[0]


def needs_second(finding: Finding, how: str) -> bool:
    """Whether one person may not close it like this: a grave one as no fault, or as fixed without anything that shows
    it: no accepted proof, and no answer everywhere that says something better than the one that earned it.
    """
    return is_grave(finding) and (how == "no_fault" or finding.called_for or finding.uncalled != ANSWERED)


def propose(
    session: Session, finding: Finding, how: str, *, reason: str, seen: int, actor: Identity, now: datetime
) -> FindingClosing | None:
    """Close a finding with a reason that the vendor reads, or ask a second person where it is grave.

    Returns the proposal that waits, None where the finding is closed. Raises Refused, Conflict where one waits already,
    Stale, Invalid (fields how, reason).
    """
    check_may(actor)
    waiting = queries.waiting_closing(session, actor, finding.id)
    if waiting is not None and (waiting.how, waiting.reason, waiting.proposed_by) == (
        how,
        reason,
        actor.person.id,
    ):
        return waiting  # a second press of the same button
    steps.require_standing(finding, seen)
    if waiting is not None:
        raise Conflict(
            "A proposal to close this waits already. Have it approved, refused or withdrawn first."
        )
    errors = {}
    if how not in HOWS:
        errors["how"] = "Choose how it ends."
    fault = steps.text_fault(reason, "Say why. The vendor reads it, and whoever looks at this next year.")
    if fault:
        errors["reason"] = fault["text"]
    if errors:
        raise Invalid(errors=errors)
    if not needs_second(finding, how):
        close(session, finding, how, reason, actor=actor, now=now)
        _tell(session, finding, actor, now)
        return None
    row = FindingClosing(
        id=uuid.uuid4(),
        organisation_id=finding.organisation_id,
        finding_id=finding.id,
        how=how,
        reason=reason,
        base=finding.revision,
        state=WAITING,
        proposed_by=actor.person.id,
        proposed_at=now,
    )
    session.add(row)
    data = {"finding": finding.id, "key": finding.key, "how": how}
    record(session, Kind.CLOSING_PROPOSED, now=now, actor=actor, subject=row, data=data)
    session.flush()
    return row


def approve(
    session: Session, finding: Finding, closing_id: uuid.UUID, *, actor: Identity, now: datetime
) -> None:
    """Close a grave finding, as a second person.

    Raises NotFound, Refused for whoever cannot be the second, Conflict when it is settled or the finding has changed.
    """
    row = _waiting(session, finding, closing_id, actor)
    require_second(session, row.proposed_by, actor, Permission.REVIEW, proposed_at=row.proposed_at, now=now)
    if row.base != finding.revision:
        raise Conflict(CHANGED)
    close(session, finding, row.how, row.reason, actor=actor, now=now, first=row.proposed_by)
    _settle(session, row, "approved", actor, now)
    _tell(session, finding, actor, now)


def refuse(
    session: Session, finding: Finding, closing_id: uuid.UUID, *, actor: Identity, now: datetime
) -> None:
    """Say no; whoever proposed it takes it back. Raises NotFound, Refused, Conflict when it is settled."""
    check_may(actor)
    row = _waiting(session, finding, closing_id, actor)
    state = "withdrawn" if row.proposed_by == actor.person.id else "refused"
    _settle(session, row, state, actor, now)


def close(
    session: Session,
    finding: Finding,
    how: str,
    reason: str,
    *,
    actor: Identity,
    now: datetime,
    first: uuid.UUID | None = None,
) -> None:
    """End a finding and whatever was merged into it; what waits ends with it. ``first``: who proposed it."""
    finding.state, finding.waits = CLOSED, ""
    finding.closed_at, finding.closed_how = now, how
    finding.closed_by = first or actor.person.id
    finding.wanted_due = None
    if finding.owner_id is not None:  # else whoever gave the proof reads what became of it
        finding.wanted_owner_id = None
    merged = [one.id for one in queries.merged_into(session, actor, finding.id)]
    session.execute(
        update(FindingEngagement)
        .where(FindingEngagement.finding_id.in_([finding.id, *merged]), *mine(actor.scope, FindingEngagement))
        .values(standing=None)
    )
    waiting = queries.waiting_closing(session, actor, finding.id)
    if waiting is not None and first is None:
        _settle(session, waiting, "withdrawn", actor, now)
    second = None if first is None else actor.person.id
    steps.write(
        session, finding, "closed", actor=actor, now=now, words=reason, data={"how": how}, second_id=second
    )


def _settle(session: Session, row: FindingClosing, state: str, actor: Identity, now: datetime) -> None:
    row.state, row.settled_by, row.settled_at = state, actor.person.id, now
    data = {"finding": row.finding_id, "state": state}
    record(session, Kind.CLOSING_SETTLED, now=now, actor=actor, subject=row, data=data)
    session.flush()


def _waiting(session: Session, finding: Finding, closing_id: uuid.UUID, actor: Identity) -> FindingClosing:
    found: FindingClosing | None = session.execute(
        scoped(actor, FindingClosing).where(
            FindingClosing.id == closing_id, FindingClosing.finding_id == finding.id
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    if found.state != WAITING:
        raise Conflict("This has been settled already.")
    steps.require_standing(finding, None)
    return found


def _tell(session: Session, finding: Finding, actor: Identity, now: datetime) -> None:
    assert actor.organisation is not None
    about = queries.assessment_of(session, actor, finding)
    how = "as no fault" if finding.closed_how == "no_fault" else "as settled"
    letters.tell_vendor(
        session,
        about,
        finding,
        f"{actor.organisation.name} has closed a finding {how}.",
        "Read why. You need not do anything more about it.",
        actor=actor,
        now=now,
    )
    session.flush()
