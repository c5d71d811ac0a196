"""A workbook taken away, filled in and brought back: what would change, what is taken over, who may, what is kept."""

from __future__ import annotations

import datetime
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.access import Identity
from portal.accounts.models import PersonRow
from portal.assessments import changing, delegation, queries
from portal.assessments.drafts import Content
from portal.assessments.models import AnswerRevision
from portal.assessments.service import Edit, save_answers
from portal.assessments.version_models import WorkbookUpload
from portal.audit.models import Event
from portal.db import SYSTEM, Scope
from portal.erasure import destroying, parting, retention
from portal.erasure.reaching import Destroyed
from tests.portal.assessments.given import Given
from tests.portal.assessments.workbooks import (
    Rows,
    bring,
    brought,
    changed,
    download,
    find,
    put,
    tables,
    take,
)
from tests.portal.scene import fill, seal
from tests.portal.world import NOW

pytestmark = pytest.mark.both_databases


def filled(sheets: dict[str, Rows]) -> None:
    """One answer of each kind."""
    rows = sheets["Questions"]
    put(rows, "one.locks", "answer", " yes ")
    put(rows, "one.locks", "comment", "=1+1 is text\nof two lines")
    put(rows, "one.days", "answer", 24.0)
    put(rows, "one.kinds", "answer", "yes", "steel")
    put(rows, "one.kinds", "answer", True, "card")
    put(rows, "two.since", "answer", datetime.date(2020, 2, 29))
    put(rows, "two.proof", "answer", "No")
    put(rows, "two.proof", "reason", "Being written")
    put(rows, "two.proof", "by", datetime.date(2026, 12, 24))
    table = sheets["Table 2.3"]
    put(table, "two.list", "column.name", "Ana", "row 1", "row")
    put(table, "two.list", "column.kind", "Person", "row 1", "row")
    put(table, "two.list", "column.name", "Firm & Co", "row 4", "row")


FILLED = {
    "one.locks": "yes",
    "one.days": "24",
    "one.kinds": ["steel", "card"],
    "two.since": "2020-02-29",
    "two.proof": "no",
    "two.list": [{"name": "Ana", "kind": "p"}, {"name": "Firm & Co"}],
}


def save(given: Given, key: str, content: Content, revision: int, who: Identity | None = None) -> None:
    actor = who or given.owner
    with given.database.transaction(Scope(company_id=given.company.id)) as session:
        one = queries.assessment(session, actor, given.assessment_id, lock=True)
        section = given.definition.section_of[key]
        result = save_answers(session, one, section, [Edit(key, revision, content)], actor=actor, now=NOW)
        assert key in result.saved


def uploads(given: Given) -> int:
    with given.database.looking(SYSTEM) as session:
        return session.scalar(select(func.count()).select_from(WorkbookUpload)) or 0


def events(given: Given, kind: str) -> list[Event]:
    with given.database.looking(SYSTEM) as session:
        return list(session.scalars(select(Event).where(Event.kind == kind).order_by(Event.at)))


def test_a_workbook_filled_in_comes_back_as_answers(given: Given) -> None:
    browser = given.browser()
    page = brought(browser, given, changed(download(browser, given), filled))
    shown = browser.get(page).text
    assert "New <span" in shown
    assert "(6)" in shown
    assert "=1+1 is text" in shown
    assert given.stored() == {}, "nothing is taken over by uploading"
    answer = take(browser, page)
    assert answer.status_code == 303
    assert {key: value for key, (_revision, value) in given.stored().items()} == FILLED
    rows = given.read(queries.rows, given.assessment_id)
    assert rows["one.locks"][0].note == "=1+1 is text\nof two lines"
    assert rows["two.proof"][0].promise_date == datetime.date(2026, 12, 24)
    assert uploads(given) == 0
    assert "answers of your workbook are saved" in browser.get(answer.location).text
    assert browser.get(page).status_code == 404, "taken over once"
    (applied,) = events(given, "workbook.applied")
    assert applied.data["saved"] == 6
    assert applied.organisation_id is None, "a draft is the company's alone"
    assert given.assessment().answered == 5


def test_taking_nothing_changes_nothing(given: Given) -> None:
    browser = given.browser()
    page = brought(browser, given, changed(download(browser, given), filled))
    answer = browser.client.post(page, data={"csrf_token": browser.token(page)})
    assert answer.status_code == 422
    assert "Nothing is ticked" in answer.text
    assert given.stored() == {}
    assert uploads(given) == 1


def test_chosen_answers_alone_are_taken_over(given: Given) -> None:
    browser = given.browser()
    page = brought(browser, given, changed(download(browser, given), filled))
    assert take(browser, page, "one.days", "nothing.at.all").status_code == 303
    assert given.stored() == {"one.days": (1, "24")}


def test_an_unchanged_workbook_changes_nothing(given: Given) -> None:
    browser = given.browser()
    take(browser, brought(browser, given, changed(download(browser, given), filled)))
    before = given.stored()
    page = brought(browser, given, download(browser, given))
    shown = browser.get(page).text
    assert "There is nothing to take over" in shown
    assert 'name="take"' not in shown
    assert take(browser, page, *before).status_code == 303
    assert given.stored() == before
    with given.database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(AnswerRevision)) == len(before)


def test_an_empty_cell_takes_nothing_away(given: Given) -> None:
    browser = given.browser()
    take(browser, brought(browser, given, changed(download(browser, given), filled)))
    before = given.stored()

    def emptied(sheets: dict[str, Rows]) -> None:
        for rows in sheets.values():
            for row in rows[2:]:
                for code in ("answer", "comment", "reason", "by", "column.name", "column.kind"):
                    if code in rows[0]:
                        row[rows[0].index(code)] = ""

    page = brought(browser, given, changed(download(browser, given), emptied))
    assert 'name="take"' not in browser.get(page).text
    assert given.stored() == before


def test_a_colleague_was_faster_both_answers_stand(given: Given) -> None:
    """The workbook was made on revision 1; meanwhile there is a second one."""
    browser = given.browser()
    save(given, "one.days", Content("answered", "10"), 0)
    data = changed(
        download(browser, given), lambda sheets: put(sheets["Questions"], "one.days", "answer", 24)
    )
    page = brought(browser, given, data)
    save(given, "one.days", Content("answered", "11"), 1, given.contributor)
    shown = browser.get(page).text
    assert "Answered by somebody else meanwhile" in shown
    assert given.contributor.person.name in shown
    answer = take(browser, page)
    assert answer.status_code == 409
    assert "Two answers to one question" in answer.text
    assert given.stored() == {"one.days": (2, "11")}, "nothing is overwritten"
    kept = given.read(queries.rows, given.assessment_id)["one.days"][1]
    assert kept is not None
    assert kept.value == {"v": "24"}
    assert kept.revision == 1
    section = browser.get(given.section("one")).text
    assert "Choose which answer" in section or "choose which answer" in section


def test_what_a_colleague_changed_and_the_workbook_did_not_is_no_edit(given: Given) -> None:
    browser = given.browser()
    save(given, "one.days", Content("answered", "10"), 0)
    data = download(browser, given)
    save(given, "one.days", Content("answered", "11"), 1, given.contributor)
    page = brought(browser, given, data)
    assert 'name="take"' not in browser.get(page).text
    assert take(browser, page, "one.days").status_code == 303
    assert given.stored() == {"one.days": (2, "11")}


def test_not_applicable_goes_both_ways(given: Given) -> None:
    browser = given.browser()

    def away(sheets: dict[str, Rows]) -> None:
        put(sheets["Questions"], "one.locks", "na", "Yes")
        put(sheets["Questions"], "one.locks", "comment", "There is no door.")

    take(browser, brought(browser, given, changed(download(browser, given), away)))
    row = given.read(queries.rows, given.assessment_id)["one.locks"][0]
    assert (row.state, row.note) == ("not_applicable", "There is no door.")

    def both(sheets: dict[str, Rows]) -> None:
        put(sheets["Questions"], "one.locks", "answer", "Yes")

    shown = browser.get(brought(browser, given, changed(download(browser, given), both))).text
    assert "Keep one of the two" in shown

    def only_no(sheets: dict[str, Rows]) -> None:
        put(sheets["Questions"], "one.locks", "na", "no")

    shown = browser.get(brought(browser, given, changed(download(browser, given), only_no))).text
    assert "there is no answer yet" in shown

    def back(sheets: dict[str, Rows]) -> None:
        both(sheets)
        only_no(sheets)

    take(browser, brought(browser, given, changed(download(browser, given), back)))
    assert given.stored()["one.locks"] == (2, "yes")


@pytest.mark.parametrize(
    ("key", "code", "value", "sentence"),
    [
        ("one.locks", "answer", "perhaps", "&#39;perhaps&#39; is not offered"),
        ("one.days", "answer", 400, "Write a whole number from 0 to 365"),
        ("one.days", "answer", "about 2", "Write a whole number from 0 to 365"),
        ("one.days", "answer", 2.5, "Write a whole number from 0 to 365"),
        ("two.since", "answer", "29.02.2020", "Write a date as year-month-day"),
        ("two.since", "answer", 2020, "Write a date as year-month-day"),
        ("two.since", "answer", datetime.date(2030, 1, 1), "cannot be after today"),
        ("one.kinds", "answer", "Steel", "Write yes or no at the lines below"),
        ("two.list", "answer", "Ana", "Fill in the sheet of this question"),
        ("one.days", "na", "yes", "is not offered here"),
        ("one.locks", "na", "yes", "Write why it is not applicable"),
        ("one.locks", "na", "perhaps", "Write yes or no. You wrote"),
        ("one.why", "answer", "x" * 51, "at most 50 characters"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(
    given: Given, key: str, code: str, value: Any, sentence: str
) -> None:
    browser = given.browser()
    data = changed(download(browser, given), lambda sheets: put(sheets["Questions"], key, code, value))
    shown = browser.get(brought(browser, given, data)).text
    assert sentence in shown
    assert re.search(r"Questions![A-Z]+[0-9]+", shown)
    assert 'name="take"' not in shown


def test_a_workbook_of_another_assessment_is_refused_as_a_whole(given: Given) -> None:
    from tests.portal.assessments.given import issue

    other = uuid.uuid4()
    issue(given, other)
    browser = given.browser()
    data = changed(download(browser, given), filled)
    elsewhere = Given(given.app, given.organisation, given.company, given.stranger, given.definition, other)
    answer = bring(browser, elsewhere, data)
    assert answer.status_code == 422
    assert "the workbook of another questionnaire" in answer.text
    assert uploads(given) == 0


def test_a_newer_upload_takes_the_place_of_an_older_one(given: Given) -> None:
    browser = given.browser()
    first = brought(browser, given, changed(download(browser, given), filled))
    second = brought(browser, given, changed(download(browser, given), filled))
    assert first != second
    assert browser.get(first).status_code == 404
    assert uploads(given) == 1
    assert "not decided yet" in browser.get(f"{given.base}/workbook").text


def test_an_upload_is_its_persons_alone(given: Given) -> None:
    page = brought(given.browser(), given, changed(download(given.browser(), given), filled))
    colleague, stranger = given.browser(given.contributor), given.browser(given.stranger[given.owner.role])  # type: ignore[index]
    assert colleague.get(page).status_code == 404
    assert "not decided yet" not in colleague.get(f"{given.base}/workbook").text
    assert take(colleague, f"{given.base}/workbook", "one.days").status_code in (404, 422)
    path = page.rsplit("/", 1)[-1]
    body = {"csrf_token": colleague.token(), "take": "one.days"}
    assert colleague.client.post(f"{given.base}/workbook/{path}", data=body).status_code == 404
    assert colleague.client.post(f"{given.base}/workbook/{path}/discard", data=body).status_code == 404
    assert stranger.get(page).status_code == 404
    assert given.stored() == {}
    assert uploads(given) == 1


def test_thrown_away(given: Given) -> None:
    browser = given.browser()
    page = brought(browser, given, changed(download(browser, given), filled))
    assert browser.post(f"{page}/discard").status_code == 303
    assert uploads(given) == 0
    assert browser.post(f"{page}/discard").status_code == 404
    assert len(events(given, "workbook.discarded")) == 1


def test_downloading_is_on_record(given: Given) -> None:
    download(given.browser(), given)
    exported = events(given, "export.made")
    assert [one.data["what"] for one in exported] == ["workbook"]
    assert exported[0].company_id == given.company.id
    assert exported[0].organisation_id is None


# ------------------------------------------------------------------------------------------------------- a part only


def narrow(given: Given, *keys: str) -> None:
    """The contributor keeps these questions alone."""
    with given.database.transaction(given.owner.scope) as session:
        one = queries.assessment(session, given.owner, given.assessment_id, lock=True)
        for row in delegation.live(session, given.owner, given.assessment_id):
            delegation.revoke(session, row, actor=given.owner, now=NOW)
        delegation.to_colleague(
            session, one, given.contributor.person.id, keys, actor=given.owner, now=NOW, tell=False
        )


def test_a_part_downloads_and_uploads_its_questions_only(given: Given) -> None:
    save(given, "one.days", Content("answered", "77"), 0)
    whole = changed(download(given.browser(), given), filled)
    narrow(given, "two.since")
    helper = given.browser(given.contributor)
    mine = tables(download(helper, given))
    said = {str(value) for rows in mine.values() for row in rows for value in row}
    assert "Since when?" in said
    assert "one.days" not in said
    assert "77" not in said
    assert "77.0" not in said
    assert not any("lock the doors" in one for one in said)
    assert "Table 2.3" not in mine
    page = brought(helper, given, whole)  # the whole workbook, from a colleague
    shown = helper.get(page).text
    assert "There is no such question among yours" in shown
    assert "lock the doors" not in shown, "what is out of reach is not named by its text"
    take(helper, page, "two.since", "one.locks", "one.days")
    stored = given.stored()
    assert stored["two.since"] == (1, "2020-02-29")
    assert set(stored) == {"two.since", "one.days"}
    assert stored["one.days"] == (1, "77")


def test_what_was_taken_back_meanwhile_is_not_taken_over(given: Given) -> None:
    helper = given.browser(given.contributor)
    page = brought(helper, given, changed(download(helper, given), filled))
    narrow(given, "two.since")
    take(helper, page, "two.since", "one.days")
    assert set(given.stored()) == {"two.since"}


def test_a_condition_on_what_is_out_of_reach_is_not_quoted(given: Given) -> None:
    narrow(given, "one.why")
    said = str(tables(download(given.browser(given.contributor), given)))
    assert "an answer that was given elsewhere" in said
    assert "lock the doors" not in said


# ------------------------------------------------------------------------------------------------- what destroys them


def test_closing_destroys_what_waits(given: Given) -> None:
    browser = given.browser()
    page = brought(browser, given, changed(download(browser, given), filled))
    ciso = next(iter(given.organisation.people.values()))
    with given.database.transaction(ciso.scope) as session:
        from portal.assessments import change_steps

        one, _vendor = change_steps.lock(session, ciso, given.assessment_id)
        changing.cancel(session, one, text="No longer needed.", actor=ciso, now=NOW)
    assert uploads(given) == 0
    assert browser.get(page).status_code == 303
    assert browser.get(f"{given.base}/workbook").status_code == 303
    assert browser.get(f"{given.base}/workbook.xlsx").status_code == 303
    token = browser.token()
    assert browser.client.post(page, data={"csrf_token": token, "take": "one.days"}).status_code == 409


def test_submitting_destroys_what_waits(given: Given) -> None:
    browser = given.browser()
    page = brought(browser, given, changed(download(browser, given), filled))
    fill(given.database, given.owner, given.assessment_id)
    seal(given.database, given.owner, given.assessment_id)
    assert uploads(given) == 0
    assert browser.get(page).status_code == 303


def test_erasing_a_person_or_an_answer_destroys_what_waits(given: Given) -> None:
    browser = given.browser()
    for erase in (
        lambda session, found: destroying.drafts(session, given.assessment_id, {"one.days"}, found, NOW),
        lambda session, found: parting.person(
            session,
            session.scalars(select(PersonRow).where(PersonRow.id == given.owner.person.id)).one(),
            found,
            now=NOW,
        ),
    ):
        brought(browser, given, changed(download(browser, given), filled))
        assert uploads(given) == 1
        with given.database.transaction(SYSTEM) as session:
            found = Destroyed()
            erase(session, found)
            session.info["audited"] = True
        assert found.counts["workbooks"] == 1
        assert uploads(given) == 0


def test_time_destroys_what_waits(given: Given) -> None:
    browser = given.browser()
    brought(browser, given, changed(download(browser, given), filled))
    retention.tidy(given.database, now=NOW + timedelta(days=6))
    assert uploads(given) == 1
    assert retention.tidy(given.database, now=NOW + timedelta(days=8))["workbooks"] == 1
    assert uploads(given) == 0


def test_another_version_is_said_and_nothing_is_taken_over(given: Given) -> None:
    browser = given.browser()
    page = brought(browser, given, changed(download(browser, given), filled))
    with given.database.transaction(SYSTEM) as session:
        row = session.scalars(select(WorkbookUpload)).one()
        row.content_hash = "0" * 64
        session.info["audited"] = True
    answer = take(browser, page, "one.days")
    assert answer.status_code == 409
    assert "another version" in answer.text
    assert given.stored() == {}


def test_rows_are_found_by_key_wherever_they_stand(given: Given) -> None:
    """Rows sorted, columns moved, sheets renamed and added, columns without need taken out."""
    browser = given.browser()

    def moved(sheets: dict[str, Rows]) -> None:
        filled(sheets)
        rows = sheets.pop("Questions")
        kept = [
            at for at, code in enumerate(rows[0]) if code not in ("help", "when", "how", "unit", "number")
        ]
        order = list(reversed(kept))
        head, body = rows[:2], rows[2:]
        sheets["Antworten"] = [[row[at] for at in order] for row in [*head, *reversed(body)]]
        sheets["Mine"] = [["key", "my own notes"], ["one.days", 99]]
        sheets["Renamed"] = [["", *row] for row in sheets.pop("Table 2.3")]
        del sheets["Read me"], sheets["Lists"]

    page = brought(browser, given, changed(download(browser, given), moved))
    assert take(browser, page).status_code == 303
    assert {key: value for key, (_revision, value) in given.stored().items()} == FILLED


def test_rows_sorted_in_part_are_noticed(given: Given) -> None:
    """The keys stay, what stands beside them moves: the answer would go to another question."""
    browser = given.browser()

    def torn(sheets: dict[str, Rows]) -> None:
        rows = sheets["Questions"]
        put(rows, "one.days", "answer", 24)
        one, other, at = find(rows, "one.days"), find(rows, "two.since"), rows[0].index("key")
        rows[one][:at], rows[other][:at] = rows[other][:at], rows[one][:at]

    shown = browser.get(brought(browser, given, changed(download(browser, given), torn))).text
    assert "sorted in part" in shown
    assert 'name="take"' not in shown
