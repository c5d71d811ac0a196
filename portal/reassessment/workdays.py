"""Working days: weekends and public holidays of a region, as they were read once and kept (WorkingYear).

What is on record is never read again, so that an upgrade of the library moves no date of a year that was counted on.
Reading takes seconds the first time and happens in the worker alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import metadata
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.db import SYSTEM, Database, refuse_slow_work
from portal.organisations.models import Organisation
from portal.reassessment.models import WorkingYear
from questionnaires.dates import MAX_DATE

WEEKEND = frozenset({5, 6})  # Monday is 0
YEARS_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Year:
    """One year of a region."""

    weekend: frozenset[int]
    days: frozenset[date]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of a region; of years that are not on record only Saturdays and Sundays are none."""

    region: str = ""
    years: Mapping[int, Year] = field(default_factory=dict)

    def working(self, day: date) -> bool:
        year = self.years.get(day.year)
        if year is None:
            return day.weekday() not in WEEKEND
        return day.weekday() not in year.weekend and day not in year.days


def calendars(session: Session, regions: Iterable[str]) -> dict[str, Calendar]:
    """The calendar of each of ``regions`` as it is on record; "" is the one without holidays."""
    wanted = sorted({one for one in regions if one})
    found: dict[str, dict[int, Year]] = {one: {} for one in wanted}
    if wanted:
        rows = session.execute(
            select(WorkingYear.region, WorkingYear.year, WorkingYear.weekend, WorkingYear.days).where(
                WorkingYear.region.in_(wanted)
            )
        )
        for row in rows:
            days = frozenset(date.fromisoformat(one) for one in row.days)
            found[row.region][row.year] = Year(frozenset(row.weekend), days)
    return {"": Calendar()} | {one: Calendar(one, years) for one, years in found.items()}


def missing(session: Session, regions: Collection[str], *, today: date) -> list[tuple[str, int]]:
    """(region, year) of this year and the next ones that nobody has read yet."""
    known = set(
        session.execute(
            select(WorkingYear.region, WorkingYear.year).where(WorkingYear.region.in_(sorted(regions)))
        ).all()
    )
    years = [year for year in range(today.year - 1, today.year + YEARS_AHEAD + 1) if year <= MAX_DATE.year]
    return [(one, year) for one in sorted(regions) for year in years if (one, year) not in known]


def is_region(region: str) -> bool:
    """Whether the library knows a country (PT) or a part of one (DE-BY). Slow the first time: in no transaction."""
    refuse_slow_work("reading holidays")
    import holidays

    country, _, part = region.partition("-")
    parts = holidays.list_supported_countries(include_aliases=False)
    return country in parts and (not part or part in parts[country])


def read(region: str, year: int) -> Year:
    """One year from the library's tables; a year beyond them has no holidays. Slow: in no transaction."""
    refuse_slow_work("reading holidays")
    import holidays

    country, _, part = region.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=year, expand=False)
    except NotImplementedError:
        return Year(WEEKEND, frozenset())
    return Year(frozenset(found.weekend), frozenset(day for day in found if day.year == year))


def keep_years(database: Database, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """The worker's part: put on record what is missing of the regions in use; returns how many years."""
    with database.looking(SYSTEM) as session:
        wanted = select(Organisation.region).where(
            Organisation.region != "", Organisation.closed_at.is_(None)
        )
        regions = set(session.scalars(wanted.distinct()))
        lacking = missing(session, regions, today=now.date()) if regions else []
    rows = []
    for region, year in lacking:
        if stopping():
            break
        rows.append(_row(region, year, now))
    if rows:
        with database.transaction() as session:
            insert = sqlite.insert if database.sqlite else postgresql.insert
            session.execute(
                insert(WorkingYear).on_conflict_do_nothing(),
                rows,
                execution_options={"unaudited": "read from a published table"},
            )
    return len(rows)


def _row(region: str, year: int, now: datetime) -> dict[str, Any]:
    one = read(region, year)
    return {
        "region": region,
        "year": year,
        "weekend": sorted(one.weekend),
        "days": sorted(day.isoformat() for day in one.days),
        "source": f"holidays {metadata.version('holidays')}",
        "read_at": now,
    }
