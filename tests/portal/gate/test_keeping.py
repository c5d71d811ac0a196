"""What is stored of gates: kept by the worker, true on every day it is said to hold, each change written once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate import fresh, keeping, standings, working
from portal.gate.deciding import OUTCOMES, PASSING, decide
from portal.gate.facts import GateFacts
from portal.gate.keeping import Keeper
from portal.gate.standing import Decided, effective
from portal.gate.standing_models import BriefCondition, BriefSubmission, GateBrief, StandingRecord
from portal.portfolio import conditions, engagement_lists
from portal.reports import engagement_report, management
from portal.settings import Settings
from portal.vendors import policy_queries
from portal.vendors.ground import ground_moved
from portal.vendors.models import Engagement
from portal.vendors.policy import Policy
from portal.web import Portal
from tests.portal import journey
from tests.portal.gate.desk import ADMIN, make
from tests.portal.gate.given import TODAY, day
from tests.portal.gate.test_pages import Gate
from tests.portal.gate.test_standings import read
from tests.portal.gate.worse import ANY_FACTS, BY, POLICIES, defects
from tests.portal.once import made_once
from tests.portal.scene import Scene
from tests.portal.world import NOW, Place, make_company, make_organisation

CISO = OrganisationRole.CISO
ONE = timedelta(days=1)


# ------------------------------------------------------------------------------------------------------ the pure law


@given(ANY_FACTS, POLICIES, POLICIES, st.sampled_from([*OUTCOMES, "as proposed"]), st.data())
def test_nothing_changes_before_the_day_it_is_said_to(
    found: GateFacts, then: Policy, policy: Policy, outcome: str, data: st.DataObject
) -> None:
    proposal = decide(found, then)
    chosen = proposal.outcome if outcome == "as proposed" else outcome
    last = data.draw(st.integers(0, 30).map(day)) if chosen in PASSING else None
    decided = Decided(chosen, proposal, proposal.conditions, last, then, frozenset({BY}))  # type: ignore[arg-type]  # one of them
    now = data.draw(st.sampled_from([found, *(worse for _name, worse in defects(found))]))
    standing = data.draw(st.sampled_from([decided, None]))

    def said(on: date) -> tuple[Any, ...]:
        made = decide(replace(now, today=on), policy)
        reasons = [one.key for one in made.reasons]
        excepted = [one.key for one in made.grounds if one.result == "excepted"]
        if standing is None:
            return made.outcome, reasons, excepted
        holds = effective(standing, now, policy, on)
        lapses = [(one.code, one.subject) for one in holds.lapses]
        return made.outcome, reasons, excepted, holds.outcome, lapses, holds.open, holds.valid_until

    until = fresh.fresh_until(now, standing, policy, TODAY)
    assert TODAY < until <= TODAY + fresh.MOST_DAYS * ONE
    first = said(TODAY)
    for ahead in range((until - TODAY).days):
        assert said(TODAY + ahead * ONE) == first
    turns = fresh.days(now, standing, policy, TODAY, until=TODAY + 60 * ONE)
    here = first
    for ahead in range(1, 61):
        if TODAY + ahead * ONE in turns:
            here = said(TODAY + ahead * ONE)
        assert said(TODAY + ahead * ONE) == here
    ends = fresh.lapses_on(now, standing, policy, frozenset(), TODAY)
    passing = [effective(decided, now, policy, TODAY + ahead * ONE).outcome in PASSING for ahead in range(61)]
    if standing is None or not passing[0] or all(passing):
        assert ends is None
    else:
        assert ends == TODAY + passing.index(False) * ONE


def test_the_basis_follows_everything_that_it_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ("policy", "catalogue", "UTC", ["dora"])
    made = {fresh.basis(*whole)}  # type: ignore[arg-type]  # as written
    for changed in (
        ("x", *whole[1:]),
        ("policy", "x", *whole[2:]),
        (*whole[:2], "Asia/Tokyo", whole[3]),
        (*whole[:3], []),
    ):
        made.add(fresh.basis(*changed))  # type: ignore[arg-type]  # as written
    monkeypatch.setattr(fresh, "CODE", "another")
    made.add(fresh.basis(*whole))  # type: ignore[arg-type]  # as written
    assert len(made) == 6
    assert fresh.code_hash() == fresh.code_hash() != "another"


# ------------------------------------------------------------------------------------------------------- the database


def keep(database: Database, now: datetime = NOW) -> int:
    return Keeper(database).turn(lambda: now, seconds=60)


def rows(database: Database, model: Any, **which: Any) -> list[Any]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(model).filter_by(**which)))


def place_of(scene: Scene) -> Place:
    return scene.deals[0].organisation


def forget() -> None:
    """Also what could not be worked out: other tests have gates of the same ids (once.py)."""
    standings._worked._known.clear()
    standings._failed._known.clear()


def empty(database: Database) -> None:
    """The scene comes with what the worker has stored."""
    forget()
    with database.transaction(SYSTEM) as session:
        for model in (BriefCondition, BriefSubmission, GateBrief):
            session.execute(delete(model))


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.mark.both_databases
def test_what_is_stored_is_what_each_page_says_and_nothing_waits(database: Database, scene: Scene) -> None:
    place = place_of(scene)
    empty(database)
    made, waiting = read(database, place[CISO])
    assert waiting == 0
    written = keep(database)
    assert written >= len(made)
    assert keep(database) == 0
    forget()
    stored, waiting = read(database, place[CISO], most=0)
    assert waiting == 0
    assert {key: tuple(one) for key, one in stored.items()} == {key: tuple(one) for key, one in made.items()}
    with database.looking(place[CISO].scope) as session:
        found = standings.relation(session, place[CISO], today=TODAY, now=NOW, most=0)
        beside = [
            set(map(tuple, session.execute(select(one)))) for one in (found.conditions, found.submissions)
        ]
    empty(database)
    with database.looking(place[CISO].scope) as session:
        found = standings.relation(session, place[CISO], today=TODAY, now=NOW)
        assert beside == [
            set(map(tuple, session.execute(select(one)))) for one in (found.conditions, found.submissions)
        ]


@pytest.mark.both_databases
def test_a_stored_standing_is_true_on_every_day_it_is_said_to_hold(database: Database, scene: Scene) -> None:
    """The law that figures rest on: read with the loaders, too, on each day of the interval of each gate."""
    place = place_of(scene)
    for start in (NOW, NOW + 27 * ONE, NOW + 200 * ONE):
        keep(database, start)
        for row in rows(database, GateBrief, organisation_id=place.id):
            assert row.day <= start.date() < row.until
            for ahead in range((row.until - start.date()).days):
                with database.looking(SYSTEM) as session:
                    rules = working.rules(session, place.id)
                    on = start + ahead * ONE
                    found = working.looked_at(session, place.id, [row.engagement_id], rules, now=on)
                    made = found.made[row.engagement_id]
                values = dict(
                    zip(standings.COLUMNS, standings.brief_row(row.engagement_id, made), strict=True)
                )
                values.pop("lapses_on")  # looks 60 days ahead of the day that it was worked out on
                assert {name: getattr(row, name) for name in values} == values


@pytest.mark.both_databases
def test_moved_ground_is_stale_at_once_and_stored_anew(database: Database, scene: Scene) -> None:
    deal = scene.deals[0]
    place = deal.organisation
    keep(database)
    (first,) = rows(database, StandingRecord, engagement_id=deal.engagement)
    assert first.tier != "low"
    with database.transaction(SYSTEM) as session:
        ground_moved(session, place.id, [deal.engagement])
        session.execute(
            update(Engagement)
            .where(Engagement.id == deal.engagement, Engagement.organisation_id == place.id)
            .values(tier="low")
        )
        record(
            session,
            Kind.ENGAGEMENT_CHANGED,
            now=NOW,
            actor=place[CISO],
            subject=session.get(Engagement, deal.engagement),
        )
    found, waiting = read(database, place[CISO], most=0)
    assert (found[deal.engagement], waiting) == (None, 1)
    assert keep(database) == 1
    found, waiting = read(database, place[CISO], most=0)
    assert found[deal.engagement] is not None
    assert waiting == 0
    history = rows(database, StandingRecord, engagement_id=deal.engagement)
    assert {one.sequence: one.tier for one in history} == {1: first.tier, 2: "low"}


@pytest.fixture
@made_once
def passing(app: Portal, database: Database, settings: Settings) -> Gate:
    """A gate that two people let pass until a condition is due, 29 days from now; then it is blocked."""
    place = make_organisation(database, settings, "Halden")
    desk = make(database, place, make_company(database, settings, "Fennmark"))
    journey.submit(database, desk.issued)
    gate = Gate(app, desk)
    assert gate.post(CISO, gate.fields()).status_code == 303
    path, seal = gate.waiting()
    assert gate.post(ADMIN, {"do": "approve", "seal": seal}, path).status_code == 303
    return gate


@pytest.mark.both_databases
def test_days_that_a_worker_slept_through_are_written_under_their_own(
    passing: Gate, database: Database
) -> None:
    place, engagement = passing.desk.place, passing.desk.engagement
    keep(database)
    (row,) = rows(database, GateBrief, engagement_id=engagement)
    assert (row.outcome, row.lapses_on) == ("clear_with_conditions", TODAY + 30 * ONE)
    late = NOW + 60 * ONE
    keep(database, late)
    keep(database, late)
    history = sorted(rows(database, StandingRecord, engagement_id=engagement), key=lambda one: one.sequence)
    assert [(one.day, one.outcome) for one in history] == [
        (TODAY, "clear_with_conditions"),
        (TODAY + 30 * ONE, "blocked"),
    ]
    with database.looking(SYSTEM) as session:
        said = session.scalars(select(Event).where(Event.kind == Kind.STANDING_CHANGED.value)).all()
    assert [(one.subject_id, one.organisation_id, one.company_id) for one in said] == [
        (engagement, place.id, None)
    ]
    assert said[0].data == {"from": "clear_with_conditions", "to": "blocked", "why": "days"}


@pytest.mark.both_databases
def test_a_condition_that_was_missed_stays_on_its_list_as_late(passing: Gate, database: Database) -> None:
    """On the day before it is due and on the day after, stored and worked out: it never goes away by itself."""
    ciso = passing.desk.place[CISO]
    for days, late in ((29, 0), (30, 1), (31, 1)):
        now = NOW + days * ONE
        keep(database, now)
        for stored in (True, False):
            if not stored:
                empty(database)
                forget()
            with database.looking(ciso.scope) as session:
                found = standings.relation(session, ciso, today=now.date(), now=now)
                listed = [
                    session.execute(
                        conditions.keys(ciso, found, conditions.Filter(due), today=now.date())
                    ).all()
                    for due in ("", conditions.LATE)
                ]
            assert [len(one) for one in listed] == [1, late]


def test_a_report_says_the_last_day_on_which_a_gate_passes_if_nobody_does_anything(
    passing: Gate, app: Portal, database: Database
) -> None:
    """A condition ends it after 29 days; the decision itself would hold for longer."""
    place = passing.desk.place
    with app.test_request_context(), database.looking(place[CISO].scope) as session:
        shown = engagement_report.read(session, place[CISO], passing.desk.engagement, now=NOW)
        assert shown.subject.decision is not None
        assert (shown.subject.decision.valid_until or TODAY) > TODAY + 29 * ONE
        assert management.until(shown) == TODAY + 29 * ONE
        relation = standings.relation(session, place[CISO], today=TODAY, now=NOW)
        policy = policy_queries.current(session, place.id)
        (row,) = engagement_lists.rows(session, place[CISO], [passing.desk.engagement], relation, policy)
        assert shown.residual == row.residual  # the list says the same
        late = NOW + 30 * ONE
        shown = engagement_report.read(session, place[CISO], passing.desk.engagement, now=late)
        assert management.until(shown) is None


@pytest.mark.both_databases
def test_who_decides_anew_is_the_event_and_the_history_has_both(passing: Gate, database: Database) -> None:
    keep(database)
    assert passing.post(CISO, passing.fields(outcome="blocked", valid_until="")).status_code == 303
    path, seal = passing.waiting()
    assert passing.post(ADMIN, {"do": "approve", "seal": seal}, path).status_code == 303
    assert keep(database) == 1
    history = sorted(rows(database, StandingRecord), key=lambda one: one.sequence)
    assert [one.outcome for one in history] == ["clear_with_conditions", "blocked"]
    assert not rows(database, Event, kind=Kind.STANDING_CHANGED.value)


@pytest.mark.both_databases
def test_two_workers_write_each_change_once_and_old_news_is_dropped(
    passing: Gate, database: Database
) -> None:
    place, engagement = passing.desk.place, passing.desk.engagement
    old = keeping.stale(database, place.id, now=NOW)
    with ThreadPoolExecutor(2) as pool:
        written = [one.result(60) for one in [pool.submit(keep, database) for _ in range(2)]]
    gates = rows(database, GateBrief)
    assert sum(written) == len(gates)
    history = rows(database, StandingRecord)
    assert len(history) == len(gates) == len({one.engagement_id for one in history})
    with database.transaction(SYSTEM) as session:
        ground_moved(session, place.id, [engagement])
        record(
            session,
            Kind.ENGAGEMENT_CHANGED,
            now=NOW,
            actor=place[CISO],
            subject=session.get(Engagement, engagement),
        )
    assert (
        keeping.store(database, old, now=NOW) == 0
    )  # the ground of one has moved, the others are as new already
    assert len(rows(database, StandingRecord)) == len(gates)


def test_a_worker_that_dies_before_it_commits_leaves_nothing(
    passing: Gate, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(keeping, "_write", die)
        with pytest.raises(KeyboardInterrupt):
            keep(database)
    assert not rows(database, GateBrief)
    assert not rows(database, StandingRecord)
    assert keep(database) == len(rows(database, GateBrief)) > 0


def test_what_was_stored_wrongly_is_found_said_and_mended(
    database: Database, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    deal = scene.deals[0]
    keep(database)
    assert keeping.mend(database, deal.organisation.id, now=NOW) == 0
    before = rows(database, GateBrief, engagement_id=deal.engagement)[0].proposed
    with database.transaction(SYSTEM) as session:
        session.execute(
            update(GateBrief).where(GateBrief.engagement_id == deal.engagement).values(proposed="clear")
        )
    assert keeping.mend(database, deal.organisation.id, now=NOW) == 1
    assert rows(database, GateBrief, engagement_id=deal.engagement)[0].proposed == before != "clear"
    assert str(deal.engagement) in caplog.text
    beside = len(rows(database, BriefSubmission, engagement_id=deal.engagement))
    with database.transaction(SYSTEM) as session:
        session.execute(delete(BriefSubmission).where(BriefSubmission.engagement_id == deal.engagement))
    assert keeping.mend(database, deal.organisation.id, now=NOW) == 1
    assert len(rows(database, BriefSubmission, engagement_id=deal.engagement)) == beside > 0
