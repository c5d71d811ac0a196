"""Removing a person: at once on every worker, with what they sent; asked before, never the last one."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal import create_app
from portal.access import CompanyRole, OrganisationRole
from portal.db import SYSTEM, Database
from portal.organisations.models import Invitation
from portal.settings import Settings
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal.accounts.given import letters, path_in
from tests.portal.world import Browser, make_company, make_organisation, signed_in


@pytest.mark.both_databases
def test_a_removed_member_is_out_on_every_worker_with_the_form_that_lies_open(
    app: Portal, database: Database, settings: Settings
) -> None:
    other = create_app(settings)  # a second worker on the same database
    other.testing = True
    place = make_organisation(database, settings, "Halden")
    leaver, admin = (
        signed_in(app, place[OrganisationRole.PROCUREMENT]),
        signed_in(app, place[OrganisationRole.ADMIN]),
    )
    cookie = leaver.client.get_cookie("session")
    assert cookie is not None
    elsewhere = Browser(other.test_client())
    elsewhere.client.set_cookie("session", cookie.value)
    form = f"/o/{place.slug}/vendors/new"
    assert elsewhere.get(form).status_code == 200
    token = elsewhere.token(form)
    gone = place[OrganisationRole.PROCUREMENT].person.id
    assert admin.post(f"/o/{place.slug}/members/{gone}/remove").status_code == 303
    posted = elsewhere.client.post(form, data={"csrf_token": token, "name": "Sent too late", "country": "PT"})
    assert posted.status_code == 404
    assert elsewhere.get(f"/o/{place.slug}/").status_code == 404
    assert elsewhere.get("/account").status_code == 200  # the account is theirs, and stays
    assert place.slug not in elsewhere.get("/home").text
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Vendor)).all() == []
    other.database.dispose()


def test_the_open_invitations_of_who_goes_are_withdrawn_and_named_before(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    first, second = place[OrganisationRole.ADMIN], place[OrganisationRole.CISO]
    with database.transaction() as session:
        from portal.organisations.models import OrganisationMember

        row = session.scalars(
            select(OrganisationMember).where(OrganisationMember.person_id == second.person.id)
        ).one()
        row.role = OrganisationRole.ADMIN.value
        from portal.audit.catalogue import Kind
        from portal.audit.service import record
        from tests.portal.world import NOW

        record(session, Kind.MEMBER_ADDED, now=NOW, actor=None, subject=row)
    page = f"/o/{place.slug}/members"
    leaver, admin = signed_in(app, second), signed_in(app, first)
    leaver.post(f"{page}/invite", page=page, name="Crony", email="crony@x.example", role="admin")
    admin.post(f"{page}/invite", page=page, name="Honest", email="honest@x.example", role="auditor")
    paths = {
        one.recipient: path_in(one, "/invitations/") for one in letters(database, "invitation_organisation")
    }
    asked = admin.get(f"{page}/{second.person.id}/remove")
    assert "crony@x.example" in asked.text
    assert "honest@x.example" not in asked.text
    remove = f"{page}/{second.person.id}/remove"
    assert [admin.post(remove, page=page).status_code for _ in range(2)] == [303, 303]
    visitor = Browser(app.test_client())
    assert visitor.get(paths["crony@x.example"]).status_code == 404
    assert visitor.get(paths["honest@x.example"]).status_code == 200
    with database.looking(SYSTEM) as session:
        ended = session.scalars(select(Invitation.email).where(Invitation.revoked_at.is_not(None))).all()
    assert ended == ["crony@x.example"]


def test_it_is_asked_before_and_not_offered_for_the_last_one(
    app: Portal, database: Database, settings: Settings
) -> None:
    place, company = (
        make_organisation(database, settings, "Halden"),
        make_company(database, settings, "Cedar"),
    )
    admin, owner = signed_in(app, place[OrganisationRole.ADMIN]), signed_in(app, company[CompanyRole.OWNER])
    for browser, page, last, other in (
        (admin, f"/o/{place.slug}/members", place[OrganisationRole.ADMIN], place[OrganisationRole.AUDITOR]),
        (owner, f"/c/{company.slug}/team", company[CompanyRole.OWNER], company[CompanyRole.CONTRIBUTOR]),
    ):
        listed = browser.get(page).text
        assert f'action="{page}/{other.person.id}/remove"' not in listed  # no button that acts at once
        assert f'href="{page}/{other.person.id}/remove"' in listed
        assert f"{last.person.id}/remove" not in listed
        asked = browser.get(f"{page}/{other.person.id}/remove").text
        assert other.person.name in asked
        assert '<form class="card stack" method="post">' in asked
        refused = browser.get(f"{page}/{last.person.id}/remove").text
        assert "is the only one" in refused
        assert '<form class="card stack" method="post">' not in refused
        assert browser.post(f"{page}/{last.person.id}/remove", page=page).status_code == 403
    stranger = company[CompanyRole.OWNER].person.id
    assert admin.get(f"/o/{place.slug}/members/{stranger}/remove").status_code == 404
