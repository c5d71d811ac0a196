"""Pages of erasure: propose, approve by another person, read the certificate; and that nothing crashes afterwards."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import delete, select

from portal import clock
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow, Throttle
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.organisations.models import Company, Organisation
from portal.settings import Settings
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal.accounts.given import code_now, give_factor, half_signed_in
from tests.portal.accounts.test_bound import by_provider, open_bound
from tests.portal.kept import SAID, Kept, make_kept
from tests.portal.once import made_once
from tests.portal.world import PASSWORD, Browser, signed_in


@pytest.fixture
@made_once
def kept(database: Database, settings: Settings) -> Kept:
    return make_kept(database, settings)


def both(app: Portal, kept: Kept) -> tuple[Browser, Browser, str]:
    admin = signed_in(app, kept.organisation[OrganisationRole.ADMIN])
    return admin, signed_in(app, kept.organisation[OrganisationRole.CISO]), f"/o/{kept.organisation.slug}"


def every_page(app: Portal, kept: Kept) -> dict[str, int]:
    """What both sides still read about the assessment, and how it answers."""
    admin, _ciso, o = both(app, kept)
    owner = signed_in(app, kept.company[CompanyRole.OWNER])
    c, one = f"/c/{kept.company.slug}", f"assessments/{kept.assessment}"
    paths = [(admin, f"{o}/{one}{rest}") for rest in ("", "/result", "/answers", "/result.json", "/erase")]
    paths += [
        (admin, f"{o}/engagements/{kept.engagement}/requirements"),
        (admin, f"{o}/vendors/{kept.vendor}"),
    ]
    paths += [
        (admin, f"{o}/"),
        (admin, f"{o}/vendors"),
        (admin, f"{o}/assessments"),
        (admin, f"{o}/schedule"),
    ]
    paths += [
        (owner, f"{c}/{one}{rest}")
        for rest in ("/receipt", "/result", "/answers", "/result.json", "/copy.pdf", "/sections/backups")
    ]
    paths += [(owner, f"{c}/"), (owner, f"{c}/copy.zip")]
    return {path: browser.get(path).status_code for browser, path in paths}


@pytest.mark.parametrize("which", ["some", "all"])
def test_answers_go_by_two_people_and_every_page_still_reads(app: Portal, kept: Kept, which: str) -> None:
    assert set(every_page(app, kept).values()) == {200}
    admin, ciso, o = both(app, kept)
    page = f"{o}/assessments/{kept.assessment}/erase"
    answer = admin.post(page, {"which": which, "keys": "own.kept.said", "reason": "A name by mistake"})
    assert answer.status_code == 303, answer.text
    proposal = answer.headers["Location"]
    assert "It waits for a second person." in admin.get(proposal).text
    assert "A name by mistake" in ciso.get(proposal).text
    assert admin.post(proposal, go="approve").status_code == 403
    done = ciso.post(proposal, go="approve")
    assert done.status_code == 303
    certificate = ciso.get(done.headers["Location"])
    assert "Certificate of erasure" in certificate.text
    file = ciso.get(done.headers["Location"] + ".json")
    assert json.loads(file.data)["kind"] == ("answer" if which == "some" else "submission")
    assert set(every_page(app, kept).values()) == {200}
    owner = signed_in(app, kept.company[CompanyRole.OWNER])
    sealed = owner.get(f"/c/{kept.company.slug}/assessments/{kept.assessment}/answers")
    assert "This answer was removed later" in sealed.text
    assert SAID not in sealed.text
    assert ciso.post(proposal, go="approve").status_code == 409


def test_who_came_by_a_provider_proves_their_own_account_before_anything_is_destroyed(
    app: Portal, kept: Kept
) -> None:
    """Whoever runs the provider can come in as any two of its people; their passwords it does not know."""
    admin, _ciso, o = both(app, kept)
    answer = admin.post(f"{o}/vendors/{kept.vendor}/offboard", reason="The contract has ended")
    proposal = answer.headers["Location"]
    person = kept.organisation[OrganisationRole.CISO].person
    bound = by_provider(app, open_bound(app.database, person, kept.organisation))
    assert 'name="current"' in bound.get(proposal).text
    assert 'name="current"' not in signed_in(app, kept.organisation[OrganisationRole.CISO]).get(proposal).text
    for wrong, said in (("", "Write the password"), ("wrong", "not your current password")):
        refused = bound.post(proposal, page=proposal, go="approve", current=wrong)
        assert refused.status_code == 422
        assert said in refused.text
    with app.database.looking(SYSTEM) as session:
        assert session.scalars(select(Vendor.offboarded_at)).one() is None
    assert bound.post(proposal, page=proposal, go="approve", current=PASSWORD).status_code == 303
    with app.database.looking(SYSTEM) as session:
        assert session.scalars(select(Vendor.offboarded_at)).one() is not None


def test_a_vendor_is_offboarded(app: Portal, database: Database, kept: Kept) -> None:
    admin, ciso, o = both(app, kept)
    page = f"{o}/vendors/{kept.vendor}/offboard"
    assert admin.get(page).status_code == 200
    proposal = admin.post(page, reason="The contract has ended").headers["Location"]
    assert ciso.post(proposal, go="approve").status_code == 303
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Vendor.offboarded_at)).one() is not None
    found = every_page(app, kept)
    assert set(found.values()) == {200}, found


def test_refusing_and_taking_back(app: Portal, kept: Kept) -> None:
    admin, ciso, o = both(app, kept)
    page = f"{o}/assessments/{kept.assessment}/erase"
    first = admin.post(page, which="all", reason="One").headers["Location"]
    assert ciso.post(first, go="refuse").status_code == 303
    second = admin.post(page, which="all", reason="Two").headers["Location"]
    assert admin.post(second, go="refuse").status_code == 303
    listed = admin.get(f"{o}/erasures").text
    assert "Refused" in listed
    assert "Withdrawn" in listed


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"which": "all", "reason": ""}, "Write why"),
        ({"which": "some", "reason": "x"}, "Tick at least one answer"),
        ({"which": "some", "reason": "x", "keys": "no.such.key"}, "not"),
        ({"reason": "x"}, "Choose one"),
        ({"which": "all", "reason": "x" * 2001}, "at most 2000"),
        ({"which": "all", "reason": "\x00"}, ""),
    ],
)
def test_a_refused_proposal_keeps_what_was_typed(
    app: Portal, kept: Kept, data: dict[str, str], said: str
) -> None:
    admin, _ciso, o = both(app, kept)
    answer = admin.post(f"{o}/assessments/{kept.assessment}/erase", data)
    assert answer.status_code in (400, 422)
    assert said in answer.text


def test_a_company_with_one_owner_is_told_the_way_out(app: Portal, database: Database, kept: Kept) -> None:
    owner, c = signed_in(app, kept.company[CompanyRole.OWNER]), f"/c/{kept.company.slug}"
    assert "Take a copy first" in owner.get(f"{c}/close").text
    proposal = owner.post(f"{c}/close", reason="We close down").headers["Location"]
    page = owner.get(proposal).text
    number = re.search(r"portal approve-erasure ([0-9a-f-]{36})", page)
    assert number
    assert proposal.endswith(number.group(1))
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Company.closed_at)).one() is None


def test_the_last_page_of_an_organisation_is_its_certificate(
    app: Portal, database: Database, kept: Kept
) -> None:
    from portal.organisations.models import OrganisationMember
    from tests.portal.erasure.test_destroying import NOW, record, update

    admin, other, o = both(app, kept)
    with database.transaction() as session:
        which = OrganisationMember.person_id == kept.organisation[OrganisationRole.CISO].person.id
        session.execute(update(OrganisationMember).where(which).values(role="admin"))
        record(session, Kind.MEMBER_ADDED, now=NOW, actor=None)
    proposal = admin.post(f"{o}/close", reason="Another tool").headers["Location"]
    page = other.post(proposal, go="approve")
    assert page.status_code == 200
    assert "this is the last page" in page.text
    assert other.get(f"{o}/").status_code == 404
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Organisation.closed_at)).one() is not None


def test_a_person_takes_their_data_and_goes(app: Portal, database: Database, kept: Kept) -> None:
    helper = kept.company[CompanyRole.CONTRIBUTOR].person
    browser = signed_in(app, kept.company[CompanyRole.CONTRIBUTOR])
    file = browser.get("/account/data.json")
    assert json.loads(file.data)["person"]["email"] == helper.email
    for wrong in ({"current": "wrong", "sure": "y"}, {"current": PASSWORD}, {}):
        assert browser.post("/account/data", wrong, page="/account/data").status_code == 422
    done = browser.post("/account/data", page="/account/data", current=PASSWORD, sure="y")
    assert done.status_code == 200
    assert "Your account is erased" in done.text
    assert browser.get("/account").status_code == 303
    owner = signed_in(app, kept.company[CompanyRole.OWNER])
    refused = owner.post("/account/data", page="/account/data", current=PASSWORD, sure="y")
    assert refused.status_code == 403
    assert "Cedar" in refused.text
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(PersonRow.erased_at).where(PersonRow.id == helper.id)).one()
        assert session.scalars(select(Event).where(Event.kind == Kind.PERSON_ERASED)).one()


def test_how_long_replaced_answers_are_kept(app: Portal, database: Database, kept: Kept) -> None:
    admin, _ciso, o = both(app, kept)
    text = admin.get(f"{o}/settings").text
    assert "Destroy replaced answers after" in text
    fields = {
        "revision": "1", "name": "Alder", "zone": "Europe/Lisbon", "currency": "EUR", "vendor_sees": "band",
        "colour": "slate",
    }  # fmt: skip
    for bad in ("0", "241", "many", "-1", "1e3"):
        assert admin.post(f"{o}/settings", {**fields, "keep_months": bad}).status_code == 422
    assert admin.post(f"{o}/settings", {**fields, "keep_months": "24"}).status_code == 303
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Organisation.keep_months)).one() == 24
    assert admin.post(f"{o}/settings", {**fields, "revision": "2", "keep_months": ""}).status_code == 303
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Organisation.keep_months)).one() is None


def test_being_erased_asks_for_the_second_factor_and_is_throttled(
    app: Portal, database: Database, settings: Settings, kept: Kept
) -> None:
    helper, page = kept.company[CompanyRole.CONTRIBUTOR], "/account/data"
    secret, _codes = give_factor(database, settings, helper.person)
    browser = half_signed_in(app, helper.person.email)
    for _turn in range(11):
        wrong = {"current": "wrong", "code": "000000", "sure": "y"}
        asked = signed_in_whole(app, database, helper).post(page, wrong, page=page)
        assert asked.status_code == 422
    assert "Too many attempts" in asked.text
    assert browser.get(page).status_code == 303
    with database.transaction() as session:
        session.execute(delete(Throttle).execution_options(unaudited="a new day"))
    whole = signed_in_whole(app, database, helper)
    assert whole.post(page, page=page, current=PASSWORD, sure="y").status_code == 422, "no code"
    assert whole.post(page, page=page, current=PASSWORD, code="000000", sure="y").status_code == 422
    assert whole.post(page, page=page, current=PASSWORD, code=code_now(secret), sure="y").status_code == 200


def signed_in_whole(app: Portal, database: Database, who: Identity) -> Browser:
    """A browser whose session has shown the second factor."""
    with database.transaction() as session:
        token = accounts.open_session(session, who.person.id, now=clock.now(), verified=True)
    client = app.test_client()
    client.set_cookie("session", token)
    return Browser(client)
