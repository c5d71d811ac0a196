"""Working days: read once for each region and year, kept as they were; weekends alone where nothing is known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import Organisation
from portal.reassessment import workdays
from portal.reassessment.models import WorkingYear
from portal.settings import Settings
from tests.portal.world import NOW, make_organisation


def live_in(database: Database, region: str) -> None:
    with database.transaction() as session:
        session.execute(update(Organisation).values(region=region))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)


@pytest.mark.both_databases
def test_the_years_of_a_region_are_read_once_and_kept(database: Database, settings: Settings) -> None:
    make_organisation(database, settings, "Halden")
    assert workdays.keep_years(database, now=NOW) == 0, "nobody has said where they work"
    live_in(database, "PT")
    assert workdays.keep_years(database, now=NOW, stopping=lambda: True) == 0
    assert workdays.keep_years(database, now=NOW) == 4
    assert workdays.keep_years(database, now=NOW) == 0
    assert workdays.keep_years(database, now=NOW + timedelta(days=365)) == 1
    with database.looking(SYSTEM) as session:
        calendar = workdays.calendars(session, ["PT", ""])["PT"]
        sources = set(session.scalars(select(WorkingYear.source)))
    assert not calendar.working(date(2027, 4, 25)), "the day of liberty, a Sunday"
    assert not calendar.working(date(2026, 12, 8)), "a Tuesday"
    assert calendar.working(date(2026, 12, 9))
    assert all(one.startswith("holidays ") for one in sources)


def test_weekends_differ_and_a_year_that_nobody_read_has_the_common_one(
    database: Database, settings: Settings
) -> None:
    make_organisation(database, settings, "Halden")
    live_in(database, "SA")
    workdays.keep_years(database, now=NOW)
    with database.looking(SYSTEM) as session:
        calendar = workdays.calendars(session, ["SA"])["SA"]
    friday, sunday = date(2026, 11, 27), date(2026, 11, 29)
    assert (calendar.working(friday), calendar.working(sunday)) == (False, True)
    assert calendar.working(friday.replace(year=2040)) is (friday.replace(year=2040).weekday() < 5)


@pytest.mark.parametrize(
    ("region", "known"), [("PT", True), ("DE-BY", True), ("XX", False), ("DE-ZZ", False), ("", False)]
)
def test_only_regions_of_the_library_are_known(region: str, known: bool) -> None:
    assert workdays.is_region(region) is known
