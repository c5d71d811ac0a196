"""Moving an open assessment: every draft ends in one place, nothing is lost, nothing is made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
)
from made_up_versions import next_version

from questionnaires.answers import Answer
from questionnaires.moving import Move, move

KEYS = ("same", "text", "gone", "changed", "lost", "rescored")
OLD = made(*[choice(key, 100, 50, 0, allow_na=True) for key in KEYS])
NEW = replace(
    made(
        choice("same2", 100, 50, 0, allow_na=True, formerly=("same@1",)),
        replace(OLD.questions["text"], text="Question text, in other words?"),
        replace(OLD.questions["changed"], revision=2),
        replace(OLD.questions["lost"], options=options(100)),
        replace(OLD.questions["rescored"], weight=50),
        choice("added"),
    ),
    version="2.0.0",
)
NEW = replace(
    NEW, sections=(replace(NEW.sections[0], questions=tuple(
        replace(one, text="Question same?") if one.key == "same2" else one for one in NEW.sections[0].questions
    )),),
)  # fmt: skip


def places(found: Move) -> dict[str, tuple[str, str]]:
    """Where each old draft went: the place, and the key there."""
    return {
        one.old_key: (name, key)
        for name in ("stays", "suggested", "aside")
        for key, one in getattr(found, name).items()
    }


def test_where_each_answer_goes() -> None:
    found = move(OLD, NEW, {key: answered("o1") for key in KEYS}, as_of=TODAY)
    assert places(found) == {
        "same": ("stays", "same2"),
        "rescored": ("stays", "rescored"),
        "text": ("suggested", "text"),
        "gone": ("aside", "gone"),
        "changed": ("aside", "changed"),
        "lost": ("aside", "lost"),
    }
    assert found.aside["gone"].reason == "This question is no longer asked."
    assert "no longer offered" in found.aside["lost"].reason
    assert found.suggested["text"].answer == answered("o1")


def test_marks_lapse_where_another_question_is_marked() -> None:
    found = move(OLD, NEW, {key: answered("o1", "accepted") for key in KEYS}, as_of=TODAY)
    assert (found.stays["same2"].mark_lapses, found.stays["rescored"].mark_lapses) == (False, True)
    assert found.stays["same2"].answer == answered("o1", "accepted")
    assert found.stays["rescored"].answer.review is None
    doubted = move(OLD, NEW, {"same": answered("o1", "challenged")}, as_of=TODAY)
    assert doubted.stays["same2"].answer == answered("o1", "challenged")


def test_suggestions_blanks_and_documents() -> None:
    drafts = {
        "same": Answer("suggested", "o1"),
        "text": Answer("suggested", "o1", "note"),
        "rescored": Answer("unanswered", evidence=(document(),)),
        "lost": Answer("unanswered", note="to ask Bo"),
        "changed": Answer("unanswered"),
    }
    found = move(OLD, NEW, drafts, as_of=TODAY)
    assert found.stays["same2"].answer == drafts["same"]
    assert found.suggested["text"].answer == answered("o1", note="note")
    # Nothing is said there yet, so there is nothing to confirm.
    assert found.stays["rescored"].answer == drafts["rescored"]
    assert found.stays["lost"].answer == drafts["lost"]
    assert "changed" not in places(found)


def test_several_answers_to_what_one_question_replaces() -> None:
    new = replace(made(choice("one", 100, 50, 0, formerly=("same@1", "text@1", "gone@1"))), version="2.0.0")
    agreed = move(OLD, new, {"text": answered("o1"), "gone": answered("o1")}, as_of=TODAY)
    assert places(agreed) == {"text": ("suggested", "one"), "gone": ("aside", "gone")}
    assert agreed.aside["gone"].reason == "The answer to text stands here."
    split = move(OLD, new, {"same": answered("o0"), "gone": answered("o1")}, as_of=TODAY)
    assert places(split) == {"same": ("aside", "same"), "gone": ("aside", "gone")}


@given(RANDOM)
def test_nothing_is_lost(rnd: Any) -> None:
    old = random_definition(rnd)
    new = next_version(rnd, old)
    drafts = random_answers(rnd, old)
    found = move(old, new, drafts, as_of=TODAY)
    told = [one for place in (found.stays, found.suggested, found.aside) for one in place.values()]
    # random_answers leaves a note in every draft, so each holds something.
    assert sorted(one.old_key for one in told) == sorted(drafts)
    for one in told:
        before = drafts[one.old_key]
        assert (one.answer.note, one.answer.evidence) == (before.note, before.evidence)
        assert one.answer.review in (None, before.review)
    for place in (found.stays, found.suggested):
        assert place.keys() <= new.questions.keys()
    assert not found.stays.keys() & found.suggested.keys()
    for key, one in found.stays.items():
        assert one.answer.state == drafts[one.old_key].state
        assert not (
            one.answer.state == "answered" and {"text", "options"} & set(found.diff.by_key[key].edits)
        )
    for one in found.aside.values():
        assert one.answer == drafts[one.old_key]


@given(RANDOM)
def test_a_move_to_the_same_changes_nothing(rnd: Any) -> None:
    old = random_definition(rnd)
    drafts = random_answers(rnd, old)
    found = move(old, replace(old, version="1.0.1"), drafts, as_of=TODAY)
    assert {key: one.answer for key, one in found.stays.items()} == drafts
    assert not found.suggested
    assert not found.aside
