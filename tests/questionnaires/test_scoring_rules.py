"""Scoring by rule: each line of the state table, points of each type, bands, caps, knock-outs, display."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from made_up import TODAY, answered, choice, document, gate, made, options, when

from questionnaires.answers import Answer, Review
from questionnaires.conditions import parse
from questionnaires.definition import Cap, EvidenceRule, Option, PointsRule, Question, Questionnaire, Section
from questionnaires.results import METHOD, display
from questionnaires.scoring import Result, score

NA = Answer("not_applicable", note="we have none")
NA_ACCEPTED = replace(NA, review=Review("na_accepted"))
REPORT = EvidenceRule("report", required=True, valid_months=12)


def result(
    definition: Questionnaire, answers: dict[str, Answer], facts: Any = None, shown: Any = ()
) -> Result:
    return score(definition, answers, facts or {}, TODAY, shown)


def line_of(question: Question, answer: Answer | None, **more: Answer) -> tuple[Any, ...]:
    answers = {"s.gate": answered("o0"), **({} if answer is None else {question.key: answer}), **more}
    line = result(made(gate("s.gate"), question), answers).line(question.key)
    return line.state, line.low, line.high


# -- the state table ------------------------------------------------------------------------------------------

SHOWN = 's.gate == "o0"'
P60 = {"visible": SHOWN, "allow_na": True}


@pytest.mark.parametrize(
    ("gate_answer", "answer", "expected"),
    [
        (answered("o1"), answered("o0", "graded", 90), ("hidden", None, None)),
        (None, answered("o0", "graded", 90), ("open", 0, 100)),
        (Answer("suggested", "o0"), answered("o0"), ("open", 0, 100)),
        (answered("o0", "challenged"), answered("o0", "accepted"), ("open", 0, 100)),
        (answered("o0", "disproved", 0), NA_ACCEPTED, ("open", 0, 100)),
        (NA, answered("o0"), ("open", 0, 100)),
        (NA_ACCEPTED, answered("o0"), ("hidden", None, None)),
        (answered("o0"), NA_ACCEPTED, ("not_applicable", None, None)),
        (answered("o0", "accepted"), answered("o0", "graded", 35), ("graded", 35, 35)),
        (answered("o0", "graded", 0), answered("o0", "disproved", 10), ("disproved", 10, 10)),
        (answered("o0"), Answer("unanswered", review=Review("disproved")), ("disproved", 0, 0)),
        (answered("o0"), replace(NA, review=Review("graded", 40)), ("graded", 40, 40)),
        (answered("o0"), Answer("unanswered", review=Review("graded", 40)), ("graded", 40, 40)),
        (answered("o0"), None, ("unanswered", 0, 100)),
        (answered("o0"), Answer("unanswered"), ("unanswered", 0, 100)),
        (answered("o0"), Answer("suggested", "o0"), ("suggested", 0, 100)),
        (answered("o0"), NA, ("na_pending", 0, 100)),
        (answered("o0"), answered("o0", "challenged"), ("challenged", 0, 60)),
        (answered("o0"), answered("o0", "accepted"), ("accepted", 60, 60)),
        (answered("o0"), answered("o0"), ("answered", 60, 60)),
        (answered("o0"), answered("o1"), ("answered", 0, 0)),
    ],
)
def test_the_state_table(
    gate_answer: Answer | None, answer: Answer | None, expected: tuple[Any, ...]
) -> None:
    question = choice("s.q", 60, 0, **P60)
    answers = {"s.gate": gate_answer, "s.q": answer}
    found = result(
        made(gate("s.gate", allow_na=True), question),
        {key: one for key, one in answers.items() if one is not None},
    )
    line = found.line("s.q")
    assert (line.state, line.low, line.high) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered("words"), ("ungraded", 0, 100)),
        (answered("words", "challenged"), ("ungraded", 0, 100)),
        (answered("words", "graded", 70), ("graded", 70, 70)),
        (None, ("unanswered", 0, 100)),
    ],
)
@pytest.mark.parametrize("fields", [{"weight": 5}, {"weight": 0, "critical": True}])
def test_a_scored_text_waits_for_a_grade(
    answer: Answer, expected: tuple[Any, ...], fields: dict[str, Any]
) -> None:
    assert line_of(Question("s.q", "Why?", "text", **fields), answer) == expected


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (answered("words"), "answered"),
        (answered("words", "accepted"), "accepted"),
        (answered("words", "challenged"), "challenged"),
        (None, "unanswered"),
        (Answer("suggested", "words"), "suggested"),
        (NA, "na_pending"),
        (NA_ACCEPTED, "not_applicable"),
    ],
)
def test_what_cannot_earn_points_has_none_in_any_state(answer: Answer | None, state: str) -> None:
    question = Question("s.q", "Why?", "text", allow_na=True)
    assert line_of(question, answer) == (state, None, None)
    proved = replace(question, evidence=REPORT)
    assert line_of(proved, answer)[1:] == (None, None)


def test_what_cannot_earn_points_is_open_without_points_and_has_those_of_a_grade() -> None:
    question = Question("s.q", "Why?", "text", visible_when=when(SHOWN))
    definition = made(gate("s.gate"), question)
    assert result(definition, {}).line("s.q")[1:5] == ("open", 0, None, None)
    assert line_of(question, answered("words", "graded", 30)) == ("graded", 30, 30)
    assert line_of(question, answered("words", "disproved", 0)) == ("disproved", 0, 0)


# -- evidence -------------------------------------------------------------------------------------------------

UNPROVEN, PROVEN = ("unproven", 0, 60), ("answered", 60, 60)


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ((), UNPROVEN),
        ((document(),), PROVEN),
        ((document("accepted"),), PROVEN),
        ((document("refused"),), UNPROVEN),
        ((document("refused"), document()), PROVEN),
        ((replace(document(), kind="policy"),), UNPROVEN),
        ((replace(document(), kind="report.audit"),), PROVEN),
        ((replace(document(issued=date(2025, 11, 20)), kind="report.audit"),), UNPROVEN),
        ((replace(document(), kind="reports"),), UNPROVEN),
        ((document(issued=date(2025, 11, 21)),), PROVEN),
        ((document(issued=date(2025, 11, 20)),), UNPROVEN),
        ((document(expires=date(2026, 11, 21)),), PROVEN),
        ((document(expires=date(2026, 11, 20)),), UNPROVEN),
        ((document(issued=date(2025, 11, 20), expires=date(2030, 1, 1)),), UNPROVEN),
        ((document(issued=None),), UNPROVEN),
        ((document(issued=None, expires=date(2026, 11, 20)),), UNPROVEN),
    ],
)
def test_required_evidence(documents: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    question = choice("s.q", 60, 0, evidence=REPORT)
    assert line_of(question, answered("o0", evidence=documents)) == expected
    assert line_of(question, answered("o0", "accepted", evidence=documents)) == ("accepted", 60, 60)
    assert line_of(question, answered("o0", "challenged", evidence=documents)) == ("challenged", 0, 60)


def test_evidence_without_months_never_grows_old() -> None:
    question = choice("s.q", 60, 0, evidence=EvidenceRule("report", required=True))
    assert line_of(question, answered("o0", evidence=(document(issued=date(1990, 1, 1)),))) == PROVEN


@pytest.mark.parametrize("valid_months", [None, 12])
@pytest.mark.parametrize("expires", [None, date(2199, 12, 31)])
def test_a_document_without_its_date_proves_nothing_where_months_count_from_it(
    valid_months: int | None, expires: date | None
) -> None:
    question = choice("s.q", 60, 0, evidence=EvidenceRule("report", required=True, valid_months=valid_months))
    answer = answered("o0", evidence=(document("accepted", issued=None, expires=expires),))
    assert line_of(question, answer) == (PROVEN if valid_months is None else UNPROVEN)


@pytest.mark.parametrize("valid_months", [None, 12])
def test_a_document_of_a_day_to_come_proves_nothing_yet(valid_months: int | None) -> None:
    question = choice("s.q", 60, 0, evidence=EvidenceRule("report", required=True, valid_months=valid_months))
    for days, expected in ((0, PROVEN), (1, PROVEN), (2, UNPROVEN), (400, UNPROVEN)):
        dated = document("accepted", issued=TODAY + timedelta(days=days))
        assert line_of(question, answered("o0", evidence=(dated,))) == expected
        # Nor does it take anything away from one that does.
        assert line_of(question, answered("o0", evidence=(dated, document()))) == PROVEN


def test_evidence_of_29_february_lasts_to_28_february() -> None:
    question = choice("s.q", 60, 0, evidence=REPORT)
    answers = {"s.q": answered("o0", evidence=(document(issued=date(2024, 2, 29)),))}
    for day, state in ((date(2025, 2, 28), "answered"), (date(2025, 3, 1), "unproven")):
        assert score(made(question), answers, {}, day).line("s.q").state == state


@pytest.mark.parametrize(
    ("gate_answer", "expected"),
    [
        (answered("o0"), UNPROVEN),
        (answered("o1"), PROVEN),
        (None, UNPROVEN),
        (answered("o1", "challenged"), UNPROVEN),
    ],
)
def test_evidence_that_may_be_required_is_required(
    gate_answer: Answer | None, expected: tuple[Any, ...]
) -> None:
    question = choice("s.q", 60, 0, evidence=EvidenceRule("report", required_when=when(SHOWN)))
    # The question that decides may stand behind the one that it decides on.
    definition = made(question, gate("s.gate"))
    answers = {"s.q": answered("o0")} | ({} if gate_answer is None else {"s.gate": gate_answer})
    line = result(definition, answers).line("s.q")
    assert (line.state, line.low, line.high) == expected


# -- points ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("combine", "value", "points"),
    [
        ("sum", ("o0",), 60),
        ("sum", ("o0", "o1"), 100),
        ("sum", ("o1", "o2"), 50),
        ("sum", ("none",), 5),
        ("worst", ("o0", "o1"), 50),
        ("worst", ("o0", "o1", "o2"), 0),
        ("worst", ("none",), 5),
        ("all", ("o0",), Fraction(100, 3)),
        ("all", ("o0", "o2"), Fraction(200, 3)),
        ("all", ("o0", "o1", "o2"), 100),
        ("all", ("none",), 5),
    ],
)
def test_points_of_choices(combine: Any, value: tuple[str, ...], points: Fraction) -> None:
    plain = options(60, 50, 0) if combine != "all" else options(None, None, None)
    question = Question(
        "s.q",
        "Which?",
        "choices",
        combine=combine,
        weight=10,
        options=(*plain, Option("none", "None", 5, exclusive=True)),
    )
    assert line_of(question, answered(value)) == ("answered", points, points)


RULES = (PointsRule(parse("value <= 24"), 100), PointsRule(parse("value <= 72.3"), 60))


@pytest.mark.parametrize(
    ("value", "points"), [("24", 100), ("24.1", 60), ("72.3", 60), ("72.4", 0), ("-1", 100)]
)
def test_points_of_a_number_are_those_of_the_first_rule_that_fits(value: str, points: int) -> None:
    question = Question("s.q", "How soon?", "number", weight=1, decimals=1, points_when=RULES)
    assert line_of(question, answered(Decimal(value))) == ("answered", points, points)


DATE_RULES = (PointsRule(parse("within(value, 12)"), 100), PointsRule(parse("age_months(value) < 24"), 40))


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (date(2026, 11, 21), 100),
        (date(2026, 11, 22), 100),
        (date(2026, 11, 23), 0),
        (date(2025, 11, 21), 100),
        (date(2025, 11, 20), 40),
        (date(2024, 11, 22), 40),
        (date(2024, 11, 21), 0),
    ],
)
def test_points_of_a_date(value: date, points: int) -> None:
    question = Question("s.q", "When?", "date", weight=1, points_when=DATE_RULES)
    assert line_of(question, answered(value)) == ("answered", points, points)


# -- sums -----------------------------------------------------------------------------------------------------


def two_sections(weighting: Any = "sections") -> Questionnaire:
    return made(
        Section("a", "A", (choice("a.one", 100, 0, weight=3), choice("a.two", 80, 20, weight=1)), weight=30),
        Section("b", "B", (choice("b.one", 100, 50, weight=10),), weight=10),
        Section("c", "C", (gate("c.fact"),), weight=60),
        weighting=weighting,
    )


FULL = {
    "a.one": answered("o0"),
    "a.two": answered("o1"),
    "b.one": answered("o1"),
    "c.fact": answered("o0"),
}


def test_sections_weigh_what_they_are_given() -> None:
    found = result(two_sections(), FULL)
    assert [one.score for one in found.sections] == [80, 50, None]
    assert [one.share for one in found.sections] == [Fraction(3, 4), Fraction(1, 4), 0]
    assert found.score == found.high == Fraction(3 * 80 + 50, 4)
    assert found.line("a.one").share == Fraction(9, 16)
    assert found.line("a.two").contribution == Fraction(3, 16) * 20
    assert found.line("a.two").lost == Fraction(3, 16) * 80


def test_flat_questions_weigh_what_they_are_given() -> None:
    found = result(two_sections("flat"), FULL)
    assert found.score == Fraction(3 * 100 + 20 + 10 * 50, 14)
    assert found.line("b.one").share == Fraction(10, 14)
    assert [one.share for one in found.sections] == [Fraction(4, 14), Fraction(10, 14), 0]


def test_a_section_out_of_the_sums_leaves_its_weight_to_the_others() -> None:
    answers = FULL | {"b.one": replace(NA, review=Review("na_accepted"))}
    assert result(two_sections(), answers).score == 80


def test_a_section_of_weight_0_has_a_score_and_no_share() -> None:
    definition = made(
        Section("a", "A", (choice("a.one"),), weight=0), Section("b", "B", (choice("b.one"),), weight=1)
    )
    found = result(definition, {"a.one": answered("o0"), "b.one": answered("o1")})
    assert (found.score, found.sections[0].score, found.sections[0].share) == (0, 100, 0)
    assert found.line("a.one").share == 0


@pytest.mark.parametrize("weighting", ["sections", "flat"])
@pytest.mark.parametrize(
    "question", [gate("s.q"), choice("s.q", visible='s.q2 == "o1"'), choice("s.q", allow_na=True)]
)
def test_nothing_scorable_is_not_assessed(question: Question, weighting: Any) -> None:
    definition = made(question, gate("s.q2"), weighting=weighting)
    found = result(definition, {"s.q": NA_ACCEPTED, "s.q2": answered("o0")})
    assert (found.score, found.high, found.band, found.best_band) == (None, None, None, None)
    assert found.assurance == 0
    assert [line.share for line in found.trace] == [0, 0]
    assert found.to_json()["score"] is None


def test_only_sections_of_weight_0_are_not_assessed() -> None:
    definition = made(Section("a", "A", (choice("a.one", critical=True),), weight=0))
    found = result(definition, {"a.one": answered("o1")})
    assert (found.score, found.band) == (None, None)
    assert [one.kind for one in found.knockouts] == ["failed"]


def test_a_questionnaire_without_bands_has_a_score_and_no_band() -> None:
    found = result(made(choice("s.q"), bands=()), {"s.q": answered("o0")})
    assert (found.score, found.band, found.best_band) == (100, None, None)


# -- visibility -----------------------------------------------------------------------------------------------


def test_a_section_hides_all_its_questions() -> None:
    behind = Section(
        "b", "B", (choice("b.one"), choice("b.two", visible='b.one == "o0"')), visible_when=when(SHOWN)
    )
    definition = made(Section("a", "A", (gate("s.gate"), choice("a.one"))), behind)
    answers = {"a.one": answered("o0"), "b.one": answered("o1")}
    assert result(definition, {**answers, "s.gate": answered("o1")}).counts == {"answered": 2, "hidden": 2}
    assert result(definition, answers).counts == {"unanswered": 1, "answered": 1, "open": 2}
    assert result(definition, {**answers, "s.gate": answered("o0")}).counts == {"answered": 3, "hidden": 1}


@pytest.mark.parametrize(
    ("gate_answer", "own", "state"),
    [
        (None, "o1", "hidden"),
        (None, "o0", "open"),
        (answered("o0"), None, "open"),
        (answered("o1"), None, "hidden"),
        (answered("o0"), "o0", "unanswered"),
    ],
)
def test_section_and_question_must_both_be_visible(
    gate_answer: Answer | None, own: str | None, state: str
) -> None:
    behind = Section("b", "B", (choice("b.one", visible='s.own == "o0"'),), visible_when=when(SHOWN))
    definition = made(Section("a", "A", (gate("s.gate"), gate("s.own"))), behind)
    answers = {"s.gate": gate_answer, "s.own": None if own is None else answered(own)}
    found = result(definition, {key: one for key, one in answers.items() if one is not None})
    assert found.line("b.one").state == state


def test_shown_overrides_question_and_section() -> None:
    behind = Section("b", "B", (choice("b.one", visible='s.gate == "o0"'),), visible_when=when(SHOWN))
    definition = made(Section("a", "A", (gate("s.gate"),)), behind)
    answers = {"s.gate": answered("o1"), "b.one": answered("o0")}
    assert result(definition, answers).line("b.one").state == "hidden"
    assert result(definition, answers, shown=("b.one",)).line("b.one").state == "answered"


def test_hidden_gates_are_settled_as_missing_all_the_way_down() -> None:
    definition = made(
        gate("s.a"),
        gate("s.b", visible='s.a == "o0"'),
        choice("s.c", visible='s.b != "o0"'),
        choice("s.d", visible='s.b == "o0"'),
    )
    states = [line.state for line in result(definition, {"s.a": answered("o1"), "s.b": answered("o0")}).trace]
    assert states == ["answered", "hidden", "unanswered", "hidden"]
    states = [line.state for line in result(definition, {"s.b": answered("o0")}).trace]
    assert states == ["unanswered", "open", "open", "open"]


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"engagement.tier": "high"}, "unanswered"),
        ({"engagement.tier": "low"}, "hidden"),
        ({"engagement.tier": "unknown"}, "open"),
        ({}, "open"),
        ({"engagement.tier": None}, "open"),
    ],
)
def test_an_unknown_fact_leaves_it_open(facts: dict[str, Any], state: str) -> None:
    definition = made(choice("s.q", visible='engagement.tier == "high"'))
    assert result(definition, {}, facts).line("s.q").state == state


def test_a_set_that_holds_unknown_is_unknown() -> None:
    definition = made(choice("s.q", visible='"card" in engagement.data'))
    facts = {"engagement.data": frozenset({"card", "unknown"})}
    assert result(definition, {}, facts).line("s.q").state == "open"


def test_two_thousand_questions_in_a_chain() -> None:
    questions = [choice("q0")] + [choice(f"q{at}", visible=f'q{at - 1} == "o0"') for at in range(1, 2000)]
    definition = made(*reversed(questions))
    answers = {one.key: answered("o0") for one in questions}
    assert result(definition, answers).score == 100
    assert result(definition, answers | {"q0": answered("o1")}).counts == {"answered": 1, "hidden": 1999}
    assert result(definition, {}).counts == {"unanswered": 1, "open": 1999}


def test_a_cycle_that_check_would_refuse_is_an_error_not_a_hang() -> None:
    definition = made(choice("a", visible='b == "o0"'), choice("b", visible='a == "o0"'), choice("c"))
    with pytest.raises(ValueError, match="cycle: a, b"):
        result(definition, {})


# -- bands, caps, knock-outs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "band"),
    [
        (100, "strong"),
        (85, "strong"),
        (84, "sound"),
        (70, "sound"),
        (69, "partial"),
        (49, "weak"),
        (0, "weak"),
    ],
)
def test_bands_begin_at_their_minimum(points: int, band: str) -> None:
    found = result(made(choice("s.q", points, 0)), {"s.q": answered("o0")})
    assert found.band == found.best_band == band


def test_the_exact_score_decides_not_the_display() -> None:
    definition = made(choice("s.a", 85, 0, weight=24), choice("s.b", 84, 0, weight=1))
    found = result(definition, {"s.a": answered("o0"), "s.b": answered("o0")})
    assert found.score == Fraction(2124, 25)
    assert display(found.score) == "84.9"
    assert found.band == "sound"


def cap(source: str, band: str = "partial") -> Cap:
    return Cap(parse(source), band, "because")


@pytest.mark.parametrize(
    ("source", "answers", "caps", "bands"),
    [
        ('s.gate == "o0"', {"s.gate": answered("o0")}, [("partial", True)], ("partial", "partial")),
        ('s.gate == "o0"', {"s.gate": answered("o1")}, [], ("strong", "strong")),
        ('s.gate == "o0"', {}, [("partial", False)], ("partial", "strong")),
        ('engagement.tier == "high"', {}, [("partial", False)], ("partial", "strong")),
        ("points(s.q) < 50", {}, [], ("strong", "strong")),
        ("points(s.q) == 100", {}, [("partial", True)], ("partial", "partial")),
        (
            "points(s.q) < 50",
            {"s.q": answered("o0", "challenged")},
            [("partial", False)],
            ("partial", "strong"),
        ),
        ("points(s.q) < 50", {"s.q": answered("o1")}, [("partial", True)], ("weak", "weak")),
    ],
)
def test_caps(
    source: str, answers: dict[str, Answer], caps: list[tuple[str, bool]], bands: tuple[str, str]
) -> None:
    definition = made(choice("s.q"), gate("s.gate"), choice("s.r", weight=0), caps=(cap(source),))
    found = result(definition, {"s.q": answered("o0"), **answers})
    assert [(one.band, one.certain) for one in found.caps] == caps
    low = "weak" if found.score == 0 else bands[0]
    assert (low, found.best_band) == (found.band, bands[1])


def test_a_cap_on_points_of_a_hidden_question_is_not_true() -> None:
    definition = made(
        choice("s.r"),
        gate("s.gate"),
        choice("s.q", visible=SHOWN),
        caps=(cap("points(s.q) < 50"), cap("points(s.q) != 50", "sound")),
    )
    found = result(definition, {"s.r": answered("o0"), "s.gate": answered("o1")})
    assert [one.band for one in found.caps] == ["sound"]
    found = result(definition, {"s.r": answered("o0")})
    assert [(one.band, one.certain) for one in found.caps] == [("partial", False), ("sound", False)]


def test_a_cap_never_moves_the_number_and_never_lifts_the_band() -> None:
    definition = made(choice("s.q", 60, 0), caps=(cap('s.q == "o0"', "strong"), cap('s.q == "o0"', "weak")))
    found = result(definition, {"s.q": answered("o0")})
    assert (found.score, found.band) == (60, "weak")
    other = made(choice("s.q", 60, 0), caps=(cap('s.q == "o0"', "strong"),))
    assert result(other, {"s.q": answered("o0")}).band == "partial"


@pytest.mark.parametrize(
    ("answer", "knockouts", "bands"),
    [
        (answered("o0"), [], ("strong", "strong")),
        (answered("o1"), [("failed", 40, 40)], ("partial", "partial")),
        (answered("o2"), [], ("strong", "strong")),
        (None, [("open", 0, 100)], ("partial", "strong")),
        (answered("o0", "challenged"), [("open", 0, 100)], ("partial", "strong")),
        (answered("o1", "challenged"), [("failed", 0, 40)], ("partial", "partial")),
        (answered("o1", "graded", 50), [], ("strong", "strong")),
        (answered("o0", "disproved", 49), [("failed", 49, 49)], ("partial", "partial")),
        (NA, [("open", 0, 100)], ("partial", "strong")),
        (NA_ACCEPTED, [], ("strong", "strong")),
    ],
)
def test_knock_outs_open_and_failed(
    answer: Answer | None, knockouts: list[tuple[str, int, int]], bands: tuple[str, str]
) -> None:
    # Weight 0 all the same: a knock-out counts without a share.
    critical = choice("s.k", 100, 40, 50, weight=0, critical=True, minimum=50, allow_na=True)
    answers = {"s.q": answered("o0")} | ({} if answer is None else {"s.k": answer})
    found = result(made(choice("s.q"), critical), answers)
    assert [(one.kind, one.low, one.high) for one in found.knockouts] == knockouts
    assert all(one.minimum == 50 for one in found.knockouts)
    assert (found.band, found.best_band) == bands
    assert found.score == 100


def test_a_hidden_knock_out_does_not_count_an_open_one_does() -> None:
    definition = made(choice("s.q"), gate("s.gate"), choice("s.k", visible=SHOWN, critical=True))
    assert result(definition, {"s.gate": answered("o1")}).knockouts == ()
    (found,) = result(definition, {}).knockouts
    assert (found.kind, found.low, found.high) == ("open", 0, 100)


def test_without_a_knockout_band_knock_outs_are_only_listed() -> None:
    definition = made(choice("s.q"), choice("s.k", critical=True, weight=0), knockout_band=None)
    found = result(definition, {"s.q": answered("o0"), "s.k": answered("o1")})
    assert (found.band, len(found.knockouts)) == ("strong", 1)


@pytest.mark.parametrize(
    ("answer", "assurance"),
    [
        (answered("o0"), 0),
        (answered("o0", evidence=(document(),)), 0),
        (answered("o0", evidence=(document("accepted"),)), Fraction(1, 2)),
        (answered("o1", evidence=(document("accepted"),)), Fraction(1, 2)),
        (answered("o0", evidence=(document("accepted", expires=date(2020, 1, 1)), document())), 0),
        (answered("o0", evidence=(replace(document("accepted"), kind="policy"),)), 0),
        (answered("o0", "accepted"), Fraction(1, 2)),
        (answered("o0", "graded", 0), Fraction(1, 2)),
        (answered("o0", "challenged", evidence=(document("accepted"),)), 0),
        (answered("o0", "disproved", 0), 0),
        (NA_ACCEPTED, 0),
        (None, 0),
    ],
)
def test_assurance(answer: Answer | None, assurance: Fraction) -> None:
    question = choice("s.q", evidence=EvidenceRule("report", valid_months=12), allow_na=True)
    answers = {"s.other": answered("o0")} | ({} if answer is None else {"s.q": answer})
    assert result(made(question, choice("s.other")), answers).assurance == assurance


# -- the thorn ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighting", ["sections", "flat"])
@pytest.mark.parametrize("where", ["questions", "section"])
def test_a_blank_challenged_or_inapplicable_gate_never_scores_better_than_honest_answers(
    where: str, weighting: Any
) -> None:
    condition = 'a.gate == "o0"'
    bad = tuple(
        choice(f"b.q{at}", 100, 10, 0, visible=condition if where == "questions" else None)
        for at in range(10)
    )
    definition = made(
        Section("a", "A", (choice("a.gate", 100, 50, weight=1, allow_na=True), choice("a.fine"))),
        Section("b", "B", bad, visible_when=when(condition) if where == "section" else None),
        weighting=weighting,
    )
    honest = {one.key: answered("o1") for one in bad} | {"a.gate": answered("o0"), "a.fine": answered("o0")}
    truth = result(definition, honest)
    assert truth.score is not None
    without = {key: one for key, one in honest.items() if key != "a.gate"}
    for evasion in (
        without,
        honest | {"a.gate": Answer("unanswered")},
        honest | {"a.gate": Answer("suggested", "o1")},
        honest | {"a.gate": answered("o0", "challenged")},
        honest | {"a.gate": answered("o1", "challenged")},
        honest | {"a.gate": answered("o1", "disproved", 0)},
        honest | {"a.gate": NA},
    ):
        found = result(definition, evasion)
        assert found.score is not None
        assert found.score <= truth.score
        assert found.definition.bands.index(_band(found)) >= truth.definition.bands.index(_band(truth))


def _band(found: Result) -> Any:
    return found.definition.band(found.band or "")


# -- the surface ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [
        (Fraction(2124, 25), 1, "84.9"),
        (Fraction(100), 1, "100.0"),
        (Fraction(0), 1, "0.0"),
        (Fraction(1, 30), 1, "0.0"),
        (Fraction(200, 3), 2, "66.66"),
        (Fraction(1, 20), 2, "0.05"),
        (Fraction(199, 2), 0, "99"),
    ],
)
def test_display_truncates(number: Fraction, places: int, text: str) -> None:
    assert display(number, places) == text


def test_the_result_as_json() -> None:
    definition = made(
        choice("s.q", 100, 0),
        choice("s.k", 100, 0, critical=True, weight=5),
        caps=(cap('s.q == "o0"', "sound"),),
    )
    found = result(definition, {"s.q": answered("o0")})
    data = found.to_json()
    assert data["method"] == METHOD == found.method == "weighted/1"
    assert (data["slug"], data["version"], data["as_of"]) == ("made", "1.0.0", "2026-11-21")
    assert (found.slug, found.version) == ("made", "1.0.0")
    assert data["content_hash"] == definition.content_hash
    assert data["score"] == {"num": "200", "den": "3"}
    assert data["caps"] == [{"text": "because", "band": "sound", "certain": True}]
    assert data["knockouts"] == [
        {
            "key": "s.k",
            "kind": "open",
            "minimum": 50,
            "low": {"num": "0", "den": "1"},
            "high": {"num": "100", "den": "1"},
        }
    ]
    assert data["sections"] == [
        {
            "key": "s",
            "score": {"num": "200", "den": "3"},
            "high": {"num": "100", "den": "1"},
            "weight": 10,
            "share": {"num": "1", "den": "1"},
        }
    ]
    assert data["trace"][1] == {
        "key": "s.k",
        "state": "unanswered",
        "low": {"num": "0", "den": "1"},
        "high": {"num": "100", "den": "1"},
        "weight": 5,
        "share": {"num": "1", "den": "3"},
        "contribution": {"num": "0", "den": "1"},
        "open": {"num": "100", "den": "3"},
        "lost": {"num": "0", "den": "1"},
    }
    assert data["counts"] == {"answered": 1, "unanswered": 1}
    assert found.to_bytes().startswith(
        b'{"as_of":"2026-11-21","assurance":{"den":"1","num":"0"},"band":"partial"'
    )
    with pytest.raises(KeyError):
        found.line("s.other")
