"""diff, carry and what-if on the command line: what they print, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_definitions import data, document, number, question

from questionnaires import catalog
from questionnaires.__main__ import main

SAMPLES = Path(catalog.CONTENT) / catalog.SAMPLES


def run(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return int(stopped.code or 0)


def written(path: Path, raw: dict[str, Any]) -> Path:
    path.write_bytes(data(raw))
    return path


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two versions: one question renamed, one retired, one added."""
    old = document(question("a.one"), question("a.two", weight=30))
    new = document(
        question("a.first", text="What about a.one?", formerly=["a.one@1"]),
        question("a.new"),
        version="2.0.0",
    )
    return written(tmp_path / "old.json", old), written(tmp_path / "new.json", new)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    raw = {
        "questionnaire": {"slug": "tiny", "version": "1.0.0"},
        "as_of": "2026-11-21",
        "answers": {
            "a.one": {
                "state": "answered",
                "value": "yes",
                "evidence": [{"kind": "report", "expires": "2026-12-31"}],
            },
            "a.two": {"state": "answered", "value": "no"},
        },
    }
    return written(tmp_path / "answers.json", raw)


def test_diff(two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", *two) == 0
    assert capsys.readouterr() == (
        "tiny@1.0.0 to tiny@2.0.0\n"
        "1 added, 1 retired, 0 kept, 1 renamed, 0 changed\n"
        "a.first renamed (was a.one); share 25.00 % to 50.00 %\n"
        "a.two retired; share 75.00 % to none\n"
        "a.new added; share none to 50.00 %\n"
        "A next version would be 2.0.0. Question renamed, rules that name it must follow: a.one to a.first. "
        "Question retired: a.two.\n",
        "",
    )


def test_diff_names_edits_sections_and_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = written(tmp_path / "old.json", document())
    sections = [{"key": "a", "title": "Other", "questions": [question(weight=5)]}]
    sections.append({"key": "b", "title": "B", "questions": [question("b.one")]})
    new = written(tmp_path / "new.json", document(version="2.0.0", title="Other", sections=sections))
    assert run("diff", old, new) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[2:6] == [
        "header title differs",
        "section a kept: title",
        "section b added",
        "a.one kept: scoring; share 100.00 % to 50.00 %",
    ]
    assert run("diff", old, old) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_diff_shows_texts_word_by_word_and_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(text: str, **labels: str) -> dict[str, Any]:
        options = [{"value": value, "label": label, "points": 0} for value, label in labels.items()]
        return question(text=text, help="", options=options)

    old = document(asked("Is it\nlocked at night?", yes="Yes", no="No", other="Other"))
    new = document(
        asked("Is it locked each night?", yes="Yes, always", no="No", maybe="Maybe"), version="2.0.0"
    )
    assert run("diff", written(tmp_path / "old.json", old), written(tmp_path / "new.json", new)) == 0
    assert capsys.readouterr().out.splitlines()[2:7] == [
        "a.one kept: text, options; share 100.00 % to 100.00 %",
        "  text: Is it locked [-at-] {+each+} night?",
        "  option yes: [-Yes-] {+Yes, always+}",
        "  option maybe added: Maybe",
        "  option other retired: Other",
    ]


def test_diff_as_json(two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", *two, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["from"], found["to"]) == ("tiny@1.0.0", "tiny@2.0.0")
    assert found.keys() == {"from", "to", "questions"}
    fields = {"key", "fate", "edits", "was", "share_before", "share_after"}
    assert all(one.keys() == fields for one in found["questions"])
    assert [(one["key"], one["fate"], one["was"]) for one in found["questions"]] == [
        ("a.first", "renamed", "a.one"),
        ("a.two", "retired", None),
        ("a.new", "added", None),
    ]


def test_diff_follows_shipped_versions_between(capsys: pytest.CaptureFixture[str]) -> None:
    labels = [f"security_lite@{version}" for version in catalog.versions("security_lite")]
    assert run("diff", labels[0], labels[-1]) == 0
    assert capsys.readouterr().out.startswith(f"{labels[0]} to {labels[-1]}\n")


def test_carry(two: tuple[Path, Path], answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("carry", *two, answers) == 0
    assert capsys.readouterr().out == (
        "From tiny@1.0.0 to tiny@2.0.0: 1 to confirm by section, 0 one by one, 1 to answer anew.\n"
        "section a.first (was a.one): The question asks the same as before.\n"
        "refused a.new: This question is new.\n"
    )
    assert run("carry", *two, answers, "--due", "2027-01-01") == 0
    assert "as before. 1 document(s) no longer hold.\n" in capsys.readouterr().out
    assert run("carry", *two, answers, "--due", "soon") == 1
    assert capsys.readouterr() == ("", "soon: due: is no date such as 2026-11-21\n")
    assert run("carry", two[1], two[0], answers) == 1
    assert "questionnaire: These answers are not for tiny@2.0.0" in capsys.readouterr().err


def test_what_if(two: tuple[Path, Path], answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("what-if", two[1], answers, "--with", two[0]) == 0
    assert capsys.readouterr().out == (
        f"{answers}: cannot tell: 25.0 (bad) before, 50.0 to 100.0 (bad to good) after\n"
        "  1 to answer, 0 to review anew\n"
        "cannot tell: 1\n"
    )
    assert run("what-if", two[0], answers) == 0
    assert capsys.readouterr().out.endswith("the same: 1\n")


def test_what_if_over_shipped_versions(capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(SAMPLES.glob("*.json"))
    assert run("what-if", "security_lite@1.0.0", *files) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed if line.startswith("/")] == list(map(str, files))
    # The short questionnaire asks less, so requirements lose what decided them.
    assert any(line.startswith("  requirement ") for line in printed)


def test_what_if_tells_of_knock_outs(
    tmp_path: Path, answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "one.json", document(question("a.one"), question("a.two")))
    strict = document(question("a.one"), question("a.two", critical=True), version="2.0.0")
    assert run("what-if", written(tmp_path / "strict.json", strict), answers, "--with", old) == 0
    assert "  knock-out a.two: none before, failed after\n" in capsys.readouterr().out
    plain = number("a.one", weight=0)
    unscored = document(plain, version="2.0.0", bands=None, knockout_band=None)
    assert run("what-if", written(tmp_path / "plain.json", unscored), answers, "--with", old) == 0
    assert "50.0 (bad) before, not assessed after" in capsys.readouterr().out


def test_every_answers_file_at_fault_is_told(
    tmp_path: Path, two: tuple[Path, Path], answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = written(tmp_path / "odd.json", {"questionnaire": "tiny"})
    torn = tmp_path / "torn.json"
    torn.write_text("{")
    assert run("what-if", two[1], answers, odd, torn) == 1
    printed, complained = capsys.readouterr()
    assert printed == ""
    assert complained.splitlines() == [
        f"{answers}: questionnaire: tiny@1.0.0: no shipped questionnaire is called that; give its PATH by --with",
        f"{odd}: questionnaire: is missing: no shipped questionnaire is called that; give its PATH by --with",
        f"{torn}: line 1, column 2: is not valid JSON: Expecting property name enclosed in double quotes",
    ]


@pytest.mark.parametrize("arguments", [("diff", "x"), ("carry", "x", "y"), ("what-if", "x")])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == 2
