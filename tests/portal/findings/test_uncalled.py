"""Why the newest answers do not earn a finding any more, and who may close it then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.assessments.drafts import Content
from portal.db import Database
from portal.findings import closing
from portal.findings.models import Finding
from portal.review.marking import Wish
from portal.settings import Settings
from portal.web import Portal
from tests.portal import journey
from tests.portal.findings import given as findings
from tests.portal.findings.given import GOOD, LOGS, MFA, STEPS, WORST, Found
from tests.portal.findings.test_merged import send, version
from tests.portal.findings.test_pages import words
from tests.portal.world import NOW, make_company, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
LATER = NOW + timedelta(days=30)


def one_of(given: Found, code: str) -> Finding:
    return next(each for each in given.all() if each.code.startswith(code))


def closes_alone(given: Found, one: Finding) -> bool:
    return given.act(closing.propose, one, "fixed", reason="Answered.", now=LATER) is None


def test_an_answer_that_says_something_better_spares_the_second_person(given: Found) -> None:
    given.again(GOOD)
    assert {(one.called_for, one.uncalled) for one in given.all()} == {(False, "answered")}
    assert closes_alone(given, one_of(given, "knockout"))
    assert closes_alone(given, one_of(given, "finding:"))


def test_a_question_that_is_not_asked_again_is_not_answered(app: Portal, given: Found) -> None:
    newer = findings.definition("1.1.0", mfa={"visible_when": f'{LOGS} == "no"'})
    journey.release(given.database, given.organisation, newer)
    given.again({STEPS: GOOD[STEPS], LOGS: GOOD[LOGS]}, definition=newer)
    knockout, text = one_of(given, "knockout"), one_of(given, "finding:")
    assert [(one.called_for, one.uncalled) for one in (knockout, text)] == [(False, "not_asked")] * 2
    assert not closes_alone(given, knockout)
    assert not closes_alone(given, text)
    base = f"/o/{given.organisation.slug}/findings"
    ours = signed_in(app, given.ciso)
    assert "the question was not asked again" in words(ours.get(f"{base}/{knockout.id}").text)
    assert "the question was not asked again" in words(ours.get(base).text)
    theirs = signed_in(app, given.owner).get(f"/c/{given.issued.company.slug}/findings/{knockout.id}")
    assert "do not say whether it is settled" in words(theirs.text)


def test_a_question_that_is_gone_is_not_answered(given: Found) -> None:
    newer = findings.definition("1.1.0", mfa={"key": "own.kept.other", "finding": []})
    journey.release(given.database, given.organisation, newer)
    given.again({"own.kept.other": GOOD[MFA], STEPS: GOOD[STEPS], LOGS: GOOD[LOGS]}, definition=newer)
    knockout = one_of(given, "knockout")
    assert (knockout.called_for, knockout.uncalled) == (False, "gone")
    assert not closes_alone(given, knockout)


def test_a_question_that_is_no_knockout_any_more_is_not_passed(given: Found) -> None:
    newer = findings.definition("1.1.0", mfa={"critical": False})
    journey.release(given.database, given.organisation, newer)
    given.again({**WORST, MFA: Content("answered", "some")}, definition=newer)
    knockout = one_of(given, "knockout")
    assert (knockout.called_for, knockout.uncalled) == (False, "gone")
    assert not closes_alone(given, knockout)


def test_what_is_left_open_is_not_answered(given: Found) -> None:
    newer = findings.definition("1.1.0", mfa={"allow_na": True})
    journey.release(given.database, given.organisation, newer)
    given.again({**GOOD, MFA: Content("not_applicable", None, "We have no staff.")}, definition=newer)
    knockout, text = one_of(given, "knockout"), one_of(given, "finding:")
    assert {knockout.uncalled, text.uncalled} == {"unsettled"}
    assert not closes_alone(given, knockout)
    given.mark(Wish(MFA, "na_accepted"), now=LATER)
    assert one_of(given, "knockout").uncalled == "judged"


def test_a_mark_is_no_answer(given: Found) -> None:
    given.mark(Wish(MFA, "graded", points=100, reason="I have seen it."))
    knockout = one_of(given, "knockout")
    assert (knockout.called_for, knockout.uncalled) == (False, "judged")
    assert not closes_alone(given, knockout)


def test_of_two_engagements_the_one_that_is_known_less_counts(database: Database, settings: Settings) -> None:
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    given = findings.found(database, organisation, company, names=("Archive", "Post"))
    first, second = given.issued.engagements
    send(given, 10, GOOD, first)
    assert one_of(given, "knockout").called_for, "the other engagement's answers still do"
    newer = version(given, "1.1.0", mfa={"visible_when": f'{LOGS} == "no"'})
    send(given, 20, {STEPS: GOOD[STEPS], LOGS: GOOD[LOGS]}, second, definition=newer)
    knockout = one_of(given, "knockout")
    assert (knockout.called_for, knockout.uncalled) == (False, "not_asked")
    assert not closes_alone(given, knockout)
