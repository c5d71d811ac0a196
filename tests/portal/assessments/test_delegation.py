"""Giving questions away: what a helper may see and do, by account and by link, and what never leaks."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import CompanyRole
from portal.accounts.models import LoginSession, PersonRow
from portal.assessments.models import Delegation
from portal.audit.models import Event
from portal.db import SYSTEM
from portal.outbox import Message
from portal.web import mark_of
from tests.guards.test_routes import filled, routes
from tests.portal.assessments.given import Answering, Given
from tests.portal.assessments.test_sealing import fill, sign
from tests.portal.world import NOW, Place, csrf_of

LOCKS = "Do you lock the doors?"
HELPER = "jonas@elsewhere.example"


def rows_of(given: Given, model: Any) -> list[Any]:
    with given.database.looking(SYSTEM) as session:
        return list(session.scalars(select(model)))


def letters(given: Given, kind: str) -> list[Message]:
    return [one for one in rows_of(given, Message) if one.kind == kind]


def give(given: Given, *keys: str, how: str = "link", **fields: str) -> Any:
    """The owner gives ``keys`` (none: the whole) away."""
    owner = given.browser()
    page = f"{given.base}/delegations/new"
    body = {"how": how, "name": "Jonas Brandt", "email": HELPER, "days": "14", "message": "You know this."}
    body |= {"what": "some" if keys else "all", "key": list(keys), "csrf_token": owner.token(page), **fields}  # type: ignore[dict-item]
    return owner.client.post(page, data=body)


def link(given: Given) -> str:
    """The address in the newest letter."""
    newest = max(letters(given, "delegation_link"), key=lambda one: (one.created_at, one.text))
    found = re.search(r"http://\S+(/delegations/[\w-]{43})", newest.text)
    assert found is not None
    return found.group(1)


def opened(given: Given, path: str) -> Answering:
    """A browser of somebody without an account, in a session of the link."""
    helper = Answering(given.app.test_client())
    answer = helper.post(path, page=path)
    assert (answer.status_code, answer.location) == (303, f"{given.base}/mine")
    return helper


@pytest.fixture
def helper(given: Given) -> Answering:
    """Somebody behind a link to the first two questions of the first section."""
    assert give(given, "one.days", "one.why").status_code == 303
    return opened(given, link(given))


# ------------------------------------------------------------------------------------------------------ the letter


def test_the_letter_names_who_asks_and_asks_for_no_password(given: Given) -> None:
    give(given, "one.days", message="Ask me if it is unclear.")
    (letter,) = letters(given, "delegation_link")
    for word in (
        "Owner of Fennmark Archive",
        "Halden Mutual",
        "Fennmark Archive",
        "20 December 2026",
        "14 days",
    ):
        assert word in letter.text or word == "14 days", word
    assert (letter.recipient, letter.secret, letter.company_id) == (HELPER, True, given.company.id)
    assert letter.organisation_id is None
    assert "Ask me if it is unclear." in letter.text
    assert "You need no account and no password" in letter.text
    assert "enter your password" not in letter.text.lower()


def test_a_forged_host_does_not_reach_the_letter(given: Given) -> None:
    owner = given.browser()
    page = f"{given.base}/delegations/new"
    body = {"how": "link", "name": "J", "email": HELPER, "days": "5", "what": "all"}
    body["csrf_token"] = owner.token(page)
    for host in ("evil.example", "127.0.0.1:8000@evil.example", "evil.example:8000"):
        owner.client.post(page, data=body, headers={"Host": host, "X-Forwarded-Host": host})
    assert all("evil" not in one.text + one.html for one in letters(given, "delegation_link"))


def test_looking_five_times_changes_nothing_and_the_button_opens(given: Given) -> None:
    give(given, "one.days")
    path = link(given)
    browser = Answering(given.app.test_client())
    before = len(rows_of(given, LoginSession)), len(rows_of(given, Event))
    for _turn in range(5):
        page = browser.get(path).text
        for word in (
            "Owner of Fennmark Archive",
            "Halden Mutual",
            "First part: one question",
            "You know this.",
        ):
            assert word in page, word
    assert (len(rows_of(given, LoginSession)), len(rows_of(given, Event))) == before
    assert browser.client.post(path).status_code == 400  # no token, no session
    assert opened(given, path).get(f"{given.base}/mine").status_code == 200
    assert opened(given, path).get(f"{given.base}/mine").status_code == 200  # again, on another device


def test_an_account_that_is_signed_in_stays_signed_in(given: Given) -> None:
    give(given, "one.days")
    path = link(given)
    stranger = given.browser(given.stranger[CompanyRole.OWNER])
    assert "you are signed in as Owner of Elsewhere" in stranger.get(path).text
    assert stranger.post(path, page=path).status_code == 303
    assert "Your questions" in stranger.get(f"{given.base}/mine").text
    assert "Owner of Elsewhere" in stranger.get("/account").text
    assert stranger.get(f"/c/{given.stranger.slug}/").status_code == 200


def test_the_link_of_an_address_that_has_an_account_opens_no_account(given: Given) -> None:
    victim = given.organisation.people[next(iter(given.organisation.people))]
    give(given, "one.days", email=victim.person.email, name="Somebody")
    helper = opened(given, link(given))
    assert helper.get("/account").status_code == 303
    assert helper.get(f"/o/{given.organisation.slug}/").status_code == 303
    with given.database.looking(SYSTEM) as session:
        row = session.scalars(select(PersonRow).join(Delegation, Delegation.person_id == PersonRow.id)
                              .where(Delegation.token_hash.is_not(None))).one()  # fmt: skip
    assert (row.id != victim.person.id, row.email.startswith("delegation:"), row.password_hash) == (
        True,
        True,
        None,
    )
    page = given.browser().get(f"{given.base}/delegations").text
    assert "Somebody" in page
    assert victim.person.name not in page


# ------------------------------------------------------------------------------------------- what a link may reach


def test_a_link_reaches_its_own_pages_and_nothing_else(given: Given, helper: Answering) -> None:
    """Every route: the few of a helper answer, all others are for whoever is signed in, or not found."""
    mine = {
        f"{given.base}/mine",
        given.section("one"),
        f"{given.section('one')}/answer",
        f"{given.base}/mine/leave",
        f"{given.base}/workbook",  # narrowed: see the next test
        f"{given.base}/workbook.xlsx",
    }
    token = csrf_of(helper.get(f"{given.base}/mine"))
    wrong = []
    places: list[Place | None] = [given.company, given.stranger, given.organisation]
    for _name, rule, method in routes(given.app):
        if mark_of(given.app, rule.endpoint, method, rule.arguments).permission is None:
            continue
        for place in places:
            if place is not None and place.side not in rule.arguments:
                continue
            path = filled(rule, place).replace("/sections/nowhere", "/sections/one")
            path = re.sub(r"(/c/[^/]+/assessments/)[0-9a-f-]{36}", rf"\g<1>{given.assessment_id}", path)
            if path in mine:
                continue
            answer = helper.client.open(
                path, method=method, data={"csrf_token": token} if method == "POST" else None
            )
            if answer.status_code not in (303, 401, 403, 404) or LOCKS in answer.text:
                wrong.append(f"{method} {path}: {answer.status_code}")
    assert wrong == []


def test_the_workbook_of_a_link_holds_its_questions_alone(given: Given, helper: Answering) -> None:
    given.browser().answer(given.section("one"), a__one__locks="no", n__one__locks="kanarie-1")
    page, book = helper.get(f"{given.base}/workbook"), helper.get(f"{given.base}/workbook.xlsx")
    assert (page.status_code, book.status_code) == (200, 200)
    said = [page.text]
    with zipfile.ZipFile(io.BytesIO(book.get_data())) as archive:
        said += [archive.read(name).decode("utf-8", "replace") for name in archive.namelist()]
    whole = "\n".join(said)
    assert "How many days does a new key take?" in whole
    for word in (LOCKS, "one.locks", "kanarie-1", "Which keys are there?", "two.list"):
        assert word not in whole, word


def test_the_section_holds_their_questions_and_no_answer_of_others(given: Given, helper: Answering) -> None:
    given.browser().answer(given.section("one"), a__one__locks="no", n__one__locks="kanarie-1")
    page = helper.get(given.section("one")).text
    assert "How many days does a new key take?" in page
    assert "Why do you leave them open?" in page
    for word in (LOCKS, "kanarie-1", "Which keys are there?", "Second part", "Open doors", "Asked because"):
        assert word not in page.replace("Asked because of an answer that was given elsewhere", ""), word
    assert "0 of 2 answered" in page
    assert helper.get(given.section("two")).status_code == 404
    assert helper.get(given.section("three")).status_code == 404


def test_a_condition_on_a_hidden_question_works_and_is_not_quoted(given: Given, helper: Answering) -> None:
    path = given.section("one")
    given.browser().answer(path, a__one__locks="yes")
    assert re.search(r'id="q-one.why"[^>]*hidden', helper.get(path).text)
    given.browser().answer(path, a__one__locks="no")
    page = helper.get(path).text
    assert not re.search(r'id="q-one.why"[^>]*hidden', page)
    assert "Asked because of an answer that was given elsewhere." in page


def test_autosave_tells_nothing_of_other_questions(given: Given, helper: Answering) -> None:
    path = given.section("one")
    given.browser().answer(path, a__one__locks="no", a__one__kinds="steel")
    told = helper.auto(path, {"r.one.days": "0", "a.one.days": "5"}).get_json()
    assert told["saved"]["one.days"]["revision"] == 1
    assert sorted(told["visible"] + told["hidden"]) == ["one.days", "one.why"]
    assert told["progress"] == {"answered": 1, "total": 2, "section_answered": 1, "section_total": 2}


@pytest.mark.parametrize("fields", [{"r.one.locks": "1", "a.one.locks": "yes"}, {"a.one.kinds": "card"}])
def test_what_is_not_theirs_is_not_saved(given: Given, helper: Answering, fields: dict[str, str]) -> None:
    path = given.section("one")
    given.browser().answer(path, a__one__locks="no")
    assert helper.auto(path, fields).status_code == 422
    answer = helper.send(path, {**fields, "a.one.days": "5"})
    assert answer.status_code == 422
    assert given.stored() == {"one.locks": (1, "no"), "one.days": (1, "5")}


def test_two_answers_at_once_are_kept_for_a_helper_too(given: Given, helper: Answering) -> None:
    path = given.section("one")
    given.browser().answer(path, a__one__days="9")
    answer = helper.auto(path, {"r.one.days": "0", "a.one.days": "5"})
    assert answer.status_code == 409
    chosen = {"r.one.days": "0", "a.one.days": "5", "c.one.days": "1", "k.one.days": "mine"}
    assert helper.auto(path, chosen).status_code == 200
    assert given.stored()["one.days"] == (2, "5")


@pytest.mark.parametrize("keys", [("one",), ("one.locks", "two"), ()])
def test_sections_and_the_whole_can_be_given(given: Given, keys: tuple[str, ...]) -> None:
    give(given, *keys)
    helper = opened(given, link(given))
    assert LOCKS in helper.get(given.section("one")).text
    assert (helper.get(given.section("two")).status_code == 200) == (keys != ("one",))
    (row,) = [one for one in rows_of(given, Delegation) if one.token_hash]
    assert row.keys == list(keys or ("*",))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"key": [], "what": "some"}, "Choose at least one section or question."),
    ({"key": ["nowhere"], "what": "some"}, "Choose sections and questions of this questionnaire."),
    ({"key": ["*"], "what": "some"}, "Choose at least one section or question."),
    ({"days": "0"}, "Write a whole number of days from 1 to 60."),
    ({"days": "61"}, "Write a whole number of days from 1 to 60."),
    ({"days": "soon"}, "Write a whole number of days from 1 to 60."),
    ({"email": "nobody"}, "Write one mail address"),
    ({"name": ""}, "Write the person&#39;s name."),
    ({"name": "www.evil.example"}, "Leave out web addresses"),
    ({"message": "x" * 1001}, "Write at most 1,000 characters."),
    ({"how": ""}, "Not a valid choice"),
]


def test_what_is_wrong_is_said_and_nothing_is_sent(given: Given) -> None:
    for fields, sentence in WRONG:
        answer = give(given, **fields)
        assert answer.status_code == 422, fields
        assert sentence in answer.text or "Choose to whom." in answer.text, fields
    assert letters(given, "delegation_link") == []


# -------------------------------------------------------------------------------------------------- how a link ends


def ended_by_revoking(given: Given, clocked: list[datetime]) -> None:
    owner = given.browser()
    (row,) = [one for one in rows_of(given, Delegation) if one.token_hash]
    overview = f"{given.base}/delegations"
    assert owner.post(f"{overview}/{row.id}/revoke", page=overview).status_code == 303
    assert owner.post(f"{overview}/{row.id}/revoke", page=overview).status_code == 303  # a second press
    assert "Taken back" in owner.get(overview).text


def ended_by_time(given: Given, clocked: list[datetime]) -> None:
    clocked[0] = NOW + timedelta(days=14, seconds=1)


def ended_by_submission(given: Given, clocked: list[datetime]) -> None:
    owner = given.browser()
    fill(owner, given)
    assert sign(owner, given).status_code == 303


@pytest.mark.parametrize("end", [ended_by_revoking, ended_by_time, ended_by_submission])
def test_when_it_ends_the_next_request_is_refused_and_what_was_typed_is_shown(
    given: Given, helper: Answering, clocked: list[datetime], end: Callable[[Given, list[datetime]], None]
) -> None:
    path = given.section("one")
    fields = {"csrf_token": helper.token(path), "r.one.days": "0", "a.one.days": "123"}
    end(given, clocked)
    answer = helper.client.post(path, data=fields)
    assert answer.status_code == 409
    assert "123" in answer.text
    assert helper.get(path).status_code == 409
    assert given.stored().get("one.days", (0, ""))[1] != "123"
    assert helper.get(link(given)).status_code == 404


def test_a_long_pause_ends_the_session_and_the_link_opens_again(
    given: Given, helper: Answering, clocked: list[datetime]
) -> None:
    path = given.section("one")
    fields = {"csrf_token": helper.token(path), "r.one.days": "0", "a.one.days": "123"}
    clocked[0] = NOW + timedelta(hours=13)
    answer = helper.client.post(path, data=fields)
    assert answer.status_code == 409
    assert "Open the link in your letter once more" in answer.text
    assert "123" in answer.text
    again = opened(given, link(given))
    assert again.auto(path, {"r.one.days": "0", "a.one.days": "123"}).status_code == 200


def test_a_new_link_ends_the_old_one(given: Given, clocked: list[datetime]) -> None:
    give(given, "one.days")
    old, owner, overview = link(given), given.browser(), f"{given.base}/delegations"
    (row,) = [one for one in rows_of(given, Delegation) if one.token_hash]
    clocked[0] = NOW + timedelta(hours=1)
    for _press in range(2):
        assert owner.post(f"{overview}/{row.id}/resend", page=overview).status_code == 303
    assert len(letters(given, "delegation_link")) == 2
    assert owner.get(old).status_code == 404
    assert opened(given, link(given)).get(given.section("one")).status_code == 200


def test_a_new_link_ends_what_the_old_one_had_opened(
    given: Given, helper: Answering, clocked: list[datetime]
) -> None:
    """The first letter may have come to the wrong hands."""
    assert helper.get(given.section("one")).status_code == 200
    overview = f"{given.base}/delegations"
    (row,) = [one for one in rows_of(given, Delegation) if one.token_hash]
    clocked[0] = NOW + timedelta(hours=1)
    given.browser().post(f"{overview}/{row.id}/resend", page=overview)
    assert helper.get(given.section("one")).status_code == 409
    assert opened(given, link(given)).get(given.section("one")).status_code == 200


def test_letters_of_a_day_have_a_measure(given: Given, clocked: list[datetime]) -> None:
    statuses = []
    for turn in range(11):
        clocked[0] = NOW + timedelta(minutes=turn)
        statuses.append(give(given, "one.days").status_code)
    assert statuses == [303] * 10 + [429]


def test_leaving_ends_the_session_in_this_browser(given: Given, helper: Answering) -> None:
    assert helper.post(f"{given.base}/mine/leave", page=f"{given.base}/mine").status_code == 303
    assert helper.get(given.section("one")).status_code == 303
    assert opened(given, link(given)).get(given.section("one")).status_code == 200


# ------------------------------------------------------------------------------------------------------- colleagues


def remove_from_all(given: Given) -> None:
    with given.database.transaction() as session:
        for row in session.scalars(select(Delegation)):
            session.delete(row)
        session.add(Event(id=uuid.uuid4(), at=NOW, kind="delegation.revoked", subject_type="", data={}, actor_id=None,
                          subject_id=None, organisation_id=None, company_id=None))  # fmt: skip


def test_a_contributor_sees_nothing_before_it_is_added(given: Given) -> None:
    remove_from_all(given)
    contributor = given.browser(given.contributor)
    assert "Nothing waits for you" in contributor.get(f"/c/{given.company.slug}/").text
    for path in ("", "/questions", "/missing", "/submit", "/receipt", "/mine", "/sections/one", "/result"):
        assert contributor.get(given.base + path).status_code == 404, path
    assert contributor.auto(f"/c/{given.company.slug}/team", {}).status_code in (404, 405)
    assert "Only owners see this questionnaire yet." in given.browser().get(given.base).text


def test_a_contributor_with_one_question_sees_that_question(given: Given) -> None:
    remove_from_all(given)
    answer = give(given, "one.days", how="colleague", person=str(given.contributor.person.id))
    assert answer.status_code == 303
    (letter,) = letters(given, "delegation_colleague")
    assert letter.recipient == given.contributor.person.email
    contributor = given.browser(given.contributor)
    for path in ("", "/questions", "/missing", "/submit"):
        assert contributor.get(given.base + path).location == f"{given.base}/mine", path
    for path in ("/sections/two", "/receipt", "/result", "/answers"):
        assert contributor.get(given.base + path).status_code in (303, 404), path
    page = contributor.get(given.section("one")).text
    assert "How many days does a new key take?" in page
    assert LOCKS not in page
    contributor.answer(given.section("one"), a__one__days="5")
    assert "It waits for an owner." not in given.browser().get(given.section("one")).text


def test_who_is_finished_says_so_once(given: Given, helper: Answering) -> None:
    for _press in range(2):
        assert helper.post(f"{given.base}/mine", page=f"{given.base}/mine").status_code == 303
    (letter,) = letters(given, "delegation_finished")
    assert letter.recipient == given.owner.person.email
    assert "Says it is finished" in given.browser().get(f"{given.base}/delegations").text


def test_who_leaves_the_company_loses_what_they_had_and_what_they_gave(
    given: Given, helper: Answering
) -> None:
    with given.database.transaction() as session:
        for row in session.scalars(select(Delegation)):
            row.created_by = given.contributor.person.id  # as if they had given it, being an owner then
        session.add(Event(id=uuid.uuid4(), at=NOW, kind="delegation.made", subject_type="", data={}, actor_id=None,
                          subject_id=None, organisation_id=None, company_id=None))  # fmt: skip
    owner = given.browser()
    assert owner.post(f"/c/{given.company.slug}/team/{given.contributor.person.id}/remove").status_code == 303
    assert all(row.revoked_at is not None for row in rows_of(given, Delegation))
    assert helper.get(given.section("one")).status_code == 409


def test_an_invitation_may_name_what_the_newcomer_helps_with(given: Given) -> None:
    owner, team = given.browser(), f"/c/{given.company.slug}/team"
    body = {"name": "Nina", "email": "nina@fennmark.example", "role": "contributor"}
    for wrong in (str(uuid.uuid4()), "x"):
        assert owner.post(f"{team}/invite", {**body, "assessments": wrong}, page=team).status_code == 422
    answer = owner.post(f"{team}/invite", {**body, "assessments": str(given.assessment_id)}, page=team)
    assert answer.status_code == 303
    found = re.search(r"(/invitations/\S+)", letters(given, "invitation_company")[0].text)
    assert found is not None
    nina = Answering(given.app.test_client())
    password = "four unrelated words here"
    assert nina.post(found[1], page=found[1], name="Nina", password=password).status_code == 303
    assert nina.get(given.section("one")).status_code == 200


def test_links_do_not_reveal_accounts_or_stand_in_the_way_of_one(given: Given, helper: Answering) -> None:
    """Somebody who once had a link is invited as a member: a new account, with nothing of the link."""
    owner, team = given.browser(), f"/c/{given.company.slug}/team"
    owner.post(f"{team}/invite", page=team, name="Jonas", email=HELPER, role="contributor")
    found = re.search(r"(/invitations/\S+)", letters(given, "invitation_company")[0].text)
    assert found is not None
    jonas = Answering(given.app.test_client())
    assert (
        jonas.post(found[1], page=found[1], name="J", password="four unrelated words here").status_code == 303
    )
    assert jonas.get(given.section("one")).status_code == 404
