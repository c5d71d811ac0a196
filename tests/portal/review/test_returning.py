"""A return of chosen questions: only they can be answered, the rest is sealed as it was, and what is judged stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.assessments import enquiries, turns
from portal.assessments import queries as assessment_queries
from portal.assessments import returning as rounds
from portal.assessments.drafts import Content
from portal.assessments.models import AnswerRow, Enquiry, Submission
from portal.assessments.returned import CHOSEN, DOCUMENT, VISIBLE
from portal.assessments.round_models import RoundScope
from portal.assessments.service import FOREIGN, STANDS
from portal.db import SYSTEM, Database, UnscopedQuery
from portal.evidence import service as library_of
from portal.evidence.models import Evidence
from portal.evidence.service import Described
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.outbox import Message
from portal.review import marking
from portal.review.marking import Wish
from portal.settings import Settings
from tests.portal.review import rounds as at
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.test_concurrency import at_once
from tests.portal.world import NOW, make_company, make_organisation

CLOUD, MFA, PLAN, PATCH, LOGS, HIDDEN, STEPS = (
    f"own.rich.{one}" for one in ("cloud", "mfa", "plan", "patch", "logs", "cloud_keys", "steps")
)
ADMIN = "own.rich.admin"
YES, SOME, NO = (Content("answered", one) for one in ("yes", "some", "no"))


def submission(given: Reviewed) -> Submission:
    with given.database.looking(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment)
        return assessment_queries.submission(session, given.owner, one)


@pytest.mark.both_databases
def test_only_what_came_back_is_answered_and_the_rest_is_sealed_as_it_was(given: Reviewed) -> None:
    given.save(Wish(PATCH, "na_accepted"))
    given.save(Wish(MFA, "challenged", reason="Contractors are people, too."), at=1)
    at.give_back(given, [MFA, PLAN, HIDDEN], reasons={MFA: "Who signs in without it?", LOGS: "Not asked."})

    one = at.assessment(given)
    assert (one.state, one.round, one.due, one.shown) == ("open", 2, at.DUE, [HIDDEN])
    assert given.case().drafts == {}, "what was judged is written, not left behind"
    assert len(given.ratings()) == 2
    draft = at.draft(given)
    assert draft.asked == {MFA: CHOSEN, PLAN: CHOSEN, HIDDEN: CHOSEN}
    assert [(gap.key, gap.kind) for gap in draft.gaps] == [(HIDDEN, "unanswered")]

    refused = at.save(given, LOGS, NO)
    assert (refused.saved, refused.errors[LOGS].answer) == ({}, FOREIGN)
    for key, content in ((MFA, YES), (HIDDEN, SOME)):
        assert at.save(given, key, content).saved

    before, after = at.sealed(given), None
    second = at.submit(given)
    after = at.sealed(second)
    assert {key for key in before | after if before.get(key) != after.get(key)} == {MFA, HIDDEN}
    row = submission(second)
    assert (row.round, row.whole_as_of) == (2, submission_of(given).as_of)
    ratings = second.ratings()
    assert [one.shown for one in ratings] == [[HIDDEN]] * len(ratings)
    assert ratings[-1].marks == {PATCH: {"mark": "na_accepted"}}
    states = {line["key"]: line["state"] for line in json.loads(ratings[-1].result)["trace"]}
    assert (states[HIDDEN], states[MFA]) == ("answered", "answered")


def submission_of(given: Reviewed) -> Submission:
    with given.database.looking(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment)
        return assessment_queries.submission(session, given.owner, one, 1)


def test_a_changed_gate_opens_what_it_shows_and_the_round_can_be_finished(given: Reviewed) -> None:
    at.give_back(given, [CLOUD])
    assert at.draft(given).asked == {CLOUD: CHOSEN}
    at.save(given, CLOUD, YES)
    draft = at.draft(given)
    assert draft.asked == {CLOUD: CHOSEN, HIDDEN: VISIBLE}
    assert [gap.key for gap in draft.gaps] == [HIDDEN]
    assert at.save(given, HIDDEN, YES).saved
    at.save(given, CLOUD, NO)
    assert at.save(given, HIDDEN, NO).errors, "nothing opens it any more"
    at.submit(given)


def test_who_hides_what_was_held_against_them_does_not_shake_it_off(given: Reviewed) -> None:
    at.give_back(given, [CLOUD])
    at.save(given, CLOUD, YES)
    at.save(given, HIDDEN, YES)
    second = at.submit(given)
    second.save(Wish(HIDDEN, "challenged", reason="Show us when they were changed."))
    second.write()
    at.give_back(second, [CLOUD, HIDDEN], now=NOW + timedelta(days=3))
    at.save(second, CLOUD, NO)
    third = at.submit(second, now=NOW + timedelta(days=4))
    newest = third.ratings()[-1]
    assert newest.shown == [HIDDEN]
    states = {line["key"]: line["state"] for line in json.loads(newest.result)["trace"]}
    assert states[HIDDEN] == "unanswered", "it costs what it may have hidden until somebody judges it"
    third.save(Wish(HIDDEN, "graded", points=100, reason="They left the cloud."), at=9999)
    third.write()
    assert third.ratings()[-1].marks[HIDDEN] == {"mark": "graded", "points": 100}
    assert third.ratings()[-1].shown == [HIDDEN]


@pytest.mark.both_databases
def test_a_return_that_is_taken_back_leaves_everything_as_it_was(given: Reviewed) -> None:
    was = at.assessment(given)
    at.give_back(given, [MFA, HIDDEN])
    at.save(given, MFA, NO)
    at.take_back(given)
    one = at.assessment(given)
    assert (one.state, one.round, one.due, one.shown, one.scope_id, one.answered, one.total) == (
        "submitted", 1, was.due, None, None, was.answered, was.total,
    )  # fmt: skip
    with given.database.looking(given.owner.scope) as session:
        held = assessment_queries.rows(session, given.owner, one.id)
        assert held[MFA][0].value == {"v": "no"}, "what the company wrote stays its own"
    with pytest.raises(Conflict, match="no return"):
        at.take_back(given)
    # The next return leaves MFA out: what was written for the one before does not slip in.
    at.give_back(given, [PLAN])
    assert at.draft(given).contents[MFA].value == "some"
    second = at.submit(given)
    assert at.sealed(second) == at.sealed(given)


@pytest.mark.both_databases
def test_what_was_asked_about_a_return_ends_with_it(given: Reviewed) -> None:
    at.give_back(given, [MFA])
    with given.database.transaction(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment, lock=True)
        more = {"kind": "more_time", "text": "We are moving.", "wanted": at.DUE + timedelta(days=7)}
        enquiries.ask(session, one, actor=given.owner, now=NOW, **more)
    at.take_back(given)
    with given.database.looking(SYSTEM) as session:
        (asked,) = session.scalars(select(Enquiry))
        letters = session.scalars(select(Message.text).where(Message.kind == "assessment_changed")).all()
    assert (asked.state, asked.settled_by) == ("withdrawn", given.reviewer.person.id)
    assert any("What you asked about the return is closed." in " ".join(one.split()) for one in letters)


def test_of_two_returns_at_once_the_second_is_told(given: Reviewed) -> None:
    at.give_back(given, [MFA])
    with pytest.raises(Conflict, match="with the vendor already"):
        at.give_back(given, [PLAN], actor=given.organisation[OrganisationRole.CISO])
    at.save(given, MFA, YES)
    at.submit(given)
    with pytest.raises(Conflict, match="newer round"):
        at.give_back(given, [PLAN])
    with pytest.raises(Conflict, match="no return"):
        at.take_back(given)


@pytest.mark.parametrize("role", list(OrganisationRole))
def test_only_who_judges_returns(given: Reviewed, role: OrganisationRole) -> None:
    actor = given.organisation[role]
    if role in (OrganisationRole.ADMIN, OrganisationRole.CISO, OrganisationRole.REVIEWER):
        at.give_back(given, [MFA], actor=actor)
        at.take_back(given, actor)
    else:
        with pytest.raises((Refused, NotFound)):  # a business owner does not see what is not theirs
            at.give_back(given, [MFA], actor=actor)


def test_a_return_says_which_why_and_until_when(given: Reviewed) -> None:
    with pytest.raises(Invalid) as fault:
        at.give_back(given, [], text=" ")
    assert set(fault.value.errors) == {"keys", "text"}
    with pytest.raises(Invalid) as fault:
        at.give_back(given, [MFA], reasons={MFA: "x" * 4001})
    assert set(fault.value.errors) == {f"reason-{MFA}"}
    given.save(Wish(MFA, "challenged", reason="Contractors are people, too."))
    with pytest.raises(marking.Moved):
        at.give_back(given, [MFA], seen="0" * 64)
    assert given.case().drafts, "a return that is refused writes nothing"


def test_the_vendor_gets_one_letter_without_the_words(given: Reviewed) -> None:
    given.save(Wish(MFA, "challenged", reason="Contractors are people, too."))
    with given.database.looking(SYSTEM) as session:
        before = set(session.scalars(select(Message.id)))
    at.give_back(given, [MFA], text="Canary of the return.", reasons={MFA: "Canary of the question."})
    with given.database.looking(SYSTEM) as session:
        letters = [one for one in session.scalars(select(Message)) if one.id not in before]
    assert {one.recipient for one in letters} == {given.owner.person.email}
    (letter,) = letters
    assert "has returned one question" in letter.text
    assert "Canary" not in letter.text, "words are read in the portal, where they can be destroyed"
    with given.database.looking(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment)
        scope = rounds.open_scope(session, given.owner, one)
        assert scope is not None
        assert rounds.reasons(session, given.owner, scope) == {
            "": "Canary of the return.",
            MFA: "Canary of the question.",
        }


def test_the_organisation_never_reads_the_draft_of_a_round(given: Reviewed) -> None:
    at.give_back(given, [MFA])
    at.save(given, MFA, YES)
    with given.database.looking(given.reviewer.scope) as session, pytest.raises(UnscopedQuery):
        session.scalars(select(AnswerRow)).all()


def outcome(step: Callable[[], object]) -> str:
    """ "" for what went through, else why it did not."""
    try:
        step()
    except Conflict as fault:
        return fault.message
    return ""


@pytest.mark.both_databases
def test_of_what_happens_at_the_same_time_one_wins(given: Reviewed) -> None:
    ciso = given.organisation[OrganisationRole.CISO]
    told = at_once(
        lambda: outcome(lambda: at.give_back(given, [MFA])),
        lambda: outcome(lambda: at.give_back(given, [PLAN], actor=ciso)),
    )
    assert sorted(map(bool, told)) == [False, True], told
    with given.database.looking(SYSTEM) as session:
        (scope,) = session.scalars(select(RoundScope)).all()
    assert (scope.round, at.assessment(given).scope_id) == (2, scope.id)
    (key,) = scope.keys
    told = at_once(
        lambda: outcome(lambda: at.take_back(given)),
        lambda: outcome(lambda: at.save(given, key, YES if key == MFA else Content("answered", "Tapes."))),
        lambda: outcome(lambda: at.submit(given)),
    )
    one = at.assessment(given)
    assert one.state == "submitted"
    assert bool(told[0]) != bool(told[2]), told
    assert one.round == (1 if told[0] == "" else 2)
    assert submission(given).round == one.round


def test_what_was_written_for_a_return_that_was_taken_back_is_told_to_nobody(given: Reviewed) -> None:
    """The finding of an answer that stands was shown while another return was out: that is no turn of this round."""
    at.give_back(given, [STEPS])
    at.save(given, STEPS, Content("answered", ["none"]), now=NOW + timedelta(hours=1))
    at.take_back(given)
    at.give_back(given, [PLAN], now=NOW + timedelta(hours=2))
    second = at.submit(given)
    with given.database.looking(given.reviewer.scope) as session:
        assert turns.of(session, given.reviewer, submission(second)) == {}
    assert at.sealed(second) == at.sealed(given)


def described(given: Reviewed, title: str, issued: date | None) -> None:
    """The company describes its only document anew."""
    with given.database.transaction(given.owner.scope) as session:
        (one,) = session.scalars(select(Evidence).where(Evidence.company_id == given.issued.company.id))
        said = Described(one.kind, title, issued)
        library_of.change(session, one, said, actor=given.owner, now=NOW)


@pytest.mark.both_databases
def test_a_document_that_changed_opens_the_documents_and_not_the_answer(
    database: Database, settings: Settings
) -> None:
    organisation, company = (
        make_organisation(database, settings, "Halden"),
        make_company(database, settings, "Fennmark"),
    )
    given = reviewed(database, organisation, company, papers={ADMIN: "Key policy"})
    at.give_back(given, [MFA])
    described(given, "Policy of keys", None)
    assert at.draft(given).asked == {MFA: CHOSEN}, "another title changes nothing"
    described(given, "Policy of keys", (NOW - timedelta(days=3)).date())
    assert at.draft(given).asked == {MFA: CHOSEN, ADMIN: DOCUMENT}

    stood = at.draft(given).contents[ADMIN]
    refused = at.save(given, ADMIN, replace(stood, value="no"))
    assert (refused.saved, refused.errors[ADMIN].answer) == ({}, STANDS)
    assert at.save(given, ADMIN, replace(stood, note="Only some.")).errors
    assert at.save(given, ADMIN, replace(stood, promise_reason="A newer one follows.")).saved
    said = at.draft(given).contents[ADMIN]
    assert (said.value, said.note, said.promise_reason) == (stood.value, stood.note, "A newer one follows.")
    before = json.loads(at.sealed(given)[ADMIN])
    after = json.loads(at.sealed(at.submit(given))[ADMIN])
    assert {**after, "promise": 0} == {**before, "promise": 0}
