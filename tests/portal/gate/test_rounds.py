"""What was asked again stays asked for: neither a later day nor taking it back helps whoever decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from portal.access import OrganisationRole
from portal.assessments import change_steps, changing, enquiries
from portal.assessments import queries as assessment_queries
from portal.assessments.enquiry_queries import DECLINE
from portal.db import Database
from portal.gate import loading
from portal.gate.facts import Submitted
from portal.settings import Settings
from tests.portal.once import made_once
from tests.portal.review import rounds
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.world import NOW, make_company, make_organisation

MFA = "own.rich.mfa"
CISO, ADMIN, REVIEWER = OrganisationRole.CISO, OrganisationRole.ADMIN, OrganisationRole.REVIEWER
FAR = rounds.DUE + timedelta(days=30)


@pytest.fixture
@made_once
def case(database: Database, settings: Settings) -> Reviewed:
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    return reviewed(database, halden, cedar)


def change(case: Reviewed, step: Callable[..., Any], role: OrganisationRole = CISO, **more: Any) -> None:
    actor = case.organisation[role]
    with case.database.transaction(actor.scope) as session:
        row, _vendor = change_steps.lock(session, actor, case.issued.assessment)
        step(session, row, text="For reasons.", actor=actor, now=NOW + timedelta(minutes=5), **more)


def answers(case: Reviewed, *without: OrganisationRole) -> Submitted:
    place = case.organisation
    people = [place[role].person.id for role in without]
    with case.database.looking(place[CISO].scope) as session:
        found = loading.one(session, place.id, case.issued.engagements[0], now=NOW, without=people)
    return found.facts.submitted[0]


def person(case: Reviewed, role: OrganisationRole) -> str:
    return str(case.organisation[role].person.id)


def test_a_return_is_open_with_its_day_and_who_put_it_off(case: Reviewed) -> None:
    rounds.give_back(case, {MFA})
    one = answers(case)
    assert (one.round_open, one.round_due, one.round_first, one.round_by) == (
        True,
        rounds.DUE,
        rounds.DUE,
        (),
    )
    change(case, changing.extend, due=FAR)
    one = answers(case)
    assert (one.round_open, one.round_due, one.round_first) == (True, FAR, rounds.DUE)
    assert one.round_by == (person(case, CISO),)
    assert answers(case, CISO).round_due == rounds.DUE
    assert answers(case, REVIEWER) == one


@pytest.mark.both_databases
def test_a_cancelled_round_is_over_but_for_whoever_cancelled_it(case: Reviewed) -> None:
    rounds.give_back(case, {MFA})
    change(case, changing.cancel)
    one = answers(case)
    assert (one.round_open, one.round_first, one.round_by) == (False, rounds.DUE, (person(case, CISO),))
    assert answers(case, CISO).round_open
    assert not answers(case, ADMIN).round_open


def test_what_one_asked_oneself_one_may_take_back(case: Reviewed) -> None:
    change(case, changing.reopen, due=rounds.DUE)
    assert answers(case).round_first == rounds.DUE
    change(case, changing.extend, ADMIN, due=FAR)
    assert answers(case).round_by == (person(case, ADMIN),)
    change(case, changing.cancel)
    one = answers(case)
    assert (one.round_open, one.round_first, one.round_by) == (False, None, ())
    assert answers(case, CISO) == one


def test_a_return_that_another_took_back_is_an_act_of_theirs(case: Reviewed) -> None:
    rounds.give_back(case, {MFA})
    rounds.take_back(case, case.organisation[CISO])
    one = answers(case)
    assert (one.round_open, one.round_first, one.round_by) == (False, rounds.DUE, (person(case, CISO),))
    assert answers(case, CISO).round_open
    assert answers(case, CISO).round_due == rounds.DUE
    rounds.give_back(case, {MFA}, now=NOW + timedelta(hours=1))
    rounds.take_back(case)  # the reviewer had asked, and takes it back
    assert answers(case).round_first is None
    rounds.give_back(case, {MFA}, now=NOW + timedelta(hours=2))
    one = rounds.submit(case) and answers(case)
    assert (one.round_open, one.round_first) == (False, None)


def test_what_the_vendor_declines_to_answer_again_is_still_owed(case: Reviewed) -> None:
    rounds.give_back(case, {MFA})
    with case.database.transaction(case.owner.scope) as session:
        one = assessment_queries.assessment(session, case.owner, case.issued.assessment, lock=True)
        enquiries.ask(session, one, kind=DECLINE, text="We say no more.", actor=case.owner, now=NOW)
    change(case, changing.accept_decline)
    one = answers(case)
    assert (one.round_open, one.round_due, one.round_by) == (True, rounds.DUE, ())
    change(case, changing.reopen, due=FAR)
    assert (answers(case).round_due, answers(case).round_first) == (FAR, rounds.DUE)
