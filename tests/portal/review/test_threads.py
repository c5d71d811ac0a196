"""A thread with the vendor beside one answer: asked, answered while all is sealed, closed; it changes nothing."""

from __future__ import annotations

from html import unescape

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments import asking_back, delegation, enquiries, enquiry_queries
from portal.assessments import queries as assessment_queries
from portal.assessments.models import Assessment, Enquiry
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM
from portal.erasure import destroying
from portal.erasure.reaching import Destroyed
from portal.faults import Conflict, NotFound, Refused
from portal.outbox import Message
from portal.web import Portal
from tests.portal.review import rounds as at
from tests.portal.review.given import Reviewed
from tests.portal.review.test_workspace import Desk
from tests.portal.world import NOW, signed_in

MFA, LOGS = "own.rich.mfa", "own.rich.logs"
QUESTION, ANSWER = "Who signs in without a second step?", "Three contractors, until March."


def ask(given: Reviewed, key: str = MFA, text: str = QUESTION, actor: Identity | None = None) -> None:
    given.change(
        lambda session, case, *, actor, now: asking_back.ask(
            session, case.assessment, key, text, actor=actor, now=now
        ),
        actor=actor,
    )


def rows(given: Reviewed) -> list[Enquiry]:
    with given.database.looking(SYSTEM) as session:
        found = session.scalars(select(Enquiry).where(Enquiry.kind == "review").order_by(Enquiry.asked_at))
        return list(found)


def write_back(given: Reviewed, text: str = ANSWER, actor: Identity | None = None) -> None:
    actor = actor or given.owner
    with given.database.transaction(actor.scope) as session:
        one = assessment_queries.assessment(session, actor, given.issued.assessment, lock=True)
        row = enquiry_queries.enquiry(session, actor, one.id, rows(given)[0].id, lock=True)
        enquiries.carry_on(session, one, row, text, actor=actor, now=NOW)


def letters(given: Reviewed, *to: str) -> list[Message]:
    with given.database.looking(SYSTEM) as session:
        return [one for one in session.scalars(select(Message)) if one.recipient in to]


@pytest.mark.both_databases
def test_a_thread_is_asked_answered_and_closed_and_nothing_else_moves(given: Reviewed) -> None:
    sealed, ratings = at.sealed(given), len(given.ratings())
    before = len(letters(given, given.owner.person.email))
    ask(given)
    ask(given)
    (row,) = rows(given)
    assert (row.state, row.key, row.asked_by) == ("asked", MFA, given.reviewer.person.id)
    told = letters(given, given.owner.person.email)[before:]
    assert [QUESTION in one.text for one in told] == [False], "one letter, without the words"
    write_back(given)
    write_back(given)
    assert rows(given)[0].state == "open"
    assert any(
        "has written about an answer" in one.subject for one in letters(given, given.reviewer.person.email)
    )
    ask(given, text="Until March of which year?")
    assert rows(given)[0].state == "asked"
    given.change(
        lambda session, case, *, actor, now: asking_back.close(
            session,
            enquiry_queries.enquiry(session, actor, case.assessment.id, row.id, lock=True),
            actor=actor,
            now=now,
        )
    )
    assert rows(given)[0].state == "closed"
    with pytest.raises(Conflict, match="settled"):
        write_back(given, "One more thing.")
    assert (at.sealed(given), len(given.ratings())) == (sealed, ratings)
    assert at.assessment(given).state == "submitted"
    ask(given, text="Something else.")
    assert [one.state for one in rows(given)] == ["closed", "asked"]


def test_a_thread_outlives_the_submission_of_a_round(given: Reviewed) -> None:
    at.give_back(given, [LOGS])
    ask(given)
    at.submit(given)
    assert rows(given)[0].state == "asked"
    write_back(given)
    assert rows(given)[0].state == "open"


def test_who_may_ask_and_who_may_write_back(given: Reviewed) -> None:
    for role in (OrganisationRole.PROCUREMENT, OrganisationRole.AUDITOR):
        with pytest.raises(Refused):
            ask(given, actor=given.organisation[role])
    with pytest.raises(NotFound):
        ask(given, key="own.rich.nothing")
    ask(given)
    thread = rows(given)[0].id
    with given.database.transaction(given.owner.scope) as session:
        row = enquiry_queries.enquiry(session, given.owner, given.issued.assessment, thread)
        with pytest.raises(Conflict, match="closes it"):
            enquiries.withdraw(session, row, actor=given.owner, now=NOW)


def test_the_vendor_reads_and_answers_on_its_pages(app: Portal, given: Reviewed) -> None:
    desk = Desk(app, given)
    answer = desk.browser.post(f"{desk.base}/threads", data={"key": MFA, "show": "all", "text": " "})
    assert answer.status_code == 422
    assert "Write what you want to know" in unescape(answer.text)
    answer = desk.browser.post(f"{desk.base}/threads", data={"key": MFA, "show": "all", "text": QUESTION})
    assert answer.status_code == 303
    assert QUESTION in desk.page(f"?q={MFA}")
    (row,) = rows(given)

    owner = signed_in(app, given.owner)
    base = f"/c/{given.issued.company.slug}/assessments/{given.issued.assessment}"
    home = unescape(owner.get(f"/c/{given.issued.company.slug}/").text)
    assert "Asked about your answers" in home
    section = unescape(owner.get(f"{base}/sections/access").text)
    assert QUESTION in section
    assert f"#e-{row.id}" in section
    threads = unescape(owner.get(f"{base}/enquiries").text)
    assert "Asked about the answer to 2.1" in threads
    answer = owner.post(f"{base}/enquiries/{row.id}/entries", data={"text": ANSWER})
    assert answer.status_code == 303
    assert ANSWER in desk.page(f"?q={MFA}")
    organisation = f"/o/{given.organisation.slug}"
    assert str(row.id) in desk.browser.get(f"{organisation}/enquiries").text
    page = desk.browser.get(f"{organisation}/assessments/{given.issued.assessment}/enquiries/{row.id}")
    assert "Go on in the review" in page.text
    ciso = signed_in(app, given.organisation[OrganisationRole.CISO])
    path = f"{organisation}/assessments/{given.issued.assessment}/enquiries/{row.id}"
    for act in ("", "refuse"):
        assert ciso.post(path, data={"text": "No.", "act": act}).status_code == 409
    answer = desk.browser.post(f"{desk.base}/threads/{row.id}/close", data={"show": "all"})
    assert answer.status_code == 303
    assert rows(given)[0].state == "closed"


def test_who_was_not_given_the_question_does_not_read_its_thread(app: Portal, given: Reviewed) -> None:
    ask(given)
    helper = given.issued.company[CompanyRole.CONTRIBUTOR]
    at.give_back(given, [LOGS, MFA])
    with given.database.transaction(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment, lock=True)
        delegation.to_colleague(
            session, one, helper.person.id, [LOGS], actor=given.owner, now=NOW, tell=False
        )
    base = f"/c/{given.issued.company.slug}/assessments/{given.issued.assessment}"
    browser = signed_in(app, helper)
    assert QUESTION not in unescape(browser.get(f"{base}/enquiries").text)
    path = f"{base}/enquiries/{rows(given)[0].id}/entries"
    assert browser.post(path, data={"text": ANSWER}).status_code == 404


def test_redaction_of_the_answer_empties_the_thread(given: Reviewed) -> None:
    ask(given)
    write_back(given)
    with given.database.transaction(SYSTEM) as session:
        destroying.answers(session, given.issued.assessment, [MFA], Destroyed(), now=NOW)
        one = session.get_one(Assessment, given.issued.assessment)
        record(session, Kind.REDACTED, now=NOW, actor=None, subject=one)
    with given.database.looking(given.reviewer.scope) as session:
        (thread,) = asking_back.of_answer(session, given.reviewer, given.issued.assessment, MFA)
    assert [one.text for one in thread.entries] == ["", ""]
