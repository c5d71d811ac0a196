"""What takes two people: waiving a requirement for a time, and saying that an open one is not needed.

As in steps.py the caller has locked the engagement.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy.orm import Session

from portal.access import Identity, Permission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts import schedule_queries as queries
from portal.contracts import steps
from portal.contracts.schedule import NOT_REQUIRED, REQUIRED, UNDETERMINED
from portal.contracts.schedule_models import Settlement, WaiverProposal
from portal.contracts.schedule_queries import STANDING, WAITING, Line, Schedule
from portal.faults import Conflict, Invalid
from portal.organisations import second_letters
from portal.organisations.four_eyes import Ownership, look, require_second
from portal.vendors.ground import ground_moved
from portal.vendors.models import Engagement
from questionnaires.dates import add_months

LONGEST_MONTHS = 24
SETTLED = "This has been settled already."
CHANGED = "What this rests on has changed since it was proposed. Propose it again."


def propose_waiver(
    session: Session,
    engagement: Engagement,
    line: Line,
    *,
    until: date | None,
    reason: str,
    seen: int,
    today: date,
    actor: Identity,
    now: datetime,
) -> WaiverProposal:
    """Ask a second person to waive an item up to and with ``until``; at most 24 months.

    Raises Invalid (fields until, reason), Stale, Conflict where one waits already or nothing is called for.
    """
    steps.require_here(session, engagement, actor)
    earlier = line.proposal
    if earlier is not None:
        if (earlier.proposed_by, earlier.until, earlier.reason) == (actor.person.id, until, reason):
            return earlier  # a second press of the same button
        raise Conflict(
            "A proposal to waive this waits already. Have it approved, refused or withdrawn first."
        )
    steps.require_seen(line, seen)
    if not line.called:
        raise Conflict("Nothing calls for this requirement, so there is nothing to waive.")
    errors = {}
    if until is None:
        errors["until"] = "Write the last day on which the requirement is waived."
    elif until <= today:
        errors["until"] = "Choose a day that is still to come."
    elif until > add_months(today, LONGEST_MONTHS):
        errors["until"] = f"Choose a day within {LONGEST_MONTHS} months. It can be proposed again then."
    if not reason:
        errors["reason"] = "Say why you accept to go without it. Whoever approves it decides by that."
    if errors or until is None:
        raise Invalid(errors=errors)
    row = WaiverProposal(
        id=uuid.uuid4(),
        organisation_id=engagement.organisation_id,
        item_id=line.item.id,
        base=line.sequence,
        until=until,
        tier=engagement.tier,
        requirement_revision=line.revision,
        reason=reason,
        state=WAITING,
        proposed_by=actor.person.id,
        proposed_at=now,
    )
    session.add(row)
    data = {"engagement": engagement.id, "key": line.item.key, "until": until}
    record(session, Kind.WAIVER_PROPOSED, now=now, actor=actor, subject=row, data=data)
    session.flush()
    second_letters.ask(
        session,
        f"{actor.person.name} asks to go without “{line.point.title}” in the contract for “{engagement.name}”.",
        f"engagements/{engagement.id}/schedule/items/{row.item_id}",
        Permission.WAIVE,
        actor=actor,
        now=now,
        engagement=_ownership(engagement),
        first_needs=Permission.CONTRACT,
    )
    return row


def approve_waiver(
    session: Session,
    engagement: Engagement,
    schedule: Schedule,
    proposal_id: uuid.UUID,
    *,
    today: date,
    actor: Identity,
    now: datetime,
) -> None:
    """Waive, as a second person. Raises NotFound, Refused for whoever cannot be the second, Conflict when it is
    settled, or when item, requirement or tier are not what they were, or its last day has come.
    """
    row = queries.waiver(session, actor, engagement.id, proposal_id)
    _require_waiting(row)
    require_second(
        session,
        row.proposed_by,
        actor,
        Permission.WAIVE,
        proposed_at=row.proposed_at,
        now=now,
        engagement=_ownership(engagement),
        first_needs=Permission.CONTRACT,
    )
    line = schedule.line(row.item_id)
    if not waiver_holds(engagement, line, row, today):
        raise Conflict(CHANGED)
    steps.write_waived(session, engagement, line, row, actor=actor, now=now)
    steps.close(session, row, "approved", Kind.WAIVER_CLOSED, actor=actor, now=now)
    session.flush()


def settle(
    session: Session,
    engagement: Engagement,
    line: Line,
    outcome: str,
    *,
    reason: str,
    basis: str,
    actor: Identity,
    now: datetime,
) -> Settlement:
    """Say of an open requirement that it is needed, at once, or that it is not, once a second person agrees.

    ``basis``: the fingerprint that the form was rendered from. Raises Invalid (fields outcome, reason), Conflict when
    nothing is open, it rests on something else by now, or a settlement waits.
    """
    steps.require_here(session, engagement, actor)
    if line.point.outcome != UNDETERMINED or basis != line.basis:
        raise Conflict("The answers have changed what is open here. Look at it again.")
    errors = {}
    if outcome not in (REQUIRED, NOT_REQUIRED):
        errors["outcome"] = "Choose one of the two."
    if not reason:
        errors["reason"] = steps.WITHOUT_REASON
    if errors:
        raise Invalid(errors=errors)
    for earlier in filter(None, (line.waiting, line.settled)):
        mine = (actor.person.id, outcome, reason)
        if (earlier.proposed_by, earlier.outcome, earlier.reason) == mine:
            return earlier  # a second press of the same button
    if line.waiting is not None:
        raise Conflict("A settlement of this waits already. Have it approved, refused or withdrawn first.")
    at_once = outcome == REQUIRED
    if at_once and line.settled is not None:
        steps.close(session, line.settled, "overtaken", Kind.SETTLEMENT_CLOSED, actor=actor, now=now)
    ground_moved(session, engagement.organisation_id, [engagement.id])
    row = Settlement(
        id=uuid.uuid4(),
        organisation_id=engagement.organisation_id,
        item_id=line.item.id,
        outcome=outcome,
        basis=basis,
        reason=reason,
        state=STANDING if at_once else WAITING,
        proposed_by=actor.person.id,
        proposed_at=now,
    )
    session.add(row)
    data = {"engagement": engagement.id, "key": line.item.key, "outcome": outcome, "state": row.state}
    record(session, Kind.SETTLEMENT_MADE, now=now, actor=actor, subject=row, data=data)
    session.flush()
    if not at_once:
        what = f"{actor.person.name} says that the contract for “{engagement.name}” needs no “{line.point.title}”."
        path = f"engagements/{engagement.id}/schedule/items/{row.item_id}"
        second_letters.ask(session, what, path, Permission.REVIEW, actor=actor, now=now)
    return row


def approve_settlement(
    session: Session,
    engagement: Engagement,
    schedule: Schedule,
    settlement_id: uuid.UUID,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """Let an open requirement count as not needed, as a second person.

    Raises NotFound, Refused for whoever cannot be the second, Conflict when it is settled or rests on other answers.
    """
    row = queries.settlement(session, actor, engagement.id, settlement_id)
    _require_waiting(row)
    require_second(session, row.proposed_by, actor, Permission.REVIEW, proposed_at=row.proposed_at, now=now)
    line = schedule.line(row.item_id)
    if line.basis != row.basis or line.point.outcome != UNDETERMINED:
        raise Conflict(CHANGED)
    if line.settled is not None:
        steps.close(session, line.settled, "overtaken", Kind.SETTLEMENT_CLOSED, actor=actor, now=now)
    steps.close(session, row, STANDING, Kind.SETTLEMENT_CLOSED, actor=actor, now=now)
    session.flush()


def refuse(session: Session, row: WaiverProposal | Settlement, *, actor: Identity, now: datetime) -> None:
    """Say no to what waits; whoever proposed it takes it back. Raises Conflict when it is settled."""
    _require_waiting(row)
    state = "withdrawn" if row.proposed_by == actor.person.id else "refused"
    kind = Kind.WAIVER_CLOSED if isinstance(row, WaiverProposal) else Kind.SETTLEMENT_CLOSED
    steps.close(session, row, state, kind, actor=actor, now=now)
    session.flush()


def waiver_holds(engagement: Engagement, line: Line, row: WaiverProposal, today: date) -> bool:
    """Whether a proposal to waive rests on the item, the requirement and the tier as they are now."""
    then = (row.base, row.tier, row.requirement_revision)
    return then == (line.sequence, engagement.tier, line.revision) and line.called and row.until > today


def hindrances(
    session: Session, engagement: Engagement, line: Line, *, today: date, actor: Identity, now: datetime
) -> tuple[str, str]:
    """What keeps ``actor`` from approving the waiver and the settlement that wait, as sentences; "" for nothing."""
    waiver, settlement = line.proposal, line.waiting
    if waiver is None and settlement is None:
        return "", ""
    eyes = look(session, actor, now=now)
    first, other = "", ""
    if waiver is not None:
        first = eyes.sentence(
            waiver.proposed_by,
            Permission.WAIVE,
            proposed_at=waiver.proposed_at,
            engagement=_ownership(engagement),
            first_needs=Permission.CONTRACT,
        ) or ("" if waiver_holds(engagement, line, waiver, today) else CHANGED)
    if settlement is not None:  # of another basis none is on the line
        other = eyes.sentence(settlement.proposed_by, Permission.REVIEW, proposed_at=settlement.proposed_at)
    return first, other


def _require_waiting(row: WaiverProposal | Settlement) -> None:
    if row.state != WAITING:
        raise Conflict(SETTLED)


def _ownership(engagement: Engagement) -> Ownership:
    return Ownership(engagement.business_owner_id, engagement.owner_set_by, engagement.owner_set_at)
