"""Two at once: the same answer, the same submission, the same invitation, the same reset, on both databases."""

from __future__ import annotations

import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from portal import clock, create_app, outbox
from portal.access import CompanyRole, OrganisationRole
from portal.accounts import resets
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow
from portal.assessments.models import AnswerRevision, AnswerRow, Rating, StaleEdit, Submission
from portal.contracts.models import Evaluation
from portal.db import SYSTEM, Database
from portal.organisations import service as organisations
from portal.organisations.models import Company, CompanyMember, Organisation, OrganisationMember
from portal.outbox import Letter, Message
from portal.reassessment.models import Reassessment
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal.once import made_once
from tests.portal.scene import fill, issue, make_vendor, own_questionnaire, release_own
from tests.portal.world import (
    NOW,
    Browser,
    Place,
    add_to,
    csrf_of,
    make_company,
    make_organisation,
    make_person,
    signed_in,
)

pytestmark = pytest.mark.both_databases


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """The results of ``works``, begun together in a thread each."""
    barrier = threading.Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        barrier.wait(20)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [one.result(60) for one in [pool.submit(begin, work) for work in works]]


def count(database: Database, model: Any, *criteria: Any) -> int:
    with database.looking(SYSTEM) as session:
        return session.scalar(select(func.count()).select_from(model).where(*criteria)) or 0


@pytest.fixture
@made_once
def world(database: Database, settings: Settings) -> tuple[Place, Place, uuid.UUID]:
    """An organisation, a company and an open assessment of a small questionnaire."""
    organisation, company = (
        make_organisation(database, settings, "Halden"),
        make_company(database, settings, "Northwind"),
    )
    admin = organisation[OrganisationRole.ADMIN]
    own = release_own(database, admin, own_questionnaire("backups", "Backups"), "backups")
    vendor, engagement, _ = make_vendor(database, admin, company, name="Northwind", engagement="Hosting")
    issued = issue(database, admin, vendor, engagement, own)
    add_to(database, company[CompanyRole.OWNER], company[CompanyRole.CONTRIBUTOR], issued)
    return organisation, company, issued


@pytest.fixture
def other_app(app: Portal, settings: Settings) -> Any:
    """A second application on the same database, as a second process would be."""
    made = create_app(settings)
    made.testing = True
    yield made
    made.database.dispose()


def test_each_letter_is_claimed_by_one_worker(database: Database, settings: Settings) -> None:
    letter = Letter("receipt", "a@b.example", "A", "Subject", "Text", "<p>Text</p>")
    with database.transaction(SYSTEM) as session:
        for _ in range(40):
            outbox.queue(session, letter, now=NOW)
    others = [Database(settings.database_url) for _ in range(4)]

    def claim(one: Database) -> list[uuid.UUID]:
        mine: list[uuid.UUID] = []
        while True:
            with one.transaction() as session:
                claimed = [message.id for message in outbox.claim(session, now=NOW, limit=3)]
            if not claimed:
                return mine
            mine += claimed

    claimed = Counter(
        one for mine in at_once(*(lambda one=one: claim(one) for one in others)) for one in mine
    )
    assert len(claimed) == 40
    assert set(claimed.values()) == {1}
    assert count(database, Message, Message.fence == 1, Message.state == "sending") == 40
    for one in others:
        one.dispose()


def test_two_autosaves_on_one_revision_keep_both_answers(
    app: Portal, other_app: Portal, database: Database, world: tuple[Place, Place, uuid.UUID]
) -> None:
    """One is stored, the other lies beside it as an offer: nothing that was typed is lost."""
    _organisation, company, assessment = world
    path = f"/c/{company.slug}/assessments/{assessment}/sections/backups"
    key = "own.backups.said"

    def saving(portal: Portal, role: CompanyRole, text: str) -> Callable[[], Any]:
        browser = signed_in(portal, company[role])
        headers = {"Accept": "application/json", "X-CSRF-Token": browser.token(path)}
        fields = {f"r.{key}": "0", f"a.{key}": text}
        return lambda: browser.client.post(f"{path}/answer", data=fields, headers=headers)

    answers = at_once(
        saving(app, CompanyRole.OWNER, "The owner's words"),
        saving(other_app, CompanyRole.CONTRIBUTOR, "The helper's words"),
    )
    assert sorted(one.status_code for one in answers) == [200, 409]
    with database.looking(SYSTEM) as session:
        stored = session.scalars(select(AnswerRow).where(AnswerRow.key == key)).one()
        beside = session.scalars(select(StaleEdit).where(StaleEdit.key == key)).one()
    assert stored.revision == 1
    assert {stored.value["v"], beside.value["v"]} == {"The owner's words", "The helper's words"}
    assert count(database, AnswerRevision) == 1


def test_many_autosaves_of_one_person_are_all_stored(
    app: Portal, database: Database, world: tuple[Place, Place, uuid.UUID]
) -> None:
    """Different fields at once, as a quick typist's script sends them."""
    _organisation, company, assessment = world
    path = f"/c/{company.slug}/assessments/{assessment}/sections/backups"
    browser = signed_in(app, company[CompanyRole.OWNER])
    headers = {"Accept": "application/json", "X-CSRF-Token": browser.token(path)}
    cookie = browser.client.get_cookie("session")
    assert cookie is not None
    fields = {"gate": "yes", "said": "Nightly.", "days": "30", "tested": "2026-11-01", "kinds": "disk"}

    def save(name: str, value: str) -> int:
        client = app.test_client()
        client.set_cookie("session", cookie.value)
        key = f"own.backups.{name}"
        return client.post(
            f"{path}/answer", data={f"r.{key}": "0", f"a.{key}": value}, headers=headers
        ).status_code

    assert at_once(*(lambda n=n, v=v: save(n, v) for n, v in fields.items())) == [200] * len(fields)
    assert count(database, AnswerRow) == len(fields)


def test_submitting_twice_seals_once(
    app: Portal, other_app: Portal, database: Database, world: tuple[Place, Place, uuid.UUID]
) -> None:
    _organisation, company, assessment = world
    fill(database, company[CompanyRole.OWNER], assessment)
    path = f"/c/{company.slug}/assessments/{assessment}/submit"

    def signing(portal: Portal) -> Callable[[], Any]:
        browser = signed_in(portal, company[CompanyRole.OWNER])
        page = browser.get(path)
        fields = dict(
            re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text)
        )
        fields |= {"csrf_token": csrf_of(page), "name": "Ada", "role": "Director", "agreed": "yes"}
        return lambda: browser.client.post(path, data=fields)

    answers = at_once(signing(app), signing(other_app))
    assert sorted(one.status_code for one in answers)[0] == 303
    assert all(one.status_code in (303, 409) for one in answers)
    assert count(database, Submission) == 1
    assert count(database, Rating) == 1
    assert count(database, Evaluation) == 1
    assert count(database, Reassessment) == 1
    assert count(database, Message, Message.kind == "submitted") == 1


def test_an_answer_and_a_submission_at_once_lose_nothing(
    app: Portal, other_app: Portal, database: Database, world: tuple[Place, Place, uuid.UUID]
) -> None:
    """Whichever comes first: the answer is sealed, or refused with a clear word and what was typed."""
    _organisation, company, assessment = world
    fill(database, company[CompanyRole.OWNER], assessment)
    base = f"/c/{company.slug}/assessments/{assessment}"
    signer, helper = (
        signed_in(app, company[CompanyRole.OWNER]),
        signed_in(other_app, company[CompanyRole.CONTRIBUTOR]),
    )
    page = signer.get(f"{base}/submit")
    fields = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
    fields |= {"csrf_token": csrf_of(page), "name": "Ada", "role": "Director", "agreed": "yes"}
    headers = {"Accept": "application/json", "X-CSRF-Token": helper.token()}
    key = "own.backups.said"
    signed, saved = at_once(
        lambda: signer.client.post(f"{base}/submit", data=fields),
        lambda: helper.client.post(
            f"{base}/sections/backups/answer",
            data={f"r.{key}": "1", f"a.{key}": "At the last minute"},
            headers=headers,
        ),
    )
    assert (signed.status_code, saved.status_code) in {(303, 409), (409, 200), (422, 200)}
    assert count(database, Submission) == (1 if signed.status_code == 303 else 0)


def test_an_invitation_is_accepted_once(
    app: Portal, other_app: Portal, database: Database, settings: Settings
) -> None:
    organisation = make_organisation(database, settings, "Halden")
    admin = organisation[OrganisationRole.ADMIN]
    with database.transaction(admin.scope) as session:
        vendor = vendors.create_vendor(session, name="Northwind", country=None, actor=admin, now=NOW)
        vendors.invite_contact(
            session, vendor, name="Ada", email="ada@northwind.example", actor=admin, now=NOW
        )
    with database.looking(SYSTEM) as session:
        letter = session.scalars(select(Message)).one()
    found = re.search(r"http://[^/]+(/invitations/\S+)", letter.text)
    assert found is not None
    path = found.group(1)

    def accepting(portal: Portal, company: str) -> Callable[[], Any]:
        browser = Browser(portal.test_client())
        fields = {
            "csrf_token": browser.token(path),
            "name": "Ada",
            "password": "four unrelated words here",
            "company": "new",
            "company_name": company,
        }
        return lambda: browser.client.post(path, data=fields)

    answers = at_once(accepting(app, "Northwind One"), accepting(other_app, "Northwind Two"))
    assert sorted(one.status_code for one in answers)[0] == 303
    assert all(one.status_code in (303, 404, 409) for one in answers), [one.status_code for one in answers]
    assert [one.status_code for one in answers].count(303) == 1
    assert count(database, Company) == 1
    assert count(database, CompanyMember) == 1
    assert count(database, PersonRow, PersonRow.email == "ada@northwind.example") == 1
    assert count(database, Vendor, Vendor.company_id.is_not(None)) == 1


def test_a_reset_link_sets_one_password(
    app: Portal, other_app: Portal, database: Database, settings: Settings
) -> None:
    person = make_person(database, settings, "Ada", "ada@x.example")
    with database.transaction() as session:
        row = session.scalars(select(PersonRow).where(PersonRow.id == person.id)).one()
        token = resets.start_reset(session, row, now=clock.now())
    path = f"/reset/{token}"

    def setting(portal: Portal, password: str) -> Callable[[], Any]:
        browser = Browser(portal.test_client())
        fields = {"csrf_token": browser.token(path), "password": password}
        return lambda: browser.client.post(path, data=fields)

    words = ("first unrelated words", "second unrelated words")
    answers = at_once(setting(app, words[0]), setting(other_app, words[1]))
    assert sorted(one.status_code for one in answers) == [303, 404]
    won = words[[one.status_code for one in answers].index(303)]
    with database.looking() as session:
        stored = accounts.person_by_address(session, "ada@x.example")
    assert stored is not None
    assert accounts.verify_password(settings, stored.password_hash, won)


def test_two_vendors_of_one_name_become_one(
    app: Portal, other_app: Portal, database: Database, settings: Settings
) -> None:
    organisation = make_organisation(database, settings, "Halden")
    path = f"/o/{organisation.slug}/vendors/new"

    def creating(portal: Portal, name: str) -> Callable[[], Any]:
        browser = signed_in(portal, organisation[OrganisationRole.ADMIN])
        fields = {"csrf_token": browser.token(path), "name": name, "country": ""}
        return lambda: browser.client.post(path, data=fields)

    answers = at_once(creating(app, "Straße AG"), creating(other_app, "STRASSE ag"))
    assert sorted(one.status_code for one in answers) == [303, 422]
    assert count(database, Vendor) == 1


def test_the_last_administrators_cannot_remove_each_other(
    app: Portal, other_app: Portal, database: Database, settings: Settings
) -> None:
    organisation = make_organisation(database, settings, "Halden")
    second = make_person(database, settings, "Second", "second@halden.example")
    with database.transaction() as session:
        row = session.scalars(select(Organisation)).one()
        organisations.add_member(session, row, second.id, OrganisationRole.ADMIN, now=NOW, actor=None)
    first = organisation[OrganisationRole.ADMIN]

    def removing(portal: Portal, who: Any, victim: uuid.UUID) -> Callable[[], Any]:
        browser = signed_in(portal, who)
        token = browser.token()
        path = f"/o/{organisation.slug}/members/{victim}/remove"
        return lambda: browser.client.post(path, data={"csrf_token": token})

    answers = at_once(
        removing(app, first, second.id),
        removing(other_app, replace(first, person=second), first.person.id),
    )
    assert [one.status_code for one in answers].count(303) == 1
    left = count(
        database,
        OrganisationMember,
        OrganisationMember.role == OrganisationRole.ADMIN.value,
        OrganisationMember.removed_at.is_(None),
    )
    assert left == 1
