"""What foresight says: lines, each of something that happens, and the letters that they go in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from portal.clock import begins, local_date
from portal.reassessment.agenda import Item
from portal.reassessment.ladder import Moment

TOLD, SILENT, NOBODY = "told", "silent", "nobody"
OPENED, HINDERED, MOVED, TRIGGER = "opened", "hindered", "moved", "trigger"
DIGEST, ALONE, MORNING = "digest", "alone", "morning"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One line of what is to come. ``what``: told (a person, in a letter), silent (a person who is not told: ``code``
    says why), nobody (a step without anybody), opened (``subject`` is the assessment's id), hindered (``code``: why),
    moved (a next assessment gets the date ``due``), trigger (found; ``code``: its kind).

    ``day``: in the subject's zone, on which it happens, at the instant ``at``. ``moment``: the day on which the step
    began, earlier where a worker slept. ``letter``: digest, of the reader's day ``post_day``, or, with the instant at
    which it ``leaves``, alone, or morning: the one letter of the day for what is beyond the few that go alone.
    ``engagements``: of openings; else the one that the subject is about, if it is about one. ``late``: of openings,
    that the answers are needed before they are due (opening.ends).
    """

    what: str
    day: date
    at: datetime
    item: Item
    step: str = ""
    moment: date | None = None
    person_id: uuid.UUID | None = None
    of_company: bool = False
    letter: str = ""
    post_day: date | None = None
    leaves: datetime | None = None
    engagements: tuple[uuid.UUID, ...] = ()
    code: str = ""
    late: bool = False

    @property
    def kind(self) -> str:
        return self.item.kind

    @property
    def subject(self) -> uuid.UUID:
        return self.item.subject

    @property
    def due(self) -> date:
        return self.item.due

    @property
    def company_id(self) -> uuid.UUID | None:
        """Of the company on whose side the person is told; None for the organisation's own people."""
        return self.item.company_id if self.of_company else None


def happens(what: str, item: Item, now: datetime, **more: Any) -> Foreseen:
    """The line of what happens to ``item`` at ``now``."""
    own = (item.engagement_id,) if item.engagement_id is not None else ()
    return Foreseen(what, local_date(now, item.zone), now, item, engagements=own, **more)


def instant(moment: Moment, item: Item) -> datetime:
    """When a worker that never sleeps sees it."""
    return moment.at if moment.at is not None else begins(moment.day, item.zone)


class Letters:
    """Counts the letters that lines go in: ``digests``, ``alone`` and ``mornings``."""

    def __init__(self) -> None:
        self.alone = 0
        self._many: dict[str, set[tuple[Any, ...]]] = {DIGEST: set(), MORNING: set()}

    def add(self, one: Foreseen) -> None:
        self.alone += one.letter == ALONE
        if one.letter == DIGEST:
            self._many[DIGEST].add((one.person_id, one.post_day))
        elif one.letter == MORNING:
            self._many[MORNING].add((one.person_id, one.item.organisation_id, one.company_id, one.leaves))

    @property
    def digests(self) -> int:
        return len(self._many[DIGEST])

    @property
    def mornings(self) -> int:
        return len(self._many[MORNING])
