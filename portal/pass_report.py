"""What one pass of the worker did, in numbers and in words, and how long it may go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Report:
    """What one pass did. ``faults`` names the jobs that crashed; the others went on. ``behind``: how many seconds after
    its moment the latest step was told. ``unfinished``: time was over before everything due was looked at; ``more``: or
    before every letter was sent.
    """

    reminders: int = 0
    skipped: int = 0
    behind: int = 0
    dates: int = 0
    opened: int = 0
    unsaid: int = 0
    years: int = 0
    moves: int = 0
    sent: int = 0
    failed: int = 0
    gave_up: int = 0
    dropped: int = 0
    destroyed: int = 0
    files: int = 0
    foreseen: int = 0
    standings: int = 0
    terms: int = 0
    asked: int = 0
    triggers: int = 0
    indexed: int = 0
    told: int = 0
    refused: int = 0
    unfinished: bool = False
    more: bool = False
    faults: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """What it did, as the worker's diary keeps it."""
        left_out = ("faults", "behind", "unfinished", "more")
        return {name: number for name, number in asdict(self).items() if number and name not in left_out}

    def __str__(self) -> str:
        words = f"{self.reminders} reminders queued, {self.sent} letters sent"
        said = (
            (self.skipped + self.unsaid, "steps passed over"),
            (self.opened, "next assessments opened"),
            (self.dates, "dates worked out"),
            (self.moves, "assessments moved to another version"),
            (self.dropped, "with nothing left to say"),
            (self.foreseen, "submissions foreseen"),
            (self.standings, "gates worked out"),
            (self.asked, "vendors of campaigns asked or told"),
            (self.triggers, "reasons for a look"),
            (self.indexed, "submissions made ready for search"),
        )
        if self.failed or self.gave_up:
            words += f", {self.failed} to be tried again, {self.gave_up} given up"
        words += "".join(f", {count} {what}" for count, what in said if count)
        if self.told or self.refused:
            words += f", {self.told} events told to webhooks, {self.refused} not taken"
        if self.terms:
            words += f", the documents of {self.terms} submissions dated"
        if self.destroyed or self.files:
            words += f", {self.destroyed} submissions emptied by age, {self.files} files deleted"
        words += "; more is left for the next pass" if self.unfinished or self.more else ""
        return words + (f"; these jobs failed: {', '.join(self.faults)}" if self.faults else "")


class Lasting:
    """How long a pass has lasted, and whether it has to end."""

    def __init__(self, now: datetime, stop: threading.Event | None, report: Report) -> None:
        self._now, self._stop, self._report = now, stop, report
        self._started = time.monotonic()

    def instant(self) -> datetime:
        """``now``, moving on while the pass lasts, so that leases are as long as they say."""
        return self._now + timedelta(seconds=time.monotonic() - self._started)

    def stopping(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    def share(self, seconds: float) -> Callable[[], bool]:
        """Whether so long has gone by from now on: a part of the pass that leaves time for others."""
        began = time.monotonic()
        return lambda: time.monotonic() - began > seconds

    def over(self, seconds: float) -> Callable[[], bool]:
        """Whether the worker is to end, or the pass has lasted so long that the next one goes on."""

        def ended() -> bool:
            late = time.monotonic() - self._started > seconds
            self._report.unfinished = self._report.unfinished or late
            return late or self.stopping()

        return ended
