"""However much was closed before, a look at answers costs the same number of statements; and what follows rounds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from portal.assessments.drafts import Content
from portal.db import Database
from portal.features import CONSEQUENCES
from portal.findings import closing, keeping, opening, steps
from portal.findings.models import FindingStep
from portal.review import queries as review
from portal.settings import Settings
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal import journey
from tests.portal.findings.given import GOOD, LOGS, MFA, Found
from tests.portal.world import NOW, make_company, make_organisation

LAST = "own.many.last"


def definition(number: int) -> Questionnaire:
    """So many questions with a finding each, and one without."""
    options = [{"value": "yes", "label": "Yes", "points": 100}, {"value": "no", "label": "No", "points": 0}]
    plain: dict[str, Any] = {"text": "Is it so?", "type": "choice", "options": options}
    rules = [{"option": "no", "severity": "low", "text": "It is not so."}]
    questions = [{**plain, "key": f"own.many.q{at}", "finding": rules} for at in range(number)]
    document = {
        "format": 1,
        "slug": "many",
        "version": "1.0.0",
        "title": "Many questions",
        "purpose": "assessment",
        "language": "en",
        "licence": "CC0-1.0",
        "summary": "Many.",
        "sections": [{"key": "all", "title": "All", "questions": [*questions, {**plain, "key": LAST}]}],
    }
    return parse_json(json.dumps(document).encode())


def looked(given: Found) -> int:
    """How many statements one look at the newest submission takes."""
    seen: list[str] = []

    def note(*args: Any) -> None:
        seen.append(args[2])

    with given.database.transaction(given.reviewer.scope) as session:
        assessment, submission = given.sent(session)
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        try:
            opening.open_after_submission(session, assessment, submission, given.reviewer, NOW)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        session.info["audited"] = True  # nothing is noted where nothing has changed
    return len(seen)


def costs(database: Database, settings: Settings, number: int) -> tuple[int, int]:
    """Statements of a look at the same answers again, and at those of the next round, with so many closed findings."""
    organisation = make_organisation(database, settings, f"Halden {'x' * number}")
    company = make_company(database, settings, f"Fennmark {'x' * number}")
    asked = definition(number)
    journey.release(database, organisation, asked)
    issued = journey.issue(database, organisation, company, definition=asked)
    answers = {key: Content("answered", "no") for key in asked.questions}
    submission = journey.submit(database, issued, answers, consequences=CONSEQUENCES)
    given = Found(database, issued, submission)
    with database.transaction(given.reviewer.scope) as session:
        for one in given.all():
            held = steps.hold(session, given.reviewer, one.id)
            common: dict[str, Any] = {"seen": held.revision, "actor": given.reviewer, "now": NOW}
            closing.propose(session, held, "no_fault", reason="They do it otherwise.", **common)
    again = looked(given)
    given.next_round({LAST: Content("answered", "yes")}, consequences=())
    found = again, looked(given)
    assert {one.state for one in given.all()} == {"closed"}
    assert len(given.all()) == number
    return found


def test_the_number_of_statements_is_the_same_for_5_and_for_50(
    database: Database, settings: Settings
) -> None:
    few, many = costs(database, settings, 5), costs(database, settings, 50)
    assert few == many


@pytest.mark.both_databases
def test_what_is_about_no_question_follows_every_round(given: Found) -> None:
    with given.database.transaction(given.reviewer.scope) as session:
        case = review.case(session, given.reviewer, given.submission, lock=True)
        common: dict[str, Any] = {"actor": given.reviewer, "now": NOW + timedelta(hours=1)}
        keeping.add(session, case, key="", severity="high", text="They never call back.", **common)
    first = given.submission
    given.again(GOOD)
    one = next(each for each in given.all() if each.code == "reviewer")
    assert (one.submission_id, one.called_for, one.key) == (given.submission, True, "")
    assert one.submission_id != first
    given.plan(one, now=NOW + timedelta(days=31))
    with given.database.looking(given.reviewer.scope) as session:
        rows = session.execute(
            select(FindingStep.submission_id)
            .where(FindingStep.finding_id == one.id, FindingStep.organisation_id == given.organisation.id)
            .order_by(FindingStep.sequence)
        ).scalars()
        assert list(rows) == [first, given.submission]


@pytest.mark.both_databases
def test_what_was_closed_stays_so_over_the_same_answer_of_the_next_round(given: Found) -> None:
    for code in ("finding:", "knockout"):
        row = given.act(closing.propose, given.one(code, MFA), "no_fault", reason="They use another way.")
        assert row is not None
        given.act(closing.approve, given.one(code, MFA), row.id, actor=given.ciso)
    given.next_round({LOGS: Content("answered", "some")})
    assert sorted(each.state for each in given.all()) == ["closed", "closed", "open"]
    given.next_round({MFA: Content("answered", "no", "Never.")}, now=NOW + timedelta(days=4))
    assert sorted(each.state for each in given.all()) == ["closed", "closed", "open", "open", "open"]
