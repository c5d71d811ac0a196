"""The MVSP import: identity by meaning and never by number, with small files of our own and the published ones."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readability import words

from questionnaires.checking import check
from questionnaires.definition import Questionnaire
from questionnaires.interchange.mvsp import MAX_CONTROLS, MEANINGS, MvspError, read_mvsp
from questionnaires.interchange.mvsp_text import plain_asciidoc
from questionnaires.interchange.result import ImportResult
from questionnaires.parsing import parse_json
from tests.published import published

VERSIONS = ("1.0", "2.0", "3.0")


def control(
    ref: str, title: str, text: str = "Do it well", group: str = "Design", **more: Any
) -> dict[str, Any]:
    return {"ref": ref, "title": title, "group": group, "text": text, **more}


# Numbers as in the published versions: what was 2.8 moves to 4.4, and 2.9 takes its place.
OLD = (
    control("1.8", "Data sanitization", group="Business"),
    control("2.3", "Content Security Policy"),
    control("2.8", "Backup and Disaster recovery", "* Keep copies\n* Try them"),
    control("2.9", "Encryption", "Encrypt stored data"),
)
NEW = (
    control("1.8", "Data handling", group="Business"),
    control("2.3", "Security Headers", "* Set a policy\n* Limit frames"),
    control("2.8", "Encryption", "Encrypt data, stored and on the move"),
    control("3.5", "Build process", group="Implementation"),
    control("4.4", "Backup and Disaster recovery", "* Keep copies\n* Try them", group="Operation"),
)


def file(*controls: Any, version: Any = "1.0", **more: Any) -> bytes:
    return json.dumps({"id": "mvsp", "version": version, "controls": list(controls), **more}).encode()


def imported(data: bytes) -> tuple[Questionnaire, ImportResult]:
    """The definition, which our own check accepts without a word, and the import."""
    result = read_mvsp(data)
    definition = parse_json(json.dumps(result.definition_json).encode())
    assert [str(fault) for fault in check(definition)] == []
    return definition, result


def numbers(definition: Questionnaire) -> dict[str, str]:
    """The number of each control by the key of its question."""
    return {key: question.refs[0].rpartition("/")[2] for key, question in definition.questions.items()}


def test_a_control_becomes_a_question_with_a_proposal() -> None:
    definition, result = imported(file(*OLD))
    assert (definition.label, definition.licence, definition.weighting) == ("mvsp@1.0.0", "CC0-1.0", "flat")
    assert [section.title for section in definition.sections] == ["Business", "Design"]
    question = definition.questions["own.mvsp.backup"]
    assert question.text == "Do you meet the control “Backup and Disaster recovery”?"
    assert question.help == "- Keep copies\n- Try them"
    assert [(one.value, one.points) for one in question.options] == [
        ("met", 100),
        ("partly", 40),
        ("not_met", 0),
        ("unknown", 0),
    ]
    assert {one.option for one in question.findings} == {"not_met", "unknown"}
    assert question.refs == ("mvsp:1.0.0/2.8",)
    text = str(result.report)
    assert "Each control weighs 10" in text
    assert "2.8 Backup and Disaster recovery: 2 points in one question." in text
    assert text.rstrip().endswith("nothing")


def test_a_number_is_no_identity() -> None:
    old, new = imported(file(*OLD))[0], imported(file(*NEW, version="2.0"))[0]
    assert numbers(old)["own.mvsp.backup"] == numbers(new)["own.mvsp.encryption"] == "2.8"
    assert numbers(new)["own.mvsp.backup"] == "4.4"
    assert numbers(old)["own.mvsp.encryption"] == "2.9"
    assert new.questions.keys() - old.questions.keys() == {"own.mvsp.build_process"}
    assert [str(fault) for fault in check(new, previous=old, shipped=[old])] == []


def test_a_new_title_keeps_the_key_and_a_wider_meaning_raises_the_revision() -> None:
    old, new = imported(file(*OLD))[0], imported(file(*NEW, version="2.0"))[0]
    assert "own.mvsp.media_disposal" in old.questions.keys() & new.questions.keys()
    revisions = {key: (old.questions[key].revision, new.questions[key].revision) for key in old.questions}
    assert revisions == {
        "own.mvsp.media_disposal": (1, 1),
        "own.mvsp.security_headers": (1, 2),
        "own.mvsp.backup": (1, 1),
        "own.mvsp.encryption": (1, 1),
    }
    lines = read_mvsp(file(*NEW, version="2.0")).report.lines
    assert any("2.3 Security Headers: asks for more since 2.0.0" in line for line in lines)


def test_titles_and_keys_of_the_table_are_told_apart() -> None:
    titles = [title.casefold() for meaning in MEANINGS for title in meaning.titles]
    assert len(titles) == len(set(titles))
    assert len({meaning.key for meaning in MEANINGS}) == len(MEANINGS) == 25


def test_what_is_not_known_is_told() -> None:
    data = file(
        control("9.1", "Backup", note="x"),
        control("9.2", "Own planets"),
        version="v4.1",
        licence="CC0",
    )
    definition, result = imported(data)
    # A title that is not that of a known control does not take its key.
    assert list(definition.questions) == ["own.mvsp.backup_", "own.mvsp.own_planets"]
    assert definition.version == "4.1.0"
    text = str(result.report)
    for told in (
        "Version 4.1.0 is newer or other",
        "9.1 Backup: a control that is not known here",
        "'licence': no such field is known.",
        "9.1: the field 'note'.",
    ):
        assert told in text


def test_groups_of_like_names_stay_apart() -> None:
    definition, _ = imported(
        file(control("1.1", "Logging", group="A b"), control("1.2", "Training", group="A-B"))
    )
    assert [section.key for section in definition.sections] == ["a_b", "a_b_"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "one JSON object"),
        (b'{"id": "mvsp", "id": "mvsp", "controls": []}', "id stands twice"),
        (json.dumps({"id": "other", "controls": []}).encode(), "not an MVSP version"),
        (json.dumps({"id": "mvsp"}).encode(), "not an MVSP version"),
        (file(control("1.1", "Logging"), version=""), "version: must be numbers"),
        (file(control("1.1", "Logging"), version=1.0), "version: must be numbers"),
        (file(control("1.1", "Logging"), version="1.0.0.0"), "version: must be numbers"),
        (file(control("1.1", "Logging"), version="new"), "version: must be numbers"),
        (file(), "controls: must be a list"),
        (json.dumps({"id": "mvsp", "version": "1.0", "controls": {}}).encode(), "controls: must be a list"),
        (file(*([control("1.1", "x")] * (MAX_CONTROLS + 1))), "more than 200"),
        (file("x"), "control 1: must be an object"),
        (file(control("1.1", "Logging", text="")), "control 1: text must be a text"),
        (file(control("1.1", "Logging") | {"title": 5}), "control 1: title must be a text"),
        (file(control("1.1", "Logging", text="x" * 9000)), "more than 8,000 characters"),
        (file(control("one", "Logging")), "ref must be a number"),
        (file(control("1.1", "Logging"), control("1.1", "Training")), "1.1 stands twice"),
        (file(control("1.1", "Logging"), control("1.2", "LOGGING")), "mean the same"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(data: bytes, told: str) -> None:
    with pytest.raises(MvspError, match=told):
        read_mvsp(data)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("One line", "One line"),
        ("* a\n* b", "- a\n- b"),
        ("Keep:\n\n  * a\n  ** b", "Keep:\n- a\n  - b"),
        ("* long line\n    goes on", "- long line goes on"),
        ("* a\n\n====\n*Example:* +\nlike so\n====", "- a\n\nExample:\nlike so"),
        ("see https://example.com[the page] and https://example.org[]", "see the page (https://example.com) and "
         "https://example.org"),
        ("[.small]#not **so** `big`#", "not so big"),
    ],
)  # fmt: skip
def test_asciidoc_becomes_plain(text: str, plain: str) -> None:
    assert plain_asciidoc(text) == plain


@given(st.text(alphabet="*[]#`=- .htps:/ab\n", max_size=200))
def test_any_text_ends_as_plain_text(text: str) -> None:
    assert "`" not in plain_asciidoc(text)


def test_hostile_texts_are_read_in_time() -> None:
    begun = time.perf_counter()
    for piece in ("*", "[.a]#", "http://", "* ", "`", "=====\n", "https://a["):
        plain_asciidoc((piece * 8000)[:8000])
    assert time.perf_counter() - begun < 2


ASCIIDOC = """\
:compat-mode!:
Minimum Viable Secure Product
=============================
v0.9.3, 2021-09-06

| 9.9 Not in the table

[cols="2,6a"]
|===
2+<h| 1 Business
h| Control
h| Description

| 1.8 Data sanitization
| Do it well

2+<h| 2 Design
h| Control

| 2.3 Content Security Policy
| Do it well

| 2.8 Backup and Disaster recovery
| * Keep copies
  * Try them

| 2.9 Encryption
| Encrypt stored data
|===

| 9.8 Not in the table either
"""


def test_the_published_text_is_read_like_its_json() -> None:
    definition, result = imported(ASCIIDOC.encode())
    assert definition == imported(file(*OLD))[0]
    assert any("calls itself 0.9.3; it was published as 1.0.0" in line for line in result.report.lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ASCIIDOC.replace("v0.9.3", "Alpha"), "version: must be numbers"),
        (ASCIIDOC.partition("|===")[0], "controls: must be a list"),
        (ASCIIDOC.replace("| Encrypt stored data\n", ""), "control 4: text must be a text"),
        (ASCIIDOC.replace("2+<h| 1 Business\n", ""), "control 1: group must be a text"),
        (ASCIIDOC + "x" * (1 << 20), "larger than 1 MB"),
    ],
)
def test_a_text_that_cannot_be_imported_says_why(text: str, told: str) -> None:
    with pytest.raises(MvspError, match=told):
        read_mvsp(text.encode())


def test_published_texts_and_their_json_agree() -> None:
    texts = ("mvsp-v1.0-20211007.en.asciidoc", "mvsp-v2.0-20221012.en.asciidoc", "mvsp.en.asciidoc")
    for version, name in zip(VERSIONS, texts, strict=False):
        assert (
            read_mvsp((published("mvsp") / name).read_bytes()).definition_json
            == read_mvsp(text_of(version)).definition_json
        )


def text_of(version: str) -> bytes:
    return (published("mvsp") / f"mvsp_v{version}.json").read_bytes()


def moves(old: str, new: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((published("mvsp") / "migration_map.json").read_text())[
        "migrations"
    ][f"{old}->{new}"]
    return found


def test_every_published_control_is_known() -> None:
    for version in VERSIONS:
        definition, result = imported(text_of(version))
        assert definition.version == f"{version}.0"
        assert len(definition.questions) == (24 if version == "1.0" else 25)
        assert not [line for line in result.report.lines if "not known" in line and "earns" not in line]
        assert result.report.lines[-1].strip() == "nothing"
        assert all(
            question.help and "====" not in question.help for question in definition.questions.values()
        )


def test_published_controls_move_as_the_migration_map_says() -> None:
    for old, new in pairwise(VERSIONS):
        before, after = imported(text_of(old))[0], imported(text_of(new))[0]
        assert [str(fault) for fault in check(after, previous=before, shipped=[before])] == []
        was = {number: key for key, number in numbers(before).items()}
        now = {number: key for key, number in numbers(after).items()}
        for move in moves(old, new):
            key = now[move["to"]]
            assert key not in before.questions if move["from"] is None else key == was[move["from"]]
            if "unchanged" in move["change"]:
                assert before.questions[key].revision == after.questions[key].revision
                assert words(before.questions[key].help) == words(after.questions[key].help)


def test_a_backup_answer_never_meets_the_encryption_question() -> None:
    for old, new in pairwise(VERSIONS):
        before, after = imported(text_of(old))[0], imported(text_of(new))[0]
        carried = {
            key
            for key, question in after.questions.items()
            if key in before.questions and before.questions[key].revision == question.revision
        }
        assert "own.mvsp.backup" in carried
        for key in carried:
            titles = {
                title for meaning in MEANINGS if f"own.mvsp.{meaning.key}" == key for title in meaning.titles
            }
            for definition in (before, after):
                assert any(f"“{title}”" in definition.questions[key].text for title in titles)
