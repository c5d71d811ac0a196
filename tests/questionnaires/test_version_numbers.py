"""Which part of a version number rises, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_up import BANDS, choice, made, options, when

from questionnaires.changes import diff
from questionnaires.definition import Column, EvidenceRule, Question, Questionnaire, Section
from questionnaires.version_numbers import suggest_version

BASE = choice("a", 100, 50, 0)
NUMBER = Question("n", "How many?", "number", at_least="1", at_most="9", decimals=1)
TABLE = Question("t", "Which?", "table", columns=(Column("x", "X", "text"),))
TEXT = Question("w", "What?", "text")
DATE = Question("d", "When?", "date")


def part(old: Question, new: Question, **header: Any) -> str:
    return suggest_version(diff(made(old), made(new, **header))).part


@pytest.mark.parametrize(
    ("old", "changes", "told"),
    [
        (BASE, {}, "patch"),
        (BASE, {"text": "Other?"}, "patch"),
        (BASE, {"refs": ("x",)}, "patch"),
        (BASE, {"options": options(100, 50, 0, 0)}, "minor"),
        (BASE, {"options": (options(100, 50, 0))[::-1]}, "minor"),
        (BASE, {"allow_na": True}, "minor"),
        (BASE, {"visible_when": when("engagement.tier == 'high'")}, "minor"),
        (BASE, {"evidence": EvidenceRule("report")}, "minor"),
        (BASE, {"options": options(100, 50)}, "major"),
        (BASE, {"options": options(100, 50, 0, exclusive=0)}, "major"),
        (BASE, {"weight": 11}, "major"),
        (BASE, {"revision": 2}, "major"),
        (BASE, {"key": "b"}, "major"),
        (BASE, {"key": "b", "formerly": ("a@1",)}, "major"),
        (NUMBER, {"at_most": "10"}, "minor"),
        (NUMBER, {"at_most": None, "at_least": None}, "minor"),
        (NUMBER, {"at_most": "8"}, "major"),
        (NUMBER, {"at_least": "2"}, "major"),
        (NUMBER, {"unit": "days"}, "major"),
        (NUMBER, {"decimals": 0}, "major"),
        (replace(NUMBER, at_least=None), {"at_least": "1"}, "major"),
        (TABLE, {"columns": (*TABLE.columns, Column("y", "Y", "text"))}, "minor"),
        (TABLE, {"columns": (Column("y", "Y", "text"),)}, "major"),
        (TABLE, {"max_rows": 10}, "major"),
        (TEXT, {"max_length": 10}, "major"),
        (TEXT, {"max_length": 9000}, "minor"),
        (DATE, {"not_after": "today"}, "major"),
    ],
)
def test_what_a_changed_question_weighs(old: Question, changes: dict[str, Any], told: str) -> None:
    assert part(old, replace(old, **changes)) == told


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"weighting": "flat"}, "major"),
        ({"bands": BANDS[1:]}, "major"),
        ({"knockout_band": "weak"}, "major"),
    ],
)
def test_what_the_header_weighs(header: dict[str, Any], told: str) -> None:
    assert part(BASE, BASE, **header) == told
    assert suggest_version(diff(made(BASE), replace(made(BASE), title="Other"))).part == "patch"


def section(key: str, *questions: Question, **fields: Any) -> Section:
    return Section(key, key, questions, **fields)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([section("s", BASE)], [section("s", BASE, choice("b"))], "minor"),
        ([section("s", BASE)], [section("s", BASE), section("t", choice("b"))], "minor"),
        ([section("s", BASE, choice("b"))], [section("s", choice("b"), BASE)], "minor"),
        ([section("s", BASE)], [section("s", BASE, weight=9)], "major"),
        ([section("s", BASE)], [section("s", BASE, intro="Hello")], "patch"),
        ([section("s", BASE)], [section("s", BASE, visible_when=when("engagement.tier == 'high'"))], "minor"),
    ],
)
def test_what_sections_weigh(old: list[Section], new: list[Section], told: str) -> None:
    assert suggest_version(diff(made(*old), made(*new))).part == told


def many(*keys: str) -> Questionnaire:
    return replace(made(*[choice(key) for key in keys]), version="1.4.2")


@pytest.mark.parametrize(
    ("new", "told", "reasons"),
    [
        (many("a"), "1.4.3", ("Nothing differs.",)),
        (replace(many("a"), summary="x"), "1.4.3", ("Words changed: summary.",)),
        (many("a", "b"), "1.5.0", ("Question added: b.",)),
        (replace(many("b"), title="x"), "2.0.0", ("Question retired: a.",)),
        (many("a", *"bcdefgh"), "1.5.0", ("Question added: b, c, d, e, f and 2 more.",)),
    ],
)
def test_the_number_and_its_reasons(new: Questionnaire, told: str, reasons: tuple[str, ...]) -> None:
    found = suggest_version(diff(many("a"), new))
    assert (found.version, found.reasons) == (told, reasons)


def test_another_number_to_begin_with() -> None:
    assert suggest_version(diff(many("a"), many("a", "b")), "3.0.9").version == "3.1.0"
