"""An installation of before the cycle is upgraded: its first pass writes what the worker of before would have written.

That worker knew four steps of two kinds, told everybody at once, and put every step that had come into one letter.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import select, update

from portal import clock, schema, worker
from portal.access import CompanyRole, OrganisationRole
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database, UtcDateTime
from portal.organisations.models import Organisation
from portal.reassessment.models import Reassessment, ReminderStep
from portal.settings import Settings
from tests.portal import journey
from tests.portal.reassessment.given import noon, put_off, reminders, scheduled, submit
from tests.portal.reassessment.post import Post
from tests.portal.world import NOW, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases
BEFORE = "0023"  # the last revision before the tables of the cycle
DAY = date(2028, 10, 25)  # on which it is upgraded, a Wednesday; next assessments are due on 21 November
FOUR = {"before-30": -30, "before-7": -7, "on-the-day": 0, "after-7": 7}
# Days from the upgrade to the due date of open assessments -> the steps that the worker before has told.
OPEN = {
    60: (),
    21: ("before-30",),
    5: ("before-30",),
    7: (),
    0: ("before-30", "before-7"),
    -2: ("before-30", "before-7", "on-the-day"),
    -9: ("before-30", "before-7", "on-the-day"),
    -200: tuple(FOUR),
}
REMINDER = sa.table(
    "reminder",
    *(
        sa.column(name, sa.Uuid())
        for name in ("id", "organisation_id", "company_id", "subject_id", "person_id")
    ),
    *(sa.column("message_id", sa.Uuid()), sa.column("kind"), sa.column("step"), sa.column("due", sa.Date())),
    sa.column("queued_at", UtcDateTime()),
)


class Filled:
    """Open assessments all along the old ladder, and two next ones, one of which was told of; then the upgrade."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.buyer: Place = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
        company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
        owner = company[CompanyRole.OWNER].person.id
        self.next = [
            journey.issue(database, self.buyer, company, vendor_name=f"Next {number}", tier="medium")
            for number in (1, 2)
        ]
        for one in self.next:
            submit(database, one)
        self.rows = scheduled(database)
        of_first = self.rows[0].id, "reassessment", "before-30", self.rows[0].due
        told = [self._reminder(*of_first, who, None) for who in self.looks_after]
        self.open: dict[uuid.UUID, int] = {}
        for days, steps in OPEN.items():
            issued = journey.issue(database, self.buyer, company, vendor_name=f"Open {days}")
            due = DAY + timedelta(days=days)
            put_off(database, issued.assessment, due)
            self.open[issued.assessment] = days
            told += [
                self._reminder(issued.assessment, "assessment", step, due, owner, company.id)
                for step in steps
            ]
        self.owner = owner
        schema.downgrade(database, BEFORE)
        with database.writing.begin() as connection:
            connection.execute(REMINDER.insert(), told)
        schema.upgrade(database)
        with database.transaction() as session:  # as if that had been on DAY
            session.execute(update(Organisation).values(cycle_since=DAY))
            record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)

    @property
    def looks_after(self) -> set[uuid.UUID]:
        return {self.buyer[role].person.id for role in (OrganisationRole.ADMIN, OrganisationRole.CISO)}

    def _reminder(
        self,
        subject: uuid.UUID,
        kind: str,
        step: str,
        due: date,
        person: uuid.UUID,
        company: uuid.UUID | None,
    ) -> dict[str, Any]:
        return {
            "id": uuid.uuid4(), "organisation_id": self.buyer.id, "company_id": company, "subject_id": subject,
            "kind": kind, "step": step, "due": due, "person_id": person, "message_id": uuid.uuid4(), "queued_at": NOW,
        }  # fmt: skip

    def wanted(self) -> Iterator[tuple[uuid.UUID, str]]:
        """(subject, newest step) of each letter that the worker before would have written on DAY."""
        for subject, days in self.open.items():
            come = [step for step, day in FOUR.items() if days + day <= 0]
            if set(come) - set(OPEN[days]):
                yield subject, come[-1]
        for number, row in enumerate(self.rows):
            if number and row.due + timedelta(days=-30) <= DAY:
                yield row.id, "before-30"


@pytest.fixture
def filled(database: Database, settings: Settings) -> Filled:
    return Filled(database, settings)


def told(database: Database, before: datetime) -> dict[tuple[uuid.UUID, str], set[uuid.UUID]]:
    """(subject, step) -> people, of reminders that were not there before."""
    found: dict[tuple[uuid.UUID, str], set[uuid.UUID]] = {}
    for one in reminders(database):
        if one.queued_at > before:
            found.setdefault((one.subject_id, one.step), set()).add(one.person_id)
    return found


def test_the_first_pass_writes_what_the_worker_before_would_have_written(
    database: Database, filled: Filled
) -> None:
    asked = select(sa.func.count()).select_from(Assessment)
    with database.looking(SYSTEM) as session:
        count = session.scalar(asked)
        dates = dict(session.execute(select(Reassessment.id, Reassessment.due)).all())
    post = Post()
    report = worker.run_once(database, post, noon(DAY))
    assert report.faults == []
    found = told(database, NOW)
    assert set(found) == set(filled.wanted())
    after = {subject for subject, days in filled.open.items() if days == -9}
    for (subject, _step), people in found.items():
        if subject in filled.open:
            # New is that who issued it is told, too, a week after the date.
            issuer = {filled.buyer[OrganisationRole.CISO].person.id} if subject in after else set()
            assert people == {filled.owner} | issuer
        else:
            assert people == filled.looks_after
    with database.looking(SYSTEM) as session:
        assert session.scalar(asked) == count, "nothing is opened before somebody has saved rules"
        assert dict(session.execute(select(Reassessment.id, Reassessment.due)).all()) == dates
        skipped = session.execute(
            select(ReminderStep.subject_id, ReminderStep.step).where(ReminderStep.skipped == "overtaken")
        ).all()
    named = {days: subject for subject, days in filled.open.items()}
    assert {tuple(one) for one in skipped} == {(named[7], "before-30")}, "what was told is not passed over"
    to_vendor = [one for one in post.sent if one.letter.recipient == "owner@fennmark.example"]
    assert len([one for one in to_vendor if one.letter.kind.startswith(("digest", "reminder"))]) == 3


def test_a_repeat_of_the_first_pass_and_one_an_hour_later_write_nothing(
    database: Database, filled: Filled
) -> None:
    worker.run_once(database, Post(), noon(DAY))
    known = told(database, NOW)
    for later in (timedelta(0), timedelta(hours=1)):
        report = worker.run_once(database, Post(), noon(DAY) + later)
        assert (report.reminders, report.skipped, report.opened, report.faults) == (0, 0, 0, [])
    assert told(database, NOW) == known
    assert clock.local_date(noon(DAY), "Europe/Lisbon") == DAY
