"""What is put on record of next assessments that the calendar does not open on their day: why, since when, and that
nothing hinders them any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.reassessment.dating import SCHEDULED
from portal.reassessment.hindering import ASKS
from portal.reassessment.models import Reassessment
from portal.reassessment.opening import Opening
from portal.reassessment.people import chunks


def hinder(database: Database, one: Opening, code: str, *, today: date, now: datetime) -> None:
    """Why it could not be opened, where that is new; it is tried again in each pass."""
    ids = {row.id for row in one.rows}
    with database.looking(SYSTEM) as session:
        known: set[uuid.UUID] = set()
        for some in chunks(ids):
            known |= set(
                session.scalars(
                    select(Reassessment.id).where(Reassessment.id.in_(some), Reassessment.hindered == code)
                )
            )
    if ids <= known:
        return
    with database.transaction() as session:
        _say(session, sorted(ids - known), code, today=today, now=now)


def ask(
    database: Database,
    found: Sequence[Opening],
    *,
    today: date,
    now: datetime,
    stopping: Callable[[], bool],
) -> None:
    """That these wait for somebody's word, as the rules want it."""
    new = {row.id for one in found for row in one.rows if row.hindered != ASKS}
    for some in chunks(new):
        if stopping():
            return
        with database.transaction() as session:
            _say(session, some, ASKS, today=today, now=now)


def clear(
    database: Database, organisation_id: uuid.UUID, still: Collection[uuid.UUID], *, asks: bool, now: datetime
) -> None:
    """Take back what hindered rows that are not to be opened now: all but ``still``. ``asks``: the rules ask first;
    where they do not, no row waits for somebody's word.
    """
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(Reassessment.id, Reassessment.hindered).where(
                Reassessment.organisation_id == organisation_id,
                Reassessment.state == SCHEDULED,
                Reassessment.hindered != "",
            )
        ).all()
    over = {row.id: row.hindered for row in rows if is_over(row.hindered, row.id in still, asks=asks)}
    for some in chunks(set(over)):
        with database.transaction() as session:
            found = session.scalars(
                select(Reassessment)
                .where(Reassessment.id.in_(some), Reassessment.state == SCHEDULED)
                .order_by(Reassessment.id)
                .with_for_update()
            ).all()
            for row in found:
                if row.hindered != over[row.id]:
                    continue  # another worker has found another reason meanwhile
                data = {"why": row.hindered}
                row.hindered, row.hindered_on = "", None
                record(
                    session,
                    Kind.REASSESSMENT_FREED,
                    now=now,
                    actor=None,
                    subject=row,
                    data=data,
                    ours=True,
                )


def is_over(code: str, due: bool, *, asks: bool) -> bool:
    """Whether what hindered a row does so no more; ``due``: it is to be opened now."""
    return not due or (code == ASKS and not asks)


def _say(session: Session, ids: Sequence[uuid.UUID], code: str, *, today: date, now: datetime) -> None:
    new = session.scalars(
        select(Reassessment)
        .where(
            Reassessment.id.in_(ids),
            Reassessment.state == SCHEDULED,
            Reassessment.hindered != code,
        )
        .order_by(Reassessment.id)
        .with_for_update()
    ).all()
    for row in new:
        row.hindered, row.hindered_on = code, today
        record(
            session,
            Kind.REASSESSMENT_HINDERED,
            now=now,
            actor=None,
            subject=row,
            data={"why": code},
            ours=True,
        )
