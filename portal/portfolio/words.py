"""Words of answers and of what is searched for, and what names of firms compare by. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice

from portal.db import name_key

METHOD = "words/2"
SHORTEST, LONGEST = 2, 40  # letters of a word; what is longer is cut
MOST_OF_TEXT = 300  # words of one text, or of one row of a table
MOST_OF_ANSWER = 5_000
MOST_OF_QUERY = 6
PREFIX_FROM = 3  # letters from which a searched word finds what begins with it
LAST = "\U0010ffff"  # after every letter

# Words of English that stand in every answer; neither kept nor searched for.
_FUNCTION_WORDS = (
    "a about after all also an and any are as at be been before but by can do for from has have if in into is "
    "it its may must no nor not of on only or other our so such than that the their them then there these "
    "they this those to under up was we were when which who will with would you your"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
# What a firm's name may end with, by the law it is under.
_LEGAL = "ab ag as bv co corp gmbh inc kg lda limited llc ltd nv oy plc pty sa sarl sas spa srl"
LEGAL = frozenset(_LEGAL.split())
PLAIN = re.compile(r"[a-z0-9]+(?:_+[a-z0-9]+)*")
# Han, Kana and Hangul are written without spaces: each two letters that follow each other count as a word.
DENSE = re.compile(
    "[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0002ffff]+"
)


def folded(text: str) -> str:
    """A text as its words are kept."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words_of(text: str) -> Iterator[str]:
    """The words of a text in their order, folded; the same for an answer and for what is searched in it."""
    plain = folded(text)
    for run in PLAIN.findall(plain) if plain.isascii() else _runs(plain):
        for word in _dense(run):
            if len(word) >= SHORTEST and word not in FUNCTION_WORDS:
                yield word[:LONGEST]


def kept(parts: Iterable[Iterable[str]]) -> list[str]:
    """The words under which an answer is found, each once: at most MOST_OF_TEXT of each part, a text or a row of a
    table, so that one long cell hides no other row, and at most MOST_OF_ANSWER in all.
    """
    found: dict[str, None] = {}
    for texts in parts:
        some = dict.fromkeys(islice(_distinct(texts), MOST_OF_TEXT))
        found |= some
        if len(found) >= MOST_OF_ANSWER:
            break
    return list(found)[:MOST_OF_ANSWER]


def _distinct(texts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        for word in words_of(text):
            if word not in seen:
                seen.add(word)
                yield word


def asked(text: str) -> list[str]:
    """What somebody searches for: at most MOST_OF_QUERY words, each once; one that another begins with says no more."""
    found = list(dict.fromkeys(words_of(text)))[:MOST_OF_QUERY]
    return [one for one in found if not any(one != other and _is_within(one, other) for other in found)]


def ends(word: str) -> tuple[str, str] | None:
    """The first word that is found for one that is searched for, and where the words after the last begin; None for
    one so short that it finds itself alone.
    """
    return (word, word + LAST) if len(word) >= PREFIX_FROM else None


def finds(wanted: str, word: str) -> bool:
    """Whether ``word`` of an answer is found by ``wanted``."""
    return word.startswith(wanted) if len(wanted) >= PREFIX_FROM else word == wanted


def firm_key(name: str) -> str:
    """What names of firms compare by: folded, without marks and legal endings. "" for a name without letters.

    The key of a key is that key: addresses and forms hand keys on.
    """
    plain = name_key(name).replace(".", "").replace("'", "").replace("\u2019", "")
    parts = " ".join(one for one in re.split(r"[\W_]+", plain) if one)[:200].split()
    while len(parts) > 1 and parts[-1] in LEGAL:
        parts.pop()
    return " ".join(parts)


def _is_within(one: str, other: str) -> bool:
    return len(one) >= PREFIX_FROM and other.startswith(one)


def _dense(run: str) -> Iterator[str]:
    """A run as it is, or the pairs of letters of what is written without spaces in it."""
    at = 0
    for found in DENSE.finditer(run):
        yield run[at : found.start()].strip("_")
        letters = found.group()
        yield from (letters[one : one + 2] for one in range(max(1, len(letters) - 1)))
        at = found.end()
    yield run[at:].strip("_")


def _runs(text: str) -> Iterator[str]:
    """Runs of letters, digits, the marks that combine with them, and of ``_`` between."""
    run: list[str] = []
    for letter in text:
        if _belongs(letter):
            run.append(letter)
        elif run:
            yield "".join(run).strip("_")
            run = []
    if run:
        yield "".join(run).strip("_")


@lru_cache(maxsize=4096)
def _belongs(letter: str) -> bool:
    return letter == "_" or unicodedata.category(letter)[0] in "LMN"
