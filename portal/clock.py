"""The only clock of the application: everything else takes time as a parameter (law 9)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present instant, UTC, with time zone."""
    return datetime.now(UTC)


def instant(seconds: float) -> datetime:
    """The instant so many seconds after the beginning of 1970, as files and log records say it."""
    return datetime.fromtimestamp(seconds, UTC)


def local_date(instant: datetime, zone: str) -> date:
    """The calendar date that ``instant`` has in the IANA zone ``zone``."""
    return instant.astimezone(ZoneInfo(zone)).date()
