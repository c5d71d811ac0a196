"""What pages show: visible, required, missing, progress, reasons, findings."""

from __future__ import annotations

from typing import Any

import pytest
from made_up import TODAY, answered, choice, gate, made, options, when

from questionnaires.answers import Answer, Review
from questionnaires.conditions import parse
from questionnaires.definition import EvidenceRule, FindingRule, Option, Question, Questionnaire, Section
from questionnaires.visibility import Look, earned_findings, look

NA = Answer("not_applicable", note="we have none")


def view(definition: Questionnaire, answers: dict[str, Answer], facts: Any = None, shown: Any = ()) -> Look:
    return look(definition, answers, facts or {}, TODAY, shown)


BEHIND = made(
    gate("s.gate"), choice("s.yes", visible='s.gate == "o0"'), choice("s.not", visible='s.gate != "o0"')
)


@pytest.mark.parametrize(
    ("answer", "visible"),
    [
        (answered("o0"), {"s.gate", "s.yes"}),
        (answered("o1"), {"s.gate", "s.not"}),
        (answered("o0", "challenged"), {"s.gate", "s.yes"}),
        (answered("o0", "disproved", 0), {"s.gate", "s.yes"}),
        (None, {"s.gate", "s.not"}),
        (Answer("unanswered"), {"s.gate", "s.not"}),
        (Answer("suggested", "o0"), {"s.gate", "s.not"}),
        (NA, {"s.gate", "s.not"}),
    ],
)
def test_what_is_not_answered_is_missing_and_marks_play_no_part(
    answer: Answer | None, visible: set[str]
) -> None:
    assert view(BEHIND, {} if answer is None else {"s.gate": answer}).visible == visible


@pytest.mark.parametrize(
    ("facts", "visible"),
    [({"engagement.tier": "high"}, {"s.a"}), ({}, {"s.b"}), ({"engagement.tier": "unknown"}, {"s.b"})],
)
def test_an_unknown_fact_is_missing_on_pages(facts: dict[str, Any], visible: set[str]) -> None:
    definition = made(
        choice("s.a", visible='engagement.tier == "high"'), choice("s.b", visible='engagement.tier != "high"')
    )
    assert view(definition, {}, facts).visible == visible


def test_hidden_answers_are_missing_for_what_hangs_on_them() -> None:
    definition = made(
        choice("s.c", visible='s.b == "o0"'), gate("s.b", visible='s.a == "o0"'), gate("s.a"), choice("s.d")
    )
    answers = {"s.a": answered("o1"), "s.b": answered("o0"), "s.c": answered("o0")}
    assert view(definition, answers).visible == {"s.a", "s.d"}
    assert view(definition, answers | {"s.a": answered("o0")}).visible == {"s.a", "s.b", "s.c", "s.d"}


def test_a_section_hides_its_questions_and_shown_overrides_it() -> None:
    definition = made(
        Section("a", "A", (gate("a.gate"),)),
        Section("b", "B", (choice("b.one"), choice("b.two")), visible_when=when('a.gate == "o0"')),
    )
    found = view(definition, {})
    assert (found.visible, found.visible_sections) == ({"a.gate"}, ("a",))
    found = view(definition, {}, shown=("b.two",))
    assert (found.visible, found.visible_sections) == ({"a.gate", "b.two"}, ("a", "b"))
    assert found.why == {"b.two": "Your client asked for this answer."}


def test_required_missing_and_progress() -> None:
    definition = made(
        Section(
            "a",
            "A",
            (
                gate("a.gate"),
                choice("a.free", required=False),
                choice("a.when", required_when=when('a.gate == "o0"')),
                choice("a.hidden", visible='a.gate == "o1"'),
            ),
        ),
        Section("b", "B", (choice("b.na", allow_na=True), choice("b.bare", allow_na=True), choice("b.old"))),
        Section("c", "C", (choice("c.free", required=False),)),
    )
    answers = {
        "a.gate": answered("o0"),
        "b.na": NA,
        "b.bare": Answer("not_applicable", note="  "),
        "b.old": Answer("suggested", "o0"),
    }
    found = view(definition, answers)
    assert found.required == {"a.gate", "a.when", "b.na", "b.bare", "b.old"}
    assert found.missing == ("a.when", "b.bare", "b.old")
    assert (found.answered, found.total) == (2, 5)
    assert [found.progress(key) for key in ("a", "b", "c", "none")] == [(1, 2), (1, 3), (0, 0), (0, 0)]
    assert "a.when" not in view(definition, {}).required


def test_evidence_that_a_page_asks_for() -> None:
    definition = made(
        gate("s.gate"),
        choice("s.always", evidence=EvidenceRule("report", required=True)),
        choice("s.when", evidence=EvidenceRule("report", required_when=when('s.gate == "o0"'))),
        choice("s.never", evidence=EvidenceRule("report")),
        choice("s.hidden", visible='s.gate == "o1"', evidence=EvidenceRule("report", required=True)),
    )
    assert view(definition, {"s.gate": answered("o0")}).evidence_required == {"s.always", "s.when"}
    assert view(definition, {}).evidence_required == {"s.always"}


WHO = Question("s.who", "Who builds it?", "choice", options=(Option("own", "We do"), Option("no", "Nobody")))


@pytest.mark.parametrize(
    ("source", "facts", "reason"),
    [
        ('s.who == "own"', {}, "Asked because the answer to “Who builds it?” is “We do”."),
        ('s.who != "no" or "p" in s.other', {}, "Asked because the answer to “Who builds it?” is “We do”."),
        ("answered(s.who)", {}, "Asked because the answer to “Who builds it?” is given."),
        (
            'engagement.tier in ("high", "critical")',
            {"engagement.tier": "high"},
            "Asked because your client's own classification says so.",
        ),
        (
            'engagement.tier == "high" and engagement.process != "critical" and s.who == "own"',
            {"engagement.tier": "high"},
            "Asked because your client's own classification says so and the answer to “Who builds it?” is “We do”.",
        ),
        (
            '"card" in engagement.data',
            {"engagement.data": frozenset({"card"})},
            "Asked because the service touches payment card data.",
        ),
    ],
)
def test_why_a_question_is_asked(source: str, facts: dict[str, Any], reason: str) -> None:
    other = Question("s.other", "What else?", "choices", options=options(None))
    definition = made(WHO, other, choice("s.q", visible=source))
    assert view(definition, {"s.who": answered("own")}, facts).why == {"s.q": reason}


def test_reasons_of_section_and_question_are_joined() -> None:
    definition = made(
        Section("a", "A", (WHO,)),
        Section(
            "b",
            "B",
            (choice("b.q", visible="answered(s.who)"), choice("b.same", visible='s.who == "own"')),
            visible_when=when('s.who == "own"'),
        ),
    )
    assert view(definition, {"s.who": answered("own")}).why == {
        "b.q": "Asked because the answer to “Who builds it?” is “We do” and the answer to “Who builds it?” is given.",
        "b.same": "Asked because the answer to “Who builds it?” is “We do”.",
    }


# -- findings -------------------------------------------------------------------------------------------------

ON_OPTION = FindingRule("high", "chosen", option="o1")
ON_SET = FindingRule("low", "not chosen", when=parse('"o0" not in s.q'))
ON_FACT = FindingRule("medium", "elsewhere", when=parse('s.other == "o0" and engagement.tier == "high"'))


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        ("choice", answered("o1"), (ON_OPTION,)),
        ("choice", answered("o0"), ()),
        ("choice", answered("o1", "challenged"), (ON_OPTION,)),
        ("choices", answered(("o1",)), (ON_OPTION, ON_SET)),
        ("choices", answered(("o0", "o1")), (ON_OPTION,)),
        ("choices", answered(("o0",)), ()),
        ("choices", None, ()),
        ("choices", Answer("suggested", ("o1",)), ()),
        ("choices", NA, ()),
    ],
)
def test_findings_on_options_and_on_what_was_not_chosen(
    kind: Any, answer: Answer | None, expected: tuple[FindingRule, ...]
) -> None:
    findings = (ON_OPTION, ON_SET) if kind == "choices" else (ON_OPTION,)
    question = Question("s.q", "Which?", kind, options=options(None, None), findings=findings)
    assert earned_findings(question, {} if answer is None else {"s.q": answer}, {}, TODAY) == expected


@pytest.mark.parametrize(("tier", "earned"), [("high", True), ("low", False), ("unknown", False)])
def test_findings_may_hang_on_other_answers_and_facts(tier: str, earned: bool) -> None:
    question = choice("s.q", findings=(ON_FACT,))
    answers = {"s.q": answered("o0"), "s.other": answered("o0")}
    assert bool(earned_findings(question, answers, {"engagement.tier": tier}, TODAY)) is earned


def test_marks_do_not_change_what_a_page_asks() -> None:
    accepted = Answer("not_applicable", note="none", review=Review("na_accepted"))
    assert view(BEHIND, {"s.gate": accepted}).missing == ("s.not",)
