"""The reading desk: filters, rounds, evidence, requirements, and the same number of statements however long it is."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from sqlalchemy import event, select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import queries, sealing
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment, SealedEvidence, Submission
from portal.assessments.service import Edit, save_answers
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.reports.desk import SHOWS
from portal.settings import Settings
from portal.web import Portal
from questionnaires import catalog
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal import journey, rich, scene
from tests.portal.once import made_once
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation, signed_in


@pytest.fixture
@made_once
def places(database: Database, settings: Settings) -> tuple[Place, Place]:
    return make_organisation(database, settings, "Halden"), make_company(database, settings, "Fennmark")


@pytest.fixture
def issued(database: Database, places: tuple[Place, Place]) -> journey.Issued:
    journey.release(database, places[0], rich.DEFINITION)
    made = journey.issue(database, *places, definition=rich.DEFINITION)
    journey.submit(database, made, rich.ANSWERS)
    return made


def reviewer(app: Portal, issued: journey.Issued) -> Browser:
    return signed_in(app, issued.organisation[OrganisationRole.REVIEWER])


def desk(issued: journey.Issued, query: str = "") -> str:
    return f"/o/{issued.organisation.slug}/assessments/{issued.assessment}/answers{query}"


def shown(page: str) -> list[str]:
    return re.findall(r'<article class="question reading" id="q-([\w.]+)"', page)


def test_each_filter_keeps_what_it_says_and_its_count(app: Portal, issued: journey.Issued) -> None:
    browser = reviewer(app, issued)
    everything = shown(browser.get(desk(issued)).text)
    assert len(everything) == 8
    found = {show: shown(browser.get(desk(issued, f"?show={show}")).text) for show in SHOWS}
    assert found["all"] == everything
    assert found["knockouts"] == ["own.rich.mfa", "own.rich.admin"]
    assert "own.rich.mfa" in found["lost"]
    assert found["findings"] == ["own.rich.steps"]
    assert found["evidence"] == ["own.rich.admin"]
    assert found["turned"] == []
    page = browser.get(desk(issued)).text
    for show, keys in found.items():
        if keys and show != "all":
            assert re.search(rf'show={show}"[^>]*>[^<]* <span class="count">{len(keys)}</span>', page), show
    assert shown(browser.get(desk(issued, "?show=nonsense&round=x")).text) == everything


def test_a_filter_that_keeps_nothing_offers_everything(app: Portal, issued: journey.Issued) -> None:
    page = reviewer(app, issued).get(desk(issued, "?show=turned")).text
    assert "Nothing of this kind: Changed after the finding was shown" in page
    assert "Show every answer" in page


def test_a_sealed_document_stands_beside_its_answer(
    app: Portal, database: Database, issued: journey.Issued
) -> None:
    """As it was sealed, whatever became of the library since."""
    evidence = uuid.uuid4()
    with database.transaction(SYSTEM) as session:
        submission = session.scalars(select(Submission)).one()
        document = {
            "evidence": str(evidence),
            "kind": "policy",
            "title": "Policy <2026>",
            "issued": "2026-01-31",
            "expires": None,
            "filename": "policy.pdf",
            "media_type": "application/pdf",
            "size": 20480,
            "sha256": "0" * 64,
            "scan": "clean",
        }
        made = sealing.seal(document)
        listed = json.loads(submission.evidence)
        assert listed == []
        session.add(
            SealedEvidence(
                submission_id=submission.id,
                key="own.rich.mfa",
                evidence_id=evidence,
                organisation_id=submission.organisation_id,
                company_id=submission.company_id,
                salt=made.salt,
                document=made.data,
            )
        )
        record(session, Kind.EVIDENCE_GRANTED, now=NOW, actor=None)
    page = reviewer(app, issued).get(desk(issued)).text
    # Not listed in the submission's hash, so it is no part of what was sealed and is not shown as such.
    assert "Policy &lt;2026&gt;" not in page
    assert "What is on file does not fit the seal." in page


def test_an_earlier_round_can_be_read_and_says_so(
    app: Portal, database: Database, issued: journey.Issued
) -> None:
    owner = issued.company[CompanyRole.OWNER]
    with database.transaction(SYSTEM) as session:
        one = session.scalars(select(Assessment).where(Assessment.id == issued.assessment)).one()
        one.state, one.round = "open", 2
        record(session, Kind.ASSESSMENT_REOPENED, now=NOW, actor=None, subject=one)
    browser = reviewer(app, issued)
    assert shown(browser.get(desk(issued)).text), "what was sealed stays readable while it is open again"
    with database.transaction(owner.scope) as session:
        one = queries.assessment(session, owner, issued.assessment, lock=True)
        held = queries.rows(session, owner, issued.assessment)
        section = rich.DEFINITION.section_of["own.rich.plan"]
        edit = Edit(
            "own.rich.plan", held["own.rich.plan"][0].revision, Content("answered", "We have a plan now.")
        )
        assert not save_answers(session, one, section, [edit], actor=owner, now=NOW).errors
    assert "We have a plan now." not in browser.get(desk(issued)).text, "a draft is nobody else's"
    scene.seal(database, owner, issued.assessment)
    newest, earlier = browser.get(desk(issued)).text, browser.get(desk(issued, "?round=1")).text
    assert "We have a plan now." in newest
    assert "We have a plan now." not in earlier
    assert "You are reading an earlier round." in earlier
    assert "You are reading an earlier round." not in newest
    assert 'answers?round=1"' in newest
    assert browser.get(desk(issued, "?round=3")).status_code == 404


def test_a_draft_has_no_desk(app: Portal, database: Database, places: tuple[Place, Place]) -> None:
    made = journey.issue(database, *places, definition=catalog.latest("security_lite"))
    assert reviewer(app, made).get(desk(made)).status_code == 404


def long(questions: int) -> Questionnaire:
    options = [{"value": "yes", "label": "Yes", "points": 100}, {"value": "no", "label": "No", "points": 0}]
    return parse_json(
        json.dumps(
            {
                "format": 1,
                "slug": f"long{questions}",
                "version": "1.0.0",
                "title": "Long",
                "purpose": "assessment",
                "language": "en",
                "licence": "CC0-1.0",
                "summary": "For tests.",
                "bands": [
                    {"name": "good", "label": "Good", "minimum": 70},
                    {"name": "bad", "label": "Bad", "minimum": 0},
                ],
                "sections": [
                    {
                        "key": f"s{part}",
                        "title": f"Part {part}",
                        "questions": [
                            {
                                "key": f"l.q{part}_{number}",
                                "text": "Is it so?",
                                "type": "choice",
                                "options": options,
                                "weight": 1,
                            }
                            for number in range(questions // 4)
                        ],
                    }
                    for part in range(4)
                ],
            }
        ).encode()
    )


def test_many_questions_cost_as_many_statements_as_few(
    app: Portal, database: Database, places: tuple[Place, Place]
) -> None:
    counts = {}
    for number, questions in enumerate((8, 140)):
        definition = long(questions)
        journey.release(database, places[0], definition)
        made = journey.issue(database, *places, definition=definition, vendor_name=f"Vendor {number}")
        answers = {key: Content("answered", "no") for key in definition.questions}
        journey.submit(database, made, answers)
        browser = reviewer(app, made)
        browser.get(desk(made))
        seen: list[str] = []

        def note(
            connection: object, cursor: object, statement: str, *_: object, seen: list[str] = seen
        ) -> None:
            seen.append(statement)

        event.listen(app.database.engine, "before_cursor_execute", note)
        page = browser.get(desk(made)).text
        event.remove(app.database.engine, "before_cursor_execute", note)
        counts[questions] = len([one for one in seen if one.startswith("SELECT")])
        assert len(shown(page)) == questions
    assert counts[8] == counts[140] <= 26, counts
