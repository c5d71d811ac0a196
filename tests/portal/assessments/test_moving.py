"""An open assessment goes over to another version and back: nothing is lost, nothing counts that was not meant."""

from __future__ import annotations

import json
import random
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import change_steps, delegation, moving, queries, reach
from portal.assessments.drafts import Content
from portal.assessments.models import AnswerContent, AnswerRow, Delegation
from portal.assessments.service import Edit, save_answers
from portal.assessments.version_models import AssessmentMove
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Scope
from portal.erasure import destroying
from portal.erasure.reaching import Destroyed
from portal.evidence.models import EvidenceGrant
from portal.faults import Conflict, Invalid
from portal.library import service as library
from portal.library.importing import Import
from portal.library.models import Definition
from portal.outbox import Message
from questionnaires.canonical import definition_json
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal.assessments import carried
from tests.portal.assessments.carried import newer, write
from tests.portal.assessments.given import Given
from tests.portal.assessments.test_delegation import give, link, opened
from tests.portal.world import NOW, signed_in

WHY = "The new version asks about keys in the cloud."
CHANGED: dict[str, Any] = {
    "one__days": {"text": "How many working days does a new key take at most?"},  # reworded
    "one__kinds": {"key": "one.key_kinds"},  # renamed
    "one__why": {"revision": 2, "text": "Who decided that they stay open?"},  # another question
    "two__list": None,  # retired
}
SAID = {
    "one.locks": "no",
    "one.why": "Too hot.",
    "one.days": "3",
    "one.kinds": ["steel"],
    "two.list": [{"name": "Ana"}],
}


def release(given: Given, definition: Questionnaire) -> None:
    """Release a version for the organisation that asks."""
    actor = given.organisation[OrganisationRole.CISO]
    with given.database.transaction() as session:
        library.release(session, given.organisation.id, Import(definition, "json", ()), now=NOW, actor=actor)


def asked(given: Given, number: str = "2.0.0", *, back: bool = False, days: int = 0) -> None:
    """The organisation asks, and the worker does it."""
    actor, now = given.organisation[OrganisationRole.CISO], NOW + timedelta(days=days)
    with given.database.transaction(Scope(organisation_id=given.organisation.id)) as session:
        one, _vendor = change_steps.lock(session, actor, given.assessment_id)
        if back:
            moving.undo(session, one, text=WHY, actor=actor, now=now)
        else:
            moving.ask(session, one, number, text=WHY, actor=actor, now=now)
    assert moving.apply_asked(given.database, now=now) == 1


def answers(given: Given) -> dict[str, Any]:
    """What counts as answered now, by question of the present version."""
    one = given.assessment()
    held = given.read(queries.rows, given.assessment_id)
    definition = given.read(lambda session, _who: library.definition(session, one.content_hash))
    draft = given.read(lambda session, who: queries.draft(session, who, definition, one, held, NOW))
    return {key: said.value for key, said in draft.contents.items() if said.state != "unanswered"}


@pytest.fixture
def moved(given: Given) -> Given:
    release(given, given.definition)
    release(given, newer(**CHANGED))
    write(given, given.assessment_id, SAID)
    asked(given)
    return given


def test_answers_go_by_what_became_of_their_questions(moved: Given) -> None:
    one = moved.assessment()
    assert (one.version, one.answered, one.total, one.moved_at is not None) == ("2.0.0", 0, 0, True)
    assert answers(moved) == {"one.locks": "no", "one.key_kinds": ["steel"]}
    rows = moved.read(queries.rows, moved.assessment_id)
    assert rows["one.key_kinds"][0].answered_by == moved.owner.person.id
    assert rows["two.list"][0].value["v"] == [{"name": "Ana"}]  # no longer asked, and still there
    page = moved.browser().get(moved.section("one")).text
    assert "Before the questionnaire changed your answer was “3 days”." in page
    assert "<ins>working" in page
    assert "The question then: “Why do you leave them open?”" in page


def test_still_true_takes_what_stood_before_the_move(moved: Given) -> None:
    browser, path = moved.browser(), moved.section("one")
    assert browser.send(path, {"confirm": "move.one.why"}).status_code == 422  # it means something else now
    assert browser.send(path, {"confirm": "move.one.days"}).status_code == 303
    assert answers(moved)["one.days"] == "3"
    assert "Before the questionnaire changed your answer was “3 days”" not in browser.get(path).text
    assert moved.assessment().total > 0  # counted anew


@pytest.mark.both_databases
def test_the_way_back_restores_what_nobody_has_touched(moved: Given) -> None:
    before = moved.read(queries.rows, moved.assessment_id)["one.days"][0]
    asked(moved, back=True)
    assert moved.assessment().content_hash == moved.definition.content_hash
    assert answers(moved) == SAID
    after = moved.read(queries.rows, moved.assessment_id)["one.days"][0]
    assert after.revision == before.revision + 1
    assert after.answered_by == moved.owner.person.id


def test_what_was_written_since_stands_where_the_question_is_the_same(moved: Given) -> None:
    write(moved, moved.assessment_id, {"one.locks": "yes", "one.key_kinds": ["card"], "one.days": "9"})
    asked(moved, back=True)
    assert answers(moved) == {**SAID, "one.locks": "yes", "one.kinds": ["card"]}
    page = moved.browser().get(moved.section("one")).text
    assert "Before the questionnaire changed your answer was “9 days”." in page  # beside, not instead
    assert moved.browser().send(moved.section("one"), {"confirm": "move.one.days"}).status_code == 303
    assert answers(moved)["one.days"] == "9"


@pytest.mark.both_databases
@pytest.mark.parametrize("before", ["3", None])
def test_what_was_written_to_a_renamed_and_reworded_question_is_offered_on_the_way_back(
    given: Given, before: str | None
) -> None:
    text = "How many working days does a new key take at most?"
    release(given, newer(one__days={"key": "one.wait", "text": text}))
    write(given, given.assessment_id, {"one.days": before} if before else {"one.locks": "no"})
    asked(given)
    write(given, given.assessment_id, {"one.wait": "9"})
    asked(given, back=True)
    assert answers(given).get("one.days") == before  # as it was
    page = given.browser().get(given.section("one")).text
    assert "Before the questionnaire changed your answer was “9 days”." in page
    assert "<del>working" in page  # what the words were
    assert given.browser().send(given.section("one"), {"confirm": "move.one.days"}).status_code == 303
    assert answers(given)["one.days"] == "9"
    assert "Before the questionnaire changed" not in given.browser().get(given.section("one")).text


def test_nothing_is_offered_on_the_way_back_where_nobody_wrote(given: Given) -> None:
    release(given, newer(one__days={"key": "one.wait", "text": "How many working days does a new key take?"}))
    write(given, given.assessment_id, {"one.days": "3"})
    asked(given)
    asked(given, back=True)
    assert answers(given) == {"one.days": "3"}
    assert "Before the questionnaire changed" not in given.browser().get(given.section("one")).text


def test_a_stale_edit_never_becomes_the_answer(given: Given) -> None:
    """It lay beside the stored answer, unchosen, when its question was renamed: on the way and back it never counts."""
    release(given, newer(**CHANGED))
    write(given, given.assessment_id, {"one.kinds": ["steel"]})
    with given.database.transaction(Scope(company_id=given.company.id)) as session:
        one = queries.assessment(session, given.contributor, given.assessment_id, lock=True)
        section = given.definition.section_of["one.kinds"]
        edit = Edit("one.kinds", 0, Content("answered", ["card"], "Stale."))
        result = save_answers(session, one, section, [edit], actor=given.contributor, now=NOW)
        assert "one.kinds" in result.conflicts
    asked(given)
    row = given.read(queries.rows, given.assessment_id)["one.key_kinds"][0]
    assert (row.value["v"], row.note, row.answered_by) == (["steel"], "", given.owner.person.id)
    asked(given, back=True)
    row = given.read(queries.rows, given.assessment_id)["one.kinds"][0]
    assert (row.value["v"], row.note, row.answered_by) == (["steel"], "", given.owner.person.id)
    with given.database.looking(Scope(company_id=given.company.id)) as session:
        notes = session.scalars(
            select(AnswerContent.note).where(AnswerContent.company_id == given.company.id)
        ).all()
    assert notes.count("Stale.") == 1  # and it is kept


@pytest.mark.parametrize("touched", [True, False])
def test_the_way_back_accepts_nothing_that_nobody_accepted(given: Given, touched: bool) -> None:
    """An answer through a link waits before the move. What an owner accepts meanwhile is another answer."""
    release(given, newer(**CHANGED))
    assert give(given, "one.days").status_code == 303
    helper = opened(given, link(given))
    helper.answer(given.section("one"), a__one__days="5")
    asked(given)
    if touched:
        helper.answer(given.section("one"), a__one__days="6")
        owner, page = given.browser(), f"{given.base}/delegations/answers"
        seen = dict(re.findall(r'name="(r\.[^"]+|version)" value="(\w+)"', owner.get(page).text))
        assert owner.post(page, {**seen, "which": "all"}, page=page).status_code == 303
        assert given.read(queries.rows, given.assessment_id)["one.days"][0].accepted_at is not None
    asked(given, back=True)
    row = given.read(queries.rows, given.assessment_id)["one.days"][0]
    assert (row.value["v"], row.delegation_id is not None, row.accepted_at) == ("5", True, None)


def test_the_way_back_keeps_an_acceptance(given: Given) -> None:
    release(given, newer(**CHANGED))
    assert give(given, "one.days").status_code == 303
    opened(given, link(given)).answer(given.section("one"), a__one__days="5")
    owner, page = given.browser(), f"{given.base}/delegations/answers"
    seen = dict(re.findall(r'name="(r\.[^"]+|version)" value="(\w+)"', owner.get(page).text))
    assert owner.post(page, {**seen, "which": "all"}, page=page).status_code == 303
    asked(given)
    asked(given, back=True)
    row = given.read(queries.rows, given.assessment_id)["one.days"][0]
    assert (row.value["v"], row.delegation_id is not None) == ("5", True)
    assert row.accepted_at is not None


def test_a_page_of_the_old_version_saves_nothing_and_loses_nothing(given: Given) -> None:
    release(given, newer(**CHANGED))
    browser, path = given.browser(), given.section("one")
    held, token = browser.card_fields(path), browser.token(path)
    asked(given)
    fields = {"csrf_token": token, **held, "a.one.days": "7", "n.one.days": "Only by courier."}
    answer = browser.client.post(path, data=fields)
    assert answer.status_code == 409
    assert "The questionnaire has changed while your page was open" in answer.text
    assert "7 days" in answer.text
    assert "Only by courier." in answer.text
    headers = {"Accept": "application/json", "X-CSRF-Token": token}
    told = browser.client.post(f"{path}/answer", data={**fields, "r.one.days": "0"}, headers=headers)
    assert (told.status_code, told.get_json()["saved"]) == (409, {})
    bare = {key: value for key, value in fields.items() if key != "version"}
    assert browser.client.post(path, data=bare).status_code == 409
    assert answers(given) == {}


def test_a_section_that_is_gone_tells_of_the_move_too(given: Given) -> None:
    release(given, newer(three__guard={"key": "one.guard"}))
    browser, path = given.browser(), given.section("two")
    held, token = browser.card_fields(path), browser.token(path)
    asked(given)
    assert browser.client.post(path, data={"csrf_token": token, **held}).status_code == 409


def test_nobody_signs_another_version_than_they_read(given: Given) -> None:
    release(given, newer(one__days={"help": "Count from the order."}))
    write(
        given,
        given.assessment_id,
        {**SAID, "two.list": [{"name": "Ana"}], "two.proof": "no", "three.guard": "yes"},
    )
    browser, page = given.browser(), f"{given.base}/submit"
    text = browser.get(page).text
    seen = text.split('name="seen"')[1].split('value="')[1].split('"')[0]
    asked(given)
    write(given, given.assessment_id, {"one.days": "3"})
    answer = browser.post(page, page=page, name="Ana", role="Director", agreed="y", seen=seen)
    assert answer.status_code == 409
    assert given.assessment().state == "open"


def test_what_was_given_away_stays_given_by_question(given: Given) -> None:
    release(given, newer(**CHANGED))
    helper = given.company[CompanyRole.CONTRIBUTOR]
    with given.database.transaction(Scope(company_id=given.company.id)) as session:
        one = queries.assessment(session, given.owner, given.assessment_id, lock=True)
        for row in delegation.live(session, given.owner, one.id):
            delegation.revoke(session, row, actor=given.owner, now=NOW)
        for keys in (["one"], ["two.list"]):
            delegation.to_colleague(
                session, one, helper.person.id, keys, actor=given.owner, now=NOW, tell=False
            )
    asked(given)
    with given.database.looking(Scope(company_id=given.company.id)) as session:
        one = queries.assessment(session, helper, given.assessment_id)
        definition = library.definition(session, one.content_hash)
        assert reach.reach(session, helper, one, definition, NOW).keys == {
            "one.locks", "one.why", "one.days", "one.key_kinds",
        }  # fmt: skip
        kept = (
            session.execute(
                select(Delegation.keys).where(
                    Delegation.company_id == given.company.id, Delegation.revoked_at.is_(None)
                )
            )
            .scalars()
            .all()
        )
        assert kept == [["one.locks", "one.why", "one.days", "one.key_kinds"]]
    page = given.browser(helper).get(given.section("one"))
    assert page.status_code == 200


def parted(*, heir_first: bool) -> Questionnaire:
    """Version 2.0.0: ``one.days`` goes on as ``one.wait``, and its key now asks for something else."""
    made = newer(one__days={"key": "one.wait", "finding": []})
    raw = definition_json(made)
    questions = raw["sections"][0]["questions"]
    at = next(place for place, each in enumerate(questions) if each["key"] == "one.wait")
    other = {
        **questions[at],
        "key": "one.days",
        "revision": 2,
        "text": "After how many days is a lock replaced?",
    }
    del other["formerly"]
    questions.insert(at + heir_first, other)
    return parse_json(json.dumps(raw).encode())


@pytest.mark.parametrize("heir_first", [True, False])
def test_a_number_that_is_given_to_another_question_takes_no_answer_along(
    given: Given, heir_first: bool
) -> None:
    """The answer follows its meaning to the new key, in whichever order the two stand; back, what is newest stands."""
    release(given, parted(heir_first=heir_first))
    write(given, given.assessment_id, {"one.days": "3"})
    asked(given)
    assert answers(given) == {"one.wait": "3"}
    asked(given, back=True)
    assert answers(given) == {"one.days": "3"}
    asked(given, days=2)
    write(given, given.assessment_id, {"one.days": "77", "one.wait": "5"})
    asked(given, back=True, days=2)
    assert answers(given) == {"one.days": "5"}


@pytest.mark.both_databases
@pytest.mark.parametrize("text", ["Who leads the drill?", "Who is it that leads the drill?"])
def test_an_answer_to_a_new_question_is_there_when_the_question_comes_back(given: Given, text: str) -> None:
    """Moved, answered, taken back, moved again, this time perhaps to a version that words it otherwise."""
    drill = {"key": "one.drill", "text": "Who leads the drill?", "type": "text", "weight": 0}

    def version(number: str, **fields: str) -> Questionnaire:
        raw = definition_json(newer(number))
        raw["sections"][0]["questions"].append({**drill, **fields})
        return parse_json(json.dumps(raw).encode())

    release(given, version("2.0.0"))
    asked(given)
    write(given, given.assessment_id, {"one.drill": "Ana"})
    asked(given, back=True)
    assert answers(given) == {}
    release(given, version("3.0.0", text=text))
    asked(given, "3.0.0", days=2)
    assert answers(given) == ({"one.drill": "Ana"} if text == drill["text"] else {})
    if text != drill["text"]:
        page = given.browser().get(given.section("one")).text
        assert "Before the questionnaire changed your answer was “Ana”." in page
        assert "<ins>is it that" in page
        assert given.browser().send(given.section("one"), {"confirm": "move.one.drill"}).status_code == 303
        assert answers(given) == {"one.drill": "Ana"}


@pytest.mark.parametrize("asks", [True, False])
def test_an_answer_stays_whatever_became_of_the_document_that_was_promised(given: Given, asks: bool) -> None:
    """The day of the promise is past when the assessment moves; the new version may ask for no document at all."""
    raw = definition_json(newer())
    if not asks:
        del raw["sections"][1]["questions"][-1]["evidence"]
    release(given, parse_json(json.dumps(raw).encode()))
    promised = Content("answered", "yes", "As every year.", "It is being written.", "2026-11-24")
    write(given, given.assessment_id, {"two.proof": promised})
    asked(given, days=10)
    assert answers(given) == {"two.proof": "yes"}
    row = given.read(queries.rows, given.assessment_id)["two.proof"][0]
    assert (row.note, row.promise_reason != "") == ("As every year.", asks)
    asked(given, back=True, days=10)
    row = given.read(queries.rows, given.assessment_id)["two.proof"][0]
    assert (row.value["v"], row.promise_reason) == ("yes", "It is being written.")


def test_what_no_longer_fits_by_itself_stays_and_says_why(given: Given, clocked: list[datetime]) -> None:
    """A day that is past when the assessment moves, and "not applicable" where it is offered no longer."""
    release(given, newer("1.5.0", one__days={"allow_na": True}))
    asked(given, "1.5.0")
    release(given, newer("2.0.0"))
    write(given, given.assessment_id, {"two.planned": "2026-11-24", "one.days": None})
    clocked[0] = NOW + timedelta(days=10)
    asked(given, days=10)
    rows = given.read(queries.rows, given.assessment_id)
    assert (rows["two.planned"][0].value["v"], rows["one.days"][0].state) == ("2026-11-24", "not_applicable")
    page = given.browser().get(f"{given.base}/missing").text
    assert "not applicable” is not offered here" in page
    assert "When is the next drill planned?" in page


def test_what_a_move_took_from_a_colleague_is_theirs_again_after_the_way_back(given: Given) -> None:
    release(given, newer(**CHANGED))
    helper = given.company[CompanyRole.CONTRIBUTOR]
    keys = ["one.days", "two.list"]
    with given.database.transaction(Scope(company_id=given.company.id)) as session:
        one = queries.assessment(session, given.owner, given.assessment_id, lock=True)
        for row in delegation.live(session, given.owner, one.id):
            delegation.revoke(session, row, actor=given.owner, now=NOW)
        delegation.to_colleague(session, one, helper.person.id, keys, actor=given.owner, now=NOW, tell=False)

    def reached() -> frozenset[str] | None:
        with given.database.looking(Scope(company_id=given.company.id)) as session:
            one = queries.assessment(session, helper, given.assessment_id)
            definition = library.definition(session, one.content_hash)
            return reach.reach(session, helper, one, definition, NOW).keys

    asked(given)
    assert reached() == {"one.days"}
    assert "two.list" not in given.browser().get(f"{given.base}/delegations").text
    asked(given, back=True)
    assert reached() == set(keys)


def test_pages_bear_questions_that_are_no_longer_asked(moved: Given) -> None:
    browser = moved.browser()
    for page in (
        "",
        "/questions",
        "/missing",
        "/submit",
        "/earlier",
        "/delegation",
        "/enquiries",
        "/sections/two",
    ):
        assert browser.get(moved.base + page).status_code in (200, 404), page
    assert browser.get(f"/c/{moved.company.slug}/").status_code == 200
    organisation = signed_in(moved.app, moved.organisation[OrganisationRole.CISO])
    here = f"/o/{moved.organisation.slug}/assessments/{moved.assessment_id}"
    assert "Progress is counted anew" in organisation.get(here).text
    assert "Back to version 1.0.0" in organisation.get(f"{here}/move").text


def test_the_vendor_is_told_of_both(moved: Given) -> None:
    asked(moved, back=True)
    with moved.database.looking(SYSTEM) as session:
        told = [
            each.subject
            for each in session.execute(select(Message).where(Message.kind == "assessment_changed")).scalars()
        ]
        kinds = list(session.execute(select(Event.kind).where(Event.kind.like("assessment.move%"))).scalars())
    assert len(told) == 2
    assert sorted(kinds) == ["assessment.move_asked"] * 2 + ["assessment.moved"] * 2


def test_once_a_day_and_only_what_is_offered(moved: Given) -> None:
    actor = moved.organisation[OrganisationRole.CISO]

    def ask(number: str, days: int = 0) -> None:
        with moved.database.transaction(Scope(organisation_id=moved.organisation.id)) as session:
            one, _vendor = change_steps.lock(session, actor, moved.assessment_id)
            moving.ask(session, one, number, text=WHY, actor=actor, now=NOW + timedelta(days=days))

    release(moved, newer("3.0.0"))
    with pytest.raises(Invalid):
        ask("1.0.0")
    with pytest.raises(Conflict):
        ask("3.0.0")
    ask("3.0.0", days=2)
    with pytest.raises(Conflict):
        ask("3.0.0", days=2)


def test_a_move_lapses_when_the_assessment_is_no_longer_open(given: Given) -> None:
    release(given, newer(**CHANGED))
    actor = given.organisation[OrganisationRole.CISO]
    with given.database.transaction(Scope(organisation_id=given.organisation.id)) as session:
        one, _vendor = change_steps.lock(session, actor, given.assessment_id)
        moving.ask(session, one, "2.0.0", text=WHY, actor=actor, now=NOW)
        change_steps.close(one, "declined", actor, NOW)
    assert moving.apply_asked(given.database, now=NOW) == 0
    with given.database.looking(SYSTEM) as session:
        assert session.execute(select(AssessmentMove.state)).scalars().all() == ["lapsed"]
    assert given.assessment().version == "1.0.0"


@pytest.mark.both_databases
def test_one_move_that_fails_holds_up_no_other(given: Given, caplog: pytest.LogCaptureFixture) -> None:
    """What is stored of the first one's version can no longer be read, as after a broken disk."""
    release(given, newer(**CHANGED))
    actor = given.organisation[OrganisationRole.CISO]
    broken = carried.ask(given, given.definition)
    for number, assessment in enumerate((broken, given.assessment_id)):
        with given.database.transaction(Scope(organisation_id=given.organisation.id)) as session:
            one, _vendor = change_steps.lock(session, actor, assessment)
            asking = NOW + timedelta(seconds=number)
            row = moving.ask(session, one, "2.0.0", text=WHY, actor=actor, now=asking)
            if assessment == broken:
                session.add(Definition(content_hash="0" * 64, canonical=b"{", stored_at=NOW))
                session.flush()
                row.to_hash = "0" * 64
    assert moving.apply_asked(given.database, now=NOW) == 1
    assert given.assessment().version == "2.0.0"
    assert f"of assessment {broken} failed" in caplog.text
    with given.database.looking(SYSTEM) as session:
        states = session.execute(select(AssessmentMove.state).order_by(AssessmentMove.asked_at)).scalars()
        assert states.all() == ["asked", "applied"]


def test_nobody_accepts_beside_questions_that_they_have_not_seen(given: Given) -> None:
    release(given, newer(**CHANGED))
    assert give(given, "one.kinds", "one.days").status_code == 303
    opened(given, link(given)).answer(given.section("one"), a__one__days="5")
    owner, page = given.browser(), f"{given.base}/delegations/answers"
    seen = dict(re.findall(r'name="(r\.[^"]+|version)" value="(\w+)"', owner.get(page).text))
    asked(given)
    assert owner.post(page, {**seen, "which": "all"}, page=page).status_code == 409
    seen.pop("version")
    assert owner.post(page, {**seen, "which": "all"}, page=page).status_code == 409
    with given.database.looking(Scope(company_id=given.company.id)) as session:
        accepted = select(AnswerRow.accepted_at).where(AnswerRow.company_id == given.company.id)
        assert set(session.scalars(accepted)) == {None}


@pytest.mark.parametrize("what", ["", "/attach", "/withdraw"])
def test_no_document_is_laid_or_taken_beside_a_question_not_seen(given: Given, what: str) -> None:
    release(given, newer(two__proof={"text": "Has a stranger checked?"}))
    document = _document(given, "two.proof")
    browser, page = given.browser(), f"{given.section('two')}/questions/two.proof/evidence"
    seen = re.search(r'name="version" value="(\w+)"', browser.get(page).text)
    assert seen is not None
    assert seen[1] == given.definition.content_hash
    asked(given)
    path = f"{page}/{document}{what}" if what == "/withdraw" else page + what
    fields = {"version": seen[1], "documents": str(document)}
    assert browser.post(path, fields, page=page).status_code == 409
    assert _places(given) == {("two.proof", document)}
    if what == "/withdraw":
        fields["version"] = given.assessment().content_hash
        assert browser.post(path, fields, page=page).status_code == 303
        assert _places(given) == set()


@pytest.mark.both_databases
def test_documents_go_with_their_question_and_come_back(given: Given) -> None:
    release(given, newer(two__proof={"key": "two.check"}))
    document = _document(given, "two.proof")
    asked(given)
    assert _places(given) == {("two.check", document)}
    asked(given, back=True)
    assert _places(given) == {("two.proof", document)}


def _document(given: Given, key: str) -> uuid.UUID:
    from portal.evidence.models import Evidence

    made = uuid.uuid4()
    with given.database.transaction(Scope(company_id=given.company.id)) as session:
        row = Evidence(
            id=made, company_id=given.company.id, kind="check_report", title="Report", issued=None, expires=None,
            filename="report.pdf", media_type="application/pdf", size=1, sha256="0" * 64, storage_key="x" * 32,
            scan="clean", scanned_at=None, uploaded_by=given.owner.person.id, uploaded_at=NOW, removed_at=None,
            delegation_id=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(
            EvidenceGrant(
                id=uuid.uuid4(), organisation_id=given.organisation.id, company_id=given.company.id,
                assessment_id=given.assessment_id, key=key, evidence_id=made,
                granted_by=given.owner.person.id, granted_at=NOW,
            )
        )  # fmt: skip
        record(session, Kind.EVIDENCE_ADDED, now=NOW, actor=given.owner, subject=row)
    return made


def _places(given: Given) -> set[tuple[str, uuid.UUID]]:
    with given.database.looking(Scope(company_id=given.company.id)) as session:
        rows = session.execute(
            select(EvidenceGrant.key, EvidenceGrant.evidence_id).where(
                EvidenceGrant.company_id == given.company.id, EvidenceGrant.revoked_at.is_(None)
            )
        )
        return {(key, document) for key, document in rows}


@pytest.mark.both_databases
def test_what_is_redacted_does_not_come_back_by_either_way(moved: Given) -> None:
    """Under whichever name it was redacted: the answer that a move set aside and the one that it renamed."""
    now = NOW + timedelta(hours=1)
    found = Destroyed()
    with moved.database.transaction() as session:
        destroying.drafts(session, moved.assessment_id, {"one.days"}, found, now)
        keys = destroying.aliases(session, moved.assessment_id, {"one.key_kinds"})
        assert keys == {"one.kinds", "one.key_kinds"}
        destroying.drafts(session, moved.assessment_id, keys, found, now)
        record(session, Kind.REDACTED, now=now, actor=None, company_id=moved.company.id)
    page = moved.browser().get(moved.section("one")).text
    assert "your answer was “3 days”" not in page
    asked(moved, back=True)
    assert answers(moved) == {key: SAID[key] for key in ("one.locks", "one.why", "two.list")}


@pytest.mark.both_databases
def test_random_saves_and_moves_lose_nothing_and_count_nothing_that_was_not_meant(given: Given) -> None:
    """Whatever happens: each content ever saved stays in the history, and each answer that counts was given by a
    person to a question that asks the same."""
    chance = random.Random(20261122)
    release(given, newer(**CHANGED))
    versions = {"1.0.0": given.definition, "2.0.0": newer(**CHANGED)}
    same = {
        "one.locks": {"one.locks"},
        "one.kinds": {"one.kinds", "one.key_kinds"},
        "two.proof": {"two.proof"},
    }
    meaning = {name: key for key, names in same.items() for name in names}
    ever: set[str] = set()
    meant: dict[str, set[str]] = {}
    day = 0
    for turn in range(14):
        version = given.assessment().version
        if chance.random() < 0.4:
            day += 2
            asked(given, back=version == "2.0.0", days=day)
            continue
        key, value = chance.choice(
            [("one.days", str(turn)), ("one.why", f"Because {turn}."), ("one.locks", "no")]
        )
        kinds = "one.kinds" if version == "1.0.0" else "one.key_kinds"
        said = {key: value, kinds: [chance.choice(["steel", "card"])]}
        write(given, given.assessment_id, said, at=NOW + timedelta(days=day, hours=turn))
        for name, what in said.items():
            ever.add(json.dumps(what))
            meant.setdefault(meaning.get(name, f"{name} in {version}"), set()).add(json.dumps(what))
        for name, what in answers(given).items():
            assert json.dumps(what) in meant[meaning.get(name, f"{name} in {version}")], (turn, name)
    assert given.assessment().version in versions
    with given.database.looking(Scope(company_id=given.company.id)) as session:
        contents = session.execute(
            select(AnswerContent.value).where(AnswerContent.company_id == given.company.id)
        ).scalars()
        assert ever <= {json.dumps(each["v"]) for each in contents}
