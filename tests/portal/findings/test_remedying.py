"""Plans and proofs: the vendor proposes, the organisation agrees; nothing but a written mark changes a score."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import result, sealing, showing
from portal.assessments.models import Rating
from portal.db import SYSTEM
from portal.evidence import service as library
from portal.evidence.models import Evidence, ProofDocument
from portal.evidence.service import Described
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.features import RATED
from portal.findings import closing, judging, keeping, queries
from portal.findings import steps as holding
from portal.findings.models import Finding, FindingStep
from portal.findings.steps import Stale
from portal.outbox import Message
from portal.review import marking
from portal.review import queries as review
from portal.review.marking import Wish
from portal.settings import Settings
from portal.vendors.models import Engagement
from tests.portal.findings import given as findings
from tests.portal.findings.given import LATER, LOGS, MFA, SOON, STEPS, TODAY, Found
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases


def steps(given: Found, finding_id: uuid.UUID) -> list[FindingStep]:
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(
            select(FindingStep).where(FindingStep.finding_id == finding_id).order_by(FindingStep.sequence)
        )
        return list(rows)


def told(given: Found, kind: str) -> list[str]:
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(
            select(Message).where(Message.kind == kind).order_by(Message.created_at, Message.id)
        )
        return [" ".join(one.text.split()) for one in rows]


def grounds(given: Found) -> int:
    with given.database.looking(SYSTEM) as session:
        return sum(session.scalars(select(Engagement.ground_revision)))


def scores(given: Found) -> list[result.Outcome]:
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(
            select(Rating).where(Rating.submission_id == given.submission).order_by(Rating.sequence)
        )
        return [result.read(one.result) for one in rows]


def paper(given: Found, title: str = "Bill for keys") -> uuid.UUID:
    with given.database.transaction(given.owner.scope) as session:
        file = Sniffed(f"{title}.pdf", "application/pdf", 2048, "0" * 64)
        stored = Stored(uuid.uuid4().hex, file, "clean", NOW)
        return library.add(session, stored, Described("policy", title), actor=given.owner, now=NOW).id


def test_a_plan_counts_once_the_organisation_agrees_and_a_later_day_is_asked_for(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one)
    waits = given.one("knockout")
    assert (waits.state, waits.waits, waits.due, waits.wanted_due) == ("open", "plan", None, SOON)
    assert any("21 December 2026" in each for each in told(given, "finding_organisation"))
    before = grounds(given)
    given.agree(one)
    planned = given.one("knockout")
    assert (planned.state, planned.waits, planned.due, planned.first_due) == ("planned", "", SOON, SOON)
    assert planned.owner_id == given.helper.person.id
    assert grounds(given) != before
    given.plan(one, due=LATER, now=NOW + timedelta(hours=4))
    assert given.one("knockout").due == SOON, "what was agreed counts until something else is"
    given.agree(one)
    moved = given.one("knockout")
    assert (moved.due, moved.first_due) == (LATER, SOON)
    assert [each.kind for each in steps(given, one.id)] == ["opened", "plan", "agreed", "plan", "agreed"]


def test_a_refused_plan_leaves_the_agreed_one(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one)
    with pytest.raises(Invalid) as refused:
        given.act(judging.refuse, one, text="")
    assert set(refused.value.errors) == {"text"}
    given.act(judging.refuse, one, text="That is too late.")
    assert (given.one("knockout").state, given.one("knockout").waits) == ("open", "")
    given.plan(one)
    given.agree(one)
    given.plan(one, due=LATER)
    given.act(judging.refuse, one, text="No.")
    stays = given.one("knockout")
    assert (stays.state, stays.due, stays.waits) == ("planned", SOON, "")
    assert any("does not agree" in each for each in told(given, "finding_vendor"))


def test_what_a_plan_needs(given: Found) -> None:
    one = given.one("knockout")
    for wrong, fields in (
        ({"due": TODAY - timedelta(days=1)}, {"due"}),
        ({"due": TODAY + timedelta(days=900)}, {"due"}),
        ({"owner_id": given.reviewer.person.id}, {"owner"}),
        ({"text": ""}, {"text"}),
        ({"text": "x" * 4001}, {"text"}),
    ):
        with pytest.raises(Invalid) as refused:
            given.plan(one, **wrong)  # type: ignore[arg-type]
        assert set(refused.value.errors) == fields
    with pytest.raises(Stale):
        given.plan(one, seen=0)
    assert given.one("knockout").revision == 1
    given.plan(one)
    with pytest.raises(Refused):  # it was given to them, but when it is settled an owner says
        given.plan(one, actor=given.helper, due=LATER)


def test_a_second_press_is_one_plan(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one, seen=1)
    given.plan(one, seen=1)
    assert given.one("knockout").revision == 2


def test_a_contributor_finds_what_was_given_to_them_and_may_prove_it(given: Found) -> None:
    one = given.one("knockout")
    helper = given.helper
    with given.database.looking(helper.scope) as session, pytest.raises(NotFound):
        queries.finding(session, helper, one.id)
    given.plan(one)
    given.agree(one)
    given.prove(one, actor=helper)
    assert given.one("knockout").waits == "proof"
    with given.database.looking(helper.scope) as session, pytest.raises(NotFound):
        queries.finding(session, helper, given.one("finding:").id)


def test_documents_of_a_proof_are_sealed_and_keep_their_file(given: Found) -> None:
    one, document = given.one("knockout"), paper(given)
    given.prove(one, documents=[document])
    step = steps(given, one.id)[-1]
    with given.database.looking(SYSTEM) as session:
        (held,) = session.scalars(select(ProofDocument))
        assert step.proof.decode() == f'[["{document}","{sealing.commit(held.salt, held.document)}"]]'
        assert sealing.document(held.document).title == "Bill for keys"
    with given.database.transaction(given.owner.scope) as session:
        showing.remove(session, document, actor=given.owner, now=NOW + timedelta(hours=5))
    with given.database.looking(SYSTEM) as session:
        assert session.get_one(Evidence, document).storage_key is not None, "the organisation rests on it"
    with given.database.looking(given.reviewer.scope) as session:
        assert queries.proof_document(session, given.reviewer, one.id, document).title == "Bill for keys"
        with pytest.raises(NotFound):
            queries.proof_document(session, given.reviewer, one.id, uuid.uuid4())


def test_only_documents_of_the_own_library_are_proof(given: Found, settings: Settings) -> None:
    other = make_company(given.database, settings, "Elsewhere")
    owner = other[CompanyRole.OWNER]
    with given.database.transaction(owner.scope) as session:
        stored = Stored(uuid.uuid4().hex, Sniffed("a.pdf", "application/pdf", 1, "1" * 64), "clean", NOW)
        foreign = library.add(session, stored, Described("policy", "Theirs"), actor=owner, now=NOW).id
    with pytest.raises(NotFound):
        given.prove(given.one("knockout"), documents=[foreign])
    gone = paper(given)
    with given.database.transaction(given.owner.scope) as session:
        showing.remove(session, gone, actor=given.owner, now=NOW)
    with pytest.raises(Invalid) as refused:
        given.prove(given.one("knockout"), documents=[gone])
    assert set(refused.value.errors) == {"documents"}


def test_accepting_alone_closes_and_changes_no_score(given: Found) -> None:
    one = given.one("knockout")
    given.prove(one)
    given.act(judging.accept, one, text="Thank you.")
    (closed,) = (each for each in given.all() if each.id == one.id)
    assert (closed.state, closed.closed_how, closed.closed_by) == (
        "closed",
        "fixed",
        given.reviewer.person.id,
    )
    assert len(scores(given)) == 1
    assert any("It is closed" in each for each in told(given, "finding_vendor"))


def accept(given: Found, one: Finding, points: int, unwritten: str | None = None) -> None:
    """Accept the proof with a grade, as the page does it."""
    actor = given.reviewer
    with given.database.transaction(actor.scope) as session:
        case = review.case(session, actor, given.submission, lock=True)
        held = holding.hold(session, actor, one.id)
        judging.accept(
            session,
            held,
            text="Seen.",
            seen=held.revision,
            case=case,
            points=points,
            shown=judging.answer_shown(held, case),
            unwritten=case.unwritten if unwritten is None else unwritten,
            consequences=RATED,
            actor=actor,
            now=NOW + timedelta(hours=5),
        )


def test_a_grade_with_the_acceptance_is_a_mark_in_a_rating(given: Found) -> None:
    one = given.one("knockout")
    given.prove(one)
    with given.database.looking(given.reviewer.scope) as session:
        case = review.case(session, given.reviewer, given.submission)
        assert judging.gradable(one, case)
        foreseen = judging.gain(one, case, 100)
    accept(given, one, 100)
    first, second = scores(given)
    assert (first.score, second.score) == (foreseen.before.score, foreseen.after.score)
    assert foreseen.points is not None
    assert foreseen.points > 0
    assert {each.key for each in first.knockouts} == {MFA}
    assert second.knockouts == ()
    states = {each.code.partition(":")[0]: each.state for each in given.all() if each.key == MFA}
    assert states == {"knockout": "closed", "finding": "open"}, "the other finding is nobody's gift"
    assert told(given, "assessment_changed") == [], "the letter about the finding says it all"


def test_a_grade_is_refused_when_other_marks_wait_than_the_page_showed(given: Found) -> None:
    one = given.one("knockout")
    given.prove(one)
    with given.database.transaction(given.ciso.scope) as session:
        case = review.case(session, given.ciso, given.submission, lock=True)
        marking.save(session, case, Wish(LOGS, "accepted"), seen="", actor=given.ciso, now=NOW)
    with pytest.raises(marking.Moved):
        accept(given, one, 100, unwritten="")
    assert (len(scores(given)), given.one("knockout").waits) == (1, "proof")
    accept(given, one, 100)
    assert len(scores(given)) == 2


def test_what_was_sent_back_goes_on_by_its_plan(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one)
    given.agree(one)
    given.prove(one)
    with pytest.raises(Invalid):
        given.act(judging.send_back, one, text="")
    given.act(judging.send_back, one, text="Half of them are missing.")
    stays = given.one("knockout")
    assert (stays.state, stays.waits, stays.due) == ("planned", "", SOON)
    with pytest.raises(Conflict):
        given.act(judging.accept, one, text="")


def test_only_who_judges_says_yes(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one)
    for role in (OrganisationRole.AUDITOR, OrganisationRole.PROCUREMENT):
        with pytest.raises(Refused):
            given.agree(one, actor=given.organisation[role])


def test_a_day_that_has_passed_is_not_agreed_to(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one)
    with pytest.raises(Conflict, match="passed"):
        given.act(judging.agree, one, text="", today=SOON + timedelta(days=1))


def test_severity_leaves_its_worst_on_record(given: Found) -> None:
    text = given.one("finding:", STEPS)
    with pytest.raises(Conflict):
        given.act(keeping.weigh, given.one("knockout"), "low", reason="It is small.")
    for severity, reason, field in (
        ("high", "Same.", "severity"),
        ("low", "", "reason"),
        ("huge", "x", "severity"),
    ):
        with pytest.raises(Invalid) as refused:
            given.act(keeping.weigh, text, severity, reason=reason)
        assert set(refused.value.errors) == {field}
    given.act(keeping.weigh, text, "low", reason="Nobody clicks here.")
    weighed = given.one("finding:", STEPS)
    assert (weighed.severity, weighed.worst) == ("low", "high")


def test_grave_findings_are_closed_lightly_by_two_people(given: Found) -> None:
    for one in (given.one("knockout"), given.one("finding:")):
        row = given.act(closing.propose, one, "no_fault", reason="They use another way.")
        assert row is not None
        assert given.act(closing.propose, one, "no_fault", reason="They use another way.").id == row.id
        with pytest.raises(Refused):
            given.act(closing.approve, one, row.id)
        given.act(closing.approve, one, row.id, actor=given.ciso)
        (closed,) = (each for each in given.all() if each.id == one.id)
        assert (closed.state, closed.closed_how, closed.closed_by) == (
            "closed",
            "no_fault",
            given.reviewer.person.id,
        )
        assert steps(given, one.id)[-1].second_id == given.ciso.person.id


def test_lowering_first_is_no_way_round_the_second_person(given: Found) -> None:
    text = given.one("finding:")
    given.act(keeping.weigh, text, "low", reason="I say so.")
    assert given.act(closing.propose, text, "no_fault", reason="Nothing there.") is not None
    assert given.one("finding:").state == "open"


def test_what_the_answers_no_longer_call_for_one_person_closes(given: Found) -> None:
    given.again(findings.GOOD)
    assert given.act(closing.propose, given.one("knockout"), "fixed", reason="Answered better.") is None
    assert given.act(closing.propose, given.one("finding:"), "no_fault", reason="Never was.") is not None


def test_a_proposal_to_close_falls_when_something_happens(given: Found) -> None:
    one = given.one("knockout")
    row = given.act(closing.propose, one, "no_fault", reason="They use another way.")
    assert row is not None
    given.plan(one)
    with pytest.raises(Conflict, match="changed"):
        given.act(closing.approve, one, row.id, actor=given.ciso)
    given.act(closing.refuse, one, row.id, actor=given.ciso)
    with pytest.raises(Conflict, match="already"):
        given.act(closing.approve, one, row.id, actor=given.ciso)
    with pytest.raises(NotFound):
        given.act(closing.approve, one, uuid.uuid4(), actor=given.ciso)


def test_merging_keeps_the_worst_and_the_earliest(given: Found) -> None:
    small, grave = given.one("finding:", STEPS), given.one("finding:")
    given.plan(small, due=LATER)
    given.agree(small)
    given.plan(grave, due=SOON)
    given.agree(grave)
    with given.database.transaction(given.reviewer.scope) as session:
        held = {
            each: queries.finding(session, given.reviewer, each, lock=True)
            for each in sorted((small.id, grave.id))
        }
        keeping.merge(session, held[small.id], held[grave.id], seen=3, actor=given.reviewer, now=NOW)
    one = given.one("finding:", STEPS)
    assert (one.severity, one.worst, one.due, one.first_due) == ("critical", "critical", SOON, SOON)
    with pytest.raises(Conflict, match="knock-out"):
        _merge(given, one.id, given.one("knockout").id)


def _merge(given: Found, into: uuid.UUID, other: uuid.UUID) -> None:
    with given.database.transaction(given.reviewer.scope) as session:
        held = {
            each: queries.finding(session, given.reviewer, each, lock=True) for each in sorted((into, other))
        }
        keeping.merge(
            session, held[into], held[other], seen=held[into].revision, actor=given.reviewer, now=NOW
        )


def test_a_finding_by_hand_is_read_at_once_and_pressed_once(given: Found) -> None:
    for _ in range(2):
        with given.database.transaction(given.reviewer.scope) as session:
            case = review.case(session, given.reviewer, given.submission, lock=True)
            keeping.add(
                session, case, key=LOGS, severity="medium", text="Nobody reads them.",
                actor=given.reviewer, now=NOW + timedelta(hours=1),
            )  # fmt: skip
    (added,) = (each for each in given.all() if each.code == "reviewer")
    with given.database.looking(given.owner.scope) as session:
        assert queries.finding(session, given.owner, added.id).severity == "medium"
        assert queries.first_words(session, given.owner, [added.id]) == {added.id: "Nobody reads them."}
    given.again(findings.GOOD)
    (after,) = (each for each in given.all() if each.code == "reviewer")
    assert (after.called_for, after.submission_id) == (True, given.submission)


def test_the_gate_reads_what_stands_with_its_agreed_days(given: Found) -> None:
    one = given.one("knockout")
    given.plan(one)
    engagement = given.issued.engagements[0]

    def read() -> dict[str, queries.OpenFinding]:
        with given.database.looking(given.reviewer.scope) as session:
            stands = queries.open_for_gate(session, given.organisation.id, [engagement])[engagement]
        return {each.code.partition(":")[0] + each.key: each for each in stands}

    assert read()[f"knockout{MFA}"].due is None, "nobody has agreed yet"
    given.agree(one)
    assert (read()[f"knockout{MFA}"].due, read()[f"knockout{MFA}"].opened) == (SOON, TODAY)
    given.prove(one)
    given.act(judging.accept, one, text="")
    assert set(read()) == {f"finding{MFA}", f"finding{STEPS}"}


def test_nothing_of_one_organisation_is_found_by_another(given: Found, settings: Settings) -> None:
    other = make_organisation(given.database, settings, "Birch")
    stranger = other[OrganisationRole.ADMIN]
    with given.database.looking(stranger.scope) as session:
        for one in given.all():
            with pytest.raises(NotFound):
                queries.finding(session, stranger, one.id)
        engagements = given.issued.engagements
        assert queries.open_for_gate(session, other.id, engagements) == dict.fromkeys(engagements, ())
