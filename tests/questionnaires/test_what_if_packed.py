"""Submissions as a store holds them: typed as from a file, whatever is remembered; errors come from other processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from made_up import RANDOM, TODAY, choice, random_answers, random_definition
from made_up import made as made_up

from questionnaires import what_if_packed
from questionnaires.answers import Answer, AnswerErrors, EvidenceItem, parse_answers, raw_value
from questionnaires.canonical import canonical_json
from questionnaires.definition import Question, Questionnaire
from questionnaires.what_if_many import PARCEL, Packed, Sheet, what_if_many
from questionnaires.what_if_packed import Reader


def made(*questions: Question) -> Questionnaire:
    """One that can travel."""
    return replace(made_up(*questions), summary="Made up.")


DAY = Question("d", "Since when?", "date", not_after="today")


def document(item: EvidenceItem) -> dict[str, Any]:
    days = {name: day.isoformat() for name in ("issued", "expires") if (day := getattr(item, name))}
    return {"kind": item.kind, **days, **({"mark": item.mark} if item.mark else {})}


def mark(answer: Answer) -> dict[str, Any]:
    assert answer.review is not None
    points = {} if answer.review.points is None else {"points": answer.review.points}
    return {"mark": answer.review.mark, "reason": answer.review.reason, **points}


def plain(question: Question, answer: Answer) -> dict[str, Any]:
    value = None if answer.value is None else raw_value(question, answer.value)
    return {"state": answer.state, "note": answer.note, **({} if value is None else {"value": value})}


def sheet(
    definition: Questionnaire, answers: dict[str, Answer], as_of: date = TODAY, shown: tuple[str, ...] = ()
) -> Sheet:
    """As a store keeps them: answers by themselves, documents and marks beside."""
    lines = {key: plain(definition.questions[key], one) for key, one in answers.items()}
    return Sheet(
        definition.content_hash,
        as_of.isoformat(),
        "\n".join(f"{key}\t{canonical_json(one).decode()}" for key, one in lines.items()),
        {key: [document(item) for item in one.evidence] for key, one in answers.items() if one.evidence},
        {key: mark(one) for key, one in answers.items() if one.review},
        shown,
    )


def file(definition: Questionnaire, answers: dict[str, Answer], as_of: date = TODAY) -> dict[str, Any]:
    """The same as an answers file."""
    return {
        "questionnaire": {"slug": definition.slug, "version": definition.version},
        "as_of": as_of.isoformat(),
        "answers": {
            key: {
                **plain(definition.questions[key], one),
                **({"evidence": [document(item) for item in one.evidence]} if one.evidence else {}),
                **({"review": mark(one)} if one.review else {}),
            }
            for key, one in answers.items()
        },
    }


@given(RANDOM)
def test_a_sheet_says_what_the_file_says_whatever_was_read_before(rnd: Random) -> None:
    definition = random_definition(rnd)
    reader = Reader(definition)
    for back in rnd.choices((0, 1, 40), k=4):
        day = TODAY - timedelta(days=back)
        answers = random_answers(rnd, definition, day)
        found = reader.answered(sheet(definition, answers, day, ("x",)))
        assert dict(found.answers) == dict(parse_answers(definition, file(definition, answers, day)).answers)
        assert (found.definition, found.as_of, found.shown) == (definition, day, ("x",))


@pytest.mark.parametrize(
    "note", ['say "no"', "\\", '\\"', '"', "a\nb", '","state":"unanswered"', "ü\u2028{}"]
)
def test_a_note_is_read_apart_from_what_is_remembered(note: str) -> None:
    definition = made(choice("a"))
    reader = Reader(definition)
    for words in (note, "", note, "others"):
        answers = {"a": Answer("answered", "o0", words)}
        assert reader.answered(sheet(definition, answers)).answers == answers
    assert len(reader._known) == 1


def test_a_date_is_read_as_of_its_own_submission() -> None:
    """“Not after today” holds on one day and not on another, though the words are the same."""
    definition = made(DAY)
    answers = {"d": Answer("answered", TODAY)}
    reader = Reader(definition)
    assert reader.answered(sheet(definition, answers)).answers["d"].value == TODAY
    with pytest.raises(AnswerErrors, match="cannot be after today"):
        reader.answered(sheet(definition, answers, TODAY - timedelta(days=9)))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(what_if_packed, "REMEMBERED", 5)
    definition = made(choice("a"), Question("t", "Words?", "text"))
    reader = Reader(definition)
    for number in range(40):
        said = Answer("answered", "long " * 100 if number % 2 else f"words {number}")
        answers = {"a": Answer("answered", "o0"), "t": said}
        found = reader.answered(sheet(definition, answers)).answers
        assert {key: one.value for key, one in found.items()} == {
            key: one.value if isinstance(one.value, str) else None for key, one in answers.items()
        }
        assert len(reader._known) <= 5
        assert not any(len(line) > what_if_packed.LONGEST_REMEMBERED for line in reader._known)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lines": 'z\t{"state":"answered","value":"o0"}'}, "has no such question"),
        ({"lines": 'a\t{"state":"answered","value":"other"}'}, "is not offered"),
        ({"as_of": "yesterday"}, "Write a date"),
        ({"reviews": {"a": {"mark": "na_accepted"}}}, "cannot stand on an answer that is answered"),
        ({"evidence": {"a": [{"kind": ""}]}}, "A document has a kind"),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_what_does_not_fit_is_an_error_in_words_from_any_process(
    change: dict[str, Any], words: str, workers: int
) -> None:
    definition = made(choice("a"))
    good = sheet(definition, {"a": Answer("answered", "o0")})
    wrong = [Packed("x", good._replace(**change))]
    with pytest.raises(AnswerErrors, match=words) as caught:
        list(what_if_many(definition, wrong, [definition], workers=workers))
    assert len(caught.value.errors) == 1


def endless(definition: Questionnaire) -> Iterator[Packed]:
    one = sheet(definition, {"a": Answer("answered", "o0")})
    while True:
        yield Packed("x", one)


def children() -> set[int]:
    """The processes that this one has begun and that live."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if "what_if_many" in Path(f"/proc/{child}/cmdline").read_text():
                found.add(int(child))
    return found


def test_a_process_that_is_killed_ends_the_work_with_an_error_and_leaves_nothing() -> None:
    definition = made(choice("a"))
    results = what_if_many(definition, endless(definition), [definition], workers=2)
    next(results)
    begun = children()
    assert len(begun) == 2
    for one in begun:
        os.kill(one, signal.SIGKILL)
    with pytest.raises((EOFError, OSError)):
        list(results)
    assert not children()


def test_closing_ends_the_processes_in_the_middle_of_their_work() -> None:
    questions = [choice(f"q{at}") for at in range(400)]
    definition = made(*questions)
    answers = {one.key: Answer("answered", "o0") for one in questions}
    one = Packed("x", sheet(definition, answers))
    results = what_if_many(definition, iter(lambda: one, None), [definition], workers=2)
    next(results)
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 10
    assert not children()


def test_parcels_longer_than_a_pipe_holds_come_and_go() -> None:
    definition = made(choice("a"), Question("t", "Words?", "text"))
    words = "w" * 3000
    many = [
        Packed(str(at), sheet(definition, {"a": Answer("answered", "o0"), "t": Answer("answered", f"{words}{at}")}))
        for at in range(4 * PARCEL)
    ]  # fmt: skip
    found = list(what_if_many(definition, many, [definition], workers=2))
    assert [one.label for one in found] == [one.label for one in many]
    assert found == list(what_if_many(definition, many, [definition], workers=0))
