"""Marks one by one, then into the rating: what can stand, who may, what is stale, and what the vendor learns."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from fractions import Fraction

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.assessments import rating
from portal.audit.models import Event
from portal.contracts.models import Evaluation
from portal.db import SYSTEM, UnscopedQuery
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.outbox import Message
from portal.review import marking, queries, reviewing, writing
from portal.review.marking import Stale, Wish
from portal.review.models import Mark, MarkDraft, MarkReason, MarkRemark, Review
from portal.rows import insert_rows
from tests.portal.review.given import Reviewed
from tests.portal.world import NOW

MFA, PLAN, PATCH, LOGS, GATE, HIDDEN = (
    f"own.rich.{one}" for one in ("mfa", "plan", "patch", "logs", "cloud", "cloud_keys")
)


def ranges(given: Reviewed) -> list[tuple[Fraction, Fraction]]:
    case = given.case()
    return [
        (low or Fraction(0), high or Fraction(0))
        for low, high in writing.ranges(case, [*case.drafts.values()])
    ]


@pytest.mark.both_databases
def test_marks_wait_until_they_are_written_and_the_range_narrows_exactly(given: Reviewed) -> None:
    start = given.case().result()
    assert (start.score, start.high) != (None, None)
    given.save(Wish(PLAN, "graded", points=60, reason="Tape is slow.", remark="Ask about disks."), at=1)
    given.save(Wish(PATCH, "na_accepted"), at=2)
    given.save(Wish(MFA, "challenged", reason="Contractors are people, too."), at=3)
    assert len(given.ratings()) == 1
    steps = ranges(given)
    now = given.case().result()
    assert steps[-1] == (now.score, now.high)
    assert steps[0][1] - steps[0][0] < (start.high or 0) - (start.score or 0)
    assert steps[2][0] < steps[1][0], "a challenge takes the low down"
    given.write()
    first, second = given.ratings()
    assert (first.marks, second.sequence) == ({}, 2)
    assert second.marks == {
        MFA: {"mark": "challenged"},
        PATCH: {"mark": "na_accepted"},
        PLAN: {"mark": "graded", "points": 60},
    }
    case = given.case()
    assert case.drafts == {}
    assert json.loads(second.result) == json.loads(now.to_bytes())
    assert (
        rating.compute(
            case.definition,
            case.answers,
            second.facts,
            second.as_of,
            rating.judgement_of(second),
            case.beside,
        ).to_bytes()
        == second.result
    )
    assert {place: one.mark for place, one in case.marks.items()} == {
        (PLAN, ""): "graded",
        (PATCH, ""): "na_accepted",
        (MFA, ""): "challenged",
    }
    with given.database.looking(SYSTEM) as session:
        reasons = {one.key: one.text for one in session.scalars(select(MarkReason))}
        assert reasons == {PLAN: "Tape is slow.", MFA: "Contractors are people, too."}
        assert [one.text for one in session.scalars(select(MarkRemark))] == ["Ask about disks."]
        evaluations = session.scalars(select(Evaluation)).all()
        assert len(evaluations) == 2, "what the contract needs is evaluated anew"
        letters = session.scalars(select(Message).where(Message.kind == "assessment_changed")).all()
        assert [one.recipient for one in letters] == [given.owner.person.email]
        assert "Judged were\n3 answers" in letters[0].text
        for secret in ("Tape is slow", "Contractors are people", "Ask about disks"):
            assert secret not in letters[0].text + letters[0].html
            assert secret not in "".join(str(one.data) for one in session.scalars(select(Event)))


def test_a_stale_form_changes_nothing(given: Reviewed) -> None:
    given.save(Wish(MFA, "challenged", reason="Who?"))
    seen = given.case().token((MFA, ""))
    given.save(Wish(MFA, "accepted"))
    with pytest.raises(Stale):
        given.save(Wish(MFA, "disproved", reason="No."), seen=seen)
    with pytest.raises(Stale):
        given.change(marking.withdraw, MFA, "", seen=seen)
    with pytest.raises(Stale):
        given.save(Wish(MFA, "disproved", reason="No."), seen="")
    assert given.case().drafts[MFA, ""].mark == "accepted"
    given.write()
    with pytest.raises(Stale):  # written since: not what the page showed either
        given.save(Wish(MFA, "challenged", reason="Who?"), seen=seen)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish(PLAN, "accepted"), "mark"),
        (Wish(PATCH, "accepted"), "mark"),
        (Wish(MFA, "na_accepted"), "mark"),
        (Wish(MFA, "perhaps"), "mark"),
        (Wish(MFA, "withdrawn"), "mark"),
        (Wish(HIDDEN, "disproved", reason="Never asked."), "mark"),
        (Wish(MFA, "graded", reason="Half."), "points"),
        (Wish(MFA, "graded", points=101, reason="More than all."), "points"),
        (Wish(MFA, "accepted", points=50), "mark"),
        (Wish(MFA, "challenged"), "reason"),
        (Wish(MFA, "graded", points=50), "reason"),
        (Wish(MFA, "disproved"), "reason"),
        (Wish(MFA, "accepted", reason="x" * 4001), "reason"),
        (Wish(MFA, "accepted", remark="x" * 4001), "remark"),
        (Wish(MFA, "graded", points=100, reason="ISO", certificate=uuid.UUID(int=1)), "certificate"),
    ],
)
def test_what_cannot_stand_is_refused_at_its_field(given: Reviewed, wish: Wish, field: str) -> None:
    with pytest.raises(Invalid) as fault:
        given.save(wish)
    assert list(fault.value.errors) == [field]
    assert given.case().drafts == {}


def test_places_that_are_not_there_are_not_found(given: Reviewed) -> None:
    for wish in (Wish("own.rich.none", "accepted"), Wish(MFA, "accepted", document=str(uuid.UUID(int=1)))):
        with pytest.raises(NotFound):
            given.save(wish)


def test_what_may_be_chosen_is_what_the_engine_takes(given: Reviewed) -> None:
    case = given.case()
    assert marking.possible(case, MFA) == ("accepted", "challenged", "graded", "disproved")
    assert marking.possible(case, PATCH) == ("graded", "disproved", "na_accepted")
    assert marking.possible(case, PLAN) == ("challenged", "graded", "disproved")


@pytest.mark.parametrize("role", [OrganisationRole.AUDITOR, OrganisationRole.PROCUREMENT])
def test_only_reviewers_judge(given: Reviewed, role: OrganisationRole) -> None:
    other = given.organisation[role]
    for step in (
        lambda: given.save(Wish(MFA, "accepted"), actor=other),
        lambda: given.write(actor=other),
        lambda: given.change(reviewing.discard, seen="", actor=other),
        lambda: given.change(reviewing.note, MFA, "Hm.", actor=other),
        lambda: given.change(reviewing.take, actor=other),
    ):
        with pytest.raises(Refused):
            step()


def test_a_mark_is_taken_back_in_two_ways(given: Reviewed) -> None:
    given.save(Wish(MFA, "accepted"))
    given.change(marking.withdraw, MFA, "", seen=given.case().token((MFA, "")))
    assert given.case().drafts == {}
    with pytest.raises(Conflict, match="no mark"):
        given.change(marking.withdraw, MFA, "", seen="")
    given.save(Wish(MFA, "disproved", reason="Seen otherwise."))
    given.write()
    low = given.case().result().score
    given.change(marking.withdraw, MFA, "", seen=given.case().token((MFA, "")))
    assert given.case().drafts[MFA, ""].mark == "withdrawn"
    assert (given.case().result().score or 0) > (low or 0)
    given.write()
    assert given.ratings()[-1].marks == {}
    assert given.case().marks == {}
    given.save(Wish(MFA, "accepted"), seen="")
    given.write()
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(select(Mark).order_by(Mark.sequence)).all()
        assert [(one.sequence, one.mark) for one in rows] == [
            (1, "disproved"),
            (2, "withdrawn"),
            (3, "accepted"),
        ]


def test_nothing_to_write_is_said(given: Reviewed) -> None:
    with pytest.raises(Conflict, match="nothing new"):
        given.write()
    assert len(given.ratings()) == 1


def test_a_review_is_taken_finished_and_opened_again(given: Reviewed) -> None:
    with pytest.raises(Conflict, match="not finished"):
        given.change(reviewing.resume)
    given.save(Wish(MFA, "accepted"))
    ciso = given.organisation[OrganisationRole.CISO]
    given.change(reviewing.take, actor=ciso)
    given.write(finish=True, now=NOW + timedelta(hours=1))
    with given.database.looking(SYSTEM) as session:
        row = session.scalars(select(Review)).one()
        assert (row.state, row.reviewer_id, row.finished_by) == (
            "finished",
            ciso.person.id,
            given.reviewer.person.id,
        )
    assert given.case().assessment.reviewed_at == NOW + timedelta(hours=1)
    given.write(finish=True)  # nothing new is no obstacle to finishing
    assert len(given.ratings()) == 2
    given.change(reviewing.resume)
    assert given.case().assessment.reviewed_at is None


def test_the_company_cannot_even_ask_for_what_is_internal(given: Reviewed) -> None:
    given.save(Wish(MFA, "challenged", reason="Who?", remark="They lie."))
    given.change(reviewing.note, MFA, "Let us see.")
    with given.database.looking(given.owner.scope) as session:
        assert queries.marks_of(session, given.owner, given.submission) == []
        for model in (MarkDraft, MarkRemark, Review):
            with pytest.raises(UnscopedQuery):
                session.execute(select(model)).all()
        with pytest.raises(LookupError):
            queries.drafts_of(session, given.owner, given.submission)
        with pytest.raises(LookupError):
            queries.notes_of(session, given.owner, given.submission, MFA)
    given.write()
    with given.database.looking(given.owner.scope) as session:
        (one,) = queries.marks_of(session, given.owner, given.submission)
        assert queries.reasons_of(session, given.owner, given.submission) == {one.id: "Who?"}


def test_a_note_says_something(given: Reviewed) -> None:
    for text in ("", "x" * 4001):
        with pytest.raises(Invalid):
            given.change(reviewing.note, MFA, text)
    with pytest.raises(NotFound):
        given.change(reviewing.note, "own.rich.none", "Hm.")
    given.change(reviewing.note, MFA, "Hm.")
    with given.database.looking(given.reviewer.scope) as session:
        assert [one.text for one in queries.notes_of(session, given.reviewer, given.submission, MFA)] == [
            "Hm."
        ]


@pytest.mark.both_databases
def test_a_range_of_many_sections_is_kept_whole(given: Reviewed) -> None:
    """A hundred sections, each with a prime sum of weights: the least common multiple has several hundred digits."""
    long = writing.exact(Fraction(1, 10**700 + 1))
    given.save(Wish(MFA, "accepted"))
    given.write()
    (mark,) = given.case().marks.values()
    row = {one.name: getattr(mark, one.name) for one in Mark.__table__.columns}
    with given.database.transaction(given.reviewer.scope) as session:
        again = {**row, "id": uuid.uuid4(), "sequence": 2, "score_low": long, "score_high": long}
        insert_rows(session, Mark, [again])
        found = queries.case(session, given.reviewer, given.submission)
        reviewing.note(session, found, MFA, "An event.", actor=given.reviewer, now=NOW)
    (mark,) = given.case().marks.values()
    assert (mark.score_low, mark.score_high) == (long, long)


def test_the_range_of_a_written_mark_tells_of_nothing_that_was_taken_back(given: Reviewed) -> None:
    given.save(Wish(MFA, "challenged", reason="Who?"), at=1)
    given.save(Wish(PLAN, "graded", points=60, reason="Tape."), at=2)
    given.save(Wish(LOGS, "accepted"), at=3)
    given.change(marking.withdraw, MFA, "", seen=given.case().token((MFA, "")))
    given.save(Wish(PLAN, "graded", points=90, reason="Tape, tested."), at=4)
    given.write()
    marks = {one.key: one for one in given.case().marks.values()}
    now = given.case().result()
    assert set(marks) == {PLAN, LOGS}
    assert (marks[PLAN].score_low, marks[PLAN].score_high) == (
        writing.exact(now.score),
        writing.exact(now.high),
    )
    alone = given.case().result(rating.Judgement({LOGS: {"mark": "accepted"}}))
    assert marks[LOGS].score_high == writing.exact(alone.high)


@pytest.mark.parametrize("mark", ["challenged", "disproved"])
def test_what_an_unwritten_mark_brings_into_question_can_be_judged(given: Reviewed, mark: str) -> None:
    """The gate says no; whoever does not believe that has the question behind it before them, at once."""
    with pytest.raises(Invalid):
        given.save(Wish(HIDDEN, "graded", points=60, reason="Thin."))
    given.save(Wish(GATE, mark, reason="There is a bill from a cloud."))
    assert HIDDEN in given.case().asked
    given.save(Wish(HIDDEN, "graded", points=60, reason="Thin."))
    given.write()
    assert given.ratings()[-1].marks[HIDDEN] == {"mark": "graded", "points": 60}
