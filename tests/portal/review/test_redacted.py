"""Answers and documents removed from the record under a review: nothing is judged, nobody is kept from work."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal.access import OrganisationRole
from portal.assessments import asking_back
from portal.assessments import returning as rounds
from portal.assessments.returning import Return
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import destroying, parting
from portal.erasure.reaching import Destroyed
from portal.faults import Conflict
from portal.findings import keeping
from portal.review import reviewing
from portal.review.marking import Wish
from portal.review.queries import Case
from portal.settings import Settings
from portal.web import Portal
from tests.portal.once import made_once
from tests.portal.review import rounds as at
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.world import NOW, make_company, make_organisation, signed_in

MFA, ADMIN, PLAN, PATCH, OTHERS = (f"own.rich.{one}" for one in ("mfa", "admin", "plan", "patch", "others"))


@pytest.fixture
@made_once
def papers(database: Database, settings: Settings) -> Reviewed:
    """A document beside an answer, and one beside a question that was left blank."""
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    titles = {ADMIN: "Key policy", OTHERS: "List of firms"}
    return reviewed(database, organisation, company, papers=titles, blank=[OTHERS])


def redact(given: Reviewed, key: str) -> None:
    """As an approved destruction does it."""
    with given.database.transaction(SYSTEM) as session:
        destroying.answers(session, given.issued.assessment, {key}, Destroyed(), now=NOW)
        record(session, Kind.REDACTED, now=NOW, actor=None)


def document(given: Reviewed, key: str) -> str:
    (one,) = given.case().beside[key]
    return str(one.evidence)


@pytest.mark.both_databases
def test_a_document_alone_that_was_removed_is_missed_and_the_vendor_submits_again(papers: Reviewed) -> None:
    papers.save(Wish(OTHERS, "accepted", document(papers, OTHERS)))
    papers.write()
    redact(papers, OTHERS)
    assert papers.case().redacted
    with pytest.raises(Conflict, match="removed from the record"):
        papers.save(Wish(MFA, "challenged", reason="Who?"))
    assert len(papers.ratings()) == 2
    assert papers.again({}).case().newest


@pytest.mark.parametrize(
    ("key", "mark", "points"),
    [
        (MFA, "accepted", None),
        (MFA, "challenged", None),
        (PLAN, "graded", 60),
        (MFA, "disproved", None),
        (PATCH, "na_accepted", None),
        (ADMIN, "document", None),
    ],
)
@pytest.mark.parametrize("step", ["looked at", "posted to"])
def test_the_workspace_shows_what_stood_and_refuses_marks(
    app: Portal, papers: Reviewed, key: str, mark: str, points: int | None, step: str
) -> None:
    where = document(papers, ADMIN) if mark == "document" else ""
    mark = "accepted" if where else mark
    papers.save(Wish(key, mark, where, points, reason="For a reason."))
    papers.write()
    band = papers.ratings()[-1].band
    papers.save(Wish(PLAN, "disproved", reason="Never written."))
    redact(papers, key)
    browser = signed_in(app, papers.organisation[OrganisationRole.REVIEWER])
    address = f"/o/{papers.organisation.slug}/reviews/{papers.submission}"
    if step == "posted to":
        data = {"key": MFA, "mark": "challenged", "reason": "Who?", "document": "", "show": "all"}
        assert browser.post(f"{address}/marks", data={**data, "seen": ""}).status_code == 409
        return
    answer = browser.get(address)
    assert answer.status_code == 200
    assert "were removed from the record" in unescape(answer.text)
    assert 'name="mark"' not in answer.text
    assert papers.ratings()[-1].band == band


def test_unwritten_marks_of_what_was_removed_can_be_thrown_away(papers: Reviewed) -> None:
    papers.save(Wish(MFA, "challenged", reason="Who?"))
    papers.save(Wish(PATCH, "na_accepted"))
    redact(papers, MFA)
    assert papers.case().redacted
    papers.change(reviewing.discard, seen=papers.case().unwritten)
    assert papers.case().drafts == {}


@pytest.mark.both_databases
def test_no_questions_of_a_submission_with_removed_answers_are_returned(given: Reviewed) -> None:
    redact(given, PLAN)
    with pytest.raises(Conflict, match="Reopen the assessment"):
        at.give_back(given, [MFA])
    assert at.assessment(given).state == "submitted"


@pytest.mark.both_databases
def test_nothing_is_written_about_a_vendor_that_was_offboarded(given: Reviewed) -> None:
    with given.database.transaction(SYSTEM) as session:
        parting.vendors(session, given.organisation.id, [given.issued.vendor], Destroyed(), by=None, now=NOW)
        record(session, Kind.REDACTED, now=NOW, actor=None)

    def ask(session: Session, case: Case, **common: Any) -> None:
        asking_back.ask(session, case.assessment, MFA, "Who?", **common)

    def give_back(session: Session, case: Case, **common: Any) -> None:
        wish = Return(frozenset([MFA]), "Look again.", at.DUE)
        rounds.return_questions(session, case.assessment, wish, **common)

    def add(session: Session, case: Case, **common: Any) -> None:
        keeping.add(session, case, key=MFA, severity="high", text="They share keys.", **common)

    def note(session: Session, case: Case, **common: Any) -> None:
        reviewing.note(session, case, MFA, "Hm.", **common)

    for step in (ask, give_back, add, note):
        with pytest.raises(Conflict, match="has been offboarded"):
            given.change(step)
    with pytest.raises(Conflict):
        at.give_back(given, [MFA])
