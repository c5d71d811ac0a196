"""The worker's page, for the table of page states: passes, one that failed, what is stuck, a clock that was ahead."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select

from portal import clock
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.reassessment.models import Reassessment, ReminderStep
from portal.reassessment.models_runs import WorkerRun
from tests.browser.steps import State
from tests.portal.world import Place

US, NEW = "/o/{o}", "/o/{empty_o}"
STATES = [
    State("worker", "ciso", US + "/calendar/worker", "What it does next"),
    State("worker, for a business owner", "business_owner", US + "/calendar/worker", "Written by a clock"),
    State("worker, nothing ahead", "many", NEW + "/calendar/worker", "No step is ahead."),
]


def make(database: Database, quarry: Place) -> dict[str, uuid.UUID]:
    """Rows of the worker's diary, a next assessment that cannot be opened, and a step of a clock that was ahead."""
    now = clock.now()
    with database.transaction() as session:
        for minutes, counts, faults in (
            (90, {"reminders": 12, "sent": 3}, []),
            (60, {}, []),
            (30, {"sent": 1, "terms": 2}, ["campaigns", "clock"]),
        ):
            ended = now - timedelta(minutes=minutes)
            session.add(
                WorkerRun(
                    name="other:1",
                    began_at=ended - timedelta(minutes=10),
                    ended_at=ended,
                    passes=200,
                    counts=counts,
                    behind=7300 if faults else 0,
                    faults=faults,
                )
            )
        session.add(
            ReminderStep(
                id=uuid.uuid4(),
                subject_id=uuid.uuid4(),
                kind="reassessment",
                due=now.date(),
                step="before-60",
                organisation_id=quarry.id,
                company_id=None,
                day=now.date(),
                at=now + timedelta(days=1100),
                people=0,
                skipped="overtaken",
                made_id=None,
            )
        )
        row = session.scalars(
            select(Reassessment).where(
                Reassessment.organisation_id == quarry.id,
                Reassessment.state == "scheduled",
                Reassessment.slug
                == "privacy_processor",  # of the others the worker finds that nobody demands them
            )
        ).one()
        row.hindered, row.hindered_on = "no_contact", now.date()
        record(
            session, Kind.REASSESSMENT_HINDERED, now=now, actor=None, subject=row, data={"why": "no_contact"}
        )
    return {}
