"""What came through a link waits for an owner, who accepts the revision that they have read and no other."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.assessments import queries
from portal.assessments.models import AnswerRevision, AnswerRow
from portal.db import SYSTEM
from tests.portal.assessments.given import Answering, Given
from tests.portal.assessments.test_delegation import give, link, opened, rows_of
from tests.portal.assessments.test_sealing import SIGNED, fill
from tests.portal.world import NOW, signed_in


@pytest.fixture
def helper(given: Given) -> Answering:
    """Somebody behind a link to two questions of the first section."""
    assert give(given, "one.days", "one.why").status_code == 303
    return opened(given, link(given))


def accepting(given: Given, which: str, **seen: str) -> Any:
    owner = given.browser()
    page = f"{given.base}/delegations/answers"
    fields = dict(re.findall(r'name="(r\.[^"]+)" value="(\d+)"', owner.get(page).text)) | seen
    return owner.post(page, {**fields, "which": which}, page=given.section("one"))


def test_an_answer_through_a_link_waits_for_an_owner(given: Given, helper: Answering) -> None:
    path, owner = given.section("one"), given.browser()
    fill(owner, given)
    helper.answer(path, a__one__days="5")
    missing = owner.get(f"{given.base}/missing").text
    assert "Jonas Brandt answered this through a link from Owner of Fennmark Archive." in missing
    page = owner.get(f"{given.base}/submit").text
    assert "Something is still missing." in page
    assert "It waits for an owner." in owner.get(path).text
    answer = owner.post(f"{given.base}/submit", page=path, seen="x", **SIGNED)
    assert answer.status_code == 422
    assert accepting(given, "q.one.days").status_code == 303
    assert "Something is still missing." not in owner.get(f"{given.base}/submit").text
    (row,) = [one for one in rows_of(given, AnswerRow) if one.key == "one.days"]
    assert (row.accepted_by, row.delegation_id is not None) == (given.owner.person.id, True)
    assert "Jonas Brandt answered" in owner.get(path).text  # who answered stays to be seen
    revisions = [one for one in rows_of(given, AnswerRevision) if one.key == "one.days"]
    assert (len(revisions), revisions[-1].answered_by) == (2, row.answered_by)


def test_a_change_after_reading_is_not_accepted_in_silence(given: Given, helper: Answering) -> None:
    path = given.section("one")
    helper.answer(path, a__one__days="5")
    helper.answer(path, a__one__days="6")
    answer = accepting(given, "all", **{"r.one.days": "1"})
    assert answer.status_code == 409
    assert "1.3 changed while this page was open" in answer.text
    assert 'name="r.one.days" value="2"' in answer.text
    assert accepting(given, "s.one").status_code == 303
    assert accepting(given, "all", **{"r.one.days": "2"}).status_code == 303  # a second press
    helper.answer(path, a__one__days="7")  # written again: it waits again
    assert "It waits for an owner." in given.browser().get(path).text


def test_an_owners_edit_makes_it_theirs_and_saving_unchanged_accepts_nothing(
    given: Given, helper: Answering
) -> None:
    path, owner = given.section("one"), given.browser()
    helper.answer(path, a__one__days="5")
    owner.answer(path, a__one__days="5")
    assert "It waits for an owner." in owner.get(path).text
    owner.answer(path, a__one__days="6")
    assert "It waits for an owner." not in owner.get(path).text
    (row,) = [one for one in rows_of(given, AnswerRow) if one.key == "one.days"]
    assert (row.delegation_id, row.answered_by) == (None, given.owner.person.id)


@pytest.mark.parametrize("which", ["", "q.nowhere", "s.nowhere", "everything", "q.one.locks"])
def test_accepting_nothing_is_refused(given: Given, helper: Answering, which: str) -> None:
    helper.answer(given.section("one"), a__one__days="5")
    assert accepting(given, which).status_code == 422


def test_only_owners_give_take_back_and_accept(given: Given, helper: Answering) -> None:
    contributor = given.browser(given.contributor)
    for path in ("delegations", "delegations/new", "delegations/answers"):
        assert contributor.get(f"{given.base}/{path}").status_code == 403
    for path in ("delegations/new", "delegations/answers", f"delegations/{uuid.uuid4()}/revoke"):
        assert contributor.post(f"{given.base}/{path}").status_code == 403


@pytest.mark.both_databases
def test_a_links_answer_is_stored_with_its_delegation_and_accepted(given: Given) -> None:
    give(given, "two", "one.days")
    helper = opened(given, link(given))
    helper.answer(given.section("one"), a__one__days="5")
    row, _stale = given.read(queries.rows, given.assessment_id)["one.days"]
    assert (row.delegation_id is not None, row.accepted_at) == (True, None)
    assert accepting(given, "all").status_code == 303
    with given.database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).where(AnswerRow.accepted_at.is_not(None))) == 1
    contributor = signed_in(given.app, given.contributor, now=NOW)
    assert contributor.get(f"{given.base}/missing").status_code == 200
