"""The command line: what each command prints, and the three exit codes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_definitions import TOML_SECTION, YES_NO, data, definition, document, folder, gate, question

from questionnaires import catalog
from questionnaires.__main__ import main

ROOT = Path(catalog.__file__).resolve().parent.parent
SHIPPED = catalog.shipped()[-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return folder(tmp_path / "tiny")


def run(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return int(stopped.code or 0)


def write(path: Path, raw: dict[str, Any]) -> Path:
    path.write_bytes(data(raw))
    return path


def answers(path: Path, values: dict[str, Any], **more: Any) -> Path:
    raw = {
        "questionnaire": {"slug": "tiny", "version": "1.0.0"},
        "as_of": "2026-11-21",
        "answers": {key: {"state": "answered", "value": value} for key, value in values.items()},
        **more,
    }
    return write(path, raw)


def test_check_says_that_a_definition_is_sound(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", path) == 0
    assert capsys.readouterr() == (f"{path}: tiny@1.0.0 is sound, with 1 questions\n", "")


def test_check_lists_every_fault_of_every_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = folder(tmp_path / "one", s0=TOML_SECTION + "weight = 101\nvisible_when = 'answered(a.gone)'\n")
    two = write(tmp_path / "two.json", document(question(text="")))
    assert run("check", one, two, tmp_path / "gone", "gone@1.0.0") == 1
    printed, complained = capsys.readouterr()
    assert printed == ""
    assert sorted(complained.splitlines()) == sorted(
        [
            f"{one}/s0.toml: a.one: weight: must be a whole number from 0 to 100, not 101",
            f"{one}/s0.toml: a.one: visible_when: a.gone: there is no such question or fact",
            f"{two}: a.one: text: is empty",
            f"{tmp_path}/gone: file: cannot be opened: No such file or directory",
            "gone@1.0.0: slug: no shipped questionnaire is called gone@1.0.0",
        ]
    )


def test_warnings_are_errors_when_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = write(tmp_path / "x.json", document(question("a.two"), question(visible_when='a.two == "yes"')))
    assert run("check", found) == 0
    printed, complained = capsys.readouterr()
    assert "is sound" in printed
    assert complained.startswith(f"{found}: a.one: warning: visible_when: scored, yet hidden by")
    assert run("check", "--strict", found) == 1
    assert "is sound" not in capsys.readouterr().out


def test_check_compares_with_the_version_before_that_is_given_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write(tmp_path / "old.json", document(question(revision=2)))
    new = write(tmp_path / "new.json", document(question(), version="1.0.1"))
    assert run("check", old, new) == 1
    assert capsys.readouterr().err == (f"{new}: a.one: revision: falls to 1; it was 2 in tiny@1.0.0\n")


def test_check_compares_with_what_is_shipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = catalog.get(SHIPPED)
    key, old = next(iter(shipped.questions.items()))
    text = "Something else altogether: when was the moon last seen from your roof?"
    raw = document(
        gate(key, text=text, revision=old.revision), slug=shipped.slug, version="99.0.0", bands=None
    )
    assert run("check", write(tmp_path / "x.json", {**raw, "knockout_band": "x"})) == 1
    assert f"{key}: " in capsys.readouterr().err


def test_all_shipped_questionnaires_are_sound_and_strict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--strict", *catalog.shipped()) == 0
    assert capsys.readouterr().err == ""


def test_hash(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("hash", path) == 0
    assert run("hash", write(tmp_path / "x.json", document())) == 0
    assert run("hash", SHIPPED) == 0
    expected = [definition().content_hash] * 2 + [catalog.get(SHIPPED).content_hash]
    assert capsys.readouterr().out.split() == expected


def test_show_has_every_text_and_no_toml(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", SHIPPED) == 0
    page = " ".join(capsys.readouterr().out.split())
    shipped = catalog.get(SHIPPED)
    for text in (shipped.title, shipped.summary, *(section.title for section in shipped.sections)):
        assert " ".join(text.split()) in page
    for one in shipped.questions.values():
        for text in (
            one.text,
            *(option.label for option in one.options),
            *(rule.text for rule in one.findings),
        ):
            assert " ".join(text.split()) in page
    assert "visible_when" not in page


def test_score(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = answers(tmp_path / "answers.json", {"a.one": "no"})
    assert run("score", path, given) == 0
    assert "Score 0.0 to 0.0: Bad, at best Bad." in capsys.readouterr().out
    assert run("score", path, given, "--json") == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["score"] == {"num": "0", "den": "1"}
    assert printed == json.dumps(json.loads(printed), sort_keys=True, separators=(",", ":")) + "\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"as_of": "2026-11-21"}', "questionnaire: "),
        ('{"answers": {"a.one": {}, "a.one": {}}}', "answers a.one: stands twice"),
        ('{"answers": ', "line 1, column 13: is not valid JSON"),
        ("[" * 100_000, "line 1: more than 20 brackets are open at once"),
        ("7", "file: must hold one JSON object"),
    ],
)
def test_answers_that_cannot_be_read(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, fault: str
) -> None:
    given = tmp_path / "answers.json"
    given.write_text(text)
    assert run("score", path, given) == 1
    assert f"{given}: {fault}" in capsys.readouterr().err


def test_all_faults_of_answers_are_listed(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = answers(
        tmp_path / "answers.json", {"a.one": "perhaps", "a.two": "yes"}, shown=["a.three"], facts={"x": 1}
    )
    assert run("score", path, given) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 4
    assert all(line.startswith(f"{given}: ") for line in lines)


def test_a_definition_with_faults_is_neither_scored_nor_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = write(tmp_path / "bad.json", document(question(visible_when="answered(a.gone)")))
    given = answers(tmp_path / "answers.json", {})
    for arguments in (("score", bad, given), ("show", bad), ("requirements", bad, given)):
        assert run(*arguments) == 1
        assert capsys.readouterr().err == (
            f"{bad}: a.one: visible_when: a.gone: there is no such question or fact\n"
        )


def test_requirements(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = answers(tmp_path / "answers.json", {"a.one": "no"}, facts={"organisation.regimes": ["gdpr"]})
    other = write(tmp_path / "other.json", document(question("b.one"), slug="other"))
    more = answers(tmp_path / "more.json", {}, questionnaire={"slug": "other", "version": "1.0.0"})
    assert run("requirements", path, given, "--with", other, more, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"content_hash", "outcomes"}
    assert len(printed["outcomes"]) > 5
    assert run("requirements", path, given) == 0
    assert "Not required: " in capsys.readouterr().out


def test_requirements_refuse_facts_that_contradict_each_other(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = answers(tmp_path / "one.json", {}, facts={"engagement.tier": "high"})
    two = answers(tmp_path / "two.json", {}, facts={"engagement.tier": "low"})
    assert run("requirements", path, one, "--with", path, two) == 1
    assert capsys.readouterr().err == f"{two}: facts: engagement.tier differs from the answers before\n"


VSAQ = {
    "questionnaire": [
        {"type": "block", "text": "Access", "id": "b", "items": [
            {"type": "radiogroup", "text": "Do you use second factors?", "defaultChoice": False, "choices": [
                {"mfa_yes": "Yes"}, {"mfa_no": "No"}]},
            {"type": "tip", "text": "Please do.", "warn": "yes", "severity": "high", "cond": "mfa_no"},
        ]},
    ]
}  # fmt: skip


def test_import_writes_a_folder_that_check_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = write(tmp_path / "My Questions.json", VSAQ)
    out = tmp_path / "out"
    assert run("import", "vsaq", foreign, "--out", out) == 0
    assert "my_questions@1.0.0" in capsys.readouterr().out
    assert run("check", out) == 0
    # Nothing is overwritten.
    assert run("import", "vsaq", foreign, "--out", out) == 1
    assert "cannot be written: File exists" in capsys.readouterr().err


def test_mvsp_brings_slug_and_version_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control = {"ref": "2.8", "title": "Encryption", "group": "Design", "text": "Encrypt it"}
    foreign = write(tmp_path / "old.json", {"id": "mvsp", "version": "2.0", "controls": [control]})
    assert run("import", "mvsp", foreign, "--out", tmp_path / "out") == 0
    assert "mvsp@2.0.0" in capsys.readouterr().out
    assert run("check", tmp_path / "out") == 0
    foreign = write(tmp_path / "bad.json", {"id": "mvsp", "version": "2.0", "controls": []})
    assert run("import", "mvsp", foreign, "--out", tmp_path / "bad") == 1
    assert capsys.readouterr().err.startswith(f"{foreign}: mvsp: controls")


def test_what_import_writes_is_what_it_read(tmp_path: Path) -> None:
    from questionnaires.interchange.toml_folder import write_folder
    from questionnaires.parsing import load, parse_json

    odd = 'quo"te \\ back\tslash\nline \u00e9 \U0001f600 \'\'\' """'
    raw = document(
        gate(text=odd, help=odd),
        question(
            visible_when='a.gate == "yes"', critical=True, refs=["x", 'y"'], options=YES_NO,
            evidence={"kind": "report", "valid_months": 12}, finding=[{"option": "no", "severity": "low", "text": odd}],
        ),
        caps=[{"when": "answered(a.gate)", "band": "bad", "text": odd}],
    )  # fmt: skip
    found = parse_json(data(raw))
    write_folder(found, tmp_path / "out")
    assert load(tmp_path / "out") == found


@pytest.mark.parametrize(
    ("text", "fault"), [("{", "vsaq: "), ("[]", "vsaq: "), ("[" * 5000, "vsaq: "), (None, "file: ")]
)
def test_a_file_that_cannot_be_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, fault: str
) -> None:
    foreign = tmp_path / "x.json"
    if text is not None:
        foreign.write_text(text)
    assert run("import", "vsaq", foreign, "--out", tmp_path / "out") == 1
    assert capsys.readouterr().err.startswith(f"{foreign}: {fault}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["check"],
        ["hash"],
        ["hash", "a", "b"],
        ["score", "x"],
        ["score", "x", "y", "--yaml"],
        ["requirements", "x", "y", "--with", "z"],
        ["import", "csv", "x", "--out", "y"],
        ["import", "vsaq", "x"],
        ["diff", "a"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert capsys.readouterr().err.startswith("usage: python -m questionnaires")


def process(*arguments: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    # -I and -S: nothing installed, nothing from the environment.
    bare = [sys.executable, "-S", "-c", "import sys; sys.path[0] = '.'; import runpy;"
            "sys.argv[0] = 'x'; runpy.run_module('questionnaires', run_name='__main__')"]  # fmt: skip
    return subprocess.run([*bare, *arguments], cwd=ROOT, capture_output=True, timeout=60, check=False, **more)


def test_it_runs_from_a_plain_checkout_with_nothing_installed() -> None:
    done = process("hash", SHIPPED)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().strip() == catalog.get(SHIPPED).content_hash


def test_pages_are_utf_8_whatever_the_terminal_says() -> None:
    done = process("show", SHIPPED, env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 0
    assert catalog.get(SHIPPED).title in done.stdout.decode()


def test_a_reader_that_leaves_early_is_no_error() -> None:
    read, write_end = os.pipe()
    os.close(read)
    with os.fdopen(write_end, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "questionnaires", "show", SHIPPED],
            cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


def test_hash_imports_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys; from questionnaires.__main__ import main; main(['hash', sys.argv[1]]);"
        "print(sorted(name for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, SHIPPED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(ast.literal_eval(done.stdout.splitlines()[1]))
    needless = {"difflib", "textwrap", "shutil", "pathlib", "fractions", "questionnaires.commands"}
    needless |= {"dataclasses", "inspect", "hashlib", "calendar"}
    needless |= {f"questionnaires.{name}" for name in ("scoring", "checking", "facts", "show", "answers")}
    assert loaded & needless == set()
