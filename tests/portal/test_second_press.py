"""Tired people: the same button twice, an old tab, a used link; and what a form must not change unasked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from portal import clock
from portal.access import CompanyRole, OrganisationRole
from portal.db import SYSTEM, Database
from portal.organisations.models import Invitation, Organisation, OrganisationMember
from portal.organisations.service import ZONES
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from tests.portal.world import (
    NOW,
    PASSWORD,
    Browser,
    Place,
    csrf_of,
    make_company,
    make_organisation,
    make_person,
    signed_in,
)


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def twice(browser: Browser, path: str, **fields: Any) -> list[int]:
    token = browser.token()
    return [
        browser.client.post(path, data={"csrf_token": token, **fields}).status_code for _press in range(2)
    ]


def count(database: Database, model: Any) -> int:
    with database.looking(SYSTEM) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_an_invitation_sent_by_a_double_click_is_one(
    app: Portal, database: Database, settings: Settings
) -> None:
    northwind = make_company(database, settings, "Northwind")
    owner = signed_in(app, northwind[CompanyRole.OWNER])
    fields = {"name": "Ada", "email": "ada@x.example", "role": "contributor"}
    assert twice(owner, f"/c/{northwind.slug}/team/invite", **fields) == [303, 303]
    assert (count(database, Invitation), count(database, Message)) == (1, 1)


def test_sent_again_later_an_invitation_is_a_new_one(
    app: Portal, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    northwind = make_company(database, settings, "Northwind")
    owner = signed_in(app, northwind[CompanyRole.OWNER])
    fields = {"name": "Ada", "email": "ada@x.example", "role": "contributor"}
    assert owner.post(f"/c/{northwind.slug}/team/invite", fields).status_code == 303
    later = clock.now() + timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert owner.post(f"/c/{northwind.slug}/team/invite", fields).status_code == 303
    assert (count(database, Invitation), count(database, Message)) == (2, 2)


def test_removing_somebody_twice_removes_them(
    app: Portal, database: Database, settings: Settings, halden: Place
) -> None:
    admin, gone = signed_in(app, halden[OrganisationRole.ADMIN]), halden[OrganisationRole.REVIEWER].person
    assert twice(admin, f"/o/{halden.slug}/members/{gone.id}/remove") == [303, 303]
    stranger = make_person(database, settings, "Eve", "eve@x.example")
    assert twice(admin, f"/o/{halden.slug}/members/{stranger.id}/remove") == [404, 404]
    with database.looking(SYSTEM) as session:
        removed = session.scalars(
            select(OrganisationMember).where(OrganisationMember.removed_at.is_not(None))
        )
        assert [one.person_id for one in removed] == [gone.id]


def test_saving_twice_is_no_conflict_with_oneself(app: Portal, database: Database, halden: Place) -> None:
    admin = halden[OrganisationRole.ADMIN]
    browser = signed_in(app, admin)
    with database.transaction(admin.scope) as session:
        vendor = vendors.create_vendor(session, name="Northwind", country=None, actor=admin, now=NOW)
        engagement = vendors.create_engagement(
            session,
            vendor,
            name="Hosting",
            description="",
            tier="low",
            facts={},
            business_owner_id=None,
            actor=admin,
            now=NOW,
        )
        vendor_id, engagement_id = vendor.id, engagement.id
    path = f"/o/{halden.slug}/vendors/{vendor_id}/edit"
    assert twice(browser, path, name="Northwind Ltd", country="PT", revision="1") == [303, 303]
    assert browser.post(path, name="Northwind Inc", country="PT", revision="1").status_code == 409
    path = f"/o/{halden.slug}/engagements/{engagement_id}/edit"
    assert twice(browser, path, name="Hosting EU", tier="high", revision="1") == [303, 303]
    assert browser.post(path, name="Hosting US", tier="high", revision="1").status_code == 409
    with database.looking(SYSTEM) as session:
        row, bought = session.scalars(select(Vendor)).one(), session.scalars(select(Engagement)).one()
        assert (row.name, row.revision) == ("Northwind Ltd", 2)
        assert (bought.name, bought.revision) == ("Hosting EU", 2)


def settings_of(page: Any) -> dict[str, Any]:
    """The fields of the settings page as a browser would send them unchanged."""
    found = dict(
        re.findall(r'<input[^>]* name="(name|currency|keep_months|revision)"[^>]* value="([^"]*)"', page.text)
    )
    found |= re.findall(r'name="(vendor_sees|colour)" value="(\w+)"[^>]* checked', page.text)
    zones = re.search(r'<select[^>]*name="zone".*?</select>', page.text, re.DOTALL)
    assert zones is not None
    chosen = re.search(
        r'<option[^>]*\bselected\b[^>]*value="([^"]+)"|<option[^>]*value="([^"]+)"[^>]*\bselected\b', zones[0]
    )
    first = re.search(r'<option[^>]*value="([^"]+)"', zones[0])
    assert first is not None
    found["zone"] = (chosen[1] or chosen[2]) if chosen else first[1]
    return found


def test_an_organisation_in_utc_stays_there_when_something_else_is_saved(
    app: Portal, database: Database, halden: Place
) -> None:
    """`portal create-admin` founds in UTC; a list without it would let the browser choose its first entry, unasked."""
    with database.transaction() as session:
        row = session.scalars(select(Organisation)).one()
        row.zone = "UTC"
        session.info["audited"] = True
    admin = signed_in(app, halden[OrganisationRole.ADMIN])
    path = f"/o/{halden.slug}/settings"
    fields = settings_of(admin.get(path)) | {"keep_months": "30"}
    assert twice(admin, path, **fields) == [303, 303]
    assert admin.post(path, fields | {"keep_months": "31"}).status_code == 409
    with database.looking(SYSTEM) as session:
        kept = session.scalars(select(Organisation)).one()
        assert (kept.zone, kept.keep_months, kept.revision) == ("UTC", 30, 2)


def test_every_zone_that_can_be_founded_with_can_be_chosen() -> None:
    assert "UTC" in ZONES
    assert all("/" in one or one == "UTC" for one in ZONES)


def test_a_second_press_of_sign_in_leads_home(app: Portal, halden: Place) -> None:
    client = app.test_client()
    fields = {
        "csrf_token": csrf_of(client.get("/sign-in")),
        "email": "admin@halden.example",
        "password": PASSWORD,
    }
    assert client.post("/sign-in", data=fields).status_code == 303
    again = client.post("/sign-in", data=fields)
    assert (again.status_code, again.headers["Location"]) == (303, "/home")
    nobody = app.test_client().post("/sign-in", data=fields)
    assert nobody.status_code == 400


@pytest.mark.parametrize(
    ("path", "words"),
    [("/reset/used", "This link has been used"), ("/invitations/used", "This invitation has been used")],
)
def test_a_link_that_has_been_used_says_so_and_what_to_do(app: Portal, path: str, words: str) -> None:
    answer = app.test_client().get(path)
    assert answer.status_code == 404
    assert words in answer.text


@pytest.mark.parametrize(
    "path", ["/o/x", "/o//x/", "/reset//evil.example", "//evil.example//o/x", "/c/x?a=b"]
)
def test_a_corrected_address_leads_to_this_portal_whatever_the_host_header_says(
    app: Portal, path: str
) -> None:
    answer = app.test_client().get(path, headers={"Host": "evil.example"})
    target = answer.headers.get("Location", "/")
    assert target.startswith("/")
    assert not target.startswith("//")
