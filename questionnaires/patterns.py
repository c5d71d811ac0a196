"""The forms of keys, names, versions and values in a definition."""

from __future__ import annotations

import re

_SEGMENT = r"[a-z][a-z0-9_]*"
_VERSION = r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2}"
_SLUG = r"[a-z][a-z0-9_-]{0,63}"

# Two hundred characters are room for eight segments of a section's name, and fit every index.
KEY = re.compile(rf"(?=.{{1,200}}\Z){_SEGMENT}(?:\.{_SEGMENT})*")
SECTION = re.compile(r"[a-z][a-z0-9_.-]{0,199}")
COLUMN = re.compile(r"[a-z][a-z0-9_]{0,63}")
SLUG = re.compile(_SLUG)
VERSION = re.compile(_VERSION)
LABEL = re.compile(f"{_SLUG}@{_VERSION}")
CLAIM = re.compile(rf"(?=.{{1,210}}\Z){_SEGMENT}(?:\.{_SEGMENT})*@[1-9][0-9]{{0,5}}")
LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
# Also the form of the names of bands, scales and kinds of evidence.
OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
# A whole number as people write it into a cell or a field, small enough for every reader of JSON.
WHOLE = re.compile(r"-?[0-9]{1,15}")
NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?")
DAY = re.compile(r"today|[0-9]{4}-[0-9]{2}-[0-9]{2}")

# First segments that conditions read as something else than a question.
RESERVED = frozenset(
    (
        *("vendor", "engagement", "organisation", "value", "true", "false"),
        *("answered", "points", "within", "age_months", "months_until"),
    )
)


def ordered(version: str) -> tuple[int, ...]:
    """A version as integers, so that 0.10.0 comes after 0.9.0."""
    return tuple(map(int, version.split(".")))
