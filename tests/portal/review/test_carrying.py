"""Marks between rounds: kept where nothing that they judged has changed, lapsed otherwise."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select

from portal.access import OrganisationRole
from portal.assessments.drafts import Content
from portal.assessments.models import SealedAnswer
from portal.db import SYSTEM, Database
from portal.faults import Conflict
from portal.review import marking, queries
from portal.review.marking import Wish
from portal.review.models import Mark
from tests.portal.review.given import Reviewed

MFA, PLAN, PATCH, LOGS = (f"own.rich.{one}" for one in ("mfa", "plan", "patch", "logs"))


def judged(given: Reviewed) -> None:
    given.save(Wish(PLAN, "graded", points=60, reason="Tape is slow.", remark="Ours."), at=1)
    given.save(Wish(PATCH, "na_accepted"), at=2)
    given.save(Wish(MFA, "challenged", reason="Who?"), at=3)
    given.write(finish=True)


@pytest.mark.both_databases
def test_what_has_not_changed_keeps_its_mark_and_reason(given: Reviewed) -> None:
    judged(given)
    given.save(Wish(LOGS, "accepted"), at=4)  # never written: stays with the old round
    later = given.again({MFA: Content("answered", "yes", "All of them now.")})
    first, second = later.ratings()
    assert first.marks == {}
    assert second.marks == {PATCH: {"mark": "na_accepted"}, PLAN: {"mark": "graded", "points": 60}}
    assert second.rated_by is None
    case = later.case()
    assert {place[0] for place in case.marks} == {PLAN, PATCH}
    assert case.drafts == {}
    assert case.assessment.reviewed_at is None
    plan = case.marks[PLAN, ""]
    assert plan.marked_by == given.reviewer.person.id
    assert plan.carried_from == given.case().marks[PLAN, ""].id
    with given.database.looking(given.reviewer.scope) as session:
        assert queries.reasons_of(session, given.reviewer, later.submission) == {plan.id: "Tape is slow."}
        assert queries.remarks_of(session, given.reviewer, [plan]) == {plan.id: "Ours."}
    with pytest.raises(Conflict, match="newer round"):
        given.save(Wish(LOGS, "disproved", reason="Late."))
    third = later.again({})
    assert {place[0] for place in third.case().marks} == {PLAN, PATCH}
    assert third.case().marks[PLAN, ""].carried_from == plan.carried_from


@pytest.mark.parametrize(
    ("key", "content"),
    [
        (PLAN, Content("answered", "We restore from disk.")),
        (PLAN, Content("answered", "We restore from tape & <b>pray</b>.", "Every month.")),
        (PATCH, Content("not_applicable", None, "Somebody else does.")),
        (PATCH, Content("answered", "yes")),
    ],
)
def test_a_changed_value_state_or_note_lapses_the_mark(given: Reviewed, key: str, content: Content) -> None:
    judged(given)
    kept = {place[0] for place in given.again({key: content}).case().marks}
    assert kept == {PLAN, PATCH, MFA} - {key}


def test_an_answer_that_was_removed_keeps_no_mark(given: Reviewed, database: Database) -> None:
    judged(given)
    with database.transaction(SYSTEM) as session:
        session.execute(
            delete(SealedAnswer)
            .where(SealedAnswer.submission_id == given.submission, SealedAnswer.key == PLAN)
            .execution_options(unaudited=True)
        )
    assert {place[0] for place in given.again({}).case().marks} == {PATCH, MFA}


@pytest.mark.both_databases
def test_what_somebody_said_beneath_another_mark_goes_on_too(given: Reviewed) -> None:
    """Without the last word, be it a better mark or the taking back, the next round would not know of the first."""
    ciso = given.organisation[OrganisationRole.CISO]
    for key in (MFA, LOGS):
        given.save(Wish(key, "disproved", reason="They lie."))
    given.save(Wish(PATCH, "na_accepted"))
    given.write()
    given.save(Wish(MFA, "graded", points=100, reason="I have seen it."), actor=ciso)
    given.change(marking.withdraw, LOGS, "", seen=given.case().token((LOGS, "")), actor=ciso)
    given.change(marking.withdraw, PATCH, "", seen=given.case().token((PATCH, "")))
    given.write(actor=ciso)
    later = given.again({PLAN: Content("answered", "Disks.")})
    assert {key: one.mark for (key, _document), one in later.case().marks.items()} == {MFA: "graded"}
    assert later.ratings()[-1].marks == {MFA: {"mark": "graded", "points": 100}}
    with given.database.looking(ciso.scope) as session:
        some = queries.by_place(queries.marks_of(session, ciso, later.submission))
        said = queries.reasons_of(session, ciso, later.submission)
    both = [given.reviewer.person.id, ciso.person.id]
    assert {
        key: [(one.mark, one.marked_by) for one in marks] for (key, _document), marks in some.items()
    } == {
        MFA: [("disproved", both[0]), ("graded", both[1])],
        LOGS: [("disproved", both[0]), ("withdrawn", both[1])],
    }
    assert sorted(said.values()) == ["I have seen it.", "They lie.", "They lie."]


def test_without_marks_nothing_is_rated_twice(given: Reviewed) -> None:
    later = given.again({})
    assert len(later.ratings()) == 1
    with given.database.looking(SYSTEM) as session:
        assert session.scalars(select(Mark)).all() == []
