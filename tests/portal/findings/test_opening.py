"""Findings open by themselves, once, follow their question, and are closed by people alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.findings import closing, keeping, queries
from portal.outbox import Message
from portal.review.marking import Wish
from portal.settings import Settings
from tests.portal import journey
from tests.portal.findings import given as findings
from tests.portal.findings.given import GOOD, LOGS, MFA, STEPS, WORST, Found
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases


def letters(database: Database, kind: str) -> list[Message]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Message).where(Message.kind == kind).order_by(Message.created_at)))


def kinds(database: Database) -> list[str]:
    with database.looking(SYSTEM) as session:
        rows = session.scalars(
            select(Event).where(Event.subject_type == "finding").order_by(Event.at, Event.id)
        )
        return sorted(one.kind for one in rows)


def test_sealing_opens_one_finding_for_each_fault_with_one_letter(given: Found) -> None:
    opened = given.all()
    assert [(one.key, one.code.partition(":")[0], one.severity) for one in opened] == [
        (MFA, "knockout", "critical"),
        (MFA, "finding", "critical"),
        (STEPS, "finding", "high"),
    ]
    assert {one.state for one in opened} == {"open"}
    assert {one.opened for one in opened} == {findings.TODAY}
    assert all(one.called_for and one.opened_by is None and one.due is None for one in opened)
    assert kinds(given.database) == ["finding.opened"] * findings.EARNED
    told = letters(given.database, "finding_vendor")
    assert {one.recipient for one in told} >= {given.owner.person.email}
    assert len(told) == len({one.recipient for one in told})
    assert "3 findings" in told[0].text


def test_what_was_answered_well_opens_nothing_and_writes_no_letter(
    database: Database, settings: Settings
) -> None:
    organisation = make_organisation(database, settings, "Halden")
    given = findings.found(database, organisation, make_company(database, settings, "Fennmark"), GOOD)
    assert given.all() == []
    assert letters(database, "finding_vendor") == []


def test_the_next_cycle_updates_and_never_doubles(given: Found) -> None:
    before = {one.id: one for one in given.all()}
    submission = given.again(WORST)
    after = given.all()
    assert {one.id for one in after} == set(before)
    assert all(one.submission_id == submission for one in after)
    assert all(one.opened == before[one.id].opened for one in after)
    assert kinds(given.database).count("finding.confirmed") == findings.EARNED
    assert len(letters(given.database, "finding_vendor")) == 1


def test_what_is_no_longer_earned_stays_until_somebody_closes_it(given: Found) -> None:
    given.again(GOOD)
    assert {(one.state, one.called_for) for one in given.all()} == {("open", False)}
    assert kinds(given.database).count("finding.uncalled") == findings.EARNED
    given.again(WORST, now=NOW + timedelta(days=60))
    assert {(one.state, one.called_for) for one in given.all()} == {("open", True)}
    assert len(given.all()) == findings.EARNED


def test_a_mark_that_makes_a_knockout_fail_opens_it_when_the_rating_is_written(
    database: Database, settings: Settings
) -> None:
    organisation = make_organisation(database, settings, "Halden")
    given = findings.found(database, organisation, make_company(database, settings, "Fennmark"), GOOD)
    given.mark(Wish(MFA, "disproved", points=0, reason="The auditor saw otherwise."))
    (opened,) = given.all()
    assert (opened.key, opened.code, opened.severity) == (MFA, "knockout", "critical")
    given.mark(
        Wish(MFA, "graded", points=100, reason="It was a misunderstanding."), now=NOW + timedelta(hours=2)
    )
    (after,) = given.all()
    assert (after.id, after.state, after.called_for) == (opened.id, "open", False)


def test_what_was_closed_stays_closed_over_the_same_answers(given: Found) -> None:
    text = given.one("finding:", STEPS)
    given.act(closing.propose, text, "no_fault", reason="They train with us.")
    given.mark(Wish(LOGS, "accepted"))
    assert [one.state for one in given.all() if one.id == text.id] == ["closed"]
    assert len(given.all()) == findings.EARNED
    given.again(WORST)  # another year: said again, so found again
    again = [one for one in given.all() if one.key == STEPS]
    assert [one.state for one in again] == ["closed", "open"]


def test_a_finding_follows_its_question_into_a_newer_version(given: Found) -> None:
    before = {one.code.partition(":")[0] + one.key: one for one in given.all()}
    renamed = {"key": "own.kept.second", "formerly": [f"{MFA}@1"]}
    mended = [{"option": "no", "severity": "critical", "text": "One stolen password is all it takes."}]
    newer = findings.definition("1.1.0", mfa={**renamed, "finding": mended})
    journey.release(given.database, given.organisation, newer)
    answers = {("own.kept.second" if key == MFA else key): one for key, one in WORST.items()}
    given.again(answers, definition=newer)
    after = given.all()
    assert {one.id for one in after} == {one.id for one in before.values()}
    assert {one.key for one in after} == {"own.kept.second", STEPS}
    text = next(one for one in after if one.code.startswith("finding:") and one.key != STEPS)
    assert text.code != before[f"finding{MFA}"].code
    assert text.opened == findings.TODAY


def test_two_engagements_have_findings_of_their_own(database: Database, settings: Settings) -> None:
    organisation = make_organisation(database, settings, "Halden")
    given = findings.found(
        database, organisation, make_company(database, settings, "Fennmark"), names=("Archive", "Post")
    )
    first, second = given.issued.engagements
    assert {one.engagement_id for one in given.links()} == {first, second}
    alone = journey.again(
        database,
        organisation,
        given.issued.vendor,
        (second,),
        given.issued.definition,
        now=NOW + timedelta(days=5),
    )
    journey.submit(
        database, given.issued, GOOD, assessment=alone, now=NOW + timedelta(days=5),
        consequences=findings.CONSEQUENCES,
    )  # fmt: skip
    assert {one.called_for for one in given.all()} == {True}, (
        "the first engagement's answers still call for them"
    )
    called = {one.engagement_id: one.called_for for one in given.links()}
    assert called == {first: True, second: False}
    with database.looking(given.reviewer.scope) as session:
        stands = queries.open_for_gate(session, organisation.id, [first, second])
    assert len(stands[first]) == len(stands[second]) == findings.EARNED


def test_what_was_merged_is_known_again(given: Found) -> None:
    knockout, text = given.one("knockout"), given.one("finding:")
    with given.database.transaction(given.reviewer.scope) as session:
        held = [queries.finding(session, given.reviewer, one, lock=True) for one in (knockout.id, text.id)]
        keeping.merge(
            session, *held, seen=held[0].revision, actor=given.reviewer, now=NOW + timedelta(hours=1)
        )
    given.again(WORST)
    assert len(given.all()) == findings.EARNED
    assert [one.state for one in given.all() if one.id == text.id] == ["merged"]
