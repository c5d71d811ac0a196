"""What the worker will do with campaigns by itself, for foresight: whom it asks, what it moves, what it takes back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import issuing_many
from portal.assessments.issuing_many import Choice
from portal.assessments.models import Assessment
from portal.campaigns import running
from portal.campaigns.models import Campaign, CampaignTarget
from portal.campaigns.queries import silent
from portal.campaigns.service import CLOSED, CLOSING, MOVING, PAUSED, RUNNING, SPARING, WAITING, ends
from portal.db import SYSTEM, Database
from portal.reassessment import foreseen_ahead
from portal.reassessment.agenda import Item
from portal.reassessment.foreseen_ahead import Ahead
from portal.reassessment.people import Named, people_in


def ahead(database: Database, organisation_id: uuid.UUID, now: datetime) -> list[Ahead]:
    """What the next look does to each campaign that goes on (foreseen_ahead.Look).

    How many may be invited in a day is not looked at: whoever waited for that is asked when they are tried again.
    """
    with database.looking(SYSTEM) as session:
        rows = session.scalars(
            select(Campaign)
            .where(Campaign.organisation_id == organisation_id, Campaign.state.not_in((PAUSED, CLOSED)))
            .order_by(Campaign.due, Campaign.id)
        ).all()
    return [_of(database, row, now) for row in rows]


def _of(database: Database, row: Campaign, now: datetime) -> Ahead:
    if row.state != RUNNING and running.acting(database, row.organisation_id, row.closed_by) is None:
        return Ahead()  # nobody is left in whose name it could go on
    with database.looking(SYSTEM) as session:
        if row.state in (SPARING, CLOSING):
            return Ahead(gone=frozenset(_open(session, row, *([silent()] if row.state == SPARING else []))))
        moved = _open(session, row, running.earlier(row)) if row.state == MOVING else []
    maker = running.identity_of(database, row.organisation_id, row.created_by)
    asked = () if maker is None else tuple(_asked(database, row, maker, now))
    return Ahead(moved=dict.fromkeys(moved, (row.due, row.due_time)), asked=asked)


def _open(session: Session, row: Campaign, *which: ColumnElement[bool]) -> list[uuid.UUID]:
    statement = select(Assessment.id).where(
        Assessment.organisation_id == row.organisation_id,
        Assessment.campaign_id == row.id,
        Assessment.state == "open",
        *which,
    )
    return list(session.scalars(statement))


def _asked(database: Database, row: Campaign, maker: Identity, now: datetime) -> Iterator[tuple[Item, Named]]:
    """Answers that will be asked for, of the vendors that can be asked as they stand now."""
    with database.looking(maker.scope) as session:
        waits = select(CampaignTarget).where(
            *mine(maker.scope, CampaignTarget),
            CampaignTarget.campaign_id == row.id,
            CampaignTarget.state == WAITING,
        )
        targets = {one.vendor_id: one for one in session.scalars(waits)}
        if not targets:
            return
        chosen = tuple(uuid.UUID(one) for target in targets.values() for one in target.engagements)
        lines = issuing_many.plan(session, maker, Choice(engagement_ids=chosen), running.order_of(row))
    for line in lines:
        tried = targets[line.vendor.id].at
        at = now if tried is None else max(now, tried + running.AGAIN)
        if line.why or ends(row.due, row.due_time, row.zone) <= at:
            continue
        item = Item(
            kind="campaign",
            subject=line.assessment_id,
            source=line.assessment_id,
            organisation_id=row.organisation_id,
            company_id=line.vendor.company_id,
            vendor_id=line.vendor.id,
            engagement_id=None,
            due=row.due,
            due_time=row.due_time,
            since=at,
            zone=row.zone,
            tier=row.ladder,
            code=row.slug,
            number=0,
        )
        contact = line.contact.email.casefold() if line.contact is not None else ""
        yield item, Named(people_in(issuer=maker.person.id), contact)


foreseen_ahead.register(ahead)
