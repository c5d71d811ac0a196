"""What goes out as a VSAQ file comes back with every question, option, help text and warning that such a file holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.changes import diff
from questionnaires.checking import errors
from questionnaires.definition import Question, Questionnaire
from questionnaires.interchange.vsaq import read_vsaq
from questionnaires.interchange.vsaq_writing import write_vsaq
from questionnaires.parsing import parse_json
from tests.published import published


def back(definition: Questionnaire) -> Questionnaire:
    found = read_vsaq(write_vsaq(definition), slug=definition.slug)
    return parse_json(canonical_json(found.definition_json))


def said(question: Question) -> tuple[Any, ...]:
    return (
        question.text,
        question.type,
        question.help,
        [one.label for one in question.options],
        [(one.severity, one.text) for one in question.findings],
        (question.required, question.weight, question.critical),
    )


@pytest.mark.parametrize("name", ["webapp.json", "infrastructure.json"])
def test_a_published_file_goes_out_as_it_came_in(name: str) -> None:
    """The proposals that the import makes of its warnings, points and conditions included, are made once more."""
    first = parse_json(
        canonical_json(read_vsaq((published("vsaq") / name).read_bytes(), slug="vsaq").definition_json)
    )
    again = back(first)
    assert list(map(said, again.questions.values())) == list(map(said, first.questions.values()))
    assert diff(first, again).counts["kept"] == len(first.questions)  # so answers to one answer the other
    assert again.licence == first.licence
    assert [len(one.questions) for one in again.sections] == [len(one.questions) for one in first.sections]
    assert [len(one.tests) if (one := each.visible_when) else 0 for each in again.questions.values()] == [
        len(one.tests) if (one := each.visible_when) else 0 for each in first.questions.values()
    ]


@pytest.mark.parametrize("label", catalog.shipped())
def test_a_shipped_version_comes_back_with_what_can_be_said(label: str) -> None:
    definition = catalog.get(label)
    found = back(definition)
    assert errors(found) == []
    by_text = {one.text: one for one in found.questions.values()}
    for one in definition.questions.values():
        there = by_text[one.text]
        assert there.type == ("text" if one.type == "table" else one.type)
        labels = [each.label for each in there.options]
        assert labels[: len(one.options)] == [each.label for each in one.options]
        assert one.help in there.help
        earned = [each.text for each in one.findings if each.option is not None]
        assert [text for text in earned if text not in [each.text for each in there.findings]] == []
    assert str(found.summary).startswith("Imported from a VSAQ file")


YES_NO = [{"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}]
GATES: list[dict[str, Any]] = [
    {"key": "a.b_c", "text": "First?", "type": "choice", "options": YES_NO, "weight": 0},
    {
        "key": "a_b.c",
        "text": "Second?",
        "type": "choices",
        "options": YES_NO,
        "weight": 0,
        "combine": "worst",
    },
    {"key": "days", "text": "How long?", "type": "number", "weight": 0},
]


def written(**last: Any) -> tuple[str, dict[str, Any]]:
    """The head of the file of four questions, and its last item; ``last``: fields of the last question."""
    question = {"key": "last", "text": "Last?", "type": "text", "weight": 0, **last}
    raw = {
        "format": 1,
        "slug": "small",
        "version": "1.0.0",
        "title": "Small",
        "purpose": "assessment",
        "language": "en",
        "licence": "MIT",
        "summary": "Four questions.",
        "sections": [{"key": "one", "title": "One", "questions": [*GATES, question]}],
    }
    data = write_vsaq(parse_json(canonical_json(raw))).decode()
    head, _brace, rest = data.partition("\n{")
    items = json.loads("{" + rest)["questionnaire"][0]["items"][0]["items"]
    return head, items[-1]


FIRST, OTHER = "a_b_c_yes", "a_b_c_no_2"  # two keys that would be one id


@pytest.mark.parametrize(
    ("condition", "cond", "told"),
    [
        ('a.b_c == "yes"', FIRST, ""),
        ('a.b_c != "yes"', f"!({FIRST})", ""),
        ('a.b_c in ("yes", "no")', f"{FIRST} || a_b_c_no", ""),
        ('a.b_c not in ("yes", "no")', f"!({FIRST} || a_b_c_no)", ""),
        ('"no" in a_b.c', OTHER, ""),
        ("answered(days)", "days", ""),
        ("answered(a.b_c)", f"{FIRST} || a_b_c_no", ""),
        ('a.b_c == "yes" or "no" in a_b.c and answered(days)', f"{FIRST} || ({OTHER} && days)", ""),
        ('a.b_c == "yes" and days > 3', FIRST, "Asked more often here"),
        ('a.b_c == "yes" or days > 3', None, "Always asked here"),
        ('not (a.b_c == "yes" and days > 3)', None, "Always asked here"),
        ('"gdpr" in organisation.regimes', None, "Always asked here"),
    ],
)
def test_conditions(condition: str, cond: str | None, told: str) -> None:
    head, item = written(visible_when=condition)
    assert item.get("cond") == cond
    assert ("last" in head.partition("cannot express")[2]) == bool(told)
    assert told in head


def test_texts_are_texts() -> None:
    head, item = written(text='<b>1 < 2</b> & "so on"\nNext line', required=False)
    assert item == {
        "type": "box",
        "maxlength": 4000,
        "id": "last",
        "text": '&lt;b&gt;1 &lt; 2&lt;/b&gt; &amp; "so on"<br>Next line',
    }
    assert all(line.startswith("// ") for line in head.splitlines() if line)


def test_a_warning_that_cannot_be_said_is_named() -> None:
    finding = [{"when": "days > 30", "severity": "low", "text": "Long."}]
    head, item = written(finding=finding)
    assert item["type"] == "box"
    assert "Warnings left out, for VSAQ cannot express when they are given: last" in head
