"""Adverse marks that a vendor sheds by changing something: noted in every round until a person judges again."""

from __future__ import annotations

import random
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from portal.access import CompanyRole
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.review import earlier, last_time, marking, queries
from portal.review.lapsing import Turn, lapses
from portal.review.marking import Wish
from portal.review.models import LapsedMark, Mark
from portal.settings import Settings
from tests.conftest import FULL
from tests.portal import journey, rich
from tests.portal.review.given import CONSEQUENCES, Reviewed, reviewed
from tests.portal.world import NOW, make_company, make_organisation

MFA, PLAN, PATCH, LOGS, CLOUD, KEYS, ADMIN, STEPS = (
    f"own.rich.{one}" for one in ("mfa", "plan", "patch", "logs", "cloud", "cloud_keys", "admin", "steps")
)
WHY = "Nobody has shown it."


def lost(given: Reviewed) -> frozenset[str]:
    """The questions that count as not judged, as the organisation's gate reads them."""
    with given.database.looking(given.reviewer.scope) as session:
        found = queries.lapsed_adverse(session, given.organisation.id, [given.submission])
    assert set(found) <= {given.submission}
    return found.get(given.submission, frozenset())


def challenged(given: Reviewed, key: str = MFA) -> None:
    given.save(Wish(key, "challenged", reason=WHY))
    given.write()


def next_year(given: Reviewed, answers: dict[str, Content], days: int = 3) -> Reviewed:
    """The same asked anew, in another assessment."""
    now, issued = NOW + timedelta(days=days), given.issued
    place = issued.organisation
    assessment = journey.again(
        given.database, place, issued.vendor, issued.engagements, rich.DEFINITION, now=now
    )
    found = journey.submit(
        given.database,
        issued,
        rich.ANSWERS | answers,
        assessment=assessment,
        now=now,
        consequences=(*CONSEQUENCES, last_time.heed_after_submission),
    )
    return Reviewed(given.database, replace(issued, assessment=assessment), found)


@pytest.mark.both_databases
def test_what_was_judged_badly_the_last_time_is_not_shed_by_being_asked_anew(given: Reviewed) -> None:
    given.save(Wish(LOGS, "accepted"))
    challenged(given)
    again = next_year(given, {})
    assert again.case().marks == {}
    assert lost(again) == {MFA}  # the same words once more have shown nothing
    another = next_year(again, {MFA: Content("answered", "yes")}, 6)
    assert lost(another) == {MFA}
    with given.database.looking(given.reviewer.scope) as session:
        (note,) = queries.lapsed_of(session, given.reviewer, another.submission)[MFA]
    assert (note.round, note.reason, note.mark.mark) == (0, WHY, "challenged")
    another.save(Wish(MFA, "accepted"))
    another.write()
    assert lost(another) == frozenset()
    assert lost(next_year(another, {}, 9)) == frozenset()
    assert lost(next_year(given, {LOGS: Content("answered", "no")}, 12)) == frozenset()


def test_a_campaign_between_is_no_last_time(given: Reviewed) -> None:
    challenged(given)
    between = next_year(given, {MFA: Content("answered", "yes")})
    with given.database.transaction() as session:
        asked = update(Assessment).where(Assessment.id == between.issued.assessment)
        session.execute(asked.values(campaign_id=uuid.uuid4(), ladder="none"))
        record(session, Kind.ANSWERS_SAVED, now=NOW, actor=None)
    between.save(Wish(MFA, "accepted"))
    between.write()
    later = next_year(given, {MFA: Content("answered", "yes")}, 6)
    assert lost(later) == {MFA}
    with given.database.looking(given.reviewer.scope) as session:
        before = earlier.earlier(session, given.reviewer, later.case())
        campaign = earlier.earlier(session, given.reviewer, between.case())
    assert before is not None
    assert before.marks[MFA].mark == "challenged"
    assert campaign is None


def test_where_nothing_was_judged_the_last_time_nothing_is_noted(given: Reviewed) -> None:
    assert lost(next_year(given, {})) == frozenset()
    given.save(Wish(LOGS, "accepted"))
    given.write()
    assert lost(next_year(given, {}, 6)) == frozenset()


@pytest.mark.both_databases
def test_one_character_sheds_no_challenge(given: Reviewed) -> None:
    challenged(given)
    assert lost(given) == frozenset()  # it stands here
    second = given.again({MFA: Content("answered", "some", "Contractors come next year..")})
    assert second.case().marks == {}
    assert lost(second) == {MFA}
    third = second.again({LOGS: Content("answered", "some")})
    assert lost(third) == {MFA}
    third.save(Wish(MFA, "accepted"))
    assert lost(third) == {MFA}  # what is in no rating judges nothing
    third.write()
    assert lost(third) == frozenset()
    assert lost(third.again({LOGS: Content("answered", "no")})) == frozenset()


def test_what_was_accepted_since_and_changed_again_is_judged_again(given: Reviewed) -> None:
    challenged(given)
    second = given.again({MFA: Content("answered", "no")})
    second.save(Wish(MFA, "accepted"))
    second.write()
    third = second.again({MFA: Content("answered", "some", "Contractors come next year.")})
    assert lost(third) == {MFA}


def test_a_mark_that_is_kept_or_taken_back_is_not_lost(given: Reviewed) -> None:
    challenged(given)
    kept = given.again({LOGS: Content("answered", "some")})
    assert lost(kept) == frozenset()
    kept.change(marking.withdraw, MFA, "", seen=kept.case().token((MFA, "")))
    kept.write()
    assert lost(kept.again({MFA: Content("answered", "yes")})) == frozenset()


@pytest.mark.parametrize(
    ("key", "mark", "points", "adverse"),
    [
        (MFA, "disproved", None, True),
        (LOGS, "graded", 99, True),
        (MFA, "graded", 36, False),  # better than the 35 that it earns
        (LOGS, "graded", 100, False),
        (PLAN, "graded", 60, True),
        (LOGS, "accepted", None, False),
        (PATCH, "na_accepted", None, False),
    ],
)
def test_only_what_spoke_against_the_answer_is_noted(
    given: Reviewed, key: str, mark: str, points: int | None, adverse: bool
) -> None:
    given.save(Wish(key, mark, points=points, reason=WHY))
    given.write()
    later = given.again({key: Content("answered", "no") if key != PLAN else Content("answered", "Disks.")})
    assert lost(later) == ({key} if adverse else frozenset())


def test_a_refused_document_that_is_replaced_leaves_its_question_to_judge(
    database: Database, settings: Settings
) -> None:
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    given = reviewed(database, organisation, company, papers={ADMIN: "Key policy"})
    (paper,) = given.case().beside[ADMIN]
    given.save(Wish(ADMIN, "refused", str(paper.evidence), reason="Of another firm."))
    given.write()
    assert lost(given.again({ADMIN: Content("answered", "yes", "See the policy.")})) == {ADMIN}


def test_a_challenged_question_is_not_hidden_by_another_answer(given: Reviewed) -> None:
    """It is asked for all the same (assessments.returning.insisted), and waits there."""
    cloud = given.again({CLOUD: Content("answered", "yes"), KEYS: Content("answered", "yes")})
    challenged(cloud, KEYS)
    away = cloud.again({CLOUD: Content("answered", "no")})
    assert KEYS in away.case().asked
    assert lost(away) == {KEYS}
    still = away.again({LOGS: Content("answered", "some")})
    assert lost(still) == {KEYS}
    still.save(Wish(KEYS, "disproved", reason="They run two clusters."))
    still.write()
    assert lost(still) == frozenset()


def note(key: str, about: str) -> LapsedMark:
    return LapsedMark(submission_id=uuid.uuid4(), key=key, mark_id=MARK, about=about)


def mark(key: str, name: str, **fields: object) -> Mark:
    return Mark(id=uuid.uuid4(), key=key, document="", mark=name, **fields)


MARK = uuid.uuid4()
KEPT = mark(CLOUD, "accepted")


@pytest.mark.parametrize(
    ("marks", "notes", "hidden", "changed", "found"),
    [
        # what was challenged is not asked any more: the answer that decides that is looked at
        ([mark(KEYS, "challenged")], [], {KEYS}, {CLOUD}, {(CLOUD, KEYS)}),
        # ... also where it is the same, since the question or its condition may have changed
        ([mark(KEYS, "challenged")], [], {KEYS}, set(), {(CLOUD, KEYS)}),
        # it waits there until somebody judges
        ([], [note(CLOUD, KEYS)], {KEYS}, set(), {(CLOUD, KEYS)}),
        ([KEPT], [note(CLOUD, KEYS)], {KEYS}, set(), set()),
        # shown again it is what it was, whatever was judged instead
        ([KEPT], [note(CLOUD, KEYS)], set(), set(), {(KEYS, KEYS)}),
        ([], [note(CLOUD, KEYS)], set(), {CLOUD}, {(KEYS, KEYS)}),
        # what was looked at is another answer now
        ([mark(CLOUD, "accepted")], [note(CLOUD, KEYS)], {KEYS}, {CLOUD}, {(CLOUD, KEYS)}),
        # a mark of the round before that was only kept has judged nothing anew
        ([mark(CLOUD, "accepted", carried_from=MARK)], [note(CLOUD, KEYS)], {KEYS}, set(), {(CLOUD, KEYS)}),
    ],
)
def test_what_is_hidden_waits_at_the_answer_that_hides_it(
    marks: list[Mark],
    notes: list[LapsedMark],
    hidden: set[str],
    changed: set[str],
    found: set[tuple[str, str]],
) -> None:
    same = {key: key for key in rich.DEFINITION.questions}
    turn = Turn(rich.DEFINITION, {key: (key,) for key in same}, same, hidden, lambda key: key in changed)
    shed = lapses(turn, {(one.key, ""): one for one in marks}, {KEPT.id}, notes, {})
    assert {(one.key, one.about) for one in shed} == found


def test_it_is_on_record_also_when_no_mark_was_kept(given: Reviewed) -> None:
    challenged(given)
    given.save(Wish(LOGS, "accepted"))
    given.write()
    later = given.again({MFA: Content("answered", "yes"), LOGS: Content("answered", "no")})
    assert len(later.ratings()) == 1
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(select(Event).where(Event.kind == Kind.MARKS_CARRIED.value)).all()
    assert [one.data for one in rows] == [
        {"submission": str(later.submission), "kept": 0, "lapsed": 2, "adverse": 1}
    ]
    assert rows[0].subject_id == later.ratings()[0].id


def test_many_are_read_in_one_statement_and_nobody_elses(
    database: Database, settings: Settings, given: Reviewed
) -> None:
    challenged(given)
    later = given.again({MFA: Content("answered", "yes")})
    other = reviewed(
        database,
        make_organisation(database, settings, "Alder"),
        make_company(database, settings, "Quarry"),
    )
    challenged(other, LOGS)
    others = other.again({LOGS: Content("answered", "no")})
    both = [later.submission, others.submission, given.submission]
    seen: list[str] = []
    with database.looking(given.reviewer.scope) as session:
        event.listen(database.reading, "before_cursor_execute", lambda *args: seen.append(args[2]))
        found = queries.lapsed_adverse(session, given.organisation.id, both)
    assert found == {later.submission: {MFA}}
    assert len(seen) == 1
    with database.looking(given.issued.company[CompanyRole.OWNER].scope) as session:
        noted = queries.notes_of_lapses(session, given.owner, later.submission)
    assert [(one.key, one.about) for one in noted] == [(MFA, MFA)]


def test_taking_back_what_was_judged_since_leaves_it_unjudged(given: Reviewed) -> None:
    challenged(given)
    later = given.again({MFA: Content("answered", "yes")})
    later.save(Wish(MFA, "accepted"))
    later.write()
    later.change(marking.withdraw, MFA, "", seen=later.case().token((MFA, "")))
    later.write()
    assert lost(later) == {MFA}


CHANGES = {
    MFA: [Content("answered", one, note) for one in ("yes", "some", "no") for note in ("", "Soon.")],
    LOGS: [Content("answered", one) for one in ("yes", "some", "no")],
    PATCH: [Content("not_applicable", None, "Not ours."), Content("answered", "yes")],
    PLAN: [Content("answered", one) for one in ("Tape.", "Disks.")],
    KEYS: [Content("answered", one) for one in ("yes", "no")],
    CLOUD: [Content("answered", one) for one in ("yes", "no")],
}


@pytest.mark.parametrize("seed", range(12 if FULL else 3))
def test_whatever_is_changed_and_submitted_again_a_bad_answer_waits_for_a_person(
    given: Reviewed, seed: int
) -> None:
    """The oracle knows nothing of carrying: who judged what, when, and what was said then."""
    dice = random.Random(seed)
    bad: dict[str, tuple[object, ...]] = {}  # key -> what was said when it was last judged badly
    good: dict[
        str, tuple[object, ...]
    ] = {}  # key -> what was said when a person last judged it well, later than that
    said = {key: (answered(given, key)) for key in CHANGES}
    now = given
    for _round in range(4):
        case = now.case()
        asked = {line.key for line in case.result(case.written).trace if line.state != "hidden"}
        for key in dice.sample(sorted(set(CHANGES) & asked), 2):
            wish = dice.choice(
                [
                    Wish(key, "disproved", reason=WHY),
                    Wish(key, "graded", points=10, reason=WHY),
                    Wish(key, "graded", points=100, reason=WHY),
                ]
            )
            now.save(wish)
            if wish.points == 100:
                good[key] = said[key]
            else:
                bad[key] = said[key]
                good.pop(key, None)
        now.write()
        changes = {key: dice.choice(CHANGES[key]) for key in dice.sample(sorted(CHANGES), dice.randint(1, 3))}
        if changes.get(CLOUD, Content()).value == "yes":
            changes.setdefault(KEYS, CHANGES[KEYS][0])
        now = now.again(changes)
        said = {key: answered(now, key) for key in CHANGES}
        case, listed = now.case(), lost(now)
        lines = {line.key: line.state for line in case.result(case.written).trace}
        for key in bad:
            stands = case.marks.get((key, ""))
            assert lines[key] != "hidden"
            if key in good and (said[key] == good[key] or said[key] != bad[key]):
                pass  # a person's last word was a good one: of this, and what is said now was never judged badly
            elif said[key] == bad[key] and stands is not None:
                assert stands.mark == "disproved" or stands.points == 10
            else:
                assert key in listed
                assert lines[key] not in ("accepted", "graded")


def answered(given: Reviewed, key: str) -> tuple[object, ...]:
    answer = given.case().answers.get(key)
    return () if answer is None else (answer.state, answer.value, answer.note)
