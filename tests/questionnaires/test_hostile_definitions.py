"""Hostile definitions end in clear errors, all faults listed, in seconds, and never in a traceback."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_definitions import (
    TOML_HEADER,
    TOML_SECTION,
    YES_NO,
    data,
    document,
    errors,
    folder,
    gate,
    question,
)

from questionnaires.checking import check
from questionnaires.parsing import read, read_json


@pytest.fixture(autouse=True)
def in_seconds() -> Iterator[None]:
    # Of the processor's time: other tests may run beside this one.
    started = time.process_time()
    yield
    assert time.process_time() - started < 5


def everything(raw: bytes) -> list[str]:
    """All faults of JSON bytes, as check lists them."""
    draft = read_json(raw, "x.json")
    found = list(draft.faults)
    if draft.definition is not None:
        found += check(draft.definition, spoilt=draft.spoilt)
    assert all(str(fault).isprintable() for fault in found)
    return [str(fault) for fault in found]


def toml(path: Path, section: str | bytes) -> list[str]:
    return [str(fault).replace(f"{path}/", "") for fault in read(folder(path, s=section)).faults]


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ("a = 1\n" * 2_000_000, "s.toml: file: is larger than 1 MB"),
        ("x = " + "[" * 10_000, "s.toml: line 1: more than 20 brackets are open at once"),
        ("x = " + "{a = " * 10_000, "s.toml: line 1: more than 20 brackets are open at once"),
        ("\n" + "a." * 10_000 + "b = 1", "s.toml: line 2: a key has more than 10 parts"),
        ("[" + "a." * 400_000 + "a]", "s.toml: line 1: a key has more than 10 parts"),
        ('["x"' + '."x"' * 100_000 + "]", "s.toml: line 1: a key has more than 10 parts"),
        ("key = 1\nkey = 2\n", "s.toml: line 2, column 8: is not valid TOML: Cannot overwrite a value (the same"),
        ("[a]\n[a]", "(the same key or table stands twice)"),
        ("x = " + "1" * 5000, "s.toml: file: holds a number of more than 4,300 digits"),
        (b"\xef\xbb\xbfkey = 'a'", "s.toml: line 1: begins with a byte order mark; save it as UTF-8 without one"),
        ("key = 'a'".encode("utf-16"), "s.toml: line 1: begins with a byte order mark"),
        (b"key = 'a'\ntitle = '\xff'", "s.toml: line 2: is not UTF-8 text"),
        (b"key = '\xed\xa0\x80'", "s.toml: line 1: is not UTF-8 text"),
        ("key = 'a\0'", "s.toml: line 1: holds the character U+0000"),
        ("key = 'a'\rtitle = 'b'", "s.toml: line 1, column"),
        ("key = 'a\x07'", "s.toml: line 1, column"),
        ('key = "\\ud800"', "s.toml: line 1, column"),
        ('title = """\n' + '\\"""' * 200_000, "is not valid TOML"),
        ("'" * 900_001, "is not valid TOML"),
        ('"' * 900_001, "is not valid TOML"),
        ("#" * 900_000 + "\n]", "is not valid TOML"),
    ],
    ids=range(21),
)  # fmt: skip
def test_toml_that_no_parser_should_see(tmp_path: Path, section: str | bytes, fault: str) -> None:
    found = toml(tmp_path, section)
    assert any(fault in one for one in found), found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            "revision = 2026-01-01",
            "a.one: revision: must be a whole number from 1 to 1,000,000, not the TOML date",
        ),
        (
            "help = 2026-01-01T10:00:00Z",
            "a.one: help: must be text in quotes, not a TOML date; put it in quotes",
        ),
        ("not_before = 10:00:00", "a.one: not_before: must be a date"),
        ("weight = nan", "a.one: weight: must be a whole number from 0 to 100, not nan"),
        ("weight = -inf", "a.one: weight: must be a whole number from 0 to 100, not -inf"),
        ("weight = 1e300", "a.one: weight: must be a whole number from 0 to 100, not 1e300"),
        (f"weight = {'9' * 4000}", "not a number of more than 15 digits"),
        (f"weight = 0x{'f' * 900_000}", "not a number of more than 15 digits"),
        ('help = "\\u0000"', "a.one: help: holds the control character U+0000"),
        ('help = "\\u001b[31m"', "a.one: help: holds the control character U+001B"),
        ('"\\u001b[31m\\n" = 1', 'a.one: "\\x1b[31m\\n": no such field'),
        ("a.b.c = 1", "a.one: a: no such field"),
    ],
    ids=range(12),
)
def test_toml_values_that_no_field_takes(tmp_path: Path, line: str, fault: str) -> None:
    found = toml(tmp_path, TOML_SECTION + line + "\n")
    assert len(found) == 1
    assert fault in found[0]


def test_ten_megabytes_of_files(tmp_path: Path) -> None:
    megabyte = TOML_SECTION + f"help = '''{'x' * 1_000_000}'''\n"
    path = folder(tmp_path, **{f"s{n}": megabyte for n in range(10)})
    found = [str(fault) for fault in read(path).faults]
    assert any("with this file the questionnaire is larger than 4 MB" in one for one in found)
    assert any("a.one: help: has 1,000,000 characters; at most 8,000 are allowed" in one for one in found)


def test_a_hundred_thousand_questions(tmp_path: Path) -> None:
    found = everything(data(document(*({} for _ in range(100_000)))))
    assert any(
        "a: questions: has 100,000 entries; a questionnaire has at most 2,000 questions, the rest was not"
        in one
        for one in found
    )
    assert "x.json: question 2000 of a: text: is missing" in found
    many = "".join(f"[[question]]\nkey='a{n}'\n" for n in range(30_000))
    path = folder(tmp_path, **{f"s{n}": f"key='s{n}'\n{many}" for n in range(4)})
    assert sum("at most 2,000 questions" in str(fault) for fault in read(path).faults) == 4


def test_a_thousand_files(tmp_path: Path) -> None:
    path = folder(tmp_path, **{f"s{n}": "" for n in range(1000)})
    found = [str(fault) for fault in read(path).faults]
    assert f"{path}: sections: holds 1,000 sections; at most 100 are allowed, the rest was not read" in found
    assert f"{path}/s0.toml: section in s0.toml: key: is missing" in found


def test_a_scale_that_grows_when_it_is_expanded(tmp_path: Path) -> None:
    options = ", ".join(f"{{value = 'v{n}', label = '{'x' * 900}'}}" for n in range(100))
    header = TOML_HEADER + f"\n[scale]\nwide = [{options}]\n"
    asked = "".join(
        f"[[question]]\nkey = 'a.q{n}'\ntext = 'x'\ntype = 'choice'\nweight = 0\noptions = 'wide'\n"
        for n in range(100)
    )
    path = folder(tmp_path, header, s=f"key = 'a'\ntitle = 'x'\n{asked}")
    assert [str(fault) for fault in read(path).faults] == [
        f"{path}/questionnaire.toml: size: the questionnaire, its scales expanded, is larger than 4 MB"
    ]


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"[" * 10_000, "x.json: line 1: more than 20 brackets are open at once"),
        (b'{"a":' * 10_000, "x.json: line 1: more than 20 brackets are open at once"),
        (b'{"a":"' + b"x" * (10 << 20) + b'"}', "x.json: file: is larger than 4 MB"),
        (b"", "x.json: line 1, column 1: is not valid JSON"),
        (b"[]", "x.json: file: must hold one JSON object"),
        (b"null", "x.json: file: must hold one JSON object"),
        (b'{"a": 1,}', "is not valid JSON"),
        (b"{'a': 1}", "is not valid JSON"),
        (b'{"a": "\n"}', "x.json: line 1, column 8: is not valid JSON: Invalid control character at"),
        (b'{"a": "\xff"}', "x.json: line 1: is not UTF-8 text"),
        (b"\xef\xbb\xbf{}", "x.json: line 1: begins with a byte order mark"),
        ('{"a": 1}'.encode("utf-16-le"), "x.json: line 1: holds the character U+0000"),
        (b'{"a": ' + b'"\\"' * 300_000, "is not valid JSON"),
        (b'{"a": 1' + b"0" * 1_000_000, "is not valid JSON"),
    ],
    ids=range(14),
)  # fmt: skip
def test_json_that_no_parser_should_see(raw: bytes, fault: str) -> None:
    found = everything(raw)
    assert len(found) == 1
    assert fault in found[0]


def test_names_that_stand_twice_in_json() -> None:
    text = data(document()).decode()
    text = text.replace('"slug": "tiny"', '"slug": "tiny", "slug": "other", "title": "x"')
    text = text.replace('"key": "a.one"', '"key": "a.one", "weight": 1, "weight": 2, "weight": 3')
    text = text.replace('"points": 100', '"points": 100, "points": 100')
    assert everything(text.encode()) == [
        "x.json: a.one: option 1, points: stands twice",
        "x.json: a.one: weight: stands twice",
        "x.json: slug: stands twice",
        "x.json: title: stands twice",
    ]


@pytest.mark.parametrize(
    "number",
    [
        "1" + "0" * 4999,
        "-1",
        "1.0",
        "1e2",
        "NaN",
        "Infinity",
        "-Infinity",
        "9007199254740992",
        "1E400",
        "true",
        "null",
    ],
)
def test_json_numbers_that_no_field_takes(number: str) -> None:
    text = data(document(question(weight=12345678))).decode().replace("12345678", number)
    found = everything(text.encode())
    assert len(found) == 1
    assert found[0].startswith("x.json: a.one: weight: must ")


def test_a_hundred_thousand_unknown_fields() -> None:
    raw = document(question())
    raw.update({f"x{n}": 1 for n in range(100_000)})
    found = everything(data(raw))
    assert len(found) == 100_000
    assert found[0] == "x.json: x0: no such field"


TRICKS = [
    "__import__('os').system('true')",
    "a.gate.__class__ == 'x'",
    "(lambda: 1)()",
    "[x for x in a.gate]",
    "a.gate == f'{1}'",
    "a.gate == b'yes'",
    "a.gate == 'yes' if 1 else 2",
    "a.gate := 'yes'",
    "(a := 'yes') == 'yes'",
    "a.gate[0] == 'yes'",
    "a.gate == 'y' 'es'",
    "a.gate == 'yes'; a.gate",
    "a.gate == 'yes' # comment",
    "a.gate == 'yes' == 'yes'",
    "a.gate is 'yes'",
    "await a.gate",
    "yield",
    "*a",
    "9**9**9**9 == a.gate",
    "a.gate == '\\N{BULLET}'",
    "a.gate == 1e999",
    "a.gate == 0x10",
    "a.gate == ...",
    "answered(*a)",
    "answered(a.gate, **{})",
    "answered(answered(a.gate))",
    "within(a.gate, 10**9)",
    "True",
    "",
    " ",
    "\n",
    "a.gate == \u201cyes\u201d",
    "\u0430.gate == 'yes'",
    "a.gate == 'yes'\0",
    "a.gate == 'yes' and " * 90 + "1",
    "not " * 300 + "answered(a.gate)",
    "(" * 300 + "answered(a.gate)" + ")" * 300,
    "-" * 300 + "1 == a.gate",
    "answered(a.gate) or " * 60_000 + "answered(a.gate)",
    "a" + ".a" * 900 + " == 'x'",
    "'" + "x" * 1_000_000 + "' in a.gate",
    "a.gate == '\u00e9' and a.gate < 72.3",
    "a.gate == '\U0001f600' and age_months(a.gate) < 3",
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
def test_tricks_in_conditions(trick: str) -> None:
    found = errors(document(gate(), question(visible_when=trick)))
    assert found
    assert {key for key, _ in found} == {"a.one"}
    assert all(message.startswith("visible_when: ") and len(message) < 2000 for _, message in found)


def test_links_and_odd_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(TOML_SECTION)
    path = folder(tmp_path / "tiny")
    (path / "s1.toml").symlink_to(secret)
    (path / "s2.toml").mkdir()
    os.mkfifo(path / "s3.toml")
    (path / "s4.toml").symlink_to(path / "gone")
    assert [str(fault).replace(f"{path}/", "") for fault in read(path).faults] == [
        "s1.toml: file: this is a symbolic link; put the file itself here",
        "s2.toml: file: this is not a plain file",
        "s3.toml: file: this is not a plain file",
        "s4.toml: file: this is a symbolic link; put the file itself here",
    ]
    (tmp_path / "linked").symlink_to(path)
    assert "this is a symbolic link" in str(read(tmp_path / "linked").faults[0])
    (tmp_path / "linked.json").symlink_to(secret)
    assert "this is a symbolic link" in str(read(tmp_path / "linked.json").faults[0])


def test_names_of_files_that_cannot_be_shown(tmp_path: Path) -> None:
    path = folder(tmp_path / "tiny")
    (path / "bad\n\x1b[31m.toml").write_text("x = 1")
    os.close(os.open(os.fsencode(path) + b"/\xff.toml", os.O_CREAT | os.O_WRONLY))
    for fault in read(path).faults:
        assert str(fault).isprintable()


def test_a_folder_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(TOML_SECTION.replace("What about a.one?", ""))
    assert [str(fault).replace(f"{tmp_path}/", "") for fault in read(tmp_path).faults] == [
        "questionnaire.toml: file: cannot be opened: No such file or directory",
        "s.toml: a.one: text: is empty",
    ]


def test_two_thousand_questions_in_one_chain() -> None:
    chain = [gate("a.q0"), *(gate(f"a.q{n}", visible_when=f"answered(a.q{n - 1})") for n in range(1, 2000))]
    # Nobody can say within a second whether the last of them is ever reached; that is told.
    assert [fault.partition(" questions")[0][:29] for fault in everything(data(document(*chain)))] == [
        "x.json: sections: warning: 16"
    ]
    chain[0] = gate("a.q0", visible_when="answered(a.q1999)")
    found = everything(data(document(*chain)))
    assert len(found) == 1
    assert "a.q0: visible_when: goes in a circle: a.q0 -> a.q1999 -> a.q1998" in found[0]


def test_two_thousand_questions_that_all_hang_on_each_other() -> None:
    many = [
        gate(f"a.q{n}", visible_when=" and ".join(f"answered(a.q{(n * 7 + k) % 2000})" for k in range(12)))
        for n in range(2000)
    ]
    assert any("goes in a circle" in one for one in everything(data(document(*many))))


def test_megabytes_of_conditions() -> None:
    long = " or ".join(["answered(a.one)"] * 100)
    found = everything(data(document(*(gate(f"a.q{n}", visible_when=long) for n in range(1000)))))
    assert sum("conditions have at most 500,000 characters in all" in one for one in found) == 1


values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["a.one", "choice", "low"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "key", "text", "type", "options", "combine", "points_when", "weight", "critical", "minimum", "visible_when",
    "required", "required_when", "evidence", "finding", "refs", "columns", "at_least", "not_before", "formerly",
]  # fmt: skip
HEADERS = ["format", "slug", "version", "bands", "caps", "sections", "knockout_band", "title", "purpose"]


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), values),
    st.dictionaries(st.sampled_from(HEADERS), values, max_size=2),
)
def test_any_value_in_any_field_is_read_or_refused(fields: dict[str, Any], header: dict[str, Any]) -> None:
    raw = document({**question(), **fields}, gate())
    raw.update(header)
    everything(json.dumps(raw).encode())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    assert everything(raw)


def test_options_beyond_the_limit_are_told_of_once() -> None:
    found = everything(
        data(document(question(options=[dict(YES_NO[0], value=f"v{n}") for n in range(50_000)])))
    )
    assert len(found) == 1
    assert "options: has 50,000 entries; at most 100 are allowed" in found[0]
