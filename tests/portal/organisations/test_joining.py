"""Invitations: a link proves an address, one POST consumes it, and the right tenant is joined."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import outbox
from portal.access import CompanyRole, OrganisationRole
from portal.assessments import joining
from portal.db import NOBODY, SYSTEM, Database
from portal.faults import Conflict, NotFound, Refused
from portal.organisations import invitations, queries, service
from portal.organisations.models import Company, CompanyMember, Invitation
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation, make_person

SOON = NOW + timedelta(hours=1)


def invite_vendor(database: Database, place: Place, email: str, name: str = "Fennmark Archive") -> str:
    """Invite a contact of a new vendor; the token of the letter."""
    actor = place[OrganisationRole.PROCUREMENT]
    with database.transaction(actor.scope) as session:
        vendor = vendors.create_vendor(session, name=name, country="PT", actor=actor, now=NOW)
        vendors.invite_contact(session, vendor, name="Tomasz Wilk", email=email, actor=actor, now=NOW)
    return newest_token(database)


def newest_token(database: Database) -> str:
    with database.looking(SYSTEM) as session:
        letter = session.scalars(select(outbox.Message).where(outbox.Message.secret)).all()[-1]
    found = re.search(r"/invitations/(\S+)", letter.text)
    assert found is not None
    return found.group(1)


@pytest.mark.both_databases
def test_a_contact_founds_a_company_and_the_vendor_is_linked(database: Database, settings: Settings) -> None:
    place = make_organisation(database, settings, "Halden")
    token = invite_vendor(database, place, "tomasz@fennmark.example")
    person = make_person(database, settings, "Tomasz Wilk", "Tomasz@Fennmark.example")
    with database.transaction(NOBODY) as session:
        side, slug = joining.accept(session, token, person, company_name="Fennmark", now=SOON)
    with database.looking(SYSTEM) as session:
        company = session.scalars(select(Company)).one()
        assert (side, slug) == ("company", company.slug)
        assert session.scalars(select(Vendor)).one().company_id == company.id
        member = session.scalars(select(CompanyMember)).one()
        assert (member.person_id, member.role) == (person.id, "owner")
    with database.transaction(NOBODY) as session, pytest.raises(NotFound):
        joining.accept(session, token, person, company_name="Again", now=SOON)


@pytest.mark.both_databases
def test_an_owner_picks_their_company_and_the_other_owners_are_told(
    database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    second = make_person(database, settings, "Second Owner", "second@fennmark.example")
    with database.transaction() as session:
        row = session.scalars(select(Company)).one()
        service.add_colleague(session, row, second.id, CompanyRole.OWNER, now=NOW, actor=None)
    token = invite_vendor(database, place, "owner@fennmark.example")
    with database.transaction(NOBODY) as session:
        joining.accept(session, token, company[CompanyRole.OWNER].person, company_id=company.id, now=SOON)
    with database.looking(SYSTEM) as session:
        told = [m.recipient for m in session.scalars(select(outbox.Message)) if m.kind == "owners_told"]
        assert told == ["second@fennmark.example"]
        assert session.scalars(select(Vendor)).one().company_id == company.id


@pytest.mark.parametrize("who", ["stranger", "contributor"])
def test_a_company_that_one_does_not_own_cannot_be_picked(
    database: Database, settings: Settings, who: str
) -> None:
    place = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    if who == "contributor":
        person = company[CompanyRole.CONTRIBUTOR].person
    else:
        person = make_person(database, settings, "Stranger", "stranger@else.example")
    token = invite_vendor(database, place, person.email)
    with pytest.raises(Refused), database.transaction(NOBODY) as session:
        joining.accept(session, token, person, company_id=company.id, now=SOON)
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Vendor)).one().company_id is None
        assert session.scalars(select(Invitation)).one().accepted_at is None


def test_an_invitation_is_for_its_address_only(database: Database, settings: Settings) -> None:
    place = make_organisation(database, settings, "Halden")
    token = invite_vendor(database, place, "tomasz@fennmark.example")
    other = make_person(database, settings, "Other", "other@fennmark.example")
    with pytest.raises(Refused), database.transaction(NOBODY) as session:
        joining.accept(session, token, other, company_name="Taken over", now=SOON)


def test_a_vendor_linked_already_is_not_taken_over(database: Database, settings: Settings) -> None:
    place = make_organisation(database, settings, "Halden")
    first_token = invite_vendor(database, place, "first@fennmark.example")
    actor = place[OrganisationRole.ADMIN]
    with database.transaction(actor.scope) as session:
        vendor = session.scalars(select(Vendor).where(Vendor.organisation_id == place.id)).one()
        vendors.invite_contact(
            session, vendor, name="Second", email="second@fennmark.example", actor=actor, now=NOW
        )
    second_token = newest_token(database)
    first = make_person(database, settings, "First", "first@fennmark.example")
    second = make_person(database, settings, "Second", "second@fennmark.example")
    with database.transaction(NOBODY) as session:
        joining.accept(session, first_token, first, company_name="Fennmark", now=SOON)
    with pytest.raises(Conflict), database.transaction(NOBODY) as session:
        joining.accept(session, second_token, second, company_name="Fennmark copy", now=SOON)


@pytest.mark.parametrize(
    ("spoil", "when"), [("", NOW + invitations.INVITATION_LASTS), ("withdraw", SOON), ("again", SOON)]
)
def test_old_withdrawn_and_replaced_links_are_dead(
    database: Database, settings: Settings, spoil: str, when: object
) -> None:
    place = make_organisation(database, settings, "Halden")
    token = invite_vendor(database, place, "tomasz@fennmark.example")
    actor = place[OrganisationRole.ADMIN]
    with database.transaction(actor.scope) as session:
        row = session.scalars(select(Invitation).where(Invitation.organisation_id == place.id)).one()
        if spoil == "withdraw":
            invitations.withdraw(session, actor, row.id, now=NOW)
        elif spoil == "again":
            vendor = session.scalars(select(Vendor).where(Vendor.organisation_id == place.id)).one()
            vendors.invite_contact(session, vendor, name="T", email=row.email, actor=actor, now=SOON)
    with database.looking() as session, pytest.raises(NotFound):
        queries.invitation_by_token(session, token, now=when)  # type: ignore[arg-type]


def test_a_new_person_joins_by_the_page_and_five_looks_change_nothing(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    token = invite_vendor(database, place, "tomasz@fennmark.example")
    browser = Browser(app.test_client())
    path = f"/invitations/{token}"
    for _ in range(5):
        page = browser.get(path)
        assert page.status_code == 200
        assert "Halden" in page.text
    weak = browser.post(
        path, page=path, name="Tomasz Wilk", password="password", company="new", company_name="Fenn"
    )
    assert weak.status_code == 422
    assert 'value="Fenn"' in weak.text
    joined = browser.post(
        path,
        page=path,
        name="Tomasz Wilk",
        password="four unrelated words",
        company="new",
        company_name="Fenn",
    )
    assert joined.status_code == 303
    assert re.fullmatch(r"/c/fenn-[0-9a-f]{6}/", joined.headers["Location"])
    assert browser.get("/account").status_code == 200
    assert Browser(app.test_client()).get(path).status_code == 404


def test_a_known_person_signs_in_first_and_comes_back(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    token = invite_vendor(database, place, "owner@fennmark.example")
    path = f"/invitations/{token}"
    stranger = Browser(app.test_client())
    assert "/sign-in?next=" in stranger.get(path).text
    answer = stranger.post(
        path, page="/sign-in", name="X", password="four unrelated words", company_name="Hijack"
    )
    assert "/sign-in" in answer.headers["Location"]
    other = Browser(app.test_client(), "admin@halden.example")
    assert "another address" in other.get(path).text
    owner = Browser(app.test_client(), "owner@fennmark.example")
    assert "Fennmark" in owner.get(path).text
    joined = owner.post(path, page=path, company=str(company.id))
    assert joined.headers["Location"] == f"/c/{company.slug}/"


@pytest.mark.parametrize("company", ["nonsense", "6f1c0c1e-2d3f-4a58-9c0b-7d1b2a3c4d5e", "", "new\x00"])
def test_a_forged_company_choice_is_refused(
    app: Portal, database: Database, settings: Settings, company: str
) -> None:
    place = make_organisation(database, settings, "Halden")
    make_company(database, settings, "Fennmark")
    token = invite_vendor(database, place, "owner@fennmark.example")
    owner = Browser(app.test_client(), "owner@fennmark.example")
    answer = owner.post(f"/invitations/{token}", company=company)
    assert answer.status_code in (403, 422)


def test_a_colleague_joins_the_organisation_and_the_company(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    admin = Browser(app.test_client(), "admin@halden.example")
    page = f"/o/{place.slug}/members"
    sent = admin.post(
        f"{page}/invite", page=page, name="New One", email="new@halden.example", role="reviewer"
    )
    assert sent.status_code == 303
    path = f"/invitations/{newest_token(database)}"
    browser = Browser(app.test_client())
    joined = browser.post(path, page=path, name="New One", password="four unrelated words")
    assert joined.headers["Location"] == f"/o/{place.slug}/"
    assert "New One" in admin.get(page).text


def test_a_removed_member_is_out_with_the_next_click(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    admin = Browser(app.test_client(), "admin@halden.example")
    auditor = Browser(app.test_client(), "auditor@halden.example")
    page = f"/o/{place.slug}/members"
    assert auditor.get(page).status_code == 200
    gone = place[OrganisationRole.AUDITOR].person.id
    assert admin.post(f"{page}/{gone}/remove", page=page).status_code == 303
    assert auditor.get(page).status_code == 404
    last = place[OrganisationRole.ADMIN].person.id
    assert admin.post(f"{page}/{last}/remove", page=page).status_code == 403


def test_settings_are_checked_and_a_stale_form_is_a_conflict(
    app: Portal, database: Database, settings: Settings
) -> None:
    place = make_organisation(database, settings, "Halden")
    admin = Browser(app.test_client(), "admin@halden.example")
    page = f"/o/{place.slug}/settings"
    values = {
        "revision": "1",
        "name": "Halden Mutual",
        "zone": "Europe/Berlin",
        "currency": "eur",
        "keep_months": "6",
        "region": "de-by",
        "vendor_sees": "all",
        "colour": "teal",
    }
    assert admin.post(page, values, page=page).status_code == 303
    assert admin.post(page, values | {"name": "Halden"}, page=page).status_code == 409
    for name, wrong in [
        ("zone", "Mars/Olympus"),
        ("currency", "EURO"),
        ("keep_months", "0"),
        ("region", "XX"),
        ("region", "Portugal"),
        ("region", "DE-ZZ"),
        ("vendor_sees", "x"),
    ]:
        refused = admin.post(page, values | {"revision": "2", name: wrong}, page=page)
        assert refused.status_code == 422, name
        assert "Halden Mutual" in refused.text
    with database.looking(SYSTEM) as session:
        row = session.scalars(select(service.Organisation)).one()
        assert (row.zone, row.currency, row.keep_months) == ("Europe/Berlin", "EUR", 6)
        assert row.region == "DE-BY"
