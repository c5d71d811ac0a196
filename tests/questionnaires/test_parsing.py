"""Reading definitions: both forms give the same types, and every fault is told with file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_definitions import (
    TOML_HEADER,
    TOML_SECTION,
    YES_NO,
    data,
    day,
    definition,
    document,
    errors,
    folder,
    folder_faults,
    number,
    question,
)

from questionnaires.parsing import DefinitionError, load, parse_json


def test_folder_and_json_give_the_same_definition(tmp_path: Path) -> None:
    from_toml = load(folder(tmp_path / "tiny"))
    assert from_toml == definition()
    assert from_toml.content_hash == definition().content_hash
    (tmp_path / "tiny.json").write_bytes(data(document()))
    assert load(tmp_path / "tiny.json") == from_toml


def test_file_names_order_sections_and_are_no_part_of_the_definition(tmp_path: Path) -> None:
    other = TOML_SECTION.replace('"a"', '"b"').replace("a.one", "b.one")
    first = load(folder(tmp_path / "one", **{"10-x": TOML_SECTION, "20-y": other}))
    assert [section.key for section in first.sections] == ["a", "b"]
    assert load(folder(tmp_path / "two", p=TOML_SECTION, q="# a comment\n" + other)) == first
    assert load(folder(tmp_path / "three", p=other, q=TOML_SECTION)).content_hash != first.content_hash


def test_scales_are_expanded(tmp_path: Path) -> None:
    header = TOML_HEADER + (
        '\n[scale]\nyesno = [{value = "yes", label = "Yes", points = 100},'
        ' {value = "no", label = "No", points = 0}]\n'
    )
    section = TOML_SECTION.split("options =")[0] + 'options = "yesno"\n'
    assert load(folder(tmp_path / "scaled", header, s=section)) == definition()
    missing = folder_faults(folder(tmp_path / "missing", TOML_HEADER, s=section))
    assert missing == [f'{tmp_path}/missing/s.toml: a.one: options: there is no scale "yesno"']


def test_all_faults_of_all_files_at_once(tmp_path: Path) -> None:
    header = TOML_HEADER.replace('slug = "tiny"', 'slug = "Tiny!"').replace("minimum = 70", "minimum = 7.5")
    section = TOML_SECTION.replace('"choice"', '"chioce"') + "wieght = 3\nweight = 101\n"
    path = folder(tmp_path / "bad", header, a=section, b="key = \n")
    found = "\n".join(folder_faults(path))
    for part in (
        'questionnaire.toml: slug: must be lower-case letters, digits, _ and -, not "Tiny!"',
        "questionnaire.toml: band 1, minimum: must be a whole number from 0 to 100, not 7.5",
        "a.toml: a.one: type: must be one of choice, choices, text, number, date, table",
        "a.toml: a.one: weight: must be a whole number from 0 to 100, not 101",
        "a.toml: a.one: wieght: no such field; did you mean weight?",
        "b.toml: line 1, column 7: is not valid TOML",
    ):
        assert part in found


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"key": "A.one"}, "key: must be lower-case segments"),
        ({"key": "a..one"}, "key: must be lower-case segments"),
        ({"key": "a.class"}, "is a word of the condition language"),
        ({"key": "a.not"}, "is a word of the condition language"),
        ({"key": "vendor.one"}, "does not begin with vendor"),
        ({"key": "points"}, "does not begin with points"),
        ({"key": "a" * 201}, "key: must be"),
        ({"key": None}, "key: is missing"),
        ({"text": None}, "text: is missing"),
        ({"text": " \n"}, "text: is empty"),
        ({"text": "x" * 4001}, "text: has 4,001 characters; at most 4,000"),
        ({"help": "x" * 8001}, "help: has 8,001 characters; at most 8,000"),
        ({"text": 7}, "text: must be text in quotes, not 7 without quotes"),
        ({"text": "bell\a"}, "text: holds the control character U+0007"),
        ({"text": "nul\0"}, "text: holds the control character U+0000"),
        ({"text": "cr\r\n"}, "text: holds the control character U+000D"),
        ({"text": "half \ud800"}, "text: holds a lone surrogate U+D800"),
        ({"text": None, "txet": "x"}, "txet: no such field; did you mean text?"),
        ({"type": None}, "type: is missing; it is one of choice"),
        ({"type": "yesno"}, "type: must be one of"),
        ({"revision": 0}, "revision: must be a whole number from 1"),
        ({"revision": True}, "revision: must be a whole number from 1 to 1,000,000, not true"),
        ({"revision": "2"}, 'not "2"'),
        ({"weight": 2.0}, "weight: must be a whole number from 0 to 100, not 2.0"),
        ({"weight": -1}, "not -1"),
        ({"weight": 10**400}, "weight: must be a whole number from 0 to 100, not a number of 401 characters"),
        ({"weight": float("nan")}, "not NaN"),
        ({"weight": float("inf")}, "not Infinity"),
        ({"critical": "yes"}, "critical: must be true or false"),
        ({"critical": True, "minimum": 0}, "minimum: must be a whole number from 1 to 100"),
        ({"minimum": 50}, "minimum: stands without critical = true"),
        ({"minimum": 60, "critical": False}, "minimum: stands without critical = true"),
        ({"required": True, "required_when": "answered(a.two)"}, "required_when: stands beside required"),
        ({"visible_when": "a.two =="}, "visible_when: "),
        ({"visible_when": True}, "visible_when: must be a condition in quotes"),
        ({"formerly": ["a.old"]}, "formerly: must be a list of key@revision"),
        ({"formerly": ["a.old@1", "a.old@1"]}, 'formerly: lists "a.old@1" twice'),
        ({"formerly": "a.old@1"}, "formerly: must be a list"),
        ({"reworded": "1.1"}, "reworded: must be a version"),
        ({"combine": "mean"}, "combine: must be one of sum, worst, all"),
        ({"options": "coverage"}, 'options: there is no scale "coverage"'),
        ({"options": [*YES_NO, YES_NO[0]]}, 'option 3, value: "yes" is the value of two options'),
        ({"options": [{"value": "a b", "label": "x"}]}, "option 1, value: must be letters"),
        ({"options": [{"value": "a", "label": "x", "points": 101}]}, "option 1, points: must be"),
        ({"options": [{"value": "a"}]}, "option 1, label: is missing"),
        ({"options": ["a"]}, 'option 1: must be a table of fields, not "a"'),
        ({"options": [{"value": f"v{n}", "label": "x"} for n in range(101)]}, "at most 100 are allowed"),
        ({"evidence": {"kind": "report", "required": True, "required_when": "answered(a.b)"}}, "one or the other"),
        ({"evidence": {"kind": "report", "valid_months": 1201}}, "evidence valid_months: must be"),
        ({"evidence": {}}, "evidence kind: is missing"),
        ({"finding": [{"severity": "low", "text": "x"}]}, "finding 1: has either option or when"),
        ({"finding": [{"severity": "dire", "text": "x", "option": "no"}]}, "finding 1, severity: must be one of"),
        ({"refs": ["x" * 201]}, "refs: must be a list of ids"),
        ({"help": None, "unit": None, "text": "x", "refs": [1]}, "refs: must be a list of ids"),
    ],
)  # fmt: skip
def test_a_field_that_does_not_fit(fields: dict[str, Any], part: str) -> None:
    found = errors(document(question(**fields)))
    assert any(part in message for _, message in found), found
    assert {key for key, _ in found} == {fields.get("key") or "a.one"} or "key" in fields


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (number(at_least="1,5"), 'at_least: must be a whole number or decimal text such as "1.5", not "1,5"'),
        (number(at_least=1.5), "at_least: must be"),
        (number(at_most=10**15), "at_most: must be"),
        (number(decimals=11), "decimals: must be a whole number from 0 to 10"),
        (day(not_before="2026-02-30"), "not_before: there is no day 2026-02-30"),
        (day(not_after="tomorrow"), "not_after: must be a date"),
        (day(not_before="1899-12-31"), "not_before: must be between 1900-01-01 and 2199-12-31"),
        (number(points_when=[{"when": "value < 3"}]), "rule 1, points: is missing"),
        (number(points_when=[{"points": 3}]), "rule 1, when: is missing"),
    ],
)
def test_a_range_that_does_not_fit(raw: dict[str, Any], part: str) -> None:
    assert any(part in message for _, message in errors(document(raw)))


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ({"format": None}, "format: is missing; write format = 1"),
        ({"format": 2}, "format: must be a whole number from 1 to 1, not 2"),
        ({"slug": "../etc"}, "slug: must be"),
        ({"version": "1.0"}, "version: must be three numbers"),
        ({"version": "01.0.0"}, "version: must be three numbers"),
        ({"purpose": "survey"}, "purpose: must be one of"),
        ({"title": ["x"]}, "title: must be text in quotes, not a list"),
        ({"title": None}, "title: is missing"),
        ({"title": "two\nlines"}, "title: must be one line"),
        ({"summary": {"a": 1}}, "summary: must be text in quotes, not a table"),
        ({"based_on": "other"}, "based_on: must be slug@version"),
        ({"sections": []}, "sections: a questionnaire has at least one section"),
        ({"sections": "x"}, 'sections: must be a list, not "x"'),
        ({"sections": [{"key": "S", "title": "x"}]}, "section 1: key: must be"),
        ({"band": []}, "band: no such field; did you mean bands?"),
        ({"scale": {}}, "scale"),
        ({"bands": [{"name": "x", "label": "X", "minimum": 0}]}, "band 1, level: is missing"),
        ({"caps": [{"when": "1", "band": "bad", "text": "x"}]}, "cap 1, when: "),
    ],
)
def test_a_header_that_does_not_fit(header: dict[str, Any], part: str) -> None:
    raw = document()
    raw.update(header)
    raw = {name: value for name, value in raw.items() if value is not None}
    found = errors(raw)
    assert any(part in f"{key}: {message}" for key, message in found), found


def test_null_is_told_of_once() -> None:
    raw = document(question())
    raw["title"] = raw["based_on"] = None
    assert errors(raw) == [
        ("title", "must not be null; leave it out"),
        ("based_on", "must not be null; leave it out"),
    ]


def test_the_same_key_twice_is_told_of_with_both_sections() -> None:
    sections = [
        {"key": "a", "title": "A", "questions": [question()]},
        {"key": "b", "title": "B", "questions": [question()]},
    ]
    assert errors(document(sections=sections)) == [("a.one", "key: a.one stands twice, first in section a")]
    sections[1]["key"] = "a"
    assert ("a", "key: a is the key of two sections") in errors(document(sections=sections))


def test_bounds_and_texts_have_one_form() -> None:
    one = definition(number(at_least=0, at_most="10.50", decimals=2))
    other = definition(number(at_least="-0.0", at_most="010.5", decimals=2))
    assert one == other
    assert (one.questions["a.number"].at_least, one.questions["a.number"].at_most) == ("0", "10.5")
    assert definition(question(text="cafe\u0301?")) == definition(question(text="caf\u00e9?"))


def test_weight_defaults_to_ten_for_choices_only() -> None:
    found = definition(question("a.choice"), number("a.number"), question("a.zero", weight=0))
    assert [one.weight for one in found.questions.values()] == [10, 0, 0]


def test_levels_default_by_the_number_of_bands() -> None:
    names = ("w", "x", "y", "z")
    for count, levels in ((2, [4, 1]), (3, [4, 3, 1]), (4, [4, 3, 2, 1])):
        bands = [{"name": name, "label": name, "minimum": 0} for name in names[:count]]
        raw = document(bands=bands, knockout_band=names[0])
        assert [band.level for band in parse_json(data(raw)).bands] == levels


def test_the_error_lists_everything() -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_json(data(document(question(weight=-1, text=""))), "mine.json")
    assert [str(fault) for fault in caught.value.faults] == [
        "mine.json: a.one: text: is empty",
        "mine.json: a.one: weight: must be a whole number from 0 to 100, not -1",
    ]
