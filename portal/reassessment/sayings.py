"""What a line of a letter says of each kind of subject, before its date: while that is ahead, and when it is past;
and where what does not fit is listed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from portal.reassessment.kinds import KINDS

Saying = tuple[str, str, str]  # ahead, past, the page below the organisation's address


def _same(words: str, path: str) -> Saying:
    """A kind whose date is the day since when something waits."""
    return words, words, path


OTHER: Saying = ("a date is due", "a date was due", "/schedule")
SAYINGS: Mapping[str, Saying] = MappingProxyType(
    {
        "review": ("the review is to be finished", "the review was to be finished", "/reviews"),
        "decision": ("the decision of the gate ends", "the decision of the gate ended", "/gates"),
        "condition": (
            "a condition of the gate is due",
            "a condition of the gate was due",
            "/portfolio/conditions",
        ),
        "exception": (
            "an exception at the gate ends",
            "an exception at the gate ended",
            "/portfolio/exceptions",
        ),
        "evidence": ("it ends", "it ended", "/evidence"),
        "finding": ("the finding is to be settled", "the finding was to be settled", "/findings"),
        "stuck": _same(
            "the next assessment was not opened on its day, and waits for somebody since", "/schedule"
        ),
        "first": (
            "the first assessment is to be issued",
            "the first assessment was to be issued",
            "/engagements",
        ),
        "handed": _same("this engagement is yours since", "/engagements"),
        "incident": ("an incident is to be settled", "an incident was to be settled", "/incidents"),
        "trigger": (
            "what calls for a new assessment waits",
            "what calls for a new assessment waited",
            "/triggers",
        ),
        "campaign": ("answers are due", "answers were due", "/campaigns"),
    }
)


def listed(base: str, dates: Collection[tuple[str, date]], *, today: date) -> str:
    """The path of the calendar of the place at ``base`` that lists these dates, each with its kind: their month, or
    what is late; else the year, whose months are lists. Of none the calendar itself.
    """
    months = {(due.year, due.month) for _kind, due in dates}
    kinds = {kind for kind, _due in dates}
    query: dict[str, Any] = {}
    if len(months) == 1:
        ((query["year"], query["month"]),) = months
    elif dates and all(due < today and KINDS[kind].forgets is None for kind, due in dates):
        query["when"] = "late"
    if len(kinds) == 1:
        (query["kind"],) = kinds
    return f"{base}/calendar?{urlencode(query)}" if query else f"{base}/calendar"
