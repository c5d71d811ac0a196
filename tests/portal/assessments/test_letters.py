"""Letters that can be told from phishing: who asks, why, until when, a code, a way to check it, no password."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import portal
from portal.access import CompanyRole, OrganisationRole
from portal.assessments import (
    change_steps,
    changing,
    enquiries,
    issuing,
    queries,
    readdressing,
    replying,
    wrong_person,
)
from portal.assessments import enquiry_queries as asked
from portal.assessments.models import Assessment, Enquiry
from portal.db import NOBODY, SYSTEM, Database
from portal.faults import NotFound
from portal.letters import Rendered
from portal.organisations.models import Invitation
from portal.outbox import Letter, Message
from portal.reassessment import alone
from portal.reassessment.generating import generate
from portal.settings import Settings
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendors
from tests.portal.scene import fill, issue, seal, security_lite
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation

# Letters to a vendor's people about an assessment.
ABOUT_AN_ASSESSMENT = {
    "assessment_issued",
    "assessment_changed",
    "enquiry_answered",
    "invitation_vendor",
    "receipt",
    "reminder_alone",
}
DUE = NOW.date() + timedelta(days=40)
LATER = NOW + timedelta(hours=1)


def letters(database: Database, *kinds: str) -> list[Message]:
    with database.looking(SYSTEM) as session:
        found = session.scalars(select(Message).order_by(Message.created_at, Message.recipient)).all()
        return [one for one in found if not kinds or one.kind in kinds]


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark")


@pytest.fixture
def invited(database: Database, buyer: Place) -> tuple[Place, object]:
    """An assessment whose vendor nobody has joined; it went to ``lost@fennmark.example``."""
    ciso = buyer[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        vendor = vendors.create_vendor(session, name="Fennmark Ltd", country=None, actor=ciso, now=NOW)
        bought = vendors.create_engagement(
            session,
            vendor,
            name="Archive",
            description="",
            tier="high",
            facts={},
            business_owner_id=None,
            actor=ciso,
            now=NOW,
        )
        contact = vendors.add_contact(
            session, vendor, name="Lou Lost", email="lost@fennmark.example", actor=ciso, now=NOW
        )
        found = issuing.issue(
            session,
            vendor,
            engagement_ids=[bought.id],
            content_hash=security_lite().content_hash,
            due=DUE,
            reason="The contract renews.",
            contact=contact,
            actor=ciso,
            now=NOW,
        )
        return buyer, found.id


def change(
    database: Database,
    buyer: Place,
    assessment: object,
    what: object,
    *,
    vendor: bool = False,
    **values: object,
) -> None:
    ciso = buyer[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        one, its_vendor = change_steps.lock(session, ciso, assessment)  # type: ignore[arg-type]
        what(session, *((one, its_vendor) if vendor else (one,)), actor=ciso, **{"now": NOW, **values})  # type: ignore[operator]


def reminder_on(database: Database, day: date) -> Letter:
    """The letter to the vendor on the day when its answers are due, as it leaves."""
    now = datetime.combine(day, time(12), UTC)
    generate(database, now=now)
    (message,) = [one for one in letters(database, alone.ALONE) if one.recipient == "owner@fennmark.example"]
    found = alone.render(database, message, now)
    assert isinstance(found, Rendered)
    return found.letter


def token(letter: Message) -> str:
    found = re.search(r"/invitations/([\w-]{43})", letter.text)
    assert found, letter.text
    return found.group(1)


def test_every_letter_about_an_assessment_can_be_checked(
    database: Database, settings: Settings, buyer: Place, company: Place, invited: tuple[Place, object]
) -> None:
    ciso, owner = buyer[OrganisationRole.CISO], company[CompanyRole.OWNER]
    from tests.portal.scene import make_vendor

    vendor_id, engagement_id, _contact = make_vendor(
        database, ciso, company, name="Fennmark Archive", engagement="Paper archive"
    )
    one_id = issue(database, ciso, vendor_id, engagement_id, security_lite().content_hash, due=DUE)
    reminder = reminder_on(database, DUE)
    with database.transaction(owner.scope) as session:
        one = queries.assessment(session, owner, one_id, lock=True)
        enquiry = enquiries.ask(session, one, kind="question", text="Why?", actor=owner, now=NOW).id
    with database.transaction(ciso.scope) as session:
        one, _vendor = change_steps.lock(session, ciso, one_id)
        row = asked.enquiry(session, ciso, one.id, enquiry, lock=True)
        replying.answer(session, one, row, "Because.", actor=ciso, now=NOW)
    change(database, buyer, one_id, changing.extend, due=DUE + timedelta(days=9), text="Holidays.")
    fill(database, owner, one_id)
    seal(database, owner, one_id)
    found = [one for one in (reminder, *letters(database)) if one.kind in ABOUT_AN_ASSESSMENT and one.text]
    assert {one.kind for one in found} == ABOUT_AN_ASSESSMENT
    with database.looking(SYSTEM) as session:
        known = {one.code for one in session.scalars(select(Assessment))}
    for letter in found:
        if letter.kind == "invitation_vendor" and "about" not in letter.text:
            continue  # an invitation without an assessment
        for text in (letter.text, letter.html):
            plain = " ".join(text.split())
            assert known & set(re.findall(r"\b[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b", plain)), (
                letter.kind
            )
            assert f"{database.base_url}/confirm" in plain, letter.kind
            assert all(word in plain for word in ("Halden", ciso.person.name)), letter.kind
            assert re.search(r"\d{1,2} (December|January) 202[67]", plain), letter.kind
            assert "never ask for a password" in plain
        assert letter.reply_to == ciso.person.email, letter.kind
        assert letter.sender_name == f"{ciso.person.name}, Halden", letter.kind


def test_no_letter_asks_for_a_password_or_hides_an_address() -> None:
    folder = Path(portal.__file__).parent / "templates" / "mail"
    for path in folder.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"(send|tell|give|confirm|enter|reply with)( us| me)? (your|the) password", text, re.I
        ), path.name
        assert not re.search("<(img|form)", text), path.name
        assert path.with_suffix(".txt").exists() or path.name == "_letter.html", path.name
        shown = re.findall(r'<a href="([^"]*)">([^<]*)</a>', text)
        assert len(shown) == text.count("href="), path.name
        assert all(href == words for href, words in shown), path.name


def test_an_unjoined_contact_gives_way_to_the_right_one(
    database: Database, invited: tuple[Place, object]
) -> None:
    buyer, one_id = invited
    (first,) = letters(database, "invitation_vendor")
    change(
        database, buyer, one_id, readdressing.readdress, vendor=True,
        name="Ada Vale", email="ada@fennmark.example", text="Lou has left.", now=LATER,
    )  # fmt: skip
    second = letters(database, "invitation_vendor")[-1]
    assert second.recipient == "ada@fennmark.example"
    assert token(second) != token(first)
    (told,) = letters(database, "assessment_changed")
    assert told.recipient == "lost@fennmark.example"
    assert "no longer works" in " ".join(told.text.split())
    with database.looking(SYSTEM) as session:
        open_ones = session.scalars(select(Invitation.email).where(Invitation.revoked_at.is_(None))).all()
        assert open_ones == ["ada@fennmark.example"]
        contacts = vendor_queries.contacts_of(
            session, buyer[OrganisationRole.CISO], session.scalars(select(Assessment.vendor_id)).one()
        )
        assert [one.name for one in contacts] == ["Lou Lost", "Ada Vale"]


def test_taking_an_unjoined_request_back_ends_the_invitation(
    database: Database, invited: tuple[Place, object]
) -> None:
    buyer, one_id = invited
    change(database, buyer, one_id, changing.cancel, text="The purchase was stopped.")
    (told,) = letters(database, "assessment_changed")
    assert told.recipient == "lost@fennmark.example"
    assert "The purchase was stopped." in told.text
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Invitation.revoked_at)).one() is not None


def test_resending_to_the_unjoined_renews_the_link(database: Database, invited: tuple[Place, object]) -> None:
    buyer, one_id = invited
    change(database, buyer, one_id, readdressing.resend, vendor=True, now=NOW + timedelta(hours=1))
    first, second = letters(database, "invitation_vendor")
    assert token(first) != token(second)
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Assessment.code)).one() in second.text


# -------------------------------------------------------------------------------------- “I am not the right person”


def test_the_wrong_person_says_so_without_an_account(
    app: object, database: Database, invited: tuple[Place, object]
) -> None:
    buyer, one_id = invited
    (letter,) = letters(database, "invitation_vendor")
    path = f"/invitations/{token(letter)}"
    browser = Browser(app.test_client())  # type: ignore[attr-defined]
    assert f"{path}/not-me" in browser.get(path).text
    for _ in range(3):
        assert browser.get(f"{path}/not-me").status_code == 200
    bad = {"name": "Ada Vale", "email": "nobody", "text": "She moved."}
    refused = browser.post(f"{path}/not-me", bad, page=f"{path}/not-me")
    assert refused.status_code == 422
    assert "She moved." in refused.text
    good = {**bad, "email": "ada@fennmark.example"}
    assert "has been told" in browser.post(f"{path}/not-me", good, page=f"{path}/not-me").text
    assert browser.get(path).status_code == browser.get(f"{path}/not-me").status_code == 404
    told = letters(database, "wrong_person")
    assert {one.recipient.split("@")[0] for one in told} == {"admin", "ciso", "reviewer", "procurement"}
    assert all("Ada" not in one.text for one in told)
    with database.looking(SYSTEM) as session:
        row = session.scalars(select(Enquiry)).one()
        assert (row.kind, row.company_id, row.asked_by) == ("other_person", None, None)
        assert row.person == {"name": "Ada Vale", "email": "ada@fennmark.example"}
    change(
        database, buyer, one_id, readdressing.readdress, vendor=True,
        name="Ada Vale", email="ada@fennmark.example", text="", now=LATER,
    )  # fmt: skip
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Enquiry.state)).one() == "granted"
    assert letters(database, "invitation_vendor")[-1].recipient == "ada@fennmark.example"


def test_only_a_living_invitation_of_a_vendor_says_so(
    database: Database, settings: Settings, invited: tuple[Place, object]
) -> None:
    (letter,) = letters(database, "invitation_vendor")
    for dead, when in (("x" * 43, NOW), (token(letter), NOW + timedelta(days=15))):
        with database.transaction(NOBODY) as session, pytest.raises(NotFound):
            wrong_person.not_me(session, dead, name="", email="", text="", now=when)


def test_who_has_left_gets_no_letters(
    database: Database, settings: Settings, buyer: Place, company: Place
) -> None:
    from portal.organisations import service as organisations
    from tests.portal.scene import make_vendor

    ciso, admin = buyer[OrganisationRole.CISO], buyer[OrganisationRole.ADMIN]
    owner = company[CompanyRole.OWNER]
    vendor_id, engagement_id, _contact = make_vendor(
        database, ciso, company, name="Fennmark", engagement="Archive"
    )
    one_id = issue(database, ciso, vendor_id, engagement_id, security_lite().content_hash, due=DUE)
    with database.transaction(admin.scope) as session:
        organisations.remove(session, admin, ciso.person.id, now=NOW)
    with database.transaction(owner.scope) as session:
        one = queries.assessment(session, owner, one_id, lock=True)
        enquiries.ask(session, one, kind="question", text="Why?", actor=owner, now=NOW)
    fill(database, owner, one_id)
    seal(database, owner, one_id)
    told = letters(database, "enquiry_made", "submitted")
    assert ciso.person.email not in {one.recipient for one in told}
    assert {one.recipient for one in told if one.kind == "submitted"} == {admin.person.email}
    assert {one.reply_to for one in letters(database, "receipt")} == {admin.person.email}
