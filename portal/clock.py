"""The only clock of the application: everything else takes time as a parameter (law 9)."""

from __future__ import annotations

import logging
import time as machine
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

log = logging.getLogger("portal.clock")
_ELAPSED = getattr(
    machine, "CLOCK_BOOTTIME", machine.CLOCK_MONOTONIC
)  # Linux counts sleep in one of them only


def now() -> datetime:
    """The present instant, UTC, with time zone."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds since this computer started, those that it slept included; nobody can set it back."""
    return machine.clock_gettime(_ELAPSED)


def instant(seconds: float) -> datetime:
    """The instant so many seconds after the beginning of 1970, as files and log records say it."""
    return datetime.fromtimestamp(seconds, UTC)


def local_date(instant: datetime, zone: str) -> date:
    """The calendar date that ``instant`` has in the IANA zone ``zone``."""
    return instant.astimezone(zone_of(zone)).date()


@cache
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of this name; UTC, and one line in the log, for one that the zone tables (no longer) know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        log.warning("the zone %r is not in this machine's tables; UTC is used in its place", name)
        return ZoneInfo("UTC")


def begins(day: date, zone: str, hour: int = 0) -> datetime:
    """The first instant of ``day`` in ``zone`` that is not before ``hour`` o'clock, UTC."""
    return at(day, time(hour), zone)


def at(day: date, wall: time, zone: str) -> datetime:
    """The instant at which clocks in ``zone`` show ``wall`` on ``day``, UTC, to the second.

    A time that clocks skip is the instant at which they go on; of one that comes twice the first counts. A day that a
    zone skips as a whole (Apia, 30 December 2011) begins with the one after it.
    """
    shown = datetime.combine(day, wall.replace(microsecond=0, tzinfo=None))
    place = zone_of(zone)
    found = shown.replace(tzinfo=place).astimezone(UTC)
    if found.astimezone(place).replace(tzinfo=None) == shown:
        return found
    early, late = found - timedelta(hours=26), found + timedelta(hours=26)
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=int((late - early).total_seconds()) // 2)
        if middle.astimezone(place).replace(tzinfo=None) < shown:
            early = middle
        else:
            late = middle
    return late
