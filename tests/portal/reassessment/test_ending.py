"""Documents that end: the list, and newer ones asked for by returning exactly their questions."""

from __future__ import annotations

import csv
import io
import uuid
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.assessments.models import Assessment
from portal.assessments.round_models import RoundScope
from portal.db import SYSTEM, Database
from portal.evidence.kinds import KINDS
from portal.evidence.lasting import MONTHS, usual_end
from portal.gate import keeping
from portal.reassessment import ending, terms
from portal.settings import Settings
from portal.web import Portal
from questionnaires import catalog
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import submit
from tests.portal.reassessment.papers import lay
from tests.portal.world import NOW, make_company, make_organisation, signed_in

R = OrganisationRole
TODAY = NOW.date()
CORE = catalog.latest("security_core")
KEY, RULE = next(
    (key, one.evidence)
    for key, one in CORE.questions.items()
    if one.evidence is not None and one.evidence.valid_months == 12
)


@dataclass
class Given:
    """A submission with one document that ends in 20 days."""

    issued: Issued
    submission: uuid.UUID
    document: uuid.UUID


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    issued = journey.issue(database, buyer, company, definition=CORE)
    document = lay(
        database,
        issued,
        KEY,
        RULE.kind,
        issued_on=TODAY,
        expires=TODAY + timedelta(days=20),
        title="Kz report",
    )
    submission = submit(database, issued)
    keeping.Keeper(database).turn(lambda: NOW)
    terms.work_out(database, now=NOW)
    return Given(issued, submission, document)


@pytest.mark.both_databases
def test_what_ends_is_listed_for_whom_it_counts(database: Database, given: Given) -> None:
    ciso, stranger = given.issued.organisation[R.CISO], given.issued.organisation[R.BUSINESS_OWNER]
    with database.looking(ciso.scope) as session:
        page = ending.listed(session, ciso, first=TODAY, last=TODAY + timedelta(days=30), number=1)
        (one,) = page.rows
        assert (one.title, one.keys, one.can, one.asked) == ("Kz report", (KEY,), True, None)
        assert ending.counts(session, ciso, TODAY, (30, 10)) == {"past": 0, "30": 1, "10": 0}
        none = ending.listed(session, ciso, first=TODAY, last=TODAY + timedelta(days=19), number=1)
        assert none.rows == []
    with database.looking(stranger.scope) as session:
        assert (
            ending.listed(session, stranger, first=None, last=TODAY + timedelta(days=30), number=1).rows == []
        )


def test_one_press_returns_exactly_the_questions_of_the_document(
    app: Portal, database: Database, given: Given
) -> None:
    here = f"/o/{given.issued.organisation.slug}/evidence"
    ciso = signed_in(app, given.issued.organisation[R.CISO])
    page = ciso.get(here).text
    assert "Kz report" in page
    assert f"{here}.csv?until=60" in page
    (row,) = csv.DictReader(io.StringIO(ciso.get(f"{here}.csv").text.lstrip("\ufeff")))
    assert (row["document"], row["days left"], row["questions"]) == ("Kz report", "20", KEY)
    assert "Kz report" not in ciso.get(f"{here}.csv?until=past").text
    pick = f"{given.submission}:{given.document}"
    assert pick in page
    assert "Tick the documents" in ciso.post(f"{here}/ask", {"do": "preview"}).text
    due = (TODAY + timedelta(days=14)).isoformat()
    form = {"pick": [pick], "text": "Please give the newer one.", "due": due}
    assert CORE.questions[KEY].text in ciso.post(f"{here}/ask", form | {"do": "preview"}).text
    assert ciso.post(f"{here}/ask", form | {"do": "ask", "text": ""}).status_code == 422
    done = ciso.post(f"{here}/ask", form | {"do": "ask"})
    assert "one question" in done.text
    with database.looking(SYSTEM) as session:
        scope = session.scalars(select(RoundScope)).one()
        assessment = session.get_one(Assessment, given.issued.assessment)
    assert list(scope.keys) == [KEY]
    assert (assessment.state, assessment.round) == ("open", 2)
    assert "Asked for" in ciso.get(here).text
    again = ciso.post(f"{here}/ask", form | {"do": "ask"})
    assert "Not asked" in again.text
    auditor = signed_in(app, given.issued.organisation[R.AUDITOR])
    assert "Kz report" in auditor.get(here).text
    assert auditor.post(f"{here}/ask", form | {"do": "ask"}).status_code == 403


def test_the_usual_end_of_a_kind_is_at_the_months_end() -> None:
    assert set(MONTHS) <= set(KINDS)
    assert usual_end("pentest_summary", TODAY.replace(month=2, day=28, year=2023)) == TODAY.replace(
        month=2, day=28, year=2024
    )
    assert usual_end("insurance_certificate", TODAY) is None
    assert usual_end("pentest_summary", None) is None
