"""Model clauses with the parties' names filled in; what is still to be agreed stays visible as a gap."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLACE = re.compile(r"\{(organisation|vendor|value)\}")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a clause: plain text, or ``gap``: a place where the two parties write a number."""

    text: str
    gap: bool = False


def filled(clause: str, *, organisation: str, vendor: str, value: str = "") -> tuple[Part, ...]:
    """The clause in pieces. Names are put in as they are, never read as placeholders or markup themselves.

    ``value``: what was agreed for the open place; "" leaves it a gap.
    """
    names = {"organisation": organisation, "vendor": vendor, **({"value": value} if value else {})}
    parts: list[Part] = []
    for at, piece in enumerate(_PLACE.split(clause.strip())):
        # split() gives text and names of places in turn.
        if at % 2 == 0 or piece in names:
            text = piece if at % 2 == 0 else names[piece]
            if parts and not parts[-1].gap:
                parts[-1] = Part(parts[-1].text + text)
            elif text:
                parts.append(Part(text))
        else:
            parts.append(Part("", gap=True))
    return tuple(parts)
