"""The laws of scoring, over random definitions and answers with no restriction on what may hide what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given, settings
from made_up import (
    FACTS,
    RANDOM,
    TODAY,
    answered,
    plain_answers,
    random_answer,
    random_answers,
    random_definition,
    random_facts,
    random_shown,
    random_value,
    shuffled,
)

from questionnaires.answers import Answer, EvidenceItem, Review
from questionnaires.best_values import improved
from questionnaires.definition import Question, Questionnaire
from questionnaires.fixes import best_fixes
from questionnaires.scoring import Result, score
from questionnaires.visibility import look
from tests.conftest import FULL

MANY = settings(max_examples=2_000) if FULL else settings()

CERTAIN = {"hidden", "not_applicable", "graded", "disproved", "accepted", "answered"}


class Case:
    """One random case, and its result again after a change."""

    def __init__(self, rnd: Random) -> None:
        self.rnd = rnd
        self.definition = random_definition(rnd)
        self.answers = random_answers(rnd, self.definition)
        self.facts = random_facts(rnd)
        self.shown = random_shown(rnd, self.definition)

    def result(
        self, answers: dict[str, Answer] | None = None, definition: Questionnaire | None = None
    ) -> Result:
        return score(
            definition or self.definition,
            self.answers if answers is None else answers,
            self.facts,
            TODAY,
            self.shown,
        )

    def any_question(self) -> Question:
        return self.rnd.choice(list(self.definition.questions.values()))

    def changed(self, key: str, answer: Answer | None) -> dict[str, Answer]:
        changed = {name: one for name, one in self.answers.items() if name != key}
        return changed if answer is None else {**changed, key: answer}


def not_above(one: Fraction | None, other: Fraction | None) -> bool:
    """one <= other, where both exist."""
    return one is None or other is None or one <= other


@MANY
@given(RANDOM)
def test_the_low_is_never_above_the_high(rnd: Random) -> None:
    result = Case(rnd).result()
    assert (
        (result.score is None) == (result.high is None) == (result.band is None) == (result.best_band is None)
    )
    assert result.score is None or 0 <= result.score <= result.high <= 100
    for line in result.trace:
        assert (line.low is None) == (line.high is None)
        assert line.low is None or 0 <= line.low <= line.high <= 100
    if result.band is not None:
        names = [band.name for band in result.definition.bands]
        assert names.index(result.best_band) <= names.index(result.band)


@MANY
@given(RANDOM)
def test_the_three_sums_are_exact(rnd: Random) -> None:
    result = Case(rnd).result()
    if result.score is None:
        assert all(line.share == 0 for line in result.trace)
        return
    assert sum(line.share for line in result.trace) == 1
    assert sum(section.share for section in result.sections) == 1
    assert sum(line.contribution for line in result.trace) == result.score
    assert sum(line.open for line in result.trace) == result.high - result.score
    assert sum(line.lost for line in result.trace) == 100 - result.high
    assert 0 <= result.assurance <= 1
    assert sum(result.counts.values()) == len(result.trace)


@MANY
@given(RANDOM)
def test_answering_an_unanswered_question_only_narrows_the_range(rnd: Random) -> None:
    case = Case(rnd)
    question = case.any_question()
    blank = case.changed(question.key, rnd.choice((None, Answer("unanswered"), Answer("suggested", "o0"))))
    given_answer = replace(random_answer(rnd, question), review=None)
    filled = case.changed(
        question.key, replace(given_answer, state="answered", value=random_value(rnd, question))
    )
    before, after = case.result(blank), case.result(filled)
    assert not_above(before.score, after.score)
    assert not_above(after.high, before.high)


@MANY
@given(RANDOM)
def test_hiding_the_truth_never_raises_the_low(rnd: Random) -> None:
    case = Case(rnd)
    question = case.any_question()
    before = case.result()
    now = case.answers.get(question.key) or Answer("unanswered")
    evasions: list[Answer | None] = [None, Answer("not_applicable", note="not for us")]
    if now.state == "answered":
        evasions.append(replace(now, review=Review("challenged", None, "really?")))
    for evasion in evasions:
        assert not_above(case.result(case.changed(question.key, evasion)).score, before.score)


@MANY
@given(RANDOM)
def test_no_evasion_earns_a_better_band(rnd: Random) -> None:
    case = Case(rnd)
    before, answers = case.result(), dict(case.answers)
    for key in case.definition.questions:
        now = answers.get(key) or Answer("unanswered")
        if rnd.random() < 0.5:
            continue
        evasions = [Answer("unanswered"), Answer("not_applicable", note="n"), Answer("suggested", now.value)]
        if now.state == "answered":
            evasions += [replace(now, review=Review("challenged")), replace(now, evidence=())] * 2
        if now.review is not None and now.review.mark == "accepted":
            evasions.append(replace(now, review=None))
        answers[key] = rnd.choice(evasions)
    after = case.result(answers)
    if before.score is None or after.score is None or before.band is None or after.band is None:
        return
    names = [band.name for band in case.definition.bands]
    assert after.score <= before.score
    assert names.index(after.band) >= names.index(before.band)
    assert {one.key for one in before.knockouts} <= {one.key for one in after.knockouts}
    assert after.assurance <= before.assurance


@MANY
@given(RANDOM)
def test_idle_documents_and_notes_change_nothing(rnd: Random) -> None:
    case = Case(rnd)
    idle = (
        EvidenceItem("policy", TODAY, None, "accepted"),
        EvidenceItem("report", TODAY + timedelta(days=2), None, "accepted"),
        EvidenceItem("report", TODAY, TODAY - timedelta(days=1), "accepted"),
        EvidenceItem("report", TODAY, None, "refused"),
    )
    answers = {
        key: replace(
            one,
            note=one.note + " and more",
            evidence=(*rnd.sample(idle, 2), *one.evidence, *one.evidence, rnd.choice(idle)),
        )
        for key, one in case.answers.items()
    }
    assert case.result(answers).to_bytes() == case.result().to_bytes()


@MANY
@given(RANDOM)
def test_a_document_of_a_narrower_kind_does_what_one_of_the_kind_asked_for_does(rnd: Random) -> None:
    case = Case(rnd)
    answers = {
        key: replace(one, evidence=tuple(replace(each, kind=f"{each.kind}.own") for each in one.evidence))
        for key, one in case.answers.items()
    }
    assert case.result(answers).to_bytes() == case.result().to_bytes()


@MANY
@given(RANDOM)
def test_raising_the_points_of_an_option_never_lowers_anything(rnd: Random) -> None:
    case = Case(rnd)
    definition = case.definition
    found = [
        (question, one)
        for question in definition.questions.values()
        for one in question.options
        if one.points is not None
    ]
    if not found:
        return
    question, option = rnd.choice(found)
    raised = replace(option, points=rnd.randint(option.points or 0, 100))
    options = tuple(raised if one is option else one for one in question.options)
    better = _with(definition, replace(question, options=options))
    before, after = case.result(), case.result(definition=better)
    assert not_above(before.score, after.score)
    assert not_above(before.high, after.high)


def _with(definition: Questionnaire, question: Question) -> Questionnaire:
    sections = tuple(
        replace(one, questions=tuple(question if old.key == question.key else old for old in one.questions))
        for one in definition.sections
    )
    return replace(definition, sections=sections)


@MANY
@given(RANDOM)
def test_order_does_not_matter(rnd: Random) -> None:
    case = Case(rnd)
    other = shuffled(rnd, case.definition)
    answers = dict(rnd.sample(list(case.answers.items()), len(case.answers)))
    assert _essence(case.result()) == _essence(case.result(answers, other))


def _essence(result: Result) -> dict[str, Any]:
    return {
        "totals": (result.score, result.high, result.band, result.best_band, result.assurance),
        "shares": {line.key: (line.state, line.share, line.low, line.high) for line in result.trace},
        "sections": {one.key: (one.score, one.high, one.share) for one in result.sections},
        "knockouts": set(result.knockouts),
        "caps": set(result.caps),
    }


@MANY
@given(RANDOM)
def test_hidden_answers_do_not_matter(rnd: Random) -> None:
    case = Case(rnd)
    before = case.result()
    answers = dict(case.answers)
    for line in before.trace:
        if line.state == "hidden":
            answers.pop(line.key, None)
            if rnd.random() < 0.5:
                answers[line.key] = random_answer(rnd, case.definition.questions[line.key])
    assert case.result(answers).to_bytes() == before.to_bytes()


@MANY
@given(RANDOM)
def test_answers_of_questions_that_may_be_hidden_do_not_matter(rnd: Random) -> None:
    case = Case(rnd)
    before = case.result()
    answers = {
        key: random_answer(rnd, case.definition.questions[key])
        if before.line(key).state == "open"
        else answer
        for key, answer in case.answers.items()
    }
    assert case.result(answers).to_bytes() == before.to_bytes()


@MANY
@given(RANDOM)
def test_what_is_certain_has_no_range(rnd: Random) -> None:
    case = Case(rnd)
    answers = {
        key: rnd.choice(
            (
                answered(random_value(rnd, question), "graded", rnd.randint(0, 100)),
                Answer("not_applicable", note="none", review=Review("na_accepted")),
                answered(random_value(rnd, question)),
                answered(random_value(rnd, question), "disproved", 0),
            )
        )
        for key, question in case.definition.questions.items()
    }
    for result in (case.result(answers), case.result()):
        if {line.state for line in result.trace} <= CERTAIN:
            assert result.score == result.high


@MANY
@given(RANDOM)
def test_equal_inputs_give_equal_bytes(rnd: Random) -> None:
    case = Case(rnd)
    again = replace(case.definition)
    assert case.result().to_bytes() == case.result(dict(reversed(case.answers.items())), again).to_bytes()


@MANY
@given(RANDOM)
def test_pages_and_scoring_agree_where_nothing_is_unknown(rnd: Random) -> None:
    case = Case(rnd)
    facts = {name: rnd.choice([one for one in values if one != "unknown"]) for name, values in FACTS.items()}
    facts["engagement.data"] = frozenset({"card"})
    answers = plain_answers(rnd, case.definition)
    view = look(case.definition, answers, facts, TODAY, case.shown)
    result = score(case.definition, answers, facts, TODAY, case.shown)
    assert view.visible == {line.key for line in result.trace if line.state != "hidden"}
    assert "open" not in result.counts


@MANY
@given(RANDOM)
def test_applying_the_fixes_gives_what_they_promise(rnd: Random) -> None:
    case = Case(rnd)
    target = rnd.choice(("strong", "sound", "partial"))
    fixes = best_fixes(case.definition, case.answers, case.facts, TODAY, target, limit=4, shown=case.shown)
    answers, before = dict(case.answers), case.result()
    for step in fixes.steps:
        answers[step.key] = step.answer
        after = case.result(answers)
        assert (after.score, after.band) == (step.score_after, step.band_after)
        assert after.score - before.score == step.gain
        assert {one.key for one in before.knockouts} - {one.key for one in after.knockouts} == set(
            step.knockouts_removed
        )
        before = after
    names = [band.name for band in case.definition.bands]
    assert fixes.reached == (before.band is not None and names.index(before.band) <= names.index(target))


@MANY
@given(RANDOM)
def test_no_single_change_gains_more_than_the_first_fix(rnd: Random) -> None:
    """The upper bounds, by which most candidates are never scored, hide no better step."""
    case = Case(rnd)
    before = case.result()
    if before.band in (None, "strong"):
        return
    fixes = best_fixes(case.definition, case.answers, case.facts, TODAY, "strong", 1, case.shown)
    gains = [(0, 0, Fraction(0), 0)]
    for item in case.definition.plan.items:
        line = before.line(item.key)
        if item.earn is None or line.low is None or line.state == "open":
            continue
        after = case.result(case.changed(item.key, improved(item, case.answers.get(item.key), TODAY)))
        if after.score is not None and after.line(item.key).low > line.low:
            gains.append(_gain(before, after))
    if fixes.steps:
        step = fixes.steps[0]
        assert _gain(before, case.result(case.changed(step.key, step.answer))) == max(gains)
    else:
        assert max(gains) == gains[0]


def _gain(before: Result, after: Result) -> tuple[int, int, Fraction, int]:
    failed = [sum(one.kind == "failed" for one in result.knockouts) for result in (before, after)]
    opened = [len(result.knockouts) - count for result, count in zip((before, after), failed, strict=True)]
    return (
        failed[0] - failed[1],
        len(before.caps) - len(after.caps),
        after.score - before.score,
        opened[0] - opened[1],
    )
