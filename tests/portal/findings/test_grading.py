"""A grade with the acceptance stands on the answer that the reviewer has read; what was typed is never lost."""

from __future__ import annotations

import re

import pytest

from portal.assessments.drafts import Content
from portal.findings import closing
from portal.findings.models import Finding
from portal.review.marking import Wish
from portal.web import Portal
from tests.portal.findings.given import LOGS, MFA, Found
from tests.portal.findings.test_pages import Sides, drawn, words
from tests.portal.findings.test_remedying import scores
from tests.portal.world import signed_in

MINE = "My words to them."


@pytest.fixture
def sides(app: Portal, given: Found) -> Sides:
    return Sides(app, given)


def rated(sides: Sides) -> str:
    """The score of the newest rating, as it is written."""
    score = scores(sides.given)[-1].score
    assert score is not None
    return f"{float(score):.1f}"


def proven(sides: Sides) -> Finding:
    one = sides.given.one("knockout")
    sides.given.prove(one)
    return sides.given.one("knockout")


def by_hand(sides: Sides, key: str) -> Finding:
    """A finding by hand with proof that waits."""
    new = f"/o/{sides.given.organisation.slug}/reviews/{sides.given.submission}/findings/new"
    assert (
        sides.ours.post(new, data={"q": key, "severity": "low", "text": "Nobody looks."}).status_code == 303
    )
    one = next(each for each in sides.given.all() if each.code == "reviewer")
    sides.given.prove(one)
    return sides.now(one)


def test_a_mark_that_a_colleague_wrote_meanwhile_is_not_replaced_unseen(sides: Sides) -> None:
    one = proven(sides)
    open_page = drawn(sides.ours.get(f"{sides.o}/{one.id}").text)
    sides.given.mark(Wish(MFA, "disproved", points=0, reason="I saw otherwise."), actor=sides.given.ciso)
    fields = {"grade": "1", "points": "100", "text": MINE}
    page = sides.step(one, "accept", 409, **open_page, **fields)
    assert "The answer, or what was judged of it, has changed" in page
    assert MINE in page
    assert "Judged already: Disproved" in words(page)
    assert sides.now(one).state == "open"
    sides.step(one, "accept", **drawn(page), **fields)
    assert (sides.now(one).state, rated(sides)) == ("closed", "83.3")


def test_answers_of_a_newer_round_are_not_graded_unseen(sides: Sides) -> None:
    one = by_hand(sides, LOGS)
    open_page = drawn(sides.ours.get(f"{sides.o}/{one.id}").text)
    sides.given.next_round({LOGS: Content("answered", "some")})
    assert sides.now(one).revision == int(open_page["seen"]), "no step tells of the new answer"
    page = sides.step(one, "accept", 409, **open_page, grade="1", points="100", text=MINE)
    assert MINE in page
    assert sides.now(one).state == "open"


def test_what_is_about_no_question_is_not_graded(sides: Sides) -> None:
    one = by_hand(sides, "")
    open_page = drawn(sides.ours.get(f"{sides.o}/{one.id}").text)
    page = sides.step(one, "accept", 409, **open_page, grade="1", points="100", text=MINE)
    assert "Accept the proof without a grade." in page
    assert MINE in page
    assert sides.now(one).state == "open"


def test_looking_at_other_points_keeps_words_and_choice(sides: Sides) -> None:
    one = proven(sides)
    open_page = drawn(sides.ours.get(f"{sides.o}/{one.id}").text)
    fields = {"grade": "1", "points": "60", "text": MINE}
    page = sides.step(one, "preview", 200, **open_page, **fields)
    assert "With 60 points the score becomes 70.0" in words(page)
    assert MINE in page
    assert re.search(r'name="grade" value="1" checked', page)
    assert re.search(r'name="points"[^>]* value="60"', page)
    assert sides.now(one).revision == one.revision
    page = sides.step(one, "preview", 422, **drawn(page), **(fields | {"points": "many"}))
    assert "Write whole points from 0 to 100." in page
    assert MINE in page
    sides.step(one, "accept", **drawn(page), **fields)
    assert (sides.now(one).state, rated(sides)) == ("closed", "70.0")


def test_words_to_a_form_that_is_gone_are_given_back(sides: Sides) -> None:
    one = proven(sides)
    open_page = drawn(sides.ours.get(f"{sides.o}/{one.id}").text)
    ciso = signed_in(sides.app, sides.given.ciso)
    sides.step(one, "send_back", browser=ciso, text="Half of them are missing.")
    for what in ("accept", "preview"):
        assert MINE in sides.step(one, what, 409, **open_page, text=MINE)
    assert MINE in sides.step(one, "send_back", 409, **open_page, text=MINE + "x" * 4001)
    sides.given.act(closing.propose, one, "no_fault", reason="They use another way.")
    sides.plan(one)
    page = sides.step(one, "close", 409, **open_page, how="fixed", closing_reason=MINE)
    assert MINE in page
