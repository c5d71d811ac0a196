"""The result pages of both sides: sums that can be checked by hand, settings honoured, exports on record."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.models import SealedAnswer, SealedAttestation
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import Database
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.web import Portal
from questionnaires.__main__ import main as command
from questionnaires.definition import Questionnaire
from questionnaires.facts import INTERNAL_FACTS
from questionnaires.parsing import parse_json
from tests.portal import journey, rich
from tests.portal.journey import Issued
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation

Submitted = Callable[..., Issued]


@pytest.fixture
def organisation(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark")


@pytest.fixture
def issued(database: Database, organisation: Place, company: Place) -> Issued:
    """The rich questionnaire, submitted."""
    journey.release(database, organisation, rich.DEFINITION)
    found = journey.issue(database, organisation, company, definition=rich.DEFINITION)
    journey.submit(database, found, rich.ANSWERS)
    return found


def as_person(app: Portal, place: Place, role: Any) -> Browser:
    return Browser(app.test_client(), place[role].person.email)


def inside(issued: Issued, page: str = "result") -> str:
    return f"/o/{issued.organisation.slug}/assessments/{issued.assessment}/{page}"


def outside(issued: Issued, page: str = "result") -> str:
    return f"/c/{issued.company.slug}/assessments/{issued.assessment}/{page}"


def let_see(database: Database, place: Place, vendor_sees: str) -> None:
    with database.transaction() as session:
        row = session.execute(select(Organisation).where(Organisation.id == place.id)).scalar_one()
        row.vendor_sees = vendor_sees
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=row)


def plain(html: str) -> str:
    main = html[html.index("<main") : html.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def tables(html: str) -> list[list[list[str]]]:
    """The cells of each table with figures: rows of texts, header left out."""
    found = []
    for table in re.findall(r'<table class="stacks figures.*?</table>', html, re.S):
        rows = re.findall(r"<tr>(.*?)</tr>", table.split("</thead>")[1], re.S)
        cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
        found.append([[plain(f"<main>{cell}</main>") for cell in row] for row in cells])
    return found


def test_every_table_adds_up_to_the_last_digit_in_rows_and_columns(app: Portal, issued: Issued) -> None:
    page = as_person(app, issued.organisation, OrganisationRole.CISO).get(inside(issued)).text
    found = tables(page)
    assert len(found) == 3  # lost, by section, by hand
    for table in found:
        *rows, foot = table
        figures = [[Decimal(cell) for cell in (row[-5], *row[-3:])] for row in rows]
        assert all(share == counts + still + lost for share, counts, still, lost in figures)
        wanted = [Decimal(foot[-5]), *(Decimal(cell) for cell in foot[-3:])]
        assert [sum(column) for column in zip(*figures, strict=True)] == wanted
    assert found[0][-1] == found[1][-1] == found[2][-1]
    assert "100.00 possible" not in page
    assert "25.1 to 64.6 of 100" in plain(page)


def test_the_lead_says_what_is_proven_open_and_why(app: Portal, issued: Issued) -> None:
    text = plain(as_person(app, issued.organisation, OrganisationRole.AUDITOR).get(inside(issued)).text)
    assert "3 answers are still open; if all of them hold in full, the score is 64.6." in text
    assert "sign in? The answer is “In some places”. It has 35 points; this question needs 50." in text
    assert "Knock-out still open: 2.2" in text
    assert "The shortest way up" in text
    assert "Show this for it: security policy." in text
    assert "A text. A reviewer reads it and gives it points." in text


def test_a_held_band_says_what_holds_it(app: Portal, database: Database, issued: Issued) -> None:
    answers = {**rich.ANSWERS, "own.rich.logs": journey.Content("answered", "some")}
    answers["own.rich.mfa"] = journey.Content("answered", "yes")
    answers["own.rich.patch"] = journey.Content("answered", "yes")
    again = journey.again(database, issued.organisation, issued.vendor, issued.engagements, issued.definition)
    journey.submit(database, issued, answers, assessment=again)
    path = inside(issued).replace(str(issued.assessment), str(again))
    page = as_person(app, issued.organisation, OrganisationRole.CISO).get(path).text
    text = plain(page)
    assert (
        "The number alone would be Sound, but the band is Partial at best: one critical question is not settled yet."
        in text
    )
    assert "held here by 2.2" in page
    assert "Where people can be harmed, logs have to be kept." in text


@pytest.mark.parametrize("vendor_sees", ["nothing", "band", "all_after_review"])
def test_a_company_never_sees_numbers_that_its_client_keeps(
    app: Portal, database: Database, issued: Issued, vendor_sees: str
) -> None:
    let_see(database, issued.organisation, vendor_sees)
    browser = as_person(app, issued.company, CompanyRole.OWNER)
    page, answers = browser.get(outside(issued)), browser.get(outside(issued, "answers"))
    export = browser.get(outside(issued, "result.json"))
    assert [page.status_code, answers.status_code, export.status_code] == [200, 200, 200]
    for text in (plain(page.text), plain(answers.text)):
        assert not re.search(r"\b\d+\.\d\d\b|25\.1|64\.6|of 100|of its share|needs 50", text)
    assert ("Weak" in plain(page.text)) is (vendor_sees != "nothing")
    body = json.loads(export.data)
    assert "result" not in body
    assert "questionnaire" not in body
    assert ("band" in body) is (vendor_sees != "nothing")
    assert body["answers_file"]["answers"]["own.rich.mfa"]["value"] == "some"
    if vendor_sees == "all_after_review":
        assert "once it has reviewed your answers" in plain(page.text)


def test_a_company_that_may_see_all_reads_the_same_numbers(
    app: Portal, database: Database, issued: Issued
) -> None:
    let_see(database, issued.organisation, "all")
    ours = as_person(app, issued.organisation, OrganisationRole.CISO).get(inside(issued)).text
    theirs = as_person(app, issued.company, CompanyRole.OWNER).get(outside(issued)).text
    assert tables(ours) == tables(theirs)


def test_no_fact_that_the_organisation_keeps_reaches_the_company(
    app: Portal, database: Database, issued: Issued
) -> None:
    """Canaries: the facts of the engagement are distinctive values; the company's pages hold none of them."""
    let_see(database, issued.organisation, "all")
    browser = as_person(app, issued.company, CompanyRole.OWNER)
    for page in ("result", "answers", "result.json"):
        body = browser.get(outside(issued, page)).text
        for canary in ("987654", "a critical process stops", "direct harm", "some hours", "a year or more"):
            assert canary not in body, (page, canary)
    facts = json.loads(browser.get(outside(issued, "result.json")).data)["answers_file"]["facts"]
    assert not facts.keys() & INTERNAL_FACTS
    assert "engagement.data" in facts


def test_the_export_is_recomputed_by_the_command_line(
    app: Portal, issued: Issued, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = as_person(app, issued.organisation, OrganisationRole.AUDITOR).get(inside(issued, "result.json"))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rich-1.0.0-2026-11-21.json"'
    body = json.loads(answer.data)
    (tmp_path / "questionnaire.json").write_text(json.dumps(body["questionnaire"]))
    (tmp_path / "answers.json").write_text(json.dumps(body["answers_file"]))
    code = command(["score", str(tmp_path / "questionnaire.json"), str(tmp_path / "answers.json"), "--json"])
    assert code in (0, None)
    assert json.loads(capsys.readouterr().out) == body["result"]


def test_an_export_is_on_record_before_it_leaves(app: Portal, database: Database, issued: Issued) -> None:
    as_person(app, issued.company, CompanyRole.OWNER).get(outside(issued, "result.json"))
    with database.transaction() as session:
        event = session.execute(select(Event).where(Event.kind == Kind.EXPORTED.value)).scalar_one()
        assert event.actor_id == issued.company[CompanyRole.OWNER].person.id
        assert event.data["what"] == "result"


@pytest.mark.parametrize("page", ["result", "answers", "result.json"])
def test_others_find_nothing(
    app: Portal, database: Database, settings: Settings, issued: Issued, page: str
) -> None:
    other, rival = make_organisation(database, settings, "Ravel"), make_company(database, settings, "Solvane")
    ours = as_person(app, other, OrganisationRole.ADMIN)
    theirs = as_person(app, rival, CompanyRole.OWNER)
    assert ours.get(f"/o/{other.slug}/assessments/{issued.assessment}/{page}").status_code == 404
    assert ours.get(inside(issued, page)).status_code == 404
    assert theirs.get(f"/c/{rival.slug}/assessments/{issued.assessment}/{page}").status_code == 404
    assert theirs.get(outside(issued, page)).status_code == 404


def test_a_business_owner_reads_the_results_of_their_own_engagements_only(
    app: Portal, issued: Issued
) -> None:
    browser = as_person(app, issued.organisation, OrganisationRole.BUSINESS_OWNER)
    assert browser.get(inside(issued)).status_code == 404


def test_there_is_no_result_before_a_submission(
    app: Portal, database: Database, organisation: Place, company: Place
) -> None:
    waiting = journey.issue(database, organisation, company)
    assert as_person(app, organisation, OrganisationRole.CISO).get(inside(waiting)).status_code == 404
    assert as_person(app, company, CompanyRole.OWNER).get(outside(waiting)).status_code == 404


def unscored() -> Questionnaire:
    question = {"key": "own.plain.one", "text": "What do you do?", "type": "text"}
    return parse_json(
        json.dumps(
            {
                "format": 1,
                "slug": "plain",
                "version": "1.0.0",
                "title": "Plain",
                "purpose": "assessment",
                "language": "en",
                "licence": "CC0-1.0",
                "summary": "Nothing is scored.",
                "sections": [{"key": "a", "title": "All", "questions": [question]}],
            }
        ).encode()
    )


def test_nothing_scorable_is_no_score_and_never_zero(
    app: Portal, database: Database, organisation: Place, company: Place
) -> None:
    definition = unscored()
    journey.release(database, organisation, definition)
    found = journey.issue(database, organisation, company, definition=definition)
    journey.submit(database, found)
    text = plain(as_person(app, organisation, OrganisationRole.CISO).get(inside(found)).text)
    assert "Not assessed" in text
    assert "No question of this questionnaire carries a weight" in text
    assert "0.00" not in text
    for vendor_sees in ("band", "all", "nothing"):
        let_see(database, organisation, vendor_sees)
        answer = as_person(app, company, CompanyRole.OWNER).get(outside(found))
        assert answer.status_code == 200
        assert "0.00" not in plain(answer.text)
    exported = as_person(app, organisation, OrganisationRole.CISO).get(inside(found, "result.json"))
    assert json.loads(exported.data)["result"]["score"] is None


def test_the_sealed_answers_are_read_question_by_question(app: Portal, issued: Issued) -> None:
    page = as_person(app, issued.organisation, OrganisationRole.CISO).get(inside(issued, "answers")).text
    text = plain(page)
    assert "<b>pray</b>" not in page
    assert "We restore from tape & <b>pray</b>." in text
    assert "“Contractors come next year.”" in text
    assert "promised for Sun 20 December 2026. The new policy is with the board." in text
    assert "High finding. People who were never trained click." in text
    assert re.search(r"66\.66 of 100 points counts 4\.1\d of its share of 6\.1\d", text)
    assert "Tape & Sons" in text
    assert "Are cloud keys changed every year?" not in text


def test_what_was_removed_is_named_and_the_hash_still_holds(
    app: Portal, database: Database, issued: Issued
) -> None:
    with database.transaction() as session:
        session.execute(delete(SealedAnswer).where(SealedAnswer.key == "own.rich.plan"))
        session.execute(delete(SealedAttestation))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    browser = as_person(app, issued.organisation, OrganisationRole.CISO)
    result, answers = (
        plain(browser.get(inside(issued)).text),
        plain(browser.get(inside(issued, "answers")).text),
    )
    assert "One answer has been removed since; the hash still holds." in result
    assert "Removed. The hash still covers it." in result
    assert "This answer was removed later. The hash of the submission still covers it." in answers
    assert "25.1 to 64.6 of 100" in result


def test_a_seal_that_does_not_hold_is_said_aloud(app: Portal, database: Database, issued: Issued) -> None:
    with database.transaction() as session:
        row = session.execute(select(SealedAnswer).where(SealedAnswer.key == "own.rich.logs")).scalar_one()
        row.answer = row.answer.replace(b"yes", b"no!")
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    answer = as_person(app, issued.organisation, OrganisationRole.CISO).get(inside(issued))
    assert "does not fit the seal" in plain(answer.text)
