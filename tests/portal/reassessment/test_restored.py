"""After a restore: what the worker writes waits for somebody's word, whatever waited in the backup."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from portal import outbox, restoring, worker
from portal.access import CompanyRole
from portal.assessments.models import Assessment
from portal.audit import holding
from portal.db import SYSTEM, Database
from portal.outbox import Letter, Message
from portal.pass_report import Report
from portal.reassessment.generating import generate
from portal.reassessment.models import ReminderEnd
from portal.settings import Settings
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.reassessment.given import put_off, reminders, submit
from tests.portal.reassessment.post import Post, ends
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
DUE = date(2027, 3, 17)  # a Wednesday
LATE = datetime(2027, 3, 12, 12, tzinfo=UTC)  # a Friday: the step of seven days before has come
MORNING = timedelta(days=1)
OPENS = datetime(2027, 9, 27, 6, tzinfo=UTC)  # the day on which next assessments are opened


@pytest.fixture
def issued(database: Database, settings: Settings) -> Issued:
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    found = journey.issue(database, buyer, company)
    put_off(database, found.assessment, DUE)
    with database.transaction() as session:
        session.execute(update(Message).values(state="sent"))
    return found


def states(database: Database) -> list[str]:
    """Of the letters that were not sent in the making of the world."""
    with database.looking(SYSTEM) as session:
        return sorted(session.scalars(select(Message.state).where(Message.state != "sent")))


def test_a_backup_of_a_quiet_hour_holds_what_is_generated_after_it(
    database: Database, issued: Issued
) -> None:
    assert restoring.settle(database, now=LATE).letters == 0
    assert generate(database, now=LATE).told == 1
    assert states(database) == ["held"]
    post = Post()
    worker.run_once(database, post, LATE + MORNING, remind=False)
    assert post.sent == []
    assert restoring.release_letters(database, send=True, now=LATE - timedelta(hours=1)) == 1, (
        "whatever clock"
    )
    worker.run_once(database, post, LATE + MORNING, remind=False)
    assert [one.letter.kind for one in post.sent] == ["digest"]
    assert generate(database, now=datetime(2027, 3, 17, 12, tzinfo=UTC)).told == 1
    assert states(database) == ["queued"]


def test_what_is_discarded_is_left_out_with_the_reason_and_the_next_step_is_told(
    database: Database, issued: Issued
) -> None:
    restoring.settle(database, now=LATE)
    generate(database, now=LATE)
    assert restoring.release_letters(database, send=False, now=LATE) == 1
    assert (states(database), ends(database)) == (["dropped"], ["discarded"])
    with database.looking(SYSTEM) as session:
        assert set(session.scalars(select(ReminderEnd.reminder_id))) == {
            one.id for one in reminders(database)
        }
    assert generate(database, now=LATE + timedelta(days=4)).told == 1
    assert states(database) == ["dropped", "queued"]


def test_every_restore_waits_for_a_release_of_its_own(database: Database) -> None:
    with database.looking(SYSTEM) as session:
        assert not holding.stands(session)
    for hours in (0, 1):
        restoring.settle(database, now=LATE + timedelta(hours=hours))
        with database.looking(SYSTEM) as session:
            assert holding.stands(session)
    restoring.release_letters(database, send=False, now=LATE)
    with database.looking(SYSTEM) as session:
        assert not holding.stands(session)


def test_what_the_calendar_opens_meanwhile_waits_and_what_a_person_asks_for_goes(
    database: Database, issued: Issued
) -> None:
    submit(database, issued)
    with database.transaction() as session:
        session.execute(update(Message).values(state="sent"))
    restoring.settle(database, now=OPENS)
    post = Post()
    (openings,) = [one for one in worker.BEFORE_REMINDERS if one.name == "openings"]
    openings.run(database, Report(), now=OPENS, stopping=lambda: False)
    worker.run_once(database, post, OPENS, remind=False)
    with database.looking(SYSTEM) as session:
        assert session.scalar(select(Assessment.id).where(Assessment.issued_at == OPENS)) is not None
    assert set(states(database)) == {"held"}
    with database.transaction() as session:
        outbox.queue(session, Letter("receipt", "a@b.example", "A", "S", "text", "html"), now=OPENS)
    worker.run_once(database, post, OPENS + timedelta(minutes=1), remind=False)
    assert [one.letter.kind for one in post.sent] == ["receipt"]
    restoring.release_letters(database, send=True, now=OPENS)
    worker.run_once(database, post, OPENS + timedelta(minutes=2), remind=False)
    owner = issued.company[CompanyRole.OWNER]
    assert "assessment_issued" in [one.letter.kind for one in post.to(owner)]
