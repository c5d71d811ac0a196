"""Canonical form: one definition, one sequence of bytes; nothing in a type is forgotten; released bytes stay."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_definitions import BANDS, HEADER, data, definition, document, gate, question

from questionnaires import canonical
from questionnaires import definition as types
from questionnaires.canonical import canonical_bytes, canonical_json, content_hash, definition_json
from questionnaires.conditions import Condition
from questionnaires.parsing import parse_json

CONDITION = "answered(a.gate)"

# For every type of a definition, a value for every field that is not its default. A field added to a type
# without a line here, in the reader, and in the canonical form, fails below.
SAMPLES: dict[type, dict[str, Any]] = {
    types.Questionnaire: {
        **HEADER,
        "slug": "other",
        "based_on": "tiny@0.9.0",
        "weighting": "flat",
        "knockout_band": "bad",
        "bands": ...,
        "caps": ...,
        "sections": ...,
    },
    types.Section: {
        "key": "a",
        "title": "First",
        "intro": "Hello",
        "weight": 0,
        "visible_when": CONDITION,
        "questions": ...,
    },
    types.Question: {
        "key": "a.one",
        "text": "What?",
        "type": "number",
        "revision": 2,
        "formerly": ["a.old@1"],
        "reworded": "1.0.0",
        "help": "Much",
        "options": ...,
        "combine": "worst",
        "unit": "days",
        "decimals": 1,
        "at_least": "-1.5",
        "at_most": "9",
        "not_before": "2026-01-31",
        "not_after": "today",
        "max_length": 1,
        "columns": ...,
        "max_rows": 1,
        "points_when": ...,
        "weight": 3,
        "critical": True,
        "minimum": 51,
        "visible_when": CONDITION,
        "required": False,
        "required_when": CONDITION,
        "allow_na": True,
        "evidence": ...,
        "finding": ...,
        "refs": ["ISO/IEC 27001:2022 A.8.5"],
    },
    types.Band: {"name": "good", "label": "Good", "minimum": 1, "level": 3},
    types.Cap: {"when": CONDITION, "band": "good", "text": "Never"},
    types.Option: {"value": "x", "label": "X", "points": 0, "exclusive": True},
    types.Column: {"key": "x", "label": "X", "type": "choice", "options": ...},
    types.PointsRule: {"when": "value > 1.5", "points": 0},
    types.EvidenceRule: {"kind": "report", "required": True, "required_when": CONDITION, "valid_months": 0},
    types.FindingRule: {"severity": "high", "text": "Bad", "option": "x", "when": CONDITION},
}
# Where each type stands in its owner, and which fields exclude each other and are tried in turn.
PARTS: dict[tuple[type, str], type] = {
    (types.Questionnaire, "bands"): types.Band,
    (types.Questionnaire, "caps"): types.Cap,
    (types.Questionnaire, "sections"): types.Section,
    (types.Section, "questions"): types.Question,
    (types.Question, "options"): types.Option,
    (types.Question, "columns"): types.Column,
    (types.Question, "points_when"): types.PointsRule,
    (types.Question, "evidence"): types.EvidenceRule,
    (types.Question, "finding"): types.FindingRule,
    (types.Column, "options"): types.Option,
}
EITHER = {
    types.Question: ("required", "required_when"),
    types.EvidenceRule: ("required", "required_when"),
    types.FindingRule: ("option", "when"),
}
JSON_NAMES = {"findings": "finding"}


def whole(kind: type, turn: int, owner: type | None = None) -> dict[str, Any]:
    """The sample of a type with all its parts; ``turn`` picks one of two fields that exclude each other."""
    left_out = EITHER.get(kind, ("", ""))[turn]
    found = {}
    for name, value in SAMPLES[kind].items():
        if name == left_out or (owner is types.Column and name in ("points", "exclusive")):
            continue
        part = PARTS.get((kind, name))
        if part is not None:
            inner = whole(part, turn, kind)
            value = inner if name == "evidence" else [inner]
        found[name] = value
    return found


def defined_types() -> list[type]:
    return [
        one
        for one in vars(types).values()
        if isinstance(one, type) and dataclasses.is_dataclass(one) and one.__module__ == types.__name__
    ]


@pytest.mark.parametrize("kind", defined_types(), ids=lambda kind: kind.__name__)
def test_every_field_of_every_type_has_a_sample_that_is_not_its_default(kind: type) -> None:
    fields = {JSON_NAMES.get(one.name, one.name): one for one in dataclasses.fields(kind) if one.compare}
    assert set(SAMPLES[kind]) == set(fields)
    for name, value in SAMPLES[kind].items():
        # The one field that is always written, and has one value.
        if name != "format":
            assert value != fields[name].default


@pytest.mark.parametrize("turn", [0, 1])
def test_every_field_is_read_and_written(turn: int) -> None:
    raw = whole(types.Questionnaire, turn)
    found = parse_json(data(raw))
    assert definition_json(found) == raw
    assert parse_json(canonical_bytes(found)) == found


def test_only_what_differs_from_a_default_is_written() -> None:
    spelled_out = question(
        revision=1, formerly=[], help="", weight=10, critical=False, required=True, allow_na=False, finding=[],
        refs=[], decimals=0, unit="", max_length=4000, max_rows=200, columns=[], points_when=[],
    )  # fmt: skip
    bands = [{**band, "level": level} for band, level in zip(BANDS, (4, 1), strict=True)]
    assert canonical_bytes(
        definition(spelled_out, bands=bands, caps=[], weighting="sections")
    ) == canonical_bytes(definition())
    raw = definition_json(definition(question(), gate()))
    assert raw["format"] == 1
    section = json.loads(canonical_json(raw))["sections"][0]
    assert set(section["questions"][0]) == {"key", "text", "type", "options"}
    assert section["questions"][1]["weight"] == 0


def test_a_level_is_written_where_it_is_not_the_usual_one() -> None:
    bands = [dict(BANDS[0], level=3), BANDS[1]]
    raw: Any = definition_json(definition(bands=bands))
    assert [band.get("level") for band in raw["bands"]] == [3, None]
    single: Any = definition_json(definition(bands=[{**BANDS[1], "level": 1}]))
    assert single["bands"][0]["level"] == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, False, None, "x"]}, '{"a":[true,false,null,"x"],"b":1}'),
        # RFC 8785, 3.2.2.2: the escapes, everything else as it is.
        ('\u20ac$\x0f\nA\'B"\\\\"/\x7f', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'),
        # RFC 8785, 3.2.3: names in the order of UTF-16 units.
        (
            {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7},
            # NFC takes U+FB33 apart, and its parts sort before the euro sign.
            '{"\\r":2,"1":4,"\x80":6,"\u00f6":7,"\u05d3\u05bc":3,"\u20ac":1,"\U0001f600":5}',
        ),
        (2**53 - 1, "9007199254740991"),
        (-(2**53) + 1, "-9007199254740991"),
        ("e\u0301", '"\u00e9"'),
        (("x", MappingProxyType({})), '["x",{}]'),
    ],
)
def test_canonical_json(value: object, expected: str) -> None:
    assert canonical_json(value) == expected.encode()


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), 1.0, float("nan"), "\0", "\ud800", {"\ud800": 1}, {1: 2}, b"x", {"x"}, object(),
     {"\u00e9": 1, "e\u0301": 2}],
)  # fmt: skip
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), include_characters="\n\t"), min_size=1
).filter(lambda text: bool(unicodedata.normalize("NFC", text).strip()))
lines = texts.filter(lambda text: "\n" not in text and len(unicodedata.normalize("NFC", text)) < 200)
weights = st.integers(0, 100)
options = st.lists(
    st.fixed_dictionaries(
        {"value": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True), "label": lines},
        optional={"points": weights, "exclusive": st.booleans()},
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda option: option["value"],
)
questions = st.fixed_dictionaries(
    {"key": st.from_regex(r"q[a-z0-9_]{0,5}(\.q[a-z0-9_]{0,5}){0,2}", fullmatch=True), "text": texts},
    optional={
        "help": texts, "revision": st.integers(1, 9), "weight": weights, "critical": st.just(True),
        "unit": lines, "decimals": st.integers(0, 10), "allow_na": st.booleans(), "options": options,
        "at_least": st.integers(-5, 5) | st.decimals(-5, 5, places=2).map(str),
        "visible_when": st.sampled_from(["answered(q)", 'q in ("a", "b") and not (n < 1.50)']),
        "evidence": st.fixed_dictionaries({"kind": st.just("report")}, optional={"valid_months": weights}),
        "refs": st.lists(lines, max_size=2, unique_by=lambda one: unicodedata.normalize("NFC", one)),
        "type": st.sampled_from(["choice", "choices", "number", "date", "table", "text"]),
    },
).map(lambda raw: {"type": "text", **raw})  # fmt: skip
documents = st.builds(
    lambda title, found: document(sections=[{"key": "a", "title": title, "questions": found}], title=title),
    lines,
    st.lists(questions, max_size=4, unique_by=lambda one: one["key"]),
)


@settings(max_examples=150, deadline=None)
@given(documents)
def test_a_definition_comes_back_from_its_canonical_bytes(raw: dict[str, Any]) -> None:
    found = parse_json(data(raw))
    written = canonical_bytes(found)
    again = parse_json(written)
    assert again == found
    assert canonical_bytes(again) == written
    assert content_hash(again) == content_hash(found)


def reversed_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reversed_names(one) for name, one in reversed(value.items())}
    return [reversed_names(one) for one in value] if isinstance(value, list) else value


@settings(max_examples=50, deadline=None)
@given(documents)
def test_equal_input_gives_equal_bytes(raw: dict[str, Any]) -> None:
    assert canonical_bytes(parse_json(data(reversed_names(raw)))) == canonical_bytes(parse_json(data(raw)))


def test_order_of_questions_and_conditions_as_written_are_part_of_the_hash() -> None:
    one = definition(gate("a.x"), gate("a.y", visible_when='a.x == "yes"'))
    assert one.content_hash != definition(gate("a.y", visible_when='a.x == "yes"'), gate("a.x")).content_hash
    assert one.content_hash != definition(gate("a.x"), gate("a.y", visible_when="a.x == 'yes'")).content_hash


def test_frozen_bytes_of_this_format() -> None:
    """The form of format 1 itself: bytes that were written once must be written for ever."""
    expected = (
        b'{"bands":[{"label":"Good","minimum":70,"name":"good"},{"label":"Bad","minimum":0,"name":"bad"}],'
        b'"format":1,"knockout_band":"bad","language":"en","licence":"CC0-1.0","purpose":"assessment",'
        b'"sections":[{"key":"a","questions":[{"key":"a.one","options":[{"label":"Yes","points":100,'
        b'"value":"yes"},{"label":"No","points":0,"value":"no"}],"text":"What about a.one?","type":"choice"}],'
        b'"title":"First"}],"slug":"tiny","summary":"A questionnaire for tests.","title":"Tiny",'
        b'"version":"1.0.0"}'
    )
    assert canonical_bytes(definition()) == expected


def test_conditions_are_kept_as_written() -> None:
    found = definition(gate(), question(visible_when="  a.gate=='yes'  ")).questions["a.one"].visible_when
    assert isinstance(found, Condition)
    assert found.source == "  a.gate=='yes'  "
    assert isinstance(definition().questions, Mapping)


@pytest.mark.parametrize("lost", [set(), {"_sha2"}, {"_sha2", "_sha256"}])
def test_the_hash_is_sha_256_whatever_module_makes_it(
    lost: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> Any:
        if name in lost:
            raise ImportError(name)
        return importlib.import_module(name)

    monkeypatch.setattr(canonical, "import_module", find)
    for text in (b"", b"a", b"x" * 1000):
        assert canonical.sha256(text) == hashlib.sha256(text).hexdigest()
