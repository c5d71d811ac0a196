"""The rules of check: every refusal and every warning, and nothing said about what is sound."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from small_definitions import (
    BANDS,
    GATE,
    KINDS,
    YES_NO,
    choices,
    data,
    day,
    definition,
    document,
    errors,
    faults,
    folder,
    gate,
    number,
    question,
    warnings,
)

from questionnaires.checking import BELONGS, check
from questionnaires.definition import Questionnaire
from questionnaires.parsing import read_json


def test_a_sound_definition_has_no_faults() -> None:
    raw = document(
        gate(),
        question("a.one", visible_when='a.gate == "yes"', critical=True, minimum=60),
        number(weight=5, points_when=[{"when": "value <= 2", "points": 100}], at_least=0, unit="days"),
        day(weight=5, points_when=[{"when": "within(value, 12)", "points": 100}], not_after="today"),
        choices(weight=7, combine="all", options=[*KINDS[:2], {**KINDS[2], "points": 0}]),
        question("a.text", type="text", options=None, weight=3),
        question("a.table", type="table", options=None, columns=[{"key": "c", "label": "C", "type": "text"}]),
        caps=[{"when": 'points(a.one) < 50 and engagement.tier == "high"', "band": "bad", "text": "No."}],
    )
    assert faults(raw) == []


@pytest.mark.parametrize(
    ("questions", "key", "part"),
    [
        # Names, types and values in conditions.
        ([question(visible_when='a.gone == "yes"')], "a.one", "visible_when: a.gone: there is no such"),
        ([gate(), question(visible_when='a.gate == "maybe"')], "a.one", "visible_when: a.gate: 'maybe' is not"),
        ([gate(), question(visible_when="a.gate < 3")], "a.one", "visible_when: a.gate: this is a choice"),
        ([gate(), question(required_when="within(a.gate, 3)")], "a.one", "required_when: a.gate"),
        ([question(evidence={"kind": "r", "required_when": "a.x > 1"})], "a.one", "evidence: a.x"),
        ([question(finding=[{"when": "a.x > 1", "severity": "low", "text": "x"}])], "a.one", "finding: a.x"),
        ([number(points_when=[{"when": "a.one > 1", "points": 1}])], "a.number", "points_when: rule 1: a.one"),
        ([number(points_when=[{"when": "within(value, 1)", "points": 1}])], "a.number", "points_when: rule 1"),
        ([question("a.two"), question(visible_when="points(a.two) < 50")], "a.one", "visible_when: points(a.two)"),
        ([question(visible_when="engagement.colour == 'red'")], "a.one", "there is no such question or fact"),
        # Cycles.
        ([gate("a.x", visible_when="answered(a.x)")], "a.x", "visible_when: goes in a circle: a.x -> a.x"),
        (
            [gate("a.x", visible_when="answered(a.z)"), gate("a.y", visible_when="answered(a.x)"),
             gate("a.z", visible_when="answered(a.y)")],
            "a.x", "visible_when: goes in a circle: a.x -> a.z -> a.y -> a.x",
        ),
        # What counts must be able to earn.
        ([question(options=GATE)], "a.one", "options: have no points, but the question weighs 10; give points, or"),
        ([question(options=GATE, weight=0, critical=True)], "a.one", "options: have no points, but the question is"),
        ([question(options=[YES_NO[0], GATE[1]])], "a.one", "options: some have points, but not no"),
        ([question(options=[YES_NO[0], GATE[1]], weight=0)], "a.one", "options: some have points, but not no"),
        ([number(weight=1)], "a.number", "points_when: is missing: the question weighs 1"),
        ([day(critical=True)], "a.day", "points_when: is missing: the question is critical"),
        ([question(type="table", options=None, columns=[{"key": "c", "label": "C", "type": "text"}], weight=1)],
         "a.one", "weight: weighs 1, but a table is never scored"),
        ([choices(options=YES_NO, weight=1)], "a.kinds", "combine: is missing"),
        ([choices(options=YES_NO)], "a.kinds", "combine: is missing"),
        ([choices(combine="all", options=[{**KINDS[2], "points": 5}])], "a.kinds", "options: are all exclusive"),
        ([choices(combine="all", options=[*YES_NO, {**KINDS[2], "points": 5}])], "a.kinds", "yes has points; with"),
        ([choices(combine="all")], "a.kinds", "options: none is exclusive and has no points"),
        # Fields of other types, and fields that belong together.
        ([number(options=YES_NO)], "a.number", "options: a number question has none; it belongs to choice"),
        ([question(decimals=1)], "a.one", "decimals: a choice question has none; it belongs to number"),
        ([question(combine="sum")], "a.one", "combine: a choice question has none; it belongs to choices"),
        ([question(options=None)], "a.one", "options: are missing"),
        ([question(type="table", options=None)], "a.one", "columns: are missing"),
        ([question(required=False, required_when="answered(a.gate)"), gate()], "a.one", "required_when: stands"),
        ([number(at_least=3, at_most=2)], "a.number", "at_least: 3 is more than at_most, 2"),
        ([number(at_least="0.5")], "a.number", "at_least: 0.5 has more decimals than an answer, 0"),
        ([day(not_before="2026-02-01", not_after="2026-01-01")], "a.day", "not_before: 2026-02-01 is after"),
        ([question(finding=[{"option": "maybe", "severity": "low", "text": "x"}])], "a.one", "finding: finding 1"),
        ([number(finding=[{"option": "yes", "severity": "low", "text": "x"}])], "a.number", "finding: finding 1"),
        # Gates are answered by everybody who sees them.
        ([gate(required=False), question(visible_when="answered(a.gate)")], "a.gate", "required: the question decides"),
        ([gate("a.x"), gate(required_when="answered(a.x)"), question(visible_when="answered(a.gate)")],
         "a.gate", "required_when: the question decides whether a.one is asked"),
        # Claims on old keys.
        ([question(formerly=["a.old@1"]), question("a.two", formerly=["a.old@1"])],
         "a.two", "formerly: a.old@1 is claimed by a.one too"),
        ([question(formerly=["a.two@1"]), question("a.two")], "a.one", "formerly: a.two@1 is still asked here"),
    ],
)  # fmt: skip
def test_a_question_is_refused(questions: list[dict[str, Any]], key: str, part: str) -> None:
    found = errors(document(*questions))
    assert any(one == key and part in message for one, message in found), found


@pytest.mark.parametrize(
    ("header", "key", "part"),
    [
        ({"bands": [BANDS[1], {**BANDS[0], "minimum": 0}]}, "bands", "good begins at 0, not below bad"),
        ({"bands": [BANDS[0], {**BANDS[1], "minimum": 1}]}, "bands", "the last band, bad, must begin at 0"),
        ({"bands": [{**BANDS[0], "level": 1}, {**BANDS[1], "level": 4}]}, "bands", "bad has level 4, better than"),
        ({"bands": None, "knockout_band": None}, "bands", "there are none"),
        ({"knockout_band": "ugly"}, "knockout_band", "there is no band ugly"),
        ({"caps": [{"when": "answered(a.one)", "band": "ugly", "text": "x"}]}, "caps", "cap 1 names the band ugly"),
        ({"caps": [{"when": "answered(a.x)", "band": "bad", "text": "x"}]}, "caps", "cap 1: a.x: there is no such"),
        ({"caps": [{"when": "points(a.gate) < 5", "band": "bad", "text": "x"}]}, "caps", "cannot earn any points"),
    ],
)  # fmt: skip
def test_bands_and_caps_that_do_not_fit(header: dict[str, Any], key: str, part: str) -> None:
    found = errors(document(question(), gate(), **header))
    assert any(one == key and part in message for one, message in found), found


def test_critical_questions_need_a_knockout_band() -> None:
    assert errors(document(question(critical=True), knockout_band=None)) == [
        ("knockout_band", "is missing; a.one is critical")
    ]


def test_a_questionnaire_without_scored_questions_needs_no_bands() -> None:
    assert faults(document(gate(), bands=None, knockout_band=None)) == []


def test_an_intake_may_not_use_what_it_makes() -> None:
    raw = document(gate(), question(visible_when='engagement.tier == "high"'), purpose="intake")
    assert errors(raw) == [
        ("a.one", "visible_when: engagement.tier: an intake makes these facts and may not use them")
    ]


def test_conditions_of_sections_are_checked_too() -> None:
    sections = [
        {"key": "a", "title": "A", "visible_when": "answered(b.one)", "questions": [question()]},
        {"key": "b", "title": "B", "visible_when": "answered(a.one)", "questions": [question("b.one")]},
        {"key": "c", "title": "C", "visible_when": "answered(c.one)", "questions": [gate("c.one")]},
        {"key": "d", "title": "D", "visible_when": "answered(d.gone)", "questions": [gate("d.one")]},
    ]
    found = errors(document(sections=sections))
    assert ("a.one", "visible_when: goes in a circle: a.one -> b.one -> a.one") in found
    assert ("c.one", "visible_when: goes in a circle: c.one -> c.one") in found
    assert ("d", "visible_when: d.gone: there is no such question or fact") in found


def test_faults_of_form_and_of_meaning_come_together_and_each_once() -> None:
    raw = document(
        question("a.one", weight="heavy", visible_when='a.two == "yes"'),
        question("a.two", options=[{"value": "yes"}]),
        question("a.three", visible_when='a.gone == "yes"', critical=1, minimum=60),
        number("a.four", decimal=1, weight=4),
    )
    assert {(key, message.partition(":")[0]) for key, message in errors(raw)} == {
        ("a.one", "weight"),
        ("a.two", "option 1, label"),
        ("a.three", "critical"),
        ("a.three", "visible_when"),
        ("a.four", "decimal"),
        ("a.four", "points_when"),
    }


def test_faults_name_the_file_that_the_question_stands_in(tmp_path: Path) -> None:
    from small_definitions import TOML_SECTION

    from questionnaires.parsing import load

    other = (
        TOML_SECTION.replace('"a"', '"b"').replace("a.one", "b.one") + "visible_when = 'answered(b.gone)'\n"
    )
    found = check(load(folder(tmp_path / "tiny", s0=TOML_SECTION, s1=other)))
    assert [str(fault) for fault in found] == [
        f"{tmp_path}/tiny/s1.toml: b.one: visible_when: b.gone: there is no such question or fact"
    ]


@pytest.mark.parametrize("field", sorted(BELONGS))
def test_every_field_of_one_type_is_a_field_of_questions(field: str) -> None:
    assert hasattr(definition().questions["a.one"], field)


# Warnings.


@pytest.mark.parametrize(
    ("questions", "key", "part"),
    [
        ([question("a.two"), question(visible_when='a.two == "yes"')], "a.one", "hidden by the scored a.two"),
        (
            [
                question("a.x"),
                gate("a.y", visible_when='a.x == "yes"'),
                question(visible_when='a.y == "yes"'),
            ],
            "a.one",
            "hidden by the scored a.x",
        ),
        (
            [question("a.x"), question(weight=0, critical=True, visible_when='a.x == "yes"')],
            "a.one",
            "hidden by the scored a.x",
        ),
        ([choices(options=GATE)], "a.kinds", "none is exclusive"),
        ([day(), gate(visible_when="age_months(a.day) <= 12")], "a.gate", "write within(a.day, 12)"),
        (
            [day(weight=1, points_when=[{"when": "age_months(value) <= 9", "points": 1}])],
            "a.day",
            "write within(value, 9)",
        ),
        ([day(), gate(visible_when="age_months(a.day) >= 24")], "a.gate", "a day to come has no age"),
        (
            [day(), gate(required_when="months_until(a.day) < 3")],
            "a.gate",
            "write not months_until(a.day) >= 3",
        ),
        (
            [day(weight=1, points_when=[{"when": "not age_months(value) > 24", "points": 70}])],
            "a.day",
            "1: a day to come earns 70 points",
        ),
        (
            [day(weight=1, points_when=[{"when": "months_until(value) != 3", "points": 100}])],
            "a.day",
            "1: a day long past earns 100 points",
        ),
    ],
)
def test_a_warning(questions: list[dict[str, Any]], key: str, part: str) -> None:
    raw = document(*questions)
    assert errors(raw) == []
    assert any(one == key and part in message for one, message in warnings(raw)), warnings(raw)


@pytest.mark.parametrize(
    "questions",
    [
        [gate(), question(visible_when='a.gate == "yes"')],
        [choices(options=GATE, required=False)],
        [
            day(not_after="today"),
            gate(visible_when="age_months(a.day) < 12 or age_months(a.day) > 24"),
        ],
        [day(), gate(visible_when="not months_until(a.day) >= 3 or not within(a.day, 24)")],
        [
            day(
                weight=1,
                points_when=[
                    {"when": "within(value, 12)", "points": 100},
                    {"when": "age_months(value) < 24", "points": 50},
                    {"when": "answered(value)", "points": 10},
                ],
            )
        ],
        [
            day(
                weight=1,
                not_after="today",
                points_when=[{"when": "not age_months(value) > 24", "points": 70}],
            )
        ],
        [question(), gate("a.fact", visible_when='a.one == "no"')],
    ],
)
def test_no_warning(questions: list[dict[str, Any]]) -> None:
    assert faults(document(*questions)) == []


def test_conditions_that_do_not_fit_are_not_tried_out() -> None:
    rule = {"when": "value > 5 and not age_months(value) > 24", "points": 70}
    assert [key for key, _ in errors(document(day(weight=1, points_when=[rule])))] == ["a.day"]


def test_a_section_is_warned_of_dates_that_lose_their_measure() -> None:
    sections = [
        {"key": "a", "title": "A", "questions": [day()]},
        {
            "key": "b",
            "title": "B",
            "visible_when": "months_until(a.day) <= 6",
            "questions": [question("b.one")],
        },
    ]
    (found,) = warnings(document(sections=sections))
    assert found[0] == "b"
    assert "write not months_until(a.day) > 6" in found[1]


def test_a_scored_section_of_weight_zero_is_warned_of_where_sections_are_weighed() -> None:
    sections = [
        {"key": "a", "title": "A", "weight": 0, "questions": [question()]},
        {"key": "b", "title": "B", "weight": 0, "questions": [gate("b.one")]},
    ]
    assert warnings(document(sections=sections)) == [
        ("a", "weight: is 0: none of its scored questions counts")
    ]
    assert faults(document(sections=sections, weighting="flat")) == []


@pytest.mark.parametrize(
    ("condition", "reachable"),
    [
        ('a.gate == "yes" and a.gate == "no"', False),
        ('a.gate == "yes" or not answered(a.gate)', True),
        ('answered(a.gate) and a.gate not in ("yes", "no")', False),
        ('a.gate != "yes" and a.gate != "no"', True),
        ('"disk" in a.kinds and "tape" in a.kinds', True),
        ('"disk" in a.kinds and "none" in a.kinds', False),
        ('answered(a.kinds) and "disk" not in a.kinds and "tape" not in a.kinds', True),
        ("a.number > 5 and a.number < 6", False),
        ("a.number > 5 and a.number < 7", True),
        ("a.number > 100", False),
        ("a.number >= 100", True),
        ("not (a.number > 5) and not (a.number <= 5)", True),
        ("answered(a.number) and not (a.number > 5) and not (a.number <= 5)", False),
        ('a.day > "2026-01-01" and a.day < "2026-01-02"', False),
        ('a.day > "2026-01-01" and a.day < "2026-01-03"', True),
        ("within(a.day, 3) and age_months(a.day) > 12", False),
        ("within(a.day, 12) and age_months(a.day) >= 12", True),
        ("age_months(a.day) > 6 and age_months(a.day) < 8", True),
        ("months_until(a.day) > 3 and within(a.day, 1)", False),
        ('engagement.tier == "high" and engagement.tier == "low"', False),
        ('engagement.tier == "high" and a.gate == "yes"', True),
        ('"gdpr" in organisation.regimes and "nis2" not in organisation.regimes', True),
        ('answered(a.behind) and a.gate == "no"', False),
        ('answered(a.behind) and a.gate == "yes"', True),
        ("answered(a.never)", False),
        ("answered(a.text) and not answered(a.text)", False),
    ],
)
def test_questions_that_no_answers_show(condition: str, reachable: bool) -> None:
    raw = document(
        gate(),
        choices(),
        number(at_least=0, at_most=100),
        day(),
        question("a.text", type="text", options=None),
        gate("a.behind", visible_when='a.gate == "yes"'),
        gate("a.never", visible_when='a.gate == "yes" and a.gate == "no"'),
        question(visible_when=condition),
    )
    assert errors(raw) == []
    told = ("a.one", "visible_when: no answers make this question visible") in warnings(raw)
    assert told is not reachable


def ten(count: int, last: str) -> dict[str, Any]:
    """A question behind ``count`` gates of ten options, of which the condition names all."""
    options = [{"value": f"o{n}", "label": f"Option {n}"} for n in range(10)]
    names = ", ".join(f'"o{n}"' for n in range(10))
    gates = [question(f"a.g{n}", options=options, weight=0) for n in range(count)]
    every = " and ".join(f"a.g{n} in ({names})" for n in range(count))
    return document(*gates, question(visible_when=f"{every} and {last}"))


def test_ten_thousand_combinations_are_examined_to_the_end() -> None:
    # None of the 10^4 answers to four gates of ten options helps, and only the last gate tells.
    assert warnings(ten(4, "not answered(a.g3)")) == [
        ("a.one", "visible_when: no answers make this question visible")
    ]
    assert warnings(ten(4, "a.g3 == 'o9'")) == []


def test_too_many_combinations_end_in_time() -> None:
    started = time.process_time()
    names = [f"a.g{n}" for n in range(40)]
    parity = " and ".join(f'({one} == "yes" or {two} == "yes")' for one, two in pairwise(names))
    behind = [
        question(
            f"a.q{n}", visible_when=f'{parity} and a.g0 == "no" and a.g1 == "no" and a.g{n % 40} == "yes"'
        )
        for n in range(300)
    ]
    found = faults(document(*(gate(name) for name in names), *behind))
    assert time.process_time() - started < 5
    assert {severity for severity, _, _ in found} == {"warning"}


# What was released before.


def released(*questions: dict[str, Any], **header: Any) -> Questionnaire:
    return definition(*questions, **header)


def next_version(*questions: dict[str, Any], **header: Any) -> dict[str, Any]:
    return document(*questions, **{"version": "1.1.0", **header})


LONG = "Do all your staff use a second factor when they sign in?"
LIKE = "Do all of your staff use a second factor when they sign in from home?"
UNLIKE = "Which backups were restored last year, and by whom?"


@pytest.mark.parametrize(
    ("old", "new", "key", "part"),
    [
        ([question(revision=2)], [question()], "a.one", "revision: falls to 1; it was 2 in tiny@1.0.0"),
        ([question()], [number("a.one")], "a.one", "type: was choice in tiny@1.0.0; raise the revision"),
        ([number(unit="days")], [number(unit="hours")], "a.number", 'unit: was "days" in tiny@1.0.0'),
        ([question(text=LONG)], [question(text=UNLIKE)], "a.one", "text: is less than half alike"),
        (
            [question(text=LONG)],
            [question(text=UNLIKE, reworded="0.9.0")],
            "a.one",
            "text: is less than half",
        ),
        (
            [question(text=LONG)],
            [question(text=UNLIKE, reworded="1.2.0")],
            "a.one",
            "text: is less than half",
        ),
        ([question("a.new", formerly=["a.one@1"])], [question()], "a.one", "key: a.one was retired"),
        (
            [question("a.new", formerly=["a.old@1"])],
            [question("a.new"), question("a.two", formerly=["a.old@1"])],
            "a.two",
            "formerly: a.old@1 is claimed by a.new in tiny@1.0.0 already",
        ),
    ],
)
def test_a_version_that_breaks_with_the_one_before(
    old: list[dict[str, Any]], new: list[dict[str, Any]], key: str, part: str
) -> None:
    found = errors(next_version(*new), previous=released(*old))
    assert any(one == key and part in message for one, message in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([question()], [question(revision=2, text=UNLIKE)]),
        ([question()], [number("a.one", revision=2)]),
        ([question(text=LONG)], [question(text=LIKE)]),
        ([question(text=LONG)], [question(text=LONG.upper())]),
        ([question(text=LONG)], [question(text=UNLIKE, reworded="1.1.0")]),
        ([question(text=LONG)], [question(text=UNLIKE, reworded="1.0.0")]),
        ([question("a.old")], [question("a.one", formerly=["a.old@1"])]),
        ([question("a.b", formerly=["a.a@1"])], [question("a.b", formerly=["a.a@1"])]),
        ([question("a.b", formerly=["a.a@1"])], [question("a.c", formerly=["a.b@1", "a.a@1"])]),
        ([question(), question("a.two")], [question()]),
    ],
)
def test_a_version_that_goes_on_from_the_one_before(
    old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> None:
    assert errors(next_version(*new), previous=released(*old)) == []


def test_a_key_retired_long_ago_stays_retired() -> None:
    first = released(question(), question("a.two"))
    second = released(question(), version="1.1.0")
    third = document(question(), question("a.two"), version="1.2.0")
    assert errors(third, previous=second) == []
    assert errors(third, previous=second, shipped=[first, second]) == [
        ("a.two", "key: a.two was retired (tiny@1.0.0) and may not be used again")
    ]


def test_a_key_means_the_same_in_every_shipped_questionnaire() -> None:
    other = released(question(text=LONG), number(unit="days"), slug="other", version="3.0.0")
    raw = document(question(text=UNLIKE), number(unit="hours"))
    assert [key for key, _ in errors(raw, shipped=[other])] == ["a.one", "a.number"]
    raised = document(question(text=UNLIKE, revision=2), number(unit="hours", revision=2))
    assert errors(raised, shipped=[other]) == []
    assert errors(document(question(text=UNLIKE, reworded="1.0.0")), shipped=[other]) == []


def test_nothing_is_compared_with_itself() -> None:
    same = definition(question(text=LONG))
    assert errors(document(question(text=UNLIKE)), shipped=[same]) == []


def test_texts_that_difflib_would_take_minutes_over_end_in_time() -> None:
    started = time.process_time()
    many = [question(f"a.q{n}", text="a b " * 900 + f"{n}") for n in range(200)]
    old = released(*many)
    new = next_version(*(dict(one, text=one["text"] + " c") for one in many))
    assert check(read_json(data(new)).whole(), previous=old) == []
    assert time.process_time() - started < 5
