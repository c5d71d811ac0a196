"""What the answers of one submission say to the gate, by a table: levels, knock-outs, proofs, what is not judged."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from portal.assessments.drafts import Content
from portal.assessments.sealing import Document
from portal.gate import facts
from portal.gate.facts import Knockout, Proof
from portal.gate.sheets import (
    Fix,
    Reading,
    Sheet,
    documents_of,
    judged_altogether,
    months_of,
    skimmed,
    submitted,
)
from questionnaires.answers import parse_answer
from questionnaires.definition import Questionnaire
from questionnaires.scoring import score
from tests.portal import rich

AS_OF = date(2026, 11, 20)
MFA, ADMIN, PATCH, PLAN = "own.rich.mfa", "own.rich.admin", "own.rich.patch", "own.rich.plan"
ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


def paper(number: uuid.UUID = ONE, kind: str = "policy", **dates: date | None) -> Document:
    days = {"issued": None, "expires": None} | dates
    return Document(
        number, kind, "Title", days["issued"], days["expires"], "a.pdf", "application/pdf", 1, "0", "clean"
    )


def sheet(**changes: Any) -> Sheet:
    given: dict[str, Any] = {
        "submission": uuid.UUID(int=9),
        "slug": "rich",
        "definition": rich.DEFINITION,
        "as_of": AS_OF,
        "whole_as_of": AS_OF,
        "readings": [Reading("sound", "strong", {})],
        "states": {MFA: "answered", ADMIN: "answered", PATCH: "na_pending", PLAN: "ungraded"},
    }
    return Sheet(**(given | changes))


@pytest.mark.parametrize(
    ("readings", "found"),
    [
        ([("sound", "strong")], (3, 4)),
        ([("sound", "strong"), ("weak", "sound")], (1, 3)),  # marks that are not written yet make it worse
        ([("sound", "strong"), ("strong", "strong")], (3, 4)),  # and never better
        ([("sound", "strong"), (None, None)], (3, 4)),
        ([(None, None), ("strong", "strong")], (None, None)),
    ],
)
def test_the_worst_of_all_readings_counts(readings: list[Any], found: tuple[Any, Any]) -> None:
    made = submitted(sheet(readings=[Reading(low, high, {}) for low, high in readings]))
    assert (made.low, made.high) == found


def test_a_knockout_of_any_reading_stands_with_the_days_of_its_finding() -> None:
    day = date(2026, 12, 1)
    readings = [Reading("sound", "sound", {MFA: False}), Reading("weak", "weak", {MFA: True, ADMIN: False})]
    made = submitted(sheet(readings=readings), {MFA: Fix(AS_OF, day, day)})
    assert made.knockouts == (Knockout(ADMIN, False), Knockout(MFA, True, AS_OF, day, day))


def test_readings_under_facts_of_now_count_and_say_so_where_they_are_worse() -> None:
    plain = sheet(readings=[Reading("sound", "strong", {MFA: False})])
    for again, outgrown, levels in (
        (Reading("sound", "strong", {MFA: False}), False, (3, 4)),
        (Reading("strong", "strong", {}), False, (3, 4)),
        (Reading("partial", "sound", {}), True, (2, 3)),
        (Reading("sound", "strong", {MFA: True}), True, (3, 4)),
        (Reading("sound", "strong", {ADMIN: False}), True, (3, 4)),
    ):
        made = submitted(replace(plain, outgrown=[again]))
        assert (made.outgrown, (made.low, made.high)) == (outgrown, levels)
    assert not submitted(plain).outgrown


def test_what_nobody_judged_is_counted_and_what_was_judged_badly_before_counts_always() -> None:
    made = submitted(sheet(marked={ADMIN, PLAN}))
    assert (made.unjudged, made.unjudged_critical, made.lapsed) == (2, 1, 0)
    # The mark that stands at PLAN was kept from the round before, so nobody has judged it since.
    made = submitted(sheet(marked={MFA, ADMIN, PATCH, PLAN}, lapsed={PLAN}))
    assert (made.unjudged, made.unjudged_critical, made.lapsed) == (1, 1, 1)
    everything = sheet(marked={MFA, ADMIN, PATCH, PLAN})
    assert judged_altogether(everything)
    assert not judged_altogether(replace(everything, lapsed={PLAN}))
    assert not judged_altogether(sheet(marked={MFA, ADMIN, PATCH}))
    nothing = {MFA: "hidden", ADMIN: "open", PATCH: "unanswered", PLAN: "not_applicable"}
    assert submitted(sheet(states=nothing)).unjudged == 0


def test_marks_on_what_was_removed_wait_for_nobody() -> None:
    assert submitted(sheet(unwritten=2)).unwritten == 2
    assert submitted(sheet(unwritten=2, redacted=True)).unwritten == 0


SIGNED = paper(kind="policy.signed", expires=date(2027, 1, 1))  # narrower than what is asked for


@pytest.mark.parametrize(
    ("state", "documents", "refused", "found"),
    [
        ("answered", [paper(expires=date(2027, 1, 1))], (), [Proof(ADMIN, True, date(2027, 1, 1))]),
        ("answered", [paper(expires=date(2027, 1, 1)), paper(OTHER)], (), [Proof(ADMIN)]),  # the best one counts
        ("answered", [paper(expires=date(2027, 1, 1)), paper(OTHER)], (OTHER,), [Proof(ADMIN, True, date(2027, 1, 1))]),
        ("answered", [paper(OTHER, "diagram")], (), []),  # proves nothing that was asked for
        ("answered", [SIGNED], (), [Proof(ADMIN, True, date(2027, 1, 1))]),
        ("accepted", [SIGNED, paper(OTHER, "diagram")], (), [Proof(ADMIN, True, date(2027, 1, 1))]),
        ("accepted", [paper(expires=date(2026, 1, 1))], (), [Proof(ADMIN, True, date(2026, 1, 1))]),
        ("accepted", [paper(OTHER, "diagram", expires=date(2027, 1, 1))], (), [Proof(ADMIN, True, date(2027, 1, 1))]),
        ("accepted", [paper()], (ONE,), [Proof(ADMIN, held=False)]),
        ("accepted", [], (), []),  # on the reviewer's word
        ("unproven", [paper(expires=date(2026, 1, 1))], (), []),  # what that costs is in the band
        ("graded", [paper()], (), []),
    ],
)  # fmt: skip
def test_what_rests_on_a_document(
    state: str, documents: list[Document], refused: tuple[uuid.UUID, ...], found: list[Proof]
) -> None:
    made = submitted(sheet(states={ADMIN: state}, documents={ADMIN: documents}, refused=set(refused)))
    assert list(made.proofs) == found


def test_a_question_that_asks_for_no_document_rests_on_none() -> None:
    assert submitted(sheet(states={MFA: "accepted"}, documents={MFA: [paper()]})).proofs == ()


def test_an_exemption_lasts_as_long_as_its_certificate_and_falls_with_it() -> None:
    beside = {PATCH: [paper(expires=date(2027, 3, 1))]}
    exempt = sheet(states={MFA: "graded", ADMIN: "graded"}, documents=beside, certificates={MFA: ONE})
    assert submitted(exempt).proofs == (Proof(MFA, True, date(2027, 3, 1)),)
    assert submitted(replace(exempt, refused={ONE})).proofs == (Proof(MFA, held=False),)
    assert submitted(replace(exempt, documents={})).proofs == (Proof(MFA, held=False),)


@pytest.mark.parametrize(
    ("issued", "expires", "until"),
    [
        (date(2026, 6, 30), None, date(2027, 6, 30)),
        (date(2026, 6, 30), date(2027, 1, 1), date(2027, 1, 1)),
        (date(2026, 6, 30), date(2029, 1, 1), date(2027, 6, 30)),
    ],
)
@pytest.mark.parametrize("kind", ["policy", "policy.signed"])
def test_months_from_its_date_bound_a_document_too(
    issued: date, expires: date | None, until: date, kind: str
) -> None:
    document = rich.DEFINITION.questions[ADMIN]
    assert document.evidence is not None
    rule = replace(document.evidence, valid_months=12)
    definition = _with(rich.DEFINITION, ADMIN, replace(document, evidence=rule))
    made = submitted(
        sheet(
            definition=definition,
            states={ADMIN: "answered"},
            documents={ADMIN: [paper(kind=kind, issued=issued, expires=expires)]},
        )
    )
    assert made.proofs == (Proof(ADMIN, True, until),)


DATED = {"policy": 12}


@pytest.mark.parametrize("issued", [None, AS_OF.replace(year=2027)])
def test_where_months_are_counted_a_document_without_a_true_date_of_issue_proves_nothing(
    issued: date | None,
) -> None:
    document = rich.DEFINITION.questions[ADMIN]
    assert document.evidence is not None
    rule = replace(document.evidence, valid_months=12)
    asking = _with(rich.DEFINITION, ADMIN, replace(document, evidence=rule))
    papers = {ADMIN: [paper(issued=issued, expires=date(2029, 1, 1))]}
    accepted = sheet(definition=asking, states={ADMIN: "accepted"}, documents=papers)
    assert submitted(accepted).proofs == (Proof(ADMIN, held=False),)
    assert submitted(replace(accepted, states={ADMIN: "answered"})).proofs == ()
    assert documents_of([accepted], [DATED]) == []
    other = {ADMIN: [paper(issued=issued), paper(OTHER, issued=AS_OF)]}
    assert submitted(replace(accepted, documents=other)).proofs == (
        Proof(ADMIN, True, AS_OF.replace(year=2027)),
    )


def test_the_best_document_of_a_kind_beside_each_questionnaire_by_the_fewest_months_that_any_asks_for() -> (
    None
):
    beside = {
        MFA: [paper(issued=AS_OF), paper(OTHER, "diagram")],
        ADMIN: [paper(OTHER), paper(ONE, "report", expires=AS_OF)],
    }
    one = sheet(documents=beside)
    more = replace(one, slug="more", refused={OTHER})
    assert sorted(documents_of([one, more], [{}, DATED, {"policy": 24}]), key=lambda each: each.place) == [
        facts.Document("diagram", None, "rich"),
        facts.Document("policy", AS_OF.replace(year=2027), "more"),
        facts.Document("policy", AS_OF.replace(year=2027), "rich"),
        facts.Document("report", AS_OF, "more"),
        facts.Document("report", AS_OF, "rich"),
    ]
    assert facts.Document("policy", None, "rich") in documents_of([one], [{}])


def test_the_fewest_months_that_any_of_its_names_is_asked_for_bind_a_document_of_a_narrower_kind() -> None:
    undated = [paper(OTHER, "policy.signed")]
    one = sheet(documents={MFA: [paper(kind="policy.signed", issued=AS_OF)], ADMIN: undated})
    for asked, until in (
        ({"policy": 12}, AS_OF.replace(year=2027)),
        ({"policy": 12, "policy.signed": 24}, AS_OF.replace(year=2027)),
        ({"policy": 24, "policy.signed": 12}, AS_OF.replace(year=2027)),
        ({"policy.signed": 24}, AS_OF.replace(year=2028)),
    ):
        assert documents_of([one], [asked]) == [facts.Document("policy.signed", until, "rich")]
    assert documents_of([one], [{"policy.signed.twice": 6}]) == [
        facts.Document("policy.signed", None, "rich")
    ]
    wide = sheet(documents={MFA: [paper()]})
    assert documents_of([wide], [{"policy.signed": 12}]) == [facts.Document("policy", None, "rich")]


def test_what_a_questionnaire_asks_of_dates_is_known_by_kind() -> None:
    assert months_of(rich.DEFINITION) == {}
    asked = rich.DEFINITION.questions[ADMIN]
    assert asked.evidence is not None
    for months, more in ((12, 24), (24, 12)):
        one = replace(asked, evidence=replace(asked.evidence, valid_months=months))
        other = replace(asked, evidence=replace(asked.evidence, valid_months=more))
        both = SimpleNamespace(
            questions={"a": one, "b": asked, "c": other, "d": rich.DEFINITION.questions[MFA]}
        )
        assert months_of(cast(Questionnaire, both)) == {"policy": 12}


def _with(definition: Questionnaire, key: str, question: Any) -> Any:
    """The definition as a sheet reads it, with one question changed."""
    return SimpleNamespace(
        questions={**definition.questions, key: question},
        bands=definition.bands,
        content_hash=definition.content_hash,
    )


@pytest.mark.parametrize("answers", [{}, rich.ANSWERS, {MFA: Content("answered", "yes")}])
def test_a_stored_result_is_skimmed_as_it_would_be_read(answers: dict[str, Content]) -> None:
    typed = {
        key: parse_answer(rich.DEFINITION.questions[key], {"state": one.state, "value": one.value}, AS_OF)
        if one.value is not None
        else parse_answer(rich.DEFINITION.questions[key], {"state": one.state}, AS_OF)
        for key, one in answers.items()
    }
    # Somebody may write of traces in the text of a cap.
    hostile = replace(rich.DEFINITION.caps[0], text='They say: "trace":[{"key":"x","state":"hidden"}]')
    definition = replace(rich.DEFINITION, caps=(hostile,))
    data = score(definition, typed, {}, AS_OF).to_bytes()
    plain = json.loads(data)
    reading, states = skimmed(data)
    assert states == {one["key"]: one["state"] for one in plain["trace"]}
    assert len(states) == len(rich.DEFINITION.questions)
    failed = {one["key"]: one["kind"] == "failed" for one in plain["knockouts"]}
    assert reading == Reading(plain["band"], plain["best_band"], failed)
