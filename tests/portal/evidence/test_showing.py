"""Documents beside answers: attached, taken away, sealed, rated, proved, opened by whom they were submitted to."""

from __future__ import annotations

import io
import json
import re
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import queries, rating, sealing
from portal.assessments.models import Assessment, Rating, SealedAnswer, SealedEvidence, Submission
from portal.audit.catalogue import Kind as AuditKind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM
from portal.erasure.models import DoomedFile
from portal.evidence.models import Evidence, EvidenceGrant
from portal.evidence.service import Described, add
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.library import service as library
from portal.settings import Settings
from portal.storage import new_key
from portal.web import Portal
from tests.portal.assessments.given import Answering, Given, give
from tests.portal.assessments.test_sealing import fill, sign
from tests.portal.evidence.files import PDF
from tests.portal.once import made_once
from tests.portal.world import NOW, Browser, signed_in

KEY = "two.proof"
KIND = "check_report"


@pytest.fixture
@made_once
def given(app: Portal, settings: Settings) -> Given:
    return give(app, settings)


def every(given: Given, model: Any) -> list[Any]:
    with given.database.looking(SYSTEM) as session:
        return list(session.scalars(select(model)))


def kinds(given: Given) -> list[str]:
    return [one.kind for one in every(given, Event)]


def page(given: Given, key: str = KEY, section: str = "two") -> str:
    return f"{given.section(section)}/questions/{key}/evidence"


def upload(
    browser: Browser, path: str, data: bytes = PDF, name: str = "report.pdf", **fields: str
) -> TestResponse:
    body = {"kind": KIND, "issued": "2026-11-01", **fields}
    sent = {name: value for name, value in body.items() if value}
    token = browser.token(path)
    return browser.client.post(path, data={"csrf_token": token, **sent, "file": (io.BytesIO(data), name)})


def stored(app: Portal) -> list[str]:
    return [key for key, _at in list(iter(app.storage.keys()))]


def test_an_upload_beside_a_question_is_stored_shown_and_satisfies(app: Portal, given: Given) -> None:
    browser = given.browser()
    browser.answer(given.section("two"), a__two__proof="yes")
    assert "add it, or say why it cannot be shared" in browser.get(f"{given.base}/missing").text
    answer = upload(browser, page(given))
    assert (answer.status_code, answer.location) == (303, page(given)), answer.text
    (document,) = every(given, Evidence)
    assert (document.kind, document.title, document.filename) == (KIND, "report.pdf", "report.pdf")
    assert (document.media_type, document.size, document.scan) == ("application/pdf", len(PDF), "not_scanned")
    assert b"".join(app.storage.read(document.storage_key)) == PDF
    assert {"evidence.added", "evidence.granted"} <= set(kinds(given))
    shown = browser.get(given.section("two")).text
    assert "Evidence is here: check report" in shown
    assert "report.pdf" in shown
    assert "Not scanned for malware." in shown
    assert "two.proof" not in browser.get(f"{given.base}/missing").text
    saved = browser.get(f"{page(given)}/{document.id}")
    assert saved.data == PDF
    assert saved.headers["Content-Disposition"].startswith('attachment; filename="report.pdf"')
    assert "sandbox" in saved.headers["Content-Security-Policy"]
    assert saved.headers["X-Content-Type-Options"] == "nosniff"
    assert "evidence.opened" in kinds(given)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"issued": "2024-01-01"}, "Too old: here a document counts for 12 months"),
        ({"issued": "2026-01-01", "expires": "2026-11-20"}, "Expired on Fri 20 November 2026"),
        ({"issued": ""}, "Without its date of issue it proves nothing here"),
        ({"kind": "other"}, "Not what is asked for"),
    ],
)
def test_a_document_that_proves_nothing_says_so_and_leaves_the_gap(
    given: Given, fields: dict[str, str], words: str
) -> None:
    browser = given.browser()
    browser.answer(given.section("two"), a__two__proof="yes")
    assert upload(browser, page(given), **fields).status_code == 303
    assert words in browser.get(given.section("two")).text
    assert "what lies there does not prove it today" in browser.get(f"{given.base}/missing").text


def test_a_document_of_a_narrower_kind_is_what_is_asked_for(given: Given) -> None:
    browser = given.browser()
    browser.answer(given.section("two"), a__two__proof="yes")
    with given.database.transaction(given.owner.scope) as session:
        for number, kind in enumerate((f"{KIND}.audited", "policy", f"{KIND}s")):
            said = Described(kind, kind, date(2026, 11, 1))
            paper = Stored(new_key(), Sniffed("a.pdf", "application/pdf", 1, f"{number:064d}"), "clean", NOW)
            add(session, paper, said, actor=given.owner, now=NOW + timedelta(minutes=number))
    shown = browser.get(page(given)).text
    (first, *rest) = re.findall(r'name="documents" value="([^"]+)"', shown)
    assert len(rest) == 2
    assert shown.count("it does not count as what is asked for") == 2
    assert browser.post(f"{page(given)}/attach", {"documents": first}).status_code == 303
    shown = browser.get(given.section("two")).text
    assert "Evidence is here: check report" in shown
    assert "Not what is asked for" not in shown
    assert "two.proof" not in browser.get(f"{given.base}/missing").text


def test_the_button_on_the_card_saves_what_was_typed_and_leads_to_the_documents(given: Given) -> None:
    browser = given.browser()
    answer = browser.answer(
        given.section("two"), go=f"evidence.{KEY}", **{"a.two.list.0.name": "Ana", "n.two.proof": "Typed."}
    )
    assert (answer.status_code, answer.location) == (303, page(given))
    assert given.stored()["two.list"][1] == [{"name": "Ana"}]
    foreign = browser.answer(given.section("two"), go="evidence.one.locks")
    assert foreign.location == given.section("two")


@pytest.mark.both_databases
def test_attach_from_the_library_fitting_kind_first_and_take_away(given: Given) -> None:
    browser = given.browser()
    base = f"/c/{given.company.slug}/evidence"
    for number, kind in enumerate(("policy", KIND, "policy")):
        path = f"{base}/new" if kind == "policy" else page(given)
        assert upload(browser, path, kind=kind, title=f"Paper {number}").status_code == 303
    mine = next(one for one in every(given, Evidence) if one.kind == KIND)
    assert browser.post(f"{page(given)}/{mine.id}/withdraw").status_code == 303
    assert browser.post(f"{page(given)}/{mine.id}/withdraw").status_code == 303, "a second press is no fault"
    listed = re.findall(r'name="documents" value="([^"]+)"', browser.get(page(given)).text)
    assert listed[0] == str(mine.id)
    assert len(listed) == 3
    found = browser.get(f"{page(given)}?q=Paper+2").text
    assert "Paper 2" in found
    assert "Paper 0" not in found
    answer = browser.post(f"{page(given)}/attach", data={"documents": listed})
    assert answer.status_code == 303, answer.text
    live = [one for one in every(given, EvidenceGrant) if one.revoked_at is None]
    assert len(live) == 3
    assert browser.post(f"{page(given)}/attach").status_code == 422
    assert browser.post(f"{page(given)}/attach", data={"documents": "no id"}).status_code == 404
    stranger = signed_in(given.app, given.stranger[CompanyRole.OWNER])
    theirs = stranger.post(f"/c/{given.stranger.slug}/evidence/new")
    assert theirs.status_code == 422, "no file"
    assert stranger.get(page(given)).status_code == 404


def test_an_organisation_learns_nothing_before_submission(given: Given) -> None:
    upload(given.browser(), page(given))
    with given.database.looking(SYSTEM) as session:
        events = session.scalars(select(Event).where(Event.kind.startswith("evidence."))).all()
        assert events
        assert {one.organisation_id for one in events} == {None}
    (document,) = every(given, Evidence)
    reviewer = signed_in(given.app, given.organisation[OrganisationRole.REVIEWER])
    base = f"/o/{given.organisation.slug}/assessments/{given.assessment_id}"
    assert reviewer.get(f"{base}/evidence/{document.id}").status_code == 404
    assert "report.pdf" not in reviewer.get(base).text


def submitted(given: Given) -> Answering:
    browser = given.browser()
    fill(browser, given)
    assert upload(browser, page(given), title="The check").status_code == 303
    assert upload(browser, page(given, "one.days", "one"), name="days.pdf", kind="other").status_code == 303
    answer = sign(browser, given)
    assert answer.status_code == 303, answer.text
    return browser


@pytest.mark.both_databases
def test_documents_are_sealed_rated_and_proved(given: Given) -> None:
    browser = submitted(given)
    (found,) = every(given, Submission)
    papers = every(given, SealedEvidence)
    answers = every(given, SealedAnswer)
    assert [key for key, _id, _made in json.loads(found.evidence)] == ["one.days", KEY]
    (row,) = every(given, Rating)
    states = {line["key"]: line["state"] for line in json.loads(row.result)["trace"]}
    assert states[KEY] == "answered"
    with given.database.looking(SYSTEM) as session:
        definition = library.definition(session, found.content_hash)
        sealed = {one.key: one.answer for one in answers}
        typed = sealing.typed_answers(definition, sealed, found.as_of, sealing.documents(papers))
        assert rating.recompute(session, row, typed) == row.result
    proof = given.read(queries.verify, given.read(queries.submission, given.assessment()))
    assert proof == sealing.Proof(sound=True)
    place = (KEY, next(one.evidence_id for one in papers if one.key == KEY))
    signed = given.read(queries.attestation, found)
    less = sealing.verify(found, answers, signed, [one for one in papers if one.key != KEY])
    assert (less.sound, less.evidence_redacted) == (True, (place,))
    papers[0].document += b" "
    forged = sealing.verify(found, answers, signed, papers)
    assert (forged.sound, len(forged.evidence_broken)) == (False, 1)
    receipt = browser.get(f"{given.base}/receipt").text
    assert "The check" in receipt
    assert json.loads(papers[1].document)["sha256"] in receipt


def test_an_old_submission_without_documents_still_verifies() -> None:
    listed, signed = b'[["a","00"]]', "11"
    assert sealing.submission_hash(listed, signed) == sealing.submission_hash(listed, signed, b"[]")
    assert sealing.submission_hash(listed, signed) != sealing.submission_hash(
        listed, signed, b'[["a","b","c"]]'
    )


def test_the_organisation_opens_what_was_sealed_and_that_is_on_record(given: Given) -> None:
    submitted(given)
    document = next(one for one in every(given, Evidence) if one.kind == KIND)
    given.browser().post(
        f"/c/{given.company.slug}/evidence/{document.id}/edit",
        data={"kind": KIND, "title": "For another client", "issued": "2026-11-01"},
    )
    reviewer = signed_in(given.app, given.organisation[OrganisationRole.REVIEWER])
    base = f"/o/{given.organisation.slug}/assessments/{given.assessment_id}"
    read = reviewer.get(f"{base}/answers").text
    assert "The check" in read
    assert "For another client" not in read, "what is said later is not what was sealed"
    saved = reviewer.get(f"{base}/evidence/{document.id}")
    assert saved.data == PDF
    opened = [one for one in every(given, Event) if one.kind == "evidence.opened"]
    assert [(one.organisation_id, one.company_id) for one in opened] == [
        (given.organisation.id, given.company.id)
    ]
    assert reviewer.get(f"{base}/evidence/{uuid.uuid4()}").status_code == 404
    exported = json.loads(reviewer.get(f"{base}/result.json").data)
    assert exported["documents"][KEY][0]["sha256"] == document.sha256
    assert exported["answers_file"]["answers"][KEY]["evidence"] == [
        {"kind": KIND, "issued": "2026-11-01", "expires": None}
    ]


@pytest.mark.both_databases
def test_what_was_sealed_outlives_the_library_and_what_was_not_goes(app: Portal, given: Given) -> None:
    browser = submitted(given)
    base = f"/c/{given.company.slug}/evidence"
    upload(browser, f"{base}/new", title="Never shown", kind="policy")
    rows = {one.title: one for one in every(given, Evidence)}
    for title in ("The check", "Never shown"):
        asked = browser.get(f"{base}/{rows[title].id}/remove").text
        assert ("submitted once" in asked) == (title == "The check")
        assert browser.post(f"{base}/{rows[title].id}/remove").status_code == 303
    after = {one.title: one for one in every(given, Evidence)}
    assert after["The check"].storage_key is not None
    assert after["Never shown"].storage_key is None
    assert [one.storage_key for one in every(given, DoomedFile)] == [rows["Never shown"].storage_key]
    reviewer = signed_in(given.app, given.organisation[OrganisationRole.REVIEWER])
    where = f"/o/{given.organisation.slug}/assessments/{given.assessment_id}/evidence"
    assert reviewer.get(f"{where}/{after['The check'].id}").status_code == 200
    assert "The check" not in browser.get(base).text
    assert browser.get(f"{base}/{after['Never shown'].id}/file").status_code == 404


def test_a_file_that_went_while_the_questionnaire_was_closed_is_not_sealed(given: Given) -> None:
    """Laid beside, declined, removed, reopened: else the organisation is given a proof that nobody can open."""
    browser = given.browser()
    fill(browser, given)
    upload(browser, page(given))
    (document,) = every(given, Evidence)
    with given.database.transaction() as session:
        session.execute(update(Assessment).values(state="declined"))
        record(session, AuditKind.ASSESSMENT_DECLINED, now=NOW, actor=None)
    assert browser.post(f"/c/{given.company.slug}/evidence/{document.id}/remove").status_code == 303
    with given.database.transaction() as session:
        session.execute(update(Assessment).values(state="open"))
        record(session, AuditKind.ASSESSMENT_REOPENED, now=NOW, actor=None)
    assert document.title not in browser.get(given.section("two")).text
    assert browser.get(f"{page(given)}/{document.id}").status_code == 404


def test_nobody_signs_a_document_that_they_have_not_seen(given: Given) -> None:
    browser = given.browser()
    fill(browser, given)
    read = browser.get(f"{given.base}/submit").text
    seen = re.search(r'name="seen" value="([^"]*)"', read)
    assert seen
    upload(given.browser(), page(given))
    assert sign(browser, given, seen=seen.group(1)).status_code == 409
    assert every(given, Submission) == []


def test_a_sealed_answer_takes_no_more_documents_and_keeps_its_own(app: Portal, given: Given) -> None:
    browser = submitted(given)
    document = next(one for one in every(given, Evidence) if one.kind == KIND)
    before = stored(app)
    assert browser.get(page(given)).status_code == 409
    token = browser.token()
    late = browser.client.post(
        page(given), data={"csrf_token": token, "kind": KIND, "file": (io.BytesIO(PDF), "late.pdf")}
    )
    assert late.status_code == 409
    assert browser.post(f"{page(given)}/{document.id}/withdraw").status_code == 409
    assert stored(app) == before, "nothing was stored"


def test_a_newer_document_takes_the_place_of_an_older_one(given: Given) -> None:
    browser = given.browser()
    upload(browser, page(given), title="Old")
    (old,) = every(given, Evidence)
    path = f"/c/{given.company.slug}/evidence/{old.id}/replace"
    answer = upload(browser, path, PDF + b"\n", title="New", carry="1", drop="1")
    assert answer.status_code == 303, answer.text
    live = {one.evidence_id for one in every(given, EvidenceGrant) if one.revoked_at is None}
    new = next(one for one in every(given, Evidence) if one.title == "New")
    assert live == {new.id}
    assert next(one for one in every(given, Evidence) if one.title == "Old").removed_at is not None
