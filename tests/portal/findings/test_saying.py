"""What a vendor says is stored or given back, and every letter leads to a page that its reader can open."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import showing
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM
from portal.findings import judging, queries
from portal.findings import steps as holding
from portal.findings.models import Finding
from portal.organisations import service as organisations
from portal.organisations.models import Company
from portal.outbox import Message
from portal.settings import Settings
from portal.web import Portal
from tests.portal.findings import given as findings
from tests.portal.findings.given import Found
from tests.portal.findings.test_pages import Sides, words
from tests.portal.findings.test_remedying import paper, steps
from tests.portal.world import NOW, make_person, signed_in

MINE = "My words, which took an hour."


@pytest.fixture
def sides(app: Portal, given: Found) -> Sides:
    return Sides(app, given)


def test_words_of_a_proof_stay_when_its_document_was_taken_out(sides: Sides) -> None:
    one, gone, stays = sides.given.one("knockout"), paper(sides.given), paper(sides.given, "Keys")
    with sides.given.database.transaction(sides.given.owner.scope) as session:
        showing.remove(session, gone, actor=sides.given.owner, now=NOW)
    page = sides.say(one, "proof", 422, proof=MINE, documents=[str(gone), str(stays)])
    assert "Taken out of the library meanwhile: “Bill for keys”." in page
    assert MINE in page
    assert re.findall(r'name="documents" value="([^"]+)" checked', page) == [str(stays)]
    assert sides.now(one).waits == ""


def test_words_to_a_form_that_is_gone_are_given_back(sides: Sides) -> None:
    one = sides.given.one("knockout")
    sides.given.prove(one)
    assert MINE in sides.plan(one, text=MINE, seen="1", status=409)
    assert MINE in sides.say(one, "proof", 409, seen="1", proof=MINE)
    sides.given.act(judging.accept, one, text="")
    assert MINE in sides.say(one, "proof", 409, proof=MINE)


def test_a_colleagues_plan_is_not_taken_for_a_second_press(sides: Sides, settings: Settings) -> None:
    one = sides.given.one("knockout")
    database, place = sides.given.database, sides.given.issued.company
    ida = make_person(database, settings, "Ida", "ida@fennmark.example")
    with database.transaction() as session:
        company = session.get_one(Company, place.id)
        organisations.add_colleague(
            session, company, ida.id, CompanyRole.OWNER, now=NOW, actor=sides.given.owner.person
        )
    colleague = signed_in(sides.app, replace(sides.given.owner, person=ida))
    sides.plan(one, seen="1")
    page = sides.plan(one, seen="1", text=MINE, browser=colleague, status=409)
    assert "Something has happened to this finding" in page
    assert MINE in page
    sides.plan(one, seen="1", browser=colleague, status=409)
    sides.plan(one, seen="-1", status=409)
    sides.plan(one, seen="1")
    assert [each.kind for each in steps(sides.given, one.id)] == ["opened", "plan"]


def test_a_second_press_is_one_proof(sides: Sides) -> None:
    one, document = sides.given.one("knockout"), paper(sides.given)
    for _ in range(2):
        sides.say(one, "proof", seen="1", proof=MINE, documents=str(document))
    assert [each.kind for each in steps(sides.given, one.id)] == ["opened", "proof"]
    sides.say(one, "proof", 409, seen="1", proof=MINE)  # without the document it is another one


def test_whoever_proves_a_plan_that_waits_goes_on_seeing_it(sides: Sides) -> None:
    one = sides.given.one("knockout")
    helper = signed_in(sides.app, sides.given.helper)
    here = f"{sides.c}/{one.id}"
    sides.plan(one)
    sides.say(one, "proof", browser=helper, proof="Done.")
    assert "looks at the proof" in words(helper.get(here).text)
    sides.step(one, "send_back", text="Half of them are missing.")
    assert "Half of them are missing." in words(helper.get(here).text)
    sides.say(one, "proof", browser=helper, proof="Done.")
    sides.step(one, "accept", text="Thank you.")
    assert "Thank you." in words(helper.get(here).text)


def test_every_letter_leads_to_a_page_that_its_reader_can_open(sides: Sides) -> None:
    """The contact is a contributor: of what opens by itself owners alone are told."""
    given = sides.given
    with given.database.transaction(SYSTEM) as session:
        row = session.scalars(select(Assessment)).one()
        row.contact_email = given.helper.person.email
        record(session, Kind.ASSESSMENT_REOPENED, now=NOW, actor=None, subject=row)
    given.next_round({findings.LOGS: findings.Content("answered", "no")})
    hand = f"/o/{given.organisation.slug}/reviews/{given.submission}/findings/new"
    sides.ours.post(hand, data={"q": findings.LOGS, "severity": "low", "text": "Nobody reads them."})
    one = given.one("knockout")
    sides.plan(one)
    sides.step(one, "refuse", text="That is too late.")
    sides.plan(one)
    sides.step(one, "agree")
    with given.database.looking(SYSTEM) as session:
        letters = list(session.scalars(select(Message).where(Message.kind == "finding_vendor")))
    company = given.issued.company
    people = {each.person.email: each for each in (company[CompanyRole.OWNER], given.helper)}
    assert {each.recipient for each in letters} == set(people), "who was given something is told of it"
    for letter in letters:
        path = re.search(r"/c/[^\s]+/findings[^\s]*", letter.text)
        assert path is not None
        answer = signed_in(sides.app, people[letter.recipient]).get(path[0])
        assert answer.status_code == 200
        assert "No finding waits for you." not in words(answer.text)


@pytest.mark.both_databases
def test_a_merge_holds_no_finding_while_it_waits_for_an_engagement(given: Found) -> None:
    """Whoever submits holds engagements first, then findings: the other way round they would wait in a circle."""
    reviewer = given.organisation[OrganisationRole.REVIEWER]
    given.again(findings.WORST, now=NOW + timedelta(days=10))
    one, other = given.one("knockout"), given.one("finding:")
    merged = threading.Event()

    def merge() -> None:
        with given.database.transaction(reviewer.scope) as session:
            holding.hold_both(session, reviewer, one.id, other.id)
        merged.set()

    with given.database.transaction(given.ciso.scope) as session:
        holding.hold_engagements(session, given.ciso, given.issued.engagements)
        thread = threading.Thread(target=merge)
        thread.start()
        assert not merged.wait(0.5)
        for each in (one, other):  # nobody else has them yet
            statement = select(Finding.id).where(Finding.id == each.id, *queries.seen(given.ciso))
            assert session.scalar(statement.with_for_update(nowait=True)) == each.id
    thread.join(30)
    assert merged.is_set()
