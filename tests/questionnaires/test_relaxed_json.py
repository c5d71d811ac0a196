"""The reader of hand-written JSON and of HTML in its texts: what it takes, what it refuses, and how long it takes."""

from __future__ import annotations

import time

import pytest

from questionnaires.interchange.markup import MAX_TEXT, one_line, plain
from questionnaires.interchange.relaxed_json import MAX_DEPTH, RelaxedJsonError, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "b": [true, false, null, -3]}', {"a": 1, "b": [True, False, None, -3]}),
        ('// head\n{"a": /* inside */ "x" // behind\n}', {"a": "x"}),
        ('["a" + "b" +\n  "c", "d"]', ["abc", "d"]),
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        (r'"a // \"b\" \u00e9\n"', 'a // "b" é\n'),
        ('\ufeff["text"]', ["text"]),
        ("[]", []),
        ("{}", {}),
    ],
)
def test_reads(text: str, value: object) -> None:
    assert read(text.encode()).value == value


def test_keeps_the_notice_at_the_head() -> None:
    found = read(b"\n// Copyright 2016 Somebody\n//\n/* Licensed */\n[1] // not this")
    assert found.notice == "Copyright 2016 Somebody Licensed"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 0, "empty"),
        ("// nothing", 0, "empty"),
        ('{"a": 1,\n "a": 2}', 2, "'a' stands twice"),
        ("[1 2]", 1, "a comma or ]"),
        ('{"a" 1}', 1, "a colon"),
        ("{a: 1}", 1, "a name in double quotes"),
        ('["a" + 1]', 1, "only texts"),
        ('["a\n"]', 1, "not closed on its line"),
        (r'["\x41"]', 1, "wrong escape"),
        ("['a']", 1, "is expected here"),
        ("[1.5]", 1, "is expected here"),
        ("[1e9]", 1, "is expected here"),
        ("[" + "9" * 20 + "]", 1, "is expected here"),
        ("[NaN]", 1, "is expected here"),
        ("\n/* open", 2, "never closed"),
        ("[1] [2]", 1, "something follows"),
        ('{"a":', 1, "ends in the middle"),
        ("\n" + "[" * (MAX_DEPTH + 1), 2, "brackets are open"),
    ],
)
def test_refuses_with_the_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(RelaxedJsonError) as caught:
        read(text.encode())
    assert caught.value.line == line
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 900_000,
        b"/*" + b"*" * 900_000,
        b"//" * 450_000,
        b'"' + b"\\" * 900_001,
        b'"a"+' * 200_000,
        b"[" + b"1," * 400_000 + b"]",
        b'{"a":' * 150_000,
        b"x" * 2_000_000,
        b"\xff\xfe[",
        b" " * 1_000_000,
    ],
    ids=range(10),
)
def test_hostile_input_ends_soon_and_clearly(data: bytes) -> None:
    start = time.process_time()
    with pytest.raises(RelaxedJsonError):
        read(data)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("a &lt;b&gt; &mdash; c &amp; d", "a <b> — c & d"),
        ("<p>One.</p><p>Two<br>three</p>", "One.\n\nTwo\nthree"),
        ("Do:<ul><li>this</li><li><b>that</b></li></ul><p>Then go.</p>", "Do:\n- this\n- that\n\nThen go."),
        ("<a href='https://x.example/?a=1&amp;b=2'>here</a>.", "here (https://x.example/?a=1&b=2)."),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example"),
        ("<a href='javascript:alert(1)'>x</a>", "x"),
        ("<a name=x>anchor</a></a>", "anchor"),
        ("a<script>alert('<b>')</script>b<style>p{}</style>c", "abc"),
        ("a <!-- never --> b", "a b"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("x\0y\ud800z\x1b", "xyz"),
        ("e\u0301", "é"),
        ("<script>open", ""),
    ],
)
def test_markup_becomes_plain_text(html: str, text: str) -> None:
    assert plain(html) == text


def test_one_line() -> None:
    assert one_line("<p>One</p><p>two</p>") == "One two"


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", '<a href="', "&", "<li>", "<a>", "\n "])
def test_markup_of_any_kind_ends_soon(piece: str) -> None:
    start = time.process_time()
    plain((piece * MAX_TEXT)[:MAX_TEXT])
    assert time.process_time() - start < 1
