"""The post that foresight imagines: in which letter each line goes, as generation chooses it (digests.py, alone.py)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

from portal.clock import local_date
from portal.reassessment import digests
from portal.reassessment.alone import MOST_ALONE
from portal.reassessment.foreseen_lines import ALONE, DIGEST, MORNING, Foreseen
from portal.reassessment.foreseen_world import Post, World
from portal.reassessment.ladder import Moment

Place = tuple[uuid.UUID, uuid.UUID | None, date]  # reader, on whose side they are told, the reader's day


class LetterBox:
    """Everybody's letters. ``looked``: when a worker looks that is at work at an instant or later; None: never."""

    def __init__(self, made: World, looked: Callable[[datetime], datetime | None]) -> None:
        self.world, self.looked = made, looked
        self.digests: dict[uuid.UUID, list[Post]] = {who: list(some) for who, some in made.post.items()}
        self.alone: Counter[Place] = Counter()
        for person, company, due_at in made.alone:
            if person in made.readers:
                zone = made.readers[person].zone or made.zone
                self.alone[person, company, local_date(due_at, zone)] += 1

    def put(self, told: Foreseen, moment: Moment, now: datetime) -> Foreseen:
        """``told`` to a person, with the letter that it goes in."""
        assert told.person_id is not None
        reader = self.world.readers.get(told.person_id)
        if reader is None:  # erased: nobody writes to them
            return told
        zone = reader.zone or told.item.zone
        if moment.step.hours is not None:
            return replace(told, letter=ALONE, post_day=local_date(now, zone), leaves=now)
        if moment.step.alone:
            day = digests.first_day(now, zone)
            place = told.person_id, told.company_id, day
            letter = ALONE if self.alone[place] < MOST_ALONE else MORNING
            self.alone[place] += letter == ALONE
            leaves = digests.leaves_at(day, zone, reader.hour, now=now)
            return replace(told, letter=letter, post_day=day, leaves=leaves)
        post = self._digest(told.person_id, zone, reader.hour, now)
        return replace(told, letter=DIGEST, post_day=post.day, leaves=post.leaves)

    def _digest(self, person_id: uuid.UUID, zone: str, hour: int, now: datetime) -> Post:
        """The person's digest that has not gone yet, or the next one: as digests.attach chooses it."""
        known = self.digests.setdefault(person_id, [])
        for one in known:
            goes = None if one.sent else self.looked(one.leaves)
            if not one.sent and (goes is None or now <= goes):
                return one
        day = digests.first_day(now, zone)
        if any(one.day == day for one in known):
            day += timedelta(days=1)
        made = Post(day, digests.leaves_at(day, zone, hour, now=now), False)
        known[:] = [*known[-1:], made]  # older ones are gone
        return made
