"""The facts of gates as the services leave them in the database, on both databases."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from portal.access import OrganisationRole
from portal.assessments import change_steps, changing, unlinking
from portal.assessments.drafts import Content
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.contracts import clause_queries, clause_texts
from portal.db import SYSTEM, Database
from portal.erasure import service as erasure
from portal.erasure.service import Subject
from portal.faults import NotFound
from portal.gate import case as gate_case
from portal.gate import loading, loading_answers, reading
from portal.gate.facts import GateFacts, Submitted
from portal.gate.loading import Loaded
from portal.gate.models import RiskException
from portal.organisations.models import OrganisationMember
from portal.review import marking, reviewing
from portal.review.marking import Wish
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.vendors.ground import ground_moved
from portal.vendors.models import Engagement, Vendor
from portal.vendors.policy import Policy
from tests.portal import journey, rich
from tests.portal.gate.given import policy
from tests.portal.once import made_once
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.world import NOW, Place, make_company, make_organisation

MFA, ADMIN, PATCH, PLAN = "own.rich.mfa", "own.rich.admin", "own.rich.patch", "own.rich.plan"
CISO, REVIEWER = OrganisationRole.CISO, OrganisationRole.REVIEWER


@pytest.fixture
@made_once
def case(database: Database, settings: Settings) -> Reviewed:
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    return reviewed(database, halden, cedar, papers={ADMIN: "Policy"})


def load(case: Reviewed, *, days: int = 0, without: uuid.UUID | None = None) -> Loaded:
    place = case.organisation
    with case.database.looking(place[CISO].scope) as session:
        return loading.one(
            session,
            place.id,
            case.issued.engagements[0],
            now=NOW + timedelta(days=days),
            without=() if without is None else (without,),
        )


def facts(case: Reviewed, **more: Any) -> GateFacts:
    return load(case, **more).facts


def answers(case: Reviewed, **more: Any) -> Submitted:
    (found,) = facts(case, **more).submitted
    return found


def mark(case: Reviewed, key: str, what: str, **more: Any) -> None:
    case.save(Wish(key, what, reason="We looked.", **more))


@pytest.mark.both_databases
def test_what_was_handed_in_and_nobody_has_looked_at(case: Reviewed) -> None:
    found = facts(case)
    assert (found.today, found.tier, found.tier_by_hand, found.linked) == (
        date(2026, 11, 21),
        "critical",
        True,
        True,
    )
    assert (found.personal, found.evaluation, found.offboarded) == (True, "current", False)
    one = answers(case)
    assert (one.slug, one.submission, one.whole_as_of) == ("rich", str(case.submission), date(2026, 11, 21))
    assert [(each.key, each.failed) for each in one.knockouts] == [(MFA, True)]
    assert [(each.key, each.held, each.until) for each in one.proofs] == [(ADMIN, True, None)]
    assert (one.unwritten, one.unjudged, one.unjudged_critical, one.lapsed) == (0, 8, 2, 0)
    assert not one.redacted
    assert not one.round_open
    assert [each.kind for each in found.documents] == ["policy"]
    loaded = load(case)
    assert loaded.ratings == tuple(each.id for each in case.ratings()[-1:])
    assert loaded.evaluation_id is not None
    assert loaded.ground_revision != 0


@pytest.mark.both_databases
def test_a_mark_in_the_making_counts_where_it_is_worse_and_never_where_it_is_better(case: Reviewed) -> None:
    before = answers(case)
    mark(case, ADMIN, "disproved")
    worse = answers(case)
    assert worse.unwritten == 1
    assert {each.key for each in worse.knockouts} == {MFA, ADMIN}
    assert (worse.low or 0, worse.high or 0) <= (before.low or 0, before.high or 0)
    case.change(marking.withdraw, ADMIN, "", seen=case.case().token((ADMIN, "")))
    mark(case, MFA, "graded", points=100)
    better = answers(case)
    assert (better.low, better.high, better.knockouts) == (before.low, before.high, before.knockouts)
    case.write()
    written = answers(case)
    assert (written.unwritten, written.knockouts, written.unjudged) == (0, (), 7)


def test_thrown_away_marks_are_gone_from_the_facts(case: Reviewed) -> None:
    before = facts(case)
    mark(case, ADMIN, "disproved")
    case.change(reviewing.discard, seen=case.case().unwritten)
    assert facts(case) == before


def test_a_refused_document_proves_nothing_written_or_not(case: Reviewed) -> None:
    (document,) = case.case().beside[ADMIN]
    mark(case, ADMIN, "refused", document=str(document.evidence))
    assert facts(case).documents == ()
    assert ADMIN in {one.key for one in answers(case).knockouts}  # unproven, and critical
    case.write()
    assert facts(case).documents == ()
    assert answers(case).proofs == ()


def test_an_exemption_rests_on_its_certificate(case: Reviewed) -> None:
    (document,) = case.case().beside[ADMIN]
    mark(case, PATCH, "graded", points=100, certificate=document.evidence)
    case.write()
    assert [(one.key, one.held) for one in answers(case).proofs] == [(ADMIN, True), (PATCH, True)]


@pytest.mark.both_databases
def test_nobody_decides_on_what_they_alone_have_judged(case: Reviewed) -> None:
    before = answers(case)
    mark(case, MFA, "graded", points=100)
    mark(case, ADMIN, "accepted")
    case.write()
    assert answers(case).knockouts == ()
    person = case.reviewer.person.id
    without = answers(case, without=person)
    assert without.knockouts == before.knockouts
    assert (without.low, without.high) == (before.low, before.high)
    assert (without.unjudged, without.unjudged_critical) == (8, 2)
    other = case.organisation[CISO].person.id
    assert answers(case, without=other) == answers(case)
    # Who takes an adverse mark of somebody else back has not made it good either.
    case.save(Wish(MFA, "disproved", reason="No."), actor=case.organisation[CISO])
    case.write()
    case.change(marking.withdraw, MFA, "", seen=case.case().token((MFA, "")))
    case.write()
    assert [one.failed for one in answers(case, without=person).knockouts] == [True]


def test_a_refused_document_that_the_decider_took_back_in_stays_refused_without_them(case: Reviewed) -> None:
    ciso = case.organisation[CISO]
    (document,) = case.case().beside[ADMIN]
    at = str(document.evidence)
    mark(case, ADMIN, "refused", document=at)
    case.write()
    case.save(Wish(ADMIN, "accepted", reason="It will do.", document=at), actor=ciso)
    case.write()
    assert [(one.kind, one.slug) for one in facts(case).documents] == [("policy", "rich")]
    assert facts(case, without=ciso.person.id).documents == ()


def test_what_a_helper_judged_is_the_act_of_whoever_let_them_in(
    case: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answers(case)
    mark(case, MFA, "graded", points=100)
    mark(case, ADMIN, "accepted")
    case.write()
    place = case.organisation
    monkeypatch.setattr(gate_case, "decide", lambda found, _policy: found)  # the facts that are decided on
    for given, knockouts in ((None, ()), (place[CISO].person.id, before.knockouts)):
        with case.database.transaction(SYSTEM) as session:
            seats = select(OrganisationMember).where(OrganisationMember.person_id == case.reviewer.person.id)
            session.scalars(seats).one().given_by = given
            record(session, Kind.EXCEPTION_SETTLED, now=NOW, actor=None)
        with case.database.looking(place[CISO].scope) as session:
            found = gate_case.read(session, place[CISO], case.issued.engagements[0], now=NOW)
            without: Any = gate_case.without_own(session, found, place[CISO], now=NOW)
        assert found.facts.submitted[0].knockouts == ()
        assert without.submitted[0].knockouts == knockouts


def test_what_an_adverse_mark_was_shed_from_is_judged_again_and_the_answers_before_still_count(
    case: Reviewed,
) -> None:
    mark(case, MFA, "disproved")
    case.write()
    bad = answers(case)
    again = case.again({MFA: Content("answered", "yes", "Now everybody.")})
    one = answers(again, days=2)
    assert one.submission == str(again.submission)
    assert (one.knockouts, one.lapsed) == ((), 1)
    assert [each.submission for each in one.former] == [bad.submission]
    assert [each.key for each in one.former[0].knockouts] == [MFA]
    again.save(Wish(MFA, "accepted", reason="Seen."))
    again.write()
    assert answers(again, days=2).lapsed == 0


def test_what_the_decider_alone_judged_anew_is_still_shed_without_them(case: Reviewed) -> None:
    ciso = case.organisation[CISO]
    mark(case, MFA, "disproved")
    case.write()
    again = case.again({MFA: Content("answered", "yes", "Now everybody.")})
    again.save(Wish(MFA, "accepted", reason="Seen."), actor=ciso)
    again.write(actor=ciso)
    assert answers(again, days=2).lapsed == 0
    assert answers(again, days=2, without=ciso.person.id).lapsed == 1
    assert answers(again, days=2, without=case.reviewer.person.id).lapsed == 0


def test_marks_that_a_round_left_behind_wait_at_the_gate(case: Reviewed) -> None:
    mark(case, ADMIN, "disproved")
    again = case.again({MFA: Content("answered", "yes", "Now everybody.")})
    assert answers(again, days=2).unwritten == 1
    again.save(Wish(PLAN, "graded", points=10, reason="No."))
    assert answers(again, days=2).unwritten == 2


@pytest.mark.both_databases
def test_no_number_of_new_submissions_makes_the_last_judged_one_forgotten(
    case: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, what in ((MFA, "disproved"), (ADMIN, "accepted")):
        mark(case, key, what)
    case.write()
    bad = answers(case)
    place, engagements = case.organisation, case.issued.engagements
    for days in (1, 2, 3):
        now = NOW + timedelta(days=days)
        again = journey.again(case.database, place, case.issued.vendor, engagements, rich.DEFINITION, now=now)
        better = rich.ANSWERS | {MFA: Content("answered", "yes")}
        journey.submit(case.database, case.issued, better, assessment=again, now=now)

    def former(*policies: Policy) -> list[str]:
        with case.database.looking(place[CISO].scope) as session:
            asked = dict.fromkeys(engagements, policies)
            found = loading.many(session, place.id, engagements, now=NOW + timedelta(days=4), policies=asked)
        (one,) = found[engagements[0]].facts.submitted
        return [each.submission for each in one.former]

    critical = policy(questionnaires=("rich",), review="critical")
    assert former(critical)[-1] == bad.submission
    monkeypatch.setattr(loading, "MOST_FORMER", 1)
    monkeypatch.setattr(loading_answers, "AT_ONCE", 1)
    assert former(critical)[-1] == bad.submission
    assert len(former(critical)) == 3
    unread = policy(questionnaires=("rich",), review="none")
    assert former(unread, critical) == former(critical)
    for nobody in ((), (unread,), (policy(questionnaires=("other",), review="all"),)):
        assert former(*nobody) == []  # no policy asks for it, so it is not read


def test_a_reopened_round_is_open_until_its_day(case: Reviewed) -> None:
    actor = case.organisation[CISO]
    due = date(2026, 12, 1)
    with case.database.transaction(actor.scope) as session:
        row, _vendor = change_steps.lock(session, actor, case.issued.assessment)
        changing.reopen(session, row, due=due, text="Look again.", actor=actor, now=NOW)
    assert (answers(case).round_open, answers(case).round_due) == (True, due)
    assert answers(case).submission == str(case.submission)


@pytest.mark.both_databases
def test_what_was_removed_is_no_ground_and_the_gate_can_still_be_read(case: Reviewed) -> None:
    mark(case, PLAN, "graded", points=100)
    place = case.organisation
    with case.database.transaction(place[CISO].scope) as session:
        subject = Subject("answer", case.issued.assessment, (PLAN,))
        row = erasure.propose(session, place[CISO], subject, "Asked for.", now=NOW)
    with case.database.transaction(place[OrganisationRole.ADMIN].scope) as session:
        erasure.approve(session, place[OrganisationRole.ADMIN], row.id, now=NOW)
    one = answers(case)
    assert (one.redacted, one.unwritten) == (True, 0)
    assert facts(case).evaluation == "current"  # nothing else can be evaluated any more


def test_other_facts_than_those_evaluated_make_it_outdated(case: Reviewed) -> None:
    place = case.organisation
    with case.database.transaction(place[CISO].scope) as session:
        vendor = session.scalars(select(Vendor).where(Vendor.organisation_id == place.id)).one()
        vendors.change_vendor(
            session,
            vendor,
            name=vendor.name,
            country="DE",
            revision=vendor.revision,
            actor=place[CISO],
            now=NOW,
        )
    assert facts(case).evaluation == "outdated"


def test_an_unlinked_vendor_has_handed_nothing_in(case: Reviewed) -> None:
    place = case.organisation
    with case.database.transaction(place[CISO].scope) as session:
        vendor = session.scalars(select(Vendor).where(Vendor.organisation_id == place.id)).one()
        unlinking.unlink(session, vendor, actor=place[CISO], now=NOW)
    found = facts(case)
    assert (found.linked, found.submitted, found.requirements, found.evaluation) == (False, (), (), "none")


def test_a_clause_written_anew_is_not_what_the_contract_holds(database: Database, scene: Any) -> None:
    deal = next(one for one in scene.deals if one.contract is not None)
    place = deal.organisation

    def musts() -> dict[str, Any]:
        with database.looking(place[CISO].scope) as session:
            found = loading.one(session, place.id, deal.engagement, now=NOW).facts
        return {one.key: one for one in found.requirements}

    held = {key: one for key, one in musts().items() if one.state == "in_contract"}
    assert held
    assert all(one.current for one in held.values())
    assert all(one.since == local_date(NOW, "Europe/Lisbon") for one in musts().values())
    key = next(iter(held))
    with database.transaction(place[CISO].scope) as session:
        base = len(clause_queries.clause_versions(session, place[CISO], key))
        clause_texts.save(session, key, "The supplier tells us.", base=base, actor=place[CISO], now=NOW)
    assert not musts()[key].current


def test_exceptions_count_once_they_are_approved(case: Reviewed) -> None:
    place = case.organisation
    given: dict[str, Any] = {
        "organisation_id": place.id, "engagement_id": case.issued.engagements[0], "code": "band", "subject": "rich",
        "measure": 33, "tier": "critical", "until": date(2027, 1, 1), "reason": "For now.",
        "proposed_by": place[CISO].person.id, "proposed_at": NOW,
    }  # fmt: skip
    with case.database.transaction(SYSTEM) as session:
        session.add_all(
            RiskException(id=uuid.uuid4(), state=state, **given) for state in ("waiting", "approved")
        )
        record(session, Kind.EXCEPTION_SETTLED, now=NOW, actor=None)
    (one,) = facts(case).accepted
    assert (one.code, one.subject, one.measure, one.until) == ("band", "rich", 33, date(2027, 1, 1))


def test_the_local_day_of_the_organisation_counts(case: Reviewed) -> None:
    evening = NOW.replace(hour=23, minute=30) - timedelta(days=120)  # summer time in Lisbon
    place = case.organisation
    with case.database.looking(place[CISO].scope) as session:
        found = loading.facts_of(session, place.id, case.issued.engagements, now=evening)
    assert {one.today for one in found.values()} == {evening.date() + timedelta(days=1)}


def test_gates_of_others_are_left_out(case: Reviewed, database: Database, settings: Settings) -> None:
    orrin = make_organisation(database, settings, "Orrin")
    ids = case.issued.engagements
    with database.looking(orrin[CISO].scope) as session:
        assert loading.many(session, orrin.id, ids, now=NOW) == {}
        assert reading.standing(session, orrin.id, ids, now=NOW) == {}
        assert reading.briefs(session, orrin.id, ids, now=NOW) == {}
        with pytest.raises(NotFound):
            loading.one(session, orrin.id, ids[0], now=NOW)


# ------------------------------------------------------------------------------------------------------- statements


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_one_and_many_take_the_same_number_of_statements(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    monkeypatch.setattr(journey, "CONSEQUENCES", ())
    names = tuple(f"Engagement {number}" for number in range(200))
    issued = journey.issue(database, halden, cedar, names=names)
    journey.submit(database, issued)
    numbers: dict[str, set[int]] = {"many": set(), "standing": set(), "briefs": set(), "again": set()}
    for some in (1, 1, 5, 200):
        ids = issued.engagements[:some]
        _move(database, halden, ids)
        for name, read in (
            ("many", loading.many), ("standing", reading.standing), ("briefs", reading.briefs),
            ("again", reading.briefs),
        ):  # fmt: skip
            with database.looking(halden[CISO].scope) as session, counted(database) as statements:
                found = read(session, halden.id, ids, now=NOW)
            assert len(found) == some
            numbers[name].add(len(statements))
    assert {name: len(one) for name, one in numbers.items()} == dict.fromkeys(numbers, 1)
    assert max(numbers["again"]) < max(numbers["briefs"])  # what has not moved is not read again
    assert max(numbers["many"]) <= 30
    with database.looking(halden[CISO].scope) as session:
        at_once = loading.many(session, halden.id, issued.engagements, now=NOW)
        monkeypatch.setattr(loading, "BATCH", 70)
        assert loading.many(session, halden.id, issued.engagements, now=NOW) == at_once


def _move(database: Database, place: Place, ids: Any) -> None:
    with database.transaction(place[CISO].scope) as session:
        ground_moved(session, place.id, ids)
        row = session.scalars(select(Engagement).where(Engagement.organisation_id == place.id).limit(1)).one()
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=place[CISO], subject=row)
