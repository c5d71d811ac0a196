"""Marks that a newer round leaves behind, what an event tells whom, the letter, and what many marks cost."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import event, select

from portal.access import OrganisationRole
from portal.assessments.drafts import Content
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.outbox import Message
from portal.review import marking, queries, reviewing, stranded
from portal.review.marking import Wish
from portal.review.models import MarkDraft
from portal.rows import insert_rows
from portal.settings import Settings
from portal.web import Portal
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal import journey
from tests.portal.review.given import Reviewed
from tests.portal.review.test_workspace import Desk, listed
from tests.portal.vendors.test_policy_pages import fields_of
from tests.portal.world import NOW, Place, make_company, make_organisation, signed_in

MFA, PLAN, PATCH, LOGS, STEPS = (f"own.rich.{one}" for one in ("mfa", "plan", "patch", "logs", "steps"))


@pytest.mark.both_databases
def test_nothing_is_reopened_while_marks_wait_for_their_rating(app: Portal, given: Reviewed) -> None:
    place = given.organisation
    browser = signed_in(app, place[OrganisationRole.CISO])
    path = f"/o/{place.slug}/assessments/{given.issued.assessment}/change/reopen"
    given.save(Wish(LOGS, "accepted"))
    form = fields_of(browser.get(path).text) | {"text": "Look again."}
    refused = browser.post(path, form)
    assert refused.status_code == 409
    assert "One mark is in no rating yet" in refused.text
    given.save(Wish(PLAN, "graded", points=60, reason="Tape is slow."))
    assert "2 marks are in no rating yet" in browser.post(path, form).text
    given.write()
    assert browser.post(path, form).status_code == 303
    with given.database.looking(given.reviewer.scope) as session:
        assert queries.case(session, given.reviewer, given.submission).assessment.round == 2


@pytest.mark.both_databases
def test_marks_that_a_newer_round_left_behind_are_listed_and_taken_over(app: Portal, given: Reviewed) -> None:
    ciso = given.organisation[OrganisationRole.CISO]
    given.save(Wish(LOGS, "accepted", remark="Seen."), at=1)
    given.save(Wish(PLAN, "graded", points=60, reason="Tape is slow."), at=2, actor=ciso)
    given.save(Wish(MFA, "disproved", reason="They lie."), at=3)
    given.save(Wish(STEPS, "accepted"), at=4)
    later = given.again({MFA: Content("answered", "yes")})
    later.save(Wish(STEPS, "disproved", reason="Judged here."))
    with given.database.looking(given.reviewer.scope) as session:
        asked = ([given.issued.assessment], [later.submission])
        left = queries.unwritten_elsewhere(session, given.organisation.id, *asked)
    assert left == {given.issued.assessment: 4}
    old, new = Desk(app, given), Desk(app, later)
    queue = new.browser.get(f"/o/{given.organisation.slug}/reviews?state=unwritten").text
    assert str(given.submission) in queue
    assert "4 marks unwritten" in queue
    assert "A newer round was signed" in queue
    assert "4 marks of earlier rounds were never written" in new.page()
    page = new.page("/unwritten")
    for words in ("Round 1 left 4 marks behind", "Take 2 marks over", "They lie.", ciso.person.name):
        assert words in page
    assert 'value="takeover"' not in Desk(app, later, OrganisationRole.AUDITOR).page("/unwritten")
    assert new.step("takeover").status_code == 303
    drafts = later.case().drafts
    assert {key for key, _document in drafts} == {LOGS, PLAN, STEPS}
    assert (drafts[PLAN, ""].points, drafts[PLAN, ""].changed_by) == (60, ciso.person.id)
    assert drafts[STEPS, ""].mark == "disproved"
    assert {key for key, _document in given.case().drafts} == {MFA, STEPS}
    assert later.change(stranded.take_over) == 0
    assert old.step("discard").status_code == 303
    assert given.case().drafts == {}
    assert "earlier round" not in new.page()
    later.write()
    assert later.case().marks[PLAN, ""].marked_by == ciso.person.id


def test_what_only_reviewers_know_is_no_row_of_the_vendors(given: Reviewed) -> None:
    given.save(Wish(MFA, "challenged", reason="Who?"))
    given.change(marking.withdraw, MFA, "", seen=given.case().token((MFA, "")))
    given.save(Wish(LOGS, "accepted"))
    given.change(reviewing.take, actor=given.organisation[OrganisationRole.CISO])
    given.change(reviewing.note, MFA, "Hm.")
    given.change(reviewing.discard, seen=given.case().unwritten)
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(
            select(Event).where(Event.kind.startswith("mark.") | Event.kind.startswith("review."))
        )
        found = {(one.kind, one.company_id, one.organisation_id) for one in rows}
    kinds = ("mark.saved", "mark.withdrawn", "mark.discarded", "review.taken", "review.noted")
    assert found == {(kind, None, given.organisation.id) for kind in kinds}


@pytest.mark.parametrize(
    ("wishes", "said", "unsaid"),
    [
        (
            [Wish(LOGS, "accepted"), Wish(PATCH, "na_accepted")],
            ["Judged were 2 answers: 2 accepted.", "You need not do anything now."],
            ["open your answers again"],
        ),
        (
            [Wish(MFA, "challenged", reason="Who?"), Wish(LOGS, "accepted")],
            ["Judged were 2 answers: 1 accepted, 1 challenged.", "open your answers again"],
            ["You need not do anything", "Who?"],
        ),
    ],
)
def test_the_letter_says_what_was_judged_and_what_one_may_do(
    given: Reviewed, wishes: list[Wish], said: list[str], unsaid: list[str]
) -> None:
    for one in wishes:
        given.save(one)
    given.write()
    (letter,) = letters(given)
    for words in said:
        assert words in letter
    for words in unsaid:
        assert words not in letter


def letters(given: Reviewed) -> list[str]:
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(
            select(Message).where(Message.kind == "assessment_changed").order_by(Message.created_at)
        )
        return [" ".join(f"{one.text}".split()) for one in rows]


def test_what_was_only_taken_back_was_not_judged(given: Reviewed) -> None:
    given.save(Wish(MFA, "challenged", reason="Who?"))
    given.write()
    given.change(marking.withdraw, MFA, "", seen=given.case().token((MFA, "")))
    given.write(finish=True)
    last = letters(given)[-1]
    assert "One earlier mark was taken back. The review is finished." in last
    assert "Judged" not in last


def test_what_has_to_be_judged_again_is_shown_counted_and_found(app: Portal, given: Reviewed) -> None:
    given.save(Wish(MFA, "challenged", reason="Nobody has shown it."))
    given.write()
    later = given.again({MFA: Content("answered", "yes")})
    desk = Desk(app, later)
    queue = f"/o/{given.organisation.slug}/reviews"
    assert "one answer to judge again" in desk.browser.get(queue).text
    assert str(later.submission) in desk.browser.get(f"{queue}?state=lapsed").text
    assert desk.browser.get(f"{queue}.csv").text.splitlines()[1].split(",")[12] == "1"
    page = desk.page(f"?show=lapsed&q={MFA}")
    assert listed(page) == ["2.1"]
    for words in (
        "In round 1: challenged, by",
        "Nobody has shown it.",
        "nobody has judged it again",
        "No longer judged (1)",
    ):
        assert words in page
    assert "has to be judged again" in desk.page()
    assert desk.mark(MFA, "accepted", show="lapsed").status_code == 303
    assert listed_or_none(desk.page("?show=lapsed")) == []
    assert "has been judged again" in desk.page(f"?q={MFA}")
    desk.step("write")
    assert str(later.submission) not in desk.browser.get(f"{queue}?state=lapsed").text
    vendor = signed_in(app, later.owner)
    answers = f"/c/{later.issued.company.slug}/assessments/{later.issued.assessment}/answers"
    assert "judged again" not in vendor.get(answers).text


def listed_or_none(page: str) -> list[str]:
    return listed(page) if 'class="qlist"' in page else []


MANY = 200


def wide() -> Questionnaire:
    """So many questions that it shows what each mark costs."""
    section = {
        "key": "all",
        "title": "All",
        "questions": [
            {
                "key": f"own.wide.q{number}",
                "text": f"Is thing {number} done?",
                "type": "choice",
                "options": [
                    {"value": "yes", "label": "Yes", "points": 100},
                    {"value": "no", "label": "No", "points": 0},
                ],
            }
            for number in range(MANY)
        ],
    }
    return parse_json(json.dumps({**DOCUMENT, "sections": [section]}).encode())


DOCUMENT = {
    "format": 1,
    "slug": "wide",
    "title": "Wide",
    "version": "1.0.0",
    "purpose": "assessment",
    "language": "en",
    "licence": "CC0-1.0",
    "summary": "For tests.",
    "knockout_band": "weak",
    "bands": [
        {"name": "strong", "label": "Strong", "minimum": 80},
        {"name": "weak", "label": "Weak", "minimum": 0},
    ],
}


def test_many_marks_cost_no_more_statements_than_few(database: Database, settings: Settings) -> None:
    organisation = make_organisation(database, settings, "Halden")
    journey.release(database, organisation, wide())
    few, many = (
        costs(database, organisation, make_company(database, settings, name), number)
        for name, number in (("Fennmark", 5), ("Quarry", MANY - 2))
    )
    assert {step: many[step] - few[step] for step in few if many[step] > few[step] + 1} == {}


def costs(database: Database, organisation: Place, company: Place, number: int) -> dict[str, int]:
    """How many statements each step takes for so many marks."""
    definition = wide()
    keys = list(definition.questions)
    issued = journey.issue(database, organisation, company, definition=definition, vendor_name=company.name)
    first = Reviewed(database, issued, journey.submit(database, issued))
    found = {}

    def waiting(of: Reviewed) -> None:
        """As if each had been saved."""
        ours = {"submission_id": of.submission, "organisation_id": organisation.id, "document": ""}
        by = {"changed_at": NOW, "changed_by": of.reviewer.person.id, "reason": "No.", "remark": "Hm."}
        said = {"mark": "disproved", "points": 0, "certificate": None}
        rows = [{**ours, **by, **said, "key": key, "stamp": uuid.uuid4()} for key in keys[1 : 1 + number]]
        with database.transaction(of.reviewer.scope) as session:
            insert_rows(session, MarkDraft, rows)
            case = queries.case(session, of.reviewer, of.submission)
            reviewing.note(session, case, keys[0], f"An event {uuid.uuid4()}.", actor=of.reviewer, now=NOW)

    waiting(first)
    seen = first.case().unwritten
    found["discard"] = statements(database, lambda: first.change(reviewing.discard, seen=seen))
    waiting(first)
    second = first.again({keys[0]: Content("answered", "no")})
    found["take over"] = statements(database, lambda: second.change(stranded.take_over))
    seen = second.case().unwritten
    found["write"] = statements(database, lambda: second.write(seen=seen))
    third: list[Reviewed] = []
    found["carry"] = statements(
        database, lambda: third.append(second.again({keys[0]: Content("answered", "yes")}))
    )
    assert len(third[0].case().marks) == number
    shed = third[0].again({key: Content("answered", "no") for key in keys[1:3]})
    with database.looking(shed.reviewer.scope) as session:
        assert len(queries.notes_of_lapses(session, shed.reviewer, shed.submission)) == 2
    return found


def statements(database: Database, step: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(*args: object) -> None:
        seen.append(str(args[2]))

    for engine in {database.reading, database.writing}:
        event.listen(engine, "before_cursor_execute", note)
    try:
        step()
    finally:
        for engine in {database.reading, database.writing}:
            event.remove(engine, "before_cursor_execute", note)
    return len(seen)
