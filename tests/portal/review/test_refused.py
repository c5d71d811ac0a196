"""What a page of a review refuses keeps words and marks where they belong, and a double press is one press."""

from __future__ import annotations

import uuid
from html import unescape

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.assessments.drafts import Content
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid
from portal.outbox import Message
from portal.review import marking, queries, reviewing
from portal.review.marking import Anothers, Moved, Stale, Wish
from portal.review.models import ReviewNote
from portal.settings import Settings
from portal.web import Portal
from tests.portal.once import made_once
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.review.test_redacted import document
from tests.portal.review.test_workspace import Desk
from tests.portal.world import make_company, make_organisation

MFA, ADMIN, PLAN, LOGS, CLOUD, KEYS = (
    f"own.rich.{one}" for one in ("mfa", "admin", "plan", "logs", "cloud", "cloud_keys")
)


@pytest.fixture
@made_once
def papers(database: Database, settings: Settings) -> Reviewed:
    """A document beside an answer, which may be refused and on which others may be exempt."""
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    return reviewed(database, organisation, company, papers={ADMIN: "Key policy"})


@pytest.mark.parametrize("status", [422, 409])
def test_the_reason_typed_for_a_document_stays_with_it(app: Portal, papers: Reviewed, status: int) -> None:
    desk, paper = Desk(app, papers), document(papers, ADMIN)
    long = "It is of another firm. " + "x" * (4100 if status == 422 else 10)
    if status == 409:
        papers.save(Wish(ADMIN, "accepted", paper), actor=papers.organisation[OrganisationRole.CISO])
    answer = desk.mark(ADMIN, "refused", document=paper, reason=long, seen="")
    assert answer.status_code == status
    text = unescape(answer.text)
    area = text[text.index('id="d-reason-1"') :]
    assert long in area[: area.index("</textarea>")]
    assert '<details class="small" open>' in text
    own = text[text.index('id="f-reason"') :]
    assert long not in own[: own.index("</textarea>")]
    if status == 422:
        assert 'href="#d-reason-1"' in text
        assert 'id="d-error-1"' in text
    else:
        assert "What stands now: document accepted" in text


def test_points_and_reason_of_another_mark_are_asked_for(app: Portal, given: Reviewed) -> None:
    given.save(Wish(PLAN, "graded", points=60, reason="Tape is slow."))
    desk = Desk(app, given)
    answer = desk.mark(PLAN, "disproved", points="60", reason="Tape is slow.")
    assert answer.status_code == 422
    assert "written for the mark that stands" in unescape(answer.text)
    assert given.case().drafts[PLAN, ""].mark == "graded"
    assert desk.mark(PLAN, "disproved", points="60", reason="Tape is slow.", keep="1").status_code == 303
    assert given.case().drafts[PLAN, ""].points == 60
    assert desk.mark(PLAN, "graded", points="55", reason="We tried it.").status_code == 303
    assert desk.mark(PLAN, "graded", points="55", reason="We tried it.", remark="Twice.").status_code == 303
    given.save(Wish(MFA, "challenged", reason="We do not believe this."))
    assert desk.mark(MFA, "accepted", reason="We do not believe this.").status_code == 422
    assert desk.mark(MFA, "accepted", reason="").status_code == 303


def test_the_reason_of_a_refusal_does_not_go_with_an_acceptance(app: Portal, papers: Reviewed) -> None:
    desk, paper = Desk(app, papers), document(papers, ADMIN)
    assert desk.mark(ADMIN, "refused", document=paper, reason="Of another firm.").status_code == 303
    assert desk.mark(ADMIN, "accepted", document=paper, reason="Of another firm.").status_code == 303
    draft = papers.case().drafts[ADMIN, paper]
    assert (draft.mark, draft.reason) == ("accepted", "")


@pytest.mark.parametrize("step", ["write", "finish", "discard"])
def test_a_step_on_marks_that_nobody_has_seen_does_nothing(app: Portal, given: Reviewed, step: str) -> None:
    given.save(Wish(MFA, "accepted"))
    desk, seen = Desk(app, given), given.case().unwritten
    assert f'name="seen" value="{seen}"' in desk.page()
    given.save(
        Wish(LOGS, "accepted", remark="Half a thought."), actor=given.organisation[OrganisationRole.CISO]
    )
    answer = desk.step(step, seen)
    assert answer.status_code == 409
    assert "have changed since you opened this page" in unescape(answer.text)
    assert set(given.case().drafts) == {(MFA, ""), (LOGS, "")}
    assert len(given.ratings()) == 1
    assert desk.step(step).status_code == 303
    assert given.case().drafts == {}


def test_to_throw_marks_away_asks_on_a_page_of_its_own_and_says_whose(app: Portal, given: Reviewed) -> None:
    ciso = given.organisation[OrganisationRole.CISO]
    given.save(Wish(MFA, "accepted"))
    given.save(Wish(LOGS, "disproved", reason="Half a thought.", remark="Ours."), actor=ciso)
    desk = Desk(app, given)
    assert 'value="discard"' not in desk.page()
    assert f"{desk.base}/unwritten" in desk.page()
    page = desk.page("/unwritten")
    for words in (
        given.reviewer.person.name,
        ciso.person.name,
        "Half a thought.",
        "Ours.",
        "Throw one mark away",
        "One mark speaks against an answer and is a colleague’s",
    ):
        assert words in page
    assert 'value="discard"' not in Desk(app, given, OrganisationRole.AUDITOR).page("/unwritten")
    assert desk.step("discard").status_code == 303
    assert 'value="discard"' not in desk.page("/unwritten")
    assert set(given.case().drafts) == {(LOGS, "")}
    assert desk.step("discard").status_code == 409
    assert Desk(app, given, OrganisationRole.CISO).step("discard").status_code == 303
    assert "Every mark is in a rating." in desk.page("/unwritten")


@pytest.mark.both_databases
def test_what_a_colleague_holds_against_an_answer_is_nobody_elses_to_undo(given: Reviewed) -> None:
    ciso = given.organisation[OrganisationRole.CISO]
    given.save(Wish(MFA, "disproved", reason="Seen the contract."))
    given.save(Wish(LOGS, "accepted"))
    token = given.case().token((MFA, ""))
    with pytest.raises(Anothers):
        given.change(marking.withdraw, MFA, "", seen=token, actor=ciso)
    with pytest.raises(Anothers):
        given.save(Wish(MFA, "accepted"), actor=ciso)
    given.save(Wish(LOGS, "challenged", reason="Which?"), actor=ciso)  # it spoke for the answer
    with pytest.raises(Anothers):
        given.save(Wish(LOGS, "accepted"))
    given.write(actor=ciso)
    given.save(Wish(MFA, "accepted"), actor=ciso)
    given.write(actor=ciso)
    with given.database.looking(ciso.scope) as session:
        marks = [one for one in queries.marks_of(session, ciso, given.submission) if one.key == MFA]
    assert [(one.mark, one.marked_by) for one in marks] == [
        ("disproved", given.reviewer.person.id),
        ("accepted", ciso.person.id),
    ]


def test_what_was_typed_is_kept_when_nothing_can_be_marked_any_more(app: Portal, given: Reviewed) -> None:
    desk = Desk(app, given)
    given.again({LOGS: Content("answered", "no")})
    answer = desk.mark(MFA, "challenged", reason="A long thought.", remark="And a remark.")
    assert answer.status_code == 409
    text = unescape(answer.text)
    for words in ("A newer round has been submitted", "A long thought.", "And a remark."):
        assert words in text


def test_what_was_typed_is_kept_when_a_mark_has_hidden_the_question(app: Portal, given: Reviewed) -> None:
    """A gate that is not applicable decides nothing: what it shows is gone from the list, words and marks are not."""
    cloud = given.again({CLOUD: Content("answered", "yes"), KEYS: Content("answered", "yes")})
    desk = Desk(app, cloud)
    cloud.save(Wish(KEYS, "disproved", reason="They run two clusters."))
    cloud.save(Wish(CLOUD, "graded", points=0, reason="Of no weight."))
    assert desk.mark(KEYS, "challenged", points="", reason="Another thought.").status_code == 303
    assert desk.mark(KEYS, "", reason="Typed for nothing.").status_code == 422
    assert "Typed for nothing." in unescape(desk.mark(KEYS, "", reason="Typed for nothing.").text)
    assert cloud.case().drafts[KEYS, ""].reason == "Another thought."
    assert desk.mark("own.rich.none", "accepted").status_code == 404


@pytest.mark.both_databases
def test_a_double_press_is_one(given: Reviewed) -> None:
    wish = Wish(MFA, "disproved", reason="Seen the contract.")
    given.save(wish, seen="")
    stamp = given.case().drafts[MFA, ""].stamp
    given.save(wish, seen="")
    assert given.case().drafts[MFA, ""].stamp == stamp
    with pytest.raises(Stale):
        given.save(wish, seen="", actor=given.organisation[OrganisationRole.CISO])
    for _press in range(2):
        given.change(reviewing.note, MFA, "Hm.")
    seen = given.case().unwritten
    given.write(finish=True, seen=seen)
    given.write(finish=True, seen=seen)
    with given.database.looking(SYSTEM) as session:
        letters = session.scalars(select(Message).where(Message.kind == "assessment_changed")).all()
        assert len(letters) == 1
        assert len(session.scalars(select(ReviewNote)).all()) == 1
    assert len(given.ratings()) == 2
    given.save(Wish(LOGS, "accepted"))
    with pytest.raises(Moved):
        given.write(seen=seen)
    seen = given.case().unwritten
    for _press in range(2):
        given.write(seen=seen)
    assert len(given.ratings()) == 3
    with pytest.raises(Conflict, match="nothing new"):
        given.write(seen=seen, actor=given.organisation[OrganisationRole.CISO])
    given.save(Wish(LOGS, "challenged", reason="Why?"))
    token = given.case().token((LOGS, ""))
    given.change(marking.withdraw, LOGS, "", seen=token)
    with pytest.raises(Stale):  # what is written now was not what the page showed
        given.change(marking.withdraw, LOGS, "", seen=token)
    token = given.case().token((LOGS, ""))
    for _press in range(2):
        given.change(marking.withdraw, LOGS, "", seen=token)
    assert given.case().drafts[LOGS, ""].mark == "withdrawn"


@pytest.mark.both_databases
def test_nothing_is_exempt_on_a_refused_document(papers: Reviewed) -> None:
    paper = document(papers, ADMIN)
    exempt = Wish(MFA, "graded", points=100, reason="The policy says so.", certificate=uuid.UUID(paper))
    papers.save(Wish(ADMIN, "refused", paper, reason="Of another firm."))
    with pytest.raises(Invalid) as fault:
        papers.save(exempt)
    assert list(fault.value.errors) == ["certificate"]
    papers.change(marking.withdraw, ADMIN, paper, seen=papers.case().token((ADMIN, paper)))
    papers.save(exempt)
    papers.write()
    papers.save(Wish(ADMIN, "refused", paper, reason="Of another firm."))
    with pytest.raises(Conflict, match="Exempt on a document that is refused: “Does everyone need"):
        papers.write()
    papers.save(Wish(MFA, "challenged", reason="On what does it rest?"))
    papers.write()
    later = papers.again({LOGS: Content("answered", "some")})
    assert later.case().marks[MFA, ""].mark == "challenged"
