"""The schedule page: what is coming, why, who was told; filters, pages, and only what one may see."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.access import OrganisationRole
from portal.db import Database
from portal.reassessment.generating import generate
from portal.settings import Settings
from portal.web import Portal
from tests.portal import journey
from tests.portal.reassessment.given import noon, put_off, scheduled, submit
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation

pytestmark = pytest.mark.both_databases


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden", NOW - timedelta(days=900))


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark", NOW - timedelta(days=900))


def text_of(app: Portal, address: str, path: str) -> str:
    answer = Browser(app.test_client(), address).get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def test_it_says_what_is_coming_why_and_who_was_told(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    issued = journey.issue(database, buyer, company, names=("Claims archive",))
    path = f"/o/{buyer.slug}/schedule"
    assert "No next assessment yet" in text_of(app, "auditor@halden.example", path)
    submit(database, issued)
    (row,) = scheduled(database)
    generate(database, now=noon(row.due - timedelta(days=30)))
    page = text_of(app, "auditor@halden.example", path)
    assert "Claims archive" in page
    assert "Sun 21 November 2027" in page
    assert "21 Nov 2026" in page
    assert "plus 12 months" in page
    assert "30 days before: Admin of Halden, Ciso of Halden" in page
    assert "Issue it now" not in page  # a year ahead, and an auditor changes nothing


def test_open_assessments_have_their_own_view(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    issued = journey.issue(database, buyer, company)
    put_off(database, issued.assessment, NOW.date() + timedelta(days=45))
    generate(database, now=noon(NOW.date() + timedelta(days=15)))
    page = text_of(app, "ciso@halden.example", f"/o/{buyer.slug}/schedule?view=open")
    assert "Tue 5 January 2027" in page
    assert "30 days before: Owner of Fennmark" in page
    assert "of 26 answered" in page


@pytest.mark.parametrize(
    "query", ["?period=late", "?period=30&page=9", "?period=x&view=y&page=-1", "?page=x"]
)
def test_filters_take_anything(
    app: Portal, database: Database, buyer: Place, company: Place, query: str
) -> None:
    submit(database, journey.issue(database, buyer, company))
    text_of(app, "ciso@halden.example", f"/o/{buyer.slug}/schedule{query}")


def test_business_owners_see_their_own_engagements_only(
    app: Portal, database: Database, buyer: Place, company: Place
) -> None:
    issued = journey.issue(database, buyer, company, names=("Claims archive",))  # the CISO owns it
    path = f"/o/{buyer.slug}/schedule"
    owner = "business_owner@halden.example"
    assert "Claims archive" not in text_of(app, owner, path + "?view=open")
    submit(database, issued)
    assert "Claims archive" not in text_of(app, owner, path)
    assert "Claims archive" in text_of(app, "ciso@halden.example", path)


def test_another_organisation_sees_nothing_of_it(
    app: Portal, database: Database, settings: Settings, buyer: Place, company: Place
) -> None:
    submit(database, journey.issue(database, buyer, company, names=("Claims archive",)))
    other = make_organisation(database, settings, "Orrin", NOW - timedelta(days=900))
    assert "Claims archive" not in text_of(app, "ciso@orrin.example", f"/o/{other.slug}/schedule")
    foreign = Browser(app.test_client(), other[OrganisationRole.CISO].person.email)
    assert foreign.get(f"/o/{buyer.slug}/schedule").status_code == 404
