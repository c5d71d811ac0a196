"""Words are the same in an answer and in what is searched for, whatever the writing; names of firms compare folded."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.portfolio import words
from portal.portfolio.words import asked, ends, finds, firm_key, kept, words_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("We use Azure, in West-Europe.", ["use", "azure", "west", "europe"]),
        ("Ｃａｆé Straße", ["café", "strasse"]),
        ("cafe\u0301", ["café"]),
        ("own_key __x__ a_b", ["own_key", "a_b"]),
        ("東京都", ["東京", "京都"]),
        ("AWS東京 2", ["aws", "東京"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("x" * 60, ["x" * 40]),
        ("a the of \N{RIGHT-TO-LEFT OVERRIDE}!?", []),
    ],
)
def test_words_of_a_text(text: str, found: list[str]) -> None:
    assert list(words_of(text)) == found


def within(wanted: str, word: str) -> bool:
    """Whether the index is read at ``word`` for ``wanted``."""
    found = ends(wanted)
    return word == wanted if found is None else found[0] <= word < found[1]


@given(st.text(max_size=200))
def test_every_word_that_is_kept_is_found_by_itself_and_its_beginnings(text: str) -> None:
    for word in kept([[text]]):
        assert words.SHORTEST <= len(word) <= words.LONGEST
        for length in {len(word), words.PREFIX_FROM}:
            assert finds(word[:length], word) == within(word[:length], word)
        assert finds(word, word)


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_range_of_the_index_holds_exactly_what_a_word_finds(wanted: str, other: str) -> None:
    for one in kept([[wanted]]):
        for word in kept([[other]]):
            assert within(one, word) == finds(one, word)


@given(st.text(max_size=100))
def test_capitals_and_composed_letters_change_nothing(text: str) -> None:
    assert list(words_of(unicodedata.normalize("NFD", text))) == list(
        words_of(unicodedata.normalize("NFC", text))
    )


def test_an_answer_keeps_so_many_words_and_a_search_asks_for_so_many() -> None:
    text = " ".join(f"word{one}" for one in range(1000))
    assert len(kept([[text]])) == words.MOST_OF_TEXT
    assert len(kept([["one two", text]])) == words.MOST_OF_TEXT
    assert asked("one two three four five six seven eight nine") == [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
    ]
    assert asked("secur security the with a") == ["security"]
    assert asked("") == asked("a ? \N{IDEOGRAPHIC SPACE}") == []


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Nordmoln Cloud AB", "nordmoln cloud"),
        ("nordmoln  cloud", "nordmoln cloud"),
        ("Helpline Tickets, Inc.", "helpline tickets"),
        ("Amazon B.V.", "amazon"),
        ("Mc'Donald S.p.A.", "mcdonald"),
        ("AB", "ab"),
        ("SA GmbH", "sa"),
        ("???", ""),
        ("ＡＷＳ", "aws"),
        ("Atlassian Pty Ltd", "atlassian"),
        ("Hitachi Systems Co., Ltd.", "hitachi systems"),
        ("Müller GmbH & Co. KG", "müller"),
    ],
)
def test_names_of_firms(name: str, key: str) -> None:
    assert firm_key(name) == key
    assert firm_key(key) == key


@given(
    st.lists(st.sampled_from(sorted(words.LEGAL)) | st.text(max_size=80), max_size=8),
    st.sampled_from(" .,&_"),
)
def test_the_key_of_a_key_is_that_key(parts: list[str], between: str) -> None:
    key = firm_key(between.join(parts))
    assert firm_key(key) == key
    assert len(key) <= 200


def test_a_long_cell_hides_no_other_row() -> None:
    long = " ".join(f"word{one}" for one in range(1000))
    rows = [[long], *([f"Firm{one}", "hosting"] for one in range(120))]
    found = kept(rows)
    assert {f"firm{one}" for one in range(120)} <= set(found)
    assert len(found) == words.MOST_OF_TEXT + 121
    assert len(kept([long.replace("word", f"w{one}x")] for one in range(40))) == words.MOST_OF_ANSWER
