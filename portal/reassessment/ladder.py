"""The ladder of reminders: which steps lead to a date, and which of them are due. Pure; local calendar dates only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``days`` after the due date (before it when negative). ``name`` is what a reminder's row keeps."""

    name: str
    days: int

    def day(self, due: date) -> date:
        """The local date on which the step's moment begins."""
        return due + timedelta(days=self.days)


LADDER = (Step("before-30", -30), Step("before-7", -7), Step("on-the-day", 0), Step("after-7", 7))
STEPS = {step.name: step for step in LADDER}
EARLIEST = timedelta(days=max(-step.days for step in LADDER))


def due_steps(due: date, *, since: date, today: date) -> tuple[Step, ...]:
    """Every step whose day has come, however long ago.

    ``since`` is the local date on which the subject came to be, or the person joined, whichever is later: a step of
    that day or before is not sent, since its moment (the beginning of the day) was over by then.
    """
    return tuple(step for step in LADDER if since < step.day(due) <= today)


def coming_steps(due: date, *, since: date, today: date) -> tuple[Step, ...]:
    """The steps that are still ahead."""
    return tuple(step for step in LADDER if step.day(due) > max(today, since))
