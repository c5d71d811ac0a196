"""best_fixes: what comes first, what each step says, where the list ends, how long it may take."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from made_up import RANDOM, TODAY, answered, choice, document, gate, made, options, random_definition

from questionnaires.answers import Answer, InvalidAnswer, Review, parse_value, raw_value
from questionnaires.best_values import best_value
from questionnaires.conditions import parse
from questionnaires.definition import Cap, EvidenceRule, PointsRule, Question, Questionnaire, Section
from questionnaires.fixes import Fixes, best_fixes
from questionnaires.scoring import score


def fixes(
    definition: Questionnaire, answers: dict[str, Answer], band: str = "strong", limit: int = 10
) -> Fixes:
    return best_fixes(definition, answers, {}, TODAY, band, limit)


def test_the_largest_gain_comes_first_until_the_band_is_reached() -> None:
    definition = made(
        choice("s.small", weight=4),
        choice("s.large", weight=10),
        choice("s.fine", weight=8),
        choice("s.done", 90, 80),
    )
    answers = {key: answered("o1") for key in definition.questions} | {"s.fine": answered("o0")}
    found = fixes(definition, answers)
    assert [step.key for step in found.steps] == ["s.large", "s.small"]
    assert found.reached
    assert found.reason == "These steps reach the band “Strong”."
    first = found.steps[0]
    assert (first.from_value, first.to_value, first.needs, first.document) == ("o1", "o0", "answer", None)
    assert first.gain == Fraction(1000, 32)
    assert first.score_after == Fraction(8 * 100 + 10 * 80 + 10 * 100, 32)
    assert (first.band_after, found.steps[1].band_after) == ("sound", "strong")


def test_failed_knock_outs_come_before_caps_and_caps_before_points() -> None:
    definition = made(
        choice("s.points", weight=20),
        choice("s.capped", weight=2),
        choice("s.critical", weight=1, critical=True),
        choice("s.fine", weight=20),
        caps=(Cap(parse('s.capped == "o1"'), "weak", "capped"),),
    )
    answers = {key: answered("o1") for key in definition.questions} | {"s.fine": answered("o0")}
    found = fixes(definition, answers)
    assert [step.key for step in found.steps] == ["s.critical", "s.capped", "s.points"]
    assert [step.knockouts_removed for step in found.steps] == [("s.critical",), (), ()]
    assert [step.caps_lifted for step in found.steps] == [(), ("capped",), ()]
    assert [step.band_after for step in found.steps] == ["weak", "partial", "strong"]


def test_an_open_knock_out_of_weight_0_is_worth_a_step() -> None:
    definition = made(choice("s.q"), choice("s.k", weight=0, critical=True))
    found = fixes(definition, {"s.q": answered("o0")})
    assert [(step.key, step.gain, step.knockouts_removed) for step in found.steps] == [("s.k", 0, ("s.k",))]
    assert found.reached


def test_a_gate_is_answered_where_that_frees_what_hangs_on_it() -> None:
    definition = made(
        choice("s.gate", weight=1), *(choice(f"s.q{at}", visible='s.gate == "o0"') for at in range(3))
    )
    answers = {f"s.q{at}": answered("o0") for at in range(3)}
    found = fixes(definition, answers)
    assert [(step.key, step.from_value, step.to_value) for step in found.steps] == [("s.gate", None, "o0")]
    assert found.steps[0].gain == found.steps[0].score_after == 100


def test_a_gate_that_would_uncover_worse_is_left_alone() -> None:
    definition = made(
        choice("s.gate", 100, 90, weight=1),
        *(choice(f"s.q{at}", visible='s.gate == "o0"') for at in range(3)),
    )
    answers = {"s.gate": answered("o1")} | {f"s.q{at}": answered("o1") for at in range(3)}
    high = replace(definition, bands=(replace(definition.bands[0], minimum=95), *definition.bands[1:]))
    assert fixes(high, answers) == Fixes((), False, "No single change brings the band “Strong” any nearer.")


def test_a_section_that_comes_into_the_sums() -> None:
    definition = made(
        Section("a", "A", (choice("a.gate", weight=1), choice("a.q", weight=9)), weight=10),
        Section("b", "B", (choice("b.q", visible='a.gate == "o0"'),), weight=10),
        Section("c", "C", (choice("c.q", visible='a.gate == "o1"'),), weight=10),
        Section("d", "D", (choice("d.q", visible='a.gate == "o1"'),), weight=0),
    )
    answers = {"a.gate": answered("o1"), "b.q": answered("o0"), "a.q": answered("o0"), "c.q": answered("o1")}
    (step,) = fixes(definition, answers).steps
    assert (step.key, step.score_after, step.gain) == ("a.gate", 100, 55)


@pytest.mark.parametrize("weighting", ["sections", "flat"])
def test_the_limit(weighting: Any) -> None:
    definition = made(*(choice(f"s.q{at}") for at in range(20)), weighting=weighting)
    found = fixes(definition, {}, limit=3)
    assert [step.key for step in found.steps] == ["s.q0", "s.q1", "s.q2"]
    assert (found.reached, found.reason) == (False, "The band “Strong” takes more than 3 steps.")


def test_nothing_to_do_and_nothing_to_score() -> None:
    definition = made(choice("s.q"))
    assert fixes(definition, {"s.q": answered("o0")}) == Fixes(
        (), True, "These steps reach the band “Strong”."
    )
    assert fixes(made(gate("s.q")), {}) == Fixes(
        (), False, "There is nothing to score yet, so no step can be weighed."
    )
    with pytest.raises(ValueError, match="no band 'best'"):
        fixes(definition, {}, "best")


def test_what_is_open_hidden_or_accepted_as_not_applicable_is_no_candidate() -> None:
    definition = made(
        gate("s.gate"),
        choice("s.open", visible='s.gate == "o0"'),
        choice("s.na", allow_na=True),
        choice("s.done"),
        weighting="flat",
    )
    answers = {
        "s.na": Answer("not_applicable", note="none", review=Review("na_accepted")),
        "s.done": answered("o0"),
    }
    assert fixes(definition, answers).steps == ()


REPORT = EvidenceRule("report", required=True)


@pytest.mark.parametrize(
    ("question", "answer", "to_value", "needs", "kind"),
    [
        (choice("s.q", evidence=REPORT), answered("o0"), "o0", "evidence", "report"),
        (choice("s.q", evidence=REPORT), answered("o1"), "o0", "answer", "report"),
        (choice("s.q", evidence=REPORT), answered("o1", evidence=(document(),)), "o0", "answer", None),
        (choice("s.q", evidence=EvidenceRule("report")), answered("o1"), "o0", "answer", None),
        (
            choice("s.q", evidence=EvidenceRule("report", required_when=parse('s.gate == "o1"'))),
            answered("o1"),
            "o0",
            "answer",
            None,
        ),
        (choice("s.q"), answered("o0", "challenged"), "o0", "answer", None),
        (choice("s.q"), answered("o0", "disproved", 0), "o0", "answer", None),
        (choice("s.q"), None, "o0", "answer", None),
        (choice("s.q", allow_na=True), Answer("not_applicable", note="n"), "o0", "answer", None),
        (choice("s.q"), Answer("suggested", "o1"), "o0", "answer", None),
        (Question("s.q", "Why?", "text", weight=5), answered("words"), "words", "grade", None),
        (Question("s.q", "Why?", "text", weight=5), None, None, "grade", None),
    ],
)
def test_what_a_step_needs(
    question: Question, answer: Answer | None, to_value: Any, needs: str, kind: str | None
) -> None:
    definition = made(gate("s.gate"), question)
    answers = {"s.gate": answered("o0")} | ({} if answer is None else {"s.q": answer})
    (step,) = fixes(definition, answers).steps
    assert (step.to_value, step.needs, step.document) == (to_value, needs, kind)
    after = score(definition, {**answers, "s.q": step.answer}, {}, TODAY)
    assert after.score == step.score_after == 100


# -- best values ----------------------------------------------------------------------------------------------


def best(question: Question, current: Any = None) -> Any:
    (item,) = made(question).plan.items
    return best_value(item, current, TODAY)


@pytest.mark.parametrize(
    ("combine", "points", "exclusive", "value"),
    [
        ("sum", (60, 0, 40), None, ("o0", "o2")),
        ("sum", (10, 20), 50, ("none",)),
        ("sum", (0, 0), None, ("o0",)),
        ("sum", (), 30, ("none",)),
        ("worst", (40, 90, 90), 10, ("o1",)),
        ("worst", (40, 50), 100, ("none",)),
        ("all", (None, None), 10, ("o0", "o1")),
    ],
)
def test_the_best_choices(combine: Any, points: Any, exclusive: int | None, value: tuple[str, ...]) -> None:
    question = Question(
        "q", "Which?", "choices", options=options(*points, exclusive=exclusive), combine=combine, weight=1
    )
    assert best(question) == value


def test_the_best_choice_stays_where_no_other_is_better() -> None:
    assert best(choice("q", 100, 100, 0), "o1") == "o1"
    assert best(choice("q", 100, 100, 0), "o2") == "o0"


def rules(*pairs: tuple[str, int]) -> tuple[PointsRule, ...]:
    return tuple(PointsRule(parse(source), points) for source, points in pairs)


@pytest.mark.parametrize(
    ("fields", "current", "value"),
    [
        ({"points_when": rules(("value <= 24", 100), ("value <= 72", 60))}, "100", "24"),
        ({"points_when": rules(("value <= 24", 100), ("value <= 72", 60))}, None, "24"),
        ({"points_when": rules(("value <= 24", 100))}, "3", "3"),
        ({"points_when": rules(("value < 24", 100)), "decimals": 1}, "30", "23.9"),
        ({"points_when": rules(("value <= 72.3", 100))}, "80", "72"),
        ({"points_when": rules(("value >= 12", 100))}, None, "12"),
        ({"points_when": rules(("value > 12", 100)), "at_most": "12"}, "5", "5"),
        ({"points_when": rules(("value > -5", 100)), "at_least": "-10"}, "-8", "-4"),
        ({"points_when": rules(("value == 7", 100))}, "9", "7"),
        ({"points_when": rules(("answered(value)", 100))}, None, "0"),
    ],
)
def test_the_best_number_is_the_nearest(fields: Any, current: str | None, value: str) -> None:
    question = Question("q", "How many?", "number", weight=1, **fields)
    assert best(question, None if current is None else Decimal(current)) == Decimal(value)


@pytest.mark.parametrize(
    ("fields", "current", "value"),
    [
        ({"points_when": rules(("within(value, 12)", 100))}, date(2020, 1, 1), TODAY),
        ({"points_when": rules(("age_months(value) > 12", 100))}, TODAY, date(2025, 10, 21)),
        ({"points_when": rules(("months_until(value) >= 3", 100))}, TODAY, date(2027, 2, 21)),
        ({"points_when": rules(('value < "2020-01-01"', 100))}, TODAY, date(2019, 12, 31)),
        (
            {"points_when": rules(('value > "2030-01-01"', 100)), "not_after": "2030-06-01"},
            None,
            date(2030, 1, 2),
        ),
        ({"points_when": rules(('value > "2030-01-01"', 100)), "not_after": "today"}, TODAY, TODAY),
    ],
)
def test_the_best_date(fields: Any, current: date | None, value: date) -> None:
    assert best(Question("q", "When?", "date", weight=1, **fields), current) == value


@given(RANDOM)
def test_the_best_value_may_be_given_and_has_the_most_points(rnd: Any) -> None:
    for item in random_definition(rnd).plan.items:
        if item.earn is None or item.question.type in ("text", "table"):
            continue
        value = best_value(item, None, TODAY)
        try:
            assert parse_value(item.question, raw_value(item.question, value), TODAY) == value
        except InvalidAnswer as error:
            pytest.fail(str(error))
        most = max(item.earn(one, TODAY) for one in _some_values(item.question))
        assert item.earn(value, TODAY) >= most


def _some_values(question: Question) -> list[Any]:
    match question.type:
        case "choice":
            return [one.value for one in question.options]
        case "choices":
            plain = tuple(one.value for one in question.options if not one.exclusive)
            return [plain, *((one.value,) for one in question.options)]
        case "number":
            return [Decimal(one) / 10 for one in range(-100, 2000, 7)]
        case _:
            return [date.fromordinal(TODAY.toordinal() + days) for days in range(-1200, 1200, 13)]


def test_a_change_that_leaves_nothing_to_score_is_no_step() -> None:
    definition = made(
        choice("s.gate", weight=0, critical=True),
        choice("s.q", visible='s.gate == "o1"'),
        knockout_band="weak",
    )
    answers = {"s.gate": answered("o1"), "s.q": answered("o1")}
    assert [step.key for step in fixes(definition, answers).steps] == ["s.q"]
