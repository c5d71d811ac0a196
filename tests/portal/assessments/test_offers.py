"""Carry-forward: what earlier submissions offer, to whom, and what "still true" makes of it."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from portal.access import CompanyRole, Identity
from portal.assessments import offers, queries, showing
from portal.assessments.models import AnswerRevision, SealedAnswer
from portal.assessments.offers import Offered
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import Scope, across
from portal.evidence import service as evidence
from portal.evidence.service import Described
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.library import service as library
from portal.storage import new_key
from tests.portal.assessments.carried import ANSWERS, LAST_YEAR, ask, newer, submit, submitted, write
from tests.portal.assessments.given import Given
from tests.portal.world import NOW, add_to, make_organisation


def found(given: Given, assessment: uuid.UUID, who: Identity | None = None) -> dict[str, Offered]:
    """Everything that is offered on an assessment, whatever is answered."""
    actor = who or given.owner
    with given.database.looking(Scope(company_id=given.company.id)) as session:
        one = queries.assessment(session, actor, assessment)
        definition = library.definition(session, one.content_hash)
        return offers.find(session, actor, one, definition, list(definition.questions), NOW)


def path(given: Given, assessment: uuid.UUID, section: str) -> str:
    return f"/c/{given.company.slug}/assessments/{assessment}/sections/{section}"


def stored(given: Given, assessment: uuid.UUID) -> dict[str, Any]:
    rows = given.read(queries.rows, assessment)
    return {key: row.value["v"] for key, (row, _stale) in rows.items() if row.state != "unanswered"}


def test_last_years_answers_are_offered_and_nothing_is_answered(given: Given) -> None:
    _before, submission = submitted(given)
    now = ask(given, given.definition)
    offered = found(given, now)
    assert set(offered) == set(ANSWERS)
    assert {one.how for one in offered.values()} == {"section"}
    days = offered["one.days"].pasts[0]
    assert (days.source, days.content.value, days.offered and days.offered.value) == (
        str(submission),
        "3",
        "3",
    )
    assert stored(given, now) == {}
    page = given.browser().get(path(given, now, "one")).text
    assert "you answered “3 days”" in page
    assert "Small questionnaire 1.0.0" in page
    assert re.search(r"All \d are still true", page)


def test_still_true_takes_one_answer_with_its_origin(given: Given) -> None:
    _before, submission = submitted(given)
    now = ask(given, given.definition)
    browser, place = given.browser(), path(given, now, "one")
    answer = browser.send(place, {"confirm": f"{submission}.one.days", "a.one.kinds": "card"})
    assert answer.status_code == 303
    assert stored(given, now) == {
        "one.days": "3",
        "one.kinds": ["card"],
    }  # what was typed elsewhere is saved, too
    rows = _revisions(given, now)
    assert {row.key: row.origin_submission for row in rows} == {"one.days": submission, "one.kinds": None}
    assert rows[0].answered_by == given.owner.person.id
    assert [event.data["keys"] for event in _events(given, "answers.confirmed")] == [["one.days"]]
    assert "you answered “3 days”" not in browser.get(place).text


def test_a_section_takes_exactly_what_its_page_listed(given: Given) -> None:
    submitted(given)
    now = ask(given, newer(one__days={"text": "How many working days does a new key take?"}))
    browser, place = given.browser(), path(given, now, "one")
    page = browser.get(place).text
    listed = dict(re.findall(r'name="(o\.[^"]+)" value="([^"]*)"', page))
    assert set(listed) == {"o.one.locks", "o.one.kinds"}  # the reworded one singly, the hidden one not at all
    assert browser.send(place, {**listed, "confirm": "section", "a.one.kinds": "card"}).status_code == 303
    assert stored(given, now) == {"one.locks": "no", "one.kinds": ["card"]}
    page = browser.get(place).text
    assert "<ins>working" in page
    source = listed["o.one.locks"]
    assert browser.send(place, {"o.one.days": source, "confirm": "section"}).status_code == 422
    assert "one.days" not in stored(given, now)
    assert browser.send(place, {"confirm": f"{source}.one.days"}).status_code == 303
    assert stored(given, now)["one.days"] == "3"


def test_what_is_typed_beside_the_button_is_no_confirmation(given: Given) -> None:
    _before, submission = submitted(given)
    now = ask(given, given.definition)
    browser, place = given.browser(), path(given, now, "one")
    answer = browser.send(place, {"confirm": f"{submission}.one.days", "a.one.days": "9"})
    assert (answer.status_code, 'value="9"' in answer.text) == (422, True)
    assert stored(given, now).get("one.days") != "3"


def test_a_question_that_means_something_else_shows_the_old_answer_and_takes_none(given: Given) -> None:
    _before, submission = submitted(given)
    changed = newer(
        one__days={"revision": 2, "text": "How many days does a lost key stay valid?"},
        one__kinds={
            "options": [
                {"value": "card", "label": "Card", "points": 100},
                {"value": "none", "label": "None", "points": 0, "exclusive": True},
            ]
        },
        two__list=None,
    )
    now = ask(given, changed)
    offered = found(given, now)
    assert "two.list" not in offered
    for key in ("one.days", "one.kinds"):
        assert not offered[key].is_offered
    browser, place = given.browser(), path(given, now, "one")
    page = browser.get(place).text
    assert "The question then: “How many days does a new key take?”" in page
    assert "no longer offered" in page
    assert browser.send(place, {"confirm": f"{submission}.one.days"}).status_code == 422
    assert stored(given, now) == {}


def test_a_renamed_question_takes_the_answer_of_its_old_key(given: Given) -> None:
    submitted(given)
    now = ask(given, newer(one__days={"key": "one.key_days", "finding": []}))
    offered = found(given, now)["one.key_days"]
    assert (offered.how, offered.pasts[0].content.value) == ("section", "3")


@pytest.mark.both_databases
def test_the_same_engagement_goes_first_and_different_answers_are_all_shown(given: Given) -> None:
    engagement = uuid.uuid4()
    _one, near = submitted(given, engagement=engagement)
    _two, other = submitted(given, answers={**ANSWERS, "one.days": "5"}, at=LAST_YEAR + timedelta(days=30))
    now = ask(given, given.definition, engagement=engagement)
    offered = found(given, now)
    assert [past.source for past in offered["one.kinds"].pasts] == [str(near)]
    assert offered["one.days"].differ
    assert [past.source for past in offered["one.days"].pasts] == [str(near), str(other)]
    assert offered["one.days"].how == "single"
    browser, place = given.browser(), path(given, now, "one")
    assert "You have given different answers" in browser.get(place).text
    assert browser.send(place, {"confirm": f"{other}.one.days"}).status_code == 303
    assert stored(given, now)["one.days"] == "5"


@pytest.mark.both_databases
def test_many_newer_submissions_do_not_push_the_same_engagement_out(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "MOST_SOURCES", 2)
    engagement = uuid.uuid4()
    _one, near = submitted(given, engagement=engagement)
    for days in (10, 20):
        submitted(given, at=LAST_YEAR + timedelta(days=days))
    now = ask(given, given.definition, engagement=engagement)
    assert [past.source for past in found(given, now)["one.kinds"].pasts] == [str(near)]


@pytest.mark.both_databases
def test_who_answers_first_wins_and_a_confirmation_on_an_old_page_lies_beside(given: Given) -> None:
    _before, submission = submitted(given)
    now = ask(given, given.definition)
    browser, place = given.browser(), path(given, now, "one")
    held = browser.card_fields(place)
    write(given, now, {"one.days": "8"})
    body = {"csrf_token": browser.token(place), **held, "confirm": f"{submission}.one.days"}
    answer = browser.client.post(place, data=body)
    assert answer.status_code == 409
    assert stored(given, now)["one.days"] == "8"
    assert "Which answer to 1.3 stands" in answer.text


def test_autosave_takes_no_confirmation(given: Given) -> None:
    _before, submission = submitted(given)
    now = ask(given, given.definition)
    browser, place = given.browser(), path(given, now, "one")
    body = {"r.one.days": "0", "confirm": f"{submission}.one.days", "o.one.days": str(submission)}
    assert browser.auto(place, body).status_code == 200
    assert stored(given, now) == {}


def test_a_document_of_a_narrower_kind_grows_too_old_as_one_of_the_kind_asked_for(given: Given) -> None:
    before = ask(given, given.definition, at=LAST_YEAR)
    write(given, before, {**ANSWERS, "two.proof": "yes"}, at=LAST_YEAR)
    issued = LAST_YEAR.date() - timedelta(
        days=5
    )  # holds for twelve months, and not until the answers are due
    with given.database.transaction(given.owner.scope) as session:
        one = showing.open_assessment(session, given.owner, before, "two.proof", now=LAST_YEAR)
        for number, kind in enumerate(("check_report.audited", "policy")):
            paper = Stored(new_key(), Sniffed("a.pdf", "application/pdf", 1, f"{number:064d}"), "clean", NOW)
            said = Described(kind, kind, issued)
            document = evidence.add(session, paper, said, actor=given.owner, now=LAST_YEAR)
            showing.show_new(session, one, "two.proof", document, actor=given.owner, now=LAST_YEAR)
    submit(given, before, at=LAST_YEAR)  # with its proof: nothing is promised
    past = found(given, ask(given, given.definition))["two.proof"].pasts[0]
    assert ([each.kind for each in past.papers], past.lapsed) == (["policy"], 1)


def test_a_campaign_neither_gives_nor_takes(given: Given) -> None:
    submitted(given)
    raw = newer()
    assert raw.purpose == "assessment"
    import json

    from questionnaires.canonical import canonical_bytes
    from questionnaires.parsing import parse_json

    document = json.loads(canonical_bytes(raw))
    document["purpose"] = "campaign"
    campaign = parse_json(json.dumps(document).encode())
    assert found(given, ask(given, campaign)) == {}


@pytest.mark.parametrize("gone", ["one.days"])
def test_missing_says_what_could_be_confirmed(given: Given, gone: str) -> None:
    submitted(given)
    now = ask(given, given.definition)
    page = given.browser().get(f"/c/{given.company.slug}/assessments/{now}/missing").text
    assert "You answered this before" in page
    write(given, now, ANSWERS)
    submit(given, now)


def _revisions(given: Given, assessment: uuid.UUID) -> list[Any]:
    with given.database.looking(Scope(company_id=given.company.id)) as session:
        return list(
            session.execute(
                select(AnswerRevision)
                .where(
                    AnswerRevision.company_id == given.company.id, AnswerRevision.assessment_id == assessment
                )
                .order_by(AnswerRevision.key, AnswerRevision.revision)
            ).scalars()
        )


def _events(given: Given, kind: str) -> list[Any]:
    with given.database.looking(Scope(company_id=given.company.id)) as session:
        return list(
            session.execute(
                select(Event).where(Event.company_id == given.company.id, Event.kind == kind)
            ).scalars()
        )


# ------------------------------------------------------------------------------------------- other organisations


def other_place(given: Given) -> Any:
    return make_organisation(given.database, given.app.settings, "Brae Lending")


@pytest.mark.both_databases
def test_other_organisations_answers_need_an_owners_consent_and_are_shown_to_owners_alone(
    given: Given,
) -> None:
    elsewhere = other_place(given)
    _before, foreign = submitted(given, place=elsewhere)
    now = ask(given, given.definition)
    add_to(given.database, given.owner, given.contributor, now)
    assert found(given, now) == {}
    owner, page = given.browser(), f"/c/{given.company.slug}/assessments/{now}/earlier"
    assert "Offer them here" in owner.get(page).text
    assert given.browser(given.contributor).post(page, consent="yes").status_code == 403
    assert owner.post(page, page=page, consent="yes").status_code == 303
    offered = found(given, now)["one.days"]
    assert (offered.pasts[0].source, offered.pasts[0].foreign) == (str(foreign), True)
    section = owner.get(path(given, now, "one")).text
    assert "to another customer" in section
    assert "Brae Lending" not in section
    assert found(given, now, given.contributor) == {}
    helper = given.browser(given.contributor)
    assert "another customer" not in helper.get(path(given, now, "one")).text
    refused = helper.send(path(given, now, "one"), {"confirm": f"{foreign}.one.days"})
    assert refused.status_code == 422
    assert owner.send(path(given, now, "one"), {"confirm": f"{foreign}.one.days"}).status_code == 303
    assert owner.post(page, page=page, consent="no").status_code == 303
    assert found(given, now) == {}
    assert stored(given, now) == {"one.days": "3"}
    kinds = ["answers.consent_given", "answers.consent_withdrawn"]
    assert [len(_events(given, kind)) for kind in kinds] == [1, 1]


def test_own_questions_of_an_organisation_never_leave_it(given: Given) -> None:
    elsewhere = other_place(given)
    own = newer(one__days={"key": "own.days", "formerly": [], "finding": []})
    submitted(
        given,
        own,
        {**{k: v for k, v in ANSWERS.items() if k != "one.days"}, "own.days": "3"},
        place=elsewhere,
    )
    now = ask(given, own)
    page = f"/c/{given.company.slug}/assessments/{now}/earlier"
    assert given.browser().post(page, page=page, consent="yes").status_code == 303
    offered = found(given, now)
    assert "own.days" not in offered
    assert "one.kinds" in offered
    submitted(given, own, {**{k: v for k, v in ANSWERS.items() if k != "one.days"}, "own.days": "3"})
    assert "own.days" in found(given, now)


def test_nobody_of_another_company_is_offered_anything(given: Given) -> None:
    submitted(given)
    now = ask(given, given.definition)
    stranger = given.browser(given.stranger[CompanyRole.OWNER])
    assert stranger.get(path(given, now, "one")).status_code == 404
    assert stranger.get(f"/c/{given.company.slug}/assessments/{now}/earlier").status_code == 404


@pytest.mark.both_databases
def test_redacted_answers_are_offered_no_more(given: Given) -> None:
    _before, submission = submitted(given)
    now = ask(given, given.definition)
    with given.database.transaction() as session:
        session.execute(
            delete(SealedAnswer)
            .where(SealedAnswer.submission_id == submission, SealedAnswer.key == "one.days")
            .execution_options(**across("what is destroyed is destroyed on both sides"))
        )
        record(session, Kind.REDACTED, now=NOW, actor=None, company_id=given.company.id)
    assert "one.days" not in found(given, now)
    answer = given.browser().send(path(given, now, "one"), {"confirm": f"{submission}.one.days"})
    assert answer.status_code == 422
