"""The worker's job: open next assessments whose day has come, each once, in the name of somebody who may.

The step "open" of each row is the claim: who inserts all of them issues the assessment in the same transaction.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import issuing
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid, NotFound, Throttled
from portal.formats import long_date
from portal.gate.deciding import PASSING
from portal.gate.models import GateDecision
from portal.organisations.models import Organisation
from portal.reassessment import held_back, opened_late, rules, workdays
from portal.reassessment.agenda_gate import newest_decision
from portal.reassessment.agenda_rounds import next_open
from portal.reassessment.dating import SCHEDULED
from portal.reassessment.eyes import Eyes
from portal.reassessment.hindering import (
    ELSEWHERE,
    NO_CONTACT,
    OFFBOARDED,
    THROTTLED,
    UNLINKED,
    Before,
    Hindered,
    before_of,
    contact_of,
    in_whose_name,
    version_of,
)
from portal.reassessment.models import Reassessment, ReminderStep
from portal.reassessment.opening import Opening, Waiting, horizon, in_order
from portal.reassessment.rules_shape import ITSELF
from portal.reassessment.runs import from_another
from portal.reassessment.steps import claim
from portal.vendors import queries as vendors
from portal.vendors.models import Contact, Engagement, Vendor

OPEN_STEP = "open"
TRIED_AGAIN = 50
MOST_FAULTS = 5  # in one pass
log = logging.getLogger(__name__)


class Taken(Exception):
    """Somebody else has opened it meanwhile."""


class Full(Exception):
    """As many as a day may have were opened today: other workers open, too."""


def open_due(database: Database, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Open what is due in every organisation whose rules say so; returns how many assessments were opened.

    Where they ask first, what is due is put on record as waiting for somebody. What fails for an unknown reason does
    not stop the others; the first MOST_FAULTS of such are raised together.
    """
    with database.looking(SYSTEM) as session:
        places = session.execute(
            select(Organisation.id, Organisation.zone, Organisation.region)
            .where(Organisation.closed_at.is_(None))
            .order_by(Organisation.id)
        ).all()
    opened = 0
    faults: list[Exception] = []
    for place in from_another(places, now):
        if stopping() or len(faults) >= MOST_FAULTS:
            break
        today = local_date(now, place.zone)
        with database.looking(SYSTEM) as session:
            found = rules.current(session, place.id)
            calendar = workdays.calendars(session, [place.region])[place.region]
            rows = waiting(session, place.id, last=today + horizon(found))
            done = opened_on(session, place.id, today)
        due, asks = in_order(rows, found, calendar, today), found.opening != ITSELF
        still = {row.id for one in due for row in one.rows}
        held_back.clear(database, place.id, still, asks=asks, now=now)
        if not calendar.working(today):
            continue  # letters to vendors go on working days, and so does what somebody is to look at
        if asks:
            held_back.ask(database, due, today=today, now=now, stopping=stopping)
            continue
        left = found.a_day - done
        for one in _tried(due, now):
            if left <= 0 or stopping():
                break
            try:
                made = _open(database, place.id, one, most=found.a_day, today=today, now=now)
            except Full:
                break
            except Exception as fault:  # whatever is wrong with one is no reason to keep the others waiting
                log.exception("the next assessment of vendor %s could not be opened", one.vendor_id)
                faults.append(fault)
                if len(faults) < MOST_FAULTS:
                    continue
                break
            left, opened = left - made, opened + made
    if faults:
        raise ExceptionGroup("next assessments could not be opened", faults)
    return opened


def _tried(found: Sequence[Opening], now: datetime) -> Iterator[Opening]:
    """Those that a pass tries, in order. What could not be opened before takes nobody's turn, and of such at most
    TRIED_AGAIN are tried, others with the next pass: a pass stays short however many wait for somebody's hand.
    """
    stuck = [one for one in found if all(row.hindered for row in one.rows)]
    start = int(now.timestamp()) // 60 * TRIED_AGAIN % len(stuck) if stuck else 0
    again = {id(one) for one in (*stuck[start:], *stuck[:start])[:TRIED_AGAIN]}
    ours = {id(one) for one in stuck}
    yield from (one for one in found if id(one) not in ours or id(one) in again)


def waiting(
    session: Session, organisation_id: uuid.UUID, *, last: date, opened: bool = False
) -> list[Waiting]:
    """Scheduled rows due until ``last`` that are not out; with ``opened`` also those that were opened for this date."""
    eyes = Eyes(None)
    newest = newest_decision(eyes)
    done = (
        select(ReminderStep.id)
        .where(
            ReminderStep.subject_id == Reassessment.id,
            ReminderStep.kind == "reassessment",
            ReminderStep.due == Reassessment.due,
            ReminderStep.step == OPEN_STEP,
        )
        .exists()
    )
    rows = session.execute(
        select(
            *(Reassessment.id, Reassessment.slug, Reassessment.due, Reassessment.engagement_id),
            *(Engagement.vendor_id, Engagement.tier, GateDecision.outcome, GateDecision.valid_until),
            *(Reassessment.hindered, done.label("done")),
        )
        .join(Engagement, Engagement.id == Reassessment.engagement_id)
        .outerjoin(newest, newest.c.engagement_id == Reassessment.engagement_id)
        .outerjoin(
            GateDecision,
            (GateDecision.engagement_id == newest.c.engagement_id)
            & (GateDecision.sequence == newest.c.sequence),
        )
        .where(
            Reassessment.organisation_id == organisation_id,
            Reassessment.state == SCHEDULED,
            Reassessment.due <= last,
            ~next_open(eyes),
            *(() if opened else (~done,)),
        )
        .order_by(Reassessment.due, Reassessment.id)
    )
    return [
        Waiting(
            id=one.id,
            organisation_id=organisation_id,
            vendor_id=one.vendor_id,
            engagement_id=one.engagement_id,
            slug=one.slug,
            due=one.due,
            tier=one.tier,
            lapses=one.valid_until if one.outcome in PASSING else None,
            hindered=one.hindered,
            opened=bool(one.done),
        )
        for one in rows
    ]


def opened_on(session: Session, organisation_id: uuid.UUID, day: date) -> int:
    """How many assessments the calendar has opened on a local day."""
    return int(
        session.scalar(
            select(func.count(ReminderStep.made_id.distinct())).where(
                ReminderStep.organisation_id == organisation_id,
                ReminderStep.step == OPEN_STEP,
                ReminderStep.day == day,
            )
        )
        or 0
    )


def _open(
    database: Database, organisation_id: uuid.UUID, one: Opening, *, most: int, today: date, now: datetime
) -> int:
    """Open one, or put on record why not; returns how many were opened. Raises Full."""
    try:
        with database.looking(SYSTEM) as session:
            before = before_of(session, {one.rows[0].id})[one.rows[0].id]
            actor = in_whose_name(session, organisation_id, one, before)
        # The version is read and parsed before the transaction that holds everybody else up.
        with database.looking(actor.scope) as session:
            content_hash = version_of(session, actor, one.slug)
        with database.transaction() as session:
            _require_turn(session, organisation_id, most=most, today=today)
            _issue(session, one, before, actor, content_hash, today=today, now=now)
    except Taken:
        return 0
    except Hindered as fault:
        held_back.hinder(database, one, fault.code, today=today, now=now)
        return 0
    return 1


def _require_turn(session: Session, organisation_id: uuid.UUID, *, most: int, today: date) -> None:
    """Raise Full when ``most`` were opened today; one worker at a time opens for an organisation."""
    ours = select(Organisation.id).where(Organisation.id == organisation_id)
    session.execute(ours.with_for_update(key_share=True)).scalar_one()
    if opened_on(session, organisation_id, today) >= most:
        raise Full


def _issue(
    session: Session,
    one: Opening,
    before: Before,
    actor: Identity,
    content_hash: str,
    *,
    today: date,
    now: datetime,
) -> None:
    try:
        vendor = vendors.vendor(session, actor, one.vendor_id, lock=True)
    except NotFound:
        raise Hindered(OFFBOARDED) from None
    if vendor.offboarded_at is not None:
        raise Hindered(OFFBOARDED)
    _claimed(session, one, today=today, now=now)
    made = issued(session, vendor, one, before, actor, content_hash, now=now, assessment_id=one.made_id)
    noted(session, one, made, actor, by=None, now=now)
    if one.late:
        opened_late.tell(session, made, vendor, today=today, now=now)


def issued(
    session: Session,
    vendor: Vendor,
    one: Opening,
    before: Before,
    actor: Identity,
    content_hash: str,
    *,
    now: datetime,
    assessment_id: uuid.UUID | None = None,
) -> Assessment:
    """Issue what is opened; with ``assessment_id`` by itself, else by a person.

    Raises Hindered where it cannot be, and Invalid where that has no code.
    """
    known = session.scalars(
        select(Contact)
        .where(
            Contact.vendor_id == vendor.id,
            Contact.organisation_id == vendor.organisation_id,
            *mine(actor.scope, Contact),
        )
        .order_by(Contact.created_at, Contact.id)
    ).all()
    contact = contact_of(known, vendor.company_id, before.contact_email)
    if contact is None and vendor.company_id is None:
        raise Hindered(NO_CONTACT)
    reason = f"The regular next assessment: your last answers are of {long_date(before.answered)}."
    try:
        return issuing.issue(
            session,
            vendor,
            engagement_ids=[row.engagement_id for row in one.rows],
            content_hash=content_hash,
            due=one.answer_by,
            reason=reason,
            contact=contact,
            actor=actor,
            now=now,
            assessment_id=assessment_id,
            by_itself=assessment_id is not None,
        )
    except Throttled:
        raise Hindered(THROTTLED) from None
    except Conflict:
        raise Hindered(UNLINKED) from None
    except Invalid as fault:
        if "contact" in fault.errors:
            raise Hindered(NO_CONTACT) from None
        if "questionnaire" in fault.errors:
            raise Hindered(ELSEWHERE) from None
        raise


def noted(
    session: Session, one: Opening, made: Assessment, actor: Identity, *, by: Identity | None, now: datetime
) -> None:
    """Nothing hinders it any more; the event says for whom it was opened, and by whom (None: by the calendar)."""
    session.execute(
        update(Reassessment)
        .where(
            Reassessment.id.in_([row.id for row in one.rows]),
            Reassessment.organisation_id == made.organisation_id,
        )
        .values(hindered="", hindered_on=None)
        .execution_options(synchronize_session=False)
    )
    data = {
        "assessment": made.id,
        "engagements": [row.engagement_id for row in one.rows],
        "for": actor.person.id,
        "late": one.late,
    }
    record(session, Kind.REASSESSMENT_OPENED, now=now, actor=by, subject=made, data=data, ours=True)


def _claimed(session: Session, one: Opening, *, today: date, now: datetime) -> None:
    """Put the step "open" of every row on record, as they stand now; raises Taken unless all of them are ours."""
    rows = session.execute(
        select(Reassessment.id, Reassessment.due)
        .where(
            Reassessment.id.in_([row.id for row in one.rows]),
            Reassessment.state == SCHEDULED,
            ~next_open(Eyes(None)),
        )
        .with_for_update()
    ).all()
    if {row.id: row.due for row in rows} != {row.id: row.due for row in one.rows}:
        raise Taken
    steps = open_steps(one, made_id=one.made_id, today=today, now=now)
    if len(claim(session, steps)) < len(steps):
        raise Taken


def open_steps(
    one: Opening, *, made_id: uuid.UUID | None, today: date, now: datetime
) -> list[dict[str, Any]]:
    """The step "open" of each row; ``made_id``: the assessment that the calendar makes, None for a person's."""
    return [
        {
            "subject_id": row.id,
            "kind": "reassessment",
            "due": row.due,
            "step": OPEN_STEP,
            "organisation_id": row.organisation_id,
            "company_id": None,
            "day": today,
            "at": now,
            "people": 0,
            "skipped": "",
            "made_id": made_id,
        }
        for row in one.rows
    ]
