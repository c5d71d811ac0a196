"""What ended or moved while nobody looked stands on record with its reason; what a person did by hand as well."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.assessments import change_steps, changing
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.reassessment import by_hand, dating, opening_job, unsaid
from portal.reassessment.generating import generate
from portal.reassessment.models import Reassessment, ReminderStep
from portal.settings import Settings
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.reassessment.given import noon, put_off, scheduled, submit
from tests.portal.world import NOW, Place, make_company, make_organisation

DUE = date(2027, 3, 17)


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden", NOW - timedelta(days=900))


@pytest.fixture
def issued(database: Database, settings: Settings, buyer: Place) -> Issued:
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    found = journey.issue(database, buyer, company)
    put_off(database, found.assessment, DUE)
    return found


def skipped(database: Database, kind: str) -> dict[tuple[date, str], str]:
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(ReminderStep.due, ReminderStep.step, ReminderStep.skipped).where(
                ReminderStep.kind == kind, ReminderStep.skipped != ""
            )
        )
        return {(one.due, one.step): one.skipped for one in rows}


@pytest.mark.both_databases
def test_what_was_answered_while_the_worker_slept_says_so(database: Database, issued: Issued) -> None:
    generate(database, now=noon(DUE - timedelta(days=60)))
    submit(database, issued, now=noon(DUE - timedelta(days=10)))
    later = noon(DUE - timedelta(days=3))
    assert unsaid.note(database, now=later) == 2
    assert unsaid.note(database, now=later) == 0
    assert skipped(database, "assessment") == {
        (DUE, "before-90"): "overtaken",
        (DUE, "before-30"): "answered",
        (DUE, "before-14"): "answered",
    }
    assert unsaid.note(database, now=later + timedelta(days=400)) == 0


@pytest.mark.both_databases
def test_a_date_that_moved_leaves_its_steps_on_record_under_the_date_of_before(
    database: Database, issued: Issued, buyer: Place
) -> None:
    ciso, later = buyer[OrganisationRole.CISO], DUE + timedelta(days=14)
    with database.transaction(ciso.scope) as session:
        one, _vendor = change_steps.lock(session, ciso, issued.assessment)
        changing.extend(
            session, one, actor=ciso, now=noon(DUE - timedelta(days=20)), due=later, text="Holidays."
        )
    assert unsaid.note(database, now=noon(DUE - timedelta(days=19))) == 3
    assert set(skipped(database, "assessment").items()) == {
        ((DUE, step), "moved") for step in ("before-90", "before-60", "before-30")
    }
    generate(database, now=noon(later - timedelta(days=14)))
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(ReminderStep.step, ReminderStep.skipped).where(ReminderStep.due == later)
        )
        found = dict(rows.all())
    assert found == {"before-30": "overtaken", "before-14": ""}, (
        "sixty days before it were over when it was set"
    )


def test_what_the_calendar_opened_says_so_of_its_earlier_steps(database: Database, issued: Issued) -> None:
    submit(database, issued)
    (row,) = scheduled(database)
    now = noon(row.due - timedelta(days=48))  # a Monday
    assert opening_job.open_due(database, now=now) == 1
    assert unsaid.note(database, now=now) == 2
    found = {step: why for (_due, step), why in skipped(database, "reassessment").items()}
    assert found == {"before-90": "opened", "before-60": "opened"}


def test_a_person_moves_a_date_within_a_year_and_leaves_it_out(
    database: Database, issued: Issued, buyer: Place
) -> None:
    submit(database, issued)
    (row,) = scheduled(database)
    ciso, auditor = buyer[OrganisationRole.CISO], buyer[OrganisationRole.AUDITOR]
    given = {"seen": row.due, "now": NOW}
    with pytest.raises(Refused), database.transaction(auditor.scope) as session:
        by_hand.move(session, row.id, row.due + timedelta(days=1), "vendor", actor=auditor, **given)
    for wrong in (NOW.date(), row.due, row.due + timedelta(days=367)):
        with pytest.raises(Invalid), database.transaction(ciso.scope) as session:
            by_hand.move(session, row.id, wrong, "vendor", actor=ciso, **given)
    with pytest.raises(Invalid), database.transaction(ciso.scope) as session:
        by_hand.move(session, row.id, row.due + timedelta(days=1), "because", actor=ciso, **given)
    for to in (row.due + timedelta(days=90), row.due - timedelta(days=90)):
        with database.transaction(ciso.scope) as session:
            seen = by_hand.scheduled(session, ciso, row.id).due
            by_hand.move(session, row.id, to, "vendor", seen=seen, actor=ciso, now=NOW)
        (found,) = scheduled(database)
        assert (
            found.due
            == to
            == dating.due_of(
                found.anchor, found.cycle, found.months, wanted=found.wanted, not_before=found.not_before
            )
        )
    with pytest.raises(Conflict), database.transaction(ciso.scope) as session:
        by_hand.leave(session, row.id, "ending", actor=ciso, **given)
    with database.transaction(ciso.scope) as session:
        by_hand.leave(session, row.id, "ending", seen=to, actor=ciso, now=NOW)
    assert scheduled(database) == []
    with pytest.raises(NotFound), database.transaction(ciso.scope) as session:
        by_hand.leave(session, row.id, "ending", seen=to, actor=ciso, now=NOW)
    submit(database, issued, assessment=journey.again(
        database, buyer, issued.vendor, issued.engagements, issued.definition
    ))  # fmt: skip
    with database.looking(SYSTEM) as session:
        assert Counter(session.scalars(select(Reassessment.state))) == {"left": 1, "scheduled": 1}
