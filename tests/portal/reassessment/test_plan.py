"""What a look finds, against an oracle that steps through every local midnight; laws of looks, rules and clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import clock
from portal.clock import local_date
from portal.organisations.service import ZONES
from portal.reassessment.agenda import Item
from portal.reassessment.generating import Known
from portal.reassessment.kinds import KINDS, by_hours
from portal.reassessment.ladder import Ladder, Step, ahead, due_instant, moments, named, named_hour, plan
from portal.reassessment.rules_shape import EVERY, shipped
from portal.reassessment.workdays import Calendar, Year
from questionnaires.dates import roll

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Thing:
    """Anything with a date."""

    due: date
    since: datetime
    zone: str = "Europe/Lisbon"
    due_time: time | None = None


class Record:
    """What looks have put on record of one thing: told and skipped, by name."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.skipped: list[str] = []

    def look(self, thing: Thing, ladder: Ladder, calendar: Calendar, now: datetime) -> None:
        found = plan(thing, ladder, calendar, now=now, done=[*self.told, *self.skipped])
        if found.tell is not None:
            self.told.append(found.tell.step.name)
        self.skipped += [one.step.name for one, _why in found.skip]


def steps(days: Sequence[int], since: date | None = None) -> Ladder:
    return tuple(Step(named(one), one, to=("owners",), since=since) for one in sorted(days))


zones = st.sampled_from(ZONES)
dues = st.dates(date(2026, 1, 1), date(2028, 12, 31))
ladders = st.lists(st.integers(-120, 60), min_size=1, max_size=16, unique=True).map(steps)
instants = st.integers(0, 1250 * 24 * 60).map(
    lambda one: datetime(2025, 10, 1, tzinfo=UTC) + timedelta(minutes=one)
)
weekends = st.frozensets(st.integers(0, 6), max_size=3)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Weekends and holidays of their own for each year, some years unknown."""
    years = {}
    for year in range(2025, 2030):
        if draw(st.booleans()):
            days = st.dates(date(year, 1, 1), date(year, 12, 31))
            years[year] = Year(draw(weekends), frozenset(draw(st.lists(days, max_size=12))))
    return Calendar("XX", years)


@st.composite
def things(draw: st.DrawFn) -> Thing:
    due = draw(dues)
    since = datetime.combine(due, time(12), UTC) - timedelta(days=draw(st.integers(-20, 200)))
    return Thing(due, since + timedelta(minutes=draw(st.integers(0, 1439))), draw(zones))


# ------------------------------------------------------------------------------------------- the oracle of the page


def rolled(due: date, days: int, calendar: Calendar) -> date:
    """As decision 9 says: up to the date back to a working day, after it forward; within three weeks."""
    day = due + timedelta(days=days)
    step = -DAY if days <= 0 else DAY
    for far in range(22):
        if calendar.working(day + far * step):
            return day + far * step
    return day


def speaks_on(thing: Thing, step: Step, calendar: Calendar) -> date:
    """Its rolled day; but its own where rolling puts it back to the day on which the date was set, or before."""
    day, own = rolled(thing.due, step.days or 0, calendar), thing.due + timedelta(days=step.days or 0)
    return own if day <= local_date(thing.since, thing.zone) < own else day


def oracle(thing: Thing, ladder: Ladder, calendar: Calendar, until: date) -> tuple[list[str], list[str]]:
    """Steps through every local day from ``since`` on, as a worker that never sleeps: (told, skipped)."""
    told: list[str] = []
    skipped: list[str] = []
    day = local_date(thing.since, thing.zone) + DAY
    while day <= until:
        today = [one for one in ladder if speaks_on(thing, one, calendar) == day]
        if today:
            latest = max(today, key=lambda one: one.days or 0)
            told.append(latest.name)
            skipped += [one.name for one in today if one is not latest]
        day += DAY
    return told, sorted(skipped)


@given(thing=things(), ladder=ladders, calendar=calendars(), data=st.data())
def test_who_looks_daily_at_any_hour_finds_what_the_oracle_finds(
    thing: Thing, ladder: Ladder, calendar: Calendar, data: st.DataObject
) -> None:
    start = local_date(thing.since, thing.zone)
    last = max(thing.due + timedelta(days=90), start)
    found = Record()
    for far in range((last - start).days + 1):
        day = start + far * DAY
        at = clock.begins(day, thing.zone) + timedelta(
            minutes=data.draw(st.integers(0, 20 * 60)) if far % 7 == 0 else 0
        )
        if local_date(at, thing.zone) == day:
            found.look(thing, ladder, calendar, at)
    told, skipped = oracle(thing, ladder, calendar, last)
    assert (found.told, sorted(found.skipped)) == (told, skipped)


@given(
    thing=things(), ladder=ladders, calendar=calendars(), looks=st.lists(instants, min_size=1, max_size=12)
)
def test_whatever_the_clock_does_each_step_is_told_at_most_once_and_never_early(
    thing: Thing, ladder: Ladder, calendar: Calendar, looks: list[datetime]
) -> None:
    found = Record()
    by_name = {one.name: speaks_on(thing, one, calendar) for one in ladder}
    for now in looks:
        before = len(found.told)
        found.look(thing, ladder, calendar, now)
        for name in found.told[before:]:
            assert by_name[name] <= local_date(now, thing.zone)
            assert by_name[name] > local_date(thing.since, thing.zone)
    both = found.told + found.skipped
    assert len(set(both)) == len(both)


@given(thing=things(), ladder=ladders, calendar=calendars(), now=instants, back=instants)
def test_one_late_look_tells_the_newest_alone_and_a_clock_set_back_adds_nothing(
    thing: Thing, ladder: Ladder, calendar: Calendar, now: datetime, back: datetime
) -> None:
    found = Record()
    found.look(thing, ladder, calendar, now)
    come = [
        one.step.name
        for one in moments(thing, ladder, calendar)
        if local_date(thing.since, thing.zone)
        < speaks_on(thing, one.step, calendar)
        <= local_date(now, thing.zone)
    ]
    assert found.told == come[-1:]
    assert found.skipped == come[:-1]
    found.look(thing, ladder, calendar, min(back, now))
    assert found.told + found.skipped == come[-1:] + come[:-1]


@given(thing=things(), ladder=ladders, calendar=calendars(), a=instants, b=instants)
def test_looking_twice_is_looking_once_but_for_what_was_newest_between(
    thing: Thing, ladder: Ladder, calendar: Calendar, a: datetime, b: datetime
) -> None:
    early, late = sorted((a, b))
    twice, once = Record(), Record()
    twice.look(thing, ladder, calendar, early)
    twice.look(thing, ladder, calendar, late)
    once.look(thing, ladder, calendar, late)
    assert set(twice.told + twice.skipped) == set(once.told + once.skipped)
    assert set(once.told) <= set(twice.told)


@given(
    thing=things(),
    old=st.lists(st.integers(-120, 60), min_size=1, max_size=8, unique=True),
    new=st.lists(st.integers(-120, 60), min_size=1, max_size=8, unique=True),
    calendar=calendars(),
    saved=st.integers(-60, 60),
    minute=st.integers(0, 1439),
)
def test_saved_rules_add_nothing_for_their_past_and_silence_nothing_that_stood_in_the_ones_before(
    thing: Thing, old: list[int], new: list[int], calendar: Calendar, saved: int, minute: int
) -> None:
    """A worker that looks each minute; the rules are saved at any minute of any day."""
    day = thing.due + timedelta(days=saved)
    at = clock.begins(day, thing.zone) + timedelta(minutes=minute)
    day = local_date(at, thing.zone)
    before = steps(old)
    after = tuple(sorted((one if one.days in old else replace(one, since=day) for one in steps(new)),
                         key=lambda one: one.days or 0))  # fmt: skip
    found = Record()
    found.look(thing, before, calendar, at)
    on_record = len(found.told) + len(found.skipped)
    found.look(thing, after, calendar, at)
    assert len(found.told) + len(found.skipped) == on_record, "the past of new steps is not told"
    # whatever stands in both is on record once its moment has come, by whichever rules
    late = clock.begins(thing.due + timedelta(days=120), thing.zone)
    found.look(thing, after, calendar, late)
    since = local_date(thing.since, thing.zone)
    for one in moments(thing, after, calendar):
        name = one.step.name
        speaks = speaks_on(thing, one.step, calendar)
        if one.step.days in old and since < speaks <= local_date(late, thing.zone):
            assert name in found.told + found.skipped
        if one.step.days not in old and speaks <= day:
            assert name not in found.told + found.skipped


@given(thing=things(), ladder=ladders, calendar=calendars(), moved=st.integers(1, 60), now=instants)
def test_a_date_that_was_moved_there_and_back_repeats_nothing(
    thing: Thing, ladder: Ladder, calendar: Calendar, moved: int, now: datetime
) -> None:
    first = Record()
    first.look(thing, ladder, calendar, now)
    there = replace(thing, due=thing.due + timedelta(days=moved), since=now)
    elsewhere = Record()  # another date has a record of its own
    elsewhere.look(there, ladder, calendar, now)
    assert elsewhere.told + elsewhere.skipped == [], "what was over when the date was set is not told"
    known = [*first.told, *first.skipped]
    first.look(replace(thing, since=now), ladder, calendar, now)
    assert [*first.told, *first.skipped] == known


@given(day=dues, calendar=calendars(), back=st.booleans())
def test_rolling_finds_a_working_day_and_keeps_the_order_of_days(
    day: date, calendar: Calendar, back: bool
) -> None:
    found, after = (roll(one, calendar.working, back=back) for one in (day, day + DAY))
    assert abs((found - day).days) <= 21
    near = [day + n * (-DAY if back else DAY) for n in range(22)]
    if any(map(calendar.working, near)):
        assert calendar.working(found)
        assert not any(map(calendar.working, near[: near.index(found)]))
    else:
        assert found == day
    if calendar.working(found) and calendar.working(after):
        assert found <= after


@pytest.mark.parametrize("asked", [date(2026, 11, 16) + far * DAY for far in range(7)])
@pytest.mark.parametrize("within", [0, 1, 2, 3])
def test_a_date_that_is_near_when_it_is_set_is_told_on_whatever_weekday_that_is(
    asked: date, within: int
) -> None:
    """Set at ten in the morning, for the same day (by what speaks on its own day) or up to three days later."""
    since = clock.at(asked, time(10), "Europe/Lisbon") - (DAY if within == 0 else 0 * DAY)
    thing = Thing(asked + within * DAY, since)
    ladder = steps([-1, 0])
    record = Record()
    for far in range(5 * 24):
        record.look(thing, ladder, PORTUGAL, since + (HOUR if within else DAY) + far * HOUR)
    assert record.told[-1] == "on-the-day"
    assert set(record.told) <= {"before-1", "on-the-day"}
    coming = ahead(thing, ladder, PORTUGAL, today=local_date(since, thing.zone))
    assert coming is not None, "pages say the same"
    assert coming.day <= thing.due


def test_a_step_by_the_hour_counts_elapsed_time_before_the_due_time() -> None:
    """Lisbon, 28 March 2027: clocks go from one to two in the morning."""
    ladder = tuple(Step(named_hour(one), None, hours=one, to=("owners",)) for one in (-24, -4, 0, 4))
    thing = Thing(date(2027, 3, 28), datetime(2027, 3, 26, 9, tzinfo=UTC), due_time=time(18))
    found = {one.step.name: one.at for one in moments(thing, ladder, Calendar())}
    assert found == {
        "hour-24@18:00": datetime(2027, 3, 27, 17, tzinfo=UTC),
        "hour-4@18:00": datetime(2027, 3, 28, 13, tzinfo=UTC),
        "hour+0@18:00": datetime(2027, 3, 28, 17, tzinfo=UTC),
        "hour+4@18:00": datetime(2027, 3, 28, 21, tzinfo=UTC),
    }
    record = Record()
    for far in range(60):
        record.look(thing, ladder, Calendar(), datetime(2027, 3, 26, 12, tzinfo=UTC) + far * HOUR)
    assert record.told == ["hour-24@18:00", "hour-4@18:00", "hour+0@18:00", "hour+4@18:00"]
    later = replace(thing, due_time=time(20))
    record.look(later, ladder, Calendar(), datetime(2027, 3, 28, 23, 30, tzinfo=UTC))
    assert record.told[-1] == "hour+4@20:00", "another hour has steps of its own"


def test_the_end_of_a_day_and_its_midnight_have_steps_of_their_own() -> None:
    """They are a day apart: who was reminded of the one has not heard of the other."""
    ladder = tuple(Step(named_hour(one), None, hours=one, to=("owners",)) for one in (-24, -4))
    thing = Thing(date(2026, 12, 10), datetime(2026, 12, 7, 9, tzinfo=UTC), due_time=time(0))
    record = Record()
    for far in range(36):
        record.look(thing, ladder, Calendar(), datetime(2026, 12, 8, 12, tzinfo=UTC) + far * HOUR)
    later = replace(thing, due_time=None, since=datetime(2026, 12, 9, 21, tzinfo=UTC))
    for far in range(36):
        record.look(later, ladder, Calendar(), datetime(2026, 12, 9, 22, tzinfo=UTC) + far * HOUR)
    assert record.told == ["hour-24@00:00", "hour-4@00:00", "hour-24@24:00", "hour-4@24:00"]


def test_what_was_asked_this_morning_for_this_evening_still_has_its_steps() -> None:
    ladder = tuple(Step(named_hour(one), None, hours=one, to=("owners",)) for one in (-24, -4, 0))
    asked = datetime(2026, 11, 24, 9, tzinfo=UTC)
    thing = Thing(date(2026, 11, 24), asked, due_time=time(18))
    record = Record()
    for far in range(24):
        record.look(thing, ladder, Calendar(), asked + far * HOUR)
    assert record.told == ["hour-4@18:00", "hour+0@18:00"]


@pytest.mark.parametrize(
    ("day", "wall", "zone", "instant"),
    [
        (
            "2026-09-06",
            "00:00",
            "America/Santiago",
            "2026-09-06T04:00",
        ),  # midnight does not exist: it is one o'clock
        ("2026-04-24", "00:00", "Africa/Cairo", "2026-04-23T22:00"),
        ("2026-03-29", "00:00", "Asia/Beirut", "2026-03-28T22:00"),
        ("2011-12-30", "00:00", "Pacific/Apia", "2011-12-30T10:00"),  # the day does not exist at all
        ("2026-03-29", "02:30", "Europe/Berlin", "2026-03-29T01:00"),  # within the hour that is skipped
        ("2026-10-25", "02:30", "Europe/Berlin", "2026-10-25T00:30"),  # the first of two
        ("2026-11-22", "07:00", "No/Such_Zone", "2026-11-22T07:00"),
    ],
)
def test_when_a_day_begins(day: str, wall: str, zone: str, instant: str) -> None:
    found = clock.at(date.fromisoformat(day), time.fromisoformat(wall), zone)
    assert found == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@given(day=st.dates(date(2011, 1, 1), date(2030, 1, 1)), zone=zones)
def test_a_day_begins_at_its_first_instant(day: date, zone: str) -> None:
    begins = clock.begins(day, zone)
    assert local_date(begins, zone) >= day
    assert local_date(begins - timedelta(seconds=1), zone) < day


@given(thing=things())
def test_a_date_without_a_time_is_over_when_its_day_is(thing: Thing) -> None:
    over = due_instant(thing)
    assert over.astimezone(ZoneInfo(thing.zone)).date() > thing.due
    assert (over - timedelta(seconds=1)).astimezone(ZoneInfo(thing.zone)).date() <= thing.due


# ------------------------------------------------------------------------------------- one engagement, worked out

PORTUGAL = Calendar(
    "PT",
    {
        2026: Year(frozenset({5, 6}), frozenset({date(2026, 12, 1), date(2026, 12, 8), date(2026, 12, 25)})),
        2027: Year(frozenset({5, 6}), frozenset({date(2027, 1, 1), date(2027, 3, 26)})),
    },
)


def test_the_ladder_of_one_engagement_in_portugal() -> None:
    """As section 6 of the design works it out by hand."""
    inside = Thing(date(2027, 1, 31), datetime(2026, 1, 31, 15, tzinfo=UTC))
    found = {one.step.name: one.day for one in moments(inside, KINDS["reassessment"].ladder, PORTUGAL)}
    assert found["before-90"] == date(2026, 11, 2)
    assert found["before-60"] == date(2026, 12, 2)
    asked = Thing(date(2027, 1, 15), datetime(2026, 12, 4, 6, tzinfo=UTC))
    ladder = KINDS["assessment"].ladder
    days = {one.step.name: one.day for one in moments(asked, ladder, PORTUGAL)}
    assert days == {
        "before-90": date(2026, 10, 16), "before-60": date(2026, 11, 16), "before-30": date(2026, 12, 16),
        "before-14": date(2026, 12, 31), "before-7": date(2027, 1, 8), "before-1": date(2027, 1, 14),
        "on-the-day": date(2027, 1, 15), "after-1": date(2027, 1, 18), "after-7": date(2027, 1, 22),
        "after-14": date(2027, 1, 29), "after-30": date(2027, 2, 15),
    }  # fmt: skip
    awake, asleep, gone = Record(), Record(), Record()
    day = date(2026, 12, 4)
    while day < date(2027, 4, 1):
        awake.look(asked, ladder, PORTUGAL, clock.begins(day, asked.zone))
        day += DAY
    assert awake.told == [
        *("before-30", "before-14", "before-7", "before-1", "on-the-day"),
        *("after-1", "after-7", "after-14", "after-30"),
    ]
    asleep.look(asked, ladder, PORTUGAL, clock.begins(date(2027, 1, 10), asked.zone))
    assert (asleep.told, asleep.skipped) == (["before-7"], ["before-30", "before-14"])
    gone.look(asked, ladder, PORTUGAL, clock.begins(date(2027, 4, 1), asked.zone))
    assert gone.told == ["after-30"]


# --------------------------------------------------------------------------------------------- many things in one look

PLACES = UUID(int=1), UUID(int=2)
BY_HOURS = by_hours(((-24, 0, 4), ("contact",)))
FIRST = date(2027, 3, 16)


@st.composite
def looked_at(draw: st.DrawFn) -> Item:
    """An item that may share its date, its time, its zone and its tier with others, of either organisation."""
    return Item(
        kind="review",
        subject=draw(st.uuids()),
        source=UUID(int=0),
        organisation_id=draw(st.sampled_from(PLACES)),
        company_id=None,
        vendor_id=None,
        engagement_id=None,
        due=FIRST + draw(st.integers(0, 1)) * DAY,
        due_time=draw(st.sampled_from([None, time(9)])),
        since=datetime(2027, 1, 1, tzinfo=UTC),
        zone=draw(st.sampled_from(["Europe/Lisbon", "Asia/Tokyo"])),
        tier=draw(st.sampled_from(["critical", "low"])),
        code="",
        number=0,
    )


@given(
    items=st.lists(looked_at(), min_size=2, max_size=6),
    by_day=st.lists(ladders, min_size=4, max_size=4),
    theirs=st.lists(calendars(), min_size=2, max_size=2),
    hours=st.one_of(st.integers(-30, 30), st.integers(-60 * 24, 60 * 24)),
)
def test_a_look_at_many_finds_of_each_what_a_look_at_it_alone_finds(
    items: list[Item], by_day: list[Ladder], theirs: list[Calendar], hours: int
) -> None:
    """Whatever dates, tiers, zones and organisations they share or do not share."""
    now = datetime(2027, 3, 17, tzinfo=UTC) + hours * HOUR
    rules = {
        place: replace(
            shipped(None),
            ladders=MappingProxyType(
                {"review": MappingProxyType({EVERY: first + BY_HOURS, "critical": second})}
            ),
        )
        for place, first, second in zip(PLACES, by_day[::2], by_day[1::2], strict=True)
    }
    regions = {place: str(place.int) for place in PLACES}
    known = Known(
        rules, regions, {str(place.int): one for place, one in zip(PLACES, theirs, strict=True)}, {}
    )
    for item in items:
        alone = plan(item, known.ladder(item), known.calendar(item), now=now, done=())
        assert known.plan(item, now=now) == alone
