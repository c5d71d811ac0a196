"""What a review held against an answer is said where the answer is offered again, and is never confirmed in a heap."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from portal import clock
from portal.access import Delegated, OrganisationRole
from portal.assessments import offers
from portal.assessments import queries as assessment_queries
from portal.assessments.doubts import Doubt
from portal.assessments.drafts import Content
from portal.assessments.offer_words import offer_view
from portal.review import doubts, marking, queries
from portal.review.marking import Wish
from portal.settings import Settings
from portal.web import Portal
from tests.portal.assessments.carried import ask, submitted
from tests.portal.assessments.given import Given, give
from tests.portal.review.given import Reviewed
from tests.portal.world import NOW, Place, make_organisation

LOCKS, DAYS, KINDS = "one.locks", "one.days", "one.kinds"


@pytest.fixture
def small(app: Portal, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Given:
    """A vendor that was asked a year ago, and is asked again."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return give(app, settings)


def judge(given: Given, place: Place, submission: uuid.UUID, *wishes: Wish) -> None:
    """Marks of ``place``, written into the rating."""
    actor = place[OrganisationRole.REVIEWER]
    with given.database.transaction(actor.scope) as session:
        for wish in wishes:
            case = queries.case(session, actor, submission, lock=True)
            marking.save(session, case, wish, seen="", actor=actor, now=NOW - timedelta(days=300))
        case = queries.case(session, actor, submission, lock=True)
        marking.write(session, case, seen=case.unwritten, actor=actor, now=NOW - timedelta(days=300))


def path(given: Given, assessment: uuid.UUID) -> str:
    return f"/c/{given.company.slug}/assessments/{assessment}/sections/one"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (Wish(DAYS, "challenged", reason="Show us the log."), "challenged your answer to this on"),
        (Wish(DAYS, "disproved", reason="Show us the log."), "found your answer to this disproved on"),
        (
            Wish(DAYS, "graded", points=40, reason="Show us the log."),
            "gave your answer to this 40 of 100 points",
        ),
    ],
)
def test_what_was_judged_badly_is_said_and_confirmed_alone(small: Given, wish: Wish, sentence: str) -> None:
    _before, submission = submitted(small)
    judge(small, small.organisation, submission, wish, Wish(LOCKS, "accepted"))
    now = ask(small, small.definition)
    browser, place = small.browser(), path(small, now)
    page = browser.get(place).text
    assert sentence in page
    assert "“Show us the log.”" in page
    listed = dict(re.findall(r'name="(o\.[^"]+)" value="([^"]*)"', page))
    assert set(listed) == {f"o.{LOCKS}", f"o.{KINDS}"}
    forged = {**listed, f"o.{DAYS}": str(submission), "confirm": "section"}
    assert browser.send(place, forged).status_code == 422
    with small.database.looking(small.owner.scope) as session:
        rows = assessment_queries.rows(session, small.owner, now)
    assert DAYS not in rows
    assert browser.send(place, {"confirm": f"{submission}.{DAYS}"}).status_code == 303


def test_a_later_judgement_that_was_good_says_so_by_silence(small: Given) -> None:
    _before, first = submitted(small)
    judge(small, small.organisation, first, Wish(DAYS, "challenged", reason="Show us the log."))
    _later, second = submitted(small, at=NOW - timedelta(days=200))
    place = path(small, ask(small, small.definition))
    assert "Show us the log." in small.browser().get(place).text, "nobody has judged the newer one"
    judge(small, small.organisation, second, Wish(DAYS, "accepted"))
    assert "Show us the log." not in small.browser().get(place).text


def test_no_other_organisations_review_is_told(small: Given, settings: Settings) -> None:
    _before, submission = submitted(small)
    judge(small, small.organisation, submission, Wish(DAYS, "challenged", reason="Show us the log."))
    other = make_organisation(small.database, settings, "Alder")
    elsewhere = ask(small, small.definition, place=other)
    browser = small.browser()
    consent = f"/c/{small.company.slug}/assessments/{elsewhere}/earlier"
    assert browser.post(consent, data={"consent": "yes"}).status_code == 303
    page = browser.get(path(small, elsewhere)).text
    assert "to another customer" in page
    assert "Show us the log." not in page
    assert "Your client’s reviewer" not in page
    with small.database.looking(small.owner.scope) as session:
        assert doubts.doubts(session, small.owner, other.id, [submission]) == {}
    actor = other[OrganisationRole.REVIEWER]
    with small.database.looking(actor.scope) as session:
        assert doubts.doubts(session, actor, small.organisation.id, [submission]) == {}


def test_who_came_by_a_link_reads_no_reason(small: Given) -> None:
    _before, submission = submitted(small)
    judge(small, small.organisation, submission, Wish(DAYS, "challenged", reason="Show us the log."))
    now = ask(small, small.definition)
    with small.database.looking(small.owner.scope) as session:
        one = assessment_queries.assessment(session, small.owner, now)
        found = offers.find(session, small.owner, one, small.definition, [DAYS], NOW)[DAYS]
    question = small.definition.questions[DAYS]
    link = replace(small.owner, delegated=Delegated(uuid.uuid4(), now, frozenset({DAYS})))
    with small.app.test_request_context():
        told = [offer_view(found, question, str, "Europe/Lisbon", who) for who in (small.owner, link)]
    assert [one.why for one in told if one is not None] == ["Show us the log.", ""]
    assert [bool(one.doubt) for one in told if one is not None] == [True, True]


@pytest.mark.both_databases
def test_what_lapsed_and_was_never_judged_again_still_speaks(given: Reviewed) -> None:
    mfa = "own.rich.mfa"
    given.save(Wish(mfa, "challenged", reason="Nobody has shown it."))
    given.write()
    later = given.again({mfa: Content("answered", "yes")})

    def said() -> dict[str, Doubt]:
        with given.database.looking(given.owner.scope) as session:
            both = [given.submission, later.submission]
            return dict(
                doubts.doubts(session, given.owner, given.organisation.id, both).get(later.submission, {})
            )

    assert [(one.mark, one.reason, one.stands) for one in said().values()] == [
        ("challenged", "Nobody has shown it.", False)
    ]
    later.save(Wish(mfa, "accepted"))
    assert said() != {}, "what is in no rating is nobody else's"
    later.write()
    assert said() == {}
