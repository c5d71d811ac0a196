"""Issuing one questionnaire to many vendors: a plan that says what goes to whom, then short steps that may be repeated.

Every assessment of a batch has an id that follows from batch, vendor and questionnaire, so that pressing twice, or
going on after a crash, finds what is there instead of issuing it again.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import issuing
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.faults import Invalid, Throttled
from portal.vendors import queries as vendors
from portal.vendors.models import Contact, Engagement, Vendor

MOST = 500
AT_ONCE = 10  # vendors in one write transaction: some tens of milliseconds
Why = Literal["", "issued", "gone", "offboarded", "no_engagement", "no_contact", "open", "refused"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: vendors with all that is bought from them, or single engagements."""

    vendor_ids: tuple[uuid.UUID, ...] = ()
    engagement_ids: tuple[uuid.UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of one vendor. ``why``: "" will be issued, ``issued`` is out by this batch, else why it is not.

    ``covers``: the engagements; ``left_out``: those that an open assessment covers already. ``contact``: None when the
    people who look after the vendor here are written to. ``sentence``: why issuing refused. ``later``: only because too
    many letters went lately.
    """

    vendor: Vendor
    assessment_id: uuid.UUID
    covers: tuple[Engagement, ...] = ()
    left_out: tuple[Engagement, ...] = ()
    contact: Contact | None = None
    why: Why = ""
    sentence: str = ""
    later: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What is issued to each: one version of a questionnaire, a date, a reason. ``batch`` names this order for good."""

    batch: uuid.UUID
    content_hash: str
    slug: str
    due: date
    reason: str
    due_time: time | None = None
    campaign_id: uuid.UUID | None = None
    ladder: str = ""


def assessment_id(batch: uuid.UUID, vendor_id: uuid.UUID, content_hash: str) -> uuid.UUID:
    """The id that the assessment of this vendor has in this batch."""
    return uuid.uuid5(batch, f"{vendor_id}:{content_hash}")


def plan(session: Session, identity: Identity, choice: Choice, order: Order) -> list[Line]:
    """What will become of each vendor chosen, by name, in five statements however many there are."""
    chosen = set(choice.engagement_ids)
    engagements = list(vendors.engagements(session, identity, chosen).values())
    ids = set(choice.vendor_ids) | {one.vendor_id for one in engagements}
    found = vendors.vendors(session, identity, ids)
    if not chosen and found:
        engagements = vendors.engagements_of(session, identity, *found)
    theirs: dict[uuid.UUID, list[Engagement]] = defaultdict(list)
    for one in sorted(engagements, key=lambda one: (one.name_key, one.id)):
        theirs[one.vendor_id].append(one)
    busy = _covered_by_open(session, identity, order, [one.id for one in engagements])
    people = _first_contacts(session, identity, [one.id for one in found.values() if one.company_id is None])
    keys = {key: assessment_id(order.batch, key, order.content_hash) for key in found}
    out = existing(session, identity, keys.values())
    lines = []
    for vendor in sorted(found.values(), key=lambda one: (one.name_key, one.id)):
        bought = theirs[vendor.id]
        line = Line(
            vendor,
            keys[vendor.id],
            tuple(one for one in bought if one.id not in busy),
            tuple(one for one in bought if one.id in busy),
            None if vendor.company_id else people.get(vendor.id),
        )
        why = why_of(
            issued=line.assessment_id in out,
            offboarded=vendor.offboarded_at is not None,
            bought=len(bought),
            covers=len(line.covers),
            reached=vendor.company_id is not None or line.contact is not None,
        )
        lines.append(replace(line, why=why))
    return lines


def why_of(*, issued: bool, offboarded: bool, bought: int, covers: int, reached: bool) -> Why:
    """What becomes of a vendor with so many engagements chosen, ``covers`` of them in no open assessment.

    ``issued``: out by this batch; ``reached``: its people are here, or a contact is written down.
    """
    if issued:
        return "issued"
    if offboarded:
        return "offboarded"
    if not bought:
        return "no_engagement"
    if not covers:
        return "open"
    return "" if reached else "no_contact"


def steps(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The lines that are to be issued, as many at a time as one transaction takes."""
    waiting = [one for one in lines if not one.why]
    for start in range(0, len(waiting), AT_ONCE):
        yield waiting[start : start + AT_ONCE]


def issue_step(
    session: Session, identity: Identity, choice: Choice, some: Iterable[Line], order: Order, *, now: datetime
) -> dict[uuid.UUID, Line]:
    """Issue to these vendors in the transaction of ``session``; each line as it turned out, by vendor.

    The vendors are locked in the order of their ids, then planned again: what has changed since the plan counts. A
    vendor that issuing refuses keeps none of its rows and does not hold up the others.
    """
    ids = sorted({one.vendor.id for one in some})
    for one in ids:
        vendors.vendor(session, identity, one, lock=True)
    narrowed = replace(choice, vendor_ids=tuple(ids) if not choice.engagement_ids else ())
    if choice.engagement_ids:
        theirs = vendors.engagements(session, identity, choice.engagement_ids).values()
        narrowed = replace(
            choice, engagement_ids=tuple(one.id for one in theirs if one.vendor_id in set(ids))
        )
    found = {}
    for line in plan(session, identity, narrowed, order):
        found[line.vendor.id] = line if line.why else _issued(session, identity, line, order, now)
    return found


def _issued(session: Session, identity: Identity, line: Line, order: Order, now: datetime) -> Line:
    try:
        with session.begin_nested():
            issuing.issue(
                session,
                line.vendor,
                engagement_ids=[one.id for one in line.covers],
                content_hash=order.content_hash,
                due=order.due,
                reason=order.reason,
                contact=line.contact,
                actor=identity,
                now=now,
                assessment_id=line.assessment_id,
                due_time=order.due_time,
                campaign_id=order.campaign_id,
                ladder=order.ladder,
            )
    except (Invalid, Throttled) as fault:
        errors = fault.errors.values() if isinstance(fault, Invalid) else ()
        return replace(
            line,
            why="refused",
            sentence=" ".join([fault.message, *errors]).strip(),
            later=isinstance(fault, Throttled),
        )
    return replace(line, why="issued")


def _covered_by_open(
    session: Session, identity: Identity, order: Order, engagement_ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    if not engagement_ids:
        return set()
    statement = covered_by_open(identity, order).where(AssessmentEngagement.engagement_id.in_(engagement_ids))
    return set(session.execute(statement).scalars())


def covered_by_open(identity: Identity, order: Order) -> Select[Any]:
    """The ids of all engagements that an open assessment covers, as issuing.require_not_open sees it."""
    return (
        select(AssessmentEngagement.engagement_id)
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .where(
            *mine(identity.scope, Assessment, AssessmentEngagement),
            Assessment.slug == order.slug,
            Assessment.state == "open",
            *([] if order.campaign_id is not None else [Assessment.campaign_id.is_(None)]),
        )
    )


def _first_contacts(
    session: Session, identity: Identity, vendor_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, Contact]:
    """Of each vendor whose people are not here, whoever was written down first."""
    if not vendor_ids:
        return {}
    statement = (
        select(Contact)
        .where(*mine(identity.scope, Contact), Contact.vendor_id.in_(vendor_ids))
        .order_by(Contact.created_at.desc(), Contact.id.desc())
    )
    return {one.vendor_id: one for one in session.execute(statement).scalars()}


def existing(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these ids that assessments have."""
    if not ids:
        return set()
    statement = select(Assessment.id).where(*mine(identity.scope, Assessment), Assessment.id.in_(ids))
    return set(session.execute(statement).scalars())
