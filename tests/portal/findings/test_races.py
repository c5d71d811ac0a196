"""Two at once: two submissions that earn the same, two reviewers at one finding, a vendor and a reviewer."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.faults import Conflict, Fault
from portal.findings import closing, judging, queries
from portal.findings import steps as holding
from portal.findings.models import Finding
from portal.settings import Settings
from tests.portal import journey
from tests.portal.findings import given as findings
from tests.portal.findings.given import WORST, Found
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases


def at_once(*steps: Callable[[], object]) -> list[Fault]:
    """Run them together; the faults that they were refused with. Anything else is a failure of the test."""
    ready, refused, broken = threading.Barrier(len(steps)), list[Fault](), list[BaseException]()

    def run(step: Callable[[], object]) -> None:
        try:
            ready.wait(30)
            step()
        except Fault as fault:
            refused.append(fault)
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in steps]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert not broken, broken
    return refused


def test_two_submissions_at_once_open_one_finding_of_a_kind(database: Database, settings: Settings) -> None:
    """Two assessments are open for one engagement: issuing refuses that, and an installation may still have it."""
    organisation, company = (
        make_organisation(database, settings, "Halden"),
        make_company(database, settings, "Fennmark"),
    )
    asked = findings.definition()
    journey.release(database, organisation, asked)
    issued = journey.issue(database, organisation, company, definition=asked, names=("Archive", "Post"))
    given = Found(database, issued, issued.assessment)

    def put(state: str) -> None:
        with database.transaction() as session:
            one = session.get_one(Assessment, issued.assessment)
            one.state = state
            record(session, Kind.ASSESSMENT_REOPENED, now=NOW, actor=given.ciso, subject=one)

    put("cancelled")
    newer = journey.again(database, organisation, issued.vendor, issued.engagements[1:], asked)
    put("open")
    now = NOW + timedelta(days=10)

    def submits(assessment: uuid.UUID) -> Callable[[], object]:
        return lambda: journey.submit(
            database, issued, WORST, assessment=assessment, now=now, consequences=findings.CONSEQUENCES
        )

    assert at_once(submits(issued.assessment), submits(newer)) == []
    standing = [(one.engagement_id, one.standing) for one in given.links()]
    assert len(standing) == len(set(standing)) == 2 * findings.EARNED
    assert len(given.all()) in (findings.EARNED, 2 * findings.EARNED)


def test_of_two_reviewers_who_answer_at_once_one_is_told_to_look_again(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one)
    seen = given.one("knockout").revision
    (refused,) = at_once(
        lambda: given.agree(one, seen=seen),
        lambda: given.act(judging.refuse, one, text="No.", actor=given.ciso, seen=seen),
    )
    assert isinstance(refused, Conflict)
    assert given.one("knockout").revision == seen + 1


def test_a_new_plan_and_its_refusal_at_once_leave_one_of_them_standing(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one)
    seen = given.one("knockout").revision
    refused = at_once(
        lambda: given.act(judging.refuse, one, text="No.", seen=seen),
        lambda: given.plan(one, due=findings.LATER, seen=seen),
    )
    assert len(refused) == 1
    stands = given.one("knockout")
    assert (stands.waits, stands.wanted_due) in (("", None), ("plan", findings.LATER))


def test_two_second_people_close_it_once(given: Found) -> None:
    one = given.one("knockout")
    row = given.act(closing.propose, one, "no_fault", reason="They use another way.")
    assert row is not None
    refused = at_once(
        *[lambda: given.act(closing.approve, one, row.id, actor=given.ciso)] * 2,
    )
    assert len(refused) == 1
    with given.database.looking(given.reviewer.scope) as session:
        history = queries.steps(session, given.reviewer, one.id)
    assert [each.row.kind for each in history] == ["opened", "closed"]


def test_sealing_and_closing_at_once_never_wait_for_each_other_in_a_circle(given: Found) -> None:
    text = given.one("finding:", findings.STEPS)
    refused = at_once(
        lambda: given.again(WORST),
        lambda: _closes(given, text),
    )
    assert refused == []
    standing = [each for each in given.all() if each.key == findings.STEPS and each.state in queries.STANDING]
    assert len(standing) <= 1


def _closes(given: Found, one: Finding) -> None:
    with given.database.transaction(given.reviewer.scope) as session:
        held = holding.hold(session, given.reviewer, one.id)
        closing.propose(
            session,
            held,
            "no_fault",
            reason="They train with us.",
            seen=held.revision,
            actor=given.reviewer,
            now=NOW + timedelta(hours=3),
        )
