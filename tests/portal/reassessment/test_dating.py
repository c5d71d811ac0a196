"""Dates of next assessments: from the anchor alone, and what a change of tier or policy does to them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from portal.access import OrganisationRole
from portal.assessments import change_steps, changing
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.reassessment import dating
from portal.reassessment.hindering import before_of
from portal.reassessment.models import CycleVersion, Reassessment
from portal.reassessment.rules_shape import shipped
from portal.settings import Settings
from portal.vendors.models import Engagement
from questionnaires.dates import add_months
from tests.portal import journey
from tests.portal.reassessment.given import noon, scheduled, submit
from tests.portal.world import NOW, Place, make_company, make_organisation

days = st.dates(date(2000, 1, 1), date(2060, 12, 31))


@given(anchor=days, months=st.integers(1, 60), cycle=st.integers(1, 40))
def test_a_date_counts_from_its_anchor_and_never_from_the_date_before(
    anchor: date, months: int, cycle: int
) -> None:
    due = dating.due_of(anchor, cycle, months, wanted=None, not_before=None)
    assert due == min(add_months(anchor, months * cycle), date(2199, 12, 31))
    if due.day != anchor.day:
        assert (due + timedelta(days=1)).day == 1, "shorter only where the month is"


@pytest.mark.parametrize(
    ("anchor", "months", "due"),
    [  # content/cadence, date_cases
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-01-31", 2, "2024-03-31"),
        ("2025-08-31", 6, "2026-02-28"),
    ],
)
def test_month_ends_and_leap_days(anchor: str, months: int, due: str) -> None:
    found = dating.due_of(date.fromisoformat(anchor), 1, months, wanted=None, not_before=None)
    assert found == date.fromisoformat(due)


def test_the_last_of_january_comes_back_to_the_end_of_each_month() -> None:
    found = [dating.due_of(date(2026, 1, 31), n, 1, wanted=None, not_before=None) for n in range(1, 41)]
    assert found[:3] == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    assert all((one + timedelta(days=1)).day == 1 for one in found)


@given(anchor=days, months=st.integers(1, 60), wanted=st.none() | days, floor=st.none() | days)
def test_what_is_wanted_pulls_a_date_forward_and_the_notice_holds_it(
    anchor: date, months: int, wanted: date | None, floor: date | None
) -> None:
    plain = dating.due_of(anchor, 1, months, wanted=None, not_before=None)
    found = dating.due_of(anchor, 1, months, wanted=wanted, not_before=floor)
    assert found <= max(plain, floor or plain)
    assert floor is None or found >= floor
    assert wanted is None or found <= max(wanted, floor or wanted)


@given(anchor=days, months=st.integers(1, 36), late=st.integers(0, 20_000))
def test_a_cycle_that_is_kept_has_one_date_in_the_future(anchor: date, months: int, late: int) -> None:
    as_of = min(anchor + timedelta(days=late), date(2099, 1, 1))
    cycle = dating.cycle_of(anchor, months, as_of)
    assert dating.due_of(anchor, cycle, months, wanted=None, not_before=None) > as_of
    if cycle > 1:
        assert dating.due_of(anchor, cycle - 1, months, wanted=None, not_before=None) <= as_of


@dataclass(frozen=True)
class Row:
    """The columns of a scheduled row; ``answered``: the day of its answers."""

    anchor: date
    due: date
    answered: date
    tier: str = "medium"
    cycle: int = 1
    wanted: date | None = None
    not_before: date | None = None
    why: str = ""


changes = st.lists(st.tuples(st.integers(1, 48), st.integers(0, 500)), min_size=1, max_size=6)


@given(anchor=days, changes=changes)
def test_however_often_rules_change_the_row_says_what_its_date_follows_from(
    anchor: date, changes: list[tuple[int, int]]
) -> None:
    row = Row(anchor, add_months(anchor, 24), anchor)
    today = anchor
    for each, gap in changes:
        today += timedelta(days=gap)
        earliest = today + timedelta(days=30)
        found = dating.moved(row, "high", each, today=today, earliest=earliest)
        assert found.due == dating.due_of(anchor, 1, each, wanted=found.wanted, not_before=found.not_before)
        if row.due < today:
            assert found.due == row.due, "what is overdue keeps its date"
        elif found.due < row.due:
            assert found.due >= min(earliest, row.due), "nothing is pulled nearer than the notice"
        row = replace(
            row, due=found.due, tier="high", wanted=found.wanted, not_before=found.not_before, why=found.why
        )


@pytest.mark.parametrize(("months", "due"), [
    (12, date(2027, 1, 15)), (24, date(2027, 1, 15)), (6, date(2026, 7, 15)), (18, date(2026, 7, 15)),
    (36, date(2028, 1, 15)),
])  # fmt: skip
def test_an_anchor_that_was_kept_counts_in_the_months_of_now_to_the_first_date_after_the_answers(
    months: int, due: date
) -> None:
    row = Row(date(2025, 1, 15), date(2027, 1, 15), date(2026, 3, 1), cycle=2)
    found = dating.moved(row, "medium", months, today=date(2026, 3, 2), earliest=date(2026, 4, 1))
    assert (found.due, found.months) == (due, months)
    assert found.due == dating.due_of(
        row.anchor, found.cycle, months, wanted=found.wanted, not_before=found.not_before
    )


# ------------------------------------------------------------------------------------------------------ on the database


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden", NOW - timedelta(days=900))


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark", NOW - timedelta(days=900))


def to_tier(database: Database, engagement: uuid.UUID, tier: str) -> None:
    with database.transaction() as session:
        session.execute(update(Engagement).where(Engagement.id == engagement).values(tier=tier))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)


def events(database: Database, kind: Kind) -> list[dict[str, Any]]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Event.data).where(Event.kind == kind.value).order_by(Event.at)))


def rows(database: Database) -> list[Reassessment]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Reassessment)))


@pytest.mark.both_databases
def test_a_tier_that_rises_pulls_the_date_forward_but_never_nearer_than_the_notice(
    database: Database, buyer: Place, company: Place
) -> None:
    issued = journey.issue(database, buyer, company, tier="low")
    submit(database, issued)
    (row,) = scheduled(database)
    assert row.due == date(2029, 11, 21)
    assert dating.work_out(database, now=NOW) == 0, "what was just worked out is not worked out again"
    to_tier(database, issued.engagements[0], "medium")
    assert dating.work_out(database, now=NOW) == 1
    assert dating.work_out(database, now=NOW) == 0
    (row,) = scheduled(database)
    assert (row.due, row.tier, row.months, row.why) == (date(2028, 11, 21), "medium", 24, "tier")
    # near the end of two years the tier rises again: one year is over already, so the notice counts
    to_tier(database, issued.engagements[0], "low")
    dating.work_out(database, now=NOW)
    to_tier(database, issued.engagements[0], "medium")
    late = date(2029, 10, 1)
    dating.work_out(database, now=noon(late))
    (row,) = scheduled(database)
    assert row.due == late + timedelta(days=30)
    assert row.due == dating.due_of(
        row.anchor, row.cycle, row.months, wanted=row.wanted, not_before=row.not_before
    )
    said = events(database, Kind.REASSESSMENT_MOVED)
    assert [(one["before"], one["due"], one["why"]) for one in said] == [
        ("2029-11-21", "2028-11-21", "tier"),
        ("2028-11-21", "2029-11-21", "tier"),
        ("2029-11-21", "2029-10-31", "tier"),
    ]


@pytest.mark.both_databases
def test_what_nobody_demands_any_more_is_left_and_comes_back_when_it_is_demanded(
    database: Database, buyer: Place, company: Place
) -> None:
    issued = journey.issue(database, buyer, company, tier="medium")  # asks for the lighter questionnaire
    submit(database, issued)
    to_tier(database, issued.engagements[0], "critical")
    dating.work_out(database, now=NOW)
    (row,) = rows(database)
    assert (row.state, row.why) == ("left", "policy")
    to_tier(database, issued.engagements[0], "low")
    dating.work_out(database, now=NOW)
    (row,) = scheduled(database)
    assert (row.anchor, row.due) == (NOW.date(), date(2029, 11, 21))
    submit(database, issued, assessment=journey.again(
        database, buyer, issued.vendor, issued.engagements, issued.definition
    ))  # fmt: skip
    assert sorted(one.state for one in rows(database)) == ["replaced", "scheduled"]


@pytest.mark.both_databases
@pytest.mark.parametrize(("late", "anchor", "due"), [
    ("moves", date(2029, 3, 1), date(2031, 3, 1)),
    ("keeps", date(2026, 11, 21), date(2030, 11, 21)),
])  # fmt: skip
def test_late_answers_move_the_cycle_or_keep_it(
    database: Database, buyer: Place, company: Place, late: str, anchor: date, due: date
) -> None:
    saved = replace(shipped(None), late=late)
    with database.transaction() as session:
        who = buyer[OrganisationRole.CISO].person.id
        session.add(CycleVersion(
            organisation_id=buyer.id, sequence=1, content=saved.to_bytes(), content_hash=saved.content_hash,
            created_at=NOW, created_by=who,
        ))  # fmt: skip
        record(session, Kind.CYCLE_CHANGED, now=NOW, actor=who, organisation_id=buyer.id)
    issued = journey.issue(database, buyer, company, tier="medium")
    submit(database, issued)
    again = journey.again(
        database, buyer, issued.vendor, issued.engagements, issued.definition, now=noon(date(2029, 2, 1))
    )
    submit(database, issued, assessment=again, now=noon(date(2029, 3, 1)))
    (row,) = scheduled(database)
    assert (row.anchor, row.due) == (anchor, due)
    assert dating.work_out(database, now=noon(date(2029, 3, 2))) == 0
    with database.transaction() as session:
        assert before_of(session, {row.id})[row.id].answered == date(2029, 3, 1), "said to the vendor"
    # the assessment is opened again, whole, and answered once more: as late as before
    ciso = buyer[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        asked, _vendor = change_steps.lock(session, ciso, again)
        until = date(2029, 4, 1)
        changing.reopen(session, asked, text="Once more.", due=until, actor=ciso, now=noon(date(2029, 3, 5)))
    submit(database, issued, assessment=again, now=noon(date(2029, 3, 10)))
    (row,) = scheduled(database)
    assert (row.anchor, row.due) == (anchor if late == "keeps" else date(2029, 3, 10), (
        due if late == "keeps" else date(2031, 3, 10)
    ))  # fmt: skip
    to_tier(database, issued.engagements[0], "low")
    dating.work_out(database, now=noon(date(2029, 3, 11)))
    (row,) = scheduled(database)
    assert row.due == (date(2029, 11, 21) if late == "keeps" else date(2032, 3, 10)), "three years"
    assert row.due == dating.due_of(
        row.anchor, row.cycle, row.months, wanted=row.wanted, not_before=row.not_before
    )
