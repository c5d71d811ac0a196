"""Every figure of the home page is the length of the list that it opens: over random portfolios, and page by page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as chosen
from hypothesis import strategies as st
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.access import Identity, OrganisationRole
from portal.assessments import organisation_queries as assessments
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.findings import lists as findings
from portal.gate import standings, working
from portal.gate.keeping import Keeper
from portal.gate.models import RiskException
from portal.gate.standing_models import BriefCondition, BriefSubmission, GateBrief, StandingRecord
from portal.gate.standings import Relation
from portal.portfolio import (
    changes,
    concentration_queries,
    conditions,
    engagement_lists,
    exceptions,
    figures,
)
from portal.portfolio.figures import (
    ASSESSMENTS,
    CHANGES,
    CONDITIONS,
    ENGAGEMENTS,
    EVIDENCE,
    EXCEPTIONS,
    FINDINGS,
    INCIDENTS,
    PARTY,
    REVIEWS,
    SCHEDULE,
    TRIGGERS,
    Figure,
    Home,
)
from portal.portfolio.models import FourthParty
from portal.portfolio.words import firm_key
from portal.reassessment import ending, incident_queries, triggers
from portal.reassessment import queries as reassessment
from portal.reassessment.models import Reassessment
from portal.review import queue
from portal.vendors import policy_queries
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from questionnaires.dates import add_months
from tests.conftest import FULL
from tests.portal.scene import Scene
from tests.portal.world import NOW, Place, signed_in

pytestmark = pytest.mark.both_databases
TODAY = date(2026, 11, 21)
SINCE = add_months(TODAY, -1)
ROLES = (OrganisationRole.CISO, OrganisationRole.AUDITOR, OrganisationRole.BUSINESS_OWNER)
OUTCOMES = (None, "clear", "clear_with_conditions", "pending", "blocked")
DAYS = st.integers(-40, 70)

# One engagement as it may stand: what is stored of its gate, what stood before, what hangs on it.
ONE = st.fixed_dictionaries(
    {
        "tier": st.sampled_from(TIERS),
        "owned": st.booleans(),
        "offboarded": st.sampled_from([None, None, None, 3, 50]),
        "age": st.sampled_from([1, 20, 400]),
        "stored": st.sampled_from(["", "fresh", "fresh", "stale"]),
        "outcome": st.sampled_from(OUTCOMES),
        "decided": st.sampled_from(OUTCOMES),
        "level": st.sampled_from([None, 1, 2, 3, 4]),
        "lapses": st.none() | st.integers(1, 59),
        "due": st.lists(st.none() | DAYS, max_size=2),
        "missing": st.integers(0, 2),
        "excepted": st.integers(0, 1),
        "then": st.none() | st.tuples(st.sampled_from(TIERS), st.sampled_from(OUTCOMES), st.integers(1, 4)),
        "exception": st.none() | st.tuples(st.sampled_from(["approved", "waiting", "refused"]), DAYS),
        "names": st.booleans(),
    }
)


@pytest.fixture
def alder(scene: Scene) -> Place:
    return scene.places["Kzalder"]


def put(session: Session, place: Place, one: dict[str, Any]) -> None:
    """An engagement of a vendor of its own, with rows as the services and the keeper write them."""
    vendor_id, engagement_id = uuid.uuid4(), uuid.uuid4()
    here = {"organisation_id": place.id}
    gone = None if one["offboarded"] is None else NOW - timedelta(days=one["offboarded"])
    name = f"kzalder {vendor_id}"
    vendor = Vendor(
        id=vendor_id, **here, name=name, name_key=name, revision=1, created_at=NOW, offboarded_at=gone
    )
    owner = place[OrganisationRole.BUSINESS_OWNER].person.id if one["owned"] else None
    session.add(vendor)
    session.flush()
    session.add(
        Engagement(
            id=engagement_id,
            **here,
            vendor_id=vendor_id,
            name=name,
            name_key=name,
            description="",
            facts={},
            tier=one["tier"],
            business_owner_id=owner,
            revision=1,
            created_at=NOW - timedelta(days=one["age"]),
        )
    )
    session.flush()
    record(session, Kind.VENDOR_CREATED, now=NOW, actor=place[OrganisationRole.CISO], subject=vendor)
    if one["stored"]:
        basis = working.rules(session, place.id).basis
        due = list(dict.fromkeys(one["due"]))
        session.add(
            GateBrief(
                engagement_id=engagement_id,
                **here,
                ground_revision=0 if one["stored"] == "fresh" else -1,
                basis=basis,
                day=TODAY,
                until=TODAY + timedelta(days=7),
                outcome=one["outcome"],
                decided_outcome=one["decided"],
                proposed="pending",
                level=one["level"],
                high=one["level"],
                missing=one["missing"],
                lapsed=one["outcome"] != one["decided"],
                open_conditions=len(due),
                excepted=one["excepted"],
                lapses_on=TODAY + timedelta(days=one["lapses"]) if one["lapses"] else None,
                reasons=[],
                lapses=[],
            )
        )
        session.flush()
        for at, days in enumerate(due):
            day = None if days is None else TODAY + timedelta(days=days)
            session.add(
                BriefCondition(
                    engagement_id=engagement_id,
                    **here,
                    code="evidence",
                    subject=f"k{at}",
                    due=day,
                    lapses_to="pending",
                )
            )
        if one.get("names"):  # what it rests on names a firm
            said = select(FourthParty.submission_id).where(FourthParty.organisation_id == place.id)
            session.add(
                BriefSubmission(
                    engagement_id=engagement_id,
                    **here,
                    slug="security_lite",
                    submission_id=session.scalars(said.limit(1)).one(),
                    demanded=True,
                )
            )
    if one["then"]:
        tier, outcome, level = one["then"]
        session.add(
            StandingRecord(
                **here,
                engagement_id=engagement_id,
                sequence=1,
                day=SINCE - timedelta(days=2),
                at=NOW,
                tier=tier,
                outcome=outcome,
                level=level,
                high=level,
            )
        )
    if one["exception"]:
        state, days = one["exception"]
        session.add(
            RiskException(
                **here,
                engagement_id=engagement_id,
                code="band",
                subject="core",
                measure=1,
                tier=one["tier"],
                until=TODAY + timedelta(days=days),
                reason="",
                state=state,
                proposed_at=NOW,
                proposed_by=place[OrganisationRole.CISO].person.id,
            )
        )
    session.flush()


def opened(
    session: Session, identity: Identity, relation: Relation, found: Home, figure: Figure, zone: str
) -> int:
    """How long the list behind a figure is: its address read back as the list reads it, its own statement run."""
    given = MultiDict(dict(figure.arguments))
    if figure.endpoint == ENGAGEMENTS:
        narrowed = engagement_lists.filter_from(given)
        statement = engagement_lists.ids(identity, narrowed, relation, found.policy, today=TODAY)
    elif figure.endpoint == CHANGES:
        of = changes.Filter(date.fromisoformat(given["since"]), given.get("what", ""))
        statement = changes.Compared(identity, relation, of.since, zone).ids(of)
    elif figure.endpoint == CONDITIONS:
        statement = conditions.keys(identity, relation, conditions.Filter(given.get("due", "")), today=TODAY)
    elif figure.endpoint == EXCEPTIONS:
        statement = exceptions.ids(identity, exceptions.Filter(given.get("state", "")), today=TODAY)
    elif figure.endpoint == SCHEDULE:
        wanted = reassessment.Filter(
            given.get("period", "all"), given.get("month", ""), given.get("part", "")
        )
        base = reassessment.next_base(identity, Reassessment.id)
        statement = base.where(*reassessment.next_criteria(wanted, today=TODAY))
    elif figure.endpoint == ASSESSMENTS:
        statement = assessments.ids(identity, assessments.Filter(state=given["state"]), today=TODAY)
    elif figure.endpoint == FINDINGS:
        statement = findings.ids(identity, findings.Filter(**given.to_dict()), today=TODAY)
    elif figure.endpoint == REVIEWS:
        statement = queue.ids(identity, queue.Filter())
    elif figure.endpoint == INCIDENTS:
        statement = incident_queries.ids(identity, given["state"])
    elif figure.endpoint == TRIGGERS:
        statement = triggers.ids(identity, given["state"])
    elif figure.endpoint == EVIDENCE:
        first, last = ending.period(given["until"], TODAY)
        statement = ending.ids(identity, first=first, last=last)
    else:
        assert figure.endpoint == PARTY
        firm = concentration_queries.Filter(tier=given["tier"], key=firm_key(given["name"]))
        statement = concentration_queries.engagements(session, identity, firm, relation)
    return len(session.execute(statement).all())


def check(database: Database, identity: Identity, most: int) -> Home:
    with database.read_session(identity.scope) as session:
        found = figures.home(session, identity, today=TODAY, now=NOW, since=SINCE, most=most)
        relation = standings.relation(session, identity, today=TODAY, now=NOW, most=most)
        wrong = {
            key: (figure.count, length)
            for key, figure in found.figures.items()
            if (length := opened(session, identity, relation, found, figure, "UTC")) != figure.count
        }
    assert wrong == {}
    drawn = found.matrix
    for row in (*drawn.rows, drawn.sums):
        assert sum(one.count for one in row[:-1]) == row[-1].count
    for at, total in enumerate(drawn.sums):
        assert sum(row[at].count for row in drawn.rows) == total.count
    assert drawn.framed == found.count("below")
    assert sum(count for _risk, count in found.residual) == found.count("all")
    gates = ("clear", "clear_with_conditions", "pending", "blocked", "undecided", "working")
    assert sum(found.count(f"gate:{one}") for one in gates) == found.count("all")
    return found


@given(st.data())
@chosen(
    max_examples=40 if FULL else 3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_each_figure_is_the_length_of_its_list(database: Database, alder: Place, data: st.DataObject) -> None:
    """The portfolio grows with each example; the keeper has looked at none of what is new, or at all of it."""
    with database.transaction(SYSTEM) as session:
        for one in data.draw(st.lists(ONE, min_size=3, max_size=6)):
            put(session, alder, one)
    if data.draw(st.booleans(), label="the keeper runs"):
        Keeper(database).turn(lambda: NOW, seconds=60)
    for role in ROLES:
        for most in (0, 40):
            check(database, alder[role], most)


@pytest.mark.parametrize("role", ROLES)
def test_each_figure_on_the_page_opens_a_list_of_that_length(
    app: Portal, database: Database, alder: Place, role: OrganisationRole
) -> None:
    """All of them, those that are nothing too, and those that belong to other features' lists."""
    one = {
        "tier": "high",
        "owned": True,
        "offboarded": None,
        "age": 1,
        "stored": "fresh",
        "outcome": "clear",
        "decided": "clear",
        "level": 2,
        "lapses": 5,
        "due": [3, -3],
        "missing": 1,
        "excepted": 0,
        "then": ("low", "blocked", 4),
        "exception": ("approved", 9),
    }
    with database.transaction(SYSTEM) as session:
        for changed in (
            {},
            {"level": 1, "outcome": "blocked", "tier": "critical"},
            {"offboarded": 3},
            {"stored": ""},
        ):
            put(session, alder, one | changed)
    browser, identity = signed_in(app, alder[role]), alder[role]
    page = browser.get(f"/o/{alder.slug}/portfolio?since={SINCE}")
    assert page.status_code == 200
    drawn = re.findall(r'data-figure="([^"]+)" data-count="(\d+)" href="([^"]+)"', page.text)
    assert len(drawn) > 20
    with database.read_session(identity.scope) as session:
        found = figures.home(session, identity, today=TODAY, now=NOW, since=SINCE)
    assert {key: int(count) for key, count, _href in drawn} == {
        key: found.figures[key].count for key, _count, _href in drawn
    }
    assert sum(bool(one.count) for one in found.figures.values()) > 25
    for key, count, href in dict.fromkeys(drawn):
        answer = browser.get(href.replace("&amp;", "&"))
        assert answer.status_code == 200
        totals = re.findall(r'<data class="total muted" value="(\d+)">', answer.text)
        assert [int(one) for one in totals] == ([int(count)] if int(count) else totals[:0]), key


def stood(**changes: Any) -> dict[str, Any]:
    """One engagement as ``put`` takes it, with nothing that hangs on it."""
    found: dict[str, Any] = {
        "tier": "high", "owned": False, "offboarded": None, "age": 400, "stored": "fresh", "outcome": "clear",
        "decided": "clear", "level": 3, "lapses": None, "due": [], "missing": 0, "excepted": 0, "then": None,
        "exception": None,
    }  # fmt: skip
    return found | changes


@pytest.mark.parametrize(
    ("then", "now", "whats"),
    [
        (("high", None, None), {"outcome": "clear", "level": 3}, {"better", "gained"}),
        (("high", None, 3), {"outcome": "pending", "level": 3}, set()),
        (("high", None, 3), {"outcome": "blocked", "level": 3}, {"worse"}),
        (("high", "clear", 3), {"outcome": None, "level": None}, {"worse", "lost"}),
        (("high", "clear", 3), {"outcome": "clear", "level": 2}, {"fell"}),
        (("high", "clear", 3), {"stored": ""}, set()),
        (None, {"outcome": "blocked", "level": 1}, set()),
    ],
)
def test_a_first_decision_and_a_band_that_comes_or_goes_are_changes(
    database: Database, alder: Place, then: Any, now: dict[str, Any], whats: set[str]
) -> None:
    """Undecided is as pending: purchasing waits. Of a gate that is being worked out nobody says that it changed."""
    ciso = alder[OrganisationRole.CISO]
    with database.transaction(SYSTEM) as session:
        before = set(session.scalars(select(Engagement.id)))
        put(session, alder, stood(then=then, **now))
        (ours,) = set(session.scalars(select(Engagement.id))) - before
    with database.read_session(ciso.scope) as session:
        relation = standings.relation(session, ciso, today=TODAY, now=NOW, most=0)
        compared = changes.Compared(ciso, relation, SINCE, "UTC")
        (row,) = compared.rows(session, [ours])
        listed = session.scalars(compared.ids(changes.Filter(SINCE))).all()
    assert set(row.whats) == whats
    assert (ours in listed) is bool(whats)


@pytest.mark.parametrize(("day", "whats"), [(-1, {"fell", "worse"}), (0, set())])
def test_what_happened_on_the_day_itself_is_since_that_day(
    database: Database, alder: Place, day: int, whats: set[str]
) -> None:
    """A record of the day is no "then", as an engagement that was made on it is new."""
    ciso = alder[OrganisationRole.CISO]
    with database.transaction(SYSTEM) as session:
        before = set(session.scalars(select(Engagement.id)))
        put(session, alder, stood(then=("high", "clear", 4), level=3, outcome="blocked", decided="blocked"))
        (ours,) = set(session.scalars(select(Engagement.id))) - before
        (record_,) = session.scalars(select(StandingRecord).where(StandingRecord.engagement_id == ours))
        since = record_.day - timedelta(days=day)
    with database.read_session(ciso.scope) as session:
        relation = standings.relation(session, ciso, today=TODAY, now=NOW, most=0)
        (row,) = changes.Compared(ciso, relation, since, "UTC").rows(session, [ours])
    assert set(row.whats) == whats


@pytest.mark.sqlite_itself
def test_what_changed_is_read_backwards_from_now(database: Database, alder: Place) -> None:
    """The newest record of each engagement by its key: history grows for ever and is never read whole."""
    ciso = alder[OrganisationRole.CISO]
    with database.read_session(ciso.scope) as session:
        relation = standings.relation(session, ciso, today=TODAY, now=NOW)
        compared = changes.Compared(ciso, relation, SINCE, "UTC")
        asked: list[Any] = []
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        session.execute(compared.base(func.count()))
        statement, given = asked[0]
        plan = [one[3] for one in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
    about = [one for one in plan if "standing_record" in one]
    assert about
    assert not any(one.startswith("SCAN") for one in about), about


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield said
    event.remove(database.engine, "before_cursor_execute", note)


def test_the_page_asks_as_much_of_few_engagements_as_of_many(
    app: Portal, database: Database, alder: Place
) -> None:
    one = {
        "tier": "low",
        "owned": False,
        "offboarded": None,
        "age": 1,
        "stored": "fresh",
        "outcome": "clear",
        "decided": "clear",
        "level": 3,
        "lapses": 5,
        "due": [3],
        "missing": 0,
        "excepted": 1,
        "then": ("low", "blocked", 4),
        "exception": ("approved", 9),
    }
    pages = ("portfolio", "portfolio/changes", "portfolio/conditions", "portfolio/exceptions")
    pages += ("gates", "engagements", "portfolio/report")
    browser, asked = signed_in(app, alder[OrganisationRole.CISO]), []
    with database.transaction(SYSTEM) as session:
        for _each in range(8):
            put(session, alder, one)
    for _round in range(2):
        counts = []
        for page in pages:
            with counting(database) as said:
                assert browser.get(f"/o/{alder.slug}/{page}").status_code == 200
            counts.append(len(said))
        asked.append(counts)
        with database.transaction(SYSTEM) as session:
            for _each in range(20):
                put(session, alder, one)
    assert asked[0] == asked[1]
    assert asked[0][0] <= 40


def test_many_figures_are_counted_in_one_pass_over_few_tables(database: Database, alder: Place) -> None:
    """One FROM and no EXISTS: what needs more is counted by a list of its own."""
    identity = alder[OrganisationRole.CISO]
    with database.read_session(identity.scope) as session:
        relation = standings.relation(session, identity, today=TODAY, now=NOW)
        policy = policy_queries.current(session, alder.id)
        for _key, narrowed in figures.engagement_filters():
            criteria = engagement_lists.criteria(identity, narrowed, relation, policy, today=TODAY)
            statement = select(func.count()).where(*criteria)
            assert "EXISTS" not in str(statement)
            tables = {one.name for one in statement.get_final_froms() if hasattr(one, "name")}
            assert tables <= {"engagement", "vendor", relation.of.name}
