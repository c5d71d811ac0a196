"""The pages that issue assessments and follow them."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta

import pytest

from portal.access import OrganisationRole
from portal.assessments.models import Assessment
from portal.db import SYSTEM, Database
from portal.settings import Settings
from portal.web import Portal
from questionnaires import catalog
from tests.portal.world import NOW, Browser, Place, make_organisation

NEWEST = catalog.latest("security_lite")
LITE = NEWEST.content_hash


@pytest.fixture
def halden(database: Database, settings: Settings, clocked: list[datetime]) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def buyer(app: Portal, halden: Place) -> Browser:
    return Browser(app.test_client(), "procurement@halden.example")


@pytest.fixture
def vendor(buyer: Browser, halden: Place) -> str:
    answer = buyer.post(f"/o/{halden.slug}/vendors/new", name="Fennmark", country="PL")
    return str(answer.headers["Location"])


@pytest.fixture
def engagement(buyer: Browser, halden: Place, vendor: str) -> str:
    owner = str(halden[OrganisationRole.BUSINESS_OWNER].person.id)
    fields = {"name": "Archive", "tier": "high", "fact_data": "personal", "business_owner": owner}
    answer = buyer.post(f"{vendor}/engagements/new", fields)
    return str(answer.headers["Location"]).rsplit("/", 1)[1]


def good(engagement: str, **changes: object) -> dict[str, object]:
    return {
        "questionnaire": LITE,
        "engagements": [engagement],
        "due": "2026-12-19",
        "reason": "The contract renews in March.",
        "contact": "new",
        "contact_name": "Tomasz Wilk",
        "contact_email": "tomasz@fennmark.example",
    } | changes


def test_without_an_engagement_the_page_says_what_is_missing(buyer: Browser, vendor: str) -> None:
    page = buyer.get(f"{vendor}/issue")
    assert page.status_code == 200
    assert "What you buy is not on record." in page.text


def test_the_form_offers_four_weeks_and_the_only_engagement(
    buyer: Browser, vendor: str, engagement: str
) -> None:
    page = buyer.get(f"{vendor}/issue").text
    assert 'value="2026-12-19"' in page
    assert re.search(rf'value="{engagement}" checked', page)
    assert f"Security basics, {NEWEST.version}" in page


def test_issuing_leads_to_a_page_of_progress(
    buyer: Browser, database: Database, halden: Place, vendor: str, engagement: str
) -> None:
    answer = buyer.post(f"{vendor}/issue", good(engagement))
    assert answer.status_code == 303, answer.text
    page = buyer.get(answer.headers["Location"]).text
    for words in (
        "The assessment is issued.",
        "0 of ",
        "Not begun",
        "Tomasz Wilk",
        "The contract renews in March.",
    ):
        assert words in page
    assert "Nobody of the vendor is here yet." in page
    assert "Personal data" in page
    overview = buyer.get(f"/o/{halden.slug}/").text
    assert "With vendors" in overview
    assert "Security basics" in buyer.get(vendor).text
    assert "Not begun" in buyer.get(f"/o/{halden.slug}/vendors").text
    again = buyer.post(f"{vendor}/issue", good(engagement, contact_email="t2@fennmark.example"))
    assert again.status_code == 422
    assert "answering this questionnaire already" in again.text
    with database.looking(SYSTEM) as session:
        assert session.query(Assessment).count() == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"questionnaire": ""}, "Choose a questionnaire"),
        ({"questionnaire": "0" * 64}, "Choose a questionnaire from the list"),
        ({"engagements": []}, "Choose at least one"),
        ({"engagements": ["x"]}, "Choose at least one"),
        ({"engagements": [str(uuid.UUID(int=3))]}, "Choose at least one"),
        ({"due": ""}, "Choose a day"),
        ({"due": "19.12.2026"}, "You wrote “19.12.2026”"),
        ({"due": "2026-02-30"}, "You wrote “2026-02-30”"),
        ({"due": "2026-11-20"}, "Choose a day from today"),
        ({"due": "9999-12-31"}, "Choose a day from today"),
        ({"reason": ""}, "Say in a sentence"),
        ({"reason": "\x00"}, "invisible control characters"),
        ({"reason": "x" * 2001}, "Write at most 2000 characters"),
        ({"contact": ""}, "Choose whom to write to"),
        ({"contact_name": ""}, "Write a name"),
        ({"contact_email": "nobody"}, "Write one address"),
        ({"contact_email": "a@b.example, c@d.example"}, "Write one address"),
    ],
)
def test_what_does_not_fit_is_shown_again_with_the_input(
    buyer: Browser, vendor: str, engagement: str, changes: dict[str, object], message: str
) -> None:
    answer = buyer.post(f"{vendor}/issue", good(engagement, **changes))
    assert answer.status_code == 422
    assert message in answer.text
    if "contact_name" not in changes:
        assert "Tomasz Wilk" in answer.text
    if changes.get("due"):
        assert f'value="{changes["due"]}"' in answer.text
    assert "Not invited" not in buyer.get(vendor).text  # nothing is left of a refused form


@pytest.mark.parametrize("contact", ["nobody", str(uuid.UUID(int=4))])
def test_a_contact_that_is_not_there_is_not_found(
    buyer: Browser, vendor: str, engagement: str, contact: str
) -> None:
    assert buyer.post(f"{vendor}/issue", good(engagement, contact=contact)).status_code == 404


def test_a_late_assessment_is_said_to_be_late(
    buyer: Browser, halden: Place, vendor: str, engagement: str, clocked: list[datetime], app: Portal
) -> None:
    target = buyer.post(f"{vendor}/issue", good(engagement, due="2026-11-22")).headers["Location"]
    clocked[0] = NOW + timedelta(days=3)
    later = Browser(app.test_client(), "procurement@halden.example")
    assert "2 days late" in later.get(target).text
    page = later.get(f"/o/{halden.slug}/assessments?state=late").text
    assert "One assessment fits." in page
    assert "Fennmark" in page


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?page=7",
        "?page=%C2%B2",
        "?sort=vendor",
        "?sort=issued&down=1",
        "?sort=questionnaire",
        "?sort=x",
        "?state=x",
        "?state=soon",
        "?state=submitted",
        "?questionnaire=nope",
        "?q=%25%5F",
        "?q=" + "x" * 900,
    ],
)
def test_any_address_of_the_list_is_a_page(
    buyer: Browser, halden: Place, vendor: str, engagement: str, query: str
) -> None:
    buyer.post(f"{vendor}/issue", good(engagement))
    assert buyer.get(f"/o/{halden.slug}/assessments{query}").status_code == 200


def test_roles_and_strangers(
    app: Portal,
    database: Database,
    settings: Settings,
    buyer: Browser,
    vendor: str,
    engagement: str,
    halden: Place,
) -> None:
    target = str(buyer.post(f"{vendor}/issue", good(engagement)).headers["Location"])
    owner = Browser(app.test_client(), "business_owner@halden.example")
    assert owner.get(target).status_code == 200
    assert owner.get(f"{vendor}/issue").status_code == 403
    other = make_organisation(database, settings, "Orrin")
    stranger = Browser(app.test_client(), "ciso@orrin.example")
    assert stranger.get(target).status_code == 404
    assert stranger.get(target.replace(halden.slug, other.slug)).status_code == 404
    answer = stranger.post(f"{vendor}/issue".replace(halden.slug, other.slug), good(engagement))
    assert answer.status_code == 404
