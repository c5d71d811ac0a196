"""The diff of two versions: one fate for each key, one edit for each field, shares, words."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import RANDOM, TODAY, choice, made, random_definition, when
from made_up_versions import next_version

from questionnaires import catalog
from questionnaires.changes import EDITS, FATES, Diff, diff, shares, words
from questionnaires.changes_fields import (
    FATE_FIELDS,
    FIELD_EDITS,
    OPTION_EDITS,
    field_changes,
    longest_order,
    option_changes,
)
from questionnaires.definition import (
    Column,
    EvidenceRule,
    FindingRule,
    Option,
    PointsRule,
    Question,
    Questionnaire,
    Section,
)
from questionnaires.scoring import score

SHOWN = when("engagement.tier == 'high'")
# A value of each field that differs from that of ``BASE``.
OTHER: dict[str, Any] = {
    "key": "a.other",
    "text": "Another text?",
    "type": "choices",
    "revision": 2,
    "formerly": ("a.gone@1",),
    "reworded": "1.1.0",
    "help": "Help.",
    "combine": "sum",
    "unit": "h",
    "decimals": 1,
    "at_least": "1",
    "at_most": "9",
    "not_before": "today",
    "not_after": "today",
    "max_length": 5,
    "columns": (Column("a", "A", "text"),),
    "max_rows": 3,
    "points_when": (PointsRule(when("value > 1"), 5),),
    "weight": 11,
    "critical": True,
    "minimum": 60,
    "visible_when": SHOWN,
    "required": False,
    "required_when": SHOWN,
    "allow_na": True,
    "evidence": EvidenceRule("report"),
    "findings": (FindingRule("low", "Low.", option="o1"),),
    "refs": ("ISO A.1",),
}
BASE = choice("a.base")


def one_change(old: Question, new: Question) -> tuple[str, tuple[str, ...]]:
    found = diff(made(old), made(new)).questions
    assert len(found) == 1
    return found[0].fate, found[0].edits


def test_every_field_of_a_question_belongs_to_one_edit_or_to_the_fate() -> None:
    names = {one.name for one in fields(Question)}
    assert names == FATE_FIELDS | FIELD_EDITS.keys() | {"options"}
    assert not FATE_FIELDS & FIELD_EDITS.keys()
    assert {one.name for one in fields(Option)} == OPTION_EDITS.keys()
    assert {*FIELD_EDITS.values(), *OPTION_EDITS.values(), "place"} == set(EDITS)
    assert OTHER.keys() == names - {"options"}


@pytest.mark.parametrize("name", sorted(FIELD_EDITS))
def test_a_field_that_differs_is_its_edit_and_no_other(name: str) -> None:
    assert one_change(BASE, replace(BASE, **{name: OTHER[name]})) == ("kept", (FIELD_EDITS[name],))


@pytest.mark.parametrize(
    ("name", "fate"),
    [("revision", "changed"), ("type", "changed"), ("formerly", "kept"), ("reworded", "kept")],
)
def test_what_makes_the_fate_is_no_edit(name: str, fate: str) -> None:
    assert one_change(BASE, replace(BASE, **{name: OTHER[name]})) == (fate, ())


@pytest.mark.parametrize(
    ("options", "edits"),
    [
        ((Option("o0", "Option 0", 100), Option("o1", "Option 1", 5)), ("scoring",)),
        ((Option("o0", "Other", 100), Option("o1", "Option 1", 0)), ("options",)),
        ((Option("o1", "Option 1", 0), Option("o0", "Option 0", 100)), ("options",)),
        ((Option("o0", "Option 0", 100), Option("o1", "Option 1", 0, exclusive=True)), ("options",)),
        ((*BASE.options, Option("o2", "Option 2", 50)), ("options",)),
        (BASE.options[:1], ("options",)),
        ((Option("o0", "Option 0", 90),), ("options", "scoring")),
    ],
)
def test_options_and_their_points_are_two_edits(options: tuple[Option, ...], edits: tuple[str, ...]) -> None:
    assert one_change(BASE, replace(BASE, options=options)) == ("kept", edits)


def test_the_options_that_differ_are_listed() -> None:
    old = (Option("a", "A", 1), Option("b", "B", 2), Option("c", "C", 3), Option("d", "D", 4))
    new = (
        Option("c", "C", 3),
        Option("a", "A!", 9, exclusive=True),
        Option("b", "B", 2),
        Option("e", "E", 5),
    )
    assert [(one.value, one.fate, one.differences) for one in option_changes(old, new)] == [
        ("c", "kept", ("order",)),
        ("a", "kept", ("label", "exclusive", "points")),
        ("e", "added", ()),
        ("d", "retired", ()),
    ]


def test_a_section_s_condition_counts_for_each_of_its_questions() -> None:
    old = made(Section("s", "S", (choice("a.one"), choice("a.two"))))
    new = made(
        Section("s", "T", (choice("a.one"), choice("a.two")), weight=5, visible_when=SHOWN, intro="Hi")
    )
    found = diff(old, new)
    assert [one.edits for one in found.questions] == [("conditions",), ("conditions",)]
    assert [one.field for one in found.questions[0].fields] == ["section.visible_when"]
    assert [(one.key, one.fate, [field.field for field in one.fields]) for one in found.sections] == [
        ("s", "kept", ["title", "intro", "weight", "visible_when"])
    ]


def section(key: str, *keys: str) -> Section:
    return Section(key, key, tuple(choice(one) for one in keys))


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        ([section("s", "a", "b", "c")], [section("s", "b", "c", "a")], {"a"}),
        ([section("s", "a", "b"), section("t", "c")], [section("s", "a"), section("t", "b", "c")], {"b"}),
        ([section("s", "a", "b"), section("t", "c")], [section("t", "c"), section("s", "a", "b")], {"c"}),
        ([section("s", "a", "b")], [section("u", "a", "b")], {"a", "b"}),
        ([section("s", "a", "b", "c")], [section("s", "x", "a", "c")], set()),
    ],
)
def test_a_place_is_another_section_or_outside_the_longest_common_order(
    old: list[Section], new: list[Section], moved: set[str]
) -> None:
    found = diff(made(*old), made(*new))
    assert {one.key for one in found.questions if "place" in one.edits} == moved


def test_the_longest_order() -> None:
    assert longest_order([]) == frozenset()
    assert longest_order([3, 0, 1, 2]) == {0, 1, 2}
    assert len(longest_order([2, 1, 0])) == 1


def versions(*sets: tuple[Question, ...]) -> list[Questionnaire]:
    return [replace(made(*questions), version=f"{at}.0.0") for at, questions in enumerate(sets, start=1)]


def fates(*found: Questionnaire) -> dict[str, tuple[str, str | None]]:
    return {one.key: (one.fate, one.was) for one in diff(found[0], found[-1], between=found[1:-1]).questions}


def q(key: str, revision: int = 1, formerly: str = "", **more: Any) -> Question:
    made_up = choice(key, revision=revision, formerly=tuple(formerly.split()))
    return replace(made_up, **more)


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ([(q("a"),), (q("b", formerly="a@1"),)], {"b": ("renamed", "a")}),
        ([(q("a"),), (q("b", formerly="a@1"),), (q("c", formerly="b@1"),)], {"c": ("renamed", "a")}),
        # The meaning changed on the way.
        ([(q("a"),), (q("a", 2),), (q("b", formerly="a@2"),)], {"b": ("changed", "a")}),
        ([(q("a"),), (q("b", formerly="a@1"),), (q("b", 2),)], {"b": ("changed", "a")}),
        # An old claim does not reach over a raised revision.
        ([(q("a"),), (q("b", formerly="a@1"),), (q("b", 2, "a@1"),)], {"b": ("changed", "a")}),
        # A claim on a revision that was never asked there.
        ([(q("a", 2),), (q("b", formerly="a@1"),)], {"b": ("changed", "a")}),
        # The old meaning goes on under another key, the old key asks something else.
        ([(q("a"),), (q("a", 2), q("b", formerly="a@1"))], {"a": ("changed", None), "b": ("renamed", "a")}),
        # What is still asked is nobody else's.
        ([(q("a"),), (q("a"), q("b", formerly="a@1"))], {"a": ("kept", None), "b": ("added", None)}),
        # A changed question needs a parent that is gone.
        ([(q("a", 2),), (q("a", 3), q("b", formerly="a@1"))], {"a": ("changed", None), "b": ("added", None)}),
        # Two claim the same: the first has it.
        ([(q("a"),), (q("b", formerly="a@1"), q("c", formerly="a@1"))],
         {"b": ("renamed", "a"), "c": ("added", None)}),
        ([(q("a"),), (q("b"),)], {"a": ("retired", None), "b": ("added", None)}),
        ([(q("a"),), (q("a", 2),)], {"a": ("changed", None)}),
        # The chain only matters where a key is new.
        ([(q("a"),), (), (q("a"),)], {"a": ("kept", None)}),
    ],
)  # fmt: skip
def test_fates(sets: list[tuple[Question, ...]], told: dict[str, tuple[str, str | None]]) -> None:
    assert fates(*versions(*[one or (q("z.z"),) for one in sets])) == told


def test_a_renamed_question_is_no_empty_diff() -> None:
    text = "The same?"
    old, new = versions((q("a", text=text),), (q("b", formerly="a@1", text=text),))
    found = diff(old, new)
    assert found.questions[0].is_same
    assert not found.is_empty


def test_a_renamed_question_of_another_type_is_changed() -> None:
    text = Question("b", "Question b?", "text", formerly=("a@1",))
    assert fates(*versions((q("a"),), (text,))) == {"b": ("changed", "a")}


def test_one_question_may_replace_several() -> None:
    old, new = versions((q("a"), q("b"), q("c")), (q("d", formerly="a@1 b@1"), q("c")))
    found = diff(old, new)
    assert [(one.key, one.fate, one.was, one.also) for one in found.questions] == [
        ("d", "renamed", "a", ("b",)),
        ("c", "kept", None, ()),
    ]


def test_retired_questions_stand_where_they_stood() -> None:
    old, new = versions((q("a"), q("b"), q("c"), q("d")), (q("d"), q("b")))
    assert [(one.key, one.fate) for one in diff(old, new).questions] == [
        ("a", "retired"),
        ("d", "kept"),
        ("b", "kept"),
        ("c", "retired"),
    ]


def everything(found: Diff) -> None:
    """What holds of any diff."""
    old, new = found.old.questions, found.new.questions
    by_fate = {fate: [one for one in found.questions if one.fate == fate] for fate in FATES}
    assert sum(map(len, by_fate.values())) == len(found.questions) == len(found.by_key)
    assert {one.key for one in found.questions if one.fate != "retired"} == set(new)
    came = [key for one in found.questions for key in (one.old_key, *one.also) if key is not None]
    assert set(came) == set(old)
    assert {key: found.counts[key] for key in FATES} == {fate: len(one) for fate, one in by_fate.items()}
    for one in found.questions:
        assert (one.old is None, one.new is None) == (one.fate == "added", one.fate == "retired")
        assert one.fate in ("kept", "renamed") or not one.edits
        assert (one.was is None) == (one.old_key in (None, one.key))
        if one.old is not None and one.new is not None and one.fate in ("kept", "renamed"):
            assert (one.old.type, one.fate == "kept") == (one.new.type, one.key == one.old.key)
            told = {change.edit for change in one.fields if change.edit is not None}
            assert told == set(one.edits)
    for version, which in ((found.old, "share_before"), (found.new, "share_after")):
        total = sum(getattr(one, which) or 0 for one in found.questions)
        also = sum(shares(found.old)[key] for one in found.questions for key in one.also)
        assert total + (also if which == "share_before" else 0) == sum(shares(version).values()) in (0, 1)
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


@given(RANDOM)
def test_a_diff_with_oneself_is_empty(rnd: Any) -> None:
    one = random_definition(rnd)
    found = diff(one, replace(one, version="1.0.1"))
    assert found.is_empty
    assert all(change.is_same for change in found.questions)
    everything(found)


@given(RANDOM)
def test_fates_partition_all_keys(rnd: Any) -> None:
    old = random_definition(rnd)
    middle = next_version(rnd, old)
    new = next_version(rnd, middle, "3.0.0")
    everything(diff(old, new, between=[middle]))
    everything(diff(old, new))
    everything(diff(new, old))
    everything(diff(old, random_definition(rnd, prefix="t")))


@given(RANDOM)
def test_shares_are_those_of_a_score_with_everything_visible(rnd: Any) -> None:
    found = random_definition(rnd)
    result = score(found, {}, {}, TODAY, tuple(found.questions))
    assert shares(found) == {line.key: line.share for line in result.trace}


def test_shipped_versions() -> None:
    for label in catalog.shipped():
        one = catalog.get(label)
        assert diff(one, one).is_empty
    old, new = catalog.get("security_lite@0.9.0"), catalog.get("security_lite@1.0.0")
    everything(diff(old, new))
    assert not diff(old, new).is_empty


def test_the_json_form() -> None:
    old, new = versions((q("a"), q("b")), (q("c", formerly="a@1"), q("d")))
    half = {"num": "1", "den": "2"}
    assert diff(old, new).to_json() == {
        "from": "made@1.0.0",
        "to": "made@2.0.0",
        "questions": [
            {"key": "c", "fate": "renamed", "edits": ["text"], "was": "a", "share_before": half, "share_after": half},
            {"key": "b", "fate": "retired", "edits": [], "was": None, "share_before": half, "share_after": None},
            {"key": "d", "fate": "added", "edits": [], "was": None, "share_before": None, "share_after": half},
        ],
    }  # fmt: skip


def test_header_and_sections() -> None:
    old = made(section("s", "a"), section("t", "b"))
    new = replace(made(section("s", "a"), section("u", "b")), title="Other", weighting="flat")
    found = diff(old, new)
    assert [one.field for one in found.header] == ["title", "weighting"]
    assert [(one.key, one.fate, one.share_before, one.share_after) for one in found.sections] == [
        ("u", "added", None, Fraction(1, 2)),
        ("t", "retired", Fraction(1, 2), None),
    ]


def test_words() -> None:
    assert [tuple(one) for one in words("Do you keep logs?", "Do you keep all logs safe?")] == [
        ("same", "Do you keep "),
        ("gone", "logs?"),
        ("new", "all logs safe?"),
    ]
    assert words("", "") == ()
    assert words("a b c", "a c") == (("same", "a "), ("gone", "b "), ("same", "c"))
    assert words("a b", "a b\n\nc") == (("same", "a b\n\n"), ("new", "c"))
    found = diff(made(q("a")), made(q("a", help="b"))).questions[0]
    assert (found.text_words, found.help_words) == ((("same", "Question a?"),), (("new", "b"),))
    added = diff(made(q("a")), made(q("b"))).questions
    assert all(one.text_words == one.help_words == one.options == () for one in added)


WORDS = st.lists(st.sampled_from(["a", "b ", "c\n", " d", "e"]), max_size=30).map(" ".join)


@given(WORDS, WORDS)
def test_joined_words_are_the_texts(old: str, new: str) -> None:
    found = words(old, new)
    assert "".join(one.text for one in found if one.op != "gone") == (new if new.strip() else "")
    was = "".join(f"{one.text} " for one in found if one.op != "new")
    assert was.split() == old.split()


@pytest.mark.parametrize(("head", "tail"), [("", ""), ("x ", " y"), ("x y ", "")])
def test_texts_of_one_word_are_compared_in_time(head: str, tail: str) -> None:
    old, new = head + "a " * 2000 + "b" + tail, head + "a " * 1999 + "c" + tail
    found = words(old, new)
    assert "".join(one.text for one in found if one.op != "gone") == new
    assert {one.op for one in found} == {"same", "gone", "new"}
    assert {one.op for one in words("a " * 2000, "a " * 2000)} == {"same"}


def test_fields_of_one_question_in_both_edits() -> None:
    new = replace(BASE, options=(Option("o0", "Option 0", 90),), revision=2)
    assert [(one.field, one.edit) for one in field_changes(BASE, new)] == [
        ("revision", None),
        ("options", "options"),
        ("options", "scoring"),
    ]
