"""The pages about vendors: the way of a buyer, forms that refuse, what other roles see."""

from __future__ import annotations

import re
import uuid

import pytest

from portal.access import OrganisationRole
from portal.db import Database
from portal.settings import Settings
from portal.web import Portal
from tests.portal.world import Browser, Place, make_organisation


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def buyer(app: Portal, halden: Place) -> Browser:
    return Browser(app.test_client(), "procurement@halden.example")


def new_vendor(buyer: Browser, halden: Place, name: str = "Fennmark") -> str:
    answer = buyer.post(f"/o/{halden.slug}/vendors/new", name=name, country="PL")
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def new_engagement(buyer: Browser, vendor: str, **fields: object) -> str:
    answer = buyer.post(f"{vendor}/engagements/new", {"name": "Archive", "tier": "high"} | fields)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def test_an_empty_organisation_is_told_how_to_begin(buyer: Browser, halden: Place) -> None:
    page = buyer.get(f"/o/{halden.slug}/")
    assert "How to begin" in page.text
    assert f"/o/{halden.slug}/vendors/new" in page.text


def test_from_vendor_to_engagement_with_facts(buyer: Browser, halden: Place) -> None:
    vendor = new_vendor(buyer, halden, "Quarrel & <b>Pike</b>")
    page = buyer.get(vendor)
    assert "Quarrel &amp; &lt;b&gt;Pike&lt;/b&gt;" in page.text
    assert "Poland" in page.text
    facts = {
        "fact_data": ["personal", "special"],
        "fact_volume": "up_1k",
        "fact_spend": "12000",
        "fact_harm": "",
    }
    engagement = new_engagement(buyer, vendor, description="Keeps\r\nfiles", **facts)
    page = buyer.get(engagement)
    for words in (
        "Personal data, Special-category data",
        "Up to 1,000",
        "12000 EUR",
        "not known yet",
        "High",
    ):
        assert words in page.text
    form = buyer.get(f"{engagement}/edit").text
    assert re.search(r'value="special"\s+checked', form)
    assert re.search(r'<option selected value="up_1k">', form)


@pytest.mark.parametrize(
    ("fields", "kept", "message"),
    [
        ({"name": "", "country": "PL"}, 'selected value="PL"', "Write the vendor"),
        ({"name": "Fennmark", "country": "XX"}, 'value="Fennmark"', "Choose a country"),
        ({"name": "bad\x00name", "country": ""}, "", "invisible control characters"),
        ({"name": "x" * 201, "country": ""}, "x" * 201, "Write at most 200 characters"),
        ({}, "", "Write the vendor"),
    ],
)
def test_a_vendor_that_does_not_fit_is_shown_again(
    buyer: Browser, halden: Place, fields: dict[str, str], kept: str, message: str
) -> None:
    answer = buyer.post(f"/o/{halden.slug}/vendors/new", fields)
    assert answer.status_code == 422
    assert message in answer.text
    assert kept in answer.text
    assert "<title>Error:" in answer.text


def test_a_taken_name_is_said_at_its_field(buyer: Browser, halden: Place) -> None:
    new_vendor(buyer, halden)
    answer = buyer.post(f"/o/{halden.slug}/vendors/new", name="FENNMARK", country="")
    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text
    assert "You have a vendor of this name already." in answer.text


def test_a_stale_or_missing_revision_is_a_conflict_that_keeps_the_input(
    buyer: Browser, halden: Place
) -> None:
    vendor = new_vendor(buyer, halden)
    assert buyer.post(f"{vendor}/edit", name="One", country="", revision="1").status_code == 303
    for revision in ("1", "", "x", "²", "9" * 40, "-1"):
        answer = buyer.post(f"{vendor}/edit", name="Two words", country="", revision=revision)
        assert answer.status_code == 409, revision
        assert "Two words" in answer.text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "Write a name"),
        ({"tier": ""}, "Choose how much depends"),
        ({"tier": "extreme"}, "Choose how much depends"),
        ({"business_owner": "nobody"}, "Choose a member"),
        ({"business_owner": str(uuid.UUID(int=9))}, "Choose a member"),
        ({"fact_data": ["personal", "stolen"]}, "Choose from the list"),
        ({"fact_data": ["public_only", "personal"]}, "stands alone"),
        ({"fact_volume": "many"}, "Choose from the list"),
        ({"fact_spend": "about 12,000"}, "Write an amount"),
        ({"fact_spend": "9" * 31}, "Write at most 30 characters"),
        ({"description": "x\x07"}, "invisible control characters"),
    ],
)
def test_an_engagement_that_does_not_fit_is_shown_again(
    buyer: Browser, halden: Place, fields: dict[str, object], message: str
) -> None:
    vendor = new_vendor(buyer, halden)
    answer = buyer.post(f"{vendor}/engagements/new", {"name": "Kept name", "tier": "high"} | fields)
    assert answer.status_code == 422
    assert message in answer.text
    if "name" not in fields:
        assert "Kept name" in answer.text


def test_an_engagement_changes_and_keeps_what_is_not_known(buyer: Browser, halden: Place) -> None:
    engagement = new_engagement(buyer, new_vendor(buyer, halden), fact_data="confidential")
    assert "Confidential business data" in buyer.get(engagement).text
    fields = {"name": "Archive", "tier": "critical", "fact_data": ["confidential", "credentials"]}
    answer = buyer.post(f"{engagement}/edit", fields | {"revision": "1"})
    assert answer.status_code == 303
    page = buyer.get(engagement).text
    assert "Passwords or keys" in page
    assert "An important process stops" in page
    for data in ([], ["confidential"]):
        dropped = buyer.post(f"{engagement}/edit", fields | {"fact_data": data, "revision": "2"})
        assert dropped.status_code == 422
        assert "This asks for less than what stands" in dropped.text
    refused = buyer.post(f"{engagement}/edit", name="", tier="critical", revision="2")
    assert refused.status_code == 422
    lower = buyer.post(f"{engagement}/edit", name="Archive", tier="low", revision="2")
    assert lower.status_code == 422
    assert "A lower tier needs an intake" in lower.text


def test_inviting_sending_again_and_withdrawing(buyer: Browser, halden: Place) -> None:
    vendor = new_vendor(buyer, halden)
    answer = buyer.post(f"{vendor}/contacts/new", name="Tomasz Wilk", email="tomasz@fennmark.example")
    assert answer.headers["Location"] == vendor
    page = buyer.get(vendor).text
    assert "The invitation is on its way." in page
    assert "Invited" in page
    contact = re.search(rf"{vendor}/contacts/([0-9a-f-]+)/withdraw", page)
    assert contact
    assert buyer.post(f"{vendor}/contacts/{contact[1]}/resend").status_code == 303
    assert buyer.post(f"{vendor}/contacts/{contact[1]}/withdraw").status_code == 303
    assert "Withdrawn" in buyer.get(vendor).text
    assert buyer.post(f"{vendor}/contacts/{contact[1]}/withdraw").status_code == 303
    assert buyer.post(f"{vendor}/contacts/{uuid.uuid4()}/resend").status_code == 404


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "", "email": "t@fennmark.example"}, "Write the person"),
        ({"name": "T", "email": ""}, "Write the address"),
        ({"name": "T", "email": "nobody"}, "Write one address"),
        ({"name": "T\r\nBcc: x", "email": "t@fennmark.example"}, "invisible control characters"),
    ],
)
def test_a_contact_that_does_not_fit_is_shown_again(
    buyer: Browser, halden: Place, fields: dict[str, str], message: str
) -> None:
    vendor = new_vendor(buyer, halden)
    answer = buyer.post(f"{vendor}/contacts/new", fields)
    assert answer.status_code == 422
    assert message in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?page=2",
        "?page=99999999999",
        "?page=-1",
        "?page=x",
        "?sort=name&down=1",
        "?sort=drop",
        "?tier=extreme",
        "?q=%25",
        "?q=" + "x" * 500,
        "?needs=people",
        "?tier=low&sort=tier",
        "?sort=country",
        "?sort=added&down=1",
    ],
)
def test_any_address_of_the_list_is_a_page(buyer: Browser, halden: Place, query: str) -> None:
    new_vendor(buyer, halden)
    assert buyer.get(f"/o/{halden.slug}/vendors{query}").status_code == 200


def test_the_list_has_pages_and_sort_links_that_keep_the_filter(buyer: Browser, halden: Place) -> None:
    for number in range(27):
        new_vendor(buyer, halden, f"Vendor {number:02}")
    page = buyer.get(f"/o/{halden.slug}/vendors?q=vendor").text
    assert "1 to 25 of 27" in page
    assert "Vendor 24" in page
    assert "Vendor 25" not in page
    assert 'aria-sort="ascending"' in page
    assert "q=vendor&amp;sort=name&amp;down=1" in page
    assert "Vendor 26" in buyer.get(f"/o/{halden.slug}/vendors?q=vendor&page=2").text


def test_business_owners_see_their_own_and_cannot_write(app: Portal, buyer: Browser, halden: Place) -> None:
    owner = halden[OrganisationRole.BUSINESS_OWNER].person.id
    mine, other = new_vendor(buyer, halden), new_vendor(buyer, halden, "Solvane")
    own = new_engagement(buyer, mine, business_owner=str(owner))
    foreign = new_engagement(buyer, mine, name="Scanning")
    person = Browser(app.test_client(), "business_owner@halden.example")
    assert "Solvane" not in person.get(f"/o/{halden.slug}/vendors").text
    page = person.get(mine).text
    assert "Scanning" not in page
    assert "/edit" not in page
    assert person.get(own).status_code == 200
    for hidden in (other, foreign):
        assert person.get(hidden).status_code == 404
    assert person.post(f"/o/{halden.slug}/vendors/new", name="Mine", country="").status_code == 403


def test_another_organisation_gets_not_found(
    app: Portal, database: Database, settings: Settings, buyer: Browser, halden: Place
) -> None:
    vendor = new_vendor(buyer, halden)
    engagement = new_engagement(buyer, vendor)
    other = make_organisation(database, settings, "Orrin")
    stranger = Browser(app.test_client(), "admin@orrin.example")
    for path in (vendor, engagement, f"{vendor}/edit", f"{engagement}/edit", f"{vendor}/issue"):
        assert stranger.get(path).status_code == 404
        assert stranger.get(path.replace(halden.slug, other.slug)).status_code == 404
    assert (
        stranger.post(f"{vendor}/edit".replace(halden.slug, other.slug), name="X", revision="1").status_code
        == 404
    )
