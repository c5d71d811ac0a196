"""Carry-forward: what is offered, what is not, and that nothing is ever made up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from made_up import (
    RANDOM,
    TODAY,
    answered,
    choice,
    document,
    made,
    options,
    random_answers,
    random_definition,
    random_facts,
    when,
)
from made_up_versions import next_version

from questionnaires.answers import Answer, EvidenceItem, Review, parse_value, raw_value
from questionnaires.carry_forward import Offer, Table, carry
from questionnaires.carry_sources import Cycle, Source, choose, unchanged_cycles
from questionnaires.definition import Column, EvidenceRule, Option, Question, Questionnaire
from questionnaires.interchange.mvsp import read_mvsp
from questionnaires.parsing import parse_json
from questionnaires.scoring import score
from tests.published import published

MVSP = ("1.0", "2.0", "3.0")
BASE = choice("a", 100, 50, 0, allow_na=True)
ALONE = options(100, 50, exclusive=0)
MANY = Question("a", "Question a?", "choices", options=ALONE, combine="sum", weight=10)
NUMBER = Question("a", "Question a?", "number", unit="days", at_most="90")
DATE = Question("a", "Question a?", "date")
TABLE = Question("a", "Question a?", "table", columns=(Column("x", "X", "text"), Column("y", "Y", "number")))


def offer(old: Question, new: Question, answer: Answer | None, due: date | None = None, **more: Any) -> Offer:
    answers = {} if answer is None else {old.key: answer}
    before, after = made(old), replace(made(new), version="2.0.0")
    return carry(before, after, answers, as_of=TODAY, due=due, **more)[new.key]


@pytest.mark.parametrize(
    ("new", "how", "code"),
    [
        (BASE, "section", "same"),
        (replace(BASE, weight=5, critical=True), "section", "same"),
        (replace(BASE, visible_when=when("engagement.tier == 'high'")), "section", "same"),
        (replace(BASE, evidence=EvidenceRule("report")), "section", "same"),
        (replace(BASE, refs=("x",)), "section", "same"),
        (replace(BASE, key="b", formerly=("a@1",)), "section", "same"),
        (replace(BASE, text="Question a, really?"), "single", "edited"),
        (replace(BASE, help="Help"), "single", "edited"),
        (replace(BASE, key="b", formerly=("a@1",), text="Else?"), "single", "edited"),
        (replace(BASE, options=options(100, 50, 0, 0)), "single", "edited"),
        (replace(BASE, options=options(100, 50)), "single", "edited"),
        (replace(BASE, options=options(100)), "refused", "option_gone"),
        (replace(BASE, options=options(100, 50, 0, exclusive=0)), "refused", "exclusive"),
        (replace(BASE, revision=2), "refused", "changed"),
        (replace(BASE, type="choices", combine="sum"), "refused", "changed"),
        (replace(BASE, key="b"), "refused", "added"),
    ],
)
def test_what_the_table_of_the_format_says(new: Question, how: str, code: str) -> None:
    found = offer(BASE, new, answered("o1", note="as before"))
    assert (found.how, found.code) == (how, code)
    assert found.is_offered == (how != "refused")
    assert found.reason.endswith(".")
    if found.is_offered:
        assert (found.value, found.note, found.old_key) == ("o1", "as before", "a")
        assert found.answer is not None
        assert found.answer.review is None
    else:
        assert (found.value, found.note, found.evidence) == (None, "", ())
        # A changed question shows the old answer beside it; an added one has none.
        assert (found.old_answer is None) == (code == "added")


@pytest.mark.parametrize(
    ("old", "value", "new", "code", "told"),
    [
        (MANY, ("o0", "o1"), replace(MANY, options=(*ALONE[1::-1], ALONE[2])), "edited", ("o1", "o0")),
        (MANY, ("o0", "o1"), replace(MANY, options=ALONE[1:]), "option_gone", "“Option 0”"),
        (MANY, ("o0",), replace(MANY, options=ALONE[:2]), "exclusive", None),
        (MANY, ("none",), replace(MANY, options=ALONE[:2]), "option_gone", "“None”"),
        (NUMBER, Decimal(60), replace(NUMBER, at_most="60"), "edited", Decimal(60)),
        (NUMBER, Decimal(61), replace(NUMBER, at_most="60"), "unfit", "60"),
        (NUMBER, Decimal(1), replace(NUMBER, unit="hours"), "unit", "“days”"),
        (DATE, date(2026, 11, 1), replace(DATE, not_after="today"), "edited", date(2026, 11, 1)),
        (DATE, date(2027, 1, 1), replace(DATE, not_after="today"), "unfit", "today"),
        (replace(DATE, not_before="today"), date(2026, 1, 1), replace(DATE, not_before="today"), "unfit", "today"),
        (TABLE, ({"y": Decimal(2)},), replace(TABLE, max_rows=1), "edited", ({"y": Decimal(2)},)),
        (TABLE, ({"x": "one"},), replace(TABLE, columns=TABLE.columns[:1]), "edited", ({"x": "one"},)),
        (TABLE, ({"y": Decimal(2)},), replace(TABLE, columns=TABLE.columns[:1]), "unfit", "no column"),
    ],
)  # fmt: skip
def test_values_are_read_by_the_new_question(
    old: Question, value: Any, new: Question, code: str, told: Any
) -> None:
    found = offer(old, new, answered(value))
    assert found.code == code
    if found.is_offered:
        assert (found.how, found.value) == ("single", told)
    else:
        assert told is None or told in found.reason


@pytest.mark.parametrize(
    ("answer", "how", "code", "mark"),
    [
        (None, "refused", "unanswered", None),
        (Answer("unanswered", note="x"), "refused", "unanswered", None),
        (Answer("suggested", "o1"), "refused", "unanswered", None),
        (answered("o1", "accepted"), "section", "same", None),
        (answered("o1", "graded", 70), "section", "same", None),
        (answered("o1", "challenged"), "single", "doubted", "challenged"),
        (answered("o1", "disproved", 0), "single", "doubted", "disproved"),
        (Answer("not_applicable", None, "No staff"), "section", "same", None),
        (
            Answer("not_applicable", None, "No staff", review=Review("na_accepted")),
            "section",
            "same",
            None,
        ),
    ],
)
def test_states_and_marks(answer: Answer | None, how: str, code: str, mark: str | None) -> None:
    found = offer(BASE, BASE, answer)
    assert (found.how, found.code, found.mark) == (how, code, mark)
    if found.answer is not None and answer is not None:
        # Review marks never carry, the acceptance of N/A neither.
        assert found.answer == replace(answer, review=None)


def test_not_applicable_needs_to_be_offered_still() -> None:
    assert offer(BASE, replace(BASE, allow_na=False), Answer("not_applicable", None, "x")).code == "na_gone"
    edited = offer(
        BASE, replace(BASE, options=options(100), text="Question a now?"), Answer("not_applicable")
    )
    assert (edited.how, edited.code) == ("single", "edited")


def test_documents_must_hold_on_the_day_that_answers_are_due() -> None:
    proven = replace(BASE, evidence=EvidenceRule("report", valid_months=12))
    due = date(2027, 3, 1)
    holds = EvidenceItem("report", date(2026, 3, 1), date(2027, 3, 1), "accepted")
    documents = (
        holds,
        EvidenceItem("report", date(2026, 2, 28)),  # a day too old
        EvidenceItem("report", date(2026, 11, 1), date(2027, 2, 28)),  # expires the day before
        EvidenceItem("report"),  # undated, where months are counted
        EvidenceItem("policy"),  # of another kind: no months are counted
        document("refused"),
        EvidenceItem("report.audit", date(2026, 2, 28)),  # of a narrower kind, and a day too old as well
    )
    found = offer(proven, proven, Answer("answered", "o1", evidence=documents), due)
    assert found.evidence == (replace(holds, mark=None), documents[4])
    assert found.lapsed == (documents[1], documents[2], documents[3], *documents[5:])
    # By default they must hold on the day itself.
    now = offer(proven, proven, Answer("answered", "o1", evidence=documents))
    assert len(now.evidence) == 5


@pytest.mark.parametrize("which", [0, 1])
def test_nothing_is_carried_to_or_from_a_campaign(which: int) -> None:
    both = [made(BASE), replace(made(BASE), version="2.0.0")]
    both[which] = replace(both[which], purpose="campaign")
    found = carry(*both, {"a": answered("o1")}, as_of=TODAY)["a"]
    assert (found.how, found.code, found.old_answer) == ("refused", "campaign", None)
    assert Table(*both).confirmed({"a": answered("o1")}, TODAY) == {}


@pytest.mark.parametrize(
    ("text", "slug", "versions", "code"),
    [
        ("Do you keep copies of data?", "other", None, "edited"),
        ("Are disks encrypted at rest?", "other", None, "unalike"),
        ("Are disks encrypted at rest?", "made", None, "edited"),
        ("Are disks encrypted at rest?", "made", False, "unalike"),
        ("Are disks encrypted at rest?", "other", True, "edited"),
    ],
)
def test_questionnaires_that_share_a_key_are_compared_by_their_texts_too(
    text: str, slug: str, versions: bool | None, code: str
) -> None:
    old = made(replace(BASE, text="Do you keep copies?"))
    new = replace(made(replace(BASE, text=text)), slug=slug)
    answers = {"a": answered("o1")}
    assert carry(old, new, answers, as_of=TODAY, versions=versions)["a"].code == code
    assert bool(Table(old, new, (), versions).confirmed(answers, TODAY)) == (code == "edited")


def test_a_question_that_replaces_several() -> None:
    old = made(BASE, choice("b", 100, 50, 0, 5))
    new = replace(made(replace(BASE, formerly=("a@1", "b@1"), key="c")), version="2.0.0")

    def found(**answers: str) -> tuple[str, str, Any]:
        given = {key: answered(value) for key, value in answers.items()}
        one = carry(old, new, given, as_of=TODAY)["c"]
        confirmed = Table(old, new).confirmed(given, TODAY).get("c")
        assert confirmed == one.answer
        return one.how, one.code, one.value

    assert found() == ("refused", "unanswered", None)
    assert found(a="o1") == ("section", "same", "o1")
    assert found(b="o1") == ("single", "edited", "o1")
    assert found(b="o3") == ("refused", "option_gone", None)
    assert found(a="o1", b="o1") == ("section", "same", "o1")
    assert found(a="o1", b="o2") == ("refused", "several", None)


@given(RANDOM)
def test_carry_forward_never_makes_an_answer_up(rnd: Any) -> None:
    old = random_definition(rnd)
    new = next_version(rnd, old)
    answers = {
        key: one
        for key, one in random_answers(rnd, old).items()
        if one.state in ("answered", "not_applicable")
    }
    table = Table(old, new)
    offers = table.offers(answers, TODAY)
    assert list(offers) == list(new.questions)
    for key, one in offers.items():
        if one.answer is None:
            assert one.how == "refused"
            continue
        assert one.old_key is not None
        before = answers[one.old_key]
        assert one.answer.state == before.state
        assert one.answer.review is None
        assert one.note == before.note
        given = {(item.kind, item.issued, item.expires) for item in before.evidence}
        assert {(item.kind, item.issued, item.expires) for item in one.evidence} <= given
        assert len(one.evidence) + len(one.lapsed) == len(before.evidence)
        if one.value is not None:
            # The same answer in its plain form, and one that the new question takes.
            plain = raw_value(new.questions[key], one.value)
            assert parse_value(new.questions[key], plain, TODAY) == one.value
            assert before.value is not None
            was = raw_value(old.questions[one.old_key], before.value)
            assert plain == was or sorted(plain) == sorted(was)
        if one.how == "section":
            assert not {"text", "options"} & set(one.change.edits)
            assert one.mark is None
    assert table.confirmed(answers, TODAY) == {
        key: one.answer for key, one in offers.items() if one.answer is not None
    }


@given(RANDOM)
def test_suggestions_never_count(rnd: Any) -> None:
    old = random_definition(rnd)
    new = next_version(rnd, old)
    facts = random_facts(rnd)
    offers = Table(old, new).offers(random_answers(rnd, old), TODAY)
    stored = {
        key: replace(one.answer, state="suggested") for key, one in offers.items() if one.answer is not None
    }
    with_them, without = score(new, stored, facts, TODAY), score(new, {}, facts, TODAY)
    assert (with_them.score, with_them.high, with_them.band) == (without.score, without.high, without.band)
    assert with_them.assurance == without.assurance == 0


def source(nearness: Any, day: int, value: str | Answer, **more: Any) -> Source:
    answer = answered(value) if isinstance(value, str) else value
    return Source(f"{nearness} {day}", nearness, date(2026, 1, day), "Ada", made(BASE), {"a": answer}, **more)


@pytest.mark.parametrize(
    ("sources", "chosen", "shown", "how"),
    [
        ([], None, [], "refused"),
        ([source("organisation", 9, "o1"), source("engagement", 1, "o1")], "engagement 1",
         ["engagement 1", "organisation 9"], "section"),
        # Of each nearness the newest counts.
        ([source("engagement", 1, "o0"), source("engagement", 2, "o1")], "engagement 2", ["engagement 2"], "section"),
        ([source("company", 1, "o0"), source("organisation", 1, "o1")], None,
         ["organisation 1", "company 1"], "refused"),
        ([source("company", 1, answered("o1", "challenged")), source("organisation", 1, "o1")], "organisation 1",
         ["organisation 1", "company 1"], "single"),
        # A blank says nothing.
        ([source("engagement", 2, Answer("unanswered")), source("engagement", 1, "o1")], "engagement 1",
         ["engagement 1"], "section"),
        # What no longer fits still speaks against another answer.
        ([source("engagement", 1, "o2"), source("company", 1, "o1")], None, ["engagement 1", "company 1"], "refused"),
    ],
)  # fmt: skip
def test_the_nearest_source_is_chosen_unless_they_differ(
    sources: list[Source], chosen: str | None, shown: list[str], how: str
) -> None:
    new = replace(made(replace(BASE, options=options(100, 50, 0)[:2])), version="2.0.0")
    if not any(found.answers["a"].value == "o2" for found in sources):
        new = replace(made(BASE), version="2.0.0")
    found = choose(new, sources, as_of=TODAY)["a"]
    assert [one.source.label for one in found.found] == shown
    assert (None if found.chosen is None else found.chosen.source.label) == chosen
    assert found.how == how
    assert found.differ == (chosen is None and bool(sources))


def test_an_old_answer_that_does_not_fit_is_shown_and_not_chosen() -> None:
    new = replace(made(replace(BASE, options=options(100))), version="2.0.0")
    found = choose(new, [source("engagement", 1, "o1")], as_of=TODAY)["a"]
    assert (found.chosen, found.differ, found.how) == (None, False, "refused")
    assert found.found[0].offer.code == "option_gone"
    changed = replace(made(replace(BASE, revision=2)), version="2.0.0")
    beside = choose(changed, [source("engagement", 1, "o1"), source("company", 1, "o0")], as_of=TODAY)["a"]
    assert (beside.chosen, beside.differ, len(beside.found)) == (None, False, 2)


def test_a_renamed_question_is_followed_back_only_where_one_goes_back() -> None:
    """What was answered under the later name is offered under the earlier one, with the difference the other way."""
    earlier = choice("a", 100, 0)
    later = replace(earlier, key="n", text="Asked more plainly?", formerly=("a@1",))
    old, new = made(earlier), replace(made(later), version="2.0.0")
    given_answers = {"n": answered("o0")}
    [offer] = Table(new, old, back=True).offers(given_answers, TODAY).values()
    assert (offer.key, offer.old_key, offer.how, offer.code, offer.value) == (
        "a",
        "n",
        "single",
        "edited",
        "o0",
    )
    assert "".join(one.text for one in offer.change.text_words if one.op != "new") == later.text
    assert "".join(one.text for one in offer.change.text_words if one.op != "gone") == earlier.text
    [plain] = Table(new, old).offers(given_answers, TODAY).values()
    assert (plain.how, plain.code) == ("refused", "added")
    # Forward nothing changes: there is nothing to go back to.
    [forward] = Table(old, new, back=True).offers({"a": answered("o0")}, TODAY).values()
    assert (forward.key, forward.old_key, forward.code) == ("n", "a", "edited")


def test_tables_that_are_there_already_are_used() -> None:
    new = replace(made(BASE), version="2.0.0")
    given_sources = [source("engagement", 1, "o1"), source("company", 1, "o1")]
    asked: list[str] = []

    def table(one: Source) -> Table:
        asked.append(one.label)
        return Table(one.definition, new, one.between)

    found = choose(new, given_sources, as_of=TODAY, table=table)
    assert asked == ["engagement 1", "company 1"]
    assert found == choose(new, given_sources, as_of=TODAY)


def test_cycles_in_which_an_answer_stood() -> None:
    renamed = replace(BASE, key="b", formerly=("a@1",))
    edited = replace(renamed, text="Question b, really?")

    def cycle(question: Question, value: str, version: int) -> Cycle:
        return Cycle(replace(made(question), version=f"{version}.0.0"), {question.key: answered(value)})

    def count(*cycles: Cycle) -> dict[str, int]:
        return dict(unchanged_cycles(cycles))

    assert count() == {}
    assert count(cycle(BASE, "o1", 1)) == {"a": 0}
    assert count(*[cycle(BASE, "o1", 1)] * 3) == {"a": 2}
    assert count(cycle(BASE, "o1", 1), cycle(BASE, "o0", 1), cycle(BASE, "o1", 1)) == {"a": 0}
    assert count(cycle(renamed, "o1", 2), cycle(BASE, "o1", 1)) == {"b": 1}
    assert count(cycle(edited, "o1", 2), cycle(BASE, "o1", 1)) == {"b": 0}
    third = cycle(replace(BASE, key="c", formerly=("b@1",)), "o1", 3)
    assert count(third, cycle(BASE, "o1", 1)) == {"c": 0}
    skipped = cycle(renamed, "o1", 2).definition  # nobody was asked it: its word on the key counts
    assert count(third, cycle(BASE, "o1", 1)._replace(between=(skipped,))) == {"c": 1}
    assert count(cycle(BASE, "o1", 2), cycle(choice("z"), "o1", 1)) == {"a": 0}
    blank = Cycle(made(BASE), MappingProxyType({}))
    assert count(blank, cycle(BASE, "o1", 1)) == {}
    assert count(cycle(BASE, "o1", 1), blank, cycle(BASE, "o1", 1)) == {"a": 0}


def mvsp(version: str) -> Questionnaire:
    raw = read_mvsp((published("mvsp") / f"mvsp_v{version}.json").read_bytes()).definition_json
    return parse_json(json.dumps(raw).encode())


def number(definition: Questionnaire, key: str) -> str:
    return definition.questions[key].refs[0].rpartition("/")[2]


def test_published_answers_follow_the_meaning_and_never_the_number() -> None:
    moves = json.loads((published("mvsp") / "migration_map.json").read_text())["migrations"]
    for old, new in pairwise(MVSP):
        before, after = mvsp(old), mvsp(new)
        # Each answer carries the number of its control, so that it shows where it ends.
        answers = {key: answered("partly", note=number(before, key)) for key in before.questions}
        offers = carry(before, after, answers, as_of=TODAY)
        came = {number(after, key): one.note for key, one in offers.items() if one.is_offered}
        mapped = {move["to"]: move["from"] for move in moves[f"{old}->{new}"]}
        assert came
        for now, was in came.items():
            assert mapped[now] == was
        for move in moves[f"{old}->{new}"]:
            if "unchanged" in move["change"]:
                assert came[move["to"]] == move["from"]
            if move["from"] is None:
                assert move["to"] not in came
    offers = carry(mvsp("1.0"), mvsp("2.0"), {"own.mvsp.backup": answered("met", note="2.8")}, as_of=TODAY)
    assert [key for key, one in offers.items() if one.is_offered] == ["own.mvsp.backup"]
    assert number(mvsp("1.0"), "own.mvsp.backup") == number(mvsp("2.0"), "own.mvsp.encryption") == "2.8"
    assert not offers["own.mvsp.encryption"].is_offered


def test_a_number_used_again_carries_nothing() -> None:
    """The same trap without the published files: 2.8 meant backups and now means encryption."""
    old = made(choice("own.backup", refs=("mvsp:1/2.8",)), choice("own.encryption", refs=("mvsp:1/2.9",)))
    new = replace(
        made(choice("own.encryption", refs=("mvsp:2/2.8",)), choice("own.backup", refs=("mvsp:2/4.4",))),
        version="2.0.0",
    )
    offers = carry(old, new, {"own.backup": answered("o0")}, as_of=TODAY)
    assert {key for key, one in offers.items() if one.is_offered} == {"own.backup"}


def test_options_of_the_builder_are_what_the_cases_rest_on() -> None:
    assert [one.value for one in ALONE] == ["o0", "o1", "none"]
    assert isinstance(ALONE[2], Option)
    assert ALONE[2].exclusive
