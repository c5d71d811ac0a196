"""Answers files: typed values, errors that say the right form, every fault at once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from made_up import RANDOM, TODAY, choice, made, random_definition, random_value

from questionnaires.answers import (
    Answer,
    AnswerErrors,
    EvidenceItem,
    InvalidAnswer,
    Review,
    parse_answer,
    parse_answers,
    parse_facts,
    parse_value,
    raw_value,
)
from questionnaires.definition import Column, Option, Question

CHOICE = Question("q", "Who?", "choice", options=(Option("in_house", "Own staff"), Option("no", "Nobody")))
MANY = Question(
    "q", "Which?", "choice", options=tuple(Option(f"o{at}", f"Long label {at}" * 3) for at in range(20))
)
CHOICES = Question(
    "q",
    "Which?",
    "choices",
    options=(Option("a", "Apples"), Option("b", "Bread"), Option("none", "None of them", exclusive=True)),
)
NUMBER = Question("q", "How many days?", "number", at_least="0", at_most="365")
PRECISE = Question("q", "How much?", "number", decimals=1, at_least="-1.5")
FINE = Question("q", "How much?", "number", decimals=2, at_most="7")
ANY_NUMBER = Question("q", "How many?", "number")
DATE = Question("q", "When?", "date", not_before="2020-01-01", not_after="today")
FUTURE = Question("q", "When?", "date", not_before="today", not_after="2030-12-31")
TEXT = Question("q", "Why?", "text", max_length=10)
TABLE = Question(
    "q",
    "Which?",
    "table",
    max_rows=2,
    columns=(
        Column("name", "Name", "text"),
        Column("count", "Count", "number"),
        Column("until", "Valid to", "date"),
        Column("kind", "Kind", "choice", (Option("x", "X"),)),
    ),
)


@pytest.mark.parametrize(
    ("question", "raw", "value"),
    [
        (CHOICE, "in_house", "in_house"),
        (CHOICES, ["b", "a"], ("a", "b")),
        (CHOICES, ["none"], ("none",)),
        (NUMBER, "0", Decimal(0)),
        (NUMBER, "365", Decimal(365)),
        (NUMBER, "007", Decimal(7)),
        (PRECISE, "-1.5", Decimal("-1.5")),
        (PRECISE, "3", Decimal(3)),
        (ANY_NUMBER, "999999999999999", Decimal(999999999999999)),
        (DATE, "2026-11-21", TODAY),
        (DATE, "2026-11-22", date(2026, 11, 22)),
        (FUTURE, "2026-11-20", date(2026, 11, 20)),
        (TEXT, "Cafe\u0301", "Café"),
        (TEXT, " line\nb\t", " line\nb\t"),
    ],
)
def test_what_fits(question: Question, raw: Any, value: Any) -> None:
    assert parse_value(question, raw, TODAY) == value


def test_a_table() -> None:
    rows = [
        {"name": "ISO", "count": "1.50", "until": "2030-01-01", "kind": "x"},
        {"name": "SOC", "count": ""},
    ]
    value = parse_value(TABLE, rows, TODAY)
    assert [dict(row) for row in value] == [  # type: ignore[arg-type]
        {"name": "ISO", "count": Decimal("1.50"), "until": date(2030, 1, 1), "kind": "x"},
        {"name": "SOC"},
    ]
    assert raw_value(TABLE, value) == [
        {"name": "ISO", "count": "1.5", "until": "2030-01-01", "kind": "x"},
        {"name": "SOC"},
    ]


@pytest.mark.parametrize(
    ("question", "raw", "message"),
    [
        (CHOICE, "both", "Choose from: “Own staff”; “Nobody”. 'both' is not offered."),
        (CHOICE, ["no"], "Choose from: “Own staff”; “Nobody”. '['no']' is not offered."),
        (CHOICE, None, "Choose from: “Own staff”; “Nobody”. 'None' is not offered."),
        (MANY, "x", "Choose one of the options listed. 'x' is not offered."),
        (CHOICES, "a", "Give a list of options, not 'a'."),
        (CHOICES, [1], "Give a list of options, not '[1]'."),
        (CHOICES, [], "Choose at least one option."),
        (CHOICES, ["c"], "Choose from: “Apples”; “Bread”; “None of them”. 'c' is not offered."),
        (CHOICES, ["a", "a"], "Choose each option once; one is repeated."),
        (
            CHOICES,
            ["a", "none"],
            "“None of them” stands alone: choose it without the others, or choose only the others.",
        ),
        (NUMBER, "about 2", "Write a whole number from 0 to 365. You wrote 'about 2'."),
        (NUMBER, "366", "Write a whole number from 0 to 365. You wrote '366'."),
        (NUMBER, "-1", "Write a whole number from 0 to 365. You wrote '-1'."),
        (NUMBER, "1.5", "Write a whole number from 0 to 365. You wrote '1.5'."),
        (NUMBER, "1,000", "Write a whole number from 0 to 365. You wrote '1,000'."),
        (NUMBER, "1e2", "Write a whole number from 0 to 365. You wrote '1e2'."),
        (NUMBER, "٣", "Write a whole number from 0 to 365. You wrote '٣'."),
        (NUMBER, "NaN", "Write a whole number from 0 to 365. You wrote 'NaN'."),
        (NUMBER, 24, "Write a whole number from 0 to 365. You wrote '24'."),
        (NUMBER, "9" * 100, "Write a whole number from 0 to 365. You wrote '" + "9" * 57 + "...'."),
        (
            PRECISE,
            "-1.6",
            "Write a number, -1.5 or more, with at most 1 decimal after a point, like 1.5. You wrote '-1.6'.",
        ),
        (
            FINE,
            "8",
            "Write a number, 7 or less, with at most 2 decimals after a point, like 1.5. You wrote '8'.",
        ),
        (ANY_NUMBER, "1234567890123456", "Write a whole number. You wrote '1234567890123456'."),
        (DATE, "21/11/2026", "Write a date as year-month-day, like 2026-11-21. You wrote '21/11/2026'."),
        (DATE, "2026-02-30", "Write a date as year-month-day, like 2026-11-21. You wrote '2026-02-30'."),
        (DATE, 20261121, "Write a date as year-month-day, like 2026-11-21. You wrote '20261121'."),
        (DATE, "2026-11-23", "The date cannot be after today. You wrote '2026-11-23'."),
        (DATE, "2019-12-31", "The date cannot be before 2020-01-01. You wrote '2019-12-31'."),
        (FUTURE, "2026-11-19", "The date cannot be before today. You wrote '2026-11-19'."),
        (FUTURE, "2031-01-01", "The date cannot be after 2030-12-31. You wrote '2031-01-01'."),
        (TEXT, "", "Write an answer; this is empty."),
        (TEXT, " \n ", "Write an answer; this is empty."),
        (TEXT, "12345678901", "Write at most 10 characters. You wrote 11."),
        (TEXT, 5, "Write a text, not '5'."),
        (TEXT, "a\x00b", "The text holds a character that cannot be kept (U+0000). Take it out."),
        (TEXT, "a\ud800", "The text holds a character that cannot be kept (U+D800). Take it out."),
        (TABLE, "x", "Give a list of rows, not 'x'."),
        (TABLE, ["x"], "Give a list of rows, not '['x']'."),
        (TABLE, [], "Fill in at least one row."),
        (TABLE, [{"name": "x"}] * 3, "Give at most 2 rows. You gave 3."),
        (TABLE, [{"other": "x"}], "Row 1: there is no column 'other'."),
        (TABLE, [{"name": "x"}, {"name": ""}], "Row 2 is empty. Fill it in or take it out."),
        (TABLE, [{"name": 5}], "Row 1, Name: Write a text, not '5'."),
        (TABLE, [{"count": "a few"}], "Row 1, Count: write a number, like 12 or 1.5. You wrote 'a few'."),
        (
            TABLE,
            [{"until": "2030"}],
            "Row 1, Valid to: write a date as year-month-day, like 2026-11-21. You wrote '2030'.",
        ),
        (TABLE, [{"kind": "y"}], "Row 1, Kind: choose one of the options listed. 'y' is not offered."),
    ],
)
def test_what_does_not_fit_is_told_with_the_right_form(question: Question, raw: Any, message: str) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        parse_value(question, raw, TODAY)
    assert caught.value.message == message
    assert caught.value.key == "q"


def test_what_is_nested_deep_is_shown_short() -> None:
    raw: Any = []
    for _ in range(5000):
        raw = [raw]
    with pytest.raises(InvalidAnswer) as caught:
        parse_value(CHOICE, raw, TODAY)
    assert len(caught.value.message) < 200


@given(RANDOM)
def test_raw_value_is_the_inverse_of_parse_value(rnd: Random) -> None:
    for question in random_definition(rnd).questions.values():
        value = random_value(rnd, question)
        assert parse_value(question, raw_value(question, value), TODAY) == value


@pytest.mark.parametrize(
    ("text", "raw"), [("1.50", "1.5"), ("-0", "0"), ("100", "100"), ("0.0", "0"), ("1E+2", "100")]
)
def test_numbers_have_one_written_form(text: str, raw: str) -> None:
    assert raw_value(ANY_NUMBER, Decimal(text)) == raw


# -- one answer -----------------------------------------------------------------------------------------------

ASKED = choice("q", allow_na=True)


def test_a_whole_answer() -> None:
    raw = {
        "state": "answered",
        "value": "o1",
        "note": "soon",
        "evidence": [
            {"kind": "report", "issued": "2026-01-31", "expires": None, "mark": "accepted"},
            {"kind": "policy"},
        ],
        "review": {"mark": "graded", "points": 50, "reason": "seen"},
    }
    assert parse_answer(ASKED, raw, TODAY) == Answer(
        "answered",
        "o1",
        "soon",
        (EvidenceItem("report", date(2026, 1, 31), None, "accepted"), EvidenceItem("policy")),
        Review("graded", 50, "seen"),
    )


@pytest.mark.parametrize(
    "raw",
    [
        {"state": "unanswered"},
        {"state": "unanswered", "value": None, "review": None},
        {"state": "suggested", "value": "o0"},
        {"state": "suggested"},
        {"state": "not_applicable", "note": "n", "review": {"mark": "na_accepted"}},
        {"state": "not_applicable", "review": {"mark": "disproved"}},
        {"state": "unanswered", "review": {"mark": "graded", "points": 0}},
        {"state": "answered", "value": "o0", "review": {"mark": "challenged", "points": None}},
    ],
)
def test_states_and_marks_that_go_together(raw: dict[str, Any]) -> None:
    found = parse_answer(ASKED, raw, TODAY)
    assert found.state == raw["state"]
    if found.review and found.review.mark == "disproved":
        assert found.review.points == 0


ANSWER = {"state": "answered", "value": "o0"}


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ("o0", "an object with a state"),
        ({}, "The state is one of"),
        ({"state": "done"}, "The state is one of"),
        ({"state": ["answered"]}, "The state is one of"),
        ({"state": "answered"}, "The answer is empty"),
        ({"state": "unanswered", "value": "o0"}, "has no value"),
        ({"state": "not_applicable", "value": "o0"}, "has no value"),
        ({"state": "suggested", "value": "o9"}, "is not offered"),
        (ANSWER | {"points": 5}, "Unknown: 'points'"),
        (ANSWER | {"note": 5}, "The note is a text"),
        (ANSWER | {"evidence": "report"}, "a list of documents"),
        (ANSWER | {"evidence": ["report"]}, "an object with a kind"),
        (ANSWER | {"evidence": [{}]}, "A document has a kind"),
        (ANSWER | {"evidence": [{"kind": "report", "mark": "fine"}]}, "accepted or refused"),
        (ANSWER | {"evidence": [{"kind": "report", "issued": "2026"}]}, "“issued” of a document"),
        (ANSWER | {"evidence": [{"kind": "report", "expires": 5}]}, "“expires” of a document"),
        (ANSWER | {"evidence": [{"kind": "report", "size": 5}]}, "Unknown: 'size'"),
        (ANSWER | {"review": "accepted"}, "an object with a mark"),
        (ANSWER | {"review": {"mark": "fine"}}, "A mark is one of"),
        (ANSWER | {"review": {"mark": ["graded"]}}, "A mark is one of"),
        (ANSWER | {"review": {"mark": "na_accepted"}}, "cannot stand on an answer that is answered"),
        ({"state": "unanswered", "review": {"mark": "accepted"}}, "cannot stand on"),
        ({"state": "suggested", "review": {"mark": "challenged"}}, "cannot stand on"),
        ({"state": "not_applicable", "review": {"mark": "accepted"}}, "cannot stand on"),
        (ANSWER | {"review": {"mark": "graded"}}, "whole points from 0 to 100"),
        (ANSWER | {"review": {"mark": "graded", "points": 101}}, "whole points from 0 to 100"),
        (ANSWER | {"review": {"mark": "graded", "points": "50"}}, "whole points from 0 to 100"),
        (ANSWER | {"review": {"mark": "graded", "points": True}}, "whole points from 0 to 100"),
        (ANSWER | {"review": {"mark": "disproved", "points": -1}}, "whole points from 0 to 100"),
        (ANSWER | {"review": {"mark": "accepted", "points": 50}}, "has no points"),
        (ANSWER | {"review": {"mark": "accepted", "reason": None}}, "The reason is a text"),
        (ANSWER | {"review": {"mark": "accepted", "by": "me"}}, "Unknown: 'by'"),
    ],
)
def test_answers_that_are_refused(raw: Any, part: str) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        parse_answer(ASKED, raw, TODAY)
    assert part in caught.value.message


def test_not_applicable_where_it_is_not_offered() -> None:
    with pytest.raises(InvalidAnswer, match="is not offered here"):
        parse_answer(choice("q"), {"state": "not_applicable"}, TODAY)


@pytest.mark.parametrize("fields", [{"weight": 5}, {"critical": True}])
def test_a_scored_text_cannot_be_accepted(fields: dict[str, Any]) -> None:
    raw = {"state": "answered", "value": "x", "review": {"mark": "accepted"}}
    with pytest.raises(InvalidAnswer, match="graded with points"):
        parse_answer(Question("q", "Why?", "text", **fields), raw, TODAY)
    assert parse_answer(Question("q", "Why?", "text"), raw, TODAY).review == Review("accepted")


# -- the file -------------------------------------------------------------------------------------------------

DEFINITION = made(choice("s.a"), choice("s.b"))
FILE: dict[str, Any] = {
    "questionnaire": {"slug": "made", "version": "1.0.0"},
    "as_of": "2026-11-21",
    "facts": {"engagement.tier": "high", "engagement.volume": "unknown"},
    "shown": ["s.b"],
    "answers": {"s.a": {"state": "answered", "value": "o0"}},
}


def test_a_whole_file() -> None:
    found = parse_answers(DEFINITION, FILE)
    assert (found.slug, found.version, found.as_of, found.shown) == ("made", "1.0.0", TODAY, ("s.b",))
    assert found.facts == {"engagement.tier": "high"}
    assert found.answers == {"s.a": Answer("answered", "o0")}


def test_facts_shown_and_answers_may_be_left_out() -> None:
    found = parse_answers(DEFINITION, {name: FILE[name] for name in ("questionnaire", "as_of")})
    assert (found.facts, found.shown, found.answers) == ({}, (), {})


@pytest.mark.parametrize(
    ("change", "key", "part"),
    [
        ({"questionnaire": {"slug": "other", "version": "1.0.0"}}, "questionnaire", "not for made@1.0.0"),
        ({"questionnaire": {"slug": "made", "version": "1.0.1"}}, "questionnaire", "not for made@1.0.0"),
        ({"questionnaire": "made"}, "questionnaire", "not for made@1.0.0"),
        ({"as_of": "today"}, "as_of", "Write a date"),
        ({"as_of": None}, "as_of", "Write a date"),
        ({"extra": 1}, "answers file", "Unknown: 'extra'"),
        ({"facts": []}, "facts", "This is an object"),
        ({"facts": {"engagement.mood": "bad"}}, "engagement.mood", "no such fact"),
        ({"facts": {"engagement.tier": "urgent"}}, "engagement.tier", "Choose one of critical, high"),
        ({"shown": "s.b"}, "shown", "a list of question keys"),
        ({"shown": [1]}, "shown", "a list of question keys"),
        ({"shown": ["s.c"]}, "shown", "has no question 's.c'"),
        ({"shown": ["s.b", "s.b"]}, "shown", "listed twice"),
        ({"answers": []}, "answers", "This is an object"),
        ({"answers": {"s.c": {}}}, "s.c", "has no such question"),
        ({"answers": {"s.a": {"state": "answered", "value": "o9"}}}, "s.a", "is not offered"),
    ],
)
def test_files_that_are_refused(change: dict[str, Any], key: str, part: str) -> None:
    with pytest.raises(AnswerErrors) as caught:
        parse_answers(DEFINITION, FILE | change)
    (error,) = caught.value.errors
    assert error.key == key
    assert part in error.message
    assert str(caught.value) == f"{key}: {error.message}"


def test_all_faults_of_a_file_are_told_at_once() -> None:
    with pytest.raises(AnswerErrors) as caught:
        parse_answers(
            DEFINITION,
            {
                "as_of": "?",
                "facts": {"engagement.tier": "x", "a.b": "c"},
                "shown": ["s.c"],
                "answers": {"s.a": {}, "s.b": {}, "s.c": {}},
            },
        )
    assert [error.key for error in caught.value.errors] == [
        "questionnaire",
        "as_of",
        "engagement.tier",
        "a.b",
        "shown",
        "s.a",
        "s.b",
        "s.c",
    ]


# -- facts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("engagement.tier", "high", "high"),
        ("engagement.data", ["personal", "card"], frozenset({"personal", "card"})),
        ("organisation.regimes", [], frozenset()),
        ("engagement.spend", "1500.5", Decimal("1500.5")),
        ("engagement.service", "Payroll", "Payroll"),
        ("vendor.country", "GB", "GB"),
    ],
)
def test_facts_that_fit(name: str, raw: Any, value: Any) -> None:
    assert parse_facts({name: raw}) == {name: value}


@pytest.mark.parametrize("raw", ["unknown", None, ["personal", "unknown"]])
def test_an_unknown_fact_is_left_out(raw: Any) -> None:
    assert parse_facts({"engagement.data": raw}) == {}


@pytest.mark.parametrize(
    ("name", "raw", "part"),
    [
        ("engagement.data", "personal", "Give a list of card,"),
        ("engagement.data", ["gossip"], "Give a list of card,"),
        ("engagement.data", [1], "Give a list of card,"),
        ("engagement.spend", 1500, "Write a number in quotes"),
        ("engagement.spend", "1,500", "Write a number in quotes"),
        ("engagement.service", "", "Give a text"),
        ("engagement.tier", ["high"], "Give a text"),
        ("vendor.country", "UK", "two-letter country codes"),
    ],
)
def test_facts_that_do_not_fit(name: str, raw: Any, part: str) -> None:
    with pytest.raises(AnswerErrors) as caught:
        parse_facts({name: raw})
    assert part in caught.value.errors[0].message
