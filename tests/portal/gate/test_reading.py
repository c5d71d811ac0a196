"""What counts at gates now: the same for a page and for a list, worked out anew when the ground moved and only then."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate import loading, reading
from portal.gate.models import ConditionStep, GateDecision
from portal.review import marking
from portal.review import queries as reviews
from portal.review.marking import Wish
from portal.settings import Settings
from portal.vendors import policy_queries
from portal.vendors import queries as vendors
from portal.vendors.ground import ground_moved
from tests.portal.once import made_once
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.scene import Scene
from tests.portal.world import NOW, make_company, make_organisation

CISO = OrganisationRole.CISO
MFA = "own.rich.mfa"
PAUSE = 0.4  # seconds that the first stays between reading and committing


@pytest.fixture
@made_once
def case(database: Database, settings: Settings) -> Reviewed:
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    return reviewed(database, halden, cedar)


def briefs(database: Database, place: Any, **more: Any) -> dict[uuid.UUID, reading.Brief]:
    with database.looking(place[CISO].scope) as session:
        return reading.briefs(session, place.id, **({"now": NOW} | more))


@pytest.mark.both_databases
def test_a_list_says_what_each_page_says(database: Database, scene: Scene) -> None:
    for deal in scene.deals:
        place = deal.organisation
        found = briefs(database, place)
        with database.looking(place[CISO].scope) as session:
            pages = reading.standing(session, place.id, list(found), now=NOW)
        assert set(pages) == set(found) >= {deal.engagement}
        for one, page in pages.items():
            brief = found[one]
            assert (brief.proposed, brief.reasons) == (
                page.proposal.outcome,
                tuple(each.key for each in page.proposal.reasons),
            )
            if page.effective is None or page.decision is None:
                assert (brief.outcome, brief.decision_id) == (None, None)
                continue
            assert (brief.outcome, brief.decision_id) == (page.effective.outcome, page.decision.id)
            assert brief.lapses == tuple((each.code, each.subject) for each in page.effective.lapses)
            assert brief.lapsed is (page.effective.outcome != page.decision.outcome)
            assert brief.open == page.effective.open


def test_what_moves_the_ground_is_seen_by_the_next_list_and_what_was_rolled_back_by_none(
    database: Database, case: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, engagement = case.organisation, case.issued.engagements[0]
    made: list[int] = []
    real = loading.many

    def noted(session: Any, organisation: Any, ids: Any, **more: Any) -> Any:
        made.append(len(list(ids)))
        return real(session, organisation, ids, **more)

    monkeypatch.setattr(loading, "many", noted)
    first = briefs(database, place)
    assert briefs(database, place) == first
    assert made == [1]
    session = database.write_session(place[CISO].scope)
    ground_moved(session, place.id, [engagement])
    reading.briefs(session, place.id, now=NOW)
    database.abandon(session)
    assert made == [1, 1]
    assert briefs(database, place) == first
    assert made == [1, 1]
    case.save(Wish(MFA, "disproved", reason="No."))
    assert ("knockout", "rich:own.rich.mfa") not in first[engagement].reasons
    briefs(database, place)
    briefs(database, place, now=NOW + timedelta(days=1))  # another day is looked at anew
    assert made == [1, 1, 1, 1]
    with database.looking(place[CISO].scope) as session:
        policy = policy_queries.current(session, place.id)
    harmless = replace(
        policy,
        tiers=MappingProxyType(
            {tier: replace(one, questionnaires=("rich",)) for tier, one in policy.tiers.items()}
        ),
    )
    assert ("knockout", "rich:own.rich.mfa") in briefs(database, place, policy=harmless)[engagement].reasons
    assert made == [1, 1, 1, 1, 1]


def test_a_condition_that_is_met_counts_at_once(database: Database, scene: Scene) -> None:
    """A step is no ground: it is read with the list."""
    deal = scene.deals[0]
    place = deal.organisation
    late = NOW + timedelta(days=40)  # the scene's condition was due by then
    assert ("condition", "by_hand") not in {
        (code, subject.partition(":")[0])
        for code, subject in briefs(database, place, now=late)[deal.engagement].lapses
    }
    with database.transaction(SYSTEM) as session:
        assert deal.gate is not None
        step = session.scalars(
            select(ConditionStep).where(ConditionStep.decision_id == deal.gate.decision)
        ).one()
        decision = session.get_one(GateDecision, step.decision_id)
        session.add(
            ConditionStep(
                id=uuid.uuid4(), organisation_id=place.id, decision_id=step.decision_id, subject=step.subject,
                sequence=2, state="reopened", taken_at=NOW, taken_by=step.taken_by,
            )
        )  # fmt: skip
        record(session, Kind.CONDITION_STEPPED, now=NOW, actor=None, subject=decision)
    found = briefs(database, place, now=late)[deal.engagement]
    assert ("condition", f"by_hand:{step.subject}") in found.lapses
    assert found.outcome == "blocked"


# -------------------------------------------------------------------------------------------------------------- races


@pytest.mark.both_databases
def test_a_mark_waits_for_whoever_decides_on_the_facts(database: Database, case: Reviewed) -> None:
    """Who holds the engagement reads the same facts twice, whatever is written meanwhile; the mark comes after."""
    place, engagement = case.organisation, case.issued.engagements[0]
    reached, order, seen = threading.Event(), [], []

    def approve() -> None:
        with database.transaction(place[CISO].scope) as session:
            vendors.engagement(session, place[CISO], engagement, lock=True)
            seen.append(loading.one(session, place.id, engagement, now=NOW))
            reached.set()
            time.sleep(PAUSE)
            seen.append(loading.one(session, place.id, engagement, now=NOW))
            order.append("decided")

    def judge() -> None:
        assert reached.wait(20)
        case.save(Wish(MFA, "disproved", reason="No."))
        order.append("marked")

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(approve), pool.submit(judge)]:
            one.result(60)
    assert order == ["decided", "marked"]
    assert seen[0] == seen[1]
    assert _unwritten(seen[0]) == 0
    assert _unwritten(_now(database, case)) == 1


@pytest.mark.both_databases
def test_whoever_decides_waits_for_a_mark_that_is_being_saved(database: Database, case: Reviewed) -> None:
    place, engagement = case.organisation, case.issued.engagements[0]
    reached, seen = threading.Event(), []
    token = case.case().token((MFA, ""))

    def judge() -> None:
        actor = case.reviewer
        with database.transaction(actor.scope) as session:
            found = reviews.case(session, actor, case.submission, lock=True)
            marking.save(
                session, found, Wish(MFA, "disproved", reason="No."), seen=token, actor=actor, now=NOW
            )
            reached.set()
            time.sleep(PAUSE)

    def approve() -> None:
        assert reached.wait(20)
        with database.transaction(place[CISO].scope) as session:
            row = vendors.engagement(session, place[CISO], engagement, lock=True)
            seen.append(loading.one(session, place.id, engagement, now=NOW))
            assert row.ground_revision == seen[0].ground_revision

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(judge), pool.submit(approve)]:
            one.result(60)
    assert _unwritten(seen[0]) == 1
    assert seen[0] == _now(database, case)


def _unwritten(loaded: loading.Loaded) -> int:
    (one,) = loaded.facts.submitted
    return one.unwritten


def _now(database: Database, case: Reviewed) -> loading.Loaded:
    place = case.organisation
    with database.looking(place[CISO].scope) as session:
        return loading.one(session, place.id, case.issued.engagements[0], now=NOW)
