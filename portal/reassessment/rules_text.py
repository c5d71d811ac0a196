"""A ladder as people type it: one step a line, ``-30 contact owners``. Pure.

A line is a number of days after the date (before it with a minus), then to whom, by the codes of kinds.ROLES; ``alone``
for a letter of its own, ``always`` where nobody can turn it off.
"""

from __future__ import annotations

import re
from typing import Any

from portal.reassessment.ladder import Ladder

ALONE, ALWAYS, NONE = "alone", "always", "none"
MOST_LINES = 40
MOST_LETTERS = 200  # of a line
_DAYS = re.compile(r"[+-]?\d{1,4}", re.ASCII)


def text_of(ladder: Ladder) -> str:
    """The lines of a ladder of days; ``none`` for one without steps."""
    lines = []
    for step in ladder:
        flags = [ALONE] * step.alone + [ALWAYS] * step.mandatory
        days = f"{step.days:+d}" if step.days else "0"
        lines.append(" ".join((days, *step.to, *flags)))
    return "\n".join(lines) or NONE


def steps_of(text: str) -> list[dict[str, Any]]:
    """Steps in the shape that ``rules_parsing.parse`` reads; a line that says none of a step's things is one that it
    refuses.
    """
    found = []
    for line in text.splitlines()[:MOST_LINES]:
        words = line[:MOST_LETTERS].replace(",", " ").casefold().split()
        if not words or words == [NONE]:
            continue
        days = int(words[0]) if _DAYS.fullmatch(words[0]) else None
        to = [one for one in words[1:] if one not in (ALONE, ALWAYS)]
        found.append({"days": days, "to": to, "alone": ALONE in words, "mandatory": ALWAYS in words})
    return found
