"""Letters that go alone: today's and overdue dates, campaigns. At most three of a morning, then one for all the rest;
those by the hour go beside them.

Like digests they lie in the outbox without text, and look again when they are sent.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from portal import letters, mail
from portal.access import Identity, OrganisationRole, Person
from portal.clock import local_date
from portal.db import Database
from portal.formats import long_date
from portal.letters import Nothing, Rendered
from portal.organisations import queries as organisations
from portal.outbox import UNSENT, Letter, Message
from portal.reassessment.digest_letters import (
    Asker,
    Carried,
    carried_by,
    leave_out,
    look,
    most_frequent,
    off_path,
    undelivered,
)
from portal.reassessment.digests import Reader, first_day, leaves_at, readers
from portal.reassessment.ladder import HOUR
from portal.reassessment.lines import LEFT, Block
from portal.reassessment.models import Reminder
from portal.rows import insert_new_ids

ALONE, MORNING = "reminder_alone", "reminder_morning"
MOST_ALONE = 3  # of one person, tenant and day
LOOK_BACK = timedelta(hours=50)  # whatever goes today was queued within it (outbox.AHEAD)
_NAMES = uuid.UUID("b3f2a6c4-1d0e-4a0b-8b55-6f0a6c1f4f0e")
WHO_ASKS = (OrganisationRole.ADMIN, OrganisationRole.CISO)


@dataclass(frozen=True, slots=True)
class Alone:
    """One reminder that goes alone. ``zone``: of who has set none; ``at_once``: it is a step of hours."""

    kind: str
    subject: uuid.UUID
    due: date
    step: str
    person: uuid.UUID
    organisation: uuid.UUID
    company: uuid.UUID | None
    zone: str
    group: str = ""
    at_once: bool = False

    @property
    def letter_id(self) -> uuid.UUID:
        """The same whoever queues it, so that the table's key is a second lock."""
        words = (self.kind, self.subject, self.due.isoformat(), self.step, self.person)
        return uuid.uuid5(_NAMES, ":".join(str(word) for word in words))


Place = tuple[uuid.UUID, uuid.UUID, uuid.UUID | None]


def queue(
    session: Session, wanted: Sequence[Alone], *, now: datetime, state: str = "queued"
) -> dict[Alone, uuid.UUID]:
    """Queue these letters; returns the message of each: its own, or the morning's where there are more than three.

    Who is gone gets none and is left out. The caller writes the reminders in the same transaction.
    """
    known = readers(session, {one.person: one.zone for one in wanted})
    by_place: dict[Place, list[Alone]] = defaultdict(list)
    for one in wanted:
        if one.person in known:
            by_place[one.person, one.organisation, one.company].append(one)
    already = _of_today(session, by_place, known, now)
    rows: list[dict[str, Any]] = []
    found: dict[Alone, uuid.UUID] = {}
    for place, ones in sorted(by_place.items(), key=lambda item: str(item[0])):
        reader, left = known[place[0]], MOST_ALONE - already[place]
        rest: list[Alone] = []
        for one in sorted(ones, key=lambda one: (one.due, one.kind, one.subject.hex, one.step)):
            if one.at_once or left > 0:
                left -= not one.at_once
                rows.append(_row(one.letter_id, ALONE, one, reader, now, state))
                found[one] = one.letter_id
            else:
                rest.append(one)
        if rest:
            morning = _morning(session, rest[0], reader, now, state)
            found |= dict.fromkeys(rest, morning)
    _insert(session, sorted(rows, key=lambda row: row["id"].hex))
    return found


def _of_today(
    session: Session, places: Mapping[Place, Any], known: Mapping[uuid.UUID, Reader], now: datetime
) -> Counter[Place]:
    """How many letters alone each of these people has for the day already, by tenant."""
    if not places:
        return Counter()
    people = {person for person, _organisation, _company in places}
    rows = session.execute(placed(now).where(Message.person_id.in_(people)))
    counted: Counter[Place] = Counter()
    for person, organisation, company, due_at in rows:
        if person is None or organisation is None or person not in known:
            continue
        zone = known[person].zone
        counted[person, organisation, company] += first_day(now, zone) == local_date(due_at, zone)
    return counted


def placed(
    now: datetime,
) -> Select[uuid.UUID | None, uuid.UUID | None, uuid.UUID | None, datetime]:
    """(person_id, organisation_id, company_id, due_at) of the letters that take a place among those of a day, to be
    narrowed. Steps of hours take none, whichever pass has written them.
    """
    by_hour = exists().where(Reminder.message_id == Message.id, Reminder.step.startswith(HOUR))
    return select(Message.person_id, Message.organisation_id, Message.company_id, Message.due_at).where(
        Message.kind == ALONE, Message.created_at > now - LOOK_BACK, ~by_hour
    )


def _row(
    message_id: uuid.UUID, kind: str, one: Alone, reader: Reader, now: datetime, state: str
) -> dict[str, Any]:
    day = first_day(now, reader.zone)
    return {
        "id": message_id,
        "organisation_id": one.organisation,
        "company_id": one.company,
        "kind": kind,
        "recipient": reader.address,
        "recipient_name": reader.name,
        "sender_name": "",
        "subject": "",
        "text": "",
        "html": "",
        "secret": False,
        "state": state,
        "created_at": now,
        "due_at": now if one.at_once else leaves_at(day, reader.zone, reader.hour, now=now),
        "attempts": 0,
        "fence": 0,
        "last_error": "",
        "person_id": reader.id,
        "group": one.group,
        "ready": False,
    }


def _insert(session: Session, rows: list[dict[str, Any]]) -> set[uuid.UUID]:
    return insert_new_ids(session, Message, rows)


def _morning(session: Session, one: Alone, reader: Reader, now: datetime, state: str) -> uuid.UUID:
    """The letter of the day for what is beyond three; locked while it is unsent, a further one when it is gone."""
    day = first_day(now, reader.zone)
    for turn in count():
        name = f"{reader.id}:{one.organisation}:{one.company}:{day.isoformat()}:{turn}"
        message_id = uuid.uuid5(_NAMES, name)
        if _insert(session, [_row(message_id, MORNING, one, reader, now, state)]):
            return message_id
        waits = session.execute(
            select(Message.state).where(Message.id == message_id).with_for_update()
        ).scalar_one()
        if waits in (*UNSENT, state):
            return message_id
    raise AssertionError("turns have no end")


# ------------------------------------------------------------------------------------------------------- rendering


def render(database: Database, message: Message, now: datetime) -> Rendered | Nothing:
    """A letter of one tenant as of ``now``."""
    carries = carried_by(database, message)
    stands, place = carries.standing, message.company_id or message.organisation_id
    if stands is None or place is None or not carries.reminders:
        gone = LEFT if stands is None else "empty"
        every = dict.fromkeys((one.id for one in carries.reminders), gone)
        return Nothing(gone, partial(leave_out, carries.reminders, every))
    asker = carries.reminders[0].organisation_id
    looked = look(database, carries, carries.reminders, place=place, asker=asker, now=now)
    note = partial(leave_out, carries.reminders, looked.dropped)
    if looked.block is None:
        return Nothing(most_frequent(looked.dropped), note)
    identity = stands.places[place]
    groups = {one.group for one in carries.reminders}  # of several nothing is offered
    group = groups.pop() if len(groups) == 1 else ""
    path = off_path(database, stands.person.id, place, group) if group else ""
    data = {"lines": looked.block.count, "dropped": len(looked.dropped)}
    letter = _letter(database, carries, looked.block, identity, now)
    return Rendered(letter, note, path, data)


def _letter(database: Database, carries: Carried, block: Block, identity: Identity, now: datetime) -> Letter:
    stands = carries.standing
    assert stands is not None
    asker = carries.askers[carries.reminders[0].organisation_id]
    coded = [line for line in block.lines if line.code]
    asks = _who_asks(database, identity, asker, block) if identity.company is not None else None
    belongs = (
        f"you answer for {identity.company.name}, or were named as its contact"
        if identity.company is not None
        else f"you look after vendors at {asker.name}, or own what this is about"
    )
    return mail.compose(
        ALONE,
        to=(stands.person.name, stands.person.email),
        subject=_subject(block),
        sender_name=f"{asks.name}, {asker.name}" if asks else asker.name,
        reply_to=asks.email if asks else None,
        sender=asks.name if asks else "",
        organisation=asker.name,
        block=block,
        base=database.base_url,
        today_words=long_date(local_date(now, stands.zone or asker.zone)),
        code=coded[0].code if len(coded) == 1 and block.count == 1 else "",
        coded=len(coded) > 1,
        confirm=f"{database.base_url}/confirm",
        why=f"You get this because {belongs}.",
    )


def _subject(block: Block) -> str:
    if block.count == 1 and block.lines:
        return f"{block.head}: {block.lines[0].text}"
    if block.count == 1:
        return f"{block.head}: one date is due or past"
    return f"{block.head}: {block.count} dates are due or past"


def _who_asks(database: Database, identity: Identity, asker: Asker, block: Block) -> Person | None:
    """In whose name people of a company are asked: who issued the assessment, else who looks after vendors there."""
    wanted = {line.asked_by for line in block.lines if line.asked_by is not None}
    with database.looking(identity.scope) as session:
        members = organisations.organisation_people(session, asker.id, tuple(OrganisationRole))
        keepers = organisations.organisation_people(session, asker.id, WHO_ASKS)
    named = [one for one in members if one.id in wanted] if len(wanted) == 1 else []
    return next(iter([*named, *keepers]), None)


letters.register(ALONE, render, undelivered)
letters.register(MORNING, render, undelivered)
