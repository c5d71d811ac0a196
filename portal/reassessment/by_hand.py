"""What a person does to a next assessment: opens it now, moves its date, leaves it out or plans it again. Reasons are
codes; no words.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine
from portal.assessments.models import Assessment, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.formats import long_date
from portal.gate.deciding import PASSING
from portal.gate.models import GateDecision
from portal.organisations import queries as organisations
from portal.reassessment import left_out, opening_job, rules, workdays
from portal.reassessment.dating import HAND, LEFT, SCHEDULED, due_of
from portal.reassessment.hindering import OFFBOARDED, Before, Hindered, version_of
from portal.reassessment.models import Reassessment, ReminderStep
from portal.reassessment.opening import Opening, Waiting, answer_soon, ends
from portal.reassessment.queries import next_base
from portal.vendors import queries as vendors
from questionnaires.dates import add_months

REASONS = ("incident", "change", "vendor", "ending", "capacity", "mistake")
BACK = ("mistake", "stays", "needed")  # why what was left out is planned again
LATEST_MONTHS = 12  # after the date that the policy gives


def scheduled(session: Session, identity: Identity, row_id: uuid.UUID, *, lock: bool = False) -> Reassessment:
    """A next assessment that is scheduled for an engagement that the identity may see, or NotFound."""
    statement = next_base(identity, Reassessment).where(Reassessment.id == row_id)
    if lock:
        statement = statement.with_for_update(of=Reassessment).execution_options(populate_existing=True)
    found: Reassessment | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def move(
    session: Session, row_id: uuid.UUID, to: date, reason: str, *, seen: date, actor: Identity, now: datetime
) -> Reassessment:
    """Give a next assessment another date, from tomorrow to LATEST_MONTHS after the one that the policy gives.

    ``seen``: the date that the person was looking at. Raises Invalid with a sentence at ``to`` or ``reason``, Refused,
    NotFound, and Conflict when the date has moved since.
    """
    row = _taken(session, row_id, reason, seen, actor)
    plain = due_of(row.anchor, row.cycle, row.months, wanted=None, not_before=None)
    first = local_date(now, row.zone) + timedelta(days=1)
    last = max(add_months(plain, LATEST_MONTHS), first)
    if not first <= to <= last:
        sentence = f"Choose a day from {long_date(first)} to {long_date(last)}."
        raise Invalid(errors={"to": sentence})
    if to == row.due:
        raise Invalid(errors={"to": "It is due on that day already."})
    before = row.due
    row.due = to
    row.wanted, row.not_before = (to, None) if to < plain else (None, to if to > plain else None)
    row.why = HAND if to != plain else ""
    row.hindered, row.hindered_on = "", None  # of the date that it had
    data = {"before": before, "due": to, "why": HAND, "code": reason, "tier": row.tier, "months": row.months}
    record(session, Kind.REASSESSMENT_MOVED, now=now, actor=actor, subject=row, data=data, ours=True)
    session.flush()
    return row


def leave(
    session: Session, row_id: uuid.UUID, reason: str, *, seen: date, actor: Identity, now: datetime
) -> Reassessment:
    """Leave a next assessment out: nobody is asked or reminded until the vendor answers that questionnaire again.

    Raises as ``move``.
    """
    row = _taken(session, row_id, reason, seen, actor)
    data = {"why": HAND, "code": reason, "due": row.due, "was": row.why}
    row.state, row.why, row.hindered, row.hindered_on = LEFT, HAND, "", None
    record(session, Kind.REASSESSMENT_LEFT, now=now, actor=actor, subject=row, data=data, ours=True)
    session.flush()
    return row


def take_back(
    session: Session, row_id: uuid.UUID, reason: str, *, actor: Identity, now: datetime
) -> Reassessment:
    """Plan what a person left out again, with the date that it had; ``reason``: one of BACK.

    Steps that are on record are not told twice, and of those that came meanwhile the newest is. What is planned is
    returned as it is: a second press. Raises Refused, NotFound, Invalid at ``reason``, and Hindered with one of
    left_out's codes.
    """
    _require_may(actor)
    row = left_out.of_hand(session, actor, row_id, lock=True)
    if row.state == SCHEDULED:
        return row
    if reason not in BACK:
        raise Invalid(errors={"reason": "Choose from the list."})
    if code := left_out.hinders(session, actor, row):
        raise Hindered(code)
    # A date that was left out before that was noted is one moved by hand, or what the policy gives.
    moved = HAND if row.wanted or row.not_before else ""
    event = left_out.left(session, actor, [row.id]).get(row.id)
    row.state, row.why = SCHEDULED, moved if event is None else str(event.data.get("was", moved))
    data = {"code": reason, "due": row.due, "why": row.why}
    record(session, Kind.REASSESSMENT_TAKEN_BACK, now=now, actor=actor, subject=row, data=data, ours=True)
    session.flush()
    return row


def open_now(
    session: Session, row_id: uuid.UUID, *, seen: date, actor: Identity, now: datetime
) -> Assessment:
    """Issue a next assessment now, in the actor's name, to be answered by the day that the rules give.

    Raises Refused, NotFound, Conflict when the date has moved since, Hindered with the code of why it cannot be, and
    Invalid where it cannot be for a reason that has no code.
    The calendar does not open the same date again, whatever becomes of this one.
    """
    row = _row(session, row_id, seen, actor)
    engagement = vendors.engagements(session, actor, {row.engagement_id})[row.engagement_id]
    vendor = vendors.vendor(session, actor, engagement.vendor_id, lock=True)
    if vendor.offboarded_at is not None:
        raise Hindered(OFFBOARDED)
    own = organisations.organisation_of(session, actor)
    today = local_date(now, own.zone)
    ruled, calendar = rules.current(session, own.id), workdays.calendars(session, [own.region])[own.region]
    waits = Waiting(
        *(row.id, row.organisation_id, vendor.id, row.engagement_id, row.slug, row.due, engagement.tier),
        lapses=_lapses(session, actor, row.engagement_id),
    )
    answers = answer_soon(waits, ruled, calendar, today=today)
    one = Opening(vendor.id, row.slug, (waits,), answers, answers > ends(waits, today=today))
    before = _before(session, actor, row)
    made = opening_job.issued(
        session, vendor, one, before, actor, version_of(session, actor, row.slug), now=now
    )
    # Without the assessment: what a person opens is none of what the calendar has opened, nor takes of its day's pace.
    (step,) = opening_job.open_steps(one, made_id=None, today=today, now=now)
    of_step = [getattr(ReminderStep, name) == step[name] for name in ("subject_id", "kind", "due", "step")]
    # The row is locked, as the calendar locks it: nobody else writes this step now.
    if session.scalar(select(ReminderStep.id).where(*mine(actor.scope, ReminderStep), *of_step)) is None:
        session.add(ReminderStep(**step))
    opening_job.noted(session, one, made, actor, by=actor, now=now)
    return made


def _lapses(session: Session, actor: Identity, engagement_id: uuid.UUID) -> date | None:
    """Until when the gate's newest decision lets something pass."""
    newest = session.execute(
        select(GateDecision.outcome, GateDecision.valid_until)
        .where(*mine(actor.scope, GateDecision), GateDecision.engagement_id == engagement_id)
        .order_by(GateDecision.sequence.desc())
        .limit(1)
    ).first()
    return newest.valid_until if newest is not None and newest.outcome in PASSING else None


def _before(session: Session, actor: Identity, row: Reassessment) -> Before:
    """What the row was set by."""
    found = session.execute(
        select(
            *(Assessment.issued_by, Assessment.contact_email, Submission.sealed_at),
            func.coalesce(Submission.whole_as_of, Submission.as_of).label("answered"),
        )
        .join(Submission, Submission.assessment_id == Assessment.id)
        .where(*mine(actor.scope, Assessment, Submission), Submission.id == row.submission_id)
    ).one()
    return Before(found.issued_by, found.contact_email, found.answered, found.sealed_at, row.not_before)


def _taken(session: Session, row_id: uuid.UUID, reason: str, seen: date, actor: Identity) -> Reassessment:
    row = _row(session, row_id, seen, actor)
    if reason not in REASONS:
        raise Invalid(errors={"reason": "Choose from the list."})
    return row


def _row(session: Session, row_id: uuid.UUID, seen: date, actor: Identity) -> Reassessment:
    _require_may(actor)
    row = scheduled(session, actor, row_id, lock=True)
    if row.due != seen:
        raise Conflict(f"This date has moved meanwhile, to {long_date(row.due)}.")
    return row


def _require_may(actor: Identity) -> None:
    if not actor.may(Permission.ISSUE):
        raise Refused("Whoever may issue assessments changes their dates.")
