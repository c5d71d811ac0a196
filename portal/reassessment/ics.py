"""Calendars as RFC 5545 writes them: items that take a day, each with alarms. Pure; equal events give equal bytes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

PRODUCT = "-//Vendor risk portal//Audit calendar//EN"
MOST_OCTETS = 75  # of a line, without its end (3.1)
EVERY = "PT6H"  # how often to ask again; programs that subscribe do so when they like
# Nine in the morning of the day before, and of a week before: counted back from the midnight the day begins with.
ALARMS = ("-PT15H", "-P6DT15H")
UTC_ZONE = (
    *("BEGIN:VTIMEZONE", "TZID:UTC", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
    *("TZOFFSETFROM:+0000", "TZOFFSETTO:+0000", "END:STANDARD", "END:VTIMEZONE"),
)
# Marks that turn the direction of text round, so that a name reads as another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Event:
    """One item of a day. ``uid`` names it for ever; ``url``: the whole address."""

    uid: str
    day: date
    summary: str
    description: str
    category: str
    url: str


def written(name: str, events: Iterable[Event], description: str = "", *, now: datetime) -> bytes:
    """The calendar as of ``now`` as bytes, UTF-8 with CRLF. ``description``: what a reader is to know of the whole."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{text(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{EVERY}",
        f"X-PUBLISHED-TTL:{EVERY}",
    ]
    if description:
        lines.append(f"X-WR-CALDESC:{text(description)}")
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    found = [line for one in events for line in _event(one, stamp)]
    lines += found or UTC_ZONE  # a calendar without any component is none (3.6)
    lines.append("END:VCALENDAR")
    return b"".join(folded(line) for line in lines)


def _event(one: Event, stamp: str) -> Iterator[str]:
    # No SEQUENCE and no LAST-MODIFIED: a date moves with the rules, too, and names change, and nothing keeps when. What
    # was read later is the newer (3.8.7.2): whoever keeps an item never takes its old day for as new as this one.
    yield "BEGIN:VEVENT"
    yield f"UID:{text(one.uid)}"
    yield f"DTSTAMP:{stamp}"
    yield f"DTSTART;VALUE=DATE:{one.day:%Y%m%d}"
    yield f"SUMMARY:{text(one.summary)}"
    yield f"DESCRIPTION:{text(one.description)}"
    yield f"CATEGORIES:{text(one.category)}"
    yield f"URL:{_plain(one.url)}"
    yield "TRANSP:TRANSPARENT"
    yield "CLASS:PRIVATE"
    for trigger in ALARMS:
        yield from ("BEGIN:VALARM", "ACTION:DISPLAY", f"DESCRIPTION:{text(one.summary)}")
        yield from (f"TRIGGER:{trigger}", "END:VALARM")
    yield "END:VEVENT"


def text(value: str) -> str:
    """A value of type TEXT (3.3.11): escaped, line breaks as ``\\n``, without controls and marks of direction."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    escaped = (_plain(line).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,") for line in lines)
    return "\\n".join(escaped)


def _plain(value: str) -> str:
    """One line without controls, lone halves of characters and what separates lines."""
    return "".join(
        one
        for one in value
        if one not in _TURNING and unicodedata.category(one) not in ("Cc", "Cs", "Zl", "Zp")
    )


def folded(line: str) -> bytes:
    """A content line with its end, cut into pieces of at most MOST_OCTETS octets, never inside a character."""
    pieces: list[bytes] = []
    piece = b""
    for one in line:
        octets = one.encode()
        if len(piece) + len(octets) > MOST_OCTETS:
            pieces.append(piece)
            piece = b" "  # what tells the reader to join; it counts
        piece += octets
    return b"\r\n".join([*pieces, piece]) + b"\r\n"
