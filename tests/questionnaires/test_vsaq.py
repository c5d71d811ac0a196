"""The VSAQ import: small files for each kind of item and condition, and hostile ones."""

from __future__ import annotations

import json
import time
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.answers import Answer, parse_answer
from questionnaires.checking import check, errors
from questionnaires.definition import Question, Questionnaire
from questionnaires.interchange.vsaq import ImportResult, VsaqError, read_vsaq
from questionnaires.parsing import parse_json
from questionnaires.scoring import score
from questionnaires.visibility import earned_findings

AS_OF = date(2026, 11, 21)
YES_NO = [{"on": "It is on"}, {"off": "It is off"}]


def source(*items: dict[str, Any], **head: Any) -> bytes:
    block = {"type": "block", "text": "Tiny", "items": list(items)}
    return json.dumps({"questionnaire": [block], **head}).encode()


def radio(*choices: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "radiogroup",
        "text": f"Which {choices[0]}?",
        "choices": [{one: f"Choice {one}"} for one in choices],
        **fields,
    }


def checks(*choices: str, **fields: Any) -> dict[str, Any]:
    return {**radio(*choices, **fields), "type": "checkgroup"}


def warning(cond: str, severity: str = "high", **fields: Any) -> dict[str, Any]:
    found = {"type": "tip", "cond": cond, "warn": "yes", "severity": severity, "text": f"Beware of {cond}."}
    return {**found, **fields}


def imported(*items: dict[str, Any], **fields: Any) -> tuple[Questionnaire, ImportResult]:
    """The definition of a file of these items, which our own check accepts without a word, and the import."""
    result = read_vsaq(source(*items), slug="tiny", **fields)
    definition = parse_json(json.dumps(result.definition_json).encode())
    assert [str(fault) for fault in check(definition)] == []
    return definition, result


def only(definition: Questionnaire) -> Question:
    (question,) = definition.questions.values()
    return question


def answered(definition: Questionnaire, values: dict[str, Any]) -> dict[str, Answer]:
    return {
        key: parse_answer(definition.questions[key], {"state": "answered", "value": value}, AS_OF)
        for key, value in values.items()
    }


def report(result: ImportResult) -> str:
    return str(result.report)


# --- each kind of item ---


def test_radiogroup_is_a_choice() -> None:
    question = only(imported(radio("a_one", "a_two", id="size"))[0])
    assert (question.key, question.type, question.weight) == ("own.tiny.size", "choice", 0)
    assert [(one.value, one.label) for one in question.options] == [
        ("a_one", "Choice a_one"),
        ("a_two", "Choice a_two"),
    ]
    assert question.refs == ("vsaq:size",)


def test_a_group_without_id_is_named_after_its_choices() -> None:
    question = only(imported(radio("app_size_big", "app_size_small"))[0])
    assert question.key == "own.tiny.app_size"
    assert question.refs == ("vsaq:app_size_big", "vsaq:app_size_small")


def test_checkgroup_gets_a_way_to_say_none() -> None:
    definition, result = imported(checks("x_a", "x_b"))
    last = only(definition).options[-1]
    assert (last.value, last.label, last.exclusive) == ("none", "None of these", True)
    assert "got the choice 'None of these'" in report(result)


def test_checkgroup_with_its_own_none() -> None:
    item = checks("x_a", "x_b")
    item["choices"].append({"x_none": "None of the above"})
    options = only(imported(item)[0]).options
    assert [(one.value, one.exclusive) for one in options] == [
        ("x_a", False),
        ("x_b", False),
        ("x_none", True),
    ]


def test_default_choice() -> None:
    assert only(imported(radio("a", "b", defaultChoice=True))[0]).options[-1].label == "None of the above"
    assert only(imported(checks("a", "b", defaultChoice=True))[0]).options[-1].exclusive


def test_check_and_yesno() -> None:
    definition, _ = imported(
        {"type": "check", "id": "agreed", "text": "Agreed"},
        {"type": "yesno", "id": "sure", "text": "Sure?", "yes": "Of course", "no": "Never"},
    )
    agreed, sure = definition.questions.values()
    assert [one.label for one in agreed.options] == ["Yes", "No"]
    assert [(one.value, one.label) for one in sure.options] == [("yes", "Of course"), ("no", "Never")]


def test_radio_buttons_of_a_block_are_one_choice() -> None:
    definition, _ = imported(
        {"type": "info", "text": "Which colour?"},
        {"type": "radio", "id": "red", "text": "Red"},
        {"type": "radio", "id": "blue", "text": "Blue"},
        {"type": "line", "id": "shade", "text": "Shade", "cond": "blue"},
    )
    colour, shade = definition.questions.values()
    assert (colour.text, [one.label for one in colour.options]) == ("Which colour?", ["Red", "Blue"])
    assert shade.visible_when is not None
    assert shade.visible_when.source == f'{colour.key} == "blue"'


@pytest.mark.parametrize(
    ("fields", "kind", "length", "required"),
    [
        ({"type": "line"}, "text", 4000, False),
        ({"type": "line", "required": True, "maxlength": 80}, "text", 80, True),
        ({"type": "box"}, "text", 20_000, False),
        ({"type": "line", "inputType": "date"}, "date", 4000, False),
        ({"type": "line", "inputType": "number"}, "number", 4000, False),
        ({"type": "line", "inputType": "email"}, "text", 4000, False),
        ({"type": "upload"}, "text", 4000, False),
    ],
)
def test_free_answers(fields: dict[str, Any], kind: str, length: int, required: bool) -> None:
    question = only(imported({"id": "free", "text": "Tell us", **fields})[0])
    assert (question.type, question.max_length, question.required) == (kind, length, required)
    assert (question.evidence is not None) == (fields["type"] == "upload")


def test_texts_become_plain() -> None:
    definition, _ = imported(
        {"type": "info", "text": "<p>First of <b>all</b>.</p>"},
        radio("a", "b", text="<p>See <a href='https://x.example'>this</a>:</p><ul><li>one</li></ul>"),
        {"type": "info", "text": "And &lt;last&gt;."},
    )
    assert definition.sections[0].intro == "First of all."
    assert only(definition).text == "See this (https://x.example):\n- one"
    assert only(definition).help == "And <last>."


def test_hints_go_to_the_help() -> None:
    item = {"type": "line", "id": "who", "text": "Who?", "placeholder": "Ada", "inputTitle": "Full name"}
    assert only(imported(item)[0]).help == "Full name\n\nAda"


@pytest.mark.parametrize(
    ("foreign", "key"),
    [
        ("Some-ID 9", "own.tiny.some_id_9"),
        ("9lives", "own.tiny.q_9lives"),
        ("class", "own.tiny.class_"),
        ("é", "own.tiny.question"),
        ("ns:x", "own.tiny.ns_x"),
    ],
)
def test_keys_are_valid(foreign: str, key: str) -> None:
    assert only(imported({"type": "check", "id": foreign, "text": "Yes?"})[0]).key == key


def test_keys_are_distinct() -> None:
    definition, _ = imported(*({"type": "check", "id": one, "text": "Yes?"} for one in ("a b", "a-b", "a_b")))
    assert list(definition.questions) == ["own.tiny.a_b", "own.tiny.a_b_2", "own.tiny.a_b_3"]


def test_long_texts_are_cut_and_listed() -> None:
    long = "word " * 1900
    definition, result = imported(
        radio("a", "b", text=long, id="long"),
        {"type": "radiogroup", "text": "Which?", "choices": [{"c": long}, {"d": "D"}]},
        warning("c", text=long),
    )
    first, second = definition.questions.values()
    assert len(first.text) <= 4000 < len(first.text) + len(first.help)
    assert len(second.options[0].label) <= 1000
    assert len(second.findings[0].text) <= 4000
    for words in (
        "its end stands in the help",
        "stands in full in the help",
        "the end of the text",
        "end of the help",
    ):
        assert words in report(result)


def test_pages_of_a_large_file() -> None:
    def part(name: str) -> dict[str, Any]:
        return {
            "type": "block",
            "text": "Part",
            "items": [radio(f"{name}{n}_a", f"{name}{n}_b") for n in range(9)],
        }

    lead = {"type": "block", "text": "Lead", "items": [{"type": "info", "text": "Before all."}]}
    definition, _ = imported(lead, part("a"), part("b"), part("c"), radio("end", "stop"))
    assert [section.title for section in definition.sections] == [
        "Part",
        "Tiny: Part",
        "Part (continued)",
        "Tiny",
    ]
    assert len({section.key for section in definition.sections}) == 4
    assert "Before all." in definition.sections[0].intro + definition.sections[0].questions[0].help


# --- conditions ---


def test_conditions_of_blocks_and_items() -> None:
    inner = {"type": "block", "text": "In", "cond": "on", "items": [radio("deep", "flat", cond="!x_a")]}
    definition, _ = imported(radio("on", "off", id="gate"), checks("x_a", "x_b", id="x"), inner)
    last = list(definition.questions.values())[-1]
    assert last.visible_when is not None
    assert last.visible_when.source == 'own.tiny.gate == "on" and "x_a" not in own.tiny.x'


def test_a_whole_page_takes_the_condition_of_its_block() -> None:
    many = [radio(f"m{number}_a", f"m{number}_b") for number in range(15)]
    definition, _ = imported(
        radio("on", "off", id="gate"),
        {"type": "block", "text": "First", "cond": "on", "items": many},
        {"type": "block", "text": "Second", "items": [radio(f"s{n}_a", f"s{n}_b") for n in range(9)]},
    )
    conditions = [section.visible_when and section.visible_when.source for section in definition.sections]
    assert [section.title for section in definition.sections] == ["Tiny", "First", "Second"]
    assert conditions == [None, 'own.tiny.gate == "on"', None]


@pytest.mark.parametrize(
    ("cond", "ours"),
    [
        ("tick/yes", 'own.tiny.tick == "yes"'),
        ("tick", 'own.tiny.tick == "yes"'),
        ("sure/no", 'own.tiny.sure == "no"'),
        ("on/no", 'own.tiny.gate != "on"'),
        ("name/value", "answered(own.tiny.name)"),
        ("gate", "answered(own.tiny.gate)"),
        ("x", 'answered(own.tiny.x) and "none" not in own.tiny.x'),
        ("^beware", 'own.tiny.gate == "off"'),
        ("!^beware && on", 'own.tiny.gate != "off" and own.tiny.gate == "on"'),
        ("false || on", 'own.tiny.gate == "on"'),
    ],
)
def test_references(cond: str, ours: str) -> None:
    definition, _ = imported(
        radio("on", "off", id="gate"),
        checks("x_a", "x_b", id="x"),
        {"type": "check", "id": "tick", "text": "Tick"},
        {"type": "yesno", "id": "sure", "text": "Sure?"},
        {"type": "line", "id": "name", "text": "Name"},
        {"type": "tip", "id": "beware", "cond": "off", "text": "Advice."},
        {"type": "box", "id": "last", "text": "Last", "cond": cond},
    )
    last = definition.questions["own.tiny.last"]
    assert last.visible_when is not None
    assert last.visible_when.source == ours


@pytest.mark.parametrize(
    ("cond", "reason"),
    [
        ("nobody", "names 'nobody', which the file does not hold"),
        ("on &&", "is not complete"),
        ('contains(on, "x")', "it compares texts"),
        ("part", "is a text or a block"),
        ("last", "goes in a circle"),
        ("^last", "goes in a circle"),
    ],
)
def test_conditions_that_cannot_be_carried_over_are_listed(cond: str, reason: str) -> None:
    definition, result = imported(
        {"type": "block", "id": "part", "text": "Part", "items": [radio("on", "off", id="gate")]},
        {"type": "box", "id": "last", "text": "Last", "cond": cond},
    )
    assert definition.questions["own.tiny.last"].visible_when is None
    assert f"box 'last': the condition {cond!r} was left out" in report(result)
    assert reason in report(result)


def test_a_circle_is_opened_once() -> None:
    definition, result = imported(
        {"type": "check", "id": "a", "text": "A", "cond": "b"},
        {"type": "check", "id": "b", "text": "B", "cond": "c"},
        {"type": "check", "id": "c", "text": "C", "cond": "a"},
    )
    free = [key for key, question in definition.questions.items() if question.visible_when is None]
    assert len(free) == 1
    assert report(result).count("goes in a circle") == 1


def test_what_can_never_be_asked_is_left_out_with_what_hangs_on_it() -> None:
    definition, result = imported(
        {"type": "check", "id": "never", "text": "Never", "cond": "false"},
        {"type": "check", "id": "after", "text": "After", "cond": "never"},
        {"type": "check", "id": "stays", "text": "Stays", "cond": "!after"},
    )
    assert [(key, q.visible_when) for key, q in definition.questions.items()] == [("own.tiny.stays", None)]
    assert report(result).count("can never be asked") == 2


def test_a_free_text_that_opens_questions_must_be_answered() -> None:
    definition, _ = imported(
        {"type": "line", "id": "name", "text": "Name"},
        {"type": "line", "id": "more", "text": "More", "cond": "name/value"},
    )
    assert [question.required for question in definition.questions.values()] == [True, False]


# --- tips and the proposal ---


def test_a_warning_about_one_choice_is_its_finding() -> None:
    tip = warning("off", "critical", name="Switched off", why="Why?")
    definition, result = imported(radio("on", "off"), tip)
    (finding,) = only(definition).findings
    assert (finding.option, finding.severity, finding.text) == (
        "off",
        "critical",
        "Switched off. Beware of off.",
    )
    assert "'Why?'" in report(result)


def test_a_warning_about_several_is_a_finding_by_condition() -> None:
    definition, _ = imported(
        checks("x_a", "x_b", id="x"),
        radio("on", "off", id="gate"),
        warning("off && !x_a"),
        warning("!x_a && !x_b"),
    )
    x, gate = definition.questions.values()
    assert [one.when.source for one in gate.findings if one.when] == [
        'own.tiny.gate == "off" and "x_a" not in own.tiny.x'
    ]
    assert len(x.findings) == 1
    none = answered(definition, {"own.tiny.x": ["none"], "own.tiny.gate": "off"})
    assert len(earned_findings(x, none, {}, AS_OF)) == 1
    assert len(earned_findings(gate, none, {}, AS_OF)) == 1
    one = answered(definition, {"own.tiny.x": ["x_a"], "own.tiny.gate": "off"})
    assert earned_findings(x, one, {}, AS_OF) == ()
    assert earned_findings(gate, one, {}, AS_OF) == ()


def test_alternatives_about_two_questions_stand_beside_each() -> None:
    """The second question is hidden by the very answer that the warning is about."""
    definition, _ = imported(
        checks("by_hand", "by_tool", id="way"),
        radio("steady", "unsteady", id="care", cond="by_tool && !by_hand"),
        warning("unsteady || by_hand"),
    )
    way, care = definition.questions.values()
    assert [one.option for one in way.findings] == ["by_hand"]
    assert [one.option for one in care.findings] == ["unsteady"]


def test_advice_is_no_finding() -> None:
    definition, result = imported(
        radio("on", "off"),
        {"type": "tip", "id": "praise", "cond": "on", "text": "Thank you."},
        {"type": "tip", "id": "plain", "text": "Read more."},
    )
    assert only(definition).findings == ()
    assert only(definition).help == "If you choose “Choice on”: Thank you.\n\nRead more."
    assert "tip 'praise': advice, not a warning" in report(result)


def test_severities_give_points_and_weight() -> None:
    choices = ("fine", "meh", "poor", "bad", "awful")
    tips = [
        warning("meh", "", warn="no", name="Could be better"),
        warning("poor", "medium"),
        warning("bad", "high"),
        warning("awful", "critical"),
    ]
    definition, result = imported(radio(*choices, id="state"), *tips)
    question = only(definition)
    assert [one.points for one in question.options] == [100, 60, 35, 10, 0]
    assert [one.severity for one in question.findings] == ["low", "medium", "high", "critical"]
    assert question.weight == 20
    assert "own.tiny.state: weight 20; fine=100, meh=60, poor=35, bad=10, awful=0." in report(result)
    assert definition.weighting == "flat"


def test_several_choices_are_worth_the_worst() -> None:
    definition, _ = imported(
        checks("x_a", "x_b", "x_c"), warning("x_b", "medium"), warning("!x_a && !x_b && !x_c")
    )
    question = only(definition)
    assert {one.value: one.points for one in question.options} == {
        "x_a": 100,
        "x_b": 35,
        "x_c": 100,
        "none": 10,
    }
    assert question.combine == "worst"


def test_a_gate_weighs_nothing_and_knocks_out() -> None:
    definition, result = imported(
        radio("on", "off", id="gate"),
        warning("off", "critical"),
        radio("good", "poor", id="detail", cond="on"),
        warning("poor", "medium"),
    )
    gate, detail = definition.questions.values()
    assert (gate.weight, gate.critical, gate.minimum) == (0, True, 50)
    assert (detail.weight, detail.critical) == (8, False)
    assert "weight 0, a knock-out under 50 points" in report(result)
    honest = score(definition, answered(definition, {gate.key: "on", detail.key: "poor"}), {}, AS_OF)
    worse = score(definition, answered(definition, {gate.key: "off"}), {}, AS_OF)
    assert honest.band == "weak"
    assert worse.score is None or worse.band in ("partial", "weak")


def test_nothing_scored_has_no_bands() -> None:
    definition, _ = imported(radio("a", "b"))
    assert (definition.bands, definition.knockout_band) == ((), None)


# --- what has no counterpart ---


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ({"type": "spacer", "id": "gap"}, "spacer 'gap'"),
        ({"type": "slider", "id": "much", "text": "How <b>much</b>?"}, "Its text: 'How much?'"),
        ({"type": "check", "id": "c", "text": "C", "colour": "red"}, "the field 'colour'"),
        ({"type": "check", "id": "c", "text": "C", "default": "checked"}, "was filled in beforehand"),
        ({"type": "check", "id": "c", "text": "C", "auth": "readonly"}, "was read-only"),
        ({"type": "check", "id": "c", "text": "C", "auth": "admin"}, "never shown to those who answer"),
        ({"type": "check", "id": "c", "text": "C", "className": "vsaq-invisible"}, "never shown"),
        ({"type": "check", "id": "c", "text": "C", "className": "wide"}, "the look 'wide'"),
        ({"type": "line", "id": "c", "text": "C", "inputPattern": "[0-9]+"}, "the pattern '[0-9]+'"),
        ({"type": "line", "id": "c", "text": "C", "inputType": "url"}, "of the kind 'url'"),
        ({**radio("p", "q"), "choicesConds": [{"p": "on"}]}, "'p' is offered always, not only when 'on'"),
        (warning("on", todo="Do it", customTitle="Look"), "the task 'Do it'"),
        (warning("on", "terrible"), "the severity 'terrible' is unknown"),
        (warning("off && nobody"), "which the file does not hold"),
        (warning("false"), "can never be shown"),
        ({"type": "info", "text": "Sometimes.", "cond": "on"}, "shown always, not only when 'on'"),
    ],
)
def test_losses_are_listed(item: dict[str, Any], line: str) -> None:
    _, result = imported(radio("on", "off", id="gate"), item)
    assert line in report(result)


def test_conditions_on_hidden_items_are_false() -> None:
    definition, _ = imported(
        {"type": "check", "id": "hidden", "text": "Hidden", "auth": "admin"},
        {"type": "check", "id": "seen", "text": "Seen", "cond": "!hidden"},
    )
    assert only(definition).visible_when is None


def test_the_header() -> None:
    head = b"// Licensed under the Apache License, Version 2.0\n"
    result = read_vsaq(head + source(radio("a", "b")), slug="tiny", version="2.1.0")
    found = result.definition_json
    assert (found["title"], found["version"], found["licence"]) == ("Tiny", "2.1.0", "Apache-2.0")
    assert "keep it with what you release" in report(result)
    assert read_vsaq(source(radio("a", "b")), slug="tiny", title="Other").definition_json["title"] == "Other"


# --- extensions ---

BASE = source({"type": "block", "id": "net", "text": "Net", "items": [radio("a", "b", id="base")]}, version=1)
ADDED = {"type": "check", "id": "added", "text": "Added", "insertAfter": "base"}


def extension(*items: dict[str, Any], version: int = 1, **fields: Any) -> bytes:
    return json.dumps({"version": version, "extensions": list(items), **fields}).encode()


def test_an_extension_is_put_in_place() -> None:
    result = read_vsaq(BASE, slug="tiny", extensions=[extension(ADDED, namespace="mine")])
    questions = result.definition_json["sections"][0]["questions"]
    assert [question["key"] for question in questions] == ["own.tiny.base", "own.tiny.mine_added"]
    assert questions[1]["refs"] == ["vsaq:mine:added"]
    before = {**ADDED, "insertAfter": None, "insertBefore": "base"}
    first = read_vsaq(BASE, slug="tiny", extensions=[extension(before)])
    assert first.definition_json["sections"][0]["questions"][0]["key"] == "own.tiny.added"


def test_an_extension_alone_says_so() -> None:
    result = read_vsaq(extension(ADDED), slug="tiny")
    assert "extends another questionnaire" in report(result)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (extension(ADDED, version=2), "written for version 2"),
        (extension({**ADDED, "insertAfter": "nowhere"}), "'nowhere', which the questionnaire does not hold"),
        (extension({**ADDED, "insertBefore": "base"}), "either insertBefore or insertAfter"),
        (b"[]", "extension 1 must be an object"),
    ],
)
def test_extensions_that_do_not_fit(data: bytes, message: str) -> None:
    with pytest.raises(VsaqError, match=message):
        read_vsaq(BASE, slug="tiny", extensions=[data])


# --- hostile and broken files ---


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"[]", "must be an object"),
        (b'{"x": 1}', 'has no "questionnaire"'),
        (b'{"questionnaire": {}}', "must be a list"),
        (b'{"questionnaire": [1]}', "item 1 of questionnaire must be an object"),
        (b'{"questionnaire": [}', "line 1"),
        (source(), "asks nothing"),
        (source({"type": "check", "id": 5, "text": "C"}), "id must be a text"),
        (source({"type": "check", "id": "\ud800", "text": "C"}), "control characters"),
        (source(*[{"type": "check", "id": "a", "text": "C"}] * 2), "the id stands twice"),
        (source(radio("a", "a")), "the id stands twice"),
        (source({**radio("a"), "choices": []}), "has no choices"),
        (source({**radio("a"), "choices": "a"}), "must be a list"),
        (source({**radio("a"), "choices": [{"a": "A", "b": "B"}]}), "each choice is one pair"),
        (source({**radio("a"), "choices": [{"a": 1}]}), "each choice is one pair"),
        (source(radio(*(f"a{number}" for number in range(100)))), "at most 99"),
        (source({"type": "block", "items": 3}), "must be a list"),
        (source({"type": "info", "text": "x" * 20_001}), "at most 20,000"),
        (source(*({"type": "check", "id": f"a{n}", "text": "C"} for n in range(2001))), "at most 2,000"),
        (source(*({"type": "info"} for _ in range(5001))), "more than 5,000 items"),
        (b" " * (1 << 21), "larger than 1 MB"),
    ],
)
def test_broken_files_are_refused_with_the_place(data: bytes, message: str) -> None:
    with pytest.raises(VsaqError, match=message):
        read_vsaq(data, slug="tiny")


@pytest.mark.parametrize("fields", [{"slug": "Not a slug"}, {"slug": "a.b"}, {"slug": "a", "version": "1"}])
def test_names_that_do_not_fit(fields: dict[str, str]) -> None:
    with pytest.raises(VsaqError):
        read_vsaq(source(radio("a", "b")), **fields)


def ticks(count: int, cond: str) -> bytes:
    conditions = (cond.replace("NEXT", f"q{(n + 1) % count}").replace("SELF", f"q{n}") for n in range(count))
    return source(
        *({"type": "check", "id": f"q{n}", "text": "T", "cond": one} for n, one in enumerate(conditions))
    )


@pytest.mark.parametrize(
    "data",
    [
        ticks(1000, "NEXT"),
        ticks(1000, "SELF"),
        ticks(1000, "^NEXT"),
        ticks(300, "^NEXT && !^NEXT || ^NEXT"),
        source(*({"type": "block", "text": f"B{n}", "items": [radio(f"a{n}", f"b{n}")]} for n in range(500))),
        source(radio("a", "b"), *(warning("a", text=f"T{n}") for n in range(3000))),
        source(
            *(radio(f"a{n}", f"b{n}") for n in range(90)), warning(" || ".join(f"a{n}" for n in range(90)))
        ),
        source(radio("a", "b", text="<p" * 9000 + "<" * 2000)),
        source({"type": "line", "id": "l", "text": "\0\ud800" + "w " * 9000, "placeholder": "x " * 9000}),
        source(radio("a", "b", text="", id="x" * 5000)),
    ],
    ids=range(10),
)
def test_hostile_files_import_soon_and_soundly(data: bytes) -> None:
    start = time.process_time()
    result = read_vsaq(data, slug="tiny")
    assert time.process_time() - start < 5
    definition = parse_json(json.dumps(result.definition_json).encode())
    assert errors(definition) == []
    report(result).encode()


CONDITIONS = st.lists(
    st.sampled_from(["a0", "b1", "c2", "d3", "^d3", "gone", "!", "&&", "||", "(", ")", "false"]), max_size=7
).map(" ".join)


@given(
    st.lists(
        st.tuples(CONDITIONS, st.sampled_from(["radio", "checks", "line", "tip"])), min_size=4, max_size=8
    )
)
def test_any_conditions_import_soundly(parts: list[tuple[str, str]]) -> None:
    items = []
    for number, (cond, kind) in enumerate(parts):
        letter = "abcdefgh"[number]
        make = {"radio": radio, "checks": checks}.get(kind)
        if make:
            items.append(make(f"{letter}{number}", f"{letter}{number}_x", cond=cond))
        elif kind == "line":
            items.append({"type": "line", "id": f"{letter}{number}", "text": "Line", "cond": cond})
        else:
            items.append(warning(cond, id=f"{letter}{number}"))
    try:
        result = read_vsaq(source(*items), slug="tiny")
    except VsaqError as error:
        if "asks nothing" in str(error):
            return
        raise
    definition = parse_json(json.dumps(result.definition_json).encode())
    assert [str(fault) for fault in check(definition) if "no answers make" not in fault.message] == []
