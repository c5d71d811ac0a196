"""Exceptions: a ground is taken as it is for a time, asked by one person and approved by another."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound
from portal.formats import long_date
from portal.gate import approving, letters, queries, second
from portal.gate.case import Case, require_decider
from portal.gate.excepting import as_strict, can_be_accepted
from portal.gate.grounds import grounds
from portal.gate.lines import Ground
from portal.gate.models import RiskException, RiskExceptionStep
from portal.gate.queries import WAITING
from portal.vendors import queries as vendors
from portal.vendors.ground import ground_moved
from questionnaires.dates import add_months

LONGEST_MONTHS = 12
APPROVED, REFUSED, WITHDRAWN, REVOKED = "approved", "refused", "withdrawn", "revoked"
NOT_SO = "What was asked to be accepted is not what it was. Ask for it anew."


def latest(case: Case) -> date:
    """The last day that an exception may have: 12 months, and no longer than a decision may hold."""
    return add_months(case.today, min(LONGEST_MONTHS, case.demands.valid_months))


def open_to(case: Case) -> tuple[Ground, ...]:
    """The grounds that two people may take as they are."""
    return tuple(one for one in case.proposal.grounds if can_be_accepted(one))


def ground(case: Case, code: str, subject: str) -> Ground:
    """The ground that somebody wants to have accepted, as it is now; NotFound where there is none to accept."""
    found = next((one for one in open_to(case) if one.key == (code, subject)), None)
    if found is None:
        raise NotFound
    return found


def ask(
    session: Session,
    case: Case,
    code: str,
    subject: str,
    *,
    until: date | None,
    reason: str,
    actor: Identity,
    now: datetime,
) -> RiskException:
    """Ask a second person to take a ground as it is, up to and with ``until``. The engagement is locked.

    Raises NotFound for a ground that is not there or cannot be accepted, Invalid (fields until, reason), Conflict
    where one waits for it already.
    """
    vendors.require_here(case.vendor)
    for one in queries.exceptions(session, actor, case.engagement.id):
        if (one.state, one.code, one.subject) == (WAITING, code, subject):
            if (one.proposed_by, one.until, one.reason) == (actor.person.id, until, reason):
                return one  # a second press of the same button
            raise Conflict(
                "An exception for this waits already. Have it approved, refused or withdrawn first."
            )
    of = ground(case, code, subject)
    errors = {}
    if until is None:
        errors["until"] = "Write the last day of the exception."
    elif until <= case.today:
        errors["until"] = "Choose a day that is still to come."
    elif until > latest(case):
        errors["until"] = (
            f"Choose {long_date(latest(case))} or an earlier day. It can be asked for again then."
        )
    if not reason:
        errors["reason"] = "Say why this can be taken as it is. Whoever approves it decides by that."
    if errors or until is None:
        raise Invalid(errors=errors)
    row = RiskException(
        id=uuid.uuid4(),
        organisation_id=case.engagement.organisation_id,
        engagement_id=case.engagement.id,
        code=code,
        subject=subject,
        measure=of.measure,
        tier=case.facts.tier,
        until=until,
        reason=reason,
        state=WAITING,
        proposed_by=actor.person.id,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    _step(session, row, Kind.EXCEPTION_PROPOSED, actor=actor, now=now)
    session.flush()
    letters.ask_exception(session, case, long_date(until), actor=actor, now=now)
    return row


def approve(
    session: Session, case: Case, exception_id: uuid.UUID, *, actor: Identity, now: datetime
) -> RiskException:
    """Take the ground as it is, as a second person.

    Raises NotFound, Refused for whoever cannot be the second, Conflict when it is settled, when the ground is worse or
    the tier stricter than it was, when its last day has come, or when the policy lets nobody ask for so long any more.
    """
    row = _of(session, case, exception_id, WAITING, actor)
    second.require_second(session, case, row.proposed_by, actor, proposed_at=row.proposed_at, now=now)
    there = [one for one in grounds(case.facts, case.policy) if one.key == (row.code, row.subject)]
    same = any(can_be_accepted(one) and one.measure <= row.measure for one in there)
    if not same or not as_strict(row.tier, case.facts.tier) or not case.today <= row.until <= latest(case):
        raise Conflict(NOT_SO)
    _settle(session, row, APPROVED, actor=actor, now=now)
    return row


def refuse(
    session: Session, case: Case, exception_id: uuid.UUID, *, actor: Identity, now: datetime
) -> RiskException:
    """Say no; whoever asked takes it back. Raises NotFound, Refused, Conflict when it is settled."""
    row = _of(session, case, exception_id, WAITING, actor)
    if row.proposed_by == actor.person.id:
        _settle(session, row, WITHDRAWN, actor=actor, now=now)
        return row
    require_decider(case, actor)
    _settle(session, row, REFUSED, actor=actor, now=now)
    letters.tell_refused(session, case, row.proposed_by, actor=actor, now=now)
    return row


def revoke(
    session: Session, case: Case, exception_id: uuid.UUID, *, actor: Identity, now: datetime
) -> RiskException:
    """End an exception before its day: what asks for more takes one person who decides about the tier.

    Raises NotFound, Refused, Conflict.
    """
    row = _of(session, case, exception_id, APPROVED, actor)
    require_decider(case, actor)
    _settle(session, row, REVOKED, actor=actor, now=now)
    return row


def _of(session: Session, case: Case, exception_id: uuid.UUID, state: str, actor: Identity) -> RiskException:
    row = queries.exception(session, actor, case.engagement.id, exception_id)
    if row.state != state:
        raise Conflict(approving.SETTLED)
    return row


def _settle(session: Session, row: RiskException, state: str, *, actor: Identity, now: datetime) -> None:
    row.state, row.settled_by, row.settled_at = state, actor.person.id, now
    _step(session, row, Kind.EXCEPTION_SETTLED, actor=actor, now=now)
    session.flush()


def _step(session: Session, row: RiskException, kind: Kind, *, actor: Identity, now: datetime) -> None:
    last = session.scalar(
        select(func.max(RiskExceptionStep.sequence)).where(
            RiskExceptionStep.exception_id == row.id,
            RiskExceptionStep.organisation_id == row.organisation_id,
        )
    )
    session.add(
        RiskExceptionStep(
            id=uuid.uuid4(),
            organisation_id=row.organisation_id,
            exception_id=row.id,
            sequence=(last or 0) + 1,
            state=row.state,
            until=row.until,
            measure=row.measure,
            taken_at=now,
            taken_by=actor.person.id,
        )
    )
    data = {
        "engagement": row.engagement_id,
        "ground": row.code,
        "until": row.until,
        "state": row.state,
    }
    record(session, kind, now=now, actor=actor, subject=row, data=data)
    ground_moved(session, row.organisation_id, [row.engagement_id])
