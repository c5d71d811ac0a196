"""Saving: revisions, wrong values, forged fields, and answers of two people to one question (law 8)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import CompanyRole
from portal.assessments import drafts, queries
from portal.assessments.drafts import EMPTY, Content
from portal.assessments.models import AnswerContent, AnswerRevision, StaleEdit
from portal.audit.models import Event
from portal.db import SYSTEM
from tests.portal.assessments.given import Given
from tests.portal.scene import plain_value, security_lite
from tests.portal.world import NOW, csrf_of

pytestmark = pytest.mark.both_databases


def rows_of(given: Given, model: Any) -> list[Any]:
    with given.database.looking(SYSTEM) as session:
        return list(session.scalars(select(model)))


def test_a_post_saves_every_kind_and_leads_on(given: Given) -> None:
    browser = given.browser()
    answer = browser.answer(
        given.section("one"),
        go="next",
        a__one__locks="yes",
        a__one__days="007",
        a__one__kinds=["card", "steel"],
    )
    assert (answer.status_code, answer.location) == (303, given.section("two"))
    assert given.stored() == {
        "one.locks": (1, "yes"),
        "one.days": (1, "7"),
        "one.kinds": (1, ["steel", "card"]),
    }
    answer = browser.answer(
        given.section("two"),
        go="next",
        a__two__since="2026-11-01",
        a__two__list__0__name="Ana",
        a__two__list__0__kind="p",
        a__two__list__2__name="Key Ltd",
        a__two__proof="no",
    )
    assert (answer.status_code, answer.location) == (303, f"{given.base}/submit")
    assert given.stored()["two.list"] == (1, [{"name": "Ana", "kind": "p"}, {"name": "Key Ltd"}])
    assert (given.assessment().answered, given.assessment().total) == (5, 5)


def test_what_is_unchanged_is_no_edit(given: Given) -> None:
    browser, path = given.browser(), given.section("one")
    browser.answer(path, a__one__locks="yes", a__one__days="5")
    browser.answer(path, a__one__locks="yes", a__one__days="5")
    browser.answer(path, a__one__locks="yes", a__one__days=" 05 ")
    assert given.stored() == {"one.locks": (1, "yes"), "one.days": (1, "5")}
    assert len(rows_of(given, AnswerRevision)) == 2
    assert sum(event.kind == "answers.saved" for event in rows_of(given, Event)) == 1


def test_each_revision_is_kept_with_what_it_said(given: Given) -> None:
    browser, path = given.browser(), given.section("one")
    for value in ("yes", "no", ""):
        browser.answer(path, a__one__locks=value)
    assert given.stored() == {"one.locks": (3, None)}
    said = {row.id: row.value["v"] for row in rows_of(given, AnswerContent)}
    history = sorted(rows_of(given, AnswerRevision), key=lambda row: row.revision)
    assert [said[row.content_id] for row in history] == ["yes", "no", None]


def test_a_drafts_events_are_the_companys_alone(given: Given) -> None:
    given.browser().answer(given.section("one"), a__one__locks="yes")
    (event,) = [event for event in rows_of(given, Event) if event.kind == "answers.saved"]
    assert (event.organisation_id, event.company_id) == (None, given.company.id)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"a.one.days": "about 2"}, "Write a whole number from 0 to 365. You wrote &#39;about 2&#39;."),
        ({"a.one.locks": "maybe"}, "&#39;maybe&#39; is not offered"),
        ({"a.one.kinds": ["none", "steel"]}, "“None” stands alone"),
        ({"s.one.days": "na", "n.one.days": "Never."}, "“not applicable” is not offered here"),
        ({"s.one.locks": "na"}, "Write why it is not applicable"),
        ({"s.one.locks": "na", "a.one.locks": "yes"}, "Keep one of the two"),
        ({"s.one.locks": "perhaps"}, "not one of the choices"),
        ({"a.one.locks": ["yes", "no"]}, "Give one answer"),
        ({"n.one.locks": "x" * 4001}, "Write at most 4,000 characters. You wrote 4,001."),
        ({"n.one.locks": "a\x00b"}, "invisible control characters"),
        ({"a.one.why": "a\x00b"}, "U+0000"),
        ({"r.one.locks": "7", "a.one.locks": "yes"}, "without the state that it was read from"),
        ({"r.one.locks": "-1", "a.one.locks": "yes"}, "without the state that it was read from"),
        ({"r.one.locks": "9" * 40, "a.one.locks": "yes"}, "without the state that it was read from"),
        ({"a.two.proof": "yes"}, "is no field of this section"),
        ({"a.nowhere": "canary-1"}, "canary-1"),
        ({"e.one.locks.reason": "later"}, "No evidence is asked for here."),
        ({"k.one.locks": "ours"}, "not one of the choices"),
    ],
)
def test_what_is_wrong_is_named_beside_its_field_and_the_rest_is_saved(
    given: Given, fields: dict[str, Any], sentence: str
) -> None:
    browser, path = given.browser(), given.section("one")
    good = {"a.one.kinds": "steel"} if "one.kinds" not in str(fields) else {"a.one.locks": "yes"}
    answer = browser.send(path, good | fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "<title>Error:" in answer.text
    assert "Everything else on this page is saved" in answer.text
    assert given.stored() == {
        next(iter(good)).removeprefix("a."): (1, ["steel"] if "a.one.kinds" in good else "yes")
    }


def test_refused_text_stays_in_its_field_and_can_be_mended(given: Given) -> None:
    browser, path = given.browser(), given.section("one")
    answer = browser.send(path, {"a.one.days": "about 2", "n.one.days": "We are not sure."})
    assert 'value="about 2"' in answer.text
    assert "We are not sure." in answer.text
    assert browser.send(path, {"a.one.days": "2", "n.one.days": "We are not sure."}).status_code == 303
    assert given.stored()["one.days"] == (1, "2")


def test_an_na_is_saved_with_its_note(given: Given) -> None:
    given.browser().send(given.section("one"), {"s.one.locks": "na", "n.one.locks": "There are no doors."})
    row, _stale = given.read(queries.rows, given.assessment_id)["one.locks"]
    assert (row.state, row.note) == ("not_applicable", "There are no doors.")


# ---------------------------------------------------------------------------------------------- two at one question


def test_two_people_at_once_lose_nothing_and_choose(given: Given) -> None:
    path = given.section("one")
    mine, theirs = given.browser(), given.browser(given.contributor)
    opened = mine.card_fields(path)
    theirs.answer(path, a__one__locks="yes")
    body = {"csrf_token": mine.token(path), **opened, "a.one.locks": "no", "a.one.days": "4"}
    answer = mine.client.post(path, data=body)
    assert answer.status_code == 409
    assert "You and Contributor of Fennmark Archive answered at the same time" in answer.text
    assert given.stored() == {"one.locks": (1, "yes"), "one.days": (1, "4")}
    assert [row.value["v"] for row in rows_of(given, StaleEdit)] == ["no"]
    # It is still offered on a fresh page, and to nobody else.
    assert 'name="k.one.locks" value="mine"' in mine.get(path).text
    assert 'name="k.one.locks"' not in theirs.get(path).text
    # Saving without a choice keeps both.
    fields = {"a.one.locks": "no", "c.one.locks": "1"}
    assert mine.send(path, {**fields, "a.one.days": "4"}).status_code == 409
    assert mine.send(path, {**fields, "k.one.locks": "mine", "a.one.days": "4"}).status_code == 303
    assert given.stored() == {"one.locks": (2, "no"), "one.days": (1, "4")}
    assert rows_of(given, StaleEdit) == []


def test_choosing_theirs_stores_nothing(given: Given) -> None:
    path = given.section("one")
    mine, theirs = given.browser(), given.browser(given.contributor)
    opened = mine.card_fields(path)
    theirs.answer(path, a__one__locks="yes")
    mine.client.post(path, data={"csrf_token": mine.token(path), **opened, "a.one.locks": "no"})
    answer = mine.send(path, {"a.one.locks": "no", "k.one.locks": "theirs", "c.one.locks": "1"})
    assert answer.status_code == 303
    assert given.stored() == {"one.locks": (1, "yes")}
    assert rows_of(given, StaleEdit) == []


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_a_choice_on_what_has_changed_again_is_offered_anew(given: Given, choice: str) -> None:
    path = given.section("one")
    mine, theirs = given.browser(), given.browser(given.contributor)
    opened = mine.card_fields(path)
    theirs.answer(path, a__one__days="1")
    mine.client.post(path, data={"csrf_token": mine.token(path), **opened, "a.one.days": "2"})
    theirs.answer(path, a__one__days="3")
    answer = mine.send(path, {"a.one.days": "2", "k.one.days": choice, "c.one.days": "1"})
    assert answer.status_code == 409
    assert "3 days" in answer.text
    assert given.stored() == {"one.days": (2, "3")}


def test_an_old_page_without_edits_changes_nothing(given: Given) -> None:
    path = given.section("one")
    mine, theirs = given.browser(), given.browser(given.contributor)
    mine.answer(path, a__one__locks="yes", a__one__days="1")
    opened = mine.card_fields(path)
    theirs.answer(path, a__one__locks="no", a__one__days="1")
    body = {"csrf_token": mine.token(path), **opened, "a.one.locks": "yes", "a.one.days": "2"}
    assert mine.client.post(path, data=body).status_code == 303
    assert given.stored() == {"one.locks": (2, "no"), "one.days": (2, "2")}


def test_the_same_answer_of_two_people_is_no_conflict(given: Given) -> None:
    path = given.section("one")
    mine, theirs = given.browser(), given.browser(given.contributor)
    opened = mine.card_fields(path)
    theirs.answer(path, a__one__locks="no")
    body = {"csrf_token": mine.token(path), **opened, "a.one.locks": "no"}
    assert mine.client.post(path, data=body).status_code == 303
    assert given.stored() == {"one.locks": (1, "no")}


# -------------------------------------------------------------------------------------------------------- autosave


def test_autosave_says_what_was_saved_and_what_appeared(given: Given) -> None:
    browser, path = given.browser(), given.section("one")
    answer = browser.auto(path, {"r.one.locks": "0", "a.one.locks": "no"})
    assert answer.status_code == 200
    told = answer.get_json()
    assert told["saved"] == {"one.locks": {"revision": 1, "label": "Saved 12:00"}}
    assert "one.why" in told["visible"]
    assert told["progress"] == {"answered": 1, "total": 7, "section_answered": 1, "section_total": 4}
    answer = browser.auto(path, {"r.one.locks": "1", "a.one.locks": "yes"})
    assert answer.get_json()["hidden"] == ["one.why"]


def test_autosave_refuses_a_wrong_value_with_its_message(given: Given) -> None:
    answer = given.browser().auto(given.section("one"), {"r.one.days": "0", "a.one.days": "400"})
    assert answer.status_code == 422
    assert answer.get_json()["errors"]["one.days"].startswith("Write a whole number from 0 to 365.")
    assert given.stored() == {}


@pytest.mark.parametrize("fields", [{}, {"a.nowhere": "1"}, {"r.two.proof": "0", "a.two.proof": "yes"}])
def test_autosave_of_nothing_of_this_section_is_refused(given: Given, fields: dict[str, str]) -> None:
    assert given.browser().auto(given.section("one"), fields).status_code == 422
    assert given.stored() == {}


def test_autosave_offers_both_answers_of_a_conflict_and_takes_the_choice(given: Given) -> None:
    path = given.section("one")
    given.browser(given.contributor).answer(path, a__one__days="1")
    mine = given.browser()
    answer = mine.auto(path, {"r.one.days": "0", "a.one.days": "2"})
    assert answer.status_code == 409
    conflict = answer.get_json()["conflicts"]["one.days"]
    assert (conflict["revision"], conflict["theirs"]["label"]) == (1, "1 days")
    chosen = {"r.one.days": "0", "a.one.days": "2", "c.one.days": "1"}
    assert mine.auto(path, {**chosen, "k.one.days": "theirs"}).get_json()["reload"] is True
    assert given.stored() == {"one.days": (1, "1")}
    assert mine.auto(path, {**chosen, "k.one.days": "mine"}).status_code == 200
    assert given.stored() == {"one.days": (2, "2")}


def test_autosave_tells_when_a_finding_by_condition_appears(given: Given) -> None:
    told = given.browser().auto(given.section("one"), {"r.one.days": "0", "a.one.days": "31"}).get_json()
    assert told["reload"] is True
    assert "That is long." in given.browser().get(given.section("one")).text


# ---------------------------------------------------------------------------------------------- hidden and outdated


def test_what_is_hidden_stays_in_the_draft_and_counts_nowhere(given: Given) -> None:
    browser, path = given.browser(), given.section("one")
    browser.answer(path, a__one__locks="no")
    browser.answer(path, a__one__locks="no", a__one__why="It is hot.")
    before = given.assessment().answered
    browser.answer(path, a__one__locks="yes", a__one__why="It is hot.")
    assert given.stored()["one.why"] == (1, "It is hot.")
    assert given.assessment().answered == before - 1
    browser.answer(path, a__one__locks="no", a__one__why="It is hot.")
    assert given.assessment().answered == before


def test_a_wrong_value_in_a_question_no_longer_asked_is_shown_not_swallowed(given: Given) -> None:
    answer = given.browser().send(given.section("one"), {"a.one.locks": "yes", "a.one.why": "x" * 51})
    assert answer.status_code == 422
    assert "x" * 51 in answer.text


def test_a_day_that_has_passed_meanwhile_is_missing_again(given: Given, clocked: list[datetime]) -> None:
    path = given.section("two")
    given.browser().answer(path, a__two__planned="2026-11-25")
    clocked[0] = NOW + timedelta(days=6)
    browser = given.browser()
    page = browser.get(f"{given.base}/missing").text
    assert "The answer no longer fits. The date cannot be before today." in page
    assert browser.answer(path, a__two__planned="2026-11-25").status_code == 303  # unchanged is no edit


def test_a_section_that_nobody_is_asked_says_so(given: Given) -> None:
    assert "Nothing to answer here." in given.browser().get(given.section("three")).text


# ------------------------------------------------------------------------------------------------------- strangers


def test_another_companys_person_finds_nothing(given: Given) -> None:
    stranger = given.browser(given.stranger[CompanyRole.OWNER])
    token = csrf_of(stranger.get("/account"))
    own = f"/c/{given.stranger.slug}/assessments/{given.assessment_id}"
    for base in (given.base, own):
        for path in ("", "/questions", "/sections/one", "/missing", "/submit", "/receipt"):
            assert stranger.get(base + path).status_code == 404, base + path
        for path in ("/sections/one", "/sections/one/answer", "/submit"):
            body = {"csrf_token": token, "r.one.locks": "0", "a.one.locks": "no"}
            assert stranger.client.post(base + path, data=body).status_code == 404, base + path
    assert given.stored() == {}


def test_a_draft_after_an_edit_is_the_draft_read_anew(given: Given) -> None:
    """What is not read again reads the same: every question in turn, changed, emptied, spoilt and mended."""
    definition, today = security_lite(), NOW.date()
    full = {key: Content("answered", plain_value(one)) for key, one in definition.questions.items()}
    draft = drafts.read(definition, full, {}, today)
    for key in definition.questions:
        for content in (Content("answered", "☠"), EMPTY, Content("not_applicable", None, "why"), full[key]):
            draft = draft.with_contents({key: content})
            anew = drafts.read(definition, dict(draft.contents), {}, today)
            assert dict(draft.answers) == dict(anew.answers)
            assert dict(draft.outdated) == dict(anew.outdated)
            assert draft.look == anew.look
            assert draft.earlier is None
