"""Contract requirements of an engagement: evaluated with each submission, append-only, one reason for each side."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from hashlib import sha256
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.drafts import Content
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts.models import Catalogue, Evaluation
from portal.db import Database
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.vendors.models import Engagement
from portal.web import Portal
from questionnaires.parsing import parse_json
from tests.portal import journey, rich
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation

REGIMES = ["gdpr", "eu_financial", "nis2", "soc2"]


@pytest.fixture
@made_once
def organisation(database: Database, settings: Settings) -> Place:
    place = make_organisation(database, settings, "Halden")
    with database.transaction() as session:
        row = session.execute(select(Organisation).where(Organisation.id == place.id)).scalar_one()
        row.regimes = REGIMES
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=row)
    return place


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark")


@pytest.fixture
def issued(database: Database, organisation: Place, company: Place) -> Issued:
    found = journey.issue(database, organisation, company)
    journey.submit(database, found, {"suppliers.uses": Content("answered", "with_data")})
    return found


def evaluations(database: Database, engagement: uuid.UUID) -> list[Evaluation]:
    with database.transaction() as session:
        rows = session.execute(
            select(Evaluation).where(Evaluation.engagement_id == engagement).order_by(Evaluation.sequence)
        )
        return list(rows.scalars())


def outcomes(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    return {one["key"]: one for one in json.loads(evaluation.outcomes)}


def plain(html: str) -> str:
    main = html[html.index("<main") : html.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def as_person(app: Portal, place: Place, role: Any) -> Browser:
    return Browser(app.test_client(), place[role].person.email)


def requirements(issued: Issued) -> str:
    return f"/o/{issued.organisation.slug}/engagements/{issued.engagements[0]}/requirements"


@pytest.mark.both_databases
def test_submitting_evaluates_every_engagement_that_it_covers(
    database: Database, organisation: Place, company: Place
) -> None:
    found = journey.issue(database, organisation, company, names=("Archive", "Payroll"))
    submission = journey.submit(database, found)
    for engagement in found.engagements:
        (evaluation,) = evaluations(database, engagement)
        assert evaluation.submissions == [str(submission)]
        assert evaluation.facts["organisation.regimes"] == sorted(REGIMES)
        assert outcomes(evaluation)["dora.incident_help"]["outcome"] == "required"
        assert outcomes(evaluation)["pci.acknowledgement"]["outcome"] != "required"


@pytest.mark.both_databases
def test_the_catalogue_is_kept_once_under_its_hash(database: Database, issued: Issued) -> None:
    again = journey.again(
        database,
        issued.organisation,
        issued.vendor,
        issued.engagements,
        issued.definition,
        now=NOW + timedelta(days=1),
    )
    journey.submit(database, issued, assessment=again, now=NOW + timedelta(days=1))
    with database.transaction() as session:
        row = session.execute(select(Catalogue)).scalar_one()
    assert sha256(row.canonical).hexdigest() == row.catalogue_hash
    first, second = evaluations(database, issued.engagements[0])
    assert [first.sequence, second.sequence] == [1, 2]
    assert first.catalogue_hash == second.catalogue_hash == row.catalogue_hash
    assert len(second.submissions) == 1
    assert first.submissions != second.submissions


def test_each_questionnaire_counts_with_its_newest_submission_and_campaigns_never(
    database: Database, issued: Issued
) -> None:
    journey.release(database, issued.organisation, rich.DEFINITION)
    campaign = parse_json(
        json.dumps(
            {
                "format": 1,
                "slug": "pulse",
                "version": "1.0.0",
                "title": "Pulse",
                "purpose": "campaign",
                "language": "en",
                "licence": "CC0-1.0",
                "summary": "One question to many.",
                "sections": [
                    {
                        "key": "a",
                        "title": "A",
                        "questions": [{"key": "own.pulse.one", "text": "Are you hit?", "type": "text"}],
                    }
                ],
            }
        ).encode()
    )
    journey.release(database, issued.organisation, campaign)
    sent = []
    for definition, answers in ((rich.DEFINITION, rich.ANSWERS), (campaign, {})):
        one = journey.again(database, issued.organisation, issued.vendor, issued.engagements, definition)
        sent.append(str(journey.submit(database, issued, answers, assessment=one)))
    first, second, third = evaluations(database, issued.engagements[0])
    assert set(second.submissions) == {*first.submissions, sent[0]}
    assert third.submissions == second.submissions


@pytest.mark.both_databases
def test_an_evaluation_refuses_change(database: Database, issued: Issued) -> None:
    def change() -> None:
        with database.transaction() as session:
            session.execute(update(Evaluation).values(sequence=9))

    with pytest.raises(DBAPIError):
        change()


def test_the_page_gives_reasons_clauses_and_what_would_settle(app: Portal, issued: Issued) -> None:
    page = as_person(app, issued.organisation, OrganisationRole.AUDITOR).get(requirements(issued)).text
    text = plain(page)
    assert (
        "DORA (EU financial sector) binds you and the process that rests on the service is critical." in text
    )
    assert "Fennmark processes the personal data only on documented instructions from Halden" in text
    assert "[number to agree]" in text
    assert "{" not in text
    assert "State at the engagement: Access to the organisation's side." in text
    assert text.index("Must.") < text.index("Should.")
    assert "points that were checked and are not needed" in text
    assert "Evaluate the requirements now" not in text


def test_changed_facts_are_named_and_can_be_evaluated_anew(
    app: Portal, database: Database, issued: Issued
) -> None:
    with database.transaction() as session:
        row = session.execute(select(Engagement).where(Engagement.id == issued.engagements[0])).scalar_one()
        row.facts = {**row.facts, "engagement.access": ["card_systems"], "engagement.data": ["card"]}
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None, subject=row)
    path = requirements(issued)
    auditor = as_person(app, issued.organisation, OrganisationRole.AUDITOR)
    assert "The facts have changed since." in plain(auditor.get(path).text)
    assert "Evaluate the requirements now" not in auditor.get(path).text
    assert auditor.post(path).status_code == 403
    buyer = as_person(app, issued.organisation, OrganisationRole.PROCUREMENT)
    assert "Evaluate the requirements now" in buyer.get(path).text
    assert buyer.post(path).status_code == 303
    first, second = evaluations(database, issued.engagements[0])
    assert first.facts != second.facts
    assert outcomes(second)["gdpr.instructions"]["outcome"] == "not_required"
    assert "out of date" not in plain(buyer.get(path).text)


def test_an_engagement_without_submissions_says_so_and_can_be_evaluated_from_facts(
    app: Portal, database: Database, organisation: Place, company: Place
) -> None:
    waiting = journey.issue(database, organisation, company)
    browser = as_person(app, organisation, OrganisationRole.ADMIN)
    assert "Nothing is evaluated yet." in plain(browser.get(requirements(waiting)).text)
    assert browser.post(requirements(waiting)).status_code == 303
    (evaluation,) = evaluations(database, waiting.engagements[0])
    assert evaluation.submissions == []
    assert outcomes(evaluation)["dora.incident_help"]["outcome"] == "required"
    assert outcomes(evaluation)["gdpr.subprocessor_notice"]["outcome"] == "undetermined"


def test_the_company_reads_its_own_reasons_and_no_fact_that_its_client_keeps(
    app: Portal, database: Database, issued: Issued
) -> None:
    browser = as_person(app, issued.company, CompanyRole.OWNER)
    ours = as_person(app, issued.organisation, OrganisationRole.CISO)
    for vendor_sees in ("nothing", "band", "all"):
        with database.transaction() as session:
            row = session.execute(
                select(Organisation).where(Organisation.id == issued.organisation.id)
            ).scalar_one()
            row.vendor_sees = vendor_sees
            record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=row)
        text = plain(browser.get(f"/c/{issued.company.slug}/assessments/{issued.assessment}/result").text)
        assert "your client's own classification" in text
        for canary in (
            "process that rests on the service",
            "critical process",
            "987654",
            "direct harm",
            "model clause",
        ):
            assert canary not in text, canary
    inside = ours.get(f"/o/{issued.organisation.slug}/assessments/{issued.assessment}/result").text
    assert "process that rests on the service is critical" in plain(inside)


def test_of_several_engagements_the_weightier_outcome_is_shown_once(
    app: Portal, database: Database, organisation: Place, company: Place
) -> None:
    found = journey.issue(database, organisation, company, names=("Archive", "Payroll"))
    journey.submit(database, found)
    text = plain(
        as_person(app, company, CompanyRole.OWNER)
        .get(f"/c/{company.slug}/assessments/{found.assessment}/result")
        .text
    )
    assert text.count("Work only on written instructions") == 1


def test_others_find_nothing(app: Portal, database: Database, settings: Settings, issued: Issued) -> None:
    other = make_organisation(database, settings, "Ravel")
    browser = as_person(app, other, OrganisationRole.ADMIN)
    path = requirements(issued)
    assert browser.get(path).status_code == 404
    assert browser.get(path.replace(issued.organisation.slug, other.slug)).status_code == 404
    assert browser.post(path.replace(issued.organisation.slug, other.slug)).status_code == 404
    owner = as_person(app, issued.organisation, OrganisationRole.BUSINESS_OWNER)
    assert owner.get(path).status_code == 404
