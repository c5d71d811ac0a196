"""Calendars in RFC 5545: what we write is what the icalendar library reads, in lines that every program takes."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import instant
from portal.reassessment import ics
from portal.reassessment.ics import Event

NOW = datetime(2026, 12, 4, 9, 30, 15, tzinfo=UTC)
PLAIN = Event(
    "assessment-6f1c@portal.example",
    date(2027, 1, 15),
    "Answers: Security core, Fennmark Archive; claim files",
    "The date that was set\non 4 Dec 2026.",
    "Halden Mutual",
    "https://portal.example/o/halden/assessments/6f1c",
)
EVENTS = st.builds(
    Event,
    uid=st.uuids().map(str),
    day=st.dates(date(1900, 1, 1), date(2199, 12, 31)),
    summary=st.text(max_size=300),
    description=st.text(max_size=600),
    category=st.text(max_size=120),
    url=st.just(PLAIN.url),
)


def read(data: bytes) -> list[icalendar.Event]:
    return list(icalendar.Calendar.from_ical(data).walk("VEVENT"))


def kept(value: str) -> str:
    """What may stay of a text, by the categories of Unicode: written once more, without ics.py."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    turning = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    bad = ("Cc", "Cs", "Zl", "Zp")
    return "\n".join(
        "".join(one for one in line if unicodedata.category(one) not in bad and ord(one) not in turning)
        for line in lines
    )


def test_one_item_is_read_as_it_was_meant() -> None:
    data = ics.written("Audit calendar", [PLAIN], now=NOW)
    (found,) = read(data)
    assert found.decoded("dtstart") == PLAIN.day
    assert "dtend" not in found
    assert str(found["uid"]) == PLAIN.uid
    assert str(found["summary"]) == PLAIN.summary
    assert str(found["description"]) == PLAIN.description
    assert str(found["url"]) == PLAIN.url
    assert found["categories"].cats == [PLAIN.category]
    assert found.decoded("dtstamp") == NOW
    assert found["transp"] == "TRANSPARENT"
    alarms = [one.decoded("trigger") for one in found.walk("VALARM")]
    moments = [datetime(2027, 1, 15, tzinfo=UTC) + one for one in alarms]
    assert moments == [datetime(2027, 1, 14, 9, tzinfo=UTC), datetime(2027, 1, 8, 9, tzinfo=UTC)]
    calendar = icalendar.Calendar.from_ical(data)
    assert str(calendar["x-wr-calname"]) == "Audit calendar"
    assert "method" not in calendar


def test_another_day_is_the_same_item_and_nothing_says_that_the_old_one_is_as_new() -> None:
    later = replace(PLAIN, day=date(2027, 2, 1))  # the rules count more days from the same instant
    (before,) = read(ics.written("x", [PLAIN], now=NOW))
    (after,) = read(ics.written("x", [later], now=NOW + timedelta(seconds=1)))
    assert before["uid"] == after["uid"]
    assert before.decoded("dtstart") < after.decoded("dtstart")
    assert before.decoded("dtstamp") < after.decoded("dtstamp")
    assert not {"sequence", "last-modified"} & set(map(str.lower, (*before, *after)))


def test_a_calendar_without_items_has_a_component_and_says_what_it_is_told() -> None:
    calendar = icalendar.Calendar.from_ical(ics.written("x", [], "Only some.", now=NOW))
    assert [one.name for one in calendar.subcomponents] == ["VTIMEZONE"]
    assert str(calendar["x-wr-caldesc"]) == "Only some."


@given(st.lists(EVENTS, max_size=3), st.text(max_size=200), st.integers(0, 7_000_000_000).map(instant))
def test_whatever_is_typed_every_line_fits_and_reads_back(
    events: list[Event], name: str, now: datetime
) -> None:
    data = ics.written(name, events, now=now)
    assert data == ics.written(name, events, now=now)
    lines = data.split(b"\r\n")
    assert lines[-1] == b""
    assert all(len(line) <= 75 for line in lines)
    assert all(line.decode() for line in lines[:-1])  # no character is cut in two
    text = data.decode()
    assert not any(unicodedata.category(one) == "Cc" for one in text.replace("\r\n", ""))
    found = read(data)
    assert [str(one["uid"]) for one in found] == [one.uid for one in events]
    for one, was in zip(found, events, strict=True):
        assert str(one["summary"]) == kept(was.summary)
        assert str(one["description"]) == kept(was.description)
        assert one.decoded("dtstart") == was.day
        assert one.decoded("dtstamp") == now


def test_nothing_typed_adds_a_line_of_its_own() -> None:
    typed = "x\r\nATTENDEE:mailto:a@b\r\nEND:VEVENT\u2028BEGIN:VALARM\x00\u202eevil"
    hostile = Event(PLAIN.uid, PLAIN.day, typed, typed, typed, PLAIN.url)
    (found,) = read(ics.written(typed, [hostile], now=NOW))
    assert "attendee" not in found
    assert len(list(found.walk("VALARM"))) == len(ics.ALARMS)
    assert "\u202e" not in ics.written(typed, [hostile], now=NOW).decode()
