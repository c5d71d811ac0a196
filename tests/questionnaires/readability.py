"""How hard a text is to read: sentences, syllables and the Flesch-Kincaid grade, for lints of shipped content."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"(?<=[.!?])[\"”']?\s+|\n+")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*|[0-9][0-9.,]*")


def sentences(text: str) -> list[str]:
    """The sentences of a text; a line break ends one too, a point inside a number does not."""
    return [one.strip() for one in _SENTENCE.split(text.strip()) if one.strip()]


def words(text: str) -> list[str]:
    """The words of a text, numbers included."""
    return _WORD.findall(text)


def syllables(word: str) -> int:
    """Syllables of an English word by its groups of vowels: near enough for an average over a page."""
    if not word[:1].isalpha():
        return 1
    found = re.sub(r"[^a-z]", "", word.lower())
    found = re.sub(r"(?:[^laeiouy]es|ed|[^laeiouy]e)$", "", found) if len(found) > 2 else found
    return max(len(re.findall(r"[aeiouy]{1,2}", found)), 1)


def grade(texts: list[str]) -> float:
    """Flesch-Kincaid grade: years of school that a reader needs."""
    parts = [part for text in texts for part in sentences(text)]
    all_words = [word for part in parts for word in words(part)]
    length = len(all_words) / len(parts)
    weight = sum(map(syllables, all_words)) / len(all_words)
    return 0.39 * length + 11.8 * weight - 15.59
